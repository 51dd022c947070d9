//! Executing a proposal: all of its actions in order, or none, once.
//!
//! A module cannot call a contract: it answers and is done. So governance's account has code, [`code`], and this is what
//! a call of `execute` runs, as EVM code at governance's address. It asks this module for one action after the other and
//! makes the call itself; whatever fails reverts the whole execution. Everything that decides is here: the code knows the
//! number that it was given and what it is answered. The questions are accepted from governance's own address only, and
//! no action may be one of them.
//!
//! **Reentrancy.** The proposal is marked as executed before its first action runs, and while one is executed no other
//! begins.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolError};

use super::{
    IGovernance::{self, beginExecutionCall, executeCall, nextActionCall},
    actions,
    decision::{EXECUTED, Record, State, share},
    layout::{Execution, Head, Times, layout},
    proposals, require_established,
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, ensure, revert},
};

/// Whether a plain call with this input, and without value, is for the code at governance's address instead of the
/// module.
pub fn is_execution(input: &[u8]) -> bool {
    input.starts_with(&executeCall::SELECTOR) && input.len() >= executeCall::SELECTOR.len().saturating_add(32)
}

/// Refuses everybody but governance's own code and actions.
pub(super) fn require_governance(context: &mut Context<'_>) -> Result<(), Failure> {
    require_established(context)?;
    let caller = context.caller();
    ensure(caller == GOVERNANCE_ADDRESS, || IGovernance::GovernanceRequired { caller })
}

/// `execute` where no code runs: only a call that is not a plain one gets here, and those were refused before.
pub(super) fn execute(context: &mut Context<'_>) -> Result<(), Failure> {
    require_established(context)?;
    Err(revert(IGovernance::GovernanceRequired { caller: context.caller() }))
}

/// Begins to execute a ripe proposal; answers its first action.
pub(super) fn begin(context: &mut Context<'_>, proposal_id: u64) -> Result<(Address, Bytes), Failure> {
    require_governance(context)?;
    proposals::ensure_settled(context)?;
    let place = proposals::place(context, proposal_id)?;
    let record = proposals::record(context, &place)?;
    ensure_ripe(context, proposal_id, &record)?;
    let executed_ms = context.env().timestamp_ms;
    place.head.write(context, Head { outcome: EXECUTED, ..record.head })?;
    place.times.write(context, Times { executed_ms, ..record.times })?;
    layout().execution.write(context, Execution { proposal_id, actions_begun: 0 })?;
    next(context)
}

fn ensure_ripe(context: &Context<'_>, proposal_id: u64, record: &Record) -> Result<(), Failure> {
    let (now_ms, (ripe_ms, expires_ms)) = (context.env().timestamp_ms, record.window());
    match record.state(now_ms) {
        State::Ripe => Ok(()),
        State::Waiting => {
            Err(revert(IGovernance::ProposalNotRipe { proposalId: proposal_id, nowMs: now_ms, ripeMs: ripe_ms }))
        }
        State::Expired => {
            Err(revert(IGovernance::ProposalExpired { proposalId: proposal_id, nowMs: now_ms, expiresMs: expires_ms }))
        }
        state => Err(revert(IGovernance::ProposalNotAccepted { proposalId: proposal_id, state: state.number() })),
    }
}

/// The next action of the proposal that is executed. After the last one the zero address, and the execution is done.
pub(super) fn next(context: &mut Context<'_>) -> Result<(Address, Bytes), Failure> {
    require_governance(context)?;
    let Execution { proposal_id, actions_begun } = layout().execution.read(context)?;
    ensure(proposal_id > 0, || IGovernance::ExecutionAbsent {})?;
    let place = proposals::place(context, proposal_id)?;
    if actions_begun < u64::from(place.head.read(context)?.actions) {
        let actions_after = actions_begun.saturating_add(1);
        layout().execution.write(context, Execution { proposal_id, actions_begun: actions_after })?;
        return actions::read(context, &place, actions_begun);
    }
    ensure_decidable(context)?;
    layout().execution.write(context, Execution::default())?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ProposalExecuted { proposalId: proposal_id })?;
    Ok((Address::ZERO, Bytes::new()))
}

