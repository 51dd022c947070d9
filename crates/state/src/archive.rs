//! The ledger's records on disk: two checksummed archives, one of blocks and one of undo records, by height and by hash.

use crate::{
    LedgerError,
    ledger::LedgerConfig,
    record::{BlockRecord, RECORD_BYTES_MAX, UndoRecord},
    store::Runtime,
};
use bytes::Bytes as RawBytes;
use commonware_codec::RangeCfg;
use commonware_storage::{
    archive::{Archive as _, Identifier, prunable},
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize, sync::AsyncRwLock};
use core::num::NonZeroU64;
use florin_proof::BlockDigest;
use florin_types::{B256, Height};
use futures::future::BoxFuture;

/// Heights in one file of undo records: pruning drops whole files.
pub(crate) const UNDO_SECTION: u64 = 64;
/// Heights in one file of block records: pruning drops whole files.
pub(crate) const BLOCK_SECTION: u64 = 1_024;

type Archive<E> = prunable::Archive<EightCap, E, BlockDigest, RawBytes>;
type Slot<E> = AsyncRwLock<Option<Archive<E>>>;

/// Which archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Blocks,
    Undo,
}

/// Records on disk without the runtime's type: what readers hold.
pub(crate) trait Disk: Send + Sync {
    /// A record by height.
    fn record(&self, kind: Kind, height: Height) -> BoxFuture<'_, Result<Option<RawBytes>, LedgerError>>;
    /// A block's record by its hash.
    fn block_by_hash(&self, hash: B256) -> BoxFuture<'_, Result<Option<RawBytes>, LedgerError>>;
    /// Name of an archive's partitions, for people.
    fn place(&self, kind: Kind) -> &str;
}

/// Reads and checks a block's record.
pub(crate) async fn read_block(disk: &dyn Disk, height: Height) -> Result<Option<BlockRecord>, LedgerError> {
    let Some(bytes) = disk.record(Kind::Blocks, height).await? else { return Ok(None) };
    let place = format!("{}, height {height}", disk.place(Kind::Blocks));
    let record = BlockRecord::decode(bytes, &place)?;
    if record.height() != height {
        return Err(LedgerError::Fault(format!("{place}: the record holds height {}", record.height())));
    }
    Ok(Some(record))
}

/// Reads and checks an undo record, which must be there.
pub(crate) async fn read_undo(disk: &dyn Disk, height: Height) -> Result<UndoRecord, LedgerError> {
    let bytes = disk.record(Kind::Undo, height).await?;
    UndoRecord::decode(bytes.ok_or_else(|| missing(disk, Kind::Undo, height))?, height, disk.place(Kind::Undo))
}

/// A record that should be there is not.
pub(crate) fn missing(disk: &dyn Disk, kind: Kind, height: Height) -> LedgerError {
    LedgerError::Fault(format!("{}, height {height}: the record is missing", disk.place(kind)))
}

/// The archives on runtime `E`.
///
/// A mutation takes an archive out and puts it back on success. One that fails or is dropped half way loses it: what the
/// file holds then is known only after a restart, so every later call is a fault.
pub(crate) struct Archives<E: Runtime> {
    blocks: Slot<E>,
    undo: Slot<E>,
    blocks_place: String,
    undo_place: String,
}

impl<E: Runtime> Archives<E> {
    pub(crate) async fn open(context: E, config: &LedgerConfig) -> Result<Self, LedgerError> {
        let blocks_place = format!("{}-ledger-blocks", config.partition_prefix);
        let undo_place = format!("{}-ledger-undo", config.partition_prefix);
        let blocks = open(context.child("blocks"), config, &blocks_place, NZU64!(BLOCK_SECTION)).await?;
        let undo = open(context.child("undo"), config, &undo_place, NZU64!(UNDO_SECTION)).await?;
        Ok(Self { blocks: Slot::new(Some(blocks)), undo: Slot::new(Some(undo)), blocks_place, undo_place })
    }

    /// Ranges of heights on record, inclusive, rising.
    pub(crate) async fn ranges(&self, kind: Kind) -> Result<Vec<(Height, Height)>, LedgerError> {
        let guard = self.slot(kind).read().await;
        let archive = guard.as_ref().ok_or_else(|| self.lost(kind))?;
        Ok(archive.ranges().collect())
    }

