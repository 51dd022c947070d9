//! The Ethereum virtual machine, with native modules in it.
//!
//! One [`Machine`] lives as long as a block: its journal keeps what the block changed so far, and transactions follow
//! each other in it without anything being copied. Everything that knows revm's shape stands in this folder.

mod base;
pub(crate) mod create;
mod journal;
mod stop;

use alloy_consensus::{Transaction as _, Typed2718 as _};
use alloy_primitives::KECCAK256_EMPTY;
use florin_modules::{
    CALL_GAS, CallEnv, Context as ModuleContext, Failure, GOVERNANCE_ADDRESS, WORD_GAS,
    governance::{self, Standing},
    is_module,
};
use florin_types::{Account, Changeset, EvmSpec, Rules, StateFault, StateView, U256, VerifiedTx};
use revm::{
    Context, ExecuteEvm as _, InspectEvm as _, Inspector, Journal,
    bytecode::opcode,
    context::{
        BlockEnv as EvmBlock, CfgEnv, Evm, JournalTr as _, TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
    handler::{EthFrame, EthPrecompiles, PrecompileProvider, instructions::EthInstructions},
    interpreter::{
        CallInputs, CallScheme, Gas, Instruction, InstructionResult, InterpreterResult, interpreter::EthInterpreter,
    },
    primitives::{AddressSet, eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE, hardfork::SpecId},
    state::EvmState,
};

use crate::BlockEnv;
pub(crate) use base::{Base, ViewFault, ViewRef, history_slot};
use create::create;
pub(crate) use journal::{JournalStorage, Present, run_system, unexpected};
pub use stop::Stop;
pub(crate) use stop::stoppable;

/// revm's context over a [`Base`], with what the ledger adds.
pub(crate) type MachineContext<'a> = Context<EvmBlock, TxEnv, CfgEnv, Base<'a>, Journal<Base<'a>>, Ledger<'a>>;

/// The machine of one block, with an inspector for traces.
pub(crate) type Machine<'a, I = ()> = Evm<
    MachineContext<'a>,
    I,
    EthInstructions<EthInterpreter, MachineContext<'a>>,
    Precompiles,
    EthFrame<EthInterpreter>,
>;

/// Why a transaction has no result.
pub(crate) type MachineError = EVMError<ViewFault, InvalidTransaction>;

/// What modules and permissions need to know of the block.
pub(crate) struct Ledger<'a> {
    /// Rules in force.
    pub(crate) rules: &'a Rules,
    /// Number of the block.
    pub(crate) height: u64,
    /// Block time in milliseconds.
    pub(crate) timestamp_ms: u64,
    /// Chain id.
    pub(crate) chain_id: u64,
    /// What governance says in this transaction; absent until somebody has looked.
    standing: Option<Standing>,
    /// Whether the permission to create contracts is asked for. Simulations of calls do not ask.
    pub(crate) guards_deployment: bool,
    /// What ends the run, where it is a simulation.
    stop: Option<Stop>,
}

impl<'a> Ledger<'a> {
    /// Whether nobody waits for this run any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::is_set)
    }

    /// The environment of a question to a module from outside of any call.
    pub(crate) fn reader(&self) -> CallEnv<'a> {
        CallEnv {
            height: self.height,
            timestamp_ms: self.timestamp_ms,
            chain_id: self.chain_id,
            ..CallEnv::reader(self.rules)
        }
    }
}

/// Sets up a machine for a block.
pub(crate) fn machine<'a>(view: &'a dyn StateView, chain_id: u64, rules: &'a Rules, env: &BlockEnv) -> Machine<'a> {
    let spec = evm_spec(rules);
    let base = Base::new(view, env.height.checked_sub(1), env.parent_hash);
    let ledger = Ledger {
        rules,
        height: env.height,
        timestamp_ms: env.timestamp_ms,
        chain_id,
        standing: None,
        guards_deployment: true,
        stop: None,
    };
    let mut cfg = CfgEnv::new().with_spec_and_mainnet_gas_params(spec).with_chain_id(chain_id);
    cfg.tx_gas_limit_cap = Some(rules.transaction_gas_max);
    let context = Context {
        block: block_env(rules, env),
        tx: TxEnv::default(),
        cfg,
        journaled_state: Journal::new(base),
        chain: ledger,
        local: Default::default(),
        error: Ok(()),
    };
    let mut instructions = EthInstructions::new_mainnet_with_spec(spec);
    let gas = *instructions.gas_table();
    instructions.insert_instruction(
        opcode::CREATE,
        Instruction::new(create::<false>),
        gas[usize::from(opcode::CREATE)],
    );
    instructions.insert_instruction(
        opcode::CREATE2,
        Instruction::new(create::<true>),
        gas[usize::from(opcode::CREATE2)],
    );
    let mut machine = Evm::new(context, instructions, Precompiles { ethereum: EthPrecompiles::new(spec) });
    machine.ctx.journaled_state.set_spec_id(spec);
    machine
}

