//! Why a node does not start.

use crate::{keys::KeyError, network::PeersError};
use florin_execution::GenesisStateError;
use florin_state::LedgerError;
use florin_types::{BlockError, StateFault};

/// Why a node does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// A key is wrong or does not fit the genesis file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A node's key or address in the genesis file is wrong.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The genesis file gives no state.
    #[error(transparent)]
    Genesis(#[from] GenesisStateError),
    /// The genesis file gives no block.
    #[error("the genesis file gives no block: {0}")]
    GenesisBlock(#[from] BlockError),
    /// The state on disk is damaged or belongs to another network.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The ledger on disk is damaged or belongs to another network.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The beginning of the running epoch would be forgotten.
    #[error(
        "an epoch has {epoch_blocks} blocks and a node needs those of two, but it is told to keep {blocks_kept}: keep at least \
         {needed}, or all"
    )]
    Kept {
        /// Blocks of an epoch.
        epoch_blocks: u64,
        /// Blocks that the node is told to keep.
        blocks_kept: u64,
        /// Blocks that it needs.
        needed: u64,
    },
    /// The secrets of this node cannot be opened.
    #[error("cannot open this node's shares: {0}; check the disk and its permissions")]
    Secrets(String),
    /// An archive of blocks or certificates cannot be opened.
    #[error(
        "cannot open the archive {partition}: {reason}; restore the data directory from a backup or start with an empty one"
    )]
    Archive {
        /// Partition in the storage directory.
        partition: String,
        /// What the storage said.
        reason: String,
    },
    /// A validator that was to vote for the first time ([`crate::NodeConfig::beginning`]) may have voted before.
    #[error("the network has begun without this validator's first vote: {0}")]
    Begun(String),
}

/// A ledger that begins with another block is another network's.
pub(super) fn of_another_network(error: LedgerError) -> StartError {
    match error {
        LedgerError::Conflict { height: 0, stored, offered } => StateFault(format!(
            "the data directory belongs to a network whose genesis block is {stored}, the genesis file gives {offered}: use \
             another data directory or the genesis file it was made with"
        ))
        .into(),
        error => error.into(),
    }
}
