//! Filters: what a client has asked to be told about, when it asks again.

use crate::{
    arguments::LogFilter,
    backend::Context,
    error::{LIMIT_EXCEEDED, RpcError},
    methods::logs,
    shapes::LogShape,
};
use alloy_primitives::B256;
use florin_index::{LogLimits, LogQuery};
use florin_types::Height;
use parking_lot::Mutex;
use serde::Serialize;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{self, error::TryRecvError};

/// Blocks that one `eth_getFilterChanges` looks at; the next call goes on after them.
const BLOCKS_PER_POLL_MAX: u64 = 1_024;
/// Hashes that one `eth_getFilterChanges` gives; the next call goes on after them.
const HASHES_PER_POLL_MAX: usize = 20_000;

/// What a filter is about.
enum Kind {
    Logs(LogFilter),
    Blocks,
    PendingTransactions(broadcast::Receiver<B256>),
}

struct Filter {
    kind: Kind,
    /// Last height whose content was given.
    seen: Height,
    used: Instant,
}

/// All filters of this node, bounded in number and in idle time.
pub(crate) struct Filters {
    filters: Mutex<HashMap<u64, Filter>>,
    count_max: usize,
    idle_max: Duration,
}

/// What happened since the last time.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Changes {
    Hashes(Vec<B256>),
    Logs(Vec<LogShape>),
}

fn unknown(id: u64) -> RpcError {
    RpcError::refused(
        "filter_not_found",
        format!(
            "filter not found: {id:#x} does not exist, was not asked for in time, or made way for newer ones: create a new one"
        ),
    )
}

impl Filters {
    pub(crate) fn new(count_max: usize, idle_max: Duration) -> Self {
        Self { filters: Mutex::new(HashMap::new()), count_max, idle_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.filters.lock().len()
    }

    pub(crate) fn new_logs(&self, context: &Context, filter: LogFilter) -> u64 {
        self.insert(context, Kind::Logs(filter))
    }

    pub(crate) fn new_blocks(&self, context: &Context) -> u64 {
        self.insert(context, Kind::Blocks)
    }

    pub(crate) fn new_pending_transactions(&self, context: &Context) -> u64 {
        self.insert(context, Kind::PendingTransactions(context.pool.subscribe()))
    }

    fn insert(&self, context: &Context, kind: Kind) -> u64 {
        let mut filters = self.filters.lock();
        let now = Instant::now();
        filters.retain(|_, filter| now.duration_since(filter.used) < self.idle_max);
        // Whoever makes many filters must not keep others from making one: the one that was not asked for longest goes.
        while filters.len() >= self.count_max.max(1) {
            let Some(idle) = filters.iter().min_by_key(|(_, filter)| filter.used).map(|(id, _)| *id) else { break };
            filters.remove(&idle);
        }
        // Not guessable, so that nobody polls the filter of somebody else by counting.
        let id = std::iter::repeat_with(rand::random::<u64>).find(|id| *id != 0 && !filters.contains_key(id));
        let id = id.unwrap_or_default();
        filters.insert(id, Filter { kind, seen: context.chain.head().block.height(), used: now });
        id
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        self.filters.lock().remove(&id).is_some()
    }

    /// The criteria of a filter for logs.
    pub(crate) fn log_filter(&self, id: u64) -> Result<LogFilter, RpcError> {
        let mut filters = self.filters.lock();
        let filter = filters.get_mut(&id).ok_or_else(|| unknown(id))?;
        filter.used = Instant::now();
        match &filter.kind {
            Kind::Logs(filter) => Ok(filter.clone()),
            _ => Err(RpcError::invalid_params(format!("filter {id:#x} is not about logs: use eth_getFilterChanges"))),
        }
    }

    /// What happened since the last time.
    pub(crate) async fn changes(&self, context: &Context, id: u64) -> Result<Changes, RpcError> {
        let head = context.chain.head().block.height();
        let (from, to, criteria) = {
            let mut filters = self.filters.lock();
            let filter = filters.get_mut(&id).ok_or_else(|| unknown(id))?;
            filter.used = Instant::now();
            let criteria = match &mut filter.kind {
                Kind::PendingTransactions(hashes) => return Ok(Changes::Hashes(drain(hashes))),
                Kind::Blocks => None,
                Kind::Logs(criteria) => Some(criteria.clone()),
            };
            let from = filter.seen.saturating_add(1);
            let to = head.min(filter.seen.saturating_add(BLOCKS_PER_POLL_MAX));
            (from, to, criteria)
        };
        let (changes, to) = match criteria {
            None => (Changes::Hashes(block_hashes(context, from, to).await?), to),
            Some(criteria) => {
                let (logs, to) = as_many_logs_as_fit(context, &criteria, from, to).await?;
                (Changes::Logs(logs), to)
            }
        };
        // Only now: a failed poll must not lose anything.
        if let Some(filter) = self.filters.lock().get_mut(&id) {
            filter.seen = filter.seen.max(to);
        }
        Ok(changes)
    }
}

/// Hashes that arrived. One who polls too rarely has lost the oldest: they are no longer news.
fn drain(hashes: &mut broadcast::Receiver<B256>) -> Vec<B256> {
    let mut found = Vec::new();
    while found.len() < HASHES_PER_POLL_MAX {
        match hashes.try_recv() {
            Ok(hash) => found.push(hash),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    found
}

async fn block_hashes(context: &Context, from: Height, to: Height) -> Result<Vec<B256>, RpcError> {
    let mut hashes = Vec::new();
    for height in from..=to {
        hashes.extend(context.chain.block(height).await?.map(|block| block.block.hash()));
    }
    Ok(hashes)
}

/// Logs from `from` on, and the last block that was looked at. One block's logs are never too many: a client that polls
/// must always get ahead.
async fn as_many_logs_as_fit(
    context: &Context,
    criteria: &LogFilter,
    from: Height,
    mut to: Height,
) -> Result<(Vec<LogShape>, Height), RpcError> {
    loop {
        let mut limits = context.log_limits();
        if from == to {
            limits.logs_max = usize::MAX - 1;
            limits.bytes_max = usize::MAX;
        }
        match new_logs(context, criteria.clone(), from, to, &limits).await {
            Err(error) if error.code() == LIMIT_EXCEEDED && from < to => to = from + (to - from) / 2,
            logs => return logs.map(|logs| (logs, to)),
        }
    }
}

async fn new_logs(
    context: &Context,
    criteria: LogFilter,
    from: Height,
    to: Height,
    limits: &LogLimits,
) -> Result<Vec<LogShape>, RpcError> {
    let Some((wanted_from, wanted_to)) = logs::new_block_bounds(context, &criteria).await? else {
        return Ok(Vec::new());
    };
    let query = LogQuery {
        from: from.max(wanted_from),
        to: to.min(wanted_to),
        addresses: criteria.addresses,
        topics: criteria.topics,
    };
    if query.from > query.to {
        return Ok(Vec::new());
    }
    context.chain.logs(&query, limits).await
}
