//! Mandates, which a creditor collects under, and standing orders, which anyone executes when they are due.
//!
//! Both are one record: what the payer signed once, its limits, and what was used of them. A due date is paid once, because
//! due dates rise and because the UETR of its payment is derived from it.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;
use florin_types::StateFault;

use super::{
    IPayment, Order,
    calendar::{Cadence, END_MS},
    layout::{Beneficiary, Bounds, Limits, MandateRecord, PeriodUsage, Terms, Usage, layout},
    orders::{check_amount, check_party, settle},
    record::{ensure_caller, existing_token},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    slots::Slot,
    token_address,
};

/// Who sets the amounts and the due dates. The numbers are part of the ABI and of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The creditor, within limits.
    Mandate = 1,
    /// The payer, once for all.
    StandingOrder = 2,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Mandate => 1,
            Self::StandingOrder => 2,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Mandate, Self::StandingOrder].into_iter().find(|kind| kind.number() == number)
    }
}

/// What a payer agrees to. Largest values mean without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The token.
    pub token: Address,
    /// Who receives.
    pub creditor: Address,
    /// Most units of one collection; the amount of a standing order.
    pub collection_max: U256,
    /// Most units in a period.
    pub period_max: U256,
    /// Most units in all.
    pub total_max: U256,
    /// Most collections.
    pub count_max: u32,
    /// Days of a period, or zero.
    pub every_days: u32,
    /// Months of a period, or zero.
    pub every_months: u32,
    /// Begin of the validity; first due date of a standing order.
    pub valid_from_ms: u64,
    /// End of the validity: late already.
    pub valid_until_ms: u64,
    /// Hash of what was signed; the idempotency key.
    pub reference: B256,
}

/// A mandate or a standing order during one operation.
pub(super) struct Mandate {
    pub(super) kind: Kind,
    pub(super) terms: Terms,
    pub(super) beneficiary: Beneficiary,
    pub(super) limits: Limits,
    pub(super) bounds: Bounds,
    pub(super) usage: Usage,
    pub(super) cadence: Cadence,
    number: u64,
    place: MandateRecord,
}

impl Mandate {
    pub(super) fn read(context: &mut Context<'_>, number: u64) -> Result<Self, Failure> {
        let place = layout().mandates.at(context, &number)?;
        let terms = place.terms.read(context)?;
        let kind =
            Kind::from_number(terms.kind).ok_or_else(|| revert(IPayment::MandateUnknown { mandateId: number }))?;
        let beneficiary = place.beneficiary.read(context)?;
        let cadence = match terms.unit {
            1 => Cadence::new(beneficiary.every, 0),
            2 => Cadence::new(0, beneficiary.every),
            _ => None,
        };
        let cadence = cadence.ok_or_else(|| StateFault(format!("mandate {number} has no cadence")))?;
        let limits = place.limits.read(context)?;
        let bounds = place.bounds.read(context)?;
        let usage = place.usage.read(context)?;
        Ok(Self { kind, terms, beneficiary, limits, bounds, usage, cadence, number, place })
    }

    pub(super) fn token(&self) -> Address {
        token_address(self.terms.token)
    }

    fn ensure_kind(&self, kind: Kind) -> Result<(), Failure> {
        let error = || IPayment::MandateKindForbids { mandateId: self.number, kind: self.kind.number() };
        ensure(self.kind == kind, error)
    }

    fn ensure_standing(&self) -> Result<(), Failure> {
        ensure(!self.terms.cancelled, || IPayment::MandateCancelled { mandateId: self.number })
    }

    fn ensure_in_force(&self, now_ms: u64) -> Result<(), Failure> {
        let (from_ms, until_ms) = (self.beneficiary.from_ms, self.bounds.until_ms);
        ensure(from_ms <= now_ms && now_ms < until_ms, || IPayment::MandateNotInForce {
            mandateId: self.number,
            validFromMs: from_ms,
            validUntilMs: until_ms,
            nowMs: now_ms,
        })
    }

    fn ensure_countable(&self) -> Result<(), Failure> {
        let count_max = self.bounds.count_max;
        ensure(self.usage.count < count_max, || IPayment::CountLimitReached { countMax: count_max })
    }

    /// Units collected in the period in which `now_ms` lies, and its number.
    pub(super) fn period(&self, context: &mut Context<'_>, now_ms: u64) -> Result<PeriodUsage, Failure> {
        let period = self.cadence.period_of(self.beneficiary.from_ms, now_ms);
        let last = self.place.period.read(context)?;
        let total = if last.period == period { last.total } else { 0 };
        Ok(PeriodUsage { total, period })
    }

