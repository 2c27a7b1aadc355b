//! A client's FHIR server: it has the chart of a story and answers searches, except for the types that a test overrides.
//! Also servers that fail on the wire in ways that no HTTP library would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sij_cds::config::{Config, FhirServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{Case, Json};

/// The resource type of every list of a call, in the order of the policy's data.
pub(crate) const LISTS: [&str; 9] = [
    "AllergyIntolerance",
    "Condition",
    "Coverage",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
];

/// The token of every call.
pub(crate) const TOKEN: &str = "a-token-for-one-base-alone-5e1b";

pub(crate) struct FhirServer {
    server: MockServer,
    chart: Chart,
}

impl FhirServer {
    /// A server with everything in a story's prefetch.
    pub(crate) async fn of(story: &Case) -> Self {
        let server = MockServer::start().await;
        let chart = Chart::of(story);
        Mock::given(any()).respond_with(chart.clone()).with_priority(9).mount(&server).await;
        Self { server, chart }
    }

    /// A server without any resources.
    pub(crate) async fn without_entries() -> Self {
        let server = MockServer::start().await;
        let chart = Chart::default();
        Mock::given(any()).respond_with(chart.clone()).with_priority(9).mount(&server).await;
        Self { server, chart }
    }

    /// The same server with another answer for one type, for a limited number of times.
    pub(crate) async fn answering_times(self, times: u64, resource_type: &str, answer: impl Respond + 'static) -> Self {
        let mock = Mock::given(path(format!("/fhir/{resource_type}"))).respond_with(answer);
        mock.up_to_n_times(times).with_priority(1).mount(&self.server).await;
        self
    }

    /// The same server, with another answer for one type.
    pub(crate) async fn answering(self, resource_type: &str, answer: impl Respond + 'static) -> Self {
        let mock = Mock::given(path(format!("/fhir/{resource_type}"))).respond_with(answer);
        mock.with_priority(2).mount(&self.server).await;
        self
    }

    /// The same server, with another answer to everything.
    pub(crate) async fn answering_everything(self, answer: impl Respond + 'static) -> Self {
        Mock::given(any()).respond_with(answer).with_priority(1).mount(&self.server).await;
        self
    }

    /// The same server, refusing every search with this parameter.
    pub(crate) async fn refusing(self, parameter: &'static str) -> Self {
        let has_it = move |request: &Request| request.url.query_pairs().any(|(name, _)| name == parameter);
        Mock::given(has_it).respond_with(ResponseTemplate::new(400)).with_priority(1).mount(&self.server).await;
        self
    }

    /// The same server with a delay before every answer.
    pub(crate) fn delayed(self, delay: Duration) -> Self {
        *self.chart.delay.lock().unwrap() = delay;
        self
    }

    /// The same server, with one more resource.
    pub(crate) fn holding(self, resource: Value) -> Self {
        self.chart.add(resource);
        self
    }

    pub(crate) fn base(&self) -> String {
        format!("{}/fhir", self.server.uri())
    }

    /// Every request received, ordered by type.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        let mut requests = self.server.received_requests().await.expect("requests are recorded");
        requests.sort_by_key(|request| request.url.path().to_owned());
        requests
    }

    /// The requested types, once per request.
    pub(crate) async fn types_asked(&self) -> Vec<String> {
        self.requests().await.iter().map(resource_type).collect()
    }

    /// The parameters of every request for a type.
    pub(crate) async fn parameters(&self, of_type: &str) -> Vec<BTreeMap<String, String>> {
        let requests = self.requests().await;
        requests
            .iter()
            .filter(|request| resource_type(request) == of_type)
            .map(|request| request.url.query_pairs().into_owned().collect())
            .collect()
    }
}

/// The resource type that a request asks for.
fn resource_type(request: &Request) -> String {
    request.url.path_segments().and_then(Iterator::last).unwrap_or_default().to_owned()
}

/// Resources by type; a search by id returns those, any other the whole list.
#[derive(Clone, Default)]
struct Chart {
    resources: Arc<Mutex<Vec<Value>>>,
    delay: Arc<Mutex<Duration>>,
}

impl Chart {
    fn of(story: &Case) -> Self {
        let call: Value = serde_json::from_str(&story.request).expect("JSON");
        let values = call["prefetch"].as_object().into_iter().flat_map(|prefetch| prefetch.values());
        let entries = values.flat_map(|value| value["entry"].as_array().into_iter().flatten());
        let chart = Self::default();
        entries.for_each(|entry| chart.add(entry["resource"].clone()));
        chart
    }

    fn add(&self, resource: Value) {
        self.resources.lock().unwrap().push(resource);
    }
}

impl Respond for Chart {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let ids: Option<BTreeSet<String>> =
            request.url.query_pairs().find(|(name, _)| name == "_id").map(|(_, ids)| ids.split(',').map(str::to_owned).collect());
        let named = |resource: &Value| ids.as_ref().is_none_or(|ids| ids.contains(resource["id"].as_str().unwrap_or_default()));
        let resources = self.resources.lock().unwrap();
        let found = resources.iter().filter(|resource| resource["resourceType"] == resource_type(request) && named(resource));
        page(&found.cloned().collect::<Vec<_>>(), None).set_delay(*self.delay.lock().unwrap())
    }
}

/// A searchset, with the address of the next page.
pub(crate) fn page(resources: &[Value], next: Option<&str>) -> ResponseTemplate {
    let entries: Vec<_> = resources.iter().map(|resource| json!({"resource": resource, "search": {"mode": "match"}})).collect();
    let links: Vec<_> = next.iter().map(|url| json!({"relation": "next", "url": url})).collect();
    json_answer(200, &json!({"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": links}))
}

/// An answer in the usual form of FHIR servers.
pub(crate) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/fhir+json")
}

/// The registration of a server, on a loopback address.
pub(crate) fn registered(base: &str) -> FhirServerConfig {
    let entry = json!({"name": "ehr", "base_url": base, "allow_private_addresses": true});
    serde_json::from_value(entry).expect("a server's configuration")
}

/// Registers the server with this base URL, with a circuit breaker that practically never opens.
pub(crate) fn register(config: &mut Config, base: &str) {
    config.fhir_servers = vec![registered(base)];
    config.fhir.breaker_failures = 1_000.try_into().expect("not zero");
}

/// A story's call by a client with that FHIR server; its prefetch keeps the keys that `keeps` accepts.
pub(crate) fn call_with_server(story: &Case, base: &str, keeps: impl Fn(&str) -> bool) -> Json {
    let mut call = story.json();
    call.set("fhirServer", Json::from(base));
    call.set("fhirAuthorization", Json::of(&json!({"access_token": TOKEN, "token_type": "Bearer", "subject": "client"})));
    call.at_mut("prefetch").members_mut().retain(|(key, _)| keeps(key));
    call
}

/// What a raw server does after it has sent its bytes.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Close,
    Stall,
}

/// A server that answers every request with these bytes; returns its base URL.
pub(crate) async fn on_the_wire(bytes: &'static str, then: Then) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = connection.read(&mut head).await;
                let _ = connection.write_all(bytes.as_bytes()).await;
                match then {
                    Then::Close => {}
                    Then::Stall => std::future::pending().await,
                }
            });
        }
    });
    format!("http://{address}/fhir")
}

/// The base URL of a server that refuses every connection.
pub(crate) async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}/fhir", listener.local_addr().expect("an address"))
}
