//! Which calls are payments: they may use the lane of a block that contracts cannot fill.

use alloy_primitives::Address;
use alloy_sol_types::{SolCall, SolInterface, abi::AbiDecoderConfig};

use crate::{
    EXCHANGE_ADDRESS, PAYMENT_ADDRESS, SETTLEMENT_ADDRESS,
    address::token_index,
    fx::IExchange::{self, IExchangeCalls},
    payment::{
        BATCH_INPUT_BYTES_MAX,
        IPayment::{self, IPaymentCalls},
    },
    settlement::ISettlement::{self, ISettlementCalls},
    token::{
        IToken::{
            ITokenCalls, receiveWithAuthorization_0Call, receiveWithAuthorization_1Call, transferCall,
            transferFromCall, transferFromWithMemoCall, transferWithAuthorization_0Call,
            transferWithAuthorization_1Call, transferWithMemoCall,
        },
        batch_items,
    },
};

/// Most bytes of input that a payment may carry: the longest call with its reference, and room for what wallets append.
/// Batches are longer, for they carry what their items need, and so are exchanges.
pub const PAYMENT_INPUT_BYTES_MAX: usize = 512;

/// Most bytes of input of an exchange: two quotes, two signatures and an order have 1,412.
pub(crate) const EXCHANGE_INPUT_BYTES_MAX: usize = 1_536;

/// Calls of a token that move units.
const TRANSFERS: [[u8; 4]; 8] = [
    transferCall::SELECTOR,
    transferFromCall::SELECTOR,
    transferWithMemoCall::SELECTOR,
    transferFromWithMemoCall::SELECTOR,
    transferWithAuthorization_0Call::SELECTOR,
    transferWithAuthorization_1Call::SELECTOR,
    receiveWithAuthorization_0Call::SELECTOR,
    receiveWithAuthorization_1Call::SELECTOR,
];

/// Calls of the payment module that move units or put them on hold, each of a fixed size.
const PAYMENTS: [[u8; 4]; 8] = [
    IPayment::payCall::SELECTOR,
    IPayment::reserveCall::SELECTOR,
    IPayment::postCall::SELECTOR,
    IPayment::releaseCall::SELECTOR,
    IPayment::returnPaymentCall::SELECTOR,
    IPayment::collectCall::SELECTOR,
    IPayment::executeCall::SELECTOR,
    IPayment::acceptCall::SELECTOR,
];

/// Calls of the settlement module that hand in a payment: it settles at once, queues, or waits for its window.
const INSTRUCTIONS: [[u8; 4]; 2] = [ISettlement::submitCall::SELECTOR, ISettlement::assignCall::SELECTOR];

/// Calls that move units of two or three currencies together.
const EXCHANGES: [[u8; 4]; 2] = [IExchange::executeCall::SELECTOR, IExchange::executeViaCall::SELECTOR];

/// Whether a call is a payment that may use the reserved lane: a well-formed transfer of a token's units, with or
/// without memo, in its holder's name, by allowance or by signature; a call of the payment module that moves units; a batch; an
/// instruction for settlement; or an exchange. It needs no state and is the same for ever for the same bytes.
pub fn is_payment(to: Address, input: &[u8]) -> bool {
    let Some((selector, arguments)) = input.split_first_chunk::<4>() else { return false };
    let short = input.len() <= PAYMENT_INPUT_BYTES_MAX;
    match to {
        PAYMENT_ADDRESS if *selector == IPayment::payBatchCall::SELECTOR => is_batch(input.len(), arguments),
        PAYMENT_ADDRESS => {
            short && PAYMENTS.contains(selector) && is_well_formed::<IPaymentCalls>(*selector, arguments)
        }
        SETTLEMENT_ADDRESS => {
            short && INSTRUCTIONS.contains(selector) && is_well_formed::<ISettlementCalls>(*selector, arguments)
        }
        EXCHANGE_ADDRESS => {
            input.len() <= EXCHANGE_INPUT_BYTES_MAX
                && EXCHANGES.contains(selector)
                && is_well_formed::<IExchangeCalls>(*selector, arguments)
        }
        _ => {
            token_index(to).is_some()
                && short
                && TRANSFERS.contains(selector)
                && is_well_formed::<ITokenCalls>(*selector, arguments)
        }
    }
}

/// Whether the arguments decode as Solidity would.
fn is_well_formed<Calls: SolInterface>(selector: [u8; 4], arguments: &[u8]) -> bool {
    Calls::abi_decode_raw_with_config(selector, arguments, config(EXCHANGE_INPUT_BYTES_MAX)).is_ok()
}

/// A batch brings its items and little else: bytes beside them would be bulk data in the lane.
fn is_batch(length: usize, arguments: &[u8]) -> bool {
    if length > BATCH_INPUT_BYTES_MAX {
        return false;
    }
    let call = IPayment::payBatchCall::abi_decode_raw_with_config(arguments, config(BATCH_INPUT_BYTES_MAX));
    call.is_ok_and(|call| {
        let beside = length.saturating_sub(call.items.len());
        batch_items(&call.items).is_some() && beside <= PAYMENT_INPUT_BYTES_MAX
    })
}

