//! A run: how large the network is, how good, how busy, and what goes wrong when.

use crate::{
    Violation,
    audit::Audit,
    check::{agreed_chain, all_final, certificates_verify, longest_pause_ms, money_is_conserved},
    cluster::{Cluster, LinkQuality, Machine, machines},
    history::history_agrees,
    replay::replay_agrees,
    story::{WAITS, liveness},
    traitor::Treason,
    workload::Workload,
};
use alloy_primitives::{B256, Bytes};
use commonware_runtime::{
    Clock as _, Supervisor as _,
    deterministic::{self, FaultConfig, PartialWriteMode, WriteConfig},
};
use commonware_utils::{Probability, probability};
use florin_consensus::Committee;
use florin_types::{Genesis, Height, NodeRole, VerifiedTx};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

/// Time at which simulations begin, in seconds since 1970.
const BEGIN_S: u64 = 1_750_000_000;
/// Time in which everything accepted must become final once all is well again.
const SETTLE: Duration = Duration::from_secs(60);
/// How long a client waits for a node's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
/// How often the workload and the faults are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Something that happens to the machines.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A machine's process is killed. What it had written stays, as after `kill -9`.
    Kill(usize),
    /// A machine's process dies in the midst of its so manieth change of the disk from now on, whatever it is doing: nothing of that
    /// change, and of what would come after it, is on the disk or in the network. A [`Fault::Kill`] has to follow, if it lives that long.
    DieAt(usize, u64),
    /// It is started again.
    Start(usize),
    /// A machine of [`Scenario::joining`] is started, for the first time or again, and nobody waits for it.
    Join(usize),
    /// These machines are cut off from all others.
    Split(Vec<usize>),
    /// What the first machine sends to the second arrives like this, or not at all; the other direction stays as it is.
    OneWay(usize, usize, Option<LinkQuality>),
    /// All links become like this, and whole.
    Links(LinkQuality),
    /// A machine's clock is ahead of the true time by so many milliseconds, or behind.
    Clock(usize, i64),
    /// One in so many changes of a machine's disk fails: with 1 it is full, with 0 it works again, and its node is started
    /// if that has ended.
    Disk(usize, u64),
    /// A machine's disk says from now on that it has written through what it only remembers.
    LyingDisk(usize),
    /// A machine gets no answer when it asks for the state, or does again.
    WithholdState(usize, bool),
    /// A machine that does not run gets an empty disk.
    ReplaceDisk(usize),
    /// The disk of a machine that does not run is copied.
    KeepDisk(usize),
    /// A machine that does not run gets the copy that was made of its disk.
    OldDisk(usize),
    /// Power is lost everywhere: what no disk had confirmed is gone or torn. All machines start again.
    PowerLoss,
    /// Clients send so many payments a minute from now on.
    Payments(u64),
    /// From here on until [`Fault::StandstillEnds`] no block may become final: too few machines are there.
    StandstillBegins,
    /// Checks that none has.
    StandstillEnds,
    /// A seat declares the machines that are to join ready, and proposes that they do and that the others leave.
    Propose(BTreeSet<usize>, BTreeSet<usize>),
    /// Accounts bond for the machines of the same number, which are declared ready; the higher the number, the more.
    Bond(BTreeSet<usize>),
    /// All seats vote for the last proposal.
    Vote,
    /// The last proposal is executed.
    Execute,
    /// From here on nothing is broken.
    WholeAgain,
    /// Checks that a block became final since [`Fault::WholeAgain`].
    MustMove,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Machines that vote.
    pub validators: usize,
    /// Machines that follow, numbered after the validators.
    pub followers: usize,
    /// Machines that do not run at first, keep few blocks, and so copy the state when they join.
    pub joining: BTreeSet<usize>,
    /// Machines that those ask where the network stands; the validators of the genesis file where there are none.
    pub contacts: BTreeSet<usize>,
    /// Validators that do not do what they must.
    pub traitors: BTreeMap<usize, Treason>,
    /// Blocks of an epoch, if the committee changes.
    pub epoch_blocks: Option<u64>,
    /// Whether bonds elect the committee; governance lists it otherwise.
    pub by_stake: bool,
    /// How long leaders wait for work, in milliseconds.
    pub heartbeat_ms: u64,
    /// Accounts that pay.
    pub accounts: usize,
    /// Whether they call all modules, or only pay each other.
    pub every_module: bool,
    /// Payments a minute, on average.
    pub payments_per_min: u64,
    /// How often they come: those of this time together. Whole tenths of a second.
    pub burst: Duration,
    /// How long the workload runs.
    pub duration: Duration,
    /// Links at the start.
    pub links: LinkQuality,
    /// How many of a thousand messages come twice, or after the next one.
    pub disorder_per_mille: u32,
    /// What disks keep of what they have not confirmed when power is lost.
    pub torn: Torn,
    /// What happens when, in order of time.
    pub faults: Vec<(Duration, Fault)>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            validators: 4,
            followers: 1,
            joining: BTreeSet::new(),
            contacts: BTreeSet::new(),
            traitors: BTreeMap::new(),
            epoch_blocks: None,
            by_stake: false,
            heartbeat_ms: 700,
            accounts: 12,
            every_module: false,
            payments_per_min: 2_400,
            burst: TICK,
            duration: Duration::from_secs(12),
            links: LinkQuality::default(),
            disorder_per_mille: 0,
            torn: Torn::default(),
            faults: Vec::new(),
        }
    }
}

