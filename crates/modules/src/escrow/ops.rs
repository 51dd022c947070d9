//! Operations of escrows: checks, then effects, then the event.

use alloy_primitives::{Address, B256, U256};

use super::{
    IEscrow::{self, Terms},
    layout::{Amounts, Arbitration, Funds, Goal, Head, Milestone, Part, Record, layout},
    record::{Cause, Escrow, Outcome, Status, fault},
    terms::{self, Checked},
};
use crate::{
    ESCROW_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of escrows.
pub fn escrow_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().opened.read(context)
}

/// What was agreed.
pub fn terms_of(context: &mut Context<'_>, number: u64) -> Result<Terms, Failure> {
    let Escrow { head, goal, funds, amounts, record, .. } = Escrow::read(context, number)?;
    let Arbitration { arbiter, ruling_ms } = record.arbitration.read(context)?;
    let parts = (0..head.parts)
        .map(|part| Ok(U256::from(record.parts.at(context, &part)?.milestone.read(context)?.amount)))
        .collect::<Result<_, Failure>>()?;
    Ok(Terms {
        token: funds.token,
        payee: goal.payee,
        amount: U256::from(amounts.amount),
        deadlineMs: goal.deadline_ms,
        deadlineOutcome: head.deadline_outcome,
        hashLock: record.hash_lock.read(context)?,
        approvers: record.approvers.all(context)?,
        approvalsNeeded: head.approvals_needed,
        parts,
        arbiter,
        rulingMs: ruling_ms,
        silenceOutcome: head.silence_outcome,
        agreementHash: record.agreement.read(context)?,
    })
}

/// A part and the evidence for it.
pub fn part_of(context: &mut Context<'_>, number: u64, part: u8) -> Result<(Milestone, B256), Failure> {
    let escrow = Escrow::read(context, number)?;
    let place = find_part(context, &escrow, part)?;
    Ok((place.milestone.read(context)?, place.evidence.read(context)?))
}

/// Whether the account approved the part as its evidence stands.
pub fn has_approved(context: &mut Context<'_>, number: u64, part: u8, account: Address) -> Result<bool, Failure> {
    let escrow = Escrow::read(context, number)?;
    let place = find_part(context, &escrow, part)?;
    let approvals = place.milestone.read(context)?.approvals;
    Ok(approver_bit(context, &escrow, account)?.is_some_and(|bit| approvals & bit != 0))
}

fn find_part(context: &mut Context<'_>, escrow: &Escrow, part: u8) -> Result<Part, Failure> {
    let parts = escrow.head.parts;
    ensure(part < parts, || IEscrow::EscrowPartUnknown { escrowId: escrow.number, part, parts })?;
    escrow.record.parts.at(context, &part)
}

/// The bit that stands for an approver; absent if the account is none. At most 16 approvers are read.
fn approver_bit(context: &mut Context<'_>, escrow: &Escrow, account: Address) -> Result<Option<u32>, Failure> {
    let approvers = escrow.record.approvers.all(context)?;
    let place = approvers.iter().position(|approver| *approver == account);
    Ok(place.and_then(|place| u32::try_from(place).ok()).and_then(|place| 1u32.checked_shl(place)))
}

// ----- opening -------------------------------------------------------------------------------------------------------

/// Puts the caller's units on hold under these terms.
pub fn open(context: &mut Context<'_>, terms: &Terms) -> Result<u64, Failure> {
    let checked = terms::check(context, terms)?;
    token::ensure_token(context, terms.token)?;
    let payer = context.caller();
    let hold = token::hold(context, terms.token, Keeper::Escrow, payer, checked.amount)?;
    let opened = layout().opened;
    let number =
        opened.read(context)?.checked_add(1).ok_or_else(|| fault(u64::MAX, "is the last that has a number"))?;
    opened.write(context, number)?;
    let record = layout().escrows.at(context, &number)?;
    write_terms(context, record, terms, &checked, hold)?;
    let (payee, token, amount) = (terms.payee, terms.token, terms.amount);
    let (deadline_ms, agreement) = (terms.deadlineMs, terms.agreementHash);
    context.emit(
        ESCROW_ADDRESS,
        &IEscrow::EscrowOpened {
            escrowId: number,
            payer,
            payee,
            token,
            amount,
            deadlineMs: deadline_ms,
            agreementHash: agreement,
        },
    )?;
    Ok(number)
}

