//! A whole network of real processes: pay, look, kill, recover, tamper.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use common::{Running, ask, fail, file, florin, liar, run, secret, signal, succeed, text, wait_for};
use florin_client::{RpcClient, Signer, Token, TxEip1559};
use florin_modules::{FACTORY_ADDRESS, factory::IFactory, policy, token, token::IToken};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

const BANK_B: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/// A demo's directory, and the arguments that talk to it.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("demo")
    }

    fn at(&self, name: &str) -> String {
        self.data().join(name).display().to_string()
    }

    fn pay(&self, rpc: &str, to: &str, amount: &str) -> Vec<String> {
        let (keystore, passphrase) = (self.at("keystore"), self.at("passphrase"));
        let arguments = ["pay", "--from", "bank-a", "--to", to, "--amount", amount, "--token", "DEUR"];
        let trust = ["--keystore", &keystore, "--passphrase-file", &passphrase];
        arguments.iter().chain(&trust).map(|text| (*text).to_string()).chain(self.network(rpc)).collect()
    }

    fn network(&self, rpc: &str) -> [String; 4] {
        ["--genesis".into(), self.at("genesis.json"), "--rpc".into(), rpc.into()]
    }

    fn inspect(&self, rpc: &str, what: &[&str]) -> Value {
        let arguments = ["inspect"].iter().chain(what).map(|text| (*text).to_string());
        succeed(arguments.chain(self.network(rpc)))
    }
}

fn holding(account: &Value) -> u128 {
    account["tokens"][0]["minor"].as_str().unwrap().parse().unwrap()
}

#[test]
fn payments_survive_a_killed_validator_and_a_restart_of_everything() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &[]);
    let rpc = demo.text("rpc_url");
    assert_eq!(demo.value["accounts"][0]["name"], "developer");
    assert_eq!(demo.value["validators"].as_array().unwrap().len(), 4);

    // Pay, and see it proven.
    let before = holding(&files.inspect(&rpc, &["account", BANK_B]));
    let paid = succeed(files.pay(&rpc, "bank-b", "12.50"));
    assert_eq!((paid["status"].as_str(), paid["verified"].as_bool()), (Some("final"), Some(true)));
    let hash = paid["transaction_hash"].as_str().unwrap().to_string();
    assert_eq!(files.inspect(&rpc, &["tx", &hash])["status"], "success");
    assert_eq!(holding(&files.inspect(&rpc, &["account", BANK_B])), before + 1_250);
    let nobody = "0x00000000000000000000000000000000000000aa";
    assert_eq!(files.inspect(&rpc, &["proof", nobody])["present"], false);
    assert_eq!(files.inspect(&rpc, &["proof", BANK_B])["present"], true);

    // The ledger's refusals come with its own names.
    assert_eq!(fail(files.pay(&rpc, nobody, "1")).1["code"], "ledger.PolicyForbids");
    let (code, error) = fail(files.pay(&rpc, BANK_B, "99999999999999"));
    assert_eq!((code, error["code"].as_str()), (4, Some("ledger.ERC20InsufficientBalance")));
    assert_eq!(fail(files.pay(&rpc, BANK_B, "1.005")).1["code"], "pay.amount");

    // A directory in use is refused; so is a port.
    let verify = ["inspect".into(), "verify".into(), "--dir".into(), files.at("validator-1")];
    assert_eq!(fail(&verify).1["code"], "directory.locked");
    let port = rpc.rsplit(':').next().unwrap();
    let (code, error) = fail(["demo", "--rpc-port", port]);
    assert_eq!((code, error["code"].as_str()), (5, Some("demo.port")));

    // Kill one: payments go on. Start it again by the command that was printed: it catches up.
    let victim = &demo.value["validators"][1];
    signal("-9", victim["pid"].as_u64().unwrap());
    let during = succeed(files.pay(&rpc, "bank-b", "1"));
    // A large process takes a moment to go, and holds its directory until then.
    wait_for("the killed validator to be gone", || is_dead(victim["pid"].as_u64().unwrap()).then_some(()));
    let command: Vec<&str> = victim["command"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let mut again = Command::new(command[0]);
    again.args(&command[1..]).stdin(Stdio::null());
    let again = Running::start(again);
    let victim_rpc = again.text("rpc_url");
    assert_eq!(victim_rpc, victim["rpc_url"].as_str().unwrap());
    let missed = during["transaction_hash"].as_str().unwrap();
    wait_for("the killed validator to catch up", || {
        let inspect = ["inspect", "tx", missed].map(String::from).into_iter().chain(files.network(&victim_rpc));
        florin(inspect).output().unwrap().status.success().then_some(())
    });
    assert!(again.stop().success());
    assert!(demo.stop().success());

    // Everything again, from the disk: nothing is lost.
    assert_eq!(fail(["demo", "--data", files.data().to_str().unwrap(), "--validators", "5"]).1["code"], "demo.resume");
    let resumed = Running::demo(&files.data(), &[]);
    let rpc = resumed.text("rpc_url");
    assert_eq!(holding(&files.inspect(&rpc, &["account", BANK_B])), before + 1_350);
    assert_eq!(files.inspect(&rpc, &["tx", &hash])["block_number"], paid["block_number"]);
    assert!(resumed.stop().success());

    offline(&files, &hash, before + 1_350);
}

