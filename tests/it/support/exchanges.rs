//! What the service answers to every hook of CRD, in both versions, under the configuration in which it shows all that it can say.

use serde_json::{Value, json};
use sij_cds::cds_hooks::Hook;
use sij_cds::config::Config;
use tokio::sync::OnceCell;

use super::callers::{PUBLIC_URL, good_token};
use super::hook_calls::{CRD_HOOKS, CRD_VERSIONS, hook_calls};
use super::{TestApp, bearing, post, story};

/// Stories of each determination, and of each kind of suggestion.
const STORIES: [&str; 10] = [
    "therapy-from-procedures-only",
    "nothing-documented",
    "therapy-five-of-six-weeks",
    "third-injection-at-seven-weeks",
    "bilateral-different-histories",
    "diagnosis-on-problem-list-only",
    "two-failed-diagnostics",
    "radiofrequency-neurotomy",
    "beyond-twelve-months-with-exception",
    "procedures-missing",
];

/// A call with its answer.
pub(crate) struct Exchange {
    pub(crate) hook: Hook,
    pub(crate) version: &'static str,
    pub(crate) story: &'static str,
    pub(crate) request: Value,
    pub(crate) status: u16,
    pub(crate) answer: Value,
}

impl Exchange {
    pub(crate) fn cards(&self) -> Vec<Value> {
        self.answer["cards"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn system_actions(&self) -> Vec<Value> {
        self.answer["systemActions"].as_array().cloned().unwrap_or_default()
    }

    /// A finding with the call that it is about.
    pub(crate) fn about(&self, what: &str) -> String {
        format!("{}, {}, {}: {what}", self.hook.as_str(), self.version, self.story)
    }
}

/// All hooks, a published policy, and an EHR whose users open the app.
pub(crate) fn showing_everything(config: &mut Config) {
    config.crd.hooks = CRD_HOOKS.to_vec();
    config.plan.policy_url = Some("https://plan.example/policies/sacroiliac-joint-interventions#{section}".parse().unwrap());
    config.development.dtr = Some(false);
    config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
    config.fhir_servers = vec![serde_json::from_value(json!({"name": "main", "base_url": "https://ehr.example/fhir"})).unwrap()];
    let ehr = json!({"name": "main", "fhir_server": "main", "client_id": "sij-app", "authentication": "public"});
    config.smart.ehrs = vec![serde_json::from_value(ehr).unwrap()];
}

/// All exchanges. They are made once.
pub(crate) async fn exchanges() -> &'static [Exchange] {
    static ALL: OnceCell<Vec<Exchange>> = OnceCell::const_new();
    ALL.get_or_init(exchange_all).await
}

async fn exchange_all() -> Vec<Exchange> {
    let app = TestApp::on_the_day_of_the_fixtures_with(showing_everything);
    let discovery = app.discovery().await.json();
    let mut found = Vec::new();
    for hook in CRD_HOOKS {
        let services = discovery["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["hook"] == hook.as_str()).unwrap();
        let path = format!("/cds-services/{}", service["id"].as_str().unwrap());
        // A test kit signs one token for all calls of a hook.
        let token = good_token();
        for (version, name) in CRD_VERSIONS.into_iter().flat_map(|version| STORIES.map(|name| (version, name))) {
            for request in hook_calls(&story(name), hook, version) {
                let answer = app.send(bearing(&token, post(&path, request.to_string()))).await;
                let (status, answer) = (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default());
                found.push(Exchange { hook, version, story: name, request, status, answer });
            }
        }
    }
    found
}
