//! Signed checkpoints: how far each chain had got at some time, as a line of JSON to keep elsewhere. A chain whose end is cut off, or that was
//! continued from an older copy, is later noticed by them. They say nothing of a record but its position and its code.
//! Not here: comparing them with the ledger ([`super::verify`]), and the checkpoints that a purge leaves ([`super::purge_checkpoint`]).

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::archive::Archive;
use super::chain_position::{ChainPosition, End, Hash, hash_from_hex, hex};
use super::chain_walk::ChainWalk;
use super::error::LedgerError;
use super::finding::Defect;
use super::keys::SealingKey;

/// The version of the format.
const VERSION: u8 = 1;

/// A chain's end at some time, with a code that only the ledger's key can compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The last record.
    pub end: End,
    /// When it was the last one, in microseconds since 1970.
    at: i64,
    key_id: String,
    code: Hash,
}

/// Why a checkpoint proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is none, or was cut off.
    #[error("is no checkpoint and no chain end")]
    Invalid,
    /// Its code is not of its key: it was forged or changed.
    #[error("is a checkpoint that this ledger's key did not sign")]
    Forged,
    /// Its key is not configured.
    #[error("is not checked: key `{0}` is missing")]
    MissingKey(String),
}

/// A checkpoint as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: u8,
    chain: Uuid,
    sequence: i64,
    head: String,
    at: String,
    key_id: String,
    code: String,
}

impl SignedCheckpoint {
    fn new(end: End, now: DateTime<Utc>, key: &SealingKey) -> Self {
        let unsigned = Self { end, at: now.timestamp_micros(), key_id: key.id.clone(), code: [0; 32] };
        Self { code: unsigned.code(key), ..unsigned }
    }

    fn code(&self, key: &SealingKey) -> Hash {
        let ChainPosition { chain, sequence } = self.end.position;
        key.sign_checkpoint(&[&[VERSION], chain.as_bytes(), &sequence.to_be_bytes(), &self.at.to_be_bytes(), &self.end.hash])
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = DateTime::from_timestamp_micros(self.at).unwrap_or_default();
        let line = CheckpointLine {
            checkpoint: VERSION,
            chain: self.end.position.chain,
            sequence: self.end.position.sequence,
            head: hex(&self.end.hash),
            at: at.to_rfc3339_opts(SecondsFormat::Micros, true),
            key_id: self.key_id.clone(),
            code: hex(&self.code),
        };
        formatter.write_str(&serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let invalid = |_| CheckpointError::Invalid;
        let line: CheckpointLine = serde_json::from_str(text).map_err(|_| CheckpointError::Invalid)?;
        let at = DateTime::parse_from_rfc3339(&line.at).map_err(|_| CheckpointError::Invalid)?.timestamp_micros();
        if line.checkpoint != VERSION {
            return Err(CheckpointError::Invalid);
        }
        let position = ChainPosition { chain: line.chain, sequence: line.sequence };
        let end = End { position, hash: hash_from_hex(&line.head).map_err(invalid)? };
        Ok(Self { end, at, key_id: line.key_id, code: hash_from_hex(&line.code).map_err(invalid)? })
    }
}

impl Archive {
    /// A checkpoint of every chain that has records, signed with the first key.
    ///
    /// # Errors
    /// [`LedgerError`] if the last record of a chain was altered, or the database fails.
    pub async fn checkpoints(&self, now: DateTime<Utc>) -> Result<Vec<SignedCheckpoint>, LedgerError> {
        let key = self.keys.sealing().ok_or(LedgerError::Sealing)?;
        let mut checkpoints = Vec::new();
        for chain in self.database.newest_chains(i64::MAX).await? {
            let Some(row) = self.database.last_row(chain).await? else { continue };
            let mut findings = ChainWalk::from_anywhere(chain).step(&row, &self.keys).into_iter();
            if let Some(finding) = findings.find(|finding| !matches!(finding.defect, Defect::UnknownKey(_))) {
                return Err(LedgerError::Damaged(finding));
            }
            let head = row.record.as_ref().map(super::chain::Record::head);
            checkpoints.extend(head.map(|head| SignedCheckpoint::new(head.into(), now, key)));
        }
        Ok(checkpoints)
    }

    /// The end that a checkpoint names, if its code is right.
    ///
    /// # Errors
    /// [`CheckpointError`] if it proves nothing.
    pub fn checked_end(&self, checkpoint: &SignedCheckpoint) -> Result<End, CheckpointError> {
        let key = self.keys.of_id(&checkpoint.key_id);
        let key =
            key.ok_or_else(|| CheckpointError::MissingKey(checkpoint.key_id.chars().filter(|letter| !letter.is_control()).collect()))?;
        if checkpoint.code(key) == checkpoint.code { Ok(checkpoint.end) } else { Err(CheckpointError::Forged) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{KeyRing, new_key_line};
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_is_written_and_every_part_is_signed() {
        let keys = KeyRing::read(&new_key_line("a").expect("random")).expect("a key");
        let key = keys.sealing().expect("a key");
        let end = End { position: ChainPosition { chain: Uuid::from_u128(7), sequence: 12 }, hash: [0xa5; 32] };
        let checkpoint = SignedCheckpoint::new(end, DateTime::from_timestamp_micros(1_700_000_000_000_001).expect("a time"), key);
        let line = checkpoint.to_string();
        assert_eq!(line.parse::<SignedCheckpoint>().expect("a checkpoint"), checkpoint);
        for (from, to) in
            [("000000000007", "000000000008"), ("\"sequence\":12", "\"sequence\":11"), ("a5a5\"", "a5a6\""), (".000001Z", ".000002Z")]
        {
            let forged: SignedCheckpoint = line.replacen(from, to, 1).parse().expect("a checkpoint");
            assert_ne!(forged, checkpoint, "{from}");
            assert_ne!(forged.code(key), forged.code, "{from}");
        }
        for text in
            ["", "{}", &line[..line.len() - 1], &line.replace("\"checkpoint\":1", "\"checkpoint\":2"), &line.replace("12", "\"12\"")]
        {
            assert_eq!(text.parse::<SignedCheckpoint>(), Err(CheckpointError::Invalid), "{text}");
        }
    }
}