/// What a stopped node's directory says, and what it says after a byte was changed.
fn offline(files: &Files, hash: &str, expected: u128) {
    let directory = files.at("validator-3");
    let look = |what: &[&str]| {
        let arguments = ["inspect"].iter().chain(what).copied().chain(["--dir", &directory]);
        succeed(arguments)
    };
    assert_eq!(holding(&look(&["account", BANK_B])), expected);
    assert_eq!(look(&["tx", hash])["status"], "success");
    assert_eq!(look(&["state"])["violations"], serde_json::json!([]));
    let there = look(&["proof", BANK_B]);
    assert_eq!(there["present"], true, "{there}");
    assert_eq!(there["state_root"], look(&["block", "latest"])["state_root"]);
    let nobody = "0x00000000000000000000000000000000000000aa";
    assert_eq!(look(&["proof", nobody, "--slot", "0x0"])["present"], false);
    let sound = look(&["verify"]);
    assert!(sound["blocks"].as_u64().unwrap() > 2 && sound["certificates"].as_u64().unwrap() > 0, "{sound}");
    assert_eq!(look(&["data"])["chain_id"], 461_337);

    let victim = largest_file(&files.data().join("validator-3").join("data"), "ledger-blocks");
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let (code, error) = fail(["inspect", "verify", "--dir", &directory]);
    assert_eq!(code, 6, "{error}");
    assert!(error["message"].as_str().unwrap().contains("ledger-blocks"), "the damage is not named: {error}");
}

