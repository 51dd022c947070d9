//! Verdicts: every rule, the order between them, and that admission and execution agree.

use super::*;
use crate::{AdmitError, Disposition, ExecuteError, admit};
use alloy_consensus::{TxEip2930, TxEip7702};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use florin_modules::{PERMISSION_ADDRESS, permission::IPermission};

/// The verdict of admission, which must be that of execution.
fn verdict(chain: &Chain, tx: VerifiedTx) -> Rejection {
    let in_block = chain.rejection(tx.clone());
    let env = chain.env();
    let admitted = admit(&chain.state, CHAIN_ID, chain.rules(), env.timestamp_ms, env.height, &tx);
    assert_eq!(admitted, Err(AdmitError::Rejected(in_block.clone())), "admission and execution disagree");
    in_block
}

#[test]
fn each_rule_has_its_code() {
    let one = signer(1);
    let to = TxKind::Call(signer(2).address());
    let chain =
        Chain::of(with_contract(genesis(Rules { base_fee_wei: 10, ..Rules::default() }), Address::repeat_byte(3), [0]));
    let paid = |nonce| TxEip1559 { to, max_fee_per_gas: 10, ..free(nonce, 21_000) };
    let cases: Vec<(&str, VerifiedTx)> = vec![
        ("gas_limit_too_high", one.sign(TxEip1559 { gas_limit: (1 << 24) + 1, ..paid(0) })),
        ("priority_fee_above_max_fee", one.sign(TxEip1559 { max_priority_fee_per_gas: 11, ..paid(0) })),
        ("fee_too_low", one.sign(TxEip1559 { max_fee_per_gas: 9, ..paid(0) })),
        ("fee_too_low", one.sign(TxLegacy { gas_price: 9, ..legacy(0) })),
        ("fee_out_of_range", one.sign(TxEip1559 { max_fee_per_gas: u128::MAX, ..paid(0) })),
        (
            "init_code_too_large",
            one.sign(TxEip1559 { to: TxKind::Create, input: vec![0; 49_153].into(), gas_limit: 9_000_000, ..paid(0) }),
        ),
        ("authorization_list_empty", one.sign(empty_authorizations())),
        ("nonce_out_of_range", one.sign(paid(u64::MAX))),
        ("intrinsic_gas_too_low", one.sign(TxEip1559 { gas_limit: 20_999, ..paid(0) })),
        ("intrinsic_gas_too_low", one.sign(TxEip1559 { gas_limit: 21_039, input: vec![1; 1].into(), ..paid(0) })),
        ("insufficient_funds", one.sign(TxEip1559 { value: U256::from(WEALTH), ..paid(0) })),
        ("insufficient_funds", one.sign(TxEip1559 { value: U256::MAX, ..paid(0) })),
        ("insufficient_funds", signer(9).sign(paid(0))),
        ("deploy_not_permitted", signer(3).sign(TxEip1559 { to: TxKind::Create, gas_limit: 60_000, ..paid(0) })),
    ];
    for (code, tx) in cases {
        let rejection = verdict(&chain, tx);
        assert_eq!(rejection.code(), code, "{rejection}");
    }
}

fn empty_authorizations() -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        max_fee_per_gas: 10,
        to: signer(2).address(),
        ..TxEip7702::default()
    }
}

#[test]
fn the_order_of_verdicts_is_fixed() {
    // Each transaction breaks the rule at its place and, where it can, every later one.
    let mut genesis = genesis(quota(1 << 24));
    genesis.transact = Access::Listed;
    let mut chain = Chain::of(genesis);
    chain.block(&[signer(3).send(0, signer(2).address(), 1)]);
    let stranger = signer(9);
    let create = TxEip1559 { to: TxKind::Create, value: U256::MAX, ..free(0, 60_000) };
    assert_eq!(
        verdict(&chain, stranger.sign(TxEip1559 { gas_limit: 1, ..create.clone() })).code(),
        "intrinsic_gas_too_low"
    );
    assert_eq!(verdict(&chain, stranger.sign(create.clone())).code(), "sender_not_permitted");
    assert_eq!(verdict(&chain, signer(3).sign(create)).code(), "deploy_not_permitted");
    let replay = TxEip1559 { to: TxKind::Call(token()), value: U256::MAX, ..free(0, 1 << 24) };
    assert_eq!(verdict(&chain, signer(3).sign(replay.clone())).code(), "nonce_too_low");
    assert_eq!(verdict(&chain, signer(3).sign(TxEip1559 { nonce: 1, ..replay.clone() })).code(), "insufficient_funds");
    let greedy = TxEip1559 { nonce: 1, value: U256::ZERO, ..replay };
    assert_eq!(verdict(&chain, signer(3).sign(greedy)).code(), "gas_quota_exceeded");
}

