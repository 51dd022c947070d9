//! Evidence of equivocation: two votes of one validator that no honest validator casts both, each under its node key.
//!
//! **Place.** The engine notices that a validator says different things in one view and blocks it. What it said is checked
//! here and handed over as an [`Equivocation`]: the program keeps it as a file, and the ledger can be shown it.
//!
//! **Who shows each of the others only one of two votes** is heard twice by nobody. So votes are remembered (`views`), and a
//! vote for something else than what a quorum wants is told to all nodes (`telling`): who heard the other one has both.
//!
//! **What it proves.** The node key convicts itself, in any epoch, to anyone who has the genesis file. Partials are not
//! looked at: they would prove nothing (`crate::votes`).
//!
//! **Limits.** [`WAITING_MAX`] pieces wait to be kept, as many votes to be told; more are lost, and the log says so of the
//! first. The engine's block of ten minutes keeps one validator from making many.

use crate::{
    epochs::schemes::Schemes,
    votes::{VoteScheme, signed_vote},
};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _, Encode as _, ReadExt as _};
use commonware_consensus::{
    Epochable as _,
    simplex::types::{Activity, Attributable as _, Certificate, Finalize, Notarize, Nullify, Proposal, Subject, Vote},
    types::Epoch,
};
use commonware_cryptography::certificate::Scheme as _;
use commonware_utils::Participant;
use florin_proof::{BlockDigest, block_hash};
use florin_types::{Equivocation, SignedVote};
use futures::channel::mpsc;
use parking_lot::Mutex;
use std::sync::Arc;
use views::Views;

pub(crate) mod telling;
mod views;

/// Pieces of evidence that wait to be kept, and votes that wait to be told.
const WAITING_MAX: usize = 64;

/// Remembers votes, checks what contradicts itself, and hands it to whoever keeps it.
#[derive(Clone)]
pub(crate) struct Witness {
    schemes: Schemes,
    views: Arc<Mutex<Views>>,
    kept: mpsc::Sender<Equivocation>,
    told: mpsc::Sender<Told>,
}

/// What is to be kept.
pub type EvidenceReceiver = mpsc::Receiver<Equivocation>;
/// A vote, and the node key of the validator that signed it.
type Told = (B256, SignedVote);
/// What is to be told to other nodes.
pub(crate) type Telling = mpsc::Receiver<Told>;

impl Witness {
    pub(crate) fn new(schemes: Schemes) -> (Self, EvidenceReceiver, Telling) {
        let (kept, evidence) = mpsc::channel(WAITING_MAX);
        let (told, telling) = mpsc::channel(WAITING_MAX);
        (Self { schemes, views: Arc::default(), kept, told }, evidence, telling)
    }

    /// Looks at what the engine reports. It has not verified the votes.
    pub(crate) fn hear(&mut self, activity: &Activity<VoteScheme, BlockDigest>) {
        match activity {
            Activity::Notarization(certificate) | Activity::Certification(certificate) => {
                self.certify(&certificate.proposal, false);
            }
            Activity::Finalization(certificate) => self.certify(&certificate.proposal, true),
            Activity::Nullification(_) => {}
            _ => {
                let (epoch, votes) = (activity.epoch(), votes(activity));
                votes.into_iter().for_each(|(signer, vote)| self.note(epoch, signer, vote));
            }
        }
    }

    /// The latest vote of a validator that was heard here. Whether it signed that vote is not asked.
    pub(crate) fn latest(&self, validator: &B256) -> Option<SignedVote> {
        self.views.lock().latest(validator)
    }

    fn note(&mut self, epoch: Epoch, signer: Participant, vote: SignedVote) {
        let Some(validator) = self.member(epoch, signer) else { return };
        let noted = self.views.lock().note(validator, vote);
        self.convict(validator, vote, &noted.against);
        if noted.is_odd {
            self.tell(validator, vote);
        }
    }

    fn certify(&mut self, proposal: &Proposal<BlockDigest>, is_final: bool) {
        let round = (proposal.round.epoch().get(), proposal.round.view().get());
        let block = (proposal.parent.get(), block_hash(&proposal.payload));
        let odd = self.views.lock().certify(round, block, is_final);
        odd.into_iter().for_each(|(validator, vote)| self.tell(validator, vote));
    }

    /// What another node tells of. The error says why no honest node does.
    fn be_told(&mut self, message: &[u8]) -> Result<(), String> {
        let (validator, vote) = telling::decode(message)?;
        if !self.is_member(validator, vote.vote.epoch) || !self.views.lock().lacks(&validator, &vote) {
            return Ok(());
        }
        if !self.is_by(validator, &vote) {
            return Err("it tells of a vote that its validator did not sign".into());
        }
        let against = self.views.lock().note_told(validator, vote);
        self.convict(validator, vote, &against);
        Ok(())
    }

