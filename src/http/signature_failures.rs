//! Blocks addresses that send tokens with wrong signatures. Verifying a signature is the only expensive operation that an
//! unauthenticated caller can cause, and no legitimate client keeps sending wrong ones.
//! Not here: tokens refused for other causes, which cost almost nothing; and counting ([`crate::rate_limits`]).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::network;
use crate::rate_limits::RateLimits;

const WINDOW: Duration = Duration::from_mins(1);

/// Recent signature failures per address.
#[derive(Debug)]
pub(super) struct SignatureFailures {
    /// Failures per window after which an address is blocked for the rest of it.
    most: NonZeroU32,
    by_address: RateLimits<IpAddr>,
}

impl SignatureFailures {
    pub(super) fn new(most: NonZeroU32) -> Self {
        Self { most, by_address: RateLimits::new(WINDOW) }
    }

    /// How long the address remains blocked; `None` if it is not.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        self.by_address.wait(&network(address), self.most, Instant::now())
    }

    /// Counts a signature failure.
    pub(super) fn count(&self, address: IpAddr) {
        self.by_address.take(&network(address), self.most, Instant::now());
    }

    /// Records that a verified client calls from this address: then it is not blocked.
    pub(super) fn trust(&self, address: IpAddr) {
        self.by_address.exempt(&network(address), Instant::now());
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
