//! Numbers that the ABI and storage share, and the bounds of the module.

use alloy_primitives::U256;

use super::ISettlement;
use crate::context::{Failure, ensure};

/// Statuses of an instruction.
pub(super) mod status {
    pub(crate) const QUEUED: u8 = 1;
    pub(crate) const HELD: u8 = 2;
    pub(crate) const SETTLED: u8 = 3;
    pub(crate) const CANCELLED: u8 = 4;
    pub(crate) const REJECTED: u8 = 5;
    pub(crate) const ASSIGNED: u8 = 6;
    pub(crate) const WAITING: u8 = 7;
    pub(crate) const LATER: u8 = 8;
}

/// Statuses of a participant.
pub(super) mod member {
    pub(crate) const ADMITTED: u8 = 1;
    pub(crate) const ACTIVE: u8 = 2;
    pub(crate) const SUSPENDED: u8 = 3;
    pub(crate) const LEFT: u8 = 4;
}

/// Phases of a day.
pub(super) mod day {
    pub(crate) const CLOSED: u8 = 0;
    pub(crate) const OPEN: u8 = 1;
    pub(crate) const CLOSING: u8 = 2;
}

/// Phases of a run.
pub(super) mod phase {
    pub(crate) const ENDED: u8 = 0;
    pub(crate) const PREPARE: u8 = 1;
    pub(crate) const SCAN: u8 = 2;
    pub(crate) const DROP: u8 = 3;
    pub(crate) const SETTLE: u8 = 4;
    pub(crate) const SEAL: u8 = 5;
    pub(crate) const ADMIT: u8 = 6;
}

/// Outcomes of a run.
pub(super) mod outcome {
    pub(crate) const OPEN: u8 = 0;
    pub(crate) const SETTLED: u8 = 1;
    pub(crate) const DEADLOCK: u8 = 2;
    pub(crate) const EMPTY: u8 = 3;
    pub(crate) const ABANDONED: u8 = 4;
}

/// States of a window.
pub(super) mod window {
    pub(crate) const OPEN: u8 = 0;
    pub(crate) const CLOSED: u8 = 1;
    pub(crate) const PENDING: u8 = 2;
    pub(crate) const SETTLED: u8 = 3;
    pub(crate) const ABORTED: u8 = 4;
}

/// Default rule of windows: nothing is reserved, an unfunded debit aborts.
pub const RULE_ABORT: u8 = 0;
/// Default rule of windows: net debits stay within what was reserved.
pub const RULE_PREFUNDED: u8 = 1;

/// Priority of what may use the reserve.
pub const URGENT: u8 = 0;
/// Priorities: 0 to 2.
pub const PRIORITIES: u8 = 3;
/// The lane of what is on hold.
pub(super) const HELD_LANE: u8 = PRIORITIES;
/// Lanes of a participant.
pub(super) const LANES: u8 = 4;

/// Participants of a scheme.
pub const PARTICIPANTS_MAX: u32 = 1_024;
/// Largest amount of an instruction, a reserve or a limit: 2^94 - 1.
pub const AMOUNT_MAX: u128 = (1 << 94) - 1;
/// Longest queue of a scheme: its sums stay below 2^112.
pub const QUEUE_MAX: u32 = 1 << 17;
/// Counterparties towards whom a participant may set limits.
pub const BILATERAL_LIMITS_MAX: u32 = 16;
/// Leading instructions of each side in a bilateral offset.
pub const OFFSET_MAX: usize = 16;
/// Places of a queue that a bilateral offset looks at on each side, empty ones included.
pub(super) const OFFSET_PLACES_MAX: u32 = 64;
/// Most steps in one call.
pub const STEPS_MAX: u32 = 20_000;
/// Longest queue that a forecast reads.
pub const FORECAST_MAX: u32 = 2_048;
/// Age at which anyone may give up a run.
pub const RUN_STALE_MS: u64 = 600_000;
/// Time between the beginnings of two runs, if a participant starts the second.
pub const RUN_PAUSE_MS: u64 = 10_000;
/// How long after its deadline, or after the cut-off if it got none, a window without outcome may be aborted by anyone.
pub const WINDOW_STALE_MS: u64 = 3_600_000;
/// Longest business day, and longest time to fund a window: a week.
pub const TIME_AHEAD_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// Pledges of a participant that have units at once.
pub const PLEDGES_MAX: u8 = 16;
/// Parts of a minor unit in which prices of collateral are written.
pub const PRICE_SCALE: u64 = 1_000_000_000;
/// The whole, in basis points.
pub const BASIS_POINTS: u32 = 10_000;
/// Why an instruction was rejected: the cut-off came.
pub const REASON_CUT_OFF: u8 = 1;
/// Why an instruction was rejected: its value date went by before anyone presented it.
pub const REASON_VALUE_DATE: u8 = 2;
/// Largest time that fits its place, in milliseconds.
pub(super) const TIME_MAX_MS: u64 = (1 << 48) - 1;

/// Whether a time lies ahead, and not too far.
pub(super) fn is_ahead(time_ms: u64, now_ms: u64) -> bool {
    time_ms > now_ms && time_ms <= now_ms.saturating_add(TIME_AHEAD_MS_MAX).min(TIME_MAX_MS)
}

/// An amount above zero and within bounds.
pub(super) fn amount(value: U256) -> Result<u128, Failure> {
    let units = limit(value)?;
    ensure(units > 0, || invalid(value))?;
    Ok(units)
}

/// An amount within bounds; zero is one.
pub(super) fn limit(value: U256) -> Result<u128, Failure> {
    let units = u128::try_from(value).unwrap_or(u128::MAX);
    ensure(units <= AMOUNT_MAX, || invalid(value))?;
    Ok(units)
}

fn invalid(amount: U256) -> ISettlement::InstructedAmountInvalid {
    ISettlement::InstructedAmountInvalid { amount, amountMax: U256::from(AMOUNT_MAX) }
}

/// A limit as it is stored: plus 1, and 0 for none, which the ABI's largest number stands for.
pub(super) fn store_limit(value: U256) -> Result<u128, Failure> {
    if value == U256::MAX { Ok(0) } else { Ok(limit(value)?.saturating_add(1)) }
}

/// A stored limit.
pub(super) fn stored_limit(stored: u128) -> Option<u128> {
    stored.checked_sub(1)
}

/// A stored limit as the ABI has it.
pub(super) fn shown_limit(stored: u128) -> U256 {
    stored_limit(stored).map_or(U256::MAX, U256::from)
}

/// A priority that exists.
pub(super) fn priority(priority: u8) -> Result<(), Failure> {
    ensure(priority < PRIORITIES, || ISettlement::SettlementPriorityUnknown { priority })
}

/// A bounded number of steps.
pub(super) fn steps(steps: u32) -> Result<super::solver::Steps, Failure> {
    ensure((1..=STEPS_MAX).contains(&steps), || ISettlement::StepsInvalid { steps, stepsMax: STEPS_MAX })?;
    Ok(super::solver::Steps::new(steps))
}
