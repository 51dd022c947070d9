//! `florin demo`: a whole network on this machine, with money that moves.
//!
//! **What it is.** Four validators (or as many as asked), each a real `florin node` process with its own directory and
//! ports; a central bank that issues a regulated currency, three commercial banks that pay each other, and a developer
//! with plenty of the native unit. Every key is known to everyone: it is a demo.
//!
//! **What it shows.** A [working day](day) of the modules of money, told in the terminal and held against the ledger; then
//! the network goes on, with payments among the banks, for whoever wants to try it.
//!
//! **What it is not.** It restarts nobody. A validator that dies is reported with the command that starts it again, so
//! that people (and tests) see what the network does without it.
//!
//! **Limits.** One demo a directory (locked), at most [`layout::VALIDATORS_MAX`] validators.

pub(crate) mod accounts;
mod day;
mod gateway;
pub(crate) mod layout;
pub(crate) mod process;
pub(crate) mod progress;
mod traffic;

use crate::{
    failure::{Exit, Failure},
    key::accounts::secret_hex,
    node::monitoring::now_ms,
    output::{self, Output},
    remote::{client_failure, connect},
};
use accounts::{DEMO_CHAIN_ID, DEMO_SYMBOL, People};
use alloy_primitives::Address;
use clap::Args;
use florin_client::{Modules, RpcClient, Signer};
use florin_modules::{FACTORY_ADDRESS, factory::IFactory};
use gateway::{DemoGateway, GATEWAY_PORT, key_of};
use layout::{DemoNode, FOLLOWERS_MAX, Layout, PortClaim, VALIDATORS_MAX};
use process::{Death, LOG_FILE, RunningNode};
use progress::{Progress, Pulse};
use serde_json::json;
use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep},
};
use traffic::Traffic;

/// Longest time until the first block is final.
const FIRST_BLOCK_TIME_MAX: Duration = Duration::from_secs(60);

/// A node that takes longer to answer does not count as up.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(900);

/// Runs a network on this machine.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  florin demo                            four validators, a working day, payments; thrown away at the end
  florin demo --data ./demo              kept; the next start goes on from there
  florin demo --quiet --json             for scripts: one line of JSON once it is ready, then silence
  florin demo --json                     the same, and a second line once the working day is over

Ctrl-C stops it. Its keys are known to everyone: never use them for anything else.")]
pub(crate) struct DemoCommand {
    /// Number of validators. Default: 4, or what the kept demo has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(VALIDATORS_MAX)))]
    pub(crate) validators: Option<u16>,
    /// Number of nodes that follow without voting. Default: 0, or what the kept demo has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=i64::from(FOLLOWERS_MAX)))]
    pub(crate) followers: Option<u16>,
    /// Run neither the working day nor payments.
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Payments a second.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) rate: u32,
    /// Port of the first validator's JSON-RPC, HTTP and WebSocket. 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8545)]
    pub(crate) rpc_port: u16,
    /// Port of the gateway, which takes ISO 20022 messages. 0 takes a free one. Default: 8600; a free one where the RPC's is.
    #[arg(long, value_name = "PORT")]
    pub(crate) gateway_port: Option<u16>,
    /// Keep everything in this directory, and go on from it next time. Default: a temporary one, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// Where a network's data lies.
pub(crate) enum Data {
    /// In a directory that somebody named.
    Kept(PathBuf),
    /// In one that is removed at the end.
    Temporary(TempDir),
}

impl Data {
    fn open(command: &DemoCommand) -> Result<Self, Failure> {
        command.data.clone().map_or_else(|| Self::temporary("florin-demo-"), |directory| Ok(Self::Kept(directory)))
    }

    /// A new temporary directory.
    pub(crate) fn temporary(prefix: &str) -> Result<Self, Failure> {
        let made = tempfile::Builder::new().prefix(prefix).tempdir();
        made.map(Self::Temporary).map_err(|error| Failure::writing(&std::env::temp_dir(), &error))
    }

