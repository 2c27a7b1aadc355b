//! The middleware for routes that callers need no token for: the SMART app's launches and pages, discovery and what is published. Each group
//! of routes has limits of its own.
//! Not here: the middleware for all routes ([`super::middleware`]), and for calls ([`super::admission`]).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceBuilder;

use super::address_counts::{AddressCounts, AddressPermit};
use super::caller::{UNKNOWN_ADDRESS, caller_address};
use super::deadline::hold_deadline;
use super::error::HttpError;
use super::peer::Peer;
use super::sent_body::HeldUntilSent;
use super::state::Service;
use crate::config::ServerConfig;

/// Time limit of a request, which may make several requests to an EHR, each with its own timeout.
const DEADLINE: Duration = Duration::from_mins(1);

/// One address may use this part of the requests that are worked on at one time.
const ADDRESS_SHARE: usize = 4;

/// Limits how many requests are worked on at one time: in total, and per client address.
#[derive(Debug)]
struct RequestLimits {
    all: Arc<Semaphore>,
    of_one_address: usize,
    by_address: AddressCounts,
    server: Arc<ServerConfig>,
}

/// Wraps `routes` in their middleware, with limits of their own, which neither calls nor other routes use up.
pub(super) fn limited(routes: Router<Service>, server: &Arc<ServerConfig>) -> Router<Service> {
    let limits = Arc::new(RequestLimits::new(Arc::clone(server)));
    let stack = ServiceBuilder::new().layer(from_fn_with_state(DEADLINE, hold_deadline)).layer(from_fn_with_state(limits, admit));
    routes.route_layer(stack)
}

/// Admits a request if its address and the service have room for one more, and otherwise refuses it at once.
async fn admit(State(limits): State<Arc<RequestLimits>>, request: Request, next: Next) -> Response {
    let Some(permits) = limits.take(limits.address_of(&request)) else {
        return HttpError::Overloaded.into_response();
    };
    let mut response = next.run(request).await;
    response.extensions_mut().insert(HeldUntilSent::new(permits));
    response
}

impl RequestLimits {
    fn new(server: Arc<ServerConfig>) -> Self {
        let all = server.max_concurrent_calls.get();
        let of_one_address = (all / ADDRESS_SHARE).max(1);
        Self { all: Arc::new(Semaphore::new(all)), of_one_address, by_address: AddressCounts::default(), server }
    }

    /// Every request that arrives through a connection has a peer; any other counts for one address.
    fn address_of(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<Peer>();
        let address = peer.map(|peer| caller_address(&self.server, peer.address, request.headers()));
        address.unwrap_or(UNKNOWN_ADDRESS)
    }

    fn take(&self, address: IpAddr) -> Option<(AddressPermit, OwnedSemaphorePermit)> {
        let of_address = self.by_address.take(address, self.of_one_address)?;
        Some((of_address, Arc::clone(&self.all).try_acquire_owned().ok()?))
    }
}
