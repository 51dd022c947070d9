//! What an operation is given: who calls, in which block, under which rules, and a storage that meters itself.
//!
//! [`Storage`] has three implementations: execution's over the EVM's journal (so that a contract's calls and a module's
//! revert together), [`crate::ViewStorage`] over a state view, and [`crate::MemoryStorage`] for genesis and tests.
//! A module reaches the outside through [`Context`] alone; there is nothing else to reach.
//!
//! **Gas.** Storage prices its own work, as the EVM does (EIP-2929, EIP-2200, EIP-3529; logs and hashes by the yellow
//! paper, appendix G). A call to a module costs [`CALL_GAS`] plus [`WORD_GAS`] per word of input on top, paid before
//! the input is read.
//!
//! **Reentrancy** cannot happen: a module calls no contract and no precompile, only Rust functions of modules below it
//! in an acyclic graph (see the crate's own page). Control never leaves before an operation has
//! ended.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolError, SolEvent};
use florin_types::{Rules, StateFault};
use sha2::{Digest, Sha256};

use std::fmt;

use crate::{
    GOVERNANCE_ADDRESS,
    calls::IModule,
    can_hold,
    errors::explain,
    governance::{self, Standing},
};

/// Gas of any call to a module, before its storage is touched.
pub const CALL_GAS: u64 = 100;
/// Gas for each word (32 bytes, rounded up) of a call's input.
pub const WORD_GAS: u64 = 6;
/// Gas of one signature recovery: what the precompile ECRECOVER costs.
pub const RECOVER_GAS: u64 = 3_000;
/// Gas of checking one ed25519 signature by the rule of node keys (ZIP-215). It takes about as long as a recovery.
pub const VERIFY_GAS: u64 = RECOVER_GAS;
/// Gas of sha256 before its data, and for each word of it: what the precompile SHA2-256 costs.
const SHA256_GAS: (u64, u64) = (60, 12);

/// Why an operation did not happen. Nothing that it did remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A rule forbids it: the ABI encoding of a Solidity custom error, for the caller to decode.
    Revert(Bytes),
    /// The gas given does not suffice.
    OutOfGas,
    /// Local corruption. Not a verdict about the call: the node stops and says so.
    Fault(StateFault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revert(data) => match explain(data) {
                Some(error) => error.fmt(f),
                None => write!(f, "reverted with {data}"),
            },
            Self::OutOfGas => f.write_str("out of gas: give the call more"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<StateFault> for Failure {
    fn from(fault: StateFault) -> Self {
        Self::Fault(fault)
    }
}

/// A failure that reverts with `error`.
pub(crate) fn revert(error: impl SolError) -> Failure {
    Failure::Revert(error.abi_encode().into())
}

/// Reverts with the error unless `rule` holds.
pub(crate) fn ensure<E: SolError>(rule: bool, error: impl FnOnce() -> E) -> Result<(), Failure> {
    if rule { Ok(()) } else { Err(revert(error())) }
}

/// What slots cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tariff {
    /// As the EVM does: EIP-2929, EIP-2200 and EIP-3529.
    #[default]
    Evm,
    /// As [`BATCH_COLD_GAS`] and its siblings say, for the items of a batch. Decision 0061 has the measurements.
    Batch,
}

/// Batch tariff: a slot first touched in a transaction.
pub const BATCH_COLD_GAS: u64 = 1_500;
/// Batch tariff: a slot touched before; a write that changes nothing, or changes again.
pub const BATCH_WARM_GAS: u64 = 100;
/// Batch tariff: the first write of a transaction to a slot that was not empty, beside the touch.
pub const BATCH_CHANGE_GAS: u64 = 2_500;
/// Batch tariff: the first write of a transaction to a slot that was empty, beside the touch.
pub const BATCH_FILL_GAS: u64 = 7_000;

/// Gas of a write in the batch tariff, beside the touch, where `original` is the value before the transaction.
pub fn batch_write_gas(original: U256, current: U256, value: U256) -> u64 {
    match (current == value, original == current, original.is_zero()) {
        (true, _, _) | (false, false, _) => BATCH_WARM_GAS,
        (false, true, true) => BATCH_FILL_GAS,
        (false, true, false) => BATCH_CHANGE_GAS,
    }
}

/// State as a module sees it. Every method charges what it costs before it acts.
pub trait Storage {
    /// Value of a slot; zero if never written.
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure>;
    /// Writes a slot.
    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure>;
    /// Tells which slots will be read and paid for next, so that a store fetches them together. It charges nothing and
    /// makes nothing warm, and takes no more of them than the gas that is left can pay for: finding one out costs, too.
    fn prefetch(&mut self, _slots: &mut dyn Iterator<Item = (Address, U256)>) {}
    /// From now on slots cost what the tariff says. Warm and cold are remembered across tariffs.
    fn set_tariff(&mut self, tariff: Tariff);
    /// Emits a log in the name of a module.
    fn log(&mut self, address: Address, topics: Vec<B256>, data: Bytes) -> Result<(), Failure>;
    /// Charges gas for work that storage does not see.
    fn charge(&mut self, gas: u64) -> Result<(), Failure>;
    /// Gives an account code. Only ever [`crate::MARKER_CODE`], for a module that comes into being.
    fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), Failure>;
    /// keccak256; charges 30 and 6 per word.
    fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure>;
    /// Address whose key signed `digest` (`v` is 27 or 28), absent if none did or `s` is in the upper half (EIP-2);
    /// charges [`RECOVER_GAS`].
    fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure>;
}

