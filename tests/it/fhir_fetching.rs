//! What is fetched from the client's FHIR server and how it is used. Not here: failing servers ([`super::fhir_faults`]).

use std::time::{Duration, Instant};

use proptest::sample::subsequence;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::fhir_server::{FhirServer, LISTS, TOKEN, call_with_server, page, register, registered};
use crate::support::{Case, Json, LogBuffer, TestApp, changed, stories, story};

/// Its determination depends on its two procedures.
const STORY: &str = "third-injection-at-seven-weeks";

/// In these stories the prefetch itself is the point: a missing list, or entries that are not resources.
const OF_PREFETCH: [&str; 2] = ["procedures-missing", "unreadable-entries"];

/// The service with that FHIR server registered.
fn app(base: &str) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| register(config, base))
}

/// The answer to a call of that client whose prefetch keeps only some keys.
async fn answer(story: &Case, server: &FhirServer, keeps: impl Fn(&str) -> bool) -> String {
    let call = call_with_server(story, &server.base(), keeps);
    app(&server.base()).sign_text(&call.to_string()).await.text()
}

/// The answer to a story from its prefetch only. Returned orders preserve white space, so there must be none.
async fn answer_from_prefetch(story: &Case) -> String {
    TestApp::on_the_day_of_the_fixtures().sign_text(&story.json().to_string()).await.text()
}

#[tokio::test]
async fn every_story_is_answered_from_fetching_alone_as_from_prefetch_alone() {
    let mut told = 0;
    for story in stories().into_iter().filter(|story| !OF_PREFETCH.contains(&story.name.as_str())) {
        let server = FhirServer::of(&story).await;
        assert_eq!(answer(&story, &server, |_| false).await, answer_from_prefetch(&story).await, "{}", story.name);
        told += 1;
    }
    assert!(told >= 20, "only {told} stories");
}

#[tokio::test]
async fn any_mixture_of_prefetched_and_fetched_lists_gives_the_same_answer() {
    let story = story("therapy-from-procedures-only");
    let server = FhirServer::of(&story).await;
    let expected = answer_from_prefetch(&story).await;
    let prefetch = story.json();
    for (key, _) in prefetch.get("prefetch").unwrap().members() {
        assert_eq!(answer(&story, &server, |kept| kept == key).await, expected, "{key} alone prefetched");
        assert_eq!(answer(&story, &server, |kept| kept != key).await, expected, "{key} alone fetched");
    }
}

#[tokio::test]
async fn every_story_is_answered_the_same_whatever_part_of_it_is_prefetched() {
    let mut runner = TestRunner::deterministic();
    for story in stories().into_iter().filter(|story| !OF_PREFETCH.contains(&story.name.as_str())) {
        let server = FhirServer::of(&story).await;
        let expected = answer_from_prefetch(&story).await;
        let call = story.json();
        let keys: Vec<_> = call.get("prefetch").unwrap().members().iter().map(|(key, _)| key.clone()).collect();
        let some = subsequence(keys.clone(), 0..=keys.len());
        for _ in 0..4 {
            let kept = some.new_tree(&mut runner).unwrap().current();
            let given = answer(&story, &server, |key| kept.iter().any(|kept| kept == key)).await;
            assert_eq!(given, expected, "{}: {kept:?} prefetched", story.name);
        }
    }
}

#[tokio::test]
async fn without_prefetch_every_list_is_asked_for_once() {
    let server = FhirServer::without_entries().await;
    answer(&story(STORY), &server, |_| false).await;
    assert_eq!(server.types_asked().await, LISTS);
}

#[tokio::test]
async fn only_what_is_missing_is_asked_for() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    answer(&story, &server, |key| !matches!(key, "procedures" | "observations")).await;
    assert_eq!(server.types_asked().await, ["Observation", "Procedure"]);
}

#[tokio::test]
async fn nothing_is_asked_for_when_the_prefetch_has_it_all() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    answer(&story, &server, |_| true).await;
    assert_eq!(server.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_prefetched_error_is_fetched_and_a_null_is_not() {
    let story = changed(STORY, |call| {
        call["prefetch"]["procedures"] = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]});
        call["prefetch"]["observations"] = Value::Null;
    });
    let whole = changed(STORY, |_| {});
    let server = FhirServer::of(&whole).await;
    assert_eq!(answer(&story, &server, |_| true).await, answer_from_prefetch(&whole).await);
    assert_eq!(server.types_asked().await, ["Procedure"]);
}

