//! Checkpoints SQLite's write-ahead log beside the writer, in small steps, so that no call waits long for one.
//! Not here: SQLite's own checkpoint at a much longer log, which a writer waits for. It finds most of the log moved, and lets the log begin
//! anew; see [`super::database`].

use std::sync::Arc;

use sqlx::AnyConnection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::database::Database;
use super::error::LedgerError;

/// Checkpoint after about this many bytes of rows. On a small disk the log must not take all the space.
const CHECKPOINT_BYTES: usize = 1024 * 1024;

/// Approximate bytes of a row besides its sealed parts.
const ROW_OVERHEAD_BYTES: usize = 1_000;

/// The task that runs checkpoints.
#[derive(Debug)]
pub(super) struct WalCheckpoints {
    due: Arc<Notify>,
    task: JoinHandle<()>,
    /// Bytes written since the last checkpoint.
    bytes: usize,
}

impl WalCheckpoints {
    pub(super) fn start(database: Database) -> Self {
        let due = Arc::new(Notify::new());
        let task = tokio::spawn(run(database, Arc::clone(&due)));
        Self { due, task, bytes: 0 }
    }

    /// Counts rows that were written, and requests a checkpoint when it is due. One that is still running covers a request that comes
    /// meanwhile.
    pub(super) fn count(&mut self, rows: usize, sealed_bytes: usize) {
        self.bytes += sealed_bytes + rows * ROW_OVERHEAD_BYTES;
        if self.bytes >= CHECKPOINT_BYTES {
            self.bytes = 0;
            self.due.notify_one();
        }
    }
}

impl Drop for WalCheckpoints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(database: Database, due: Arc<Notify>) {
    let mut connection = None;
    loop {
        due.notified().await;
        // The next checkpoint does what this one cannot; the writer detects persistent errors itself.
        connection = checkpoint(&database, connection.take()).await.ok();
    }
}

async fn checkpoint(database: &Database, connection: Option<AnyConnection>) -> Result<AnyConnection, LedgerError> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => database.connect().await?,
    };
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await?;
    Ok(connection)
}
