//! The knee: the highest rate that the ledger sustains, and how it feels at half of it.

use crate::{BenchConfig, BenchError, Progress, Report, run};
use serde::{Deserialize, Serialize};

/// By how much the rate rises from one step to the next while it is sustained, in percent.
const STEP_PERCENT: u64 = 50;
/// How close the last sustained and the first unsustained rate come, in percent.
const CLOSE_PERCENT: u64 = 7;
/// Steps at most: from 100 a second they reach beyond a million.
const STEPS_MAX: usize = 40;

/// Rates that were tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// One report a rate, in the order in which they were tried.
    pub steps: Vec<Report>,
    /// Highest rate that was sustained, in payments a second; `None` if not even the first was.
    pub sustained_per_s: Option<u64>,
    /// The load at half of it.
    pub at_half: Option<Report>,
}

/// Raises the rate from that of `config` until payments are refused, left unsettled, or slower than `p99_ms_max`; then
/// halves the gap until both rates are close. Measures half of what was sustained in the end.
pub async fn saturate(
    config: BenchConfig,
    p99_ms_max: f64,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Saturation, BenchError> {
    let mut saturation = Saturation::default();
    let mut refused = None;
    let mut rate = Some(config.rate_per_second);
    while let Some(tried) = rate.filter(|_| saturation.steps.len() < STEPS_MAX) {
        let step = BenchConfig { rate_per_second: tried, ..config.clone() };
        if step.validate().is_err() {
            break;
        }
        let report = run(step, &progress).await?;
        if is_sustained(&report, p99_ms_max) {
            saturation.sustained_per_s = Some(tried);
        } else {
            refused = Some(tried);
        }
        saturation.steps.push(report);
        rate = next_rate(saturation.sustained_per_s, refused);
    }
    if let Some(sustained) = saturation.sustained_per_s {
        let half = BenchConfig { rate_per_second: (sustained / 2).max(1), ..config };
        saturation.at_half = Some(run(half, &progress).await?);
    }
    Ok(saturation)
}

/// The rate to try after these; absent when they are close enough, or nothing was sustained.
fn next_rate(sustained: Option<u64>, refused: Option<u64>) -> Option<u64> {
    let sustained = sustained?;
    let Some(refused) = refused else {
        return Some(sustained.saturating_add((sustained.saturating_mul(STEP_PERCENT) / 100).max(1)));
    };
    let gap = refused.saturating_sub(sustained);
    (gap > (sustained.saturating_mul(CLOSE_PERCENT) / 100).max(1)).then(|| sustained.saturating_add(gap / 2))
}

fn is_sustained(report: &Report, p99_ms_max: f64) -> bool {
    report.settled == report.payments && report.latency_ms.p99 <= p99_ms_max
}

#[cfg(test)]
mod tests {
    use super::next_rate;

    #[test]
    fn the_knee_is_enclosed_and_found() {
        assert_eq!(next_rate(None, Some(100)), None);
        assert_eq!(next_rate(Some(100), None), Some(150));
        assert_eq!(next_rate(Some(1), None), Some(2));
        let knee = 2_345;
        let (mut sustained, mut refused, mut steps) = (Some(100), None, 0);
        while let Some(rate) = next_rate(sustained, refused) {
            steps += 1;
            if rate <= knee { sustained = Some(rate) } else { refused = Some(rate) }
        }
        let (low, high) = (sustained.unwrap(), refused.unwrap());
        assert!(low <= knee && knee < high && high - low <= low * 7 / 100 + 1, "{low} {high}");
        assert!(steps < 16, "{steps}");
    }
}
