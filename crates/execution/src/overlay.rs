//! A state with changes laid over it: what a caller pretends, or what the transactions before a traced one did.

use alloy_primitives::keccak256;
use florin_modules::is_module;
use florin_types::{Account, Address, B256, Bytes, Changeset, StateFault, StateView, U256};
use revm::{bytecode::Bytecode, handler::EthPrecompiles, primitives::hardfork::SpecId};
use std::collections::BTreeSet;

use crate::{CallError, StateOverride};

/// A view, and changes that win over it.
pub(crate) struct Overlay<'a> {
    view: &'a dyn StateView,
    changes: Changeset,
    /// Accounts whose whole storage is replaced.
    replaced: BTreeSet<Address>,
    /// Whether storage of a module is pretended.
    pretends_modules: bool,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(view: &'a dyn StateView, changes: Changeset) -> Self {
        Self { view, changes, replaced: BTreeSet::new(), pretends_modules: false }
    }

    /// Lays later changes on top.
    pub(crate) fn extend(&mut self, later: Changeset) {
        self.changes.extend(later);
    }

    /// The view as a caller of `eth_call` pretends it to be.
    pub(crate) fn pretend(view: &'a dyn StateView, overrides: Option<&StateOverride>) -> Result<Self, CallError> {
        let mut overlay = Self::new(view, Changeset::default());
        overlay.lay(overrides)?;
        Ok(overlay)
    }

    /// Lays what a caller pretends on top.
    pub(crate) fn lay(&mut self, overrides: Option<&StateOverride>) -> Result<(), CallError> {
        let precompiles = EthPrecompiles::new(SpecId::OSAKA);
        for (address, account) in overrides.into_iter().flatten() {
            let wrong = |rule: &str| Err(CallError::Request(format!("state override of {address}: {rule}")));
            if account.move_precompile_to.is_some() {
                return wrong("precompiled contracts cannot be moved: leave movePrecompileToAddress out");
            }
            if account.code.is_some() && (is_module(*address) || precompiles.contains(address)) {
                return wrong("a native contract's code cannot be replaced: override its state instead");
            }
            if account.code.as_ref().is_some_and(|code| Bytecode::new_raw_checked(code.clone()).is_err()) {
                return wrong("the code is a delegation (EIP-7702) that is cut or of unknown version: correct it");
            }
            if account.state.is_some() && account.state_diff.is_some() {
                return wrong("both state and stateDiff are given: choose one");
            }
            let mut present = self.account(*address)?.unwrap_or_default();
            present.balance = account.balance.unwrap_or(present.balance);
            present.nonce = account.nonce.unwrap_or(present.nonce);
            if let Some(code) = &account.code {
                present.code_hash = keccak256(code);
                self.changes.code.insert(present.code_hash, code.clone());
            }
            self.changes.accounts.insert(*address, (!present.is_empty()).then_some(present));
            if account.state.is_some() {
                self.replaced.insert(*address);
                self.changes.slots.retain(|(of, _), _| of != address);
            }
            self.pretends_modules |= is_module(*address) && (account.state.is_some() || account.state_diff.is_some());
            let slots = account.state.iter().chain(&account.state_diff).flatten();
            let word = |word: &B256| U256::from_be_bytes(word.0);
            self.changes.slots.extend(slots.map(|(slot, value)| ((*address, word(slot)), word(value))));
        }
        Ok(())
    }

    /// A module that finds what it never wrote speaks of corruption. Where its storage is pretended, the request is what
    /// is wrong; should the store be damaged too, every other read says so.
    pub(crate) fn blame(&self, error: CallError) -> CallError {
        match error {
            CallError::Fault(fault) if self.pretends_modules => {
                CallError::Request(format!("the state override of a native contract's storage is not valid: {fault}"))
            }
            error => error,
        }
    }
}

impl StateView for Overlay<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault> {
        self.changes.accounts.get(&address).map_or_else(|| self.view.account(address), |account| Ok(*account))
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        match self.changes.slots.get(&(address, slot)) {
            Some(value) => Ok(*value),
            None if self.replaced.contains(&address) => Ok(U256::ZERO),
            None => self.view.slot(address, slot),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault> {
        self.changes.code.get(&code_hash).map_or_else(|| self.view.code(code_hash), |code| Ok(code.clone()))
    }

    fn prefetch(&self, accounts: &[Address], slots: &[(Address, U256)]) {
        self.view.prefetch(accounts, slots);
    }
}
