//! Verifies the ledger: along each chain every record is in place, unaltered, and opens; and no chain is missing.
//! Not here: what a chain is; see [`super::chain`].

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use uuid::Uuid;

use super::archive::Archive;
use super::chain::{ChainHead, Record};
use super::chain_position::{ChainPosition, End};
use super::error::LedgerError;
use super::keys::KeyRing;
use super::start::Start;

/// Number of records read at a time.
const PAGE: i64 = 500;

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The first record that is missing although a later one exists.
    Missing,
    /// The first record that was altered, or follows an altered part of the chain.
    Altered,
    /// The first record whose key is not configured.
    UnknownKey(String),
    /// The checkpoint that a purge left was altered.
    CheckpointAltered,
    /// A record before the start of its chain.
    Stray,
    /// The first record that the lookup by one of its cards does not find.
    CardLost,
    /// The whole chain, or its end from here on, is missing: another chain records that it was longer.
    EndMissing,
}

/// A defect and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub place: ChainPosition,
    /// What is wrong with it.
    pub defect: Defect,
}

/// The results so far.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Number of records that passed.
    pub records: u64,
    /// The end of each chain that passed.
    pub ends: Vec<End>,
    /// The first defect of each chain that failed.
    pub findings: Vec<Finding>,
}

/// Walks the chains in steps.
#[derive(Debug)]
pub struct Verification<'a> {
    archive: &'a Archive,
    chains: VecDeque<Uuid>,
    /// The last verified record of the current chain.
    at: Option<ChainHead>,
    expected: Vec<End>,
    verified: Verified,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChainPosition { chain, sequence } = self.place;
        match &self.defect {
            Defect::Missing => write!(formatter, "chain {chain}: record {sequence} is missing"),
            Defect::Altered => write!(formatter, "chain {chain}: record {sequence} was altered"),
            Defect::UnknownKey(key) => {
                write!(formatter, "chain {chain}: record {sequence} was sealed with key `{key}`, which is not among the keys")
            }
            Defect::CheckpointAltered => {
                write!(formatter, "chain {chain}: the checkpoint of the purge up to record {sequence} was altered")
            }
            Defect::Stray => write!(formatter, "chain {chain}: record {sequence} stands ahead of the chain's beginning"),
            Defect::CardLost => write!(formatter, "chain {chain}: record {sequence} is not found by its cards any more"),
            Defect::EndMissing => write!(formatter, "chain {chain}: record {sequence} is missing, and it was there once"),
        }
    }
}

