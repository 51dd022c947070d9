//! Vouchers: units on hold for a beneficiary, to be spent at the payees that a policy admits, until they expire.
//! Specification: `specs/voucher.md`.
//!
//! **Place in the way of a payment.** Before it: units are reserved in the sponsor's balance by [`crate::token`]'s holds and paid
//! out of it when the beneficiary says where, through the same gate as any movement.
//!
//! **State.** A record a voucher: sponsor, beneficiary, token, hold, payee policy, times, amounts. See [`layout`].
//!
//! **Invariants.** Spent, handed, returned and held units never exceed the amount; each hold belongs to one voucher and to
//! its sponsor; a voucher that has ended holds nothing.
//!
//! **Failures.** Typed reverts of [`IVoucher`], and the token's where units move.
//!
//! **Limits.** [`VOUCHERS_MAX`] vouchers a call, [`LIFE_MS_MAX`] until the expiry.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;
mod record;

pub use abi::IVoucher;
pub use ops::{
    LIFE_MS_MAX, VOUCHERS_MAX, admits, create, create_many, expire, give_back, hand, spend, terms_of, voucher_count,
};
pub use record::{Status, Voucher};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;

#[cfg(test)]
mod tests;
