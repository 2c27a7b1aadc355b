//! Failing FHIR servers: in every failure mode the card arrives in time, uses the data that arrived, and states what is
//! missing and why. Not here: what is fetched from a working server ([`super::fhir_fetching`]).

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::call::cpt;
use crate::support::fhir_server::{FhirServer, Then, call_with_server, json_answer, on_the_wire, page, refusing, register};
use crate::support::{Answer, Case, Json, TestApp, changed, story};

/// Its determination depends on its two procedures.
const STORY: &str = "third-injection-at-seven-weeks";

/// The time limit for all searches of a call, in tests that wait for it.
const SHORT: Duration = Duration::from_millis(300);

/// The service with that FHIR server registered.
fn app(base: &str) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| register(config, base))
}

/// The same with a short time limit for fetching.
fn hasty_app(base: &str) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, base);
        config.fhir.budget = SHORT;
    })
}

/// A server with the story's chart.
async fn server() -> FhirServer {
    FhirServer::of(&story(STORY)).await
}

/// A call that prefetches everything but the procedures.
async fn sign_without_procedures(app: &TestApp, base: &str) -> Answer {
    app.sign_text(&call_with_server(&story(STORY), base, |key| key != "procedures").to_string()).await
}

/// Why the procedures could not be read, as stated on the card.
async fn fault(app: &TestApp, base: &str) -> Option<String> {
    let answer = sign_without_procedures(app, base).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let detail = answer["cards"][0]["detail"].as_str().expect("a card");
    let reason = |line: &str| Some(line.strip_prefix("- Could not be read (")?.strip_suffix("): procedures.")?.to_owned());
    detail.lines().find_map(reason)
}

/// The same for a server that gives this answer to the search for procedures.
async fn fault_of(answer: ResponseTemplate) -> Option<String> {
    let server = server().await.answering("Procedure", answer).await;
    fault(&app(&server.base()), &server.base()).await
}

/// Whether the card is the one for the complete chart.
async fn assert_whole(app: &TestApp, base: &str) {
    let whole = TestApp::on_the_day_of_the_fixtures().sign_text(&story(STORY).json().to_string()).await.text();
    assert_eq!(sign_without_procedures(app, base).await.text(), whole);
}

