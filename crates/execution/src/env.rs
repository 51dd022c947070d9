//! The block as execution sees it: what the header says before anything has run.

use florin_types::{Address, B256, Block, Height};

/// What a block gives to its transactions. Everything else (gas limit, base fee) is a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEnv {
    /// Number of the block.
    pub height: Height,
    /// Block time in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Hash of the parent: written to the history contract (EIP-2935) at the start of the block.
    pub parent_hash: B256,
    /// `COINBASE`: receives the tips, where gas has a price. See [`BENEFICIARY`].
    pub beneficiary: Address,
    /// `PREVRANDAO`: derived from the parent hash, the same on every machine. It is not a source of randomness.
    pub prev_randao: B256,
    /// Node key of the validator that leads the block; zero where nobody does, as in a simulation of a call.
    pub leader: B256,
}

/// `COINBASE` of every block: nobody. The base fee is burned (EIP-1559) and tips go to the zero address, so that no
/// validator earns by ordering.
pub const BENEFICIARY: Address = Address::ZERO;

impl BlockEnv {
    /// Environment of the block at `height` after `parent_hash`.
    pub fn new(height: Height, parent_hash: B256, timestamp_ms: u64) -> Self {
        Self {
            height,
            timestamp_ms,
            parent_hash,
            beneficiary: BENEFICIARY,
            prev_randao: prev_randao(parent_hash),
            leader: B256::ZERO,
        }
    }

    /// Environment of the child of `parent`.
    pub fn child_of(parent: &Block, timestamp_ms: u64) -> Self {
        Self::new(parent.height().saturating_add(1), parent.hash(), timestamp_ms)
    }

    /// Environment in which `block` was executed.
    pub fn of(block: &Block) -> Self {
        Self {
            height: block.height(),
            timestamp_ms: block.timestamp_ms(),
            parent_hash: block.header().parent_hash,
            beneficiary: block.header().beneficiary,
            prev_randao: block.header().mix_hash,
            leader: block.extension().context.leader,
        }
    }
}

/// `PREVRANDAO` of the child of the block with this hash.
pub(crate) fn prev_randao(parent_hash: B256) -> B256 {
    let mut preimage = Vec::with_capacity(64);
    preimage.extend_from_slice(b"florin prev_randao");
    preimage.extend_from_slice(parent_hash.as_slice());
    alloy_primitives::keccak256(preimage)
}
