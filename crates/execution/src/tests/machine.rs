//! The virtual machine under the ledger's rules: deployment, delegation, destruction, precompiled contracts.

use super::*;
use crate::{CallStatus, TransactionRequest, decode_revert};
use alloy_consensus::{TxEip7702, TxType};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{address, hex};

/// A contract that creates what its input says and stores the address at slot 0; reverts with the creation's return
/// data if nothing was created.
fn factory(with_salt: bool) -> Vec<u8> {
    // CALLDATACOPY(0, 0, CALLDATASIZE)
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37];
    if with_salt {
        code.push(0x5f);
    }
    // CREATE(0, 0, CALLDATASIZE) or CREATE2 with salt 0; DUP1, JUMPI to the end if not zero
    code.extend([0x36, 0x5f, 0x5f, if with_salt { 0xf5 } else { 0xf0 }, 0x80]);
    let target = u8::try_from(code.len() + 10).unwrap();
    code.extend([0x60, target, 0x57, 0x3d, 0x5f, 0x5f, 0x3e, 0x3d, 0x5f, 0xfd, 0x5b, 0x5f, 0x55, 0x00]);
    code
}

const FACTORY: Address = Address::repeat_byte(0xfa);

#[test]
fn factories_create_for_those_who_may_deploy() {
    for with_salt in [false, true] {
        let mut chain = Chain::of(with_contract(genesis(Rules::default()), FACTORY, factory(with_salt)));
        let init_code = deploys(&[0x00]);
        // Signer 3 may not deploy, and not through a contract either.
        let executed = chain.block(&[signer(3).call(0, FACTORY, init_code.clone())]);
        assert_eq!(statuses(&executed), [false]);
        assert!(chain.state.account(FACTORY.create(1)).unwrap().is_none());
        let request =
            TransactionRequest::default().from(signer(3).address()).to(FACTORY).input(init_code.clone().into());
        let (env, none) = (chain.env(), Default::default());
        let error =
            crate::estimate_gas(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default());
        let Err(crate::CallError::Reverted(data)) = error else { panic!("{error:?}") };
        assert!(decode_revert(&data).unwrap().message.contains("DeployNotPermitted"));
        // Signer 2 may.
        let executed = chain.block(&[signer(2).call(0, FACTORY, init_code.clone())]);
        assert_eq!(statuses(&executed), [true]);
        let created = Address::from_word(chain.slot(FACTORY, 0).into());
        let expected = if with_salt { FACTORY.create2_from_code(B256::ZERO, &init_code) } else { FACTORY.create(1) };
        assert_eq!(created, expected);
        assert_eq!(chain.code(created).as_ref(), [0x00]);
    }
}

#[test]
fn deployment_is_a_transaction_too() {
    let mut chain = Chain::new();
    let tx = signer(1).create(0, deploys(&[0x60, 0x01]));
    let address = crate::contract_address(tx.tx(), tx.sender()).unwrap();
    let executed = chain.block(&[tx]);
    assert_eq!(statuses(&executed), [true]);
    assert_eq!(chain.code(address).as_ref(), [0x60, 0x01]);
    assert_eq!(chain.nonce(address), 1);
    // Code that begins with 0xef is reserved (EIP-3541), code of more than 24,576 bytes too long (EIP-170).
    let executed = chain.block(&[signer(1).create(1, deploys(&[0xef])), signer(1).create(2, deploys(&[1; 24_577]))]);
    assert_eq!(statuses(&executed), [false, false]);
}

fn authorization(by: Signer, nonce: u64, chain_id: u64, to: Address) -> SignedAuthorization {
    let authorization = Authorization { chain_id: U256::from(chain_id), address: to, nonce };
    let signature = by.sign_hash(authorization.signature_hash());
    authorization.into_signed(signature)
}

#[test]
fn accounts_delegate_to_code_and_back() {
    let code = Address::repeat_byte(0xc0);
    // SSTORE(0, CALLER)
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), code, [0x33, 0x5f, 0x55, 0x00]));
    let (owner, sponsor) = (signer(3), signer(2));
    let set = |nonce, authorizations: Vec<SignedAuthorization>| {
        sponsor.sign(TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 300_000,
            to: owner.address(),
            authorization_list: authorizations,
            ..TxEip7702::default()
        })
    };
    let wrong = vec![authorization(owner, 1, CHAIN_ID, code), authorization(owner, 0, CHAIN_ID + 1, code)];
    chain.block(&[set(0, wrong)]);
    assert!(chain.code(owner.address()).is_empty(), "a wrong nonce or chain delegates nothing");

    let executed = chain.block(&[set(1, vec![authorization(owner, 0, 0, code)])]);
    assert_eq!(executed.receipts[0].tx_type(), TxType::Eip7702);
    assert_eq!(chain.code(owner.address()).to_vec(), [&[0xef, 0x01, 0x00], code.as_slice()].concat());
    assert_eq!(chain.nonce(owner.address()), 1);
    assert_eq!(
        Address::from_word(chain.slot(owner.address(), 0).into()),
        sponsor.address(),
        "the code ran in its name"
    );

    // A delegated account still sends (EIP-3607 excepts it), and calls itself.
    let executed = chain.block(&[owner.call(1, owner.address(), Bytes::new())]);
    assert_eq!(statuses(&executed), [true]);
    assert_eq!(Address::from_word(chain.slot(owner.address(), 0).into()), owner.address());

    chain.block(&[set(2, vec![authorization(owner, 2, CHAIN_ID, Address::ZERO)])]);
    assert!(chain.code(owner.address()).is_empty());
    let kept = Address::from_word(chain.slot(owner.address(), 0).into());
    assert_eq!(kept, owner.address(), "storage stays");
}

