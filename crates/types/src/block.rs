//! Blocks: an Ethereum header, the ledger's own extension to which that header commits, and the transactions.
//!
//! The header is exactly Ethereum's, so that its keccak256 is the block hash that every client computes. What Ethereum
//! has no field for (milliseconds, the consensus context, the state's operation root) stands in an [`Extension`], and
//! `extraData` is the keccak256 of its encoding: 32 bytes, the size that clients insist on.
//!
//! A block may carry a *payload* for the engine (`specs/consensus.md`): bytes that mean nothing to the ledger. Its keccak256
//! then stands in the extension, so that the hash of the block commits to it; a light client needs no more than that.

use alloy_consensus::{
    BlockHeader as _, EMPTY_OMMER_ROOT_HASH, Header, TxEnvelope, proofs::calculate_transaction_root,
};
use alloy_eips::{eip2718::Encodable2718 as _, merge::BEACON_NONCE};
use alloy_primitives::{Address, B64, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};

use crate::{Height, TxError, decode_transaction};

/// Largest encoded block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of an encoded [`Extension`] of a block without payload.
pub const EXTENSION_BYTES: usize = 1 + 5 * 8 + 2 * 32 + 8;
/// Bytes of an encoded [`Extension`] of a block with a payload.
pub const EXTENSION_BYTES_MAX: usize = EXTENSION_BYTES + 32;
/// Largest payload, in bytes. What is left between the largest rule for transactions and [`BLOCK_BYTES_MAX`] holds it.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Version of the extension's encoding in a block without payload.
const EXTENSION_VERSION: u8 = 1;
/// Version of the extension's encoding in a block with a payload.
const EXTENSION_VERSION_PAYLOAD: u8 = 2;
/// Lengths that a payload may have: one without bytes is none.
const PAYLOAD_BYTES: core::ops::RangeInclusive<usize> = 1..=PAYLOAD_BYTES_MAX;

/// Why bytes are not a block, or a block does not commit to its own body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// More bytes than any block may have.
    #[error("a block has at most {BLOCK_BYTES_MAX} bytes, this one has {bytes}")]
    TooLarge {
        /// Bytes as received.
        bytes: usize,
    },
    /// Not the encoding of a block.
    #[error("not an encoded block: {reason}")]
    Malformed {
        /// What the decoder met.
        reason: String,
    },
    /// A transaction in it cannot be decoded.
    #[error("transaction {index} of the block: {error}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// What is wrong with it.
        error: TxError,
    },
    /// The header commits to other content.
    #[error("header field {field} is {found} but the content gives {expected}")]
    Commitment {
        /// Header field that disagrees.
        field: &'static str,
        /// Value in the header.
        found: String,
        /// Value recomputed from the content.
        expected: String,
    },
}

/// Where a block stands in consensus: the view it was proposed in, by whom, on which parent view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ConsensusContext {
    /// Epoch of the committee.
    pub epoch: u64,
    /// View within the epoch.
    pub view: u64,
    /// View of the parent block.
    pub parent_view: u64,
    /// Node key (ed25519) of the proposer.
    pub leader: B256,
}

/// What a node needs, beside the state root, to synchronise the authenticated store to this block: the root over its
/// operations and the range of operations that are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StateTarget {
    /// Root over the store's operation log.
    pub operations_root: B256,
    /// First live operation.
    pub operations_start: u64,
    /// One past the last operation.
    pub operations_end: u64,
}

/// The part of a block that Ethereum's header has no field for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extension {
    /// Block time in milliseconds since 1970; the header's `timestamp` is this in whole seconds.
    pub timestamp_ms: u64,
    /// Place in consensus.
    pub context: ConsensusContext,
    /// Target of state synchronisation.
    pub state: StateTarget,
    /// keccak256 of the payload, if the block has one.
    pub payload_hash: Option<B256>,
}

impl Extension {
    /// Version, then integers big-endian and digests in the order of the fields. Version 1 has no payload hash, version 2
    /// has one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(EXTENSION_BYTES_MAX);
        out.push(if self.payload_hash.is_some() { EXTENSION_VERSION_PAYLOAD } else { EXTENSION_VERSION });
        out.extend(self.timestamp_ms.to_be_bytes());
        out.extend(self.context.epoch.to_be_bytes());
        out.extend(self.context.view.to_be_bytes());
        out.extend(self.context.parent_view.to_be_bytes());
        out.extend(self.context.leader.0);
        out.extend(self.state.operations_root.0);
        out.extend(self.state.operations_start.to_be_bytes());
        out.extend(self.state.operations_end.to_be_bytes());
        out.extend(self.payload_hash.iter().flat_map(|hash| hash.0));
        out
    }

    /// Decodes what [`Self::encode`] wrote; any other length or version is an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let malformed = |reason: String| BlockError::Malformed { reason };
        let (expected, has_payload) = match bytes.first() {
            Some(&EXTENSION_VERSION) => (EXTENSION_BYTES, false),
            Some(&EXTENSION_VERSION_PAYLOAD) => (EXTENSION_BYTES_MAX, true),
            Some(version) => return Err(malformed(format!("extension version {version} is not known"))),
            None => return Err(malformed("extension of 0 bytes".into())),
        };
        if bytes.len() != expected {
            return Err(malformed(format!("extension of {} bytes instead of {expected}", bytes.len())));
        }
        let mut rest = &bytes[1..];
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
        Ok(Self {
            timestamp_ms: number(take(8)),
            context: ConsensusContext {
                epoch: number(take(8)),
                view: number(take(8)),
                parent_view: number(take(8)),
                leader: B256::from_slice(take(32)),
            },
            state: StateTarget {
                operations_root: B256::from_slice(take(32)),
                operations_start: number(take(8)),
                operations_end: number(take(8)),
            },
            payload_hash: has_payload.then(|| B256::from_slice(take(32))),
        })
    }

    /// What `extraData` of the header must be.
    pub fn commitment(&self) -> B256 {
        keccak256(self.encode())
    }
}

