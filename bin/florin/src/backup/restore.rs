//! `florin restore` and `florin backup verify`: the blocks executed again, from the first on, after the state is placed with
//! which a snapshot begins.
//!
//! Both do the same in different places. Every part of a state is held against its certified block. Every block is opened, held
//! against its certificate, executed, and what execution gives is held against its header: receipts, gas, state root. What is
//! left is a storage as a node leaves it behind.
//!
//! **Crashes.** A restore works in a directory of its own inside of `DIR/data`, see [`super::place`]. While that exists no node
//! starts on `DIR`; the same command goes on where it was.

use super::{
    blocks::{Kept, Trust},
    manifest::{Manifest, Store},
    place::Place,
    read::{self, Reading},
    snapshot,
    state::StateFile,
};
use crate::{
    envelope::Key,
    failure::{Exit, Failure},
    files::{self, Audience},
    node::{directory::Directory, machine, votes},
    progress::Progress,
};
use alloy_primitives::{B256, Bytes};
use florin_consensus::{Context, History, NodeConfig, NodeSecret, Rebuild, RebuildError, StateBeginning, rebuild};
use florin_types::{Genesis, Height};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Instant,
};

/// What was executed again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Replayed {
    pub(super) chain_id: u64,
    pub(super) genesis_hash: B256,
    /// Height of the block whose state was placed; absent where every block was executed.
    #[serde(default)]
    pub(super) state_height: Option<Height>,
    /// Height of the last block, whose header the state was held against.
    pub(super) height: Height,
    pub(super) block_hash: B256,
    /// Root of the state that execution gave: the one that the certified header commits to.
    pub(super) state_root: B256,
    /// Blocks that were executed.
    pub(super) blocks: u64,
    pub(super) seconds: f64,
    /// Certificate of the last block; none of block 0.
    #[serde(skip)]
    pub(super) certificate: Option<Bytes>,
}

/// A backup with what opens it.
pub(super) struct Source {
    pub(super) store: Store,
    pub(super) manifest: Manifest,
    pub(super) key: Key,
    pub(super) genesis: Arc<Genesis>,
    pub(super) trust: Trust,
}

impl Source {
    /// Opens a backup; `trusted` is a genesis file that it must be of.
    pub(super) fn open(root: &Path, key: Key, trusted: Option<&Path>) -> Result<Self, Failure> {
        let store = Store::at(root);
        let manifest = store.existing()?;
        let genesis = read::genesis(&store, &manifest, &key)?;
        let trust = Trust::of(&genesis)?;
        if let Some(path) = trusted {
            let trusted = crate::genesis::block(&crate::genesis::read(path)?)?.hash();
            if trusted != trust.genesis_hash {
                return Err(Failure::input(
                    "backup.other_network",
                    format_args!("the backup is of genesis {}, {} of {trusted}", trust.genesis_hash, path.display()),
                    "give the backup and the genesis file of the same network",
                ));
            }
        }
        Ok(Self { store, manifest, key, genesis: Arc::new(genesis), trust })
    }

    /// The state with which the backup begins, and the block at which it stands.
    fn state(&self) -> Result<Option<(Kept, StateFile)>, Failure> {
        let opened = self.manifest.state().map(|entry| StateFile::open(&self.store, entry, &self.key, &self.trust));
        opened.transpose()
    }

    /// The blocks that follow.
    fn blocks(&self) -> Result<Reading<'_>, Failure> {
        Reading::begin(&self.store, &self.manifest, &self.key, self.trust.clone())
    }

    /// Opens every file and checks hashes, order, proofs and certificates, without executing anything. Gives the last height.
    pub(super) fn check(&self, progress: &Progress) -> Result<Height, Failure> {
        let mut height = 0;
        if let Some((block, mut state)) = self.state()? {
            height = block.height;
            while state.next()?.is_some() {
                let (done, all) = state.progress();
                progress.show("state", done, all);
            }
        }
        let mut reading = self.blocks()?;
        while let Some(kept) = reading.next(&self.trust)? {
            height = kept.height;
            progress.show("blocks", height, self.manifest.height());
        }
        Ok(height)
    }
}

/// Where and how far.
struct Replay<'a> {
    source: &'a Source,
    until: Height,
    history: History,
    page_cache_bytes: usize,
    progress: &'a Progress,
}

