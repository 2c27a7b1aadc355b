//! Properties of every chart, tested on the evaluated requests with a fixed seed. Each test changes a request in a way that
//! must not matter (or may matter in only one direction), and compares the evaluations.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};
use sij_cds::policy::Verdict;

use crate::support::{Case, Evaluator, Json, all_cases, evaluated_requests};

static REQUESTS: LazyLock<Vec<Case>> = LazyLock::new(evaluated_requests);

fn config() -> Config {
    Config { cases: 96, rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, ..Config::default() }
}

/// The index of one of the evaluated requests.
fn any_place() -> impl Strategy<Value = usize> {
    0..317_usize
}

fn request(place: usize) -> Json {
    REQUESTS[place].json()
}

/// The first difference between two evaluations; an empty text if they are equal.
fn difference(path: &str, left: &Value, right: &Value) -> String {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
            left.iter().map(|(name, value)| difference(&format!("{path}/{name}"), value, &right[name])).collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter().zip(right).enumerate().map(|(place, (left, right))| difference(&format!("{path}/{place}"), left, right)).collect()
        }
        _ if left == right => String::new(),
        _ => format!("{path}: {left} or {right}\n"),
    }
}

/// Makes seeded random choices.
struct Dice(u64);

impl Dice {
    /// The step and mixing of `SplitMix64`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.roll(last + 1));
        }
    }
}

fn evaluate(request: &Json) -> Value {
    static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(Evaluator::new);
    EVALUATOR.evaluate(&request.to_string())
}

/// The evaluation without its list of unreadable entries, which follows the order of the call.
fn readable(request: &Json) -> Value {
    let mut evaluation = evaluate(request);
    evaluation.as_object_mut().unwrap().remove("unreadable");
    evaluation
}

/// The Bundles of the prefetch that hold at least one entry.
fn bundles(request: &mut Json) -> Vec<&mut Vec<Json>> {
    let prefetch = request.at_mut("prefetch").members_mut();
    let entries = prefetch.iter_mut().filter_map(|(_, value)| value.get("entry").is_some().then(|| value.at_mut("entry").elements_mut()));
    entries.filter(|entries| !entries.is_empty()).collect()
}

fn entry(resource: Json) -> Json {
    Json::Map(vec![("resource".to_owned(), resource)])
}

fn shuffled(mut request: Json, seed: u64) -> Json {
    let mut dice = Dice(seed);
    for entries in bundles(&mut request) {
        dice.shuffle(entries);
    }
    dice.shuffle(request.at_mut("prefetch").members_mut());
    request
}

/// Resources of the list's own type that say nothing about this patient's joint, and entries that are not resources.
fn unrelated(existing: &Json, dice: &mut Dice) -> Json {
    let mut of_another = existing.clone();
    if let Some(resource) = of_another.get("resource").cloned() {
        let mut resource = resource;
        for member in ["subject", "patient", "beneficiary"] {
            resource.set(member, Json::of(&json!({"reference": "Patient/somebody-else"})));
        }
        of_another.set("resource", resource);
    }
    let kind = existing.at("resource.resourceType").expect("an entry has a resource").text().unwrap();
    let local = json!({"coding": [{"system": "http://ehr.example.org/fhir/CodeSystem/local", "code": "27096", "display": "Other"}]});
    let found_nothing = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "not-found"}]});
    // A Procedure that does not say what it was may be an injection.
    let bare = if kind == "Procedure" { json!({}) } else { json!({"resource": {"resourceType": kind}}) };
    let table = [
        of_another,
        Json::of(&json!({"fullUrl": "urn:uuid:0f5cbd6c-4d2c-4b0f-8f3e-0a7d1f0c9e55"})),
        Json::of(&json!({"resource": {"resourceType": "Immunization", "id": "u1", "status": "completed", "vaccineCode": local}})),
        Json::of(&json!({"resource": {"resourceType": kind, "id": "u2", "status": "completed", "code": local}})),
        Json::of(&json!({"resource": {"resourceType": kind, "id": "u3", "status": "final", "code": local, "valueInteger": 3}})),
        Json::of(&bare),
        Json::of(&json!({"search": {"mode": "outcome"}, "resource": found_nothing})),
        Json::of(&json!({"resource": {"resourceType": "Bundle", "type": "searchset"}})),
    ];
    table[dice.roll(table.len())].clone()
}

