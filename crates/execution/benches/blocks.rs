//! How long a block takes, in memory, without signatures and without the authenticated store:
//! `cargo bench -p florin-execution`. Compare with the table in the spec.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Signature, TxKind, keccak256};
use alloy_sol_types::SolCall as _;
use florin_execution::{BlockEnv, Executed, execute, genesis_state, hints};

use florin_modules::{
    PAYMENT_ADDRESS,
    payment::IPayment::payBatchCall,
    token::{BATCH_ITEMS_MAX, BatchItem},
    token_address,
};
use florin_types::{
    Address, B256, Bytes, Changeset, Currency, Genesis, GenesisAccount, Rules, StateFault, StateView, U256, VerifiedTx,
};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::{
    collections::HashMap,
    hint::black_box,
    time::{Duration, Instant},
};

const CHAIN_ID: u64 = 4242;
const ACCOUNTS: u32 = 10_000;
const TRANSACTIONS: usize = 10_000;
const ROUNDS: usize = 5;
const BATCHES: usize = 20;

fn key(number: u32) -> SecretKey {
    SecretKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap()
}

fn address(key: &SecretKey) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, key).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

fn sign(key: &SecretKey, tx: TxEip1559) -> VerifiedTx {
    let message = Message::from_digest(tx.signature_hash().0);
    let (recovery, bytes) = SECP256K1.sign_ecdsa_recoverable(&message, key).serialize_compact();
    let (r, s) = (B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..]));
    let signature = Signature::from_scalars_and_parity(r, s, i32::from(recovery) == 1);
    VerifiedTx::verify(tx.into_signed(signature).into(), CHAIN_ID).unwrap()
}

/// A state in hash maps: what a hot working set costs to read.
struct Memory {
    accounts: HashMap<Address, florin_types::Account>,
    slots: HashMap<(Address, U256), U256>,
    code: HashMap<B256, Bytes>,
}

impl StateView for Memory {
    fn account(&self, address: Address) -> Result<Option<florin_types::Account>, StateFault> {
        Ok(self.accounts.get(&address).copied())
    }
    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        Ok(self.slots.get(&(address, slot)).copied().unwrap_or_default())
    }
    fn code(&self, hash: B256) -> Result<Bytes, StateFault> {
        Ok(self.code.get(&hash).cloned().unwrap_or_default())
    }
}

impl From<Changeset> for Memory {
    fn from(changes: Changeset) -> Self {
        Self {
            accounts: changes.accounts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
            slots: changes.slots.into_iter().collect(),
            code: changes.code.into_iter().collect(),
        }
    }
}

fn genesis(keys: &[SecretKey]) -> Genesis {
    let text = serde_json::json!({
        "chain_id": CHAIN_ID, "network": "bench", "timestamp_ms": 1_700_000_000_000u64,
        "rules": [{ "height": 0, "rules": serde_json::to_value(Rules::default()).unwrap() }],
        "threshold_public": "0x01",
        "nodes": [{ "name": "a", "public_key": B256::repeat_byte(1), "address": "a:1", "role": "validator" }],
        "permission_admin": address(&keys[0]), "transact": "open", "deploy": "open", "connect": "open",
    });
    let mut genesis: Genesis = serde_json::from_value(text).unwrap();
    let balances = keys.iter().map(|key| (address(key), 1_000_000)).collect();
    genesis.tokens.push(florin_types::GenesisToken {
        name: "Euro".into(),
        currency: Currency::new("EUR", 2).unwrap(),
        supply_cap_minor: None,
        policy: None,
        roles: florin_types::GenesisTokenRoles { admin: vec![address(&keys[0])], ..Default::default() },
        balances,
    });
    let account = GenesisAccount { balance: U256::from(1u128 << 100), ..GenesisAccount::default() };
    genesis.accounts = keys.iter().map(|key| (address(key), account.clone())).collect();
    genesis
}

