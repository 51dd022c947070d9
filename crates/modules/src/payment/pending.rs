//! What becomes of a payment that waits: posted, voided or expired, exactly once.
//!
//! Expiry is decided by the time of the block in which somebody asks: a payment whose expiry has come is late whether
//! or not anybody swept it.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPayment, State,
    layout::{Amounts, Pending},
    orders::check_amount,
    record::{Payment, ensure_caller},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, ensure},
    token::{self, Keeper},
};

/// Most payments of one sweep.
pub const SWEEP_MAX: usize = 128;
/// The amount that means all that is on hold.
const ALL: U256 = U256::MAX;

/// Pays what is on hold, in part or in full, and frees the rest. Answers what was paid.
pub fn post(context: &mut Context<'_>, payer: Address, uetr: B256, amount: U256) -> Result<u128, Failure> {
    let payment = Payment::read(context, payer, uetr)?;
    let poster = poster(context, &payment)?;
    ensure_caller(context, poster)?;
    payment.ensure_state(payment.state == State::Pending)?;
    let pending = payment.in_time(context)?;
    let held = token::hold_of(context, payment.token(), pending.hold)?.amount;
    let units = check_amount(if amount == ALL { U256::from(held) } else { amount })?;
    pay_out(context, payment, pending, (units, held))?;
    Ok(units)
}

/// Pays a parked payment in full. Whoever calls: the payer has ordered it, and the policy is asked again.
pub fn release(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<(), Failure> {
    let payment = Payment::read(context, payer, uetr)?;
    payment.ensure_state(payment.state == State::Parked)?;
    let pending = payment.in_time(context)?;
    let held = token::hold_of(context, payment.token(), pending.hold)?.amount;
    pay_out(context, payment, pending, (pending.amount, held))
}

/// Gives a waiting payment up. Of a pending one, which the payee may rely on, its payer cannot.
pub fn void(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<(), Failure> {
    let mut payment = Payment::read(context, payer, uetr)?;
    let (by, payee) = (context.caller(), payment.head.payee);
    let second = if payment.state == State::Parked { payer } else { poster(context, &payment)? };
    ensure(by == payee || by == second, || IPayment::CallerForbidden { caller: by, expected: payee })?;
    payment.ensure_state(payment.state.waits())?;
    let pending = payment.in_time(context)?;
    payment.resolve(context, State::Voided)?;
    let freed = U256::from(free(context, payment.token(), pending)?);
    context.emit(PAYMENT_ADDRESS, &IPayment::PaymentVoided { payer, uetr, by, freed })
}

/// Frees the units of a waiting payment whose expiry has come.
pub fn expire(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<(), Failure> {
    let payment = Payment::read(context, payer, uetr)?;
    payment.ensure_state(payment.state.waits())?;
    let pending = payment.place.pending.read(context)?;
    let (expiry_ms, now_ms) = (pending.expiry_ms, context.env().timestamp_ms);
    let early = || IPayment::PaymentNotLate { payer, uetr, expiryMs: expiry_ms, nowMs: now_ms };
    ensure(now_ms >= expiry_ms, early)?;
    lapse(context, payment, pending)
}

/// Expires what is due and passes over what is not. Answers how many expired.
pub fn sweep(context: &mut Context<'_>, payers: &[Address], uetrs: &[B256]) -> Result<u64, Failure> {
    ensure(payers.len() == uetrs.len() && payers.len() <= SWEEP_MAX, || IPayment::SweepInvalid {
        payers: U256::from(payers.len()),
        uetrs: U256::from(uetrs.len()),
        lengthMax: U256::from(SWEEP_MAX),
    })?;
    let mut expired = 0u64;
    for (payer, uetr) in payers.iter().zip(uetrs) {
        let Some(payment) = Payment::find(context, *payer, *uetr)?.filter(|payment| payment.state.waits()) else {
            continue;
        };
        let pending = payment.place.pending.read(context)?;
        if context.env().timestamp_ms >= pending.expiry_ms {
            lapse(context, payment, pending)?;
            expired = expired.saturating_add(1);
        }
    }
    Ok(expired)
}

/// Who may post: whom the payer named, or the payee.
fn poster(context: &mut Context<'_>, payment: &Payment) -> Result<Address, Failure> {
    let named = payment.place.poster.read(context)?;
    Ok(if named.is_zero() { payment.head.payee } else { named })
}

/// Pays units of the hold and frees the rest.
fn pay_out(
    context: &mut Context<'_>,
    mut payment: Payment,
    pending: Pending,
    (units, held): (u128, u128),
) -> Result<(), Failure> {
    let (payer, uetr, token) = (payment.payer, payment.uetr, payment.token());
    token::post_hold(context, token, (Keeper::Payment, pending.hold), payment.head.payee, units)?;
    // Posting succeeded, so no more than was held.
    let rest = held.saturating_sub(units);
    if rest > 0 {
        token::release_hold(context, token, (Keeper::Payment, pending.hold), rest)?;
    }
    payment.resolve(context, State::Settled)?;
    payment.place.amounts.write(context, Amounts { received: units, returned: 0 })?;
    let (posted, freed) = (U256::from(units), U256::from(rest));
    context.emit(PAYMENT_ADDRESS, &IPayment::PaymentPosted { payer, uetr, posted, freed })
}

fn lapse(context: &mut Context<'_>, mut payment: Payment, pending: Pending) -> Result<(), Failure> {
    let (payer, uetr) = (payment.payer, payment.uetr);
    payment.resolve(context, State::Expired)?;
    let freed = U256::from(free(context, payment.token(), pending)?);
    context.emit(PAYMENT_ADDRESS, &IPayment::PaymentExpired { payer, uetr, freed })
}

/// Frees all that is left on hold: a seizure may have shortened it.
fn free(context: &mut Context<'_>, token: Address, pending: Pending) -> Result<u128, Failure> {
    let left = token::hold_of(context, token, pending.hold)?.amount;
    if left > 0 {
        token::release_hold(context, token, (Keeper::Payment, pending.hold), left)?;
    }
    Ok(left)
}
