//! The SMART app in use: from a card's link to answers in the chart, and the next call that uses them. Not here: the content of the
//! page ([`super::page`]), and launches that fail ([`super::smart_hostile`]).

use chrono::TimeDelta;
use serde_json::{Value, json};
use sij_cds::clock::Clock as _;
use sij_cds::ledger::EntryKind;

use crate::support::html::Html;
use crate::support::keeping::{content, summary};
use crate::support::opened_app::{AppAtWork, Surfer, at_work, context_of, filled, hidden, opened, surfer};
use crate::support::smart_ehr::{ACCESS_TOKEN, CODE, REFRESH_TOKEN};
use crate::support::{Answer, LogBuffer, TestApp, changed, post, story};

/// The decision on the page, given by its CSS class.
fn decision(answer: &Answer) -> String {
    Html::parse(&answer.text()).by_id("decision").get("class").unwrap().replace("decision d-", "")
}

#[tokio::test]
async fn what_is_missing_is_answered_judged_saved_and_counts_at_the_next_call() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    assert_eq!(decision(&page), "needs-documentation");
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    let preview = work.send(&surfer, &address, &filled(&csrf, &order, "preview")).await;
    assert_eq!((preview.status.as_u16(), decision(&preview).as_str()), (200, "supported"));
    assert!(work.chart.responses().is_empty(), "nothing is saved before it is asked for");
    let saved = work.send(&surfer, &address, &filled(&csrf, &order, "save")).await;
    assert_eq!((saved.status.as_u16(), saved.header("location")), (303, Some(address.as_str())));
    let page = work.get(&surfer, &address).await;
    assert_eq!(decision(&page), "supported");
    assert!(page.text().contains("Your answers are in the patient"), "{}", page.text());
    let answer = work.sign().await;
    assert_eq!(answer["cards"][0]["indicator"], "info", "{answer}");
    assert!(answer["cards"][0]["links"].as_array().is_none_or(|links| links.iter().all(|link| link["type"] != "smart")));
}

#[tokio::test]
async fn what_is_saved_says_who_answered_what_for_whom() {
    let (work, mut surfer) = (at_work().await, surfer());
    work.chart.hold(work.order());
    let (address, page) = opened(&work, &mut surfer).await;
    work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")).await;
    let responses = work.chart.responses();
    let [response] = responses.as_slice() else { panic!("{responses:?}") };
    assert_eq!(response["status"], "completed");
    assert_eq!(response["subject"]["reference"], format!("Patient/{}", work.patient));
    assert_eq!(response["encounter"]["reference"], "Encounter/e-1");
    assert_eq!(
        (&response["author"]["reference"], &response["source"]["reference"]),
        (&json!("Practitioner/dr-1"), &json!("Practitioner/dr-1"))
    );
    assert_eq!(response["basedOn"][0]["reference"], "ServiceRequest/order-1");
    assert!(response["questionnaire"].as_str().unwrap().contains("/sij-injection-documentation|"));
    assert!(response["authored"].as_str().unwrap().starts_with("2026-11-22T"));
    assert!(response.to_string().contains("exercise-therapy-weeks"));
}

#[tokio::test]
async fn an_order_that_only_calls_know_is_no_resource_to_be_based_on() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")).await;
    assert_eq!(work.chart.responses()[0].get("basedOn"), None);
}

#[tokio::test]
async fn the_same_answers_are_saved_once_and_others_replace_them() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    let fields = filled(&csrf, &order, "save");
    let (first, second) = tokio::join!(work.send(&surfer, &address, &fields), work.send(&surfer, &address, &fields));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (303, 303));
    assert_eq!(work.chart.writes.lock().unwrap().len(), 1);
    let others: Vec<_> =
        fields.iter().map(|(name, value)| if *name == "sij-tenderness" { (*name, "false") } else { (*name, *value) }).collect();
    work.send(&surfer, &address, &others).await;
    let writes = work.chart.writes.lock().unwrap().clone();
    assert_eq!((writes.len(), writes[1].0.as_str()), (2, "PUT"));
    assert_eq!(work.chart.responses().len(), 1);
    assert_ne!(decision(&work.get(&surfer, &address).await), "supported");
}

#[tokio::test]
async fn todays_own_response_is_replaced_by_another_session_of_the_same_user() {
    let (work, mut surfer) = (at_work().await, surfer());
    for _ in 0..2 {
        let (address, page) = opened(&work, &mut surfer).await;
        let fields = [
            ("csrf", hidden(&page, "csrf")),
            ("order", hidden(&page, "order")),
            ("action", "save".to_owned()),
            ("nsaid-weeks", "2".to_owned()),
        ];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(work.send(&surfer, &address, &fields).await.status, 303);
    }
    assert_eq!(work.chart.responses().len(), 1);
}

