//! What stands in a backup, opened and checked, file after file.

use super::{
    blocks::{Chain, Kept, Trust, read_block, read_head},
    manifest::{Entry, GENESIS, Hashing, Manifest, Store, damaged},
    state::StateFile,
};
use crate::{
    envelope::{self, EnvelopeError, Key, Opened},
    failure::Failure,
    files::FILE_BYTES_MAX,
};
use alloy_primitives::B256;
use florin_types::{Genesis, Height};
use std::{fs::File, io::BufReader, io::Read as _};

/// The blocks of a backup, read from the first on.
pub(super) struct Reading<'a> {
    store: &'a Store,
    manifest: &'a Manifest,
    key: &'a Key,
    chain: Chain,
    /// Number of the file that comes next.
    next_file: usize,
    open: Option<Run<'a>>,
}

/// A file of blocks that is being read.
struct Run<'a> {
    entry: &'a Entry,
    from: Opened<Hashing<BufReader<File>>>,
    certified: bool,
}

/// The genesis file in a backup: it must be the one that the list names, and the one that is trusted where one was given.
pub(super) fn genesis(store: &Store, manifest: &Manifest, key: &Key) -> Result<Genesis, Failure> {
    let path = store.path(GENESIS);
    let entry = manifest.files.first().ok_or_else(|| damaged(&path, "the list does not name it"))?;
    let mut file = store.open(entry)?;
    let mut sealed = Vec::new();
    file.by_ref().take(FILE_BYTES_MAX).read_to_end(&mut sealed).map_err(|error| Failure::reading(&path, &error))?;
    file.check(&path, entry)?;
    let opened = envelope::open_bytes(key, &sealed, FILE_BYTES_MAX).map_err(|error| unopened(&path, error))?;
    let text = std::str::from_utf8(&opened).map_err(|error| damaged(&path, error))?;
    let genesis = Genesis::from_json(text).map_err(|error| damaged(&path, error))?;
    let hash = crate::genesis::block(&genesis)?.hash();
    if hash != manifest.genesis_hash {
        return Err(damaged(&path, format_args!("it is of genesis {hash}, the list says {}", manifest.genesis_hash)));
    }
    Ok(genesis)
}

/// A file that its key does not open.
pub(super) fn unopened(path: &std::path::Path, error: EnvelopeError) -> Failure {
    let display = path.display();
    match error {
        EnvelopeError::NoMatch | EnvelopeError::Passphrase | EnvelopeError::OtherWay(_) => Failure::input(
            "backup.key",
            format_args!("{display}: {error}"),
            "give the identity file of a recipient that backup.json names; `florin backup verify DIR --quick` needs none",
        ),
        EnvelopeError::Io(error) => Failure::reading(path, &error),
        error => damaged(path, error),
    }
}

impl<'a> Reading<'a> {
    /// Begins with the first block after genesis, or after the state with which the backup begins.
    pub(super) fn begin(store: &'a Store, manifest: &'a Manifest, key: &'a Key, trust: Trust) -> Result<Self, Failure> {
        let (height, hash, next_file) = match manifest.state() {
            None => (0, trust.genesis_hash, 1),
            Some(entry) => {
                let (block, _) = StateFile::open(store, entry, key, &trust)?;
                (block.height, block.hash, 2)
            }
        };
        let chain = Chain::after(trust, height, hash);
        Ok(Self { store, manifest, key, chain, next_file, open: None })
    }

    /// The next block; `None` after the last one, when all files were what the list says.
    pub(super) fn next(&mut self, trust: &Trust) -> Result<Option<Kept>, Failure> {
        loop {
            let Some(run) = &mut self.open else {
                let Some(entry) = self.manifest.files.get(self.next_file) else { return self.end().map(|()| None) };
                self.open = Some(begin(self.store, entry, self.key, trust)?);
                self.next_file += 1;
                continue;
            };
            let path = self.store.path(&run.entry.file);
            let Some((block, certificate)) = read_block(&mut run.from).map_err(|reason| damaged(&path, reason))? else {
                self.finish_run()?;
                continue;
            };
            run.certified = certificate.is_some();
            return self.chain.next(block, certificate).map(Some).map_err(|reason| damaged(&path, reason));
        }
    }

    fn finish_run(&mut self) -> Result<(), Failure> {
        let Some(run) = self.open.take() else { return Ok(()) };
        let path = self.store.path(&run.entry.file);
        run.from.into_inner().check(&path, run.entry)?;
        let (height, _) = self.chain.last();
        if height != run.entry.last || !run.certified {
            let reason = format!("it ends with block {height}, not with the certified block {}", run.entry.last);
            return Err(damaged(&path, reason));
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Failure> {
        let (height, hash) = self.chain.last();
        if hash == self.manifest.block_hash {
            return Ok(());
        }
        let listed: (Height, B256) = (self.manifest.height(), self.manifest.block_hash);
        let reason = format!("it says that the backup ends with {listed:?}, its files end with {:?}", (height, hash));
        Err(damaged(&self.store.path("backup.json"), reason))
    }
}

fn begin<'a>(store: &Store, entry: &'a Entry, key: &Key, trust: &Trust) -> Result<Run<'a>, Failure> {
    let path = store.path(&entry.file);
    let mut from = envelope::open(key, store.open(entry)?).map_err(|error| {
        // What looks like a wrong key may be a changed header: the hash knows.
        store.check(entry).err().unwrap_or_else(|| unopened(&path, error))
    })?;
    read_head(&mut from, trust, entry.first).map_err(|reason| damaged(&path, reason))?;
    Ok(Run { entry, from, certified: false })
}
