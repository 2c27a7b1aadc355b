//! The remote end of a connection.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The remote end of a connection, stored in the extensions of each of its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its client certificate (DER), issued by an authority of `tls.client_ca_file`.
    pub certificate: Option<Arc<[u8]>>,
}

/// The unit for per-address limits. An IPv6 subscriber controls a whole /64 (RFC 6177), so its 2^64 addresses count as one.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}
