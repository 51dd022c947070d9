//! Calls, estimates and access lists.

use super::*;
use crate::{
    BlockOverrides, BlockRequest, CallError, CallLimits, CallOutcome, CallStatus, Overrides, SimulateError,
    SimulateOptions, StateOverride, TransactionRequest, call, create_access_list, decode_revert, estimate_gas,
    simulate_blocks,
};
use alloy_rpc_types_eth::state::{AccountOverride, StateOverridesBuilder};

const CONTRACT: Address = Address::repeat_byte(0xc1);

fn with_code(code: &[u8]) -> Chain {
    Chain::of(with_contract(genesis(Rules::default()), CONTRACT, code.to_vec()))
}

fn to(address: Address) -> TransactionRequest {
    TransactionRequest::default().from(signer(1).address()).to(address)
}

fn run(chain: &Chain, request: &TransactionRequest, overrides: &Overrides) -> Result<CallOutcome, CallError> {
    call(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), request, overrides, &CallLimits::default())
}

fn estimate(chain: &Chain, request: &TransactionRequest) -> Result<u64, CallError> {
    let none = Overrides::default();
    estimate_gas(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), request, &none, &CallLimits::default())
}

fn word(outcome: Result<CallOutcome, CallError>) -> U256 {
    match outcome.unwrap().status {
        CallStatus::Success(output) => U256::from_be_slice(&output),
        other => panic!("{other:?}"),
    }
}

fn pretending(account: AccountOverride) -> Overrides {
    let state: StateOverride = StateOverridesBuilder::default().append(CONTRACT, account).build();
    Overrides { state: Some(state), block: None }
}

/// Returns SLOAD(1).
const READER: [u8; 9] = [0x60, 0x01, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];

