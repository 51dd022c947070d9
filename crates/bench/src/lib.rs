//! The load generator: payments at a fixed rate, and what became of each of them.
//!
//! **Purpose.** Say how fast the ledger is, honestly. The load is open: payments are due at fixed times whether or not
//! the ledger keeps up, and latency is counted from the time a payment was *due*, so that a stall is seen by every
//! payment that it delays (no coordinated omission). What is not final at the end is listed, not dropped.
//!
//! **Place in the way of a payment.** Outside: it knows the ledger through `florin_client` alone. Finality is what a
//! client sees: the block with the payment, read from the first node.
//!
//! **Method.** All payments are signed before the clock starts. Each sender has one node; senders take turns. Due
//! payments go out in small batches over kept connections. A follower asks for the next block every few milliseconds.
//! After the run the receipts are read, and what was reverted is not counted as settled.
//!
//! **Failures.** [`BenchError`]. **Limits.** [`PAYMENTS_MAX`] payments a run; a bounded number of batches under way.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod chart;
mod clerk;
mod compare;
mod config;
mod cost;
mod cpu;
mod fund;
mod knee;
mod prepare;
mod report;
mod run;
mod stage;
mod workload;

#[cfg(test)]
mod tests;

pub use chart::chart;
pub use compare::compare;
pub use config::{ACCOUNTS_MAX, BATCHED_PAYMENTS_MAX, BenchConfig, BenchError, MeasuredNode, PAYMENTS_MAX};
pub use cost::NodeCost;
pub use fund::{derive_signers, fund, refund};
pub use knee::{KNEE_P99_MS, Knee, Trial, run_at_knee};
pub use report::{Clearing, Latency, Report, Second};
pub use run::{Progress, run};
pub use workload::{Workload, payment_input};
