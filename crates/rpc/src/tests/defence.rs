//! Clients that ask for too much, and TLS: real sockets, and clients that others made.

use super::{
    harness::{Node, developer, on_a_node, plain_config, raw},
    socket::{self, WebSocket},
};
use crate::{Backend, ClientLimits, RpcConfig, Tls, TlsError, serve};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

const CHAIN_ID_REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

/// Nobody is trusted: this machine has many addresses, each of which is a client.
fn strict(limits: ClientLimits) -> RpcConfig {
    RpcConfig { clients: ClientLimits { trusted: Vec::new(), ..limits }, ..plain_config() }
}

/// A connection from one of this machine's addresses.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// Status, headers and body of a request from one of this machine's addresses; status 0 when the server only closes.
async fn post_from(last: u8, to: SocketAddr, body: &str) -> (u16, String, String) {
    let mut stream = connect_from(last, to).await;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let mut response = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut response)).await.expect("it hangs");
    let response = String::from_utf8_lossy(&response).into_owned();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn a_flood_of_requests_is_refused_and_then_banned_while_others_are_served() {
    let limits = ClientLimits { requests_per_second_max: 5, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let begun = Instant::now();
        let (mut served, mut refused, mut banned) = (0, 0, 0);
        while banned == 0 && begun.elapsed() < Duration::from_secs(30) {
            let (status, head, body) = post_from(2, node.address(), CHAIN_ID_REQUEST).await;
            match status {
                200 => served += 1,
                429 if body.contains("is not served for") => banned += 1,
                429 => {
                    let answer: Value = serde_json::from_str(&body).unwrap();
                    let error = &answer["error"];
                    assert_eq!(
                        (&error["code"], &error["data"]["limit"]),
                        (&json!(-32005), &json!("requests")),
                        "{body}"
                    );
                    assert!(error["data"]["retry_after_ms"].as_u64().unwrap() > 0);
                    assert!(head.contains("retry-after: 1"), "{head}");
                    refused += 1;
                }
                other => panic!("status {other}: {body}"),
            }
        }
        assert!((50..250).contains(&served), "fifty at once and five a second: {served}");
        assert!((200..5_000).contains(&refused) && banned == 1, "{refused} {banned}");
        let bans = node.server.bans();
        assert_eq!(
            bans.iter().map(|ban| (ban.client.as_str(), ban.reason)).collect::<Vec<_>>(),
            [("127.0.0.2", "requests")]
        );
        let (status, head, _) = post_from(2, node.address(), CHAIN_ID_REQUEST).await;
        assert!(status == 429 && head.contains("retry-after: "), "{head}");
        assert_eq!(post_from(3, node.address(), CHAIN_ID_REQUEST).await.0, 200, "another client has not suffered");
        let metrics = node.server.metrics();
        assert!(metrics.contains("florin_rpc_clients_banned 1"), "{metrics}");
        assert!(
            metrics.contains(&format!("florin_rpc_clients_refused_total{{limit=\"requests\"}} {refused}")),
            "{metrics}"
        );
    });
}

#[test]
fn a_client_has_its_connections_and_no_more_whatever_they_do() {
    let limits = ClientLimits { connections_max: 3, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(connect_from(2, node.address()).await);
        }
        // The server takes connections one after another, so these three were taken before.
        let (status, _, body) = post_from(2, node.address(), CHAIN_ID_REQUEST).await;
        assert!(status == 429 && body.contains("3 connections from 127.0.0.2"), "{body}");
        assert_eq!(post_from(3, node.address(), CHAIN_ID_REQUEST).await.0, 200);
        open.clear();
        for _ in 0..200 {
            if post_from(2, node.address(), CHAIN_ID_REQUEST).await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a closed connection gives its place back");
    });
}

