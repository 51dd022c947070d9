//! Foreign exchange: firm quotes of providers, executed as payment versus payment. Specification: `specs/fx.md`.
//!
//! **Place in the way of a payment.** Two or three payments in two or three currencies by [`crate::token`]'s gate, in one
//! operation: each is checked as any movement, and the first refusal undoes all.
//!
//! **State.** Providers, nonces used up, posted quotes, trades by debtor and UETR. No amounts. See [`layout`].
//!
//! **Invariants.** A nonce trades once; a debtor's UETR names one trade; in each currency what is given is what is got.
//!
//! **Failures.** Typed reverts of [`IExchange`], and the tokens' where units move.
//!
//! **Limits.** Amounts below 2^128; two hops.

// An event has as many members as it has to tell; the constructor that is generated for it takes them all.
#[allow(clippy::too_many_arguments)]
mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;
mod providers;
mod quote;

pub use abi::IExchange;
pub use ops::{Trade, execute, execute_via, trade_count, trade_of_uetr};
pub use providers::{
    cancel_quote, is_nonce_used, is_posted, post_quote, provider_of, register_provider, request_quote, retire_provider,
    revoke_quotes,
};
pub use quote::{Cost, Offer, Rounding, Side, Usability, ViaCost, cost_via, quote_digest, quote_usability};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;

#[cfg(test)]
mod tests;
