//! Replays a recorded call: at its original instant, with the data fetched then, under the policy versions that decided it.
//! Not here: the contents of the record; see [`super::call_record`].

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::call_error::CallError;
use super::call_record::NO_CARDS;
use super::hook_service::HookService;
use super::order_plans::{RecordedPlans, decided_orders};
use crate::cds_hooks::Hook;
use crate::crd::{AnswerOptions, HealthPlan, RequestExtension, Responder};
use crate::decision::{
    Call, CallMetadata, CanonicalBase, Decision, DecisionContext, FetchedPages, ORDER, Policies, PolicyChoice, ReadScope,
    RecordedPolicyChoice, RecordedReading, ScopedRequest, decide, read_request,
};
use crate::evidence::{Kind, REFERRED_TYPES, ReadingOptions};
use crate::fhir::{AnswerTo, Reason, SearchAnswer};
use crate::ledger::{EntryKind, OpenedRecord, PROGRAM};

/// Maximum length of a value in a difference, in characters.
const MAX_SHOWN_CHARS: usize = 120;

/// Maximum number of differences to report.
const MAX_DIFFERENCES: usize = 50;

/// Why a record cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record is not of an answered call.
    #[error("the record is of no call that was answered")]
    NotACall,
    /// The content is not in this program's format; another program or version wrote it.
    #[error("the record's content is not as this program keeps it")]
    Unreadable,
    /// A policy version that decided the call is not loaded.
    #[error("policy version `{0}`, which decided, is not among the policies; `--policy-dir` names a folder of policies")]
    NoPolicy(String),
    /// The code map that the call was read with is no longer configured.
    #[error(
        "the code map that the call was read with is not configured any more; `--config` names a configuration whose `code_map` has the same entries"
    )]
    NoCodeMap,
    /// The call is now refused.
    #[error("the call is refused now: {0}")]
    Refused(#[from] CallError),
}

/// A difference from the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, as a JSON pointer (RFC 6901) below `evaluation` or `answer`.
    pub at: String,
    /// The recorded value; `None` if there is none.
    pub recorded: Option<String>,
    /// The value computed now.
    pub now: Option<String>,
}

/// The result of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The first differences; empty if everything is identical.
    pub differences: Vec<Difference>,
    /// The policy versions whose files have changed since the decision.
    pub changed_policies: Vec<String>,
    /// The program that answered originally, if different.
    pub other_program: Option<String>,
}

/// What a replay needs of a call's record.
pub(super) struct RecordedCall<'r> {
    pub(super) id: Uuid,
    pub(super) received_at: DateTime<Utc>,
    pub(super) policies: Option<&'r str>,
    pub(super) content: &'r [u8],
}

/// The content of a call's record.
#[derive(Deserialize)]
struct CallContent<'a> {
    program: String,
    #[serde(default, rename = "answerOptions")]
    answer_options: Option<AnswerOptions>,
    #[serde(default)]
    reading: Option<RecordedReading>,
    #[serde(default)]
    plans: Option<RecordedPlans<HealthPlan>>,
    #[serde(default, rename = "policyFiles")]
    policies: Vec<UsedPolicy>,
    /// Absent in records of versions without a configured base.
    #[serde(default, rename = "canonicalBase")]
    canonical_base: CanonicalBase,
    /// Absent if there was one policy.
    #[serde(default, rename = "policyChoice")]
    policy_choice: Option<RecordedPolicyChoice>,
    #[serde(default)]
    ids: Vec<Uuid>,
    #[serde(default)]
    evaluation: Value,
    #[serde(default, borrow)]
    fetched: Option<RecordedPages<'a>>,
    answer: Value,
    /// The response withheld from a client in shadow mode.
    #[serde(default)]
    withheld: Option<Value>,
    #[serde(borrow)]
    request: &'a RawValue,
}

#[derive(Deserialize)]
struct UsedPolicy {
    policy: String,
    digest: String,
}