/// A connection that has been served once and stays open; none if there was no place.
async fn keep_open(last: u8, to: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect_from(last, to).await;
    let length = CHAIN_ID_REQUEST.len();
    let head =
        format!("POST / HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{CHAIN_ID_REQUEST}").as_bytes()).await.unwrap();
    let mut status = [0; 12];
    tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut status)).await.expect("it hangs").unwrap();
    match &status {
        b"HTTP/1.1 200" => Some(stream),
        b"HTTP/1.1 429" => None,
        other => panic!("{}", String::from_utf8_lossy(other)),
    }
}

#[test]
fn no_number_of_connections_of_a_few_clients_locks_out_others() {
    let clients = ClientLimits { trusted: vec!["127.0.0.1/32".parse().unwrap()], ..ClientLimits::default() };
    on_a_node(RpcConfig { clients, connections_max: 40, ..plain_config() }, |node| async move {
        let mut open = Vec::new();
        let mut held = Vec::new();
        for client in 2..10 {
            let before = open.len();
            while let Some(stream) = keep_open(client, node.address()).await {
                open.push(stream);
            }
            held.push(open.len() - before);
        }
        assert_eq!(held, [6, 5, 4, 3, 2, 2, 1, 1], "thirty places, a quarter of those that are free");
        for client in 10..16 {
            open.push(keep_open(client, node.address()).await.expect("clients that come after them find places"));
        }
        assert!(keep_open(16, node.address()).await.is_none(), "every place of theirs is taken");
        for _ in 0..10 {
            open.push(keep_open(1, node.address()).await.expect("places are kept for trusted clients"));
        }
        assert!(keep_open(1, node.address()).await.is_none());
        assert_eq!(open.len(), 40);
    });
}

