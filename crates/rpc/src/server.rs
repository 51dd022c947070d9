//! The server: one port for HTTP and WebSocket.

use crate::{
    args::Args,
    backend::{Backend, Context},
    config::RpcConfig,
    guard::{Guard, HttpGuard},
    methods::{METHODS, SUBSCRIBE, UNSUBSCRIBE},
    metrics::RpcMetrics,
    subscriptions::{self, HexIds},
};
use futures::future::BoxFuture;
use jsonrpsee::{
    RpcModule,
    core::middleware::RpcServiceBuilder,
    server::{BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle as JsonRpcHandle},
    types::ErrorObjectOwned,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Silence of a WebSocket connection after which it is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a request may take to arrive and be answered, in request times.
const HTTP_TIME_FACTOR: u32 = 2;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error("RPC cannot listen on {address}: {source}: choose another port, or stop what uses it")]
    Listen {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// An origin in the configuration is not one.
    #[error(
        "rpc.cors_origins: {origin:?} is no origin: write \"*\" alone, or origins such as \"https://bank.example\""
    )]
    Origin {
        /// What the configuration says.
        origin: String,
    },
    /// Two methods share a name.
    #[error("the method table names {0} twice")]
    Table(String),
}

/// A running server. Dropping it stops the server without waiting.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    handle: JsonRpcHandle,
    context: Arc<Context>,
    tasks: JoinSet<()>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Context").field("config", &self.config).finish_non_exhaustive()
    }
}

impl RpcServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Prometheus text of what it measures, without the mark of its end.
    pub fn metrics(&self) -> String {
        let context = &self.context;
        let head = context.chain.head().block.height();
        context.metrics.encode(context.filters.len(), head, context.chain.indexed_height())
    }

    /// Latest block that clients can see, with its receipts.
    pub fn height(&self) -> florin_types::Height {
        self.context.chain.head().block.height()
    }

    /// Lets requests that run finish, then closes all connections.
    pub async fn stop(mut self) {
        // An error means that it has stopped already.
        let _ = self.handle.stop();
        let grace = self.context.config.request_time_max;
        if tokio::time::timeout(grace, self.handle.clone().stopped()).await.is_err() {
            tracing::warn!(grace_ms = grace.as_millis() as u64, "rpc.stop.grace_over");
        }
        self.tasks.shutdown().await;
    }
}

/// Starts to serve. Returns once the port is open.
///
/// Boxed so that the server is compiled here, once, and not again in every program and test that starts one.
pub fn serve(address: SocketAddr, backend: Backend) -> BoxFuture<'static, Result<RpcServer, ServeError>> {
    Box::pin(open_port(address, backend))
}

async fn open_port(address: SocketAddr, backend: Backend) -> Result<RpcServer, ServeError> {
    let context = Arc::new(Context::new(backend, RpcMetrics::new()));
    let config = context.config.clone();
    let methods = module(context.clone())?;
    let guard_context = context.clone();
    let http_time_max = config.request_time_max.saturating_mul(HTTP_TIME_FACTOR);
    let server = Server::builder()
        .set_config(server_config(&config))
        .set_http_middleware(
            tower::ServiceBuilder::new()
                .layer(cors(&config)?)
                .layer_fn(move |service| HttpGuard::new(service, http_time_max)),
        )
        .set_rpc_middleware(
            RpcServiceBuilder::new().layer_fn(move |service| Guard::new(service, guard_context.clone())),
        )
        .build(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let address = server.local_addr().map_err(|source| ServeError::Listen { address, source })?;
    let mut tasks = JoinSet::new();
    let follow = context.clone();
    tasks.spawn(async move { follow.chain.follow().await });
    let feed = context.clone();
    tasks.spawn(async move { feed.chain.feed_index().await });
    let handle = server.start(methods);
    tracing::info!(%address, "rpc.listening");
    Ok(RpcServer { address, handle, context, tasks })
}

fn server_config(config: &RpcConfig) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(config.request_bytes_max)
        .max_response_body_size(config.response_bytes_max)
        .max_connections(config.connections_max)
        .max_subscriptions_per_connection(config.subscriptions_per_connection_max)
        .set_message_buffer_capacity(config.subscription_backlog_max.max(1))
        .set_batch_request_config(BatchRequestConfig::Limit(config.batch_requests_max))
        .enable_ws_ping(PingConfig::new().ping_interval(PING_INTERVAL))
        .set_id_provider(HexIds)
        .set_tcp_no_delay(true)
        .build()
}

fn cors(config: &RpcConfig) -> Result<CorsLayer, ServeError> {
    let origins = &config.cors_origins;
    let allowed = match origins.as_slice() {
        [] => return Ok(CorsLayer::new()),
        [any] if any == "*" => AllowOrigin::any(),
        listed => {
            let parse = |origin: &String| match origin.parse() {
                Ok(value) if origin.contains("://") && !origin.contains('*') => Ok(value),
                _ => Err(ServeError::Origin { origin: origin.clone() }),
            };
            AllowOrigin::list(listed.iter().map(parse).collect::<Result<Vec<_>, _>>()?)
        }
    };
    let any = tower_http::cors::Any;
    Ok(CorsLayer::new().allow_origin(allowed).allow_methods(any).allow_headers(any))
}

/// The methods of the table, as jsonrpsee takes them.
fn module(context: Arc<Context>) -> Result<RpcModule<Context>, ServeError> {
    let mut module = RpcModule::from_arc(context);
    let twice = |error: jsonrpsee::core::RegisterMethodError| ServeError::Table(error.to_string());
    for method in METHODS {
        let Some(handler) = method.handler else { continue };
        module
            .register_async_method(method.name, move |params, context, _| async move {
                let args = Args::new(method.params, params.as_str()).map_err(ErrorObjectOwned::from)?;
                handler(context, args).await.map_err(ErrorObjectOwned::from)
            })
            .map_err(twice)?;
    }
    module
        .register_subscription(
            SUBSCRIBE.name,
            "eth_subscription",
            UNSUBSCRIBE.name,
            |params, pending, context, _| async move { subscriptions::serve(params, pending, context).await },
        )
        .map_err(twice)?;
    Ok(module)
}
