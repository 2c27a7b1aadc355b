//! Sends all requests of a launch to an EHR: only to the hosts its entry names, without redirects, with limits on time and size.
//! Not here: the contents of requests; see [`super::smart_configuration`], [`super::exchange`] and [`super::identity`].

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::error::ExchangeError;
use crate::config::{FhirServerConfig, HostAndPort};
use crate::outgoing::connections;

/// Maximum size of a response in bytes, after decompression. Real ones need at most a tenth.
const MAX_BYTES: usize = 256 * 1024;

/// An idle connection older than this is not reused. Requests are not retried, so they must not go out on a connection that the
/// server is closing; many servers close after 5 s.
const UNUSED: Duration = Duration::from_secs(3);

/// Connections to one EHR.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client,
    base: Url,
    hosts: Vec<HostAndPort>,
    /// Whether plain http is allowed: only if the FHIR server itself is registered with it.
    plain: bool,
    timeout: Duration,
}

/// Timeouts for connecting and for a whole request.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    pub(super) connecting: Duration,
    pub(super) whole: Duration,
}

/// A client id and secret, sent by HTTP Basic authentication.
#[derive(Clone, Copy)]
pub(super) struct BasicCredentials<'c> {
    pub(super) client_id: &'c str,
    pub(super) secret: &'c SecretString,
}

/// The response to a form.
pub(super) struct FormAnswer {
    pub(super) status: StatusCode,
    /// Whether it says that it is JSON, or nothing.
    pub(super) is_json: bool,
    pub(super) body: Vec<u8>,
}

