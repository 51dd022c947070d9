//! Requests to pay: a creditor asks, a debtor accepts by paying, or refuses. A request is immutable, so that what is
//! accepted is what was read.

use alloy_primitives::{Address, B256, U256};

use super::{
    IPayment, Order,
    codes::{Agent, Code},
    layout::{Asked, Asker, RequestRecord, layout},
    orders::{check_agent, check_amount, check_expiry, check_party, check_purpose, check_reason, settle},
    record::{ensure_caller, existing_token, unused},
};
use crate::{
    PAYMENT_ADDRESS,
    context::{Context, Failure, ensure},
    slots::Slot,
    token_address,
};

/// What became of a request. The numbers are part of the ABI and of storage; all but the first are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Neither answered nor withdrawn; late, when its expiry has come.
    Open = 1,
    /// The debtor paid it.
    Accepted = 2,
    /// The debtor refused it.
    Refused = 3,
    /// The creditor withdrew it.
    Withdrawn = 4,
}

impl RequestState {
    /// The number in the ABI and in storage.
    pub fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Accepted => 2,
            Self::Refused => 3,
            Self::Withdrawn => 4,
        }
    }

    /// The state with this number; `None` for 0 and for what this version does not know.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Open, Self::Accepted, Self::Refused, Self::Withdrawn].into_iter().find(|state| state.number() == number)
    }
}

/// What a creditor asks for. Zero stands for what is not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The token.
    pub token: Address,
    /// Who is asked.
    pub debtor: Address,
    /// Minor units, as the caller wrote them.
    pub amount: U256,
    /// Block time in milliseconds from which the request is late.
    pub expiry_ms: u64,
    /// BIC of the creditor's agent.
    pub creditor_agent: Agent,
    /// Hash of the end-to-end id.
    pub end_to_end: B256,
    /// Purpose code.
    pub purpose: Code,
    /// Hash of the remittance information.
    pub remittance: B256,
    /// The creditor's own, used once: who asks again under it learns the number of the first.
    pub reference: B256,
}

/// A request during one operation.
pub(super) struct Open {
    pub(super) asker: Asker,
    pub(super) asked: Asked,
    number: u64,
    place: RequestRecord,
}

impl Open {
    pub(super) fn read(context: &mut Context<'_>, number: u64) -> Result<Self, Failure> {
        let place = layout().requests.at(context, &number)?;
        let asker = place.asker.read(context)?;
        ensure(asker.state != 0, || IPayment::RequestUnknown { requestId: number })?;
        let asked = place.asked.read(context)?;
        Ok(Self { asker, asked, number, place })
    }

    pub(super) fn amount(&self, context: &mut Context<'_>) -> Result<u128, Failure> {
        self.place.amount.read(context)
    }

    fn ensure_open(&self) -> Result<(), Failure> {
        let state = self.asker.state;
        ensure(state == RequestState::Open.number(), || IPayment::RequestStateForbids { requestId: self.number, state })
    }

    /// At the very instant of its expiry a request is late.
    fn ensure_in_time(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (expiry_ms, now_ms) = (self.asked.expiry_ms, context.env().timestamp_ms);
        let late = || IPayment::RequestLate { requestId: self.number, expiryMs: expiry_ms, nowMs: now_ms };
        ensure(now_ms < expiry_ms, late)
    }

    fn answer(&self, context: &mut Context<'_>, answer: RequestState) -> Result<(), Failure> {
        self.place.asker.write(context, Asker { state: answer.number(), ..self.asker })
    }
}

