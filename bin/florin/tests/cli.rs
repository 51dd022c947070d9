//! The command line as people and scripts meet it: keys, genesis files, configuration, failures.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use common::{fail, file, florin, run, secret, succeed, text};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const PHRASE: &str = "test test test test test test test test test test test junk";
const FIRST_ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const FIRST_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

struct Keys {
    directory: TempDir,
    passphrase: String,
}

impl Keys {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let passphrase = secret(&directory, "passphrase", "correct horse battery\n").display().to_string();
        Self { directory, passphrase }
    }

    fn store(&self) -> String {
        self.directory.path().join("keystore").display().to_string()
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<String> {
        let own = ["--keystore", &self.store(), "--passphrase-file", &self.passphrase].map(String::from);
        arguments.iter().map(|argument| (*argument).to_string()).chain(own).collect()
    }
}

#[test]
fn help_explains_and_mistakes_are_usage_failures() {
    let help = run(["help"]);
    assert!(help.status.success() && text(&help.stdout).contains("florin demo"));
    for name in ["demo", "node", "genesis", "key", "pay", "inspect", "bench"] {
        let help = run([name, "--help"]);
        assert!(text(&help.stdout).contains("Examples:") && help.status.success(), "{name}");
    }
    assert_eq!(run(["dmeo"]).status.code(), Some(2));
    let (code, error) = fail(["dmeo"]);
    assert_eq!((code, error["code"].as_str()), (2, Some("usage")));
}

