//! Ending a simulation from outside.
//!
//! Every loop of a contract passes a `JUMPDEST` and every recursion a call, so these two look at a flag: one relaxed load,
//! beside a hundred or more instructions of the interpreter for the same step. Blocks are never stopped; their machines do
//! not have the instruction.

use revm::{
    bytecode::opcode,
    context_interface::context::ContextError,
    interpreter::{Instruction, InstructionContext, InstructionResult, interpreter::EthInterpreter},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Machine, MachineContext};

/// Says that nobody waits for a simulation any more. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends every simulation that was given this flag.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they are to end.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a stopped machine says. Whoever gave it the flag knows why.
pub(super) const STOPPED: &str = "stopped from outside";

/// Lets a machine be stopped.
pub(crate) fn stoppable(machine: &mut Machine<'_>, stop: &Stop) {
    machine.ctx.chain.stop = Some(stop.clone());
    let gas = machine.instruction.gas_table()[usize::from(opcode::JUMPDEST)];
    machine.instruction.insert_instruction(opcode::JUMPDEST, Instruction::new(jump_destination), gas);
}

fn jump_destination<'a>(
    context: InstructionContext<'_, MachineContext<'a>, EthInterpreter>,
) -> Result<(), InstructionResult> {
    if context.host.chain.is_stopped() {
        context.host.error = Err(ContextError::Custom(STOPPED.into()));
        return Err(InstructionResult::FatalExternalError);
    }
    Ok(())
}
