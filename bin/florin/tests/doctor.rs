//! What `florin doctor` says of real networks: healthy, halted, misconfigured; and that rules and dashboards name what nodes
//! really measure.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use common::{Running, florin, signal, text, wait_for};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};
use tempfile::TempDir;

/// Runs the doctor; its exit code must be that of its report.
fn doctor(arguments: &[&str]) -> Value {
    doctor_in(&[], arguments)
}

/// The same, with an environment.
fn doctor_in(environment: &[(&str, &str)], arguments: &[&str]) -> Value {
    let mut command = florin(["doctor", "--json", "--seconds", "1"]);
    let output = command.envs(environment.iter().copied()).args(arguments).output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
    let expected = i32::from(report["verdict"] == "broken");
    assert_eq!(output.status.code(), Some(expected), "{report}\n{stderr}");
    assert_eq!(stderr.contains("doctor.broken"), expected == 1, "{stderr}");
    report
}

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {report}"))
}

/// Codes of what is broken. The disk of the machine that runs the tests is not what they are about.
fn broken(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let codes =
        findings.filter(|finding| finding["verdict"] == "broken").map(|finding| finding["code"].as_str().unwrap());
    codes.filter(|code| *code != "disk").collect()
}

/// What a finding says, with its next step.
fn said(report: &Value, code: &str) -> String {
    let finding = finding(report, code);
    format!("{} | {}", finding["seen"].as_str().unwrap(), finding["next"].as_str().unwrap_or_default())
}

#[test]
fn a_healthy_network_is_well_and_a_halted_one_is_explained() {
    let root = TempDir::new().unwrap();
    let demo = Running::demo(&root.path().join("demo"), &[]);
    let validator = |number: usize, field: &str| demo.value["validators"][number - 1][field].clone();
    let directory = |number| validator(number, "dir").as_str().unwrap().to_string();
    let first = directory(1);

    // Healthy: nothing is broken, on the machine and from afar.
    let healthy = wait_for("a network that is well", || {
        let report = doctor(&["--dir", &first]);
        (broken(&report).is_empty() && finding(&report, "quorum")["verdict"] == "well").then_some(report)
    });
    assert!(said(&healthy, "quorum").contains("4 validators, 3 needed, 4 heard: 1 to spare"), "{healthy}");
    assert!(said(&healthy, "process").contains(&validator(1, "pid").to_string()), "{healthy}");
    assert!(said(&healthy, "genesis").contains("as validator-1"), "{healthy}");
    let url = validator(1, "monitoring_url").as_str().unwrap().to_string();
    let afar = doctor(&["--monitoring", &url]);
    assert_eq!(broken(&afar), [""; 0], "{afar}");
    assert_eq!(finding(&afar, "height")["verdict"], "well", "{afar}");

    // One is killed, another one stopped: its connections stay open, and it is missed all the same.
    signal("-9", validator(2, "pid").as_u64().unwrap());
    signal("-STOP", validator(3, "pid").as_u64().unwrap());
    let halted = wait_for("the missing validators to be named", || {
        let report = doctor(&["--dir", &first]);
        broken(&report).contains(&"height").then_some(report)
    });
    let arithmetic =
        "4 validators, 3 needed, 2 heard: validator-2 and validator-3 are missing; one of them back is enough";
    assert!(said(&halted, "quorum").starts_with(arithmetic), "{halted}");
    let genesis: Value =
        serde_json::from_str(&fs::read_to_string(root.path().join("demo/genesis.json")).unwrap()).unwrap();
    let address = genesis["nodes"][1]["address"].as_str().unwrap();
    assert!(said(&halted, "quorum").contains(&format!("validator-2 ({address})")), "{halted}");
    assert!(said(&halted, "height").contains("2, 3 must sign"), "{halted}");
    assert_eq!(halted["verdict"], "broken");

    // On the silent machines themselves.
    let killed = doctor(&["--dir", &directory(2)]);
    assert_eq!(broken(&killed), ["process", "rpc"], "{killed}");
    assert!(said(&killed, "process").contains("no node runs here"), "{killed}");
    assert_eq!(finding(&killed, "quorum")["verdict"], "could_not_look");
    let stopped = doctor(&["--dir", &directory(3)]);
    assert!(said(&stopped, "process").contains("but its metrics do not answer"), "{stopped}");
    let nobody = doctor(&["--monitoring", "http://127.0.0.1:1"]);
    assert_eq!(broken(&nobody), ["process"], "{nobody}");

    // One back is enough, and then none is to spare.
    signal("-CONT", validator(3, "pid").as_u64().unwrap());
    let back = wait_for("the network to go on", || {
        let report = doctor(&["--dir", &first]);
        (broken(&report).is_empty() && finding(&report, "height")["verdict"] == "well").then_some(report)
    });
    assert_eq!(finding(&back, "quorum")["verdict"], "warning", "{back}");
    assert!(said(&back, "quorum").contains("3 heard: validator-2 is missing, and none to spare"), "{back}");
}

