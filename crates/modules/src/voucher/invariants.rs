//! Named predicates over vouchers. They walk through every voucher that was ever made.

use alloy_primitives::Address;
use std::collections::BTreeSet;

use super::{
    layout::layout,
    ops::voucher_count,
    record::{Status, Voucher},
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};

/// Checks every invariant of every voucher; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let mut holds = BTreeSet::new();
    for number in 1..=voucher_count(context)? {
        let status = layout().vouchers.at(context, &number)?.head.read(context)?.status;
        let known = Status::from_number(status).is_some();
        hold(&mut violations, "voucher.status_is_known", known, || format!("voucher {number} has status {status}"));
        if known {
            check_voucher(context, number, &mut holds, &mut violations)?;
        }
    }
    Ok(violations)
}

fn check_voucher(
    context: &mut Context<'_>,
    number: u64,
    holds: &mut BTreeSet<(Address, u64)>,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let voucher = Voucher::read(context, number)?;
    let (amounts, moved) = (voucher.amounts, voucher.moved);
    let known = [moved.handed, moved.returned, voucher.left].into_iter().try_fold(amounts.spent, u128::checked_add);
    hold(violations, "voucher.conserved", known.is_some_and(|known| known <= amounts.amount), || {
        format!("voucher {number}: {amounts:?}, {moved:?}, left {}", voucher.left)
    });
    let settled = voucher.status == Status::Active || voucher.left == 0;
    hold(violations, "voucher.ended_leaves_nothing", settled, || {
        format!("voucher {number} has ended with {} units on hold", voucher.left)
    });
    let place = (voucher.token(), voucher.bounds.hold);
    let kept = token::hold_of(context, place.0, place.1)?;
    let own = kept.owner == voucher.head.sponsor && kept.keeper == Keeper::Voucher && holds.insert(place);
    hold(violations, "voucher.hold_is_the_sponsors", own, || {
        format!("voucher {number} names hold {} of token {}: {kept:?}", place.1, place.0)
    });
    Ok(())
}
