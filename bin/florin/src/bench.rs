//! `florin bench`: how fast, and at what cost.
//!
//! Starts a demo network on this machine, or loads one that runs (`--rpc`), with payments that are signed one by one.
//! Latency counts from the moment a payment was due until a client sees it final. With `--rpc` the payments come from
//! the demo's load accounts, or from accounts that `--from` funds and that pay everything back at the end. Their keys
//! follow from the funder's: what a broken run leaves on them, the next one pays back.

use crate::{
    demo::{self, Data, DemoCommand, accounts::People},
    failure::{Exit, Failure},
    key::{Keystore, accounts},
    network::NetworkArguments,
    output::Output,
    passphrase::PassphraseSource,
    pay::parse_address,
    remote::client_failure,
};
use clap::Args;
use florin_bench::{
    BenchConfig, BenchError, PAYMENTS_MAX, Progress as BenchProgress, Report, Saturation, derive_signers, fund, refund,
    saturate,
};
use florin_client::{RpcClient, Signer, Token};
use florin_types::Amount;
use indicatif::ProgressBar;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// Measures payments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin bench                                       four validators on this machine, 1,000 payments/s for 30 s
  florin bench --rate 2000 --duration-s 60 --json
  florin bench --saturate                            raises the rate until p99 exceeds one second
  florin bench --rpc http://127.0.0.1:8545           loads a `florin demo` that runs
  florin bench --rpc http://node:8545 --from tester --token 0xf101…0002 --genesis genesis.json

Only for test currencies: --from pays one minor unit for each payment that a sender will make to accounts of this
program, which pay each other and then pay all of it back. If they cannot, the same command pays it back later.")]
pub(crate) struct BenchCommand {
    /// Payments a second, all senders together.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// How long payments are due, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    duration_s: u64,
    /// Validators of the network that is started.
    #[arg(long, value_name = "N", default_value_t = 4, conflicts_with = "rpc",
          value_parser = clap::value_parser!(u16).range(1..=16))]
    validators: u16,
    /// Start at this rate and raise it by a quarter until p99 exceeds one second.
    #[arg(long)]
    saturate: bool,
    /// Load these nodes instead of starting a network; finality is read from the first.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    rpc: Vec<String>,
    /// Processes of those nodes, to measure their processor time.
    #[arg(long, value_name = "PID", value_delimiter = ',', requires = "rpc")]
    pid: Vec<u32>,
    /// Account that funds the senders, in a test currency. Without it the demo's load accounts pay.
    #[arg(long, value_name = "NAME", requires = "rpc", requires = "genesis")]
    from: Option<String>,
    /// The network's genesis file: what `--from` signs depends on it, not on the node.
    #[arg(long, value_name = "FILE", env = "FLORIN_GENESIS", hide_env_values = true)]
    genesis: Option<PathBuf>,
    /// Address of the currency. Default: the first one of the ledger.
    #[arg(long, value_name = "ADDRESS")]
    token: Option<String>,
    /// Accounts that pay.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=64))]
    senders: u32,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Runs `florin bench`.
pub(crate) fn run(command: BenchCommand, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::new(Exit::Failed, "runtime", error, "raise the limit of threads, and try again"))?;
    runtime.block_on(async {
        if command.rpc.is_empty() {
            on_new_network(&command, output).await
        } else {
            on_running_network(&command, output).await
        }
    })
}

async fn on_new_network(command: &BenchCommand, output: Output) -> Result<(), Failure> {
    let data = Data::temporary("florin-bench-")?;
    match measure_new_network(command, data.path(), output).await {
        Ok(measured) => measured.show(output),
        Err(failure) => Err(data.close_after(failure)),
    }
}

async fn measure_new_network(command: &BenchCommand, data: PathBuf, output: Output) -> Result<Measured, Failure> {
    let demo = DemoCommand {
        validators: Some(command.validators),
        followers: None,
        quiet: true,
        rate: 1,
        rpc_port: 0,
        data: None,
    };
    let progress = demo::progress::Progress::new(output.is_json());
    let (network, _deaths) = demo::Network::start(&demo, data, &progress).await?;
    progress.finish();
    let mut config = BenchConfig::new(
        network.rpc_urls(),
        load_senders(command, &network.people),
        network.token,
        command.rate,
        command.duration_s.saturating_mul(1_000),
    );
    config.process_ids = network.pids();
    let measured = until_stopped(measure(command, config, output)).await;
    network.stop().await;
    measured
}

