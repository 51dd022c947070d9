//! The open store behind the ledger, without the runtime's type.

use crate::{
    fault,
    operations::{question, serve_operations},
    reader::read_database,
    store::{Databases, Runtime, SyncTarget, database_commitment, store_height},
};
use bytes::Bytes as RawBytes;
use commonware_storage::{
    merkle::{Location, Position as NodePosition, storage::Storage as _},
    qmdb,
};
use commonware_utils::NZU64;
use florin_proof::{Family, ItemProof, StateHasher, StateItem, StateKey, StateProof};
use florin_types::{B256, Height, StateFault, StateTarget};
use futures::{StreamExt as _, future::BoxFuture, pin_mut};

/// Operations checked at a time.
const VERIFY_OPERATIONS: core::num::NonZeroU64 = NZU64!(1_024);

/// Where the store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) state_root: B256,
    pub(crate) target: StateTarget,
    /// Height in the metadata of the last commit.
    pub(crate) height: Option<Height>,
}

/// What was found sound in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) operations: u64,
    pub(crate) values: u64,
}

/// Values, and the operation count at which they were read.
pub(crate) type ReadAt = (u64, Vec<Option<RawBytes>>);

/// What there is of a part of the state's log.
#[derive(Debug)]
pub(crate) enum Served {
    /// The part, encoded.
    Part(RawBytes),
    /// Its operations were dropped.
    Dropped,
    /// The store does not stand there yet.
    NotYet,
}

/// Called with what is being checked, how much is done, and how much there is (0 if unknown).
pub(crate) type Progress<'a> = &'a (dyn Fn(&'static str, u64, u64) + Send + Sync);

/// The store as readers of the ledger see it. Every answer says at which operation count it was given, so that it can be
/// assigned to a height even while blocks are applied.
pub(crate) trait LiveState: Send + Sync {
    fn position(&self) -> BoxFuture<'_, Result<Position, StateFault>>;
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<ReadAt, StateFault>>;
    fn prove(&self, items: Vec<StateItem>) -> BoxFuture<'_, Result<(u64, StateProof), StateFault>>;
    /// The part of the log up to this target that begins with operation `start`, which lies in its range.
    fn operations(&self, target: SyncTarget, start: u64) -> BoxFuture<'_, Result<Served, StateFault>>;
    fn verify<'a>(&'a self, progress: Progress<'a>) -> BoxFuture<'a, Result<(Position, Checked), StateFault>>;
}

impl<E: Runtime> LiveState for Databases<E> {
    fn position(&self) -> BoxFuture<'_, Result<Position, StateFault>> {
        Box::pin(async move {
            let db = Databases::<E>::read(self).await;
            let (state_root, target) = database_commitment(&*db);
            Ok(Position { state_root, target, height: store_height(&*db).await? })
        })
    }

    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<ReadAt, StateFault>> {
        Box::pin(async move {
            let db = Databases::<E>::read(self).await;
            let values = read_database(&*db, &keys).await?;
            Ok((db.bounds().end.as_u64(), values))
        })
    }

    fn prove(&self, items: Vec<StateItem>) -> BoxFuture<'_, Result<(u64, StateProof), StateFault>> {
        Box::pin(async move {
            let failed = |error| fault("prove state", error);
            let db = Databases::<E>::read(self).await;
            let mut proof = StateProof::default();
            for item in items {
                let key = item.key();
                let item_proof = match db.get(&key).await.map_err(failed)? {
                    Some(value) => ItemProof::Present { value, proof: db.key_value_proof(key).await.map_err(failed)? },
                    None => ItemProof::Absent { proof: db.exclusion_proof(&key).await.map_err(failed)? },
                };
                proof.items.push((item, item_proof));
            }
            Ok((db.bounds().end.as_u64(), proof))
        })
    }

    fn operations(&self, target: SyncTarget, start: u64) -> BoxFuture<'_, Result<Served, StateFault>> {
        Box::pin(async move {
            let fault = match serve_operations(self, question(&target, start)).await {
                Ok(part) => return Ok(Served::Part(part)),
                Err(fault) => fault,
            };
            let kept = Databases::<E>::read(self).await.bounds();
            match (kept.start.as_u64() > start, kept.end < target.range.end()) {
                (true, _) => Ok(Served::Dropped),
                (_, true) => Ok(Served::NotYet),
                (false, false) => Err(fault),
            }
        })
    }

    fn verify<'a>(&'a self, progress: Progress<'a>) -> BoxFuture<'a, Result<(Position, Checked), StateFault>> {
        Box::pin(async move {
            let position = self.position().await?;
            let operations = verify_operations(self, progress).await?;
            verify_nodes(self, progress).await?;
            let values = verify_values(self, progress).await?;
            Ok((position, Checked { operations, values }))
        })
    }
}

/// Checks every retained operation against the operations root.
async fn verify_operations<E: Runtime>(state: &Databases<E>, progress: Progress<'_>) -> Result<u64, StateFault> {
    let db = Databases::<E>::read(state).await;
    let bounds = db.bounds();
    let (mut at, end) = (*bounds.start, *bounds.end);
    let mut checked = 0u64;
    while at < end {
        let start = Location::<Family>::new(at);
        let (proof, operations) = db
            .ops_historical_proof(bounds.end, start, VERIFY_OPERATIONS)
            .await
            .map_err(|error| fault(&format!("read operations of the state from {at}"), error))?;
        if operations.is_empty() {
            return Err(StateFault(format!("the state's log ends at operation {at}, not {end}")));
        }
        if !qmdb::verify_proof::<StateHasher, Family, _>(&proof, start, &operations, &db.ops_root()) {
            let last = at.saturating_add(operations.len() as u64);
            return Err(StateFault(format!(
                "operations {at} to {last} of the state do not hash to its operations root"
            )));
        }
        at = at.saturating_add(operations.len() as u64);
        checked = checked.saturating_add(operations.len() as u64);
        progress("state operations", checked, end.saturating_sub(*bounds.start));
    }
    Ok(checked)
}

/// Reads every node of the Merkle structure, so that damage is found before a proof needs the node.
async fn verify_nodes<E: Runtime>(state: &Databases<E>, progress: Progress<'_>) -> Result<(), StateFault> {
    let db = Databases::<E>::read(state).await;
    let nodes = db.grafted_storage();
    let end = *nodes.size();
    for at in 0..end {
        let position = NodePosition::<Family>::new(at);
        nodes.get_node(position).await.map_err(|error| fault(&format!("read node {at} of the state's tree"), error))?;
        if at.is_multiple_of(4_096) {
            progress("state nodes", at, end);
        }
    }
    Ok(())
}

/// Reads every live value.
async fn verify_values<E: Runtime>(state: &Databases<E>, progress: Progress<'_>) -> Result<u64, StateFault> {
    let db = Databases::<E>::read(state).await;
    let stream = db.stream_range(..);
    pin_mut!(stream);
    let mut values = 0u64;
    while let Some(entry) = stream.next().await {
        let (key, _) = entry.map_err(|error| fault(&format!("read value {values} of the state"), error))?;
        let found = db.get(&key).await.map_err(|error| fault(&format!("read key {key} of the state"), error))?;
        if found.is_none() {
            return Err(StateFault(format!("key {key} stands in the state's log but not in its index")));
        }
        values = values.saturating_add(1);
        if values.is_multiple_of(1_024) {
            progress("state values", values, 0);
        }
    }
    Ok(values)
}
