//! Proofs that an account, a slot or code has a value in the state of a block, or has none.

use crate::{
    StateDigest, StateHasher, StateItem, StateKey, StateValue, VALUE_BYTES_MAX, ValueError, finality::range_to,
    root_digest,
};
use bytes::{BufMut, Bytes as RawBytes};
use commonware_codec::{
    Buf, Copying, Decode as _, Encode as _, EncodeSize, Error as CodecError, RangeCfg, Read, ReadExt as _, Write,
};
use commonware_storage::{
    merkle::MAX_PROOF_DIGESTS_PER_ELEMENT,
    mmr,
    qmdb::{any::value::VariableEncoding, current::ordered::proof::constant},
};
use florin_types::{Address, B256, Bytes, U256, wire::STATE_PROOF_ITEMS_MAX};

/// Shape of the store's Merkle structure.
pub type Family = mmr::Family;
/// Bytes of a chunk of the store's activity bitmap.
pub const BITMAP_CHUNK_BYTES: usize = 32;
/// Most digests in the proof of one item.
pub const PROOF_DIGESTS_MAX: usize = MAX_PROOF_DIGESTS_PER_ELEMENT;
/// Most bytes of an encoded state proof.
pub const STATE_PROOF_BYTES_MAX: usize = STATE_PROOF_ITEMS_MAX.saturating_mul(2 * VALUE_BYTES_MAX);
/// How values stand in the store.
pub type ValueEncoding = VariableEncoding<RawBytes>;
/// Proof that a key has a value.
pub type KeyValueProof = constant::KeyValueProof<Family, StateKey, StateDigest, BITMAP_CHUNK_BYTES>;
/// Proof that a key has none.
pub type ExclusionProof = constant::ExclusionProof<Family, StateKey, ValueEncoding, StateDigest, BITMAP_CHUNK_BYTES>;

const PRESENT: u8 = 1;
const ABSENT: u8 = 2;
const ACCOUNT: u8 = 1;
const SLOT: u8 = 2;
const CODE: u8 = 3;

/// Why a state proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the encoding of a proof.
    #[error(
        "not an encoded state proof of at most {STATE_PROOF_ITEMS_MAX} items and {STATE_PROOF_BYTES_MAX} bytes: {reason}"
    )]
    Malformed {
        /// What the decoder met.
        reason: String,
    },
    /// One item's proof does not lead to the state root.
    #[error(
        "the proof of {item:?} does not lead to state root {state_root}: the server's answer is wrong or for another block"
    )]
    Root {
        /// The item.
        item: StateItem,
        /// The state root it was checked against.
        state_root: B256,
    },
    /// The proven bytes are not a value of their kind.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl ProofError {
    /// Permanent code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "proof.malformed",
            Self::Root { .. } => "proof.root",
            Self::Value(_) => "proof.value",
        }
    }
}

/// Proof of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemProof {
    /// The item has this value.
    Present {
        /// Stored bytes.
        value: RawBytes,
        /// Why.
        proof: KeyValueProof,
    },
    /// The item has no value.
    Absent {
        /// Why.
        proof: ExclusionProof,
    },
}

/// Proof of the values of several items in the state of one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateProof {
    /// Items and their proofs, in the order asked for.
    pub items: Vec<(StateItem, ItemProof)>,
}

impl StateProof {
    /// Checks every item against the state root of a header (which must itself be shown to be final) and gives the values.
    pub fn verify(&self, state_root: B256) -> Result<Vec<(StateItem, StateValue)>, ProofError> {
        let root = root_digest(state_root);
        self.items
            .iter()
            .map(|(item, proof)| {
                if !proof.verify(&item.key(), &root) {
                    return Err(ProofError::Root { item: *item, state_root });
                }
                item.check_code(proof.value())?;
                Ok((*item, item.decode(proof.value())?))
            })
            .collect()
    }

