//! The ledger as readers see it: finalised blocks, states at recent heights, proofs, certificates.

use crate::{
    LedgerError, StateReader,
    archive::{Disk, Kind, missing, read_block, read_undo},
    beginning::Beginning,
    fault,
    history::History,
    live::{LiveState, Position},
    record::{BlockRecord, StoredBlock, UndoRecord},
};
use bytes::Bytes as RawBytes;
use commonware_runtime::buffer::paged::CacheRef;
use core::num::NonZeroUsize;
use florin_proof::{CertifiedHeader, FINALITY_HEADERS_MAX, FinalityProof, StateItem, StateKey, StateProof};
use florin_types::{Address, B256, Block, Height, ReceiptEnvelope, StateFault, wire::STATE_PROOF_ITEMS_MAX};
use futures::future::BoxFuture;
use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use tokio::sync::watch;

/// Heights below the head whose state stays readable, by default.
pub const WINDOW_BLOCKS_DEFAULT: u64 = 1_024;
/// Decoded block records in memory.
const BLOCKS_CACHED: NonZeroUsize = NonZeroUsize::new(32).unwrap();
/// Decoded undo records in memory.
const UNDO_CACHED: NonZeroUsize = NonZeroUsize::new(128).unwrap();

/// Where and how much the ledger keeps.
#[derive(Clone)]
pub struct LedgerConfig {
    /// Beginning of the names of its partitions.
    pub partition_prefix: String,
    /// Heights below the head whose state stays readable.
    pub window_blocks: u64,
    /// Whether every state stays readable, for ever. Undo records then grow without end on disk, and their index with
    /// about eight bytes a changed key in memory.
    pub archive: bool,
    /// Newest blocks that are kept, with receipts and certificates; all of them where it is `None` or `archive` is set.
    /// Never fewer than the readable states need.
    pub blocks_kept: Option<u64>,
    /// Pages of files in memory, shared with the store.
    pub page_cache: CacheRef,
}

impl LedgerConfig {
    /// The defaults, under this prefix.
    pub fn new(partition_prefix: impl Into<String>, page_cache: CacheRef) -> Self {
        Self {
            partition_prefix: partition_prefix.into(),
            window_blocks: WINDOW_BLOCKS_DEFAULT,
            archive: false,
            blocks_kept: None,
            page_cache,
        }
    }
}

/// A finalised block with what its execution gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalizedBlock {
    /// The block.
    pub block: Arc<Block>,
    /// Receipts, one a transaction.
    pub receipts: Arc<Vec<ReceiptEnvelope>>,
    /// Senders, one a transaction.
    pub senders: Arc<Vec<Address>>,
    /// Whether this node executed the block. The one that a copied state stands at was executed elsewhere: its receipts are
    /// not known here, and `receipts` is empty.
    pub executed: bool,
}

/// A proof, and the finalised block whose state root it is against.
#[derive(Clone, Debug)]
pub struct ProvenState {
    /// The block.
    pub block: Arc<FinalizedBlock>,
    /// The proof.
    pub proof: StateProof,
}

/// The ledger, for readers. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(pub(crate) Arc<Inner>);

/// What readers and the writer share.
pub(crate) struct Inner {
    pub(crate) window_blocks: Option<u64>,
    pub(crate) blocks_kept: Option<u64>,
    pub(crate) beginning: RwLock<Beginning>,
    pub(crate) head: watch::Sender<Arc<FinalizedBlock>>,
    pub(crate) history: RwLock<History>,
    /// Undo records of blocks that are being applied and are not on disk yet.
    pub(crate) pending: Mutex<BTreeMap<Height, Arc<UndoRecord>>>,
    pub(crate) undo_cache: Mutex<LruCache<Height, Arc<UndoRecord>>>,
    pub(crate) block_cache: Mutex<LruCache<Height, BlockRecord>>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) state: OnceLock<Arc<dyn LiveState>>,
}

impl Ledger {
    /// Latest finalised block.
    pub fn head(&self) -> Arc<FinalizedBlock> {
        self.0.head()
    }

