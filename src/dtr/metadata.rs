//! The capabilities of this service's FHIR API (FHIR R4, `CapabilityStatement`).
//! Not here: discovery of hooks ([`crate::decision`]).

use chrono::{DateTime, SecondsFormat, Utc};
use fhir_sdk::r4b::codes::{CapabilityStatementKind, FHIRVersion, PublicationStatus, ResourceType, RestfulCapabilityMode, SearchParamType};
use fhir_sdk::r4b::resources::{
    CapabilityStatement, CapabilityStatementImplementation, CapabilityStatementRest, CapabilityStatementRestResource,
    CapabilityStatementRestResourceInteraction, CapabilityStatementRestResourceOperation, CapabilityStatementRestResourceSearchParam,
    CapabilityStatementRestSecurity, CapabilityStatementSoftware,
};

use crate::config::{AuthMode, Config};
use crate::decision::{PublishedKind, PublishedResource};

const PACKAGE: &str = "http://hl7.org/fhir/us/davinci-dtr/OperationDefinition/questionnaire-package";
const STANDARD_FORM: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/dtr-std-questionnaire";

/// The path of FHIR resources below the service's base URL.
const FHIR: &str = "/fhir";

/// The base URL and capabilities of the FHIR API.
#[derive(Debug)]
pub(super) struct FhirApi {
    /// The public base URL of the FHIR resources, if known.
    base: Option<String>,
    /// The `CapabilityStatement`.
    pub(super) statement: Vec<u8>,
}

impl FhirApi {
    /// Builds both from the configuration.
    pub(super) fn new(config: &Config, now: DateTime<Utc>) -> Self {
        let base = config.server.public_url.as_ref().map(|url| format!("{}{FHIR}", url.as_str().trim_end_matches('/')));
        let statement = capability_statement(config.auth_mode(), base.as_deref(), now).unwrap_or_default();
        Self { base, statement }
    }

    /// The URL of a resource; its canonical URL if the base URL is unknown.
    pub(super) fn address(&self, kind: PublishedKind, document: &PublishedResource) -> String {
        self.base.as_ref().map_or_else(|| document.url.clone(), |base| format!("{base}/{}", document.path(kind)))
    }

    /// The URL of a search; a relative one if the base URL is unknown.
    pub(super) fn search_address(&self, kind: PublishedKind) -> String {
        format!("{}/{}", self.base.as_deref().unwrap_or(FHIR), kind.as_str())
    }
}

/// The statement of this service instance. `base` is the public URL of its FHIR resources.
fn capability_statement(mode: AuthMode, base: Option<&str>, now: DateTime<Utc>) -> Option<Vec<u8>> {
    let software = CapabilityStatementSoftware::builder().name("sij-cds".to_owned()).version(env!("CARGO_PKG_VERSION").to_owned());
    let mut implementation = CapabilityStatementImplementation::builder()
        .description("The documentation form for sacroiliac joint injections, for DTR clients".to_owned());
    if let Some(base) = base {
        implementation = implementation.url(base.to_owned());
    }
    let statement = CapabilityStatement::builder()
        .status(PublicationStatus::Active)
        .date(now.to_rfc3339_opts(SecondsFormat::Secs, true).parse().ok()?)
        .kind(CapabilityStatementKind::Instance)
        .software(software.build().ok()?)
        .implementation(implementation.build().ok()?)
        .fhir_version(FHIRVersion::N401)
        .format(["application/fhir+json", "json"].map(|format| Some(format.to_owned())).to_vec())
        .rest(vec![Some(rest(mode)?)]);
    serde_json::to_vec(&fhir_json::to_json(&statement.build().ok()?.into())?).ok()
}

fn rest(mode: AuthMode) -> Option<CapabilityStatementRest> {
    let asks = match mode {
        AuthMode::Required => {
            "$questionnaire-package asks for a JWT of a registered client, as hook calls do (CDS Hooks, \"Trusting CDS Clients\")."
        }
        AuthMode::Development => "Development mode: callers are not authenticated.",
    };
    let security = CapabilityStatementRestSecurity::builder().description(asks.to_owned()).build().ok()?;
    let mut form = resource(ResourceType::Questionnaire)?;
    form.supported_profile = vec![Some(STANDARD_FORM.to_owned())];
    let operation =
        CapabilityStatementRestResourceOperation::builder().name("questionnaire-package".to_owned()).definition(PACKAGE.to_owned());
    form.operation = vec![Some(operation.build().ok()?)];
    let resources = vec![Some(form), Some(resource(ResourceType::ValueSet)?)];
    CapabilityStatementRest::builder().mode(RestfulCapabilityMode::Server).security(security).resource(resources).build().ok()
}

/// A type that supports read, and search by URL and version.
fn resource(kind: ResourceType) -> Option<CapabilityStatementRestResource> {
    let interaction = |code: &str| CapabilityStatementRestResourceInteraction::builder().code(code.to_owned()).build().ok();
    let search = |name: &str, kind| CapabilityStatementRestResourceSearchParam::builder().name(name.to_owned()).r#type(kind).build().ok();
    let interactions = vec![Some(interaction("read")?), Some(interaction("search-type")?)];
    let searches = vec![Some(search("url", SearchParamType::Uri)?), Some(search("version", SearchParamType::Token)?)];
    CapabilityStatementRestResource::builder().r#type(kind).interaction(interactions).search_param(searches).build().ok()
}