    /// The directory.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Kept(directory) => directory.clone(),
            Self::Temporary(directory) => directory.path().to_path_buf(),
        }
    }

    /// Adds to a failure of the network where its nodes' logs are: they stay, since somebody must read them. Without any,
    /// or when nothing is wrong with the nodes, temporary data goes.
    pub(crate) fn close_after(self, failure: Failure) -> Failure {
        let failed = matches!(failure.exit, Exit::Unavailable | Exit::Damaged | Exit::Failed);
        match self {
            Self::Temporary(directory) if failed && has_logs(directory.path()) => {
                let path = directory.keep();
                let next = format!("{}. The data stays in {}: remove it then", failure.next, path.display());
                Failure { next, ..failure }
            }
            _ => failure,
        }
    }

    /// Says where the data is, or removes it.
    fn close(self) -> Result<String, Failure> {
        match self {
            Self::Kept(directory) => {
                Ok(format!("data kept in {0}; go on with `florin demo --data {0}`", directory.display()))
            }
            Self::Temporary(directory) => {
                let path = directory.path().to_path_buf();
                directory.close().map_err(|error| Failure::writing(&path, &error))?;
                Ok(format!("data in {} removed; `florin demo --data DIR` keeps it", path.display()))
            }
        }
    }
}

/// Runs `florin demo` until it is told to stop.
pub(crate) fn run(command: DemoCommand, output: Output) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
            Failure::new(
                Exit::Failed,
                "demo.runtime",
                error,
                "free memory or raise the limit of threads, and try again",
            )
        })?;
    let data = Data::open(&command)?;
    let result = runtime.block_on(async {
        let progress = Progress::new(output.is_json());
        let (mut network, deaths) = Network::start(People::derive()?, &command, data.path(), &progress).await?;
        let result = match network.open_gateway(&command).await {
            Ok(()) => live(&network, deaths, &command, &data, progress, output).await,
            Err(failure) => Err(failure),
        };
        network.stop().await;
        result
    });
    match result {
        Ok(()) => output.say(&format!("stopped; {}", data.close()?)),
        Err(failure) => Err(data.close_after(failure)),
    }
}

/// Tells the working day, says what runs, and watches it. Scripts want to know first what runs.
async fn live(
    network: &Network,
    deaths: mpsc::UnboundedReceiver<Death>,
    command: &DemoCommand,
    data: &Data,
    progress: Progress,
    output: Output,
) -> Result<(), Failure> {
    // Before anybody reads that it runs: whoever does may stop it at once.
    let stop = crate::node::stop_request(None)?;
    tokio::pin!(stop);
    if output.is_json() {
        show(network, data, output)?;
    }
    if !command.quiet {
        tokio::select! {
            () = &mut stop => return Ok(()),
            report = day::run(network, &progress, output) => {
                let report = report?;
                if output.is_json() {
                    // Scripts that wanted the first line alone have gone, and the network goes on for them.
                    output::line_for_who_stays(&report.json().to_string());
                }
            }
        }
    }
    if !output.is_json() {
        show(network, data, output)?;
    }
    watch(network, deaths, command, progress, stop).await
}

/// Whether a node has written a log below this directory.
fn has_logs(root: &Path) -> bool {
    let nodes = std::fs::read_dir(root).into_iter().flatten().flatten();
    nodes.into_iter().any(|node| node.path().join(LOG_FILE).exists())
}

/// A demo network that runs.
pub(crate) struct Network {
    /// Its people.
    pub(crate) people: People,
    /// The currency's address.
    pub(crate) token: Address,
    layout: Layout,
    nodes: Vec<RunningNode>,
    gateway: Option<DemoGateway>,
    _claim: PortClaim,
}

