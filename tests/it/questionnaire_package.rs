//! `$questionnaire-package` (DTR 2.2): which form is returned for which input, the package and its draft, and rejected inputs.

use std::num::NonZeroUsize;

use axum::body::Body;
use axum::http::Request;
use fhir_sdk::r4b::resources::{OperationOutcome, Parameters, QuestionnaireResponse};
use serde_json::{Value, json};

use crate::support::call::{concept, cpt, order};
use crate::support::callers::{EC_KEY, Token, let_in_the_ehr};
use crate::support::page::POLICY;
use crate::support::{Answer, LogBuffer, PolicyFolder, TestApp, bearing, post};

const PATH: &str = "/fhir/Questionnaire/$questionnaire-package";
const FORM_URL: &str = "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation";
const DTR: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition";

fn parameters(parameter: impl IntoIterator<Item = Value>) -> Value {
    json!({"resourceType": "Parameters", "parameter": parameter.into_iter().collect::<Vec<_>>()})
}

fn coverage() -> Value {
    json!({"name": "coverage", "resource": {"resourceType": "Coverage", "id": "c1", "status": "active",
        "beneficiary": {"reference": "https://ehr.example/fhir/Patient/p1"}, "payor": [{"display": "Example Health Plan"}]}})
}

fn given(order: &Value) -> Value {
    json!({"name": "order", "resource": order})
}

fn injection() -> Value {
    order("o1", &cpt("27096:LT"), "2026-12-01")
}

fn canonical(url: &str) -> Value {
    json!({"name": "questionnaire", "valueCanonical": url})
}

fn context(id: &str) -> Value {
    json!({"name": "context", "valueString": id})
}

fn changed_since(instant: &str) -> Value {
    json!({"name": "changedsince", "valueInstant": instant})
}

async fn ask(app: &TestApp, input: &Value) -> Answer {
    app.send(post(PATH, input.to_string())).await
}

async fn output(input: &Value) -> Value {
    let answer = ask(&TestApp::on_the_day_of_the_fixtures(), input).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str::<Parameters>(&answer.text()).unwrap();
    answer.json()
}

/// The resources in the output's parameters with a name.
fn named<'o>(output: &'o Value, name: &str) -> Vec<&'o Value> {
    output["parameter"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|parameter| parameter["name"] == name)
        .map(|parameter| &parameter["resource"])
        .collect()
}

/// The references in a draft's extensions with a name.
fn references(draft: &Value, name: &str) -> Vec<String> {
    let extensions = draft["extension"].as_array().unwrap().iter().filter(|extension| extension["url"] == format!("{DTR}/{name}"));
    extensions.map(|extension| extension["valueReference"]["reference"].as_str().unwrap().to_owned()).collect()
}