struct EhrAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl BasicCredentials<'_> {
    /// The id and the secret are encoded first (RFC 6749, section 2.3.1).
    fn header(self) -> Result<HeaderValue, ExchangeError> {
        let [id, secret] = [self.client_id, self.secret.expose_secret()].map(|text| byte_serialize(text.as_bytes()).collect::<String>());
        let text = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let mut header = HeaderValue::from_str(&text).map_err(|_| ExchangeError::Unreadable)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl Requests {
    pub(super) fn new(server: &FhirServerConfig, hosts: &[HostAndPort], limits: TimeLimits) -> Result<Self, reqwest::Error> {
        let client = connections(&server.base_url, server.allow_private_addresses, limits.connecting).pool_idle_timeout(UNUSED).build()?;
        let plain = server.allow_private_addresses && server.base_url.scheme() == "http";
        Ok(Self { client, base: server.base_url.clone(), hosts: hosts.to_vec(), plain, timeout: limits.whole })
    }

    /// Parses and checks an address that an EHR publishes.
    /// Invariant: users and secrets go only to registered hosts, and never unencrypted unless so registered, whatever the EHR publishes.
    pub(super) fn address(&self, text: &str) -> Result<Url, ExchangeError> {
        let url = Url::parse(text).map_err(|_| ExchangeError::Unreadable)?;
        if self.allows(&url) { Ok(url) } else { Err(ExchangeError::ForeignAddress) }
    }

    fn allows(&self, url: &Url) -> bool {
        let is_encrypted = url.scheme() == "https" || (url.scheme() == "http" && self.plain);
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let is_own = url.host() == self.base.host() && url.port_or_known_default() == self.base.port_or_known_default();
        is_encrypted && is_bare && (is_own || self.hosts.iter().any(|host| host.is_of(url)))
    }

    /// Fetches a JSON document.
    pub(super) async fn get(&self, url: &Url) -> Result<Vec<u8>, ExchangeError> {
        let mut request = Request::new(Method::GET, url.clone());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.send(request).await?;
        if answer.status == StatusCode::OK { Ok(answer.body) } else { Err(ExchangeError::Status(answer.status.as_u16())) }
    }

    /// Posts a form.
    pub(super) async fn post_form(
        &self,
        url: &Url,
        parameters: &[(&'static str, Cow<'_, str>)],
        credentials: Option<BasicCredentials<'_>>,
    ) -> Result<FormAnswer, ExchangeError> {
        let mut request = Request::new(Method::POST, url.clone());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(credentials) = credentials {
            headers.insert(AUTHORIZATION, credentials.header()?);
        }
        *request.body_mut() = Some(Serializer::new(String::new()).extend_pairs(parameters).finish().into());
        let EhrAnswer { status, headers, body } = self.send(request).await?;
        Ok(FormAnswer { status, is_json: headers.get(CONTENT_TYPE).is_none_or(is_json), body })
    }

    async fn send(&self, request: Request) -> Result<EhrAnswer, ExchangeError> {
        if !self.allows(request.url()) {
            return Err(ExchangeError::ForeignAddress);
        }
        tokio::time::timeout(self.timeout, self.answer(request)).await.unwrap_or(Err(ExchangeError::TooSlow))
    }

    async fn answer(&self, request: Request) -> Result<EhrAnswer, ExchangeError> {
        let response = self.client.execute(request).await.map_err(|_| ExchangeError::Unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_server_error() || status.is_redirection() {
            return Err(ExchangeError::Status(status.as_u16()));
        }
        Ok(EhrAnswer { status, headers, body: body(response).await? })
    }
}

/// Whether a media type is JSON, with or without parameters.
fn is_json(media_type: &HeaderValue) -> bool {
    media_type.to_str().is_ok_and(|text| text.to_ascii_lowercase().starts_with("application/json"))
}

async fn body(mut response: Response) -> Result<Vec<u8>, ExchangeError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| ExchangeError::Unreachable)? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(ExchangeError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn requests(base: &str, allow_private_addresses: bool, hosts: &[&str]) -> Requests {
        let server = json!({"name": "main", "base_url": base, "allow_private_addresses": allow_private_addresses});
        let hosts = serde_json::from_value::<Vec<HostAndPort>>(json!(hosts)).expect("hosts");
        let limits = TimeLimits { connecting: Duration::from_secs(1), whole: Duration::from_secs(1) };
        Requests::new(&serde_json::from_value(server).expect("a server"), &hosts, limits).expect("connections")
    }

    #[test]
    fn an_ehr_spoken_with_by_https_is_never_spoken_with_by_http() {
        for allow_private_addresses in [false, true] {
            let requests = requests("https://ehr.example/fhir", allow_private_addresses, &["login.ehr.example", "login.ehr.example:80"]);
            for (address, expected) in [
                ("https://ehr.example/token", None),
                ("https://login.ehr.example/token", None),
                ("http://ehr.example/token", Some(ExchangeError::ForeignAddress)),
                ("http://ehr.example:443/token", Some(ExchangeError::ForeignAddress)),
                ("http://login.ehr.example/token", Some(ExchangeError::ForeignAddress)),
                ("ftp://ehr.example/token", Some(ExchangeError::ForeignAddress)),
            ] {
                assert_eq!(requests.address(address).err(), expected, "{address}");
            }
        }
    }

    #[test]
    fn an_address_is_at_a_registered_host_or_foreign() {
        let requests = requests("https://ehr.example:8443/fhir", false, &["login.ehr.example"]);
        for (address, is_own) in [
            ("https://ehr.example:8443/other/token?tenant=1", true),
            ("https://EHR.example:8443/token", true),
            ("https://ehr.example/token", false),
            ("https://ehr.example:8444/token", false),
            ("https://ehr.example:8443@evil.example/token", false),
            ("https://user@ehr.example:8443/token", false),
            ("https://ehr.example.evil.example:8443/token", false),
            ("https://login.ehr.example/token", true),
            ("https://login.ehr.example/token#x", false),
            ("https://sub.login.ehr.example/token", false),
            ("https://169.254.169.254/token", false),
            ("https://[::1]/token", false),
        ] {
            assert_eq!(requests.address(address).is_ok(), is_own, "{address}");
        }
        assert_eq!(requests.address("token").err(), Some(ExchangeError::Unreadable));
    }
}
