//! From selector to operation. No logic.

use alloy_primitives::Bytes;

use super::{IGovernance::*, committee, execution, ops, pauses, proposals, punishment, views};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
    staking,
};

/// Answers a call to governance.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IGovernanceCalls as Call;
    match decode::<Call>(context, input)? {
        Call::propose(c) => mutate::<proposeCall, _>(context, |x| proposals::propose(x, &c.actions, c.descriptionHash)),
        Call::castVote(c) => mutate::<castVoteCall, _>(context, |x| proposals::cast_vote(x, c.proposalId, c.support)),
        Call::cancel(c) => mutate::<cancelCall, _>(context, |x| proposals::cancel(x, c.proposalId)),
        Call::veto(c) => mutate::<vetoCall, _>(context, |x| proposals::veto(x, c.proposalId)),
        Call::execute(_) => mutate::<executeCall, _>(context, execution::execute),
        Call::emergencyPause(c) => {
            mutate::<emergencyPauseCall, _>(context, |x| pauses::emergency_pause(x, c.module, c.descriptionHash))
        }

        Call::beginExecution(c) => mutate::<beginExecutionCall, _>(context, |x| execution::begin(x, c.proposalId)),
        Call::nextAction(_) => mutate::<nextActionCall, _>(context, execution::next),

        Call::setSeat(c) => mutate::<setSeatCall, _>(context, |x| ops::set_seat(x, c.account, c.weight, &c.name)),
        Call::removeSeat(c) => mutate::<removeSeatCall, _>(context, |x| ops::remove_seat(x, c.account)),
        Call::setGuardian(c) => mutate::<setGuardianCall, _>(context, |x| ops::set_guardian(x, c.account, c.guardian)),
        Call::setParameters(c) => mutate::<setParametersCall, _>(context, |x| ops::set_parameters(x, &c.parameters)),
        Call::pauseModule(c) => {
            mutate::<pauseModuleCall, _>(context, |x| pauses::pause_module(x, c.module, c.durationMs))
        }
        Call::unpauseModule(c) => mutate::<unpauseModuleCall, _>(context, |x| pauses::unpause_module(x, c.module)),
        Call::changeValidators(c) => {
            mutate::<changeValidatorsCall, _>(context, |x| committee::change(x, &c.joining, &c.leaving))
        }
        Call::pardonValidator(c) => mutate::<pardonValidatorCall, _>(context, |x| punishment::pardon(x, c.node)),
        // Where bonds elect, a conviction costs a part of one: staking stands above governance and does both.
        Call::punish(c) => mutate::<punishCall, _>(context, |x| staking::punish(x, &c.evidence)),

        Call::parameters(_) => view::<parametersCall>(views::parameters(context)?),
        Call::seatCount(_) => view::<seatCountCall>(views::seat_count(context)?),
        Call::seatAt(c) => view::<seatAtCall>(views::seat_at(context, c.index)?),
        Call::seatOf(c) => view::<seatOfCall>(views::seat_of(context, c.account)?),
        Call::weightAt(c) => view::<weightAtCall>(views::weight_at(context, c.account, c.proposalId)?),
        Call::guardianCount(_) => view::<guardianCountCall>(views::guardian_count(context)?),
        Call::guardianAt(c) => view::<guardianAtCall>(views::guardian_at(context, c.index)?),
        Call::isGuardian(c) => view::<isGuardianCall>(views::is_guardian(context, c.account)?),
        Call::proposalCount(_) => view::<proposalCountCall>(views::proposal_count(context)?),
        Call::proposalOf(c) => view::<proposalOfCall>(views::proposal_of(context, c.proposalId)?),
        Call::actionOf(c) => view::<actionOfCall>(views::action_of(context, c.proposalId, c.index)?),
        Call::ballotOf(c) => view::<ballotOfCall>(views::ballot_of(context, c.proposalId, c.account)?),
        Call::epochOf(_) => view::<epochOfCall>(committee::epoch_of(context)?),
        Call::validatorsAt(c) => view::<validatorsAtCall>(views::validators_at(context, c.version)?),
        Call::readyUntil(c) => view::<readyUntilCall>(committee::ready_until(context, c.node)?),
        Call::convictionOf(c) => view::<convictionOfCall>(views::conviction_of(context, c.node)?),
        Call::genesisHash(_) => view::<genesisHashCall>(punishment::genesis_hash(context)?),
        Call::pauseOf(c) => {
            let (paused, pause) = views::pause_of(context, c.module)?;
            view::<pauseOfCall>((paused, pause.since_ms, pause.until_ms, pause.proposal_id))
        }
    }
}
