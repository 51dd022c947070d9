//! `eth_simulateV1`: blocks that nobody proposes, one on top of the other.

use crate::{
    args::{Args, FromValue, Problem, array, field, object},
    arguments::{BlockOverrideArgument, BlockSelector, CallRequest, StateOverrideArgument},
    backend::Context,
    error::RpcError,
    shapes::{BlockShape, LogShape, Quantity, block_logs},
};
use alloy_primitives::Bytes;
use florin_execution::{
    BlockRequest, CallError, CallOutcome, CallStatus, Overrides, Refusal, SIMULATED_BLOCKS_MAX, SimulateError,
    SimulateOptions, SimulatedBlock, decode_revert,
};
use florin_state::FinalizedBlock;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Calls of one simulation, in all its blocks.
const CALLS_MAX: usize = 1_000;
/// Source: execution-apis, the machine stopped the call.
const STOPPED: i32 = -32015;
/// Source: execution-apis, reverted.
const REVERTED: i32 = 3;

/// What is to be simulated.
struct Payload {
    blocks: Vec<BlockRequest>,
    options: SimulateOptions,
    full_transactions: bool,
}

impl FromValue for Payload {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        fields.only(&["blockStateCalls", "traceTransfers", "validation", "returnFullTransactions"])?;
        let requests = fields.get("blockStateCalls").ok_or_else(|| Problem::new("it is missing"));
        let blocks = requests.and_then(blocks).map_err(|problem| problem.inside("blockStateCalls"))?;
        let flag = |name| Ok(field::<bool>(&fields, name)?.unwrap_or_default());
        Ok(Self {
            blocks,
            options: SimulateOptions { trace_transfers: flag("traceTransfers")?, validation: flag("validation")? },
            full_transactions: flag("returnFullTransactions")?,
        })
    }
}

fn blocks(value: &RawValue) -> Result<Vec<BlockRequest>, Problem> {
    let values = array(value)?;
    if values.is_empty() || values.len() as u64 > SIMULATED_BLOCKS_MAX {
        return Err(Problem::new(format!("{} blocks, want 1 to {SIMULATED_BLOCKS_MAX}", values.len())));
    }
    let mut calls_left = CALLS_MAX;
    let parse = |(index, value)| block(value, &mut calls_left).map_err(|problem: Problem| problem.at(index));
    values.into_iter().enumerate().map(parse).collect()
}

fn block(value: &RawValue, calls_left: &mut usize) -> Result<BlockRequest, Problem> {
    let fields = object(value)?;
    fields.only(&["blockOverrides", "stateOverrides", "calls"])?;
    let overrides = Overrides {
        state: field::<StateOverrideArgument>(&fields, "stateOverrides")?.map(|argument| argument.0),
        block: field::<BlockOverrideArgument>(&fields, "blockOverrides")?.map(|argument| Box::new(argument.0)),
    };
    if let Some(calls) = fields.get("calls") {
        let count = array(calls).map_err(|problem| problem.inside("calls"))?.len();
        *calls_left = calls_left
            .checked_sub(count)
            .ok_or_else(|| Problem::new(format!("more than {CALLS_MAX} calls in all blocks")).inside("calls"))?;
    }
    let calls = field::<Vec<CallRequest>>(&fields, "calls")?.unwrap_or_default();
    Ok(BlockRequest { overrides, calls: calls.into_iter().map(|call| call.0).collect() })
}

