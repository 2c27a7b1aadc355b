//! The law that data that is harder to read never favors an order. For every request with a known answer, a test rewrites one entry of
//! its chart as text, removes its code system, replaces that by a local one, or changes the JSON type of one member. The order must not
//! become supported, or move closer to it except through a doubt.
//!
//! The policy's reading itself makes these exceptions, which the law does not cover:
//! - If a form says that every earlier injection is named, a possible injection is none (section 6, `history`).
//! - An unreadable form decides nothing: an older one replaces it, and the injections it names are unknown.
//! - V considers only coded procedures and orders, and VI presumes a physician if nothing is stated.
//! - A diagnosis without a readable code is one of disc or facet only by its text (I.A.5).
//! - If no specific diagnosis has an onset, that of an unspecific one dates the pain (I.A.1).
//! - An unreadable finding is no finding, so the one before it is the latest; the same applies to a pain score.
//! - The target of an unreadable reference cannot be found: therapy for a knee is then therapy without a reason.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::{Case, Evaluator, all_cases};

static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(Evaluator::new);

/// From the most to the least favorable.
const DETERMINATIONS: [&str; 6] =
    ["supported", "needs-documentation", "not-yet", "individual-consideration", "indeterminate", "not-supported"];

/// One in this many mutations is tried.
const STRIDE: usize = 7;

/// How an entry is made harder to read.
#[derive(Clone, Debug, PartialEq)]
enum Loss {
    Words,
    System,
    LocalSystem,
    /// The member has another JSON type.
    Malformed(String),
}

/// An entry of a prefetch Bundle, and how it is mutated.
#[derive(Clone, Debug)]
struct Mutation {
    key: String,
    position: usize,
    loss: Loss,
}

impl Mutation {
    fn resource<'r>(&self, request: &'r Value) -> &'r Value {
        &request["prefetch"][&self.key]["entry"][self.position]["resource"]
    }

    fn kind<'r>(&self, request: &'r Value) -> &'r str {
        self.resource(request)["resourceType"].as_str().unwrap_or_default()
    }

    /// The request with the mutated entry.
    fn apply(&self, request: &Value) -> Value {
        let mut request = request.clone();
        let resource = &mut request["prefetch"][&self.key]["entry"][self.position]["resource"];
        match &self.loss {
            Loss::Malformed(member) => resource[member] = if resource[member].is_number() { json!("x") } else { json!(7) },
            Loss::Words | Loss::System | Loss::LocalSystem => {
                let member = concept_of(resource).unwrap_or("code");
                lose_code(&mut resource[member], &self.loss);
            }
        }
        request
    }
}

/// The member that identifies what an entry is.
fn concept_of(resource: &Value) -> Option<&'static str> {
    ["code", "medicationCodeableConcept"].into_iter().find(|member| resource[member]["coding"].is_array())
}

fn lose_code(concept: &mut Value, loss: &Loss) {
    let codings: Vec<Value> = concept["coding"].as_array().cloned().unwrap_or_default();
    if *loss == Loss::Words {
        let display = codings.iter().find_map(|coding| coding["display"].as_str());
        *concept = concept["text"].as_str().or(display).map_or_else(|| json!({}), |words| json!({"text": words}));
        return;
    }
    for coding in concept["coding"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        coding.remove("system");
        if *loss == Loss::LocalSystem {
            coding.insert("system".to_owned(), json!("urn:example:local"));
        }
    }
}

/// Every possible mutation of a chart's entries.
fn mutations(request: &Value) -> Vec<Mutation> {
    let mut found = Vec::new();
    for (key, bundle) in
        request["prefetch"].as_object().into_iter().flatten().filter(|(key, _)| !["patient", "coverage"].contains(&key.as_str()))
    {
        // For a chart of a thousand entries, the first ones suffice.
        for (position, entry) in bundle["entry"].as_array().into_iter().flatten().take(40).enumerate() {
            let Some(resource) = entry["resource"].as_object() else { continue };
            let mut losses: Vec<_> = resource.keys().filter(|name| *name != "resourceType").cloned().map(Loss::Malformed).collect();
            if concept_of(&entry["resource"]).is_some() {
                losses.extend([Loss::Words, Loss::System, Loss::LocalSystem]);
            }
            found.extend(losses.into_iter().map(|loss| Mutation { key: key.clone(), position, loss }));
        }
    }
    found
}

/// Whether a form of the request states that every earlier injection is named.
fn has_complete_history(request: &Value) -> bool {
    request.to_string().contains(r#""injection-history-complete""#)
}

/// The verdicts and evidence of a criterion, for every site of every order.
fn criteria<'e>(evaluation: &'e Value, id: &str) -> Vec<&'e Value> {
    let orders = evaluation["orders"].as_array().into_iter().flatten();
    let sites = orders.flat_map(|order| order["sites"].as_array().into_iter().flatten());
    sites.flat_map(|site| site["criteria"].as_array().into_iter().flatten()).filter(|criterion| criterion["id"] == id).collect()
}

/// Whether the text of a resource names disc or facet.
fn has_disc_words(resource: &Value) -> bool {
    let words = resource["code"].to_string().to_lowercase();
    ["disc", "disk", "hnp", "herniat", "radiculopath", "facet", "zygapophys"].iter().any(|word| words.contains(word))
}

