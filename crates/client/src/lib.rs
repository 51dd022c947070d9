//! The client: typed calls to a node, signers, and a verifier that trusts no server.
//!
//! **Purpose.** Programs in Rust (the command line, the load generator, a bank's own systems) pay, read and check through
//! this crate. [`RpcClient`] speaks to one node; [`Modules`] are the ledger's own; [`Token`] is a currency; [`Signer`] is a key; [`Verifier`] decides by
//! signatures and proofs what a node's answer is worth; [`audit()`] checks the modules' invariants.
//!
//! **Place in the way of a payment.** Step 1, the signed bytes, and the far end of step 7: what is shown to people was
//! verified here.
//!
//! **State.** Connections, and the highest height that a verifier has seen. No cache of balances.
//!
//! **Invariants.** No answer is read beyond its bound, no call waits beyond its timeout, and nothing but reading is sent
//! twice. What a [`Verifier`] returns follows from the network's key alone.
//!
//! **Failures.** [`ClientError`], each with a permanent code, the values and what to do. **Limits.** [`RpcConfig`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answers;
mod audit;
mod error;
mod http;
mod inclusion;
mod modules;
mod rpc;
mod signer;
mod tls;
mod token;
mod verify;
mod watch;

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod rpc_tests;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod verify_tests;

pub use alloy_consensus::TxEip1559;
pub use alloy_rpc_types_eth::TransactionReceipt;
pub use answers::decode_answer;
pub use audit::{Audit, audit};
pub use error::ClientError;
pub use florin_modules::Explanation;
pub use http::{Endpoint, RpcConfig, get_text};
pub use inclusion::{ProvenBlock, ProvenBody, ProvenReceipt};
pub use modules::Modules;
pub use rpc::{BlockSummary, RpcClient};
pub use signer::{Device, Permit, SignedTx, Signer, SignerError};
pub use tls::Roots;
pub use token::{Token, transfer_input};
pub use verify::{FinalHeader, ProvenState, Verifier, VerifyError};
pub use watch::{ChannelState, ChannelWatch, SignedState, WATCHED_MAX, Watched};
