//! Verifies the ledger: along each chain every record is in place, unaltered, and opens; and no chain is missing.
//! Not here: what a chain is ([`super::chain`]), and which defects a row has ([`super::chain_walk`]).

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::archive::Archive;
use super::chain::Record;
use super::chain_ends::{beginning_head, defect_at, walk_after, without_purged};
use super::chain_position::{ChainPosition, End, Hash};
use super::chain_walk::{ChainWalk, Row, holds};
use super::error::LedgerError;
use super::finding::{Defect, DefectFound, Unchecked};
use super::reader::Conditions;
use super::seals::SealCounts;
use super::start::Start;

/// Number of records read at a time.
const PAGE: i64 = 500;

/// The results so far.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Number of records that passed.
    pub records: u64,
    /// The end of each chain that passed.
    pub ends: Vec<End>,
    /// Every defect.
    pub findings: Vec<DefectFound>,
    /// The records whose key is missing, which is no defect.
    pub unchecked: Vec<Unchecked>,
    /// At most how often each key has sealed for all instances, as far as their start records and the records that were verified show.
    pub seals: BTreeMap<String, u64>,
}

/// Walks the chains in steps.
#[derive(Debug)]
pub struct Verification<'a> {
    archive: &'a Archive,
    chains: VecDeque<Uuid>,
    /// The walk along the current chain.
    walk: Option<ChainWalk>,
    /// The last record of the current chain that holds, if all before it hold, too.
    end: Option<End>,
    /// The codes of records that were there once, and were not met yet.
    expected: BTreeMap<ChainPosition, Vec<Hash>>,
    verified: Verified,
}

impl Verified {
    /// Advice on each key that has sealed often.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        SealCounts(self.seals.clone()).advice()
    }
}

impl<'a> Verification<'a> {
    /// Starts at the beginning, or at a position reached before; `observed` are chain ends observed earlier.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn begin(archive: &'a Archive, resume: Option<ChainPosition>, observed: Vec<End>) -> Result<Self, LedgerError> {
        let mut chains: VecDeque<Uuid> = archive.database.chains().await?.into();
        let mut walk = None;
        if let Some(position) = resume {
            chains.retain(|chain| *chain >= position.chain);
            if chains.front() == Some(&position.chain) && position.sequence > 0 {
                walk = Some(walk_after(&archive.database, position).await?);
            }
        }
        let mut expected: BTreeMap<ChainPosition, Vec<Hash>> = BTreeMap::new();
        for end in observed.into_iter().chain(archive.noted_end) {
            expected.entry(end.position).or_default().push(end.hash);
        }
        Ok(Self { archive, chains, walk, end: None, expected, verified: Verified::default() })
    }

    /// The total number of records, including those before the position where it resumed.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn size(&self) -> Result<u64, LedgerError> {
        self.archive.database.count(&Conditions::default()).await
    }

    /// The results so far.
    #[must_use]
    pub fn so_far(&self) -> &Verified {
        &self.verified
    }

    /// The position to resume from if interrupted now.
    #[must_use]
    pub fn position(&self) -> Option<ChainPosition> {
        let chain = *self.chains.front()?;
        Some(self.walk.map_or(ChainPosition { chain, sequence: 0 }, |walk| walk.position()))
    }

    /// Verifies the next records; `false` when all are done.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn step(&mut self) -> Result<bool, LedgerError> {
        let Some(chain) = self.chains.front().copied() else {
            let missed = std::mem::take(&mut self.expected).into_iter();
            let ends = missed.flat_map(|(position, hashes)| hashes.into_iter().map(move |hash| End { position, hash })).collect();
            let findings = self.archive.findings_at_ends(ends, &self.verified.findings).await;
            self.verified.findings.extend(findings.or_else(|error| error.into_finding(ChainPosition::BEGINNING).map(|it| vec![it]))?);
            self.verified.findings.extend(self.issued_twice().await?);
            self.count_started_seals().await?;
            self.verified.findings.extend(self.archive.database.file_findings().await?);
            return Ok(false);
        };
        if let Err(error) = self.step_along(chain).await {
            let position = self.position().unwrap_or(ChainPosition::BEGINNING);
            self.verified.findings.push(error.into_finding(position)?);
            self.leave(chain);
        }
        Ok(true)
    }

    async fn step_along(&mut self, chain: Uuid) -> Result<(), LedgerError> {
        let mut walk = match self.walk {
            Some(walk) => walk,
            None => self.begin_chain(chain).await?,
        };
        let rows = self.archive.database.chain_page(walk.position(), PAGE).await?;
        self.verify(&mut walk, &rows).await?;
        self.walk = Some(walk);
        if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            self.leave(chain);
        }
        Ok(())
    }

    async fn begin_chain(&mut self, chain: Uuid) -> Result<ChainWalk, LedgerError> {
        Ok(match beginning_head(&self.archive.database, &self.archive.keys, chain).await? {
            Ok(head) => {
                self.end = Some(head.into());
                ChainWalk::after(&head)
            }
            Err(finding) => {
                self.verified.findings.extend(Unchecked::split(vec![finding], &mut self.verified.unchecked));
                ChainWalk::from_anywhere(chain)
            }
        })
    }

    async fn verify(&mut self, walk: &mut ChainWalk, rows: &[Row]) -> Result<(), LedgerError> {
        let mut lost = self.lost_cards(rows).await?;
        for row in rows {
            let mut findings = walk.step(row, &self.archive.keys);
            if holds(&findings, row.position) {
                self.verified.records += 1;
                let key_id = row.record.as_ref().map(|record| record.sealed.key_id.clone()).unwrap_or_default();
                *self.verified.seals.entry(key_id).or_default() += 2;
                self.end = row.record.as_ref().map(|record| record.head().into());
                findings.extend(lost.remove(&row.position).map(|defect| DefectFound { position: row.position, defect }));
            }
            findings.extend(self.diverged(row, &findings));
            let findings = without_purged(&self.archive.database, findings).await?;
            self.verified.findings.extend(Unchecked::split(findings, &mut self.verified.unchecked));
        }
        Ok(())
    }

    /// Adds what the last start records of the instances say, which includes records that were purged.
    async fn count_started_seals(&mut self) -> Result<(), LedgerError> {
        let mut last: BTreeMap<String, Record> = BTreeMap::new();
        for start in self.archive.database.starts().await? {
            if last.get(&start.instance).is_none_or(|other| other.recorded_at <= start.recorded_at) {
                last.insert(start.instance.clone(), start);
            }
        }
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for start in last.values() {
            for (key, count) in SealCounts::up_to(start, &self.archive.keys).0 {
                *sums.entry(key).or_default() += count;
            }
        }
        let mut counts = SealCounts(std::mem::take(&mut self.verified.seals));
        counts.at_least(&sums);
        self.verified.seals = counts.0;
        Ok(())
    }

    /// Sequence numbers that were issued twice and that the walk did not meet together, at the border of two pages.
    async fn issued_twice(&self) -> Result<Vec<DefectFound>, LedgerError> {
        let twice = match self.archive.database.issued_twice().await {
            Err(error) if error.is_damage() => Vec::new(),
            twice => twice?,
        };
        let findings = twice.into_iter().map(|position| DefectFound { position, defect: Defect::IssuedTwice });
        Ok(findings.filter(|finding| !self.verified.findings.contains(finding)).collect())
    }

    /// A record that is not the one that was there once; the first of its chain says that all later ones may not be, either.
    fn diverged(&mut self, row: &Row, known: &[DefectFound]) -> Option<DefectFound> {
        let (position, record) = (row.position, row.record.as_ref()?);
        let is_other = self.expected.remove(&position)?.iter().any(|hash| *hash != record.hash);
        let is_told = |finding: &DefectFound| finding.position.chain == position.chain && finding.defect == Defect::Diverged;
        let is_altered = known.iter().any(|finding| finding.position == position && finding.defect == Defect::Altered);
        let is_first = !is_altered && !self.verified.findings.iter().any(is_told);
        (is_other && is_first).then_some(DefectFound { position, defect: Defect::Diverged })
    }

    fn leave(&mut self, chain: Uuid) {
        self.chains.pop_front();
        self.walk = None;
        let end = self.end.take();
        if !self.verified.findings.iter().any(|finding| finding.position.chain == chain) {
            self.verified.ends.extend(end);
        }
    }

    /// The records that the lookup by one of their cards does not find.
    async fn lost_cards(&self, rows: &[Row]) -> Result<BTreeMap<ChainPosition, Defect>, LedgerError> {
        let records = || rows.iter().filter_map(|row| Some((row.position, row.record.as_ref()?)));
        let cards: Vec<Uuid> = records().flat_map(|(_, record)| record.sealed.cards.iter().copied()).collect();
        let found = match self.archive.database.calls_of_cards(&cards).await {
            Err(error) if error.is_damage() => Vec::new(),
            found => found?,
        };
        let found: BTreeMap<Uuid, Uuid> = found.into_iter().collect();
        let is_found = |record: &Record| record.sealed.cards.iter().all(|card| found.get(card) == Some(&record.sealed.id));
        Ok(records().filter(|(_, record)| !is_found(record)).map(|(position, _)| (position, Defect::CardLost)).collect())
    }
}

