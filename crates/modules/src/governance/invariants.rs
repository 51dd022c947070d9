//! Named predicates over governance.

use std::collections::BTreeMap;

use super::{
    State, committee,
    decision::Record,
    execution::ensure_decidable,
    layout::{Execution, Register, layout},
    pauses::PAUSE_MS_MAX,
    proposals, punishment,
};
use crate::{
    address::pause_key,
    context::{Context, Failure},
    invariants::{Violation, hold},
};

/// Checks every invariant of governance; empty where all hold, and where there is none.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let status = layout().status.read(context)?;
    if !status.is_established {
        hold(&mut violations, "governance.pause_bounded", status.paused == 0, || {
            format!("bits {:#x} are paused where there is no governance", status.paused)
        });
        return Ok(violations);
    }
    check_register(context, &layout().seats, "seats", &mut violations)?;
    check_register(context, &layout().guardians, "guardians", &mut violations)?;
    let decidable = match ensure_decidable(context) {
        Err(Failure::Fault(fault)) => return Err(Failure::Fault(fault)),
        other => other,
    };
    hold(&mut violations, "governance.quorum_reachable", decidable.is_ok(), || {
        decidable.as_ref().err().map_or_else(String::new, Failure::to_string)
    });
    let open = layout().execution.read(context)?;
    hold(&mut violations, "governance.nothing_in_execution", open == Execution::default(), || {
        format!("proposal {} is in execution, {} actions begun", open.proposal_id, open.actions_begun)
    });
    for proposal_id in 1..=layout().proposals_made.read(context)? {
        let place = proposals::place(context, proposal_id)?;
        let record = proposals::record(context, &place)?;
        check_proposal(proposal_id, &record, &mut violations);
    }
    check_pauses(context, status.paused, &mut violations)?;
    check_committees(context, &mut violations)?;
    Ok(violations)
}

/// Every version of the list of validators is one, and versions follow one another.
fn check_committees(context: &mut Context<'_>, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let epochs = layout().epochs.read(context)?;
    if epochs.epoch_blocks == 0 {
        return Ok(());
    }
    let mut before = None;
    for version in 0..epochs.versions {
        let (from_epoch, validators) = committee::version_of(context, version)?;
        let ordered = validators.windows(2).all(|pair| pair[0].node < pair[1].node);
        let later = before.is_none_or(|before| before < from_epoch);
        hold(violations, "governance.validators_ordered", ordered && later && !validators.is_empty(), || {
            format!("version {version} from epoch {from_epoch} after {before:?}: {validators:?}")
        });
        for validator in validators {
            let conviction = punishment::record_of(context, validator.node)?;
            let joined = conviction.stands && version >= conviction.versions;
            hold(violations, "governance.no_convict_joins", !joined, || {
                format!("version {version} has {}, which was convicted before: {conviction:?}", validator.node)
            });
        }
        before = Some(from_epoch);
    }
    Ok(())
}

/// Weights add up, every member stands where its record says, and its last snapshot is its weight.
fn check_register(
    context: &mut Context<'_>,
    register: &Register,
    name: &str,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let mut members = BTreeMap::new();
    for (index, account) in (0u64..).zip(register.accounts.all(context)?) {
        let place = register.members.at(context, &account)?;
        let member = place.member.read(context)?;
        let last = member.snapshots.saturating_sub(1);
        let snapshot = place.snapshots.at(context, &last)?.read(context)?.weight;
        let sound = member.index == index && member.weight > 0 && snapshot == member.weight;
        hold(violations, "governance.weight_is_sum", sound, || {
            format!("{name}: {account} at {index} has {member:?} and its last snapshot {snapshot}")
        });
        members.insert(account, u128::from(member.weight));
    }
    let sum = members.values().fold(0u128, |sum, weight| sum.saturating_add(*weight));
    let (total, count) = (register.weight_total.read(context)?, register.accounts.len(context)?);
    let sound = sum == u128::from(total) && u64::try_from(members.len()) == Ok(count);
    hold(violations, "governance.weight_is_sum", sound, || {
        format!("{name}: {count} in the list, {} of them different, weigh {sum}, kept are {total}", members.len())
    });
    Ok(())
}

fn check_proposal(proposal_id: u64, record: &Record, violations: &mut Vec<Violation>) {
    let (tally, whole) = (record.tally, u128::from(record.electorate.weight_total));
    let sum = [tally.for_weight, tally.against_weight, tally.abstain_weight]
        .into_iter()
        .fold(0u128, |sum, weight| sum.saturating_add(weight.into()));
    let within = sum <= whole && u128::from(tally.veto_weight) <= whole;
    hold(violations, "governance.tally_within_weight", within, || {
        format!("proposal {proposal_id}: {tally:?} of a weight of {whole}")
    });
    if record.state(0) == State::Executed {
        let (executed_ms, (ripe_ms, expires_ms)) = (record.times.executed_ms, record.window());
        let in_time = record.is_accepted(executed_ms) && (ripe_ms..expires_ms).contains(&executed_ms);
        hold(violations, "governance.executed_in_time", in_time, || {
            format!("proposal {proposal_id}: executed at {executed_ms}, {tally:?}, ripe {ripe_ms} to {expires_ms}")
        });
    }
}

/// What is paused can be, was decided by a proposal that was executed, and ends.
fn check_pauses(context: &mut Context<'_>, bits: u64, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    for bit in (0..64u8).filter(|bit| bits.wrapping_shr(u32::from(*bit)) & 1 == 1) {
        let Some(key) = pause_key(bit) else {
            hold(violations, "governance.pause_bounded", false, || format!("bit {bit} is paused and no module's"));
            continue;
        };
        let pause = layout().pauses.at(context, &key)?.read(context)?;
        let place = layout().proposals.at(context, &pause.proposal_id)?;
        let record = proposals::record(context, &place)?;
        let executed_ms = record.times.executed_ms;
        let bounded = pause.since_ms <= executed_ms && pause.until_ms <= executed_ms.saturating_add(PAUSE_MS_MAX);
        hold(violations, "governance.pause_bounded", record.state(0) == State::Executed && bounded, || {
            format!("{key} is paused by {pause:?}; its proposal was executed at {executed_ms}")
        });
    }
    Ok(())
}
