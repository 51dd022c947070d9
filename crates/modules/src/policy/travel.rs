//! The travel rule: who pays much must have told who it is, and the other side must have heard it, before value moves.
//! The data pass between institutions off the ledger; here are a salted commitment and both acknowledgements.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPolicy, Kind,
    calendar::day,
    decide::{Broken, Case, Entry, Outcome, Refusal, is_exempt, subject},
    layout::{ExchangeTerms, PairPlace, Period, layout},
    rules::{rule, terms_of, units},
};
use crate::{
    POLICY_ADDRESS,
    context::{Context, Failure, ensure},
    identity,
};

/// What is missing, as the error numbers it.
const PERSON: u8 = 1;
const EXCHANGE: u8 = 2;
const ACKNOWLEDGEMENT: u8 = 3;
const COUNTERPARTY: u8 = 4;

/// Whose payments under which rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) policy: u64,
    pub(super) token: Address,
    pub(super) payer: u64,
    pub(super) payee: u64,
}

impl Pair {
    fn place(self, context: &mut Context<'_>) -> Result<PairPlace, Failure> {
        place(context, self.policy, self.token, (U256::from(self.payer), U256::from(self.payee)))
    }
}

fn place(
    context: &mut Context<'_>,
    policy: u64,
    token: Address,
    (payer, payee): (U256, U256),
) -> Result<PairPlace, Failure> {
    layout().pairs.at(context, &policy)?.at(context, &token)?.at(context, &payer)?.at(context, &payee)
}

// ----- the rule ------------------------------------------------------------------------------------------------------

/// What a travel rule says. A net settlement names one side of a movement only: nobody could have told the other one.
pub(super) fn ask(context: &mut Context<'_>, policy: u64, case: &mut Case<'_, '_>) -> Result<Outcome, Failure> {
    let movement = case.movement;
    // Zero units are no value that moves.
    if !movement.purpose.travels() || movement.amount == 0 {
        return Ok(Outcome::Admitted);
    }
    let (payer, payee) = (movement.payer, movement.payee);
    let parties = (side(case.payer, payer), side(case.payee, payee));
    let (exempt, terms) = terms_of(context, Kind::TravelRule, policy)?;
    // A sweep may stay with its person, whose other wallet is exempt from the holding limit.
    let at_home = parties.0 == parties.1;
    if at_home || (is_exempt_side(context, exempt, payer)? && is_exempt_side(context, exempt, payee)?) {
        return Ok(Outcome::Admitted);
    }
    let place = place(context, policy, movement.token, parties)?;
    let (threshold, amount, now_ms) = (terms.first, movement.amount, context.env().timestamp_ms);
    let today = day(now_ms);
    let total = case.evidence.figure(context, |x| Ok(place.total.read(x)?.amount_in(today)))?;
    let sum = total.saturating_add(amount);
    if sum >= threshold && threshold != u128::MAX {
        let refused =
            |missing| Ok(Outcome::Refused(Refusal::Rule(Broken::Travel { policy, missing, threshold, total, amount })));
        if payer.is_none() || payee.is_none() {
            return refused(COUNTERPARTY);
        }
        if case.payer == 0 || case.payee == 0 {
            return refused(PERSON);
        }
        // An exchange that is void, at the very instant of its expiry and after, covers nothing.
        let exchange = place.exchange.terms.read(context)?;
        let open = now_ms < exchange.expires_ms;
        let left = case.evidence.figure(context, |_| Ok(if open { exchange.left } else { 0 }))?;
        if left < amount {
            return refused(EXCHANGE);
        }
        let heard = case.evidence.figure(context, |_| Ok(u128::from(exchange.acknowledged)))?;
        if heard == 0 {
            return refused(ACKNOWLEDGEMENT);
        }
        let rest = ExchangeTerms { left: left.saturating_sub(amount), ..exchange };
        case.entries.push(Entry::Used(place.exchange.terms, rest));
    }
    case.entries.push(Entry::Counted(place.total, Period { number: today, amount: sum }));
    Ok(Outcome::Admitted)
}

