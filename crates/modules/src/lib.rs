//! Native modules of Florin: regulated money and on-ledger compliance, one folder a module, and the layer beneath them.
//!
//! **Place in the way of a payment.** Step 4: a transaction or a contract calls a module's address; execution hands the
//! input to [`dispatch`], which decodes it, runs one operation over a [`Context`] and encodes the answer. A revert
//! undoes everything that the call did, together with the contract that made it.
//!
//! **The layer beneath.** [`Context`] and [`Storage`] (what an operation may use), [`slots`] (typed places in storage,
//! laid out as Solidity does), [`calls`] (strict decoding, the guard against static and delegate calls), errors and
//! events as Solidity's (in each module's `abi.rs`), goldens ([`references()`]). A new module is a folder with the same
//! files and one line in [`Module`] and in [`dispatch`].
//!
//! **Invariants.** No input makes a module panic; nothing is unbounded; calls between modules form an acyclic graph
//! (fx -> {payment, settlement, escrow, channel, voucher} -> token -> policy -> identity; factory -> {token, permission};
//! permission -> governance; staking -> {token, permission, governance}; a call of governance's `punish` is carried out by
//! staking, which asks governance and is asked by none). Each module names its own in `invariants.rs`. What is paused by governance does not change:
//! [`Context::store`] asks, so that no module can forget.
//!
//! **Pure.** No I/O, no clock, no randomness, no async, no floats, no unordered iteration.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects))]

mod address;
mod calendar;
pub mod calls;
pub mod channel;
mod context;
mod costs;
mod errors;
pub mod escrow;
pub mod factory;
pub mod fx;
mod gas;
mod genesis;
pub mod governance;
pub mod identity;
pub mod invariants;
mod lane;
mod memory;
pub mod payment;
pub mod permission;
pub mod policy;
mod prefetch;
mod references;
pub mod settlement;
pub mod slots;
pub mod staking;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod token;
mod typed_data;
mod view;
pub mod voucher;

use alloy_primitives::{Address, Bytes};

pub use address::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, GOVERNANCE_ADDRESS, IDENTITY_ADDRESS,
    MARKER_CODE, Module, PAYMENT_ADDRESS, PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, STAKING_ADDRESS,
    TOKENS_ADDRESS, VOUCHER_ADDRESS, is_module, singleton_addresses, token_address, token_index,
};
pub use context::{
    BATCH_CHANGE_GAS, BATCH_COLD_GAS, BATCH_FILL_GAS, BATCH_WARM_GAS, CALL_GAS, CallEnv, Context, Failure, RECOVER_GAS,
    Storage, Tariff, VERIFY_GAS, WORD_GAS, batch_write_gas,
};
pub use costs::{CostCase, cost_cases};
pub use errors::{Explanation, explain};
pub use genesis::{GenesisState, GenesisStateError, genesis};
pub use lane::{PAYMENT_INPUT_BYTES_MAX, is_payment};
pub use memory::{MemoryStorage, Recover};
pub use prefetch::touched_slots;
pub use references::references;
pub use view::{ViewStorage, query};

pub(crate) use address::can_hold;

/// Answers a call to the module at `address`. Never panics, whatever the input.
///
/// An address that is no module has nobody to answer: it reverts with an unknown selector. Callers ask [`is_module`]
/// first.
pub fn dispatch(context: &mut Context<'_>, address: Address, input: &[u8]) -> Result<Bytes, Failure> {
    context.enter(address);
    match Module::at(address) {
        Some(Module::Policy) => policy::dispatch(context, input),
        Some(Module::Permission) => permission::dispatch(context, input),
        Some(Module::Factory) => factory::dispatch(context, input),
        Some(Module::Exchange) => fx::dispatch(context, input),
        Some(Module::Escrow) => escrow::dispatch(context, input),
        Some(Module::Channel) => channel::dispatch(context, input),
        Some(Module::Settlement) => settlement::dispatch(context, input),
        Some(Module::Identity) => identity::dispatch(context, input),
        Some(Module::Payment) => payment::dispatch(context, input),
        Some(Module::Voucher) => voucher::dispatch(context, input),
        Some(Module::Governance) => governance::dispatch(context, input),
        Some(Module::Staking) => staking::dispatch(context, input),
        Some(Module::Token(token)) => token::dispatch(context, token, input),
        None => calls::unknown(input),
    }
}
