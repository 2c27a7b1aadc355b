//! OAuth mix-up (RFC 9700, section 4.4): of two registered EHRs, one is malicious and tries to get the code, or the code verifier, of a
//! launch at the other. Not here: other launches that must fail ([`super::smart_hostile`]).

use serde_json::{Value, json};
use sij_cds::smart::launch::{CallbackRequest, LaunchError, LaunchRequest};
use wiremock::ResponseTemplate;

use crate::support::smart_ehr::{BROWSER, Begun, SmartEhr};

/// The app with both EHRs: `main` is malicious, `honest` is not.
async fn both() -> (SmartEhr, SmartEhr) {
    let honest = SmartEhr::new().await;
    let (mut server, mut entry) = (honest.config.fhir_servers[0].clone(), honest.config.smart.ehrs[0].clone());
    "honest".clone_into(&mut server.name);
    (entry.name, entry.fhir_server) = ("Honest Hospital".to_owned(), "honest".to_owned());
    entry.id = Some("honest".to_owned());
    let malicious = SmartEhr::configured(json!({"authentication": "public"}), |config| {
        config.fhir_servers.push(server);
        config.smart.ehrs.push(entry);
    })
    .await;
    (malicious, honest)
}

async fn launch_at(app: &SmartEhr, ehr: &SmartEhr) -> Begun {
    let redirect = app.app.launch(LaunchRequest { iss: &ehr.iss(), launch: None, browser: BROWSER, network: None }).await.ok().unwrap();
    Begun::new(redirect.state, &redirect.url)
}

#[tokio::test]
async fn a_malicious_ehr_gets_neither_the_code_nor_the_verifier_of_another() {
    let (malicious, honest) = both().await;
    let (own, others) = (malicious.server.uri(), honest.server.uri());
    // At which EHR the launch began, where its response came to, who says it sent it, and why it is refused.
    for (at, to, issuer, expected) in [
        // The malicious EHR sends the user on to the honest one, which sends its code to its own redirect URI.
        (&malicious, "honest", None, LaunchError::OtherEhr),
        (&malicious, "honest", Some(&others), LaunchError::OtherEhr),
        // The honest EHR has been made to send its code to the malicious one's.
        (&malicious, "main", Some(&others), LaunchError::WrongIssuer),
        // A code of the malicious EHR is put into a launch at the honest one.
        (&honest, "main", None, LaunchError::OtherEhr),
        (&honest, "honest", Some(&own), LaunchError::WrongIssuer),
        // Redirect URIs of nobody.
        (&honest, "", None, LaunchError::OtherEhr),
        (&honest, "HONEST", None, LaunchError::OtherEhr),
        (&honest, "Honest Hospital", None, LaunchError::OtherEhr),
    ] {
        let begun = launch_at(&malicious, at).await;
        let response = begun.response_of(issuer.map(String::as_str));
        let refused = malicious.app.callback(CallbackRequest { ehr: to, response: &response, ..begun.answer() }).await.unwrap_err();
        assert_eq!(refused, expected, "{to} {issuer:?}");
        let again = malicious.app.callback(begun.answer()).await.unwrap_err();
        assert_eq!(again, LaunchError::UnknownState, "a state is good once");
    }
    assert_eq!((malicious.asked("/token").await, honest.asked("/token").await), (0, 0));
}

#[tokio::test]
async fn each_ehr_has_a_redirect_uri_of_its_own_and_gets_its_own_code() {
    let (malicious, honest) = both().await;
    for (ehr, id) in [(&malicious, "main"), (&honest, "honest")] {
        let begun = launch_at(&malicious, ehr).await;
        let redirect = format!("https://cds.plan.example/smart/callback/{id}");
        assert_eq!(begun.query["redirect_uri"], redirect);
        ehr.answers("/token", ResponseTemplate::new(200).set_body_json(ehr.token(&begun))).await;
        let response = begun.response_of(Some(&ehr.server.uri()));
        malicious.app.callback(CallbackRequest { ehr: id, response: &response, ..begun.answer() }).await.unwrap();
        assert_eq!(ehr.token_request().await.1["redirect_uri"], redirect);
    }
    assert_eq!((malicious.asked("/token").await, honest.asked("/token").await), (1, 1));
}

/// What becomes of a response with this `iss`, `{uri}` in it standing for the EHR's address, of an EHR with these members in its SMART
/// configuration.
async fn outcome(members: &Value, issuer: Option<&str>) -> Result<(), LaunchError> {
    let ehr = SmartEhr::new().await;
    let mut description = ehr.description();
    description.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    description.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    ehr.describes(&description).await;
    let openid = json!({"issuer": format!("{}/openid", ehr.server.uri()), "jwks_uri": format!("{}/jwks", ehr.server.uri())});
    ehr.answers("/fhir/.well-known/openid-configuration", ResponseTemplate::new(200).set_body_json(openid)).await;
    let begun = ehr.begin().await;
    let mut token = ehr.token(&begun);
    token["scope"] = json!("launch patient/Patient.r");
    ehr.answers("/token", ResponseTemplate::new(200).set_body_json(token)).await;
    let response = begun.response_of(issuer.map(|issuer| issuer.replace("{uri}", &ehr.server.uri())).as_deref());
    let grant = ehr.app.callback(CallbackRequest { response: &response, ..begun.answer() }).await;
    assert_eq!(ehr.asked("/token").await, usize::from(grant.is_ok()), "a code is redeemed only if all is right");
    grant.map(drop)
}

#[tokio::test]
async fn the_iss_of_a_response_is_the_ehrs_and_there_where_the_ehr_says_so() {
    let supported = |is: bool| json!({"authorization_response_iss_parameter_supported": is});
    let (silent, no_issuer) = (json!({}), json!({"issuer": null}));
    let (own, base) = (Some("{uri}"), Some("{uri}/fhir"));
    let wrong = Err(LaunchError::WrongIssuer);
    for (members, issuer, expected) in [
        (&silent, None, Ok(())),
        (&silent, own, Ok(())),
        (&silent, Some("https://evil.example"), wrong),
        (&silent, Some(""), wrong),
        (&silent, Some("{uri}/"), wrong),
        (&silent, Some("{uri}.evil.example"), wrong),
        (&silent, base, wrong),
        (&supported(false), None, Ok(())),
        (&supported(false), own, Ok(())),
        (&supported(false), Some("https://evil.example"), wrong),
        (&supported(true), None, wrong),
        (&supported(true), own, Ok(())),
        (&supported(true), Some("https://evil.example"), wrong),
        (&no_issuer, None, Ok(())),
        (&no_issuer, base, Ok(())),
        (&no_issuer, Some("{uri}/fhir/"), Ok(())),
        (&no_issuer, Some("{uri}/openid"), Ok(())),
        (&no_issuer, own, wrong),
        (&no_issuer, Some("https://evil.example"), wrong),
    ] {
        assert_eq!(outcome(members, issuer).await, expected, "{members} {issuer:?}");
    }
}

#[tokio::test]
async fn an_error_is_believed_of_the_ehr_alone() {
    let ehr = SmartEhr::new().await;
    for (issuer, expected) in [
        (Some("https://evil.example"), LaunchError::WrongIssuer),
        (Some(&*ehr.server.uri()), LaunchError::Denied),
        (None, LaunchError::Denied),
    ] {
        let begun = ehr.begin().await;
        let mut response = begun.response_of(issuer);
        (response.code, response.error) = (None, Some("access_denied".to_owned()));
        let refused = ehr.app.callback(CallbackRequest { response: &response, ..begun.answer() }).await.unwrap_err();
        assert_eq!(refused, expected, "{issuer:?}");
    }
}