/// A block. Its hash is computed once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    extension: Extension,
    transactions: Vec<TxEnvelope>,
    payload: Option<Bytes>,
    hash: B256,
}

impl Block {
    /// Puts a block without payload together. Checks what the header says of extension and transactions.
    pub fn new(header: Header, extension: Extension, transactions: Vec<TxEnvelope>) -> Result<Self, BlockError> {
        Self::with_payload(header, extension, transactions, None)
    }

    /// Puts a block together. Checks what the header says of extension and transactions, and the extension of the payload.
    pub fn with_payload(
        header: Header,
        extension: Extension,
        transactions: Vec<TxEnvelope>,
        payload: Option<Bytes>,
    ) -> Result<Self, BlockError> {
        let commitment = |field, found: String, expected: String| BlockError::Commitment { field, found, expected };
        let extension_hash = extension.commitment();
        if header.extra_data.as_ref() != extension_hash.as_slice() {
            return Err(commitment("extraData", header.extra_data.to_string(), extension_hash.to_string()));
        }
        let seconds = extension.timestamp_ms.checked_div(1_000).unwrap_or_default();
        if header.timestamp != seconds {
            return Err(commitment("timestamp", header.timestamp.to_string(), seconds.to_string()));
        }
        let transactions_root = calculate_transaction_root(&transactions);
        if header.transactions_root != transactions_root {
            return Err(commitment(
                "transactionsRoot",
                header.transactions_root.to_string(),
                transactions_root.to_string(),
            ));
        }
        let payload_hash = payload.as_ref().map(keccak256);
        if extension.payload_hash != payload_hash {
            let (found, expected) = (format!("{:?}", extension.payload_hash), format!("{payload_hash:?}"));
            return Err(commitment("extraData (payload)", found, expected));
        }
        if let Some(bytes) =
            payload.as_ref().map(|payload| payload.len()).filter(|bytes| !PAYLOAD_BYTES.contains(bytes))
        {
            return Err(BlockError::Malformed {
                reason: format!("a payload of {bytes} bytes, but one has 1 to {PAYLOAD_BYTES_MAX}"),
            });
        }
        let hash = header.hash_slow();
        Ok(Self { header, extension, transactions, payload, hash })
    }

    /// Ethereum header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the header commits to in `extraData`.
    pub fn extension(&self) -> &Extension {
        &self.extension
    }

    /// Transactions in order.
    pub fn transactions(&self) -> &[TxEnvelope] {
        &self.transactions
    }

    /// What the block carries for the engine.
    pub fn payload(&self) -> Option<&Bytes> {
        self.payload.as_ref()
    }

    /// keccak256 of the RLP of the header.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Number of the block.
    pub fn height(&self) -> Height {
        self.header.number()
    }