#[test]
fn state_can_be_pretended() {
    let mut genesis = genesis(Rules::default());
    let account = GenesisAccount {
        code: Bytes::from_static(&READER),
        storage: slots(&[(1, 10), (2, 20)]),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(CONTRACT, account);
    let chain = Chain::of(genesis);
    let (one, two) = (B256::from(U256::from(1)), B256::from(U256::from(2)));
    assert_eq!(word(run(&chain, &to(CONTRACT), &Overrides::default())), U256::from(10));
    let diff = AccountOverride::default().with_state_diff([(one, two)]);
    assert_eq!(word(run(&chain, &to(CONTRACT), &pretending(diff.clone()))), U256::from(2));
    let whole = AccountOverride::default().with_state([(two, two)]);
    assert_eq!(word(run(&chain, &to(CONTRACT), &pretending(whole))), U256::ZERO, "all else is gone");
    // Returns SELFBALANCE.
    let code = AccountOverride::default()
        .with_code(Bytes::from_static(&[0x47, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]))
        .with_balance(U256::from(77));
    assert_eq!(word(run(&chain, &to(CONTRACT), &pretending(code))), U256::from(77));
    let both = AccountOverride { state: Some(Default::default()), ..diff };
    assert!(matches!(run(&chain, &to(CONTRACT), &pretending(both)), Err(CallError::Request(_))));
    let native = StateOverridesBuilder::default().with_code(token(), Bytes::from_static(&[0])).build();
    let overrides = Overrides { state: Some(native), block: None };
    assert!(matches!(run(&chain, &to(CONTRACT), &overrides), Err(CallError::Request(_))));
    assert_eq!(word(run(&chain, &to(CONTRACT), &Overrides::default())), U256::from(10), "nothing was kept");
}

#[test]
fn the_block_can_be_pretended() {
    let pretend = |block: BlockOverrides| Overrides { state: None, block: Some(Box::new(block)) };
    let reads = |instruction: u8| with_code(&[instruction, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
    let overrides = BlockOverrides { number: Some(U256::from(99)), time: Some(123), ..BlockOverrides::default() };
    assert_eq!(word(run(&reads(0x43), &to(CONTRACT), &pretend(overrides.clone()))), U256::from(99));
    assert_eq!(word(run(&reads(0x42), &to(CONTRACT), &pretend(overrides))), U256::from(123));
    // BLOCKHASH(5)
    let chain = with_code(&[0x60, 0x05, 0x40, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
    let hashes = [(5, B256::repeat_byte(5))].into_iter().collect();
    let overrides =
        BlockOverrides { number: Some(U256::from(9)), block_hash: Some(hashes), ..BlockOverrides::default() };
    assert_eq!(B256::from(word(run(&chain, &to(CONTRACT), &pretend(overrides)))), B256::repeat_byte(5));
    let blobs = BlockOverrides { blob_base_fee: Some(U256::ONE), ..BlockOverrides::default() };
    assert!(matches!(run(&chain, &to(CONTRACT), &pretend(blobs)), Err(CallError::Request(_))));
}

#[test]
fn calls_need_no_nonce_no_permission_and_no_price() {
    let chain = with_code(&READER);
    let stranger = TransactionRequest::default().from(Address::repeat_byte(0x66)).to(CONTRACT).nonce(77);
    assert!(run(&chain, &stranger, &Overrides::default()).is_ok());
    let nobody = TransactionRequest::default().to(CONTRACT);
    assert!(run(&chain, &nobody, &Overrides::default()).is_ok());
    // A contract may be the sender, and a creation gives its code, as deployless calls expect.
    let create = TransactionRequest::default().from(CONTRACT).input(deploys(&[1, 2]).into());
    let outcome = run(&chain, &create, &Overrides::default()).unwrap();
    assert_eq!(outcome.status, CallStatus::Success(Bytes::from_static(&[1, 2])));
    // Value must be there.
    let poor = stranger.value(U256::ONE);
    assert!(matches!(
        run(&chain, &poor, &Overrides::default()),
        Err(CallError::Rejected(Rejection::InsufficientFunds { .. }))
    ));
}

#[test]
fn contradictions_are_refused() {
    let chain = with_code(&READER);
    let refuse = |request: TransactionRequest| run(&chain, &request, &Overrides::default()).unwrap_err();
    let prices = TransactionRequest { gas_price: Some(1), max_fee_per_gas: Some(1), ..to(CONTRACT) };
    assert!(matches!(refuse(prices), CallError::Request(_)));
    let tips = TransactionRequest { max_fee_per_gas: Some(1), max_priority_fee_per_gas: Some(2), ..to(CONTRACT) };
    assert!(matches!(refuse(tips), CallError::Rejected(Rejection::PriorityFeeAboveMaxFee { .. })));
    let chain_id = TransactionRequest { chain_id: Some(1), ..to(CONTRACT) };
    assert!(matches!(refuse(chain_id), CallError::Rejected(Rejection::WrongChain { .. })));
    let blobs = TransactionRequest { max_fee_per_blob_gas: Some(1), ..to(CONTRACT) };
    assert!(matches!(refuse(blobs), CallError::Rejected(Rejection::BlobsUnsupported)));
    let empty = TransactionRequest { authorization_list: Some(Vec::new()), ..to(CONTRACT) };
    assert!(matches!(refuse(empty), CallError::Rejected(Rejection::AuthorizationListEmpty)));
    let mut inputs = to(CONTRACT);
    inputs.input.input = Some(Bytes::from_static(&[1]));
    inputs.input.data = Some(Bytes::from_static(&[2]));
    assert!(matches!(refuse(inputs), CallError::Request(_)));
    let little = to(CONTRACT).gas_limit(20_000);
    assert!(matches!(refuse(little), CallError::Rejected(Rejection::IntrinsicGas { .. })));
    // u128::MAX wei a unit of gas: no arithmetic breaks.
    let price = TransactionRequest { gas_price: Some(u128::MAX), gas: Some(1 << 24), ..to(CONTRACT) };
    assert!(matches!(refuse(price), CallError::Rejected(_)));
}

#[test]
fn calls_are_bounded_by_gas() {
    // Loops for ever.
    let chain = with_code(&[0x5b, 0x5f, 0x56]);
    let limits = CallLimits { gas_max: 1_000_000, ..CallLimits::default() };
    let request = to(CONTRACT).gas_limit(u64::MAX);
    let outcome =
        call(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), &request, &Overrides::default(), &limits).unwrap();
    assert_eq!(outcome.status, CallStatus::Halt("out of gas".into()));
    assert_eq!(outcome.gas_used, 1_000_000);
    assert!(matches!(estimate(&chain, &to(CONTRACT)), Err(CallError::Halted(text)) if text.contains("allowance")));
}

#[test]
fn reverts_come_back_raw_and_in_words() {
    // Reverts with its input.
    let chain = with_code(&[0x36, 0x5f, 0x5f, 0x37, 0x36, 0x5f, 0xfd]);
    let error = alloy_sol_types::Revert::from("no more today");
    let data = Bytes::from(alloy_sol_types::SolError::abi_encode(&error));
    let request = to(CONTRACT).input(data.clone().into());
    let outcome = run(&chain, &request, &Overrides::default()).unwrap();
    assert_eq!(outcome.status, CallStatus::Revert(data.clone()));
    assert_eq!(estimate(&chain, &request), Err(CallError::Reverted(data.clone())));
    assert_eq!(decode_revert(&data).unwrap().message, "no more today");
    let panic = alloy_sol_types::Panic { code: U256::from(0x11) };
    let data = alloy_sol_types::SolError::abi_encode(&panic);
    assert_eq!(decode_revert(&data).unwrap().message, "panic code 0x11: arithmetic overflow or underflow");
    assert_eq!(decode_revert(&[1, 2, 3, 4, 5]), None);
    assert_eq!(decode_revert(&[]), None);
}

/// An estimate suffices, and it is close to the least that does.
fn check_estimate(chain: &Chain, input: Bytes, to_address: Address) -> u64 {
    let request = to(to_address).input(input.clone().into());
    let gas = estimate(chain, &request).unwrap();
    let tx = |gas_limit| {
        signer(1).sign(TxEip1559 { to: TxKind::Call(to_address), input: input.clone(), ..free(0, gas_limit) })
    };
    assert_eq!(statuses(&chain.try_block(&[tx(gas)]).unwrap()), [true], "{gas} is enough");
    let least = gas * 97 / 100;
    match chain.try_block(&[tx(least)]) {
        Ok(executed) => assert_eq!(statuses(&executed), [false], "{least} is enough too"),
        Err(crate::ExecuteError::Invalid { rejection: Rejection::IntrinsicGas { .. }, .. }) => {}
        Err(other) => panic!("{other}"),
    }
    gas
}

#[test]
fn estimates_suffice_and_are_close() {
    let chain = Chain::new();
    assert_eq!(estimate(&chain, &to(signer(2).address()).value(U256::ONE)), Ok(21_000));
    check_estimate(&chain, transfer(signer(2).address(), 5).into(), token());
    check_estimate(&chain, transfer(Address::repeat_byte(0x78), 5).into(), token());
    // A refund at the end: the limit must cover what is used before it. SSTORE(1, 0) on a full slot.
    let mut genesis = genesis(Rules::default());
    let code = Bytes::from_static(&[0x5f, 0x60, 0x01, 0x55, 0x00]);
    let account = GenesisAccount { code, storage: slots(&[(1, 9)]), ..GenesisAccount::default() };
    genesis.accounts.insert(CONTRACT, account);
    let chain = Chain::of(genesis);
    let gas = check_estimate(&chain, Bytes::new(), CONTRACT);
    assert!(gas >= 26_000, "{gas}");
    // Nested calls keep a 64th back (EIP-150).
    let chain = with_code(&forwarder(CALL, End::Alike));
    let input = forward(CONTRACT, &forward(crate::CREATE2_DEPLOYER_ADDRESS, &[&[0; 32][..], &deploys(&[0])].concat()));
    check_estimate(&chain, input.into(), CONTRACT);
    // Bulk calldata at the floor.
    check_estimate(&chain, forward(signer(2).address(), &[1; 2_000]).into(), CONTRACT);
}

#[test]
fn estimates_know_what_the_sender_can_pay() {
    let chain = Chain::of(with_contract(genesis(Rules { base_fee_wei: 1, ..Rules::default() }), CONTRACT, READER));
    let poor = Address::repeat_byte(0x67);
    let priced = TransactionRequest { gas_price: Some(1), ..to(CONTRACT).from(poor) };
    assert!(matches!(estimate(&chain, &priced), Err(CallError::Rejected(_))));
    let free = to(CONTRACT).from(poor);
    let gas = estimate(&chain, &free).unwrap();
    assert!(gas > 21_000 && gas < 30_000, "{gas}");
    let rich = TransactionRequest { gas_price: Some(1), ..to(CONTRACT) };
    assert_eq!(estimate(&chain, &rich), Ok(gas));
}

#[test]
fn estimates_of_deployments_ask_for_permission() {
    let chain = Chain::new();
    let create = |from: Address| TransactionRequest::default().from(from).input(deploys(&[0]).into());
    assert!(estimate(&chain, &create(signer(2).address())).is_ok());
    let refused = estimate(&chain, &create(signer(3).address()));
    assert!(matches!(refused, Err(CallError::Rejected(Rejection::DeployNotPermitted { .. }))));
}

#[test]
fn a_run_that_nobody_waits_for_is_stopped() {
    let none = Overrides::default();
    // Gas for minutes, so that only the flag can end it.
    let limits = CallLimits { gas_max: 20_000_000_000, ..CallLimits::default() };
    let chain = with_code(&[0x5b, 0x5f, 0x56]);
    let stop = limits.stop.clone();
    let asker = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        stop.stop();
    });
    let stopped = call(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), &to(CONTRACT), &none, &limits);
    assert_eq!(stopped, Err(CallError::Stopped));
    asker.join().unwrap();
    // Calls itself and never jumps.
    let chain = with_code(&[0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, 0xf1, 0x00]);
    let stopped = estimate_gas(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), &to(CONTRACT), &none, &limits);
    assert_eq!(stopped, Err(CallError::Stopped));
    let stopped =
        create_access_list(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), &to(CONTRACT), &none, &limits);
    assert_eq!(stopped, Err(CallError::Stopped));
}

