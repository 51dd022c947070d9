//! Where a token keeps what it knows. A payment without a policy touches three slots: terms, payer, payee.

use alloy_primitives::{Address, B256, U256};

use crate::slots::{Array, Field, Located, Mapping, Slot, Text, layout, packed};

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
        /// Rules with a published change, in force by now or not: bit 0 policy, bit 1 cap.
        pub changes: u8 = 24..25,
        /// How units are backed: 0 not, 1 by a token of this ledger, 2 by attestation.
        pub backing: u8 = 25..26,
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
        /// Whether a freezer froze the address as a whole; an order may besides: ask the holder.
        pub address_frozen: bool = 30..31,
        /// What else is to be read of the holder.
        pub marks: Marks = 31..32,
    }
}

/// Marks of a holding: [`ON_HOLD`], [`ORDERED`], both or none. Others were never written by us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

/// Mark of a holding: some units are on hold; only then is their number read.
pub const ON_HOLD: Marks = Marks(1);
/// Mark of a holding: orders are listed for the account; only then are they read.
pub const ORDERED: Marks = Marks(2);

impl Field for Marks {
    const BYTES: usize = 1;
    fn to_bits(self) -> U256 {
        U256::from(self.0)
    }
    fn from_bits(bits: U256) -> Option<Self> {
        u8::try_from(bits).ok().filter(|marks| marks & !(ON_HOLD.0 | ORDERED.0) == 0).map(Self)
    }
    fn solidity(bytes: usize) -> String {
        u8::solidity(bytes)
    }
}

impl Holding {
    /// Whether the mark is set.
    pub fn is_marked(&self, mark: Marks) -> bool {
        self.marks.0 & mark.0 != 0
    }

    /// Sets or clears a mark.
    pub fn set_mark(&mut self, mark: Marks, set: bool) {
        self.marks = Marks(if set { self.marks.0 | mark.0 } else { self.marks.0 & !mark.0 });
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
        /// Whether payment limits were asked when it was made, so that posting asks them no more.
        pub asked: bool = 22..23,
        /// Counters of payment limits that counted it, as [`crate::policy::Count`] marks them.
        pub periods: u8 = 23..24,
        /// Person for whom they did; 0 for the owner's address itself.
        pub person: u64 = 24..32,
    }
}

packed! {
    /// How much a hold reserves, and how payment limits counted it.
    pub struct HoldAmount {
        /// Units that are still on hold.
        pub units: u128 = 0..16,
        /// The policy whose payment limits counted it; 0 where none did.
        pub policy: u64 = 16..24,
        /// Block time at which they did.
        pub counted_ms: u64 = 24..32,
    }
}

layout! {
    /// Units in suspense.
    pub struct HoldRecord {
        /// Owner and keeper.
        pub parties: Slot<HoldParties> = 0,
        /// Units that are still on hold.
        pub amount: Slot<HoldAmount> = 1,
        /// For whom they are, where that is known.
        pub payee: Slot<Address> = 2,
        /// Units of them that came from an older hold, which was counted in another way; all that are left, if it is more.
        pub older: Slot<u128> = 3,
    }
}

packed! {
    /// A reserve that is held elsewhere, as its attestor states it.
    pub struct Attested {
        /// Units of the reserve.
        pub amount: u128 = 0..16,
        /// When it was stated.
        pub attested_ms: u64 = 16..24,
        /// From this instant on it counts for nothing.
        pub expires_ms: u64 = 24..32,
    }
}

layout! {
    /// The statement and what it rests on.
    pub struct Attestation {
        /// Amount and time.
        pub stated: Slot<Attested> = 0,
        /// Hash of the report.
        pub report: Slot<B256> = 1,
    }
}

packed! {
    /// How much an issuer may issue and has issued.
    pub struct IssuerLine {
        /// Most units that it may have outstanding.
        pub quota: u128 = 0..16,
        /// Units minted less those burned and redeemed.
        pub outstanding: u128 = 16..32,
    }
}

packed! {
    /// What an issuer put up on the ledger.
    pub struct Pledge {
        /// Units of the reserve token pledged, less those taken back and paid out.
        pub pledged: u128 = 0..16,
        /// Number of their hold in the reserve token; 0 before the first pledge.
        pub hold: u64 = 16..24,
        /// Whether the issuer is in the list of issuers.
        pub listed: bool = 24..25,
    }
}

layout! {
    /// An issuer of a backed token.
    pub struct IssuerRecord {
        /// Quota and units outstanding.
        pub line: Slot<IssuerLine> = 0,
        /// Reserve on this ledger.
        pub pledge: Slot<Pledge> = 1,
    }
}

packed! {
    /// Who redeems, and how far it has come.
    pub struct RedemptionHead {
        /// Whose units are on hold.
        pub holder: Address = 0..20,
        /// From this instant on fulfilment is late.
        pub deadline_ms: u64 = 20..28,
        /// 0 none, 1 pending, 2 fulfilled, 3 refused, 4 withdrawn, 5 expired.
        pub status: u8 = 28..29,
    }
}

packed! {
    /// Who is asked, and where the units are.
    pub struct RedemptionGoal {
        /// The issuer.
        pub issuer: Address = 0..20,
        /// Number of the hold.
        pub hold: u64 = 20..28,
        /// Why it was refused: 4 characters, zero unless refused.
        pub reason: u32 = 28..32,
    }
}

packed! {
    /// How much.
    pub struct RedemptionAmounts {
        /// Units put on hold.
        pub amount: u128 = 0..16,
        /// Units burned by the issuer.
        pub redeemed: u128 = 16..32,
    }
}

