//! Movements of a token: checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};
use florin_types::{Currency, StateFault};

use super::{
    ISSUER_ROLE, IToken, Keeper,
    gate::{admit, admit_plain, ensure_unfrozen, movement, refused},
    holds::{Aim, make},
    issuance::{lower_supply, note_issued},
    layout::{Holding, ON_HOLD, ORDERED, Supply, Terms, layout},
    notice,
    orders::{Frozen, frozen_by_orders},
    parking::{Sweep, plan_sweep, sweep},
    roles::require_role,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    policy::{self, Broken, Decision, Outcome, Purpose, Refusal},
    slots::Slot,
};

/// Most bytes of a payment reference. Source: ISO 20022 Max140Text, unstructured remittance information.
pub const PAYMENT_REFERENCE_BYTES_MAX: usize = 140;

// ----- questions -----------------------------------------------------------------------------------------------------

/// Terms of a token that exists, as they are in force now; reverts where none was created.
pub(super) fn terms(context: &mut Context<'_>, token: Address) -> Result<Terms, Failure> {
    let terms = layout(token).terms.read(context)?;
    ensure(terms.created, || IToken::TokenUnknown { token })?;
    notice::in_force(context, token, terms)
}

/// Reverts unless a token was created at the address. Whoever is given an address from outside asks this first: what
/// lies in the storage of a contract must never be read as a token's.
pub(crate) fn ensure_token(context: &mut Context<'_>, token: Address) -> Result<(), Failure> {
    let created = crate::token_index(token).is_some() && is_created(context, token)?;
    ensure(created, || IToken::TokenUnknown { token })
}

/// Whether a token was created at the address.
pub fn is_created(context: &mut Context<'_>, token: Address) -> Result<bool, Failure> {
    Ok(layout(token).terms.read(context)?.created)
}

/// Name for people.
pub fn name(context: &mut Context<'_>, token: Address) -> Result<String, Failure> {
    layout(token).name.read(context)
}

/// Symbol.
pub fn symbol(context: &mut Context<'_>, token: Address) -> Result<String, Failure> {
    layout(token).symbol.read(context)
}

/// The currency that the token is: its symbol and decimals.
pub fn currency(context: &mut Context<'_>, token: Address) -> Result<Currency, Failure> {
    let decimals = terms(context, token)?.decimals;
    let symbol = symbol(context, token)?;
    Currency::new(&symbol, decimals).map_err(|error| StateFault(format!("token {token}: {error}")).into())
}

/// Units in existence.
pub fn total_supply(context: &mut Context<'_>, token: Address) -> Result<u128, Failure> {
    Ok(layout(token).supply.read(context)?.total)
}

/// Units that the account holds, frozen ones included.
pub fn balance_of(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    Ok(Holder::read(context, token, account)?.holding.balance)
}

/// Units that the spender may still move out of the owner's balance.
pub fn allowance(context: &mut Context<'_>, token: Address, owner: Address, spender: Address) -> Result<U256, Failure> {
    allowance_place(context, token, owner, spender)?.read(context)
}

fn allowance_place(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    spender: Address,
) -> Result<Slot<U256>, Failure> {
    layout(token).allowances.at(context, &owner)?.at(context, &spender)
}

/// A holder during one operation: read once, written once.
pub(super) struct Holder {
    pub(super) account: Address,
    pub(super) holding: Holding,
    /// Units of the balance that are on hold.
    pub(super) held: u128,
    /// What orders freeze, be it more than the balance.
    pub(super) ordered: Frozen,
    place: Slot<Holding>,
}

impl Holder {
    pub(super) fn read(context: &mut Context<'_>, token: Address, account: Address) -> Result<Self, Failure> {
        let place = layout(token).holdings.at(context, &account)?;
        let holding = place.read(context)?;
        let on_hold = holding.is_marked(ON_HOLD);
        let held = if on_hold { layout(token).held.at(context, &account)?.read(context)? } else { 0 };
        let ordered = holding.is_marked(ORDERED);
        let ordered = if ordered { frozen_by_orders(context, token, account)? } else { Frozen::default() };
        Ok(Self { account, holding, held, ordered, place })
    }

