//! `florin inspect`: looking at what the ledger holds, through a node that runs or in the directory of one that does not.
//!
//! Over RPC with `--genesis`, answers are verified with the network's key: headers by their certificates, transactions
//! and receipts by the header's roots, state by proofs. Offline (`--dir`) every record that is read is checked against
//! its hash; `verify` reads all of them and names what is damaged.

mod offline;
mod remote;
mod report;

pub(crate) use offline::{Opened, look};

use crate::{failure::Failure, network::NetworkArguments, output::Output};
use alloy_primitives::{B256, U256};
use clap::{Args, Subcommand};
use florin_proof::StateItem;
use std::path::PathBuf;

/// Looks at blocks, transactions, accounts and proofs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin inspect block latest --genesis genesis.json
  florin inspect tx 0x5c50…4e06 --genesis genesis.json
  florin inspect account 0x7099…79C8 --dir /var/lib/florin       offline, in a stopped node's directory
  florin inspect proof 0xf101…0001 --slot 0x0 --genesis genesis.json --json
  florin inspect proof 0x7099…79C8 --dir /var/lib/florin
  florin inspect invariants --genesis genesis.json               of every module, on a node that runs
  florin inspect invariants --dir /var/lib/florin                the same in a stopped node's directory
  florin inspect evidence FILE --genesis genesis.json            did this validator contradict itself
  florin inspect verify --dir /var/lib/florin                    every stored byte")]
pub(crate) struct InspectCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// A block, by height, hash or `latest`.
    Block {
        /// Height, hash or `latest`.
        #[arg(default_value = "latest")]
        block: String,
        #[command(flatten)]
        source: Source,
    },
    /// A transaction with its receipt.
    Tx {
        /// Its hash.
        hash: B256,
        #[command(flatten)]
        source: Source,
    },
    /// An account: native units, nonce, code, and its balance in every token of the genesis file.
    Account {
        /// Its address.
        address: String,
        #[command(flatten)]
        source: Source,
    },
    /// Proves an account or a slot in the latest final state, or that it is not there.
    Proof {
        /// The account.
        address: String,
        /// A slot of its storage, as a number.
        #[arg(long)]
        slot: Option<U256>,
        #[command(flatten)]
        source: Source,
    },
    /// Checks the invariants of every module: books made from all events since genesis, held against one final state.
    #[command(visible_alias = "state")]
    Invariants {
        /// Height of the state; the node must still keep it. Default: the latest.
        #[arg(long, conflicts_with = "dir")]
        height: Option<u64>,
        #[command(flatten)]
        source: Source,
    },
    /// Checks a file of evidence that a validator contradicted itself, with nothing but the genesis file.
    Evidence {
        /// The file; a node keeps them in `DIR/evidence`.
        file: PathBuf,
        /// The network's genesis file, from a source that you trust.
        #[arg(long, value_name = "FILE", env = "FLORIN_GENESIS", hide_env_values = true)]
        genesis: PathBuf,
    },
    /// What a node's directory holds.
    Data {
        #[command(flatten)]
        directory: NodeDirectory,
    },
    /// Reads and checks everything in a node's directory; names the first thing that is damaged.
    Verify {
        #[command(flatten)]
        directory: NodeDirectory,
    },
}

/// Where to look.
#[derive(Debug, Args)]
struct Source {
    /// Look offline, in the directory of a node that is stopped. No node is asked, and the directory's genesis file counts.
    // No conflict with --rpc and --genesis: those may stand in the environment for other commands.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArguments,
}

#[derive(Debug, Args)]
struct NodeDirectory {
    /// The directory of a node that is stopped.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Which block is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockName {
    Latest,
    Height(u64),
    Hash(B256),
}

impl BlockName {
    fn parse(text: &str) -> Result<Self, Failure> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(height) = text.parse() {
            return Ok(Self::Height(height));
        }
        text.parse().map(Self::Hash).map_err(|_| {
            let shown: String = text.chars().take(80).collect();
            Failure::usage(
                "inspect.block",
                format_args!("{shown:?} names no block"),
                "give a height, a hash of 0x and 64 digits, or latest",
            )
        })
    }
}

/// Runs `florin inspect`.
pub(crate) fn run(command: InspectCommand, output: Output) -> Result<(), Failure> {
    use crate::remote::block_on;
    match command.action {
        Action::Block { block, source } => {
            let name = BlockName::parse(&block)?;
            let report = match &source.dir {
                Some(dir) => offline::block(dir, name)?,
                None => block_on(remote::block(&source.network, name))?,
            };
            output.show(&report, || report.text())
        }
        Action::Tx { hash, source } => {
            let report = match &source.dir {
                Some(dir) => offline::transaction(dir, hash)?,
                None => block_on(remote::transaction(&source.network, hash))?,
            };
            output.show(&report, || report.text())
        }
        Action::Account { address, source } => {
            let address = crate::pay::parse_address(&address)?;
            let report = match &source.dir {
                Some(dir) => offline::account(dir, address)?,
                None => block_on(remote::account(&source.network, address))?,
            };
            output.show(&report, || report.text())
        }
        Action::Proof { address, slot, source } => {
            let address = crate::pay::parse_address(&address)?;
            let item = slot.map_or(StateItem::Account(address), |slot| StateItem::Slot(address, slot));
            let report = match &source.dir {
                Some(dir) => offline::proof(dir, item)?,
                None => block_on(remote::proof(&source.network, item))?,
            };
            output.show(&report, || report.text())
        }
        Action::Invariants { height, source } => {
            let report = match &source.dir {
                Some(dir) => offline::invariants(dir)?,
                None => block_on(remote::invariants(&source.network, height))?,
            };
            output.show(&report, || report.text())?;
            report.into_result()
        }
        Action::Evidence { file, genesis } => {
            let report = crate::node::evidence::inspect(&file, &genesis)?;
            output.show(&report, || report.text())
        }
        Action::Data { directory } => {
            let report = offline::data(&directory.dir)?;
            output.show(&report, || report.text())
        }
        Action::Verify { directory } => {
            let report = offline::verify(&directory.dir, output)?;
            output.show(&report, || report.text())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_are_named_by_height_hash_or_latest() {
        assert_eq!(BlockName::parse("latest").unwrap(), BlockName::Latest);
        assert_eq!(BlockName::parse("12").unwrap(), BlockName::Height(12));
        let hash = B256::repeat_byte(7);
        assert_eq!(BlockName::parse(&hash.to_string()).unwrap(), BlockName::Hash(hash));
        for wrong in ["", "-1", "0x12", "newest", "18446744073709551616"] {
            assert_eq!(BlockName::parse(wrong).unwrap_err().code, "inspect.block", "{wrong}");
        }
    }
}
