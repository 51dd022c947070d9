//! Operations of vouchers: checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};

use super::{
    IVoucher::{self, VoucherTerms},
    layout::{Amounts, Bounds, Goal, Head, layout},
    record::{Status, Voucher, fault, units},
};
use crate::{
    VOUCHER_ADDRESS,
    context::{Context, Failure, ensure},
    policy,
    token::{self, Keeper},
    token_index,
};

/// Most vouchers made in one call.
pub const VOUCHERS_MAX: usize = 100;
/// Longest time until the expiry: 1,830 days.
pub const LIFE_MS_MAX: u64 = 1_830 * 24 * 60 * 60 * 1_000;

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of vouchers.
pub fn voucher_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().made.read(context)
}

/// What was agreed.
pub fn terms_of(context: &mut Context<'_>, number: u64) -> Result<VoucherTerms, Failure> {
    let voucher = Voucher::read(context, number)?;
    Ok(VoucherTerms {
        token: voucher.token(),
        payeePolicyId: voucher.bounds.policy,
        spendFromMs: voucher.bounds.from_ms,
        spendUntilMs: voucher.bounds.until_ms,
        expiresMs: voucher.goal.expires_ms,
        transferable: voucher.head.transferable,
        purposeHash: voucher.record.purpose.read(context)?,
    })
}

/// Whether the voucher may be spent at this payee, as its policy stands now.
pub fn admits(context: &mut Context<'_>, number: u64, payee: Address) -> Result<bool, Failure> {
    let voucher = Voucher::read(context, number)?;
    let possible = context.can_hold(payee) && payee != voucher.goal.beneficiary;
    Ok(possible && policy::is_allowed(context, voucher.bounds.policy, payee)?)
}

// ----- creation ------------------------------------------------------------------------------------------------------

/// Puts the caller's units on hold for a beneficiary.
pub fn create(
    context: &mut Context<'_>,
    terms: &VoucherTerms,
    beneficiary: Address,
    amount: U256,
) -> Result<u64, Failure> {
    let terms = check_terms(context, terms)?;
    let sponsor = context.caller();
    make(context, &terms, sponsor, beneficiary, amount)
}

/// The same for several beneficiaries, all or nothing. Answers the first number.
pub fn create_many(
    context: &mut Context<'_>,
    terms: &VoucherTerms,
    beneficiaries: &[Address],
    amounts: &[U256],
) -> Result<u64, Failure> {
    let count = beneficiaries.len();
    ensure((1..=VOUCHERS_MAX).contains(&count) && amounts.len() == count, || IVoucher::VouchersInvalid {
        beneficiaries: U256::from(count),
        amounts: U256::from(amounts.len()),
        vouchersMax: U256::from(VOUCHERS_MAX),
    })?;
    let terms = check_terms(context, terms)?;
    let first = voucher_count(context)?.saturating_add(1);
    let sponsor = context.caller();
    for (beneficiary, amount) in beneficiaries.iter().zip(amounts) {
        make(context, &terms, sponsor, *beneficiary, *amount)?;
    }
    Ok(first)
}

/// Terms that a voucher can have, with the end of the window that they mean.
fn check_terms(context: &mut Context<'_>, terms: &VoucherTerms) -> Result<VoucherTerms, Failure> {
    token::ensure_token(context, terms.token)?;
    policy::ensure_exists(context, terms.payeePolicyId)?;
    let now_ms = context.env().timestamp_ms;
    let latest_ms = now_ms.saturating_add(LIFE_MS_MAX);
    let VoucherTerms { spendFromMs: from_ms, spendUntilMs: until_ms, expiresMs: expires_ms, .. } = *terms;
    let end_ms = if until_ms == 0 { expires_ms } else { until_ms };
    let alive = expires_ms > now_ms && expires_ms <= latest_ms;
    ensure(alive && from_ms < end_ms && end_ms > now_ms && end_ms <= expires_ms, || IVoucher::VoucherTimesInvalid {
        spendFromMs: from_ms,
        spendUntilMs: until_ms,
        expiresMs: expires_ms,
        nowMs: now_ms,
        expiresMsMax: latest_ms,
    })?;
    Ok(VoucherTerms { spendUntilMs: end_ms, ..terms.clone() })
}

/// Makes a voucher of units of the sponsor, who consented.
fn make(
    context: &mut Context<'_>,
    terms: &VoucherTerms,
    sponsor: Address,
    beneficiary: Address,
    amount: U256,
) -> Result<u64, Failure> {
    let amount = units(amount)?;
    ensure_beneficiary(context, beneficiary, sponsor)?;
    let hold = token::hold(context, terms.token, Keeper::Voucher, sponsor, amount)?;
    write(context, terms, (sponsor, beneficiary), (amount, hold))
}

