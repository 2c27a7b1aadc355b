//! `[tls]`: the service's certificate, and the client certificates it requests.
//! Not here: loading them; see [`crate::http`].

use std::path::PathBuf;

use serde::Deserialize;

use super::error::SectionError;

/// TLS of the service's own listener. Without settings it speaks plain HTTP.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, leaf first (PEM).
    pub certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub private_key_file: Option<PathBuf>,
    /// CAs for client certificates (PEM). Default: no client certificate is requested.
    pub client_ca_file: Option<PathBuf>,
}

impl TlsConfig {
    /// Whether the listener speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.certificate_file.is_some()
    }

    pub(super) fn validate(&self) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.certificate_file.is_some() && self.private_key_file.is_none() {
            faults.push(SectionError::new("certificate_file", "needs `tls.private_key_file`"));
        }
        if self.certificate_file.is_none() && self.private_key_file.is_some() {
            faults.push(SectionError::new("private_key_file", "needs `tls.certificate_file`"));
        }
        if self.client_ca_file.is_some() && !self.is_on() {
            faults.push(SectionError::new("client_ca_file", "needs `tls.certificate_file`"));
        }
        faults
    }
}
