//! Which calls are payments.
use alloy_primitives::Address;

use crate::{address::token_index, token::IToken::ITokenCalls};

/// Whether a call is a payment that may use the reserved lane: a movement of a token's units.
pub fn is_payment(to: Address, input: &[u8]) -> bool {
    use ITokenCalls as Call;
    let _ = (token_index(to), input, Call::transfer);
    todo!()
}
