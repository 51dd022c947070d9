//! An escrow during one operation: read once, changed by grants, payments and refunds, written once.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    IEscrow,
    layout::{Amounts, Funds, Goal, Head, Moved, Record, layout},
};
use crate::{
    ESCROW_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

/// How far an escrow has come. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Conditions may be fulfilled.
    Open = 1,
    /// The arbiter is asked.
    Disputed = 2,
    /// Nothing is undecided.
    Decided = 3,
}

impl Status {
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Open, Self::Disputed, Self::Decided].into_iter().find(|status| status.number() == number)
    }

    /// Its number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Disputed => 2,
            Self::Decided => 3,
        }
    }
}

/// What becomes of undecided units when time is up. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They go back to the payer.
    Refund = 1,
    /// They are granted to the payee.
    Release = 2,
}

impl Outcome {
    /// Its number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Refund => 1,
            Self::Release => 2,
        }
    }

    pub(super) fn parse(number: u8) -> Result<Self, Failure> {
        match number {
            1 => Ok(Self::Refund),
            2 => Ok(Self::Release),
            outcome => Err(revert(IEscrow::EscrowOutcomeInvalid { outcome })),
        }
    }
}

/// Why units were granted or given back. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Whoever loses by it wanted it.
    Consent = 1,
    /// Enough approvers approved.
    Approvals = 2,
    /// The preimage is known.
    Preimage = 3,
    /// The arbiter ruled.
    Ruling = 4,
    /// The deadline came.
    Deadline = 5,
}

impl Cause {
    fn number(self) -> u8 {
        match self {
            Self::Consent => 1,
            Self::Approvals => 2,
            Self::Preimage => 3,
            Self::Ruling => 4,
            Self::Deadline => 5,
        }
    }
}

/// An escrow as it stands, with what is left of its hold.
pub struct Escrow {
    /// Its number.
    pub number: u64,
    /// How far it has come.
    pub status: Status,
    /// Payer, outcomes, counts.
    pub head: Head,
    /// Payee and deadline.
    pub goal: Goal,
    /// Token and hold.
    pub funds: Funds,
    /// Amount and stored due units.
    pub amounts: Amounts,
    /// What has left.
    pub moved: Moved,
    /// Units on hold now. A seizure may have taken some without telling this module.
    pub left: u128,
    pub(super) record: Record,
}

impl Escrow {
    /// The escrow with this number; reverts where there is none.
    pub fn read(context: &mut Context<'_>, number: u64) -> Result<Self, Failure> {
        let record = layout().escrows.at(context, &number)?;
        let head = record.head.read(context)?;
        let status = match head.status {
            0 => return Err(revert(IEscrow::EscrowUnknown { escrowId: number })),
            other => Status::from_number(other).ok_or_else(|| fault(number, &format!("has status {other}")))?,
        };
        let (goal, funds) = (record.goal.read(context)?, record.funds.read(context)?);
        let (amounts, moved) = (record.amounts.read(context)?, record.moved.read(context)?);
        let left = token::hold_of(context, funds.token, funds.hold)?.amount;
        Ok(Self { number, status, head, goal, funds, amounts, moved, left, record })
    }

    fn write(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.record.head.write(context, Head { status: self.status.number(), ..self.head })?;
        self.record.amounts.write(context, self.amounts)?;
        self.record.moved.write(context, self.moved)
    }

    // ----- questions -------------------------------------------------------------------------------------------------

    /// Units granted, on hold and not paid. A seizure takes undecided units first.
    pub fn due(&self) -> u128 {
        self.amounts.due.min(self.left)
    }

    /// Units on hold that nobody was granted.
    pub fn undecided(&self) -> u128 {
        self.left.saturating_sub(self.due())
    }

    /// Units that left the hold without this module.
    pub fn seized(&self) -> u128 {
        let known = self.moved.paid.saturating_add(self.moved.refunded).saturating_add(self.left);
        self.amounts.amount.saturating_sub(known)
    }

    /// Reverts unless the caller is one of these.
    pub(super) fn ensure_caller(&self, context: &Context<'_>, allowed: &[Address]) -> Result<(), Failure> {
        let caller = context.caller();
        let known = allowed.contains(&caller) && !caller.is_zero();
        ensure(known, || IEscrow::EscrowCallerNotAllowed { escrowId: self.number, caller })
    }