fn procedures() -> Vec<Value> {
    let call: Value = serde_json::from_str(&story(STORY).request).unwrap();
    call["prefetch"]["procedures"]["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

#[tokio::test]
async fn a_refused_connection() {
    let base = refusing().await;
    assert_eq!(fault(&app(&base), &base).await.as_deref(), Some("the FHIR server cannot be reached"));
}

#[tokio::test]
async fn an_answer_that_does_not_begin() {
    let server = server().await.answering("Procedure", page(&procedures(), None).set_delay(Duration::from_secs(10))).await;
    let begun = Instant::now();
    assert_eq!(fault(&hasty_app(&server.base()), &server.base()).await.as_deref(), Some("the FHIR server took too long"));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_does_not_end() {
    let base = on_the_wire("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"resourceType\":\"Bundle\",", Then::Stall).await;
    assert_eq!(fault(&hasty_app(&base), &base).await.as_deref(), Some("the FHIR server took too long"));
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let base = on_the_wire("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"resourceType\":\"Bundle\",", Then::Close).await;
    assert_eq!(fault(&app(&base), &base).await.as_deref(), Some("the FHIR server's answer broke off"));
}

#[tokio::test]
async fn an_answer_that_is_no_http() {
    let base = on_the_wire("220 smtp.example ESMTP\r\n", Then::Close).await;
    assert_eq!(fault(&app(&base), &base).await.as_deref(), Some("the FHIR server cannot be reached"));
}

#[tokio::test]
async fn a_status_that_nothing_can_be_done_about_is_asked_for_once() {
    for (status, reason) in [
        (401, "the FHIR server answered 401: it does not accept the access token"),
        (403, "the FHIR server answered 403: access is not granted"),
        (404, "not offered by the FHIR server"),
        (410, "not offered by the FHIR server"),
        (409, "the FHIR server refused the query"),
        (400, "the FHIR server refused the query"),
    ] {
        let server = server().await.answering("Procedure", ResponseTemplate::new(status)).await;
        assert_eq!(fault(&app(&server.base()), &server.base()).await.as_deref(), Some(reason), "{status}");
        assert_eq!(server.types_asked().await, ["Procedure"], "{status}");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "0");
    let server = server().await.answering_times(1, "Procedure", busy).await;
    assert_whole(&app(&server.base()), &server.base()).await;
    assert_eq!(server.types_asked().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_is_busy_for_longer_than_there_is_time_is_not_waited_for() {
    for seconds in ["60", "18446744073709551615"] {
        let busy = ResponseTemplate::new(429).insert_header("retry-after", seconds);
        let server = server().await.answering("Procedure", busy).await;
        let reason = fault(&app(&server.base()), &server.base()).await;
        assert_eq!(reason.as_deref(), Some("the FHIR server takes no more requests for now"));
        assert_eq!(server.types_asked().await.len(), 1, "{seconds}");
    }
}

#[tokio::test]
async fn a_server_that_fails_once_is_asked_again() {
    let server = server().await.answering_times(1, "Procedure", ResponseTemplate::new(500)).await;
    assert_whole(&app(&server.base()), &server.base()).await;
    assert_eq!(server.types_asked().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_always_fails_is_asked_as_often_as_configured() {
    let server = server().await.answering("Procedure", ResponseTemplate::new(500)).await;
    assert_eq!(fault(&app(&server.base()), &server.base()).await.as_deref(), Some("the FHIR server failed"));
    assert_eq!(server.types_asked().await.len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_no_searchset() {
    let html = ResponseTemplate::new(200).set_body_raw("<html><body>Sign in</body></html>", "text/html");
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]});
    for (answer, reason) in [
        (html, "the FHIR server's answer is not FHIR JSON"),
        (ResponseTemplate::new(204), "the FHIR server's answer is not FHIR JSON"),
        (json_answer(200, &json!({"resourceType": "Patient", "id": "p1"})), "the FHIR server's answer is no Bundle"),
        (json_answer(200, &outcome), "the FHIR server answered with an error"),
    ] {
        assert_eq!(fault_of(answer).await.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn pages_without_end_are_followed_as_far_as_configured() {
    let server = server().await;
    let next = format!("{}/Procedure?page=again", server.base());
    let server = server.answering("Procedure", page(&procedures(), Some(&next))).await;
    let reason = fault(&app(&server.base()), &server.base()).await;
    assert_eq!(reason.as_deref(), Some("the FHIR server has more than is read"));
    assert_eq!(server.types_asked().await.len(), 20);
}

#[tokio::test]
async fn a_next_page_on_another_host_is_not_asked_for() {
    let other = server().await;
    let reason = fault_of(page(&procedures(), Some(&format!("{}/Procedure?page=2", other.base())))).await;
    assert_eq!(reason.as_deref(), Some("the FHIR server's next page lies elsewhere"));
    assert_eq!(other.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = server().await;
    for status in [301, 302, 307, 308] {
        let redirect = ResponseTemplate::new(status).insert_header("location", format!("{}/Procedure", other.base()));
        assert_eq!(fault_of(redirect).await.as_deref(), Some("the FHIR server redirects elsewhere"), "{status}");
    }
    assert_eq!(other.types_asked().await, Vec::<String>::new());
}

#[tokio::test]
async fn ten_thousand_entries_are_more_than_is_read() {
    let procedure = json!({"resourceType": "Procedure", "status": "completed", "code": {"text": "something else"}});
    let reason = fault_of(page(&vec![procedure; 10_000], None)).await;
    assert_eq!(reason.as_deref(), Some("the FHIR server has more than is read"));
}

#[tokio::test]
async fn what_is_compressed_is_read() {
    let body = json!({"resourceType": "Bundle", "type": "searchset", "entry":
        procedures().iter().map(|resource| json!({"resource": resource})).collect::<Vec<_>>()});
    let server = server().await.answering("Procedure", compressed(body.to_string().as_bytes())).await;
    assert_whole(&app(&server.base()), &server.base()).await;
}

#[tokio::test]
async fn little_that_unpacks_to_much_is_read_only_as_far_as_configured() {
    let bomb = compressed(&vec![b' '; 64 * 1024 * 1024]);
    assert_eq!(fault_of(bomb).await.as_deref(), Some("the FHIR server has more than is read"));
}

#[tokio::test]
async fn one_broken_entry_harms_nothing_but_itself() {
    let mut entries = procedures();
    // Its code is readable and is not an injection; a possible injection would make the history uncertain.
    entries.insert(1, json!({"resourceType": "Procedure", "id": "broken", "status": 7, "code": cpt("72148")}));
    let server = server().await.answering("Procedure", page(&entries, None)).await;
    let card = sign_without_procedures(&app(&server.base()), &server.base()).await.json()["cards"][0].clone();
    let whole = TestApp::on_the_day_of_the_fixtures().sign_text(&story(STORY).request).await.json();
    assert_eq!(card["summary"], whole["cards"][0]["summary"]);
    assert!(card["detail"].as_str().unwrap().contains("could not be read in full: 1."), "{card}");
}

#[tokio::test]
async fn an_outcome_that_nothing_was_found_is_an_answer() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]});
    assert_eq!(fault_of(page(&[outcome], None)).await, None);
}

#[tokio::test]
async fn an_outcome_that_something_failed_is_none() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]});
    assert_eq!(fault_of(page(&[outcome], None)).await.as_deref(), Some("the FHIR server answered with an error in part"));
}

#[tokio::test]
async fn a_count_without_entries_is_no_empty_list() {
    let counted = json_answer(200, &json!({"resourceType": "Bundle", "type": "searchset", "total": 3}));
    assert_eq!(fault_of(counted).await.as_deref(), Some("the FHIR server counts entries and sends none"));
}

#[tokio::test]
async fn one_slow_search_among_quick_ones_is_the_one_that_is_missing() {
    let server = server().await.answering("Procedure", page(&procedures(), None).set_delay(Duration::from_secs(10))).await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.fhir.budget = Duration::from_secs(1);
    });
    let begun = Instant::now();
    let answer = app.sign_text(&call_with_server(&story(STORY), &server.base(), |_| false).to_string()).await.json();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let detail = answer["cards"][0]["detail"].as_str().unwrap();
    let missing: Vec<_> = detail.lines().filter(|line| line.starts_with("- Could not be read")).collect();
    assert_eq!(missing, ["- Could not be read (the FHIR server took too long): procedures."]);
}

