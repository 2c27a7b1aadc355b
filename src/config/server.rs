//! `[server]`: where to listen, and the limits on size, time and number of calls.
//! Not here: the code that holds them; see [`crate::http`].

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;

use super::duration;
use super::error::SectionFault;

/// The semaphore that counts calls cannot hold more than this by far; nor can a machine.
const MOST_CONCURRENT_CALLS: usize = 65_536;

/// The server's address and limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Largest request body, in bytes.
    pub body_limit_bytes: NonZeroUsize,
    /// Time limit of a whole call, reading its body included.
    #[serde(deserialize_with = "duration::deserialize")]
    pub deadline: Duration,
    /// Time limit for a request's head, and for an idle connection.
    #[serde(deserialize_with = "duration::deserialize")]
    pub header_timeout: Duration,
    /// How long calls in flight may go on after the order to shut down.
    #[serde(deserialize_with = "duration::deserialize")]
    pub shutdown_grace: Duration,
    /// Calls worked on at one time.
    pub max_concurrent_calls: NonZeroUsize,
}

impl ServerConfig {
    pub(super) fn validate(&self) -> Vec<SectionFault> {
        let mut faults = Vec::new();
        // Invariant: an unauthenticated service is never reachable from another machine.
        if !self.listen.ip().is_loopback() {
            let message = format_args!("`{}` is not a loopback address, and callers are not authenticated yet", self.listen).to_string();
            faults.push(SectionFault::new("listen", message));
        }
        if self.max_concurrent_calls.get() > MOST_CONCURRENT_CALLS {
            faults.push(SectionFault::new("max_concurrent_calls", format_args!("at most {MOST_CONCURRENT_CALLS}")));
        }
        faults
    }
}
