//! Blocks: genesis, determinism, lanes, headers.

use super::*;
use crate::{ExecuteError, Lane, lane};
use alloy_consensus::{Header, Transaction as _, TxEip7702, TxType};
use alloy_eips::{eip2930::AccessListItem, eip2935::HISTORY_STORAGE_ADDRESS};
use florin_modules::{POLICY_ADDRESS, payment::IPayment::payBatchCall, token::BatchItem};
use florin_types::{GenesisPolicy, StateFault, StateView};
use std::{cell::RefCell, collections::BTreeSet};

#[test]
fn genesis_holds_what_tools_expect() {
    let chain = Chain::new();
    assert_eq!(chain.code(HISTORY_STORAGE_ADDRESS), alloy_eips::eip2935::HISTORY_STORAGE_CODE,);
    // keccak256 of the proxy's code on Ethereum mainnet.
    assert_eq!(
        keccak256(chain.code(crate::CREATE2_DEPLOYER_ADDRESS)).to_string(),
        "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"
    );
    assert_eq!(chain.code(token()).as_ref(), [0xfe]);
    assert_eq!(chain.units(signer(3).address()), U256::from(UNITS));
    assert_eq!(chain.head.height(), 0);
    assert_eq!(chain.head.header().gas_limit, Rules::default().block_gas_max);
}

#[test]
fn genesis_is_golden() {
    assert_eq!(digest(&Chain::new().state).to_string(), GENESIS_GOLDEN);
}

/// Changes only with the state that a genesis file gives.
const GENESIS_GOLDEN: &str = "0x8d7a45c845f411fb563cefb57e60ac147664857f52400bb83ac220877480d32b";

/// keccak256 over every key and value in order.
fn digest(changes: &Changeset) -> B256 {
    let mut bytes = Vec::new();
    for (address, account) in &changes.accounts {
        bytes.extend_from_slice(address.as_slice());
        let account = account.unwrap_or_default();
        bytes.extend(account.nonce.to_be_bytes());
        bytes.extend(account.balance.to_be_bytes::<32>());
        bytes.extend_from_slice(account.code_hash.as_slice());
    }
    for ((address, slot), value) in &changes.slots {
        bytes.extend_from_slice(address.as_slice());
        bytes.extend(slot.to_be_bytes::<32>());
        bytes.extend(value.to_be_bytes::<32>());
    }
    for (hash, code) in &changes.code {
        bytes.extend_from_slice(hash.as_slice());
        bytes.extend_from_slice(code);
    }
    keccak256(bytes)
}

#[test]
fn accounts_that_cannot_exist_are_refused_at_genesis() {
    let contract = |code: &'static [u8]| GenesisAccount { code: Bytes::from_static(code), ..GenesisAccount::default() };
    let refused = |address: Address, account: GenesisAccount| {
        let mut genesis = genesis(Rules::default());
        genesis.accounts.insert(address, account);
        genesis_state(&genesis).unwrap_err().rule
    };
    let somewhere = Address::repeat_byte(0x77);
    assert!(refused(token(), contract(&[0])).contains("reserved"));
    assert!(refused(HISTORY_STORAGE_ADDRESS, contract(&[0])).contains("reserved"));
    assert!(refused(somewhere, contract(&[0xef, 0x00])).contains("EIP-3541"));
    assert!(refused(somewhere, contract(&[0; 24_577])).contains("EIP-170"));
    let storage = GenesisAccount { storage: slots(&[(1, 1)]), ..GenesisAccount::default() };
    assert!(refused(somewhere, storage).contains("storage without code"));
    let rich = GenesisAccount { balance: U256::MAX, ..GenesisAccount::default() };
    assert!(refused(somewhere, rich).contains("2^256"));
}

fn mixed_block() -> Vec<VerifiedTx> {
    let (one, two, three) = (signer(1), signer(2), signer(3));
    vec![
        one.pay(0, two.address(), 5),
        two.create(0, deploys(&forwarder(CALL, End::Alike))),
        two.call(1, two.address().create(0), forward(token(), &transfer(one.address(), 1))),
        three.send(0, Address::repeat_byte(0x31), 7),
        three.pay(1, one.address(), UNITS * 2),
    ]
}

#[test]
fn the_same_block_gives_the_same_bytes() {
    let chain = Chain::new();
    let first = chain.try_block(&mixed_block()).unwrap();
    assert_eq!(first, chain.try_block(&mixed_block()).unwrap());
    // The contract holds no units, and nobody has more than they have.
    assert_eq!(statuses(&first), [true, true, false, true, false]);
    assert_eq!(first.receipts_root.to_string(), RECEIPTS_GOLDEN);
}

