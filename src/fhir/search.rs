//! One search on one server: retries if the server is busy, drops optional parameters if it refuses them, and follows
//! the pages. FHIR R4, "Search", "Paging". <https://hl7.org/fhir/R4/http.html#search>

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep};
use url::Url;

use super::page::{ResultPage, next_url};
use super::page_bounds::PageBounds;
use super::query::Query;
use super::reason::Reason;
use super::server::{AccessToken, Server};
use crate::large_work::without_blocking;

/// EHRs respond with either media type.
const ACCEPTED: &str = "application/fhir+json, application/json;q=0.9";
/// The delay before the first retry, doubled for each further one, unless the server sends `Retry-After`.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A running search. It keeps the pages it has received even if a later one fails.
pub(super) struct Search<'s> {
    server: &'s Server,
    token: Option<&'s AccessToken>,
    bounds: &'s PageBounds<'s>,
    deadline: Instant,
    /// The pages received, raw.
    pub(super) pages: Vec<Bytes>,
    bytes: usize,
    entries: usize,
}

/// Why an attempt failed.
enum Failure {
    /// A retry may help, after this delay if the server names one.
    Again(Option<Duration>, Reason),
    /// A query with fewer parameters may help.
    Plainer,
    /// A retry does not help.
    Final(Reason),
}

impl<'s> Search<'s> {
    pub(super) fn new(server: &'s Server, token: Option<&'s AccessToken>, bounds: &'s PageBounds<'s>, deadline: Instant) -> Self {
        Self { server, token, bounds, deadline, pages: Vec::new(), bytes: 0, entries: 0 }
    }

    /// Runs the search to its last page.
    pub(super) async fn run(&mut self, query: &Query) -> Result<(), Reason> {
        let config = &self.server.config;
        let plain = query.plainly();
        let first = if config.plain_queries { plain.as_ref().unwrap_or(query).clone() } else { query.clone() };
        let sized = config.page_size.map_or_else(|| first.clone(), |size| first.clone().with_page_size(size.get()));
        let mut forms = [Some(sized), Some(first), plain].into_iter().flatten().collect::<Vec<_>>();
        forms.dedup();
        for form in forms {
            let url = form.url(&self.server.base).ok_or(Reason::Refused)?;
            match self.follow(url).await {
                Err(None) => {}
                Err(Some(reason)) => return Err(reason),
                Ok(()) => return Ok(()),
            }
        }
        Err(Reason::Refused)
    }

    /// Follows the pages from a URL. `Err(None)` if the server refuses the parameters of the first.
    async fn follow(&mut self, first: Url) -> Result<(), Option<Reason>> {
        let mut url = first;
        loop {
            let body = match self.get(&url).await {
                Ok(body) => body,
                Err(Failure::Plainer) if self.pages.is_empty() => return Err(None),
                Err(Failure::Plainer) => return Err(Some(Reason::Refused)),
                Err(Failure::Again(_, reason) | Failure::Final(reason)) => return Err(Some(reason)),
            };
            self.bounds.keep(&body).await.map_err(Some)?;
            let page = without_blocking(body.len(), || ResultPage::read(&body)).await.map_err(Some)?;
            self.entries += page.entries;
            self.pages.push(body);
            let config = &self.server.config;
            if self.entries > config.max_entries.get() {
                return Err(Some(Reason::TooMuch));
            }
            let Some(next) = page.next else { return Ok(()) };
            if self.pages.len() >= config.max_pages.get() {
                return Err(Some(Reason::TooMuch));
            }
            url = next_url(&self.server.base, &url, &next).map_err(Some)?;
        }
    }

    /// Fetches one page; retries while that may help and time remains.
    async fn get(&mut self, url: &Url) -> Result<Bytes, Failure> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let failure = match self.attempt(url).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let Failure::Again(named, _) = failure else { return Err(failure) };
            let pause = named.unwrap_or(wait);
            let left = self.deadline.saturating_duration_since(Instant::now());
            if attempt >= self.server.attempts || pause >= left {
                return Err(failure);
            }
            sleep(pause).await;
            wait = wait.saturating_mul(2);
        }
        Err(Failure::Final(Reason::ServerFailed))
    }

    async fn attempt(&mut self, url: &Url) -> Result<Bytes, Failure> {
        let mut request = self.server.client.get(url.clone()).header(ACCEPT, ACCEPTED);
        if let Some(value) = self.token.and_then(bearer) {
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| unsent(&error))?;
        judge(response.status(), response.headers(), self.token)?;
        self.body(response).await
    }

    /// The decompressed body, read only up to the byte limit.
    async fn body(&mut self, mut response: Response) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Again(None, Reason::Broken))? {
            if self.bytes + body.len() + chunk.len() > self.server.config.max_bytes.get() {
                return Err(Failure::Final(Reason::TooMuch));
            }
            self.bounds.receive(chunk.len()).map_err(Failure::Final)?;
            body.extend_from_slice(&chunk);
        }
        self.bytes += body.len();
        Ok(body.freeze())
    }
}

/// The `Authorization` header value, marked as sensitive.
pub(super) fn bearer(token: &AccessToken) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unsent(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Final(Reason::TooSlow)
    } else if error.is_builder() {
        // An invalid URL says nothing about the server.
        Failure::Final(Reason::Refused)
    } else {
        // Usually the server has closed a pooled connection, and a new one helps.
        Failure::Again(None, Reason::Unreachable)
    }
}

/// The delay in `Retry-After`: seconds or a date. A date is relative to the server's `Date` header, so that clock skew
/// does not matter (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

/// Decides from the status whether a retry may help.
fn judge(status: StatusCode, headers: &HeaderMap, token: Option<&AccessToken>) -> Result<(), Failure> {
    let named = || retry_after(headers);
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(Failure::Final(Reason::Redirected)),
        401 if token.is_some() => Err(Failure::Final(Reason::TokenRefused)),
        401 => Err(Failure::Final(Reason::TokenNeeded)),
        403 => Err(Failure::Final(Reason::NotGranted)),
        404 | 410 => Err(Failure::Final(Reason::NotOffered)),
        429 => Err(Failure::Again(named(), Reason::TooManyRequests)),
        400 | 405 | 406 | 413 | 414 | 422 | 431 => Err(Failure::Plainer),
        408 | 500..=599 => Err(Failure::Again(named(), Reason::ServerFailed)),
        _ => Err(Failure::Final(Reason::Refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_named_in_seconds_or_as_a_date_of_the_servers_own_clock() {
        const NOW: Option<&str> = Some("Sun, 22 Nov 2026 10:00:00 GMT");
        for (wait, now, expected) in [
            ("2", None, Some(2)),
            (" 0 ", NOW, Some(0)),
            ("Sun, 22 Nov 2026 10:00:03 GMT", NOW, Some(3)),
            ("Sun, 22 Nov 2026 09:59:00 GMT", NOW, Some(0)),
            ("Sun, 22 Nov 2026 10:00:03 GMT", None, None),
            ("soon", NOW, None),
            ("-1", NOW, None),
        ] {
            let headers = [(RETRY_AFTER, Some(wait)), (DATE, now)];
            let headers = headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))));
            assert_eq!(retry_after(&headers.collect()), expected.map(Duration::from_secs), "{wait}");
        }
    }
}
