//! Successful launches of the SMART app, for every way an EHR can register it. Not here: launches that fail
//! ([`super::smart_hostile`]).

use std::sync::Arc;

use base64::Engine as _;
use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sij_cds::clock::Clock as _;
use sij_cds::smart::launch::{AppContext, LaunchError, LaunchRequest, SmartApp};
use tempfile::NamedTempFile;
use wiremock::ResponseTemplate;

use crate::support::callers::{EC_KEY, OTHER_EC_KEY, RSA_KEY, base64url};
use crate::support::smart_ehr::{ACCESS_TOKEN, BROWSER, CLIENT_ID, CODE, PATIENT, REFRESH_TOKEN, SmartEhr};
use crate::support::{LogBuffer, default_config};

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn sha256(text: &str) -> String {
    base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
}

#[tokio::test]
async fn without_a_registered_ehr_the_app_is_off() {
    let ehr = SmartEhr::new().await;
    let app = SmartApp::build(&default_config(), Arc::clone(&ehr.memory), ehr.clock.clone()).unwrap();
    assert!(!app.is_on() && ehr.app.is_on());
    assert_eq!(app.jwks(), json!({"keys": []}));
}

/// The web server moves its work between threads.
#[tokio::test]
async fn every_step_may_be_worked_on_by_any_thread() {
    fn spawnable<F: Future + Send>(step: F) -> F {
        step
    }
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    let grant = ehr.come_back(&begun, &ehr.token(&begun)).await.unwrap();
    let launch = LaunchRequest { iss: &ehr.iss(), launch: None, browser: BROWSER, network: None };
    assert!(spawnable(ehr.app.launch(launch)).await.is_ok());
    assert!(spawnable(ehr.app.callback(begun.answer())).await.is_err());
    assert!(spawnable(ehr.app.refresh(&grant)).await.is_err());
}

#[tokio::test]
async fn an_ehrs_launch_asks_for_what_the_specification_says() {
    let ehr = SmartEhr::new().await;
    let redirect = ehr.launch(Some("launch-77ab")).await.ok().unwrap();
    let (begun, iss) = (ehr.begin().await, ehr.iss());
    assert!(redirect.url.as_str().starts_with(&format!("{}/authorize?tenant=1&", ehr.server.uri())));
    let expected = [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://cds.plan.example/smart/callback/main"),
        ("aud", iss.as_str()),
        ("launch", "launch-77ab"),
        ("code_challenge_method", "S256"),
        ("state", begun.state.as_str()),
    ];
    for (name, value) in expected {
        assert_eq!(begun.query[name], value, "{name}");
    }
    assert_eq!(
        begun.query["scope"],
        "launch openid fhirUser patient/Patient.rs patient/Coverage.rs patient/Condition.rs patient/Procedure.rs \
         patient/MedicationStatement.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs patient/Observation.rs \
         patient/QuestionnaireResponse.crus patient/ServiceRequest.rs"
    );
}

#[tokio::test]
async fn every_launch_has_secrets_of_its_own_of_256_bits() {
    let ehr = SmartEhr::new().await;
    let (first, second) = (ehr.begin().await, ehr.begin().await);
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(first.query[name].len(), 43, "{name}");
        assert_ne!(first.query[name], second.query[name], "{name}");
    }
    assert_ne!(first.query["state"], first.query["nonce"]);
}

#[tokio::test]
async fn a_users_own_launch_asks_for_a_patient() {
    let ehr = SmartEhr::new().await;
    for launch in [None, Some("")] {
        let begun = ehr.begin_with(launch).await;
        assert!(begun.query["scope"].starts_with("launch/patient openid "), "{}", begun.query["scope"]);
        assert!(!begun.query.contains_key("launch"));
    }
}

#[tokio::test]
async fn an_ehr_without_the_second_syntax_is_asked_in_the_first() {
    let ehr = SmartEhr::registered(json!({"authentication": "public", "scopes": ["launch", "patient/QuestionnaireResponse.crus"]})).await;
    for capabilities in [json!(["launch-ehr"]), Value::Null] {
        let mut description = ehr.description();
        description["capabilities"] = capabilities;
        ehr.describes(&description).await;
        ehr.clock.advance(300);
        let begun = ehr.begin().await;
        assert_eq!(begun.query["scope"], "launch patient/QuestionnaireResponse.read patient/QuestionnaireResponse.write");
        let grant = ehr.come_back(&begun, &json!({"access_token": "a", "token_type": "bearer", "patient": "p"})).await.unwrap();
        assert!(grant.may_write_responses);
    }
}

