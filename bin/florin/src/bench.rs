//! `florin bench`: how fast, and at what cost.
//!
//! Starts a demo network on this machine, or loads one that runs (`--rpc`), with a workload. Latency counts from the moment
//! a payment was due until a client sees it final. With `--rpc` the payments come from the demo's load accounts, or from
//! accounts that `--from` funds and that pay everything back at the end. Their keys follow from the funder's: what a broken
//! run leaves on them, the next one pays back.

use crate::{
    demo::{self, Data, DemoCommand, accounts::People},
    failure::{Exit, Failure},
    files,
    key::{Keystore, accounts},
    network::NetworkArguments,
    output::Output,
    passphrase::PassphraseSource,
    pay::parse_address,
    remote::client_failure,
};
use clap::Args;
use florin_bench::{
    ACCOUNTS_MAX, BenchConfig, BenchError, MeasuredNode, PAYMENTS_MAX, Progress as BenchProgress, Report, Workload,
    chart, compare, derive_signers, fund, refund, run_at_knee,
};
use florin_client::{RpcClient, Signer, Token};
use florin_types::Amount;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Accounts that are paid on a network that is started.
const ACCOUNTS_BY_DEFAULT: u64 = 10_000;

/// Measures payments.
#[derive(Debug, Args)]
#[command(after_help = "\
Workloads:
  payments    payments with UETR and agents, each signed by its payer
  transfers   ERC-20 transfers of a currency, as ordinary Ethereum transactions
  batches     thousands of payments under one signature
  erc20       transfers of an ERC-20 contract in the EVM
  swap        swaps in a constant-product pool contract, as Uniswap V2's
  clearing    instructions of banks to gross settlement, with queue and multilateral runs
  mixed       half transfers, then payments, contract calls and small batches

Examples:
  florin bench                                        four validators on this machine, as fast as they sustain
  florin bench --rate 1000                            1,000 transfers/s for 30 s
  florin bench --workload batches --validators 1 --seconds 20 --json
  florin bench --chart run.svg --report run.json      a picture, and a report for --compare
  florin bench --compare run.json                     the same again, beside what was measured before
  florin bench --rpc http://127.0.0.1:8545            loads a `florin demo` that runs
  florin bench --rpc http://node:8545 --from tester --token 0xf101…0002 --genesis genesis.json

Only for test currencies: --from pays one minor unit for each payment that a sender will make to accounts of this
program, which pay each other and then pay all of it back. If they cannot, the same command pays it back later.")]
pub(crate) struct BenchCommand {
    /// What is paid: payments, transfers, batches, erc20, swap, clearing or mixed.
    #[arg(long, value_name = "NAME", default_value_t = Workload::Transfers)]
    workload: Workload,
    /// Payments a second, all senders together. Default: the highest rate with p99 below one second is looked for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// How long payments are due and measured, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How long the same load runs before that, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warmup: u64,
    /// Validators of the network that is started.
    #[arg(long, value_name = "N", default_value_t = 4, conflicts_with = "rpc",
          value_parser = clap::value_parser!(u16).range(1..=16))]
    validators: u16,
    /// Accounts that are paid, made before the clock starts; 0 pays the senders. Default: 10000 on a network that is
    /// started, 0 on a running one, whose currency may not be for everybody.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=ACCOUNTS_MAX), conflicts_with = "from")]
    accounts: Option<u64>,
    /// Payments under one signature in the workload of batches.
    #[arg(long, value_name = "N", default_value_t = 2_500, value_parser = clap::value_parser!(u16).range(1..=3_000))]
    batch_items: u16,
    /// Write a picture of the run (SVG).
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Write the report (JSON), for --compare.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Show the figures beside those of an earlier report.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Load these nodes instead of starting a network; finality is read from the first.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    rpc: Vec<String>,
    /// Processes of those nodes, to measure their processor time and memory.
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

impl BenchCommand {
    fn accounts_by_default(&self) -> u64 {
        if self.rpc.is_empty() { ACCOUNTS_BY_DEFAULT } else { 0 }
    }

    fn config(&self, rpc_urls: Vec<String>, senders: Vec<Signer>, token: alloy_primitives::Address) -> BenchConfig {
        BenchConfig {
            workload: self.workload,
            warmup_ms: self.warmup.saturating_mul(1_000),
            batch_items: self.batch_items.into(),
            accounts: if self.workload.pays_accounts() {
                self.accounts.unwrap_or(self.accounts_by_default())
            } else {
                0
            },
            ..BenchConfig::new(
                rpc_urls,
                senders,
                token,
                self.rate.unwrap_or_default(),
                self.seconds.saturating_mul(1_000),
            )
        }
    }
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
        Ok(report) => show(&report, command, output),
        Err(failure) => Err(data.close_after(failure)),
    }
}

