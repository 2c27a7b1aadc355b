//! The application: built once from configuration and ports, then called by HTTP and the command line.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::join;
use tokio::time::Instant;
use tracing::info;

use super::answering::Answering;
use super::call_error::CallError;
use super::client_options::{AnswerOptions, KeptPlans, order_plans};
use super::code_maps::CodeMapsError;
use super::decision::{
    Call, Decision, DecisionContext, ReadScope, Report, ScopedRequest, check_orders, conclude, has_scope, require_data, require_orders,
};
use super::dialects::{Dialects, DialectsError};
use super::fetching::{FetchScope, Fetching, lacking_form, not_asked_yet, with_lists, with_orders, with_referred};
use super::form::Forms;
use super::metrics::DecisionMetrics;
use super::pending_answer::PendingAnswer;
use super::plans::Plans;
use super::policies::{Policies, PoliciesError};
use super::ports::Ports;
use super::read_request::read_request;
use super::readings::Readings;
use super::recording::{DecidedCall, Fetched, Recorder, UndecidedCall};
use super::report_text;
use super::self_test::can_decide;
use super::services::{Services, ServicesError};
use super::smart::AppAddress;
use crate::auth::smart::{SmartApp, SmartError};
use crate::auth::{AuthError, Authenticator, Credentials, Refused, VerifiedClient};
use crate::cds_hooks::{Hook, named_hook};
use crate::config::{Config, CrdConfig, Dialect};
use crate::crd::{DialectRules, RequestExtension, SuggestionKind};
use crate::evidence::ReadingOptions;
use crate::fhir::{Registry, RegistryError};
use crate::ledger::{Entry, LedgerHealth};
use crate::page::{Words, WordsError};
use crate::policy::PassedOver;

/// The response when no order is in scope.
pub(super) const NO_CARDS: &[u8] = br#"{"cards":[]}"#;

