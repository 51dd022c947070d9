//! `florin genesis`: from a description that people agree on to the file that all nodes start from.
//!
//! The description (`network.toml`) is shared by the institutions before there is a network. It names the nodes, so the
//! ceremony reads it too. The genesis file is the description, the threshold key, and nothing else: whoever has both
//! makes the same file, byte for byte.

use crate::{
    failure::Failure,
    files::{self, Audience},
    key::network::key_failure,
    output::{self, Output},
};
use alloy_primitives::{Address, B256, Bytes};
use clap::{Args, Subcommand};
use florin_consensus::Committee;
use florin_types::{
    Access, Block, Genesis, GenesisAccount, GenesisGovernance, GenesisNode, GenesisPolicy, GenesisToken, NodeRole,
    Rules, RulesSchedule,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
    path::{Path, PathBuf},
};

/// Makes, checks and shows genesis files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin genesis new --network network.toml --threshold node/threshold.json --out genesis.json
  florin genesis validate genesis.json
  florin genesis show genesis.json --json")]
pub(crate) struct GenesisCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a genesis file from the description of a network and the validators' threshold key.
    New {
        /// Description of the network (TOML); docs/network.toml is one, with comments.
        #[arg(long, value_name = "FILE")]
        network: PathBuf,
        /// Public result of the ceremony, `threshold.json`.
        #[arg(long, value_name = "FILE")]
        threshold: PathBuf,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks everything that can be checked before the first start.
    Validate {
        /// A genesis file.
        file: PathBuf,
    },
    /// Shows what a genesis file says, with the hash of the first block.
    Show {
        /// A genesis file.
        file: PathBuf,
    },
}

/// The description of a network, as people write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkDescription {
    chain_id: u64,
    network: String,
    timestamp_ms: u64,
    permission_admin: Address,
    #[serde(default)]
    epoch_blocks: Option<NonZeroU64>,
    #[serde(default)]
    transact: Access,
    #[serde(default)]
    deploy: Access,
    #[serde(default)]
    connect: Access,
    /// Only what differs from the default rules.
    #[serde(default)]
    rules: toml::Table,
    /// Nodes: the ceremony reads them too.
    pub(crate) nodes: Vec<GenesisNode>,
    #[serde(default)]
    transactors: BTreeSet<Address>,
    #[serde(default)]
    deployers: BTreeSet<Address>,
    #[serde(default)]
    accounts: BTreeMap<Address, GenesisAccount>,
    #[serde(default)]
    policies: Vec<GenesisPolicy>,
    #[serde(default)]
    tokens: Vec<GenesisToken>,
    #[serde(default)]
    governance: Option<GenesisGovernance>,
}

/// Public result of a ceremony or a dealer: `threshold.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThresholdPublic {
    /// Encoded public polynomial.
    pub(crate) threshold_public: Bytes,
    /// Node keys of the validators that hold the shares.
    pub(crate) validators: BTreeSet<B256>,
    /// Whether one machine knows every share.
    pub(crate) dealt_for_development: bool,
}

impl ThresholdPublic {
    /// Reads `threshold.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&files::read_text(path)?).map_err(|error| {
            let message = format!("{} is not the result of a ceremony: {error}", path.display());
            Failure::input("threshold.format", message, "give the threshold.json that `florin key ceremony` wrote")
        })
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| {
            Failure::input("threshold.format", error, "report this: the result of the ceremony could not be written")
        })
    }
}