fn write_terms(
    context: &mut Context<'_>,
    record: Record,
    terms: &Terms,
    checked: &Checked,
    hold: u64,
) -> Result<(), Failure> {
    let head = Head {
        payer: context.caller(),
        status: Status::Open.number(),
        deadline_outcome: terms.deadlineOutcome,
        silence_outcome: terms.silenceOutcome,
        approvals_needed: terms.approvalsNeeded,
        parts: u8::try_from(checked.parts.len()).unwrap_or(u8::MAX),
    };
    record.head.write(context, head)?;
    record.goal.write(context, Goal { payee: terms.payee, deadline_ms: terms.deadlineMs })?;
    record.funds.write(context, Funds { token: terms.token, hold })?;
    record.amounts.write(context, Amounts { amount: checked.amount, due: 0 })?;
    // What is zero stays unwritten: an escrow without these costs nothing for them.
    if !terms.arbiter.is_zero() {
        record.arbitration.write(context, Arbitration { arbiter: terms.arbiter, ruling_ms: terms.rulingMs })?;
    }
    if !terms.hashLock.is_zero() {
        record.hash_lock.write(context, terms.hashLock)?;
    }
    if !terms.agreementHash.is_zero() {
        record.agreement.write(context, terms.agreementHash)?;
    }
    terms.approvers.iter().try_for_each(|approver| record.approvers.push(context, *approver))?;
    for (index, amount) in (0u8..).zip(&checked.parts) {
        let milestone = Milestone { amount: *amount, ..Milestone::default() };
        record.parts.at(context, &index)?.milestone.write(context, milestone)?;
    }
    Ok(())
}

// ----- consent -------------------------------------------------------------------------------------------------------

/// Grants and pays undecided units: the payer wants it.
pub fn release(context: &mut Context<'_>, number: u64, amount: U256) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    escrow.ensure_caller(context, &[escrow.head.payer])?;
    escrow.ensure_open()?;
    escrow.ensure_in_time(context)?;
    ensure(!amount.is_zero(), || IEscrow::EscrowAmountInvalid { amount })?;
    let units = escrow.portion(amount, escrow.undecided())?;
    escrow.grant(context, units, Cause::Consent)?;
    escrow.finish(context, true)
}

/// Gives units back: the payee wants it. While time runs, undecided ones first; what was granted, whenever it wants.
pub fn refund(context: &mut Context<'_>, number: u64, amount: U256) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    escrow.ensure_caller(context, &[escrow.goal.payee])?;
    let running = escrow.ensure_open().and_then(|()| escrow.ensure_in_time(context));
    let due = escrow.due();
    let undecided = match running {
        Ok(()) => escrow.undecided(),
        Err(_) if due > 0 => 0,
        Err(over) => return Err(over),
    };
    ensure(!amount.is_zero(), || IEscrow::EscrowAmountInvalid { amount })?;
    let units = escrow.portion(amount, undecided.saturating_add(due))?;
    let from_undecided = units.min(undecided);
    escrow.give_back(context, from_undecided, units.saturating_sub(from_undecided), Cause::Consent)?;
    escrow.finish(context, false)
}

// ----- approvals and evidence ----------------------------------------------------------------------------------------

/// A part that may still be granted.
fn ungranted_part(context: &mut Context<'_>, escrow: &Escrow, part: u8) -> Result<(Part, Milestone), Failure> {
    escrow.ensure_open()?;
    escrow.ensure_undisputed()?;
    escrow.ensure_in_time(context)?;
    let place = find_part(context, escrow, part)?;
    let milestone = place.milestone.read(context)?;
    ensure(!milestone.granted, || IEscrow::EscrowPartGranted { escrowId: escrow.number, part })?;
    Ok((place, milestone))
}

/// Names the evidence for a part. Approvals were given for other evidence, so they fall.
pub fn submit_evidence(context: &mut Context<'_>, number: u64, part: u8, evidence: B256) -> Result<(), Failure> {
    let escrow = Escrow::read(context, number)?;
    escrow.ensure_caller(context, &[escrow.goal.payee])?;
    let (place, milestone) = ungranted_part(context, &escrow, part)?;
    ensure(!evidence.is_zero(), || IEscrow::EvidenceMissing { escrowId: number, part })?;
    place.evidence.write(context, evidence)?;
    place.milestone.write(context, Milestone { approvals: 0, ..milestone })?;
    context.emit(ESCROW_ADDRESS, &IEscrow::EvidenceSubmitted { escrowId: number, part, evidenceHash: evidence })
}

/// Approves a part; the last approval needed grants it.
pub fn approve(context: &mut Context<'_>, number: u64, part: u8, evidence: B256, pay_now: bool) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    let approver = context.caller();
    let bit = approver_bit(context, &escrow, approver)?
        .ok_or_else(|| revert(IEscrow::EscrowCallerNotAllowed { escrowId: number, caller: approver }))?;
    let (place, mut milestone) = ungranted_part(context, &escrow, part)?;
    let current = place.evidence.read(context)?;
    ensure(current == evidence, || IEscrow::EvidenceDiffers { escrowId: number, part, current, named: evidence })?;
    ensure(milestone.approvals & bit == 0, || IEscrow::ApprovalRepeated { escrowId: number, part, approver })?;
    milestone.approvals |= bit;
    let approvals = u8::try_from(milestone.approvals.count_ones()).unwrap_or(u8::MAX);
    milestone.granted = approvals >= escrow.head.approvals_needed;
    place.milestone.write(context, milestone)?;
    let event = IEscrow::PartApproved { escrowId: number, part, approver, evidenceHash: evidence, approvals };
    context.emit(ESCROW_ADDRESS, &event)?;
    if !milestone.granted {
        return Ok(());
    }
    escrow.grant(context, milestone.amount, Cause::Approvals)?;
    escrow.finish(context, pay_now)
}

