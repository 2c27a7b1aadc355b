//! Answers a hook call: reads it, fetches what it lacks, decides, responds, and records the response before it leaves.
//! Not here: the steps themselves ([`crate::decision`], [`crate::crd`], [`super::call_record`]).

use std::cell::RefCell;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::info;

use super::audit::AuditLog;
use super::call_error::CallError;
use super::call_record::{DecidedCall, NO_CARDS, Recorder, UndecidedCall};
use super::metrics::DecisionMetrics;
use super::order_plans::{RecordedPlans, answer_options, decided_orders, order_plans};
use super::pending_answer::{HookAnswer, PendingAnswer};
use crate::auth::VerifiedClient;
use crate::cds_hooks::{Dialect, Hook, body_text, named_hook};
use crate::config::CrdConfig;
use crate::crd::{AnswerOptions, DialectRules, Dialects, Plans, RequestExtension, Responder, SuggestionKind};
use crate::decision::{
    Call, Decision, DecisionContext, DecisionEngine, FetchScope, FetchedPages, PolicyChoice, ReadScope, decide, read_request,
};
use crate::evidence::CoverageFound;
use crate::large_work::without_blocking;
use crate::ledger::Entry;
use crate::memory_budget::MemoryGrant;
use crate::policy::PassedOver;

/// Where EHRs launch the SMART app.
#[derive(Clone, Debug)]
pub struct AppLaunch {
    /// The app's launch URL.
    pub url: String,
    /// The names of the FHIR servers whose EHRs can launch it.
    pub fhir_servers: Vec<String>,
}

/// Answers hook calls and feedback.
pub struct HookService {
    pub(super) engine: Arc<DecisionEngine>,
    pub(super) audit: AuditLog,
    pub(super) metrics: DecisionMetrics,
    pub(super) plans: Arc<Plans>,
    dialects: Dialects,
    crd: CrdConfig,
    app: Option<AppLaunch>,
}

/// A response and its ledger entry, if the ledger is on.
struct WrittenResponse<'r> {
    body: Vec<u8>,
    entry: Option<Entry<'r>>,
}

impl HookService {
    /// Builds the service. `app` is where EHRs launch the SMART app, if they can.
    #[must_use]
    pub fn new(
        engine: Arc<DecisionEngine>,
        audit: AuditLog,
        plans: Arc<Plans>,
        dialects: Dialects,
        crd: CrdConfig,
        app: Option<AppLaunch>,
    ) -> Self {
        Self { metrics: DecisionMetrics::new(engine.policies()), engine, audit, plans, dialects, crd, app }
    }

    /// The hook that a body names, if it is a known one.
    #[must_use]
    pub fn hook_of(body: &[u8]) -> Option<Hook> {
        named_hook(body_text(body)?)
    }

    /// The answer to a client's hook call, as JSON.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification or contains nothing to decide on.
    pub async fn answer(&self, client: &VerifiedClient, body: &[u8]) -> Result<Vec<u8>, CallError> {
        Ok(self.answer_by(client, body, None, &MemoryGrant::default()).await?.durable().await?.body)
    }

    /// Like [`HookService::answer`], with a deadline for the call. Fetching stops early enough before `end` to answer with what has
    /// arrived; the pages take their memory from `memory`. The answer is pending until the ledger has recorded it; the body is not needed for that.
    ///
    /// # Errors
    /// Like [`HookService::answer`].
    pub async fn answer_by(
        &self,
        client: &VerifiedClient,
        body: &[u8],
        end: Option<Instant>,
        memory: &MemoryGrant,
    ) -> Result<PendingAnswer, CallError> {
        let (received_at, body) = (self.audit.clock.now(), body_text(body).ok_or(CallError::NotUtf8)?);
        self.audit.check_usage(client, received_at)?;
        let reading = self.engine.readings().of_client(client.name());
        let hooks = self.engine.services().hooks_of(client.dialect());
        let context = DecisionContext { hooks, options: reading.options(), ..self.engine.context(received_at) };
        let Call { metadata, scoped_request, passed_over } =
            without_blocking(body.len(), || read_request(&context, body, ReadScope::InScope)).await?;
        let recorder = Recorder { client, received_at, body, metadata: &metadata, reading: reading.recorded() };
        let pages = FetchedPages::default();
        let Some(request) = scoped_request else {
            return without_blocking(body.len(), || {
                self.begin(&recorder, self.respond_without_decision(&recorder, None, None, &passed_over))
            })
            .await;
        };
        request.check_ids()?;
        let form = self.form_to_look_up(client, metadata.hook);
        let scope = FetchScope { allowed: &|server| client.may_name(server), end, form, memory };
        let (request, is_fetched) = self.engine.fetch_missing(&context, request, &scope, &pages).await?;
        without_blocking(body.len() + pages.bytes(), || {
            let choice = request.choose_policies(&context, &|coverage| self.plans.policy_of(client.plan(), coverage));
            let written = self.respond(&recorder, &decide(&context, request, choice), is_fetched.then_some(&pages))?;
            self.begin(&recorder, written)
        })
        .await
    }