/// Changes only with gas, logs or order of the transactions above.
const RECEIPTS_GOLDEN: &str = "0x53b2a4e8f605f0ffe4508c58adf6e86967228d10c3feaf4c17cfbd84e345a525";

#[test]
fn a_built_block_executes_to_the_same() {
    let chain = Chain::new();
    let mut list = List::of(&mixed_block());
    // Not one of these may be in a block; the builder goes on after each.
    list.waiting.push_front(signer(4).pay(1, signer(1).address(), 1));
    list.waiting.push_back(signer(1).pay(0, signer(1).address(), 1));
    let (txs, built) = build_on(&chain, &mut list);
    assert_eq!(txs, mixed_block());
    assert_eq!(built, chain.try_block(&txs).unwrap());
    let codes: Vec<_> = list.rejected.iter().map(Rejection::code).collect();
    assert_eq!(codes, ["nonce_too_high", "nonce_too_low"]);
}

#[test]
fn receipts_tell_gas_logs_and_type() {
    let mut chain = Chain::new();
    let executed = chain.block(&[signer(1).sign(legacy(0)), signer(2).pay(0, signer(3).address(), 10)]);
    assert_eq!(executed.receipts[0].tx_type(), TxType::Legacy);
    assert_eq!(executed.receipts[0].cumulative_gas_used(), 21_000);
    assert!(executed.receipts[0].logs().is_empty());
    assert_eq!(executed.receipts[1].logs()[0].address, token());
    assert_eq!(executed.receipts[1].cumulative_gas_used(), executed.gas_used);
    let log = &executed.receipts[1].logs()[0];
    assert!(executed.logs_bloom.contains_log(log));
    assert_eq!(chain.units(signer(3).address()), U256::from(UNITS + 10));
    assert_eq!(chain.units(signer(2).address()), U256::from(UNITS - 10));
}

#[test]
fn payments_are_told_from_other_transactions() {
    let (one, rules) = (signer(1), Rules::default());
    assert_eq!(lane(one.pay(0, one.address(), 1).tx(), &rules), Lane::Payment);
    assert_eq!(lane(one.send(0, one.address(), 1).tx(), &rules), Lane::General);
    assert_eq!(lane(one.create(0, deploys(&[0])).tx(), &rules), Lane::General);
    assert_eq!(lane(one.call(0, one.address(), transfer(one.address(), 1)).tx(), &rules), Lane::General);
    let mut with_value = free(0, 100_000);
    with_value.to = TxKind::Call(token());
    with_value.input = transfer(one.address(), 1).into();
    with_value.value = U256::ONE;
    assert_eq!(lane(one.sign(with_value).tx(), &rules), Lane::General);
    // What the lane bounds is the whole transaction.
    let input = Bytes::from(transfer(one.address(), 1));
    let listing = |keys: usize| TxEip1559 {
        to: TxKind::Call(token()),
        input: input.clone(),
        access_list: vec![AccessListItem { address: token(), storage_keys: vec![B256::ZERO; keys] }].into(),
        ..free(0, 120_000)
    };
    assert_eq!(lane(one.sign(listing(15)).tx(), &rules), Lane::Payment, "the slots of a payment fit");
    assert_eq!(lane(one.sign(listing(16)).tx(), &rules), Lane::General);
    let asking =
        |gas_limit| one.sign(TxEip1559 { to: TxKind::Call(token()), input: input.clone(), ..free(0, gas_limit) });
    assert_eq!(lane(asking(500_000).tx(), &rules), Lane::Payment);
    assert_eq!(lane(asking(500_001).tx(), &rules), Lane::General, "rule payment_gas_max");
    let delegating = TxEip7702 { chain_id: CHAIN_ID, to: token(), input: input.clone(), ..TxEip7702::default() };
    assert_eq!(lane(one.sign(delegating).tx(), &rules), Lane::General);
}

/// A block with room for 1,000,000 gas, of which payments have 400,000 for themselves.
fn small_block() -> Rules {
    Rules {
        block_gas_max: 1_000_000,
        payment_lane_gas: 400_000,
        transaction_gas_max: 600_000,
        gas_quota: None,
        ..Rules::default()
    }
}

