//! An EHR that does not accept the app's registration: what the operator reads of it in the log, and the user on the page. Not here:
//! what each error means for a launch ([`super::smart_hostile`]).

use serde_json::{Value, json};
use sij_cds::smart::launch::{AuthorizationResponse, CallbackRequest, LaunchError};
use wiremock::ResponseTemplate;

use crate::support::LogBuffer;
use crate::support::opened_app::{at_work, surfer};
use crate::support::smart_ehr::{CODE, SmartEhr};

/// The log lines about an EHR's registration with this mark in them, as JSON.
fn reported(mark: &str) -> Vec<Value> {
    let log = LogBuffer::of_this_run().text();
    let lines = log.lines().filter(|line| line.contains("does not accept the app's registration") && line.contains(mark));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn refused_by_the_token_endpoint(status: u16, body: &Value) -> LaunchError {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    ehr.come_back_to(&begun, ResponseTemplate::new(status).set_body_json(body)).await.unwrap_err()
}

#[tokio::test]
async fn the_operator_reads_the_ehrs_own_words_where_the_registration_is_at_fault() {
    for error in ["invalid_client", "unauthorized_client"] {
        let words = format!("Client unknown, says the test of {error}.");
        let refused = refused_by_the_token_endpoint(400, &json!({"error": error, "error_description": words})).await;
        assert_eq!(refused, LaunchError::ClientRefused);
        let lines = reported(&words);
        assert_eq!(lines.len(), 1, "{error}");
        let line = &lines[0];
        assert_eq!((&line["level"], &line["ehr"]), (&json!("WARN"), &json!("main")), "{line}");
        assert_eq!((&line["error"], &line["description"]), (&json!(error), &json!(words)), "{line}");
    }
}

/// Its description can name a user or a patient.
#[tokio::test]
async fn of_a_request_at_fault_only_the_code_is_reported() {
    for error in ["invalid_scope", "invalid_request", "unsupported_grant_type"] {
        let mark = format!("Mark-of-{error}");
        let refused = refused_by_the_token_endpoint(400, &json!({"error": error, "error_description": mark})).await;
        assert_eq!(refused, LaunchError::ClientRefused);
        let log = LogBuffer::of_this_run().text();
        assert!(!log.contains(&mark) && log.contains(&format!("\"error\":\"{error}\"")), "{error}");
    }
}

#[tokio::test]
async fn of_any_other_refusal_no_word_reaches_the_log() {
    for error in ["invalid_grant", "access_denied", "server_error", "out_of_tokens"] {
        let mark = format!("Mark-of-{error}");
        refused_by_the_token_endpoint(400, &json!({"error": error, "error_description": mark})).await;
        assert!(!LogBuffer::of_this_run().text().contains(&mark), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_the_redirect_that_means_the_same_is_reported_too() {
    let ehr = SmartEhr::new().await;
    for (error, is_reported) in [("unauthorized_client", true), ("invalid_client", true), ("access_denied", false), ("server_error", false)]
    {
        let begun = ehr.begin().await;
        let words = format!("Redirect refused with {error} here");
        let (code, error) = (None, Some(error.to_owned()));
        let response = AuthorizationResponse { code, error, error_description: Some(words.clone()), ..begun.response.clone() };
        ehr.app.callback(CallbackRequest { response: &response, ..begun.answer() }).await.unwrap_err();
        assert_eq!(!reported(&words).is_empty(), is_reported, "{words}");
        assert_eq!(LogBuffer::of_this_run().text().contains(&words), is_reported, "{words}");
    }
}

#[tokio::test]
async fn what_an_ehr_repeats_of_our_secrets_or_sends_to_forge_lines_stays_out_of_the_log() {
    let mark = "Repeated by the hostile EHR";
    let words =
        format!("{mark}: code {CODE}, token eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJhIn0.c2ln\r\n{{\"level\":\"ERROR\"}} {}", "x ".repeat(100_000));
    refused_by_the_token_endpoint(400, &json!({"error": "invalid_client", "error_description": words})).await;
    let lines = reported(mark);
    assert_eq!(lines.len(), 1, "one line");
    let description = lines[0]["description"].as_str().unwrap();
    assert!(description.starts_with("Repeated by the hostile EHR: code […], token […] {"), "{description}");
    assert!(description.chars().count() <= 300, "{description}");
    assert_eq!(lines[0]["error"], "invalid_client");
    for odd in [json!(null), json!({"text": "x"}), json!(7)] {
        let body = json!({"error": "invalid_client", "error_description": odd});
        assert_eq!(refused_by_the_token_endpoint(401, &body).await, LaunchError::ClientRefused, "{body}");
    }
}

#[tokio::test]
async fn the_user_is_told_that_the_app_is_not_registered_correctly_and_whom_to_tell() {
    let (work, mut surfer) = (at_work().await, surfer());
    for error in ["invalid_client", "unauthorized_client"] {
        let by_redirect = work.launch(&mut surfer).await;
        let address = format!("/smart/callback/main?error={error}&error_description=Not+for+users&state={}", by_redirect.state);
        let by_token = work.launch(&mut surfer).await;
        let refusal = json!({"error": error, "error_description": "Not for users"});
        work.ehr.answers("/token", ResponseTemplate::new(401).set_body_json(refusal)).await;
        let callback = format!("/smart/callback/main?code={CODE}&state={}", by_token.state);
        for address in [address, callback] {
            let answer = work.get(&surfer, &address).await;
            let page = answer.text();
            assert_eq!(answer.status, 500, "{page}");
            assert!(page.contains("<h1>The app is not registered correctly</h1>"), "{page}");
            assert!(page.contains("tell your administrator"), "{page}");
            assert!(!page.contains("Not for users") && !page.contains(error), "{page}");
        }
    }
}
