//! Signed transactions for tests and for the stress example.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use florin_execution::{Admission, Lane};
use florin_types::VerifiedTx;
use secp256k1::{Message, SECP256K1, SecretKey};

pub(crate) const CHAIN_ID: u64 = 7_001;

/// What a test says of a transaction; the rest is the same everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) sender: u64,
    pub(crate) nonce: u64,
    /// Both fees, in wei per gas.
    pub(crate) price_wei: u128,
    pub(crate) input_bytes: usize,
    pub(crate) gas_limit: u64,
    /// A transfer of nothing to oneself.
    pub(crate) cancels: bool,
}

impl Draft {
    pub(crate) fn new(sender: u64, nonce: u64) -> Self {
        Self { sender, nonce, gas_limit: 60_000, ..Self::default() }
    }

    pub(crate) fn sign(self) -> VerifiedTx {
        VerifiedTx::verify(self.envelope(), CHAIN_ID).unwrap()
    }

    pub(crate) fn envelope(self) -> TxEnvelope {
        let to = if self.cancels { address(self.sender) } else { Address::repeat_byte(0xaa) };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.price_wei,
            max_priority_fee_per_gas: self.price_wei,
            to: TxKind::Call(to),
            value: U256::ZERO,
            input: Bytes::from(vec![0x11; self.input_bytes]),
            ..TxEip1559::default()
        };
        let message = Message::from_digest(tx.signature_hash().0);
        let (parity, bytes) = SECP256K1.sign_ecdsa_recoverable(&message, &key(self.sender)).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1);
        tx.into_signed(signature).into()
    }
}

fn key(sender: u64) -> SecretKey {
    SecretKey::from_slice(keccak256(sender.to_be_bytes()).as_slice()).unwrap()
}

pub(crate) fn address(sender: u64) -> Address {
    let public = key(sender).public_key(SECP256K1).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

pub(crate) fn admission(account_nonce: u64, lane: Lane) -> Admission {
    Admission { account_nonce, balance: U256::MAX, cost: U256::ZERO, lane }
}