    /// Reverts if everything is decided.
    pub(super) fn ensure_open(&self) -> Result<(), Failure> {
        let status = self.status;
        ensure(status != Status::Decided, || IEscrow::EscrowNotOpen { escrowId: self.number, status: status.number() })
    }

    /// Reverts in a dispute.
    pub(super) fn ensure_undisputed(&self) -> Result<(), Failure> {
        ensure(self.status != Status::Disputed, || IEscrow::EscrowInDispute { escrowId: self.number })
    }

    /// Reverts from the very instant of the deadline on.
    pub(super) fn ensure_in_time(&self, context: &Context<'_>) -> Result<(), Failure> {
        let now_ms = context.env().timestamp_ms;
        let deadline_ms = self.goal.deadline_ms;
        ensure(now_ms < deadline_ms, || IEscrow::EscrowExpired {
            escrowId: self.number,
            deadlineMs: deadline_ms,
            nowMs: now_ms,
        })
    }

    /// `amount` as units of the `left` that may be decided; the maximum means all of them.
    pub(super) fn portion(&self, amount: U256, left: u128) -> Result<u128, Failure> {
        if amount == U256::MAX {
            return Ok(left);
        }
        let units = u128::try_from(amount).ok().filter(|units| *units <= left);
        units.ok_or_else(|| revert(IEscrow::EscrowExceeded { escrowId: self.number, left: U256::from(left), amount }))
    }

    // ----- effects ---------------------------------------------------------------------------------------------------

    /// Decides undecided units for the payee.
    pub(super) fn grant(&mut self, context: &mut Context<'_>, units: u128, cause: Cause) -> Result<(), Failure> {
        let units = units.min(self.undecided());
        // What a seizure took is never due again.
        self.amounts.due = self.due().saturating_add(units);
        let amount = U256::from(units);
        context.emit(ESCROW_ADDRESS, &IEscrow::EscrowGranted { escrowId: self.number, amount, cause: cause.number() })
    }

    /// Gives units back to the payer: undecided ones, and `from_due` that had been granted.
    pub(super) fn give_back(
        &mut self,
        context: &mut Context<'_>,
        undecided: u128,
        from_due: u128,
        cause: Cause,
    ) -> Result<(), Failure> {
        let units = undecided.saturating_add(from_due);
        let Funds { token, hold } = self.funds;
        token::release_hold(context, token, (Keeper::Escrow, hold), units)?;
        self.amounts.due = self.due().saturating_sub(from_due);
        self.left = self.left.saturating_sub(units);
        self.moved.refunded = self.moved.refunded.saturating_add(units);
        context.emit(
            ESCROW_ADDRESS,
            &IEscrow::EscrowRefunded {
                escrowId: self.number,
                payer: self.head.payer,
                amount: U256::from(units),
                fromDue: U256::from(from_due),
                cause: cause.number(),
            },
        )
    }

    /// Pays what is due. The token may refuse: pause, freeze, policy.
    pub(super) fn pay(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (units, payee) = (self.due(), self.goal.payee);
        let Funds { token, hold } = self.funds;
        token::post_hold(context, token, (Keeper::Escrow, hold), payee, units)?;
        self.amounts.due = 0;
        self.left = self.left.saturating_sub(units);
        self.moved.paid = self.moved.paid.saturating_add(units);
        let amount = U256::from(units);
        context.emit(ESCROW_ADDRESS, &IEscrow::EscrowPaid { escrowId: self.number, payee, amount })
    }

    /// Pays if asked to and if anything is due, notes whether everything is decided, and writes the escrow.
    pub(super) fn finish(mut self, context: &mut Context<'_>, pay_now: bool) -> Result<(), Failure> {
        if pay_now && self.due() > 0 {
            self.pay(context)?;
        }
        let decides = self.status != Status::Decided && self.undecided() == 0;
        if decides {
            self.status = Status::Decided;
        }
        self.write(context)?;
        if decides {
            context.emit(ESCROW_ADDRESS, &IEscrow::EscrowDecided { escrowId: self.number })?;
        }
        Ok(())
    }
}

pub(super) fn fault(number: u64, what: &str) -> Failure {
    StateFault(format!("escrow {number} {what}")).into()
}