/// Asks a debtor to pay the caller.
pub fn request_payment(context: &mut Context<'_>, request: &Request) -> Result<u64, Failure> {
    let named = unused_reference(context, request.reference)?;
    let units = check_amount(request.amount)?;
    check_party(context, request.debtor)?;
    check_agent(request.creditor_agent)?;
    check_purpose(request.purpose)?;
    check_expiry(context, request.expiry_ms)?;
    let token = existing_token(context, request.token)?;

    let made = layout().requests_made;
    let number = made.read(context)?.saturating_add(1);
    made.write(context, number)?;
    named.write(context, number)?;
    let place = layout().requests.at(context, &number)?;
    let creditor = context.caller();
    place.asker.write(context, Asker { creditor, token, state: RequestState::Open.number() })?;
    place.asked.write(context, Asked { debtor: request.debtor, expiry_ms: request.expiry_ms })?;
    place.amount.write(context, units)?;
    let event = IPayment::RequestMade {
        requestId: number,
        creditor,
        debtor: request.debtor,
        token: request.token,
        amount: request.amount,
        expiryMs: request.expiry_ms,
        creditorAgent: request.creditor_agent,
        endToEnd: request.end_to_end,
        purpose: request.purpose,
        remittance: request.remittance,
        requestReference: request.reference,
    };
    context.emit(PAYMENT_ADDRESS, &event)?;
    Ok(number)
}

/// Where the number of a creditor's request with this reference lies.
fn reference_place(context: &mut Context<'_>, creditor: Address, reference: B256) -> Result<Slot<u64>, Failure> {
    layout().request_references.at(context, &creditor)?.at(context, &reference)
}

/// The same, for the caller; reverts where the caller has used it.
fn unused_reference(context: &mut Context<'_>, reference: B256) -> Result<Slot<u64>, Failure> {
    ensure(!reference.is_zero(), || IPayment::RequestReferenceMissing {})?;
    let creditor = context.caller();
    let place = reference_place(context, creditor, reference)?;
    let number = place.read(context)?;
    let used = || IPayment::RequestReferenceUsed { creditor, requestReference: reference, requestId: number };
    ensure(number == 0, used)?;
    Ok(place)
}

/// What `requestUnder` answers, for whoever reads proven state: 0 where the reference was never used.
pub fn request_under(context: &mut Context<'_>, creditor: Address, reference: B256) -> Result<u64, Failure> {
    reference_place(context, creditor, reference)?.read(context)
}

/// Pays what was asked, under a UETR of the debtor, who calls.
pub fn accept(context: &mut Context<'_>, number: u64, uetr: B256, debtor_agent: Agent) -> Result<(), Failure> {
    let request = Open::read(context, number)?;
    let debtor = request.asked.debtor;
    ensure_caller(context, debtor)?;
    // Before all that may have changed meanwhile: who sends the same again learns what became of its payment.
    unused(context, debtor, uetr)?;
    request.ensure_open()?;
    request.ensure_in_time(context)?;
    check_agent(debtor_agent)?;
    let units = request.amount(context)?;
    let (token, creditor) = (token_address(request.asker.token), request.asker.creditor);
    let order = Order { token, payee: creditor, amount: U256::from(units), uetr, debtor_agent, ..Order::default() };
    settle(context, debtor, &order, units)?;
    request.answer(context, RequestState::Accepted)?;
    context.emit(PAYMENT_ADDRESS, &IPayment::RequestAccepted { requestId: number, creditor, debtor, uetr })
}

/// Refuses with a reason.
pub fn refuse(context: &mut Context<'_>, number: u64, reason: Code) -> Result<(), Failure> {
    let request = Open::read(context, number)?;
    let (creditor, debtor) = (request.asker.creditor, request.asked.debtor);
    ensure_caller(context, debtor)?;
    request.ensure_open()?;
    request.ensure_in_time(context)?;
    check_reason(reason)?;
    request.answer(context, RequestState::Refused)?;
    context.emit(PAYMENT_ADDRESS, &IPayment::RequestRefused { requestId: number, creditor, debtor, reason })
}

/// Withdraws a request, late or not.
pub fn cancel_request(context: &mut Context<'_>, number: u64) -> Result<(), Failure> {
    let request = Open::read(context, number)?;
    let (creditor, debtor) = (request.asker.creditor, request.asked.debtor);
    ensure_caller(context, creditor)?;
    request.ensure_open()?;
    request.answer(context, RequestState::Withdrawn)?;
    context.emit(PAYMENT_ADDRESS, &IPayment::RequestWithdrawn { requestId: number, creditor, debtor })
}
