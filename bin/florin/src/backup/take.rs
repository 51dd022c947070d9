//! `florin backup`: from a node that runs to a directory, only what is new.
//!
//! Each page of blocks that the node gives is checked like a stranger's: it follows what the backup has, and every certificate
//! verifies. What does not verify is never written. A file is closed at a block that has a certificate; blocks above the
//! last such one wait for the next run.

use super::{
    blocks::{Chain, Kept, Trust, write_block, write_head},
    manifest::{BEGUN, Hashing, Manifest, Store},
    snapshot::{self, Taking},
};
use crate::{
    envelope::{EnvelopeError, Lock, Recipient, Sealed, seal, seal_bytes},
    failure::{Exit, Failure},
    files,
    network::Network,
    progress::Progress,
    remote::client_failure,
};
use florin_types::{Height, wire::BLOCKS_MAX};
use serde::Serialize;
use std::{fs::File, path::Path};

/// Bytes after which a file is closed at the next certificate.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Most blocks, and bytes of them, that wait in memory for a certificate above them. Agreement keeps 256 undecided views, so
/// an honest node has a certificate long before.
const PENDING_BLOCKS_MAX: usize = 1_024;
const PENDING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a run did.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    pub(super) chain_id: u64,
    pub(super) genesis_hash: alloy_primitives::B256,
    /// Height of the state with which the backup begins; absent where it begins with genesis.
    pub(super) state_height: Option<Height>,
    /// Last height in the backup now.
    pub(super) height: Height,
    pub(super) block_hash: alloy_primitives::B256,
    /// Blocks that this run added.
    pub(super) blocks: u64,
    /// Bytes of the whole backup.
    pub(super) bytes: u64,
    pub(super) files: usize,
}

/// Brings the backup in `root` up to the node's height. `snapshot`: one that is new begins with the state at that height.
pub(super) async fn take(
    network: &Network,
    root: &Path,
    (recipients, snapshot): (&[Recipient], bool),
    progress: &Progress,
) -> Result<Taken, Failure> {
    if snapshot {
        snapshot::check_network(&network.genesis)?;
    }
    files::make_directory(root)?;
    let store = Store::at(root);
    let _lock = store.lock()?;
    let trust = Trust::of(&network.genesis)?;
    let found = store.manifest()?;
    store.tidy(found.as_ref())?;
    let lock = Lock::Recipients(recipients.to_vec());
    let manifest = match found {
        Some(manifest) => same(manifest, &trust, recipients)?,
        None => begin(&store, network, &trust, recipients, &lock)?,
    };
    let taking = Taking { network, store: &store, trust: &trust, lock: &lock, progress };
    let manifest = snapshot::begin(&taking, manifest, snapshot).await?;
    let from = manifest.height();
    let chain = Chain::after(trust.clone(), from, manifest.block_hash);
    let mut writer = Writer { store: &store, lock, trust, manifest, open: None, pending: Pending::default() };
    let target = network.client.block_number().await.map_err(client_failure)?;
    copy(network, chain, target, &mut writer, progress).await?;
    let manifest = writer.close()?;
    Ok(Taken {
        chain_id: manifest.chain_id,
        genesis_hash: manifest.genesis_hash,
        state_height: snapshot::height(&manifest),
        height: manifest.height(),
        block_hash: manifest.block_hash,
        blocks: manifest.height() - from,
        bytes: manifest.bytes(),
        files: manifest.files.len(),
    })
}

/// Begins a backup: the genesis file first.
fn begin(
    store: &Store,
    network: &Network,
    trust: &Trust,
    recipients: &[Recipient],
    lock: &Lock,
) -> Result<Manifest, Failure> {
    if recipients.is_empty() {
        return Err(Failure::usage(
            "backup.recipient",
            "a new backup needs somebody who can open it",
            "make an identity with `florin backup identity`, and give --recipient age1…",
        ));
    }
    let text = network.genesis.to_json().map_err(|error| Failure::input("genesis.invalid", error, "check the file"))?;
    let entry = store.put_genesis(&seal_bytes(lock, text.as_bytes()).map_err(sealing)?)?;
    let recipients = recipients.iter().map(ToString::to_string).collect();
    let genesis = &network.genesis;
    let manifest = Manifest::new(&genesis.network, genesis.chain_id, trust.genesis_hash, recipients, entry);
    store.save(&manifest)?;
    Ok(manifest)
}

