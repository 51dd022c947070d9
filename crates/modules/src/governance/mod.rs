//! Governance: how the network decides about itself. Seats vote on proposals, whose actions are calls that governance
//! makes as an account; guardians pause a module in an emergency. Specification: `specs/governance.md`.
//!
//! **Place in the way of a payment.** Execution reads [`standing`] before every transaction, one slot; while a module is
//! paused, what would change its state reverts. Permission asks [`is_member`] before it refuses a sender.
//!
//! **State.** One slot of status, one of parameters, registers of seats and guardians with their weights over time,
//! proposals with their ballots and actions, one slot a pause. See [`layout`].
//!
//! **Invariants.** All seats together are always a quorum. A proposal counts the weights of the time at which it was
//! made, each once. It is executed once, between the end of its time lock and its expiry, whole or not at all. Nothing
//! is paused without a proposal that was executed, and nothing without an end. Governance itself is never paused, and
//! what it does passes every pause.
//!
//! **Failures.** Typed reverts of [`IGovernance`], and those of what an action calls. An execution that fails leaves the
//! proposal as it was.
//!
//! **Limits.** [`SEATS_MAX`] seats, [`GUARDIANS_MAX`] guardians, [`ACTIONS_MAX`] actions and [`ACTION_BYTES_MAX`] bytes
//! of input a proposal. No operation loops over seats or proposals. Validators are listed in [`committee`], where the
//! network has epochs; the engine deals shares to those who are listed. Who contradicts itself is convicted: [`punishment`].

mod abi;
mod actions;
pub mod committee;
mod decision;
mod dispatch;
mod execution;
pub mod invariants;
pub mod layout;
mod ops;
mod pauses;
mod proposals;
pub mod punishment;
mod register;
mod views;

use crate::context::{Context, Failure, ensure};

pub use abi::IGovernance;
pub use actions::{ACTION_BYTES_MAX, ACTIONS_MAX};
pub(crate) use decision::share;
pub use decision::{BASIS_POINTS, Kind, State};
pub use execution::{code, is_execution};
pub use ops::{GUARDIANS_MAX, PERIOD_MS_MAX, PERIOD_MS_MIN, SEAT_NAME_BYTES_MAX, SEATS_MAX};
pub use pauses::{PAUSE_MS_MAX, PausedModules, Standing, standing};
pub use proposals::{EMERGENCY_VOTING_MS, cancel, cast_vote, propose, veto};
pub use views::{
    action_of, ballot_of, guardian_at, guardian_count, is_guardian, is_member, parameters, pause_of, proposal_count,
    proposal_of, seat_at, seat_count, seat_of, weight_at,
};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use ops::initialise;
pub(crate) use pauses::refusal;

/// Refuses everything on a network without governance.
fn require_established(context: &mut Context<'_>) -> Result<(), Failure> {
    let is_established = layout::layout().status.read(context)?.is_established;
    ensure(is_established, || IGovernance::GovernanceAbsent {})
}

#[cfg(test)]
mod tests;