#[test]
fn contract_traffic_leaves_the_payment_lane_free() {
    let chain = Chain::of(with_contract(genesis(small_block()), Address::repeat_byte(0xcc), [0xfe]));
    // Each burns all of its 400,000 gas.
    let burn = |nonce| signer(1).call(nonce, Address::repeat_byte(0xcc), Bytes::new());
    let mut list = List::of(&[burn(0), burn(1), signer(2).pay(0, signer(3).address(), 1)]);
    let (txs, _) = build_on(&chain, &mut list);
    assert_eq!(txs, [burn(0), signer(2).pay(0, signer(3).address(), 1)]);
    assert!(matches!(
        list.rejected[..],
        [Rejection::BlockGas { lane: Lane::General, gas_left: 200_000, gas_limit: 400_000, height: 1 }]
    ));
    // It is a rule for blocks, not a habit of leaders.
    let error = chain.try_block(&[burn(0), burn(1)]).unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid { index: 1, rejection: Rejection::BlockGas { .. }, .. }));
}

/// A few transfers that ask for much gas must not take the lane from all others.
#[test]
fn a_transfer_that_asks_for_much_gas_has_no_part_in_the_lane() {
    let chain = Chain::of(genesis(Rules { payment_gas_max: 150_000, ..small_block() }));
    let asking = |nonce, gas_limit| {
        let input = transfer(signer(3).address(), 1).into();
        signer(1).sign(TxEip1559 { to: TxKind::Call(token()), input, ..free(nonce, gas_limit) })
    };
    let (first, second) = (asking(0, 600_000), asking(1, 600_000));
    let mut list = List::of(&[first.clone(), second, signer(2).pay(0, signer(3).address(), 1)]);
    let (txs, _) = build_on(&chain, &mut list);
    assert_eq!(txs, [first, signer(2).pay(0, signer(3).address(), 1)]);
    assert!(matches!(list.rejected[..], [Rejection::BlockGas { lane: Lane::General, gas_limit: 600_000, .. }]));
    let used: u64 = list.gas_used.iter().sum();
    assert_eq!(
        (list.gas_used.len(), used),
        (2, chain.try_block(&txs).unwrap().gas_used),
        "the builder says what is used"
    );
}

#[test]
fn payments_may_fill_the_whole_block() {
    let chain = Chain::of(genesis(small_block()));
    let pay = |nonce| signer(1).pay(nonce, signer(2).address(), 1);
    let txs: Vec<_> = (0..40).map(pay).collect();
    let (taken, executed) = build_on(&chain, &mut List::of(&txs));
    assert!(executed.gas_used > 700_000, "{}", executed.gas_used);
    assert!(executed.gas_used <= 1_000_000);
    assert!(taken.len() < txs.len());
}

#[test]
fn places_and_bytes_are_bounded_in_both_lanes() {
    let rules = Rules { block_transactions_max: 5, ..Rules::default() };
    let chain = Chain::of(genesis(rules));
    let sends: Vec<_> = (0..6).map(|nonce| signer(1).send(nonce, signer(2).address(), 1)).collect();
    let pays: Vec<_> = (0..6).map(|nonce| signer(2).pay(nonce, signer(1).address(), 1)).collect();
    // Three of five places are general (300 of 500 million gas).
    let (taken, _) = build_on(&chain, &mut List::of(&[sends.clone(), pays.clone()].concat()));
    assert_eq!(taken, [&sends[..3], &pays[..2]].concat());
    let error = chain.try_block(&sends[..4]).unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid { index: 3, rejection: Rejection::BlockTransactions { .. }, .. }));
    let error = chain.try_block(&pays).unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid { index: 5, rejection: Rejection::BlockTransactions { .. }, .. }));

    let rules = Rules { block_bytes_max: 256 * 1024, ..Rules::default() };
    let chain = Chain::of(genesis(rules));
    let bulk = |nonce| {
        let input = Bytes::from(vec![0; 60_000]);
        signer(1).sign(TxEip1559 { to: TxKind::Call(signer(2).address()), input, ..free(nonce, 5_000_000) })
    };
    let error = chain.try_block(&[bulk(0), bulk(1), bulk(2)]).unwrap_err();
    assert!(
        matches!(error, ExecuteError::Invalid { index: 2, rejection: Rejection::BlockBytes { .. }, .. }),
        "{error}"
    );
}

