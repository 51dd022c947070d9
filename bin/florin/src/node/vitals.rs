//! What a node has left of its machine: disk, memory, open files; and what is known against its own build.
//!
//! Read when somebody asks. The size of the data directory is a walk over its files, so it is looked at once a minute at
//! most. A figure that the system does not tell is absent, never zero.

use super::machine;
use crate::doctor::advisories::{Build, Database};
use prometheus_client::{encoding::text, metrics::gauge::Gauge, registry::Registry};
use rustix::process::{Resource, getrlimit};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a walk over the data directory is good for.
const WALK_PAUSE: Duration = Duration::from_secs(60);
/// Files that a walk looks at before it gives up: a data directory has some hundreds.
const WALK_FILES_MAX: usize = 1_000_000;
const MILLISECONDS_A_DAY: u64 = 86_400_000;

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// What this user may still write.
    pub(crate) free_bytes: u64,
    /// All of it.
    pub(crate) total_bytes: u64,
}

/// The machine under a node.
pub(crate) struct Vitals {
    data: PathBuf,
    vulnerable: usize,
    advisories_date_ms: u64,
    walked: Mutex<Option<Walked>>,
}

#[derive(Clone, Copy)]
struct Walked {
    at: Instant,
    bytes: u64,
}

impl Vitals {
    /// Of the node that stores in `data`.
    pub(crate) fn new(data: PathBuf) -> Self {
        let database = Database::embedded();
        let vulnerable = Build::embedded().hits(&database).len();
        Self { data, vulnerable, advisories_date_ms: database.date_ms(), walked: Mutex::new(None) }
    }

    /// Prometheus text, without the mark of its end.
    pub(crate) fn encode(&self) -> String {
        let mut registry = Registry::with_prefix("florin_machine");
        let mut show = |name: &str, help: &str, value: Option<u64>| {
            let Some(value) = value else { return };
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            registry.register(name, help, gauge);
        };
        let room = room(&self.data);
        show("disk_free_bytes", "Bytes that the node may still write", room.map(|room| room.free_bytes));
        show("disk_size_bytes", "Bytes of the file system with the data", room.map(|room| room.total_bytes));
        show("data_size_bytes", "Bytes in the data directory, looked at once a minute", self.data_bytes());
        show("memory_size_bytes", "Memory that the process may use", Some(machine::memory_bytes()));
        show("open_files", "Descriptors that the process has open", open_files());
        show("open_files_max", "Descriptors that the process may open", getrlimit(Resource::Nofile).current);
        show(
            "vulnerable_dependencies",
            "Published advisories that concern a library of this build",
            Some(self.vulnerable as u64),
        );
        let age_ms = super::monitoring::now_ms().saturating_sub(self.advisories_date_ms);
        show("advisories_age_days", "Age of the advisories in this build", Some(age_ms / MILLISECONDS_A_DAY));
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode_registry(&mut out, &registry);
        out
    }

    fn data_bytes(&self) -> Option<u64> {
        let mut walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = walked.filter(|known| known.at.elapsed() < WALK_PAUSE) {
            return Some(known.bytes);
        }
        let bytes = directory_bytes(&self.data)?;
        *walked = Some(Walked { at: Instant::now(), bytes });
        Some(bytes)
    }
}

/// Room where a path is; `None` if the system does not tell.
pub(crate) fn room(path: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Room { free_bytes: bytes(found.f_bavail), total_bytes: bytes(found.f_blocks) })
}

/// Bytes of all files below a directory. Files may come and go meanwhile.
pub(crate) fn directory_bytes(directory: &Path) -> Option<u64> {
    let (mut bytes, mut files) = (0u64, 0usize);
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).ok()?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            files += 1;
            if files > WALK_FILES_MAX {
                return None;
            }
            match metadata.is_dir() {
                true => open.push(entry.path()),
                false => bytes = bytes.saturating_add(metadata.len()),
            }
        }
    }
    Some(bytes)
}

/// Known on Linux alone.
fn open_files() -> Option<u64> {
    fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_is_as_large_as_its_files() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(directory_bytes(directory.path()), Some(0));
        fs::create_dir(directory.path().join("part")).unwrap();
        fs::write(directory.path().join("part/one"), [0u8; 300]).unwrap();
        fs::write(directory.path().join("two"), [0u8; 45]).unwrap();
        assert_eq!(directory_bytes(directory.path()), Some(345));
        assert_eq!(directory_bytes(&directory.path().join("absent")), None);
        let room = room(directory.path()).unwrap();
        assert!(room.free_bytes <= room.total_bytes && room.total_bytes > 0);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let text = Vitals::new("/absent/directory".into()).encode();
        assert!(text.contains("florin_machine_memory_size_bytes "), "{text}");
        for absent in ["data_size_bytes", "disk_free_bytes"] {
            assert!(!text.contains(absent), "{text}");
        }
    }
}