#[test]
fn a_nonce_gap_waits_in_the_pool_and_fails_in_a_block() {
    let chain = Chain::new();
    let tx = signer(1).send(2, signer(2).address(), 5);
    let env = chain.env();
    let admission = admit(&chain.state, CHAIN_ID, chain.rules(), env.timestamp_ms, env.height, &tx).unwrap();
    assert_eq!((admission.account_nonce, admission.cost), (0, U256::from(5)));
    assert_eq!(admission.balance, U256::from(WEALTH));
    let rejection = chain.rejection(tx);
    assert_eq!(rejection, Rejection::NonceTooHigh { nonce: 2, account_nonce: 0 });
    assert_eq!(rejection.disposition(), Disposition::Hold);
    let mut chain = chain;
    chain.block(&[signer(1).send(0, signer(2).address(), 5)]);
    let replay = verdict(&chain, signer(1).send(0, signer(2).address(), 5));
    assert_eq!(replay, Rejection::NonceTooLow { nonce: 0, account_nonce: 1 });
    assert_eq!(replay.disposition(), Disposition::Drop);
}

#[test]
fn another_chain_is_refused() {
    let chain = Chain::new();
    let tx = signer(1).send(0, signer(2).address(), 5);
    let error = execute(&chain.state, CHAIN_ID + 1, chain.rules(), &chain.env(), &[tx]).unwrap_err();
    let expected = Rejection::WrongChain { found: Some(CHAIN_ID), expected: CHAIN_ID + 1 };
    assert_eq!(error, ExecuteError::Invalid { height: 1, index: 0, rejection: expected });
}

#[test]
fn permissions_are_asked_in_the_block_as_it_stands() {
    let mut genesis = genesis(Rules::default());
    genesis.transact = Access::Listed;
    let mut chain = Chain::of(genesis);
    let stranger = signer(9);
    assert_eq!(verdict(&chain, stranger.send(0, Address::ZERO, 0)).code(), "sender_not_permitted");
    // The admin lists the stranger in the same block, before and only before.
    let list = |nonce, listed| {
        let call = IPermission::setListedCall { capability: 0, accounts: vec![stranger.address()], listed };
        signer(1).call(nonce, PERMISSION_ADDRESS, call.abi_encode())
    };
    let executed = chain.block(&[list(0, true), stranger.send(0, Address::ZERO, 0)]);
    assert_eq!(statuses(&executed), [true, true]);
    let error = chain.try_block(&[list(1, false), stranger.send(1, Address::ZERO, 0)]).unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid { index: 1, rejection: Rejection::SenderNotPermitted { .. }, .. }));
}

#[test]
fn contracts_do_not_send() {
    let contract_code = [0x00];
    let sender = signer(5);
    let chain = Chain::of(with_contract(genesis(Rules::default()), sender.address(), contract_code));
    assert_eq!(verdict(&chain, sender.send(1, Address::ZERO, 0)).code(), "sender_has_code");
}

#[test]
fn quotas_count_gas_used_by_sender_and_period() {
    let mut chain = Chain::of(genesis(quota(1 << 24)));
    let one = signer(1);
    let burn = |nonce, gas_limit| {
        let tx = TxEip1559 { to: TxKind::Call(Address::repeat_byte(0xcc)), ..free(nonce, gas_limit) };
        one.sign(tx)
    };
    chain = Chain::of(with_contract(chain.genesis, Address::repeat_byte(0xcc), [0xfe]));
    chain.block(&[burn(0, 10_000_000)]);
    let used_up = (1 << 24) - 10_000_000;
    let rejection = verdict(&chain, burn(1, used_up + 1));
    let Rejection::QuotaExceeded { gas_used, gas_quota, resumes_at_ms, .. } = rejection else { panic!("{rejection}") };
    assert_eq!((gas_used, gas_quota), (10_000_000, 1 << 24));
    assert!(resumes_at_ms > chain.env().timestamp_ms && resumes_at_ms % 60_000 == 0);
    // What fits exactly passes; another sender is not concerned; within the block the count goes on.
    assert!(chain.try_block(&[burn(1, used_up), signer(2).send(0, Address::ZERO, 0)]).is_ok());
    let error = chain.try_block(&[burn(1, used_up), burn(2, 21_000)]).unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid { index: 1, rejection: Rejection::QuotaExceeded { .. }, .. }));
    // The next period begins from nothing.
    let env = BlockEnv::child_of(&chain.head, resumes_at_ms);
    assert!(execute(&chain.state, CHAIN_ID, chain.rules(), &env, &[burn(1, used_up + 1)]).is_ok());
}

#[test]
fn gas_is_paid_at_its_price_and_tips_reach_nobody() {
    let mut chain = Chain::of(genesis(Rules { base_fee_wei: 7, ..Rules::default() }));
    let one = signer(1);
    let before = chain.balance(one.address());
    let tx = one.sign(TxEip1559 {
        to: TxKind::Call(signer(2).address()),
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 3,
        ..free(0, 30_000)
    });
    assert_eq!(crate::effective_gas_price(tx.tx(), 7), 10);
    chain.block(&[tx]);
    assert_eq!(before - chain.balance(one.address()), U256::from(21_000 * 10));
    // The base fee is burned, the tip goes to the zero address.
    assert_eq!(chain.balance(crate::BENEFICIARY), U256::from(21_000 * 3));
}

