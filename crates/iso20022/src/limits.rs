//! How much of a message is read before it is refused.

use crate::problem::{Problem, Rejection};

/// Bounds on one message. Memory is bounded by them: about 80 bytes an element, and the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a message.
    pub bytes_max: usize,
    /// Most elements, one inside another. The standard needs some twenty; wrappers of networks a few more.
    pub depth_max: usize,
    /// Most elements that are kept.
    pub elements_max: usize,
    /// Most characters of one value.
    pub value_chars_max: usize,
    /// Most problems that are collected before reading ends.
    pub problems_max: usize,
}

impl Default for Limits {
    /// 48 MiB: room for 10,000 payments with structured parties and remittance information, several times over.
    fn default() -> Self {
        Self {
            bytes_max: 48 << 20,
            depth_max: 64,
            elements_max: 3_000_000,
            value_chars_max: 1 << 20,
            problems_max: 100,
        }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, bytes: usize) -> Result<(), Rejection> {
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let text = format!("the message has {bytes} bytes or more, at most {} are read: divide it", self.bytes_max);
        Err(Rejection::of(Problem::malformed("/", text)))
    }
}

/// A message that arrives in parts. It is refused with the part that is too much: what comes after is never kept.
#[derive(Clone, Debug)]
pub struct Intake {
    limits: Limits,
    bytes: Vec<u8>,
}

impl Intake {
    /// An empty one.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, bytes: Vec::new() }
    }

    /// Keeps `part`. An error when the message is now larger than [`Limits::bytes_max`]; then nothing is kept.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Rejection> {
        let checked = self.limits.check_bytes(self.bytes.len().saturating_add(part.len()));
        match &checked {
            Ok(()) => self.bytes.extend_from_slice(part),
            Err(_) => self.bytes = Vec::new(),
        }
        checked
    }

    /// Reads what has arrived.
    pub fn parse(&self) -> Result<crate::Envelope, Rejection> {
        crate::parse(&self.bytes, &self.limits)
    }
}
