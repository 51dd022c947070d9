//! The dispatcher against hostile input: order of refusals, Solidity's decoding rules, and no panic ever.

use super::*;
use crate::{
    CallEnv, Context, MemoryStorage, POLICY_ADDRESS, dispatch,
    policy::IPolicy,
    testing::{Ledger, account, units, world},
    token::IToken,
    token_address,
};
use alloy_primitives::{Address, B256};
use florin_types::Rules;
use proptest::prelude::*;

mod arguments;

const TOKEN: Address = token_address_one();

const fn token_address_one() -> Address {
    let mut bytes = [0u8; 20];
    bytes[0] = 0xf1;
    bytes[1] = 0x01;
    bytes[19] = 1;
    Address::new(bytes)
}

fn transfer_input() -> Vec<u8> {
    IToken::transferCall { to: account(2), amount: units(1) }.abi_encode()
}

fn attempt(ledger: &mut Ledger, change: impl FnOnce(&mut CallEnv<'_>), input: &[u8]) -> Result<Bytes, Failure> {
    let rules = ledger.rules.clone();
    let mut env = CallEnv { rules: &rules, ..ledger.env(account(1)) };
    change(&mut env);
    dispatch(&mut Context::new(env, &mut ledger.storage), TOKEN, input)
}

/// Each call breaks one rule more than the one before; the first broken rule in the documented order answers.
#[test]
fn refusals_come_in_the_documented_order() {
    let mut ledger = world();
    let before = ledger.storage.slots.clone();
    let mut check = |change: fn(&mut CallEnv<'_>), input: &[u8], expected: Failure| {
        assert_eq!(attempt(&mut ledger, change, input), Err(expected));
    };
    let malformed = revert(IModule::ArgumentsMalformed { selector: IToken::transferCall::SELECTOR.into() });
    let unknown = revert(IModule::SelectorUnknown { selector: [0xde, 0xad, 0xbe, 0xef].into() });
    let mut long = vec![0xde, 0xad, 0xbe, 0xef];
    long.resize(INPUT_BYTES_MAX + 1, 0);
    let too_long = revert(IModule::InputTooLong {
        length: U256::from(INPUT_BYTES_MAX + 1),
        lengthMax: U256::from(INPUT_BYTES_MAX),
    });
    let fixed = |env: &mut CallEnv<'_>| env.is_static = true;
    let valued = |env: &mut CallEnv<'_>| (env.is_static, env.value) = (true, U256::ONE);
    let delegated = |env: &mut CallEnv<'_>| (env.is_static, env.value, env.is_delegated) = (true, U256::ONE, true);

    check(fixed, &transfer_input(), revert(IModule::StaticCallForbidden {}));
    check(fixed, &transfer_input()[..40], malformed);
    check(fixed, &[0xde, 0xad, 0xbe, 0xef], unknown);
    check(fixed, &long, too_long);
    check(valued, &long, revert(IModule::ValueForbidden { value: U256::ONE }));
    check(delegated, &long, revert(IModule::DelegateCallForbidden {}));

    ledger.storage.begin(CALL_GAS);
    let rules = Rules::default();
    let env = CallEnv { is_delegated: true, ..CallEnv::reader(&rules) };
    let poor = dispatch(&mut Context::new(env, &mut ledger.storage), TOKEN, &transfer_input());
    assert_eq!(poor, Err(Failure::OutOfGas), "gas for the input comes first");
    assert_eq!(ledger.storage.slots, before);
}

#[test]
fn short_input_names_itself() {
    let mut ledger = world();
    for input in [&[][..], &[0xa9], &[0xa9, 0x05, 0x9c]] {
        let mut selector = [0u8; 4];
        selector[..input.len()].copy_from_slice(input);
        let expected = revert(IModule::SelectorUnknown { selector: selector.into() });
        assert_eq!(ledger.send(account(1), TOKEN, input), Err(expected));
    }
}

#[test]
fn decoding_follows_solidity() {
    let mut ledger = world();
    let good = transfer_input();
    ledger.send(account(1), TOKEN, &[good.clone(), vec![0xff; 33]].concat()).expect("trailing bytes are ignored");
    let malformed = |call: [u8; 4]| Err(revert(IModule::ArgumentsMalformed { selector: call.into() }));
    let mut dirty = good.clone();
    dirty[4] = 1;
    assert_eq!(ledger.send(account(1), TOKEN, &dirty), malformed(IToken::transferCall::SELECTOR), "dirty address");
    for cut in 4..good.len() {
        assert_eq!(ledger.send(account(1), TOKEN, &good[..cut]), malformed(IToken::transferCall::SELECTOR), "{cut}");
    }
    let freeze = IToken::setAddressFrozenCall { userAddress: account(1), freeze: true };
    let mut two = freeze.abi_encode();
    *two.last_mut().unwrap() = 2;
    let expected = malformed(IToken::setAddressFrozenCall::SELECTOR);
    assert_eq!(ledger.send(account(1), TOKEN, &two), expected, "a boolean of 2");

    let memo = IToken::transferWithMemoCall {
        to: account(2),
        amount: units(1),
        memo: B256::ZERO,
        paymentReference: "abcd".into(),
    };
    let expected = malformed(IToken::transferWithMemoCall::SELECTOR);
    for (position, byte, what) in
        [(4 + 96, 0xff, "offset far outside"), (4 + 128, 0xff, "length far outside"), (4 + 160, 0xff, "not UTF-8")]
    {
        let mut input = memo.abi_encode();
        input[position] = byte;
        assert_eq!(ledger.send(account(1), TOKEN, &input), expected, "{what}");
    }
}

#[test]
fn a_batch_cannot_claim_more_than_it_carries() {
    let mut ledger = world();
    let mut input = IPolicy::addMembersCall { policyId: 2, accounts: vec![account(1)] }.abi_encode();
    input[4 + 64..4 + 96].copy_from_slice(&U256::from(u32::MAX).to_be_bytes::<32>());
    let expected = revert(IModule::ArgumentsMalformed { selector: IPolicy::addMembersCall::SELECTOR.into() });
    assert_eq!(ledger.send(account(1), POLICY_ADDRESS, &input), Err(expected));
}

#[test]
fn input_is_paid_by_the_word() {
    let mut ledger = world();
    let mut gas = |input: &[u8]| {
        let _ = ledger.send(account(1), TOKEN, input);
        ledger.storage.gas_used
    };
    assert_eq!(gas(&[0xff]), CALL_GAS + WORD_GAS);
    assert_eq!(gas(&[0xff; 32]), CALL_GAS + WORD_GAS);
    assert_eq!(gas(&[0xff; 33]), CALL_GAS + 2 * WORD_GAS);
    assert_eq!(gas(&vec![0xff; INPUT_BYTES_MAX + 1]), CALL_GAS + 1025 * WORD_GAS);
}

#[test]
fn an_address_without_a_module_answers_nothing() {
    let mut ledger = world();
    let expected = revert(IModule::SelectorUnknown { selector: IToken::transferCall::SELECTOR.into() });
    assert_eq!(ledger.send(account(1), account(9), &transfer_input()), Err(expected));
}

/// Words that decoders trip over: small offsets and lengths, addresses of the world, extremes, noise.
fn word() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![
        4 => (0u64..300).prop_map(|number| U256::from(number).to_be_bytes()),
        2 => (0u8..8).prop_map(|number| B256::left_padding_from(account(number).as_slice()).0),
        1 => Just(U256::MAX.to_be_bytes()),
        1 => any::<[u8; 32]>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is sent, a module answers or reverts in Solidity's form; it neither panics nor finds corruption, and a
    /// static call leaves state as it was.
    #[test]
    fn no_input_breaks_a_module(
        function in any::<prop::sample::Index>(),
        words in prop::collection::vec(word(), 0..12),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        caller in 0u8..6,
        // Half of the calls go where the function is; the others anywhere.
        astray in prop::option::of(any::<prop::sample::Index>()),
        is_static in any::<bool>(),
    ) {
        let mut ledger = world();
        let targets = [&[TOKEN, token_address(99)][..], crate::singleton_addresses()].concat();
        let function = function.get(arguments::functions());
        let to = astray.map_or(function.to, |index| *index.get(&targets));
        let input = [&function.selector[..], &words.concat(), &tail].concat();
        let before = ledger.storage.slots.clone();
        let rules = ledger.rules.clone();
        let env = CallEnv { is_static, rules: &rules, ..ledger.env(account(caller)) };
        ledger.storage.begin(30_000_000);
        let result = dispatch(&mut Context::new(env, &mut ledger.storage), to, &input);
        match result {
            Ok(_) | Err(Failure::OutOfGas) => {}
            Err(Failure::Revert(data)) => prop_assert!(crate::explain(&data).is_some(), "{data}"),
            Err(Failure::Fault(fault)) => prop_assert!(false, "{}", fault),
        }
        prop_assert!(!is_static || ledger.storage.slots == before);
    }

    /// The same with nothing but noise.
    #[test]
    fn noise_breaks_no_module(input in prop::collection::vec(any::<u8>(), 0..200), target in any::<prop::sample::Index>()) {
        let targets = [&[TOKEN][..], crate::singleton_addresses()].concat();
        let mut storage = MemoryStorage::default();
        let rules = Rules::default();
        let env = CallEnv { is_static: false, ..CallEnv::reader(&rules) };
        let result = dispatch(&mut Context::new(env, &mut storage), *target.get(&targets), &input);
        prop_assert!(!matches!(result, Err(Failure::Fault(_))));
    }
}
