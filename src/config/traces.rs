//! `[traces]`: where the spans of calls are sent, and of how many calls.
//! Not here: the sending; see [`crate::telemetry`].

use serde::Deserialize;
use url::Url;

use super::error::SectionError;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// A collector's address for OTLP over HTTP; absent: nothing is sent.
    pub endpoint: Option<Url>,
    /// The share of calls that are traced, 0 to 1, where the caller's own trace does not decide.
    pub sample_ratio: f64,
}

impl TracesConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.endpoint.is_some() && !cfg!(feature = "opentelemetry") {
            faults.push(SectionError::new("endpoint", "this program was built without traces; build it with `--features opentelemetry`"));
        }
        // It is not quoted: it may hold a password.
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
