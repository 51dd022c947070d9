//! Submission: the door through which payments come in.

use crate::{
    args::{Args, Count},
    backend::Context,
    clients::Caller,
    error::RpcError,
    methods::transactions::receipt_of,
    shapes::ReceiptShape,
};
use alloy_primitives::{B256, Bytes};
use florin_mempool::PoolError;
use florin_types::{TxEnvelope, decode_transaction};
use std::{sync::Arc, time::Duration};

/// How long `eth_sendRawTransactionSync` waits when the client does not say.
const SYNC_WAIT_MS_DEFAULT: u64 = 2_000;
/// Part of the request's time that is kept for the answer.
const SYNC_ANSWER_MS: u64 = 1_000;

pub(crate) async fn send_raw_transaction(context: &Arc<Context>, args: &Args) -> Result<B256, RpcError> {
    submit(context, args.required(0)?, args.caller()).await
}

/// Decodes a transaction that the pool does not know. Its signature is not looked at: clients that send everything twice
/// cost nothing.
fn new_transaction(context: &Context, encoded: &Bytes) -> Result<TxEnvelope, RpcError> {
    let tx = decode_transaction(encoded)?;
    let hash = *tx.tx_hash();
    match context.pool.knows(&hash) {
        true => Err(PoolError::AlreadyKnown { hash }.into()),
        false => Ok(tx),
    }
}

/// Decodes the transaction and hands it in.
async fn submit(context: &Context, encoded: Bytes, caller: &Caller) -> Result<B256, RpcError> {
    let tx = new_transaction(context, &encoded).inspect_err(|_| caller.spare_signature())?;
    caller.take_signature()?;
    let answer = context.desk.hand_in(tx).await;
    if answer.as_ref().is_err_and(RpcError::is_wrong_signature) {
        caller.accuse("wrong_signature", "transactions with wrong signatures");
    }
    answer
}

pub(crate) async fn send_raw_transaction_sync(context: &Arc<Context>, args: &Args) -> Result<ReceiptShape, RpcError> {
    let encoded = args.required::<Bytes>(0)?;
    let Count(wait_ms) = args.optional(1)?.unwrap_or(Count(SYNC_WAIT_MS_DEFAULT));
    let request_ms = u64::try_from(context.config.request_time_max.as_millis()).unwrap_or(u64::MAX);
    let wait_ms = wait_ms.min(request_ms.saturating_sub(SYNC_ANSWER_MS));
    let mut head = context.chain.watch_head();
    let hash = submit(context, encoded, args.caller()).await?;
    let included = async {
        loop {
            head.borrow_and_update();
            if let Some(receipt) = receipt_of(context, hash).await? {
                return Ok(receipt);
            }
            head.changed().await.map_err(|error| RpcError::fault(&error))?;
        }
    };
    match tokio::time::timeout(Duration::from_millis(wait_ms), included).await {
        Ok(receipt) => receipt,
        Err(_) => Err(RpcError::not_included_in_time(hash, wait_ms)),
    }
}
