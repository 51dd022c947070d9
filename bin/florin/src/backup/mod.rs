//! `florin backup` and `florin restore`: the ledger on another disk, and back.
//!
//! **Purpose.** What a network has decided survives the loss of machines: final blocks with their certificates, encrypted, each
//! run adding only what is new; shown to be whole without the network; and made into a node's data again, at any height.
//!
//! **What is kept.** Blocks and certificates. Everything else (receipts, state, proofs, index) follows from them by execution,
//! which a restore does, so that it never trusts more than the network's key. A *snapshot* is a backup that begins with the
//! state at a block, proven by that block's certificate, instead of with the first block.
//!
//! **Failures.** Damage has exit code 6 and names the file. Nothing that does not verify is written, restored or served.
//! Specification: `specs/backup.md`.

mod blocks;
pub(crate) mod keys;
mod manifest;
mod place;
mod read;
mod restore;
mod snapshot;
mod state;
mod take;
#[cfg(test)]
mod tests;

use crate::{
    envelope::{Identity, Key, Lock, Recipient, seal_bytes},
    failure::Failure,
    files::{self, Audience},
    key::CostFlag,
    network::NetworkArguments,
    output::{self, Output},
    passphrase::PassphraseSource,
    progress::Progress,
};
use alloy_primitives::B256;
use clap::{Args, Subcommand};
use florin_types::Height;
use manifest::Store;
use restore::{Replayed, Source};
use serde_json::json;
use std::path::PathBuf;

/// Copies the ledger of a running node to a directory.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  florin backup identity --out identity.age     once: what opens the backups, encrypted; keep it elsewhere
  florin backup --to /backup/florin --recipient age1… --genesis genesis.json
                                                from the node on this machine; run it again and it adds what is new
  florin backup --to /snapshots/1122 --snapshot --recipient age1… --genesis genesis.json
                                                the state as it is now instead of every block: a new node begins with it
  florin backup verify /backup/florin --quick   lengths and hashes, no key needed
  florin backup verify /backup/florin --identity identity.age
                                                executes everything in a scratch directory and compares the state

Keys are no part of it: `florin key backup`. Back: `florin restore`."
)]
pub(crate) struct BackupCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// The backup's directory; made if it does not exist.
    #[arg(long, value_name = "DIR", required = true)]
    to: Option<PathBuf>,
    /// Who can open it: `age1…`, public. May be given several times; always the same for one directory.
    #[arg(long = "recipient", value_name = "AGE")]
    recipients: Vec<String>,
    /// Begin a new backup with the state at the newest block instead of with genesis: a snapshot, small and quickly restored, for
    /// nodes that need not keep every block. Later runs add the blocks since.
    #[arg(long)]
    snapshot: bool,
    #[command(flatten)]
    network: NetworkArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Checks a backup: restores it in a scratch directory and compares the state root.
    Verify(Verify),
    /// Makes the secret that opens backups, encrypted with a passphrase, and prints its public half.
    Identity(NewIdentity),
}

#[derive(Debug, Args)]
struct Verify {
    /// The backup's directory.
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Execute nothing: compare lengths and hashes, and with --identity also the order of blocks, every certificate and, of a
    /// snapshot, every part of the state.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    opening: Opening,
    /// Where the scratch directory is made; it grows as large as a node's data. Default: the system's temporary directory.
    #[arg(long, value_name = "DIR", conflicts_with = "quick")]
    scratch: Option<PathBuf>,
    /// The network's genesis file: the backup must be of this network.
    #[arg(long, value_name = "FILE", env = "FLORIN_GENESIS", hide_env_values = true)]
    genesis: Option<PathBuf>,
}

/// What opens a backup.
#[derive(Clone, Debug, Args)]
pub(crate) struct Opening {
    /// File of the identity that opens it: made by `florin backup identity`, or by `age-keygen`.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseSource,
}

#[derive(Debug, Args)]
struct NewIdentity {
    /// The file to be written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Makes a node's data from a backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin restore /backup/florin --dir /var/lib/florin --identity identity.age
  florin restore /backup/florin --dir look --height 120000 --identity identity.age
                                                the ledger as it was at that height, to look at with `florin inspect --dir`

A snapshot (`florin backup --snapshot`) begins with a state: it is placed, and only the blocks above it are executed. It is for a
node that need not keep every block: set storage.blocks_kept in DIR/config.toml before.

A restored validator follows until it is certain that it votes for nothing a second time, then it votes by itself.
When all validators are lost no quorum is left to wait for. Then the operators of a quorum agree on one block, and all restore
it with --network-lost HASH: docs/backup.md says what that means.")]
pub(crate) struct RestoreCommand {
    /// The backup's directory.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The node's directory; it must hold no data.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Last height to restore. Default: all of the backup.
    #[arg(long)]
    height: Option<Height>,
    #[command(flatten)]
    opening: Opening,
    /// The network's genesis file: the backup must be of this network.
    #[arg(long, value_name = "FILE", env = "FLORIN_GENESIS", hide_env_values = true)]
    genesis: Option<PathBuf>,
    /// ALL VALIDATORS ARE LOST, and the operators of a quorum have agreed that the block with this hash is the last one. What came
    /// after it is given up. Never while a validator with later votes still runs.
    #[arg(long, value_name = "HASH")]
    network_lost: Option<B256>,
}

/// Runs `florin backup`.
pub(crate) fn run(command: BackupCommand, output: Output) -> Result<(), Failure> {
    match command.action {
        Some(Action::Verify(verify)) => check(&verify, output),
        Some(Action::Identity(new)) => new_identity(&new, output),
        None => back_up(&command, output),
    }
}

fn back_up(command: &BackupCommand, output: Output) -> Result<(), Failure> {
    let Some(to) = &command.to else {
        return Err(Failure::usage("backup.to", "a directory is needed", "give --to DIR"));
    };
    let recipients = recipients(&command.recipients)?;
    let taken = crate::remote::block_on(async {
        let network = command.network.open().await?;
        take::take(&network, to, (&recipients, command.snapshot), &Progress::new(output)).await
    })?;
    output.show(&taken, || {
        output::fields(&[
            ("begins with", beginning(taken.state_height)),
            ("height", taken.height.to_string()),
            ("block hash", taken.block_hash.to_string()),
            ("added", format!("{} blocks", taken.blocks)),
            ("backup", format!("{} files, {} bytes", taken.files, taken.bytes)),
        ])
    })
}

/// What stands at the lower end, in words.
fn beginning(state_height: Option<Height>) -> String {
    state_height.map_or_else(|| "genesis".into(), |height| format!("the state after block {height}"))
}

/// Reads recipients from the command line.
pub(crate) fn recipients(texts: &[String]) -> Result<Vec<Recipient>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|error| {
            Failure::usage("backup.recipient", format_args!("{text:?}: {error}"), "`florin backup identity` prints one")
        })
    };
    texts.iter().map(parse).collect()
}

