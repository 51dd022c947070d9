//! `txpool_`: what waits in this node's pool.

use crate::{
    args::Args,
    backend::Context,
    error::RpcError,
    shapes::{Quantity, TransactionShape},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use florin_mempool::PoolContent;
use florin_types::VerifiedTx;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// What a transaction takes in JSON besides its input, in bytes.
const SHAPE_BYTES: usize = 512;

/// Transactions by sender (with the checksum of EIP-55) and nonce (in decimal), as geth writes them.
type BySender<T> = BTreeMap<String, BTreeMap<String, T>>;

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pending: Quantity,
    queued: Quantity,
}

#[derive(Debug, Serialize)]
pub(crate) struct Content<T> {
    pending: T,
    queued: T,
}

pub(crate) async fn status(context: &Arc<Context>, _: &Args) -> Result<Status, RpcError> {
    let (pending, queued) = context.pool.status();
    Ok(Status { pending: Quantity(pending as u64), queued: Quantity(queued as u64) })
}

fn shape(tx: &VerifiedTx) -> TransactionShape {
    TransactionShape::pooled(tx.tx(), tx.sender())
}

/// One line for people, as geth writes it.
fn line(tx: &VerifiedTx) -> String {
    let tx = tx.tx();
    let target = tx.to().map_or("contract creation".to_owned(), |to| to.to_string());
    format!("{target}: {} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
}

fn by_nonce<T>(txs: &BTreeMap<u64, VerifiedTx>, write: fn(&VerifiedTx) -> T) -> BTreeMap<String, T> {
    txs.iter().map(|(nonce, tx)| (nonce.to_string(), write(tx))).collect()
}

fn by_sender<T>(senders: &BTreeMap<Address, BTreeMap<u64, VerifiedTx>>, write: fn(&VerifiedTx) -> T) -> BySender<T> {
    senders.iter().map(|(sender, txs)| (sender.to_string(), by_nonce(txs, write))).collect()
}

/// The pool may hold more than an answer: that is weighed before it is written.
fn weigh(context: &Context, content: &PoolContent) -> Result<(), RpcError> {
    let all = content.pending.values().chain(content.queued.values()).flat_map(BTreeMap::values);
    let written = |tx: &VerifiedTx| tx.encoded().len().saturating_mul(2).saturating_add(SHAPE_BYTES);
    let bytes = all.map(written).fold(0, usize::saturating_add);
    let bytes_max = context.config.response_bytes_max as usize;
    if bytes > bytes_max {
        return Err(RpcError::limit(
            "answer_too_large",
            format!("the pool takes about {bytes} bytes, an answer at most {bytes_max}: use txpool_contentFrom"),
        ));
    }
    Ok(())
}

pub(crate) async fn content(context: &Arc<Context>, _: &Args) -> Result<Content<BySender<TransactionShape>>, RpcError> {
    let content = context.pool.content();
    weigh(context, &content)?;
    Ok(Content { pending: by_sender(&content.pending, shape), queued: by_sender(&content.queued, shape) })
}

pub(crate) async fn inspect(context: &Arc<Context>, _: &Args) -> Result<Content<BySender<String>>, RpcError> {
    let content = context.pool.content();
    weigh(context, &content)?;
    Ok(Content { pending: by_sender(&content.pending, line), queued: by_sender(&content.queued, line) })
}

pub(crate) async fn content_from(
    context: &Arc<Context>,
    args: &Args,
) -> Result<Content<BTreeMap<String, TransactionShape>>, RpcError> {
    let sender = args.required::<Address>(0)?;
    let content = context.pool.content_from(sender);
    let of_sender = |senders: &BTreeMap<Address, BTreeMap<u64, VerifiedTx>>| {
        senders.get(&sender).map(|txs| by_nonce(txs, shape)).unwrap_or_default()
    };
    Ok(Content { pending: of_sender(&content.pending), queued: of_sender(&content.queued) })
}
