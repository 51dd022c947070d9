//! `florin watch`: looks after payment channels for their payee, so that nobody closes one with an old state meanwhile.
//!
//! The payee keeps what payers signed in a file. Whenever a payer starts to close with less than that, the newest state
//! is shown on the ledger, within the challenge. Whoever watches needs no right over the channel: it pays for the
//! transaction, and the payee is paid.

use crate::{
    failure::{Exit, Failure},
    files,
    key::{Keystore, accounts},
    network::NetworkArguments,
    output::Output,
    passphrase::PassphraseSource,
    remote::client_failure,
};
use clap::Args;
use florin_client::{ChannelWatch, ClientError, Modules, SignedState, Signer, Watched};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

/// Looks after payment channels, and shows the newest state when a payer closes with an old one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin watch --states states.json --from watcher --genesis genesis.json
  florin watch --states states.json --from watcher --genesis genesis.json --once --json

The file is a list: [{\"channel_id\": 1, \"cumulative\": \"0x2bc\", \"signature\": \"0x…\"}]. It is
read again at every look, so a newer state is added by writing it there. A challenge lasts a minute at least: look more often than that.")]
pub(crate) struct WatchCommand {
    /// File with the states that payers signed, as JSON.
    #[arg(long, value_name = "FILE")]
    states: PathBuf,
    /// Account that sends the transactions: its name in the keystore, or its key file. It need not be the payee.
    #[arg(long, value_name = "NAME")]
    from: String,
    /// Time between two looks, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(100..=30_000))]
    every_ms: u64,
    /// Look once and end; a closing that could not be answered is a failure then.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Runs `florin watch` until it is told to stop.
pub(crate) fn run(command: WatchCommand, output: Output) -> Result<(), Failure> {
    crate::remote::block_on(watch(command, output))
}

async fn watch(command: WatchCommand, output: Output) -> Result<(), Failure> {
    let network = command.network.open().await?;
    let store = accounts::Store::open(&command.keystore)?;
    let signer = accounts::named(&command.from, &store, &command.passphrase)?;
    let chain_id = network.genesis.chain_id;
    let mut watch = ChannelWatch::new(Modules::new(network.client, chain_id), chain_id);
    if command.once {
        return look(&mut watch, &command, &signer, output).await;
    }
    // What is wrong with the file at the start is told to whoever starts it; later it must not end the watch.
    keep(&mut watch, &command).await?;
    output.say(&format!("watching {} channels; Ctrl-C stops it", watch.len()))?;
    let stop = crate::node::stop_request(None)?;
    tokio::pin!(stop);
    let mut said: Option<Failure> = None;
    loop {
        let failure = tokio::select! {
            () = &mut stop => return Ok(()),
            looked = look(&mut watch, &command, &signer, output) => looked.err(),
        };
        // The same trouble is said once, not at every look.
        if let Some(failure) = failure.as_ref().filter(|failure| said.as_ref() != Some(failure)) {
            failure.show(output.is_json());
        }
        said = failure;
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(command.every_ms)) => {}
        }
    }
}

/// Reads the file, looks at the ledger, and says what was done. The first failure is given at the end.
async fn look(
    watch: &mut ChannelWatch,
    command: &WatchCommand,
    signer: &Signer,
    output: Output,
) -> Result<(), Failure> {
    // A file that is just being written does not keep the states that are known from being shown.
    let mut failed = keep(watch, command).await.err();
    for watched in watch.look(signer).await.map_err(client_failure)? {
        match &watched {
            Watched::Failed { channel_id, error } => failed = failed.or_else(|| Some(unanswered(*channel_id, error))),
            _ => output.show(&value(&watched), || text(&watched))?,
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Gives the file's states to the watch.
async fn keep(watch: &mut ChannelWatch, command: &WatchCommand) -> Result<(), Failure> {
    let read = files::read_text(&command.states)?;
    let states: Vec<SignedState> = serde_json::from_str(&read).map_err(|error| {
        let message = format!("{} is no list of states: {error}", command.states.display());
        Failure::input("watch.states", message, "write channel_id, cumulative and signature of each")
    })?;
    let mut failed = None;
    for state in states {
        if let Err(error) = watch.keep(state).await {
            failed = failed.or_else(|| Some(client_failure(error)));
        }
    }
    failed.map_or(Ok(()), Err)
}

fn unanswered(channel_id: u64, error: &ClientError) -> Failure {
    let said = error.explanation().map_or_else(|| error.to_string(), |explained| explained.to_string());
    let message = format!("the closing of channel {channel_id} is not answered: {said}");
    Failure::new(Exit::Refused, "watch.unanswered", message, "act before the challenge is over; it is tried again")
}

fn value(watched: &Watched) -> Value {
    match watched {
        Watched::Challenged { channel_id, owed, cumulative, closes_at_ms, sent } => json!({
            "channel_id": channel_id, "outcome": "challenged", "owed_minor": owed.to_string(),
            "cumulative_minor": cumulative.to_string(), "closes_at_ms": closes_at_ms, "transaction_hash": sent.hash,
        }),
        Watched::Fair { channel_id, owed } => {
            json!({ "channel_id": channel_id, "outcome": "fair", "owed_minor": owed.to_string() })
        }
        Watched::Failed { channel_id, error } => {
            json!({ "channel_id": channel_id, "outcome": "failed", "reason": error.to_string() })
        }
    }
}

fn text(watched: &Watched) -> String {
    match watched {
        Watched::Challenged { channel_id, owed, cumulative, sent, .. } => format!(
            "channel {channel_id}: its payer closes with {owed} minor units, it signed {cumulative}: shown in {}",
            sent.hash
        ),
        Watched::Fair { channel_id, owed } => {
            format!("channel {channel_id}: closes with {owed} minor units, as signed")
        }
        Watched::Failed { channel_id, error } => format!("channel {channel_id}: {error}"),
    }
}
