//! The quick check before a process writes to a ledger: the first and the last records of the newest chains hold, their keys are configured,
//! and the chain is as long as it was.
//! Not here: the records between; see [`super::verify`].

use super::chain_ends::{beginning_head, defect_at, without_purged};
use super::chain_position::{ChainPosition, End};
use super::chain_walk::{ChainWalk, Row};
use super::database::Database;
use super::error::LedgerError;
use super::finding::DefectFound;
use super::keys::KeyRing;

/// The number of records checked at each end of a chain.
const RECORDS: i64 = 8;

/// The number of chains checked, the newest first. SQLite has one; PostgreSQL has one for each run of an instance.
const MAX_CHAINS: usize = 16;

/// Checks the ends of the newest chains. `end` is how far a chain had got at least.
pub(super) async fn quick_check(database: &Database, keys: &KeyRing, end: Option<End>) -> Result<(), LedgerError> {
    for chain in database.newest_chains(MAX_CHAINS).await? {
        let head = beginning_head(database, keys, chain).await?.map_err(LedgerError::Damaged)?;
        let mut walk = ChainWalk::after(&head);
        let first = database.chain_page(walk.position(), RECORDS).await?;
        check(database, &mut walk, &first, keys).await?;
        let last = database.chain_end(chain, RECORDS).await?;
        if let Some(first) = last.first().map(|row| row.position).filter(|first| *first > walk.position()) {
            walk = ChainWalk::from_position(ChainPosition { sequence: first.sequence - 1, ..first });
            check(database, &mut walk, &last, keys).await?;
        }
    }
    if let Some(end) = end
        && let Some(defect) = defect_at(database, &end).await?
    {
        return Err(LedgerError::Damaged(DefectFound { position: end.position, defect }));
    }
    Ok(())
}

async fn check(database: &Database, walk: &mut ChainWalk, rows: &[Row], keys: &KeyRing) -> Result<(), LedgerError> {
    let findings = rows.iter().flat_map(|row| walk.step(row, keys)).collect();
    let finding = without_purged(database, findings).await?.into_iter().next();
    finding.map_or(Ok(()), |finding| Err(LedgerError::Damaged(finding)))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Defect;
    use super::*;

    #[test]
    fn a_finding_is_told_with_what_to_do() {
        let position = ChainPosition { chain: uuid::Uuid::from_u128(7), sequence: 3 };
        let error = LedgerError::Damaged(DefectFound { position, defect: Defect::Altered });
        let expected =
            "the ledger is damaged: chain 00000000-0000-0000-0000-000000000007: record 3 was altered. `sij-cds ledger verify` names";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
