//! Walks the rows of one chain in order and names every defect. A defect does not end the walk: each record is verified on its own, by
//! the code in its row, and where the record before it holds, also against that one's code.
//! Not here: reading the rows ([`super::reader`]), and which chains there are ([`super::verify`]).

use std::fmt;

use uuid::Uuid;

use super::chain::{ChainHead, Hash, Record};
use super::chain_position::ChainPosition;
use super::error::LedgerError;
use super::keys::KeyRing;

/// What is wrong with a record or a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The records from this one to the given sequence number are missing although a later one exists.
    Missing {
        /// The last of them.
        through: i64,
    },
    /// The record was altered, or cannot be read.
    Altered,
    /// The record's key is not configured.
    UnknownKey(String),
    /// The record does not continue the one before it, although both are authentic: one of them is from another copy of the chain.
    NotLinked,
    /// The checkpoint that a purge left was altered.
    CheckpointAltered,
    /// A record before the start of its chain.
    Stray,
    /// The lookup by one of the record's cards does not find it.
    CardLost,
    /// The whole chain, or its end from here on, is missing: something outside of it shows that it was longer.
    EndMissing,
    /// The database cannot read the chain's records after this one, for this reason.
    Unreadable(String),
    /// The database finds its file damaged in this way, whichever record that concerns.
    File(String),
}

/// A defect and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub position: ChainPosition,
    /// What is wrong with it.
    pub defect: Defect,
}

impl Finding {
    /// What a database error says of its file, if it says that the file is damaged.
    pub(super) fn from_error(error: LedgerError, after: ChainPosition) -> Result<Self, LedgerError> {
        if error.is_damage() { Ok(Self { position: after, defect: Defect::Unreadable(error.reason()) }) } else { Err(error) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChainPosition { chain, sequence } = self.position;
        if let Defect::File(text) = &self.defect {
            return write!(formatter, "the database's file: {text}");
        }
        write!(formatter, "chain {chain}: ")?;
        match &self.defect {
            Defect::Missing { through } if *through == sequence => write!(formatter, "record {sequence} is missing"),
            Defect::Missing { through } => write!(formatter, "records {sequence} to {through} are missing"),
            Defect::Altered => write!(formatter, "record {sequence} was altered"),
            Defect::UnknownKey(key) => write!(formatter, "record {sequence} was sealed with key `{key}`, which is not among the keys"),
            Defect::NotLinked => write!(formatter, "record {sequence} does not continue the record before it"),
            Defect::CheckpointAltered => write!(formatter, "the checkpoint of the purge up to record {sequence} was altered"),
            Defect::Stray => write!(formatter, "record {sequence} stands before the chain's beginning"),
            Defect::CardLost => write!(formatter, "record {sequence} is not found by its cards"),
            Defect::EndMissing => write!(formatter, "record {sequence} is missing, and it was there once"),
            Defect::Unreadable(reason) => write!(formatter, "the records after {sequence} cannot be read: {reason}"),
            Defect::File(text) => formatter.write_str(text),
        }
    }
}

/// A row of a chain: its record, or `None` if that cannot be decoded.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) position: ChainPosition,
    pub(super) record: Option<Record>,
}

/// A walk along one chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainWalk {
    chain: Uuid,
    /// The sequence number of the last row, if the next row must follow it.
    sequence: Option<i64>,
    /// The code of the last row, if its record holds.
    hash: Option<Hash>,
}

impl ChainWalk {
    /// Begins after a record that was verified.
    pub(super) fn after(head: &ChainHead) -> Self {
        Self { chain: head.chain, sequence: Some(head.sequence), hash: Some(head.hash) }
    }

    /// Begins after a position whose record is not known.
    pub(super) fn from_position(position: ChainPosition) -> Self {
        Self { chain: position.chain, sequence: Some(position.sequence), hash: None }
    }

    /// Begins at whichever row comes first.
    pub(super) fn from_anywhere(chain: Uuid) -> Self {
        Self { chain, sequence: None, hash: None }
    }

    pub(super) fn chain(&self) -> Uuid {
        self.chain
    }

    /// The position of the last row.
    pub(super) fn position(&self) -> ChainPosition {
        ChainPosition { chain: self.chain, sequence: self.sequence.unwrap_or_default() }
    }

    /// Verifies the next row and returns its defects. The record holds if there are none but missing records before it.
    pub(super) fn step(&mut self, row: &Row, keys: &KeyRing) -> Vec<Finding> {
        let sequence = row.position.sequence;
        let mut findings = Vec::new();
        let expected = self.sequence.map_or(sequence, |last| last + 1);
        if sequence > expected {
            let position = ChainPosition { chain: self.chain, sequence: expected };
            findings.push(Finding { position, defect: Defect::Missing { through: sequence - 1 } });
            self.hash = None;
        }
        let defect = row.record.as_ref().map_or(Some(Defect::Altered), |record| defect(record, self.hash.as_ref(), keys));
        self.hash = row.record.as_ref().map(|record| record.hash).filter(|_| matches!(defect, None | Some(Defect::NotLinked)));
        self.sequence = Some(sequence);
        findings.extend(defect.map(|defect| Finding { position: row.position, defect }));
        findings
    }
}

/// Whether a row holds: its only defects are missing records before it.
pub(super) fn holds(findings: &[Finding], position: ChainPosition) -> bool {
    findings.iter().all(|finding| finding.position != position)
}

/// What is wrong with a record; `previous` is the code of the record before it, if that one holds.
fn defect(record: &Record, previous: Option<&Hash>, keys: &KeyRing) -> Option<Defect> {
    let Some(key) = keys.of_id(&record.sealed.key_id) else { return Some(Defect::UnknownKey(record.sealed.key_id.clone())) };
    let is_authentic = record.code(key) == record.hash;
    if !is_authentic || record.sealed.open_summary(key).is_err() || record.sealed.open_compressed_content(key).is_err() {
        return Some(Defect::Altered);
    }
    previous.is_some_and(|previous| *previous != record.previous).then_some(Defect::NotLinked)
}