#[test]
fn access_lists_warm_what_they_name() {
    let contract = Address::repeat_byte(0x51);
    // SLOAD(1)
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), contract, [0x60, 0x01, 0x54, 0x00]));
    let with = |nonce, keys: &[u64]| {
        let storage_keys = keys.iter().map(|key| B256::from(U256::from(*key))).collect();
        let access_list = AccessList(vec![AccessListItem { address: contract, storage_keys }]);
        signer(1).sign(TxEip2930 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 100_000,
            to: TxKind::Call(contract),
            access_list,
            ..TxEip2930::default()
        })
    };
    let plain = chain.block(&[signer(1).call(0, contract, Bytes::new())]).gas_used;
    let warm = chain.block(&[with(1, &[1])]).gas_used;
    let useless = chain.block(&[with(2, &[2])]).gas_used;
    assert_eq!(plain, 21_000 + 3 + 2_100);
    assert_eq!(warm, 21_000 + 3 + 100 + 2_400 + 1_900);
    assert_eq!(useless, 21_000 + 3 + 2_100 + 2_400 + 1_900);
}

#[test]
fn calldata_pays_at_least_its_floor() {
    let mut chain = Chain::new();
    let tx = TxEip1559 { to: TxKind::Call(signer(2).address()), input: vec![1; 1_000].into(), ..free(0, 61_000) };
    // EIP-7623: 10 gas a token, four tokens a non-zero byte.
    assert_eq!(
        verdict(&chain, signer(1).sign(TxEip1559 { gas_limit: 60_999, ..tx.clone() })).code(),
        "intrinsic_gas_too_low"
    );
    assert_eq!(chain.block(&[signer(1).sign(tx)]).gas_used, 61_000);
}

#[test]
fn pre_eip_155_transactions_deploy_deterministically() {
    let mut chain = Chain::new();
    let runtime = [0x60, 0x2a, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    let tx = TxLegacy { chain_id: None, gas_limit: 200_000, to: TxKind::Create, input: deploys(&runtime), ..legacy(0) };
    let tx = signer(1).sign(tx);
    assert_eq!(tx.tx().chain_id(), None);
    let address = crate::contract_address(tx.tx(), tx.sender()).unwrap();
    assert_eq!(statuses(&chain.block(&[tx])), [true]);
    assert_eq!(chain.code(address).as_ref(), runtime);
    // And through the CREATE2 deployer: salt, then init code.
    let init_code = deploys(&runtime);
    let input = [B256::ZERO.as_slice(), &init_code].concat();
    assert_eq!(statuses(&chain.block(&[signer(1).call(1, crate::CREATE2_DEPLOYER_ADDRESS, input)])), [true]);
    let address = crate::CREATE2_DEPLOYER_ADDRESS.create2_from_code(B256::ZERO, &init_code);
    assert_eq!(chain.code(address).as_ref(), runtime);
}

use alloy_consensus::Transaction as _;

#[test]
fn codes_are_unique_and_texts_say_what_to_do() {
    let sender = Address::ZERO;
    let lane = crate::Lane::General;
    let all = [
        Rejection::BlobsUnsupported,
        Rejection::WrongChain { found: None, expected: 1 },
        Rejection::GasLimitTooHigh { gas_limit: 2, gas_max: 1 },
        Rejection::PriorityFeeAboveMaxFee { max_priority_fee_wei: 2, max_fee_wei: 1 },
        Rejection::FeeTooLow { max_fee_wei: 1, base_fee_wei: 2 },
        Rejection::FeeOutOfRange { gas_limit: 1, max_fee_wei: 1 },
        Rejection::InitCodeTooLarge { bytes: 2, bytes_max: 1 },
        Rejection::AuthorizationListEmpty,
        Rejection::NonceOutOfRange { nonce: 1 },
        Rejection::IntrinsicGas { gas_limit: 1, gas_required: 2 },
        Rejection::SenderNotPermitted { sender },
        Rejection::DeployNotPermitted { sender },
        Rejection::SenderHasCode { sender },
        Rejection::NonceTooLow { nonce: 1, account_nonce: 2 },
        Rejection::NonceTooHigh { nonce: 2, account_nonce: 1 },
        Rejection::InsufficientFunds { sender, cost: U256::ONE, balance: U256::ZERO },
        Rejection::QuotaExceeded { sender, gas_used: 1, gas_limit: 1, gas_quota: 1, resumes_at_ms: 1 },
        Rejection::BlockGas { height: 1, lane, gas_left: 1, gas_limit: 2 },
        Rejection::BlockBytes { height: 1, lane, bytes_left: 1, bytes: 2 },
        Rejection::BlockTransactions { height: 1, lane },
        Rejection::Invalid { reason: "x".into() },
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(Rejection::code).collect();
    assert_eq!(codes.len(), all.len());
    for rejection in all {
        assert!(rejection.to_string().contains(": "), "{rejection}");
    }
}
