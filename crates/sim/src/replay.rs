//! The chain executed once more, from genesis on and away from everything else: the way of `florin restore`.
//!
//! It runs beside the simulated time, on a disk of its own, as [`crate::history`] does.

use crate::{Violation, check::block_at};
use alloy_primitives::{B256, Bytes};
use florin_consensus::{Node, NodeConfig, NodeSecret, RebuildError, RuntimeConfig, rebuild, run};
use florin_types::Genesis;
use std::{path::Path, sync::Arc};

/// A block and its own certificate, if it has one.
type Kept = (Bytes, Option<Bytes>);

/// Whether execution of all blocks of this node gives the state that it has. It must keep them all.
pub(crate) async fn replay_agrees(genesis: &Arc<Genesis>, node: &Node) -> Result<(), Violation> {
    let blocks = certified_blocks(node).await?;
    let expected = block_at(node, blocks.len() as u64).await?;
    let expected = (expected.block.height(), expected.block.hash(), expected.block.header().state_root);
    let directory = tempfile::tempdir();
    let directory = directory.map_err(|error| Violation::Unreadable(format!("no place for a replay: {error}")))?;
    let found = replay(genesis.clone(), directory.path(), blocks);
    match found.map_err(|error| Violation::Replay(error.to_string()))? {
        found if found == expected => Ok(()),
        found => Err(Violation::Replay(format!("it ends with {found:?} instead of {expected:?}"))),
    }
}

/// Blocks above genesis, up to the last one that has a certificate: that of the newest may not have arrived here.
async fn certified_blocks(node: &Node) -> Result<Vec<Kept>, Violation> {
    let ledger = node.ledger();
    let mut blocks: Vec<Kept> = Vec::new();
    for height in 1..=ledger.head().block.height() {
        let stored = ledger.stored_block(height).await.map_err(|error| Violation::Unreadable(error.to_string()))?;
        let stored =
            stored.ok_or_else(|| Violation::Unreadable(format!("block {height} is missing below the head")))?;
        blocks.push((Bytes(stored.block), stored.certificate));
    }
    while blocks.pop_if(|(_, certificate)| certificate.is_none()).is_some() {}
    Ok(blocks)
}

/// Height, hash and state root after the last of these blocks.
fn replay(genesis: Arc<Genesis>, directory: &Path, blocks: Vec<Kept>) -> Result<(u64, B256, B256), RebuildError> {
    let config = RuntimeConfig { storage_directory: directory.into(), worker_threads: 1 };
    run(config, |context| async move {
        let node = NodeConfig::new(genesis, NodeSecret::generate(), None);
        let mut rebuild = rebuild(context, node, None).await?;
        for (block, certificate) in blocks {
            rebuild.add(block, certificate.as_ref()).await?;
        }
        let found = rebuild.settle().await?;
        rebuild.close().await;
        Ok(found)
    })
}
