//! Bytes to characters: byte order marks, encodings, and characters that XML forbids.

use crate::problem::Problem;
use std::borrow::Cow;

/// The characters of a message, without a byte order mark.
///
/// UTF-8 (the standard's own), UTF-16 with its mark or by its first bytes, ISO-8859-1 and US-ASCII where the declaration
/// says so. Everything else is refused with its name: a guess would change names and addresses.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let refuse = |text: String| Err(Problem::malformed("/", text));
    if bytes.starts_with(&[0, 0, 0xfe, 0xff]) || bytes.starts_with(&[0xff, 0xfe, 0, 0]) {
        return refuse("UTF-32 is not read: send UTF-8".into());
    }
    let (text, found) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (utf8(rest)?, "UTF-8"),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes)?, "UTF-16"),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes)?, "UTF-16"),
        [b'<' | b'{', 0, ..] => (utf16(bytes, u16::from_le_bytes)?, "UTF-16"),
        [0, b'<' | b'{', ..] => (utf16(bytes, u16::from_be_bytes)?, "UTF-16"),
        _ => return by_declaration(bytes),
    };
    match declared(text.as_bytes()) {
        Some(name) if !name.eq_ignore_ascii_case(found) && !name.to_ascii_uppercase().starts_with(found) => {
            refuse(format!("the declaration says {name:?} and the bytes are {found}: send UTF-8"))
        }
        _ => checked(text),
    }
}

fn by_declaration(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let name = declared(bytes).unwrap_or("UTF-8");
    match name.to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" => checked(utf8(bytes)?),
        "US-ASCII" | "ASCII" if bytes.is_ascii() => checked(utf8(bytes)?),
        "US-ASCII" | "ASCII" => {
            Err(Problem::malformed("/", "declared as US-ASCII and has bytes beyond it: send UTF-8"))
        }
        // Every byte of ISO-8859-1 is the character of the same number.
        "ISO-8859-1" | "LATIN1" | "ISO_8859-1" | "L1" => {
            checked(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()))
        }
        "UTF-16" | "UTF-16LE" | "UTF-16BE" => {
            Err(Problem::malformed("/", format!("the declaration says {name:?} and the bytes are not: send UTF-8")))
        }
        _ => Err(Problem::malformed("/", format!("the encoding {name:?} is not read: send UTF-8"))),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        Problem::malformed(
            "/",
            format!("not UTF-8 at byte {}: say the encoding in the declaration", error.valid_up_to()),
        )
    })
}

fn utf16(bytes: &[u8], number: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, Problem> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| number(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
        _ => Err(Problem::malformed("/", "not UTF-16, as its first bytes say: send UTF-8")),
    }
}

/// The encoding that an XML declaration names. It stands within the first bytes, in ASCII.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let head = std::str::from_utf8(head.get(..end)?).ok()?;
    let declaration = head.strip_prefix("<?xml")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

/// XML 1.0 (section 2.2) and JSON have no control characters but tabs and line ends.
pub(crate) const fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn checked(text: Cow<'_, str>) -> Result<Cow<'_, str>, Problem> {
    match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
        Some((at, c)) => Err(Problem::malformed(
            "/",
            format!("has the character U+{:04X} at byte {at}, which no message may have", u32::from(c)),
        )),
        None => Ok(text),
    }
}
