//! Limits the number of open connections: in total, and per client address.
//! Not here: limits on calls ([`super::limits`]).

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::network;

/// Open connections per client address; entries are removed at zero.
type AddressCounts = Arc<Mutex<HashMap<IpAddr, usize>>>;

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
    held: Option<(IpAddr, AddressCounts)>,
}

impl ConnectionLimits {
    pub(super) fn new(all: NonZeroUsize, of_one_address: NonZeroUsize) -> Self {
        Self { all: Arc::new(Semaphore::new(all.get())), of_one_address: of_one_address.get(), by_address: Arc::default() }
    }

    /// Waits for a free slot.
    pub(super) async fn next(&self) -> ConnectionPermit {
        // The semaphore is never closed, so this always yields a permit.
        ConnectionPermit { _place: Arc::clone(&self.all).acquire_owned().await.ok(), held: None }
    }

    /// Assigns the permit to an address; `None` if the address has reached its limit.
    pub(super) fn held_by(&self, mut place: ConnectionPermit, address: IpAddr) -> Option<ConnectionPermit> {
        let address = network(address);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let held = by_address.entry(address).or_default();
        if *held >= self.of_one_address {
            return None;
        }
        *held += 1;
        place.held = Some((address, Arc::clone(&self.by_address)));
        Some(place)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((address, by_address)) = self.held.take() else { return };
        let mut by_address = by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = by_address.get_mut(&address) {
            *held -= 1;
            if *held == 0 {
                by_address.remove(&address);
            }
        }
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
        drop(second);
        assert!(places.by_address.lock().expect("not poisoned").is_empty());
    }
}
