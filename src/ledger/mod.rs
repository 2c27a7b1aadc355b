//! The ledger: every call with its answer, every fault, refusal and feedback, sealed, chained and durable before the answer leaves.
//! SQLite in a file, or PostgreSQL for several instances. Entries go in through [`Ledger`]; [`Archive`] reads them back.
//! Not here: what a call means; entries are bytes to this module.

mod archive;
mod batch;
mod chain;
mod chain_ends;
mod chain_position;
mod chain_walk;
mod columns;
mod database;
mod entry;
mod error;
mod export;
mod files;
mod finding;
mod handle;
mod health;
mod insert;
mod keys;
mod lookup;
mod opened_record;
mod opening;
mod purge;
mod purge_checkpoint;
mod quick_check;
mod reader;
mod sealed;
mod start;
mod store;
mod verify;
mod wal;
mod writer;

pub use archive::{Archive, Wanted};
pub use chain_position::{ChainPosition, End, InvalidChainPosition};
pub use entry::{Entry, EntryKind};
pub use error::LedgerError;
pub use export::{Export, ExportedPage};
pub use finding::{Defect, DefectFound};
pub use handle::{Ledger, PendingWrite};
pub use health::{LedgerHealth, UnwritableCause};
pub use keys::{KeyRing, LedgerKeysError, new_key_line};

pub use opened_record::OpenedRecord;
pub use purge::{Proof, Purge, Purged};
pub use start::PROGRAM;
pub use verify::{Verification, Verified};
