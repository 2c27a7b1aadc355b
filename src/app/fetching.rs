//! Fetches what a call's prefetch lacks, within one time budget: first the missing lists, then the resources they reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::decision::ScopedRequest;
use super::policies::Policies;
use super::recording::Fetched;
use super::services::Services;
use crate::config::KEPT_FOR_ANSWERING;
use crate::evidence::{Kind, PatientRecord, Text};
use crate::fhir::{AccessToken, AnswerTo, Query, Reason, Registry, SearchAnswer, Server, judge, searches};

/// Maximum number of ids per search.
const MAX_IDS: usize = 100;
/// Maximum length of the ids in characters; servers reject URLs longer than a few thousand.
const MAX_ID_CHARS: usize = 3_000;
/// Maximum number of such searches per type; references beyond them are reported as missing.
const MAX_BATCHES: usize = 3;

/// The resource type of the orders to look up.
pub(crate) const ORDER: &str = "ServiceRequest";

/// Limits on fetching for a call.
pub(crate) struct FetchScope<'a> {
    /// Whether a registered server, given by name, may be queried.
    pub(crate) allowed: &'a (dyn Fn(&str) -> bool + Sync),
    /// The call's deadline.
    pub(crate) end: Option<Instant>,
    /// The canonical URL of a form to look up at the client (CRD 2.2.1, dev-20).
    pub(crate) form: Option<&'a str>,
}

/// The pages fetched for a call, kept so that it can be decided again.
#[derive(Clone, Debug, Default)]
pub(super) struct FetchedPages {
    /// The orders that the call names.
    pub(super) orders: Vec<AnswerTo<&'static str>>,
    pub(super) lists: Vec<AnswerTo<Kind>>,
    pub(super) referred: Vec<AnswerTo<&'static str>>,
    /// Whether the client has the documentation form, if it was looked up.
    pub(super) form: Option<SearchAnswer>,
}

impl FetchedPages {
    /// Copies the result; the pages themselves are shared.
    pub(super) fn from_fetched(fetched: Fetched<'_>) -> Self {
        let Fetched { orders, lists, referred, form } = fetched;
        Self { orders: orders.to_vec(), lists: lists.concat(), referred: referred.to_vec(), form: form.cloned() }
    }
}

/// Access to a call's FHIR server until the time budget is spent.
#[derive(Debug)]
pub(crate) struct Fetching {
    server: Arc<Server>,
    token: Option<AccessToken>,
    /// When lookups by id start, even if some lists have not arrived.
    look_up_from: Instant,
    deadline: Instant,
    /// Whether the call's deadline left less time than the budget.
    is_shortened: bool,
}

impl Fetching {
    /// Access to the server that the call names; `None` if it names none, or one that is not registered or not allowed.
    pub(crate) fn of_call(registry: &Registry, scoped_request: &mut ScopedRequest<'_>, scope: &FetchScope<'_>) -> Option<Self> {
        let server = registry.server(scoped_request.fhir_server.as_deref()?).filter(|server| (scope.allowed)(server.name()))?;
        let token = scoped_request.token.take().map(AccessToken::new);
        let begun = Instant::now();
        let left = scope.end.map_or(registry.budget, |end| end.saturating_duration_since(begun).saturating_sub(KEPT_FOR_ANSWERING));
        let budget = registry.budget.min(left);
        let is_shortened = budget < registry.budget;
        Some(Self { server, token, look_up_from: begun + budget * 2 / 3, deadline: begun + budget, is_shortened })
    }

