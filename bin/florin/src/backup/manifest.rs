//! What a backup directory holds, and the first check of it: lengths and hashes, for which no key is needed.
//!
//! ```text
//! DIR/backup.json                                  this list
//! DIR/genesis.age                                  the genesis file
//! DIR/state-000000000700.age                       the state after a block, where the backup begins with it: a snapshot
//! DIR/blocks-000000000701-000000000900.age …       final blocks from there on, in order, none left out
//! DIR/backup.lock                                  held by the process that writes here
//! ```
//!
//! The list is canonical JSON with a hash over itself, so that a change of any bit of it is seen. It says nothing that an
//! attacker could not write as well: that the blocks are the network's is shown by their certificates, see [`super::read`].
//!
//! **Order of durable writes.** A file is written under a name that ends in `.partial`, synced, renamed; then the list is
//! replaced in the same way. What the list does not name was never part of the backup.

use crate::{
    failure::Failure,
    files::{self, Lock},
};
use alloy_primitives::{B256, hex};
use florin_types::Height;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
};

/// Version of the format.
const FORMAT: u32 = 1;
const MANIFEST: &str = "backup.json";
const LOCK: &str = "backup.lock";
/// Name of the genesis file in a backup.
pub(super) const GENESIS: &str = "genesis.age";
/// Name of a run of blocks that is being written.
pub(super) const BEGUN: &str = "blocks";
/// Name of a state that is being written.
pub(super) const STATE: &str = "state";
/// End of the name of a file that is not finished.
const PARTIAL: &str = ".partial";

/// A file of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Name in the directory.
    pub(super) file: String,
    /// First height in it. The genesis file gives block 0, a state the block at which it stands.
    pub(super) first: Height,
    /// Last height in it: a block with a certificate of its own.
    pub(super) last: Height,
    /// Length.
    pub(super) bytes: u64,
    /// BLAKE3 hash, in hexadecimal.
    pub(super) blake3: String,
}

impl Entry {
    fn is_state(&self) -> bool {
        self.file == state_name(self.first) && self.last == self.first
    }
}

/// The list of what a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// Name of the network, for people.
    pub(super) network: String,
    pub(super) chain_id: u64,
    pub(super) genesis_hash: B256,
    /// For whom the files are encrypted.
    pub(super) recipients: Vec<String>,
    /// Hash of the last block.
    pub(super) block_hash: B256,
    /// The files, by rising height: the genesis file, the state where the backup begins with one, then runs of blocks. No
    /// height is left out but those below the state.
    pub(super) files: Vec<Entry>,
    /// BLAKE3 over this list with an empty text in this place, in hexadecimal.
    checksum: String,
}

impl Manifest {
    /// The list of a backup that holds the genesis file alone.
    pub(super) fn new(
        network: &str,
        chain_id: u64,
        genesis_hash: B256,
        recipients: Vec<String>,
        genesis: Entry,
    ) -> Self {
        Self {
            format: FORMAT,
            network: network.into(),
            chain_id,
            genesis_hash,
            recipients,
            block_hash: genesis_hash,
            files: vec![genesis],
            checksum: String::new(),
        }
    }

    /// Last height in the backup.
    pub(super) fn height(&self) -> Height {
        self.files.last().map_or(0, |entry| entry.last)
    }

    /// The state with which the backup begins; `None` where it begins with genesis, or has only that yet.
    pub(super) fn state(&self) -> Option<&Entry> {
        self.files.get(1).filter(|entry| entry.is_state())
    }

    /// Bytes of all files. They are the list's word until its files are looked at.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// Adds a finished file that ends with the block of this hash.
    pub(super) fn add(&mut self, entry: Entry, block_hash: B256) {
        self.files.push(entry);
        self.block_hash = block_hash;
    }

