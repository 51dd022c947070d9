//! The state before the block, as revm's journal reads it.

use alloy_eips::eip2935::{HISTORY_SERVE_WINDOW, HISTORY_STORAGE_ADDRESS};
use alloy_primitives::map::{AddressMap, HashMap};
use florin_types::{Account, Address, B256, Height, StateFault, StateView, U256};
use revm::{Database, DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};
use std::collections::BTreeMap;

/// A [`StateFault`] on its way through revm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ViewFault(pub(crate) StateFault);

impl DBErrorMarker for ViewFault {}

impl From<StateFault> for ViewFault {
    fn from(fault: StateFault) -> Self {
        Self(fault)
    }
}

/// The state before the block. It remembers what was read: each key is read once, and what a block changed is the
/// difference between the journal and this memory. The maps are never iterated.
pub(crate) struct Base<'a> {
    view: &'a dyn StateView,
    parent_height: Option<Height>,
    parent_hash: B256,
    pretended_hashes: BTreeMap<Height, B256>,
    accounts: AddressMap<Option<Account>>,
    slots: HashMap<(Address, U256), U256>,
}

impl<'a> Base<'a> {
    pub(crate) fn new(view: &'a dyn StateView, parent_height: Option<Height>, parent_hash: B256) -> Self {
        Self {
            view,
            parent_height,
            parent_hash,
            pretended_hashes: BTreeMap::new(),
            accounts: AddressMap::default(),
            slots: HashMap::default(),
        }
    }

    /// Makes room for what so many transactions usually read.
    pub(crate) fn reserve(&mut self, transactions: usize) {
        self.accounts.reserve(transactions);
        self.slots.reserve(transactions.saturating_mul(2));
    }

    /// Answers `BLOCKHASH` with these first.
    pub(crate) fn pretend_hashes(&mut self, hashes: BTreeMap<Height, B256>) {
        self.pretended_hashes = hashes;
    }

    /// The account before the block.
    pub(crate) fn account(&mut self, address: Address) -> Result<Option<Account>, StateFault> {
        if let Some(account) = self.accounts.get(&address) {
            return Ok(*account);
        }
        let account = self.view.account(address)?;
        self.accounts.insert(address, account);
        Ok(account)
    }

    /// The slot before the block.
    pub(crate) fn slot(&mut self, address: Address, slot: U256) -> Result<U256, StateFault> {
        if let Some(value) = self.slots.get(&(address, slot)) {
            return Ok(*value);
        }
        let value = self.view.slot(address, slot)?;
        self.slots.insert((address, slot), value);
        Ok(value)
    }

    /// Fetches slots that will be read soon.
    pub(crate) fn prefetch(&self, slots: impl Iterator<Item = (Address, U256)>) {
        let unread: Vec<_> = slots.filter(|place| !self.slots.contains_key(place)).collect();
        self.view.prefetch(&[], &unread);
    }

    /// Code by its hash.
    pub(crate) fn code(&self, code_hash: B256) -> Result<Bytecode, StateFault> {
        decode_code(self.view, code_hash)
    }

    /// The account before the block, if anybody asked for it.
    pub(crate) fn remembered_account(&self, address: Address) -> Option<Account> {
        self.accounts.get(&address).copied().flatten()
    }

    /// The slot before the block; zero if nobody asked, because then the account did not exist.
    pub(crate) fn remembered_slot(&self, address: Address, slot: U256) -> U256 {
        self.slots.get(&(address, slot)).copied().unwrap_or_default()
    }
}

fn decode_code(view: &dyn StateView, code_hash: B256) -> Result<Bytecode, StateFault> {
    let code = view.code(code_hash)?;
    Bytecode::new_raw_checked(code)
        .map_err(|error| StateFault(format!("code {code_hash} cannot be decoded ({error}): restore the database")))
}

/// Slot of the history contract that holds the hash of the block at `height`. Source: EIP-2935.
pub(crate) fn history_slot(height: Height) -> U256 {
    U256::from(height.checked_rem(HISTORY_SERVE_WINDOW as u64).unwrap_or_default())
}

fn info(account: Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        code: None,
        account_id: None,
    }
}

impl Database for Base<'_> {
    type Error = ViewFault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ViewFault> {
        Ok(self.account(address)?.map(info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ViewFault> {
        Ok(self.code(code_hash)?)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ViewFault> {
        Ok(self.slot(address, slot)?)
    }

    /// revm asks for the last 256 heights only. The answer comes from the history contract (EIP-2935), so that it
    /// depends on the state alone.
    fn block_hash(&mut self, number: u64) -> Result<B256, ViewFault> {
        if let Some(hash) = self.pretended_hashes.get(&number) {
            return Ok(*hash);
        }
        if Some(number) == self.parent_height {
            return Ok(self.parent_hash);
        }
        Ok(B256::from(self.slot(HISTORY_STORAGE_ADDRESS, history_slot(number))?))
    }
}

/// A state view as revm's inspectors read it after a transaction.
pub(crate) struct ViewRef<'a>(pub(crate) &'a dyn StateView);

impl DatabaseRef for ViewRef<'_> {
    type Error = ViewFault;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ViewFault> {
        Ok(self.0.account(address)?.map(info))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, ViewFault> {
        Ok(decode_code(self.0, code_hash)?)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, ViewFault> {
        Ok(self.0.slot(address, slot)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ViewFault> {
        Ok(B256::from(self.0.slot(HISTORY_STORAGE_ADDRESS, history_slot(number))?))
    }
}
