//! Escrows: units on hold that a condition grants to the payee and a deadline decides at last. Specification:
//! `specs/escrow.md`.
//!
//! **Place in the way of a payment.** Before it: units are reserved in the payer's balance by [`crate::token`]'s holds and
//! paid out of it when the condition is met, through the same gate as any movement.
//!
//! **State.** A record an escrow: parties, hold, amounts, deadline and outcomes, approvers, parts. See [`layout`].
//!
//! **Invariants.** Paid, refunded and held units never exceed the amount; what a decided escrow still holds is due; each
//! hold belongs to one escrow and to its payer.
//!
//! **Failures.** Typed reverts of [`IEscrow`], and the token's where units move. Granting is kept apart from paying, so that a
//! freeze delays a payment and never undoes a condition that was met in time.
//!
//! **Limits.** [`APPROVERS_MAX`] approvers, [`PARTS_MAX`] parts, [`TERM_MS_MAX`] until the deadline, [`RULING_MS_MAX`] for an
//! arbiter.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;
mod record;
mod terms;

pub use abi::IEscrow;
pub use ops::{
    approve, conclude, dispute, escrow_count, has_approved, open, part_of, pay_out, refund, release, reveal, rule,
    submit_evidence, terms_of,
};
pub use record::{Cause, Escrow, Outcome, Status};
pub use terms::{APPROVERS_MAX, PARTS_MAX, RULING_MS_MAX, TERM_MS_MAX};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;

#[cfg(test)]
mod tests;