    /// Searches concurrently for the lists that are missing or unreliable.
    pub(crate) fn lists<'s>(
        &'s self,
        services: &Services,
        scoped_request: &ScopedRequest<'_>,
    ) -> impl Stream<Item = AnswerTo<Kind>> + Unpin + use<'s> {
        let search = |kind: Kind| Some((kind, Query::of_template(services.searches.get(&kind)?, scoped_request.patient_id())?));
        let queries: Vec<_> = scoped_request.patient_record.missing().into_iter().filter_map(search).collect();
        searches(&self.server, self.token.as_ref(), queries, self.deadline)
    }

    /// Looks up the orders that a call names but does not include.
    pub(crate) async fn orders(&self, scoped_request: &ScopedRequest<'_>) -> Vec<AnswerTo<&'static str>> {
        let ids = scoped_request.missing_orders();
        if ids.is_empty() { Vec::new() } else { self.look_up(&IdsByType::from([(ORDER, ids)])).await }
    }

    /// Looks up whether the client has a form.
    pub(crate) async fn form(&self, canonical: Option<&str>) -> Option<SearchAnswer> {
        let query = Query::of_canonical("Questionnaire", canonical?);
        let answers: Vec<_> = searches(&self.server, self.token.as_ref(), [((), query)], self.deadline).collect().await;
        answers.into_iter().next().map(|AnswerTo { answer, .. }| answer)
    }

    /// The lists that arrive in time for a lookup of their references, so that one slow list does not delay the others' lookups.
    pub(crate) async fn in_time(&self, lists: &mut (impl Stream<Item = AnswerTo<Kind>> + Unpin)) -> Vec<AnswerTo<Kind>> {
        let mut answers = Vec::new();
        while let Ok(Some(answer)) = timeout_at(self.look_up_from, lists.next()).await {
            answers.push(answer);
        }
        in_order(answers)
    }

    /// The remaining lists.
    pub(crate) async fn late(&self, lists: impl Stream<Item = AnswerTo<Kind>>) -> Vec<AnswerTo<Kind>> {
        in_order(lists.collect().await)
    }

    /// Reports the results of the call's searches to the server's circuit breaker, unless their time budget was shortened.
    pub(crate) fn judge(&self, lists: [&[AnswerTo<Kind>]; 2], referred: &[AnswerTo<&'static str>]) {
        if self.is_shortened {
            return;
        }
        let lists = lists.into_iter().flatten().map(|AnswerTo { answer, .. }| answer);
        judge(&self.server, lists.chain(referred.iter().map(|AnswerTo { answer, .. }| answer)));
    }

    /// Searches by id: one search per type, or a few if the ids would make the URL too long.
    pub(crate) async fn look_up(&self, ids: &IdsByType) -> Vec<AnswerTo<&'static str>> {
        let mut queries = Vec::new();
        let mut beyond = Vec::new();
        for (resource_type, ids) in ids {
            let mut batches = batches(ids).into_iter();
            queries.extend(batches.by_ref().take(MAX_BATCHES).map(|ids| (*resource_type, Query::of_ids(resource_type, ids))));
            if batches.next().is_some() {
                beyond.push(AnswerTo { key: *resource_type, answer: SearchAnswer { pages: Vec::new(), missing: Some(Reason::TooMuch) } });
            }
        }
        let mut answers: Vec<_> = searches(&self.server, self.token.as_ref(), queries, self.deadline).collect().await;
        answers.extend(beyond);
        answers.sort_by_key(|answer| answer.key);
        answers
    }
}

/// The ids to look up, by resource type.
type IdsByType = BTreeMap<&'static str, Vec<String>>;

/// The ids that have not been requested yet.
pub(crate) fn not_asked_yet(mut ids: IdsByType, asked: &IdsByType) -> IdsByType {
    for (resource_type, ids) in &mut ids {
        let asked = asked.get(resource_type).map_or(&[][..], Vec::as_slice);
        ids.retain(|id| !asked.contains(id));
    }
    ids.retain(|_, ids| !ids.is_empty());
    ids
}

/// Sorts the answers, so that the result does not depend on their order of arrival.
fn in_order(mut answers: Vec<AnswerTo<Kind>>) -> Vec<AnswerTo<Kind>> {
    answers.sort_by_key(|answer| answer.key);
    answers
}

