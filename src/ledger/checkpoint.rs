//! A checkpoint: where a chain begins after its older records were purged, with a code of its own, so that nobody without the keys can
//! put one in the place of records.

use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use super::append::read_head;
use super::chain::{ChainHead, Hash};
use super::columns::{bytes, hash};
use super::database::Database;
use super::error::LedgerError;
use super::keys::{KEY_BYTES, Key};

/// Stands where the code of the record ahead stands in that of a record, and is none.
const MARK: Hash = [0xff; KEY_BYTES];

/// A checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    /// The last record that was purged.
    pub(super) head: ChainHead,
    pub(super) key_id: String,
    code: Hash,
}

impl Checkpoint {
    pub(super) fn new(head: ChainHead, key: &Key) -> Self {
        Self { head, key_id: key.id.clone(), code: code(&head, key) }
    }

    /// Whether this program made it.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.code == code(&self.head, key)
    }

    /// Takes the place of the chain's earlier checkpoint, if that is still the one at `from`, or none at 0; says whether it did.
    pub(super) async fn put(&self, from: i64, connection: &mut AnyConnection) -> Result<bool, LedgerError> {
        let upsert = "INSERT INTO ledger_checkpoint (chain, sequence, recorded_at, hash, key_id, code) VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT (chain) DO UPDATE SET sequence = EXCLUDED.sequence, recorded_at = EXCLUDED.recorded_at, hash = EXCLUDED.hash, \
            key_id = EXCLUDED.key_id, code = EXCLUDED.code WHERE ledger_checkpoint.sequence = $7";
        let done = sqlx::query(upsert)
            .bind(bytes(self.head.chain))
            .bind(self.head.sequence)
            .bind(self.head.recorded_at)
            .bind(self.head.hash.to_vec())
            .bind(self.key_id.clone())
            .bind(self.code.to_vec())
            .bind(from)
            .execute(connection)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Database {
    /// Where a chain begins, if that is not with its first record.
    pub(super) async fn checkpoint(&self, chain: Uuid) -> Result<Option<Checkpoint>, LedgerError> {
        let select = "SELECT chain, sequence, recorded_at, hash, key_id, code FROM ledger_checkpoint WHERE chain = $1";
        let row = sqlx::query(select).bind(bytes(chain)).fetch_optional(&self.pool).await?;
        let read = |row| Ok(Checkpoint { head: read_head(row)?, key_id: row.try_get("key_id")?, code: hash(row, "code")? });
        row.as_ref().map(read).transpose()
    }
}

fn code(head: &ChainHead, key: &Key) -> Hash {
    key.chain(&[&MARK, head.chain.as_bytes(), &head.sequence.to_be_bytes(), &head.recorded_at.to_be_bytes(), &head.hash])
}
