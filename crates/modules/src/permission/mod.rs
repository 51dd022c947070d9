//! Permissions: who may send transactions, who may deploy contracts and make tokens, which nodes may connect, and how
//! much gas a sender may use where gas costs nothing. Specification: `specs/permission.md`.
//!
//! **Place in the way of a payment.** Admission and execution ask [`may_transact`], [`may_deploy`] and [`quota`] before
//! a transaction costs anything; consensus reads [`nodes()`] and [`may_connect`] when peers change.
//!
//! **State.** One slot of settings, one slot an account (listings, roles, gas used), the list of nodes. See [`layout`].
//!
//! **Invariants.** There is always an admin. The admin may always transact, so that nobody can lock the network out of
//! its own permissions; a validator may always connect. Each key in the list of nodes has a record that points back. Whoever
//! registered a node where connecting is open has that one only.
//!
//! **Failures.** Typed reverts of [`IPermission`]; permissions themselves never revert, they answer yes or no.
//!
//! **Limits.** [`BATCH_MAX`] accounts a call, [`NODES_MAX`] nodes, [`NODE_TEXT_BYTES_MAX`] bytes of name and endpoint.

mod abi;
mod dispatch;
pub mod invariants;
pub mod layout;
mod nodes;
mod ops;
pub mod quota;

pub use abi::IPermission;
pub use nodes::{NODE_TEXT_BYTES_MAX, NODES_MAX, Node, add_node, get_node, may_connect, node_at, node_count, nodes};
pub use ops::{
    BATCH_MAX, Capability, NODE_ROLE_FOLLOWER, NODE_ROLE_VALIDATOR, ROLE_DEVELOPER, ROLE_PARTICIPANT, accept_admin,
    access_of, admin, is_listed, may_deploy, may_transact, pending_admin, propose_admin, roles_of, set_access,
    set_listed, set_roles,
};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use nodes::{is_registered, owner_of, register};
pub(crate) use ops::{enrol, initialise};

#[cfg(test)]
mod tests;
