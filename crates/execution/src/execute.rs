//! Execution of blocks.
use crate::{BlockEnv, Lane, Rejection};
use alloy_primitives::Bloom;
use florin_types::{Address, B256, Changeset, ReceiptEnvelope, Rules, StateFault, StateView, TxEnvelope, VerifiedTx};

/// The outcome of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// What changed.
    pub changeset: Changeset,
    /// One receipt a transaction, in order.
    pub receipts: Vec<ReceiptEnvelope>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Root of the receipts' trie.
    pub receipts_root: B256,
    /// Union of the receipts' blooms.
    pub logs_bloom: Bloom,
}

/// Why a block has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// A transaction of the block must not be in it: the block is invalid for ever.
    #[error("transaction {index} of block {height} is invalid: {rejection}")]
    Invalid {
        /// Height of the block.
        height: u64,
        /// Position in the block.
        index: usize,
        /// Why.
        rejection: Rejection,
    },
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// Where a leader's transactions come from, best first within each lane.
pub trait Candidates {
    /// The next transaction of any sender.
    fn next(&mut self) -> Option<VerifiedTx>;
    /// This transaction was not taken; [`Rejection::disposition`] tells whether to keep it.
    fn rejected(&mut self, tx: &VerifiedTx, rejection: &Rejection);
}

/// Executes the transactions of a block, as every validator does before it votes.
pub fn execute(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    txs: &[VerifiedTx],
) -> Result<Executed, ExecuteError> {
    let _ = (view, chain_id, rules, env, txs);
    unimplemented!()
}

/// Fills a block from `candidates`, as its leader does.
pub fn build(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    candidates: &mut dyn Candidates,
) -> Result<(Vec<VerifiedTx>, Executed), StateFault> {
    let _ = (view, chain_id, rules, env, candidates);
    unimplemented!()
}

/// Which lane a transaction uses.
pub fn lane(rules: &Rules, tx: &TxEnvelope) -> Lane {
    let _ = (rules, tx);
    unimplemented!()
}

/// Address of the contract that this transaction creates, if it creates one.
pub fn contract_address(tx: &VerifiedTx) -> Option<Address> {
    let _ = tx;
    unimplemented!()
}

/// Price of a unit of gas that the sender pays in a block of this base fee, in wei.
pub fn effective_gas_price(tx: &TxEnvelope, base_fee_wei: u64) -> u128 {
    let _ = (tx, base_fee_wei);
    unimplemented!()
}