/// What a disk keeps of a write that it has not confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Torn {
    /// How likely each byte is to stay, in percent; 0: nothing of it stays.
    pub kept_percent: u8,
    /// Bytes here and there, and not the first ones up to one that is lost.
    pub scattered: bool,
}

impl Torn {
    fn config(self) -> FaultConfig {
        let kept = Probability::new(u64::from(self.kept_percent), 100).expect("percent of a byte's chance");
        let mode = if self.scattered { PartialWriteMode::Subset } else { PartialWriteMode::Prefix };
        FaultConfig::default().write(WriteConfig { failure_rate: probability!(0.0), retention_rate: kept, mode })
    }
}

/// How a run ended. Two runs of one scenario give equal reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Last final height.
    pub height: Height,
    /// Hash there, which commits to everything below.
    pub block_hash: B256,
    /// Transactions that nodes accepted, all of them final.
    pub transactions: usize,
    /// Final transactions that changed nothing: the ledger refused what they asked for.
    pub reverted: usize,
    /// Submissions that no node took, because of what was broken at the time.
    pub refused: usize,
    /// Oldest block that each honest machine keeps.
    pub oldest: Vec<Height>,
    /// The committees that were seen, by epoch.
    pub committees: BTreeMap<u64, Seated>,
    /// The epochs in which each honest machine had a share, since it has the disk that it has.
    pub voting: BTreeMap<usize, BTreeSet<u64>>,
    /// The epoch in which machines lost the disks that they had before.
    pub lost_in: BTreeMap<usize, u64>,
    /// Shares that final blocks made public.
    pub reveals: usize,
    /// Longest time between two blocks, by their own times, in milliseconds.
    pub longest_pause_ms: u64,
    /// Who blocked whom, by the machines' numbers.
    pub blocked: BTreeSet<(usize, usize)>,
    /// Who has evidence against whom, by the machines' numbers.
    pub convicted: BTreeSet<(usize, usize)>,
    /// Digest of everything that happened in the runtime: every message, timer and write.
    pub trace: String,
}

/// A committee as nodes say that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// Its machines, in the order of their numbers.
    pub machines: BTreeSet<usize>,
    /// Public halves of the members' shares.
    pub share_keys: Vec<Bytes>,
}