/// Refuses a state in which nothing could be decided any more.
pub(super) fn ensure_decidable(context: &mut Context<'_>) -> Result<(), Failure> {
    let terms = layout().terms.read(context)?;
    let seats = layout().seats.accounts.len(context)?;
    let weight_total = layout().seats.weight_total.read(context)?;
    let needed = share(weight_total.into(), terms.quorum_basis_points).max(1);
    ensure(u128::from(weight_total) >= needed, || IGovernance::QuorumUnreachable {
        seats,
        weightTotal: weight_total,
        quorumBasisPoints: terms.quorum_basis_points,
        quorumWeight: alloy_primitives::U256::from(needed),
    })?;
    let (guardians, guardian_quorum) = (layout().guardians.accounts.len(context)?, terms.guardian_quorum);
    let reachable = u64::from(guardian_quorum) <= guardians && (guardian_quorum == 0) == (guardians == 0);
    ensure(reachable, || IGovernance::GuardianQuorumUnreachable { guardians, guardianQuorum: guardian_quorum })?;
    let long_enough = terms.emergency_pause_ms >= terms.voting_period_ms.saturating_add(terms.delay_ms);
    ensure(long_enough, || IGovernance::EmergencyPauseTooShort {
        emergencyPauseMs: terms.emergency_pause_ms,
        votingPeriodMs: terms.voting_period_ms,
        delayMs: terms.delay_ms,
    })
}

/// The number of the proposal that is executed.
pub(super) fn proposal_in_execution(context: &mut Context<'_>) -> Result<u64, Failure> {
    require_governance(context)?;
    let open = layout().execution.read(context)?;
    ensure(open.proposal_id > 0, || IGovernance::ExecutionAbsent {})?;
    Ok(open.proposal_id)
}

// ----- the code ------------------------------------------------------------------------------------------------------

/// Places in the code that are jumped to.
const STEP: u8 = 0x11;
const FAIL: u8 = 0x77;
const DONE: u8 = 0x61;
const NO_CODE: u8 = 0x63;

/// What runs when `execute` is called: EVM code, by hand, because it must be the same bytes for ever.
///
/// ```text
/// ask governance: beginExecution(the caller's argument)
/// loop:  stop if the answer is the zero address
///        revert with TargetWithoutCode if nobody is there
///        call the target with the input; revert with its error if it fails
///        ask governance: nextAction()
/// ```
pub fn code() -> Bytes {
    let [begin, next, no_code] =
        [beginExecutionCall::SELECTOR, nextActionCall::SELECTOR, IGovernance::TargetWithoutCode::SELECTOR];
    let store = |selector: [u8; 4]| {
        // PUSH4 selector, PUSH1 224, SHL, PUSH0, MSTORE: the selector stands at the begin of memory.
        [&[0x63][..], &selector, &[0x60, 0xe0, 0x1b, 0x5f, 0x52]].concat()
    };
    [
        // 0x00: the question, and the argument behind its selector.
        &store(begin)[..],
        // PUSH1 32, PUSH1 4, PUSH1 4, CALLDATACOPY
        &[0x60, 0x20, 0x60, 0x04, 0x60, 0x04, 0x37],
        // 0x11 STEP: CALL(GAS, governance, 0, 0, 36, 0, 0). Behind nextAction's selector stands what nobody reads.
        &[0x5b, 0x5f, 0x5f, 0x60, 0x24, 0x5f, 0x5f, 0x73],
        GOVERNANCE_ADDRESS.as_slice(),
        &[0x5a, 0xf1, 0x15, 0x60, FAIL, 0x57],
        // The answer to memory: target, 64, length, input. RETURNDATACOPY(0, 0, RETURNDATASIZE)
        &[0x3d, 0x5f, 0x5f, 0x3e],
        // Done if the target is zero.
        &[0x5f, 0x51, 0x15, 0x60, DONE, 0x57],
        // EXTCODESIZE(target) is zero: nobody is there.
        &[0x5f, 0x51, 0x3b, 0x15, 0x60, NO_CODE, 0x57],
        // CALL(GAS, target, 0, 96, length, 0, 0)
        &[0x5f, 0x5f, 0x60, 0x40, 0x51, 0x60, 0x60, 0x5f, 0x5f, 0x51, 0x5a, 0xf1, 0x15, 0x60, FAIL, 0x57],
        &store(next),
        // PUSH1 STEP, JUMP
        &[0x60, STEP, 0x56],
        // 0x61 DONE: STOP
        &[0x5b, 0x00],
        // 0x63 NO_CODE: REVERT with the selector and the target.
        &[0x5b, 0x5f, 0x51],
        &store(no_code),
        &[0x60, 0x04, 0x52, 0x60, 0x24, 0x5f, 0xfd],
        // 0x77 FAIL: REVERT with what was returned.
        &[0x5b, 0x3d, 0x5f, 0x5f, 0x3e, 0x3d, 0x5f, 0xfd],
    ]
    .concat()
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code is consensus: the same bytes in every release, each jump to a place that takes one.
    #[test]
    fn the_code_is_pinned() {
        let code = code();
        for place in [STEP, FAIL, DONE, NO_CODE] {
            assert_eq!(code[usize::from(place)], 0x5b, "{place:#x} is no JUMPDEST");
        }
        assert_eq!(code.len(), 127);
        let hash = alloy_primitives::keccak256(&code).to_string();
        assert_eq!(hash, "0x98c79dc5e7729d6a496f671dbe4328ffbfc71ec27c52d09d6fe8006bebdafd9c");
    }
}
