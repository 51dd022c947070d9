//! Simulation.

use crate::{
    args::Args,
    arguments::{BlockNumberSelector, BlockOverrideArgument, BlockSelector, CallRequest, StateOverrideArgument},
    backend::Context,
    error::RpcError,
    shapes::Quantity,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::Bytes;
use florin_execution::{BlockEnv, CallStatus, Overrides, TransactionRequest};
use florin_types::{Height, Rules};
use serde::Serialize;
use std::sync::Arc;

/// A simulation: what, on which state, in which block.
pub(crate) struct Simulation {
    pub(crate) height: Height,
    pub(crate) chain_id: u64,
    pub(crate) rules: Rules,
    pub(crate) env: BlockEnv,
    pub(crate) request: TransactionRequest,
}

/// What a simulation on the latest block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To see what is: it runs in that block.
    Look,
    /// To prepare a transaction: it runs in the block to come.
    Prepare,
}

/// Reads arguments 0 (the call) and 1 (the block, `latest` if absent).
pub(crate) async fn simulation(context: &Context, args: &Args, purpose: Purpose) -> Result<Simulation, RpcError> {
    let CallRequest(request) = args.required(0)?;
    let selector: BlockSelector = args.optional(1)?.unwrap_or_default();
    let block = context.chain.require(selector).await?;
    let coming = match selector {
        BlockSelector::Number(BlockNumberSelector::Pending) => true,
        BlockSelector::Number(BlockNumberSelector::Latest) => purpose == Purpose::Prepare,
        _ => false,
    };
    let env = if coming { context.coming_env(&block) } else { BlockEnv::of(&block.block) };
    Ok(Simulation {
        height: block.block.height(),
        chain_id: context.chain_id(),
        rules: context.rules(env.height).clone(),
        env,
        request,
    })
}

fn overrides(args: &Args) -> Result<Overrides, RpcError> {
    Ok(Overrides {
        state: args.optional::<StateOverrideArgument>(2)?.map(|argument| argument.0),
        block: args.optional::<BlockOverrideArgument>(3)?.map(|argument| Box::new(argument.0)),
    })
}

pub(crate) async fn call(context: &Arc<Context>, args: &Args) -> Result<Bytes, RpcError> {
    let overrides = overrides(args)?;
    let Simulation { height, chain_id, rules, env, request } = simulation(context, args, Purpose::Look).await?;
    let shared = context.clone();
    let outcome = context
        .simulate(height, move |view, stop| {
            let limits = shared.call_limits(stop);
            florin_execution::call(view, chain_id, &rules, &env, &request, &overrides, &limits)
        })
        .await?;
    match outcome.status {
        CallStatus::Success(output) => Ok(output),
        CallStatus::Revert(data) => Err(RpcError::reverted(&data)),
        CallStatus::Halt(reason) => Err(RpcError::halted(&reason)),
    }
}

pub(crate) async fn estimate_gas(context: &Arc<Context>, args: &Args) -> Result<Quantity, RpcError> {
    let overrides = overrides(args)?;
    let Simulation { height, chain_id, rules, env, request } = simulation(context, args, Purpose::Prepare).await?;
    let shared = context.clone();
    let gas = context
        .simulate(height, move |view, stop| {
            let limits = shared.call_limits(stop);
            florin_execution::estimate_gas(view, chain_id, &rules, &env, &request, &overrides, &limits)
        })
        .await?;
    Ok(Quantity(gas))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessListResult {
    access_list: AccessList,
    gas_used: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn create_access_list(context: &Arc<Context>, args: &Args) -> Result<AccessListResult, RpcError> {
    let overrides =
        Overrides { state: args.optional::<StateOverrideArgument>(2)?.map(|argument| argument.0), block: None };
    let Simulation { height, chain_id, rules, env, request } = simulation(context, args, Purpose::Prepare).await?;
    let shared = context.clone();
    let outcome = context
        .simulate(height, move |view, stop| {
            let limits = shared.call_limits(stop);
            florin_execution::create_access_list(view, chain_id, &rules, &env, &request, &overrides, &limits)
        })
        .await?;
    Ok(AccessListResult {
        access_list: outcome.access_list,
        gas_used: Quantity(outcome.gas_used),
        error: outcome.error,
    })
}
