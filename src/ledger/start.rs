//! The first record of a process or a new chain: the version of the program that writes, and the chain it continues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain_position::{ChainHead, Hash};
use super::error::LedgerError;
use super::seals::SealCounts;

/// Name and version of this program.
pub const PROGRAM: &str = concat!("sij-cds ", env!("CARGO_PKG_VERSION"));

/// The summary of a start record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    program: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Previous>,
    /// How often each key had sealed for this instance before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seals: Option<BTreeMap<String, u64>>,
}

/// A lower bound for the length of the previous chain.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Previous {
    pub(super) chain: Uuid,
    pub(super) sequence: i64,
    pub(super) hash: Hash,
}

/// Serializes the summary of a start record.
pub(super) fn summary(previous: Option<ChainHead>, seals: &SealCounts) -> Result<Vec<u8>, LedgerError> {
    let previous = previous.map(|head| Previous { chain: head.chain, sequence: head.sequence, hash: head.hash });
    let start = Start { program: PROGRAM.to_owned(), previous, seals: Some(seals.0.clone()) };
    serde_json::to_vec(&start).map_err(|_| LedgerError::Sealing)
}
