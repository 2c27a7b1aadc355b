//! Limits on calls per second: per client, and over all clients. A call is counted after its caller is verified, so that no caller
//! can use up another client's limit, and before its token is recorded, so that a refused call can be retried with the same token.
//! Not here: counting ([`crate::rate_limits`]), and the limit on concurrent calls, which belongs to HTTP.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::refusal::Refusal;
use crate::config::Config;
use crate::rate_limits::RateLimits;

const WINDOW: Duration = Duration::from_secs(1);

/// The rate limiters of one configuration.
#[derive(Debug)]
pub(super) struct Rates {
    most: NonZeroU32,
    most_by_client: HashMap<String, NonZeroU32>,
    all: RateLimits<()>,
    by_client: RateLimits<String>,
    feedback: RateLimits<String>,
}

impl Rates {
    pub(super) fn new(config: &Config) -> Self {
        let shared = config.limits.client_calls_per_second;
        let clients = config.clients.iter();
        Self {
            most: config.limits.calls_per_second,
            most_by_client: clients.map(|client| (client.name.clone(), client.calls_per_second.unwrap_or(shared))).collect(),
            all: RateLimits::new(WINDOW),
            by_client: RateLimits::new(WINDOW),
            feedback: RateLimits::new(WINDOW),
        }
    }

    /// Counts a call of a client, or reports how long the client has to wait.
    pub(super) fn take(&self, client: &str) -> Result<(), Refusal> {
        let now = Instant::now();
        let own = self.most_by_client.get_key_value(client);
        let wait = own.and_then(|(client, most)| self.by_client.take(client, *most, now).wait);
        let wait = wait.or_else(|| self.all.take(&(), self.most, now).wait);
        wait.map_or(Ok(()), |wait| Err(Refusal::TooManyCalls { wait }))
    }

    /// Counts a client's feedback entries at the rate of its calls, but apart from them; reports how long it has to wait if it gave too many.
    pub(super) fn take_feedback(&self, client: &str, entries: u32) -> Option<Duration> {
        let most = self.most_by_client.get(client).copied().unwrap_or(self.most);
        self.feedback.take_many(&client.to_owned(), entries, most, Instant::now()).wait
    }
}
