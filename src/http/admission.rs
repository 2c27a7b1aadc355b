//! Admits authenticated calls: by their number and by the memory they take, of all clients together and of each.
//! Not here: the rates of calls ([`crate::auth`]), and how long a call may take ([`super::deadline`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::HttpError;
use crate::auth::VerifiedClient;
use crate::config::ServerConfig;
use crate::memory_budget::{MemoryBudget, MemoryGrant};

/// What calls may take at one time.
#[derive(Clone, Debug)]
struct Capacity {
    slots: Arc<Semaphore>,
    bodies: MemoryBudget,
    work: MemoryBudget,
}

/// The capacity of all clients together, and of each client.
#[derive(Debug)]
pub(super) struct Admission {
    all: Capacity,
    slots_per_client: usize,
    memory_per_client: usize,
    /// By name; names come from the configuration, so there are few.
    by_client: Mutex<HashMap<String, Capacity>>,
}

/// Permission for one call, from its head until its answer is sent. Dropping it frees the slot and the memory.
#[derive(Debug)]
pub(super) struct CallPermit {
    /// The memory of the body, and then of the answer.
    pub(super) body: MemoryGrant,
    /// The memory of what is made of the body, and of fetched pages.
    pub(super) work: MemoryGrant,
    /// The most that a call can ever have of either, in bytes.
    pub(super) most_memory: usize,
    _slots: [OwnedSemaphorePermit; 2],
}

impl Capacity {
    fn new(slots: usize, memory: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), bodies: MemoryBudget::new(memory), work: MemoryBudget::new(memory) }
    }
}

impl Admission {
    /// The configured capacity. If there is only one client, all of it is that client's.
    pub(super) fn new(server: &ServerConfig, clients: usize) -> Self {
        let percent = if clients > 1 { server.client_share_percent.get().into() } else { 100 };
        let share = |whole: usize| (whole.saturating_mul(percent) / 100).max(1);
        // Half for bodies and half for the work on them: bodies that wait for work must not take what it needs.
        let (slots, memory) = (server.max_concurrent_calls.get(), server.call_memory_bytes.get() / 2);
        Self {
            all: Capacity::new(slots, memory),
            slots_per_client: share(slots),
            memory_per_client: share(memory),
            by_client: Mutex::default(),
        }
    }

    /// A permit for a client's call, unless the client or all clients together have as many calls as they may.
    fn permit(&self, client: &str) -> Option<CallPermit> {
        let own = self.of_client(client);
        let slots = [own.slots.try_acquire_owned().ok()?, Arc::clone(&self.all.slots).try_acquire_owned().ok()?];
        let (body, work) = (vec![own.bodies, self.all.bodies.clone()], vec![own.work, self.all.work.clone()]);
        let (body, work) = (MemoryGrant::new(body), MemoryGrant::new(work));
        Some(CallPermit { body, work, most_memory: self.memory_per_client, _slots: slots })
    }

    fn of_client(&self, client: &str) -> Capacity {
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(capacity) = by_client.get(client) {
            return capacity.clone();
        }
        let capacity = Capacity::new(self.slots_per_client, self.memory_per_client);
        by_client.insert(client.to_owned(), capacity.clone());
        capacity
    }
}

/// Admits a call if there is a slot for it, and otherwise refuses it at once: queueing would only delay every caller. The permit goes with
/// the request to what reads its body, and with the response to what sends it.
pub(super) async fn admit_call(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    let client = request.extensions().get::<VerifiedClient>().map_or("", VerifiedClient::name);
    let Some(permit) = admission.permit(client).map(Arc::new) else { return HttpError::Overloaded.into_response() };
    request.extensions_mut().insert(Arc::clone(&permit));
    let mut response = next.run(request).await;
    response.extensions_mut().insert(permit);
    response
}