/// The pages that were fetched for a recorded call.
#[derive(Deserialize)]
pub(super) struct RecordedPages<'a> {
    #[serde(borrow, default)]
    orders: Vec<StoredAnswer<'a>>,
    #[serde(borrow)]
    lists: Vec<StoredAnswer<'a>>,
    #[serde(borrow)]
    referred: Vec<StoredAnswer<'a>>,
    #[serde(borrow, default)]
    form: Option<StoredAnswer<'a>>,
}

#[derive(Deserialize)]
struct StoredAnswer<'a> {
    #[serde(borrow, rename = "type")]
    of_type: Cow<'a, str>,
    #[serde(borrow)]
    pages: Vec<&'a RawValue>,
    #[serde(borrow)]
    missing: Option<Cow<'a, str>>,
}

/// A recorded request that was read and decided again.
pub(super) struct DecidedAgain<'a> {
    pub(super) metadata: CallMetadata<'a>,
    /// `None` if no order is in scope.
    pub(super) decision: Option<Decision<'a>>,
}

impl RecordedPages<'_> {
    /// The pages, for the steps of a decision.
    ///
    /// # Errors
    /// [`ReplayError::Unreadable`].
    pub(super) fn pages(&self) -> Result<FetchedPages, ReplayError> {
        Ok(FetchedPages::new(
            self.orders.iter().map(StoredAnswer::orders).collect::<Result<_, _>>()?,
            self.lists.iter().map(StoredAnswer::list).collect::<Result<_, _>>()?,
            self.referred.iter().map(StoredAnswer::referred).collect::<Result<_, _>>()?,
            self.form.as_ref().map(StoredAnswer::answer).transpose()?,
        ))
    }
}

impl StoredAnswer<'_> {
    fn answer(&self) -> Result<SearchAnswer, ReplayError> {
        let missing = self.missing.as_ref().map(|label| Reason::of_label(label).ok_or(ReplayError::Unreadable)).transpose()?;
        Ok(SearchAnswer { pages: self.pages.iter().map(|page| Bytes::copy_from_slice(page.get().as_bytes())).collect(), missing })
    }

    fn list(&self) -> Result<AnswerTo<Kind>, ReplayError> {
        let key = Kind::from_name(&self.of_type).ok_or(ReplayError::Unreadable)?;
        Ok(AnswerTo { key, answer: self.answer()? })
    }

    fn orders(&self) -> Result<AnswerTo<&'static str>, ReplayError> {
        Ok(AnswerTo { key: ORDER, answer: self.answer()? })
    }

    fn referred(&self) -> Result<AnswerTo<&'static str>, ReplayError> {
        let key = REFERRED_TYPES.into_iter().find(|name| *name == self.of_type).ok_or(ReplayError::Unreadable)?;
        Ok(AnswerTo { key, answer: self.answer()? })
    }
}

impl Replay {
    /// Whether the same program, policies and data gave the same result.
    pub(super) fn is_identical(&self) -> bool {
        self.differences.is_empty() && self.changed_policies.is_empty() && self.other_program.is_none()
    }
}

impl HookService {
    /// Replays a recorded call and compares the results. It fetches and records nothing.
    ///
    /// # Errors
    /// [`ReplayError`] if the call cannot be replayed.
    pub fn replay(&self, record: &OpenedRecord) -> Result<Replay, ReplayError> {
        if record.kind != EntryKind::Call {
            return Err(ReplayError::NotACall);
        }
        let content = record.content.as_deref().ok_or(ReplayError::Unreadable)?;
        self.replay_call(&RecordedCall { id: record.id, received_at: record.received_at, policies: record.policies.as_deref(), content })
    }

