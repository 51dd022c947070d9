//! Where vouchers keep what they know.

use alloy_primitives::{Address, B256, U256};

use crate::{
    VOUCHER_ADDRESS,
    slots::{Located, Mapping, Slot, layout, packed},
};

packed! {
    /// Whose units are on hold, and how far the voucher has come.
    pub struct Head {
        /// Who put the units up.
        pub sponsor: Address = 0..20,
        /// Index of the token.
        pub token: u64 = 20..28,
        /// 0 none, 1 active, 2 used up, 3 expired.
        pub status: u8 = 28..29,
        /// Whether it may be handed on.
        pub transferable: bool = 29..30,
    }
}

packed! {
    /// Who spends, and until when there is anything to spend.
    pub struct Goal {
        /// Who decides where units go.
        pub beneficiary: Address = 0..20,
        /// From this instant on the rest is the sponsor's.
        pub expires_ms: u64 = 20..28,
    }
}

packed! {
    /// Where and when units may be spent.
    pub struct Bounds {
        /// Policy that admits payees; 0 admits anyone.
        pub policy: u64 = 0..8,
        /// Before this instant nothing is spent.
        pub from_ms: u64 = 8..16,
        /// From this instant on nothing is spent; the expiry where no other end was agreed.
        pub until_ms: u64 = 16..24,
        /// Number of the hold in the token.
        pub hold: u64 = 24..32,
    }
}

packed! {
    /// What was put up and what payees got.
    pub struct Amounts {
        /// Units put on hold at the creation.
        pub amount: u128 = 0..16,
        /// Units paid.
        pub spent: u128 = 16..32,
    }
}

packed! {
    /// What left without being spent.
    pub struct Moved {
        /// Units that became vouchers of their own.
        pub handed: u128 = 0..16,
        /// Units given back, or freed at the expiry.
        pub returned: u128 = 16..32,
    }
}

layout! {
    /// A voucher.
    pub struct Record {
        /// Sponsor, token, status.
        pub head: Slot<Head> = 0,
        /// Beneficiary and expiry.
        pub goal: Slot<Goal> = 1,
        /// Payees, window, hold.
        pub bounds: Slot<Bounds> = 2,
        /// Amount and what was spent.
        pub amounts: Slot<Amounts> = 3,
        /// Handed on and given back.
        pub moved: Slot<Moved> = 4,
        /// Hash of the purpose; zero for none.
        pub purpose: Slot<B256> = 5,
    }
}

layout! {
    /// Storage of the module.
    pub struct Layout {
        /// Vouchers made; the next one gets this number plus 1.
        pub made: Slot<u64> = 0,
        /// Vouchers by number.
        pub vouchers: Mapping<u64, Record> = 1,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(VOUCHER_ADDRESS, U256::ZERO)
}
