//! Where a token keeps what it knows. A payment without a policy touches three slots: terms, payer, payee.

use alloy_primitives::{Address, B256, U256};

use crate::slots::{Located, Mapping, Slot, Text, layout, packed};

packed! {
    /// What every operation must know of the token.
    pub struct Terms {
        /// Policy of every movement; 0 admits everyone.
        pub policy: u64 = 0..8,
        /// How many accounts hold DEFAULT_ADMIN_ROLE.
        pub admins: u64 = 8..16,
        /// Decimal digits of the minor unit.
        pub decimals: u8 = 16..17,
        /// Whether movements are stopped.
        pub paused: bool = 17..18,
        /// Whether the token was created.
        pub created: bool = 18..19,
    }
}

packed! {
    /// Units in existence and the most that may exist.
    pub struct Supply {
        /// Units in existence.
        pub total: u128 = 0..16,
        /// Most units that may exist at once.
        pub cap: u128 = 16..32,
    }
}

packed! {
    /// All that a movement must know of a holder.
    pub struct Holding {
        /// Units held, frozen ones included.
        pub balance: u128 = 0..16,
        /// Units of the balance that may not move.
        pub frozen: u128 = 16..30,
        /// Whether the address as a whole is frozen.
        pub blocked: bool = 30..31,
        /// Whether some units are on hold; only then is their number read.
        pub on_hold: bool = 31..32,
    }
}

/// Most units that can be frozen in part: what fits beside the balance. More than that is frozen with the address.
pub const FROZEN_MAX: u128 = (1 << 112) - 1;

packed! {
    /// Whose units a hold reserves, and for which module.
    pub struct HoldParties {
        /// Whose units they are, in whose balance they stay.
        pub owner: Address = 0..20,
        /// The module that may post or release them: a [`super::Keeper`].
        pub keeper: u8 = 20..21,
        /// Whether they count as pending credit of the payee.
        pub pending: bool = 21..22,
    }
}

layout! {
    /// Units in suspense.
    pub struct HoldRecord {
        /// Owner and keeper.
        pub parties: Slot<HoldParties> = 0,
        /// Units that are still on hold.
        pub amount: Slot<u128> = 1,
        /// For whom they are, where that is known.
        pub payee: Slot<Address> = 2,
    }
}

layout! {
    /// Storage of a token.
    pub struct Layout {
        /// Name for people.
        pub name: Text = 0,
        /// Symbol.
        pub symbol: Text = 1,
        /// What every operation must know.
        pub terms: Slot<Terms> = 2,
        /// Units in existence and their cap.
        pub supply: Slot<Supply> = 3,
        /// Holders.
        pub holdings: Mapping<Address, Slot<Holding>> = 4,
        /// Units that a spender may move, by owner and spender.
        pub allowances: Mapping<Address, Mapping<Address, Slot<U256>>> = 5,
        /// Permits used, by owner.
        pub nonces: Mapping<Address, Slot<U256>> = 6,
        /// Holders of roles, by role and account.
        pub roles: Mapping<B256, Mapping<Address, Slot<bool>>> = 7,
        /// Units on hold, by owner.
        pub held: Mapping<Address, Slot<u128>> = 8,
        /// Holds made; the next one gets this number plus 1.
        pub holds_made: Slot<u64> = 9,
        /// Holds by number.
        pub holds: Mapping<u64, HoldRecord> = 10,
        /// Units on hold for an account that count as its pending credits.
        pub pending_credits: Mapping<Address, Slot<u128>> = 11,
        /// Where the excess over a holding limit goes, by holder.
        pub linked_accounts: Mapping<Address, Slot<Address>> = 12,
        /// Units on hold, by owner and keeper.
        pub kept: Mapping<Address, Mapping<u8, Slot<u128>>> = 40,
    }
}

/// Storage of the token at `token`.
pub fn layout(token: Address) -> Layout {
    Layout::locate(token, U256::ZERO)
}