#[test]
fn what_asks_for_nothing_counts_too() {
    let limits = ClientLimits { requests_per_second_max: 1, ..ClientLimits::default() };
    on_a_node(RpcConfig { batch_requests_max: 3, ..strict(limits) }, |node| async move {
        let notification = r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#;
        let too_many = format!("[{}]", [CHAIN_ID_REQUEST; 4].join(","));
        let notifications = format!("[{notification}]");
        let kinds = [notification, "nothing", "[]", "[1", "[1]", r#"{"method":5}"#, &notifications, &too_many];
        for (client, kind) in (2u8..).zip(kinds) {
            let mut socket = WebSocket::over(connect_from(client, node.address()).await).await;
            assert!(!socket.send_without_reading(kind, 40).await);
            // Messages of a socket run side by side, and five requests alone would be served.
            let mut refused = 0;
            for _ in 0..5 {
                let answer = socket.call("eth_chainId", json!([])).await;
                refused += usize::from(answer["error"]["data"]["limit"] == "requests");
            }
            assert!(refused > 0, "{kind} counts for nothing");
        }
        for (client, kind) in (20u8..).zip(kinds) {
            for _ in 0..40 {
                post_from(client, node.address(), kind).await;
            }
            let (status, _, body) = post_from(client, node.address(), CHAIN_ID_REQUEST).await;
            assert!(status == 429 && body.contains(r#""limit":"requests""#), "{kind}: {status} {body}");
        }
        assert_eq!(node.server.bans(), [], "nobody sent enough for that");
    });
}

#[test]
fn a_batch_counts_for_all_it_asks_and_is_taken_whole_or_not_at_all() {
    let limits = ClientLimits { requests_per_second_max: 1, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let batch = format!("[{}]", [CHAIN_ID_REQUEST; 30].join(","));
        let (_, _, body) = post_from(2, node.address(), &batch).await;
        let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
        assert!(answers.len() == 30 && answers.iter().all(|answer| answer["result"] == "0x14a34"), "{body}");
        let (status, head, body) = post_from(2, node.address(), &batch).await;
        assert_eq!(status, 429, "{body}");
        assert!(head.contains("retry-after: 2"), "thirty used, ten allowed, one comes back a second: {head}");
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x0000000000000000000000000000000000000009"}]}"#;
        assert_eq!(post_from(3, node.address(), call).await.0, 200);
        assert_eq!(post_from(3, node.address(), CHAIN_ID_REQUEST).await.0, 429, "one call has used it up");
    });
}

#[test]
fn bytes_are_bounded_in_both_directions() {
    let limits = ClientLimits { bytes_per_second_max: 1_000, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let asks_little = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
        assert_eq!(post_from(2, node.address(), asks_little).await.0, 200, "the first is answered, however long");
        let (status, _, body) = post_from(2, node.address(), CHAIN_ID_REQUEST).await;
        assert!(status == 429 && body.contains(r#""limit":"bytes""#), "{body}");
        let padding = "0".repeat(12_000);
        let sends_much =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[],"padding":"{padding}"}}"#);
        post_from(3, node.address(), &sends_much).await;
        assert_eq!(post_from(3, node.address(), CHAIN_ID_REQUEST).await.0, 429);
    });
}

/// A transaction of its own each time, whose signature is of nobody who has funds; or of nobody at all.
fn transaction(nonce: u64, spoilt: bool) -> String {
    let encoded = raw(&developer().pay(nonce, alloy_primitives::Address::repeat_byte(9), 1));
    match spoilt {
        // The last 32 bytes are `s`; above half of the curve's order it is refused.
        true => format!("{}{}", &encoded[..encoded.len() - 64], "ff".repeat(32)),
        false => encoded,
    }
}

fn submission(nonce: u64, spoilt: bool) -> String {
    json!({ "jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction", "params": [transaction(nonce, spoilt)] })
        .to_string()
}

#[test]
fn signatures_to_check_are_bounded_and_wrong_ones_are_an_offence() {
    let limits = ClientLimits { signatures_per_second_max: 1, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let mut taken = 0;
        let refusal = loop {
            let (_, _, body) = post_from(2, node.address(), &submission(taken, false)).await;
            let answer: Value = serde_json::from_str(&body).unwrap();
            if answer["result"].is_string() {
                taken += 1;
                continue;
            }
            break answer["error"]["data"].clone();
        };
        assert!((10..20).contains(&taken), "ten at once and one a second: {taken}");
        assert_eq!((&refusal["code"], &refusal["limit"]), (&json!("client_limit"), &json!("signatures")));
        assert_eq!(post_from(2, node.address(), CHAIN_ID_REQUEST).await.0, 200, "it may still ask");
    });
    on_a_node(strict(ClientLimits::default()), |node| async move {
        let mut wrong = 0;
        while node.server.bans().is_empty() {
            let (status, _, body) = post_from(2, node.address(), &submission(wrong, true)).await;
            assert!(status != 200 || body.contains("invalid_signature"), "{body}");
            wrong += 1;
            assert!(wrong < 100, "nobody is banned");
        }
        assert_eq!(node.server.bans()[0].reason, "transactions with wrong signatures");
    });
}

#[test]
fn signatures_of_a_batch_are_taken_together_and_its_refusal_counts_once() {
    let limits = ClientLimits { signatures_per_second_max: 1, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let batch = |from: u64| {
            let entries: Vec<_> = (from..from + 60).map(|nonce| submission(nonce, false)).collect();
            format!("[{}]", entries.join(","))
        };
        let malformed = r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x02"]}"#;
        let malformed = format!("[{}]", [malformed; 60].join(","));
        for _ in 0..5 {
            let (_, _, body) = post_from(2, node.address(), &malformed).await;
            assert_eq!(
                body.matches("transaction_malformed").count(),
                60,
                "nothing to check costs no signature: {body}"
            );
        }
        let (_, _, body) = post_from(2, node.address(), &batch(0)).await;
        let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
        assert!(answers.len() == 60 && answers.iter().all(|answer| answer["result"].is_string()), "{body}");
        for _ in 0..12 {
            let (_, _, body) = post_from(2, node.address(), &batch(60)).await;
            let answer: Value = serde_json::from_str(&body).unwrap();
            let refusal = &answer["error"]["data"];
            assert_eq!((&refusal["code"], &refusal["limit"]), (&json!("client_limit"), &json!("signatures")), "{body}");
            assert!(refusal["retry_after_ms"].as_u64().unwrap() > 10_000, "{body}");
        }
        assert_eq!(node.server.bans(), [], "twelve refusals, not twelve times sixty");
        let metrics = node.server.metrics();
        assert!(metrics.contains("florin_rpc_clients_refused_total{limit=\"signatures\"} 12"), "{metrics}");
    });
}

