//! What gas costs: the base fee is a rule of the ledger, and tips buy nothing that a client should plan for.

use crate::{
    args::{Args, Count, FromValue, Problem, array, excerpt},
    arguments::{BlockNumberSelector, BlockSelector},
    backend::Context,
    error::RpcError,
    shapes::{Quantity, Wei},
};
use alloy_consensus::Transaction as _;
use florin_state::FinalizedBlock;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Blocks of one fee history. Source: what Ethereum clients answer at most.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles of one fee history.
const PERCENTILES_MAX: usize = 100;
/// Blob base fee when no blob was ever used (EIP-4844, `MIN_BASE_FEE_PER_BLOB_GAS`).
const BLOB_BASE_FEE_WEI: u64 = 1;

pub(crate) async fn gas_price(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.next_rules().base_fee_wei))
}

pub(crate) async fn max_priority_fee(_: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(0))
}

pub(crate) async fn base_fee(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.next_rules().base_fee_wei))
}

pub(crate) async fn blob_base_fee(_: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(BLOB_BASE_FEE_WEI))
}

/// Percentiles, rising, each from 0 to 100.
struct Percentiles(Vec<f64>);

impl FromValue for Percentiles {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let values = array(value)?;
        if values.len() > PERCENTILES_MAX {
            return Err(Problem::new(format!("{} percentiles, at most {PERCENTILES_MAX}", values.len())));
        }
        let mut percentiles: Vec<f64> = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let percentile = serde_json::from_str::<f64>(value.get()).ok();
            let percentile = percentile.filter(|percentile| (0.0..=100.0).contains(percentile)).ok_or_else(|| {
                Problem::new(format!("{} is no number from 0 to 100", excerpt(value.get()))).at(index)
            })?;
            if percentiles.last().is_some_and(|last| *last > percentile) {
                return Err(Problem::new("percentiles must rise").at(index));
            }
            percentiles.push(percentile);
        }
        Ok(Self(percentiles))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeeHistory {
    oldest_block: Quantity,
    base_fee_per_gas: Vec<Quantity>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<Quantity>,
    blob_gas_used_ratio: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<Wei>>>,
}

pub(crate) async fn history(context: &Arc<Context>, args: &Args) -> Result<FeeHistory, RpcError> {
    let Count(count) = args.required(0)?;
    let newest = args.required::<BlockNumberSelector>(1)?;
    let percentiles = args.optional::<Percentiles>(2)?.map(|percentiles| percentiles.0).unwrap_or_default();
    let newest = context.chain.require(BlockSelector::Number(newest)).await?.block.height();
    let known = newest.saturating_sub(context.chain.oldest_block()).saturating_add(1);
    let count = count.min(HISTORY_BLOCKS_MAX).min(known);
    if count == 0 {
        return Ok(FeeHistory {
            oldest_block: Quantity(0),
            base_fee_per_gas: Vec::new(),
            gas_used_ratio: Vec::new(),
            base_fee_per_blob_gas: Vec::new(),
            blob_gas_used_ratio: Vec::new(),
            reward: None,
        });
    }
    let oldest = newest + 1 - count;
    let mut base_fees = Vec::new();
    let mut ratios = Vec::new();
    let mut rewards = Vec::new();
    for height in oldest..=newest {
        let block = context.chain.require(BlockSelector::Number(BlockNumberSelector::Number(height))).await?;
        let header = block.block.header();
        base_fees.push(Quantity(header.base_fee_per_gas.unwrap_or_default()));
        ratios.push(header.gas_used as f64 / (header.gas_limit.max(1)) as f64);
        if !percentiles.is_empty() {
            rewards.push(tips_at(&block, &percentiles));
        }
    }
    base_fees.push(Quantity(context.rules(newest.saturating_add(1)).base_fee_wei));
    Ok(FeeHistory {
        oldest_block: Quantity(oldest),
        base_fee_per_blob_gas: vec![Quantity(BLOB_BASE_FEE_WEI); base_fees.len()],
        blob_gas_used_ratio: vec![0.0; ratios.len()],
        base_fee_per_gas: base_fees,
        gas_used_ratio: ratios,
        reward: (!percentiles.is_empty()).then_some(rewards),
    })
}

/// The tips that stand at the percentiles of a block's gas, cheapest gas first. Zero for an empty block.
fn tips_at(block: &FinalizedBlock, percentiles: &[f64]) -> Vec<Wei> {
    let base_fee = block.block.header().base_fee_per_gas.unwrap_or_default();
    let mut gas_before = 0;
    let mut tips: Vec<(u128, u64)> = block
        .block
        .transactions()
        .iter()
        .zip(block.receipts.iter())
        .map(|(tx, receipt)| {
            let gas = receipt.cumulative_gas_used().saturating_sub(gas_before);
            gas_before = receipt.cumulative_gas_used();
            (tx.effective_tip_per_gas(base_fee).unwrap_or_default(), gas)
        })
        .collect();
    tips.sort_unstable();
    let tip_at = |percentile: &f64| {
        let wanted = gas_before as f64 * percentile / 100.0;
        let mut gas = 0u64;
        let reached = tips.iter().find(|(_, used)| {
            gas = gas.saturating_add(*used);
            gas as f64 >= wanted
        });
        Wei(reached.or(tips.last()).map_or(0, |(tip, _)| *tip))
    };
    percentiles.iter().map(tip_at).collect()
}