/// Whether another finding of the same kind, or another score, would replace one.
fn has_another(observation: &Value, request: &Value) -> bool {
    let coding = |resource: &Value| resource["code"]["coding"][0].clone();
    let is_score = |resource: &Value| coding(resource)["system"].as_str().is_some_and(|system| system.contains("loinc"));
    let others = request["prefetch"].as_object().into_iter().flat_map(|prefetch| prefetch.values());
    let others = others.flat_map(|bundle| bundle["entry"].as_array().into_iter().flatten()).map(|entry| &entry["resource"]);
    let mut alike =
        others.filter(|other| coding(other)["code"] == coding(observation)["code"] || (is_score(other) && is_score(observation)));
    alike.nth(1).is_some()
}

/// Whether the reading itself exempts a mutation (see above).
fn is_exempt(mutation: &Mutation, request: &Value, before: &Value) -> bool {
    let resource = mutation.resource(request);
    let name = format!("{}/{}", mutation.kind(request), resource["id"].as_str().unwrap_or_default());
    let decides =
        |id: &str| criteria(before, id).iter().any(|criterion| criterion["verdict"] != "met" && criterion.to_string().contains(&name));
    match mutation.kind(request) {
        "Procedure" => has_complete_history(request) || decides("V"),
        "Condition" => {
            let is_named_as_reason = request.to_string().matches(&name).count() > 0;
            let is_wordless_disc = !matches!(mutation.loss, Loss::Malformed(_)) && decides("I.A.5") && !has_disc_words(resource);
            is_named_as_reason || is_wordless_disc || decides("I.A.1")
        }
        "Observation" => has_another(resource, request),
        "QuestionnaireResponse" | "ServiceRequest" | "Practitioner" | "PractitionerRole" => true,
        _ => false,
    }
}

/// The sites of every order.
fn sites(evaluation: &Value) -> Vec<Value> {
    let orders = evaluation["orders"].as_array().cloned().unwrap_or_default();
    orders.iter().flat_map(|order| order["sites"].as_array().cloned().unwrap_or_default()).collect()
}

/// Every joint that a mutation moved towards supported.
fn improvements(before: &Value, after: &Value) -> Vec<String> {
    let rank = |site: &Value| DETERMINATIONS.iter().position(|name| site["determination"] == *name).expect("a determination");
    // A change to a doubt is only nominally towards supported: the evidence against the order is no longer known.
    let is_better = |(before, after): &(Value, Value)| rank(after) < rank(before) && after["determination"] != "needs-documentation";
    let pairs = sites(before).into_iter().zip(sites(after)).filter(is_better);
    pairs.map(|(before, after)| format!("{} became {}", before["determination"], after["determination"])).collect()
}

/// The criteria of one pathway that are newly met.
fn newly_met(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (before, after) in sites(before).iter().zip(&sites(after)).filter(|(before, after)| before["pathway"] == after["pathway"]) {
        let verdicts = |site: &Value| site["criteria"].as_array().unwrap().clone();
        for (before, after) in verdicts(before).iter().zip(&verdicts(after)) {
            if before["id"] == after["id"] && before["verdict"] != "met" && after["verdict"] == "met" {
                found.push(format!("{} is met", after["id"]));
            }
        }
    }
    found
}

/// What a mutation of a case improves, by a comparison.
fn tried(compare: fn(&Value, &Value) -> Vec<String>, is_tried: impl Fn(&str) -> bool) -> (usize, Vec<String>) {
    let (mut count, mut number, mut found) = (0, 0, Vec::new());
    for Case { name, request, .. } in all_cases() {
        let request: Value = serde_json::from_str(&request).unwrap();
        let before = EVALUATOR.evaluate(&request.to_string());
        for mutation in mutations(&request) {
            number += 1;
            if number % STRIDE > 0 || !is_tried(mutation.kind(&request)) || is_exempt(&mutation, &request, &before) {
                continue;
            }
            count += 1;
            let after = EVALUATOR.evaluate(&mutation.apply(&request).to_string());
            found.extend(compare(&before, &after).into_iter().map(|what| format!("{name}: {what}: {mutation:?}")));
        }
    }
    (count, found)
}

#[test]
fn an_entry_that_is_harder_to_read_never_turns_an_order_towards_supported() {
    let (count, found) = tried(improvements, |_| true);
    assert!(found.is_empty(), "{} of {count}:\n{}", found.len(), found.join("\n"));
    assert!(count > 2_000, "only {count} tried");
}

#[test]
fn evidence_that_is_harder_to_read_never_meets_a_criterion() {
    let is_evidence =
        |kind: &str| ["Condition", "Observation", "MedicationStatement", "MedicationRequest", "AllergyIntolerance"].contains(&kind);
    let (count, found) = tried(newly_met, is_evidence);
    assert!(found.is_empty(), "{} of {count}:\n{}", found.len(), found.join("\n"));
    assert!(count > 500, "only {count} tried");
}

#[test]
fn an_improvement_is_found() {
    let order = |determination: &str, verdict: &str| {
        let criterion = json!({"id": "I.A.5", "verdict": verdict});
        json!({"orders": [{"sites": [{"pathway": "I.A", "determination": determination, "criteria": [criterion]}]}]})
    };
    let found = |before: &Value, after: &Value| (improvements(before, after).len(), newly_met(before, after).len());
    assert_eq!(found(&order("not-yet", "unknown"), &order("supported", "met")), (1, 1));
    assert_eq!(found(&order("not-supported", "not-met"), &order("not-yet", "unknown")), (1, 0));
    assert_eq!(found(&order("not-supported", "not-met"), &order("needs-documentation", "unknown")), (0, 0));
    assert_eq!(found(&order("supported", "met"), &order("not-yet", "not-met")), (0, 0));
}
