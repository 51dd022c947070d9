//! `florin key`: everything secret, always encrypted, never overwritten.
//!
//! Accounts live in a keystore directory, one Web3 Secret Storage file each, by name. A node's key and a validator's
//! threshold share live in the node's directory, in the same envelope.

pub(crate) mod accounts;
pub(crate) mod keystore;
pub(crate) mod mnemonic;
pub(crate) mod network;
pub(crate) mod pkcs11;

use crate::{backup::keys, failure::Failure, output::Output, passphrase::PassphraseSource};
use clap::{Args, Subcommand};
use florin_client::Signer;
use keystore::Cost;
use std::path::PathBuf;

/// Makes and keeps keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin key new treasury                       a new account, encrypted with a passphrase that is asked for
  florin key new treasury --mnemonic            the same from a BIP-39 phrase, shown once
  florin key import ops --mnemonic-file phrase.txt --index 3
  florin key list
  florin key node --dir /var/lib/florin         a node's key; prints its public half
  florin key ceremony --dir /var/lib/florin --network network.toml
  florin key backup --dir /var/lib/florin --out keys.age --recipient age1…
  florin key restore keys.age --dir /var/lib/florin --identity identity.age")]
pub(crate) struct KeyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// A new account.
    New(New),
    /// Takes over an account from a phrase, a private key or another key file.
    Import(Import),
    /// Lists the accounts of a keystore.
    List(Keystore),
    /// Shows an account; its secret only when asked for.
    Show(Show),
    /// Copies key files into one encrypted file, to be kept apart from the backup of the ledger.
    Backup(keys::KeyBackup),
    /// Writes the key files of such a copy to where they belong.
    Restore(keys::KeyRestore),
    /// A new node key in a node's directory.
    Node(network::NodeKey),
    /// Makes the validators' threshold key together with the other validators' machines. No machine ever knows it.
    Ceremony(network::Ceremony),
    /// Makes the validators' threshold key on this machine alone. FOR DEVELOPMENT ONLY.
    Deal(network::Deal),
}

/// Which keystore directory.
#[derive(Clone, Debug, Args)]
pub(crate) struct Keystore {
    /// Directory of account key files. Default: `~/.florin/keystore`.
    #[arg(long = "keystore", value_name = "DIR", env = "FLORIN_KEYSTORE", hide_env_values = true)]
    pub(crate) directory: Option<PathBuf>,
}

/// How costly guessing is made.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CostFlag {
    /// Encrypt with little work: faster, and weak. For development.
    #[arg(long)]
    pub(crate) light: bool,
}

impl CostFlag {
    /// The cost that the flag asks for.
    pub(crate) fn cost(self) -> Cost {
        if self.light { Cost::Light } else { Cost::Standard }
    }
}

#[derive(Debug, Args)]
struct New {
    /// Name of the account: letters, digits, `-`, `_`, `.`
    name: String,
    /// Derive it from a new BIP-39 phrase and show the phrase once. Write it down: it is the backup.
    #[arg(long)]
    mnemonic: bool,
    /// Words of the phrase.
    #[arg(long, default_value_t = 24, requires = "mnemonic")]
    words: usize,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Debug, Args)]
