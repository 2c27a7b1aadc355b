//! The port through which used tokens reach a durable store, so that they survive a restart. The composition root connects it to the ledger.
//! Not here: which tokens are used ([`super::replay`]), and the store that several instances share ([`super::postgres`]).

use std::fmt;

use futures_util::future::BoxFuture;

/// A used token in its stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Its `iss`, which is a configured client's.
    pub issuer: String,
    /// A digest of its issuer and `jti`.
    pub digest: [u8; 32],
    /// The second since 1970 until which it is remembered.
    pub remembered_until: i64,
}

/// A durable store of used tokens.
pub trait DurableTokens: fmt::Debug + Send + Sync {
    /// Begins to store a token; `None` if that is not possible. The result tells whether the token is durable. A result that is dropped does
    /// not stop the write.
    fn begin_write(&self, token: StoredToken) -> Option<BoxFuture<'static, bool>>;
}

/// The write of an admitted caller's token.
///
/// Invariant: no answer leaves before it is durable, or a process that is killed would forget a token that was used.
#[must_use]
pub struct TokenWrite(Option<BoxFuture<'static, bool>>);

impl TokenWrite {
    /// There is nothing to wait for.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn pending(write: BoxFuture<'static, bool>) -> Self {
        Self(Some(write))
    }

    /// Waits for the write; `false` if the token is not durable, or not known to be.
    pub async fn is_durable(self) -> bool {
        match self.0 {
            Some(write) => write.await,
            None => true,
        }
    }
}

impl fmt::Debug for TokenWrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TokenWrite").field(&self.0.is_some()).finish()
    }
}
