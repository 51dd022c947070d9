//! Blocks.

use crate::{
    args::Args,
    arguments::{BlockNumberSelector, BlockSelector},
    backend::Context,
    error::RpcError,
    shapes::{BlockShape, Quantity, ReceiptShape, ethereum_block},
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes};
use florin_state::FinalizedBlock;
use std::sync::Arc;

type MaybeBlock = Option<Arc<FinalizedBlock>>;

/// The block that argument 0 names by number or tag.
pub(crate) async fn named_by_number(context: &Context, args: &Args) -> Result<MaybeBlock, RpcError> {
    context.chain.select_number(args.required::<BlockNumberSelector>(0)?).await
}

/// The block that argument 0 names by hash.
pub(crate) async fn named_by_hash(context: &Context, args: &Args) -> Result<MaybeBlock, RpcError> {
    context.chain.block_by_hash(args.required::<B256>(0)?).await
}

/// The block that argument 0 names in any way, which must exist.
async fn named(context: &Context, args: &Args) -> Result<Arc<FinalizedBlock>, RpcError> {
    context.chain.require(args.required::<BlockSelector>(0)?).await
}

/// A node that began by synchronising state does not know what the first of its blocks did.
pub(crate) fn require_receipts(block: &FinalizedBlock) -> Result<(), RpcError> {
    if block.executed {
        return Ok(());
    }
    Err(RpcError::refused(
        "receipts_unknown",
        format!(
            "this node began at block {} and does not know its receipts: ask for a later block, or another node",
            block.block.height()
        ),
    ))
}

pub(crate) async fn number(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.chain.head().block.height()))
}

fn shape(block: MaybeBlock, args: &Args) -> Result<Option<BlockShape>, RpcError> {
    let full = args.optional::<bool>(1)?.unwrap_or_default();
    Ok(block.map(|block| BlockShape::new(&block, full)))
}

pub(crate) async fn by_number(context: &Arc<Context>, args: &Args) -> Result<Option<BlockShape>, RpcError> {
    shape(named_by_number(context, args).await?, args)
}

pub(crate) async fn by_hash(context: &Arc<Context>, args: &Args) -> Result<Option<BlockShape>, RpcError> {
    shape(named_by_hash(context, args).await?, args)
}

fn transaction_count(block: MaybeBlock) -> Option<Quantity> {
    block.map(|block| Quantity(block.block.transactions().len() as u64))
}

pub(crate) async fn transaction_count_by_number(
    context: &Arc<Context>,
    args: &Args,
) -> Result<Option<Quantity>, RpcError> {
    Ok(transaction_count(named_by_number(context, args).await?))
}

pub(crate) async fn transaction_count_by_hash(
    context: &Arc<Context>,
    args: &Args,
) -> Result<Option<Quantity>, RpcError> {
    Ok(transaction_count(named_by_hash(context, args).await?))
}

pub(crate) async fn uncle_count_by_number(context: &Arc<Context>, args: &Args) -> Result<Option<Quantity>, RpcError> {
    Ok(named_by_number(context, args).await?.map(|_| Quantity(0)))
}

pub(crate) async fn uncle_count_by_hash(context: &Arc<Context>, args: &Args) -> Result<Option<Quantity>, RpcError> {
    Ok(named_by_hash(context, args).await?.map(|_| Quantity(0)))
}

pub(crate) async fn uncle_by_number(_: &Arc<Context>, args: &Args) -> Result<(), RpcError> {
    args.required::<BlockNumberSelector>(0)?;
    args.required::<u64>(1)?;
    Ok(())
}

pub(crate) async fn uncle_by_hash(_: &Arc<Context>, args: &Args) -> Result<(), RpcError> {
    args.required::<B256>(0)?;
    args.required::<u64>(1)?;
    Ok(())
}

pub(crate) async fn receipts(context: &Arc<Context>, args: &Args) -> Result<Option<Vec<ReceiptShape>>, RpcError> {
    let Some(block) = context.chain.select(args.required::<BlockSelector>(0)?).await? else { return Ok(None) };
    require_receipts(&block)?;
    Ok(Some(ReceiptShape::all(&block)))
}

pub(crate) async fn raw_header(context: &Arc<Context>, args: &Args) -> Result<Bytes, RpcError> {
    Ok(alloy_rlp::encode(named(context, args).await?.block.header()).into())
}

pub(crate) async fn raw_block(context: &Arc<Context>, args: &Args) -> Result<Bytes, RpcError> {
    Ok(alloy_rlp::encode(ethereum_block(&named(context, args).await?.block)).into())
}

pub(crate) async fn raw_receipts(context: &Arc<Context>, args: &Args) -> Result<Vec<Bytes>, RpcError> {
    let block = named(context, args).await?;
    require_receipts(&block)?;
    Ok(block.receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect())
}
