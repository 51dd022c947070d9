//! Simulation.
use crate::{BlockEnv, BlockOverrides, Rejection, StateOverride, TransactionRequest};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::Log;
use florin_types::{Bytes, Rules, StateFault, StateView};

/// Bounds of one simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Most gas that one call may use.
    pub gas_max: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { gas_max: 50_000_000 }
    }
}

/// What a caller pretends.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Accounts and slots.
    pub state: Option<StateOverride>,
    /// Fields of the block.
    pub block: Option<Box<BlockOverrides>>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// With this output.
    Success(Bytes),
    /// Reverted with this data.
    Revert(Bytes),
    /// Stopped by the machine (out of gas, invalid opcode), which used up all gas.
    Halt(String),
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub status: CallStatus,
    /// Gas used.
    pub gas_used: u64,
    /// Events.
    pub logs: Vec<Log>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request contradicts itself.
    #[error("invalid request: {0}")]
    Request(String),
    /// The transaction would be rejected.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The transaction would revert with this data (estimates only).
    #[error("execution reverted")]
    Reverted(Bytes),
    /// The transaction would be stopped by the machine (estimates only).
    #[error("execution halted: {0}")]
    Halted(String),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// What a call touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// The list.
    pub access_list: AccessList,
    /// Gas used with that list.
    pub gas_used: u64,
    /// How the call failed, if it did.
    pub error: Option<String>,
}

/// `eth_call`: runs a request on a state, keeps nothing.
pub fn call(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<CallOutcome, CallError> {
    let _ = (view, chain_id, rules, env, request, overrides, limits);
    unimplemented!()
}

/// `eth_estimateGas`: the least gas limit with which the request succeeds.
pub fn estimate_gas(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<u64, CallError> {
    let _ = (view, chain_id, rules, env, request, overrides, limits);
    unimplemented!()
}

/// `eth_createAccessList`: what the request touches, and its gas with that list.
pub fn create_access_list(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<AccessListOutcome, CallError> {
    let _ = (view, chain_id, rules, env, request, overrides, limits);
    unimplemented!()
}
