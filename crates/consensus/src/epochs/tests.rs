use super::{
    current::{Current, Seated},
    dealings::Round,
    schemes::{Abstains, Schemes},
    *,
};
use crate::{
    NodeSecret, ThresholdShare, block::EpochPayload, deal_from_seed, keys::node_key, tests::genesis_of, votes::Domain,
};
use commonware_cryptography::{
    Signer as _,
    bls12381::dkg::feldman_desmedt::{Dealer, Player, SignedDealerLog},
    certificate::Scheme as _,
    ed25519,
};
use commonware_glue::dkg::types::Payload;
use commonware_utils::N3f1;
use florin_types::{GenesisNode, NodeRole};
use rand::{SeedableRng as _, rngs::StdRng};

const SPACE: &[u8] = b"test";

/// A network of four with epochs, and the shares of its validators.
fn network() -> (Genesis, Vec<(NodeSecret, ThresholdShare)>) {
    let secrets: Vec<NodeSecret> = (1..=4).map(NodeSecret::from_seed).collect();
    let keys: Vec<B256> = secrets.iter().map(NodeSecret::public_key).collect();
    let node = |key: &B256| GenesisNode {
        name: "bank".into(),
        public_key: *key,
        address: "127.0.0.1:1".into(),
        role: NodeRole::Validator,
    };
    let dealing = deal_from_seed(3, &keys).unwrap();
    let mut genesis = genesis_of(keys.iter().map(node).collect());
    genesis.threshold_public = dealing.threshold_public;
    genesis.epoch_blocks = NonZeroU64::new(32);
    let share = |secret: NodeSecret| {
        let (_, share) = dealing.shares.iter().find(|(key, _)| *key == secret.public_key()).unwrap();
        (secret, share.clone())
    };
    (genesis, secrets.into_iter().map(share).collect())
}

fn begins() -> (Epochal, Vec<(NodeSecret, ThresholdShare)>) {
    let (genesis, shares) = network();
    let committee = Committee::from_genesis(&genesis).unwrap();
    (first(&genesis, &committee).unwrap().unwrap(), shares)
}

#[test]
fn the_first_epoch_begins_with_the_genesis_file() {
    let (begins, _) = begins();
    let (genesis, _) = network();
    let committee = Committee::from_genesis(&genesis).unwrap();
    assert_eq!(begins.output.public(), &committee.sharing);
    assert_eq!((begins.output.players(), &begins.next_players), (&committee.participants, &committee.participants));
    assert!(begins.output.revealed().is_empty() && begins.epoch.is_zero());
    let without = Genesis { epoch_blocks: None, ..genesis };
    assert!(first(&without, &committee).unwrap().is_none());
    assert_eq!(epoch_blocks(&without), NonZeroU64::MAX);
}

/// What the engine's crates encode is this ledger's format of consensus: an upgrade that changes it must be noticed.
#[test]
fn what_blocks_carry_is_golden() {
    let (begins, shares) = begins();
    let log = log(&begins, &shares, 0, &[0, 1, 2, 3]);
    let info = EpochPayload::EpochInfo(begins).encode();
    let log = EpochPayload::DealerLog(log).encode();
    let made = format!("info {}\nlog {}\n", alloy_primitives::hex::encode(info), alloy_primitives::hex::encode(log));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/payloads.txt");
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "blocks that were kept are no longer read");
}

/// The log of a dealer of whom only some have acknowledged what they were dealt.
fn log(
    begins: &Epochal,
    shares: &[(NodeSecret, ThresholdShare)],
    dealer: usize,
    acknowledge: &[usize],
) -> SignedDealerLog<MinSig, PublicKey> {
    let info = Round::new(SPACE, begins).unwrap().info;
    let (secret, share) = &shares[dealer];
    let (signer, rng) = (secret.signer().clone(), StdRng::from_seed([9; 32]));
    let (mut dealing, public, private) =
        Dealer::start::<N3f1>(rng, info.clone(), signer.clone(), Some(share.inner().clone())).unwrap();
    for (index, (secret, _)) in shares.iter().enumerate().filter(|(index, _)| acknowledge.contains(index)) {
        let key = secret.signer().public_key();
        let (_, dealt) = private.iter().find(|(player, _)| *player == key).unwrap();
        let mut player = Player::new(info.clone(), secret.signer().clone()).unwrap();
        let acknowledged = player.dealer_message::<N3f1>(signer.public_key(), public.clone(), dealt.clone());
        dealing.receive_player_ack(key, acknowledged.unwrap().unwrap()).unwrap_or_else(|_| panic!("player {index}"));
    }
    dealing.finalize::<N3f1>()
}

