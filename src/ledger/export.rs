//! Reads all records, or those that a filter selects, chain by chain. A damaged record does not end an export: it is named and left out.
//! Not here: the formats; the caller writes them.

use super::archive::{Archive, Wanted};
use super::chain_ends::{beginning_head, walk_after, without_purged};
use super::chain_position::ChainPosition;
use super::chain_walk::{ChainWalk, Row};
use super::error::LedgerError;
use super::finding::{Defect, DefectFound, Unchecked};
use super::opened_record::{Depth, OpenedRecord};
use super::reader::Conditions;

/// Maximum number of records on one page.
const PAGE: i64 = 200;

/// An export in steps.
#[derive(Debug)]
pub struct Export<'a> {
    archive: &'a Archive,
    conditions: Conditions,
    /// Whether every record is selected, so that missing ones are noticed.
    is_whole: bool,
    after: ChainPosition,
    walk: Option<ChainWalk>,
    is_done: bool,
}

/// The next records of an export.
#[derive(Debug, Default)]
pub struct ExportedPage {
    /// The records that hold, and those whose key is missing, locked.
    pub records: Vec<OpenedRecord>,
    /// Those whose key is missing.
    pub unchecked: Vec<Unchecked>,
    /// The defects of those that do not, and of their chains.
    pub findings: Vec<DefectFound>,
}

impl<'a> Export<'a> {
    /// Starts at the beginning, or after a position reached before.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn begin(archive: &'a Archive, wanted: &Wanted, resume: Option<ChainPosition>) -> Result<Self, LedgerError> {
        let walk = match resume {
            Some(position) => Some(walk_after(&archive.database, position).await?),
            None => None,
        };
        let (conditions, after) = (archive.conditions(wanted), resume.unwrap_or(ChainPosition::BEGINNING));
        Ok(Self { archive, conditions, is_whole: *wanted == Wanted::default(), after, walk, is_done: false })
    }

    /// The position to resume from if interrupted now.
    #[must_use]
    pub fn position(&self) -> ChainPosition {
        self.after
    }

    /// Reads the next records; `None` at the end.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn step(&mut self) -> Result<Option<ExportedPage>, LedgerError> {
        if self.is_done {
            return Ok(None);
        }
        match self.next_page().await {
            Ok(page) => Ok(Some(page)),
            Err(error) => {
                let finding = error.into_finding(self.after)?;
                // Go on with the next chain, unless the damage is there, too.
                self.is_done |= self.after == ChainPosition::BEGINNING || self.after.sequence == i64::MAX;
                self.after.sequence = i64::MAX;
                Ok(Some(ExportedPage { findings: vec![finding], ..ExportedPage::default() }))
            }
        }
    }

    async fn next_page(&mut self) -> Result<ExportedPage, LedgerError> {
        let rows = self.archive.database.page(self.after, &self.conditions, PAGE).await?;
        let mut page = ExportedPage::default();
        let Some(last) = rows.last().map(|row| row.position) else {
            self.is_done = true;
            if self.is_whole {
                page.findings = self.archive.findings_at_ends(self.archive.noted_end.into_iter().collect(), &[]).await?;
            }
            return Ok(page);
        };
        for row in rows {
            self.take(row, &mut page).await?;
        }
        self.after = last;
        Ok(page)
    }

    async fn take(&mut self, row: Row, page: &mut ExportedPage) -> Result<(), LedgerError> {
        let position = row.position;
        let mut walk = match self.walk.filter(|walk| self.is_whole && walk.chain() == position.chain) {
            Some(walk) => walk,
            None => self.begin_walk(position, page).await?,
        };
        let findings = walk.step(&row, &self.archive.keys);
        self.walk = Some(walk);
        let is_listed = |finding: &DefectFound| finding.position != position || matches!(finding.defect, Defect::UnknownKey(_));
        if let (true, Some(record)) = (findings.iter().all(is_listed), row.record) {
            page.records.push(OpenedRecord::open_or_locked(record, &self.archive.keys, Depth::Content)?);
        }
        let findings = without_purged(&self.archive.database, findings).await?;
        page.findings.extend(Unchecked::split(findings, &mut page.unchecked));
        Ok(())
    }

    /// A walk from the beginning of a chain; of a part of its records, each is verified on its own.
    async fn begin_walk(&self, position: ChainPosition, page: &mut ExportedPage) -> Result<ChainWalk, LedgerError> {
        if !self.is_whole {
            return Ok(ChainWalk::from_anywhere(position.chain));
        }
        Ok(match beginning_head(&self.archive.database, &self.archive.keys, position.chain).await? {
            Ok(head) => ChainWalk::after(&head),
            Err(finding) => {
                page.findings.extend(Unchecked::split(vec![finding], &mut page.unchecked));
                ChainWalk::from_anywhere(position.chain)
            }
        })
    }
}
