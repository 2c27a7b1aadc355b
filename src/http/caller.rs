//! Admits a call if its caller is authenticated and within its rate limit. Handlers behind this gate find a [`VerifiedClient`](crate::auth::VerifiedClient)
//! in the request's extensions. The answer leaves when the caller's token is durably used.
//! Not here: authentication; see [`crate::auth`].

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, warn};

use super::body::discard_refused;
use super::error::HttpError;
use super::peer::Peer;
use super::state::Gate;
use crate::auth::{AdmittedCaller, Credentials, Refusal, Refused, TokenWrite};
use crate::config::ServerConfig;
use crate::telemetry::call_span;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How much of a refused caller's body is read and discarded, in bytes. A caller that is still sending when the connection
/// closes does not see its 401; a typical call is smaller than this.
const MAX_DISCARDED: usize = 1024 * 1024;

/// The caller's name, stored in the response's extensions for the log line.
#[derive(Clone)]
pub(super) struct CallerName(pub(super) String);

/// Admits authenticated callers.
pub(super) async fn authenticate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let AdmittedCaller { client, token } = match gate.client(&mut request).await {
        Ok(admitted) => admitted,
        Err(error) => {
            let (head, body) = request.into_parts();
            discard_refused(&head.headers, body, MAX_DISCARDED).await;
            return error.into_response();
        }
    };
    let name = CallerName(client.name().to_owned());
    request.extensions_mut().insert(client);
    let response = traced(&name.0, request, next).await;
    let mut response = gate.after_token(token, &name, response).await;
    response.extensions_mut().insert(name);
    response
}

/// Runs an authenticated call in a span of its trace.
async fn traced(client: &str, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let headers = request.headers();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let span = call_span(client, route.as_ref().map_or("", MatchedPath::as_str), header);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

impl Gate {
    async fn client(&self, request: &mut Request) -> Result<AdmittedCaller, HttpError> {
        // Remove the headers: no handler needs the token.
        let values = take_all(request.headers_mut());
        let authorization: Vec<&[u8]> = values.iter().map(HeaderValue::as_bytes).collect();
        let peer = request.extensions().get::<Peer>().cloned();
        let address = peer.as_ref().map(|peer| caller_address(&self.server, peer.address, request.headers()));
        let stranger = address.filter(|address| !self.server.trusts(*address));
        if let Some(wait) = stranger.and_then(|address| self.signature_failures.wait(address)) {
            metrics::counter!("sij_cds_callers_refused_total", "cause" => "forging_address").increment(1);
            warn!(cause = "forging_address", address = address.map(tracing::field::display), "caller refused");
            let error = HttpError::TooManyCalls { wait };
            self.app.audit.record_refusal(None, "forging_address", error.status().as_u16());
            return Err(error);
        }
        let certificate = peer.as_ref().and_then(|peer| peer.certificate.as_deref());
        let verified = self.app.authenticate(Credentials { authorization: &authorization, certificate }).await;
        // Callers without a readable address share one, so no client exempts the others from its limit.
        if let (Some(address), true) = (stranger.filter(|address| *address != UNKNOWN_ADDRESS), verified.is_ok()) {
            self.signature_failures.trust(address);
        }
        verified.map_err(|refused| {
            if let Some(address) = stranger.filter(|_| refused.cause == Refusal::WrongSignature) {
                self.signature_failures.count(address);
            }
            let (says_it_is, label) = (refused.says_it_is.clone(), refused.cause.label());
            let error = answer_to(refused, address);
            self.app.audit.record_refusal(says_it_is.as_deref(), label, error.status().as_u16());
            error
        })
    }

    /// The response, once the caller's token is durable; without that, 503. Another 503 stays as it is.
    async fn after_token(&self, token: TokenWrite, name: &CallerName, response: Response) -> Response {
        if token.is_durable().await || response.status() == StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
        let (cause, says_it_is) = (Refusal::NoReplayMemory, Some(name.0.clone()));
        let error = answer_to(Refused { cause, says_it_is }, None);
        self.app.audit.record_refusal(Some(&name.0), cause.label(), error.status().as_u16());
        error.into_response()
    }
}

/// Stands for an address that a proxy of ours did not write readably. No connection comes from it, and it is not trusted.
pub(super) const UNKNOWN_ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The caller's address: the peer, or behind a trusted proxy the last untrusted `X-Forwarded-For` entry (MDN).
///
/// Invariant: an entry that cannot be read is not passed over, or a caller would have the address, and the trust, of the proxy before it.
pub(super) fn caller_address(server: &ServerConfig, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !server.trusts(peer) {
        return peer;
    }
    let values: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    // Each proxy appends an entry. Entries before an untrusted or unreadable one are the caller's own claims.
    let mut addresses = values.iter().rev().flat_map(|value| value.rsplit(',')).map(|text| address(text.trim()).unwrap_or(UNKNOWN_ADDRESS));
    addresses.find(|address| *address == UNKNOWN_ADDRESS || !server.trusts(*address)).unwrap_or(peer)
}

/// Parses an address, with or without a port; an IPv6 address may be in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let without_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let bracketed = || without_brackets.and_then(|text| text.parse::<Ipv6Addr>().ok()).map(IpAddr::V6);
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())).or_else(bracketed)
}

fn take_all(headers: &mut HeaderMap) -> Vec<HeaderValue> {
    let values = headers.get_all(AUTHORIZATION).iter().cloned().collect();
    headers.remove(AUTHORIZATION);
    values
}

/// Logs the cause; the caller learns only that it is not authenticated, or that it exceeded a rate limit.
fn answer_to(refused: Refused, address: Option<IpAddr>) -> HttpError {
    let Refused { cause, says_it_is } = refused;
    metrics::counter!("sij_cds_callers_refused_total", "cause" => cause.label()).increment(1);
    let address = address.map(tracing::field::display);
    warn!(cause = cause.label(), reason = %cause, says_it_is, address, "caller refused");
    match cause {
        Refusal::TooManyCalls { wait } => HttpError::TooManyCalls { wait },
        Refusal::NoReplayMemory => HttpError::NotReady,
        _ => HttpError::Unauthenticated,
    }
}
