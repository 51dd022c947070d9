//! Named predicates over bonds. They walk through every hold of the token that was ever made.

use alloy_primitives::U256;
use std::collections::BTreeSet;

use super::{
    bond::Bond,
    layout::{Settings, layout},
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};

/// Checks every invariant of bonds; empty where all hold, and where bonds elect nobody.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let settings = layout().settings.read(context)?;
    if settings.token.is_zero() {
        return Ok(violations);
    }
    let (mut sum, mut holds) = (U256::ZERO, BTreeSet::new());
    for (index, node) in (0u16..).zip(layout().nodes.all(context)?) {
        let bond = Bond::read(context, &settings, node)?;
        sum = sum.saturating_add(U256::from(bond.kept));
        check_bond(context, &settings, (index, &bond), &mut violations)?;
        hold(&mut violations, "staking.hold_is_the_institutions", holds.insert(bond.funds.hold), || {
            format!("the bond for {node} shares hold {} with another", bond.funds.hold)
        });
    }
    let kept = token::sum_kept(context, settings.token, Keeper::Staking)?;
    hold(&mut violations, "staking.bonds_are_all_holds", kept == sum, || {
        format!("bonds have {sum} on hold, the token keeps {kept} for this module")
    });
    Ok(violations)
}

/// The bond's hold is its institution's, its parts are the whole, and it stands where its record says.
fn check_bond(
    context: &mut Context<'_>,
    settings: &Settings,
    (index, bond): (u16, &Bond),
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let (node, hold_id) = (bond.node, bond.funds.hold);
    let kept = token::hold_of(context, settings.token, hold_id)?;
    let own = kept.owner == bond.head.institution && kept.keeper == Keeper::Staking && bond.head.index == index;
    hold(violations, "staking.hold_is_the_institutions", own, || {
        format!("the bond for {node} at {index} has {:?}, its hold {hold_id} is {kept:?}", bond.head)
    });
    let parts = [bond.bonded(), bond.unbonding(), bond.funds.due];
    let sum = parts.iter().try_fold(0u128, |sum, units| sum.checked_add(*units));
    hold(violations, "staking.parts_are_the_whole", sum == Some(bond.kept), || {
        format!("of the bond for {node} {parts:?} are bonded, unbonding and due, on hold are {}", bond.kept)
    });
    let ordered = bond.parts.windows(2).all(|pair| pair[0].until_epoch < pair[1].until_epoch);
    hold(violations, "staking.parts_are_ordered", ordered, || format!("{node}: {:?}", bond.parts));
    Ok(())
}