impl<'a> Verification<'a> {
    /// Starts at the beginning, or at a position reached before; `expected` are chain ends observed earlier.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn begin(archive: &'a Archive, resume: Option<ChainPosition>, expected: Vec<End>) -> Result<Self, LedgerError> {
        let mut chains: VecDeque<Uuid> = archive.database.chains().await?.into();
        let mut at = None;
        if let Some(place) = resume {
            chains.retain(|chain| *chain >= place.chain);
            if chains.front() == Some(&place.chain) && place.sequence > 0 {
                let ahead = ChainPosition { sequence: place.sequence - 1, ..place };
                at = archive.database.chain_page(ahead, 1).await?.first().and_then(Option::as_ref).map(Record::head);
            }
        }
        Ok(Self { archive, chains, at, expected, verified: Verified::default() })
    }

    /// The total number of records, including those before the position where it resumed.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn size(&self) -> Result<u64, LedgerError> {
        Ok(u64::try_from(self.archive.database.count().await?).unwrap_or_default())
    }

    /// The results so far.
    #[must_use]
    pub fn so_far(&self) -> &Verified {
        &self.verified
    }

    /// The position to resume from if interrupted now.
    #[must_use]
    pub fn place(&self) -> Option<ChainPosition> {
        let chain = *self.chains.front()?;
        Some(ChainPosition { chain, sequence: self.at.map_or(0, |head| head.sequence) })
    }

    /// Verifies the next records; `false` when all are done.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn step(&mut self) -> Result<bool, LedgerError> {
        let Some(chain) = self.chains.front().copied() else {
            let strays = self.archive.database.strays().await?;
            self.verified.findings.extend(strays.into_iter().map(|place| Finding { place, defect: Defect::Stray }));
            self.look_for_ends().await?;
            return Ok(false);
        };
        let Some(at) = self.beginning(chain).await? else { return Ok(true) };
        let records = self.archive.database.chain_page(ChainPosition { chain, sequence: at.sequence }, PAGE).await?;
        let (mut head, is_last) = (at, records.len() < usize::try_from(PAGE).unwrap_or(usize::MAX));
        let lost = self.lost_cards(&records).await?;
        for record in &records {
            match check(record.as_ref(), &head, &self.archive.keys) {
                Ok(next) if lost == Some(next.sequence) => {
                    let place = ChainPosition { chain, sequence: next.sequence };
                    self.leave_at(Finding { place, defect: Defect::CardLost }).await?;
                    return Ok(true);
                }
                Ok(next) => head = next,
                Err(finding) => {
                    self.leave_at(finding).await?;
                    return Ok(true);
                }
            }
            self.verified.records += 1;
        }
        if is_last {
            self.leave(None, Some(head));
        } else {
            self.at = Some(head);
        }
        Ok(true)
    }

    /// What the chain's next record follows; `None` if even that fails verification, and the chain is abandoned.
    async fn beginning(&mut self, chain: Uuid) -> Result<Option<ChainHead>, LedgerError> {
        if let Some(at) = self.at {
            return Ok(Some(at));
        }
        match self.archive.beginning(chain).await? {
            Ok(head) => Ok(Some(head)),
            Err(finding) => {
                self.leave(Some(finding), None);
                Ok(None)
            }
        }
    }

    /// Abandons a chain at its first defect; but if a purge removed the records that seem to be missing, continues after them.
    async fn leave_at(&mut self, finding: Finding) -> Result<(), LedgerError> {
        let purged_to = self.archive.database.checkpoint(finding.place.chain).await?.map_or(0, |checkpoint| checkpoint.head.sequence);
        if finding.place.sequence <= purged_to {
            self.at = None;
        } else {
            self.leave(Some(finding), None);
        }
        Ok(())
    }

    fn leave(&mut self, finding: Option<Finding>, end: Option<ChainHead>) {
        self.chains.pop_front();
        self.at = None;
        self.verified.findings.extend(finding);
        let end = end.map(|head| End { place: ChainPosition { chain: head.chain, sequence: head.sequence }, hash: head.hash });
        self.verified.ends.extend(end);
    }

    /// The first of these records that the lookup by one of its cards does not find.
    async fn lost_cards(&self, records: &[Option<Record>]) -> Result<Option<i64>, LedgerError> {
        let records = || records.iter().flatten();
        let cards: Vec<Uuid> = records().flat_map(|record| record.sealed.cards.iter().copied()).collect();
        let found: BTreeMap<Uuid, Uuid> = self.archive.database.found_cards(&cards).await?.into_iter().collect();
        let is_found = |record: &&Record| record.sealed.cards.iter().all(|card| found.get(card) == Some(&record.sealed.id));
        Ok(records().find(|record| !is_found(record)).map(|record| record.sequence))
    }

    /// Finds chains that are missing or too short: later chains record a minimum length, and the caller may have observed more.
    async fn look_for_ends(&mut self) -> Result<(), LedgerError> {
        let mut seen = std::mem::take(&mut self.expected);
        seen.extend(self.archive.links().await?);
        let mut shortest: BTreeMap<Uuid, Finding> = BTreeMap::new();
        for end in seen {
            if let Some(defect) = self.defect_at(&end).await? {
                let finding = Finding { place: end.place, defect };
                shortest
                    .entry(end.place.chain)
                    .and_modify(|known| {
                        if end.place < known.place {
                            *known = finding.clone();
                        }
                    })
                    .or_insert(finding);
            }
        }
        for (chain, finding) in shortest {
            // A defect found in the chain itself is more specific.
            if !self.verified.findings.iter().any(|known| known.place.chain == chain) {
                self.verified.findings.push(finding);
            }
        }
        Ok(())
    }

    async fn defect_at(&self, end: &End) -> Result<Option<Defect>, LedgerError> {
        let ChainPosition { chain, sequence } = end.place;
        let there = self.archive.database.chain_page(ChainPosition { chain, sequence: sequence - 1 }, 1).await?;
        let defect = match there.first() {
            Some(Some(record)) if record.sequence == sequence => (record.hash != end.hash).then_some(Defect::Altered),
            Some(None) => Some(Defect::Altered),
            Some(Some(_)) | None => Some(Defect::EndMissing),
        };
        let purged_to = self.archive.database.checkpoint(chain).await?.map_or(0, |checkpoint| checkpoint.head.sequence);
        Ok(defect.filter(|_| sequence > purged_to))
    }
}

impl Archive {
    /// What the first existing record of a chain follows: a checkpoint, if older ones were purged.
    pub(super) async fn beginning(&self, chain: Uuid) -> Result<Result<ChainHead, Finding>, LedgerError> {
        let Some(checkpoint) = self.database.checkpoint(chain).await? else { return Ok(Ok(ChainHead::of_new(chain))) };
        let place = ChainPosition { chain, sequence: checkpoint.head.sequence };
        let defect = match self.keys.of_id(&checkpoint.key_id) {
            None => Defect::UnknownKey(checkpoint.key_id),
            Some(key) if checkpoint.holds(key) => return Ok(Ok(checkpoint.head)),
            Some(_) => Defect::CheckpointAltered,
        };
        Ok(Err(Finding { place, defect }))
    }

    /// Minimum lengths of chains, from the start records of the chains after them.
    async fn links(&self) -> Result<Vec<End>, LedgerError> {
        let mut links = Vec::new();
        for record in self.database.starts().await? {
            // Walking its chain reports a record that does not open as altered.
            let Some(summary) = self.keys.of_id(&record.sealed.key_id).and_then(|key| record.sealed.open_summary(key).ok()) else {
                continue;
            };
            let previous = serde_json::from_slice::<Start>(&summary).ok().and_then(|start| start.previous);
            links.extend(previous.map(|link| End { place: ChainPosition { chain: link.chain, sequence: link.sequence }, hash: link.hash }));
        }
        links.retain(|link| link.place.sequence > 0);
        Ok(links)
    }
}

/// Verifies that a record follows `head` and returns the new head.
pub(super) fn check(record: Option<&Record>, head: &ChainHead, keys: &KeyRing) -> Result<ChainHead, Finding> {
    let place = ChainPosition { chain: head.chain, sequence: head.sequence + 1 };
    let fault = |defect| Err(Finding { place, defect });
    let Some(record) = record else { return fault(Defect::Altered) };
    if record.sequence != place.sequence {
        return fault(Defect::Missing);
    }
    let Some(key) = keys.of_id(&record.sealed.key_id) else { return fault(Defect::UnknownKey(record.sealed.key_id.clone())) };
    let follows = record.code(&head.hash, key) == record.hash && record.recorded_at >= head.recorded_at;
    let opens = follows && record.sealed.open_summary(key).is_ok() && record.sealed.open_content_packed(key).is_ok();
    if opens { Ok(record.head()) } else { fault(Defect::Altered) }
}
