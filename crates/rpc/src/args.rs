//! Parameters: from JSON of unknown origin to values, or an error that names the argument and says what is wrong.
//!
//! Strict where Ethereum's clients are strict (quantities have no leading zeros, addresses have 20 bytes), so that a
//! mistake is an error here and not a different question.
//!
//! An argument stays text until its type is known, and then one level of it is taken apart at a time: a tree of JSON values
//! can be a hundred times as large as its text.

use crate::{clients::Caller, error::RpcError, methods::Param};
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::types::Params;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Number, value::RawValue};
use std::{collections::BTreeMap, fmt, ops::Range};

/// Fields of one object, or entries of one list, that are taken apart.
const ENTRIES_MAX: usize = 10_000;

/// What is wrong with a value, and where inside of the argument.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    path: String,
    reason: String,
}

impl Problem {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    /// The same problem, seen from the object that holds the value.
    pub(crate) fn inside(mut self, field: &str) -> Self {
        self.path = format!(".{field}{}", self.path);
        self
    }

    /// The same problem, seen from the list that holds the value.
    pub(crate) fn at(mut self, index: usize) -> Self {
        self.path = format!("[{index}]{}", self.path);
        self
    }
}

/// A value that an argument can hold.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &RawValue) -> Result<Self, Problem>;
}

/// The arguments of one call, counted but not yet parsed.
#[derive(Debug)]
pub(crate) struct Args {
    params: &'static [Param],
    text: Params<'static>,
    /// Where in the text each argument stands.
    values: Vec<Range<usize>>,
    caller: Caller,
}

impl Args {
    /// Takes `params` of a request: absent, or an array by position.
    pub(crate) fn new(params: &'static [Param], text: Params<'static>) -> Result<Self, RpcError> {
        let whole = text.as_str().unwrap_or_default();
        let values: Vec<&RawValue> = match whole.trim() {
            "" | "null" => Vec::new(),
            raw if raw.starts_with('[') => serde_json::from_str(raw)
                .map_err(|error| RpcError::invalid_params(format!("params cannot be read: {error}")))?,
            _ => return Err(RpcError::invalid_params("params must be an array: give arguments by position")),
        };
        if values.len() > params.len() {
            return Err(RpcError::invalid_params(format!(
                "too many arguments, want at most {}, have {}",
                params.len(),
                values.len()
            )));
        }
        let place = |value: &RawValue| {
            let begin = value.get().as_ptr().addr().saturating_sub(whole.as_ptr().addr());
            begin..begin.saturating_add(value.get().len())
        };
        let values = values.into_iter().map(place).collect();
        let args = Self { params, text, values, caller: Caller::default() };
        for (index, param) in params.iter().enumerate().filter(|(_, param)| param.required) {
            if args.value(index).is_none() {
                return Err(RpcError::invalid_params(format!(
                    "missing value for required argument {index} ({})",
                    param.name
                )));
            }
        }
        Ok(args)
    }

    /// The same as given by this client.
    pub(crate) fn of(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// `null` counts as absent.
    fn value(&self, index: usize) -> Option<&RawValue> {
        let text = self.text.as_str()?.get(self.values.get(index)?.clone())?;
        serde_json::from_str::<&RawValue>(text).ok().filter(|value| !is_null(value))
    }

    /// An argument that may be absent.
    pub(crate) fn optional<T: FromValue>(&self, index: usize) -> Result<Option<T>, RpcError> {
        let Some(value) = self.value(index) else { return Ok(None) };
        T::from_value(value).map(Some).map_err(|problem| self.wrong(index, &problem))
    }

    /// An argument that the method's table marks as required.
    pub(crate) fn required<T: FromValue>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?.ok_or_else(|| self.wrong(index, &Problem::new("it is missing")))
    }

    fn wrong(&self, index: usize, problem: &Problem) -> RpcError {
        let name = self.params.get(index).map_or("?", |param| param.name);
        RpcError::invalid_params(format!("invalid argument {index} ({name}{}): {}", problem.path, problem.reason))
    }
}

pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

pub(crate) fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

pub(crate) fn is_array(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Parses one level of a value.
fn level<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, Problem> {
    serde_json::from_str(value.get()).map_err(|error| Problem::new(excerpt(&error.to_string())))
}

/// The text of a string, where it needs no unescaping: no value that a method takes does.
pub(crate) fn text(value: &RawValue) -> Result<&str, Problem> {
    if !is_text(value) {
        return Err(Problem::new(format!("{} where a string is needed", kind(value))));
    }
    level(value).map_err(|_: Problem| Problem::new("a string with escapes where plain characters are needed"))
}

/// The fields of an object, by name.
pub(crate) fn object(value: &RawValue) -> Result<Fields<'_>, Problem> {
    if !is_object(value) {
        return Err(Problem::new(format!("{} where an object is needed", kind(value))));
    }
    level(value)
}

pub(crate) fn array(value: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    if !is_array(value) {
        return Err(Problem::new(format!("{} where an array is needed", kind(value))));
    }
    level(value)
}

