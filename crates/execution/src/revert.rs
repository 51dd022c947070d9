//! Reverts, for people: the name and the arguments of an error instead of its bytes.

use alloy_primitives::U256;
use alloy_sol_types::{Panic, Revert, SolError as _};

use crate::machine::create::DeployNotPermitted;

/// Longest text that a revert may bring into a message, in characters.
const MESSAGE_CHARS_MAX: usize = 1_024;

/// What a revert says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertReason {
    /// The text of `Error(string)`, the meaning of `Panic(uint256)`, or name and arguments of a module's error.
    pub message: String,
}

/// Decodes `Error(string)`, `Panic(uint256)` and the modules' errors; `None` for any other data.
pub fn decode_revert(data: &[u8]) -> Option<RevertReason> {
    let message = if let Ok(revert) = Revert::abi_decode(data) {
        revert.reason
    } else if let Ok(panic) = Panic::abi_decode(data) {
        panic_text(panic.code)
    } else if let Ok(error) = DeployNotPermitted::abi_decode(data) {
        format!(
            "DeployNotPermitted(sender: {}): the sender may not create contracts on this ledger, not even through another contract. Ask the permission admin.",
            error.sender
        )
    } else {
        florin_modules::explain(data)?.to_string()
    };
    Some(RevertReason { message: message.chars().take(MESSAGE_CHARS_MAX).collect() })
}

/// Source: the Solidity documentation, "Panic via assert and Error via require".
fn panic_text(code: U256) -> String {
    let meaning = match u64::try_from(code).unwrap_or(u64::MAX) {
        0x01 => "assertion failed",
        0x11 => "arithmetic overflow or underflow",
        0x12 => "division or modulo by zero",
        0x21 => "value outside of the enumeration",
        0x22 => "storage byte array encoded wrongly",
        0x31 => "pop from an empty array",
        0x32 => "array index out of bounds",
        0x41 => "too much memory allocated",
        0x51 => "call of an uninitialised function",
        _ => "unknown panic",
    };
    format!("panic code {code:#04x}: {meaning}")
}
