//! `debug_trace…`: a block is executed again on the state before it, and watched.

use crate::{
    args::{Args, Fields, FromValue, Json, Problem, excerpt, field, object},
    arguments::{BlockOverrideArgument, StateOverrideArgument},
    backend::Context,
    error::RpcError,
    methods::{
        blocks::{named_by_hash, named_by_number},
        calls::{Purpose, Simulation, simulation},
    },
};
use alloy_primitives::B256;
use florin_execution::{BlockEnv, GethDebugTracingOptions, GethTrace, Overrides};
use florin_state::FinalizedBlock;
use florin_types::{Height, VerifiedTx};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{num::NonZeroUsize, sync::Arc};

/// Threads that recover the senders of a block that is traced.
const RECOVERY_THREADS: NonZeroUsize = NonZeroUsize::MIN;

fn options(args: &Args, index: usize) -> Result<GethDebugTracingOptions, RpcError> {
    Ok(args.optional::<Json<GethDebugTracingOptions>>(index)?.map(|options| options.0).unwrap_or_default())
}

/// The height whose state a block was executed on.
fn parent_height(block: &FinalizedBlock) -> Result<Height, RpcError> {
    block.block.height().checked_sub(1).ok_or_else(|| {
        RpcError::refused("genesis_not_traceable", "genesis is not traceable: no transaction made block 0")
    })
}

/// The transactions of a block with their senders: most of them are remembered.
fn verified(context: &Context, block: &FinalizedBlock) -> Result<Vec<VerifiedTx>, RpcError> {
    context
        .pool
        .cache()
        .verify_block(block.block.transactions(), context.chain_id(), RECOVERY_THREADS)
        .map_err(|(index, error)| RpcError::fault(&format!("transaction {index} of a final block: {error}")))
}

pub(crate) async fn transaction(context: &Arc<Context>, args: &Args) -> Result<GethTrace, RpcError> {
    let hash = args.required::<B256>(0)?;
    let options = options(args, 1)?;
    let located = context.chain.transaction(hash).await?.ok_or_else(|| {
        RpcError::refused("unknown_transaction", format!("transaction not found: {hash} is not in a final block"))
    })?;
    let (block, index) = (located.block, located.index);
    let shared = context.clone();
    context
        .simulate(parent_height(&block)?, move |view, stop| {
            let limits = shared.trace_limits(stop);
            let txs = verified(&shared, &block)?;
            florin_execution::trace_transaction(
                view,
                shared.chain_id(),
                shared.rules(block.block.height()),
                &BlockEnv::of(&block.block),
                block.block.hash(),
                &txs,
                index,
                &options,
                &limits,
            )
            .map_err(RpcError::from)
        })
        .await
}

/// A trace in the list of a block's traces.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockTrace {
    tx_hash: B256,
    result: GethTrace,
}

async fn trace_block(
    context: &Arc<Context>,
    block: Option<Arc<FinalizedBlock>>,
    options: GethDebugTracingOptions,
) -> Result<Vec<BlockTrace>, RpcError> {
    let block = block.ok_or_else(|| RpcError::unknown_block("of that name on this node"))?;
    let hashes: Vec<B256> = block.block.transactions().iter().map(|tx| *tx.tx_hash()).collect();
    let shared = context.clone();
    let traces = context
        .simulate(parent_height(&block)?, move |view, stop| {
            let limits = shared.trace_limits(stop);
            let txs = verified(&shared, &block)?;
            florin_execution::trace_block(
                view,
                shared.chain_id(),
                shared.rules(block.block.height()),
                &BlockEnv::of(&block.block),
                block.block.hash(),
                &txs,
                &options,
                &limits,
            )
            .map_err(RpcError::from)
        })
        .await?;
    Ok(hashes.into_iter().zip(traces).map(|(tx_hash, result)| BlockTrace { tx_hash, result }).collect())
}

pub(crate) async fn block_by_number(context: &Arc<Context>, args: &Args) -> Result<Vec<BlockTrace>, RpcError> {
    let options = options(args, 1)?;
    trace_block(context, named_by_number(context, args).await?, options).await
}

pub(crate) async fn block_by_hash(context: &Arc<Context>, args: &Args) -> Result<Vec<BlockTrace>, RpcError> {
    let options = options(args, 1)?;
    trace_block(context, named_by_hash(context, args).await?, options).await
}

/// Options of `debug_traceCall`: how to trace, and what to pretend.
#[derive(Debug, Default)]
struct TraceCallOptions {
    tracing: GethDebugTracingOptions,
    overrides: Overrides,
}

impl FromValue for TraceCallOptions {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        if fields.get("txIndex").is_some() {
            return Err(Problem::new("a call is traced on the state after a block: leave it out").inside("txIndex"));
        }
        fields.only(&[TRACING, &["stateOverrides", "blockOverrides"]].concat())?;
        let overrides = Overrides {
            state: field::<StateOverrideArgument>(&fields, "stateOverrides")?.map(|argument| argument.0),
            block: field::<BlockOverrideArgument>(&fields, "blockOverrides")?.map(|argument| Box::new(argument.0)),
        };
        Ok(Self { tracing: tracing(&fields)?, overrides })
    }
}

/// What geth's tracers can be told.
const TRACING: &[&str] = &[
    "tracer",
    "tracerConfig",
    "timeout",
    "reexec",
    "enableMemory",
    "disableMemory",
    "disableStack",
    "disableStorage",
    "enableReturnData",
    "disableReturnData",
    "debug",
    "limit",
];

/// The options of the tracer alone, without what stands beside them.
fn tracing(fields: &Fields<'_>) -> Result<GethDebugTracingOptions, Problem> {
    let mut options = serde_json::Map::new();
    for name in TRACING {
        if let Some(Json(value)) = field::<Json<serde_json::Value>>(fields, name)? {
            options.insert((*name).to_owned(), value);
        }
    }
    serde_json::from_value(options.into()).map_err(|error| Problem::new(excerpt(&error.to_string())))
}

pub(crate) async fn call(context: &Arc<Context>, args: &Args) -> Result<GethTrace, RpcError> {
    let TraceCallOptions { tracing, overrides } = args.optional(2)?.unwrap_or_default();
    let Simulation { height, chain_id, rules, env, request } = simulation(context, args, Purpose::Look).await?;
    let shared = context.clone();
    context
        .simulate(height, move |view, stop| {
            let (call_limits, limits) = (shared.call_limits(stop.clone()), shared.trace_limits(stop));
            florin_execution::trace_call(
                view,
                chain_id,
                &rules,
                &env,
                &request,
                &overrides,
                &tracing,
                &call_limits,
                &limits,
            )
        })
        .await
}
