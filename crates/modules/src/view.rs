//! Reading modules from outside of execution: consensus, RPC and `florin inspect` ask the same functions that contracts
//! do, over any state view and without gas.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use florin_types::StateView;

use crate::calls::IModule;
use crate::context::{CallEnv, Context, Failure, Storage, Tariff, revert};

/// A state view as a module's storage: it reads for free and refuses to change anything.
pub struct ViewStorage<'a> {
    view: &'a dyn StateView,
}

impl<'a> ViewStorage<'a> {
    /// Reads from `view`.
    pub fn new(view: &'a dyn StateView) -> Self {
        Self { view }
    }
}

/// Runs `read` over a state view. What it returns is what a contract would see at that state.
pub fn query<T>(
    view: &dyn StateView,
    env: CallEnv<'_>,
    read: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut storage = ViewStorage::new(view);
    read(&mut Context::new(CallEnv { is_static: true, ..env }, &mut storage))
}

fn read_only<T>() -> Result<T, Failure> {
    Err(revert(IModule::StaticCallForbidden {}))
}

impl Storage for ViewStorage<'_> {
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        Ok(self.view.slot(address, slot)?)
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

    /// Signatures are checked only by operations that change state.
    fn recover(&mut self, _: B256, _: u8, _: B256, _: B256) -> Result<Option<Address>, Failure> {
        read_only()
    }
}
