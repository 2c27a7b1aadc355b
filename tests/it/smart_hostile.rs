//! SMART app launches that must fail: forged issuers, EHRs whose SMART configuration points elsewhere, replayed answers or those
//! for another browser, and invalid tokens and identities.

use std::time::Duration;

use serde_json::{Value, json};
use sij_cds::smart::launch::{
    AppContext, AuthorizationResponse, CallbackRequest, ExchangeError, IdentityError, LaunchCategory, LaunchError, LaunchRequest, SmartApp,
};
use wiremock::ResponseTemplate;

use crate::support::callers::{EC_KEY, OTHER_EC_KEY, Signer, base64url};
use crate::support::smart_ehr::{BROWSER, CODE, REFRESH_TOKEN, SmartEhr};

const DOCUMENT: &str = "/fhir/.well-known/smart-configuration";

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn only_a_registered_iss_is_launched_and_no_other_is_ever_asked() {
    let ehr = SmartEhr::new().await;
    let (iss, port) = (ehr.iss(), ehr.server.address().port());
    let hostile = [
        String::new(),
        "https://evil.example/fhir".to_owned(),
        "http://169.254.169.254/latest".to_owned(),
        "http://10.0.0.1/fhir".to_owned(),
        format!("http://127.0.0.1:{port}"),
        format!("{iss}x"),
        format!("{iss}/x"),
        format!("{iss}//"),
        format!("{iss}?x=y"),
        format!("{iss}#x"),
        format!("{iss}/../fhir"),
        format!("{iss}@evil.example"),
        format!("{iss}.evil.example"),
        format!(" {iss}"),
        format!("http://evil.example@127.0.0.1:{port}/fhir"),
        format!("http://user:password@127.0.0.1:{port}/fhir"),
        format!("https://127.0.0.1:{port}/fhir"),
        format!("http://127.0.0.1:{port}/FHIR"),
        format!("http://localhost:{port}/fhir"),
        format!("http://2130706433:{port}/fhir"),
        format!("http://[::ffff:127.0.0.1]:{port}/fhir"),
    ];
    for iss in hostile {
        let refused = ehr.app.launch(LaunchRequest { iss: &iss, launch: None, browser: BROWSER, network: None }).await.err();
        assert_eq!(refused, Some(LaunchError::UnknownEhr), "{iss}");
    }
    assert_eq!(ehr.server.received_requests().await.unwrap().len(), 0);
    let with_slash = format!("{iss}/");
    assert!(ehr.app.launch(LaunchRequest { iss: &with_slash, launch: None, browser: BROWSER, network: None }).await.is_ok());
}

#[tokio::test]
async fn a_launch_token_that_cannot_be_one_is_refused() {
    let ehr = SmartEhr::new().await;
    let long = "x".repeat(8 * 1024 + 1);
    for token in [long.as_str(), "a\r\nb", "a\0b"] {
        assert_eq!(ehr.launch(Some(token)).await.err(), Some(LaunchError::Malformed));
    }
}

#[tokio::test]
async fn a_description_that_leads_elsewhere_is_not_followed() {
    let ehr = SmartEhr::new().await;
    let port = ehr.server.address().port();
    let hostile = [
        "https://evil.example/token".to_owned(),
        format!("http://127.0.0.1:{port}@evil.example/token"),
        format!("http://user@127.0.0.1:{port}/token"),
        "http://127.0.0.1:1/token".to_owned(),
        "http://169.254.169.254/token".to_owned(),
        "javascript:alert(1)".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer"] {
        for address in &hostile {
            let mut description = ehr.description();
            description[member] = json!(address);
            ehr.describes(&description).await;
            assert_eq!(ehr.launch(None).await.err(), Some(LaunchError::Description(ExchangeError::ForeignAddress)), "{member} {address}");
        }
    }
    assert_eq!(LaunchError::Description(ExchangeError::ForeignAddress).category(), LaunchCategory::Forbidden);
}

#[tokio::test]
async fn a_further_host_is_followed_only_if_configuration_names_it() {
    for (hosts, expected) in
        [(json!(["login.ehr.example:8443"]), None), (json!(["login.ehr.example"]), Some(ExchangeError::ForeignAddress))]
    {
        let ehr = SmartEhr::registered(json!({"authentication": "public", "hosts": hosts})).await;
        let mut description = ehr.description();
        description["authorization_endpoint"] = json!("https://login.ehr.example:8443/authorize");
        ehr.describes(&description).await;
        assert_eq!(ehr.launch(None).await.err(), expected.map(LaunchError::Description));
    }
}

