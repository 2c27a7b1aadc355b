//! How each client's charts are read: its map of local codes, and its own canonical URLs of the documentation form.
//! Not here: reading a map's file ([`super::code_maps`]), and what a reading changes ([`crate::evidence`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::code_maps::{CodeMap, CodeMapError, CodeMapsError, read};
use super::policies::Policies;
use crate::auth::VerifiedClient;
use crate::config::{AuthMode, Config};
use crate::evidence::{LocalCodes, ReadingOptions};

/// How one client's charts are read.
#[derive(Debug, Default)]
pub(super) struct ClientReading {
    client: String,
    /// The FHIR servers that its calls may name; `None`: every one.
    servers: Option<Vec<String>>,
    options: ReadingOptions,
    /// The digest of its code map.
    code_map: Option<String>,
}

/// What is kept with a call, so that it can be read again the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptReading {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    form_canonicals: Vec<String>,
    /// The digest of the code map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code_map: Option<String>,
}

/// How the charts of all clients are read, in the order of configuration.
#[derive(Debug)]
pub(super) struct Readings {
    clients: Vec<ClientReading>,
    /// Of a client that has nothing of its own.
    none: ClientReading,
}

impl ClientReading {
    pub(super) fn options(&self) -> &ReadingOptions {
        &self.options
    }

    /// What is kept of it with a call; `None` where there is nothing to keep.
    pub(super) fn kept(&self) -> Option<KeptReading> {
        let kept = KeptReading { form_canonicals: self.options.form_canonicals.to_vec(), code_map: self.code_map.clone() };
        (kept != KeptReading::default()).then_some(kept)
    }

    fn may_name(&self, server: &str) -> bool {
        self.servers.as_ref().is_none_or(|servers| servers.iter().any(|name| name == server))
    }
}

impl Readings {
    /// Reads the code maps of a configuration and checks them by the newest version of the policy.
    ///
    /// # Errors
    /// Every fault of every map, with its file and line.
    pub(super) fn load(config: &Config, policies: &Policies) -> Result<Self, CodeMapsError> {
        let (mut clients, mut faults) = (Vec::new(), Vec::new());
        match config.auth_mode() {
            AuthMode::Development => {
                let own = &config.development;
                let map = own.code_map.as_deref().map(|path| read("`development.code_map`", path, policies.newest()));
                let reading = reading(map, own.form_canonicals.as_deref().unwrap_or_default(), &mut faults);
                // The only one there is: found by whatever name a caller goes by.
                clients.push(reading);
            }
            AuthMode::Required => {
                for client in &config.clients {
                    let key = format!("`clients.code_map` of `{}`", client.name);
                    let map = client.code_map.as_deref().map(|path| read(&key, path, policies.newest()));
                    let reading = reading(map, &client.form_canonicals, &mut faults);
                    clients.push(ClientReading { client: client.name.clone(), servers: Some(client.fhir_servers.clone()), ..reading });
                }
            }
        }
        if faults.is_empty() { Ok(Self { clients, none: ClientReading::default() }) } else { Err(CodeMapsError { faults }) }
    }

    /// How a caller's charts are read.
    pub(super) fn of_client(&self, client: &VerifiedClient) -> &ClientReading {
        let is_its = |reading: &&ClientReading| reading.servers.is_none() || reading.client == client.name();
        self.clients.iter().find(is_its).unwrap_or(&self.none)
    }

    /// How charts of a registered FHIR server are read: as those of the first client whose calls may name it.
    pub(super) fn of_server(&self, server: &str) -> Option<&ClientReading> {
        self.clients.iter().find(|reading| reading.may_name(server))
    }

    /// How charts are read without an authenticated caller: as for the first client that may name the server, else for the only
    /// client.
    pub(super) fn of_request(&self, server: Option<&str>) -> &ClientReading {
        let only = if let [only] = self.clients.as_slice() { Some(only) } else { None };
        server.and_then(|server| self.of_server(server)).or(only).unwrap_or(&self.none)
    }

    /// Whether it makes a difference which client it is.
    pub(super) fn differ(&self) -> bool {
        self.clients.len() > 1 && self.clients.iter().any(|reading| reading.kept().is_some())
    }

    /// How charts were read when this was kept; `None` where the code map is not among those configured any more.
    pub(super) fn restored(&self, kept: &KeptReading) -> Option<ReadingOptions> {
        let local_codes = match &kept.code_map {
            Some(digest) => Some(self.code_map(digest)?),
            None => None,
        };
        Some(ReadingOptions { local_codes, form_canonicals: kept.form_canonicals.clone().into() })
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
