//! Operations of channels: checks, then effects, then the event.

use alloy_primitives::{Address, U256};

use super::{
    IChannel,
    layout::{Amounts, Funds, Goal, Head, Progress, layout},
    record::{Channel, Status, fault},
    signing::{close_digest, ensure_signed, state_digest},
};
use crate::{
    CHANNEL_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

/// Shortest challenge period: one minute.
pub const CHALLENGE_MS_MIN: u64 = 60_000;
/// Longest challenge period: thirty days.
pub const CHALLENGE_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// Most channels on a page of a liquidity view.
pub const PAGE_MAX: u64 = 100;

// ----- questions -----------------------------------------------------------------------------------------------------

/// Number of channels.
pub fn channel_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().opened.read(context)
}

/// Units that would be paid if this state were shown now; what is due anyhow if it would be refused.
pub fn payable_at(context: &mut Context<'_>, number: u64, cumulative: U256) -> Result<u128, Failure> {
    let channel = Channel::read(context, number)?;
    let heard = channel.hears_states(context.env().timestamp_ms);
    let state = u128::try_from(cumulative).ok().filter(|units| heard && *units <= channel.amounts.deposit);
    Ok(channel.due_at(state.unwrap_or_default().max(channel.amounts.owed)))
}

/// Units of an owner in its channels that are not closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liquidity {
    /// Units on hold.
    pub held: u128,
    /// Units of them that are owed.
    pub due: u128,
    /// Number of channels on the owner's list.
    pub listed: u64,
}

/// A page of an owner's list, added up.
pub fn liquidity_of(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    start: u64,
    count: u64,
) -> Result<Liquidity, Failure> {
    ensure(count <= PAGE_MAX, || IChannel::ChannelPageTooLarge { count, countMax: PAGE_MAX })?;
    let list = layout().listed.at(context, &owner)?.at(context, &token)?;
    let listed = list.len(context)?;
    let mut sum = Liquidity { listed, ..Liquidity::default() };
    for place in start..start.saturating_add(count).min(listed) {
        let number = list.get(context, place)?.and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
        let channel = Channel::read(context, number)?;
        sum.held = sum.held.saturating_add(channel.left);
        sum.due = sum.due.saturating_add(channel.due());
    }
    Ok(sum)
}

fn ensure_caller(context: &Context<'_>, channel: u64, party: Address) -> Result<(), Failure> {
    let caller = context.caller();
    ensure(caller == party, || IChannel::ChannelCallerNotAllowed { channelId: channel, caller })
}

/// An amount to deposit on top of what is there.
fn deposit(before: u128, amount: U256) -> Result<(u128, u128), Failure> {
    let units = u128::try_from(amount).ok().filter(|units| *units > 0);
    let sum = units.and_then(|units| Some((units, before.checked_add(units)?)));
    sum.ok_or_else(|| revert(IChannel::ChannelAmountInvalid { amount }))
}

// ----- opening -------------------------------------------------------------------------------------------------------

/// Puts the caller's units on hold for a payee.
pub fn open(
    context: &mut Context<'_>,
    token: Address,
    payee: Address,
    amount: U256,
    challenge_ms: u64,
) -> Result<u64, Failure> {
    let payer = context.caller();
    let (units, _) = deposit(0, amount)?;
    ensure(payer != payee && context.can_hold(payee), || IChannel::ChannelPartiesInvalid { payer, payee })?;
    let bounded = (CHALLENGE_MS_MIN..=CHALLENGE_MS_MAX).contains(&challenge_ms);
    ensure(bounded, || IChannel::ChallengePeriodInvalid {
        challengeMs: challenge_ms,
        challengeMsMin: CHALLENGE_MS_MIN,
        challengeMsMax: CHALLENGE_MS_MAX,
    })?;
    token::ensure_token(context, token)?;
    let hold = token::hold(context, token, Keeper::Channel, payer, units)?;
    let opened = layout().opened;
    let number =
        opened.read(context)?.checked_add(1).ok_or_else(|| fault(u64::MAX, "is the last that has a number"))?;
    opened.write(context, number)?;
    let mut channel = Channel {
        number,
        status: Status::Open,
        head: Head { payer, status: Status::Open.number(), challenge_ms },
        goal: Goal { payee, closes_at_ms: 0 },
        funds: Funds { token, hold },
        amounts: Amounts { deposit: units, owed: 0 },
        progress: Progress::default(),
        left: units,
        released: 0,
        record: layout().channels.at(context, &number)?,
    };
    channel.list(context)?;
    channel.write(context)?;
    let event = IChannel::ChannelOpened { channelId: number, payer, payee, token, amount, challengeMs: challenge_ms };
    context.emit(CHANNEL_ADDRESS, &event)?;
    Ok(number)
}

/// Puts more units on hold. A hold cannot grow, so a new one takes its place; payment limits count what is added.
pub fn top_up(context: &mut Context<'_>, number: u64, amount: U256) -> Result<(), Failure> {
    let mut channel = Channel::read(context, number)?;
    ensure_caller(context, number, channel.head.payer)?;
    channel.ensure_status(&[Status::Open])?;
    let (units, sum) = deposit(channel.amounts.deposit, amount)?;
    let Funds { token, hold } = channel.funds;
    channel.funds.hold = token::carry_over(context, token, (Keeper::Channel, hold), (channel.left, units))?;
    channel.amounts.deposit = sum;
    channel.write(context)?;
    let (deposit, hold) = (U256::from(sum), channel.funds.hold);
    context.emit(CHANNEL_ADDRESS, &IChannel::ChannelToppedUp { channelId: number, amount, deposit, holdId: hold })
}

