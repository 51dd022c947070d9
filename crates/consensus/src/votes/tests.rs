use super::*;
use crate::{ThresholdShare, deal_from_seed, tests::genesis_of};
use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_consensus::{
    simplex::types::{Finalize, Notarize, Nullify, Vote},
    types::{Epoch, Round, View},
};
use commonware_cryptography::certificate::Scheme as _;
use commonware_parallel::Sequential;
use florin_types::{Genesis, GenesisNode, NodeRole};
use rand::{SeedableRng as _, rngs::StdRng};

/// The demo's, and the hash that the program's tests use too.
pub(crate) const DOMAIN: Domain = Domain { chain_id: 461_337, genesis_hash: B256::repeat_byte(7) };

/// A network of four: its genesis file, and who votes in it, in the order of their shares.
pub(crate) struct Network {
    pub(crate) genesis: Genesis,
    pub(crate) committee: Committee,
    pub(crate) voters: Vec<Voter>,
}

pub(crate) struct Voter {
    pub(crate) secret: NodeSecret,
    pub(crate) share: ThresholdShare,
    pub(crate) scheme: VoteScheme,
}

pub(crate) fn network() -> Network {
    let secrets: Vec<NodeSecret> = (1..=4).map(NodeSecret::from_seed).collect();
    let node = |(index, secret): (usize, &NodeSecret)| GenesisNode {
        name: format!("bank {}", index + 1),
        public_key: secret.public_key(),
        address: format!("127.0.0.1:{}", index + 1),
        role: NodeRole::Validator,
    };
    let keys: Vec<B256> = secrets.iter().map(NodeSecret::public_key).collect();
    let dealing = deal_from_seed(3, &keys).unwrap();
    let nodes = secrets.iter().enumerate().map(node).collect();
    let genesis =
        Genesis { chain_id: DOMAIN.chain_id, threshold_public: dealing.threshold_public.clone(), ..genesis_of(nodes) };
    let committee = Committee::from_genesis(&genesis).unwrap();
    let voter = |(key, share): &(B256, ThresholdShare)| {
        let secret = secrets.iter().find(|secret| secret.public_key() == *key).unwrap().clone();
        let scheme = VoteScheme::signer(DOMAIN, &committee, share.inner().clone(), &secret).unwrap();
        Voter { secret, share: share.clone(), scheme }
    };
    let voters = dealing.shares.iter().map(voter).collect();
    Network { genesis, committee, voters }
}

pub(crate) fn round() -> Round {
    Round::new(Epoch::new(3), View::new(9))
}

pub(crate) fn proposal(payload: u8) -> Proposal<BlockDigest> {
    Proposal::new(round(), View::new(8), BlockDigest::from([payload; 32]))
}

fn rng() -> StdRng {
    StdRng::from_seed([1; 32])
}

impl Network {
    /// Votes of all to notarise one block.
    fn votes(&self) -> Vec<Attestation<VoteScheme>> {
        let vote = |voter: &Voter| Notarize::sign(&voter.scheme, proposal(1)).unwrap().attestation;
        self.voters.iter().map(vote).collect()
    }

    /// What one who only follows makes of these votes: alone, together, and as a certificate.
    fn judge(&self, votes: &[Attestation<VoteScheme>]) -> [Vec<u32>; 3] {
        let follower = VoteScheme::follower(DOMAIN, &self.committee, &crate::keys::node_key(&self.stranger()).unwrap());
        let block = proposal(1);
        let subject = || Subject::Notarize { proposal: &block };
        let right = |vote: &&Attestation<VoteScheme>| {
            follower.verify_attestation::<_, BlockDigest>(&mut rng(), subject(), vote, &Sequential)
        };
        let alone = votes.iter().filter(|vote| !right(vote)).map(|vote| vote.signer.get()).collect();
        let together = follower.verify_attestations(&mut rng(), subject(), votes.to_vec(), &Sequential);
        let none: [Attestation<VoteScheme>; 0] = [];
        let made = follower.optimistic_assemble(&mut rng(), subject(), votes.to_vec(), &none, &Sequential);
        let found = match made {
            Ok(certificate) => {
                assert!(follower.verify_certificate(&mut rng(), subject(), &certificate, &Sequential));
                Vec::new()
            }
            Err(found) => invalid(votes, &found),
        };
        [alone, invalid(votes, &together), found]
    }

