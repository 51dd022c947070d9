use super::*;
use crate::{
    epochs::schemes::Abstains,
    votes::tests::{DOMAIN, Network, network, proposal, round},
};
use commonware_consensus::{
    simplex::types::{ConflictingFinalize, ConflictingNotarize, Notarization, NullifyFinalize},
    types::{Round, View},
};
use commonware_cryptography::certificate::Attestation;
use commonware_parallel::Sequential;
use commonware_utils::iter::NonEmpty;
use florin_types::EquivocationError;

/// What a validator of the network that is not accused hears votes with, in the epoch of the votes.
fn hearing(network: &Network) -> Schemes {
    let secret = network.voters[0].secret.clone();
    let schemes = Schemes::new(DOMAIN, secret, network.committee.clone(), None, Abstains::Never).unwrap();
    schemes.seat(round().epoch(), network.committee.participants.clone(), network.committee.sharing.clone(), None);
    schemes
}

fn notarize(scheme: &VoteScheme, payload: u8) -> Notarize<VoteScheme, BlockDigest> {
    Notarize::sign(scheme, proposal(payload)).unwrap()
}

fn finalize(scheme: &VoteScheme, payload: u8) -> Finalize<VoteScheme, BlockDigest> {
    Finalize::sign(scheme, proposal(payload)).unwrap()
}

fn contradictions(scheme: &VoteScheme) -> Vec<(&'static str, Activity<VoteScheme, BlockDigest>)> {
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
    let network = network();
    let (accused, schemes) = (&network.voters[2], hearing(&network));
    let (mut witness, mut kept, _telling) = Witness::new(schemes);
    for (kind, activity) in contradictions(&accused.scheme) {
        witness.hear(&activity);
        let evidence = kept.try_recv().unwrap();
        assert_eq!((evidence.kind(), evidence.epoch(), evidence.view()), (kind, 3, 9));
        assert_eq!(evidence.validator(), accused.secret.public_key());
        // Whoever is shown it has nothing but the genesis file.
        let shown = Equivocation::decode(&evidence.encode()).unwrap();
        assert_eq!(shown.verify(network.genesis.chain_id, DOMAIN.genesis_hash), Ok(()));
        let elsewhere = shown.verify(network.genesis.chain_id, B256::ZERO);
        assert_eq!(elsewhere, Err(EquivocationError::Signature { place: 1 }));
    }
    witness.hear(&Activity::Notarize(notarize(&accused.scheme, 1)));
    assert!(kept.try_recv().is_err(), "one vote contradicts nothing");
}

/// The program's tests read this file too. `FLORIN_GENERATE=1` writes it.
#[test]
fn evidence_is_golden() {
    let network = network();
    let (_, activity) = contradictions(&network.voters[2].scheme).swap_remove(0);
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    witness.hear(&activity);
    let made = alloy_primitives::hex::encode(kept.try_recv().unwrap().encode());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/evidence.hex");
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "evidence that was kept is no longer read");
}

/// The words of one with the signature of another: the engine blocks who sent it, but it is no evidence.
#[test]
fn nobody_is_accused_by_votes_of_another() {
    let network = network();
    let (honest, liar) = (&network.voters[1].scheme, &network.voters[2].scheme);
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    let said = notarize(honest, 1);
    let mut forged = notarize(honest, 2);
    forged.attestation.signature = notarize(liar, 2).attestation.signature;
    witness.hear(&Activity::ConflictingNotarize(ConflictingNotarize::new(said.clone(), forged)));
    assert!(kept.try_recv().is_err());
    // What the liar signs itself, under the name of the other.
    let renamed = |vote: Notarize<VoteScheme, BlockDigest>| Notarize {
        attestation: Attestation { signer: said.attestation.signer, ..vote.attestation },
        ..vote
    };
    let (one, other) = (renamed(notarize(liar, 1)), renamed(notarize(liar, 2)));
    witness.hear(&Activity::ConflictingNotarize(ConflictingNotarize::new(one, other)));
    assert!(kept.try_recv().is_err());
}

/// Also if what it signed could never have counted: the node key said it.
#[test]
fn the_node_key_convicts_whatever_the_partials_are() {
    let network = network();
    let (one, other) = (&network.voters[1].scheme, &network.voters[2].scheme);
    let mut second = notarize(one, 2);
    let partial = notarize(other, 2).attestation.signature;
    second.attestation.signature = crate::votes::tests::with_partial_of(&second.attestation, &partial);
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    witness.hear(&Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(one, 1), second)));
    assert_eq!(kept.try_recv().unwrap().validator(), network.voters[1].secret.public_key());
}

#[test]
fn votes_of_an_epoch_that_is_not_known_are_of_nobody() {
    let network = network();
    let committee = network.committee.clone();
    let schemes = Schemes::new(DOMAIN, network.voters[0].secret.clone(), committee, None, Abstains::Never).unwrap();
    assert_ne!(round().epoch(), Epoch::zero());
    let (mut witness, mut kept, _telling) = Witness::new(schemes);
    let (_, activity) = contradictions(&network.voters[2].scheme).swap_remove(0);
    witness.hear(&activity);
    assert!(kept.try_recv().is_err());
}

#[test]
fn a_flipped_bit_is_no_evidence() {
    let network = network();
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    let mut refused = 0;
    for (_, activity) in contradictions(&network.voters[1].scheme) {
        witness.hear(&activity);
        let evidence = kept.try_recv().unwrap().encode();
        for place in 0..evidence.len() {
            let mut spoilt = evidence.clone();
            spoilt[place] ^= 1;
            let read = Equivocation::decode(&spoilt);
            let read = read.and_then(|read| read.verify(DOMAIN.chain_id, DOMAIN.genesis_hash));
            assert!(read.is_err(), "byte {place}");
            refused += 1;
        }
    }
    assert_eq!(refused, 3 * florin_types::EQUIVOCATION_BYTES);
}