/// The fields of an object, not yet parsed.
#[derive(Debug)]
pub(crate) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// A field; `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|value| !is_null(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// A field that is misspelt would be silently ignored and change the answer, so it is an error.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Problem::new(format!("no such field: use {}", known.join(", "))).inside(&excerpt(name))),
            None => Ok(()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if fields.len() == ENTRIES_MAX {
                        return Err(A::Error::custom(format_args!("too many entries, at most {ENTRIES_MAX}")));
                    }
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("{:?} stands twice", excerpt(&name))));
                    }
                    fields.insert(name, map.next_value::<&'de RawValue>()?);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Reading).map(Fields)
    }
}

/// A field of an object; `null` counts as absent.
pub(crate) fn field<T: FromValue>(object: &Fields<'_>, name: &str) -> Result<Option<T>, Problem> {
    let parse = |value: &RawValue| T::from_value(value).map_err(|problem| problem.inside(name));
    object.get(name).map(parse).transpose()
}

fn hex_digits(text: &str) -> Result<&str, Problem> {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or_else(|| Problem::new("hex string without 0x prefix"))
}

/// Digits of a quantity: at least one, no leading zero, at most `digits_max`.
fn quantity_digits(text: &str, digits_max: usize) -> Result<&str, Problem> {
    let digits = hex_digits(text)?;
    if digits.is_empty() {
        return Err(Problem::new("hex string \"0x\": zero is \"0x0\""));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(Problem::new("hex number with leading zero digits"));
    }
    if digits.len() > digits_max {
        return Err(Problem::new(format!("hex number > {} bits", digits_max * 4)));
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Problem::new("invalid hex string"));
    }
    Ok(digits)
}

fn bytes(text: &str) -> Result<Vec<u8>, Problem> {
    let digits = hex_digits(text)?;
    if digits.len() % 2 == 1 {
        return Err(Problem::new("hex string of odd length"));
    }
    alloy_primitives::hex::decode(digits).map_err(|_| Problem::new("invalid hex string"))
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Problem> {
    let bytes = bytes(text)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| Problem::new(format!("hex string has {length} bytes, want {N}")))
}

/// A string that is not the name of anything but long text is cut in error messages.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl FromValue for u64 {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        number(text(value)?)
    }
}

/// A number, also as the name of a field.
pub(crate) fn number(text: &str) -> Result<u64, Problem> {
    let digits = quantity_digits(text, 16)?;
    u64::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
}

impl FromValue for u128 {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let digits = quantity_digits(text(value)?, 32)?;
        Self::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
    }
}

impl FromValue for U256 {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let digits = quantity_digits(text(value)?, 64)?;
        Self::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
    }
}

impl FromValue for bool {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        level(value).map_err(|_| Problem::new(format!("{} where true or false is needed", kind(value))))
    }
}

impl FromValue for Address {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        address(text(value)?)
    }
}

/// An address, also as the name of a field.
pub(crate) fn address(text: &str) -> Result<Address, Problem> {
    Ok(Address::new(fixed(text)?))
}

impl FromValue for B256 {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        Ok(Self::new(fixed(text(value)?)?))
    }
}

impl FromValue for Bytes {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        Ok(bytes(text(value)?)?.into())
    }
}

impl FromValue for String {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        text(value).map(str::to_owned)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let parse = |(index, value)| T::from_value(value).map_err(|problem| problem.at(index));
        array(value)?.into_iter().enumerate().map(parse).collect()
    }
}

/// A storage slot: up to 32 bytes of hex, leading zeros allowed and odd lengths too, because clients send both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) U256);

impl FromValue for Slot {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        Self::from_text(text(value)?)
    }
}

impl Slot {
    /// The same as the name of a field.
    pub(crate) fn from_text(text: &str) -> Result<Self, Problem> {
        let digits = hex_digits(text)?;
        if digits.is_empty() || digits.len() > 64 {
            return Err(Problem::new(format!("storage key of {} hex digits, want 1 to 64", digits.len())));
        }
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Problem::new("invalid hex string"));
        }
        U256::from_str_radix(digits, 16).map(Self).map_err(|_| Problem::new("invalid hex string"))
    }
}

/// A number that clients send as a quantity or as a plain JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl FromValue for Count {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        match level::<Number>(value) {
            Ok(number) => {
                number.as_u64().map(Self).ok_or_else(|| Problem::new(format!("{number} is no whole number from 0")))
            }
            Err(_) => u64::from_value(value).map(Self),
        }
    }
}

/// Characters of an argument that serde reads as a whole.
const JSON_CHARS_MAX: usize = 64 * 1024;

/// A type that serde reads: for structures whose shape is not Florin's to decide.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        match value.get().len() {
            0..=JSON_CHARS_MAX => level(value).map(Self),
            chars => Err(Problem::new(format!("{chars} characters, at most {JSON_CHARS_MAX}"))),
        }
    }
}
