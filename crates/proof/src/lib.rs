//! What a verifier must agree on with a prover: how finality is certified and how state is authenticated.
//!
//! **Purpose.** Anyone with two things from the genesis file, the network's constant public key and its [`Namespace`], can
//! check that a block is final ([`FinalityProof`]) and that an account or slot has a value in it, or none
//! ([`StateProof`]), without trusting the server that sent them.
//!
//! **Place in the way of a payment.** `consensus` signs with [`Scheme`] over a [`BlockDigest`], `state` stores under a
//! [`StateKey`] and makes proofs, `client` verifies both.
//!
//! **State.** None: verification only. No runtime, no disk, no clock.
//!
//! **Invariants.** Keys, value encodings and domains are consensus: changing one changes every state root, so they have
//! golden vectors. A decoder accepts only the canonical encoding of a value.
//!
//! **Failures.** Typed, with a stable code; bad input never panics. **Limits.** Every decoder is bounded: see the
//! constants named `…_MAX`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects))]

mod finality;
mod key;
mod state;

#[cfg(test)]
mod tests;

pub use finality::{
    CERTIFICATE_BYTES_MAX, CertifiedHeader, FINALITY_HEADERS_MAX, FinalityError, FinalityProof, Finalization,
    Namespace, NetworkKey, decode_finalization, verify_finality,
};
pub use key::{
    StateItem, StateKey, StateValue, VALUE_BYTES_MAX, ValueError, decode_account, decode_slot, encode_account,
    encode_slot,
};
pub use state::{
    BITMAP_CHUNK_BYTES, ExclusionProof, Family, ItemProof, KeyValueProof, PROOF_DIGESTS_MAX, ProofError,
    STATE_PROOF_BYTES_MAX, StateProof, ValueEncoding, value_range,
};

use commonware_consensus::simplex::scheme::bls12381_threshold::standard;
use commonware_cryptography::{bls12381::primitives::variant::MinSig, ed25519};
use florin_types::B256;

/// Identity of a node, on the network and in the committee.
pub type NodeKey = ed25519::PublicKey;

/// How votes and certificates are signed: BLS12-381 threshold signatures with small signatures, one constant public key.
pub type Scheme = standard::Scheme<NodeKey, MinSig>;

/// What consensus agrees on: the Ethereum block hash, which is the keccak256 of the header.
pub type BlockDigest = commonware_cryptography::keccak256::Digest;

/// Hash function of the authenticated store. Measured ten times faster than SHA-256 on machines without SHA extensions.
pub type StateHasher = commonware_cryptography::blake3::Blake3;

/// Root and node digests of the authenticated store.
pub type StateDigest = commonware_cryptography::blake3::Digest;

/// The digest on which consensus votes for a block with this hash.
pub fn block_digest(hash: B256) -> BlockDigest {
    commonware_cryptography::keccak256::Digest(hash.0)
}

/// The hash of the block that consensus knows by this digest.
pub fn block_hash(digest: &BlockDigest) -> B256 {
    B256::new(digest.0)
}

/// A root of the authenticated store as it stands in a header.
pub fn root_hash(digest: &StateDigest) -> B256 {
    B256::new(digest.0)
}

/// A header's state root as the authenticated store knows it.
pub fn root_digest(hash: B256) -> StateDigest {
    commonware_cryptography::blake3::Digest(hash.0)
}
