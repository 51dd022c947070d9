//! How finalised blocks come into the ledger.
//!
//! **Order of durable writes.** The engine (`glue::stateful`) finalises a block in four steps, and acknowledges it to
//! `marshal` after the last: capture, apply to the store, [`LedgerWriter::finalized`], store durable. So:
//!
//! 1. [`LedgerWriter::capture`] reads what the block will overwrite and makes it known to readers, before the store moves.
//! 2. The store moves. Readers of earlier heights already find the old values.
//! 3. [`LedgerWriter::finalized`] makes record and undo record durable (their fsyncs run side by side), then tells
//!    subscribers.
//! 4. The store is durable; the engine acknowledges.
//!
//! After a crash the engine opens the store at the last acknowledged block and delivers the later ones again. Whatever was
//! acknowledged is in the ledger; what the ledger has beyond it is delivered again and found to be the same.

use crate::{
    Databases, FinalizedBlock, Ledger, LedgerConfig, LedgerError, Runtime, StateReader,
    archive::{Archives, BLOCK_SECTION, Disk, Kind, UNDO_SECTION, missing, read_block, read_undo},
    beginning::{Beginning, Marks},
    history::History,
    ledger::{Inner, block_cache, undo_cache},
    live::LiveState,
    record::{BlockRecord, UndoRecord},
    store::{Db, database_config, one_thread, open_at, store_height, store_writes},
};
use commonware_codec::Encode as _;
use commonware_utils::sync::AsyncMutex;
use florin_types::{B256, Block, Bytes, Changeset, Height, StateFault};
use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// The ledger, for the engine's application. Cheap to clone; calls come one after another, in the order of finality.
pub struct LedgerWriter<E: Runtime> {
    inner: Arc<Inner>,
    archives: Arc<Archives<E>>,
    marks: Arc<Marks<E>>,
    /// Held while the ledger begins anew: the engine's application and its start may both come to do it.
    beginning: Arc<AsyncMutex<()>>,
    copying: Arc<AtomicBool>,
}

impl<E: Runtime> Clone for LedgerWriter<E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            archives: self.archives.clone(),
            marks: self.marks.clone(),
            beginning: self.beginning.clone(),
            copying: self.copying.clone(),
        }
    }
}

/// What a block overwrote, read before it was applied. Hand it to [`LedgerWriter::finalized`].
#[derive(Clone, Debug)]
pub struct Undo {
    height: Height,
    hash: B256,
    /// `None` for a block that the ledger has already.
    record: Option<Arc<UndoRecord>>,
}

impl Ledger {
    /// Opens the ledger; on a fresh directory it begins with `genesis`. Rebuilds the index of past states from the undo
    /// records, and notices missing or damaged ones.
    pub async fn open<E: Runtime>(
        context: E,
        config: LedgerConfig,
        genesis: Arc<Block>,
    ) -> Result<(Self, LedgerWriter<E>), LedgerError> {
        let marks = Marks::open(context.child("beginning"), &config.partition_prefix).await?;
        let archives = Archives::open(context, &config).await?;
        let record = genesis_record(genesis.clone());
        if archives.ranges(Kind::Blocks).await?.is_empty() {
            archives.put(genesis.height(), genesis.hash(), record.encode(), None).await?;
        }
        if let Some(stored) = read_block(&archives, genesis.height()).await? {
            let (stored, offered) = (stored.finalized.block.hash(), genesis.hash());
            if stored != offered {
                return Err(LedgerError::Conflict { height: genesis.height(), stored, offered });
            }
        }
        load(marks, archives, &config, Some(record)).await
    }

