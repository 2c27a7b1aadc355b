//! Used tokens, each remembered until it would be refused as expired anyway.
//! Not here: the store that several instances share ([`super::postgres`]), and the one that outlives this process
//! ([`super::durable_tokens`]).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::durable_tokens::{DurableTokens, StoredToken, TokenWrite};
use super::postgres::SharedTokens;
use super::refusal::Refusal;

/// Identifies a token by a digest of its issuer and `jti`, so that callers cannot control how much memory an entry takes.
pub(super) type TokenId = [u8; 32];

/// How long a token is remembered after it expires, in seconds. Clocks differ: if a fast clock is set back, tokens that become
/// valid again must still be known.
pub(super) const REMEMBERED_AFTER_END: i64 = 10 * 60;

/// A token about to be recorded as used.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsedToken<'t> {
    /// Its `iss`. A `jti` is unique among the tokens of one issuer (RFC 7519, section 4.1.7), whichever configured client it belongs to.
    pub(super) issuer: &'t str,
    pub(super) jti: &'t str,
    /// The second since 1970 after which it is refused as expired.
    pub(super) end: i64,
}

impl UsedToken<'_> {
    pub(super) fn id(&self) -> TokenId {
        let named = [&self.issuer.len().to_be_bytes(), self.issuer.as_bytes(), self.jti.as_bytes()].concat();
        let mut id = TokenId::default();
        id.copy_from_slice(digest(&SHA256, &named).as_ref());
        id
    }

    fn stored(&self) -> StoredToken {
        StoredToken { issuer: self.issuer.to_owned(), digest: self.id(), remembered_until: self.end.saturating_add(REMEMBERED_AFTER_END) }
    }
}

/// The stores of used tokens: this instance's memory, and one that outlives it: shared with other instances, or its own.
#[derive(Debug)]
pub(super) struct UsedTokenStore {
    own: UsedTokens,
    shared: Option<SharedTokens>,
    durable: OnceLock<Arc<dyn DurableTokens>>,
}

impl UsedTokenStore {
    pub(super) fn new(own: UsedTokens, shared: Option<SharedTokens>) -> Self {
        Self { own, shared, durable: OnceLock::new() }
    }

    /// Stores used tokens durably from now on, and remembers those that were stored before.
    pub(super) fn keep_in(&self, durable: Arc<dyn DurableTokens>, stored: Vec<StoredToken>) {
        for token in stored {
            self.own.restore(token);
        }
        // There is one store per process.
        _ = self.durable.set(durable);
    }

    /// Creates the table of the shared store, if there is one.
    pub(super) async fn create_table(&self) -> Result<(), sqlx::Error> {
        match &self.shared {
            Some(shared) => shared.create_table().await,
            None => Ok(()),
        }
    }

    /// Refuses a token that this instance knows is used.
    pub(super) fn refuse_known(&self, token: UsedToken<'_>, now: i64) -> Result<(), Refusal> {
        if self.own.knows(token, now) { Err(Refusal::Replayed) } else { Ok(()) }
    }

    /// Records a token as used, and refuses it if it already is. `now` is in seconds since 1970.
    pub(super) async fn take(&self, token: UsedToken<'_>, now: i64) -> Result<TokenWrite, Refusal> {
        let Some(shared) = &self.shared else { return self.take_here(token, now) };
        let answer = shared.take(token, now).await;
        if matches!(answer, Ok(()) | Err(Refusal::Replayed)) {
            // The shared store decides; the local one only saves later queries.
            _ = self.own.take(token, now);
        }
        answer.map(|()| TokenWrite::none())
    }

    /// The memory decides at once. A token that cannot even be queued for the durable store is not used up.
    fn take_here(&self, token: UsedToken<'_>, now: i64) -> Result<TokenWrite, Refusal> {
        self.own.take(token, now)?;
        let Some(durable) = self.durable.get() else { return Ok(TokenWrite::none()) };
        let write = durable.begin_write(token.stored()).ok_or(Refusal::NoReplayMemory);
        if write.is_err() {
            self.own.forget(token);
        }
        write.map(TokenWrite::pending)
    }
}

/// The used tokens of one instance.
#[derive(Debug)]
pub(super) struct UsedTokens {
    /// Tokens per issuer, so that no issuer can use up the capacity of another.
    capacity: usize,
    by_issuer: Mutex<HashMap<String, Used>>,
}

#[derive(Debug, Default)]
struct Used {
    tokens: HashSet<TokenId>,
    by_end: BinaryHeap<Reverse<(i64, TokenId)>>,
}