#[test]
fn delegating_to_a_module_gives_nothing() {
    let mut chain = Chain::new();
    let owner = signer(3);
    let tx = signer(2).sign(TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 300_000,
        to: owner.address(),
        input: transfer(signer(2).address(), 5).into(),
        authorization_list: vec![authorization(owner, 0, CHAIN_ID, token())],
        ..TxEip7702::default()
    });
    let executed = chain.block(&[tx]);
    // The marker code is INVALID: the call fails and nobody's units moved.
    assert_eq!(statuses(&executed), [false]);
    assert_eq!(chain.units(owner.address()), U256::from(UNITS));
}

/// SELFDESTRUCT to signer 4.
fn suicidal() -> Vec<u8> {
    [&[0x73], signer(4).address().as_slice(), &[0xff]].concat()
}

#[test]
fn old_contracts_give_their_balance_and_stay() {
    let contract = Address::repeat_byte(0xdd);
    let mut genesis = genesis(Rules::default());
    let account = GenesisAccount {
        balance: U256::from(50),
        code: suicidal().into(),
        storage: slots(&[(1, 2)]),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(contract, account);
    let mut chain = Chain::of(genesis);
    chain.block(&[signer(1).call(0, contract, Bytes::new())]);
    assert_eq!(chain.balance(contract), U256::ZERO);
    assert_eq!(chain.balance(signer(4).address()), U256::from(WEALTH + 50));
    // EIP-6780: code and storage stay.
    assert_eq!(chain.code(contract).to_vec(), suicidal());
    assert_eq!(chain.slot(contract, 1), U256::from(2));
}

#[test]
fn a_contract_that_is_born_and_dies_in_one_transaction_leaves_nothing() {
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), FACTORY, factory(true)));
    // Writes a slot, then destroys itself while it is being created.
    let init_code = Bytes::from([&[0x60, 0x07, 0x60, 0x01, 0x55][..], &suicidal()].concat());
    let address = FACTORY.create2_from_code(B256::ZERO, &init_code);
    let executed = chain.block(&[signer(1).call(0, FACTORY, init_code.clone())]);
    assert_eq!(statuses(&executed), [true]);
    assert!(!executed.changeset.accounts.contains_key(&address), "{:?}", executed.changeset);
    assert!(executed.changeset.slots.keys().all(|(owner, _)| *owner != address));
    // And so it can be born again, twice in one block, on the same address.
    let again = |nonce| signer(1).call(nonce, FACTORY, init_code.clone());
    let executed = chain.block(&[again(1), again(2)]);
    assert_eq!(statuses(&executed), [true, true]);
    assert!(chain.state.account(address).unwrap().is_none());
}

#[test]
fn a_dead_contract_is_dead_for_the_rest_of_the_block() {
    // Dies at birth; a native transfer to its address in the same block makes a plain account of it.
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), FACTORY, factory(true)));
    let init_code = Bytes::from([&[0x60, 0x07, 0x60, 0x01, 0x55][..], &suicidal()].concat());
    let address = FACTORY.create2_from_code(B256::ZERO, &init_code);
    chain.block(&[signer(1).call(0, FACTORY, init_code), signer(1).send(1, address, 11)]);
    let account = chain.state.account(address).unwrap().unwrap();
    assert_eq!((account.balance, account.nonce), (U256::from(11), 0));
    assert_eq!(chain.slot(address, 1), U256::ZERO);
}

#[test]
fn empty_accounts_are_never_stored() {
    let mut chain = Chain::new();
    let nobody = Address::repeat_byte(0x99);
    let executed = chain.block(&[signer(1).send(0, nobody, 0)]);
    assert!(!executed.changeset.accounts.contains_key(&nobody));
    assert!(!executed.changeset.accounts.contains_key(&crate::BENEFICIARY));
    // All that is given away leaves the nonce.
    let executed = chain.block(&[signer(2).send(0, nobody, WEALTH)]);
    let account = executed.changeset.accounts[&signer(2).address()].unwrap();
    assert_eq!((account.balance, account.nonce), (U256::ZERO, 1));
}

