//! The whole configuration, and the layers over its defaults.
//! Not here: the sections and their rules, and attributing an error to its layer ([`super::stack`]).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use secrecy::SecretString;
use serde::Deserialize;

use super::environment::Environment;
use super::stack::Stack;
use super::{
    AuthConfig, AuthMode, ClientConfig, ConfigError, CorsConfig, CrdConfig, DevelopmentConfig, FhirConfig, FhirServerConfig, LedgerConfig,
    LedgerStorage, LimitsConfig, LogConfig, MetricsConfig, Origin, PlanConfig, PolicyConfig, ReplayStore, ServerConfig, SmartConfig,
    TlsConfig, TracesConfig,
};

const DEFAULTS: &str = include_str!("default.toml");

/// The whole configuration, complete and valid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listen address, and limits.
    pub server: ServerConfig,
    /// The listener's certificate.
    pub tls: TlsConfig,
    /// Rate limits.
    pub limits: LimitsConfig,
    /// Whether and how callers are authenticated.
    pub auth: AuthConfig,
    /// The clients that may call.
    #[serde(default)]
    pub clients: Vec<ClientConfig>,
    /// The client settings of development mode.
    #[serde(default)]
    pub development: DevelopmentConfig,
    /// Browser origins.
    pub cors: CorsConfig,
    /// Settings for Da Vinci CRD.
    pub crd: CrdConfig,
    /// The health plan.
    pub plan: PlanConfig,
    /// Further plans.
    #[serde(default)]
    pub plans: Vec<PlanConfig>,
    /// Where policies come from.
    pub policy: PolicyConfig,
    /// The limits on fetching.
    pub fhir: FhirConfig,
    /// The FHIR servers that may be contacted.
    #[serde(default)]
    pub fhir_servers: Vec<FhirServerConfig>,
    /// The SMART app, and the EHRs it is registered with.
    pub smart: SmartConfig,
    /// Where calls and responses are recorded.
    pub ledger: LedgerConfig,
    /// The log.
    pub log: LogConfig,
    /// Who may read the metrics.
    pub metrics: MetricsConfig,
    /// Where traces go.
    pub traces: TracesConfig,
}

/// The layers over the embedded defaults; later fields override earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The file given by `--config`.
    pub file: Option<PathBuf>,
    /// Environment variables, name and value; those without our prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Options of the command line.
    pub overrides: Overrides,
}

/// The command-line options that override keys.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--listen`, for `server.listen`.
    pub listen: Option<SocketAddr>,
    /// `--policy-dir`, for `policy.directory`.
    pub policy_directory: Option<PathBuf>,
}

impl Config {
    /// Loads the defaults, the file at `path` if given, and the process's environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be read, or any key is unknown, of the wrong type or out of range.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::layered(Layers::of_process(path, Overrides::default()))
    }

    /// Loads the defaults and `layers`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as for [`Config::load`], with the errors of every layer.
    pub fn layered(layers: Layers) -> Result<Self, ConfigError> {
        let mut stack = Stack::default();
        stack.add(Origin::Default, &Toml::string(DEFAULTS));
        if let Some(path) = layers.file {
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            stack.add(Origin::File(path), &Toml::string(&text));
        }
        stack.add(Origin::Environment, &Environment::from_variables(&layers.environment));
        stack.add(Origin::CommandLine, &layers.overrides.into_figment());
        stack.finish()
    }
}

impl Config {
    /// Whether callers must authenticate.
    #[must_use]
    pub fn auth_mode(&self) -> AuthMode {
        self.auth.mode(&self.clients)
    }

    /// The PostgreSQL database that remembers used tokens for all instances: that of `auth.replay_url`, or else that of the ledger.
    #[must_use]
    pub fn replay_database(&self) -> Option<&SecretString> {
        let is_durable = self.auth_mode() == AuthMode::Required && self.auth.replay_store == ReplayStore::Durable;
        let of_ledger = || (is_durable && self.ledger.storage() == Some(LedgerStorage::Server)).then_some(&self.ledger.url);
        self.auth.replay_url.as_ref().or_else(of_ledger)
    }
}

impl Layers {
    /// The layers of a running process: `file` if given, its environment, and `overrides`.
    #[must_use]
    pub fn of_process(file: Option<&Path>, overrides: Overrides) -> Self {
        // Skip names and values that are not Unicode: no key and no value of ours needs them.
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { file: file.map(Path::to_path_buf), environment: environment.collect(), overrides }
    }
}

impl Overrides {
    fn into_figment(self) -> Figment {
        let listen = self.listen.map(|address| ("server.listen", address.to_string()));
        let directory = self.policy_directory.map(|directory| ("policy.directory", directory));
        let figment = listen.into_iter().fold(Figment::new(), Figment::merge);
        directory.into_iter().fold(figment, Figment::merge)
    }
}
