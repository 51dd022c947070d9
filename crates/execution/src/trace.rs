//! Traces: a transaction run again under an inspector, in its place in its block.
//!
//! Geth's tracers: the struct logger (no name), `callTracer`, `flatCallTracer`, `prestateTracer`, `4byteTracer`,
//! `noopTracer` and `muxTracer`. JavaScript is not run in a node that votes.
//!
//! **Bounded.** What a trace may record is weighed while it runs; one that grows too large stops with an error instead of
//! with the node's memory.

use alloy_primitives::{KECCAK256_EMPTY, Log};
use alloy_rpc_types_trace::geth::{GethDebugBuiltInTracerType, GethDebugTracerType};
use florin_types::{Address, B256, Changeset, Rules, StateFault, StateView, U256, VerifiedTx};
use revm::{
    Inspector,
    bytecode::opcode,
    context::{
        TxEnv,
        result::{InvalidTransaction, ResultAndState},
    },
    context_interface::context::ContextError,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::{InputsTr as _, Jumps as _, LoopControl as _, ReturnData as _},
    },
    primitives::eip170::MAX_CODE_SIZE,
    state::EvmState,
};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    BlockEnv, CallError, CallLimits, GethDebugTracingOptions, GethTrace, Overrides, TransactionRequest,
    check::CheckError,
    execute::{BlockRun, charge_quota},
    machine::{Machine, MachineContext, Stop, ViewRef, changes, inspect, machine, stoppable, take_changes, tx_env},
    overlay::Overlay,
    request::rejection,
    simulate::{Simulation, not_stopped},
};

/// What one call weighs in a trace beside its input, in bytes.
const CALL_BYTES: usize = 1_024;
/// What one step weighs in a trace beside its stack and memory, in bytes.
const STEP_BYTES: usize = 256;
/// What one slot weighs in a snapshot of storage, in bytes.
const SLOT_BYTES: usize = 128;
/// What one log weighs in a trace beside its data, in bytes.
const LOG_BYTES: usize = 256;

/// Bounds of one trace.
#[derive(Clone, Debug)]
pub struct TraceLimits {
    /// Most bytes of memory, stack, storage and data that a trace may record.
    pub recorded_bytes_max: usize,
    /// Most steps of the struct logger.
    pub steps_max: usize,
    /// Ends the trace before.
    pub stop: Stop,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self { recorded_bytes_max: 64 * 1024 * 1024, steps_max: 1_000_000, stop: Stop::default() }
    }
}

