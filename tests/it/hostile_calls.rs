//! Malformed, odd or malicious calls: each fault has its status and names its JSON path, whatever can be answered is answered
//! within the protocol, and nothing crashes the service.

use serde_json::{Value, json};

use crate::support::{Answer, Json, TestApp, stories, story, violations};

const ORDER: &str = "context.draftOrders.entry.0.resource";

/// A valid call.
fn good_call() -> Json {
    story("first-injection-fully-documented").json()
}

async fn sign(call: &Json) -> Answer {
    TestApp::on_the_day_of_the_fixtures().sign_text(&call.to_string()).await
}

/// A call with one member replaced; its parent must exist.
fn with(mut call: Json, path: &str, value: &str) -> Json {
    let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
    let parent = if parent.is_empty() { &mut call } else { call.at_mut(parent) };
    parent.set(name, Json::read(value));
    call
}

fn without(mut call: Json, path: &str) -> Json {
    let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
    let parent = if parent.is_empty() { &mut call } else { call.at_mut(parent) };
    parent.remove(name).expect("the member is there");
    call
}

#[track_caller]
fn expression(answer: &Answer) -> Value {
    answer.json()["issue"][0]["expression"][0].clone()
}

/// An answer is a fault with its OperationOutcome, or conforms to the protocol; never an internal error.
#[track_caller]
fn assert_in_order(answer: &Answer, call: &Json, what: &str) {
    match answer.status.as_u16() {
        200 => assert_eq!(violations(&answer.text(), call), Vec::<String>::new(), "{what}"),
        400 | 412 | 422 => assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{what}"),
        status => panic!("{what}: {status} {}", answer.text()),
    }
}

#[tokio::test]
async fn a_missing_member_is_400_and_named_by_its_path() {
    for path in ["hook", "hookInstance", "context", "context.userId", "context.patientId", "context.draftOrders"] {
        let answer = sign(&without(good_call(), path)).await;
        answer.outcome(400, "structure");
        assert_eq!(expression(&answer), path);
    }
}