struct Import {
    /// Name of the account: letters, digits, `-`, `_`, `.`
    name: String,
    #[command(flatten)]
    source: ImportSource,
    /// Which account of the phrase: `m/44'/60'/0'/0/INDEX`.
    #[arg(long, default_value_t = 0, requires = "mnemonic_file")]
    index: u32,
    /// File with the passphrase of `--key-file`, where it differs from the new one.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    key_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ImportSource {
    /// File with a BIP-39 phrase (`/dev/stdin` and `/dev/fd/N` work).
    #[arg(long, value_name = "FILE")]
    mnemonic_file: Option<PathBuf>,
    /// File with a private key in hexadecimal.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Key file that geth, cast, ethers or another florin wrote.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Show {
    /// Name of the account, path of its key file, or `pkcs11:token=LABEL;object=LABEL` for one in a device.
    name: String,
    /// Decrypt it and print the private key. Everyone who sees it can spend.
    #[arg(long)]
    private_key: bool,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Runs `florin key`.
pub(crate) fn run(command: KeyCommand, output: Output) -> Result<(), Failure> {
    match command.action {
        Action::New(new) => create(&new, output),
        Action::Import(import) => take_over(&import, output),
        Action::List(keystore) => list(&keystore, output),
        Action::Show(show) => reveal(&show, output),
        Action::Backup(backup) => keys::backup(&backup, output),
        Action::Restore(restore) => keys::restore(&restore, output),
        Action::Node(node) => network::node_key(&node, output),
        Action::Ceremony(ceremony) => network::ceremony(&ceremony, output),
        Action::Deal(deal) => network::deal(&deal, output),
    }
}

fn create(new: &New, output: Output) -> Result<(), Failure> {
    let store = accounts::Store::open(&new.keystore)?;
    store.check_free(&new.name)?;
    let phrase = if new.mnemonic { Some(mnemonic::generate(new.words)?) } else { None };
    let account = match &phrase {
        Some(phrase) => mnemonic::derive(phrase, "", 0)?,
        None => Signer::random(),
    };
    let passphrase = new.passphrase.new_key(&new.name)?;
    let saved = store.save(&new.name, &account, &passphrase, new.cost.cost())?;
    let mut value = serde_json::json!(saved);
    if let Some(phrase) = &phrase {
        value["mnemonic"] = phrase.as_str().into();
    }
    output.show(&value, || {
        let mut text = saved.text();
        if let Some(phrase) = &phrase {
            text.push_str(&format!(
                "\nWrite these words down, in order, and keep them where the key file is not. They are shown this once.\n\n  {}\n",
                phrase.as_str()
            ));
        }
        text
    })
}

fn take_over(import: &Import, output: Output) -> Result<(), Failure> {
    let store = accounts::Store::open(&import.keystore)?;
    store.check_free(&import.name)?;
    let source = &import.source;
    let account = if let Some(path) = &source.mnemonic_file {
        accounts::from_phrase_file(path, import.index)?
    } else if let Some(path) = &source.private_key_file {
        accounts::from_private_key_file(path)?
    } else if let Some(path) = &source.key_file {
        let old = match &import.key_passphrase_file {
            Some(file) => PassphraseSource::file(Some(file.clone())),
            None => import.passphrase.clone(),
        };
        accounts::from_key_file(path, &old)?
    } else {
        return Err(Failure::usage("key.source", "nothing to import was named", "give --mnemonic-file FILE"));
    };
    let passphrase = import.passphrase.new_key(&import.name)?;
    let saved = store.save(&import.name, &account, &passphrase, import.cost.cost())?;
    output.show(&saved, || saved.text())
}

fn list(keystore: &Keystore, output: Output) -> Result<(), Failure> {
    let store = accounts::Store::open(keystore)?;
    let listed = store.list()?;
    output.show(&listed, || {
        if listed.is_empty() {
            return format!("no accounts in {}: make one with `florin key new NAME`", store.directory().display());
        }
        let rows = listed.iter().map(|saved| vec![saved.name.clone(), saved.address.clone()]);
        let heading = vec!["NAME".to_string(), "ADDRESS".to_string()];
        crate::output::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
    })
}

fn reveal(show: &Show, output: Output) -> Result<(), Failure> {
    if show.name.starts_with(pkcs11::SCHEME) {
        return reveal_in_device(show, output);
    }
    let store = accounts::Store::open(&show.keystore)?;
    let saved = store.find(&show.name)?;
    if !show.private_key {
        return output.show(&saved, || saved.text());
    }
    let account = accounts::from_key_file(&saved.path, &show.passphrase)?;
    let secret = accounts::secret_hex(&account)?;
    let mut value = serde_json::json!(saved);
    value["private_key"] = secret.as_str().into();
    output.show(&value, || saved.text() + &format!("private key  {}\n", secret.as_str()))
}

/// The address of an account in a device; there is no secret to show.
fn reveal_in_device(show: &Show, output: Output) -> Result<(), Failure> {
    let account = pkcs11::open(&show.name, &show.passphrase)?;
    if show.private_key {
        accounts::secret(&account)?;
    }
    let address = account.address().to_string();
    let value = serde_json::json!({ "name": show.name, "address": address });
    output.show(&value, || crate::output::fields(&[("name", show.name.clone()), ("address", address.clone())]))
}