#[test]
fn blockhash_and_history_answer_from_the_state() {
    // Returns nothing; stores BLOCKHASH(calldata[0]) at slot 0 and the history contract's answer at slot 1.
    let mut code = vec![0x5f, 0x35, 0x40, 0x5f, 0x55];
    code.extend([0x5f, 0x35, 0x5f, 0x52, 0x60, 0x20, 0x60, 0x20, 0x60, 0x20, 0x5f, 0x73]);
    code.extend(HISTORY_STORAGE_ADDRESS);
    code.extend([0x5a, 0xfa, 0x50, 0x60, 0x20, 0x51, 0x60, 0x01, 0x55]);
    let contract = Address::repeat_byte(0xbb);
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), contract, code));
    let hashes: Vec<B256> = (0..4)
        .map(|_| {
            let hash = chain.head.hash();
            chain.block(&[]);
            hash
        })
        .collect();
    for (nonce, height) in [(0, 4u64), (1, 3), (2, 0)] {
        let expected = if height == 4 { chain.head.hash() } else { hashes[usize::try_from(height).unwrap()] };
        chain.block(&[signer(1).call(nonce, contract, U256::from(height).to_be_bytes_vec())]);
        assert_eq!(B256::from(chain.slot(contract, 0)), expected, "BLOCKHASH({height})");
        assert_eq!(B256::from(chain.slot(contract, 1)), expected, "history of {height}");
    }
    // Itself and the future are unknown.
    let own = chain.head.height() + 1;
    chain.block(&[signer(1).call(3, contract, U256::from(own).to_be_bytes_vec())]);
    assert_eq!(chain.slot(contract, 0), U256::ZERO);
}

/// A way to falsify something.
type Change<T> = (&'static str, fn(&mut T));

#[test]
fn every_header_field_is_checked() {
    let mut chain = Chain::new();
    let parent = chain.head.clone();
    chain.block(&[signer(1).send(0, signer(2).address(), 1)]);
    let (block, rules) = (chain.head.clone(), chain.rules().clone());
    let changes: Vec<Change<Header>> = vec![
        ("number", |header| header.number += 1),
        ("parentHash", |header| header.parent_hash.0[0] ^= 1),
        ("gasLimit", |header| header.gas_limit += 1),
        ("baseFeePerGas", |header| header.base_fee_per_gas = Some(1)),
        ("baseFeePerGas", |header| header.base_fee_per_gas = None),
        ("miner", |header| header.beneficiary = Address::repeat_byte(1)),
        ("mixHash", |header| header.mix_hash.0[0] ^= 1),
        ("sha3Uncles", |header| header.ommers_hash.0[0] ^= 1),
        ("difficulty", |header| header.difficulty = U256::ONE),
        ("nonce", |header| header.nonce.0[0] ^= 1),
        ("withdrawalsRoot", |header| header.withdrawals_root = None),
        ("blobGasUsed", |header| header.blob_gas_used = Some(1)),
        ("excessBlobGas", |header| header.excess_blob_gas = None),
        ("parentBeaconBlockRoot", |header| header.parent_beacon_block_root = None),
        ("requestsHash", |header| header.requests_hash = None),
        ("blockAccessListHash", |header| header.block_access_list_hash = Some(B256::ZERO)),
        ("gasUsed", |header| header.gas_used = header.gas_limit + 1),
    ];
    for (field, change) in changes {
        let mut header = block.header().clone();
        change(&mut header);
        let changed = Block::new(header, *block.extension(), block.transactions().to_vec()).unwrap();
        assert_eq!(check_header(&parent, &changed, &rules).unwrap_err().field, field);
    }
    let executed = Executed { gas_used: 21_000, ..Executed::default() };
    let outcome: Vec<Change<Executed>> = vec![("receiptsRoot", |_| ()), ("gasUsed", |executed| executed.gas_used = 1)];
    for (field, change) in outcome {
        let mut executed = executed.clone();
        change(&mut executed);
        assert_eq!(check_outcome(&block, &executed, block.header().state_root).unwrap_err().field, field);
    }
    let same = Executed {
        receipts_root: block.header().receipts_root,
        gas_used: block.header().gas_used,
        ..Executed::default()
    };
    assert_eq!(check_outcome(&block, &same, B256::ZERO).unwrap_err().field, "stateRoot");
}

#[test]
fn block_time_rises_within_its_step() {
    let chain = Chain::new();
    let child = |timestamp_ms: u64| {
        let env = BlockEnv::child_of(&chain.head, timestamp_ms);
        let executed = execute(&chain.state, CHAIN_ID, chain.rules(), &env, &[]).unwrap();
        let extension = Extension::default();
        let block = assemble(&chain.head, &env, chain.rules(), &executed, &[], B256::ZERO, extension, None).unwrap();
        assert_eq!(block.timestamp_ms(), timestamp_ms);
        check_header(&chain.head, &block, chain.rules())
    };
    let step_ms = chain.rules().block_time_step_ms_max;
    assert_eq!(child(GENESIS_MS + 1), Ok(()));
    assert_eq!(child(GENESIS_MS + step_ms), Ok(()));
    assert_eq!(child(GENESIS_MS).unwrap_err().field, "timestampMs");
    assert_eq!(child(GENESIS_MS - 1).unwrap_err().field, "timestampMs");
    assert_eq!(child(GENESIS_MS + step_ms + 1).unwrap_err().field, "timestampMs");
}

/// A state that cannot be read.
struct Broken;

impl StateView for Broken {
    fn account(&self, _: Address) -> Result<Option<florin_types::Account>, StateFault> {
        Err(StateFault("disk".into()))
    }
    fn slot(&self, _: Address, _: U256) -> Result<U256, StateFault> {
        Err(StateFault("disk".into()))
    }
    fn code(&self, _: B256) -> Result<Bytes, StateFault> {
        Err(StateFault("disk".into()))
    }
}

/// A state whose slots alone cannot be read.
struct BrokenSlots(Changeset);

impl StateView for BrokenSlots {
    fn account(&self, address: Address) -> Result<Option<florin_types::Account>, StateFault> {
        self.0.account(address)
    }
    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        if address == Address::repeat_byte(0x55) || address == token() {
            return Err(StateFault("disk".into()));
        }
        self.0.slot(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, StateFault> {
        self.0.code(hash)
    }
}

#[test]
fn a_fault_is_never_a_verdict() {
    let contract = Address::repeat_byte(0x55);
    let chain = Chain::of(with_contract(genesis(Rules::default()), contract, [0x5f, 0x54, 0x00]));
    let txs = [signer(1).call(0, contract, Bytes::new()), signer(1).pay(0, signer(2).address(), 1)];
    let broken = BrokenSlots(chain.state.clone());
    for tx in txs {
        for view in [&Broken as &dyn StateView, &broken] {
            let error = execute(view, CHAIN_ID, chain.rules(), &chain.env(), std::slice::from_ref(&tx)).unwrap_err();
            assert!(matches!(&error, ExecuteError::Fault(fault) if fault.0.contains("disk")), "{error}");
            let mut list = List::of(std::slice::from_ref(&tx));
            let error = build(view, CHAIN_ID, chain.rules(), &chain.env(), &mut list).unwrap_err();
            assert!(error.0.contains("disk"));
            assert!(list.rejected.is_empty());
        }
    }
}

/// A place in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Account(Address),
    Slot(Address, U256),
}

/// A state that remembers what was fetched ahead, and what was read.
struct Recording<'a> {
    state: &'a Changeset,
    fetched: RefCell<BTreeSet<Place>>,
    read: RefCell<Vec<Place>>,
}