    /// A key that nobody of the network has.
    fn stranger(&self) -> B256 {
        NodeSecret::from_seed(99).public_key()
    }
}

/// Whose votes were refused. The others' are given back whole.
fn invalid(votes: &[Attestation<VoteScheme>], found: &Verification<VoteScheme>) -> Vec<u32> {
    let right: Vec<_> = votes.iter().filter(|vote| !found.invalid.contains(&vote.signer)).cloned().collect();
    assert_eq!(found.verified, right);
    found.invalid.iter().map(|signer| signer.get()).collect()
}

fn both(vote: &Attestation<VoteScheme>) -> VoteSignature {
    vote.signature.get().unwrap().clone()
}

/// The node signature of one vote with the partial of another.
pub(crate) fn with_partial_of(vote: &Attestation<VoteScheme>, other: &Lazy<VoteSignature>) -> Lazy<VoteSignature> {
    VoteSignature { partial: other.get().unwrap().partial.clone(), ..both(vote) }.into()
}

#[test]
fn a_vote_is_golden() {
    let network = network();
    let scheme = &network.voters[2].scheme;
    let votes = [
        ("notarize", Vote::Notarize(Notarize::sign(scheme, proposal(1)).unwrap())),
        ("nullify", Vote::Nullify(Nullify::sign::<BlockDigest>(scheme, round()).unwrap())),
        ("finalize", Vote::Finalize(Finalize::sign(scheme, proposal(1)).unwrap())),
    ];
    let mut made = String::new();
    for (kind, vote) in votes {
        let encoded = vote.encode();
        let again = Vote::<VoteScheme, BlockDigest>::decode_cfg(Copying(&encoded), &()).unwrap();
        assert_eq!(again.encode(), encoded);
        made += &format!("{kind} {}\n", alloy_primitives::hex::encode(encoded));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/votes.txt");
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        made,
        "validators of two versions do not understand one another"
    );
}

#[test]
fn the_ledger_verifies_what_validators_sign() {
    let network = network();
    let Voter { secret, scheme, .. } = &network.voters[1];
    assert_eq!(B256::new(VerificationKeyBytes::from(&secret.vote_key()).into()), secret.public_key());
    let (notarize, nullify) =
        (Notarize::sign(scheme, proposal(1)).unwrap(), Nullify::sign::<BlockDigest>(scheme, round()));
    let (finalize, nullify) = (Finalize::sign(scheme, proposal(1)).unwrap(), nullify.unwrap());
    let (block, round) = (proposal(1), round());
    for (subject, vote) in [
        (Subject::Notarize { proposal: &block }, &notarize.attestation),
        (Subject::Nullify { round }, &nullify.attestation),
        (Subject::Finalize { proposal: &block }, &finalize.attestation),
    ] {
        let signed = signed_vote(&subject, vote).unwrap();
        assert!(signed.is_by(secret.public_key(), DOMAIN.chain_id, DOMAIN.genesis_hash), "{subject:?}");
        assert!(!signed.is_by(network.stranger(), DOMAIN.chain_id, DOMAIN.genesis_hash), "{subject:?}");
        assert_eq!((signed.vote.epoch, signed.vote.view), (3, 9));
    }
}

