//! Certificates of a real committee, golden vectors of keys, values and a proof, hostile bytes.

use super::*;
use alloy_consensus::proofs::calculate_transaction_root;
use commonware_codec::Encode as _;
use commonware_consensus::{
    simplex::types::{Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Signer as _,
    bls12381::{dkg::feldman_desmedt::deal, primitives::sharing::Mode},
};
use commonware_parallel::Sequential;
use commonware_utils::{N3f1, TryCollect as _, non_empty, ordered::Set};
use florin_types::{Account, Address, Block, Bytes, Extension, Header, TxEnvelope, U256};
use rand::{SeedableRng as _, rngs::StdRng};

/// Four validators who share the network's key.
struct Committee {
    schemes: Vec<Scheme>,
    threshold_public: Vec<u8>,
    namespace: Namespace,
}

fn committee(seed: u64) -> Committee {
    let mut rng = StdRng::seed_from_u64(seed);
    let namespace = Namespace::new(7, B256::repeat_byte(1));
    let members: Set<NodeKey> =
        (0..4u64).map(|member| ed25519::PrivateKey::from_seed(seed * 100 + member).public_key()).try_collect().unwrap();
    let (output, shares) = deal::<MinSig, _, N3f1>(&mut rng, Mode::NonZeroCounter, members.clone()).unwrap();
    let sharing = output.public().clone();
    let scheme = |share: &commonware_cryptography::bls12381::primitives::group::Share| {
        Scheme::signer(namespace.as_bytes(), members.clone(), sharing.clone(), share.clone()).unwrap()
    };
    let schemes = shares.values().iter().map(scheme).collect();
    Committee { schemes, threshold_public: sharing.encode().to_vec(), namespace }
}

impl Committee {
    fn key(&self) -> NetworkKey {
        NetworkKey::from_threshold_public(&self.threshold_public).unwrap()
    }

    /// Three of four sign.
    fn certify(&self, header: &Header) -> Vec<u8> {
        let round = Round::new(Epoch::new(0), View::new(9));
        let proposal = Proposal::new(round, View::new(8), block_digest(header.hash_slow()));
        let votes: Vec<_> =
            self.schemes.iter().take(3).map(|scheme| Finalize::sign(scheme, proposal.clone()).unwrap()).collect();
        Finalization::from_finalizes(&self.schemes[0], non_empty![@votes.iter()], &Sequential)
            .unwrap()
            .encode()
            .to_vec()
    }
}

fn headers(count: u64) -> Vec<CertifiedHeader> {
    let mut headers: Vec<CertifiedHeader> = Vec::new();
    for number in 1..=count {
        let extension = Extension { timestamp_ms: number * 1_000, ..Extension::default() };
        let header = Header {
            number,
            parent_hash: headers.last().map(|parent| parent.header.hash_slow()).unwrap_or_default(),
            timestamp: number,
            extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
            transactions_root: calculate_transaction_root::<TxEnvelope>(&[]),
            ..Block::header_template()
        };
        headers.push(CertifiedHeader { header, extension });
    }
    headers
}

#[test]
fn a_certificate_makes_a_block_and_its_ancestors_final() {
    let committee = committee(1);
    let headers = headers(4);
    let certificate: Bytes = committee.certify(&headers[3].header).into();
    assert!(certificate.len() < 200, "{}", certificate.len());
    for first in 0..4 {
        let proof = FinalityProof { headers: headers[first..].to_vec(), certificate: certificate.clone() };
        let finalised = proof.verify(&committee.key(), &committee.namespace).unwrap();
        assert_eq!(*finalised, headers[first]);
    }
    let tip = &headers[3];
    verify_finality(&committee.key(), &committee.namespace, &certificate, &tip.header, &tip.extension).unwrap();
}

#[test]
fn every_break_in_a_finality_proof_has_its_code() {
    let committee = committee(1);
    let honest = FinalityProof { headers: headers(3), certificate: committee.certify(&headers(3)[2].header).into() };
    let code = |proof: &FinalityProof| match proof.verify(&committee.key(), &committee.namespace) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code()),
    };
    assert!(code(&honest).is_ok());
    let broken = |change: &dyn Fn(&mut FinalityProof)| {
        let mut proof = honest.clone();
        change(&mut proof);
        code(&proof).unwrap_err()
    };
    assert_eq!(broken(&|proof| proof.headers.clear()), "finality.headers");
    assert_eq!(broken(&|proof| proof.headers = vec![proof.headers[0].clone(); 1_025]), "finality.headers");
    assert_eq!(
        broken(&|proof| {
            proof.headers.remove(1);
        }),
        "finality.chain"
    );
    assert_eq!(broken(&|proof| proof.headers[0].header.gas_used = 1), "finality.chain");
    assert_eq!(broken(&|proof| proof.headers[1].extension.timestamp_ms += 1), "finality.extension");
    assert_eq!(broken(&|proof| proof.headers[2].extension.timestamp_ms += 1), "finality.extension");
    assert_eq!(
        broken(&|proof| {
            proof.headers.pop();
        }),
        "finality.other_block"
    );
    assert_eq!(broken(&|proof| proof.certificate = Bytes::from_static(&[1, 2])), "finality.certificate");
    assert_eq!(broken(&|proof| proof.certificate = vec![0; 2_000].into()), "finality.certificate");
}

#[test]
fn a_certificate_counts_for_its_network_only() {
    let (ours, theirs) = (committee(1), committee(2));
    let headers = headers(1);
    let proof = FinalityProof { certificate: theirs.certify(&headers[0].header).into(), headers };
    assert_eq!(proof.verify(&ours.key(), &ours.namespace), Err(FinalityError::Signature));
    assert!(proof.verify(&theirs.key(), &theirs.namespace).is_ok());
    let other_chain = Namespace::new(8, B256::repeat_byte(1));
    assert_eq!(proof.verify(&theirs.key(), &other_chain), Err(FinalityError::Signature));
    let other_genesis = Namespace::new(7, B256::repeat_byte(2));
    assert_eq!(proof.verify(&theirs.key(), &other_genesis), Err(FinalityError::Signature));
}

