#![allow(clippy::unwrap_used)]
use super::*;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, Failure> {
    Config::parse(text, "config.toml", variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(parse("", &[]).unwrap(), Config::default());
}

#[test]
fn wrong_files_name_the_field() {
    let cases = [
        ("[rpc]\nlisten = 5", "rpc.listen"),
        ("[rpc]\nport = 5", "port"),
        ("[rcp]\n", "rcp"),
        ("[storage]\nhistory_blocks = -1", "storage.history_blocks"),
        ("[storage]\nhistory_blocks = 0", "storage.history_blocks"),
        ("[history]\nstore = \"mysql\"", "history.store"),
        ("[history]\nstore = \"postgres\"", "history.url_file"),
        ("[log]\nformat = \"xml\"", "log.format"),
        ("[log]\nfilter = \"=,=\"", "log.filter"),
        ("[traces]\nsampled_ratio = 1.5", "traces.sampled_ratio"),
        ("[traces]\notlp_endpoint = \"https://x\"", "traces.otlp_endpoint"),
        ("[monitoring]\naccount_names = [\"bank b\"]", "monitoring.account_names"),
        ("[monitoring]\naccount_names = [\"0x12=bank b\"]", "monitoring.account_names"),
        ("[rpc\n", "config.toml is not TOML"),
        ("passphrase = \"secret\"", "passphrase"),
    ];
    for (text, names) in cases {
        let failure = parse(text, &[]).unwrap_err();
        assert!(failure.message.contains(names), "{:?} does not name {names}", failure.message);
        assert_eq!(failure.exit, crate::failure::Exit::Usage);
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables = [
        ("FLORIN__RPC__LISTEN", "0.0.0.0:1"),
        ("FLORIN__STORAGE__ARCHIVE", "true"),
        ("FLORIN__RPC__CORS_ORIGINS", "https://a, https://b"),
        ("FLORIN__KEYS__PASSPHRASE_FILE", "/run/secrets/florin"),
        ("FLORIN__LOG__FORMAT", "json"),
        ("HOME", "/root"),
        ("FLORIN_PASSPHRASE_FILE", "belongs to the command line"),
    ];
    let config = parse("[rpc]\nlisten = \"127.0.0.1:2\"\n[storage]\nhistory_blocks = 7", &variables).unwrap();
    assert_eq!(config.rpc.listen.to_string(), "0.0.0.0:1");
    assert_eq!(config.storage.history_blocks, 7);
    assert!(config.storage.archive);
    assert_eq!(config.rpc.cors_origins, ["https://a", "https://b"]);
    assert_eq!(config.keys.passphrase_file.as_deref(), Some(Path::new("/run/secrets/florin")));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn variables_that_name_no_field_are_errors() {
    for (variable, value) in [
        ("FLORIN__RPC__LISTN", "127.0.0.1:1"),
        ("FLORIN__RPC", "127.0.0.1:1"),
        ("FLORIN__STORAGE__HISTORY_BLOCKS", "many"),
        ("FLORIN__RPC__LISTEN", "localhost"),
    ] {
        let failure = parse("", &[(variable, value)]).unwrap_err();
        assert_eq!(failure.code, "config.environment");
        assert!(failure.message.contains(variable), "{}", failure.message);
    }
}

#[test]
fn the_reference_names_every_field() {
    let text = reference();
    for (section, values) in toml::Table::try_from(Config::default()).unwrap() {
        assert!(text.contains(&format!("## `[{section}]`")), "{section}");
        for field in values.as_table().unwrap().keys() {
            assert!(text.contains(&format!("| `{field}` |")), "{section}.{field}");
        }
    }
}

#[test]
fn ports_that_others_reach_without_tls_are_known() {
    let ports = |text: &str| {
        let config = parse(text, &[]).unwrap();
        config.plain_public_ports().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    assert!(ports("").is_empty(), "by default nobody else reaches them");
    assert_eq!(
        ports("[rpc]\nlisten = \"0.0.0.0:1\"\n[monitoring]\nlisten = \"[::]:2\"\n"),
        ["rpc.listen", "monitoring.listen"]
    );
    let tls = "tls_certificate = \"a\"\ntls_key = \"b\"\n";
    assert_eq!(
        ports(&format!("[rpc]\nlisten = \"10.0.0.1:1\"\n{tls}[monitoring]\nlisten = \"10.0.0.1:2\"\n")),
        ["monitoring.listen"]
    );
    assert!(ports("[rpc]\nenabled = false\nlisten = \"10.0.0.1:1\"\n").is_empty());
}

#[test]
fn trusted_clients_are_addresses_or_networks_and_certificates_have_keys() {
    let trusted = |text: &str| {
        parse("", &[("FLORIN__RPC__TRUSTED_CLIENTS", text)]).map(|config| config.rpc.trusted_networks().unwrap().len())
    };
    assert_eq!(trusted("10.1.2.3, 10.1.2.0/24,::1,2001:db8::/32").unwrap(), 4);
    assert_eq!(trusted("").unwrap(), 0);
    for wrong in ["10.0.0.0/33", "bank.example", "10.0.0", "*"] {
        assert!(trusted(wrong).unwrap_err().message.contains("rpc.trusted_clients"), "{wrong}");
    }
    for text in ["[rpc]\ntls_key = \"a\"", "[monitoring]\ntls_certificate = \"a\""] {
        assert!(parse(text, &[]).unwrap_err().message.contains("tls_certificate"), "{text}");
    }
}

#[test]
fn contacts_are_keys_with_addresses() {
    let key = |seed| florin_consensus::NodeSecret::from_seed(seed).public_key();
    let known = |text: &str| parse("", &[("FLORIN__NETWORK__CONTACTS", text)]).map(|it| it.network.known().unwrap());
    assert!(known("").unwrap().is_empty());
    let two = known(&format!("{}@bank.example:9000, {}@[::1]:9001", key(1), key(2))).unwrap();
    let named: Vec<_> = two.iter().map(|node| (node.public_key, node.address.as_str())).collect();
    assert_eq!(named, [(key(1), "bank.example:9000"), (key(2), "[::1]:9001")]);
    for wrong in [
        "bank.example:9000".to_string(),
        "0x12@bank.example:9000".into(),
        format!("{}@bank.example", key(1)),
        format!("{}@bank.example:90000", key(1)),
        format!("{0}@a:1,{0}@b:1", key(1)),
        // No point of the curve.
        format!("0x{}@bank.example:9000", "02".repeat(32)),
    ] {
        assert!(known(&wrong).unwrap_err().message.contains("network.contacts"), "{wrong}");
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_files_and_variables_never_panic(text in "[a-z\\[\\]=\" .0-9\n_-]{0,200}", name in "[A-Z_]{0,20}", value in ".{0,20}") {
        let _ = parse(&text, &[(&format!("FLORIN__{name}"), &value)]);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(bytes in crate::damage::near(toml::to_string(&Config::default()).unwrap())) {
        let _ = parse(&String::from_utf8_lossy(&bytes), &[]);
    }
}
