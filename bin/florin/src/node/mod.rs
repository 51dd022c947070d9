//! `florin node`: one validator or follower, from one directory, until it is told to stop.
//!
//! **Parts.** The engine (consensus, ledger, mempool) and beside it what reads the ledger: the index, JSON-RPC, metrics
//! and health. All share one tokio runtime. The parts beside the engine may fail without hurting it; the engine's end
//! is the process's end.
//!
//! **Stop.** SIGTERM and SIGINT stop cleanly: no new requests, files closed, lock released, exit code 0. A second
//! signal ends at once, which is safe too: whatever is final is on the disk.
//!
//! **Failures.** A wrong configuration or genesis file: exit 2 or 3 before anything is touched. Damaged data: exit 6,
//! the damage named. A fault while running stops the process; a node that doubts its own data answers nobody.

mod admin_acts;
pub(crate) mod directory;
pub(crate) mod evidence;
pub(crate) mod intrusions;
pub(crate) mod machine;
pub(crate) mod measured;
pub(crate) mod monitoring;
mod queues;
mod services;
pub(crate) mod tls;
pub(crate) mod vitals;
pub(crate) mod votes;

use crate::{
    demo::process::Serving,
    failure::{Exit, Failure},
    output::{self, Output},
    passphrase::PassphraseSource,
    telemetry::Telemetry,
};
use alloy_primitives::B256;
use clap::Args;
use directory::Directory;
use florin_consensus::{Committee, History, NetworkConfig, Node, NodeConfig};
use florin_proof::Finalization;
use florin_types::{Genesis, GenesisNode, NodeRole};
use intrusions::Intrusions;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use services::NotStarted;
use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use votes::{Begun, Standing, Waiting};

/// Contacts of which one may lie (n > 3f).
const CONTACTS_MIN: usize = 4;
/// Longest time for a clean stop, after which the process ends anyway.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);

/// Runs one node.
#[derive(Debug, Args)]
#[command(after_help = "\
The directory holds genesis.json, config.toml (optional), node.key.json and, for a validator, share.key.json;
everything stored goes to data/ in it.

Examples:
  florin node --dir /var/lib/florin
  FLORIN__RPC__LISTEN=0.0.0.0:8545 florin node --dir /var/lib/florin --passphrase-file /run/secrets/florin
  florin node --dir /var/lib/florin --json      one line of JSON once it serves")]
