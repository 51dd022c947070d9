//! The run itself: senders that keep to the clock, a follower of blocks, and one collector that owns all figures.

use crate::{
    BenchConfig, BenchError, Latency, Report, Second,
    clerk::Clerk,
    cost::Costs,
    prepare::{Load, prepare},
    stage::Stage,
};
use alloy_primitives::B256;
use florin_client::{BlockSummary, ClientError, RpcClient, RpcConfig};
use florin_types::Height;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// How often due payments are sent, in milliseconds.
const SEND_TICK_MS: u64 = 5;
/// How often the next block is asked for, in milliseconds.
const BLOCK_POLL_MS: u64 = 10;
/// Batches under way to one node; when a node is slower than that, payments wait here, and their latency counts it.
const BATCHES_UNDER_WAY_MAX: usize = 64;
/// How long the followed node may fail before the run is given up, in milliseconds.
const FOLLOWER_FAILURE_MS_MAX: u64 = 10_000;

/// What is going on, for a display.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// What the load needs is made on the ledger.
    Preparing {
        /// Such as "accounts".
        what: &'static str,
        /// How many are there.
        done: u64,
        /// How many there will be.
        of: u64,
    },
    /// The highest rate that is sustained is looked for.
    Trying {
        /// Payments a second.
        rate: u64,
    },
    /// Payments are being signed; the clock has not started.
    Signing {
        /// How many.
        payments: u64,
    },
    /// A second of the run has ended.
    Running(Second),
    /// Nothing is due any more; waiting for the last ones.
    Settling {
        /// Accepted but not yet final.
        left: u64,
    },
}

/// What the client knows of a payment after sending it.
enum Delivery {
    Accepted,
    /// The node said no.
    Refused(String),
    /// No answer: it may have arrived.
    Unknown(String),
}

enum Event {
    /// A batch was sent, so long after its first payment was due.
    Sent { delay: Duration, outcomes: Vec<(usize, Delivery)> },
    /// A final block, with the time it was seen.
    Block { seen: Instant, block: BlockSummary },
    /// The followed node failed for too long.
    FollowerFailed(ClientError),
}

/// Runs a load and measures it. `progress` is called about once a second.
pub async fn run(config: BenchConfig, progress: impl Fn(Progress) + Send + Sync) -> Result<Report, BenchError> {
    let stage = Stage::set(&config, &progress).await?;
    run_on(&stage, config, &progress).await
}

/// Runs a load on what was made for it.
pub(crate) async fn run_on(
    stage: &Stage,
    config: BenchConfig,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Report, BenchError> {
    config.validate()?;
    let client_config = RpcConfig { batch_calls_max: config.request_txs(), ..RpcConfig::default() };
    let nodes: Vec<RpcClient> =
        config.rpc_urls.iter().map(|url| RpcClient::with_config(url, client_config)).collect::<Result<_, _>>()?;
    let followed = nodes.first().cloned().ok_or_else(|| BenchError::Internal { reason: "no node".into() })?;
    let clerk = Clerk::of(&config, stage, &followed)?;
    let load = Arc::new(prepare(&config, &followed, stage.clone(), progress).await?);
    let first_height = followed.block_number().await?.saturating_add(1);

    let start = Instant::now();
    let (events, inbox) = mpsc::channel(4_096);
    let stop = Arc::new(AtomicBool::new(false));
    // Aborts its tasks when dropped, whichever way this function ends.
    let mut tasks = JoinSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let sender = NodeSender { node: node.clone(), load: load.clone(), start, index, events: events.clone() };
        tasks.spawn(sender.run(config.clone()));
    }
    tasks.spawn(follow(followed.clone(), first_height, events, stop.clone()));
    if let Some(clerk) = clerk.clone() {
        tasks.spawn(clerk.work(stop.clone()));
    }

    let mut collector = Collector::new(&config, load.clone(), start);
    collector.collect(inbox, &config, progress).await?;
    stop.store(true, Ordering::Relaxed);
    let costs = Costs::read(&config.nodes).await.since(&collector.costs_before);
    collector.count_reverted(&followed).await?;
    let clearing = match &clerk {
        Some(clerk) => Some(clerk.figures().await?),
        None => None,
    };
    Ok(Report { clearing, ..collector.report(&config, costs) })
}

