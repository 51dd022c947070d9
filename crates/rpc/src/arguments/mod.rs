//! Arguments with a structure of their own.

mod block_selector;
mod call_request;
mod fuzz;
mod log_filter;
mod overrides;

pub(crate) use block_selector::{BlockNumberSelector, BlockSelector};
pub(crate) use call_request::CallRequest;
#[doc(hidden)]
pub use fuzz::decode_arguments;
pub(crate) use log_filter::{LogFilter, LogRange};
pub(crate) use overrides::{BlockOverrideArgument, StateOverrideArgument};
