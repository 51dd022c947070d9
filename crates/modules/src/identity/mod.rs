//! Identity: persons, the addresses that act for them, and credentials that accredited verifiers gave them. No personal
//! data: a person is a number, evidence a salted commitment. Specification: `specs/identity.md`.
//!
//! **Place in the way of a payment.** Policies ask [`person_of`] for the parties of a movement and [`credential`] for
//! what their persons may do; limits count by person. Calls no other module.
//!
//! **State.** Offices of an account, one slot a link, a record a person, three slots a credential. See [`layout`].
//!
//! **Invariants.** There is an admin. An address belongs to at most one person, which lists it. An LEI is valid and
//! leads to one person. What was given has a verifier, a commitment and a value of its kind.
//!
//! **Failures.** Typed reverts of [`IIdentity`]; questions answer "nobody" and "none".
//!
//! **Limits.** [`ADDRESSES_MAX`] addresses a person, one credential of each kind.

mod abi;
mod credentials;
mod dispatch;
pub mod invariants;
pub mod layout;
mod lei;
mod links;
mod offices;
mod persons;

pub use abi::IIdentity;
pub use credentials::{
    Credential, CredentialKind, credential, give_credential, jurisdiction_of, renew_credential, revoke_credential,
};
pub use lei::is_valid_lei;
pub use links::{
    ADDRESSES_MAX, LinkSignature, accept_link, addresses_of, link_by_signature, link_digest, person_of, propose_link,
    unlink, withdraw_link,
};
pub use offices::{
    VerifierStatus, accept_admin, admin, is_accreditor, is_registrar, pending_admin, propose_admin, set_accreditor,
    set_registrar, set_verifier, verifier_status,
};
pub use persons::{PersonKind, assign_registrar, person_count, person_of_lei, register_person, registrar_of};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use links::link_place;
pub(crate) use offices::initialise;

#[cfg(test)]
mod tests;
