//! The chain as the server shows it: a head, everything below it, and a search over both.
//!
//! A client that sees a block at the head must find its receipts and logs at once, but the index on disk is a little
//! behind. So the newest blocks are kept here in memory, and the head moves only when its block can be found.
//!
//! **Invariants.** Every block above the indexed height is in memory, except while the index catches up after the node
//! was away; then a search that finds nothing answers "ask again", never "there is none".

use crate::{
    arguments::{BlockNumberSelector, BlockSelector},
    error::RpcError,
    shapes::{LogShape, block_logs},
};
use alloy_primitives::B256;
use florin_index::{Index, IndexError, IndexedBlock, LogLimits, LogQuery};
use florin_state::{FinalizedBlock, Ledger, LedgerError};
use florin_types::Height;
use parking_lot::RwLock;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Blocks that stay in memory, indexed or not. They answer most questions for receipts.
const RECENT_BLOCKS_MIN: usize = 64;
/// Blocks in memory that are not indexed yet; beyond it the oldest leave and the index takes them from the ledger.
const RECENT_BLOCKS_MAX: usize = 1_024;
/// Blocks of one index transaction, and about how many transactions they hold at most.
const INDEX_BATCH_BLOCKS_MAX: usize = 256;
const INDEX_BATCH_TRANSACTIONS_MAX: usize = 20_000;
/// How long the index waits for more blocks.
const INDEX_PAUSE: Duration = Duration::from_secs(1);
/// How long a finalised block may take to be shown.
const SHOW_TIME_MAX: Duration = Duration::from_secs(1);
/// Pause after a failed attempt to read the next block.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Pause after a failed attempt to feed the index: a damaged one fails until it is removed.
const INDEX_RETRY_PAUSE: Duration = Duration::from_secs(15);

/// A transaction in its block.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) block: Arc<FinalizedBlock>,
    pub(crate) index: usize,
}

/// The chain as the server shows it.
pub(crate) struct Chain {
    ledger: Ledger,
    index: Index,
    recent: RwLock<Recent>,
    head: watch::Sender<Arc<FinalizedBlock>>,
}

/// The newest blocks, without gaps, by height and by the hashes in them.
#[derive(Default)]
struct Recent {
    blocks: VecDeque<Arc<FinalizedBlock>>,
    heights: HashMap<B256, Height>,
    transactions: HashMap<B256, (Height, usize)>,
}

impl Recent {
    fn first(&self) -> Option<Height> {
        self.blocks.front().map(|block| block.block.height())
    }

    fn get(&self, height: Height) -> Option<&Arc<FinalizedBlock>> {
        let place = usize::try_from(height.checked_sub(self.first()?)?).ok()?;
        self.blocks.get(place)
    }

    fn push(&mut self, block: Arc<FinalizedBlock>) {
        let height = block.block.height();
        if self.blocks.back().is_some_and(|last| last.block.height() + 1 != height) {
            *self = Self::default();
        }
        self.heights.insert(block.block.hash(), height);
        for (index, tx) in block.block.transactions().iter().enumerate() {
            self.transactions.insert(*tx.tx_hash(), (height, index));
        }
        self.blocks.push_back(block);
    }

    /// Lets the oldest blocks go: those that are indexed, and any above the bound.
    fn trim(&mut self, indexed: Option<Height>) {
        while let Some(first) = self.first() {
            let surplus = self.blocks.len() > RECENT_BLOCKS_MIN && indexed.is_some_and(|indexed| first <= indexed);
            if !surplus && self.blocks.len() <= RECENT_BLOCKS_MAX {
                return;
            }
            let Some(block) = self.blocks.pop_front() else { return };
            self.heights.remove(&block.block.hash());
            for tx in block.block.transactions() {
                self.transactions.remove(tx.tx_hash());
            }
        }
    }
}

impl Chain {
    pub(crate) fn new(ledger: Ledger, index: Index) -> Self {
        let head = ledger.head();
        let mut recent = Recent::default();
        recent.push(head.clone());
        Self { ledger, index, recent: RwLock::new(recent), head: watch::Sender::new(head) }
    }

    /// Latest block that is shown.
    pub(crate) fn head(&self) -> Arc<FinalizedBlock> {
        self.head.borrow().clone()
    }

    /// First block on record.
    pub(crate) fn oldest_block(&self) -> Height {
        self.ledger.oldest_block()
    }

    /// Latest block in the index.
    pub(crate) fn indexed_height(&self) -> Option<Height> {
        self.index.height()
    }

    /// The head as it moves. It may move by several blocks at once.
    pub(crate) fn watch_head(&self) -> watch::Receiver<Arc<FinalizedBlock>> {
        self.head.subscribe()
    }

