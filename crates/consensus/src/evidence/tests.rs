use super::*;
use crate::{
    epochs::schemes::Abstains,
    votes::tests::{DOMAIN, Network, network, proposal, round},
};
use commonware_consensus::simplex::types::{ConflictingFinalize, ConflictingNotarize, NullifyFinalize};
use commonware_consensus::types::Epoch;
use commonware_cryptography::certificate::Attestation;
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
    let (mut witness, mut kept) = Witness::new(schemes);
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
    let (mut witness, mut kept) = Witness::new(hearing(&network));
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
    let (mut witness, mut kept) = Witness::new(hearing(&network));
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
    let (mut witness, mut kept) = Witness::new(hearing(&network));
    witness.hear(&Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(one, 1), second)));
    assert_eq!(kept.try_recv().unwrap().validator(), network.voters[1].secret.public_key());
}

#[test]
fn votes_of_an_epoch_that_is_not_known_are_of_nobody() {
    let network = network();
    let committee = network.committee.clone();
    let schemes = Schemes::new(DOMAIN, network.voters[0].secret.clone(), committee, None, Abstains::Never).unwrap();
    assert_ne!(round().epoch(), Epoch::zero());
    let (mut witness, mut kept) = Witness::new(schemes);
    let (_, activity) = contradictions(&network.voters[2].scheme).swap_remove(0);
    witness.hear(&activity);
    assert!(kept.try_recv().is_err());
}

#[test]
fn a_flipped_bit_is_no_evidence() {
    let network = network();
    let (mut witness, mut kept) = Witness::new(hearing(&network));
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
    let (_, activity) = contradictions(&network.voters[1].scheme).swap_remove(0);
    let (mut witness, mut kept) = Witness::new(hearing(&network));
    (0..WAITING_MAX * 2).for_each(|_| witness.hear(&activity));
    let waiting = std::iter::from_fn(|| kept.try_recv().ok()).count();
    assert!((WAITING_MAX..=WAITING_MAX + 1).contains(&waiting), "{waiting}");
}