#[test]
fn a_machine_that_is_set_up_wrong_is_told_what_and_where() {
    let root = TempDir::new().unwrap();
    let demo = Running::demo(&root.path().join("demo"), &["--validators", "1"]);
    assert!(demo.stop().success());
    let directory = root.path().join("demo/validator-1");
    let dir = directory.to_str().unwrap();
    let look = || doctor(&["--dir", dir]);
    let mode = |name: &str, mode| fs::set_permissions(directory.join(name), fs::Permissions::from_mode(mode)).unwrap();

    let report = look();
    assert_eq!(broken(&report), ["process", "rpc"], "{report}");
    assert_eq!(finding(&report, "exposed_ports")["verdict"], "well");

    // Whoever can read a key file needs only its passphrase, and who can write to the directory replaces it.
    mode("node.key.json", 0o644);
    let path = directory.join("node.key.json").display().to_string();
    let report = look();
    assert_eq!(finding(&report, "key_files")["verdict"], "broken");
    for words in [format!("{path} has mode 644"), format!("chmod 600 {path}")] {
        assert!(said(&report, "key_files").contains(&words), "{words}: {report}");
    }
    mode("node.key.json", 0o600);
    mode("", 0o777);
    assert!(said(&look(), "key_files").contains("other users may write to"), "{}", look());
    mode("", 0o700);
    assert_eq!(finding(&look(), "key_files")["verdict"], "well");

    // A share that is gone, ports that are open, a field that is wrong, no genesis file.
    fs::rename(directory.join("share.key.json"), directory.join("share.away")).unwrap();
    assert!(said(&look(), "genesis").contains("share.key.json is not there"));
    fs::rename(directory.join("share.away"), directory.join("share.key.json")).unwrap();
    let config = directory.join("config.toml");
    let kept = fs::read_to_string(&config).unwrap();
    fs::write(&config, "[monitoring]\nlisten = \"0.0.0.0:19464\"\n[rpc]\nlisten = \"0.0.0.0:18545\"\n").unwrap();
    let report = look();
    assert_eq!(finding(&report, "exposed_ports")["verdict"], "warning");
    for words in ["monitoring.listen = 0.0.0.0:19464", "rpc.listen = 0.0.0.0:18545"] {
        assert!(said(&report, "exposed_ports").contains(words), "{report}");
        assert!(said(&report, "config").contains(&words.replace("= ", "= \"")), "{report}");
    }
    fs::write(&config, "[rpc]\nport = 5\n").unwrap();
    let report = look();
    assert_eq!(broken(&report), ["config"], "{report}");
    assert!(said(&report, "config").contains("port"), "{report}");
    assert_eq!(finding(&report, "key_files")["verdict"], "could_not_look");
    fs::write(&config, kept).unwrap();
    fs::remove_file(directory.join("genesis.json")).unwrap();
    assert!(said(&look(), "genesis").contains("genesis.json"));

    // Advisories that are given take the place of those in the build.
    let checkout = root.path().join("advisory-db/crates/tokio");
    fs::create_dir_all(&checkout).unwrap();
    let header = "[advisory]\nid = \"RUSTSEC-2999-0001\"\npackage = \"tokio\"\ndate = \"2999-01-01\"\n";
    fs::write(checkout.join("RUSTSEC-2999-0001.md"), format!("```toml\n{header}```\n\n# It forgets\n")).unwrap();
    let database = root.path().join("advisory-db");
    let report = doctor(&["--dir", dir, "--advisories", database.to_str().unwrap()]);
    assert!(said(&report, "build_advisories").contains("It forgets (RUSTSEC-2999-0001)"), "{report}");
    assert!(broken(&report).contains(&"build_advisories"));
}

