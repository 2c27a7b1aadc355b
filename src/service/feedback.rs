//! Feedback on cards (CDS Hooks, "Feedback"): recorded, and logged by card without the clinician's free text.
//! Not here: reading it ([`crate::cds_hooks`]).

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tracing::info;
use uuid::Uuid;

use super::call_error::CallError;
use super::call_record::JsonMembers;
use super::hook_service::HookService;
use crate::auth::VerifiedClient;
use crate::cds_hooks::{CardFeedback, body_text, read_feedback};
use crate::large_work::without_blocking;
use crate::ledger::{Entry, EntryKind};

/// The card of a feedback entry, if known.
#[derive(Clone, Copy)]
struct RatedCard {
    /// `None` if the client's value is not a UUID.
    id: Option<Uuid>,
    /// The call that returned the card.
    about: Option<Uuid>,
    /// Whether the ledger could be searched.
    can_tell: bool,
}

impl RatedCard {
    /// Whether a call of this service returned the card; `None` if the ledger could not be searched.
    fn is_known(&self) -> Option<bool> {
        self.can_tell.then_some(self.about.is_some())
    }
}

impl HookService {
    /// Accepts feedback. Each entry is recorded, and logged by card without the clinician's free text.
    ///
    /// # Errors
    /// [`CallError`] if the feedback violates the specification, is too much or cannot be recorded. `take` counts the entries, and tells how
    /// long to wait if the client gave too many.
    pub async fn feedback(
        &self,
        client: &VerifiedClient,
        body: &[u8],
        take: impl FnOnce(usize) -> Option<Duration>,
    ) -> Result<(), CallError> {
        let now = self.audit.clock.now();
        let body = body_text(body).ok_or(CallError::NotUtf8)?;
        let given = without_blocking(body.len(), || read_feedback(body)).await?;
        if let Some(wait) = take(given.len()) {
            return Err(CallError::TooMuchFeedback { wait });
        }
        self.audit.check_usage(client, now)?;
        let ids: Vec<Option<Uuid>> = given.iter().map(|given| Uuid::parse_str(&given.feedback.card).ok()).collect();
        let wanted: Vec<Uuid> = ids.iter().copied().flatten().collect();
        let calls = self.audit.ledger.calls_of_cards(&wanted).await;
        let call_of = |card: Uuid| calls.iter().flatten().find(|(known, _)| *known == card).map(|(_, call)| *call);
        let card = |id: Option<Uuid>| RatedCard { id, about: id.and_then(call_of), can_tell: calls.is_some() };
        let given: Vec<(CardFeedback<'_>, RatedCard)> = given.into_iter().zip(ids.into_iter().map(card)).collect();
        if self.audit.ledger.is_on() {
            self.audit.record(given.iter().map(|(given, card)| self.feedback_entry(client, given, *card, now)).collect()).await?;
        }
        for (CardFeedback { feedback, .. }, card) in &given {
            self.metrics.fed_back(client, feedback);
            let (is_uuid, is_known, card) = (card.id.is_some(), card.is_known(), card.id.unwrap_or_default());
            let accepted = feedback.accepted_suggestions();
            let overridden_with_reason = feedback.has_override_reason();
            info!(client = client.name(), %card, is_uuid, is_known, outcome = ?feedback.outcome, accepted, overridden_with_reason, "feedback");
        }
        Ok(())
    }

    fn feedback_entry(&self, client: &VerifiedClient, given: &CardFeedback<'_>, card: RatedCard, now: DateTime<Utc>) -> Entry<'static> {
        let mut entry = Entry::new(self.audit.new_id(), EntryKind::Feedback, now);
        entry.client = Some(client.name().to_owned());
        entry.tenant = client.tenant().map(str::to_owned);
        entry.status = Some(200);
        (entry.card, entry.about) = (card.id, card.about);
        entry.summary = json!({ "outcome": given.feedback.outcome, "cardIsKnown": card.is_known() }).to_string().into_bytes();
        entry.content = vec![JsonMembers::default().raw("feedback", given.raw.get().as_bytes()).finish().into()];
        entry
    }
}
