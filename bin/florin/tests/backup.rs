//! Backup and restore with real processes: a network that pays meanwhile, kills, flipped bits, and a validator that comes back.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use common::{Running, fail, florin, liar, signal, succeed, text, wait_for};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What `florin node` assumes of clocks, in seconds: a restored validator waits at least so long.
const MARGIN_S: u64 = 10;

/// A demo, and beside it what an operator has elsewhere: backups and what opens them.
struct Place {
    directory: TempDir,
    recipient: String,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let secret = common::secret(&directory, "passphrase", "correct horse battery\n");
        let out = directory.path().join("identity.age");
        let made = succeed(
            ["backup", "identity", "--light", "--out", &shown(&out), "--passphrase-file", &shown(&secret)].iter(),
        );
        let recipient = made["recipient"].as_str().unwrap().to_string();
        Self { directory, recipient }
    }

    fn at(&self, name: &str) -> String {
        shown(&self.directory.path().join(name))
    }

    fn in_demo(&self, name: &str) -> String {
        self.at(&format!("demo/{name}"))
    }

    fn opening(&self) -> Vec<String> {
        ["--identity", &self.at("identity.age"), "--passphrase-file", &self.at("passphrase")].map(String::from).into()
    }

    fn backup(&self, rpc: &str, to: &str) -> Vec<String> {
        let arguments = ["backup", "--to", &self.at(to), "--recipient", &self.recipient, "--rpc", rpc];
        arguments.iter().map(|text| text.to_string()).chain(self.genesis()).collect()
    }

    fn genesis(&self) -> [String; 2] {
        ["--genesis".into(), self.in_demo("genesis.json")]
    }

    fn quick(&self, backup: &str) -> Vec<String> {
        ["backup", "verify", &self.at(backup), "--quick"].map(String::from).into()
    }

    fn restore(&self, backup: &str, dir: &str) -> Vec<String> {
        let arguments = ["restore", &self.at(backup), "--dir", dir].map(String::from);
        arguments.into_iter().chain(self.opening()).collect()
    }

    /// An empty directory of a node that keeps the newest blocks only.
    fn pruned(&self, name: &str) -> String {
        let dir = self.at(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(format!("{dir}/config.toml"), "[storage]\nblocks_kept = 2000\n").unwrap();
        dir
    }

    fn pay(&self, rpc: &str, amount: &str) -> Value {
        let (keystore, passphrase) = (self.in_demo("keystore"), self.in_demo("passphrase"));
        let arguments = ["pay", "--from", "bank-a", "--to", "bank-b", "--amount", amount, "--token", "DEUR"];
        let trust = ["--keystore", &keystore, "--passphrase-file", &passphrase, "--rpc", rpc];
        let arguments = arguments.iter().chain(&trust).map(|text| text.to_string());
        succeed(arguments.chain(self.genesis()))
    }

    fn snapshot(&self, rpc: &str, to: &str) -> Vec<String> {
        self.backup(rpc, to).into_iter().chain(["--snapshot".into()]).collect()
    }

    /// Many payments, for some seconds.
    fn payments(&self, rpc: &str) -> Vec<String> {
        let load = ["bench", "--rpc", rpc, "--workload", "erc20", "--rate", "150", "--seconds", "10", "--json"];
        let trust = ["--keystore", &self.in_demo("keystore"), "--passphrase-file", &self.in_demo("passphrase")];
        load.iter().chain(&trust).map(|text| text.to_string()).chain(self.genesis()).collect()
    }

    fn tokens(&self, rpc: &str, address: &str) -> Value {
        let arguments = ["inspect", "account", address, "--rpc", rpc].map(String::from);
        succeed(arguments.into_iter().chain(self.genesis()))["tokens"].clone()
    }

    fn block(&self, rpc: &str, height: u64) -> Value {
        let arguments = ["inspect", "block", &height.to_string(), "--rpc", rpc].map(String::from);
        succeed(arguments.into_iter().chain(self.genesis()))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn height(value: &Value) -> u64 {
    value["height"].as_u64().unwrap_or_else(|| panic!("{value}"))
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end != "lock")).collect();
    files.sort();
    files
}

fn rpc(url: &str, method: &str) -> Value {
    common::ask(url, &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] }))["result"].clone()
}

fn kill(pid: u64) {
    signal("-9", pid);
    wait_for("a killed process to be gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z") || stat.contains(") X")).then_some(())
    });
}

