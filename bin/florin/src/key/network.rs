//! Keys of the network: a node's identity, and the validators' threshold key.

use super::CostFlag;
use crate::{
    failure::Failure,
    files::{self, Audience},
    genesis::{NetworkDescription, ThresholdPublic},
    node::{directory::Directory, machine},
    output::{self, Output},
    passphrase::PassphraseSource,
};
use alloy_primitives::B256;
use clap::Args;
use florin_consensus::{
    KeyError,
    ceremony::{self, CeremonyConfig, CeremonyStep},
    deal as deal_threshold,
};
use florin_types::{GenesisNode, NodeRole};
use std::{path::PathBuf, time::Duration};

/// Arguments of `florin key node`.
#[derive(Debug, Args)]
pub(crate) struct NodeKey {
    /// The node's directory; made if it does not exist.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Arguments of `florin key deal`.
#[derive(Debug, Args)]
pub(crate) struct Deal {
    /// Says that you know: this machine sees every share, so whoever controls it can forge finality.
    #[arg(long, required = true)]
    development: bool,
    /// Description of the network that names the validators (TOML).
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// Where the public result is written.
    #[arg(long, value_name = "FILE")]
    threshold: PathBuf,
    /// The validators' directories, each with its node key.
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Arguments of `florin key ceremony`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every validator runs this at the same time, each on its own machine, with the same description of the network. Nobody
ever holds the whole key. When it ends, each machine has its share (encrypted) and the same threshold.json, from which
`florin genesis new` makes the genesis file. A machine that stops may start again and goes on where it was.")]
pub(crate) struct Ceremony {
    /// This validator's directory, with its node key.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Description of the network that names the validators (TOML), the same on every machine.
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// How long to wait for the others, and then for the result, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout_s: u64,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// How long to stay for the others after this machine has its share.
const CEREMONY_LINGER: Duration = Duration::from_secs(30);

/// Makes the threshold key together with the other validators.
pub(crate) fn ceremony(arguments: &Ceremony, output: Output) -> Result<(), Failure> {
    let directory = Directory::open(&arguments.dir)?;
    let threshold_path = directory.root().join("threshold.json");
    for path in [directory.share_path(), threshold_path.clone()] {
        if path.exists() {
            return Err(Failure::writing(&path, &std::io::ErrorKind::AlreadyExists.into()));
        }
    }
    let _lock = directory.lock()?;
    let description = NetworkDescription::read(&arguments.network)?;
    let participants: Vec<GenesisNode> =
        description.nodes.into_iter().filter(|node| node.role == NodeRole::Validator).collect();
    let passphrase = directory.passphrase_source(&arguments.passphrase).existing("the node key")?;
    let secret = directory.node_secret(&passphrase)?;
    let validators = participants.iter().map(|node| node.public_key).collect();
    let config = CeremonyConfig {
        network: crate::node::listening(&directory, &participants, &secret.public_key())?,
        secret,
        participants,
        timeout: Duration::from_secs(arguments.timeout_s),
        linger: CEREMONY_LINGER,
    };
    let storage = directory.root().join("ceremony");
    files::make_directory(&storage)?;
    let outcome = machine::run(storage, 2, |context| async move {
        ceremony::run(context, config, Box::new(|step| show_step(&step))).await.map_err(|error| {
            Failure::unavailable("ceremony.failed", error, "every validator starts it again, with the same description")
        })
    })?;
    directory.save_share(&outcome.share, &passphrase, arguments.cost.cost())?;
    let public =
        ThresholdPublic { threshold_public: outcome.threshold_public, validators, dealt_for_development: false };
    files::write_new(&threshold_path, public.to_text()?.as_bytes(), Audience::Everyone)?;
    output.show(&public, || {
        let fields = output::fields(&[
            ("share", format!("{} (encrypted, yours alone: back it up)", directory.share_path().display())),
            ("public result", format!("{} (the same on every machine)", threshold_path.display())),
        ]);
        format!(
            "{fields}\nCompare threshold.json with the others, then make the genesis file with `florin genesis new`.\n"
        )
    })
}

#[expect(clippy::print_stderr, reason = "progress goes to standard error")]
fn show_step(step: &CeremonyStep) {
    match step {
        CeremonyStep::Connecting { missing } => eprintln!("waiting for {}", missing.join(", ")),
        CeremonyStep::Dealing => eprintln!("all are here; making the key"),
        CeremonyStep::Finishing { missing } if missing.is_empty() => eprintln!("everyone has a share"),
        CeremonyStep::Finishing { missing } => eprintln!("the share is here; waiting for {}", missing.join(", ")),
    }
}

/// A new node key in a directory.
pub(crate) fn node_key(arguments: &NodeKey, output: Output) -> Result<(), Failure> {
    files::make_directory(&arguments.dir)?;
    files::check_closed(&arguments.dir)?;
    let directory = Directory::open(&arguments.dir)?;
    if directory.node_key_path().exists() {
        return Err(Failure::writing(&directory.node_key_path(), &std::io::ErrorKind::AlreadyExists.into()));
    }
    let passphrase = directory.passphrase_source(&arguments.passphrase).new_key("the node key")?;
    let secret = directory.create_node_key(&passphrase, arguments.cost.cost())?;
    let value = serde_json::json!({ "public_key": secret.public_key(), "path": directory.node_key_path() });
    output.show(&value, || {
        let fields = output::fields(&[
            ("public key", secret.public_key().to_string()),
            ("key file", directory.node_key_path().display().to_string()),
        ]);
        format!("{fields}\nGive the public key to the others, for network.toml.\n")
    })
}

/// Deals a threshold key on this machine.
pub(crate) fn deal(arguments: &Deal, output: Output) -> Result<(), Failure> {
    let validators = validators(&NetworkDescription::read(&arguments.network)?);
    let directories = arguments.directories.iter().map(|path| Directory::open(path)).collect::<Result<Vec<_>, _>>()?;
    let dealing = deal_threshold(&validators).map_err(key_failure)?;
    let mut holders = Vec::new();
    for (node, share) in &dealing.shares {
        let mut holder = None;
        for directory in &directories {
            if directory.node_public_key()? == *node {
                holder = Some(directory);
            }
        }
        let holder = holder.ok_or_else(|| {
            let message = format!("none of the directories holds the key of validator {node}");
            Failure::input("deal.directory", message, "name the directory of every validator of the description")
        })?;
        holders.push((holder, share));
    }
    for (holder, share) in holders {
        let passphrase = holder.passphrase_source(&arguments.passphrase).new_key("the threshold share")?;
        holder.save_share(share, &passphrase, arguments.cost.cost())?;
    }
    let public = ThresholdPublic {
        threshold_public: dealing.threshold_public,
        validators: validators.iter().copied().collect(),
        dealt_for_development: true,
    };
    files::write_new(&arguments.threshold, public.to_text()?.as_bytes(), Audience::Everyone)?;
    output.show(&public, || {
        format!(
            "DEALT FOR DEVELOPMENT: this machine has seen every share and could forge finality.\n\
             Never put value on a network with this key; hold `florin key ceremony` instead.\n\n\
             public result  {}\nvalidators     {}\n",
            arguments.threshold.display(),
            validators.len()
        )
    })
}

fn validators(description: &NetworkDescription) -> Vec<B256> {
    let is_validator = |role| role == NodeRole::Validator;
    description.nodes.iter().filter(|node| is_validator(node.role)).map(|node| node.public_key).collect()
}

/// What is wrong with a key, for people.
pub(crate) fn key_failure(error: KeyError) -> Failure {
    Failure::input("key.committee", error, "compare the genesis file, the description and the key files")
}
