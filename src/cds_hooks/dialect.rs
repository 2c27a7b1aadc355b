//! The dialects in which clients read responses.
//! Not here: a dialect's rules ([`crate::crd`]).

use serde::{Deserialize, Serialize};

/// How responses are written for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// According to the specification.
    #[default]
    Standard,
    /// For Epic's display of cards.
    Epic,
    /// For HL7's br-provider, as it parses responses.
    BrProvider,
    /// For the CDS Hooks sandbox's display of cards.
    Sandbox,
}
