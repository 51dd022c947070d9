//! From selector to operation. No logic.

use alloy_primitives::{Address, B256, Bytes, U256};

use super::{
    IPayment::*,
    Order, Request, Return, batches,
    mandates::{self, Agreement, Mandate},
    orders, pending,
    record::Payment,
    requests::{self, Open},
    returns,
};
use crate::{
    calls::{decode_within, mutate, view},
    context::{Context, Failure},
    token::{self, BATCH_ITEM_BYTES, BATCH_ITEMS_MAX},
};

/// Most bytes of input: the longest batch, its four arguments and length, and room for what wallets append.
pub(crate) const BATCH_INPUT_BYTES_MAX: usize = BATCH_ITEMS_MAX * BATCH_ITEM_BYTES + 512;

/// What `pay` and `reserve` have in common.
macro_rules! order {
    ($call:ident) => {
        Order {
            token: $call.token,
            payee: $call.payee,
            amount: $call.amount,
            uetr: $call.uetr,
            debtor_agent: $call.debtorAgent,
            creditor_agent: $call.creditorAgent,
            end_to_end: $call.endToEnd,
            purpose: $call.purpose,
            remittance: $call.remittance,
            priority: $call.priority,
        }
    };
}

/// Answers a call to the payment module. One table, so that the compiler sees that no function is missing.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IPaymentCalls as Call;
    match decode_within::<Call>(context, input, BATCH_INPUT_BYTES_MAX)? {
        // Orders
        Call::pay(c) => {
            mutate::<payCall, _>(context, |x| orders::pay(x, &order!(c), c.parkUntilMs).map(|state| state.number()))
        }
        Call::reserve(c) => mutate::<reserveCall, _>(context, |x| orders::reserve(x, &order!(c), c.expiryMs, c.poster)),
        Call::post(c) => {
            mutate::<postCall, _>(context, |x| pending::post(x, c.payer, c.uetr, c.amount).map(U256::from))
        }
        Call::voidPayment(c) => mutate::<voidPaymentCall, _>(context, |x| pending::void(x, c.payer, c.uetr)),
        Call::release(c) => mutate::<releaseCall, _>(context, |x| pending::release(x, c.payer, c.uetr)),
        Call::expire(c) => mutate::<expireCall, _>(context, |x| pending::expire(x, c.payer, c.uetr)),
        Call::sweep(c) => mutate::<sweepCall, _>(context, |x| pending::sweep(x, &c.payers, &c.uetrs).map(U256::from)),
        Call::returnPayment(c) => mutate::<returnPaymentCall, _>(context, |x| {
            let back = Return { reference: c.returnReference, amount: c.amount, reason: c.reason };
            returns::return_payment(x, c.payer, c.uetr, back)
        }),
        Call::paymentOf(c) => view::<paymentOfCall>(payment_of(context, c.payer, c.uetr)?),
        Call::returnOf(c) => view::<returnOfCall>(return_of(context, c.payer, c.uetr, c.returnReference)?),

        // Batches
        Call::payBatch(c) => mutate::<payBatchCall, _>(context, |x| {
            let paid = batches::pay_batch(x, c.token, c.uetr, c.mode, &c.items)?;
            Ok((paid.id, U256::from(paid.total), paid.results))
        }),

        // Mandates
        Call::createMandate(c) => mutate::<createMandateCall, _>(context, |x| {
            let agreement = Agreement {
                token: c.token,
                creditor: c.creditor,
                collection_max: c.collectionMax,
                period_max: c.periodMax,
                total_max: c.totalMax,
                count_max: c.countMax,
                every_days: c.everyDays,
                every_months: c.everyMonths,
                valid_from_ms: c.validFromMs,
                valid_until_ms: c.validUntilMs,
                reference: c.mandateReference,
            };
            mandates::create_mandate(x, &agreement)
        }),
        Call::createStandingOrder(c) => mutate::<createStandingOrderCall, _>(context, |x| {
            let agreement = Agreement {
                token: c.token,
                creditor: c.payee,
                collection_max: c.amount,
                period_max: U256::MAX,
                total_max: U256::MAX,
                count_max: c.countMax,
                every_days: c.everyDays,
                every_months: c.everyMonths,
                valid_from_ms: c.firstDueMs,
                valid_until_ms: c.validUntilMs,
                reference: c.mandateReference,
            };
            mandates::create_standing_order(x, &agreement)
        }),
        Call::cancelMandate(c) => mutate::<cancelMandateCall, _>(context, |x| mandates::cancel_mandate(x, c.mandateId)),
        Call::collect(c) => mutate::<collectCall, _>(context, |x| {
            mandates::collect(x, c.mandateId, c.dueMs, c.amount, (c.endToEnd, c.remittance))
        }),
        Call::execute(c) => mutate::<executeCall, _>(context, |x| mandates::execute(x, c.mandateId)),
        Call::mandateOf(c) => view::<mandateOfCall>(mandate_of(context, c.mandateId)?),
        Call::usageOf(c) => view::<usageOfCall>(usage_of(context, c.mandateId)?),
        Call::mandateUetr(c) => view::<mandateUetrCall>(mandates::mandate_uetr(context, c.mandateId, c.dueMs)?),

        // Requests
        Call::requestPayment(c) => mutate::<requestPaymentCall, _>(context, |x| {
            let request = Request {
                token: c.token,
                debtor: c.debtor,
                amount: c.amount,
                expiry_ms: c.expiryMs,
                creditor_agent: c.creditorAgent,
                end_to_end: c.endToEnd,
                purpose: c.purpose,
                remittance: c.remittance,
                reference: c.requestReference,
            };
            requests::request_payment(x, &request)
        }),
        Call::accept(c) => {
            mutate::<acceptCall, _>(context, |x| requests::accept(x, c.requestId, c.uetr, c.debtorAgent))
        }
        Call::refuse(c) => mutate::<refuseCall, _>(context, |x| requests::refuse(x, c.requestId, c.reason)),
        Call::cancelRequest(c) => mutate::<cancelRequestCall, _>(context, |x| requests::cancel_request(x, c.requestId)),
        Call::requestOf(c) => view::<requestOfCall>(request_of(context, c.requestId)?),
        Call::requestUnder(c) => {
            view::<requestUnderCall>(requests::request_under(context, c.creditor, c.requestReference)?)
        }
    }
}

