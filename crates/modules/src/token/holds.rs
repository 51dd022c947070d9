//! Units in suspense: reserved for a payment, an escrow or a channel, and still in their owner's balance.
//!
//! A hold is made, posted and released by the module that keeps it, never by a call from outside. That module has
//! checked who consented; here is checked what every movement must satisfy. Decision 0060 says why modules hold no
//! units of their own.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;
use std::collections::BTreeMap;

use super::{
    IToken,
    gate::{admit, admit_plain, ensure_unfrozen, movement, refused},
    issuance::lower_supply,
    layout::{HoldAmount, HoldParties, HoldRecord, ON_HOLD, layout},
    ops::{Holder, moving_terms, terms},
    parking::{Sweep, plan_sweep, sweep},
};
use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, PAYMENT_ADDRESS, POLICY_ADDRESS,
    SETTLEMENT_ADDRESS, STAKING_ADDRESS, VOUCHER_ADDRESS,
    context::{Context, Failure, ensure, revert},
    identity,
    policy::{self, Count, Decision, Movement, Outcome, Purpose},
    slots::{Mapping, Slot},
};

/// Modules that may keep units on hold. The numbers are part of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Credits that a holding limit parked: the token itself keeps them.
    Parking = 1,
    /// Reserves of issuers, in the token that backs theirs: the token itself keeps them.
    Reserve = 2,
    /// Units to be redeemed: the token itself keeps them.
    Redemption = 3,
    /// Pending payments.
    Payment = 5,
    /// Reserves and collateral of participants.
    Settlement = 6,
    /// Firm quotes.
    Exchange = 7,
    /// Escrows.
    Escrow = 8,
    /// Payment channels.
    Channel = 9,
    /// Vouchers.
    Voucher = 10,
    /// Bonds of validators.
    Staking = 12,
}

impl Keeper {
    const ALL: [Self; 10] = [
        Self::Parking,
        Self::Reserve,
        Self::Redemption,
        Self::Payment,
        Self::Settlement,
        Self::Exchange,
        Self::Escrow,
        Self::Channel,
        Self::Voucher,
        Self::Staking,
    ];

    /// Its number in storage and in views.
    pub fn number(self) -> u8 {
        match self {
            Self::Parking => 1,
            Self::Reserve => 2,
            Self::Redemption => 3,
            Self::Payment => 5,
            Self::Settlement => 6,
            Self::Exchange => 7,
            Self::Escrow => 8,
            Self::Channel => 9,
            Self::Voucher => 10,
            Self::Staking => 12,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|keeper| keeper.number() == number)
    }

    /// Whether its holds are made to pay somebody else, who relies on them: payment limits count these when they are
    /// made. The others go back to their owner, are burned, or move by a net settlement, which is counted by itself.
    fn pays(self) -> bool {
        match self {
            Self::Payment | Self::Exchange | Self::Escrow | Self::Channel | Self::Voucher => true,
            Self::Parking | Self::Reserve | Self::Redemption | Self::Settlement | Self::Staking => false,
        }
    }

    /// Address of the module; of the policy registry for what it parked, of the factory for what tokens keep.
    pub fn address(self) -> Address {
        match self {
            Self::Parking => POLICY_ADDRESS,
            Self::Reserve | Self::Redemption => FACTORY_ADDRESS,
            Self::Payment => PAYMENT_ADDRESS,
            Self::Settlement => SETTLEMENT_ADDRESS,
            Self::Exchange => EXCHANGE_ADDRESS,
            Self::Escrow => ESCROW_ADDRESS,
            Self::Channel => CHANNEL_ADDRESS,
            Self::Voucher => VOUCHER_ADDRESS,
            Self::Staking => STAKING_ADDRESS,
        }
    }
}

/// Units in suspense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose units they are.
    pub owner: Address,
    /// Which module may post or release them.
    pub keeper: Keeper,
    /// Units left, in minor units; zero when all were posted, released or seized.
    pub amount: u128,
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Units of the account that are on hold.
pub fn held_units(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    Ok(Holder::read(context, token, account)?.held)
}

/// Units of the account that are on hold with the keeper of this number; none where there is no such keeper.
pub fn held_by(context: &mut Context<'_>, token: Address, account: Address, keeper: u8) -> Result<u128, Failure> {
    kept_place(token).at(context, &account)?.at(context, &keeper)?.read(context)
}

