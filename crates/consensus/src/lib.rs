//! Agreement: the commonware engine wired up for this ledger.
//!
//! **Purpose.** Turn what clients submit into one finalised chain on every node, through any failure that the protocol
//! covers: fewer than a third of the validators silent, lost or lying; any node killed at any moment.
//!
//! **Place in the way of a payment.** Steps 3 to 6 of `docs/architecture.md`: transactions travel between mempools
//! (`gossip`), the leader builds a block when there is work (`pace`), every validator executes it again before it
//! votes (`application`), finality makes it durable and then tells everyone.
//!
//! **State.** On disk, under the node's partition prefix: votes (`-simplex`), final blocks and certificates (`-blocks`,
//! `-finalizations`, `-marshal…`), and what `florin-state` keeps.
//!
//! **Invariants.** Two different blocks are never final at one height. A final block has been executed by a quorum. What
//! a client is told to be final is on disk.
//!
//! **Failures.** A peer's fault is the peer's: what is wrong is refused, and who sends what no honest node sends is
//! blocked for ten minutes (votes, certificates, answers to requests, transactions; a leader's invalid block only loses
//! its view). A *fault* of this machine stops the
//! node with its reason. While no quorum is reachable nothing is final and nothing is lost; [`Node::status`] says why.
//!
//! [`rebuild`] is the same engine without agreement: it makes a node's storage from blocks that were kept.
//!
//! **Limits.** See [`network`] (quotas), `gossip` (batches), [`keys::VALIDATORS_MAX`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admission;
mod application;
mod archives;
mod block;
pub mod ceremony;
mod clock;
mod config;
mod engine;
mod epochs;
mod evidence;
mod execution;
mod gossip;
mod inbox;
mod joining;
mod journal;
pub mod keys;
mod membership;
mod metrics;
pub mod network;
mod node;
mod observe;
mod pace;
mod pending;
mod runtime;
mod secrets;
mod sight;
mod signal;
mod start;
#[cfg(test)]
mod tests;
mod turns;
mod votes;

pub use admission::SubmitError;
#[doc(hidden)]
pub use block::{decode_block, reveals};
pub use config::{History, NetworkConfig, NodeConfig, RuntimeConfig};
pub use engine::rebuild::{Rebuild, RebuildError, StateBeginning, rebuild};
pub use engine::{StartError, message_bytes_max, start_on};
pub use evidence::EvidenceReceiver;
#[doc(hidden)]
pub use evidence::{decode_vote, telling::decode_told};
#[doc(hidden)]
pub use gossip::decode_gossip;
pub use joining::{
    beginning::Beginning,
    given::StateParts,
    past::{PastVotes, Verdict},
};
#[doc(hidden)]
pub use joining::{boundary::decode_boundary, sample::decode_sample, source::decode_state};
pub use keys::{Committee, Dealing, KeyError, NodeSecret, ThresholdShare, deal, deal_from_seed};
pub use node::{Node, NodeStatus, Validator};
pub use runtime::{Context, Runtime, run};
pub use sight::{SILENT_MS_MAX, Sight};
pub use start::start;
