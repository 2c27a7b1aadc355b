//! The ledger: every call with its answer, every fault, refusal and feedback, sealed, chained and durable before the answer leaves.
//! SQLite in a file, or PostgreSQL for several instances. Entries go in through [`Ledger`]; [`Archive`] reads them back.
//! Not here: what a call means; entries are bytes to this module.

mod append;
mod archive;
mod chain;
mod chain_position;
mod checkpoint;
mod columns;
mod database;
mod entry;
mod error;
mod file_writer;
mod forwarder;
mod frame;
mod group_commit;
mod insert;
mod journal;
mod keeper;
mod keys;
mod lookup;
mod opened_record;
mod opening;
mod purge;
mod reader;
mod sealed;
mod spool;
mod start;
mod state;
mod store;
mod verify;
mod writer;

pub use archive::{Archive, Wanted};
pub use chain_position::{ChainPosition, End, InvalidChainPosition};
pub use entry::{Entry, EntryKind};
pub use error::LedgerError;
pub use keeper::{Ledger, PendingWrite};
pub use keys::{KeyRing, KeysError, new_key_line};
pub use opened_record::OpenedRecord;
pub use purge::{Proof, Purge, Purged};
pub use start::PROGRAM;
pub use state::LedgerHealth;
pub use verify::{Defect, Finding, Verification, Verified};
