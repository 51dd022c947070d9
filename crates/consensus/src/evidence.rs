//! Evidence of equivocation: two votes of one validator that no honest validator casts both, each under its own key.
//!
//! **Place.** The engine notices that a validator says different things in one view and blocks it. What it said is checked
//! here, kept by the program as a file, and can be shown to anyone who has the genesis file: [`verify_evidence`].
//!
//! **What it proves.** Both votes verify under the validator's part of the network's threshold key, so with fewer than a
//! quorum of dishonest validators nobody made them but that validator, with one exception: whoever knows a whole quorum's
//! votes for a block can work out how the others' votes for it would look. So a single witness is believed for a vote for
//! a block that did not become final only. The connection over which the votes came is authenticated by the validator's
//! node key; the node that noticed knows more than it can prove.
//!
//! **Limits.** [`WAITING_MAX`] wait to be kept; more are counted by the engine's blocks only, and a block of ten minutes
//! keeps one validator from making many.

use crate::{
    epochs::schemes::Schemes,
    keys::{Committee, KeyError},
};
use alloy_primitives::{B256, Bytes};
use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Activity, Attributable as _, Certificate, Vote},
};
use commonware_cryptography::{certificate::Scheme as _, ed25519::PublicKey};
use commonware_parallel::Sequential;
use florin_proof::{BlockDigest, Namespace, Scheme};
use florin_types::Genesis;
use futures::channel::mpsc;
use rand::{SeedableRng as _, rngs::StdRng};

/// Pieces of evidence that wait to be kept.
const WAITING_MAX: usize = 64;
/// Longest encoding of two votes: each has a round, a parent, a digest and a signature.
pub const EVIDENCE_BYTES_MAX: usize = 1_024;

/// Two votes that contradict one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What was said: `two_proposals`, `two_finals` or `final_and_skipped`.
    pub kind: &'static str,
    /// The view in which both were said.
    pub view: u64,
    /// Node key of the validator.
    pub validator: B256,
    /// Both votes with their signatures, as the engine encodes them.
    pub votes: Bytes,
}

/// Why something is no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The genesis file gives no committee.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bytes are no two votes.
    #[error("not two votes of one validator in one view that contradict one another: {reason}")]
    Malformed {
        /// What the decoder met.
        reason: String,
    },
    /// The genesis file does not say who signed in that epoch.
    #[error(
        "the votes are of epoch {epoch}: the genesis file names the committee of epoch 0 only. Show them with the last block of \
         epoch {before}, which names theirs", before = epoch.saturating_sub(1)
    )]
    Epoch {
        /// Epoch of the votes.
        epoch: u64,
    },
    /// The validator is none of this committee, or did not sign both.
    #[error("the votes are not both signed by one validator of this genesis file's committee")]
    Signature,
}

/// Checks what the engine noticed, and hands it to whoever keeps it.
#[derive(Clone)]
pub(crate) struct Witness {
    schemes: Schemes,
    kept: mpsc::Sender<Evidence>,
}

/// What is to be kept.
pub type EvidenceReceiver = mpsc::Receiver<Evidence>;

impl Witness {
    pub(crate) fn new(schemes: Schemes) -> (Self, EvidenceReceiver) {
        let (kept, receiver) = mpsc::channel(WAITING_MAX);
        (Self { schemes, kept }, receiver)
    }

    /// Looks at what the engine reports. Votes whose signatures are wrong prove nothing against anyone.
    pub(crate) fn hear(&mut self, activity: &Activity<Scheme, BlockDigest>) {
        let Some(scheme) = self.schemes.of(activity.epoch()) else { return };
        match examine(&scheme, activity) {
            None => {}
            Some(Err(error)) => tracing::debug!(%error, "no evidence of equivocation"),
            Some(Ok(evidence)) if self.kept.try_send(evidence.clone()).is_ok() => {}
            Some(Ok(Evidence { validator, view, .. })) => {
                tracing::warn!(%validator, view, "evidence of equivocation is lost: too much of it waits to be kept");
            }
        }
    }
}