/// Starts a command and kills it after so many milliseconds, wherever it is.
fn begin_and_kill(arguments: &[String], after_ms: u64) {
    let mut child = florin(arguments).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(after_ms));
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_network_is_backed_up_restored_and_its_validator_votes_for_nothing_twice() {
    let place = Place::new();
    let demo = Running::demo(Path::new(&place.at("demo")), &[]);
    let url = demo.text("rpc_url");
    place.pay(&url, "12.50");

    // While it runs, and only what is new.
    let first = succeed(place.backup(&url, "backup"));
    assert!(height(&first) > 0 && first["blocks"] == first["height"], "{first}");
    let kept = files(&place.at("backup"));
    let before: Vec<Vec<u8>> = kept.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let paid = place.pay(&url, "7.25");
    let second = succeed(place.backup(&url, "backup"));
    assert_eq!(height(&second), height(&first) + second["blocks"].as_u64().unwrap());
    assert!(height(&second) >= paid["block_number"].as_u64().unwrap(), "{second} {paid}");
    for (path, before) in kept.iter().zip(before).filter(|(path, _)| !path.ends_with("backup.json")) {
        assert_eq!(std::fs::read(path).unwrap(), before, "{} was written again", path.display());
    }
    a_liar_is_not_believed(&place, &url);
    interrupted_runs_go_on(&place, &url);

    // The state that execution of the backup gives is the one the network has.
    let verify = ["backup".into(), "verify".into(), place.at("backup")];
    let verified = succeed(verify.into_iter().chain(place.opening()).chain(place.genesis()));
    let block = place.block(&url, height(&second));
    assert_eq!(verified["state_root"], block["state_root"]);
    assert_eq!((&verified["block_hash"], &verified["blocks"]), (&second["block_hash"], &second["height"]));

    at_an_earlier_height(&place, &url, height(&first));
    a_validator_comes_back(&place, demo);
    every_flip_is_named(&place, "backup");
}

/// What does not verify is never written.
fn a_liar_is_not_believed(place: &Place, url: &str) {
    let before = std::fs::read(place.at("backup/backup.json")).unwrap();
    for (part, at) in [("certificate", 60), ("block", 200), ("block", 1_500)] {
        let lying = liar(url, move |call, answer| {
            let Some(Value::String(bytes)) = answer.pointer_mut(&format!("/result/0/{part}")) else { return };
            assert_eq!(call["method"], "florin_blocks");
            let changed = if &bytes[at..=at] == "0" { "1" } else { "0" };
            bytes.replace_range(at..=at, changed);
        });
        let (code, error) = fail(place.backup(&lying, "lied"));
        assert_eq!((code, error["code"].as_str()), (6, Some("backup.unverified")), "{error}");
    }
    assert!(!files(&place.at("lied")).iter().any(|path| shown(path).contains("blocks-")));
    assert_eq!(std::fs::read(place.at("backup/backup.json")).unwrap(), before);
    // Somebody else's backup is not added to.
    let mut other = place.backup(url, "backup");
    let at = other.iter().position(|text| *text == place.recipient).unwrap();
    other[at] = "age1k208hdwgrc6e65fl9u68tf4vs5c7n9zx8guvq9qvak458kxf7vds545xn9".into();
    assert_eq!(fail(&other).1["code"], "backup.recipient");
}

fn interrupted_runs_go_on(place: &Place, url: &str) {
    for after_ms in [0, 15, 30, 60, 120] {
        begin_and_kill(&place.backup(url, "killed"), after_ms);
    }
    let taken = succeed(place.backup(url, "killed"));
    let checked = succeed(place.quick("killed").into_iter().chain(place.opening()));
    assert_eq!((height(&checked), &checked["certificates_checked"]), (height(&taken), &json!(true)));
    assert!(!files(&place.at("killed")).iter().any(|path| shown(path).ends_with(".partial")));

    let dir = place.at("interrupted");
    for after_ms in [50, 400, 900] {
        begin_and_kill(&place.restore("killed", &dir), after_ms);
    }
    // A half directory does not start, and is finished by the same command.
    std::fs::create_dir_all(place.at("interrupted/data/restoring")).unwrap();
    if !place_is_restored(&dir) {
        assert_eq!(fail(["inspect", "data", "--dir", &dir]).1["code"], "restore.unfinished");
        let restored = succeed(place.restore("killed", &dir));
        assert_eq!(restored["block_hash"], taken["block_hash"]);
    } else {
        std::fs::remove_dir(place.at("interrupted/data/restoring")).unwrap();
    }
    assert_eq!(height(&succeed(["inspect", "data", "--dir", &dir])), height(&taken));
    assert_eq!(succeed(["inspect", "verify", "--dir", &dir])["sound"], true);
    assert_eq!(fail(place.restore("killed", &dir)).1["code"], "restore.not_empty");
}

