//! What measurements of blocks begin with: keys, signed transactions, a ledger of one currency in memory. Included by
//! `blocks` beside it and by the counts of instructions, `crates/bench/examples/counts`.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Signature, TxKind, keccak256};
use alloy_sol_types::SolCall as _;
use florin_execution::BlockEnv;
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment::payBatchCall, token::BatchItem, token_address};
use florin_types::{
    Address, B256, Bytes, Changeset, Currency, Genesis, GenesisAccount, Rules, StateFault, StateView, TxEnvelope, U256,
    VerifiedTx,
};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::BuildHasherDefault,
};

pub(crate) const CHAIN_ID: u64 = 4242;
/// Enough for the largest batch.
const BATCH_GAS: u64 = 100_000_000;

pub(crate) fn key(number: u32) -> SecretKey {
    SecretKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap()
}

pub(crate) fn address(key: &SecretKey) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, key).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

fn sign(key: &SecretKey, tx: TxEip1559) -> TxEnvelope {
    let message = Message::from_digest(tx.signature_hash().0);
    let (recovery, bytes) = SECP256K1.sign_ecdsa_recoverable(&message, key).serialize_compact();
    let (r, s) = (B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..]));
    let signature = Signature::from_scalars_and_parity(r, s, i32::from(recovery) == 1);
    tx.into_signed(signature).into()
}

pub(crate) fn verify(tx: TxEnvelope) -> VerifiedTx {
    VerifiedTx::verify(tx, CHAIN_ID).unwrap()
}

/// The same order of buckets in every run, so that counts of instructions do not differ.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// A state in hash maps: what a hot working set costs to read.
pub(crate) struct Memory {
    accounts: Map<Address, florin_types::Account>,
    slots: Map<(Address, U256), U256>,
    code: Map<B256, Bytes>,
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

/// A ledger with one currency, which all of `holders` hold; the first of them runs it.
pub(crate) fn genesis(holders: &[Address]) -> Genesis {
    let admin = holders[0];
    let text = serde_json::json!({
        "chain_id": CHAIN_ID, "network": "bench", "timestamp_ms": 1_700_000_000_000u64,
        "rules": [{ "height": 0, "rules": serde_json::to_value(Rules::default()).unwrap() }],
        "threshold_public": "0x01",
        "nodes": [{ "name": "a", "public_key": B256::repeat_byte(1), "address": "a:1", "role": "validator" }],
        "permission_admin": admin, "transact": "open", "deploy": "open", "connect": "open",
    });
    let mut genesis: Genesis = serde_json::from_value(text).unwrap();
    genesis.tokens.push(florin_types::GenesisToken {
        name: "Euro".into(),
        currency: Currency::new("EUR", 2).unwrap(),
        supply_cap_minor: None,
        policy: None,
        roles: florin_types::GenesisTokenRoles { admin: vec![admin], ..Default::default() },
        balances: holders.iter().map(|holder| (*holder, 1_000_000)).collect(),
    });
    let account = GenesisAccount { balance: U256::from(1u128 << 100), ..GenesisAccount::default() };
    genesis.accounts = holders.iter().map(|holder| (*holder, account.clone())).collect();
    genesis
}

/// The first block after the genesis.
pub(crate) fn block_env() -> BlockEnv {
    BlockEnv::new(1, B256::repeat_byte(1), 1_700_000_001_000)
}

/// What a transaction calls, with what, and the native units that go along.
pub(crate) type Call = (TxKind, Bytes, U256);

/// An ERC-20 transfer of one unit.
pub(crate) fn transfer(token: Address, to: Address) -> Call {
    let selector = [0xa9, 0x05, 0x9c, 0xbb];
    let input = [&selector[..], to.into_word().as_slice(), &U256::ONE.to_be_bytes::<32>()].concat();
    (TxKind::Call(token), Bytes::from(input), U256::ZERO)
}

/// So many transactions among the holders of `keys`, each calling what `call` makes of its number and its payee.
pub(crate) fn transactions(
    keys: &[SecretKey],
    count: usize,
    gas_limit: u64,
    call: impl Fn(usize, Address) -> Call,
) -> Vec<TxEnvelope> {
    let addresses: Vec<Address> = keys.iter().map(address).collect();
    let mut nonces = vec![0u64; keys.len()];
    (0..count)
        .map(|index| {
            let from = index * 7919 % keys.len();
            let (to, input, value) = call(index, addresses[(index * 104_729 + 1) % keys.len()]);
            let nonce = nonces[from];
            nonces[from] += 1;
            let tx = TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit, to, input, value, ..Default::default() };
            sign(&keys[from], tx)
        })
        .collect()
}

/// Rules under which a full batch fits into a transaction.
pub(crate) fn batch_rules() -> Rules {
    Rules { transaction_gas_max: BATCH_GAS, gas_quota: None, ..Rules::default() }
}

/// One batch of one unit to each payee.
pub(crate) fn batch(payer: &SecretKey, payees: &[Address]) -> VerifiedTx {
    let item = |to: &Address| BatchItem { to: *to, amount: 1, reference: *b"salary01" }.encode().unwrap();
    let items: Vec<u8> = payees.iter().flat_map(item).collect();
    let call = payBatchCall { token: token_address(1), uetr: B256::repeat_byte(1), mode: 0, items: items.into() };
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: BATCH_GAS,
        to: TxKind::Call(PAYMENT_ADDRESS),
        input: call.abi_encode().into(),
        ..Default::default()
    };
    verify(sign(payer, tx))
}
