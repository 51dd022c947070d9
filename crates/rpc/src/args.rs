//! Parameters: from JSON of unknown origin to values, or an error that names the argument and says what is wrong.
//!
//! Strict where Ethereum's clients are strict (quantities have no leading zeros, addresses have 20 bytes), so that a
//! mistake is an error here and not a different question.

use crate::{error::RpcError, methods::Param};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::Value;

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
    fn from_value(value: &Value) -> Result<Self, Problem>;
}

/// The arguments of one call, counted but not yet parsed.
#[derive(Debug)]
pub(crate) struct Args {
    params: &'static [Param],
    values: Vec<Value>,
}

impl Args {
    /// Takes `params` of a request: absent, or an array by position.
    pub(crate) fn new(params: &'static [Param], raw: Option<&str>) -> Result<Self, RpcError> {
        let values: Vec<Value> = match raw.map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(raw) if raw.starts_with('[') => serde_json::from_str(raw)
                .map_err(|error| RpcError::invalid_params(format!("params cannot be read: {error}")))?,
            Some(_) => return Err(RpcError::invalid_params("params must be an array: give arguments by position")),
        };
        if values.len() > params.len() {
            return Err(RpcError::invalid_params(format!(
                "too many arguments, want at most {}, have {}",
                params.len(),
                values.len()
            )));
        }
        let args = Self { params, values };
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

    /// `null` counts as absent.
    fn value(&self, index: usize) -> Option<&Value> {
        self.values.get(index).filter(|value| !value.is_null())
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

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

pub(crate) fn text(value: &Value) -> Result<&str, Problem> {
    value.as_str().ok_or_else(|| Problem::new(format!("{} where a string is needed", kind(value))))
}

pub(crate) fn object(value: &Value) -> Result<&serde_json::Map<String, Value>, Problem> {
    value.as_object().ok_or_else(|| Problem::new(format!("{} where an object is needed", kind(value))))
}

pub(crate) fn array(value: &Value) -> Result<&Vec<Value>, Problem> {
    value.as_array().ok_or_else(|| Problem::new(format!("{} where an array is needed", kind(value))))
}

/// A field of an object; `null` counts as absent.
pub(crate) fn field<T: FromValue>(object: &serde_json::Map<String, Value>, name: &str) -> Result<Option<T>, Problem> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::from_value(value).map(Some).map_err(|problem| problem.inside(name)),
    }
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
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let digits = quantity_digits(text(value)?, 16)?;
        Self::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
    }
}

impl FromValue for u128 {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let digits = quantity_digits(text(value)?, 32)?;
        Self::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
    }
}

impl FromValue for U256 {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let digits = quantity_digits(text(value)?, 64)?;
        Self::from_str_radix(digits, 16).map_err(|_| Problem::new("invalid hex string"))
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        value.as_bool().ok_or_else(|| Problem::new(format!("{} where true or false is needed", kind(value))))
    }
}

impl FromValue for Address {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        Ok(Self::new(fixed(text(value)?)?))
    }
}

impl FromValue for B256 {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        Ok(Self::new(fixed(text(value)?)?))
    }
}

impl FromValue for Bytes {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        Ok(bytes(text(value)?)?.into())
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        text(value).map(str::to_owned)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let parse = |(index, value)| T::from_value(value).map_err(|problem| problem.at(index));
        array(value)?.iter().enumerate().map(parse).collect()
    }
}

/// A storage slot: up to 32 bytes of hex, leading zeros allowed and odd lengths too, because clients send both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) U256);

impl FromValue for Slot {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let digits = hex_digits(text(value)?)?;
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
    fn from_value(value: &Value) -> Result<Self, Problem> {
        match value {
            Value::Number(number) => {
                number.as_u64().map(Self).ok_or_else(|| Problem::new(format!("{number} is no whole number from 0")))
            }
            _ => u64::from_value(value).map(Self),
        }
    }
}

/// A type that serde reads: for structures whose shape is not Florin's to decide.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        serde_json::from_value(value.clone()).map(Self).map_err(|error| Problem::new(excerpt(&error.to_string())))
    }
}
