//! What was measured, for people and for programs.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write as _};

/// Latency from the time a payment was due to the time its final block was seen, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the payments were faster.
    pub p50_ms: f64,
    /// 90 % were faster.
    pub p90_ms: f64,
    /// 99 % were faster.
    pub p99_ms: f64,
    /// 99.9 % were faster.
    pub p99_9_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// Their mean.
    pub mean_ms: f64,
}

impl Latency {
    /// From latencies in microseconds, in any order. Percentiles are nearest-rank: a value that occurred.
    pub(crate) fn of(latencies_us: &mut [u64]) -> Self {
        latencies_us.sort_unstable();
        let count = latencies_us.len();
        let Some(last) = latencies_us.last() else { return Self::default() };
        let milliseconds = |us: u64| us as f64 / 1_000.0;
        let rank = |per_mille: usize| {
            let place = (count * per_mille).div_ceil(1_000).saturating_sub(1);
            milliseconds(latencies_us.get(place).copied().unwrap_or_default())
        };
        let sum: u128 = latencies_us.iter().map(|us| u128::from(*us)).sum();
        Self {
            p50_ms: rank(500),
            p90_ms: rank(900),
            p99_ms: rank(990),
            p99_9_ms: rank(999),
            max_ms: milliseconds(*last),
            mean_ms: sum as f64 / count as f64 / 1_000.0,
        }
    }
}

/// CPU time of one measured process during the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CpuUse {
    /// The process.
    pub process_id: u32,
    /// CPU-seconds, user and system; absent where they could not be read to the end (the process may have died).
    pub cpu_seconds: Option<f64>,
}

/// One second of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the start, from 0.
    pub second: u64,
    /// Payments taken by a node.
    pub accepted: u64,
    /// Payments refused by a node.
    pub rejected: u64,
    /// Payments seen final.
    pub settled: u64,
    /// Blocks seen final, empty ones included.
    pub blocks: u64,
    /// Latency of those that settled in this second.
    pub latency: Latency,
}

/// The measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rate asked for, in payments a second.
    pub rate_per_second: u64,
    /// How long payments were due, in milliseconds.
    pub duration_ms: u64,
    /// Accounts that paid.
    pub senders: usize,
    /// Payments that were due.
    pub payments: u64,
    /// Of those, taken by a node.
    pub accepted: u64,
    /// Of those, refused by a node and not final, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Of those, sent without an answer, by reason. They may have arrived: those that did not become final are among
    /// the unsettled.
    pub delivery_failures: BTreeMap<String, u64>,
    /// Of those, final and successful.
    pub settled: u64,
    /// Of those, final and reverted.
    pub reverted: u64,
    /// Of those, neither refused nor final when the measurement ended.
    pub unsettled: u64,
    /// Settled payments a second, from the first due to the last seen final.
    pub settled_per_second: f64,
    /// Latency of all final payments.
    pub latency: Latency,
    /// How much later than due a payment went out, at most, in milliseconds: large values mean that this machine was
    /// too slow to make the load. Latency includes it.
    pub send_delay_ms_max: f64,
    /// Blocks seen final during the run.
    pub blocks: u64,
    /// CPU time of the processes that were measured.
    pub cpu: Vec<CpuUse>,
    /// CPU-seconds of all those processes for 1,000 settled payments; absent if one could not be measured.
    pub cpu_seconds_per_1000: Option<f64>,
    /// CPU-seconds of this load generator while it ran.
    pub generator_cpu_seconds: Option<f64>,
    /// Second by second.
    pub timeline: Vec<Second>,
}

impl Report {
    /// Payments refused.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// JSON for programs.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// An aligned table for people.
    pub fn table(&self) -> String {
        let latency = &self.latency;
        let mut rows = vec![
            (
                "load",
                format!(
                    "{} payments/s for {:.1} s, {} senders",
                    self.rate_per_second,
                    self.duration_ms as f64 / 1e3,
                    self.senders
                ),
            ),
            ("payments due", self.payments.to_string()),
            ("settled", format!("{} ({:.1} a second)", self.settled, self.settled_per_second)),
            ("reverted", self.reverted.to_string()),
            ("rejected", self.rejected_total().to_string()),
            ("unsettled", self.unsettled.to_string()),
            ("blocks", self.blocks.to_string()),
            ("latency p50", format!("{:.1} ms", latency.p50_ms)),
            ("latency p90", format!("{:.1} ms", latency.p90_ms)),
            ("latency p99", format!("{:.1} ms", latency.p99_ms)),
            ("latency p99.9", format!("{:.1} ms", latency.p99_9_ms)),
            ("latency max", format!("{:.1} ms", latency.max_ms)),
            ("send delay max", format!("{:.1} ms", self.send_delay_ms_max)),
        ];
        if !self.cpu.is_empty() {
            let per_1000 = self.cpu_seconds_per_1000.map_or("not measured".into(), |seconds| {
                format!("{seconds:.3} s per 1,000 payments, {} processes", self.cpu.len())
            });
            rows.push(("CPU of the nodes", per_1000));
        }
        if let Some(seconds) = self.generator_cpu_seconds {
            rows.push(("CPU of this load", format!("{seconds:.2} s")));
        }
        let mut table = String::new();
        for (name, value) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:<18} {value}");
        }
        for (reason, count) in &self.rejected {
            let _ = writeln!(table, "{:<18} {count} x {reason}", "rejected because");
        }
        for (reason, count) in &self.delivery_failures {
            let _ = writeln!(table, "{:<18} {count} x {reason}", "no answer");
        }
        self.add_timeline(&mut table);
        table
    }

    fn add_timeline(&self, table: &mut String) {
        let _ = writeln!(table);
        let _ = writeln!(
            table,
            "{:>6} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
            "second", "accepted", "rejected", "settled", "blocks", "p50 ms", "p99 ms", "max ms"
        );
        for second in &self.timeline {
            let latency = &second.latency;
            let _ = writeln!(
                table,
                "{:>6} {:>9} {:>9} {:>9} {:>7} {:>9.1} {:>9.1} {:>9.1}",
                second.second,
                second.accepted,
                second.rejected,
                second.settled,
                second.blocks,
                latency.p50_ms,
                latency.p99_ms,
                latency.max_ms
            );
        }
    }
}
