//! Used tokens, each remembered until it would be refused as expired anyway.
//! Not here: the store that several instances share; see [`super::postgres`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

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
}

/// The stores of used tokens: this instance's, and optionally one shared with other instances.
#[derive(Debug)]
pub(super) struct UsedTokenStore {
    own: UsedTokens,
    shared: Option<SharedTokens>,
}

impl UsedTokenStore {
    pub(super) fn new(own: UsedTokens, shared: Option<SharedTokens>) -> Self {
        Self { own, shared }
    }

    /// Refuses a token that this instance knows is used.
    pub(super) fn refuse_known(&self, token: UsedToken<'_>, now: i64) -> Result<(), Refusal> {
        if self.own.knows(token, now) { Err(Refusal::Replayed) } else { Ok(()) }
    }

    /// Records a token as used, and refuses it if it already is. `now` is in seconds since 1970.
    pub(super) async fn take(&self, token: UsedToken<'_>, now: i64) -> Result<(), Refusal> {
        let Some(shared) = &self.shared else { return self.own.take(token, now) };
        let answer = shared.take(token, now).await;
        if matches!(answer, Ok(()) | Err(Refusal::Replayed)) {
            // The shared store decides; the local one only saves later queries.
            _ = self.own.take(token, now);
        }
        answer
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
        self.tokens.insert(id);
        self.by_end.push(Reverse((token.end, id)));
        Ok(())
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
