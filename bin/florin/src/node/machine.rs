//! Running work on a node's storage: the engine's runtime, with faults turned into failures that people can read.

use super::directory::Directory;
use crate::failure::Failure;
use florin_consensus::{Context, RuntimeConfig};
use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
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
    panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "fault: {}", fault_text(fault.payload()));
    }));
    let runtime = RuntimeConfig { storage_directory, worker_threads };
    let ran = panic::catch_unwind(AssertUnwindSafe(|| florin_consensus::run(runtime, main)));
    // From here on a panic is a mistake of the program again.
    let _ = panic::take_hook();
    ran.unwrap_or_else(|fault| {
        Err(Failure::damaged(
            "node.fault",
            format_args!("stopped on a fault: {}", fault_text(&*fault)),
            "keep the data as it is; run `florin inspect verify --dir DIR`, then restore a backup or start empty",
        ))
    })
}

/// Threads that a node's configuration asks for.
pub(crate) fn worker_threads(directory: &Directory) -> usize {
    match directory.config().storage.worker_threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        threads => usize::try_from(threads).unwrap_or(1),
    }
}

fn fault_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason was given".into())
}