#[tokio::test]
async fn an_empty_patient_id_is_a_missing_one() {
    let answer = sign(&with(good_call(), "context.patientId", r#""""#)).await;
    answer.outcome(400, "structure");
    assert_eq!(expression(&answer), "context.patientId");
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_400_and_named_by_its_path() {
    let table = [
        ("hook", "7", "hook"),
        ("hookInstance", "[]", "hookInstance"),
        ("fhirServer", "{}", "fhirServer"),
        ("context", r#""p1""#, "context"),
        ("context", "null", "context"),
        ("context", r#"["Practitioner/d1","p1",{"resourceType":"Bundle"}]"#, "context"),
        ("context.userId", "7", "context.userId"),
        ("context.patientId", "{}", "context.patientId"),
        ("context.draftOrders", "7", "context.draftOrders"),
        ("context.draftOrders", r#"["Bundle",[]]"#, "context.draftOrders"),
        ("context.draftOrders.resourceType", "7", "context.draftOrders.resourceType"),
        ("context.draftOrders.resourceType", r#""List""#, "context.draftOrders.resourceType"),
        ("context.draftOrders.entry", "{}", "context.draftOrders.entry"),
        ("context.draftOrders.entry", "[7]", "context.draftOrders.entry[0]"),
        ("prefetch", "7", "prefetch"),
        ("prefetch", "[]", "prefetch"),
    ];
    for (path, value, expected) in table {
        let answer = sign(&with(good_call(), path, value)).await;
        answer.outcome(400, "structure");
        assert_eq!(expression(&answer), expected, "{path}: {value}");
    }
}

#[tokio::test]
async fn orders_that_are_missing_are_explained_by_the_registration() {
    for call in [without(good_call(), "context.draftOrders"), with(good_call(), "context.draftOrders", "null")] {
        let diagnostics = sign(&call).await.outcome(400, "structure");
        assert!(diagnostics.contains("scopes") && diagnostics.contains("endpoint"), "{diagnostics}");
    }
}

#[tokio::test]
async fn a_token_without_a_server_is_400() {
    let mut call = with(good_call(), "fhirAuthorization", r#"{"access_token":"x"}"#);
    call.remove("fhirServer");
    let answer = sign(&call).await;
    answer.outcome(400, "structure");
    assert_eq!(expression(&answer), "fhirServer");
}

#[tokio::test]
async fn another_hook_is_400() {
    let answer = sign(&with(good_call(), "hook", r#""patient-view""#)).await;
    answer.outcome(400, "structure");
    assert_eq!(expression(&answer), "hook");
}

#[tokio::test]
async fn an_order_of_another_patient_is_422_and_named() {
    let answer = sign(&with(good_call(), &format!("{ORDER}.subject"), r#"{"reference":"Patient/somebody-else"}"#)).await;
    answer.outcome(422, "business-rule");
    assert_eq!(expression(&answer), "context.draftOrders.entry[0].resource.subject");
}

#[tokio::test]
async fn a_call_with_none_of_the_three_types_is_412_and_they_are_named() {
    let mut none = good_call();
    for key in ["conditions", "procedures", "medicationStatements"] {
        none = without(none, &format!("prefetch.{key}"));
    }
    for call in [none, without(good_call(), "prefetch"), with(good_call(), "prefetch", "null"), with(good_call(), "prefetch", "{}")] {
        let diagnostics = sign(&call).await.outcome(412, "incomplete");
        for name in ["Condition", "Procedure", "MedicationStatement"] {
            assert!(diagnostics.contains(name), "{diagnostics}");
        }
    }
}

#[tokio::test]
async fn a_record_that_merely_holds_nothing_is_answered() {
    let mut call = good_call();
    for key in ["conditions", "procedures", "medicationStatements", "medicationRequests", "observations", "questionnaireResponses"] {
        call = with(call, &format!("prefetch.{key}"), "null");
    }
    let answer = sign(&call).await;
    assert_eq!(answer.status, 200);
    assert!(answer.json()["cards"][0]["summary"].as_str().unwrap().contains("documentation missing"), "{}", answer.text());
}

#[tokio::test]
async fn nothing_is_read_for_an_order_out_of_scope() {
    let other = with(good_call(), &format!("{ORDER}.code"), r#"{"text":"MRI of the knee"}"#);
    let of_another = with(other.clone(), &format!("{ORDER}.subject"), r#"{"reference":"Patient/somebody-else"}"#);
    for prefetch in ["7", r#""absurd""#, "[[[]]]", r#"{"conditions":7,"procedures":[{}]}"#, "null", r#"{"a":{"resourceType":7}}"#] {
        for call in [&other, &of_another] {
            let late = with(call.clone(), "prefetch", prefetch);
            let mut early = late.clone();
            early.members_mut().reverse();
            for call in [late, early] {
                assert_eq!(sign(&call).await.text(), r#"{"cards":[]}"#, "{prefetch}");
            }
        }
    }
}

#[tokio::test]
async fn no_orders_and_orders_that_are_over_get_no_card() {
    let empty = with(good_call(), "context.draftOrders.entry", "[]");
    let none = without(good_call(), "context.draftOrders.entry");
    let revoked = with(good_call(), &format!("{ORDER}.status"), r#""revoked""#);
    let forbidden = with(good_call(), &format!("{ORDER}.doNotPerform"), "true");
    for call in [empty, none, revoked, forbidden] {
        assert_eq!(sign(&call).await.text(), r#"{"cards":[]}"#);
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", r#"{"item":["#.repeat(depth), "]}".repeat(depth))
}

#[tokio::test]
async fn deep_nesting_where_nobody_looks_changes_nothing() {
    let expected = sign(&good_call()).await.text();
    let call = good_call().to_string();
    let deep = nested(20_000);
    for place in [
        r#"{"hook":"#,
        r#""context":{"#,
        r#"{"resourceType":"Bundle","#,
        r#"{"resourceType":"ServiceRequest","#,
        r#"{"resourceType":"Condition","#,
    ] {
        assert!(call.contains(place), "{place}");
        let with_depth = place.replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
        let answer = TestApp::on_the_day_of_the_fixtures().sign_text(&call.replacen(place, &with_depth, 1)).await;
        // The order is returned unchanged.
        assert_eq!(answer.text().replacen(&format!(r#""deep":{deep},"#), "", 1), expected, "{place}");
    }
}

#[tokio::test]
async fn deep_nesting_where_something_is_read_costs_that_resource_alone() {
    for (path, depth) in
        [("prefetch.questionnaireResponses.entry.0.resource.item", 500), ("prefetch.conditions.entry.0.resource.code", 500)]
    {
        let list = format!("[{}]", nested(depth));
        let call = with(good_call(), path, &list);
        let answer = sign(&call).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.json()["cards"][0]["detail"].as_str().unwrap().contains("could not be read"), "{path}");
    }
}

#[tokio::test]
async fn deep_nesting_of_the_body_itself_is_a_fault() {
    for body in ["[".repeat(100_000), r#"{"context":"#.repeat(100_000), format!("[{}]", nested(5_000))] {
        TestApp::new().sign_text(&body).await.outcome(400, "structure");
    }
}

#[tokio::test]
async fn members_that_stand_twice_bring_nothing_down() {
    for path in ["hook", "context", "prefetch", "context.patientId", "context.draftOrders", "prefetch.conditions"] {
        assert_twice_is_in_order(path).await;
    }
    for member in ["id", "status", "code", "subject", "occurrenceDateTime", "resourceType"] {
        assert_twice_is_in_order(&format!("{ORDER}.{member}")).await;
        assert_twice_is_in_order("prefetch.conditions.entry.0.resource.code").await;
    }
}

async fn assert_twice_is_in_order(path: &str) {
    let mut call = good_call();
    let value = call.at(path).unwrap_or_else(|| panic!("nothing at {path}")).clone();
    let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
    let parent = if parent.is_empty() { &mut call } else { call.at_mut(parent) };
    parent.members_mut().push((name.to_owned(), value));
    assert_in_order(&sign(&call).await, &call, path);
}

#[tokio::test]
async fn an_id_of_200_characters_is_an_id() {
    let id = "e-J.5".repeat(40);
    let call = with(story("radiofrequency-neurotomy").json(), &format!("{ORDER}.id"), &format!("\"{id}\""));
    let answer = sign(&call).await.json();
    assert_eq!(answer["cards"][0]["suggestions"][0]["actions"][0]["resourceId"], format!("ServiceRequest/{id}"));
}

#[tokio::test]
async fn an_order_without_an_id_gets_its_card_and_no_removal() {
    for name in ["radiofrequency-neurotomy", "two-failed-diagnostics"] {
        let call = without(story(name).json(), &format!("{ORDER}.id"));
        let answer = sign(&call).await;
        assert_in_order(&answer, &call, name);
        assert_eq!(answer.json()["cards"][0]["suggestions"], Value::Null, "{name}");
        assert_eq!(answer.json()["systemActions"], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_400() {
    let mut body = good_call().to_string().into_bytes();
    let last = body.len() - 3;
    body[last] = 0xff;
    let request = crate::support::post(crate::support::SERVICE, body);
    let diagnostics = TestApp::new().send(request).await.outcome(400, "structure");
    assert_eq!(diagnostics, "the body is not UTF-8");
}

/// Every story with each of these values replacing every string of these members.
async fn assert_harmless(members: &[&str], hostile: &[&str]) {
    let app = TestApp::on_the_day_of_the_fixtures();
    for story in stories().into_iter().filter(|story| story.name != "thousand-resource-chart") {
        for text in hostile {
            let mut call = story.json();
            call.each_mut("", &mut |name, value| {
                if members.contains(&name) && value.text().is_some() {
                    *value = Json::from(*text);
                }
            });
            let answer = app.sign_text(&call.to_string()).await;
            assert_in_order(&answer, &call, &format!("{} with {text:?}", story.name));
        }
    }
}

#[tokio::test]
async fn words_of_the_chart_come_out_harmless() {
    let hostile = [
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "[click](javascript:alert(1)) ![x](http://evil.example/x.png) `code` | a | b |",
        "line\nbreak\r\n# Heading\u{0}\u{7}\u{1b}[31m\u{85}",
        "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{2028}x",
        "\u{1f600}\u{0301}",
        "",
        " ",
    ];
    assert_harmless(&["display", "text", "name"], &hostile).await;
    let long = "an endless name ".repeat(1_000);
    assert_harmless(&["display", "text", "name"], &[&long]).await;
}

#[tokio::test]
async fn codes_and_ids_of_the_chart_come_out_harmless() {
    assert_harmless(&["code"], &["<b>", "[x](y)", "", "\u{202e}27096"]).await;
    assert_harmless(&["id", "userId", "encounterId"], &["<b>[x](y)", "", "a b/c", "\u{202e}"]).await;
}

#[tokio::test]
async fn odd_dates_bring_nothing_down() {
    let dates =
        ["0000-00-00", "9999-12-31", "2026-02-30", "-0001-01-01", "2026-13", "2026-1-1", "99999-01-01", "0001-01-01", "", "\u{ff12}026"];
    let members =
        ["occurrenceDateTime", "performedDateTime", "start", "end", "effectiveDateTime", "authored", "onsetDateTime", "valueDate"];
    assert_harmless(&members, &dates).await;
    assert_harmless(&["recordedDate", "authoredOn", "issued", "lastUpdated"], &dates).await;
}

#[tokio::test]
async fn odd_numbers_bring_nothing_down() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for story in stories().into_iter().filter(|story| story.name != "thousand-resource-chart") {
        for number in ["1e999", "-1e999", "-0", "1e-400", "0.1e1", "9223372036854775808", "-1", "1E400", "12345678901234567890123456789"] {
            let mut call = story.json();
            call.each_mut("", &mut |name, value| {
                let is_number = matches!(value, Json::Scalar(raw) if raw.parse::<f64>().is_ok());
                if is_number && name != "total" {
                    *value = Json::Scalar(number.to_owned());
                }
            });
            let answer = app.sign_text(&call.to_string()).await;
            assert_in_order(&answer, &call, &format!("{} with {number}", story.name));
        }
    }
}

#[tokio::test]
async fn empty_strings_everywhere_bring_nothing_down() {
    for place in ["prefetch", "context", "context.draftOrders.entry"] {
        let mut call = good_call();
        call.at_mut(place).each_mut("", &mut |name, value| {
            if name != "resourceType" && value.text().is_some() {
                *value = Json::from("");
            }
        });
        assert_in_order(&sign(&call).await, &call, place);
    }
}

#[tokio::test]
async fn every_element_of_every_resource_may_be_of_the_wrong_type() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let good = good_call();
    let mut places = Vec::new();
    paths(&good, "", &mut places);
    assert!(places.len() > 100, "only {} places", places.len());
    for path in &places {
        for wrong in ["7", "\"text\"", "[]", "{}", "null", "[null]", "true"] {
            let mut call = good.clone();
            *call.at_mut(path) = Json::read(wrong);
            let answer = app.sign_text(&call.to_string()).await;
            assert_in_order(&answer, &call, &format!("{path}: {wrong}"));
        }
    }
}

/// The path of every value except the root.
fn paths(json: &Json, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let named = json.members().iter().map(|(name, value)| (below(name), value));
    let listed = json.elements().iter().enumerate().map(|(place, value)| (below(&place.to_string()), value));
    for (path, value) in named.chain(listed) {
        found.push(path.clone());
        paths(value, &path, found);
    }
}

#[tokio::test]
async fn unknown_members_are_ignored_anywhere() {
    let expected = sign(&good_call()).await.text();
    let mut call = good_call();
    let unknown = Json::of(&json!({"com.vendor.x": [1, null, {}]}));
    for place in ["", "context", "context.draftOrders", "context.draftOrders.entry.0", "prefetch.conditions", "prefetch.procedures"] {
        let object = if place.is_empty() { &mut call } else { call.at_mut(place) };
        object.set("extension", unknown.clone());
        object.set("x-unknown", unknown.clone());
    }
    assert_eq!(sign(&call).await.text(), expected);
}

#[tokio::test]
async fn more_feedback_than_a_batch_holds_is_422() {
    let app = TestApp::new();
    let entry = json!({"card": "4e0a3a1e-3065-4856-a3cb-1ee4c14ae1c9", "outcome": "accepted"});
    assert_eq!(app.feedback(&json!({"feedback": vec![&entry; 1_000]})).await.status, 200);
    let answer = app.feedback(&json!({"feedback": vec![&entry; 1_001]})).await;
    assert_eq!(answer.outcome(422, "business-rule"), "more than 1000 entries in `feedback`; send them in several calls");
}
