//! What this room measures, registered with the runtime. Units stand in the names.

use commonware_runtime::{
    Metrics as Registry,
    telemetry::metrics::{Counter, Gauge, Histogram, MetricsExt as _},
};

/// Seconds of steps on the way of a block, from a millisecond to the longest that a view may last.
const STEP_SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The measurements; dropping them takes them out of the registry.
pub(crate) struct Metrics {
    pub(crate) height: Gauge,
    pub(crate) view: Gauge,
    pub(crate) peers_connected: Gauge,
    pub(crate) pool_pending: Gauge,
    pub(crate) pool_queued: Gauge,
    pub(crate) transactions_finalized: Counter,
    pub(crate) blocks_proposed: Counter,
    pub(crate) blocks_refused: Counter,
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
            height: context.gauge("height", "Height of the last finalised block"),
            view: context.gauge("view", "View that consensus is in"),
            peers_connected: context.gauge("peers_connected", "Nodes with an open connection"),
            pool_pending: context.gauge("pool_pending", "Transactions that can be included now"),
            pool_queued: context.gauge("pool_queued", "Transactions that wait for an earlier nonce"),
            transactions_finalized: context.counter("transactions_finalized", "Transactions in finalised blocks"),
            blocks_proposed: context.counter("blocks_proposed", "Blocks that this node built as leader"),
            blocks_refused: context.counter("blocks_refused", "Blocks of other nodes that broke a rule"),
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
