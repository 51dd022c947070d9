//! The token factory: makes tokens and finds them by symbol. Specification: `specs/token.md`.
//!
//! **Place in the way of a payment.** None: it acts once in a token's life.
//!
//! **State.** How many tokens there are, and the token of each symbol. See [`layout`].
//!
//! **Invariants.** Tokens are numbered from 1 without gaps; number and address determine each other; no two tokens
//! share a symbol.
//!
//! **Failures.** Typed reverts of [`IFactory`], in the order of its arguments, after the caller's right to deploy.
//!
//! **Limits.** [`NAME_BYTES_MAX`] bytes of name; symbol and decimals as [`florin_types::Currency`] has them.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;

pub use abi::IFactory;
pub use ops::{NAME_BYTES_MAX, NewToken, address_of, create_token, token_at, token_count, tokens};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use ops::create;

#[cfg(test)]
mod tests;
