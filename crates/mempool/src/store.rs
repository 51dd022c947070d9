//! The pool's state and every step it can take. [`crate::Pool`] puts a lock around it.

use crate::{
    Origin, PoolError, PoolLimits, Submitted,
    price::{Bid, is_cancellation},
    sender::{Entry, Moved, Sender},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, map::B256Map};
use florin_execution::{Admission, Lane};
use florin_types::{TX_BYTES_MAX, VerifiedTx};
use lru::LruCache;
use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
};

/// Senders without transactions here whose latest finalised nonce is remembered, against admissions that were decided
/// on a state one block older.
const RECENT_NONCES_MAX: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: u64,
    pub(crate) replaced: u64,
    pub(crate) settled: u64,
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
    pub(crate) rejected: [u64; PoolError::CODES.len()],
}

/// Where a transaction is.
type Place = (Address, u64);

pub(crate) struct Store {
    pub(crate) limits: PoolLimits,
    pub(crate) senders: BTreeMap<Address, Sender>,
    places: B256Map<Place>,
    /// Queued transactions by arrival: the oldest is evicted first.
    queued: BTreeMap<u64, Place>,
    /// All transactions by time and order of arrival.
    by_age: BTreeMap<(u64, u64), Place>,
    bytes: usize,
    queued_bytes: usize,
    sequence: u64,
    /// Not yet gossiped.
    gossip: VecDeque<B256>,
    /// Gossiped, local, with the time from which they are gossiped again.
    gossip_again: VecDeque<(u64, B256)>,
    /// Senders that have no turns until a time, because the builder found them to be blocked.
    deferred: BTreeMap<Address, u64>,
    recent_nonces: LruCache<Address, u64>,
    pub(crate) counters: Counters,
    /// Hashes that became pending in this step.
    announcements: Vec<B256>,
    /// Whether a deferred sender has turns again since the last call of [`Self::take_released`].
    released: bool,
}

impl Store {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            senders: BTreeMap::new(),
            places: B256Map::default(),
            queued: BTreeMap::new(),
            by_age: BTreeMap::new(),
            bytes: 0,
            queued_bytes: 0,
            sequence: 0,
            gossip: VecDeque::new(),
            gossip_again: VecDeque::new(),
            deferred: BTreeMap::new(),
            recent_nonces: LruCache::new(RECENT_NONCES_MAX),
            counters: Counters::default(),
            announcements: Vec::new(),
            released: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn queued_len(&self) -> usize {
        self.queued.len()
    }

