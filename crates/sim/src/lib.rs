//! A cluster in one process, decided by a seed: validators and followers on a simulated network and simulated disks, with
//! a workload of signed payments and with faults.
//!
//! **Purpose.** Find what goes wrong when machines crash, disks lose what was not yet written through or are full, links
//! lose and delay, clocks are wrong, the network splits, validators lie; and find it again: the same seed gives the same
//! run, to the last message. [`Scenario::drawn`] makes up a run from a seed; `docs/testing.md` says what can happen in it.
//!
//! **Place in the way of a payment.** All of it but JSON-RPC, from the pool to the index: transactions enter through [`florin_consensus::Node::submit`]
//! of some node, and are followed until every node has them in a final block.
//!
//! **State.** None outside of the run.
//!
//! **Invariants checked** (see [`check`]): all nodes have the same block and state root at every height; a final
//! transaction stays final, across crashes; nothing becomes final without a quorum, and something does once everything
//! works again; no honest machine takes another for a liar, or has evidence against one; no node ends but by its disk. After every final block the named
//! invariants of every module hold; among them: balances rebuilt from genesis and events alone equal those in the state,
//! and add up to the supply. At the end both are counted once more, on every node and by other code, and an index that is
//! fed with the chain finds everything in it.
//!
//! **Failures.** A broken invariant is a [`Violation`] that names the seed. **Limits.** Simulated time costs real CPU: a
//! simulated minute of four validators takes some seconds.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod calls;
pub mod check;
mod cluster;
mod hardware;
mod history;
mod plant;
mod replay;
mod scenario;
pub mod story;
mod traitor;
mod workload;

#[cfg(test)]
mod tests;

pub use check::Violation;
pub use cluster::LinkQuality;
pub use plant::Plant;
pub use scenario::{Fault, Report, Scenario, Seated, Torn, run};
pub use traitor::Treason;
