//! `florin history rebuild`: the history of a stopped node, made again from its blocks.

use super::{failure, location, told, weight};
use crate::{
    failure::Failure,
    inspect::{self, Opened},
    node::directory::Directory,
    output::{self, Output},
    progress::Progress,
};
use florin_history::{History, HistoryBlock, Location, genesis_names};
use florin_types::Height;
use serde::Serialize;
use std::{path::Path, time::Instant};

/// What one append holds at most: large ones are cheaper, and these are some 50 MB.
const BATCH_BLOCKS_MAX: usize = 5_000;
const BATCH_WEIGHT_MAX: usize = 20_000;

/// What was made.
#[derive(Debug, Serialize)]
pub(super) struct Rebuilt {
    /// Where it is.
    history: String,
    /// First and last block that it tells.
    first_height: Height,
    height: Height,
    transactions: u64,
    seconds: f64,
}

impl Rebuilt {
    pub(super) fn text(&self) -> String {
        output::fields(&[
            ("history", self.history.clone()),
            ("blocks", format!("{} to {}", self.first_height, self.height)),
            ("transactions", self.transactions.to_string()),
            ("seconds", format!("{:.1}", self.seconds)),
        ])
    }
}

/// Removes the history and makes it again.
pub(super) fn rebuild(dir: &Path, output: Output) -> Result<Rebuilt, Failure> {
    let place = location(&Directory::open(dir)?)?.ok_or_else(|| {
        Failure::usage(
            "history.off",
            "this node has no history: history.store is off",
            "set history.store in config.toml to sqlite or postgres",
        )
    })?;
    inspect::look(dir, |opened| async move { tell_all(&opened, &place, output).await })
}

async fn tell_all(opened: &Opened, place: &Location, output: Output) -> Result<Rebuilt, Failure> {
    let (begun, progress) = (Instant::now(), Progress::new(output));
    let (first_height, height) = (opened.ledger.oldest_block(), opened.ledger.head().block.height());
    History::remove(place).await.map_err(failure)?;
    let history = History::open(place, opened.genesis_hash, &genesis_names(&opened.genesis)).await.map_err(failure)?;
    let (mut next, mut transactions) = (first_height, 0u64);
    while next <= height {
        let batch = batch(opened, next, height).await?;
        next = next.saturating_add(batch.len() as u64);
        let count = batch.iter().map(|block| block.block().transactions().len() as u64).sum();
        history.append(&batch).await.map_err(failure)?;
        transactions = transactions.saturating_add(count);
        progress.show("blocks", next.saturating_sub(1), height);
    }
    history.analyse().await.map_err(failure)?;
    history.close().await;
    Ok(Rebuilt {
        history: place.to_string(),
        first_height,
        height,
        transactions,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Some blocks from a height on, at least one.
async fn batch(opened: &Opened, from: Height, until: Height) -> Result<Vec<HistoryBlock>, Failure> {
    let (mut batch, mut weighs) = (Vec::new(), 0usize);
    for height in from..=until {
        let block = opened.block(height).await?;
        weighs = weighs.saturating_add(weight(&block));
        batch.push(told(&block).map_err(failure)?);
        if batch.len() >= BATCH_BLOCKS_MAX || weighs >= BATCH_WEIGHT_MAX {
            break;
        }
    }
    Ok(batch)
}