#[tokio::test]
async fn a_description_that_cannot_be_used_begins_no_launch() {
    let ehr = SmartEhr::new().await;
    let with = |name: &str, value: Value| {
        let mut description = ehr.description();
        description[name] = value;
        ok(&description)
    };
    let evil = "https://evil.example/smart-configuration";
    let table = [
        (with("code_challenge_methods_supported", json!(["plain"])), ExchangeError::NoCodeChallenge),
        (with("code_challenge_methods_supported", json!([])), ExchangeError::NoCodeChallenge),
        (with("token_endpoint", json!(7)), ExchangeError::Unreadable),
        (with("token_endpoint", json!("/token")), ExchangeError::Unreadable),
        (ok(&json!({})), ExchangeError::Unreadable),
        (ResponseTemplate::new(200).set_body_string("<html>"), ExchangeError::Unreadable),
        (ResponseTemplate::new(200).set_body_bytes(vec![b' '; 256 * 1024 + 1]), ExchangeError::TooLarge),
        (ResponseTemplate::new(404), ExchangeError::Status(404)),
        (ResponseTemplate::new(302).insert_header("location", evil), ExchangeError::Status(302)),
        (ok(&ehr.description()).set_delay(Duration::from_secs(5)), ExchangeError::TooSlow),
    ];
    for (answer, trouble) in table {
        ehr.answers(DOCUMENT, answer).await;
        let refused = ehr.launch(None).await.err().unwrap();
        assert_eq!(refused, LaunchError::Description(trouble));
        assert_eq!(refused.category(), LaunchCategory::Unavailable);
    }
}

#[tokio::test]
async fn an_answer_without_its_launch_is_refused() {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    let changed = format!("{}x", begun.state);
    let upper = begun.state.to_uppercase();
    for state in [changed.as_str(), upper.as_str(), "1", &begun.state[1..]] {
        let response = begun.response_with(state);
        let refused = ehr.app.callback(CallbackRequest { response: &response, ..begun.answer() }).await.unwrap_err();
        assert_eq!(refused, LaunchError::UnknownState, "{state}");
    }
    let long = "x".repeat(8 * 1024 + 1);
    for state in ["", long.as_str(), "a\nb"] {
        let response = begun.response_with(state);
        let refused = ehr.app.callback(CallbackRequest { response: &response, ..begun.answer() }).await.unwrap_err();
        assert_eq!(refused, LaunchError::Malformed);
    }
    assert_eq!(ehr.asked("/token").await, 0);
}

#[tokio::test]
async fn a_state_is_good_once_whatever_came_of_it() {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    ehr.come_back(&begun, &ehr.token(&begun)).await.unwrap();
    assert_eq!(ehr.come_back(&begun, &ehr.token(&begun)).await.unwrap_err(), LaunchError::UnknownState);
    let failed = ehr.begin().await;
    assert!(ehr.come_back_to(&failed, ResponseTemplate::new(500)).await.is_err());
    assert_eq!(ehr.come_back(&failed, &ehr.token(&failed)).await.unwrap_err(), LaunchError::UnknownState);
}

