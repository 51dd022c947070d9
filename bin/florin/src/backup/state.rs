//! The state after a block in a file: the block with its certificate, then the state's log in parts that prove themselves.
//!
//! A head says of which network and which block. Block and certificate are checked under the network's key; the block's header
//! commits to the operations of the state, and each part has its proof against that. So a file proves itself, part by part,
//! and is read in bounded memory. The parts are what nodes hand to one another: [`florin_state::StateCopy`] knows their order.

use super::{
    blocks::{Kept, Trust, read_bytes, write_block, write_bytes},
    manifest::{Entry, Hashing, Store, damaged},
    read::unopened,
};
use crate::{
    envelope::{self, Key, Opened},
    failure::Failure,
};
use alloy_primitives::Bytes;
use florin_proof::CERTIFICATE_BYTES_MAX;
use florin_state::{OPERATIONS_BYTES_MAX, StateCopy};
use florin_types::{BLOCK_BYTES_MAX, Height};
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::PathBuf,
};

const MARK: &[u8; 15] = b"florin/state/1\n";

/// Writes the head of a file and the block, which has a certificate.
pub(super) fn write_beginning(out: &mut impl Write, trust: &Trust, block: &Kept) -> io::Result<()> {
    write_head(out, trust, block.height)?;
    write_block(out, block)
}

fn write_head(out: &mut impl Write, trust: &Trust, height: Height) -> io::Result<()> {
    out.write_all(MARK)?;
    trust.write(out)?;
    out.write_all(&height.to_be_bytes())
}

/// Writes the next part.
pub(super) fn write_part(out: &mut impl Write, part: &Bytes) -> io::Result<()> {
    write_bytes(out, part)
}

/// A state that is read, and doubted, part by part.
pub(super) struct Parts<R> {
    from: R,
    copy: StateCopy,
}

impl<R: Read> Parts<R> {
    /// Reads the head, which must be of this network and block, and gives the block.
    pub(super) fn begin(mut from: R, trust: &Trust, height: Height) -> Result<(Kept, Self), String> {
        let mut expected = Vec::new();
        write_head(&mut expected, trust, height).map_err(|error| error.to_string())?;
        let mut head = vec![0; expected.len()];
        from.read_exact(&mut head).map_err(|error| error.to_string())?;
        if head != expected {
            return Err(format!("it does not hold the state of this network after block {height}"));
        }
        let mut bytes = |bytes_max| read_bytes(&mut from, bytes_max)?.ok_or("it ends within its beginning".to_string());
        let (block, certificate) = (bytes(BLOCK_BYTES_MAX)?, bytes(CERTIFICATE_BYTES_MAX)?);
        let (block, target) = trust.certified(block, certificate)?;
        if block.height != height {
            return Err(format!("it holds block {} where block {height} belongs", block.height));
        }
        let copy = StateCopy::of(&target).ok_or("its block has a state that cannot be")?;
        Ok((block, Self { from, copy }))
    }

    /// The next part; `None` after the last one, when nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, String> {
        let part = read_bytes(&mut self.from, OPERATIONS_BYTES_MAX)?;
        match (part, self.copy.next()) {
            (Some(part), _) => self.copy.take(part.0.clone()).map(|()| Some(part)),
            (None, None) => Ok(None),
            (None, Some(operation)) => Err(format!("it ends before operation {operation} of the state")),
        }
    }

    /// Operations that were read, and all that there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        self.copy.progress()
    }

    fn is_whole(&self) -> bool {
        self.copy.next().is_none()
    }
}

/// The state in a backup, opened.
pub(super) struct StateFile {
    path: PathBuf,
    entry: Entry,
    /// Absent once all was read and the file was what the list says.
    parts: Option<Parts<Opened<Hashing<BufReader<File>>>>>,
    progress: (u64, u64),
}

impl StateFile {
    /// Opens it, and gives the block at which the state stands.
    pub(super) fn open(store: &Store, entry: &Entry, key: &Key, trust: &Trust) -> Result<(Kept, Self), Failure> {
        let path = store.path(&entry.file);
        let from = envelope::open(key, store.open(entry)?).map_err(|error| {
            // What looks like a wrong key may be a changed header: the hash knows.
            store.check(entry).err().unwrap_or_else(|| unopened(&path, error))
        })?;
        let (block, parts) = Parts::begin(from, trust, entry.first).map_err(|reason| damaged(&path, reason))?;
        let progress = parts.progress();
        Ok((block, Self { path, entry: entry.clone(), parts: Some(parts), progress }))
    }

    /// The next part; `None` after the last one. The last one is given when the whole file was what the list says.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(mut parts) = self.parts.take() else { return Ok(None) };
        let part = parts.next().map_err(|reason| damaged(&self.path, reason))?;
        self.progress = parts.progress();
        if !parts.is_whole() {
            self.parts = Some(parts);
            return Ok(part);
        }
        let rest = parts.next().map_err(|reason| damaged(&self.path, reason))?;
        if rest.is_some() {
            return Err(damaged(&self.path, "something follows the state"));
        }
        parts.from.into_inner().check(&self.path, &self.entry)?;
        Ok(part)
    }

    /// Operations that were read, and all that there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        self.progress
    }
}
