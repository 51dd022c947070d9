//! Which of a node's ports others can reach, and what protects them.

use super::report::Finding;
use crate::config::Config;
use std::net::SocketAddr;

const CODE: &str = "exposed_ports";

/// What listens beyond this machine without encryption and credentials.
pub(crate) fn finding(config: &Config) -> Finding {
    let (rpc, monitoring) = (&config.rpc, &config.monitoring);
    let public = config.plain_public_ports();
    let plain = |field: &str| public.iter().any(|(name, _)| *name == field);
    let mut open = Vec::new();
    if plain("rpc.listen") {
        open.push(format!(
            "rpc.listen = {} without TLS takes transactions and questions from whoever reaches it",
            rpc.listen
        ));
    }
    if rpc.enabled && is_exposed(rpc.listen) && rpc.cors_origins.iter().any(|origin| origin == "*") {
        open.push("rpc.cors_origins = [\"*\"] lets any web page that somebody opens call it".into());
    }
    if plain("monitoring.listen") {
        open.push(format!(
            "monitoring.listen = {} without TLS tells everybody the names of validators and participants, and what waits",
            monitoring.listen
        ));
    }
    if open.is_empty() {
        return Finding::well(CODE, "JSON-RPC and metrics listen on loopback addresses, speak TLS, or are off");
    }
    Finding::warning(
        CODE,
        open.join("; "),
        "give it tls_certificate and tls_key, or listen on 127.0.0.1; and see that a firewall lets in only whom you know",
    )
}

fn is_exposed(listen: SocketAddr) -> bool {
    !listen.ip().to_canonical().is_loopback()
}
