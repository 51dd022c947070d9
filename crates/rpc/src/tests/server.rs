//! The server around the methods: limits, browsers, metrics, catching up, stopping.

use super::{
    harness::{TOKEN, bank, developer, on_a_node, on_a_plain_node, plain_config},
    socket::{self, WebSocket},
};
use crate::{Backend, RpcConfig, ServeError, chain::Chain, serve};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use florin_index::{Index, LogLimits, LogQuery};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const JSON: &str = "POST / HTTP/1.1\r\nContent-Type: application/json";
const CHAIN_ID_REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn bodies_and_batches_are_bounded() {
    let config = RpcConfig { request_bytes_max: 20_000, batch_requests_max: 3, ..plain_config() };
    on_a_node(config, |node| async move {
        let padding = "0".repeat(30_000);
        let (status, body) =
            socket::post(node.address(), &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{padding}"}}"#)).await;
        assert_eq!(status, 413, "{body}");
        let batch = |count: usize| format!("[{}]", vec![CHAIN_ID_REQUEST; count].join(","));
        let (_, body) = socket::post(node.address(), &batch(3)).await;
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap().as_array().unwrap().len(), 3);
        let (_, body) = socket::post(node.address(), &batch(4)).await;
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"].is_i64(), "{body}");
        let mixed = r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},5,{"jsonrpc":"2.0","method":"eth_chainId"}]"#;
        let answers: Value = serde_json::from_str(&socket::post(node.address(), mixed).await.1).unwrap();
        assert_eq!(answers.as_array().unwrap().len(), 2);
        assert_eq!((&answers[0]["result"], &answers[1]["error"]["code"]), (&json!("0x14a34"), &json!(-32600)));
    });
}

#[test]
fn answers_are_bounded() {
    on_a_node(RpcConfig { response_bytes_max: 2_000, ..plain_config() }, |node| async move {
        let answer = node.call("rpc.discover", json!([])).await;
        assert!(answer["error"]["code"].is_i64(), "{answer}");
        node.ok("eth_chainId", json!([])).await;
    });
}

#[test]
fn what_takes_too_long_is_ended() {
    let config = RpcConfig {
        request_time_max: Duration::from_millis(500),
        // Gas for minutes: only the time can end it.
        call_gas_max: 20_000_000_000,
        simulations_max: 1,
        ..plain_config()
    };
    on_a_node(config, |node| async move {
        let endless =
            json!([{ "to": TOKEN.with_zero() }, "latest", { TOKEN.with_zero().to_string(): { "code": "0x5b600056" } }]);
        let (code, message, _) = node.error("eth_call", endless.clone()).await;
        assert!(code == -32002 && message.contains("timed out"), "{message}");
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": endless });
        let (_, body) = socket::post(node.address(), &json!([request, request, request, request]).to_string()).await;
        let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
        // A batch has the time of one request: what comes after the first has none left.
        assert!(answers.len() == 4 && answers.iter().all(|answer| answer["error"]["code"] == -32002), "{body}");
        // Its work has stopped too, and given its place back.
        for _ in 0..100 {
            if node.call("eth_call", json!([{ "to": Address::ZERO }])).await.get("result").is_some() {
                return;
            }
        }
        panic!("the place of what was ended is still taken");
    });
}

trait WithZero {
    fn with_zero(self) -> Self;
}

impl WithZero for Address {
    /// An address of no module.
    fn with_zero(mut self) -> Self {
        self.0[0] = 0;
        self
    }
}

