//! What a validator has voted for, as far as this disk knows: its vote journal, read before agreement opens it.
//!
//! **Why.** A vote is in the journal before it is sent. So one that others have heard and the journal lacks was cast in a
//! later life of this validator than the one that the disk remembers: the disk is an old copy, or has lost what it said it
//! had written. What may be voted for in such a view nobody knows here (`joining::again`).
//!
//! **Limits.** The journal holds the newest views only; so does this.

use crate::{engine::StartError, runtime::Runtime, votes::VoteScheme};
use commonware_consensus::{Viewable as _, simplex::types::Artifact};
use commonware_runtime::{Error as RuntimeError, ReadOptions, buffer::paged::CacheRef};
use commonware_storage::journal::segmented::variable::{Config, Journal};
use florin_proof::BlockDigest;
use florin_types::VoteKind;
use std::{collections::BTreeSet, num::NonZeroUsize};

/// How the engine opens its journal.
pub(crate) struct Opening {
    pub(crate) partition: String,
    pub(crate) page_cache: CacheRef,
    pub(crate) write_buffer: NonZeroUsize,
    pub(crate) replay_buffer: NonZeroUsize,
}

/// Votes of this validator that the journal of one epoch holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnVotes {
    votes: BTreeSet<(u64, VoteKind)>,
    /// The highest view that agreement is shown to have reached.
    view_max: u64,
}

impl OwnVotes {
    /// Reads a journal, if there is one. Nothing else may have it open.
    pub(crate) async fn read<E: Runtime>(context: E, opening: Opening) -> Result<Option<Self>, StartError> {
        if let Err(RuntimeError::PartitionMissing(_)) = context.scan(&opening.partition).await {
            return Ok(None);
        }
        let partition = opening.partition.clone();
        let failed = |error: commonware_storage::journal::Error| StartError::Archive {
            partition: partition.clone(),
            reason: error.to_string(),
        };
        let config = Config {
            partition: opening.partition,
            compression: None,
            codec_config: (),
            page_cache: opening.page_cache,
            write_buffer: opening.write_buffer,
        };
        let journal = Journal::<_, Artifact<VoteScheme, BlockDigest>>::init(context, config).await.map_err(failed)?;
        let mut own = Self::default();
        let mut replay = journal.replay(0, 0, opening.replay_buffer, ReadOptions::DONT_CACHE).await.map_err(failed)?;
        while let Some(item) = replay.next().await {
            let (_, _, _, artifact) = item.map_err(failed)?;
            own.note(&artifact);
        }
        Ok(Some(own))
    }

    /// The engine writes its own votes there, and certificates: nobody else's votes. A notarisation of a later view may be there before
    /// the engine has left the earlier one; the others show that it has.
    fn note(&mut self, artifact: &Artifact<VoteScheme, BlockDigest>) {
        let view = artifact.view().get();
        let kind = match artifact {
            Artifact::Notarize(_) => Some(VoteKind::Notarize),
            Artifact::Nullify(_) => Some(VoteKind::Nullify),
            Artifact::Finalize(_) => Some(VoteKind::Finalize),
            Artifact::Notarization(_) | Artifact::Certification(_, false) => return,
            _ => None,
        };
        self.view_max = self.view_max.max(view);
        self.votes.extend(kind.map(|kind| (view, kind)));
    }

    /// Whether the disk that the journal is on has lived through a vote: it holds the vote, or what came after it. In a view that
    /// agreement has left it casts no vote against an earlier one.
    pub(crate) fn includes(&self, view: u64, kind: VoteKind) -> bool {
        view < self.view_max || self.votes.contains(&(view, kind))
    }
}

#[cfg(test)]
impl OwnVotes {
    pub(crate) fn of(view_max: u64, votes: &[(u64, VoteKind)]) -> Self {
        Self { votes: votes.iter().copied().collect(), view_max }
    }
}
