//! The rules for every outgoing connection: no redirects, no proxy from the environment, and names resolve only to public
//! addresses unless the configuration allows otherwise.
//! Not here: the allowed hosts, which callers take from the configuration.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use url::Url;

use crate::config::is_public;

/// Builds a client for connections to one configured host.
pub fn connections(to: &Url, allow_private_addresses: bool, connect_timeout: Duration) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(connect_timeout)
        .gzip(true)
        .https_only(to.scheme() == "https")
        .user_agent(concat!("sij-cds/", env!("CARGO_PKG_VERSION")));
    if allow_private_addresses { builder } else { builder.dns_resolver(PublicAddresses) }
}

/// Resolves names only to public addresses, on every connection, so that a name cannot be re-pointed into a private network
/// after it was checked.
#[derive(Clone, Copy, Debug, Default)]
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.filter(|address| is_public(address.ip())).collect();
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no public address").into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