/// The issues beside the packages: the code and location of each.
fn remarks(output: &Value) -> Vec<(String, String)> {
    let issues = named(output, "outcome").into_iter().flat_map(|outcome| outcome["issue"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    issues.map(|issue| (text(&issue["code"]), text(&issue["expression"][0]))).collect()
}

#[tokio::test]
async fn what_is_given_depends_on_what_is_asked_for() {
    let appointment = json!({"resourceType": "Appointment", "id": "a1", "status": "proposed", "start": "2026-12-01T10:00:00Z",
        "serviceType": [cpt("27096")], "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}]});
    let booked = json!({"resourceType": "Appointment", "id": "a2", "status": "proposed", "basedOn": [{"reference": "ServiceRequest/o9"}]});
    let mut revoked = injection();
    revoked["status"] = json!("revoked");
    let at = |place: usize| format!("Parameters.parameter[{place}]");
    let drug = json!({"resourceType": "MedicationRequest", "id": "m1"});
    let unknown = "0190a5b2-0000-7000-8000-000000000000";
    let table = [
        ("an injection", vec![given(&injection())], Some(vec!["ServiceRequest/o1"]), vec![]),
        (
            "two orders",
            vec![given(&injection()), given(&order("o2", &cpt("27096:RT"), "2026-12-02"))],
            Some(vec!["ServiceRequest/o1", "ServiceRequest/o2"]),
            vec![],
        ),
        ("an appointment", vec![given(&appointment)], Some(vec!["Appointment/a1"]), vec![]),
        ("an appointment for an order", vec![given(&booked)], None, vec![("incomplete", at(1))]),
        ("a neurotomy", vec![given(&order("o1", &cpt("64625"), "2026-12-01"))], None, vec![("informational", at(1))]),
        ("another procedure", vec![given(&order("o1", &cpt("99213"), "2026-12-01"))], None, vec![("informational", at(1))]),
        ("an order that does not stand", vec![given(&revoked)], None, vec![("informational", at(1))]),
        ("an order of another type", vec![given(&drug)], None, vec![("informational", at(1))]),
        ("in and out of scope", vec![given(&drug), given(&injection())], Some(vec!["ServiceRequest/o1"]), vec![("informational", at(1))]),
        ("the form", vec![canonical(FORM_URL)], Some(vec![]), vec![]),
        ("the form's version", vec![canonical(&format!("{FORM_URL}|2.0.0"))], Some(vec![]), vec![]),
        ("the form twice", vec![canonical(FORM_URL), canonical(&format!("{FORM_URL}|2.0.0"))], Some(vec![]), vec![]),
        ("another version", vec![canonical(&format!("{FORM_URL}|9"))], None, vec![("not-found", at(1))]),
        ("another form", vec![canonical("http://x.example/other")], None, vec![("not-found", at(1))]),
        (
            "the form for an order out of scope",
            vec![given(&order("o3", &cpt("99213"), "2026-12-01")), canonical(FORM_URL)],
            Some(vec!["ServiceRequest/o3"]),
            vec![],
        ),
        ("the form and its order", vec![canonical(FORM_URL), given(&injection())], Some(vec!["ServiceRequest/o1"]), vec![]),
        ("an unknown decision", vec![context(unknown)], None, vec![("not-found", at(1))]),
        ("no decision's id", vec![context("'; drop table")], None, vec![("not-found", at(1))]),
        (
            "an unknown decision and its order",
            vec![context(unknown), given(&injection())],
            Some(vec!["ServiceRequest/o1"]),
            vec![("not-found", at(1))],
        ),
        (
            "an order, unchanged",
            vec![given(&injection()), changed_since("2999-01-01T00:00:00Z")],
            None,
            vec![("informational", String::new())],
        ),
        (
            "an order, changed",
            vec![given(&injection()), changed_since("2019-01-01T00:00:00.000+02:00")],
            Some(vec!["ServiceRequest/o1"]),
            vec![],
        ),
        (
            "an unknown parameter",
            vec![given(&injection()), json!({"name": "referenced", "resource": 7})],
            Some(vec!["ServiceRequest/o1"]),
            vec![],
        ),
    ];
    for (case, asked, orders, expected) in table {
        let output = output(&parameters([coverage()].into_iter().chain(asked))).await;
        let bundles = named(&output, "packagebundle");
        assert_eq!(bundles.len(), usize::from(orders.is_some()), "{case}: {output}");
        if let (Some(orders), Some(bundle)) = (orders, bundles.first()) {
            assert_eq!(references(&bundle["entry"][1]["resource"], "qr-context"), orders, "{case}");
        }
        let expected: Vec<(String, String)> = expected.into_iter().map(|(code, place)| (code.to_owned(), place)).collect();
        assert_eq!(remarks(&output), expected, "{case}");
    }
}

#[tokio::test]
async fn a_package_holds_the_form_first_and_one_draft() {
    let output = output(&parameters([coverage(), given(&injection())])).await;
    let bundle = named(&output, "packagebundle")[0];
    assert_eq!([&bundle["resourceType"], &bundle["type"]], ["Bundle", "collection"]);
    assert_eq!(bundle["meta"]["profile"], json!([format!("{DTR}/DTR-QPackageBundle")]));
    let types: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["resourceType"]).collect();
    assert_eq!(types, ["Questionnaire", "QuestionnaireResponse"], "no value set is named by the form's questions");
    let published: Value = serde_json::from_str(POLICY.form.json.get()).unwrap();
    assert_eq!(bundle["entry"][0]["resource"], published, "the policy's numbers stand in its texts");
    assert_eq!(bundle["entry"][0]["fullUrl"], FORM_URL);
    let id = bundle["entry"][1]["resource"]["id"].as_str().unwrap();
    assert_eq!(bundle["entry"][1]["fullUrl"], format!("urn:uuid:{id}"));
}

/// DTR 2.2 `dtr-questionnaireresponse`, which is based on SDC's.
#[tokio::test]
async fn a_draft_has_what_its_profile_demands() {
    let output = output(&parameters([coverage(), given(&injection())])).await;
    let draft = &named(&output, "packagebundle")[0]["entry"][1]["resource"];
    serde_json::from_str::<QuestionnaireResponse>(&draft.to_string()).unwrap();
    assert_eq!(draft["meta"]["profile"], json!([format!("{DTR}/dtr-questionnaireresponse")]));
    assert_eq!([&draft["status"], &draft["authored"]], ["in-progress", "2026-11-22T10:00:00Z"]);
    assert_eq!(draft["questionnaire"], format!("{FORM_URL}|2.0.0"), "references within a package have a version");
    assert_eq!(draft["subject"], json!({"reference": "https://ehr.example/fhir/Patient/p1"}));
    assert_eq!(references(draft, "qr-coverage"), ["Coverage/c1"]);
    assert_eq!(references(draft, "qr-context"), ["ServiceRequest/o1"]);
    let use_of = draft["extension"].as_array().unwrap().iter().find(|extension| extension["url"] == format!("{DTR}/intendedUse")).unwrap();
    assert_eq!(use_of["valueCodeableConcept"]["coding"][0]["code"], "retain-doc");
    for absent in ["basedOn", "partOf", "author"] {
        assert_eq!(draft[absent], Value::Null, "{absent}");
    }
}

#[tokio::test]
async fn a_draft_has_every_question_and_no_answer() {
    fn link_ids(items: &Value, found: &mut Vec<String>) {
        for item in items["item"].as_array().into_iter().flatten().filter(|item| item["type"] != "display") {
            assert_eq!(item["answer"], Value::Null);
            found.push(format!("{}: {}", item["linkId"].as_str().unwrap(), item["text"].as_str().unwrap()));
            link_ids(item, found);
        }
    }
    let output = output(&parameters([coverage(), canonical(FORM_URL)])).await;
    let entries = &named(&output, "packagebundle")[0]["entry"];
    let [mut asked, mut drafted] = [Vec::new(), Vec::new()];
    link_ids(&entries[0]["resource"], &mut asked);
    link_ids(&entries[1]["resource"], &mut drafted);
    assert!(asked.len() > 25);
    assert_eq!(drafted, asked);
}

#[tokio::test]
async fn an_outcome_is_an_outcome_of_r4() {
    let output =
        output(&parameters([coverage(), canonical("http://x.example/other"), given(&json!({"resourceType": "Encounter", "id": "e1"}))]))
            .await;
    let outcome = named(&output, "outcome")[0];
    serde_json::from_str::<OperationOutcome>(&outcome.to_string()).unwrap();
    let severities: Vec<&Value> = outcome["issue"].as_array().unwrap().iter().map(|issue| &issue["severity"]).collect();
    assert_eq!(severities, ["warning"], "an explicitly requested form needs no order");
    assert!(!outcome.to_string().contains("x.example"), "{outcome}");
}

#[tokio::test]
async fn the_older_editions_are_answered_by_their_names() {
    for (version, bundles, outcome) in [("2.0.1", "PackageBundle", "operationOutcome"), ("2.2.0", "packagebundle", "outcome")] {
        let mut input = parameters([coverage(), given(&injection()), canonical("http://x.example/other")]);
        input["meta"] = json!({"profile": [format!("{DTR}/dtr-qpackage-input-parameters|{version}")]});
        let output = output(&input).await;
        let names: Vec<&Value> = output["parameter"].as_array().unwrap().iter().map(|parameter| &parameter["name"]).collect();
        assert_eq!(names, [bundles, outcome], "{version}");
        let draft = &output["parameter"][0]["resource"]["entry"][1]["resource"];
        let context = references(draft, "qr-context");
        assert_eq!(context.contains(&"Coverage/c1".to_owned()), version == "2.0.1", "{context:?}");
    }
}

#[tokio::test]
async fn each_order_is_given_the_form_of_its_own_policy_version() {
    let folder = PolicyFolder::new();
    folder.add_from("2027-01", "2027-01-01").change_in("2027-01", "questionnaire.json", "\"version\": \"2.0.0\"", "\"version\": \"3.0.0\"");
    let app = TestApp::with(|config| config.policy.directory = Some(folder.path().into()));
    for (orders, versions) in [
        (vec![given(&injection())], vec!["2.0.0"]),
        (vec![given(&order("o2", &cpt("27096"), "2027-02-01"))], vec!["3.0.0"]),
        (vec![given(&injection()), given(&order("o2", &cpt("27096"), "2027-02-01"))], vec!["2.0.0", "3.0.0"]),
        (vec![canonical(FORM_URL)], vec!["3.0.0"]),
        (vec![canonical(&format!("{FORM_URL}|2.0.0"))], vec!["2.0.0"]),
    ] {
        let output = ask(&app, &parameters([coverage()].into_iter().chain(orders))).await.json();
        let found: Vec<&Value> =
            named(&output, "packagebundle").into_iter().map(|bundle| &bundle["entry"][0]["resource"]["version"]).collect();
        assert_eq!(found, versions);
    }
}

#[tokio::test]
async fn a_value_set_that_a_question_names_is_packed_with_the_form() {
    let folder = PolicyFolder::new();
    let named_set =
        "\"answerValueSet\": \"http://payer.example.org/fhir/ValueSet/side-left|2019-08\", \"linkId\": \"functional-improvement\"";
    folder.change("questionnaire.json", "\"linkId\": \"functional-improvement\"", named_set);
    let app = TestApp::with(|config| config.policy.directory = Some(folder.path().into()));
    let output = ask(&app, &parameters([coverage(), canonical(FORM_URL)])).await.json();
    let entries = &named(&output, "packagebundle")[0]["entry"];
    assert_eq!((&entries[2]["resource"]["id"], &entries[3]), (&json!("side-left"), &Value::Null));
}

#[tokio::test]
async fn an_input_that_is_not_as_the_operation_says_is_refused_with_its_place() {
    let app = TestApp::new();
    let without = |member: &str| {
        let mut coverage = coverage();
        coverage["resource"].as_object_mut().unwrap().remove(member);
        parameters([coverage, canonical(FORM_URL)]).to_string()
    };
    let of = |reference: Value| {
        let mut coverage = coverage();
        coverage["resource"]["beneficiary"]["reference"] = reference;
        parameters([coverage, canonical(FORM_URL)]).to_string()
    };
    let other_coverage =
        json!({"name": "coverage", "resource": {"resourceType": "Coverage", "id": "c2", "beneficiary": {"reference": "Patient/p2"}}});
    let mut other_order = injection();
    other_order["subject"]["reference"] = json!("Patient/p2");
    let with = |more: Value| parameters([coverage(), more]).to_string();
    let many = parameters(std::iter::repeat_n(coverage(), 101)).to_string();
    let table = [
        (String::new(), 400, None),
        ("{".to_owned(), 400, None),
        ("[]".to_owned(), 400, Some("Parameters")),
        ("{}".to_owned(), 400, Some("resourceType")),
        (json!({"resourceType": "Parameters"}).to_string(), 400, Some("parameter")),
        (json!({"resourceType": "Bundle", "parameter": []}).to_string(), 400, Some("resourceType")),
        (json!({"resourceType": "Parameters", "parameter": {}}).to_string(), 400, Some("parameter")),
        (json!({"resourceType": "Parameters", "parameter": [{}]}).to_string(), 400, Some("parameter[0].name")),
        (json!({"resourceType": "Parameters", "parameter": [{"name": 7}]}).to_string(), 400, Some("parameter[0].name")),
        (parameters([]).to_string(), 400, Some("parameter")),
        (parameters([canonical(FORM_URL)]).to_string(), 400, Some("parameter")),
        (parameters([coverage()]).to_string(), 400, Some("parameter")),
        (parameters([coverage(), changed_since("2026-01-01T00:00:00Z")]).to_string(), 400, Some("parameter")),
        (with(json!({"name": "order"})), 400, Some("parameter[1].resource")),
        (with(json!({"name": "order", "resource": 7})), 400, Some("parameter[1].resource")),
        (with(json!({"name": "order", "resource": {"id": "o1"}})), 400, Some("parameter[1].resource.resourceType")),
        (with(json!({"name": "order", "resource": {"resourceType": "ServiceRequest"}})), 400, Some("parameter[1].resource.id")),
        (with(json!({"name": "order", "resource": {"resourceType": "ServiceRequest", "id": ""}})), 400, Some("parameter[1].resource.id")),
        (with(json!({"name": "questionnaire", "valueString": FORM_URL})), 400, Some("parameter[1].valueCanonical")),
        (with(json!({"name": "questionnaire", "valueCanonical": 7})), 400, Some("parameter[1].valueCanonical")),
        (with(json!({"name": "context", "valueString": ["a"]})), 400, Some("parameter[1].valueString")),
        (with(changed_since("yesterday")), 400, Some("parameter[1].valueInstant")),
        (
            parameters([given(&injection()), canonical(FORM_URL), json!({"name": "coverage", "resource": injection()})]).to_string(),
            400,
            Some("parameter[2].resource.resourceType"),
        ),
        (without("id"), 400, Some("parameter[0].resource.id")),
        (without("beneficiary"), 400, Some("parameter[0].resource.beneficiary")),
        (of(Value::Null), 400, Some("parameter[0].resource.beneficiary.reference")),
        (of(json!("Group/g1")), 400, Some("parameter[0].resource.beneficiary.reference")),
        (parameters([coverage(), other_coverage, canonical(FORM_URL)]).to_string(), 422, Some("parameter[1].resource.beneficiary")),
        (with(given(&other_order)), 422, Some("parameter[1].resource")),
        (many, 422, Some("parameter")),
    ];
    for (body, status, expression) in table {
        let answer = app.send(post(PATH, body.clone())).await;
        answer.outcome(status, if status == 400 { "structure" } else { "business-rule" });
        assert_eq!(answer.json()["issue"][0]["expression"][0].as_str(), expression, "{body}");
    }
}

#[tokio::test]
async fn a_body_may_be_deep_or_strange_and_never_harms() {
    let app = TestApp::new();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for inner in [nested(100), nested(50_000), "\"\\ud800\"".to_owned(), "1e999".to_owned()] {
        let resource = format!(r#"{{"resourceType":"ServiceRequest","id":"o1","code":{inner},"extension":{inner}}}"#);
        let body = format!(r#"{{"resourceType":"Parameters","parameter":[{},{{"name":"order","resource":{resource}}}]}}"#, coverage());
        let status = app.send(post(PATH, body)).await.status.as_u16();
        assert!([200, 400].contains(&status), "{status}");
    }
    let answer = app.send(post(PATH, vec![0xFF, 0xFE])).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn both_names_of_json_are_taken_and_no_other_type() {
    let app = TestApp::new();
    let input = parameters([coverage(), canonical(FORM_URL)]).to_string();
    for (media_type, status) in
        [("application/json", 200), ("application/fhir+json; charset=utf-8", 200), ("application/fhir+xml", 415), ("text/plain", 415)]
    {
        let request = Request::post(PATH).header("content-type", media_type).header("accept", "application/json");
        let answer = app.send(request.body(Body::from(input.clone())).unwrap()).await;
        assert_eq!(answer.status, status, "{media_type}");
        let expected = if status == 200 { "application/json" } else { "application/fhir+json" };
        assert_eq!(answer.header("content-type"), Some(expected), "{media_type}");
    }
}

#[tokio::test]
async fn only_post_is_taken_and_no_body_beyond_the_limit() {
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(1_000).unwrap());
    let answer = app.get(PATH).await;
    answer.outcome(405, "not-supported");
    assert_eq!(answer.header("allow"), Some("POST"));
    app.send(post(PATH, " ".repeat(2_000))).await.outcome(413, "too-long");
}

#[tokio::test]
async fn a_client_is_asked_who_it_is_and_its_token_is_for_this_address() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in_the_ehr);
    let input = parameters([coverage(), canonical(FORM_URL)]);
    ask(&app, &input).await.outcome(401, "login");
    let url = format!("https://cds.plan.example{PATH}");
    for (audience, status) in [
        (url.as_str(), 200),
        ("https://cds.plan.example/fhir", 200),
        ("https://cds.plan.example/cds-services", 200),
        ("https://cds.plan.example/fhir/", 401),
        ("https://other.example/fhir", 401),
    ] {
        let token = Token::good().claim("aud", json!(audience)).signed_by(&EC_KEY);
        let answer = app.send(bearing(&token, post(PATH, input.to_string()))).await;
        assert_eq!(answer.status, status, "{audience}");
        if status == 200 {
            let form = &answer.json()["parameter"][0]["resource"]["entry"][0]["fullUrl"];
            assert_eq!(form, "https://cds.plan.example/fhir/Questionnaire/sij-injection-documentation");
        }
    }
}

#[tokio::test]
async fn nothing_of_an_input_reaches_the_log() {
    let app = TestApp::new();
    let text = "packaged-patient-4711";
    let mut coverage = coverage();
    coverage["resource"]["beneficiary"]["reference"] = json!(format!("Patient/{text}"));
    coverage["resource"]["id"] = json!(format!("coverage-{text}"));
    let mut order = injection();
    order["subject"]["reference"] = json!(format!("Patient/{text}"));
    order["code"] = concept("http://x.example/system", text);
    let good = parameters([coverage.clone(), given(&order), context(text), canonical(text)]);
    let bad = parameters([coverage, given(&injection()), changed_since(text)]);
    for input in [good, bad] {
        let answer = ask(&app, &input).await;
        assert!(answer.status != 500 && (answer.status == 200 || !answer.text().contains(text)), "{}", answer.text());
    }
    assert!(!LogBuffer::of_this_run().text().contains(text));
}
