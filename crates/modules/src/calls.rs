//! From a call's bytes to an operation and back: the one place that decodes input and encodes answers.
//!
//! **Decoding** follows Solidity's own rules (ABI coder v2): dirty high bits, booleans other than 0 and 1, offsets and
//! lengths beyond the input, and texts that are not UTF-8 are refused; bytes after the arguments are ignored, because
//! wallets and routers append attribution there. Input is bounded before it is read, and what decoding may allocate
//! is bounded too.
//!
//! **Order of refusal**, the same for every module: gas for the input, delegate call, value, size, selector,
//! arguments, static call, pause; then the operation's own rules.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolCall, SolInterface, abi::AbiDecoderConfig, sol};

use crate::context::{CALL_GAS, Context, Failure, WORD_GAS, ensure, revert};

/// Most bytes that a call to a module may carry, unless the module says otherwise: the longest that any function
/// accepts is a batch of 256 addresses.
pub const INPUT_BYTES_MAX: usize = 32 * 1024;
/// How many times its own bytes decoding an input may allocate.
const DECODE_FACTOR: usize = 4;

/// Source of [`IModule`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("calls.rs");

sol! {
    /// Errors that any module may revert with before one of its operations begins, or at a storage bound.
    #[derive(Debug, PartialEq, Eq)]
    interface IModule {
        /// No function of this module has the selector. Check the address and the ABI.
        error SelectorUnknown(bytes4 selector);
        /// The arguments are not a valid ABI encoding for this function. Encode them with the module's ABI.
        error ArgumentsMalformed(bytes4 selector);
        /// The input is longer than any function accepts. Split the batch.
        error InputTooLong(uint256 length, uint256 lengthMax);
        /// Modules hold no native units. Call without value.
        error ValueForbidden(uint256 value);
        /// Modules act in their own name only. Use CALL or STATICCALL.
        error DelegateCallForbidden();
        /// The function changes state and was reached through a static call. Use CALL.
        error StaticCallForbidden();
        /// The value does not fit its place in storage. Use a smaller one.
        error ValueTooLarge(uint256 slot);
        /// Governance has paused the module, so its state does not change. Wait until untilMs, or for a vote to end the pause.
        error ModulePaused(address module, uint64 sinceMs, uint64 untilMs, uint64 proposalId);
        /// The text is longer than this field accepts. Shorten it.
        error TextTooLong(uint256 length, uint256 lengthMax);
    }
}

/// Checks what is common to all calls and decodes the input into one of the calls of a module.
pub(crate) fn decode<Calls: SolInterface>(context: &mut Context<'_>, input: &[u8]) -> Result<Calls, Failure> {
    decode_within(context, input, INPUT_BYTES_MAX)
}

/// The same for a module whose longest input has `input_bytes_max` bytes.
pub(crate) fn decode_within<Calls: SolInterface>(
    context: &mut Context<'_>,
    input: &[u8],
    input_bytes_max: usize,
) -> Result<Calls, Failure> {
    let words = u64::try_from(input.len().div_ceil(32)).unwrap_or(u64::MAX);
    context.charge(CALL_GAS.saturating_add(WORD_GAS.saturating_mul(words)))?;
    let env = context.env();
    ensure(!env.is_delegated, || IModule::DelegateCallForbidden {})?;
    ensure(env.value.is_zero(), || IModule::ValueForbidden { value: env.value })?;
    ensure(input.len() <= input_bytes_max, || IModule::InputTooLong {
        length: U256::from(input.len()),
        lengthMax: U256::from(input_bytes_max),
    })?;
    let (selector, arguments) = split_selector(input);
    ensure(Calls::valid_selector(selector), || IModule::SelectorUnknown { selector: selector.into() })?;
    let memory_max = input_bytes_max.saturating_mul(DECODE_FACTOR);
    let config = AbiDecoderConfig::new().validate(true).memory_limit(memory_max);
    Calls::abi_decode_raw_with_config(selector, arguments, config)
        .map_err(|_| revert(IModule::ArgumentsMalformed { selector: selector.into() }))
}

/// The revert of a call to an address where no module answers.
pub(crate) fn unknown(input: &[u8]) -> Result<Bytes, Failure> {
    Err(revert(IModule::SelectorUnknown { selector: split_selector(input).0.into() }))
}

/// Selector and arguments. Input shorter than a selector is padded with zeros, so that it names itself in the error.
fn split_selector(input: &[u8]) -> ([u8; 4], &[u8]) {
    if let Some((selector, arguments)) = input.split_first_chunk::<4>() {
        return (*selector, arguments);
    }
    let mut selector = [0u8; 4];
    selector[..input.len()].copy_from_slice(input);
    (selector, &[])
}

/// Answers a call that only reads.
pub(crate) fn view<Call: SolCall>(value: impl Into<Call::Return>) -> Result<Bytes, Failure> {
    Ok(Call::abi_encode_returns(&value.into()).into())
}

/// Answers a call that changes state; the guards against static calls and paused modules stand before the operation.
pub(crate) fn mutate<Call: SolCall, T: Into<Call::Return>>(
    context: &mut Context<'_>,
    operation: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
) -> Result<Bytes, Failure> {
    context.ensure_may_change()?;
    let value = operation(context)?;
    Ok(Call::abi_encode_returns(&value.into()).into())
}

#[cfg(test)]
mod tests;
