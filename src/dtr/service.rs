//! The operation `$questionnaire-package` (DTR 2.2, <http://hl7.org/fhir/us/davinci-dtr/OperationDefinition/questionnaire-package>), and
//! reads of published resources. Not here: HTTP and authentication.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::assertion::Assertion;
use super::draft::ResponseDraft;
use super::error::PackageError;
use super::metadata::FhirApi;
use super::outcome::{OutcomeDetails, Remark, outcome};
use super::recorded::find_assertion;
use super::request::{Edition, PackageRequest};
use super::searchset::{CanonicalSearch, searchset};
use super::selection::{Chooser, Selected, Selection};
use super::tailored::tailored;
use crate::auth::VerifiedClient;
use crate::cds_hooks::body_text;
use crate::clock::Clock;
use crate::config::Config;
use crate::crd::{Plans, record_of};
use crate::decision::{DecisionEngine, Published, PublishedKind};
use crate::ids::IdSource;
use crate::large_work::without_blocking;
use crate::ledger::Ledger;

const BUNDLE_PROFILE: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/DTR-QPackageBundle";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    resource_type: &'static str,
    parameter: Vec<Parameter>,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    resource: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'p> {
    resource_type: &'static str,
    meta: Profiled,
    r#type: &'static str,
    timestamp: String,
    entry: Vec<PackageEntry<'p>>,
}

