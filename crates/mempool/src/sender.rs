//! One sender's transactions, by nonce.

use crate::Origin;
use florin_execution::Lane;
use florin_types::VerifiedTx;
use std::{collections::BTreeMap, ops::Range};

/// A transaction in the pool.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tx: VerifiedTx,
    pub(crate) lane: Lane,
    pub(crate) origin: Origin,
    pub(crate) arrived_ms: u64,
    /// Order of arrival, unique in the pool.
    pub(crate) sequence: u64,
}

impl Entry {
    pub(crate) fn bytes(&self) -> usize {
        self.tx.encoded().len()
    }
}

/// Entries that changed sides because of one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Nonces that became pending.
    pub(crate) promoted: Range<u64>,
    /// Nonces that fell behind a gap; those without an entry in between do not count.
    pub(crate) demoted: Range<u64>,
}

/// A sender: `[account_nonce, pending_end)` is the gapless run of pending transactions, what lies above is queued.
#[derive(Debug)]
pub(crate) struct Sender {
    account_nonce: u64,
    pending_end: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
}

impl Sender {
    pub(crate) fn new(account_nonce: u64) -> Self {
        Self { account_nonce, pending_end: account_nonce, entries: BTreeMap::new(), bytes: 0 }
    }

    pub(crate) fn account_nonce(&self) -> u64 {
        self.account_nonce
    }

    /// The first nonce from the account's on that is not here.
    pub(crate) fn pending_end(&self) -> u64 {
        self.pending_end
    }

    pub(crate) fn is_pending(&self, nonce: u64) -> bool {
        nonce < self.pending_end
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(&nonce)
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.range(self.account_nonce..self.pending_end).map(|(nonce, entry)| (*nonce, entry))
    }

    pub(crate) fn queued(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.range(self.pending_end..).map(|(nonce, entry)| (*nonce, entry))
    }

    /// Puts an entry at a nonce that is not below the account's, and gives back what it replaces there. What lies above
    /// a replaced entry stays as it is.
    pub(crate) fn insert(&mut self, nonce: u64, entry: Entry) -> (Option<Entry>, Moved) {
        self.bytes = self.bytes.saturating_add(entry.bytes());
        let replaced = self.entries.insert(nonce, entry);
        self.bytes = self.bytes.saturating_sub(replaced.as_ref().map_or(0, Entry::bytes));
        let promoted = if self.is_pending(nonce) { nonce..nonce.saturating_add(1) } else { self.extend() };
        (replaced, Moved { promoted, demoted: 0..0 })
    }

    /// Takes the entry at `nonce` out; what was pending above it is queued from now on.
    pub(crate) fn remove(&mut self, nonce: u64) -> Option<(Entry, Moved)> {
        let entry = self.entries.remove(&nonce)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        let mut moved = Moved::default();
        if nonce < self.pending_end {
            moved.demoted = nonce.saturating_add(1)..self.pending_end;
            self.pending_end = nonce;
        }
        Some((entry, moved))
    }

    /// Finality moved the account on: entries below `account_nonce` are returned, their fate is decided.
    pub(crate) fn advance(&mut self, account_nonce: u64) -> (Vec<(u64, Entry)>, Moved) {
        if account_nonce <= self.account_nonce {
            return (Vec::new(), Moved::default());
        }
        let above = self.entries.split_off(&account_nonce);
        let settled = std::mem::replace(&mut self.entries, above);
        let freed: usize = settled.values().map(Entry::bytes).sum();
        self.bytes = self.bytes.saturating_sub(freed);
        self.account_nonce = account_nonce;
        self.pending_end = self.pending_end.max(account_nonce);
        (settled.into_iter().collect(), Moved { promoted: self.extend(), demoted: 0..0 })
    }

    /// Moves the end of the gapless run on as far as there are entries.
    fn extend(&mut self) -> Range<u64> {
        let before = self.pending_end;
        // The nonce 2^64 - 1 never enters the pool, so the sum does not saturate.
        while self.entries.contains_key(&self.pending_end) {
            self.pending_end = self.pending_end.saturating_add(1);
        }
        before..self.pending_end
    }
}
