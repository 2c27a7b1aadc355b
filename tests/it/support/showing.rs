//! The cards of a request for a given client: its hook, its options, its dialect, with or without DTR. Without the application, which
//! reads them from its configuration.

use std::sync::LazyLock;

use serde_json::Value;
use serde_json::value::RawValue;
use sij_cds::cds_hooks::Dialect;
use sij_cds::cds_hooks::{Hook, Prefetch, ServiceIds, read};
use sij_cds::crd::Dialects;
use sij_cds::crd::{FormOffer, Options, Presentation, cards};
use sij_cds::decision::{Policies, Services};
use sij_cds::evidence::{PatientRecord, RawPrefetch, ReadingContext, ReadingOptions};
use sij_cds::ids::{IdSource, SequentialIds};
use sij_cds::policy::{Evaluation, Inquiry, Reference, evaluate};

use super::{Case, day_of_the_fixtures};

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::load(None).expect("policies"));
static SERVICES: LazyLock<Services> = LazyLock::new(|| Services::load(&Hook::ALL, ServiceIds::PerHook).expect("services"));
static DIALECTS: LazyLock<Dialects> = LazyLock::new(|| Dialects::load().expect("dialects"));

/// Every dialect.
pub(crate) const ALL_DIALECTS: [Dialect; 4] = [Dialect::Standard, Dialect::Epic, Dialect::BrProvider, Dialect::Sandbox];

/// The canonical URL of the documentation form.
pub(crate) const FORM: &str = "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|1.0.0";

/// A client's card settings.
#[derive(Clone)]
pub(crate) struct Showing {
    pub(crate) hook: Hook,
    pub(crate) options: Options,
    pub(crate) dialect: Dialect,
    pub(crate) form: Option<FormOffer<'static>>,
    pub(crate) therapy_order_code: Option<&'static str>,
}

impl Default for Showing {
    fn default() -> Self {
        Self { hook: Hook::OrderSign, options: Options::default(), dialect: Dialect::Standard, form: None, therapy_order_code: None }
    }
}

/// The form for a client with neither DTR nor the form.
pub(crate) fn form() -> FormOffer<'static> {
    static RESOURCE: LazyLock<Box<RawValue>> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cds-hooks/policies/sacroiliac-joint-interventions/2019-08/questionnaire.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("the form")).expect("JSON")
    });
    FormOffer {
        questionnaire: FORM,
        resource: Some(&RESOURCE),
        requester: Some("Organization/payer"),
        requester_name: "Example Health Plan",
        encounter: Some("Encounter/e1"),
    }
}

/// The default settings for cards of signed orders, according to the specification.
pub(crate) fn presenting<'p, 'a>(orders: &'p [(usize, &'a RawValue)]) -> Presentation<'p, 'a> {
    static OPTIONS: LazyLock<Options> = LazyLock::new(Options::default);
    Presentation {
        source_label: "Example Health Plan",
        policy_url: None,
        has_policy_card: false,
        unavailable: &[],
        unreadable: 0,
        orders,
        user_id: "Practitioner/d1",
        hook: Hook::OrderSign,
        options: &OPTIONS,
        dialect: DIALECTS.get(Dialect::Standard),
        form: None,
        therapy_order_code: None,
        coverage_note: None,
        app: None,
    }
}

impl Showing {
    pub(crate) fn in_dialect(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    pub(crate) fn on(hook: Hook) -> Self {
        Self { hook, ..Self::default() }
    }

    /// The answer as sent.
    pub(crate) fn text(&self, request: &str) -> String {
        texts(request, std::slice::from_ref(self)).remove(0)
    }

    fn answer(&self, decided: &Decided<'_, '_>) -> String {
        let presentation = Presentation {
            user_id: decided.user_id,
            hook: self.hook,
            options: &self.options,
            dialect: DIALECTS.get(self.dialect),
            form: self.form,
            therapy_order_code: self.therapy_order_code,
            ..presenting(decided.orders)
        };
        let ids = SequentialIds::default();
        let response = cards(decided.evaluation, |_| &presentation, |_| POLICIES.newest(), || ids.new_id());
        serde_json::to_string(&response).expect("JSON")
    }

    /// Its cards.
    pub(crate) fn cards(&self, request: &str) -> Vec<Value> {
        let answer: Value = serde_json::from_str(&self.text(request)).expect("JSON");
        answer["cards"].as_array().expect("cards").clone()
    }

    /// The only card of a story.
    #[track_caller]
    pub(crate) fn card(&self, story: &Case) -> Value {
        let cards = self.cards(&story.request);
        assert_eq!(cards.len(), 1, "{}: {cards:?}", story.name);
        cards[0].clone()
    }
}

/// A call with its evaluation.
struct Decided<'d, 'a> {
    evaluation: &'d Evaluation<'a>,
    orders: &'d [(usize, &'a RawValue)],
    user_id: &'d str,
}

/// The answers for each client to a request that is decided once.
pub(crate) fn texts(request: &str, showings: &[Showing]) -> Vec<String> {
    let call = read::<RawPrefetch<'_>>(request, |_, _| true).expect("a call");
    let gathered = PatientRecord::of_orders(call.context.order_resources());
    let gathered = match call.prefetch {
        Prefetch::Read(prefetch) => gathered.with_each(&prefetch, &SERVICES.prefetch_keys),
        Prefetch::Raw(raw) => {
            gathered.with_each(&serde_json::from_str::<RawPrefetch<'_>>(raw.get()).expect("a prefetch"), &SERVICES.prefetch_keys)
        }
        Prefetch::Absent => gathered,
    };
    let policy = POLICIES.newest();
    let patient = call.context.patient_id.strip_prefix("Patient/").unwrap_or(&call.context.patient_id);
    let inquiry = Inquiry { patient: Reference::new("Patient", patient.into()), as_of: day_of_the_fixtures() };
    let reading = ReadingContext { policy, patient_id: patient, options: ReadingOptions::none() };
    let evaluation = evaluate(policy, &gathered.facts(reading), inquiry);
    let orders: Vec<_> = gathered.drafts().iter().map(|draft| (draft.position, draft.raw)).collect();
    let decided = Decided { evaluation: &evaluation, orders: &orders, user_id: &call.context.user_id() };
    showings.iter().map(|showing| showing.answer(&decided)).collect()
}

/// The suggestions of a card.
pub(crate) fn suggestions(card: &Value) -> Vec<Value> {
    card["suggestions"].as_array().cloned().unwrap_or_default()
}
