//! Hints.
use florin_types::{Address, Rules, U256, VerifiedTx};

/// What a transaction certainly reads, so that the store can fetch it in one go before execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Accounts.
    pub accounts: Vec<Address>,
    /// Storage slots.
    pub slots: Vec<(Address, U256)>,
}

/// Adds what `tx` certainly reads to `hints`. Duplicates are the caller's to remove.
pub fn hints(rules: &Rules, timestamp_ms: u64, tx: &VerifiedTx, hints: &mut Hints) {
    let _ = (rules, timestamp_ms, tx, hints);
    unimplemented!()
}
