//! Votes of validators, signed with the key of their node, and two of them that convict whoever signed both.
//!
//! **Place.** Beside its part of the threshold signature, a validator signs what it votes for with its node key, over a
//! layout of our own: [`NodeVote::signed_bytes`]. The engine makes and checks such votes; the ledger only ever sees two
//! that contradict one another, an [`Equivocation`], and decides by itself whether it proves guilt.
//!
//! **Invariants.** An [`Equivocation`] contradicts itself, whoever made it; [`Equivocation::verify`] says whether one node
//! key signed both votes. One pair of signed votes has one encoding.
//!
//! **The rule for signatures** is ZIP-215, the engine's own (`docs/decisions/0077-node-signatures.md`). Where rules differ,
//! only signatures differ that nobody makes by signing: the key that they would convict is the key of whoever made them.
//!
//! **Limits.** [`EQUIVOCATION_BYTES`], always: nothing in it has a length.

use alloy_primitives::B256;
use ed25519_zebra::{Signature, VerificationKey};

/// What every signed vote begins with, so that no other signature of a node key is one.
const DOMAIN: &[u8; 13] = b"florin/vote/1";
/// Bytes of a vote: kind, epoch, view, parent view, payload.
const VOTE_BYTES: usize = 1 + 3 * 8 + 32;
/// Bytes of an ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// Bytes of an encoded [`SignedVote`].
pub const SIGNED_VOTE_BYTES: usize = VOTE_BYTES + SIGNATURE_BYTES;
/// Bytes of an encoded [`Equivocation`]: version, node key, two votes with their signatures.
pub const EQUIVOCATION_BYTES: usize = 1 + 32 + 2 * SIGNED_VOTE_BYTES;
/// Version of the encoding.
const VERSION: u8 = 1;

/// What a vote is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum VoteKind {
    /// A block shall be the one of its view.
    Notarize = 0,
    /// The view shall be skipped.
    Nullify = 1,
    /// A block that was notarised shall be final.
    Finalize = 2,
}

impl VoteKind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Notarize),
            1 => Some(Self::Nullify),
            2 => Some(Self::Finalize),
            _ => None,
        }
    }
}

/// What a validator votes for, as its node key signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeVote {
    /// What the vote is for.
    pub kind: VoteKind,
    /// Epoch of the committee.
    pub epoch: u64,
    /// View within the epoch.
    pub view: u64,
    /// View of the parent block; 0 in a vote to skip.
    pub parent_view: u64,
    /// Digest of the block; zero in a vote to skip.
    pub payload: B256,
}

impl NodeVote {
    /// A vote to skip a view. It names no block.
    pub fn nullify(epoch: u64, view: u64) -> Self {
        Self { kind: VoteKind::Nullify, epoch, view, parent_view: 0, payload: B256::ZERO }
    }

    /// The bytes that the node key signs: the domain, the network, the vote. Integers are big-endian, the length is fixed.
    pub fn signed_bytes(&self, chain_id: u64, genesis_hash: B256) -> Vec<u8> {
        [DOMAIN.as_slice(), &chain_id.to_be_bytes(), genesis_hash.as_slice(), &self.encode()].concat()
    }

    /// [`VOTE_BYTES`] of them.
    fn encode(&self) -> Vec<u8> {
        let [epoch, view, parent_view] = [self.epoch, self.view, self.parent_view].map(u64::to_be_bytes);
        [&[self.kind as u8], epoch.as_slice(), &view, &parent_view, self.payload.as_slice()].concat()
    }

    fn decode(bytes: &mut Reader<'_>) -> Result<Self, EquivocationError> {
        let [kind] = bytes.take()?;
        let kind = VoteKind::from_byte(kind).ok_or(EquivocationError::Kind { kind })?;
        let [epoch, view, parent_view] = [bytes.integer()?, bytes.integer()?, bytes.integer()?];
        let vote = Self { kind, epoch, view, parent_view, payload: B256::new(bytes.take()?) };
        if kind == VoteKind::Nullify && vote != Self::nullify(epoch, view) {
            return Err(EquivocationError::SkipNamesBlock);
        }
        Ok(vote)
    }
}

