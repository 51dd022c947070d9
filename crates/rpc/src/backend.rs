//! What the server stands on, and what every method works with.

use crate::{
    budget::Budget,
    chain::Chain,
    clients::Clients,
    config::RpcConfig,
    desk::{Clerk, Desk},
    error::RpcError,
    filters::Filters,
    metrics::RpcMetrics,
    tls::Tls,
    workers::Workers,
};
use alloy_primitives::{B256, Bytes};
use florin_execution::{BlockEnv, CallLimits, Rejection, Stop, TraceLimits};
use florin_index::{Index, LogLimits};
use florin_mempool::{Pool, PoolError, Submitted};
use florin_proof::StateItem;
use florin_state::{FinalizedBlock, Ledger, ProvenState, StateReader, with_view};
use florin_types::{Genesis, Height, NodeRole, Rules, StateFault, StateView, VerifiedTx};
use futures::future::BoxFuture;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::Semaphore;

/// Proofs that are made at the same time.
const PROOFS_MAX: usize = 2;

/// Why the node did not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It breaks a rule of the ledger.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The pool has no place for it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// This node cannot judge it now; says why and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// Local corruption.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Pool(error) => error.into(),
            SubmitError::Unavailable(reason) => Self::refused("unavailable", reason),
            SubmitError::Fault(fault) => fault.into(),
        }
    }
}

/// How the node is, as far as ledger and pool do not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Whether it votes or follows.
    pub role: NodeRole,
    /// View that consensus is in; 0 until something was heard.
    pub view: u64,
    /// Node key of the leader of that view.
    pub leader: Option<B256>,
    /// Nodes with an open connection.
    pub peers_connected: u64,
    /// Nodes that may connect.
    pub peers_known: u64,
    /// Newest height that is known to be final.
    pub known_height: Height,
    /// Whether blocks that are known to be final are still missing here.
    pub syncing: bool,
    /// Why nothing is finalised, in plain words; absent while all is well.
    pub stuck: Option<String>,
}

/// The running node, as the server needs it. The program wires it to consensus; tests to a ledger and a pool alone.
pub trait NodeControl: Send + Sync + 'static {
    /// Judges transactions by the finalised state, keeps them and passes them on. One answer each, in their order.
    fn submit(&self, txs: Vec<VerifiedTx>) -> BoxFuture<'static, Vec<Result<Submitted, SubmitError>>>;
    /// How the node is.
    fn status(&self) -> NodeStatus;
    /// The validators that sign now, in the order of the committee: name and node key.
    fn validators(&self) -> Vec<(String, B256)>;
}

/// What the server stands on.
#[derive(Clone)]
pub struct Backend {
    /// Finalised blocks and state.
    pub ledger: Ledger,
    /// Transactions that wait.
    pub pool: Pool,
    /// Searchable history. The server feeds it.
    pub index: Index,
    /// The genesis file.
    pub genesis: Arc<Genesis>,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// The running node.
    pub node: Arc<dyn NodeControl>,
    /// Certificate of the port; none: plain HTTP.
    pub tls: Option<Tls>,
    /// Bounds.
    pub config: RpcConfig,
}

/// What every method works with.
pub(crate) struct Context {
    pub(crate) chain: Chain,
    pub(crate) ledger: Ledger,
    pub(crate) pool: Pool,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) genesis_hash: B256,
    pub(crate) node: Arc<dyn NodeControl>,
    pub(crate) config: RpcConfig,
    pub(crate) filters: Filters,
    pub(crate) metrics: RpcMetrics,
    pub(crate) clients: Arc<Clients>,
    pub(crate) simulations: Workers,
    pub(crate) desk: Desk,
    pub(crate) proofs: Workers,
    /// Places for reads of state that wait for the disk: each has a stack.
    pub(crate) reads: Arc<Semaphore>,
    /// Places for subscriptions.
    pub(crate) subscriptions: Arc<Semaphore>,
    /// Large requests that run.
    pub(crate) requests: Budget,
    /// Large answers that wait to be read.
    pub(crate) answers: Budget,
}

