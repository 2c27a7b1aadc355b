//! Fetches what a call's prefetch lacks, within one time budget: the orders it names, then the missing lists, then the resources they refer to.
//! Not here: the searches themselves ([`crate::fhir`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use super::context::{DecisionContext, ReadScope};
use super::engine::DecisionEngine;
use super::error::DecisionError;
use super::fetched_pages::{FetchedPages, ORDER};
use super::request::{ScopedRequest, without_type};
use super::services::Services;
use crate::config::KEPT_FOR_ANSWERING;
use crate::evidence::Kind;
use crate::fhir::{AccessToken, AnswerTo, PageBounds, Query, Reason, Registry, SearchAnswer, Server, judge, searches};
use crate::memory_budget::MemoryGrant;

/// Maximum number of ids per search.
const MAX_IDS: usize = 100;
/// Maximum length of the ids in characters; servers reject URLs longer than a few thousand.
const MAX_SEARCH_CHARS: usize = 3_000;
/// Maximum number of such searches per type; references beyond them are reported as missing.
const MAX_BATCHES: usize = 3;

/// Limits on fetching for a call.
pub struct FetchScope<'a> {
    /// Whether a registered server, given by name, may be queried.
    pub allowed: &'a (dyn Fn(&str) -> bool + Sync),
    /// The call's deadline.
    pub end: Option<Instant>,
    /// The canonical URL of a form to look up at the client (CRD 2.2.1, dev-20).
    pub form: Option<&'a str>,
    /// The memory that the pages take.
    pub memory: &'a MemoryGrant,
}

impl DecisionEngine {
    /// Fetches what the request lacks into `pages`, and adds it to the request's evidence. `pages` stay empty if the request names no
    /// FHIR server, or one that may not be queried; the returned flag says whether one was queried.
    ///
    /// # Errors
    /// [`DecisionError`] if the orders cannot be read or contradict the call.
    pub async fn fetch_missing<'p>(
        &self,
        context: &DecisionContext<'_>,
        mut request: ScopedRequest<'p>,
        scope: &FetchScope<'_>,
        pages: &'p FetchedPages,
    ) -> Result<(ScopedRequest<'p>, bool), DecisionError> {
        let Some(fetching) = Fetching::new(self.registry(), &mut request, scope) else {
            request = request.with_appointments_alone(context)?;
            request.require_orders(None)?;
            return Ok((request, false));
        };
        let orders = fetching.orders(&request).await;
        if !orders.is_empty() {
            fetching.judge(std::iter::empty(), &orders);
            pages.set_orders(orders);
            request = pages.add_orders(request).with_appointments_alone(context)?;
            request.require_orders(pages.order_problem())?;
            request.check_orders(context)?;
            if request.read_scope == ReadScope::InScope && !request.has_scope(context) {
                return Ok((request, true));
            }
        }
        Ok((self.fetch_evidence(&fetching, request, scope, pages).await, true))
    }

    /// Fetches the missing lists, and the resources that orders and lists refer to. A late list does not delay the others' references.
    async fn fetch_evidence<'p>(
        &self,
        fetching: &Fetching<'_>,
        request: ScopedRequest<'p>,
        scope: &FetchScope<'_>,
        pages: &'p FetchedPages,
    ) -> ScopedRequest<'p> {
        let payors = self.payor_lookup();
        let mut searches = fetching.lists(self.services(), &request);
        pages.set_lists(fetching.in_time(&mut searches).await);
        let request = pages.add_lists(request);
        let asked = request.patient_record.referred(payors);
        let ((late, mut referred), form) = join(join(fetching.late(searches), fetching.look_up(&asked)), fetching.form(scope.form)).await;
        let has_late = !late.is_empty();
        pages.set_late_lists(late);
        let request = pages.add_late_lists(request);
        if has_late {
            let more = not_asked_yet(request.patient_record.referred(payors), &asked);
            referred.extend(fetching.look_up(&more).await);
        }
        fetching.judge(pages.lists(), &referred);
        pages.set_referred(referred);
        if let Some(form) = form {
            pages.set_form(form);
        }
        pages.add_referred(request)
    }
}

/// Access to a call's FHIR server until the time budget is spent.
#[derive(Debug)]
struct Fetching<'m> {
    server: Arc<Server>,
    token: Option<AccessToken>,
    bounds: PageBounds<'m>,
    /// When lookups by id start, even if some lists have not arrived.
    look_up_from: Instant,
    deadline: Instant,
    /// Whether the call's deadline left less time than the budget.
    is_shortened: bool,
}

