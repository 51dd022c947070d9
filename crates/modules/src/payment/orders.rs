//! Orders: a payment at once, a payment that waits for the policy, a reservation.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPayment, State,
    codes::{Agent, Code, is_agent, is_code},
    layout::{Head, PaymentRecord, Pending},
    record::{existing_token, unused, write_settled},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

/// The highest priority.
pub const PRIORITY_MAX: u8 = 2;
/// How far ahead an expiry may lie: 366 days.
pub const EXPIRY_AHEAD_MS_MAX: u64 = 366 * 86_400_000;

/// What a payer orders. Zero stands for an agent, a purpose or a hash that is not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The token.
    pub token: Address,
    /// To whom.
    pub payee: Address,
    /// Minor units, as the caller wrote them.
    pub amount: U256,
    /// The idempotency key.
    pub uetr: B256,
    /// BIC of the payer's agent.
    pub debtor_agent: Agent,
    /// BIC of the payee's agent.
    pub creditor_agent: Agent,
    /// Hash of the end-to-end id.
    pub end_to_end: B256,
    /// Purpose code.
    pub purpose: Code,
    /// Hash of the remittance information.
    pub remittance: B256,
    /// 0 normal, 1 high, 2 urgent.
    pub priority: u8,
}

// ----- operations ----------------------------------------------------------------------------------------------------

/// Pays at once; parks instead until `park_until_ms`, if that is not zero and the policy refuses the movement today.
pub fn pay(context: &mut Context<'_>, order: &Order, park_until_ms: u64) -> Result<State, Failure> {
    let payer = context.caller();
    let place = unused(context, payer, order.uetr)?;
    let units = check(context, order)?;
    let may_park = park_until_ms != 0;
    if may_park {
        check_expiry(context, park_until_ms)?;
    }
    let index = existing_token(context, order.token)?;
    if may_park && let Some(refusal) = token::policy_refusal(context, order.token, (payer, order.payee), units)? {
        park(context, order, (index, units), (place, park_until_ms), refusal)?;
        return Ok(State::Parked);
    }
    token::pay(context, order.token, payer, order.payee, units)?;
    write_settled(context, place, (index, order.payee), units)?;
    emit_ordered(context, payer, order, State::Settled)?;
    Ok(State::Settled)
}

/// Puts the caller's units on hold for the payee. Answers the token's number of the hold.
pub fn reserve(context: &mut Context<'_>, order: &Order, expiry_ms: u64, poster: Address) -> Result<u64, Failure> {
    let payer = context.caller();
    let place = unused(context, payer, order.uetr)?;
    let units = check(context, order)?;
    check_expiry(context, expiry_ms)?;
    ensure(poster.is_zero() || context.can_hold(poster), || IPayment::PosterInvalid { poster })?;
    let index = existing_token(context, order.token)?;
    let hold = token::hold_for(context, order.token, Keeper::Payment, (payer, order.payee), units)?;
    write_waiting(context, place, (index, order.payee), State::Pending, Pending { hold, expiry_ms, amount: units })?;
    if !poster.is_zero() {
        place.poster.write(context, poster)?;
    }
    emit_ordered(context, payer, order, State::Pending)?;
    let event = IPayment::PaymentReserved { payer, uetr: order.uetr, holdId: hold, expiryMs: expiry_ms, poster };
    context.emit(PAYMENT_ADDRESS, &event)?;
    Ok(hold)
}

/// Lets a payment wait, visibly, with its reason: whom which policy refused.
fn park(
    context: &mut Context<'_>,
    order: &Order,
    (index, units): (u64, u128),
    (place, expiry_ms): (PaymentRecord, u64),
    (policy, account): (u64, Address),
) -> Result<(), Failure> {
    let (payer, uetr) = (context.caller(), order.uetr);
    let hold = token::hold_unadmitted(context, order.token, Keeper::Payment, (payer, order.payee), units)?;
    write_waiting(context, place, (index, order.payee), State::Parked, Pending { hold, expiry_ms, amount: units })?;
    emit_ordered(context, payer, order, State::Parked)?;
    let (hold_id, expiry) = (hold, expiry_ms);
    let event = IPayment::PaymentParked { payer, uetr, holdId: hold_id, expiryMs: expiry, policyId: policy, account };
    context.emit(PAYMENT_ADDRESS, &event)
}

