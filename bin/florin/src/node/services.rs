//! The parts of a running node, started in order and stopped in reverse: monitoring, engine, index, JSON-RPC, history.

use super::{
    admin_acts,
    directory::Directory,
    evidence,
    intrusions::Intrusions,
    monitoring,
    queues::{self, Queues},
    role_name, tls,
    vitals::Vitals,
};
use crate::{
    config::Rpc,
    demo::process::Serving,
    failure::Failure,
    genesis,
    history::{self, feed::Feed},
    key::network::key_failure,
};
use alloy_primitives::B256;
use florin_consensus::{Context, NetworkConfig, Node, NodeConfig, StartError, SubmitError as EngineRefusal};
use florin_index::Index;
use florin_mempool::Submitted;
use florin_rpc::{Backend, Ban, ClientLimits, NodeControl, NodeStatus, RpcConfig, RpcServer, SubmitError};
use florin_types::VerifiedTx;
use futures::future::BoxFuture;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// Longest time for requests that run to finish, when the node stops.
const RPC_STOP_TIME_MAX: Duration = Duration::from_secs(3);
/// What monitors are told until the engine runs.
const STARTING: &str =
    "starting: what is on the disk is recovered, or the state is copied from peers; the log says how far it is";

/// A node with everything beside it.
pub(crate) struct Services {
    stage: Arc<Stage>,
    measured: Arc<Measured>,
    rpc_address: Option<SocketAddr>,
    rpc_tls: bool,
    monitoring: Option<SocketAddr>,
    monitoring_tls: bool,
}

/// Why a node does not run.
pub(crate) enum NotStarted {
    /// A validator that was to vote for the first time may have voted before: the reason.
    Begun(String),
    /// Anything else.
    Failed(Failure),
}

impl From<Failure> for NotStarted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<NotStarted> for Failure {
    fn from(not_started: NotStarted) -> Self {
        match not_started {
            NotStarted::Failed(failure) => failure,
            NotStarted::Begun(reason) => start_failure(StartError::Begun(reason)),
        }
    }
}

/// Starts everything that the configuration asks for.
pub(crate) async fn start(
    context: Context,
    directory: &Directory,
    config: NodeConfig,
    network: NetworkConfig,
    intrusions: Arc<Intrusions>,
) -> Result<Services, NotStarted> {
    let settings = directory.config();
    // Before anything is touched: a history that is badly named is a mistake in the configuration.
    let history = history::location(directory)?;
    intrusions.expect(config.genesis.validators().map(|node| node.public_key));
    // Before the engine: one that copies the state takes minutes, and whoever watches the process shall know why.
    let stage = Arc::new(Stage { vitals: Vitals::new(directory.data()), intrusions, running: OnceLock::new() });
    let monitoring = if settings.monitoring.enabled {
        let files = (&settings.monitoring.tls_certificate, &settings.monitoring.tls_key);
        let certificate = tls::open(directory.root(), "monitoring", files)?;
        Some(monitoring::serve(settings.monitoring.listen, certificate, stage.clone()).await?)
    } else {
        None
    };
    let node = match florin_consensus::start(context, config, network).await {
        Err(StartError::Begun(reason)) => return Err(NotStarted::Begun(reason)),
        started => started.map_err(start_failure)?,
    };
    keep_watch(directory, &node);
    let rpc = if settings.rpc.enabled { Some(serve_rpc(directory, &node).await?) } else { None };
    let rpc_address = rpc.as_ref().map(RpcServer::address);
    let measured = Arc::new(Measured {
        rpc: Mutex::new(rpc),
        history: history.map(|place| {
            history::feed::follow(place, node.ledger().clone(), node.genesis().clone(), node.genesis_hash())
        }),
        queues: queues::watch(node.ledger().clone(), node.genesis().clone(), settings.monitoring.names()?),
        node,
        block_age_ms_max: settings.monitoring.block_age_ms_max,
    });
    let _ = stage.running.set(measured.clone());
    let rpc_tls = settings.rpc.tls_certificate.is_some();
    let monitoring_tls = settings.monitoring.tls_certificate.is_some();
    Ok(Services { stage, measured, rpc_address, rpc_tls, monitoring, monitoring_tls })
}

/// Looks for what nobody else would tell of: validators that contradict themselves, and powers over the ledger that are used.
fn keep_watch(directory: &Directory, node: &Node) {
    if let Some(found) = node.take_evidence() {
        tokio::spawn(evidence::keep(directory.root().join("evidence"), node.genesis_hash(), found));
    }
    tokio::spawn(admin_acts::follow(node.ledger().clone()));
}