    /// Opens ledger and store of a node that is not running, to look at them. The head is the latest height for which both
    /// are on disk. Like any start after a crash it drops half-written tails of files.
    ///
    /// The runtime is fixed and the future boxed so that the store is compiled here, once, and not again in every
    /// program that looks at one.
    pub fn open_offline(
        context: commonware_runtime::tokio::Context,
        config: LedgerConfig,
    ) -> BoxFuture<'static, Result<Self, LedgerError>> {
        Box::pin(Self::open_stopped(context, config))
    }

    async fn open_stopped<E: Runtime>(context: E, config: LedgerConfig) -> Result<Self, LedgerError> {
        let marks = Marks::open(context.child("beginning"), &config.partition_prefix).await?;
        let archives = Archives::open(context.child("ledger"), &config).await?;
        if archives.ranges(Kind::Blocks).await?.is_empty() {
            let place = archives.place(Kind::Blocks);
            return Err(LedgerError::Fault(format!("{place}: no ledger here; is this the node's data directory?")));
        }
        let genesis = read_block(&archives, 0).await?;
        let (ledger, writer) = load(marks, archives, &config, genesis).await?;
        let db = open_store(context, &config, &ledger).await?;
        let at = writer.attach(Databases::new("inspect", db)).await?;
        if at < ledger.head().block.height()
            && let Some(record) = ledger.0.block_record(at).await?
        {
            ledger.0.head.send_replace(record.finalized);
        }
        Ok(ledger)
    }
}

/// Opens the store at a height that the ledger has. A node that died between the two may have left it one block ahead;
/// further ahead means that the ledger lost records, and then nothing is touched.
async fn open_store<E: Runtime>(context: E, config: &LedgerConfig, ledger: &Ledger) -> Result<Db<E>, LedgerError> {
    let database = database_config(&config.partition_prefix, config.page_cache.clone(), one_thread()?);
    let head = ledger.head();
    let head_height = head.block.height();
    let db = open_at(context.child("latest"), database.clone(), None).await?;
    let height = store_height(&db).await?;
    match height {
        Some(height) if height <= head_height => Ok(db),
        Some(height) if height == head_height.saturating_add(1) => {
            drop(db);
            let operations_end = head.block.extension().state.operations_end;
            Ok(open_at(context.child("bounded"), database, Some(operations_end)).await?)
        }
        _ => Err(ahead(&*ledger.0.disk, height, head_height)),
    }
}

/// The store stands where the ledger has no record.
fn ahead(disk: &dyn Disk, height: Option<Height>, head_height: Height) -> LedgerError {
    let (blocks, undo) = (disk.place(Kind::Blocks), disk.place(Kind::Undo));
    let height = height.map_or_else(|| "no height".into(), |height| format!("height {height}"));
    LedgerError::Fault(format!(
        "the state stands at {height} but the ledger ends at height {head_height}: records in {blocks} or {undo} are lost, or \
         the partitions are of different nodes; restore the data directory from a backup, or start with an empty one"
    ))
}

/// Reads everything a ledger needs in memory, and checks that nothing is missing in between.
async fn load<E: Runtime>(
    marks: Marks<E>,
    archives: Archives<E>,
    config: &LedgerConfig,
    genesis: Option<BlockRecord>,
) -> Result<(Ledger, LedgerWriter<E>), LedgerError> {
    let beginning = marks.beginning(genesis).await?;
    let root = beginning.root.height();
    let blocks = archives.ranges(Kind::Blocks).await?;
    let undo = archives.ranges(Kind::Undo).await?;
    let archives = Arc::new(archives);
    let last = last_block(&blocks, &beginning, &*archives)?;
    // A block without its undo record, or the other way round, was being written when the node stopped. It is delivered
    // again.
    let head_height = undo.last().map_or(root, |range| range.1.max(root)).min(last);
    let first = first_undo(&undo, root, head_height, archives.place(Kind::Undo))?;
    let head = match beginning.known(head_height) {
        Some(record) => record.clone(),
        None => stored(&*archives, head_height).await?,
    };
    let inner = Arc::new(Inner {
        window_blocks: (!config.archive).then_some(config.window_blocks),
        blocks_kept: blocks_kept(config),
        beginning: RwLock::new(beginning),
        head: watch::Sender::new(head.finalized),
        history: RwLock::new(History::default()),
        pending: Mutex::new(BTreeMap::new()),
        undo_cache: undo_cache(),
        block_cache: block_cache(),
        disk: archives.clone(),
        state: OnceLock::new(),
    });
    load_history(&inner, first.saturating_sub(1), head_height).await?;
    let copying = Arc::new(AtomicBool::new(marks.is_copying().await?));
    let writer =
        LedgerWriter { inner: inner.clone(), archives, marks: Arc::new(marks), beginning: Arc::default(), copying };
    Ok((Ledger(inner), writer))
}