    /// Whether the address as a whole is frozen, by a freezer's call or by an order.
    pub(super) fn blocked(&self) -> bool {
        self.holding.address_frozen || self.ordered.whole
    }

    /// Units that the freezer and orders together freeze, be it more than the balance: what comes in is frozen too.
    pub(super) fn frozen_in_all(&self) -> u128 {
        self.holding.frozen.saturating_add(self.ordered.units)
    }

    /// Units of the balance that are frozen.
    pub(super) fn frozen(&self) -> u128 {
        self.frozen_in_all().min(self.holding.balance)
    }

    pub(super) fn write(self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.place.write(context, self.holding)
    }

    /// Units that the holder may move: neither frozen nor on hold. A freeze may cover units on hold.
    pub(super) fn free(&self) -> u128 {
        self.holding.balance.saturating_sub(self.frozen()).saturating_sub(self.held)
    }

    /// The amount as units that the holder has and may move.
    pub(super) fn spendable(&self, amount: U256) -> Result<u128, Failure> {
        let (balance, frozen) = (self.holding.balance, self.frozen());
        let (sender, needed) = (self.account, amount);
        let units = u128::try_from(amount).ok().filter(|units| *units <= balance);
        let balance_word = U256::from(balance);
        let units =
            units.ok_or_else(|| revert(IToken::ERC20InsufficientBalance { sender, balance: balance_word, needed }))?;
        ensure(units <= balance.saturating_sub(frozen), || IToken::InsufficientUnfrozenBalance {
            sender,
            balance: balance_word,
            frozen: U256::from(frozen),
            needed,
        })?;
        ensure(units <= self.free(), || IToken::InsufficientUnheldBalance {
            sender,
            balance: balance_word,
            frozen: U256::from(frozen),
            held: U256::from(self.held),
            needed,
        })?;
        Ok(units)
    }

    /// Takes units that were found spendable.
    pub(super) fn debit(&mut self, units: u128) -> Result<(), Failure> {
        self.holding.balance = self.holding.balance.checked_sub(units).ok_or_else(|| self.unbalanced())?;
        Ok(())
    }

    /// Gives units. A balance cannot overflow where the supply did not.
    pub(super) fn credit(&mut self, units: u128) -> Result<(), Failure> {
        self.holding.balance = self.holding.balance.checked_add(units).ok_or_else(|| self.unbalanced())?;
        Ok(())
    }

    pub(super) fn unbalanced(&self) -> Failure {
        StateFault(format!("the balance of {} does not agree with the token's supply", self.account)).into()
    }
}

/// Moves units of a payer who consented; the calling module has checked how.
pub(crate) fn pay(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    to: Address,
    amount: u128,
) -> Result<(), Failure> {
    pay_for(context, token, Purpose::Transfer, (from, to), amount)
}

/// The same for another purpose, such as a refund: rules bind each in their own way. Where a holding limit would park
/// the units it is refused: a module that can wait has them on hold.
pub(crate) fn pay_for(
    context: &mut Context<'_>,
    token: Address,
    purpose: Purpose,
    (from, to): (Address, Address),
    amount: u128,
) -> Result<(), Failure> {
    pay_at_once(context, token, Movement { from, to, operator: None, amount: U256::from(amount), purpose })
}

/// Carries a movement out as it is, or not at all: what a holding limit would park is refused.
pub(super) fn pay_at_once(context: &mut Context<'_>, token: Address, movement: Movement) -> Result<(), Failure> {
    let examined = examine(context, token, movement)?;
    match examined.decision.outcome {
        Outcome::Parked(refusal) => Err(refused(examined.policy, refusal)),
        _ => carry_out(context, token, examined),
    }
}

