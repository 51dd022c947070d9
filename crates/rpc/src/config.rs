//! What bounds the server. Every field has a default that suits one institution's node.

use crate::clients::ClientLimits;
use std::time::Duration;

/// Bounds and switches of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcConfig {
    /// Origins of web pages that may call, over HTTP and WebSocket; `*` for any. Empty: none. A server on a loopback
    /// address also answers to the hosts of these origins, besides `localhost` and addresses.
    pub cors_origins: Vec<String>,
    /// Bytes of one request body or WebSocket message.
    pub request_bytes_max: u32,
    /// Bytes of one answer over HTTP.
    pub response_bytes_max: u32,
    /// Bytes of one answer over WebSocket, where many of them may wait on one connection.
    pub socket_response_bytes_max: u32,
    /// Bytes of the arguments of all large requests together that run or wait for their turn.
    pub requests_bytes_max: usize,
    /// Bytes of all large answers together that wait to be read.
    pub answers_bytes_max: usize,
    /// Requests in one batch.
    pub batch_requests_max: u32,
    /// What one client may ask for.
    pub clients: ClientLimits,
    /// Connections at the same time, whatever they do. A quarter of the places is kept for trusted clients, if there are any.
    pub connections_max: u32,
    /// How long a connection may wait for the head of its next request.
    pub idle_time_max: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall_time_max: Duration,
    /// Requests of one WebSocket connection at the same time. The connection is not read while so many wait.
    pub socket_requests_max: u32,
    /// Subscriptions of one WebSocket connection.
    pub subscriptions_per_connection_max: u32,
    /// Subscriptions of all connections together: each of them looks at every block.
    pub subscriptions_max: usize,
    /// Notifications of one connection that may wait to be written.
    pub subscription_backlog_max: u32,
    /// How long one request, or one batch, may take.
    pub request_time_max: Duration,
    /// Threads that serve the network. They are the server's own: consensus has others.
    pub threads: usize,
    /// Simulations and traces that run at the same time. They take processor time from consensus.
    pub simulations_max: usize,
    /// Reads of state at the same time; others wait.
    pub reads_max: usize,
    /// Threads that check submissions.
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
            request_bytes_max: 2 * 1024 * 1024,
            response_bytes_max: 128 * 1024 * 1024,
            socket_response_bytes_max: 16 * 1024 * 1024,
            requests_bytes_max: 128 * 1024 * 1024,
            answers_bytes_max: 512 * 1024 * 1024,
            batch_requests_max: 1_000,
            clients: ClientLimits::default(),
            connections_max: 2_000,
            idle_time_max: Duration::from_secs(60),
            stall_time_max: Duration::from_secs(30),
            socket_requests_max: 64,
            subscriptions_per_connection_max: 64,
            subscriptions_max: 4_096,
            subscription_backlog_max: 64,
            request_time_max: Duration::from_secs(30),
            threads: 2,
            simulations_max: 2,
            reads_max: 256,
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
