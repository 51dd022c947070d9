//! The authenticated store and the ledger of finalised blocks.
//!
//! **Purpose.** Keep what the network agreed on: the state under one root ([`Db`]), and the record of every finalised block
//! ([`Ledger`]), on disk, crash-safe, noticing every damaged byte.
//!
//! **Place in the way of a payment.** `execution` turns a block into a changeset; [`write()`] puts it into a batch, whose root
//! the header commits to. On finality the engine applies the batch, and [`LedgerWriter`] makes the block's record durable
//! before anyone is told. `rpc` and `index` read through [`Ledger`].
//!
//! **State.** Partitions of the data directory that begin with the node's prefix: `-state-*` (QMDB), `-ledger-blocks`
//! (block, receipts, senders, certificate by height), `-ledger-undo` (values before each block, by height),
//! `-ledger-beginning` (where the two begin).
//!
//! **Invariants.**
//! 1. A block's record and undo record are durable before the engine acknowledges the block, so the store on disk never
//!    stands later than the ledger by more than the block being applied.
//! 2. Records are written once per height, in order; the same record again is accepted, another one is a fault.
//! 3. A read at height `h` gives the value after block `h`, whatever is finalised meanwhile, or fails once `h` has left
//!    the window.
//!
//! **Failures.** [`LedgerError`] for what callers may meet, [`StateFault`](florin_types::StateFault) for local corruption.
//! **Limits.** Values have at most 64 KiB; state is readable for the configured window of heights; see
//! [`LedgerConfig`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod beginning;
mod error;
mod history;
mod ledger;
mod live;
mod operations;
mod reader;
mod record;
mod store;
mod suspend;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use error::LedgerError;
pub(crate) use error::fault;
pub use ledger::{FinalizedBlock, Ledger, LedgerConfig, ProvenState, Subscription, WINDOW_BLOCKS_DEFAULT};
pub use operations::{
    OPERATIONS_BYTES_MAX, OPERATIONS_MAX, OperationsAnswer, OperationsQuestion, StateCopy, StateOperation,
    decode_operations, serve_operations,
};
pub use reader::{MemoryState, StateReader};
pub use record::StoredBlock;
#[doc(hidden)]
pub use record::decode_record;
pub use store::{
    Batch, Databases, Db, DbConfig, Runtime, SealedBatch, SyncTarget, commitment, database_config, genesis_commitment,
    merkleize, one_thread, open_genesis, page_cache, page_cache_with, place_genesis, store_height, sync_target, write,
};
pub use suspend::{STACK_BYTES, with_view};
pub use verify::Verification;
pub use writer::{LedgerWriter, Undo};
