//! Named predicates over escrows. They walk through every escrow that was ever opened.

use alloy_primitives::Address;
use std::collections::BTreeSet;

use super::{
    layout::layout,
    ops::escrow_count,
    record::{Escrow, Status},
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};

/// Checks every invariant of every escrow; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let mut holds = BTreeSet::new();
    for number in 1..=escrow_count(context)? {
        let status = layout().escrows.at(context, &number)?.head.read(context)?.status;
        let known = Status::from_number(status).is_some();
        hold(&mut violations, "escrow.status_is_known", known, || format!("escrow {number} has status {status}"));
        if known {
            check_escrow(context, number, &mut holds, &mut violations)?;
        }
    }
    Ok(violations)
}

fn check_escrow(
    context: &mut Context<'_>,
    number: u64,
    holds: &mut BTreeSet<(Address, u64)>,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let escrow = Escrow::read(context, number)?;
    let (amount, moved) = (escrow.amounts.amount, escrow.moved);
    let known = moved.paid.checked_add(moved.refunded).and_then(|sum| sum.checked_add(escrow.left));
    hold(violations, "escrow.conserved", known.is_some_and(|known| known <= amount), || {
        format!("escrow {number} of {amount}: paid {}, refunded {}, left {}", moved.paid, moved.refunded, escrow.left)
    });
    let settled = escrow.status != Status::Decided || escrow.undecided() == 0;
    hold(violations, "escrow.decided_leaves_nothing_undecided", settled, || {
        format!("escrow {number} is decided but {} units are not", escrow.undecided())
    });
    let (token, number_of_hold) = (escrow.funds.token, escrow.funds.hold);
    let kept = token::hold_of(context, token, number_of_hold)?;
    let own = kept.owner == escrow.head.payer && kept.keeper == Keeper::Escrow && holds.insert((token, number_of_hold));
    hold(violations, "escrow.hold_is_the_payers", own, || {
        format!("escrow {number} names hold {number_of_hold} of token {token}: {kept:?}")
    });
    let mut sum = 0u128;
    for part in 0..escrow.head.parts {
        let milestone = escrow.record.parts.at(context, &part)?.milestone.read(context)?;
        sum = sum.saturating_add(milestone.amount);
    }
    hold(violations, "escrow.parts_are_the_whole", escrow.head.parts == 0 || sum == amount, || {
        format!("the parts of escrow {number} add up to {sum}, not to {amount}")
    });
    Ok(())
}
