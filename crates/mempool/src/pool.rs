//! The handle to the pool.

use crate::{Candidates, PoolError, PoolLimits, SenderCache, sender::Sender, store::Store};
use alloy_primitives::{Address, B256, Bytes};
use florin_execution::Admission;
use florin_types::{Rules, VerifiedTx};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashSet},
    hash::BuildHasher,
    sync::Arc,
};
use tokio::sync::{broadcast, watch};

/// Where a transaction came from; decides who is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client of this node: gossiped, and again while it stays.
    Local,
    /// A node that follows and relies on this one to pass it on: gossiped once.
    Forwarded,
    /// A peer that tells everyone itself: never gossiped again.
    Peer,
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Hash of the transaction.
    pub hash: B256,
    /// The transaction of the same nonce that it replaced.
    pub replaced: Option<B256>,
    /// Whether it can be included now; otherwise it waits for an earlier nonce.
    pub pending: bool,
}

/// The pool's transactions by sender and nonce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolContent {
    /// Those that can be included now.
    pub pending: BTreeMap<Address, BTreeMap<u64, VerifiedTx>>,
    /// Those that wait for an earlier nonce.
    pub queued: BTreeMap<Address, BTreeMap<u64, VerifiedTx>>,
}

/// Figures for metrics: levels now, counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolMetrics {
    /// Transactions that can be included now.
    pub pending: usize,
    /// Transactions that wait for an earlier nonce.
    pub queued: usize,
    /// Encoded bytes of both.
    pub bytes: usize,
    /// Senders with transactions here.
    pub senders: usize,
    /// Taken into the pool.
    pub accepted_total: u64,
    /// Replaced by another transaction of their nonce.
    pub replaced_total: u64,
    /// Left because their nonce was finalised.
    pub settled_total: u64,
    /// Left because they waited too long.
    pub expired_total: u64,
    /// Queued ones that left under pressure.
    pub evicted_total: u64,
    /// Refused, by [`PoolError::code`].
    pub rejected_total: BTreeMap<&'static str, u64>,
}

