use super::*;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Signature, TxKind, U256};
use proptest::prelude::*;

const CHAIN_ID: u64 = 4242;

/// Signs with a fixed key, as a wallet would.
fn sign(digest: B256) -> Signature {
    let key = secp256k1::SecretKey::from_slice(&[7; 32]).unwrap();
    let message = secp256k1::Message::from_digest(digest.0);
    let (recovery, bytes) = secp256k1::SECP256K1.sign_ecdsa_recoverable(&message, &key).serialize_compact();
    Signature::new(
        U256::from_be_slice(&bytes[..32]),
        U256::from_be_slice(&bytes[32..]),
        recovery == secp256k1::ecdsa::RecoveryId::One,
    )
}

fn sender() -> Address {
    let key = secp256k1::SecretKey::from_slice(&[7; 32]).unwrap();
    let public = key.public_key(secp256k1::SECP256K1).serialize_uncompressed();
    Address::from_raw_public_key(&public[1..])
}

fn legacy(chain_id: Option<u64>) -> TxEnvelope {
    let tx = TxLegacy { chain_id, gas_limit: 21_000, to: TxKind::Call(Address::ZERO), ..TxLegacy::default() };
    let signature = sign(tx.signature_hash());
    tx.into_signed(signature).into()
}

fn one_of_each_type() -> Vec<TxEnvelope> {
    let access_list = TxEip2930 { chain_id: CHAIN_ID, gas_limit: 30_000, ..TxEip2930::default() };
    let dynamic_fee = TxEip1559 { chain_id: CHAIN_ID, gas_limit: 30_000, ..TxEip1559::default() };
    let delegation = TxEip7702 { chain_id: CHAIN_ID, gas_limit: 60_000, ..TxEip7702::default() };
    let signatures =
        [sign(access_list.signature_hash()), sign(dynamic_fee.signature_hash()), sign(delegation.signature_hash())];
    vec![
        legacy(Some(CHAIN_ID)),
        access_list.into_signed(signatures[0]).into(),
        dynamic_fee.into_signed(signatures[1]).into(),
        delegation.into_signed(signatures[2]).into(),
    ]
}

#[test]
fn every_accepted_type_gives_back_its_sender_and_bytes() {
    for tx in one_of_each_type() {
        let verified = VerifiedTx::from_bytes(&tx.encoded_2718(), CHAIN_ID).unwrap();
        assert_eq!(verified.sender(), sender(), "type {:?}", tx.tx_type());
        assert_eq!(verified.tx(), &tx);
        assert_eq!(verified.hash(), alloy_primitives::keccak256(verified.encoded()));
    }
}

#[test]
fn another_chain_is_refused_and_named() {
    for tx in one_of_each_type() {
        let error = VerifiedTx::verify(tx, CHAIN_ID + 1).unwrap_err();
        assert_eq!(error, TxError::WrongChain { found: Some(CHAIN_ID), expected: CHAIN_ID + 1 });
    }
}

#[test]
fn signatures_from_before_eip_155_are_accepted_on_every_chain() {
    assert_eq!(VerifiedTx::verify(legacy(None), CHAIN_ID).unwrap().sender(), sender());
    assert_eq!(VerifiedTx::verify(legacy(None), 1).unwrap().sender(), sender());
}

/// EIP-2: the twin of a signature, with `s` in the upper half, would give one transaction two hashes.
#[test]
fn the_malleable_twin_of_a_signature_is_refused() {
    let order = U256::from_be_bytes(secp256k1::constants::CURVE_ORDER);
    let tx = TxEip1559 { chain_id: CHAIN_ID, gas_limit: 30_000, ..TxEip1559::default() };
    let good = sign(tx.signature_hash());
    let twin = Signature::new(good.r(), order - good.s(), !good.v());
    assert_eq!(VerifiedTx::verify(tx.clone().into_signed(good).into(), CHAIN_ID).unwrap().sender(), sender());
    assert_eq!(VerifiedTx::verify(tx.into_signed(twin).into(), CHAIN_ID).unwrap_err(), TxError::Signature);
}

#[test]
fn hostile_bytes_are_refused() {
    assert!(matches!(decode_transaction(&[]), Err(TxError::Malformed { .. })));
    assert!(matches!(decode_transaction(&[0x03, 0xc0]), Err(TxError::BlobsUnsupported)));
    assert!(matches!(decode_transaction(&[0x7f; 40]), Err(TxError::Malformed { .. })));
    assert!(matches!(decode_transaction(&vec![0xf8; TX_BYTES_MAX + 1]), Err(TxError::TooLarge { .. })));
    let mut longer = legacy(Some(CHAIN_ID)).encoded_2718();
    longer.push(0);
    assert!(matches!(decode_transaction(&longer), Err(TxError::Malformed { .. })));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(tx) = decode_transaction(&bytes) {
            prop_assert_eq!(tx.encoded_2718(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_changes_the_sender_or_is_refused(position in 0usize..100, bit in 0u8..8) {
        let mut encoded = legacy(Some(CHAIN_ID)).encoded_2718();
        let index = position % encoded.len();
        encoded[index] ^= 1 << bit;
        if let Ok(tx) = VerifiedTx::from_bytes(&encoded, CHAIN_ID) {
            prop_assert_ne!(tx.sender(), sender());
        }
    }
}
