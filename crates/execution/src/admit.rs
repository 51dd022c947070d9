//! Admission.
use crate::Rejection;
use florin_types::{Height, Rules, StateFault, StateView, U256, VerifiedTx};

/// What the pool needs to know of a transaction that may enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Next nonce of the sender's account; the transaction's is this or above.
    pub account_nonce: u64,
    /// What the sender holds, in wei.
    pub balance: U256,
    /// Most that this transaction may cost, in wei.
    pub cost: U256,
    /// Lane of the transaction.
    pub lane: crate::Lane,
}

/// Why a transaction does not enter the pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// It breaks a rule.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// Whether a transaction may enter the pool, judged by the state after the last finalised block.
///
/// `now_ms` and `height` are those of the next block. A nonce above the account's is admitted: the pool holds gaps.
pub fn admit(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    now_ms: u64,
    height: Height,
    tx: &VerifiedTx,
) -> Result<Admission, AdmitError> {
    let _ = (view, chain_id, rules, now_ms, height, tx);
    unimplemented!()
}
