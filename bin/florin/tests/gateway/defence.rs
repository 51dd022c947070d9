//! The gateway's port under attack, with the real program and clients of several addresses of this machine; and what it tells
//! whoever watches it.

use super::*;
use serde_json::{Value, json};
use std::{net::SocketAddr, process::Command};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// A gateway with these lines in its table `[gateway]`, which is watched.
fn watched(ledger: &Ledger, settings: &str) -> Running {
    let arguments = ledger.configured(None);
    let path = ledger.at("gateway.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let config = config.replacen("[gateway]\n", &format!("[gateway]\n{settings}\n"), 1);
    std::fs::write(&path, format!("{config}\n[monitoring]\nlisten = '127.0.0.1:0'\n")).unwrap();
    Running::start(florin(arguments))
}

fn address(gateway: &Running) -> SocketAddr {
    gateway.text("url").trim_start_matches("http://").parse().unwrap()
}

/// A connection from one of this machine's addresses.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// A connection that has been served once and stays open; none if there was no place.
async fn keep_open(last: u8, to: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect_from(last, to).await;
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await;
    let mut status = [0; 12];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut status)).await.expect("it hangs");
    match read.map(|_| &status) {
        Ok(b"HTTP/1.1 200") => Some(stream),
        Ok(b"HTTP/1.1 429") | Err(_) => None,
        Ok(other) => panic!("{}", String::from_utf8_lossy(other)),
    }
}

/// Status, head and body of a request from one of this machine's addresses.
fn curl_from(last: u8, more: &[&str], url: &str) -> String {
    let arguments = ["-sS", "-i", "--max-time", "60", "--interface", &format!("127.0.0.{last}")].map(String::from);
    let output = Command::new("curl").args(arguments).args(more).arg(url).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn metrics(gateway: &Running) -> String {
    get(&gateway.text("monitoring_url"), "/metrics", "").body
}

fn counted(gateway: &Running, metric: &str) -> u64 {
    let metrics = metrics(gateway);
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{metric} ")));
    line.unwrap_or_else(|| panic!("{metric}: {metrics}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_connections_keeps_nobody_else_out() {
    let ledger = tokio::task::block_in_place(Ledger::start);
    let settings = "connections_max = 40\nclient_connections_max = 6\ntrusted_clients = ['127.0.0.1']";
    let gateway = tokio::task::block_in_place(|| watched(&ledger, settings));
    let to = address(&gateway);

    // One client, without a word: it has its connections and no more.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(connect_from(2, to).await);
    }
    assert!(keep_open(2, to).await.is_none(), "it has as many as it may");
    assert!(keep_open(3, to).await.is_some(), "another client has its own");
    let refused = tokio::task::block_in_place(|| {
        counted(&gateway, "florin_gateway_clients_refused_total{limit=\"connections\"}")
    });
    assert!(refused >= 94, "{refused}");

    // Several clients, each as many as it gets: one more finds a place, and trusted ones have theirs.
    let mut held = Vec::new();
    for client in 4..12 {
        while let Some(open) = keep_open(client, to).await {
            held.push(open);
        }
    }
    assert!(keep_open(50, to).await.is_some(), "whoever comes has one, {} are held", held.len());
    assert!(keep_open(1, to).await.is_some(), "a quarter is kept for trusted clients");

    // What is closed is free again.
    drop(silent);
    let begun = std::time::Instant::now();
    while keep_open(2, to).await.is_none() {
        assert!(begun.elapsed() < PATIENCE, "a closed connection gives its place back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(held);
    assert!(tokio::task::block_in_place(|| gateway.stop()).success());
}

#[test]
fn who_floods_is_refused_and_banned_whoever_calls_and_others_are_served() {
    let ledger = Ledger::start();
    let settings = "client_requests_per_second_max = 1\nclient_ban_ms = 60000\ntrusted_clients = ['127.0.0.1']";
    let gateway = watched(&ledger, settings);
    let url = gateway.text("url");
    let health = format!("{url}/healthz");

    // Without a key, at what is open to everybody.
    let answered = curl_from(2, &[], &format!("{health}?[1-1000]"));
    assert!(answered.contains("\"read_to_block\""), "{answered}");
    let refusal = answered.split("HTTP/1.1 429").nth(1).expect("it is refused").to_lowercase();
    for part in ["application/problem+json", "retry-after: ", "\"code\":\"client.requests\"", "\"status\":429"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    let banned = curl_from(2, &["-H", &format!("Authorization: Bearer {KEY_A}")], &format!("{url}/v1/notifications"));
    assert!(banned.contains("429") && banned.contains("is not served for"), "a key makes no difference: {banned}");
    assert!(curl_from(3, &[], &health).contains("HTTP/1.1 200"), "another client has not suffered");
    assert_eq!(get(&url, "/v1/notifications", KEY_A).status, 200, "nor one that is trusted");

    let bans = get(&gateway.text("monitoring_url"), "/bans", "").json();
    assert_eq!((&bans["bans"][0]["client"], &bans["bans"][0]["reason"]), (&json!("127.0.0.2"), &json!("requests")));
    for code in ["client_over_limit", "client_banned"] {
        assert_eq!(counted(&gateway, &format!("florin_intrusions_total{{code=\"{code}\"}}")), 1, "{code}");
        assert!(gateway.log().contains(code), "{}", gateway.log());
    }
    assert!(counted(&gateway, "florin_gateway_clients_refused_total{limit=\"requests\"}") >= 200);
    assert_eq!(counted(&gateway, "florin_gateway_clients_banned"), 1);
    assert!(gateway.stop().success());
}

#[test]
fn failed_logins_are_told_of_and_what_is_remembered_is_closed() {
    let ledger = Ledger::start();
    let gateway = watched(&ledger, "");
    let url = gateway.text("url");
    let counts = || {
        ["gateway_stranger", "gateway_shut_out"]
            .map(|code| counted(&gateway, &format!("florin_intrusions_total{{code=\"{code}\"}}")))
    };
    assert_eq!(counts(), [0, 0], "each code is there before its first event");
    assert_eq!(get(&url, "/v1/notifications", KEY_A).status, 200);
    assert_eq!(get(&url, "/v1/notifications", "").status, 401);
    assert_eq!(counts(), [0, 0], "who sends no key has guessed none");
    for _ in 0..12 {
        get(&url, "/v1/notifications", "guess");
    }
    assert_eq!(counts(), [11, 1], "ten are forgiven, the eleventh is one too many, and nobody listens any more");
    let log = gateway.log();
    assert_eq!(log.matches("gateway_shut_out").count(), 1, "{log}");
    assert!(log.contains("gateway_stranger") && log.contains("127.0.0.1") && !log.contains("guess\""), "{log}");
    // Who watches learns whether it works, too.
    let monitoring = gateway.text("monitoring_url");
    let ready: Value = wait_for("a gateway that is ready", || {
        let ready = get(&monitoring, "/readyz", "");
        (ready.status == 200).then(|| ready.json())
    });
    assert_eq!(ready["ok"], true);
    // What it remembers is closed to others from its first moment, the files beside it too.
    use std::os::unix::fs::PermissionsExt as _;
    for name in ["gateway.sqlite", "gateway.sqlite-wal"] {
        let mode = std::fs::metadata(ledger.at(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(gateway.stop().success());
}