    /// Reads a list. Says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        manifest.problem(text).map_or(Ok(manifest), Err)
    }

    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut listed = Self { checksum: String::new(), ..self.clone() };
        listed.checksum = hex::encode(blake3::hash(&serde_json::to_vec(&listed)?).as_bytes());
        Ok(serde_json::to_string_pretty(&listed)? + "\n")
    }

    /// What is wrong with the list, as far as it can be seen without its files.
    fn problem(&self, text: &str) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!("it has format {}, this program knows {FORMAT}", self.format));
        }
        if self.to_text().ok().as_deref() != Some(text) {
            return Some("its checksum does not match: it was changed".into());
        }
        let mut next = 0;
        for (index, entry) in self.files.iter().enumerate() {
            let begins = index == 1 && entry.first > 0 && entry.is_state();
            let follows = entry.first == next
                && entry.last >= entry.first
                && entry.file == file_name(index, entry.first, entry.last);
            if !begins && !follows {
                return Some(format!("it lists {} where a file that begins with block {next} belongs", entry.file));
            }
            next = entry.last.saturating_add(1);
        }
        self.files.is_empty().then(|| "it lists no file".into())
    }
}

/// Name of a file: the first is the genesis file.
fn file_name(index: usize, first: Height, last: Height) -> String {
    match index {
        0 => GENESIS.into(),
        _ => format!("blocks-{first:012}-{last:012}.age"),
    }
}

/// Name of the state after the block of this height.
fn state_name(height: Height) -> String {
    format!("state-{height:012}.age")
}

/// Whether this is the name of a run of blocks, or of a state.
fn is_ours(name: &str) -> bool {
    let state = name.strip_prefix("state-").and_then(|rest| rest.strip_suffix(".age")?.parse().ok());
    if state.is_some_and(|height| state_name(height) == name) {
        return true;
    }
    let heights = name.strip_prefix("blocks-").and_then(|rest| rest.strip_suffix(".age")?.split_once('-'));
    let heights = heights.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    heights.is_some_and(|(first, last)| file_name(1, first, last) == name)
}

