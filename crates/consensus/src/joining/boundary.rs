//! With what an epoch began: the payload of the last block of the epoch before, with what proves it final.
//!
//! **Purpose.** A node that copies the state in epoch e > 0 has no block below the copy, but has to know who signs in e, who is
//! dealt shares and who is to be dealt them next. Not the whole block is asked for: the certificate names the header, the
//! header commits to the extension, the extension to the payload.
//!
//! **Encoding.** RLP `[certificate, header, extension, payload]`, each but the header a byte string; one encoding only.
//!
//! **Failures.** It is believed because it verifies under the network's key, whoever sends it. Who was asked and sends what
//! does not verify is blocked. After [`ROUNDS_MAX`] rounds without an answer the asker looks where the network stands anew:
//! nodes keep the blocks of two epochs at least, so who stands still for longer asks for one that is forgotten.
//!
//! **Limits.** A certificate, a payload and a header within their own bounds.

use super::sample::{Asked, Message, Question, Said, ask_for, parse, until};
use crate::{
    application::Marshal,
    block::{EpochPayload, Epochal, decode_payload},
    runtime::Runtime,
    votes::Finalization,
};
use alloy_rlp::{Decodable as _, Encodable as _, Header as RlpHeader};
use commonware_codec::Encode as _;
use commonware_consensus::{marshal::Identifier, types::Height};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use florin_proof::{CERTIFICATE_BYTES_MAX, Namespace, NetworkKey, verify_finality};
use florin_types::{
    Block, Bytes, EXTENSION_BYTES_MAX, Extension, Header, PAYLOAD_BYTES_MAX, alloy_primitives::keccak256,
};
use std::num::NonZeroU64;

/// Bytes of the longest header that a block of this ledger has: its numbers are those of a ledger without difficulty or fees.
const HEADER_BYTES_MAX: usize = 1_024;
/// Bytes of the longest encoding: its parts and five times the longest head of an RLP item.
pub(crate) const BYTES_MAX: usize =
    CERTIFICATE_BYTES_MAX + HEADER_BYTES_MAX + EXTENSION_BYTES_MAX + PAYLOAD_BYTES_MAX + 5 * 9;
/// Rounds of questions until the asker looks again where the network stands.
const ROUNDS_MAX: u32 = 10;

/// What is proven about the last block of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    certificate: Bytes,
    header: Header,
    extension: Extension,
    payload: Bytes,
}

/// What a [`Boundary`] is held against.
pub(crate) struct Trust {
    pub(crate) key: NetworkKey,
    pub(crate) namespace: Namespace,
    /// Blocks of an epoch.
    pub(crate) epoch_blocks: NonZeroU64,
}

/// Height of the last block before an epoch; `None` for the first, which no block precedes.
pub(crate) fn last_before(epoch: u64, epoch_blocks: NonZeroU64) -> Option<u64> {
    epoch.checked_mul(epoch_blocks.get())?.checked_sub(1)
}

impl Boundary {
    /// What this node has of its final block of this height: the whole of it, or nothing.
    pub(crate) async fn read(marshal: &Marshal, height: u64) -> Option<Self> {
        let height = Height::new(height);
        let block = marshal.get_block(Identifier::Height(height)).await?;
        let certificate = marshal.get_finalization(height).await?;
        Self::of(block.inner().inner(), Bytes::from(certificate.encode()))
    }

    fn of(block: &Block, certificate: Bytes) -> Option<Self> {
        let (header, extension) = (block.header().clone(), *block.extension());
        Some(Self { certificate, header, extension, payload: block.payload()?.clone() })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let extension = Bytes::from(self.extension.encode());
        let payload_length = self
            .certificate
            .length()
            .saturating_add(self.header.length())
            .saturating_add(extension.length())
            .saturating_add(self.payload.length());
        let mut out = Vec::with_capacity(payload_length.saturating_add(5));
        RlpHeader { list: true, payload_length }.encode(&mut out);
        self.certificate.encode(&mut out);
        self.header.encode(&mut out);
        extension.encode(&mut out);
        self.payload.encode(&mut out);
        out
    }

