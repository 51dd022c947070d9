//! The authenticated store: which QMDB it is, how it is configured, and how a block's changes are written to it.
//!
//! One `current::ordered` database over BLAKE3. *Current*, because its root proves what a value is now and not only that
//! it once was. *Ordered*, because then it also proves absence. Every block is one commit; its metadata is the block's
//! height, so that a store found on disk says by itself where it stands.

use crate::fault;
use bytes::Bytes as RawBytes;
use commonware_codec::RangeCfg;
use commonware_glue::stateful::db::{
    Shared, Unmerkleized as _,
    current::{CurrentMerkleized, CurrentUnmerkleized},
};
use commonware_parallel::Rayon;
use commonware_runtime::{
    Runner as _, Spawner,
    buffer::paged::{CacheRef, page_size},
    deterministic,
};
use commonware_storage::{
    Context,
    index::ordered::Index,
    journal::contiguous::variable::{self as variable_journal, Config as LogConfig},
    merkle::{Location, full::Config as MerkleConfig},
    metadata::{Config as MetadataConfig, Metadata},
    qmdb::{
        any::{operation::Operation, ordered},
        current::{VariableConfig, ordered::variable},
        sync::Target,
    },
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize, range::NonEmptyRange, sequence::U64};
use core::num::NonZeroUsize;
use florin_proof::{
    BITMAP_CHUNK_BYTES, Family, StateDigest, StateHasher, StateItem, StateKey, VALUE_BYTES_MAX, ValueEncoding,
    encode_account, encode_slot, root_digest, root_hash, value_range,
};
use florin_types::{B256, Changeset, Height, StateFault, StateTarget};

/// What the store asks of a runtime: disk, clock, metrics, tasks. Both the real and the deterministic one have them.
pub trait Runtime: Context + Spawner {}
impl<E: Context + Spawner> Runtime for E {}

/// What an operation on a key writes: its value and the key that follows it.
type Update = ordered::Update<StateKey, ValueEncoding>;
/// The log of operations on disk.
type Log<E> = variable_journal::Journal<E, Operation<Family, Update>>;
/// Where in the log each key's current value is.
type Snapshot = Index<EightCap, Location<Family>>;
/// The authenticated store on runtime `E`.
pub type Db<E> = variable::Db<Family, E, StateKey, RawBytes, StateHasher, EightCap, BITMAP_CHUNK_BYTES, Rayon>;
/// The store as the engine shares it: what `glue::stateful` calls a database set.
pub type Databases<E> = Shared<Db<E>>;
/// Changes on top of a block's state, not yet hashed.
pub type Batch<E> = CurrentUnmerkleized<Family, E, Log<E>, Snapshot, StateHasher, Update, BITMAP_CHUNK_BYTES, Rayon>;
/// Changes on top of a block's state, hashed: root and target are known.
pub type SealedBatch<E> =
    CurrentMerkleized<Family, E, Log<E>, Snapshot, StateHasher, Update, BITMAP_CHUNK_BYTES, Rayon>;
/// How the store is opened.
pub type DbConfig = VariableConfig<EightCap, ((), RangeCfg<usize>), Rayon>;
/// The engine's form of [`StateTarget`].
pub type SyncTarget = Target<Family, StateDigest>;

/// Bytes of a page on disk, checksum included. Fixed for the life of the data.
const PAGE_BYTES: u32 = 4_096;
/// Pages cached by default: 64 MiB.
const CACHE_PAGES_DEFAULT: NonZeroUsize = NZUsize!(16_384);
/// Operations in one file of the log. Fixed for the life of the data.
const LOG_ITEMS_PER_FILE: u64 = 65_536;
/// Nodes in one file of the Merkle structure. Fixed for the life of the data.
const MERKLE_NODES_PER_FILE: u64 = 131_072;
const WRITE_BUFFER_BYTES: NonZeroUsize = NZUsize!(1_048_576);
const REPLAY_BUFFER_BYTES: NonZeroUsize = NZUsize!(1_048_576);
/// Keys whose latest operation is remembered while the store is opened: what is not among them is looked up in the log
/// again, at random. With a million accounts a node starts in 2.3 s instead of
/// 4.4 s. Some 50 MB, given back once it is open.
const INIT_CACHE_KEYS: NonZeroUsize = NZUsize!(1_048_576);
/// Bytes of the log that are read in one go while the store is opened.
const INIT_BUFFER_BYTES: NonZeroUsize = NZUsize!(4_194_304);
/// Key of the marker that genesis stands in the store.
const GENESIS_MARK: u64 = 0;

/// The cache of file pages that every partition of a node shares: 64 MiB.
pub fn page_cache() -> CacheRef {
    page_cache_with(CACHE_PAGES_DEFAULT)
}

