//! `CREATE` and `CREATE2` under the permission to deploy.

use alloy_sol_types::{SolError as _, sol};
use florin_modules::{Context as ModuleContext, permission};
use florin_types::{Address, StateFault, U256};
use revm::{
    context_interface::context::ContextError,
    interpreter::{
        Host as _, InstructionContext, InstructionResult,
        instructions::contract,
        interpreter::EthInterpreter,
        interpreter_types::{ReturnData as _, RuntimeFlag as _},
    },
};

use super::{MachineContext, Present, ViewFault, unexpected};

sol! {
    /// The sender of the transaction may not create contracts on this ledger, not even through another contract. Ask the
    /// permission admin.
    #[derive(Debug, PartialEq, Eq)]
    error DeployNotPermitted(address sender);
}

/// Creates a contract if the sender of the transaction may. Otherwise the instruction fails as a creation that reverted
/// does: it costs the creation's base gas, gives the zero address, and [`DeployNotPermitted`] as return data.
pub(super) fn create<'a, const IS_CREATE2: bool>(
    context: InstructionContext<'_, MachineContext<'a>, EthInterpreter>,
) -> Result<(), InstructionResult> {
    let sender = context.host.tx.caller;
    // In a static call the instruction is an error whoever sends it; the machine's own check says so.
    if context.interpreter.runtime_flag.is_static() || !context.host.chain.guards_deployment {
        return contract::create::<IS_CREATE2, _, _>(context);
    }
    match may_deploy(context.host, sender) {
        Ok(true) => contract::create::<IS_CREATE2, _, _>(context),
        Ok(false) => refuse::<IS_CREATE2>(context, sender),
        Err(fault) => {
            context.host.error = Err(ContextError::Db(ViewFault(fault)));
            Err(InstructionResult::FatalExternalError)
        }
    }
}

/// Whether an account may create contracts, by the state as it stands.
pub(crate) fn may_deploy(context: &mut MachineContext<'_>, sender: Address) -> Result<bool, StateFault> {
    let env = context.chain.reader();
    permission::may_deploy(&mut ModuleContext::new(env, &mut Present(context)), sender).map_err(unexpected)
}

fn refuse<const IS_CREATE2: bool>(
    context: InstructionContext<'_, MachineContext<'_>, EthInterpreter>,
    sender: Address,
) -> Result<(), InstructionResult> {
    let interpreter = context.interpreter;
    let operands = if IS_CREATE2 { 4 } else { 3 };
    for _ in 0..operands {
        interpreter.stack.pop().map_err(|_| InstructionResult::StackUnderflow)?;
    }
    if !interpreter.gas.record_regular_cost(context.host.gas_params().create_cost()) {
        return Err(InstructionResult::OutOfGas);
    }
    interpreter.return_data.set_buffer(DeployNotPermitted { sender }.abi_encode().into());
    if interpreter.stack.push(U256::ZERO) { Ok(()) } else { Err(InstructionResult::StackOverflow) }
}
