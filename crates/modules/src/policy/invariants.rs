//! Named predicates over the policy registry.

use super::{
    DEPTH_MAX, FIRST_CREATED, Kind, LISTS_MAX, RULES_MAX, get,
    layout::{Policy, layout},
    operands_of,
    ops::count,
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
};

/// Checks every invariant of every policy; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for policy in FIRST_CREATED..count(context)? {
        check_policy(context, policy, &mut violations)?;
    }
    Ok(violations)
}

fn check_policy(context: &mut Context<'_>, policy: u64, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let (kind, record) = get(context, policy)?;
    let operands = operands_of(context, policy)?;
    let is = |wanted: fn(Kind) -> bool| kind.is_some_and(wanted);
    hold(violations, "policy.list_has_admin", is(Kind::is_governed) != record.admin.is_zero(), || {
        format!("policy {policy} of kind {} has admin {}", record.kind, record.admin)
    });
    let combines = is(Kind::is_combination) != operands.is_empty();
    hold(violations, "policy.only_combinations_have_operands", combines, || {
        format!("policy {policy} of kind {} has operands {operands:?}", record.kind)
    });
    let older = operands.iter().all(|operand| *operand < policy);
    hold(violations, "policy.operands_are_older", older, || format!("policy {policy} references {operands:?}"));
    let bounded = record.depth <= DEPTH_MAX && usize::from(record.lists) <= LISTS_MAX && record.rules() <= RULES_MAX;
    hold(violations, "policy.bounded", bounded, || {
        let Policy { depth, lists, .. } = record;
        format!("policy {policy} has depth {depth}, asks {lists} lists and has {} rules", record.rules())
    });
    if is(Kind::is_rule) {
        let exempt = layout().terms.at(context, &policy)?.terms.read(context)?.exempt;
        let sound = exempt < policy && get(context, exempt)?.1.rules() == 0;
        hold(violations, "policy.exemptions_are_older", sound, || format!("policy {policy} exempts {exempt}"));
    }
    // What is beneath is known to be sound only where it is older: nothing is concluded from what is not.
    if older {
        check_extent(context, policy, (kind, record), &operands, violations)?;
    }
    Ok(())
}

/// A policy knows how many rules it has, and whether there is more than lists.
fn check_extent(
    context: &mut Context<'_>,
    policy: u64,
    (kind, record): (Option<Kind>, Policy),
    operands: &[u64],
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let (mut rules, mut more) = (0u8, false);
    for operand in operands {
        let beneath = get(context, *operand)?.1;
        rules = rules.saturating_add(beneath.rules());
        more |= beneath.is_more_than_lists();
    }
    let expected = match kind {
        Some(kind) if kind.is_list() => 0,
        Some(kind) if kind.is_combination() => {
            if more {
                rules.saturating_add(1)
            } else {
                0
            }
        }
        Some(kind) if kind.is_rule() => 2,
        _ => 1,
    };
    hold(violations, "policy.extent_is_true", record.extent == expected, || {
        format!("policy {policy} has extent {}, what is beneath it says {expected}", record.extent)
    });
    Ok(())
}