#[test]
fn certificates_are_those_of_the_threshold_scheme() {
    let network = network();
    let finalize = |voter: &Voter| Finalize::sign(&voter.scheme, proposal(1)).unwrap();
    let votes: Vec<_> = network.voters.iter().take(3).map(finalize).collect();
    let votes = NonEmpty::try_new(votes.into_iter()).unwrap();
    let made = Finalization::from_owned_finalizes(&network.voters[0].scheme, votes, &Sequential).unwrap();

    let bare = |voter: &Voter| {
        let Committee { participants, sharing } = network.committee.clone();
        let namespace = DOMAIN.namespace();
        let scheme = Scheme::signer(namespace.as_bytes(), participants, sharing, voter.share.inner().clone()).unwrap();
        (Finalize::sign(&scheme, proposal(1)).unwrap(), scheme)
    };
    let (votes, schemes): (Vec<_>, Vec<_>) = network.voters.iter().take(3).map(bare).unzip();
    let votes = NonEmpty::try_new(votes.into_iter()).unwrap();
    let expected = florin_proof::Finalization::from_owned_finalizes(&schemes[0], votes, &Sequential).unwrap();

    assert_eq!(made.encode(), expected.encode());
    assert_eq!(of_engine(florin_proof::decode_finalization(&made.encode()).unwrap()), made);
    let verifier = VoteScheme::certificate_verifier(DOMAIN, *network.committee.sharing.public());
    assert!(made.verify(&mut rng(), &verifier, &Sequential));
    let elsewhere = Domain { chain_id: 1, ..DOMAIN };
    let verifier = VoteScheme::certificate_verifier(elsewhere, *network.committee.sharing.public());
    assert!(!made.verify(&mut rng(), &verifier, &Sequential));
}

/// Each way in which one of four votes can be wrong, of the third. The others are a quorum.
#[test]
fn no_vote_counts_without_both_signatures() {
    let network = network();
    let votes = network.votes();
    let honest = both(&votes[2]);
    let other = &network.voters[2].scheme;
    let of = |vote: Attestation<VoteScheme>| both(&vote);
    let elsewhere = |domain| {
        let Voter { secret, share, .. } = &network.voters[2];
        let scheme = VoteScheme::signer(domain, &network.committee, share.inner().clone(), secret).unwrap();
        of(Notarize::sign(&scheme, proposal(1)).unwrap().attestation).node
    };
    let mut flipped = honest.node;
    flipped[63] ^= 1;
    let with_node = |node| VoteSignature { node, ..honest.clone() };
    let wrong = [
        ("good partial, wrong node signature", with_node(flipped)),
        ("good partial, no node signature", with_node([0; 64])),
        ("good partial, another's node signature", with_node(both(&votes[1]).node)),
        (
            "node signature of another block",
            with_node(of(Notarize::sign(other, proposal(2)).unwrap().attestation).node),
        ),
        ("node signature of another kind", with_node(of(Finalize::sign(other, proposal(1)).unwrap().attestation).node)),
        ("node signature for another chain", with_node(elsewhere(Domain { chain_id: 1, ..DOMAIN }))),
        ("node signature for another genesis", with_node(elsewhere(Domain { genesis_hash: B256::ZERO, ..DOMAIN }))),
        (
            "good node signature, another's partial",
            VoteSignature { partial: both(&votes[1]).partial, ..honest.clone() },
        ),
        (
            "good node signature, no partial",
            VoteSignature { partial: Lazy::deferred(&mut Copying(&[0xff; 48]), ()), ..honest },
        ),
    ];
    assert!(network.judge(&votes).iter().all(Vec::is_empty));
    for (what, signature) in wrong {
        let mut votes = votes.clone();
        votes[2].signature = signature.into();
        assert_eq!(network.judge(&votes), [vec![2], vec![2], vec![2]], "{what}");
    }
    // A place that nobody has.
    let mut votes = votes;
    votes[3].signer = Participant::new(64);
    assert_eq!(network.judge(&votes), [vec![64], vec![64], vec![64]]);
}

/// Without the look at node signatures before, the scheme beneath would have made the certificate.
#[test]
fn a_certificate_made_in_one_go_has_no_unsigned_vote_in_it() {
    let network = network();
    let mut votes = network.votes();
    let unsigned = VoteSignature { node: [0; 64], ..both(&votes[2]) };
    votes[2].signature = unsigned.into();
    let block = proposal(1);
    let subject = || Subject::Notarize { proposal: &block };
    let scheme = &network.voters[0].scheme;
    let partials: Vec<_> = votes[1..].iter().map(partial).collect();
    let beneath = scheme.threshold.optimistic_assemble(&mut rng(), subject(), partials, &[], &Sequential);
    assert!(beneath.is_ok());
    let made = scheme.optimistic_assemble(&mut rng(), subject(), votes[1..].to_vec(), &votes[..1], &Sequential);
    let found = made.unwrap_err();
    assert_eq!(invalid(&votes[1..], &found), [2]);
    // What is left, with what was verified before, is a quorum.
    let rest = found.verified;
    let made = scheme.optimistic_assemble(&mut rng(), subject(), rest, &votes[..1], &Sequential);
    let made = made.unwrap_or_else(|_| panic!("they are right"));
    assert!(scheme.verify_certificate(&mut rng(), subject(), &made, &Sequential));
    // Too few.
    let made = scheme.optimistic_assemble(&mut rng(), subject(), votes[..1].to_vec(), &votes[1..2], &Sequential);
    assert_eq!(invalid(&votes[..1], &made.unwrap_err()), Vec::<u32>::new());
}

