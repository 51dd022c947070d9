//! Who may come in through a browser.
//!
//! A browser keeps a page from reading what another server answers, but not from opening a WebSocket, and not from
//! calling a name of its own that suddenly means this machine (DNS rebinding). So the server looks itself: at the
//! `Origin` of a WebSocket handshake, and at the `Host` of everything while it listens on this machine alone.

use crate::server::ServeError;
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use std::net::{IpAddr, SocketAddr};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// HTTP status.
const FORBIDDEN: u16 = 403;

/// The origins of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Visitors {
    any: bool,
    origins: Vec<String>,
    /// Whether only this machine can reach the port, unless a browser on it is deceived.
    local: bool,
}

impl Visitors {
    pub(crate) fn new(origins: &[String], address: SocketAddr) -> Result<Self, ServeError> {
        let any = origins.len() == 1 && origins.iter().all(|origin| origin == "*");
        for origin in origins.iter().filter(|_| !any) {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            if scheme.is_empty() || host.is_empty() || host.contains(['*', '/']) {
                return Err(ServeError::Origin { origin: origin.clone() });
            }
        }
        Ok(Self { any, origins: origins.to_vec(), local: address.ip().is_loopback() })
    }

    /// What browsers are told about HTTP requests.
    pub(crate) fn cors(&self) -> Result<CorsLayer, ServeError> {
        let parse = |origin: &String| origin.parse().map_err(|_| ServeError::Origin { origin: origin.clone() });
        let allowed = match (self.any, self.origins.as_slice()) {
            (true, _) => AllowOrigin::any(),
            (false, []) => return Ok(CorsLayer::new()),
            (false, listed) => AllowOrigin::list(listed.iter().map(parse).collect::<Result<Vec<_>, _>>()?),
        };
        let any = tower_http::cors::Any;
        Ok(CorsLayer::new().allow_origin(allowed).allow_methods(any).allow_headers(any))
    }

    /// Refuses a request that a page which nobody let in has made.
    pub(crate) fn refuse<B>(&self, request: &HttpRequest<B>, is_upgrade: bool) -> Option<HttpResponse> {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(host) = request.uri().authority().map(|authority| authority.as_str()).or_else(|| header("host"))
            && !self.may_be_called(host)
        {
            return Some(forbidden(
                "this node listens on its own machine only and is not called by that name: use localhost, or name the \
                 origin in rpc.cors_origins\n",
            ));
        }
        match header("origin") {
            Some(origin) if is_upgrade && !self.lets_in(origin) => {
                Some(forbidden("pages of this origin are not let in: name it in rpc.cors_origins\n"))
            }
            _ => None,
        }
    }

    fn lets_in(&self, origin: &str) -> bool {
        self.any || self.origins.iter().any(|allowed| allowed == origin)
    }

    /// An address, a name of this machine, or the host of an origin that is let in.
    fn may_be_called(&self, host: &str) -> bool {
        let name = without_port(host);
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let is_this_machine =
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
        let is_listed = || {
            let hosts = self.origins.iter().filter_map(|origin| origin.split_once("://"));
            hosts.into_iter().any(|(_, host)| without_port(host).eq_ignore_ascii_case(name))
        };
        !self.local || self.any || is_address || is_this_machine || is_listed()
    }
}

/// `[::1]:8545` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn forbidden(text: &'static str) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(text));
    if let Ok(status) = FORBIDDEN.try_into() {
        *response.status_mut() = status;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_this_machine_or_a_listed_origin() {
        let visitors = |address: [u8; 4], origins: &[&str]| {
            let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
            Visitors::new(&origins, SocketAddr::from((address, 8545))).unwrap()
        };
        let local = visitors([127, 0, 0, 1], &["https://bank.example:9000"]);
        for host in
            ["localhost", "LOCALHOST:8545", "127.0.0.1:8545", "[::1]:8545", "[::1]", "a.localhost:1", "bank.example"]
        {
            assert!(local.may_be_called(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8545", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!local.may_be_called(host), "{host}");
        }
        assert!(visitors([127, 0, 0, 1], &["*"]).may_be_called("evil.example"));
        assert!(visitors([0, 0, 0, 0], &[]).may_be_called("evil.example"), "others reach it by whatever name it has");
    }
}
