//! An EHR that opens the SMART app: its SMART configuration, token endpoint and keys, on its own server. The tests
//! control the clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sij_cds::clock::Clock as _;
use sij_cds::config::Config;
use sij_cds::smart::launch::{
    AuthorizationResponse, CallbackRequest, Grant, LaunchError, LaunchMemory, LaunchRedirect, LaunchRequest, SmartApp,
};
use url::{Url, form_urlencoded};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::callers::{EC_KEY, HandClock, PUBLIC_URL, Signer, key_set, signed};
use super::{LogBuffer, day_of_the_fixtures, default_config};

pub(crate) const CLIENT_ID: &str = "sij-app";
pub(crate) const BROWSER: &str = "browser-of-one-launch-77ab";
pub(crate) const CODE: &str = "code-of-one-launch-77ab";
pub(crate) const PATIENT: &str = "patient-of-one-launch-77ab";
pub(crate) const ACCESS_TOKEN: &str = "access-token-of-one-launch-77ab";
pub(crate) const REFRESH_TOKEN: &str = "refresh-token-of-one-launch-77ab";

/// An EHR and its registration of the app.
pub(crate) struct SmartEhr {
    pub(crate) server: MockServer,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) memory: Arc<LaunchMemory>,
    pub(crate) config: Config,
    pub(crate) app: SmartApp,
    next_priority: AtomicU8,
}

/// A launch requested from the EHR.
pub(crate) struct Begun {
    pub(crate) state: String,
    /// The parameters of the authorization request.
    pub(crate) query: HashMap<String, String>,
    /// The authorization response after a successful launch.
    pub(crate) response: AuthorizationResponse,
}

impl Begun {
    pub(crate) fn new(state: String, url: &Url) -> Self {
        let response = AuthorizationResponse { state: state.clone(), code: Some(CODE.to_owned()), ..AuthorizationResponse::default() };
        Self { state, query: url.query_pairs().into_owned().collect(), response }
    }

    /// The browser's request after a successful launch.
    pub(crate) fn answer(&self) -> CallbackRequest<'_> {
        CallbackRequest { ehr: "main", response: &self.response, browsers: &[BROWSER] }
    }

    /// The authorization response of an EHR that says who it is.
    pub(crate) fn response_of(&self, issuer: Option<&str>) -> AuthorizationResponse {
        AuthorizationResponse { issuer: issuer.map(str::to_owned), ..self.response.clone() }
    }

    /// The authorization response with another state.
    pub(crate) fn response_with(&self, state: &str) -> AuthorizationResponse {
        AuthorizationResponse { state: state.to_owned(), ..self.response.clone() }
    }
}

impl SmartEhr {
    /// With a public client.
    pub(crate) async fn new() -> Self {
        Self::registered(json!({"authentication": "public"})).await
    }

    /// With additional members in its entry.
    pub(crate) async fn registered(entry: Value) -> Self {
        Self::configured(entry, |_| {}).await
    }

    pub(crate) async fn configured(entry: Value, change: impl FnOnce(&mut Config)) -> Self {
        LogBuffer::of_this_run();
        let server = MockServer::start().await;
        let mut config = default_config();
        config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
        config.smart.timeout = Duration::from_millis(500);
        let base = format!("{}/fhir", server.uri());
        config.fhir_servers =
            vec![serde_json::from_value(json!({"name": "main", "base_url": base, "allow_private_addresses": true})).unwrap()];
        let mut whole = json!({"name": "main", "fhir_server": "main", "client_id": CLIENT_ID});
        whole.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        config.smart.ehrs = vec![serde_json::from_value(whole).unwrap()];
        change(&mut config);
        let (clock, memory) = (Arc::new(HandClock::at(day_of_the_fixtures())), Arc::new(LaunchMemory::default()));
        let app = SmartApp::build(&config, Arc::clone(&memory), clock.clone()).unwrap();
        let ehr = Self { server, clock, memory, config, app, next_priority: AtomicU8::new(250) };
        ehr.describes(&ehr.description()).await;
        ehr.publishes([EC_KEY.jwk("ehr-1")]).await;
        ehr
    }

    /// The `iss` of its launches.
    pub(crate) fn iss(&self) -> String {
        format!("{}/fhir", self.server.uri())
    }

