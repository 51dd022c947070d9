//! Named predicates over the policy registry.

use super::{DEPTH_MAX, FIRST_CREATED, Kind, LISTS_MAX, get, operands_of, ops::count};
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
    let list = matches!(kind, Some(Kind::Allow | Kind::Deny));
    hold(violations, "policy.list_has_admin", list != record.admin.is_zero(), || {
        format!("policy {policy} of kind {} has admin {}", record.kind, record.admin)
    });
    hold(violations, "policy.only_combinations_have_operands", list == operands.is_empty(), || {
        format!("policy {policy} of kind {} has operands {operands:?}", record.kind)
    });
    hold(violations, "policy.operands_are_older", operands.iter().all(|operand| *operand < policy), || {
        format!("policy {policy} references {operands:?}")
    });
    let bounded = record.depth <= DEPTH_MAX && usize::from(record.lists) <= LISTS_MAX;
    hold(violations, "policy.bounded", bounded, || {
        format!("policy {policy} has depth {} and asks {} lists", record.depth, record.lists)
    });
    Ok(())
}
