//! Signatures are checked once: verified transactions, remembered by hash.

use alloy_primitives::B256;
use florin_types::{TxEnvelope, TxError, VerifiedTx};
use lru::LruCache;
use parking_lot::Mutex;
use std::{num::NonZeroUsize, sync::Arc};

/// What a verified transaction takes in memory beside its bytes (twice: encoded and decoded), about.
const ENTRY_BYTES: usize = 512;
/// Recoveries (about 50 us each) that are worth a thread of their own.
const RECOVERIES_PER_THREAD_MIN: usize = 32;

/// Verified transactions by hash, least recently used forgotten first, bounded in bytes. Clones share one cache.
///
/// The hash covers the signature, so that an equal hash means an equal sender.
#[derive(Clone)]
pub struct SenderCache(Arc<Mutex<Inner>>);

struct Inner {
    known: LruCache<B256, VerifiedTx>,
    bytes: usize,
    bytes_max: usize,
}

fn weight(tx: &VerifiedTx) -> usize {
    tx.encoded().len().saturating_mul(2).saturating_add(ENTRY_BYTES)
}

impl SenderCache {
    /// A cache of at most `bytes_max` bytes (an estimate from the transactions' sizes).
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner { known: LruCache::unbounded(), bytes: 0, bytes_max })))
    }

    /// The transaction with this hash, if it was verified lately.
    pub fn get(&self, hash: &B256) -> Option<VerifiedTx> {
        self.0.lock().known.get(hash).cloned()
    }

    /// Remembers a verified transaction.
    pub fn insert(&self, tx: VerifiedTx) {
        self.0.lock().insert(tx);
    }

    /// Bytes that the cache holds now.
    pub fn bytes(&self) -> usize {
        self.0.lock().bytes
    }

    /// Verifies one transaction, or remembers that it was.
    pub fn verify(&self, tx: TxEnvelope, chain_id: u64) -> Result<VerifiedTx, TxError> {
        if let Some(known) = self.get(tx.tx_hash()) {
            return Ok(known);
        }
        let verified = VerifiedTx::verify(tx, chain_id)?;
        self.insert(verified.clone());
        Ok(verified)
    }

    /// Verifies all transactions of a block and remembers them: those not seen yet are recovered on up to `threads`
    /// threads. The first that fails is named by its position.
    pub fn verify_block(
        &self,
        txs: &[TxEnvelope],
        chain_id: u64,
        threads: NonZeroUsize,
    ) -> Result<Vec<VerifiedTx>, (usize, TxError)> {
        let verified = self.verify_unasked(txs, chain_id, threads)?;
        let mut inner = self.0.lock();
        verified.iter().for_each(|tx| inner.insert(tx.clone()));
        Ok(verified)
    }

    /// The same for transactions that somebody sends unasked: nothing new is remembered, so that they cannot push out
    /// what is. The pool remembers those that it keeps.
    pub fn verify_unasked(
        &self,
        txs: &[TxEnvelope],
        chain_id: u64,
        threads: NonZeroUsize,
    ) -> Result<Vec<VerifiedTx>, (usize, TxError)> {
        let mut verified: Vec<Option<VerifiedTx>> = {
            let mut inner = self.0.lock();
            txs.iter().map(|tx| inner.known.get(tx.tx_hash()).cloned()).collect()
        };
        let unseen: Vec<usize> =
            verified.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(index, _)| index).collect();
        let recovered = recover(txs, &unseen, chain_id, threads)?;
        for (index, tx) in unseen.into_iter().zip(recovered) {
            if let Some(place) = verified.get_mut(index) {
                *place = Some(tx);
            }
        }
        Ok(verified.into_iter().flatten().collect())
    }
}

/// Recovers the transactions at the positions `unseen`, in their order.
fn recover(
    txs: &[TxEnvelope],
    unseen: &[usize],
    chain_id: u64,
    threads: NonZeroUsize,
) -> Result<Vec<VerifiedTx>, (usize, TxError)> {
    let one = |index: &usize| {
        // The positions come from enumerating `txs`.
        let tx = txs.get(*index).ok_or((*index, TxError::Signature))?;
        VerifiedTx::verify(tx.clone(), chain_id).map_err(|error| (*index, error))
    };
    let share = unseen.len().div_ceil(threads.get()).max(RECOVERIES_PER_THREAD_MIN);
    if unseen.len() <= share {
        return unseen.iter().map(one).collect();
    }
    let parts: Vec<Result<Vec<VerifiedTx>, (usize, TxError)>> = std::thread::scope(|scope| {
        let handles: Vec<_> =
            unseen.chunks(share).map(|part| (part, scope.spawn(move || part.iter().map(one).collect()))).collect();
        // Should a thread fail, its part is done here.
        handles
            .into_iter()
            .map(|(part, thread)| thread.join().unwrap_or_else(|_| part.iter().map(one).collect()))
            .collect()
    });
    parts.into_iter().try_fold(Vec::with_capacity(unseen.len()), |mut all, part| {
        all.extend(part?);
        Ok(all)
    })
}

impl Inner {
    fn insert(&mut self, tx: VerifiedTx) {
        self.bytes = self.bytes.saturating_add(weight(&tx));
        if let Some((_, old)) = self.known.push(tx.hash(), tx) {
            self.bytes = self.bytes.saturating_sub(weight(&old));
        }
        while self.bytes > self.bytes_max {
            let Some((_, old)) = self.known.pop_lru() else { return };
            self.bytes = self.bytes.saturating_sub(weight(&old));
        }
    }
}

impl std::fmt::Debug for SenderCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.0.lock();
        f.debug_struct("SenderCache").field("transactions", &inner.known.len()).field("bytes", &inner.bytes).finish()
    }
}
