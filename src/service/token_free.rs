//! Keeps a call's access token out of its record where the token is also a value of something else, without letting a caller blank the
//! record: a keyed digest takes the token's place unless the record would then say something else.
//! Not here: the token's own member ([`crate::cds_hooks::keepable`]), and finding the token in a text ([`TokenRedaction`]).

use std::borrow::Cow;

use secrecy::ExposeSecret as _;

use super::call_record::Recorder;
use super::hook_service::HookService;
use super::replay::RecordedCall;
use crate::cds_hooks::TokenRedaction;
use crate::decision::CallMetadata;
use crate::ledger::Entry;

impl HookService {
    /// The entry with a digest in place of the call's token. A value on which the record rests stays as it is: the patient, the user, and
    /// whatever a replay of the call needs to come to the same result. Such a value is an id, a code or a reference that EHRs send
    /// in the clear, and no secret, whatever the call's grant says.
    pub(super) fn without_token<'r>(&self, recorder: &Recorder<'r>, entry: Entry<'r>) -> Entry<'r> {
        let Some(token) = recorder.metadata.redactions.token() else { return entry };
        let Some(digest) = self.audit.ledger.redaction_digest(entry.id, token.expose_secret()) else { return entry };
        let digest = format!("redacted-token-{digest}");
        let Some(redaction) = TokenRedaction::new(token.expose_secret(), &digest) else { return entry };
        match redacted(&entry, redaction) {
            Some(redacted) if !names_caller_or_patient(recorder.metadata, redaction) && self.says_the_same(&entry, &redacted) => redacted,
            Some(_) | None => entry,
        }
    }

    /// Whether a replay of the redacted entry comes to what it records. If that of the original does not, either, the replay shows nothing
    /// of the redaction, and the secret is left out.
    fn says_the_same(&self, entry: &Entry<'_>, redacted: &Entry<'_>) -> bool {
        self.is_replayed(redacted) || !self.is_replayed(entry)
    }

    fn is_replayed(&self, entry: &Entry<'_>) -> bool {
        let (policies, content) = (entry.policies.as_deref(), &entry.content.concat());
        let record = RecordedCall { id: entry.id, received_at: entry.received_at, policies, content };
        self.replay_call(&record).is_ok_and(|replay| replay.is_identical())
    }
}

/// Whether the token is the patient's or the user's name: a record always says who asked about whom.
fn names_caller_or_patient(metadata: &CallMetadata<'_>, redaction: TokenRedaction<'_>) -> bool {
    let patient = format!("Patient/{}", metadata.patient_id);
    [&patient, metadata.user_id.as_ref()].into_iter().any(|name| redaction.is_name(name))
}

/// The entry with the token replaced; `None` if it is not in there.
fn redacted<'r>(entry: &Entry<'r>, redaction: TokenRedaction<'_>) -> Option<Entry<'r>> {
    let redact = |text: &[u8]| redaction.redact(std::str::from_utf8(text).ok()?).map(String::into_bytes);
    let (summary, parts) = (redact(&entry.summary), entry.content.iter().map(|part| redact(part)).collect::<Vec<_>>());
    if summary.is_none() && parts.iter().all(Option::is_none) {
        return None;
    }
    let mut entry = entry.clone();
    entry.summary = summary.unwrap_or(entry.summary);
    entry.content.iter_mut().zip(parts).for_each(|(part, redacted)| *part = redacted.map_or_else(|| std::mem::take(part), Cow::Owned));
    Some(entry)
}