    /// Finalised blocks after the current head, in order, none left out.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_from(self.head().block.height().saturating_add(1))
    }

    /// Finalised blocks from `height` on, in order, none left out: those on record first, then new ones.
    pub fn subscribe_from(&self, height: Height) -> Subscription {
        Subscription { ledger: self.clone(), head: self.0.head.subscribe(), next: height }
    }

    /// Oldest height whose block is on record with its receipts: 0 where every block is kept. Genesis can be read besides,
    /// and so can the block that a copied state stands at, without its receipts.
    pub fn oldest_block(&self) -> Height {
        self.0.beginning.read().oldest()
    }

    /// Oldest height whose state can be read.
    pub fn oldest_state(&self) -> Height {
        self.0.oldest_state()
    }

    /// The finalised block at `height`. `None` above the head.
    pub async fn block(&self, height: Height) -> Result<Option<Arc<FinalizedBlock>>, LedgerError> {
        if height > self.head().block.height() {
            return Ok(None);
        }
        let record = self.0.block_record(height).await?;
        let oldest_height = self.oldest_block();
        match record {
            None if height < oldest_height => Err(LedgerError::BlockPruned { height, oldest_height }),
            record => Ok(record.map(|record| record.finalized)),
        }
    }

    /// The block at `height` as it was received, for other nodes: without what its execution gave, and cheaper to read
    /// than [`Self::block`]. Its content is checked by nothing but the disk's checksum.
    pub async fn stored_block(&self, height: Height) -> Result<Option<StoredBlock>, LedgerError> {
        {
            let beginning = self.0.beginning.read();
            match beginning.known(height) {
                Some(record) => return Ok(Some(record.stored())),
                None if beginning.hides(height) => return Ok(None),
                None => {}
            }
        }
        let Some(bytes) = self.0.disk.record(Kind::Blocks, height).await? else { return Ok(None) };
        let place = format!("{}, height {height}", self.0.disk.place(Kind::Blocks));
        StoredBlock::decode(bytes, &place).map(Some)
    }

    /// The same by the block's hash.
    pub async fn stored_block_by_hash(&self, hash: B256) -> Result<Option<StoredBlock>, LedgerError> {
        if let Some(record) = self.0.beginning.read().known_by_hash(hash) {
            return Ok(Some(record.stored()));
        }
        let Some(bytes) = self.0.disk.block_by_hash(hash).await? else { return Ok(None) };
        let place = format!("{}, block {hash}", self.0.disk.place(Kind::Blocks));
        StoredBlock::decode(bytes, &place).map(Some)
    }

    /// Height of the finalised block with this hash.
    pub async fn height_of(&self, hash: B256) -> Result<Option<Height>, LedgerError> {
        let head = self.head();
        if head.block.hash() == hash {
            return Ok(Some(head.block.height()));
        }
        if let Some(record) = self.0.beginning.read().known_by_hash(hash) {
            return Ok(Some(record.height()));
        }
        let Some(bytes) = self.0.disk.block_by_hash(hash).await? else { return Ok(None) };
        let place = format!("{}, block {hash}", self.0.disk.place(Kind::Blocks));
        let record = BlockRecord::decode(bytes, &place)?;
        let found = record.finalized.block.hash();
        if found != hash {
            return Err(LedgerError::Fault(format!("{place}: the record holds block {found}")));
        }
        let height = record.height();
        self.0.block_cache.lock().put(height, record);
        // A record above the head is durable but not announced: its block is still being finalised.
        Ok((height <= head.block.height()).then_some(height))
    }

    /// The state after the block at `height`. It stays consistent while later blocks are finalised.
    pub async fn state(&self, height: Height) -> Result<Arc<dyn StateReader>, LedgerError> {
        let head_height = self.head().block.height();
        if height > head_height {
            return Err(LedgerError::Future { height, head_height });
        }
        let oldest_height = self.oldest_state();
        if height < oldest_height {
            return Err(LedgerError::Pruned { height, oldest_height });
        }
        let position = self.0.state()?.position().await?;
        match self.0.height_of_position(&position) {
            Some(at) if at >= height => Ok(Arc::new(StateAt { inner: self.0.clone(), height })),
            at => Err(self.0.starting(at)),
        }
    }

    /// Proves items against the state root of a finalised block: the head, or the next one if it comes meanwhile.
    pub async fn prove(&self, items: &[StateItem]) -> Result<ProvenState, LedgerError> {
        if items.is_empty() || items.len() > STATE_PROOF_ITEMS_MAX {
            return Err(LedgerError::Items { items: items.len(), max: STATE_PROOF_ITEMS_MAX });
        }
        let mut head = self.0.head.subscribe();
        loop {
            let (operations_end, proof) = self.0.state()?.prove(items.to_vec()).await?;
            let block = head.borrow_and_update().clone();
            let head_end = block.block.extension().state.operations_end;
            if operations_end == head_end {
                proof
                    .verify(block.block.header().state_root)
                    .map_err(|error| LedgerError::Fault(format!("the state does not match the head: {error}")))?;
                return Ok(ProvenState { block, proof });
            }
            if operations_end < head_end {
                return Err(self.0.starting(self.0.history.read().height_at(operations_end)));
            }
            // The next block is applied and about to become the head.
            head.changed().await.map_err(|_| LedgerError::Fault("the ledger was closed".into()))?;
        }
    }

    /// What shows the block at `height` to be final: the nearest certificate at or above it, and the headers in between.
    /// `None` while none of them is certified yet.
    pub async fn certificate(&self, height: Height) -> Result<Option<FinalityProof>, LedgerError> {
        let head_height = self.head().block.height();
        let mut headers = Vec::new();
        for at in height..=head_height {
            if headers.len() >= FINALITY_HEADERS_MAX {
                return Ok(None);
            }
            let Some(record) = self.0.block_record(at).await? else { return Ok(None) };
            let block = &record.finalized.block;
            headers.push(CertifiedHeader { header: block.header().clone(), extension: *block.extension() });
            if let Some(certificate) = record.certificate {
                return Ok(Some(FinalityProof { headers, certificate }));
            }
        }
        Ok(None)
    }
}