fn place_is_restored(dir: &str) -> bool {
    let data = Path::new(dir).join("data");
    data.join("florin-blocks-key").exists() && !data.join("restore.json").exists()
}

/// The ledger as it was at a height.
fn at_an_earlier_height(place: &Place, url: &str, height: u64) {
    let dir = place.at("earlier");
    let earlier = |height: u64| {
        let at = ["--height".into(), height.to_string()];
        place.restore("backup", &dir).into_iter().chain(at).collect::<Vec<String>>()
    };
    assert_eq!(fail(earlier(1_000_000)).1["code"], "restore.height");
    let restored = succeed(earlier(height));
    let block = place.block(url, height);
    assert_eq!((&restored["state_root"], &restored["block_hash"]), (&block["state_root"], &block["hash"]));
    assert_eq!(succeed(["inspect", "data", "--dir", &dir])["block_hash"], block["hash"]);
}

/// A validator that lost everything: keys and ledger come from backups, it follows first, and votes when that is safe.
fn a_validator_comes_back(place: &Place, demo: Running) {
    let url = demo.text("rpc_url");
    let victim = demo.value["validators"][3].clone();
    let dir = place.in_demo("validator-4");
    let key_backup = ["key", "backup", "--dir", &dir, "--out", &place.at("keys.age"), "--recipient", &place.recipient];
    let kept = succeed(key_backup);
    assert_eq!(kept["files"], json!(["node.key.json", "share.key.json", "genesis.json"]));
    kill(victim["pid"].as_u64().unwrap());

    // Another machine: nothing but its configuration is there.
    let (lost, config) = (place.in_demo("validator-4.lost"), format!("{dir}/config.toml"));
    std::fs::rename(&dir, &lost).unwrap();
    std::fs::create_dir(&dir).unwrap();
    std::fs::copy(format!("{lost}/config.toml"), &config).unwrap();
    let key_restore = ["key".into(), "restore".into(), place.at("keys.age"), "--dir".into(), dir.clone()];
    let key_restore: Vec<String> = key_restore.into_iter().chain(place.opening()).collect();
    succeed(&key_restore);
    for name in ["node.key.json", "share.key.json"] {
        let read = |dir: &str| std::fs::read(format!("{dir}/{name}")).unwrap();
        assert_eq!(read(&dir), read(&lost), "{name}");
    }
    assert_eq!(fail(&key_restore).1["code"], "file.exists", "nothing is overwritten");
    let restored = succeed(place.restore("backup", &dir));
    assert!(height(&restored) > 0);

    let begun = Instant::now();
    let mut again = start_again(&victim);
    assert_eq!(again.text("role"), "follower", "it must not vote yet");
    let own = again.text("rpc_url");
    assert_eq!(rpc(&own, "florin_nodeStatus")["role"], "follower");
    let proposed = |url: &str| {
        let monitoring = url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(monitoring).unwrap();
        use std::io::{Read as _, Write as _};
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {monitoring}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let line = answer.lines().find(|line| line.contains("proposed_blocks") && !line.starts_with('#'));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
    };
    let monitoring = again.text("monitoring_url");
    assert_eq!(proposed(&monitoring), 0.0);
    let votes = again.next_line();
    assert_eq!(votes["role"], "validator");
    assert!(begun.elapsed() >= Duration::from_secs(MARGIN_S), "it voted after {:?}", begun.elapsed());
    wait_for("the restored validator to lead", || (proposed(&monitoring) > 0.0).then_some(()));

    // It really votes: without another one, three of four are a quorum only with it.
    kill(demo.value["validators"][2]["pid"].as_u64().unwrap());
    let paid = place.pay(&url, "3");
    let at = paid["block_number"].as_u64().unwrap();
    wait_for("the payment on the restored validator", || {
        let height = rpc(&own, "eth_blockNumber");
        (u64::from_str_radix(height.as_str()?.trim_start_matches("0x"), 16).unwrap() >= at).then_some(())
    });
    assert_eq!(place.block(&own, at)["state_root"], place.block(&url, at)["state_root"]);
    assert!(again.stop().success());

    // Started again it knows its votes. Without its journal it does not, and says so by following.
    let role = || {
        let again = start_again(&victim);
        let role = again.text("role");
        assert!(again.stop().success());
        role
    };
    assert_eq!(role(), "validator");
    an_old_copy_votes_for_nothing_again(place, &demo, &victim, &dir);
    std::fs::remove_dir_all(format!("{dir}/data/florin-simplex")).unwrap();
    assert_eq!(role(), "follower");
    an_image_from_before_the_first_vote_does_not_vote(&victim, &dir);
    assert!(demo.stop().success());
}

