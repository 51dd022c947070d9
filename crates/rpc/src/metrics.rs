//! What the server measures, for Prometheus. Labels are names from the method table, so that nobody outside can add one.

use crate::clients::Clients;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::{sync::Arc, time::Duration};

/// Seconds: from a look into memory to the longest request.
const LATENCY_BUCKETS_SECONDS: [f64; 11] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    method: &'static str,
    code: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

/// Counters of the server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RpcMetrics {
    requests: Family<MethodLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    latency: Family<MethodLabels, Histogram, fn() -> Histogram>,
    subscriptions: Gauge,
    filters: Gauge,
    head_height: Gauge,
    indexed_height: Gauge,
    clients: ClientMetrics,
    registry: Arc<Registry>,
}

/// What a port's clients were refused.
#[derive(Clone, Debug)]
struct ClientMetrics {
    banned: Gauge,
    refused: Family<LimitLabels, Counter>,
}

impl ClientMetrics {
    fn register(registry: &mut Registry) -> Self {
        let (banned, refused) = (Gauge::default(), Family::default());
        registry.register("clients_banned", "Clients that are not served for a while", banned.clone());
        let help = "Requests and connections refused as a client had too many, by limit";
        registry.register("clients_refused", help, refused.clone());
        Self { banned, refused }
    }

    fn update(&self, clients: &Clients) {
        self.banned.set(level(clients.bans().len() as u64));
        for (limit, refused) in clients.refused() {
            let counter = self.refused.get_or_create(&LimitLabels { limit });
            counter.inc_by(refused.saturating_sub(counter.get()));
        }
    }
}

/// What is measured of a port that speaks no JSON-RPC.
#[derive(Debug)]
pub(crate) struct PortMetrics {
    clients: ClientMetrics,
    registry: Registry,
}

impl PortMetrics {
    pub(crate) fn new(name: &str) -> Self {
        let mut registry = Registry::with_prefix(format!("florin_{name}"));
        Self { clients: ClientMetrics::register(&mut registry), registry }
    }

    /// Prometheus text, without the mark of its end.
    pub(crate) fn encode(&self, clients: &Clients) -> String {
        self.clients.update(clients);
        written(&self.registry)
    }
}

fn level(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn written(registry: &Registry) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode_registry(&mut out, registry);
    out
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BUCKETS_SECONDS)
}

impl RpcMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("florin_rpc");
        let requests = Family::default();
        registry.register("requests", "Requests by method", requests.clone());
        let errors = Family::default();
        registry.register("errors", "Requests without a result, by method and code", errors.clone());
        let latency = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        registry.register_with_unit("latency", "Time from request to answer", Unit::Seconds, latency.clone());
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let subscriptions = gauge(&mut registry, "subscriptions", "Open subscriptions");
        let filters = gauge(&mut registry, "filters", "Filters that exist");
        let head_height = gauge(&mut registry, "head_height_blocks", "Latest block that is shown");
        let indexed_height = gauge(&mut registry, "indexed_height_blocks", "Latest block in the index");
        let clients = ClientMetrics::register(&mut registry);
        Self {
            requests,
            errors,
            latency,
            subscriptions,
            filters,
            head_height,
            indexed_height,
            clients,
            registry: Arc::new(registry),
        }
    }

    /// Counts one request.
    pub(crate) fn record(&self, method: &'static str, took: Duration, error_code: Option<i32>) {
        self.requests.get_or_create(&MethodLabels { method }).inc();
        self.latency.get_or_create(&MethodLabels { method }).observe(took.as_secs_f64());
        if let Some(code) = error_code {
            self.errors.get_or_create(&ErrorLabels { method, code: i64::from(code) }).inc();
        }
    }

    /// Counts a subscription until it is dropped.
    pub(crate) fn subscription(&self) -> OpenSubscription {
        self.subscriptions.inc();
        OpenSubscription(self.subscriptions.clone())
    }

    /// Prometheus text, without the mark of its end.
    pub(crate) fn encode(
        &self,
        filters: usize,
        head_height: u64,
        indexed_height: Option<u64>,
        clients: &Clients,
    ) -> String {
        self.filters.set(level(filters as u64));
        self.head_height.set(level(head_height));
        self.indexed_height.set(indexed_height.map_or(-1, level));
        self.clients.update(clients);
        written(&self.registry)
    }
}

/// A subscription that is counted.
#[derive(Debug)]
pub(crate) struct OpenSubscription(Gauge);

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        self.0.dec();
    }
}
