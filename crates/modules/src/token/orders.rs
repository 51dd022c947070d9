//! Orders of courts and authorities: units that stay where they are until an instant, and units that go to a payee
//! without their owner's consent.
//!
//! A freezer issues an order, a seizer executes it: neither alone takes a unit. An order ends by itself: block time
//! decides when it is used, and at the very instant of its expiry it is over. Source: `specs/token.md`, "Orders".

use alloy_primitives::{Address, B256, U256};
use florin_types::StateFault;

use super::{
    FREEZER_ROLE, IToken, SEIZER_ROLE,
    gate::{admit_plain, movement},
    holds::{hold_of, shorten_hold},
    layout::{ListedOrders, ORDERED, ORDERS_MAX, OrderForce, OrderRecord, layout},
    ops::{Holder, moving_terms},
    roles::require_separate_role,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    policy::{self, Movement, Purpose},
};

/// Longest time between the issue of an order and its expiry, in milliseconds: ten years.
pub const ORDER_AHEAD_MS_MAX: u64 = 3_650 * 24 * 3_600_000;
/// Most holds that one seizure names.
pub const SEIZED_HOLDS_MAX: usize = 32;
/// The cap that means the whole address, and the amount that means all in reach.
const ALL: U256 = U256::MAX;

/// What orders in force freeze of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    /// Units, in minor units; may be more than the account has.
    pub units: u128,
    /// Whether an order freezes the whole address.
    pub whole: bool,
}

/// What an order says, as the freezer wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTerms {
    /// Whose units it concerns.
    pub account: Address,
    /// Who gets what is seized; zero if nothing may be seized.
    pub payee: Address,
    /// Minor units; the maximum means the whole address.
    pub cap: U256,
    /// Block time in milliseconds from which on the order is over.
    pub expiry_ms: u64,
    /// Hash of the decision.
    pub legal_reference: B256,
}

/// An order as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number, from 1.
    pub number: u64,
    /// Whose units it concerns.
    pub account: Address,
    /// Who gets what is seized; zero if nothing may be seized.
    pub payee: Address,
    /// Whether it freezes the whole address; cap and left say nothing then.
    pub whole: bool,
    /// Most minor units that it freezes and that may be seized.
    pub cap: u128,
    /// Minor units of the cap that were not seized.
    pub left: u128,
    /// Block time in milliseconds from which on the order is over.
    pub expiry_ms: u64,
    /// Hash of the decision.
    pub legal_reference: B256,
}

impl Order {
    /// Whether it freezes anything at this time.
    pub fn is_in_force(&self, now_ms: u64) -> bool {
        now_ms < self.expiry_ms && (self.whole || self.left > 0)
    }

    /// An amount of it as the ABI has it.
    pub(super) fn shown(&self, units: u128) -> U256 {
        if self.whole { ALL } else { U256::from(units) }
    }

    fn ensure_in_time(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (order, expiry_ms, now_ms) = (self.number, self.expiry_ms, context.env().timestamp_ms);
        ensure(now_ms < expiry_ms, || IToken::OrderExpired { orderId: order, expiryMs: expiry_ms, nowMs: now_ms })
    }
}

