//! Search of the published resources by URL and version (FHIR R4, "Search").
//! Not here: reading one resource by its id.

use serde::Serialize;
use serde_json::value::RawValue;
use url::form_urlencoded::{Serializer, parse};

use super::metadata::FhirApi;
use crate::decision::{Published, PublishedKind, PublishedResource};

/// Search criteria; an absent one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanonicalSearch {
    /// The canonical URL, with or without a version.
    pub url: Option<String>,
    /// The version.
    pub version: Option<String>,
}

impl CanonicalSearch {
    /// Parses a URL's query. Unknown parameters are ignored, and the first of a repeated parameter counts.
    #[must_use]
    pub fn of_query(query: &str) -> Self {
        let first = |name: &str| parse(query.as_bytes()).find(|(given, _)| given == name).map(|(_, value)| value.into_owned());
        Self { url: first("url"), version: first("version") }
    }

    fn finds(&self, document: &PublishedResource) -> bool {
        self.url.as_ref().is_none_or(|url| document.is_named_by(url))
            && self.version.as_ref().is_none_or(|version| document.has_version(version))
    }

    /// The query string with only the parameters that were used.
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("url", &self.url), ("version", &self.version)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Searchset<'d> {
    resource_type: &'static str,
    r#type: &'static str,
    total: usize,
    link: [SearchsetLink; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<SearchsetEntry<'d>>,
}

#[derive(Serialize)]
struct SearchsetLink {
    relation: &'static str,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchsetEntry<'d> {
    full_url: String,
    resource: &'d RawValue,
    search: Mode,
}

#[derive(Serialize)]
struct Mode {
    mode: &'static str,
}

/// The Bundle of matching resources of these policies.
pub(super) fn searchset(published: &[&Published], kind: PublishedKind, search: &CanonicalSearch, api: &FhirApi) -> Option<Vec<u8>> {
    let found = published.iter().flat_map(|published| published.all(kind)).filter(|document| search.finds(document));
    let entry: Vec<SearchsetEntry<'_>> = found
        .map(|document| SearchsetEntry { full_url: api.address(kind, document), resource: &document.json, search: Mode { mode: "match" } })
        .collect();
    let (address, query) = (api.search_address(kind), search.query());
    let url = if query.is_empty() { address } else { format!("{address}?{query}") };
    let link = [SearchsetLink { relation: "self", url }];
    serde_json::to_vec(&Searchset { resource_type: "Bundle", r#type: "searchset", total: entry.len(), link, entry }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_as_far_as_it_is_known() {
        for (query, url, version, understood) in [
            ("", None, None, ""),
            ("url=http%3A%2F%2Fx%2Fa&version=1", Some("http://x/a"), Some("1"), "url=http%3A%2F%2Fx%2Fa&version=1"),
            ("name=a&url=b&url=c&_format=json", Some("b"), None, "url=b"),
            ("version=", None, Some(""), "version="),
            ("%FF&&=", None, None, ""),
        ] {
            let search = CanonicalSearch::of_query(query);
            assert_eq!((search.url.as_deref(), search.version.as_deref()), (url, version), "{query}");
            assert_eq!(search.query(), understood, "{query}");
        }
    }
}
