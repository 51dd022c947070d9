//! Native modules inside the machine: one state, one revert, one price list.

use super::*;
use crate::{CallStatus, TransactionRequest, decode_revert};
use florin_modules::{
    CallEnv, Context, FACTORY_ADDRESS, MemoryStorage, PAYMENT_ADDRESS, factory::IFactory, is_module,
    payment::IPayment::payBatchCall, token::BatchItem,
};

const FORWARDER: Address = Address::repeat_byte(0xf0);

fn chain_with(instruction: u8, end: End) -> Chain {
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), FORWARDER, forwarder(instruction, end)));
    chain.block(&[signer(1).pay(0, FORWARDER, 500)]);
    chain
}

/// What a read-only call gives.
fn ask(chain: &Chain, request: TransactionRequest) -> CallStatus {
    let (env, none) = (chain.env(), Default::default());
    crate::call(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default()).unwrap().status
}

fn request(to: Address, input: Vec<u8>) -> TransactionRequest {
    TransactionRequest::default().from(signer(2).address()).to(to).input(Bytes::from(input).into())
}

fn refusal(status: CallStatus) -> String {
    let CallStatus::Revert(data) = status else { panic!("{status:?}") };
    decode_revert(&data).unwrap_or_else(|| panic!("{data}")).message
}

#[test]
fn a_contract_moves_its_own_units() {
    let mut chain = chain_with(CALL, End::Alike);
    let to = signer(3).address();
    let executed = chain.block(&[signer(2).call(0, FORWARDER, forward(token(), &transfer(to, 20)))]);
    assert_eq!(statuses(&executed), [true]);
    assert_eq!(chain.units(FORWARDER), U256::from(480));
    assert_eq!(chain.units(to), U256::from(UNITS + 20));
    let log = &executed.receipts[0].logs()[0];
    assert_eq!((log.address, log.topics()[1]), (token(), FORWARDER.into_word()));
}

#[test]
fn a_contract_and_a_module_revert_together() {
    let mut chain = chain_with(CALL, End::Revert);
    let before = chain.state.slots.clone();
    let to = signer(3).address();
    let executed = chain.block(&[signer(2).call(0, FORWARDER, forward(token(), &transfer(to, 20)))]);
    assert_eq!(statuses(&executed), [false]);
    assert!(executed.receipts[0].logs().is_empty(), "an event of what was undone");
    assert_eq!(chain.units(FORWARDER), U256::from(500));
    let changed: Vec<_> = chain.state.slots.iter().filter(|(key, value)| before.get(key) != Some(value)).collect();
    assert!(changed.iter().all(|((address, _), _)| *address != token()), "{changed:?}");
}

#[test]
fn a_contract_survives_a_module_that_reverts() {
    let mut chain = chain_with(CALL, End::Success);
    let to = signer(3).address();
    let executed = chain.block(&[signer(2).call(0, FORWARDER, forward(token(), &transfer(to, 501)))]);
    assert_eq!(statuses(&executed), [true]);
    assert!(executed.receipts[0].logs().is_empty());
    assert_eq!(chain.units(FORWARDER), U256::from(500));
    let CallStatus::Success(data) = ask(&chain, request(FORWARDER, forward(token(), &transfer(to, 501)))) else {
        panic!()
    };
    assert!(decode_revert(&data).unwrap().message.contains("InsufficientBalance"));
}

#[test]
fn static_calls_read_and_never_write() {
    let chain = chain_with(STATICCALL, End::Alike);
    let balance = IToken::balanceOfCall { account: FORWARDER }.abi_encode();
    let CallStatus::Success(output) = ask(&chain, request(FORWARDER, forward(token(), &balance))) else { panic!() };
    assert_eq!(U256::from_be_slice(&output), U256::from(500));
    let write = request(FORWARDER, forward(token(), &transfer(signer(3).address(), 1)));
    assert!(refusal(ask(&chain, write)).contains("StaticCallForbidden"));
}

#[test]
fn modules_act_in_their_own_name_only() {
    for instruction in [DELEGATECALL, CALLCODE] {
        let chain = chain_with(instruction, End::Alike);
        let balance = IToken::balanceOfCall { account: FORWARDER }.abi_encode();
        let message = refusal(ask(&chain, request(FORWARDER, forward(token(), &balance))));
        assert!(message.contains("DelegateCallForbidden"), "{message}");
    }
}

