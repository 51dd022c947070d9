//! Blocks: put together by the leader, checked by the others.
use crate::{BlockEnv, Executed};
use florin_types::{B256, Block, BlockError, Extension, Rules, VerifiedTx};

/// A header that breaks a rule, for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {height}: header field {field} is {found} but must be {expected}: the proposer is faulty, vote against it")]
pub struct HeaderError {
    /// Height of the block.
    pub height: u64,
    /// Field.
    pub field: &'static str,
    /// What it says.
    pub found: String,
    /// What it must say.
    pub expected: String,
}

/// A header that commits to another outcome than execution gave.
pub type OutcomeError = HeaderError;

/// Puts a block together from what was executed.
pub fn assemble(
    parent: &Block,
    env: &BlockEnv,
    rules: &Rules,
    executed: &Executed,
    txs: &[VerifiedTx],
    state_root: B256,
    extension: Extension,
) -> Result<Block, BlockError> {
    let _ = (parent, env, rules, executed, txs, state_root, extension);
    unimplemented!()
}

/// Checks every header field that needs no execution. `rules` are those of the block's height.
pub fn check_header(parent: &Block, block: &Block, rules: &Rules) -> Result<(), HeaderError> {
    let _ = (parent, block, rules);
    unimplemented!()
}

/// Checks the header fields that commit to the outcome of execution.
pub fn check_outcome(block: &Block, executed: &Executed, state_root: B256) -> Result<(), OutcomeError> {
    let _ = (block, executed, state_root);
    unimplemented!()
}
