//! Who can answer for the value of a key: a speculative batch, the finalised store, a past height, a test's map.

use crate::{
    fault,
    store::{Batch, Databases, Db, Runtime, SealedBatch},
};
use bytes::Bytes as RawBytes;
use commonware_glue::stateful::db::Reader;
use florin_proof::{StateItem, StateKey};
use florin_types::{Changeset, StateFault};
use futures::future::BoxFuture;
use std::{collections::BTreeMap, sync::Arc};

/// Reads stored values by key, asynchronously. `None` where nothing is stored. Answers in the order of the keys.
pub trait StateReader: Send + Sync {
    /// Reads several keys at once, which is cheaper than one by one.
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>>;
}

impl<T: StateReader + ?Sized> StateReader for &T {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        (**self).read(keys)
    }
}

impl<T: StateReader + ?Sized> StateReader for Arc<T> {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        (**self).read(keys)
    }
}

/// A batch in the making: its own writes, then its ancestors', then the store's.
impl<E: Runtime> StateReader for Batch<E> {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(async move {
            let keys: Vec<&StateKey> = keys.iter().collect();
            self.get_many(&keys).await.map_err(|error| fault("read the state of a parent block", error))
        })
    }
}

/// A block that is executed but not yet applied.
impl<E: Runtime> StateReader for SealedBatch<E> {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(async move {
            let keys: Vec<&StateKey> = keys.iter().collect();
            self.get_many(&keys).await.map_err(|error| fault("read the state of an executed block", error))
        })
    }
}

/// The store, as the engine hands it to an application.
impl<E: Runtime> StateReader for Reader<Db<E>> {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(async move {
            let db = Reader::read(self).await;
            read_database(&*db, &keys).await
        })
    }
}

/// The store, shared.
impl<E: Runtime> StateReader for Databases<E> {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(async move {
            let db = Databases::<E>::read(self).await;
            read_database(&*db, &keys).await
        })
    }
}

pub(crate) async fn read_database<E: Runtime>(
    db: &Db<E>,
    keys: &[StateKey],
) -> Result<Vec<Option<RawBytes>>, StateFault> {
    let keys: Vec<&StateKey> = keys.iter().collect();
    db.get_many(&keys).await.map_err(|error| fault("read the finalised state", error))
}

/// A state held whole in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryState(BTreeMap<StateKey, RawBytes>);

impl MemoryState {
    /// The state that `changes` make from nothing.
    pub fn new(changes: &Changeset) -> Result<Self, StateFault> {
        let mut state = Self::default();
        state.apply(changes)?;
        Ok(state)
    }

    /// Applies a block's changes.
    pub fn apply(&mut self, changes: &Changeset) -> Result<(), StateFault> {
        for (key, value) in crate::store::store_writes(changes)? {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
        Ok(())
    }

    /// What is stored for an item.
    pub fn get(&self, item: &StateItem) -> Option<&RawBytes> {
        self.0.get(&item.key())
    }
}

impl StateReader for MemoryState {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        let values = keys.iter().map(|key| self.0.get(key).cloned()).collect();
        Box::pin(futures::future::ready(Ok(values)))
    }
}
