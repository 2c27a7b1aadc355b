//! The ledger: every call with its answer, every fault, refusal and feedback, sealed, chained and durable before the answer leaves.
//! SQLite in a file, or PostgreSQL for several instances. Entries go in through [`Ledger`]; [`Archive`] reads them back.
//! Not here: what a call means; entries are bytes to this module.

mod append;
mod archive;
mod chain;
mod checkpoint;
mod columns;
mod database;
mod entry;
mod error;
mod file_writer;
mod forwarder;
mod frame;
mod gathering;
mod insert;
mod journal;
mod keeper;
mod kept;
mod keys;
mod lookup;
mod opening;
mod place;
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
pub use entry::{Entry, EntryKind};
pub use error::LedgerError;
pub use keeper::{Ledger, Underway};
pub use kept::Kept;
pub use keys::{KeyRing, KeysError, new_key_line};
pub use place::{End, NoPlace, Place};
pub use purge::{Proof, Purge, Purged};
pub use start::PROGRAM;
pub use state::Standing;
pub use verify::{Defect, Finding, Verification, Verified};