#[test]
fn modules_take_no_native_units() {
    let mut chain = chain_with(CALL, End::Alike);
    let to = signer(3).address();
    let direct = TxEip1559 {
        to: TxKind::Call(token()),
        value: U256::from(9),
        input: transfer(to, 1).into(),
        ..free(0, 200_000)
    };
    let through = TxEip1559 {
        to: TxKind::Call(FORWARDER),
        input: forward(token(), &transfer(to, 1)).into(),
        nonce: 1,
        ..direct.clone()
    };
    let executed = chain.block(&[signer(2).sign(direct), signer(2).sign(through)]);
    assert_eq!(statuses(&executed), [false, false]);
    assert_eq!(chain.balance(token()), U256::ZERO);
    assert_eq!(chain.balance(signer(2).address()), U256::from(WEALTH));
    let status = ask(&chain, request(token(), transfer(to, 1)).value(U256::from(9)));
    assert!(refusal(status).contains("ValueForbidden"));
}

#[test]
fn a_module_runs_out_of_the_gas_that_it_was_given() {
    let mut chain = Chain::new();
    let pay = |nonce, gas_limit| {
        let input = transfer(signer(3).address(), 1);
        signer(2).sign(TxEip1559 { to: TxKind::Call(token()), input: input.into(), ..free(nonce, gas_limit) })
    };
    let enough = chain.block(&[pay(0, 200_000)]).gas_used;
    // Warm or cold, refunded or not: with every smaller limit it fails and changes nothing of the token.
    let units = chain.units(signer(3).address());
    let mut failed = 0;
    for (nonce, gas_limit) in (1..).zip((23_000..enough - 2_000).step_by(1_777)) {
        let executed = chain.block(&[pay(nonce, gas_limit)]);
        assert_eq!(statuses(&executed), [false], "with {gas_limit} of {enough}");
        assert_eq!(executed.gas_used, gas_limit, "all gas is gone");
        failed += 1;
    }
    assert!(failed > 3);
    assert_eq!(chain.units(signer(3).address()), units);
}

#[test]
fn gas_of_a_payment_is_golden() {
    let mut chain = Chain::new();
    let stranger = Address::repeat_byte(0x77);
    let first = chain.block(&[signer(2).pay(0, stranger, 1)]).gas_used;
    let second = chain.block(&[signer(2).pay(1, stranger, 1)]).gas_used;
    let all = chain.block(&[signer(2).pay(2, stranger, UNITS - 2)]).gas_used;
    assert_eq!((first, second, all), PAYMENT_GAS_GOLDEN);
    // 25 bytes of calldata that are not zero and 43 that are; the rest is what the module's own reference says.
    let intrinsic = 21_000 + 25 * 16 + 43 * 4;
    assert_eq!(second - intrinsic, TRANSFER_TO_A_HOLDER);
}

/// From the token's `golden/gas.txt`: the modules' storage in memory and the machine's journal have one price list.
const TRANSFER_TO_A_HOLDER: u64 = 14_158;

/// To a new holder, to an old one, and all of it (with the refund of a cleared slot).
const PAYMENT_GAS_GOLDEN: (u64, u64, u64) = (52_830, 35_730, 30_954);

/// A batch under the batch tariff costs the same in the machine's journal and in the modules' storage in memory, and what
/// it changes is the same. Holders, a new holder, one payee twice, and items that are refused.
#[test]
fn a_batch_has_one_price_and_one_outcome_everywhere() {
    let mut chain = Chain::new();
    let payer = signer(2);
    let stranger = Address::repeat_byte(0x77);
    let payees = [signer(3).address(), stranger, stranger, Address::ZERO, payer.address(), signer(4).address()];
    let items: Vec<u8> = payees
        .iter()
        .flat_map(|to| BatchItem { to: *to, amount: 5, reference: *b"salary01" }.encode().unwrap())
        .collect();
    let uetr = B256::repeat_byte(1);
    let input = payBatchCall { token: token(), uetr, mode: 1, items: items.into() }.abi_encode();

    let mut memory = MemoryStorage::default();
    memory.slots = chain.state.slots.clone();
    memory.begin(u64::MAX);
    let env = CallEnv { caller: payer.address(), is_static: false, ..CallEnv::reader(chain.rules()) };
    florin_modules::dispatch(&mut Context::new(env, &mut memory), PAYMENT_ADDRESS, &input).unwrap();

    let executed = chain.block(&[payer.call(0, PAYMENT_ADDRESS, input.clone())]);
    assert_eq!(statuses(&executed), [true]);
    assert_eq!(executed.receipts[0].logs(), memory.logs);
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let intrinsic = 21_000 + 4 * zeros + 16 * (input.len() as u64 - zeros);
    assert_eq!(executed.gas_used - intrinsic, memory.gas_used);
    for (address, slot) in memory.slots.keys().filter(|(address, _)| [token(), PAYMENT_ADDRESS].contains(address)) {
        assert_eq!(chain.state.slots.get(&(*address, *slot)), memory.slots.get(&(*address, *slot)), "{slot}");
    }
    assert_eq!(chain.units(stranger), U256::from(10));
    assert_eq!(chain.units(payer.address()), U256::from(UNITS - 20));
}