#[tokio::test]
async fn what_came_before_a_failure_is_used() {
    let server = server().await;
    let next = format!("{}/Procedure?page=2", server.base());
    let server = server.answering_times(1, "Procedure", page(&procedures(), Some(&next))).await;
    let server = server.answering("Procedure", ResponseTemplate::new(403)).await;
    let answer = sign_without_procedures(&app(&server.base()), &server.base()).await.json();
    let detail = answer["cards"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("Could not be read (the FHIR server answered 403: access is not granted): procedures."), "{detail}");
}

#[tokio::test]
async fn lists_missing_for_different_reasons_are_told_apart() {
    let server = server().await.answering("Procedure", ResponseTemplate::new(403)).await;
    let server = server.answering("Condition", ResponseTemplate::new(404)).await;
    let answer = app(&server.base()).sign_text(&call_with_server(&story(STORY), &server.base(), |_| false).to_string()).await.json();
    let detail = answer["cards"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("Could not be read (the FHIR server answered 403: access is not granted): procedures."), "{detail}");
    assert!(detail.contains("Could not be read (not offered by the FHIR server): problem list."), "{detail}");
}

/// The resource types that are essential for any statement about an injection.
const NEEDED: [(&str, &str); 3] =
    [("Condition", "conditions"), ("Procedure", "procedures"), ("MedicationStatement", "medicationStatements")];

async fn granting_none_of(types: impl IntoIterator<Item = &str>) -> FhirServer {
    let mut server = server().await;
    for resource_type in types {
        server = server.answering(resource_type, ResponseTemplate::new(403)).await;
    }
    server
}

