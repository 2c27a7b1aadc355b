//! TLS of the listener (rustls): the service's certificate, and client certificates.
//! Not here: which client must present which certificate; see [`crate::auth`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier, server::WantsServerCert};
use tokio_rustls::TlsAcceptor;

use crate::config::{TlsConfig, read_secret_file};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM of the right kind.
    #[error("`tls.{key}`: cannot use `{}`", path.display())]
    File {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: rustls::pki_types::pem::Error,
    },
    /// A file contains no certificate.
    #[error("`tls.{key}`: `{}` holds no certificate", path.display())]
    Empty {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not match, or are of an unsupported type.
    #[error("`tls.certificate_file` and `tls.private_key_file`: do not go together")]
    Mismatch(#[source] rustls::Error),
    /// The protocol versions cannot be configured.
    #[error("TLS cannot be set up")]
    Versions(#[source] rustls::Error),
    /// An authority of client certificates cannot be used.
    #[error("`tls.client_ca_file`: an authority cannot be used")]
    Authority(#[source] rustls::Error),
    /// The authorities of client certificates cannot be used together.
    #[error("`tls.client_ca_file`: the authorities cannot be used")]
    Authorities(#[source] VerifierBuilderError),
}

/// Creates the TLS acceptor; `None` for plain HTTP.
pub(super) fn acceptor(config: &TlsConfig) -> Result<Option<TlsAcceptor>, TlsError> {
    let (Some(certificate), Some(key)) = (&config.certificate_file, &config.private_key_file) else { return Ok(None) };
    let chain = certificates("certificate_file", certificate)?;
    let pem = read_secret_file(key).map_err(|source| file_error("private_key_file", key, rustls::pki_types::pem::Error::Io(source)))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|source| file_error("private_key_file", key, source))?;
    let builder = with_client_certificates(builder()?, config.client_ca_file.as_deref())?;
    let mut server = builder.with_single_cert(chain, key).map_err(TlsError::Mismatch)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

/// A configuration builder for TLS 1.2 and 1.3.
fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(TlsError::Versions)
}

/// Client certificates are optional, for clients that authenticate by token only; a presented certificate must be valid.
fn with_client_certificates(
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    authorities: Option<&Path>,
) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, TlsError> {
    let Some(path) = authorities else { return Ok(builder.with_no_client_auth()) };
    let mut roots = RootCertStore::empty();
    for authority in certificates("client_ca_file", path)? {
        roots.add(authority).map_err(TlsError::Authority)?;
    }
    let provider = Arc::clone(builder.crypto_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated().build();
    Ok(builder.with_client_cert_verifier(verifier.map_err(TlsError::Authorities)?))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|source| file_error(key, path, source))?;
    if certificates.is_empty() { Err(TlsError::Empty { key, path: path.to_owned() }) } else { Ok(certificates) }
}

fn file_error(key: &'static str, path: &Path, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { key, path: path.to_owned(), source }
}
