//! The simulated machines: who runs, how they are linked, how they are started and killed.

use crate::{
    Scenario,
    hardware::{Condition, Disordered, Hardware, Limited, Standing},
    traitor::{Treason, hand_out_wrong_state, send_garbage},
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    Recipients,
    simulated::{self, Link, Network, Oracle, SplitForwarder, SplitOrigin, SplitTarget},
};
use commonware_runtime::{Clock as _, Handle, IoBuf, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{NZUsize, Probability, channel::oneshot, probability};
use florin_consensus::{
    Beginning, EvidenceReceiver, Node, NodeConfig, NodeSecret, ThresholdShare, Verdict, deal_from_seed,
    message_bytes_max, network, start_on,
};
use florin_proof::decode_finalization;
use florin_types::{B256, Equivocation, Genesis, GenesisNode, NodeRole};
use futures::FutureExt as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// A channel as one of two programs with one key sees it.
type Half<F> = (simulated::SplitSender<PublicKey, Context, F>, simulated::Receiver<PublicKey>);
/// A channel of the simulated network, as a machine sees it.
pub(crate) type Channel = (simulated::Sender<PublicKey, Context>, simulated::Receiver<PublicKey>);

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

/// A machine: its keys, what it is to the network, and what state it is in.
#[derive(Clone)]
pub(crate) struct Machine {
    secret: NodeSecret,
    share: Option<ThresholdShare>,
    treason: Option<Treason>,
    condition: Arc<Condition>,
    /// Newest blocks that it keeps, if not all.
    blocks_kept: Option<u64>,
    /// Machines that it asks where the network stands, if not the validators of the genesis file.
    contacts: Vec<GenesisNode>,
}

impl Machine {
    /// What is wrong with its clock and its disk.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    pub(crate) fn public_key(&self) -> B256 {
        self.secret.public_key()
    }

    /// Whether it does what it must.
    pub(crate) fn is_honest(&self) -> bool {
        self.treason.is_none()
    }

    /// Whether it never contradicts itself.
    pub(crate) fn is_true(&self) -> bool {
        self.is_honest() && !self.condition.forgot()
    }
}

/// The machines of a network with its genesis file, from a seed.
pub(crate) fn machines(scenario: &Scenario, genesis: &mut Genesis) -> Vec<Machine> {
    let Scenario { seed, validators, followers, .. } = *scenario;
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
    let joining_blocks_kept = JOINING_BLOCKS_KEPT.max(scenario.epoch_blocks.unwrap_or_default() * 2);
    let contact = |index: &usize| GenesisNode { role: NodeRole::Validator, ..genesis.nodes[*index].clone() };
    let contacts: Vec<GenesisNode> = scenario.contacts.iter().map(contact).collect();
    let shares: BTreeMap<B256, ThresholdShare> = dealing.shares.into_iter().collect();
    let machine = |(index, secret): (usize, NodeSecret)| Machine {
        share: shares.get(&secret.public_key()).cloned(),
        treason: scenario.traitors.get(&index).cloned(),
        blocks_kept: scenario.joining.contains(&index).then_some(joining_blocks_kept),
        contacts: if scenario.joining.contains(&index) { contacts.clone() } else { Vec::new() },
        condition: Arc::default(),
        secret,
    };
    let machines: Vec<Machine> = secrets.into_iter().enumerate().map(machine).collect();
    // Who comes later begins in a directory that says nothing of its votes.
    for index in scenario.joining.iter().filter(|index| **index >= validators) {
        machines[*index].condition.stand(Standing::Waits);
    }
    machines
}

/// What the names of places on a disk begin with.
fn partition_prefix(program: &str, machine: usize, disk: u64) -> String {
    format!("{program}-{machine}-{disk}")
}

/// What the names of places with a node's votes begin with.
fn votes_prefix(config: &NodeConfig) -> String {
    format!("{}-simplex", config.partition_prefix)
}

/// A machine's process. That of a traitor has no node that one could ask.
struct Running {
    node: Option<Node>,
    /// What it finds of validators that contradict themselves.
    evidence: Option<EvidenceReceiver>,
    tasks: Vec<Handle<()>>,
}