impl NetworkDescription {
    /// Reads a description; errors name the field.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&files::read_text(path)?, &path.display().to_string())
    }

    fn parse(text: &str, name: &str) -> Result<Self, Failure> {
        let wrong = |message: String| {
            Failure::input("network.format", message, "docs/network.toml is a whole description, with comments")
        };
        let value = toml::Deserializer::parse(text).map_err(|error| wrong(format!("{name} is not TOML: {error}")))?;
        let description: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.into_inner());
            wrong(format!("{name}, field {path}: {}", reason.message()))
        })?;
        // The ceremony dials these addresses, long before there is a genesis file to check.
        for (index, node) in description.nodes.iter().enumerate() {
            node.check_address().map_err(|rule| wrong(format!("{name}, field nodes[{index}].address: {rule}")))?;
        }
        Ok(description)
    }

    fn rules(&self) -> Result<Rules, Failure> {
        let wrong = |message: String| {
            Failure::input("network.rules", message, "docs/network.toml is a whole description, with comments")
        };
        let mut table = toml::Table::try_from(Rules::default()).map_err(|error| wrong(error.to_string()))?;
        for (name, value) in &self.rules {
            table.insert(name.clone(), value.clone());
        }
        serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.into_inner());
            wrong(format!("rules.{path}: {}", reason.message()))
        })
    }

    /// The genesis file.
    pub(crate) fn into_genesis(self, threshold: ThresholdPublic) -> Result<Genesis, Failure> {
        let rules = RulesSchedule::constant(self.rules()?).map_err(|error| {
            Failure::input("network.rules", error, "change [rules] in the description of the network")
        })?;
        let genesis = Genesis {
            chain_id: self.chain_id,
            network: self.network,
            timestamp_ms: self.timestamp_ms,
            rules,
            threshold_public: threshold.threshold_public,
            dealt_for_development: threshold.dealt_for_development,
            epoch_blocks: self.epoch_blocks,
            nodes: self.nodes,
            permission_admin: self.permission_admin,
            transact: self.transact,
            deploy: self.deploy,
            connect: self.connect,
            transactors: self.transactors,
            deployers: self.deployers,
            accounts: self.accounts,
            policies: self.policies,
            tokens: self.tokens,
            governance: self.governance,
        };
        check(&genesis)?;
        let validators: BTreeSet<B256> = genesis.validators().map(|node| node.public_key).collect();
        if validators != threshold.validators {
            return Err(Failure::input(
                "genesis.committee",
                "the validators of the description are not those that held the ceremony",
                "repeat the ceremony with the nodes of this description",
            ));
        }
        Ok(genesis)
    }
}

/// Runs `florin genesis`.
pub(crate) fn run(command: GenesisCommand, output: Output) -> Result<(), Failure> {
    match command.action {
        Action::New { network, threshold, out } => {
            let description = NetworkDescription::read(&network)?;
            let genesis = description.into_genesis(ThresholdPublic::read(&threshold)?)?;
            let text = genesis.to_json().map_err(refused)? + "\n";
            files::write_new(&out, text.as_bytes(), Audience::Everyone)?;
            show(&genesis, output)
        }
        Action::Validate { file } => {
            let genesis = read(&file)?;
            let value = serde_json::json!({ "valid": true, "network": genesis.network, "chain_id": genesis.chain_id });
            output.show(&value, || format!("{} is valid: network {}", file.display(), genesis.network))
        }
        Action::Show { file } => show(&read(&file)?, output),
    }
}

/// Reads a genesis file and checks all that can be checked without a network.
pub(crate) fn read(path: &Path) -> Result<Genesis, Failure> {
    let genesis = Genesis::from_json(&files::read_text(path)?)
        .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..refused(&error) })?;
    check(&genesis)?;
    Ok(genesis)
}

fn check(genesis: &Genesis) -> Result<(), Failure> {
    genesis.validate().map_err(refused)?;
    Committee::from_genesis(genesis).map_err(key_failure)?;
    florin_execution::genesis_state(genesis).map_err(refused)?;
    Ok(())
}

/// Block 0 of a genesis file: its hash names the network.
pub(crate) fn block(genesis: &Genesis) -> Result<Block, Failure> {
    let state = florin_execution::genesis_state(genesis).map_err(refused)?;
    let (state_root, target) = florin_state::genesis_commitment(&state).map_err(refused)?;
    florin_execution::genesis_block(genesis, state_root, target).map_err(refused)
}

/// What is wrong with a genesis file, for people.
pub(crate) fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::input(
        "genesis.invalid",
        error,
        "correct the description and make the file again; never edit a running network's file",
    )
}

