//! To come.
mod abi;
pub use abi::IFactory;
pub(crate) use abi::SOURCE;
