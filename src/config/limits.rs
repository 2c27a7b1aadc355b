//! `[limits]`: the rate limits.
//! Not here: limits on concurrent calls ([`super::ServerConfig`]), and the enforcement ([`crate::http`]).

use std::num::NonZeroU32;

use serde::Deserialize;

/// The rate limits. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls per second of all clients together, which is also the burst size.
    pub calls_per_second: NonZeroU32,
    /// Calls per second of one client, which is also the burst size.
    pub client_calls_per_second: NonZeroU32,
    /// Tokens with wrong signatures per minute from one address, after which it is blocked for the rest of that minute.
    pub wrong_signatures_per_minute: NonZeroU32,
}