#[test]
fn a_node_joins_by_copying_the_state_and_says_what_it_has_not() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--followers", "1"]);
    let rpc = demo.text("rpc_url");
    let follower = &demo.value["followers"][0];
    signal("-9", follower["pid"].as_u64().unwrap());
    wait_for("the follower to be gone", || is_dead(follower["pid"].as_u64().unwrap()).then_some(()));
    let directory = files.data().join("follower-1");
    std::fs::remove_dir_all(directory.join("data")).unwrap();

    // Blocks and state that the follower will never execute.
    let load = ["bench", "--rpc", &rpc, "--workload", "batches", "--rate", "500", "--seconds", "3"];
    let keys = [files.at("keystore"), files.at("passphrase"), files.at("genesis.json")];
    let trust = ["--keystore", &keys[0], "--passphrase-file", &keys[1], "--genesis", &keys[2]];
    assert_eq!(succeed(load.iter().chain(&trust).copied())["unsettled"], 0);
    let before = succeed(files.pay(&rpc, "bank-b", "1"));

    let command: Vec<String> =
        follower["command"].as_array().unwrap().iter().map(|part| part.as_str().unwrap().into()).collect();
    let start = |blocks_kept: &str| {
        let mut again = Command::new(&command[0]);
        again.args(&command[1..]).env("FLORIN__STORAGE__BLOCKS_KEPT", blocks_kept).stdin(Stdio::null());
        Running::start(again)
    };
    let joined = start("2000");
    let own = joined.text("rpc_url");
    let call = |method: &str, parameters: Value| {
        ask(&own, &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters }))
    };
    let during = succeed(files.pay(&rpc, "bank-b", "1"));
    let hash = during["transaction_hash"].as_str().unwrap();
    wait_for("the payment to reach the node that joined", || {
        let receipt = call("eth_getTransactionReceipt", json!([hash]));
        (receipt["result"]["status"] == "0x1").then_some(())
    });
    assert_eq!(
        holding(&files.inspect(&own, &["account", BANK_B])),
        holding(&files.inspect(&rpc, &["account", BANK_B]))
    );

    // What lies below has a name, and is not silently empty.
    assert_eq!(call("eth_getBlockByNumber", json!(["earliest", false]))["result"]["number"], "0x0");
    let pruned = call("eth_getBlockByNumber", json!(["0x1", false]));
    assert_eq!(pruned["error"]["data"]["code"], "ledger.block_pruned", "{pruned}");
    let logs = call("eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0x2" }]));
    assert_eq!(logs["error"]["data"]["code"], "logs_before_start", "{logs}");
    let missing = call("eth_getTransactionReceipt", json!([before["transaction_hash"]]));
    assert_eq!(missing["result"], Value::Null, "{missing}");

    // It has blocks and state of its own from there on, from the disk too, and does not copy again.
    assert!(joined.stop().success());
    let data = succeed(["inspect", "data", "--dir", directory.to_str().unwrap()]);
    let oldest = data["oldest_block_height"].as_u64().unwrap();
    assert!(oldest > 1, "{data}");
    assert_eq!(succeed(["inspect", "verify", "--dir", directory.to_str().unwrap()])["sound"], true);
    let again = start("2000");
    assert!(again.log().contains("is not copied again"), "{}", again.log());
    assert!(again.stop().success());
    let data = succeed(["inspect", "data", "--dir", directory.to_str().unwrap()]);
    assert_eq!(data["oldest_block_height"], oldest);
    assert!(demo.stop().success());

    // With nobody there it waits to hear where the network stands, and tells that to who watches it.
    std::fs::remove_dir_all(directory.join("data")).unwrap();
    let [port] = free_ports();
    let monitoring = format!("127.0.0.1:{port}");
    let mut alone = Command::new(&command[0]);
    alone
        .args(&command[1..])
        .env("FLORIN__STORAGE__BLOCKS_KEPT", "2000")
        .env("FLORIN__MONITORING__LISTEN", &monitoring);
    let alone = alone.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _killed = Killed(alone);
    wait_for("its port for monitors", || std::net::TcpStream::connect(&monitoring).ok());
    let (status, body) = get(&monitoring, "/readyz");
    assert_eq!((status, body["ok"].as_bool()), (503, Some(false)), "{body}");
    assert!(body["reasons"][0].as_str().unwrap().starts_with("starting"), "{body}");
    assert_eq!(get(&monitoring, "/healthz").0, 200, "nobody restarts it for that");
}

