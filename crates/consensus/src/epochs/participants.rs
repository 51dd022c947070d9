//! Who is to hold shares of the key in an epoch to come.
//!
//! The list is governance's, read from the ledger. For epoch `e` it is fixed by a block in the middle of epoch `e - 2` and
//! is the same in every state from there on, so the newest is read: a node that catches up asks for epochs long past, whose
//! states it does not keep. The last block of epoch `e - 2` says what the list was, and once it is final that is the answer as
//! well: a node that copies the state has no other, and must not wait for one, since without an answer no block
//! after that one is delivered, and the copy would not move on.
//!
//! **Failures.** A key that is none could never be dealt to and is left out, on every node alike. While the state cannot
//! be read, the answer waits: the protocol wants one, and a wrong one would tear the node from the network.

use crate::{application::Marshal, block::EpochPayload, keys::node_key, pace::POLL, runtime::Runtime};
use commonware_consensus::{
    marshal::Identifier,
    types::{Epoch, Height},
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_glue::dkg::ParticipantsProvider;
use commonware_utils::{ordered::Set, sequence::Unit};
use florin_modules::{CallEnv, governance::committee, query};
use florin_state::{FinalizedBlock, Ledger, with_view};
use florin_types::{B256, Genesis};
use std::sync::Arc;

/// Answers for every epoch.
pub(crate) struct Participants<E> {
    pub(crate) context: Arc<E>,
    pub(crate) ledger: Ledger,
    pub(crate) marshal: Marshal,
    pub(crate) genesis: Arc<Genesis>,
    /// The validators of the genesis file: for ever, where there is no governance.
    pub(crate) first: Set<PublicKey>,
}

impl<E: Runtime> Participants<E> {
    /// The list for an epoch, as soon as it is fixed.
    async fn elected(&self, epoch: u64, epoch_blocks: u64) -> Set<PublicKey> {
        let frozen_at = committee::frozen_at(epoch_blocks, epoch);
        loop {
            let head = self.ledger.head();
            if head.block.height() >= frozen_at {
                match self.listed(epoch, &head).await {
                    Ok(keys) => return self.usable(&keys),
                    // After a crash the store may stand below the ledger's head for a moment.
                    Err(error) => tracing::warn!(error, epoch, "the list of validators cannot be read yet"),
                }
            }
            if let Some(decided) = self.decided(epoch, epoch_blocks).await {
                return decided;
            }
            self.context.sleep(POLL / 10).await;
        }
    }

    /// The list as the last block of epoch `epoch - 2` has it, if that is final.
    async fn decided(&self, epoch: u64, epoch_blocks: u64) -> Option<Set<PublicKey>> {
        let last = epoch.checked_sub(1)?.checked_mul(epoch_blocks)?.checked_sub(1)?;
        let block = self.marshal.get_block(Identifier::Height(Height::new(last))).await?;
        let Some(EpochPayload::EpochInfo(begins)) = block.inner().epoch_payload() else { return None };
        (begins.epoch.next().get() == epoch).then(|| begins.next_players.clone())
    }

    async fn listed(&self, epoch: u64, head: &FinalizedBlock) -> Result<Vec<B256>, String> {
        let (height, timestamp_ms) = (head.block.height(), head.block.timestamp_ms());
        let reader = self.ledger.state(height).await.map_err(|error| error.to_string())?;
        let genesis = self.genesis.clone();
        with_view(reader, move |view| {
            let env = CallEnv { height, timestamp_ms, ..CallEnv::reader(genesis.rules.at(height)) };
            let listed = query(view, env, |context| committee::validators_for(context, epoch));
            listed.map_err(|failure| format!("{failure:?}"))
        })
        .await
        .map(|validators| validators.into_iter().map(|validator| validator.node).collect())
    }

    fn usable(&self, keys: &[B256]) -> Set<PublicKey> {
        let usable = keys.iter().filter_map(|key| {
            let usable = node_key(key);
            if let Err(error) = &usable {
                tracing::warn!(%key, %error, "left a validator out: its key is none");
            }
            usable.ok()
        });
        let usable = Set::from_iter_dedup(usable);
        if usable.is_empty() { self.first.clone() } else { usable }
    }
}

impl<E: Runtime> ParticipantsProvider for Participants<E> {
    type PublicKey = PublicKey;
    type Directory = Unit;

    async fn participants(&mut self, epoch: Epoch) -> Set<PublicKey> {
        match (self.genesis.epoch_blocks, &self.genesis.governance) {
            (Some(epoch_blocks), Some(_)) => self.elected(epoch.get(), epoch_blocks.get()).await,
            _ => self.first.clone(),
        }
    }

    /// Addresses are the ledger's and may change at any time: none is fixed for an epoch.
    async fn directory(&mut self, _epoch: Epoch, _peers: Set<PublicKey>) -> Unit {
        Unit
    }
}