/// What `paymentOf` answers, for whoever reads proven state: zeros where the UETR was never used.
pub fn payment_of(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<paymentOfReturn, Failure> {
    let Some(payment) = Payment::find(context, payer, uetr)? else {
        return Ok((0, Address::ZERO, Address::ZERO, U256::ZERO, U256::ZERO, 0, U256::ZERO, 0, 0, Address::ZERO).into());
    };
    let amounts = payment.place.amounts.read(context)?;
    let pending = payment.place.pending.read(context)?;
    let waits = payment.state.waits();
    let reserved = if waits { token::hold_of(context, payment.token(), pending.hold)?.amount } else { 0 };
    Ok(paymentOfReturn {
        state: payment.state.number(),
        token: payment.token(),
        payee: payment.head.payee,
        received: U256::from(amounts.received),
        returned: U256::from(amounts.returned),
        returnCount: payment.head.returns,
        reserved: U256::from(reserved),
        holdId: pending.hold,
        expiryMs: pending.expiry_ms,
        poster: payment.place.poster.read(context)?,
    })
}

/// What `returnOf` answers, for whoever reads proven state: zeros where the reference was never used.
pub fn return_of(
    context: &mut Context<'_>,
    payer: Address,
    uetr: B256,
    reference: B256,
) -> Result<returnOfReturn, Failure> {
    let Some(payment) = Payment::find(context, payer, uetr)? else { return Ok((0, U256::ZERO).into()) };
    let returned = payment.place.returns.at(context, &reference)?.read(context)?;
    Ok(returnOfReturn { number: returned.number, amount: U256::from(returned.amount) })
}

fn mandate_of(context: &mut Context<'_>, number: u64) -> Result<mandateOfReturn, Failure> {
    let mandate = Mandate::read(context, number)?;
    let (every_days, every_months) = mandate.cadence.numbers();
    Ok(mandateOfReturn {
        kind: mandate.terms.kind,
        payer: mandate.terms.payer,
        creditor: mandate.beneficiary.creditor,
        token: mandate.token(),
        collectionMax: U256::from(mandate.limits.collection_max),
        periodMax: U256::from(mandate.limits.period_max),
        totalMax: U256::from(mandate.bounds.total_max),
        countMax: mandate.bounds.count_max,
        everyDays: every_days,
        everyMonths: every_months,
        validFromMs: mandate.beneficiary.from_ms,
        validUntilMs: mandate.bounds.until_ms,
        cancelled: mandate.terms.cancelled,
    })
}

fn usage_of(context: &mut Context<'_>, number: u64) -> Result<usageOfReturn, Failure> {
    let mandate = Mandate::read(context, number)?;
    let now_ms = context.env().timestamp_ms;
    let period = mandate.period(context, now_ms)?;
    Ok(usageOfReturn {
        count: mandate.usage.count,
        total: U256::from(mandate.usage.total),
        lastDueMs: mandate.usage.last_due_ms,
        periodTotal: U256::from(period.total),
    })
}

/// What `requestOf` answers, for whoever reads proven state: `RequestUnknown` where no request has the number.
pub fn request_of(context: &mut Context<'_>, number: u64) -> Result<requestOfReturn, Failure> {
    let request = Open::read(context, number)?;
    Ok(requestOfReturn {
        state: request.asker.state,
        creditor: request.asker.creditor,
        debtor: request.asked.debtor,
        token: crate::token_address(request.asker.token),
        amount: U256::from(request.amount(context)?),
        expiryMs: request.asked.expiry_ms,
    })
}
