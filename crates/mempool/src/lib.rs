//! The mempool: transactions that were admitted and wait for a block.
//!
//! **Purpose.** Keep what can be included, in bounded memory, and hand it to the leader in a fair order. The promises are
//! in `specs/mempool.md`.
//!
//! **Place in the way of a payment.** Step 3: `rpc` (or a peer's gossip) brings a [`VerifiedTx`] and what
//! `florin_execution::admit` said of it (an `Admission`); the leader drains [`Pool::candidates`]; finality calls
//! [`Pool::finalized`].
//!
//! **State.** Per sender the finalised nonce and its transactions by nonce. A transaction is *pending* when all nonces
//! between the account's and its own are in the pool, else *queued* (it waits behind a gap).
//!
//! **Invariants.** One transaction per sender and nonce. Count and bytes never exceed [`PoolLimits`], in total and per
//! sender. A pending transaction never leaves under pressure: only queued ones are evicted. Every change is a
//! function of the calls and the times given to them: no clock, no randomness, no task of its own.
//!
//! **Failures.** [`PoolError`]: each has a permanent code and says what to do. None of them is a fault.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::cast_possible_truncation))]

mod candidates;
mod error;
mod limits;
mod pool;
mod price;
mod sender;
mod sender_cache;
mod store;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod test_tools;
#[cfg(test)]
mod tests;

pub use candidates::Candidates;
pub use error::PoolError;
pub use florin_types::VerifiedTx;
pub use limits::PoolLimits;
pub use pool::{Origin, Pool, PoolContent, PoolMetrics, Submitted};
pub use sender_cache::SenderCache;
