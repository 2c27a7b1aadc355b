//! Keeps work on large JSON from holding up the small requests beside it.
//! Not here: how large JSON may be; see [`crate::json_size`].

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

/// Work on so much JSON takes a few milliseconds; for less, handing the worker's other tasks over costs more than it gains.
const LARGE: usize = 256 * 1024;

/// Large work that is done at one time: one processor is left for the rest.
static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))));

/// Does work on JSON of a size in bytes. If it is large, it waits its turn, and other requests run on another thread meanwhile. Few threads
/// do such work, because each keeps some of the memory that it took.
pub(crate) async fn without_blocking<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    let can_hand_over = || Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes <= LARGE || !can_hand_over() {
        return work();
    }
    // The semaphore is never closed, so this always yields a permit.
    let _place = PLACES.acquire().await;
    block_in_place(work)
}
