//! Actions: which calls governance makes, and how they are kept.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolInterface;

use super::{
    IGovernance::{self, Action, IGovernanceCalls},
    layout::{ActionHead, ProposalPlace},
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, ensure},
};

/// Most actions of a proposal.
pub const ACTIONS_MAX: usize = 8;
/// Most bytes of input of all actions of a proposal.
pub const ACTION_BYTES_MAX: usize = 8_192;
/// Bytes of a word.
const WORD: usize = 32;

/// Checks what can be known of actions before they are executed.
pub(super) fn check(actions: &[Action]) -> Result<(), Failure> {
    ensure((1..=ACTIONS_MAX).contains(&actions.len()), || IGovernance::ActionCountInvalid {
        count: U256::from(actions.len()),
        countMax: U256::from(ACTIONS_MAX),
    })?;
    let length = actions.iter().fold(0usize, |sum, action| sum.saturating_add(action.data.len()));
    ensure(length <= ACTION_BYTES_MAX, || IGovernance::ActionsTooLong {
        length: U256::from(length),
        lengthMax: U256::from(ACTION_BYTES_MAX),
    })?;
    for (index, action) in actions.iter().enumerate() {
        ensure(is_possible(action), || IGovernance::ActionForbidden {
            index: U256::from(index),
            target: action.target,
            selector: selector(&action.data).into(),
        })?;
    }
    Ok(())
}

/// Of governance itself only what is meant to be an action: the functions that drive an execution would run it out of
/// order, and a vote of governance would be nobody's.
fn is_possible(action: &Action) -> bool {
    use IGovernanceCalls as Call;
    if action.target != GOVERNANCE_ADDRESS {
        return !action.target.is_zero();
    }
    matches!(
        IGovernanceCalls::abi_decode_validate(&action.data),
        Ok(Call::setSeat(_)
            | Call::removeSeat(_)
            | Call::setGuardian(_)
            | Call::setParameters(_)
            | Call::pauseModule(_)
            | Call::unpauseModule(_)
            | Call::changeValidators(_)
            | Call::pardonValidator(_))
    )
}

/// The first four bytes, filled with zeros.
fn selector(data: &[u8]) -> [u8; 4] {
    let mut selector = [0u8; 4];
    selector.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    selector
}

/// Keeps the actions of a new proposal.
pub(super) fn write(context: &mut Context<'_>, proposal: &ProposalPlace, actions: &[Action]) -> Result<(), Failure> {
    for (index, action) in (0u64..).zip(actions) {
        let place = proposal.actions.at(context, &index)?;
        let length = u64::try_from(action.data.len()).unwrap_or(u64::MAX);
        place.head.write(context, ActionHead { target: action.target, length })?;
        for chunk in action.data.chunks(WORD) {
            let mut word = [0u8; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            place.words.push(context, B256::from(word))?;
        }
    }
    Ok(())
}

/// The action number `index`, which must exist.
pub(super) fn read(
    context: &mut Context<'_>,
    proposal: &ProposalPlace,
    index: u64,
) -> Result<(Address, Bytes), Failure> {
    let place = proposal.actions.at(context, &index)?;
    let ActionHead { target, length } = place.head.read(context)?;
    let mut data: Vec<u8> = place.words.all(context)?.iter().flat_map(|word| word.0).collect();
    data.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok((target, data.into()))
}