impl<'m> Fetching<'m> {
    /// Access to the server that the call names; `None` if it names none, or one that is not registered or not allowed.
    fn new(registry: &Registry, request: &mut ScopedRequest<'_>, scope: &FetchScope<'m>) -> Option<Self> {
        let server = registry.server(request.fhir_server.as_deref()?).filter(|server| (scope.allowed)(server.name()))?;
        let token = request.token.take().map(AccessToken::new);
        let begun = Instant::now();
        let left = scope.end.map_or(registry.budget, |end| end.saturating_duration_since(begun).saturating_sub(KEPT_FOR_ANSWERING));
        let budget = registry.budget.min(left);
        let is_shortened = budget < registry.budget;
        let bounds = PageBounds::new(registry.max_entries, scope.memory);
        Some(Self { server, token, bounds, look_up_from: begun + budget * 2 / 3, deadline: begun + budget, is_shortened })
    }

    /// Searches concurrently for the lists that are missing or unreliable.
    fn lists<'s>(
        &'s self,
        services: &Services,
        scoped_request: &ScopedRequest<'_>,
    ) -> impl Stream<Item = AnswerTo<Kind>> + Unpin + use<'s, 'm> {
        let patient_id = without_type(Cow::Borrowed(&scoped_request.patient_id));
        let search = |kind: Kind| Some((kind, Query::of_template(services.searches.get(&kind)?, &patient_id)?));
        let queries: Vec<_> = scoped_request.patient_record.missing().into_iter().filter_map(search).collect();
        searches(&self.server, self.token.as_ref(), queries, &self.bounds, self.deadline)
    }

    /// Looks up the orders that a call names but does not include.
    async fn orders(&self, scoped_request: &ScopedRequest<'_>) -> Vec<AnswerTo<&'static str>> {
        let ids = scoped_request.missing_orders();
        if ids.is_empty() { Vec::new() } else { self.look_up(&IdsByType::from([(ORDER, ids)])).await }
    }

    /// Looks up whether the client has a form.
    async fn form(&self, canonical: Option<&str>) -> Option<SearchAnswer> {
        let query = Query::of_canonical("Questionnaire", canonical?);
        let answers: Vec<_> = searches(&self.server, self.token.as_ref(), [((), query)], &self.bounds, self.deadline).collect().await;
        answers.into_iter().next().map(|AnswerTo { answer, .. }| answer)
    }

    /// The lists that arrive in time for a lookup of their references, so that one slow list does not delay the others' lookups.
    async fn in_time(&self, lists: &mut (impl Stream<Item = AnswerTo<Kind>> + Unpin)) -> Vec<AnswerTo<Kind>> {
        let mut answers = Vec::new();
        while let Ok(Some(answer)) = timeout_at(self.look_up_from, lists.next()).await {
            answers.push(answer);
        }
        in_order(answers)
    }

    /// The remaining lists.
    async fn late(&self, lists: impl Stream<Item = AnswerTo<Kind>>) -> Vec<AnswerTo<Kind>> {
        in_order(lists.collect().await)
    }

    /// Reports the results of the call's searches to the server's circuit breaker, unless their time budget was shortened.
    fn judge<'p>(&self, lists: impl Iterator<Item = &'p AnswerTo<Kind>>, referred: &'p [AnswerTo<&'static str>]) {
        if self.is_shortened {
            return;
        }
        let lists = lists.map(|AnswerTo { answer, .. }| answer);
        judge(&self.server, lists.chain(referred.iter().map(|AnswerTo { answer, .. }| answer)));
    }

    /// Searches by id: one search per type, or a few if the ids would make the URL too long.
    async fn look_up(&self, ids: &IdsByType) -> Vec<AnswerTo<&'static str>> {
        let mut queries = Vec::new();
        let mut beyond = Vec::new();
        for (resource_type, ids) in ids {
            let mut batches = batches(ids).into_iter();
            queries.extend(batches.by_ref().take(MAX_BATCHES).map(|ids| (*resource_type, Query::of_ids(resource_type, ids))));
            if batches.next().is_some() {
                beyond.push(AnswerTo { key: *resource_type, answer: SearchAnswer { pages: Vec::new(), missing: Some(Reason::TooMuch) } });
            }
        }
        let mut answers: Vec<_> = searches(&self.server, self.token.as_ref(), queries, &self.bounds, self.deadline).collect().await;
        answers.extend(beyond);
        answers.sort_by_key(|answer| answer.key);
        answers
    }
}

/// The ids to look up, by resource type.
type IdsByType = BTreeMap<&'static str, Vec<String>>;

/// The ids that have not been requested yet.
fn not_asked_yet(mut ids: IdsByType, asked: &IdsByType) -> IdsByType {
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
            length <= MAX_SEARCH_CHARS
        });
        let (batch, others) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = others;
    }
    batches
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