impl UsedTokens {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity: capacity.get(), by_issuer: Mutex::default() }
    }

    fn knows(&self, token: UsedToken<'_>, now: i64) -> bool {
        let mut by_issuer = self.by_issuer.lock().unwrap_or_else(PoisonError::into_inner);
        by_issuer.get_mut(token.issuer).is_some_and(|used| {
            used.forget_before(now - REMEMBERED_AFTER_END);
            used.tokens.contains(&token.id())
        })
    }

    /// Remembers a token that an earlier process stored, even beyond the capacity.
    fn restore(&self, token: StoredToken) {
        let StoredToken { issuer, digest, remembered_until } = token;
        let mut by_issuer = self.by_issuer.lock().unwrap_or_else(PoisonError::into_inner);
        by_issuer.entry(issuer).or_default().insert(digest, remembered_until.saturating_sub(REMEMBERED_AFTER_END));
    }

    fn forget(&self, token: UsedToken<'_>) {
        let mut by_issuer = self.by_issuer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = by_issuer.get_mut(token.issuer) {
            used.tokens.remove(&token.id());
        }
    }

    /// Invariant: no token is evicted to make room; when the capacity is reached, new tokens are refused.
    fn take(&self, token: UsedToken<'_>, now: i64) -> Result<(), Refusal> {
        let mut by_issuer = self.by_issuer.lock().unwrap_or_else(PoisonError::into_inner);
        by_issuer.entry(token.issuer.to_owned()).or_default().take(token, now, self.capacity)
    }
}

impl Used {
    fn take(&mut self, token: UsedToken<'_>, now: i64, capacity: usize) -> Result<(), Refusal> {
        self.forget_before(now - REMEMBERED_AFTER_END);
        let id = token.id();
        if self.tokens.contains(&id) {
            return Err(Refusal::Replayed);
        }
        if self.tokens.len() >= capacity {
            return Err(Refusal::NoReplayMemory);
        }
        self.insert(id, token.end);
        Ok(())
    }

    fn insert(&mut self, id: TokenId, end: i64) {
        self.tokens.insert(id);
        self.by_end.push(Reverse((end, id)));
    }

    fn forget_before(&mut self, moment: i64) {
        while self.by_end.peek().is_some_and(|Reverse((end, _))| *end < moment) {
            if let Some(Reverse((_, token))) = self.by_end.pop() {
                self.tokens.remove(&token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: i64 = REMEMBERED_AFTER_END;

    fn memory(capacity: usize) -> UsedTokens {
        UsedTokens::new(NonZeroUsize::new(capacity).expect("not zero"))
    }

    fn token<'t>(issuer: &'t str, jti: &'t str, end: i64) -> UsedToken<'t> {
        UsedToken { issuer, jti, end }
    }

    #[test]
    fn a_token_is_taken_once_until_long_after_its_end() {
        let memory = memory(9);
        assert_eq!(memory.take(token("ehr", "a", 100), 50), Ok(()));
        assert_eq!(memory.take(token("ehr", "a", 100), 100), Err(Refusal::Replayed));
        assert_eq!(memory.take(token("ehr", "a", 100), 100 + LONG), Err(Refusal::Replayed));
        assert_eq!(memory.take(token("ehr", "a", 9_000), 101 + LONG), Ok(()));
        assert_eq!(memory.take(token("ehr", "a", 9_000), 101 + LONG), Err(Refusal::Replayed));
    }

    #[test]
    fn the_same_jti_of_two_issuers_is_two_tokens() {
        assert_ne!(token("ehr", "a", 0).id(), token("eh", "ra", 0).id());
        let memory = memory(9);
        assert_eq!(memory.take(token("one", "a", 100), 50), Ok(()));
        assert_eq!(memory.take(token("two", "a", 100), 50), Ok(()));
    }

    #[test]
    fn a_full_memory_takes_no_more_of_that_issuer_and_forgets_none_that_is_still_good() {
        let memory = memory(2);
        assert_eq!(memory.take(token("ehr", "a", 100), 50), Ok(()));
        assert_eq!(memory.take(token("ehr", "b", 200), 50), Ok(()));
        assert_eq!(memory.take(token("ehr", "c", 300), 50), Err(Refusal::NoReplayMemory));
        assert_eq!(memory.take(token("other", "c", 300), 50), Ok(()));
        assert_eq!(memory.take(token("ehr", "a", 100), 50), Err(Refusal::Replayed));
        assert_eq!(memory.take(token("ehr", "c", 9_000), 101 + LONG), Ok(()));
        assert_eq!(memory.take(token("ehr", "b", 200), 101 + LONG), Err(Refusal::Replayed));
    }
}
