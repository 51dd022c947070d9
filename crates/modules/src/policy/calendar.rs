//! Days and months of UTC in which limits count.

use super::layout::Period;
use crate::calendar::{day_of, month_of};

/// Months from January to March: years are counted from January here.
const JANUARY_TO_MARCH: u64 = 2;

/// Number of the day, counted from 1970.
pub(super) fn day(timestamp_ms: u64) -> u64 {
    day_of(timestamp_ms)
}

/// Number of the month: years times twelve, plus months since January. It is part of storage.
pub(super) fn month(timestamp_ms: u64) -> u64 {
    month_of(timestamp_ms).saturating_add(JANUARY_TO_MARCH)
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

    #[test]
    fn months_are_counted_from_january_of_year_zero() {
        // 1 January 1970, the last instant of February 2024, a leap year, and the first of March, as `date -u` gives them.
        for (instant, year, months) in
            [(0, 1970, 0), (1_709_251_199_999, 2024, 1), (1_709_251_200_000, 2024, 2), (1_735_689_600_000, 2025, 0)]
        {
            assert_eq!(month(instant), year * 12 + months, "{instant}");
        }
    }
}
