//! The genesis file: everything that all nodes of one network must agree on before the first block.

use crate::{Currency, RulesSchedule};
use alloy_primitives::{Address, B256, Bytes, U256};
use core::{net::SocketAddr, num::NonZeroU64};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most nodes that a genesis file may name.
pub const GENESIS_NODES_MAX: usize = 128;
/// Longest epoch, in blocks: at a block a second a committee could be changed once in a month.
pub const EPOCH_BLOCKS_MAX: u64 = 1 << 20;
/// Shortest epoch, in blocks.
pub const EPOCH_BLOCKS_MIN: u64 = 16;
/// Blocks of an epoch for each validator: in the second half all of them must have led a few blocks.
pub const EPOCH_BLOCKS_PER_VALIDATOR: u64 = 6;

/// Blocks that an epoch of so many validators has at least.
pub fn epoch_blocks_min(validators: u64) -> u64 {
    validators.saturating_mul(EPOCH_BLOCKS_PER_VALIDATOR).max(EPOCH_BLOCKS_MIN)
}

/// Longest host name, and longest part of one between points. Source: RFC 1035.
const HOST_CHARS_MAX: usize = 253;
const HOST_LABEL_CHARS_MAX: usize = 63;

/// Why a genesis file cannot start a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON of the expected form.
    #[error("the genesis file is not valid: {0}")]
    Json(String),
    /// A field breaks a rule.
    #[error("genesis field {field}: {rule}")]
    Field {
        /// Path of the field.
        field: String,
        /// The rule, with the values.
        rule: String,
    },
}

/// What a node is to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Votes on blocks.
    Validator,
    /// Follows finalised blocks, serves RPC and forwards transactions.
    Follower,
}

/// A node that the network knows from its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisNode {
    /// Name for people: an institution.
    pub name: String,
    /// Node key: ed25519 public key, also its identity on the network.
    pub public_key: B256,
    /// Where it listens for other nodes: `host:port`.
    pub address: String,
    /// What it is to the network.
    pub role: NodeRole,
}

impl GenesisNode {
    /// Whether others can dial the address: an IP address or a host name (RFC 1123), and a port. The error is the rule.
    pub fn check_address(&self) -> Result<(), String> {
        let address = &self.address;
        let wrong = |reason: &str| Err(format!("{address:?} {reason}: write host:port, such as bank.example:30300"));
        let Some((host, port)) = address.rsplit_once(':') else { return wrong("has no port") };
        match port.parse::<u16>() {
            Ok(0) | Err(_) => return wrong("has no port between 1 and 65535"),
            Ok(_) => {}
        }
        let is_label = |label: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let length = (1..=HOST_LABEL_CHARS_MAX).contains(&label.len());
            length && label.chars().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_name = host.len() <= HOST_CHARS_MAX && host.split('.').all(is_label);
        if is_name || address.parse::<SocketAddr>().is_ok() {
            return Ok(());
        }
        wrong("names no host")
    }
}

/// Who may do a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everyone.
    Open,
    /// Those on the list.
    #[default]
    Listed,
    /// Those who hold the role.
    Role,
}

/// An account at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Native units (wei).
    #[serde(default)]
    pub balance: U256,
    /// Nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Code, for a contract that exists from the start.
    #[serde(default, skip_serializing_if = "code_is_absent")]
    pub code: Bytes,
    /// Storage of that contract.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<U256, U256>,
}

fn code_is_absent(code: &Bytes) -> bool {
    code.as_ref().is_empty()
}

/// Who holds which role over a token. Several addresses may share a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenesisTokenRoles {
    /// Grants and revokes roles, sets cap and policy.
    pub admin: Vec<Address>,
    /// Mints and burns.
    pub issuer: Vec<Address>,
    /// Pauses and resumes the whole token.
    pub pauser: Vec<Address>,
    /// Freezes and thaws single holders.
    pub freezer: Vec<Address>,
}