    /// Pays a due date and counts it.
    fn pay(
        mut self,
        context: &mut Context<'_>,
        due_ms: u64,
        (units, period): (u128, PeriodUsage),
        (end_to_end, remittance): (B256, B256),
    ) -> Result<B256, Failure> {
        let uetr = mandate_uetr(context, self.number, due_ms)?;
        let (token, payee, amount) = (self.token(), self.beneficiary.creditor, U256::from(units));
        let order = Order { token, payee, amount, uetr, end_to_end, remittance, ..Order::default() };
        settle(context, self.terms.payer, &order, units)?;
        self.usage.total = self.usage.total.saturating_add(units);
        self.usage.count = self.usage.count.saturating_add(1);
        self.usage.last_due_ms = due_ms;
        self.place.usage.write(context, self.usage)?;
        let total = period.total.saturating_add(units);
        self.place.period.write(context, PeriodUsage { total, ..period })?;
        let event = IPayment::MandateCollected { mandateId: self.number, uetr, dueMs: due_ms, amount };
        context.emit(PAYMENT_ADDRESS, &event)?;
        Ok(uetr)
    }
}

// ----- creation ------------------------------------------------------------------------------------------------------

/// Lets a creditor collect from the caller.
pub fn create_mandate(context: &mut Context<'_>, agreement: &Agreement) -> Result<u64, Failure> {
    create(context, Kind::Mandate, agreement)
}

/// Orders the same amount for each due date. Its other limits are without limit.
pub fn create_standing_order(context: &mut Context<'_>, agreement: &Agreement) -> Result<u64, Failure> {
    create(context, Kind::StandingOrder, &Agreement { period_max: U256::MAX, total_max: U256::MAX, ..*agreement })
}

fn create(context: &mut Context<'_>, kind: Kind, agreement: &Agreement) -> Result<u64, Failure> {
    let named = unused_reference(context, agreement.reference)?;
    check_party(context, agreement.creditor)?;
    let (limits, total_max) = check_limits(agreement)?;
    let Agreement { every_days, every_months, valid_from_ms, valid_until_ms, .. } = *agreement;
    let cadence = Cadence::new(every_days, every_months)
        .ok_or_else(|| revert(IPayment::CadenceInvalid { everyDays: every_days, everyMonths: every_months }))?;
    let now_ms = context.env().timestamp_ms;
    let valid = valid_from_ms < valid_until_ms && valid_until_ms > now_ms && valid_until_ms <= END_MS;
    ensure(valid, || IPayment::ValidityInvalid {
        validFromMs: valid_from_ms,
        validUntilMs: valid_until_ms,
        nowMs: now_ms,
    })?;
    let token = existing_token(context, agreement.token)?;

    let made = layout().mandates_made;
    let number = made.read(context)?.saturating_add(1);
    made.write(context, number)?;
    named.write(context, number)?;
    let place = layout().mandates.at(context, &number)?;
    let (unit, every) = match cadence {
        Cadence::Days(days) => (1, days),
        Cadence::Months(months) => (2, months),
    };
    let payer = context.caller();
    place.terms.write(context, Terms { payer, token, kind: kind.number(), cancelled: false, unit })?;
    place.beneficiary.write(context, Beneficiary { creditor: agreement.creditor, from_ms: valid_from_ms, every })?;
    place.limits.write(context, limits)?;
    let count_max = agreement.count_max;
    place.bounds.write(context, Bounds { total_max, until_ms: valid_until_ms, count_max })?;
    emit_created(context, (number, kind), agreement, (limits, total_max))?;
    Ok(number)
}

/// Where the number of the caller's mandate with this reference will lie; reverts where the caller has used it: who sends
/// again learns the number of the first.
fn unused_reference(context: &mut Context<'_>, reference: B256) -> Result<Slot<u64>, Failure> {
    ensure(!reference.is_zero(), || IPayment::MandateReferenceMissing {})?;
    let payer = context.caller();
    let place = layout().mandate_references.at(context, &payer)?.at(context, &reference)?;
    let number = place.read(context)?;
    ensure(number == 0, || IPayment::MandateReferenceUsed { payer, mandateReference: reference, mandateId: number })?;
    Ok(place)
}

/// The limits as units; what is beyond an amount is without limit.
fn check_limits(agreement: &Agreement) -> Result<(Limits, u128), Failure> {
    let collection_max = check_amount(agreement.collection_max)?;
    let unlimited = |amount: U256| u128::try_from(amount).unwrap_or(u128::MAX);
    let (period_max, total_max) = (unlimited(agreement.period_max), unlimited(agreement.total_max));
    let ordered = collection_max <= period_max && period_max <= total_max && agreement.count_max > 0;
    ensure(ordered, || IPayment::LimitsInvalid {
        collectionMax: agreement.collection_max,
        periodMax: agreement.period_max,
        totalMax: agreement.total_max,
        countMax: agreement.count_max,
    })?;
    Ok((Limits { collection_max, period_max }, total_max))
}

