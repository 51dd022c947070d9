//! `eth_subscribe`: told at once, over WebSocket.
//!
//! A subscriber that reads slowly is sent older blocks until it has caught up; one that does not read at all loses its
//! connection, as does one that cannot be told everything for another reason: silence would look like peace. Nothing is buffered for anyone beyond the connection's own bounded queue.

use crate::{
    args::{Args, excerpt},
    arguments::LogFilter,
    backend::Context,
    error::RpcError,
    methods::{SUBSCRIBE, logs::new_block_bounds, node::syncing_now},
    shapes::{HeaderShape, LogShape, TransactionShape, block_logs},
    socket::Closer,
};
use florin_index::LogQuery;
use florin_state::FinalizedBlock;
use florin_types::Height;
use futures::FutureExt as _;
use jsonrpsee::{
    SubscriptionSink,
    core::traits::IdProvider,
    server::{Extensions, PendingSubscriptionSink},
    types::{Params, SubscriptionId},
};
use serde::Serialize;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// How long a subscriber may not read.
const SEND_TIME_MAX: Duration = Duration::from_secs(30);
/// How often the state of synchronisation is looked at.
const SYNCING_PERIOD: Duration = Duration::from_secs(1);

/// What a client subscribes to.
#[derive(Debug)]
enum Kind<Logs> {
    NewHeads,
    Logs(Logs),
    NewPendingTransactions { full: bool },
    Syncing,
}

fn kind(params: Params<'static>) -> Result<Kind<LogFilter>, RpcError> {
    let args = Args::new(SUBSCRIBE.params, params)?;
    let name = args.required::<String>(0)?;
    match name.as_str() {
        "newHeads" => Ok(Kind::NewHeads),
        "logs" => Ok(Kind::Logs(args.optional(1)?.unwrap_or_else(LogFilter::everything))),
        "newPendingTransactions" => Ok(Kind::NewPendingTransactions { full: args.optional(1)?.unwrap_or_default() }),
        "syncing" => Ok(Kind::Syncing),
        other => Err(RpcError::invalid_params(format!(
            "no \"{}\" subscription: use newHeads, logs, newPendingTransactions or syncing",
            excerpt(other)
        ))),
    }
}

/// The same with the blocks that a filter for logs is about.
async fn bound(context: &Context, kind: Kind<LogFilter>) -> Result<Kind<LogQuery>, RpcError> {
    Ok(match kind {
        Kind::Logs(filter) => {
            let bounds = new_block_bounds(context, &filter).await?;
            let (from, to) = bounds.ok_or_else(|| RpcError::unknown_block("of the filter's blockHash"))?;
            Kind::Logs(LogQuery { from, to, addresses: filter.addresses, topics: filter.topics })
        }
        Kind::NewHeads => Kind::NewHeads,
        Kind::NewPendingTransactions { full } => Kind::NewPendingTransactions { full },
        Kind::Syncing => Kind::Syncing,
    })
}

/// Serves one subscription until either side ends it.
pub(crate) async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    extensions: &Extensions,
) {
    let kind = match kind(params) {
        Ok(kind) => kind,
        Err(error) => return pending.reject(error).await,
    };
    let kind = match bound(&context, kind).await {
        Ok(kind) => kind,
        Err(error) => return pending.reject(error).await,
    };
    let Ok(_place) = context.subscriptions.clone().try_acquire_owned() else {
        let count = context.config.subscriptions_max;
        let many = format!("{count} subscriptions are open on this node: end some, or use filters (eth_newFilter)");
        return pending.reject(RpcError::limit("too_many_subscriptions", many)).await;
    };
    // Before the client hears that it is subscribed, so that nothing after that is missed.
    let from = context.chain.head().block.height().saturating_add(1);
    let pool = context.pool.subscribe();
    let Ok(sink) = pending.accept().await else { return };
    let _open = context.metrics.subscription();
    let closed = sink.closed();
    let connection = extensions.get::<Closer>();
    let told = async {
        match kind {
            Kind::NewHeads => tell_blocks(&context, &sink, from, new_head).await,
            Kind::Logs(query) => tell_logs(&context, &sink, from, query).await,
            Kind::NewPendingTransactions { full } => tell_pending(&context, &sink, pool, full).await,
            Kind::Syncing => tell_syncing(&context, &sink).await,
        }
    };
    tokio::select! {
        () = closed => {}
        ended = AssertUnwindSafe(told).catch_unwind() => {
            if let Err(reason) = ended.unwrap_or(Err("it panicked, which is a defect of this program")) {
                tracing::debug!(reason, "rpc.subscription.ended");
                // A subscriber that is no longer told anything must notice: it connects and subscribes again.
                connection.inspect(|connection| connection.0.cancel());
            }
        }
    }
}

type Told = Result<(), &'static str>;

async fn send<T: Serialize>(sink: &SubscriptionSink, value: &T) -> Told {
    let json = serde_json::value::to_raw_value(value).map_err(|_| "a value could not be written")?;
    sink.send_timeout(json, SEND_TIME_MAX).await.map_err(|_| "the subscriber does not read")
}

fn new_head(block: &FinalizedBlock) -> Vec<HeaderShape> {
    vec![HeaderShape::new(block.block.header(), block.block.hash())]
}

/// Tells something of every block from `next` on.
async fn tell_blocks<T: Serialize>(
    context: &Context,
    sink: &SubscriptionSink,
    mut next: Height,
    say: impl Fn(&FinalizedBlock) -> Vec<T>,
) -> Told {
    let mut head = context.chain.watch_head();
    loop {
        let top = head.borrow_and_update().block.height();
        while next <= top {
            let block = context.chain.block(next).await.ok().flatten().ok_or("a block could not be read")?;
            for value in say(&block) {
                send(sink, &value).await?;
            }
            next = next.saturating_add(1);
        }
        head.changed().await.map_err(|_| "the node stops")?;
    }
}

async fn tell_logs(context: &Context, sink: &SubscriptionSink, from: Height, query: LogQuery) -> Told {
    let matching = |block: &FinalizedBlock| {
        let header = block.block.header();
        if !(query.from..=query.to).contains(&header.number) || !query.may_match(&header.logs_bloom) {
            return Vec::new();
        }
        let matching = block_logs(block).filter(|(log, _)| query.matches(log));
        matching.map(|(log, place)| LogShape::new(log, place)).collect()
    };
    tell_blocks(context, sink, from, matching).await
}

async fn tell_pending(
    context: &Context,
    sink: &SubscriptionSink,
    mut hashes: tokio::sync::broadcast::Receiver<alloy_primitives::B256>,
    full: bool,
) -> Told {
    loop {
        let hash = match hashes.recv().await {
            Ok(hash) => hash,
            // Too slow for this stream: the oldest are lost, as they are for every client that reads late.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Err("the node stops"),
        };
        if !full {
            send(sink, &hash).await?;
        } else if let Some(tx) = context.pool.get(&hash) {
            send(sink, &TransactionShape::pooled(tx.tx(), tx.sender())).await?;
        }
    }
}

async fn tell_syncing(context: &Context, sink: &SubscriptionSink) -> Told {
    let mut told = None;
    loop {
        let now = syncing_now(context);
        if told.as_ref() != Some(&now) {
            send(sink, &now).await?;
            told = Some(now);
        }
        tokio::time::sleep(SYNCING_PERIOD).await;
    }
}

/// Ids of subscriptions: random, in hex as Ethereum's clients expect.
#[derive(Debug)]
pub(crate) struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::from(format!("0x{:032x}", rand::random::<u128>()))
    }
}