#[test]
fn connections_are_bounded() {
    on_a_node(RpcConfig { connections_max: 2, ..plain_config() }, |node| async move {
        let first = WebSocket::connect(node.address()).await;
        let _second = WebSocket::connect(node.address()).await;
        let (status, body) = socket::post(node.address(), CHAIN_ID_REQUEST).await;
        assert_eq!(status, 429, "{body}");
        drop(first);
        for _ in 0..100 {
            if socket::post(node.address(), CHAIN_ID_REQUEST).await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a closed connection gives its place back");
    });
}

/// Asks until there is an answer with status 200.
async fn is_served(address: SocketAddr) {
    for _ in 0..1_000 {
        if socket::post(address, CHAIN_ID_REQUEST).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody is served any more");
}

#[test]
fn connections_that_say_nothing_count_and_are_closed() {
    let config = RpcConfig { connections_max: 2, idle_time_max: Duration::from_secs(2), ..plain_config() };
    on_a_node(config, |node| async move {
        let _silent = tokio::net::TcpStream::connect(node.address()).await.unwrap();
        let _another = tokio::net::TcpStream::connect(node.address()).await.unwrap();
        let (status, body) = socket::post(node.address(), CHAIN_ID_REQUEST).await;
        assert_eq!(status, 429, "{body}");
        is_served(node.address()).await;
        // Half a head is not enough to stay either.
        socket::exchange(node.address(), b"POST / HTTP/1.1\r\nHost:").await;
    });
}

#[test]
fn an_answer_that_is_not_read_does_not_hold_its_place() {
    let config = RpcConfig { connections_max: 1, stall_time_max: Duration::from_millis(300), ..plain_config() };
    on_a_node(config, |node| async move {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
        let batch = format!("[{}]", vec![request; 300].join(","));
        let head = format!("{JSON}\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", node.address(), batch.len());
        let mut stream = tokio::net::TcpStream::connect(node.address()).await.unwrap();
        stream.write_all(&[head.as_bytes(), batch.as_bytes()].concat()).await.unwrap();
        // It has begun to answer, and is not read any further.
        stream.read_exact(&mut [0; 12]).await.unwrap();
        is_served(node.address()).await;
    });
}

#[test]
fn answers_that_wait_have_a_bound_together() {
    on_a_node(RpcConfig { answers_bytes_max: 256 * 1024, ..plain_config() }, |node| async move {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
        let batch = format!("[{}]", vec![request; 20].join(","));
        let (_, body) = socket::post(node.address(), &batch).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["data"]["code"]),
            (&json!(-32005), &json!("answers_waiting"))
        );
        for _ in 0..20 {
            // Each of them gives its place back.
            node.ok("rpc.discover", json!([])).await;
        }
    });
}

#[test]
fn who_asks_and_does_not_read_waits_and_is_ended() {
    let config = RpcConfig { stall_time_max: Duration::from_millis(300), ..plain_config() };
    on_a_node(config, |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
        assert!(socket.send_without_reading(request, 100_000).await, "the server must end this");
        let metrics = node.server.metrics();
        let line = metrics.lines().find(|line| line.starts_with("florin_rpc_requests_total{method=\"rpc.discover\"}"));
        let answered: usize = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(answered < 5_000, "{answered} answers were made for nobody");
        node.ok("eth_chainId", json!([])).await;
    });
}

#[test]
fn a_socket_takes_more_requests_than_it_has_places_and_answers_each() {
    on_a_node(RpcConfig { socket_requests_max: 2, ..plain_config() }, |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        for id in 0..50 {
            socket.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" }).to_string()).await;
        }
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..50 {
            ids.insert(socket.receive().await["id"].as_u64().unwrap());
        }
        assert_eq!(ids.len(), 50);
    });
}

#[test]
fn messages_and_answers_of_a_socket_are_bounded() {
    let config = RpcConfig { request_bytes_max: 5_000, socket_response_bytes_max: 2_000, ..plain_config() };
    on_a_node(config, |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        assert!(socket.call("rpc.discover", json!([])).await["error"]["code"].is_i64());
        assert_eq!(socket.call("eth_chainId", json!([])).await["result"], "0x14a34");
        socket.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "0".repeat(6_000) }).to_string()).await;
        let refused = socket.receive().await;
        assert_eq!(refused["error"]["code"], -32007, "{refused}");
        node.ok("eth_chainId", json!([])).await;
    });
}

#[test]
fn pages_that_nobody_let_in_cannot_open_a_socket_or_use_another_name() {
    let origin = "Origin: https://bank.example\r\n";
    for (configured, expected) in
        [(vec![], 403), (vec!["*"], 101), (vec!["https://bank.example"], 101), (vec!["https://other.example"], 403)]
    {
        let configured = configured.into_iter().map(str::to_owned).collect();
        on_a_node(RpcConfig { cors_origins: configured, ..plain_config() }, |node| async move {
            assert_eq!(socket::handshake(node.address(), origin).await, expected);
            assert_eq!(socket::handshake(node.address(), "").await, 101, "programs send no origin");
        });
    }
    on_a_plain_node(|node| async move {
        for (host, expected) in [("evil.example", "403"), ("localhost:8545", "200"), ("127.0.0.1", "200")] {
            let head = format!(
                "{JSON}\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                CHAIN_ID_REQUEST.len()
            );
            let answer =
                socket::exchange(node.address(), &[head.as_bytes(), CHAIN_ID_REQUEST.as_bytes()].concat()).await;
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{host}: {answer}");
        }
    });
}

