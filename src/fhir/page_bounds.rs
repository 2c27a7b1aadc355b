//! What the pages fetched for one call may take together. A page is checked before it is kept.
//! Not here: the limits of a single search; see [`super::search`].

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reason::Reason;
use crate::json_size::JsonSize;
use crate::large_work::without_blocking;
use crate::memory_budget::MemoryGrant;

/// The bounds of all pages of a call.
#[derive(Debug)]
pub struct PageBounds<'m> {
    max_entries: NonZeroUsize,
    entries: AtomicUsize,
    memory: &'m MemoryGrant,
}

impl<'m> PageBounds<'m> {
    /// Bounds for the pages of a call that takes its memory from this grant.
    #[must_use]
    pub fn new(max_entries: NonZeroUsize, memory: &'m MemoryGrant) -> Self {
        Self { max_entries, entries: AtomicUsize::new(0), memory }
    }

    /// Takes the memory for bytes that arrived.
    pub(super) fn receive(&self, bytes: usize) -> Result<(), Reason> {
        if self.memory.grow(bytes) { Ok(()) } else { Err(Reason::TooBusy) }
    }

    /// Takes the memory that reading a received page costs.
    pub(super) async fn keep(&self, page: &[u8]) -> Result<(), Reason> {
        let size = without_blocking(page.len(), || JsonSize::check_exactly(page, self.max_entries)).await.map_err(|_| Reason::TooMuch)?;
        let before = self.entries.fetch_add(size.entries, Ordering::Relaxed);
        if before.saturating_add(size.entries) > self.max_entries.get() {
            // A smaller page of another search may still fit.
            self.entries.fetch_sub(size.entries, Ordering::Relaxed);
            return Err(Reason::TooMuch);
        }
        self.receive(size.memory.saturating_sub(page.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    #[tokio::test]
    async fn the_pages_of_a_call_share_its_bounds() {
        const LIMIT: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");
        let (two, unlimited) = (br#"{"entry":[{},{}]}"#, MemoryGrant::default());
        let bounds = PageBounds::new(LIMIT, &unlimited);
        let one = br#"{"entry":[{"resource":{"code":{"coding":[{},{},{}]}}}]}"#;
        assert_eq!([bounds.keep(two).await, bounds.keep(two).await, bounds.keep(one).await], [Ok(()), Err(Reason::TooMuch), Ok(())]);
        assert_eq!(bounds.keep(one).await, Err(Reason::TooMuch));
        let little = MemoryGrant::new(vec![MemoryBudget::new(1)]);
        assert_eq!(PageBounds::new(LIMIT, &little).receive(1024), Ok(()));
        assert_eq!(PageBounds::new(LIMIT, &little).keep(two).await, Err(Reason::TooBusy));
    }
}
