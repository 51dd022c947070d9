//! The highest rate that the ledger sustains.

use crate::{BenchConfig, BenchError, Progress, Report, run};

/// By how much the rate rises from one step to the next, in percent.
const STEP_PERCENT: u64 = 25;
/// Steps at most: from 100 a second they reach beyond 600,000.
const STEPS_MAX: usize = 40;

/// Rates that were tried, in rising order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saturation {
    /// One report a rate; the last is the one that was not sustained, unless the steps ran out.
    pub steps: Vec<Report>,
    /// Highest rate that was sustained, in payments a second; `None` if not even the first was.
    pub sustained_per_second: Option<u64>,
}

/// Raises the rate from that of `config` until payments are refused, left unsettled, or slower than `p99_ms_max`.
pub async fn saturate(
    config: BenchConfig,
    p99_ms_max: f64,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Saturation, BenchError> {
    let mut saturation = Saturation::default();
    let mut step = config;
    for _ in 0..STEPS_MAX {
        let report = run(step.clone(), &progress).await?;
        let sustained = is_sustained(&report, p99_ms_max);
        saturation.steps.push(report);
        if !sustained {
            break;
        }
        saturation.sustained_per_second = Some(step.rate_per_second);
        let rise = step.rate_per_second.saturating_mul(STEP_PERCENT) / 100;
        step.rate_per_second = step.rate_per_second.saturating_add(rise.max(1));
    }
    Ok(saturation)
}

fn is_sustained(report: &Report, p99_ms_max: f64) -> bool {
    report.settled == report.payments && report.latency.p99_ms <= p99_ms_max
}
