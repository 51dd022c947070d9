//! A voucher during one operation: read once, checked, changed, written once.

use alloy_primitives::{Address, U256};
use florin_types::StateFault;

use super::{
    IVoucher,
    layout::{Amounts, Bounds, Goal, Head, Moved, Record, layout},
};
use crate::{
    VOUCHER_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
    token_address,
};

/// How far a voucher has come. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Units may be left.
    Active = 1,
    /// Nothing is left.
    UsedUp = 2,
    /// Time has passed.
    Expired = 3,
}

impl Status {
    /// Its number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::UsedUp => 2,
            Self::Expired => 3,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Active, Self::UsedUp, Self::Expired].into_iter().find(|status| status.number() == number)
    }
}

/// A voucher as it stands, with what is left of its hold.
#[derive(Clone, Copy, Debug)]
pub struct Voucher {
    /// Its number.
    pub number: u64,
    /// How far it has come.
    pub status: Status,
    /// Sponsor and token.
    pub head: Head,
    /// Beneficiary and expiry.
    pub goal: Goal,
    /// Payees, window, hold.
    pub bounds: Bounds,
    /// Amount and what was spent.
    pub amounts: Amounts,
    /// What left otherwise.
    pub moved: Moved,
    /// Units on hold now. A seizure may have taken some without telling this module.
    pub left: u128,
    pub(super) record: Record,
}

impl Voucher {
    /// The voucher with this number; reverts where there is none.
    pub fn read(context: &mut Context<'_>, number: u64) -> Result<Self, Failure> {
        let record = layout().vouchers.at(context, &number)?;
        let head = record.head.read(context)?;
        let status = match head.status {
            0 => return Err(revert(IVoucher::VoucherUnknown { voucherId: number })),
            other => Status::from_number(other).ok_or_else(|| fault(number, &format!("has status {other}")))?,
        };
        let (goal, bounds) = (record.goal.read(context)?, record.bounds.read(context)?);
        let (amounts, moved) = (record.amounts.read(context)?, record.moved.read(context)?);
        let left = token::hold_of(context, token_address(head.token), bounds.hold)?.amount;
        Ok(Self { number, status, head, goal, bounds, amounts, moved, left, record })
    }

    fn write(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.record.head.write(context, Head { status: self.status.number(), ..self.head })?;
        self.record.goal.write(context, self.goal)?;
        self.record.amounts.write(context, self.amounts)?;
        self.record.moved.write(context, self.moved)
    }

    // ----- questions -------------------------------------------------------------------------------------------------

    /// Which units.
    pub fn token(&self) -> Address {
        token_address(self.head.token)
    }

    /// The hold, as its keeper names it.
    pub(super) fn hold(&self) -> (Keeper, u64) {
        (Keeper::Voucher, self.bounds.hold)
    }

    /// Units that left the hold without this module.
    pub fn seized(&self) -> u128 {
        let moved = self.moved.handed.saturating_add(self.moved.returned);
        self.amounts.amount.saturating_sub(self.amounts.spent.saturating_add(moved).saturating_add(self.left))
    }

    /// Reverts unless the caller is the beneficiary of an active voucher.
    pub(super) fn ensure_beneficiary(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (caller, beneficiary) = (context.caller(), self.goal.beneficiary);
        ensure(caller == beneficiary, || IVoucher::VoucherPartyRequired {
            voucherId: self.number,
            caller,
            beneficiary,
        })?;
        self.ensure_active()
    }

    pub(super) fn ensure_active(&self) -> Result<(), Failure> {
        let status = self.status.number();
        ensure(self.status == Status::Active, || IVoucher::VoucherNotActive { voucherId: self.number, status })
    }

    /// Reverts from the very instant of the expiry on.
    pub(super) fn ensure_alive(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (expires_ms, now_ms) = (self.goal.expires_ms, context.env().timestamp_ms);
        ensure(now_ms < expires_ms, || IVoucher::VoucherExpired {
            voucherId: self.number,
            expiresMs: expires_ms,
            nowMs: now_ms,
        })
    }

    /// Reverts outside of the window in which units may be spent.
    pub(super) fn ensure_open(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (now_ms, number) = (context.env().timestamp_ms, self.number);
        let Bounds { from_ms, until_ms, .. } = self.bounds;
        ensure(now_ms >= from_ms, || IVoucher::VoucherNotOpen {
            voucherId: number,
            spendFromMs: from_ms,
            nowMs: now_ms,
        })?;
        ensure(now_ms < until_ms, || IVoucher::VoucherClosed {
            voucherId: number,
            spendUntilMs: until_ms,
            nowMs: now_ms,
        })
    }

    /// Reverts if the beneficiary is frozen or not admitted by the token's policy: it decides over units without having
    /// them, as a spender does.
    pub(super) fn ensure_beneficiary_admitted(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        token::ensure_party(context, self.token(), self.goal.beneficiary)
    }

    /// `amount` as units of what is left; the maximum means all.
    pub(super) fn portion(&self, amount: U256) -> Result<u128, Failure> {
        if amount == U256::MAX && self.left > 0 {
            return Ok(self.left);
        }
        let units = units(amount)?;
        let (left, number) = (self.left, self.number);
        ensure(units <= left, || IVoucher::VoucherExceeded { voucherId: number, left: U256::from(left), amount })?;
        Ok(units)
    }

    // ----- effects ---------------------------------------------------------------------------------------------------

    /// Frees units for the sponsor.
    pub(super) fn give_back(&mut self, context: &mut Context<'_>, units: u128) -> Result<(), Failure> {
        if units > 0 {
            token::release_hold(context, self.token(), self.hold(), units)?;
        }
        self.left = self.left.saturating_sub(units);
        self.moved.returned = self.moved.returned.saturating_add(units);
        Ok(())
    }

    /// Writes the voucher; an active one of which nothing is left is used up.
    pub(super) fn finish(mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if self.left == 0 {
            return self.end(context, Status::UsedUp, 0);
        }
        self.status = Status::Active;
        self.write(context)
    }

    /// Writes the voucher with the status in which it ends.
    pub(super) fn end(mut self, context: &mut Context<'_>, status: Status, released: u128) -> Result<(), Failure> {
        self.status = status;
        self.write(context)?;
        let released = U256::from(released);
        let event = IVoucher::VoucherEnded { voucherId: self.number, status: status.number(), released };
        context.emit(VOUCHER_ADDRESS, &event)
    }
}

/// An amount as units, above zero.
pub(super) fn units(amount: U256) -> Result<u128, Failure> {
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    units.ok_or_else(|| revert(IVoucher::VoucherAmountInvalid { amount }))
}

pub(super) fn fault(number: u64, what: &str) -> Failure {
    StateFault(format!("voucher {number} {what}")).into()
}
