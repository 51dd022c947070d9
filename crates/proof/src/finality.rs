//! Finality: a certificate names the digest of a block; the header chain leads from there down to the block asked for.

use crate::{BlockDigest, NodeKey, Scheme, block_digest, block_hash};
use commonware_codec::{Copying, Decode as _, Encode as _, RangeCfg};
use commonware_consensus::simplex::types;
use commonware_cryptography::bls12381::primitives::{
    sharing::{ModeVersion, Sharing},
    variant::{MinSig, Variant},
};
use commonware_parallel::Sequential;
use core::num::NonZeroU32;
use florin_types::{B256, BlockError, Bytes, Extension, GENESIS_NODES_MAX, Header, Height};
use rand::{SeedableRng as _, rngs::StdRng};

/// Most bytes of an encoded certificate; a real one has about 120.
pub const CERTIFICATE_BYTES_MAX: usize = 1_024;
/// Most headers between a block and the certified descendant through which it is final.
pub const FINALITY_HEADERS_MAX: usize = 1_024;

/// A certificate that a block is final: round, block digest and threshold signature.
pub type Finalization = types::Finalization<Scheme, BlockDigest>;

/// Why a block is not shown to be final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FinalityError {
    /// The genesis file's `threshold_public` is not an encoded public polynomial.
    #[error(
        "threshold_public is not the encoding of a public polynomial for 1 to {GENESIS_NODES_MAX} members: {reason}"
    )]
    NetworkKey {
        /// What the decoder met.
        reason: String,
    },
    /// Not the encoding of a certificate.
    #[error("not an encoded finality certificate of at most {CERTIFICATE_BYTES_MAX} bytes: {reason}")]
    Certificate {
        /// What the decoder met.
        reason: String,
    },
    /// No headers, or more than the bound.
    #[error(
        "a finality proof has 1 to {FINALITY_HEADERS_MAX} headers, this one has {count}: ask for a certificate nearer to the block"
    )]
    Headers {
        /// Headers in the proof.
        count: usize,
    },
    /// An extension is not the one its header commits to.
    #[error("the extension of block {height} hashes to {found} but its header commits to {expected}")]
    Extension {
        /// Height of the header.
        height: Height,
        /// keccak256 of the extension.
        found: B256,
        /// The header's `extraData`.
        expected: Bytes,
    },
    /// Two headers in sequence are not parent and child.
    #[error("header {child} does not name header {parent} (hash {parent_hash}) as its parent")]
    Chain {
        /// Height of the parent.
        parent: Height,
        /// Hash of the parent.
        parent_hash: B256,
        /// Height of the child.
        child: Height,
    },
    /// The certificate is for another block.
    #[error("the certificate is for block {certified} but the last header hashes to {header}")]
    OtherBlock {
        /// Block named in the certificate.
        certified: B256,
        /// Hash of the header.
        header: B256,
    },
    /// The signature does not verify.
    #[error(
        "the certificate's signature is not the network's: compare network key, chain id and genesis hash with a trusted source"
    )]
    Signature,
}

impl FinalityError {
    /// Permanent code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NetworkKey { .. } => "finality.network_key",
            Self::Certificate { .. } => "finality.certificate",
            Self::Headers { .. } => "finality.headers",
            Self::Extension { .. } => "finality.extension",
            Self::Chain { .. } => "finality.chain",
            Self::OtherBlock { .. } => "finality.other_block",
            Self::Signature => "finality.signature",
        }
    }
}

/// The network's constant public key: the constant term of the committee's public polynomial. It survives every change of
/// the committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkKey(<MinSig as Variant>::Public);

impl NetworkKey {
    /// Reads the key out of the genesis file's `threshold_public`.
    pub fn from_threshold_public(threshold_public: &[u8]) -> Result<Self, FinalityError> {
        let sharing = Self::sharing(threshold_public)?;
        Ok(Self(*sharing.public()))
    }

    /// Decodes `threshold_public`: the whole public polynomial, from which a committee also derives its members' keys.
    pub fn sharing(threshold_public: &[u8]) -> Result<Sharing<MinSig>, FinalityError> {
        let wrong = |reason: String| FinalityError::NetworkKey { reason };
        let members_max = u32::try_from(GENESIS_NODES_MAX).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let bytes_max = Sharing::<MinSig>::max_encode_size(members_max);
        if threshold_public.len() > bytes_max {
            return Err(wrong(format!("{} bytes, at most {bytes_max}", threshold_public.len())));
        }
        Sharing::<MinSig>::decode_cfg(Copying(threshold_public), &(members_max, ModeVersion::v1()))
            .map_err(|error| wrong(error.to_string()))
    }

