//! Whether a transaction may be included, decided the same way at admission and in a block.
//!
//! **Order of verdicts.** What the transaction says of itself comes first (chain, gas limit, fees, size, authorizations,
//! intrinsic gas), then what the ledger says of its sender (permission to transact, permission to deploy, code, nonce,
//! funds, quota). The order is permanent: a transaction with two faults always gets the same code.

use alloy_consensus::{Transaction as _, Typed2718 as _};
use alloy_eips::eip7702::constants::EIP7702_TX_TYPE_ID;
use alloy_primitives::KECCAK256_EMPTY;
use florin_modules::{Context as ModuleContext, Failure, Storage, permission};
use florin_types::{Account, Address, B256, Bytes, Rules, StateFault, U256, VerifiedTx};
use revm::{context_interface::cfg::GasParams, primitives::eip3860::MAX_INITCODE_SIZE};

use crate::Rejection;

/// What the ledger says of accounts, at admission (a state view) or inside a block (the journal).
pub(crate) trait Accounts {
    /// The account at `address`.
    fn account(&mut self, address: Address) -> Result<Account, StateFault>;
    /// Whether the account's code is an EIP-7702 delegation.
    fn is_delegated(&mut self, address: Address, code_hash: B256) -> Result<bool, StateFault>;
    /// The modules' storage.
    fn storage(&mut self) -> &mut dyn Storage;
}

/// Which nonces pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceRule {
    /// The account's next one: in a block.
    Next,
    /// That or any above: in the pool.
    NextOrLater,
}

/// A verdict or a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckError {
    Rejected(Rejection),
    Fault(StateFault),
}

impl From<Rejection> for CheckError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<StateFault> for CheckError {
    fn from(fault: StateFault) -> Self {
        Self::Fault(fault)
    }
}

/// Most that a transaction may cost its sender, in wei: gas at the fee cap, and the value.
pub(crate) fn cost_max(tx: &VerifiedTx) -> U256 {
    let fee = U256::from(tx.tx().gas_limit()).saturating_mul(U256::from(tx.tx().max_fee_per_gas()));
    fee.saturating_add(tx.tx().value())
}

/// Checks what the transaction says of itself.
pub(crate) fn check_form(tx: &VerifiedTx, chain_id: u64, rules: &Rules, params: &GasParams) -> Result<(), Rejection> {
    let tx = tx.tx();
    if tx.is_eip4844() {
        return Err(Rejection::BlobsUnsupported);
    }
    if tx.chain_id().map_or(!tx.is_legacy(), |found| found != chain_id) {
        return Err(Rejection::WrongChain { found: tx.chain_id(), expected: chain_id });
    }
    check_gas_and_fees(tx, rules)?;
    let input_bytes = tx.input().len();
    if tx.kind().is_create() && input_bytes > MAX_INITCODE_SIZE {
        let bytes = u64::try_from(input_bytes).unwrap_or(u64::MAX);
        return Err(Rejection::InitCodeTooLarge { bytes, bytes_max: MAX_INITCODE_SIZE as u64 });
    }
    if tx.ty() == EIP7702_TX_TYPE_ID && tx.authorization_list().is_none_or(|list| list.is_empty()) {
        return Err(Rejection::AuthorizationListEmpty);
    }
    // EIP-2681: the nonce after it must exist too.
    if tx.nonce() == u64::MAX {
        return Err(Rejection::NonceOutOfRange { nonce: tx.nonce() });
    }
    let gas_required = gas_required(tx, params);
    if tx.gas_limit() < gas_required {
        return Err(Rejection::IntrinsicGas { gas_limit: tx.gas_limit(), gas_required });
    }
    Ok(())
}

