//! Movements of a token: checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};
use florin_types::{Currency, StateFault};

use super::{
    ISSUER_ROLE, IToken,
    layout::{Holding, Supply, Terms, layout},
    roles::require_role,
};
use crate::{
    can_hold,
    context::{Context, Failure, ensure, revert},
    policy,
    slots::Slot,
};

/// Most bytes of a payment reference. Source: ISO 20022 Max140Text, unstructured remittance information.
pub const PAYMENT_REFERENCE_BYTES_MAX: usize = 140;

// ----- questions -----------------------------------------------------------------------------------------------------

/// Terms of a token that exists; reverts where none was created.
pub(super) fn terms(context: &mut Context<'_>, token: Address) -> Result<Terms, Failure> {
    let terms = layout(token).terms.read(context)?;
    ensure(terms.created, || IToken::TokenUnknown { token })?;
    Ok(terms)
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
    place: Slot<Holding>,
}

impl Holder {
    pub(super) fn read(context: &mut Context<'_>, token: Address, account: Address) -> Result<Self, Failure> {
        let place = layout(token).holdings.at(context, &account)?;
        let holding = place.read(context)?;
        let held = if holding.on_hold { layout(token).held.at(context, &account)?.read(context)? } else { 0 };
        Ok(Self { account, holding, held, place })
    }

    pub(super) fn write(self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.place.write(context, self.holding)
    }

    /// Units that the holder may move: neither frozen nor on hold. A freeze may cover units on hold.
    pub(super) fn free(&self) -> u128 {
        self.holding.balance.saturating_sub(self.holding.frozen).saturating_sub(self.held)
    }