#[test]
fn simulated_blocks_know_each_other() {
    // Returns the hash of the block that stands two before this one.
    let code = [0x60, 0x02, 0x43, 0x03, 0x40, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    let chain = with_code(&code);
    let request = BlockRequest { calls: vec![to(CONTRACT)], ..BlockRequest::default() };
    let requests = vec![request; 4];
    let (options, limits) = (SimulateOptions::default(), CallLimits::default());
    let blocks =
        simulate_blocks(&chain.state, CHAIN_ID, chain.rules(), &chain.head, &requests, options, &limits).unwrap();
    let mut hashes = vec![chain.head.hash()];
    for (index, simulated) in blocks.iter().enumerate() {
        assert_eq!(simulated.block.header().parent_hash, *hashes.last().unwrap());
        if let Some(two_before) = index.checked_sub(1) {
            let CallStatus::Success(output) = &simulated.outcomes[0].status else { panic!("{simulated:?}") };
            assert_eq!(B256::from_slice(output), hashes[two_before], "{index}");
        }
        hashes.push(simulated.block.hash());
    }
    limits.stop.stop();
    let stopped = simulate_blocks(&chain.state, CHAIN_ID, chain.rules(), &chain.head, &requests, options, &limits);
    assert!(matches!(stopped, Err(SimulateError::Call { error: CallError::Stopped, .. })), "{stopped:?}");
}

#[test]
fn access_lists_name_slots_of_contracts_and_modules() {
    let chain = with_code(&forwarder(CALL, End::Alike));
    let list = |request: &TransactionRequest| {
        let none = Overrides::default();
        create_access_list(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), request, &none, &CallLimits::default())
            .unwrap()
    };
    let balance = IToken::balanceOfCall { account: signer(2).address() }.abi_encode();
    let request = to(CONTRACT).input(Bytes::from(forward(token(), &balance)).into());
    let outcome = list(&request);
    assert_eq!(outcome.error, None);
    let item = outcome.access_list.iter().find(|item| item.address == token()).unwrap();
    assert!(!item.storage_keys.is_empty());
    let with_list = TransactionRequest { access_list: Some(outcome.access_list.clone()), ..request };
    let used = run(&chain, &with_list, &Overrides::default()).unwrap().gas_used;
    assert_eq!(used, outcome.gas_used);
    let failing = to(CONTRACT).input(Bytes::from(forward(token(), &transfer(Address::ZERO, 1))).into());
    assert_eq!(list(&failing).error.as_deref(), Some("execution reverted"));
}