    /// Reads the one encoding; whether it proves anything is not asked. The error says what it is not.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("{} bytes are more than any beginning of an epoch has", bytes.len()));
        }
        let boundary = Self::decode_parts(bytes).map_err(|error| error.to_string())?;
        // Numbers and lists have encodings beside the canonical one that a decoder may take.
        if boundary.encode() == bytes { Ok(boundary) } else { Err("not the canonical encoding".into()) }
    }

    fn decode_parts(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let mut rest = bytes;
        let mut items = RlpHeader::decode_bytes(&mut rest, true)?;
        let certificate = Bytes::copy_from_slice(RlpHeader::decode_bytes(&mut items, false)?);
        let header = Header::decode(&mut items)?;
        let extension = Extension::decode(RlpHeader::decode_bytes(&mut items, false)?)
            .map_err(|_| alloy_rlp::Error::Custom("not an extension"))?;
        let payload = Bytes::copy_from_slice(RlpHeader::decode_bytes(&mut items, false)?);
        Ok(Self { certificate, header, extension, payload })
    }

    /// With what this epoch began, if this proves it. The error says why it does not.
    pub(crate) fn verify(&self, trust: &Trust, epoch: u64) -> Result<Epochal, String> {
        let last = last_before(epoch, trust.epoch_blocks);
        if last != Some(self.header.number) {
            return Err(format!("block {} is not the one before epoch {epoch}", self.header.number));
        }
        verify_finality(&trust.key, &trust.namespace, &self.certificate, &self.header, &self.extension)
            .map_err(|error| error.to_string())?;
        if self.extension.payload_hash != Some(keccak256(&self.payload)) {
            return Err("the block has another payload".into());
        }
        match decode_payload(&self.payload) {
            Some(EpochPayload::EpochInfo(begins)) if begins.epoch.get() == epoch => Ok(begins),
            _ => Err(format!("the block does not say with what epoch {epoch} begins")),
        }
    }
}

/// Asks until somebody proves with what an epoch began, or so often in vain that the question is out of date. `floor` is the
/// certificate that this node chose, which it answers with to others that join.
pub(crate) async fn ask<E: Runtime>(
    context: &E,
    (asked, floor): (&Asked, &Finalization),
    (trust, epoch): (&Trust, u64),
    (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) -> Option<Epochal> {
    let last = last_before(epoch, trust.epoch_blocks);
    for _ in 0..ROUNDS_MAX {
        let end = context.current() + super::sample::ROUND;
        ask_for(Question::Boundary(epoch), sender, Recipients::Some(asked.nodes.clone()));
        while let Some((peer, message)) = until(context, end, receiver).await {
            match parse(&message, asked.nodes.contains(&peer)) {
                // A late answer to an earlier question is no lie.
                Ok(Message::Boundary(boundary)) if Some(boundary.header.number) != last => {}
                Ok(Message::Boundary(boundary)) => match boundary.verify(trust, epoch) {
                    Ok(begins) => return Some(begins),
                    Err(reason) => {
                        block!(
                            blocker,
                            peer,
                            reason,
                            "blocked a peer for a beginning of an epoch that does not verify"
                        );
                    }
                },
                Ok(Message::Question(Question::Newest)) => {
                    sender.send(Recipients::One(peer), Said::Newest(Box::new(floor.clone())).encode(), true);
                }
                Ok(
                    Message::Question(Question::Boundary(_) | Question::OwnVote)
                    | Message::Answer(_)
                    | Message::OwnVote(_)
                    | Message::Other,
                ) => {}
                Err(reason) => {
                    block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                }
            }
        }
    }
    tracing::warn!(
        epoch,
        "nobody says with what this epoch began: asking again where the network stands. Only nodes know it that were there when it \
         began: name such in network.contacts"
    );
    None
}

/// Decodes what another node might send as the beginning of an epoch; gives its encoding. For fuzzers.
#[doc(hidden)]
pub fn decode_boundary(message: &[u8]) -> Option<Vec<u8>> {
    Boundary::decode(message).ok().map(|boundary| boundary.encode())
}

#[cfg(test)]
mod tests;
