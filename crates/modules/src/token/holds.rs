//! Units in suspense: reserved for a payment, an escrow or a channel, and still in their owner's balance.
//!
//! A hold is made, posted and released by the module that keeps it, never by a call from outside. That module has
//! checked who consented; here is checked what every movement must satisfy. Decision 0060 says why modules hold no
//! units of their own.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    IToken,
    layout::{HoldParties, HoldRecord, layout},
    ops::{Holder, admit, ensure_unfrozen, moving_terms},
};
use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, PAYMENT_ADDRESS, SETTLEMENT_ADDRESS, can_hold,
    context::{Context, Failure, ensure, revert},
};

/// Modules that may keep units on hold. The numbers are part of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
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
}

impl Keeper {
    fn number(self) -> u8 {
        match self {
            Self::Payment => 5,
            Self::Settlement => 6,
            Self::Exchange => 7,
            Self::Escrow => 8,
            Self::Channel => 9,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Payment, Self::Settlement, Self::Exchange, Self::Escrow, Self::Channel]
            .into_iter()
            .find(|keeper| keeper.number() == number)
    }

    /// Address of the module.
    pub fn address(self) -> Address {
        match self {
            Self::Payment => PAYMENT_ADDRESS,
            Self::Settlement => SETTLEMENT_ADDRESS,
            Self::Exchange => EXCHANGE_ADDRESS,
            Self::Escrow => ESCROW_ADDRESS,
            Self::Channel => CHANNEL_ADDRESS,
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

/// Units that the account may move: neither frozen nor on hold.
pub fn spendable_units(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    Ok(Holder::read(context, token, account)?.free())
}

/// A hold; reverts where none was made.
pub fn hold_of(context: &mut Context<'_>, token: Address, hold: u64) -> Result<Hold, Failure> {
    Ok(read(context, token, hold)?.1)
}

fn read(context: &mut Context<'_>, token: Address, hold: u64) -> Result<(HoldRecord, Hold), Failure> {
    let place = layout(token).holds.at(context, &hold)?;
    let HoldParties { owner, keeper } = place.parties.read(context)?;
    let keeper = Keeper::from_number(keeper).ok_or_else(|| revert(IToken::HoldUnknown { holdId: hold }))?;
    let amount = place.amount.read(context)?;
    Ok((place, Hold { owner, keeper, amount }))
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

// ----- operations of keepers -----------------------------------------------------------------------------------------

/// Reserves units of `owner`, who consented. A movement as far as the owner is concerned: pause, freeze and policy are
/// asked. Answers the number of the hold.
pub(crate) fn hold(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    owner: Address,
    amount: u128,
) -> Result<u64, Failure> {
    let terms = moving_terms(context, token)?;
    let holder = Holder::read(context, token, owner)?;
    admit(context, terms.policy, [Some(&holder), None, None])?;
    reserve(context, token, keeper, holder, amount)
}

/// Reserves units of `owner`, whom the policy need not admit yet: nothing moves, and posting asks the policy. For
/// payments that wait for it.
pub(crate) fn hold_unadmitted(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    owner: Address,
    amount: u128,
) -> Result<u64, Failure> {
    moving_terms(context, token)?;
    let holder = Holder::read(context, token, owner)?;
    ensure_unfrozen([Some(&holder), None, None])?;
    reserve(context, token, keeper, holder, amount)
}

fn reserve(
    context: &mut Context<'_>,
    token: Address,
    keeper: Keeper,
    mut holder: Holder,
    amount: u128,
) -> Result<u64, Failure> {
    let owner = holder.account;
    let units = holder.spendable(U256::from(amount))?;
    let place = layout(token).holds_made;
    let number = place.read(context)?.checked_add(1).ok_or_else(|| fault(token, "has no more numbers for holds"))?;
    place.write(context, number)?;
    let record = layout(token).holds.at(context, &number)?;
    record.parties.write(context, HoldParties { owner, keeper: keeper.number() })?;
    record.amount.write(context, units)?;
    holder.reserve(units)?;
    holder.write_with_holds(context, token)?;
    let keeper = keeper.address();
    context.emit(token, &IToken::Held { holdId: number, owner, keeper, amount: U256::from(amount) })?;
    Ok(number)
}

/// Pays units on hold to `to`; what is not posted stays on hold. Both parties are checked as in any movement.
pub(crate) fn post_hold(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    to: Address,
    amount: u128,
) -> Result<(), Failure> {
    ensure(can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let terms = moving_terms(context, token)?;
    let (record, hold) = kept(context, token, keeper, number)?;
    let mut payer = Holder::read(context, token, hold.owner)?;
    let mut payee = Holder::read(context, token, to)?;
    admit(context, terms.policy, [Some(&payer), Some(&payee), None])?;
    let rest = rest(number, hold, amount)?;
    payer.unreserve(amount)?;
    ensure(amount <= payer.holding.balance.saturating_sub(payer.holding.frozen), || {
        IToken::InsufficientUnfrozenBalance {
            sender: hold.owner,
            balance: U256::from(payer.holding.balance),
            frozen: U256::from(payer.holding.frozen),
            needed: U256::from(amount),
        }
    })?;
    record.amount.write(context, rest)?;
    if hold.owner != to {
        payer.debit(amount)?;
        payee.credit(amount)?;
        payee.write(context)?;
    }
    payer.write_with_holds(context, token)?;
    let value = U256::from(amount);
    context.emit(token, &IToken::Transfer { from: hold.owner, to, value })?;
    context.emit(token, &IToken::HoldPosted { holdId: number, to, amount: value })
}

/// Frees units on hold. Never refused for a pause, a freeze or a policy: nothing moves, and what was given up must not
/// stay reserved.
pub(crate) fn release_hold(
    context: &mut Context<'_>,
    token: Address,
    (keeper, number): (Keeper, u64),
    amount: u128,
) -> Result<(), Failure> {
    let (record, hold) = kept(context, token, keeper, number)?;
    let rest = rest(number, hold, amount)?;
    record.amount.write(context, rest)?;
    let mut holder = Holder::read(context, token, hold.owner)?;
    holder.unreserve(amount)?;
    holder.write_with_holds(context, token)?;
    context.emit(token, &IToken::HoldReleased { holdId: number, owner: hold.owner, amount: U256::from(amount) })
}

/// A hold of this keeper. Keepers name only holds that they made, so another one's number is corruption.
fn kept(context: &mut Context<'_>, token: Address, keeper: Keeper, number: u64) -> Result<(HoldRecord, Hold), Failure> {
    let (record, hold) = read(context, token, number)?;
    if hold.keeper != keeper {
        return Err(fault(token, &format!("hold {number} is kept by {:?}, not by {keeper:?}", hold.keeper)));
    }
    Ok((record, hold))
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

    fn unreserve(&mut self, units: u128) -> Result<(), Failure> {
        self.held = self.held.checked_sub(units).ok_or_else(|| self.unbalanced())?;
        Ok(())
    }

    /// Writes the holder after units on hold changed.
    fn write_with_holds(mut self, context: &mut Context<'_>, token: Address) -> Result<(), Failure> {
        self.holding.on_hold = self.held > 0;
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
        admit(context, terms.policy, [Some(&payer), None, None])?;
        let units = payer.spendable(U256::from(change.debit))?;
        payer.debit(units)?;
        payer.write(context)?;
        let (from, to) = (change.account, SETTLEMENT_ADDRESS);
        context.emit(token, &IToken::Transfer { from, to, value: U256::from(units) })?;
    }
    for change in changes.iter().filter(|change| change.credit > 0) {
        ensure(can_hold(change.account), || IToken::ERC20InvalidReceiver { receiver: change.account })?;
        let mut payee = Holder::read(context, token, change.account)?;
        admit(context, terms.policy, [Some(&payee), None, None])?;
        payee.credit(change.credit)?;
        payee.write(context)?;
        let (from, to) = (SETTLEMENT_ADDRESS, change.account);
        context.emit(token, &IToken::Transfer { from, to, value: U256::from(change.credit) })?;
    }
    Ok(())
}
