//! Which state a transaction certainly reads, told before it runs.
//!
//! The store fetches many keys in one go for the price of a few. A hint that turns out useless costs a read; a missing
//! one costs a wait. Hints never change an outcome.

use alloy_consensus::Transaction as _;
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use florin_modules::{PERMISSION_ADDRESS, permission, touched_slots};
use florin_types::{Address, Height, U256, VerifiedTx};

use crate::{env::BENEFICIARY, machine::history_slot};

/// What a transaction certainly reads, so that the store can fetch it in one go before execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// Accounts.
    pub(crate) accounts: Vec<Address>,
    /// Storage slots.
    pub(crate) slots: Vec<(Address, U256)>,
}

impl Hints {
    /// What every block reads before its first transaction.
    pub(crate) fn block(height: Height) -> Self {
        Self {
            accounts: vec![HISTORY_STORAGE_ADDRESS, PERMISSION_ADDRESS, BENEFICIARY],
            slots: vec![
                (HISTORY_STORAGE_ADDRESS, history_slot(height.saturating_sub(1))),
                permission::layout::layout().settings.place(),
            ],
        }
    }
}

/// Adds what `tx` certainly reads to `hints`. What many transactions of a block share stands there more than once.
pub(crate) fn hints(tx: &VerifiedTx, hints: &mut Hints) {
    let (sender, to) = (tx.sender(), tx.tx().to());
    hints.accounts.push(sender);
    hints.accounts.extend(to);
    for item in tx.tx().access_list().into_iter().flat_map(|list| list.iter()) {
        hints.accounts.push(item.address);
        hints.slots.extend(item.storage_keys.iter().map(|key| (item.address, U256::from_be_bytes(key.0))));
    }
    hints.slots.extend(touched_slots(sender, to, tx.tx().input()));
}