/// A backup's directory.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.into() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Takes the directory for writing.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        files::lock(&self.path(LOCK), &self.root)
    }

    /// Reads the list; `None` where there is none.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, Failure> {
        let path = self.path(MANIFEST);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&path).map_err(|error| Failure::reading(&path, &error))?;
        Manifest::parse(&bytes).map(Some).map_err(|reason| damaged(&path, reason))
    }

    /// The list of a directory that must be a backup.
    pub(super) fn existing(&self) -> Result<Manifest, Failure> {
        self.manifest()?.ok_or_else(|| {
            let message = format!("{} holds no {MANIFEST}", self.root.display());
            Failure::input("backup.absent", message, "give the directory that `florin backup --to DIR` wrote")
        })
    }

    /// Puts the list in the place of the one before.
    pub(super) fn save(&self, manifest: &Manifest) -> Result<(), Failure> {
        let path = self.path(MANIFEST);
        let text = manifest.to_text().map_err(|error| Failure::damaged("backup.list", error, "report this"))?;
        let mut partial = self.begin(MANIFEST)?;
        partial.write_all(text.as_bytes()).map_err(|error| Failure::writing(&path, &error))?;
        self.put(partial, MANIFEST, MANIFEST)
    }

    /// Begins a file under its partial name; one that a stopped run left is begun anew.
    pub(super) fn begin(&self, name: &str) -> Result<File, Failure> {
        let path = self.partial(name);
        File::create(&path).map_err(|error| Failure::writing(&path, &error))
    }

    /// Makes a finished file durable and gives it its name.
    pub(super) fn put(&self, file: File, begun_as: &str, name: &str) -> Result<(), Failure> {
        let (from, to) = (self.partial(begun_as), self.path(name));
        let put =
            file.sync_all().and_then(|()| fs::rename(&from, &to)).and_then(|()| File::open(&self.root)?.sync_all());
        put.map_err(|error| Failure::writing(&to, &error))
    }

    /// Makes a finished run of blocks durable, and gives its entry.
    pub(super) fn put_blocks(
        &self,
        file: Hashing<File>,
        begun_as: &str,
        first: Height,
        last: Height,
    ) -> Result<Entry, Failure> {
        let name = file_name(1, first, last);
        let entry = file.entry(name.clone(), first, last);
        self.put(file.inner, begun_as, &name)?;
        Ok(entry)
    }

    /// Makes a finished state durable, and gives its entry.
    pub(super) fn put_state(&self, file: Hashing<File>, height: Height) -> Result<Entry, Failure> {
        let name = state_name(height);
        let entry = file.entry(name.clone(), height, height);
        self.put(file.inner, STATE, &name)?;
        Ok(entry)
    }

    /// Writes the genesis file's place, and gives its entry.
    pub(super) fn put_genesis(&self, sealed: &[u8]) -> Result<Entry, Failure> {
        let mut file = Hashing::new(self.begin(GENESIS)?);
        file.write_all(sealed).map_err(|error| Failure::writing(&self.path(GENESIS), &error))?;
        let entry = file.entry(GENESIS.into(), 0, 0);
        self.put(file.inner, GENESIS, GENESIS)?;
        Ok(entry)
    }

    /// Removes what an interrupted run left and the list does not name. What is not named as our files are is somebody else's,
    /// and stays.
    pub(super) fn tidy(&self, manifest: Option<&Manifest>) -> Result<(), Failure> {
        for name in [BEGUN, STATE, MANIFEST, GENESIS] {
            files::remove(&self.partial(name))?;
        }
        let Some(manifest) = manifest else { return Ok(()) };
        let entries = fs::read_dir(&self.root).map_err(|error| Failure::reading(&self.root, &error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_ours(&name) && !manifest.files.iter().any(|listed| listed.file == name) {
                files::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Opens a file to be read to its end, and then [`Hashing::check`]ed.
    pub(super) fn open(&self, entry: &Entry) -> Result<Hashing<io::BufReader<File>>, Failure> {
        let path = self.path(&entry.file);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged(&path, "it is missing"),
            _ => Failure::reading(&path, &error),
        })?;
        let bytes = file.metadata().map_err(|error| Failure::reading(&path, &error))?.len();
        if bytes != entry.bytes {
            return Err(damaged(&path, format_args!("it has {bytes} bytes, {} were written", entry.bytes)));
        }
        Ok(Hashing::new(io::BufReader::with_capacity(1 << 20, file)))
    }

    /// Compares a whole file with the list.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), Failure> {
        let mut file = self.open(entry)?;
        io::copy(&mut file, &mut io::sink()).map_err(|error| Failure::reading(&self.path(&entry.file), &error))?;
        file.check(&self.path(&entry.file), entry)
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}{PARTIAL}"))
    }
}

/// A file of a backup that is not what was written.
pub(super) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::damaged(
        "backup.damaged",
        format_args!("{} is damaged: {reason}", path.display()),
        "take this file from another copy of the backup, or begin a new backup in an empty directory",
    )
}

/// Hashes what passes.
pub(super) struct Hashing<F> {
    inner: F,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<F> Hashing<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner, hasher: blake3::Hasher::new(), bytes: 0 }
    }

    fn entry(&self, file: String, first: Height, last: Height) -> Entry {
        Entry { file, first, last, bytes: self.bytes, blake3: self.hash() }
    }

    fn hash(&self) -> String {
        hex::encode(self.hasher.finalize().as_bytes())
    }

    /// Whether all that passed is what the list says.
    pub(super) fn check(&self, path: &Path, entry: &Entry) -> Result<(), Failure> {
        if self.bytes == entry.bytes && self.hash() == entry.blake3 {
            return Ok(());
        }
        Err(damaged(path, "its hash is not the one that was noted when it was written"))
    }
}

impl<F: io::Write> io::Write for Hashing<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<F: Read> Read for Hashing<F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
