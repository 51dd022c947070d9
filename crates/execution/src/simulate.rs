//! Calls and estimates: a transaction that nobody signed, run on a state of which nothing is kept.
//!
//! Permissions to transact and quotas are not asked: a call changes nothing. An estimate whose request names its sender
//! asks for the permission to deploy, because the transaction that it prepares would.

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::Log;
use florin_modules::is_module;
use florin_types::{B256, Bytes, Rules, StateFault, StateView};
use revm::{
    ExecuteEvm as _,
    context::result::{ExecutionResult, HaltReason},
    state::EvmState,
};
use revm_inspectors::access_list::AccessListInspector;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    BlockEnv, BlockOverrides, Rejection, StateOverride, TransactionRequest,
    machine::{Machine, Present, Stop, create::may_deploy, inspect, machine, stoppable, transact},
    overlay::Overlay,
    request::{Call, PretendedBlock, rejection},
};

/// Gas of a transfer of native units to an account without code.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a `CALL` with value adds for the called (EIP-2200 keeps it from writing).
const CALL_STIPEND: u64 = 2_300;
/// How close an estimate comes to the least sufficient gas limit: within 1.5 %, as geth's.
const ESTIMATE_ERROR_PER_MILLE: u64 = 15;
/// Most times that an access list is refined.
const ACCESS_LIST_ROUNDS_MAX: usize = 16;
/// Gas of all these times together, in calls.
const ACCESS_LIST_GAS_FACTOR: u64 = 2;

/// Bounds of one simulation.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Most gas that one call may use.
    pub gas_max: u64,
    /// Ends the simulation before.
    pub stop: Stop,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { gas_max: 50_000_000, stop: Stop::default() }
    }
}

/// What a caller pretends.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Accounts and slots.
    pub state: Option<StateOverride>,
    /// Fields of the block.
    pub block: Option<Box<BlockOverrides>>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// With this output.
    Success(Bytes),
    /// Reverted with this data.
    Revert(Bytes),
    /// Stopped by the machine (out of gas, invalid opcode), which used up all gas.
    Halt(String),
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub status: CallStatus,
    /// Gas used.
    pub gas_used: u64,
    /// Events.
    pub logs: Vec<Log>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request contradicts itself.
    #[error("invalid request: {0}")]
    Request(String),
    /// The transaction would be rejected.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The transaction would revert with this data (estimates only).
    #[error("execution reverted")]
    Reverted(Bytes),
    /// The transaction would be stopped by the machine (estimates only).
    #[error("execution halted: {0}")]
    Halted(String),
    /// Nobody waits for it any more.
    #[error("the simulation was stopped before its end: ask for less")]
    Stopped,
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// What a call touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// The list.
    pub access_list: AccessList,
    /// Gas used with that list.
    pub gas_used: u64,
    /// How the call failed, if it did.
    pub error: Option<String>,
}

