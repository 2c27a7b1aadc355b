//! What is wrong with a ledger, and where.
//! Not here: finding it ([`super::verify`], [`super::quick_check`]).

use std::fmt;

use uuid::Uuid;

use super::chain_position::ChainPosition;

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
    /// Another record has the same sequence number.
    IssuedTwice,
    /// The record is not the one that was there once: the chain was continued from an older copy, or was replaced.
    Diverged,
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
pub struct DefectFound {
    /// The record.
    pub position: ChainPosition,
    /// What is wrong with it.
    pub defect: Defect,
}

impl fmt::Display for DefectFound {
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
            Defect::IssuedTwice => write!(formatter, "the sequence number {sequence} was issued twice"),
            Defect::Diverged => write!(formatter, "record {sequence} is not the one that was there once"),
            Defect::CheckpointAltered => write!(formatter, "the checkpoint of the purge up to record {sequence} was altered"),
            Defect::Stray => write!(formatter, "record {sequence} stands before the chain's beginning"),
            Defect::CardLost => write!(formatter, "record {sequence} is not found by its cards"),
            Defect::EndMissing => write!(formatter, "record {sequence} is missing, and it was there once"),
            Defect::Unreadable(reason) => write!(formatter, "the records after {sequence} cannot be read: {reason}"),
            Defect::File(text) => formatter.write_str(text),
        }
    }
}

/// Records of a chain whose key is not configured. Their places in the chain are verified, but without the key it cannot be told whether
/// they were altered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// The chain.
    pub chain: Uuid,
    /// The missing key.
    pub key_id: String,
    /// How many records, between the first and the last.
    pub records: u64,
    first: i64,
    last: i64,
}

impl Unchecked {
    /// Splits findings into defects, which it returns, and records whose key is missing, which it adds to `unchecked`.
    pub(super) fn split(findings: Vec<DefectFound>, unchecked: &mut Vec<Self>) -> Vec<DefectFound> {
        let mut defects = Vec::new();
        for finding in findings {
            match finding.defect {
                Defect::UnknownKey(key_id) => Self::add(unchecked, finding.position, key_id),
                _ => defects.push(finding),
            }
        }
        defects
    }

    fn add(unchecked: &mut Vec<Self>, position: ChainPosition, key_id: String) {
        let ChainPosition { chain, sequence } = position;
        match unchecked.iter_mut().find(|known| known.chain == chain && known.key_id == key_id) {
            Some(known) => {
                known.records += 1;
                known.last = sequence;
            }
            None => unchecked.push(Self { chain, key_id, records: 1, first: sequence, last: sequence }),
        }
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, key_id, records, first, last } = self;
        match records {
            1 => write!(formatter, "chain {chain}: record {first} is not checked: key `{key_id}` is missing"),
            _ => write!(formatter, "chain {chain}: {records} records from {first} to {last} are not checked: key `{key_id}` is missing"),
        }
    }
}
