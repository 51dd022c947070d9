//! A real node and its history: killed and started again, rebuilt, with a database that is not there yet.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;
#[path = "../../../crates/history/src/tests/server.rs"]
mod server;

use alloy_primitives::B256;
use common::{Running, ask, florin, secret, succeed, wait_for};
use florin_history::{
    Ask, History, HistoryError, Location, TransactionRecord, TransactionSearch, TransferRecord, TransferSearch,
};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Command,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BANK_B: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
/// Rows of a page, fewer than there are.
const PAGE_ROWS: usize = 5;

/// A network of one validator, which a demo has made.
struct Network {
    directory: TempDir,
    genesis_hash: B256,
    runtime: Runtime,
}

impl Network {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let demo = Running::demo(&directory.path().join("demo"), &["--validators", "1"]);
        let first = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x0", false]});
        let genesis_hash = ask(&demo.text("rpc_url"), &first)["result"]["hash"].as_str().unwrap().parse().unwrap();
        assert!(demo.stop().success());
        Self { directory, genesis_hash, runtime: Runtime::new().unwrap() }
    }

    fn at(&self, name: &str) -> String {
        self.directory.path().join("demo").join(name).display().to_string()
    }

    fn node_directory(&self) -> String {
        self.at("validator-1")
    }

    /// Starts the node with these settings of its history.
    fn start(&self, history: &[(&str, &str)]) -> Running {
        Running::start(with(florin(["node", "--json", "--dir", &self.node_directory()]), history))
    }

    /// Pays, and gives the transaction once it is final.
    fn pay(&self, node: &Running) -> B256 {
        let (keystore, passphrase, genesis) = (self.at("keystore"), self.at("passphrase"), self.at("genesis.json"));
        let rpc = node.text("rpc_url");
        let what = ["pay", "--from", "bank-a", "--to", BANK_B, "--amount", "0.01", "--token", "DEUR"];
        let how = ["--keystore", &keystore, "--passphrase-file", &passphrase, "--genesis", &genesis, "--rpc", &rpc];
        let paid = succeed(what.iter().chain(&how));
        paid["transaction_hash"].as_str().unwrap().parse().unwrap()
    }

    /// Looks into the history at a place.
    fn look<T>(&self, place: &Location, look: impl AsyncFnOnce(&History) -> T) -> Option<T> {
        self.runtime.block_on(async {
            let history = History::open(place, self.genesis_hash, &[]).await.ok()?;
            let seen = look(&history).await;
            history.close().await;
            Some(seen)
        })
    }

    /// Waits until the history knows these transactions.
    fn wait_until_told(&self, place: &Location, hashes: &[B256]) {
        for hash in hashes {
            wait_for("the history to tell a payment", || {
                let found =
                    self.look(place, async |history| history.transaction(*hash, &Ask::default()).await.unwrap());
                found.flatten()
            });
        }
    }

    fn sqlite(&self) -> Location {
        Location::Sqlite(PathBuf::from(self.node_directory()).join("data/history.sqlite"))
    }
}

/// A command with settings in its environment.
fn with(mut command: Command, settings: &[(&str, &str)]) -> Command {
    command.envs(settings.iter().map(|(field, value)| (format!("FLORIN__HISTORY__{field}"), value)));
    command
}

