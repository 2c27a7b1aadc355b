//! `GET /openapi.json`: every route with its requests and responses (OpenAPI 3.1), generated from the handlers and their types.
//! Not here: the success responses of each operation, which are documented at its handler.

mod answers;
pub(super) mod bodies;
mod package;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{RefOr, Server};

use super::state::Service;
use super::{discovery, favicon, feedback, fhir_metadata, fhir_package, fhir_questionnaire, fhir_value_set, health, hook, metrics};
use crate::app::App;
use crate::cds_hooks::Hook;
use crate::config::{AuthMode, Config};
use crate::decision::PublishedKind;
use answers::Faults;

/// The name of the client token's security scheme.
const TOKEN: &str = "clientToken";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "sij-cds",
        description = "Coverage criteria for sacroiliac joint interventions, by CDS Hooks. Every fault is an OperationOutcome."
    ),
    paths(
        discovery::show,
        hook::answer,
        feedback::take,
        fhir_metadata::show,
        fhir_questionnaire::search,
        fhir_questionnaire::read,
        fhir_questionnaire::read_of_policy,
        fhir_value_set::search,
        fhir_value_set::read,
        fhir_value_set::read_of_policy,
        fhir_package::answer,
        favicon::show,
        health::live,
        health::ready,
        metrics::show,
        show
    ),
    components(schemas(bodies::OperationOutcome)),
    tags(
        (name = "CDS Hooks", description = "For EHRs: <https://cds-hooks.hl7.org/2.0/>"),
        (name = "FHIR", description = "For DTR clients: <http://hl7.org/fhir/us/davinci-dtr>"),
        (name = "Operations", description = "For whoever runs the service.")
    )
)]
struct Documented;

/// The published examples: a small call, small feedback and a small documentation request.
const EXAMPLES: [(&str, &str); 3] = [
    ("/paths/~1cds-services~1{id}", include_str!("../../../cds-hooks/examples/order-sign.json")),
    ("/paths/~1cds-services~1{id}~1feedback", include_str!("../../../cds-hooks/examples/feedback.json")),
    ("/paths/~1fhir~1Questionnaire~1$questionnaire-package", include_str!("../../../cds-hooks/examples/questionnaire-package.json")),
];

/// Answers with the description of every route.
#[utoipa::path(get, path = "/openapi.json", tag = "Operations", operation_id = "describe",
    responses((status = 200, description = "This document.", body = Value)))]
pub(super) async fn show(State(service): State<Service>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], service.openapi)
}

/// Builds the document for a configuration.
pub(super) fn document(app: &App, config: &Config) -> Bytes {
    let is_authenticated = config.auth_mode() == AuthMode::Required;
    let mut document = <Documented as utoipa::OpenApi>::openapi();
    for (path, item) in &mut document.paths.paths {
        let faults = faults(path, config.auth.protect_discovery);
        for operation in operations(item) {
            faults.describe(operation, is_authenticated);
            if is_authenticated && faults.are_behind_the_gate() {
                operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
            }
        }
    }
    document.servers = config.server.public_url.as_ref().map(|url| vec![Server::new(url.as_str().trim_end_matches('/'))]);
    if let (true, Some(components)) = (is_authenticated, &mut document.components) {
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.bearer_format = Some("JWT".to_owned());
        token.description =
            Some("A JWT of a registered client, for this service, used once (CDS Hooks, \"Trusting CDS Clients\").".to_owned());
        components.security_schemes.insert(TOKEN.to_owned(), RefOr::T(SecurityScheme::Http(token)));
    }
    let mut json = serde_json::to_value(&document).unwrap_or_default();
    say_what_types_cannot(&mut json, app);
    Bytes::from(json.to_string())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}

fn faults(path: &str, is_discovery_protected: bool) -> Faults {
    match path {
        "/cds-services" | "/fhir/Questionnaire" | "/fhir/ValueSet" if is_discovery_protected => Faults::Protected,
        "/fhir/Questionnaire/{id}" | "/fhir/ValueSet/{id}" | "/fhir/{policy}/Questionnaire/{id}" | "/fhir/{policy}/ValueSet/{id}" => {
            Faults::Read { is_protected: is_discovery_protected }
        }
        "/fhir/Questionnaire/$questionnaire-package" => Faults::Package,
        "/cds-services/{id}" => Faults::Call,
        "/cds-services/{id}/feedback" => Faults::Feedback,
        "/health/ready" => Faults::Readiness,
        "/metrics" => Faults::Hidden,
        _ => Faults::Any,
    }
}