async fn on_running_network(command: &BenchCommand, output: Output) -> Result<(), Failure> {
    let address = match &command.token {
        Some(address) => parse_address(address)?,
        None => florin_modules::token_address(1),
    };
    let config = |senders| {
        let duration_ms = command.duration_s.saturating_mul(1_000);
        let mut config = BenchConfig::new(command.rpc.clone(), senders, address, command.rate, duration_ms);
        config.process_ids = command.pid.clone();
        config
    };
    let Some(name) = &command.from else {
        let senders = load_senders(command, &People::derive()?);
        return measure(command, config(senders), output).await?.show(output);
    };
    let funding = Funding::open(command, name, &address.to_string()).await?;
    let measured = until_stopped(async {
        let config = config(funding.senders.clone());
        funding.fund(if command.saturate { PAYMENTS_MAX } else { config.payments() }).await?;
        measure(command, config, output).await
    });
    let measured = measured.await;
    // Whatever became of the measurement, the units go home.
    funding.refund().await?;
    measured?.show(output)
}

/// Somebody's units, lent to the senders.
struct Funding {
    client: RpcClient,
    token: Token,
    funder: Signer,
    senders: Vec<Signer>,
}

impl Funding {
    async fn open(command: &BenchCommand, name: &str, token: &str) -> Result<Self, Failure> {
        let store = accounts::Store::open(&command.keystore)?;
        let account = store.find(name)?;
        let rpc = command.rpc.first().cloned().unwrap_or_default();
        let network = NetworkArguments { rpc, genesis: command.genesis.clone() }.open().await?;
        let token = network.token(token).await?;
        let funder = accounts::from_key_file(&account.path, &command.passphrase)?;
        let senders = derive_signers(funder.secret().as_slice(), command.senders as usize).map_err(failed)?;
        Ok(Self { client: network.client, token, funder, senders })
    }

    /// Gives each sender what it will pay: one minor unit a payment.
    async fn fund(&self, payments: u64) -> Result<(), Failure> {
        let each = u128::from(payments).div_ceil(self.senders.len().max(1) as u128);
        let each = Amount::new(each, self.token.currency());
        fund(&self.client, &self.token, &self.funder, &self.senders, each).await.map(drop).map_err(failed)
    }

    async fn refund(&self) -> Result<(), Failure> {
        let refunded = refund(&self.client, &self.token, &self.senders, self.funder.address()).await;
        refunded.map(drop).map_err(|error| {
            let failure = failed(error);
            Failure {
                message: format!("units of {} are still with the senders: {}", self.funder.address(), failure.message),
                next: "run the same command again: it finds these accounts, and pays all of it back".into(),
                ..failure
            }
        })
    }
}

/// What `measuring` gives, unless somebody asks for the end first.
async fn until_stopped<T>(measuring: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let stop = crate::node::stop_request(false)?;
    tokio::select! {
        measured = measuring => measured,
        () = stop => Err(Failure::new(Exit::Failed, "bench.stopped", "the measurement was stopped", "start it again")),
    }
}

fn load_senders(command: &BenchCommand, people: &People) -> Vec<Signer> {
    people.load().iter().take(command.senders as usize).cloned().collect()
}

/// What was measured.
enum Measured {
    Rate(Box<Report>),
    Limit(Saturation),
}

impl Measured {
    fn show(&self, output: Output) -> Result<(), Failure> {
        match self {
            Self::Rate(report) => output.show(report, || report.table()),
            Self::Limit(saturation) => {
                let value =
                    json!({ "steps": saturation.steps, "sustained_per_second": saturation.sustained_per_second });
                output.show(&value, || saturation_text(saturation))
            }
        }
    }
}

async fn measure(command: &BenchCommand, config: BenchConfig, output: Output) -> Result<Measured, Failure> {
    let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.enable_steady_tick(Duration::from_millis(120));
    let show = |progress: BenchProgress| bar.set_message(progress_text(progress));
    let measured = if command.saturate {
        Measured::Limit(saturate(config, 1_000.0, show).await.map_err(failed)?)
    } else {
        Measured::Rate(Box::new(florin_bench::run(config, show).await.map_err(failed)?))
    };
    bar.finish_and_clear();
    Ok(measured)
}

fn progress_text(progress: BenchProgress) -> String {
    match progress {
        BenchProgress::Signing { payments } => format!("signing {payments} payments"),
        BenchProgress::Running(second) => format!(
            "second {}: {} accepted, {} settled, p50 {:.0} ms, p99 {:.0} ms",
            second.second, second.accepted, second.settled, second.latency.p50_ms, second.latency.p99_ms
        ),
        BenchProgress::Settling { left } => format!("waiting for the last {left}"),
    }
}

fn saturation_text(saturation: &Saturation) -> String {
    let mut text: String = saturation.steps.iter().map(|step: &Report| step.table() + "\n").collect();
    text.push_str(&match saturation.sustained_per_second {
        Some(rate) => format!("sustained with p99 below 1 s: {rate} payments/s\n"),
        None => "not even the first rate was sustained with p99 below 1 s\n".to_string(),
    });
    text
}

fn failed(error: BenchError) -> Failure {
    match error {
        BenchError::Client(error) | BenchError::Follower(error) => client_failure(error),
        error => Failure::usage(error.code(), &error, "choose another rate, duration or number of senders"),
    }
}
