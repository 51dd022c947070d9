//! Intraday credit: units of the lender, lent until the day closes within what pledged collateral is worth.
//!
//! **Consent.** The lender's is the line that it set; a borrower's to everything that follows at the close, collection and
//! realisation included, is its own draw, and to the hold its own pledge.

use alloy_primitives::{Address, U256};

use super::{
    ISettlement,
    book::{Book, Seat, two},
    codes::{self, AMOUNT_MAX, BASIS_POINTS, PLEDGES_MAX, PRICE_SCALE, TIME_MAX_MS, member},
    layout::{Collateral, Credit, CreditSums, Lending, Pledge},
    solver::Steps,
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

// ----- terms ---------------------------------------------------------------------------------------------------------

/// Makes the operator the lender and bounds what it lends at once. A line below what is lent bars new draws only.
pub fn set_credit_line(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    let operator = context.caller();
    let mut lending = book.place.lending.read(context)?;
    let mut sums = book.place.credit_sums.read(context)?;
    // Who lent is paid back, so that the lender stays while anything is lent.
    ensure(sums.lent == 0 || lending.lender == operator, || ISettlement::CreditLenderDiffers {
        schemeId: scheme,
        lender: lending.lender,
        operator,
    })?;
    sums.line = codes::limit(amount)?;
    lending.lender = operator;
    book.place.lending.write(context, lending)?;
    book.place.credit_sums.write(context, sums)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::CreditLineSet { schemeId: scheme, lender: operator, amount })
}

/// Says what a token is worth as collateral; a price of zero ends its being eligible.
pub fn set_collateral(
    context: &mut Context<'_>,
    scheme: u64,
    token: Address,
    (price, haircut, expires_ms): (U256, u32, u64),
) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    token::ensure_token(context, token)?;
    ensure(token != book.token(), || ISettlement::CollateralInvalid { schemeId: scheme, token })?;
    let now = context.env().timestamp_ms;
    let invalid = || ISettlement::CollateralTermsInvalid { price, haircut, expiresMs: expires_ms, nowMs: now };
    let units = u128::try_from(price).ok().filter(|units| *units <= AMOUNT_MAX).ok_or_else(|| revert(invalid()))?;
    let in_time = expires_ms > now && expires_ms <= TIME_MAX_MS;
    ensure(haircut <= BASIS_POINTS && in_time, invalid)?;
    let place = book.place.collaterals.at(context, &token)?;
    place.write(context, Collateral { price: units, haircut, expires_ms })?;
    let event = ISettlement::CollateralSet { schemeId: scheme, token, price, haircut, expiresMs: expires_ms };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

// ----- pledges -------------------------------------------------------------------------------------------------------

/// A pledge with what its hold still has.
#[derive(Clone, Copy)]
pub(super) struct Pledged {
    pub(super) owner: Address,
    pub(super) token: Address,
    pub(super) hold: u64,
    pub(super) units: u128,
}

/// Puts units of the caller on hold as collateral; answers the number of the pledge.
pub fn pledge(context: &mut Context<'_>, scheme: u64, token: Address, amount: U256) -> Result<u8, Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.active(context, account)?;
    let units = codes::amount(amount)?;
    // Only a token that has a price is called: an operator looked whether one was created there.
    in_force(context, &book, token)?;
    let number = free_pledge(context, &book, &seat)?;
    let hold = token::hold(context, token, Keeper::Settlement, account, units)?;
    pledge_place(context, &book, &seat, number)?.write(context, Pledge { token, hold })?;
    let credit = seat.place.credit.read(context)?;
    if number >= credit.pledges {
        seat.place.credit.write(context, Credit { pledges: number.saturating_add(1), ..credit })?;
    }
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::CollateralPledged { schemeId: scheme, account, token, pledgeId: number, holdId: hold, amount },
    )?;
    Ok(number)
}