/// What a caller makes up is the caller's mistake, not this machine's.
#[test]
fn storage_that_no_module_writes_cannot_be_pretended() {
    let terms = (B256::with_last_byte(2), B256::repeat_byte(0xff));
    let account = AccountOverride::default().with_state_diff([terms]);
    let state = Some(StateOverridesBuilder::default().append(token(), account).build());
    let (chain, overrides) = (Chain::new(), Overrides { state, block: None });
    let request = to(token()).input(Bytes::from(transfer(CONTRACT, 1)).into());
    let (env, limits) = (chain.env(), CallLimits::default());
    let outcome = run(&chain, &request, &overrides);
    assert!(matches!(outcome, Err(CallError::Request(_))), "{outcome:?}");
    let estimate = estimate_gas(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &overrides, &limits);
    assert!(matches!(estimate, Err(CallError::Request(_))), "{estimate:?}");
    let list = create_access_list(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &overrides, &limits);
    assert!(matches!(list, Err(CallError::Request(_))), "{list:?}");
}

#[test]
fn code_that_is_none_cannot_be_pretended() {
    for code in ["ef0100", "ef01", "ef010100"] {
        let account = AccountOverride::default().with_code(alloy_primitives::hex::decode(code).unwrap());
        let overrides =
            Overrides { state: Some(StateOverridesBuilder::default().append(CONTRACT, account).build()), block: None };
        let outcome = run(&Chain::new(), &to(CONTRACT), &overrides);
        assert!(matches!(outcome, Err(CallError::Request(_))), "{code}: {outcome:?}");
    }
}
