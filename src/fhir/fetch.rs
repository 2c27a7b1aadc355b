//! Runs all searches of a call concurrently within one time budget. Keeps partial results, and reports what is missing.

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info, info_span};

use super::page_bounds::PageBounds;
use super::query::Query;
use super::reason::Reason;
use super::search::Search;
use super::server::{AccessToken, Server};

/// The result of a search: its raw pages, and why they are incomplete.
#[derive(Clone, Debug, Default)]
pub struct SearchAnswer {
    /// The pages received.
    pub pages: Vec<Bytes>,
    /// Why pages are missing, if any are.
    pub missing: Option<Reason>,
}

/// The result of a search, with the caller's key.
#[derive(Clone, Debug)]
pub struct AnswerTo<K> {
    /// The caller's key for the search.
    pub key: K,
    /// The result.
    pub answer: SearchAnswer,
}

/// Runs the searches concurrently until `deadline`, and yields each result as it completes.
pub fn searches<'s, K: 's>(
    server: &'s Server,
    token: Option<&'s AccessToken>,
    queries: impl IntoIterator<Item = (K, Query)>,
    bounds: &'s PageBounds<'_>,
    deadline: Instant,
) -> FuturesUnordered<impl Future<Output = AnswerTo<K>> + 's> {
    let begun = Instant::now();
    let unasked = if !server.breaker.allows(begun) {
        Some(Reason::LeftAlone)
    } else if begun >= deadline {
        Some(Reason::NoTimeLeft)
    } else {
        None
    };
    let search = move |(key, query): (K, Query)| async move {
        let span = info_span!("fhir_search", server = server.name(), resource_type = query.resource_type());
        let answer = match unasked {
            Some(reason) => SearchAnswer { pages: Vec::new(), missing: Some(reason) },
            None => one(server, token, &query, bounds, deadline).instrument(span).await,
        };
        note(server, &query, begun, &answer);
        AnswerTo { key, answer }
    };
    queries.into_iter().map(search).collect()
}

/// Reports the outcome of a call's searches to the server's circuit breaker. One response shows that the server is up. A
/// call in which every search failed counts as one failure, so that a brief loss of connection does not cost later
/// calls their evidence.
pub fn judge<'a>(server: &Server, answers: impl IntoIterator<Item = &'a SearchAnswer>) {
    let is_failure = |answer: &&SearchAnswer| answer.pages.is_empty() && answer.missing.is_some_and(Reason::is_failure_of_server);
    let asked: Vec<_> = answers.into_iter().filter(|answer| !answer.missing.is_some_and(Reason::is_unasked)).collect();
    if asked.iter().any(|answer| !is_failure(answer)) {
        server.breaker.succeeded();
    } else if !asked.is_empty() {
        server.breaker.failed(Instant::now());
    }
}

async fn one(server: &Server, token: Option<&AccessToken>, query: &Query, bounds: &PageBounds<'_>, deadline: Instant) -> SearchAnswer {
    let mut search = Search::new(server, token, bounds, deadline);
    let outcome = timeout_at(deadline, search.run(query)).await.unwrap_or(Err(Reason::TooSlow));
    SearchAnswer { pages: search.pages, missing: outcome.err() }
}

/// Records metrics for a search: server, resource type and outcome, but no patient data.
fn note(server: &Server, query: &Query, begun: Instant, answer: &SearchAnswer) {
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
