//! From selector to operation. No logic.

use alloy_primitives::{Bytes, U256};

use super::{IStaking::*, election, ops, views};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to the module.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IStakingCalls as Call;
    match decode::<Call>(context, input)? {
        Call::bond(c) => mutate::<bondCall, _>(context, |x| ops::bond(x, c.node, c.amount)),
        Call::unbond(c) => mutate::<unbondCall, _>(context, |x| ops::unbond(x, c.node, c.amount)),
        Call::withdraw(c) => mutate::<withdrawCall, _>(context, |x| ops::withdraw(x, c.node)),
        Call::collect(c) => mutate::<collectCall, _>(context, |x| ops::collect(x, c.node)),
        Call::nameInstitution(c) => {
            mutate::<nameInstitutionCall, _>(context, |x| ops::name_institution(x, c.node, c.account))
        }

        Call::stakeTerms(_) => view::<stakeTermsCall>(views::terms(context)?),
        Call::institutionOf(c) => view::<institutionOfCall>(views::institution_of(context, c.node)?),
        Call::bondOf(c) => view::<bondOfCall>(views::bond_of(context, c.node)?),
        Call::unbondingOf(c) => {
            let parts = views::unbonding_of(context, c.node)?;
            let amounts = parts.iter().map(|part| U256::from(part.units)).collect();
            view::<unbondingOfCall>(unbondingOfReturn {
                amounts,
                untilEpochs: parts.iter().map(|part| part.until_epoch).collect(),
            })
        }
        Call::bondCount(_) => view::<bondCountCall>(views::bond_count(context)?),
        Call::bondAt(c) => view::<bondAtCall>(views::bond_at(context, c.index)?),
        Call::lastElection(_) => {
            let last = election::last_election(context)?;
            view::<lastElectionCall>(lastElectionReturn {
                epoch: last.epoch,
                result: last.result,
                candidates: last.candidates.into(),
                present: last.present.into(),
                countMin: last.count_min.into(),
                version: last.version,
            })
        }
        Call::wouldElect(_) => {
            let (result, list) = election::would_elect(context)?;
            view::<wouldElectCall>(wouldElectReturn {
                result,
                nodes: list.iter().map(|entry| entry.node).collect(),
                institutions: list.iter().map(|entry| entry.seat).collect(),
            })
        }
    }
}