#[test]
fn what_ends_as_it_began_is_no_change() {
    let contract = Address::repeat_byte(0x5e);
    // SSTORE(1, calldata[0])
    let code = [0x5f, 0x35, 0x60, 0x01, 0x55, 0x00];
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), contract, code));
    let set = |nonce, value: u64| signer(1).call(nonce, contract, U256::from(value).to_be_bytes_vec());
    chain.block(&[set(0, 5)]);
    let executed = chain.block(&[set(1, 6), set(2, 5)]);
    assert!(executed.changeset.slots.keys().all(|(address, _)| *address != contract));
    let executed = chain.block(&[set(3, 0)]);
    assert_eq!(executed.changeset.slots[&(contract, U256::ONE)], U256::ZERO);
}

fn precompile(to: Address, input: &[u8]) -> CallStatus {
    let chain = Chain::new();
    let request = TransactionRequest::default().to(to).input(Bytes::copy_from_slice(input).into());
    let (env, none) = (chain.env(), Default::default());
    crate::call(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default()).unwrap().status
}

#[test]
fn ethereums_precompiled_contracts_answer() {
    let identity = precompile(address!("0000000000000000000000000000000000000004"), b"florin");
    assert_eq!(identity, CallStatus::Success(Bytes::from_static(b"florin")));
    let sha256 = precompile(address!("0000000000000000000000000000000000000002"), b"");
    let expected = hex!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(sha256, CallStatus::Success(Bytes::copy_from_slice(&expected)));
    // P256VERIFY (EIP-7951), test vector of the EIP's reference (RIP-7212).
    let input = hex!(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4da73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d604aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff37618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
    );
    let verified = precompile(address!("0000000000000000000000000000000000000100"), &input);
    assert_eq!(verified, CallStatus::Success(Bytes::from(U256::ONE.to_be_bytes_vec())));
    let mut wrong = input;
    wrong[0] ^= 1;
    assert_eq!(
        precompile(address!("0000000000000000000000000000000000000100"), &wrong),
        CallStatus::Success(Bytes::new())
    );
}

#[test]
fn the_block_is_what_contracts_see() {
    // Returns NUMBER, TIMESTAMP, CHAINID, GASLIMIT, BASEFEE, COINBASE, PREVRANDAO as seven words.
    let mut code = Vec::new();
    for (place, instruction) in [0x43u8, 0x42, 0x46, 0x45, 0x48, 0x41, 0x44].into_iter().enumerate() {
        code.extend([instruction, 0x60, u8::try_from(place * 32).unwrap(), 0x52]);
    }
    code.extend([0x60, 224, 0x5f, 0xf3]);
    let contract = Address::repeat_byte(0xb1);
    let chain = Chain::of(with_contract(genesis(Rules::default()), contract, code));
    let (env, none) = (chain.env(), Default::default());
    let request = TransactionRequest::default().to(contract);
    let status =
        crate::call(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default()).unwrap().status;
    let CallStatus::Success(output) = status else { panic!("{status:?}") };
    let words: Vec<U256> = output.chunks(32).map(U256::from_be_slice).collect();
    let expected = [
        U256::from(1),
        U256::from(GENESIS_MS / 1_000 + 1),
        U256::from(CHAIN_ID),
        U256::from(chain.rules().block_gas_max),
        U256::ZERO,
        U256::ZERO,
        U256::from_be_bytes(env.prev_randao.0),
    ];
    assert_eq!(words, expected);
    assert_ne!(env.prev_randao, B256::ZERO);
}

/// Least time of three that a transaction takes which calls `to` in a loop, without gas, with a megabyte of input.
fn time_of_calls_without_gas(to: Address) -> std::time::Duration {
    let mut code = vec![0x5b];
    for _ in 0..100 {
        // CALL(0, to, 0, 0, 1_000_000, 0, 0), POP
        code.extend([0x5f, 0x5f, 0x62, 0x0f, 0x42, 0x40, 0x5f, 0x5f, 0x73]);
        code.extend(to.as_slice());
        code.extend([0x5f, 0xf1, 0x50]);
    }
    code.extend([0x5f, 0x56]);
    let chain = Chain::of(with_contract(genesis(Rules::default()), FACTORY, code));
    let tx = signer(1).sign(TxEip1559 { to: TxKind::Call(FACTORY), ..free(0, 6_000_000) });
    let run = |_| {
        let started = std::time::Instant::now();
        chain.try_block(std::slice::from_ref(&tx)).unwrap();
        started.elapsed()
    };
    (0..3).map(run).min().unwrap()
}

/// What no gas pays for is not done. Copying the input of these calls made them a hundred times as slow as those of a
/// precompiled contract.
#[test]
fn a_module_does_not_copy_input_that_is_not_paid_for() {
    let identity = time_of_calls_without_gas(Address::with_last_byte(4));
    let module = time_of_calls_without_gas(token());
    assert!(module < identity * 12, "module {module:?}, precompiled {identity:?}");
}
