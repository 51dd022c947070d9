//! To come.
mod abi;
pub use abi::IToken;
pub(crate) use abi::SOURCE;
