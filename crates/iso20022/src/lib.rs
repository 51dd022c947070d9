//! ISO 20022 messages: read, held to their schema and to the rules, mapped, written, answered.
//!
//! **Purpose.** A bank's systems send and expect these messages. [`accept`] takes bytes and gives what is good of them in the
//! words of [`model`], or says everything that is wrong: which rule, which value, the exact place, a reason code of ISO.
//! [`Accepted::answer`] and [`Rejection::answer`] make the pacs.002 or pain.002 for it.
//!
//! **Place in the way of a payment.** Before its first step: the gateway reads a message here, and what it takes over becomes
//! a transaction. After its last: receipts become statuses, notifications and statements.
//!
//! **How it works.** [`parse`] decodes bytes and reads XML or JSON into a tree of a generated table (`schema`) that knows every
//! element of every version. [`check`] holds the tree to rules across fields. [`model::Message`] reads and writes the tree.
//!
//! **Invariants.** An [`Envelope`] is what its schema says. What is written reads back equal. Same bytes, same result.
//!
//! **Failures.** A [`Rejection`] for the message as a whole; refused items in [`Accepted`]. Nothing is taken over by halves.
//!
//! **Limits.** [`Limits`] bounds bytes, depth, elements, values and problems. What is left out stands in `specs/iso20022.md`.
//!
//! **Pure.** No I/O, no clock, no randomness, no async, no floats, no unordered iteration.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects))]

mod answer;
mod builder;
mod decode;
mod emit;
mod envelope;
mod identifier;
mod json;
mod limits;
pub mod model;
mod problem;
mod reference;
mod rules;
mod schema;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod xml;

pub use answer::{Accepted, Mark, accept};
pub use envelope::{Envelope, parse};
pub use limits::{Intake, Limits};
pub use problem::{Kind, Original, OriginalItem, Problem, Rejection, Scope};
pub use rules::{Findings, Profile, Scheme, check};
pub use schema::Definition;
pub use tree::Tree;

/// Digits of the minor unit of a currency that payments are made in (ISO 4217); `None` for any other code.
pub fn currency_digits(code: &str) -> Option<u8> {
    reference::currency_digits(code).flatten()
}

/// The code of `ExternalStatusReason1Code` that is written so; `None` where ISO's list has no such code.
pub fn status_reason(code: &str) -> Option<&'static str> {
    let codes = schema::external("ExternalStatusReason1Code")?;
    codes.iter().copied().find(|known| *known == code)
}

/// The messages of CBPR+ and HVPS+, in the versions that are written here.
pub const CBPR_PLUS: &[&str] = &[
    "pain.001.001.09",
    "pain.002.001.10",
    "pacs.008.001.08",
    "pacs.009.001.08",
    "pacs.002.001.10",
    "pacs.004.001.09",
    "pacs.028.001.03",
    "camt.056.001.08",
    "camt.029.001.09",
    "camt.052.001.08",
    "camt.053.001.08",
    "camt.054.001.08",
];
/// The header that goes with them.
pub const HEADER_VERSION: &str = "head.001.001.02";