#[tokio::test]
async fn what_the_ehr_does_not_take_stays_on_the_page() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    for status in [403, 422, 500] {
        *work.chart.refusal.lock().unwrap() = Some(status);
        let answer = work.send(&surfer, &address, &filled(&csrf, &order, "save")).await;
        assert_eq!(answer.status, 502);
        assert!(answer.text().contains("The EHR did not take the answers"));
        assert!(answer.text().contains("QuestionnaireResponse"));
    }
    *work.chart.refusal.lock().unwrap() = None;
    assert_eq!(work.send(&surfer, &address, &filled(&csrf, &order, "save")).await.status, 303);
}

#[tokio::test]
async fn without_the_right_to_write_the_finished_answers_are_offered() {
    let read_only: fn(&mut Value) = |token| token["scope"] = json!("launch openid patient/*.rs");
    let work = AppAtWork::with(&story("nothing-documented"), |_| {}, read_only).await;
    let mut surfer = surfer();
    let (address, page) = opened(&work, &mut surfer).await;
    assert!(page.text().contains("This EHR does not let the app save"));
    for action in ["preview", "save"] {
        let answer = work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), action)).await;
        assert_eq!((answer.status.as_u16(), decision(&answer).as_str()), (200, "supported"));
        let page = Html::parse(&answer.text());
        let response: Value = serde_json::from_str(&page.by_id("response").text).unwrap();
        assert_eq!(response["status"], "completed");
        assert!(page.by_id("note").text.contains("NSAID"));
    }
    assert!(work.chart.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_answers_are_not_saved() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    let fields = [("csrf", csrf.as_str()), ("order", &order), ("action", "save"), ("nsaid-weeks", "<script>alert(1)</script>")];
    let answer = work.send(&surfer, &address, &fields).await;
    assert_eq!(answer.status, 422);
    assert!(!answer.text().contains("<script>alert"));
    assert!(work.chart.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let (order, other) = (hidden(&page, "order"), opened(&work, &mut surfer).await.1);
    for csrf in ["", "forged", &hidden(&other, "csrf")] {
        let answer = work.send(&surfer, &address, &filled(csrf, &order, "save")).await;
        assert_eq!(answer.status, 403, "{csrf}");
    }
    assert!(work.chart.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_sessions_address_is_of_no_use_in_another_browser() {
    let work = at_work().await;
    for blocks_cookies in [false, true] {
        let mut own = Surfer { blocks_cookies, ..surfer() };
        let (address, _) = opened(&work, &mut own).await;
        let mut with_cookie = Surfer { agent: "browser/2", ..Surfer::default() };
        work.launch(&mut with_cookie).await;
        for other in [Surfer { agent: "browser/2", ..Surfer::default() }, with_cookie] {
            let answer = work.get(&other, &address).await;
            assert_eq!(answer.status, 403);
            assert!(!answer.text().contains("order-1") && answer.text().contains("This session has ended"));
        }
        assert_eq!(work.get(&own, &address).await.status, 200);
    }
}

#[tokio::test]
async fn a_session_that_saw_a_cookie_needs_it() {
    let (work, mut own) = (at_work().await, surfer());
    let (address, _) = opened(&work, &mut own).await;
    assert_eq!(work.get(&Surfer { cookie: None, ..own.clone() }, &address).await.status, 403);
}

#[tokio::test]
async fn a_launch_ends_in_the_browser_it_was_begun_in() {
    let (work, mut own) = (at_work().await, surfer());
    let begun = work.launch(&mut own).await;
    let other = Surfer { agent: "browser/2", ..Surfer::default() };
    let answer = work.come_back(&other, &begun, &json!({})).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("does not belong to this launch"));
}

#[tokio::test]
async fn several_launches_at_once_lead_to_sessions_of_their_own() {
    let (work, mut surfer) = (at_work().await, surfer());
    let context = context_of(&work.sign().await);
    let (first, second) = (work.launch(&mut surfer).await, work.launch(&mut surfer).await);
    let mut addresses = Vec::new();
    for begun in [&second, &first] {
        let answer = work.come_back(&surfer, begun, &context).await;
        addresses.push(answer.header("location").unwrap().to_owned());
    }
    assert_ne!(addresses[0], addresses[1]);
    for address in &addresses {
        assert_eq!(work.get(&surfer, address).await.status, 200);
    }
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let lifetime = TimeDelta::from_std(work.ehr.config.smart.session_lifetime).unwrap();
    let before = work.ehr.clock.now();
    work.ehr.clock.advance(lifetime.num_seconds());
    assert!(work.ehr.clock.now() > before);
    let answer = work.get(&surfer, &address).await;
    assert_eq!(answer.status, 410);
    assert!(answer.text().contains("This session has ended"));
    let answer = work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")).await;
    assert_eq!(answer.status, 410);
    assert!(work.chart.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_record_of_another_patient_is_as_if_there_were_none() {
    let mut work = at_work().await;
    let context = context_of(&work.sign().await);
    work.patient = "somebody-else".to_owned();
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &context).await;
    let answer = work.get(&surfer, &address).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("No order to decide") && !answer.text().contains("order-1"));
}

#[tokio::test]
async fn an_order_of_another_patient_in_the_chart_is_not_shown() {
    let work = at_work().await;
    let mut order = work.order();
    order["id"] = json!("foreign-1");
    order["subject"]["reference"] = json!("Patient/somebody-else");
    work.chart.hold(order);
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &json!({"order": "ServiceRequest/foreign-1"})).await;
    assert_eq!(work.get(&surfer, &address).await.status, 404);
}

#[tokio::test]
async fn without_a_context_the_patients_own_orders_or_the_newest_call_are_shown() {
    let (work, mut surfer) = (at_work().await, surfer());
    work.sign().await;
    let address = work.open(&mut surfer, &json!(null)).await;
    assert_eq!(decision(&work.get(&surfer, &address).await), "needs-documentation");
    let mut order = work.order();
    order["id"] = json!("order-2");
    work.chart.hold(order);
    let address = work.open(&mut surfer, &json!(null)).await;
    assert_eq!(hidden(&work.get(&surfer, &address).await, "order"), "ServiceRequest/order-2");
}

#[tokio::test]
async fn of_several_orders_one_is_chosen() {
    let (work, mut surfer) = (at_work().await, surfer());
    for id in ["order-2", "order-3"] {
        let mut order = work.order();
        order["id"] = json!(id);
        work.chart.hold(order);
    }
    let address = work.open(&mut surfer, &json!(null)).await;
    let page = work.get(&surfer, &address).await;
    assert!(page.text().contains("Which order?"), "{}", page.text());
    let csrf = hidden(&page, "csrf");
    assert_eq!(work.send(&surfer, &address, &[("csrf", &csrf), ("order", "ServiceRequest/order-3")]).await.status, 303);
    assert_eq!(hidden(&work.get(&surfer, &address).await, "order"), "ServiceRequest/order-3");
}

#[tokio::test]
async fn a_hostile_chart_is_shown_as_text_alone() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}";
    let case = changed("nothing-documented", |call| {
        let order = &mut call["context"]["draftOrders"]["entry"][0]["resource"];
        order["reasonCode"][0]["coding"][0]["display"] = json!(hostile);
        order["code"]["coding"][0]["display"] = json!(hostile);
    });
    let work = AppAtWork::of(&case).await;
    work.chart.hold(json!({"resourceType": "Patient", "id": work.patient, "name": [{"text": hostile}], "birthDate": "1961-04-02"}));
    let mut surfer = surfer();
    let (_, page) = opened(&work, &mut surfer).await;
    let parsed = Html::parse(&page.text());
    assert!(page.text().contains("1961-04-02"));
    assert_eq!((parsed.all("script").len(), parsed.all("img").len()), (1, 0));
    assert!(!page.text().contains('\u{202e}'));
}

