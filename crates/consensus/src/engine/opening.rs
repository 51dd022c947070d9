//! What a node opens and works out from its configuration before any part of it runs.

use super::{ITEMS_PER_SECTION, REPLAY_BUFFER, StartError, WRITE_BUFFER};
use crate::{
    application::Core,
    archives::Archive,
    block::{EngineBlock, Epochal},
    config::{NodeConfig, Timing},
    epochs::{self, dealings::Dealings, schemes::Abstains},
    keys::Committee,
    metrics::Metrics,
    pending::Pending,
    runtime::Runtime,
};
use commonware_consensus::Epochable as _;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{archive::prunable, translator::EightCap};
use florin_execution::genesis_block;
use florin_state::{Databases, Ledger, LedgerWriter, genesis_commitment, store_height};
use florin_types::{Block, BlockError, Changeset, Genesis, StateFault};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    num::{NonZeroU64, NonZeroUsize},
    sync::{Arc, OnceLock},
};

/// Block 0.
pub(super) fn genesis(
    genesis: &Genesis,
    changes: &Changeset,
    committee: &Committee,
) -> Result<EngineBlock, StartError> {
    let (root, target) = genesis_commitment(changes)?;
    let first = epochs::first(genesis, committee)?;
    let block = EngineBlock::genesis(Arc::new(genesis_block(genesis, root, target)?), first);
    Ok(block.ok_or(BlockError::Malformed { reason: "the genesis block has no state target".into() })?)
}

/// What all parts of the application share.
pub(super) fn core<E: Runtime>(
    context: &E,
    config: &NodeConfig,
    genesis: Arc<Block>,
    ledger: &Ledger,
    writer: LedgerWriter<E>,
) -> Core<E> {
    let namespace = || epochs::namespace(config.genesis.chain_id, genesis.hash());
    let dealings = config.genesis.epoch_blocks.map(|epoch_blocks| Dealings::new(namespace(), epoch_blocks));
    let pending = Pending::new(florin_mempool::Pool::new(config.pool));
    pending.set_finalized(ledger.head().block.height());
    Core {
        chain_id: config.genesis.chain_id,
        rules: Arc::new(config.genesis.rules.clone()),
        genesis,
        pending,
        writer,
        metrics: Arc::new(Metrics::register(&context.child("node"))),
        timing: Timing::of(&config.genesis.rules),
        threads: threads(),
        marshal: OnceLock::new(),
        outcomes: Mutex::new(BTreeMap::new()),
        dealings,
    }
}

/// In which epochs this node signs nothing. With one epoch for ever it is agreement that is given the floor. Where the state was
/// copied, what an earlier life of the directory signed in that epoch is not known.
pub(super) fn abstains(config: &NodeConfig, joined: Option<&Epochal>) -> Abstains {
    let abstains = match &config.floor {
        _ if config.abstains => Abstains::Always,
        Some(floor) if config.genesis.epoch_blocks.is_some() => Abstains::UpTo(floor.epoch()),
        _ => Abstains::Never,
    };
    joined.map_or(abstains, |begins| abstains.and_up_to(begins.epoch))
}

/// The block with which the running epoch begins must be there when the node starts again, and for whoever joins.
pub(super) fn check_kept(config: &NodeConfig) -> Result<(), StartError> {
    let kept = config.history.blocks_kept.filter(|_| !config.history.archive);
    let (Some(blocks_kept), Some(epoch_blocks)) = (kept, config.genesis.epoch_blocks.map(NonZeroU64::get)) else {
        return Ok(());
    };
    let needed = epoch_blocks.saturating_mul(2);
    if blocks_kept < needed { Err(StartError::Kept { epoch_blocks, blocks_kept, needed }) } else { Ok(()) }
}

/// Height of the block after which the state stands.
pub(super) async fn stands_at<E: Runtime>(databases: &Databases<E>) -> Result<u64, StateFault> {
    let height = store_height(&*databases.read().await).await?;
    height.ok_or_else(|| StateFault("the copied state says at no block that it stands".into()))
}

/// Threads for work that can be divided: one for each processor.
pub(super) fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

pub(super) fn partition(config: &NodeConfig, name: &str) -> String {
    format!("{}-{name}", config.partition_prefix)
}

pub(super) async fn archive<E, V>(
    context: E,
    config: &NodeConfig,
    name: &str,
    page_cache: &CacheRef,
) -> Result<Archive<E, V>, StartError>
where
    E: Runtime,
    V: commonware_codec::CodecShared<Cfg = ()>,
{
    let partition = partition(config, name);
    let config = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{partition}-metadata"),
        key_partition: format!("{partition}-key"),
        key_page_cache: page_cache.clone(),
        value_partition: format!("{partition}-value"),
        compression: None,
        codec_config: (),
        items_per_section: ITEMS_PER_SECTION,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    };
    prunable::Archive::init(context, config)
        .await
        .map_err(|error| StartError::Archive { partition, reason: error.to_string() })
}
