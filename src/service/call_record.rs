//! Builds the record of an answered call: the summary for lists, and everything a replay needs.
//! Not here: storage ([`crate::ledger`]), and replay ([`super::replay`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::order_plans::RecordedPlans;
use crate::auth::VerifiedClient;
use crate::cds_hooks::{Redactions, keepable, without_secrets};
use crate::crd::{AnswerOptions, HealthPlan, RequestExtension};
use crate::decision::{CallMetadata, Decision, FetchedPages, Policies, PolicyChoice, RecordedReading};
use crate::fhir::{AnswerTo, Reason, SearchAnswer};
use crate::ledger::{Entry, EntryKind, PROGRAM};
use crate::policy::{CriterionId, Determination, OrderKind, PassedOver, PathwayId, Site, Verdict};

/// Typical size of a serialized evaluation, in bytes.
const TYPICAL_EVALUATION_BYTES: usize = 16 * 1024;

/// The response when no order is in scope.
pub(crate) const NO_CARDS: &[u8] = br#"{"cards":[]}"#;

/// The HTTP status of every answered call.
const OK: u16 = 200;

/// The metadata of a call that is being answered.
pub(crate) struct Recorder<'r> {
    pub(crate) client: &'r VerifiedClient,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) body: &'r str,
    pub(crate) metadata: &'r CallMetadata<'r>,
    /// How the client's charts are read, if the client has settings of its own.
    pub(crate) reading: Option<RecordedReading>,
}

/// The data to record for a call without a decided order.
pub(crate) struct UndecidedCall<'d, 'a> {
    pub(crate) policies: &'d Policies,
    /// Which policy was to judge each order, if that was found out.
    pub(crate) choice: Option<&'d PolicyChoice>,
    pub(crate) fetched: Option<&'d FetchedPages>,
    pub(crate) passed_over: &'d [PassedOver<'a>],
}

/// The response to a call with orders in scope.
pub(crate) struct DecidedCall<'d, 'a> {
    pub(crate) decision: &'d Decision<'a>,
    pub(crate) fetched: Option<&'d FetchedPages>,
    pub(crate) answer_options: &'d AnswerOptions,
    /// The CRD extension of the request.
    pub(crate) request_extension: &'d RequestExtension,
    pub(crate) plans: &'d RecordedPlans<&'d HealthPlan>,
    pub(crate) policies: &'d Policies,
    /// The ids in the response, in the order they were generated.
    pub(crate) ids: &'d [Uuid],
    pub(crate) cards: Vec<Uuid>,
}

/// A call's summary in lists.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallSummary<'s> {
    hook_instance: &'s str,
    patient: &'s str,
    user: &'s str,
    /// Epic's number of the user action that triggered the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<u32>,
    /// Configuration codes of the call that were ignored (CRD 2.2.1, dev-6).
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    ignored: &'s [String],
    orders: Vec<OrderSummary>,
    /// The number of orders without a determination, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    passed_over: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderSummary {
    order: String,
    kind: OrderKind,
    service_date: NaiveDate,
    policy: String,
    determination: Determination,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_date: Option<NaiveDate>,
    sites: Vec<SiteSummary>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SiteSummary {
    site: Site,
    pathway: PathwayId,
    determination: Determination,
    verdicts: BTreeMap<CriterionId, Verdict>,
}

/// A policy version, and the digest of its files.
#[derive(Serialize)]
pub(crate) struct PolicyFiles<'p> {
    policy: &'p str,
    digest: &'p str,
}

