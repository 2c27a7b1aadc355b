//! The services this one offers, as `cds-hooks/services/*.json` publishes them: discovery and prefetch templates.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::evidence::{Kind, PrefetchKeys};

#[derive(RustEmbed)]
#[folder = "cds-hooks/services/"]
struct EmbeddedServices;

/// A published service that cannot be used.
#[derive(Debug, Error)]
#[error("cds-hooks/services/{file} cannot be used")]
pub struct ServicesError {
    file: String,
    source: serde_json::Error,
}

/// Discovery, and what our own prefetch keys ask for.
#[derive(Debug)]
pub struct Services {
    /// The discovery document.
    pub discovery: String,
    /// The services' ids.
    pub ids: Vec<String>,
    /// Which key asks for which type.
    pub prefetch_keys: PrefetchKeys,
    /// The search for each type, which is the same for prefetch and for fetching.
    pub searches: BTreeMap<Kind, String>,
}

#[derive(Deserialize)]
struct Service {
    id: String,
    #[serde(default)]
    prefetch: BTreeMap<String, String>,
}

impl Services {
    /// Reads the published services.
    ///
    /// # Errors
    /// The first file that is not a service.
    pub fn load() -> Result<Self, ServicesError> {
        let mut entries = Vec::new();
        let mut ids = Vec::new();
        let mut prefetch_keys = PrefetchKeys::new();
        let mut searches = BTreeMap::new();
        for file in EmbeddedServices::iter() {
            let data = EmbeddedServices::get(&file).map(|file| file.data).unwrap_or_default();
            let fault = |source| ServicesError { file: file.to_string(), source };
            let service: Service = serde_json::from_slice(&data).map_err(fault)?;
            entries.push(compact(&data).map_err(fault)?);
            ids.push(service.id);
            for (key, query) in service.prefetch {
                if let Some(kind) = kind(&query) {
                    prefetch_keys.insert(key, kind);
                    searches.insert(kind, query);
                }
            }
        }
        Ok(Self { discovery: format!("{{\"services\":[{}]}}", entries.join(",")), ids, prefetch_keys, searches })
    }
}

/// The type a query searches for.
fn kind(query: &str) -> Option<Kind> {
    Kind::of_resource_type(query.split(['?', '/']).next()?)
}

/// The same JSON without white space, its members in their order.
fn compact(json: &[u8]) -> Result<String, serde_json::Error> {
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
        let services = Services::load().expect("services");
        let mut kinds: Vec<_> = services.prefetch_keys.values().copied().collect();
        kinds.sort();
        assert_eq!(kinds, Kind::ALL);
    }
}
