//! Where the policy registry keeps what it knows.

use alloy_primitives::{Address, U256};

use crate::{
    POLICY_ADDRESS,
    slots::{Array, Located, Mapping, Slot, layout, packed},
};

packed! {
    /// A policy, all but its members and operands.
    pub struct Policy {
        /// 0 none, 1 allow list, 2 deny list, 3 all of, 4 any of.
        pub kind: u8 = 0..1,
        /// Combinations above the deepest list: 0 for a list.
        pub depth: u8 = 1..2,
        /// Lists that one question about one account may ask at most.
        pub lists: u8 = 2..3,
        /// Who changes the list; zero for a combination.
        pub admin: Address = 3..23,
        /// Accounts on the list.
        pub member_count: u64 = 23..31,
    }
}

layout! {
    /// Storage of the policy registry.
    pub struct Layout {
        /// Policies created; the next one gets this number plus 2.
        pub created: Slot<u64> = 0,
        /// Policies by number.
        pub policies: Mapping<u64, Slot<Policy>> = 1,
        /// To whom a list was offered, by its number.
        pub pending_admins: Mapping<u64, Slot<Address>> = 2,
        /// Members of lists, by number and account.
        pub members: Mapping<u64, Mapping<Address, Slot<bool>>> = 3,
        /// What a combination combines, by its number.
        pub operands: Mapping<u64, Array<U256>> = 4,
    }
}

/// The registry's storage.
pub fn layout() -> Layout {
    Layout::locate(POLICY_ADDRESS, U256::ZERO)
}
