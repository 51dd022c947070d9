//! Blocks in a file: a head that says of which network and from which height on, then each block with its certificate.
//!
//! Everything in it is checked on the way in and on the way out: each block follows the one before it, each certificate
//! verifies under the network's key, and the last block has one. So a run of blocks proves itself.

use crate::failure::Failure;
use alloy_primitives::{B256, Bytes};
use florin_proof::{CERTIFICATE_BYTES_MAX, Namespace, NetworkKey, verify_finality};
use florin_types::{BLOCK_BYTES_MAX, Block, Genesis, Height, StateTarget};
use std::io::{self, Read, Write};

const MARK: &[u8; 16] = b"florin/blocks/1\n";

/// A block as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) height: Height,
    pub(super) hash: B256,
    /// The encoded block.
    pub(super) block: Bytes,
    /// Its encoded certificate, if it has one of its own.
    pub(super) certificate: Option<Bytes>,
}

/// What is trusted: the network's key, and the hash of its first block.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    key: NetworkKey,
    namespace: Namespace,
    chain_id: u64,
    pub(super) genesis_hash: B256,
}

impl Trust {
    pub(super) fn of(genesis: &Genesis) -> Result<Self, Failure> {
        let genesis_hash = crate::genesis::block(genesis)?.hash();
        let key = NetworkKey::from_threshold_public(&genesis.threshold_public).map_err(|error| {
            Failure::input("genesis.invalid", error, "take the genesis file from the network's operators")
        })?;
        let namespace = Namespace::new(genesis.chain_id, genesis_hash);
        Ok(Self { key, namespace, chain_id: genesis.chain_id, genesis_hash })
    }

    /// Checks that a block is final by its own certificate, and gives the state that its header commits to. Says what is wrong.
    pub(super) fn certified(&self, bytes: Bytes, certificate: Bytes) -> Result<(Kept, StateTarget), String> {
        let block = Block::decode(&bytes).map_err(|error| error.to_string())?;
        let (height, hash) = (block.height(), block.hash());
        self.check(&block, &certificate)?;
        let kept = Kept { height, hash, block: bytes, certificate: Some(certificate) };
        Ok((kept, block.extension().state))
    }

    fn check(&self, block: &Block, certificate: &Bytes) -> Result<(), String> {
        verify_finality(&self.key, &self.namespace, certificate, block.header(), block.extension())
            .map_err(|error| format!("the certificate of block {}: {error}", block.height()))
    }

    /// Writes of which network a file is.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.chain_id.to_be_bytes())?;
        out.write_all(self.genesis_hash.as_slice())
    }
}

/// Follows a chain of blocks and doubts each of them.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    trust: Trust,
    height: Height,
    hash: B256,
}

impl Chain {
    /// A chain that goes on after the block of this height and hash.
    pub(super) fn after(trust: Trust, height: Height, hash: B256) -> Self {
        Self { trust, height, hash }
    }

    /// Height and hash of the last block.
    pub(super) fn last(&self) -> (Height, B256) {
        (self.height, self.hash)
    }

    /// Checks that this is the next block and that its certificate, if it has one, is sound. Says what is wrong.
    pub(super) fn next(&mut self, bytes: Bytes, certificate: Option<Bytes>) -> Result<Kept, String> {
        let expected = self.height.saturating_add(1);
        let block = Block::decode(&bytes).map_err(|error| format!("what should be block {expected}: {error}"))?;
        let (height, parent) = (block.height(), block.header().parent_hash);
        if height != expected || parent != self.hash {
            return Err(format!(
                "block {height} with parent {parent} stands where block {expected} with parent {} belongs",
                self.hash
            ));
        }
        if let Some(certificate) = &certificate {
            self.trust.check(&block, certificate)?;
        }
        (self.height, self.hash) = (height, block.hash());
        Ok(Kept { height, hash: self.hash, block: bytes, certificate })
    }
}

/// Writes the head of a file.
pub(super) fn write_head(out: &mut impl Write, trust: &Trust, first: Height) -> io::Result<()> {
    out.write_all(MARK)?;
    trust.write(out)?;
    out.write_all(&first.to_be_bytes())
}

/// Writes a block.
pub(super) fn write_block(out: &mut impl Write, kept: &Kept) -> io::Result<()> {
    write_bytes(out, &kept.block)?;
    write_bytes(out, kept.certificate.as_ref().map_or(&[], |bytes| bytes.as_ref()))
}

/// Writes bytes after their length.
pub(super) fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

/// Reads the head of a file, which must be of this network and begin with this height.
pub(super) fn read_head(from: &mut impl Read, trust: &Trust, first: Height) -> Result<(), String> {
    let mut head = [0u8; 16 + 8 + 32 + 8];
    from.read_exact(&mut head).map_err(|error| error.to_string())?;
    let mut expected = Vec::new();
    write_head(&mut expected, trust, first).map_err(|error| error.to_string())?;
    if head.as_slice() == expected {
        return Ok(());
    }
    Err(format!("it does not hold blocks of this network from height {first} on"))
}

/// Reads a block; `None` at the end.
pub(super) fn read_block(from: &mut impl Read) -> Result<Option<(Bytes, Option<Bytes>)>, String> {
    let Some(block) = read_bytes(from, BLOCK_BYTES_MAX)? else { return Ok(None) };
    let certificate = read_bytes(from, CERTIFICATE_BYTES_MAX)?.ok_or("it ends within a block")?;
    Ok(Some((block, (!certificate.is_empty()).then_some(certificate))))
}

/// Reads what [`write_bytes`] wrote; `None` at the end.
pub(super) fn read_bytes(from: &mut impl Read, bytes_max: usize) -> Result<Option<Bytes>, String> {
    let mut length = Vec::with_capacity(4);
    from.take(4).read_to_end(&mut length).map_err(|error| error.to_string())?;
    if length.is_empty() {
        return Ok(None);
    }
    let length: [u8; 4] = length.try_into().map_err(|_| "it ends within a block")?;
    let length = u32::from_be_bytes(length) as usize;
    if length > bytes_max {
        return Err(format!("{length} bytes are announced, at most {bytes_max} can be"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).map_err(|error| error.to_string())?;
    Ok(Some(bytes.into()))
}
