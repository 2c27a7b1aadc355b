//! Fetches a client's published key set: only from the registered address, with limits on time and size.
//! Not here: when to fetch; see [`super::key_set`].

use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL, HeaderMap};
use reqwest::{Client, Response, StatusCode};
use thiserror::Error;
use url::Url;

use super::keys::{Keys, KeysError};
use crate::outgoing::connections;

/// Maximum size of a key set in bytes, after decompression. 100 keys need less.
const MAX_BYTES: usize = 256 * 1024;

/// Why a key set could not be fetched. It contains no address and nothing the server sent.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("the key server cannot be reached, or broke off")]
    Unreachable(#[from] reqwest::Error),
    #[error("the key server took too long")]
    TooSlow,
    #[error("the key server answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the key set is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the key set {0}")]
    Unusable(#[from] KeysError),
}

/// A server that publishes a client's keys.
#[derive(Debug)]
pub(super) struct KeyServer {
    url: Url,
    client: Client,
    timeout: Duration,
}

/// A fetched key set, and how long its server allows it to be cached.
pub(super) struct FetchedKeySet {
    pub(super) keys: Keys,
    pub(super) max_age: Option<Duration>,
}

impl KeyServer {
    pub(super) fn new(url: Url, allow_private_addresses: bool, timeout: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { client: connections(&url, allow_private_addresses, timeout).build()?, url, timeout })
    }

    pub(super) async fn fetch(&self) -> Result<FetchedKeySet, FetchError> {
        tokio::time::timeout(self.timeout, self.read()).await.unwrap_or(Err(FetchError::TooSlow))
    }

    async fn read(&self) -> Result<FetchedKeySet, FetchError> {
        let response = self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json").send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let max_age = max_age(response.headers());
        Ok(FetchedKeySet { keys: Keys::read(&body(response).await?)?, max_age })
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The `max-age` of `Cache-Control` (RFC 9111, section 5.2.2); zero if the response must not be stored.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> = directives.flat_map(|value| value.split(',')).map(|text| text.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Some(Duration::ZERO);
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok());
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_max_age_is_read_among_other_directives() {
        for (value, seconds) in [
            ("max-age=600", Some(600)),
            ("public, Max-Age=600, must-revalidate", Some(600)),
            ("max-age=\"600\"", Some(600)),
            ("s-maxage=600", None),
            ("max-age=soon", None),
            ("max-age=-1", None),
            ("no-store, max-age=600", Some(0)),
            ("no-cache", Some(0)),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))]);
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
