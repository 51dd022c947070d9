//! So much a second in the long run, [`BURST_SECONDS`] seconds' worth at once.

use std::time::{Duration, Instant};

/// Seconds' worth that may be used at once.
const BURST_SECONDS: u64 = 10;
const MICROS: u64 = 1_000_000;

/// What has been used of an allowance, in millionths of its unit, so that no time is too short to count.
#[derive(Debug)]
pub(super) struct Allowance {
    per_second: u64,
    used_micros: u64,
    at: Instant,
}

impl Allowance {
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        Self { per_second: per_second.max(1), used_micros: 0, at: now }
    }

    pub(super) fn per_second(&self) -> u64 {
        self.per_second
    }

    fn used(&self, now: Instant) -> u64 {
        let micros = u64::try_from(now.saturating_duration_since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.used_micros.saturating_sub(micros.saturating_mul(self.per_second))
    }

    /// Nothing of it is used.
    pub(super) fn is_whole(&self, now: Instant) -> bool {
        self.used(now) == 0
    }

    /// Time until some of it is free again; zero while it is.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let most = self.per_second.saturating_mul(BURST_SECONDS).saturating_mul(MICROS);
        match self.used(now).checked_sub(most) {
            None => Duration::ZERO,
            Some(above) => Duration::from_micros(above / self.per_second).saturating_add(Duration::from_millis(1)),
        }
    }

    /// Uses some of it, or more than there is: then it takes longer to come back.
    pub(super) fn spend(&mut self, amount: u64, now: Instant) {
        self.used_micros = self.used(now).saturating_add(amount.saturating_mul(MICROS));
        self.at = self.at.max(now);
    }

    /// Takes back what was used and not needed.
    pub(super) fn give_back(&mut self, amount: u64, now: Instant) {
        self.used_micros = self.used(now).saturating_sub(amount.saturating_mul(MICROS));
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_used_up_overdrawn_and_comes_back_with_time() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(5, begin);
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert!(allowance.is_whole(begin) && allowance.wait(begin).is_zero());
        allowance.spend(49, begin);
        assert!(allowance.wait(begin).is_zero(), "ten seconds' worth may be used at once");
        allowance.spend(11, begin);
        assert_eq!(allowance.wait(begin), Duration::from_millis(2_001), "60 used, 50 allowed, 5 a second");
        assert!(!allowance.wait(after(2_000)).is_zero());
        assert!(allowance.wait(after(2_001)).is_zero());
        assert!(!allowance.is_whole(after(11_999)) && allowance.is_whole(after(12_000)));
    }

    #[test]
    fn no_time_is_too_short_to_count() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(1, begin);
        allowance.spend(10, begin);
        for microsecond in 1..=1_000_000 {
            allowance.spend(0, begin + Duration::from_micros(microsecond));
        }
        assert_eq!(allowance.used_micros, 9 * MICROS);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_and_no_sum_overflows() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(u64::MAX, begin);
        allowance.spend(u64::MAX, begin + Duration::from_secs(1));
        allowance.spend(1, begin);
        assert!(!allowance.is_whole(begin));
        assert!(allowance.wait(begin) <= Duration::from_secs(10));
    }
}
