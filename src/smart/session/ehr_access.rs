//! Searches on the FHIR server of a session's EHR, with the user's token.
//! Not here: what is fetched for a decision ([`crate::decision`]).

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::Instant;

use crate::fhir::{AccessToken, AnswerTo, PageBounds, Query, SearchAnswer, searches};
use crate::memory_budget::MemoryGrant;
use crate::smart::context::SmartContext;
use crate::smart::launch::Grant;

impl SmartContext {
    /// Runs searches on the grant's FHIR server concurrently, within the standard time budget.
    pub(super) async fn search(&self, grant: &Grant, queries: Vec<Query>) -> Vec<SearchAnswer> {
        let registry = self.engine.registry();
        let Some(server) = registry.server(grant.ehr.base_url().as_str()) else { return Vec::new() };
        let (token, deadline) = (AccessToken::new(grant.access_token.clone()), Instant::now() + registry.budget);
        let memory = MemoryGrant::default();
        let bounds = PageBounds::new(registry.max_entries, &memory);
        let mut answers: Vec<_> = searches(&server, Some(&token), queries.into_iter().enumerate(), &bounds, deadline).collect().await;
        answers.sort_by_key(|AnswerTo { key, .. }| *key);
        answers.into_iter().map(|AnswerTo { answer, .. }| answer).collect()
    }
}

/// The resources of a type in search results.
pub(super) fn resources<'p>(answers: impl IntoIterator<Item = &'p SearchAnswer>, resource_type: &str) -> Vec<Value> {
    let pages = answers.into_iter().flat_map(|answer| &answer.pages).filter_map(|page| serde_json::from_slice::<Value>(page).ok());
    let entries = pages.flat_map(|mut page| page.get_mut("entry").map(Value::take).and_then(into_array).unwrap_or_default());
    let resources = entries.filter_map(|mut entry| entry.get_mut("resource").map(Value::take));
    resources.filter(|resource| resource.get("resourceType").and_then(Value::as_str) == Some(resource_type)).collect()
}

fn into_array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(items) = value { Some(items) } else { None }
}
