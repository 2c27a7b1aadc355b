//! The application: built once from configuration and ports, then asked by HTTP and the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::join;
use tokio::time::Instant;
use tracing::info;

use super::call_error::CallError;
use super::decision::{Decision, Means, Opened, Reach, Report, conclude, open};
use super::fetching::{FetchReach, Fetching, not_asked_yet, with_lists, with_referred};
use super::figures::Figures;
use super::plans::{Plan, Plans};
use super::policies::{Policies, PoliciesError};
use super::report_text;
use super::self_test::can_decide;
use super::services::{Services, ServicesError};
use crate::auth::{AuthError, Authenticator, CallerMemory, Credentials, Refused, VerifiedClient};
use crate::cds_hooks::{Presentation, Response, cards, read_feedback};
use crate::clock::Clock;
use crate::config::Config;
use crate::evidence::{Kind, Source, by_reason};
use crate::fhir::{Registry, RegistryError};
use crate::ids::IdSource;
use crate::policy::{DiagnosisSupport, OrderKind, Policy};

/// Written where nothing is in scope.
const NO_CARDS: &[u8] = br#"{"cards":[]}"#;

/// What the Conditions that orders name as their reasons are called among the lists.
const ORDERS_REASONS: &str = "reasons";

/// What the application is given from outside.
#[derive(Clone)]
pub struct Ports {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
    /// What is remembered of callers; it outlives this application when the configuration is reloaded.
    pub callers: Arc<CallerMemory>,
}

impl Ports {
    /// Ports with a memory of callers as configuration has it.
    ///
    /// # Errors
    /// [`AuthError`] when the memory's database cannot be set up.
    pub fn new(config: &Config, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Result<Self, AuthError> {
        Ok(Self { clock, ids, callers: Arc::new(CallerMemory::build(&config.auth)?) })
    }
}

/// Why the application cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The policy cannot be used.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// The published services cannot be used.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// Connections to a FHIR server cannot be set up.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The clients cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// Whether calls can be answered, and under which policy.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// Whether calls can be answered.
    pub ready: bool,
    /// The policy's id.
    pub policy: String,
    /// The newest version of it.
    pub version: String,
}

/// The application.
pub struct App {
    policies: Policies,
    services: Services,
    registry: Registry,
    discovery: Bytes,
    plans: Plans,
    figures: Figures,
    authenticator: Authenticator,
    ports: Ports,
}

impl App {
    /// The composition root.
    ///
    /// # Errors
    /// A policy or service file that cannot be used, named with its line.
    pub fn build(config: &Config, ports: Ports) -> Result<Self, BuildError> {
        let services = Services::load()?;
        let endpoints = config.server.public_url.as_ref().map(|url| services.endpoints(url)).unwrap_or_default();
        let policies = Policies::load(config.policy.directory.as_deref())?;
        Ok(Self {
            figures: Figures::new(&policies),
            policies,
            discovery: Bytes::from(services.discovery(config.auth_mode())),
            services,
            registry: Registry::build(&config.fhir, &config.fhir_servers)?,
            plans: Plans::of(config),
            authenticator: Authenticator::build(config, &endpoints, Arc::clone(&ports.callers), Arc::clone(&ports.clock))?,
            ports,
        })
    }

    /// The discovery document (CDS Hooks, "Discovery").
    #[must_use]
    pub fn discovery(&self) -> &Bytes {
        &self.discovery
    }

    /// Whether a service of this id is offered.
    #[must_use]
    pub fn knows_service(&self, service_id: &str) -> bool {
        self.services.ids.iter().any(|id| id == service_id)
    }

    /// The hook each service answers, by the service's id.
    #[must_use]
    pub fn hooks(&self) -> &BTreeMap<String, Arc<str>> {
        &self.services.hooks
    }