#[test]
fn a_log_that_reveals_a_share_is_in_no_block() {
    let (begins, shares) = begins();
    let round = Round::new(SPACE, &begins).unwrap();
    round.judge(&log(&begins, &shares, 0, &[0, 1, 2, 3])).unwrap();
    let refused = round.judge(&log(&begins, &shares, 0, &[0, 1, 2])).unwrap_err();
    assert!(refused.contains("reveals 1 shares"), "{refused}");
    let refused = round.judge(&log(&begins, &shares, 0, &[0, 1])).unwrap_err();
    assert!(refused.contains("too many reveals"), "{refused}");
    let other = Epochal { epoch: Epoch::new(7), ..begins.clone() };
    let refused = round.judge(&log(&other, &shares, 0, &[0, 1, 2, 3])).unwrap_err();
    assert!(refused.contains("not signed for this epoch"), "{refused}");
    let elsewhere = Round::new(b"another network", &begins).unwrap();
    assert!(elsewhere.judge(&log(&begins, &shares, 0, &[0, 1, 2, 3])).is_err());
}

#[test]
fn a_payload_has_one_encoding() {
    let (begins, _) = begins();
    let encoded = Payload::<MinSig, PublicKey>::EpochInfo(begins).encode();
    let (mut longer, bounds) = (encoded.to_vec(), payload_bounds());
    assert!(EpochPayload::decode_cfg(Copying(&encoded), &bounds).is_ok());
    longer.push(0);
    assert!(EpochPayload::decode_cfg(Copying(&longer), &bounds).is_err());
    for length in 0..encoded.len() {
        assert!(EpochPayload::decode_cfg(Copying(&encoded[..length]), &bounds).is_err(), "{length} bytes");
    }
}

fn schemes(abstains: Abstains) -> (Schemes, PublicKey) {
    let (genesis, shares) = network();
    let committee = Committee::from_genesis(&genesis).unwrap();
    let (secret, share) = &shares[0];
    let node = node_key(&secret.public_key()).unwrap();
    let domain = Domain { chain_id: genesis.chain_id, genesis_hash: B256::ZERO };
    (Schemes::new(domain, secret.clone(), committee, Some(share), abstains).unwrap(), node)
}

#[test]
fn who_may_have_voted_before_signs_nothing() {
    for (abstains, signs) in
        [(Abstains::Never, true), (Abstains::Always, false), (Abstains::UpTo(Epoch::zero()), false)]
    {
        let (schemes, node) = schemes(abstains);
        let scheme = schemes.of(Epoch::zero()).unwrap();
        let seated = schemes.current().get();
        assert_eq!(seated.role == NodeRole::Validator, signs, "{abstains:?}");
        assert_eq!(seated.others(&node).len(), 3);
        // Also a member that abstains knows its place.
        assert!(scheme.me().is_some(), "{abstains:?}");
    }
    assert!(schemes(Abstains::Never).0.of(Epoch::new(1)).is_none());
}

#[test]
fn an_earlier_epoch_never_comes_back() {
    let (genesis, _) = network();
    let committee = Committee::from_genesis(&genesis).unwrap();
    let seated = |epoch| Seated { epoch, committee: committee.clone(), role: NodeRole::Follower };
    let current = Current::new(seated(3));
    current.replace(seated(2));
    assert_eq!(current.get().epoch, 3);
    current.replace(seated(4));
    assert_eq!(current.get().epoch, 4);
}

/// One key signs connections, dealings and logs: each in a space of its own, so that none is ever taken for another.
#[test]
fn what_a_node_key_signs_for_one_purpose_says_nothing_for_another() {
    let (genesis, _) = network();
    let key = ed25519::PrivateKey::from_seed(1);
    let spaces =
        [namespace(genesis.chain_id, B256::ZERO), b"florin/network/1".as_slice(), b"florin/ceremony/1".as_slice()];
    for (index, space) in spaces.iter().enumerate() {
        let signature = key.sign(space, b"message");
        for (other_index, other) in spaces.iter().enumerate() {
            let verifies = commonware_cryptography::Verifier::verify(&key.public_key(), other, b"message", &signature);
            assert_eq!(verifies, index == other_index);
        }
    }
}
