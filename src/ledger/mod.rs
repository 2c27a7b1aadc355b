//! The ledger: every call with its answer, every fault, refusal and feedback, sealed, chained and durable before the answer leaves.
//! SQLite in a file, or PostgreSQL for several instances. Entries go in through [`Ledger`]; [`Archive`] reads them back.
//!
//! - Writing: `handle` is the interface for the rest of the program, `entry` what it accepts; `batch` collects entries and `writer` gives them
//!   their place in the chain; `store` and `insert` make them durable in one transaction; `wal` moves SQLite's log into the file;
//!   `health` tells whether a write succeeds.
//! - Sealing: `keys` reads and derives keys, `sealed` encrypts an entry, `opened_record` decrypts a record; `seals` counts seals by key.
//! - The chain: `chain` computes a record's code, `chain_position` names positions and ends, `start` links a chain to the one before it;
//!   `chain_walk` and `chain_ends` name every defect (`finding`).
//! - Used tokens: `token_queue` collects those that callers used, and `token_rows` keeps them in a SQLite file beside the records.
//! - Opening: `opening` reads the keys and opens the database, `files` guards a SQLite file, `quick_check` refuses a damaged ledger.
//! - Reading: `archive` lists and finds records, `lookup` does so within the service; `export` and `verify` walk through all of them,
//!   `purge` removes old ones and leaves a `purge_checkpoint`; a `signed_checkpoint` is kept elsewhere and shows later that an end is cut off.
//! - The database: `database` connects and creates the tables of `migrations/`, `columns` maps records to rows, `reader` has the queries;
//!   `error` has every error.
//!
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
mod seals;
mod signed_checkpoint;
mod start;
mod store;
mod token_queue;
mod token_rows;
mod verify;
mod wal;
mod writer;

pub use archive::{Archive, Wanted};
pub use chain_position::{ChainPosition, End, InvalidChainPosition};
pub use entry::{Entry, EntryKind};
pub use error::LedgerError;
pub use export::{Export, ExportedPage};
pub use finding::{Defect, DefectFound, Unchecked};
pub use handle::{Ledger, PendingWrite};
pub use health::{LedgerHealth, UnwritableCause};
pub use keys::{KeyRing, LedgerKeysError, new_key_line};

pub use opened_record::OpenedRecord;
pub use purge::{Proof, Purge, Purged};
pub use signed_checkpoint::{CheckpointError, SignedCheckpoint};
pub use start::PROGRAM;
pub use token_queue::PendingToken;
pub use token_rows::TokenRow;
pub use verify::{Verification, Verified};
