//! Who signs now, for every part of the node that asks.

use crate::keys::Committee;
use commonware_cryptography::ed25519::PublicKey;
use florin_types::NodeRole;
use parking_lot::Mutex;
use std::sync::Arc;

/// A committee in its epoch, and what this node is in it.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) epoch: u64,
    pub(crate) committee: Committee,
    pub(crate) role: NodeRole,
}

impl Seated {
    /// The members that are not `me`.
    pub(crate) fn others(&self, me: &PublicKey) -> Vec<PublicKey> {
        self.committee.participants.iter().filter(|key| *key != me).cloned().collect()
    }
}

/// The committee that signs, replaced when an epoch begins. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current(Arc<Mutex<Arc<Seated>>>);

impl Current {
    pub(crate) fn new(seated: Seated) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(seated))))
    }

    pub(crate) fn get(&self) -> Arc<Seated> {
        self.0.lock().clone()
    }

    /// Another epoch begins. An earlier one never comes back.
    pub(crate) fn replace(&self, seated: Seated) {
        let mut current = self.0.lock();
        if current.epoch <= seated.epoch {
            *current = Arc::new(seated);
        }
    }
}