#[test]
fn files_are_judged_as_the_nodes_user_finds_them() {
    const USER: u32 = 424_242;
    let root = TempDir::new().unwrap();
    let demo = Running::demo(&root.path().join("demo"), &["--validators", "1"]);
    assert!(demo.stop().success());
    let directory = root.path().join("demo/validator-1");
    let data = directory.join("data");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let owner = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    let look = || doctor(&["--dir", directory.to_str().unwrap()]);
    // Root, whom no mode stops, looks after a node that runs as somebody else.
    let is_root = fs::metadata(root.path()).unwrap().uid() == 0;
    if is_root {
        [root.path(), &root.path().join("demo")].into_iter().for_each(|above| mode(above, 0o755));
        let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        files.chain([directory.clone(), root.path().join("demo/passphrase")]).for_each(|path| owner(&path, USER));
    }
    let well = look();
    for code in ["data_directory", "key_files"] {
        assert_eq!(finding(&well, code)["verdict"], "well", "{well}");
    }
    mode(&data, 0o500);
    assert_eq!(finding(&look(), "data_directory")["verdict"], "broken", "{}", look());
    mode(&data, 0o700);
    if is_root {
        owner(&directory.join("node.key.json"), 0);
        let report = look();
        assert_eq!(finding(&report, "key_files")["verdict"], "broken", "{report}");
        let said = said(&report, "key_files");
        assert!(said.contains("user 424242 cannot read") && said.contains("chown 424242"), "{said}");
    }
}

#[test]
fn ports_with_certificates_of_the_banks_own_are_looked_at() {
    let root = TempDir::new().unwrap();
    let demo = Running::demo(&root.path().join("demo"), &["--validators", "1"]);
    assert!(demo.stop().success());
    let at = |name: &str| root.path().join("demo").join(name).display().to_string();
    let (certificate, key) = common::certificate(&at("own.crt"), &at("own.key"));
    let (other, _) = common::certificate(&at("other.crt"), &at("other.key"));
    let tls = [
        ("FLORIN__RPC__TLS_CERTIFICATE", certificate.as_str()),
        ("FLORIN__RPC__TLS_KEY", &key),
        ("FLORIN__MONITORING__TLS_CERTIFICATE", &certificate),
        ("FLORIN__MONITORING__TLS_KEY", &key),
    ];
    let (directory, passphrase) = (at("validator-1"), at("passphrase"));
    let mut command = florin(["node", "--json", "--dir", &directory, "--passphrase-file", &passphrase]);
    command.env("FLORIN__RPC__LISTEN", "127.0.0.1:0").env("FLORIN__MONITORING__LISTEN", "127.0.0.1:0").envs(tls);
    let node = Running::start(command);
    let (rpc, monitoring) = (node.text("rpc_url"), node.text("monitoring_url"));
    let mut environment = tls.to_vec();
    environment.push(("FLORIN__RPC__LISTEN", rpc.trim_start_matches("https://")));
    environment.push(("FLORIN__MONITORING__LISTEN", monitoring.trim_start_matches("https://")));
    let look = |more: &[&str]| doctor_in(&environment, &[&["--dir", &directory], more].concat());

    let trusting = wait_for("a node that is well", || {
        let report = look(&["--tls-roots", &certificate]);
        broken(&report).is_empty().then_some(report)
    });
    for code in ["process", "rpc", "height"] {
        assert_eq!(finding(&trusting, code)["verdict"], "well", "{trusting}");
    }
    // Nobody whom this machine trusts signed it: that says nothing about the ports.
    let untold = look(&[]);
    assert_eq!(broken(&untold), [""; 0], "{untold}");
    for code in ["process", "rpc"] {
        assert_eq!(finding(&untold, code)["verdict"], "could_not_look", "{untold}");
        assert!(said(&untold, code).contains("--tls-roots FILE"), "{untold}");
    }
    // Who names roots means these.
    assert_eq!(broken(&look(&["--tls-roots", &other])), ["process", "rpc"]);
    let afar = ["--monitoring", monitoring.as_str()];
    assert_eq!(finding(&doctor(&afar), "process")["verdict"], "could_not_look");
    let trusting = doctor(&[&afar[..], &["--tls-roots", &certificate]].concat());
    assert_eq!(finding(&trusting, "height")["verdict"], "well", "{trusting}");
    assert!(node.stop().success());
}

/// A gateway's file with these lines in its table `[gateway]`, and the files that it names.
fn gateway_file(root: &Path, settings: &str) -> String {
    let config = format!(
        "currencies = [{{ code = 'EUR', token = 'DEUR' }}]\n\
         tenants = [{{ name = 'bank-a', key_file = 'bank-a.key' }}]\naccounts = []\n[gateway]\n{settings}\n"
    );
    fs::write(root.join("gateway.toml"), config).unwrap();
    root.join("gateway.toml").display().to_string()
}