#[test]
fn garbage_on_the_port_is_an_offence() {
    on_a_node(strict(ClientLimits::default()), |node| async move {
        let mut sent = 0;
        while node.server.bans().is_empty() {
            let mut stream = connect_from(2, node.address()).await;
            let _ = stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            sent += 1;
            assert!(sent < 100, "nobody is banned");
        }
        assert_eq!(node.server.bans()[0].reason, "requests that are no HTTP");
        assert_eq!(post_from(3, node.address(), CHAIN_ID_REQUEST).await.0, 200);
    });
}

#[test]
fn a_socket_is_bounded_as_every_connection_and_a_ban_ends_it() {
    let limits = ClientLimits { requests_per_second_max: 2, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        let (mut served, mut refused) = (0, 0);
        let request = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" }).to_string();
        // Several at once: one after another would be too slow to be a flood.
        'flood: while !socket.send_without_reading(&request(1), 40).await {
            for _ in 0..40 {
                let Some(answer) = socket.try_receive().await else { break 'flood };
                match &answer["error"]["data"]["limit"] {
                    Value::Null => served += 1,
                    _ => refused += 1,
                }
            }
            assert!(refused < 1_000, "the connection of a banned client is closed");
        }
        assert!((20..60).contains(&served), "twenty at once and two a second: {served}");
        assert_eq!(node.server.bans().len(), 1, "{refused}");
    });
}

#[test]
fn frames_that_ask_for_nothing_end_the_connection_of_who_sends_nothing_else() {
    let limits = ClientLimits { requests_per_second_max: 100, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        assert_eq!(socket.ping(10).await, (10, true));
        assert_eq!(socket.call("eth_chainId", json!([])).await["result"], "0x14a34");
        let (answered, lives) = socket.ping(20_000).await;
        assert!(answered < 20_000 && !lives, "{answered}");
        let mut other = WebSocket::over(connect_from(3, node.address()).await).await;
        assert_eq!(other.call("eth_chainId", json!([])).await["result"], "0x14a34");
    });
    on_a_node(plain_config(), |node| async move {
        let mut socket = WebSocket::connect(node.address()).await;
        assert_eq!(socket.ping(20_000).await, (20_000, true), "a trusted client has no bounds");
    });
}

/// Runs a program that others made.
fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program} is needed: {error}"))
}

