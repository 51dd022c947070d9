//! Parts of a request, read with problems for answers: what does not fit says so in the same way everywhere.

use super::problem::Problem;
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};

/// Characters of a part of the path.
const PART_CHARS_MAX: usize = 140;
/// Characters of what a parameter's refusal repeats.
const SHOWN_CHARS: usize = 200;

/// The one part of the path that has a name.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = || Problem::parameter("in the path", "a text in UTF-8 of at most 140 characters");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        if text.chars().count() > PART_CHARS_MAX { Err(wrong()) } else { Ok(Self(text)) }
    }
}

/// The parameters of the query. Those that nobody knows are refused: a filter with a slip in its name would find too much.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::<T>::from_request_parts(parts, state).await.map_err(|rejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let shown: String = text.chars().take(SHOWN_CHARS).collect();
            Problem::parameters(&shown)
        })?;
        Ok(Self(asked))
    }
}

/// Numbers that the database can have given.
const NUMBER_MAX: u64 = i64::MAX as u64;

/// After which number a list goes on; from the first one where it is left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

impl After {
    /// The number, if it can have been given; `expected` says what it is.
    pub(super) fn number(&self, expected: &str) -> Result<u64, Problem> {
        stored("after", self.after, expected)
    }
}

/// A parameter that is a number of the database; `expected` says what it is.
pub(super) fn stored(name: &str, number: u64, expected: &str) -> Result<u64, Problem> {
    Some(number).filter(|number| *number <= NUMBER_MAX).ok_or_else(|| Problem::parameter(name, expected))
}

/// The number in a path of what is called so.
pub(super) fn number_of(what: &str, text: &str) -> Result<u64, Problem> {
    text.parse().ok().filter(|number| *number <= NUMBER_MAX).ok_or_else(|| Problem::unknown(what, text))
}

/// A header, as text. Nothing where it is not there; a problem where it is no text of 1 to `chars_max` printable characters of
/// ASCII.
pub(super) fn header_text<'a>(
    headers: &'a HeaderMap,
    name: &str,
    chars_max: usize,
) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim);
    let good =
        text.filter(|text| !text.is_empty() && text.len() <= chars_max && headers.get_all(name).iter().count() == 1);
    good.map(Some).ok_or_else(|| {
        Problem::parameter(name, &format!("one header of 1 to {chars_max} printable characters of ASCII"))
    })
}

/// The media type of the body, without its parameters; empty where nothing says it.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// Whether the caller asked for this kind of content.
pub(super) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(kind))
}