impl Archive {
    /// Defects that no walk along a chain shows: records before its beginning, and chains that are missing or too short. Later chains
    /// record a minimum length, and `expected` are ends that were observed. A known defect of the same chain is more specific.
    pub(super) async fn findings_at_ends(&self, expected: Vec<End>, known: &[DefectFound]) -> Result<Vec<DefectFound>, LedgerError> {
        let strays = self.database.strays().await?.into_iter();
        let mut findings: Vec<DefectFound> = strays.map(|position| DefectFound { position, defect: Defect::Stray }).collect();
        let mut shortest: BTreeMap<Uuid, DefectFound> = BTreeMap::new();
        for end in expected.into_iter().chain(self.links().await?) {
            let position = end.position;
            if shortest.get(&position.chain).is_none_or(|other| position < other.position)
                && let Some(defect) = defect_at(&self.database, &end).await?
            {
                shortest.insert(position.chain, DefectFound { position, defect });
            }
        }
        let is_known = |finding: &DefectFound| known.iter().any(|known| known.position == finding.position);
        findings.extend(shortest.into_values().filter(|finding| !is_known(finding)));
        Ok(findings)
    }

    /// Minimum lengths of chains, from the start records of the chains after them.
    async fn links(&self) -> Result<Vec<End>, LedgerError> {
        let mut links = Vec::new();
        for record in self.database.starts().await? {
            // The walk along its chain names a record that does not open.
            let Some(summary) = self.keys.of_id(&record.sealed.key_id).and_then(|key| record.sealed.open_summary(key).ok()) else {
                continue;
            };
            let previous = serde_json::from_slice::<Start>(&summary).ok().and_then(|start| start.previous);
            let end = |link: super::start::Previous| End {
                position: ChainPosition { chain: link.chain, sequence: link.sequence },
                hash: link.hash,
            };
            links.extend(previous.map(end));
        }
        links.retain(|link| link.position.sequence > 0);
        Ok(links)
    }
}
