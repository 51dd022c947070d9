//! A running node, as the rest of the program sees it.

use crate::{
    admission::{Admissions, SubmitError},
    epochs::{peers::Listed, schemes::Schemes},
    evidence::EvidenceReceiver,
    keys::Committee,
    metrics::Metrics,
    observe::Observed,
    sight::{SILENT_MS_MAX, Sight},
    votes::of_engine,
};
use alloy_primitives::B256;
use commonware_consensus::Epochable as _;
use florin_mempool::{Origin, Pool, Submitted};
use florin_proof::Finalization;
use florin_state::Ledger;
use florin_types::{Genesis, Height, NodeRole, VerifiedTx};
use futures::future::{BoxFuture, FutureExt as _, Shared};
use parking_lot::Mutex;
use serde::Serialize;
use std::{num::NonZeroU64, sync::Arc};

/// A validator as the network knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Validator {
    /// Name from the genesis file.
    pub name: String,
    /// Node key.
    pub node_key: B256,
    /// Where it listens.
    pub address: String,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// The node's own key.
    pub node_key: B256,
    /// Whether it votes or follows.
    pub role: NodeRole,
    /// Name of the network.
    pub network: String,
    /// Chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Height of the last finalised block here.
    pub height: Height,
    /// Its hash.
    pub block_hash: B256,
    /// Its time in milliseconds since 1970.
    pub block_timestamp_ms: u64,
    /// Epoch of the committee that signs; 0 for ever where it does not change.
    pub epoch: u64,
    /// View that consensus is in, counted within the epoch; 0 until something was heard.
    pub view: u64,
    /// Who leads that view.
    pub leader: Option<B256>,
    /// Nodes with an open connection.
    pub peers_connected: Vec<B256>,
    /// Nodes that may connect, this one not counted.
    pub peers_known: usize,
    /// Newest height that is known to be final.
    pub known_height: Height,
    /// Whether blocks that are known to be final are still missing here.
    pub syncing: bool,
    /// Why nothing is finalised, in plain words; absent while all is well.
    pub stuck: Option<String>,
    /// Transactions that can be included now.
    pub pool_pending: usize,
    /// Transactions that wait for an earlier nonce.
    pub pool_queued: usize,
}

/// How far behind the newest known height a node may be without being called *syncing*.
const SYNCING_BLOCKS_MIN: u64 = 3;
/// Missed heartbeats after which a node says that it is stuck.
const HEARTBEATS_MISSED_MAX: u64 = 4;

/// Handle to a running node. Cheap to clone; the node runs on when all are dropped.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

/// A reason, once there is one.
pub(crate) type Told = Shared<BoxFuture<'static, Arc<str>>>;

/// Asks every part of a node to end, once.
pub(crate) type Stop = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

pub(crate) struct Inner {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) genesis_hash: B256,
    pub(crate) node_key: B256,
    /// The committee that signs, and what this node is in it.
    pub(crate) schemes: Schemes,
    pub(crate) ledger: Ledger,
    pub(crate) admissions: Admissions,
    pub(crate) observed: Arc<Observed>,
    /// The nodes that may connect.
    pub(crate) listed: Listed,
    pub(crate) started_ms: u64,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) encode_metrics: Box<dyn Fn() -> String + Send + Sync>,
    pub(crate) begun_before: Told,
    pub(crate) ended: Told,
    pub(crate) stop: Mutex<Option<Stop>>,
}

impl Node {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The finalised chain: blocks, receipts, state, proofs.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The mempool.
    pub fn pool(&self) -> &Pool {
        self.0.admissions.pool()
    }

    /// The genesis file it runs under.
    pub fn genesis(&self) -> &Arc<Genesis> {
        &self.0.genesis
    }

    /// Hash of block 0.
    pub fn genesis_hash(&self) -> B256 {
        self.0.genesis_hash
    }

    /// Takes clients' transactions: judges them by the finalised state, keeps them, passes them on to the validators.
    /// One answer each, in their order.
    pub async fn submit(&self, txs: Vec<VerifiedTx>) -> Vec<Result<Submitted, SubmitError>> {
        let count = txs.len();
        self.0.admissions.submit(txs, Origin::Local).await.unwrap_or_else(|error| vec![Err(error); count])
    }

