//! The services that `cds-hooks/services/*.json` publishes: discovery and prefetch templates.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;
use url::Url;

use crate::cds_hooks::{Dialect, Hook, ServiceIds};
use crate::config::AuthMode;
use crate::evidence::{Kind, PrefetchKeys};

/// The suffix of every description in development mode.
const DEVELOPMENT: &str = "Development mode: callers are not authenticated.";

/// The hook whose service id is the shared one.
const SHARED_ID_HOOK: Hook = Hook::OrderSign;

#[derive(RustEmbed)]
#[folder = "cds-hooks/services/"]
struct EmbeddedServices;

/// An invalid service file.
#[derive(Debug, Error)]
#[error("cds-hooks/services/{file} cannot be used")]
pub struct ServicesError {
    file: String,
    source: serde_json::Error,
}

/// The discovery entries, and what this service's own prefetch keys request.
#[derive(Debug)]
pub struct Services {
    entries: Vec<PublishedService>,
    /// The ids that can be called, the shared one first. Each takes every hook, because the hook is in the body.
    pub ids: Vec<String>,
    hooks: Vec<Hook>,
    epics_hooks: Vec<Hook>,
    /// The type that each prefetch key requests.
    pub prefetch_keys: PrefetchKeys,
    /// The search for each type, used for both prefetch and fetching.
    pub searches: BTreeMap<Kind, String>,
}

/// A published service.
#[derive(Debug)]
struct PublishedService {
    json: String,
    description: String,
}

#[derive(Deserialize)]
struct ServiceFile {
    id: String,
    hook: Hook,
    description: String,
    #[serde(default)]
    prefetch: BTreeMap<String, String>,
}

impl Services {
    /// Loads the published services. Only services of offered hooks are listed; the meaning of prefetch keys does not depend on that.
    ///
    /// # Errors
    /// The first invalid service file.
    pub fn load(offered: &[Hook], listed_by: ServiceIds) -> Result<Self, ServicesError> {
        let mut files = EmbeddedServices::iter().map(|name| embedded(&name)).collect::<Result<Vec<_>, _>>()?;
        files.sort_by_key(|(service, _)| service.hook);
        let shared_id = files.iter().find(|(service, _)| service.hook == SHARED_ID_HOOK).map(|(service, _)| service.id.clone());
        let mut services = Self {
            entries: Vec::new(),
            ids: shared_id.clone().into_iter().collect(),
            hooks: Vec::new(),
            epics_hooks: Vec::new(),
            prefetch_keys: PrefetchKeys::new(),
            searches: BTreeMap::new(),
        };
        for (service, json) in files {
            if offered.contains(&service.hook) {
                services.offer(&service, json, shared_id.as_ref().filter(|_| listed_by == ServiceIds::Shared));
            }
            for (key, query) in service.prefetch {
                if let Some(kind) = kind(&query) {
                    services.prefetch_keys.insert(key, kind);
                    services.searches.insert(kind, query);
                }
            }
        }
        services.epics_hooks = services.hooks.iter().copied().chain([Hook::PatientView]).collect();
        Ok(services)
    }

    /// Adds an offered service, listed under its own id or under another.
    fn offer(&mut self, service: &ServiceFile, json: String, listed_as: Option<&String>) {
        let member = |id: &str| format!("\"id\":{}", Value::from(id));
        let json = match listed_as {
            Some(id) => json.replacen(&member(&service.id), &member(id), 1),
            None => json,
        };
        self.entries.push(PublishedService { json, description: service.description.clone() });
        self.hooks.push(service.hook);
        if !self.ids.contains(&service.id) {
            self.ids.push(service.id.clone());
        }
    }
}

impl Services {
    /// The hooks that are answered.
    pub(crate) fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// The hooks that are answered for clients of a dialect. Epic may send a trigger under a different name than the registered hook; the
    /// response then has no cards.
    pub(crate) fn hooks_of(&self, dialect: Dialect) -> &[Hook] {
        match dialect {
            Dialect::Epic => &self.epics_hooks,
            Dialect::Standard | Dialect::BrProvider | Dialect::Sandbox => &self.hooks,
        }
    }

    /// The discovery document (CDS Hooks, "Discovery").
    pub(crate) fn discovery(&self, mode: AuthMode) -> String {
        let entries: Vec<String> = self.entries.iter().map(|entry| entry.published(mode)).collect();
        format!("{{\"services\":[{}]}}", entries.join(","))
    }

    /// The URLs of discovery, calls and feedback (CDS Hooks, "Endpoints"), for a service at `base`.
    pub(crate) fn endpoints(&self, base: &Url) -> Vec<String> {
        let base = base.as_str().trim_end_matches('/');
        let discovery = format!("{base}/cds-services");
        let of_service = |id: &String| [format!("{discovery}/{id}"), format!("{discovery}/{id}/feedback")];
        std::iter::once(discovery.clone()).chain(self.ids.iter().flat_map(of_service)).collect()
    }
}

/// An embedded service file: its content, and its JSON without whitespace.
fn embedded(file: &str) -> Result<(ServiceFile, String), ServicesError> {
    let data = EmbeddedServices::get(file).map(|file| file.data).unwrap_or_default();
    let fault = |source| ServicesError { file: file.to_owned(), source };
    Ok((serde_json::from_slice(&data).map_err(fault)?, compact(&data).map_err(fault)?))
}

impl PublishedService {
    /// The entry as published. In development mode it warns the person who connects an EHR that callers are not authenticated.
    fn published(&self, mode: AuthMode) -> String {
        let member = |text: &str| format!("\"description\":{}", Value::from(text));
        match mode {
            AuthMode::Required => self.json.clone(),
            AuthMode::Development => {
                self.json.replacen(&member(&self.description), &member(&format!("{} {DEVELOPMENT}", self.description)), 1)
            }
        }
    }
}

/// The type that a query searches for.
fn kind(query: &str) -> Option<Kind> {
    Kind::from_resource_type(query.split(['?', '/']).next()?)
}

/// The same JSON without whitespace, with members in the same order.
pub(crate) fn compact(json: &[u8]) -> Result<String, serde_json::Error> {
    let raw: Box<RawValue> = serde_json::from_slice(json)?;
    let mut text = String::with_capacity(raw.get().len());
    let (mut in_string, mut escaped) = (false, false);
    for letter in raw.get().chars() {
        if in_string || !letter.is_whitespace() {
            text.push(letter);
        }
        in_string ^= letter == '"' && !escaped;
        escaped = in_string && letter == '\\' && !escaped;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_but_not_within_strings() {
        let text = compact(br#"{ "a b" : "c \" d\\" , "e" : [ 1 ] }"#).expect("JSON");
        assert_eq!(text, r#"{"a b":"c \" d\\","e":[1]}"#);
    }

    #[test]
    fn our_own_prefetch_keys_cover_every_type() {
        let services = Services::load(&Hook::ALL, ServiceIds::PerHook).expect("services");
        let mut kinds: Vec<_> = services.prefetch_keys.values().copied().collect();
        kinds.sort();
        assert_eq!(kinds, Kind::ALL);
    }
}
