//! Policies: who may take part in a movement and on what terms. Lists of addresses, conditions on persons, limits, and
//! combinations of them, that tokens reference by number. Changed once, a policy is in force everywhere with the next
//! transaction. Specification: `specs/policy.md`.
//!
//! **Place in the way of a payment.** Each movement of a token passes [`decide()`] before and `record` after it. Asks
//! *identity* for persons and credentials; is asked by *token* alone.
//!
//! **State.** A record a policy; members of lists, operands of combinations, terms of conditions and rules; what payers
//! used of limits; exchanges of data under the travel rule. See [`layout`].
//!
//! **Invariants.** A combination references only policies that existed before it and never changes, so that no cycle
//! can arise; its depth is at most [`DEPTH_MAX`], one question asks at most [`LISTS_MAX`] lists, one movement meets at
//! most [`RULES_MAX`] rules. A list or rule always has an admin.
//!
//! **Failures.** Typed reverts of [`IPolicy`]. A question about a policy that does not exist reverts; it is never "yes".
//!
//! **Limits.** [`BATCH_MAX`] accounts a call, [`LISTS_MAX`] lists and [`DEPTH_MAX`] levels a combination.

mod abi;
mod accounts;
mod calendar;
mod decide;
mod dispatch;
pub mod invariants;
mod kinds;
pub mod layout;
mod limits;
mod ops;
mod receipt;
mod rules;
mod travel;

pub use abi::IPolicy;
pub use accounts::{first_forbidden, is_allowed};
pub use decide::{Broken, Decision, HoldingOf, Movement, Outcome, Refusal, decide};
pub use kinds::{Kind, Purpose};
pub use limits::Count;
pub use ops::{
    BATCH_MAX, CLOSED, DEPTH_MAX, FIRST_CREATED, LISTS_MAX, OPEN, RULES_MAX, accept_admin, add_members,
    create_combination, create_list, ensure_exists, exists, get, is_member, operands_of, propose_admin, remove_members,
};
pub use receipt::{Replayed, replay, version_of};
pub use rules::{HoldingOutcome, create_condition, create_jurisdiction_condition};

pub(crate) use abi::SOURCE;
pub(crate) use accounts::Asked;
pub(crate) use decide::record;
pub(crate) use dispatch::dispatch;
pub(crate) use limits::give_back;
pub(crate) use ops::found;
pub(crate) use receipt::code_of;

#[cfg(test)]
mod tests;