/// The first number whose hold has nothing left, or that was never used.
fn free_pledge(context: &mut Context<'_>, book: &Book, seat: &Seat) -> Result<u8, Failure> {
    let used = seat.place.credit.read(context)?.pledges;
    for number in 0..used {
        if pledged(context, book, seat, number)?.is_none_or(|pledged| pledged.units == 0) {
            return Ok(number);
        }
    }
    ensure(used < PLEDGES_MAX, || ISettlement::PledgesExhausted {
        schemeId: book.id,
        account: seat.account(),
        pledgesMax: U256::from(PLEDGES_MAX),
    })?;
    Ok(used)
}

/// Frees units of a pledge of the caller that its credit does not need.
pub fn withdraw_collateral(context: &mut Context<'_>, scheme: u64, number: u8, amount: U256) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, context.caller())?;
    let pledged = existing_pledge(context, &book, &seat, number)?;
    let units = codes::amount(amount)?;
    let credit = seat.place.credit.read(context)?;
    ensure_not_overdue(&book, &seat, credit)?;
    if credit.outstanding > 0 {
        lending_of_operator(context, &book)?;
    }
    token::release_hold(context, pledged.token, (Keeper::Settlement, pledged.hold), units)?;
    if credit.outstanding > 0 {
        let value = collateral_value(context, &book, &seat)?;
        ensure_covered(&book, &seat, value, credit.outstanding)?;
    }
    let account = seat.account();
    let event = ISettlement::CollateralWithdrawn { schemeId: scheme, account, pledgeId: number, amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

// ----- loans ---------------------------------------------------------------------------------------------------------

/// Lends units to the caller until the day closes.
pub fn draw_credit(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.active(context, account)?;
    let units = codes::amount(amount)?;
    book.ensure_open()?;
    book.ensure_before_cut_off(context)?;
    let mut credit = seat.place.credit.read(context)?;
    ensure_not_overdue(&book, &seat, credit)?;
    let mut lending = lending_of_operator(context, &book)?;
    let lender = lending.lender;
    ensure(account != lender, || ISettlement::SelfSettlement { account })?;
    let mut sums = book.place.credit_sums.read(context)?;
    let lent = sums.lent.saturating_add(units);
    ensure(lent <= sums.line, || line_exceeded(&book, sums, amount))?;
    let outstanding = credit.outstanding.saturating_add(units);
    let value = collateral_value(context, &book, &seat)?;
    ensure_covered(&book, &seat, value, outstanding)?;

    if credit.outstanding == 0 {
        lending.borrowers = lending.borrowers.saturating_add(1);
        book.place.lending.write(context, lending)?;
    }
    (sums.lent, credit.outstanding) = (lent, outstanding);
    book.place.credit_sums.write(context, sums)?;
    seat.place.credit.write(context, credit)?;
    token::pay(context, book.token(), lender, account, units)?;
    let outstanding = U256::from(outstanding);
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::CreditDrawn { schemeId: scheme, account, amount, outstanding })
}

/// Who lends, if its own prices are in force: nothing is lent and no collateral released at those of a successor.
fn lending_of_operator(context: &mut Context<'_>, book: &Book) -> Result<Lending, Failure> {
    let lending = book.place.lending.read(context)?;
    let (lender, operator) = (lending.lender, book.place.operator.read(context)?);
    ensure(lender == operator, || ISettlement::CreditLenderDiffers { schemeId: book.id, lender, operator })?;
    Ok(lending)
}

/// Pays part of what the caller owes, or all; answers how much.
pub fn repay_credit(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<U256, Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = known(context, &book, account)?;
    let owed = seat.place.credit.read(context)?.outstanding;
    let units = if amount == U256::MAX { owed } else { u128::try_from(amount).unwrap_or(u128::MAX) };
    ensure(units > 0 && units <= owed, || ISettlement::RepaymentInvalid { amount, outstanding: U256::from(owed) })?;
    let lender = book.place.lending.read(context)?.lender;
    token::pay(context, book.token(), account, lender, units)?;
    let outstanding = U256::from(lower_debt(context, &book, &seat, units)?);
    let amount = U256::from(units);
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::CreditRepaid { schemeId: scheme, account, amount, outstanding })?;
    Ok(amount)
}