/// A certificate that signs itself, for `name`, and its key: paths of PEM files.
pub(super) fn certificate(directory: &Path, file: &str, name: &str) -> (String, String) {
    let path = |ending: &str| directory.join(format!("{file}.{ending}")).to_str().unwrap().to_owned();
    let (certificate, key, subject) = (path("crt"), path("key"), format!("subjectAltName={name}"));
    let made = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=florin",
            "-addext",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

fn tls(certificate: &str, key: &str) -> Tls {
    Tls::new(&std::fs::read(certificate).unwrap(), &std::fs::read(key).unwrap()).unwrap()
}

/// The node's server once more, with TLS.
async fn with_tls(node: &Node, tls: &Tls) -> crate::RpcServer {
    let backend = Backend { tls: Some(tls.clone()), ..node.backend.clone() };
    serve(SocketAddr::from(([127, 0, 0, 1], 0)), backend).await.unwrap()
}

async fn curl(url: &str, more: &[&str]) -> Output {
    let body = ["-sS", "--max-time", "20", "-H", "content-type: application/json", "-d", CHAIN_ID_REQUEST];
    let arguments: Vec<String> = body.iter().chain(more).chain([&url]).map(|text| (*text).to_owned()).collect();
    let asked = move || run("curl", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(asked).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn tls_is_served_to_clients_that_others_made_and_old_versions_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "IP:127.0.0.1");
    on_a_node(plain_config(), |node| async move {
        let server = with_tls(&node, &tls(&certificate, &key)).await;
        let url = format!("https://{}", server.address());
        for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            let answer = curl(&url, &[&["--cacert", &certificate], version].concat()).await;
            assert!(said(&answer).contains("0x14a34"), "{version:?}: {}", said(&answer));
        }
        let unknown = curl(&url, &[]).await;
        assert!(!unknown.status.success() && said(&unknown).contains("certificate"), "{}", said(&unknown));
        let plain = curl(&format!("http://{}", server.address()), &[]).await;
        assert!(!plain.status.success(), "{}", said(&plain));
        for (version, is_spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
            let (host, ca) = (server.address().to_string(), certificate.clone());
            let handshake = tokio::task::spawn_blocking(move || {
                let lenient = ["-cipher", "ALL:@SECLEVEL=0"];
                run("openssl", &[&["s_client", "-connect", &host, "-CAfile", &ca, version], &lenient[..]].concat())
            });
            let handshake = handshake.await.unwrap();
            assert_eq!(handshake.status.success(), is_spoken, "{version}: {}", said(&handshake));
        }
        server.stop().await;
    });
}

#[test]
fn a_websocket_works_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "DNS:localhost,IP:127.0.0.1");
    on_a_node(plain_config(), |node| async move {
        let server = with_tls(&node, &tls(&certificate, &key)).await;
        let script = format!(
            "const s = new WebSocket('wss://{}'); s.onopen = () => s.send('{CHAIN_ID_REQUEST}'); \
             s.onmessage = m => {{ console.log(m.data); s.close(); }}; s.onerror = e => {{ console.log('error', e.message); process.exit(1); }};",
            server.address()
        );
        let answer = tokio::task::spawn_blocking(move || {
            Command::new("node")
                .env("NODE_EXTRA_CA_CERTS", &certificate)
                .args(["--experimental-websocket", "-e", &script])
                .output()
                .unwrap()
        });
        let answer = answer.await.unwrap();
        assert!(said(&answer).contains("0x14a34"), "{}", said(&answer));
        server.stop().await;
    });
}

#[test]
fn a_certificate_is_exchanged_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let (old, old_key) = certificate(directory.path(), "old", "IP:127.0.0.1");
    let (new, new_key) = certificate(directory.path(), "new", "IP:127.0.0.1");
    on_a_node(plain_config(), |node| async move {
        let tls = tls(&old, &old_key);
        let server = with_tls(&node, &tls).await;
        let url = format!("https://{}", server.address());
        assert!(curl(&url, &["--cacert", &old]).await.status.success());
        assert!(!curl(&url, &["--cacert", &new]).await.status.success());
        let read = |path: &str| std::fs::read(path).unwrap();
        assert!(matches!(tls.replace(&read(&new), &read(&old_key)), Err(TlsError::Pair(_))));
        assert!(curl(&url, &["--cacert", &old]).await.status.success(), "what cannot be used changes nothing");
        tls.replace(&read(&new), &read(&new_key)).unwrap();
        assert!(curl(&url, &["--cacert", &new]).await.status.success());
        assert!(!curl(&url, &["--cacert", &old]).await.status.success());
        server.stop().await;
    });
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "DNS:localhost");
    let (certificate, key) = (std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap());
    Tls::new(&certificate, &key).unwrap();
    assert!(matches!(Tls::new(b"", &key), Err(TlsError::Certificate(_))));
    assert!(matches!(Tls::new(&key, &key), Err(TlsError::Certificate(_))), "a key is no certificate");
    assert!(matches!(Tls::new(&certificate.repeat(17), &key), Err(TlsError::Certificate(_))));
    assert!(matches!(Tls::new(&certificate, b"-----BEGIN PRIVATE KEY-----\n!\n"), Err(TlsError::Key(_))));
    assert!(matches!(Tls::new(&certificate, &certificate), Err(TlsError::Key(_))));
    assert!(!format!("{:?}", Tls::new(&certificate, &key)).contains("key"), "no secret is printed");
}