impl OrderForce {
    fn is_in_force(self, now_ms: u64) -> bool {
        now_ms < self.expiry_ms && (self.whole || self.left > 0)
    }
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of orders ever issued.
pub fn order_count(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    Ok(layout(token).orders_issued.read(context)?.into())
}

/// An order; reverts with `OrderUnknown` where none has this number.
pub fn order_of(context: &mut Context<'_>, token: Address, number: u64) -> Result<Order, Failure> {
    let place = place(context, token, number)?;
    let account = place.account.read(context)?;
    ensure(!account.is_zero(), || IToken::OrderUnknown { orderId: number })?;
    let OrderForce { left, expiry_ms, whole } = place.force.read(context)?;
    let (payee, cap) = (place.payee.read(context)?, place.cap.read(context)?);
    let legal_reference = place.legal_reference.read(context)?;
    Ok(Order { number, account, payee, whole, cap, left, expiry_ms, legal_reference })
}

/// Numbers of the account's orders that are in force, at most eight.
pub fn orders_of(context: &mut Context<'_>, token: Address, account: Address) -> Result<Vec<u64>, Failure> {
    Ok(in_force(context, token, account)?.into_iter().map(u64::from).collect())
}

/// What the orders in force freeze of the account. They add up.
pub(super) fn frozen_by_orders(context: &mut Context<'_>, token: Address, account: Address) -> Result<Frozen, Failure> {
    let mut frozen = Frozen::default();
    for (_, force) in listed(context, token, account)? {
        if force.is_in_force(context.env().timestamp_ms) {
            frozen.units = frozen.units.saturating_add(force.left);
            frozen.whole |= force.whole;
        }
    }
    Ok(frozen)
}

/// Every order that the account lists, whether or not it is over.
pub(super) fn listed(
    context: &mut Context<'_>,
    token: Address,
    account: Address,
) -> Result<Vec<(u32, OrderForce)>, Failure> {
    let numbers = layout(token).listed_orders.at(context, &account)?.read(context)?.numbers();
    numbers.map(|number| Ok((number, layout(token).orders.at(context, &number)?.force.read(context)?))).collect()
}

fn in_force(context: &mut Context<'_>, token: Address, account: Address) -> Result<Vec<u32>, Failure> {
    let now_ms = context.env().timestamp_ms;
    let listed = listed(context, token, account)?.into_iter();
    Ok(listed.filter(|(_, force)| force.is_in_force(now_ms)).map(|(number, _)| number).collect())
}

fn place(context: &mut Context<'_>, token: Address, number: u64) -> Result<OrderRecord, Failure> {
    let known = u32::try_from(number).ok();
    let known = known.ok_or_else(|| revert(IToken::OrderUnknown { orderId: number }))?;
    layout(token).orders.at(context, &known)
}

// ----- issuing and ending --------------------------------------------------------------------------------------------

/// Issues an order; answers its number. The freezer calls. Errors, in order: the role, `RolesMustBeSeparate`,
/// `OrderPartiesInvalid`, `OrderCapInvalid`, `OrderExpiryInvalid`, `LegalReferenceMissing`, `OrdersExhausted`.
pub fn issue_order(context: &mut Context<'_>, token: Address, terms: &OrderTerms) -> Result<u64, Failure> {
    require_separate_role(context, token, FREEZER_ROLE)?;
    let cap = check_terms(context, terms)?;
    let OrderTerms { account, payee, expiry_ms, legal_reference, .. } = *terms;
    let mut orders = in_force(context, token, account)?;
    let orders_max = U256::from(ORDERS_MAX);
    ensure(orders.len() < ORDERS_MAX, || IToken::OrdersExhausted { account, ordersMax: orders_max })?;
    let issued = layout(token).orders_issued;
    let number = issued.read(context)?.checked_add(1).ok_or_else(|| fault(token, "has no more numbers for orders"))?;
    issued.write(context, number)?;
    let place = layout(token).orders.at(context, &number)?;
    let whole = terms.cap == ALL;
    place.force.write(context, OrderForce { left: cap, expiry_ms, whole })?;
    place.account.write(context, account)?;
    place.cap.write(context, cap)?;
    place.legal_reference.write(context, legal_reference)?;
    if !payee.is_zero() {
        place.payee.write(context, payee)?;
    }
    orders.push(number);
    let mut holder = Holder::read(context, token, account)?;
    list(context, token, &mut holder, &orders)?;
    holder.write(context)?;
    let (order, freezer) = (u64::from(number), context.caller());
    let event = IToken::OrderIssued {
        orderId: order,
        account,
        payee,
        cap: terms.cap,
        expiryMs: expiry_ms,
        legalReference: legal_reference,
        freezer,
    };
    context.emit(token, &event)?;
    Ok(order)
}

/// What an order says by itself; answers its cap, which is zero where the whole address is meant.
fn check_terms(context: &Context<'_>, terms: &OrderTerms) -> Result<u128, Failure> {
    let OrderTerms { account, payee, cap, expiry_ms, .. } = *terms;
    let reachable = context.can_hold(account) && account != payee && (payee.is_zero() || context.can_hold(payee));
    ensure(reachable, || IToken::OrderPartiesInvalid { account, payee })?;
    // Of a whole address nothing is seized: a seizure names its sum.
    let whole = cap == ALL && payee.is_zero();
    let units = if whole { Some(0) } else { u128::try_from(cap).ok().filter(|units| *units > 0) };
    let units = units.ok_or_else(|| revert(IToken::OrderCapInvalid { cap }))?;
    let now_ms = context.env().timestamp_ms;
    let expiry_ms_max = now_ms.saturating_add(ORDER_AHEAD_MS_MAX);
    ensure(expiry_ms > now_ms && expiry_ms <= expiry_ms_max, || IToken::OrderExpiryInvalid {
        expiryMs: expiry_ms,
        nowMs: now_ms,
        expiryMsMax: expiry_ms_max,
    })?;
    check_reference(terms.legal_reference)?;
    Ok(units)
}

fn check_reference(legal_reference: B256) -> Result<(), Failure> {
    ensure(!legal_reference.is_zero(), || IToken::LegalReferenceMissing {})
}

/// Ends an order: it expires at this very instant. The freezer calls, naming the decision that ends it. Errors, in
/// order: the role, `RolesMustBeSeparate`, `LegalReferenceMissing`, `OrderUnknown`, `OrderExpired`.
pub fn end_order(context: &mut Context<'_>, token: Address, number: u64, legal_reference: B256) -> Result<(), Failure> {
    require_separate_role(context, token, FREEZER_ROLE)?;
    check_reference(legal_reference)?;
    let order = order_of(context, token, number)?;
    order.ensure_in_time(context)?;
    let Order { account, left, whole, .. } = order;
    let expiry_ms = context.env().timestamp_ms;
    place(context, token, number)?.force.write(context, OrderForce { left, expiry_ms, whole })?;
    prune_orders(context, token, account)?;
    let (order, freezer) = (number, context.caller());
    context.emit(token, &IToken::OrderEnded { orderId: order, account, legalReference: legal_reference, freezer })
}

/// Forgets the account's orders that are over. Changes nothing else: what is over freezes nothing, listed or not.
pub fn prune_orders(context: &mut Context<'_>, token: Address, account: Address) -> Result<(), Failure> {
    let orders = in_force(context, token, account)?;
    let mut holder = Holder::read(context, token, account)?;
    list(context, token, &mut holder, &orders)?;
    holder.write(context)
}

/// Lists these orders, and marks the holder so that a movement reads them. Writing the holder is the caller's.
fn list(context: &mut Context<'_>, token: Address, holder: &mut Holder, orders: &[u32]) -> Result<(), Failure> {
    holder.holding.set_mark(ORDERED, !orders.is_empty());
    layout(token).listed_orders.at(context, &holder.account)?.write(context, ListedOrders::of(orders))
}

// ----- seizing -------------------------------------------------------------------------------------------------------

/// What a seizer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seizure {
    /// Number of the order that it executes.
    pub order: u64,
    /// Minor units; the maximum means all in reach and left of the order.
    pub amount: U256,
    /// Hash of the decision to execute it.
    pub legal_reference: B256,
}