/// Why the application cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The policy is invalid.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// The local code maps are invalid.
    #[error(transparent)]
    CodeMaps(#[from] CodeMapsError),
    /// The published services are invalid.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The client dialects are invalid.
    #[error(transparent)]
    Dialects(#[from] DialectsError),
    /// Connections to a FHIR server cannot be set up.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The client configuration is invalid.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The SMART app cannot be set up.
    #[error(transparent)]
    Smart(#[from] SmartError),
    /// The messages of the app's page are invalid.
    #[error(transparent)]
    Words(#[from] WordsError),
}

/// Whether calls can be answered, and under which policy version.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// Whether calls can be answered.
    pub ready: bool,
    /// The policy's id.
    pub policy: String,
    /// The policy's newest version.
    pub version: String,
    /// The ledger's health.
    pub ledger: LedgerHealth,
}

/// The response to a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The call's hook.
    pub hook: Hook,
    /// The response body, as JSON.
    pub body: Vec<u8>,
}

/// The application.
pub struct App {
    policies: Policies,
    pub(super) services: Services,
    dialects: Dialects,
    pub(super) registry: Registry,
    discovery: Bytes,
    forms: Forms,
    pub(super) plans: Plans,
    pub(super) readings: Readings,
    pub(super) smart: SmartApp,
    /// The service's public address, and session limits.
    pub(super) place: AppAddress,
    /// The messages of the app's page.
    pub(super) words: Words,
    crd: CrdConfig,
    figures: DecisionMetrics,
    authenticator: Authenticator,
    refusals_per_minute: NonZeroU32,
    ports: Ports,
}

impl App {
    /// Builds the application; this is the composition root.
    ///
    /// # Errors
    /// An invalid policy or service file, with the line of the error.
    pub fn build(config: &Config, ports: Ports) -> Result<Self, BuildError> {
        let services = Services::load(&config.crd.hooks.iter().filter_map(|hook| Hook::of_name(hook.as_str())).collect::<Vec<_>>())?;
        let endpoints = config.server.public_url.as_ref().map(|url| services.endpoints(url)).unwrap_or_default();
        let policies = Policies::load(config.policy.directory.as_deref())?;
        Ok(Self {
            figures: DecisionMetrics::new(&policies),
            readings: Readings::load(config, &policies)?,
            policies,
            forms: Forms::new(config, ports.clock.now()),
            discovery: Bytes::from(services.discovery(config.auth_mode())),
            services,
            dialects: Dialects::load()?,
            registry: Registry::build(&config.fhir, &config.fhir_servers)?,
            plans: Plans::new(config),
            smart: SmartApp::build(config, Arc::clone(&ports.launches), Arc::clone(&ports.clock))?,
            place: AppAddress::from_config(config),
            words: Words::embedded()?,
            crd: config.crd.clone(),
            authenticator: Authenticator::build(config, &endpoints, Arc::clone(&ports.callers), Arc::clone(&ports.clock))?,
            refusals_per_minute: config.ledger.refusals_per_minute,
            ports,
        })
    }

    pub(super) fn figures(&self) -> &DecisionMetrics {
        &self.figures
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(super) fn forms(&self) -> &Forms {
        &self.forms
    }

    pub(super) fn refusals_per_minute(&self) -> NonZeroU32 {
        self.refusals_per_minute
    }

    /// The discovery document (CDS Hooks, "Discovery").
    #[must_use]
    pub fn discovery(&self) -> &Bytes {
        &self.discovery
    }

    /// Whether the service offers this service id.
    #[must_use]
    pub fn knows_service(&self, service_id: &str) -> bool {
        self.services.ids.iter().any(|id| id == service_id)
    }

    /// The offered hooks.
    #[must_use]
    pub fn hooks(&self) -> &[Hook] {
        self.services.hooks()
    }

    /// The ids of the offered services.
    #[must_use]
    pub fn service_ids(&self) -> &[String] {
        &self.services.ids
    }

    /// Whether calls can be answered: a policy version is in force and passes the self-test, and the ledger is writable.
    pub async fn readiness(&self) -> Readiness {
        let (policy, ledger) = (self.policies.newest(), self.ledger_standing().await);
        let ready = ledger.unwritable_cause().is_none() && can_decide(self, self.ports.clock.now());
        Readiness { ready, policy: policy.id.clone(), version: policy.version.clone(), ledger }
    }

    /// The policy versions in use.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Whether calls by the client of this name may make this service query the named FHIR server.
    pub(in crate::app) fn may_have_asked(&self, client: &str, server: &str) -> bool {
        self.authenticator.may_name(client, server)
    }

    /// Authenticates the caller. In development mode every caller is accepted.
    ///
    /// # Errors
    /// Why the caller is refused; for the log only.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<VerifiedClient, Refused> {
        self.authenticator.verify(credentials).await
    }

    /// The answer to a client's hook call, as JSON.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification or contains nothing to decide on.
    pub async fn answer(&self, client: &VerifiedClient, body: &[u8]) -> Result<Vec<u8>, CallError> {
        Ok(self.answer_by(client, body, None).await?.kept().await?.body)
    }

    /// Like [`App::answer`], with a deadline for the call. Fetching stops early enough before `end` to answer with what has arrived.
    /// The answer is pending until the ledger has recorded it; the body is not needed for that.
    ///
    /// # Errors
    /// Like [`App::answer`].
    pub async fn answer_by(&self, client: &VerifiedClient, body: &[u8], end: Option<Instant>) -> Result<PendingAnswer, CallError> {
        let received_at = self.ports.clock.now();
        let (reading, body) = (self.readings.of_client(client), text(body)?);
        let hooks = self.services.hooks_of(client.dialect());
        let decision_context = DecisionContext { hooks, options: reading.options(), ..self.decision_context(received_at) };
        let Call { asked, scoped_request, passed_over } = read_request(&decision_context, body, ReadScope::InScope)?;
        let recorder = Recorder { client, received_at, body, asked: &asked, reading: reading.kept() };
        let (answer, entry) = match scoped_request {
            None => {
                DecisionMetrics::passed_over(asked.hook, client, &passed_over);
                (NO_CARDS.to_vec(), self.entry_of_nothing(&recorder, None, &passed_over))
            }
            Some(scoped_request) => {
                let form = self.form_to_ask_for(client, asked.hook);
                let scope = FetchScope { allowed: &|server| client.may_name(server), end, form };
                self.decide(&decision_context, scoped_request, &scope, |decision, fetched| self.write(&recorder, decision, fetched))
                    .await??
            }
        };
        self.begin_keeping(entry.into_iter().collect(), Answer { hook: asked.hook, body: answer })
    }

    /// The form to look up for a client without DTR, if a card can include it (CRD 2.2.1, dev-20).
    fn form_to_ask_for(&self, client: &VerifiedClient, hook: Hook) -> Option<&str> {
        let rules = self.rules(client.dialect());
        let is_offered = !client.has_dtr() && hook.is_primary() && rules.carries_out(SuggestionKind::CreateTask);
        (is_offered && !rules.one_action_a_suggestion).then_some(self.policies.newest().form.canonical.as_str())
    }

    /// The hook that the body names, if it is a known one.
    #[must_use]
    pub fn hook_of(body: &[u8]) -> Option<Hook> {
        named_hook(text(body).ok()?)
    }

    /// Fetches what the prefetch lacks, within `scope`, makes the decision, and passes it to `read`.
    pub(super) async fn decide<T>(
        &self,
        decision_context: &DecisionContext<'_>,
        mut scoped_request: ScopedRequest<'_>,
        scope: &FetchScope<'_>,
        read: impl FnOnce(&Decision<'_>, Option<Fetched<'_>>) -> T,
    ) -> Result<T, CallError> {
        let Some(fetching) = Fetching::of_call(&self.registry, &mut scoped_request, scope) else {
            require_orders(&scoped_request)?;
            return Ok(read(&conclude(decision_context, scoped_request), None));
        };
        let orders = fetching.orders(&scoped_request).await;
        let scoped_request = with_orders(scoped_request, &orders);
        if !orders.is_empty() {
            fetching.judge([&[], &[]], &orders);
            require_orders(&scoped_request)?;
            check_orders(decision_context, &scoped_request)?;
            if scoped_request.scope == ReadScope::InScope && !has_scope(decision_context, &scoped_request) {
                return Ok(read(&conclude(decision_context, scoped_request), Some(Fetched { orders: &orders, ..Fetched::default() })));
            }
        }
        let payors = self.plans.payors_to_look_up();
        let mut searches = fetching.lists(&self.services, &scoped_request);
        let lists = fetching.in_time(&mut searches).await;
        let scoped_request = scoped_request.with(|patient_record| with_lists(patient_record, &lists));
        let asked = scoped_request.patient_record.referred(payors);
        let ((late, mut referred), form) = join(join(fetching.late(searches), fetching.look_up(&asked)), fetching.form(scope.form)).await;
        let scoped_request = scoped_request.with(|patient_record| with_lists(patient_record, &late));
        if !late.is_empty() {
            let more = not_asked_yet(scoped_request.patient_record.referred(payors), &asked);
            referred.extend(fetching.look_up(&more).await);
        }
        fetching.judge([&lists, &late], &referred);
        let scoped_request = scoped_request.with(|patient_record| with_referred(patient_record, &referred));
        Ok(read(
            &conclude(decision_context, scoped_request),
            Some(Fetched { orders: &orders, lists: [&lists, &late], referred: &referred, form: form.as_ref() }),
        ))
    }

    /// Builds the response to a decided call, and its ledger entry if the ledger is on.
    fn write<'r>(
        &self,
        recorder: &Recorder<'r>,
        decision: &Decision<'_>,
        fetched: Option<Fetched<'_>>,
    ) -> Result<(Vec<u8>, Option<Entry<'r>>), CallError> {
        let evaluation = &decision.evaluation;
        if evaluation.orders.is_empty() {
            DecisionMetrics::passed_over(decision.hook, recorder.client, &evaluation.passed_over);
            return Ok((NO_CARDS.to_vec(), self.entry_of_nothing(recorder, fetched, &evaluation.passed_over)));
        }
        let record = self.ports.ids.new_id();
        require_data(decision)?;
        let client = recorder.client;
        let ids = RefCell::new(Vec::new());
        let new_id = || {
            let id = self.ports.ids.new_id();
            ids.borrow_mut().push(id);
            id
        };
        let (answer_options, asked) =
            (AnswerOptions::for_client(client, &self.crd, self.launch_address(client)), RequestExtension::read(recorder.asked.extension));
        let lacking_form = fetched.and_then(|fetched| lacking_form(&self.policies, fetched.form));
        let (policies, dialect) = (&self.policies, self.rules(answer_options.dialect));
        let is_kept = self.ports.ledger.is_on();
        let answering = Answering { policies, answer_options: &answer_options, dialect, asked: &asked, record, is_kept, lacking_form };
        let plans = order_plans(&self.plans, client, policies, decision);
        let response = answering.respond(decision, &plans, new_id)?;
        let answer = serde_json::to_vec(&response).map_err(|_| CallError::Unwritable)?;
        let entry = self.ports.ledger.is_on().then(|| {
            let cards = response.cards.iter().map(|card| card.uuid).collect();
            let kept = KeptPlans::from_orders(&plans);
            recorder.entry(
                record,
                DecidedCall {
                    decision,
                    fetched,
                    answer_options: &answer_options,
                    asked: &asked,
                    plans: &kept,
                    policies,
                    ids: &ids.take(),
                    cards,
                },
                &answer,
            )
        });
        self.figures.decided(decision.hook, client, &plans, evaluation);
        DecisionMetrics::passed_over(decision.hook, client, &evaluation.passed_over);
        for order in &evaluation.orders {
            let (name, determination) = (client.name(), order.determination.as_str());
            let assertion = entry.is_some().then(|| tracing::field::display(record));
            info!(client = name, hook = decision.hook.as_str(), assertion, determination, kind = ?order.kind, "decided");
        }
        Ok((if answer_options.is_shadowed { NO_CARDS.to_vec() } else { answer }, entry))
    }

    /// The ledger entry of a call without a decided order, if the ledger is on.
    fn entry_of_nothing<'r>(
        &self,
        recorder: &Recorder<'r>,
        fetched: Option<Fetched<'_>>,
        passed_over: &[PassedOver<'_>],
    ) -> Option<Entry<'r>> {
        let nothing = UndecidedCall { policies: &self.policies, fetched, passed_over };
        self.ports.ledger.is_on().then(|| recorder.of_nothing(self.ports.ids.new_id(), &nothing, NO_CARDS))
    }

    /// Formats a report as plain text, at most 100 columns wide.
    #[must_use]
    pub fn text(&self, report: &Report<'_, '_>) -> String {
        report_text::text(report, self.policies.newest(), |order| self.policies.on(order.service_date))
    }

    /// The default context, without any client's settings.
    pub(super) fn decision_context(&self, as_of: DateTime<Utc>) -> DecisionContext<'_> {
        DecisionContext {
            policies: &self.policies,
            prefetch_keys: &self.services.prefetch_keys,
            hooks: self.services.hooks(),
            as_of,
            options: ReadingOptions::none(),
        }
    }

    /// The response rules of a dialect.
    pub(super) fn rules(&self, dialect: Dialect) -> &DialectRules {
        self.dialects.get(dialect)
    }
}

/// The body as text, without a byte order mark.
pub(super) fn text(body: &[u8]) -> Result<&str, CallError> {
    std::str::from_utf8(body).map(without_mark).map_err(|_| CallError::NotUtf8)
}

/// Strips the byte order mark that some writers put before JSON; a reader may ignore it (RFC 8259, section 8.1).
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
