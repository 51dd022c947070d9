//! Genesis: the state that the first block begins with, and block 0, which commits to it.
//!
//! Three contracts exist from the start because tools expect them everywhere: the history of block hashes (EIP-2935)
//! and the deterministic CREATE2 deployer that forge and Hardhat use. Modules get their slots and their marker code; governance,
//! where there is one, gets the code that executes proposals.

use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy_primitives::{KECCAK256_EMPTY, address, bytes, keccak256};
use florin_modules::{GOVERNANCE_ADDRESS, MARKER_CODE, governance, is_module};
use florin_types::{
    Account, Address, B256, Block, BlockError, Bytes, Changeset, Extension, Genesis, GenesisAccount, StateTarget, U256,
};
use revm::primitives::eip170::MAX_CODE_SIZE;

use crate::{BlockEnv, block::determined_header, check::is_delegation};

/// The deterministic deployment proxy. Source: github.com/Arachnid/deterministic-deployment-proxy; the same address and
/// code on every Ethereum chain.
pub const CREATE2_DEPLOYER_ADDRESS: Address = address!("4e59b44847b379578588920ca78fbf26c0b4956c");
/// Its code.
pub(crate) static CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// Why a genesis file gives no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("genesis field {field}: {rule}")]
pub struct GenesisStateError {
    /// Path of the field.
    pub field: String,
    /// The rule, with the values.
    pub rule: String,
}

/// The state before the first block.
pub fn genesis_state(genesis: &Genesis) -> Result<Changeset, GenesisStateError> {
    let mut state = Changeset::default();
    put_contract(&mut state, HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone());
    put_contract(&mut state, CREATE2_DEPLOYER_ADDRESS, CREATE2_DEPLOYER_CODE.clone());
    let mut supply = U256::ZERO;
    for (address, account) in &genesis.accounts {
        put_account(&mut state, *address, account)?;
        supply = supply.checked_add(account.balance).ok_or_else(|| GenesisStateError {
            field: format!("accounts.{address}.balance"),
            rule: "all balances together exceed 2^256 - 1 wei: lower them".into(),
        })?;
    }
    let modules = florin_modules::genesis(genesis)
        .map_err(|florin_modules::GenesisStateError { field, rule }| GenesisStateError { field, rule })?;
    for address in modules.marked {
        put_contract(&mut state, address, MARKER_CODE);
    }
    if genesis.governance.is_some() {
        put_contract(&mut state, GOVERNANCE_ADDRESS, governance::code());
    }
    state.slots.extend(modules.slots);
    Ok(state)
}

/// A contract has nonce 1 (EIP-161).
fn put_contract(state: &mut Changeset, address: Address, code: Bytes) {
    let code_hash = keccak256(&code);
    state.accounts.insert(address, Some(Account { nonce: 1, balance: U256::ZERO, code_hash }));
    state.code.insert(code_hash, code);
}

fn put_account(state: &mut Changeset, address: Address, account: &GenesisAccount) -> Result<(), GenesisStateError> {
    let wrong = |rule: String| Err(GenesisStateError { field: format!("accounts.{address}"), rule });
    if is_module(address) || address == HISTORY_STORAGE_ADDRESS {
        return wrong("the address is reserved by the ledger: choose another".into());
    }
    let code = &account.code;
    if code.len() > MAX_CODE_SIZE {
        return wrong(format!("code of {} bytes, at most {MAX_CODE_SIZE} (EIP-170)", code.len()));
    }
    if code.first() == Some(&0xef) && !is_delegation(code) {
        return wrong("code begins with 0xef, which is reserved (EIP-3541): use runtime code".into());
    }
    if code.is_empty() && !account.storage.is_empty() {
        return wrong("storage without code: give the contract's runtime code too".into());
    }
    let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
    let nonce = if code.is_empty() { account.nonce } else { account.nonce.max(1) };
    let written = Account { nonce, balance: account.balance, code_hash };
    if written.is_empty() {
        return Ok(());
    }
    state.accounts.insert(address, Some(written));
    if !code.is_empty() {
        state.code.insert(code_hash, code.clone());
    }
    let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
    state.slots.extend(slots.map(|(slot, value)| ((address, *slot), *value)));
    Ok(())
}

/// Block 0, which commits to that state.
pub fn genesis_block(genesis: &Genesis, state_root: B256, target: StateTarget) -> Result<Block, BlockError> {
    let extension = Extension { timestamp_ms: genesis.timestamp_ms, state: target, ..Extension::default() };
    let env = BlockEnv::new(0, B256::ZERO, genesis.timestamp_ms);
    let header = Header {
        state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        ..determined_header(&env, genesis.rules.at(0))
    };
    Block::new(header, extension, Vec::new())
}
