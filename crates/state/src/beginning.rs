//! Where a ledger begins: with genesis, or in the middle.
//!
//! **Purpose.** A node that copied its state from peers has no blocks below the one that the state stands at. That block is
//! its ledger's *root*: known to be final, but not executed here. Blocks that were dropped to save disk are the other
//! reason why a ledger does not reach down to genesis. Both are decisions, and a gap that nobody decided on is damage; so
//! both are marked before they take effect.
//!
//! **State.** Partition `-ledger-beginning`: genesis, the root if it is another block, the lowest height that was not
//! dropped, and whether the state is being copied. A store that stands above the ledger without that mark is damage. Each mark is durable before what it stands for is done, and replaces the one before it whole.
//!
//! **Invariants.** Every height from [`Beginning::oldest`] to the head is on record. The root only moves up.

use crate::{LedgerError, record::BlockRecord, store::Runtime};
use bytes::Bytes as RawBytes;
use commonware_codec::RangeCfg;
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::{sequence::U64, sync::AsyncMutex};
use florin_types::{B256, Height};

/// Key of the genesis block's record.
const GENESIS: u64 = 0;
/// Key of the root's record.
const ROOT: u64 = 1;
/// Key of the lowest height that was not dropped.
const KEPT_FROM: u64 = 2;
/// Key of the mark that the state is being copied: only then may a ledger begin at another block than it did.
const COPYING: u64 = 3;
/// Most bytes of a mark: a record without receipts.
const MARK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The lowest blocks of a ledger.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    pub(crate) genesis: BlockRecord,
    /// The block that the state was copied at; genesis where it was not copied.
    pub(crate) root: BlockRecord,
    /// Lowest height that was not dropped.
    pub(crate) kept_from: Height,
}

impl Beginning {
    /// Oldest height whose block is on record with what its execution gave.
    pub(crate) fn oldest(&self) -> Height {
        let root = self.root.height();
        let first = if self.root.finalized.executed { root } else { root.saturating_add(1) };
        first.max(self.kept_from)
    }

    /// First height whose record is in the archive of blocks, if any is.
    pub(crate) fn first_archived(&self) -> Height {
        let root = self.root.height();
        // Genesis is an archived block as well.
        let first = if root == self.genesis.height() { root } else { root.saturating_add(1) };
        first.max(self.kept_from)
    }

    /// Whether a height lies below everything that is kept. Records of it may still be on the disk: files go as a whole, and
    /// an interrupted copy leaves some.
    pub(crate) fn hides(&self, height: Height) -> bool {
        height < self.oldest()
    }

    /// A block that is known whatever was dropped.
    pub(crate) fn known(&self, height: Height) -> Option<&BlockRecord> {
        [&self.root, &self.genesis].into_iter().find(|record| record.height() == height)
    }

    /// The same by hash.
    pub(crate) fn known_by_hash(&self, hash: B256) -> Option<&BlockRecord> {
        [&self.root, &self.genesis].into_iter().find(|record| record.finalized.block.hash() == hash)
    }
}

type Store<E> = Metadata<E, U64, Vec<u8>>;

/// The marks on disk. A write that fails or is dropped half way loses them: what the file holds then is known only after
/// a restart.
pub(crate) struct Marks<E: Runtime> {
    store: AsyncMutex<Option<Store<E>>>,
    place: String,
}

impl<E: Runtime> Marks<E> {
    pub(crate) async fn open(context: E, partition_prefix: &str) -> Result<Self, LedgerError> {
        let place = format!("{partition_prefix}-ledger-beginning");
        let codec_config = (RangeCfg::from(0..=MARK_BYTES_MAX), ());
        let store = Metadata::init(context, Config { partition: place.clone(), codec_config }).await;
        let store = store.map_err(|error| LedgerError::Fault(format!("cannot open partition {place}: {error}")))?;
        Ok(Self { store: AsyncMutex::new(Some(store)), place })
    }

    /// What the marks say, given the genesis block's record where the caller knows it.
    pub(crate) async fn beginning(&self, genesis: Option<BlockRecord>) -> Result<Beginning, LedgerError> {
        let genesis = match (genesis, self.record(GENESIS).await?) {
            (Some(given), Some(marked)) => {
                let (stored, offered) = (marked.finalized.block.hash(), given.finalized.block.hash());
                if stored != offered {
                    return Err(LedgerError::Conflict { height: given.height(), stored, offered });
                }
                marked
            }
            (None, Some(marked)) => marked,
            (Some(given), None) => {
                self.put(GENESIS, given.encode().into()).await?;
                given
            }
            (None, None) => return Err(LedgerError::Fault(format!("{}: the mark of genesis is missing", self.place))),
        };
        let root = self.record(ROOT).await?.unwrap_or_else(|| genesis.clone());
        let kept_from = match self.get(KEPT_FROM).await? {
            Some(bytes) => <[u8; 8]>::try_from(bytes).map_err(|_| self.wrong("not a height"))?,
            None => Height::MIN.to_be_bytes(),
        };
        Ok(Beginning { genesis, root, kept_from: Height::from_be_bytes(kept_from) })
    }

    /// Notes the root, and with it that the copy is complete.
    pub(crate) async fn put_root(&self, root: &BlockRecord) -> Result<(), LedgerError> {
        self.change(|store| {
            store.put(U64::new(ROOT), root.encode().into());
            store.remove(&U64::new(COPYING));
        })
        .await
    }

    pub(crate) async fn is_copying(&self) -> Result<bool, LedgerError> {
        Ok(self.get(COPYING).await?.is_some())
    }

    /// Notes that a copy begins, or that there is none after all.
    pub(crate) async fn put_copying(&self, copying: bool) -> Result<(), LedgerError> {
        self.change(|store| {
            if copying {
                store.put(U64::new(COPYING), Vec::new());
            } else {
                store.remove(&U64::new(COPYING));
            }
        })
        .await
    }

    pub(crate) async fn put_kept_from(&self, height: Height) -> Result<(), LedgerError> {
        self.put(KEPT_FROM, height.to_be_bytes().to_vec()).await
    }

    async fn record(&self, key: u64) -> Result<Option<BlockRecord>, LedgerError> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        BlockRecord::decode_root(RawBytes::from(bytes), &format!("{}, mark {key}", self.place)).map(Some)
    }

    async fn get(&self, key: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let store = self.store.lock().await;
        Ok(store.as_ref().ok_or_else(|| self.lost())?.get(&U64::new(key)).cloned())
    }

    async fn put(&self, key: u64, value: Vec<u8>) -> Result<(), LedgerError> {
        self.change(|store| drop(store.put(U64::new(key), value))).await
    }

    /// Changes marks and makes that durable, all of it or nothing.
    async fn change(&self, change: impl FnOnce(&mut Store<E>)) -> Result<(), LedgerError> {
        let mut guard = self.store.lock().await;
        let mut store = guard.take().ok_or_else(|| self.lost())?;
        change(&mut store);
        let written = store.sync().await;
        *guard = Some(written.map_err(|error| self.wrong(&error.to_string()))?);
        Ok(())
    }

    fn wrong(&self, what: &str) -> LedgerError {
        LedgerError::Fault(format!("partition {}: {what}", self.place))
    }

    fn lost(&self) -> LedgerError {
        self.wrong("an earlier write failed or was interrupted; restart the node")
    }
}
