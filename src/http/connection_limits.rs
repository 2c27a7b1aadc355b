//! Limits the number of open connections: in total, and per client address.
//! Not here: limits on calls ([`super::admission`]).

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address_counts::{AddressCounts, AddressPermit};

/// The limits on open connections.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimits {
    all: Arc<Semaphore>,
    of_one_address: usize,
    by_address: AddressCounts,
}

/// Permission to hold one connection; dropping it frees the slot.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    _place: Option<OwnedSemaphorePermit>,
    _held: Option<AddressPermit>,
}

impl ConnectionLimits {
    pub(super) fn new(all: NonZeroUsize, of_one_address: NonZeroUsize) -> Self {
        Self { all: Arc::new(Semaphore::new(all.get())), of_one_address: of_one_address.get(), by_address: AddressCounts::default() }
    }

    /// Waits for a free slot.
    pub(super) async fn next(&self) -> ConnectionPermit {
        // The semaphore is never closed, so this always yields a permit.
        ConnectionPermit { _place: Arc::clone(&self.all).acquire_owned().await.ok(), _held: None }
    }

    /// Assigns the permit to an address; `None` if the address has reached its limit.
    pub(super) fn held_by(&self, place: ConnectionPermit, address: IpAddr) -> Option<ConnectionPermit> {
        let held = self.by_address.take(address, self.of_one_address)?;
        Some(ConnectionPermit { _held: Some(held), ..place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_so_many_places_and_gives_them_back() {
        let [all, of_one] = [4, 2].map(|places| NonZeroUsize::new(places).expect("not zero"));
        let places = ConnectionLimits::new(all, of_one);
        let [one, other] = ["2001:db8::1", "2001:db8:0:1::1"].map(|text| text.parse().expect("an address"));
        let first = places.held_by(places.next().await, one);
        let second = places.held_by(places.next().await, "2001:db8::2".parse().expect("an address"));
        assert!(first.is_some() && second.is_some());
        assert!(places.held_by(places.next().await, one).is_none());
        assert!(places.held_by(places.next().await, other).is_some());
        drop(first);
        assert!(places.held_by(places.next().await, one).is_some());
    }
}