/// A token (currency) that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisToken {
    /// Name for people, such as "Digital Euro".
    pub name: String,
    /// Symbol and digits; the symbol is ERC-20's, the digits are its decimals.
    pub currency: Currency,
    /// Most minor units that may ever exist at once; absent for no cap.
    #[serde(default)]
    pub supply_cap_minor: Option<u128>,
    /// Policy that every movement must satisfy: index into the genesis policies; absent for none.
    #[serde(default)]
    pub policy: Option<u64>,
    /// Roles.
    pub roles: GenesisTokenRoles,
    /// Balances at the start, in minor units.
    #[serde(default)]
    pub balances: BTreeMap<Address, u128>,
}

/// A policy that exists from the start: a list of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum GenesisPolicy {
    /// Only those on the list.
    Allow {
        /// May change the list.
        admin: Address,
        /// The list.
        members: BTreeSet<Address>,
    },
    /// Everyone but those on the list.
    Deny {
        /// May change the list.
        admin: Address,
        /// The list.
        members: BTreeSet<Address>,
    },
}

/// An account that votes on what the network does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisSeat {
    /// Who votes: a key or a contract.
    pub account: Address,
    /// Name for people: an institution.
    pub name: String,
    /// Weight of its vote.
    pub weight: u64,
}

/// What a decision of the network needs, and how long it takes. Bounds: specs/governance.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GovernanceParameters {
    /// Part of the whole weight that must be cast for a proposal or abstain, in hundredths of a percent.
    pub quorum_basis_points: u16,
    /// Part of the weight cast for and against that must be for.
    pub threshold_basis_points: u16,
    /// Part of the whole weight that stops an accepted proposal.
    pub veto_basis_points: u16,
    /// Guardians that together pause a module; zero where there are none.
    pub guardian_quorum: u8,
    /// How long a proposal is voted on, unless it is decided before.
    pub voting_period_ms: u64,
    /// From acceptance until it may be executed.
    pub delay_ms: u64,
    /// How long it may be executed then.
    pub execution_window_ms: u64,
    /// How long guardians pause a module.
    pub emergency_pause_ms: u64,
}

impl Default for GovernanceParameters {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        Self {
            quorum_basis_points: 5_000,
            threshold_basis_points: 6_667,
            veto_basis_points: 3_334,
            guardian_quorum: 0,
            voting_period_ms: 3 * DAY_MS,
            delay_ms: DAY_MS,
            execution_window_ms: 14 * DAY_MS,
            emergency_pause_ms: 7 * DAY_MS,
        }
    }
}

/// Who decides about the network, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisGovernance {
    /// Those who vote.
    pub seats: Vec<GenesisSeat>,
    /// Those who may pause a module together.
    #[serde(default)]
    pub guardians: BTreeSet<Address>,
    /// What differs from the default parameters.
    #[serde(default)]
    pub parameters: GovernanceParameters,
    /// Who chooses the validators, where the committee changes.
    #[serde(default, skip_serializing_if = "Election::is_by_authority")]
    pub election: Election,
    /// What bonds need, where they elect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stake: Option<GenesisStake>,
}

/// Who chooses the validators of a network whose committee changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Election {
    /// Governance, by proposal.
    #[default]
    Authority,
    /// Bonds, once an epoch.
    Stake,
}

impl Election {
    fn is_by_authority(&self) -> bool {
        *self == Self::Authority
    }
}

/// Fewest epochs for which unbonded units stay on hold: a validator that is not elected any more signs for up to four, and
/// evidence of the last votes needs time to be brought.
pub const UNBONDING_EPOCHS_MIN: u16 = 6;
/// Validators that bonds elect at most, at least: four bear a fault.
const STAKE_VALIDATORS: core::ops::RangeInclusive<u8> = 4..=64;
/// Hundredths of a percent of the whole.
pub const BASIS_POINTS: u16 = 10_000;

