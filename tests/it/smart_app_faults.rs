//! The SMART app when the EHR provides too little data, or data of the patient that the link is not about. Not here: the app in use
//! ([`super::smart_app`]).

use serde_json::{Value, json};
use wiremock::matchers::{path, query_param_contains};
use wiremock::{Mock, ResponseTemplate};

use crate::support::opened_app::{AppAtWork, at_work, filled, hidden, surfer};
use crate::support::smart_ehr::REFRESH_TOKEN;
use crate::support::story;

/// The context in a link about an order.
fn link_to(order: &str) -> Value {
    json!(json!({ "order": order }).to_string())
}

#[tokio::test]
async fn each_order_of_a_day_has_a_response_of_its_own() {
    let work = at_work().await;
    let mut second = work.order();
    second["id"] = json!("order-2");
    work.chart.hold(work.order());
    work.chart.hold(second);
    for order in ["ServiceRequest/order-1", "ServiceRequest/order-2"] {
        let mut surfer = surfer();
        let address = work.open(&mut surfer, &link_to(order)).await;
        let page = work.get(&surfer, &address).await;
        assert_eq!(hidden(&page, "order"), order);
        work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), order, "save")).await;
    }
    let based_on: Vec<Value> = work.chart.responses().iter().map(|response| response["basedOn"][0]["reference"].clone()).collect();
    assert_eq!(based_on, ["ServiceRequest/order-1", "ServiceRequest/order-2"]);
}

#[tokio::test]
async fn an_order_got_by_its_id_must_say_itself_whose_it_is() {
    let work = at_work().await;
    let base = work.ehr.iss();
    for (subject, status) in [
        (json!({"reference": format!("Patient/{}", work.patient)}), 200),
        (json!({"reference": format!("{base}/Patient/{}", work.patient)}), 200),
        (json!({"reference": format!("https://other.example/fhir/Patient/{}", work.patient)}), 404),
        (json!({"identifier": {"value": "4711"}}), 404),
    ] {
        let work = at_work().await;
        let mut order = work.order();
        let own = subject.to_string().replace(&base, &work.ehr.iss());
        order["subject"] = serde_json::from_str(&own).unwrap();
        // So that a search for the patient does not find it.
        order["status"] = json!("on-hold");
        work.chart.hold(order);
        let mut surfer = surfer();
        let address = work.open(&mut surfer, &link_to("ServiceRequest/order-1")).await;
        assert_eq!(work.get(&surfer, &address).await.status, status, "{own}");
    }
}

#[tokio::test]
async fn another_order_does_not_stand_in_for_one_that_could_not_be_read() {
    let work = at_work().await;
    work.chart.hold(work.order());
    let fails = Mock::given(path("/fhir/ServiceRequest")).and(query_param_contains("_id", "order-9"));
    fails.respond_with(ResponseTemplate::new(500)).with_priority(1).mount(&work.ehr.server).await;
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &link_to("ServiceRequest/order-9")).await;
    assert_eq!(work.get(&surfer, &address).await.status, 502);
}

#[tokio::test]
async fn answers_stay_on_the_page_when_the_ehr_grants_no_more() {
    let with_refresh: fn(&mut Value) = |token| token["refresh_token"] = json!(REFRESH_TOKEN);
    let long = |config: &mut sij_cds::config::Config| config.smart.session_lifetime = std::time::Duration::from_hours(2);
    let work = AppAtWork::with(&story("nothing-documented"), long, with_refresh).await;
    work.chart.hold(work.order());
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &link_to("ServiceRequest/order-1")).await;
    let page = work.get(&surfer, &address).await;
    work.ehr.clock.advance(3_700);
    work.ehr.answers("/token", ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}))).await;
    let csrf = hidden(&page, "csrf");
    let answer = work.send(&surfer, &address, &filled(&csrf, "ServiceRequest/order-1", "save")).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("Not saved") && answer.text().contains("exercise-therapy-weeks"), "{}", answer.text());
    assert!(work.chart.responses().is_empty());
}

#[tokio::test]
async fn what_somebody_changed_meanwhile_is_left_and_the_answers_are_a_response_of_their_own() {
    let work = at_work().await;
    work.chart.hold(work.order());
    let mut opened = Vec::new();
    let first = saved(&work).await;
    work.chart.change(&first, |response| response["meta"] = json!({"versionId": "2"}));
    for _ in 0..2 {
        let mut surfer = surfer();
        let address = work.open(&mut surfer, &link_to("ServiceRequest/order-1")).await;
        let page = work.get(&surfer, &address).await;
        opened.push((surfer, address, hidden(&page, "csrf")));
    }
    work.chart.change(&first, |response| response["meta"] = json!({"versionId": "3"}));
    for (surfer, address, csrf) in &opened {
        let fields: Vec<_> =
            filled(csrf, "ServiceRequest/order-1", "save").into_iter().filter(|(name, _)| *name != "nsaid-weeks").collect();
        assert_eq!(work.send(surfer, address, &fields).await.status, 303);
    }
    let responses = work.chart.responses();
    assert_eq!(responses.len(), 3);
    assert!(responses[0].to_string().contains("nsaid-weeks") && !responses[1].to_string().contains("nsaid-weeks"));
    let identifiers: std::collections::BTreeSet<String> = responses.iter().map(|response| response["identifier"].to_string()).collect();
    assert_eq!(identifiers.len(), 3);
}

/// Saves the answers in a separate session; returns the id of the response.
async fn saved(work: &AppAtWork) -> String {
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &link_to("ServiceRequest/order-1")).await;
    let page = work.get(&surfer, &address).await;
    work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), "ServiceRequest/order-1", "save")).await;
    work.chart.responses()[0]["id"].as_str().unwrap().to_owned()
}