    /// As [`HookService::replay`], of a call that is not yet sealed.
    pub(super) fn replay_call(&self, record: &RecordedCall<'_>) -> Result<Replay, ReplayError> {
        let content: CallContent<'_> = serde_json::from_slice(record.content).map_err(|_| ReplayError::Unreadable)?;
        let (evaluation, answer) = self.answer_again(record, &content)?;
        let mut differences = Vec::new();
        compare("/evaluation", Some(&content.evaluation), Some(&evaluation), &mut differences);
        let recorded = content.withheld.as_ref().unwrap_or(&content.answer);
        if self.has_same_canonicals(&content) {
            compare("/answer", Some(recorded), Some(&answer), &mut differences);
        } else {
            let [recorded, answer] = [recorded, &answer].map(|answer| self.with_written_canonicals(answer, &content));
            compare("/answer", Some(&recorded?), Some(&answer?), &mut differences);
        }
        let decided = record.policies.unwrap_or_default();
        let policies = self.engine.policies();
        let is_changed = |used: &&UsedPolicy| {
            decided.split(' ').any(|name| name == used.policy) && policies.digest_of(&used.policy) != Some(used.digest.as_str())
        };
        Ok(Replay {
            differences,
            changed_policies: content.policies.iter().filter(is_changed).map(|used| used.policy.clone()).collect(),
            other_program: Some(content.program).filter(|program| program != PROGRAM),
        })
    }

    /// Whether the canonical URLs of forms are configured as they were then.
    fn has_same_canonicals(&self, content: &CallContent<'_>) -> bool {
        let policies = self.engine.policies();
        let default = content.policy_choice.as_ref().map_or(policies.default_family().id(), RecordedPolicyChoice::default_id);
        content.canonical_base == *policies.canonical_base() && default == policies.default_family().id()
    }

    /// An answer with the canonical URLs of the policy files, so that configuring others makes no difference.
    fn with_written_canonicals(&self, answer: &Value, content: &CallContent<'_>) -> Result<Value, ReplayError> {
        let policies = self.engine.policies();
        let ids: Vec<&str> = policies.families().map(|family| family.id()).collect();
        let bases = [&content.canonical_base, policies.canonical_base(), &CanonicalBase::default()];
        let text = bases.into_iter().fold(answer.to_string(), |text, base| base.written_in(&text, &ids));
        serde_json::from_str(&text).map_err(|_| ReplayError::Unreadable)
    }

    /// Decides and answers again: the evaluation and the response, as JSON.
    fn answer_again(&self, record: &RecordedCall<'_>, content: &CallContent<'_>) -> Result<(Value, Value), ReplayError> {
        let policies = self.policies_of(record, content)?;
        let policies = policies.as_ref().unwrap_or(self.engine.policies());
        let options = match &content.reading {
            Some(recorded) => self.engine.readings().restored(recorded).ok_or(ReplayError::NoCodeMap)?,
            None => ReadingOptions::default(),
        };
        let decision_context =
            DecisionContext { policies, hooks: &Hook::ALL, options: &options, ..self.engine.context(record.received_at) };
        let nothing = || Ok((Value::Null, serde_json::from_slice(NO_CARDS).map_err(|_| ReplayError::Unreadable)?));
        let pages = content.fetched.as_ref().map(RecordedPages::pages).transpose()?;
        let (pages, is_fetched) = (&pages.unwrap_or_default(), content.fetched.is_some());
        let choice =
            content.policy_choice.as_ref().map(|recorded| recorded.restored(policies).map_err(ReplayError::NoPolicy)).transpose()?;
        let choice = choice.unwrap_or_else(|| PolicyChoice::of_default(policies));
        let call = CallAgain { body: content.request.get(), pages, is_fetched };
        let DecidedAgain { metadata, decision } = decide_again(&decision_context, call, |_| choice)?;
        let Some(decision) = decision else { return nothing() };
        let unreadable = || ReplayError::Unreadable;
        let answer_options = content.answer_options.as_ref().ok_or_else(unreadable)?;
        let responder = Responder {
            answer_options,
            dialect: self.rules(answer_options.dialect),
            request_extension: &RequestExtension::read(metadata.extension),
            record: record.id,
            is_recorded: true,
            lacking_form: pages.lacking_form(&decision.choice.fallback().newest().form.canonical),
        };
        let recorded = content.plans.as_ref().ok_or_else(unreadable)?;
        let plans = recorded.order_plans(&decision).ok_or_else(unreadable)?;
        let mut ids = content.ids.iter().copied();
        let response = responder.respond(&decided_orders(&decision), &plans, || ids.next().unwrap_or_default()).map_err(CallError::from)?;
        let json = |written: Result<Value, serde_json::Error>| written.map_err(|_| ReplayError::Unreadable);
        Ok((json(serde_json::to_value(decision.report()))?, json(serde_json::to_value(response))?))
    }