/// A copy of everything, put back after the validator has voted on: as it was, and as the documentation says that one puts it back.
fn an_old_copy_votes_for_nothing_again(place: &Place, demo: &Running, victim: &Value, dir: &str) {
    let (data, image) = (format!("{dir}/data"), place.at("image"));
    copy(Path::new(&data), Path::new(&image));
    let url = demo.text("rpc_url");
    let again = start_again(victim);
    place.pay(&url, "4");
    assert!(again.stop().success());
    // From here on the network goes on without it.
    let other = start_again(&demo.value["validators"][2]);
    for knows_its_votes in [true, false] {
        std::fs::remove_dir_all(&data).unwrap();
        copy(Path::new(&image), Path::new(&data));
        if !knows_its_votes {
            std::fs::remove_file(format!("{data}/votes.json")).unwrap();
        }
        let mut again = start_again(victim);
        if knows_its_votes {
            assert_eq!(again.text("role"), "validator", "it looks as if it had been stopped");
            assert_eq!(again.next_line()["role"], "follower", "the others have heard later votes of it");
        } else {
            assert_eq!(again.text("role"), "follower");
        }
        assert_eq!(again.next_line()["role"], "validator", "a block made since shows that its votes are past");
        let paid = place.pay(&url, "5");
        reaches(&again.text("rpc_url"), paid["block_number"].as_u64().unwrap());
        assert!(again.stop().success());
    }
    assert!(other.stop().success());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &place);
        } else {
            std::fs::copy(path, place).unwrap();
        }
    }
}