#[tokio::test]
async fn nothing_is_asked_for_when_no_order_is_in_scope() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let call = call_with_server(&story, &server.base(), |_| false).to_string().replace("27096", "99213");
    assert_eq!(app(&server.base()).sign_text(&call).await.text(), r#"{"cards":[]}"#);
    assert_eq!(server.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_asked_for_when_the_call_names_no_server() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let mut call = call_with_server(&story, &server.base(), |key| key != "procedures");
    call.remove("fhirServer");
    call.remove("fhirAuthorization");
    let detail = detail(&app(&server.base()), &call).await;
    assert!(detail.contains("Could not be read (not sent by the EHR): procedures."), "{detail}");
    assert_eq!(server.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_is_not_registered_is_never_contacted() {
    let story = story(STORY);
    let (known, unknown) = (FhirServer::of(&story).await, FhirServer::of(&story).await);
    let call = call_with_server(&story, &unknown.base(), |key| key != "procedures");
    let detail = detail(&app(&known.base()), &call).await;
    assert!(detail.contains("Could not be read (not sent by the EHR): procedures."), "{detail}");
    assert_eq!((known.types_asked().await, unknown.types_asked().await), (vec![], vec![]));
}

#[tokio::test]
async fn without_a_registry_nothing_is_fetched() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let call = call_with_server(&story, &server.base(), |_| false);
    TestApp::on_the_day_of_the_fixtures().sign_text(&call.to_string()).await.outcome(412, "incomplete");
    assert_eq!(server.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_not_followed() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let base = server.base().replace("127.0.0.1", "localhost");
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &base);
        config.fhir_servers[0].allow_private_addresses = false;
    });
    let detail = detail(&app, &call_with_server(&story, &base, |key| key != "procedures")).await;
    assert!(detail.contains("Could not be read (the FHIR server cannot be reached): procedures."), "{detail}");
    assert_eq!(server.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_token_goes_with_every_request_and_into_no_log_line() {
    let story = changed(STORY, |call| {
        let entries = call["prefetch"]["coverage"]["entry"].as_array_mut().unwrap();
        entries.truncate(1);
        entries[0]["resource"]["payor"] = json!([{"reference": "Organization/payer"}]);
    });
    let server = FhirServer::of(&story).await;
    let answer = answer(&story, &server, |_| false).await;
    // The insurer is looked up by id, after the lists.
    let sent: Vec<_> =
        server.requests().await.iter().map(|request| request.headers["authorization"].to_str().unwrap().to_owned()).collect();
    assert!(sent.len() > LISTS.len(), "{sent:?}");
    assert!(sent.iter().all(|header| *header == format!("Bearer {TOKEN}")), "{sent:?}");
    assert!(!answer.contains(TOKEN));
    assert!(!LogBuffer::of_this_run().text().contains(TOKEN));
}

#[tokio::test]
async fn a_call_without_a_token_asks_without_one() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let mut call = call_with_server(&story, &server.base(), |_| false);
    call.remove("fhirAuthorization");
    assert_eq!(app(&server.base()).sign_text(&call.to_string()).await.text(), answer_from_prefetch(&story).await);
    assert!(server.requests().await.iter().all(|request| !request.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_search_is_logged_without_its_patient() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    answer(&story, &server, |_| false).await;
    let patient = story.json().at("context.patientId").unwrap().text().unwrap();
    let log = LogBuffer::of_this_run().text();
    let searches: Vec<_> = log.lines().filter(|line| line.contains("\"searched\"")).collect();
    assert!(searches.len() >= LISTS.len(), "{searches:?}");
    assert!(!searches.iter().any(|line| line.contains(&patient)));
}

#[tokio::test]
async fn every_search_is_for_the_calls_patient() {
    let story = changed(STORY, |call| {
        let id = call["context"]["patientId"].as_str().unwrap().to_owned();
        call["context"]["patientId"] = json!(format!("Patient/{}", id.trim_start_matches("Patient/")));
    });
    let server = FhirServer::without_entries().await;
    answer(&story, &server, |_| false).await;
    let patients: Vec<_> = server.requests().await.iter().map(|request| request.url.query_pairs().next().unwrap().1.into_owned()).collect();
    assert_eq!(patients, ["d998899a-sij"; 9]);
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let story = story(STORY);
    let procedures = resources(&story, "procedures");
    let server = FhirServer::of(&story).await;
    let next = format!("{}/Procedure?page=2", server.base());
    let first = page(&procedures[..1], Some(&next));
    let server = server.answering_times(1, "Procedure", first).await.answering("Procedure", page(&procedures[1..], None)).await;
    assert_eq!(answer(&story, &server, |_| false).await, answer_from_prefetch(&story).await);
    assert_eq!(server.parameters("Procedure").await[1]["page"], "2");
}

#[tokio::test]
async fn a_prefetched_first_page_is_completed_and_nothing_counted_twice() {
    let name = "fourth-therapeutic-in-a-year";
    let story = changed(name, |_| {});
    for kept in [1, 3, 5] {
        let first_page = changed(name, |call| {
            call["prefetch"]["procedures"]["link"] = json!([{"relation": "next", "url": "https://ehr.example.org/next"}]);
            call["prefetch"]["procedures"]["entry"].as_array_mut().unwrap().truncate(kept);
        });
        let server = FhirServer::of(&story).await;
        assert_eq!(answer(&first_page, &server, |_| true).await, answer_from_prefetch(&story).await, "{kept} prefetched");
        assert_eq!(server.types_asked().await, ["Procedure"]);
    }
}

#[tokio::test]
async fn medications_are_resolved_by_one_search_for_all() {
    let name = "first-injection-fully-documented";
    let referring = changed(name, |call| {
        let entries = call["prefetch"]["medicationStatements"]["entry"].as_array_mut().unwrap();
        let statement = entries[0]["resource"].as_object_mut().unwrap();
        statement.remove("medicationCodeableConcept").unwrap();
        statement.insert("medicationReference".to_owned(), json!({"reference": "Medication/m1"}));
        let mut other = entries[0].clone();
        other["resource"]["id"] = json!("other");
        other["resource"]["medicationReference"] = json!({"reference": "Medication/m2"});
        entries.push(other);
    });
    let naproxen = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "7258", "display": "naproxen"}]});
    let server = FhirServer::without_entries().await.holding(json!({"resourceType": "Medication", "id": "m1", "code": naproxen}));
    let server = server.holding(json!({"resourceType": "Medication", "id": "m2", "code": {"text": "something else"}}));
    let verdicts = |answer: &str| Json::read(answer).at("cards.0.summary").unwrap().to_string();
    assert_eq!(verdicts(&answer(&referring, &server, |_| true).await), verdicts(&answer_from_prefetch(&story(name)).await));
    assert_eq!(server.types_asked().await, ["Medication"]);
    assert_eq!(server.parameters("Medication").await[0]["_id"], "m1,m2");
}