    /// The validators that sign now, in the order of the committee.
    pub fn validators(&self) -> Vec<Validator> {
        self.0.schemes.current().get().committee.validators().into_iter().map(|key| self.named(key)).collect()
    }

    /// Who signs in this epoch, is dealt shares in it or is to be in the next, and whether this node reaches it: a ceremony
    /// fails while one of them is away. The validators where the committee never changes.
    pub fn members(&self) -> Vec<(Validator, bool)> {
        let (members, connected) = (self.0.listed.members(), self.0.observed.connected());
        let members = if members.is_empty() { self.0.schemes.current().get().committee.validators() } else { members };
        let reaches = |key: &B256| *key == self.0.node_key || connected.contains(key);
        members.into_iter().map(|key| (self.named(key), reaches(&key))).collect()
    }

    /// Blocks of an epoch; zero where the committee never changes.
    pub(crate) fn epoch_blocks(&self) -> u64 {
        self.0.genesis.epoch_blocks.map_or(0, NonZeroU64::get)
    }

    /// A node with the name and address that the ledger has now, or had in the beginning.
    fn named(&self, key: B256) -> Validator {
        let in_file = || self.0.genesis.nodes.iter().find(|node| node.public_key == key).cloned();
        match self.0.listed.find(&key).or_else(in_file) {
            Some(node) => Validator { name: node.name, node_key: key, address: node.address },
            None => Validator { name: key.to_string(), node_key: key, address: String::new() },
        }
    }

    /// Number of the epoch (0 for ever where the committee does not change), and the committee that signs in it.
    pub fn committee(&self) -> (u64, Committee) {
        let current = self.0.schemes.current().get();
        (current.epoch, current.committee.clone())
    }

    /// Prometheus text of everything the node measures.
    pub fn metrics(&self) -> String {
        self.0.metrics.encode(self, || (self.0.encode_metrics)())
    }