/// What survives a loss of power beside the disks: the simulation's own bookkeeping.
struct Run {
    scenario: Scenario,
    genesis: Arc<Genesis>,
    machines: Vec<Machine>,
    workload: Workload,
    audit: Audit,
    links: LinkQuality,
    accepted: BTreeSet<B256>,
    refused: usize,
    payments_per_min: u64,
    /// Sixty thousandths of a payment that are due beside whole ones.
    due: u64,
    /// Highest height that each machine was seen at.
    seen: BTreeMap<usize, Height>,
    /// Committees by epoch.
    committees: BTreeMap<u64, (Committee, Seated)>,
    /// The epochs in which each machine was seen with a share.
    voting: BTreeMap<usize, BTreeSet<u64>>,
    /// The epoch in which machines lost their disks.
    lost_in: BTreeMap<usize, u64>,
    /// The public key of the genesis file.
    network_key: Bytes,
    /// Machines that have not joined yet.
    absent: BTreeSet<usize>,
    elapsed: Duration,
    next_fault: usize,
    standstill: Option<Height>,
    /// Where the chain stood when everything worked again.
    whole_at: Option<Height>,
    /// Machines that ended because of their disks.
    ended: BTreeSet<usize>,
    /// Who has found evidence against whom.
    convicted: BTreeSet<(usize, usize)>,
}

/// Runs a scenario to its end and checks everything.
pub fn run(scenario: &Scenario) -> Result<Report, Violation> {
    let workload = Workload::new(scenario);
    let mut genesis = workload.genesis(scenario.heartbeat_ms);
    genesis.epoch_blocks = scenario.epoch_blocks.and_then(NonZeroU64::new);
    genesis.timestamp_ms = BEGIN_S * 1_000;
    let machines = machines(scenario, &mut genesis);
    if scenario.by_stake {
        workload.elect_by_bonds(&mut genesis, machines.iter().map(Machine::public_key));
    }
    let committee = Committee::from_genesis(&genesis).expect("the genesis file was made by this crate");
    let network_key = committee.network_key();
    let mut run = Run {
        scenario: scenario.clone(),
        audit: Audit::new(&genesis),
        genesis: Arc::new(genesis),
        machines,
        workload,
        links: scenario.links,
        accepted: BTreeSet::new(),
        refused: 0,
        payments_per_min: scenario.payments_per_min,
        due: 0,
        seen: BTreeMap::new(),
        committees: BTreeMap::new(),
        voting: BTreeMap::new(),
        lost_in: BTreeMap::new(),
        network_key,
        absent: scenario.joining.clone(),
        elapsed: Duration::ZERO,
        next_fault: 0,
        standstill: None,
        whole_at: None,
        ended: BTreeSet::new(),
        convicted: BTreeSet::new(),
    };
    let config = deterministic::Config::new()
        .with_seed(scenario.seed)
        // A part that panics ends its node, which is noticed and named.
        .with_catch_panics(true)
        .with_storage_fault_config(scenario.torn.config())
        .with_start_time(UNIX_EPOCH + Duration::from_secs(BEGIN_S));
    let mut runner = deterministic::Runner::new(config);
    loop {
        let ((returned, ended), checkpoint) = runner.start_and_recover(|context| async move {
            let ended = run.until_power_is_lost(context).await;
            (run, ended)
        });
        run = returned;
        match ended? {
            Some(report) => return Ok(Report { trace: checkpoint.auditor().state(), ..report }),
            None => runner = deterministic::Runner::from(checkpoint),
        }
    }
}

