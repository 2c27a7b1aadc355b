//! Keeps the work on large calls from holding up the small requests that share its runtime worker.
//! Not here: how large a call may be; see [`crate::json_size`].

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Work on so much JSON takes a few milliseconds; for less, handing the worker's other tasks over costs more than it gains.
const LARGE: usize = 256 * 1024;

/// Does work on JSON of a size in bytes. If it is large, other requests run on another thread meanwhile.
pub(crate) fn without_blocking<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    let can_hand_over = || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > LARGE && can_hand_over() { block_in_place(work) } else { work() }
}