/// Lowers a debt that was paid in whatever way; answers what is left. Who owes nothing is not overdue.
fn lower_debt(context: &mut Context<'_>, book: &Book, seat: &Seat, units: u128) -> Result<u128, Failure> {
    let mut credit = seat.place.credit.read(context)?;
    let mut sums = book.place.credit_sums.read(context)?;
    let wrong = || book.fault("credit does not agree with its sums");
    credit.outstanding = credit.outstanding.checked_sub(units).ok_or_else(wrong)?;
    sums.lent = sums.lent.checked_sub(units).ok_or_else(wrong)?;
    if credit.outstanding == 0 {
        credit.overdue = false;
        let mut lending = book.place.lending.read(context)?;
        lending.borrowers = lending.borrowers.checked_sub(1).ok_or_else(wrong)?;
        book.place.lending.write(context, lending)?;
    }
    seat.place.credit.write(context, credit)?;
    book.place.credit_sums.write(context, sums)?;
    Ok(credit.outstanding)
}

// ----- the close of the day ------------------------------------------------------------------------------------------

/// Begins with the first seat.
pub(super) fn begin_collection(context: &mut Context<'_>, book: &Book) -> Result<(), Failure> {
    let lending = book.place.lending.read(context)?;
    if lending.cursor == 0 {
        return Ok(());
    }
    book.place.lending.write(context, Lending { cursor: 0, ..lending })
}

/// Goes on through the participants and takes from their balances what they owe. True when all were visited.
pub(super) fn collect_due(context: &mut Context<'_>, book: &Book, steps: &mut Steps) -> Result<bool, Failure> {
    let begun = book.place.lending.read(context)?;
    if begun.borrowers == 0 {
        return Ok(true);
    }
    let mut cursor = begun.cursor;
    while cursor < book.terms.seats && steps.take() {
        let seat = book.seat(context, cursor)?;
        collect(context, book, &seat)?;
        cursor = cursor.saturating_add(1);
    }
    // What was repaid changed the count of borrowers.
    let lending = book.place.lending.read(context)?;
    book.place.lending.write(context, Lending { cursor, ..lending })?;
    Ok(cursor >= book.terms.seats)
}

/// Takes what one participant owes, as far as it goes; the rest is overdue.
fn collect(context: &mut Context<'_>, book: &Book, seat: &Seat) -> Result<(), Failure> {
    let owed = seat.place.credit.read(context)?.outstanding;
    if owed == 0 {
        return Ok(());
    }
    let (lender, account) = (book.place.lending.read(context)?.lender, seat.account());
    let paid = token::collect(context, book.token(), (account, lender), owed)?;
    if paid > 0 {
        let outstanding = U256::from(lower_debt(context, book, seat, paid)?);
        let amount = U256::from(paid);
        let event = ISettlement::CreditRepaid { schemeId: book.id, account, amount, outstanding };
        context.emit(SETTLEMENT_ADDRESS, &event)?;
    }
    let credit = seat.place.credit.read(context)?;
    if credit.outstanding == 0 {
        return Ok(());
    }
    seat.place.credit.write(context, Credit { overdue: true, ..credit })?;
    let (day, outstanding) = (book.day.number, U256::from(credit.outstanding));
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::CreditFellDue { schemeId: book.id, account, day, outstanding })
}