/// What bonds need that elect validators. Bounds: specs/staking.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisStake {
    /// The token that is bonded: its position among the genesis tokens.
    pub token: u64,
    /// Most validators.
    pub validators_max: u8,
    /// Least bond that elects, in minor units.
    pub bond_min_minor: u128,
    /// Epochs for which units stay on hold after they were unbonded.
    pub unbonding_epochs: u16,
    /// Part of a bond that a conviction takes, in hundredths of a percent.
    pub slash_basis_points: u16,
    /// Who gets it.
    pub slashed_to: Address,
    /// Accounts that bond for nodes of the file, by node key.
    #[serde(default)]
    pub institutions: BTreeMap<B256, Address>,
}

impl GenesisStake {
    /// Checks the section against the rest of the file. The error names the field and says the rule.
    fn validate(&self, genesis: &Genesis, epoch_blocks: NonZeroU64) -> Result<(), (&'static str, String)> {
        let tokens = u64::try_from(genesis.tokens.len()).unwrap_or(u64::MAX);
        if self.token >= tokens {
            return Err(("token", format!("{} is not among the {tokens} tokens, counted from 0", self.token)));
        }
        if !STAKE_VALIDATORS.contains(&self.validators_max) {
            return Err(("validators_max", format!("{} is not between 4 and 64", self.validators_max)));
        }
        let needed = epoch_blocks_min(self.validators_max.into());
        if epoch_blocks.get() < needed {
            let rule = format!("{} validators need epochs of {needed} blocks, not {epoch_blocks}", self.validators_max);
            return Err(("validators_max", rule));
        }
        if self.bond_min_minor == 0 {
            return Err(("bond_min_minor", "0 would elect everybody: give a least bond".into()));
        }
        if self.unbonding_epochs < UNBONDING_EPOCHS_MIN {
            let rule = format!("{} is less than {UNBONDING_EPOCHS_MIN}", self.unbonding_epochs);
            return Err(("unbonding_epochs", rule));
        }
        if !(1..=BASIS_POINTS).contains(&self.slash_basis_points) {
            return Err(("slash_basis_points", format!("{} is not between 1 and 10000", self.slash_basis_points)));
        }
        let is_known = |key: &B256| genesis.nodes.iter().any(|node| node.public_key == *key);
        if let Some(stranger) = self.institutions.keys().find(|key| !is_known(key)) {
            return Err(("institutions", format!("{stranger} is the key of no node of this file")));
        }
        Ok(())
    }
}

/// The genesis file. JSON; unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Chain id of transactions (EIP-155).
    pub chain_id: u64,
    /// Name of the network, for people.
    pub network: String,
    /// Time of the first block in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Rules by height.
    pub rules: RulesSchedule,
    /// The committee's threshold key as its ceremony (or a development dealer) gave it: the encoded public polynomial.
    /// Its constant term is the network's public key.
    pub threshold_public: Bytes,
    /// Whether that key was dealt by one machine for development. A dealer knows every share.
    #[serde(default)]
    pub dealt_for_development: bool,
    /// Blocks of an epoch, at whose end the committee and its shares of the key change. Fixed for the life of the network;
    /// absent where the committee never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_blocks: Option<NonZeroU64>,
    /// Nodes: validators, in the order of the ceremony's participants, and listed followers.
    pub nodes: Vec<GenesisNode>,
    /// Governs permissions: who may change the lists below.
    pub permission_admin: Address,
    /// Who may send transactions.
    pub transact: Access,
    /// Who may create contracts.
    pub deploy: Access,
    /// Which nodes may connect.
    pub connect: Access,
    /// Addresses listed for transacting, when `transact` is `listed`.
    #[serde(default)]
    pub transactors: BTreeSet<Address>,
    /// Addresses listed for creating contracts, when `deploy` is `listed`.
    #[serde(default)]
    pub deployers: BTreeSet<Address>,
    /// Accounts.
    #[serde(default)]
    pub accounts: BTreeMap<Address, GenesisAccount>,
    /// Policies, referenced by tokens through their position here.
    #[serde(default)]
    pub policies: Vec<GenesisPolicy>,
    /// Tokens.
    #[serde(default)]
    pub tokens: Vec<GenesisToken>,
    /// Who decides about the network; absent where its administrators decide alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governance: Option<GenesisGovernance>,
}

