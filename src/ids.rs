//! New identifiers, injected: random in service, a reproducible sequence in tests.
//! Not here: identifiers from callers, which are kept as text in any format.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Generates identifiers for cards, suggestions, assertions and requests.
pub trait IdSource: Send + Sync {
    /// Returns an identifier that this source has not returned before.
    fn new_id(&self) -> Uuid;
}

/// Version 7 identifiers (RFC 9562, section 5.7): unique across replicas and sorted by creation time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes random identifiers; everything else is passed an `IdSource`")]
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The identifiers 1, 2, 3, … in the format of a UUID: for tests and reproducible evaluations, never for service.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn new_id(&self) -> Uuid {
        let earlier = self.0.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u128(u128::from(earlier) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequential_ids_count_from_one() {
        let ids = SequentialIds::default();
        assert_eq!((ids.new_id().as_u128(), ids.new_id().as_u128()), (1, 2));
    }

    #[test]
    fn random_ids_are_version_7_and_differ() {
        let (first, second) = (RandomIds.new_id(), RandomIds.new_id());
        assert_eq!(first.get_version_num(), 7);
        assert_ne!(first, second);
    }
}