#[test]
fn a_gateway_is_looked_at_too() {
    let root = TempDir::new().unwrap();
    let demo = Running::demo(&root.path().join("demo"), &["--validators", "1"]);
    let address = demo.text("gateway_url").trim_start_matches("http://").to_string();
    let file = gateway_file(root.path(), &format!("listen = '{address}'"));
    let mode = |name: &str, mode| {
        fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let look = |file: &str| doctor(&["--gateway", file]);

    // A key that is not there, and one that others read.
    assert_eq!(broken(&look(&file)), ["gateway_secrets"], "{}", look(&file));
    fs::write(root.path().join("bank-a.key"), "a key of bank A that nobody else knows").unwrap();
    mode("bank-a.key", 0o640);
    let report = look(&file);
    let key = root.path().join("bank-a.key").display().to_string();
    assert!(said(&report, "gateway_secrets").contains(&format!("chmod 600 {key}")), "{report}");
    mode("bank-a.key", 0o600);
    let report = look(&file);
    assert_eq!(broken(&report), [""; 0], "{report}");
    for code in ["gateway_config", "gateway_secrets", "gateway_database", "gateway_ports", "gateway"] {
        assert_eq!(finding(&report, code)["verdict"], "well", "{report}");
    }
    assert!(report["findings"].as_array().unwrap().iter().all(|one| one["code"] != "height"), "no node was named");

    // A database that others read or write, unless they do not reach it.
    fs::write(root.path().join("gateway.sqlite"), "").unwrap();
    mode("gateway.sqlite", 0o644);
    mode("", 0o700);
    assert_eq!(finding(&look(&file), "gateway_database")["verdict"], "well", "{}", look(&file));
    mode("", 0o755);
    assert_eq!(finding(&look(&file), "gateway_database")["verdict"], "warning", "{}", look(&file));
    mode("gateway.sqlite", 0o666);
    assert_eq!(broken(&look(&file)), ["gateway_database"], "{}", look(&file));
    mode("gateway.sqlite", 0o600);
    assert_eq!(finding(&look(&file), "gateway_database")["verdict"], "well");

    // A port that others reach without TLS, one where nobody answers, and a file that says what nobody knows.
    let port = address.rsplit(':').next().unwrap();
    let open = look(&gateway_file(root.path(), &format!("listen = '0.0.0.0:{port}'")));
    assert_eq!(finding(&open, "gateway_ports")["verdict"], "warning", "{open}");
    assert!(said(&open, "gateway_ports").contains("gateway.listen = 0.0.0.0"), "{open}");
    assert_eq!(broken(&look(&gateway_file(root.path(), "listen = '127.0.0.1:1'"))), ["gateway"]);
    let wrong = look(&gateway_file(root.path(), "port = 5"));
    assert_eq!(broken(&wrong), ["gateway_config"], "{wrong}");
    assert!(said(&wrong, "gateway_config").contains("port"), "{wrong}");
    // With its node.
    let directory = demo.value["validators"][0]["dir"].as_str().unwrap().to_string();
    let both =
        doctor(&["--gateway", &gateway_file(root.path(), &format!("listen = '{address}'")), "--dir", &directory]);
    assert_eq!(finding(&both, "gateway")["verdict"], "well", "{both}");
    assert_eq!(finding(&both, "process")["verdict"], "well", "{both}");
}

/// Names of our metrics in a text, without what Prometheus puts behind them.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character| !is_part(character) && character != ':');
    let ours = words.filter(|word| word.starts_with("florin_") || word.starts_with("runtime_"));
    let bare = |word: &str| {
        let endings = ["_total", "_bucket", "_sum", "_count"];
        endings.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word).to_string()
    };
    ours.map(bare).collect()
}

#[test]
fn rules_and_dashboards_name_what_a_node_measures() {
    let root = TempDir::new().unwrap();
    let data = root.path().join("demo");
    // With its working day: only a ledger with a scheme of settlement has participants.
    let mut demo = Running::start(florin(["demo", "--json", "--rpc-port", "0", "--data", data.to_str().unwrap()]));
    demo.next_line();
    let url = demo.value["validators"][0]["monitoring_url"].as_str().unwrap().to_string();
    let scrape = || {
        let config = florin_client::RpcConfig::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(florin_client::get_text(&format!("{url}/metrics"), &config, &florin_client::Roots::System))
            .unwrap()
    };
    let text = wait_for("what waits in settlement", || Some(scrape()).filter(|text| text.contains("participant=")));
    assert!(text.contains("participant=\"bank-b\""), "the demo names its banks: {text}");
    let measured = metrics_in(&text);

    let monitoring = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring");
    let mut files = vec![monitoring.join("alerts.yml")];
    files.extend(fs::read_dir(monitoring.join("dashboards")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let named = metrics_in(&fs::read_to_string(&file).unwrap());
        assert!(named.len() >= 5, "{} names only {named:?}", file.display());
        let unknown: Vec<_> = named.difference(&measured).collect();
        assert!(unknown.is_empty(), "{} names what no node measures: {unknown:?}", file.display());
    }
}
