//! Two reports beside each other.

use crate::Report;
use std::fmt::Write as _;

/// A figure's name, and where a report has it.
type Figure = (&'static str, fn(&Report) -> Option<f64>);

/// A table of both with ratios: `now` against `before`. Figures that one of them lacks are left out.
pub fn compare(before: &Report, now: &Report) -> String {
    let mut table = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(table, "{:<26} {:>14} {:>14} {:>8}", "", "before", "now", "ratio");
    if (&before.workload, before.validators) != (&now.workload, now.validators) {
        let other = format!("{} on {} nodes", before.workload, before.validators);
        let _ = writeln!(table, "before is another load: {other}");
    }
    let figures: [Figure; 8] = [
        ("payments a second", |report| Some(report.payments_per_s)),
        ("latency p50, ms", |report| Some(report.latency_ms.p50)),
        ("latency p99, ms", |report| Some(report.latency_ms.p99)),
        ("latency p99.9, ms", |report| Some(report.latency_ms.p999)),
        ("processor s per 1,000", |report| report.cpu_s_per_1000),
        ("memory, MiB", |report| report.memory_mb),
        ("to peers, B per 1,000", |report| report.wire_bytes_per_1000),
        ("on disk, B per 1,000", |report| report.grown_bytes_per_1000),
    ];
    for (name, figure) in figures {
        if let (Some(before), Some(now)) = (figure(before), figure(now)) {
            let ratio = if before == 0.0 { "-".into() } else { format!("{:.2}", now / before) };
            let _ = writeln!(table, "{name:<26} {before:>14.3} {now:>14.3} {ratio:>8}");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_now_over_before() {
        let before = Report { payments_per_s: 500.0, cpu_s_per_1000: Some(2.0), ..Report::default() };
        let now = Report { payments_per_s: 1_000.0, cpu_s_per_1000: Some(0.5), ..Report::default() };
        let table = compare(&before, &now);
        assert!(table.contains("2.00") && table.contains("0.25"), "{table}");
        assert!(!table.contains("memory") && !table.contains("another load"), "{table}");
        let other = Report { workload: "swap".into(), ..now };
        assert!(compare(&before, &other).contains("another load"));
    }
}
