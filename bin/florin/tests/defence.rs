//! The program under attack: real processes, real TLS, clients that others made.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use alloy_primitives::{TxKind, U256};
use alloy_sol_types::SolCall as _;
use common::{Running, fail, florin, succeed, text, wait_for};
use florin_client::{RpcClient, Signer, TxEip1559};
use florin_modules::{FACTORY_ADDRESS, factory::IFactory, policy};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// What a demo of one validator left, and its bank's key: a node is started in it by hand.
struct Site {
    directory: TempDir,
    developer_key: String,
}

impl Site {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let demo = Running::demo(&directory.path().join("demo"), &["--validators", "1"]);
        let developer_key = demo.value["accounts"][0]["private_key"].as_str().unwrap().to_string();
        assert!(demo.stop().success());
        Self { directory, developer_key }
    }

    fn at(&self, name: &str) -> String {
        self.directory.path().join("demo").join(name).display().to_string()
    }

    /// The validator with these settings over those of the demo.
    fn node(&self, settings: &[(&str, &str)]) -> Running {
        let (directory, passphrase) = (self.at("validator-1"), self.at("passphrase"));
        let mut command = florin(["node", "--json", "--dir", &directory, "--passphrase-file", &passphrase]);
        command.env("FLORIN__RPC__LISTEN", "127.0.0.1:0").env("FLORIN__MONITORING__LISTEN", "127.0.0.1:0");
        command.env("FLORIN__LOG__FORMAT", "json").envs(settings.iter().copied());
        Running::start(command)
    }

    /// Where other nodes reach the validator.
    fn node_address(&self) -> String {
        let genesis: Value = serde_json::from_str(&fs::read_to_string(self.at("genesis.json")).unwrap()).unwrap();
        genesis["nodes"][0]["address"].as_str().unwrap().to_owned()
    }

    /// A certificate for this machine that signs itself, and its key, which nobody else may read.
    fn certificate(&self, name: &str) -> (String, String) {
        common::certificate(&self.at(&format!("{name}.crt")), &self.at(&format!("{name}.key")))
    }

    fn inspect(&self, rpc: &str, roots: &[&str]) -> Vec<String> {
        let genesis = self.at("genesis.json");
        let arguments = ["inspect", "block", "latest", "--genesis", &genesis, "--rpc", rpc];
        arguments.iter().chain(roots).map(|text| (*text).to_string()).collect()
    }
}

