//! Records calls, faults, refused callers and feedback in the ledger.
//! Invariant: no response leaves before it is recorded.
//! Not here: the contents of a call's record; see [`super::recording`].

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tracing::info;
use uuid::Uuid;

use super::application::{Answer, App};
use super::call_error::CallError;
use super::ports::Ports;
use crate::auth::VerifiedClient;
use crate::cds_hooks::{CardFeedback, Hook, read_feedback};
use crate::ledger::{Entry, EntryKind, LedgerHealth, PendingWrite};

/// The window in which refused callers are limited and counted.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Limits how many refused callers get a record of their own, so that refused requests cannot fill the disk.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    since: DateTime<Utc>,
    recorded: u32,
    beyond: u32,
}

/// How to record one refused caller.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// Whether this caller gets a record of its own.
    is_recorded: bool,
    /// The number of unrecorded refusals in the previous window, and the window's start.
    beyond: Option<(u32, DateTime<Utc>)>,
}

/// The card of a feedback entry, if known.
#[derive(Clone, Copy)]
struct Card {
    /// `None` if the client's value is not a UUID.
    id: Option<Uuid>,
    /// The call that returned the card.
    about: Option<Uuid>,
    /// Whether the ledger could be searched.
    can_tell: bool,
}

impl Card {
    /// Whether a call of this service returned the card; `None` if the ledger could not be searched.
    fn is_known(&self) -> Option<bool> {
        self.can_tell.then_some(self.about.is_some())
    }
}

impl Refusals {
    /// Counts a refusal; at most `most` per minute get a record of their own.
    fn turn(&self, most: NonZeroU32, now: DateTime<Utc>) -> Turn {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let mut beyond = None;
        if now - minute.since >= MINUTE || now < minute.since {
            beyond = (minute.beyond > 0).then_some((minute.beyond, minute.since));
            *minute = Minute { since: now, ..Minute::default() };
        }
        let is_recorded = minute.recorded < most.get();
        if is_recorded {
            minute.recorded += 1;
        } else {
            minute.beyond = minute.beyond.saturating_add(1);
        }
        Turn { is_recorded, beyond }
    }

    /// The refusals not recorded yet, at shutdown.
    fn rest(&self) -> Option<(u32, DateTime<Utc>)> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = (minute.beyond > 0).then_some((minute.beyond, minute.since));
        minute.beyond = 0;
        rest
    }
}

impl Ports {
    /// Records the remaining refusals and closes the ledger. No more calls are answered after that.
    pub async fn close(&self) {
        if let Some(beyond) = self.refusals.rest() {
            self.ledger.write_in_background(self.many_refusals(beyond));
        }
        self.ledger.close().await;
    }

    fn many_refusals(&self, (count, since): (u32, DateTime<Utc>)) -> Entry<'static> {
        let mut entry = Entry::new(self.ids.new_id(), EntryKind::Refusal, since);
        entry.cause = Some("several".to_owned());
        entry.summary = json!({ "count": count }).to_string().into_bytes();
        entry
    }
}

/// A response that must not leave until it is recorded.
#[derive(Debug)]
#[must_use]
pub struct PendingAnswer {
    answer: Answer,
    underway: PendingWrite,
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
    pub async fn kept(self) -> Result<Answer, CallError> {
        self.underway.durable().await.map_err(|_| CallError::NotRecorded)?;
        Ok(self.answer)
    }
}

impl App {
    /// Starts to record entries. The answer stays pending until they are durable.
    pub(super) fn begin_keeping(&self, entries: Vec<Entry<'_>>, answer: Answer) -> Result<PendingAnswer, CallError> {
        let underway = self.ports().ledger.begin_write(entries).map_err(|_| CallError::NotRecorded)?;
        Ok(PendingAnswer { answer, underway })
    }

    /// Records entries; they are durable when this returns.
    pub(super) async fn keep(&self, entries: Vec<Entry<'_>>) -> Result<(), CallError> {
        self.ports().ledger.write(entries).await.map_err(|_| CallError::NotRecorded)
    }

    /// Records that an authenticated client's call failed, under a fixed cause name.
    ///
    /// # Errors
    /// [`CallError::NotRecorded`]; the fault must then not be reported either.
    pub async fn keep_fault(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) -> Result<(), CallError> {
        if !self.ports().ledger.is_on() {
            return Ok(());
        }
        self.keep(vec![self.fault(client, cause, status)]).await
    }

    /// Like [`App::keep_fault`], without waiting for durability.
    pub fn keep_fault_unwaited(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) {
        if self.ports().ledger.is_on() {
            self.ports().ledger.write_in_background(self.fault(client, cause, status));
        }
    }

