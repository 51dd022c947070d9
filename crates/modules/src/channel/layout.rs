//! Where channels keep what they know.

use alloy_primitives::{Address, U256};

use crate::{
    CHANNEL_ADDRESS,
    slots::{Array, Located, Mapping, Slot, layout, packed},
};

packed! {
    /// Payer, and what decides which operations are open.
    pub struct Head {
        /// Whose units are on hold.
        pub payer: Address = 0..20,
        /// 0 none, 1 open, 2 closing, 3 closed.
        pub status: u8 = 20..21,
        /// How long a closing by the payer may be contested.
        pub challenge_ms: u64 = 21..29,
    }
}

packed! {
    /// Payee and end of the closing.
    pub struct Goal {
        /// Who is paid.
        pub payee: Address = 0..20,
        /// From this instant on states are late; zero while nobody closes.
        pub closes_at_ms: u64 = 20..28,
    }
}

packed! {
    /// Where the units are.
    pub struct Funds {
        /// The currency.
        pub token: Address = 0..20,
        /// Number of the hold in the token.
        pub hold: u64 = 20..28,
    }
}

packed! {
    /// What was put in and what of it is the payee's.
    pub struct Amounts {
        /// Units put on hold since the opening.
        pub deposit: u128 = 0..16,
        /// Greatest amount that the payee may take in total.
        pub owed: u128 = 16..32,
    }
}

packed! {
    /// What was paid, and where the payer's list names the channel.
    pub struct Progress {
        /// Units paid to the payee.
        pub paid: u128 = 0..16,
        /// Place in the list of the payer's channels that are not closed.
        pub place: u64 = 16..24,
    }
}

layout! {
    /// A channel.
    pub struct Record {
        /// Payer and status.
        pub head: Slot<Head> = 0,
        /// Payee and end of the closing.
        pub goal: Slot<Goal> = 1,
        /// Token and hold.
        pub funds: Slot<Funds> = 2,
        /// Deposit and what is owed.
        pub amounts: Slot<Amounts> = 3,
        /// Paid.
        pub progress: Slot<Progress> = 4,
        /// Units that went back to the payer at the closing.
        pub released: Slot<u128> = 5,
    }
}

layout! {
    /// Storage of the module.
    pub struct Layout {
        /// Channels opened; the next one gets this number plus 1.
        pub opened: Slot<u64> = 0,
        /// Channels by number.
        pub channels: Mapping<u64, Record> = 1,
        /// Numbers of channels that are not closed, by payer and token.
        pub listed: Mapping<Address, Mapping<Address, Array<U256>>> = 2,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(CHANNEL_ADDRESS, U256::ZERO)
}