/// What the ceremony left, put back when the share has long been used.
fn an_image_from_before_the_first_vote_does_not_vote(victim: &Value, dir: &str) {
    let data = format!("{dir}/data");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    let key: Value = serde_json::from_str(&std::fs::read_to_string(format!("{dir}/node.key.json")).unwrap()).unwrap();
    let key = format!("0x{}", key["public_key"].as_str().unwrap().trim_start_matches("0x"));
    let listed = |checksum: &str| {
        format!(r#"{{"node_key":"{key}","state":{{"fresh":{{"floor":null}}}},"checksum":"{checksum}"}}"#)
    };
    let checksum = blake3::hash(listed("").as_bytes()).to_hex().to_string();
    let lines = [
        "{".into(),
        format!("  \"node_key\": \"{key}\","),
        "  \"state\": {\n    \"fresh\": {\n      \"floor\": null\n    }\n  },".into(),
        format!("  \"checksum\": \"{checksum}\""),
        "}\n".into(),
    ];
    std::fs::write(format!("{data}/votes.json"), lines.join("\n")).unwrap();
    let mut again = start_again(victim);
    assert_eq!(again.text("role"), "validator", "it looks as if it could vote");
    assert_eq!(again.next_line()["role"], "follower", "the others say that they have blocks");
    assert!(std::fs::read_to_string(format!("{data}/votes.json")).unwrap().contains("waiting"));
    assert!(again.stop().success());
}

/// Starts a node of a demo again.
fn start_again(node: &Value) -> Running {
    let command: Vec<&str> = node["command"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let mut again = Command::new(command[0]);
    again.args(&command[1..]).stdin(std::process::Stdio::null());
    Running::start(again)
}

/// Flips in every file of a backup, at its ends and in between.
fn every_flip_is_named(place: &Place, backup: &str) {
    for path in files(&place.at(backup)) {
        let sound = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let last = sound.len() - 1;
        for at in (0..=last).step_by(last / 12 + 1).chain([1, last]) {
            let mut changed = sound.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, changed).unwrap();
            let (code, error) = fail(place.quick(backup));
            assert!(code == 6 && error["message"].as_str().unwrap().contains(name), "byte {at} of {name}: {error}");
            if at % 3 == 0 {
                let (code, error) = fail(place.restore(backup, &place.pruned("flipped")));
                assert!(code == 6 && error["message"].as_str().unwrap().contains(name), "byte {at} of {name}: {error}");
                assert!(!Path::new(&place.at("flipped/data")).join("votes.json").exists());
                let _ = std::fs::remove_dir_all(place.at("flipped"));
            }
        }
        std::fs::write(&path, sound).unwrap();
    }
    succeed(place.quick(backup));
    let other = ["backup".into(), "identity".into(), "--light".into(), "--out".into(), place.at("other.age")];
    succeed(other.into_iter().chain(["--passphrase-file".into(), place.at("passphrase")]));
    let mut wrong = place.quick(backup);
    wrong
        .extend(["--identity", &place.at("other.age"), "--passphrase-file", &place.at("passphrase")].map(String::from));
    assert_eq!(fail(&wrong).1["code"], "backup.key");
}

/// Who has the backup's files alone: reads nothing of them, and what he puts in their place is named and not restored.
#[test]
fn a_thief_reads_nothing_and_a_forgers_network_is_not_restored() {
    let place = Place::new();
    let demo = Running::demo(Path::new(&place.at("demo")), &["--validators", "1"]);
    let url = demo.text("rpc_url");
    succeed(place.backup(&url, "backup"));
    assert!(demo.stop().success());

    // Nothing of the ledger can be read, but for the list's heights and hashes.
    for path in files(&place.at("backup")).iter().filter(|path| !path.ends_with("backup.json")) {
        let sealed = std::fs::read(path).unwrap();
        assert!(sealed.starts_with(b"age-encryption.org/v1\n"), "{}", path.display());
        for words in ["florin/blocks/1", "bank-a", "Demo Euro", "threshold"] {
            assert!(!sealed.windows(words.len()).any(|part| part == words.as_bytes()), "{words}: {}", path.display());
        }
    }
    let list = std::fs::read_to_string(place.at("backup/backup.json")).unwrap();
    assert!(!list.contains("bank-a"), "{list}");
    let other = ["backup", "identity", "--light", "--out", &place.at("thief.age")].map(String::from);
    let passphrase = ["--passphrase-file".into(), place.at("passphrase")];
    succeed(other.into_iter().chain(passphrase.clone()));
    let stolen = ["restore", &place.at("backup"), "--dir", &place.at("stolen")].map(String::from);
    let own_identity = ["--identity".into(), place.at("thief.age")];
    let (code, error) = fail(stolen.iter().cloned().chain(own_identity).chain(passphrase));
    assert_eq!((code, error["code"].as_str()), (3, Some("backup.key")), "{error}");
    fail(&stolen);
    assert!(!Path::new(&place.at("stolen/genesis.json")).exists() && !Path::new(&place.at("stolen/data")).exists());

    // A whole backup of a network that the forger made, for the same recipient, who is public.
    let forged = Place { recipient: place.recipient.clone(), ..Place::new() };
    let network = Running::demo(Path::new(&forged.at("demo")), &["--validators", "1"]);
    succeed(forged.backup(&network.text("rpc_url"), "backup"));
    assert!(network.stop().success());
    let trusting = |dir: &str| {
        let arguments = ["restore", &forged.at("backup"), "--dir", dir].map(String::from);
        arguments.into_iter().chain(place.opening())
    };
    let refused = |arguments: Vec<String>, dir: &str| {
        let (_, error) = fail(arguments);
        assert_eq!(error["code"], "backup.other_network", "{error}");
        assert!(!Path::new(dir).join("data/florin-blocks-key").exists(), "something was restored");
    };
    let dir = place.at("named");
    refused(trusting(&dir).chain(place.genesis()).collect(), &dir);
    // The node's own genesis file says the same.
    let dir = place.at("own");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::copy(place.in_demo("genesis.json"), format!("{dir}/genesis.json")).unwrap();
    refused(trusting(&dir).collect(), &dir);
    // His blocks under this network's genesis and list.
    for path in files(&forged.at("backup")).iter().filter(|path| shown(path).contains("blocks-")) {
        std::fs::copy(path, place.at("backup/").clone() + path.file_name().unwrap().to_str().unwrap()).unwrap();
    }
    let dir = place.at("mixed");
    let (code, error) = fail(place.restore("backup", &dir));
    assert_eq!((code, error["code"].as_str()), (6, Some("backup.damaged")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("blocks-"), "{error}");
}

#[test]
fn a_node_begins_with_a_snapshot_that_was_taken_under_payments() {
    let place = Place::new();
    let demo = Running::demo(Path::new(&place.at("demo")), &["--followers", "1"]);
    let url = demo.text("rpc_url");
    place.pay(&url, "4");
    let mut payments = florin(place.payments(&url)).stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let taken = succeed(place.snapshot(&url, "snapshot"));
    let begins = taken["state_height"].as_u64().unwrap();
    assert!(begins > 1 && height(&taken) >= begins && taken["blocks"] == height(&taken) - begins, "{taken}");
    who_lies_about_the_state_is_not_believed(&place, &url);
    a_state_that_is_dropped_meanwhile_is_begun_anew(&place, &url);
    assert!(payments.wait().unwrap().success());

    // Blocks since are added as to any backup, and a backup stays what it is.
    let paid = place.pay(&url, "2");
    let again = succeed(place.backup(&url, "snapshot"));
    assert_eq!((again["state_height"].as_u64(), height(&again) > height(&taken)), (Some(begins), true), "{again}");
    assert!(height(&again) >= paid["block_number"].as_u64().unwrap());
    succeed(place.backup(&url, "full"));
    assert_eq!(fail(place.snapshot(&url, "full")).1["code"], "snapshot.begun");
    let checked = succeed(place.quick("snapshot").into_iter().chain(place.opening()));
    assert_eq!((&checked["certificates_checked"], checked["state_height"].as_u64()), (&json!(true), Some(begins)));
    let verify = ["backup".into(), "verify".into(), place.at("snapshot")];
    let verified = succeed(verify.into_iter().chain(place.opening()));
    assert_eq!(verified["state_root"], place.block(&url, height(&again))["state_root"]);
    assert_eq!(verified["blocks"], height(&again) - begins, "what lies below the state is not executed");

    every_flip_is_named(&place, "snapshot");
    a_follower_begins_with_it(&place, &demo, &again);
    a_validator_begins_with_it_and_follows_first(&place, &demo);
    assert!(demo.stop().success());
}

/// A part of the state that was changed on the way is never written.
fn who_lies_about_the_state_is_not_believed(place: &Place, url: &str) {
    let lying = liar(url, |call, answer| {
        let Some(Value::String(bytes)) = answer.pointer_mut("/result") else { return };
        if call["method"] == "florin_stateOperations" {
            let at = bytes.len() / 2;
            let changed = if &bytes[at..=at] == "0" { "1" } else { "0" };
            bytes.replace_range(at..=at, changed);
        }
    });
    let (code, error) = fail(place.snapshot(&lying, "lied"));
    assert_eq!((code, error["code"].as_str()), (6, Some("backup.unverified")), "{error}");
    assert!(
        !files(&place.at("lied")).iter().any(|path| shown(path).ends_with(".age") && shown(path).contains("state-"))
    );
}

/// A newer state is taken, but not for ever.
fn a_state_that_is_dropped_meanwhile_is_begun_anew(place: &Place, url: &str) {
    let refusing = |rule: &'static str, refusals: usize| {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        liar(url, move |call, answer| {
            if call["method"] == "florin_stateOperations"
                && asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < refusals
            {
                let error = json!({ "code": -32000, "message": "they are not here", "data": { "code": rule } });
                *answer = json!({ "jsonrpc": "2.0", "id": call["id"], "error": error });
            }
        })
    };
    let dropped = "ledger.operations_pruned";
    assert!(succeed(place.snapshot(&refusing(dropped, 2), "dropped"))["state_height"].as_u64().unwrap() > 0);
    let (code, error) = fail(place.snapshot(&refusing(dropped, usize::MAX), "gone"));
    assert_eq!((code, error["code"].as_str()), (5, Some("snapshot.dropped")), "{error}");
    // What is refused for another reason is told as it is, at once.
    let (_, error) = fail(place.snapshot(&refusing("ledger.starting", 1), "starting"));
    assert!(error["code"] != "snapshot.dropped" && error["message"].as_str().unwrap().contains("not here"), "{error}");
}

