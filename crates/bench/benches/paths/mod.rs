//! The hot paths of a node, each with the input that it is measured on. Everything follows from fixed numbers.
//!
//! `cargo bench -p florin-bench` takes their time, `cargo xtask counts` counts their instructions.

use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::{TxKind, hex, keccak256};
use alloy_sol_types::SolValue as _;
use florin_bench::payment_input;
use florin_execution::{Admission, Candidates as _, Executed, Lane, admit, execute, genesis_state};
use florin_mempool::{Origin, Pool, PoolLimits};
use florin_modules::{
    PAYMENT_ADDRESS,
    settlement::solver::{Payment, Position, Table},
    token_address,
};
use florin_types::{
    Address, B256, Block, Bytes, ConsensusContext, Extension, GenesisAccount, Header, Rules, StateTarget, TxEnvelope,
    U256, VerifiedTx, decode_transaction,
};
use secp256k1::SecretKey;
use std::collections::HashSet;

#[path = "../../../execution/benches/setup/mod.rs"]
mod setup;
use setup::{
    CHAIN_ID, Call, Memory, address, batch, batch_rules, block_env, genesis, key, transactions, transfer, verify,
};

/// Measures one path.
pub(crate) trait Meter {
    /// Measures `run`, again on every input that it is given. Making an input and dropping an outcome are not measured.
    fn measure<I, T>(&mut self, input: impl Fn() -> I, run: impl Fn(I) -> T) -> T;
}