#[tokio::test]
async fn with_none_of_the_needed_lists_a_call_cannot_be_answered() {
    let server = granting_none_of(NEEDED.map(|(resource_type, _)| resource_type)).await;
    let call = call_with_server(&story(STORY), &server.base(), |_| false).to_string();
    let diagnostics = app(&server.base()).sign_text(&call).await.outcome(412, "incomplete");
    let reason = "Condition, Procedure, MedicationStatement could not be read (the FHIR server answered 403: access is not granted)";
    assert!(diagnostics.contains(reason), "{diagnostics}");
}

/// A FHIR server that answers everything with a status.
async fn answering_all_with(status: u16) -> FhirServer {
    let mut server = server().await;
    for resource_type in NEEDED.map(|(resource_type, _)| resource_type).into_iter().chain(["ServiceRequest"]) {
        server = server.answering(resource_type, ResponseTemplate::new(status)).await;
    }
    server
}

#[tokio::test]
async fn a_server_that_refuses_the_access_token_is_named_in_the_answer() {
    let (refused, needed, forbidden) = (
        "the FHIR server answered 401: it does not accept the access token",
        "the FHIR server answered 401: it asks for an access token, and the call has none",
        "the FHIR server answered 403: access is not granted",
    );
    for (status, token, reason) in [
        (401, Some("t"), refused),
        (401, Some(""), needed),
        (401, Some(" \t"), needed),
        (401, None, needed),
        (403, Some("t"), forbidden),
        (403, None, forbidden),
    ] {
        let server = answering_all_with(status).await;
        let mut call = call_with_server(&story(STORY), &server.base(), |_| false);
        let granted = token.map_or(Value::Null, |token| json!({"access_token": token, "token_type": "Bearer"}));
        call.set("fhirAuthorization", Json::of(&granted));
        let diagnostics = app(&server.base()).sign_text(&call.to_string()).await.outcome(412, "incomplete");
        assert!(diagnostics.contains(reason), "{status} {token:?}: {diagnostics}");

        let procedures = FhirServer::without_entries().await.answering("Procedure", ResponseTemplate::new(status)).await;
        call.set("fhirServer", Json::from(procedures.base().as_str()));
        let answer = app(&procedures.base()).sign_text(&call.to_string()).await;
        let detail = answer.json()["cards"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("Could not be read ({reason}): procedures.")), "{status} {token:?}: {detail}");
    }
}

#[tokio::test]
async fn without_an_access_token_searches_have_no_authorization_header() {
    for (token, sent) in [(json!("t"), Some("Bearer t")), (json!(""), None), (json!("  "), None), (Value::Null, None)] {
        let server = FhirServer::without_entries().await;
        let mut call = call_with_server(&story(STORY), &server.base(), |_| false);
        call.set("fhirAuthorization", Json::of(&json!({"access_token": token, "token_type": "Bearer"})));
        assert_eq!(app(&server.base()).sign_text(&call.to_string()).await.status, 200, "{token}");
        let requests = server.requests().await;
        assert!(!requests.is_empty());
        for request in requests {
            let header = request.headers.get("authorization").map(|value| value.to_str().unwrap());
            assert_eq!(header, sent, "{token}");
        }
    }
}

#[tokio::test]
async fn with_one_of_the_needed_lists_fetched_a_call_is_answered() {
    for (granted, _) in NEEDED {
        let refused = NEEDED.map(|(resource_type, _)| resource_type).into_iter().filter(|refused| *refused != granted);
        let server = granting_none_of(refused).await;
        let call = call_with_server(&story(STORY), &server.base(), |_| false).to_string();
        assert_eq!(app(&server.base()).sign_text(&call).await.status, 200, "{granted}");
    }
}

#[tokio::test]
async fn with_one_of_the_needed_lists_prefetched_a_call_is_answered() {
    for (_, prefetched) in NEEDED {
        let server = granting_none_of(NEEDED.map(|(resource_type, _)| resource_type)).await;
        let call = call_with_server(&story(STORY), &server.base(), |key| key == prefetched).to_string();
        assert_eq!(app(&server.base()).sign_text(&call).await.status, 200, "{prefetched}");
    }
}

