//! The other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

/// The other end of a connection, put beside every request that comes through it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The certificate it showed (DER), which an authority of `tls.client_ca_file` vouches for.
    pub certificate: Option<Arc<[u8]>>,
}