/// Takes a node of the demo away, with all that it has stored, and makes it keep the newest blocks only.
fn emptied(place: &Place, node: &Value, name: &str) -> String {
    kill(node["pid"].as_u64().unwrap());
    let dir = place.in_demo(name);
    std::fs::remove_dir_all(format!("{dir}/data")).unwrap();
    let config = std::fs::read_to_string(format!("{dir}/config.toml")).unwrap();
    assert!(config.contains("blocks_kept = 0"), "{config}");
    std::fs::write(format!("{dir}/config.toml"), config.replace("blocks_kept = 0", "blocks_kept = 2000")).unwrap();
    dir
}

fn a_follower_begins_with_it(place: &Place, demo: &Running, taken: &Value) {
    let (url, begins) = (demo.text("rpc_url"), taken["state_height"].as_u64().unwrap());
    // A node that keeps every block has no use for it.
    let (code, error) = fail(place.restore("snapshot", &place.at("full-node")));
    assert_eq!((code, error["code"].as_str()), (3, Some("snapshot.keeps_all")), "{error}");
    let dir = emptied(place, &demo.value["followers"][0], "follower-1");
    let below: Vec<String> = place.restore("snapshot", &dir);
    let below = below.into_iter().chain(["--height".into(), (begins - 1).to_string()]);
    assert_eq!(fail(below).1["code"], "restore.height");
    for after_ms in [40, 80, 160, 320, 640] {
        begin_and_kill(&place.restore("snapshot", &dir), after_ms);
    }
    if !place_is_restored(&dir) {
        let restored = succeed(place.restore("snapshot", &dir));
        assert_eq!((&restored["block_hash"], &restored["state_height"]), (&taken["block_hash"], &json!(begins)));
    }
    // Offline the last block may be missing: it is in the ledger, and a node applies it to the state when it starts.
    let data = succeed(["inspect", "data", "--dir", &dir]);
    assert!([height(taken) - 1, height(taken)].contains(&height(&data)), "{data}");
    assert_eq!(data["oldest_block_height"].as_u64(), Some(begins + 1), "{data}");
    assert_eq!(succeed(["inspect", "verify", "--dir", &dir])["sound"], true);

    let node = start_again(&demo.value["followers"][0]);
    let own = node.text("rpc_url");
    let paid = place.pay(&url, "6")["block_number"].as_u64().unwrap();
    reaches(&own, paid);
    for height in [height(taken) + 1, paid] {
        assert_eq!(place.block(&own, height)["state_root"], place.block(&url, height)["state_root"]);
    }
    for account in demo.value["accounts"].as_array().unwrap() {
        let address = account["address"].as_str().unwrap();
        assert_eq!(place.tokens(&own, address), place.tokens(&url, address));
    }
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x1", false] });
    assert_eq!(common::ask(&own, &call)["error"]["data"]["code"], "ledger.block_pruned");
    assert!(node.stop().success());
}

