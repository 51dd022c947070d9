//! ISO 20022 messages.
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