fn show(genesis: &Genesis, output: Output) -> Result<(), Failure> {
    let committee = Committee::from_genesis(genesis).map_err(key_failure)?;
    let hash = block(genesis)?.hash();
    let value = serde_json::json!({
        "network": genesis.network,
        "chain_id": genesis.chain_id,
        "genesis_hash": hash,
        "timestamp_ms": genesis.timestamp_ms,
        "validators": genesis.validators().count(),
        "quorum": committee.quorum(),
        "nodes": genesis.nodes,
        "accounts": genesis.accounts.len(),
        "governance": genesis.governance,
        "tokens": genesis.tokens.iter().map(|token| token.currency.symbol()).collect::<Vec<_>>(),
        "dealt_for_development": genesis.dealt_for_development,
    });
    output.show(&value, || text(genesis, &committee, hash))
}

fn text(genesis: &Genesis, committee: &Committee, hash: B256) -> String {
    let tokens: Vec<_> = genesis.tokens.iter().map(|token| token.currency.symbol()).collect();
    let validators = genesis.validators().count();
    let mut text = output::fields(&[
        ("network", genesis.network.clone()),
        ("chain id", genesis.chain_id.to_string()),
        ("genesis hash", hash.to_string()),
        ("first block", format!("{} ms since 1970", genesis.timestamp_ms)),
        ("validators", format!("{validators}, {} of them make a block final", committee.quorum())),
        ("tokens", tokens.join(", ")),
        ("accounts", genesis.accounts.len().to_string()),
        ("governance", governance(genesis)),
    ]);
    let heading = ["NODE", "ROLE", "ADDRESS", "PUBLIC KEY"].map(String::from).to_vec();
    let rows = genesis.nodes.iter().map(|node| {
        let role = if node.role == NodeRole::Validator { "validator" } else { "follower" };
        vec![node.name.clone(), role.into(), node.address.clone(), node.public_key.to_string()]
    });
    text.push('\n');
    text.push_str(&output::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()));
    if genesis.dealt_for_development {
        text.push_str("\nThe threshold key was DEALT FOR DEVELOPMENT: one machine knew every share.\n");
    }
    text
}

/// Who decides about the network, in a line.
fn governance(genesis: &Genesis) -> String {
    genesis.governance.as_ref().map_or("none: the administrators decide alone".into(), |section| {
        let (seats, guardians) = (section.seats.len(), section.guardians.len());
        let weight = section.seats.iter().fold(0u128, |sum, seat| sum.saturating_add(seat.weight.into()));
        format!("{seats} seats of weight {weight} together, {guardians} guardians")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EXAMPLE: &str = include_str!("../../../docs/network.toml");

    #[test]
    fn the_example_has_every_rule_at_its_default() {
        let example = NetworkDescription::parse(EXAMPLE, "docs/network.toml").unwrap();
        assert_eq!(example.rules, toml::Table::try_from(Rules::default()).unwrap());
    }

    fn threshold() -> ThresholdPublic {
        let dealing = florin_consensus::deal_from_seed(1, &[B256::repeat_byte(1)]);
        let (threshold_public, dealt_for_development) = (dealing.unwrap().threshold_public, true);
        ThresholdPublic { threshold_public, validators: BTreeSet::new(), dealt_for_development }
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_description_is_read_or_refused(bytes in crate::damage::near(EXAMPLE)) {
            if let Ok(description) = NetworkDescription::parse(&String::from_utf8_lossy(&bytes), "network.toml") {
                // Its validators held no ceremony, which is looked at last.
                proptest::prop_assert!(description.into_genesis(threshold()).is_err());
            }
        }

        #[test]
        fn a_damaged_result_of_a_ceremony_is_read_or_refused(bytes in crate::damage::near(threshold().to_text().unwrap())) {
            if let Ok(read) = ThresholdPublic::parse(&String::from_utf8_lossy(&bytes)) {
                proptest::prop_assert_eq!(ThresholdPublic::parse(&read.to_text().unwrap()).unwrap(), read);
            }
        }
    }
}