/// A process that ends with the test, whatever happens to that.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The largest file below the directory whose path contains `part`.
fn largest_file(directory: &Path, part: &str) -> PathBuf {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.display().to_string().contains(part) => files.push(path),
                false => {}
            }
        }
    }
    files.into_iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn a_temporary_demo_leaves_nothing_and_its_nodes_die_with_it() {
    let mut command = florin(["demo", "--json", "--quiet", "--rpc-port", "0", "--validators", "1", "--followers", "1"]);
    let temporary = TempDir::new().unwrap();
    command.env("TMPDIR", temporary.path());
    let demo = Running::start(command);
    let data = PathBuf::from(demo.text("data"));
    assert!(data.starts_with(temporary.path().canonicalize().unwrap()));
    assert_eq!(demo.value["followers"].as_array().unwrap().len(), 1);
    assert!(demo.stop().success());
    assert!(!data.exists());

    // Killed, it cannot tidy up, but no process stays.
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--validators", "1"]);
    let pid = demo.value["validators"][0]["pid"].as_u64().unwrap();
    drop(demo);
    wait_for("the node to stop with its parent", || {
        (!Path::new(&format!("/proc/{pid}")).exists() || is_dead(pid)).then_some(())
    });
    // And what it wrote is whole.
    let directory = files.at("validator-1");
    assert_eq!(succeed(["inspect", "verify", "--dir", &directory])["sound"], true);

    // A port that another program has is no damage.
    let genesis: Value = serde_json::from_str(&std::fs::read_to_string(files.at("genesis.json")).unwrap()).unwrap();
    let address = genesis["nodes"][0]["address"].as_str().unwrap();
    let _holder = std::net::TcpListener::bind(address).unwrap();
    let (code, error) = fail(["node", "--dir", &directory]);
    assert_eq!((code, error["code"].as_str()), (5, Some("network.listen")));
}

#[test]
fn settings_of_other_nodes_do_not_reach_a_demo_and_its_logs_outlive_a_failure() {
    let temporary = TempDir::new().unwrap();
    let demo = |variables: &[(&str, &str)]| {
        let mut command = florin(["demo", "--json", "--quiet", "--rpc-port", "0", "--validators", "1"]);
        command.env("TMPDIR", temporary.path()).envs(variables.iter().copied());
        command
    };
    let others = [
        ("FLORIN_PASSPHRASE_FILE", "/nowhere"),
        ("FLORIN_GENESIS", "/nowhere"),
        ("FLORIN__RPC__LISTEN", "192.0.2.1:1"),
        ("FLORIN__KEYS__NODE", "elsewhere.json"),
        ("FLORIN__STORAGE__DIRECTORY", "/proc/nowhere"),
    ];
    assert!(Running::start(demo(&others)).stop().success());
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);

    let output = demo(&[("FLORIN__LOG__FORMAT", "xml")]).output().unwrap();
    let failure: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!((output.status.code(), failure["error"]["code"].as_str()), (Some(5), Some("demo.node")), "{failure}");
    assert!(failure["error"]["message"].as_str().unwrap().contains("FLORIN__LOG__FORMAT"), "{failure}");
    let kept = std::fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path();
    assert!(kept.join("validator-1").join("node.log").exists());
    assert!(failure["error"]["next"].as_str().unwrap().contains(&kept.display().to_string()), "{failure}");
}

