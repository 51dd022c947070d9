//! Accounts in a device: SoftHSM, which keeps keys as hardware does and speaks the same PKCS#11.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use common::{Running, florin, secret, text};
use serde_json::Value;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

const PIN: &str = "a PIN of the test";

/// A token of its own for a test.
struct Token {
    directory: TempDir,
    library: PathBuf,
}

impl Token {
    fn new() -> Self {
        let places = [
            "/usr/lib/softhsm",
            "/usr/lib/x86_64-linux-gnu/softhsm",
            "/usr/lib/aarch64-linux-gnu/softhsm",
            "/usr/local/lib/softhsm",
            "/opt/homebrew/lib/softhsm",
        ];
        let library = places.iter().map(|place| Path::new(place).join("libsofthsm2.so")).find(|path| path.exists());
        let library = library.expect("SoftHSM is needed: install the package softhsm2");
        let token = Self { directory: TempDir::new().unwrap(), library };
        std::fs::create_dir(token.directory.path().join("tokens")).unwrap();
        let place = token.directory.path().join("tokens").display().to_string();
        common::file(
            &token.directory,
            "softhsm2.conf",
            &format!("directories.tokendir = {place}\nobjectstore.backend = file\n"),
        );
        token.softhsm(&["--init-token", "--free", "--label", "Bank A", "--so-pin", "of the officer", "--pin", PIN]);
        token
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("softhsm2.conf")
    }

    fn softhsm(&self, arguments: &[&str]) {
        let output =
            Command::new("softhsm2-util").env("SOFTHSM2_CONF", self.config()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }

    /// Puts a key into the device, from where it does not come out again.
    fn import(&self, label: &str, id: &str, pem: &[u8]) {
        let file = self.directory.path().join(format!("{label}.pem"));
        std::fs::write(&file, pem).unwrap();
        let path = file.display().to_string();
        self.softhsm(&["--import", &path, "--token", "Bank A", "--label", label, "--id", id, "--pin", PIN]);
        std::fs::remove_file(file).unwrap();
    }

    fn uri(&self, object: &str) -> String {
        format!("pkcs11:token=Bank%20A;object={object}?module-path={}", self.library.display())
    }

    /// Runs the program where it finds the token.
    fn run(&self, arguments: &[&str]) -> Result<Value, Value> {
        let output = florin(arguments).arg("--json").env("SOFTHSM2_CONF", self.config()).output().unwrap();
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).unwrap());
        }
        let said = text(&output.stderr);
        Err(serde_json::from_str::<Value>(said.lines().last().unwrap()).unwrap()["error"].clone())
    }
}

/// Runs openssl over bytes.
fn openssl(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("openssl");
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// A private key of 32 bytes on a curve as PKCS#8 in PEM.
fn pem(private_key: &str, curve: &str) -> Vec<u8> {
    let digits = private_key.trim_start_matches("0x");
    // SEC 1: a sequence of version, key and curve.
    let length = format!("{:02x}", 3 + 34 + 2 + curve.len() / 2);
    let sec1 = format!("30{length}0201010420{digits}a0{:02x}{curve}", curve.len() / 2);
    let with_public = openssl(&["ec", "-inform", "DER"], &hex::decode(sec1).unwrap()).stdout;
    openssl(&["pkcs8", "-topk8", "-nocrypt"], &with_public).stdout
}

const SECP256K1: &str = "06052b8104000a";
const P256: &str = "06082a8648ce3d030107";

#[test]
fn a_payment_is_signed_by_a_device_that_keeps_the_key() {
    let token = Token::new();
    let demo = Running::demo(&token.directory.path().join("demo"), &["--validators", "1"]);
    let bank = demo.value["accounts"].as_array().unwrap().iter().find(|account| account["name"] == "bank-a").unwrap();
    token.import("treasury", "01", &pem(bank["private_key"].as_str().unwrap(), SECP256K1));
    let pin = secret(&token.directory, "pin", &format!("{PIN}\n")).display().to_string();
    let at = |name: &str| token.directory.path().join("demo").join(name).display().to_string();
    let (uri, genesis, rpc, keystore) =
        (token.uri("treasury"), at("genesis.json"), demo.text("rpc_url"), at("keystore"));

    let shown = token.run(&["key", "show", &uri, "--passphrase-file", &pin]).unwrap();
    assert_eq!(shown["address"].as_str().unwrap().to_lowercase(), bank["address"].as_str().unwrap().to_lowercase());
    let kept = token.run(&["key", "show", &uri, "--private-key", "--passphrase-file", &pin]).unwrap_err();
    assert_eq!(kept["code"], "key.device");

    let pay =
        ["pay", "--from", &uri, "--to", "bank-b", "--amount", "12.50", "--token", "DEUR", "--keystore", &keystore];
    let trust = ["--genesis", &genesis, "--rpc", &rpc, "--passphrase-file", &pin];
    // Several: each signature has another nonce, and one in two another parity.
    for _ in 0..4 {
        let paid = token.run(&[&pay[..], &trust].concat()).unwrap();
        assert_eq!(
            (&paid["status"], &paid["verified"], &paid["from"]),
            (&"final".into(), &true.into(), &shown["address"].as_str().unwrap().to_lowercase().into())
        );
    }
    assert!(demo.stop().success());
}

#[test]
fn what_a_device_cannot_give_is_named() {
    let token = Token::new();
    token.import("treasury", "01", &pem(&"07".repeat(32), SECP256K1));
    token.import("other-curve", "02", &pem(&"07".repeat(32), P256));
    token.import("twice", "03", &pem(&"08".repeat(32), SECP256K1));
    token.import("twice", "04", &pem(&"09".repeat(32), SECP256K1));
    let pin = secret(&token.directory, "pin", PIN).display().to_string();
    let wrong_pin = secret(&token.directory, "wrong-pin", "another PIN").display().to_string();
    let show = |uri: &str, pin: &str| token.run(&["key", "show", uri, "--passphrase-file", pin]);
    show(&token.uri("treasury"), &pin).unwrap();
    let code = |uri: &str, pin: &str| show(uri, pin).unwrap_err()["code"].as_str().unwrap().to_string();
    assert_eq!(code(&token.uri("treasury"), &wrong_pin), "pkcs11.pin");
    for object in ["nothing", "other-curve", "twice"] {
        assert_eq!(code(&token.uri(object), &pin), "pkcs11.object", "{object}");
    }
    assert_eq!(code(&token.uri("treasury").replace("Bank%20A", "Bank%20B"), &pin), "pkcs11.token");
    assert_eq!(code("pkcs11:token=a;object=b?module-path=/does/not/exist.so", &pin), "pkcs11.module");
    assert_eq!(code("pkcs11:token=a;object=b", &pin), "pkcs11.module");
    assert_eq!(code("pkcs11:token=a", &pin), "pkcs11.uri");
    let said = show(&token.uri("treasury"), &wrong_pin).unwrap_err().to_string();
    assert!(!said.contains("another PIN"), "{said}");
}