    /// Whether calls can be answered.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let policy = self.policies.newest();
        Readiness { ready: can_decide(self, self.ports.clock.now()), policy: policy.id.clone(), version: policy.version.clone() }
    }

    /// The policy versions in use.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Who is calling. In development mode that is anybody.
    ///
    /// # Errors
    /// Why the caller is refused, which is for the log alone.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<VerifiedClient, Refused> {
        self.authenticator.verify(credentials).await
    }

    /// The answer to a client's hook call, as JSON.
    ///
    /// # Errors
    /// [`CallError`] for a call that is not as the specification says, or that brings nothing to decide on.
    pub async fn answer(&self, client: &VerifiedClient, body: &[u8]) -> Result<Vec<u8>, CallError> {
        self.answer_by(client, body, None).await
    }

    /// As [`App::answer`], for a call that may be ended at an instant: fetching ends early enough before it that what did come is
    /// answered.
    ///
    /// # Errors
    /// As [`App::answer`].
    pub async fn answer_by(&self, client: &VerifiedClient, body: &[u8], end: Option<Instant>) -> Result<Vec<u8>, CallError> {
        let means = self.means(self.ports.clock.now());
        let Some(opened) = open(&means, text(body)?, Reach::InScope)? else {
            return Ok(NO_CARDS.to_vec());
        };
        let reach = FetchReach { allowed: &|server| client.may_name(server), end };
        self.decide(&means, opened, &reach, |decision| self.write(client, decision)).await
    }

    /// Fetches what the prefetch lacks, within `reach`, decides, and hands the decision to `read`.
    async fn decide<T>(
        &self,
        means: &Means<'_>,
        mut opened: Opened<'_>,
        reach: &FetchReach<'_>,
        read: impl FnOnce(&Decision<'_>) -> T,
    ) -> T {
        let Some(fetching) = Fetching::of_call(&self.registry, &mut opened, reach) else {
            return read(&conclude(means, opened));
        };
        let mut searches = fetching.lists(&self.services, &opened);
        let lists = fetching.in_time(&mut searches).await;
        let opened = opened.with(|gathered| with_lists(gathered, &lists));
        let asked = opened.gathered.referred();
        let (late, mut referred) = join(fetching.late(searches), fetching.look_up(&asked)).await;
        let opened = opened.with(|gathered| with_lists(gathered, &late));
        if !late.is_empty() {
            let more = not_asked_yet(opened.gathered.referred(), &asked);
            referred.extend(fetching.look_up(&more).await);
        }
        fetching.judge([&lists, &late], &referred);
        let opened = opened.with(|gathered| with_referred(gathered, &referred));
        read(&conclude(means, opened))
    }

    /// The answer to a decided call.
    fn write(&self, client: &VerifiedClient, decision: &Decision<'_>) -> Result<Vec<u8>, CallError> {
        require_data(decision)?;
        let response = self.respond(self.plans.of_client(client), decision);
        self.figures.decided(client, &decision.evaluation);
        for order in &decision.evaluation.orders {
            info!(client = client.name(), determination = order.determination.as_str(), kind = ?order.kind, "decided");
        }
        serde_json::to_vec(&response).map_err(|_| CallError::Unwritable)
    }

    /// Evaluates a call from its prefetch and context alone and hands the result to `read`.
    ///
    /// # Errors
    /// [`CallError`] for a call that is not as the specification says.
    pub fn evaluate<T>(&self, body: &str, as_of: DateTime<Utc>, read: impl FnOnce(&Report<'_, '_>) -> T) -> Result<T, CallError> {
        let means = self.means(as_of);
        let decision = conclude(&means, open(&means, body, Reach::Everything)?.ok_or(CallError::Unwritable)?);
        Ok(read(&decision.report()))
    }

    /// Evaluates a call as [`App::evaluate`] does, but fetches what its prefetch lacks from the server it names, if that
    /// is registered.
    ///
    /// # Errors
    /// [`CallError`] for a call that is not as the specification says.
    pub async fn evaluate_fetching<T>(
        &self,
        body: &str,
        as_of: DateTime<Utc>,
        read: impl FnOnce(&Report<'_, '_>) -> T,
    ) -> Result<T, CallError> {
        let means = self.means(as_of);
        let opened = open(&means, body, Reach::Everything)?.ok_or(CallError::Unwritable)?;
        // Whoever may read the configuration may ask its servers.
        let reach = FetchReach { allowed: &|_| true, end: None };
        Ok(self.decide(&means, opened, &reach, |decision| read(&decision.report())).await)
    }

    /// A report as a text for people, at most a hundred columns wide.
    #[must_use]
    pub fn text(&self, report: &Report<'_, '_>) -> String {
        report_text::text(report, self.policies.newest(), |order| self.policies.on(order.service_date))
    }

    /// Takes feedback: counted in the log, by card and without any word of the clinician's.
    ///
    /// # Errors
    /// [`CallError`] for feedback that is not as the specification says.
    pub fn feedback(&self, client: &VerifiedClient, body: &[u8]) -> Result<(), CallError> {
        for feedback in read_feedback(text(body)?)? {
            self.figures.fed_back(client, &feedback);
            let card = uuid::Uuid::parse_str(&feedback.card).ok();
            let known = card.is_some();
            let card = card.unwrap_or_default();
            let accepted = feedback.accepted_suggestions();
            let overridden_with_reason = feedback.has_override_reason();
            info!(client = client.name(), %card, is_uuid = known, outcome = ?feedback.outcome, accepted, overridden_with_reason, "feedback");
        }
        Ok(())
    }

    fn means(&self, as_of: DateTime<Utc>) -> Means<'_> {
        Means { policies: &self.policies, prefetch_keys: &self.services.prefetch_keys, as_of }
    }

    fn respond<'a>(&self, plan: &Plan, decision: &Decision<'a>) -> Response<'a> {
        let missing = Kind::ALL.into_iter().filter(|kind| needed_but_missing(decision, *kind));
        let lists = by_reason(&decision.sources, missing);
        let lists = lists.into_iter().map(|(reason, kinds)| (reason, kinds.into_iter().map(Kind::name).collect()));
        let open_diagnosis = decision.evaluation.orders.iter().any(|order| order.diagnosis == DiagnosisSupport::Unavailable);
        let reasons = decision.gathered.reasons_unresolved().filter(|_| open_diagnosis).map(|reason| (reason, vec![ORDERS_REASONS]));
        let unavailable: Vec<_> = lists.chain(reasons).collect();
        let orders: Vec<_> = decision.gathered.drafts().iter().map(|draft| (draft.position, draft.raw)).collect();
        let presentation = Presentation {
            source_label: decision.insurance.insurer.as_deref().unwrap_or(&plan.name),
            policy_url: plan.policy_url.as_deref(),
            unavailable: &unavailable,
            unreadable: decision.gathered.unreadable().len(),
            orders: &orders,
            user_id: &decision.user_id,
        };
        let policy_of = |order: &crate::policy::OrderEvaluation<'a>| -> &Policy { self.policies.on(order.service_date) };
        cards(&decision.evaluation, &presentation, policy_of, || self.ports.ids.new_id())
    }
}