/// Units that a seizure may take, in the order in which they are taken.
struct Reach {
    /// Units that are not on hold, frozen or not.
    unheld: u128,
    /// Named holds and what they have.
    holds: Vec<(u64, u128)>,
}

impl Reach {
    fn units(&self) -> u128 {
        self.holds.iter().fold(self.unheld, |sum, (_, units)| sum.saturating_add(*units))
    }
}

/// Moves units to the order's payee: free ones first, then frozen ones, then those of the named holds. Answers how many.
/// The seizer calls. Errors are listed in `specs/token.md`, "Orders".
pub fn seize(context: &mut Context<'_>, token: Address, seizure: Seizure, holds: &[u64]) -> Result<u128, Failure> {
    let order = executable(context, token, seizure, holds)?;
    let holder = Holder::read(context, token, order.account)?;
    let unheld = holder.holding.balance.saturating_sub(holder.held);
    let reach = Reach { unheld, holds: named(context, token, order.account, holds)? };
    execute(context, token, (order, holder), seizure, &reach)
}

/// Moves units of one hold to the order's payee; otherwise as [`seize`].
pub fn seize_hold(context: &mut Context<'_>, token: Address, seizure: Seizure, hold: u64) -> Result<u128, Failure> {
    let order = executable(context, token, seizure, &[hold])?;
    let holder = Holder::read(context, token, order.account)?;
    let reach = Reach { unheld: 0, holds: named(context, token, order.account, &[hold])? };
    execute(context, token, (order, holder), seizure, &reach)
}

/// The order, if the caller may execute it now and as asked.
fn executable(context: &mut Context<'_>, token: Address, seizure: Seizure, holds: &[u64]) -> Result<Order, Failure> {
    require_separate_role(context, token, SEIZER_ROLE)?;
    check_reference(seizure.legal_reference)?;
    let rising = holds.iter().zip(holds.iter().skip(1)).all(|(one, next)| one < next);
    ensure(rising && holds.len() <= SEIZED_HOLDS_MAX, || IToken::SeizedHoldsInvalid {
        count: U256::from(holds.len()),
        countMax: U256::from(SEIZED_HOLDS_MAX),
    })?;
    let order = order_of(context, token, seizure.order)?;
    ensure(!order.payee.is_zero(), || IToken::OrderWithoutPayee { orderId: order.number })?;
    order.ensure_in_time(context)?;
    let (amount, left) = (seizure.amount, U256::from(order.left));
    let within = order.left > 0 && !amount.is_zero() && (amount == ALL || amount <= left);
    ensure(within, || IToken::SeizureExceedsOrder { orderId: order.number, left, amount })?;
    Ok(order)
}