    pub(crate) fn pending_len(&self) -> usize {
        self.len().saturating_sub(self.queued_len())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn contains(&self, hash: &B256) -> bool {
        self.places.contains_key(hash)
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&VerifiedTx> {
        let (sender, nonce) = self.places.get(hash)?;
        self.senders.get(sender)?.get(*nonce).map(|entry| &entry.tx)
    }

    /// Hashes that became pending since the last call.
    pub(crate) fn take_announcements(&mut self) -> Vec<B256> {
        std::mem::take(&mut self.announcements)
    }

    /// Whether a sender got its turns back since the last call.
    pub(crate) fn take_released(&mut self) -> bool {
        std::mem::take(&mut self.released)
    }

    /// Senders that may have turns now, in the order of their addresses.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (&Address, &Sender)> {
        self.senders.iter().filter(|(address, _)| !self.deferred.contains_key(*address))
    }

    /// Takes a sender's turns away until its account changes, its transactions change, or some time has passed.
    pub(crate) fn defer(&mut self, sender: Address, now_ms: u64) {
        if self.senders.contains_key(&sender) {
            self.deferred.insert(sender, now_ms.saturating_add(self.limits.deferral_ms));
        }
    }

    fn release(&mut self, sender: &Address) {
        self.released |= self.deferred.remove(sender).is_some();
    }

    pub(crate) fn submit(
        &mut self,
        tx: VerifiedTx,
        admission: &Admission,
        origin: Origin,
        now_ms: u64,
    ) -> Result<Submitted, PoolError> {
        let outcome = self.admit(tx, admission, origin, now_ms);
        let counter = match &outcome {
            Ok(_) => Some(&mut self.counters.accepted),
            Err(error) => self.counters.rejected.get_mut(error.index()),
        };
        if let Some(counter) = counter {
            *counter = counter.saturating_add(1);
        }
        outcome
    }

    /// The whole of admission, in the order in which the errors have precedence.
    fn admit(
        &mut self,
        tx: VerifiedTx,
        admission: &Admission,
        origin: Origin,
        now_ms: u64,
    ) -> Result<Submitted, PoolError> {
        let (hash, sender, nonce) = (tx.hash(), tx.sender(), tx.tx().nonce());
        if self.contains(&hash) {
            return Err(PoolError::AlreadyKnown { hash });
        }
        let account_nonce = self.refresh_nonce(sender, admission.account_nonce);
        self.check_nonce(sender, nonce, account_nonce)?;
        let replaced = self.check_replacement(&tx)?;
        self.check_room(&tx, account_nonce, replaced.is_some())?;

        if replaced.is_some() {
            self.counters.replaced = self.counters.replaced.saturating_add(1);
        }
        if origin != Origin::Peer {
            self.gossip.push_back(hash);
        }
        self.insert(tx, account_nonce, admission.lane, origin, now_ms);
        self.evict_queued();
        Ok(Submitted { hash, replaced, pending: self.is_pending(&sender, nonce) })
    }

    /// The account's nonce as far as anyone here knows it; a state read may be older than the latest finality.
    fn refresh_nonce(&mut self, sender: Address, read: u64) -> u64 {
        let remembered = self.recent_nonces.get(&sender).copied().unwrap_or_default();
        let account_nonce = remembered.max(read);
        self.advance(sender, account_nonce);
        self.senders.get(&sender).map_or(account_nonce, |held| held.account_nonce().max(account_nonce))
    }

    fn check_nonce(&self, sender: Address, nonce: u64, account_nonce: u64) -> Result<(), PoolError> {
        if nonce == u64::MAX {
            return Err(PoolError::NonceMax);
        }
        if nonce < account_nonce {
            return Err(PoolError::NonceTooLow { sender, nonce, expected: account_nonce });
        }
        let ahead_max = self.limits.sender_transactions_max;
        let ahead = nonce.saturating_sub(account_nonce);
        if usize::try_from(ahead).is_ok_and(|ahead| ahead < ahead_max) {
            return Ok(());
        }
        let next = self.senders.get(&sender).map_or(account_nonce, Sender::pending_end);
        if nonce > next {
            return Err(PoolError::NonceTooHigh { sender, nonce, account: account_nonce, ahead_max });
        }
        let held = self.senders.get(&sender).map_or(0, Sender::len);
        Err(PoolError::SenderFull { sender, held, held_max: ahead_max, unit: "transactions" })
    }

    /// What `tx` would replace, if its bid (or being an explicit cancellation) suffices.
    fn check_replacement(&self, tx: &VerifiedTx) -> Result<Option<B256>, PoolError> {
        let nonce = tx.tx().nonce();
        let Some(old) = self.senders.get(&tx.sender()).and_then(|sender| sender.get(nonce)) else {
            return Ok(None);
        };
        let replaced = old.tx.hash();
        let percent = self.limits.price_bump_percent;
        let old_bid = Bid::of(&old.tx);
        let cancels = is_cancellation(tx) && !is_cancellation(&old.tx);
        if cancels || Bid::of(tx).outbids(old_bid, percent) {
            return Ok(Some(replaced));
        }
        let least = old_bid.bumped(percent);
        Err(PoolError::ReplacementUnderpriced {
            replaced,
            nonce,
            fee_wei_min: least.fee_wei,
            priority_fee_wei_min: least.priority_fee_wei,
        })
    }

    /// Bounds in total and per sender.
    ///
    /// No sender may hold more than what is free for everyone (a dynamic threshold: one sender alone can fill half of
    /// the pool, k equal senders 1/(k+1) each), so that there is always room for those who hold little. What is queued
    /// counts as free for what will be pending.
    fn check_room(&self, tx: &VerifiedTx, account_nonce: u64, replaces: bool) -> Result<(), PoolError> {
        let (sender, nonce, size) = (tx.sender(), tx.tx().nonce(), tx.encoded().len());
        let held = self.senders.get(&sender);
        let old_size = held.and_then(|held| held.get(nonce)).map_or(0, Entry::bytes);
        let held_count = held.map_or(0, Sender::len);
        let held_bytes = held.map_or(0, Sender::bytes).saturating_sub(old_size);
        let sender_bytes_max = self.limits.sender_bytes_max;
        if held_bytes.saturating_add(size) > sender_bytes_max {
            return Err(PoolError::SenderFull { sender, held: held_bytes, held_max: sender_bytes_max, unit: "bytes" });
        }
        if replaces && size <= old_size {
            return Ok(());
        }
        let next = held.map_or(account_nonce, Sender::pending_end);
        let (mut count, mut bytes) = (self.len(), self.bytes);
        if nonce <= next {
            count = count.saturating_sub(self.queued_len());
            bytes = bytes.saturating_sub(self.queued_bytes);
        }
        let free = self.limits.transactions_max.saturating_sub(count);
        if !replaces && held_count.saturating_add(1) > free {
            return Err(PoolError::PoolFull { sender, held: held_count, free, unit: "transactions" });
        }
        let free = self.limits.bytes_max.saturating_sub(bytes).saturating_add(old_size);
        if held_bytes.saturating_add(size) > free {
            return Err(PoolError::PoolFull { sender, held: held_bytes, free, unit: "bytes" });
        }
        Ok(())
    }

    fn is_pending(&self, sender: &Address, nonce: u64) -> bool {
        self.senders.get(sender).is_some_and(|held| held.is_pending(nonce))
    }

    fn insert(&mut self, tx: VerifiedTx, account_nonce: u64, lane: Lane, origin: Origin, arrived_ms: u64) {
        let (hash, address, nonce, size) = (tx.hash(), tx.sender(), tx.tx().nonce(), tx.encoded().len());
        self.sequence = self.sequence.saturating_add(1);
        let sequence = self.sequence;
        let entry = Entry { tx, lane, origin, arrived_ms, sequence };
        self.places.insert(hash, (address, nonce));
        self.by_age.insert((arrived_ms, sequence), (address, nonce));
        self.bytes = self.bytes.saturating_add(size);
        // Queued until the run reaches it, which may be at once.
        self.queued.insert(sequence, (address, nonce));
        self.queued_bytes = self.queued_bytes.saturating_add(size);
        let sender = self.senders.entry(address).or_insert_with(|| Sender::new(account_nonce));
        let (replaced, moved) = sender.insert(nonce, entry);
        if let Some(replaced) = replaced {
            self.forget(&replaced);
        }
        self.settle(address, moved);
        self.release(&address);
    }

    /// Keeps the index of queued transactions in step with a sender.
    fn settle(&mut self, address: Address, moved: Moved) {
        let Some(sender) = self.senders.get(&address) else { return };
        for nonce in moved.promoted {
            let Some(entry) = sender.get(nonce) else { continue };
            self.queued.remove(&entry.sequence);
            self.queued_bytes = self.queued_bytes.saturating_sub(entry.bytes());
            self.announcements.push(entry.tx.hash());
        }
        for nonce in moved.demoted {
            let Some(entry) = sender.get(nonce) else { continue };
            self.queued.insert(entry.sequence, (address, nonce));
            self.queued_bytes = self.queued_bytes.saturating_add(entry.bytes());
        }
        if sender.is_empty() {
            self.recent_nonces.put(address, sender.account_nonce());
            self.senders.remove(&address);
            self.deferred.remove(&address);
        }
    }

    /// Forgets an entry that has left its sender.
    fn forget(&mut self, entry: &Entry) {
        self.places.remove(&entry.tx.hash());
        self.by_age.remove(&(entry.arrived_ms, entry.sequence));
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        if self.queued.remove(&entry.sequence).is_some() {
            self.queued_bytes = self.queued_bytes.saturating_sub(entry.bytes());
        }
    }

    /// Takes one transaction out, whatever the reason.
    pub(crate) fn remove(&mut self, hash: B256) -> Option<VerifiedTx> {
        let (address, nonce) = *self.places.get(&hash)?;
        let (entry, moved) = self.senders.get_mut(&address)?.remove(nonce)?;
        self.forget(&entry);
        self.settle(address, moved);
        self.release(&address);
        Some(entry.tx)
    }

    /// Evicts queued transactions, the oldest first (the likeliest never to be reached), until the bounds hold.
    /// [`Self::check_room`] has seen to it that they suffice.
    fn evict_queued(&mut self) {
        while self.len() > self.limits.transactions_max || self.bytes > self.limits.bytes_max {
            let Some((_, place)) = self.queued.first_key_value() else { return };
            if !self.remove_at(*place) {
                return;
            }
            self.counters.evicted = self.counters.evicted.saturating_add(1);
        }
    }

    fn remove_at(&mut self, (address, nonce): Place) -> bool {
        let hash = self.senders.get(&address).and_then(|sender| sender.get(nonce)).map(|entry| entry.tx.hash());
        hash.is_some_and(|hash| self.remove(hash).is_some())
    }

    /// Finality: `address` is at `account_nonce` now.
    pub(crate) fn finalized(&mut self, address: Address, account_nonce: u64) {
        let remembered = self.recent_nonces.get(&address).copied().unwrap_or_default();
        self.recent_nonces.put(address, remembered.max(account_nonce));
        self.release(&address);
        self.advance(address, account_nonce);
    }

    fn advance(&mut self, address: Address, account_nonce: u64) {
        let Some(sender) = self.senders.get_mut(&address) else { return };
        let (settled, moved) = sender.advance(account_nonce);
        for (_, entry) in &settled {
            self.forget(entry);
            self.counters.settled = self.counters.settled.saturating_add(1);
        }
        self.settle(address, moved);
    }

    /// Drops what has waited too long and gives deferred senders their turns back; returns how many were dropped.
    pub(crate) fn expire(&mut self, now_ms: u64) -> usize {
        let due: Vec<Address> =
            self.deferred.iter().filter(|(_, until_ms)| **until_ms <= now_ms).map(|(sender, _)| *sender).collect();
        due.iter().for_each(|sender| self.release(sender));
        let mut expired = 0usize;
        while let Some(((arrived_ms, _), place)) = self.by_age.first_key_value() {
            if now_ms.saturating_sub(*arrived_ms) < self.limits.lifetime_ms || !self.remove_at(*place) {
                break;
            }
            expired = expired.saturating_add(1);
        }
        self.counters.expired = self.counters.expired.saturating_add(u64::try_from(expired).unwrap_or(u64::MAX));
        expired
    }

    /// Encoded transactions for other nodes: new local and forwarded ones, then local ones that are due again.
    pub(crate) fn take_gossip(&mut self, bytes_max: usize, now_ms: u64) -> Vec<Bytes> {
        while let Some((due_ms, hash)) = self.gossip_again.front().copied() {
            if due_ms > now_ms {
                break;
            }
            self.gossip_again.pop_front();
            if self.contains(&hash) {
                self.gossip.push_back(hash);
            }
        }
        let bytes_max = bytes_max.max(TX_BYTES_MAX);
        let mut taken = Vec::new();
        let mut bytes = 0usize;
        while let Some(hash) = self.gossip.front().copied() {
            let Some((tx, origin)) = self.entry(&hash).map(|entry| (entry.tx.encoded().clone(), entry.origin)) else {
                self.gossip.pop_front();
                continue;
            };
            bytes = bytes.saturating_add(tx.len());
            if bytes > bytes_max {
                break;
            }
            self.gossip.pop_front();
            taken.push(tx);
            if origin == Origin::Local {
                self.gossip_again.push_back((now_ms.saturating_add(self.limits.gossip_again_ms), hash));
            }
        }
        taken
    }

    fn entry(&self, hash: &B256) -> Option<&Entry> {
        let (sender, nonce) = self.places.get(hash)?;
        self.senders.get(sender)?.get(*nonce)
    }
}
