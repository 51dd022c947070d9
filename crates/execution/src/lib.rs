//! A block applied to a state: protocol rules, the Ethereum virtual machine, native modules, receipts.
//!
//! **Place in the way of a payment.** [`admit()`] is what the pool asks (step 3). The leader fills a block with [`build`],
//! the others repeat it with [`execute()`] (step 4). Both are functions of the state before, the rules and the block, and
//! give a changeset and receipts. [`assemble`], [`check_header`] and [`check_outcome`] bind the outcome to a header.
//! [`call`], [`estimate_gas`], [`create_access_list`] and the traces answer questions and keep nothing.
//!
//! **State.** Read through [`florin_types::StateView`], each key once a block. What changed comes back as a
//! [`florin_types::Changeset`]; nothing else remains.
//!
//! **Invariants.** The same transactions on the same state give the same bytes, whoever runs them. What a leader builds,
//! [`execute()`] repeats. Admission and execution reach the same verdict. Whatever a transaction does it does whole or not
//! at all, modules included. No transaction, block, request or code makes this crate panic.
//!
//! **Failures.** A [`Rejection`] is never included and has a permanent code. A revert is included, with its receipt. A
//! [`florin_types::StateFault`] is this machine's own: no verdict follows from it. They are never turned into one another.
//!
//! **Limits.** Blocks, transactions and lanes by `Rules`; calls by [`CallLimits`]; traces by [`TraceLimits`].
//!
//! **Pure.** No I/O, no clock, no randomness, no async, no floats, no unordered iteration. Only this crate knows revm.
//! The rules in prose: `specs/execution.md`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects))]

mod admit;
mod block;
mod check;
mod env;
mod execute;
mod genesis;
mod hints;
mod machine;
mod overlay;
#[cfg(feature = "planted")]
pub mod planted;
mod receipts;
mod rejection;
mod request;
mod revert;
mod simulate;
mod simulate_blocks;
#[cfg(test)]
mod tests;
mod trace;

pub use admit::{Admission, AdmitError, admit};
pub use block::{HeaderError, OutcomeError, assemble, check_header, check_outcome};
pub use env::{BENEFICIARY, BlockEnv};
pub use execute::{Candidates, ExecuteError, Executed, build, contract_address, effective_gas_price, execute, lane};
pub use genesis::{CREATE2_DEPLOYER_ADDRESS, GenesisStateError, genesis_block, genesis_state};
pub use machine::Stop;
pub use rejection::{Disposition, Lane, Rejection};
pub use revert::{RevertReason, decode_revert};
pub use simulate::{
    AccessListOutcome, CallError, CallLimits, CallOutcome, CallStatus, Overrides, call, create_access_list,
    estimate_gas,
};
pub use simulate_blocks::{
    BlockRequest, Refusal, SIMULATED_BLOCKS_MAX, SimulateError, SimulateOptions, SimulatedBlock, simulate_blocks,
};
pub use trace::{TraceError, TraceLimits, trace_block, trace_call, trace_transaction};

pub use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
pub use alloy_rpc_types_trace::geth::{GethDebugTracingOptions, GethTrace};