/// Checks evidence that somebody else kept, with nothing but the genesis file.
pub fn verify_evidence(genesis: &Genesis, genesis_hash: B256, votes: &[u8]) -> Result<Evidence, EvidenceError> {
    let malformed = |reason: String| EvidenceError::Malformed { reason };
    if votes.len() > EVIDENCE_BYTES_MAX {
        return Err(malformed(format!("{} bytes, at most {EVIDENCE_BYTES_MAX}", votes.len())));
    }
    let activity = Activity::<Scheme, BlockDigest>::decode_cfg(Copying(votes), &());
    let activity = activity.map_err(|error| malformed(error.to_string()))?;
    if !activity.epoch().is_zero() {
        return Err(EvidenceError::Epoch { epoch: activity.epoch().get() });
    }
    let Committee { participants, sharing } = Committee::from_genesis(genesis)?;
    let namespace = Namespace::new(genesis.chain_id, genesis_hash);
    let scheme = Scheme::verifier(namespace.as_bytes(), participants, sharing);
    examine(&scheme, &activity).unwrap_or_else(|| Err(malformed("it is another message".into())))
}

/// Reads what another validator might send: a vote, or a certificate; says whether it is one. For fuzzers.
#[doc(hidden)]
pub fn decode_vote(message: &[u8]) -> bool {
    let vote = Vote::<Scheme, BlockDigest>::decode_cfg(Copying(message), &());
    vote.is_ok() || Certificate::<Scheme, BlockDigest>::decode_cfg(Copying(message), &()).is_ok()
}