impl Run {
    /// Runs until the end (`Some`) or until power is lost (`None`).
    async fn until_power_is_lost(&mut self, context: deterministic::Context) -> Result<Option<Report>, Violation> {
        let network = (self.links, self.scenario.disorder_per_mille);
        let mut cluster =
            Cluster::new(context.child("cluster"), self.genesis.clone(), self.machines.clone(), network).await;
        for index in (0..cluster.size()).filter(|index| !self.absent.contains(index)).collect::<Vec<_>>() {
            self.start(&mut cluster, index).await?;
        }
        while self.elapsed < self.scenario.duration {
            if self.faults_now(&context, &mut cluster).await? {
                return Ok(None);
            }
            self.pay(&context, &cluster).await;
            context.sleep(TICK).await;
            self.elapsed += TICK;
            cluster.take_dead_away();
            self.supervise(&mut cluster).await?;
            self.watch(&cluster).await?;
            self.judge_evidence(&mut cluster)?;
        }
        if self.standstill.is_some() {
            return Err(Violation::Scenario("a standstill begins that never ends".into()));
        }
        self.settle(&context, &mut cluster).await.map(Some)
    }

    /// Does what is due. `true` when power is lost.
    async fn faults_now(&mut self, context: &deterministic::Context, cluster: &mut Cluster) -> Result<bool, Violation> {
        while let Some((at, fault)) = self.scenario.faults.get(self.next_fault).cloned() {
            if at > self.elapsed {
                break;
            }
            self.next_fault += 1;
            match fault {
                Fault::Kill(index) => cluster.kill(index),
                Fault::DieAt(index, changes) => {
                    if cluster.node(index).is_some() {
                        self.machines[index].condition().dies_after(changes);
                    }
                }
                Fault::Start(index) => self.start(cluster, index).await?,
                Fault::Join(index) => {
                    self.absent.remove(&index);
                    cluster.begin(index).await;
                }
                Fault::Split(side) => cluster.split(&side, self.links).await,
                Fault::OneWay(from, to, quality) => cluster.link(from, to, quality).await,
                Fault::Links(quality) => {
                    self.links = quality;
                    cluster.link_all(quality).await;
                }
                Fault::Clock(index, ahead_ms) => self.machines[index].condition().set_clock(ahead_ms),
                Fault::Disk(index, fails_each) => self.machines[index].condition().set_disk(fails_each),
                Fault::LyingDisk(index) => self.machines[index].condition().let_disk_lie(),
                Fault::WithholdState(index, withheld) => {
                    self.machines[index].condition().withhold_state(withheld);
                }
                Fault::ReplaceDisk(index) => {
                    must_rest(cluster, index)?;
                    self.machines[index].condition().replace_disk();
                    self.seen.remove(&index);
                    self.voting.remove(&index);
                    let epoch = self.committees.keys().last().copied().unwrap_or_default();
                    self.lost_in.insert(index, epoch);
                }
                Fault::KeepDisk(index) => {
                    must_rest(cluster, index)?;
                    cluster.keep_disk(index).await.map_err(Violation::Scenario)?;
                }
                Fault::OldDisk(index) => {
                    must_rest(cluster, index)?;
                    if !self.machines[index].condition().use_old_disk() {
                        return Err(Violation::Scenario(format!("nobody has copied the disk of machine {index}")));
                    }
                    self.seen.remove(&index);
                }
                Fault::PowerLoss => return Ok(true),
                Fault::Propose(joining, leaving) => {
                    let keys = |machines: &BTreeSet<usize>| {
                        machines.iter().map(|index| self.machines[*index].public_key()).collect::<Vec<_>>()
                    };
                    let calls = self.workload.proposal(&keys(&joining), &keys(&leaving));
                    self.submit(context, cluster, calls).await;
                }
                Fault::Bond(machines) => {
                    let nodes: Vec<_> =
                        machines.iter().map(|index| (*index, self.machines[*index].public_key())).collect();
                    let calls = self.workload.bonds(&nodes);
                    self.submit(context, cluster, calls).await;
                }
                Fault::Vote => {
                    let calls = self.workload.votes();
                    self.submit(context, cluster, calls).await;
                }
                Fault::Execute => {
                    let calls = self.workload.execution();
                    self.submit(context, cluster, calls).await;
                }
                Fault::Payments(per_min) => self.payments_per_min = per_min,
                Fault::StandstillBegins => self.standstill = Some(self.highest()),
                Fault::StandstillEnds => self.stood_still()?,
                Fault::WholeAgain => self.whole_at = Some(self.highest()),
                Fault::MustMove => self.moved()?,
            }
        }
        Ok(false)
    }

