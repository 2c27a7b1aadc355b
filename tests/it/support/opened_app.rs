//! The whole service, and an EHR whose users open its app: chart, launch and browser. Not here: only the launch ([`super::smart_ehr`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sij_cds::config::Config;
use url::{Url, form_urlencoded};
use wiremock::matchers::path_regex;
use wiremock::{Mock, Request as Asked, Respond, ResponseTemplate};

use super::fhir_server::{json_answer, page};
use super::html::Html;
use super::keeping::{Keeping, KeepingApp};
use super::smart_ehr::{Begun, CODE, SmartEhr};
use super::{Answer, Case, story};

/// The chart behind the EHR's FHIR server, which supports searching and writing responses.
#[derive(Clone, Default)]
pub(crate) struct Chart {
    resources: Arc<Mutex<Vec<Value>>>,
    /// The answers to writes, if not the normal ones.
    pub(crate) refusal: Arc<Mutex<Option<u16>>>,
    pub(crate) writes: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl Chart {
    pub(crate) fn hold(&self, resource: Value) {
        self.resources.lock().unwrap().push(resource);
    }

    pub(crate) fn responses(&self) -> Vec<Value> {
        let resources = self.resources.lock().unwrap();
        resources.iter().filter(|resource| resource["resourceType"] == "QuestionnaireResponse").cloned().collect()
    }

    /// Changes a resource, as another user would.
    pub(crate) fn change(&self, id: &str, change: fn(&mut Value)) {
        self.resources.lock().unwrap().iter_mut().filter(|resource| resource["id"] == id).for_each(change);
    }

    fn search(&self, request: &Asked, resource_type: &str) -> ResponseTemplate {
        let query: HashMap<String, String> = request.url.query_pairs().into_owned().collect();
        let is_found = |resource: &&Value| {
            let named = |ids: &String| ids.split(',').any(|id| resource["id"] == id);
            resource["resourceType"] == resource_type && query.get("_id").is_none_or(named)
        };
        page(&self.resources.lock().unwrap().iter().filter(is_found).cloned().collect::<Vec<_>>(), None)
    }

    fn write(&self, request: &Asked, parts: &[String]) -> ResponseTemplate {
        let mut written: Value = request.body_json().unwrap();
        self.writes.lock().unwrap().push((request.method.to_string(), parts.join("/"), written.clone()));
        if let Some(status) = *self.refusal.lock().unwrap() {
            return json_answer(status, &json!({"resourceType": "OperationOutcome"}));
        }
        let mut resources = self.resources.lock().unwrap();
        if let Some(id) = parts.get(1) {
            let is_it = |known: &&Value| known["resourceType"] == parts[0] && known["id"] == *id;
            let version = resources.iter().find(is_it).and_then(|known| known["meta"]["versionId"].as_str());
            let expected = request.headers.get("if-match").map(|tag| tag.to_str().unwrap());
            if expected.is_some_and(|tag| Some(tag) != version.map(|version| format!("W/\"{version}\"")).as_deref()) {
                return json_answer(412, &json!({"resourceType": "OperationOutcome"}));
            }
            resources.retain(|resource| resource["resourceType"] != parts[0] || resource["id"] != *id);
            resources.push(written.clone());
            return json_answer(200, &written);
        }
        let id = format!("written-{}", resources.len());
        written["id"] = json!(id);
        resources.push(written);
        ResponseTemplate::new(201).insert_header("location", format!("/fhir/{}/{id}/_history/1", parts[0]))
    }
}

impl Respond for Chart {
    fn respond(&self, request: &Asked) -> ResponseTemplate {
        let parts: Vec<String> = request.url.path().trim_start_matches("/fhir/").split('/').map(str::to_owned).collect();
        if request.method.as_str() == "GET" { self.search(request, &parts[0]) } else { self.write(request, &parts) }
    }
}

/// The service with an EHR that may open its app.
pub(crate) struct AppAtWork {
    pub(crate) ehr: SmartEhr,
    pub(crate) chart: Chart,
    pub(crate) keeping: Keeping,
    pub(crate) app: KeepingApp,
    pub(crate) patient: String,
    call: Value,
    change: fn(&mut Value),
}

/// A browser with its state.
#[derive(Clone, Default)]
pub(crate) struct Surfer {
    pub(crate) cookie: Option<String>,
    /// Whether it is in a frame, and blocks cookies there.
    pub(crate) blocks_cookies: bool,
    pub(crate) agent: &'static str,
}

impl Surfer {
    pub(crate) fn request(&self, request: axum::http::request::Builder) -> axum::http::request::Builder {
        let request = request.header("user-agent", self.agent).header("accept-language", "en");
        let request = if self.blocks_cookies { request.header("sec-fetch-dest", "iframe") } else { request };
        match &self.cookie {
            Some(cookie) => request.header("cookie", format!("other=1; {cookie}")),
            None => request,
        }
    }

    fn take(&mut self, answer: &Answer) {
        if let Some(given) = answer.header("set-cookie").filter(|_| !self.blocks_cookies) {
            self.cookie = given.split(';').next().map(str::to_owned);
        }
    }
}

impl AppAtWork {
    /// With a story's chart, and its order as a draft that is only in calls.
    pub(crate) async fn of(story: &Case) -> Self {
        Self::with(story, |_| {}, |_| {}).await
    }