async fn measure_new_network(command: &BenchCommand, data: PathBuf, output: Output) -> Result<Report, Failure> {
    let demo = DemoCommand {
        validators: Some(command.validators),
        followers: None,
        quiet: true,
        rate: 1,
        rpc_port: 0,
        gateway_port: None,
        data: None,
    };
    let progress = demo::progress::Progress::new(output.is_json());
    let (network, _deaths) = demo::Network::start(People::derive()?.among_others(), &demo, data, &progress).await?;
    progress.finish();
    let senders = load_senders(command, &network.people);
    let config =
        BenchConfig { nodes: network.measured(), ..command.config(network.rpc_urls(), senders, network.token) };
    let measured = until_stopped(measure(command, config, output)).await;
    network.stop().await;
    measured
}

async fn on_running_network(command: &BenchCommand, output: Output) -> Result<(), Failure> {
    let address = match &command.token {
        Some(address) => parse_address(address)?,
        None => florin_modules::token_address(1),
    };
    let nodes = command.pid.iter().map(|pid| MeasuredNode { process_id: *pid, ..MeasuredNode::default() });
    let nodes: Vec<_> = nodes.collect();
    let config =
        |senders| BenchConfig { nodes: nodes.clone(), ..command.config(command.rpc.clone(), senders, address) };
    let Some(name) = &command.from else {
        let senders = load_senders(command, &People::derive()?);
        return show(&measure(command, config(senders), output).await?, command, output);
    };
    let funding = Funding::open(command, name, &address.to_string()).await?;
    let measured = until_stopped(async {
        let config = config(funding.senders.clone());
        funding.fund(if command.rate.is_none() { PAYMENTS_MAX } else { config.payments() }).await?;
        measure(command, config, output).await
    });
    let measured = measured.await;
    // Whatever became of the measurement, the units go home.
    funding.refund().await?;
    show(&measured?, command, output)
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
        let network = NetworkArguments { rpc, tls_roots: None, genesis: command.genesis.clone() }.open().await?;
        let token = network.token(token).await?;
        let funder = accounts::from_key_file(&account.path, &command.passphrase)?;
        let senders =
            derive_signers(accounts::secret(&funder)?.as_slice(), command.senders as usize).map_err(failed)?;
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
    let stop = crate::node::stop_request(None)?;
    tokio::select! {
        measured = measuring => measured,
        () = stop => Err(Failure::new(Exit::Failed, "bench.stopped", "the measurement was stopped", "start it again")),
    }
}

fn load_senders(command: &BenchCommand, people: &People) -> Vec<Signer> {
    people.load().iter().take(command.senders as usize).cloned().collect()
}

fn show(report: &Report, command: &BenchCommand, output: Output) -> Result<(), Failure> {
    if let Some(path) = &command.chart {
        write(path, &chart(report).map_err(failed)?)?;
    }
    if let Some(path) = &command.report {
        write(path, &report.to_json().map_err(|error| unreadable(path, &error))?)?;
    }
    let before = command.compare.as_deref().map(read_report).transpose()?;
    output.show(report, || {
        let beside = before.map(|before| format!("\n{}", compare(&before, report)));
        report.table() + &beside.unwrap_or_default()
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::writing(path, &error))
}

fn read_report(path: &Path) -> Result<Report, Failure> {
    serde_json::from_str(&files::read_text(path)?).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &serde_json::Error) -> Failure {
    Failure::input(
        "bench.report",
        format_args!("{} is no report of this program: {error}", path.display()),
        "give a file that --report wrote",
    )
}

async fn measure(command: &BenchCommand, config: BenchConfig, output: Output) -> Result<Report, Failure> {
    let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.enable_steady_tick(Duration::from_millis(120));
    let show = |progress: BenchProgress| show_progress(&bar, progress);
    let measured =
        if command.rate.is_some() { florin_bench::run(config, show).await } else { run_at_knee(config, show).await };
    bar.finish_and_clear();
    measured.map_err(failed)
}

fn show_progress(bar: &ProgressBar, progress: BenchProgress) {
    match progress {
        BenchProgress::Preparing { what, done, of } => {
            // A template of ours is well-formed; with another one the bar would only look different.
            if let Ok(style) = ProgressStyle::with_template("making {msg}: {bar:40} {human_pos}/{human_len}, {eta}") {
                bar.set_style(style);
            }
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message(what);
        }
        other => {
            bar.set_style(ProgressStyle::default_spinner());
            bar.set_message(progress_text(other));
        }
    }
}

fn progress_text(progress: BenchProgress) -> String {
    match progress {
        BenchProgress::Preparing { what, .. } => format!("making {what}"),
        BenchProgress::Trying { rate } => format!("trying {rate} payments/s"),
        BenchProgress::Signing { payments } => format!("signing {payments} payments"),
        BenchProgress::Running(second) => format!(
            "second {}: {} accepted, {} settled, p50 {:.0} ms, p99 {:.0} ms",
            second.second, second.accepted, second.settled, second.latency_ms.p50, second.latency_ms.p99
        ),
        BenchProgress::Settling { left } => format!("waiting for the last {left}"),
    }
}

fn failed(error: BenchError) -> Failure {
    match error {
        BenchError::Client(error) | BenchError::Follower(error) => client_failure(error),
        error => Failure::usage(error.code(), &error, "choose another rate, duration or number of senders"),
    }
}
