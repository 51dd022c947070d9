//! Transactions: from bytes of unknown origin to a transaction that its sender certainly signed.

use alloy_consensus::{Transaction as _, TxEnvelope, TxType, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, B256, Bytes};
use std::sync::Arc;

/// Largest encoded transaction, in bytes. Source: the bound that Ethereum clients use in their pools.
pub const TX_BYTES_MAX: usize = 128 * 1024;

/// Why bytes are not a transaction that can ever be included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// More bytes than any transaction may have.
    #[error("a transaction has at most {TX_BYTES_MAX} bytes, this one has {bytes}")]
    TooLarge {
        /// Bytes as received.
        bytes: usize,
    },
    /// Not the EIP-2718 encoding of a known type.
    #[error("not a signed Ethereum transaction of type 0, 1, 2 or 4: {reason}")]
    Malformed {
        /// What the decoder met.
        reason: String,
    },
    /// EIP-4844 transactions have no place on a permissioned ledger without a data layer.
    #[error(
        "blob transactions (EIP-4844, type 3) are not supported on this chain: send type 2 and put data in calldata"
    )]
    BlobsUnsupported,
    /// Signed for another chain, or without replay protection where it is required.
    #[error("signed for chain {found:?} but this chain is {expected}: set chainId to {expected} and sign again")]
    WrongChain {
        /// Chain id in the transaction, `None` for a pre-EIP-155 signature.
        found: Option<u64>,
        /// This chain's id.
        expected: u64,
    },
    /// No public key fits the signature (or its `s` is in the upper half, EIP-2).
    #[error("the signature is not valid for this transaction: sign it again")]
    Signature,
}

/// Decodes a signed transaction (EIP-2718) from untrusted bytes. Bounded; trailing bytes are an error; blobs are refused.
pub fn decode_transaction(bytes: &[u8]) -> Result<TxEnvelope, TxError> {
    if bytes.len() > TX_BYTES_MAX {
        return Err(TxError::TooLarge { bytes: bytes.len() });
    }
    if bytes.first() == Some(&(TxType::Eip4844 as u8)) {
        return Err(TxError::BlobsUnsupported);
    }
    let mut rest = bytes;
    let tx = TxEnvelope::decode_2718(&mut rest).map_err(|error| TxError::Malformed { reason: error.to_string() })?;
    if !rest.is_empty() {
        return Err(TxError::Malformed { reason: format!("{} bytes follow the transaction", rest.len()) });
    }
    if tx.is_eip4844() {
        return Err(TxError::BlobsUnsupported);
    }
    Ok(tx)
}

/// A transaction whose signature was checked: the only way to make one is [`VerifiedTx::verify`].
///
/// Cheap to clone: the transaction itself is shared.
#[derive(Clone, Debug)]
pub struct VerifiedTx(Arc<Verified>);

#[derive(Debug)]
struct Verified {
    tx: TxEnvelope,
    sender: Address,
    encoded: Bytes,
}

impl VerifiedTx {
    /// Checks chain and signature and recovers the sender (one secp256k1 recovery, about 50 us).
    ///
    /// Pre-EIP-155 signatures are accepted, as on Ethereum mainnet: deterministic deployers rely on them.
    pub fn verify(tx: TxEnvelope, chain_id: u64) -> Result<Self, TxError> {
        if tx.is_eip4844() {
            return Err(TxError::BlobsUnsupported);
        }
        let found = tx.chain_id();
        let replayable_legacy = found.is_none() && tx.is_legacy();
        if found != Some(chain_id) && !replayable_legacy {
            return Err(TxError::WrongChain { found, expected: chain_id });
        }
        let sender = tx.recover_signer().map_err(|_| TxError::Signature)?;
        let encoded = Bytes::from(tx.encoded_2718());
        Ok(Self(Arc::new(Verified { tx, sender, encoded })))
    }

    /// Decodes and verifies in one step.
    pub fn from_bytes(bytes: &[u8], chain_id: u64) -> Result<Self, TxError> {
        Self::verify(decode_transaction(bytes)?, chain_id)
    }

    /// The transaction.
    pub fn tx(&self) -> &TxEnvelope {
        &self.0.tx
    }

    /// Who signed it.
    pub fn sender(&self) -> Address {
        self.0.sender
    }

    /// Its hash: keccak256 of the EIP-2718 encoding.
    pub fn hash(&self) -> B256 {
        *self.0.tx.tx_hash()
    }

    /// Its EIP-2718 encoding.
    pub fn encoded(&self) -> &Bytes {
        &self.0.encoded
    }
}

impl PartialEq for VerifiedTx {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for VerifiedTx {}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