fn config(input_bytes_max: usize) -> AbiDecoderConfig {
    AbiDecoderConfig::new().validate(true).memory_limit(input_bytes_max.saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PAYMENT_ADDRESS, POLICY_ADDRESS,
        token::{BATCH_ITEM_BYTES, BATCH_ITEMS_MAX, IToken::approveCall},
        token_address,
    };
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

    fn batch(bytes: usize) -> Vec<u8> {
        let (token, items) = (token_address(1), vec![7; bytes].into());
        IPayment::payBatchCall { token, uetr: B256::repeat_byte(1), mode: 1, items }.abi_encode()
    }

    #[test]
    fn movements_of_tokens_are_payments() {
        assert!(is_payment(token_address(1), &transfer()));
        assert!(is_payment(token_address(u64::MAX), &with_memo(140)));
        assert!(is_payment(token_address(1), &[transfer(), vec![7; 32]].concat()), "wallets append attribution");
    }

    #[test]
    fn payments_by_signature_are_payments() {
        let (from, to, value, nonce) = (Address::repeat_byte(1), Address::repeat_byte(2), U256::ONE, B256::ZERO);
        let (after, before) = (U256::ZERO, U256::MAX);
        let with = |bytes: usize| {
            let signature = vec![7; bytes].into();
            transferWithAuthorization_1Call {
                from,
                to,
                value,
                validAfter: after,
                validBefore: before,
                nonce,
                signature,
            }
            .abi_encode()
        };
        let (v, r, s) = (27, nonce, nonce);
        let parts =
            receiveWithAuthorization_0Call { from, to, value, validAfter: after, validBefore: before, nonce, v, r, s };
        assert!(is_payment(token_address(1), &with(65)) && is_payment(token_address(1), &parts.abi_encode()));
        assert!(!is_payment(token_address(1), &with(PAYMENT_INPUT_BYTES_MAX)), "bulk data");
        assert!(!is_payment(token_address(1), &with(65)[..200]), "cut arguments");
    }

    #[test]
    fn calls_that_move_units_are_payments() {
        let post = IPayment::postCall { payer: Address::ZERO, uetr: B256::ZERO, amount: U256::MAX }.abi_encode();
        let accept = IPayment::acceptCall { requestId: 1, uetr: B256::ZERO, debtorAgent: [0; 11].into() }.abi_encode();
        for call in [&post, &accept] {
            assert!(is_payment(PAYMENT_ADDRESS, call));
            assert!(!is_payment(token_address(1), call), "a token does not know it");
            assert!(!is_payment(PAYMENT_ADDRESS, &call[..call.len() - 1]), "cut arguments");
        }
        let long = [post, vec![0; PAYMENT_INPUT_BYTES_MAX]].concat();
        assert!(!is_payment(PAYMENT_ADDRESS, &long), "bulk data");
        let sweep = IPayment::sweepCall { payers: vec![], uetrs: vec![] }.abi_encode();
        assert!(!is_payment(PAYMENT_ADDRESS, &sweep), "moves nothing");
        assert!(!is_payment(PAYMENT_ADDRESS, &transfer()), "not its call");
    }

    #[test]
    fn instructions_for_settlement_are_payments() {
        let (creditor, amount, reference) = (Address::repeat_byte(1), U256::ONE, B256::repeat_byte(1));
        let submit =
            ISettlement::submitCall { schemeId: 1, creditor, amount, priority: 2, instructionReference: reference };
        let assign =
            ISettlement::assignCall { windowId: 1, creditor, amount, instructionReference: reference }.abi_encode();
        for call in [submit.abi_encode(), assign] {
            assert!(is_payment(SETTLEMENT_ADDRESS, &call));
            assert!(!is_payment(PAYMENT_ADDRESS, &call), "another module's");
            assert!(!is_payment(SETTLEMENT_ADDRESS, &call[..call.len() - 1]), "cut arguments");
            assert!(!is_payment(SETTLEMENT_ADDRESS, &[call, vec![0; PAYMENT_INPUT_BYTES_MAX]].concat()), "bulk data");
        }
        let run = ISettlement::advanceRunCall { schemeId: 1, steps: 20_000 }.abi_encode();
        assert!(!is_payment(SETTLEMENT_ADDRESS, &run), "work of the scheme, not a payment");
    }

    #[test]
    fn exchanges_are_payments_as_far_as_they_carry_quotes() {
        let case = |name: &str| {
            let found = crate::cost_cases().into_iter().find(|case| case.module == "fx" && case.function == name);
            found.unwrap().call.input
        };
        let (execute, via) = (case("execute"), case("executeVia"));
        assert_eq!((execute.len(), via.len()), (836, 1_412));
        for call in [&execute, &via] {
            assert!(is_payment(EXCHANGE_ADDRESS, call));
            assert!(is_payment(EXCHANGE_ADDRESS, &[&call[..], &[7; 32]].concat()), "wallets append attribution");
            assert!(!is_payment(PAYMENT_ADDRESS, call), "another module's");
            assert!(!is_payment(EXCHANGE_ADDRESS, &call[..call.len() - 32]), "cut arguments");
            let bulky = [&call[..], &vec![0; EXCHANGE_INPUT_BYTES_MAX]].concat();
            assert!(!is_payment(EXCHANGE_ADDRESS, &bulky), "bulk data");
        }
        assert!(!is_payment(EXCHANGE_ADDRESS, &case("postQuote")), "moves nothing");
    }

    #[test]
    fn batches_are_payments_as_far_as_they_carry_items() {
        for items in [1, 2, BATCH_ITEMS_MAX] {
            assert!(is_payment(PAYMENT_ADDRESS, &batch(items * BATCH_ITEM_BYTES)), "{items} items");
        }
        for bytes in [0, 1, BATCH_ITEM_BYTES - 1, BATCH_ITEM_BYTES + 1, (BATCH_ITEMS_MAX + 1) * BATCH_ITEM_BYTES] {
            assert!(!is_payment(PAYMENT_ADDRESS, &batch(bytes)), "{bytes} bytes");
        }
        let bulky = [batch(BATCH_ITEM_BYTES), vec![0; PAYMENT_INPUT_BYTES_MAX]].concat();
        assert!(!is_payment(PAYMENT_ADDRESS, &bulky), "bulk data beside the items");
        assert!(!is_payment(token_address(1), &batch(BATCH_ITEM_BYTES)));
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