fn kept_place(token: Address) -> Mapping<Address, Mapping<u8, Slot<u128>>> {
    layout(token).kept
}

/// Units that the account may move: neither frozen nor on hold.
pub fn spendable_units(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    Ok(Holder::read(context, token, account)?.free())
}

/// Units on hold of the account that are frozen: what free units do not cover. They can be seized and not be posted, so
/// they secure nothing.
pub(crate) fn frozen_on_hold(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    let holder = Holder::read(context, token, account)?;
    let unheld = holder.holding.balance.saturating_sub(holder.held);
    Ok(if holder.blocked() { holder.held } else { holder.frozen().saturating_sub(unheld) })
}

/// Units on hold for the account that count as its pending credits.
pub fn pending_credit(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    layout(token).pending_credits.at(context, &account)?.read(context)
}

/// A hold; reverts where none was made.
pub fn hold_of(context: &mut Context<'_>, token: Address, hold: u64) -> Result<Hold, Failure> {
    Ok(read(context, token, hold)?.1)
}

/// For whom a hold is; zero where that is not known.
pub(super) fn payee_of(context: &mut Context<'_>, token: Address, hold: u64) -> Result<Address, Failure> {
    layout(token).holds.at(context, &hold)?.payee.read(context)
}

/// A hold as it is stored: whether it counts as pending credit besides, and what payment limits counted of it.
struct Kept {
    place: HoldRecord,
    hold: Hold,
    pending: bool,
    /// Absent where they were not asked.
    count: Option<Count>,
}

impl Kept {
    /// Writes what is left of it.
    fn write_rest(&self, context: &mut Context<'_>, units: u128) -> Result<(), Failure> {
        let Count { policy, time_ms: counted_ms, .. } = self.count.unwrap_or_default();
        self.place.amount.write(context, HoldAmount { units, policy, counted_ms })
    }

    /// Whether payment limits counted anything of it.
    fn is_counted(&self) -> bool {
        self.count.is_some_and(|count| count.periods != 0)
    }

    /// Notes units that were paid. Those that were counted in another way go first.
    fn note_paid(&self, context: &mut Context<'_>, units: u128) -> Result<(), Failure> {
        if self.is_counted() {
            let older = self.place.older.read(context)?;
            self.place.older.write(context, older.saturating_sub(units))?;
        }
        Ok(())
    }

    /// Gives back to payment limits what leaves the hold without being paid: at most what they counted of it, and those
    /// units that they counted first.
    fn give_back(&self, context: &mut Context<'_>, token: Address, units: u128) -> Result<(), Failure> {
        let Some(count) = self.count.filter(|_| self.is_counted()) else { return Ok(()) };
        let older = self.place.older.read(context)?;
        let Hold { owner, amount, .. } = self.hold;
        policy::give_back(context, token, owner, &count, units.min(amount.saturating_sub(older)))
    }
}

/// What a new hold is for, and how it was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aim {
    /// For whom, where that is known.
    pub(super) payee: Option<Address>,
    /// Whether it is pending credit of that one.
    pub(super) pending: bool,
    /// What payment limits counted; absent where they were not asked.
    pub(super) count: Option<Count>,
    /// Units that came from another hold and were counted in another way.
    pub(super) older: u128,
}

fn read(context: &mut Context<'_>, token: Address, hold: u64) -> Result<(Kept, Hold), Failure> {
    let place = layout(token).holds.at(context, &hold)?;
    let HoldParties { owner, keeper, pending, asked, periods, person } = place.parties.read(context)?;
    let keeper = Keeper::from_number(keeper).ok_or_else(|| revert(IToken::HoldUnknown { holdId: hold }))?;
    let HoldAmount { units: amount, policy, counted_ms: time_ms } = place.amount.read(context)?;
    let hold = Hold { owner, keeper, amount };
    let count = asked.then_some(Count { policy, person, time_ms, periods });
    Ok((Kept { place, hold, pending, count }, hold))
}

/// Units of all holds together, for the checker: it walks through every hold that was ever made.
pub(super) fn sum(context: &mut Context<'_>, token: Address) -> Result<U256, Failure> {
    sum_where(context, token, |_| true)
}