fn text(body: &[u8]) -> Result<&str, CallError> {
    std::str::from_utf8(body).map_err(|_| CallError::NotUtf8)
}

/// The lists whose absence a card must name: the three the policy cannot do without, and where a verdict is open every
/// other that could have settled it.
fn needed_but_missing(decision: &Decision<'_>, kind: Kind) -> bool {
    let mut criteria = decision.evaluation.orders.iter().flat_map(|order| &order.sites).flat_map(|site| &site.criteria);
    let is_evidence = kind != Kind::Coverage;
    let is_needed = matches!(kind, Kind::Conditions | Kind::Procedures | Kind::MedicationStatements);
    !is_available(decision, kind) && (is_needed || (is_evidence && criteria.any(|criterion| criterion.verdict.is_unknown())))
}

fn is_available(decision: &Decision<'_>, kind: Kind) -> bool {
    decision.sources.get(kind.name()).is_some_and(Source::is_available)
}

/// CRD found-32: a call that brings none of the data an injection is decided on cannot be answered.
fn require_data(decision: &Decision<'_>) -> Result<(), CallError> {
    let injection = decision.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
    let missing = |kind: Kind| decision.sources.get(kind.name()).is_none_or(Source::is_missing);
    let nothing = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements].into_iter().all(missing);
    if injection && nothing { Err(CallError::NoData) } else { Ok(()) }
}