#[test]
fn evidence_that_nobody_takes_does_not_fill_the_memory() {
    let network = network();
    let accused = &network.voters[1].scheme;
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    for view in 1..=2 * WAITING_MAX as u64 {
        let round = Round::new(round().epoch(), View::new(view));
        let vote = |payload| Notarize::sign(accused, Proposal { round, ..proposal(payload) }).unwrap();
        let activity = Activity::ConflictingNotarize(ConflictingNotarize::new(vote(1), vote(2)));
        // Heard twice, it is kept once.
        witness.hear(&activity);
        witness.hear(&activity);
    }
    let waiting = std::iter::from_fn(|| kept.try_recv().ok()).count();
    assert!((WAITING_MAX..=WAITING_MAX + 1).contains(&waiting), "{waiting}");
}

/// A quorum's certificate that a block is notarised.
fn certificate(network: &Network, payload: u8) -> Activity<VoteScheme, BlockDigest> {
    let votes: Vec<_> = network.voters.iter().take(3).map(|voter| notarize(&voter.scheme, payload)).collect();
    let votes = NonEmpty::try_new(votes.into_iter()).unwrap();
    let made = Notarization::from_owned_notarizes(&network.voters[0].scheme, votes, &Sequential);
    Activity::Notarization(made.unwrap())
}

/// The accused shows one node one vote and another node another one: nobody hears both.
#[test]
fn who_shows_each_of_the_others_one_vote_only_is_convicted_by_what_they_tell() {
    let network = network();
    let accused = &network.voters[2];
    let (mut one, mut of_one, mut told) = Witness::new(hearing(&network));
    let (mut other, mut of_other, mut told_by_other) = Witness::new(hearing(&network));
    one.hear(&Activity::Notarize(notarize(&accused.scheme, 1)));
    other.hear(&Activity::Notarize(notarize(&accused.scheme, 2)));
    assert!(told.try_recv().is_err() && told_by_other.try_recv().is_err(), "nobody knows yet what a quorum wants");
    for witness in [&mut one, &mut other] {
        witness.hear(&certificate(&network, 2));
        witness.hear(&certificate(&network, 2));
    }
    assert!(of_one.try_recv().is_err() && of_other.try_recv().is_err());
    let (validator, vote) = told.try_recv().unwrap();
    assert!(told.try_recv().is_err() && told_by_other.try_recv().is_err(), "what is odd is told, and once");
    let message = telling::encode(validator, &vote);
    assert_eq!(message.len(), telling::MESSAGE_BYTES);
    assert_eq!(telling::decode_told(&message), Some(message.clone()));
    other.be_told(&message).unwrap();
    other.be_told(&message).unwrap();
    let evidence = of_other.try_recv().unwrap();
    assert_eq!((evidence.kind(), evidence.validator()), ("two_proposals", accused.secret.public_key()));
    assert!(of_other.try_recv().is_err());
    assert!(told_by_other.try_recv().is_err(), "what was told is not told on");
}

#[test]
fn what_is_told_is_believed_with_its_signature_only() {
    let network = network();
    let (honest, liar) = (&network.voters[1], &network.voters[2]);
    let (mut witness, mut kept, _telling) = Witness::new(hearing(&network));
    witness.hear(&Activity::Notarize(notarize(&honest.scheme, 1)));
    let key = honest.secret.public_key();
    let other = super::notarize(&notarize(&liar.scheme, 2)).unwrap();
    // Another's signature, and what is no message.
    assert!(witness.be_told(&telling::encode(key, &other)).unwrap_err().contains("did not sign"));
    let message = telling::encode(liar.secret.public_key(), &other);
    for wrong in [&[][..], &message[1..], &[message.as_slice(), &[0]].concat(), &[0xff; 153]] {
        assert!(witness.be_told(wrong).is_err(), "{} bytes", wrong.len());
    }
    // A vote of nobody, of an epoch or a view that was not heard of: somebody may know more, and is not blocked.
    let stranger = B256::repeat_byte(9);
    let elsewhere = |vote: SignedVote, epoch, view| {
        telling::encode(key, &SignedVote { vote: florin_types::NodeVote { epoch, view, ..vote.vote }, ..vote })
    };
    for unknown in [telling::encode(stranger, &other), elsewhere(other, 7, 9), elsewhere(other, 3, 10)] {
        assert_eq!(witness.be_told(&unknown), Ok(()));
    }
    assert!(kept.try_recv().is_err());
    // The truth.
    let second = super::notarize(&notarize(&honest.scheme, 2)).unwrap();
    witness.be_told(&telling::encode(key, &second)).unwrap();
    assert_eq!(kept.try_recv().unwrap().validator(), key);
}

/// Others would block who tells of it.
#[test]
fn a_vote_that_its_validator_did_not_sign_is_not_told() {
    let network = network();
    let (mut witness, _kept, mut told) = Witness::new(hearing(&network));
    let mut unsigned = notarize(&network.voters[1].scheme, 1);
    unsigned.attestation.signature = notarize(&network.voters[2].scheme, 1).attestation.signature;
    witness.hear(&Activity::Notarize(unsigned));
    witness.hear(&certificate(&network, 2));
    assert!(told.try_recv().is_err());
}
