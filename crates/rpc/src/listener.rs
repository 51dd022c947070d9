//! The door: connections are taken in up to a bound, and each has to say what it wants in time.

use crate::{
    clients::{Caller, Clients},
    connection::Connection,
    tls::{Tls, is_no_tls},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::{
    core::BoxError,
    server::{HttpRequest, HttpResponse, StopHandle},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::either::Either;
use tower::{Service, ServiceExt as _};

/// Pause after a failed attempt to take a connection: a lack of file descriptors is not cured by trying harder.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections above the bound that are told so at the same time; others are closed without a word.
const REFUSALS_MAX: usize = 64;
/// How long a client that is refused has to hear it.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);
/// Of the places for connections, one in so many is kept for trusted clients.
const KEPT_PART: u32 = 4;
/// One client may have this part of the places that are free.
const SHARE_PART: usize = 4;
/// What a client that is refused has sent may be this long; the rest of it is not waited for.
const REFUSED_BYTES_MAX: u64 = 64 * 1024;
/// When a client that finds no place may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What answers the requests of a connection.
pub(crate) trait HttpService:
    Service<
        HttpRequest<Incoming>,
        Response = HttpResponse<<Self as HttpService>::Body>,
        Error = BoxError,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// Bodies of its answers.
    type Body: hyper::body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<HttpRequest<Incoming>, Response = HttpResponse<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = B;
}

/// Places for connections. A part of them is kept for trusted clients, so that nobody can lock those out.
struct Places {
    open: Arc<Semaphore>,
    kept: Arc<Semaphore>,
}

impl Places {
    fn new(connections_max: u32, trusts_any: bool) -> Self {
        let kept = if trusts_any { connections_max / KEPT_PART } else { 0 };
        let places = |count: u32| Arc::new(Semaphore::new(count as usize));
        Self { open: places(connections_max.saturating_sub(kept)), kept: places(kept) }
    }

    /// A place for a connection that has arrived. A client without trust has a place if there is one, and more of them while
    /// it has fewer than a part of those that are free: the fuller the pool, the smaller everybody's share of it.
    fn take(&self, caller: &Caller) -> Option<OwnedSemaphorePermit> {
        let from = |places: &Arc<Semaphore>| places.clone().try_acquire_owned().ok();
        match caller.connections() {
            None => from(&self.kept).or_else(|| from(&self.open)),
            Some(connections) if connections as usize > (self.open.available_permits() / SHARE_PART).max(1) => None,
            Some(_) => from(&self.open),
        }
    }
}

/// What stands before every connection.
pub(crate) struct Door {
    pub(crate) tls: Option<Tls>,
    pub(crate) clients: Arc<Clients>,
    /// Connections at the same time.
    pub(crate) connections_max: u32,
    /// How long a connection may wait for the head of its next request.
    pub(crate) idle_time_max: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub(crate) stall_time_max: Duration,
}

/// Takes connections until the server stops.
pub(crate) async fn listen(listener: TcpListener, door: Door, service: impl HttpService, stop: StopHandle) {
    let places = Places::new(door.connections_max, door.clients.trusts_any());
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    after_failure(&error).await;
                    continue;
                }
            },
            () = &mut stopped => return,
        };
        let arrived = door.clients.arrive(address.ip()).map(|caller| (places.take(&caller), caller));
        let refusal = match arrived {
            Ok((Some(place), caller)) => {
                let connection = Connection::new(stream, caller.clone(), place, door.stall_time_max);
                tokio::spawn(serve(
                    connection,
                    caller,
                    door.tls.clone(),
                    door.idle_time_max,
                    service.clone(),
                    stop.clone(),
                ));
                continue;
            }
            Err(refusal) => refusal_text(&refusal.message, refusal.retry_after),
            Ok((None, _)) => {
                refusal_text("Too many connections to this server: close some, or try again later.", RETRY_AFTER)
            }
        };
        // Over TLS nobody hears a word before both sides have agreed on keys, which a refused client is not worth.
        if let (None, Ok(place)) = (&door.tls, refusals.clone().try_acquire_owned()) {
            tokio::spawn(refuse(stream, refusal, place));
        }
    }
}

/// A client that has gone away again is its own affair; everything else is this machine's and takes time.
async fn after_failure(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "http.accept");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn refusal_text(message: &str, retry_after: Duration) -> String {
    format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nConnection: close\r\nRetry-After: {}\r\n\
         Content-Length: {}\r\n\r\n{message}",
        retry_after.as_secs().max(1),
        message.len()
    )
}

/// Says that there is no place. What was sent is read, because closing before would take the answer away again.
async fn refuse(mut stream: TcpStream, refusal: String, _place: OwnedSemaphorePermit) {
    let refused = async {
        stream.write_all(refusal.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(REFUSED_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whether it was heard makes no difference.
    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, refused).await;
}

/// Serves one connection, after its TLS handshake if it is to have one.
async fn serve(
    connection: Connection,
    caller: Caller,
    tls: Option<Tls>,
    idle_time_max: Duration,
    service: impl HttpService,
    stop: StopHandle,
) {
    let stream = match tls {
        None => Either::Left(connection),
        Some(tls) => match tls.accept(connection).await {
            Ok(stream) => Either::Right(stream),
            Err(error) => {
                tracing::debug!(%error, "http.connection.handshake");
                // Who only looks whether the port is open is no offender, and neither is who does not like the certificate.
                if is_no_tls(&error) {
                    caller.accuse("tls_handshake", "TLS handshakes that are no TLS");
                }
                return;
            }
        },
    };
    serve_http(stream, caller, idle_time_max, service, stop).await;
}

/// Serves HTTP/1.1 on one connection. The time for the head of a request runs from the answer before it, so that a
/// connection that is not used ends too.
async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    caller: Caller,
    idle_time_max: Duration,
    service: impl HttpService,
    stop: StopHandle,
) {
    let client = caller.clone();
    let answer = service_fn(move |mut request: HttpRequest<Incoming>| {
        request.extensions_mut().insert(client.clone());
        service.clone().oneshot(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_time_max)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = stop.shutdown() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "http.connection.ended");
        if error.is_parse() {
            caller.accuse("malformed_http", "requests that are no HTTP");
        }
    }
}
