//! Where escrows keep what they know.

use alloy_primitives::{Address, B256, U256};

use crate::{
    ESCROW_ADDRESS,
    slots::{Array, Located, Mapping, Slot, layout, packed},
};

packed! {
    /// Payer, and what decides which operations are open.
    pub struct Head {
        /// Whose units are on hold.
        pub payer: Address = 0..20,
        /// 0 none, 1 open, 2 disputed, 3 decided.
        pub status: u8 = 20..21,
        /// At the deadline: 1 refund, 2 release.
        pub deadline_outcome: u8 = 21..22,
        /// When the arbiter is silent: 1 refund, 2 release; 0 without an arbiter.
        pub silence_outcome: u8 = 22..23,
        /// Approvals that grant a part.
        pub approvals_needed: u8 = 23..24,
        /// Number of parts.
        pub parts: u8 = 24..25,
    }
}

packed! {
    /// Payee and deadline.
    pub struct Goal {
        /// Who is paid.
        pub payee: Address = 0..20,
        /// From this instant on conditions are late; a dispute moves it.
        pub deadline_ms: u64 = 20..28,
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
    /// Who rules in a dispute.
    pub struct Arbitration {
        /// The arbiter; zero for none.
        pub arbiter: Address = 0..20,
        /// Time to rule, from the dispute.
        pub ruling_ms: u64 = 20..28,
    }
}

packed! {
    /// What was agreed and what is decided.
    pub struct Amounts {
        /// Units put on hold at the opening.
        pub amount: u128 = 0..16,
        /// Units granted and not paid.
        pub due: u128 = 16..32,
    }
}

packed! {
    /// What has left the escrow.
    pub struct Moved {
        /// Units paid to the payee.
        pub paid: u128 = 0..16,
        /// Units given back to the payer.
        pub refunded: u128 = 16..32,
    }
}

packed! {
    /// A milestone, all but its evidence.
    pub struct Milestone {
        /// Units that it grants.
        pub amount: u128 = 0..16,
        /// Who approved, a bit for each approver in the order of the terms.
        pub approvals: u32 = 16..20,
        /// Whether it was granted.
        pub granted: bool = 20..21,
    }
}

layout! {
    /// A part of an escrow.
    pub struct Part {
        /// Amount and approvals.
        pub milestone: Slot<Milestone> = 0,
        /// Hash of what the payee delivered; zero before.
        pub evidence: Slot<B256> = 1,
    }
}

layout! {
    /// An escrow.
    pub struct Record {
        /// Payer and status.
        pub head: Slot<Head> = 0,
        /// Payee and deadline.
        pub goal: Slot<Goal> = 1,
        /// Token and hold.
        pub funds: Slot<Funds> = 2,
        /// Arbiter.
        pub arbitration: Slot<Arbitration> = 3,
        /// Amount and what is due.
        pub amounts: Slot<Amounts> = 4,
        /// Paid and refunded.
        pub moved: Slot<Moved> = 5,
        /// sha256 of the preimage; zero for none.
        pub hash_lock: Slot<B256> = 6,
        /// Hash of the agreement between the parties.
        pub agreement: Slot<B256> = 7,
        /// Who may approve parts.
        pub approvers: Array<Address> = 8,
        /// Parts by number, from 0.
        pub parts: Mapping<u8, Part> = 9,
    }
}

layout! {
    /// Storage of the module.
    pub struct Layout {
        /// Escrows opened; the next one gets this number plus 1.
        pub opened: Slot<u64> = 0,
        /// Escrows by number.
        pub escrows: Mapping<u64, Record> = 1,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(ESCROW_ADDRESS, U256::ZERO)
}
