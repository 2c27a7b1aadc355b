//! Every log line of a call contains its request id, at every level, and the caller receives the same id.

use std::sync::Arc;

use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::clock::FixedClock;
use sij_cds::http::router;
use sij_cds::ids::SequentialIds;
use tower::ServiceExt;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::callers::{EC_KEY, PUBLIC_URL, Token, client, key_set};
use crate::support::fhir_server::{FhirServer, call_with_server, registered};
use crate::support::{Answer, LogBuffer, SERVICE, bearing, day_of_the_fixtures, default_config, post, story};

const REQUEST_ID: &str = "5a0b7c1e-3f24-4d19-9b52-6c8e7f0a1d2b";

/// The client and server names are unique to this test, so that every line about either is found.
const NAME: &str = "of-the-log-lines";

fn lines() -> Vec<Value> {
    let log = LogBuffer::of_this_run().text();
    log.lines().filter(|line| line.contains(NAME)).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A call that fetches keys, searches for lists, and decides an order.
async fn call_that_takes_every_step(keys: &MockServer, server: &FhirServer) -> Answer {
    LogBuffer::of_this_run();
    let (mut config, jku) = (default_config(), format!("{}/jwks.json", keys.uri()));
    config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
    config.fhir_servers = vec![registered(&server.base())];
    NAME.clone_into(&mut config.fhir_servers[0].name);
    config.clients = vec![client(json!({"name": NAME, "iss": "https://ehr.example", "jwks_uri": jku,
        "allow_private_addresses": true, "fhir_servers": [NAME]}))];
    let clock = Arc::new(FixedClock::at(day_of_the_fixtures()));
    let app = App::build(&config, Ports::new(&config, clock, Arc::new(SequentialIds::default())).unwrap()).unwrap();
    let router = router(Arc::new(app), Arc::new(SequentialIds::default()), &config);
    let token = Token::good().header("jku", json!(jku)).signed_by(&EC_KEY);
    let call = call_with_server(&story("third-injection-at-seven-weeks"), &server.base(), |_| false);
    let mut request = bearing(&token, post(SERVICE, call.to_string()));
    request.headers_mut().insert("x-request-id", REQUEST_ID.parse().unwrap());
    let Ok(response) = router.oneshot(request).await;
    Answer::read(response).await
}

#[tokio::test]
async fn every_line_within_a_call_carries_its_request_id() {
    let keys = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(key_set([EC_KEY.jwk("ehr-1")]))).mount(&keys).await;
    let server = FhirServer::of(&story("third-injection-at-seven-weeks")).await;
    let answer = call_that_takes_every_step(&keys, &server).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-request-id")), (200, Some(REQUEST_ID)), "{}", answer.text());
    let lines = lines();
    for message in ["key set fetched", "searched", "decided", "answered"] {
        assert!(lines.iter().any(|line| line["message"] == message), "no line `{message}`");
    }
    let without: Vec<&Value> = lines.iter().filter(|line| line["span"]["request_id"] != REQUEST_ID).collect();
    assert_eq!(without, Vec::<&Value>::new());
}
