//! The supported versions of Da Vinci CRD (CRD 2.2.1, dev-1 to dev-3), named by the first two parts of the guide's version.

use serde::{Deserialize, Serialize};

/// A version of Da Vinci CRD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrdVersion {
    /// CRD 2.0.1.
    #[default]
    #[serde(rename = "2.0")]
    V2_0,
    /// CRD 2.2.1.
    #[serde(rename = "2.2")]
    V2_2,
}