    fn fault(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) -> Entry<'static> {
        let mut entry = Entry::new(self.ports().ids.new_id(), EntryKind::Fault, self.ports().clock.now());
        entry.client = Some(client.name().to_owned());
        entry.tenant = client.tenant().map(str::to_owned);
        entry.cause = Some(cause.to_owned());
        entry.status = status;
        entry
    }

    /// Records a refused caller; `says_it_is` is the configured client that its token claims, unverified.
    pub fn keep_refusal(&self, says_it_is: Option<&str>, cause: &'static str, status: u16) {
        if !self.ports().ledger.is_on() {
            return;
        }
        let now = self.ports().clock.now();
        let Turn { is_recorded, beyond } = self.ports().refusals.turn(self.refusals_per_minute(), now);
        if let Some(beyond) = beyond {
            self.ports().ledger.write_in_background(self.ports().many_refusals(beyond));
        }
        if is_recorded {
            let mut entry = Entry::new(self.ports().ids.new_id(), EntryKind::Refusal, now);
            entry.client = says_it_is.map(str::to_owned);
            entry.cause = Some(cause.to_owned());
            entry.status = Some(status);
            self.ports().ledger.write_in_background(entry);
        }
    }

    /// Accepts feedback. Each entry is recorded, and logged by card without the clinician's free text.
    ///
    /// # Errors
    /// [`CallError`] if the feedback violates the specification or cannot be recorded.
    pub async fn feedback(&self, client: &VerifiedClient, body: &[u8]) -> Result<(), CallError> {
        let now = self.ports().clock.now();
        let told = read_feedback(super::application::text(body)?)?;
        let ids: Vec<Option<Uuid>> = told.iter().map(|told| Uuid::parse_str(&told.feedback.card).ok()).collect();
        let wanted: Vec<Uuid> = ids.iter().copied().flatten().collect();
        let calls = self.ports().ledger.calls_of_cards(&wanted).await;
        let call_of = |card: Uuid| calls.iter().flatten().find(|(known, _)| *known == card).map(|(_, call)| *call);
        let card = |id: Option<Uuid>| Card { id, about: id.and_then(call_of), can_tell: calls.is_some() };
        let told: Vec<(CardFeedback<'_>, Card)> = told.into_iter().zip(ids.into_iter().map(card)).collect();
        if self.ports().ledger.is_on() {
            self.keep(told.iter().map(|(told, card)| self.feedback_entry(client, told, *card, now)).collect()).await?;
        }
        for (CardFeedback { feedback, .. }, card) in &told {
            self.figures().fed_back(client, feedback);
            let (is_uuid, is_known, card) = (card.id.is_some(), card.is_known(), card.id.unwrap_or_default());
            let accepted = feedback.accepted_suggestions();
            let overridden_with_reason = feedback.has_override_reason();
            info!(client = client.name(), %card, is_uuid, is_known, outcome = ?feedback.outcome, accepted, overridden_with_reason, "feedback");
        }
        Ok(())
    }

    fn feedback_entry(&self, client: &VerifiedClient, told: &CardFeedback<'_>, card: Card, now: DateTime<Utc>) -> Entry<'static> {
        let mut entry = Entry::new(self.ports().ids.new_id(), EntryKind::Feedback, now);
        entry.client = Some(client.name().to_owned());
        entry.tenant = client.tenant().map(str::to_owned);
        entry.status = Some(200);
        (entry.card, entry.about) = (card.id, card.about);
        entry.summary = json!({ "outcome": told.feedback.outcome, "cardIsKnown": card.is_known() }).to_string().into_bytes();
        entry.content = vec![super::recording::JsonMembers::default().raw("feedback", told.raw.get().as_bytes()).finish().into()];
        entry
    }

    /// The ledger's health.
    pub async fn ledger_standing(&self) -> LedgerHealth {
        self.ports().ledger.health().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_so_many_a_minute_refused_callers_are_counted_together() {
        let refusals = Refusals::default();
        let most = NonZeroU32::new(2).expect("not zero");
        let begun = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let at = |seconds| begun + TimeDelta::seconds(seconds);
        let turn = |is_recorded, beyond| Turn { is_recorded, beyond };
        assert_eq!(refusals.turn(most, at(0)), turn(true, None));
        assert_eq!(refusals.turn(most, at(1)), turn(true, None));
        assert_eq!(refusals.turn(most, at(2)), turn(false, None));
        assert_eq!(refusals.turn(most, at(59)), turn(false, None));
        assert_eq!(refusals.turn(most, at(60)), turn(true, Some((2, begun))));
        assert_eq!(refusals.rest(), None);
        assert_eq!(refusals.turn(most, at(61)), turn(true, None));
        assert_eq!(refusals.turn(most, at(62)), turn(false, None));
        assert_eq!((refusals.rest(), refusals.rest()), (Some((1, at(60))), None));
    }
}