    /// Nothing became final since the standstill began.
    fn stood_still(&mut self) -> Result<(), Violation> {
        let before = self.standstill.take();
        let before = before.ok_or_else(|| Violation::Scenario("a standstill ends that never began".into()))?;
        if self.highest() > before {
            let (first, last) = (before + 1, self.highest());
            return Err(Violation::Progress(format!("blocks {first} to {last} became final without a quorum")));
        }
        Ok(())
    }

    /// Something became final since everything worked again.
    fn moved(&mut self) -> Result<(), Violation> {
        let before = self.whole_at.take();
        let before = before
            .ok_or_else(|| Violation::Scenario("blocks must move on, but nothing said that all is well".into()))?;
        if self.highest() <= before {
            return Err(Violation::Progress(format!(
                "everything has worked for {} s, but no block became final after {before}",
                liveness(self.scenario.heartbeat_ms).as_secs()
            )));
        }
        Ok(())
    }

    /// Starts a machine. That it ends at once is allowed if its disk is broken.
    async fn start(&mut self, cluster: &mut Cluster, index: usize) -> Result<(), Violation> {
        let condition = self.machines[index].condition();
        if cluster.node(index).is_none() {
            condition.starts();
        }
        match cluster.start(index).await {
            Err(reason) if !condition.may_end() => Err(Violation::Ended { machine: index, reason }),
            _ => Ok(()),
        }
    }

    /// What keeps processes running: who ended because of its disk is started again as soon as that works.
    async fn supervise(&mut self, cluster: &mut Cluster) -> Result<(), Violation> {
        while let Some((machine, reason)) = cluster.take_ended() {
            if !self.machines[machine].condition().may_end() {
                return Err(Violation::Ended { machine, reason });
            }
            self.ended.insert(machine);
        }
        while let Some(machine) = cluster.take_waited().await {
            self.ended.insert(machine);
        }
        for machine in std::mem::take(&mut self.ended) {
            if self.machines[machine].condition().disk_is_broken() {
                self.ended.insert(machine);
            } else {
                self.start(cluster, machine).await?;
            }
        }
        Ok(())
    }

    fn highest(&self) -> Height {
        self.seen.values().copied().max().unwrap_or_default()
    }

    /// Submits the payments that are due, each to the next machine in turn.
    async fn pay(&mut self, context: &deterministic::Context, cluster: &Cluster) {
        // In a rush nobody waits for the others.
        let burst = if self.payments_per_min == self.scenario.payments_per_min { self.scenario.burst } else { TICK };
        let burst_ms = burst.max(TICK).as_millis() as u64;
        let elapsed_ms = self.elapsed.as_millis() as u64;
        if !elapsed_ms.is_multiple_of(burst_ms) {
            return;
        }
        let due = self.due + self.payments_per_min * burst_ms;
        self.due = due % 60_000;
        let now_ms = BEGIN_S * 1_000 + elapsed_ms;
        for _ in 0..due / 60_000 {
            let tx = self.workload.next(now_ms);
            self.submit(context, cluster, vec![tx]).await;
        }
    }

