//! What is known of a chain's ends: what its first record follows, and how long it was.
//! Not here: the records between; see [`super::chain_walk`].

use std::cmp::Ordering;

use uuid::Uuid;

use super::chain_position::{ChainHead, ChainPosition, End};
use super::chain_walk::ChainWalk;
use super::database::Database;
use super::error::LedgerError;
use super::finding::{Defect, DefectFound};
use super::keys::KeyRing;

/// What the first existing record of a chain follows: a checkpoint, if older ones were purged.
pub(super) async fn beginning_head(
    database: &Database,
    keys: &KeyRing,
    chain: Uuid,
) -> Result<Result<ChainHead, DefectFound>, LedgerError> {
    let Some(checkpoint) = database.checkpoint(chain).await? else { return Ok(Ok(ChainHead::new(chain))) };
    let position = ChainPosition { chain, sequence: checkpoint.head.sequence };
    let defect = match keys.of_id(&checkpoint.key_id) {
        None => Defect::UnknownKey(checkpoint.key_id),
        Some(key) if checkpoint.holds(key) => return Ok(Ok(checkpoint.head)),
        Some(_) => Defect::CheckpointAltered,
    };
    Ok(Err(DefectFound { position, defect }))
}

/// A walk that continues after a position reached before.
pub(super) async fn walk_after(database: &Database, position: ChainPosition) -> Result<ChainWalk, LedgerError> {
    let before = ChainPosition { sequence: position.sequence - 1, ..position };
    let rows = database.chain_page(before, 1).await?;
    let record = rows.first().and_then(|row| row.record.as_ref()).filter(|record| record.sequence == position.sequence);
    Ok(record.map_or_else(|| ChainWalk::from_position(position), |record| ChainWalk::after(&record.head())))
}

/// What is wrong with a chain that is known to have been this long, if anything.
pub(super) async fn defect_at(database: &Database, end: &End) -> Result<Option<Defect>, LedgerError> {
    let ChainPosition { chain, sequence } = end.position;
    let there = database.chain_page(ChainPosition { chain, sequence: sequence - 1 }, 1).await?;
    let row = there.first().filter(|row| row.position.sequence == sequence);
    let defect = match row.map(|row| row.record.as_ref()) {
        Some(Some(record)) if record.hash == end.hash => return Ok(None),
        Some(Some(_)) => Defect::Diverged,
        Some(None) => Defect::Altered,
        None => Defect::EndMissing,
    };
    let Some(purged) = database.checkpoint(chain).await?.map(|checkpoint| checkpoint.head) else { return Ok(Some(defect)) };
    Ok(match sequence.cmp(&purged.sequence) {
        Ordering::Greater => Some(defect),
        Ordering::Equal if purged.hash != end.hash => Some(Defect::Diverged),
        Ordering::Equal | Ordering::Less => None,
    })
}

/// Removes findings about records of a chain that a purge has removed since they were read.
pub(super) async fn without_purged(database: &Database, mut findings: Vec<DefectFound>) -> Result<Vec<DefectFound>, LedgerError> {
    let Some(chain) = findings.first().map(|finding| finding.position.chain) else { return Ok(findings) };
    let purged_to = purged_to(database, chain).await?;
    findings.retain(|finding| finding.position.sequence > purged_to);
    Ok(findings)
}

/// The last record of a chain that was purged.
async fn purged_to(database: &Database, chain: Uuid) -> Result<i64, LedgerError> {
    Ok(database.checkpoint(chain).await?.map_or(0, |checkpoint| checkpoint.head.sequence))
}
