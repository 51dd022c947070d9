//! Whether characters are a value of a simple type.

use super::{Base, Run, Text};

/// Why characters are not a value of a type. Texts end a sentence that begins with the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not in the list of values.
    Value,
    /// Anything else: what would be right.
    Form(String),
    /// More digits than the type has, or a number below the least.
    Number(String),
    /// More decimals than the type has.
    Decimals(String),
    /// Not a date or time of the calendar.
    Date(&'static str),
}

impl Text {
    /// Says what is wrong with `value`, if anything.
    pub(crate) fn check(&self, value: &str) -> Result<(), Fault> {
        match self.base {
            Base::String => {}
            Base::Decimal => return self.check_number(value),
            Base::Boolean => {
                let known = matches!(value, "true" | "false" | "1" | "0");
                return if known { Ok(()) } else { Err(Fault::Form("is not true or false".into())) };
            }
            Base::Base64 => return check_base64(value),
            _ => return check_time(self.base, value),
        }
        if !self.values.is_empty() {
            return self.values.binary_search(&value).map(|_| ()).map_err(|_| Fault::Value);
        }
        let length = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
        if length < self.shortest {
            return Err(Fault::Form(format!("has {length} characters, at least {} are needed", self.shortest)));
        }
        if length > self.longest {
            return Err(Fault::Form(format!("has {length} characters, at most {} are allowed", self.longest)));
        }
        if matches(self.pattern, value) {
            Ok(())
        } else {
            Err(Fault::Form("does not have the form of this type".into()))
        }
    }

    fn check_number(&self, value: &str) -> Result<(), Fault> {
        let negative = value.starts_with('-');
        let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len().saturating_add(fraction.len()) == 0 || !digits(whole) || !digits(fraction) {
            return Err(Fault::Form("is not a decimal number".into()));
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if self.digits > 0 && whole.len().saturating_add(fraction.len()) > usize::from(self.digits) {
            return Err(Fault::Number(format!("has more than {} digits", self.digits)));
        }
        if self.digits > 0 && fraction.len() > usize::from(self.decimals) {
            return Err(Fault::Decimals(format!("has more than {} decimals", self.decimals)));
        }
        let zero = whole.is_empty() && fraction.is_empty();
        match self.least {
            Some(least) if (negative && !zero) || (least > 0 && whole.is_empty()) => {
                Err(Fault::Number(format!("is less than {least}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the whole of `value` is made of these runs. Each run takes as much as it can, which suffices for every
/// pattern of the standard: no run begins with what the one before could have taken and must not.
fn matches(pattern: &[Run], value: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    let mut rest = value.as_bytes();
    for run in pattern {
        let most = usize::try_from(run.most).unwrap_or(usize::MAX);
        let taken = rest.iter().take(most).take_while(|byte| in_class(run.class, **byte)).count();
        let step = usize::try_from(run.step).unwrap_or(1);
        let odd = taken.checked_rem(step).unwrap_or_default();
        let taken = taken.saturating_sub(odd);
        if taken < usize::try_from(run.least).unwrap_or(usize::MAX) {
            return false;
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    rest.is_empty()
}

fn in_class(class: u128, byte: u8) -> bool {
    byte.is_ascii() && class.checked_shr(u32::from(byte)).unwrap_or_default() & 1 == 1
}

fn check_base64(value: &str) -> Result<(), Fault> {
    let characters = value.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let body = characters.clone().take_while(|byte| *byte != b'=');
    let known = body.clone().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let padding = characters.clone().skip(body.count());
    let padded = padding.clone().all(|byte| byte == b'=') && padding.count() <= 2;
    if known && padded && characters.count().is_multiple_of(4) {
        Ok(())
    } else {
        Err(Fault::Form("is not Base64".into()))
    }
}

fn check_time(base: Base, value: &str) -> Result<(), Fault> {
    let (wanted, right) = match base {
        Base::Date => ("is not a date: write YYYY-MM-DD", is_zoned(value, is_date)),
        Base::Time => ("is not a time: write hh:mm:ss", is_zoned(value, is_time)),
        Base::Year => ("is not a year: write YYYY", is_zoned(value, |text| number(text, 4, 0, 9999))),
        Base::YearMonth => ("is not a month: write YYYY-MM", is_zoned(value, is_year_month)),
        Base::DateTimeUtc => {
            ("is not a time in UTC: write YYYY-MM-DDThh:mm:ssZ", value.ends_with('Z') && is_date_time(value))
        }
        _ => ("is not a date and time: write YYYY-MM-DDThh:mm:ss with an offset such as +00:00", is_date_time(value)),
    };
    if right { Ok(()) } else { Err(Fault::Date(wanted)) }
}

fn is_date_time(value: &str) -> bool {
    value.split_once('T').is_some_and(|(date, time)| is_date(date) && is_zoned(time, is_time))
}

/// Whether `value` is what `inner` accepts with, or without, an offset from UTC at its end.
fn is_zoned(value: &str, inner: impl Fn(&str) -> bool) -> bool {
    if let Some(local) = value.strip_suffix('Z') {
        return inner(local);
    }
    if inner(value) {
        return true;
    }
    let Some(start) = value.len().checked_sub(6) else { return false };
    let (Some(local), Some(offset)) = (value.get(..start), value.get(start..)) else { return false };
    let signless = offset.strip_prefix(['+', '-']);
    let hours = signless.and_then(|offset| offset.split_once(':'));
    hours.is_some_and(|(hours, minutes)| {
        inner(local) && number(hours, 2, 0, 14) && number(minutes, 2, 0, 59) && (hours != "14" || minutes == "00")
    })
}

fn is_date(value: &str) -> bool {
    let Some((year_month, day)) = value.rsplit_once('-') else { return false };
    let Some((year, month)) = year_month.split_once('-') else { return false };
    if !is_year_month(year_month) {
        return false;
    }
    let year: u32 = year.parse().unwrap_or_default();
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        "02" => {
            if leap {
                29
            } else {
                28
            }
        }
        "04" | "06" | "09" | "11" => 30,
        _ => 31,
    };
    number(day, 2, 1, days)
}

fn is_year_month(value: &str) -> bool {
    value.split_once('-').is_some_and(|(year, month)| number(year, 4, 1, 9999) && number(month, 2, 1, 12))
}

fn is_time(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(3, ':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return false };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let fraction_is_digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let midnight = *hours == "24" && *minutes == "00" && whole == "00" && fraction.bytes().all(|byte| byte == b'0');
    fraction_is_digits
        && (midnight || (number(hours, 2, 0, 23) && number(minutes, 2, 0, 59) && number(whole, 2, 0, 59)))
}

/// Whether `text` is exactly `length` digits and a number within bounds.
fn number(text: &str, length: usize, least: u32, most: u32) -> bool {
    text.len() == length
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
}
