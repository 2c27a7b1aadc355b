//! Limits on calls per second: per client, and over all clients. A call is counted after its caller is verified, so that no caller
//! can use up another client's limit, and before its token is recorded, so that a refused call can be retried with the same token.
//! Not here: the limit on concurrent calls, which belongs to HTTP.

use std::collections::HashMap;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::refusal::Refusal;
use crate::config::Config;

/// The rate limiters of one configuration.
#[derive(Debug)]
pub(super) struct Rates {
    clock: DefaultClock,
    all: DefaultDirectRateLimiter,
    by_client: HashMap<String, DefaultDirectRateLimiter>,
}

impl Rates {
    pub(super) fn new(config: &Config) -> Self {
        let shared = config.limits.client_calls_per_second;
        let clients = config.clients.iter();
        Self {
            clock: DefaultClock::default(),
            all: limiter(config.limits.calls_per_second),
            by_client: clients.map(|client| (client.name.clone(), limiter(client.calls_per_second.unwrap_or(shared)))).collect(),
        }
    }

    /// Counts a call of a client, or reports how long the client has to wait.
    pub(super) fn take(&self, client: &str) -> Result<(), Refusal> {
        self.by_client.get(client).map_or(Ok(()), |limiter| self.check(limiter))?;
        self.check(&self.all)
    }

    fn check(&self, limiter: &DefaultDirectRateLimiter) -> Result<(), Refusal> {
        limiter.check().map_err(|early| Refusal::TooManyCalls { wait: early.wait_time_from(self.clock.now()) })
    }
}

fn limiter(calls_per_second: NonZeroU32) -> DefaultDirectRateLimiter {
    RateLimiter::direct(Quota::per_second(calls_per_second))
}
