//! Pauses of modules: what is paused, and who may pause.
//!
//! **In force.** Execution reads [`standing`] before each transaction, one slot, and carries it in the environment of every
//! call. Where nothing is paused that is all. Where something is, a write to a paused module's storage reverts, and so
//! does a call that would write: see [`Context::ensure_running`].

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;

use super::{
    IGovernance::{self, Action, pauseModuleCall},
    decision::{EXECUTED, Kind, Record},
    execution::proposal_in_execution,
    layout::{Head, Pause, ProposalPlace, Status, Times, layout},
    proposals::{FOR, cast_vote, create, ensure_settled},
    require_established,
};
use crate::{
    GOVERNANCE_ADDRESS,
    address::{Module, pause_bit, pause_key},
    calls::IModule,
    context::{Context, Failure, ensure, revert},
};

/// Longest pause that a proposal decides: a year.
pub const PAUSE_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// Modules that are paused in a block, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PausedModules(u64);

impl PausedModules {
    /// Whether nothing is paused.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the module at `address` is paused.
    pub fn contains(self, address: Address) -> bool {
        Module::at(address).and_then(pause_bit).is_some_and(|bit| self.0 & flag(bit) != 0)
    }
}

/// What governance says about all transactions of a block, from one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Modules that are paused.
    pub paused: PausedModules,
    /// Whether the network has governance: somebody acts for its address.
    pub is_established: bool,
}

/// The bit as a flag; bits are small numbers.
fn flag(bit: u8) -> u64 {
    1u64.wrapping_shl(bit.into())
}

/// What stands at this block's time. Reads one slot where nothing was ever paused.
pub fn standing(context: &mut Context<'_>) -> Result<Standing, Failure> {
    let Status { paused, is_established } = layout().status.read(context)?;
    Ok(Standing { paused: PausedModules(in_force(context, paused)?), is_established })
}

/// Of these bits those whose pause has not ended by itself.
fn in_force(context: &mut Context<'_>, bits: u64) -> Result<u64, Failure> {
    if bits == 0 {
        return Ok(0);
    }
    let now_ms = context.env().timestamp_ms;
    let mut left = 0;
    for bit in (0..64).filter(|bit| bits & flag(*bit) != 0) {
        let Some(key) = pause_key(bit) else { continue };
        if now_ms < layout().pauses.at(context, &key)?.read(context)?.until_ms {
            left |= flag(bit);
        }
    }
    Ok(left)
}

/// The revert of a change of a paused module's state.
pub(crate) fn refusal(context: &mut Context<'_>, address: Address) -> Failure {
    let key = Module::at(address).and_then(pause_bit).and_then(pause_key).unwrap_or(address);
    let pause = layout().pauses.at(context, &key).and_then(|place| place.read(context));
    match pause {
        Ok(Pause { since_ms, until_ms, proposal_id, .. }) => {
            revert(IModule::ModulePaused { module: key, sinceMs: since_ms, untilMs: until_ms, proposalId: proposal_id })
        }
        Err(failure) => failure,
    }
}

/// The pause of a module, and whether it is in force.
pub(super) fn pause_of(context: &mut Context<'_>, module: Address) -> Result<(bool, Pause), Failure> {
    let bit = pausable(module)?;
    let bits = layout().status.read(context)?.paused;
    let pause = layout().pauses.at(context, &module)?.read(context)?;
    let is_paused = bits & flag(bit) != 0 && context.env().timestamp_ms < pause.until_ms;
    Ok((is_paused, pause))
}

/// The bit of a module that can be paused.
fn pausable(module: Address) -> Result<u8, Failure> {
    let bit = (0..64).find(|bit| pause_key(*bit) == Some(module));
    bit.ok_or_else(|| revert(IGovernance::ModuleNotPausable { module }))
}

// ----- by proposal ---------------------------------------------------------------------------------------------------

/// Pauses a module from now on for so long. A pause that is in force keeps its begin.
pub(super) fn pause_module(context: &mut Context<'_>, module: Address, duration_ms: u64) -> Result<(), Failure> {
    let proposal_id = proposal_in_execution(context)?;
    let (is_paused, before) = pause_of(context, module)?;
    ensure((1..=PAUSE_MS_MAX).contains(&duration_ms), || IGovernance::PauseOutOfRange {
        durationMs: duration_ms,
        durationMsMax: PAUSE_MS_MAX,
    })?;
    let now_ms = context.env().timestamp_ms;
    let since_ms = if is_paused { before.since_ms } else { now_ms };
    let until_ms = now_ms.saturating_add(duration_ms);
    begin(context, module, Pause { since_ms, until_ms, proposal_id, ..before })
}

