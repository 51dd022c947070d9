//! Feeding a history while the node runs.
//!
//! **How.** A task looks twice a second how far the ledger is, and hands over what is final and not told, in batches. It begins
//! where the history ends, so that after a crash nothing is missing and nothing is told twice. Decoding and writing happen
//! on threads where they may block; consensus never waits for them. While much is missing the task rests after each batch,
//! so that it takes one processor for two thirds of the time at most.
//!
//! **Check.** After each start the history is read once from end to end, beside the telling: what a disk changed or lost is named, and
//! nothing more is told to a damaged history.
//!
//! **Failures.** They are logged and counted, and it tries again. A block that a pruned ledger has no more cannot be told:
//! the history stands, its lag grows, and says so.

use super::{told, weight};
use alloy_primitives::B256;
use florin_history::{History, HistoryError, Location, genesis_names};
use florin_state::Ledger;
use florin_types::{Genesis, Height};
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Pause between two looks, when all is told. Rows that are written together share pages.
const PAUSE: Duration = Duration::from_millis(500);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// Of the time that a batch took, the part to rest afterwards when more is missing.
const REST_PART: u32 = 2;
/// What one batch holds at most.
const BATCH_BLOCKS_MAX: usize = 500;
const BATCH_WEIGHT_MAX: usize = 4_000;
/// Longest time for a batch to be given up, when the node stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(3);

/// A history that follows a ledger.
pub(crate) struct Feed {
    ledger: Ledger,
    history: OnceLock<History>,
    failures: Counter,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Begins to feed the history at a place.
pub(crate) fn follow(location: Location, ledger: Ledger, genesis: Arc<Genesis>, genesis_hash: B256) -> Arc<Feed> {
    let feed = Arc::new(Feed {
        ledger,
        history: OnceLock::new(),
        failures: Counter::default(),
        stop: CancellationToken::new(),
        task: Mutex::default(),
    });
    let following = feed.clone();
    let task = tokio::spawn(async move {
        tokio::select! {
            () = following.stop.cancelled() => {}
            () = following.run(&location, &genesis, genesis_hash) => {}
        }
        // Waits for what is being given up.
        if let Some(history) = following.history.get() {
            history.close().await;
        }
    });
    *feed.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    feed
}

impl Feed {
    async fn run(&self, location: &Location, genesis: &Genesis, genesis_hash: B256) {
        let names = genesis_names(genesis);
        let history = loop {
            match History::open(location, genesis_hash, &names).await {
                Ok(history) => break history,
                Err(error) => self.failed("the history cannot be opened", &error.to_string()).await,
            }
        };
        let history = self.history.get_or_init(|| history);
        tokio::join!(self.tell(history), self.check(history));
    }

    async fn tell(&self, history: &History) {
        loop {
            let begun = Instant::now();
            match self.tell_some(history).await {
                Ok(true) => tokio::time::sleep(begun.elapsed() / REST_PART).await,
                Ok(false) => tokio::time::sleep(PAUSE).await,
                Err(error) => self.failed("the history does not go on", &error).await,
            }
        }
    }

    /// Reads the whole history once. Where it is damaged it takes no more blocks, and says so each time.
    async fn check(&self, history: &History) {
        let begun = Instant::now();
        loop {
            match history.check().await {
                Ok(()) => {
                    let seconds = begun.elapsed().as_secs();
                    return tracing::info!(seconds, "the history was read from end to end and is what was written");
                }
                Err(error @ HistoryError::Damaged { .. }) => {
                    self.failures.inc();
                    return tracing::error!(%error, "the history is damaged: `florin history rebuild` makes it anew");
                }
                Err(error) => self.failed("the history cannot be checked", &error.to_string()).await,
            }
        }
    }

    async fn failed(&self, what: &str, error: &str) {
        self.failures.inc();
        tracing::warn!(error, "{what}");
        tokio::time::sleep(RETRY_PAUSE).await;
    }

    /// Tells one batch; answers whether more is missing.
    async fn tell_some(&self, history: &History) -> Result<bool, String> {
        let (head, oldest) = (self.ledger.head().block.height(), self.ledger.oldest_block());
        let next = history.told().map_or(oldest, |told| told.end().saturating_add(1));
        if next < oldest {
            return Err(format!(
                "blocks {next} to {} are not kept here any more: `florin history rebuild` begins a new one at {oldest}",
                oldest.saturating_sub(1)
            ));
        }
        let (mut batch, mut weighs) = (Vec::new(), 0usize);
        for height in next..=head {
            let block = self.ledger.block(height).await.map_err(|error| error.to_string())?;
            let block = block.ok_or_else(|| format!("the ledger has no block {height}"))?;
            weighs = weighs.saturating_add(weight(&block));
            batch.push(block);
            if batch.len() >= BATCH_BLOCKS_MAX || weighs >= BATCH_WEIGHT_MAX {
                break;
            }
        }
        let Some(last) = batch.last().map(|block| block.block.height()) else { return Ok(false) };
        let (history, stop, handle) = (history.clone(), self.stop.clone(), Handle::current());
        let appended = tokio::task::spawn_blocking(move || -> Result<(), HistoryError> {
            let blocks = batch.iter().map(|block| told(block)).collect::<Result<Vec<_>, _>>()?;
            // What is given up leaves nothing, and is told after the next start.
            handle.block_on(stop.run_until_cancelled(history.append(&blocks))).unwrap_or(Ok(()))
        });
        appended.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(last < head)
    }

    /// Last height that is told.
    fn height(&self) -> Option<Height> {
        self.history.get()?.told().map(|told| *told.end())
    }

    /// Prometheus text, without the mark of its end.
    pub(crate) fn encode(&self) -> String {
        let head = self.ledger.head().block.height();
        let told = self.height();
        let lag = told.map_or(head.saturating_add(1), |told| head.saturating_sub(told));
        let mut registry = Registry::with_prefix("florin_history");
        let mut show = |name: &str, help: &str, value: i64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        };
        let as_gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        show("height_blocks", "Last block that the history tells; -1 where it tells none", told.map_or(-1, as_gauge));
        show("lag_blocks", "Final blocks that the history does not tell yet", as_gauge(lag));
        registry.register("failures", "Times that the history could not be opened or told more", self.failures.clone());
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode_registry(&mut out, &registry);
        out
    }

    /// Stops; what is being written is given up.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && tokio::time::timeout(STOP_TIME_MAX, task).await.is_err()
        {
            tracing::warn!("the history was left while it was written: it goes on with the next start");
        }
    }
}