impl Network {
    /// Starts every node and waits until a block is final. Deaths of nodes come over the channel.
    pub(crate) async fn start(
        people: People,
        command: &DemoCommand,
        root: PathBuf,
        progress: &Progress,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Death>), Failure> {
        progress.step("making keys and genesis");
        let layout = Layout::open(&root, command.validators, command.followers, &people, now_ms())?;
        let nodes = layout.nodes();
        let (claim, ports) = choose_ports(command.rpc_port, nodes.len())?;
        for (node, (rpc_port, monitoring_port)) in nodes.iter().zip(ports) {
            layout.configure(node, rpc_port, monitoring_port)?;
        }
        progress.step(&format!("starting {} nodes", nodes.len()));
        let (died, deaths) = mpsc::unbounded_channel();
        let nodes = start_all(&nodes, &died).await?;
        let token = florin_modules::token_address(1);
        let network = Self { people, token, layout, nodes, gateway: None, _claim: claim };
        progress.step("waiting for the first final block");
        if let Err(failure) = network.wait_for_block().await {
            network.stop().await;
            return Err(failure);
        }
        Ok((network, deaths))
    }

    /// Lets banks' systems in. A network that is only measured has no use for it.
    async fn open_gateway(&mut self, command: &DemoCommand) -> Result<(), Failure> {
        let port = command.gateway_port.unwrap_or(if command.rpc_port == 0 { 0 } else { GATEWAY_PORT });
        let dollar = self.dollar(command.quiet).await?;
        let opened = DemoGateway::start(self, port, dollar).await.map_err(|failure| {
            let next = "another program, perhaps another demo, has it: stop it, or give --gateway-port PORT (0 for any free one)";
            if failure.code == "gateway.listen" { Failure { next: next.into(), ..failure } } else { failure }
        });
        self.gateway = Some(opened?);
        Ok(())
    }

    /// The second currency: the one that a day made, or else that the day to come will make as the ledger's second token.
    async fn dollar(&self, is_quiet: bool) -> Result<Option<Address>, Failure> {
        let modules = Modules::new(connect(self.rpc_url())?, DEMO_CHAIN_ID);
        let call = IFactory::addressOfCall { symbol: day::DOLLAR.into() };
        let known = modules.ask(FACTORY_ADDRESS, &call).await.map_err(client_failure)?;
        let to_come = (!is_quiet).then(|| florin_modules::token_address(2));
        Ok(if known.is_zero() { to_come } else { Some(known) })
    }

    /// Where the gateway is served.
    fn gateway_url(&self) -> &str {
        self.gateway.as_ref().map(|gateway| gateway.url.as_str()).unwrap_or_default()
    }

    /// Where the first validator serves RPC.
    pub(crate) fn rpc_url(&self) -> &str {
        self.nodes.first().and_then(|node| node.serving.rpc_url.as_deref()).unwrap_or_default()
    }

    /// Where every validator serves RPC.
    pub(crate) fn rpc_urls(&self) -> Vec<String> {
        let validators = self.nodes.iter().filter(|node| node.serving.role == "validator");
        validators.filter_map(|node| node.serving.rpc_url.clone()).collect()
    }

    /// A client of every validator.
    fn clients(&self) -> Result<Vec<RpcClient>, Failure> {
        self.rpc_urls().iter().map(|url| connect(url)).collect()
    }

    /// What can be measured of the nodes.
    pub(crate) fn measured(&self) -> Vec<florin_bench::MeasuredNode> {
        let measured = |node: &RunningNode| florin_bench::MeasuredNode {
            process_id: node.pid,
            metrics_url: node.serving.monitoring_url.as_ref().map(|url| format!("{url}/metrics")),
            data: Some(node.directory.join("data")),
        };
        self.nodes.iter().map(measured).collect()
    }

    /// Stops every node.
    pub(crate) async fn stop(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        futures::future::join_all(self.nodes.into_iter().map(RunningNode::stop)).await;
        process::stop_restarted(&self.layout.nodes());
    }