/// Why there is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The tracer or its configuration is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The trace is larger than the node allows.
    #[error("the trace is larger than {0}: trace with callTracer, or disable memory, stack and storage")]
    TooLarge(String),
    /// No such transaction in the block.
    #[error("the block has {count} transactions, there is none at {index}")]
    Index {
        /// Position asked for.
        index: usize,
        /// Transactions in the block.
        count: usize,
    },
    /// The call that was to be traced failed before it ran.
    #[error(transparent)]
    Call(#[from] CallError),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// `debug_traceTransaction`: executes the block's transactions before `index` on the parent's state, then traces.
#[expect(clippy::too_many_arguments, reason = "a block in its place, and how to trace it")]
pub fn trace_transaction(
    parent: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    block_hash: B256,
    txs: &[VerifiedTx],
    index: usize,
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<GethTrace, TraceError> {
    let (Some(before), Some(tx)) = (txs.get(..index), txs.get(index)) else {
        return Err(TraceError::Index { index, count: txs.len() });
    };
    let mut tracer = Tracer::new(options, limits)?;
    let mut run = BlockRun::begin(parent, chain_id, rules, env, before.len())?;
    stoppable(&mut run.machine, &limits.stop);
    for tx in before {
        let applied = run.apply(tx);
        not_stopped(&run.machine)?;
        applied.map_err(replay_fault)?;
    }
    let overlay = Overlay::new(parent, take_changes(&mut run.machine));
    let place = TransactionContext::default().with_block_hash(block_hash).with_tx_index(index).with_tx_hash(tx.hash());
    let mut machine = machine(&overlay, chain_id, rules, env);
    stoppable(&mut machine, &limits.stop);
    let (trace, _) = tracer.run(machine, tx_env(tx), Some(place), &overlay)?;
    Ok(trace)
}

/// `debug_traceBlock…`: a trace of every transaction.
#[expect(clippy::too_many_arguments, reason = "a block in its place, and how to trace it")]
pub fn trace_block(
    parent: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    block_hash: B256,
    txs: &[VerifiedTx],
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<Vec<GethTrace>, TraceError> {
    let mut run = BlockRun::begin(parent, chain_id, rules, env, 0)?;
    let mut overlay = Overlay::new(parent, take_changes(&mut run.machine));
    let mut tracer = Tracer::new(options, limits)?;
    let mut traces = Vec::with_capacity(txs.len());
    for (index, tx) in txs.iter().enumerate() {
        let place =
            TransactionContext::default().with_block_hash(block_hash).with_tx_index(index).with_tx_hash(tx.hash());
        let mut machine_of_tx = machine(&overlay, chain_id, rules, env);
        stoppable(&mut machine_of_tx, &limits.stop);
        let (trace, changes) = tracer.run(machine_of_tx, tx_env(tx), Some(place), &overlay)?;
        overlay.extend(changes.changeset);
        let mut quota = machine(&overlay, chain_id, rules, env);
        charge_quota(&mut quota, tx.sender(), changes.gas_used)?;
        let charged = take_changes(&mut quota);
        overlay.extend(charged);
        traces.push(trace);
    }
    Ok(traces)
}

/// `debug_traceCall`.
#[expect(clippy::too_many_arguments, reason = "a call in its place, and how to trace it")]
pub fn trace_call(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    options: &GethDebugTracingOptions,
    call_limits: &CallLimits,
    limits: &TraceLimits,
) -> Result<GethTrace, TraceError> {
    let overlay = Overlay::pretend(view, overrides.state.as_ref())?;
    let mut simulation = Simulation::new(&overlay, chain_id, rules, env, request, overrides, call_limits)?;
    simulation.afford()?;
    let traced = Tracer::new(options, limits)?.run(simulation.machine, simulation.call.tx, None, &overlay);
    match traced {
        Ok((trace, _)) => Ok(trace),
        Err(TraceError::Fault(fault)) => Err(match overlay.blame(CallError::Fault(fault)) {
            CallError::Fault(fault) => TraceError::Fault(fault),
            error => TraceError::Call(error),
        }),
        Err(error) => Err(error),
    }
}

/// A transaction of a finalised block that does not run again: the state or the block is not what it was.
fn replay_fault(error: CheckError) -> StateFault {
    match error {
        CheckError::Fault(fault) => fault,
        CheckError::Rejected(rejection) => {
            StateFault(format!("a transaction of a finalised block cannot be replayed: {rejection}"))
        }
    }
}

/// What a traced transaction changed.
struct Traced {
    changeset: Changeset,
    gas_used: u64,
}

/// An inspector with a scale before it.
struct Tracer {
    inspectors: (Scale, DebugInspector),
}

impl Tracer {
    fn new(options: &GethDebugTracingOptions, limits: &TraceLimits) -> Result<Self, TraceError> {
        check_supported(options)?;
        let inspector = DebugInspector::new(options.clone())
            .map_err(|error| TraceError::Unsupported(format!("the tracer cannot be set up: {error}")))?;
        let steps = match &inspector {
            DebugInspector::Default(_, config) => Some(StepScale {
                left: limits.steps_max,
                weighs_memory: config.is_memory_enabled(),
                weighs_stack: !config.disable_stack.unwrap_or_default(),
                weighs_return_data: config.is_return_data_enabled(),
                slots: config.is_storage_enabled().then(BTreeMap::new),
            }),
            _ => None,
        };
        let scale = Scale { limits: limits.clone(), bytes_left: limits.recorded_bytes_max, steps, overweight: None };
        Ok(Self { inspectors: (scale, inspector) })
    }

    /// Traces one transaction. The bounds are for all transactions of one request together.
    fn run(
        &mut self,
        machine: Machine<'_>,
        tx: TxEnv,
        place: Option<TransactionContext>,
        view: &dyn StateView,
    ) -> Result<(GethTrace, Traced), TraceError> {
        let (machine, outcome, state) = inspect(machine, tx.clone(), &mut self.inspectors);
        not_stopped(&machine)?;
        let (scale, inspector) = &mut self.inspectors;
        if let Some(bound) = scale.overweight.take() {
            return Err(TraceError::TooLarge(bound));
        }
        let refused = |invalid: InvalidTransaction| CallError::Rejected(rejection(&invalid, &tx, &machine.ctx.block));
        let result = outcome?.map_err(refused)?;
        let traced = Traced {
            changeset: changes(&state, &machine.ctx.journaled_state.database),
            gas_used: result.tx_gas_used(),
        };
        if shows_accounts(inspector) && !scale.weigh(state_bytes(&state)) {
            return Err(TraceError::TooLarge(scale.overweight.take().unwrap_or_default()));
        }
        let result = ResultAndState { result, state };
        let trace =
            inspector.get_result(place, &tx, &machine.ctx.block, &result, &mut ViewRef(view)).map_err(|error| {
                match error {
                    DebugInspectorError::Database(fault) => TraceError::Fault(fault.0),
                    other => TraceError::Unsupported(format!("the trace cannot be made: {other}")),
                }
            })?;
        inspector.fuse().map_err(|error| TraceError::Unsupported(error.to_string()))?;
        scale.forget_slots();
        Ok((trace, traced))
    }
}

/// Whether a tracer shows accounts whole, with code and slots, after the run.
fn shows_accounts(inspector: &DebugInspector) -> bool {
    matches!(inspector, DebugInspector::PreStateTracer(..) | DebugInspector::Mux(..))
}

/// What the accounts that a transaction met weigh in a trace. Code that was not loaded is as long as code can be.
fn state_bytes(state: &EvmState) -> usize {
    state.values().fold(0, |bytes, account| {
        let code = match &account.info.code {
            Some(code) => code.len(),
            None if account.info.code_hash == KECCAK256_EMPTY => 0,
            None => MAX_CODE_SIZE,
        };
        let slots = account.storage.len().saturating_mul(SLOT_BYTES);
        // Code is written in hex, and both before and after where a tracer shows the difference.
        [CALL_BYTES, code.saturating_mul(2), slots].into_iter().fold(bytes, usize::saturating_add)
    })
}

fn check_supported(options: &GethDebugTracingOptions) -> Result<(), TraceError> {
    use GethDebugBuiltInTracerType as BuiltIn;
    const SUPPORTED: &str = "use callTracer, flatCallTracer, prestateTracer, 4byteTracer, noopTracer, muxTracer, or none for the struct logger";
    let unsupported = |text: String| Err(TraceError::Unsupported(text));
    let supports = |tracer: &BuiltIn| !matches!(tracer, BuiltIn::Erc7562Tracer | BuiltIn::StateGasTracer);
    match &options.tracer {
        Some(GethDebugTracerType::JsTracer(text)) if !text.is_empty() => {
            let name: String = text.chars().take(32).collect();
            unsupported(format!("tracer {name:?} is not supported, JavaScript tracers neither: {SUPPORTED}"))
        }
        Some(GethDebugTracerType::BuiltInTracer(tracer)) if !supports(tracer) => {
            unsupported(format!("tracer {tracer:?} is not supported: {SUPPORTED}"))
        }
        Some(GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer)) => {
            let config = options.tracer_config.clone().into_mux_config();
            let config =
                config.map_err(|error| TraceError::Unsupported(format!("muxTracer's configuration: {error}")))?;
            let inside = |tracer: &GethDebugTracerType| match tracer {
                GethDebugTracerType::BuiltInTracer(tracer) => supports(tracer),
                GethDebugTracerType::JsTracer(_) => false,
            };
            match config.0.keys().find(|tracer| !inside(tracer)) {
                Some(tracer) => unsupported(format!("tracer {tracer:?} is not supported: {SUPPORTED}")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Weighs what the inspector behind it will record, and stops the machine when that is too much.
struct Scale {
    limits: TraceLimits,
    bytes_left: usize,
    steps: Option<StepScale>,
    overweight: Option<String>,
}

struct StepScale {
    left: usize,
    weighs_memory: bool,
    weighs_stack: bool,
    weighs_return_data: bool,
    /// Slots met so far, by contract, where storage is recorded: each further step that reads or writes a slot shows
    /// all of its contract.
    slots: Option<BTreeMap<Address, BTreeSet<U256>>>,
}

impl StepScale {
    /// What the step that comes now adds to the trace.
    fn bytes(&mut self, interpreter: &Interpreter) -> usize {
        let stack = if self.weighs_stack { interpreter.stack.len().saturating_mul(32) } else { 0 };
        let memory = if self.weighs_memory { interpreter.memory.len() } else { 0 };
        let return_data = if self.weighs_return_data { interpreter.return_data.buffer().len() } else { 0 };
        [stack, memory, return_data, self.storage_bytes(interpreter)]
            .into_iter()
            .fold(STEP_BYTES, usize::saturating_add)
    }

    fn storage_bytes(&mut self, interpreter: &Interpreter) -> usize {
        let Some(slots) = &mut self.slots else { return 0 };
        if !matches!(interpreter.bytecode.opcode(), opcode::SLOAD | opcode::SSTORE) {
            return 0;
        }
        let of_contract = slots.entry(interpreter.input.target_address()).or_default();
        of_contract.extend(interpreter.stack.peek(0).ok());
        of_contract.len().saturating_mul(SLOT_BYTES)
    }
}

impl Scale {
    fn weigh(&mut self, bytes: usize) -> bool {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => {
                self.overweight = Some(format!("{} bytes", self.limits.recorded_bytes_max));
            }
        }
        self.overweight.is_none()
    }

    /// Begins the trace of another transaction.
    fn forget_slots(&mut self) {
        self.steps.iter_mut().flat_map(|steps| &mut steps.slots).for_each(BTreeMap::clear);
    }

    /// Makes the machine end with an error.
    fn stop(context: &mut MachineContext<'_>) {
        context.error = Err(ContextError::Custom("trace too large".into()));
    }
}

impl<'a> Inspector<MachineContext<'a>> for Scale {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut MachineContext<'a>) {
        let Some(steps) = &mut self.steps else { return };
        let bytes = steps.bytes(interpreter);
        match steps.left.checked_sub(1) {
            Some(left) => steps.left = left,
            None => self.overweight = Some(format!("{} steps", self.limits.steps_max)),
        }
        if !self.weigh(bytes) {
            Self::stop(context);
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }

    fn call(&mut self, context: &mut MachineContext<'a>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if !self.weigh(CALL_BYTES.saturating_add(inputs.input.len())) {
            Self::stop(context);
        }
        None
    }

    fn create(&mut self, context: &mut MachineContext<'a>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        if !self.weigh(CALL_BYTES.saturating_add(inputs.init_code().len())) {
            Self::stop(context);
        }
        None
    }

    fn call_end(&mut self, context: &mut MachineContext<'a>, _: &CallInputs, outcome: &mut CallOutcome) {
        if !self.weigh(outcome.result.output.len()) {
            Self::stop(context);
        }
    }

    fn create_end(&mut self, context: &mut MachineContext<'a>, _: &CreateInputs, outcome: &mut CreateOutcome) {
        if !self.weigh(outcome.result.output.len()) {
            Self::stop(context);
        }
    }

    fn log(&mut self, context: &mut MachineContext<'a>, log: Log) {
        if !self.weigh(LOG_BYTES.saturating_add(log.data.data.len())) {
            Self::stop(context);
        }
    }
}
