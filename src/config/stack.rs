//! Merges the layers and attributes every error to the layer it comes from.
//! Not here: which layers there are; see [`super::load`].

use figment::error::Kind;
use figment::{Figment, Provider};
use serde::de::DeserializeOwned;

use super::error::SectionError;
use super::{
    AuthConfig, ClientConfig, Config, ConfigError, CorsConfig, CrdConfig, DevelopmentConfig, FhirConfig, FhirServerConfig, InvalidSetting,
    LedgerConfig, LimitsConfig, LogConfig, MetricsConfig, Origin, PlanConfig, PolicyConfig, ServerConfig, SmartConfig, TlsConfig,
    TracesConfig,
};
use super::{clients, fhir, plan, smart};

/// The merged layers, and the errors found so far.
#[derive(Default)]
pub(super) struct Stack {
    merged: Figment,
    layers: Vec<(Origin, Figment)>,
    faults: Vec<InvalidSetting>,
}

impl Stack {
    /// Adds `layer` on top. The layers below are complete and well-typed, so any error is this layer's. An invalid layer is
    /// skipped, so that errors in later ones are found too.
    pub(super) fn add(&mut self, origin: Origin, layer: &impl Provider) {
        let layer = Figment::from(layer);
        let merged = self.merged.clone().merge(&layer);
        let errors = unreadable(&merged);
        if errors.is_empty() {
            self.merged = merged;
            self.layers.push((origin, layer));
        } else {
            self.faults.extend(errors.into_iter().map(|error| fault(error, &origin)));
        }
    }

    /// Returns the merged configuration if every layer and section is valid.
    pub(super) fn finish(mut self) -> Result<Config, ConfigError> {
        let config: Config = match self.merged.extract() {
            Ok(config) => config,
            Err(error) => return Err(ConfigError::Invalid { faults: vec![fault(error, &Origin::Default)] }),
        };
        let sections = [
            ("server", config.server.validate(config.auth_mode(), &config.tls)),
            ("tls", config.tls.validate()),
            ("auth", config.auth.validate(&config.clients, config.server.listen)),
            ("cors", config.cors.validate()),
            ("crd", config.crd.validate()),
            ("plan", config.plan.validate()),
            ("plans", plan::validate_plans(&config.plan, &config.plans)),
            ("policy", config.policy.validate()),
            ("fhir", config.fhir.validate(config.server.deadline, &config.fhir_servers)),
            ("fhir_servers", fhir::validate_servers(&config.fhir_servers)),
            ("smart", config.smart.validate(&launch_surroundings(&config))),
            ("ledger", config.ledger.validate(config.auth_mode())),
            ("clients", clients::validate_clients(&config.clients, &surroundings(&config))),
            ("development", config.development.validate(config.auth_mode(), &config.plan, &config.plans)),
            ("traces", config.traces.validate()),
        ];
        for (section, found) in sections {
            self.record(section, found);
        }
        if self.faults.is_empty() { Ok(config) } else { Err(ConfigError::Invalid { faults: self.faults }) }
    }

    fn record(&mut self, section: &str, found: Vec<SectionError>) {
        for SectionError { key, message } in found {
            let key = format!("{section}.{key}");
            let origin = self.origin_of(&key);
            self.faults.push(InvalidSetting { key, origin, message });
        }
    }

    /// The topmost layer that sets `key`, or the list that contains its entry.
    fn origin_of(&self, key: &str) -> Origin {
        let list = key.rsplit_once('.').map_or(key, |(list, _)| list);
        let sets = |layer: &Figment| layer.find_value(key).is_ok() || layer.find_value(list).is_ok_and(|value| value.as_array().is_some());
        let topmost = self.layers.iter().rev().find(|(_, layer)| sets(layer));
        topmost.map_or(Origin::Default, |(origin, _)| origin.clone())
    }
}

/// What the clients' entries refer to.
fn surroundings(config: &Config) -> clients::ClientSurroundings<'_> {
    clients::ClientSurroundings {
        public_url: config.server.public_url.as_ref(),
        fhir_servers: &config.fhir_servers,
        plan: &config.plan,
        plans: &config.plans,
        client_certificates: config.tls.client_ca_file.is_some(),
    }
}

/// What the SMART app's entries refer to.
fn launch_surroundings(config: &Config) -> smart::SmartSurroundings<'_> {
    smart::SmartSurroundings {
        public_url: config.server.public_url.as_ref(),
        fhir_servers: &config.fhir_servers,
        plan: &config.plan,
        plans: &config.plans,
    }
}

/// The first error of each section, or an error in the section names.
fn unreadable(figment: &Figment) -> Vec<figment::Error> {
    let sections = [
        section_error::<ServerConfig>(figment, "server"),
        section_error::<TlsConfig>(figment, "tls"),
        section_error::<LimitsConfig>(figment, "limits"),
        section_error::<AuthConfig>(figment, "auth"),
        list_error::<ClientConfig>(figment, "clients"),
        section_error::<DevelopmentConfig>(figment, "development"),
        section_error::<CorsConfig>(figment, "cors"),
        section_error::<CrdConfig>(figment, "crd"),
        section_error::<PlanConfig>(figment, "plan"),
        list_error::<PlanConfig>(figment, "plans"),
        section_error::<PolicyConfig>(figment, "policy"),
        section_error::<FhirConfig>(figment, "fhir"),
        list_error::<FhirServerConfig>(figment, "fhir_servers"),
        section_error::<SmartConfig>(figment, "smart"),
        section_error::<LedgerConfig>(figment, "ledger"),
        section_error::<LogConfig>(figment, "log"),
        section_error::<MetricsConfig>(figment, "metrics"),
        section_error::<TracesConfig>(figment, "traces"),
    ];
    let of_sections: Vec<figment::Error> = sections.into_iter().flatten().collect();
    match figment.extract::<Config>() {
        Ok(_) => Vec::new(),
        // A layer that cannot be read at all fails the same way in every section; report that once.
        Err(whole) if of_sections.is_empty() || whole.path.is_empty() => vec![whole],
        Err(_) => of_sections,
    }
}

fn section_error<Section: DeserializeOwned>(figment: &Figment, name: &str) -> Option<figment::Error> {
    let mut error = figment.focus(name).extract::<Section>().err()?;
    error.path.insert(0, name.to_owned());
    Some(error)
}

/// Like [`section_error`], for a list of tables that may be absent.
fn list_error<Block: DeserializeOwned>(figment: &Figment, name: &str) -> Option<figment::Error> {
    figment.find_value(name).ok()?;
    let mut error = figment.extract_inner::<Vec<Block>>(name).err()?;
    // figment appends the list's name to the path.
    error.path.retain(|part| part != name);
    error.path.insert(0, name.to_owned());
    Some(error)
}

fn fault(error: figment::Error, origin: &Origin) -> InvalidSetting {
    let message = match error.kind {
        Kind::UnknownField(_, expected) => format!("unknown key; known here are {}", in_backticks(expected)),
        Kind::UnknownVariant(name, expected) => format!("unknown value `{name}`; known here are {}", in_backticks(expected)),
        kind => kind.to_string(),
    };
    InvalidSetting { key: error.path.join("."), origin: origin.clone(), message }
}

fn in_backticks(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
