//! What bounds the server. Every field has a default that suits one institution's node.

use std::time::Duration;

/// Bounds and switches of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcConfig {
    /// Origins that browsers may call from; `*` for any. Empty: none, which is safe for a node on a desktop.
    pub cors_origins: Vec<String>,
    /// Bytes of one request body or WebSocket message.
    pub request_bytes_max: u32,
    /// Bytes of one answer.
    pub response_bytes_max: u32,
    /// Requests in one batch.
    pub batch_requests_max: u32,
    /// HTTP requests and WebSocket connections at the same time.
    pub connections_max: u32,
    /// Subscriptions of one WebSocket connection.
    pub subscriptions_per_connection_max: u32,
    /// Notifications that a slow subscriber may fall behind before the connection waits for it.
    pub subscription_backlog_max: u32,
    /// How long one request, or one batch, may take.
    pub request_time_max: Duration,
    /// Simulations and traces that run at the same time. They take processor time from consensus.
    pub simulations_max: usize,
    /// Submissions that are checked at the same time.
    pub submissions_max: usize,
    /// Submissions, and separately simulations, that may wait for their turn; more are told to try again.
    pub waiting_max: usize,
    /// Gas of one simulation.
    pub call_gas_max: u64,
    /// Blocks that one `eth_getLogs` may span.
    pub log_blocks_max: u64,
    /// Logs that one answer may hold.
    pub logs_max: usize,
    /// Filters that exist at the same time.
    pub filters_max: usize,
    /// How long a filter lives when nobody asks for its changes.
    pub filter_idle_max: Duration,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            request_bytes_max: 8 * 1024 * 1024,
            response_bytes_max: 128 * 1024 * 1024,
            batch_requests_max: 1_000,
            connections_max: 2_000,
            subscriptions_per_connection_max: 64,
            subscription_backlog_max: 1_024,
            request_time_max: Duration::from_secs(30),
            simulations_max: 2,
            submissions_max: 2,
            waiting_max: 4_096,
            call_gas_max: 50_000_000,
            log_blocks_max: 1_000_000,
            logs_max: 20_000,
            filters_max: 4_096,
            filter_idle_max: Duration::from_secs(5 * 60),
        }
    }
}
