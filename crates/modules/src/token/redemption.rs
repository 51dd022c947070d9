//! Redemption: a holder puts units on hold for an issuer, who destroys them against payment, refuses, or lets time pass.

use alloy_primitives::{Address, B256, U256};
use florin_types::StateFault;

use super::{
    ISSUER_ROLE, IToken, Keeper,
    holds::{burn_hold, hold, hold_of, release_hold},
    issuance::{ON_LEDGER, issuer_of, pay_reserve, require_kind},
    layout::{RedemptionAmounts, RedemptionGoal, RedemptionHead, RedemptionRecord, layout},
    roles::has_role,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    invariants::{self, Violation},
};

/// Longest time until the deadline: 366 days.
pub const REDEMPTION_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// How far a redemption has come. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedemptionStatus {
    /// The issuer is asked.
    Pending = 1,
    /// Every unit is redeemed.
    Fulfilled = 2,
    /// The issuer refused.
    Refused = 3,
    /// The holder thought better of it.
    Withdrawn = 4,
    /// The deadline came.
    Expired = 5,
}

impl RedemptionStatus {
    /// Its number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Fulfilled => 2,
            Self::Refused => 3,
            Self::Withdrawn => 4,
            Self::Expired => 5,
        }
    }
}

/// A redemption as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Redemption {
    /// Its number.
    pub number: u64,
    /// Holder, deadline, status.
    pub head: RedemptionHead,
    /// Issuer and hold.
    pub goal: RedemptionGoal,
    /// Amounts.
    pub amounts: RedemptionAmounts,
    /// Units on hold now. A seizure may have taken some.
    pub left: u128,
    /// The holder's reference.
    pub end_to_end: B256,
    record: RedemptionRecord,
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of redemptions.
pub fn redemption_count(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    layout(token).redemptions_made.read(context)
}

/// A redemption; reverts where there is none.
pub fn redemption_of(context: &mut Context<'_>, token: Address, number: u64) -> Result<Redemption, Failure> {
    let record = layout(token).redemptions.at(context, &number)?;
    let head = record.head.read(context)?;
    ensure(head.status != 0, || IToken::RedemptionUnknown { redemptionId: number })?;
    let (goal, amounts) = (record.goal.read(context)?, record.amounts.read(context)?);
    let left = hold_of(context, token, goal.hold)?.amount;
    Ok(Redemption { number, head, goal, amounts, left, end_to_end: record.end_to_end.read(context)?, record })
}

impl Redemption {
    /// Whether the issuer may still be waited for.
    pub fn is_pending(&self) -> bool {
        self.head.status == RedemptionStatus::Pending.number()
    }

    fn ensure_party(&self, context: &Context<'_>, party: Address) -> Result<(), Failure> {
        let caller = context.caller();
        ensure(caller == party, || IToken::RedemptionPartyRequired { redemptionId: self.number, caller, party })
    }

    fn ensure_pending(&self) -> Result<(), Failure> {
        let status = self.head.status;
        ensure(self.is_pending(), || IToken::RedemptionNotPending { redemptionId: self.number, status })
    }

    /// At the very instant of the deadline it is late.
    fn ensure_in_time(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (deadline_ms, now_ms) = (self.head.deadline_ms, context.env().timestamp_ms);
        ensure(now_ms < deadline_ms, || IToken::RedemptionLate {
            redemptionId: self.number,
            deadlineMs: deadline_ms,
            nowMs: now_ms,
        })
    }

    /// What the issuer asks before it acts.
    fn ensure_issuer_may(&self, context: &Context<'_>) -> Result<(), Failure> {
        self.ensure_party(context, self.goal.issuer)?;
        self.ensure_pending()?;
        self.ensure_in_time(context)
    }

    /// Frees what is left and notes how it ended.
    fn end(
        self,
        context: &mut Context<'_>,
        token: Address,
        status: RedemptionStatus,
        reason: [u8; 4],
    ) -> Result<(), Failure> {
        if self.left > 0 {
            release_hold(context, token, (Keeper::Redemption, self.goal.hold), self.left)?;
        }
        self.record.head.write(context, RedemptionHead { status: status.number(), ..self.head })?;
        if reason != [0; 4] {
            let reason = u32::from_be_bytes(reason);
            self.record.goal.write(context, RedemptionGoal { reason, ..self.goal })?;
        }
        let event = IToken::RedemptionEnded {
            redemptionId: self.number,
            status: status.number(),
            reason: reason.into(),
            released: U256::from(self.left),
        };
        context.emit(token, &event)
    }
}

// ----- the holder ----------------------------------------------------------------------------------------------------