fn check_gas_and_fees(tx: &florin_types::TxEnvelope, rules: &Rules) -> Result<(), Rejection> {
    let (gas_limit, max_fee_wei) = (tx.gas_limit(), tx.max_fee_per_gas());
    if gas_limit > rules.transaction_gas_max {
        return Err(Rejection::GasLimitTooHigh { gas_limit, gas_max: rules.transaction_gas_max });
    }
    if let Some(max_priority_fee_wei) = tx.max_priority_fee_per_gas()
        && max_priority_fee_wei > max_fee_wei
    {
        return Err(Rejection::PriorityFeeAboveMaxFee { max_priority_fee_wei, max_fee_wei });
    }
    if max_fee_wei < u128::from(rules.base_fee_wei) {
        return Err(Rejection::FeeTooLow { max_fee_wei, base_fee_wei: rules.base_fee_wei });
    }
    // The machine multiplies gas and price in 128 bits.
    if u128::from(gas_limit).checked_mul(max_fee_wei).is_none() {
        return Err(Rejection::FeeOutOfRange { gas_limit, max_fee_wei });
    }
    Ok(())
}

/// Gas that a transaction needs before anything runs: intrinsic gas or, where that is more, the floor (EIP-7623).
pub(crate) fn gas_required(tx: &florin_types::TxEnvelope, params: &GasParams) -> u64 {
    let (addresses, keys) = tx.access_list().map_or((0, 0), |list| {
        let keys = list.iter().map(|item| item.storage_keys.len() as u64).fold(0, u64::saturating_add);
        (list.len() as u64, keys)
    });
    let authorizations = tx.authorization_list().map_or(0, |list| list.len() as u64);
    let gas = params.initial_tx_gas(tx.input(), tx.kind().is_create(), addresses, keys, authorizations, None);
    gas.initial_total_gas().max(gas.floor_gas())
}

/// Checks what the ledger says of the sender. Gives the sender's account.
pub(crate) fn check_sender(
    tx: &VerifiedTx,
    env: florin_modules::CallEnv<'_>,
    accounts: &mut dyn Accounts,
    nonce_rule: NonceRule,
) -> Result<Account, CheckError> {
    let sender = tx.sender();
    let account = accounts.account(sender)?;
    let mut context = ModuleContext::new(env, accounts.storage());
    if !permission::may_transact(&mut context, sender).map_err(fault)? {
        return Err(Rejection::SenderNotPermitted { sender }.into());
    }
    if tx.tx().kind().is_create() && !permission::may_deploy(&mut context, sender).map_err(fault)? {
        return Err(Rejection::DeployNotPermitted { sender }.into());
    }
    if account.code_hash != KECCAK256_EMPTY && !accounts.is_delegated(sender, account.code_hash)? {
        return Err(Rejection::SenderHasCode { sender }.into());
    }
    let (nonce, account_nonce) = (tx.tx().nonce(), account.nonce);
    if nonce < account_nonce {
        return Err(Rejection::NonceTooLow { nonce, account_nonce }.into());
    }
    if nonce > account_nonce && nonce_rule == NonceRule::Next {
        return Err(Rejection::NonceTooHigh { nonce, account_nonce }.into());
    }
    let cost = cost_max(tx);
    if account.balance < cost {
        return Err(Rejection::InsufficientFunds { sender, cost, balance: account.balance }.into());
    }
    check_quota(tx, env, accounts.storage())?;
    Ok(account)
}

fn check_quota(tx: &VerifiedTx, env: florin_modules::CallEnv<'_>, storage: &mut dyn Storage) -> Result<(), CheckError> {
    let (sender, gas_limit) = (tx.sender(), tx.tx().gas_limit());
    let usage = permission::quota::usage(&mut ModuleContext::new(env, storage), sender).map_err(fault)?;
    match usage {
        Some(usage) if usage.gas_used.saturating_add(gas_limit) > usage.gas_max => Err(Rejection::QuotaExceeded {
            sender,
            gas_used: usage.gas_used,
            gas_limit,
            gas_quota: usage.gas_max,
            resumes_at_ms: usage.period_end_ms,
        }
        .into()),
        _ => Ok(()),
    }
}

fn fault(failure: Failure) -> CheckError {
    CheckError::Fault(crate::machine::unexpected(failure))
}

/// Whether code is an EIP-7702 delegation (`0xef0100` and an address).
pub(crate) fn is_delegation(code: &Bytes) -> bool {
    code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00])
}
