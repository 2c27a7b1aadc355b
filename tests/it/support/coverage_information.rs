//! Coverage information for orders with a hand-made evaluation, and access to its parts.

use std::path::Path;
use std::sync::LazyLock;

use super::showing::presenting;
use chrono::NaiveDate;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sij_cds::cds_hooks::Action;
use sij_cds::crd::{
    COVERAGE_INFORMATION, CardCase, CoverageAssertion, CoverageState, CrdVersion, PlanContact, Presentation, PriorAuthorization,
    coverage_information,
};
use sij_cds::policy::{
    Criterion, CriterionRole, Determination, DiagnosisSupport, Evaluation, OrderEvaluation, OrderKind, PlanKind, Policy, PolicyFile,
    PolicyVersion, Reference, Site, SiteEvaluation, Verdict,
};

use super::{PolicyFolder, day_of_the_fixtures};

pub(crate) const COVERAGE: &str = "Coverage/c1";
pub(crate) const QUESTIONNAIRE: &str = "https://plan.example/Questionnaire/sij|2019-08";

/// The product's policy.
pub(crate) static POLICY: LazyLock<Policy> =
    LazyLock::new(|| read_policy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-hooks/policies/sacroiliac-joint-interventions/2019-08")));

/// The same with a next review date.
pub(crate) fn policy_reviewed_on(day: &str) -> Policy {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "effective_from =", &format!("next_review = \"{day}\"\neffective_from ="));
    read_policy(&folder.version("2019-08"))
}

fn read_policy(folder: &Path) -> Policy {
    let value_sets = std::fs::read_dir(folder.join("valuesets")).unwrap().map(|entry| entry.unwrap().file_name());
    let value_sets = value_sets.map(|name| format!("valuesets/{}", name.to_str().unwrap()));
    let names = ["policy.toml", "cards.toml", "questionnaire.json"].map(str::to_owned).into_iter().chain(value_sets);
    let files: Vec<_> = names.map(|name| PolicyFile { text: std::fs::read_to_string(folder.join(&name)).unwrap(), name }).collect();
    Policy::read(&files).unwrap()
}

