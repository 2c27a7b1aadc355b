//! Addresses that send tokens with wrong signatures. Checking a signature is the one dear thing a stranger can make this service
//! do, and no client of ours sends a wrong one by mistake for long.
//! Not here: tokens refused for any other cause, which cost next to nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Forged tokens of one address in one window, after which it is not listened to for the rest of it.
const MOST_FORGED: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// The most addresses remembered; when there are more, all are forgotten. Who has so many is not stopped by this.
const MOST_ADDRESSES: usize = 10_000;

/// What was forged from where, lately.
#[derive(Debug, Default)]
pub(super) struct Forgers(Mutex<HashMap<IpAddr, Forged>>);

#[derive(Debug)]
struct Forged {
    since: Instant,
    count: u32,
}

impl Forgers {
    /// How long this address is not listened to, if it is not.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let by_address = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forged = by_address.get(&network(address)).filter(|forged| forged.count >= MOST_FORGED)?;
        WINDOW.checked_sub(forged.since.elapsed())
    }

    /// Counts a forged token.
    pub(super) fn count(&self, address: IpAddr) {
        let mut by_address = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() >= MOST_ADDRESSES {
            by_address.clear();
        }
        let begun = || Forged { since: Instant::now(), count: 0 };
        let forged = by_address.entry(network(address)).or_insert_with(begun);
        if forged.since.elapsed() >= WINDOW {
            *forged = begun();
        }
        forged.count = forged.count.saturating_add(1);
    }
}

/// An IPv6 address is one of 2^64 that its holder has (RFC 6177), so those count together.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_that_forges_is_not_listened_to_for_a_while() {
        let [forger, neighbour, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().expect("an address"));
        let forgers = Forgers::default();
        (1..MOST_FORGED).for_each(|_| forgers.count(forger));
        assert_eq!(forgers.wait(forger), None);
        forgers.count(forger);
        assert_eq!([forger, neighbour, other].map(|address| forgers.wait(address)), [Some(WINDOW), Some(WINDOW), None]);
        tokio::time::advance(WINDOW + Duration::from_millis(1)).await;
        assert_eq!(forgers.wait(forger), None);
        forgers.count(forger);
        assert_eq!(forgers.wait(forger), None);
    }
}
