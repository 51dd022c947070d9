//! Where bonds are kept.

use alloy_primitives::{Address, B256, U256};

use crate::{
    STAKING_ADDRESS,
    slots::{Array, Located, Mapping, Slot, layout, packed},
};

packed! {
    /// What an election and a bond need; the token is zero where bonds elect nobody.
    pub struct Settings {
        /// The token that is bonded.
        pub token: Address = 0..20,
        /// Most validators.
        pub validators_max: u8 = 20..21,
        /// Part of all units on hold that a conviction takes, in hundredths of a percent.
        pub slash_basis_points: u16 = 21..23,
        /// Epochs for which units stay on hold after they were unbonded.
        pub unbonding_epochs: u16 = 23..25,
    }
}

packed! {
    /// Whose bond it is, and what became of it.
    pub struct Head {
        /// Who bonded; zero if nothing is on hold.
        pub institution: Address = 0..20,
        /// Index into the list of nodes.
        pub index: u16 = 20..22,
        /// Convictions of the node that took their part.
        pub convictions: u32 = 22..26,
        /// Parts that are unbonding.
        pub parts: u8 = 26..27,
    }
}

packed! {
    /// The units on hold.
    pub struct Funds {
        /// Number of the token's hold.
        pub hold: u64 = 0..8,
        /// Units of it that convictions took and that are not paid yet.
        pub due: u128 = 8..24,
    }
}

packed! {
    /// Units that go back together.
    pub struct Part {
        /// Units.
        pub units: u128 = 0..16,
        /// First epoch in which they may be withdrawn.
        pub until_epoch: u64 = 16..24,
    }
}

layout! {
    /// The bond for a node.
    pub struct BondPlace {
        /// Whose it is.
        pub head: Slot<Head> = 0,
        /// The units on hold.
        pub funds: Slot<Funds> = 1,
        /// Parts that are unbonding, the oldest first, from 0.
        pub parts: Mapping<u8, Slot<Part>> = 2,
    }
}

packed! {
    /// How the last election ended.
    pub struct Election {
        /// The epoch whose list was elected; zero before the first election.
        pub epoch: u64 = 0..8,
        /// 1 a new list, 2 the list as it was, 3 and above why the old list stays.
        pub result: u8 = 8..9,
        /// Nodes that could be elected.
        pub candidates: u16 = 9..11,
        /// Those of them that were there.
        pub present: u16 = 11..13,
        /// Fewest nodes that make a list.
        pub count_min: u16 = 13..15,
        /// The newest version of the list of validators after it.
        pub version: u64 = 15..23,
    }
}

layout! {
    /// Storage of bonds.
    pub struct Layout {
        /// What an election and a bond need.
        pub settings: Slot<Settings> = 0,
        /// Least bond that elects.
        pub bond_min: Slot<u128> = 1,
        /// Who gets what is slashed.
        pub slashed_to: Slot<Address> = 2,
        /// Nodes for which units are on hold.
        pub nodes: Array<B256> = 3,
        /// Bonds by node.
        pub bonds: Mapping<B256, BondPlace> = 4,
        /// Accounts that were named to bond for a node.
        pub institutions: Mapping<B256, Slot<Address>> = 5,
        /// How the last election ended.
        pub election: Slot<Election> = 6,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(STAKING_ADDRESS, U256::ZERO)
}
