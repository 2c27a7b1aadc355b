//! The other end of a connection.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The other end of a connection, put beside every request that comes through it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The certificate it showed (DER), which an authority of `tls.client_ca_file` vouches for.
    pub certificate: Option<Arc<[u8]>>,
}

/// What counts as one address: an IPv6 address is one of 2^64 that its holder has (RFC 6177), so those count together.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}
