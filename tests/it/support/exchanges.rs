//! What the service answers to every hook of CRD, in both versions: under the configuration in which it shows all that it can say, and in
//! every dialect and under other configurations that shape cards.

use serde_json::{Value, json};
use sij_cds::cds_hooks::{Dialect, Hook};
use sij_cds::config::Config;
use tokio::sync::OnceCell;

use super::callers::{PUBLIC_URL, good_token};
use super::hook_calls::{CRD_HOOKS, CRD_VERSIONS, hook_calls};
use super::{Case, TestApp, bearing, post, stories, story};

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
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) setting: &'static str,
    pub(crate) hook: Hook,
    pub(crate) version: &'static str,
    pub(crate) story: String,
    pub(crate) request: Value,
    pub(crate) status: u16,
    /// The answer as sent.
    pub(crate) text: String,
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
        format!("{}, {}, {}, {}: {what}", self.setting, self.hook.as_str(), self.version, self.story)
    }
}

/// All hooks, a published policy, and an EHR whose users open the app.
pub(crate) fn showing_everything(config: &mut Config) {
    config.crd.hooks = CRD_HOOKS.to_vec();
    config.plan.policy_url = Some("https://plan.example/policies/sacroiliac-joint-interventions#{section}".parse().unwrap());
    config.plan.policy_card = true;
    config.development.dtr = Some(false);
    config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
    config.fhir_servers = vec![serde_json::from_value(json!({"name": "main", "base_url": "https://ehr.example/fhir"})).unwrap()];
    let ehr = json!({"name": "main", "fhir_server": "main", "client_id": "sij-app", "authentication": "public"});
    config.smart.ehrs = vec![serde_json::from_value(ehr).unwrap()];
}

/// All exchanges under that configuration, about the stories above. They are made once.
pub(crate) async fn exchanges() -> &'static [Exchange] {
    static ALL: OnceCell<Vec<Exchange>> = OnceCell::const_new();
    ALL.get_or_init(|| exchange_all("everything shown", showing_everything, STORIES.map(story).to_vec())).await
}

/// A change of the defaults, and its name.
type Setting = (&'static str, fn(&mut Config));

/// Every dialect, and what else shapes a card or coverage information.
const SETTINGS: [Setting; 10] = [
    ("standard", |config| config.development.dialect = Some(Dialect::Standard)),
    ("epic", |config| config.development.dialect = Some(Dialect::Epic)),
    ("br-provider", |config| config.development.dialect = Some(Dialect::BrProvider)),
    ("sandbox", |config| config.development.dialect = Some(Dialect::Sandbox)),
    ("without DTR", |config| config.development.dtr = Some(false)),
    ("everything shown", showing_everything),
    ("everything shown, in Epic's dialect", |config| {
        showing_everything(config);
        config.development.dialect = Some(Dialect::Epic);
        config.development.therapy_order_code = Some("PT6".to_owned());
    }),
    ("authorization given", |config| {
        config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "satisfied"})).unwrap());
        config.plan.contact = Some(serde_json::from_value(json!({"name": "Provider services", "phone": "555-0100"})).unwrap());
    }),
    ("authorization needed", |config| {
        config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "auth-needed"})).unwrap());
    }),
    ("another payer", |config| config.plan.payer_names = serde_json::from_value(json!(["Another plan"])).unwrap()),
];

/// The exchanges under all of these settings, about all stories. They are made once.
pub(crate) async fn exchanges_under_all_settings() -> &'static [Exchange] {
    static ALL: OnceCell<Vec<Exchange>> = OnceCell::const_new();
    let exchange = || async {
        let mut found = Vec::new();
        for (setting, change) in SETTINGS {
            let all_hooks = |config: &mut Config| {
                config.crd.hooks = CRD_HOOKS.to_vec();
                change(config);
            };
            found.extend(exchange_all(setting, all_hooks, stories()).await);
        }
        found
    };
    ALL.get_or_init(exchange).await
}

async fn exchange_all(setting: &'static str, change: impl FnOnce(&mut Config), stories: Vec<Case>) -> Vec<Exchange> {
    let app = TestApp::on_the_day_of_the_fixtures_with(change);
    let discovery = app.discovery().await.json();
    let mut found = Vec::new();
    for hook in CRD_HOOKS {
        let services = discovery["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["hook"] == hook.as_str()).unwrap();
        let path = format!("/cds-services/{}", service["id"].as_str().unwrap());
        // A test kit signs one token for all calls of a hook.
        let token = good_token();
        for (version, story) in CRD_VERSIONS.into_iter().flat_map(|version| stories.iter().map(move |story| (version, story))) {
            for request in hook_calls(story, hook, version) {
                let answer = app.send(bearing(&token, post(&path, request.to_string()))).await;
                let (status, text) = (answer.status.as_u16(), answer.text());
                let (story, answer) = (story.name.clone(), serde_json::from_str(&text).unwrap_or_default());
                found.push(Exchange { setting, hook, version, story, request, status, text, answer });
            }
        }
    }
    found
}
