//! Named predicates over channels. They walk through every channel that was ever opened.

use alloy_primitives::{Address, U256};
use std::collections::BTreeSet;

use super::{
    layout::layout,
    ops::channel_count,
    record::{Channel, Status},
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};

/// Checks every invariant of every channel; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let mut holds = BTreeSet::new();
    let mut lists = BTreeSet::new();
    let mut open = 0u64;
    for number in 1..=channel_count(context)? {
        let channel = Channel::read(context, number)?;
        check_amounts(&channel, &mut violations);
        check_hold(context, &channel, &mut holds, &mut violations)?;
        lists.insert((channel.head.payer, channel.funds.token));
        if channel.status != Status::Closed {
            open = open.saturating_add(1);
            check_listed(context, &channel, &mut violations)?;
        }
    }
    let mut listed = 0u64;
    for (payer, token) in lists {
        let length = layout().listed.at(context, &payer)?.at(context, &token)?.len(context)?;
        listed = listed.saturating_add(length);
    }
    hold(&mut violations, "channel.listed_while_not_closed", listed == open, || {
        format!("{open} channels are not closed, lists name {listed}")
    });
    Ok(violations)
}

fn check_amounts(channel: &Channel, violations: &mut Vec<Violation>) {
    let (number, left, paid) = (channel.number, channel.left, channel.progress.paid);
    let (deposit, owed) = (channel.amounts.deposit, channel.amounts.owed);
    hold(violations, "channel.owed_within_deposit", paid <= owed && owed <= deposit, || {
        format!("channel {number}: {paid} paid, {owed} owed, {deposit} deposited")
    });
    let known = paid.checked_add(channel.released).and_then(|sum| sum.checked_add(left));
    hold(violations, "channel.conserved", known.is_some_and(|known| known <= deposit), || {
        format!("channel {number}: {paid} paid, {} released, {left} on hold, {deposit} deposited", channel.released)
    });
    let settled = channel.status != Status::Closed || channel.undecided() == 0;
    hold(violations, "channel.closed_leaves_only_what_is_due", settled, || {
        format!("channel {number} is closed but holds {} that are not due", channel.undecided())
    });
}

fn check_hold(
    context: &mut Context<'_>,
    channel: &Channel,
    holds: &mut BTreeSet<(Address, u64)>,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let funds = channel.funds;
    let kept = token::hold_of(context, funds.token, funds.hold)?;
    let first = holds.insert((funds.token, funds.hold));
    let own = kept.owner == channel.head.payer && kept.keeper == Keeper::Channel && first;
    hold(violations, "channel.hold_is_the_payers", own, || {
        format!("channel {} names hold {} of token {}: {kept:?}", channel.number, funds.hold, funds.token)
    });
    Ok(())
}

fn check_listed(context: &mut Context<'_>, channel: &Channel, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let list = layout().listed.at(context, &channel.head.payer)?.at(context, &channel.funds.token)?;
    let named = list.get(context, channel.progress.place)?;
    hold(violations, "channel.listed_while_not_closed", named == Some(U256::from(channel.number)), || {
        format!("channel {} has place {}, where {named:?} stands", channel.number, channel.progress.place)
    });
    Ok(())
}
