//! Where the permission registry keeps what it knows.

use alloy_primitives::{Address, B256, U256};

use crate::{
    PERMISSION_ADDRESS,
    slots::{Array, Located, Mapping, Slot, Text, layout, packed},
};

packed! {
    /// Who governs, and how each capability is given: one slot, because every transaction asks for it.
    pub struct Settings {
        /// Who governs.
        pub admin: Address = 0..20,
        /// How the right to transact is given.
        pub transact: u8 = 20..21,
        /// How the right to deploy is given.
        pub deploy: u8 = 21..22,
        /// How the right to connect is given.
        pub connect: u8 = 22..23,
    }
}

packed! {
    /// Roles that suffice for each capability when it is given by role.
    pub struct SufficientRoles {
        /// For transacting.
        pub transact: u64 = 0..8,
        /// For deploying.
        pub deploy: u64 = 8..16,
        /// For connecting, as node roles.
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
        /// Has registered a node of its own.
        pub owns_node: bool = 26..27,
    }
}

packed! {
    /// What a node is and where it stands in the list of keys.
    pub struct NodeRecord {
        /// 0 none, 1 validator, 2 follower.
        pub role: u8 = 0..1,
        /// Index into the list of keys.
        pub index: u64 = 1..9,
        /// Who registered it where connecting is open; zero for nodes of genesis and of the admin.
        pub owner: Address = 9..29,
        /// Whether it was ever declared ready to be a validator: only then it can be one beside those of genesis.
        pub was_ready: bool = 29..30,
    }
}

layout! {
    /// A registered node.
    pub struct NodePlace {
        /// What it is and where it stands in the list of keys.
        pub record: Slot<NodeRecord> = 0,
        /// Name for people.
        pub name: Text = 1,
        /// Where it listens: `host:port`.
        pub endpoint: Text = 2,
    }
}

layout! {
    /// Storage of the permission registry.
    pub struct Layout {
        /// Who governs, and how each capability is given.
        pub settings: Slot<Settings> = 0,
        /// Roles that suffice when by role.
        pub sufficient_roles: Slot<SufficientRoles> = 1,
        /// To whom the government was offered; zero if to nobody.
        pub pending_admin: Slot<Address> = 2,
        /// What is known of accounts.
        pub accounts: Mapping<Address, Slot<Account>> = 3,
        /// Keys of the registered nodes.
        pub node_keys: Array<B256> = 4,
        /// Registered nodes by key.
        pub nodes: Mapping<B256, NodePlace> = 5,
    }
}

/// The registry's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(PERMISSION_ADDRESS, U256::ZERO)
}