impl Services {
    /// What the node looks like from outside.
    pub(crate) fn serving(&self) -> Serving {
        let status = self.measured.node.status();
        let address = self.rpc_address;
        Serving {
            role: role_name(status.role).into(),
            rpc_url: address.map(|address| url("http", self.rpc_tls, address)),
            ws_url: address.map(|address| url("ws", self.rpc_tls, address)),
            monitoring_url: self.monitoring.map(|address| url("http", self.monitoring_tls, address)),
            height: status.height,
        }
    }

    /// The engine.
    pub(crate) fn node(&self) -> &Node {
        &self.measured.node
    }

    /// Everything measured, in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        monitoring::Observed::metrics(&*self.stage)
    }

    /// Resolves when the engine has ended, with the reason.
    pub(crate) async fn ended(&self) -> String {
        self.measured.node.ended().await.to_string()
    }

    /// Stops everything, the engine last.
    pub(crate) async fn stop(self) {
        let rpc = self.measured.rpc().take();
        if let Some(rpc) = rpc
            && tokio::time::timeout(RPC_STOP_TIME_MAX, rpc.stop()).await.is_err()
        {
            tracing::warn!("connections to JSON-RPC were cut");
        }
        if let Some(history) = &self.measured.history {
            history.stop().await;
        }
        self.measured.node.stop().await;
    }
}

/// Over TLS a scheme has one letter more.
fn url(scheme: &str, tls: bool, address: SocketAddr) -> String {
    format!("{scheme}{}://{address}", if tls { "s" } else { "" })
}

/// Whose turn it is: a genesis file that gives no network is the caller's, stored data the operator's.
fn start_failure(error: StartError) -> Failure {
    match error {
        StartError::Key(error) => key_failure(error),
        StartError::Peers(_) | StartError::Genesis(_) | StartError::GenesisBlock(_) => genesis::refused(error),
        StartError::Begun(_) => {
            Failure::unavailable("node.begun", error, "start it again: it then follows before it votes")
        }
        StartError::State(_) | StartError::Ledger(_) | StartError::Archive { .. } => Failure::damaged(
            "node.start",
            error,
            "if the data is damaged: keep it, run `florin inspect verify --dir DIR`, then restore a backup or start empty",
        ),
        StartError::Secrets(_) => Failure::damaged(
            "node.shares",
            error,
            "check the disk; a validator that starts without its shares follows, and is dealt one in the next epoch",
        ),
        StartError::Kept { .. } => Failure::input(
            "node.blocks_kept",
            error,
            "raise storage.blocks_kept in the configuration, or leave it out to keep every block",
        ),
    }
}

async fn serve_rpc(directory: &Directory, node: &Node) -> Result<RpcServer, Failure> {
    let settings = &directory.config().rpc;
    let bound = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let backend = Backend {
        ledger: node.ledger().clone(),
        pool: node.pool().clone(),
        index: open_index(directory.data().join("index.sqlite"), node.genesis_hash()).await?,
        genesis: node.genesis().clone(),
        genesis_hash: node.genesis_hash(),
        node: Arc::new(Control(node.clone())),
        tls: tls::open(directory.root(), "rpc", (&settings.tls_certificate, &settings.tls_key))?,
        config: RpcConfig {
            clients: client_limits(settings)?,
            cors_origins: settings.cors_origins.clone(),
            request_bytes_max: settings.request_bytes_max,
            response_bytes_max: settings.response_bytes_max,
            batch_requests_max: settings.batch_requests_max,
            connections_max: settings.connections_max,
            request_time_max: Duration::from_millis(settings.request_ms_max),
            simulations_max: settings.simulations_max.max(1) as usize,
            call_gas_max: settings.call_gas_max,
            log_blocks_max: settings.log_blocks_max,
            logs_max: bound(settings.logs_max),
            ..RpcConfig::default()
        },
    };
    florin_rpc::serve(settings.listen, backend).await.map_err(|error| {
        Failure::unavailable(
            "rpc.listen",
            format_args!("JSON-RPC cannot listen on {}: {error}", settings.listen),
            "choose another address in rpc.listen, or stop the program that uses it",
        )
    })
}

fn client_limits(settings: &Rpc) -> Result<ClientLimits, Failure> {
    Ok(ClientLimits {
        connections_max: settings.client_connections_max,
        arrivals_per_second_max: settings.client_arrivals_per_second_max,
        requests_per_second_max: settings.client_requests_per_second_max,
        bytes_per_second_max: settings.client_bytes_per_second_max,
        signatures_per_second_max: settings.client_signatures_per_second_max,
        ban_time: Duration::from_millis(settings.client_ban_ms),
        trusted: settings.trusted_networks()?,
    })
}

/// Opens the index, removing one that is damaged or belongs to another chain: it is derived, and grows anew.
async fn open_index(file: PathBuf, genesis_hash: B256) -> Result<Index, Failure> {
    let first = match Index::open(&file, genesis_hash).await {
        Ok(index) => return Ok(index),
        Err(error) => error,
    };
    tracing::warn!(error = %first, "the index cannot be used and is built anew");
    Index::remove(&file).map_err(|error| Failure::writing(&file, &error))?;
    Index::open(&file, genesis_hash).await.map_err(|error| Failure::unavailable("index.open", error, "check the disk"))
}

