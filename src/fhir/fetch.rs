//! All the searches of a call, side by side, within one time budget. What came by then is kept; what did not is named.

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info, info_span};

use super::query::Query;
use super::reason::Reason;
use super::search::Search;
use super::server::{AccessToken, Server};

/// What a search brought: its pages, raw, and why they are not all.
#[derive(Clone, Debug, Default)]
pub struct SearchAnswer {
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
    pub answer: SearchAnswer,
}

/// Every search, side by side until `deadline`; each answer comes when it is there.
pub fn searches<'s, K: 's>(
    server: &'s Server,
    token: Option<&'s AccessToken>,
    queries: impl IntoIterator<Item = (K, Query)>,
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
            None => one(server, token, &query, deadline).instrument(span).await,
        };
        note(server, &query, begun, &answer);
        AnswerTo { key, answer }
    };
    queries.into_iter().map(search).collect()
}

/// Tells a server's breaker what became of a call's searches. One answer shows that the server is there; a call in which
/// every search failed counts as one failure, so that a single moment without a connection does not cost the calls after
/// it their evidence.
pub fn judge<'a>(server: &Server, answers: impl IntoIterator<Item = &'a SearchAnswer>) {
    let is_failure = |answer: &&SearchAnswer| answer.pages.is_empty() && answer.missing.is_some_and(Reason::is_failure_of_server);
    let asked: Vec<_> = answers.into_iter().filter(|answer| !answer.missing.is_some_and(Reason::is_unasked)).collect();
    if asked.iter().any(|answer| !is_failure(answer)) {
        server.breaker.succeeded();
    } else if !asked.is_empty() {
        server.breaker.failed(Instant::now());
    }
}

async fn one(server: &Server, token: Option<&AccessToken>, query: &Query, deadline: Instant) -> SearchAnswer {
    let mut search = Search::new(server, token, deadline);
    let outcome = timeout_at(deadline, search.run(query)).await.unwrap_or(Err(Reason::TooSlow));
    SearchAnswer { pages: search.pages, missing: outcome.err() }
}

/// Counts a search; the figures name server, type and kind of failure, and nothing of a patient.
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