/// Holds with what they have; all are the account's.
fn named(
    context: &mut Context<'_>,
    token: Address,
    account: Address,
    holds: &[u64],
) -> Result<Vec<(u64, u128)>, Failure> {
    let mut named = Vec::with_capacity(holds.len());
    for number in holds {
        let hold = hold_of(context, token, *number)?;
        let (hold_id, owner) = (*number, hold.owner);
        ensure(owner == account, || IToken::SeizedHoldForeign { holdId: hold_id, owner, account })?;
        named.push((hold_id, hold.amount));
    }
    Ok(named)
}

/// Checks the movement as any other, except for the seized party, and carries it out.
fn execute(
    context: &mut Context<'_>,
    token: Address,
    (order, mut payer): (Order, Holder),
    seizure: Seizure,
    reach: &Reach,
) -> Result<u128, Failure> {
    let terms = moving_terms(context, token)?;
    let mut payee = Holder::read(context, token, order.payee)?;
    let available = reach.units();
    let units = if seizure.amount == ALL { order.left.min(available) } else { seizure.amount.saturating_to() };
    let seizing = movement(token, Purpose::Seizure, U256::from(units));
    let seizing = Movement { payer: Some(order.account), payee: Some(order.payee), ..seizing };
    let decision = admit_plain(context, terms.policy, &seizing, [Some(&payee), None, None])?;
    ensure(units > 0 && units <= available, || IToken::SeizureOutOfReach {
        account: order.account,
        available: U256::from(available),
        amount: seizure.amount,
    })?;
    use_up(context, token, order, units, &mut payer)?;
    shorten_holds(context, token, &order, &mut payer, reach, units)?;
    payer.debit(units)?;
    payee.credit(units)?;
    thaw_excess(context, token, &mut payer)?;
    payer.write_with_holds(context, token)?;
    payee.write(context)?;
    let Order { number, account, payee, .. } = order;
    let value = U256::from(units);
    context.emit(token, &IToken::Transfer { from: account, to: payee, value })?;
    let (order, amount, seizer) = (number, value, context.caller());
    let legal_reference = seizure.legal_reference;
    let event = IToken::Seized { orderId: order, account, payee, amount, legalReference: legal_reference, seizer };
    context.emit(token, &event)?;
    policy::record(context, decision)?;
    Ok(units)
}

/// Takes units off the order; one without anything left is forgotten.
fn use_up(
    context: &mut Context<'_>,
    token: Address,
    order: Order,
    units: u128,
    payer: &mut Holder,
) -> Result<(), Failure> {
    let left = order.left.saturating_sub(units);
    let Order { expiry_ms, whole, .. } = order;
    place(context, token, order.number)?.force.write(context, OrderForce { left, expiry_ms, whole })?;
    if left > 0 {
        return Ok(());
    }
    let orders = in_force(context, token, order.account)?;
    list(context, token, payer, &orders)
}

/// Takes what the units not on hold do not give out of the named holds, in their order.
fn shorten_holds(
    context: &mut Context<'_>,
    token: Address,
    order: &Order,
    payer: &mut Holder,
    reach: &Reach,
    units: u128,
) -> Result<(), Failure> {
    let mut rest = units.saturating_sub(reach.unheld);
    for (hold, held) in &reach.holds {
        let taken = rest.min(*held);
        if taken == 0 {
            continue;
        }
        shorten_hold(context, token, *hold, taken)?;
        payer.unreserve(taken)?;
        rest = rest.saturating_sub(taken);
        let (hold_id, order_id, owner, amount) = (*hold, order.number, order.account, U256::from(taken));
        context.emit(token, &IToken::HoldSeized { holdId: hold_id, orderId: order_id, owner, amount })?;
    }
    Ok(())
}

/// What the freezer froze by its own call is never more than the balance.
fn thaw_excess(context: &mut Context<'_>, token: Address, payer: &mut Holder) -> Result<(), Failure> {
    let thawed = payer.holding.frozen.saturating_sub(payer.holding.balance);
    if thawed == 0 {
        return Ok(());
    }
    payer.holding.frozen = payer.holding.balance;
    let (account, amount) = (payer.account, U256::from(thawed));
    context.emit(token, &IToken::TokensUnfrozen { userAddress: account, amount })
}

fn fault(token: Address, what: &str) -> Failure {
    StateFault(format!("token {token}: {what}")).into()
}
