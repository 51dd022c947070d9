//! Florin: a ledger that institutions run together. One program, every role a subcommand.
//!
//! Only this crate reads the command line and the environment. Results go to standard output, everything else to
//! standard error; `--json` gives scripts one line of JSON. Failures carry a permanent code, see [`failure`].

mod backup;
mod bench;
mod config;
#[cfg(test)]
mod damage;
mod demo;
mod doctor;
mod envelope;
mod failure;
mod files;
mod gateway;
mod genesis;
mod history;
mod inspect;
mod key;
mod network;
mod node;
mod output;
mod passphrase;
mod pay;
mod progress;
mod reference;
mod remote;
mod telemetry;
mod watch;

use clap::{Parser, Subcommand, error::ErrorKind};
use failure::Failure;
use output::Output;
use std::process::ExitCode;

/// Blocks are many small allocations that one thread makes and another one frees: `docs/decisions/0063-memory.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A ledger anyone can start: validators run by institutions, Ethereum tools, regulated money, final in under a second.
#[derive(Debug, Parser)]
#[command(
    name = "florin",
    version,
    max_term_width = 110,
    after_help = "\
Start here:
  florin demo                   four validators on this machine, and a working day of their banks
  florin doctor --dir DIR       why a node or its network does not work, and what to do
  florin help SUBCOMMAND        examples for each subcommand

Exit codes: 0 done, 2 usage, 3 wrong input, 4 refused by the ledger, 5 not reachable, 6 damaged data, 1 anything else."
)]
struct Cli {
    /// Print one line of JSON instead of text; failures too, on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a whole network on this machine, with money that moves.
    Demo(demo::DemoCommand),
    /// Runs one validator or follower from a directory.
    Node(node::NodeCommand),
    /// Finds out why a node or its network does not work, and what to do.
    Doctor(doctor::DoctorCommand),
    /// Makes, checks and shows genesis files.
    Genesis(genesis::GenesisCommand),
    /// Makes and keeps keys.
    Key(key::KeyCommand),
    /// Pays, and waits until the payment is final.
    Pay(pay::PayCommand),
    /// Takes ISO 20022 messages of banks, pays what they order, and answers them.
    Gateway(gateway::GatewayCommand),
    /// Looks after payment channels, and shows the newest state when a payer closes with an old one.
    Watch(watch::WatchCommand),
    /// Looks at blocks, transactions, accounts and proofs, over RPC or in a node's directory.
    Inspect(inspect::InspectCommand),
    /// Copies the ledger of a running node to a directory: encrypted, only what is new; and checks such a copy.
    Backup(backup::BackupCommand),
    /// Makes a node's data from a backup, up to any height.
    Restore(backup::RestoreCommand),
    /// Looks after the searchable history of a node.
    History(history::HistoryCommand),
    /// Measures payments a second, latency and processor time.
    Bench(bench::BenchCommand),
    /// Writes the reference pages of the documentation.
    #[command(hide = true)]
    Reference(reference::ReferenceCommand),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let output = Output::new(cli.json);
    let result = match cli.command {
        Command::Demo(command) => demo::run(command, output),
        Command::Node(command) => node::run(&command, output),
        Command::Doctor(command) => doctor::run(&command, output),
        Command::Genesis(command) => genesis::run(command, output),
        Command::Key(command) => key::run(command, output),
        Command::Pay(command) => pay::run(command, output),
        Command::Gateway(command) => gateway::run(&command, output),
        Command::Watch(command) => watch::run(command, output),
        Command::Inspect(command) => inspect::run(command, output),
        Command::Backup(command) => backup::run(command, output),
        Command::Restore(command) => backup::run_restore(&command, output),
        Command::History(command) => history::run(&command, output),
        Command::Bench(command) => bench::run(command, output),
        Command::Reference(command) => reference::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show(cli.json);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Help and version are answers; the rest is a usage failure, as JSON when the caller reads JSON.
fn not_understood(error: &clap::Error) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help || !std::env::args().any(|argument| argument == "--json") {
        // A closed terminal is nobody to report to.
        let _ = error.print();
        return if is_help { ExitCode::SUCCESS } else { ExitCode::from(failure::Exit::Usage as u8) };
    }
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
    Failure::usage("usage", message, "see `florin help`").show(true);
    ExitCode::from(failure::Exit::Usage as u8)
}