/// Units that one module keeps on hold, for its checker.
pub(crate) fn sum_kept(context: &mut Context<'_>, token: Address, keeper: Keeper) -> Result<U256, Failure> {
    sum_where(context, token, |hold| hold.keeper == keeper)
}

fn sum_where(context: &mut Context<'_>, token: Address, counts: impl Fn(&Hold) -> bool) -> Result<U256, Failure> {
    let made = layout(token).holds_made.read(context)?;
    (1..=made).try_fold(U256::ZERO, |sum, number| {
        let hold = read(context, token, number)?.1;
        Ok(if counts(&hold) { sum.saturating_add(U256::from(hold.amount)) } else { sum })
    })
}

/// Pending credits as the holds say, by payee; for the checker.
pub(super) fn pending_by_payee(context: &mut Context<'_>, token: Address) -> Result<BTreeMap<Address, u128>, Failure> {
    let made = layout(token).holds_made.read(context)?;
    let mut sums: BTreeMap<Address, u128> = BTreeMap::new();
    for number in 1..=made {
        let (kept, hold) = read(context, token, number)?;
        if kept.pending {
            let sum = sums.entry(kept.place.payee.read(context)?).or_default();
            *sum = sum.saturating_add(hold.amount);
        }
    }
    Ok(sums)
}

/// Units on hold as the holds say, by owner and keeper; for the checker.
pub(super) fn kept_by_owner(
    context: &mut Context<'_>,
    token: Address,
) -> Result<BTreeMap<(Address, u8), u128>, Failure> {
    let mut sums: BTreeMap<(Address, u8), u128> = BTreeMap::new();
    for number in 1..=layout(token).holds_made.read(context)? {
        let hold = read(context, token, number)?.1;
        let sum = sums.entry((hold.owner, hold.keeper.number())).or_default();
        *sum = sum.saturating_add(hold.amount);
    }
    Ok(sums)
}

// ----- operations of keepers -----------------------------------------------------------------------------------------

/// Reserves units of `owner`, who consented. A movement as far as the owner is concerned: pause, freeze and policy are
/// asked, and payment limits count it if its keeper is to pay somebody. Answers the number of the hold.
pub(crate) fn hold(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    owner: Address,
    amount: u128,
) -> Result<u64, Failure> {
    reserve(context, token, keeper, (owner, None), amount)
}

/// The same for a payee that is known: the units count as its pending credit until they are posted or released. Its
/// holding limit is asked now, so that what is pending can be posted. Beyond a limit that parks or sweeps they are on
/// hold without being pending.
pub(crate) fn hold_for(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    (owner, payee): (Address, Address),
    amount: u128,
) -> Result<u64, Failure> {
    ensure(context.can_hold(payee), || IToken::ERC20InvalidReceiver { receiver: payee })?;
    reserve(context, token, keeper, (owner, Some(payee)), amount)
}

fn reserve(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    (owner, payee): (Address, Option<Address>),
    amount: u128,
) -> Result<u64, Failure> {
    let terms = moving_terms(context, token)?;
    let holder = Holder::read(context, token, owner)?;
    let purpose = if keeper.pays() { Purpose::Hold } else { Purpose::Pledge };
    let reserving = movement(token, purpose, U256::from(amount));
    let reserving = Movement { payer: Some(owner), payee, ..reserving };
    let decision = admit(context, terms.policy, &reserving, [Some(&holder), None, None])?;
    holder.spendable(U256::from(amount))?;
    let own = payee.map_or(Ok(false), |payee| same_person(context, owner, payee))?;
    let pending = payee.is_some() && decision.outcome == Outcome::Admitted && !own;
    // From one pocket to the other is no payment, and no limit was asked: should it become one, posting asks.
    let count = Some(decision.count).filter(|_| keeper.pays() && !own);
    let aim = Aim { payee, pending, count, older: 0 };
    let number = make(context, token, keeper, holder, aim, amount)?;
    policy::record(context, decision)?;
    Ok(number)
}