    /// Reads a key from its 96 bytes, as [`Self::to_bytes`] writes it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FinalityError> {
        <MinSig as Variant>::Public::decode_cfg(Copying(bytes), &())
            .map(Self)
            .map_err(|error| FinalityError::NetworkKey { reason: error.to_string() })
    }

    /// The key in its compressed form (a point of G2, 96 bytes).
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.0.encode().to_vec())
    }
}

/// Domain of everything the committee signs: a signature for one network says nothing on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Vec<u8>);

impl Namespace {
    /// The domain of the network with this chain id and genesis block.
    pub fn new(chain_id: u64, genesis_hash: B256) -> Self {
        let mut bytes = b"florin/consensus/1".to_vec();
        bytes.extend(chain_id.to_be_bytes());
        bytes.extend(genesis_hash.0);
        Self(bytes)
    }

    /// The bytes that go into every signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A header with the extension it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedHeader {
    /// Ethereum header.
    pub header: Header,
    /// What its `extraData` commits to.
    pub extension: Extension,
}

impl CertifiedHeader {
    fn check_extension(&self) -> Result<(), FinalityError> {
        let found = self.extension.commitment();
        if self.header.extra_data.as_ref() == found.as_slice() {
            return Ok(());
        }
        let expected = self.header.extra_data.clone();
        Err(FinalityError::Extension { height: self.header.number, found, expected })
    }
}

/// Everything that shows one block to be final.
///
/// The committee certifies tips: a block between two of them is final through a descendant. `headers` leads from the block
/// asked for (first) to the one that the certificate names (last), each the parent of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalityProof {
    /// Headers in rising order.
    pub headers: Vec<CertifiedHeader>,
    /// Encoded [`Finalization`] of the last header.
    pub certificate: Bytes,
}

impl FinalityProof {
    /// Checks the whole proof and gives the header that is thereby final: the first one.
    pub fn verify(&self, key: &NetworkKey, namespace: &Namespace) -> Result<&CertifiedHeader, FinalityError> {
        let count = self.headers.len();
        let (Some(first), Some(last)) = (self.headers.first(), self.headers.last()) else {
            return Err(FinalityError::Headers { count });
        };
        if count > FINALITY_HEADERS_MAX {
            return Err(FinalityError::Headers { count });
        }
        for pair in self.headers.windows(2) {
            let (parent, child) = (&pair[0], &pair[1]);
            parent.check_extension()?;
            let parent_hash = parent.header.hash_slow();
            let follows = child.header.parent_hash == parent_hash
                && parent.header.number.checked_add(1) == Some(child.header.number);
            if !follows {
                let (parent, child) = (parent.header.number, child.header.number);
                return Err(FinalityError::Chain { parent, parent_hash, child });
            }
        }
        verify_finality(key, namespace, &self.certificate, &last.header, &last.extension)?;
        Ok(first)
    }
}

/// Checks that `certificate` makes the block of `header` final, and that `extension` is the one the header commits to.
pub fn verify_finality(
    key: &NetworkKey,
    namespace: &Namespace,
    certificate: &[u8],
    header: &Header,
    extension: &Extension,
) -> Result<(), FinalityError> {
    CertifiedHeader { header: header.clone(), extension: *extension }.check_extension()?;
    let finalization = decode_finalization(certificate)?;
    let hash = header.hash_slow();
    if finalization.proposal.payload != block_digest(hash) {
        let certified = block_hash(&finalization.proposal.payload);
        return Err(FinalityError::OtherBlock { certified, header: hash });
    }
    let scheme = standard_verifier(key, namespace);
    // Checking one threshold signature draws no randomness; the interface asks for a generator because batches would.
    let mut unused = StdRng::from_seed([0; 32]);
    if finalization.verify(&mut unused, &scheme, &Sequential) {
        return Ok(());
    }
    Err(FinalityError::Signature)
}

fn standard_verifier(key: &NetworkKey, namespace: &Namespace) -> Scheme {
    commonware_consensus::simplex::scheme::bls12381_threshold::standard::Scheme::<NodeKey, MinSig>::certificate_verifier(
        namespace.as_bytes(),
        key.0,
    )
}

/// Reads a certificate; its signature is not checked.
pub fn decode_finalization(certificate: &[u8]) -> Result<Finalization, FinalityError> {
    if certificate.len() > CERTIFICATE_BYTES_MAX {
        return Err(FinalityError::Certificate { reason: format!("{} bytes", certificate.len()) });
    }
    Finalization::decode_cfg(Copying(certificate), &())
        .map_err(|error| FinalityError::Certificate { reason: error.to_string() })
}

/// Bad bytes of a header or extension met while reading a proof from the wire.
impl From<BlockError> for FinalityError {
    fn from(error: BlockError) -> Self {
        Self::Certificate { reason: error.to_string() }
    }
}

/// Bound of values in the store, as the codec wants it.
pub(crate) fn range_to(bytes_max: usize) -> RangeCfg<usize> {
    RangeCfg::from(0..=bytes_max)
}