/// A vote with the signature of a node key. Whose, and whether it is right, [`Self::is_by`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignedVote {
    /// What was voted for.
    pub vote: NodeVote,
    /// The ed25519 signature over [`NodeVote::signed_bytes`].
    pub signature: [u8; 64],
}

impl SignedVote {
    /// The vote, then its signature: [`SIGNED_VOTE_BYTES`].
    pub fn encode(&self) -> Vec<u8> {
        [self.vote.encode().as_slice(), &self.signature].concat()
    }

    /// Decodes what [`Self::encode`] wrote, and nothing else. It does not look at the signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, EquivocationError> {
        EquivocationError::check_length(bytes, SIGNED_VOTE_BYTES)?;
        Self::take(&mut Reader { rest: bytes })
    }

    fn take(bytes: &mut Reader<'_>) -> Result<Self, EquivocationError> {
        Ok(Self { vote: NodeVote::decode(bytes)?, signature: bytes.take()? })
    }

    /// Whether this node key signed the vote for this network.
    pub fn is_by(&self, validator: B256, chain_id: u64, genesis_hash: B256) -> bool {
        let message = self.vote.signed_bytes(chain_id, genesis_hash);
        let signature = Signature::from_bytes(&self.signature);
        VerificationKey::try_from(validator.0).is_ok_and(|key| key.verify(&signature, &message).is_ok())
    }
}

/// Whether 32 bytes are a key that a node can have: the encoding of a point of ed25519, by the rule of ZIP-215, by which
/// [`SignedVote::is_by`] judges.
pub fn is_node_key(key: &B256) -> bool {
    VerificationKey::try_from(key.0).is_ok()
}

/// Why bytes or votes are no equivocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    /// Every equivocation has the same length, and so has every vote with its signature.
    #[error("{bytes} bytes instead of {expected}")]
    Length {
        /// Bytes as received.
        bytes: usize,
        /// Bytes that there must be.
        expected: usize,
    },
    /// A later program may write others.
    #[error("version {version} of an equivocation is not known, version {VERSION} is")]
    Version {
        /// Version as received.
        version: u8,
    },
    /// A vote is to notarise (0), to skip (1) or to make final (2).
    #[error("there is no vote of kind {kind}: 0, 1 and 2 are")]
    Kind {
        /// Kind as received.
        kind: u8,
    },
    /// A vote to skip a view has parent view 0 and a payload of zeros.
    #[error("a vote to skip a view names no block, this one does")]
    SkipNamesBlock,
    /// The encoding has the lesser vote first.
    #[error("the two votes stand in the wrong order")]
    Order,
    /// An honest validator casts both.
    #[error(
        "the two votes do not contradict one another: show two notarizations or two finalizations of one view for different \
         blocks, or a finalization and a nullification of one view"
    )]
    NoContradiction,
    /// The key did not sign this vote for this network.
    #[error("vote {place} is not signed by this key for this network")]
    Signature {
        /// Which of the two: 1 or 2.
        place: u8,
    },
}

impl EquivocationError {
    fn check_length(bytes: &[u8], expected: usize) -> Result<(), Self> {
        let bytes = bytes.len();
        if bytes == expected { Ok(()) } else { Err(Self::Length { bytes, expected }) }
    }
}

/// How a validator contradicted itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contradiction {
    /// It notarised two blocks in one view.
    TwoProposals,
    /// It finalised two blocks in one view.
    TwoFinals,
    /// It finalised a block in a view that it wanted skipped.
    FinalAndSkipped,
}

impl Contradiction {
    /// What two votes of one validator are to one another; `None` if an honest one casts both. Nobody is guilty who
    /// notarises and then skips, or who notarises one block and finalises the one that the others notarised.
    pub fn between(first: &NodeVote, second: &NodeVote) -> Option<Self> {
        use VoteKind::{Finalize, Notarize, Nullify};
        let block = |vote: &NodeVote| (vote.parent_view, vote.payload);
        if (first.epoch, first.view) != (second.epoch, second.view) {
            return None;
        }
        match (first.kind, second.kind) {
            (Notarize, Notarize) if block(first) != block(second) => Some(Self::TwoProposals),
            (Finalize, Finalize) if block(first) != block(second) => Some(Self::TwoFinals),
            (Nullify, Finalize) | (Finalize, Nullify) => Some(Self::FinalAndSkipped),
            _ => None,
        }
    }

