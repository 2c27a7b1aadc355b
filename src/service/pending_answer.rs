//! A response that must not leave until it is recorded.
//! Not here: recording; see [`super::audit`].

use super::call_error::CallError;
use crate::cds_hooks::Hook;
use crate::ledger::PendingWrite;

/// The response to a call.
#[derive(Clone, Debug)]
pub struct HookAnswer {
    /// The call's hook.
    pub hook: Hook,
    /// The response body, as JSON.
    pub body: Vec<u8>,
}

/// A response that must not leave until it is recorded.
#[derive(Debug)]
#[must_use]
pub struct PendingAnswer {
    pub(super) answer: HookAnswer,
    pub(super) write: PendingWrite,
}

impl PendingAnswer {
    /// The call's hook.
    #[must_use]
    pub fn hook(&self) -> Hook {
        self.answer.hook
    }

    /// The response, as soon as it is recorded.
    ///
    /// # Errors
    /// [`CallError::NotRecorded`].
    pub async fn durable(self) -> Result<HookAnswer, CallError> {
        self.write.durable().await.map_err(|_| CallError::NotRecorded)?;
        Ok(self.answer)
    }
}
