//! What watches a node: `/metrics` for Prometheus, `/healthz` for whoever restarts processes, `/readyz` for whoever
//! sends it traffic.
//!
//! Healthy means that the node runs; ready means that its answers are fresh. A node that is not ready says why, and is
//! never restarted for it: it may be the only one that still has a quorum's memory.

use crate::failure::Failure;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

/// What the endpoints ask of a node.
pub(crate) trait Observed: Send + Sync + 'static {
    /// Everything measured, in Prometheus' text format.
    fn metrics(&self) -> String;
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
    let bodies: String = texts.iter().map(|text| text.trim_end().trim_end_matches("# EOF")).collect();
    bodies + "# EOF\n"
}

/// Serves until the task is dropped.
pub(crate) async fn serve<N: Observed>(listen: SocketAddr, node: Arc<N>) -> Result<SocketAddr, Failure> {
    let taken = |error: std::io::Error| {
        Failure::unavailable(
            "monitoring.listen",
            format_args!("metrics and health cannot listen on {listen}: {error}"),
            "choose another address in monitoring.listen, or stop the program that uses it",
        )
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let router = router(node);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "metrics and health are no longer served");
        }
    });
    Ok(address)
}

fn router<N: Observed>(node: Arc<N>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<N>))
        .route("/healthz", get(healthz::<N>))
        .route("/readyz", get(readyz::<N>))
        .with_state(node)
}

async fn metrics<N: Observed>(State(node): State<Arc<N>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], node.metrics()).into_response()
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
        let texts = ["a 1\n# EOF\n".to_string(), String::new(), "b 2\n# EOF\n".to_string()];
        assert_eq!(join(&texts), "a 1\nb 2\n# EOF\n");
    }
}