#[test]
fn browsers_are_let_in_as_configured() {
    let origin = |configured: &[&str]| RpcConfig {
        cors_origins: configured.iter().map(|o| (*o).to_owned()).collect(),
        ..plain_config()
    };
    let preflight = "OPTIONS / HTTP/1.1\r\nOrigin: https://bank.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type";
    for (configured, expected) in [
        (&[][..], None),
        (&["*"][..], Some("*")),
        (&["https://bank.example"][..], Some("https://bank.example")),
        (&["https://other.example"][..], None),
    ] {
        on_a_node(origin(configured), |node| async move {
            let (_, head, _) = socket::request(node.address(), preflight, b"").await;
            let found = head.lines().find_map(|line| line.strip_prefix("access-control-allow-origin: "));
            assert_eq!(found, expected, "{head}");
            let (_, head, body) = socket::request(
                node.address(),
                &format!("{JSON}\r\nOrigin: https://bank.example"),
                CHAIN_ID_REQUEST.as_bytes(),
            )
            .await;
            assert_eq!(head.contains("access-control-allow-origin"), expected.is_some(), "{head}");
            assert!(body.contains("0x14a34"), "{body}");
        });
    }
    on_a_plain_node(|node| async move {
        for wrong in ["bank.example", "https://*.example", ""] {
            let backend = Backend {
                config: RpcConfig { cors_origins: vec![wrong.into()], ..plain_config() },
                ..node.backend.clone()
            };
            let error = serve(any_port(), backend).await.unwrap_err();
            assert!(matches!(error, ServeError::Origin { .. }), "{error}");
        }
    });
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    on_a_plain_node(|node| async move {
        let error = serve(node.address(), node.backend.clone()).await.unwrap_err().to_string();
        assert!(error.contains(&node.address().to_string()) && error.contains("choose another port"), "{error}");
    });
}

#[test]
fn metrics_have_the_names_of_the_table_only() {
    on_a_plain_node(|node| async move {
        node.ok("eth_chainId", json!([])).await;
        node.error("eth_getBalance", json!([])).await;
        node.error("evil\"} 1\n", json!([])).await;
        let metrics = node.server.metrics();
        for line in [
            "florin_rpc_requests_total{method=\"eth_chainId\"} 1",
            "florin_rpc_errors_total{method=\"eth_getBalance\",code=\"-32602\"} 1",
            "florin_rpc_errors_total{method=\"unknown\",code=\"-32601\"} 1",
            "florin_rpc_latency_seconds_count{method=\"eth_chainId\"} 1",
            "florin_rpc_head_height_blocks 0",
        ] {
            assert!(metrics.contains(line), "{line} is missing in {metrics}");
        }
        assert!(!metrics.contains("evil"));
    });
}

#[test]
fn a_stopped_server_closes_its_port_and_another_one_goes_on() {
    on_a_plain_node(|node| async move {
        let second = serve(any_port(), node.backend.clone()).await.unwrap();
        let address = second.address();
        assert_eq!(socket::post(address, CHAIN_ID_REQUEST).await.0, 200);
        second.stop().await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        node.ok("eth_chainId", json!([])).await;
    });
}

#[test]
fn a_new_index_is_filled_from_the_ledger() {
    on_a_plain_node(|node| async move {
        let mut input = hex!("a9059cbb").to_vec();
        input.extend_from_slice(Address::repeat_byte(3).into_word().as_slice());
        input.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
        for nonce in 0..80 {
            node.include(&bank().call(nonce, TxKind::Call(TOKEN), 0, Bytes::from(input.clone()))).await;
        }
        let expected = node.ok("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await;
        assert_eq!(expected.as_array().unwrap().len(), 80);
        let directory = tempfile::tempdir().unwrap();
        let index = Index::open(&directory.path().join("index.sqlite"), node.backend.genesis_hash).await.unwrap();

        // While it is empty, what cannot be known is not denied.
        let chain = Chain::new(node.backend.ledger.clone(), index.clone());
        let unknown = chain.transaction(B256::ZERO).await.unwrap_err().to_string();
        assert!(unknown.contains("catching up") && unknown.contains("ask again"), "{unknown}");
        let query = LogQuery { from: 0, to: 80, ..LogQuery::default() };
        let limits = LogLimits { logs_max: 1_000, bytes_max: usize::MAX, time_max: Duration::from_secs(1) };
        let unknown = chain.logs(&query, &limits).await.unwrap_err().to_string();
        assert!(unknown.contains("catching up"), "{unknown}");

        let server = serve(any_port(), Backend { index: index.clone(), ..node.backend.clone() }).await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), index.reached(80)).await.unwrap();
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0" }] });
        let answer: Value =
            serde_json::from_str(&socket::post(server.address(), &request.to_string()).await.1).unwrap();
        assert_eq!(answer["result"], expected);
        server.stop().await;
        node.include(&developer().pay(0, Address::ZERO, 1)).await;
    });
}