fn new_identity(new: &NewIdentity, output: Output) -> Result<(), Failure> {
    let identity = Identity::generate();
    let passphrase = new.passphrase.new_key("the identity that opens backups")?;
    let sealed = seal_bytes(&Lock::Passphrase(passphrase, new.cost.cost()), identity.to_text().as_bytes());
    let sealed = sealed.map_err(|error| Failure::input("backup.seal", error, "try again"))?;
    files::write_new(&new.out, &sealed, Audience::Owner)?;
    let recipient = identity.recipient().to_string();
    output.show(&json!({ "recipient": recipient, "path": new.out }), || {
        let fields = output::fields(&[("recipient", recipient.clone()), ("identity", new.out.display().to_string())]);
        format!("{fields}\nGive the recipient to `florin backup`. Keep the identity and its passphrase away from the backups.\n")
    })
}

impl Opening {
    /// The key, where an identity was named.
    pub(crate) fn key(&self) -> Result<Option<Key>, Failure> {
        self.identity.as_ref().map(|path| keys::read_identity(path, &self.passphrase).map(Key::Identity)).transpose()
    }

    fn required(&self) -> Result<Key, Failure> {
        self.key()?.ok_or_else(|| {
            Failure::usage(
                "backup.identity",
                "an identity is needed to open a backup",
                "give --identity FILE; only `florin backup verify DIR --quick` goes without",
            )
        })
    }
}

fn check(verify: &Verify, output: Output) -> Result<(), Failure> {
    let progress = Progress::new(output);
    if !verify.quick {
        let source = Source::open(&verify.backup, verify.opening.required()?, verify.genesis.as_deref())?;
        let replayed = restore::verify(&source, verify.scratch.as_deref(), &progress)?;
        drop(progress);
        return show(
            &replayed,
            "the backup is whole, and gives the state that its last certified header commits to",
            output,
        );
    }
    let store = Store::at(&verify.backup);
    let manifest = store.existing()?;
    let files = manifest.files.len() as u64;
    for (done, entry) in (0..).zip(&manifest.files) {
        progress.show("files", done, files);
        store.check(entry)?;
    }
    let key = verify.opening.key()?;
    let certified = key.is_some();
    if let Some(key) = key {
        Source::open(&verify.backup, key, verify.genesis.as_deref())?.check(&progress)?;
    }
    drop(progress);
    let value = json!({
        "chain_id": manifest.chain_id, "genesis_hash": manifest.genesis_hash,
        "state_height": snapshot::height(&manifest), "height": manifest.height(), "block_hash": manifest.block_hash, "files": files, "bytes": manifest.bytes(), "certificates_checked": certified,
    });
    output.show(&value, || {
        let what = match (certified, manifest.state()) {
            (true, None) => "every file is as it was written; every block and certificate verifies; nothing was executed",
            (true, Some(_)) => {
                "every file is as it was written; every part of the state, block and certificate verifies; nothing was executed"
            }
            (false, _) => "every file is as it was written; nothing was opened",
        };
        let fields = output::fields(&[
            ("network", format!("{} (genesis {})", manifest.network, manifest.genesis_hash)),
            ("begins with", beginning(snapshot::height(&manifest))),
            ("height", manifest.height().to_string()),
            ("block hash", manifest.block_hash.to_string()),
        ]);
        format!("{what}\n{fields}")
    })
}

fn show(replayed: &Replayed, what: &str, output: Output) -> Result<(), Failure> {
    output.show(replayed, || {
        let fields = output::fields(&[
            ("genesis", replayed.genesis_hash.to_string()),
            ("begins with", beginning(replayed.state_height)),
            ("height", replayed.height.to_string()),
            ("block hash", replayed.block_hash.to_string()),
            ("state root", replayed.state_root.to_string()),
            ("executed", format!("{} blocks in {:.1} s", replayed.blocks, replayed.seconds)),
        ]);
        format!("{what}\n{fields}")
    })
}

/// Runs `florin restore`.
pub(crate) fn run_restore(command: &RestoreCommand, output: Output) -> Result<(), Failure> {
    let progress = Progress::new(output);
    let source = Source::open(&command.backup, command.opening.required()?, command.genesis.as_deref())?;
    let replayed = restore::restore(&source, &command.dir, command.height, command.network_lost, &progress)?;
    drop(progress);
    show(&replayed, "restored; start it with `florin node --dir`", output)
}
