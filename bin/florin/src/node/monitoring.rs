//! What watches a node or a gateway: `/metrics` for Prometheus, `/healthz` for whoever restarts processes, `/readyz` for whoever
//! sends it traffic.
//!
//! Healthy means that the node runs; ready means that its answers are fresh. A node that is not ready says why, and is
//! never restarted for it: it may be the only one that still has a quorum's memory. `/bans` lists the clients (of JSON-RPC, of
//! the gateway) that are not served for a while.

use crate::failure::Failure;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use florin_rpc::{Ban, ClientLimits, Port, Tls};
use serde::Serialize;
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

/// Connections at the same time, and those of one client: monitors are few.
const CONNECTIONS_MAX: u32 = 64;
const CLIENT_CONNECTIONS_MAX: u32 = 16;

/// What the endpoints ask of a node or a gateway.
pub(crate) trait Observed: Send + Sync + 'static {
    /// Everything measured, in Prometheus' text format.
    fn metrics(&self) -> String;
    /// Clients that are not served for a while.
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

/// Says of ports, by the field that says where they listen, that other machines reach them without TLS.
pub(crate) fn warn_of_plain_ports(ports: Vec<(&'static str, SocketAddr)>) {
    for (field, address) in ports {
        tracing::warn!(field, %address, "other machines reach this port without TLS: what is said there can be read and changed on the way");
    }
}

/// Joins the texts of several registries: one end mark, at the end.
pub(crate) fn join(texts: &[String]) -> String {
    let bodies = texts.iter().map(|text| text.trim_end().trim_end_matches("# EOF").trim_end());
    bodies.filter(|body| !body.is_empty()).map(|body| format!("{body}\n")).collect::<String>() + "# EOF\n"
}

/// Serves until the program ends.
pub(crate) async fn serve<N: Observed>(
    listen: SocketAddr,
    tls: Option<Tls>,
    node: Arc<N>,
) -> Result<SocketAddr, Failure> {
    // Who watches is refused what is too much, and never banned: a watcher that sees nothing for minutes is none.
    let limits =
        ClientLimits { connections_max: CLIENT_CONNECTIONS_MAX, ban_time: Duration::ZERO, ..ClientLimits::default() };
    serve_router("monitoring", listen, tls, router(node), Port::new("monitoring", CONNECTIONS_MAX, limits)).await
}

/// Serves these answers at a port until the program ends. `section` of the configuration names the address.
pub(crate) async fn serve_router(
    section: &'static str,
    listen: SocketAddr,
    tls: Option<Tls>,
    router: Router,
    port: Port,
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
    tokio::spawn(port.serve(listener, tls, router));
    Ok(address)
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
