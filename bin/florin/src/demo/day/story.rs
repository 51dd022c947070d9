//! How the day is told: for people as it happens, for scripts as one line of JSON at its end.

use crate::{
    demo::progress::Progress,
    failure::Failure,
    output::{self, Output},
};
use alloy_primitives::B256;
use florin_types::Amount;
use serde::Serialize;
use std::io::IsTerminal as _;

/// Columns of a line of text. A hash takes 66 of them.
const COLUMNS: usize = 100;
/// Columns before a text: two blanks, the time, two blanks.
const INDENT: usize = 12;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A transaction that became final in the day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Time of its block, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// What happened.
    pub(crate) text: String,
    /// Transactions that did it; empty for what the ledger refused.
    pub(crate) transactions: Vec<Mention>,
}

/// A transaction, to be looked up.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mention {
    /// Its hash.
    pub(crate) hash: B256,
    /// Height of its block.
    pub(crate) block_number: u64,
}

/// Tells the day.
pub(crate) struct Story<'a> {
    progress: &'a Progress,
    output: Output,
    colours: bool,
    entries: Vec<Entry>,
}

impl<'a> Story<'a> {
    /// On standard output; coloured on a terminal whose user has not said otherwise.
    pub(crate) fn new(progress: &'a Progress, output: Output) -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { progress, output, colours, entries: Vec::new() }
    }

    /// Everything that was told.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A part of the day begins.
    pub(crate) fn heading(&self, text: &str) -> Result<(), Failure> {
        self.progress.doing(&format!("a working day: {text}"));
        let text = if self.colours { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() };
        self.say(&format!("\n{text}"))
    }

    /// Something happened, by these transactions.
    pub(crate) fn tell(&mut self, time_ms: u64, text: &str, transactions: Vec<Mention>) -> Result<(), Failure> {
        self.say(&paragraph(&clock(time_ms), text))?;
        for mention in &transactions {
            let line = format!("{:INDENT$}{}  in block {}", "", mention.hash, mention.block_number);
            self.say(&if self.colours { format!("\x1b[2m{line}\x1b[0m") } else { line })?;
        }
        self.entries.push(Entry { time_ms, text: text.to_string(), transactions });
        Ok(())
    }

    /// A line of its own.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        match self.output {
            Output::Text => self.progress.aside(|| output::line(text)),
            Output::Json => Ok(()),
        }
    }
}

/// A time and a text beside it, in lines of at most [`COLUMNS`].
fn paragraph(time: &str, text: &str) -> String {
    let mut lines = vec![format!("  {time}  ")];
    let mut empty = true;
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if !empty && used + 1 + word.chars().count() > COLUMNS {
            lines.push(" ".repeat(INDENT));
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
        }
        empty = false;
    }
    lines.join("\n")
}

/// Time of day in UTC.
fn clock(time_ms: u64) -> String {
    let seconds = time_ms % DAY_MS / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The date of a time as a number YYYYMMDD, in UTC: the form of a value date.
pub(crate) fn date(time_ms: u64) -> u32 {
    let (mut days, mut year) = (time_ms / DAY_MS, 1970u64);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1u64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    u32::try_from(year * 10_000 + month * 100 + days + 1).unwrap_or(u32::MAX)
}

/// An amount with its thousands apart: `1,250.75 EUR`.
pub(crate) fn grouped(amount: Amount) -> String {
    let text = amount.to_string();
    let whole = text.find(['.', ' ']).unwrap_or(text.len());
    let (digits, rest) = text.split_at(whole);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use florin_types::Currency;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let day = |days: u64| days * DAY_MS;
        assert_eq!(date(0), 19_700_101);
        assert_eq!(date(day(59) - 1), 19_700_228);
        assert_eq!(date(day(59)), 19_700_301);
        assert_eq!(date(day(11_016)), 20_000_229, "every 400 years is a leap year");
        assert_eq!(date(day(11_017)), 20_000_301);
        assert_eq!(date(1_795_266_000_000), 20_261_121);
        assert_eq!(date(day(47_540)), 21_000_228);
        assert_eq!(date(day(47_541)), 21_000_301, "2100 is no leap year");
        assert_eq!(date(day(20_453)), 20_251_231);
        assert_eq!(date(day(20_454)), 20_260_101);
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        let euro = Currency::new("EUR", 2).unwrap();
        for (minor, text) in
            [(0, "0.00 EUR"), (99_999, "999.99 EUR"), (100_000, "1,000.00 EUR"), (123_456_789_00, "123,456,789.00 EUR")]
        {
            assert_eq!(grouped(Amount::new(minor, euro)), text);
        }
        assert_eq!(grouped(Amount::new(12_345, Currency::new("YEN", 0).unwrap())), "12,345 YEN");
    }

    #[test]
    fn texts_are_broken_between_words_and_indented() {
        let text = paragraph(&clock(3_661_000), &"word ".repeat(40));
        let lines: Vec<_> = text.trim_end().lines().collect();
        assert!(lines.len() == 3 && lines[0].starts_with("  01:01:01  word word"), "{text}");
        assert!(lines[1].starts_with("            word") && lines.iter().all(|line| line.len() <= COLUMNS), "{text}");
    }
}