// ----- hash lock -----------------------------------------------------------------------------------------------------

/// Shows the preimage of the hash lock. Whoever shows it, the payee is paid.
pub fn reveal(context: &mut Context<'_>, number: u64, preimage: B256, pay_now: bool) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    escrow.ensure_open()?;
    escrow.ensure_in_time(context)?;
    let lock = escrow.record.hash_lock.read(context)?;
    ensure(!lock.is_zero(), || IEscrow::HashLockAbsent { escrowId: number })?;
    let hash = context.sha256(preimage.as_slice())?;
    ensure(hash == lock, || IEscrow::PreimageWrong { escrowId: number, hashLock: lock, hash })?;
    context.emit(ESCROW_ADDRESS, &IEscrow::PreimageRevealed { escrowId: number, preimage })?;
    escrow.grant(context, escrow.undecided(), Cause::Preimage)?;
    escrow.finish(context, pay_now)
}

// ----- dispute and deadline ------------------------------------------------------------------------------------------

/// Calls the arbiter. The deadline is the arbiter's from now on.
pub fn dispute(context: &mut Context<'_>, number: u64, reason: B256) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    escrow.ensure_caller(context, &[escrow.head.payer, escrow.goal.payee])?;
    escrow.ensure_open()?;
    escrow.ensure_undisputed()?;
    escrow.ensure_in_time(context)?;
    let Arbitration { arbiter, ruling_ms } = escrow.record.arbitration.read(context)?;
    ensure(!arbiter.is_zero(), || IEscrow::ArbiterAbsent { escrowId: number })?;
    let deadline_ms = context.env().timestamp_ms.saturating_add(ruling_ms);
    escrow.goal.deadline_ms = deadline_ms;
    escrow.record.goal.write(context, escrow.goal)?;
    escrow.record.head.write(context, Head { status: Status::Disputed.number(), ..escrow.head })?;
    let by = context.caller();
    let event = IEscrow::DisputeRaised { escrowId: number, by, arbiter, reasonHash: reason, deadlineMs: deadline_ms };
    context.emit(ESCROW_ADDRESS, &event)
}

/// Splits what is undecided between payee and payer.
pub fn rule(context: &mut Context<'_>, number: u64, to_payee: U256, pay_now: bool) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    let arbiter = escrow.record.arbitration.read(context)?.arbiter;
    escrow.ensure_caller(context, &[arbiter])?;
    escrow.ensure_open()?;
    ensure(escrow.status == Status::Disputed, || IEscrow::EscrowNotInDispute { escrowId: number })?;
    escrow.ensure_in_time(context)?;
    let undecided = escrow.undecided();
    let granted = escrow.portion(to_payee, undecided)?;
    if granted > 0 {
        escrow.grant(context, granted, Cause::Ruling)?;
    }
    if granted < undecided {
        escrow.give_back(context, undecided.saturating_sub(granted), 0, Cause::Ruling)?;
    }
    escrow.finish(context, pay_now)
}

/// Carries out the outcome that the terms name for the end of time.
pub fn conclude(context: &mut Context<'_>, number: u64, pay_now: bool) -> Result<(), Failure> {
    let mut escrow = Escrow::read(context, number)?;
    escrow.ensure_open()?;
    let (now_ms, deadline_ms) = (context.env().timestamp_ms, escrow.goal.deadline_ms);
    ensure(now_ms >= deadline_ms, || IEscrow::EscrowNotDue {
        escrowId: number,
        deadlineMs: deadline_ms,
        nowMs: now_ms,
    })?;
    let outcome = match escrow.status {
        Status::Disputed => escrow.head.silence_outcome,
        _ => escrow.head.deadline_outcome,
    };
    let undecided = escrow.undecided();
    match Outcome::parse(outcome).map_err(|_| fault(number, &format!("has outcome {outcome}")))? {
        Outcome::Refund => escrow.give_back(context, undecided, 0, Cause::Deadline)?,
        Outcome::Release => escrow.grant(context, undecided, Cause::Deadline)?,
    }
    escrow.finish(context, pay_now)
}

/// Pays what is granted.
pub fn pay_out(context: &mut Context<'_>, number: u64) -> Result<(), Failure> {
    let escrow = Escrow::read(context, number)?;
    ensure(escrow.due() > 0, || IEscrow::EscrowNothingDue { escrowId: number })?;
    escrow.finish(context, true)
}
