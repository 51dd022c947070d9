//! What was measured, for people and for programs.

use crate::{Knee, NodeCost, cost::Costs};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write as _};

const KIBIBYTE: f64 = 1_024.0;
const MEBIBYTE: f64 = 1_048_576.0;

/// Latency from the time a payment was due to the time its final block was seen, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the payments were faster.
    pub p50: f64,
    /// 90 % were faster.
    pub p90: f64,
    /// 99 % were faster.
    pub p99: f64,
    /// 99.9 % were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
}

impl Latency {
    /// From latencies in microseconds, each of so many payments, in any order. Percentiles are nearest-rank: a value
    /// that occurred.
    pub(crate) fn of(latencies: &mut [(u64, u64)]) -> Self {
        latencies.sort_unstable();
        let count: u64 = latencies.iter().map(|(_, payments)| payments).sum();
        let Some((last, _)) = latencies.last() else { return Self::default() };
        let milliseconds = |us: u64| us as f64 / 1_000.0;
        let rank = |per_mille: u64| {
            let place = count.saturating_mul(per_mille).div_ceil(1_000).max(1);
            let mut seen = 0;
            let found = latencies.iter().find(|(_, payments)| {
                seen += payments;
                seen >= place
            });
            milliseconds(found.map_or(0, |(us, _)| *us))
        };
        let sum: u128 = latencies.iter().map(|(us, payments)| u128::from(*us).saturating_mul((*payments).into())).sum();
        Self {
            p50: rank(500),
            p90: rank(900),
            p99: rank(990),
            p999: rank(999),
            max: milliseconds(*last),
            mean: sum as f64 / count.max(1) as f64 / 1_000.0,
        }
    }
}

/// What a clearing day achieved: figures of the settlement module, of the whole day with its warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clearing {
    /// Instructions that settled.
    pub instructions: u64,
    /// What they were worth, in minor units.
    pub value_minor: u128,
    /// Units that moved for it, in minor units: the rest was saved by offset.
    pub liquidity_minor: u128,
    /// Instructions that still wait.
    pub queued: u64,
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
    pub latency_ms: Latency,
}