/// When payment `number` is due after the start.
fn due_after(number: u64, rate_per_second: u64) -> Duration {
    let nanoseconds = u128::from(number).saturating_mul(1_000_000_000) / u128::from(rate_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Sends the payments of one node's senders when they are due.
struct NodeSender {
    node: RpcClient,
    load: Arc<Load>,
    start: Instant,
    index: usize,
    events: mpsc::Sender<Event>,
}

impl NodeSender {
    async fn run(self, config: BenchConfig) {
        let (nodes, senders) = (config.rpc_urls.len(), config.senders.len());
        let mine = |tx: &usize| (tx % senders) % nodes == self.index;
        let mut txs = (0..self.load.txs.len()).filter(mine).peekable();
        let under_way = Arc::new(Semaphore::new(BATCHES_UNDER_WAY_MAX));
        let mut batches = JoinSet::new();
        let mut tick = interval(Duration::from_millis(SEND_TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while txs.peek().is_some() {
            tick.tick().await;
            let elapsed = self.start.elapsed();
            let mut due = Vec::new();
            while let Some(tx) = txs.next_if(|next| self.load.due(*next, config.rate_per_second) <= elapsed) {
                due.push(tx);
            }
            for batch in due.chunks(config.request_txs()) {
                let Ok(permit) = under_way.clone().acquire_owned().await else { return };
                let sending = self.send(batch.to_vec(), config.rate_per_second);
                batches.spawn(async move {
                    sending.await;
                    drop(permit);
                });
            }
            while batches.try_join_next().is_some() {}
        }
        while batches.join_next().await.is_some() {}
    }

    fn send(&self, batch: Vec<usize>, rate_per_second: u64) -> impl Future<Output = ()> + Send + use<> {
        let (node, load, events, start) = (self.node.clone(), self.load.clone(), self.events.clone(), self.start);
        async move {
            let first_due = batch.first().map(|first| load.due(*first, rate_per_second)).unwrap_or_default();
            let delay = start.elapsed().saturating_sub(first_due);
            let signed: Vec<_> = batch.iter().filter_map(|tx| Some(load.txs.get(*tx)?.signed.clone())).collect();
            let outcomes = match node.send_batch(&signed).await {
                Ok(results) => batch.into_iter().zip(results.iter().map(Delivery::of)).collect(),
                Err(error) => batch.into_iter().map(|tx| (tx, Delivery::of_error(&error))).collect(),
            };
            // The collector may have ended: then nobody counts any more.
            let _ = events.send(Event::Sent { delay, outcomes }).await;
        }
    }
}

impl Delivery {
    fn of(result: &Result<B256, ClientError>) -> Self {
        result.as_ref().map_or_else(Self::of_error, |_| Self::Accepted)
    }

    /// The reason goes without its values, so that equal reasons count together.
    fn of_error(error: &ClientError) -> Self {
        match error {
            ClientError::Refused { code, message, .. } => {
                let rule = message.split([':', ';']).next().unwrap_or_default();
                Self::Refused(format!("{} (code {code})", rule.chars().take(80).collect::<String>()))
            }
            other => Self::Unknown(other.code().into()),
        }
    }
}

/// Reports every final block from `height` on.
async fn follow(node: RpcClient, mut height: Height, events: mpsc::Sender<Event>, stop: Arc<AtomicBool>) {
    let mut last_answer = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let answer = node.block(height).await;
        let seen = Instant::now();
        match answer {
            Ok(Some(block)) => {
                (height, last_answer) = (height.saturating_add(1), seen);
                if events.send(Event::Block { seen, block }).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => last_answer = seen,
            Err(error) if seen - last_answer > Duration::from_millis(FOLLOWER_FAILURE_MS_MAX) => {
                let _ = events.send(Event::FollowerFailed(error)).await;
                return;
            }
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(BLOCK_POLL_MS)).await;
    }
}

impl Load {
    /// When a transaction is due after the start: with the last of its payments, which arrive one by one.
    fn due(&self, tx: usize, rate_per_second: u64) -> Duration {
        let last = self.txs.get(tx).map(|tx| tx.before.saturating_add(tx.payments).saturating_sub(1));
        due_after(last.unwrap_or(u64::MAX), rate_per_second)
    }
}

/// What a node has shown of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    accepted: bool,
    settled: bool,
    reverted: bool,
}

/// Owns all figures. They are payments, whatever the number of transactions.
struct Collector {
    load: Arc<Load>,
    start: Instant,
    /// From when on payments are measured.
    measured_start: Instant,
    /// Payments that only warm the nodes up.
    warmup: u64,
    rate_per_second: u64,
    fates: Vec<Fate>,
    /// Refused transactions that are not final either, with the reason.
    refused: BTreeMap<usize, String>,
    delivery_failures: BTreeMap<String, u64>,
    /// Latency in microseconds, of so many payments.
    latencies: Vec<(u64, u64)>,
    send_delay: Duration,
    last_settled: Instant,
    /// Payments whose transaction is neither refused nor final.
    undecided: u64,
    blocks: u64,
    /// Heights of blocks with payments of ours.
    heights: Vec<Height>,
    second: Second,
    second_latencies: Vec<(u64, u64)>,
    timeline: Vec<Second>,
    /// What the nodes had used when measuring began.
    costs_before: Costs,
}

impl Collector {
    fn new(config: &BenchConfig, load: Arc<Load>, start: Instant) -> Self {
        let measured_start = start + Duration::from_millis(config.warmup_ms);
        Self {
            start,
            measured_start,
            warmup: config.due_within(config.warmup_ms),
            rate_per_second: config.rate_per_second,
            fates: vec![Fate::default(); load.txs.len()],
            refused: BTreeMap::new(),
            delivery_failures: BTreeMap::new(),
            latencies: Vec::with_capacity(load.txs.len()),
            send_delay: Duration::ZERO,
            last_settled: measured_start,
            undecided: load.payments,
            blocks: 0,
            heights: Vec::new(),
            second: Second::default(),
            second_latencies: Vec::new(),
            timeline: Vec::new(),
            costs_before: Costs::default(),
            load,
        }
    }

    /// Takes events until every payment has its fate, or the time to settle is over.
    async fn collect(
        &mut self,
        mut inbox: mpsc::Receiver<Event>,
        config: &BenchConfig,
        progress: &impl Fn(Progress),
    ) -> Result<(), BenchError> {
        let running = Duration::from_millis(config.warmup_ms.saturating_add(config.duration_ms));
        let deadline = self.start + running + Duration::from_millis(config.settle_ms_max);
        let mut second = interval(Duration::from_secs(1));
        second.tick().await;
        let mut warm = false;
        while self.undecided > 0 {
            tokio::select! {
                () = tokio::time::sleep_until(self.measured_start), if !warm => {
                    warm = true;
                    self.costs_before = Costs::read(&config.nodes).await;
                }
                event = inbox.recv() => match event {
                    Some(Event::Sent { delay, outcomes }) => self.sent(delay, outcomes),
                    Some(Event::Block { seen, block }) => self.block(seen, &block),
                    Some(Event::FollowerFailed(error)) => return Err(BenchError::Follower(error)),
                    None => break,
                },
                _ = second.tick() => {
                    let is_running = self.start.elapsed() < running;
                    let ended = self.end_second();
                    progress(if is_running { Progress::Running(ended) } else { Progress::Settling { left: self.undecided } });
                }
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        self.end_second();
        Ok(())
    }

    /// Payments of a transaction.
    fn payments(&self, tx: usize) -> u64 {
        self.load.txs.get(tx).map_or(0, |tx| tx.payments)
    }

    fn sent(&mut self, delay: Duration, outcomes: Vec<(usize, Delivery)>) {
        self.send_delay = self.send_delay.max(delay);
        for (tx, delivery) in outcomes {
            let payments = self.payments(tx);
            let Some(fate) = self.fates.get_mut(tx) else { continue };
            match delivery {
                Delivery::Accepted => {
                    fate.accepted = true;
                    self.second.accepted += payments;
                }
                Delivery::Unknown(reason) => *self.delivery_failures.entry(reason).or_default() += payments,
                Delivery::Refused(reason) => {
                    self.second.rejected += payments;
                    // What is final already was taken, whatever this answer says.
                    if !fate.settled && self.refused.insert(tx, reason).is_none() {
                        self.undecided = self.undecided.saturating_sub(payments);
                    }
                }
            }
        }
    }

    fn block(&mut self, seen: Instant, block: &BlockSummary) {
        self.blocks += 1;
        self.second.blocks += 1;
        let ours = block.transactions.iter().filter(|hash| self.settle(seen, hash)).count();
        if ours > 0 {
            self.heights.push(block.number);
        }
    }

    /// Whether this was one of ours.
    fn settle(&mut self, seen: Instant, hash: &B256) -> bool {
        let Some(index) = self.load.by_hash.get(hash).copied() else { return false };
        let Some(tx) = self.load.txs.get(index) else { return false };
        let Some(fate) = self.fates.get_mut(index).filter(|fate| !fate.settled) else { return true };
        (fate.accepted, fate.settled) = (true, true);
        if self.refused.remove(&index).is_none() {
            self.undecided = self.undecided.saturating_sub(tx.payments);
        }
        self.second.settled += tx.payments;
        let due = self.start + self.load.due(index, self.rate_per_second);
        let latency_us = u64::try_from(seen.saturating_duration_since(due).as_micros()).unwrap_or(u64::MAX);
        self.second_latencies.push((latency_us, tx.payments));
        if tx.before >= self.warmup {
            self.latencies.push((latency_us, tx.payments));
            self.last_settled = seen;
        }
        true
    }

    fn end_second(&mut self) -> Second {
        let next = Second { second: self.second.second + 1, ..Second::default() };
        let mut ended = std::mem::replace(&mut self.second, next);
        ended.latency_ms = Latency::of(&mut self.second_latencies);
        self.second_latencies.clear();
        self.timeline.push(ended);
        ended
    }

    /// Reads the receipts of our blocks: a final payment that reverted did not settle.
    async fn count_reverted(&mut self, node: &RpcClient) -> Result<(), BenchError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Outcome {
            transaction_hash: B256,
            status: alloy_primitives::U64,
        }
        for height in &self.heights {
            let height = alloy_primitives::U64::from(*height);
            let outcomes: Vec<Outcome> = node.call("eth_getBlockReceipts", json!([height])).await?;
            for failed in outcomes.iter().filter(|outcome| outcome.status.is_zero()) {
                let ours = self.load.by_hash.get(&failed.transaction_hash);
                if let Some(fate) = ours.and_then(|tx| self.fates.get_mut(*tx)) {
                    fate.reverted = true;
                }
            }
        }
        Ok(())
    }

    /// Measured payments of the transactions that satisfy `is`.
    fn count(&self, is: impl Fn(&Fate) -> bool) -> u64 {
        let measured = self.load.txs.iter().zip(&self.fates).filter(|(tx, _)| tx.before >= self.warmup);
        measured.filter(|(_, fate)| is(fate)).map(|(tx, _)| tx.payments).sum()
    }

    fn report(mut self, config: &BenchConfig, costs: Costs) -> Report {
        let settled = self.count(|fate| fate.settled && !fate.reverted);
        let seconds = self.last_settled.saturating_duration_since(self.measured_start).as_secs_f64();
        let mut rejected: BTreeMap<String, u64> = BTreeMap::new();
        let refused = std::mem::take(&mut self.refused);
        for (tx, reason) in refused {
            if self.load.txs.get(tx).is_some_and(|tx| tx.before >= self.warmup) {
                *rejected.entry(reason).or_default() += self.payments(tx);
            }
        }
        let payments = self.count(|_| true);
        let reverted = self.count(|fate| fate.reverted);
        let unsettled =
            payments.saturating_sub(settled).saturating_sub(reverted).saturating_sub(rejected.values().sum());
        Report {
            workload: config.workload.name().into(),
            validators: config.rpc_urls.len(),
            rate_per_s: config.rate_per_second,
            duration_ms: config.duration_ms,
            warmup_ms: config.warmup_ms,
            senders: config.senders.len(),
            accounts: config.accounts,
            payments,
            accepted: self.count(|fate| fate.accepted),
            rejected,
            delivery_failures: std::mem::take(&mut self.delivery_failures),
            settled,
            reverted,
            unsettled,
            payments_per_s: if seconds > 0.0 { settled as f64 / seconds } else { 0.0 },
            latency_ms: Latency::of(&mut self.latencies),
            send_delay_ms_max: self.send_delay.as_secs_f64() * 1_000.0,
            blocks: self.blocks,
            timeline: self.timeline,
            ..Report::default()
        }
        .with_costs(costs)
    }
}
