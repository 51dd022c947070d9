//! What the load costs its nodes: processor time, memory, bytes on the wire and on disk.
//!
//! Processor time and memory are Linux's (`/proc`), growth on disk is that of the data directory, bytes are the node's own
//! metrics. What cannot be read is absent from the report, never zero.

use crate::{MeasuredNode, cpu::cpu_seconds};
use florin_client::{Roots, RpcConfig, get_text};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// Bytes that a node's runtime has sent to its peers.
const SENT_METRIC: &str = "runtime_outbound_bandwidth_total";
/// Bytes that a node's runtime has written to disk.
const WRITTEN_METRIC: &str = "runtime_storage_write_bytes_total";

/// Cost of one node over the measured time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeCost {
    /// Its process.
    pub process_id: u32,
    /// Processor time, user and system, in seconds; absent if the process died or is not on this machine.
    pub cpu_s: Option<f64>,
    /// Most resident memory since its start, in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes sent to other nodes.
    pub sent_bytes: Option<u64>,
    /// Bytes written to disk.
    pub written_bytes: Option<u64>,
    /// Growth of its data directory, in bytes; absent if it shrank, as pruning can make it.
    pub grown_bytes: Option<u64>,
}

/// What the nodes have used up to now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    pub(crate) nodes: Vec<NodeCost>,
    /// Processor time of this load, in seconds.
    pub(crate) own_cpu_s: Option<f64>,
}

impl Costs {
    pub(crate) async fn read(nodes: &[MeasuredNode]) -> Self {
        // Processor time first and for all: what follows costs some itself.
        let own_cpu_s = cpu_seconds(std::process::id());
        let mut costs: Vec<NodeCost> = nodes
            .iter()
            .map(|node| NodeCost {
                process_id: node.process_id,
                cpu_s: cpu_seconds(node.process_id),
                memory_bytes: memory_bytes(node.process_id),
                ..NodeCost::default()
            })
            .collect();
        for (cost, node) in costs.iter_mut().zip(nodes) {
            if let Some(url) = &node.metrics_url {
                let metrics = get_text(url, &RpcConfig::default(), &Roots::System).await.unwrap_or_default();
                (cost.sent_bytes, cost.written_bytes) =
                    (counter(&metrics, SENT_METRIC), counter(&metrics, WRITTEN_METRIC));
            }
            cost.grown_bytes = node.data.as_deref().and_then(directory_bytes);
        }
        Self { nodes: costs, own_cpu_s }
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: &Self) -> Self {
        let nodes = self.nodes.iter().zip(&before.nodes).map(|(after, before)| NodeCost {
            process_id: after.process_id,
            cpu_s: seconds(after.cpu_s, before.cpu_s),
            memory_bytes: after.memory_bytes,
            sent_bytes: bytes(after.sent_bytes, before.sent_bytes),
            written_bytes: bytes(after.written_bytes, before.written_bytes),
            grown_bytes: bytes(after.grown_bytes, before.grown_bytes),
        });
        Self { nodes: nodes.collect(), own_cpu_s: seconds(self.own_cpu_s, before.own_cpu_s) }
    }
}

fn seconds(after: Option<f64>, before: Option<f64>) -> Option<f64> {
    Some(after? - before?)
}

fn bytes(after: Option<u64>, before: Option<u64>) -> Option<u64> {
    after?.checked_sub(before?)
}

/// Most resident memory of a process since its start (`VmHWM`), in bytes.
fn memory_bytes(process_id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Value of a counter without labels in Prometheus' text format.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

/// Bytes that the files below a directory take on disk. Files that vanish meanwhile count for nothing.
fn directory_bytes(directory: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    /// Unit of `st_blocks`, whatever the file system's.
    const BLOCK_BYTES: u64 = 512;
    let mut sum = 0u64;
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).ok()?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                sum = sum.saturating_add(metadata.blocks().saturating_mul(BLOCK_BYTES));
            }
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_their_whole_name() {
        let metrics = "# TYPE sent counter\nsent_total_more 9\nsent_total{peer=\"a\"} 8\nsent_total 7\n";
        assert_eq!(counter(metrics, "sent_total"), Some(7));
        assert_eq!(counter(metrics, "sent"), None);
        assert_eq!(counter("sent_total many", "sent_total"), None);
    }

    #[test]
    fn a_directory_counts_with_what_is_below_it() {
        let root = std::env::temp_dir().join(format!("florin-bench-cost-{}", std::process::id()));
        fs::create_dir_all(root.join("below")).unwrap();
        let before = directory_bytes(&root).unwrap();
        fs::write(root.join("below/file"), vec![1; 100_000]).unwrap();
        let after = directory_bytes(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert!(after >= before + 100_000, "{before} {after}");
        assert_eq!(directory_bytes(&root), None);
    }

    #[test]
    fn this_process_has_memory() {
        if Path::new("/proc/self/status").exists() {
            assert!(memory_bytes(std::process::id()).unwrap() > 100_000);
        }
        assert_eq!(memory_bytes(u32::MAX), None);
    }
}
