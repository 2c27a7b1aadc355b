//! How to read each client's charts: with its map of local codes, and its own canonical URLs of the documentation form.
//! Not here: parsing a map's file ([`super::code_maps`]), and the effect on evidence ([`crate::evidence`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::code_maps::{CodeMap, CodeMapError, CodeMapsError, read};
use super::policies::Policies;
use crate::config::{AuthMode, Config};
use crate::evidence::{LocalCodes, ReadingOptions};
use crate::policy::Policy;

/// How to read one client's charts.
#[derive(Debug, Default)]
pub struct ClientReading {
    client: String,
    /// The FHIR servers that the client's calls may name; `None` means any.
    servers: Option<Vec<String>>,
    options: ReadingOptions,
    /// The digest of its code map.
    code_map: Option<String>,
    /// The id of the plan that the client's calls are answered for, if the configuration names one.
    plan: Option<String>,
}

/// The part recorded with a call, so that a replay reads it the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedReading {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    form_canonicals: Vec<String>,
    /// The digest of the code map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_map: Option<String>,
}

/// How to read every client's charts, in configuration order.
#[derive(Debug)]
pub struct ChartReadings {
    clients: Vec<ClientReading>,
    /// For a client without settings of its own.
    none: ClientReading,
}

impl ClientReading {
    /// The options for reading a chart.
    #[must_use]
    pub fn options(&self) -> &ReadingOptions {
        &self.options
    }

    /// The part to record with a call; `None` if there is nothing to record.
    #[must_use]
    pub fn recorded(&self) -> Option<RecordedReading> {
        let recorded = RecordedReading { form_canonicals: self.options.form_canonicals.to_vec(), code_map: self.code_map.clone() };
        (recorded != RecordedReading::default()).then_some(recorded)
    }

    /// The id of the plan that the client's calls are answered for, if the configuration names one.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    fn may_name(&self, server: &str) -> bool {
        self.servers.as_ref().is_none_or(|servers| servers.iter().any(|name| name == server))
    }
}

impl ChartReadings {
    /// Loads the configured code maps and validates them against the newest version of every policy in use, because the policies of a
    /// client's orders are known only from their Coverages.
    ///
    /// # Errors
    /// Every error in every map, with its file and line.
    pub fn load(config: &Config, policies: &Policies) -> Result<Self, CodeMapsError> {
        let (mut clients, mut faults) = (Vec::new(), Vec::new());
        let newest: Vec<&Policy> = policies.in_use().map(|family| family.newest()).collect();
        match config.auth_mode() {
            AuthMode::Development => {
                let own = &config.development;
                let map = own.code_map.as_deref().map(|path| read("`development.code_map`", path, &newest));
                let reading = reading(map, own.form_canonicals.as_deref().unwrap_or_default(), &mut faults);
                // The only entry, which matches every caller name.
                clients.push(ClientReading { plan: own.plan.clone(), ..reading });
            }
            AuthMode::Required => {
                for client in &config.clients {
                    let key = format!("`clients.code_map` of `{}`", client.name);
                    let map = client.code_map.as_deref().map(|path| read(&key, path, &newest));
                    let reading = reading(map, &client.form_canonicals, &mut faults);
                    let (name, servers, plan) = (client.name.clone(), Some(client.fhir_servers.clone()), client.plan.clone());
                    clients.push(ClientReading { client: name, servers, plan, ..reading });
                }
            }
        }
        if faults.is_empty() { Ok(Self { clients, none: ClientReading::default() }) } else { Err(CodeMapsError { faults }) }
    }

    /// How to read the charts of the client with this name.
    #[must_use]
    pub fn of_client(&self, name: &str) -> &ClientReading {
        let is_its = |reading: &&ClientReading| reading.servers.is_none() || reading.client == name;
        self.clients.iter().find(is_its).unwrap_or(&self.none)
    }

    /// How to read charts from a registered FHIR server: as for the first client whose calls may name it.
    #[must_use]
    pub fn of_server(&self, server: &str) -> Option<&ClientReading> {
        self.clients.iter().find(|reading| reading.may_name(server))
    }

    /// How to read charts without an authenticated caller: as for the first client that may name the server, else for the only client.
    #[must_use]
    pub fn of_request(&self, server: Option<&str>) -> &ClientReading {
        let only = if let [only] = self.clients.as_slice() { Some(only) } else { None };
        server.and_then(|server| self.of_server(server)).or(only).unwrap_or(&self.none)
    }

    /// Whether the result depends on the client.
    #[must_use]
    pub fn differ(&self) -> bool {
        self.clients.len() > 1 && self.clients.iter().any(|reading| reading.recorded().is_some() || reading.plan.is_some())
    }

    /// Restores the recorded options; `None` if the code map is no longer configured.
    #[must_use]
    pub fn restored(&self, recorded: &RecordedReading) -> Option<ReadingOptions> {
        let local_codes = match &recorded.code_map {
            Some(digest) => Some(self.code_map(digest)?),
            None => None,
        };
        Some(ReadingOptions { local_codes, form_canonicals: recorded.form_canonicals.clone().into() })
    }

    fn code_map(&self, digest: &str) -> Option<Arc<LocalCodes>> {
        let reading = self.clients.iter().find(|reading| reading.code_map.as_deref() == Some(digest))?;
        reading.options.local_codes.clone()
    }
}

fn reading(map: Option<Result<CodeMap, Vec<CodeMapError>>>, form_canonicals: &[String], faults: &mut Vec<CodeMapError>) -> ClientReading {
    let map = map.and_then(|map| map.map_err(|found| faults.extend(found)).ok());
    let (codes, digest) = map.map(|CodeMap { codes, digest }| (Arc::new(codes), digest)).unzip();
    let options = ReadingOptions { local_codes: codes, form_canonicals: form_canonicals.into() };
    ClientReading { options, code_map: digest, ..ClientReading::default() }
}