#[tokio::test]
async fn no_token_and_no_code_is_in_any_page_header_log_or_record() {
    let with_refresh: fn(&mut Value) = |token| token["refresh_token"] = json!(REFRESH_TOKEN);
    let work = AppAtWork::with(&story("nothing-documented"), |_| {}, with_refresh).await;
    let mut surfer = surfer();
    let (address, page) = opened(&work, &mut surfer).await;
    let fields = filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")
        .into_iter()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect::<Vec<_>>();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let saved = work.send(&surfer, &address, &fields).await;
    let shown = work.get(&surfer, &address).await;
    work.app.ports.close().await;
    let records: Vec<_> = work
        .keeping
        .records()
        .await
        .iter()
        .map(|record| String::from_utf8_lossy(record.content.as_deref().unwrap_or_default()).into_owned())
        .collect();
    let mut texts: Vec<String> = [&page, &saved, &shown].iter().map(|answer| format!("{:?}{}", answer.headers, answer.text())).collect();
    texts.extend(records);
    texts.push(LogBuffer::of_this_run().text());
    for text in texts {
        for secret in [ACCESS_TOKEN, REFRESH_TOKEN, CODE] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    let session = address.rsplit('/').next().unwrap();
    assert!(!LogBuffer::of_this_run().text().contains(session));
}

#[tokio::test]
async fn a_page_may_run_and_load_nothing_but_this_services_own_and_is_shown_by_the_ehr_alone() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (_, page) = opened(&work, &mut surfer).await;
    let policy = page.header("content-security-policy").unwrap();
    let nonce = Html::parse(&page.text()).all("script")[0].get("nonce").unwrap().to_owned();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors https://ehr.example"
        )
    );
    for (name, value) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-content-type-options", "nosniff")] {
        assert_eq!(page.header(name), Some(value));
    }
    let again = opened(&work, &mut surfer).await.1;
    assert!(!again.text().contains(&nonce), "a nonce is used once");
}

