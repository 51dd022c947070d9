//! Genesis.
use florin_types::{B256, Block, BlockError, Changeset, Genesis, StateTarget};

/// Why a genesis file gives no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("genesis field {field}: {rule}")]
pub struct GenesisStateError {
    /// Path of the field.
    pub field: String,
    /// The rule, with the values.
    pub rule: String,
}

/// The state before the first block.
pub fn genesis_state(genesis: &Genesis) -> Result<Changeset, GenesisStateError> {
    let _ = genesis;
    unimplemented!()
}

/// Block 0, which commits to that state.
pub fn genesis_block(genesis: &Genesis, state_root: B256, target: StateTarget) -> Result<Block, BlockError> {
    let _ = (genesis, state_root, target);
    unimplemented!()
}
