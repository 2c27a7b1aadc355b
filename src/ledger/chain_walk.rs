//! Walks the rows of one chain in order and names every defect. A defect does not end the walk: each record is verified on its own, by
//! the code in its row, and where the record before it holds, also against that one's code.
//! Not here: reading the rows ([`super::reader`]), and which chains there are ([`super::verify`]).

use uuid::Uuid;

use super::chain::Record;
use super::chain_position::{ChainHead, ChainPosition, Hash};
use super::finding::{Defect, DefectFound};
use super::keys::KeyRing;

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
    pub(super) fn step(&mut self, row: &Row, keys: &KeyRing) -> Vec<DefectFound> {
        let sequence = row.position.sequence;
        let mut findings = Vec::new();
        let expected = self.sequence.map_or(sequence, |last| last + 1);
        if sequence > expected {
            let position = ChainPosition { chain: self.chain, sequence: expected };
            findings.push(DefectFound { position, defect: Defect::Missing { through: sequence - 1 } });
            self.hash = None;
        } else if sequence < expected {
            return vec![DefectFound { position: row.position, defect: Defect::IssuedTwice }];
        }
        let defect = row.record.as_ref().map_or(Some(Defect::Altered), |record| defect(record, self.hash.as_ref(), keys));
        self.hash = row.record.as_ref().map(|record| record.hash).filter(|_| is_link(defect.as_ref()));
        self.sequence = Some(sequence);
        findings.extend(defect.map(|defect| DefectFound { position: row.position, defect }));
        findings
    }
}

/// Whether a row holds: its only defects are missing records before it.
pub(super) fn holds(findings: &[DefectFound], position: ChainPosition) -> bool {
    findings.iter().all(|finding| finding.position != position)
}

/// Whether the next record must continue this one. Without its key, a record's own code is taken as it stands, and the next one's proves it.
fn is_link(defect: Option<&Defect>) -> bool {
    matches!(defect, None | Some(Defect::NotLinked | Defect::UnknownKey(_)))
}

/// What is wrong with a record; `previous` is the code of the record before it, if that one holds.
fn defect(record: &Record, previous: Option<&Hash>, keys: &KeyRing) -> Option<Defect> {
    let not_linked = previous.is_some_and(|previous| *previous != record.previous).then_some(Defect::NotLinked);
    let Some(key) = keys.of_id(&record.sealed.key_id) else {
        return not_linked.or_else(|| Some(Defect::UnknownKey(record.sealed.key_id.clone())));
    };
    let is_authentic = record.code(key) == record.hash;
    if !is_authentic || record.sealed.open_summary(key).is_err() || record.sealed.open_compressed_content(key).is_err() {
        return Some(Defect::Altered);
    }
    not_linked
}
