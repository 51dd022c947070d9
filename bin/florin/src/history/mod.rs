//! The history that people search, beside a node: where it is kept, how it is fed, and `florin history rebuild`.
//!
//! **Place.** After finality. A node that has a history (`[history]` of its configuration) tells it every final block
//! ([`feed`]); nothing waits for it, and the node goes on where the database does not answer. The gateway and an
//! institution's own reports ask the database.
//!
//! **Failures.** A configuration that names no database stops the start. What a database does later is a metric and an
//! alert. Damage is cured by a rebuild, because the blocks know everything. Specification: `specs/history.md`.

pub(crate) mod feed;
mod rebuild;

use crate::{
    config::HistoryStore,
    failure::{Exit, Failure},
    files,
    node::directory::Directory,
    output::Output,
};
use clap::{Args, Subcommand};
use florin_history::{HistoryBlock, HistoryError, Location};
use florin_state::FinalizedBlock;
use std::path::PathBuf;

/// Bytes of logs that count as a row. Source: an item of a batch has 96, a payment's own event 384.
const LOG_BYTES_OF_ROW: usize = 256;

/// Looks after the searchable history of a node.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin history rebuild --dir /var/lib/florin     with the node stopped: removes the history and makes it from the blocks

Where it is kept: [history] in config.toml. A node that runs feeds it by itself; what is interrupted goes on at its start.")]
pub(crate) struct HistoryCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Removes the history of a stopped node and makes it again from the node's blocks.
    Rebuild(RebuildCommand),
}

#[derive(Debug, Args)]
struct RebuildCommand {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Runs `florin history`.
pub(crate) fn run(command: &HistoryCommand, output: Output) -> Result<(), Failure> {
    match &command.action {
        Action::Rebuild(command) => {
            let rebuilt = rebuild::rebuild(&command.dir, output)?;
            output.show(&rebuilt, || rebuilt.text())
        }
    }
}

/// Where a node keeps its history, if it has one.
pub(crate) fn location(directory: &Directory) -> Result<Option<Location>, Failure> {
    let settings = &directory.config().history;
    match settings.store {
        HistoryStore::Off => Ok(None),
        HistoryStore::Sqlite => {
            let file = settings.file.as_ref().map(|file| directory.root().join(file));
            Ok(Some(Location::Sqlite(file.unwrap_or_else(|| directory.data().join("history.sqlite")))))
        }
        HistoryStore::Postgres => {
            let url = settings.url_file.as_ref().ok_or_else(|| {
                let message = "field history.url_file: a history in PostgreSQL has a file with its URL";
                Failure::usage("config.value", message, "change it in config.toml")
            })?;
            let url = files::read_text(&directory.root().join(url))?;
            let password = settings.password_file.as_ref().map(|file| files::read_secret(&directory.root().join(file)));
            let password = password.transpose()?;
            let password = password.as_ref().map(|text| text.trim_end_matches(['\r', '\n']));
            Location::parse(url.trim(), password).map(Some).map_err(failure)
        }
    }
}

/// Why a history cannot be told, for people.
fn failure(error: HistoryError) -> Failure {
    let (exit, code, next) = match &error {
        HistoryError::Url { .. } => (Exit::Input, "history.url", "correct the file that history.url_file names"),
        HistoryError::Foreign { .. } => (Exit::Input, "history.foreign", "correct history.file in config.toml"),
        HistoryError::Encoding { .. } => (Exit::Input, "history.encoding", "create the database anew, and start again"),
        HistoryError::OtherChain { .. } | HistoryError::OtherBlock { .. } => {
            (Exit::Input, "history.other_chain", "name another database in [history], or rebuild this one")
        }
        HistoryError::Damaged { .. } => (Exit::Damaged, "history.damaged", "run `florin history rebuild --dir DIR`"),
        HistoryError::Database { .. } => (
            Exit::Unavailable,
            "history.database",
            "see that the database runs and takes this user; for a file, the disk",
        ),
        _ => (Exit::Failed, "history.append", "run `florin history rebuild --dir DIR`; if it comes again, report this"),
    };
    Failure::new(exit, code, error, next)
}

/// About how many rows a block gives: its transactions, and what they have logged, of which a batch of payments has much.
fn weight(block: &FinalizedBlock) -> usize {
    let logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
    let bytes = logs.map(|log| log.data.data.len()).fold(0, usize::saturating_add);
    block.senders.len().saturating_add(bytes / LOG_BYTES_OF_ROW)
}

/// A final block as a history takes it.
fn told(block: &FinalizedBlock) -> Result<HistoryBlock, HistoryError> {
    Ok(HistoryBlock::new(block.block.clone(), block.receipts.clone(), block.senders.clone())?)
}