fn a_validator_begins_with_it_and_follows_first(place: &Place, demo: &Running) {
    let url = demo.text("rpc_url");
    let dir = emptied(place, &demo.value["validators"][3], "validator-4");
    // The state alone, and the blocks since from the others.
    let begins = succeed(place.snapshot(&url, "fresh"))["state_height"].to_string();
    let only: Vec<String> =
        place.restore("fresh", &dir).into_iter().chain(["--height".into(), begins.clone()]).collect();
    a_state_that_is_damaged_in_the_middle_is_begun_anew(place, &dir, &only);
    let number = format!("{:#x}", begins.parse::<u64>().unwrap());
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "florin_blockExtension", "params": [number] });
    let state = common::ask(&url, &call)["result"].clone();
    assert_ne!(state["operationsStart"], "0x0", "something lies below: {state}");
    assert_eq!(succeed(["inspect", "verify", "--dir", &dir])["sound"], true);
    let begun = Instant::now();
    let mut node = start_again(&demo.value["validators"][3]);
    assert_eq!(node.text("role"), "follower", "it does not know what it has voted for");
    assert_eq!(node.next_line()["role"], "validator");
    assert!(begun.elapsed() >= Duration::from_secs(MARGIN_S), "it voted after {:?}", begun.elapsed());
    let own = node.text("rpc_url");
    let paid = place.pay(&url, "1")["block_number"].as_u64().unwrap();
    reaches(&own, paid);
    assert_eq!(place.block(&own, paid)["state_root"], place.block(&url, paid)["state_root"]);
}