#[tokio::test]
async fn a_launch_ends_with_what_the_ehr_granted() {
    let ehr = SmartEhr::new().await;
    let grant = ehr
        .grant(|token| {
            token["refresh_token"] = json!(REFRESH_TOKEN);
            token["appContext"] = json!("{\"assertion\":\"0190\",\"order\":\"ServiceRequest/1\"}");
            token["fhirContext"] = json!([{"reference": "ServiceRequest/1"}, "Coverage/2", {"canonical": "x"}, 7]);
        })
        .await
        .unwrap();
    assert_eq!(grant.access_token.expose_secret(), ACCESS_TOKEN);
    assert_eq!(grant.refresh_token.unwrap().expose_secret(), REFRESH_TOKEN);
    assert_eq!(grant.expires_at, Some(ehr.clock.now() + TimeDelta::hours(1)));
    assert_eq!((grant.patient.as_str(), grant.encounter.as_deref()), (PATIENT, Some("e-1")));
    assert_eq!(grant.fhir_user.as_deref(), Some("Practitioner/dr-1"));
    assert_eq!(grant.fhir_context, ["ServiceRequest/1", "Coverage/2"]);
    let context = AppContext { assertion: Some("0190".to_owned()), order: Some("ServiceRequest/1".to_owned()), ..AppContext::default() };
    assert_eq!(grant.app_context, context);
    assert!(grant.may_write_responses);
    assert_eq!((grant.ehr.name(), grant.ehr.client(), grant.ehr.fhir_server(), grant.ehr.plan()), ("main", "main", "main", None));
}

#[tokio::test]
async fn without_the_scope_responses_may_not_be_written() {
    let ehr = SmartEhr::new().await;
    let grant = ehr.grant(|token| token["scope"] = json!("openid patient/QuestionnaireResponse.rs")).await.unwrap();
    assert!(!grant.may_write_responses);
}

#[tokio::test]
async fn the_code_verifier_is_the_challenges_and_a_public_client_names_itself() {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    ehr.come_back(&begun, &ehr.token(&begun)).await.unwrap();
    let (request, form) = ehr.token_request().await;
    assert_eq!(sha256(&form["code_verifier"]), begun.query["code_challenge"]);
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://cds.plan.example/smart/callback/main"),
    ];
    for (name, value) in expected {
        assert_eq!(form[name], value, "{name}");
    }
    assert!(!request.headers.contains_key("authorization") && !form.contains_key("client_assertion"));
}

#[tokio::test]
async fn a_client_secret_goes_by_basic_authentication_alone() {
    let secret = file("s3cr:t\n");
    let ehr = SmartEhr::registered(json!({"authentication": "client-secret", "client_secret_file": secret.path()})).await;
    ehr.grant(|_| {}).await.unwrap();
    let (request, form) = ehr.token_request().await;
    let header = request.headers["authorization"].to_str().unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(decoded, format!("{CLIENT_ID}:s3cr%3At").into_bytes());
    assert!(!form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_key_of_either_kind_signs_an_assertion_that_the_published_key_verifies() {
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    for (key, algorithm, name) in [(ec, Algorithm::ES384, "ES384"), (rsa, Algorithm::RS384, "RS384")] {
        let key = file(&key.serialize_pem());
        let ehr = SmartEhr::configured(json!({"authentication": "private-key-jwt"}), |config| {
            config.smart.signing_key_file = Some(key.path().to_path_buf());
        })
        .await;
        ehr.grant(|_| {}).await.unwrap();
        let (_, form) = ehr.token_request().await;
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let jwk = &ehr.app.jwks()["keys"][0];
        assert_eq!((jwk["alg"].as_str(), jwk["use"].as_str(), jwk.get("d")), (Some(name), Some("sig"), None));
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.set_audience(&[format!("{}/token", ehr.server.uri())]);
        let key = DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
        let assertion = decode::<Value>(&form["client_assertion"], &key, &validation).unwrap();
        assert_eq!(assertion.header.kid.as_deref(), jwk["kid"].as_str());
        let (claims, now) = (assertion.claims, ehr.clock.now().timestamp());
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT_ID), &json!(CLIENT_ID)));
        assert!((now..=now + 300).contains(&claims["exp"].as_i64().unwrap()));
        ehr.grant(|_| {}).await.unwrap();
        let next = decode::<Value>(&ehr.token_request().await.1["client_assertion"], &key, &validation).unwrap();
        assert_ne!(claims["jti"], next.claims["jti"]);
    }
}

