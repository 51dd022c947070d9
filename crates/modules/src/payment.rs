//! Which calls are payments: they may use the lane of a block that contracts cannot fill.

use alloy_primitives::Address;
use alloy_sol_types::{SolCall, SolInterface, abi::AbiDecoderConfig};

use crate::{
    address::token_index,
    token::IToken::{ITokenCalls, transferCall, transferFromCall, transferFromWithMemoCall, transferWithMemoCall},
};

/// Most bytes of input that a payment may carry: the longest call with its reference, and room for what wallets append.
pub const PAYMENT_INPUT_BYTES_MAX: usize = 512;

const SELECTORS: [[u8; 4]; 4] = [
    transferCall::SELECTOR,
    transferFromCall::SELECTOR,
    transferWithMemoCall::SELECTOR,
    transferFromWithMemoCall::SELECTOR,
];

/// Whether a call is a payment that may use the reserved lane: a well-formed transfer of a token's units, with or
/// without memo, in its holder's name or by allowance. It needs no state and is the same for ever for the same bytes.
pub fn is_payment(to: Address, input: &[u8]) -> bool {
    let Some((selector, arguments)) = input.split_first_chunk::<4>() else { return false };
    let shaped = token_index(to).is_some() && SELECTORS.contains(selector) && input.len() <= PAYMENT_INPUT_BYTES_MAX;
    let config = AbiDecoderConfig::new().validate(true).memory_limit(4 * PAYMENT_INPUT_BYTES_MAX);
    shaped && ITokenCalls::abi_decode_raw_with_config(*selector, arguments, config).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{POLICY_ADDRESS, token::IToken::approveCall, token_address};
    use alloy_primitives::{B256, U256};

    fn transfer() -> Vec<u8> {
        transferCall { to: Address::repeat_byte(1), amount: U256::ONE }.abi_encode()
    }

    fn with_memo(reference: usize) -> Vec<u8> {
        transferWithMemoCall {
            to: Address::repeat_byte(1),
            amount: U256::ONE,
            memo: B256::ZERO,
            paymentReference: "r".repeat(reference),
        }
        .abi_encode()
    }

    #[test]
    fn movements_of_tokens_are_payments() {
        assert!(is_payment(token_address(1), &transfer()));
        assert!(is_payment(token_address(u64::MAX), &with_memo(140)));
        assert!(is_payment(token_address(1), &[transfer(), vec![7; 32]].concat()), "wallets append attribution");
    }

    #[test]
    fn nothing_else_is() {
        assert!(!is_payment(Address::repeat_byte(9), &transfer()), "a contract");
        assert!(!is_payment(POLICY_ADDRESS, &transfer()), "another module");
        assert!(!is_payment(token_address(1), &[]), "no input");
        assert!(!is_payment(token_address(1), &transfer()[..67]), "cut arguments");
        assert!(!is_payment(token_address(1), &with_memo(PAYMENT_INPUT_BYTES_MAX)), "bulk data");
        let approve = approveCall { spender: Address::ZERO, amount: U256::ONE }.abi_encode();
        assert!(!is_payment(token_address(1), &approve), "moves nothing");
        let mut dirty = transfer();
        dirty[4] = 1;
        assert!(!is_payment(token_address(1), &dirty), "dirty address");
    }
}