/// A draft order as a client writes it.
pub(crate) fn draft() -> Value {
    let cpt = json!({"system": "urn:oid:2.16.840.1.113883.6.12", "code": "27096:LT", "display": "Injection"});
    let local = json!({"system": "http://ehr.example.org/local", "code": "27096"});
    json!({"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "code": {"coding": [local, cpt.clone(), cpt]}})
}

/// A decided order, and the plan's settings.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) order: String,
    pub(crate) evaluation: Evaluation<'static>,
    pub(crate) assertion: CoverageAssertion<'static>,
    pub(crate) unavailable: Vec<(&'static str, Vec<&'static str>)>,
}

impl Decided {
    /// An order for the left joint with this determination, for a service on 2026-12-01.
    pub(crate) fn as_(determination: Determination) -> Self {
        let criteria = match determination {
            Determination::Supported => vec![met()],
            Determination::NeedsDocumentation => vec![met(), unknown("I.A.2"), unknown("I.A.4.b")],
            Determination::NotYet => vec![met(), unmet("I.C.3")],
            Determination::IndividualConsideration => vec![met(), unmet("III")],
            Determination::NotSupported => vec![unmet("II")],
            Determination::Indeterminate => Vec::new(),
        };
        let order = order(determination, vec![site(Site::Left, determination, criteria)]);
        let evaluation = Evaluation {
            policy: PolicyVersion { id: POLICY.id.clone(), version: POLICY.version.clone() },
            as_of: day_of_the_fixtures(),
            patient: Reference::new("Patient", "p1".into()),
            orders: vec![order],
            passed_over: Vec::new(),
            plan: PlanKind::Unknown,
        };
        Self { order: draft().to_string(), evaluation, assertion: assertion(), unavailable: Vec::new() }
    }

    /// Not yet supported, but from a date on.
    pub(crate) fn from(day: &str) -> Self {
        let mut decided = Self::as_(Determination::NotYet);
        decided.evaluation.orders[0].earliest_date = Some(date(day));
        decided.evaluation.orders[0].supported_from = Some((date(day), date("2027-05-01")));
        decided
    }

    /// The same with an additional criterion.
    pub(crate) fn with(mut self, criterion: Criterion<'static>) -> Self {
        self.evaluation.orders[0].supported_from.take_if(|_| criterion.verdict.is_unknown());
        self.evaluation.orders[0].sites[0].criteria.push(criterion);
        self
    }

    /// The same with an additional joint.
    pub(crate) fn with_site(mut self, determination: Determination, criterion: Criterion<'static>) -> Self {
        self.evaluation.orders[0].supported_from.take_if(|_| criterion.verdict.is_unknown());
        self.evaluation.orders[0].sites.push(site(Site::Right, determination, vec![criterion]));
        self
    }

    pub(crate) fn asserted(mut self, change: impl FnOnce(&mut CoverageAssertion<'static>)) -> Self {
        change(&mut self.assertion);
        self
    }

    pub(crate) fn version(self, version: CrdVersion) -> Self {
        self.asserted(|assertion| assertion.version = version)
    }

    pub(crate) fn stance(self, stance: Option<PriorAuthorization>) -> Self {
        self.asserted(|assertion| assertion.prior_authorization = stance)
    }

    pub(crate) fn bearing(mut self, extensions: &Value) -> Self {
        let mut order = draft();
        order["extension"] = extensions.clone();
        self.order = order.to_string();
        self
    }

    pub(crate) fn written(mut self, order: &str) -> Self {
        order.clone_into(&mut self.order);
        self
    }

    /// The order as returned, byte for byte; `None` if nothing is new.
    pub(crate) fn sent_back_under(&self, policy: &Policy) -> Option<String> {
        let raw: &RawValue = serde_json::from_str(&self.order).unwrap();
        let orders = [(0, raw)];
        let presentation = Presentation { unavailable: &self.unavailable, ..presenting(&orders) };
        let case = CardCase { policy, evaluation: &self.evaluation, order: &self.evaluation.orders[0], presentation: &presentation };
        match coverage_information(&case, &self.assertion)? {
            Action::Update { description, resource } => {
                assert!(!description.is_empty());
                Some(serde_json::to_string(&resource).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sent_back(&self) -> Option<String> {
        self.sent_back_under(&POLICY)
    }

    /// The coverage information on it.
    #[track_caller]
    pub(crate) fn extensions(&self) -> Vec<Value> {
        self.extensions_under(&POLICY)
    }

    #[track_caller]
    pub(crate) fn extensions_under(&self, policy: &Policy) -> Vec<Value> {
        ours(&self.sent_back_under(policy).expect("there is something new"))
    }
}

/// The coverage information on an order.
pub(crate) fn ours(order: &str) -> Vec<Value> {
    let order: Value = serde_json::from_str(order).unwrap();
    let extensions = order["extension"].as_array().cloned().unwrap_or_default();
    extensions.into_iter().filter(|extension| extension["url"] == COVERAGE_INFORMATION).collect()
}

pub(crate) fn assertion() -> CoverageAssertion<'static> {
    CoverageAssertion {
        version: CrdVersion::V2_2,
        coverage: COVERAGE,
        state: CoverageState::Active,
        judged_for: None,
        period_end: None,
        prior_authorization: None,
        authorization_number: None,
        contact: None,
        policy_url: None,
        questionnaire: QUESTIONNAIRE,
        assertion_id: "0f5cbd6c-4d2c-4b0f-8f3e-0a7d1f0c9e55",
        with_reason_code: false,
    }
}

pub(crate) static CONTACT: LazyLock<PlanContact> = LazyLock::new(|| PlanContact {
    name: Some("Utilization management".to_owned()),
    phone: Some("+1 555 0100".to_owned()),
    email: None,
    url: Some("https://plan.example/help".to_owned()),
});

pub(crate) fn date(day: &str) -> NaiveDate {
    day.parse().unwrap()
}

fn order(determination: Determination, sites: Vec<SiteEvaluation<'static>>) -> OrderEvaluation<'static> {
    OrderEvaluation {
        order: Reference::new("ServiceRequest", "o1".into()),
        position: 0,
        kind: OrderKind::Injection,
        service_date: date("2026-12-01"),
        determination,
        earliest_date: None,
        too_late: None,
        supported_from: None,
        diagnosis: DiagnosisSupport::OnOrder,
        supporting_condition: None,
        second_procedure: None,
        sites,
        notes: Vec::new(),
        coding_notes: Vec::new(),
        assumptions: Vec::new(),
    }
}

fn site(site: Site, determination: Determination, criteria: Vec<Criterion<'static>>) -> SiteEvaluation<'static> {
    let pathway = "I.C".into();
    SiteEvaluation {
        site,
        pathway,
        determination,
        earliest_date: None,
        too_late: None,
        prior_injections: Vec::new(),
        possible_injections: Vec::new(),
        criteria,
    }
}

fn met() -> Criterion<'static> {
    criterion("I.A.1", Verdict::Met)
}

pub(crate) fn unmet(id: &str) -> Criterion<'static> {
    criterion(id, Verdict::NotMet)
}

pub(crate) fn unknown(id: &str) -> Criterion<'static> {
    criterion(id, Verdict::Unknown)
}

fn criterion(id: &str, verdict: Verdict) -> Criterion<'static> {
    let statement = format!("What was found for {id}.");
    let role = match id {
        "history" => CriterionRole::History,
        "III" => CriterionRole::Continuation,
        _ => CriterionRole::Other,
    };
    Criterion {
        id: id.into(),
        role,
        verdict,
        found: statement.clone(),
        statement,
        evidence: Vec::new(),
        missing: Vec::new(),
        met_from: None,
        remediable: true,
        lacking_weeks: None,
    }
}

/// The parts of an extension with this URL.
pub(crate) fn parts<'v>(extension: &'v Value, url: &str) -> Vec<&'v Value> {
    extension["extension"].as_array().unwrap().iter().filter(|part| part["url"] == url).collect()
}

/// The values of the parts with this URL, whatever their type.
pub(crate) fn values<'v>(extension: &'v Value, url: &str) -> Vec<&'v Value> {
    parts(extension, url).into_iter().map(value).collect()
}

