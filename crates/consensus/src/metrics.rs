//! What this room measures, registered with the runtime. Units stand last in the names.

use crate::sight::SightGauges;
use commonware_runtime::{
    Metrics as Registry,
    telemetry::metrics::{Counter, CounterFamily, Gauge, GaugeExt as _, Histogram, MetricsExt as _, raw},
};
use florin_mempool::PoolMetrics;

/// Seconds of steps on the way of a block, from a millisecond to the longest that a view may last.
const STEP_SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The measurements; dropping them takes them out of the registry.
pub(crate) struct Metrics {
    pub(crate) height: Gauge,
    pub(crate) view: Gauge,
    pub(crate) epoch: Gauge,
    pub(crate) peers_connected: Gauge,
    pub(crate) pool: PoolGauges,
    pub(crate) sight: SightGauges,
    pub(crate) transactions_finalized: Counter,
    pub(crate) blocks_proposed: Counter,
    pub(crate) blocks_refused: Counter,
    pub(crate) ceremonies_failed: Counter,
    pub(crate) gossip_sent: Counter,
    pub(crate) gossip_received: Counter,
    pub(crate) gossip_refused: Counter,
    pub(crate) build_seconds: Histogram,
    pub(crate) execute_seconds: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) finality_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn register(context: &impl Registry) -> Self {
        Self {
            height: context.gauge("height_blocks", "Height of the last finalised block"),
            view: context.gauge("view_number", "View that consensus is in, counted within the epoch"),
            epoch: context.gauge("epoch_number", "Epoch that consensus is in"),
            peers_connected: context.gauge("connected_peers", "Nodes with an open connection"),
            pool: PoolGauges::register(context),
            sight: SightGauges::register(context),
            transactions_finalized: context.counter("finalized_transactions", "Transactions in finalised blocks"),
            blocks_proposed: context.counter("proposed_blocks", "Blocks that this node built as leader"),
            blocks_refused: context.counter("refused_blocks", "Blocks of other nodes that broke a rule"),
            ceremonies_failed: context
                .counter("failed_ceremonies", "Epochs at whose end the committee and its shares stayed as they were"),
            gossip_sent: context.counter("gossip_sent_transactions", "Transactions passed on to other nodes"),
            gossip_received: context.counter("gossip_received_transactions", "Transactions taken from other nodes"),
            gossip_refused: context.counter("gossip_refused_batches", "Batches from other nodes that were dropped"),
            build_seconds: context.histogram("build_seconds", "Time to build a block", STEP_SECONDS),
            execute_seconds: context.histogram("execute_seconds", "Time to execute a block again", STEP_SECONDS),
            commit_seconds: context.histogram("commit_seconds", "Time to make a final block durable", STEP_SECONDS),
            finality_seconds: context.histogram(
                "finality_seconds",
                "From a block's time to its finality",
                STEP_SECONDS,
            ),
        }
    }
}

/// The pool, which counts by itself and knows no registry. What it says is copied here from time to time.
pub(crate) struct PoolGauges {
    pending: Gauge,
    queued: Gauge,
    bytes: Gauge,
    senders: Gauge,
    accepted: Counter,
    replaced: Counter,
    settled: Counter,
    expired: Counter,
    evicted: Counter,
    refused: CounterFamily<[(&'static str, &'static str); 1]>,
}

impl PoolGauges {
    fn register(context: &impl Registry) -> Self {
        Self {
            pending: context.gauge("pool_pending_transactions", "Transactions that can be included now"),
            queued: context.gauge("pool_queued_transactions", "Transactions that wait for an earlier nonce"),
            bytes: context.gauge("pool_size_bytes", "Encoded bytes of the transactions that wait"),
            senders: context.gauge("pool_senders", "Accounts with transactions that wait"),
            accepted: context.counter("pool_accepted_transactions", "Transactions taken into the pool"),
            replaced: context.counter("pool_replaced_transactions", "Transactions replaced by another of their nonce"),
            settled: context
                .counter("pool_settled_transactions", "Transactions that left as their nonce was finalised"),
            expired: context.counter("pool_expired_transactions", "Transactions that left as they waited too long"),
            evicted: context.counter("pool_evicted_transactions", "Queued transactions that left under pressure"),
            refused: context.family("pool_refused_transactions", "Transactions that the pool refused, by code"),
        }
    }

    /// Copies what the pool says now.
    pub(crate) fn show(&self, pool: &PoolMetrics) {
        let _ = self.pending.try_set(pool.pending);
        let _ = self.queued.try_set(pool.queued);
        let _ = self.bytes.try_set(pool.bytes);
        let _ = self.senders.try_set(pool.senders);
        raise(&self.accepted, pool.accepted_total);
        raise(&self.replaced, pool.replaced_total);
        raise(&self.settled, pool.settled_total);
        raise(&self.expired, pool.expired_total);
        raise(&self.evicted, pool.evicted_total);
        for (code, total) in &pool.rejected_total {
            raise(&self.refused.get_or_create(&[("code", *code)]), *total);
        }
    }
}

/// Brings a counter to a total that was counted elsewhere.
fn raise(counter: &raw::Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