/// Inserts noise between the entries of each Bundle, modeled on one of them.
fn with_noise(mut request: Json, seed: u64, noise: fn(&Json, &mut Dice) -> Json) -> Json {
    let mut dice = Dice(seed);
    for entries in bundles(&mut request) {
        let models = entries.clone();
        for _ in 0..dice.roll(4) {
            let made = noise(&models[dice.roll(models.len())], &mut dice);
            entries.insert(dice.roll(entries.len() + 1), made);
        }
    }
    request
}

/// Moves `resourceType` to the end of one resource, so that it cannot be parsed while streaming.
fn with_a_late_type(mut request: Json, seed: u64) -> Json {
    let mut dice = Dice(seed);
    let mut bundles = bundles(&mut request);
    let entries = match bundles.len() {
        0 => return request,
        count => &mut bundles[dice.roll(count)],
    };
    let place = dice.roll(entries.len());
    let resource = entries[place].at_mut("resource");
    let kind = resource.remove("resourceType").expect("a resource has a type");
    resource.set("resourceType", kind);
    request
}

fn with_the_context_last(mut request: Json) -> Json {
    let context = request.remove("context").expect("a call has a context");
    request.set("context", context);
    request
}

/// The same resources under other keys, shuffled into other Bundles.
fn scattered(mut request: Json, seed: u64) -> Json {
    let mut dice = Dice(seed);
    let keys = 1 + dice.roll(4);
    let mut parts = vec![Vec::new(); keys];
    let prefetch = request.at_mut("prefetch").members_mut();
    prefetch.retain(|(_, value)| {
        let entries = value.get("entry").map(Json::elements).unwrap_or_default();
        // A list without any resource of its own type is recognizable only by its key.
        let is_medication = |entry: &Json| entry.at("resource.resourceType").is_some_and(|kind| kind.is("Medication"));
        if entries.iter().all(is_medication) {
            return true;
        }
        for entry in entries {
            parts[dice.roll(keys)].push(entry.clone());
        }
        false
    });
    for (place, part) in parts.into_iter().enumerate() {
        let bundle = vec![("resourceType".to_owned(), Json::from("Bundle")), ("entry".to_owned(), Json::List(part))];
        prefetch.push((format!("{place}-{:04}", dice.roll(10_000)), Json::Map(bundle)));
    }
    request
}

fn with_references(mut request: Json, write: impl Fn(&str) -> String) -> Json {
    request.each_mut("", &mut |name, value| {
        // A reference within the resource or by `fullUrl` has no base and no version.
        if let Some(reference) =
            value.text().filter(|reference| name == "reference" && !reference.starts_with('#') && !reference.starts_with("urn:"))
        {
            *value = Json::from(write(&reference).as_str());
        }
    });
    request
}

