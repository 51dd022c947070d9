//! Returns: what a payee pays back of a payment, as new movements that are linked to it.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPayment, State,
    codes::Code,
    layout::Amounts,
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
    /// 1 for the first return of the payment: a return that is sent twice pays once.
    pub number: u32,
    /// Minor units, as the caller wrote them.
    pub amount: U256,
    /// Why.
    pub reason: Code,
}

/// Pays back part or all of what was received.
pub fn return_payment(context: &mut Context<'_>, payer: Address, uetr: B256, back: Return) -> Result<(), Failure> {
    let mut payment = Payment::read(context, payer, uetr)?;
    ensure_caller(context, payment.head.payee)?;
    payment.ensure_state(payment.state == State::Settled)?;
    let next = payment.head.returns.saturating_add(1);
    ensure(back.number == next, || IPayment::ReturnOutOfTurn { number: back.number, next })?;
    ensure(next <= RETURNS_MAX, || IPayment::ReturnsExhausted { returnsMax: RETURNS_MAX })?;
    let units = check_amount(back.amount)?;
    check_reason(back.reason)?;
    let Amounts { received, returned } = payment.place.amounts.read(context)?;
    let exceeded = || {
        let (received, returned) = (U256::from(received), U256::from(returned));
        IPayment::ReturnExceeded { received, returned, amount: back.amount }
    };
    ensure(units <= received.saturating_sub(returned), exceeded)?;
    token::pay_for(context, payment.token(), Purpose::Refund, (payment.head.payee, payer), units)?;
    payment.head.returns = next;
    payment.place.head.write(context, payment.head)?;
    payment.place.amounts.write(context, Amounts { received, returned: returned.saturating_add(units) })?;
    let Return { number, amount, reason } = back;
    context.emit(PAYMENT_ADDRESS, &IPayment::PaymentReturned { payer, uetr, number, amount, reason })
}