/// Splits the ids into batches that fit into one search.
fn batches(ids: &[String]) -> Vec<&[String]> {
    let mut batches = Vec::new();
    let mut rest = ids;
    while !rest.is_empty() {
        let mut length = 0;
        let fits = rest.iter().take(MAX_IDS).take_while(|id| {
            length += id.len() + 1;
            length <= MAX_ID_CHARS
        });
        let (batch, others) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = others;
    }
    batches
}

/// The canonical URL of the form, if it was looked up and the client does not have it.
pub(crate) fn lacking_form<'p>(policies: &'p Policies, answer: Option<&SearchAnswer>) -> Option<&'p str> {
    #[derive(Deserialize)]
    struct FetchedPage<'a> {
        #[serde(borrow, default)]
        entry: Vec<BundleEntry<'a>>,
    }
    #[derive(Deserialize)]
    struct BundleEntry<'a> {
        #[serde(borrow, default)]
        resource: FetchedForm<'a>,
    }
    #[derive(Default, Deserialize)]
    struct FetchedForm<'a> {
        #[serde(borrow, default)]
        url: Option<Text<'a>>,
    }
    let SearchAnswer { pages, missing: None } = answer? else { return None };
    let canonical = policies.newest().form.canonical.as_str();
    let url = canonical.split('|').next().unwrap_or(canonical);
    let has_it = |page: &Bytes| {
        let page: Option<FetchedPage<'_>> = serde_json::from_slice(page).ok();
        page.is_none_or(|page| page.entry.iter().any(|entry| entry.resource.url.as_ref().is_some_and(|form| form.as_str() == url)))
    };
    (!pages.iter().any(has_it)).then_some(canonical)
}

/// Adds the orders that were looked up.
pub(crate) fn with_orders<'b>(scoped_request: ScopedRequest<'b>, answers: &'b [AnswerTo<&'static str>]) -> ScopedRequest<'b> {
    let pages = answers.iter().flat_map(|AnswerTo { answer, .. }| &answer.pages);
    scoped_request.with_orders(pages.filter_map(|page| serde_json::from_slice::<&'b RawValue>(page).ok()))
}

/// Adds the referenced resources that were looked up.
pub(crate) fn with_referred<'b>(patient_record: PatientRecord<'b>, answers: &'b [AnswerTo<&'static str>]) -> PatientRecord<'b> {
    let parts = |AnswerTo { key, answer }: &'b AnswerTo<&'static str>| (*key, answer.pages.as_slice(), answer.missing.map(Reason::as_str));
    patient_record.with_referred(answers.iter().map(parts))
}

/// Adds the fetched lists.
pub(crate) fn with_lists<'b>(patient_record: PatientRecord<'b>, lists: &'b [AnswerTo<Kind>]) -> PatientRecord<'b> {
    lists.iter().fold(patient_record, |patient_record, AnswerTo { key, answer: SearchAnswer { pages, missing } }| {
        patient_record.with_fetched(*key, pages, missing.map(Reason::as_str))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_not_asked_for_again() {
        let ids = |of_type, ids: &[&str]| (of_type, ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let all = IdsByType::from([ids("Condition", &["a"]), ids("Medication", &["a", "b"]), ids("Organization", &["c"])]);
        let asked = IdsByType::from([ids("Condition", &["a"]), ids("Medication", &["b", "c"])]);
        assert_eq!(not_asked_yet(all, &asked), IdsByType::from([ids("Medication", &["a"]), ids("Organization", &["c"])]));
    }

    #[test]
    fn ids_are_asked_for_together_as_far_as_an_address_holds_them() {
        for (count, length, expected) in
            [(0, 5, vec![]), (3, 5, vec![3]), (250, 5, vec![100, 100, 50]), (40, 190, vec![15, 15, 10]), (2, 4_000, vec![1, 1])]
        {
            let ids = vec!["i".repeat(length); count];
            assert_eq!(batches(&ids).into_iter().map(<[_]>::len).collect::<Vec<_>>(), expected, "{count} of {length}");
        }
    }
}
