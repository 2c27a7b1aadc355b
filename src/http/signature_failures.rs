//! Blocks addresses that send tokens with wrong signatures. Verifying a signature is the only expensive operation that an
//! unauthenticated caller can cause, and no legitimate client keeps sending wrong ones.
//! Not here: tokens refused for other causes, which cost almost nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::peer::network;

const WINDOW: Duration = Duration::from_mins(1);

/// Maximum number of addresses tracked; beyond it, all are dropped. This does not stop an attacker with more addresses.
const MAX_ADDRESSES: usize = 10_000;

/// Recent signature failures per address.
#[derive(Debug)]
pub(super) struct SignatureFailures {
    /// Failures per window after which an address is blocked for the rest of it.
    most: u32,
    by_address: Mutex<HashMap<IpAddr, FailureWindow>>,
}

#[derive(Debug)]
struct FailureWindow {
    since: Instant,
    forged: u32,
    /// Whether a verified client calls from there too: then the address is not blocked.
    has_client: bool,
}

impl SignatureFailures {
    pub(super) fn new(most: NonZeroU32) -> Self {
        Self { most: most.get(), by_address: Mutex::default() }
    }

    /// How long the address remains blocked; `None` if it is not.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let window = by_address.get(&network(address)).filter(|window| window.forged >= self.most && !window.has_client)?;
        WINDOW.checked_sub(window.since.elapsed())
    }

    /// Counts a signature failure.
    pub(super) fn count(&self, address: IpAddr) {
        self.with(address, |window| window.forged = window.forged.saturating_add(1));
    }

    /// Records that a verified client calls from this address.
    pub(super) fn trust(&self, address: IpAddr) {
        self.with(address, |window| window.has_client = true);
    }

    fn with(&self, address: IpAddr, change: impl FnOnce(&mut FailureWindow)) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() >= MAX_ADDRESSES {
            by_address.clear();
        }
        let window = by_address.entry(network(address)).or_insert_with(|| FailureWindow::begun(false));
        if window.since.elapsed() >= WINDOW {
            // A client of the previous window still counts in this one.
            *window = FailureWindow::begun(window.has_client && window.since.elapsed() < 2 * WINDOW);
        }
        change(window);
    }
}

impl FailureWindow {
    fn begun(has_client: bool) -> Self {
        Self { since: Instant::now(), forged: 0, has_client }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 3;

    fn forgers() -> SignatureFailures {
        SignatureFailures::new(NonZeroU32::new(MOST).expect("not zero"))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_forges_is_not_listened_to_for_a_while() {
        let [forger, neighbour, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(address);
        let forgers = forgers();
        (1..MOST).for_each(|_| forgers.count(forger));
        assert_eq!(forgers.wait(forger), None);
        forgers.count(forger);
        assert_eq!([forger, neighbour, other].map(|address| forgers.wait(address)), [Some(WINDOW), Some(WINDOW), None]);
        tokio::time::advance(WINDOW + Duration::from_millis(1)).await;
        assert_eq!(forgers.wait(forger), None);
        forgers.count(forger);
        assert_eq!(forgers.wait(forger), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_a_client_calls_from_is_listened_to_whoever_else_forges_there() {
        let (shared, forgers) = (address("203.0.113.9"), forgers());
        forgers.trust(shared);
        (0..=MOST).for_each(|_| forgers.count(shared));
        assert_eq!(forgers.wait(shared), None);
        tokio::time::advance(WINDOW).await;
        (0..=MOST).for_each(|_| forgers.count(shared));
        assert_eq!(forgers.wait(shared), None);
        tokio::time::advance(2 * WINDOW).await;
        (0..=MOST).for_each(|_| forgers.count(shared));
        assert_eq!(forgers.wait(shared), Some(WINDOW));
    }
}
