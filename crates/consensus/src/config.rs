//! What a node is told when it starts.

use crate::{
    joining::beginning::Beginning,
    keys::{NodeSecret, ThresholdShare},
};
use florin_mempool::PoolLimits;
use florin_proof::Finalization;
use florin_types::{Genesis, GenesisNode, RulesSchedule};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// How much of the past a node can answer about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Finalised heights whose state can be read, counted back from the newest.
    pub window: u64,
    /// Whether everything is kept instead.
    pub archive: bool,
    /// Newest final blocks that are kept; all of them where it is `None` or `archive` is set. A node that need not keep
    /// all begins with a copy of its peers' state; one that keeps all fetches and executes every block.
    pub blocks_kept: Option<u64>,
    /// Final blocks, and states below them, that the engine keeps for itself. All older blocks are in the ledger, which
    /// also serves them to nodes that catch up.
    pub blocks_retained: usize,
}

impl History {
    /// Whether a new node copies the state instead of executing every block.
    pub(crate) fn copies_state(&self) -> bool {
        self.blocks_kept.is_some() && !self.archive
    }
}

impl Default for History {
    fn default() -> Self {
        Self { window: 1_024, archive: false, blocks_kept: None, blocks_retained: 1_024 }
    }
}

/// A node: who it is, which network it belongs to, how much it keeps.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The network.
    pub genesis: Arc<Genesis>,
    /// The node's identity. A key that the genesis file (or later the ledger) does not name is refused by its peers.
    pub secret: NodeSecret,
    /// Share of the threshold key. A node votes if its key is a validator's and it has its share; else it follows.
    pub share: Option<ThresholdShare>,
    /// A finalisation of this network at or below whose view nothing is ever voted for here: that of a validator whose
    /// record of votes begins anew (`specs/backup.md`, "Never twice"). `None` where it has all its votes.
    pub floor: Option<Finalization>,
    /// What this validator believes of its votes above the floor. It asks the others about that before it votes, and does not vote where
    /// they know better; see [`crate::Node::begun_before`]. `None` where it is not to ask.
    pub beginning: Option<Beginning>,
    /// Whether the node signs nothing, whatever shares of the key it has stored: its record of votes is lost and it does not know yet
    /// which ones are past. As long as it runs, or until [`crate::Node::votes_after`].
    pub abstains: bool,
    /// Nodes that its operator knows, which it dials and asks where the network stands until it has read the ledger's list of
    /// nodes. Where there are none it asks the validators of the genesis file. Of n of them, less than a third may lie about how
    /// far the network has come; about what is final none can.
    pub contacts: Vec<GenesisNode>,
    /// Prefix of everything the node stores, so that several can share one storage (simulation).
    pub partition_prefix: String,
    /// How much of the past it can answer about.
    pub history: History,
    /// Bounds of its mempool.
    pub pool: PoolLimits,
    /// Memory for pages of files, allocated at once.
    pub page_cache_bytes: usize,
}

impl NodeConfig {
    /// A node with default storage and pool.
    pub fn new(genesis: Arc<Genesis>, secret: NodeSecret, share: Option<ThresholdShare>) -> Self {
        Self {
            genesis,
            secret,
            share,
            floor: None,
            beginning: None,
            abstains: false,
            contacts: Vec::new(),
            partition_prefix: "florin".into(),
            history: History::default(),
            pool: PoolLimits::default(),
            page_cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Where a node listens for others and whom it accepts.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Address to listen on; may differ from the address in the genesis file (a container, a firewall).
    pub listen: SocketAddr,
    /// Whether peers may have private or loopback addresses. Needed on one machine and in one data centre.
    pub allow_private_addresses: bool,
    /// Whether connections are only accepted from the addresses that the genesis file names. Off by default: a peer
    /// behind address translation or with a host name has another source address, and its key is checked anyway.
    pub check_source_addresses: bool,
}

impl NetworkConfig {
    /// Listens on `listen`, accepts private addresses.
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, allow_private_addresses: true, check_source_addresses: false }
    }
}

/// The machine's side: where files go and how many threads work.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Directory of everything the node stores. One process at a time may use it.
    pub storage_directory: PathBuf,
    /// Threads that run the node's tasks.
    pub worker_threads: usize,
}

/// Durations of one view, derived from the longest heartbeat of the rules, so that they fit together at every height.
///
/// A leader without work proposes at the heartbeat; silence beyond [`Self::leader_timeout`] means that it is gone. A
/// leader that was silent for [`Self::skip_after`] is passed over at once until it is heard again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) leader_timeout: Duration,
    pub(crate) certification_timeout: Duration,
    pub(crate) retry: Duration,
    pub(crate) skip_after: Duration,
    /// Time that a leader spends at most on choosing transactions for one block.
    pub(crate) build_budget: Duration,
    /// Part of it that belongs to payments alone, so that no contract call is waited for before they had their turn.
    pub(crate) payments_budget: Duration,
}

impl Timing {
    /// The durations for a ledger under these rules.
    pub(crate) fn of(rules: &RulesSchedule) -> Self {
        let heartbeat_ms = rules.steps().iter().map(|step| step.rules.heartbeat_ms).max().unwrap_or_default();
        // Building, sending and checking the form of the largest block on a busy machine.
        let leader_timeout = Duration::from_millis(heartbeat_ms.saturating_add(500));
        Self {
            leader_timeout,
            // Execution of the largest block on a busy machine.
            certification_timeout: leader_timeout.saturating_add(Duration::from_millis(2_300)),
            retry: Duration::from_millis(1_500),
            skip_after: leader_timeout.saturating_add(Duration::from_millis(2_800)),
            build_budget: Duration::from_millis(250),
            payments_budget: Duration::from_millis(150),
        }
    }
}