/// The same as texts.
pub(crate) fn codes<'v>(extension: &'v Value, url: &str) -> Vec<&'v str> {
    values(extension, url).into_iter().map(|code| code.as_str().unwrap()).collect()
}

pub(crate) fn value(part: &Value) -> &Value {
    let mut values = part.as_object().unwrap().iter().filter(|(name, _)| *name != "url");
    let (name, value) = values.next().unwrap();
    assert!(name.starts_with("value") && values.next().is_none(), "{part}");
    value
}

/// The texts of its reasons.
pub(crate) fn reasons(extension: &Value) -> Vec<&str> {
    values(extension, "reason").into_iter().map(|reason| reason["text"].as_str().unwrap()).collect()
}

/// The details of a kind, by code or, if the version has none, by its text.
pub(crate) fn details<'v>(extension: &'v Value, code: &str, words: &str) -> Vec<&'v Value> {
    let is_it = |detail: &&Value| {
        let concept = values(detail, "code")[0];
        let mut codings = concept["coding"].as_array().into_iter().flatten();
        codings.any(|coding| coding["code"] == code) || concept["text"] == words
    };
    parts(extension, "detail").into_iter().filter(is_it).map(|detail| values(detail, "value")[0]).collect()
}

pub(crate) fn instructions(extension: &Value) -> Vec<&str> {
    details(extension, "instructions", "What to do").into_iter().map(|text| text.as_str().unwrap()).collect()
}
