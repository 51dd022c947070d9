//! What makes a message, a payment and an answer one: digests, UETRs, identifications. Pure.

use alloy_primitives::{Address, B256, hex};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A unique end-to-end transaction reference: a UUID of version 4, as ISO 20022 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uetr([u8; 16]);

impl Uetr {
    /// Reads `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx`, in either case. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return None;
        }
        let mut bytes = [0u8; 16];
        hex::decode_to_slice(groups.concat(), &mut bytes).ok()?;
        Self(bytes).is_version_4().then_some(Self(bytes))
    }

    /// A UETR for an order that came without one: the same for the same parts, on every machine and for ever.
    pub fn derive(parts: &[&str]) -> Self {
        let digest = digest_of(b"florin.gateway.uetr", parts);
        let mut bytes = [0u8; 16];
        bytes.iter_mut().zip(digest.iter()).for_each(|(byte, from)| *byte = *from);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// As the ledger keeps it: the first 16 of 32 bytes.
    pub fn word(self) -> B256 {
        B256::right_padding_from(&self.0)
    }

    /// Back from the ledger; `None` for what is no UUID of version 4.
    pub fn from_word(word: B256) -> Option<Self> {
        let (first, rest) = word.split_at(16);
        let uetr = Self(first.try_into().ok()?);
        (uetr.is_version_4() && rest.iter().all(|byte| *byte == 0)).then_some(uetr)
    }

    /// Its first 8 bytes, by which an item of a batch is known to its payee.
    pub fn reference(self) -> [u8; 8] {
        let mut reference = [0u8; 8];
        reference.iter_mut().zip(self.0).for_each(|(byte, from)| *byte = from);
        reference
    }

    fn is_version_4(self) -> bool {
        self.0[6] & 0xf0 == 0x40 && self.0[8] & 0xc0 == 0x80
    }
}

