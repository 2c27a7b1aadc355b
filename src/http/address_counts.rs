//! Counts what each client address holds at one time.
//! Not here: how many an address may hold; see [`super::connection_limits`] and [`super::open_routes`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::peer::network;

/// How many each client address holds; entries are removed at zero.
#[derive(Clone, Debug, Default)]
pub(super) struct AddressCounts(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One that an address holds; dropping it gives it back.
#[derive(Debug)]
pub(super) struct AddressPermit {
    network: IpAddr,
    counts: AddressCounts,
}

impl AddressCounts {
    /// Counts one more for an address; `None` if it holds `most` already.
    pub(super) fn take(&self, address: IpAddr, most: usize) -> Option<AddressPermit> {
        let network = network(address);
        let mut counts = self.lock();
        let held = counts.get(&network).copied().unwrap_or_default();
        if held >= most {
            return None;
        }
        counts.insert(network, held + 1);
        drop(counts);
        Some(AddressPermit { network, counts: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(held) = counts.get_mut(&self.network) {
            *held -= 1;
            if *held == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_at_one_time_and_gives_them_back() {
        let counts = AddressCounts::default();
        let take = |text: &str| counts.take(text.parse().expect("an address"), 2);
        let (first, second) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::1").is_none());
        assert!(take("2001:db8:0:1::1").is_some());
        drop(first);
        assert!(take("2001:db8::1").is_some());
        drop(second);
        assert!(counts.lock().is_empty());
    }
}