/// The engine as JSON-RPC knows it.
struct Control(Node);

impl NodeControl for Control {
    fn submit(&self, txs: Vec<VerifiedTx>) -> BoxFuture<'static, Vec<Result<Submitted, SubmitError>>> {
        let node = self.0.clone();
        let refused = |refusal| match refusal {
            EngineRefusal::Rejected(rejection) => SubmitError::Rejected(rejection),
            EngineRefusal::Pool(error) => SubmitError::Pool(error),
            EngineRefusal::Ledger(_) => SubmitError::Unavailable(refusal.to_string()),
            EngineRefusal::Fault(fault) => SubmitError::Fault(fault),
        };
        Box::pin(async move { node.submit(txs).await.into_iter().map(|answer| answer.map_err(refused)).collect() })
    }

    fn status(&self) -> NodeStatus {
        let status = self.0.status();
        NodeStatus {
            role: status.role,
            view: status.view,
            leader: status.leader,
            peers_connected: status.peers_connected.len() as u64,
            peers_known: status.peers_known as u64,
            known_height: status.known_height,
            syncing: status.syncing,
            stuck: status.stuck,
        }
    }

    fn validators(&self) -> Vec<(String, B256)> {
        self.0.validators().into_iter().map(|validator| (validator.name, validator.node_key)).collect()
    }
}

/// The node as its monitors know it, from before its engine runs.
struct Stage {
    vitals: Vitals,
    intrusions: Arc<Intrusions>,
    running: OnceLock<Arc<Measured>>,
}

/// What runs.
struct Measured {
    node: Node,
    /// Taken out to be stopped.
    rpc: Mutex<Option<RpcServer>>,
    queues: Arc<Queues>,
    /// None where the configuration asks for none.
    history: Option<Arc<Feed>>,
    block_age_ms_max: u64,
}

impl Measured {
    /// The server stays usable whatever happened to another holder of the lock.
    fn rpc(&self) -> MutexGuard<'_, Option<RpcServer>> {
        self.rpc.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unready_reasons(&self) -> Vec<String> {
        let status = self.node.status();
        let mut reasons = Vec::new();
        if status.syncing {
            reasons.push(format!("catching up: at height {} of {}", status.height, status.known_height));
        }
        if let Some(stuck) = status.stuck {
            reasons.push(stuck);
        }
        let age_ms = monitoring::now_ms().saturating_sub(status.block_timestamp_ms);
        if age_ms > self.block_age_ms_max {
            reasons.push(format!("the latest block is {age_ms} ms old, at most {} are ready", self.block_age_ms_max));
        }
        reasons
    }
}

impl monitoring::Observed for Stage {
    fn metrics(&self) -> String {
        let own = [self.vitals.encode(), self.intrusions.metrics()];
        let Some(running) = self.running.get() else { return monitoring::join(&own) };
        let rpc = running.rpc().as_ref().map(RpcServer::metrics).unwrap_or_default();
        let history = running.history.as_ref().map(|history| history.encode()).unwrap_or_default();
        let engine = [running.node.metrics(), rpc, running.queues.encode(), history];
        monitoring::join(&[engine.as_slice(), &own].concat())
    }

    fn bans(&self) -> Vec<Ban> {
        self.running.get().and_then(|running| running.rpc().as_ref().map(RpcServer::bans)).unwrap_or_default()
    }

    fn unready_reasons(&self) -> Vec<String> {
        match self.running.get() {
            Some(running) => running.unready_reasons(),
            None => vec![STARTING.into()],
        }
    }

    fn broken(&self) -> Option<String> {
        use futures::FutureExt as _;
        let running = self.running.get()?;
        running.node.ended().now_or_never().map(|reason| format!("the engine ended: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use florin_consensus::{KeyError, network::AddressError};
    use florin_types::{BlockError, StateFault};

    #[test]
    fn a_genesis_file_that_gives_no_network_is_no_damage() {
        let reason = || "cut".to_string();
        let address = AddressError { node: "four".into(), address: "bank-four.example".into(), reason: reason() };
        let cases = [
            (StartError::Key(KeyError::Committee { found: 0 }), Exit::Input),
            (StartError::Peers(address.into()), Exit::Input),
            (StartError::GenesisBlock(BlockError::Malformed { reason: reason() }), Exit::Input),
            (StartError::State(StateFault(reason())), Exit::Damaged),
            (StartError::Archive { partition: "blocks".into(), reason: reason() }, Exit::Damaged),
        ];
        for (error, exit) in cases {
            let failure = start_failure(error);
            assert_eq!(failure.exit, exit, "{failure}");
        }
    }
}
