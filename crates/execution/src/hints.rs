//! Which state a transaction certainly reads, told before it runs.
//!
//! The store fetches many keys in one go for the price of a few. A hint that turns out useless costs a read; a missing
//! one costs a wait. Hints never change an outcome.

use alloy_consensus::Transaction as _;
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use florin_modules::{PERMISSION_ADDRESS, governance, permission, touched_slots};
use florin_types::{Address, Height, StateView, U256, VerifiedTx};

use crate::{env::BENEFICIARY, machine::history_slot};

/// What is read, so that the store can fetch it in one go.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    accounts: Vec<Address>,
    slots: Vec<(Address, U256)>,
}

impl Hints {
    /// What every block reads before its first transaction.
    pub(crate) fn block(height: Height) -> Self {
        Self {
            accounts: vec![HISTORY_STORAGE_ADDRESS, PERMISSION_ADDRESS, BENEFICIARY],
            slots: vec![
                (HISTORY_STORAGE_ADDRESS, history_slot(height.saturating_sub(1))),
                permission::layout::layout().settings.place(),
                governance::layout::layout().status.place(),
            ],
        }
    }

    /// What these transactions certainly read. What several of them share stands there more than once.
    pub(crate) fn of(txs: &[VerifiedTx]) -> Self {
        let mut hints = Self::default();
        txs.iter().for_each(|tx| hints.add(tx));
        hints
    }

    fn add(&mut self, tx: &VerifiedTx) {
        let (sender, to) = (tx.sender(), tx.tx().to());
        self.accounts.push(sender);
        self.accounts.extend(to);
        for item in tx.tx().access_list().into_iter().flat_map(|list| list.iter()) {
            self.accounts.push(item.address);
            self.slots.extend(item.storage_keys.iter().map(|key| (item.address, U256::from_be_bytes(key.0))));
        }
        self.slots.extend(touched_slots(sender, to, tx.tx().input()));
    }

    /// Has it fetched.
    pub(crate) fn fetch(&self, view: &dyn StateView) {
        view.prefetch(&self.accounts, &self.slots);
    }
}
