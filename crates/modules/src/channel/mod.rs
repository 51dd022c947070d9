//! Payment channels: units on hold of which a payee takes what the payer signed off the ledger. Specification:
//! `specs/channel.md`.
//!
//! **Place in the way of a payment.** Around it: two transactions on the ledger carry as many payments as the parties
//! sign. Units move by [`crate::token`]'s holds, through the same gate as any movement.
//!
//! **State.** A record a channel, and a list of those not closed by payer and token. See [`layout`].
//!
//! **Invariants.** Paid <= owed <= deposit; a closed channel holds only what is due; each hold belongs to one channel.
//!
//! **Failures.** Typed reverts of [`IChannel`], and the token's where units move. States are recorded apart from paying,
//! so that a freeze never makes a payee lose a challenge.
//!
//! **Limits.** Challenge periods between [`CHALLENGE_MS_MIN`] and [`CHALLENGE_MS_MAX`], [`PAGE_MAX`] channels a page.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;
mod record;
mod signing;

pub use abi::IChannel;
pub use ops::{
    CHALLENGE_MS_MAX, CHALLENGE_MS_MIN, Liquidity, PAGE_MAX, channel_count, close_by_payee, close_together,
    finish_close, liquidity_of, open, pay_out, payable_at, start_close, submit_state, top_up,
};
pub use record::{Channel, Status};
pub use signing::{close_digest, state_digest};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;

#[cfg(test)]
mod tests;