/// Newest blocks that are kept: at least those that the readable states are found by.
fn blocks_kept(config: &LedgerConfig) -> Option<u64> {
    let needed = config.window_blocks.saturating_add(UNDO_SECTION.saturating_mul(2));
    config.blocks_kept.filter(|_| !config.archive).map(|blocks| blocks.max(needed))
}

/// Latest height of the blocks on record. They are written in their order from where the ledger begins, so a gap means that
/// records were lost. What lies below is of no use: genesis, or blocks from before a state was copied anew.
fn last_block(blocks: &[(Height, Height)], beginning: &Beginning, disk: &dyn Disk) -> Result<Height, LedgerError> {
    let first = beginning.first_archived();
    let mut runs = blocks.iter().filter(|(_, last)| *last >= first);
    match (runs.next(), runs.next()) {
        (Some((begin, _)), _) if *begin > first => Err(missing(disk, Kind::Blocks, first)),
        (Some((_, last)), Some(_)) => Err(missing(disk, Kind::Blocks, last.saturating_add(1))),
        (Some((_, last)), None) => Ok(*last),
        (None, _) if beginning.kept_from > beginning.root.height() => Err(missing(disk, Kind::Blocks, first)),
        (None, _) => Ok(beginning.root.height()),
    }
}

/// First height of the unbroken run of undo records that ends at the head. Pruning drops whole files, so a run that begins
/// anywhere else above the root has lost records.
fn first_undo(undo: &[(Height, Height)], root: Height, head: Height, place: &str) -> Result<Height, LedgerError> {
    let lowest = root.saturating_add(1);
    if head == root {
        return Ok(lowest);
    }
    let first = undo.iter().find(|(first, last)| (*first..=*last).contains(&head)).map(|range| range.0);
    let first = first.ok_or_else(|| LedgerError::Fault(format!("{place}, height {head}: the record is missing")))?;
    if first > lowest && !first.is_multiple_of(UNDO_SECTION) {
        let missing = first.saturating_sub(1);
        return Err(LedgerError::Fault(format!("{place}, height {missing}: the record is missing")));
    }
    Ok(first.max(lowest))
}

/// Indexes the undo records of the heights above `base`, where readable states begin.
async fn load_history(inner: &Inner, base: Height, head: Height) -> Result<(), LedgerError> {
    let first = known(inner, base).await?;
    let mut history = History::starting_at(base, first.finalized.block.extension().state.operations_end);
    for height in base.saturating_add(1)..=head {
        let record = read_undo(&*inner.disk, height).await?;
        history.record(height, record.operations_end, record.entries.iter().map(|entry| &entry.0));
    }
    if let Some(window) = inner.window_blocks {
        history.prune(head.saturating_sub(window));
    }
    *inner.history.write() = history;
    Ok(())
}

async fn stored(disk: &dyn Disk, height: Height) -> Result<BlockRecord, LedgerError> {
    read_block(disk, height).await?.ok_or_else(|| missing(disk, Kind::Blocks, height))
}

async fn known(inner: &Inner, height: Height) -> Result<BlockRecord, LedgerError> {
    inner.block_record(height).await?.ok_or_else(|| missing(&*inner.disk, Kind::Blocks, height))
}

impl<E: Runtime> LedgerWriter<E> {
    /// The ledger this writes to.
    pub fn ledger(&self) -> Ledger {
        Ledger(self.inner.clone())
    }

