//! `[limits]`: how many calls are taken a second.
//! Not here: how many at one time, which is [`super::ServerConfig`]; and the counting, which is [`crate::http`].

use std::num::NonZeroU32;

use serde::Deserialize;

/// Rates of calls. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls a second of all clients together; as many may come at once.
    pub calls_per_second: NonZeroU32,
    /// Calls a second of one client; as many may come at once.
    pub client_calls_per_second: NonZeroU32,
    /// Tokens with wrong signatures a minute from one address, after which it is not listened to for the rest of that minute.
    pub wrong_signatures_per_minute: NonZeroU32,
}