/// Takes of an overdue borrower's pledge what is owed, at the price in force; answers units taken and debt paid.
pub fn realise_collateral(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
    number: u8,
) -> Result<(U256, U256), Failure> {
    let book = Book::read(context, scheme)?;
    let (caller, lender) = (context.caller(), book.place.lending.read(context)?.lender);
    ensure(caller == lender, || ISettlement::LenderRequired { schemeId: scheme, caller, lender })?;
    let seat = known(context, &book, account)?;
    let pledged = existing_pledge(context, &book, &seat, number)?;
    let credit = seat.place.credit.read(context)?;
    ensure(credit.overdue, || ISettlement::CreditNotOverdue { schemeId: scheme, account })?;
    let collateral = in_force(context, &book, pledged.token)?;
    let token = pledged.token;
    let unfrozen = pledged.units.saturating_sub(token::frozen_on_hold(context, token, pledged.owner)?);
    // Where all is frozen the token says so.
    let reachable = if unfrozen == 0 { pledged.units } else { unfrozen };
    let (units, paid) = part_to_take(reachable, collateral.price, credit.outstanding);
    // Nobody gives collateral for nothing.
    ensure(paid > 0, || ISettlement::CollateralPriceMissing { schemeId: scheme, token })?;

    token::post_hold(context, token, (Keeper::Settlement, pledged.hold), lender, units)?;
    let outstanding = U256::from(lower_debt(context, &book, &seat, paid)?);
    let (units, amount) = (U256::from(units), U256::from(paid));
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::CollateralRealised {
            schemeId: scheme,
            account,
            token,
            pledgeId: number,
            units,
            amount,
            outstanding,
        },
    )?;
    Ok((units, amount))
}

/// Units worth what is owed, rounded up, and the debt; or all units, and what they are worth, rounded down.
fn part_to_take(units: u128, price: u128, owed: u128) -> (u128, u128) {
    let (price, scale) = (U256::from(price), U256::from(PRICE_SCALE));
    let needed = U256::from(owed).saturating_mul(scale).saturating_add(price).saturating_sub(U256::ONE);
    let needed = needed.checked_div(price).unwrap_or(U256::MAX);
    match u128::try_from(needed).ok().filter(|needed| *needed <= units) {
        Some(needed) => (needed, owed),
        None => {
            let worth = U256::from(units).saturating_mul(price).checked_div(scale).unwrap_or_default();
            (units, u128::try_from(worth).unwrap_or(u128::MAX).min(owed))
        }
    }
}

/// Records that a borrower owes more than its pledges are worth.
pub fn call_margin(context: &mut Context<'_>, scheme: u64, account: Address) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let owed = seat.place.credit.read(context)?.outstanding;
    let worth = collateral_value(context, &book, &seat)?;
    let (outstanding, value) = (U256::from(owed), U256::from(worth));
    ensure(owed > worth, || ISettlement::MarginSuffices { schemeId: scheme, account, outstanding, value })?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::MarginCalled { schemeId: scheme, account, outstanding, value })
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// What the pledges of a participant are worth now, together.
pub(super) fn collateral_value(context: &mut Context<'_>, book: &Book, seat: &Seat) -> Result<u128, Failure> {
    let mut sum = 0u128;
    for number in 0..seat.place.credit.read(context)?.pledges {
        if let Some(pledged) = pledged(context, book, seat, number)? {
            sum = sum.saturating_add(value_of(context, book, &pledged)?);
        }
    }
    Ok(sum)
}

/// What a pledge is worth now, rounded down; nothing without a price in force. What is frozen of the owner's holds may be
/// what this pledge has, so it counts for none.
pub(super) fn value_of(context: &mut Context<'_>, book: &Book, pledged: &Pledged) -> Result<u128, Failure> {
    let Collateral { price, haircut, expires_ms } =
        book.place.collaterals.at(context, &pledged.token)?.read(context)?;
    if context.env().timestamp_ms >= expires_ms {
        return Ok(0);
    }
    let counted = BASIS_POINTS.saturating_sub(haircut);
    let whole = U256::from(PRICE_SCALE).saturating_mul(U256::from(BASIS_POINTS));
    let counted_units = pledged.units.saturating_sub(token::frozen_on_hold(context, pledged.token, pledged.owner)?);
    // Units have 128 bits, a price 94 and basis points 14: the product has less than 256.
    let product = U256::from(counted_units).saturating_mul(U256::from(price)).saturating_mul(U256::from(counted));
    Ok(u128::try_from(product.checked_div(whole).unwrap_or_default()).unwrap_or(u128::MAX))
}

