//! Running work on a node's storage: the engine's runtime, with faults turned into failures that people can read.

use super::{directory::Directory, vitals};
use crate::failure::Failure;
use florin_consensus::{Context, RuntimeConfig};
use std::{
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// Runs `main` on the engine's runtime with this storage. A part that meets a fault panics, because the process must not
/// go on with data that it doubts; here that becomes the failure `node.fault`, or `node.disk_full` where the disk took no
/// more: the engine's faults say that a write failed, and not why.
pub(crate) fn run<T, F>(
    storage_directory: PathBuf,
    worker_threads: usize,
    main: impl FnOnce(Context) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    // One fault makes other parts fail in turn: the first one is the reason, and the room that there was then.
    let first = Arc::new(OnceLock::new());
    let (noted, disk) = (first.clone(), storage_directory.clone());
    panic::set_hook(Box::new(move |fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        let text = fault_text(fault.payload());
        tracing::error!(place, "fault: {text}");
        let _ = noted.set(Fault { text, free_bytes: vitals::room(&disk).map(|room| room.free_bytes) });
    }));
    let runtime = RuntimeConfig { storage_directory: storage_directory.clone(), worker_threads };
    let ran = panic::catch_unwind(AssertUnwindSafe(|| florin_consensus::run(runtime, main)));
    // From here on a panic is a mistake of the program again.
    let _ = panic::take_hook();
    ran.unwrap_or_else(|fault| {
        let unnoted = || Fault { text: fault_text(&*fault), free_bytes: None };
        Err(first.get().cloned().unwrap_or_else(unnoted).failure(&storage_directory))
    })
}

/// Why a part of the node panicked.
#[derive(Clone)]
struct Fault {
    text: String,
    /// Room on the disk when it happened.
    free_bytes: Option<u64>,
}

/// A failed write where less was free is for want of room: an extent of a file, or a page of its metadata, is no larger.
const NO_ROOM_BYTES: u64 = 1_024 * 1_024;

impl Fault {
    fn failure(&self, storage: &Path) -> Failure {
        match self.free_bytes {
            Some(free) if free < NO_ROOM_BYTES && self.is_of_a_write() => Failure::unavailable(
                "node.disk_full",
                format_args!("stopped, because the disk of {} is full: {free} bytes are free", storage.display()),
                "make room, and start it again: what is final is on the disk, and the rest comes from the others",
            ),
            _ => Failure::damaged(
                "node.fault",
                format_args!("stopped on a fault: {}", in_words(&self.text)),
                "keep the data as it is; run `florin inspect verify --dir DIR`, then restore a backup or start empty",
            ),
        }
    }

    /// By the names of the engine's errors, or the system's own. What could not be read is damage, however full the disk is.
    fn is_of_a_write(&self) -> bool {
        ["WriteFailed", "ResizeFailed", "SyncFailed", "OpenFailed", "CreationFailed", "os error 28"]
            .iter()
            .any(|error| self.text.contains(error))
    }
}

/// The engine reports damage of a file in a form for programmers, `BlobCorrupt("partition", "file", "reason")`.
fn in_words(fault: &str) -> String {
    let damaged = fault.split_once("BlobCorrupt(\"").and_then(|(_, rest)| {
        let mut parts = rest.split("\", \"");
        let (partition, file, rest) = (parts.next()?, parts.next()?, parts.next()?);
        Some(format!("file {file} of {partition} is damaged: {}", rest.split('"').next()?))
    });
    damaged.unwrap_or_else(|| fault.to_string())
}

const MEBIBYTE: u64 = 1_024 * 1_024;
/// Part of the machine's memory that caches pages of files.
const PAGE_CACHE_PART: u64 = 16;
const PAGE_CACHE_MB_MIN: u64 = 64;
const PAGE_CACHE_MB_MAX: u64 = 4_096;

/// Threads that a node's configuration asks for.
pub(crate) fn worker_threads(directory: &Directory) -> usize {
    match directory.config().storage.worker_threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        threads => usize::try_from(threads).unwrap_or(1),
    }
}

/// Memory for pages of files that a node's configuration asks for, in bytes.
pub(crate) fn page_cache_bytes(directory: &Directory) -> usize {
    let mebibytes = match directory.config().storage.page_cache_mb {
        0 => page_cache_mb_for(1),
        asked => u64::from(asked),
    };
    usize::try_from(mebibytes.saturating_mul(MEBIBYTE)).unwrap_or(usize::MAX)
}

/// Each one's part, in MiB, when so many nodes share the machine.
pub(crate) fn page_cache_mb_for(nodes: usize) -> u64 {
    let part = memory_bytes() / MEBIBYTE / PAGE_CACHE_PART / u64::try_from(nodes.max(1)).unwrap_or(1);
    part.clamp(PAGE_CACHE_MB_MIN, PAGE_CACHE_MB_MAX)
}

/// Memory that this process may use: the machine's, or what its container has (control groups of version 2 or 1).
pub(crate) fn memory_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    let machine = system.totalram.saturating_mul(u64::from(system.mem_unit));
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = |path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    limits.into_iter().filter_map(limit).fold(machine, u64::min)
}

fn fault_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason was given".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn a_full_disk_is_no_damage_and_damage_on_a_full_disk_is() {
        let of = |text: &str, free_bytes| Fault { text: text.into(), free_bytes }.failure(Path::new("/data"));
        let full = of("unable to append to journal: Runtime(WriteFailed)", Some(0));
        assert_eq!((full.code.as_str(), full.exit), ("node.disk_full", Exit::Unavailable));
        assert!(full.to_string().contains("the disk of /data is full: 0 bytes are free"), "{full}");
        assert_eq!(of("Runtime(WriteFailed)", Some(1 << 30)).code, "node.fault", "there was room");
        assert_eq!(of("Runtime(WriteFailed)", None).code, "node.fault", "nobody knows");
        assert_eq!(of(r#"Runtime(BlobCorrupt("a", "b", "c"))"#, Some(0)).code, "node.fault");
    }

    #[test]
    fn damage_is_told_in_words() {
        let fault =
            r#"database init failed: Database(Runtime(BlobCorrupt("state-log", "6c65", "invalid header padding")))"#;
        assert_eq!(in_words(fault), "file 6c65 of state-log is damaged: invalid header padding");
        assert_eq!(in_words("disk is full"), "disk is full");
    }
}
