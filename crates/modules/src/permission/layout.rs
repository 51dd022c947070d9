//! Where the permission registry keeps what it knows.

use alloy_primitives::{Address, B256, U256};

use crate::{
    PERMISSION_ADDRESS,
    slots::{Array, Located, Mapping, Slot, Text, layout, packed},
};

packed! {
    /// Who governs, and how each capability is given: one slot, because every transaction asks for it.
    pub struct Settings {
        pub admin: Address = 0..20,
        pub transact: u8 = 20..21,
        pub deploy: u8 = 21..22,
        pub connect: u8 = 22..23,
    }
}

packed! {
    /// Roles that suffice for each capability when it is given by role.
    pub struct SufficientRoles {
        pub transact: u64 = 0..8,
        pub deploy: u64 = 8..16,
        pub connect: u64 = 16..24,
    }
}

packed! {
    /// All that is known of an account: one slot, because every transaction reads it and, under a quota, writes it.
    pub struct Account {
        /// Number of the period in which gas was last used.
        pub quota_period: u64 = 0..8,
        /// Gas used in that period.
        pub quota_gas_used: u64 = 8..16,
        /// Roles held.
        pub roles: u64 = 16..24,
        /// Listed for transacting.
        pub may_transact: bool = 24..25,
        /// Listed for deploying.
        pub may_deploy: bool = 25..26,
    }
}

packed! {
    /// What a node is and where it stands in the list of keys.
    pub struct NodeRecord {
        /// 0 none, 1 validator, 2 follower.
        pub role: u8 = 0..1,
        /// Index into the list of keys.
        pub index: u64 = 1..9,
    }
}

layout! {
    /// A registered node.
    pub struct NodePlace {
        pub record: Slot<NodeRecord> = 0,
        pub name: Text = 1,
        pub endpoint: Text = 2,
    }
}

layout! {
    /// Storage of the permission registry.
    pub struct Layout {
        pub settings: Slot<Settings> = 0,
        pub sufficient_roles: Slot<SufficientRoles> = 1,
        pub pending_admin: Slot<Address> = 2,
        pub accounts: Mapping<Address, Slot<Account>> = 3,
        pub node_keys: Array<B256> = 4,
        pub nodes: Mapping<B256, NodePlace> = 5,
    }
}

/// The registry's storage.
pub fn layout() -> Layout {
    Layout::at(PERMISSION_ADDRESS, U256::ZERO)
}