/// What a participant may draw now; `value` is that of its pledges.
pub(super) fn available(context: &mut Context<'_>, book: &Book, seat: &Seat, value: u128) -> Result<u128, Failure> {
    let credit = seat.place.credit.read(context)?;
    let lender = book.place.lending.read(context)?.lender;
    let open = book.day.phase == codes::day::OPEN && context.env().timestamp_ms < book.day.cut_off_ms;
    let lends = lender == book.place.operator.read(context)? && lender != seat.account();
    if !open || !lends || credit.overdue || seat.member.status != member::ACTIVE {
        return Ok(0);
    }
    let CreditSums { line, lent } = book.place.credit_sums.read(context)?;
    let has = token::spendable_units(context, book.token(), lender)?;
    Ok(value.saturating_sub(credit.outstanding).min(line.saturating_sub(lent)).min(has))
}

/// A participant's pledge of this number; reverts where none was made.
pub(super) fn existing_pledge(
    context: &mut Context<'_>,
    book: &Book,
    seat: &Seat,
    number: u8,
) -> Result<Pledged, Failure> {
    let account = seat.account();
    pledged(context, book, seat, number)?
        .ok_or_else(|| revert(ISettlement::PledgeUnknown { schemeId: book.id, account, pledgeId: number }))
}

pub(super) fn pledged(
    context: &mut Context<'_>,
    book: &Book,
    seat: &Seat,
    number: u8,
) -> Result<Option<Pledged>, Failure> {
    let Pledge { token, hold } = pledge_place(context, book, seat, number)?.read(context)?;
    if token.is_zero() {
        return Ok(None);
    }
    let token::Hold { owner, amount: units, .. } = token::hold_of(context, token, hold)?;
    Ok(Some(Pledged { owner, token, hold, units }))
}

fn pledge_place(
    context: &mut Context<'_>,
    book: &Book,
    seat: &Seat,
    number: u8,
) -> Result<crate::slots::Slot<Pledge>, Failure> {
    book.place.pledges.at(context, &two(seat.index, number.into()))
}

/// A token's terms as collateral, if its price is above zero and has not expired: at the very instant it has.
fn in_force(context: &mut Context<'_>, book: &Book, token: Address) -> Result<Collateral, Failure> {
    let collateral = book.place.collaterals.at(context, &token)?.read(context)?;
    let valid = collateral.price > 0 && context.env().timestamp_ms < collateral.expires_ms;
    ensure(valid, || ISettlement::CollateralPriceMissing { schemeId: book.id, token })?;
    Ok(collateral)
}

/// A seat that was ever given, whatever its status: debts and pledges outlast it.
fn known(context: &mut Context<'_>, book: &Book, account: Address) -> Result<Seat, Failure> {
    let seat = book.find(context, account)?;
    seat.ok_or_else(|| revert(ISettlement::ParticipantRequired { schemeId: book.id, account, status: 0 }))
}

fn ensure_not_overdue(book: &Book, seat: &Seat, credit: Credit) -> Result<(), Failure> {
    ensure(!credit.overdue, || ISettlement::CreditIsOverdue {
        schemeId: book.id,
        account: seat.account(),
        outstanding: U256::from(credit.outstanding),
    })
}

fn ensure_covered(book: &Book, seat: &Seat, value: u128, needed: u128) -> Result<(), Failure> {
    ensure(needed <= value, || ISettlement::CollateralInsufficient {
        schemeId: book.id,
        account: seat.account(),
        value: U256::from(value),
        needed: U256::from(needed),
    })
}

fn line_exceeded(book: &Book, sums: CreditSums, amount: U256) -> ISettlement::CreditLineExceeded {
    let (line, lent) = (U256::from(sums.line), U256::from(sums.lent));
    ISettlement::CreditLineExceeded { schemeId: book.id, line, lent, amount }
}
