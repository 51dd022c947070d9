//! A port of this program that speaks HTTP and no JSON-RPC, such as the gateway's or the monitors': behind the same door, with the
//! same bounds on clients.
//!
//! Connections have places and their time, as JSON-RPC's have; each request counts as one, and is refused with problem details
//! (RFC 9457) where its client has used up what it may ask for. What the service bounds itself, such as bodies, is its own.

use crate::{
    clients::{Ban, Caller, ClientLimits, Clients, Refusal},
    config::RpcConfig,
    listener::{Door, listen},
    metrics::PortMetrics,
    tls::Tls,
};
use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Incoming};
use jsonrpsee::{
    core::BoxError,
    server::{Extensions, HttpRequest, HttpResponse, stop_channel},
};
use serde_json::json;
use std::{convert::Infallible, net::IpAddr, sync::Arc};
use tokio::net::TcpListener;
use tower::{Service, ServiceExt as _};

/// HTTP status.
const TOO_MANY_REQUESTS: u16 = 429;

/// The bounds of a port, and what its clients have used of them. Clones share it.
#[derive(Clone, Debug)]
pub struct Port {
    clients: Arc<Clients>,
    metrics: Arc<PortMetrics>,
    connections_max: u32,
}

impl Port {
    /// For at most so many connections, of which a quarter is kept for trusted clients, if there are any. Its metrics begin with
    /// `florin_` and this name.
    pub fn new(name: &str, connections_max: u32, limits: ClientLimits) -> Self {
        Self { clients: Clients::new(limits), metrics: Arc::new(PortMetrics::new(name)), connections_max }
    }

    /// Serves until the future is dropped; requests that run then are finished.
    pub async fn serve<S, B>(self, listener: TcpListener, tls: Option<Tls>, service: S)
    where
        S: Service<HttpRequest<Incoming>, Response = HttpResponse<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        // Dropped with this future: then the door closes.
        let (stop, _handle) = stop_channel();
        let RpcConfig { idle_time_max, stall_time_max, .. } = RpcConfig::default();
        let (clients, connections_max) = (self.clients, self.connections_max);
        let door = Door { tls, clients, connections_max, idle_time_max, stall_time_max };
        let bounded = tower::service_fn(move |request: HttpRequest<Incoming>| {
            let admitted = Caller::of(request.extensions()).take_requests(1);
            let service = service.clone();
            async move {
                let answer = match admitted {
                    Ok(()) => service.oneshot(request).await.map(|answer| answer.map(Either::Left)),
                    Err(refusal) => Ok(too_many_requests(&refusal).map(Either::Right)),
                };
                answer.map_err(BoxError::from)
            }
        });
        listen(listener, door, bounded, stop).await;
    }

    /// Clients that are not served for a while.
    pub fn bans(&self) -> Vec<Ban> {
        self.clients.bans()
    }

    /// Prometheus text of whom it refused, without the mark of its end.
    pub fn metrics(&self) -> String {
        self.metrics.encode(&self.clients)
    }
}

/// The address of the client whose request has these extensions.
pub fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    Caller::of(extensions).address()
}

fn too_many_requests(refusal: &Refusal) -> HttpResponse<Full<Bytes>> {
    let problem = json!({
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": TOO_MANY_REQUESTS,
        "code": format!("client.{}", refusal.limit.name()),
        "detail": refusal.message,
        "next": "wait as long as Retry-After says",
    });
    let seconds = refusal.retry_after.as_millis().div_ceil(1_000);
    let mut response = HttpResponse::new(Full::from(problem.to_string()));
    if let (Ok(status), Ok(seconds), Ok(kind)) =
        (TOO_MANY_REQUESTS.try_into(), seconds.to_string().parse(), "application/problem+json".parse())
    {
        *response.status_mut() = status;
        response.headers_mut().insert("retry-after", seconds);
        response.headers_mut().insert("content-type", kind);
    }
    response
}
