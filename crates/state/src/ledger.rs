//! Signatures of the ledger.
#![allow(missing_docs, unused_variables, clippy::unimplemented, dead_code)]
use crate::{Databases, LedgerError, Runtime, StateReader};
use commonware_runtime::buffer::paged::CacheRef;
use florin_proof::{FinalityProof, Namespace, NetworkKey, StateItem, StateProof};
use florin_types::{Address, B256, Block, Bytes, Changeset, Height, ReceiptEnvelope, StateFault};
use std::{marker::PhantomData, sync::Arc};

/// Where and how much the ledger keeps.
#[derive(Clone)]
pub struct LedgerConfig {
    /// Beginning of the names of its partitions.
    pub partition_prefix: String,
    /// Heights below the head whose state stays readable.
    pub window_blocks: u64,
    /// Whether everything stays readable, for ever.
    pub archive: bool,
    /// Pages of files in memory.
    pub page_cache: CacheRef,
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
    /// Whether this node executed the block. `false` only for the block at which it began by state synchronisation:
    /// its receipts are not known here.
    pub executed: bool,
}

/// A proof, and the finalised block whose state root it is against.
#[derive(Clone, Debug)]
pub struct ProvenState {
    pub block: Arc<FinalizedBlock>,
    pub proof: StateProof,
}

/// The ledger, for readers. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<()>);

/// The ledger, for the engine's application. Cheap to clone; calls come in the order of finality.
pub struct LedgerWriter<E: Runtime>(PhantomData<fn() -> E>);

impl<E: Runtime> Clone for LedgerWriter<E> {
    fn clone(&self) -> Self {
        unimplemented!()
    }
}

/// Values before a block, read before the block was applied.
#[derive(Clone, Debug)]
pub struct Undo(Height);

/// Finalised blocks in order, none left out.
pub struct Subscription(());

impl Subscription {
    /// The next finalised block. `None` when the ledger is gone.
    pub async fn next(&mut self) -> Result<Option<Arc<FinalizedBlock>>, LedgerError> {
        unimplemented!()
    }
}

/// Result of [`Ledger::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub blocks: u64,
    pub certificates: u64,
    pub undo_records: u64,
    pub state_operations: u64,
    pub state_values: u64,
}

impl Ledger {
    /// Opens the ledger; on a fresh directory it begins with `genesis`.
    pub async fn open<E: Runtime>(context: E, config: LedgerConfig, genesis: Arc<Block>) -> Result<(Self, LedgerWriter<E>), LedgerError> {
        unimplemented!()
    }

    /// Opens ledger and state of a node that is not running, to look at them.
    pub async fn open_offline<E: Runtime>(context: E, config: LedgerConfig) -> Result<Self, LedgerError> {
        unimplemented!()
    }

    /// Latest finalised block.
    pub fn head(&self) -> Arc<FinalizedBlock> {
        unimplemented!()
    }

    /// Finalised blocks after the current head.
    pub fn subscribe(&self) -> Subscription {
        unimplemented!()
    }

    /// Finalised blocks from `height` on, recorded ones first.
    pub fn subscribe_from(&self, height: Height) -> Subscription {
        unimplemented!()
    }

    /// Oldest height whose block is on record, and oldest height whose state is readable.
    pub fn oldest_block(&self) -> Height {
        unimplemented!()
    }
    pub fn oldest_state(&self) -> Height {
        unimplemented!()
    }

    pub async fn block(&self, height: Height) -> Result<Option<Arc<FinalizedBlock>>, LedgerError> {
        unimplemented!()
    }

    pub async fn height_of(&self, hash: B256) -> Result<Option<Height>, LedgerError> {
        unimplemented!()
    }

    pub async fn state(&self, height: Height) -> Result<Arc<dyn StateReader>, LedgerError> {
        unimplemented!()
    }

    pub async fn prove(&self, items: &[StateItem]) -> Result<ProvenState, LedgerError> {
        unimplemented!()
    }

    pub async fn certificate(&self, height: Height) -> Result<Option<FinalityProof>, LedgerError> {
        unimplemented!()
    }

    pub async fn verify(&self, network: Option<(NetworkKey, Namespace)>, progress: &(dyn Fn(&'static str, u64, u64) + Send + Sync)) -> Result<Verification, LedgerError> {
        unimplemented!()
    }
}

impl<E: Runtime> LedgerWriter<E> {
    /// Gives the ledger the store to read from, once the engine has opened it.
    pub async fn attach(&self, databases: Databases<E>) -> Result<(), LedgerError> {
        unimplemented!()
    }

    /// Begins the ledger of a node that synchronised its state to `block`.
    pub async fn start_at(&self, block: Arc<Block>, senders: Arc<Vec<Address>>) -> Result<(), LedgerError> {
        unimplemented!()
    }

    /// Reads what `changes` will overwrite. Call it before the block's batch is applied (`Application::capture`).
    pub async fn capture<S: StateReader>(&self, block: &Block, changes: &Changeset, reader: S) -> Result<Undo, LedgerError> {
        unimplemented!()
    }

    /// Makes the record of a finalised block durable, then tells subscribers (`Application::finalized`).
    /// The same block again is accepted; another one at its height is a fault.
    /// `certificate` is the encoded finalization of this very block, if there is one.
    pub async fn finalized(
        &self,
        block: FinalizedBlock,
        undo: Undo,
        certificate: Option<Bytes>,
    ) -> Result<(), LedgerError> {
        unimplemented!()
    }
}
