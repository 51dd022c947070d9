//! The simulated machines: who runs, how they are linked, how they are started and killed.

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::simulated::{self, Link, Network, Oracle};
use commonware_runtime::{Handle, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{NZUsize, Probability, channel::oneshot, probability};
use florin_consensus::{
    Committee, Node, NodeConfig, NodeSecret, ThresholdShare, deal_from_seed, message_bytes_max, network, start_on,
};
use florin_types::{B256, Genesis, GenesisNode, NodeRole};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How good the links between the machines are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkQuality {
    /// Mean time of a message.
    pub latency: Duration,
    /// How much that varies.
    pub jitter: Duration,
    /// Messages lost in a thousand.
    pub lost_per_mille: u16,
}

impl Default for LinkQuality {
    fn default() -> Self {
        Self { latency: Duration::from_millis(5), jitter: Duration::from_millis(1), lost_per_mille: 0 }
    }
}

impl LinkQuality {
    fn link(self) -> Link {
        let delivered = 1_000u16.saturating_sub(self.lost_per_mille.min(1_000));
        Link {
            latency: self.latency,
            jitter: self.jitter,
            success_rate: Probability::new(u64::from(delivered), 1_000).unwrap_or(probability!(1.0)),
        }
    }
}

/// A machine: its keys, and what it is to the network.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) secret: NodeSecret,
    share: Option<ThresholdShare>,
}

/// The machines of a network with its genesis file, from a seed.
pub(crate) fn machines(seed: u64, validators: usize, followers: usize, genesis: &mut Genesis) -> Vec<Machine> {
    let secrets: Vec<NodeSecret> = (0..validators + followers)
        .map(|index| NodeSecret::from_seed(seed.wrapping_mul(1_000).wrapping_add(index as u64)))
        .collect();
    let keys: Vec<B256> = secrets.iter().map(NodeSecret::public_key).collect();
    let dealing = deal_from_seed(seed, &keys[..validators]).expect("a committee of a few different keys can be dealt");
    genesis.threshold_public = dealing.threshold_public;
    genesis.dealt_for_development = true;
    genesis.nodes = keys
        .iter()
        .enumerate()
        .map(|(index, public_key)| GenesisNode {
            name: format!("machine-{index}"),
            public_key: *public_key,
            address: format!("10.0.0.{}:4000", index + 1),
            role: if index < validators { NodeRole::Validator } else { NodeRole::Follower },
        })
        .collect();
    let shares: BTreeMap<B256, ThresholdShare> = dealing.shares.into_iter().collect();
    secrets.into_iter().map(|secret| Machine { share: shares.get(&secret.public_key()).cloned(), secret }).collect()
}

struct Running {
    node: Node,
    task: Handle<()>,
}

/// The running cluster.
pub(crate) struct Cluster {
    context: Context,
    oracle: Oracle<PublicKey, Context>,
    genesis: Arc<Genesis>,
    machines: Vec<Machine>,
    running: BTreeMap<usize, Running>,
    starts: u64,
}

impl Cluster {
    /// Sets the network up; no machine runs yet.
    pub(crate) async fn new(
        context: Context,
        genesis: Arc<Genesis>,
        machines: Vec<Machine>,
        quality: LinkQuality,
    ) -> Self {
        let committee = Committee::from_genesis(&genesis).expect("the genesis file was made by this crate");
        let config = simulated::Config {
            max_size: message_bytes_max(&committee),
            max_peers_per_set: NZUsize!(64),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new(context.child("network"), config);
        network.start();
        let cluster = Self { context, oracle, genesis, machines, running: BTreeMap::new(), starts: 0 };
        cluster.link_all(quality).await;
        cluster
    }

    fn key(&self, index: usize) -> PublicKey {
        network::peer_key(&self.machines[index].secret.public_key()).expect("a machine's key is a key")
    }

    pub(crate) fn size(&self) -> usize {
        self.machines.len()
    }

    /// Gives every link between two machines this quality.
    pub(crate) async fn link_all(&self, quality: LinkQuality) {
        self.link_where(quality, |_, _| true).await;
    }

    /// Links only within each of the two sides: `side` and the rest.
    pub(crate) async fn split(&self, side: &[usize], quality: LinkQuality) {
        self.link_where(quality, |from, to| side.contains(&from) == side.contains(&to)).await;
    }

    async fn link_where(&self, quality: LinkQuality, linked: impl Fn(usize, usize) -> bool) {
        for from in 0..self.size() {
            for to in (0..self.size()).filter(|to| *to != from) {
                let (sender, receiver) = (self.key(from), self.key(to));
                // A missing link is no trouble here: it is what is wanted.
                let _ = self.oracle.remove_link(sender.clone(), receiver.clone()).await;
                if linked(from, to) {
                    self.oracle
                        .add_link(sender, receiver, quality.link())
                        .await
                        .expect("two different machines can be linked");
                }
            }
        }
    }

    /// Starts a machine and waits until it has recovered what is on its disk.
    pub(crate) async fn start(&mut self, index: usize) {
        if self.running.contains_key(&index) {
            return;
        }
        let control = self.oracle.control(self.key(index));
        let mut channels = Vec::new();
        for (channel, quota) in network::channels() {
            channels.push(control.register(channel, quota).await.expect("the simulated network runs"));
        }
        let mut channels = channels.into_iter();
        let mut next = || channels.next().expect("one pair a channel");
        let transport = network::Transport {
            manager: self.oracle.socket_manager(),
            blocker: control,
            votes: next(),
            certificates: next(),
            resolver: next(),
            broadcast: next(),
            backfill: next(),
            transactions: next(),
        };
        let machine = &self.machines[index];
        let mut config = NodeConfig::new(self.genesis.clone(), machine.secret.clone(), machine.share.clone());
        config.partition_prefix = format!("machine-{index}");
        config.page_cache_bytes = 4 * 1024 * 1024;
        // Few, so that every run sees the engine forget: then the ledger alone has the older blocks.
        config.history.blocks_retained = 8;
        let (started, node) = oneshot::channel();
        self.starts += 1;
        let context = self.context.child("machine").with_attribute("index", index).with_attribute("start", self.starts);
        let task = context.spawn(move |context| async move {
            let node =
                start_on(context.child("node"), config, transport).await.expect("a machine starts from its disk");
            let ended = node.ended();
            let _ = started.send(node);
            panic!("a part of the node ended: {}", ended.await);
        });
        let node = node.await.expect("the machine has started");
        self.running.insert(index, Running { node, task });
    }

    /// Kills a machine in the middle of whatever it does.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(running) = self.running.remove(&index) {
            running.task.abort();
        }
    }

    /// The nodes that run, with their machines' numbers.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.running.iter().map(|(index, running)| (*index, &running.node))
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.running.get(&index).map(|running| &running.node)
    }
}