pub(crate) struct NodeCommand {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Stop when standard input closes: a parent process holds it open for as long as it lives.
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs `florin node` until it is told to stop.
pub(crate) fn run(command: &NodeCommand, output: Output) -> Result<(), Failure> {
    raise_file_limit();
    let directory = Directory::open(&command.dir)?;
    let genesis = Arc::new(directory.genesis()?);
    let _lock = directory.lock()?;
    let config = node_config(&directory, &genesis, &command.passphrase)?;
    let network = listening(&directory, &genesis.nodes, &config.secret.public_key())?;
    check_free(network.listen)?;
    let telemetry = Telemetry::start(directory.config(), &node_name(&config))?;
    let result = live(&directory, &config, &network, &telemetry, command.stop_with_stdin, output);
    if let Err(failure) = &result {
        tracing::error!(code = failure.code, "{}", failure.message);
    }
    telemetry.stop();
    result
}

/// Runs the node until it is told to stop. A validator that does not know its earlier votes runs without its share first,
/// and again with it when that is safe.
fn live(
    directory: &Directory,
    config: &NodeConfig,
    network: &NetworkConfig,
    telemetry: &Telemetry,
    stop_with_stdin: bool,
    output: Output,
) -> Result<(), Failure> {
    let stop = keep_stop_request(stop_with_stdin)?;
    let (mut first, mut waited) = (true, None);
    while !*stop.borrow() {
        let (config, votes) = with_votes(directory, config.clone(), waited.take())?;
        let life = Life { first, votes, intrusions: telemetry.intrusions(), stop: stop.clone(), output };
        let end = machine::run(directory.data(), machine::worker_threads(directory), |context| {
            serve(context, directory, config, network.clone(), life)
        })?;
        match end {
            End::Stopped => break,
            End::MayVote(floor) => {
                tracing::info!("starting again, as a validator that votes");
                waited = Some(*floor);
            }
            End::MustFollow => tracing::info!("starting again, without a vote at first"),
        }
        first = false;
    }
    Ok(())
}

/// One run of the node's runtime.
struct Life {
    first: bool,
    votes: Votes,
    intrusions: Arc<Intrusions>,
    stop: watch::Receiver<bool>,
    output: Output,
}

/// What is to be done about a node's votes while it runs.
enum Votes {
    /// Nothing: it knows all of them, or has no share.
    Known,
    /// The first final block is to be noted, unless the others say that it has cast votes that it does not know.
    Ask(Begun),
    /// It may not vote before this is over.
    Wait(Waiting),
}

/// Why a run of the node's runtime ended.
enum End {
    /// Somebody asked for it.
    Stopped,
    /// The validator may vote from now on, above this certificate.
    MayVote(Box<Finalization>),
    /// The validator may have votes that are not known here.
    MustFollow,
}

/// Takes the share out of the configuration of a validator that must not vote yet, and tells the other how far it has voted. Where the
/// committee changes, any node may hold a share that it was dealt. `waited` is the certificate above which it may vote because it has
/// waited in this process.
fn with_votes(
    directory: &Directory,
    mut config: NodeConfig,
    waited: Option<Finalization>,
) -> Result<(NodeConfig, Votes), Failure> {
    let has_share = config.share.is_some();
    if !has_share && config.genesis.epoch_blocks.is_none() {
        return Ok((config, Votes::Known));
    }
    if waited.is_some() {
        config.floor = waited;
        return Ok((config, Votes::Known));
    }
    match votes::standing(&directory.data(), config.secret.public_key(), monitoring::now_ms())? {
        Standing::Votes(floor) => {
            config.floor = floor.map(|floor| *floor);
            Ok((config, Votes::Known))
        }
        Standing::Asks(beginning, floor, begun) => {
            config.floor = floor.map(|floor| *floor);
            config.beginning = Some(beginning);
            Ok((config, Votes::Ask(begun)))
        }
        Standing::Waits(waiting) => {
            match has_share {
                true => tracing::warn!(
                    "the votes that this validator has cast are not known here (a restored or new data directory, or a copy): it follows, \
                     and votes again by itself once a block made after now is final. If all validators wait, see docs/backup.md"
                ),
                false => {
                    tracing::info!("if this node has ever voted, it is not known here for what: it signs nothing yet")
                }
            }
            config.share = None;
            config.abstains = true;
            Ok((config, Votes::Wait(waiting)))
        }
    }
}

/// Every connection and every stored file needs a descriptor, and what a shell allows by default is little. Where the
/// system refuses, the connections of the configuration may not all find one; JSON-RPC then pauses and says so.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn node_config(
    directory: &Directory,
    genesis: &Arc<Genesis>,
    passphrase: &PassphraseSource,
) -> Result<NodeConfig, Failure> {
    let passphrase = directory.passphrase_source(passphrase).existing("the node's keys")?;
    let secret = directory.node_secret(&passphrase)?;
    let share = directory.share(&passphrase)?;
    let key = secret.public_key();
    let committee = Committee::from_genesis(genesis).map_err(crate::key::network::key_failure)?;
    match (&share, committee.contains(&key)) {
        (Some(share), true) => committee.check_share(&key, share).map_err(crate::key::network::key_failure)?,
        (None, true) => {
            return Err(Failure::input(
                "node.share",
                format_args!("node {key} is a validator but {} does not exist", directory.share_path().display()),
                "take the share from the ceremony (`florin key ceremony`) or from a backup",
            ));
        }
        (Some(_), false) => {
            return Err(Failure::input(
                "node.share",
                format_args!("node {key} has a threshold share but is no validator of this genesis file"),
                "check genesis.json, or remove the share to follow",
            ));
        }
        (None, false) => {}
    }
    let settings = directory.config();
    let bound = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let mut config = NodeConfig::new(genesis.clone(), secret, share);
    config.history = history(&settings.storage)?;
    config.contacts = others(settings.network.known()?, config.secret.public_key())?;
    config.page_cache_bytes = machine::page_cache_bytes(directory);
    if config.page_cache_bytes as u64 > machine::memory_bytes() {
        return Err(Failure::input(
            "node.page_cache",
            format_args!(
                "storage.page_cache_mb asks for {} bytes, and this machine has {}",
                config.page_cache_bytes,
                machine::memory_bytes()
            ),
            "ask for less, or 0 for a sixteenth of the machine's memory",
        ));
    }
    config.pool.transactions_max = bound(settings.mempool.transactions_max);
    config.pool.sender_transactions_max = bound(settings.mempool.sender_transactions_max);
    config.pool.bytes_max = bound(settings.mempool.bytes_max);
    config.pool.lifetime_ms = settings.mempool.age_ms_max;
    Ok(config)
}

/// The contacts of a node, which is none of them itself.
fn others(contacts: Vec<GenesisNode>, own: B256) -> Result<Vec<GenesisNode>, Failure> {
    if contacts.iter().any(|node| node.public_key == own) {
        return Err(Failure::usage(
            "config.value",
            format_args!("field network.contacts: {own} is this node's own key, and it knows no more than it knows"),
            "name other nodes of the network, best those of four members",
        ));
    }
    if (1..CONTACTS_MIN).contains(&contacts.len()) {
        tracing::warn!(
            contacts = contacts.len(),
            "node.contacts: if one of so few lies it may tell this node of an older state than the newest: name {CONTACTS_MIN} or more"
        );
    }
    Ok(contacts)
}

