//! Named predicates over payments, and the book of what events say of them.
//!
//! Payments lie in storage by payer and UETR and cannot be listed; events name them all. So the checker begins with a
//! book that was given every log since genesis, as balances are checked by [`crate::token::invariants::EventBook`].

use alloy_primitives::{Address, B256, Log, U256};
use alloy_sol_types::SolEvent;
use std::collections::{BTreeMap, BTreeSet};

use super::{IPayment, State, layout::layout, mandates::Mandate, record::Payment};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure},
    invariants::{Violation, hold},
    token::{self, Keeper},
};

/// What events say of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    token: Address,
    amount: U256,
    state: u8,
    received: U256,
    returned: U256,
}

/// Every payment that was ever ordered, and every mandate, as events tell. Apply the logs of every block in order.
#[derive(Clone, Debug, Default)]
pub struct PaymentBook {
    payments: BTreeMap<(Address, B256), Told>,
    /// Payer and reference of every mandate and standing order.
    mandates: BTreeSet<(Address, B256)>,
    /// Payer, UETR and reference of every return.
    returns: BTreeSet<(Address, B256, B256)>,
}

impl PaymentBook {
    /// Applies a log; logs of other modules, and those that tell nothing of a payment, change nothing.
    pub fn apply(&mut self, log: &Log) -> Result<(), Violation> {
        if log.address != PAYMENT_ADDRESS {
            return Ok(());
        }
        if let Ok(event) = IPayment::PaymentOrdered::decode_log(log) {
            let IPayment::PaymentOrdered { payer, uetr, token, amount, state, .. } = event.data;
            let received = if state == State::Settled.number() { amount } else { U256::ZERO };
            return self.order((payer, uetr), Told { token, amount, state, received, returned: U256::ZERO });
        }
        if let Ok(event) = IPayment::BatchPaid::decode_log(log) {
            let IPayment::BatchPaid { payer, uetr, token, total, .. } = event.data;
            let (amount, received, state) = (total, total, State::Settled.number());
            return self.order((payer, uetr), Told { token, amount, state, received, returned: U256::ZERO });
        }
        if let Ok(event) = IPayment::PaymentPosted::decode_log(log) {
            let IPayment::PaymentPosted { payer, uetr, posted, .. } = event.data;
            return self.resolve((payer, uetr), State::Settled, posted);
        }
        if let Ok(event) = IPayment::PaymentVoided::decode_log(log) {
            return self.resolve((event.payer, event.uetr), State::Voided, U256::ZERO);
        }
        if let Ok(event) = IPayment::PaymentExpired::decode_log(log) {
            return self.resolve((event.payer, event.uetr), State::Expired, U256::ZERO);
        }
        if let Ok(event) = IPayment::MandateCreated::decode_log(log)
            && !self.mandates.insert((event.payer, event.mandateReference))
        {
            let IPayment::MandateCreated { payer, mandateReference: reference, .. } = event.data;
            let found = format!("{payer} created a mandate under reference {reference} again");
            return Err(Violation { invariant: "payment.mandate_created_once", found });
        }
        if let Ok(event) = IPayment::PaymentReturned::decode_log(log) {
            return self.take_back(&event);
        }
        Ok(())
    }

    fn take_back(&mut self, event: &IPayment::PaymentReturned) -> Result<(), Violation> {
        let IPayment::PaymentReturned { payer, uetr, returnReference: reference, amount, .. } = *event;
        if !self.returns.insert((payer, uetr, reference)) {
            let found = format!("payment {uetr} of {payer} was returned under reference {reference} again");
            return Err(Violation { invariant: "payment.returned_once", found });
        }
        if let Some(told) = self.payments.get_mut(&(payer, uetr)) {
            told.returned = told.returned.saturating_add(amount);
        }
        Ok(())
    }

    fn order(&mut self, key: (Address, B256), told: Told) -> Result<(), Violation> {
        match self.payments.insert(key, told) {
            None => Ok(()),
            Some(_) => Err(Violation {
                invariant: "payment.ordered_once",
                found: format!("{} ordered payment {} again", key.0, key.1),
            }),
        }
    }

    fn resolve(&mut self, key: (Address, B256), state: State, received: U256) -> Result<(), Violation> {
        let told = self.payments.get_mut(&key).filter(|told| State::from_number(told.state).is_some_and(State::waits));
        let told = told.ok_or_else(|| Violation {
            invariant: "payment.resolved_once",
            found: format!("payment {} of {} is resolved but does not wait", key.1, key.0),
        })?;
        told.state = state.number();
        told.received = received;
        Ok(())
    }

    /// Compares every payment with the state, and what this module keeps on hold with what waits.
    pub fn check(&self, context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
        let mut violations = Vec::new();
        let mut reserved: BTreeMap<Address, U256> = BTreeMap::new();
        for ((payer, uetr), told) in &self.payments {
            let units = check_payment(context, (*payer, *uetr), told, &mut violations)?;
            let sum = reserved.entry(told.token).or_default();
            *sum = sum.saturating_add(U256::from(units));
        }
        for (token, waiting) in reserved {
            let kept = token::sum_kept(context, token, Keeper::Payment)?;
            hold(&mut violations, "payment.reserves_equal_pending", kept == waiting, || {
                format!("payments reserve {waiting} of token {token}, holds of this module have {kept}")
            });
        }
        violations.extend(check(context)?);
        Ok(violations)
    }
}

/// Checks one payment; answers what it has on hold.
fn check_payment(
    context: &mut Context<'_>,
    (payer, uetr): (Address, B256),
    told: &Told,
    violations: &mut Vec<Violation>,
) -> Result<u128, Failure> {
    let Some(payment) = Payment::find(context, payer, uetr)? else {
        hold(violations, "payment.state_follows_events", false, || format!("payment {uetr} of {payer} has no record"));
        return Ok(0);
    };
    let amounts = payment.place.amounts.read(context)?;
    let (received, returned) = (U256::from(amounts.received), U256::from(amounts.returned));
    let found = (payment.token(), payment.state.number(), received, returned);
    let expected = (told.token, told.state, told.received, told.returned);
    hold(violations, "payment.state_follows_events", found == expected, || {
        format!("payment {uetr} of {payer} is {found:?}, events say {expected:?}")
    });
    hold(violations, "payment.returned_within_received", returned <= received, || {
        format!("payment {uetr} of {payer} returned {returned} of {received}")
    });
    if !payment.state.waits() {
        return Ok(0);
    }
    let pending = payment.place.pending.read(context)?;
    let held = token::hold_of(context, payment.token(), pending.hold)?;
    let own = held.owner == payer && held.keeper == Keeper::Payment && U256::from(held.amount) <= told.amount;
    hold(violations, "payment.hold_is_its_own", own, || {
        format!("payment {uetr} of {payer} over {} waits with hold {}: {held:?}", told.amount, pending.hold)
    });
    Ok(held.amount)
}

/// Checks what needs no events: every mandate is within its limits.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for number in 1..=layout().mandates_made.read(context)? {
        let Mandate { limits, bounds, usage, .. } = Mandate::read(context, number)?;
        let period = layout().mandates.at(context, &number)?.period.read(context)?;
        let within = usage.count <= bounds.count_max
            && usage.total <= bounds.total_max
            && period.total <= limits.period_max
            && usage.total <= limits.collection_max.saturating_mul(u128::from(usage.count));
        hold(&mut violations, "payment.mandate_within_limits", within, || {
            format!("mandate {number} of {limits:?} and {bounds:?} was used for {usage:?} and {period:?}")
        });
    }
    Ok(violations)
}