/// A leader that lies shows an honest validator one block and a quorum another one. From the quorum's partials anyone
/// works out the partial that the honest one would make for the other block; there is only one that verifies, so its share
/// stands in here for the arithmetic. That was evidence against the innocent.
#[test]
fn nobody_is_framed_with_a_partial_that_others_worked_out() {
    let network = network();
    let [liar, victim] = [&network.voters[0], &network.voters[2]];
    let honest = Notarize::sign(&victim.scheme, proposal(2)).unwrap().attestation;
    let worked_out =
        VoteScheme::signer(DOMAIN, &network.committee, victim.share.inner().clone(), &liar.secret).unwrap();
    let forged = Notarize::sign(&worked_out, proposal(1)).unwrap().attestation;
    let (block, other) = (proposal(1), proposal(2));
    let key = B256::from_slice(network.committee.participants.get(2).unwrap().as_ref());
    assert_eq!(key, victim.secret.public_key());
    for node in [both(&forged).node, both(&honest).node, [0; 64]] {
        let mut votes = network.votes();
        votes[2].signature = VoteSignature { node, ..both(&forged) }.into();
        let beneath = &liar.scheme.threshold;
        let subject = || Subject::Notarize { proposal: &block };
        assert!(beneath.verify_attestation(&mut rng(), subject(), &partial(&votes[2]), &Sequential));
        assert_eq!(network.judge(&votes), [vec![2], vec![2], vec![2]]);
        let told = signed_vote(&Subject::Notarize { proposal: &other }, &honest).unwrap();
        let framed = signed_vote(&subject(), &votes[2]).unwrap();
        let error = DOMAIN.convict(key, told, framed).unwrap_err();
        assert!(matches!(error, EquivocationError::Signature { .. }), "{error}");
    }
}

#[test]
fn who_follows_signs_nothing_and_a_foreign_share_makes_no_voter() {
    let network = network();
    let Voter { secret, share, .. } = &network.voters[0];
    let node = crate::keys::node_key(&secret.public_key()).unwrap();
    let member = VoteScheme::follower(DOMAIN, &network.committee, &node);
    assert!(Notarize::<_, BlockDigest>::sign(&member, proposal(1)).is_none());
    assert_eq!(member.me(), Some(Membership::Member(Participant::new(0))));
    let stranger = crate::keys::node_key(&network.stranger()).unwrap();
    assert_eq!(VoteScheme::follower(DOMAIN, &network.committee, &stranger).me(), None);
    let mut keys: Vec<B256> = network.voters.iter().map(|voter| voter.secret.public_key()).collect();
    keys.sort_unstable();
    let other = deal_from_seed(4, &keys).unwrap().shares.swap_remove(0).1;
    assert_eq!(other.index(), share.index());
    assert!(VoteScheme::signer(DOMAIN, &network.committee, other.inner().clone(), secret).is_none());
}

/// The engine signs the length of a name, the name, and then the message. Whatever lengths they have, all names under which
/// this key signs begin as the name of this ledger does; the bytes of a vote begin so one byte earlier.
#[test]
fn a_vote_is_nothing_else_that_the_key_signs() {
    let vote = DOMAIN.signed_bytes(&NodeVote::nullify(3, 9));
    let dealings = crate::epochs::namespace(DOMAIN.chain_id, DOMAIN.genesis_hash);
    for name in [dealings, &crate::start::network_namespace(&network().genesis)] {
        let framed = commonware_utils::union_unique(name, b"");
        assert!(framed.starts_with(&[u8::try_from(name.len()).unwrap()]) && framed[1..].starts_with(b"florin"));
        assert_ne!(framed[1], vote[1]);
    }
}
