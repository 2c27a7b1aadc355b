//! Tailors the form to one decision: hides the questions that the decision did not ask for (FHIR extension `questionnaire-hidden`), and
//! groups without a visible question. Not here: which questions were asked; see [`super::recorded`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::policy::Question;

const HIDDEN: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden";

/// DTR: marks the form as made for one request.
const REQUEST_SPECIFIC: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/request-specific";

/// Hides all questions of the Questionnaire except these; `None` if it is not JSON.
pub(super) fn tailored(questionnaire: &str, asked: &BTreeSet<Question>) -> Option<Value> {
    let mut form: Value = serde_json::from_str(questionnaire).ok()?;
    for extension in form.get_mut("extension").and_then(Value::as_array_mut).into_iter().flatten() {
        if extension.get("url").and_then(Value::as_str) == Some(REQUEST_SPECIFIC) {
            *extension = json!({"url": REQUEST_SPECIFIC, "valueBoolean": true});
        }
    }
    for item in items(&mut form) {
        hide(item, asked);
    }
    Some(form)
}

fn items(element: &mut Value) -> impl Iterator<Item = &mut Value> {
    element.get_mut("item").and_then(Value::as_array_mut).into_iter().flatten()
}

/// Hides an item's questions that are not asked. Returns whether the item itself is hidden.
fn hide(item: &mut Value, asked: &BTreeSet<Question>) -> bool {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") == "display" {
        // Display text does not keep its group visible.
        return true;
    }
    let question = Question::from_link_id(text("linkId"));
    let is_hidden = match question {
        // The group is shown or hidden as a whole.
        Some(Question::PriorInjection) => !asks_injections(asked),
        Some(question) => !asked.contains(&question),
        None => items(item).map(|below| hide(below, asked)).filter(|is_hidden| !is_hidden).count() == 0,
    };
    if question == Some(Question::PriorInjection) && is_hidden {
        items(item).for_each(mark);
    }
    if is_hidden {
        mark(item);
    }
    is_hidden
}

fn asks_injections(asked: &BTreeSet<Question>) -> bool {
    let of_injection = [
        Question::PriorInjection,
        Question::InjectionDate,
        Question::InjectionSide,
        Question::ReliefPercent,
        Question::ReliefDurationMonths,
        Question::FunctionalImprovement,
    ];
    of_injection.iter().any(|question| asked.contains(question))
}

fn mark(item: &mut Value) {
    let hidden = json!({"url": HIDDEN, "valueBoolean": true});
    let is_display = item.get("type").and_then(Value::as_str) == Some("display");
    let Some(members) = item.as_object_mut().filter(|_| !is_display) else { return };
    if let Some(extensions) = members.entry("extension").or_insert_with(|| json!([])).as_array_mut() {
        extensions.push(hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/request-specific","valueBoolean":false}],"item":[
        {"linkId":"response","type":"group","item":[{"linkId":"prior-injection","type":"group","item":[
            {"linkId":"injection-date","type":"date"},{"linkId":"relief-percent","type":"decimal"}]},
            {"linkId":"pain-recurred","type":"boolean","extension":[{"url":"x"}]}]},
        {"linkId":"examination","type":"group","item":[{"linkId":"sij-tenderness","type":"boolean",
            "item":[{"linkId":"sij-tenderness-help","type":"display"}]}]}]}"#;

    /// The linkIds of the hidden items.
    fn hidden(asked: &[Question]) -> Vec<String> {
        fn collect(element: &Value, found: &mut Vec<String>) {
            for item in element["item"].as_array().into_iter().flatten() {
                if item["extension"].as_array().is_some_and(|all| all.iter().any(|one| one["url"] == HIDDEN)) {
                    found.push(item["linkId"].as_str().unwrap_or_default().to_owned());
                }
                collect(item, found);
            }
        }
        let form = tailored(FORM, &asked.iter().copied().collect()).expect("a form");
        assert_eq!(form["extension"][0]["valueBoolean"], true);
        let mut found = Vec::new();
        collect(&form, &mut found);
        found
    }

    #[test]
    fn what_was_not_asked_is_hidden_and_a_group_with_nothing_asked_as_a_whole() {
        let injection = ["response", "prior-injection", "injection-date", "relief-percent", "pain-recurred"];
        assert_eq!(hidden(&[Question::SijTenderness]), injection);
        assert_eq!(
            hidden(&[Question::PainRecurred]),
            ["prior-injection", "injection-date", "relief-percent", "examination", "sij-tenderness"]
        );
    }

    #[test]
    fn earlier_injections_are_asked_as_a_whole() {
        assert_eq!(hidden(&[Question::ReliefPercent]), ["pain-recurred", "examination", "sij-tenderness"]);
    }
}