impl Context {
    /// On the server's own threads: the desk's clerks begin to work.
    pub(crate) fn new(backend: Backend, metrics: RpcMetrics) -> Self {
        let Backend { ledger, pool, index, genesis, genesis_hash, node, tls: _, config } = backend;
        let reads = Arc::new(Semaphore::new(config.reads_max.max(1)));
        let clerk = Clerk {
            node: node.clone(),
            pool: pool.clone(),
            chain_id: genesis.chain_id,
            reads: reads.clone(),
            time_max: config.request_time_max,
        };
        Self {
            clients: Clients::new(config.clients.clone()),
            chain: Chain::new(ledger.clone(), index),
            filters: Filters::new(config.filters_max, config.filter_idle_max),
            simulations: Workers::new("simulations", config.simulations_max, config.waiting_max),
            desk: Desk::open(&clerk, config.submissions_max, config.waiting_max),
            proofs: Workers::new("proofs", PROOFS_MAX, config.waiting_max),
            reads,
            subscriptions: Arc::new(Semaphore::new(config.subscriptions_max)),
            requests: Budget::new(config.requests_bytes_max),
            answers: Budget::new(config.answers_bytes_max),
            ledger,
            pool,
            genesis,
            genesis_hash,
            node,
            config,
            metrics,
        }
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.genesis.chain_id
    }

    /// Rules of the block at `height`.
    pub(crate) fn rules(&self, height: Height) -> &Rules {
        self.genesis.rules.at(height)
    }

    /// Rules of the block that comes next.
    pub(crate) fn next_rules(&self) -> &Rules {
        self.rules(self.chain.head().block.height().saturating_add(1))
    }

    /// Reads a little of the state after `height`.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        height: Height,
        read: impl FnOnce(&dyn StateView) -> Result<R, StateFault> + Send + 'static,
    ) -> Result<R, RpcError> {
        let _place = self.reads.acquire().await.map_err(|error| RpcError::fault(&error))?;
        let reader = self.ledger.state(height).await?;
        Ok(with_view(reader, read).await?)
    }

    /// Runs the pure core over the state after `height`, on a worker: it takes processor time.
    pub(crate) async fn simulate<R: Send + 'static, E: Into<RpcError> + Send + 'static>(
        &self,
        height: Height,
        core: impl FnOnce(&dyn StateView, Stop) -> Result<R, E> + Send + 'static,
    ) -> Result<R, RpcError> {
        let reader: Arc<dyn StateReader> = self.ledger.state(height).await?;
        let runtime = tokio::runtime::Handle::current();
        // The reads are asynchronous and the core is not: the worker drives both.
        let run = move |stop| runtime.block_on(with_view(reader, move |view| core(view, stop)));
        self.simulations.run(run).await?.map_err(Into::into)
    }

    /// Proves items against the latest block. Hashing takes processor time too.
    pub(crate) async fn prove(&self, items: Vec<StateItem>) -> Result<ProvenState, RpcError> {
        let (ledger, runtime) = (self.ledger.clone(), tokio::runtime::Handle::current());
        let proven = self.proofs.run(move |_| runtime.block_on(async { ledger.prove(&items).await })).await?;
        Ok(proven?)
    }

    /// The part of the state after a block that begins with operation `start`.
    pub(crate) async fn operations(&self, height: Height, start: u64) -> Result<Bytes, RpcError> {
        let (ledger, runtime) = (self.ledger.clone(), tokio::runtime::Handle::current());
        let part = self.proofs.run(move |_| runtime.block_on(ledger.state_operations(height, start))).await?;
        Ok(part?.into())
    }

    /// The block to come, as far as it can be known. At least a whole second after `parent`: a contract that asks whether
    /// time has passed since its last use, which may be in `parent`, then does what it will do in a real block.
    pub(crate) fn coming_env(&self, parent: &FinalizedBlock) -> BlockEnv {
        let next_second_ms = (parent.block.timestamp_ms() / 1_000).saturating_add(1).saturating_mul(1_000);
        BlockEnv::child_of(&parent.block, now_ms().max(next_second_ms))
    }

    pub(crate) fn call_limits(&self, stop: Stop) -> CallLimits {
        CallLimits { gas_max: self.config.call_gas_max, stop }
    }

    /// Bounds of one search for logs. What is written as JSON is about twice as long as what is stored.
    pub(crate) fn log_limits(&self) -> LogLimits {
        let config = &self.config;
        let bytes_max = config.response_bytes_max as usize / 2;
        LogLimits { logs_max: config.logs_max, bytes_max, time_max: config.request_time_max }
    }

    pub(crate) fn trace_limits(&self, stop: Stop) -> TraceLimits {
        let recorded_bytes_max = self.config.response_bytes_max as usize / 2;
        TraceLimits { recorded_bytes_max, stop, ..TraceLimits::default() }
    }
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
