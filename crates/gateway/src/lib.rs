//! The gateway: what a bank's systems talk to. ISO 20022 in, payments on the ledger, ISO 20022 out.
//!
//! **Place in the way of a payment.** Before its first step and after its last: a message becomes signed bytes, and what is
//! final becomes its answer.
//!
//! **Rooms.** [`access`] says who calls and what it may; `inbox` and `folder` make what arrives durable; the desk reads it and decides which orders it is; the [`book`]
//! says who is meant; the teller signs, sends and follows; the journal reads what happened on accounts that are served; `outbox`
//! and `statement` write; `api` is HTTP; [`audit`] keeps who did what. A [`Gateway`] is all of them, round after round.
//!
//! **State.** One database (SQLite or PostgreSQL): messages, orders, what was signed, answers, entries. It owns no balance.
//!
//! **Invariants.** What arrives is durable before it is confirmed, what is signed before it is sent, an answer before it is
//! given. A message has one final answer, a payment one UETR. An order that is signed is left only by what the ledger proved.
//!
//! **Failures.** What is wrong with a message is its answer. A [`GatewayError`] is the gateway's own trouble; most pass.
//!
//! **Limits.** See `specs/gateway.md`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
mod api;
pub mod audit;
mod batch;
pub mod book;
mod chain;
#[cfg(test)]
mod chain_tests;
mod desk;
mod error;
mod exceptions;
mod faults;
mod folder;
mod gateway;
mod identity;
mod inbox;
mod journal;
mod office;
mod order;
mod outbox;
mod outcomes;
mod plan;
#[cfg(test)]
mod plan_tests;
mod quote;
mod reason;
mod request;
mod request_to_pay;
mod statement;
mod store;
mod teller;
mod webhook;

pub use api::{decode_body, decode_cursor, message_of_payment, openapi_json, postman_json};
#[doc(hidden)]
pub use batch::message_of_lines;
pub use error::GatewayError;
pub use faults::Faults;
pub use gateway::{Controls, Gateway, Setup};
pub use identity::Uetr;
pub use office::{ScreeningConfig, decode_screening};
pub use order::{Outcome, State, group_status};
pub use reason::Reason;
pub use webhook::Webhook;