/// A backup goes on as it began.
fn same(manifest: Manifest, trust: &Trust, recipients: &[Recipient]) -> Result<Manifest, Failure> {
    if manifest.genesis_hash != trust.genesis_hash {
        return Err(Failure::input(
            "backup.other_network",
            format_args!("the backup is of genesis {}, the network's is {}", manifest.genesis_hash, trust.genesis_hash),
            "give the directory of this network's backup, or an empty one",
        ));
    }
    let given: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    if given != manifest.recipients {
        return Err(Failure::usage(
            "backup.recipient",
            format_args!(
                "the backup is encrypted for {}, --recipient gives {}",
                manifest.recipients.join(", "),
                given.join(", ")
            ),
            "give the same recipients in the same order; for others begin a new backup in an empty directory",
        ));
    }
    Ok(manifest)
}

async fn copy(
    network: &Network,
    mut chain: Chain,
    target: Height,
    writer: &mut Writer<'_>,
    progress: &Progress,
) -> Result<(), Failure> {
    let begin = chain.last().0;
    while chain.last().0 < target {
        let next = chain.last().0 + 1;
        let count = (target - next + 1).min(BLOCKS_MAX);
        let page = network.client.blocks(next, count).await.map_err(client_failure)?;
        if page.is_empty() || page.len() as u64 > count {
            return Err(lied(&network.client, format!("it gave {} blocks from {next} on", page.len())));
        }
        for block in page {
            let kept = chain.next(block.block, block.certificate).map_err(|reason| lied(&network.client, reason))?;
            writer.add(kept).map_err(|refused| refused.failure(&network.client))?;
        }
        progress.show("blocks", chain.last().0 - begin, target - begin);
    }
    Ok(())
}

pub(super) fn lied(client: &florin_client::RpcClient, reason: String) -> Failure {
    Failure::new(
        Exit::Damaged,
        "backup.unverified",
        format_args!("{} gives what does not verify: {reason}", client.url()),
        "back up from another node; look at this one with `florin inspect verify`. If all nodes say the same, the backup is of \
         another history: keep it, and begin a new one in an empty directory",
    )
}

pub(super) fn sealing(error: EnvelopeError) -> Failure {
    Failure::new(Exit::Failed, "backup.seal", error, "check the disk and the recipients, and try again")
}

/// A file of blocks that is being written.
struct Open {
    out: Sealed<Hashing<File>>,
    first: Height,
    last: Height,
    last_hash: alloy_primitives::B256,
    bytes: u64,
}

struct Writer<'a> {
    store: &'a Store,
    lock: Lock,
    trust: Trust,
    manifest: Manifest,
    open: Option<Open>,
    pending: Pending,
}

/// Blocks that wait for a certificate above them.
#[derive(Default)]
struct Pending {
    blocks: Vec<Kept>,
    bytes: usize,
}

impl Pending {
    /// Takes a block; once it has a certificate gives all of them.
    fn push(&mut self, kept: Kept) -> Result<Option<Vec<Kept>>, Refused> {
        let certified = kept.certificate.is_some();
        self.bytes = self.bytes.saturating_add(kept.block.len());
        self.blocks.push(kept);
        if certified {
            self.bytes = 0;
            return Ok(Some(std::mem::take(&mut self.blocks)));
        }
        match self.blocks.len() > PENDING_BLOCKS_MAX || self.bytes > PENDING_BYTES_MAX {
            true => Err(Refused::Uncertified(self.blocks.first().map_or(0, |first| first.height))),
            false => Ok(None),
        }
    }
}

