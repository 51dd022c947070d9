//! Legal entity identifiers: 18 capital letters and digits, then two check digits. Source: ISO 17442; the check is
//! ISO 7064 MOD 97-10, as for IBAN, without moving characters.

/// Characters of an LEI.
const LEI_BYTES: usize = 20;

/// Whether the text is a well-formed LEI with right check digits.
pub fn is_valid_lei(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(head), Some(check)) = (bytes.get(..18), bytes.get(18..)) else { return false };
    bytes.len() == LEI_BYTES
        && head.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && check.iter().all(u8::is_ascii_digit)
        // The procedure yields 02 to 98: 00, 01 and 99 are congruent to others, and would be a second form of them.
        && !matches!(check, b"00" | b"01" | b"99")
        && remainder(bytes) == 1
}

/// The number that the characters spell, modulo 97: digits as they are, letters as 10 to 35.
fn remainder(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |remainder, byte| {
        let (value, shift) = match byte {
            b'0'..=b'9' => (byte.saturating_sub(b'0'), 10),
            _ => (byte.saturating_sub(b'A').saturating_add(10), 100),
        };
        remainder.saturating_mul(shift).saturating_add(u32::from(value)).checked_rem(97).unwrap_or_default()
    })
}