    /// Gives the ledger the store to read from, once the engine has opened it, and checks that the two belong together.
    /// Gives the height at which the store stands. Fails with [`LedgerError::Starting`] while a block that the store has is
    /// being recorded: ask again.
    pub async fn attach(&self, databases: Databases<E>) -> Result<Height, LedgerError> {
        let state: Arc<dyn LiveState> = Arc::new(databases);
        let position = state.position().await?;
        let head_height = self.inner.head().block.height();
        let height = self.inner.height_of_position(&position);
        let height = height.ok_or_else(|| ahead(&*self.inner.disk, position.height, head_height))?;
        // What was final when the node stopped is delivered again meanwhile; a block is applied before it is recorded.
        let is_being_recorded = self.inner.pending.lock().contains_key(&height);
        let record = match self.inner.block_record(height).await? {
            Some(record) => record,
            None if is_being_recorded => return Err(self.inner.starting(Some(height))),
            None => return Err(missing(&*self.inner.disk, Kind::Blocks, height)),
        };
        let header = record.finalized.block.header();
        if header.state_root != position.state_root {
            return Err(LedgerError::Fault(format!(
                "the state at height {height} hashes to {} but the header says {}: the state's partitions are damaged",
                position.state_root, header.state_root
            )));
        }
        self.inner.state.set(state).map_err(|_| LedgerError::Fault("a store is attached already".into()))?;
        Ok(height)
    }

    /// Whether the state is being copied from peers, and the ledger will begin where the copy ends.
    pub fn is_copying(&self) -> bool {
        self.copying.load(Ordering::Acquire)
    }

    /// Notes durably that the state is being copied, before anything of it is stored; or that it is not after all.
    pub async fn set_copying(&self, copying: bool) -> Result<(), LedgerError> {
        let _one_at_a_time = self.beginning.lock().await;
        self.marks.put_copying(copying).await?;
        self.copying.store(copying, Ordering::Release);
        Ok(())
    }

    /// Begins the ledger anew with `block`, at which a copied state stands: what is on record below it stays out of sight.
    /// The state in the store must be the one after this block, and no block above the head may be on its way. Without
    /// effect where the ledger has this block already, and where nothing is being copied: a ledger that ends below its
    /// state has then lost records. `certificate` is the block's encoded finalisation, if it has one.
    pub async fn begin_at(&self, block: Arc<Block>, certificate: Option<Bytes>) -> Result<(), LedgerError> {
        let _one_at_a_time = self.beginning.lock().await;
        let height = block.height();
        if height <= self.inner.head().block.height() {
            return self.expect_same(&block).await;
        }
        if !self.is_copying() {
            return Ok(());
        }
        let root = BlockRecord::root(block, certificate).map_err(LedgerError::Fault)?;
        self.marks.put_root(&root).await?;
        let operations_end = root.finalized.block.extension().state.operations_end;
        *self.inner.history.write() = History::starting_at(height, operations_end);
        self.inner.beginning.write().root = root.clone();
        self.inner.head.send_replace(root.finalized);
        self.copying.store(false, Ordering::Release);
        Ok(())
    }

    /// Reads what `changes` will overwrite. Call it before the block's batch is applied (`Application::capture`).
    pub async fn capture<S: StateReader>(
        &self,
        block: &Block,
        changes: &Changeset,
        reader: S,
    ) -> Result<Undo, LedgerError> {
        let (height, hash) = (block.height(), block.hash());
        if !self.is_next(block).await? {
            return Ok(Undo { height, hash, record: None });
        }
        let writes = store_writes(changes)?;
        let before = reader.read(writes.iter().map(|write| write.0).collect()).await?;
        if before.len() != writes.len() {
            return Err(StateFault(format!("{} values for {} keys", before.len(), writes.len())).into());
        }
        let entries = writes.into_iter().zip(before);
        let entries = entries.filter(|((_, after), before)| after != before).map(|((key, _), before)| (key, before));
        let operations_end = block.extension().state.operations_end;
        let record = Arc::new(UndoRecord { operations_end, entries: entries.collect() });
        // From here on a reader that finds the store at this block finds its way back.
        self.inner.pending.lock().insert(height, record.clone());
        self.inner.history.write().record(height, operations_end, record.entries.iter().map(|entry| &entry.0));
        Ok(Undo { height, hash, record: Some(record) })
    }