#[test]
fn handshakes_that_are_none_are_an_offence_and_silence_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "IP:127.0.0.1");
    on_a_node(strict(ClientLimits::default()), |node| async move {
        let server = with_tls(&node, &tls(&certificate, &key)).await;
        // Who opens and closes has done nothing wrong.
        for _ in 0..30 {
            drop(connect_from(3, server.address()).await);
        }
        let mut sent = 0;
        while server.bans().is_empty() {
            let mut stream = connect_from(2, server.address()).await;
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            sent += 1;
            assert!(sent < 100, "nobody is banned");
        }
        let bans = server.bans();
        assert_eq!(
            bans.iter().map(|ban| (ban.client.as_str(), ban.reason)).collect::<Vec<_>>(),
            [("127.0.0.2", "TLS handshakes that are no TLS")]
        );
        server.stop().await;
    });
}

#[test]
fn who_does_not_trust_the_certificate_is_no_offender() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "IP:127.0.0.1");
    on_a_node(strict(ClientLimits::default()), |node| async move {
        let server = with_tls(&node, &tls(&certificate, &key)).await;
        let url = format!("https://{}", server.address());
        for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            // One after another, as fast as it can.
            let again = [vec![url.as_str(); 100].as_slice(), &["--interface", "127.0.0.2"], version].concat();
            let refused = curl(&url, &again).await;
            assert!(said(&refused).matches("certificate").count() > 100, "{version:?}: {}", said(&refused));
        }
        assert_eq!(server.bans(), [], "its alerts are no offence");
        server.stop().await;
    });
}

#[test]
fn handshakes_take_from_an_allowance_before_they_begin() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path(), "one", "IP:127.0.0.1");
    let limits = ClientLimits { arrivals_per_second_max: 1, ..ClientLimits::default() };
    on_a_node(strict(limits), |node| async move {
        let server = with_tls(&node, &tls(&certificate, &key)).await;
        let url = format!("https://{}", server.address());
        let each_its_own = ["--cacert", &certificate, "-H", "connection: close"];
        let many = [vec![url.as_str(); 99].as_slice(), &each_its_own, &["--interface", "127.0.0.2"]].concat();
        let answers = curl(&url, &many).await;
        let served = said(&answers).matches("0x14a34").count();
        assert!((10..60).contains(&served), "ten at once and one a second: {}", said(&answers));
        assert!(server.metrics().contains("florin_rpc_clients_refused_total{limit=\"arrivals\"}"));
        let other = curl(&url, &[&each_its_own[..], &["--interface", "127.0.0.3"]].concat()).await;
        assert!(said(&other).contains("0x14a34"), "{}", said(&other));
        server.stop().await;
    });
}

#[test]
fn a_trusted_client_has_no_bounds_of_its_own() {
    let limits = ClientLimits { requests_per_second_max: 1, connections_max: 1, ..ClientLimits::default() };
    let trusted = vec!["127.0.0.2/32".parse().unwrap()];
    on_a_node(RpcConfig { clients: ClientLimits { trusted, ..limits }, ..plain_config() }, |node| async move {
        for _ in 0..100 {
            assert_eq!(post_from(2, node.address(), CHAIN_ID_REQUEST).await.0, 200);
        }
        let refused = async { while post_from(3, node.address(), CHAIN_ID_REQUEST).await.0 == 200 {} };
        tokio::time::timeout(Duration::from_secs(20), refused).await.expect("others have them");
        let (status, _) = socket::post(node.address(), CHAIN_ID_REQUEST).await;
        assert_eq!(status, 200, "127.0.0.1 is a client as every other here");
    });
}
