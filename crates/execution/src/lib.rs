//! A block applied to a state: protocol rules, the Ethereum virtual machine, native modules, receipts.
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
mod rejection;
mod request;
mod revert;
mod simulate;
mod trace;

pub use admit::{Admission, AdmitError, admit};
pub use block::{HeaderError, OutcomeError, assemble, check_header, check_outcome};
pub use env::{BENEFICIARY, BlockEnv};
pub use execute::{Candidates, ExecuteError, Executed, build, contract_address, effective_gas_price, execute, lane};
pub use genesis::{CREATE2_DEPLOYER_ADDRESS, GenesisStateError, genesis_block, genesis_state};
pub use hints::{Hints, hints};
pub use rejection::{Disposition, Lane, Rejection};
pub use revert::{RevertReason, decode_revert};
pub use simulate::{
    AccessListOutcome, CallError, CallLimits, CallOutcome, CallStatus, Overrides, call, create_access_list,
    estimate_gas,
};
pub use trace::{TraceError, TraceLimits, trace_block, trace_call, trace_transaction};

pub use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
pub use alloy_rpc_types_trace::geth::{GethDebugTracingOptions, GethTrace};