/// Makes a new hold of `taken` units of another of the same keeper and of `added` free ones of its owner. Asked as
/// [`hold`] is; payment limits count what is added, and what was taken stays counted where it was. Answers the number.
pub(crate) fn carry_over(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    (taken, added): (u128, u128),
) -> Result<u64, Failure> {
    let terms = moving_terms(context, token)?;
    let before = kept(context, token, keeper, number)?;
    free(context, token, number, &before, taken)?;
    let older = carried(context, &before, taken)?;
    let amount = taken.checked_add(added).ok_or_else(|| fault(token, "units of a hold overflow"))?;
    let holder = Holder::read(context, token, before.hold.owner)?;
    let asks = keeper.pays() && added > 0;
    let (purpose, units) = if asks { (Purpose::Hold, added) } else { (Purpose::Pledge, amount) };
    let reserving = movement(token, purpose, U256::from(units));
    let reserving = Movement { payer: Some(before.hold.owner), ..reserving };
    let decision = admit(context, terms.policy, &reserving, [Some(&holder), None, None])?;
    holder.spendable(U256::from(amount))?;
    let (count, older) = match before.count {
        Some(count) if !asks || count.is_like(&decision.count) => (Some(count), older),
        _ if asks => (Some(decision.count), taken),
        _ => (None, 0),
    };
    let number = make(context, token, keeper, holder, Aim { count, older, ..Aim::default() }, amount)?;
    policy::record(context, decision)?;
    Ok(number)
}

/// Takes from a hold, along with units, what of them was counted in another way: that goes first. Answers it.
fn carried(context: &mut Context<'_>, before: &Kept, taken: u128) -> Result<u128, Failure> {
    if !before.is_counted() {
        return Ok(0);
    }
    let older = before.place.older.read(context)?;
    let along = older.min(taken);
    before.place.older.write(context, older.saturating_sub(along))?;
    Ok(along)
}

/// Reserves units of `owner` for a payee in a payment that waits for the policy, which need not admit it yet: nothing
/// moves, and posting asks the policy. The units do not count as pending credit.
pub(crate) fn hold_unadmitted(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    (owner, payee): (Address, Address),
    amount: u128,
) -> Result<u64, Failure> {
    moving_terms(context, token)?;
    let holder = Holder::read(context, token, owner)?;
    ensure_unfrozen([Some(&holder), None, None])?;
    holder.spendable(U256::from(amount))?;
    make(context, token, keeper, holder, Aim { payee: Some(payee), ..Aim::default() }, amount)
}

/// Whether two addresses belong to one person: what is reserved for another wallet is in a balance of it already.
fn same_person(context: &mut Context<'_>, owner: Address, payee: Address) -> Result<bool, Failure> {
    let person = identity::person_of(context, owner)?;
    Ok(owner == payee || (person != 0 && person == identity::person_of(context, payee)?))
}

/// Makes a hold of units that were found spendable.
pub(super) fn make(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    mut holder: Holder,
    Aim { payee, pending, count, older }: Aim,
    amount: u128,
) -> Result<u64, Failure> {
    let place = layout(token).holds_made;
    let number = place.read(context)?.checked_add(1).ok_or_else(|| fault(token, "has no more numbers for holds"))?;
    place.write(context, number)?;
    let record = layout(token).holds.at(context, &number)?;
    let owner = holder.account;
    let asked = count.is_some();
    let Count { policy, person, time_ms: counted_ms, periods } = count.unwrap_or_default();
    let parties = HoldParties { owner, keeper: keeper.number(), pending, asked, periods, person };
    record.parties.write(context, parties)?;
    record.amount.write(context, HoldAmount { units: amount, policy, counted_ms })?;
    if older > 0 {
        record.older.write(context, older)?;
    }
    if let Some(payee) = payee {
        record.payee.write(context, payee)?;
        if pending {
            add_pending(context, token, payee, amount)?;
        }
    }
    holder.reserve(amount)?;
    holder.write_with_holds(context, token)?;
    let place = kept_place(token).at(context, &owner)?.at(context, &keeper.number())?;
    let kept = place.read(context)?.checked_add(amount);
    place.write(context, kept.ok_or_else(|| fault(token, "units that a keeper has overflow"))?)?;
    let keeper = keeper.address();
    context.emit(token, &IToken::Held { holdId: number, owner, keeper, amount: U256::from(amount) })?;
    Ok(number)
}

fn add_pending(context: &mut Context<'_>, token: Address, payee: Address, units: u128) -> Result<(), Failure> {
    let place = layout(token).pending_credits.at(context, &payee)?;
    let sum = place.read(context)?.checked_add(units);
    place.write(context, sum.ok_or_else(|| fault(token, "pending credits overflow"))?)
}