layout! {
    /// A request for redemption.
    pub struct RedemptionRecord {
        /// Holder, deadline, status.
        pub head: Slot<RedemptionHead> = 0,
        /// Issuer and hold.
        pub goal: Slot<RedemptionGoal> = 1,
        /// Amounts.
        pub amounts: Slot<RedemptionAmounts> = 2,
        /// The holder's end-to-end reference.
        pub end_to_end: Slot<B256> = 3,
    }
}

packed! {
    /// How long changes of rules are announced before they are in force.
    pub struct NoticeTime {
        /// The time, in milliseconds.
        pub ms: u64 = 0..8,
        /// The shorter one that follows, where one was published.
        pub next_ms: u64 = 8..16,
        /// From when on it is in force; 0 for none.
        pub from_ms: u64 = 16..24,
    }
}

packed! {
    /// A policy that follows.
    pub struct PolicyChange {
        /// Its number.
        pub policy: u64 = 0..8,
        /// From when on it is in force.
        pub from_ms: u64 = 8..16,
    }
}

packed! {
    /// A cap that follows.
    pub struct CapChange {
        /// Most units that may exist at once.
        pub cap: u128 = 0..16,
        /// From when on it is in force.
        pub from_ms: u64 = 16..24,
    }
}

packed! {
    /// What an order still does, read with every movement of the account.
    pub struct OrderForce {
        /// Units of its cap that were not seized.
        pub left: u128 = 0..16,
        /// Block time in milliseconds; at this very instant the order is over.
        pub expiry_ms: u64 = 16..24,
        /// Whether it freezes the whole address instead of units.
        pub whole: bool = 24..25,
    }
}

packed! {
    /// Numbers of the orders of an account: those in force, and some that are over and not forgotten yet. Zero is none.
    pub struct ListedOrders {
        /// First place.
        pub order_0: u32 = 0..4,
        /// Second place.
        pub order_1: u32 = 4..8,
        /// Third place.
        pub order_2: u32 = 8..12,
        /// Fourth place.
        pub order_3: u32 = 12..16,
        /// Fifth place.
        pub order_4: u32 = 16..20,
        /// Sixth place.
        pub order_5: u32 = 20..24,
        /// Seventh place.
        pub order_6: u32 = 24..28,
        /// Eighth place.
        pub order_7: u32 = 28..32,
    }
}

/// Most orders of an account that are in force at once: what one slot lists.
pub const ORDERS_MAX: usize = 8;

impl ListedOrders {
    /// The numbers, in order of places.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        let Self { order_0, order_1, order_2, order_3, order_4, order_5, order_6, order_7 } = self;
        [order_0, order_1, order_2, order_3, order_4, order_5, order_6, order_7]
            .into_iter()
            .filter(|number| *number > 0)
    }

    /// A list of these numbers; what is beyond [`ORDERS_MAX`] is left out.
    pub fn of(numbers: &[u32]) -> Self {
        let mut numbers = numbers.iter().copied();
        let mut next = || numbers.next().unwrap_or_default();
        let (order_0, order_1, order_2, order_3) = (next(), next(), next(), next());
        let (order_4, order_5, order_6, order_7) = (next(), next(), next(), next());
        Self { order_0, order_1, order_2, order_3, order_4, order_5, order_6, order_7 }
    }
}

layout! {
    /// An order of a court or an authority.
    pub struct OrderRecord {
        /// What it still does.
        pub force: Slot<OrderForce> = 0,
        /// Whose units it concerns.
        pub account: Slot<Address> = 1,
        /// Who gets what is seized; zero if nothing may be seized.
        pub payee: Slot<Address> = 2,
        /// Most units that it freezes and that may be seized.
        pub cap: Slot<u128> = 3,
        /// Hash of the decision.
        pub legal_reference: Slot<B256> = 4,
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
        /// The token that backs this one; zero unless the backing is on the ledger.
        pub reserve_token: Slot<Address> = 20,
        /// The reserve as attested.
        pub attestation: Attestation = 21,
        /// Everyone who ever had a quota, in order.
        pub issuers: Array<Address> = 23,
        /// Quota, units outstanding and reserve, by issuer.
        pub issued: Mapping<Address, IssuerRecord> = 24,
        /// Redemptions requested; the next one gets this number plus 1.
        pub redemptions_made: Slot<u64> = 25,
        /// Redemptions by number.
        pub redemptions: Mapping<u64, RedemptionRecord> = 26,
        /// How long changes are announced.
        pub notice: Slot<NoticeTime> = 27,
        /// The policy that follows; counts where the terms say so.
        pub policy_change: Slot<PolicyChange> = 28,
        /// The cap that follows; counts where the terms say so.
        pub cap_change: Slot<CapChange> = 29,
        /// Nonces of authorisations that were used or cancelled, by holder.
        pub authorizations: Mapping<Address, Mapping<B256, Slot<bool>>> = 30,
        /// Where the token is described.
        pub contract_uri: Text = 31,
        /// Orders issued; the next one gets this number plus 1.
        pub orders_issued: Slot<u32> = 32,
        /// Orders by number.
        pub orders: Mapping<u32, OrderRecord> = 33,
        /// Orders of an account.
        pub listed_orders: Mapping<Address, Slot<ListedOrders>> = 34,
        /// Whether one account may be freezer and seizer.
        pub roles_may_meet: Slot<bool> = 35,
        /// Units on hold, by owner and keeper.
        pub kept: Mapping<Address, Mapping<u8, Slot<u128>>> = 40,
    }
}

/// Storage of the token at `token`.
pub fn layout(token: Address) -> Layout {
    Layout::locate(token, U256::ZERO)
}
