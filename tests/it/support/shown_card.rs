//! What tests look at on a card, and the calls that bring about a usual one.

use serde_json::{Value, json};

use super::Call;
use super::call::{cpt, form, icd10, item, order, prior_injection, procedure};

pub(crate) fn detail(card: &Value) -> &str {
    card["detail"].as_str().unwrap()
}

pub(crate) fn paragraphs(card: &Value) -> Vec<&str> {
    detail(card).split("\n\n").collect()
}

pub(crate) fn labels(card: &Value) -> Vec<&str> {
    card["suggestions"].as_array().into_iter().flatten().map(|suggestion| suggestion["label"].as_str().unwrap()).collect()
}

pub(crate) fn left(day: &str) -> Value {
    order("o1", &cpt("27096:LT"), day)
}

pub(crate) fn yes(question: &str, answer: bool) -> Value {
    item(question, &json!({"valueBoolean": answer}))
}

pub(crate) fn number(question: &str, answer: u32) -> Value {
    item(question, &json!({"valueInteger": answer}))
}

/// A form that documents a first injection, with the weeks of therapy it states.
pub(crate) fn first_injection_form(weeks: u32) -> Value {
    let positive = json!({"valueCoding": {"code": "positive"}});
    let tests = ["test-distraction", "test-compression", "test-gaenslen"].map(|test| item(test, &positive));
    let answers = [
        item("examined-side", &json!({"valueCoding": {"code": "both"}})),
        item("adls-limited-since", &json!({"valueDate": "2026-05-04"})),
        yes("pain-interferes-adls", true),
        yes("pain-below-l5-nonradicular", true),
        yes("sij-tenderness", true),
        number("exercise-therapy-weeks", weeks),
        number("nsaid-weeks", 4),
        number("activity-modification-weeks", 8),
        yes("conservative-care-failed", true),
        yes("disc-or-facet-evidence", false),
        yes("other-diagnosis-more-likely", false),
    ];
    form("f1", answers.into_iter().chain(tests))
}

/// An order with a reason the policy lists, for a first injection whose only missing documentation is the weeks of therapy.
pub(crate) fn first_injection(order: Value, weeks: u32) -> Call {
    let call = Call::ordering([order]).with_order_member(0, "reasonCode", &json!([icd10("M46.1")]));
    call.with("questionnaireResponses", [first_injection_form(weeks)])
}

/// A subsequent injection, with any other answers of the form.
pub(crate) fn subsequent(first: &str, last: &str, answers: impl IntoIterator<Item = Value>) -> Call {
    let injections = [procedure("i1", &cpt("27096:LT"), first), procedure("i2", &cpt("27096:LT"), last)];
    let known = [prior_injection(first, 80, 3), prior_injection(last, 80, 0), yes("pain-recurred", true)];
    let call = Call::ordering([left("2026-12-01")]).with_order_member(0, "reasonCode", &json!([icd10("M46.1")]));
    call.with("procedures", injections).with("questionnaireResponses", [form("f1", known.into_iter().chain(answers))])
}