/// A page cache of `pages` pages of 4 KiB. It is allocated at once.
pub fn page_cache_with(pages: NonZeroUsize) -> CacheRef {
    CacheRef::new(page_size(PAGE_BYTES), pages)
}

/// Hashing by the thread that asks for it: the one thread of this pool is never given work.
pub fn one_thread() -> Result<Rayon, StateFault> {
    Rayon::new(NonZeroUsize::MIN).map_err(|error| fault("start a thread that hashes", error))
}

/// How the store stands on disk, in partitions that begin with `partition_prefix`: `-state-log` (operations, and their
/// offsets), `-state-merkle` (nodes), `-state-pins` (nodes of pruned parts), `-state-bitmap` (activity of pruned parts).
/// The log and the nodes keep partitions of their own with the endings `_data`, `_offsets`, `-blobs` and `-metadata`.
///
/// `threads` hash a block's changes. Blocks of few changes are hashed by one, which is faster.
pub fn database_config(partition_prefix: &str, page_cache: CacheRef, threads: Rayon) -> DbConfig {
    VariableConfig {
        merkle_config: MerkleConfig {
            journal_partition: format!("{partition_prefix}-state-merkle"),
            metadata_partition: format!("{partition_prefix}-state-pins"),
            items_per_blob: NZU64!(MERKLE_NODES_PER_FILE),
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
            strategy: threads,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{partition_prefix}-state-log"),
            items_per_section: NZU64!(LOG_ITEMS_PER_FILE),
            compression: None,
            codec_config: ((), value_range()),
            page_cache,
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
        },
        grafted_metadata_partition: format!("{partition_prefix}-state-bitmap"),
        translator: EightCap,
        init_cache: Some(INIT_CACHE_KEYS),
        init_buffer: INIT_BUFFER_BYTES,
        init_concurrency: (),
    }
}

/// Writes what the block at `height` changed into `batch`, in the order of the keys.
///
/// The commit carries the height, so the resulting root and target depend on it too.
pub fn write<E: Runtime>(batch: Batch<E>, height: Height, changes: &Changeset) -> Result<Batch<E>, StateFault> {
    let mut batch = batch.with_metadata(height_metadata(height));
    for (key, value) in store_writes(changes)? {
        batch = batch.write(key, value);
    }
    Ok(batch)
}

/// Hashes a batch.
pub async fn merkleize<E: Runtime>(batch: Batch<E>) -> Result<SealedBatch<E>, StateFault> {
    batch.merkleize().await.map_err(|error| fault("hash the block's changes into the state", error))
}

/// What a header says of the state that this batch makes: `stateRoot`, and the target for its extension.
pub fn commitment<E: Runtime>(batch: &SealedBatch<E>) -> (B256, StateTarget) {
    let target = StateTarget {
        operations_root: root_hash(&batch.ops_root()),
        operations_start: batch.sync_boundary().as_u64(),
        operations_end: batch.bounds().tip.size.as_u64(),
    };
    (root_hash(&batch.root()), target)
}

/// The target of an open store.
pub(crate) fn database_commitment<E: Runtime>(db: &Db<E>) -> (B256, StateTarget) {
    let target = StateTarget {
        operations_root: root_hash(&db.ops_root()),
        operations_start: db.sync_boundary().as_u64(),
        operations_end: db.bounds().end.as_u64(),
    };
    (root_hash(&db.root()), target)
}

/// The engine's form of a block's target. `None` for a range that no store can have: such a block is invalid.
pub fn sync_target(target: &StateTarget) -> Option<SyncTarget> {
    let start = Location::<Family>::new(target.operations_start);
    let end = Location::<Family>::new(target.operations_end);
    if !end.is_valid() {
        return None;
    }
    let range = NonEmptyRange::new(start..end).ok()?;
    Some(Target::new(root_digest(target.operations_root), range))
}

/// Root and target of the state that genesis makes. Pure: computed on a store in memory.
pub fn genesis_commitment(genesis: &Changeset) -> Result<(B256, StateTarget), StateFault> {
    let genesis = genesis.clone();
    deterministic::Runner::default().start(|context| async move {
        let config = database_config("genesis", page_cache_with(NZUsize!(1_024)), one_thread()?);
        // There is nothing to look up in a store that is empty.
        let db = open(context, DbConfig { init_cache: None, ..config }).await?;
        let db = apply_genesis(db, &genesis).await?;
        Ok(database_commitment(&db))
    })
}

/// [`place_genesis`] for a caller that does not know yet what genesis gives.
pub async fn open_genesis<E: Runtime>(
    context: E,
    config: DbConfig,
    genesis: &Changeset,
    partition_prefix: &str,
) -> Result<(B256, StateTarget), StateFault> {
    let expected = genesis_commitment(genesis)?;
    place_genesis(context, config, (genesis, expected), partition_prefix).await?;
    Ok(expected)
}

