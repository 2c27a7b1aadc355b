//! How much memory the calls in progress may take together, and how much of it a call holds.
//! Not here: how much a call takes; see [`crate::json_size`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is counted, in bytes.
const UNIT: usize = 1024;

/// An amount of memory that calls share.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget(Arc<Semaphore>);

impl MemoryBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(units(bytes).min(Semaphore::MAX_PERMITS))))
    }
}

/// The memory of one call; dropping it gives the memory back.
#[derive(Debug, Default)]
pub struct MemoryGrant {
    /// What the memory is taken from: the budget of all calls, and that of the client's calls.
    budgets: Vec<MemoryBudget>,
    held: Mutex<HeldMemory>,
}

#[derive(Debug, Default)]
struct HeldMemory {
    bytes: usize,
    /// One for each budget, in their order.
    permits: Vec<OwnedSemaphorePermit>,
}

impl HeldMemory {
    fn add(&mut self, bytes: usize, permits: Vec<OwnedSemaphorePermit>) {
        if self.permits.is_empty() {
            self.permits = permits;
        } else {
            self.permits.iter_mut().zip(permits).for_each(|(permit, more)| permit.merge(more));
        }
        self.bytes = bytes;
    }
}

impl MemoryGrant {
    /// A grant from every one of these budgets; without one, it is unlimited.
    pub(crate) fn new(budgets: Vec<MemoryBudget>) -> Self {
        Self { budgets, held: Mutex::default() }
    }

    /// Takes more bytes; `false` if a budget has fewer left.
    pub(crate) fn grow(&self, bytes: usize) -> bool {
        let Some((wanted, more)) = self.units_more(bytes) else { return false };
        let taken = self.budgets.iter().map(|budget| Arc::clone(&budget.0).try_acquire_many_owned(more).ok()).collect();
        let Some(taken): Option<Vec<OwnedSemaphorePermit>> = taken else { return false };
        self.held().add(wanted, taken);
        true
    }

    /// The bytes that are held after growing, and how many units more that is; `None` if it is more than any budget.
    fn units_more(&self, bytes: usize) -> Option<(usize, u32)> {
        let held = self.held().bytes;
        let wanted = held.saturating_add(bytes);
        Some((wanted, u32::try_from(units(wanted) - units(held)).ok()?))
    }

    /// Takes more bytes as soon as every budget has as many left. Whoever asked first is served first.
    pub(crate) async fn grow_when_free(&self, bytes: usize) {
        let Some((wanted, more)) = self.units_more(bytes) else { return std::future::pending().await };
        let mut taken = Vec::with_capacity(self.budgets.len());
        for budget in &self.budgets {
            // The semaphore is never closed, so this always yields permits.
            taken.extend(Arc::clone(&budget.0).acquire_many_owned(more).await.ok());
        }
        self.held().add(wanted, taken);
    }

    /// Gives back what is held beyond this many bytes.
    pub(crate) fn shrink_to(&self, bytes: usize) {
        let mut held = self.held();
        let bytes = bytes.min(held.bytes);
        let less = units(held.bytes) - units(bytes);
        for permit in &mut held.permits {
            drop(permit.split(less));
        }
        held.bytes = bytes;
    }

    /// The bytes held.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.held().bytes
    }

    /// Ignores lock poisoning: a panic cannot leave the count inconsistent.
    fn held(&self) -> MutexGuard<'_, HeldMemory> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_share_a_budget_and_a_client_its_part_of_it() {
        let (all, one_client) = (MemoryBudget::new(8 * UNIT), MemoryBudget::new(4 * UNIT));
        let grant = |budgets: &[&MemoryBudget]| MemoryGrant::new(budgets.iter().map(|budget| (*budget).clone()).collect());
        let (first, second, other) = (grant(&[&all, &one_client]), grant(&[&all, &one_client]), grant(&[&all]));
        assert!(first.grow(1) && first.grow(UNIT) && first.grow(UNIT - 1));
        assert_eq!((first.bytes(), all.0.available_permits(), one_client.0.available_permits()), (2 * UNIT, 6, 2));
        assert!(!second.grow(2 * UNIT + 1) && second.grow(2 * UNIT));
        assert!(other.grow(4 * UNIT) && !other.grow(1));
        first.shrink_to(1);
        assert_eq!((all.0.available_permits(), one_client.0.available_permits()), (1, 1));
        first.shrink_to(UNIT);
        assert_eq!(first.bytes(), 1);
        drop((first, second, other));
        assert_eq!((all.0.available_permits(), one_client.0.available_permits()), (8, 4));
    }

    #[tokio::test]
    async fn memory_that_is_taken_is_waited_for() {
        let budget = MemoryBudget::new(4 * UNIT);
        let grant = || MemoryGrant::new(vec![budget.clone()]);
        let (first, second) = (grant(), grant());
        first.grow_when_free(3 * UNIT).await;
        let mut waits = Box::pin(second.grow_when_free(2 * UNIT));
        assert!(futures_util::FutureExt::now_or_never(waits.as_mut()).is_none());
        drop(first);
        waits.await;
        assert_eq!((second.bytes(), budget.0.available_permits()), (2 * UNIT, 2));
    }

    #[test]
    fn without_a_budget_memory_is_unlimited() {
        let grant = MemoryGrant::default();
        assert!(grant.grow(usize::MAX / 2) || grant.bytes() == 0);
        assert!(grant.grow(1 << 30));
    }
}
