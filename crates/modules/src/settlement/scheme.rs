//! Schemes, their participants and limits: checks, then effects, then the event.

use alloy_primitives::{Address, U256};

use super::{
    ISettlement,
    book::{Book, Seat, two},
    codes::{self, AMOUNT_MAX, BILATERAL_LIMITS_MAX, PARTICIPANTS_MAX, RULE_PREFUNDED, member},
    layout::{Limits, Member, Terms, layout},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token,
};

// ----- schemes -------------------------------------------------------------------------------------------------------

/// Makes a scheme that the caller operates.
pub fn create_scheme(context: &mut Context<'_>, token: Address, bypass: bool, rule: u8) -> Result<u64, Failure> {
    token::ensure_token(context, token)?;
    ensure(rule <= RULE_PREFUNDED, || ISettlement::DefaultRuleUnknown { rule })?;
    let made = layout().schemes_made.read(context)?;
    // Instructions name their scheme in 32 bits.
    ensure(made < u64::from(u32::MAX), || ISettlement::SchemesExhausted {})?;
    let id = made.saturating_add(1);
    layout().schemes_made.write(context, id)?;
    let (place, operator) = (layout().schemes.at(context, &id)?, context.caller());
    place.terms.write(context, Terms { token, seats: 0, bypass, default_rule: rule })?;
    place.operator.write(context, operator)?;
    let event = ISettlement::SchemeCreated { schemeId: id, token, operator, bypassFifo: bypass, defaultRule: rule };
    context.emit(SETTLEMENT_ADDRESS, &event)?;
    Ok(id)
}