/// How much the node keeps.
fn history(storage: &crate::config::Storage) -> Result<History, Failure> {
    if storage.archive && storage.blocks_kept > 0 {
        return Err(Failure::input(
            "node.history",
            format_args!("storage.archive keeps every height, storage.blocks_kept only {} blocks", storage.blocks_kept),
            "set one of the two",
        ));
    }
    Ok(History {
        window: storage.history_blocks,
        archive: storage.archive,
        blocks_kept: (storage.blocks_kept > 0).then_some(storage.blocks_kept),
        ..History::default()
    })
}

fn own_entry<'a>(genesis: &'a Genesis, config: &NodeConfig) -> Option<&'a GenesisNode> {
    let key = config.secret.public_key();
    genesis.nodes.iter().find(|node| node.public_key == key)
}

fn node_name(config: &NodeConfig) -> String {
    own_entry(&config.genesis, config).map_or_else(|| config.secret.public_key().to_string(), |node| node.name.clone())
}

/// Where the node with this key listens, among these nodes.
pub(crate) fn listening(directory: &Directory, nodes: &[GenesisNode], key: &B256) -> Result<NetworkConfig, Failure> {
    let settings = &directory.config().network;
    let named = nodes.iter().find(|node| node.public_key == *key);
    let port = named.and_then(|node| node.address.rsplit(':').next()?.parse::<u16>().ok());
    let every_interface = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listen = settings.listen.or(port.map(every_interface)).ok_or_else(|| {
        Failure::usage(
            "network.listen",
            format_args!("node {key} is not named among the network's nodes, so there is no port to listen on"),
            "set network.listen in config.toml, or check the genesis file and the node key",
        )
    })?;
    let mut network = NetworkConfig::new(listen);
    network.allow_private_addresses = settings.private_addresses;
    network.check_source_addresses = settings.check_source_addresses;
    Ok(network)
}

/// The engine would meet a port that is taken as a fault; here it is what it is.
pub(crate) fn check_free(listen: SocketAddr) -> Result<(), Failure> {
    std::net::TcpListener::bind(listen).map(drop).map_err(|error| {
        Failure::unavailable(
            "network.listen",
            format_args!("other nodes cannot be listened for on {listen}: {error}"),
            "stop the program that uses this port, or set network.listen in config.toml",
        )
    })
}

/// Starts every part, says that it serves, and waits for a reason to stop.
async fn serve(
    context: florin_consensus::Context,
    directory: &Directory,
    config: NodeConfig,
    network: NetworkConfig,
    life: Life,
) -> Result<End, Failure> {
    let name = node_name(&config);
    let mut asked = life.stop;
    // Whoever could ask lives as long as the process.
    let stop = async move { drop(asked.wait_for(|asked| *asked).await) };
    tokio::pin!(stop);
    let starting = services::start(context, directory, config, network, life.intrusions);
    monitoring::warn_of_plain_ports(directory.config().plain_public_ports());
    let started = tokio::select! {
        started = starting => started,
        () = &mut stop => return Ok(End::Stopped),
    };
    let services = match started {
        Err(NotStarted::Begun(reason)) => return life.votes.must_follow(&reason),
        started => started?,
    };
    let serving = services.serving();
    match life.first {
        true => life.output.show(&serving, || announcement(&name, &serving))?,
        false => life.output.show_again(&serving, || announcement(&name, &serving)),
    }
    tracing::info!(node = name, height = serving.height, "serving");
    let ended = tokio::select! {
        () = &mut stop => Ok(End::Stopped),
        reason = services.ended() => Err(ended_by_itself(&reason)),
        end = follow_votes(services.node(), life.votes) => end,
    };
    if tokio::time::timeout(STOP_TIME_MAX, services.stop()).await.is_err() {
        tracing::warn!("a part did not end in time; what is final is on the disk");
    }
    if let Ok(End::Stopped) = &ended {
        tracing::info!(node = name, "stopped");
    }
    ended
}

/// Notes what the node's votes ask for; ends when it has to be started again, with its share or without, or the note cannot be
/// written.
async fn follow_votes(node: &Node, votes: Votes) -> Result<End, Failure> {
    match votes {
        Votes::Known => {}
        Votes::Wait(waiting) => {
            let floor = waiting.until_safe(node).await?;
            if node.genesis().epoch_blocks.is_none() {
                return Ok(End::MayVote(Box::new(floor)));
            }
            node.votes_after(&floor);
        }
        Votes::Ask(begun) => {
            let noting = async {
                begun.clone().note(node).await?;
                std::future::pending::<Result<(), Failure>>().await
            };
            tokio::select! {
                reason = node.begun_before() => return Votes::Ask(begun).must_follow(&reason),
                failed = noting => failed?,
            }
        }
    }
    std::future::pending().await
}

