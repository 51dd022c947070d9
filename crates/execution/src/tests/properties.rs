//! Properties: whatever is sent, the machine neither panics nor disagrees with itself.

use super::*;
use crate::admit;
use proptest::prelude::*;

/// Instructions that do something, more often than chance gives them.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        any::<u8>().prop_map(|byte| vec![0x60, byte]),
        prop_oneof![
            Just(0xf0u8),
            Just(0xf1),
            Just(0xf2),
            Just(0xf4),
            Just(0xf5),
            Just(0xfa),
            Just(0xff),
            Just(0x54),
            Just(0x55)
        ]
        .prop_map(|instruction| vec![0x5f, 0x5f, 0x5f, 0x5f, 0x60, 0x20, 0x30, 0x61, 0xff, 0xff, instruction]),
        (0u8..4).prop_map(|index| [&[0x73], florin_modules::token_address(u64::from(index)).as_slice()].concat()),
        Just([&[0x73], florin_modules::PERMISSION_ADDRESS.as_slice()].concat()),
    ]
}

fn code() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(instruction(), 0..40).prop_map(|parts| Bytes::from(parts.concat()))
}

fn transaction() -> impl Strategy<Value = VerifiedTx> {
    let to = prop_oneof![
        Just(TxKind::Create),
        Just(TxKind::Call(Address::repeat_byte(0xab))),
        Just(TxKind::Call(token())),
        Just(TxKind::Call(florin_modules::FACTORY_ADDRESS)),
        (0u8..20).prop_map(|low| TxKind::Call(Address::with_last_byte(low))),
    ];
    let fee = prop_oneof![4 => Just(0u128), 1 => any::<u128>()];
    let value = prop_oneof![3 => Just(U256::ZERO), 1 => any::<u64>().prop_map(U256::from), 1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes)];
    (1u8..6, 0u64..4, to, code(), fee.clone(), fee, value, prop_oneof![8 => 21_000u64..2_000_000, 1 => any::<u64>()])
        .prop_map(|(number, nonce, to, input, max_fee_per_gas, max_priority_fee_per_gas, value, gas_limit)| {
            signer(number).sign(TxEip1559 {
                to,
                input,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                value,
                ..free(nonce, gas_limit)
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn random_blocks_never_panic_and_never_disagree(runtime in code(), txs in prop::collection::vec(transaction(), 0..12)) {
        let chain = Chain::of(with_contract(genesis(Rules::default()), Address::repeat_byte(0xab), [&[0x5b][..], &runtime].concat()));
        let (taken, built) = build_on(&chain, &mut List::of(&txs));
        prop_assert_eq!(&chain.try_block(&taken).unwrap(), &built);
        let native = |view: &dyn Fn(Address) -> U256| {
            (1..=4).map(|number| view(signer(number).address())).fold(U256::ZERO, |sum, balance| sum.saturating_add(balance))
        };
        // Native units are never made: what the known accounts hold can only shrink or move.
        let before = native(&|address| chain.balance(address));
        let mut after = chain.state.clone();
        after.extend(built.changeset.clone());
        let total = after.accounts.values().flatten().fold(U256::ZERO, |sum, account| sum.saturating_add(account.balance));
        prop_assert!(total <= before, "{} > {}", total, before);
        for account in built.changeset.accounts.values().flatten() {
            prop_assert!(!account.is_empty());
        }
    }

    #[test]
    fn whatever_enters_a_block_would_enter_the_pool(tx in transaction()) {
        let chain = Chain::new();
        let env = chain.env();
        let admitted = admit(&chain.state, CHAIN_ID, chain.rules(), env.timestamp_ms, env.height, &tx);
        match chain.try_block(std::slice::from_ref(&tx)) {
            Ok(_) => prop_assert!(admitted.is_ok(), "{:?}", admitted),
            Err(crate::ExecuteError::Invalid { rejection: Rejection::NonceTooHigh { .. }, .. }) => {}
            Err(crate::ExecuteError::Invalid { rejection, .. }) => {
                prop_assert_eq!(admitted, Err(crate::AdmitError::Rejected(rejection)));
            }
            Err(fault) => prop_assert!(false, "{}", fault),
        }
    }

    #[test]
    fn random_calls_to_modules_never_panic(number in 0usize..4, input in prop::collection::vec(any::<u8>(), 0..300)) {
        let chain = Chain::new();
        let to = [token(), florin_modules::FACTORY_ADDRESS, florin_modules::POLICY_ADDRESS, florin_modules::PERMISSION_ADDRESS][number];
        let executed = chain.try_block(&[signer(1).call(0, to, input)]).unwrap();
        prop_assert_eq!(executed.receipts.len(), 1);
    }
}