impl AsRef<[u8]> for Uetr {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Uetr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(formatter, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Beginning of the UETRs whose first 8 bytes are these, as they are written.
pub(crate) fn uetr_prefix(reference: [u8; 8]) -> String {
    let digits = hex::encode(reference);
    let (first, rest) = digits.split_at(8);
    let (second, third) = rest.split_at(4);
    format!("{first}-{second}-{third}-")
}

/// SHA-256 of a message's bytes.
pub(crate) fn digest(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// SHA-256 over parts, each with its length before it, so that no two lists of parts are one text.
fn digest_of(purpose: &[u8], parts: &[&str]) -> B256 {
    let mut hasher = Sha256::new();
    hasher.update(purpose);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    B256::new(hasher.finalize().into())
}

/// Identification of a message that we write, of 35 characters: the same for the same parts.
pub(crate) fn message_id(parts: &[&str]) -> String {
    let digest = digest_of(b"florin.gateway.answer", parts);
    let digits = hex::encode(digest);
    format!("FLR{}", digits.get(..32).unwrap_or_default())
}

/// Under what the ledger knows a return: the same for what claims to be the same return, on every machine and for ever.
pub(crate) fn return_reference(claim: &str) -> B256 {
    digest_of(b"florin.gateway.return", &[claim])
}

/// Under what the ledger knows a request to pay of its creditor: the same for the same call, on every machine and for ever.
pub(crate) fn request_reference(claim: &str) -> B256 {
    digest_of(b"florin.gateway.request", &[claim])
}

/// What callers know a request to pay by: the same for the same request, in every database and on every machine.
pub(crate) fn request_id(creditor: Address, reference: B256) -> String {
    Uetr::derive(&["request to pay", &creditor.to_string(), &reference.to_string()]).to_string()
}

/// Whether a text is a BIC as messages write it (ISO 9362): 4 letters or digits, a country, 2, and perhaps 3 more, in capitals.
pub(crate) fn is_bic(text: &str) -> bool {
    let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!(bytes.len(), 8 | 11)
        && bytes.iter().all(|byte| capital(*byte))
        && bytes.iter().skip(4).take(2).all(u8::is_ascii_uppercase)
}

/// The nonce of a quote of its provider: the same for the same call, on every machine and for ever.
pub(crate) fn quote_nonce(claim: &str) -> B256 {
    digest_of(b"florin.gateway.quote", &[claim])
}

/// What callers know a quote by: the same for the same terms, in every database and on every machine.
pub(crate) fn quote_id(terms: &[u8]) -> String {
    Uetr::derive(&["quote", &hex::encode(terms)]).to_string()
}

/// What stands on the ledger for a text that is nobody else's business: a hash under this gateway's salt and the name of what it
/// belongs to. Zero where there is no text.
pub(crate) fn veiled(salt: &[u8], name: impl AsRef<[u8]>, text: &str) -> B256 {
    if text.is_empty() {
        return B256::ZERO;
    }
    let mut hasher = Sha256::new();
    hasher.update(b"florin.gateway.veil");
    hasher.update(salt);
    hasher.update(name);
    hasher.update(text.as_bytes());
    B256::new(hasher.finalize().into())
}

/// Civil date and time of a moment, UTC: `YYYY-MM-DDThh:mm:ss+00:00`. Moments after the year 9999 are its last second.
pub(crate) fn time_text(time_ms: u64) -> String {
    const LAST_SECOND: u64 = 253_402_300_799;
    let seconds = (time_ms / 1_000).min(LAST_SECOND);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+00:00", second / 3_600, second / 60 % 60, second % 60)
}

/// A day, in milliseconds.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// The day of a moment, UTC: `YYYY-MM-DD`.
pub(crate) fn day_text(time_ms: u64) -> String {
    time_text(time_ms).get(..10).unwrap_or_default().into()
}

/// The first moment of a day, UTC, in milliseconds since 1970. `None` for what is no day from 1970 to 9999.
pub(crate) fn day_begins_ms(day: &str) -> Option<u64> {
    let mut parts = day.get(..10)?.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    let days = days_of_civil(year, month, date)?;
    (civil(days) == (year, month, date)).then(|| days.saturating_mul(DAY_MS))
}

/// A moment, UTC: a day, or a day with a time, `YYYY-MM-DDThh:mm:ssZ`. `None` for what is none from 1970 to 9999.
pub(crate) fn time_ms_of(text: &str) -> Option<u64> {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"))?),
        None => (text, "00:00:00"),
    };
    let begins = day_begins_ms(day).filter(|_| day.len() == 10)?;
    let parts: Vec<&str> = time.split(':').collect();
    let two = |part: &&str, max: u64| {
        let good = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>().ok().filter(|number| good && *number <= max)
    };
    let [hour, minute, second] = parts.as_slice() else { return None };
    let seconds = two(hour, 23)? * 3_600 + two(minute, 59)? * 60 + two(second, 59)?;
    begins.checked_add(seconds * 1_000)
}

/// Year, month and day of a number of days since 1970. Source: H. Hinnant, chrono-compatible low-level date algorithms.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap = day_of_era / 1_460 + day_of_era / 146_096;
    let year_of_era = (day_of_era + day_of_era / 36_524).saturating_sub(leap) / 365;
    let before = 365 * year_of_era + year_of_era / 4;
    let day_of_year = (day_of_era + year_of_era / 100).saturating_sub(before);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year.saturating_sub((153 * month + 2) / 5) + 1;
    let month = if month < 10 { month + 3 } else { month.saturating_sub(9) };
    (year_of_era + era.saturating_mul(400) + u64::from(month <= 2), month, day)
}

/// The other way round.
fn days_of_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let month = if month > 2 { month.checked_sub(3)? } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = (year_of_era * 365 + year_of_era / 4 + day_of_year).checked_sub(year_of_era / 100)?;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: &str = "eb6305c9-1f7f-49de-aed0-16487c27b42d";

    #[test]
    fn what_is_no_uuid_of_version_4_is_no_uetr() {
        for wrong in [
            "",
            "eb6305c9",
            "eb6305c91f7f49deaed016487c27b42d",
            "eb6305c9-1f7f-19de-aed0-16487c27b42d",
            "eb6305c9-1f7f-49de-2ed0-16487c27b42d",
            "eb6305c9-1f7f-49de-aed0-16487c27b42g",
            "eb6305c9-1f7f-49de-aed0-16487c27b42d-",
            " eb6305c9-1f7f-49de-aed0-16487c27b42d",
            "éb6305c-1f7f-49de-aed0-16487c27b42d",
        ] {
            assert_eq!(Uetr::parse(wrong), None, "{wrong}");
        }
        let uetr = Uetr::parse(KNOWN).unwrap();
        assert_eq!(Uetr::parse(&KNOWN.to_uppercase()), Some(uetr));
        assert_eq!(uetr.to_string(), KNOWN);
        assert!(KNOWN.starts_with(&uetr_prefix(uetr.reference())));
    }

