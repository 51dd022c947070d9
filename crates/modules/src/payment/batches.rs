//! Batches: thousands of payments of one payer and one token, under one UETR.

use alloy_primitives::{Address, B256, Bytes, U256};

use super::{
    IPayment,
    layout::layout,
    record::{existing_token, unused, write_settled},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, revert},
    token::{self, BATCH_ITEM_BYTES, BATCH_ITEMS_MAX, ItemResult, batch_items},
};

/// What a failing item means for the others. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchMode {
    /// Nothing is paid.
    AllOrNothing = 0,
    /// Nothing: each stands alone.
    ItemByItem = 1,
}

impl BatchMode {
    fn from_number(number: u8) -> Result<Self, Failure> {
        match number {
            0 => Ok(Self::AllOrNothing),
            1 => Ok(Self::ItemByItem),
            mode => Err(revert(IPayment::BatchModeInvalid { mode })),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidBatch {
    /// Its number.
    pub id: u64,
    /// Units that moved.
    pub total: u128,
    /// Numbers of [`ItemResult`], one an item.
    pub results: Bytes,
}

/// Pays the items of a batch out of the caller's units.
pub fn pay_batch(
    context: &mut Context<'_>,
    token: Address,
    uetr: B256,
    mode: u8,
    items: &Bytes,
) -> Result<PaidBatch, Failure> {
    let payer = context.caller();
    let place = unused(context, payer, uetr)?;
    let kind = BatchMode::from_number(mode)?;
    let count = batch_items(items).map(|items| items.len()).ok_or_else(|| malformed(items))?;
    let index = existing_token(context, token)?;
    let outcome = token::post_batch(context, token, payer, items)?;
    let failed = outcome.results.iter().filter(|result| **result != ItemResult::Settled.number()).count();
    if kind == BatchMode::AllOrNothing && failed > 0 {
        return Err(refused(failed, outcome.results));
    }
    write_settled(context, place, (index, Address::ZERO), outcome.total)?;
    let made = layout().batches_made;
    let id = made.read(context)?.saturating_add(1);
    made.write(context, id)?;
    let event = IPayment::BatchPaid {
        batchId: id,
        payer,
        uetr,
        token,
        mode,
        items: number(count),
        settled: number(count.saturating_sub(failed)),
        total: U256::from(outcome.total),
        results: outcome.results.clone(),
    };
    context.emit(PAYMENT_ADDRESS, &event)?;
    Ok(PaidBatch { id, total: outcome.total, results: outcome.results })
}

fn malformed(items: &Bytes) -> Failure {
    revert(IPayment::BatchMalformed {
        length: U256::from(items.len()),
        itemBytes: U256::from(BATCH_ITEM_BYTES),
        itemsMax: U256::from(BATCH_ITEMS_MAX),
    })
}

/// All results, so that one try finds every mistake.
fn refused(failed: usize, results: Bytes) -> Failure {
    let first = results.iter().position(|result| *result != ItemResult::Settled.number()).unwrap_or_default();
    let result = results.get(first).copied().unwrap_or_default();
    revert(IPayment::BatchRefused { failed: number(failed), firstIndex: number(first), firstResult: result, results })
}

/// A count of items, which [`BATCH_ITEMS_MAX`] bounds.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
