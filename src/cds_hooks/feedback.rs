//! Feedback on cards: CDS Hooks 2.0.1, "Feedback". Also accepts Epic's spelling `overrideReasons` and its `extension`.
//! <https://cds-hooks.hl7.org/2.0/#feedback>

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json_error::JsonError;
use super::request::Object;
use super::request_error::{RequestError, check_id};

/// A client's feedback on one card.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feedback<'a> {
    /// The card's uuid.
    #[serde(borrow)]
    pub card: Cow<'a, str>,
    /// What the user did with the card.
    pub outcome: Outcome,
    /// The suggestions that the user accepted.
    #[serde(default)]
    accepted_suggestions: Option<Vec<IgnoredAny>>,
    #[serde(borrow, default, alias = "overrideReasons")]
    override_reason: Option<&'a RawValue>,
}

/// The part of an override reason that this service uses.
#[derive(Deserialize)]
struct GivenReason<'a> {
    #[serde(borrow)]
    reason: OverrideReasonCode<'a>,
}

#[derive(Deserialize)]
struct OverrideReasonCode<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Feedback<'_> {
    /// How many suggestions the user accepted.
    #[must_use]
    pub fn accepted_suggestions(&self) -> usize {
        self.accepted_suggestions.as_ref().map_or(0, Vec::len)
    }

    /// The code of the override reason, if any. The client supplies it, so it is untrusted.
    #[must_use]
    pub fn override_reason_code(&self) -> Option<Cow<'_, str>> {
        let given: GivenReason<'_> = serde_json::from_str(self.override_reason?.get()).ok()?;
        Some(given.reason.code)
    }

    /// Whether the feedback has an override reason.
    #[must_use]
    pub fn has_override_reason(&self) -> bool {
        self.override_reason.is_some()
    }
}

/// What the user did with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The user accepted a suggestion.
    Accepted,
    /// The user overrode the card.
    Overridden,
}

/// The feedback on one card, parsed and as received.
#[derive(Debug)]
pub struct CardFeedback<'a> {
    /// The members this service uses.
    pub feedback: Feedback<'a>,
    /// The complete entry, as the client wrote it.
    pub raw: &'a RawValue,
}

#[derive(Deserialize)]
struct FeedbackBody<F> {
    feedback: Vec<F>,
}

/// Maximum entries per call. Each one produces a log line; EHRs that send in batches stay well below this.
const MAX_ENTRIES: usize = 1_000;

/// Reads a feedback call.
///
/// # Errors
/// If a member is invalid, with its JSON path, or if there are too many entries.
pub fn read_feedback(body: &str) -> Result<Vec<CardFeedback<'_>>, RequestError> {
    let feedback = entries::<Object<Feedback<'_>>>(body)?;
    if feedback.len() > MAX_ENTRIES {
        return Err(RequestError::TooMuchFeedback { limit: MAX_ENTRIES });
    }
    feedback.iter().try_for_each(|Object(feedback)| check_id(&feedback.card, "feedback.card"))?;
    let raw = entries::<&RawValue>(body)?;
    Ok(feedback.into_iter().zip(raw).map(|(feedback, raw)| CardFeedback { feedback: feedback.0, raw }).collect())
}

fn entries<'a, F: Deserialize<'a>>(body: &'a str) -> Result<Vec<F>, RequestError> {
    let mut json = serde_json::Deserializer::from_str(body);
    let read: Result<Object<FeedbackBody<F>>, _> = serde_path_to_error::deserialize(&mut json);
    Ok(read.map_err(|error| JsonError::at("", &error))?.0.feedback)
}
