//! A run: how large the network is, how good, how busy, and what goes wrong when.

use crate::{
    Violation,
    audit::Audit,
    check::{agreed_chain, all_final, money_is_conserved},
    cluster::{Cluster, LinkQuality, Machine, machines},
    workload::Workload,
};
use alloy_primitives::B256;
use commonware_runtime::{Clock as _, Supervisor as _, deterministic};
use florin_types::{Genesis, Height};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

/// Time at which simulations begin, in seconds since 1970.
const BEGIN_S: u64 = 1_750_000_000;
/// Time in which everything accepted must become final once all is well again.
const SETTLE: Duration = Duration::from_secs(60);
/// How often the workload and the faults are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Something that happens to the machines.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A machine's process is killed. What it had written stays, as after `kill -9`.
    Kill(usize),
    /// It is started again.
    Start(usize),
    /// These machines are cut off from all others.
    Split(Vec<usize>),
    /// All links become like this, and whole.
    Links(LinkQuality),
    /// Power is lost everywhere: what no disk had confirmed is gone or torn. All machines start again.
    PowerLoss,
    /// From here on until [`Fault::StandstillEnds`] no block may become final: too few machines are there.
    StandstillBegins,
    /// Checks that none has.
    StandstillEnds,
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
    /// Accounts that pay.
    pub accounts: usize,
    /// Payments a second.
    pub payments_per_s: u64,
    /// How long the workload runs.
    pub duration: Duration,
    /// Links at the start.
    pub links: LinkQuality,
    /// What happens when, in order of time.
    pub faults: Vec<(Duration, Fault)>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            validators: 4,
            followers: 1,
            accounts: 12,
            payments_per_s: 40,
            duration: Duration::from_secs(12),
            links: LinkQuality::default(),
            faults: Vec::new(),
        }
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
    /// Submissions that no node took, because of what was broken at the time.
    pub refused: usize,
    /// Digest of everything that happened in the runtime: every message, timer and write.
    pub trace: String,
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
    /// Highest height that each machine was seen at.
    seen: BTreeMap<usize, Height>,
    elapsed: Duration,
    next_fault: usize,
    standstill: Option<Height>,
}

/// Runs a scenario to its end and checks everything.
pub fn run(scenario: &Scenario) -> Result<Report, Violation> {
    let workload = Workload::new(scenario.accounts);
    let mut genesis = workload.genesis();
    genesis.timestamp_ms = BEGIN_S * 1_000;
    let machines = machines(scenario.seed, scenario.validators, scenario.followers, &mut genesis);
    let mut run = Run {
        scenario: scenario.clone(),
        audit: Audit::new(&genesis),
        genesis: Arc::new(genesis),
        machines,
        workload,
        links: scenario.links,
        accepted: BTreeSet::new(),
        refused: 0,
        seen: BTreeMap::new(),
        elapsed: Duration::ZERO,
        next_fault: 0,
        standstill: None,
    };
    let config = deterministic::Config::new()
        .with_seed(scenario.seed)
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
        let mut cluster =
            Cluster::new(context.child("cluster"), self.genesis.clone(), self.machines.clone(), self.links).await;
        for index in 0..cluster.size() {
            cluster.start(index).await;
        }
        while self.elapsed < self.scenario.duration {
            if self.faults_now(&mut cluster).await? {
                return Ok(None);
            }
            self.pay(&cluster).await;
            context.sleep(TICK).await;
            self.elapsed += TICK;
            self.watch(&cluster).await?;
        }
        if self.standstill.is_some() {
            return Err(Violation::Scenario("a standstill begins that never ends".into()));
        }
        self.settle(&context, &mut cluster).await.map(Some)
    }

    /// Does what is due. `true` when power is lost.
    async fn faults_now(&mut self, cluster: &mut Cluster) -> Result<bool, Violation> {
        while let Some((at, fault)) = self.scenario.faults.get(self.next_fault).cloned() {
            if at > self.elapsed {
                break;
            }
            self.next_fault += 1;
            match fault {
                Fault::Kill(index) => cluster.kill(index),
                Fault::Start(index) => cluster.start(index).await,
                Fault::Split(side) => cluster.split(&side, self.links).await,
                Fault::Links(quality) => {
                    self.links = quality;
                    cluster.link_all(quality).await;
                }
                Fault::PowerLoss => return Ok(true),
                Fault::StandstillBegins => self.standstill = Some(self.highest()),
                Fault::StandstillEnds => {
                    let Some(before) = self.standstill.take() else {
                        return Err(Violation::Scenario("a standstill ends that never began".into()));
                    };
                    if self.highest() > before {
                        return Err(Violation::Progress(format!(
                            "blocks {} to {} became final without a quorum",
                            before + 1,
                            self.highest()
                        )));
                    }
                }
            }
        }
        Ok(false)
    }

    fn highest(&self) -> Height {
        self.seen.values().copied().max().unwrap_or_default()
    }

    /// Submits this tick's payments, each to the next machine in turn.
    async fn pay(&mut self, cluster: &Cluster) {
        let due = self.scenario.payments_per_s * TICK.as_millis() as u64 / 1_000;
        for _ in 0..due {
            let tx = self.workload.next();
            let hash = tx.hash();
            // Clients try another node when one does not answer; without any, the payment stays with its sender.
            let mut taken = false;
            for offset in 0..cluster.size() {
                let index = (self.accepted.len() + offset) % cluster.size();
                let Some(node) = cluster.node(index) else { continue };
                if node.submit(vec![tx.clone()]).await.iter().all(Result::is_ok) {
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
        }
        Ok(())
    }

    /// Everything whole again: all machines run, all links work, and everything accepted becomes final everywhere.
    async fn settle(&mut self, context: &deterministic::Context, cluster: &mut Cluster) -> Result<Report, Violation> {
        cluster.link_all(LinkQuality::default()).await;
        for index in 0..cluster.size() {
            cluster.start(index).await;
        }
        // A machine that was killed forgot what clients had given to it; clients send again, as their keys allow.
        let deadline = context.current() + SETTLE;
        let verdict = loop {
            for tx in self.workload.kept() {
                for (_, node) in cluster.nodes() {
                    let _ = node.submit(vec![tx.clone()]).await;
                }
            }
            context.sleep(Duration::from_secs(1)).await;
            self.watch(cluster).await?;
            let chain = agreed_chain(cluster).await?;
            let verdict = all_final(&chain, &self.accepted);
            self.workload.forget_final(&chain);
            let verdict = verdict.and_then(|()| all_caught_up(cluster));
            if verdict.is_ok() || context.current() > deadline {
                break verdict.map(|()| chain);
            }
        };
        let chain = verdict?;
        for (_, node) in cluster.nodes() {
            let own: Vec<_> = chain[..=node.ledger().head().block.height() as usize].to_vec();
            money_is_conserved(node, &own, &self.workload).await?;
        }
        let last = chain.last().ok_or_else(|| Violation::Unreadable("there is no chain".into()))?;
        if self.audit.blocks() <= last.block.height() {
            let (checked, height) = (self.audit.blocks(), last.block.height());
            return Err(Violation::Unreadable(format!(
                "invariants were checked below {checked}, the chain ends at {height}"
            )));
        }
        Ok(Report {
            height: last.block.height(),
            block_hash: last.block.hash(),
            transactions: self.accepted.len(),
            refused: self.refused,
            trace: String::new(),
        })
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