impl Genesis {
    /// Reads and checks a genesis file.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        let genesis: Self = serde_json::from_str(text).map_err(|error| GenesisError::Json(error.to_string()))?;
        genesis.validate()?;
        Ok(genesis)
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        serde_json::to_string_pretty(self).map_err(|error| GenesisError::Json(error.to_string()))
    }

    /// Validators in the order of the committee.
    pub fn validators(&self) -> impl Iterator<Item = &GenesisNode> {
        self.nodes.iter().filter(|node| node.role == NodeRole::Validator)
    }

    /// Checks every rule between fields.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let wrong = |field: &str, rule: String| Err(GenesisError::Field { field: field.into(), rule });
        if self.chain_id == 0 || self.chain_id > u64::MAX / 2 - 36 {
            return wrong("chain_id", format!("{} is not between 1 and 2^63 - 37 (EIP-2294)", self.chain_id));
        }
        if self.nodes.len() > GENESIS_NODES_MAX {
            return wrong("nodes", format!("{} nodes, at most {GENESIS_NODES_MAX}", self.nodes.len()));
        }
        if self.validators().count() == 0 {
            return wrong("nodes", "no node has the role validator".into());
        }
        if let Some(epoch_blocks) = self.epoch_blocks {
            let validators = u64::try_from(self.validators().count()).unwrap_or(u64::MAX);
            let needed = epoch_blocks_min(validators);
            if epoch_blocks.get() < needed || epoch_blocks.get() > EPOCH_BLOCKS_MAX {
                let bounds =
                    format!("between {needed} (six for each of {validators} validators) and {EPOCH_BLOCKS_MAX}");
                return wrong("epoch_blocks", format!("{epoch_blocks} is not {bounds}"));
            }
        }
        self.validate_stake()?;
        let keys: BTreeSet<_> = self.nodes.iter().map(|node| node.public_key).collect();
        if keys.len() != self.nodes.len() {
            return wrong("nodes", "two nodes share one public_key".into());
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if let Err(rule) = node.check_address() {
                return wrong(&format!("nodes[{index}].address"), rule);
            }
        }
        for (index, token) in self.tokens.iter().enumerate() {
            let field = format!("tokens[{index}]");
            if token.policy.is_some_and(|policy| usize::try_from(policy).map_or(true, |p| p >= self.policies.len())) {
                return wrong(
                    &field,
                    format!("policy {:?} is not among the {} policies", token.policy, self.policies.len()),
                );
            }
            let supply = token.balances.values().try_fold(0u128, |sum, minor| sum.checked_add(*minor));
            match (supply, token.supply_cap_minor) {
                (None, _) => return wrong(&field, "balances add up to more than 2^128 - 1 minor units".into()),
                (Some(supply), Some(cap)) if supply > cap => {
                    return wrong(&field, format!("balances add up to {supply}, above supply_cap_minor {cap}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Bonds elect where the file says so, has their terms, and has epochs.
    fn validate_stake(&self) -> Result<(), GenesisError> {
        let wrong = |field: &str, rule: String| Err(GenesisError::Field { field: format!("governance.{field}"), rule });
        let Some(governance) = &self.governance else { return Ok(()) };
        match (governance.election, &governance.stake, self.epoch_blocks) {
            (Election::Authority, None, _) => Ok(()),
            (Election::Authority, Some(_), _) => wrong(
                "stake",
                "the section is there and election is not \"stake\": write it, or leave the section out".into(),
            ),
            (Election::Stake, None, _) => {
                wrong("stake", "election is \"stake\" and the section is absent: write [governance.stake]".into())
            }
            (Election::Stake, Some(_), None) => {
                wrong("election", "\"stake\" needs epoch_blocks: without it the committee never changes".into())
            }
            (Election::Stake, Some(stake), Some(epoch_blocks)) => {
                stake.validate(self, epoch_blocks).or_else(|(field, rule)| wrong(&format!("stake.{field}"), rule))
            }
        }
    }
}

#[cfg(test)]
#[path = "genesis_tests.rs"]
mod tests;
