//! Periods of days and months, for due dates and limits. Everything is within the years 1970 to 9999, so no number comes
//! near its bounds.

use crate::calendar::{DAY_MS, add_months, month_of};

/// First instant of the year 10000.
pub(super) const END_MS: u64 = 253_402_300_800_000;
/// Most days of a period.
pub(super) const DAYS_MAX: u32 = 3_660;
/// Most months of a period.
pub(super) const MONTHS_MAX: u32 = 120;

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cadence {
    /// So many days.
    Days(u32),
    /// So many calendar months; the day is the same, or the month's last.
    Months(u32),
}

impl Cadence {
    /// A cadence by its two numbers, one of which is zero.
    pub(super) fn new(days: u32, months: u32) -> Option<Self> {
        match (days, months) {
            (1..=DAYS_MAX, 0) => Some(Self::Days(days)),
            (0, 1..=MONTHS_MAX) => Some(Self::Months(months)),
            _ => None,
        }
    }

    /// Its two numbers.
    pub(super) fn numbers(self) -> (u32, u32) {
        match self {
            Self::Days(days) => (days, 0),
            Self::Months(months) => (0, months),
        }
    }

    /// Begin of period `index`, where period 0 begins at `start_ms`; the largest number where it would lie beyond what
    /// counts.
    pub(super) fn begin_ms(self, start_ms: u64, index: u64) -> u64 {
        match self {
            Self::Days(days) => start_ms.saturating_add(u64::from(days).saturating_mul(DAY_MS).saturating_mul(index)),
            Self::Months(months) => add_months(start_ms, u64::from(months).saturating_mul(index)),
        }
    }

    /// Number of the period in which `now_ms` lies, which is not before `start_ms`.
    pub(super) fn period_of(self, start_ms: u64, now_ms: u64) -> u64 {
        match self {
            Self::Days(days) => {
                now_ms.saturating_sub(start_ms).checked_div(u64::from(days).saturating_mul(DAY_MS)).unwrap_or_default()
            }
            Self::Months(months) => {
                let between = month_of(now_ms).saturating_sub(month_of(start_ms));
                let index = between.checked_div(u64::from(months)).unwrap_or_default();
                // The day of the month, or the time of the day, may not have come yet.
                if self.begin_ms(start_ms, index) > now_ms { index.saturating_sub(1) } else { index }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970 as `date -u +%s` gives them.
    const JANUARY_31_2024: u64 = 1_706_659_200_000;
    const FEBRUARY_29_2024: u64 = 1_709_164_800_000;
    const MARCH_31_2024: u64 = 1_711_843_200_000;
    const APRIL_30_2024: u64 = 1_714_435_200_000;
    const FEBRUARY_28_2025: u64 = 1_740_700_800_000;
    const FEBRUARY_28_2100: u64 = 4_107_456_000_000;
    const JANUARY_31_2100: u64 = 4_105_036_800_000;

    #[test]
    fn months_end_where_the_day_is_missing() {
        let monthly = Cadence::Months(1);
        let noon = 43_200_000;
        for (index, expected) in [
            (0, JANUARY_31_2024),
            (1, FEBRUARY_29_2024),
            (2, MARCH_31_2024),
            (3, APRIL_30_2024),
            (13, FEBRUARY_28_2025),
        ] {
            assert_eq!(monthly.begin_ms(JANUARY_31_2024, index), expected, "period {index}");
            assert_eq!(monthly.begin_ms(JANUARY_31_2024 + noon, index), expected + noon, "period {index} at noon");
        }
        assert_eq!(Cadence::Months(13).begin_ms(JANUARY_31_2024, 1), FEBRUARY_28_2025);
        assert_eq!(monthly.begin_ms(JANUARY_31_2100, 1), FEBRUARY_28_2100, "2100 is no leap year");
    }

    #[test]
    fn an_instant_lies_in_the_period_that_began_last() {
        for cadence in [Cadence::Days(1), Cadence::Days(7), Cadence::Months(1), Cadence::Months(5)] {
            for start in [0, 1, JANUARY_31_2024, FEBRUARY_29_2024 + 1, END_MS / 2] {
                for index in 0..40 {
                    let begin = cadence.begin_ms(start, index);
                    assert_eq!(cadence.period_of(start, begin), index, "{cadence:?} from {start}");
                    let last = cadence.begin_ms(start, index + 1) - 1;
                    assert_eq!(cadence.period_of(start, last), index, "{cadence:?} from {start}, last instant");
                }
            }
        }
    }

    #[test]
    fn cadences_are_bounded() {
        assert_eq!(Cadence::new(1, 0), Some(Cadence::Days(1)));
        assert_eq!(Cadence::new(0, MONTHS_MAX), Some(Cadence::Months(120)));
        for (days, months) in [(0, 0), (1, 1), (DAYS_MAX + 1, 0), (0, MONTHS_MAX + 1), (u32::MAX, 0)] {
            assert_eq!(Cadence::new(days, months), None, "{days} days, {months} months");
        }
        assert_eq!(Cadence::Days(1).begin_ms(0, u64::MAX), u64::MAX);
        assert!(Cadence::Months(MONTHS_MAX).begin_ms(END_MS, u64::from(u32::MAX)) > END_MS);
    }
}