    /// Makes the record of a finalised block durable, then tells subscribers (`Application::finalized`). The same block
    /// again is accepted without effect; another one at its height is a fault. `certificate` is the encoded finalisation of
    /// this very block, if there is one.
    pub async fn finalized(
        &self,
        finalized: FinalizedBlock,
        undo: Undo,
        certificate: Option<Bytes>,
    ) -> Result<(), LedgerError> {
        let (height, hash) = (finalized.block.height(), finalized.block.hash());
        if !self.is_next(&finalized.block).await? {
            return Ok(());
        }
        let record = match undo.record {
            Some(record) if undo.height == height && undo.hash == hash => record,
            _ => return Err(LedgerError::Fault(format!("block {hash} was not captured before it was applied"))),
        };
        let block = BlockRecord::new(finalized, certificate).map_err(LedgerError::Fault)?;
        self.archives.put(height, hash, block.encode(), Some(record.encode())).await?;
        self.inner.block_cache.lock().put(height, block.clone());
        self.inner.undo_cache.lock().put(height, record);
        self.inner.pending.lock().remove(&height);
        self.inner.head.send_replace(block.finalized);
        self.prune(height).await
    }

    async fn prune(&self, head: Height) -> Result<(), LedgerError> {
        let Some(window) = self.inner.window_blocks else { return Ok(()) };
        let oldest = head.saturating_sub(window);
        if oldest == 0 || !oldest.is_multiple_of(UNDO_SECTION) {
            return Ok(());
        }
        self.inner.history.write().prune(oldest);
        self.archives.prune(Kind::Undo, oldest).await?;
        self.prune_blocks(head).await
    }

    /// Drops whole files of blocks that are not kept any more. The mark comes first: below it nothing is missed.
    async fn prune_blocks(&self, head: Height) -> Result<(), LedgerError> {
        let Some(kept) = self.inner.blocks_kept else { return Ok(()) };
        let above_oldest = head.saturating_sub(kept);
        let oldest = above_oldest.saturating_sub(above_oldest % BLOCK_SECTION);
        if oldest <= self.inner.beginning.read().first_archived() {
            return Ok(());
        }
        self.marks.put_kept_from(oldest).await?;
        self.inner.beginning.write().kept_from = oldest;
        self.archives.prune(Kind::Blocks, oldest).await
    }

    /// Whether this block comes next. `false` if it is on record already; an error if another one is, or if it leaves a gap.
    async fn is_next(&self, block: &Block) -> Result<bool, LedgerError> {
        let expected = self.inner.head().block.height().saturating_add(1);
        let offered = block.height();
        if offered > expected {
            return Err(LedgerError::Order { expected, offered });
        }
        if offered == expected {
            let head = self.inner.head().block.hash();
            if block.header().parent_hash != head {
                let height = expected.saturating_sub(1);
                return Err(LedgerError::Conflict { height, stored: head, offered: block.header().parent_hash });
            }
            return Ok(true);
        }
        self.expect_same(block).await?;
        Ok(false)
    }

    async fn expect_same(&self, block: &Block) -> Result<(), LedgerError> {
        let height = block.height();
        match self.inner.block_record(height).await? {
            Some(record) if record.finalized.block.hash() != block.hash() => {
                Err(LedgerError::Conflict { height, stored: record.finalized.block.hash(), offered: block.hash() })
            }
            _ => Ok(()),
        }
    }
}

fn genesis_record(genesis: Arc<Block>) -> BlockRecord {
    let finalized =
        FinalizedBlock { block: genesis, receipts: Arc::default(), senders: Arc::default(), executed: true };
    BlockRecord { finalized: Arc::new(finalized), certificate: None }
}