    /// Bytes for the wire.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.encode().to_vec())
    }

    /// Decodes what [`Self::to_bytes`] wrote, within bounds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > STATE_PROOF_BYTES_MAX {
            return Err(ProofError::Malformed { reason: format!("{} bytes", bytes.len()) });
        }
        Self::decode_cfg(Copying(bytes), &()).map_err(|error| ProofError::Malformed { reason: error.to_string() })
    }
}

impl ItemProof {
    fn verify(&self, key: &StateKey, root: &StateDigest) -> bool {
        match self {
            Self::Present { value, proof } => proof.verify::<StateHasher, ValueEncoding>(*key, value.clone(), root),
            Self::Absent { proof } => proof.verify::<StateHasher>(key, root),
        }
    }

    fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Present { value, .. } => Some(value),
            Self::Absent { .. } => None,
        }
    }
}

/// Bounds of a stored value, as the codec wants them.
pub fn value_range() -> RangeCfg<usize> {
    range_to(VALUE_BYTES_MAX)
}

impl Write for StateItem {
    fn write(&self, buf: &mut impl BufMut) {
        match self {
            Self::Account(address) => {
                buf.put_u8(ACCOUNT);
                buf.put_slice(address.as_slice());
            }
            Self::Slot(address, slot) => {
                buf.put_u8(SLOT);
                buf.put_slice(address.as_slice());
                buf.put_slice(&slot.to_be_bytes::<32>());
            }
            Self::Code(hash) => {
                buf.put_u8(CODE);
                buf.put_slice(hash.as_slice());
            }
        }
    }
}

impl EncodeSize for StateItem {
    fn encode_size(&self) -> usize {
        match self {
            Self::Account(_) => 1 + 20,
            Self::Slot(..) => 1 + 20 + 32,
            Self::Code(_) => 1 + 32,
        }
    }
}

impl Read for StateItem {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        Ok(match u8::read(buf)? {
            ACCOUNT => Self::Account(Address::new(<[u8; 20]>::read(buf)?)),
            SLOT => {
                let address = Address::new(<[u8; 20]>::read(buf)?);
                Self::Slot(address, U256::from_be_bytes(<[u8; 32]>::read(buf)?))
            }
            CODE => Self::Code(B256::new(<[u8; 32]>::read(buf)?)),
            tag => return Err(CodecError::InvalidEnum(tag)),
        })
    }
}

impl Write for ItemProof {
    fn write(&self, buf: &mut impl BufMut) {
        match self {
            Self::Present { value, proof } => {
                buf.put_u8(PRESENT);
                value.write(buf);
                proof.write(buf);
            }
            Self::Absent { proof } => {
                buf.put_u8(ABSENT);
                proof.write(buf);
            }
        }
    }
}

impl EncodeSize for ItemProof {
    fn encode_size(&self) -> usize {
        let body = match self {
            Self::Present { value, proof } => value.encode_size().saturating_add(proof.encode_size()),
            Self::Absent { proof } => proof.encode_size(),
        };
        body.saturating_add(1)
    }
}

impl Read for ItemProof {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let values = value_range();
        match u8::read(buf)? {
            PRESENT => {
                let value = RawBytes::read_cfg(buf, &values)?;
                let proof = KeyValueProof::read_cfg(buf, &(PROOF_DIGESTS_MAX, ()))?;
                Ok(Self::Present { value, proof })
            }
            ABSENT => {
                let proof = ExclusionProof::read_cfg(buf, &(PROOF_DIGESTS_MAX, ((), values), values))?;
                Ok(Self::Absent { proof })
            }
            tag => Err(CodecError::InvalidEnum(tag)),
        }
    }
}

impl Write for StateProof {
    fn write(&self, buf: &mut impl BufMut) {
        self.items.write(buf);
    }
}

impl EncodeSize for StateProof {
    fn encode_size(&self) -> usize {
        self.items.encode_size()
    }
}

impl Read for StateProof {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let items = Vec::read_cfg(buf, &(range_to(STATE_PROOF_ITEMS_MAX), ((), ())))?;
        Ok(Self { items })
    }
}