/// Key of one side; zero where there is none.
fn side(person: u64, account: Option<Address>) -> U256 {
    account.map_or(U256::ZERO, |account| subject(person, account))
}

/// Whether a side, if there is one, is not bound.
fn is_exempt_side(context: &mut Context<'_>, exempt: u64, account: Option<Address>) -> Result<bool, Failure> {
    account.map_or(Ok(true), |account| is_exempt(context, exempt, account))
}

// ----- exchanges -----------------------------------------------------------------------------------------------------

/// Records that the payer's institution sent its data. It takes the place of an earlier exchange.
pub(super) fn open_exchange(
    context: &mut Context<'_>,
    pair: Pair,
    amount: U256,
    expires_ms: u64,
    commitment: B256,
) -> Result<(), Failure> {
    rule(context, Kind::TravelRule, pair.policy)?;
    require_institution(context, pair.payer)?;
    identity::registrar_of(context, pair.payee)?;
    let now_ms = context.env().timestamp_ms;
    ensure(now_ms < expires_ms, || IPolicy::ExchangeExpiryInvalid { expiresMs: expires_ms, nowMs: now_ms })?;
    ensure(!commitment.is_zero(), || IPolicy::ExchangeCommitmentMissing {})?;
    let place = pair.place(context)?.exchange;
    place.terms.write(context, ExchangeTerms { left: units(amount), expires_ms, acknowledged: false })?;
    place.commitment.write(context, commitment)?;
    let event = IPolicy::ExchangeOpened {
        policyId: pair.policy,
        token: pair.token,
        payerPersonId: pair.payer,
        payeePersonId: pair.payee,
        amount,
        expiresMs: expires_ms,
        commitment,
    };
    context.emit(POLICY_ADDRESS, &event)
}

/// Records that the payee's institution accepted the exchange. It repeats all of it: the payer's institution may have
/// opened another one since.
pub(super) fn acknowledge_exchange(
    context: &mut Context<'_>,
    pair: Pair,
    amount: U256,
    expires_ms: u64,
    commitment: B256,
) -> Result<(), Failure> {
    rule(context, Kind::TravelRule, pair.policy)?;
    require_institution(context, pair.payee)?;
    let place = pair.place(context)?.exchange;
    let open = place.commitment.read(context)?;
    ensure(!open.is_zero(), || IPolicy::ExchangeUnknown {
        policyId: pair.policy,
        payerPersonId: pair.payer,
        payeePersonId: pair.payee,
    })?;
    let terms = place.terms.read(context)?;
    let same = open == commitment && terms.left == units(amount) && terms.expires_ms == expires_ms;
    ensure(same, || IPolicy::ExchangeDiffers {
        openAmount: U256::from(terms.left),
        openExpiresMs: terms.expires_ms,
        openCommitment: open,
    })?;
    place.terms.write(context, ExchangeTerms { acknowledged: true, ..terms })?;
    let event = IPolicy::ExchangeAcknowledged {
        policyId: pair.policy,
        token: pair.token,
        payerPersonId: pair.payer,
        payeePersonId: pair.payee,
        commitment,
    };
    context.emit(POLICY_ADDRESS, &event)
}

/// Reverts unless the caller is the institution of the person: its registrar, in office.
fn require_institution(context: &mut Context<'_>, person: u64) -> Result<(), Failure> {
    let (registrar, caller) = (identity::registrar_of(context, person)?, context.caller());
    let in_office = registrar == caller && identity::is_registrar(context, caller)?;
    ensure(in_office, || IPolicy::InstitutionRequired { personId: person, caller, registrar })
}

/// What is known of payments between two persons: the exchange, its commitment, and what was paid this day.
pub(super) fn exchange_of(context: &mut Context<'_>, pair: Pair) -> Result<(ExchangeTerms, B256, u128), Failure> {
    rule(context, Kind::TravelRule, pair.policy)?;
    let place = pair.place(context)?;
    let (terms, commitment) = (place.exchange.terms.read(context)?, place.exchange.commitment.read(context)?);
    let today = day(context.env().timestamp_ms);
    Ok((terms, commitment, place.total.read(context)?.amount_in(today)))
}