/// Whether [`pay`] would move the units now; a pause reverts here as it does there. Changes nothing.
pub(crate) fn admits_pay(
    context: &mut Context<'_>,
    token: Address,
    (from, to): (Address, Address),
    amount: u128,
) -> Result<bool, Failure> {
    moving_terms(context, token)?;
    match examine(context, token, Movement::transfer(from, to, None, U256::from(amount))) {
        Ok(examined) => Ok(!matches!(examined.decision.outcome, Outcome::Parked(_))),
        Err(Failure::Revert(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Moves what `from` may move of an amount that it owes, as it agreed before, and answers how much that was. Never
/// refused for a rule of the token: where pause, freeze or policy forbid the payment as it is, nothing moves.
pub(crate) fn collect(
    context: &mut Context<'_>,
    token: Address,
    (from, to): (Address, Address),
    owed: u128,
) -> Result<u128, Failure> {
    let units = Holder::read(context, token, from)?.free().min(owed);
    if units == 0 || from == to {
        return Ok(0);
    }
    match examine(context, token, Movement::transfer(from, to, None, U256::from(units))) {
        Ok(examined) if examined.decision.outcome == Outcome::Admitted => {
            carry_out(context, token, examined).map(|()| units)
        }
        Ok(_) | Err(Failure::Revert(_)) => Ok(0),
        Err(other) => Err(other),
    }
}

// ----- transfers -----------------------------------------------------------------------------------------------------

/// Moves the caller's units. False if they were parked instead.
pub fn transfer(context: &mut Context<'_>, token: Address, to: Address, amount: U256) -> Result<bool, Failure> {
    let from = context.caller();
    move_units(context, token, Movement::transfer(from, to, None, amount))
}

/// Moves units of another within the caller's allowance. False if they were parked instead.
pub fn transfer_from(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    to: Address,
    amount: U256,
) -> Result<bool, Failure> {
    let operator = Some(context.caller());
    move_units(context, token, Movement::transfer(from, to, operator, amount))
}

/// Moves the caller's units and says what for.
pub fn transfer_with_memo(
    context: &mut Context<'_>,
    token: Address,
    to: Address,
    amount: U256,
    memo: B256,
    reference: &str,
) -> Result<bool, Failure> {
    check_reference(reference)?;
    let moved = transfer(context, token, to, amount)?;
    let from = context.caller();
    emit_memo(context, token, (from, to), amount, memo, reference)?;
    Ok(moved)
}

/// Moves units of another within the caller's allowance and says what for.
pub fn transfer_from_with_memo(
    context: &mut Context<'_>,
    token: Address,
    parties: (Address, Address),
    amount: U256,
    memo: B256,
    reference: &str,
) -> Result<bool, Failure> {
    check_reference(reference)?;
    let (from, to) = parties;
    let moved = transfer_from(context, token, from, to, amount)?;
    emit_memo(context, token, parties, amount, memo, reference)?;
    Ok(moved)
}

fn check_reference(reference: &str) -> Result<(), Failure> {
    ensure(reference.len() <= PAYMENT_REFERENCE_BYTES_MAX, || IToken::PaymentReferenceTooLong {
        length: U256::from(reference.len()),
        lengthMax: U256::from(PAYMENT_REFERENCE_BYTES_MAX),
    })
}

fn emit_memo(
    context: &mut Context<'_>,
    token: Address,
    (from, to): (Address, Address),
    amount: U256,
    memo: B256,
    reference: &str,
) -> Result<(), Failure> {
    context.emit(token, &IToken::TransferWithMemo { from, to, value: amount, memo, paymentReference: reference.into() })
}

/// Units that change hands.
#[derive(Clone, Copy)]
pub(super) struct Movement {
    from: Address,
    to: Address,
    /// Who moves the units of another, spending an allowance.
    operator: Option<Address>,
    amount: U256,
    purpose: Purpose,
}

impl Movement {
    /// A holder pays.
    pub(super) fn transfer(from: Address, to: Address, operator: Option<Address>, amount: U256) -> Self {
        Self { from, to, operator, amount, purpose: Purpose::Transfer }
    }

    /// The same as the policy sees it.
    pub(super) fn before_the_policy(self, token: Address) -> policy::Movement {
        let Self { from, to, operator, amount, purpose } = self;
        policy::Movement { payer: Some(from), payee: Some(to), operator, ..movement(token, purpose, amount) }
    }
}

/// A movement that passed every check, with all that is needed to carry it out.
pub(super) struct Examined {
    movement: Movement,
    payer: Holder,
    payee: Holder,
    units: u128,
    /// What is left of the allowance, and where that stands.
    allowance: Option<(Slot<U256>, U256)>,
    /// What the policy says: as it is, parked, or swept.
    pub(super) decision: Decision,
    sweep: Option<Sweep>,
    policy: u64,
}

/// Every check of a movement; changes nothing, so that the dry run is the same.
pub(super) fn examine(context: &mut Context<'_>, token: Address, movement: Movement) -> Result<Examined, Failure> {
    let Movement { from, to, operator, amount, .. } = movement;
    ensure(!from.is_zero(), || IToken::ERC20InvalidSender { sender: from })?;
    ensure(context.can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let Terms { policy, .. } = moving_terms(context, token)?;
    let payer = Holder::read(context, token, from)?;
    let payee = Holder::read(context, token, to)?;
    let helper = read_operator(context, token, operator)?;
    let parties = [Some(&payer), Some(&payee), helper.as_ref()];
    let decision = admit(context, policy, &movement.before_the_policy(token), parties)?;
    let sweep = match decision.outcome {
        Outcome::Swept(refusal, excess) => Some(plan_sweep(context, token, policy, to, (refusal, excess))?),
        _ => None,
    };
    let allowance = allowance_left(context, token, from, operator, amount)?;
    let units = payer.spendable(amount)?;
    Ok(Examined { movement, payer, payee, units, allowance, decision, sweep, policy })
}

/// The one way by which units change hands. False if they were parked instead.
fn move_units(context: &mut Context<'_>, token: Address, movement: Movement) -> Result<bool, Failure> {
    let examined = examine(context, token, movement)?;
    let parked = matches!(examined.decision.outcome, Outcome::Parked(_));
    if parked {
        park(context, token, examined)?
    } else {
        carry_out(context, token, examined)?
    }
    Ok(!parked)
}

fn carry_out(context: &mut Context<'_>, token: Address, examined: Examined) -> Result<(), Failure> {
    let Examined { movement, mut payer, mut payee, units, allowance, decision, sweep: excess, .. } = examined;
    let Movement { from, to, amount, .. } = movement;
    write_allowance(context, allowance)?;
    if from != to {
        payer.debit(units)?;
        payee.credit(units)?;
        payer.write(context)?;
        payee.write(context)?;
    }
    context.emit(token, &IToken::Transfer { from, to, value: amount })?;
    policy::record(context, decision)?;
    excess.map_or(Ok(()), |excess| sweep(context, token, excess))
}

/// The units wait on hold with their payer until the payee may hold them.
fn park(context: &mut Context<'_>, token: Address, examined: Examined) -> Result<(), Failure> {
    let Examined { movement, payer, units, allowance, decision, .. } = examined;
    let Movement { from, to, amount, .. } = movement;
    write_allowance(context, allowance)?;
    let number = make(context, token, Keeper::Parking, payer, Aim { payee: Some(to), ..Aim::default() }, units)?;
    context.emit(token, &IToken::Parked { holdId: number, from, to, value: amount })?;
    policy::record(context, decision)
}

/// Terms of a token whose units may move at all.
pub(super) fn moving_terms(context: &mut Context<'_>, token: Address) -> Result<Terms, Failure> {
    let terms = terms(context, token)?;
    ensure(!terms.paused, || IToken::EnforcedPause {})?;
    Ok(terms)
}

fn read_operator(
    context: &mut Context<'_>,
    token: Address,
    operator: Option<Address>,
) -> Result<Option<Holder>, Failure> {
    operator.map(|account| Holder::read(context, token, account)).transpose()
}

/// The policy, and whom it refuses, in a movement that pause and freezes let through; those two revert as in the
/// movement itself. What may wait for the policy alone is told by this.
pub(crate) fn policy_refusal(
    context: &mut Context<'_>,
    token: Address,
    (from, to): (Address, Address),
    amount: u128,
) -> Result<Option<(u64, Address)>, Failure> {
    let terms = moving_terms(context, token)?;
    let payer = Holder::read(context, token, from)?;
    let payee = Holder::read(context, token, to)?;
    ensure_unfrozen([Some(&payer), Some(&payee), None])?;
    let movement = Movement::transfer(from, to, None, U256::from(amount)).before_the_policy(token);
    let refusal = match policy::decide(context, terms.policy, &movement)?.outcome {
        Outcome::Refused(refusal) | Outcome::Parked(refusal) => refusal,
        Outcome::Swept(refusal, units) => match plan_sweep(context, token, terms.policy, to, (refusal, units)) {
            Err(Failure::Revert(_)) => refusal,
            planned => return planned.map(|_| None),
        },
        Outcome::Admitted => return Ok(None),
    };
    Ok(Some(match refusal {
        Refusal::Account { account, .. } => (terms.policy, account),
        Refusal::Rule(Broken::Holding { policy, .. }) => (policy, to),
        Refusal::Rule(Broken::Payment { policy, .. } | Broken::Travel { policy, .. }) => (policy, from),
    }))
}

/// What would be left of an allowance, and where that stands; none where nothing is used up. The largest allowance is
/// never used up; convention of OpenZeppelin and others.
fn allowance_left(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    operator: Option<Address>,
    amount: U256,
) -> Result<Option<(Slot<U256>, U256)>, Failure> {
    let Some(spender) = operator else { return Ok(None) };
    let place = allowance_place(context, token, owner, spender)?;
    let allowance = place.read(context)?;
    if allowance == U256::MAX {
        return Ok(None);
    }
    let rest = allowance
        .checked_sub(amount)
        .ok_or_else(|| revert(IToken::ERC20InsufficientAllowance { spender, allowance, needed: amount }))?;
    Ok(Some((place, rest)))
}

fn write_allowance(context: &mut Context<'_>, allowance: Option<(Slot<U256>, U256)>) -> Result<(), Failure> {
    allowance.map_or(Ok(()), |(place, rest)| place.write(context, rest))
}

// ----- allowances ----------------------------------------------------------------------------------------------------

/// Sets the spender's allowance over the caller's units.
pub fn approve(context: &mut Context<'_>, token: Address, spender: Address, amount: U256) -> Result<(), Failure> {
    let owner = context.caller();
    set_allowance(context, token, owner, spender, amount)
}

pub(super) fn set_allowance(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    spender: Address,
    amount: U256,
) -> Result<(), Failure> {
    ensure(!owner.is_zero(), || IToken::ERC20InvalidApprover { approver: owner })?;
    ensure(!spender.is_zero(), || IToken::ERC20InvalidSpender { spender })?;
    allowance_place(context, token, owner, spender)?.write(context, amount)?;
    context.emit(token, &IToken::Approval { owner, spender, value: amount })
}

// ----- supply --------------------------------------------------------------------------------------------------------

/// Brings units into existence.
pub fn mint(context: &mut Context<'_>, token: Address, to: Address, amount: U256) -> Result<(), Failure> {
    require_role(context, token, ISSUER_ROLE)?;
    ensure(context.can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let terms = moving_terms(context, token)?;
    let payee = Holder::read(context, token, to)?;
    let minting = policy::Movement { payee: Some(to), ..movement(token, Purpose::Mint, amount) };
    let decision = admit(context, terms.policy, &minting, [Some(&payee), None, None])?;
    let excess = match decision.outcome {
        Outcome::Parked(refusal) => return Err(refused(terms.policy, refusal)),
        Outcome::Swept(refusal, units) => Some(plan_sweep(context, token, terms.policy, to, (refusal, units))?),
        _ => None,
    };
    issue_to(context, token, terms, payee, amount)?;
    policy::record(context, decision)?;
    excess.map_or(Ok(()), |excess| sweep(context, token, excess))
}

/// Brings units into existence without an issuer: genesis does.
pub(crate) fn issue(context: &mut Context<'_>, token: Address, to: Address, amount: U256) -> Result<(), Failure> {
    let payee = Holder::read(context, token, to)?;
    let terms = terms(context, token)?;
    issue_to(context, token, terms, payee, amount)
}

fn issue_to(
    context: &mut Context<'_>,
    token: Address,
    terms: Terms,
    mut payee: Holder,
    amount: U256,
) -> Result<(), Failure> {
    let place = layout(token).supply;
    let Supply { total, cap } = place.read(context)?;
    let caps = notice::caps(context, token, terms, cap)?;
    let units = u128::try_from(amount).ok().filter(|units| *units <= caps.minting.saturating_sub(total));
    let units = units.ok_or_else(|| {
        revert(IToken::SupplyCapExceeded { supply: U256::from(total), amount, cap: U256::from(caps.minting) })
    })?;
    note_issued(context, token, terms, total, units)?;
    // The cap in force is stored along, so that no stored supply ever exceeds the stored cap.
    place.write(context, Supply { total: total.saturating_add(units), cap: caps.in_force })?;
    let to = payee.account;
    payee.credit(units)?;
    payee.write(context)?;
    context.emit(token, &IToken::Transfer { from: Address::ZERO, to, value: amount })
}

/// Destroys units of the caller's own balance.
pub fn burn(context: &mut Context<'_>, token: Address, amount: U256) -> Result<(), Failure> {
    require_role(context, token, ISSUER_ROLE)?;
    let from = context.caller();
    destroy(context, token, from, None, amount)
}

/// Destroys units of another within the caller's allowance.
pub fn burn_from(context: &mut Context<'_>, token: Address, from: Address, amount: U256) -> Result<(), Failure> {
    require_role(context, token, ISSUER_ROLE)?;
    ensure(!from.is_zero(), || IToken::ERC20InvalidSender { sender: from })?;
    let operator = Some(context.caller());
    destroy(context, token, from, operator, amount)
}

fn destroy(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    operator: Option<Address>,
    amount: U256,
) -> Result<(), Failure> {
    let terms = moving_terms(context, token)?;
    let mut holder = Holder::read(context, token, from)?;
    let helper = read_operator(context, token, operator)?;
    let burning = policy::Movement { payer: Some(from), operator, ..movement(token, Purpose::Burn, amount) };
    let decision = admit_plain(context, terms.policy, &burning, [Some(&holder), helper.as_ref(), None])?;
    let allowance = allowance_left(context, token, from, operator, amount)?;
    let units = holder.spendable(amount)?;
    let issuer = context.caller();
    lower_supply(context, token, terms, issuer, units)?;
    write_allowance(context, allowance)?;
    holder.debit(units)?;
    holder.write(context)?;
    context.emit(token, &IToken::Transfer { from, to: Address::ZERO, value: amount })?;
    policy::record(context, decision)
}

// ----- creation ------------------------------------------------------------------------------------------------------

/// Sets up the storage of a token that the factory creates.
pub(crate) fn initialise(
    context: &mut Context<'_>,
    token: Address,
    name: &str,
    currency: Currency,
    (policy_id, supply_cap): (u64, U256),
) -> Result<(), Failure> {
    policy::ensure_exists(context, policy_id)?;
    let cap = super::controls::checked_cap(0, supply_cap)?;
    let layout = layout(token);
    layout.name.write(context, name)?;
    layout.symbol.write(context, currency.symbol())?;
    layout.supply.write(context, Supply { total: 0, cap })?;
    let decimals = currency.digits();
    layout.terms.write(context, Terms { policy: policy_id, decimals, created: true, ..Terms::default() })
}