    /// Keeps the first of these pairs that proves something: votes that the node key did not sign prove nothing.
    fn convict(&mut self, validator: B256, vote: SignedVote, against: &[SignedVote]) {
        let domain = self.schemes.domain();
        let mut proofs = against.iter().filter_map(|other| domain.convict(validator, *other, vote).ok());
        if let Some(equivocation) = proofs.next()
            && self.kept.try_send(equivocation).is_err()
        {
            let view = vote.vote.view;
            tracing::warn!(%validator, view, "evidence of equivocation is lost: too much of it waits to be kept");
        }
    }

    /// Tells others of a vote, if its validator signed it. While too many wait it is not told: one is enough to convict.
    fn tell(&mut self, validator: B256, vote: SignedVote) {
        if self.is_by(validator, &vote) {
            let _ = self.told.try_send((validator, vote));
        }
    }

    fn is_by(&self, validator: B256, vote: &SignedVote) -> bool {
        let domain = self.schemes.domain();
        vote.is_by(validator, domain.chain_id, domain.genesis_hash)
    }

    /// Node key of a member of an epoch's committee.
    fn member(&self, epoch: Epoch, signer: Participant) -> Option<B256> {
        let scheme = self.schemes.of(epoch)?;
        scheme.participants().get(usize::from(signer)).map(|key| B256::from_slice(key.as_ref()))
    }

    fn is_member(&self, validator: B256, epoch: u64) -> bool {
        let scheme = self.schemes.of(Epoch::new(epoch));
        scheme.is_some_and(|scheme| scheme.participants().iter().any(|key| key.as_ref() == validator.as_slice()))
    }
}

/// The votes in what the engine reports, and whose they are said to be. Two that contradict one another it does not give
/// out, but for their encoding: one after the other.
fn votes(activity: &Activity<VoteScheme, BlockDigest>) -> Vec<(Participant, SignedVote)> {
    let (signer, votes) = match activity {
        Activity::Notarize(vote) => (vote.signer(), [notarize(vote), None]),
        Activity::Nullify(vote) => (vote.signer(), [nullify(vote), None]),
        Activity::Finalize(vote) => (vote.signer(), [finalize(vote), None]),
        Activity::ConflictingNotarize(votes) => {
            let bytes = votes.encode();
            let mut bytes = Copying(&bytes);
            let mut next = || Notarize::read(&mut bytes).ok().as_ref().and_then(notarize);
            (votes.signer(), [next(), next()])
        }
        Activity::ConflictingFinalize(votes) => {
            let bytes = votes.encode();
            let mut bytes = Copying(&bytes);
            let mut next = || Finalize::read(&mut bytes).ok().as_ref().and_then(finalize);
            (votes.signer(), [next(), next()])
        }
        Activity::NullifyFinalize(votes) => {
            let bytes = votes.encode();
            let mut bytes = Copying(&bytes);
            let skipped = Nullify::read(&mut bytes).ok().as_ref().and_then(nullify);
            (votes.signer(), [skipped, Finalize::read(&mut bytes).ok().as_ref().and_then(finalize)])
        }
        _ => return Vec::new(),
    };
    votes.into_iter().flatten().map(|vote| (signer, vote)).collect()
}

fn notarize(vote: &Notarize<VoteScheme, BlockDigest>) -> Option<SignedVote> {
    signed_vote(&Subject::Notarize { proposal: &vote.proposal }, &vote.attestation)
}

fn nullify(vote: &Nullify<VoteScheme>) -> Option<SignedVote> {
    signed_vote(&Subject::Nullify { round: vote.round }, &vote.attestation)
}

fn finalize(vote: &Finalize<VoteScheme, BlockDigest>) -> Option<SignedVote> {
    signed_vote(&Subject::Finalize { proposal: &vote.proposal }, &vote.attestation)
}

/// Reads what another validator might send: a vote, or a certificate; says whether it is one. For fuzzers.
#[doc(hidden)]
pub fn decode_vote(message: &[u8]) -> bool {
    let vote = Vote::<VoteScheme, BlockDigest>::decode_cfg(Copying(message), &());
    vote.is_ok() || Certificate::<VoteScheme, BlockDigest>::decode_cfg(Copying(message), &()).is_ok()
}

#[cfg(test)]
mod tests;