/// Name of a path, with the number of things that it does, and what runs it.
pub(crate) type Path<M> = (&'static str, fn(&mut M));

/// All paths.
pub(crate) fn paths<M: Meter>() -> [Path<M>; 11] {
    [
        ("decode-100", decode),
        ("recover-sender-20", recover_sender),
        ("admit-100", admission),
        ("mempool-1000", mempool),
        ("block-transfers-100", block_of_transfers),
        ("block-payments-100", block_of_payments),
        ("block-erc20-100", block_of_coins),
        ("batch-1000", one_batch),
        ("encode-block-1000", encode_block),
        ("decode-block-1000", decode_block),
        ("settlement-solver-1600", settlement_solver),
    ]
}

/// Holders that sign: few, because keys and signatures cost more under callgrind than what is counted.
const SIGNERS: u32 = 100;
const COIN: Address = Address::repeat_byte(0xc0);
/// The code that deploys the coin; the code of the contract follows it.
const COIN_DEPLOYER_BYTES: usize = 28;
const COIN_HEX: &str = include_str!("../../contracts/Coin.hex");
/// Where the coin keeps `balanceOf`.
const COIN_BALANCES_SLOT: u64 = 1;

fn signers() -> Vec<SecretKey> {
    (0..SIGNERS).map(key).collect()
}

fn addresses(keys: &[SecretKey]) -> Vec<Address> {
    keys.iter().map(address).collect()
}

fn transfers(count: usize) -> Vec<TxEnvelope> {
    transactions(&signers(), count, 60_000, |_, to| transfer(token_address(1), to))
}

fn verified(txs: Vec<TxEnvelope>) -> Vec<VerifiedTx> {
    txs.into_iter().map(verify).collect()
}

/// The signers' currency and, for those of the EVM, a coin that each of them holds.
fn ledger() -> Memory {
    let holders = addresses(&signers());
    let mut genesis = genesis(&holders);
    let place = |holder: &Address| keccak256((*holder, U256::from(COIN_BALANCES_SLOT)).abi_encode()).into();
    let coin = GenesisAccount {
        code: Bytes::from(hex::decode(COIN_HEX.trim()).unwrap().split_off(COIN_DEPLOYER_BYTES)),
        storage: holders.iter().map(|holder| (place(holder), U256::from(1_000))).collect(),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(COIN, coin);
    Memory::from(genesis_state(&genesis).unwrap())
}

// ----- transactions before a block ---------------------------------------------------------------------------------

fn decode(meter: &mut impl Meter) {
    let encoded: Vec<Bytes> = verified(transfers(100)).iter().map(|tx| tx.encoded().clone()).collect();
    let hash = |bytes: &Bytes| *decode_transaction(bytes).unwrap().tx_hash();
    meter.measure(|| (), |()| encoded.iter().map(hash).collect::<Vec<B256>>());
}

fn recover_sender(meter: &mut impl Meter) {
    let txs = transfers(20);
    meter.measure(|| txs.clone(), verified);
}

fn admission(meter: &mut impl Meter) {
    let (view, rules, txs) = (ledger(), Rules::default(), verified(transfers(100)));
    let admitted = |tx: &VerifiedTx| admit(&view, CHAIN_ID, &rules, 1_700_000_001_000, 1, tx).unwrap();
    meter.measure(|| (), |()| txs.iter().map(admitted).collect::<Vec<Admission>>());
}

fn mempool(meter: &mut impl Meter) {
    let (rules, txs) = (Rules::default(), verified(transfers(1_000)));
    let admission = Admission { account_nonce: 0, balance: U256::MAX, cost: U256::ZERO, lane: Lane::Payment };
    let pool = || Pool::new(PoolLimits::default());
    let (_, taken) = meter.measure(pool, |pool| {
        for tx in &txs {
            pool.submit(tx.clone(), &admission, Origin::Peer, 0).unwrap();
        }
        let mut candidates = pool.candidates(&rules, &HashSet::<B256>::new());
        let mut taken = 0;
        while let Some(tx) = candidates.next() {
            candidates.taken(&tx, 50_000);
            taken += 1;
        }
        (pool, taken)
    });
    assert_eq!(taken, txs.len());
}

// ----- execution ---------------------------------------------------------------------------------------------------

fn executed(meter: &mut impl Meter, view: &Memory, rules: &Rules, txs: &[VerifiedTx]) {
    let run = || execute(view, CHAIN_ID, rules, &block_env(), txs).unwrap();
    let Executed { receipts, .. } = meter.measure(|| (), |()| run());
    assert_eq!(receipts.len(), txs.len());
    assert!(receipts.iter().all(|receipt| receipt.status()), "a transaction was reverted");
}

fn block_of(meter: &mut impl Meter, gas_limit: u64, call: impl Fn(usize, Address) -> Call) {
    executed(meter, &ledger(), &Rules::default(), &verified(transactions(&signers(), 100, gas_limit, call)));
}

fn block_of_transfers(meter: &mut impl Meter) {
    block_of(meter, 60_000, |_, to| transfer(token_address(1), to));
}

fn block_of_coins(meter: &mut impl Meter) {
    block_of(meter, 60_000, |_, to| transfer(COIN, to));
}

fn block_of_payments(meter: &mut impl Meter) {
    block_of(meter, 400_000, |index, payee| {
        let input = payment_input(token_address(1), payee, keccak256(index.to_be_bytes()));
        (TxKind::Call(PAYMENT_ADDRESS), input, U256::ZERO)
    });
}

fn one_batch(meter: &mut impl Meter) {
    let payer = key(0);
    let payees = (1..=1_000u32).map(|number| Address::from_slice(&keccak256(number.to_be_bytes())[12..]));
    let holders: Vec<Address> = std::iter::once(address(&payer)).chain(payees).collect();
    let view = Memory::from(genesis_state(&genesis(&holders)).unwrap());
    executed(meter, &view, &batch_rules(), &[batch(&payer, &holders[1..])]);
}

// ----- blocks on the wire ------------------------------------------------------------------------------------------

fn block() -> Block {
    let transactions = transfers(1_000);
    let extension = Extension {
        timestamp_ms: 1_700_000_001_000,
        context: ConsensusContext { epoch: 0, view: 2, parent_view: 1, leader: B256::repeat_byte(3) },
        state: StateTarget { operations_root: B256::repeat_byte(4), operations_start: 1, operations_end: 5 },
        payload_hash: None,
    };
    let header = Header {
        number: 1,
        timestamp: 1_700_000_001,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    Block::new(header, extension, transactions).unwrap()
}

fn encode_block(meter: &mut impl Meter) {
    let block = block();
    meter.measure(|| (), |()| block.encode());
}

fn decode_block(meter: &mut impl Meter) {
    let encoded = block().encode();
    meter.measure(|| (), |()| Block::decode(&encoded).unwrap());
}

// ----- settlement --------------------------------------------------------------------------------------------------

/// 50 banks with 32 queued payments each. Every fifth has a limit towards its neighbour, and so little cover that
/// payments are dropped until the rest settles.
fn settlement_solver(meter: &mut impl Meter) {
    const BANKS: usize = 50;
    let payment = |bank: usize, place: usize| {
        let draw = (bank * 7919 + place * 104_729) % 1_000;
        let creditor = (bank + 1 + draw % (BANKS - 1)) % BANKS;
        Payment { creditor, amount: 100 + draw as u128 }
    };
    let position = |bank: usize| Position {
        capacity: if bank.is_multiple_of(5) { 500 } else { 5_000 },
        bilateral: bank.is_multiple_of(5).then_some(((bank + 1) % BANKS, 300)).into_iter().collect(),
        barred: false,
        queue: (0..32).map(|place| payment(bank, place)).collect(),
    };
    let banks: Vec<Position> = (0..BANKS).map(position).collect();
    let solution = meter.measure(|| banks.clone(), |banks| Table::new(banks).solve());
    assert!(solution.count > 0 && solution.dropped > 0, "{} settle, {} do not", solution.count, solution.dropped);
}