/// The mempool. A cheap handle: clones share one pool.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    store: Mutex<Store>,
    cache: SenderCache,
    hashes: broadcast::Sender<B256>,
    pending: watch::Sender<usize>,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self(Arc::new(Shared {
            store: Mutex::new(Store::new(limits)),
            cache: SenderCache::new(limits.sender_cache_bytes_max),
            hashes: broadcast::Sender::new(limits.subscription_backlog_max.max(1)),
            pending: watch::Sender::new(0),
        }))
    }

    /// Verified transactions by hash, in the pool or lately seen: ask it before any signature work.
    pub fn cache(&self) -> &SenderCache {
        &self.0.cache
    }

    /// What it was opened with.
    pub fn limits(&self) -> PoolLimits {
        self.0.store.lock().limits
    }

    /// Whether the transaction is in the pool.
    pub fn knows(&self, hash: &B256) -> bool {
        self.0.store.lock().contains(hash)
    }

    /// The transaction, if it is in the pool.
    pub fn get(&self, hash: &B256) -> Option<VerifiedTx> {
        self.0.store.lock().get(hash).cloned()
    }

    /// Takes an admitted transaction in, or says why not.
    pub fn submit(
        &self,
        tx: VerifiedTx,
        admission: &Admission,
        origin: Origin,
        now_ms: u64,
    ) -> Result<Submitted, PoolError> {
        let submitted = self.step(|store| store.submit(tx.clone(), admission, origin, now_ms))?;
        self.0.cache.insert(tx);
        Ok(submitted)
    }

    /// Drops transactions that the builder found to be invalid ([`Candidates::invalid`]).
    pub fn discard(&self, hashes: &[B256]) -> usize {
        self.step(|store| hashes.iter().filter(|hash| store.remove(**hash).is_some()).count())
    }

    /// Takes turns away from senders whose next transaction the builder could not include for a reason of theirs
    /// ([`Candidates::blocked`]: funds, quota): until their account or their transactions change, or some time has
    /// passed. Without it one of them would make a leader build empty blocks without a pause.
    pub fn defer(&self, senders: &[Address], now_ms: u64) {
        self.step(|store| senders.iter().for_each(|sender| store.defer(*sender, now_ms)));
    }

    /// Finality of a block: the nonces of all accounts that it changed. Transactions below them leave, those that
    /// follow are promoted. Call it in the order of heights; a repetition does no harm.
    pub fn finalized(&self, nonces: impl IntoIterator<Item = (Address, u64)>) {
        self.step(|store| nonces.into_iter().for_each(|(address, nonce)| store.finalized(address, nonce)));
    }

    /// Drops what has waited longer than the lifetime and ends deferrals; returns how many were dropped. Call it about
    /// once a second.
    pub fn expire(&self, now_ms: u64) -> usize {
        self.step(|store| store.expire(now_ms))
    }

    /// What the leader may put into a block, in order, except `in_flight`: transactions in ancestors that are not final.
    pub fn candidates<S: BuildHasher>(&self, rules: &Rules, in_flight: &HashSet<B256, S>) -> Candidates {
        Candidates::snapshot(self.0.store.lock().ready(), rules, |hash| in_flight.contains(hash))
    }

    /// Whether [`Self::candidates`] would yield anything.
    pub fn has_candidates<S: BuildHasher>(&self, in_flight: &HashSet<B256, S>) -> bool {
        let store = self.0.store.lock();
        store.ready().any(|(_, sender)| sender.pending().any(|(_, entry)| !in_flight.contains(&entry.tx.hash())))
    }

    /// The nonce that `address`, whose account is at `account_nonce`, would use next after all its pending ones.
    pub fn pending_nonce(&self, address: Address, account_nonce: u64) -> u64 {
        self.0.store.lock().senders.get(&address).map_or(account_nonce, Sender::pending_end).max(account_nonce)
    }

    /// Encoded transactions to tell other nodes of: at most `bytes_max` bytes (but never less than one transaction may
    /// have). Call again until it is empty.
    pub fn take_gossip(&self, bytes_max: usize, now_ms: u64) -> Vec<Bytes> {
        self.0.store.lock().take_gossip(bytes_max, now_ms)
    }

    /// Hashes of transactions as they become pending. A reader that falls behind loses the oldest and is told how many
    /// (`RecvError::Lagged`).
    pub fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.0.hashes.subscribe()
    }

    /// The number of pending transactions, as it changes: what a sleeping leader waits for.
    pub fn watch_pending(&self) -> watch::Receiver<usize> {
        self.0.pending.subscribe()
    }

    /// How many are pending and how many are queued.
    pub fn status(&self) -> (usize, usize) {
        let store = self.0.store.lock();
        (store.pending_len(), store.queued_len())
    }

    /// Everything in the pool.
    pub fn content(&self) -> PoolContent {
        let store = self.0.store.lock();
        let mut content = PoolContent::default();
        for (address, sender) in &store.senders {
            content.add(*address, sender);
        }
        content
    }

    /// What one sender has in the pool.
    pub fn content_from(&self, address: Address) -> PoolContent {
        let store = self.0.store.lock();
        let mut content = PoolContent::default();
        if let Some(sender) = store.senders.get(&address) {
            content.add(address, sender);
        }
        content
    }

    /// Figures for metrics.
    pub fn metrics(&self) -> PoolMetrics {
        let store = self.0.store.lock();
        let counters = store.counters;
        PoolMetrics {
            pending: store.pending_len(),
            queued: store.queued_len(),
            bytes: store.bytes(),
            senders: store.senders.len(),
            accepted_total: counters.accepted,
            replaced_total: counters.replaced,
            settled_total: counters.settled,
            expired_total: counters.expired,
            evicted_total: counters.evicted,
            rejected_total: PoolError::CODES.into_iter().zip(counters.rejected).collect(),
        }
    }

    /// One step under the lock; afterwards tells those who wait. Announced under the lock, so that the order is kept.
    fn step<R>(&self, step: impl FnOnce(&mut Store) -> R) -> R {
        let mut store = self.0.store.lock();
        let outcome = step(&mut store);
        for hash in store.take_announcements() {
            // No subscriber is no error.
            let _ = self.0.hashes.send(hash);
        }
        let pending = store.pending_len();
        let released = store.take_released();
        self.0.pending.send_if_modified(|level| std::mem::replace(level, pending) != pending || released);
        outcome
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pending, queued) = self.status();
        f.debug_struct("Pool").field("pending", &pending).field("queued", &queued).finish()
    }
}

impl PoolContent {
    fn add(&mut self, address: Address, sender: &Sender) {
        let pending: BTreeMap<_, _> = sender.pending().map(|(nonce, entry)| (nonce, entry.tx.clone())).collect();
        let queued: BTreeMap<_, _> = sender.queued().map(|(nonce, entry)| (nonce, entry.tx.clone())).collect();
        if !pending.is_empty() {
            self.pending.insert(address, pending);
        }
        if !queued.is_empty() {
            self.queued.insert(address, queued);
        }
    }
}