#[tokio::test]
async fn a_code_injected_into_another_browsers_launch_is_refused_and_ends_it() {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    for browser in ["another-browser", ""] {
        let begun = ehr.begin().await;
        let refused = ehr.app.callback(CallbackRequest { browsers: &[browser], ..begun.answer() }).await.unwrap_err();
        assert_eq!(refused, LaunchError::OtherBrowser);
        assert_eq!(ehr.app.callback(begun.answer()).await.unwrap_err(), LaunchError::UnknownState);
    }
    assert_eq!(ehr.asked("/token").await, 0);
    assert!(ehr.come_back(&begun, &ehr.token(&begun)).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_comes_late_is_refused() {
    let ehr = SmartEhr::new().await;
    let (in_time, late) = (ehr.begin().await, ehr.begin().await);
    ehr.clock.advance(299);
    assert!(ehr.come_back(&in_time, &ehr.token(&in_time)).await.is_ok());
    ehr.clock.advance(1);
    assert_eq!(ehr.come_back(&late, &ehr.token(&late)).await.unwrap_err(), LaunchError::Expired);
}

#[tokio::test]
async fn a_refused_authorization_says_so_and_no_token_is_asked_for() {
    let ehr = SmartEhr::new().await;
    for (error, code, expected) in [
        (Some("access_denied"), None, LaunchError::Denied),
        (Some("access_denied"), Some(CODE), LaunchError::Denied),
        (Some("server_error"), None, LaunchError::AuthorizationFailed),
        (Some("temporarily_unavailable"), None, LaunchError::AuthorizationFailed),
        (Some("login_required"), None, LaunchError::AuthorizationFailed),
        (Some("invalid_client"), None, LaunchError::ClientRefused),
        (Some("unauthorized_client"), None, LaunchError::ClientRefused),
        (Some("invalid_scope"), None, LaunchError::ClientRefused),
        (Some("invalid_request"), None, LaunchError::ClientRefused),
        (Some("unsupported_response_type"), None, LaunchError::ClientRefused),
        (Some("INVALID_CLIENT"), None, LaunchError::AuthorizationFailed),
        (Some("<script>"), None, LaunchError::AuthorizationFailed),
        (None, None, LaunchError::Malformed),
        (None, Some(""), LaunchError::Malformed),
    ] {
        let begun = ehr.begin().await;
        let [error, code] = [error, code].map(|text| text.map(str::to_owned));
        let response = AuthorizationResponse { error, code, ..begun.response.clone() };
        let answer = CallbackRequest { response: &response, ..begun.answer() };
        assert_eq!(ehr.app.callback(answer).await.unwrap_err(), expected, "{:?}", response.error);
    }
    assert_eq!(ehr.asked("/token").await, 0);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_refuses_or_floods_gives_no_grant() {
    let ehr = SmartEhr::new().await;
    let refusal = |status, error: &str| ResponseTemplate::new(status).set_body_json(json!({"error": error, "error_description": "secret"}));
    let token = LaunchError::Token;
    let table = [
        (
            ResponseTemplate::new(200).set_body_raw("<html>", "application/json"),
            token(ExchangeError::Unreadable),
            LaunchCategory::Unavailable,
        ),
        (ResponseTemplate::new(200).set_body_string("{}"), token(ExchangeError::Unreadable), LaunchCategory::Unavailable),
        (ok(&json!([])), token(ExchangeError::Unreadable), LaunchCategory::Unavailable),
        (
            ok(&json!({"access_token": "a", "token_type": "mac", "patient": "p"})),
            token(ExchangeError::Unreadable),
            LaunchCategory::Unavailable,
        ),
        (ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 10_000_000]), token(ExchangeError::TooLarge), LaunchCategory::Unavailable),
        (ok(&json!({})).set_delay(Duration::from_secs(5)), token(ExchangeError::TooSlow), LaunchCategory::Unavailable),
        (ResponseTemplate::new(503).set_body_string("down"), token(ExchangeError::Status(503)), LaunchCategory::Unavailable),
        (
            ResponseTemplate::new(307).insert_header("location", "https://evil.example/token"),
            token(ExchangeError::Status(307)),
            LaunchCategory::Unavailable,
        ),
        (refusal(400, "invalid_grant"), LaunchError::CodeRefused, LaunchCategory::Forbidden),
        (ResponseTemplate::new(400).set_body_string(r#"{"error":"invalid_grant"}"#), LaunchError::CodeRefused, LaunchCategory::Forbidden),
        (refusal(401, "invalid_client"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (refusal(400, "invalid_client"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (refusal(400, "unauthorized_client"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (refusal(400, "invalid_scope"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (refusal(400, "invalid_request"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (refusal(400, "unsupported_grant_type"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (ResponseTemplate::new(401), LaunchError::ClientRefused, LaunchCategory::Ours),
        (ResponseTemplate::new(401).set_body_string("<html>"), LaunchError::ClientRefused, LaunchCategory::Ours),
        (ResponseTemplate::new(400).set_body_string("<html>"), token(ExchangeError::Unreadable), LaunchCategory::Unavailable),
        (ResponseTemplate::new(403), token(ExchangeError::Unreadable), LaunchCategory::Unavailable),
        (refusal(400, "out_of_tokens"), token(ExchangeError::Refused), LaunchCategory::Unavailable),
    ];
    for (answer, expected, category) in table {
        let begun = ehr.begin().await;
        let refused = ehr.come_back_to(&begun, answer).await.unwrap_err();
        assert_eq!((refused, refused.category()), (expected, category));
    }
}

/// An identity token signed as by the EHR, with one change; and the expected message.
async fn identity(header: Value, change: impl FnOnce(&mut Value), signer: &Signer) -> LaunchError {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    let mut claims = ehr.claims(&begun);
    change(&mut claims);
    ehr.come_back(&begun, &ehr.token_with(&begun, &header, &claims, signer)).await.unwrap_err()
}

#[tokio::test]
async fn an_identity_token_by_another_key_is_refused() {
    let header = |kid: &str| json!({"alg": "ES384", "kid": kid});
    let refused = |fault| LaunchError::UntrustedIdentity(fault);
    assert_eq!(identity(header("ehr-1"), |_| {}, &OTHER_EC_KEY).await, refused(IdentityError::WrongSignature));
    assert_eq!(identity(header("other"), |_| {}, &OTHER_EC_KEY).await, refused(IdentityError::UnknownKey));
}

#[tokio::test]
async fn an_identity_token_that_names_no_key_is_refused_if_two_fit() {
    let ehr = SmartEhr::new().await;
    ehr.publishes([EC_KEY.jwk("ehr-1"), OTHER_EC_KEY.jwk("ehr-2")]).await;
    let begun = ehr.begin().await;
    let token = ehr.token_with(&begun, &json!({"alg": "ES384"}), &ehr.claims(&begun), &EC_KEY);
    let refused = ehr.come_back(&begun, &token).await.unwrap_err();
    assert_eq!(refused, LaunchError::UntrustedIdentity(IdentityError::WrongSignature));
}

#[tokio::test]
async fn an_identity_token_of_anything_else_is_refused() {
    type Change = fn(&mut Value);
    let table: [(Change, IdentityError); 10] = [
        (|claims| claims["aud"] = json!("another-app"), IdentityError::WrongAudience),
        (|claims| claims["aud"] = json!(["sij-app", "another-app"]), IdentityError::WrongAudience),
        (|claims| claims["nonce"] = json!("another-launch"), IdentityError::WrongNonce),
        (|claims| claims["nonce"] = Value::Null, IdentityError::WrongNonce),
        (|claims| claims["iss"] = json!("https://evil.example"), IdentityError::WrongIssuer),
        (|claims| claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 61), IdentityError::Expired),
        (|claims| claims["exp"] = json!("later"), IdentityError::Unreadable),
        (|claims| claims["sub"] = Value::Null, IdentityError::Unreadable),
        (|claims| claims["exp"] = Value::Null, IdentityError::Unreadable),
        (|claims| claims["aud"] = json!([]), IdentityError::WrongAudience),
    ];
    for (change, fault) in table {
        let refused = identity(json!({"alg": "ES384", "kid": "ehr-1"}), change, &EC_KEY).await;
        assert_eq!(refused, LaunchError::UntrustedIdentity(fault));
    }
}

#[tokio::test]
async fn an_identity_token_without_a_signature_or_with_a_shared_secret_is_refused() {
    let ehr = SmartEhr::new().await;
    for (header, signature) in
        [(json!({"alg": "none"}), ""), (json!({"alg": "HS256", "kid": "ehr-1"}), "c2ln"), (json!({"alg": "NONE"}), "")]
    {
        let begun = ehr.begin().await;
        let mut token = ehr.token(&begun);
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        token["id_token"] = json!(format!("{}.{}.{signature}", part(&header), part(&ehr.claims(&begun))));
        let refused = ehr.come_back(&begun, &token).await.unwrap_err();
        assert!(matches!(refused, LaunchError::UntrustedIdentity(_)), "{header} {refused:?}");
    }
    for text in [json!("a.b.c"), json!(""), Value::Null] {
        let refused = ehr.grant(|token| token["id_token"] = text.clone()).await.unwrap_err();
        assert_eq!(refused.category(), LaunchCategory::Forbidden, "{text}");
    }
}

#[tokio::test]
async fn identity_keys_that_cannot_be_had_give_no_grant() {
    let ehr = SmartEhr::new().await;
    for (answer, trouble) in [
        (ResponseTemplate::new(500), ExchangeError::Status(500)),
        (ResponseTemplate::new(200).set_body_string("no keys"), ExchangeError::Unreadable),
        (ResponseTemplate::new(200).set_body_bytes(vec![b' '; 256 * 1024 + 1]), ExchangeError::TooLarge),
    ] {
        ehr.answers("/jwks", answer).await;
        assert_eq!(ehr.grant(|_| {}).await.unwrap_err(), LaunchError::Keys(trouble));
    }
}

#[tokio::test]
async fn an_openid_configuration_of_another_issuer_is_not_believed() {
    let ehr = SmartEhr::new().await;
    let mut description = ehr.description();
    description.as_object_mut().unwrap().remove("jwks_uri");
    ehr.describes(&description).await;
    let of = |issuer: String, keys: String| ok(&json!({"issuer": issuer, "jwks_uri": keys}));
    let own = |path: &str| format!("{}{path}", ehr.server.uri());
    for (answer, trouble) in [
        (of(own("/other"), own("/jwks")), ExchangeError::Unreadable),
        (of("https://evil.example".to_owned(), own("/jwks")), ExchangeError::ForeignAddress),
        (of(own(""), "https://evil.example/jwks".to_owned()), ExchangeError::ForeignAddress),
    ] {
        ehr.answers("/.well-known/openid-configuration", answer).await;
        assert_eq!(ehr.grant(|_| {}).await.unwrap_err(), LaunchError::Keys(trouble));
    }
}

#[tokio::test]
async fn a_token_for_no_patient_gives_no_grant() {
    let ehr = SmartEhr::new().await;
    for patient in
        [Value::Null, json!(7), json!(""), json!("Patient/"), json!("../Patient/1"), json!("1,2"), json!("1&x=y"), json!({"id": "1"})]
    {
        let refused = ehr.grant(|token| token["patient"] = patient.clone()).await.unwrap_err();
        assert_eq!((refused, refused.category()), (LaunchError::NoPatient, LaunchCategory::Caller), "{patient}");
    }
    assert_eq!(ehr.grant(|token| token["patient"] = json!("Patient/p-1")).await.unwrap().patient, "p-1");
}

#[tokio::test]
async fn a_forged_app_context_or_fhir_context_is_ignored() {
    let ehr = SmartEhr::new().await;
    for context in
        [json!("<script>"), json!(7), json!({"order": "ServiceRequest/1/../../Patient/2"}), json!(["x"]), json!("x".repeat(100_000))]
    {
        let grant = ehr.grant(|token| (token["appContext"], token["fhirContext"]) = (context.clone(), context.clone())).await.unwrap();
        assert_eq!((grant.app_context, grant.fhir_context), (AppContext::default(), Vec::new()));
    }
    let many: Vec<Value> = (0..1_000).map(|number| json!({"reference": format!("ServiceRequest/{number}")})).collect();
    assert_eq!(ehr.grant(|token| token["fhirContext"] = json!(many)).await.unwrap().fhir_context.len(), 50);
}

#[tokio::test]
async fn a_user_that_cannot_be_one_is_nobody() {
    for user in [json!("javascript:alert(1)"), json!("Device/1"), json!(["Practitioner/1"]), json!("Practitioner/<1>")] {
        let ehr = SmartEhr::new().await;
        let begun = ehr.begin().await;
        let mut claims = ehr.claims(&begun);
        claims["fhirUser"] = user.clone();
        let token = ehr.token_with(&begun, &json!({"alg": "ES384", "kid": "ehr-1"}), &claims, &EC_KEY);
        assert_eq!(ehr.come_back(&begun, &token).await.unwrap().fhir_user, None, "{user}");
    }
}

#[tokio::test]
async fn a_refreshed_token_of_another_patient_is_refused() {
    let ehr = SmartEhr::new().await;
    let grant = ehr.grant(|token| token["refresh_token"] = json!(REFRESH_TOKEN)).await.unwrap();
    let answer = |patient: Value| json!({"access_token": "next", "token_type": "Bearer", "patient": patient});
    for patient in [json!("another"), json!(""), json!(7)] {
        ehr.answers("/token", ok(&answer(patient))).await;
        assert_eq!(ehr.app.refresh(&grant).await.unwrap_err(), LaunchError::OtherPatient);
    }
    ehr.answers("/token", ok(&answer(json!(grant.patient)))).await;
    assert!(ehr.app.refresh(&grant).await.is_ok());
}

#[tokio::test]
async fn a_grant_that_is_over_is_not_refreshed() {
    let ehr = SmartEhr::new().await;
    let without = ehr.grant(|_| {}).await.unwrap();
    assert_eq!(ehr.app.refresh(&without).await.unwrap_err(), LaunchError::Over);
    let grant = ehr.grant(|token| token["refresh_token"] = json!(REFRESH_TOKEN)).await.unwrap();
    ehr.answers("/token", ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}))).await;
    assert_eq!(ehr.app.refresh(&grant).await.unwrap_err(), LaunchError::Over);
    let mut config = ehr.config.clone();
    config.smart.ehrs.clear();
    let without = SmartApp::build(&config, ehr.memory.clone(), ehr.clock.clone()).unwrap();
    assert_eq!(without.refresh(&grant).await.unwrap_err(), LaunchError::UnknownEhr);
}
