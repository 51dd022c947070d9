//! From selector to operation. No logic.

use alloy_primitives::{Bytes, U256};

use super::{
    IVoucher::{IVoucherCalls as Call, *},
    Voucher, ops,
};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to the module.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    match decode::<Call>(context, input)? {
        Call::create(c) => mutate::<createCall, _>(context, |x| ops::create(x, &c.terms, c.beneficiary, c.amount)),
        Call::createMany(c) => {
            mutate::<createManyCall, _>(context, |x| ops::create_many(x, &c.terms, &c.beneficiaries, &c.amounts))
        }
        Call::spend(c) => {
            mutate::<spendCall, _>(context, |x| ops::spend(x, c.voucherId, c.payee, c.amount, c.paymentReference))
        }
        Call::hand(c) => mutate::<handCall, _>(context, |x| ops::hand(x, c.voucherId, c.to, c.amount)),
        Call::giveBack(c) => mutate::<giveBackCall, _>(context, |x| ops::give_back(x, c.voucherId, c.amount)),
        Call::expire(c) => mutate::<expireCall, _>(context, |x| ops::expire(x, c.voucherId)),

        Call::voucherCount(_) => view::<voucherCountCall>(ops::voucher_count(context)?),
        Call::voucherOf(c) => {
            let voucher = Voucher::read(context, c.voucherId)?;
            view::<voucherOfCall>(voucherOfReturn {
                sponsor: voucher.head.sponsor,
                beneficiary: voucher.goal.beneficiary,
                token: voucher.token(),
                holdId: voucher.bounds.hold,
                status: voucher.status.number(),
                amount: U256::from(voucher.amounts.amount),
                spent: U256::from(voucher.amounts.spent),
                handed: U256::from(voucher.moved.handed),
                returned: U256::from(voucher.moved.returned),
                seized: U256::from(voucher.seized()),
                left: U256::from(voucher.left),
            })
        }
        Call::termsOf(c) => view::<termsOfCall>(ops::terms_of(context, c.voucherId)?),
        Call::admits(c) => view::<admitsCall>(ops::admits(context, c.voucherId, c.payee)?),
    }
}