/// Units that are on hold no more: their keeper has them no longer, and they are not pending. Whatever shortens a hold
/// comes through here. Answers for whom they were, if the hold counted as pending.
fn settle_pending(
    context: &mut Context<'_>,
    token: Address,
    kept: &Kept,
    units: u128,
) -> Result<Option<Address>, Failure> {
    let Hold { owner, keeper, .. } = kept.hold;
    let place = kept_place(token).at(context, &owner)?.at(context, &keeper.number())?;
    let rest = place.read(context)?.checked_sub(units);
    place.write(context, rest.ok_or_else(|| fault(token, "a keeper has less than a hold of it"))?)?;
    if !kept.pending {
        return Ok(None);
    }
    let payee = kept.place.payee.read(context)?;
    let place = layout(token).pending_credits.at(context, &payee)?;
    let rest = place.read(context)?.checked_sub(units);
    place.write(context, rest.ok_or_else(|| fault(token, "pending credits are less than a hold of them"))?)?;
    Ok(Some(payee))
}

/// Pays units on hold to `to`; what is not posted stays on hold. Both parties are checked as in any movement. Beyond a
/// holding limit that parks they stay where they are: on hold.
pub(crate) fn post_hold(
    context: &mut Context<'_>,
    token: Address,
    hold: (Keeper, u64),
    to: Address,
    amount: u128,
) -> Result<(), Failure> {
    let posting = examine_post(context, token, hold, to, amount)?;
    carry_out_post(context, token, posting)
}

