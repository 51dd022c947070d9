//! Transactions and their receipts.

use crate::{
    args::Args,
    backend::Context,
    error::RpcError,
    methods::blocks::{named_by_hash, named_by_number, require_receipts},
    shapes::{ReceiptShape, TransactionShape},
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes};
use florin_state::FinalizedBlock;
use std::sync::Arc;

pub(crate) async fn by_hash(context: &Arc<Context>, args: &Args) -> Result<Option<TransactionShape>, RpcError> {
    let hash = args.required::<B256>(0)?;
    // The pool first: a transaction that leaves it in this moment is in a block already.
    if let Some(tx) = context.pool.get(&hash) {
        if let Some(located) = context.chain.transaction(hash).await.ok().flatten() {
            return Ok(TransactionShape::mined(&located.block, located.index));
        }
        return Ok(Some(TransactionShape::pooled(tx.tx(), tx.sender())));
    }
    let located = context.chain.transaction(hash).await?;
    Ok(located.and_then(|located| TransactionShape::mined(&located.block, located.index)))
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
    let hash = args.required::<B256>(0)?;
    if let Some(tx) = context.pool.get(&hash) {
        return Ok(Some(tx.encoded().clone()));
    }
    let located = context.chain.transaction(hash).await?;
    Ok(located.and_then(|located| raw(&located.block, located.index)))
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
    let Some(located) = context.chain.transaction(hash).await? else { return Ok(None) };
    require_receipts(&located.block)?;
    Ok(ReceiptShape::new(&located.block, located.index))
}
