//! Tracing.
use crate::{BlockEnv, CallError, CallLimits, GethDebugTracingOptions, GethTrace, Overrides, TransactionRequest};
use florin_types::{B256, Rules, StateFault, StateView, VerifiedTx};

/// Bounds of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLimits {
    /// Most bytes of memory, stack and data that a trace may record.
    pub recorded_bytes_max: usize,
    /// Most steps of the struct logger.
    pub steps_max: usize,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self { recorded_bytes_max: 64 * 1024 * 1024, steps_max: 1_000_000 }
    }
}

/// Why there is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The tracer or its configuration is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The trace is larger than the node allows.
    #[error("the trace is larger than {0}: trace with callTracer, or disable memory, stack and storage")]
    TooLarge(String),
    /// No such transaction in the block.
    #[error("the block has {count} transactions, there is none at {index}")]
    Index {
        /// Position asked for.
        index: usize,
        /// Transactions in the block.
        count: usize,
    },
    /// The call that was to be traced failed before it ran.
    #[error(transparent)]
    Call(#[from] CallError),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// `debug_traceTransaction`: executes the block's transactions before `index` on the parent's state, then traces.
#[expect(clippy::too_many_arguments, reason = "a block in its place, and how to trace it")]
pub fn trace_transaction(
    parent: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    block_hash: B256,
    txs: &[VerifiedTx],
    index: usize,
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<GethTrace, TraceError> {
    let _ = (parent, chain_id, rules, env, block_hash, txs, index, options, limits);
    unimplemented!()
}

/// `debug_traceBlock…`: a trace of every transaction.
#[expect(clippy::too_many_arguments, reason = "a block in its place, and how to trace it")]
pub fn trace_block(
    parent: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    block_hash: B256,
    txs: &[VerifiedTx],
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<Vec<GethTrace>, TraceError> {
    let _ = (parent, chain_id, rules, env, block_hash, txs, options, limits);
    unimplemented!()
}

/// `debug_traceCall`.
#[expect(clippy::too_many_arguments, reason = "a call in its place, and how to trace it")]
pub fn trace_call(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    options: &GethDebugTracingOptions,
    call_limits: &CallLimits,
    limits: &TraceLimits,
) -> Result<GethTrace, TraceError> {
    let _ = (view, chain_id, rules, env, request, overrides, options, call_limits, limits);
    unimplemented!()
}
