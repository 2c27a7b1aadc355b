//! `[cors]`: which web origins may call from a browser.
//! Not here: the CORS headers; see [`crate::http`].

use serde::Deserialize;
use url::Url;

use super::error::SectionError;

/// Which origins may call from a browser.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins as `https://host` or `https://host:port`, or the single entry `*`.
    pub allowed_origins: Vec<String>,
}

impl CorsConfig {
    /// Whether every origin is allowed.
    #[must_use]
    pub fn allows_any_origin(&self) -> bool {
        self.allowed_origins.iter().any(|origin| origin == "*")
    }

    pub(super) fn validate(&self) -> Vec<SectionError> {
        if self.allows_any_origin() && self.allowed_origins.len() > 1 {
            return vec![SectionError::new("allowed_origins", "`*` allows every origin and must stand alone")];
        }
        let faulty = self.allowed_origins.iter().filter(|origin| !is_origin(origin));
        faulty
            .map(|origin| SectionError::new("allowed_origins", format_args!("`{origin}` is not an origin such as `https://ehr.example`")))
            .collect()
    }
}

/// Browsers compare origins as text in their serialized form (RFC 6454, section 6.2), so only that form can ever match.
pub(super) fn is_origin(text: &str) -> bool {
    text == "*" || Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}