impl Replay<'_> {
    fn run(&self, storage: PathBuf, worker_threads: usize) -> Result<Replayed, Failure> {
        let run = || machine::run(storage.clone(), worker_threads, |context| self.execute(context));
        match run() {
            // A run that was interrupted while it placed the state left a part, which is of no use.
            Err(failure) if failure.code == RebuildError::HalfPlaced.code() => {
                std::fs::remove_dir_all(&storage).map_err(|error| Failure::writing(&storage, &error))?;
                files::make_directory(&storage)?;
                run()
            }
            ran => ran,
        }
    }

    async fn execute(&self, context: Context) -> Result<Replayed, Failure> {
        let started = Instant::now();
        let mut config = NodeConfig::new(self.source.genesis.clone(), NodeSecret::generate(), None);
        config.history = self.history;
        config.page_cache_bytes = self.page_cache_bytes;
        let (failed, failure) = mpsc::channel();
        let state = self.source.state()?;
        let begins = state.as_ref().map(|(block, _)| block.clone());
        let beginning = state.map(|(block, file)| self.beginning(block, file, failed));
        let opened = rebuild(context, config, beginning).await;
        // What is wrong with a file is said in its own words.
        let mut rebuild = opened.map_err(|error| failure.try_recv().unwrap_or_else(|_| rebuild_failure(error)))?;
        let from = rebuild.last().0;
        let certificate = self.feed(&mut rebuild, begins.as_ref()).await?;
        let (height, block_hash, state_root) = rebuild.settle().await.map_err(rebuild_failure)?;
        rebuild.close().await;
        Ok(Replayed {
            chain_id: self.source.genesis.chain_id,
            genesis_hash: self.source.trust.genesis_hash,
            state_height: begins.map(|block| block.height),
            height,
            block_hash,
            state_root,
            blocks: height - from,
            seconds: started.elapsed().as_secs_f64(),
            certificate,
        })
    }

    /// The state for the engine, which takes it part by part.
    fn beginning(&self, block: Kept, mut file: StateFile, failed: mpsc::Sender<Failure>) -> StateBeginning {
        let show = self.progress.also();
        let parts = std::iter::from_fn(move || match file.next() {
            Ok(part) => {
                show("state", file.progress());
                part.map(|part| Ok(part.0))
            }
            Err(failure) => {
                let reason = failure.message.clone();
                // Whoever listens has gone only if nobody wants to know any more.
                let _ = failed.send(failure);
                Some(Err(reason))
            }
        });
        let certificate = block.certificate.unwrap_or_default();
        StateBeginning { block: block.block, certificate, parts: Box::new(parts) }
    }

    /// Hands over all blocks up to the height that was asked for, above the one at which a state stands where the backup begins
    /// with it; gives the last one's certificate.
    async fn feed(&self, rebuild: &mut Rebuild, begins: Option<&Kept>) -> Result<Option<Bytes>, Failure> {
        let (there, there_hash) = rebuild.last();
        let (mut certified, mut certificate) =
            begins.map_or((0, None), |block| (block.height, block.certificate.clone()));
        if there < certified {
            return Err(other_restore(there, format_args!("this backup begins at block {certified}")));
        }
        if there > self.until {
            return Err(other_restore(there, format_args!("it shall end at {}", self.until)));
        }
        let mut reading = self.source.blocks()?;
        while certified < self.until {
            let kept = reading.next(&self.source.trust)?;
            let Some(kept) = kept.filter(|kept| kept.height <= self.until) else {
                return Err(self.uncertified(certified));
            };
            if kept.height == there && kept.hash != there_hash {
                return Err(other_restore(there, format_args!("the backup has another block there: {}", kept.hash)));
            }
            if kept.height == self.until && kept.certificate.is_none() {
                return Err(self.uncertified(certified));
            }
            if kept.height > there {
                rebuild.add(kept.block, kept.certificate.as_ref()).await.map_err(rebuild_failure)?;
            }
            if let Some(own) = kept.certificate {
                (certified, certificate) = (kept.height, Some(own));
            }
            self.progress.show("blocks", rebuild.recorded_height(), self.until);
        }
        Ok(certificate)
    }

    fn uncertified(&self, below: Height) -> Failure {
        Failure::input(
            "restore.height",
            format_args!("block {} has no certificate of its own, so nothing ends there", self.until),
            format_args!("give --height {below}, or a higher one"),
        )
    }
}

fn other_restore(there: Height, what: std::fmt::Arguments<'_>) -> Failure {
    Failure::input(
        "restore.other",
        format_args!("an unfinished restore stands at block {there}, and {what}"),
        "finish it with the command that began it, or remove DIR/data/restoring and begin anew",
    )
}

fn rebuild_failure(error: RebuildError) -> Failure {
    let next = "keep the backup as it is; try the copy of another node, and report what this says";
    Failure::new(Exit::Damaged, error.code(), error, next)
}

/// Checks that a height is in the backup.
fn until(manifest: &Manifest, height: Option<Height>) -> Result<Height, Failure> {
    let (first, last) = (snapshot::height(manifest).unwrap_or(0), manifest.height());
    match height {
        None => Ok(last),
        Some(height) if height < first => Err(Failure::input(
            "restore.height",
            format_args!("the backup begins with the state after block {first}, and {height} lies below"),
            format_args!("give --height {first} or a higher one, or a backup that begins with genesis"),
        )),
        Some(height) if height <= last => Ok(height),
        Some(height) => Err(Failure::input(
            "restore.height",
            format_args!("the backup ends with block {last}, there is no {height} in it"),
            "give a lower height, or leave --height out",
        )),
    }
}

