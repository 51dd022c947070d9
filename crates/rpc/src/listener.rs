//! The door: connections are taken in up to a bound, and each has to say what it wants in time.

use crate::{config::RpcConfig, connection::Connection};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jsonrpsee::{
    core::BoxError,
    server::{HttpRequest, HttpResponse, StopHandle},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

/// Pause after a failed attempt to take a connection: a lack of file descriptors is not cured by trying harder.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections above the bound that are told so at the same time; others are closed without a word.
const REFUSALS_MAX: usize = 64;
/// How long a client that is refused has to hear it.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);
/// What a client that is refused has sent may be this long; the rest of it is not waited for.
const REFUSED_BYTES_MAX: u64 = 64 * 1024;
const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nConnection: close\r\n\
    Content-Length: 66\r\n\r\nToo many connections to this node: close some, or try again later.";

/// Takes connections until the server stops.
pub(crate) async fn listen<S, B>(listener: TcpListener, config: &RpcConfig, service: S, stop: StopHandle)
where
    S: Service<HttpRequest<Incoming>, Response = HttpResponse<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let places = Arc::new(Semaphore::new(config.connections_max as usize));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    after_failure(&error).await;
                    continue;
                }
            },
            () = &mut stopped => return,
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let connection = Connection::new(stream, place, config.stall_time_max);
                tokio::spawn(serve(connection, config.idle_time_max, service.clone(), stop.clone()));
            }
            Err(_) => {
                if let Ok(place) = refusals.clone().try_acquire_owned() {
                    tokio::spawn(refuse(stream, place));
                }
            }
        }
    }
}

/// A client that has gone away again is its own affair; everything else is this machine's and takes time.
async fn after_failure(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "rpc.accept");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Says that there is no place. What was sent is read, because closing before would take the answer away again.
async fn refuse(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let refused = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(REFUSED_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whether it was heard makes no difference.
    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, refused).await;
}

/// Serves HTTP/1.1 on one connection. The time for the head of a request runs from the answer before it, so that a
/// connection that is not used ends too.
async fn serve<S, B>(connection: Connection, idle_time_max: Duration, service: S, stop: StopHandle)
where
    S: Service<HttpRequest<Incoming>, Response = HttpResponse<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_time_max)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(service))
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
        tracing::debug!(%error, "rpc.connection.ended");
    }
}