fn coding(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

/// Changes every draft order to this side with the joint named, and removes anything else that could name a side.
fn for_side(mut request: Json, side: &str) -> Json {
    const SNOMED: &str = "http://snomed.info/sct";
    let sites = Json::of(&json!([coding(SNOMED, "39723000"), coding(SNOMED, side)]));
    for entry in request.at_mut("context.draftOrders.entry").elements_mut() {
        let order = entry.at_mut("resource");
        order.set("bodySite", sites.clone());
        order.each_mut("", &mut |name, value| match value {
            Json::Map(members) => members.retain(|(member, _)| member != "extension"),
            Json::Scalar(_) if name == "code" => {
                let code = value.text().map(|code| code.trim().split([':', '-', ' ']).next().unwrap().to_owned());
                *value = code.map_or_else(|| value.clone(), |code| Json::from(code.as_str()));
            }
            Json::List(_) | Json::Scalar(_) => {}
        });
    }
    request
}

/// The same with forms of version 2: an examination in a version 1 form applies to the only joint of an order, and to none of two.
fn with_forms_of_version_2(mut request: Json) -> Json {
    request.each_mut("", &mut |name, value| {
        if let Some(canonical) = value.text().filter(|_| name == "questionnaire") {
            *value = Json::from(canonical.split('|').next().unwrap());
        }
    });
    request
}

/// The site evaluations of each order, left before right.
fn sites(evaluation: &Value) -> Vec<Vec<Value>> {
    let orders = evaluation["orders"].as_array().unwrap().iter().filter(|order| order["kind"] == "injection");
    orders.map(|order| order["sites"].as_array().unwrap().clone()).collect()
}

/// Additional therapy and NSAIDs of this patient, dated within the last year, each with a day or a period.
fn more_care(dice: &mut Dice) -> (&'static str, Value) {
    let day = |dice: &mut Dice| format!("{}-{:02}", ["2026-07", "2026-08", "2026-09", "2026-10"][dice.roll(4)], 1 + dice.roll(28));
    let subject = json!({"reference": "Patient/p1"});
    let id = format!("more-{}", dice.roll(100_000));
    let period = json!({"start": format!("2026-0{}-{:02}", 1 + dice.roll(6), 1 + dice.roll(28)), "end": day(dice)});
    let therapy = coding("http://snomed.info/sct", "91251008");
    let nsaid = coding("http://www.nlm.nih.gov/research/umls/rxnorm", ["5640", "7258", "3355"][dice.roll(3)]);
    let statement = json!({"resourceType": "MedicationStatement", "id": id, "status": "completed", "subject": subject});
    let with = |mut resource: Value, members: [(&str, Value); 2]| {
        for (name, value) in members {
            resource[name] = value;
        }
        resource
    };
    let procedure = json!({"resourceType": "Procedure", "id": id, "status": "completed", "subject": subject});
    match dice.roll(4) {
        0 => ("procedures", with(procedure, [("code", therapy), ("performedDateTime", json!(day(dice)))])),
        1 => ("procedures", with(procedure, [("code", therapy), ("performedPeriod", period)])),
        2 => ("medicationStatements", with(statement, [("medicationCodeableConcept", nsaid), ("effectivePeriod", period)])),
        _ => {
            let request = json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "subject": subject,
                "dispenseRequest": {"expectedSupplyDuration": {"value": 7 + dice.roll(30), "code": "d"}}});
            ("medicationRequests", with(request, [("medicationCodeableConcept", nsaid), ("authoredOn", json!(day(dice)))]))
        }
    }
}

/// Adds care to the existing lists of its type; types that the call does not have are not added.
fn with_more_care(mut request: Json, seed: u64) -> Json {
    let mut dice = Dice(seed);
    for _ in 0..=dice.roll(12) {
        let (key, resource) = more_care(&mut dice);
        let bundle = request.at_mut("prefetch").members_mut().iter_mut().find(|(own, _)| own == key);
        let Some((_, bundle)) = bundle else { continue };
        if bundle.get("resourceType").is_none() {
            continue;
        }
        if bundle.get("entry").is_none() {
            bundle.set("entry", Json::List(Vec::new()));
        }
        bundle.remove("total");
        bundle.at_mut("entry").elements_mut().push(entry(Json::of(&resource)));
    }
    request
}