    /// The word that files, reports and the ledger use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TwoProposals => "two_proposals",
            Self::TwoFinals => "two_finals",
            Self::FinalAndSkipped => "final_and_skipped",
        }
    }
}

/// Two votes of one validator that no honest validator casts both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Equivocation {
    validator: B256,
    first: SignedVote,
    second: SignedVote,
    contradiction: Contradiction,
}

impl Equivocation {
    /// Of two votes in any order. Whether the validator signed them is not asked: [`Self::verify`] answers that.
    pub fn new(validator: B256, one: SignedVote, other: SignedVote) -> Result<Self, EquivocationError> {
        let contradiction = Contradiction::between(&one.vote, &other.vote).ok_or(EquivocationError::NoContradiction)?;
        let swap = one.vote.encode() > other.vote.encode();
        let (first, second) = if swap { (other, one) } else { (one, other) };
        Ok(Self { validator, first, second, contradiction })
    }

    /// Node key (ed25519) of the validator that is accused.
    pub const fn validator(&self) -> B256 {
        self.validator
    }

    /// The vote whose encoding is the lesser one.
    pub const fn first(&self) -> &SignedVote {
        &self.first
    }

    /// The other vote.
    pub const fn second(&self) -> &SignedVote {
        &self.second
    }

    /// Epoch of both votes.
    pub const fn epoch(&self) -> u64 {
        self.first.vote.epoch
    }

    /// View of both votes, within the epoch.
    pub const fn view(&self) -> u64 {
        self.first.vote.view
    }

    /// How the votes contradict one another.
    pub const fn contradiction(&self) -> Contradiction {
        self.contradiction
    }

    /// The same in a word: `two_proposals`, `two_finals` or `final_and_skipped`.
    pub const fn kind(&self) -> &'static str {
        self.contradiction.word()
    }

    /// Whether the accused key signed both votes, for this network. Nothing else is asked: neither whether the key is one of
    /// a validator, nor of which epoch's.
    pub fn verify(&self, chain_id: u64, genesis_hash: B256) -> Result<(), EquivocationError> {
        for (place, vote) in [(1, &self.first), (2, &self.second)] {
            if !vote.is_by(self.validator, chain_id, genesis_hash) {
                return Err(EquivocationError::Signature { place });
            }
        }
        Ok(())
    }

    /// Version, node key, then each vote with its signature: [`EQUIVOCATION_BYTES`].
    pub fn encode(&self) -> Vec<u8> {
        let Self { validator, first, second, .. } = self;
        let [one, other] = [first, second].map(SignedVote::encode);
        [&[VERSION], validator.as_slice(), &one, &other].concat()
    }

    /// Decodes what [`Self::encode`] wrote, and nothing else. It does not look at the signatures.
    pub fn decode(bytes: &[u8]) -> Result<Self, EquivocationError> {
        EquivocationError::check_length(bytes, EQUIVOCATION_BYTES)?;
        let mut rest = Reader { rest: bytes };
        let [version] = rest.take()?;
        if version != VERSION {
            return Err(EquivocationError::Version { version });
        }
        let validator = B256::new(rest.take()?);
        let (first, second) = (SignedVote::take(&mut rest)?, SignedVote::take(&mut rest)?);
        let equivocation = Self::new(validator, first, second)?;
        if equivocation.first != first {
            return Err(EquivocationError::Order);
        }
        Ok(equivocation)
    }
}

/// Takes parts of a known length off the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], EquivocationError> {
        let length = EquivocationError::Length { bytes: self.rest.len(), expected: N };
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(length)?;
        self.rest = rest;
        Ok(*head)
    }

    fn integer(&mut self) -> Result<u64, EquivocationError> {
        self.take().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
#[path = "vote_tests.rs"]
mod tests;