impl<'r> Recorder<'r> {
    /// The entry of a call without a decided order.
    pub(crate) fn undecided_entry(&self, id: Uuid, nothing: &UndecidedCall<'_, '_>, answer: &[u8]) -> Entry<'r> {
        let UndecidedCall { policies, choice, fetched, passed_over } = *nothing;
        let mut entry = self.entry_of(id, Vec::new(), passed_over, None);
        let members = JsonMembers::default().json("program", &PROGRAM).json("policyFiles", &in_force(policies));
        let members = with_choice(self.with_reading(members), policies, choice);
        let members = if passed_over.is_empty() { members } else { members.json("passedOver", passed_over) };
        let members = match fetched {
            Some(fetched) => members.raw("fetched", &fetched_json(fetched)),
            None => members,
        };
        let mut redactions = self.metadata.redactions.clone();
        redactions.prefetch.extend(&self.metadata.prefetch_texts);
        entry.content = self.with_request(members.raw("answer", answer), &redactions);
        entry
    }

    /// The entry of a decided call.
    pub(crate) fn entry(&self, id: Uuid, answered: DecidedCall<'_, '_>, answer: &[u8]) -> Entry<'r> {
        let DecidedCall { decision, fetched, answer_options, request_extension, plans, policies, ids, cards } = answered;
        let evaluation = &decision.evaluation;
        let mut entry = self.entry_of(id, order_summaries(decision), &evaluation.passed_over, Some(request_extension));
        let used: BTreeSet<&str> = evaluation.orders.iter().map(|order| decision.policy_name(order)).collect();
        entry.policies = Some(used.into_iter().collect::<Vec<_>>().join(" "));
        let worst = evaluation.orders.iter().map(|order| order.determination).max();
        entry.determination = worst.map(|determination| determination.as_str().to_owned());
        entry.cards = if answer_options.is_shadowed { Vec::new() } else { cards };
        let members =
            JsonMembers::with_room(TYPICAL_EVALUATION_BYTES + answer.len()).json("program", &PROGRAM).json("answerOptions", answer_options);
        let members = with_choice(self.with_reading(members), policies, Some(&decision.choice))
            .json("plans", plans)
            .json("canonicalBase", policies.canonical_base())
            .json("policyFiles", &in_force(policies))
            .json("ids", ids)
            .json("evaluation", &decision.report())
            .raw("fetched", &fetched.map_or_else(|| b"null".to_vec(), fetched_json));
        // In shadow mode the response is withheld, and the client gets no cards.
        let members = if answer_options.is_shadowed {
            members.raw("withheld", answer).raw("answer", NO_CARDS)
        } else {
            members.raw("answer", answer)
        };
        entry.content = self.with_request(members, &self.metadata.redactions);
        entry
    }

    /// Adds how the client's charts are read.
    fn with_reading(&self, members: JsonMembers) -> JsonMembers {
        match &self.reading {
            Some(reading) => members.json("reading", reading),
            None => members,
        }
    }

    fn entry_of(&self, id: Uuid, orders: Vec<OrderSummary>, passed_over: &[PassedOver<'_>], asked: Option<&RequestExtension>) -> Entry<'r> {
        let mut entry = Entry::new(id, EntryKind::Call, self.received_at);
        let patient = format!("Patient/{}", self.metadata.patient_id);
        let (trigger, ignored) = asked.map_or((None, &[][..]), |asked| (asked.trigger, asked.ignored.as_slice()));
        let summary = CallSummary {
            hook_instance: &self.metadata.hook_instance,
            patient: &patient,
            user: &self.metadata.user_id,
            trigger,
            ignored,
            orders,
            passed_over: by_reason(passed_over),
        };
        // The summary contains only strings and numbers, so serialization cannot fail.
        entry.summary = serde_json::to_vec(&summary).unwrap_or_else(|_| b"{}".to_vec());
        entry.client = Some(self.client.name().to_owned());
        entry.tenant = self.client.tenant().map(str::to_owned);
        entry.hook = Some(self.metadata.hook.as_str().to_owned());
        entry.status = Some(OK);
        entry.patient = Some(patient);
        entry
    }

    /// Adds the request, which is large and therefore not copied.
    fn with_request(&self, members: JsonMembers, redactions: &Redactions<'_>) -> Vec<Cow<'r, [u8]>> {
        // The response may repeat such members in an order that it returns.
        let head = String::from_utf8(members.raw("request", b"").0).unwrap_or_default();
        let mut parts = without_secrets(vec![Cow::Owned(head)]);
        parts.extend(keepable(self.body, redactions));
        parts.push(Cow::Borrowed("}"));
        let bytes = |part| match part {
            Cow::Borrowed(text) => Cow::Borrowed(str::as_bytes(text)),
            Cow::Owned(text) => Cow::Owned(String::into_bytes(text)),
        };
        parts.into_iter().map(bytes).collect()
    }
}

/// Adds which policy judged each order, where there are several.
fn with_choice(members: JsonMembers, policies: &Policies, choice: Option<&PolicyChoice>) -> JsonMembers {
    match choice.filter(|_| policies.families().nth(1).is_some()) {
        Some(choice) => members.json("policyChoice", &choice.recorded()),
        None => members,
    }
}

fn by_reason(passed_over: &[PassedOver<'_>]) -> BTreeMap<&'static str, usize> {
    passed_over.iter().fold(BTreeMap::new(), |mut counts, order| {
        *counts.entry(order.why.as_str()).or_default() += 1;
        counts
    })
}

/// Every policy version that was available.
pub(crate) fn in_force(policies: &Policies) -> Vec<PolicyFiles<'_>> {
    policies.names_and_digests().map(|(policy, digest)| PolicyFiles { policy, digest }).collect()
}

pub(crate) fn order_summaries(decision: &Decision<'_>) -> Vec<OrderSummary> {
    let orders = decision.evaluation.orders.iter().map(|order| OrderSummary {
        order: order.order.to_string(),
        kind: order.kind,
        service_date: order.service_date,
        policy: decision.policy_name(order).to_owned(),
        determination: order.determination,
        earliest_date: order.earliest_date,
        sites: order
            .sites
            .iter()
            .map(|site| SiteSummary {
                site: site.site,
                pathway: site.pathway.clone(),
                determination: site.determination,
                verdicts: site.criteria.iter().map(|criterion| (criterion.id.clone(), criterion.verdict)).collect(),
            })
            .collect(),
    });
    orders.collect()
}

/// What was fetched for a call, as JSON.
pub(crate) fn fetched_json(pages: &FetchedPages) -> Vec<u8> {
    let lists = pages.lists().map(|AnswerTo { key, answer }| answer_json(key.name(), answer));
    let referred = pages.referred().iter().map(|AnswerTo { key, answer }| answer_json(key, answer));
    let orders = pages.orders().iter().map(|AnswerTo { key, answer }| answer_json(key, answer));
    let (orders, lists, referred) = (array(orders), array(lists), array(referred));
    let members = JsonMembers::default().raw("orders", &orders).raw("lists", &lists).raw("referred", &referred);
    match pages.form() {
        Some(form) => members.raw("form", &answer_json("Questionnaire", form)).finish(),
        None => members.finish(),
    }
}

fn answer_json(name: &str, answer: &SearchAnswer) -> Vec<u8> {
    // A page that is not JSON was refused on arrival and never read.
    let pages = array(answer.pages.iter().map(|page| page.to_vec()));
    JsonMembers::default().json("type", name).raw("pages", &pages).json("missing", &answer.missing.map(Reason::label)).finish()
}

fn array(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut array = b"[".to_vec();
    for (place, item) in items.enumerate() {
        if place > 0 {
            array.push(b',');
        }
        array.extend_from_slice(&item);
    }
    array.push(b']');
    array
}

/// A JSON object assembled from serialized values, so that a request is not parsed again.
#[derive(Default)]
pub(crate) struct JsonMembers(Vec<u8>);

impl JsonMembers {
    /// Preallocates this many bytes to avoid copying on growth.
    fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a member whose value is already JSON.
    pub(crate) fn raw(mut self, name: &str, json: &[u8]) -> Self {
        self.name(name);
        self.0.extend_from_slice(json);
        self
    }

    pub(crate) fn json<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.name(name);
        let end = self.0.len();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(end);
            self.0.extend_from_slice(b"null");
        }
        self
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::evidence::Kind;

    #[test]
    fn members_are_an_object_of_json() {
        let lists = vec![AnswerTo {
            key: Kind::Conditions,
            answer: SearchAnswer {
                pages: vec![Bytes::from_static(b"{}"), Bytes::from_static(b"{\"a\":1}")],
                missing: Some(Reason::TooSlow),
            },
        }];
        let json = fetched_json(&FetchedPages::new(Vec::new(), lists, Vec::new(), None));
        let expected = r#"{"orders":[],"lists":[{"type":"conditions","pages":[{},{"a":1}],"missing":"too_slow"}],"referred":[]}"#;
        assert_eq!(String::from_utf8(json).expect("text"), expected);
    }
}
