//! TLS of the listener, client certificates, and reloading the configuration without dropping a call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity, StatusCode};
use sij_cds::app::{App, Ports};
use sij_cds::clock::FixedClock;
use sij_cds::config::Config;
use sij_cds::http::{Live, ServeError, serve};
use sij_cds::ids::SequentialIds;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::callers::{good_token, let_in_the_ehr};
use crate::support::keeping::write_secret;
use crate::support::{LogBuffer, SERVICE, day_of_the_fixtures, default_config, empty_sign_call};

/// Issues certificates.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: parameters.self_signed(&key).unwrap(), issuer: Issuer::new(parameters, key) }
    }

    fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// Writes a file and returns its path.
fn file(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    write_secret(&path, text);
    path
}

/// A service with a certificate for `localhost`.
struct Server {
    address: SocketAddr,
    live: Arc<Live>,
    config: Config,
    directory: TempDir,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    async fn with(authority: &Authority, change: impl FnOnce(&mut Config, &TempDir)) -> Self {
        LogBuffer::of_this_run();
        let directory = TempDir::new().unwrap();
        let mut config = default_config();
        shows(&mut config, &directory, &authority.issue("localhost"));
        change(&mut config, &directory);
        let live = Arc::new(Live::new(app(&config), Arc::new(SequentialIds::default()), &config).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(Arc::clone(&live), listener, async { _ = stopped.await }));
        Self { address, live, config, directory, stop, task }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// Reloads a changed configuration.
    fn reload(&self, change: impl FnOnce(&mut Config, &TempDir)) {
        let mut config = self.config.clone();
        change(&mut config, &self.directory);
        self.live.replace(app(&config), Arc::new(SequentialIds::default()), &config).unwrap();
    }

    async fn sign(&self, client: &Client) -> StatusCode {
        let call = client.post(self.url(SERVICE)).bearer_auth(good_token()).header("content-type", "application/json");
        call.body(empty_sign_call().to_string()).send().await.unwrap().status()
    }
}

fn app(config: &Config) -> Arc<App> {
    let clock = Arc::new(FixedClock::at(day_of_the_fixtures()));
    Arc::new(App::build(config, Ports::new(config, clock, Arc::new(SequentialIds::default())).unwrap()).unwrap())
}

fn shows(config: &mut Config, directory: &TempDir, issued: &Issued) {
    config.tls.certificate_file = Some(file(directory, "tls.crt", &issued.certificate));
    config.tls.private_key_file = Some(file(directory, "tls.key", &issued.key));
}

/// A client that trusts only one authority, and may present a certificate.
fn client(trusts: &Authority, shows: Option<&Issued>) -> Client {
    let root = Certificate::from_pem(trusts.pem().as_bytes()).unwrap();
    let builder = Client::builder().no_proxy().tls_certs_only([root]);
    let builder = match shows {
        Some(Issued { certificate, key }) => builder.identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap()),
        None => builder,
    };
    builder.build().unwrap()
}

#[tokio::test]
async fn https_is_served_over_http_2_and_says_so_for_later() {
    let authority = Authority::new();
    let server = Server::with(&authority, |_, _| {}).await;
    let answer = client(&authority, None).get(server.url("/health/live")).send().await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, reqwest::Version::HTTP_2));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
}

