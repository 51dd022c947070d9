//! Where foreign exchange keeps what it knows: providers, used nonces, posted quotes, payments. No amounts.

use alloy_primitives::{Address, B256, U256};

use crate::{
    EXCHANGE_ADDRESS,
    slots::{Located, Mapping, Slot, layout, packed},
};

packed! {
    /// A provider.
    pub struct Provider {
        /// Whether its quotes are executed.
        pub active: bool = 0..1,
        /// Its quotes name this number; raising it revokes them.
        pub epoch: u64 = 1..9,
    }
}

layout! {
    /// Storage of the module.
    pub struct Layout {
        /// Trades; the next one gets this number plus 1.
        pub trades: Slot<u64> = 0,
        /// Requests for quotes; the next one gets this number plus 1.
        pub requests: Slot<u64> = 1,
        /// Providers.
        pub providers: Mapping<Address, Slot<Provider>> = 2,
        /// Nonces used up, by provider.
        pub nonces: Mapping<Address, Mapping<B256, Slot<bool>>> = 3,
        /// Quotes made firm by a call, by digest.
        pub posted: Mapping<B256, Slot<bool>> = 4,
        /// Trades by debtor and UETR.
        pub payments: Mapping<Address, Mapping<B256, Slot<u64>>> = 5,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(EXCHANGE_ADDRESS, U256::ZERO)
}
