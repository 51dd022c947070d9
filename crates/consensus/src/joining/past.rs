//! When the votes are past that a validator has cast and does not know.
//!
//! **Rule.** A validator that does not know its votes casts none until a block is final whose time is later than the start of its
//! process by more than ten seconds; then it votes above the view of that block's certificate. Why that is enough:
//! `specs/backup.md`, "Never twice".
//!
//! **Clocks.** How long the process has run is measured by a clock that nobody sets. The clock of the machine and the network's blocks
//! each say when that was; the latest counts.

/// How far the clocks of honest validators, and that of the machine, may be apart.
const MARGIN_MS: u64 = 10_000;

/// A time by which all votes had been cast that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastVotes {
    since_ms: u64,
}

/// What a final block says to a validator that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may vote above the view of this block's certificate.
    Safe,
    /// The block may be as old as its last vote.
    TooEarly,
    /// The machine's clock cannot be trusted.
    ClockBehind {
        /// By how much the block is ahead of it, in milliseconds.
        by_ms: u64,
    },
}

impl PastVotes {
    /// Votes that had been cast by then, in milliseconds since 1970, as far as the clock was right.
    pub fn before(since_ms: u64) -> Self {
        Self { since_ms }
    }

    /// Whether a certified block of this time shows that all of them are for views at or below its own. `now_ms` is the machine's
    /// clock, `elapsed_ms` how long this process has waited.
    pub fn judge(&mut self, certified_ms: u64, now_ms: u64, elapsed_ms: u64) -> Verdict {
        // When the wait began, by the clock as it is now and by the network's, whatever was noted: a clock that was set right meanwhile
        // must not make the wait older than it is.
        for clock_ms in [now_ms, certified_ms] {
            self.since_ms = self.since_ms.max(clock_ms.saturating_sub(elapsed_ms));
        }
        if certified_ms > now_ms.saturating_add(MARGIN_MS) {
            return Verdict::ClockBehind { by_ms: certified_ms.saturating_sub(now_ms) };
        }
        match certified_ms > self.since_ms.saturating_add(MARGIN_MS) {
            true => Verdict::Safe,
            false => Verdict::TooEarly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_block_from_after_its_earlier_life_lets_it_vote() {
        let judge = |time_ms: u64, now_ms: u64| PastVotes::before(100_000).judge(time_ms, now_ms, now_ms - 100_000);
        assert_eq!(judge(100_000 + MARGIN_MS, 200_000), Verdict::TooEarly);
        assert_eq!(judge(100_001 + MARGIN_MS, 200_000), Verdict::Safe);
        assert_eq!(judge(200_000 + MARGIN_MS, 200_000), Verdict::Safe);
        assert_eq!(judge(200_001 + MARGIN_MS, 200_000), Verdict::ClockBehind { by_ms: MARGIN_MS + 1 });
    }

    #[test]
    fn a_clock_that_is_set_right_meanwhile_does_not_shorten_the_wait() {
        // The clock showed an hour too little, and is right three seconds later.
        let (hour, right) = (3_600_000, 10_000_000);
        let mut late = PastVotes::before(right - hour);
        assert_eq!(late.judge(right + 2_900, right + 3_000, 3_000), Verdict::TooEarly);
        assert_eq!(late.judge(right + MARGIN_MS, right + MARGIN_MS, MARGIN_MS), Verdict::TooEarly);
        assert_eq!(late.judge(right + MARGIN_MS + 1, right + MARGIN_MS + 100, MARGIN_MS + 100), Verdict::Safe);
        // While it is wrong, the network's blocks say what time it was.
        let mut late = PastVotes::before(right - hour);
        let behind = Verdict::ClockBehind { by_ms: hour };
        assert_eq!(late.judge(right + 1_000, right + 1_000 - hour, 1_000), behind);
        assert_eq!(late.judge(right + 1_500, right + 2_000, 2_000), Verdict::TooEarly);
        assert_eq!(late.judge(right + MARGIN_MS + 1, right + MARGIN_MS + 9, MARGIN_MS + 9), Verdict::Safe);
    }

    #[test]
    fn a_note_of_an_earlier_process_does_not_shorten_the_wait() {
        // Noted long ago: by an image that was put back, by a clock that was wrong. It waits from the start of this process.
        let mut again = PastVotes::before(1_000);
        assert_eq!(again.judge(500_500, 501_000, 1_000), Verdict::TooEarly);
        assert_eq!(again.judge(500_001 + MARGIN_MS, 511_000, 11_000), Verdict::Safe);
        // Noted by a clock that was right, when it is behind now.
        let mut again = PastVotes::before(500_000);
        assert_eq!(again.judge(500_000 + MARGIN_MS, 500_000 + MARGIN_MS, 100_000), Verdict::TooEarly);
    }
}
