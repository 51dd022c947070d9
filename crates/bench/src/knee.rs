//! The knee: the highest rate that the ledger sustains, and how it feels at half of it.

use crate::{BenchConfig, BenchError, Latency, Progress, Report, run::run_on, stage::Stage};
use serde::{Deserialize, Serialize};

/// A rate is sustained if every payment settles, and 99 % of them within this time after they were due, in milliseconds.
pub const KNEE_P99_MS: f64 = 1_000.0;
/// How close the last sustained and the first unsustained rate come, in percent.
const CLOSE_PERCENT: u64 = 8;
/// Steps at most: they double the rate, then halve the gap.
const STEPS_MAX: usize = 24;
/// How long a rate is tried, in milliseconds.
const TRIAL_MS: u64 = 3_000;
/// How long it runs before that.
const TRIAL_WARMUP_MS: u64 = 1_000;
/// How long an overloaded network may take to settle what a trial left, in milliseconds: the next one begins empty.
const DRAIN_MS_MAX: u64 = 60_000;
/// The rate at the knee is measured longer than it was tried; if it does not hold, so much of it is tried next, in percent.
const LOWER_PERCENT: u64 = 92;
/// How often it is lowered at most.
const LOWER_MAX: usize = 4;

/// A rate that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Payments a second that were due.
    pub rate_per_s: u64,
    /// Payments a second that settled.
    pub payments_per_s: f64,
    /// How long they took.
    pub latency_ms: Latency,
    /// Whether that is fast enough, and nothing was left.
    pub sustained: bool,
}

impl Trial {
    fn of(report: &Report) -> Self {
        Self {
            rate_per_s: report.rate_per_s,
            payments_per_s: report.payments_per_s,
            latency_ms: report.latency_ms,
            sustained: report.settled == report.payments && report.latency_ms.p99 <= KNEE_P99_MS,
        }
    }
}

/// How the highest sustained rate was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// In the order in which they were tried.
    pub trials: Vec<Trial>,
    /// Half of the rate at the knee.
    pub at_half: Trial,
}

/// Doubles the rate until payments are refused, left unsettled or slower than [`KNEE_P99_MS`], halves the gap until both
/// rates are close, and measures the sustained one for as long as `config` says; then half of it.
pub async fn run_at_knee(config: BenchConfig, progress: impl Fn(Progress) + Send + Sync) -> Result<Report, BenchError> {
    let config = BenchConfig { settle_ms_max: DRAIN_MS_MAX, ..config };
    let at = |rate_per_second| BenchConfig { rate_per_second, ..config.clone() };
    let stage = Stage::set(&at(config.workload.easy_rate_per_s()), &progress).await?;
    let mut trials = Vec::new();
    let (mut sustained, mut refused) = (None, None);
    let mut next = Some(config.workload.easy_rate_per_s());
    while let Some(rate) = next.filter(|_| trials.len() < STEPS_MAX) {
        progress(Progress::Trying { rate });
        let trial = BenchConfig { duration_ms: TRIAL_MS, warmup_ms: TRIAL_WARMUP_MS, ..at(rate) };
        let trial = Trial::of(&run_on(&stage, trial, &progress).await?);
        *if trial.sustained { &mut sustained } else { &mut refused } = Some(rate);
        trials.push(trial);
        next = next_rate(sustained, refused);
    }
    let mut rate = sustained.ok_or(BenchError::NoKnee { rate: config.workload.easy_rate_per_s() })?;
    let mut report = run_on(&stage, at(rate), &progress).await?;
    for _ in 0..LOWER_MAX {
        if Trial::of(&report).sustained {
            break;
        }
        trials.push(Trial::of(&report));
        rate = rate.saturating_mul(LOWER_PERCENT) / 100;
        report = run_on(&stage, at(rate), &progress).await?;
    }
    let at_half = Trial::of(&run_on(&stage, at((rate / 2).max(1)), &progress).await?);
    Ok(Report { knee: Some(Knee { trials, at_half }), ..report })
}

/// The rate to try after these; absent when they are close enough, or nothing is sustained.
fn next_rate(sustained: Option<u64>, refused: Option<u64>) -> Option<u64> {
    match (sustained, refused) {
        (None, None) => None,
        (Some(sustained), None) => sustained.checked_mul(2),
        // A machine that is too slow for the first rate may have half of it.
        (None, Some(refused)) => (refused > 1).then_some(refused / 2),
        (Some(sustained), Some(refused)) => {
            let gap = refused.saturating_sub(sustained);
            let close = (sustained.saturating_mul(CLOSE_PERCENT) / 100).max(1);
            (gap > close).then(|| sustained.saturating_add(gap / 2))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::next_rate;

    /// Rates are tried until the gap is closed.
    fn search(first: u64, knee: u64) -> (u64, u64, usize) {
        let (mut sustained, mut refused, mut steps) = (None, None, 0);
        let mut next = Some(first);
        while let Some(rate) = next {
            steps += 1;
            if rate <= knee {
                sustained = Some(rate)
            } else {
                refused = Some(rate)
            }
            next = next_rate(sustained, refused);
        }
        (sustained.unwrap(), refused.unwrap(), steps)
    }

    #[test]
    fn the_knee_is_enclosed_and_found_from_below_and_from_above() {
        for (first, knee) in [(1_000, 23_450), (40_000, 389_000), (1_000, 40), (1_000, 999), (1_000, 1), (1, 7)] {
            let (low, high, steps) = search(first, knee);
            assert!(low <= knee && knee < high && high - low <= low * 8 / 100 + 1, "{low} {knee} {high}");
            assert!(steps < super::STEPS_MAX, "{steps}");
        }
        assert_eq!(next_rate(None, Some(1)), None);
    }
}