    /// Makes a block's record, and its undo record, durable. What is on record already stays as it is.
    pub(crate) async fn put(
        &self,
        height: Height,
        hash: B256,
        block: RawBytes,
        undo: Option<RawBytes>,
    ) -> Result<(), LedgerError> {
        let undo = async {
            match undo {
                Some(undo) => self.put_one(Kind::Undo, height, hash, undo).await,
                None => Ok(()),
            }
        };
        futures::try_join!(self.put_one(Kind::Blocks, height, hash, block), undo)?;
        Ok(())
    }

    async fn put_one(&self, kind: Kind, height: Height, hash: B256, record: RawBytes) -> Result<(), LedgerError> {
        if record.len() > RECORD_BYTES_MAX {
            let place = self.place(kind);
            return Err(LedgerError::Fault(format!("{place}, height {height}: a record of {} bytes", record.len())));
        }
        let failed = |error: String| LedgerError::Fault(format!("{}, height {height}: {error}", self.place(kind)));
        let durable = {
            let mut guard = self.slot(kind).write().await;
            let archive = guard.take().ok_or_else(|| self.lost(kind))?;
            let key = florin_proof::block_digest(hash);
            let (archive, durable) =
                archive.put_start_sync(height, key, &record).await.map_err(|error| failed(error.to_string()))?;
            *guard = Some(archive);
            durable
        };
        durable.await.map_err(|error| failed(error.to_string()))
    }

    /// Drops records below `height`, in whole files.
    pub(crate) async fn prune(&self, kind: Kind, height: Height) -> Result<(), LedgerError> {
        let mut guard = self.slot(kind).write().await;
        let archive = guard.take().ok_or_else(|| self.lost(kind))?;
        let pruned = archive.prune(height).await;
        *guard = Some(pruned.map_err(|error| LedgerError::Fault(format!("{}: {error}", self.place(kind))))?);
        Ok(())
    }

    async fn get(
        &self,
        kind: Kind,
        key: Identifier<'_, BlockDigest>,
        name: String,
    ) -> Result<Option<RawBytes>, LedgerError> {
        let guard = self.slot(kind).read().await;
        let archive = guard.as_ref().ok_or_else(|| self.lost(kind))?;
        archive
            .get(key)
            .await
            .map_err(|error| LedgerError::Fault(format!("{}, {name}: damaged record: {error}", self.place(kind))))
    }

    fn slot(&self, kind: Kind) -> &Slot<E> {
        match kind {
            Kind::Blocks => &self.blocks,
            Kind::Undo => &self.undo,
        }
    }

    fn lost(&self, kind: Kind) -> LedgerError {
        let place = self.place(kind);
        LedgerError::Fault(format!("{place}: an earlier write failed or was interrupted; restart the node"))
    }
}

impl<E: Runtime> Disk for Archives<E> {
    fn record(&self, kind: Kind, height: Height) -> BoxFuture<'_, Result<Option<RawBytes>, LedgerError>> {
        Box::pin(self.get(kind, Identifier::Index(height), format!("height {height}")))
    }

    fn block_by_hash(&self, hash: B256) -> BoxFuture<'_, Result<Option<RawBytes>, LedgerError>> {
        Box::pin(async move {
            let key = florin_proof::block_digest(hash);
            self.get(Kind::Blocks, Identifier::Key(&key), format!("block {hash}")).await
        })
    }

    fn place(&self, kind: Kind) -> &str {
        match kind {
            Kind::Blocks => &self.blocks_place,
            Kind::Undo => &self.undo_place,
        }
    }
}

/// zstd's fastest: receipts are mostly zeros, keys and signatures do not shrink at any level. The level may change; that
/// records are compressed is fixed for the life of the data.
const COMPRESSION_LEVEL: u8 = 1;

async fn open<E: Runtime>(
    context: E,
    config: &LedgerConfig,
    place: &str,
    items_per_section: NonZeroU64,
) -> Result<Archive<E>, LedgerError> {
    let archive = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{place}-marks"),
        key_partition: format!("{place}-index"),
        key_page_cache: config.page_cache.clone(),
        value_partition: format!("{place}-values"),
        compression: Some(COMPRESSION_LEVEL),
        codec_config: RangeCfg::from(0..=RECORD_BYTES_MAX),
        items_per_section,
        key_write_buffer: NZUsize!(65_536),
        value_write_buffer: NZUsize!(1_048_576),
        replay_buffer: NZUsize!(65_536),
    };
    Archive::init(context, archive)
        .await
        .map_err(|error| LedgerError::Fault(format!("cannot open partitions {place}-*: {error}")))
}
