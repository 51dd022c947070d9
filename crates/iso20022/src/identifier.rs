//! Identifiers with check digits or a form of their own.
//!
//! Each function says what is wrong in words that follow the value, or `Ok`. The forms of the schema (length, classes of
//! characters) are checked before, by the schema.

use crate::reference::{iban_length, is_country};

/// An account number of ISO 13616: country, length of that country, remainder 1 modulo 97.
pub(crate) fn check_iban(iban: &str) -> Result<(), String> {
    let country = iban.get(..2).unwrap_or_default();
    let Some(length) = iban_length(country) else {
        return Err(format!("begins with {country:?}, which is no country with account numbers of this kind"));
    };
    if iban.len() != length {
        return Err(format!("has {} characters, and an IBAN of {country} has {length}", iban.len()));
    }
    let digits = iban.get(2..4).unwrap_or_default();
    if matches!(digits, "00" | "01" | "99") {
        return Err("has check digits that cannot be".into());
    }
    let (head, tail) = iban.split_at_checked(4).unwrap_or_default();
    if remainder_97(tail.chars().chain(head.chars())) == Some(1) {
        Ok(())
    } else {
        Err("fails its check digits".into())
    }
}

/// A legal entity identifier (ISO 17442): remainder 1 modulo 97.
pub(crate) fn check_lei(lei: &str) -> Result<(), String> {
    if lei.len() == 20 && remainder_97(lei.chars()) == Some(1) { Ok(()) } else { Err("fails its check digits".into()) }
}

/// A business identifier code (ISO 9362): the fifth and sixth character name a country.
pub(crate) fn check_bic(bic: &str) -> Result<(), String> {
    let country = bic.get(4..6).unwrap_or_default();
    if !matches!(bic.len(), 8 | 11) {
        return Err("has neither 8 nor 11 characters".into());
    }
    if is_country(country) { Ok(()) } else { Err(format!("names the country {country:?}, which there is not")) }
}

/// A structured creditor reference (ISO 11649), where it begins as one: remainder 1 modulo 97.
pub(crate) fn check_creditor_reference(reference: &str) -> Result<(), String> {
    let long_enough = (5..=25).contains(&reference.len()) && reference.is_ascii();
    let (head, tail) = reference.split_at_checked(4).unwrap_or_default();
    if long_enough && remainder_97(tail.chars().chain(head.chars())) == Some(1) {
        Ok(())
    } else {
        Err("fails its check digits".into())
    }
}

/// The number that letters and digits spell (A is 10, Z is 35), modulo 97.
fn remainder_97(mut characters: impl Iterator<Item = char>) -> Option<u32> {
    characters.try_fold(0u32, |remainder, character| {
        let value = character.to_digit(36)?;
        let shifted = if value > 9 { remainder.checked_mul(100)? } else { remainder.checked_mul(10)? };
        shifted.checked_add(value)?.checked_rem(97)
    })
}
