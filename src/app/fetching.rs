//! Getting what a call's prefetch did not bring: the lists that are missing, then what they refer to, within one budget.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::decision::Opened;
use super::services::Services;
use crate::evidence::{Gathered, Kind};
use crate::fhir::{AccessToken, Answer, AnswerTo, Query, Reason, Registry, Server, fetch};

/// Access to the FHIR server of one call, until its budget is spent.
#[derive(Debug)]
pub(crate) struct Fetching {
    server: Arc<Server>,
    token: Option<AccessToken>,
    deadline: Instant,
}

impl Fetching {
    /// Access to the server a call names; `None` if it names none, or none that is registered.
    pub(crate) fn of_call(registry: &Registry, opened: &mut Opened<'_>) -> Option<Self> {
        let server = registry.server(opened.fhir_server.as_deref()?)?;
        let token = opened.token.take().map(AccessToken::new);
        Some(Self { server, token, deadline: Instant::now() + registry.budget })
    }

    /// Searches for the lists that cannot be relied on yet, all side by side.
    pub(crate) async fn lists(&self, services: &Services, opened: &Opened<'_>) -> Vec<AnswerTo<Kind>> {
        let search = |kind: Kind| Some((kind, Query::of_template(services.searches.get(&kind)?, opened.patient_id())?));
        let searches = opened.gathered.missing().into_iter().filter_map(search).collect();
        fetch(&self.server, self.token.as_ref(), searches, self.deadline).await
    }

    /// Searches by id for what the evidence refers to and does not hold, one search a type.
    pub(crate) async fn referred(&self, opened: &Opened<'_>) -> Vec<Bytes> {
        let ids = opened.gathered.referred().into_iter();
        let searches = ids.map(|(resource_type, ids)| ((), Query::of_ids(resource_type, &ids))).collect();
        let answers = fetch(&self.server, self.token.as_ref(), searches, self.deadline).await;
        answers.into_iter().flat_map(|AnswerTo { answer, .. }| answer.pages).collect()
    }
}

/// Adds fetched lists to the evidence.
pub(crate) fn with_lists<'b>(gathered: Gathered<'b>, lists: &'b [AnswerTo<Kind>]) -> Gathered<'b> {
    lists.iter().fold(gathered, |gathered, AnswerTo { key, answer: Answer { pages, missing } }| {
        gathered.with_fetched(*key, pages, missing.map(Reason::as_str))
    })
}