/// The verdicts of I.A.4, by order, site and criterion.
fn care_verdicts(request: &Json) -> Vec<(String, String)> {
    let evaluation = evaluate(request);
    let mut found = Vec::new();
    for order in evaluation["orders"].as_array().unwrap() {
        for site in order["sites"].as_array().unwrap() {
            let criteria = site["criteria"].as_array().unwrap().iter();
            for criterion in criteria.filter(|criterion| criterion["id"].as_str().unwrap().starts_with("I.A.4")) {
                found.push((format!("{}{}{}", order["order"], site["site"], criterion["id"]), criterion["verdict"].to_string()));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_order_of_entries_and_of_prefetch_keys_changes_nothing(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        prop_assert_eq!(difference("", &readable(&shuffled(request.clone(), seed)), &readable(&request)), "");
    }

    #[test]
    fn unrelated_resources_change_nothing(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        prop_assert_eq!(difference("", &readable(&with_noise(request.clone(), seed, unrelated)), &readable(&request)), "");
    }

    #[test]
    fn more_therapy_and_medication_never_lower_conservative_care(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        let (before, after) = (care_verdicts(&request), care_verdicts(&with_more_care(request, seed)));
        prop_assert_eq!(before.len(), after.len());
        for ((place, before), (_, after)) in before.iter().zip(&after) {
            // Care that the form denies and the chart proves is a contradiction that a person must resolve.
            let is_no_lower = before == after || after == "\"met\"" || (before == "\"not-met\"" && after == "\"unknown\"");
            prop_assert!(is_no_lower, "{}: {} became {}", place, before, after);
        }
    }

    #[test]
    fn a_late_resource_type_changes_nothing(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        prop_assert_eq!(difference("", &readable(&with_a_late_type(request.clone(), seed)), &readable(&request)), "");
    }

    #[test]
    fn a_prefetch_before_the_context_changes_nothing(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        let early = with_the_context_last(request.clone());
        prop_assert_eq!(difference("", &readable(&early), &readable(&request)), "");
        prop_assert_eq!(difference("", &readable(&with_a_late_type(early, seed)), &readable(&request)), "");
    }

    #[test]
    fn the_keys_resources_come_under_change_nothing(place in any_place(), seed in any::<u64>()) {
        let request = request(place);
        prop_assert_eq!(difference("", &readable(&scattered(request.clone(), seed)), &readable(&request)), "");
    }

    #[test]
    fn an_order_for_both_sides_is_decided_as_one_for_each(place in any_place()) {
        let request = with_forms_of_version_2(request(place));
        let [both, left, right] = ["51440002", "7771000", "24028007"].map(|side| sites(&evaluate(&for_side(request.clone(), side))));
        let pairs: Vec<_> = left.into_iter().zip(right).map(|(left, right)| [left, right].concat()).collect();
        prop_assert_eq!(both, pairs);
    }

    #[test]
    fn an_absolute_base_or_a_version_in_references_changes_nothing(place in any_place()) {
        let request = request(place);
        let base = "https://ehr.example.org/interconnect/api/FHIR/R4";
        let absolute = with_references(request.clone(), |reference| format!("{base}/{reference}"));
        let versioned = with_references(request.clone(), |reference| format!("{reference}/_history/3"));
        let both = with_references(request.clone(), |reference| format!("{base}/{reference}/_history/3"));
        for changed in [absolute, versioned, both] {
            prop_assert_eq!(difference("", &readable(&changed), &readable(&request)), "");
        }
    }
}

/// Replaces the only draft order of a request with these, which differ in code and id.
fn ordered_as(request: &Value, codes: &[&str]) -> Value {
    let mut request = request.clone();
    let drafts = request["context"]["draftOrders"]["entry"].as_array_mut().unwrap();
    let as_code = |(place, code): (usize, &&str)| {
        let mut entry = drafts[0].clone();
        let order = entry["resource"].as_object_mut().unwrap();
        let id = order["id"].as_str().unwrap_or("o").to_owned();
        order.remove("bodySite");
        order.remove("extension");
        // An order that replaces itself would be replaced by the other one.
        order.remove("replaces");
        order.insert("code".to_owned(), coding("http://www.ama-assn.org/go/cpt", code));
        order.insert("id".to_owned(), json!(if place == 0 { id } else { format!("{id}-other") }));
        entry.as_object_mut().unwrap().remove("fullUrl");
        entry
    };
    let orders: Vec<_> = codes.iter().enumerate().map(as_code).collect();
    *drafts = orders;
    request
}

#[test]
fn an_order_for_each_joint_is_decided_as_one_for_both() {
    let mut tried = 0;
    for case in all_cases() {
        let request: Value = serde_json::from_str(&with_forms_of_version_2(case.json()).to_string()).unwrap();
        let drafts = request["context"]["draftOrders"]["entry"].as_array().map_or(0, Vec::len);
        if drafts != 1 || !request["context"]["draftOrders"]["entry"][0]["resource"].is_object() {
            continue;
        }
        let each = evaluate(&Json::of(&ordered_as(&request, &["27096:LT", "27096:RT"])));
        let both = evaluate(&Json::of(&ordered_as(&request, &["27096:50"])));
        let sites_of = |evaluation: &Value| Value::from(sites(evaluation).concat());
        let (each, both) = (sites_of(&each), sites_of(&both));
        // Evidence that is the order itself names one or the other.
        assert_eq!(each.to_string().replace("-other\"", "\""), both.to_string(), "{}", case.name);
        tried += usize::from(both.as_array().is_some_and(|sites| sites.len() == 2));
    }
    assert!(tried > 300, "only {tried} orders for both joints");
}

#[test]
fn every_request_is_decided_the_same_when_its_lists_are_reversed() {
    for case in REQUESTS.iter() {
        let mut reversed = case.json();
        for entries in bundles(&mut reversed) {
            entries.reverse();
        }
        assert_eq!(difference("", &readable(&reversed), &readable(&case.json())), "", "{}", case.name);
    }
}

#[test]
fn more_care_does_raise_a_verdict_somewhere() {
    let raised = |place: &usize| care_verdicts(&with_more_care(request(*place), 7)) != care_verdicts(&request(*place));
    assert!((0..REQUESTS.len()).filter(raised).count() > 10);
}

const VERDICTS: [Verdict; 3] = [Verdict::Met, Verdict::NotMet, Verdict::Unknown];

/// Whether a verdict is the same as another or more definite: `Unknown` may become either.
fn says_at_least(more: Verdict, less: Verdict) -> bool {
    less == Verdict::Unknown || more == less
}

#[test]
fn and_and_or_are_each_others_mirror_under_not() {
    for (left, right) in VERDICTS.into_iter().flat_map(|left| VERDICTS.map(|right| (left, right))) {
        assert_eq!(!left.and(right), (!left).or(!right), "{left:?} {right:?}");
        assert_eq!(!left.or(right), (!left).and(!right), "{left:?} {right:?}");
        assert_eq!((left.and(right), left.or(right)), (right.and(left), right.or(left)));
    }
}

#[test]
fn learning_more_never_turns_a_verdict_around() {
    for other in VERDICTS {
        for (more, less) in VERDICTS.into_iter().flat_map(|more| VERDICTS.map(|less| (more, less))) {
            if says_at_least(more, less) {
                assert!(says_at_least(more.and(other), less.and(other)), "{more:?} AND {other:?}");
                assert!(says_at_least(more.or(other), less.or(other)), "{more:?} OR {other:?}");
                assert!(says_at_least(!more, !less));
            }
        }
    }
}

#[test]
fn the_requests_tried_hold_what_the_laws_are_about() {
    let count = |test: fn(&Json) -> bool| REQUESTS.iter().filter(|case| test(&case.json())).count();
    assert_eq!(REQUESTS.len(), 317);
    assert!(count(|request| bundles(&mut request.clone()).len() >= 3) > 100);
    assert!(count(|request| !care_verdicts(request).is_empty()) > 50);
    assert!(count(|request| evaluate(&for_side(request.clone(), "51440002"))["orders"][0]["sites"][1].is_object()) > 100);
}