/// `eth_call`: runs a request on a state, keeps nothing.
pub fn call(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<CallOutcome, CallError> {
    let overlay = Overlay::pretend(view, overrides.state.as_ref())?;
    let mut simulation = Simulation::new(&overlay, chain_id, rules, env, request, overrides, limits)?;
    simulation.afford()?;
    let result = simulation.run(simulation.call.tx.gas_limit).map_err(|error| overlay.blame(error))?;
    Ok(outcome(result))
}

/// `eth_estimateGas`: a gas limit with which the request succeeds, at most 1.5 % above the least.
pub fn estimate_gas(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<u64, CallError> {
    let overlay = Overlay::pretend(view, overrides.state.as_ref())?;
    let gas_max = limits.gas_max.min(rules.transaction_gas_max);
    let limits = CallLimits { gas_max, stop: limits.stop.clone() };
    let mut simulation = Simulation::new(&overlay, chain_id, rules, env, request, overrides, &limits)?;
    simulation.guard_deployment().map_err(|error| overlay.blame(error))?;
    if let Some(gas) = simulation.affordable_gas()? {
        simulation.call.tx.gas_limit = simulation.call.tx.gas_limit.min(gas);
    }
    simulation.estimate().map_err(|error| overlay.blame(error))
}

/// `eth_createAccessList`: what the request touches, and its gas with that list.
pub fn create_access_list(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    request: &TransactionRequest,
    overrides: &Overrides,
    limits: &CallLimits,
) -> Result<AccessListOutcome, CallError> {
    let overlay = Overlay::pretend(view, overrides.state.as_ref())?;
    let mut request = request.clone();
    request.access_list.get_or_insert_default();
    let mut simulation = Simulation::new(&overlay, chain_id, rules, env, &request, overrides, limits)?;
    simulation.afford()?;
    let mut list = request.access_list.clone().unwrap_or_default();
    let mut rounds = 0usize;
    let mut gas_left = limits.gas_max.saturating_mul(ACCESS_LIST_GAS_FACTOR);
    loop {
        simulation.call.tx.access_list = list.clone();
        let (next, result, touched) = simulation.run_listing(&list).map_err(|error| overlay.blame(error))?;
        simulation = next;
        rounds = rounds.saturating_add(1);
        gas_left = gas_left.saturating_sub(result.tx_gas_used());
        if touched == list || rounds == ACCESS_LIST_ROUNDS_MAX || gas_left == 0 {
            let error = match &result {
                ExecutionResult::Success { .. } => None,
                ExecutionResult::Revert { .. } => Some("execution reverted".into()),
                ExecutionResult::Halt { reason, .. } => Some(halt_text(reason)),
            };
            return Ok(AccessListOutcome { access_list: list, gas_used: result.tx_gas_used(), error });
        }
        list = touched;
    }
}

/// A request, ready to be run as often as needed on the same state.
pub(crate) struct Simulation<'a> {
    pub(crate) machine: Machine<'a>,
    pub(crate) call: Call,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(
        view: &'a dyn StateView,
        chain_id: u64,
        rules: &'a Rules,
        env: &BlockEnv,
        request: &TransactionRequest,
        overrides: &Overrides,
        limits: &CallLimits,
    ) -> Result<Self, CallError> {
        let block = PretendedBlock::new(overrides.block.as_deref())?;
        let call = Call::new(request, chain_id, rules, limits.gas_max)?;
        let mut machine = machine(view, chain_id, rules, env);
        stoppable(&mut machine, &limits.stop);
        machine.ctx.chain.guards_deployment = false;
        block.apply(&mut machine, env);
        call.relax(&mut machine);
        Ok(Self { machine, call })
    }

    fn affordable_gas(&mut self) -> Result<Option<u64>, CallError> {
        let balance = Present(&mut self.machine.ctx).account(self.call.tx.caller)?.balance;
        Ok(self.call.affordable_gas(balance)?)
    }

    /// Where the request offers a price but no gas limit, the limit is what the sender can pay.
    pub(crate) fn afford(&mut self) -> Result<(), CallError> {
        if !self.call.names_gas
            && let Some(gas) = self.affordable_gas()?
        {
            self.call.tx.gas_limit = self.call.tx.gas_limit.min(gas);
        }
        Ok(())
    }

    /// Asks for the permission to deploy where the request says who would sign.
    fn guard_deployment(&mut self) -> Result<(), CallError> {
        let sender = self.call.tx.caller;
        self.machine.ctx.chain.guards_deployment = self.call.names_sender;
        self.machine.ctx.tx.caller = sender;
        if self.call.names_sender && self.call.tx.kind.is_create() && !may_deploy(&mut self.machine.ctx, sender)? {
            return Err(Rejection::DeployNotPermitted { sender }.into());
        }
        Ok(())
    }

    /// Runs the request with this gas limit and forgets what it changed.
    fn run(&mut self, gas_limit: u64) -> Result<ExecutionResult, CallError> {
        let mut tx = self.call.tx.clone();
        tx.gas_limit = gas_limit;
        let outcome = transact(&mut self.machine, tx);
        self.machine.finalize();
        not_stopped(&self.machine)?;
        outcome?.map_err(|invalid| rejection(&invalid, &self.call.tx, &self.machine.ctx.block).into())
    }

    /// Runs the request and lists what it touched.
    fn run_listing(self, list: &AccessList) -> Result<(Self, ExecutionResult, AccessList), CallError> {
        let mut inspector = AccessListInspector::new(list.clone());
        let (machine, outcome, state) = inspect(self.machine, self.call.tx.clone(), &mut inspector);
        not_stopped(&machine)?;
        let result = outcome?.map_err(|invalid| rejection(&invalid, &self.call.tx, &machine.ctx.block))?;
        let touched = with_module_slots(inspector.into_access_list(), &state);
        Ok((Self { machine, call: self.call }, result, touched))
    }

    /// Searches for the least sufficient gas limit, as geth does: the first run tells what was used, a second tries
    /// what should be enough, and bisection closes the rest.
    fn estimate(&mut self) -> Result<u64, CallError> {
        let mut enough = self.call.tx.gas_limit;
        if self.is_plain_transfer()? && enough >= TRANSFER_GAS && self.run(TRANSFER_GAS)?.is_success() {
            return Ok(TRANSFER_GAS);
        }
        let result = self.run(enough)?;
        let used = match result {
            ExecutionResult::Success { gas, .. } => gas,
            ExecutionResult::Revert { output, .. } => return Err(CallError::Reverted(output)),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => {
                return Err(CallError::Halted(format!("gas required exceeds allowance ({enough})")));
            }
            ExecutionResult::Halt { reason, .. } => return Err(CallError::Halted(halt_text(&reason))),
        };
        let mut too_little = used.tx_gas_used().saturating_sub(1);
        let spent = used.total_gas_spent().max(used.floor_gas()).saturating_add(CALL_STIPEND);
        let likely = spent.saturating_mul(64).checked_div(63).unwrap_or(enough);
        if likely < enough {
            if self.suffices(likely)? {
                enough = likely;
            } else {
                too_little = likely;
            }
        }
        while too_little.saturating_add(1) < enough {
            let gap = enough.saturating_sub(too_little);
            if gap.saturating_mul(1_000) < enough.saturating_mul(ESTIMATE_ERROR_PER_MILLE) {
                break;
            }
            // Most transactions need little more than they use: search low first.
            let middle = too_little.midpoint(enough).min(too_little.saturating_mul(2));
            if self.suffices(middle)? {
                enough = middle;
            } else {
                too_little = middle;
            }
        }
        Ok(enough)
    }

    fn suffices(&mut self, gas_limit: u64) -> Result<bool, CallError> {
        match self.run(gas_limit) {
            Ok(result) => Ok(result.is_success()),
            Err(CallError::Rejected(Rejection::IntrinsicGas { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_plain_transfer(&mut self) -> Result<bool, CallError> {
        let tx = &self.call.tx;
        let Some(to) = tx.kind.to().copied() else { return Ok(false) };
        let is_bare = tx.data.is_empty() && tx.access_list.is_empty() && tx.authorization_list.is_empty();
        if !is_bare || is_module(to) {
            return Ok(false);
        }
        let account = Present(&mut self.machine.ctx).account(to)?;
        Ok(account.code_hash == alloy_primitives::KECCAK256_EMPTY)
    }
}

/// A run that was stopped has no outcome, and what it says of itself is no fault of this machine.
pub(crate) fn not_stopped(machine: &Machine<'_>) -> Result<(), CallError> {
    if machine.ctx.chain.is_stopped() { Err(CallError::Stopped) } else { Ok(()) }
}

/// Adds the slots that native modules read, which no instruction shows.
fn with_module_slots(list: AccessList, state: &EvmState) -> AccessList {
    let mut touched: BTreeMap<_, BTreeSet<B256>> = BTreeMap::new();
    for item in list.0 {
        touched.entry(item.address).or_default().extend(item.storage_keys);
    }
    for (address, account) in state.iter().filter(|(address, _)| is_module(**address)) {
        let slots = account.storage.keys().map(|slot| B256::from(*slot));
        if !account.storage.is_empty() {
            touched.entry(*address).or_default().extend(slots);
        }
    }
    let item =
        |(address, keys): (_, BTreeSet<B256>)| AccessListItem { address, storage_keys: keys.into_iter().collect() };
    AccessList(touched.into_iter().map(item).collect())
}

pub(crate) fn outcome(result: ExecutionResult) -> CallOutcome {
    let gas_used = result.tx_gas_used();
    let (status, logs) = match result {
        ExecutionResult::Success { output, logs, .. } => (CallStatus::Success(output.into_data()), logs),
        ExecutionResult::Revert { output, .. } => (CallStatus::Revert(output), Vec::new()),
        ExecutionResult::Halt { reason, .. } => (CallStatus::Halt(halt_text(&reason)), Vec::new()),
    };
    CallOutcome { status, gas_used, logs }
}

/// How the machine stopped, in the words that Ethereum's tools know.
pub(crate) fn halt_text(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound => "invalid opcode: opcode not found".into(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "write protection".into(),
        other => other.to_string(),
    }
}