    /// Waits until every validator has seen a block become final since it started.
    async fn wait_for_block(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + FIRST_BLOCK_TIME_MAX;
        for (client, node) in self.clients()?.iter().zip(&self.nodes) {
            while height(client).await.is_none_or(|height| height <= node.serving.height) {
                if Instant::now() >= deadline {
                    return Err(Failure::unavailable(
                        "demo.first_block",
                        format_args!("no block was final within {} s", FIRST_BLOCK_TIME_MAX.as_secs()),
                        format_args!("read the logs in {}", self.layout.root().display()),
                    ));
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }
}

async fn start_all(nodes: &[DemoNode], died: &mpsc::UnboundedSender<Death>) -> Result<Vec<RunningNode>, Failure> {
    let starting = nodes.iter().map(|node| RunningNode::start(node, died.clone()));
    let (mut running, mut failed) = (Vec::new(), None);
    for started in futures::future::join_all(starting).await {
        match started {
            Ok(node) => running.push(node),
            Err(failure) => failed = failed.or(Some(failure)),
        }
    }
    match failed {
        None => Ok(running),
        Some(failure) => {
            futures::future::join_all(running.into_iter().map(RunningNode::stop)).await;
            Err(failure)
        }
    }
}

/// One port for RPC and one for monitoring, for each node; the first RPC port is the one asked for.
fn choose_ports(rpc_port: u16, nodes: usize) -> Result<(PortClaim, Vec<(u16, u16)>), Failure> {
    // All are held until all are chosen, so that none is chosen twice.
    let (claim, mut held) = layout::claim_ports(layout::SERVING_PORTS, nodes.saturating_mul(2))?;
    if let Some(first) = held.first_mut().filter(|_| rpc_port != 0) {
        *first = TcpListener::bind((Ipv4Addr::LOCALHOST, rpc_port)).map_err(|error| {
            Failure::unavailable(
                "demo.port",
                format_args!("port {rpc_port} cannot be used: {error}"),
                "another program, perhaps another demo, has it: stop it, or give --rpc-port PORT (0 for any free one)",
            )
        })?;
    }
    let ports: Vec<u16> = held.iter().map(layout::port_of).collect::<Result<_, _>>()?;
    Ok((claim, ports.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
}

/// Says what runs: one line of JSON, or what a person wants to know first.
fn show(network: &Network, data: &Data, output: Output) -> Result<(), Failure> {
    let serving = network.nodes.first().map(|node| &node.serving);
    let accounts: Vec<_> = network
        .people
        .named()
        .iter()
        .map(|account| {
            let private_key = known_secret(&account.key);
            json!({ "name": account.name, "address": account.key.address(), "private_key": private_key })
        })
        .collect();
    let nodes: Vec<_> = network
        .nodes
        .iter()
        .map(|node| {
            json!({
                "name": node.name,
                "role": node.serving.role,
                "pid": node.pid,
                "rpc_url": node.serving.rpc_url,
                "ws_url": node.serving.ws_url,
                "monitoring_url": node.serving.monitoring_url,
                "dir": node.directory,
                "command": node.command,
            })
        })
        .collect();
    let (validators, followers): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| node["role"] == "validator");
    let value = json!({
        "rpc_url": network.rpc_url(),
        "ws_url": serving.and_then(|serving| serving.ws_url.clone()),
        "chain_id": DEMO_CHAIN_ID,
        "accounts": accounts,
        "tokens": [{ "symbol": DEMO_SYMBOL, "address": network.token, "decimals": 2 }],
        "gateway_url": network.gateway_url(),
        "data": network.layout.root(),
        "validators": validators,
        "followers": followers,
    });
    output.show(&value, || announcement(network, data))
}

fn announcement(network: &Network, data: &Data) -> String {
    let resumed = if network.layout.resumed { "resumed" } else { "new" };
    let kept = match data {
        Data::Kept(directory) => format!("{} (kept)", directory.display()),
        Data::Temporary(directory) => {
            format!("{} (removed at the end; --data DIR keeps it)", directory.path().display())
        }
    };
    let mut text = format!("\nFlorin demo, {resumed}: {} validators\n\n", network.layout.validators());
    text.push_str(&output::fields(&[
        ("  RPC", format!("{} (HTTP and WebSocket)", network.rpc_url())),
        (
            "  gateway",
            format!("{}/v1/messages (ISO 20022; key of bank-a: {})", network.gateway_url(), key_of("bank-a")),
        ),
        ("  chain id", DEMO_CHAIN_ID.to_string()),
        ("  currency", format!("{DEMO_SYMBOL} at {}, 2 digits, regulated", network.token)),
        ("  data", kept),
    ]));
    let mut rows =
        vec![["  ACCOUNT", "ADDRESS", "PRIVATE KEY (demo only, known to everyone)"].map(String::from).to_vec()];
    for account in network.people.named() {
        let private_key = known_secret(&account.key);
        rows.push(vec![format!("  {}", account.name), account.key.address().to_string(), private_key]);
    }
    text.push('\n');
    text.push_str(&output::table(&rows));
    text.push_str(&format!("\nTry, in another terminal:\n{}", cast_lines(network)));
    text.push_str("\nCtrl-C stops it.\n");
    text
}

/// A private key of the demo, which everyone knows. None of them is in a device.
fn known_secret(key: &Signer) -> String {
    secret_hex(key).map(|digits| digits.to_string()).unwrap_or_default()
}

/// Lines that work as they stand, pasted into a shell.
fn cast_lines(network: &Network) -> String {
    let (token, rpc) = (network.token, network.rpc_url());
    let developer = &network.people.named()[0];
    let bank = network.people.banks()[0].key.address();
    let key = known_secret(&developer.key);
    let root = network.layout.root().display();
    let florin = std::env::current_exe().map_or_else(|_| "florin".into(), |path| path.display().to_string());
    let trust = format!("--rpc {rpc} --genesis {root}/genesis.json");
    format!(
        "  export ETH_RPC_URL={rpc} KEY={key}\n  \
           cast block-number\n  \
           cast balance --ether {developer}\n  \
           cast call {token} 'balanceOf(address)(uint256)' {bank}\n  \
           cast send {token} 'transfer(address,uint256)' {bank} 1250 --private-key $KEY\n  \
           {florin} pay --from bank-a --to bank-b --amount 12.50 --token {DEMO_SYMBOL} {trust} \\\n    \
             --keystore {root}/keystore --passphrase-file {root}/passphrase\n  \
           {florin} inspect tx HASH {trust}\n  \
           {florin} inspect invariants {trust}\n",
        key = key.as_str(),
        developer = developer.key.address(),
    )
}

/// Watches the network, and runs payments over it, until a signal.
async fn watch(
    network: &Network,
    mut deaths: mpsc::UnboundedReceiver<Death>,
    command: &DemoCommand,
    mut progress: Progress,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Failure> {
    let traffic = if command.quiet { None } else { Some(Traffic::start(network, command.rate).await?) };
    let clients = network.clients()?;
    let mut pulse = Pulse { validators: clients.len(), ..Pulse::default() };
    let mut beat = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(death) = deaths.recv() => progress.note(&death_note(&death, network)),
            _ = beat.tick() => {
                // A validator that somebody started again counts as well, so the nodes are asked, not their processes.
                let heights = futures::future::join_all(clients.iter().map(height)).await;
                pulse.validators_up = heights.iter().flatten().count();
                pulse.height = heights.into_iter().flatten().max().unwrap_or(pulse.height);
                if let Some(traffic) = &traffic {
                    let seen = traffic.seen();
                    pulse.payments_per_second = seen.payments.saturating_sub(pulse.payments);
                    pulse.payments = seen.payments;
                    pulse.finality_ms = seen.finality_ms;
                }
                progress.pulse(&pulse);
            }
        }
    }
    progress.step("stopping");
    progress.finish();
    Ok(())
}

/// Height of a node that answers at once.
async fn height(client: &RpcClient) -> Option<u64> {
    tokio::time::timeout(ANSWER_TIME_MAX, client.block_number()).await.ok()?.ok()
}

fn death_note(death: &Death, network: &Network) -> String {
    let node = network.nodes.iter().find(|node| node.name == death.name);
    let again = node.map(|node| node.command.join(" ")).unwrap_or_default();
    format!("{} ended: {}. Start it again with: {again}", death.name, death.how)
}
