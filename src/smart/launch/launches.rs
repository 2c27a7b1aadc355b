//! Pending launches: the state each must keep until the EHR responds. They survive a configuration reload.
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

/// How long an expired launch is still reported as expired instead of unknown.
const REMEMBERED_AFTER_END: TimeDelta = TimeDelta::hours(1);

/// Pending launches, oldest first.
#[derive(Debug, Default)]
pub struct LaunchMemory(Mutex<VecDeque<StoredLaunch>>);

#[derive(Debug)]
struct StoredLaunch {
    state: Digest,
    launch: Launch,
}

/// A SHA-256 digest. States are stored and compared as digests, so that comparisons do not leak timing.
type Digest = [u8; 32];

/// A pending launch.
#[derive(Debug)]
pub(super) struct Launch {
    /// The EHR's name. It is looked up again, because the EHR may no longer be registered.
    pub(super) ehr: String,
    pub(super) code_verifier: SecretString,
    pub(super) nonce: SecretString,
    pub(super) scopes: Vec<String>,
    pub(super) browser: LaunchBinding,
    pub(super) end: DateTime<Utc>,
}

/// Binds a launch to the browser that started it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LaunchBinding(Digest);

impl LaunchBinding {
    pub(super) fn from_binding(binding: &str) -> Self {
        Self(digest_of(binding))
    }
}

impl LaunchMemory {
    /// Stores a launch. If there are `most` already, evicts the oldest, which has most likely been abandoned.
    pub(super) fn keep(&self, state: &str, launch: Launch, most: NonZeroUsize, now: DateTime<Utc>) {
        let mut kept = self.lock();
        while kept.len() >= most.get() || kept.front().is_some_and(|oldest| oldest.launch.end + REMEMBERED_AFTER_END < now) {
            kept.pop_front();
        }
        kept.push_back(StoredLaunch { state: digest_of(state), launch });
    }

    /// Removes and returns the launch with this state. A browser may have more than one binding.
    /// Invariant: a state can be used once, in the browser that received it, and for a short time.
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

/// 256 random bits, as 43 URL-safe characters.
///
/// # Errors
/// [`LaunchError::Ours`] if the system provides no random bytes.
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