// ----- states --------------------------------------------------------------------------------------------------------

/// Records a state that the payer signed, and pays it if asked to.
pub fn submit_state(
    context: &mut Context<'_>,
    number: u64,
    cumulative: U256,
    signature: &[u8],
    pay_now: bool,
) -> Result<(), Failure> {
    let mut channel = Channel::read(context, number)?;
    channel.ensure_status(&[Status::Open, Status::Closing])?;
    let (now_ms, closes_at_ms) = (context.env().timestamp_ms, channel.goal.closes_at_ms);
    ensure(channel.hears_states(now_ms), || IChannel::ChallengeOver {
        channelId: number,
        closesAtMs: closes_at_ms,
        nowMs: now_ms,
    })?;
    let owed = channel.state(cumulative, channel.amounts.owed, true)?;
    let digest = state_digest(context, number, cumulative)?;
    ensure_signed(context, number, digest, signature, channel.head.payer)?;
    channel.amounts.owed = owed;
    let by = context.caller();
    context.emit(CHANNEL_ADDRESS, &IChannel::StateSubmitted { channelId: number, cumulative, by })?;
    if pay_now {
        channel.pay(context)?;
    }
    channel.write(context)
}

/// Pays what is due.
pub fn pay_out(context: &mut Context<'_>, number: u64) -> Result<(), Failure> {
    let mut channel = Channel::read(context, number)?;
    ensure(channel.due() > 0, || IChannel::ChannelNothingDue { channelId: number })?;
    channel.pay(context)?;
    channel.write(context)
}

// ----- closing -------------------------------------------------------------------------------------------------------

/// Closes with what is owed: the payee gives up the rest.
pub fn close_by_payee(context: &mut Context<'_>, number: u64, pay_now: bool) -> Result<(), Failure> {
    let channel = Channel::read(context, number)?;
    ensure_caller(context, number, channel.goal.payee)?;
    channel.ensure_status(&[Status::Open, Status::Closing])?;
    finish(context, channel, pay_now)
}

/// Says what is owed and begins to close. What the payer says here is its consent to pay it.
pub fn start_close(context: &mut Context<'_>, number: u64, cumulative: U256) -> Result<(), Failure> {
    let mut channel = Channel::read(context, number)?;
    ensure_caller(context, number, channel.head.payer)?;
    channel.ensure_status(&[Status::Open])?;
    channel.amounts.owed = channel.state(cumulative, channel.amounts.owed, false)?;
    let closes_at_ms = context.env().timestamp_ms.saturating_add(channel.head.challenge_ms);
    channel.goal.closes_at_ms = closes_at_ms;
    channel.status = Status::Closing;
    channel.write(context)?;
    let (payer, payee, owed) = (channel.head.payer, channel.goal.payee, cumulative);
    let event = IChannel::ChannelClosing { channelId: number, payer, payee, owed, closesAtMs: closes_at_ms };
    context.emit(CHANNEL_ADDRESS, &event)
}

/// Closes after the challenge.
pub fn finish_close(context: &mut Context<'_>, number: u64, pay_now: bool) -> Result<(), Failure> {
    let channel = Channel::read(context, number)?;
    let status = channel.status;
    ensure(status == Status::Closing, || IChannel::ChannelNotClosing { channelId: number, status: status.number() })?;
    let (now_ms, closes_at_ms) = (context.env().timestamp_ms, channel.goal.closes_at_ms);
    ensure(now_ms >= closes_at_ms, || IChannel::ChallengeRunning {
        channelId: number,
        closesAtMs: closes_at_ms,
        nowMs: now_ms,
    })?;
    finish(context, channel, pay_now)
}

/// Closes with an amount that both want, be it less than what was signed before.
pub fn close_together(
    context: &mut Context<'_>,
    number: u64,
    (cumulative, valid_until_ms): (U256, u64),
    (payer_signature, payee_signature): (&[u8], &[u8]),
    pay_now: bool,
) -> Result<(), Failure> {
    let mut channel = Channel::read(context, number)?;
    channel.ensure_status(&[Status::Open, Status::Closing])?;
    let now_ms = context.env().timestamp_ms;
    ensure(now_ms < valid_until_ms, || IChannel::CloseConsentExpired {
        channelId: number,
        validUntilMs: valid_until_ms,
        nowMs: now_ms,
    })?;
    let owed = channel.state(cumulative, channel.progress.paid, false)?;
    let (payer, payee, caller) = (channel.head.payer, channel.goal.payee, context.caller());
    for (party, signature) in [(payer, payer_signature), (payee, payee_signature)] {
        if caller != party || !signature.is_empty() {
            let digest = close_digest(context, number, cumulative, valid_until_ms)?;
            ensure_signed(context, number, digest, signature, party)?;
        }
    }
    channel.amounts.owed = owed;
    finish(context, channel, pay_now)
}

/// Closes with what is owed and pays it if asked to.
fn finish(context: &mut Context<'_>, mut channel: Channel, pay_now: bool) -> Result<(), Failure> {
    channel.close(context)?;
    if pay_now {
        channel.pay(context)?;
    }
    channel.write(context)
}
