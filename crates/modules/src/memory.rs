//! Storage in maps, metered as the EVM meters: genesis is built in it, and tests and gas references run on it.

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use std::collections::BTreeMap;

use crate::context::{BATCH_COLD_GAS, BATCH_WARM_GAS, Failure, RECOVER_GAS, Storage, Tariff, batch_write_gas};

/// Recovers the signer of a digest: `(digest, v, r, s)`.
pub type Recover = fn(B256, u8, B256, B256) -> Option<Address>;

/// Storage in maps.
///
/// Gas follows EIP-2929 (2,100 for a slot first touched in a transaction, 100 after), EIP-2200 without refunds (20,000
/// to fill an empty slot, 2,900 to change a full one, once a transaction), 375 a log, a topic and 8 a byte, 30 and 6 a
/// word for keccak256, 32,000 for an account with code and 200 a byte of it.
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    /// Slots that are not zero.
    pub slots: BTreeMap<(Address, U256), U256>,
    /// Code given to accounts.
    pub code: BTreeMap<Address, Bytes>,
    /// Logs in order.
    pub logs: Vec<Log>,
    /// Gas charged since the transaction began.
    pub gas_used: u64,
    /// Gas at which charging fails.
    pub gas_max: u64,
    recover: Recover,
    tariff: Tariff,
    /// Value, before the transaction, of each slot that it touched.
    touched: BTreeMap<(Address, U256), U256>,
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new(|_, _, _, _| None)
    }
}

impl MemoryStorage {
    /// Empty storage that recovers signers with `recover`.
    pub fn new(recover: Recover) -> Self {
        Self {
            slots: BTreeMap::new(),
            code: BTreeMap::new(),
            logs: Vec::new(),
            gas_used: 0,
            gas_max: u64::MAX,
            recover,
            tariff: Tariff::default(),
            touched: BTreeMap::new(),
        }
    }

    /// Begins a transaction: gas counts from zero and every slot is cold.
    pub fn begin(&mut self, gas_max: u64) {
        self.gas_used = 0;
        self.gas_max = gas_max;
        self.tariff = Tariff::default();
        self.touched.clear();
    }

    /// Slots that the transaction touched, and how many of them it changed.
    pub(crate) fn keys(&self) -> (usize, usize) {
        let changed = self.touched.iter().filter(|(key, original)| self.value(**key) != **original).count();
        (self.touched.len(), changed)
    }

    fn value(&self, key: (Address, U256)) -> U256 {
        self.slots.get(&key).copied().unwrap_or_default()
    }

    /// Whether the transaction touches the slot for the first time; remembers it.
    fn touch(&mut self, key: (Address, U256)) -> bool {
        let value = self.value(key);
        let before = self.touched.len();
        self.touched.entry(key).or_insert(value);
        self.touched.len() > before
    }
}

/// Words of 32 bytes that hold `length` bytes.
fn words(length: usize) -> u64 {
    u64::try_from(length.div_ceil(32)).unwrap_or(u64::MAX)
}

impl Storage for MemoryStorage {
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        let cold = self.touch((address, slot));
        let (cold_gas, warm_gas) = match self.tariff {
            Tariff::Evm => (2_100, 100),
            Tariff::Batch => (BATCH_COLD_GAS, BATCH_WARM_GAS),
        };
        self.charge(if cold { cold_gas } else { warm_gas })?;
        Ok(self.value((address, slot)))
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
        let key = (address, slot);
        let cold = self.touch(key);
        let (original, current) = (self.touched.get(&key).copied().unwrap_or_default(), self.value(key));
        let (cold_gas, write) = match (self.tariff, current == value, original == current, original.is_zero()) {
            (Tariff::Batch, ..) => (BATCH_COLD_GAS, batch_write_gas(original, current, value)),
            (Tariff::Evm, true, _, _) | (Tariff::Evm, false, false, _) => (2_100, 100),
            (Tariff::Evm, false, true, true) => (2_100, 20_000),
            (Tariff::Evm, false, true, false) => (2_100, 2_900),
        };
        self.charge(if cold { cold_gas.saturating_add(write) } else { write })?;
        if value.is_zero() {
            self.slots.remove(&key);
        } else {
            self.slots.insert(key, value);
        }
        Ok(())
    }

    fn set_tariff(&mut self, tariff: Tariff) {
        self.tariff = tariff;
    }

    fn log(&mut self, address: Address, topics: Vec<B256>, data: Bytes) -> Result<(), Failure> {
        let units = topics.len().saturating_add(1);
        let gas = units.saturating_mul(375).saturating_add(data.len().saturating_mul(8));
        self.charge(u64::try_from(gas).unwrap_or(u64::MAX))?;
        self.logs.push(Log::new_unchecked(address, topics, data));
        Ok(())
    }

    fn charge(&mut self, gas: u64) -> Result<(), Failure> {
        let used = self.gas_used.saturating_add(gas);
        if used > self.gas_max {
            return Err(Failure::OutOfGas);
        }
        self.gas_used = used;
        Ok(())
    }

    fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), Failure> {
        let deposit = u64::try_from(code.len().saturating_mul(200)).unwrap_or(u64::MAX);
        self.charge(deposit.saturating_add(32_000))?;
        self.code.insert(address, code);
        Ok(())
    }

    fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
        self.charge(30u64.saturating_add(6u64.saturating_mul(words(data.len()))))?;
        Ok(keccak256(data))
    }

    fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure> {
        self.charge(RECOVER_GAS)?;
        Ok((self.recover)(digest, v, r, s))
    }
}
