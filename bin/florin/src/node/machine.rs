//! Running work on a node's storage: the engine's runtime, with faults turned into failures that people can read.

use super::directory::Directory;
use crate::failure::Failure;
use florin_consensus::{Context, RuntimeConfig};
use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// Runs `main` on the engine's runtime with this storage. A part that meets a fault panics, because the process must not
/// go on with data that it doubts; here that becomes the failure `node.fault`.
pub(crate) fn run<T, F>(
    storage_directory: PathBuf,
    worker_threads: usize,
    main: impl FnOnce(Context) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    // One fault makes other parts fail in turn: the first one is the reason.
    let first = Arc::new(OnceLock::new());
    let noted = first.clone();
    panic::set_hook(Box::new(move |fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        let text = fault_text(fault.payload());
        tracing::error!(place, "fault: {text}");
        let _ = noted.set(text);
    }));
    let runtime = RuntimeConfig { storage_directory, worker_threads };
    let ran = panic::catch_unwind(AssertUnwindSafe(|| florin_consensus::run(runtime, main)));
    // From here on a panic is a mistake of the program again.
    let _ = panic::take_hook();
    ran.unwrap_or_else(|fault| {
        let text = first.get().cloned().unwrap_or_else(|| fault_text(&*fault));
        Err(Failure::damaged(
            "node.fault",
            format_args!("stopped on a fault: {}", in_words(&text)),
            "keep the data as it is; run `florin inspect verify --dir DIR`, then restore a backup or start empty",
        ))
    })
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

    #[test]
    fn damage_is_told_in_words() {
        let fault =
            r#"database init failed: Database(Runtime(BlobCorrupt("state-log", "6c65", "invalid header padding")))"#;
        assert_eq!(in_words(fault), "file 6c65 of state-log is damaged: invalid header padding");
        assert_eq!(in_words("disk is full"), "disk is full");
    }
}
