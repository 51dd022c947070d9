//! Logs and filters.

use crate::{
    args::Args,
    arguments::{BlockNumberSelector, BlockSelector, LogFilter, LogRange},
    backend::Context,
    error::RpcError,
    filters::Changes,
    shapes::{LogShape, Quantity},
};
use florin_index::LogQuery;
use florin_types::Height;
use std::sync::Arc;

fn height_of(context: &Context, selector: Option<BlockNumberSelector>) -> Height {
    match selector.unwrap_or_default() {
        BlockNumberSelector::Latest | BlockNumberSelector::Pending => context.chain.head().block.height(),
        BlockNumberSelector::Earliest => 0,
        BlockNumberSelector::Number(height) => height,
    }
}

/// First and last block that a filter wants of the blocks still to come; `None` for none of them.
pub(crate) async fn new_block_bounds(
    context: &Context,
    filter: &LogFilter,
) -> Result<Option<(Height, Height)>, RpcError> {
    Ok(match filter.range {
        LogRange::Block(hash) => {
            context.chain.block_by_hash(hash).await?.map(|block| (block.block.height(), block.block.height()))
        }
        LogRange::Between(from, to) => {
            let from = match from {
                Some(BlockNumberSelector::Number(height)) => height,
                _ => 0,
            };
            let to = match to {
                Some(BlockNumberSelector::Number(height)) => height,
                Some(BlockNumberSelector::Earliest) => 0,
                _ => Height::MAX,
            };
            Some((from, to))
        }
    })
}

/// The final blocks that a filter is about, checked against the limits.
async fn range(context: &Context, filter: &LogFilter) -> Result<(Height, Height), RpcError> {
    let head = context.chain.head().block.height();
    let (from, to) = match filter.range {
        LogRange::Block(hash) => {
            let height = context.chain.require(BlockSelector::Hash(hash)).await?.block.height();
            (height, height)
        }
        LogRange::Between(from, to) => (height_of(context, from), height_of(context, to)),
    };
    if from > to {
        return Err(RpcError::invalid_params(format!(
            "invalid block range params: fromBlock {from} is after toBlock {to}"
        )));
    }
    if from > head {
        return Err(RpcError::invalid_params(format!(
            "block range extends beyond current head block: fromBlock is {from}, the latest block is {head}"
        )));
    }
    let to = to.min(head);
    let (blocks, blocks_max) = ((to - from).saturating_add(1), context.config.log_blocks_max);
    if blocks > blocks_max {
        return Err(RpcError::limit(
            "log_range_too_wide",
            format!(
                "block range of {blocks} blocks is too wide: ask for at most {blocks_max} at once, for instance {from} \
                 to {}",
                from.saturating_add(blocks_max).saturating_sub(1)
            ),
        ));
    }
    Ok((from, to))
}

async fn find(context: &Context, filter: LogFilter) -> Result<Vec<LogShape>, RpcError> {
    let (from, to) = range(context, &filter).await?;
    let query = LogQuery { from, to, addresses: filter.addresses, topics: filter.topics };
    context.chain.logs(&query, &context.log_limits()).await
}

pub(crate) async fn logs(context: &Arc<Context>, args: &Args) -> Result<Vec<LogShape>, RpcError> {
    find(context, args.required(0)?).await
}

pub(crate) async fn new_filter(context: &Arc<Context>, args: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.filters.new_logs(context, args.required(0)?)))
}

pub(crate) async fn new_block_filter(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.filters.new_blocks(context)))
}

pub(crate) async fn new_pending_transaction_filter(context: &Arc<Context>, _: &Args) -> Result<Quantity, RpcError> {
    Ok(Quantity(context.filters.new_pending_transactions(context)))
}

pub(crate) async fn filter_changes(context: &Arc<Context>, args: &Args) -> Result<Changes, RpcError> {
    context.filters.changes(context, args.required(0)?).await
}

pub(crate) async fn filter_logs(context: &Arc<Context>, args: &Args) -> Result<Vec<LogShape>, RpcError> {
    find(context, context.filters.log_filter(args.required(0)?)?).await
}

pub(crate) async fn uninstall_filter(context: &Arc<Context>, args: &Args) -> Result<bool, RpcError> {
    Ok(context.filters.remove(args.required(0)?))
}