/// Time that this thread has spent on a processor, where the system tells (Linux); the wall clock elsewhere.
fn now(start: Instant) -> Duration {
    let on_processor = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_processor.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// What `run` costs in microseconds a transaction, the best of some rounds.
fn best_us<T>(count: usize, mut run: impl FnMut() -> T) -> (f64, T) {
    let clock = Instant::now();
    let mut best = Duration::MAX;
    let mut outcome = None;
    for _ in 0..ROUNDS {
        let start = now(clock);
        outcome = Some(black_box(run()));
        best = best.min(now(clock).saturating_sub(start));
    }
    (best.as_secs_f64() * 1e6 / count as f64, outcome.unwrap())
}

fn measure(name: &str, view: &Memory, rules: &Rules, txs: &[VerifiedTx]) -> Executed {
    let env = BlockEnv::new(1, B256::repeat_byte(1), 1_700_000_001_000);
    let (each_us, outcome) = best_us(txs.len(), || execute(view, CHAIN_ID, rules, &env, txs).unwrap());
    assert!(outcome.receipts.iter().all(|receipt| receipt.status()));
    println!("{name:<44} {each_us:>7.2} us a transaction, {:>8.0} a second", 1e6 / each_us);
    outcome
}

/// A full batch to accounts that hold units, and one to accounts that do not.
fn measure_batches(view: &Memory, payer: &SecretKey, holders: &[Address]) {
    let rules = Rules { transaction_gas_max: 100_000_000, gas_quota: None, ..Rules::default() };
    let strangers: Vec<Address> = holders.iter().map(|holder| Address::from_slice(&keccak256(holder)[12..])).collect();
    for (name, payees) in [("batch item to a holder", holders), ("batch item to a new holder", &strangers)] {
        let items: Vec<u8> = payees[1..=BATCH_ITEMS_MAX]
            .iter()
            .flat_map(|to| BatchItem { to: *to, amount: 1, reference: *b"salary01" }.encode().unwrap())
            .collect();
        let call = payBatchCall { token: token_address(1), uetr: B256::repeat_byte(1), mode: 0, items: items.into() };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: rules.transaction_gas_max,
            to: TxKind::Call(PAYMENT_ADDRESS),
            input: call.abi_encode().into(),
            ..Default::default()
        };
        let tx = sign(payer, tx);
        let env = BlockEnv::new(1, B256::repeat_byte(1), 1_700_000_001_000);
        // One batch alone is shorter than what the system's clock of a thread can tell.
        let mut outcome = Executed::default();
        let (each_us, ()) = best_us(BATCHES * BATCH_ITEMS_MAX, || {
            for _ in 0..BATCHES {
                outcome = execute(view, CHAIN_ID, &rules, &env, std::slice::from_ref(&tx)).unwrap();
            }
        });
        assert!(outcome.receipts[0].status(), "the batch failed");
        let gas = outcome.gas_used / BATCH_ITEMS_MAX as u64;
        println!("{name:<44} {each_us:>7.2} us an item, {gas} gas an item of {}", outcome.gas_used);
    }
}

fn main() {
    let keys: Vec<SecretKey> = (0..ACCOUNTS).map(key).collect();
    let addresses: Vec<Address> = keys.iter().map(address).collect();
    let view = Memory::from(genesis_state(&genesis(&keys)).unwrap());
    let make = |input: &dyn Fn(Address) -> (TxKind, Bytes, U256), gas_limit| -> Vec<VerifiedTx> {
        let mut nonces = vec![0u64; keys.len()];
        (0..TRANSACTIONS)
            .map(|index| {
                let from = index * 7919 % keys.len();
                let (to, input, value) = input(addresses[(index * 104_729 + 1) % keys.len()]);
                let nonce = nonces[from];
                nonces[from] += 1;
                let tx = TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit, to, input, value, ..Default::default() };
                sign(&keys[from], tx)
            })
            .collect()
    };
    let transfer = |to: Address| {
        let selector = [0xa9, 0x05, 0x9c, 0xbb];
        let input = [&selector[..], to.into_word().as_slice(), &U256::ONE.to_be_bytes::<32>()].concat();
        (TxKind::Call(token_address(1)), Bytes::from(input), U256::ZERO)
    };
    let native = make(&|to| (TxKind::Call(to), Bytes::new(), U256::ONE), 21_000);
    let payments = make(&transfer, 60_000);
    let rules = Rules { block_gas_max: 1_000_000_000, block_transactions_max: 50_000, ..Rules::default() };
    let free = Rules { gas_quota: None, ..rules.clone() };
    measure("native transfers, no quota", &view, &free, &native);
    measure("native transfers, gas quota", &view, &rules, &native);
    measure("token payments, no quota", &view, &free, &payments);
    let executed = measure("token payments, gas quota", &view, &rules, &payments);

    measure_batches(&view, &keys[0], &addresses);

    let root = || alloy_consensus::proofs::calculate_receipt_root(&executed.receipts);
    let (each_us, _) = best_us(TRANSACTIONS, root);
    println!("{:<44} {each_us:>7.2} us a transaction", "... of which the receipts root");
    let (each_us, _) = best_us(TRANSACTIONS, || {
        let mut found = florin_execution::Hints::default();
        payments.iter().for_each(|tx| hints(tx, &mut found));
        found.compact();
        found
    });
    println!("{:<44} {each_us:>7.2} us a transaction", "hints for one block");
}
