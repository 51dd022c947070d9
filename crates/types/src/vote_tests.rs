use super::*;
use alloy_primitives::hex;
use ed25519_zebra::SigningKey;

const CHAIN_ID: u64 = 461_337;
const GENESIS: B256 = B256::repeat_byte(7);

fn key(seed: u8) -> SigningKey {
    SigningKey::from([seed; 32])
}

fn public(seed: u8) -> B256 {
    B256::new(ed25519_zebra::VerificationKeyBytes::from(&key(seed)).into())
}

fn vote(kind: VoteKind, view: u64, payload: u8) -> NodeVote {
    match kind {
        VoteKind::Nullify => NodeVote::nullify(3, view),
        _ => NodeVote { kind, epoch: 3, view, parent_view: 8, payload: B256::repeat_byte(payload) },
    }
}

fn signed(seed: u8, vote: NodeVote) -> SignedVote {
    SignedVote { vote, signature: key(seed).sign(&vote.signed_bytes(CHAIN_ID, GENESIS)).to_bytes() }
}

/// One of each way to contradict oneself.
fn contradictions() -> [(&'static str, Equivocation); 3] {
    use VoteKind::{Finalize, Notarize, Nullify};
    let pair = |one, other| Equivocation::new(public(1), signed(1, one), signed(1, other)).unwrap();
    [
        ("two_proposals", pair(vote(Notarize, 9, 1), vote(Notarize, 9, 2))),
        ("two_finals", pair(vote(Finalize, 9, 1), vote(Finalize, 9, 2))),
        ("final_and_skipped", pair(vote(Nullify, 9, 0), vote(Finalize, 9, 1))),
    ]
}

#[test]
fn what_is_signed_has_one_layout() {
    let network = "666c6f72696e2f766f74652f310000000000070a19".to_string() + &"07".repeat(32);
    let numbers = "00000000000000030000000000000009";
    let block = "0000000000000008".to_string() + &"05".repeat(32);
    let skipped = "0".repeat(16 + 64);
    for (kind, byte, rest) in
        [(VoteKind::Notarize, "00", &block), (VoteKind::Nullify, "01", &skipped), (VoteKind::Finalize, "02", &block)]
    {
        let bytes = vote(kind, 9, 5).signed_bytes(CHAIN_ID, GENESIS);
        assert_eq!(hex::encode(bytes), format!("{network}{byte}{numbers}{rest}"), "{kind:?}");
    }
}

/// One line for each kind. `FLORIN_GENERATE=1` writes the file.
#[test]
fn the_encoding_is_golden_and_the_same_in_either_order() {
    let mut made = String::new();
    for (kind, equivocation) in contradictions() {
        let bytes = equivocation.encode();
        let again = Equivocation::new(public(1), *equivocation.second(), *equivocation.first()).unwrap();
        assert_eq!(again.encode(), bytes);
        assert_eq!(bytes.len(), EQUIVOCATION_BYTES);
        assert_eq!(Equivocation::decode(&bytes), Ok(equivocation));
        assert_eq!((equivocation.kind(), equivocation.epoch(), equivocation.view()), (kind, 3, 9));
        made += &format!("{kind} {}\n", hex::encode(bytes));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/equivocations.txt");
    if std::env::var_os("FLORIN_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "what was kept or submitted is no longer read");
}

#[test]
fn the_key_convicts_itself_on_its_own_network_only() {
    for (_, equivocation) in contradictions() {
        assert_eq!(equivocation.verify(CHAIN_ID, GENESIS), Ok(()));
        let unsigned = Err(EquivocationError::Signature { place: 1 });
        assert_eq!(equivocation.verify(CHAIN_ID + 1, GENESIS), unsigned);
        assert_eq!(equivocation.verify(CHAIN_ID, B256::ZERO), unsigned);
        let framed = Equivocation::new(public(2), *equivocation.first(), *equivocation.second()).unwrap();
        assert_eq!(framed.verify(CHAIN_ID, GENESIS), unsigned);
    }
    let (one, other) = (vote(VoteKind::Notarize, 9, 1), vote(VoteKind::Notarize, 9, 2));
    let half = Equivocation::new(public(1), signed(1, one), signed(2, other)).unwrap();
    assert_eq!(half.verify(CHAIN_ID, GENESIS), Err(EquivocationError::Signature { place: 2 }));
}

#[test]
fn no_byte_can_be_another() {
    for (kind, equivocation) in contradictions() {
        let bytes = equivocation.encode();
        let mut refused = 0;
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut spoilt = bytes.clone();
                spoilt[place] ^= 1 << bit;
                let read = Equivocation::decode(&spoilt).and_then(|read| read.verify(CHAIN_ID, GENESIS));
                assert!(read.is_err(), "{kind}: bit {bit} of byte {place}");
                refused += 1;
            }
        }
        assert_eq!(refused, EQUIVOCATION_BYTES * 8);
    }
}

#[test]
fn what_honest_validators_say_is_no_contradiction() {
    use VoteKind::{Finalize, Notarize, Nullify};
    let elsewhere = |mut vote: NodeVote| {
        vote.epoch = 4;
        vote
    };
    let honest = [
        (vote(Notarize, 9, 1), vote(Nullify, 9, 0)),
        (vote(Notarize, 9, 1), vote(Finalize, 9, 2)),
        (vote(Notarize, 9, 1), vote(Finalize, 9, 1)),
        (vote(Notarize, 9, 1), vote(Notarize, 9, 1)),
        (vote(Finalize, 9, 1), vote(Finalize, 9, 1)),
        (vote(Nullify, 9, 0), vote(Nullify, 9, 0)),
        (vote(Notarize, 9, 1), vote(Notarize, 10, 2)),
        (vote(Finalize, 9, 1), elsewhere(vote(Finalize, 9, 2))),
        (vote(Nullify, 9, 0), vote(Finalize, 10, 1)),
    ];
    for (one, other) in honest {
        for (one, other) in [(one, other), (other, one)] {
            let made = Equivocation::new(public(1), signed(1, one), signed(1, other));
            assert_eq!(made, Err(EquivocationError::NoContradiction), "{one:?} {other:?}");
        }
    }
    // Another parent is another block.
    let other = NodeVote { parent_view: 7, ..vote(Notarize, 9, 1) };
    assert_eq!(Contradiction::between(&vote(Notarize, 9, 1), &other), Some(Contradiction::TwoProposals));
}

#[test]
fn what_is_no_encoding_is_refused_with_its_reason() {
    use EquivocationError::{Kind, Length, NoContradiction, Order, SkipNamesBlock, Version};
    let [(_, proposals), _, (_, skipped)] = contradictions();
    let bytes = proposals.encode();
    let changed = |from: &[u8], place: usize, byte: u8| {
        let mut bytes = from.to_vec();
        bytes[place] = byte;
        Equivocation::decode(&bytes)
    };
    for wrong in [&[][..], &bytes[1..], &[bytes.as_slice(), &[0]].concat(), &[1; 100_000]] {
        assert_eq!(Equivocation::decode(wrong), Err(Length { bytes: wrong.len(), expected: EQUIVOCATION_BYTES }));
    }
    assert_eq!(changed(&bytes, 0, 2), Err(Version { version: 2 }));
    assert_eq!(changed(&bytes, 33, 3), Err(Kind { kind: 3 }));
    assert_eq!(changed(&bytes, 33, 2), Err(NoContradiction));
    let second = 33 + VOTE_BYTES + SIGNATURE_BYTES;
    let swapped = [&bytes[..33], &bytes[second..], &bytes[33..second]].concat();
    assert_eq!(Equivocation::decode(&swapped), Err(Order));
    let vote = proposals.first().encode();
    assert_eq!((vote.len(), SignedVote::decode(&vote)), (SIGNED_VOTE_BYTES, Ok(*proposals.first())));
    for wrong in [&[][..], &vote[1..], &[vote.as_slice(), &[0]].concat()] {
        let error = Length { bytes: wrong.len(), expected: SIGNED_VOTE_BYTES };
        assert_eq!(SignedVote::decode(wrong), Err(error));
    }
    // A vote to skip that names a parent, or a block.
    for place in [33 + 1 + 8 + 8, 33 + VOTE_BYTES - 1] {
        assert_eq!(changed(&skipped.encode(), place, 1), Err(SkipNamesBlock));
    }
}

/// RFC 8032 §7.1, test 2: the library's signatures are everyone's.
#[test]
fn the_signature_is_ed25519() {
    let seed: [u8; 32] = hex!("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = hex!(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    assert_eq!(SigningKey::from(seed).sign(&[0x72]).to_bytes(), signature);
    let key = VerificationKey::try_from(public).unwrap();
    assert!(key.verify(&Signature::from_bytes(&signature), &[0x72]).is_ok());
    assert!(key.verify(&Signature::from_bytes(&signature), &[0x73]).is_err());
}
