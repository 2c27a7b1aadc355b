//! Feedback on cards: CDS Hooks 2.0.1, "Feedback". Epic's spelling `overrideReasons` and its `extension` are taken too.
//! <https://cds-hooks.hl7.org/2.0/#feedback>

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::request::Object;
use super::request_error::{RequestError, path_fault};

/// What a client tells of one card.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feedback<'a> {
    /// The card's uuid.
    #[serde(borrow)]
    pub card: Cow<'a, str>,
    /// What became of it.
    pub outcome: Outcome,
    /// The suggestions that were taken.
    #[serde(default)]
    accepted_suggestions: Option<Vec<IgnoredAny>>,
    #[serde(borrow, default, alias = "overrideReasons")]
    override_reason: Option<&'a RawValue>,
}

/// Why a card was not followed, as far as it is read.
#[derive(Deserialize)]
struct OverrideReason<'a> {
    #[serde(borrow)]
    reason: OverrideReasonCode<'a>,
}

#[derive(Deserialize)]
struct OverrideReasonCode<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Feedback<'_> {
    /// How many suggestions were taken.
    #[must_use]
    pub fn accepted_suggestions(&self) -> usize {
        self.accepted_suggestions.as_ref().map_or(0, Vec::len)
    }

    /// The code of the reason for not following the card, where it has one. It is the caller's word.
    #[must_use]
    pub fn override_reason_code(&self) -> Option<Cow<'_, str>> {
        let given: OverrideReason<'_> = serde_json::from_str(self.override_reason?.get()).ok()?;
        Some(given.reason.code)
    }

    /// Whether a reason was given for not following the card.
    #[must_use]
    pub fn has_override_reason(&self) -> bool {
        self.override_reason.is_some()
    }
}

/// What became of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A suggestion was taken.
    Accepted,
    /// It was not followed.
    Overridden,
}

/// What a client tells of one card, with its own words for it.
#[derive(Debug)]
pub struct CardFeedback<'a> {
    /// As far as it is read.
    pub feedback: Feedback<'a>,
    /// All of it, as the client wrote it.
    pub raw: &'a RawValue,
}

#[derive(Deserialize)]
struct FeedbackBody<F> {
    feedback: Vec<F>,
}

/// The most entries of one call. Each leaves a line in the log; EHRs that send in batches send fewer.
const MAX_ENTRIES: usize = 1_000;

/// Reads a feedback call.
///
/// # Errors
/// The first member that does not fit, by its JSON path, or that there are too many entries.
pub fn read_feedback(body: &str) -> Result<Vec<CardFeedback<'_>>, RequestError> {
    let feedback = entries::<Object<Feedback<'_>>>(body)?;
    if feedback.len() > MAX_ENTRIES {
        return Err(RequestError::TooMuchFeedback { limit: MAX_ENTRIES });
    }
    let raw = entries::<&RawValue>(body)?;
    Ok(feedback.into_iter().zip(raw).map(|(feedback, raw)| CardFeedback { feedback: feedback.0, raw }).collect())
}

fn entries<'a, F: Deserialize<'a>>(body: &'a str) -> Result<Vec<F>, RequestError> {
    let mut json = serde_json::Deserializer::from_str(body);
    let read: Result<Object<FeedbackBody<F>>, _> = serde_path_to_error::deserialize(&mut json);
    Ok(read.map_err(|error| path_fault(&error))?.0.feedback)
}