    /// The policy versions that were available then, without later ones; `None` if the record does not list any.
    fn policies_of(&self, record: &RecordedCall<'_>, content: &CallContent<'_>) -> Result<Option<Policies>, ReplayError> {
        let policies = self.engine.policies();
        let mut decided = record.policies.unwrap_or_default().split(' ').filter(|name| !name.is_empty());
        if let Some(missing) = decided.find(|name| policies.digest_of(name).is_none()) {
            return Err(ReplayError::NoPolicy(missing.to_owned()));
        }
        let names: Vec<&str> = content.policies.iter().map(|used| used.policy.as_str()).collect();
        let default = content.policy_choice.as_ref().map(RecordedPolicyChoice::default_id);
        Ok(policies.only(&names, default))
    }
}

/// A request and the pages that were fetched for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallAgain<'a> {
    pub(super) body: &'a str,
    pub(super) pages: &'a FetchedPages,
    /// Whether anything was fetched.
    pub(super) is_fetched: bool,
}

/// Reads and decides a request with the pages that were fetched for it, and with the policies that `choose` gives. It fetches nothing.
///
/// # Errors
/// [`CallError`] if the call violates the specification or its orders could not be read.
pub(super) fn decide_again<'a>(
    context: &DecisionContext<'_>,
    call: CallAgain<'a>,
    choose: impl FnOnce(&ScopedRequest<'a>) -> PolicyChoice,
) -> Result<DecidedAgain<'a>, CallError> {
    let CallAgain { body, pages, is_fetched } = call;
    let Call { scoped_request, metadata, .. } = read_request(context, body, ReadScope::InScope)?;
    let Some(request) = scoped_request.map(|request| pages.add_orders(request).with_appointments_alone(context)).transpose()? else {
        return Ok(DecidedAgain { metadata, decision: None });
    };
    request.require_orders(pages.order_problem())?;
    if !request.has_scope(context) {
        return Ok(DecidedAgain { metadata, decision: None });
    }
    let request = if is_fetched { pages.add_evidence(request) } else { request };
    let choice = choose(&request);
    let decision = decide(context, request, choice);
    Ok(DecidedAgain { metadata, decision: Some(decision).filter(|decision| !decision.evaluation.orders.is_empty()) })
}

fn compare(at: &str, recorded: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    if recorded == now || found.len() >= MAX_DIFFERENCES {
        return;
    }
    match (recorded, now) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let name = key.replace('~', "~0").replace('/', "~1");
                compare(&format!("{at}/{name}"), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for place in 0..old.len().max(new.len()) {
                compare(&format!("{at}/{place}"), old.get(place), new.get(place), found);
            }
        }
        _ => found.push(Difference { at: at.to_owned(), recorded: recorded.map(shown), now: now.map(shown) }),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_where_they_are() {
        let (old, new) = (json!({"a": [1, {"b/c": "x"}], "d": 1}), json!({"a": [1, {"b/c": "y"}, 3], "e": 2}));
        let mut found = Vec::new();
        compare("/answer", Some(&old), Some(&new), &mut found);
        let difference = |at: &str, recorded: Option<&str>, now: Option<&str>| Difference {
            at: at.to_owned(),
            recorded: recorded.map(str::to_owned),
            now: now.map(str::to_owned),
        };
        let expected = [
            difference("/answer/a/1/b~1c", Some("\"x\""), Some("\"y\"")),
            difference("/answer/a/2", None, Some("3")),
            difference("/answer/d", Some("1"), None),
            difference("/answer/e", None, Some("2")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_values_have_no_difference_and_long_ones_are_cut() {
        let mut found = Vec::new();
        compare("", Some(&json!({"a": 1.5})), Some(&json!({"a": 1.5})), &mut found);
        assert!(found.is_empty());
        assert_eq!(shown(&json!("ü".repeat(200))).chars().count(), MAX_SHOWN_CHARS + 1);
    }
}
