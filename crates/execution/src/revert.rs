//! Reverts, for people.

/// What a revert says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertReason {
    /// Selector's name and arguments, such as `InsufficientBalance(…)`, or the text of `Error(string)`.
    pub message: String,
}

/// Decodes `Error(string)`, `Panic(uint256)` and the modules' errors; `None` for any other data.
pub fn decode_revert(data: &[u8]) -> Option<RevertReason> {
    let _ = data;
    unimplemented!()
}
