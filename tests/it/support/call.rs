//! Small calls, built from the resources under test. All are about the patient p1, whose chart is otherwise empty.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Evaluator;

static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(Evaluator::new);

/// The keys of our prefetch that hold lists.
const LISTS: [&str; 9] = [
    "coverage",
    "conditions",
    "procedures",
    "medicationStatements",
    "medicationRequests",
    "allergies",
    "observations",
    "questionnaireResponses",
    "serviceRequests",
];

/// An order-sign call.
#[derive(Clone)]
pub(crate) struct Call(pub(crate) Value);

impl Call {
    /// The call that signs these orders, with an empty chart.
    pub(crate) fn ordering(orders: impl IntoIterator<Item = Value>) -> Self {
        let context = json!({"userId": "Practitioner/d1", "patientId": "p1", "draftOrders": bundle(orders)});
        let prefetch: serde_json::Map<_, _> = LISTS.iter().map(|key| ((*key).to_owned(), bundle([]))).collect();
        Self(
            json!({"hook": "order-sign", "hookInstance": "0f5cbd6c-4d2c-4b0f-8f3e-0a7d1f0c9e55", "context": context, "prefetch": prefetch}),
        )
    }

    /// The same with these resources under a prefetch key.
    pub(crate) fn with(self, key: &str, resources: impl IntoIterator<Item = Value>) -> Self {
        self.with_prefetch(key, &bundle(resources))
    }

    /// The same with exactly this value under a prefetch key.
    pub(crate) fn with_prefetch(mut self, key: &str, value: &Value) -> Self {
        self.0["prefetch"][key] = value.clone();
        self
    }

    /// The same with an order's member replaced.
    pub(crate) fn with_order_member(mut self, position: usize, name: &str, value: &Value) -> Self {
        self.0["context"]["draftOrders"]["entry"][position]["resource"][name] = value.clone();
        self
    }

    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    #[track_caller]
    pub(crate) fn evaluation(&self) -> Value {
        EVALUATOR.evaluate(&self.text())
    }

    /// The evaluation under the policies of a folder.
    #[track_caller]
    pub(crate) fn evaluation_with(&self, policies: &str) -> Value {
        Evaluator::with(|config| config.policy.directory = Some(policies.into())).evaluate(&self.text())
    }

    /// The only joint of the first order in scope.
    #[track_caller]
    pub(crate) fn site(&self) -> Value {
        let evaluation = self.evaluation();
        assert_eq!(evaluation["orders"][0]["sites"].as_array().map(Vec::len), Some(1), "{evaluation}");
        evaluation["orders"][0]["sites"][0].clone()
    }

    /// A criterion of that joint.
    #[track_caller]
    pub(crate) fn criterion(&self, id: &str) -> Value {
        let site = self.site();
        let criteria = site["criteria"].as_array().into_iter().flatten();
        criteria.clone().find(|criterion| criterion["id"] == id).unwrap_or_else(|| panic!("no {id} in {site}")).clone()
    }

    /// The cards of the answer.
    #[track_caller]
    pub(crate) fn cards(&self) -> Vec<Value> {
        let answer = EVALUATOR.answer(&self.text()).expect("the call is answered");
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        answer["cards"].as_array().expect("the answer has cards").clone()
    }

    /// The only card of the answer.
    #[track_caller]
    pub(crate) fn card(&self) -> Value {
        let cards = self.cards();
        assert_eq!(cards.len(), 1, "{cards:?}");
        cards[0].clone()
    }
}

/// A Bundle of these resources.
pub(crate) fn bundle(resources: impl IntoIterator<Item = Value>) -> Value {
    let entries: Vec<_> = resources.into_iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "entry": entries})
}

pub(crate) fn cpt(code: &str) -> Value {
    concept("http://www.ama-assn.org/go/cpt", code)
}

pub(crate) fn hcpcs(code: &str) -> Value {
    concept("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", code)
}

pub(crate) fn icd10(code: &str) -> Value {
    concept("http://hl7.org/fhir/sid/icd-10-cm", code)
}

pub(crate) fn concept(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

/// A draft order for a day.
pub(crate) fn order(id: &str, code: &Value, date: &str) -> Value {
    json!({"resourceType": "ServiceRequest", "id": id, "status": "draft", "intent": "order", "subject": {"reference": "Patient/p1"},
        "code": code, "occurrenceDateTime": date})
}

/// A completed Procedure of a day.
pub(crate) fn procedure(id: &str, code: &Value, date: &str) -> Value {
    json!({"resourceType": "Procedure", "id": id, "status": "completed", "subject": {"reference": "Patient/p1"}, "code": code,
        "performedDateTime": date})
}

/// An active Condition of the problem list.
pub(crate) fn condition(id: &str, code: &Value) -> Value {
    let active = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active");
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"}, "clinicalStatus": active, "code": code})
}

/// A completed documentation form with these items.
pub(crate) fn form(id: &str, items: impl IntoIterator<Item = Value>) -> Value {
    json!({"resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "subject": {"reference": "Patient/p1"},
        "questionnaire": "Questionnaire/sij-injection-documentation", "authored": "2026-11-20T09:00:00Z",
        "item": items.into_iter().collect::<Vec<_>>()})
}

/// An item of the form with one answer, such as `{"valueBoolean": true}`.
pub(crate) fn item(link_id: &str, answer: &Value) -> Value {
    json!({"linkId": link_id, "answer": [answer]})
}

/// The form's item on an earlier injection: its date, the percent of relief, and the months the relief lasted.
pub(crate) fn prior_injection(date: &str, percent: u32, months: u32) -> Value {
    let items = [
        item("injection-date", &json!({"valueDate": date})),
        item("relief-percent", &json!({"valueDecimal": percent})),
        item("relief-duration-months", &json!({"valueDecimal": months})),
        item("functional-improvement", &json!({"valueBoolean": months > 0})),
    ];
    json!({"linkId": "prior-injection", "item": items})
}