impl Inner {
    pub(crate) fn head(&self) -> Arc<FinalizedBlock> {
        self.head.borrow().clone()
    }

    pub(crate) fn state(&self) -> Result<&Arc<dyn LiveState>, LedgerError> {
        self.state.get().ok_or_else(|| LedgerError::Starting {
            state: "not opened yet".into(),
            head_height: self.head().block.height(),
        })
    }

    pub(crate) fn oldest_state(&self) -> Height {
        let recorded = self.history.read().oldest();
        let window = self.window_blocks.map(|blocks| self.head().block.height().saturating_sub(blocks));
        recorded.max(window.unwrap_or(0))
    }

    pub(crate) fn height_of_position(&self, position: &Position) -> Option<Height> {
        self.history.read().height_at(position.target.operations_end)
    }

    pub(crate) fn starting(&self, at: Option<Height>) -> LedgerError {
        let state = at.map_or_else(|| "a height not on record".into(), |height| format!("height {height}"));
        LedgerError::Starting { state, head_height: self.head().block.height() }
    }

    pub(crate) async fn block_record(&self, height: Height) -> Result<Option<BlockRecord>, LedgerError> {
        {
            let beginning = self.beginning.read();
            match beginning.known(height) {
                Some(record) => return Ok(Some(record.clone())),
                None if beginning.hides(height) => return Ok(None),
                None => {}
            }
        }
        if let Some(record) = self.block_cache.lock().get(&height) {
            return Ok(Some(record.clone()));
        }
        let Some(record) = read_block(&*self.disk, height).await? else { return Ok(None) };
        self.block_cache.lock().put(height, record.clone());
        Ok(Some(record))
    }

    async fn undo_record(&self, height: Height) -> Result<Arc<UndoRecord>, StateFault> {
        if let Some(record) = self.pending.lock().get(&height) {
            return Ok(record.clone());
        }
        if let Some(record) = self.undo_cache.lock().get(&height) {
            return Ok(record.clone());
        }
        let record = read_undo(&*self.disk, height).await.map_err(|error| StateFault(error.to_string()))?;
        let record = Arc::new(record);
        self.undo_cache.lock().put(height, record.clone());
        Ok(record)
    }