impl Votes {
    /// Notes that this validator may have voted before, durably, before it runs again.
    fn must_follow(&self, reason: &str) -> Result<End, Failure> {
        if let Self::Ask(begun) = self {
            begun.wait(monitoring::now_ms())?;
        }
        tracing::warn!(reason, "this data directory does not know all votes of this validator");
        Ok(End::MustFollow)
    }
}

fn ended_by_itself(reason: &str) -> Failure {
    Failure::new(
        Exit::Damaged,
        "node.ended",
        format_args!("the engine ended by itself: {reason}"),
        "read the log above; then run `florin inspect verify --dir DIR`",
    )
}

fn announcement(name: &str, serving: &Serving) -> String {
    let absent = || "off".to_string();
    let fields = output::fields(&[
        ("  rpc", serving.rpc_url.clone().unwrap_or_else(absent)),
        ("  monitoring", serving.monitoring_url.clone().unwrap_or_else(absent)),
        ("  height", serving.height.to_string()),
    ]);
    format!("{} {name} serves; Ctrl-C stops it\n{fields}", serving.role)
}

/// Watches standard input, which a parent process holds open for as long as it lives.
fn watch_parent(gone: watch::Sender<bool>) {
    // A thread of its own: it must notice even when the runtime hangs, and then end the process.
    std::thread::spawn(move || {
        let mut byte = [0u8; 64];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        let _ = gone.send(true);
        std::thread::sleep(STOP_TIME_MAX + Duration::from_secs(3));
        std::process::exit(Exit::Failed as i32);
    });
}

/// Keeps a request to stop for as long as the process lives: one that comes between two runs of the node must not be lost.
fn keep_stop_request(stop_with_stdin: bool) -> Result<watch::Receiver<bool>, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, "node.signals", error, "free memory, and try again");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (gone, parent_gone) = watch::channel(false);
    if stop_with_stdin {
        watch_parent(gone);
    }
    // From here on no signal is lost, whether or not somebody waits for one.
    let request = runtime.block_on(async { stop_request(stop_with_stdin.then_some(parent_gone)) })?;
    let (ask, asked) = watch::channel(false);
    let listen = async move {
        request.await;
        let _ = ask.send(true);
        std::future::pending::<()>().await;
    };
    let thread = std::thread::Builder::new().name("stop-request".into());
    thread.spawn(move || runtime.block_on(listen)).map_err(failed)?;
    Ok(asked)
}

/// Resolves when somebody asks for the end: a signal, or the parent that went away.
pub(crate) fn stop_request(parent_gone: Option<watch::Receiver<bool>>) -> Result<impl Future<Output = ()>, Failure> {
    let watch = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(Exit::Failed, "node.signals", error, "report this: signals cannot be received")
        })
    };
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let parent_gone = async move {
        if let Some(mut gone) = parent_gone
            && gone.wait_for(|gone| *gone).await.is_ok()
        {
            return;
        }
        // There is no parent to be watched.
        std::future::pending().await
    };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = parent_gone => {}
        }
        // Whoever asks twice means at once.
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(Exit::Failed as i32);
        });
    })
}

/// What a node is called in its announcement.
fn role_name(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Validator => "validator",
        NodeRole::Follower => "follower",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};

    #[test]
    fn a_request_to_stop_is_kept_while_no_node_runs() {
        let mut asked = keep_stop_request(false).unwrap();
        // No node runs here, as between two lives: nobody waits for a signal.
        kill_process(getpid(), Signal::TERM).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { asked.wait_for(|asked| *asked).await.map(drop) }).unwrap();
        assert!(*asked.borrow(), "the next life sees it before it begins");
    }

    #[test]
    fn a_node_is_no_contact_of_its_own() {
        let node = |byte| GenesisNode {
            name: format!("node-{byte}"),
            public_key: B256::repeat_byte(byte),
            address: "127.0.0.1:9000".into(),
            role: NodeRole::Validator,
        };
        let (own, two) = (B256::repeat_byte(2), vec![node(1), node(3)]);
        assert_eq!(others(two.clone(), own).unwrap(), two);
        let failure = others([two, vec![node(2)]].concat(), own).unwrap_err();
        let says = failure.message.contains("network.contacts") && failure.message.contains(&own.to_string());
        assert!(says, "{}", failure.message);
        assert!(others(Vec::new(), own).unwrap().is_empty());
    }
}
