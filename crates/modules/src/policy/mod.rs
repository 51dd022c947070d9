//! Policies: shared lists of addresses, and combinations of them, that tokens reference by number. Changed once, a list
//! is in force everywhere with the next transaction. Specification: `specs/policy.md`.
//!
//! **Place in the way of a payment.** Each movement of a token asks [`first_forbidden`] for its parties.
//!
//! **State.** A record a policy, a flag a member, an array of operands a combination. See [`layout`].
//!
//! **Invariants.** A combination references only policies that existed before it and never changes, so that no cycle
//! can arise; its depth is at most [`DEPTH_MAX`] and one question asks at most [`LISTS_MAX`] lists. A list always has
//! an admin.
//!
//! **Failures.** Typed reverts of [`IPolicy`]. A question about a policy that does not exist reverts; it is never "yes".
//!
//! **Limits.** [`BATCH_MAX`] accounts a call, [`LISTS_MAX`] lists and [`DEPTH_MAX`] levels a combination.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod ops;

pub use abi::IPolicy;
pub use ops::{
    BATCH_MAX, CLOSED, DEPTH_MAX, FIRST_CREATED, Kind, LISTS_MAX, OPEN, accept_admin, add_members, create_combination,
    create_list, ensure_exists, exists, first_forbidden, get, is_allowed, is_member, operands_of, propose_admin,
    remove_members,
};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use ops::found;

#[cfg(test)]
mod tests;
