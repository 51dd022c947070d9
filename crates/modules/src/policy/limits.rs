//! Limits on what a payer pays and on what a payee holds, per person over all addresses.

use alloy_primitives::Address;
use florin_types::StateFault;

use super::{
    Kind,
    calendar::{day, month},
    decide::{Broken, Case, Entry, Outcome, Refusal, is_exempt, rules_of, subject},
    layout::{Period, Spent, layout},
    rules::{HoldingOutcome, terms_of},
};
use crate::{
    context::{Context, Failure},
    identity,
    slots::Slot,
};

/// Periods as errors number them.
const TRANSACTION: u8 = 0;
const DAY: u8 = 1;
const MONTH: u8 = 2;

// ----- payments ------------------------------------------------------------------------------------------------------

/// What a payment limit says.
pub(super) fn payment(
    context: &mut Context<'_>,
    (place_of_rule, policy): (usize, u64),
    case: &mut Case<'_, '_>,
) -> Result<Outcome, Failure> {
    let purpose = case.movement.purpose;
    let Some(payer) = case.movement.payer.filter(|_| purpose.is_limited()) else { return Ok(Outcome::Admitted) };
    let (exempt, terms) = terms_of(context, Kind::PaymentLimit, policy)?;
    if is_exempt(context, exempt, payer)? {
        return Ok(Outcome::Admitted);
    }
    let amount = case.movement.amount;
    if amount > terms.first {
        let (limit, used) = (terms.first, 0);
        return Ok(Outcome::Refused(Refusal::Rule(Broken::Payment {
            policy,
            period: TRANSACTION,
            limit,
            used,
            amount,
        })));
    }
    let spent = spent(context, policy, case.movement.token, (case.payer, payer))?;
    let now_ms = context.env().timestamp_ms;
    let periods = [(DAY, spent.day, day(now_ms), terms.per_day), (MONTH, spent.month, month(now_ms), terms.per_month)];
    for (period, place, number, limit) in periods {
        // What is unlimited is not counted.
        if limit == u128::MAX {
            continue;
        }
        let used = case.evidence.figure(context, |x| Ok(place.read(x)?.amount_in(number)))?;
        let Some(total) = used.checked_add(amount).filter(|total| *total <= limit) else {
            return Ok(Outcome::Refused(Refusal::Rule(Broken::Payment { policy, period, limit, used, amount })));
        };
        case.entries.push(Entry::Counted(place, Period { number, amount: total }));
        case.periods |= mark(place_of_rule, period);
    }
    Ok(Outcome::Admitted)
}

/// What payment limits counted of a hold when it was made, so that it can be given back: to which counters, and when.
/// All zero where they counted nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The policy that was asked.
    pub policy: u64,
    /// Person for whom it was counted; 0 for the owner's address itself.
    pub person: u64,
    /// Block time of the count, in milliseconds.
    pub time_ms: u64,
    /// Two bits for each rule of the policy, in their order: counted in its day, in its month.
    pub periods: u8,
}

impl Count {
    /// Whether two counts lie in the same counters of the same day, so that they add up to one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same = (self.policy, self.person, self.periods) == (other.policy, other.person, other.periods);
        same && day(self.time_ms) == day(other.time_ms)
    }
}

/// The bit of a count for a rule and one of its periods. A policy has four rules at most; a further one has none.
fn mark(place_of_rule: usize, period: u8) -> u8 {
    let shift = place_of_rule.saturating_mul(2).saturating_add(usize::from(period == MONTH));
    u32::try_from(shift).ok().and_then(|shift| 1u8.checked_shl(shift)).unwrap_or_default()
}

/// Gives back units that a hold of `owner` counted and did not pay, to the counters whose period still runs. The policy
/// and its rules are those of the count: a policy never loses a rule.
pub(crate) fn give_back(
    context: &mut Context<'_>,
    token: Address,
    owner: Address,
    count: &Count,
    units: u128,
) -> Result<(), Failure> {
    if count.periods == 0 || units == 0 {
        return Ok(());
    }
    let now_ms = context.env().timestamp_ms;
    let mut done = Vec::new();
    for (place_of_rule, (rule, _)) in rules_of(context, count.policy)?.into_iter().enumerate() {
        // A rule that a combination names twice counted once.
        if done.contains(&rule) {
            continue;
        }
        done.push(rule);
        let periods = [(DAY, day(count.time_ms), day(now_ms)), (MONTH, month(count.time_ms), month(now_ms))];
        for (period, number, number_now) in periods {
            if number != number_now || count.periods & mark(place_of_rule, period) == 0 {
                continue;
            }
            let spent = spent(context, rule, token, (count.person, owner))?;
            let place = if period == DAY { spent.day } else { spent.month };
            let amount = place.read(context)?.amount_in(number).checked_sub(units);
            let amount =
                amount.ok_or_else(|| StateFault(format!("limit {rule} counted less than a hold of {owner}")))?;
            place.write(context, Period { number, amount })?;
        }
    }
    Ok(())
}

fn spent(
    context: &mut Context<'_>,
    policy: u64,
    token: Address,
    (person, account): (u64, Address),
) -> Result<Spent, Failure> {
    layout().spent.at(context, &policy)?.at(context, &token)?.at(context, &subject(person, account))
}

/// What the person of an account, or the account of nobody, has used of a payment limit this day and this month.
pub(super) fn spent_of(
    context: &mut Context<'_>,
    policy: u64,
    token: Address,
    account: Address,
) -> Result<(u128, u128), Failure> {
    terms_of(context, Kind::PaymentLimit, policy)?;
    let person = identity::person_of(context, account)?;
    let spent = spent(context, policy, token, (person, account))?;
    let now_ms = context.env().timestamp_ms;
    let mut used = |place: Slot<Period>, number| Ok::<_, Failure>(place.read(context)?.amount_in(number));
    Ok((used(spent.day, day(now_ms))?, used(spent.month, month(now_ms))?))
}

// ----- holdings ------------------------------------------------------------------------------------------------------

/// What a holding limit says.
pub(super) fn holding(context: &mut Context<'_>, policy: u64, case: &mut Case<'_, '_>) -> Result<Outcome, Failure> {
    let movement = case.movement;
    let Some(payee) = movement.payee.filter(|_| movement.purpose.is_credit()) else { return Ok(Outcome::Admitted) };
    let (exempt, terms) = terms_of(context, Kind::HoldingLimit, policy)?;
    if is_exempt(context, exempt, payee)? {
        return Ok(Outcome::Admitted);
    }
    let person = case.payee;
    let held = case.evidence.figure(context, |x| {
        let wallets = if person == 0 { vec![payee] } else { identity::addresses_of(x, person)? };
        let mut held = 0u128;
        for wallet in wallets {
            held = held.saturating_add((movement.holding_of)(x, movement.token, wallet)?);
        }
        Ok(held.saturating_sub(movement.pending))
    })?;
    let (limit, amount) = (terms.first, movement.amount);
    let excess = held.saturating_add(amount).saturating_sub(limit).min(amount);
    // A sum beyond 128 bits is beyond any limit that is not "none".
    if excess == 0 || limit == u128::MAX {
        return Ok(Outcome::Admitted);
    }
    let refusal = Refusal::Rule(Broken::Holding { policy, limit, held, amount });
    Ok(match HoldingOutcome::from_number(terms.outcome) {
        Some(HoldingOutcome::Park) => Outcome::Parked(refusal),
        Some(HoldingOutcome::Sweep) => Outcome::Swept(refusal, excess),
        _ => Outcome::Refused(refusal),
    })
}
