//! `GET /smart/launch`: an EHR or a user opens the app (SMART App Launch 2.2, "Launch App").
//! Not here: the launch itself; see [`crate::smart`].

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::Response;
use url::form_urlencoded;

use super::answer::answer;
use super::browser::{browser, set_cookie};
use crate::http::caller::caller_address;
use crate::http::peer::{Peer, network};
use crate::http::state::Service;
use crate::smart::Launched;

/// Redirects the browser to the EHR.
pub(in crate::http) async fn begin(
    State(service): State<Service>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let parameter = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value);
    let (iss, launch) = (parameter("iss").unwrap_or_default(), parameter("launch"));
    let network = peer.map(|Extension(peer)| network(caller_address(&service.server, peer.address, &headers)));
    let Launched { next, cookie } = service.app.smart.launch(&iss, launch.as_deref(), browser(&service.app.smart, &headers), network).await;
    let mut response = answer(next);
    let cookie = cookie.and_then(|value| HeaderValue::try_from(set_cookie(&service.app.smart, &value)).ok());
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
