//! The audit log: who did and saw what, chained by hash, its head on the ledger once a day.
//!
//! **How.** A call of a recognised caller is a row, written after it was worked on and before it is answered: what is not in the log is
//! not told to anybody. Each row has the hash of the one before. `Anchor` commits the last hash to the ledger; [`verify_audit`]
//! computes all of it again and compares.
//!
//! **Invariants.** Rows are added and never changed; their numbers have no gaps. Rows of calls that came together are durable together.
//!
//! **Failures.** Where a row cannot be written the call is answered with 503: it may have been done. Who can write to the database can
//! change rows after the last commitment, all of them from one on; before it that is found.
//!
//! **Limits.** 1,024 calls wait for their rows; a path is kept up to 500 characters.

mod anchor;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use anchor::Anchor;
pub use anchor::AnchorConfig;
pub use verify::{AuditFault, Audited, Commitments, verify_audit};

use crate::{GatewayError, store::Store};
use alloy_primitives::B256;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

/// Calls that wait for their rows.
const WAITING_MAX: usize = 1_024;
/// Rows of one SQL transaction.
const TOGETHER_MAX: usize = 256;
/// Characters of a path that are kept.
pub(crate) const PATH_CHARS_MAX: usize = 500;

/// A call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    pub(crate) time_ms: u64,
    pub(crate) tenant: String,
    pub(crate) who: String,
    pub(crate) roles: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
}

impl AuditEntry {
    /// The hash of its row.
    pub(crate) fn hash(&self, number: u64, previous: B256) -> B256 {
        let mut hasher = Sha256::new();
        hasher.update(b"florin-audit-1");
        hasher.update(previous);
        for value in [number, self.time_ms, self.status] {
            hasher.update(value.to_be_bytes());
        }
        for text in [&self.tenant, &self.who, &self.roles, &self.method, &self.path] {
            // With its length, so that no character moves from one field to the next.
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        B256::new(hasher.finalize().into())
    }
}

type Waiting = (AuditEntry, oneshot::Sender<()>);

/// Where calls are told. Clones share it; the writer ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct AuditLog {
    waiting: mpsc::Sender<Waiting>,
}

impl AuditLog {
    /// Begins to write. Must run inside of a runtime.
    pub(crate) fn start(store: Store) -> Self {
        let (waiting, calls) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(store, calls));
        Self { waiting }
    }

    /// Whether the row of a call is durable.
    pub(crate) async fn append(&self, entry: AuditEntry) -> bool {
        let (written, told) = oneshot::channel();
        self.waiting.send((entry, written)).await.is_ok() && told.await.is_ok()
    }
}

async fn write(store: Store, mut calls: mpsc::Receiver<Waiting>) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while calls.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        let written = append(&store, &together).await;
        if let Err(error) = &written {
            tracing::error!(code = error.code(), %error, "gateway.audit");
        }
        for (_, told) in together.drain(..) {
            if written.is_ok() {
                // Who went away is in the log all the same.
                let _ = told.send(());
            }
        }
    }
}

async fn append(store: &Store, together: &[Waiting]) -> Result<(), GatewayError> {
    let mut work = store.write().await?;
    let mut last = store.audit_head(&mut work).await?;
    for (entry, _) in together {
        let number = last.0.saturating_add(1);
        let hash = entry.hash(number, last.1);
        store.add_audit(&mut work, entry, number, last.1, hash).await?;
        last = (number, hash);
    }
    store.commit_aside(work).await
}
