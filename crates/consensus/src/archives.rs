//! Final blocks and their certificates, as marshal keeps and serves them: the newest in archives of its own, the others from
//! the ledger, which has all of them for ever.
//!
//! So a node that was away for however long catches up from any other one, and blocks are stored twice only for as long
//! as the engine itself may need them. Marshal takes an archive that keeps more than it was told to, so nothing of it has
//! to know.
//!
//! **Failures.** A damaged record of the ledger is named in the log and not served; who asked asks another node.

use crate::{
    block::EngineBlock,
    runtime::Runtime,
    votes::{Finalization, VoteScheme, of_engine},
};
use alloy_primitives::B256;
use commonware_consensus::{
    marshal::store::{Blocks, Certificates},
    types::Height,
};
use commonware_runtime::Handle;
use commonware_storage::{
    archive::{self, Archive as _, Identifier, prunable},
    translator::EightCap,
};
use florin_proof::{BlockDigest, block_hash, decode_finalization};
use florin_state::{Ledger, LedgerError, StoredBlock};
use std::sync::Arc;

/// An archive on disk.
pub(crate) type Archive<E, V> = prunable::Archive<EightCap, E, BlockDigest, V>;

/// Final blocks.
pub(crate) struct FinalBlocks<E: Runtime> {
    pub(crate) recent: Archive<E, Arc<EngineBlock>>,
    /// How the partitions of `recent` begin.
    pub(crate) place: Arc<str>,
    pub(crate) ledger: Ledger,
    /// Block 0 with what its epoch begins with, which is neither stored nor sent. It stands in for the stored one.
    pub(crate) first: Option<Arc<EngineBlock>>,
}

/// Certificates of final blocks.
pub(crate) struct FinalCertificates<E: Runtime> {
    pub(crate) recent: Archive<E, Finalization>,
    /// How the partitions of `recent` begin.
    pub(crate) place: Arc<str>,
    pub(crate) ledger: Ledger,
}

/// An archive that cannot be read or written, with its place. Marshal stops the node with what this says.
#[derive(Debug, thiserror::Error)]
#[error("partitions {place}-*: {source}")]
pub(crate) struct ArchiveFault {
    place: Arc<str>,
    source: archive::Error,
}

/// Names the place of what fails.
fn at(place: &Arc<str>) -> impl FnOnce(archive::Error) -> ArchiveFault + use<> {
    let place = place.clone();
    move |source| ArchiveFault { place, source }
}

/// What the ledger has of a height below those that `recent` still holds. What is missing above has not arrived yet, and
/// must be missing to marshal.
async fn pruned<E, V>(
    recent: &Archive<E, V>,
    ledger: &Ledger,
    id: &Identifier<'_, BlockDigest>,
) -> Option<(EngineBlock, StoredBlock)>
where
    E: Runtime,
    V: commonware_codec::CodecShared,
{
    let first = recent.first_index()?;
    let stored = match id {
        Identifier::Index(height) if *height < first => ledger.stored_block(*height).await,
        Identifier::Index(_) => return None,
        Identifier::Key(digest) => ledger.stored_block_by_hash(block_hash(digest)).await,
    };
    let read = stored.and_then(|stored| stored.map(|stored| decode(stored, id)).transpose());
    let found = read.unwrap_or_else(|error| {
        tracing::error!(%error, "fault: a final block cannot be read from the ledger; other nodes are asked for it");
        None
    });
    found.filter(|(block, _)| block.inner().height() < first)
}

/// Checks that a stored block is the one that was asked for.
fn decode(stored: StoredBlock, id: &Identifier<'_, BlockDigest>) -> Result<(EngineBlock, StoredBlock), LedgerError> {
    let block =
        EngineBlock::from_encoding(stored.block.clone()).ok_or_else(|| LedgerError::Fault("not a block".into()))?;
    let (height, hash): (u64, B256) = (block.inner().height(), block.inner().hash());
    let same = match id {
        Identifier::Index(expected) => *expected == height,
        Identifier::Key(digest) => block_hash(digest) == hash,
    };
    match same {
        true => Ok((block, stored)),
        false => Err(LedgerError::Fault(format!("block {hash} of height {height} stands where another belongs"))),
    }
}