#[test]
fn an_imported_phrase_gives_the_account_of_every_wallet_and_no_secret_is_shown() {
    let keys = Keys::new();
    let phrase = secret(&keys.directory, "phrase", PHRASE).display().to_string();
    let made = succeed(keys.with(&["key", "import", "first", "--light", "--mnemonic-file", &phrase]));
    assert_eq!(made["address"], FIRST_ADDRESS);
    let path = made["path"].as_str().unwrap();
    let stored = std::fs::read_to_string(path).unwrap();
    assert!(!stored.contains(FIRST_KEY) && stored.contains(&FIRST_ADDRESS[2..].to_lowercase()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = text(&florin(keys.with(&["key", "show", "first"])).output().unwrap().stdout);
    assert!(shown.contains(FIRST_ADDRESS) && !shown.contains(FIRST_KEY));
    let asked = succeed(keys.with(&["key", "show", "first", "--private-key"]));
    assert_eq!(asked["private_key"], format!("0x{FIRST_KEY}"));
}

#[test]
fn a_key_file_is_never_overwritten_and_a_wrong_passphrase_is_named() {
    let keys = Keys::new();
    let made = succeed(keys.with(&["key", "new", "ops", "--light"]));
    let before = std::fs::read(made["path"].as_str().unwrap()).unwrap();
    let (code, error) = fail(keys.with(&["key", "new", "ops", "--light"]));
    assert_eq!((code, error["code"].as_str()), (3, Some("file.exists")));
    assert_eq!(std::fs::read(made["path"].as_str().unwrap()).unwrap(), before);

    let wrong = secret(&keys.directory, "wrong", "another passphrase").display().to_string();
    let store = keys.store();
    let arguments = ["key", "show", "ops", "--private-key", "--keystore", &store, "--passphrase-file", &wrong];
    assert_eq!(fail(arguments).1["code"], "keystore.passphrase");
    let short = secret(&keys.directory, "short", "short").display().to_string();
    let arguments = ["key", "new", "other", "--keystore", &store, "--passphrase-file", &short];
    assert_eq!(fail(arguments).1["code"], "passphrase.short");
    // No terminal, no file: it must not wait for ever.
    assert_eq!(fail(["key", "new", "other", "--keystore", &store]).1["code"], "passphrase.absent");
    assert_eq!(fail(keys.with(&["key", "new", "../escape", "--light"])).1["code"], "key.name");
    assert_eq!(succeed(["key", "list", "--keystore", &store]).as_array().unwrap().len(), 1);
}

#[test]
fn a_new_phrase_leads_back_to_its_account() {
    let keys = Keys::new();
    let made = succeed(keys.with(&["key", "new", "wallet", "--light", "--mnemonic", "--words", "12"]));
    let phrase = secret(&keys.directory, "phrase", made["mnemonic"].as_str().unwrap()).display().to_string();
    let again = succeed(keys.with(&["key", "import", "again", "--light", "--mnemonic-file", &phrase]));
    assert_eq!(again["address"], made["address"]);
    let other = succeed(keys.with(&["key", "import", "other", "--light", "--mnemonic-file", &phrase, "--index", "1"]));
    assert_ne!(other["address"], made["address"]);
}

/// Directories of four validators with their keys, and the description of their network.
fn described_network(keys: &Keys) -> (Vec<String>, String) {
    let root = keys.directory.path();
    let mut description = format!(
        "network = \"Test\"\nchain_id = 4242\ntimestamp_ms = 1700000000000\npermission_admin = \"{FIRST_ADDRESS}\"\n\
         transact = \"open\"\n[rules]\nheartbeat_ms = 1500\n"
    );
    let mut directories = Vec::new();
    for number in 1..=4 {
        let directory = root.join(format!("node-{number}")).display().to_string();
        let arguments = ["key", "node", "--light", "--dir", &directory, "--passphrase-file", &keys.passphrase];
        let public_key = succeed(arguments)["public_key"].as_str().unwrap().to_string();
        description.push_str(&format!(
            "[[nodes]]\nname = \"Bank {number}\"\npublic_key = \"{public_key}\"\n\
             address = \"127.0.0.1:{}\"\nrole = \"validator\"\n",
            30_300 + number
        ));
        directories.push(directory);
    }
    description.push_str(&format!(
        "[[tokens]]\nname = \"Digital Euro\"\ncurrency = {{ symbol = \"DEUR\", digits = 2 }}\n\
         roles = {{ admin = [\"{FIRST_ADDRESS}\"] }}\nbalances = {{ \"{FIRST_ADDRESS}\" = 100 }}\n"
    ));
    let network = file(&keys.directory, "network.toml", &description).display().to_string();
    (directories, network)
}

#[test]
fn a_description_and_a_dealt_key_make_a_genesis_file() {
    let keys = Keys::new();
    let (directories, network) = described_network(&keys);
    let at = |name: &str| keys.directory.path().join(name).display().to_string();
    let (threshold, genesis) = (at("threshold.json"), at("genesis.json"));
    let mut deal = vec!["key", "deal", "--light", "--network", &network, "--threshold", &threshold];
    deal.extend(["--passphrase-file", &keys.passphrase]);
    deal.extend(directories.iter().map(String::as_str));
    assert_eq!(fail(deal.clone()).0, 2, "a dealer must be asked for by name");
    deal.push("--development");
    assert_eq!(succeed(deal)["dealt_for_development"], true);

    let make = ["genesis", "new", "--network", &network, "--threshold", &threshold, "--out", &genesis];
    let made = succeed(make);
    assert_eq!((made["validators"].as_u64(), made["quorum"].as_u64()), (Some(4), Some(3)));
    assert_eq!(fail(make).1["code"], "file.exists");
    assert_eq!(succeed(["genesis", "validate", &genesis])["valid"], true);
    assert_eq!(succeed(["genesis", "show", &genesis])["genesis_hash"], made["genesis_hash"]);

    let text = std::fs::read_to_string(&genesis).unwrap();
    let cases = [
        (text.replace("\"heartbeat_ms\": 1500", "\"heartbeat_ms\": 0"), "heartbeat_ms"),
        (text.replace("\"chain_id\"", "\"chain\""), "chain"),
        (text.replace("\"Bank 4\"", "4"), "genesis"),
        (text.replace("127.0.0.1:30304", "bank-four.example"), "nodes[3].address"),
        ("{".into(), "genesis"),
    ];
    for (index, (changed, names)) in cases.into_iter().enumerate() {
        let path = file(&keys.directory, &format!("wrong-{index}.json"), &changed).display().to_string();
        let (code, error) = fail(["genesis", "validate", &path]);
        assert_eq!(code, 3);
        assert!(error["message"].as_str().unwrap().contains(names), "{error}");
    }
}

#[test]
fn the_documented_description_makes_a_genesis_file_and_names_every_field() {
    let keys = Keys::new();
    let (directories, _) = described_network(&keys);
    // Its node keys are examples: the ceremony needs nodes that exist.
    let example = include_str!("../../../docs/network.toml");
    let mut description: toml::Table = example.parse().unwrap();
    for (node, directory) in description["nodes"].as_array_mut().unwrap().iter_mut().zip(&directories) {
        let key: Value = serde_json::from_str(&read(directory, "node.key.json")).unwrap();
        node["public_key"] = toml::Value::String(key["public_key"].as_str().unwrap().into());
    }
    let network = file(&keys.directory, "network.toml", &description.to_string()).display().to_string();
    let at = |name: &str| keys.directory.path().join(name).display().to_string();
    let (threshold, genesis) = (at("threshold.json"), at("genesis.json"));
    let deal = ["key", "deal", "--light", "--development", "--network", &network, "--threshold", &threshold];
    let more = ["--passphrase-file", &keys.passphrase];
    succeed(deal.into_iter().chain(more).chain(directories.iter().map(String::as_str)));
    let made = succeed(["genesis", "new", "--network", &network, "--threshold", &threshold, "--out", &genesis]);
    assert_eq!((made["tokens"][0].as_str(), made["accounts"].as_u64()), (Some("XEUR"), Some(1)));

    let genesis: Value = serde_json::from_str(&read(&at(""), "genesis.json")).unwrap();
    let example = serde_json::to_value(example.parse::<toml::Table>().unwrap()).unwrap();
    let from_elsewhere = ["threshold_public", "dealt_for_development"];
    let sections = ["", "/tokens/0", "/nodes/0", "/governance", "/governance/seats/0", "/governance/parameters"];
    for path in sections {
        let made = genesis.pointer(path).unwrap();
        let described = example.pointer(path).unwrap();
        for name in made.as_object().unwrap().keys().filter(|name| !from_elsewhere.contains(&name.as_str())) {
            assert!(described.get(name).is_some(), "docs/network.toml does not show {path}/{name}");
        }
    }
}

fn read(directory: &str, name: &str) -> String {
    std::fs::read_to_string(Path::new(directory).join(name)).unwrap()
}

#[test]
fn descriptions_name_their_wrong_field() {
    let keys = Keys::new();
    let threshold = file(
        &keys.directory,
        "threshold.json",
        r#"{"threshold_public":"0x","validators":[],"dealt_for_development":true}"#,
    );
    let portless = format!(
        "network = \"Test\"\nchain_id = 1\ntimestamp_ms = 1\npermission_admin = \"{FIRST_ADDRESS}\"\n[[nodes]]\n\
         name = \"four\"\npublic_key = \"0x{}\"\naddress = \"bank-four.example\"\nrole = \"validator\"\n",
        "11".repeat(32)
    );
    let cases = [("chain_id = \"one\"", "chain_id"), ("", "chain_id"), ("chian_id = 1", "chian_id")];
    for (text, names) in cases.into_iter().chain([(portless.as_str(), "nodes[0].address")]) {
        let network = file(&keys.directory, "network.toml", text);
        let out = keys.directory.path().join("genesis.json");
        let arguments = [Path::new("genesis"), Path::new("new"), Path::new("--network"), &network];
        let more = [Path::new("--threshold"), &threshold, Path::new("--out"), &out];
        let (code, error) = fail(arguments.into_iter().chain(more));
        assert_eq!(code, 3);
        assert!(error["message"].as_str().unwrap().contains(names), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn a_node_refuses_wrong_settings_before_it_touches_anything() {
    let keys = Keys::new();
    let directory = keys.directory.path().display().to_string();
    let node = |variables: &[(&str, &str)]| {
        let mut command = florin(["node", "--dir", &directory, "--json"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let config = |text: &str| file(&keys.directory, "config.toml", text);
    config("[rpc]\nlisten = \"nowhere\"\n");
    let (code, stderr) = node(&[]);
    assert!(code == 2 && stderr.contains("rpc.listen"), "{code} {stderr}");
    config("");
    let (code, stderr) = node(&[("FLORIN__RPC__LISTN", "127.0.0.1:1")]);
    assert!(code == 2 && stderr.contains("FLORIN__RPC__LISTN"), "{code} {stderr}");
    let (code, stderr) = node(&[]);
    assert!(code == 3 && stderr.contains("genesis.json"), "{code} {stderr}");
    assert!(!keys.directory.path().join("data").exists());
    assert_eq!(fail(["node", "--dir", "/does/not/exist"]).1["code"], "node.directory");
}

#[test]
fn payments_without_trust_or_node_say_what_is_missing() {
    let keys = Keys::new();
    succeed(keys.with(&["key", "new", "payer", "--light"]));
    let pay = |to: &str, more: &[&str]| {
        let mut arguments = vec!["pay", "--from", "payer", "--to", to, "--amount", "1", "--token", "DEUR"];
        arguments.extend(more);
        fail(keys.with(&arguments))
    };
    assert_eq!(pay(FIRST_ADDRESS, &[]).1["code"], "network.genesis");
    assert_eq!(pay("0x12", &[]).1["code"], "address");
    assert_eq!(pay("nobody", &[]).1["code"], "key.unknown");
    let (code, error) = fail(["inspect", "block", "latest", "--rpc", "http://127.0.0.1:1"]);
    assert_eq!(code, 5);
    assert!(error["message"].as_str().unwrap().contains("127.0.0.1:1"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_directory_that_exists_keeps_its_permissions() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let keys = Keys::new();
    let root = keys.directory.path().join("shared");
    let mode = || fs::metadata(&root).unwrap().permissions().mode() & 0o777;
    let open = |mode| fs::set_permissions(&root, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(&root).unwrap();
    fs::write(root.join("minutes.txt"), "theirs").unwrap();
    open(0o755);
    let at = root.display().to_string();

    assert_eq!(fail(["demo", "--data", &at]).1["code"], "demo.data");
    assert_eq!((mode(), fs::read_dir(&root).unwrap().count()), (0o755, 1), "a directory that was refused was touched");
    succeed(keys.with(&["key", "new", "ops", "--light"]).into_iter().map(|part| part.replace(&keys.store(), &at)));
    succeed(["key", "node", "--light", "--dir", &at, "--passphrase-file", &keys.passphrase]);
    assert_eq!(mode(), 0o755);
    open(0o775);
    let (code, error) = fail(["key", "node", "--light", "--dir", &at, "--passphrase-file", &keys.passphrase]);
    assert_eq!((code, error["code"].as_str()), (3, Some("directory.writable")));
    assert_eq!(mode(), 0o775);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let keys = Keys::new();
    let open = |path: &str, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let phrase = secret(&keys.directory, "phrase", PHRASE).display().to_string();
    let hex = secret(&keys.directory, "hex", FIRST_KEY).display().to_string();
    let long = secret(&keys.directory, "long", &"long ".repeat(1_000)).display().to_string();
    let sources = [("--mnemonic-file", &phrase), ("--private-key-file", &hex)];
    for mode in [0o640, 0o604, 0o644] {
        for (option, path) in sources {
            open(path, mode);
            let (code, error) = fail(keys.with(&["key", "import", "first", "--light", option, path]));
            assert_eq!((code, error["code"].as_str()), (3, Some("file.readable")), "{mode:o}");
            open(path, 0o400);
        }
        open(&keys.passphrase, mode);
        let (code, error) = fail(keys.with(&["key", "new", "ops", "--light"]));
        assert_eq!((code, error["code"].as_str()), (3, Some("file.readable")), "{mode:o}");
        assert!(error["next"].as_str().unwrap().contains("chmod 600"), "{error}");
        open(&keys.passphrase, 0o600);
    }
    assert_eq!(fail(keys.with(&["key", "import", "first", "--mnemonic-file", &long])).1["code"], "file.large");
    succeed(keys.with(&["key", "import", "first", "--light", "--private-key-file", &hex]));

    // A descriptor is the caller's decision, whatever file is behind it.
    open(&phrase, 0o644);
    let mut import = florin(keys.with(&["key", "import", "again", "--light", "--mnemonic-file", "/dev/stdin"]));
    assert!(import.stdin(fs::File::open(&phrase).unwrap()).output().unwrap().status.success());
}
