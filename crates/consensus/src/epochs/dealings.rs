//! Which dealers' logs a block may carry.
//!
//! **Why.** A dealer publishes the share of whoever did not acknowledge it. Enough of these make a member's share public, and
//! then one dishonest member and one that slept would be two signatures: with four validators a fork. So a log that
//! reveals anything makes its block invalid, as do one that is not of a dealer of the epoch, one that is not signed for it, and
//! one that says that it would reveal too much.
//!
//! **Price.** While a member of the coming committee is away for a whole dealing window no log is valid, the ceremony fails,
//! and the committee and its shares stay for one more epoch. Governance can take the absent one off the list.
//!
//! **State.** What the epoch began with, read once from the block before it, which is final before its first block is
//! proposed; in the epoch in which the state was copied, from what was noted then ([`super::joined`]).

use crate::{
    application::Marshal,
    block::{EpochPayload, Epochal},
    keys::{REVEAL, SHARING},
};
use commonware_consensus::{
    marshal::Identifier,
    types::{Epoch, Epocher as _, FixedEpocher, Height},
};
use commonware_cryptography::{
    bls12381::{
        dkg::feldman_desmedt::{DealerLogSummary, Info, SignedDealerLog},
        primitives::variant::MinSig,
    },
    ed25519::PublicKey,
};
use commonware_utils::{N3f1, ordered::Set};
use parking_lot::Mutex;
use std::{num::NonZeroU64, sync::Arc};

/// A log as a block carries it.
type Log = SignedDealerLog<MinSig, PublicKey>;

/// What is dealt in an epoch.
pub(super) struct Round {
    epoch: Epoch,
    pub(super) info: Info<MinSig, PublicKey>,
    dealers: Set<PublicKey>,
    players: Set<PublicKey>,
}

impl Round {
    pub(super) fn new(namespace: &[u8], begins: &Epochal) -> Result<Self, String> {
        let (dealers, players) = (begins.output.players().clone(), begins.players.clone());
        let info = Info::new::<N3f1>(
            namespace,
            begins.epoch.get(),
            Some(begins.output.clone()),
            SHARING,
            REVEAL,
            dealers.clone(),
            players.clone(),
        );
        Ok(Self { epoch: begins.epoch, info: info.map_err(|error| error.to_string())?, dealers, players })
    }

    /// The error says why no block may carry the log.
    pub(super) fn judge(&self, log: &Log) -> Result<(), String> {
        let Some((dealer, log)) = log.clone().check(&self.info) else {
            return Err("a dealer's log is not signed for this epoch".into());
        };
        if self.dealers.position(&dealer).is_none() {
            return Err(format!("{dealer} is no dealer of this epoch"));
        }
        match log.summary() {
            DealerLogSummary::TooManyReveals => Err(format!("the log of {dealer} has too many reveals")),
            DealerLogSummary::Ok { reveals, .. } if !reveals.is_empty() => Err(format!(
                "the log of {dealer} reveals {} shares: their owners did not acknowledge it",
                reveals.len()
            )),
            DealerLogSummary::Ok { acks, .. } if acks != self.players => {
                Err(format!("the log of {dealer} is not about the members of the next committee"))
            }
            DealerLogSummary::Ok { .. } => Ok(()),
        }
    }
}

/// Judges logs.
pub(crate) struct Dealings {
    namespace: &'static [u8],
    epocher: FixedEpocher,
    round: Mutex<Option<Arc<Round>>>,
    /// With what the epoch began in which the state was copied: the block before it is not here.
    joined: Mutex<Option<Epochal>>,
}

impl Dealings {
    pub(crate) fn new(namespace: &'static [u8], epoch_blocks: NonZeroU64) -> Self {
        Self { namespace, epocher: FixedEpocher::new(epoch_blocks), round: Mutex::default(), joined: Mutex::default() }
    }

    /// What everything that is signed while shares are dealt begins with.
    pub(crate) fn namespace(&self) -> &'static [u8] {
        self.namespace
    }

    /// Tells with what an epoch begins whose beginning is in no block of this node.
    pub(crate) fn begins(&self, begins: Epochal) {
        *self.joined.lock() = Some(begins);
    }

    /// Whether a block of this height may carry the payload. Of payloads only logs are judged: the end of an epoch is
    /// compared with what the node worked out itself. The error says why not.
    pub(crate) async fn judge(&self, marshal: &Marshal, height: u64, payload: &EpochPayload) -> Result<(), String> {
        let EpochPayload::DealerLog(log) = payload else { return Ok(()) };
        self.round(marshal, height).await?.judge(log)
    }

    async fn round(&self, marshal: &Marshal, height: u64) -> Result<Arc<Round>, String> {
        let epoch = self.epocher.containing(Height::new(height)).map(|info| info.epoch());
        let epoch = epoch.ok_or_else(|| format!("block {height} is in no epoch"))?;
        if let Some(round) = self.round.lock().clone().filter(|round| round.epoch == epoch) {
            return Ok(round);
        }
        let joined = self.joined.lock().clone().filter(|begins| begins.epoch == epoch);
        let round = match joined {
            Some(begins) => Round::new(self.namespace, &begins)?,
            None => self.read(marshal, epoch).await?,
        };
        let round = Arc::new(round);
        *self.round.lock() = Some(round.clone());
        Ok(round)
    }
    /// What is dealt in an epoch, from the block before it.
    async fn read(&self, marshal: &Marshal, epoch: Epoch) -> Result<Round, String> {
        let before = epoch.previous().and_then(|previous| self.epocher.last(previous)).unwrap_or_else(Height::zero);
        let block = marshal.get_block(Identifier::Height(before)).await;
        let block = block.ok_or_else(|| format!("block {before}, with which epoch {epoch} begins, is missing here"))?;
        let Some(EpochPayload::EpochInfo(begins)) = block.inner().epoch_payload() else {
            return Err(format!("block {before} does not say with what epoch {epoch} begins"));
        };
        Round::new(self.namespace, begins)
    }
}
