//! The run itself: senders that keep to the clock, a follower of blocks, and one collector that owns all figures.

use crate::{
    BenchConfig, BenchError, CpuUse, Latency, Report, Second,
    cpu::cpu_seconds,
    prepare::{Load, prepare},
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
    /// Payments are being signed; the clock has not started.
    Signing {
        /// How many.
        payments: usize,
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
    config.validate()?;
    let client_config = RpcConfig { batch_calls_max: config.batch_max, ..RpcConfig::default() };
    let nodes: Vec<RpcClient> =
        config.rpc_urls.iter().map(|url| RpcClient::with_config(url, client_config)).collect::<Result<_, _>>()?;
    let followed = nodes.first().cloned().ok_or_else(|| BenchError::Internal { reason: "no node".into() })?;
    let load = Arc::new(prepare(&config, &followed, &progress).await?);
    let first_height = followed.block_number().await?.saturating_add(1);

    let cpu_before = Cpu::read(&config.process_ids);
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

    let mut collector = Collector::new(&config, load.clone(), start);
    collector.collect(inbox, &config, &progress).await?;
    stop.store(true, Ordering::Relaxed);
    let cpu = Cpu::read(&config.process_ids).since(&cpu_before);
    collector.count_reverted(&followed).await?;
    Ok(collector.report(&config, cpu))
}

/// When payment `index` is due after the start.
fn due_after(index: usize, rate_per_second: u64) -> Duration {
    let nanoseconds = (index as u128).saturating_mul(1_000_000_000) / u128::from(rate_per_second.max(1));
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
        let mine = |payment: &usize| (payment % senders) % nodes == self.index;
        let mut payments = (0..self.load.payments.len()).filter(mine).peekable();
        let under_way = Arc::new(Semaphore::new(BATCHES_UNDER_WAY_MAX));
        let mut batches = JoinSet::new();
        let mut tick = interval(Duration::from_millis(SEND_TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while payments.peek().is_some() {
            tick.tick().await;
            let elapsed = self.start.elapsed();
            let mut due = Vec::new();
            while let Some(payment) = payments.next_if(|next| due_after(*next, config.rate_per_second) <= elapsed) {
                due.push(payment);
            }
            for batch in due.chunks(config.batch_max) {
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
            let first_due = batch.first().map(|first| due_after(*first, rate_per_second)).unwrap_or_default();
            let delay = start.elapsed().saturating_sub(first_due);
            let signed: Vec<_> = batch.iter().filter_map(|payment| load.payments.get(*payment).cloned()).collect();
            let outcomes = match node.send_batch(&signed).await {
                Ok(results) => batch.into_iter().zip(results.iter().map(Delivery::of)).collect(),
                Err(error) => batch.into_iter().map(|payment| (payment, Delivery::of_error(&error))).collect(),
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

/// What a node has shown of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    accepted: bool,
    settled: bool,
}

struct Collector {
    load: Arc<Load>,
    start: Instant,
    rate_per_second: u64,
    fates: Vec<Fate>,
    /// Refused payments that are not final either, with the reason.
    refused: BTreeMap<usize, String>,
    delivery_failures: BTreeMap<String, u64>,
    latencies_us: Vec<u64>,
    send_delay: Duration,
    last_settled: Instant,
    settled: u64,
    reverted: u64,
    blocks: u64,
    /// Heights of blocks with payments of ours.
    heights: Vec<Height>,
    second: Second,
    second_latencies_us: Vec<u64>,
    timeline: Vec<Second>,
}

impl Collector {
    fn new(config: &BenchConfig, load: Arc<Load>, start: Instant) -> Self {
        Self {
            start,
            rate_per_second: config.rate_per_second,
            fates: vec![Fate::default(); load.payments.len()],
            refused: BTreeMap::new(),
            delivery_failures: BTreeMap::new(),
            latencies_us: Vec::with_capacity(load.payments.len()),
            send_delay: Duration::ZERO,
            last_settled: start,
            settled: 0,
            reverted: 0,
            blocks: 0,
            heights: Vec::new(),
            second: Second::default(),
            second_latencies_us: Vec::new(),
            timeline: Vec::new(),
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
        let deadline = self.start + Duration::from_millis(config.duration_ms.saturating_add(config.settle_ms_max));
        let mut second = interval(Duration::from_secs(1));
        second.tick().await;
        while self.undecided() > 0 {
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(Event::Sent { delay, outcomes }) => self.sent(delay, outcomes),
                    Some(Event::Block { seen, block }) => self.block(seen, &block),
                    Some(Event::FollowerFailed(error)) => return Err(BenchError::Follower(error)),
                    None => break,
                },
                _ = second.tick() => {
                    let running = self.start.elapsed() < Duration::from_millis(config.duration_ms);
                    let ended = self.end_second();
                    progress(if running { Progress::Running(ended) } else { Progress::Settling { left: self.undecided() } });
                }
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        self.end_second();
        Ok(())
    }

    /// Payments that are neither refused nor final.
    fn undecided(&self) -> u64 {
        (self.fates.len() as u64).saturating_sub(self.refused.len() as u64).saturating_sub(self.settled)
    }

    fn sent(&mut self, delay: Duration, outcomes: Vec<(usize, Delivery)>) {
        self.send_delay = self.send_delay.max(delay);
        for (payment, delivery) in outcomes {
            let Some(fate) = self.fates.get_mut(payment) else { continue };
            match delivery {
                Delivery::Accepted => {
                    fate.accepted = true;
                    self.second.accepted += 1;
                }
                Delivery::Unknown(reason) => *self.delivery_failures.entry(reason).or_default() += 1,
                Delivery::Refused(reason) => {
                    self.second.rejected += 1;
                    // What is final already was taken, whatever this answer says.
                    if !fate.settled {
                        self.refused.insert(payment, reason);
                    }
                }
            }
        }
    }

    fn block(&mut self, seen: Instant, block: &BlockSummary) {
        self.blocks += 1;
        self.second.blocks += 1;
        let before = self.settled;
        for hash in &block.transactions {
            self.settle(seen, hash);
        }
        if self.settled > before {
            self.heights.push(block.number);
        }
    }

    fn settle(&mut self, seen: Instant, hash: &B256) {
        let Some(payment) = self.load.by_hash.get(hash).copied() else { return };
        let Some(fate) = self.fates.get_mut(payment).filter(|fate| !fate.settled) else { return };
        *fate = Fate { accepted: true, settled: true };
        self.refused.remove(&payment);
        let due = self.start + due_after(payment, self.rate_per_second);
        let latency_us = u64::try_from(seen.saturating_duration_since(due).as_micros()).unwrap_or(u64::MAX);
        self.latencies_us.push(latency_us);
        self.second_latencies_us.push(latency_us);
        self.settled += 1;
        self.second.settled += 1;
        self.last_settled = seen;
    }

    fn end_second(&mut self) -> Second {
        let next = Second { second: self.second.second + 1, ..Second::default() };
        let mut ended = std::mem::replace(&mut self.second, next);
        ended.latency = Latency::of(&mut self.second_latencies_us);
        self.second_latencies_us.clear();
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
            let failed = outcomes.iter().filter(|outcome| outcome.status.is_zero());
            let ours = failed.filter(|outcome| self.load.by_hash.contains_key(&outcome.transaction_hash)).count();
            self.reverted += ours as u64;
        }
        Ok(())
    }

    fn report(mut self, config: &BenchConfig, cpu: Cpu) -> Report {
        let final_payments = self.settled;
        let settled = final_payments.saturating_sub(self.reverted);
        let seconds = (self.last_settled - self.start).as_secs_f64();
        let unsettled = self.undecided();
        let mut rejected: BTreeMap<String, u64> = BTreeMap::new();
        for reason in self.refused.into_values() {
            *rejected.entry(reason).or_default() += 1;
        }
        let all: Option<Vec<f64>> = cpu.processes.iter().map(|process| process.cpu_seconds).collect();
        let per_1000 = all.filter(|all| !all.is_empty() && settled > 0);
        Report {
            rate_per_second: config.rate_per_second,
            duration_ms: config.duration_ms,
            senders: config.senders.len(),
            payments: self.fates.len() as u64,
            accepted: self.fates.iter().filter(|fate| fate.accepted).count() as u64,
            rejected,
            delivery_failures: self.delivery_failures,
            settled,
            reverted: self.reverted,
            unsettled,
            settled_per_second: if seconds > 0.0 { settled as f64 / seconds } else { 0.0 },
            latency: Latency::of(&mut self.latencies_us),
            send_delay_ms_max: self.send_delay.as_secs_f64() * 1_000.0,
            blocks: self.blocks,
            cpu_seconds_per_1000: per_1000.map(|all| all.iter().sum::<f64>() / settled as f64 * 1_000.0),
            cpu: cpu.processes,
            generator_cpu_seconds: cpu.own,
            timeline: self.timeline,
        }
    }
}

/// CPU times of the measured processes and of this one.
struct Cpu {
    processes: Vec<CpuUse>,
    own: Option<f64>,
}

impl Cpu {
    fn read(process_ids: &[u32]) -> Self {
        let read = |process_id: &u32| CpuUse { process_id: *process_id, cpu_seconds: cpu_seconds(*process_id) };
        Self { processes: process_ids.iter().map(read).collect(), own: cpu_seconds(std::process::id()) }
    }

    fn since(self, before: &Self) -> Self {
        let difference = |after: Option<f64>, before: Option<f64>| Some(after? - before?);
        let processes = self.processes.into_iter().zip(&before.processes).map(|(after, before)| CpuUse {
            process_id: after.process_id,
            cpu_seconds: difference(after.cpu_seconds, before.cpu_seconds),
        });
        Self { processes: processes.collect(), own: difference(self.own, before.own) }
    }
}
