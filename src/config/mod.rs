//! Configuration: one file per section, layered from embedded defaults, a file, the environment and the command line.
//! `default.toml` is the reference: every key, its unit and its default. Not here: the effect of the settings.

mod addresses;
mod auth;
mod clients;
mod cors;
mod crd;
mod development;
mod duration;
mod environment;
mod error;
mod fhir;
mod health_plans;
mod ledger;
mod limits;
mod load;
mod log;
mod metrics;
mod plan;
mod policy;
mod secret_file;
mod server;
mod smart;
mod stack;
mod tls;
mod traces;

pub use addresses::is_public;
pub use auth::{AuthConfig, AuthMode, ReplayStore, TokenReuse};
pub use clients::{ClientConfig, JwksUri, SigningAlgorithm, TenantRule};
pub use cors::CorsConfig;
pub use crd::CrdConfig;
pub use development::DevelopmentConfig;
pub use environment::ENVIRONMENT_PREFIX;
pub use error::{ConfigError, InvalidSetting, Origin};
pub use fhir::{FhirConfig, FhirServerConfig, KEPT_FOR_ANSWERING};
pub use ledger::{LedgerConfig, LedgerStorage};
pub use limits::LimitsConfig;
pub use load::{Config, Layers, Overrides};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use metrics::MetricsConfig;
pub use plan::{PayerIdentifier, PlanConfig, PolicyUrl};
pub use policy::PolicyConfig;
pub use secret_file::{read_secret_file, read_secret_text};
pub use server::ServerConfig;
pub use smart::{EhrConfig, HostAndPort, SmartAuthentication, SmartConfig};
pub use tls::TlsConfig;
pub use traces::TracesConfig;
