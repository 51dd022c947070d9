//! The work that waits for a leader: transactions that are in the pool but in no undecided ancestor of its block.

use crate::{block::EngineBlock, runtime::Runtime, signal::Signal};
use alloy_primitives::B256;
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_runtime::Handle;
use florin_mempool::Pool;
use florin_types::Height;
use futures::StreamExt as _;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Most undecided ancestors that are looked at. More are only there while finality is stuck, when a block with a
/// transaction too many does no harm: the builder skips what an ancestor already holds.
const ANCESTORS_MAX: usize = 64;

/// The pool, seen from above the finalised height.
#[derive(Clone)]
pub(crate) struct Pending {
    pool: Pool,
    finalized: Arc<AtomicU64>,
    changed: Signal,
}

impl Pending {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, finalized: Arc::default(), changed: Signal::default() }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The pool has been told of finality up to here.
    pub(crate) fn set_finalized(&self, height: Height) {
        self.finalized.fetch_max(height, Ordering::AcqRel);
    }

    pub(crate) fn finalized(&self) -> Height {
        self.finalized.load(Ordering::Acquire)
    }

    /// Transactions in the blocks of `ancestors` that are not final yet.
    pub(crate) async fn included_above_finalized(&self, mut ancestors: impl Ancestry<EngineBlock>) -> HashSet<B256> {
        let mut included = HashSet::new();
        let finalized = self.finalized();
        for _ in 0..ANCESTORS_MAX {
            // Look before fetching: the parent of the last undecided block is final and needs no fetch.
            let Some(block) = ancestors.next().await else { break };
            let block = block.inner().inner();
            if block.height() <= finalized {
                break;
            }
            included.extend(block.transactions().iter().map(|tx| *tx.tx_hash()));
            if block.height() <= finalized.saturating_add(1) {
                break;
            }
        }
        included
    }

    /// Whether a block on top of those would hold anything.
    pub(crate) fn has_work(&self, included: &HashSet<B256>) -> bool {
        self.pool.has_candidates(included)
    }

    /// Resolves when the number of pending transactions changes after this call.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.changed.raised()
    }

    /// Starts listening to the pool, for all who wait for [`Self::changed`].
    pub(crate) fn start_listening<E: Runtime>(&self, context: E) -> Handle<()> {
        let (mut pending, changed) = (self.pool.watch_pending(), self.changed.clone());
        context.spawn(move |_| async move {
            while pending.changed().await.is_ok() {
                changed.raise();
            }
        })
    }
}