/// The service with a circuit breaker that opens at the second failure.
fn app_with_breaker(base: &str, cooldown: Duration) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, base);
        config.fhir.attempts = 1.try_into().unwrap();
        config.fhir.breaker_failures = 2.try_into().unwrap();
        config.fhir.breaker_cooldown = cooldown;
    })
}

#[tokio::test]
async fn a_server_that_failed_again_and_again_is_left_alone() {
    let server = server().await.answering("Procedure", ResponseTemplate::new(500)).await;
    let app = app_with_breaker(&server.base(), Duration::from_mins(1));
    let mut reasons = Vec::new();
    for _ in 0..3 {
        reasons.extend(fault(&app, &server.base()).await);
    }
    let failed = "the FHIR server failed";
    assert_eq!(reasons, [failed, failed, "the FHIR server failed lately and is left alone for a while"]);
    assert_eq!(server.types_asked().await.len(), 2);
}

#[tokio::test]
async fn a_call_that_gets_no_answer_is_one_failure_however_many_searches_it_makes() {
    let failing = server().await.answering_everything(ResponseTemplate::new(500)).await;
    let app = app_with_breaker(&failing.base(), Duration::from_mins(1));
    let call = call_with_server(&story(STORY), &failing.base(), |key| key == "conditions").to_string();
    let mut asked = Vec::new();
    for _ in 0..3 {
        app.sign_text(&call).await;
        asked.push(failing.types_asked().await.len());
    }
    assert_eq!(asked, [8, 16, 16]);
}

/// A story with an empty problem list, whose order references as its reason a Condition that is not in the call.
fn with_reason_elsewhere(name: &str) -> Case {
    changed(name, |call| {
        let order = call["context"]["draftOrders"]["entry"][0]["resource"].as_object_mut().unwrap();
        order.remove("reasonCode").unwrap();
        order.insert("reasonReference".to_owned(), json!([{"reference": "Condition/elsewhere"}]));
        call["prefetch"]["conditions"] = Value::Null;
    })
}

#[tokio::test]
async fn a_reason_that_cannot_be_had_leaves_the_diagnosis_open_and_the_problem_list_whole() {
    let name = "first-injection-fully-documented";
    let refused = FhirServer::without_entries().await.answering("Condition", ResponseTemplate::new(403)).await;
    let absent = FhirServer::without_entries().await;
    let known = app(&absent.base()).sign_text(&call_with_server(&story(name), &absent.base(), |_| true).to_string()).await;
    let story = with_reason_elsewhere(name);
    for (server, reason) in
        [(&refused, "the FHIR server answered 403: access is not granted"), (&absent, "the FHIR server does not have what it refers to")]
    {
        let answer = app(&server.base()).sign_text(&call_with_server(&story, &server.base(), |_| true).to_string()).await;
        let detail = answer.json()["cards"][0]["detail"].as_str().unwrap().to_owned();
        assert_eq!(answer.json()["cards"][0]["summary"], known.json()["cards"][0]["summary"]);
        assert!(detail.contains(&format!("Could not be read ({reason}): the diagnosis the order refers to.")), "{detail}");
        assert!(!detail.contains("Neither the order nor the problem list"), "{detail}");
        assert!(!detail.contains("): problem list"), "{detail}");
    }
}

/// A story without its form, whose NSAID statement names its Medication by reference, without the Medication.
fn with_medication_elsewhere(name: &str) -> Case {
    changed(name, |call| {
        let statement = call["prefetch"]["medicationStatements"]["entry"][0]["resource"].as_object_mut().unwrap();
        statement.remove("medicationCodeableConcept").unwrap();
        statement.insert("medicationReference".to_owned(), json!({"reference": "Medication/m1"}));
        call["prefetch"]["questionnaireResponses"] = Value::Null;
    })
}

