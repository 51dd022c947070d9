//! Evidence of equivocation: two votes of one validator that no honest validator casts both, each under its node key.
//!
//! **Place.** The engine notices that a validator says different things in one view and blocks it. What it said is checked
//! here and handed over as an [`Equivocation`]: the program keeps it as a file, and the ledger can be shown it.
//!
//! **What it proves.** The node key convicts itself, in any epoch, to anyone who has the genesis file. Partials are not
//! looked at: they would prove nothing (`crate::votes`).
//!
//! **Limits.** [`WAITING_MAX`] wait to be kept; more are counted by the engine's blocks only, and a block of ten minutes
//! keeps one validator from making many.

use crate::{
    epochs::schemes::Schemes,
    votes::{VoteScheme, signed_vote},
};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _, Encode as _, ReadExt as _};
use commonware_consensus::{
    Epochable as _,
    simplex::types::{Activity, Attributable as _, Certificate, Finalize, Notarize, Nullify, Subject, Vote},
};
use commonware_cryptography::certificate::Scheme as _;
use commonware_utils::Participant;
use florin_proof::BlockDigest;
use florin_types::{Equivocation, SignedVote};
use futures::channel::mpsc;

/// Pieces of evidence that wait to be kept.
const WAITING_MAX: usize = 64;

/// Checks what the engine noticed, and hands it to whoever keeps it.
#[derive(Clone)]
pub(crate) struct Witness {
    schemes: Schemes,
    kept: mpsc::Sender<Equivocation>,
}

/// What is to be kept.
pub type EvidenceReceiver = mpsc::Receiver<Equivocation>;

impl Witness {
    pub(crate) fn new(schemes: Schemes) -> (Self, EvidenceReceiver) {
        let (kept, receiver) = mpsc::channel(WAITING_MAX);
        (Self { schemes, kept }, receiver)
    }

    /// Looks at what the engine reports. Votes that the node key did not sign prove nothing against anyone.
    pub(crate) fn hear(&mut self, activity: &Activity<VoteScheme, BlockDigest>) {
        let Some((signer, one, other)) = contradiction(activity) else { return };
        let Some(scheme) = self.schemes.of(activity.epoch()) else { return };
        let Some(validator) = scheme.participants().get(usize::from(signer)) else { return };
        match self.schemes.domain().convict(B256::from_slice(validator.as_ref()), one, other) {
            Err(error) => tracing::debug!(%error, "no evidence of equivocation"),
            Ok(equivocation) if self.kept.try_send(equivocation).is_ok() => {}
            Ok(equivocation) => {
                let (validator, view) = (equivocation.validator(), equivocation.view());
                tracing::warn!(%validator, view, "evidence of equivocation is lost: too much of it waits to be kept");
            }
        }
    }
}

/// The two votes that the engine found to contradict one another, and whose they are said to be; `None` where it speaks of
/// something else. It does not give them out, but for their encoding: one after the other.
fn contradiction(activity: &Activity<VoteScheme, BlockDigest>) -> Option<(Participant, SignedVote, SignedVote)> {
    match activity {
        Activity::ConflictingNotarize(votes) => {
            let (bytes, signer) = (votes.encode(), votes.signer());
            let mut bytes = Copying(&bytes);
            Some((signer, notarize(&mut bytes)?, notarize(&mut bytes)?))
        }
        Activity::ConflictingFinalize(votes) => {
            let (bytes, signer) = (votes.encode(), votes.signer());
            let mut bytes = Copying(&bytes);
            Some((signer, finalize(&mut bytes)?, finalize(&mut bytes)?))
        }
        Activity::NullifyFinalize(votes) => {
            let (bytes, signer) = (votes.encode(), votes.signer());
            let mut bytes = Copying(&bytes);
            Some((signer, nullify(&mut bytes)?, finalize(&mut bytes)?))
        }
        _ => None,
    }
}

fn notarize(bytes: &mut Copying<'_>) -> Option<SignedVote> {
    let vote = Notarize::<VoteScheme, BlockDigest>::read(bytes).ok()?;
    signed_vote(&Subject::Notarize { proposal: &vote.proposal }, &vote.attestation)
}

fn nullify(bytes: &mut Copying<'_>) -> Option<SignedVote> {
    let vote = Nullify::<VoteScheme>::read(bytes).ok()?;
    signed_vote(&Subject::Nullify { round: vote.round }, &vote.attestation)
}

fn finalize(bytes: &mut Copying<'_>) -> Option<SignedVote> {
    let vote = Finalize::<VoteScheme, BlockDigest>::read(bytes).ok()?;
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
