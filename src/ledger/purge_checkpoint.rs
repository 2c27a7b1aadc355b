//! A checkpoint: where a chain starts after a purge of its older records. Its own authentication code prevents anyone without the
//! keys from replacing records with a checkpoint.
//! Not here: checkpoints of SQLite's write-ahead log; see [`super::wal`].

use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use super::chain_position::{ChainHead, Hash};
use super::columns::{bytes, hash, head};
use super::database::Database;
use super::error::LedgerError;
use super::keys::{KEY_BYTES, SealingKey};

/// Takes the place of the previous record's code in the checkpoint's own code; no record has this code.
const MARK: Hash = [0xff; KEY_BYTES];

/// A checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    /// The last purged record.
    pub(super) head: ChainHead,
    pub(super) key_id: String,
    code: Hash,
}

impl Checkpoint {
    pub(super) fn new(head: ChainHead, key: &SealingKey) -> Self {
        Self { head, key_id: key.id.clone(), code: code(&head, key) }
    }

    /// Whether the checkpoint's code is valid for this key.
    pub(super) fn holds(&self, key: &SealingKey) -> bool {
        self.code == code(&self.head, key)
    }

    /// Replaces the chain's checkpoint if that is still the one at `from` (0 for none); returns whether it did.
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
    /// The checkpoint of a chain, if its first records were purged.
    pub(super) async fn checkpoint(&self, chain: Uuid) -> Result<Option<Checkpoint>, LedgerError> {
        let select = "SELECT chain, sequence, recorded_at, hash, key_id, code FROM ledger_checkpoint WHERE chain = $1";
        let row = sqlx::query(select).bind(bytes(chain)).fetch_optional(&self.pool).await?;
        let read = |row| Ok(Checkpoint { head: head(row)?, key_id: row.try_get("key_id")?, code: hash(row, "code")? });
        row.as_ref().map(read).transpose()
    }
}

fn code(head: &ChainHead, key: &SealingKey) -> Hash {
    key.chain(&[&MARK, head.chain.as_bytes(), &head.sequence.to_be_bytes(), &head.recorded_at.to_be_bytes(), &head.hash])
}
