//! The server: one port for HTTP and WebSocket.

use crate::{
    args::Args,
    backend::{Backend, Context},
    clients::{Ban, Caller},
    config::RpcConfig,
    guard::{Door, Guard, HttpGuard},
    listener,
    methods::{METHODS, SUBSCRIBE, UNSUBSCRIBE},
    metrics::RpcMetrics,
    socket::Sockets,
    subscriptions,
    visitors::Visitors,
};
use futures::future::BoxFuture;
use jsonrpsee::{
    RpcModule,
    core::middleware::RpcServiceBuilder,
    server::{BatchRequestConfig, Methods, Server, ServerConfig, ServerHandle as JsonRpcHandle, stop_channel},
    types::ErrorObjectOwned,
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet};

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
    /// The system gives no threads.
    #[error("RPC cannot start its threads: {0}: raise the limits of this process")]
    Threads(std::io::Error),
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
    _threads: Threads,
}

/// The server's own threads. Whatever a client asks for, consensus has others.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn new(count: usize) -> Result<Self, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(count.max(1))
            .thread_name("florin-rpc")
            .enable_all()
            .build()
            .map_err(ServeError::Threads)?;
        Ok(Self(Some(runtime)))
    }

    async fn run<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R, ServeError>> + Send + 'static,
    ) -> Result<R, ServeError> {
        match &self.0 {
            Some(runtime) => runtime.spawn(work).await.map_err(|error| ServeError::Threads(error.into()))?,
            None => work.await,
        }
    }
}

impl Drop for Threads {
    /// A runtime may not wait for its threads on a thread of another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
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
        context.metrics.encode(context.filters.len(), head, context.chain.indexed_height(), &context.clients)
    }

    /// Clients that are not served for a while.
    pub fn bans(&self) -> Vec<Ban> {
        self.context.clients.bans()
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
    Box::pin(async move {
        let threads = Threads::new(backend.config.threads)?;
        let (address, handle, context, tasks) = threads.run(open_port(address, backend)).await?;
        Ok(RpcServer { address, handle, context, tasks, _threads: threads })
    })
}

/// What runs once the port is open.
type Running = (SocketAddr, JsonRpcHandle, Arc<Context>, JoinSet<()>);

async fn open_port(address: SocketAddr, backend: Backend) -> Result<Running, ServeError> {
    let tls = backend.tls.clone();
    let context = Arc::new(Context::new(backend, RpcMetrics::new()));
    let config = context.config.clone();
    let methods = Methods::from(module(context.clone())?);
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let visitors = Visitors::new(&config.cors_origins, address)?;
    let cors = visitors.cors()?;
    let (stop, handle) = stop_channel();
    let sockets = Sockets::new(context.clone(), methods.clone(), stop.clone());
    let time_max = config.request_time_max.saturating_mul(HTTP_TIME_FACTOR);
    let door = Arc::new(Door { visitors, sockets, time_max });
    let guard_context = context.clone();
    let service = Server::builder()
        .set_config(server_config(&config))
        .set_http_middleware(
            tower::ServiceBuilder::new().layer(cors).layer_fn(move |service| HttpGuard::new(service, door.clone())),
        )
        .set_rpc_middleware(RpcServiceBuilder::new().layer_fn(move |service| {
            Guard::new(service, guard_context.clone(), guard_context.config.response_bytes_max)
        }))
        .to_service_builder()
        .build(methods, stop.clone());
    let mut tasks = JoinSet::new();
    let follow = context.clone();
    tasks.spawn(async move { follow.chain.follow().await });
    let feed = context.clone();
    tasks.spawn(async move { feed.chain.feed_index().await });
    let has_tls = tls.is_some();
    let door = listener::Door {
        tls,
        clients: context.clients.clone(),
        connections_max: config.connections_max,
        idle_time_max: config.idle_time_max,
        stall_time_max: config.stall_time_max,
    };
    tasks.spawn(async move { listener::listen(listener, door, service, stop).await });
    tracing::info!(%address, tls = has_tls, "rpc.listening");
    Ok((address, handle, context, tasks))
}

/// HTTP alone: WebSockets are opened by the guard. The bound on connections is the listener's.
fn server_config(config: &RpcConfig) -> ServerConfig {
    ServerConfig::builder()
        .http_only()
        .max_request_body_size(config.request_bytes_max)
        .max_response_body_size(config.response_bytes_max)
        .max_connections(u32::MAX)
        .set_batch_request_config(BatchRequestConfig::Limit(config.batch_requests_max))
        .build()
}

/// The methods of the table, as jsonrpsee takes them.
fn module(context: Arc<Context>) -> Result<RpcModule<Context>, ServeError> {
    let mut module = RpcModule::from_arc(context);
    let twice = |error: jsonrpsee::core::RegisterMethodError| ServeError::Table(error.to_string());
    for method in METHODS {
        let Some(handler) = method.handler else { continue };
        module
            .register_async_method(method.name, move |params, context, extensions| async move {
                let answer = async {
                    let _place = context.requests.take_request(params.len_bytes())?;
                    let args = Args::new(method.params, params)?.of(Caller::of(&extensions));
                    handler(context.clone(), args).await
                };
                answer.await.map_err(ErrorObjectOwned::from)
            })
            .map_err(twice)?;
    }
    module
        .register_subscription(
            SUBSCRIBE.name,
            "eth_subscription",
            UNSUBSCRIBE.name,
            |params, pending, context, extensions| async move {
                subscriptions::serve(params, pending, context, &extensions).await;
            },
        )
        .map_err(twice)?;
    Ok(module)
}