    /// Begins to record a response.
    fn begin<'r>(&self, recorder: &Recorder<'r>, written: WrittenResponse<'r>) -> Result<PendingAnswer, CallError> {
        let entry = written.entry.map(|entry| self.without_token(recorder, entry));
        self.audit.begin(entry, HookAnswer { hook: recorder.metadata.hook, body: written.body })
    }

    /// The form to look up for a client without DTR, if a card can include it (CRD 2.2.1, dev-20). The lookup goes with that of the
    /// Coverage, so it is for the policy of an order without one.
    fn form_to_look_up(&self, client: &VerifiedClient, hook: Hook) -> Option<&str> {
        let rules = self.rules(client.dialect());
        let is_offered = !client.has_dtr() && hook.is_primary() && rules.carries_out(SuggestionKind::CreateTask);
        let policies = self.engine.policies();
        let policy = policies.family_or_default(self.plans.policy_of(client.plan(), CoverageFound::None));
        let form = &policy.newest().form;
        (is_offered && !rules.one_action_a_suggestion).then_some(form.canonical.as_str())
    }

    /// The response rules of a dialect.
    pub(super) fn rules(&self, dialect: Dialect) -> &DialectRules {
        self.dialects.get(dialect)
    }

    /// Where a client's EHR launches the app, if an EHR that the client's calls may name is registered.
    fn launch_url(&self, client: &VerifiedClient) -> Option<&str> {
        let app = self.app.as_ref()?;
        app.fhir_servers.iter().any(|server| client.may_name(server)).then_some(&app.url)
    }

    /// The response to a call without a decided order.
    fn respond_without_decision<'r>(
        &self,
        recorder: &Recorder<'r>,
        choice: Option<&PolicyChoice>,
        fetched: Option<&FetchedPages>,
        passed_over: &[PassedOver<'_>],
    ) -> WrittenResponse<'r> {
        DecisionMetrics::passed_over(recorder.metadata.hook, recorder.client, passed_over);
        let nothing = UndecidedCall { policies: self.engine.policies(), choice, fetched, passed_over };
        let entry = self.audit.is_on().then(|| recorder.undecided_entry(self.audit.new_id(), &nothing, NO_CARDS));
        WrittenResponse { body: NO_CARDS.to_vec(), entry }
    }

    /// The response to a decided call.
    fn respond<'r>(
        &self,
        recorder: &Recorder<'r>,
        decision: &Decision<'_>,
        fetched: Option<&FetchedPages>,
    ) -> Result<WrittenResponse<'r>, CallError> {
        let (evaluation, client) = (&decision.evaluation, recorder.client);
        if evaluation.orders.is_empty() {
            return Ok(self.respond_without_decision(recorder, Some(&decision.choice), fetched, &evaluation.passed_over));
        }
        decision.require_data()?;
        let (policies, id) = (self.engine.policies(), self.audit.new_id());
        let answer_options = &answer_options(client, &self.crd, self.launch_url(client));
        let request_extension = &RequestExtension::read(recorder.metadata.extension);
        let (dialect, is_recorded) = (self.rules(answer_options.dialect), self.audit.is_on());
        let lacking_form = fetched.and_then(|pages| pages.lacking_form(&decision.choice.fallback().newest().form.canonical));
        let responder = Responder { answer_options, dialect, request_extension, record: id, is_recorded, lacking_form };
        let plans = order_plans(&self.plans, client, decision);
        let ids = RefCell::new(Vec::new());
        let new_id = || {
            let id = self.audit.new_id();
            ids.borrow_mut().push(id);
            id
        };
        let response = responder.respond(&decided_orders(decision), &plans, new_id)?;
        let body = serde_json::to_vec(&response).map_err(|_| CallError::Unwritable)?;
        let entry = is_recorded.then(|| {
            let (ids, cards) = (&ids.take(), response.cards.iter().map(|card| card.uuid).collect());
            let plans = &RecordedPlans::from_orders(&plans);
            recorder.entry(id, DecidedCall { decision, fetched, answer_options, request_extension, plans, policies, ids, cards }, &body)
        });
        self.metrics.decided(decision.hook, client, &plans, evaluation);
        DecisionMetrics::passed_over(decision.hook, client, &evaluation.passed_over);
        log_decision(client, decision, is_recorded.then_some(id));
        Ok(WrittenResponse { body: shown(answer_options, body), entry })
    }
}

/// The body that the client gets: in shadow mode, no cards.
fn shown(answer_options: &AnswerOptions, body: Vec<u8>) -> Vec<u8> {
    if answer_options.is_shadowed { NO_CARDS.to_vec() } else { body }
}

fn log_decision(client: &VerifiedClient, decision: &Decision<'_>, record: Option<uuid::Uuid>) {
    for order in &decision.evaluation.orders {
        let (name, determination) = (client.name(), order.determination.as_str());
        let assertion = record.map(tracing::field::display);
        info!(client = name, hook = decision.hook.as_str(), assertion, determination, kind = ?order.kind, "decided");
    }
}