/// Who calls, and in which block.
#[derive(Clone, Copy, Debug)]
pub struct CallEnv<'a> {
    /// Who calls the module: an account or a contract (`msg.sender`).
    pub caller: Address,
    /// Who signed the transaction (`tx.origin`).
    pub origin: Address,
    /// Native units sent along; modules accept none.
    pub value: U256,
    /// Number of the block.
    pub height: u64,
    /// Time of the block in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// Whether state must not change (STATICCALL somewhere above, EIP-214).
    pub is_static: bool,
    /// What governance says in this transaction.
    pub standing: Standing,
    /// Whether the module was reached by DELEGATECALL or CALLCODE, in another account's name; modules refuse it.
    pub is_delegated: bool,
    /// Rules in force in the block.
    pub rules: &'a Rules,
}

impl<'a> CallEnv<'a> {
    /// The environment of a read from outside of any transaction: nobody calls, nothing may change.
    pub fn reader(rules: &'a Rules) -> Self {
        Self {
            caller: Address::ZERO,
            origin: Address::ZERO,
            value: U256::ZERO,
            height: 0,
            timestamp_ms: 0,
            chain_id: 0,
            is_static: true,
            standing: Standing::default(),
            is_delegated: false,
            rules,
        }
    }

    /// Whether an address can hold a balance or a role: someone may act for it. Nobody ever does for the zero address, for
    /// modules and addresses kept for modules to come, and for governance where there is none.
    pub(crate) fn can_hold(&self, address: Address) -> bool {
        can_hold(address) && (address != GOVERNANCE_ADDRESS || self.standing.is_established)
    }

    /// Block time in whole seconds, as the EVM's TIMESTAMP has it.
    pub fn timestamp_seconds(&self) -> u64 {
        self.timestamp_ms.checked_div(1_000).unwrap_or_default()
    }
}

/// Everything an operation may use.
pub struct Context<'a> {
    env: CallEnv<'a>,
    storage: &'a mut dyn Storage,
    /// The module that was called.
    called: Address,
}

impl<'a> Context<'a> {
    /// A context over `storage`.
    pub fn new(env: CallEnv<'a>, storage: &'a mut dyn Storage) -> Self {
        Self { env, storage, called: Address::ZERO }
    }

    /// The module at `address` answers the call.
    pub(crate) fn enter(&mut self, address: Address) {
        self.called = address;
    }