    /// Fails where the state after `height` is not kept any more: the index has then forgotten which later blocks changed
    /// what, and would give their values instead.
    fn check_kept(history: &History, height: Height) -> Result<(), StateFault> {
        let oldest_height = history.oldest();
        if oldest_height > height {
            return Err(StateFault(LedgerError::Pruned { height, oldest_height }.to_string()));
        }
        Ok(())
    }

    /// The earliest block in `after+1 ..= at` that changed `key`, for a reader of the state after `height`.
    fn next_change(
        &self,
        key: &StateKey,
        height: Height,
        after: Height,
        at: Height,
    ) -> Result<Option<Height>, StateFault> {
        let history = self.history.read();
        Self::check_kept(&history, height)?;
        Ok(history.next_change(key, after, at))
    }

    /// The value of `key` after `height`, given its value after `at`.
    async fn value_before(
        &self,
        key: &StateKey,
        current: Option<RawBytes>,
        height: Height,
        at: Height,
    ) -> Result<Option<RawBytes>, StateFault> {
        let mut after = height;
        loop {
            let Some(change) = self.next_change(key, height, after, at)? else { return Ok(current) };
            let record = self.undo_record(change).await;
            // It may have been pruned between the two.
            let record =
                record.map_err(|fault| Self::check_kept(&self.history.read(), height).err().unwrap_or(fault))?;
            if let Some(value) = record.before(key) {
                return Ok(value.clone());
            }
            // Another key with the same first eight bytes changed there.
            after = change;
        }
    }

    async fn read_at(&self, height: Height, keys: Vec<StateKey>) -> Result<Vec<Option<RawBytes>>, StateFault> {
        let state = self.state().map_err(|error| StateFault(error.to_string()))?;
        let (operations_end, mut values) = state.read(keys.clone()).await?;
        let at = self.history.read().height_at(operations_end);
        let at = at.filter(|at| *at >= height).ok_or_else(|| {
            fault(
                &format!("read state at height {height}"),
                format!("the store stands at operation {operations_end}, which is no block at or above that height"),
            )
        })?;
        if at > height {
            for (key, value) in keys.iter().zip(values.iter_mut()) {
                *value = self.value_before(key, value.take(), height, at).await?;
            }
        }
        // All of it or nothing: what was read before and after a height was forgotten is no state.
        Self::check_kept(&self.history.read(), height)?;
        Ok(values)
    }
}

/// The state after one finalised block.
struct StateAt {
    inner: Arc<Inner>,
    height: Height,
}

impl StateReader for StateAt {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(self.inner.read_at(self.height, keys))
    }
}

/// Finalised blocks in order, none left out. A slow subscriber reads what it missed from disk; nothing is queued for it.
pub struct Subscription {
    ledger: Ledger,
    head: watch::Receiver<Arc<FinalizedBlock>>,
    next: Height,
}

impl Subscription {
    /// The next finalised block. `None` when the ledger is gone. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Result<Option<Arc<FinalizedBlock>>, LedgerError> {
        loop {
            let head = self.head.borrow_and_update().clone();
            let head_height = head.block.height();
            if self.next == head_height {
                self.next = head_height.saturating_add(1);
                return Ok(Some(head));
            }
            if self.next < head_height {
                let found = self.ledger.block(self.next).await?;
                let found = found.ok_or_else(|| missing(&*self.ledger.0.disk, Kind::Blocks, self.next))?;
                self.next = self.next.saturating_add(1);
                return Ok(Some(found));
            }
            if self.head.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}

pub(crate) fn block_cache() -> Mutex<LruCache<Height, BlockRecord>> {
    Mutex::new(LruCache::new(BLOCKS_CACHED))
}

pub(crate) fn undo_cache() -> Mutex<LruCache<Height, Arc<UndoRecord>>> {
    Mutex::new(LruCache::new(UNDO_CACHED))
}