#[tokio::test]
async fn a_published_key_is_named_by_its_thumbprint() {
    let key = file(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem());
    let ehr = SmartEhr::configured(json!({"authentication": "private-key-jwt"}), |config| {
        config.smart.signing_key_file = Some(key.path().to_path_buf());
    })
    .await;
    let jwk = ehr.app.jwks()["keys"][0].clone();
    let text = |name: &str| jwk[name].as_str().unwrap();
    let canonical = format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, text("x"), text("y"));
    assert_eq!(text("kid"), sha256(&canonical));
}

#[tokio::test]
async fn an_ehr_is_asked_for_its_description_once_in_five_minutes() {
    let ehr = SmartEhr::new().await;
    let all = join_all((0..20).map(|_| ehr.launch(None))).await;
    assert!(all.iter().all(Result::is_ok));
    let document = "/fhir/.well-known/smart-configuration";
    assert_eq!(ehr.asked(document).await, 1);
    ehr.clock.advance(299);
    ehr.begin().await;
    assert_eq!(ehr.asked(document).await, 1);
    ehr.clock.advance(1);
    ehr.begin().await;
    assert_eq!(ehr.asked(document).await, 2);
}

#[tokio::test]
async fn an_ehr_that_was_down_is_asked_again_by_the_next_launch() {
    let ehr = SmartEhr::new().await;
    ehr.answers("/fhir/.well-known/smart-configuration", ResponseTemplate::new(503)).await;
    assert!(ehr.launch(None).await.is_err());
    ehr.describes(&ehr.description()).await;
    assert!(ehr.launch(None).await.is_ok());
}

#[tokio::test]
async fn an_identity_key_that_is_new_is_found_at_once() {
    let ehr = SmartEhr::new().await;
    ehr.grant(|_| {}).await.unwrap();
    ehr.publishes([OTHER_EC_KEY.jwk("ehr-2")]).await;
    let begun = ehr.begin().await;
    let token = ehr.token_with(&begun, &json!({"alg": "ES384", "kid": "ehr-2"}), &ehr.claims(&begun), &OTHER_EC_KEY);
    ehr.come_back(&begun, &token).await.unwrap();
    assert_eq!(ehr.asked("/jwks").await, 2);
}

#[tokio::test]
async fn an_identity_token_that_names_no_key_is_verified_by_the_only_one_that_fits() {
    let ehr = SmartEhr::new().await;
    let mut unnamed = EC_KEY.jwk("ehr-1");
    unnamed.as_object_mut().unwrap().remove("kid");
    for keys in [vec![EC_KEY.jwk("ehr-1"), RSA_KEY.jwk("rsa")], vec![unnamed]] {
        ehr.publishes(keys).await;
        ehr.clock.advance(301);
        let begun = ehr.begin().await;
        // A certificate that a token brings is ignored.
        let header = json!({"alg": "ES384", "x5c": ["MII"]});
        let token = ehr.token_with(&begun, &header, &ehr.claims(&begun), &EC_KEY);
        assert!(ehr.come_back(&begun, &token).await.unwrap().fhir_user.is_some());
    }
}

