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
        if text.len() > 2 * (FIXED_BYTES + TEXT_BYTES_MAX) {
            return Err(Failure::Cursor);
        }
        let bytes = hex::decode(text).map_err(|_| Failure::Cursor)?;
        let (fixed, key) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(Failure::Cursor)?;
        let (version, rest) = fixed.split_first().ok_or(Failure::Cursor)?;
        let (id, place) = rest.split_at(SEARCH_BYTES);
        let place = place.try_into().map(i64::from_be_bytes).map_err(|_| Failure::Cursor)?;
        if *version != VERSION || id != search.0 || place < 0 || key.is_empty() == has_key {
            return Err(Failure::Cursor);
        }
        Ok(Self { place: Place::from_sql(place), key: has_key.then(|| key.to_vec()) })
    }
}

/// What rows are sorted by as a cursor keeps it.
pub(crate) fn key_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes.clone()),
        Value::Text(text) => Some(text.clone().into_bytes()),
        Value::Null(_) | Value::Integer(_) => None,
    }
}
