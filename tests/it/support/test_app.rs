//! The whole service in process, with a frozen clock and sequential ids. Its methods are the operations of an EHR.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::clock::FixedClock;
use sij_cds::config::{Config, Layers};
use sij_cds::http::router;
use sij_cds::ids::SequentialIds;
use tower::ServiceExt;

use super::{Answer, LogBuffer, day_of_the_fixtures};

/// The path of the service under test.
pub(crate) const SERVICE: &str = "/cds-services/sacroiliac-joint-interventions";

pub(crate) struct TestApp {
    router: Router,
}

impl TestApp {
    /// The service with its defaults.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The service with its defaults except for one change.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(frozen_now(), change)
    }

    /// The service with its defaults on the evaluation date of the fixtures.
    pub(crate) fn on_the_day_of_the_fixtures() -> Self {
        Self::on_the_day_of_the_fixtures_with(|_| {})
    }

    /// The same except for one change.
    pub(crate) fn on_the_day_of_the_fixtures_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(day_of_the_fixtures(), change)
    }

    /// The service with its defaults at another instant.
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        Self::build(now, |_| {})
    }

    fn build(now: DateTime<Utc>, change: impl FnOnce(&mut Config)) -> Self {
        LogBuffer::of_this_run();
        let mut config = default_config();
        change(&mut config);
        let ports = Ports::new(&config, Arc::new(FixedClock::at(now)), Arc::new(SequentialIds::default())).unwrap();
        Self::of(&config, ports)
    }

    /// The service with these ports.
    pub(crate) fn of(config: &Config, ports: Ports) -> Self {
        let app = App::build(config, ports).expect("the application can be built");
        Self { router: router(Arc::new(app), Arc::new(SequentialIds::default()), config) }
    }

    pub(crate) async fn discovery(&self) -> Answer {
        self.get("/cds-services").await
    }

    /// Makes an order-sign call.
    pub(crate) async fn sign(&self, call: &Value) -> Answer {
        self.sign_text(&call.to_string()).await
    }

    /// Makes an order-sign call with exactly this text.
    pub(crate) async fn sign_text(&self, call: &str) -> Answer {
        self.send(post(SERVICE, call.to_owned())).await
    }

    /// Makes an order-sign call with a token.
    pub(crate) async fn sign_as(&self, token: &str, call: &Value) -> Answer {
        self.sign_text_as(token, &call.to_string()).await
    }

    /// Makes an order-sign call with a token and exactly this text.
    pub(crate) async fn sign_text_as(&self, token: &str, call: &str) -> Answer {
        self.send(bearing(token, post(SERVICE, call.to_owned()))).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(bearing(token, Request::get(path).body(Body::empty()).unwrap())).await
    }

    pub(crate) async fn feedback(&self, feedback: &Value) -> Answer {
        self.send(post(&format!("{SERVICE}/feedback"), feedback.to_string())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let Ok(response) = self.router.clone().oneshot(request).await;
        Answer::read(response).await
    }
}

/// The defaults, independent of the environment that the tests run in.
pub(crate) fn default_config() -> Config {
    Config::layered(Layers::default()).expect("the defaults are valid")
}

/// A POST of JSON, ready to send.
pub(crate) fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

/// The same request with a token.
pub(crate) fn bearing(token: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// An order-sign call that signs nothing.
pub(crate) fn empty_sign_call() -> Value {
    json!({
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/example",
            "patientId": "example",
            "draftOrders": { "resourceType": "Bundle", "type": "collection", "entry": [] }
        }
    })
}

fn frozen_now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 9, 30, 0).unwrap()
}