fn curl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("curl").args(["-sS", "--max-time", "60"]).args(arguments).output().unwrap();
    (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// A counter of intrusion events, as Prometheus would see it.
fn counted(monitoring: &str, code: &str) -> u64 {
    let (_, metrics) = curl(&[&format!("{monitoring}/metrics")]);
    let name = format!("florin_intrusions_total{{code=\"{code}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("{code}: {metrics}"));
    line.parse().unwrap()
}

/// Events of the log's intrusion stream with this code.
fn told(node: &Running, code: &str) -> Vec<Value> {
    let events = node.log().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect::<Vec<_>>();
    events.into_iter().filter(|event| event["target"] == "intrusion" && event["code"] == code).collect()
}

#[test]
fn both_ports_speak_tls_and_new_certificates_are_taken_up() {
    let site = Site::new();
    let (certificate, key) = site.certificate("one");
    let (other, other_key) = site.certificate("other");
    let settings = [
        ("FLORIN__RPC__TLS_CERTIFICATE", certificate.as_str()),
        ("FLORIN__RPC__TLS_KEY", &key),
        ("FLORIN__MONITORING__TLS_CERTIFICATE", &certificate),
        ("FLORIN__MONITORING__TLS_KEY", &key),
    ];
    let node = site.node(&settings);
    let (rpc, monitoring) = (node.text("rpc_url"), node.text("monitoring_url"));
    assert!(rpc.starts_with("https://") && monitoring.starts_with("https://"), "{}", node.value);

    let shown = succeed(site.inspect(&rpc, &["--tls-roots", &certificate]));
    assert!(shown["verified"].as_str().unwrap().contains("certificate"), "{shown}");
    let (code, error) = fail(site.inspect(&rpc, &["--tls-roots", &other]));
    assert_eq!((code, error["code"].as_str()), (5, Some("client.connect")), "{error}");
    let (code, error) = fail(site.inspect(&rpc, &[]));
    assert!(
        code == 5 && error["message"].as_str().unwrap().contains("certificate"),
        "this machine trusts no such: {error}"
    );
    let (_, error) = fail(site.inspect(&rpc, &["--tls-roots", &key]));
    assert_eq!(error["code"], "client.url", "a key is no root of trust: {error}");
    assert!(!curl(&[&rpc.replace("https", "http")]).0, "nothing is served plainly");
    let health = format!("{monitoring}/healthz");
    assert!(curl(&["--cacert", &certificate, &health]).0);
    assert!(!curl(&["--cacert", &other, &health]).0 && !curl(&[&health.replace("https", "http")]).0);

    // One file after the other, as renewal does: between the two the old pair stays in use.
    fs::copy(&other_key, &key).unwrap();
    fs::copy(&other, &certificate).unwrap();
    wait_for("the new certificate", || curl(&["--cacert", &other, &health]).0.then_some(()));
    wait_for("the new certificate", || {
        let arguments = site.inspect(&rpc, &["--tls-roots", &other]);
        common::run(arguments).status.success().then_some(())
    });

    // A key that others can read is refused, once in the log, and taken as soon as its mode is right.
    let (third, third_key) = site.certificate("third");
    fs::copy(&third_key, &key).unwrap();
    set_mode(&key, 0o644);
    fs::copy(&third, &certificate).unwrap();
    let refused = |node: &Running| node.log().lines().filter(|line| line.contains("file.readable")).count();
    wait_for("the refusal", || (refused(&node) >= 2).then_some(()));
    // Nothing but the mode changes: what a stamp of the content would not notice.
    set_mode(&key, 0o600);
    wait_for("the third certificate", || curl(&["--cacert", &third, &health]).0.then_some(()));
    assert!(node.stop().success());
}

#[test]
fn certificates_that_cannot_be_used_stop_the_start() {
    let site = Site::new();
    let (certificate, key) = site.certificate("one");
    let (other, _) = site.certificate("other");
    let failing = |settings: &[(&str, &str)]| {
        let (directory, passphrase) = (site.at("validator-1"), site.at("passphrase"));
        let mut command = florin(["node", "--json", "--dir", &directory, "--passphrase-file", &passphrase]);
        command.env("FLORIN__RPC__LISTEN", "127.0.0.1:0").env("FLORIN__MONITORING__LISTEN", "127.0.0.1:0");
        let output = command.envs(settings.iter().copied()).output().unwrap();
        assert!(!output.status.success());
        text(&output.stderr)
    };
    let alone = failing(&[("FLORIN__RPC__TLS_CERTIFICATE", &certificate)]);
    assert!(alone.contains("config.value") && alone.contains("rpc.tls_certificate"), "{alone}");
    let pair = failing(&[("FLORIN__RPC__TLS_CERTIFICATE", other.as_str()), ("FLORIN__RPC__TLS_KEY", &key)]);
    assert!(pair.contains("rpc.tls") && pair.contains("does not belong"), "{pair}");
    set_mode(&key, 0o644);
    let open = failing(&[("FLORIN__RPC__TLS_CERTIFICATE", certificate.as_str()), ("FLORIN__RPC__TLS_KEY", &key)]);
    assert!(open.contains("file.readable"), "{open}");
    let network = failing(&[("FLORIN__RPC__TRUSTED_CLIENTS", "10.0.0.0/33")]);
    assert!(network.contains("rpc.trusted_clients"), "{network}");
}

fn set_mode(path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_flood_ends_in_a_ban_that_log_metrics_and_page_tell_of_and_others_are_served() {
    let site = Site::new();
    let node = site.node(&[
        ("FLORIN__RPC__TRUSTED_CLIENTS", "127.0.0.1"),
        ("FLORIN__RPC__CLIENT_REQUESTS_PER_SECOND_MAX", "1"),
        ("FLORIN__RPC__CLIENT_BAN_MS", "60000"),
    ]);
    let (rpc, monitoring) = (node.text("rpc_url"), node.text("monitoring_url"));
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}"#;
    let flood = format!("{rpc}/?[1-600]");
    let json = "content-type: application/json";
    curl(&["--interface", "127.0.0.2", "-H", json, "-d", request, &flood]);
    let bans = wait_for("the ban", || {
        let (_, bans) = curl(&[&format!("{monitoring}/bans")]);
        let bans: Value = serde_json::from_str(&bans).unwrap();
        (!bans["bans"].as_array().unwrap().is_empty()).then_some(bans)
    });
    assert_eq!((&bans["bans"][0]["client"], &bans["bans"][0]["reason"]), (&"127.0.0.2".into(), &"requests".into()));
    let banned = told(&node, "client_banned");
    assert_eq!(banned.len(), 1, "{banned:?}");
    assert_eq!(
        (&banned[0]["client"], &banned[0]["until_ms"]),
        (&bans["bans"][0]["client"], &bans["bans"][0]["until_ms"])
    );
    assert_eq!(told(&node, "client_over_limit").len(), 1, "once a minute, not once a request");
    assert_eq!((counted(&monitoring, "client_banned"), counted(&monitoring, "client_over_limit")), (1, 1));
    let (_, refused) = curl(&["--interface", "127.0.0.2", "-i", "-H", json, "-d", request, &rpc]);
    assert!(refused.contains("429") && refused.to_lowercase().contains("retry-after"), "{refused}");
    succeed(site.inspect(&rpc, &[]));
    let (_, other) = curl(&["--interface", "127.0.0.3", "-H", json, "-d", request, &rpc]);
    assert!(other.contains("result"), "{other}");
    assert!(node.stop().success());
}

#[test]
fn strangers_at_the_nodes_port_are_told_of_and_turned_away() {
    let site = Site::new();
    let node = site.node(&[]);
    let monitoring = node.text("monitoring_url");
    let address = site.node_address();
    let before = florin_height(&site, &node);
    wait_for("the event", || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(&[0xff; 512]);
        let _ = stream.read(&mut [0; 64]);
        (counted(&monitoring, "peer_handshake") > 0).then_some(())
    });
    let event = &told(&node, "peer_handshake")[0];
    assert!(event["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{event}");
    wait_for("the next block", || (florin_height(&site, &node) > before).then_some(()));
    assert!(node.stop().success());
}

/// Far more connections than one address may begin handshakes with: the others are dropped, that is told of once and counted every
/// time, and the node goes on.
#[test]
fn a_flood_of_handshakes_at_the_nodes_port_is_dropped_and_told_of_once() {
    let site = Site::new();
    let node = site.node(&[]);
    let monitoring = node.text("monitoring_url");
    let address = site.node_address();
    let before = florin_height(&site, &node);
    let mut open = Vec::new();
    let dropped = wait_for("the flood to be noticed", || {
        // The system may refuse some of them itself.
        open = (0..300).filter_map(|_| TcpStream::connect(&address).ok()).collect();
        Some(counted(&monitoring, "peer_handshake_flood")).filter(|dropped| *dropped > 100)
    });
    let events = told(&node, "peer_handshake_flood");
    assert_eq!(events.len(), 1, "once a minute, not once a connection: {dropped} were dropped");
    assert!(events[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{events:?}");
    assert!(events[0]["reason"].as_str().unwrap().contains("rate limit"), "{events:?}");
    // Who is dropped is cut off; who was let in has to speak in time.
    let closed = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        !matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(!open.is_empty() && open.iter_mut().all(closed), "nobody keeps a connection without a word");
    wait_for("the next block", || (florin_height(&site, &node) > before).then_some(()));
    assert!(node.stop().success());
}

fn florin_height(site: &Site, node: &Running) -> u64 {
    succeed(site.inspect(&node.text("rpc_url"), &[]))["number"].as_u64().unwrap()
}

#[test]
fn a_power_that_is_used_over_the_ledger_is_told_of() {
    let site = Site::new();
    let node = site.node(&[]);
    let client = RpcClient::new(&node.text("rpc_url")).unwrap();
    let signer = Signer::from_hex(&site.developer_key).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let hash = runtime.block_on(async {
        let status = client.node_status().await.unwrap();
        let input = IFactory::createTokenCall {
            name: "Night Franc".into(),
            symbol: "NFR".into(),
            decimals: 2,
            admin: signer.address(),
            policyId: policy::OPEN,
            supplyCap: U256::from(1_000),
        };
        let tx = TxEip1559 {
            chain_id: status.chain_id,
            nonce: client.next_nonce(signer.address()).await.unwrap(),
            gas_limit: 3_000_000,
            to: TxKind::Call(FACTORY_ADDRESS),
            input: input.abi_encode().into(),
            ..TxEip1559::default()
        };
        client.send(&signer.sign(tx).unwrap()).await.unwrap()
    });
    let created =
        wait_for("the event", || told(&node, "admin_act").into_iter().find(|event| event["act"] == "TokenCreated"));
    assert_eq!(created["transaction"], hash.to_string());
    assert!(counted(&node.text("monitoring_url"), "admin_act") >= 1);
    assert!(node.stop().success());
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rows of the tables in the page about security: the cells of each.
fn rows(page: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("|---");
    page.lines()
        .filter(is_row)
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_string()).collect())
        .collect()
}

/// The names between backquotes that look like `path/to/file.rs::test`.
fn tests_named_in(cell: &str) -> Vec<(String, String)> {
    let names = cell.split('`').skip(1).step_by(2);
    names.filter_map(|name| name.split_once("::")).map(|(file, test)| (file.to_string(), test.to_string())).collect()
}

/// Whether a source file has a test of this name.
fn has_test(file: &str, test: &str) -> bool {
    let Ok(source) = fs::read_to_string(repository().join(file)) else { return false };
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_test =
        |at: usize| lines[at.saturating_sub(4)..at].iter().any(|line| line.contains("test]") || line.contains("test("));
    let declared =
        |line: &str| [format!("fn {test}("), format!("async fn {test}(")].iter().any(|begin| line.starts_with(begin));
    let in_proptest = lines.iter().any(|line| line.starts_with("proptest") && line.ends_with("! {"));
    (0..lines.len()).any(|at| declared(lines[at]) && (is_test(at) || in_proptest))
}

#[test]
fn every_row_of_the_threat_model_names_tests_that_exist() {
    let page = fs::read_to_string(repository().join("docs/security.md")).unwrap();
    let model: Vec<Vec<String>> =
        rows(&page).into_iter().filter(|row| row.len() == 4 && row[0] != "attacker").collect();
    assert!(model.len() >= 25, "the threat model has {} rows", model.len());
    for row in &model {
        let tests = tests_named_in(&row[3]);
        assert!(!tests.is_empty(), "no test shows what stops: {}: {}", row[0], row[1]);
        for (file, test) in tests {
            assert!(has_test(&file, &test), "{file} has no test {test}, named for: {}", row[0]);
        }
    }
    assert!(!has_test("bin/florin/tests/defence.rs", "repository"), "a function that is no test does not count");
    assert!(!has_test("bin/florin/tests/defence.rs", "nothing"));
}

#[test]
fn every_intrusion_code_is_explained() {
    let page = fs::read_to_string(repository().join("docs/security.md")).unwrap();
    let source = fs::read_to_string(repository().join("bin/florin/src/node/intrusions.rs")).unwrap();
    let table = source.split("CODES: &[(&str, &str)] = &[").nth(1).unwrap().split("];").next().unwrap();
    let codes: Vec<&str> =
        table.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next()).collect();
    assert!(codes.len() >= 13, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("| `{code}` |")), "docs/security.md does not explain {code}");
    }
}
