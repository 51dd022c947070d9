//! Where the token factory keeps what it knows.

use alloy_primitives::{Address, U256};

use crate::{
    FACTORY_ADDRESS,
    slots::{Located, Mapping, Slot, layout},
};

layout! {
    /// Storage of the token factory.
    pub struct Layout {
        /// Tokens made.
        pub token_count: Slot<u64> = 0,
        /// Token of each symbol.
        pub tokens_by_symbol: Mapping<str, Slot<Address>> = 1,
    }
}

/// The factory's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(FACTORY_ADDRESS, U256::ZERO)
}