/// Makes room for what so many transactions usually touch, instead of growing into it.
pub(crate) fn reserve(machine: &mut Machine<'_>, transactions: usize) {
    let journal = &mut machine.ctx.journaled_state;
    journal.inner.state.reserve(transactions);
    journal.database.reserve(transactions);
}

/// revm's name of the rule set.
pub(crate) fn evm_spec(rules: &Rules) -> SpecId {
    match rules.evm_spec {
        EvmSpec::Osaka => SpecId::OSAKA,
    }
}

fn block_env(rules: &Rules, env: &BlockEnv) -> EvmBlock {
    EvmBlock {
        number: U256::from(env.height),
        beneficiary: env.beneficiary,
        timestamp: U256::from(env.timestamp_ms.checked_div(1_000).unwrap_or_default()),
        gas_limit: rules.block_gas_max,
        basefee: rules.base_fee_wei,
        difficulty: U256::ZERO,
        prevrandao: Some(env.prev_randao),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE)),
        slot_num: 0,
    }
}

/// A verified transaction as revm takes it.
pub(crate) fn tx_env(verified: &VerifiedTx) -> TxEnv {
    let tx = verified.tx();
    TxEnv {
        tx_type: tx.ty(),
        caller: verified.sender(),
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: tx
            .authorization_list()
            .map(|list| list.iter().cloned().map(Either::Left).collect())
            .unwrap_or_default(),
    }
}

/// Runs a transaction. What it changed stays in the journal.
pub(crate) fn transact<'a>(
    machine: &mut Machine<'a>,
    tx: TxEnv,
) -> Result<Result<ExecutionResult, InvalidTransaction>, StateFault> {
    look_at_governance(&mut machine.ctx)?;
    settle(machine.transact_one(tx))
}

/// Finds out what governance says, before a transaction. What it pauses itself is paused for those after it. What was found
/// holds for the rest of the block if no transaction came near governance since: then its account is not in the journal.
fn look_at_governance(context: &mut MachineContext<'_>) -> Result<(), StateFault> {
    if context.chain.standing.is_some() && !context.journaled_state.inner.state.contains_key(&GOVERNANCE_ADDRESS) {
        return Ok(());
    }
    let env = context.chain.reader();
    let standing = governance::standing(&mut ModuleContext::new(env, &mut Present(context))).map_err(unexpected)?;
    context.chain.standing = Some(standing);
    Ok(())
}

/// Runs a transaction under an inspector. Gives the machine back with an empty journal, and what the journal held.
pub(crate) fn inspect<'a, I: Inspector<MachineContext<'a>>>(
    mut machine: Machine<'a>,
    tx: TxEnv,
    inspector: &mut I,
) -> (Machine<'a>, Result<Result<ExecutionResult, InvalidTransaction>, StateFault>, EvmState) {
    let looked = look_at_governance(&mut machine.ctx);
    let mut inspected = machine.with_inspector(inspector);
    let outcome = looked.and_then(|()| settle(inspected.inspect_one_tx(tx)));
    let state = inspected.finalize();
    // What the journal held is somewhere else now.
    inspected.ctx.chain.standing = None;
    (inspected.with_inspector(()), outcome, state)
}

/// Tells a verdict about the transaction from a fault of this machine.
pub(crate) fn settle<T>(outcome: Result<T, MachineError>) -> Result<Result<T, InvalidTransaction>, StateFault> {
    match outcome {
        Ok(result) => Ok(Ok(result)),
        Err(EVMError::Transaction(invalid)) => Ok(Err(invalid)),
        Err(EVMError::Database(ViewFault(fault))) => Err(fault),
        Err(error) => Err(StateFault(error.to_string())),
    }
}

/// What the journal holds that the state before the block does not. Empties the journal.
pub(crate) fn take_changes(machine: &mut Machine<'_>) -> Changeset {
    let state = machine.ctx.journaled_state.finalize();
    changes(&state, &machine.ctx.journaled_state.database)
}

