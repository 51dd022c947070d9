//! What terms an escrow may be opened with.

use alloy_primitives::U256;

use super::{IEscrow, IEscrow::Terms, record::Outcome};
use crate::context::{Context, Failure, ensure, revert};

/// Most approvers of an escrow.
pub const APPROVERS_MAX: usize = 16;
/// Most parts of an escrow.
pub const PARTS_MAX: usize = 32;
/// Longest time between opening and deadline: ten years.
pub const TERM_MS_MAX: u64 = 3_650 * 24 * 3_600_000;
/// Longest time that an arbiter may be given: one year.
pub const RULING_MS_MAX: u64 = 365 * 24 * 3_600_000;

/// Terms whose numbers were found to be in order.
pub(super) struct Checked {
    /// Units to put on hold.
    pub(super) amount: u128,
    /// Units of each part; the whole where approvers approve one thing, none without approvers.
    pub(super) parts: Vec<u128>,
}

/// Checks terms in the order that the specification promises.
pub(super) fn check(context: &Context<'_>, terms: &Terms) -> Result<Checked, Failure> {
    let amount = units(terms.amount)?;
    check_parties(context, terms)?;
    check_deadline(context.env().timestamp_ms, terms.deadlineMs)?;
    Outcome::parse(terms.deadlineOutcome)?;
    check_hash_lock(terms)?;
    check_approvers(context, terms)?;
    let parts = check_parts(terms, amount)?;
    check_arbiter(terms)?;
    Ok(Checked { amount, parts })
}

/// An amount as units: above zero, below 2^128.
pub(super) fn units(amount: U256) -> Result<u128, Failure> {
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    units.ok_or_else(|| revert(IEscrow::EscrowAmountInvalid { amount }))
}

/// The arbiter judges between two others; the payee must be able to hold what it is paid.
fn check_parties(context: &Context<'_>, terms: &Terms) -> Result<(), Failure> {
    let payer = context.caller();
    let Terms { payee, arbiter, .. } = *terms;
    let distinct = payer != payee && arbiter != payer && arbiter != payee;
    let reachable = context.can_hold(payee) && (arbiter.is_zero() || context.can_hold(arbiter));
    ensure(distinct && reachable, || IEscrow::EscrowPartiesInvalid { payer, payee, arbiter })
}

fn check_deadline(now_ms: u64, deadline_ms: u64) -> Result<(), Failure> {
    let latest_ms = now_ms.saturating_add(TERM_MS_MAX);
    ensure(deadline_ms > now_ms && deadline_ms <= latest_ms, || IEscrow::EscrowDeadlineInvalid {
        deadlineMs: deadline_ms,
        nowMs: now_ms,
        deadlineMsMax: latest_ms,
    })
}

/// A hash lock has a counterpart on another ledger, which knows neither approvers nor arbiters.
fn check_hash_lock(terms: &Terms) -> Result<(), Failure> {
    let refunds = terms.deadlineOutcome == Outcome::Refund.number();
    let alone = terms.approvers.is_empty() && terms.parts.is_empty() && terms.arbiter.is_zero() && refunds;
    ensure(terms.hashLock.is_zero() || alone, || IEscrow::HashLockTermsInvalid {})
}

fn check_approvers(context: &Context<'_>, terms: &Terms) -> Result<(), Failure> {
    let (approvers, needed) = (&terms.approvers, usize::from(terms.approvalsNeeded));
    let bounded =
        approvers.len() <= APPROVERS_MAX && needed <= approvers.len() && (needed == 0) == approvers.is_empty();
    let mut sorted = if bounded { approvers.clone() } else { Vec::new() };
    sorted.sort_unstable();
    let distinct = sorted.iter().zip(sorted.iter().skip(1)).all(|(one, next)| one != next);
    ensure(bounded && distinct && sorted.iter().all(|approver| context.can_hold(*approver)), || {
        IEscrow::EscrowApproversInvalid {
            approvers: U256::from(approvers.len()),
            approvalsNeeded: terms.approvalsNeeded,
            approversMax: U256::from(APPROVERS_MAX),
        }
    })
}

/// Parts as units. Approvers without parts approve the whole.
fn check_parts(terms: &Terms, amount: u128) -> Result<Vec<u128>, Failure> {
    if terms.parts.is_empty() {
        return Ok(if terms.approvers.is_empty() { Vec::new() } else { vec![amount] });
    }
    let invalid = || {
        revert(IEscrow::EscrowPartsInvalid { parts: U256::from(terms.parts.len()), partsMax: U256::from(PARTS_MAX) })
    };
    if terms.parts.len() > PARTS_MAX || terms.approvers.is_empty() {
        return Err(invalid());
    }
    let parts: Vec<u128> =
        terms.parts.iter().map(|part| units(*part).map_err(|_| invalid())).collect::<Result<_, _>>()?;
    let sum = parts.iter().try_fold(0u128, |sum, part| sum.checked_add(*part));
    if sum == Some(amount) { Ok(parts) } else { Err(invalid()) }
}

fn check_arbiter(terms: &Terms) -> Result<(), Failure> {
    let Terms { arbiter, rulingMs: ruling_ms, silenceOutcome: outcome, .. } = *terms;
    let whole = if arbiter.is_zero() {
        ruling_ms == 0 && outcome == 0
    } else {
        ruling_ms > 0 && ruling_ms <= RULING_MS_MAX && Outcome::parse(outcome).is_ok()
    };
    ensure(whole, || IEscrow::ArbiterTermsInvalid {
        arbiter,
        rulingMs: ruling_ms,
        rulingMsMax: RULING_MS_MAX,
        silenceOutcome: outcome,
    })
}
