//! Quotas of gas: where gas costs nothing, each sender may use a fixed amount in each period of block time.
//!
//! Admission and execution ask for the [`usage`], which the transaction's gas limit must not carry beyond its maximum, and
//! execution [`charge`]s what was used.
//! Periods are aligned to multiples of their length; nothing has to run when one ends. Without a quota in the rules,
//! nothing is read and nothing is written.

use alloy_primitives::Address;
use florin_types::GasQuota;

use super::layout::layout;
use crate::context::{Context, Failure};

/// A sender's quota at the time of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Gas that may be used in a period.
    pub gas_max: u64,
    /// Gas used in the present period.
    pub gas_used: u64,
    /// Block time in milliseconds at which the next period begins.
    pub period_end_ms: u64,
}

fn period(quota: GasQuota, timestamp_ms: u64) -> u64 {
    timestamp_ms.checked_div(quota.period_ms).unwrap_or_default()
}

/// A sender's quota; absent where the rules have none.
pub fn usage(context: &mut Context<'_>, sender: Address) -> Result<Option<Usage>, Failure> {
    let Some(quota) = context.env().rules.gas_quota else { return Ok(None) };
    let period = period(quota, context.env().timestamp_ms);
    let account = layout().accounts.at(context, &sender)?.read(context)?;
    Ok(Some(Usage {
        gas_max: quota.gas_per_period,
        gas_used: if account.quota_period == period { account.quota_gas_used } else { 0 },
        period_end_ms: period.saturating_add(1).saturating_mul(quota.period_ms),
    }))
}

/// Counts gas that the sender has used.
pub fn charge(context: &mut Context<'_>, sender: Address, gas_used: u64) -> Result<(), Failure> {
    let Some(quota) = context.env().rules.gas_quota else { return Ok(()) };
    let period = period(quota, context.env().timestamp_ms);
    let place = layout().accounts.at(context, &sender)?;
    let mut account = place.read(context)?;
    let before = if account.quota_period == period { account.quota_gas_used } else { 0 };
    account.quota_period = period;
    account.quota_gas_used = before.saturating_add(gas_used);
    place.write(context, account)
}