/// Executes the whole backup in a scratch directory, which is removed afterwards.
pub(super) fn verify(source: &Source, scratch: Option<&Path>, progress: &Progress) -> Result<Replayed, Failure> {
    let parent = scratch.map_or_else(std::env::temp_dir, Path::to_path_buf);
    let directory = tempfile::Builder::new().prefix("florin-verify-").tempdir_in(&parent);
    let directory = directory.map_err(|error| Failure::writing(&parent, &error))?;
    let replay = Replay {
        source,
        until: source.manifest.height(),
        // Nobody asks this ledger for the past.
        history: History { window: 1, ..History::default() },
        page_cache_bytes: SCRATCH_CACHE_BYTES,
        progress,
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    replay.run(directory.path().join("data"), threads)
}

/// Memory for pages of files in a scratch directory.
const SCRATCH_CACHE_BYTES: usize = 128 * 1024 * 1024;

/// Makes `DIR/data` from a backup. `network_lost` is the hash that the operators of a quorum have agreed on.
pub(super) fn restore(
    source: &Source,
    root: &Path,
    height: Option<Height>,
    network_lost: Option<B256>,
    progress: &Progress,
) -> Result<Replayed, Failure> {
    files::make_directory(root)?;
    let directory = Directory::open(root)?;
    let _lock = directory.lock_for_restore()?;
    let place = Place::of(&directory);
    if let Some(replayed) = place.made(source.trust.genesis_hash, height, network_lost)? {
        place.finish()?;
        return Ok(replayed);
    }
    place.check_empty()?;
    if source.manifest.state().is_some() {
        check_begins_with_state(source, &directory)?;
    }
    put_genesis(source, root)?;
    let voter = network_lost.map(|hash| directory.node_public_key().map(|key| (hash, key))).transpose()?;
    let settings = &directory.config().storage;
    let replay = Replay {
        source,
        until: until(&source.manifest, height)?,
        history: History { window: settings.history_blocks, archive: settings.archive, ..History::default() },
        page_cache_bytes: machine::page_cache_bytes(&directory),
        progress,
    };
    files::make_directory(&place.working)?;
    let replayed = replay.run(place.working.clone(), machine::worker_threads(&directory))?;
    // What a command that was interrupted here has agreed to is not what this one was asked for.
    votes::forget(&place.working)?;
    if let Some((agreed, node_key)) = voter {
        begin_again(&place.working, agreed, node_key, &replayed)?;
    }
    place.put(replayed, network_lost)
}

/// A node that keeps every block has executed every block: a state is not for it.
fn check_begins_with_state(source: &Source, directory: &Directory) -> Result<(), Failure> {
    snapshot::check_network(&source.genesis)?;
    let storage = &directory.config().storage;
    if storage.blocks_kept > 0 && !storage.archive {
        return Ok(());
    }
    Err(Failure::input(
        "snapshot.keeps_all",
        format_args!(
            "the backup begins with the state after block {}, and {} is of a node that keeps every block",
            snapshot::height(&source.manifest).unwrap_or(0),
            directory.root().display()
        ),
        "set storage.blocks_kept in its config.toml (docs/operate.md says what that means), or restore a backup that begins with \
         genesis",
    ))
}

/// The network's genesis file belongs beside the data, and only this one.
fn put_genesis(source: &Source, root: &Path) -> Result<(), Failure> {
    let path = root.join("genesis.json");
    if path.exists() {
        let there = crate::genesis::block(&crate::genesis::read(&path)?)?.hash();
        if there == source.trust.genesis_hash {
            return Ok(());
        }
        return Err(Failure::input(
            "backup.other_network",
            format_args!("the backup is of genesis {}, {} of {there}", source.trust.genesis_hash, path.display()),
            "give the directory of a node of the backup's network",
        ));
    }
    let text = source.genesis.to_json().map_err(|error| Failure::input("genesis.invalid", error, "report this"))?;
    files::write_new(&path, (text + "\n").as_bytes(), Audience::Everyone)
}

/// All validators are lost, and a quorum's operators have agreed to go on from this block: it may vote above it at once.
fn begin_again(data: &Path, agreed: B256, node_key: B256, replayed: &Replayed) -> Result<(), Failure> {
    if agreed != replayed.block_hash {
        return Err(Failure::input(
            "restore.agreed",
            format_args!(
                "the restored data ends with block {} ({}), --network-lost says {agreed}",
                replayed.height, replayed.block_hash
            ),
            "all operators restore the same height: compare `florin backup verify`, then run this again with --height",
        ));
    }
    votes::begin_again(data, node_key, replayed.certificate.as_ref())
}