fn is_dead(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn no_secret_reaches_a_log() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--validators", "1"]);
    succeed(files.pay(&demo.text("rpc_url"), "bank-b", "1"));
    let keys: Vec<String> = demo.value["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["private_key"].as_str().unwrap().trim_start_matches("0x").to_string())
        .collect();
    let passphrase = std::fs::read_to_string(files.at("passphrase")).unwrap();
    assert!(demo.stop().success());
    let log = std::fs::read_to_string(files.data().join("validator-1").join("node.log")).unwrap();
    assert!(log.contains("serving"), "the log is empty");
    for secret in keys.iter().chain([&passphrase]) {
        assert!(!log.contains(secret.as_str()), "a secret stands in the log");
    }
}

#[test]
fn the_bench_measures_a_network_of_its_own() {
    let report = succeed(["bench", "--rate", "50", "--seconds", "2", "--validators", "1"]);
    assert_eq!((report["settled"].as_u64(), report["unsettled"].as_u64()), (Some(100), Some(0)));
    assert!(report["latency_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert!(report["cpu_s_per_1000"].as_f64().is_some_and(|seconds| seconds > 0.0), "{report}");
}

#[test]
fn the_bench_pays_back_what_it_took() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--validators", "1"]);
    let rpc = demo.text("rpc_url");
    let currency = created_currency(&demo);
    let developer: Address = demo.value["accounts"][0]["address"].as_str().unwrap().parse().unwrap();
    let balance = || {
        let client = RpcClient::new(&rpc).unwrap();
        let balance = async { Token::open(client, currency).await.unwrap().balance(developer).await.unwrap().minor() };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(balance)
    };
    let before = balance();
    let (token, keystore, passphrase) = (currency.to_string(), files.at("keystore"), files.at("passphrase"));
    let load = ["bench", "--from", "developer", "--token", &token, "--rate", "20", "--seconds", "1", "--senders", "4"];
    let trust = ["--keystore", &keystore, "--passphrase-file", &passphrase, "--rpc", &rpc];
    let arguments = load.iter().chain(&trust).copied();
    assert_eq!(fail(arguments.clone()).0, 2, "what is signed needs the genesis file");
    let report = succeed(arguments.chain(["--genesis", &files.at("genesis.json")]));
    assert_eq!((report["settled"].as_u64(), report["senders"].as_u64()), (Some(20), Some(4)));
    assert_eq!(balance(), before);
    assert!(demo.stop().success());
}

#[test]
fn a_node_of_another_network_is_noticed_before_anything_is_signed() {
    let (ours, theirs) = (Files::new(), Files::new());
    let demo = Running::demo(&theirs.data(), &["--validators", "1"]);
    let rpc = demo.text("rpc_url");
    std::fs::create_dir_all(ours.data()).unwrap();
    let genesis = std::fs::read_to_string(theirs.at("genesis.json")).unwrap();
    let other = genesis.replace("\"Florin demo\"", "\"Another\"").replace("\"balance\": \"0x", "\"balance\": \"0x1");
    file(&ours.directory, "demo/genesis.json", &other);
    for name in ["keystore", "passphrase"] {
        assert!(Command::new("cp").args(["-r", &theirs.at(name), &ours.at(name)]).status().unwrap().success());
    }
    assert_eq!(fail(ours.pay(&rpc, BANK_B, "1")).1["code"], "network.other");
    let help = text(&run(["pay", "--help"]).stdout);
    assert!(help.contains("verified"));
    assert!(demo.stop().success());
}

#[test]
fn what_is_signed_is_never_the_nodes_word() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--validators", "1"]);
    let rpc = demo.text("rpc_url");
    let lying = liar(&rpc, |call, answer| match call["method"].as_str() {
        Some("eth_chainId") => answer["result"] = json!("0x1"),
        // decimals(): six digits more than there are would pay a million times as much.
        Some("eth_call") if call["params"][0]["input"].as_str().unwrap().starts_with("0x313ce567") => {
            answer["result"] = json!(format!("{:#066x}", 8));
        }
        _ => {}
    });
    let before = holding(&files.inspect(&rpc, &["account", BANK_B]));
    let paid = succeed(files.pay(&lying, BANK_B, "12.50"));
    assert_eq!(paid["amount_minor"], "1250");
    assert_eq!(holding(&files.inspect(&rpc, &["account", BANK_B])), before + 1_250);

    // A currency that no genesis file names: its digits are proven.
    let currency = created_currency(&demo);
    let mut arguments = files.pay(&lying, BANK_B, "1.5");
    arguments[2] = "developer".into();
    arguments[8] = currency.to_string();
    let paid = succeed(arguments.clone());
    assert_eq!((paid["amount_minor"].as_str(), paid["currency"]["digits"].as_u64()), (Some("15000"), Some(4)));
    arguments[8] = BANK_B.into();
    assert_eq!(fail(arguments).1["code"], "network.token", "an account is no currency");
    assert!(demo.stop().success());
}

/// Makes a currency with four digits on a running demo and gives the developer some of it.
fn created_currency(demo: &Running) -> Address {
    let developer = Signer::from_hex(demo.value["accounts"][0]["private_key"].as_str().unwrap()).unwrap();
    let me = developer.address();
    let currency = florin_modules::token_address(2);
    let (name, symbol) = ("A currency with a name of more than 31 bytes".to_string(), "LATER".to_string());
    let (policy, cap) = (policy::OPEN, U256::from(u128::MAX));
    let create = IFactory::createTokenCall { name, symbol, decimals: 4, admin: me, policyId: policy, supplyCap: cap };
    let calls = [
        (FACTORY_ADDRESS, create.abi_encode()),
        (currency, IToken::grantRoleCall { role: token::ISSUER_ROLE, account: me }.abi_encode()),
        (currency, IToken::mintCall { to: me, amount: U256::from(1_000_000) }.abi_encode()),
    ];
    let client = RpcClient::new(&demo.text("rpc_url")).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for (to, input) in calls {
            let tx = TxEip1559 {
                chain_id: demo.value["chain_id"].as_u64().unwrap(),
                nonce: client.next_nonce(me).await.unwrap(),
                gas_limit: 1_000_000,
                to: TxKind::Call(to),
                input: Bytes::from(input),
                ..TxEip1559::default()
            };
            let signed = developer.sign(tx).unwrap();
            client.send(&signed).await.unwrap();
            client.wait_final(signed.hash, 30_000).await.unwrap();
        }
    });
    currency
}

