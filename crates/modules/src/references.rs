//! Generated references: ABI, layout and gas of every module, and the page that lists what modules promise.
//!
//! `cargo xtask generate` writes what [`references()`] returns, `cargo xtask check` compares. Changing a golden file is
//! changing what consensus sees.

/// Every generated file: path from the root of the repository, and content.
pub fn references() -> Vec<(String, String)> {
    Vec::new()
}