    /// The same storage at another block time: to decide again what was decided then.
    pub(crate) fn at_time(&mut self, timestamp_ms: u64) -> Context<'_> {
        Context { env: CallEnv { timestamp_ms, ..self.env }, storage: &mut *self.storage, called: self.called }
    }

    /// Who calls, and in which block.
    pub fn env(&self) -> &CallEnv<'a> {
        &self.env
    }

    /// Who calls (`msg.sender`).
    pub fn caller(&self) -> Address {
        self.env.caller
    }

    /// Value of a slot.
    pub fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        self.storage.load(address, slot)
    }

    /// Tells which slots will be read next, of which only as many are worked out as can be paid for. Only where a rule
    /// that ends the operation early takes all of its gas: what was fetched would otherwise be free.
    pub(crate) fn prefetch(&mut self, mut slots: impl Iterator<Item = (Address, U256)>) {
        self.storage.prefetch(&mut slots);
    }

    /// Writes a slot.
    pub fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
        self.ensure_mutable()?;
        self.ensure_running(address)?;
        self.storage.store(address, slot, value)
    }

    /// Emits an event in the name of the module at `address`.
    pub fn emit(&mut self, address: Address, event: &impl SolEvent) -> Result<(), Failure> {
        self.ensure_mutable()?;
        let log = event.encode_log_data();
        let (topics, data) = log.split();
        self.storage.log(address, topics, data)
    }

    /// Runs `work` while slots cost what the tariff says.
    pub(crate) fn at_tariff<T>(
        &mut self,
        tariff: Tariff,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.storage.set_tariff(tariff);
        let outcome = work(self);
        self.storage.set_tariff(Tariff::default());
        outcome
    }

    /// Charges gas.
    pub fn charge(&mut self, gas: u64) -> Result<(), Failure> {
        self.storage.charge(gas)
    }

    /// Marks an address as a module that exists.
    pub fn mark(&mut self, address: Address) -> Result<(), Failure> {
        self.ensure_mutable()?;
        self.storage.set_code(address, crate::MARKER_CODE)
    }

    /// keccak256 of `data`.
    pub fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
        self.storage.keccak(data)
    }

    /// sha256 of `data`, at the precompile's price.
    pub fn sha256(&mut self, data: &[u8]) -> Result<B256, Failure> {
        let (base, word) = SHA256_GAS;
        let words = u64::try_from(data.len().div_ceil(32)).unwrap_or(u64::MAX);
        self.charge(base.saturating_add(word.saturating_mul(words)))?;
        Ok(B256::from_slice(&Sha256::digest(data)))
    }

    /// Address whose key signed `digest`, if any did.
    pub fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure> {
        self.storage.recover(digest, v, r, s)
    }

    /// Reverts where state must not change. Dispatch asks before an operation starts; asking again at each write
    /// means that no operation can forget.
    pub(crate) fn ensure_mutable(&self) -> Result<(), Failure> {
        ensure(!self.env.is_static, || IModule::StaticCallForbidden {})
    }

    /// Whether an address can hold a balance or a role.
    pub(crate) fn can_hold(&self, address: Address) -> bool {
        self.env.can_hold(address)
    }

    /// Whether the module at `address` is paused.
    pub(crate) fn is_paused(&self, address: Address) -> bool {
        self.env.standing.paused.contains(address)
    }

    /// Whether any module is paused.
    pub(crate) fn is_anything_paused(&self) -> bool {
        !self.env.standing.paused.is_empty()
    }

    /// Reverts where the state of the module at `address` must not change because it is paused. What governance does
    /// passes, so that a paused module can be repaired. Like the guard above it is asked before an operation starts, of
    /// the module that was called, and at each write, of the module that is written.
    fn ensure_running(&mut self, address: Address) -> Result<(), Failure> {
        let paused = self.env.standing.paused;
        if paused.is_empty() || self.env.caller == GOVERNANCE_ADDRESS || !paused.contains(address) {
            return Ok(());
        }
        Err(governance::refusal(self, address))
    }

    /// Both guards, for the module that was called.
    pub(crate) fn ensure_may_change(&mut self) -> Result<(), Failure> {
        self.ensure_mutable()?;
        self.ensure_running(self.called)
    }
}
