//! Transactions and their receipts.

use crate::{
    args::Args,
    backend::Context,
    chain::Located,
    error::RpcError,
    methods::blocks::{named_by_hash, named_by_number, require_receipts},
    shapes::{ReceiptShape, TransactionShape},
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes};
use florin_state::FinalizedBlock;
use florin_types::VerifiedTx;
use std::sync::Arc;

/// Where a transaction stands.
enum Found {
    Waiting(VerifiedTx),
    Final(Located),
}

/// Finds a transaction. The pool first: one that leaves it in this moment is in a block already. What waits in the pool
/// is in no block that the index could name, so the many who ask for the receipt of a payment do not search for it.
async fn find(context: &Context, hash: B256) -> Result<Option<Found>, RpcError> {
    let waiting = context.pool.get(&hash);
    if let Some(located) = context.chain.recent_transaction(hash) {
        return Ok(Some(Found::Final(located)));
    }
    match waiting {
        Some(tx) => Ok(Some(Found::Waiting(tx))),
        None => Ok(context.chain.transaction(hash).await?.map(Found::Final)),
    }
}

pub(crate) async fn by_hash(context: &Arc<Context>, args: &Args) -> Result<Option<TransactionShape>, RpcError> {
    Ok(match find(context, args.required::<B256>(0)?).await? {
        Some(Found::Waiting(tx)) => Some(TransactionShape::pooled(tx.tx(), tx.sender())),
        Some(Found::Final(located)) => TransactionShape::mined(&located.block, located.index),
        None => None,
    })
}

/// Place of a transaction in its block, from argument 1.
fn place(args: &Args) -> Result<usize, RpcError> {
    Ok(usize::try_from(args.required::<u64>(1)?).unwrap_or(usize::MAX))
}

pub(crate) async fn by_block_number(context: &Arc<Context>, args: &Args) -> Result<Option<TransactionShape>, RpcError> {
    let place = place(args)?;
    let block = named_by_number(context, args).await?;
    Ok(block.and_then(|block| TransactionShape::mined(&block, place)))
}

pub(crate) async fn by_block_hash(context: &Arc<Context>, args: &Args) -> Result<Option<TransactionShape>, RpcError> {
    let place = place(args)?;
    let block = named_by_hash(context, args).await?;
    Ok(block.and_then(|block| TransactionShape::mined(&block, place)))
}

fn raw(block: &FinalizedBlock, place: usize) -> Option<Bytes> {
    block.block.transactions().get(place).map(|tx| tx.encoded_2718().into())
}

pub(crate) async fn raw_by_hash(context: &Arc<Context>, args: &Args) -> Result<Option<Bytes>, RpcError> {
    Ok(match find(context, args.required::<B256>(0)?).await? {
        Some(Found::Waiting(tx)) => Some(tx.encoded().clone()),
        Some(Found::Final(located)) => raw(&located.block, located.index),
        None => None,
    })
}

pub(crate) async fn raw_by_block_number(context: &Arc<Context>, args: &Args) -> Result<Option<Bytes>, RpcError> {
    let place = place(args)?;
    Ok(named_by_number(context, args).await?.and_then(|block| raw(&block, place)))
}

pub(crate) async fn raw_by_block_hash(context: &Arc<Context>, args: &Args) -> Result<Option<Bytes>, RpcError> {
    let place = place(args)?;
    Ok(named_by_hash(context, args).await?.and_then(|block| raw(&block, place)))
}

pub(crate) async fn receipt(context: &Arc<Context>, args: &Args) -> Result<Option<ReceiptShape>, RpcError> {
    receipt_of(context, args.required::<B256>(0)?).await
}

/// The receipt of a transaction, if it is final.
pub(crate) async fn receipt_of(context: &Context, hash: B256) -> Result<Option<ReceiptShape>, RpcError> {
    let Some(Found::Final(located)) = find(context, hash).await? else { return Ok(None) };
    require_receipts(&located.block)?;
    Ok(ReceiptShape::new(&located.block, located.index))
}