/// The same where the token may refuse: answers whether it was paid. A refusal changes nothing. While a module is paused
/// the caller does not come here: what that refuses, it refuses half-way.
pub(crate) fn post_hold_if_admitted(
    context: &mut Context<'_>,
    token: Address,
    hold: (Keeper, u64),
    to: Address,
    amount: u128,
) -> Result<bool, Failure> {
    match examine_post(context, token, hold, to, amount) {
        Ok(posting) => carry_out_post(context, token, posting).map(|()| true),
        Err(Failure::Revert(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// A payment of units on hold that everything admits.
struct Posting {
    number: u64,
    kept: Kept,
    payer: Holder,
    payee: Holder,
    amount: u128,
    /// Units that stay on hold.
    rest: u128,
    decision: Decision,
    excess: Option<Sweep>,
}

/// Asks everything that a payment of units on hold has to satisfy. Changes nothing.
fn examine_post(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    to: Address,
    amount: u128,
) -> Result<Posting, Failure> {
    ensure(context.can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let terms = moving_terms(context, token)?;
    let kept = kept(context, token, keeper, number)?;
    let hold = kept.hold;
    let mut payer = Holder::read(context, token, hold.owner)?;
    let payee = Holder::read(context, token, to)?;
    let pending = if kept.pending && kept.place.payee.read(context)? == to { amount } else { 0 };
    let purpose = if kept.count.is_some() { Purpose::PostCounted } else { Purpose::Post };
    let posting = movement(token, purpose, U256::from(amount));
    let posting = Movement { payer: Some(hold.owner), payee: Some(to), pending, ..posting };
    let decision = admit(context, terms.policy, &posting, [Some(&payer), Some(&payee), None])?;
    let excess = match decision.outcome {
        Outcome::Parked(refusal) => return Err(refused(terms.policy, refusal)),
        Outcome::Swept(refusal, units) => Some(plan_sweep(context, token, terms.policy, to, (refusal, units))?),
        _ => None,
    };
    let rest = rest(number, hold, amount)?;
    payer.unreserve(amount)?;
    payer.unfrozen(amount)?;
    Ok(Posting { number, kept, payer, payee, amount, rest, decision, excess })
}

fn carry_out_post(context: &mut Context<'_>, token: Address, posting: Posting) -> Result<(), Failure> {
    let Posting { number, kept, mut payer, mut payee, amount, rest, decision, excess } = posting;
    let (owner, to) = (payer.account, payee.account);
    kept.write_rest(context, rest)?;
    settle_pending(context, token, &kept, amount)?;
    if kept.is_counted() && same_person(context, owner, to)? {
        kept.give_back(context, token, amount)?;
    } else {
        kept.note_paid(context, amount)?;
    }
    if owner != to {
        payer.debit(amount)?;
        payee.credit(amount)?;
        payee.write(context)?;
    }
    payer.write_with_holds(context, token)?;
    let value = U256::from(amount);
    context.emit(token, &IToken::Transfer { from: owner, to, value })?;
    context.emit(token, &IToken::HoldPosted { holdId: number, to, amount: value })?;
    policy::record(context, decision)?;
    excess.map_or(Ok(()), |excess| sweep(context, token, excess))
}

/// Frees units on hold. Never refused for a pause, a freeze or a policy: nothing moves, and what was given up must not
/// stay reserved. What payment limits counted of it is given back while their periods run.
pub(crate) fn release_hold(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    amount: u128,
) -> Result<(), Failure> {
    let kept = kept(context, token, keeper, number)?;
    free(context, token, number, &kept, amount)?;
    kept.give_back(context, token, amount)
}

/// Frees units on hold. What payment limits counted of them stays counted.
fn free(context: &mut Context<'_>, token: Address, number: u64, kept: &Kept, amount: u128) -> Result<(), Failure> {
    let rest = rest(number, kept.hold, amount)?;
    kept.write_rest(context, rest)?;
    settle_pending(context, token, kept, amount)?;
    let owner = kept.hold.owner;
    let mut holder = Holder::read(context, token, owner)?;
    holder.unreserve(amount)?;
    holder.write_with_holds(context, token)?;
    context.emit(token, &IToken::HoldReleased { holdId: number, owner, amount: U256::from(amount) })
}

/// Takes units away from a hold that is known to have them. Its keeper is not told; the caller changes the owner's
/// balance and what it has on hold.
pub(super) fn shorten_hold(context: &mut Context<'_>, token: Address, number: u64, units: u128) -> Result<(), Failure> {
    let (kept, hold) = read(context, token, number)?;
    let rest = rest(number, hold, units)?;
    kept.write_rest(context, rest)?;
    settle_pending(context, token, &kept, units)?;
    kept.give_back(context, token, units)
}

/// Destroys units on hold that `issuer` redeems. A movement for the holder: pause, freezes and policy are asked.
pub(super) fn burn_hold(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    issuer: Address,
    amount: u128,
) -> Result<(), Failure> {
    let terms = moving_terms(context, token)?;
    let kept = kept(context, token, keeper, number)?;
    let owner = kept.hold.owner;
    let mut holder = Holder::read(context, token, owner)?;
    let burning = movement(token, Purpose::Burn, U256::from(amount));
    let burning = Movement { payer: Some(owner), ..burning };
    let decision = admit_plain(context, terms.policy, &burning, [Some(&holder), None, None])?;
    let rest = rest(number, kept.hold, amount)?;
    holder.unreserve(amount)?;
    holder.unfrozen(amount)?;
    lower_supply(context, token, terms, issuer, amount)?;
    kept.write_rest(context, rest)?;
    settle_pending(context, token, &kept, amount)?;
    holder.debit(amount)?;
    holder.write_with_holds(context, token)?;
    let (to, value) = (Address::ZERO, U256::from(amount));
    context.emit(token, &IToken::Transfer { from: owner, to, value })?;
    context.emit(token, &IToken::HoldPosted { holdId: number, to, amount: value })?;
    policy::record(context, decision)
}

/// A hold of this keeper. Keepers name only holds that they made, so another one's number is corruption.
fn kept(context: &mut Context<'_>, token: Address, keeper: Keeper, number: u64) -> Result<Kept, Failure> {
    let (kept, hold) = read(context, token, number)?;
    if hold.keeper != keeper {
        return Err(fault(token, &format!("hold {number} is kept by {:?}, not by {keeper:?}", hold.keeper)));
    }
    Ok(kept)
}

fn rest(number: u64, hold: Hold, amount: u128) -> Result<u128, Failure> {
    hold.amount.checked_sub(amount).ok_or_else(|| {
        let (held, amount) = (U256::from(hold.amount), U256::from(amount));
        revert(IToken::HoldExceeded { holdId: number, held, amount })
    })
}

fn fault(token: Address, what: &str) -> Failure {
    StateFault(format!("token {token}: {what}")).into()
}

impl Holder {
    fn reserve(&mut self, units: u128) -> Result<(), Failure> {
        self.held = self.held.checked_add(units).ok_or_else(|| self.unbalanced())?;
        Ok(())
    }

    pub(super) fn unreserve(&mut self, units: u128) -> Result<(), Failure> {
        self.held = self.held.checked_sub(units).ok_or_else(|| self.unbalanced())?;
        Ok(())
    }

    /// Reverts unless the units are there and not frozen.
    fn unfrozen(&self, units: u128) -> Result<(), Failure> {
        let (balance, frozen) = (self.holding.balance, self.frozen());
        ensure(units <= balance.saturating_sub(frozen), || IToken::InsufficientUnfrozenBalance {
            sender: self.account,
            balance: U256::from(balance),
            frozen: U256::from(frozen),
            needed: U256::from(units),
        })
    }

    /// Writes the holder after units on hold changed.
    pub(super) fn write_with_holds(mut self, context: &mut Context<'_>, token: Address) -> Result<(), Failure> {
        self.holding.set_mark(ON_HOLD, self.held > 0);
        layout(token).held.at(context, &self.account)?.write(context, self.held)?;
        self.write(context)
    }
}

// ----- netting -------------------------------------------------------------------------------------------------------

/// What one account gives or gets in a net settlement, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetChange {
    /// Whose balance changes; each account appears once.
    pub account: Address,
    /// Units that it gives.
    pub debit: u128,
    /// Units that it gets. One of the two is zero.
    pub credit: u128,
}

/// Changes balances that add up to zero, all or nothing. The debits' Transfer events lead to the settlement module and
/// the credits' come from it, so that events still give every balance; its own balance is never stored.
pub(crate) fn settle_net(context: &mut Context<'_>, token: Address, changes: &[NetChange]) -> Result<(), Failure> {
    let terms = moving_terms(context, token)?;
    let sum = |part: fn(&NetChange) -> u128| {
        changes.iter().map(part).try_fold(0u128, u128::checked_add).ok_or_else(|| fault(token, "net changes overflow"))
    };
    let (debits, credits) = (sum(|change| change.debit)?, sum(|change| change.credit)?);
    if debits != credits {
        return Err(fault(token, &format!("net changes do not add up to zero: {debits} given, {credits} got")));
    }
    for change in changes.iter().filter(|change| change.debit > 0) {
        let mut payer = Holder::read(context, token, change.account)?;
        let decision = admit_plain(context, terms.policy, &net_movement(token, change), [Some(&payer), None, None])?;
        let units = payer.spendable(U256::from(change.debit))?;
        payer.debit(units)?;
        payer.write(context)?;
        let (from, to) = (change.account, SETTLEMENT_ADDRESS);
        context.emit(token, &IToken::Transfer { from, to, value: U256::from(units) })?;
        policy::record(context, decision)?;
    }
    for change in changes.iter().filter(|change| change.credit > 0) {
        ensure(context.can_hold(change.account), || IToken::ERC20InvalidReceiver { receiver: change.account })?;
        let mut payee = Holder::read(context, token, change.account)?;
        let decision = admit_plain(context, terms.policy, &net_movement(token, change), [Some(&payee), None, None])?;
        payee.credit(change.credit)?;
        payee.write(context)?;
        let (from, to) = (SETTLEMENT_ADDRESS, change.account);
        context.emit(token, &IToken::Transfer { from, to, value: U256::from(change.credit) })?;
        policy::record(context, decision)?;
    }
    Ok(())
}

/// Whether an account may take part in a net settlement with this change: it is not frozen, and the policy, its rules
/// included, admits it. Changes nothing. What others of the same person give or get in the same settlement is not foreseen.
pub(crate) fn admits_net(context: &mut Context<'_>, token: Address, change: &NetChange) -> Result<bool, Failure> {
    if Holder::read(context, token, change.account)?.blocked() {
        return Ok(false);
    }
    let policy = terms(context, token)?.policy;
    if change.debit == 0 && change.credit == 0 {
        return policy::is_allowed(context, policy, change.account);
    }
    Ok(policy::decide(context, policy, &net_movement(token, change))?.outcome == Outcome::Admitted)
}

fn net_movement(token: Address, change: &NetChange) -> Movement {
    let (party, gives) = (Some(change.account), change.debit > 0);
    let net = movement(token, Purpose::Net, U256::from(if gives { change.debit } else { change.credit }));
    if gives { Movement { payer: party, ..net } } else { Movement { payee: party, ..net } }
}