/// Ends a pause.
pub(super) fn unpause_module(context: &mut Context<'_>, module: Address) -> Result<(), Failure> {
    let proposal_id = proposal_in_execution(context)?;
    let (is_paused, pause) = pause_of(context, module)?;
    ensure(is_paused, || IGovernance::ModuleNotPaused { module })?;
    let status = layout().status.read(context)?;
    let left = in_force(context, status.paused)? & !flag(pausable(module)?);
    layout().status.write(context, Status { paused: left, ..status })?;
    let until_ms = context.env().timestamp_ms;
    layout().pauses.at(context, &module)?.write(context, Pause { until_ms, ..pause })?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::PauseEnded { module, proposalId: proposal_id })
}

fn begin(context: &mut Context<'_>, module: Address, pause: Pause) -> Result<(), Failure> {
    let bit = pausable(module)?;
    let status = layout().status.read(context)?;
    let bits = in_force(context, status.paused)? | flag(bit);
    layout().status.write(context, Status { paused: bits, ..status })?;
    layout().pauses.at(context, &module)?.write(context, pause)?;
    let begun = IGovernance::PauseBegun {
        module,
        proposalId: pause.proposal_id,
        sinceMs: pause.since_ms,
        untilMs: pause.until_ms,
    };
    context.emit(GOVERNANCE_ADDRESS, &begun)
}

// ----- by guardians --------------------------------------------------------------------------------------------------

/// Makes an emergency proposal to pause a module, with the caller's vote for it.
pub(super) fn emergency_pause(
    context: &mut Context<'_>,
    module: Address,
    description_hash: B256,
) -> Result<u64, Failure> {
    require_established(context)?;
    let caller = context.caller();
    ensure(layout().guardians.weight(context, caller)? > 0, || IGovernance::GuardianRequired { caller })?;
    ensure_settled(context)?;
    ensure_new(context, module)?;
    let duration_ms = layout().terms.read(context)?.emergency_pause_ms;
    let data = pauseModuleCall { module, durationMs: duration_ms }.abi_encode().into();
    let action = Action { target: GOVERNANCE_ADDRESS, data };
    let proposal_id = create(context, Kind::Emergency, &[action], description_hash)?;
    cast_vote(context, proposal_id, FOR)?;
    Ok(proposal_id)
}

/// Guardians begin a pause and never prolong one, also not by another right after it.
fn ensure_new(context: &mut Context<'_>, module: Address) -> Result<(), Failure> {
    let (is_paused, pause) = pause_of(context, module)?;
    ensure(!is_paused, || IGovernance::ModuleAlreadyPaused {
        module,
        untilMs: pause.until_ms,
        proposalId: pause.proposal_id,
    })?;
    let now_ms = context.env().timestamp_ms;
    ensure(now_ms >= pause.again_ms, || IGovernance::PauseTooSoon { module, nowMs: now_ms, againMs: pause.again_ms })
}

/// Pauses what an accepted emergency proposal names, and notes it as executed.
pub(super) fn take_effect(
    context: &mut Context<'_>,
    proposal_id: u64,
    place: &ProposalPlace,
    record: Record,
) -> Result<(), Failure> {
    let (_, data) = super::actions::read(context, place, 0)?;
    let call = pauseModuleCall::abi_decode_validate(&data).map_err(|error| {
        florin_types::StateFault(format!("the action of emergency proposal {proposal_id} is damaged: {error}"))
    })?;
    ensure_new(context, call.module)?;
    let since_ms = context.env().timestamp_ms;
    let until_ms = since_ms.saturating_add(call.durationMs);
    let again_ms = until_ms.saturating_add(call.durationMs);
    place.head.write(context, Head { outcome: EXECUTED, ..record.head })?;
    place.times.write(context, Times { executed_ms: since_ms, ..record.times })?;
    begin(context, call.module, Pause { since_ms, until_ms, proposal_id, again_ms })?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ProposalExecuted { proposalId: proposal_id })
}
