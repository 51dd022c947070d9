//! Where each piece of state stands in the authenticated store, and how its value is written.
//!
//! A key is the BLAKE3 hash of a domain byte and what it names, so that keys spread evenly and two kinds of state never
//! meet. Every encoding has exactly one form: a decoder refuses anything else.

use crate::StateHasher;
use bytes::Bytes as RawBytes;
use commonware_cryptography::Hasher as _;
use florin_types::{
    Account, Address, B256, Bytes, U256,
    alloy_primitives::{KECCAK256_EMPTY, keccak256},
};

/// Key of a leaf in the authenticated store.
pub type StateKey = commonware_cryptography::blake3::Digest;

/// Largest value in the store, in bytes: room for the largest contract code (24,576 bytes, EIP-170) with a margin.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

const ACCOUNT_DOMAIN: u8 = 1;
const SLOT_DOMAIN: u8 = 2;
const CODE_DOMAIN: u8 = 3;

const NONCE_BYTES: usize = 8;
const WORD_BYTES: usize = 32;
/// Encoded account without code: nonce and balance.
const PLAIN_ACCOUNT_BYTES: usize = NONCE_BYTES + WORD_BYTES;
/// Encoded account with code: nonce, balance and code hash.
const CODE_ACCOUNT_BYTES: usize = PLAIN_ACCOUNT_BYTES + WORD_BYTES;

/// Stored bytes are not the canonical encoding of a value of their kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} stored bytes are not the one encoding of {kind}: {rule}")]
pub struct ValueError {
    /// Kind of state.
    pub kind: &'static str,
    /// How many bytes were met.
    pub bytes: usize,
    /// The rule they break.
    pub rule: &'static str,
}

/// One piece of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateItem {
    /// An account: nonce, balance, code hash.
    Account(Address),
    /// A slot of an account's storage.
    Slot(Address, U256),
    /// Code by its keccak256.
    Code(B256),
}

/// What a piece of state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateValue {
    /// The account, or none.
    Account(Option<Account>),
    /// The slot; zero where nothing is stored.
    Slot(U256),
    /// The code, or none.
    Code(Option<Bytes>),
}

impl StateItem {
    /// Its key in the store.
    pub fn key(&self) -> StateKey {
        match self {
            Self::Account(address) => StateHasher::hash(&[&[ACCOUNT_DOMAIN], address.as_slice()]),
            Self::Slot(address, slot) => {
                StateHasher::hash(&[&[SLOT_DOMAIN], address.as_slice(), &slot.to_be_bytes::<WORD_BYTES>()])
            }
            Self::Code(hash) => StateHasher::hash(&[&[CODE_DOMAIN], hash.as_slice()]),
        }
    }

    /// Reads the value of this item out of what the store holds under its key. Code is stored as it is; hashing it again is
    /// for those who do not trust the store: see [`Self::check_code`].
    pub fn decode(&self, stored: Option<&[u8]>) -> Result<StateValue, ValueError> {
        Ok(match self {
            Self::Account(_) => StateValue::Account(stored.map(decode_account).transpose()?),
            Self::Slot(..) => StateValue::Slot(stored.map(decode_slot).transpose()?.unwrap_or_default()),
            Self::Code(_) => StateValue::Code(stored.map(Bytes::copy_from_slice)),
        })
    }
}

impl StateItem {
    /// Checks that stored code hashes to what names it. Anything else passes.
    pub fn check_code(&self, stored: Option<&[u8]>) -> Result<(), ValueError> {
        match (self, stored) {
            (Self::Code(hash), Some(code)) if keccak256(code) != *hash => {
                Err(ValueError { kind: "code", bytes: code.len(), rule: "the code hashes to what names it" })
            }
            _ => Ok(()),
        }
    }
}

/// Encodes an account: nonce (8 bytes big-endian), balance (32 bytes big-endian), and the code hash if it has code.
/// `None` for an empty account, which is never stored.
pub fn encode_account(account: &Account) -> Option<RawBytes> {
    if account.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(CODE_ACCOUNT_BYTES);
    out.extend(account.nonce.to_be_bytes());
    out.extend(account.balance.to_be_bytes::<WORD_BYTES>());
    if account.code_hash != KECCAK256_EMPTY {
        out.extend(account.code_hash.0);
    }
    Some(out.into())
}

/// Decodes what [`encode_account`] wrote.
pub fn decode_account(stored: &[u8]) -> Result<Account, ValueError> {
    let wrong = |rule| ValueError { kind: "an account", bytes: stored.len(), rule };
    let (plain, code_hash) = match stored.len() {
        PLAIN_ACCOUNT_BYTES => (stored, KECCAK256_EMPTY),
        CODE_ACCOUNT_BYTES => {
            let (plain, hash) = stored.split_at(PLAIN_ACCOUNT_BYTES);
            (plain, B256::from_slice(hash))
        }
        _ => return Err(wrong("40 bytes, or 72 with a code hash")),
    };
    if stored.len() == CODE_ACCOUNT_BYTES && code_hash == KECCAK256_EMPTY {
        return Err(wrong("the hash of empty code is not written"));
    }
    let (nonce, balance) = plain.split_at(NONCE_BYTES);
    let nonce = nonce.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    let account = Account { nonce, balance: U256::from_be_slice(balance), code_hash };
    if account.is_empty() {
        return Err(wrong("an empty account is not written"));
    }
    Ok(account)
}

/// Encodes a slot: big-endian without leading zeros. `None` for zero, which is never stored.
pub fn encode_slot(value: U256) -> Option<RawBytes> {
    (!value.is_zero()).then(|| RawBytes::from(value.to_be_bytes_trimmed_vec()))
}

/// Decodes what [`encode_slot`] wrote.
pub fn decode_slot(stored: &[u8]) -> Result<U256, ValueError> {
    let canonical = (1..=WORD_BYTES).contains(&stored.len()) && stored.first() != Some(&0);
    if !canonical {
        return Err(ValueError { kind: "a slot", bytes: stored.len(), rule: "1 to 32 bytes, no leading zero" });
    }
    Ok(U256::from_be_slice(stored))
}
