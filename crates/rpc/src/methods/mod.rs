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
use std::sync::Arc;

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

/// A handler's value as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Answer {
    serde_json::value::to_raw_value(value).map_err(|error| RpcError::fault(&error))
}