impl StateView for Recording<'_> {
    fn account(&self, address: Address) -> Result<Option<florin_types::Account>, StateFault> {
        self.read.borrow_mut().push(Place::Account(address));
        self.state.account(address)
    }
    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        self.read.borrow_mut().push(Place::Slot(address, slot));
        self.state.slot(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, StateFault> {
        self.state.code(hash)
    }
    fn prefetch(&self, accounts: &[Address], slots: &[(Address, U256)]) {
        let accounts = accounts.iter().map(|address| Place::Account(*address));
        let slots = slots.iter().map(|(address, slot)| Place::Slot(*address, *slot));
        self.fetched.borrow_mut().extend(accounts.chain(slots));
    }
}

/// What a leader and a validator fetch ahead of a block with this transaction. Both read the same things, nothing twice,
/// and nothing that was not fetched but `unforeseen`.
fn fetched(chain: &Chain, tx: &VerifiedTx, success: bool, unforeseen: &[Place]) -> BTreeSet<Place> {
    let recording = || Recording { state: &chain.state, fetched: RefCell::default(), read: RefCell::default() };
    let (checking, building) = (recording(), recording());
    let executed = execute(&checking, CHAIN_ID, chain.rules(), &chain.env(), std::slice::from_ref(tx)).unwrap();
    assert_eq!(statuses(&executed), [success]);
    let mut list = List::of(std::slice::from_ref(tx));
    let built = build(&building, CHAIN_ID, chain.rules(), &chain.env(), &mut list).unwrap();
    assert_eq!(built.1, executed);
    for view in [&checking, &building] {
        let read = view.read.borrow();
        let once: BTreeSet<Place> = read.iter().copied().collect();
        assert_eq!(once.len(), read.len(), "something was read twice");
        let missed: Vec<Place> = once.difference(&view.fetched.borrow()).copied().collect();
        assert_eq!(missed, unforeseen);
    }
    assert_eq!(checking.fetched, building.fetched);
    building.fetched.into_inner()
}

