//! To come.
mod abi;
pub use abi::IPolicy;
pub(crate) use abi::SOURCE;
