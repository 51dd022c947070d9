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
    ceremony::{self, CeremonyConfig, CeremonyError, CeremonyStep},
    deal as deal_threshold,
};
use florin_types::{GenesisNode, NodeRole};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

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
`florin genesis new` makes the genesis file. A machine that stops while the others go on may start again and goes on
where it was. If it stopped after the others had finished, all begin anew: docs/operate.md says what to move away.")]
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
    files::check_closed(directory.root())?;
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
    let network = crate::node::listening(&directory, &participants, &secret.public_key())?;
    crate::node::check_free(network.listen)?;
    let timeout = Duration::from_secs(arguments.timeout_s);
    let config = CeremonyConfig { network, secret, participants, timeout, linger: CEREMONY_LINGER };
    let storage = directory.root().join("ceremony");
    files::make_directory(&storage)?;
    let outcome = machine::run(storage.clone(), 2, |context| async move {
        ceremony::run(context, config, Box::new(|step| show_step(&step))).await.map_err(ceremony_failure)
    })?;
    directory.save_share(&outcome.share, &passphrase, arguments.cost.cost())?;
    let public =
        ThresholdPublic { threshold_public: outcome.threshold_public, validators, dealt_for_development: false };
    files::write_new(&threshold_path, public.to_text()?.as_bytes(), Audience::Everyone)?;
    forget(&storage)?;
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

/// Removes what the ceremony remembered (its seed, what was dealt, a second copy of the share): share and public result
/// are on the disk, so nothing needs it any more.
fn forget(storage: &Path) -> Result<(), Failure> {
    std::fs::remove_dir_all(storage).map_err(|error| {
        Failure::input(
            "ceremony.leftover",
            format_args!("the key is made, but {} with secrets of it cannot be removed: {error}", storage.display()),
            "remove it yourself; share.key.json and threshold.json are complete",
        )
    })
}

/// Why there is no key, and what each error leaves to do: most begin anew, and then nothing of the old one may be left.
fn ceremony_failure(error: CeremonyError) -> Failure {
    let anew = "on every machine move DIR/ceremony away (and share.key.json and threshold.json where they were made), \
                then start it again on all of them";
    let failed = |next: &str| Failure::unavailable("ceremony.failed", &error, next);
    match &error {
        CeremonyError::Key(error) => key_failure(error.clone()),
        CeremonyError::Peers(_) | CeremonyError::Outsider { .. } => {
            Failure::input("ceremony.description", &error, "correct the description on every machine, and start again")
        }
        CeremonyError::Missing { .. } => failed("every validator starts it again, with the same description"),
        CeremonyError::Unfinished { .. } | CeremonyError::Failed | CeremonyError::Revealed { .. } => failed(anew),
        CeremonyError::Storage(_) => failed("check the disk and the rights to DIR/ceremony, and start it again"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn a_ceremony_that_must_begin_anew_says_what_to_move_away() {
        let nodes = || vec!["one".to_string()];
        let anew = [
            CeremonyError::Unfinished { seconds: 1 },
            CeremonyError::Failed,
            CeremonyError::Revealed { nodes: nodes() },
        ];
        for error in anew {
            let failure = ceremony_failure(error);
            assert!(failure.next.contains("DIR/ceremony") && failure.exit == Exit::Unavailable, "{failure}");
        }
        let missing = ceremony_failure(CeremonyError::Missing { seconds: 1, missing: nodes() });
        assert!(!missing.next.contains("DIR/ceremony"), "nothing was dealt yet: {missing}");
        assert_eq!(ceremony_failure(CeremonyError::Outsider { node: B256::ZERO }).exit, Exit::Input);
        assert_eq!(ceremony_failure(CeremonyError::Key(KeyError::Committee { found: 0 })).exit, Exit::Input);
    }
}