#[tokio::test]
async fn plain_http_is_not_answered_where_tls_is_on() {
    let server = Server::with(&Authority::new(), |_, _| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

/// A `ClientHello` of up to this version (RFC 5246, section 7.4.1.2), with what a client of TLS 1.2 needs for a P-256 certificate.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let point_formats = [0, 11, 0, 2, 1, 0];
    let signature_algorithms = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&groups[..], &point_formats, &signature_algorithms].concat();
    let ciphers = [0xc0, 0x2b, 0xc0, 0x09];
    let body = [&version[..], &[7; 32], &[0], &with_length(&ciphers), &[1, 0], &with_length(&extensions)].concat();
    let handshake = [&[1, 0][..], &with_length(&body)].concat();
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

#[tokio::test]
async fn no_version_of_tls_before_1_2_is_spoken() {
    const HANDSHAKE: u8 = 22;
    const ALERT: u8 = 21;
    const PROTOCOL_VERSION: u8 = 70;
    let server = Server::with(&Authority::new(), |_, _| {}).await;
    for (version, is_spoken) in [([3, 0], false), ([3, 1], false), ([3, 2], false), ([3, 3], true)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&client_hello(version)).await.unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.unwrap();
        let expected = if is_spoken { (HANDSHAKE, None) } else { (ALERT, Some(PROTOCOL_VERSION)) };
        assert_eq!((answer[0], Some(answer[6]).filter(|_| !is_spoken)), expected, "{version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_begins_the_handshake_is_dropped() {
    let server = Server::with(&Authority::new(), |_, _| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_with_a_certificate_name_must_show_such_a_certificate() {
    let [ours, callers] = [Authority::new(), Authority::new()];
    let server = Server::with(&ours, |config, directory| {
        let_in_the_ehr(config);
        config.tls.client_ca_file = Some(file(directory, "ca.crt", &callers.pem()));
        config.clients[0].certificate_names = vec!["cds.ehr.example".to_owned()];
    })
    .await;
    for (shown, expected) in [(Some("cds.ehr.example"), 200), (Some("cds.other.example"), 401), (None, 401)] {
        let issued = shown.map(|name| callers.issue(name));
        assert_eq!(server.sign(&client(&ours, issued.as_ref())).await, expected, "{shown:?}");
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_name_needs_no_certificate() {
    let [ours, callers] = [Authority::new(), Authority::new()];
    let server = Server::with(&ours, |config, directory| {
        let_in_the_ehr(config);
        config.tls.client_ca_file = Some(file(directory, "ca.crt", &callers.pem()));
    })
    .await;
    assert_eq!(server.sign(&client(&ours, None)).await, 200);
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_not_configured_ends_the_handshake() {
    let [ours, callers, foreign] = [Authority::new(), Authority::new(), Authority::new()];
    let server = Server::with(&ours, |config, directory| {
        config.tls.client_ca_file = Some(file(directory, "ca.crt", &callers.pem()));
    })
    .await;
    let impostor = client(&ours, Some(&foreign.issue("cds.ehr.example")));
    assert!(impostor.get(server.url("/health/live")).send().await.is_err());
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload() {
    let [old, new] = [Authority::new(), Authority::new()];
    let server = Server::with(&old, |_, _| {}).await;
    assert!(client(&new, None).get(server.url("/health/live")).send().await.is_err());
    server.reload(|config, directory| shows(config, directory, &new.issue("localhost")));
    assert!(client(&new, None).get(server.url("/health/live")).send().await.is_ok());
    assert!(client(&old, None).get(server.url("/health/live")).send().await.is_err());
}

#[tokio::test]
async fn a_reload_reaches_connections_that_are_open_already() {
    let authority = Authority::new();
    let server = Server::with(&authority, |config, _| let_in_the_ehr(config)).await;
    let client = client(&authority, None);
    assert_eq!(server.sign(&client).await, 200);
    server.reload(|config, _| {
        let_in_the_ehr(config);
        config.clients[0].iss = "https://somebody-else.example".to_owned();
    });
    assert_eq!(server.sign(&client).await, 401);
}

#[test]
fn files_that_are_no_certificate_or_do_not_go_together_are_named() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    let [one, two] = [authority.issue("localhost"), authority.issue("localhost")];
    let fault = |change: &dyn Fn(&mut Config)| {
        let mut config = default_config();
        shows(&mut config, &directory, &one);
        change(&mut config);
        Live::new(app(&config), Arc::new(SequentialIds::default()), &config).err().expect("a fault").to_string()
    };
    let path = |name: &str| directory.path().join(name).display().to_string();
    assert_eq!(
        fault(&|config| config.tls.certificate_file = Some(file(&directory, "none.crt", ""))),
        format!("`tls.certificate_file`: `{}` holds no certificate", path("none.crt"))
    );
    assert_eq!(
        fault(&|config| config.tls.private_key_file = Some("/nowhere.key".into())),
        "`tls.private_key_file`: cannot use `/nowhere.key`"
    );
    assert_eq!(
        fault(&|config| config.tls.private_key_file = Some(file(&directory, "two.key", &two.key))),
        "`tls.certificate_file` and `tls.private_key_file`: do not go together"
    );
    assert_eq!(
        fault(&|config| config.tls.client_ca_file = Some(file(&directory, "ca.crt", "x"))),
        format!("`tls.client_ca_file`: `{}` holds no certificate", path("ca.crt"))
    );
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let server = Server::with(&Authority::new(), |_, _| {}).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    // Accepted before shutdown is requested.
    assert!(client(&Authority::new(), None).get(server.url("/health/live")).send().await.is_err());
    server.stop.send(()).unwrap();
    assert!(server.task.await.unwrap().is_ok());
}