#[tokio::test]
async fn an_orders_reason_is_resolved() {
    let by_reference = changed(STORY, |call| {
        let order = call["context"]["draftOrders"]["entry"][0]["resource"].as_object_mut().unwrap();
        order.remove("reasonCode").unwrap();
        order.insert("reasonReference".to_owned(), json!([{"reference": "Condition/reason"}]));
        call["prefetch"]["conditions"] = Value::Null;
    });
    let unresolved = FhirServer::without_entries().await;
    assert!(answer(&by_reference, &unresolved, |_| true).await.contains("The order has no diagnosis the policy lists"));
    let code = json!({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M46.1"}]});
    let subject = json!({"reference": "Patient/d998899a-sij"});
    let reason = json!({"resourceType": "Condition", "id": "reason", "code": code, "subject": subject});
    let server = FhirServer::without_entries().await.holding(reason);
    assert!(!answer(&by_reference, &server, |_| true).await.contains("The order has no diagnosis the policy lists"));
    assert_eq!(server.types_asked().await, ["Condition"]);
    assert_eq!(server.parameters("Condition").await[0]["_id"], "reason");
}

#[tokio::test]
async fn the_insurers_name_is_resolved() {
    let nameless = changed(STORY, |call| {
        let entries = call["prefetch"]["coverage"]["entry"].as_array_mut().unwrap();
        entries.truncate(1);
        entries[0]["resource"]["payor"] = json!([{"reference": "Organization/payer"}]);
    });
    let server = FhirServer::without_entries().await;
    let server = server.holding(json!({"resourceType": "Organization", "id": "payer", "name": "A Plan Looked Up"}));
    let card = Json::read(&answer(&nameless, &server, |_| true).await);
    assert!(card.at("cards.0.source.label").unwrap().is("A Plan Looked Up"), "{card}");
    assert_eq!(server.types_asked().await, ["Organization"]);
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_and_its_work_done_here() {
    let story = story("therapy-from-procedures-only");
    let subject = json!({"reference": story.json().at("context.patientId").map(|id| format!("Patient/{}", id.text().unwrap()))});
    let medicaid = json!({"coding": [{"system": "https://nahdo.org/sopt", "code": "2"}]});
    let ended = json!({"resourceType": "Coverage", "id": "a", "status": "cancelled", "type": medicaid, "beneficiary": subject});
    let server = FhirServer::of(&story).await.holding(ended).refusing("status").await.refusing("code").await.refusing("_include").await;
    assert_eq!(answer(&story, &server, |_| false).await, answer_from_prefetch(&story).await);
    for refused in ["Coverage", "MedicationRequest", "Observation", "ServiceRequest"] {
        let asked = server.parameters(refused).await;
        assert_eq!(asked.len(), 2, "{refused}");
        assert_eq!(asked[1].keys().collect::<Vec<_>>(), ["patient"], "{refused}");
    }
}

#[tokio::test]
async fn a_page_size_is_asked_for_where_one_is_configured() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.fhir_servers[0].page_size = 50.try_into().ok();
    });
    app.sign_text(&call_with_server(&story, &server.base(), |_| false).to_string()).await;
    for list in LISTS {
        assert_eq!(server.parameters(list).await[0]["_count"], "50", "{list}");
    }
}

