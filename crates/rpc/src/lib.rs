//! Ethereum's JSON-RPC over HTTP and WebSocket, and a `florin_` namespace for what Ethereum has no word for.
//!
//! **Purpose.** Wallets, libraries and tools that were made for Ethereum work unchanged. Nothing that they are told can be
//! taken back: `latest`, `safe` and `finalized` all mean final.
//!
//! **Place in the way of a payment.** First and last: `eth_sendRawTransaction` takes signed bytes, bounded, and turns them
//! into a [`VerifiedTx`](florin_types::VerifiedTx) for the mempool; a receipt that exists says that the payment is final.
//!
//! **State.** None that matters: filters, subscriptions, and the newest blocks in memory. Blocks and state come from
//! [`florin_state::Ledger`], positions from [`florin_index::Index`], which this crate feeds.
//!
//! **Invariants.** A block is shown when its receipts and logs can be found. The methods are one table, from which the
//! server, the OpenRPC document ([`openrpc()`]) and the reference ([`reference()`]) are made. No input makes a handler panic,
//! and if one did, its request would be answered with an error; a subscription would end with its connection.
//!
//! **Failures.** Ethereum's error codes and words, a permanent code in `data.code`, and what to do next.
//!
//! **Limits.** Everything in [`RpcConfig`]: bytes, batches, connections, subscriptions, filters, time, gas, ranges. The
//! network is served by threads of the server's own, and work that takes processor time runs on a bounded number of others.
//! [`Port`] puts other HTTP of the program behind the same door, with the same bounds on clients.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod arguments;
mod backend;
mod budget;
mod chain;
mod clients;
mod config;
mod connection;
mod desk;
mod error;
mod filters;
mod frames;
mod guard;
mod listener;
mod methods;
mod metrics;
mod openrpc;
mod port;
mod server;
mod shapes;
mod socket;
mod subscriptions;
mod tls;
mod visitors;
mod workers;

#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use arguments::decode_arguments;
pub use backend::{Backend, NodeControl, NodeStatus, SubmitError};
pub use clients::{Ban, ClientLimits};
pub use config::RpcConfig;
pub use ipnet::IpNet;
pub use openrpc::{document as openrpc, reference};
pub use port::{Port, client_address};
pub use server::{RpcServer, ServeError, serve};
pub use tls::{Tls, TlsError};
