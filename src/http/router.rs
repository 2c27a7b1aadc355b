//! All routes (protocol section 1).
//! Not here: the middleware in front of them; see [`super::middleware`].

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::admission::Admission;
use super::open_routes::limited;
use super::request_log::Observer;
use super::signature_failures::SignatureFailures;
use super::state::{Gate, Service};
use super::{HttpError, discovery, favicon, feedback, health, hook, metrics, middleware, openapi, smart};
use super::{fhir_metadata, fhir_package, fhir_questionnaire, fhir_value_set};
use crate::app::App;
use crate::config::Config;
use crate::ids::IdSource;

/// Builds the whole service, including middleware. `ids` provides the request ids.
pub fn router(app: Arc<App>, ids: Arc<dyn IdSource>, config: &Config) -> Router {
    let server = Arc::new(config.server.clone());
    let admission = Arc::new(Admission::new(&server, config.clients.len()));
    let signature_failures = Arc::new(SignatureFailures::new(config.limits.wrong_signatures_per_minute));
    let observer = Observer::new(ids);
    let gate = Gate { app: Arc::clone(&app), server: Arc::clone(&server), signature_failures, admission };
    let openapi = openapi::document(&app, config);
    let calls = Router::new()
        .route("/cds-services/{id}", post(hook::answer))
        .route("/cds-services/{id}/feedback", post(feedback::take))
        .route("/fhir/Questionnaire/$questionnaire-package", post(fhir_package::answer));

    let published = Router::new()
        .route("/cds-services", get(discovery::show))
        .route("/fhir/Questionnaire", get(fhir_questionnaire::search))
        .route("/fhir/Questionnaire/{id}", get(fhir_questionnaire::read))
        .route("/fhir/ValueSet", get(fhir_value_set::search))
        .route("/fhir/ValueSet/{id}", get(fhir_value_set::read))
        .route("/fhir/{policy}/Questionnaire/{id}", get(fhir_questionnaire::read_of_policy))
        .route("/fhir/{policy}/ValueSet/{id}", get(fhir_value_set::read_of_policy));
    let published = if config.auth.protect_discovery { middleware::around_calls(published, &gate) } else { limited(published, &server) };
    let capabilities = limited(Router::new().route("/fhir/metadata", get(fhir_metadata::show)), &server);

    let launches =
        Router::new().route("/smart/launch", get(smart::launch::begin)).route("/smart/callback/{ehr}", get(smart::callback::end));
    let pages = Router::new().route("/smart/app/{session}", get(smart::page::show).post(smart::page::take));
    // Neither waits for anything, so neither has a limit.
    let files =
        Router::new().route("/smart/assets/{name}", get(smart::asset::show)).route("/.well-known/jwks.json", get(smart::keys::show));
    // Slow forms use up no room for launches.
    let smart_routes = files.merge(limited(launches, &server)).merge(limited(pages, &server));
    let smart_routes = if app.smart.is_on() { smart_routes } else { Router::new() };

    let routes = Router::new()
        .merge(smart_routes)
        .merge(published)
        .merge(capabilities)
        .route("/favicon.ico", get(favicon::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/openapi.json", get(openapi::show))
        .merge(middleware::around_calls(calls, &gate))
        .fallback(async || HttpError::UnknownPath)
        .method_not_allowed_fallback(async || HttpError::WrongMethod)
        .with_state(Service { app, server, metrics: Arc::new(config.metrics.clone()), openapi });

    middleware::around_all(routes, observer, config)
}
