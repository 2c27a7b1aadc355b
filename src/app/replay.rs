//! Replays a recorded call: at its original instant, with the data fetched then, under the policy versions that decided it.
//! Not here: the contents of the record; see [`super::recording`].

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::answering::Answering;
use super::application::{App, NO_CARDS};
use super::call_error::CallError;
use super::client_options::{AnswerOptions, KeptPlans};
use super::decision::{Call, DecisionContext, ReadScope, conclude, has_scope};
use super::fetching::{FetchedPages, ORDER, lacking_form, with_lists, with_orders, with_referred};
use super::plans::Plan;
use super::read_request::read_request;
use super::readings::KeptReading;
use crate::cds_hooks::Hook;
use crate::crd::RequestExtension;
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

/// The content of a call's record.
#[derive(Deserialize)]
struct CallContent<'a> {
    program: String,
    #[serde(default, rename = "answerOptions")]
    answer_options: Option<AnswerOptions>,
    #[serde(default)]
    reading: Option<KeptReading>,
    #[serde(default)]
    plans: Option<KeptPlans<Plan>>,
    #[serde(default, rename = "policyFiles")]
    policies: Vec<UsedPolicy>,
    #[serde(default)]
    ids: Vec<Uuid>,
    #[serde(default)]
    evaluation: Value,
    #[serde(default, borrow)]
    fetched: Option<StoredFetched<'a>>,
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

#[derive(Deserialize)]
struct StoredFetched<'a> {
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

/// An empty fetch result.
static NOTHING: FetchedPages = FetchedPages { orders: Vec::new(), lists: Vec::new(), referred: Vec::new(), form: None };

impl StoredFetched<'_> {
    fn answers(&self) -> Result<FetchedPages, ReplayError> {
        Ok(FetchedPages {
            orders: self.orders.iter().map(StoredAnswer::orders).collect::<Result<_, _>>()?,
            lists: self.lists.iter().map(StoredAnswer::list).collect::<Result<_, _>>()?,
            referred: self.referred.iter().map(StoredAnswer::referred).collect::<Result<_, _>>()?,
            form: self.form.as_ref().map(StoredAnswer::answer).transpose()?,
        })
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

impl App {
    /// Replays a recorded call and compares the results. It fetches and records nothing.
    ///
    /// # Errors
    /// [`ReplayError`] if the call cannot be replayed.
    pub fn replay(&self, kept: &OpenedRecord) -> Result<Replay, ReplayError> {
        if kept.kind != EntryKind::Call {
            return Err(ReplayError::NotACall);
        }
        let content = kept.content.as_deref().ok_or(ReplayError::Unreadable)?;
        let content: CallContent<'_> = serde_json::from_slice(content).map_err(|_| ReplayError::Unreadable)?;
        let (evaluation, answer) = self.answer_again(kept, &content)?;
        let mut differences = Vec::new();
        compare("/evaluation", Some(&content.evaluation), Some(&evaluation), &mut differences);
        let recorded = content.withheld.as_ref().unwrap_or(&content.answer);
        compare("/answer", Some(recorded), Some(&answer), &mut differences);
        let decided = kept.policies.as_deref().unwrap_or_default();
        let is_changed = |used: &&UsedPolicy| {
            decided.split(' ').any(|name| name == used.policy) && self.policies().digest_of(&used.policy) != Some(used.digest.as_str())
        };
        Ok(Replay {
            differences,
            changed_policies: content.policies.iter().filter(is_changed).map(|used| used.policy.clone()).collect(),
            other_program: Some(content.program).filter(|program| program != PROGRAM),
        })
    }

    fn answer_again(&self, kept_call: &OpenedRecord, content: &CallContent<'_>) -> Result<(Value, Value), ReplayError> {
        let decided = kept_call.policies.as_deref().unwrap_or_default().split(' ').filter(|name| !name.is_empty());
        if let Some(missing) = decided.into_iter().find(|name| self.policies().digest_of(name).is_none()) {
            return Err(ReplayError::NoPolicy(missing.to_owned()));
        }
        // Use only the versions that were available then, not later ones.
        let names: Vec<&str> = content.policies.iter().map(|used| used.policy.as_str()).collect();
        let policies = self.policies().only(&names);
        let options = match &content.reading {
            Some(kept) => self.readings.restored(kept).ok_or(ReplayError::NoCodeMap)?,
            None => ReadingOptions::default(),
        };
        let policies = policies.as_ref().unwrap_or(self.policies());
        let decision_context =
            DecisionContext { policies, hooks: &Hook::ALL, options: &options, ..self.decision_context(kept_call.received_at) };
        let Call { scoped_request, asked, .. } =
            read_request(&decision_context, content.request.get(), ReadScope::InScope).map_err(CallError::from)?;
        let nothing = || Ok((Value::Null, serde_json::from_slice(NO_CARDS).map_err(|_| ReplayError::Unreadable)?));
        let fetched = content.fetched.as_ref().map(StoredFetched::answers).transpose()?;
        let FetchedPages { orders, lists, referred, form } = fetched.as_ref().unwrap_or(&NOTHING);
        let Some(scoped_request) = scoped_request.map(|scoped_request| with_orders(scoped_request, orders)) else { return nothing() };
        if !has_scope(&decision_context, &scoped_request) {
            return nothing();
        }
        let scoped_request = if fetched.is_some() {
            scoped_request.with(|patient_record| with_referred(with_lists(patient_record, lists), referred))
        } else {
            scoped_request
        };
        let decision = conclude(&decision_context, scoped_request);
        let mut ids = content.ids.iter().copied();
        let unreadable = || ReplayError::Unreadable;
        let (answer_options, kept) =
            (content.answer_options.as_ref().ok_or_else(unreadable)?, content.plans.as_ref().ok_or_else(unreadable)?);
        let lacking_form = lacking_form(decision_context.policies, form.as_ref());
        let (dialect, asked) = (self.rules(answer_options.dialect), RequestExtension::read(asked.extension));
        let answering = Answering {
            policies: decision_context.policies,
            answer_options,
            dialect,
            asked: &asked,
            record: kept_call.id,
            is_kept: true,
            lacking_form,
        };
        let plans = kept.order_plans(decision_context.policies, &decision).ok_or_else(unreadable)?;
        let response = answering.respond(&decision, &plans, || ids.next().unwrap_or_default())?;
        let json = |written: Result<Value, serde_json::Error>| written.map_err(|_| ReplayError::Unreadable);
        Ok((json(serde_json::to_value(decision.report()))?, json(serde_json::to_value(response))?))
    }
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