    /// Clients send these, each to the next machine in turn.
    async fn submit(&mut self, context: &deterministic::Context, cluster: &Cluster, txs: Vec<VerifiedTx>) {
        for tx in txs {
            let hash = tx.hash();
            // Clients try another node when one does not answer; without any, the payment stays with its sender.
            let mut taken = false;
            for offset in 0..cluster.size() {
                let index = (self.accepted.len() + offset) % cluster.size();
                let Some(node) = cluster.node(index) else { continue };
                // A process that dies meanwhile never answers.
                let (node, asked) = (node.clone(), vec![tx.clone()]);
                let answer = context.timeout(ANSWER_TIME_MAX, async move { node.submit(asked).await }).await;
                if answer.is_ok_and(|answer| answer.iter().all(Result::is_ok)) {
                    taken = true;
                    break;
                }
            }
            if taken {
                self.accepted.insert(hash);
                self.workload.keep(tx);
            } else {
                self.workload.take_back(&tx);
                self.refused += 1;
            }
        }
    }

    /// No machine may ever stand lower than it stood, and after every final block the modules' invariants hold.
    async fn watch(&mut self, cluster: &Cluster) -> Result<(), Violation> {
        for (machine, node) in cluster.nodes() {
            let found = node.ledger().head().block.height();
            let expected = self.seen.insert(machine, found).unwrap_or_default();
            if found < expected {
                return Err(Violation::Lost { machine, found, expected });
            }
            self.audit.follow(node).await?;
            let (epoch, committee) = node.committee();
            let wrong = |reason: &str| Violation::Committee { machine, epoch, reason: reason.into() };
            match self.committees.entry(epoch) {
                Entry::Occupied(known) if known.get().0 != committee => {
                    return Err(wrong("another machine has another one"));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(_) if committee.network_key() != self.network_key => {
                    return Err(wrong("its public key is another"));
                }
                Entry::Vacant(place) => {
                    let machines = cluster.numbers(&committee.validators());
                    let seated = Seated { machines, share_keys: committee.share_keys() };
                    place.insert((committee, seated));
                }
            }
            if node.status().role == NodeRole::Validator {
                self.voting.entry(machine).or_default().insert(epoch);
            }
        }
        Ok(())
    }

    /// Evidence of equivocation is against traitors, and verifies with the genesis file.
    fn judge_evidence(&mut self, cluster: &mut Cluster) -> Result<(), Violation> {
        let genesis_hash = cluster.nodes().next().map(|(_, node)| node.genesis_hash()).unwrap_or_default();
        for (by, evidence) in cluster.evidence() {
            let accused = evidence.validator();
            let wrong = |reason: String| Violation::Evidence { by, accused, reason };
            evidence.verify(self.genesis.chain_id, genesis_hash).map_err(|error| wrong(error.to_string()))?;
            let machine = self.machines.iter().position(|machine| machine.public_key() == accused);
            match machine.filter(|machine| !self.machines[*machine].is_true()) {
                Some(machine) => drop(self.convicted.insert((by, machine))),
                None => return Err(wrong("it is honest".into())),
            }
        }
        Ok(())
    }

    /// Who did not know its votes knows by now that they are past. Where there are epochs, it is still to be dealt a share.
    fn all_vote(&self, cluster: &Cluster) -> Result<(), Violation> {
        let for_ever = self.genesis.epoch_blocks.is_none();
        let silent = cluster.nodes().find(|(machine, node)| {
            let is_validator = *machine < self.scenario.validators && for_ever;
            let votes = !is_validator || node.status().role == NodeRole::Validator;
            self.machines[*machine].condition().is_waiting() || !votes
        });
        match silent {
            Some((machine, _)) => Err(Violation::Progress(format!("machine {machine} still does not vote"))),
            None => Ok(()),
        }
    }

    /// Everything whole again: all machines run, all links work, and everything accepted becomes final everywhere.
    async fn settle(&mut self, context: &deterministic::Context, cluster: &mut Cluster) -> Result<Report, Violation> {
        cluster.link_all(LinkQuality::default()).await;
        for machine in &self.machines {
            machine.condition().set_clock(0);
            machine.condition().set_disk(0);
        }
        self.supervise(cluster).await?;
        for index in 0..cluster.size() {
            self.start(cluster, index).await?;
        }
        // A machine that was killed forgot what clients had given to it; clients send again, as their keys allow.
        let waits = self.machines.iter().any(|machine| machine.condition().is_waiting());
        let deadline = context.current() + SETTLE + if waits { WAITS } else { Duration::ZERO };
        let verdict = loop {
            for tx in self.workload.kept() {
                for (_, node) in cluster.nodes() {
                    let _ = node.submit(vec![tx.clone()]).await;
                }
            }
            context.sleep(Duration::from_secs(1)).await;
            self.supervise(cluster).await?;
            self.watch(cluster).await?;
            let chain = agreed_chain(cluster).await?;
            let verdict = all_final(&chain, &self.accepted);
            self.workload.forget_final(&chain);
            let verdict = verdict.and_then(|()| all_caught_up(cluster)).and_then(|()| self.all_vote(cluster));
            if verdict.is_ok() || context.current() > deadline {
                break verdict.map(|()| chain);
            }
        };
        let chain = verdict?;
        self.judge_evidence(cluster)?;
        let blocked = cluster.blocked().await;
        // Who has an old disk may be taken for a liar, and takes nobody for one.
        let wrong =
            |(by, machine): &(usize, usize)| self.machines[*by].is_honest() && self.machines[*machine].is_true();
        if let Some((by, machine)) = blocked.iter().copied().find(wrong) {
            return Err(Violation::Blocked { by, machine });
        }
        for (machine, node) in cluster.nodes() {
            certificates_verify(machine, node, &self.genesis).await?;
            let own = &chain[..=node.ledger().head().block.height() as usize];
            money_is_conserved(node, own, &self.workload).await?;
        }
        let last = chain.last().ok_or_else(|| Violation::Unreadable("there is no chain".into()))?;
        if self.audit.blocks() <= last.block.height() {
            let (checked, height) = (self.audit.blocks(), last.block.height());
            return Err(Violation::Unreadable(format!(
                "invariants were checked below {checked}, the chain ends at {height}"
            )));
        }
        history_agrees(self.scenario.seed, &chain)?;
        if let Some((_, node)) = cluster.nodes().find(|(_, node)| node.ledger().oldest_block() == 0) {
            replay_agrees(&self.genesis, node).await?;
        }
        Ok(Report {
            height: last.block.height(),
            block_hash: last.block.hash(),
            transactions: self.accepted.len(),
            reverted: chain.iter().flat_map(|block| block.receipts.iter()).filter(|receipt| !receipt.status()).count(),
            refused: self.refused,
            oldest: cluster.nodes().map(|(_, node)| node.ledger().oldest_block()).collect(),
            committees: self.committees.iter().map(|(epoch, (_, seated))| (*epoch, seated.clone())).collect(),
            voting: self.voting.clone(),
            lost_in: self.lost_in.clone(),
            reveals: chain.iter().map(|block| florin_consensus::reveals(&block.block)).sum(),
            longest_pause_ms: longest_pause_ms(&chain),
            blocked,
            convicted: self.convicted.clone(),
            trace: String::new(),
        })
    }
}

/// Nobody touches the disk of a machine that runs.
fn must_rest(cluster: &Cluster, machine: usize) -> Result<(), Violation> {
    match cluster.node(machine) {
        Some(_) => Err(Violation::Scenario(format!("machine {machine} runs, its disk stays"))),
        None => Ok(()),
    }
}

/// Machines that have caught up differ by the block that is on its way.
fn all_caught_up(cluster: &Cluster) -> Result<(), Violation> {
    let heights = || cluster.nodes().map(|(machine, node)| (node.ledger().head().block.height(), machine));
    let highest = heights().max().unwrap_or_default().0;
    match heights().min() {
        Some((found, machine)) if found + 1 < highest => Err(Violation::Behind { machine, found, expected: highest }),
        _ => Ok(()),
    }
}
