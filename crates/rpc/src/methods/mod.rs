//! The methods: one table, from which the server, the OpenRPC document and the reference are made.
//!
//! A handler takes the context and the arguments of its line and gives a value that serialises to the schema of its
//! line. Adding a method is adding a line and a function.

pub(crate) mod blocks;
pub(crate) mod calls;
pub(crate) mod fees;
pub(crate) mod florin;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod pool;
pub(crate) mod simulate;
pub(crate) mod state;
pub(crate) mod submit;
mod table;
pub(crate) mod traces;
pub(crate) mod transactions;

pub(crate) use table::{METHODS, SUBSCRIBE, UNSUBSCRIBE};

use crate::{args::Args, backend::Context, error::RpcError};
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{io, sync::Arc};

/// What a handler gives, as JSON.
pub(crate) type Answer = Result<Box<RawValue>, RpcError>;

/// Runs one method.
pub(crate) type Handler = fn(Arc<Context>, Args) -> BoxFuture<'static, Answer>;

/// One parameter of a method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// Name of its schema in the OpenRPC document.
    pub(crate) schema: &'static str,
    pub(crate) required: bool,
}

/// One method.
#[derive(Clone, Copy)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) params: &'static [Param],
    /// Schema of the result.
    pub(crate) result: &'static str,
    /// `None` for the two methods that exist over WebSocket only.
    pub(crate) handler: Option<Handler>,
}

/// A handler's value as JSON, written only as far as an answer may be long.
pub(crate) fn to_json<T: Serialize>(context: &Context, value: &T) -> Answer {
    let bytes_max = context.config.response_bytes_max as usize;
    let mut text = Bounded { bytes: Vec::new(), bytes_max };
    match serde_json::to_writer(&mut text, value) {
        Ok(()) => {}
        Err(error) if error.is_io() => {
            return Err(RpcError::limit(
                "answer_too_large",
                format!("the answer is longer than {bytes_max} bytes: ask for less"),
            ));
        }
        Err(error) => return Err(RpcError::fault(&error)),
    }
    let text = String::from_utf8(text.bytes).map_err(|error| RpcError::fault(&error))?;
    RawValue::from_string(text).map_err(|error| RpcError::fault(&error))
}

/// Memory that is written to up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
