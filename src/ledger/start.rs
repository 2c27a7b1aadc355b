//! The first record of a process or a new chain: the version of the program that writes, and the chain it continues.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain_position::{ChainHead, Hash};
use super::error::LedgerError;

/// Name and version of this program.
pub const PROGRAM: &str = concat!("sij-cds ", env!("CARGO_PKG_VERSION"));

/// The summary of a start record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    program: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Previous>,
}

/// A lower bound for the length of the previous chain.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Previous {
    pub(super) chain: Uuid,
    pub(super) sequence: i64,
    pub(super) hash: Hash,
}

/// Serializes the summary of a start record.
pub(super) fn summary(previous: Option<ChainHead>) -> Result<Vec<u8>, LedgerError> {
    let previous = previous.map(|head| Previous { chain: head.chain, sequence: head.sequence, hash: head.hash });
    let start = Start { program: PROGRAM.to_owned(), previous };
    serde_json::to_vec(&start).map_err(|_| LedgerError::Sealing)
}
