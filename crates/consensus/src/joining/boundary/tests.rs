use super::*;
use crate::{
    epochs,
    joining::sample::decode_sample,
    votes::{
        VoteScheme,
        tests::{DOMAIN, Network, network},
    },
};
use commonware_consensus::{
    simplex::types::{Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_parallel::Sequential;
use commonware_utils::iter::NonEmpty;
use florin_proof::block_digest;
use florin_types::{B256, ConsensusContext, StateTarget};

const EPOCH_BLOCKS: u64 = 32;

fn trust(network: &Network) -> Trust {
    Trust {
        key: NetworkKey::from_threshold_public(&network.genesis.threshold_public).unwrap(),
        namespace: Namespace::new(DOMAIN.chain_id, DOMAIN.genesis_hash),
        epoch_blocks: NonZeroU64::new(EPOCH_BLOCKS).unwrap(),
    }
}

/// What an epoch begins with, dealt by nobody.
fn begins(network: &Network, epoch: u64) -> Epochal {
    let mut genesis = network.genesis.clone();
    genesis.epoch_blocks = NonZeroU64::new(EPOCH_BLOCKS);
    let first = epochs::first(&genesis, &network.committee).unwrap().unwrap();
    Epochal { epoch: Epoch::new(epoch), ..first }
}

/// A block of this height with this payload, with the certificate of these voters.
fn boundary(network: &Network, height: u64, payload: Bytes) -> Boundary {
    let leader = network.voters[0].secret.public_key();
    let extension = Extension {
        timestamp_ms: 1_700_000_000_123,
        context: ConsensusContext { epoch: height / EPOCH_BLOCKS, view: 40, parent_view: 39, leader },
        state: StateTarget { operations_root: B256::repeat_byte(9), operations_start: 1, operations_end: 5 },
        payload_hash: Some(keccak256(&payload)),
    };
    let header = Header {
        number: height,
        timestamp: 1_700_000_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        ..Block::header_template()
    };
    let certificate = certificate(network, &header);
    Boundary { certificate, header, extension, payload }
}

fn certificate(network: &Network, header: &Header) -> Bytes {
    let round = Round::new(Epoch::new(header.number / EPOCH_BLOCKS), View::new(40));
    let proposal = Proposal::new(round, View::new(39), block_digest(header.hash_slow()));
    let vote = |scheme: &VoteScheme| Finalize::sign(scheme, proposal.clone()).unwrap();
    let votes: Vec<_> = network.voters.iter().take(3).map(|voter| vote(&voter.scheme)).collect();
    let votes = NonEmpty::new(&votes[0], votes[1..].iter());
    Bytes::from(Finalization::from_finalizes(&network.voters[0].scheme, votes, &Sequential).unwrap().encode())
}

fn payload(begins: Epochal) -> Bytes {
    Bytes::from(EpochPayload::EpochInfo(begins).encode())
}

#[test]
fn it_proves_with_what_an_epoch_began_and_with_what_no_other() {
    let network = network();
    let (trust, begins) = (trust(&network), begins(&network, 3));
    let boundary = boundary(&network, 95, payload(begins.clone()));
    assert_eq!(Boundary::decode(&boundary.encode()).unwrap(), boundary);
    assert!(boundary.encode().len() <= BYTES_MAX);
    assert_eq!(boundary.verify(&trust, 3), Ok(begins));
    for epoch in [0, 2, 4, u64::MAX] {
        assert!(boundary.verify(&trust, epoch).unwrap_err().contains("is not the one before"), "{epoch}");
    }
}

#[test]
fn a_changed_byte_proves_nothing() {
    let network = network();
    let trust = trust(&network);
    let encoded = boundary(&network, 95, payload(begins(&network, 3))).encode();
    for position in 0..encoded.len() {
        for change in [0x01, 0x80] {
            let mut changed = encoded.clone();
            changed[position] ^= change;
            let accepted = Boundary::decode(&changed).is_ok_and(|boundary| boundary.verify(&trust, 3).is_ok());
            assert!(!accepted, "byte {position} changed by {change:#x} unnoticed");
        }
    }
    for cut in 0..encoded.len() {
        assert!(Boundary::decode(&encoded[..cut]).is_err(), "cut to {cut} bytes");
    }
    assert!(Boundary::decode(&[&encoded[..], &[0]].concat()).is_err());
    assert!(Boundary::decode(&vec![0; BYTES_MAX + 1]).unwrap_err().contains("more than any"));
}

#[test]
fn parts_that_do_not_belong_together_prove_nothing() {
    let network = network();
    let trust = trust(&network);
    let whole = boundary(&network, 95, payload(begins(&network, 3)));
    let other = boundary(&network, 95, payload(begins(&network, 4)));
    assert!(other.verify(&trust, 3).unwrap_err().contains("does not say with what"), "it is about another epoch");
    let nothing = boundary(&network, 95, Bytes::from_static(&[7; 40]));
    assert!(nothing.verify(&trust, 3).unwrap_err().contains("does not say with what"), "it is no payload");
    let mixed = [
        Boundary { payload: other.payload.clone(), ..whole.clone() },
        Boundary { extension: other.extension, payload: other.payload.clone(), ..whole.clone() },
        Boundary { certificate: other.certificate.clone(), ..whole.clone() },
        Boundary { header: other.header.clone(), extension: other.extension, ..whole.clone() },
        Boundary { extension: Extension { payload_hash: None, ..whole.extension }, ..whole.clone() },
    ];
    for (index, boundary) in mixed.iter().enumerate() {
        assert!(boundary.verify(&trust, 3).is_err(), "{index}");
    }
    let elsewhere = Trust { namespace: Namespace::new(DOMAIN.chain_id, B256::ZERO), ..self::trust(&network) };
    assert!(whole.verify(&elsewhere, 3).is_err(), "it is another network's");
}

/// Nodes of different versions must understand one another.
#[test]
fn its_encoding_is_golden() {
    let network = network();
    let made = alloy_primitives::hex::encode(boundary(&network, 95, payload(begins(&network, 3))).encode());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/boundary.hex");
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "nodes of this version do not understand others");
}

#[test]
fn questions_and_answers_are_told_apart() {
    let network = network();
    let answer = [&[5][..], &boundary(&network, 95, payload(begins(&network, 3))).encode()].concat();
    assert!(matches!(parse(&answer, true), Ok(Message::Boundary(_))));
    assert!(matches!(parse(&answer, false), Ok(Message::Other)), "nobody asked it");
    assert_eq!(decode_sample(&answer), Ok(false));
    assert_eq!(decode_sample(&[0]), Ok(true));
    assert_eq!(decode_sample(&[4, 0, 0, 0, 0, 0, 0, 0, 3]), Ok(true));
    assert_eq!(decode_sample(&[6]), Ok(true));
    assert_eq!(decode_sample(&[7]), Ok(false), "no vote was heard");
    for wrong in [&[][..], &[4], &[4, 3], &[4, 0, 0, 0, 0, 0, 0, 0, 3, 0], &[5], &[6, 0], &[7, 0], &[8]] {
        assert!(parse(wrong, true).is_err(), "{wrong:?}");
    }
}
