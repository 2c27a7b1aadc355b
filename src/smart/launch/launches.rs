//! Pending launches: the state each must keep until the EHR responds. They survive a configuration reload.
//! Not here: sessions of opened apps.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
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

/// Pending launches.
#[derive(Debug, Default)]
pub struct LaunchMemory(Mutex<PendingLaunches>);

/// Pending launches, oldest first, and how many each network has begun of them; networks without any are removed.
#[derive(Debug, Default)]
struct PendingLaunches {
    launches: VecDeque<StoredLaunch>,
    by_network: HashMap<Option<IpAddr>, usize>,
}

#[derive(Debug)]
struct StoredLaunch {
    state: Digest,
    /// Where it was begun; `None` if that is unknown.
    network: Option<IpAddr>,
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
    /// Stores a launch that was begun in a network. Beyond `most`, the network that has begun the most loses its oldest one.
    /// Invariant: however many launches a network begins, they push out none of a network that has begun fewer.
    pub(super) fn keep(&self, state: &str, network: Option<IpAddr>, launch: Launch, most: NonZeroUsize, now: DateTime<Utc>) {
        let mut kept = self.lock();
        while kept.launches.front().is_some_and(|oldest| oldest.launch.end + REMEMBERED_AFTER_END < now) {
            kept.remove(0);
        }
        kept.push(StoredLaunch { state: digest_of(state), network, launch });
        while kept.launches.len() > most.get() {
            let place = kept.oldest_of_largest_network();
            kept.remove(place);
        }
    }

    /// Removes and returns the launch with this state. A browser may have more than one binding.
    /// Invariant: a state can be used once, in the browser that received it, and for a short time.
    pub(super) fn take(&self, state: &str, browsers: &[LaunchBinding], now: DateTime<Utc>) -> Result<Launch, LaunchError> {
        let state = digest_of(state);
        let mut kept = self.lock();
        let place = kept.launches.iter().position(|kept| kept.state == state).ok_or(LaunchError::UnknownState)?;
        let StoredLaunch { launch, .. } = kept.remove(place).ok_or(LaunchError::UnknownState)?;
        if !browsers.contains(&launch.browser) {
            return Err(LaunchError::OtherBrowser);
        }
        if now < launch.end { Ok(launch) } else { Err(LaunchError::Expired) }
    }

    fn lock(&self) -> MutexGuard<'_, PendingLaunches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingLaunches {
    fn push(&mut self, stored: StoredLaunch) {
        *self.by_network.entry(stored.network).or_default() += 1;
        self.launches.push_back(stored);
    }

    fn remove(&mut self, place: usize) -> Option<StoredLaunch> {
        let stored = self.launches.remove(place)?;
        if let Some(begun) = self.by_network.get_mut(&stored.network) {
            *begun -= 1;
            if *begun == 0 {
                self.by_network.remove(&stored.network);
            }
        }
        Some(stored)
    }

    /// Where the oldest launch is of those whose network has begun the most.
    fn oldest_of_largest_network(&self) -> usize {
        let largest = self.by_network.values().max();
        self.launches.iter().position(|stored| self.by_network.get(&stored.network) == largest).unwrap_or_default()
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
            memory.keep(state, None, launch("a", end), two, now);
        }
        let take = |state| memory.take(state, &[LaunchBinding::from_binding("a")], now).map(|launch| launch.ehr);
        assert_eq!(take("first"), Err(LaunchError::UnknownState));
        assert_eq!(take("second"), Ok("ehr".to_owned()));
        assert_eq!(take("second"), Err(LaunchError::UnknownState));
        assert_eq!(take("third"), Ok("ehr".to_owned()));
    }

    #[test]
    fn a_network_that_begins_many_launches_pushes_out_none_of_one_that_begins_fewer() {
        let (now, most) = (DateTime::UNIX_EPOCH, NonZeroUsize::MIN.saturating_add(3));
        // A letter begins a launch in its network, and `-` one in an unknown network; the numbers are those of the launches left.
        for (launches, left) in [
            ("abcd", [0, 1, 2, 3]),
            ("abcde", [1, 2, 3, 4]),
            ("baaaaaaaa", [0, 6, 7, 8]),
            ("b-------", [0, 5, 6, 7]),
            ("aaaaaaaab", [5, 6, 7, 8]),
            ("aaaabbbb", [2, 3, 6, 7]),
        ] {
            let memory = LaunchMemory::default();
            for (number, letter) in launches.bytes().enumerate() {
                let network = (letter != b'-').then(|| IpAddr::from([203, 0, 113, letter]));
                memory.keep(&number.to_string(), network, launch("a", now + TimeDelta::minutes(5)), most, now);
            }
            let take = |number: &usize| memory.take(&number.to_string(), &[LaunchBinding::from_binding("a")], now).is_ok();
            assert_eq!((0..launches.len()).filter(take).collect::<Vec<_>>(), left, "{launches}");
            assert!(memory.lock().by_network.is_empty());
        }
    }

    #[test]
    fn an_old_launch_is_told_from_an_unknown_one_for_an_hour() {
        let (memory, begun, most) = (LaunchMemory::default(), DateTime::UNIX_EPOCH, NonZeroUsize::MIN.saturating_add(9));
        memory.keep("old", None, launch("a", begun), most, begun);
        memory.keep("new", None, launch("a", begun + TimeDelta::hours(2)), most, begun + REMEMBERED_AFTER_END);
        assert_eq!(memory.take("old", &[LaunchBinding::from_binding("a")], begun).err(), Some(LaunchError::Expired));
        memory.keep("newer", None, launch("a", begun), most, begun + TimeDelta::hours(3) + TimeDelta::seconds(1));
        assert_eq!(memory.take("new", &[LaunchBinding::from_binding("a")], begun).err(), Some(LaunchError::UnknownState));
    }
}