#[derive(Serialize)]
struct Profiled {
    profile: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PackageEntry<'p> {
    full_url: String,
    resource: PackagedResource<'p>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PackagedResource<'p> {
    Published(&'p RawValue),
    Tailored(Value),
    Draft(Value),
}

/// The documentation form for DTR clients.
pub struct DtrService {
    engine: Arc<DecisionEngine>,
    plans: Arc<Plans>,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    api: FhirApi,
}

/// What the service is built from, besides the configuration.
pub struct DtrParts {
    /// The policies and their forms.
    pub engine: Arc<DecisionEngine>,
    /// The health plans.
    pub plans: Arc<Plans>,
    /// The decisions that inputs name.
    pub ledger: Arc<Ledger>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The ids of draft responses.
    pub ids: Arc<dyn IdSource>,
}

impl DtrService {
    /// Builds the service from the configuration.
    #[must_use]
    pub fn new(config: &Config, parts: DtrParts) -> Self {
        let DtrParts { engine, plans, ledger, clock, ids } = parts;
        Self { api: FhirApi::new(config, clock.now()), engine, plans, ledger, clock, ids }
    }

    /// The `CapabilityStatement` as JSON.
    #[must_use]
    pub fn capability_statement(&self) -> &[u8] {
        &self.api.statement
    }

    /// A resource that the newest version of a policy publishes, by its id, as JSON. Without a policy's id, it is of the default policy.
    #[must_use]
    pub fn published(&self, policy: Option<&str>, kind: PublishedKind, id: &str) -> Option<&str> {
        let policies = self.engine.policies();
        let mut named = policies.in_use().filter(|family| policy.is_none_or(|id| family.id() == id));
        named.next()?.published_newest().get(kind, id)
    }

    /// The ids of the resources that the newest version of the default policy publishes. Every other policy has the same.
    #[must_use]
    pub fn published_ids(&self, kind: PublishedKind) -> Vec<&str> {
        let default = self.engine.policies().default_family();
        default.published_newest().all(kind).iter().map(|document| document.id.as_str()).collect()
    }

    /// The ids of the policies that publish resources.
    #[must_use]
    pub fn policy_ids(&self) -> Vec<&str> {
        self.engine.policies().in_use().map(|family| family.id()).collect()
    }

    /// Searches the resources of the newest version of every policy in use by URL and version; the result is a Bundle.
    ///
    /// # Errors
    /// [`PackageError`] if the Bundle cannot be serialized.
    pub fn search_published(&self, kind: PublishedKind, search: &CanonicalSearch) -> Result<Vec<u8>, PackageError> {
        let published: Vec<&Published> = self.engine.policies().in_use().map(|family| family.published_newest()).collect();
        searchset(&published, kind, search, &self.api).ok_or(PackageError::Unwritable)
    }

    /// The output of `$questionnaire-package`, as JSON.
    ///
    /// # Errors
    /// [`PackageError`] if the input violates the operation's definition.
    pub async fn questionnaire_package(&self, client: &VerifiedClient, body: &[u8]) -> Result<Vec<u8>, PackageError> {
        let body = body_text(body).ok_or(PackageError::NotUtf8)?;
        let request = without_blocking(body.len(), || PackageRequest::read(body)).await?;
        let id = request.context.as_ref().and_then(|(_, id)| record_of(id.as_str().trim()));
        let assertion = match id {
            Some(id) => find_assertion(&self.ledger, client, id).await?,
            None => None,
        };
        let options = self.engine.readings().of_client(client.name()).options();
        let policies = self.engine.policies();
        let chooser = Chooser { policies, plans: &self.plans, plan: client.plan(), options, now: self.clock.now() };
        without_blocking(body.len(), || self.pack(&request, assertion.as_ref(), chooser)).await
    }

    fn pack(&self, request: &PackageRequest<'_>, assertion: Option<&Assertion>, chooser: Chooser<'_>) -> Result<Vec<u8>, PackageError> {
        let now = chooser.now;
        let mut selection = chooser.choose(request, assertion)?;
        let found = selection.forms.len();
        if let Some(since) = request.changed_since {
            selection.forms.retain(|form| form.published.changed_since(since));
        }
        if selection.forms.len() < found {
            selection.remarks.push(Remark { place: None, about: OutcomeDetails::Unchanged });
        }
        let (package_name, outcome_name) = names(request.edition);
        let mut parameter = Vec::new();
        for form in &selection.forms {
            let package = self.package(request, form, &selection, now).ok_or(PackageError::Unwritable)?;
            parameter.push(Parameter { name: package_name, resource: package });
        }
        if let Some(outcome) = outcome(&selection.remarks) {
            parameter.push(Parameter { name: outcome_name, resource: to_raw_value(&outcome).map_err(|_| PackageError::Unwritable)? });
        }
        serde_json::to_vec(&Output { resource_type: "Parameters", parameter }).map_err(|_| PackageError::Unwritable)
    }

    /// A form with its value sets and a draft response.
    fn package(
        &self,
        request: &PackageRequest<'_>,
        form: &Selected<'_>,
        selection: &Selection<'_>,
        now: DateTime<Utc>,
    ) -> Option<Box<RawValue>> {
        let id = self.ids.new_id();
        let draft = ResponseDraft { id, authored: now, request, form, chart: &selection.chart }.json()?;
        let document = &form.published.form;
        let questionnaire = if selection.asked.is_empty() {
            PackagedResource::Published(&document.json)
        } else {
            PackagedResource::Tailored(tailored(document.json.get(), &selection.asked)?)
        };
        let mut entry = vec![
            PackageEntry { full_url: self.api.address(PublishedKind::Questionnaire, document), resource: questionnaire },
            PackageEntry { full_url: format!("urn:uuid:{id}"), resource: PackagedResource::Draft(draft) },
        ];
        entry.extend(form.published.named_value_sets().into_iter().map(|set| PackageEntry {
            full_url: self.api.address(PublishedKind::ValueSet, set),
            resource: PackagedResource::Published(&set.json),
        }));
        let timestamp = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let meta = Profiled { profile: [BUNDLE_PROFILE] };
        to_raw_value(&Package { resource_type: "Bundle", meta, r#type: "collection", timestamp, entry }).ok()
    }
}

/// The names of the output parameters. DTR 2.0 and 2.1 differ only in letter case.
fn names(edition: Edition) -> (&'static str, &'static str) {
    match edition {
        Edition::Current => ("packagebundle", "outcome"),
        Edition::Older => ("PackageBundle", "operationOutcome"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::assertion::{AssertedOrder, ChartAnswer, ChartAnswers};
    use super::*;
    use crate::clock::FixedClock;
    use crate::config::Layers;
    use crate::evidence::{PayorLookup, ReadingOptions};
    use crate::ids::SequentialIds;
    use crate::policy::Question;

    const ORDER: &str = r#"{"resourceType":"ServiceRequest","id":"o1","status":"draft","subject":{"reference":"Patient/p1"},
        "code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"27096"}]}}"#;

    fn service() -> DtrService {
        let config = Config::layered(Layers::default()).expect("the defaults are valid");
        let clock = Arc::new(FixedClock::at("2026-11-22T10:00:00Z".parse().expect("an instant")));
        let engine = Arc::new(DecisionEngine::build(&config, PayorLookup::Nameless).expect("an engine"));
        let (plans, ledger, ids) = (Arc::new(config.health_plans()), Arc::new(Ledger::off()), Arc::new(SequentialIds::default()));
        DtrService::new(&config, DtrParts { engine, plans, ledger, clock, ids })
    }

    /// The output for a decision on these orders, which belongs to this patient.
    fn packed(patient_id: &str, orders: &[&str]) -> Value {
        let body = r#"{"resourceType":"Parameters","parameter":[{"name":"context","valueString":"x"},{"name":"coverage",
            "resource":{"resourceType":"Coverage","id":"c1","beneficiary":{"reference":"Patient/p1"}}}]}"#;
        let order = |json: &&str| AssertedOrder { json: RawValue::from_string((*json).to_owned()).expect("JSON"), policy: None };
        let injection = BTreeMap::from([
            (Question::InjectionDate, ChartAnswer::Day("2026-08-03".parse().expect("a day"))),
            (Question::InjectionSide, ChartAnswer::Choice("left")),
        ]);
        let assertion = Assertion {
            patient_id: patient_id.to_owned(),
            orders: orders.iter().map(order).collect(),
            chart: ChartAnswers {
                answers: BTreeMap::from([(Question::SijTenderness, ChartAnswer::Boolean(true))]),
                prior_injections: vec![injection, BTreeMap::new()],
            },
            asked: BTreeSet::from([Question::SijTenderness]),
        };
        let request = PackageRequest::read(body).expect("an input");
        let service = service();
        let (policies, options, now) = (service.engine.policies(), ReadingOptions::none(), service.clock.now());
        let chooser = Chooser { policies, plans: &service.plans, plan: None, options, now };
        serde_json::from_slice(&service.pack(&request, Some(&assertion), chooser).expect("an output")).expect("JSON")
    }

    /// Every answered item by its linkId, in order.
    fn answers(item: &Value, found: &mut Vec<(String, Value)>) {
        for item in item["item"].as_array().into_iter().flatten() {
            let link_id = item["linkId"].as_str().unwrap_or_default().to_owned();
            found.extend(item["answer"].as_array().into_iter().flatten().map(|answer| (link_id.clone(), answer.clone())));
            answers(item, found);
        }
    }

    #[test]
    fn a_decision_gives_its_orders_form_with_what_the_chart_said() {
        let output = packed("p1", &[ORDER]);
        let draft = &output["parameter"][0]["resource"]["entry"][1]["resource"];
        assert_eq!(draft["extension"][1]["valueReference"]["reference"], "ServiceRequest/o1");
        let mut found = Vec::new();
        answers(draft, &mut found);
        let values: Vec<(&str, &Value)> = found
            .iter()
            .map(|(link_id, answer)| (link_id.as_str(), answer.as_object().and_then(|it| it.values().next_back()).unwrap_or(&Value::Null)))
            .collect();
        let side = serde_json::json!({"system": "urn:sij-cds:answers", "code": "left", "display": "Left"});
        let expected = [("injection-date", Value::from("2026-08-03")), ("injection-side", side), ("sij-tenderness", Value::Bool(true))];
        assert_eq!(values, expected.iter().map(|(link_id, value)| (*link_id, value)).collect::<Vec<_>>());
        for (_, answer) in found {
            assert_eq!(answer["extension"][0]["url"], "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/information-origin");
            assert_eq!(answer["extension"][0]["extension"][0]["valueCode"], "auto-server");
        }
        assert_eq!(draft.to_string().matches(r#""prior-injection""#).count(), 2);
    }

    #[test]
    fn the_form_of_a_decision_hides_what_it_did_not_ask_for() {
        let output = packed("p1", &[ORDER]);
        let form = output["parameter"][0]["resource"]["entry"][0]["resource"].to_string();
        let hidden = form.matches("questionnaire-hidden").count();
        assert!(hidden > 20, "{hidden}");
        assert!(!form.contains("{relief_percent}"), "the policy's numbers stand in its texts");
    }

    #[test]
    fn a_decision_on_another_patient_is_as_if_there_were_none() {
        let output = packed("p2", &[ORDER]);
        assert_eq!(output["parameter"][0]["resource"]["issue"][0]["code"], "not-found");
        assert!(!output.to_string().contains("o1"), "{output}");
    }

    #[test]
    fn a_decision_that_asks_for_nothing_any_more_says_so() {
        let output = packed("p1", &[&ORDER.replace("draft", "revoked")]);
        let issues = &output["parameter"][0]["resource"]["issue"];
        assert!(issues.to_string().contains("Nothing is to be documented for the orders of this decision any more"), "{issues}");
    }
}