/// Puts the caller's units on hold for an issuer to redeem.
pub fn request_redemption(
    context: &mut Context<'_>,
    token: Address,
    (issuer, amount): (Address, U256),
    end_to_end: B256,
    deadline_ms: u64,
) -> Result<u64, Failure> {
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    let units = units.ok_or_else(|| revert(IToken::RedemptionAmountInvalid { amount }))?;
    let issues = has_role(context, token, ISSUER_ROLE, issuer)? || issuer_of(context, token, issuer)?.outstanding > 0;
    ensure(issues, || IToken::IssuerUnknown { issuer })?;
    let now_ms = context.env().timestamp_ms;
    let latest_ms = now_ms.saturating_add(REDEMPTION_MS_MAX);
    ensure(deadline_ms > now_ms && deadline_ms <= latest_ms, || IToken::RedemptionDeadlineInvalid {
        deadlineMs: deadline_ms,
        nowMs: now_ms,
        deadlineMsMax: latest_ms,
    })?;
    let holder = context.caller();
    let hold = hold(context, token, Keeper::Redemption, holder, units)?;
    let made = layout(token).redemptions_made;
    let number = made
        .read(context)?
        .checked_add(1)
        .ok_or_else(|| Failure::from(StateFault(format!("token {token} has no more numbers for redemptions"))))?;
    made.write(context, number)?;
    let record = layout(token).redemptions.at(context, &number)?;
    let status = RedemptionStatus::Pending.number();
    record.head.write(context, RedemptionHead { holder, deadline_ms, status })?;
    record.goal.write(context, RedemptionGoal { issuer, hold, reason: 0 })?;
    record.amounts.write(context, RedemptionAmounts { amount: units, redeemed: 0 })?;
    record.end_to_end.write(context, end_to_end)?;
    let event = IToken::RedemptionRequested {
        redemptionId: number,
        holder,
        issuer,
        amount,
        endToEnd: end_to_end,
        deadlineMs: deadline_ms,
        holdId: hold,
    };
    context.emit(token, &event)?;
    Ok(number)
}

/// Frees the units: the holder wants them back.
pub fn withdraw_redemption(context: &mut Context<'_>, token: Address, number: u64) -> Result<(), Failure> {
    let redemption = redemption_of(context, token, number)?;
    redemption.ensure_party(context, redemption.head.holder)?;
    redemption.ensure_pending()?;
    redemption.end(context, token, RedemptionStatus::Withdrawn, [0; 4])
}

// ----- the issuer ----------------------------------------------------------------------------------------------------

/// Destroys units on hold, all that are left for the maximum; with `pay_out` the holder gets as many of the reserve, or
/// nothing happens.
pub fn fulfil_redemption(
    context: &mut Context<'_>,
    token: Address,
    number: u64,
    amount: U256,
    pay_out: bool,
) -> Result<(), Failure> {
    let mut redemption = redemption_of(context, token, number)?;
    redemption.ensure_issuer_may(context)?;
    let all = amount == U256::MAX;
    let units = if all { Some(redemption.left) } else { u128::try_from(amount).ok() };
    let units = units.filter(|units| *units > 0).ok_or_else(|| revert(IToken::RedemptionAmountInvalid { amount }))?;
    if pay_out {
        require_kind(context, token, ON_LEDGER)?;
    }
    let (holder, issuer) = (redemption.head.holder, redemption.goal.issuer);
    burn_hold(context, token, (Keeper::Redemption, redemption.goal.hold), issuer, units)?;
    if pay_out {
        pay_reserve(context, token, (issuer, holder), units)?;
    }
    redemption.left = redemption.left.saturating_sub(units);
    redemption.amounts.redeemed = redemption.amounts.redeemed.saturating_add(units);
    redemption.record.amounts.write(context, redemption.amounts)?;
    let event = IToken::RedemptionFulfilled { redemptionId: number, amount: U256::from(units), paidOut: pay_out };
    context.emit(token, &event)?;
    if redemption.left > 0 {
        return Ok(());
    }
    redemption.end(context, token, RedemptionStatus::Fulfilled, [0; 4])
}

/// Frees the units and says why.
pub fn refuse_redemption(
    context: &mut Context<'_>,
    token: Address,
    number: u64,
    reason: [u8; 4],
) -> Result<(), Failure> {
    let redemption = redemption_of(context, token, number)?;
    redemption.ensure_issuer_may(context)?;
    ensure(reason != [0; 4], || IToken::RedemptionReasonMissing { redemptionId: number })?;
    redemption.end(context, token, RedemptionStatus::Refused, reason)
}

// ----- anyone --------------------------------------------------------------------------------------------------------

/// Frees the units once the deadline has come.
pub fn expire_redemption(context: &mut Context<'_>, token: Address, number: u64) -> Result<(), Failure> {
    let redemption = redemption_of(context, token, number)?;
    redemption.ensure_pending()?;
    let (deadline_ms, now_ms) = (redemption.head.deadline_ms, context.env().timestamp_ms);
    ensure(now_ms >= deadline_ms, || IToken::RedemptionNotDue {
        redemptionId: number,
        deadlineMs: deadline_ms,
        nowMs: now_ms,
    })?;
    redemption.end(context, token, RedemptionStatus::Expired, [0; 4])
}

// ----- invariants ----------------------------------------------------------------------------------------------------

/// Checks every redemption that was ever requested against its hold.
pub(super) fn check(context: &mut Context<'_>, token: Address, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    for number in 1..=redemption_count(context, token)? {
        let redemption = redemption_of(context, token, number)?;
        let kept = hold_of(context, token, redemption.goal.hold)?;
        let own = kept.owner == redemption.head.holder && kept.keeper == Keeper::Redemption;
        let RedemptionAmounts { amount, redeemed } = redemption.amounts;
        let within = redeemed.checked_add(redemption.left).is_some_and(|sum| sum <= amount);
        let ended = redemption.is_pending() || redemption.left == 0;
        invariants::hold(violations, "token.redemptions_are_holds", own && within && ended, || {
            format!("redemption {number} of token {token}: {redemption:?}, {kept:?}")
        });
    }
    Ok(())
}