fn emit_created(
    context: &mut Context<'_>,
    (number, kind): (u64, Kind),
    agreement: &Agreement,
    (limits, total_max): (Limits, u128),
) -> Result<(), Failure> {
    let event = IPayment::MandateCreated {
        mandateId: number,
        payer: context.caller(),
        creditor: agreement.creditor,
        kind: kind.number(),
        token: agreement.token,
        collectionMax: U256::from(limits.collection_max),
        periodMax: U256::from(limits.period_max),
        totalMax: U256::from(total_max),
        countMax: agreement.count_max,
        everyDays: agreement.every_days,
        everyMonths: agreement.every_months,
        validFromMs: agreement.valid_from_ms,
        validUntilMs: agreement.valid_until_ms,
        mandateReference: agreement.reference,
    };
    context.emit(PAYMENT_ADDRESS, &event)
}

// ----- use -----------------------------------------------------------------------------------------------------------

/// UETR of the payment for a due date: it cannot recur, and nobody has to remember it.
pub fn mandate_uetr(context: &mut Context<'_>, number: u64, due_ms: u64) -> Result<B256, Failure> {
    let chain_id = context.env().chain_id;
    context.keccak(&(PAYMENT_ADDRESS, chain_id, number, due_ms).abi_encode())
}

/// Collects for a due date under a mandate, whose payer consented within its limits.
pub fn collect(
    context: &mut Context<'_>,
    number: u64,
    due_ms: u64,
    amount: U256,
    references: (B256, B256),
) -> Result<B256, Failure> {
    let mandate = Mandate::read(context, number)?;
    ensure_caller(context, mandate.beneficiary.creditor)?;
    mandate.ensure_kind(Kind::Mandate)?;
    let Usage { count, last_due_ms, total, .. } = mandate.usage;
    let used = || IPayment::DueUsed { mandateId: number, dueMs: due_ms, lastDueMs: last_due_ms };
    ensure(count == 0 || due_ms > last_due_ms, used)?;
    mandate.ensure_standing()?;
    let now_ms = context.env().timestamp_ms;
    mandate.ensure_in_force(now_ms)?;
    let due = mandate.beneficiary.from_ms <= due_ms && due_ms <= now_ms;
    ensure(due, || IPayment::DueInvalid { mandateId: number, dueMs: due_ms, nowMs: now_ms })?;
    let units = check_amount(amount)?;
    let Limits { collection_max, period_max } = mandate.limits;
    let exceeded = || IPayment::CollectionLimitExceeded { amount, collectionMax: U256::from(collection_max) };
    ensure(units <= collection_max, exceeded)?;
    mandate.ensure_countable()?;
    let period = mandate.period(context, now_ms)?;
    ensure(units <= period_max.saturating_sub(period.total), || IPayment::PeriodLimitExceeded {
        used: U256::from(period.total),
        amount,
        periodMax: U256::from(period_max),
    })?;
    let total_max = mandate.bounds.total_max;
    ensure(units <= total_max.saturating_sub(total), || IPayment::TotalLimitExceeded {
        used: U256::from(total),
        amount,
        totalMax: U256::from(total_max),
    })?;
    mandate.pay(context, due_ms, (units, period), references)
}

/// Executes the next due date of a standing order, whoever calls: its payer fixed amount and date.
pub fn execute(context: &mut Context<'_>, number: u64) -> Result<B256, Failure> {
    let mandate = Mandate::read(context, number)?;
    mandate.ensure_kind(Kind::StandingOrder)?;
    mandate.ensure_standing()?;
    let now_ms = context.env().timestamp_ms;
    mandate.ensure_in_force(now_ms)?;
    mandate.ensure_countable()?;
    let due_ms = mandate.cadence.begin_ms(mandate.beneficiary.from_ms, u64::from(mandate.usage.count));
    ensure(due_ms <= now_ms, || IPayment::DueInvalid { mandateId: number, dueMs: due_ms, nowMs: now_ms })?;
    let period = mandate.period(context, now_ms)?;
    let units = mandate.limits.collection_max;
    mandate.pay(context, due_ms, (units, period), (B256::ZERO, B256::ZERO))
}

/// Ends a mandate or a standing order, for ever.
pub fn cancel_mandate(context: &mut Context<'_>, number: u64) -> Result<(), Failure> {
    let mandate = Mandate::read(context, number)?;
    let (by, payer) = (context.caller(), mandate.terms.payer);
    let party = by == payer || by == mandate.beneficiary.creditor;
    ensure(party, || IPayment::CallerForbidden { caller: by, expected: payer })?;
    mandate.ensure_standing()?;
    mandate.place.terms.write(context, Terms { cancelled: true, ..mandate.terms })?;
    context.emit(PAYMENT_ADDRESS, &IPayment::MandateEnded { mandateId: number, by })
}