#[tokio::test]
async fn identity_is_found_by_the_openid_configuration_where_the_smart_configuration_is_silent() {
    let ehr = SmartEhr::new().await;
    let mut description = ehr.description();
    let members = description.as_object_mut().unwrap();
    members.remove("issuer");
    members.remove("jwks_uri");
    ehr.describes(&description).await;
    let openid = json!({"issuer": ehr.server.uri(), "jwks_uri": format!("{}/other-jwks", ehr.server.uri())});
    ehr.answers("/fhir/.well-known/openid-configuration", ResponseTemplate::new(200).set_body_json(openid)).await;
    ehr.answers("/other-jwks", ResponseTemplate::new(200).set_body_json(json!({"keys": [RSA_KEY.jwk("rsa"), {"kty": "later"}]}))).await;
    let begun = ehr.begin().await;
    let token = ehr.token_with(&begun, &json!({"alg": "RS384", "kid": "rsa"}), &ehr.claims(&begun), &RSA_KEY);
    assert_eq!(ehr.come_back(&begun, &token).await.unwrap().fhir_user.as_deref(), Some("Practitioner/dr-1"));
}

#[tokio::test]
async fn without_the_scope_no_identity_token_is_needed() {
    let ehr = SmartEhr::new().await;
    let grant = ehr
        .grant(|token| {
            token["scope"] = json!("patient/Patient.r");
            token["id_token"] = json!("not looked at");
        })
        .await;
    assert_eq!(grant.unwrap().fhir_user, None);
}

#[tokio::test]
async fn several_launches_in_one_browser_do_not_disturb_each_other() {
    let ehr = SmartEhr::new().await;
    let (first, second) = (ehr.begin().await, ehr.begin().await);
    for begun in [second, first] {
        assert!(ehr.come_back(&begun, &ehr.token(&begun)).await.is_ok());
    }
}

#[tokio::test]
async fn a_launch_under_way_outlives_a_reload_unless_its_ehr_is_gone() {
    let ehr = SmartEhr::new().await;
    let (first, second) = (ehr.begin().await, ehr.begin().await);
    let mut config = ehr.config.clone();
    let reloaded = SmartApp::build(&config, Arc::clone(&ehr.memory), ehr.clock.clone()).unwrap();
    ehr.answers("/token", ResponseTemplate::new(200).set_body_json(ehr.token(&first))).await;
    assert!(reloaded.callback(first.answer()).await.is_ok());
    config.smart.ehrs.clear();
    let without = SmartApp::build(&config, Arc::clone(&ehr.memory), ehr.clock.clone()).unwrap();
    assert_eq!(without.callback(second.answer()).await.unwrap_err(), LaunchError::UnknownEhr);
}

#[tokio::test]
async fn a_token_is_refreshed_and_what_the_answer_does_not_say_stays() {
    let ehr = SmartEhr::new().await;
    let grant = ehr.grant(|token| token["refresh_token"] = json!(REFRESH_TOKEN)).await.unwrap();
    let answer = json!({"access_token": "next", "token_type": "Bearer", "expires_in": 60});
    ehr.answers("/token", ResponseTemplate::new(200).set_body_json(answer)).await;
    let next = ehr.app.refresh(&grant).await.unwrap();
    let (_, form) = ehr.token_request().await;
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", REFRESH_TOKEN));
    assert_eq!(next.access_token.expose_secret(), "next");
    assert_eq!(next.refresh_token.unwrap().expose_secret(), REFRESH_TOKEN);
    assert_eq!(next.expires_at, Some(ehr.clock.now() + TimeDelta::seconds(60)));
    assert_eq!((next.patient, next.scopes, next.fhir_user), (grant.patient, grant.scopes, grant.fhir_user));
}

#[tokio::test]
async fn nothing_of_a_launch_reaches_the_log_or_what_is_shown_for_debugging() {
    let ehr = SmartEhr::new().await;
    let begun = ehr.begin().await;
    let grant = ehr.come_back(&begun, &ehr.token(&begun)).await.unwrap();
    let refused = ehr.app.callback(begun.answer()).await.unwrap_err();
    let shown = format!("{grant:?} {:?} {:?} {refused:?} {refused}", ehr.app, ehr.memory);
    let log = LogBuffer::of_this_run().text();
    for secret in [CODE, PATIENT, ACCESS_TOKEN, BROWSER, &begun.state, &begun.query["nonce"], "launch-77ab"] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}