/// A machine's process that has not come up yet: a program, or two of a traitor.
struct Starting {
    up: Vec<oneshot::Receiver<Result<Node, String>>>,
    tasks: Vec<Handle<()>>,
}

/// What is said of a node of which a task panicked.
const FAULT: &str = "a part of it met a fault";
/// What is said of a node that ended without a word.
const NEVER_UP: &str = "it ended before it had started";
/// Newest blocks that a machine keeps at least that joins by copying the state.
const JOINING_BLOCKS_KEPT: u64 = 64;

/// The running cluster.
pub(crate) struct Cluster {
    context: Context,
    oracle: Oracle<PublicKey, Context>,
    genesis: Arc<Genesis>,
    machines: Vec<Machine>,
    running: BTreeMap<usize, Running>,
    starting: BTreeMap<usize, Starting>,
    starts: u64,
    /// How many of a thousand messages come twice, or after the next one.
    disorder_per_mille: u32,
}

impl Cluster {
    /// Sets the network up; no machine runs yet.
    pub(crate) async fn new(
        context: Context,
        genesis: Arc<Genesis>,
        machines: Vec<Machine>,
        (quality, disorder_per_mille): (LinkQuality, u32),
    ) -> Self {
        let config = simulated::Config {
            max_size: message_bytes_max(),
            max_peers_per_set: NZUsize!(64),
            // Else a traitor is heard once and never again.
            disconnect_on_block: machines
                .iter()
                .all(|machine| matches!(machine.treason, None | Some(Treason::WrongState))),
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new(context.child("network"), config);
        network.start();
        let cluster = Self {
            context,
            oracle,
            genesis,
            machines,
            running: BTreeMap::new(),
            starting: BTreeMap::new(),
            starts: 0,
            disorder_per_mille,
        };
        cluster.link_all(quality).await;
        cluster
    }

    fn key(&self, index: usize) -> PublicKey {
        network::peer_key(&self.machines[index].secret.public_key()).expect("a machine's key is a key")
    }

    /// The machines with these keys.
    pub(crate) fn numbers(&self, keys: &[B256]) -> BTreeSet<usize> {
        let machines = self.machines.iter().enumerate();
        machines.filter(|(_, machine)| keys.contains(&machine.secret.public_key())).map(|(index, _)| index).collect()
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
                self.link(from, to, linked(from, to).then_some(quality)).await;
            }
        }
    }

    /// What `from` sends to `to` arrives like this, or not at all.
    pub(crate) async fn link(&self, from: usize, to: usize, quality: Option<LinkQuality>) {
        let (sender, receiver) = (self.key(from), self.key(to));
        // A missing link is no trouble here: it is what is wanted.
        let _ = self.oracle.remove_link(sender.clone(), receiver.clone()).await;
        if let Some(quality) = quality {
            let added = self.oracle.add_link(sender, receiver, quality.link()).await;
            added.expect("two different machines can be linked");
        }
    }

    /// Who blocked whom.
    pub(crate) async fn blocked(&self) -> BTreeSet<(usize, usize)> {
        let number = |key: &PublicKey| (0..self.size()).find(|index| self.key(*index) == *key);
        let blocked = self.oracle.blocked().await.expect("the simulated network runs");
        blocked.iter().filter_map(|(by, peer)| Some((number(by)?, number(peer)?))).collect()
    }

    /// What honest machines have found since they were asked last, with who found it.
    pub(crate) fn evidence(&mut self) -> Vec<(usize, Equivocation)> {
        let mut found = Vec::new();
        for (index, running) in &mut self.running {
            let evidence = running.evidence.iter_mut();
            found.extend(
                evidence.flat_map(|evidence| std::iter::from_fn(|| evidence.try_recv().ok())).map(|it| (*index, it)),
            );
        }
        found
    }

    /// Starts a machine and waits until it has recovered what is on its disk, or has ended: then the reason is given.
    pub(crate) async fn start(&mut self, index: usize) -> Result<(), String> {
        self.begin(index).await;
        let Some(Starting { up, tasks }) = self.starting.remove(&index) else { return Ok(()) };
        let mut nodes = Vec::new();
        for up in up {
            nodes.push(up.await.unwrap_or_else(|_| Err(NEVER_UP.into()))?);
        }
        self.runs(index, nodes.into_iter().next(), tasks);
        Ok(())
    }

    fn runs(&mut self, index: usize, node: Option<Node>, tasks: Vec<Handle<()>>) {
        let node = node.filter(|_| self.machines[index].is_honest());
        let evidence = node.as_ref().and_then(Node::take_evidence);
        self.running.insert(index, Running { node, evidence, tasks });
    }

    /// Starts a machine. It runs when it has come up, which [`Self::start`] waits for and [`Self::take_ended`] looks for.
    pub(crate) async fn begin(&mut self, index: usize) {
        if self.running.contains_key(&index) || self.starting.contains_key(&index) {
            return;
        }
        // A part of the life before may have met its fault after that was over.
        self.machines[index].condition.take_fault();
        self.starts += 1;
        let context = self.context.child("machine").with_attribute("index", index).with_attribute("start", self.starts);
        let treason = self.machines[index].treason.clone();
        let (mut up, mut tasks) = (Vec::new(), Vec::new());
        match &treason {
            Some(Treason::Silent) => {}
            Some(Treason::Garbage) => {
                let channels = self.channels(index).await.into_iter().map(|(_, channel)| channel).collect();
                let peers = (0..self.size()).filter(|other| *other != index).map(|other| self.key(other)).collect();
                tasks.push(context.spawn(move |context| send_garbage(context, channels, peers)));
            }
            Some(Treason::WrongState) => {
                let honest = (0..self.size()).find(|other| self.machines[*other].is_honest()).unwrap_or_default();
                let (honest, channels) = (self.key(honest), self.channels(index).await);
                for (_, channel) in channels.into_iter().filter(|(number, _)| *number == network::STATE) {
                    let (honest, context) = (honest.clone(), context.child("liar"));
                    tasks.push(context.spawn(move |_| hand_out_wrong_state(channel, honest)));
                }
            }
            None | Some(Treason::Censors | Treason::Equivocates { .. }) => {
                let [one, other] = self.halves(&context, index).await;
                let (node, task) = self.start_node(&context, index, "machine", one);
                (up, tasks) = (vec![node], vec![task]);
                if let Some(Treason::Equivocates { .. }) = treason {
                    let (node, task) = self.start_node(&context, index, "twin", other);
                    up.push(node);
                    tasks.push(task);
                }
            }
        }
        self.starting.insert(index, Starting { up, tasks });
    }

    /// A machine's channels, with their numbers.
    async fn channels(&self, index: usize) -> Vec<(u64, Channel)> {
        let control = self.oracle.control(self.key(index));
        let mut channels = Vec::new();
        for (number, quota) in network::channels() {
            channels.push((number, control.register(number, quota).await.expect("the simulated network runs")));
        }
        channels
    }

    /// The channels of a machine's one program, and those of its twin. An honest machine's twin hears nothing.
    async fn halves(&self, context: &Context, index: usize) -> [Vec<Half<impl SplitForwarder<PublicKey> + use<>>>; 2] {
        let keys = |indices: &BTreeSet<usize>| indices.iter().map(|index| self.key(*index)).collect();
        let everyone: BTreeSet<PublicKey> = (0..self.size()).map(|index| self.key(index)).collect();
        let treason = &self.machines[index].treason;
        let mut halves = [Vec::new(), Vec::new()];
        for (number, (sender, receiver)) in self.channels(index).await {
            let (first, second): (BTreeSet<_>, BTreeSet<_>) = match treason {
                Some(Treason::Equivocates { first, second }) => (keys(first), keys(second)),
                Some(Treason::Censors) if number == network::TRANSACTIONS => (BTreeSet::new(), everyone.clone()),
                _ => (everyone.clone(), BTreeSet::new()),
            };
            let (all, from) = (everyone.clone(), Arc::new((first, second)));
            let routes = from.clone();
            let condition = self.machines[index].condition.clone();
            let forward = move |origin: SplitOrigin, recipients: &Recipients<PublicKey>, _: &IoBuf| {
                if number == network::STATE && condition.state_is_withheld() {
                    return Some(Recipients::Some(Vec::new()));
                }
                // Whom only the other one talks to.
                let deaf = match origin {
                    SplitOrigin::Primary => &routes.1,
                    SplitOrigin::Secondary => &routes.0,
                };
                let some: Vec<PublicKey> = match recipients {
                    Recipients::All => all.difference(deaf).cloned().collect(),
                    Recipients::Some(some) => some.iter().filter(|peer| !deaf.contains(*peer)).cloned().collect(),
                    Recipients::One(one) => (!deaf.contains(one)).then(|| one.clone()).into_iter().collect(),
                };
                Some(Recipients::Some(some))
            };
            let route = move |(sender, _): &(PublicKey, IoBuf)| match (from.0.contains(sender), from.1.contains(sender))
            {
                (true, false) => SplitTarget::Primary,
                (false, true) => SplitTarget::Secondary,
                _ => SplitTarget::Both,
            };
            let (one, other) = sender.split_with(forward);
            let (heard, also_heard) = receiver.split_with(context.child("split"), route);
            halves[0].push((one, heard));
            halves[1].push((other, also_heard));
        }
        halves
    }

    /// Starts a node with a machine's keys on its disk. It says when it has come up, or why it does not.
    fn start_node<F: SplitForwarder<PublicKey>>(
        &self,
        context: &Context,
        index: usize,
        disk: &str,
        channels: Vec<Half<F>>,
    ) -> (oneshot::Receiver<Result<Node, String>>, Handle<()>) {
        let machine = &self.machines[index];
        let mut channels = channels.into_iter();
        let mut next = || {
            let (sender, receiver) = channels.next().expect("one pair a channel");
            let (limited, dice) = (Limited::new(sender, machine.condition.clone()), context.child("disorder"));
            (limited, Disordered::new(receiver, dice, self.disorder_per_mille))
        };
        let transport = network::Transport {
            manager: self.oracle.socket_manager(),
            blocker: self.oracle.control(self.key(index)),
            votes: next(),
            certificates: next(),
            resolver: next(),
            broadcast: next(),
            backfill: next(),
            transactions: next(),
            sample: next(),
            state: next(),
            dealing: next(),
            evidence: next(),
        };
        let mut config = NodeConfig::new(self.genesis.clone(), machine.secret.clone(), machine.share.clone());
        config.partition_prefix = partition_prefix(disk, index, machine.condition.disk());
        config.page_cache_bytes = 4 * 1024 * 1024;
        // Few, so that every run sees the engine forget: then the ledger alone has the older blocks.
        config.history.blocks_retained = 8;
        config.history.blocks_kept = machine.blocks_kept;
        config.contacts = machine.contacts.clone();
        let waits = self.stands(machine, &mut config);
        let condition = machine.condition.clone();
        let (started, node) = oneshot::channel();
        let task = context.child("process").spawn(move |context| async move {
            if waits {
                let votes = votes_prefix(&config);
                condition.begins_to_wait(context.current());
                condition.forget_votes(&context, &votes).await.expect("the simulated disk lets a place go");
            }
            let result = start_on(Hardware::new(context.child("node"), condition), config, transport).await;
            let node = result.as_ref().ok().cloned();
            let _ = started.send(result.map_err(|error| error.to_string()));
            // The node's tasks live as long as this one.
            if let Some(node) = node {
                node.ended().await;
            }
        });
        (node, task)
    }

    /// Tells a program how it stands with the votes on its disk, as `florin` does; whether it does not know them.
    fn stands(&self, machine: &Machine, config: &mut NodeConfig) -> bool {
        let may_vote = machine.share.is_some() || self.genesis.epoch_blocks.is_some();
        match machine.condition.standing() {
            Standing::Waits if may_vote && machine.is_honest() => {
                (config.share, config.abstains) = (None, true);
                true
            }
            Standing::Votes(floor) if machine.is_honest() => {
                // Who has never voted, or has waited in this very process, has nothing to ask.
                let has_voted = machine.condition.has_places(&votes_prefix(config));
                config.beginning = (has_voted && !machine.condition.is_waiting()).then_some(Beginning::Again);
                machine.condition.waits_no_more();
                config.floor = floor.map(|floor| *floor);
                false
            }
            // Of two programs with one key each is an old copy of the other.
            _ => false,
        }
    }

    /// Lets machines vote whose unknown votes are past. Gives one that must be started again for that.
    pub(crate) async fn take_waited(&mut self) -> Option<usize> {
        let waiting = |(index, node): (usize, &Node)| {
            let waits = self.machines[index].condition.is_waiting() && !node.status().syncing;
            waits.then(|| (index, node.clone()))
        };
        let waiting: Vec<_> = self.nodes().filter_map(waiting).collect();
        for (index, node) in waiting {
            let condition = &self.machines[index].condition;
            let Ok(Some(proof)) = node.ledger().certificate(node.ledger().head().block.height()).await else {
                continue;
            };
            let Some(certified) = proof.headers.last() else { continue };
            if condition.judge(certified.extension.timestamp_ms, self.context.current()) != Some(Verdict::Safe) {
                continue;
            }
            let floor = decode_finalization(&proof.certificate).expect("the ledger keeps certificates");
            condition.stand(Standing::Votes(Some(Box::new(floor.clone()))));
            if self.genesis.epoch_blocks.is_none() {
                self.end(index);
                return Some(index);
            }
            node.votes_after(&floor);
            condition.waits_no_more();
        }
        None
    }

    /// Kills a machine in the middle of whatever it does.
    pub(crate) fn kill(&mut self, index: usize) {
        self.end(index);
        self.machines[index].condition.waits_no_more();
    }

    /// Ends a machine's process.
    fn end(&mut self, index: usize) {
        let running = self.running.remove(&index).map(|running| running.tasks);
        let starting = self.starting.remove(&index).map(|starting| starting.tasks);
        for task in running.into_iter().chain(starting).flatten() {
            task.abort();
        }
        self.machines[index].condition.take_fault();
        self.machines[index].condition.is_taken_away();
    }

    /// Takes away what is left of processes that died in the midst of a change of their disks. Whoever started them does so again.
    pub(crate) fn take_dead_away(&mut self) {
        for index in (0..self.size()).filter(|index| self.machines[*index].condition.is_dead()).collect::<Vec<_>>() {
            self.kill(index);
        }
    }

    /// Copies the disk of a machine that does not run.
    pub(crate) async fn keep_disk(&self, index: usize) -> Result<(), String> {
        let prefix = |disk| format!("{}-", partition_prefix("machine", index, disk));
        let kept = self.machines[index].condition.keep_disk(&self.context, prefix).await;
        kept.map_err(|error| error.to_string())
    }

    /// Takes away a machine that ended by itself, or found that its disk does not know all of its votes, and says why. Machines
    /// that have come up meanwhile run from now on.
    pub(crate) fn take_ended(&mut self) -> Option<(usize, String)> {
        let mut ended = None;
        for index in self.starting.keys().copied().collect::<Vec<_>>() {
            let Some(mut starting) = self.starting.remove(&index) else { continue };
            match starting.up.first_mut().map(|up| up.now_or_never()) {
                Some(None) => drop(self.starting.insert(index, starting)),
                Some(Some(Ok(Err(reason)))) => ended = Some((index, reason)),
                Some(Some(Err(_))) => ended = Some((index, NEVER_UP.to_owned())),
                Some(Some(Ok(Ok(node)))) => self.runs(index, Some(node), starting.tasks),
                None => self.runs(index, None, starting.tasks),
            }
            if ended.is_some() {
                return ended;
            }
        }
        ended = self.nodes().find_map(|(index, node)| Some((index, node.ended().now_or_never()?.to_string())));
        let told =
            self.nodes().find_map(|(index, node)| Some((index, node.begun_before().now_or_never()?.to_string())));
        if let Some((index, _)) = &told {
            self.machines[*index].condition.be_told();
        }
        ended = ended.or(told);
        let faulted = |index: &&usize| self.machines[**index].condition.take_fault();
        ended = ended.or_else(|| Some((*self.running.keys().find(faulted)?, FAULT.to_owned())));
        if let Some((index, _)) = &ended {
            self.kill(*index);
        }
        ended
    }

    /// The honest nodes that run, with their machines' numbers.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.running.iter().filter_map(|(index, running)| Some((*index, running.node.as_ref()?)))
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.running.get(&index)?.node.as_ref()
    }
}
