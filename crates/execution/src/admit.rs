//! Admission: may a transaction enter the pool?

use florin_modules::{CallEnv, Storage, ViewStorage};
use florin_types::{Account, Address, B256, Height, Rules, StateFault, StateView, U256, VerifiedTx};
use revm::context_interface::cfg::GasParams;

use crate::{
    Lane, Rejection,
    check::{Accounts, CheckError, NonceRule, check_form, check_sender, cost_max, is_delegation},
    execute::lane,
    machine::evm_spec,
};

/// What the pool needs to know of a transaction that may enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Next nonce of the sender's account; the transaction's is this or above.
    pub account_nonce: u64,
    /// What the sender holds, in wei.
    pub balance: U256,
    /// Most that this transaction may cost, in wei.
    pub cost: U256,
    /// Lane of the transaction.
    pub lane: Lane,
}

/// Why a transaction does not enter the pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// It breaks a rule.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// Whether a transaction may enter the pool, judged by the state after the last finalised block.
///
/// `now_ms` and `height` are those of the next block, `rules` those in force there. A nonce above the account's is
/// admitted: the pool holds gaps. Everything else is judged exactly as in a block.
pub fn admit(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    now_ms: u64,
    height: Height,
    tx: &VerifiedTx,
) -> Result<Admission, AdmitError> {
    let params = GasParams::new_spec(evm_spec(rules));
    check_form(tx, chain_id, rules, &params)?;
    let env = CallEnv { height, timestamp_ms: now_ms, chain_id, ..CallEnv::reader(rules) };
    let mut accounts = ViewAccounts { view, storage: ViewStorage::new(view) };
    let account = check_sender(tx, env, &mut accounts, NonceRule::NextOrLater).map_err(|error| match error {
        CheckError::Rejected(rejection) => AdmitError::Rejected(rejection),
        CheckError::Fault(fault) => AdmitError::Fault(fault),
    })?;
    let lane = lane(tx.tx(), rules);
    Ok(Admission { account_nonce: account.nonce, balance: account.balance, cost: cost_max(tx), lane })
}

struct ViewAccounts<'a> {
    view: &'a dyn StateView,
    storage: ViewStorage<'a>,
}

impl Accounts for ViewAccounts<'_> {
    fn account(&mut self, address: Address) -> Result<Account, StateFault> {
        Ok(self.view.account(address)?.unwrap_or_default())
    }

    fn is_delegated(&mut self, _: Address, code_hash: B256) -> Result<bool, StateFault> {
        Ok(is_delegation(&self.view.code(code_hash)?))
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.storage
    }
}