/// Offers a scheme to a new operator; zero withdraws the offer.
pub fn propose_operator(context: &mut Context<'_>, scheme: u64, operator: Address) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    ensure(operator.is_zero() || context.can_hold(operator), || ISettlement::SchemeOperatorInvalid { operator })?;
    book.place.pending_operator.write(context, operator)?;
    let (current, pending) = (context.caller(), operator);
    let event = ISettlement::OperatorProposed { schemeId: scheme, operator: current, pendingOperator: pending };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Takes an offered scheme over.
pub fn accept_operator(context: &mut Context<'_>, scheme: u64) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let (pending, caller) = (book.place.pending_operator.read(context)?, context.caller());
    // The zero address never calls, so that an absent offer is nobody's.
    ensure(pending == caller && !caller.is_zero(), || ISettlement::SchemeOperatorNotProposed {
        schemeId: scheme,
        caller,
        pendingOperator: pending,
    })?;
    let previous = book.place.operator.read(context)?;
    book.place.operator.write(context, caller)?;
    book.place.pending_operator.write(context, Address::ZERO)?;
    let event = ISettlement::OperatorChanged { schemeId: scheme, previousOperator: previous, newOperator: caller };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

// ----- participants --------------------------------------------------------------------------------------------------

/// Lets an account join: a new one, or one that left.
pub fn admit_participant(context: &mut Context<'_>, scheme: u64, account: Address) -> Result<(), Failure> {
    let mut book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    ensure(context.can_hold(account), || ISettlement::ParticipantInvalid { account })?;
    if let Some(seat) = book.find(context, account)? {
        let status = seat.member.status;
        ensure(status == member::LEFT, || ISettlement::ParticipantKnown { schemeId: scheme, account, status })?;
        return set_status(context, &book, seat, member::ADMITTED);
    }
    let index = book.terms.seats;
    ensure(index < PARTICIPANTS_MAX, || ISettlement::ParticipantsExhausted {
        schemeId: scheme,
        participantsMax: U256::from(PARTICIPANTS_MAX),
    })?;
    book.terms.seats = index.saturating_add(1);
    book.place.terms.write(context, book.terms)?;
    book.place.seats.at(context, &account)?.write(context, book.terms.seats)?;
    let place = book.place.banks.at(context, &index)?;
    let member = Member { account, ..Member::default() };
    set_status(context, &book, Seat { index, place, member }, member::ADMITTED)
}

/// Joins: the caller consents to the movements that follow from its own instructions.
pub fn join(context: &mut Context<'_>, scheme: u64) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.find(context, account)?;
    let status = seat.map_or(0, |seat| seat.member.status);
    let seat = seat.filter(|_| status == member::ADMITTED);
    let seat = seat.ok_or_else(|| revert(ISettlement::ParticipantNotAdmitted { schemeId: scheme, account, status }))?;
    set_status(context, &book, seat, member::ACTIVE)
}

/// Takes the consent back. While the day is closed nothing of anyone is queued or in a window.
pub fn leave(context: &mut Context<'_>, scheme: u64) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.active(context, account)?;
    book.ensure_closed()?;
    let hold = seat.place.prefund.read(context)?;
    ensure(hold == 0, || ISettlement::PrefundInUse { schemeId: scheme, account, holdId: hold })?;
    let outstanding = seat.place.credit.read(context)?.outstanding;
    ensure(outstanding == 0, || ISettlement::CreditOutstanding {
        schemeId: scheme,
        account,
        outstanding: U256::from(outstanding),
    })?;
    set_status(context, &book, seat, member::LEFT)
}

/// Keeps a participant from submitting, paying and being paid.
pub fn suspend(context: &mut Context<'_>, scheme: u64, account: Address) -> Result<(), Failure> {
    switch(context, scheme, account, (member::ACTIVE, member::SUSPENDED))
}

/// Makes a suspended participant active again.
pub fn resume(context: &mut Context<'_>, scheme: u64, account: Address) -> Result<(), Failure> {
    switch(context, scheme, account, (member::SUSPENDED, member::ACTIVE))
}

/// Who may take part in a run is decided when it begins, so that this waits for its end.
fn switch(context: &mut Context<'_>, scheme: u64, account: Address, (from, to): (u8, u8)) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    let seat = book.find(context, account)?;
    let status = seat.map_or(0, |seat| seat.member.status);
    let seat = seat.filter(|_| status == from);
    let seat =
        seat.ok_or_else(|| revert(ISettlement::ParticipantStatusInvalid { schemeId: scheme, account, status }))?;
    book.ensure_idle(context)?;
    set_status(context, &book, seat, to)
}

fn set_status(context: &mut Context<'_>, book: &Book, seat: Seat, status: u8) -> Result<(), Failure> {
    let member = Member { status, ..seat.member };
    seat.place.member.write(context, member)?;
    let event =
        ISettlement::ParticipantStatusChanged { schemeId: book.id, account: member.account, status, seat: seat.index };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

// ----- limits --------------------------------------------------------------------------------------------------------

/// Keeps units of the caller for urgent instructions.
pub fn set_reserve(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<(), Failure> {
    let (book, seat) = own_seat(context, scheme)?;
    let reserve = codes::limit(amount)?;
    book.ensure_idle(context)?;
    let limits = seat.place.limits.read(context)?;
    write_limits(context, seat, Limits { reserve, ..limits })?;
    let event = ISettlement::ReserveSet { schemeId: scheme, account: seat.account(), amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Bounds the caller's net outflow to all others.
pub fn set_multilateral_limit(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<(), Failure> {
    let (book, seat) = own_seat(context, scheme)?;
    let multilateral = codes::store_limit(amount)?;
    book.ensure_idle(context)?;
    let limits = seat.place.limits.read(context)?;
    write_limits(context, seat, Limits { multilateral, ..limits })?;
    let event = ISettlement::MultilateralLimitSet { schemeId: scheme, account: seat.account(), amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

fn write_limits(context: &mut Context<'_>, seat: Seat, limits: Limits) -> Result<(), Failure> {
    seat.place.limits.write(context, limits)?;
    seat.place.member.write(context, Member { bounded: limits != Limits::default(), ..seat.member })
}

/// Bounds the caller's net outflow to one participant. What is queued between two is counted only from their first limit
/// on, so that one is set while the day is closed and the queue empty.
pub fn set_bilateral_limit(
    context: &mut Context<'_>,
    scheme: u64,
    counterparty: Address,
    amount: U256,
) -> Result<(), Failure> {
    let (book, mut seat) = own_seat(context, scheme)?;
    let other = book.counterparty(context, &seat, counterparty)?;
    let limit = codes::store_limit(amount)?;
    book.ensure_idle(context)?;
    let pair = book.place.pairs.at(context, &two(seat.index, other.index))?;
    let mut record = pair.limit.read(context)?;
    if !record.kept {
        book.ensure_closed()?;
        let number = seat.member.pairs;
        ensure(number < BILATERAL_LIMITS_MAX, || ISettlement::BilateralLimitsExhausted {
            schemeId: scheme,
            limitsMax: U256::from(BILATERAL_LIMITS_MAX),
        })?;
        book.place.counterparties.at(context, &two(seat.index, number))?.write(context, other.index)?;
        seat.member.pairs = number.saturating_add(1);
        seat.place.member.write(context, seat.member)?;
        record.kept = true;
    }
    record.limit = limit;
    pair.limit.write(context, record)?;
    let event = ISettlement::BilateralLimitSet { schemeId: scheme, account: seat.account(), counterparty, amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

fn own_seat(context: &mut Context<'_>, scheme: u64) -> Result<(Book, Seat), Failure> {
    let book = Book::read(context, scheme)?;
    let caller = context.caller();
    let seat = book.active(context, caller)?;
    Ok((book, seat))
}

// The stored form of a limit is the amount plus 1.
const _: () = assert!(AMOUNT_MAX < 1 << 95);
