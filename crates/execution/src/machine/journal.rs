//! Modules over revm's journal: what a contract's calls and a module's change, they change together and revert
//! together.

use alloy_primitives::{Log, keccak256, uint};
use florin_modules::{BATCH_COLD_GAS, BATCH_WARM_GAS, Failure, Storage, Tariff, batch_write_gas};
use florin_types::{Account, Address, B256, Bytes, StateFault, U256};
use revm::{
    bytecode::Bytecode,
    context::JournalTr as _,
    context_interface::journaled_state::{JournalLoadError, account::JournaledAccountTr as _},
    interpreter::{Gas, SStoreResult},
};

use super::{Machine, MachineContext, ViewFault};

/// Gas of `LOG0` before topics and data. Source: yellow paper, appendix G.
const LOG_GAS: u64 = 375;
/// Gas of keccak256 before its words. Source: yellow paper, appendix G.
const KECCAK_GAS: u64 = 30;
/// Gas of an account that comes into being. Source: yellow paper, appendix G (G_create).
const CREATE_GAS: u64 = 32_000;
/// Half of the order of secp256k1, rounded down: the largest `s` of a signature (EIP-2).
const SECP256K1_HALF_ORDER: U256 = uint!(0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0_U256);

/// The journal as a module's storage, metered.
///
/// Slots cost what `SLOAD` and `SSTORE` cost (EIP-2929, EIP-2200, EIP-3529): the first touch in a transaction is cold.
/// The account of a module is not charged here: the call that reached it paid (EIP-2929), and modules that call each
/// other are one program.
pub(crate) struct JournalStorage<'c, 'a> {
    context: &'c mut MachineContext<'a>,
    gas: Gas,
    tariff: Tariff,
}

impl<'c, 'a> JournalStorage<'c, 'a> {
    pub(crate) fn new(context: &'c mut MachineContext<'a>, gas: Gas) -> Self {
        Self { context, gas, tariff: Tariff::default() }
    }

    /// A write in the batch tariff, which refunds nothing.
    fn store_in_batch(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
        let skip_cold = self.gas.remaining() < BATCH_COLD_GAS;
        let journal = &mut self.context.journaled_state;
        journal.load_account(address).map_err(fault)?;
        let stored = journal.sstore_skip_cold_load(address, slot, value, skip_cold).map_err(load_failure)?;
        let SStoreResult { original_value, present_value, new_value } = stored.data;
        let touch = if stored.is_cold { BATCH_COLD_GAS } else { 0 };
        self.charge(touch.saturating_add(batch_write_gas(original_value, present_value, new_value)))
    }

    /// What is left, and what is to be refunded.
    pub(crate) fn into_gas(self) -> Gas {
        self.gas
    }
}

fn fault(fault: ViewFault) -> Failure {
    Failure::Fault(fault.0)
}

/// A slot that was too expensive to fetch is out of gas; anything else is this machine's fault.
fn load_failure(error: JournalLoadError<ViewFault>) -> Failure {
    match error {
        JournalLoadError::ColdLoadSkipped => Failure::OutOfGas,
        JournalLoadError::DBError(error) => fault(error),
    }
}

impl Storage for JournalStorage<'_, '_> {
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        let params = &self.context.cfg.gas_params;
        let (warm, cold) = match self.tariff {
            Tariff::Evm => (params.warm_storage_read_cost(), params.cold_storage_additional_cost()),
            Tariff::Batch => (BATCH_WARM_GAS, BATCH_COLD_GAS.saturating_sub(BATCH_WARM_GAS)),
        };
        self.charge(warm)?;
        let skip_cold = self.gas.remaining() < cold;
        let journal = &mut self.context.journaled_state;
        journal.load_account(address).map_err(fault)?;
        let loaded = journal.sload_skip_cold_load(address, slot, skip_cold).map_err(load_failure)?;
        if loaded.is_cold {
            self.charge(cold)?;
        }
        Ok(loaded.data)
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
        // EIP-2200: a call that came with the stipend alone must not write.
        if self.gas.remaining() <= self.context.cfg.gas_params.call_stipend() {
            return Err(Failure::OutOfGas);
        }
        if self.tariff == Tariff::Batch {
            return self.store_in_batch(address, slot, value);
        }
        self.charge(self.context.cfg.gas_params.sstore_static_gas())?;
        let skip_cold = self.gas.remaining() < self.context.cfg.gas_params.cold_storage_cost();
        let journal = &mut self.context.journaled_state;
        journal.load_account(address).map_err(fault)?;
        let stored = journal.sstore_skip_cold_load(address, slot, value, skip_cold).map_err(load_failure)?;
        let params = &self.context.cfg.gas_params;
        let cost = params.sstore_dynamic_gas(true, &stored.data, stored.is_cold);
        let refund = params.sstore_refund(true, &stored.data);
        self.charge(cost)?;
        self.gas.record_refund(refund);
        Ok(())
    }

    fn set_tariff(&mut self, tariff: Tariff) {
        self.tariff = tariff;
    }

    fn prefetch(&mut self, slots: &mut dyn Iterator<Item = (Address, U256)>) {
        let payable = self.gas.remaining().checked_div(BATCH_COLD_GAS).and_then(|count| usize::try_from(count).ok());
        self.context.journaled_state.database.prefetch(slots.take(payable.unwrap_or_default()));
    }

    fn log(&mut self, address: Address, topics: Vec<B256>, data: Bytes) -> Result<(), Failure> {
        let count = u8::try_from(topics.len()).unwrap_or(u8::MAX);
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.charge(LOG_GAS.saturating_add(self.context.cfg.gas_params.log_cost(count, length)))?;
        self.context.journaled_state.log(Log::new_unchecked(address, topics, data));
        Ok(())
    }

    fn charge(&mut self, gas: u64) -> Result<(), Failure> {
        if self.gas.record_regular_cost(gas) { Ok(()) } else { Err(Failure::OutOfGas) }
    }

    fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), Failure> {
        let deposit = self.context.cfg.gas_params.code_deposit_cost(code.len());
        self.charge(CREATE_GAS.saturating_add(deposit))?;
        let journal = &mut self.context.journaled_state;
        let mut account = journal.load_account_mut(address).map_err(fault)?.data;
        account.set_code_and_hash_slow(Bytecode::new_legacy(code));
        // As any contract's (EIP-161).
        account.set_nonce(1);
        Ok(())
    }

    fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
        let words = self.context.cfg.gas_params.keccak256_cost(data.len());
        self.charge(KECCAK_GAS.saturating_add(words))?;
        Ok(keccak256(data))
    }

    fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure> {
        self.charge(florin_modules::RECOVER_GAS)?;
        let recovery = match v {
            27 => 0,
            28 => 1,
            _ => return Ok(None),
        };
        if U256::from_be_bytes(s.0) > SECP256K1_HALF_ORDER {
            return Ok(None);
        }
        let mut signature = [0u8; 64];
        signature[..32].copy_from_slice(r.as_slice());
        signature[32..].copy_from_slice(s.as_slice());
        let word = revm::precompile::interface::crypto().secp256k1_ecrecover(&signature, recovery, &digest.0);
        Ok(word.ok().map(|word| Address::from_word(B256::from(word))))
    }
}

