//! The quick check before a process writes to a ledger: the first and the last records of the newest chains hold, their keys are configured,
//! and the chain is as long as it was.
//! Not here: the records between; see [`super::verify`].

use tracing::warn;

use super::chain_ends::{beginning_head, defect_at, without_purged};
use super::chain_position::{ChainPosition, End};
use super::chain_walk::{ChainWalk, Row};
use super::database::{Database, DatabaseKind};
use super::error::LedgerError;
use super::finding::{DefectFound, Unchecked};
use super::keys::KeyRing;

/// The number of records checked at each end of a chain.
const RECORDS: usize = 8;

/// The number of chains checked, the newest first. SQLite has one; PostgreSQL has one for each run of an instance.
const MAX_CHAINS: i64 = 16;

/// Checks the ends of the newest chains. `end` is how far a chain had got at least.
pub(super) async fn quick_check(database: &Database, keys: &KeyRing, end: Option<End>) -> Result<(), LedgerError> {
    for chain in database.newest_chains(MAX_CHAINS).await? {
        let mut walk = match beginning_head(database, keys, chain).await? {
            Ok(head) => ChainWalk::after(&head),
            Err(finding) => {
                told(database, vec![finding.clone()])?;
                ChainWalk::from_position(finding.position)
            }
        };
        let rows = database.first_and_last_rows(walk.position(), RECORDS).await?;
        let (first, last) = split_at_gap(&rows);
        check(database, &mut walk, first, keys).await?;
        if let Some(next) = last.first().map(|row| row.position) {
            walk = ChainWalk::from_position(ChainPosition { sequence: next.sequence - 1, ..next });
            check(database, &mut walk, last, keys).await?;
        }
    }
    if let Some(end) = end
        && let Some(defect) = defect_at(database, &end).await?
    {
        return Err(LedgerError::Damaged(DefectFound { position: end.position, defect }));
    }
    Ok(())
}

/// Splits the rows of a chain's two ends where rows between them were not read. Fewer rows than two whole ends are all rows of the chain, so
/// that a gap among them is a defect.
fn split_at_gap(rows: &[Row]) -> (&[Row], &[Row]) {
    let (first, last) = rows.split_at(RECORDS.min(rows.len()));
    let follows = |(before, next): (&Row, &Row)| next.position.sequence == before.position.sequence + 1;
    let is_one = last.len() < RECORDS || first.last().zip(last.first()).is_some_and(follows);
    if is_one { (rows, &[]) } else { (first, last) }
}

async fn check(database: &Database, walk: &mut ChainWalk, rows: &[Row], keys: &KeyRing) -> Result<(), LedgerError> {
    let findings = rows.iter().flat_map(|row| walk.step(row, keys)).collect();
    told(database, without_purged(database, findings).await?)
}

/// Refuses a ledger for its first defect. In PostgreSQL a missing key is only logged: while keys are rotated, another instance may already seal
/// with one that this instance does not have yet. A file is this instance's own, and so a missing key is a mistake.
fn told(database: &Database, findings: Vec<DefectFound>) -> Result<(), LedgerError> {
    let mut unchecked = Vec::new();
    let findings = match database.kind {
        DatabaseKind::Postgres => Unchecked::split(findings, &mut unchecked),
        DatabaseKind::Sqlite => findings,
    };
    for Unchecked { chain, key_id, records, .. } in unchecked {
        warn!(%chain, key = key_id, records, "records cannot be read or checked, because their key is missing");
    }
    findings.into_iter().next().map_or(Ok(()), |finding| Err(LedgerError::Damaged(finding)))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Defect;
    use super::*;

    fn rows(sequences: impl IntoIterator<Item = i64>) -> Vec<Row> {
        let position = |sequence| ChainPosition { chain: uuid::Uuid::from_u128(7), sequence };
        sequences.into_iter().map(|sequence| Row { position: position(sequence), record: None }).collect()
    }

    #[test]
    fn the_two_ends_of_a_chain_are_one_unless_rows_between_them_were_not_read() {
        let table: [(Vec<Row>, usize); 7] = [
            (rows([]), 0),
            (rows(1..=8), 8),
            (rows(1..=9), 9),
            (rows((1..=4).chain(7..=15)), 13),
            (rows(1..=16), 16),
            (rows((1..=8).chain(10..=17)), 8),
            (rows((101..=108).chain(201..=208)), 8),
        ];
        for (rows, expected) in table {
            let (first, last) = split_at_gap(&rows);
            assert_eq!((first.len(), last.len()), (expected, rows.len() - expected), "{:?}", rows.last());
        }
    }

    #[test]
    fn a_finding_is_told_with_what_to_do() {
        let position = ChainPosition { chain: uuid::Uuid::from_u128(7), sequence: 3 };
        let error = LedgerError::Damaged(DefectFound { position, defect: Defect::Altered });
        let expected =
            "the ledger is damaged: chain 00000000-0000-0000-0000-000000000007: record 3 was altered. `sij-cds ledger verify` names";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