#[test]
fn no_changed_byte_of_a_certificate_verifies() {
    let committee = committee(1);
    let header = headers(1).remove(0);
    let certificate = committee.certify(&header.header);
    for position in 0..certificate.len() {
        let mut changed = certificate.clone();
        changed[position] ^= 0x01;
        let verified =
            verify_finality(&committee.key(), &committee.namespace, &changed, &header.header, &header.extension);
        assert!(verified.is_err(), "byte {position}");
    }
}

#[test]
fn the_network_key_is_parsed_within_bounds() {
    let committee = committee(1);
    let key = committee.key();
    assert_eq!(NetworkKey::from_bytes(&key.to_bytes()), Ok(key));
    assert_eq!(key.to_bytes().len(), 96);
    for length in [0, 1, 10, committee.threshold_public.len() - 1] {
        let cut = &committee.threshold_public[..length];
        assert_eq!(
            NetworkKey::from_threshold_public(cut).unwrap_err().code(),
            "finality.network_key",
            "{length} bytes"
        );
    }
    assert!(NetworkKey::from_threshold_public(&vec![0; 1 << 20]).is_err());
    assert!(NetworkKey::from_bytes(&[7; 96]).is_err());
    // The point at infinity would make every signature of nobody valid.
    let mut infinity = [0; 96];
    infinity[0] = 0xc0;
    assert!(NetworkKey::from_bytes(&infinity).is_err());
}

#[test]
fn keys_are_golden() {
    let address = Address::repeat_byte(0x11);
    let golden = [
        (StateItem::Account(address), include_str!("../golden/key_account.hex")),
        (StateItem::Slot(address, U256::from(5)), include_str!("../golden/key_slot.hex")),
        (StateItem::Code(B256::repeat_byte(0x22)), include_str!("../golden/key_code.hex")),
    ];
    for (item, expected) in golden {
        assert_eq!(florin_types::alloy_primitives::hex::encode(item.key().0), expected.trim(), "{item:?}");
    }
}

#[test]
fn values_have_one_encoding() {
    let plain = Account { nonce: 1, balance: U256::from(258), ..Account::default() };
    let stored = encode_account(&plain).unwrap();
    assert_eq!(stored[..], [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 30], &[1, 2]].concat());
    let contract = Account { code_hash: B256::repeat_byte(9), ..Account::default() };
    for account in [plain, contract] {
        assert_eq!(decode_account(&encode_account(&account).unwrap()).unwrap(), account);
    }
    assert_eq!(encode_account(&Account::default()), None);
    for bad in [vec![], vec![0; 39], vec![0; 40], vec![1; 41], vec![1; 71], vec![1; 73]] {
        assert!(decode_account(&bad).is_err(), "{} bytes", bad.len());
    }
    let spelled_out = [&stored[..], florin_types::alloy_primitives::KECCAK256_EMPTY.as_slice()].concat();
    assert!(decode_account(&spelled_out).is_err());

    assert_eq!(encode_slot(U256::ZERO), None);
    assert_eq!(encode_slot(U256::from(256)).unwrap()[..], [1, 0]);
    assert_eq!(decode_slot(&encode_slot(U256::MAX).unwrap()).unwrap(), U256::MAX);
    for bad in [vec![], vec![0], vec![0, 1], vec![1; 33]] {
        assert!(decode_slot(&bad).is_err(), "{bad:?}");
    }

    let code = StateItem::Code(florin_types::alloy_primitives::keccak256([0x60]));
    assert_eq!(code.decode(Some(&[0x60])).unwrap(), StateValue::Code(Some(Bytes::from_static(&[0x60]))));
    assert!(code.check_code(Some(&[0x60])).is_ok());
    assert!(code.check_code(Some(&[0x61])).is_err());
}

#[test]
fn a_recorded_proof_still_verifies() {
    let decode = |text: &str| florin_types::alloy_primitives::hex::decode(text.trim()).unwrap();
    let root = B256::from_slice(&decode(include_str!("../golden/state_root.hex")));
    let proof = StateProof::from_bytes(&decode(include_str!("../golden/state_proof.hex"))).unwrap();
    let account = Account { nonce: 3, balance: U256::from(1_000), ..Account::default() };
    let address = Address::repeat_byte(0x11);
    let expected = vec![
        (StateItem::Account(address), StateValue::Account(Some(account))),
        (StateItem::Slot(address, U256::from(5)), StateValue::Slot(U256::from(70))),
        (StateItem::Account(Address::repeat_byte(0x33)), StateValue::Account(None)),
        (StateItem::Slot(address, U256::from(6)), StateValue::Slot(U256::ZERO)),
    ];
    assert_eq!(proof.verify(root).unwrap(), expected);
    assert_eq!(proof.verify(B256::ZERO).unwrap_err().code(), "proof.root");
}

#[test]
fn hostile_proofs_are_refused() {
    for bytes in [vec![], vec![0xff; 8], vec![65], vec![1, 9], vec![1, 1], vec![0; 3]] {
        assert_eq!(StateProof::from_bytes(&bytes).unwrap_err().code(), "proof.malformed", "{bytes:?}");
    }
    assert!(StateProof::from_bytes(&vec![0; STATE_PROOF_BYTES_MAX + 1]).is_err());
    assert_eq!(StateProof::from_bytes(&[0]).unwrap(), StateProof::default());
}
