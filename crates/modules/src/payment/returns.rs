//! Returns: what a payee pays back of a payment, as new movements that are linked to it.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPayment, State,
    codes::Code,
    layout::{Amounts, Returned},
    orders::{check_amount, check_reason},
    record::{Payment, ensure_caller},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, ensure},
    policy::Purpose,
    token,
};

/// Most returns of one payment.
pub const RETURNS_MAX: u32 = 1_000;

/// What a payee pays back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// The idempotency key: a return that is sent twice pays once.
    pub reference: B256,
    /// Minor units, as the caller wrote them.
    pub amount: U256,
    /// Why.
    pub reason: Code,
}

/// Pays back part or all of what was received. Answers the number of the return, from 1.
pub fn return_payment(context: &mut Context<'_>, payer: Address, uetr: B256, back: Return) -> Result<u32, Failure> {
    let mut payment = Payment::read(context, payer, uetr)?;
    ensure_caller(context, payment.head.payee)?;
    payment.ensure_state(payment.state == State::Settled)?;
    let Return { reference, amount, reason } = back;
    ensure(!reference.is_zero(), || IPayment::ReturnReferenceMissing {})?;
    let place = payment.place.returns.at(context, &reference)?;
    let Returned { number, amount: before } = place.read(context)?;
    let amount_before = U256::from(before);
    let used =
        || IPayment::ReturnReferenceUsed { payer, uetr, returnReference: reference, number, amount: amount_before };
    ensure(number == 0, used)?;
    let next = payment.head.returns.saturating_add(1);
    ensure(next <= RETURNS_MAX, || IPayment::ReturnsExhausted { returnsMax: RETURNS_MAX })?;
    let units = check_amount(amount)?;
    check_reason(reason)?;
    let Amounts { received, returned } = payment.place.amounts.read(context)?;
    let exceeded = || {
        let (received, returned) = (U256::from(received), U256::from(returned));
        IPayment::ReturnExceeded { received, returned, amount }
    };
    ensure(units <= received.saturating_sub(returned), exceeded)?;
    token::pay_for(context, payment.token(), Purpose::Refund, (payment.head.payee, payer), units)?;
    payment.head.returns = next;
    payment.place.head.write(context, payment.head)?;
    payment.place.amounts.write(context, Amounts { received, returned: returned.saturating_add(units) })?;
    place.write(context, Returned { amount: units, number: next })?;
    let event = IPayment::PaymentReturned { payer, uetr, returnReference: reference, number: next, amount, reason };
    context.emit(PAYMENT_ADDRESS, &event)?;
    Ok(next)
}
