//! What watches a node: `/metrics` for Prometheus, `/healthz` for whoever restarts processes, `/readyz` for whoever
//! sends it traffic.
//!
//! Healthy means that the node runs; ready means that its answers are fresh. A node that is not ready says why, and is
//! never restarted for it: it may be the only one that still has a quorum's memory. `/bans` lists the clients of JSON-RPC
//! that are not served for a while.

use crate::failure::Failure;
use axum::{
    Json, Router,
    extract::{State, connect_info::Connected},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
    serve::{IncomingStream, Listener},
};
use florin_rpc::{Ban, Tls, TlsStream};
use serde::Serialize;
use serde_json::json;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tokio_util::either::Either;

/// Connections at the same time: monitors are few.
const CONNECTIONS_MAX: usize = 64;
/// How long one lives.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);
/// Pause after a failed attempt to take a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the endpoints ask of a node.
pub(crate) trait Observed: Send + Sync + 'static {
    /// Everything measured, in Prometheus' text format.
    fn metrics(&self) -> String;
    /// Clients of JSON-RPC that are not served for a while.
    fn bans(&self) -> Vec<Ban>;
    /// Why the node should not be sent traffic; empty when it should.
    fn unready_reasons(&self) -> Vec<String>;
    /// Why the node is broken; `None` while it runs.
    fn broken(&self) -> Option<String>;
}

#[derive(Serialize)]
struct Health {
    ok: bool,
    reasons: Vec<String>,
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Joins the texts of several registries: one end mark, at the end.
pub(crate) fn join(texts: &[String]) -> String {
    let bodies = texts.iter().map(|text| text.trim_end().trim_end_matches("# EOF").trim_end());
    bodies.filter(|body| !body.is_empty()).map(|body| format!("{body}\n")).collect::<String>() + "# EOF\n"
}

/// Serves until the task is dropped.
pub(crate) async fn serve<N: Observed>(
    listen: SocketAddr,
    tls: Option<Tls>,
    node: Arc<N>,
) -> Result<SocketAddr, Failure> {
    serve_router("monitoring", listen, tls, router(node)).await
}

/// Serves these answers through the door until the program ends. `section` of the configuration names the address. Each request has
/// its client's address as a [`Client`].
pub(crate) async fn serve_router(
    section: &'static str,
    listen: SocketAddr,
    tls: Option<Tls>,
    router: Router,
) -> Result<SocketAddr, Failure> {
    let taken = |error: std::io::Error| {
        Failure::unavailable(
            &format!("{section}.listen"),
            format_args!("{section} cannot listen on {listen}: {error}"),
            format_args!("choose another address in {section}.listen, or stop the program that uses it"),
        )
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Client>();
        if let Err(error) = axum::serve(Door::new(listener, address, tls), service).await {
            tracing::error!(%error, section, "it is no longer served");
        }
    });
    Ok(address)
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Client {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection, with its place among all and with TLS where the port has a certificate.
type Io = Either<Placed, TlsStream<Placed>>;

/// A connection that has a place for [`CONNECTION_TIME_MAX`]; then it ends, whatever it does, and its client comes again.
struct Placed {
    stream: TcpStream,
    time_left: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Placed {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.time_left.as_mut().poll(task).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_read(task, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.time_left.as_mut().poll(task).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}

/// Takes connections up to a bound. Handshakes are made beside it, so that a slow one keeps nobody waiting.
struct Door {
    taken: mpsc::Receiver<(Io, SocketAddr)>,
    address: SocketAddr,
    _listening: JoinSet<()>,
}

impl Door {
    fn new(listener: TcpListener, address: SocketAddr, tls: Option<Tls>) -> Self {
        let (ready, taken) = mpsc::channel(CONNECTIONS_MAX);
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, tls, ready));
        Self { taken, address, _listening: listening }
    }
}

async fn listen(listener: TcpListener, tls: Option<Tls>, ready: mpsc::Sender<(Io, SocketAddr)>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "monitoring.accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let time_left = Box::pin(sleep(CONNECTION_TIME_MAX));
        let (placed, ready, tls) = (Placed { stream, time_left, _place: place }, ready.clone(), tls.clone());
        tokio::spawn(async move {
            let io = match tls {
                None => Ok(Either::Left(placed)),
                Some(tls) => tls.accept(placed).await.map(Either::Right),
            };
            match io {
                // Nobody takes it any more when the node ends.
                Ok(io) => drop(ready.send((io, address)).await),
                Err(error) => tracing::debug!(%error, "monitoring.handshake"),
            }
        });
    }
}

impl Listener for Door {
    type Io = Io;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Io, SocketAddr) {
        match self.taken.recv().await {
            Some(taken) => taken,
            // Whoever listens ends with this door only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

fn router<N: Observed>(node: Arc<N>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<N>))
        .route("/bans", get(bans::<N>))
        .route("/healthz", get(healthz::<N>))
        .route("/readyz", get(readyz::<N>))
        .with_state(node)
}

async fn metrics<N: Observed>(State(node): State<Arc<N>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], node.metrics()).into_response()
}

async fn bans<N: Observed>(State(node): State<Arc<N>>) -> Response {
    let list = |ban: Ban| json!({ "client": ban.client, "reason": ban.reason, "until_ms": ban.until_ms });
    Json(json!({ "bans": node.bans().into_iter().map(list).collect::<Vec<_>>() })).into_response()
}

async fn healthz<N: Observed>(State(node): State<Arc<N>>) -> Response {
    answer(node.broken().into_iter().collect())
}

async fn readyz<N: Observed>(State(node): State<Arc<N>>) -> Response {
    answer(node.broken().into_iter().chain(node.unready_reasons()).collect())
}

fn answer(reasons: Vec<String>) -> Response {
    let ok = reasons.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok, reasons })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_join_under_one_end_mark() {
        let texts = ["a 1\n# EOF\n", "", "b 2\n", "# EOF\n", "c 3\n# EOF"].map(String::from);
        assert_eq!(join(&texts), "a 1\nb 2\nc 3\n# EOF\n");
    }
}
