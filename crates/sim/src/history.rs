//! The searchable history, held against the chain: fed as a node feeds it, but interrupted again and again, told things
//! twice, and searched for everything that happened.
//!
//! It runs beside the simulated time, on files of its own: what SQLite does in which order decides nothing of a run.

use crate::Violation;
use alloy_primitives::{B256, Log};
use florin_index::{Index, IndexError, IndexedBlock, IndexedLog, LogLimits, LogQuery, Position};
use florin_state::FinalizedBlock;
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use std::{path::Path, sync::Arc, time::Duration};

/// Most blocks that are indexed at once.
const BATCH_BLOCKS_MAX: usize = 256;
/// Transactions that are looked up, spread over the chain.
const LOOKUPS_MAX: usize = 500;
/// Nothing is left out, and a busy machine has its time.
const NO_LIMITS: LogLimits =
    LogLimits { logs_max: usize::MAX, bytes_max: usize::MAX, time_max: Duration::from_secs(300) };

/// Whether an index that was fed with the chain finds what is in it, and nothing else.
pub(crate) fn history_agrees(seed: u64, chain: &[Arc<FinalizedBlock>]) -> Result<(), Violation> {
    let unreadable = |error: std::io::Error| Violation::Unreadable(format!("no place for the history: {error}"));
    let directory = tempfile::tempdir().map_err(unreadable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unreadable)?;
    runtime.block_on(async {
        let index = feed(seed, chain, &directory.path().join("index.sqlite")).await?;
        logs_agree(&index, chain).await?;
        transactions_agree(&index, chain).await
    })
}

fn failed(error: IndexError) -> Violation {
    Violation::History(error.to_string())
}

/// At least once: pieces overlap, and the file is closed and opened again between some of them.
async fn feed(seed: u64, chain: &[Arc<FinalizedBlock>], file: &Path) -> Result<Index, Violation> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let genesis_hash = chain.first().map(|block| block.block.hash()).unwrap_or_default();
    let mut index = Index::open(file, genesis_hash).await.map_err(failed)?;
    let mut next = 0;
    while next < chain.len() {
        let from = next.saturating_sub(dice.random_range(0..=3));
        let to = next.saturating_add(dice.random_range(1..=BATCH_BLOCKS_MAX)).min(chain.len());
        let blocks = chain
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|block| IndexedBlock { block: block.block.clone(), receipts: block.receipts.clone() });
        index.append(&blocks.collect::<Vec<_>>()).await.map_err(failed)?;
        next = to;
        if dice.random_bool(0.2) {
            drop(index);
            index = Index::open(file, genesis_hash).await.map_err(failed)?;
        }
    }
    let (indexed, last) = (index.height(), chain.last().map(|block| block.block.height()));
    if indexed != last {
        return Err(Violation::History(format!("fed up to {last:?}, it stands at {indexed:?}")));
    }
    Ok(index)
}

/// Every log of every receipt is found in its place.
async fn logs_agree(index: &Index, chain: &[Arc<FinalizedBlock>]) -> Result<(), Violation> {
    let to = chain.last().map(|block| block.block.height()).unwrap_or_default();
    let found = index.logs(&LogQuery { to, ..LogQuery::default() }, &NO_LIMITS).await.map_err(failed)?;
    let mut found = found.iter();
    for expected in chain.iter().flat_map(|block| logs_of(block)) {
        let same = |log: &IndexedLog| (log.height, log.transaction_hash, &log.log) == expected;
        if !found.next().is_some_and(same) {
            let (height, transaction, _) = expected;
            return Err(Violation::History(format!(
                "a log of transaction {transaction} in block {height} is not in its place"
            )));
        }
    }
    found.next().map_or(Ok(()), |log| {
        Err(Violation::History(format!("block {} has a log in the index that it does not have", log.height)))
    })
}

fn logs_of(block: &FinalizedBlock) -> impl Iterator<Item = (u64, B256, &Log)> {
    let height = block.block.height();
    let receipts = block.block.transactions().iter().zip(block.receipts.iter());
    receipts.flat_map(move |(tx, receipt)| receipt.logs().iter().map(move |log| (height, *tx.tx_hash(), log)))
}

/// Transactions from everywhere in the chain are found by their hashes.
async fn transactions_agree(index: &Index, chain: &[Arc<FinalizedBlock>]) -> Result<(), Violation> {
    let places = chain.iter().flat_map(|block| {
        let hashes = block.block.transactions().iter().map(|tx| *tx.tx_hash());
        let height = block.block.height();
        hashes.enumerate().map(move |(index, hash)| (hash, Position { height, index }))
    });
    let places: Vec<(B256, Position)> = places.collect();
    for (hash, place) in places.iter().step_by((places.len() / LOOKUPS_MAX).max(1)) {
        let found = index.transaction(*hash).await.map_err(failed)?;
        if !found.contains(place) {
            return Err(Violation::History(format!(
                "transaction {hash} stands at {place:?}, the index says {found:?}"
            )));
        }
    }
    Ok(())
}