/// The measurement. Counts are payments that were due after the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was paid.
    pub workload: String,
    /// Nodes that took payments; on a network that bench started, its validators.
    pub validators: usize,
    /// Rate asked for, in payments a second.
    pub rate_per_s: u64,
    /// How long payments were due and measured, in milliseconds.
    pub duration_ms: u64,
    /// How long the same load ran before that, in milliseconds.
    pub warmup_ms: u64,
    /// Accounts that paid.
    pub senders: usize,
    /// Accounts that were paid; 0 where the senders paid each other.
    pub accounts: u64,
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
    /// Settled payments a second, from the end of the warm-up to the last seen final.
    pub payments_per_s: f64,
    /// Latency of all final payments.
    pub latency_ms: Latency,
    /// How much later than due a payment went out, at most, in milliseconds: large values mean that this machine was
    /// too slow to make the load. Latency includes it.
    pub send_delay_ms_max: f64,
    /// Blocks seen final during the run.
    pub blocks: u64,
    /// Processor time of all measured nodes for 1,000 settled payments, in seconds; absent if one could not be measured.
    pub cpu_s_per_1000: Option<f64>,
    /// Most resident memory of all measured nodes together, in MiB.
    pub memory_mb: Option<f64>,
    /// Bytes that all nodes sent to each other for 1,000 settled payments.
    pub wire_bytes_per_1000: Option<f64>,
    /// Bytes that all nodes wrote to disk for 1,000 settled payments.
    pub written_bytes_per_1000: Option<f64>,
    /// Bytes by which the data of all nodes grew for 1,000 settled payments.
    pub grown_bytes_per_1000: Option<f64>,
    /// Node by node.
    pub nodes: Vec<NodeCost>,
    /// Processor time of this load generator while it was measured, in seconds.
    pub generator_cpu_s: Option<f64>,
    /// What a clearing day achieved.
    pub clearing: Option<Clearing>,
    /// How the rate was found, if it was looked for.
    #[serde(default)]
    pub knee: Option<Knee>,
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

    /// Adds what the nodes used.
    pub(crate) fn with_costs(mut self, costs: Costs) -> Self {
        let sum = |figure: fn(&NodeCost) -> Option<f64>| -> Option<f64> {
            let all: Option<Vec<f64>> = costs.nodes.iter().map(figure).collect();
            all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
        };
        let settled = self.settled as f64;
        let per_1000 = |sum: Option<f64>| sum.filter(|_| settled > 0.0).map(|sum| sum / settled * 1_000.0);
        self.cpu_s_per_1000 = per_1000(sum(|node| node.cpu_s));
        self.memory_mb = sum(|node| Some(node.memory_bytes? as f64 / MEBIBYTE));
        self.wire_bytes_per_1000 = per_1000(sum(|node| Some(node.sent_bytes? as f64)));
        self.written_bytes_per_1000 = per_1000(sum(|node| Some(node.written_bytes? as f64)));
        self.grown_bytes_per_1000 = per_1000(sum(|node| Some(node.grown_bytes? as f64)));
        self.generator_cpu_s = costs.own_cpu_s;
        self.nodes = costs.nodes;
        self
    }

    /// An aligned table for people.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for (name, value) in self.rows() {
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

    fn rows(&self) -> Vec<(&'static str, String)> {
        let latency = &self.latency_ms;
        let load = format!(
            "{}: {} payments/s for {:.1} s, {} senders, {} nodes",
            self.workload,
            self.rate_per_s,
            self.duration_ms as f64 / 1e3,
            self.senders,
            self.validators
        );
        let mut rows = vec![
            ("load", load),
            ("payments due", self.payments.to_string()),
            ("settled", format!("{} ({:.1} a second)", self.settled, self.payments_per_s)),
            ("reverted", self.reverted.to_string()),
            ("rejected", self.rejected_total().to_string()),
            ("unsettled", self.unsettled.to_string()),
            ("blocks", self.blocks.to_string()),
        ];
        let percentiles = [
            ("latency p50", latency.p50),
            ("latency p90", latency.p90),
            ("latency p99", latency.p99),
            ("latency p99.9", latency.p999),
            ("latency max", latency.max),
            ("send delay max", self.send_delay_ms_max),
        ];
        rows.extend(percentiles.map(|(name, ms)| (name, format!("{ms:.1} ms"))));
        if !self.nodes.is_empty() {
            let or_not = |text: Option<String>| text.unwrap_or_else(|| "not measured".into());
            let each = |bytes: f64| format!("{:.1} KiB per 1,000 payments, all nodes", bytes / KIBIBYTE);
            let cpu = |seconds| format!("{seconds:.3} s per 1,000 payments, all {} nodes", self.nodes.len());
            rows.push(("processor", or_not(self.cpu_s_per_1000.map(cpu))));
            rows.push(("memory", or_not(self.memory_mb.map(|mb| format!("{mb:.0} MiB at most, all nodes")))));
            rows.push(("sent to peers", or_not(self.wire_bytes_per_1000.map(each))));
            rows.push(("written to disk", or_not(self.written_bytes_per_1000.map(each))));
            rows.push(("growth on disk", or_not(self.grown_bytes_per_1000.map(each))));
        }
        if let Some(seconds) = self.generator_cpu_s {
            rows.push(("processor of load", format!("{seconds:.2} s")));
        }
        if let Some(Knee { trials, at_half }) = &self.knee {
            rows.push(("highest rate", format!("{} payments/s, found in {} trials", self.rate_per_s, trials.len())));
            let Latency { p50, p99, .. } = at_half.latency_ms;
            rows.push(("at half of it", format!("latency p50 {p50:.1} ms, p99 {p99:.1} ms")));
        }
        if let Some(clearing) = &self.clearing {
            let saved = clearing.value_minor.saturating_sub(clearing.liquidity_minor) as f64;
            let percent = saved / (clearing.value_minor as f64).max(1.0) * 100.0;
            rows.push(("cleared", format!("{} instructions, {} wait", clearing.instructions, clearing.queued)));
            rows.push(("liquidity saved", format!("{percent:.1} % of the value settled")));
        }
        rows
    }

    fn add_timeline(&self, table: &mut String) {
        let _ = writeln!(table);
        let _ = writeln!(
            table,
            "{:>6} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
            "second", "accepted", "rejected", "settled", "blocks", "p50 ms", "p99 ms", "max ms"
        );
        for second in &self.timeline {
            let latency = &second.latency_ms;
            let _ = writeln!(
                table,
                "{:>6} {:>9} {:>9} {:>9} {:>7} {:>9.1} {:>9.1} {:>9.1}",
                second.second,
                second.accepted,
                second.rejected,
                second.settled,
                second.blocks,
                latency.p50,
                latency.p99,
                latency.max
            );
        }
    }
}