/// What was placed by then is of no use: nothing starts on it, and the same command begins anew once the file is sound.
fn a_state_that_is_damaged_in_the_middle_is_begun_anew(place: &Place, dir: &str, restore: &[String]) {
    let state = files(&place.at("fresh")).into_iter().find(|path| shown(path).contains("state-")).unwrap();
    let sound = std::fs::read(&state).unwrap();
    assert!(sound.len() > 66_000, "the damage lies behind the first piece of {} bytes", sound.len());
    let mut changed = sound.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&state, changed).unwrap();
    let (code, error) = fail(restore);
    assert_eq!((code, error["code"].as_str()), (6, Some("backup.damaged")), "{error}");
    assert_eq!(fail(["inspect", "data", "--dir", dir]).1["code"], "restore.unfinished");
    std::fs::write(&state, sound).unwrap();
    assert_eq!(succeed(restore)["blocks"], 0);
}

fn reaches(url: &str, height: u64) {
    wait_for("a payment on the node", || {
        let there = rpc(url, "eth_blockNumber");
        (u64::from_str_radix(there.as_str()?.trim_start_matches("0x"), 16).unwrap() >= height).then_some(())
    });
}

#[test]
fn a_network_that_lost_everything_begins_again_only_when_told_to() {
    let place = Place::new();
    let demo = Running::demo(Path::new(&place.at("demo")), &["--validators", "1"]);
    let url = demo.text("rpc_url");
    place.pay(&url, "5");
    let taken = succeed(place.backup(&url, "backup"));
    let validator = demo.value["validators"][0].clone();
    assert!(demo.stop().success());
    let dir = place.in_demo("validator-1");
    std::fs::rename(format!("{dir}/data"), place.at("lost")).unwrap();

    // Restored, it waits for a quorum that is not there. The data directory is a volume's, and empty as those are.
    std::fs::create_dir_all(format!("{dir}/data/lost+found")).unwrap();
    succeed(place.restore("backup", &dir));
    let node = start_again(&validator);
    assert_eq!(node.text("role"), "follower");
    let before = rpc(&node.text("rpc_url"), "eth_blockNumber");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(rpc(&node.text("rpc_url"), "eth_blockNumber"), before);
    the_doctor_knows_the_way_out(&dir);
    assert!(node.stop().success());

    // Told that the network is lost, it goes on from the block that was agreed on, and from no other.
    std::fs::rename(format!("{dir}/data"), place.at("waited")).unwrap();
    let lost = |hash: &str, height: u64| {
        let told = ["--network-lost".into(), hash.to_string(), "--height".into(), height.to_string()];
        place.restore("backup", &dir).into_iter().chain(told).collect::<Vec<String>>()
    };
    let last = height(&taken);
    let (_, error) = fail(lost(&format!("0x{}", "11".repeat(32)), last));
    assert_eq!(error["code"], "restore.agreed");
    succeed(lost(taken["block_hash"].as_str().unwrap(), last));
    let node = start_again(&validator);
    assert_eq!(node.text("role"), "validator");
    let paid = place.pay(&node.text("rpc_url"), "1");
    assert!(paid["block_number"].as_u64().unwrap() > last);
    assert_eq!(place.block(&node.text("rpc_url"), last)["hash"], taken["block_hash"]);
    assert!(node.stop().success());

    // Even where nothing is left but the genesis block.
    std::fs::rename(format!("{dir}/data"), place.at("again")).unwrap();
    succeed(lost(taken["genesis_hash"].as_str().unwrap(), 0));
    let node = start_again(&validator);
    assert_eq!((node.text("role").as_str(), &node.value["height"]), ("validator", &json!(0)));
    place.pay(&node.text("rpc_url"), "1");
    assert!(node.stop().success());
}

fn the_doctor_knows_the_way_out(dir: &str) {
    let output = florin(["doctor", "--json", "--seconds", "1", "--dir", dir]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let votes = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "votes").unwrap();
    assert_eq!(votes["verdict"], "warning", "{votes}");
    assert!(votes["next"].as_str().unwrap().contains("florin restore --network-lost"), "{votes}");
}