    #[test]
    fn the_ledgers_word_leads_back_and_other_words_do_not() {
        let uetr = Uetr::parse(KNOWN).unwrap();
        assert_eq!(Uetr::from_word(uetr.word()), Some(uetr));
        let mut other = uetr.word();
        other.0[31] = 1;
        assert_eq!(Uetr::from_word(other), None);
        assert_eq!(Uetr::from_word(B256::ZERO), None);
        assert_eq!(Uetr::from_word(B256::repeat_byte(0xff)), None);
    }

    #[test]
    fn derived_uetrs_depend_on_every_part_and_on_where_one_ends() {
        let of = |parts: &[&str]| Uetr::derive(parts);
        let all = [
            of(&["bank", "MSG", "B", "E", "0"]),
            of(&["bank", "MSG", "B", "E", "1"]),
            of(&["bank", "MSG", "BE", "", "0"]),
            of(&["bank", "MSGB", "", "E", "0"]),
            of(&["bank", "MSG", "B", "E0"]),
            of(&[]),
            of(&[""]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        // For ever: this value is what customers' systems keep.
        assert_eq!(all[0].to_string(), of(&["bank", "MSG", "B", "E", "0"]).to_string());
        assert!(all.iter().all(|uetr| Uetr::parse(&uetr.to_string()) == Some(*uetr)));
    }

    #[test]
    fn a_derived_uetr_never_changes() {
        // Computed apart, by SHA-256 over the lengths and texts as the specification says.
        let uetr = Uetr::derive(&["bank-a", "", "ORDER-1", "BATCH-A", "E-1", "0"]);
        assert_eq!(uetr.to_string(), "12314df7-d528-4c6f-a535-0e9395a292b6");
    }

    #[test]
    fn veiled_texts_differ_by_salt_payment_and_text() {
        let (one, other) = (Uetr::parse(KNOWN).unwrap(), Uetr::derive(&["x"]));
        let all = [veiled(b"s", one, "E"), veiled(b"t", one, "E"), veiled(b"s", other, "E"), veiled(b"s", one, "F")];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(veiled(b"s", one, ""), B256::ZERO);
    }

    #[test]
    fn days_that_are_none_are_refused() {
        for wrong in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "1969-12-31",
            "2026-1-01x",
            "2026-04-31",
            "äää-02-29",
        ] {
            assert_eq!(day_begins_ms(wrong), None, "{wrong}");
        }
        assert_eq!(day_begins_ms("1970-01-01"), Some(0));
        assert_eq!(day_begins_ms("2024-02-29"), Some(1_709_164_800_000));
        assert_eq!(time_text(1_709_164_800_000 + 3_661_000), "2024-02-29T01:01:01+00:00");
        assert_eq!(time_text(u64::MAX), "9999-12-31T23:59:59+00:00");
        assert_eq!(message_id(&["a"]).len(), 35);
    }

    #[test]
    fn a_bic_is_what_messages_take_for_one() {
        assert!(["DEUTDEFF", "DEUTDEFFXXX", "1A2BDE33", "FLRADEFF123"].into_iter().all(is_bic));
        let others = ["", "DEUTDEF", "DEUTDEFFX", "deutdeff", "DEUT1EFF", "DEUTDÉFF", "DEUTDEFF XX", "12345678"];
        assert!(!others.into_iter().any(is_bic));
    }

    #[test]
    fn moments_are_days_or_days_with_a_time_in_utc() {
        assert_eq!(time_ms_of("1970-01-02"), Some(86_400_000));
        assert_eq!(time_ms_of("1970-01-02T01:02:03Z"), Some(86_400_000 + 3_723_000));
        assert_eq!(time_ms_of("1970-01-02T01:02:03+00:00"), time_ms_of("1970-01-02T01:02:03Z"));
        for wrong in [
            "",
            "1970",
            "1970-01-02T",
            "1970-01-02T24:00:00Z",
            "1970-01-02T00:60:00Z",
            "1970-01-02T00:00:00",
            "1970-01-02T00:00:00+02:00",
            "1970-01-02T0:00:00Z",
            "1970-01-02Z",
            "1970-13-01",
            "1970-01-02T+1:00:00Z",
        ] {
            assert_eq!(time_ms_of(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn days_and_moments_lead_to_each_other(days in 0u64..2_932_896) {
            let begins = days * 86_400_000;
            prop_assert_eq!(day_begins_ms(&day_text(begins)), Some(begins));
            prop_assert_eq!(day_text(begins + 86_399_999), day_text(begins));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}") {
            let _ = (Uetr::parse(&text), day_begins_ms(&text));
        }
    }
}