    /// Its valid SMART configuration.
    pub(crate) fn description(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.server.uri());
        json!({
            "issuer": at(""),
            "jwks_uri": at("/jwks"),
            "authorization_endpoint": at("/authorize?tenant=1"),
            "token_endpoint": at("/token"),
            "capabilities": ["launch-ehr", "launch-standalone", "permission-v2", "sso-openid-connect"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    /// Sets its SMART configuration from now on.
    pub(crate) async fn describes(&self, description: &Value) {
        self.answers("/fhir/.well-known/smart-configuration", ResponseTemplate::new(200).set_body_json(description)).await;
    }

    pub(crate) async fn publishes(&self, keys: impl IntoIterator<Item = Value>) {
        self.answers("/jwks", ResponseTemplate::new(200).set_body_json(key_set(keys))).await;
    }

    /// Sets its answer at this path from now on; a later call overrides an earlier one.
    pub(crate) async fn answers(&self, at: &str, answer: ResponseTemplate) {
        // The lowest priority number wins.
        let priority = self.next_priority.fetch_sub(1, Ordering::SeqCst);
        Mock::given(path(at.to_owned())).respond_with(answer).with_priority(priority).mount(&self.server).await;
    }

    /// How often this path was requested.
    pub(crate) async fn asked(&self, path: &str) -> usize {
        self.requests(path).await.len()
    }

    async fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.server.received_requests().await.unwrap();
        requests.into_iter().filter(|request| request.url.path() == path).collect()
    }

    /// The last token request, with its form.
    pub(crate) async fn token_request(&self) -> (Request, HashMap<String, String>) {
        let request = self.requests("/token").await.pop().unwrap();
        let form = form_urlencoded::parse(&request.body).into_owned().collect();
        (request, form)
    }

    pub(crate) async fn launch(&self, launch: Option<&str>) -> Result<LaunchRedirect, LaunchError> {
        self.app.launch(LaunchRequest { iss: &self.iss(), launch, browser: BROWSER, network: None }).await
    }

    /// Begins a launch from the EHR.
    pub(crate) async fn begin(&self) -> Begun {
        self.begin_with(Some("launch-77ab")).await
    }

    pub(crate) async fn begin_with(&self, launch: Option<&str>) -> Begun {
        let redirect = self.launch(launch).await.ok().unwrap();
        Begun::new(redirect.state, &redirect.url)
    }

    /// A valid token response.
    pub(crate) fn token(&self, begun: &Begun) -> Value {
        json!({
            "access_token": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "launch openid fhirUser patient/Patient.r patient/QuestionnaireResponse.crus",
            "patient": PATIENT,
            "encounter": "e-1",
            "id_token": signed(&json!({"alg": "ES384", "typ": "JWT", "kid": "ehr-1"}).to_string(), &self.claims(begun).to_string(), &EC_KEY),
        })
    }

    /// The valid claims of its identity token.
    pub(crate) fn claims(&self, begun: &Begun) -> Value {
        let now = self.clock.now();
        json!({
            "iss": self.server.uri(),
            "sub": "user",
            "aud": CLIENT_ID,
            "iat": now.timestamp(),
            "exp": (now + TimeDelta::minutes(5)).timestamp(),
            "nonce": begun.query["nonce"],
            "fhirUser": format!("{}/Practitioner/dr-1", self.iss()),
        })
    }

    /// The token response with another identity token.
    pub(crate) fn token_with(&self, begun: &Begun, header: &Value, claims: &Value, signer: &Signer) -> Value {
        let mut token = self.token(begun);
        token["id_token"] = json!(signed(&header.to_string(), &claims.to_string(), signer));
        token
    }

    /// The user returns with a code, and the EHR gives this answer to the token request.
    pub(crate) async fn come_back(&self, begun: &Begun, token: &Value) -> Result<Grant, LaunchError> {
        self.come_back_to(begun, ResponseTemplate::new(200).set_body_json(token)).await
    }

    pub(crate) async fn come_back_to(&self, begun: &Begun, answer: ResponseTemplate) -> Result<Grant, LaunchError> {
        self.answers("/token", answer).await;
        self.app.callback(begun.answer()).await
    }

    /// A launch from start to end.
    pub(crate) async fn grant(&self, change: impl FnOnce(&mut Value)) -> Result<Grant, LaunchError> {
        let begun = self.begin().await;
        let mut token = self.token(&begun);
        change(&mut token);
        self.come_back(&begun, &token).await
    }
}