impl<E: Runtime> Blocks for FinalBlocks<E> {
    type Block = Arc<EngineBlock>;
    type Error = ArchiveFault;

    async fn put(self, digest: BlockDigest, block: &Arc<EngineBlock>) -> Result<Self, ArchiveFault> {
        let recent = Blocks::put(self.recent, digest, block).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    async fn sync(self) -> Result<Self, ArchiveFault> {
        let recent = Blocks::sync(self.recent).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), ArchiveFault> {
        let (recent, handle) = Blocks::start_sync(self.recent).await.map_err(at(&self.place))?;
        Ok((Self { recent, ..self }, handle))
    }

    async fn get(&self, id: Identifier<'_, BlockDigest>) -> Result<Option<Arc<EngineBlock>>, ArchiveFault> {
        let mut found = Blocks::get(&self.recent, same(&id)).await.map_err(at(&self.place))?;
        if found.is_none() {
            found = pruned(&self.recent, &self.ledger, &id).await.map(|(block, _)| Arc::new(block));
        }
        // Only where block 0 is there: marshal stores it when it finds none.
        Ok(found.map(|block| match &self.first {
            Some(first) if block.inner().height() == 0 => first.clone(),
            _ => block,
        }))
    }

    async fn prune(self, min: Height) -> Result<Self, ArchiveFault> {
        let recent = Blocks::prune(self.recent, min).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        Blocks::missing_items(&self.recent, start, max)
    }

    fn next_gap(&self, value: Height) -> (Option<Height>, Option<Height>) {
        Blocks::next_gap(&self.recent, value)
    }

    fn last_index(&self) -> Option<Height> {
        Blocks::last_index(&self.recent)
    }
}

impl<E: Runtime> Certificates for FinalCertificates<E> {
    type BlockDigest = BlockDigest;
    type Commitment = BlockDigest;
    type Scheme = VoteScheme;
    type Error = ArchiveFault;

    async fn put(self, height: Height, digest: BlockDigest, certificate: &Finalization) -> Result<Self, ArchiveFault> {
        let recent = Certificates::put(self.recent, height, digest, certificate).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    async fn sync(self) -> Result<Self, ArchiveFault> {
        let recent = Certificates::sync(self.recent).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), ArchiveFault> {
        let (recent, handle) = Certificates::start_sync(self.recent).await.map_err(at(&self.place))?;
        Ok((Self { recent, ..self }, handle))
    }

    async fn get(&self, id: Identifier<'_, BlockDigest>) -> Result<Option<Finalization>, ArchiveFault> {
        if let Some(certificate) = Certificates::get(&self.recent, same(&id)).await.map_err(at(&self.place))? {
            return Ok(Some(certificate));
        }
        let Some((block, stored)) = pruned(&self.recent, &self.ledger, &id).await else { return Ok(None) };
        let certificate = stored.certificate.and_then(|bytes| decode_finalization(&bytes).ok().map(of_engine));
        let hash = block.inner().hash();
        Ok(certificate.filter(|certificate| block_hash(&certificate.proposal.payload) == hash))
    }

    async fn has(&self, height: Height) -> Result<bool, ArchiveFault> {
        Certificates::has(&self.recent, height).await.map_err(at(&self.place))
    }

    async fn prune(self, min: Height) -> Result<Self, ArchiveFault> {
        let recent = Certificates::prune(self.recent, min).await.map_err(at(&self.place))?;
        Ok(Self { recent, ..self })
    }

    fn last_index(&self) -> Option<Height> {
        Certificates::last_index(&self.recent)
    }

    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        Certificates::ranges_from(&self.recent, from)
    }
}

fn same<'a>(id: &Identifier<'a, BlockDigest>) -> Identifier<'a, BlockDigest> {
    match id {
        Identifier::Index(height) => Identifier::Index(*height),
        Identifier::Key(digest) => Identifier::Key(digest),
    }
}

#[cfg(test)]
mod tests;