/// The state as it stands inside the block, read without a trace: nothing becomes warm, nothing is charged. What decides
/// about a transaction before it runs reads through this.
pub(crate) struct Present<'c, 'a>(pub(crate) &'c mut MachineContext<'a>);

impl Present<'_, '_> {
    /// The account now.
    pub(crate) fn account(&mut self, address: Address) -> Result<Account, StateFault> {
        let journal = &mut self.0.journaled_state;
        let Some(account) = journal.inner.state.get(&address) else {
            return Ok(journal.database.account(address)?.unwrap_or_default());
        };
        let transaction = journal.inner.transaction_id;
        if account.is_selfdestructed_locally() && account.is_cold_transaction_id(transaction) {
            return Ok(Account::default());
        }
        let info = &account.info;
        Ok(Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash })
    }

    /// The code of an account now.
    pub(crate) fn code(&mut self, address: Address, code_hash: B256) -> Result<Bytecode, StateFault> {
        let journal = &mut self.0.journaled_state;
        let journaled = journal.inner.state.get(&address).and_then(|account| account.info.code.clone());
        journaled.map_or_else(|| journal.database.code(code_hash), Ok)
    }
}

/// The face that modules see; nothing that reads through it may write.
impl Storage for Present<'_, '_> {
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        let journal = &mut self.0.journaled_state;
        let journaled = journal.inner.state.get(&address).and_then(|account| account.storage.get(&slot));
        match journaled {
            Some(slot) => Ok(slot.present_value),
            None => Ok(journal.database.slot(address, slot)?),
        }
    }

    fn store(&mut self, _: Address, _: U256, _: U256) -> Result<(), Failure> {
        read_only()
    }

    fn set_tariff(&mut self, _: Tariff) {}

    fn log(&mut self, _: Address, _: Vec<B256>, _: Bytes) -> Result<(), Failure> {
        read_only()
    }

    fn charge(&mut self, _: u64) -> Result<(), Failure> {
        Ok(())
    }

    fn set_code(&mut self, _: Address, _: Bytes) -> Result<(), Failure> {
        read_only()
    }

    fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
        Ok(keccak256(data))
    }

    fn recover(&mut self, _: B256, _: u8, _: B256, _: B256) -> Result<Option<Address>, Failure> {
        read_only()
    }
}

fn read_only<T>() -> Result<T, Failure> {
    Err(Failure::Fault(StateFault("a question to a module tried to change state: report this defect".into())))
}

/// Runs a module's function on the journal outside of any transaction, unmetered, and commits what it did.
pub(crate) fn run_system<I, T>(
    machine: &mut Machine<'_, I>,
    operation: impl FnOnce(&mut dyn Storage) -> Result<T, Failure>,
) -> Result<T, StateFault> {
    let mut storage = JournalStorage::new(&mut machine.ctx, Gas::new(u64::MAX));
    let outcome = operation(&mut storage);
    machine.ctx.journaled_state.commit_tx();
    outcome.map_err(unexpected)
}

/// A failure where a module has no reason to fail.
pub(crate) fn unexpected(failure: Failure) -> StateFault {
    match failure {
        Failure::Fault(fault) => fault,
        Failure::OutOfGas => StateFault("a module ran out of gas where none is charged: report this defect".into()),
        Failure::Revert(data) => {
            StateFault(format!("a module's state cannot be read, it answered {data}: the state is damaged"))
        }
    }
}