/// `None` for everything that is not about two votes.
fn examine(scheme: &Scheme, activity: &Activity<Scheme, BlockDigest>) -> Option<Result<Evidence, EvidenceError>> {
    let (kind, signer) = match activity {
        Activity::ConflictingNotarize(votes) => ("two_proposals", votes.signer()),
        Activity::ConflictingFinalize(votes) => ("two_finals", votes.signer()),
        Activity::NullifyFinalize(votes) => ("final_and_skipped", votes.signer()),
        _ => return None,
    };
    let validator: Option<&PublicKey> = scheme.participants().get(usize::from(signer));
    // Checking one signature draws no randomness; the interface asks for a generator because batches would.
    let mut unused = StdRng::from_seed([0; 32]);
    let (Some(validator), true) = (validator, activity.verify(&mut unused, scheme, &Sequential)) else {
        return Some(Err(EvidenceError::Signature));
    };
    Some(Ok(Evidence {
        kind,
        view: activity.view().get(),
        validator: B256::from_slice(validator.as_ref()),
        votes: Bytes::from(activity.encode()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeSecret, deal_from_seed, epochs::schemes::Abstains, tests::genesis_of};
    use commonware_consensus::{
        simplex::types::{
            ConflictingFinalize, ConflictingNotarize, Finalize, Notarize, Nullify, NullifyFinalize, Proposal,
        },
        types::{Epoch, Round, View},
    };
    use florin_types::{GenesisNode, NodeRole};

    const HASH: B256 = B256::repeat_byte(7);
    /// The demo's.
    const CHAIN_ID: u64 = 461_337;

    /// What a validator of the network that is not accused hears votes with.
    fn hearing(genesis: &Genesis) -> Schemes {
        let committee = Committee::from_genesis(genesis).unwrap();
        let namespace = Namespace::new(genesis.chain_id, HASH);
        let node = committee.participants.iter().next().cloned().unwrap();
        Schemes::new(namespace, node, committee, None, Abstains::Never).unwrap()
    }

    /// A network of four and the schemes of its validators.
    fn network() -> (Genesis, Vec<(B256, Scheme)>) {
        let nodes: Vec<GenesisNode> = (1..=4)
            .map(|seed| GenesisNode {
                name: format!("bank {seed}"),
                public_key: NodeSecret::from_seed(seed).public_key(),
                address: format!("127.0.0.1:{seed}"),
                role: NodeRole::Validator,
            })
            .collect();
        let keys: Vec<B256> = nodes.iter().map(|node| node.public_key).collect();
        let dealing = deal_from_seed(3, &keys).unwrap();
        let genesis =
            Genesis { chain_id: CHAIN_ID, threshold_public: dealing.threshold_public.clone(), ..genesis_of(nodes) };
        let committee = Committee::from_genesis(&genesis).unwrap();
        let namespace = Namespace::new(genesis.chain_id, HASH);
        let scheme = |share: &crate::ThresholdShare| {
            let (members, sharing) = (committee.participants.clone(), committee.sharing.clone());
            Scheme::signer(namespace.as_bytes(), members, sharing, share.inner().clone()).unwrap()
        };
        let schemes = dealing.shares.iter().map(|(key, share)| (*key, scheme(share))).collect();
        (genesis, schemes)
    }

    fn round() -> Round {
        Round::new(Epoch::zero(), View::new(9))
    }

    fn proposal(payload: u8) -> Proposal<BlockDigest> {
        Proposal::new(round(), View::new(8), BlockDigest::from([payload; 32]))
    }

    fn notarize(scheme: &Scheme, payload: u8) -> Notarize<Scheme, BlockDigest> {
        Notarize::sign(scheme, proposal(payload)).unwrap()
    }

    fn finalize(scheme: &Scheme, payload: u8) -> Finalize<Scheme, BlockDigest> {
        Finalize::sign(scheme, proposal(payload)).unwrap()
    }

    fn contradictions(scheme: &Scheme) -> Vec<(&'static str, Activity<Scheme, BlockDigest>)> {
        let nullify = Nullify::sign::<BlockDigest>(scheme, round()).unwrap();
        vec![
            (
                "two_proposals",
                Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(scheme, 1), notarize(scheme, 2))),
            ),
            (
                "two_finals",
                Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(scheme, 1), finalize(scheme, 2))),
            ),
            ("final_and_skipped", Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(scheme, 1)))),
        ]
    }

    #[test]
    fn what_a_validator_says_twice_is_kept_and_proves_it_to_anyone() {
        let (genesis, schemes) = network();
        let (validator, scheme) = &schemes[2];
        // Another validator hears it.
        let (mut witness, mut kept) = Witness::new(hearing(&genesis));
        for (kind, activity) in contradictions(scheme) {
            witness.hear(&activity);
            let evidence = kept.try_recv().unwrap();
            assert_eq!((evidence.kind, evidence.view, evidence.validator), (kind, 9, *validator));
            assert!(evidence.votes.len() <= EVIDENCE_BYTES_MAX / 2);
            assert_eq!(verify_evidence(&genesis, HASH, &evidence.votes), Ok(evidence));
        }
        witness.hear(&Activity::Notarize(notarize(scheme, 1)));
        assert!(kept.try_recv().is_err(), "one vote contradicts nothing");
    }

    /// The program's tests read this file too. `FLORIN_GENERATE=1` writes it.
    #[test]
    fn evidence_is_golden() {
        let (genesis, schemes) = network();
        let (_, activity) = contradictions(&schemes[2].1).swap_remove(0);
        assert_eq!(genesis.chain_id, CHAIN_ID);
        let made = alloy_primitives::hex::encode(activity.encode());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/evidence.hex");
        if std::env::var_os("FLORIN_GENERATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), made, "evidence that was kept is no longer read");
    }

    #[test]
    fn nobody_is_accused_by_votes_of_another_or_of_another_network() {
        let (genesis, schemes) = network();
        // The words of one with the signature of another: the engine blocks who sent it, but it is no evidence.
        let (honest, liar) = (&schemes[1].1, &schemes[2].1);
        let mut forged = notarize(honest, 2);
        forged.attestation.signature = notarize(liar, 2).attestation.signature;
        let activity = Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(honest, 1), forged));
        let (mut witness, mut kept) = Witness::new(hearing(&genesis));
        witness.hear(&activity);
        assert!(kept.try_recv().is_err());
        assert_eq!(verify_evidence(&genesis, HASH, &activity.encode()), Err(EvidenceError::Signature));
        let (_, real) = contradictions(honest).swap_remove(0);
        assert_eq!(verify_evidence(&genesis, B256::ZERO, &real.encode()), Err(EvidenceError::Signature));
    }

    #[test]
    fn a_flipped_bit_is_no_evidence() {
        let (genesis, schemes) = network();
        let (_, activity) = contradictions(&schemes[1].1).swap_remove(0);
        let votes = activity.encode();
        let mut refused = 0;
        for place in 0..votes.len() {
            let mut spoilt = votes.to_vec();
            spoilt[place] ^= 1;
            assert!(verify_evidence(&genesis, HASH, &spoilt).is_err(), "byte {place}");
            refused += 1;
        }
        assert_eq!(refused, votes.len());
        for wrong in [&[][..], &[0; 2_000], &votes[1..], &Activity::Notarize(notarize(&schemes[1].1, 1)).encode()] {
            assert!(matches!(verify_evidence(&genesis, HASH, wrong), Err(EvidenceError::Malformed { .. })));
        }
    }

    #[test]
    fn evidence_that_nobody_takes_does_not_fill_the_memory() {
        let (genesis, schemes) = network();
        let (_, activity) = contradictions(&schemes[1].1).swap_remove(0);
        let (mut witness, mut kept) = Witness::new(hearing(&genesis));
        (0..WAITING_MAX * 2).for_each(|_| witness.hear(&activity));
        let waiting = std::iter::from_fn(|| kept.try_recv().ok()).count();
        assert!((WAITING_MAX..=WAITING_MAX + 1).contains(&waiting), "{waiting}");
    }
}
