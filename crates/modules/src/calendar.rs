//! Days and months of the proleptic Gregorian calendar in UTC, from block time in integers.
//!
//! Source: ISO 8601. Days are counted in eras of 400 years that begin on 1 March, so that a leap day is the last of its
//! year, which is how "days from civil" is commonly derived. Sums saturate: the end of time is a day too.

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Number of the day, counted from 1970.
pub(crate) fn day_of(time_ms: u64) -> u64 {
    split(time_ms, DAY_MS).0
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

/// Number of the month, counted from March of year 0.
pub(crate) fn month_of(time_ms: u64) -> u64 {
    civil(day_of(time_ms)).month
}

/// So many months later, on the same day at the same time; on the month's last day where it is shorter.
pub(crate) fn add_months(time_ms: u64, months: u64) -> u64 {
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

    /// The calendar walked day by day, with the lengths of months as one learns them at school.
    #[test]
    fn every_day_to_the_year_2400_has_its_date() {
        let (mut year, mut month, mut day) = (1970u64, 1u64, 1u64);
        for number in 0..157_000 {
            let found = civil(number);
            assert_eq!((found.month, found.day), (year * 12 + month - 3, day), "day {number}");
            for instant in [0, 1, DAY_MS / 2, DAY_MS - 1] {
                assert_eq!(day_of(number * DAY_MS + instant), number);
                assert_eq!(month_of(number * DAY_MS + instant), found.month);
            }
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
    fn the_end_of_time_is_a_day_too() {
        assert!(month_of(u64::MAX) >= month_of(u64::MAX - DAY_MS));
        assert!(add_months(u64::MAX, u64::MAX) >= add_months(u64::MAX, 0));
    }
}
