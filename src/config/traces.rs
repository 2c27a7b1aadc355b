//! `[traces]`: where the spans of calls are exported, and for which share of calls.
//! Not here: exporting them; see [`crate::telemetry`].

use serde::Deserialize;
use url::Url;

use super::error::SectionError;

/// The settings for exporting traces.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The collector's URL for OTLP over HTTP. Default: nothing is exported.
    pub endpoint: Option<Url>,
    /// The share of calls that are traced, 0 to 1, unless the caller's own trace decides.
    pub sample_ratio: f64,
}

impl TracesConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.endpoint.is_some() && !cfg!(feature = "opentelemetry") {
            faults.push(SectionError::new("endpoint", "this program was built without traces; build it with `--features opentelemetry`"));
        }
        // The URL may contain a password, so it is not quoted.
        if self.endpoint.as_ref().is_some_and(|url| !is_plain(url)) {
            faults.push(SectionError::new("endpoint", "must be http or https, without user, query or fragment"));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            faults.push(SectionError::new("sample_ratio", "must be 0 to 1"));
        }
        faults
    }
}

fn is_plain(url: &Url) -> bool {
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && is_bare
}
