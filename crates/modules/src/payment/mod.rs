//! Payments with a life of their own: identified once for all, pending, parked, returned, in batches, under mandates, on
//! request. Specification: `specs/payment.md`.
//!
//! **Place in the way of a payment.** The payment itself, where a transfer does not suffice: a bank's order arrives here
//! with its UETR and ends in the token's one gate for movements.
//!
//! **State.** Two slots a payment by payer and UETR, two more while it waits; mandates and requests by number. See
//! [`layout`]. Units stay with their owners: what waits is a hold of the token.
//!
//! **Invariants.** A payer uses a UETR once; what waits is resolved once; a payment is returned once under each reference,
//! and returns are at most what was received; what
//! this module keeps on hold is what its waiting payments reserve; nobody collects beyond a mandate.
//!
//! **Failures.** Typed reverts of [`IPayment`], then those of the token. The idempotency key is looked up first: an order
//! that is sent again always learns what became of the first.
//!
//! **Limits.** [`EXPIRY_AHEAD_MS_MAX`] of waiting, [`SWEEP_MAX`] payments a sweep, [`RETURNS_MAX`] returns a payment,
//! [`crate::token::BATCH_ITEMS_MAX`] items a batch.

// Events and orders are flat lists in the ABI, and so are the constructors that `sol!` makes of them.
#[allow(clippy::too_many_arguments)]
mod abi;
mod batches;
mod calendar;
mod codes;
mod dispatch;
mod exchanged;
pub mod invariants;
pub mod layout;
mod mandates;
mod orders;
mod pending;
mod record;
mod requests;
mod returns;

pub use abi::IPayment;
pub use batches::{BatchMode, PaidBatch, pay_batch};
pub use dispatch::{payment_of, request_of, return_of};
pub use mandates::{Agreement, cancel_mandate, collect, create_mandate, create_standing_order, execute, mandate_uetr};
pub use orders::{EXPIRY_AHEAD_MS_MAX, Order, PRIORITY_MAX, pay, reserve};
pub use pending::{SWEEP_MAX, expire, post, release, sweep, void};
pub use record::State;
pub use requests::{Request, RequestState, accept, cancel_request, refuse, request_payment, request_under};
pub use returns::{RETURNS_MAX, Return, return_payment};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::{BATCH_INPUT_BYTES_MAX, dispatch};
pub(crate) use exchanged::{Exchanged, ensure_unused, is_settled, record_exchanged};

#[cfg(test)]
mod tests;
