//! Where the policy registry keeps what it knows.

use alloy_primitives::{Address, B256, U256};

use crate::{
    POLICY_ADDRESS,
    slots::{Array, Located, Mapping, Slot, layout, packed},
};

packed! {
    /// A policy, all but its members, operands and terms.
    pub struct Policy {
        /// 0 none, else a [`super::Kind`].
        pub kind: u8 = 0..1,
        /// Combinations above the deepest list: 0 for a list.
        pub depth: u8 = 1..2,
        /// Lists that one question about one account may ask at most.
        pub lists: u8 = 2..3,
        /// Who changes the list or rule; zero for a combination and a condition.
        pub admin: Address = 3..23,
        /// Accounts on the list.
        pub member_count: u32 = 23..27,
        /// Changes of the list or rule since it was created.
        pub version: u32 = 27..31,
        /// 0 where there are lists only; else 1 and the number of rules.
        pub extent: u8 = 31..32,
    }
}

packed! {
    /// What a condition or rule is about, besides amounts.
    pub struct Terms {
        /// Policy of accounts that a rule does not bind.
        pub exempt: u64 = 0..8,
        /// Tier or class of a condition.
        pub value: u16 = 8..10,
        /// What a holding limit does beyond its amount: 1 reject, 2 park, 3 sweep.
        pub outcome: u8 = 10..11,
    }
}

packed! {
    /// Two amounts in minor units.
    pub struct Amounts {
        /// The most in a movement, the most that may be held, or the threshold.
        pub first: u128 = 0..16,
        /// The most in a day.
        pub second: u128 = 16..32,
    }
}

layout! {
    /// Terms of a condition or rule.
    pub struct TermsPlace {
        /// All but amounts.
        pub terms: Slot<Terms> = 0,
        /// Amounts of a rule.
        pub amounts: Slot<Amounts> = 1,
        /// The most in a month.
        pub per_month: Slot<u128> = 2,
    }
}

packed! {
    /// What was counted in one day or month.
    pub struct Period {
        /// Number of the day or month.
        pub number: u64 = 0..8,
        /// Units counted in it.
        pub amount: u128 = 8..24,
    }
}

layout! {
    /// What a payer has used of a limit.
    pub struct Spent {
        /// In the last day in which it paid.
        pub day: Slot<Period> = 0,
        /// In the last month in which it paid.
        pub month: Slot<Period> = 1,
    }
}

packed! {
    /// What an exchange of data covers.
    pub struct ExchangeTerms {
        /// Units that may still be paid on it.
        pub left: u128 = 0..16,
        /// Block time from which on it is void.
        pub expires_ms: u64 = 16..24,
        /// Whether the beneficiary institution has acknowledged it.
        pub acknowledged: bool = 24..25,
    }
}

layout! {
    /// An exchange of data between two institutions.
    pub struct ExchangePlace {
        /// What it covers.
        pub terms: Slot<ExchangeTerms> = 0,
        /// Salted hash of the data.
        pub commitment: Slot<B256> = 1,
    }
}

layout! {
    /// What is known of payments between two persons in one token, under one travel rule.
    pub struct PairPlace {
        /// What was paid in the last day in which something was.
        pub total: Slot<Period> = 0,
        /// The exchange of data.
        pub exchange: ExchangePlace = 1,
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
        /// Terms of conditions and rules, by number.
        pub terms: Mapping<u64, TermsPlace> = 5,
        /// Jurisdictions of a condition, by its number and word: bit 26 * first letter + second letter, A being 0.
        pub jurisdictions: Mapping<u64, Mapping<u64, Slot<U256>>> = 6,
        /// What was used of a payment limit, by its number, token and payer: person, or address of nobody.
        pub spent: Mapping<u64, Mapping<Address, Mapping<U256, Spent>>> = 7,
        /// Payments under a travel rule, by its number, token, payer and payee: person, or address of nobody.
        pub pairs: Mapping<u64, Mapping<Address, Mapping<U256, Mapping<U256, PairPlace>>>> = 8,
    }
}

/// The registry's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(POLICY_ADDRESS, U256::ZERO)
}
