//! A block as the engine sees it: something with a digest, a height, a parent and the context it was proposed in.
//!
//! The digest is the Ethereum block hash. It is 32 bytes of keccak256 over the header, and the header commits to
//! everything else, so a vote for the digest is a vote for the whole block.
//!
//! **Payload.** What a block carries for the change of the committee: a dealer's log, or at the end of an epoch what the next
//! one begins with. It is read once, when the block is, and only in its canonical encoding. The genesis file gives block 0
//! no payload and its hash commits to none, so that of epoch 0 is made from the file ([`EngineBlock::genesis`]) and is
//! neither sent nor stored.

use commonware_codec::{
    Buf, Copying, Decode as _, DecodeExt as _, Encode as _, EncodeSize, Error as CodecError, RangeCfg, Read, Write,
};
use commonware_consensus::{
    Block as _, BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{
    Digestible,
    bls12381::primitives::{sharing::ModeVersion, variant::MinSig},
    ed25519::PublicKey,
};
use commonware_glue::dkg::{
    ReshareBlock,
    types::{EpochInfo, Payload},
};
use commonware_runtime::BufMut;
use commonware_utils::sequence::Unit;
use florin_proof::{BlockDigest, block_digest};
use florin_state::sync_target;
use florin_types::{BLOCK_BYTES_MAX, Block, ConsensusContext};
use std::{num::NonZeroU32, sync::Arc};

use crate::keys::node_key;

/// The context in which a block is proposed and voted on.
pub(crate) type BlockContext = Context<BlockDigest, PublicKey>;

/// What a block carries for the change of the committee. Addresses of nodes are not in it: they are the ledger's.
pub(crate) type EpochPayload = Payload<MinSig, PublicKey, Unit>;
/// What an epoch begins with: the committee that signs in it, the one that is dealt to, the one after that.
pub(crate) type Epochal = EpochInfo<MinSig, PublicKey, Unit>;

/// Bounds of what is decoded: members of a committee, and how shares are numbered.
pub(crate) fn payload_bounds() -> (NonZeroU32, ModeVersion) {
    (crate::keys::VALIDATORS, ModeVersion::v0())
}

/// Reads a payload in its one encoding.
pub(crate) fn decode_payload(bytes: &[u8]) -> Option<EpochPayload> {
    let payload = EpochPayload::decode_cfg(Copying(bytes), &payload_bounds()).ok()?;
    (payload.encode().as_ref() == bytes).then_some(payload)
}

/// Shares of the key that a block makes public, for checkers.
#[doc(hidden)]
pub fn reveals(block: &Block) -> usize {
    match block.payload().and_then(|payload| decode_payload(payload)) {
        Some(EpochPayload::EpochInfo(info)) => info.output.revealed().len(),
        _ => 0,
    }
}

/// A block for the engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineBlock {
    block: Arc<Block>,
    /// The leader's key as the engine's type, checked when the block was made.
    leader: PublicKey,
    payload: Option<Arc<EpochPayload>>,
    /// The block's encoding, made or received once: it is sent, stored and served again and again.
    encoded: bytes::Bytes,
}

impl std::fmt::Debug for EngineBlock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("EngineBlock").field(&self.block).finish()
    }
}

impl EngineBlock {
    /// Wraps a block. `None` when its leader is not a key, its state target a range that no store can have, or its payload
    /// none.
    pub(crate) fn new(block: Arc<Block>) -> Option<Self> {
        let encoded = block.encode().into();
        Self::with_encoding(block, encoded)
    }

    /// Reads a block back. `None` when it is none.
    pub(crate) fn from_encoding(encoded: bytes::Bytes) -> Option<Self> {
        Self::with_encoding(Arc::new(Block::decode(&encoded).ok()?), encoded)
    }

    fn with_encoding(block: Arc<Block>, encoded: bytes::Bytes) -> Option<Self> {
        sync_target(&block.extension().state)?;
        let leader = node_key(&block.extension().context.leader).ok()?;
        let payload = match block.payload() {
            Some(bytes) => Some(Arc::new(decode_payload(bytes)?)),
            None => None,
        };
        Some(Self { block, leader, payload, encoded })
    }

    /// Block 0 of a network with epochs: with what its first epoch begins with.
    pub(crate) fn genesis(block: Arc<Block>, first: Option<Epochal>) -> Option<Self> {
        let payload = first.map(|first| Arc::new(EpochPayload::EpochInfo(first)));
        Some(Self { payload, ..Self::new(block)? })
    }

    /// What the block carries for the change of the committee.
    pub(crate) fn epoch_payload(&self) -> Option<&EpochPayload> {
        self.payload.as_deref()
    }

    pub(crate) fn inner(&self) -> &Arc<Block> {
        &self.block
    }

    /// The consensus context as it stands in a block's extension.
    pub(crate) fn extension_context(context: &BlockContext) -> ConsensusContext {
        ConsensusContext {
            epoch: context.round.epoch().get(),
            view: context.round.view().get(),
            parent_view: context.parent.0.get(),
            leader: alloy_primitives::B256::from_slice(context.leader.as_ref()),
        }
    }
}

/// Decodes what another node might send as a block; gives its height. For fuzzers.
#[doc(hidden)]
pub fn decode_block(message: &[u8]) -> Result<u64, String> {
    let block = EngineBlock::decode(commonware_codec::Copying(message)).map_err(|error| error.to_string())?;
    Ok(block.inner().height())
}

impl Digestible for EngineBlock {
    type Digest = BlockDigest;

    fn digest(&self) -> BlockDigest {
        block_digest(self.block.hash())
    }
}

impl Heightable for EngineBlock {
    fn height(&self) -> Height {
        Height::new(self.block.height())
    }
}

impl commonware_consensus::Block for EngineBlock {
    fn parent(&self) -> BlockDigest {
        block_digest(self.block.header().parent_hash)
    }
}

impl ReshareBlock for EngineBlock {
    type Variant = MinSig;
    type PublicKey = PublicKey;
    type Directory = Unit;

    fn payload(&self) -> Option<EpochPayload> {
        self.payload.as_deref().cloned()
    }
}

impl CertifiableBlock for EngineBlock {
    type Context = BlockContext;

    fn context(&self) -> BlockContext {
        let context = &self.block.extension().context;
        Context {
            round: Round::new(Epoch::new(context.epoch), View::new(context.view)),
            leader: self.leader.clone(),
            parent: (View::new(context.parent_view), self.parent()),
        }
    }
}

impl BoundedBlock for EngineBlock {
    fn max_encode_size(_: &()) -> usize {
        // A length prefix (varint, at most 5 bytes) and the bytes.
        BLOCK_BYTES_MAX.saturating_add(5)
    }
}

impl Write for EngineBlock {
    fn write(&self, buffer: &mut impl BufMut) {
        self.encoded.write(buffer);
    }
}

impl EncodeSize for EngineBlock {
    fn encode_size(&self) -> usize {
        self.encoded.encode_size()
    }
}

impl Read for EngineBlock {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let bytes = bytes::Bytes::read_cfg(buffer, &RangeCfg::new(0..=BLOCK_BYTES_MAX))?;
        let block = Block::decode(&bytes).map_err(|_| CodecError::Invalid("block", "not a valid block"))?;
        Self::with_encoding(Arc::new(block), bytes)
            .ok_or(CodecError::Invalid("block", "its leader, its state target or its payload cannot be"))
    }
}