/// A block and how its calls ended.
#[derive(Debug, Serialize)]
pub(crate) struct SimulatedShape {
    #[serde(flatten)]
    block: BlockShape,
    calls: Vec<CallShape>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallShape {
    status: Quantity,
    return_data: Bytes,
    gas_used: Quantity,
    logs: Vec<LogShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallFailure>,
}

#[derive(Debug, Serialize)]
struct CallFailure {
    code: i32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes>,
}

fn shape(simulated: SimulatedBlock, full_transactions: bool) -> SimulatedShape {
    let SimulatedBlock { block, receipts, senders, outcomes } = simulated;
    let (block, receipts, senders) = (Arc::new(block), Arc::new(receipts), Arc::new(senders));
    let finished = FinalizedBlock { block, receipts, senders, executed: true };
    let mut logs: Vec<Vec<LogShape>> = outcomes.iter().map(|_| Vec::new()).collect();
    for (log, place) in block_logs(&finished) {
        let of_call = usize::try_from(place.transaction_index).ok().and_then(|index| logs.get_mut(index));
        of_call.into_iter().for_each(|logs| logs.push(LogShape::new(log, place)));
    }
    let calls = outcomes.into_iter().zip(logs).map(|(outcome, logs)| call_shape(outcome, logs)).collect();
    SimulatedShape { block: BlockShape::new(&finished, full_transactions), calls }
}

fn call_shape(outcome: CallOutcome, logs: Vec<LogShape>) -> CallShape {
    let (status, return_data, error) = match outcome.status {
        CallStatus::Success(output) => (1, output, None),
        CallStatus::Revert(data) => {
            let reason = decode_revert(&data).map_or(String::new(), |reason| format!(": {}", reason.message));
            let message = format!("execution reverted{reason}");
            (0, data.clone(), Some(CallFailure { code: REVERTED, message, data: Some(data) }))
        }
        CallStatus::Halt(reason) => {
            let message = format!("vm execution error: {reason}");
            (0, Bytes::new(), Some(CallFailure { code: STOPPED, message, data: None }))
        }
    };
    CallShape { status: Quantity(status), return_data, gas_used: Quantity(outcome.gas_used), logs, error }
}

pub(crate) async fn simulate(context: &Arc<Context>, args: &Args) -> Result<Vec<SimulatedShape>, RpcError> {
    let Payload { blocks, options, full_transactions } = args.required(0)?;
    let selector: BlockSelector = args.optional(1)?.unwrap_or_default();
    let parent = context.chain.require(selector).await?;
    let height = parent.block.height();
    let rules = context.rules(height.saturating_add(1)).clone();
    let shared = context.clone();
    let simulated = context
        .simulate(height, move |view, stop| {
            let (chain_id, limits) = (shared.chain_id(), shared.call_limits(stop));
            florin_execution::simulate_blocks(view, chain_id, &rules, &parent.block, &blocks, options, &limits)
                .map_err(RpcError::from)
        })
        .await?;
    Ok(simulated.into_iter().map(|block| shape(block, full_transactions)).collect())
}

/// Codes. Source: execution-apis, `eth_simulateV1`.
impl From<SimulateError> for RpcError {
    fn from(error: SimulateError) -> Self {
        let message = error.to_string();
        match error {
            SimulateError::Number { .. } => Self::simulation(-38020, "block_number_order", message),
            SimulateError::Time { .. } => Self::simulation(-38021, "block_time_order", message),
            SimulateError::Blocks => Self::simulation(-38026, "too_many_blocks", message),
            SimulateError::BlockGas { .. } => Self::simulation(-38015, "block_gas_limit", message),
            SimulateError::Refused { refusal, rejection, .. } => match refusal {
                Refusal::NonceTooLow => Self::simulation(-38010, "nonce_too_low", message),
                Refusal::NonceTooHigh => Self::simulation(-38011, "nonce_too_high", message),
                Refusal::FeeTooLow => Self::simulation(-38012, rejection.code(), message),
                Refusal::IntrinsicGas => Self::simulation(-38013, rejection.code(), message),
                Refusal::InsufficientFunds => Self::simulation(-38014, rejection.code(), message),
                Refusal::InitCodeTooLarge => Self::simulation(-38025, rejection.code(), message),
                Refusal::Invalid => Self::refused(rejection.code(), message),
            },
            SimulateError::Call { error: CallError::Rejected(rejection), .. } => {
                let code = if rejection.code() == "insufficient_funds" { -38014 } else { -32000 };
                Self::simulation(code, rejection.code(), message)
            }
            SimulateError::Call { error: CallError::Request(_), .. } => Self::invalid_params(message),
            SimulateError::Call { error, .. } | SimulateError::Overrides(error) => error.into(),
            SimulateError::Fault(fault) => fault.into(),
        }
    }
}