#[tokio::test]
async fn a_medication_that_cannot_be_had_is_said_in_the_verdict_it_leaves_open() {
    let story = with_medication_elsewhere("first-injection-fully-documented");
    let error = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]});
    for (answer, reason) in [
        (ResponseTemplate::new(403), "the FHIR server answered 403: access is not granted"),
        (page(&[], None), "the FHIR server does not have what it refers to"),
        (page(&[error], None), "the FHIR server answered with an error in part"),
    ] {
        let server = FhirServer::without_entries().await.answering("Medication", answer).await;
        let answer = app(&server.base()).sign_text(&call_with_server(&story, &server.base(), |_| true).to_string()).await;
        let answer = answer.text();
        assert!(answer.contains(&format!("Not read: medication list ({reason})")), "{answer}");
        assert!(answer.contains(&format!("Could not be read ({reason}): medication list.")), "{answer}");
    }
}

/// A list that arrives after look-ups by id have started, and contains a reference itself.
async fn answer_to_a_late_list(budget: Duration, late: Duration) -> String {
    let story = with_medication_elsewhere("first-injection-fully-documented");
    let call: Value = serde_json::from_str(&story.request).unwrap();
    let statement = call["prefetch"]["medicationStatements"]["entry"][0]["resource"].clone();
    let naproxen = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "7258"}]});
    let server = FhirServer::without_entries().await.holding(json!({"resourceType": "Medication", "id": "m1", "code": naproxen}));
    let server = server.answering("MedicationStatement", page(&[statement], None).set_delay(late)).await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.fhir.budget = budget;
    });
    let call = call_with_server(&story, &server.base(), |key| key != "medicationStatements").to_string();
    app.sign_text(&call).await.text()
}

/// Whether the card has no NSAIDs among the criteria that are not met or missing.
fn has_nsaids_met(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let detail = answer["cards"][0]["detail"].as_str().unwrap_or_default();
    detail.contains(" criteria met") && !detail.lines().any(|line| line.starts_with("- ") && line.contains("NSAIDs"))
}

#[tokio::test]
async fn what_a_late_list_refers_to_is_looked_up_in_the_time_left() {
    let answer = answer_to_a_late_list(Duration::from_secs(3), Duration::from_millis(2_100)).await;
    assert!(has_nsaids_met(&answer), "{answer}");
}

#[tokio::test]
async fn a_slow_list_does_not_cost_the_others_what_they_refer_to() {
    let name = "first-injection-fully-documented";
    let naproxen = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "7258"}]});
    let slow = page(&[], None).set_delay(Duration::from_secs(10));
    let server = FhirServer::without_entries().await.holding(json!({"resourceType": "Medication", "id": "m1", "code": naproxen}));
    let server = server.answering("ServiceRequest", slow).await;
    let call = call_with_server(&with_medication_elsewhere(name), &server.base(), |key| key != "serviceRequests").to_string();
    let answer = hasty_app(&server.base()).sign_text(&call).await;
    let answer = answer.text();
    assert!(has_nsaids_met(&answer), "{answer}");
    assert!(answer.contains("Could not be read (the FHIR server took too long): orders."), "{answer}");
}

#[tokio::test]
async fn a_server_left_alone_is_asked_again_after_a_while() {
    let server = server().await.answering_times(2, "Procedure", ResponseTemplate::new(500)).await;
    let cooldown = Duration::from_millis(50);
    let app = app_with_breaker(&server.base(), cooldown);
    fault(&app, &server.base()).await;
    fault(&app, &server.base()).await;
    tokio::time::sleep(cooldown).await;
    assert_eq!(fault(&app, &server.base()).await, None);
}

#[tokio::test]
async fn one_server_that_fails_keeps_no_other_from_being_asked() {
    let (failing, working) = (server().await.answering("Procedure", ResponseTemplate::new(500)).await, server().await);
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &failing.base());
        let mut second = config.fhir_servers[0].clone();
        second.base_url = working.base().parse().unwrap();
        config.fhir_servers.push(second);
        config.fhir.breaker_failures = 1.try_into().unwrap();
    });
    fault(&app, &failing.base()).await;
    assert_eq!(fault(&app, &working.base()).await, None);
}

/// A gzip-compressed answer.
fn compressed(body: &[u8]) -> ResponseTemplate {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    let answer = ResponseTemplate::new(200).set_body_raw(encoder.finish().unwrap(), "application/fhir+json");
    answer.insert_header("content-encoding", "gzip")
}
