//! Settlement among the participants of a scheme in one token: gross with a central queue, a multilateral run that resolves
//! gridlock, and net in windows. Specification: `specs/settlement.md`.
//!
//! **Place in the way of a payment.** Between banks: a participant submits an instruction, which settles by itself, in a
//! bilateral offset, in a run, or in a window. Units move by [`crate::token`] alone, between the participants' own
//! addresses; this module has none.
//!
//! **State.** Schemes, with participants, lanes and a run each; instructions; windows. See [`layout`].
//!
//! **Invariants.** What is queued agrees with its sums; out of all is into all; a window's positions add up to zero; under
//! FIFO nothing settles that has something of its debtor before it.
//!
//! **Failures.** Typed reverts of [`ISettlement`], in the order of the specification's table, then those of the token.
//!
//! **Limits.** [`PARTICIPANTS_MAX`] participants, [`QUEUE_MAX`] instructions and [`AMOUNT_MAX`] units an instruction;
//! [`STEPS_MAX`] steps a call.

mod abi;
mod board;
mod book;
mod codes;
mod credit;
mod day;
mod dispatch;
pub mod invariants;
mod lanes;
mod later;
pub mod layout;
mod queue;
mod run;
mod scheme;
pub mod solver;
mod views;
mod window;

pub use abi::ISettlement;
pub use codes::{
    AMOUNT_MAX, BASIS_POINTS, BILATERAL_LIMITS_MAX, FORECAST_MAX, OFFSET_MAX, PARTICIPANTS_MAX, PLEDGES_MAX,
    PRICE_SCALE, PRIORITIES, QUEUE_MAX, REASON_CUT_OFF, REASON_VALUE_DATE, RULE_ABORT, RULE_PREFUNDED, RUN_PAUSE_MS,
    RUN_STALE_MS, STEPS_MAX, TIME_AHEAD_MS_MAX, URGENT, WINDOW_STALE_MS,
};
pub use credit::{
    call_margin, draw_credit, pledge, realise_collateral, repay_credit, set_collateral, set_credit_line,
    withdraw_collateral,
};
pub use day::{close_day, open_day};
pub use later::{present, submit_later};
pub use queue::{NewInstruction, cancel, hold, offset, release, reprioritise, submit, swap, unhold};
pub use run::{abandon_run, advance_run, start_run};
pub use scheme::{
    accept_operator, admit_participant, create_scheme, join, leave, propose_operator, resume, set_bilateral_limit,
    set_multilateral_limit, set_reserve, suspend,
};
pub use views::{
    Waiting, bilateral_limit_of, collateral_of, credit_line_of, credit_of, day_of, figures_of, forecast, funds_of,
    instruction_by_reference, instruction_of, is_participant, liquidity_of, participant_at, participant_of, pledge_of,
    position_of, queue_of, ratios_of, run_of, scheme_of, schemes_made, waiting_of, window_of,
};
pub use window::{
    abort_window, assign, close_window, open_window, prefund, settle_window, start_settlement, withdraw_prefund,
};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;

#[cfg(test)]
mod tests;