    /// The node's clock, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.0.admissions.now_ms()
    }

    /// Longest pause between blocks while all is well, by the rules of the next block.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        let next = self.0.ledger.head().block.height().saturating_add(1);
        self.0.genesis.rules.at(next).heartbeat_ms
    }

    /// When it started, by its clock.
    pub(crate) fn started_ms(&self) -> u64 {
        self.0.started_ms
    }

    /// Validators that must sign for a block to be final.
    pub fn quorum(&self) -> u32 {
        self.0.schemes.current().get().committee.quorum()
    }

    /// Every validator as this node sees it, in the order of the committee.
    pub fn sights(&self) -> Vec<Sight> {
        let inner = &self.0;
        let (now_ms, connected) = (self.now_ms(), inner.observed.connected());
        let silent_ms_max = self.heartbeat_ms().saturating_mul(HEARTBEATS_MISSED_MAX).max(SILENT_MS_MAX);
        let sight = |validator: Validator| {
            let own = validator.node_key == inner.node_key;
            let heard_ms = inner.observed.sightings.heard_ms(&validator.node_key).unwrap_or(inner.started_ms);
            let silent_ms = if own { 0 } else { now_ms.saturating_sub(heard_ms) };
            let connected = own || connected.contains(&validator.node_key);
            let votes = !own || inner.schemes.current().get().role == NodeRole::Validator;
            let heard = votes && connected && silent_ms <= silent_ms_max;
            let compared_ms = inner.observed.sightings.clock_ahead_ms(&validator.node_key);
            let clock_ahead_ms = if own { Some(0) } else { compared_ms };
            Sight { name: validator.name, node_key: validator.node_key, connected, silent_ms, heard, clock_ahead_ms }
        };
        self.validators().into_iter().map(sight).collect()
    }

    /// Evidence of equivocation as it is found. Given to the first who asks, who keeps it.
    pub fn take_evidence(&self) -> Option<EvidenceReceiver> {
        self.0.observed.take_evidence()
    }

    /// Resolves with the reason when a validator that was to ask before it votes ([`crate::NodeConfig::beginning`]) finds
    /// that it may have cast votes that it does not know. It has not voted in this process, and will not.
    pub fn begun_before(&self) -> impl Future<Output = Arc<str>> + Send + use<> {
        self.0.begun_before.clone()
    }

    /// Where the committee changes, and this node signed nothing because it did not know its earlier votes
    /// ([`crate::NodeConfig::abstains`]): they are all known to be at or below this one ([`crate::PastVotes`]). It signs with the shares
    /// that it is dealt for later epochs.
    pub fn votes_after(&self, floor: &Finalization) {
        self.0.schemes.abstain_only_up_to(of_engine(floor.clone()).epoch());
    }

    /// Resolves with the reason when a part of the node has ended, which none does by itself.
    pub fn ended(&self) -> impl Future<Output = Arc<str>> + Send + use<> {
        self.0.ended.clone()
    }

    /// Asks every part to end and waits until files are closed, or ten seconds.
    pub async fn stop(&self) {
        let stop = self.0.stop.lock().take();
        if let Some(stop) = stop {
            stop().await;
        }
    }

    /// How the node is.
    pub fn status(&self) -> NodeStatus {
        let inner = &self.0;
        let head = inner.ledger.head();
        let (height, known_height) = (head.block.height(), inner.observed.tip().max(head.block.height()));
        let syncing = known_height >= height.saturating_add(SYNCING_BLOCKS_MIN);
        let (epoch, view) = inner.observed.round();
        let current = inner.schemes.current().get();
        // Between the last block of an epoch and the first view of the next nobody leads.
        let leader = (view > 0 && epoch == current.epoch).then(|| current.committee.leader(epoch, view));
        let peers_connected = inner.observed.connected();
        let (pool_pending, pool_queued) = self.pool().status();
        let silent_ms = inner.admissions.now_ms().saturating_sub(head.block.timestamp_ms());
        NodeStatus {
            node_key: inner.node_key,
            role: current.role,
            epoch: current.epoch,
            network: inner.genesis.network.clone(),
            chain_id: inner.genesis.chain_id,
            genesis_hash: inner.genesis_hash,
            height,
            block_hash: head.block.hash(),
            block_timestamp_ms: head.block.timestamp_ms(),
            view,
            leader,
            stuck: self.stuck(height, known_height, silent_ms, &peers_connected),
            peers_connected,
            peers_known: inner.listed.others(&inner.node_key),
            known_height,
            syncing,
            pool_pending,
            pool_queued,
        }
    }

    fn stuck(&self, height: Height, known_height: Height, silent_ms: u64, connected: &[B256]) -> Option<String> {
        let inner = &self.0;
        let heartbeat_ms = inner.genesis.rules.at(height.saturating_add(1)).heartbeat_ms;
        if silent_ms <= heartbeat_ms.saturating_mul(HEARTBEATS_MISSED_MAX) {
            return None;
        }
        let seconds = silent_ms / 1_000;
        let missing: Vec<String> = self
            .validators()
            .into_iter()
            .filter(|validator| validator.node_key != inner.node_key && !connected.contains(&validator.node_key))
            .map(|validator| format!("{} ({})", validator.name, validator.address))
            .collect();
        let current = inner.schemes.current().get();
        let total = current.committee.validators().len();
        let reachable = total.saturating_sub(missing.len());
        let quorum = usize::try_from(current.committee.quorum()).unwrap_or(usize::MAX);
        let missing = missing.join(", ");
        if reachable < quorum {
            return Some(format!(
                "no block for {seconds} s: {reachable} of {total} validators are reachable from here and {quorum} must \
                 sign; not reachable: {missing}. Start them or check the network between"
            ));
        }
        if known_height > height {
            return Some(format!(
                "catching up: {} of the blocks that are known to be final (up to {known_height}) are still missing here",
                known_height.saturating_sub(height)
            ));
        }
        Some(format!(
            "no block for {seconds} s although {reachable} of {total} validators are reachable and {quorum} suffice: \
             look at their status, clocks and logs{}",
            if missing.is_empty() { String::new() } else { format!("; not reachable: {missing}") }
        ))
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Node")
            .field("node_key", &self.0.node_key)
            .field("role", &self.0.schemes.current().get().role)
            .finish()
    }
}

/// Shares an end that several may wait for.
pub(crate) fn shared(future: impl Future<Output = Arc<str>> + Send + 'static) -> Told {
    future.boxed().shared()
}