#[test]
fn a_payment_reads_nothing_that_was_not_fetched_before() {
    fetched(&Chain::new(), &signer(2).pay(0, signer(3).address(), 5), true, &[]);
}

/// What finds no room in a block is looked at again for the next one, so looking must cost nothing.
#[test]
fn a_transaction_without_room_has_nothing_fetched() {
    let chain = Chain::of(with_contract(genesis(small_block()), Address::repeat_byte(0xcc), [0xfe]));
    let burn = |number| signer(number).call(0, Address::repeat_byte(0xcc), Bytes::new());
    let view = Recording { state: &chain.state, fetched: RefCell::default(), read: RefCell::default() };
    let mut list = List::of(&[burn(1), burn(3), signer(2).pay(0, signer(4).address(), 5)]);
    let (taken, _) = build(&view, CHAIN_ID, chain.rules(), &chain.env(), &mut list).unwrap();
    assert_eq!((taken.len(), list.rejected.len()), (2, 1));
    let fetched = view.fetched.into_inner();
    let of = |number| Place::Account(signer(number).address());
    assert!(fetched.contains(&of(2)) && !fetched.contains(&of(3)));
}

/// A batch of `payees` that may use so much gas.
fn batch(payees: &[Address], gas_limit: u64) -> VerifiedTx {
    let item = |to: &Address| BatchItem { to: *to, amount: 5, reference: [0; 8] }.encode().unwrap();
    let items: Vec<u8> = payees.iter().flat_map(item).collect();
    let call = payBatchCall { token: token(), uetr: B256::repeat_byte(1), mode: 1, items: items.into() };
    let to = TxKind::Call(florin_modules::PAYMENT_ADDRESS);
    signer(2).sign(TxEip1559 { to, input: call.abi_encode().into(), ..free(0, gas_limit) })
}

/// Payees and their places on the policy's list come in one go; the policy itself is known once the token was read.
#[test]
fn a_batch_fetches_what_its_payees_need() {
    let payees =
        [signer(3).address(), Address::repeat_byte(0x77), signer(3).address(), Address::ZERO, signer(4).address()];
    let fetched_by = |policies: Vec<GenesisPolicy>, unforeseen: &[Place]| {
        let mut genesis = genesis(Rules::default());
        genesis.tokens[0].policy = (!policies.is_empty()).then_some(0);
        genesis.policies = policies;
        let everything = fetched(&Chain::of(genesis), &batch(&payees, 400_000), true, unforeseen);
        everything.into_iter().filter(|place| matches!(place, Place::Slot(..))).count()
    };
    let token = Place::Account(token());
    let open = fetched_by(Vec::new(), &[token]);
    let nobody = GenesisPolicy::Deny { admin: signer(1).address(), members: BTreeSet::new() };
    let policy = florin_modules::policy::layout::layout();
    let id = florin_modules::policy::FIRST_CREATED;
    let places = [policy.policies.of(&id).place(), policy.members.of(&id).of(&signer(2).address()).place()];
    let places = places.map(|(address, slot)| Place::Slot(address, slot));
    let unforeseen: BTreeSet<Place> = places.into_iter().chain([token, Place::Account(POLICY_ADDRESS)]).collect();
    let unforeseen: Vec<Place> = unforeseen.into_iter().collect();
    assert_eq!(fetched_by(vec![nobody], &unforeseen), open + 3, "three payees can hold units");
}

/// Who brings gas for a few payees has no more than that fetched.
#[test]
fn a_batch_fetches_no_more_than_it_can_pay_for() {
    let payees: Vec<Address> =
        (0..500u16).map(|number| Address::left_padding_from(&(1_000 + number).to_be_bytes())).collect();
    let floor = 21_000 + 40 * batch(&payees, 0).tx().input().len() as u64;
    let count = |gas_limit, success| {
        fetched(&Chain::new(), &batch(&payees, gas_limit), success, &[Place::Account(token())]).len()
    };
    let all = count(16_000_000, true);
    assert!(all > payees.len());
    let starved = count(floor, false);
    let payable = usize::try_from(floor / florin_modules::BATCH_COLD_GAS).unwrap();
    assert!(starved < all && starved < payable, "{starved} of {all}, {payable} payable");
}
