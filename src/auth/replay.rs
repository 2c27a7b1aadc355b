//! Tokens that were used, each remembered until it would be refused as expired anyway.
//! Not here: the memory that several instances share; see [`super::postgres`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::postgres::SharedTokens;
use super::refusal::Refusal;

/// Stands for a token: a digest of its client and its `jti`, so that no caller decides how much is remembered.
pub(super) type TokenId = [u8; 32];

/// The id of a client's token.
pub(super) fn token_id(client: &str, jti: &str) -> TokenId {
    let named = [&client.len().to_be_bytes(), client.as_bytes(), jti.as_bytes()].concat();
    let mut id = TokenId::default();
    id.copy_from_slice(digest(&SHA256, &named).as_ref());
    id
}

/// Where used tokens are remembered.
#[derive(Debug)]
pub(super) enum Replays {
    InProcess(UsedTokens),
    Shared(SharedTokens),
}

impl Replays {
    /// Takes a token, which must not have been taken before. `end` and `now` are seconds since 1970; from after `end` on it
    /// need not be remembered.
    pub(super) async fn take(&self, token: TokenId, end: i64, now: i64) -> Result<(), Refusal> {
        match self {
            Self::InProcess(tokens) => tokens.take(token, end, now),
            Self::Shared(tokens) => tokens.take(token, end, now).await,
        }
    }
}

/// The memory of one instance.
#[derive(Debug)]
pub(super) struct UsedTokens {
    capacity: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    tokens: HashSet<TokenId>,
    by_end: BinaryHeap<Reverse<(i64, TokenId)>>,
}

impl UsedTokens {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity: capacity.get(), used: Mutex::default() }
    }

    /// Invariant: a token is never forgotten to make room for another; rather no more are taken.
    fn take(&self, token: TokenId, end: i64, now: i64) -> Result<(), Refusal> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget_before(now);
        if used.tokens.contains(&token) {
            return Err(Refusal::Replayed);
        }
        if used.tokens.len() >= self.capacity {
            return Err(Refusal::NoReplayMemory);
        }
        used.tokens.insert(token);
        used.by_end.push(Reverse((end, token)));
        Ok(())
    }
}

impl Used {
    fn forget_before(&mut self, now: i64) {
        while self.by_end.peek().is_some_and(|Reverse((end, _))| *end < now) {
            if let Some(Reverse((_, token))) = self.by_end.pop() {
                self.tokens.remove(&token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(capacity: usize) -> UsedTokens {
        UsedTokens::new(NonZeroUsize::new(capacity).expect("not zero"))
    }

    #[test]
    fn a_token_is_taken_once_until_after_its_end() {
        let (memory, token) = (memory(9), token_id("ehr", "a"));
        assert_eq!(memory.take(token, 100, 50), Ok(()));
        assert_eq!(memory.take(token, 100, 100), Err(Refusal::Replayed));
        assert_eq!(memory.take(token, 200, 101), Ok(()));
        assert_eq!(memory.take(token, 200, 150), Err(Refusal::Replayed));
    }

    #[test]
    fn the_same_jti_of_two_clients_is_two_tokens() {
        assert_ne!(token_id("ehr", "a"), token_id("eh", "ra"));
        let memory = memory(9);
        assert_eq!(memory.take(token_id("one", "a"), 100, 50), Ok(()));
        assert_eq!(memory.take(token_id("two", "a"), 100, 50), Ok(()));
    }

    #[test]
    fn a_full_memory_takes_no_more_and_forgets_none_that_is_still_good() {
        let memory = memory(2);
        let [first, second, third] = ["a", "b", "c"].map(|jti| token_id("ehr", jti));
        assert_eq!(memory.take(first, 100, 50), Ok(()));
        assert_eq!(memory.take(second, 200, 50), Ok(()));
        assert_eq!(memory.take(third, 300, 50), Err(Refusal::NoReplayMemory));
        assert_eq!(memory.take(first, 100, 50), Err(Refusal::Replayed));
        assert_eq!(memory.take(third, 300, 101), Ok(()));
        assert_eq!(memory.take(second, 200, 101), Err(Refusal::Replayed));
    }
}
