//! `[server]`: the listen address, and the limits on size, time and number of calls.
//! Not here: enforcing the limits; see [`crate::http`].

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::duration;
use super::error::SectionError;
use super::{AuthMode, TlsConfig};

/// Far below the capacity of the semaphore that counts calls, and far above what a machine can handle.
const MAX_CONCURRENT_CALLS: usize = 65_536;

/// The server's address and limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Maximum size of a request body, in bytes.
    pub body_limit_bytes: NonZeroUsize,
    /// Maximum number of entries of all Bundles of a request body, or of the pages fetched for a call.
    pub max_entries: NonZeroUsize,
    /// Time limit of a whole call, including reading its body.
    #[serde(deserialize_with = "duration::deserialize")]
    pub deadline: Duration,
    /// Timeout for a request's head, and for an idle connection.
    #[serde(deserialize_with = "duration::deserialize")]
    pub header_timeout: Duration,
    /// Timeout for sending a response to a caller that does not read it.
    #[serde(deserialize_with = "duration::deserialize")]
    pub send_timeout: Duration,
    /// How long calls in flight may continue after a shutdown signal.
    #[serde(deserialize_with = "duration::deserialize")]
    pub shutdown_grace: Duration,
    /// Maximum number of concurrent calls.
    pub max_concurrent_calls: NonZeroUsize,
    /// Memory that all concurrent calls may take together, by an estimate from their bodies, in bytes.
    pub call_memory_bytes: NonZeroUsize,
    /// How much of the concurrent calls and their memory one client may have, in percent; a single client has all.
    pub client_share_percent: NonZeroU8,
    /// Maximum number of open connections; further ones wait to be accepted.
    pub max_connections: NonZeroUsize,
    /// Maximum number of open connections per address, except this machine and the proxies; further ones are closed.
    pub max_connections_per_address: NonZeroUsize,
    /// The URL where callers reach this service, without `/cds-services`.
    pub public_url: Option<Url>,
    /// The proxies that terminate TLS in front of this service. With plain HTTP on a non-loopback address, only they are
    /// served, and only they are trusted to report a caller's address.
    pub trusted_proxies: Vec<IpNet>,
}

impl ServerConfig {
    /// Whether a peer may speak plain HTTP to this service.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    pub(super) fn validate(&self, mode: AuthMode, tls: &TlsConfig) -> Vec<SectionError> {
        let mut faults = Vec::new();
        let is_reachable = !self.listen.ip().is_loopback();
        // Invariant: an unauthenticated service is never reachable from another machine.
        if is_reachable && mode == AuthMode::Development {
            let message =
                format_args!("`{}` is not a loopback address, and without `[[clients]]` callers are not authenticated", self.listen);
            faults.push(SectionError::new("listen", message));
        }
        // Invariant: no token or patient data crosses a network unencrypted, except between this service and its trusted proxies.
        if is_reachable && mode == AuthMode::Required && !tls.is_on() && self.trusted_proxies.is_empty() {
            let message = format_args!(
                "`{}` is not a loopback address, and there is neither `tls.certificate_file` nor one of `server.trusted_proxies`",
                self.listen
            );
            faults.push(SectionError::new("listen", message));
        }
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_base(url)) {
            faults.push(SectionError::new("public_url", format_args!("`{url}` must be http or https, without user, query or fragment")));
        }
        if self.max_concurrent_calls.get() > MAX_CONCURRENT_CALLS {
            faults.push(SectionError::new("max_concurrent_calls", format_args!("at most {MAX_CONCURRENT_CALLS}")));
        }
        if self.client_share_percent.get() > 100 {
            faults.push(SectionError::new("client_share_percent", format_args!("at most 100")));
        }
        faults
    }
}

/// Whether paths can be appended to a URL.
pub(super) fn is_base(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && is_plain
}
