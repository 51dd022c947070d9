//! Named predicates over schemes.

use super::{
    book::{Book, Seat, net_outflow},
    codes::{LANES, PRIORITIES, phase},
    credit,
    lanes::{Walk, standing},
    layout::{Flows, Live, layout},
};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};
use std::collections::BTreeMap;

/// Checks every invariant of every scheme and window; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for scheme in 1..=layout().schemes_made.read(context)? {
        let book = Book::read(context, scheme)?;
        // While queues are being sealed, some participants are before the settlement and some after it.
        if !book.day.running || book.place.run.read(context)?.phase != phase::SEAL {
            check_scheme(context, &book, &mut violations)?;
        }
        check_credit(context, &book, &mut violations)?;
    }
    for window in 1..=layout().windows_made.read(context)? {
        check_window(context, window, &mut violations)?;
    }
    Ok(violations)
}

/// What the instructions in the lanes say.
#[derive(Default)]
struct Found {
    queued: BTreeMap<u32, Flows>,
    pairs: BTreeMap<(u32, u32), u128>,
    count: u64,
}

fn check_scheme(context: &mut Context<'_>, book: &Book, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let id = book.id;
    let mut found = Found::default();
    for index in 0..book.terms.seats {
        let seat = book.seat(context, index)?;
        let (live, stored) = (walk_lanes(context, book, &seat, &mut found)?, seat.place.live.read(context)?);
        hold(violations, "settlement.queued_is_sum", live == stored, || {
            format!("seat {index} of scheme {id} has {live:?} in its lanes but counts {stored:?}")
        });
    }
    let mut flows: i128 = 0;
    for index in 0..book.terms.seats {
        let seat = book.seat(context, index)?;
        let (stored, expected) =
            (seat.place.queued.read(context)?, found.queued.get(&index).copied().unwrap_or_default());
        hold(violations, "settlement.queued_is_sum", stored == expected, || {
            format!("seat {index} of scheme {id} has queued {stored:?}, its instructions say {expected:?}")
        });
        flows = flows.saturating_add(net_outflow(book.today(seat.place.flowed.read(context)?)));
        check_pairs(context, book, &seat, &found, violations)?;
    }
    hold(violations, "settlement.flows_sum_to_zero", flows == 0, || {
        format!("today's net flows of scheme {id} add up to {flows}")
    });
    let arrivals = book.place.arrivals.read(context)?;
    let waiting = arrivals.made.saturating_sub(arrivals.admitted);
    let counted = found.count.saturating_add(waiting);
    hold(violations, "settlement.queue_is_counted", counted == u64::from(book.day.queued), || {
        format!("scheme {id} counts {} instructions but has {counted}", book.day.queued)
    });
    Ok(())
}

fn walk_lanes(context: &mut Context<'_>, book: &Book, seat: &Seat, found: &mut Found) -> Result<Live, Failure> {
    let mut live = Live::default();
    let mut walk = Walk::all(context, seat)?;
    while let Some((lane, _)) = walk.place() {
        let Some(id) = walk.next(context, book)?.filter(|id| *id != 0) else { continue };
        let instruction = standing(context, book, id)?;
        live.set(lane.min(LANES), live.count(lane).saturating_add(1));
        found.count = found.count.saturating_add(1);
        if lane >= PRIORITIES {
            continue;
        }
        let since = instruction.submitted_ms.saturating_sub(book.day.opened_ms);
        live.since_open_ms = live.since_open_ms.saturating_add(since);
        let (debtor, creditor, amount) = (seat.index, instruction.creditor, instruction.amount);
        let out = &mut found.queued.entry(debtor).or_default().outward;
        *out = out.saturating_add(amount);
        let into = &mut found.queued.entry(creditor).or_default().inward;
        *into = into.saturating_add(amount);
        let pair = found.pairs.entry((debtor, creditor)).or_default();
        *pair = pair.saturating_add(amount);
    }
    Ok(live)
}

fn check_pairs(
    context: &mut Context<'_>,
    book: &Book,
    seat: &Seat,
    found: &Found,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    for other in book.counterparties(context, seat)? {
        let Some(pair) = book.pair(context, seat, other)? else { continue };
        let stored = pair.queued.read(context)?;
        let sum = |from, to| found.pairs.get(&(from, to)).copied().unwrap_or_default();
        let expected = Flows { outward: sum(seat.index, other), inward: sum(other, seat.index) };
        hold(violations, "settlement.pairs_are_sums", stored == expected, || {
            let (id, index) = (book.id, seat.index);
            format!(
                "seats {index} and {other} of scheme {id} have queued {stored:?}, their instructions say {expected:?}"
            )
        });
    }
    Ok(())
}

/// What is owed is what was lent, and what is pledged is the participants' own.
fn check_credit(context: &mut Context<'_>, book: &Book, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let id = book.id;
    let (mut owed, mut borrowers) = (0u128, 0u32);
    for index in 0..book.terms.seats {
        let seat = book.seat(context, index)?;
        let record = seat.place.credit.read(context)?;
        owed = owed.saturating_add(record.outstanding);
        borrowers = borrowers.saturating_add(u32::from(record.outstanding > 0));
        hold(violations, "settlement.credit_is_lent", record.outstanding > 0 || !record.overdue, || {
            format!("seat {index} of scheme {id} owes nothing and is overdue")
        });
        for number in 0..record.pledges {
            let Some(pledged) = credit::pledged(context, book, &seat, number)? else { continue };
            let kept = token::hold_of(context, pledged.token, pledged.hold)?;
            let own = kept.owner == seat.account() && kept.keeper == Keeper::Settlement;
            hold(violations, "settlement.pledge_is_its_own", own, || {
                format!("pledge {number} of seat {index} of scheme {id} is hold {}: {kept:?}", pledged.hold)
            });
        }
    }
    let (sums, lending) = (book.place.credit_sums.read(context)?, book.place.lending.read(context)?);
    hold(violations, "settlement.credit_is_lent", sums.lent == owed && lending.borrowers == borrowers, || {
        format!("scheme {id} lent {} to {}, {borrowers} owe {owed}", sums.lent, lending.borrowers)
    });
    Ok(())
}

fn check_window(context: &mut Context<'_>, window: u64, violations: &mut Vec<Violation>) -> Result<(), Failure> {
    let (book, record) = super::window::read(context, window)?;
    let (mut gives, mut gets) = (0u128, 0u128);
    for index in 0..book.terms.seats {
        let flows = layout().positions.at(context, &window)?.at(context, &index)?.read(context)?;
        gives = gives.saturating_add(flows.outward);
        gets = gets.saturating_add(flows.inward);
    }
    hold(violations, "settlement.window_sums_to_zero", gives == gets && gives == record.value, || {
        format!("window {window} gives {gives} and gets {gets} for a value of {}", record.value)
    });
    Ok(())
}