/// Pays at once what another operation of this module has checked: a collection, or an accepted request.
pub(super) fn settle(context: &mut Context<'_>, payer: Address, order: &Order, units: u128) -> Result<(), Failure> {
    let place = unused(context, payer, order.uetr)?;
    let index = existing_token(context, order.token)?;
    token::pay(context, order.token, payer, order.payee, units)?;
    write_settled(context, place, (index, order.payee), units)?;
    emit_ordered(context, payer, order, State::Settled)
}

// ----- checks --------------------------------------------------------------------------------------------------------

/// What an order says by itself, in the order of the errors; answers the amount.
fn check(context: &Context<'_>, order: &Order) -> Result<u128, Failure> {
    let units = check_amount(order.amount)?;
    check_party(context, order.payee)?;
    check_agent(order.debtor_agent)?;
    check_agent(order.creditor_agent)?;
    check_purpose(order.purpose)?;
    let (priority, priority_max) = (order.priority, PRIORITY_MAX);
    ensure(priority <= PRIORITY_MAX, || IPayment::PriorityInvalid { priority, priorityMax: priority_max })?;
    Ok(units)
}

/// An amount as units: not zero, and not beyond what anyone can have.
pub(super) fn check_amount(amount: U256) -> Result<u128, Failure> {
    u128::try_from(amount).ok().filter(|units| *units > 0).ok_or_else(|| revert(IPayment::AmountInvalid { amount }))
}

/// The other side is somebody, and somebody else.
pub(super) fn check_party(context: &Context<'_>, party: Address) -> Result<(), Failure> {
    ensure(context.can_hold(party) && party != context.caller(), || IPayment::PartyInvalid { party })
}

pub(super) fn check_agent(agent: Agent) -> Result<(), Failure> {
    ensure(is_agent(agent), || IPayment::AgentInvalid { agent })
}

pub(super) fn check_purpose(purpose: Code) -> Result<(), Failure> {
    ensure(purpose.is_zero() || is_code(purpose), || IPayment::PurposeInvalid { purpose })
}

/// A reason is always named.
pub(super) fn check_reason(reason: Code) -> Result<(), Failure> {
    ensure(is_code(reason), || IPayment::ReasonInvalid { reason })
}

/// An expiry lies ahead, but not so far that units could wait for ever.
pub(super) fn check_expiry(context: &Context<'_>, expiry_ms: u64) -> Result<(), Failure> {
    let now_ms = context.env().timestamp_ms;
    let expiry_ms_max = now_ms.saturating_add(EXPIRY_AHEAD_MS_MAX);
    ensure(expiry_ms > now_ms && expiry_ms <= expiry_ms_max, || IPayment::ExpiryInvalid {
        expiryMs: expiry_ms,
        nowMs: now_ms,
        expiryMsMax: expiry_ms_max,
    })
}

// ----- effects -------------------------------------------------------------------------------------------------------

fn write_waiting(
    context: &mut Context<'_>,
    place: PaymentRecord,
    (token, payee): (u64, Address),
    state: State,
    pending: Pending,
) -> Result<(), Failure> {
    place.head.write(context, Head { payee, token, returns: 0, state: state.number() })?;
    place.pending.write(context, pending)
}

pub(super) fn emit_ordered(
    context: &mut Context<'_>,
    payer: Address,
    order: &Order,
    state: State,
) -> Result<(), Failure> {
    let event = IPayment::PaymentOrdered {
        payer,
        uetr: order.uetr,
        payee: order.payee,
        token: order.token,
        amount: order.amount,
        state: state.number(),
        debtorAgent: order.debtor_agent,
        creditorAgent: order.creditor_agent,
        endToEnd: order.end_to_end,
        purpose: order.purpose,
        remittance: order.remittance,
        priority: order.priority,
    };
    context.emit(PAYMENT_ADDRESS, &event)
}
