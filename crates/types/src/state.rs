//! What the ledger's state is made of, and the two faces by which the pure core sees it: a view to read, a changeset to
//! write.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use std::collections::BTreeMap;

/// An account: the native unit it holds, its nonce, and the hash of its code.
///
/// Source: Ethereum yellow paper, section 4.1; the storage root is absent because every slot is a leaf of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created by a contract.
    pub nonce: u64,
    /// Native units (wei).
    pub balance: U256,
    /// keccak256 of the code; [`KECCAK256_EMPTY`] for an account without code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

impl Account {
    /// Whether it is empty in the sense of EIP-161, and therefore never stored.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }
}

/// Local corruption or unavailability met while reading state. It is a *fault*: never a verdict about a transaction or
/// block. The reader stops and says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state fault: {0}")]
pub struct StateFault(pub String);

/// The state before a block, as the pure core reads it.
///
/// Reads are synchronous; where the store is asynchronous, the store's side suspends the core, never the other way.
pub trait StateView {
    /// The account at `address`, if it is not empty.
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault>;
    /// The value of `slot` in the storage of `address`; zero if never written.
    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault>;
    /// The code with this hash. A hash that some account names is always present; anything else is a fault.
    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault>;
    /// Tells what will be read soon, so that a store fetches it together for the price of a few reads. It changes no
    /// answer, and a view for which all reads cost the same ignores it.
    fn prefetch(&self, _accounts: &[Address], _slots: &[(Address, U256)]) {}
}

/// What a block changed: the values after it, only for what differs from before. Ordered, so that everything derived
/// from it is the same on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changeset {
    /// Accounts after the block; `None` where an account became empty and is removed.
    pub accounts: BTreeMap<Address, Option<Account>>,
    /// Slots after the block; zero removes the slot.
    pub slots: BTreeMap<(Address, U256), U256>,
    /// Code deployed in the block, by its keccak256.
    pub code: BTreeMap<B256, Bytes>,
}

impl Changeset {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.slots.is_empty() && self.code.is_empty()
    }

    /// Lays a later changeset over this one.
    pub fn extend(&mut self, later: Self) {
        self.accounts.extend(later.accounts);
        self.slots.extend(later.slots);
        self.code.extend(later.code);
    }
}

/// A state held whole in memory: a changeset read as a view. Tests, genesis and offline tools use it.
impl StateView for Changeset {
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault> {
        Ok(self.accounts.get(&address).copied().flatten())
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        Ok(self.slots.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        self.code.get(&code_hash).cloned().ok_or_else(|| StateFault(format!("code {code_hash} is missing")))
    }
}
