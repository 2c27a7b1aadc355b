//! The application without HTTP, for tests of evaluations.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use serde_json::Value;
use sij_cds::app::{App, Ports};
use sij_cds::auth::Credentials;
use sij_cds::clock::{Clock, FixedClock};
use sij_cds::config::Config;
use sij_cds::ids::SequentialIds;
use sij_cds::policy::Evaluation;
use sij_cds::service::CallError;

use super::default_config;

/// The evaluation instant of all fixtures.
pub(crate) fn day_of_the_fixtures() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(crate) struct Evaluator {
    app: App,
    clock: FixedClock,
}

impl Evaluator {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The application with its defaults except for one change.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(day_of_the_fixtures(), change)
    }

    /// The application with its defaults at another instant.
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        Self::build(now, |_| {})
    }

    fn build(now: DateTime<Utc>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = default_config();
        change(&mut config);
        let clock = FixedClock::at(now);
        let ports = Ports::new(&config, Arc::new(clock), Arc::new(SequentialIds::default())).unwrap();
        Self { app: App::build(&config, ports).expect("the application can be built"), clock }
    }

    /// The evaluation of a request, in the form of the contract.
    #[track_caller]
    pub(crate) fn evaluate(&self, request: &str) -> Value {
        self.try_evaluate(request).unwrap_or_else(|error| panic!("{error}\n{request}"))
    }

    pub(crate) fn try_evaluate(&self, request: &str) -> Result<Value, CallError> {
        self.app.hooks.evaluate(request, self.clock.now()).map(|decision| serde_json::to_value(decision.report()).expect("JSON"))
    }

    /// The patient record parsed from a request.
    #[track_caller]
    pub(crate) fn with_evaluation<T>(&self, request: &str, read: impl FnOnce(&Evaluation<'_>) -> T) -> T {
        read(&self.app.hooks.evaluate(request, self.clock.now()).unwrap_or_else(|error| panic!("{error}\n{request}")).evaluation)
    }

    /// The answer to a call.
    pub(crate) fn answer(&self, request: &str) -> Result<String, CallError> {
        let caller =
            self.app.authenticate(Credentials::default()).now_or_never().expect("nobody is asked").expect("anybody may call").client;
        let answer =
            self.app.hooks.answer(&caller, request.as_bytes()).now_or_never().expect("without FHIR servers there is nothing to wait for");
        answer.map(|answer| String::from_utf8(answer).expect("text"))
    }
}
