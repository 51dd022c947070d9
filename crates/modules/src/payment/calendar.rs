//! Days and months of the proleptic Gregorian calendar in UTC, as far as due dates and periods need them.
//!
//! Source of the conversion: the era of 400 years counted from 1 March, which is how "days from civil" is commonly
//! derived. Everything is within the years 1970 to 9999, so no number comes near its bounds.

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
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

/// A day: months since March of year 0, and day of the month from 1.
struct Civil {
    month: u64,
    day: u64,
}

/// Quotient and remainder; the divisors are constants above zero.
fn split(number: u64, divisor: u64) -> (u64, u64) {
    (number.checked_div(divisor).unwrap_or_default(), number.checked_rem(divisor).unwrap_or_default())
}

/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH_DAYS: u64 = 719_468;

fn civil(days_since_1970: u64) -> Civil {
    let (era, day_of_era) = split(days_since_1970.saturating_add(EPOCH_DAYS), 146_097);
    let leap_days = split(day_of_era, 1_460).0;
    let missed = split(day_of_era, 36_524).0;
    let last = split(day_of_era, 146_096).0;
    let corrected = day_of_era.saturating_sub(leap_days).saturating_add(missed).saturating_sub(last);
    let year_of_era = split(corrected, 365).0;
    let day_of_year = day_of_era.saturating_sub(days_before_year(year_of_era));
    let month = split(day_of_year.saturating_mul(5).saturating_add(2), 153).0;
    let day = day_of_year.saturating_sub(days_before_month(month)).saturating_add(1);
    let years = era.saturating_mul(400).saturating_add(year_of_era);
    Civil { month: years.saturating_mul(12).saturating_add(month), day }
}

/// Days of an era before its year.
fn days_before_year(year_of_era: u64) -> u64 {
    let (by_four, by_hundred) = (split(year_of_era, 4).0, split(year_of_era, 100).0);
    year_of_era.saturating_mul(365).saturating_add(by_four).saturating_sub(by_hundred)
}

/// Days of a year, which begins in March, before its month.
fn days_before_month(month: u64) -> u64 {
    split(month.saturating_mul(153).saturating_add(2), 5).0
}

/// Days since 1970 of the first of a month, counted from March of year 0.
fn first_of(month: u64) -> u64 {
    let (years, month_of_year) = split(month, 12);
    let (era, year_of_era) = split(years, 400);
    era.saturating_mul(146_097)
        .saturating_add(days_before_year(year_of_era))
        .saturating_add(days_before_month(month_of_year))
        .saturating_sub(EPOCH_DAYS)
}

fn month_of(time_ms: u64) -> u64 {
    civil(split(time_ms, DAY_MS).0).month
}

/// So many months later, on the same day at the same time; on the month's last day where it is shorter.
fn add_months(time_ms: u64, months: u64) -> u64 {
    let (days, time_of_day) = split(time_ms, DAY_MS);
    let from = civil(days);
    let month = from.month.saturating_add(months);
    let first = first_of(month);
    let length = first_of(month.saturating_add(1)).saturating_sub(first);
    let day = first.saturating_add(from.day.min(length)).saturating_sub(1);
    day.saturating_mul(DAY_MS).saturating_add(time_of_day)
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

    /// The calendar walked day by day, with the lengths of months as one learns them at school.
    #[test]
    fn every_day_to_the_year_2400_has_its_date() {
        let (mut year, mut month, mut day) = (1970u64, 1u64, 1u64);
        for number in 0..157_000 {
            let found = civil(number);
            assert_eq!((found.month, found.day), (year * 12 + month - 3, day), "day {number}");
            if day == 1 {
                assert_eq!(first_of(found.month), number);
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                4 | 6 | 9 | 11 => 30,
                2 if leap => 29,
                2 => 28,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
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
