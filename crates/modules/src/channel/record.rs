//! A channel during one operation: read once, changed by states and payments, written once.

use alloy_primitives::U256;
use florin_types::StateFault;

use super::{
    IChannel,
    layout::{Amounts, Funds, Goal, Head, Progress, Record, layout},
};
use crate::{
    CHANNEL_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

/// How far a channel has come. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// States are heard.
    Open = 1,
    /// The payer closes; states are heard until the challenge is over.
    Closing = 2,
    /// What is owed is final.
    Closed = 3,
}

impl Status {
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Open, Self::Closing, Self::Closed].into_iter().find(|status| status.number() == number)
    }

    /// Its number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Closing => 2,
            Self::Closed => 3,
        }
    }
}

/// A channel as it stands, with what is left of its hold.
pub struct Channel {
    /// Its number.
    pub number: u64,
    /// How far it has come.
    pub status: Status,
    /// Payer and challenge period.
    pub head: Head,
    /// Payee and end of the closing.
    pub goal: Goal,
    /// Token and hold.
    pub funds: Funds,
    /// Deposit and what is owed.
    pub amounts: Amounts,
    /// Paid, and the place in the payer's list.
    pub progress: Progress,
    /// Units on hold now. A seizure may have taken some without telling this module.
    pub left: u128,
    /// Units that went back to the payer at the closing.
    pub released: u128,
    pub(super) record: Record,
}

impl Channel {
    /// The channel with this number; reverts where there is none.
    pub fn read(context: &mut Context<'_>, number: u64) -> Result<Self, Failure> {
        let record = layout().channels.at(context, &number)?;
        let head = record.head.read(context)?;
        let status = match head.status {
            0 => return Err(revert(IChannel::ChannelUnknown { channelId: number })),
            other => Status::from_number(other).ok_or_else(|| fault(number, &format!("has status {other}")))?,
        };
        let (goal, funds) = (record.goal.read(context)?, record.funds.read(context)?);
        let (amounts, progress) = (record.amounts.read(context)?, record.progress.read(context)?);
        let left = token::hold_of(context, funds.token, funds.hold)?.amount;
        let released = if status == Status::Closed { record.released.read(context)? } else { 0 };
        Ok(Self { number, status, head, goal, funds, amounts, progress, left, released, record })
    }

    pub(super) fn write(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.record.head.write(context, Head { status: self.status.number(), ..self.head })?;
        self.record.goal.write(context, self.goal)?;
        self.record.funds.write(context, self.funds)?;
        self.record.amounts.write(context, self.amounts)?;
        self.record.progress.write(context, self.progress)
    }

    // ----- questions -------------------------------------------------------------------------------------------------

    /// Units that a state of this amount leaves to be paid now. A seizure takes undecided units first.
    pub fn due_at(&self, cumulative: u128) -> u128 {
        cumulative.saturating_sub(self.progress.paid).min(self.left)
    }

    /// Units owed, on hold and not paid.
    pub fn due(&self) -> u128 {
        self.due_at(self.amounts.owed)
    }

    /// Units on hold that are not owed.
    pub fn undecided(&self) -> u128 {
        self.left.saturating_sub(self.due())
    }

    /// Units that left the hold without this module.
    pub fn seized(&self) -> u128 {
        let known = self.progress.paid.saturating_add(self.released).saturating_add(self.left);
        self.amounts.deposit.saturating_sub(known)
    }

    /// Whether a state is heard at this time.
    pub fn hears_states(&self, now_ms: u64) -> bool {
        self.status == Status::Open || (self.status == Status::Closing && now_ms < self.goal.closes_at_ms)
    }

    pub(super) fn ensure_status(&self, allowed: &[Status]) -> Result<(), Failure> {
        let (channel, status) = (self.number, self.status);
        ensure(allowed.contains(&status), || IChannel::ChannelNotOpen { channelId: channel, status: status.number() })
    }

    /// `cumulative` as units within the deposit and at least `known`, or above it where `newer` asks for it.
    pub(super) fn state(&self, cumulative: U256, known: u128, newer: bool) -> Result<u128, Failure> {
        let (channel, deposit) = (self.number, self.amounts.deposit);
        let units = u128::try_from(cumulative).ok().filter(|units| *units <= deposit).ok_or_else(|| {
            let deposit = U256::from(deposit);
            revert(IChannel::StateExceedsDeposit { channelId: channel, deposit, cumulative })
        })?;
        let current = if newer { units > known } else { units >= known };
        ensure(current, || IChannel::StateOutdated { channelId: channel, known: U256::from(known), cumulative })?;
        Ok(units)
    }

    // ----- effects ---------------------------------------------------------------------------------------------------

    /// Pays what is due, if anything is. The token may refuse: pause, freeze, policy.
    pub(super) fn pay(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (units, payee) = (self.due(), self.goal.payee);
        if units == 0 {
            return Ok(());
        }
        let Funds { token, hold } = self.funds;
        token::post_hold(context, token, (Keeper::Channel, hold), payee, units)?;
        self.left = self.left.saturating_sub(units);
        self.progress.paid = self.progress.paid.saturating_add(units);
        let (amount, paid) = (U256::from(units), U256::from(self.progress.paid));
        context.emit(CHANNEL_ADDRESS, &IChannel::ChannelPaid { channelId: self.number, payee, amount, paid })
    }

    /// Frees what is not owed and strikes the channel off its payer's list.
    pub(super) fn close(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let released = self.undecided();
        let Funds { token, hold } = self.funds;
        if released > 0 {
            token::release_hold(context, token, (Keeper::Channel, hold), released)?;
        }
        self.left = self.left.saturating_sub(released);
        self.released = released;
        self.record.released.write(context, released)?;
        self.status = Status::Closed;
        self.strike(context)?;
        let (owed, released) = (U256::from(self.amounts.owed), U256::from(released));
        context.emit(CHANNEL_ADDRESS, &IChannel::ChannelClosed { channelId: self.number, owed, released })
    }

    /// Puts the channel at the end of its payer's list.
    pub(super) fn list(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let list = layout().listed.at(context, &self.head.payer)?.at(context, &self.funds.token)?;
        self.progress.place = list.len(context)?;
        list.push(context, U256::from(self.number))
    }

    /// Takes the channel off the list; the last one moves into its place.
    fn strike(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let list = layout().listed.at(context, &self.head.payer)?.at(context, &self.funds.token)?;
        let end = list.len(context)?.checked_sub(1).ok_or_else(|| fault(self.number, "is on no list"))?;
        let last = list.get(context, end)?.and_then(|last| u64::try_from(last).ok());
        let last = last.ok_or_else(|| fault(self.number, "is on a list that names no channel"))?;
        if last != self.number {
            list.set(context, self.progress.place, U256::from(last))?;
            let moved = layout().channels.at(context, &last)?.progress;
            let progress = moved.read(context)?;
            moved.write(context, Progress { place: self.progress.place, ..progress })?;
        }
        self.progress.place = 0;
        list.pop(context)
    }
}

pub(super) fn fault(number: u64, what: &str) -> Failure {
    StateFault(format!("channel {number} {what}")).into()
}