#[test]
fn a_batch_is_undone_with_the_contract_that_made_it() {
    let mut chain = chain_with(CALL, End::Revert);
    let before = chain.units(FORWARDER);
    let items: Vec<u8> =
        BatchItem { to: Address::repeat_byte(0x77), amount: 5, reference: [0; 8] }.encode().unwrap().into();
    let call = payBatchCall { token: token(), uetr: B256::repeat_byte(1), mode: 0, items: items.into() };
    let input = forward(PAYMENT_ADDRESS, &call.abi_encode());
    let executed = chain.block(&[signer(2).call(0, FORWARDER, input)]);
    assert_eq!(statuses(&executed), [false]);
    assert_eq!((chain.units(FORWARDER), chain.units(Address::repeat_byte(0x77))), (before, U256::ZERO));
    assert!(chain.state.slots.keys().all(|(address, _)| *address != PAYMENT_ADDRESS), "a trace of it");
}

#[test]
fn tokens_come_into_being_with_their_marker() {
    let mut chain = Chain::new();
    let call = IFactory::createTokenCall {
        name: "Dollar".into(),
        symbol: "USD".into(),
        decimals: 2,
        admin: signer(1).address(),
        policyId: 0,
        supplyCap: U256::from(1_000),
    };
    let before = chain.code(florin_modules::token_address(2));
    let tx = TxEip1559 { to: TxKind::Call(FACTORY_ADDRESS), input: call.abi_encode().into(), ..free(0, 2_000_000) };
    let executed = chain.block(&[signer(1).sign(tx)]);
    assert_eq!(statuses(&executed), [true]);
    assert!(before.is_empty());
    let address = florin_modules::token_address(2);
    assert!(is_module(address));
    assert_eq!(chain.code(address).as_ref(), [0xfe]);
    assert_eq!(chain.nonce(address), 1);
}

#[test]
fn permits_recover_signers_inside_the_machine() {
    let mut chain = Chain::new();
    let (owner, spender) = (signer(3), signer(2).address());
    let CallStatus::Success(domain) = ask(&chain, request(token(), IToken::DOMAIN_SEPARATORCall {}.abi_encode()))
    else {
        panic!()
    };
    let type_hash = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    let fields = [
        type_hash,
        owner.address().into_word(),
        spender.into_word(),
        B256::from(U256::from(77)),
        B256::ZERO,
        B256::from(U256::MAX),
    ];
    let struct_hash = keccak256(fields.concat());
    let digest = keccak256([&[0x19, 0x01], domain.as_ref(), struct_hash.as_slice()].concat());
    let signature = owner.sign_hash(digest);
    let permit = |v: u8| IToken::permitCall {
        owner: owner.address(),
        spender,
        value: U256::from(77),
        deadline: U256::MAX,
        v,
        r: B256::from(signature.r()),
        s: B256::from(signature.s()),
    };
    let v = 27 + u8::from(signature.v());
    let wrong = chain.block(&[signer(2).call(0, token(), permit(27 + 28 - v).abi_encode())]);
    assert_eq!(statuses(&wrong), [false]);
    let right = chain.block(&[signer(2).call(1, token(), permit(v).abi_encode())]);
    assert_eq!(statuses(&right), [true]);
    let take = IToken::transferFromCall { from: owner.address(), to: spender, amount: U256::from(77) };
    assert_eq!(statuses(&chain.block(&[signer(2).call(2, token(), take.abi_encode())])), [true]);
    assert_eq!(chain.units(spender), U256::from(UNITS + 77));
}