    /// The amount as units that the holder has and may move.
    pub(super) fn spendable(&self, amount: U256) -> Result<u128, Failure> {
        let Holding { balance, frozen, .. } = self.holding;
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
    move_units(context, token, Movement { from, to, operator: None, amount: U256::from(amount) })
}

// ----- transfers -----------------------------------------------------------------------------------------------------

/// Moves the caller's units.
pub fn transfer(context: &mut Context<'_>, token: Address, to: Address, amount: U256) -> Result<(), Failure> {
    let from = context.caller();
    move_units(context, token, Movement { from, to, operator: None, amount })
}

/// Moves units of another within the caller's allowance.
pub fn transfer_from(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    to: Address,
    amount: U256,
) -> Result<(), Failure> {
    let operator = Some(context.caller());
    move_units(context, token, Movement { from, to, operator, amount })
}

/// Moves the caller's units and says what for.
pub fn transfer_with_memo(
    context: &mut Context<'_>,
    token: Address,
    to: Address,
    amount: U256,
    memo: B256,
    reference: &str,
) -> Result<(), Failure> {
    check_reference(reference)?;
    transfer(context, token, to, amount)?;
    let from = context.caller();
    emit_memo(context, token, Movement { from, to, operator: None, amount }, memo, reference)
}

/// Moves units of another within the caller's allowance and says what for.
pub fn transfer_from_with_memo(
    context: &mut Context<'_>,
    token: Address,
    parties: (Address, Address),
    amount: U256,
    memo: B256,
    reference: &str,
) -> Result<(), Failure> {
    check_reference(reference)?;
    let (from, to) = parties;
    transfer_from(context, token, from, to, amount)?;
    emit_memo(context, token, Movement { from, to, operator: None, amount }, memo, reference)
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
    movement: Movement,
    memo: B256,
    reference: &str,
) -> Result<(), Failure> {
    let Movement { from, to, amount, .. } = movement;
    context.emit(token, &IToken::TransferWithMemo { from, to, value: amount, memo, paymentReference: reference.into() })
}

/// Units that change hands.
#[derive(Clone, Copy)]
struct Movement {
    from: Address,
    to: Address,
    /// Who moves the units of another, spending an allowance.
    operator: Option<Address>,
    amount: U256,
}

/// The one way by which units change hands.
fn move_units(context: &mut Context<'_>, token: Address, movement: Movement) -> Result<(), Failure> {
    let Movement { from, to, operator, amount } = movement;
    ensure(!from.is_zero(), || IToken::ERC20InvalidSender { sender: from })?;
    ensure(can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let terms = moving_terms(context, token)?;
    let mut payer = Holder::read(context, token, from)?;
    let mut payee = Holder::read(context, token, to)?;
    let helper = read_operator(context, token, operator)?;
    admit(context, terms.policy, [Some(&payer), Some(&payee), helper.as_ref()])?;
    spend_allowance(context, token, from, operator, amount)?;
    let units = payer.spendable(amount)?;
    if from != to {
        payer.debit(units)?;
        payee.credit(units)?;
        payer.write(context)?;
        payee.write(context)?;
    }
    context.emit(token, &IToken::Transfer { from, to, value: amount })
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

/// What a movement asks of everyone who takes part: nobody frozen, all admitted by the policy.
pub(super) fn admit(context: &mut Context<'_>, policy: u64, parties: [Option<&Holder>; 3]) -> Result<(), Failure> {
    ensure_unfrozen(parties)?;
    let accounts = parties.into_iter().flatten().map(|party| party.account);
    match policy::first_forbidden(context, policy, accounts)? {
        Some(account) => Err(revert(IToken::PolicyForbids { policyId: policy, account })),
        None => Ok(()),
    }
}

/// Nobody who takes part is frozen.
pub(super) fn ensure_unfrozen(parties: [Option<&Holder>; 3]) -> Result<(), Failure> {
    for party in parties.into_iter().flatten() {
        ensure(!party.holding.blocked, || IToken::AccountFrozen { account: party.account })?;
    }
    Ok(())
}

/// The policy, and whom it refuses, in a movement that pause and freezes let through; those two revert as in the
/// movement itself. What may wait for the policy alone is told by this.
pub(crate) fn policy_refusal(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    to: Address,
) -> Result<Option<(u64, Address)>, Failure> {
    let terms = moving_terms(context, token)?;
    let payer = Holder::read(context, token, from)?;
    let payee = Holder::read(context, token, to)?;
    ensure_unfrozen([Some(&payer), Some(&payee), None])?;
    let refused = policy::first_forbidden(context, terms.policy, [from, to])?;
    Ok(refused.map(|account| (terms.policy, account)))
}

/// Uses up an allowance. The largest allowance is never used up; convention of OpenZeppelin and others.
fn spend_allowance(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    operator: Option<Address>,
    amount: U256,
) -> Result<(), Failure> {
    let Some(spender) = operator else { return Ok(()) };
    let place = allowance_place(context, token, owner, spender)?;
    let allowance = place.read(context)?;
    if allowance == U256::MAX {
        return Ok(());
    }
    let rest = allowance
        .checked_sub(amount)
        .ok_or_else(|| revert(IToken::ERC20InsufficientAllowance { spender, allowance, needed: amount }))?;
    place.write(context, rest)
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
    ensure(can_hold(to), || IToken::ERC20InvalidReceiver { receiver: to })?;
    let terms = moving_terms(context, token)?;
    let payee = Holder::read(context, token, to)?;
    admit(context, terms.policy, [Some(&payee), None, None])?;
    issue_to(context, token, payee, amount)
}

/// Brings units into existence without an issuer: genesis does.
pub(crate) fn issue(context: &mut Context<'_>, token: Address, to: Address, amount: U256) -> Result<(), Failure> {
    let payee = Holder::read(context, token, to)?;
    issue_to(context, token, payee, amount)
}

fn issue_to(context: &mut Context<'_>, token: Address, mut payee: Holder, amount: U256) -> Result<(), Failure> {
    let place = layout(token).supply;
    let supply = place.read(context)?;
    let units = u128::try_from(amount).ok().filter(|units| *units <= supply.cap.saturating_sub(supply.total));
    let units = units.ok_or_else(|| {
        revert(IToken::SupplyCapExceeded { supply: U256::from(supply.total), amount, cap: U256::from(supply.cap) })
    })?;
    place.write(context, Supply { total: supply.total.saturating_add(units), ..supply })?;
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
    admit(context, terms.policy, [Some(&holder), helper.as_ref(), None])?;
    spend_allowance(context, token, from, operator, amount)?;
    let units = holder.spendable(amount)?;
    let place = layout(token).supply;
    let supply = place.read(context)?;
    let total = supply.total.checked_sub(units).ok_or_else(|| holder.unbalanced())?;
    holder.debit(units)?;
    holder.write(context)?;
    place.write(context, Supply { total, ..supply })?;
    context.emit(token, &IToken::Transfer { from, to: Address::ZERO, value: amount })
}

// ----- creation ------------------------------------------------------------------------------------------------------

/// Sets up the storage of a token that the factory creates.
pub(crate) fn initialise(
    context: &mut Context<'_>,
    token: Address,
    name: &str,
    currency: Currency,
    (policy, supply_cap): (u64, U256),
) -> Result<(), Failure> {
    crate::policy::ensure_exists(context, policy)?;
    let cap = super::controls::checked_cap(0, supply_cap)?;
    let layout = layout(token);
    layout.name.write(context, name)?;
    layout.symbol.write(context, currency.symbol())?;
    layout.supply.write(context, Supply { total: 0, cap })?;
    let decimals = currency.digits();
    layout.terms.write(context, Terms { policy, admins: 0, decimals, paused: false, created: true })
}