    /// Block time in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> u64 {
        self.extension.timestamp_ms
    }

    /// A header with every field that is the same in all blocks of this ledger; the caller fills the rest.
    pub fn header_template() -> Header {
        Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: Address::ZERO,
            difficulty: U256::ZERO,
            nonce: B64::from(BEACON_NONCE.to_be_bytes()),
            base_fee_per_gas: Some(0),
            withdrawals_root: Some(alloy_consensus::constants::EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }

    /// RLP: `[header, extension, [transaction, …]]`, each transaction as a byte string of its EIP-2718 encoding. A payload
    /// follows as a fourth item.
    pub fn encode(&self) -> Vec<u8> {
        let transactions: Vec<Bytes> = self.transactions.iter().map(|tx| Bytes::from(tx.encoded_2718())).collect();
        let extension = Bytes::copy_from_slice(&self.extension.encode());
        let payload_length = self
            .header
            .length()
            .saturating_add(extension.length())
            .saturating_add(transactions.length())
            .saturating_add(self.payload.as_ref().map_or(0, Encodable::length));
        let mut out = Vec::with_capacity(payload_length.saturating_add(5));
        RlpHeader { list: true, payload_length }.encode(&mut out);
        self.header.encode(&mut out);
        extension.encode(&mut out);
        transactions.encode(&mut out);
        if let Some(payload) = &self.payload {
            payload.encode(&mut out);
        }
        out
    }

    /// Decodes untrusted bytes and checks every commitment that needs no state.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge { bytes: bytes.len() });
        }
        let malformed = |error: alloy_rlp::Error| BlockError::Malformed { reason: error.to_string() };
        let mut rest = bytes;
        let mut items = RlpHeader::decode_bytes(&mut rest, true).map_err(malformed)?;
        let header = Header::decode(&mut items).map_err(malformed)?;
        let extension = Extension::decode(RlpHeader::decode_bytes(&mut items, false).map_err(malformed)?)?;
        let mut list = RlpHeader::decode_bytes(&mut items, true).map_err(malformed)?;
        let payload = extension.payload_hash.map(|_| RlpHeader::decode_bytes(&mut items, false)).transpose();
        let payload = payload.map_err(malformed)?.map(Bytes::copy_from_slice);
        if !rest.is_empty() || !items.is_empty() {
            return Err(BlockError::Malformed { reason: "bytes follow the block".into() });
        }
        let mut transactions = Vec::new();
        while !list.is_empty() {
            let encoded = RlpHeader::decode_bytes(&mut list, false).map_err(malformed)?;
            let index = transactions.len();
            let tx = decode_transaction(encoded).map_err(|error| BlockError::Transaction { index, error })?;
            transactions.push(tx);
        }
        Self::with_payload(header, extension, transactions, payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrying(payload: Option<&[u8]>) -> Result<Block, BlockError> {
        let extension = Extension {
            timestamp_ms: 1_700_000_000_123,
            context: ConsensusContext { epoch: 0, view: 7, parent_view: 6, leader: B256::repeat_byte(3) },
            state: StateTarget { operations_root: B256::repeat_byte(9), operations_start: 1, operations_end: 5 },
            payload_hash: payload.map(keccak256),
        };
        let header = Header {
            number: 5,
            timestamp: 1_700_000_000,
            extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
            transactions_root: calculate_transaction_root::<TxEnvelope>(&[]),
            ..Block::header_template()
        };
        Block::with_payload(header, extension, Vec::new(), payload.map(Bytes::copy_from_slice))
    }

    fn block() -> Block {
        carrying(None).unwrap()
    }

    #[test]
    fn a_block_survives_its_encoding() {
        for payload in [None, Some(&[7; 100][..]), Some(&[0]), Some(&[0; PAYLOAD_BYTES_MAX])] {
            let block = carrying(payload).unwrap();
            assert_eq!(Block::decode(&block.encode()).unwrap(), block);
            assert_eq!(block.payload().map(|payload| payload.as_ref()), payload);
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        for block in [block(), carrying(Some(&[7; 100])).unwrap()] {
            let encoded = block.encode();
            for position in 0..encoded.len() {
                let mut changed = encoded.clone();
                changed[position] ^= 0x01;
                if let Ok(other) = Block::decode(&changed) {
                    assert_ne!(other.hash(), block.hash(), "byte {position} changed unnoticed");
                }
            }
        }
    }

    #[test]
    fn a_payload_is_what_the_extension_says_or_the_block_is_none() {
        for length in [0, PAYLOAD_BYTES_MAX + 1] {
            let error = carrying(Some(&vec![1; length])).unwrap_err();
            assert!(matches!(error, BlockError::Malformed { .. }), "{length}: {error}");
        }
        let (without, with) = (block(), carrying(Some(&[7; 100])).unwrap());
        assert_ne!(without.hash(), with.hash());
        let parts = |block: &Block| (block.header().clone(), *block.extension());
        for (payload, (header, extension)) in [
            (None, parts(&with)),
            (Some(Bytes::from_static(&[8; 100])), parts(&with)),
            (with.payload().cloned(), parts(&without)),
        ] {
            let error = Block::with_payload(header, extension, Vec::new(), payload).unwrap_err();
            assert!(matches!(error, BlockError::Commitment { field: "extraData (payload)", .. }), "{error}");
        }
    }

    #[test]
    fn an_extension_without_payload_is_encoded_as_ever() {
        let extension = *block().extension();
        let encoded = extension.encode();
        assert_eq!((encoded.len(), encoded[0]), (EXTENSION_BYTES, 1));
        assert_eq!(Extension::decode(&encoded), Ok(extension));
        let extension = Extension { payload_hash: Some(B256::repeat_byte(4)), ..extension };
        let longer = extension.encode();
        assert_eq!((longer.len(), longer[0], &longer[1..EXTENSION_BYTES]), (EXTENSION_BYTES_MAX, 2, &encoded[1..]));
        assert_eq!(Extension::decode(&longer), Ok(extension));
        for wrong in [&longer[..EXTENSION_BYTES], &[], &[1], &[2], &[3; EXTENSION_BYTES], &[1; EXTENSION_BYTES_MAX]] {
            assert!(Extension::decode(wrong).is_err());
        }
    }

    #[test]
    fn a_wrong_commitment_names_its_field() {
        let block = block();
        let mut header = block.header().clone();
        header.timestamp += 1;
        let error = Block::new(header, *block.extension(), Vec::new()).unwrap_err();
        assert!(matches!(error, BlockError::Commitment { field: "timestamp", .. }), "{error}");
    }
}