    /// Follows the ledger until it ends.
    pub(crate) async fn follow(&self) {
        let mut blocks = self.ledger.subscribe_from(self.head().block.height().saturating_add(1));
        loop {
            match blocks.next().await {
                Ok(Some(block)) => self.show(block),
                Ok(None) => return,
                // The head stands still meanwhile, which is better than to show what cannot be read.
                Err(error) => {
                    tracing::error!(%error, "rpc.chain.follow");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    fn show(&self, block: Arc<FinalizedBlock>) {
        {
            let mut recent = self.recent.write();
            recent.push(block.clone());
            recent.trim(self.index.height());
        }
        self.head.send_replace(block);
    }

    /// Feeds the index for ever.
    pub(crate) async fn feed_index(&self) {
        let mut head = self.watch_head();
        loop {
            let next = self.index.height().map_or(self.oldest_block(), |height| height + 1);
            // The sender lives in `self`: this cannot fail.
            let _ = head.wait_for(|head| head.block.height() >= next).await;
            match self.feed_batch(next).await {
                // Until then the newest blocks are found in memory. Rows that are written together share pages.
                Ok(true) => tokio::time::sleep(INDEX_PAUSE).await,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, height = next, "rpc.index.append");
                    tokio::time::sleep(INDEX_RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Indexes some blocks from `first` on; says whether these were all up to the head.
    async fn feed_batch(&self, first: Height) -> Result<bool, String> {
        let head = self.head().block.height();
        let mut batch = Vec::new();
        let mut transactions = 0;
        for height in first..=head {
            let block = self.block(height).await.map_err(|error| error.to_string())?;
            let block = block.ok_or_else(|| format!("the ledger has no block {height}"))?;
            transactions += block.block.transactions().len();
            batch.push(IndexedBlock { block: block.block.clone(), receipts: block.receipts.clone() });
            if batch.len() == INDEX_BATCH_BLOCKS_MAX || transactions >= INDEX_BATCH_TRANSACTIONS_MAX {
                break;
            }
        }
        self.index.append(&batch).await.map_err(|error| error.to_string())?;
        Ok(batch.last().is_none_or(|block| block.block.height() == head))
    }

    /// The block at `height`, if it is shown.
    pub(crate) async fn block(&self, height: Height) -> Result<Option<Arc<FinalizedBlock>>, RpcError> {
        if height > self.head().block.height() {
            return Ok(None);
        }
        let recent = self.recent.read().get(height).cloned();
        match recent {
            Some(block) => Ok(Some(block)),
            None => Ok(self.ledger.block(height).await?),
        }
    }

    /// The block with this hash, if it is shown.
    pub(crate) async fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<FinalizedBlock>>, RpcError> {
        let recent = {
            let recent = self.recent.read();
            recent.heights.get(&hash).and_then(|height| recent.get(*height)).cloned()
        };
        if recent.is_some() {
            return Ok(recent);
        }
        match self.ledger.height_of(hash).await? {
            Some(height) => self.block(height).await,
            None => Ok(None),
        }
    }

    /// The block that a request names, if it is shown.
    pub(crate) async fn select(&self, selector: BlockSelector) -> Result<Option<Arc<FinalizedBlock>>, RpcError> {
        match selector {
            BlockSelector::Hash(hash) => self.block_by_hash(hash).await,
            BlockSelector::Number(number) => self.select_number(number).await,
        }
    }

    /// The same by number or tag.
    pub(crate) async fn select_number(
        &self,
        number: BlockNumberSelector,
    ) -> Result<Option<Arc<FinalizedBlock>>, RpcError> {
        match number {
            BlockNumberSelector::Latest | BlockNumberSelector::Pending => Ok(Some(self.head())),
            BlockNumberSelector::Earliest => self.block(0).await,
            BlockNumberSelector::Number(height) => self.block(height).await,
        }
    }

    /// The block that a request needs.
    pub(crate) async fn require(&self, selector: BlockSelector) -> Result<Arc<FinalizedBlock>, RpcError> {
        let block = self.select(selector).await?;
        block.ok_or_else(|| match selector {
            BlockSelector::Hash(hash) => RpcError::unknown_block(&hash.to_string()),
            BlockSelector::Number(BlockNumberSelector::Number(height)) => {
                RpcError::unknown_block(&format!("{height}, the latest is {}", self.head().block.height()))
            }
            BlockSelector::Number(_) => RpcError::unknown_block("of that name on this node"),
        })
    }

    /// Whether searching by hash can miss something, and the error that says so.
    fn complete(&self) -> Result<(), RpcError> {
        let first = self.recent.read().first();
        let indexed = self.index.height();
        let next = indexed.map_or(self.oldest_block(), |height| height + 1);
        match first {
            Some(first) if first > next => Err(RpcError::index_behind(indexed, self.head().block.height())),
            _ => Ok(()),
        }
    }

    /// The transaction with this hash, if it is in one of the newest blocks.
    pub(crate) fn recent_transaction(&self, hash: B256) -> Option<Located> {
        let recent = self.recent.read();
        let (height, index) = *recent.transactions.get(&hash)?;
        Some(Located { block: recent.get(height)?.clone(), index })
    }

    /// Waits until everything that the ledger has is shown. The pool drops what the ledger has, so whoever misses
    /// something in both may have looked in between.
    async fn caught_up(&self) {
        let height = self.ledger.head().block.height();
        let mut head = self.watch_head();
        // Ends by reaching the height, or with the time: then the node stops.
        let reached = head.wait_for(|head| head.block.height() >= height);
        let _ = tokio::time::timeout(SHOW_TIME_MAX, reached).await;
    }

    /// The transaction with this hash, if it is final.
    pub(crate) async fn transaction(&self, hash: B256) -> Result<Option<Located>, RpcError> {
        if let Some(located) = self.recent_transaction(hash) {
            return Ok(Some(located));
        }
        self.caught_up().await;
        if let Some(located) = self.recent_transaction(hash) {
            return Ok(Some(located));
        }
        for position in self.index.transaction(hash).await? {
            let block = self.block(position.height).await?;
            let there = block.as_ref().and_then(|block| block.block.transactions().get(position.index));
            let there = there.map(|tx| *tx.tx_hash());
            match block {
                Some(block) if there == Some(hash) => return Ok(Some(Located { block, index: position.index })),
                _ if there.is_some_and(|there| Index::confuses(&hash, &there)) => {}
                _ => {
                    return Err(RpcError::fault(&format!(
                        "the index places transaction {hash} at {} of block {}, where it is not: stop the node and \
                         remove the index, it is rebuilt",
                        position.index, position.height
                    )));
                }
            }
        }
        self.index.checked().await?;
        self.complete().map(|()| None)
    }

    /// Logs that match, in the order of the chain. The range must not go above the head.
    pub(crate) async fn logs(&self, query: &LogQuery, limits: &LogLimits) -> Result<Vec<LogShape>, RpcError> {
        // Read under the lock: blocks leave memory only once they are indexed.
        let (indexed, unindexed) = {
            let recent = self.recent.read();
            let indexed = self.index.range();
            let after = indexed.map_or(query.from, |range| query.from.max(range.last + 1));
            let blocks: Option<Vec<_>> = (after..=query.to).map(|height| recent.get(height).cloned()).collect();
            (indexed, blocks)
        };
        let last = indexed.map(|range| range.last);
        let Some(unindexed) = unindexed else {
            return Err(RpcError::index_behind(last, self.head().block.height()));
        };
        // The index may reach further down than the blocks that are still kept.
        let first = indexed.map_or(self.oldest_block(), |range| range.first);
        if query.from < first {
            return Err(RpcError::refused(
                "logs_before_start",
                format!("this node began at block {first} and has no logs before it: ask from there, or another node"),
            ));
        }
        let mut found: Vec<LogShape> = Vec::new();
        if let Some(last) = last.filter(|last| *last >= query.from) {
            // The index may have grown since: what it took over meanwhile is found in memory, not twice.
            let older = LogQuery { to: query.to.min(last), ..query.clone() };
            found.extend(self.index.logs(&older, limits).await?.into_iter().map(LogShape::from));
        }
        for block in unindexed.iter().filter(|block| query.may_match(&block.block.header().logs_bloom)) {
            let matching = block_logs(block).filter(|(log, _)| query.matches(log));
            found.extend(matching.map(|(log, place)| LogShape::new(log, place)));
            if found.len() > limits.logs_max {
                let height = block.block.height().saturating_sub(1).max(query.from);
                return Err(IndexError::TooMany { limit: limits.logs_max, height }.into());
            }
        }
        Ok(found)
    }
}

impl From<LedgerError> for RpcError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Pruned { .. }
            | LedgerError::BlockPruned { .. }
            | LedgerError::OperationsPruned { .. }
            | LedgerError::OperationsRange { .. }
            | LedgerError::Future { .. }
            | LedgerError::Starting { .. }
            | LedgerError::Items { .. } => Self::refused(error.code(), error.to_string()),
            LedgerError::Order { .. } | LedgerError::Conflict { .. } | LedgerError::Fault(_) => Self::fault(&error),
        }
    }
}
