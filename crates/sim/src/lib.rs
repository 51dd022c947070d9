//! A cluster in one process, decided by a seed: validators and followers on a simulated network and simulated disks, with
//! a workload of signed payments and with faults.
//!
//! **Purpose.** Find what goes wrong when machines crash, disks lose what was not yet written through, links lose and
//! delay, the network splits; and find it again: the same seed gives the same run, to the last message.
//!
//! **Place in the way of a payment.** All of it but JSON-RPC: transactions enter through [`florin_consensus::Node::submit`]
//! of some node, and are followed until every node has them in a final block.
//!
//! **State.** None outside of the run.
//!
//! **Invariants checked** (see [`check`]): all nodes have the same block and state root at every height; a final
//! transaction stays final, across crashes; nothing becomes final without a quorum. After every final block the named
//! invariants of every module hold; among them: balances rebuilt from genesis and events alone equal those in the state,
//! and add up to the supply. At the end both are counted once more, on every node and by other code.
//!
//! **Failures.** A broken invariant is a [`Violation`] that names the seed. **Limits.** Simulated time costs real CPU: a
//! simulated minute of four validators takes some seconds.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
pub mod check;
mod cluster;
mod scenario;
mod workload;

#[cfg(test)]
mod tests;

pub use check::Violation;
pub use cluster::LinkQuality;
pub use scenario::{Fault, Report, Scenario, run};