/// Puts genesis into a fresh store and closes it, so that the engine finds its first block's state on disk. `expected` is
/// what [`genesis_commitment`] gives. On a store that has genesis already it changes nothing, however far ahead it is.
///
/// Crash-safe: genesis is one commit, and the marker that it was made is written after it.
pub async fn place_genesis<E: Runtime>(
    context: E,
    config: DbConfig,
    (genesis, expected): (&Changeset, (B256, StateTarget)),
    partition_prefix: &str,
) -> Result<(), StateFault> {
    let partition = format!("{partition_prefix}-state-genesis");
    let mark = MetadataConfig { partition: partition.clone(), codec_config: (RangeCfg::from(0..=32usize), ()) };
    let mark = Metadata::<E, U64, Vec<u8>>::init(context.child("genesis"), mark)
        .await
        .map_err(|error| fault(&format!("open partition {partition}"), error))?;
    match mark.get(&U64::new(GENESIS_MARK)) {
        Some(root) if root.as_slice() == expected.0.as_slice() => return Ok(()),
        Some(root) => {
            return Err(StateFault(format!(
                "the data directory belongs to a network whose genesis state root is {}, the genesis file gives {}: use \
                 another data directory or the genesis file it was made with",
                B256::try_from(root.as_slice()).unwrap_or_default(),
                expected.0
            )));
        }
        None => {}
    }
    let db = open(context.child("state"), config).await?;
    if db.bounds().end.as_u64() <= 1 {
        let db = apply_genesis(db, genesis).await?;
        let found = database_commitment(&db);
        if found != expected {
            return Err(StateFault(format!("genesis gives {found:?} on disk but {expected:?} in memory")));
        }
    }
    mark.put_sync(U64::new(GENESIS_MARK), expected.0.to_vec())
        .await
        .map_err(|error| fault(&format!("write partition {partition}"), error))?;
    Ok(())
}

async fn apply_genesis<E: Runtime>(db: Db<E>, genesis: &Changeset) -> Result<Db<E>, StateFault> {
    let failed = |error| fault("write genesis into the state", error);
    let mut batch = db.new_batch();
    for (key, value) in store_writes(genesis)? {
        batch = batch.write(key, value);
    }
    let metadata = Some(height_metadata(0));
    let mut policy = commonware_storage::qmdb::floor::Proportional;
    let batch = batch.merkleize(&db, metadata, &mut policy).await.map_err(failed)?;
    let db = db.apply_batch(batch).await.map_err(failed)?;
    db.sync().await.map_err(failed)
}

/// Opens the store at its latest commit.
pub(crate) async fn open<E: Runtime>(context: E, config: DbConfig) -> Result<Db<E>, StateFault> {
    open_at(context, config, None).await
}

/// Opens the store at its latest commit with at most `operations_max` operations.
pub(crate) async fn open_at<E: Runtime>(
    context: E,
    config: DbConfig,
    operations_max: Option<u64>,
) -> Result<Db<E>, StateFault> {
    let place = config.journal_config.partition.replace("-state-log", "-state-*");
    Db::init(context, config, operations_max.map(Location::new))
        .await
        .map_err(|error| fault(&format!("open the state in partitions {place}"), error))
}

/// Height of the block whose commit is the store's latest; `None` in a store without genesis.
pub async fn store_height<E: Runtime>(db: &Db<E>) -> Result<Option<Height>, StateFault> {
    let metadata = db.get_metadata().await.map_err(|error| fault("read the state's last commit", error))?;
    Ok(metadata.as_deref().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(Height::from_be_bytes))
}

fn height_metadata(height: Height) -> RawBytes {
    RawBytes::copy_from_slice(&height.to_be_bytes())
}

/// A changeset as writes to the store, sorted by key. `None` deletes.
pub(crate) fn store_writes(changes: &Changeset) -> Result<Vec<(StateKey, Option<RawBytes>)>, StateFault> {
    let mut writes = Vec::with_capacity(changes.accounts.len() + changes.slots.len() + changes.code.len());
    for (address, account) in &changes.accounts {
        writes.push((StateItem::Account(*address).key(), account.as_ref().and_then(encode_account)));
    }
    for ((address, slot), value) in &changes.slots {
        writes.push((StateItem::Slot(*address, *slot).key(), encode_slot(*value)));
    }
    for (hash, code) in &changes.code {
        if code.len() > VALUE_BYTES_MAX {
            return Err(StateFault(format!("code {hash} has {} bytes, at most {VALUE_BYTES_MAX} fit", code.len())));
        }
        writes.push((StateItem::Code(*hash).key(), Some(code.0.clone())));
    }
    writes.sort_unstable_by_key(|write| write.0);
    Ok(writes)
}