/// Why a block is not taken.
#[derive(Debug)]
enum Refused {
    /// It cannot be written.
    Writing(Failure),
    /// From this height on too many blocks have no certificate.
    Uncertified(Height),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Writing(failure)
    }
}

impl Refused {
    fn failure(self, client: &florin_client::RpcClient) -> Failure {
        match self {
            Self::Writing(failure) => failure,
            Self::Uncertified(first) => Failure::new(
                Exit::Damaged,
                "backup.uncertified",
                format_args!(
                    "{} gives blocks from {first} on and no certificate for any of them; at most {PENDING_BLOCKS_MAX} blocks or \
                     {PENDING_BYTES_MAX} bytes may wait for one",
                    client.url()
                ),
                "back up from another node; look at this one with `florin inspect verify`",
            ),
        }
    }
}

impl Writer<'_> {
    fn add(&mut self, kept: Kept) -> Result<(), Refused> {
        let Some(certified) = self.pending.push(kept)? else { return Ok(()) };
        let first = certified.first().map_or(0, |kept| kept.height);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(first)?,
        };
        for kept in certified {
            write_block(&mut open.out, &kept).map_err(|error| Failure::writing(&self.store.path(BEGUN), &error))?;
            open.bytes += kept.block.len() as u64;
            (open.last, open.last_hash) = (kept.height, kept.hash);
        }
        if open.bytes >= FILE_BYTES {
            return Ok(self.finish(open)?);
        }
        self.open = Some(open);
        Ok(())
    }

    fn begin(&self, first: Height) -> Result<Open, Failure> {
        let mut out = seal(&self.lock, Hashing::new(self.store.begin(BEGUN)?)).map_err(sealing)?;
        let head = write_head(&mut out, &self.trust, first);
        head.map_err(|error| Failure::writing(&self.store.path(BEGUN), &error))?;
        Ok(Open { out, first, last: first, last_hash: self.manifest.block_hash, bytes: 0 })
    }

    fn finish(&mut self, open: Open) -> Result<(), Failure> {
        let file = open.out.finish().map_err(|error| Failure::writing(&self.store.path(BEGUN), &error))?;
        let entry = self.store.put_blocks(file, BEGUN, open.first, open.last)?;
        self.manifest.add(entry, open.last_hash);
        self.store.save(&self.manifest)
    }

    fn close(mut self) -> Result<Manifest, Failure> {
        if let Some(open) = self.open.take() {
            self.finish(open)?;
        }
        Ok(self.manifest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::{B256, Bytes};

    fn kept(height: Height, bytes: usize, certified: bool) -> Kept {
        let certificate = certified.then(|| Bytes::from_static(b"signed"));
        Kept { height, hash: B256::ZERO, block: vec![0; bytes].into(), certificate }
    }

    #[test]
    fn blocks_wait_for_a_certificate_but_not_without_bound() {
        let mut pending = Pending::default();
        for height in 1..PENDING_BLOCKS_MAX as u64 {
            assert!(pending.push(kept(height, 1, false)).unwrap().is_none());
        }
        let given = pending.push(kept(PENDING_BLOCKS_MAX as u64, 1, true)).unwrap().unwrap();
        assert_eq!(given.len(), PENDING_BLOCKS_MAX);
        // From here on somebody lies: first with many blocks, then with large ones.
        for height in 2_001..2_001 + PENDING_BLOCKS_MAX as u64 {
            assert!(pending.push(kept(height, 1, false)).unwrap().is_none(), "{height}");
        }
        assert!(matches!(pending.push(kept(9_999, 1, false)), Err(Refused::Uncertified(2_001))));
        let mut pending = Pending::default();
        let large = florin_types::BLOCK_BYTES_MAX;
        let refused = (1..).find(|height| pending.push(kept(*height, large, false)).is_err()).unwrap();
        assert_eq!(refused, (PENDING_BYTES_MAX / large) as u64 + 1);
    }
}