/// What a history says up to a height, page by page.
async fn everything(history: &History, height: u64) -> (Vec<TransactionRecord>, Vec<TransferRecord>) {
    let page_after = |cursor| Ask { rows_max: PAGE_ROWS, cursor, ..Ask::default() };
    let (mut transactions, mut transfers) = (Vec::new(), Vec::new());
    let mut cursor = None;
    loop {
        let page = history.transactions(&TransactionSearch::default(), &page_after(cursor)).await.unwrap();
        transactions.extend(page.rows.into_iter().filter(|row| row.place.height() <= height));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let page = history.transfers(&TransferSearch::default(), &page_after(cursor)).await.unwrap();
        transfers.extend(page.rows.into_iter().filter(|row| row.spot.place.height() <= height));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    (transactions, transfers)
}

/// One figure of a node, if it tells it.
fn figure(node: &Running, name: &str) -> Option<i64> {
    let host = node.text("monitoring_url").trim_start_matches("http://").to_string();
    let mut stream = TcpStream::connect(&host).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[test]
fn a_history_survives_kills_and_is_the_same_when_it_is_rebuilt() {
    let (network, sqlite) = (Network::new(), [("STORE", "sqlite")]);
    let place = network.sqlite();
    let directory = network.node_directory();
    let rebuild = || florin(["history", "rebuild", "--dir", &directory]);

    // Killed as soon as a payment is final, so that the history knows it or not.
    let mut paid = Vec::new();
    for _ in 0..4 {
        let node = network.start(&sqlite);
        paid.extend([network.pay(&node), network.pay(&node)]);
        drop(node);
    }
    let node = network.start(&sqlite);
    network.wait_until_told(&place, &paid);
    wait_for("the history to have caught up", || figure(&node, "florin_history_lag_blocks").filter(|lag| *lag <= 5));
    assert_eq!(figure(&node, "florin_history_failures_total"), Some(0));
    // Nobody removes what a node writes to.
    let (code, error) = fail_with(rebuild(), &sqlite);
    assert_eq!((code, error["code"].as_str()), (5, Some("directory.locked")), "{error}");
    assert!(node.stop().success());

    let (told, before) = network
        .look(&place, async |history| {
            let told = history.told().unwrap();
            let seen = everything(history, *told.end()).await;
            (told, seen)
        })
        .unwrap();
    assert_eq!(*told.start(), 0, "the history begins with genesis");
    assert!(before.0.len() >= paid.len() && before.1.len() >= paid.len(), "{} transactions", before.0.len());
    for hash in &paid {
        assert_eq!(before.0.iter().filter(|row| row.hash == *hash).count(), 1, "{hash} is told once");
    }

    // Without a history there is nothing to rebuild.
    assert_eq!(fail_with(rebuild(), &[("STORE", "off")]).1["code"], "history.off");
    let output = with(rebuild(), &sqlite).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    let rebuilt: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rebuilt["first_height"], 0);
    assert!(rebuilt["height"].as_u64().unwrap() >= *told.end(), "{rebuilt}");
    let after = network.look(&place, async |history| everything(history, *told.end()).await).unwrap();
    assert_eq!(after, before);

    // And the node goes on with it.
    let node = network.start(&sqlite);
    let more = network.pay(&node);
    network.wait_until_told(&place, &[more]);
    assert!(node.stop().success());
}

#[test]
fn a_bit_that_the_disk_changed_is_named_and_never_served() {
    let (network, sqlite) = (Network::new(), [("STORE", "sqlite")]);
    let place = network.sqlite();
    let node = network.start(&sqlite);
    let paid = network.pay(&node);
    network.wait_until_told(&place, &[paid]);
    wait_for("the first check", || node.log().contains("is what was written").then_some(()));
    assert!(node.stop().success());

    // In the row of the transaction: what finds it has the beginning of the hash alone.
    let Location::Sqlite(file) = &place else { panic!("{place}") };
    let mut stored = std::fs::read(file).unwrap();
    let rows: Vec<usize> =
        stored.windows(32).enumerate().filter(|(_, part)| *part == paid.as_slice()).map(|(at, _)| at).collect();
    assert!(!rows.is_empty(), "the hash stands in the file");
    rows.iter().for_each(|at| stored[at + 31] ^= 1);
    std::fs::write(file, stored).unwrap();

    let node = network.start(&sqlite);
    wait_for("the damage to be counted", || figure(&node, "florin_history_failures_total").filter(|count| *count > 1));
    let log = node.log();
    assert!(log.contains("history.sqlite is damaged") && log.contains("table transactions"), "{log}");
    let height = figure(&node, "florin_history_height_blocks");
    network.pay(&node);
    assert_eq!(figure(&node, "florin_history_height_blocks"), height, "nothing is told to a damaged history");
    let served = network.look(&place, async |history| {
        let transactions = history.transactions(&TransactionSearch::default(), &Ask::default()).await;
        [transactions.map(drop), history.transfers(&TransferSearch::default(), &Ask::default()).await.map(drop)]
    });
    let refused = |served: &Result<(), HistoryError>| matches!(served, Err(HistoryError::Damaged { .. }));
    assert!(served.as_ref().unwrap().iter().all(refused), "{served:?}");
    assert!(node.stop().success());

    let rebuilt = with(florin(["history", "rebuild", "--dir", &network.node_directory()]), &sqlite).output().unwrap();
    assert!(rebuilt.status.success(), "{}", common::text(&rebuilt.stderr));
    let node = network.start(&sqlite);
    network.wait_until_told(&place, &[paid]);
    wait_for("the check of the new one", || node.log().contains("is what was written").then_some(()));
    assert_eq!(figure(&node, "florin_history_failures_total"), Some(0));
    assert!(node.stop().success());
}

#[test]
fn a_database_that_is_not_there_yet_holds_up_nobody() {
    let network = Network::new();
    let files = TempDir::new().unwrap();
    let (url, password) = (server::server().url("late"), server::PASSWORD);
    let url_file = secret(&files, "url", &format!("{url}\n")).display().to_string();
    let password_file = secret(&files, "password", &format!("{password}\n")).display().to_string();
    let settings = [("STORE", "postgres"), ("URL_FILE", &*url_file), ("PASSWORD_FILE", &*password_file)];
    let place = Location::parse(&url, Some(password)).unwrap();

    let node = network.start(&settings);
    let paid = [network.pay(&node), network.pay(&node)];
    wait_for("a failure to be counted", || figure(&node, "florin_history_failures_total").filter(|count| *count > 0));
    assert_eq!(figure(&node, "florin_history_height_blocks"), Some(-1));
    ask_database("postgres", "CREATE DATABASE late");
    wait_for("the history to begin", || figure(&node, "florin_history_height_blocks").filter(|height| *height > 0));
    network.wait_until_told(&place, &paid);
    wait_for("the history to have caught up", || figure(&node, "florin_history_lag_blocks").filter(|lag| *lag <= 5));
    // Connections that break are made anew.
    let others = "FROM pg_stat_activity WHERE datname = 'late' AND pid <> pg_backend_pid()";
    ask_database("late", &format!("SELECT pg_terminate_backend(pid) {others}"));
    let later = network.pay(&node);
    network.wait_until_told(&place, &[later]);
    let log = node.log();
    assert!(log.contains("the history cannot be opened") && !log.contains(password), "{log}");
    assert!(node.stop().success());

    // The same history from a rebuild, in PostgreSQL.
    let seen = async |history: &History| {
        let told = *history.told().unwrap().end();
        (told, everything(history, told).await)
    };
    let (height, before) = network.look(&place, seen).unwrap();
    let directory = network.node_directory();
    let output = with(florin(["history", "rebuild", "--dir", &directory]), &settings).output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    let after = network.look(&place, async |history| everything(history, height).await).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_history_that_is_badly_named_stops_the_start_and_shows_no_password() {
    let network = Network::new();
    let files = TempDir::new().unwrap();
    let directory = network.node_directory();
    let node = || florin(["node", "--dir", &directory]);
    let (code, error) = fail_with(node(), &[("STORE", "postgres")]);
    assert_eq!((code, error["code"].as_str()), (2, Some("config.value")));
    let url = secret(&files, "url", "postgres://florin:swordfish@localhost/history").display().to_string();
    let (code, error) = fail_with(node(), &[("STORE", "postgres"), ("URL_FILE", &url)]);
    assert_eq!((code, error["code"].as_str()), (3, Some("history.url")));
    assert!(!error.to_string().contains("swordfish"), "{error}");
    let absent = files.path().join("absent").display().to_string();
    let (code, error) = fail_with(node(), &[("STORE", "postgres"), ("URL_FILE", &absent)]);
    assert_eq!((code, error["code"].as_str()), (3, Some("file.read")));
}

/// Runs a command that fails; gives its exit code and what it says.
fn fail_with(command: Command, settings: &[(&str, &str)]) -> (i32, Value) {
    let output = with(command, settings).arg("--json").output().unwrap();
    let said = common::text(&output.stderr);
    assert!(!output.status.success(), "it succeeded: {said}");
    let failure: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap();
    (output.status.code().unwrap(), failure["error"].clone())
}

/// Says something to PostgreSQL.
fn ask_database(database: &str, what: &str) {
    let server = server::server();
    let mut ask = Command::new("psql");
    ask.arg("-h").arg(&server.directory).args(["-p", &server.port.to_string(), "-U", server::USER]);
    let asked = ask.args(["-c", what, database]).env("PGPASSWORD", server::PASSWORD).output();
    let asked = asked.expect("psql runs: apt-get install postgresql");
    assert!(asked.status.success(), "{}", common::text(&asked.stderr));
}
