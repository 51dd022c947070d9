//! When one transaction may take the place of another.

use alloy_consensus::Transaction as _;
use alloy_primitives::TxKind;
use florin_types::VerifiedTx;

/// The two fees that a sender bids, in wei per gas. A legacy price is both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bid {
    pub(crate) fee_wei: u128,
    pub(crate) priority_fee_wei: u128,
}

impl Bid {
    pub(crate) fn of(tx: &VerifiedTx) -> Self {
        let fee_wei = tx.tx().max_fee_per_gas();
        Self { fee_wei, priority_fee_wei: tx.tx().max_priority_fee_per_gas().unwrap_or(fee_wei) }
    }

    /// The least bid that replaces this one: both fees higher by `percent`, rounded up, and by one wei at least, so that
    /// a bid of zero is replaced by one of 1 wei and never by another zero.
    pub(crate) fn bumped(self, percent: u128) -> Self {
        let bump = |wei: u128| {
            let part = wei.saturating_mul(percent).div_ceil(100);
            wei.saturating_add(part.max(1))
        };
        Self { fee_wei: bump(self.fee_wei), priority_fee_wei: bump(self.priority_fee_wei) }
    }

    /// Whether this bid may replace `old`. The highest possible bid cannot be replaced.
    pub(crate) fn outbids(self, old: Self, percent: u128) -> bool {
        let least = old.bumped(percent);
        self.fee_wei >= least.fee_wei
            && self.priority_fee_wei >= least.priority_fee_wei
            && self.fee_wei > old.fee_wei
            && self.priority_fee_wei > old.priority_fee_wei
    }
}

/// Whether a transaction is an explicit cancellation: nothing sent to oneself.
///
/// Where gas costs nothing, a sender may hold no native unit to raise a bid with. So a cancellation replaces any other
/// transaction of its nonce at any price, once: a cancellation is itself replaced by price only, which bounds the work
/// that free replacements can cause to one for each nonce.
pub(crate) fn is_cancellation(tx: &VerifiedTx) -> bool {
    let inner = tx.tx();
    inner.kind() == TxKind::Call(tx.sender())
        && inner.value().is_zero()
        && inner.input().is_empty()
        && inner.authorization_list().is_none_or(|list| list.is_empty())
}