#[tokio::test]
async fn a_refused_page_size_is_left_out_alone() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await.refusing("_count").await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.fhir_servers[0].page_size = 50.try_into().ok();
    });
    let call = call_with_server(&story, &server.base(), |_| false).to_string();
    assert_eq!(app.sign_text(&call).await.text(), answer_from_prefetch(&story).await);
    assert_eq!(server.parameters("Coverage").await[1].keys().collect::<Vec<_>>(), ["_include", "patient", "status"]);
}

#[tokio::test]
async fn a_server_of_plain_queries_is_asked_for_the_patient_alone() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.fhir_servers[0].plain_queries = true;
    });
    let call = call_with_server(&story, &server.base(), |_| false).to_string();
    assert_eq!(app.sign_text(&call).await.text(), answer_from_prefetch(&story).await);
    for list in LISTS {
        assert_eq!(server.parameters(list).await[0].keys().collect::<Vec<_>>(), ["patient"], "{list}");
    }
}

#[tokio::test]
async fn each_call_is_fetched_for_from_the_server_it_names() {
    let story = story(STORY);
    let (first, second) = (FhirServer::of(&story).await, FhirServer::of(&story).await);
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        config.fhir_servers = vec![registered(&first.base()), registered(&second.base())];
    });
    let named = format!("{}/", second.base());
    app.sign_text(&call_with_server(&story, &named, |key| key != "procedures").to_string()).await;
    assert_eq!((first.types_asked().await, second.types_asked().await), (vec![], vec!["Procedure".to_owned()]));
}

#[tokio::test]
async fn calls_do_not_queue_behind_each_other() {
    let story = story(STORY);
    let server = FhirServer::of(&story).await.delayed(Duration::from_millis(50));
    let app = app(&server.base());
    let call = call_with_server(&story, &server.base(), |_| false).to_string();
    let expected = answer_from_prefetch(&story).await;
    let begun = Instant::now();
    assert_eq!(
        app.sign_text(&call).await.json()["cards"][0]["detail"],
        serde_json::from_str::<Value>(&expected).unwrap()["cards"][0]["detail"]
    );
    let one = begun.elapsed();
    let begun = Instant::now();
    let answers = futures_util::future::join_all((0..10).map(|_| app.sign_text(&call))).await;
    let ten = begun.elapsed();
    assert!(answers.iter().all(|answer| !answer.text().contains("Could not be read")));
    assert!(ten < one * 5, "one took {one:?}, ten at a time {ten:?}");
}

/// The detail of the only card.
async fn detail(app: &TestApp, call: &Json) -> String {
    app.sign_text(&call.to_string()).await.json()["cards"][0]["detail"].as_str().expect("a card").to_owned()
}

/// The resources under a prefetch key of a story.
fn resources(story: &Case, key: &str) -> Vec<Value> {
    let call: Value = serde_json::from_str(&story.request).unwrap();
    call["prefetch"][key]["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}