/// What a journal's state holds that its base does not.
pub(crate) fn changes(state: &EvmState, base: &Base<'_>) -> Changeset {
    let mut changes = Changeset::default();
    for (address, account) in state.iter().filter(|(_, account)| account.is_touched()) {
        let address = *address;
        let before = base.remembered_account(address);
        let destroyed = account.is_selfdestructed_locally();
        let after =
            Account { nonce: account.info.nonce, balance: account.info.balance, code_hash: account.info.code_hash };
        let after = (!destroyed && !after.is_empty()).then_some(after);
        if before != after {
            changes.accounts.insert(address, after);
        }
        // Only a contract created in the same transaction can be destroyed (EIP-6780): it never had a slot in the state.
        let Some(after) = after else { continue };
        let code_hash_before = before.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if after.code_hash != code_hash_before
            && let Some(code) = account.info.code.as_ref().filter(|code| !code.is_empty())
        {
            changes.code.insert(after.code_hash, code.original_bytes());
        }
        for (slot, value) in &account.storage {
            if value.present_value != base.remembered_slot(address, *slot) {
                changes.slots.insert((address, *slot), value.present_value);
            }
        }
    }
    changes
}

/// Ethereum's precompiled contracts, and the ledger's modules at their reserved addresses.
pub(crate) struct Precompiles {
    ethereum: EthPrecompiles,
}

impl<'a> PrecompileProvider<MachineContext<'a>> for Precompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        PrecompileProvider::<MachineContext<'a>>::set_spec(&mut self.ethereum, spec)
    }

    fn run(
        &mut self,
        context: &mut MachineContext<'a>,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        if context.chain.is_stopped() {
            return Err(stop::STOPPED.into());
        }
        if is_module(inputs.bytecode_address) && !runs_code(context, inputs) {
            return call_module(context, inputs).map(Some).map_err(|fault| fault.to_string());
        }
        self.ethereum.run(context, inputs)
    }

    /// Modules are not among them: the first call to one in a transaction pays for a cold account, like a contract.
    fn warm_addresses(&self) -> &AddressSet {
        self.ethereum.warm_addresses()
    }
}

/// Whether a call to a module is answered by the code of its account: governance executing a proposal, asked for by
/// somebody else in a plain call, on a network where it has code.
fn runs_code(context: &MachineContext<'_>, inputs: &CallInputs) -> bool {
    inputs.bytecode_address == GOVERNANCE_ADDRESS
        && inputs.scheme == CallScheme::Call
        && !inputs.is_static
        && inputs.value.get().is_zero()
        && !inputs.known_bytecode.1.is_empty()
        && governance::is_execution(&inputs.input.as_bytes(context))
}

/// Calls the module at `inputs.bytecode_address`. Its marker code is never run.
fn call_module(context: &mut MachineContext<'_>, inputs: &CallInputs) -> Result<InterpreterResult, StateFault> {
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
    // The module's first charge, asked for before its input is copied: a contract could otherwise have megabytes copied
    // again and again by calls that bring no gas.
    let words = u64::try_from(inputs.input.len().div_ceil(32)).unwrap_or(u64::MAX);
    if inputs.gas_limit < CALL_GAS.saturating_add(WORD_GAS.saturating_mul(words)) {
        gas.spend_all();
        return Ok(InterpreterResult::new(InstructionResult::PrecompileOOG, Default::default(), gas));
    }
    let input = inputs.input.bytes(context);
    let env = CallEnv {
        caller: inputs.caller,
        origin: context.tx.caller,
        value: inputs.value.get(),
        is_static: inputs.is_static,
        is_delegated: matches!(inputs.scheme, CallScheme::CallCode | CallScheme::DelegateCall),
        standing: context.chain.standing.unwrap_or_default(),
        ..context.chain.reader()
    };
    let mut storage = JournalStorage::new(context, gas);
    let outcome = florin_modules::dispatch(&mut ModuleContext::new(env, &mut storage), inputs.bytecode_address, &input);
    let mut gas = storage.into_gas();
    let (result, output) = match outcome {
        Ok(output) => (InstructionResult::Return, output),
        Err(Failure::Revert(data)) => (InstructionResult::Revert, data),
        Err(Failure::OutOfGas) => {
            gas.spend_all();
            (InstructionResult::PrecompileOOG, Default::default())
        }
        Err(Failure::Fault(fault)) => return Err(fault),
    };
    Ok(InterpreterResult::new(result, output, gas))
}