/// Writes a voucher over units on hold.
fn write(
    context: &mut Context<'_>,
    terms: &VoucherTerms,
    (sponsor, beneficiary): (Address, Address),
    (amount, hold): (u128, u64),
) -> Result<u64, Failure> {
    let made = layout().made;
    let number = made.read(context)?.checked_add(1).ok_or_else(|| fault(u64::MAX, "is the last that has a number"))?;
    made.write(context, number)?;
    let record = layout().vouchers.at(context, &number)?;
    let token = token_index(terms.token).unwrap_or_default();
    let (status, transferable) = (Status::Active.number(), terms.transferable);
    record.head.write(context, Head { sponsor, token, status, transferable })?;
    record.goal.write(context, Goal { beneficiary, expires_ms: terms.expiresMs })?;
    let (policy, from_ms, until_ms) = (terms.payeePolicyId, terms.spendFromMs, terms.spendUntilMs);
    record.bounds.write(context, Bounds { policy, from_ms, until_ms, hold })?;
    record.amounts.write(context, Amounts { amount, spent: 0 })?;
    if !terms.purposeHash.is_zero() {
        record.purpose.write(context, terms.purposeHash)?;
    }
    let event = IVoucher::VoucherCreated {
        voucherId: number,
        sponsor,
        beneficiary,
        token: terms.token,
        amount: U256::from(amount),
        expiresMs: terms.expiresMs,
        purposeHash: terms.purposeHash,
    };
    context.emit(VOUCHER_ADDRESS, &event)?;
    Ok(number)
}

/// A beneficiary can act and is not `other`.
fn ensure_beneficiary(context: &Context<'_>, beneficiary: Address, other: Address) -> Result<(), Failure> {
    ensure(context.can_hold(beneficiary) && beneficiary != other, || IVoucher::VoucherBeneficiaryInvalid {
        beneficiary,
    })
}

// ----- the beneficiary -----------------------------------------------------------------------------------------------

/// Pays a payee whom the policy admits.
pub fn spend(
    context: &mut Context<'_>,
    number: u64,
    payee: Address,
    amount: U256,
    reference: B256,
) -> Result<(), Failure> {
    let mut voucher = Voucher::read(context, number)?;
    voucher.ensure_beneficiary(context)?;
    voucher.ensure_alive(context)?;
    voucher.ensure_open(context)?;
    let units = voucher.portion(amount)?;
    ensure(payee != voucher.goal.beneficiary, || IVoucher::VoucherPayeeInvalid { voucherId: number, payee })?;
    let policy = voucher.bounds.policy;
    let admitted = policy::is_allowed(context, policy, payee)?;
    ensure(admitted, || IVoucher::VoucherPayeeNotAdmitted { voucherId: number, payeePolicyId: policy, payee })?;
    voucher.ensure_beneficiary_admitted(context)?;
    token::post_hold(context, voucher.token(), voucher.hold(), payee, units)?;
    voucher.left = voucher.left.saturating_sub(units);
    voucher.amounts.spent = voucher.amounts.spent.saturating_add(units);
    let amount = U256::from(units);
    let event = IVoucher::VoucherSpent { voucherId: number, payee, amount, paymentReference: reference };
    context.emit(VOUCHER_ADDRESS, &event)?;
    voucher.finish(context)
}

/// Hands units on: all that are left under the same number, a part as a voucher of its own. Answers the number.
pub fn hand(context: &mut Context<'_>, number: u64, to: Address, amount: U256) -> Result<u64, Failure> {
    let mut voucher = Voucher::read(context, number)?;
    voucher.ensure_beneficiary(context)?;
    ensure(voucher.head.transferable, || IVoucher::VoucherNotTransferable { voucherId: number })?;
    voucher.ensure_alive(context)?;
    let units = voucher.portion(amount)?;
    let by = voucher.goal.beneficiary;
    ensure_beneficiary(context, to, voucher.head.sponsor)?;
    ensure_beneficiary(context, to, by)?;
    voucher.ensure_beneficiary_admitted(context)?;
    let amount = U256::from(units);
    let whole = units == voucher.left;
    let new_number = if whole {
        voucher.goal.beneficiary = to;
        number
    } else {
        let hold = token::carry_over(context, voucher.token(), voucher.hold(), (units, 0))?;
        voucher.left = voucher.left.saturating_sub(units);
        voucher.moved.handed = voucher.moved.handed.saturating_add(units);
        let terms = terms_of(context, number)?;
        write(context, &terms, (voucher.head.sponsor, to), (units, hold))?
    };
    let event = IVoucher::VoucherHanded { voucherId: number, newVoucherId: new_number, to, by, amount };
    context.emit(VOUCHER_ADDRESS, &event)?;
    voucher.finish(context)?;
    Ok(new_number)
}

/// Frees units for the sponsor: the beneficiary does not want them.
pub fn give_back(context: &mut Context<'_>, number: u64, amount: U256) -> Result<(), Failure> {
    let mut voucher = Voucher::read(context, number)?;
    voucher.ensure_beneficiary(context)?;
    let units = voucher.portion(amount)?;
    voucher.give_back(context, units)?;
    context.emit(VOUCHER_ADDRESS, &IVoucher::VoucherReturned { voucherId: number, amount: U256::from(units) })?;
    voucher.finish(context)
}

// ----- the end -------------------------------------------------------------------------------------------------------

/// Frees what is left for the sponsor once time has passed.
pub fn expire(context: &mut Context<'_>, number: u64) -> Result<(), Failure> {
    let mut voucher = Voucher::read(context, number)?;
    voucher.ensure_active()?;
    let (expires_ms, now_ms) = (voucher.goal.expires_ms, context.env().timestamp_ms);
    ensure(now_ms >= expires_ms, || IVoucher::VoucherNotDue {
        voucherId: number,
        expiresMs: expires_ms,
        nowMs: now_ms,
    })?;
    let left = voucher.left;
    voucher.give_back(context, left)?;
    voucher.end(context, Status::Expired, left)
}
