//! Launches under way: what each must remember until the EHR answers. They outlive a reload of the configuration.
//! Not here: sessions of opened apps.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::error::LaunchError;

/// How long it is still known of a launch that its time ran out.
const REMEMBERED_AFTER_END: TimeDelta = TimeDelta::hours(1);

/// Launches under way, in the order in which they began.
#[derive(Debug, Default)]
pub struct LaunchMemory(Mutex<VecDeque<StoredLaunch>>);

#[derive(Debug)]
struct StoredLaunch {
    state: Digest,
    launch: Launch,
}

/// A SHA-256 digest. States are kept and compared as digests, so that no time taken tells of one.
type Digest = [u8; 32];

/// A launch under way.
#[derive(Debug)]
pub(super) struct Launch {
    /// The name of its EHR, which is looked up again: it may be registered no longer.
    pub(super) ehr: String,
    pub(super) code_verifier: SecretString,
    pub(super) nonce: SecretString,
    pub(super) scopes: Vec<String>,
    pub(super) browser: LaunchBinding,
    pub(super) end: DateTime<Utc>,
}

/// What binds a launch to the browser it was begun in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LaunchBinding(Digest);

impl LaunchBinding {
    pub(super) fn from_binding(binding: &str) -> Self {
        Self(digest_of(binding))
    }
}

impl LaunchMemory {
    /// Remembers a launch. If there are as many already, the oldest is forgotten: most likely nobody will go on with it.
    pub(super) fn keep(&self, state: &str, launch: Launch, most: NonZeroUsize, now: DateTime<Utc>) {
        let mut kept = self.lock();
        while kept.len() >= most.get() || kept.front().is_some_and(|oldest| oldest.launch.end + REMEMBERED_AFTER_END < now) {
            kept.pop_front();
        }
        kept.push_back(StoredLaunch { state: digest_of(state), launch });
    }

    /// Takes the launch of a state. A browser may be known by more than one text.
    /// Invariant: a state is good once, in the browser that got it, and for a short time.
    pub(super) fn take(&self, state: &str, browsers: &[LaunchBinding], now: DateTime<Utc>) -> Result<Launch, LaunchError> {
        let state = digest_of(state);
        let mut kept = self.lock();
        let place = kept.iter().position(|kept| kept.state == state).ok_or(LaunchError::UnknownState)?;
        let StoredLaunch { launch, .. } = kept.remove(place).ok_or(LaunchError::UnknownState)?;
        if !browsers.contains(&launch.browser) {
            return Err(LaunchError::OtherBrowser);
        }
        if now < launch.end { Ok(launch) } else { Err(LaunchError::Expired) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StoredLaunch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest_of(text: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// 256 random bits, as 43 letters that may stand anywhere in a URL.
///
/// # Errors
/// [`LaunchError::Ours`] where the machine gives none.
pub fn random_text() -> Result<String, LaunchError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| LaunchError::Ours)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(browser: &str, end: DateTime<Utc>) -> Launch {
        let secret = || SecretString::from("secret");
        let browser = LaunchBinding::from_binding(browser);
        Launch { ehr: "ehr".to_owned(), code_verifier: secret(), nonce: secret(), scopes: Vec::new(), browser, end }
    }

    #[test]
    fn the_oldest_launch_makes_room_and_none_is_taken_twice() {
        let (memory, now, two) = (LaunchMemory::default(), DateTime::UNIX_EPOCH, NonZeroUsize::MIN.saturating_add(1));
        let end = now + TimeDelta::minutes(5);
        for state in ["first", "second", "third"] {
            memory.keep(state, launch("a", end), two, now);
        }
        let take = |state| memory.take(state, &[LaunchBinding::from_binding("a")], now).map(|launch| launch.ehr);
        assert_eq!(take("first"), Err(LaunchError::UnknownState));
        assert_eq!(take("second"), Ok("ehr".to_owned()));
        assert_eq!(take("second"), Err(LaunchError::UnknownState));
        assert_eq!(take("third"), Ok("ehr".to_owned()));
    }

    #[test]
    fn an_old_launch_is_told_from_an_unknown_one_for_an_hour() {
        let (memory, begun, most) = (LaunchMemory::default(), DateTime::UNIX_EPOCH, NonZeroUsize::MIN.saturating_add(9));
        memory.keep("old", launch("a", begun), most, begun);
        memory.keep("new", launch("a", begun + TimeDelta::hours(2)), most, begun + REMEMBERED_AFTER_END);
        assert_eq!(memory.take("old", &[LaunchBinding::from_binding("a")], begun).err(), Some(LaunchError::Expired));
        memory.keep("newer", launch("a", begun), most, begun + TimeDelta::hours(3) + TimeDelta::seconds(1));
        assert_eq!(memory.take("new", &[LaunchBinding::from_binding("a")], begun).err(), Some(LaunchError::UnknownState));
    }
}