#[test]
fn a_block_that_is_shown_as_verified_is_the_one_that_was_asked_for() {
    let files = Files::new();
    let demo = Running::demo(&files.data(), &["--validators", "1"]);
    let rpc = demo.text("rpc_url");
    let paid = succeed(files.pay(&rpc, "bank-b", "1"));
    let (height, hash) = (paid["block_number"].to_string(), paid["block_hash"].as_str().unwrap());
    let honest = files.inspect(&rpc, &["block", &height]);
    assert_eq!(honest["hash"], hash);
    assert_eq!(honest["transactions"], json!([paid["transaction_hash"]]));
    assert_eq!(files.inspect(&rpc, &["block", hash]), honest);
    let first = files.inspect(&rpc, &["block", "0"]);

    // Always a true block, never the one that was asked for; and block 0 of another network.
    let node = rpc.clone();
    let elsewhere = liar(&rpc, move |call, answer| match call["method"].as_str() {
        Some("eth_getBlockByHash") => {
            let call =
                json!({"jsonrpc": "2.0", "id": call["id"], "method": "eth_getBlockByNumber", "params": ["0x1", false]});
            *answer = common::ask(&node, &call);
        }
        Some("eth_getBlockByNumber") if call["params"][0] == "0x0" => answer["result"]["stateRoot"] = json!(B256::ZERO),
        _ => {}
    });
    let inspect = |rpc: &str, what: &str| {
        let arguments = ["inspect", "block", what].map(String::from);
        fail(arguments.into_iter().chain(files.network(rpc)))
    };
    let (code, error) = inspect(&elsewhere, hash);
    assert_eq!((code, error["code"].as_str()), (6, Some("client.verify.other_question")), "{error}");
    assert_eq!(files.inspect(&elsewhere, &["block", "0"]), first, "block 0 is the genesis file's");

    // A payment that is left out, or told twice.
    let lies: [fn(&mut Vec<Value>); 2] = [Vec::clear, |list| list.extend(list.clone())];
    for lie in lies {
        let lying = liar(&rpc, move |call, answer| {
            if call["method"] == "eth_getBlockByNumber" {
                lie(answer["result"]["transactions"].as_array_mut().unwrap());
            }
        });
        let (code, error) = inspect(&lying, &height);
        assert_eq!((code, error["code"].as_str()), (6, Some("client.verify.body")), "{error}");
    }
    let unverified = succeed(["inspect", "block", &height, "--rpc", &rpc]);
    assert!(unverified["verified"].as_str().unwrap().starts_with("no"), "{unverified}");
    assert!(demo.stop().success());
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn four_machines_make_one_key_that_none_of_them_holds() {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join(name).display().to_string();
    let passphrase = secret(&root, "passphrase", "correct horse battery").display().to_string();
    let mut description = format!(
        "network = \"Ceremony\"\nchain_id = 4613\ntimestamp_ms = 1700000000000\npermission_admin = \"{BANK_B}\"\n"
    );
    let names = ["one", "two", "three", "four"];
    let ports = free_ports::<4>();
    for (name, port) in names.into_iter().zip(ports) {
        let made = succeed(["key", "node", "--light", "--dir", &at(name), "--passphrase-file", &passphrase]);
        description.push_str(&format!(
            "[[nodes]]\nname = \"{name}\"\npublic_key = {}\naddress = \"127.0.0.1:{port}\"\nrole = \"validator\"\n",
            made["public_key"]
        ));
        file(&root, &format!("{name}/config.toml"), "[network]\nprivate_addresses = true\n");
    }
    let network = file(&root, "network.toml", &description).display().to_string();
    // A port that another program has is no damage.
    let holder = std::net::TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
    let arguments = ["key", "ceremony", "--network", &network, "--dir", &at("one"), "--passphrase-file", &passphrase];
    let (code, error) = fail(arguments);
    assert_eq!((code, error["code"].as_str()), (5, Some("network.listen")));
    drop(holder);
    let running = names.map(|name| {
        let directory = at(name);
        let arguments = ["key", "ceremony", "--light", "--json", "--network", &network, "--dir", &directory];
        florin(arguments.into_iter().chain(["--passphrase-file", &passphrase]))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    });
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let public = std::fs::read_to_string(at("one/threshold.json")).unwrap();
    assert!(public.contains("\"dealt_for_development\": false"));
    for name in names {
        assert_eq!(std::fs::read_to_string(at(&format!("{name}/threshold.json"))).unwrap(), public, "{name}");
        assert!(std::fs::read_to_string(at(&format!("{name}/share.key.json"))).unwrap().contains("threshold_share"));
        assert!(!Path::new(&at(&format!("{name}/ceremony"))).exists(), "secrets of the ceremony are left on {name}");
    }
    let (threshold, genesis) = (at("one/threshold.json"), at("genesis.json"));
    let made = succeed(["genesis", "new", "--network", &network, "--threshold", &threshold, "--out", &genesis]);
    assert_eq!((made["quorum"].as_u64(), made["dealt_for_development"].as_bool()), (Some(3), Some(false)));
    // A share exists once: a second ceremony must not take its place.
    let again = ["key", "ceremony", "--network", &network, "--dir", &at("one"), "--passphrase-file", &passphrase];
    assert_eq!(fail(again).1["code"], "file.exists");
}

/// Accepts HTTP requests until one posts to `path`, and gives its head.
fn receive_post(listener: &std::net::TcpListener, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0u8; 1024];
        let length = stream.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        // The body does not matter; the sender may see a broken connection.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        if head.starts_with(&format!("POST {path} ")) {
            return head;
        }
    }
}

#[test]
fn traces_and_health_are_served_when_configured() {
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
    let files = Files::new();
    let data = files.data().display().to_string();
    let mut command = florin(["demo", "--json", "--quiet", "--rpc-port", "0", "--validators", "1", "--data", &data]);
    command.env("FLORIN__TRACES__OTLP_ENDPOINT", &endpoint).env("FLORIN__TRACES__SAMPLED_RATIO", "1");
    command.env("FLORIN__LOG__FORMAT", "json");
    let demo = Running::start(command);
    let head = receive_post(&collector, "/v1/traces");
    assert!(head.to_lowercase().contains("content-type: application/x-protobuf"), "{head}");

    let monitoring = demo.value["validators"][0]["monitoring_url"].as_str().unwrap().to_string();
    let (status, body) = get(&monitoring, "/readyz");
    assert_eq!((status, body["ok"].as_bool()), (200, Some(true)), "{body}");
    assert_eq!(get(&monitoring, "/healthz").0, 200);
    assert!(demo.stop().success());
    let log = std::fs::read_to_string(files.data().join("validator-1/node.log")).unwrap();
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

/// Status and body of a GET.
fn get(url: &str, path: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let host = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap())
}