/// Adds what types cannot express: the service ids, the body schemas, and that an access token requires a server.
fn say_what_types_cannot(document: &mut Value, app: &App) {
    let ids = app.service_ids();
    for (path, example) in EXAMPLES {
        if let Some(schema) = document.pointer_mut(&format!("{path}/post/parameters/0/schema")) {
            *schema = json!({"type": "string", "enum": ids});
        }
        if let Some(content) = document.pointer_mut(&format!("{path}/post/requestBody/content/application~1json")) {
            content["example"] = serde_json::from_str(example).unwrap_or_default();
        }
    }
    for kind in [PublishedKind::Questionnaire, PublishedKind::ValueSet] {
        let (ids, policies) = (app.dtr.published_ids(kind), app.dtr.policy_ids());
        let of_default = format!("/paths/~1fhir~1{}~1{{id}}/get/parameters", kind.as_str());
        let of_policy = format!("/paths/~1fhir~1{{policy}}~1{}~1{{id}}/get/parameters", kind.as_str());
        for (parameter, values) in
            [(format!("{of_default}/0"), &ids), (format!("{of_policy}/0"), &policies), (format!("{of_policy}/1"), &ids)]
        {
            if let Some(schema) = document.pointer_mut(&format!("{parameter}/schema")) {
                *schema = json!({"type": "string", "enum": values});
            }
        }
    }
    if let Some(input) = document.pointer_mut("/components/schemas/PackageParameters") {
        *input = package::parameters();
    }
    if let Some(call) = document.pointer_mut("/components/schemas/HookCall").and_then(Value::as_object_mut) {
        let hooks: Vec<_> = app.hook_names().iter().map(|hook| hook.as_str()).collect();
        call.insert("allOf".to_owned(), contexts());
        if let Some(hook) = call.get_mut("properties").and_then(|properties| properties.get_mut("hook")) {
            *hook = json!({"type": "string", "enum": hooks});
        }
        call.insert("if".to_owned(), json!({"required": ["fhirAuthorization"], "properties": {"fhirAuthorization": {"type": "object"}}}));
        call.insert("then".to_owned(), json!({"required": ["fhirServer"], "properties": {"fhirServer": {"type": "string"}}}));
    }
}

/// The required members of each hook's context.
fn contexts() -> Value {
    let context = |hook: Hook| match hook {
        Hook::OrderSign => json!(["userId", "patientId", "draftOrders"]),
        Hook::OrderSelect => json!(["userId", "patientId", "draftOrders", "selections"]),
        Hook::OrderDispatch => json!(["patientId"]),
        Hook::AppointmentBook => json!(["userId", "patientId", "appointments"]),
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => json!(["userId", "patientId"]),
    };
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    // For both versions of the hook.
    let orders = || {
        json!([
            {"required": ["dispatchedOrders"], "properties": {"dispatchedOrders": texts()}},
            {"required": ["order"], "properties": {"order": {"type": "string"}, "dispatchedOrders": {"type": "null"}}},
        ])
    };
    let bundle = || json!({"$ref": "#/components/schemas/DraftOrders"});
    let member = |name: &str| match name {
        "selections" => texts(),
        "draftOrders" => bundle(),
        // The examples on the hook's page have a list.
        "appointments" => json!({"anyOf": [bundle(), {"type": "array"}]}),
        _ => json!({"type": "string"}),
    };
    let rule = |hook: &Hook| {
        let properties = json!({"hook": {"const": hook.as_str()}});
        let is_it = json!({"required": ["hook"], "properties": properties});
        let required = context(*hook);
        let names = required.as_array().into_iter().flatten().filter_map(Value::as_str);
        let members: serde_json::Map<_, _> = names.map(|name| (name.to_owned(), member(name))).collect();
        let mut context = serde_json::Map::from_iter([("required".to_owned(), required), ("properties".to_owned(), members.into())]);
        if *hook == Hook::OrderDispatch {
            context.insert("anyOf".to_owned(), orders());
        }
        json!({"if": is_it, "then": {"properties": {"context": context}}})
    };
    Value::Array(Hook::ALL.iter().map(rule).collect())
}