    /// The same with another configuration, or other tokens.
    pub(crate) async fn with(story: &Case, configure: impl FnOnce(&mut Config), change: fn(&mut Value)) -> Self {
        let entry = json!({"authentication": "public", "frame_ancestors": ["https://ehr.example"]});
        let ehr = SmartEhr::configured(entry, configure).await;
        let (chart, mut call): (Chart, Value) = (Chart::default(), serde_json::from_str(&story.request).unwrap());
        for entry in call["prefetch"].as_object().into_iter().flat_map(|prefetch| prefetch.values()) {
            entry["entry"].as_array().into_iter().flatten().for_each(|entry| chart.hold(entry["resource"].clone()));
        }
        call.as_object_mut().unwrap().remove("prefetch");
        call["fhirServer"] = json!(ehr.iss());
        let patient = call["context"]["patientId"].as_str().unwrap().to_owned();
        Mock::given(path_regex("^/fhir/[A-Z]")).respond_with(chart.clone()).with_priority(255).mount(&ehr.server).await;
        let mut keeping = Keeping::with_clock(ehr.clock.clone());
        let ledger = keeping.config.ledger.clone();
        keeping.config = ehr.config.clone();
        keeping.config.ledger = ledger;
        let app = keeping.app().await;
        Self { ehr, chart, keeping, app, patient, call, change }
    }

    /// Signs the story's order; returns the answer.
    pub(crate) async fn sign(&self) -> Value {
        let answer = self.app.http.sign(&self.call).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) fn order(&self) -> Value {
        self.call["context"]["draftOrders"]["entry"][0]["resource"].clone()
    }

    /// Begins a launch; returns the URL that the browser is sent to.
    pub(crate) async fn launch(&self, surfer: &mut Surfer) -> Begun {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("iss", &self.ehr.iss()).append_pair("launch", "l").finish();
        let answer = self.get(surfer, &format!("/smart/launch?{query}")).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        surfer.take(&answer);
        let url: Url = answer.header("location").unwrap().parse().unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        Begun::new(query["state"].clone(), &url)
    }

    /// Returns from the EHR with a card's context; the result is the answer.
    pub(crate) async fn come_back(&self, surfer: &Surfer, begun: &Begun, context: &Value) -> Answer {
        let mut token = self.ehr.token(begun);
        token["patient"] = json!(self.patient);
        token["appContext"] = context.clone();
        (self.change)(&mut token);
        self.ehr.answers("/token", ResponseTemplate::new(200).set_body_json(&token)).await;
        self.get(surfer, &format!("/smart/callback/main?code={CODE}&state={}", begun.state)).await
    }

    /// Opens the app with a card's context; returns the URL of its page.
    pub(crate) async fn open(&self, surfer: &mut Surfer, context: &Value) -> String {
        let begun = self.launch(surfer).await;
        let answer = self.come_back(surfer, &begun, context).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn get(&self, surfer: &Surfer, address: &str) -> Answer {
        self.app.http.send(surfer.request(Request::get(address)).body(Body::empty()).unwrap()).await
    }

    /// Submits a form.
    pub(crate) async fn send(&self, surfer: &Surfer, address: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(address).header("content-type", "application/x-www-form-urlencoded");
        self.app.http.send(surfer.request(request).body(Body::from(body)).unwrap()).await
    }
}

/// The value of a hidden field on a page.
pub(crate) fn hidden(answer: &Answer, name: &str) -> String {
    let page = Html::parse(&answer.text());
    let input = page.all("input").into_iter().find(|input| input.get("name") == Some(name));
    input.unwrap_or_else(|| panic!("no {name} in {}", answer.text())).get("value").unwrap().to_owned()
}

/// Answers to what the story leaves open.
pub(crate) const ANSWERS: [(&str, &str); 15] = [
    ("pain-below-l5-nonradicular", "true"),
    ("pain-interferes-adls", "true"),
    ("adls-limited-since", "2026-03"),
    ("examined-side", "right"),
    ("sij-tenderness", "true"),
    ("test-distraction", "positive"),
    ("test-compression", "positive"),
    ("test-thigh-thrust", "positive"),
    ("test-gaenslen", "negative"),
    ("disc-or-facet-evidence", "false"),
    ("other-diagnosis-more-likely", "false"),
    ("exercise-therapy-weeks", "8"),
    ("nsaid-weeks", "4"),
    ("activity-modification-weeks", "8"),
    ("conservative-care-failed", "true"),
];

pub(crate) fn surfer() -> Surfer {
    Surfer { agent: "browser/1", ..Surfer::default() }
}

pub(crate) async fn at_work() -> AppAtWork {
    AppAtWork::of(&story("nothing-documented")).await
}

/// The context that a card's link passes on.
pub(crate) fn context_of(answer: &Value) -> Value {
    let links = answer["cards"][0]["links"].as_array().unwrap();
    let link = links.iter().find(|link| link["type"] == "smart").unwrap();
    assert_eq!(link["url"], "https://cds.plan.example/smart/launch");
    link["appContext"].clone()
}

/// The fields of a page's form with the answers, submitted by one of its buttons.
pub(crate) fn filled<'f>(csrf: &'f str, order: &'f str, action: &'f str) -> Vec<(&'f str, &'f str)> {
    [("csrf", csrf), ("order", order), ("action", action)].into_iter().chain(ANSWERS).collect()
}

/// Opens the app from a card and shows its page.
pub(crate) async fn opened(work: &AppAtWork, surfer: &mut Surfer) -> (String, Answer) {
    let context = context_of(&work.sign().await);
    let address = work.open(surfer, &context).await;
    let page = work.get(surfer, &address).await;
    assert_eq!(page.status, 200, "{}", page.text());
    (address, page)
}