#[tokio::test]
async fn the_cookie_is_unseen_by_scripts_and_kept_apart_by_frame() {
    let (work, surfer) = (at_work().await, surfer());
    let answer = work.get(&surfer, &format!("/smart/launch?iss={}&launch=l", work.ehr.iss())).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sij-app-"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"), "{cookie}");
}

#[tokio::test]
async fn launches_that_fail_end_on_a_page_a_person_understands() {
    let (work, surfer) = (at_work().await, surfer());
    for (address, status, words) in [
        ("/smart/launch?iss=https://evil.example/fhir", 403, "is not registered with this service"),
        ("/smart/launch", 403, "is not registered with this service"),
        ("/smart/callback/main?state=unknown&code=c", 400, "used before, or is too old"),
        ("/smart/callback/main", 400, "is not complete"),
        ("/smart/callback/main?state=s&code=c&code=d", 400, "is not complete"),
        ("/smart/app/unknown", 410, "This session has ended"),
    ] {
        let answer = work.get(&surfer, address).await;
        assert_eq!(answer.status, status, "{address}");
        assert!(answer.text().contains(words), "{address}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn what_was_shown_and_saved_is_on_record_before_it_is_told() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")).await;
    let records = work.keeping.records().await;
    let of = |kind| records.iter().find(|record| record.kind == kind).unwrap();
    let (opened, saved) = (of(EntryKind::AppOpened), of(EntryKind::AppSaved));
    assert_eq!((opened.client.as_deref(), opened.determination.as_deref()), (Some("main"), Some("needs-documentation")));
    assert_eq!(saved.determination.as_deref(), Some("supported"));
    assert_eq!(summary(saved)["user"], "Practitioner/dr-1");
    assert_eq!(summary(saved)["patient"], format!("Patient/{}", work.patient));
    assert!(summary(saved)["response"].as_str().unwrap().starts_with("QuestionnaireResponse/written-"));
    assert_eq!(content(opened)["order"], "ServiceRequest/order-1");
    assert_eq!(content(saved)["evaluation"]["orders"][0]["determination"], "supported");
    assert_eq!(work.keeping.defects().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_way_back_says_that_the_page_can_be_closed_and_assets_are_kept_for_ever() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let closed = work.get(&surfer, &format!("{address}?closed")).await;
    assert!(closed.status == 200 && closed.text().contains("You can close this window"));
    let style = Html::parse(&page.text()).all("link")[0].get("href").unwrap().to_owned();
    let style = work.get(&surfer, &style).await;
    assert_eq!((style.status.as_u16(), style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(work.get(&surfer, "/smart/assets/other.js").await.status, 404);
    assert_eq!(work.get(&surfer, "/.well-known/jwks.json").await.json(), json!({"keys": []}));
}

#[tokio::test]
async fn a_token_that_is_over_is_got_anew_to_save() {
    let with_refresh: fn(&mut Value) = |token| token["refresh_token"] = json!(REFRESH_TOKEN);
    let story = story("nothing-documented");
    let work = AppAtWork::with(&story, |config| config.smart.session_lifetime = std::time::Duration::from_hours(2), with_refresh).await;
    let mut surfer = surfer();
    let (address, page) = opened(&work, &mut surfer).await;
    work.ehr.clock.advance(3_700);
    let asked = work.ehr.asked("/token").await;
    let answer = work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "save")).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(work.ehr.asked("/token").await, asked + 1);
}

#[tokio::test]
async fn a_package_is_given_by_the_decision_a_card_speaks_of_and_to_its_patient_alone() {
    let case = changed("second-diagnostic-day-10", |call| call["prefetch"]["questionnaireResponses"]["entry"] = json!([]));
    let work = AppAtWork::of(&case).await;
    let context: Value = serde_json::from_str(context_of(&work.sign().await).as_str().unwrap()).unwrap();
    for (patient, is_given) in [(work.patient.as_str(), true), ("somebody-else", false)] {
        let beneficiary = json!({"reference": format!("Patient/{patient}")});
        let coverage = json!({"resourceType": "Coverage", "id": "c1", "beneficiary": beneficiary});
        let parameters =
            [json!({"name": "context", "valueString": context["assertion"]}), json!({"name": "coverage", "resource": coverage})];
        let input = json!({"resourceType": "Parameters", "parameter": parameters});
        let answer = work.app.http.send(post("/fhir/Questionnaire/$questionnaire-package", input.to_string())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text().contains("ServiceRequest/order-1"), is_given, "{patient}: {}", answer.text());
        assert_eq!(answer.text().contains(r#""auto-server""#), is_given, "{patient}: {}", answer.text());
        assert_eq!(answer.text().contains("questionnaire-hidden"), is_given, "only what the decision asked for is to be seen");
    }
}

#[tokio::test]
async fn a_call_whose_card_links_to_the_app_is_answered_again_as_it_was() {
    let work = at_work().await;
    context_of(&work.sign().await);
    let records = work.keeping.records().await;
    let call = records.iter().find(|record| record.kind == EntryKind::Call).unwrap();
    assert_eq!(work.keeping.replaying().hooks.replay(call).unwrap().differences, []);
}

#[tokio::test]
async fn what_the_chart_knows_of_earlier_injections_stands_in_the_form() {
    let case = changed("second-diagnostic-day-10", |call| call["prefetch"]["questionnaireResponses"]["entry"] = json!([]));
    let (work, mut surfer) = (AppAtWork::of(&case).await, surfer());
    let (_, page) = opened(&work, &mut surfer).await;
    let page = Html::parse(&page.text());
    let dates: Vec<_> =
        page.all("input").into_iter().filter(|input| input.get("name") == Some("prior-injection.0.injection-date")).collect();
    assert!(dates[0].get("value").is_some_and(|date| date.len() == 10), "{dates:?}");
}

#[tokio::test]
async fn a_form_of_version_1_stands_in_the_fields_that_both_versions_have() {
    let work = at_work().await;
    let patient = json!({"reference": format!("Patient/{}", work.patient)});
    work.chart.hold(json!({"resourceType": "QuestionnaireResponse", "id": "v1", "status": "completed", "subject": patient,
        "questionnaire": "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|1.0.0", "authored": "2026-11-01",
        "item": [{"linkId": "pain-onset-date", "answer": [{"valueDate": "2026-02"}]}, {"linkId": "nsaid-weeks", "answer": [{"valueInteger": 5}]}]}));
    let mut surfer = surfer();
    let (_, page) = opened(&work, &mut surfer).await;
    let page = Html::parse(&page.text());
    assert_eq!(page.by_id("q-adls-limited-since").get("value"), Some("2026-02"));
    assert_eq!(page.by_id("q-adls-limited-since-origin").text, "From the form of 2026-11-01");
    assert_eq!(page.by_id("q-nsaid-weeks").get("value"), Some("5"));
}

#[tokio::test]
async fn an_app_that_the_ehr_does_not_know_is_a_matter_for_it() {
    let (work, mut surfer) = (at_work().await, surfer());
    let begun = work.launch(&mut surfer).await;
    let answer = work.get(&surfer, &format!("/smart/callback/main?error=invalid_client&state={}", begun.state)).await;
    assert!(answer.text().contains("<h1>The app is not registered correctly</h1>"), "{}", answer.text());
}

#[tokio::test]
async fn without_a_registered_ehr_there_are_no_pages_and_no_links() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for path in ["/smart/launch", "/smart/callback/main", "/smart/app/s", "/smart/assets/page.css", "/.well-known/jwks.json"] {
        app.get(path).await.outcome(404, "not-found");
    }
    let answer = app.sign_text(&story("nothing-documented").request).await;
    assert!(!answer.text().contains("\"smart\""), "{}", answer.text());
}
