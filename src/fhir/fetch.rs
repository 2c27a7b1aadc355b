//! All the searches of a call, side by side, within one time budget. What came by then is kept; what did not is named.

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, debug_span, info};

use super::query::Query;
use super::reason::Reason;
use super::search::Search;
use super::server::{AccessToken, Server};

/// What a search brought: its pages, raw, and why they are not all.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The pages that came.
    pub pages: Vec<Bytes>,
    /// Why there are no more, if there should be.
    pub missing: Option<Reason>,
}

/// An answer with what was asked for.
#[derive(Clone, Debug)]
pub struct AnswerTo<K> {
    /// What the caller calls it.
    pub key: K,
    /// What came.
    pub answer: Answer,
}

/// Runs every search side by side until `deadline`.
pub async fn fetch<K>(server: &Server, token: Option<&AccessToken>, queries: Vec<(K, Query)>, deadline: Instant) -> Vec<AnswerTo<K>> {
    let begun = Instant::now();
    let unasked = if !server.breaker.allows(begun) {
        Some(Reason::LeftAlone)
    } else if begun >= deadline {
        Some(Reason::TooSlow)
    } else {
        None
    };
    let searches = queries.into_iter().map(|(key, query)| async move {
        let span = debug_span!("fhir_search", server = server.name(), resource_type = query.resource_type());
        let answer = match unasked {
            Some(reason) => Answer { pages: Vec::new(), missing: Some(reason) },
            None => one(server, token, &query, deadline).instrument(span).await,
        };
        note(server, &query, begun, &answer);
        AnswerTo { key, answer }
    });
    let answers = join_all(searches).await;
    if unasked.is_none() {
        judge(server, &answers);
    }
    answers
}

/// One answer shows that the server is there; a round in which every search failed counts as one failure, so that a
/// single moment without a connection does not cost the calls after it their evidence.
fn judge<K>(server: &Server, answers: &[AnswerTo<K>]) {
    let is_failure = |answer: &Answer| answer.pages.is_empty() && answer.missing.is_some_and(Reason::is_failure_of_server);
    if answers.iter().any(|AnswerTo { answer, .. }| !is_failure(answer)) {
        server.breaker.succeeded();
    } else if !answers.is_empty() {
        server.breaker.failed(Instant::now());
    }
}

async fn one(server: &Server, token: Option<&AccessToken>, query: &Query, deadline: Instant) -> Answer {
    let mut search = Search::new(server, token, deadline);
    let outcome = timeout_at(deadline, search.run(query)).await.unwrap_or(Err(Reason::TooSlow));
    Answer { pages: search.pages, missing: outcome.err() }
}

/// Counts a search; the figures name server, type and kind of failure, and nothing of a patient.
fn note(server: &Server, query: &Query, begun: Instant, answer: &Answer) {
    let outcome = answer.missing.map_or("ok", Reason::label);
    let elapsed = begun.elapsed();
    let labels =
        [("server", server.name().to_owned()), ("resource_type", query.resource_type().to_owned()), ("outcome", outcome.to_owned())];
    metrics::counter!("sij_cds_fhir_queries_total", &labels).increment(1);
    metrics::counter!("sij_cds_fhir_pages_total", &labels).increment(answer.pages.len() as u64);
    metrics::histogram!("sij_cds_fhir_query_seconds", &labels).record(elapsed);
    info!(
        server = server.name(),
        resource_type = query.resource_type(),
        outcome,
        pages = answer.pages.len(),
        milliseconds = elapsed.as_millis(),
        "searched"
    );
}
