//! Where a page ended. Opaque to whoever passes it on: hexadecimal of a version, the search it belongs to, and the last
//! row.
//!
//! It says nothing that the page did not, so nothing is signed. A cursor of another search, or of none, is refused.

use crate::{
    database::{Failure, Value},
    decode::TEXT_BYTES_MAX,
    record::Place,
};
use alloy_primitives::{hex, keccak256};

/// Form of the cursor.
const VERSION: u8 = 1;
/// Bytes that tell searches apart.
const SEARCH_BYTES: usize = 8;
/// Version, search, place.
const FIXED_BYTES: usize = 1 + SEARCH_BYTES + 8;

/// The last row of a page: its place, and what the rows are sorted by, if not by place alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) place: Place,
    pub(crate) key: Option<Vec<u8>>,
}

/// What tells a search from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SearchId([u8; SEARCH_BYTES]);

impl SearchId {
    /// Of a search as it is written for people, which says everything that it asks.
    pub(crate) fn of(search: &impl std::fmt::Debug) -> Self {
        let hash = keccak256(format!("{search:?}"));
        let mut id = [0; SEARCH_BYTES];
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

impl Cursor {
    pub(crate) fn encode(&self, search: SearchId) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(search.0);
        bytes.extend(self.place.as_sql().to_be_bytes());
        bytes.extend(self.key.iter().flatten());
        hex::encode(bytes)
    }

    /// Takes a cursor of this search, whose rows are sorted by a key or not, from untrusted text.
    pub(crate) fn decode(text: &str, search: SearchId, has_key: bool) -> Result<Self, Failure> {
        let (id, cursor) = Self::read(text).ok_or(Failure::Cursor)?;
        if id != search || cursor.key.is_some() != has_key {
            return Err(Failure::Cursor);
        }
        Ok(cursor)
    }

    /// A cursor, and the search that it is of.
    fn read(text: &str) -> Option<(SearchId, Self)> {
        if text.len() > 2 * (FIXED_BYTES + TEXT_BYTES_MAX) {
            return None;
        }
        let bytes = hex::decode(text).ok()?;
        let (fixed, key) = bytes.split_first_chunk::<FIXED_BYTES>()?;
        let (version, rest) = fixed.split_first()?;
        let (id, place) = rest.split_first_chunk::<SEARCH_BYTES>()?;
        let place = place.try_into().map(i64::from_be_bytes).ok()?;
        if *version != VERSION || place < 0 {
            return None;
        }
        let key = (!key.is_empty()).then(|| key.to_vec());
        let (search, cursor) = (SearchId(*id), Self { place: Place::from_sql(place), key });
        // Hexadecimal has capitals and `0x`, too; a cursor has neither.
        (cursor.encode(search) == text).then_some((search, cursor))
    }
}

/// Reads a cursor of whatever search, from untrusted text, and writes it again; `None` where it is none.
pub fn decode_cursor(text: &str) -> Option<String> {
    Cursor::read(text).map(|(search, cursor)| cursor.encode(search))
}

/// What rows are sorted by as a cursor keeps it.
pub(crate) fn key_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes.clone()),
        Value::Text(text) => Some(text.clone().into_bytes()),
        Value::Null(_) | Value::Integer(_) => None,
    }
}
