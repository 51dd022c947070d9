//! Days and months of UTC, from block time in integers. Source: the proleptic Gregorian calendar as ISO 8601 has it; days
//! are counted in eras of 400 years that begin on 1 March, so that a leap day is the last of its year.

use super::layout::Period;

const DAY_MS: u64 = 86_400_000;
/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;
/// Days in 400 years, after which the calendar repeats itself.
const DAYS_OF_400_YEARS: u64 = 146_097;

/// Number of the day, counted from 1970.
pub(super) fn day(timestamp_ms: u64) -> u64 {
    quotient(timestamp_ms, DAY_MS)
}

/// Number of the month: years times twelve, plus months since January.
pub(super) fn month(timestamp_ms: u64) -> u64 {
    let days = day(timestamp_ms).saturating_add(DAYS_TO_1970);
    let era = quotient(days, DAYS_OF_400_YEARS);
    let day_of_era = days.saturating_sub(era.saturating_mul(DAYS_OF_400_YEARS));
    // Leap days before this day, taken out so that all years have 365 days: one each 4 years (1,460 days), none each
    // 100 (36,524), one at the end of the era (day 146,096).
    let leap_days = quotient(day_of_era, 1_460)
        .saturating_sub(quotient(day_of_era, 36_524))
        .saturating_add(quotient(day_of_era, 146_096));
    let year_of_era = quotient(day_of_era.saturating_sub(leap_days), 365);
    let days_before = year_of_era
        .saturating_mul(365)
        .saturating_add(quotient(year_of_era, 4))
        .saturating_sub(quotient(year_of_era, 100));
    let day_of_year = day_of_era.saturating_sub(days_before);
    // From March on, the lengths 31, 30, 31, 30, 31 repeat each 153 days.
    let months_since_march = quotient(day_of_year.saturating_mul(5).saturating_add(2), 153);
    era.saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_mul(12)
        .saturating_add(months_since_march)
        .saturating_add(2)
}

fn quotient(dividend: u64, divisor: u64) -> u64 {
    dividend.checked_div(divisor).unwrap_or_default()
}

impl Period {
    /// What was counted in the period with this number: nothing, where the last count was in another one.
    pub(super) fn amount_in(self, number: u64) -> u128 {
        if self.number == number { self.amount } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through five centuries with a plain calendar of month lengths.
    #[test]
    fn days_and_months_are_those_of_a_plain_calendar() {
        let (mut year, mut month_of_year, mut day_of_month) = (1970u64, 0usize, 1u64);
        for number in 0..190_000u64 {
            for instant in [0, 1, DAY_MS / 2, DAY_MS - 1] {
                assert_eq!(day(number * DAY_MS + instant), number);
                let expected = year * 12 + month_of_year as u64;
                assert_eq!(month(number * DAY_MS + instant), expected, "day {number}: {year}-{}", month_of_year + 1);
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            day_of_month += 1;
            if day_of_month > lengths[month_of_year] {
                (day_of_month, month_of_year) = (1, (month_of_year + 1) % 12);
                year += u64::from(month_of_year == 0);
            }
        }
        assert!(year > 2450, "the walk passed 2000, which had a leap day, and 2100 to 2300, which have none");
    }

    #[test]
    fn the_end_of_time_is_a_day_too() {
        assert!(month(u64::MAX) >= month(u64::MAX - DAY_MS));
    }
}
