//! The business day: opening, and the cut-off that rejects what is unsettled.

use super::{
    ISettlement,
    book::{Book, Seat},
    codes::{self, REASON_CUT_OFF, status},
    credit,
    lanes::{self, Walk},
    layout::Day,
    solver::Steps,
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure},
};

/// Opens a business day.
pub fn open_day(context: &mut Context<'_>, scheme: u64, value_date: u32, cut_off_ms: u64) -> Result<(), Failure> {
    let mut book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    book.ensure_closed()?;
    let previous = book.day.value_date;
    ensure(is_date(value_date) && value_date > previous, || ISettlement::ValueDateInvalid {
        valueDate: value_date,
        previousValueDate: previous,
    })?;
    let now = context.env().timestamp_ms;
    ensure(codes::is_ahead(cut_off_ms, now), || ISettlement::CutOffInvalid { cutOffMs: cut_off_ms, nowMs: now })?;
    let number = book.day.number.saturating_add(1);
    book.day = Day { number, value_date, phase: codes::day::OPEN, opened_ms: now, cut_off_ms, ..Day::default() };
    book.write_day(context)?;
    let event = ISettlement::DayOpened { schemeId: scheme, day: number, valueDate: value_date, cutOffMs: cut_off_ms };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Whether a number looks like YYYYMMDD. Calendars of holidays are the operator's.
pub(super) fn is_date(value_date: u32) -> bool {
    let (days, month_and_year) = (value_date.wrapping_rem(100), value_date.wrapping_div(100));
    let (month, year) = (month_and_year.wrapping_rem(100), month_and_year.wrapping_div(100));
    (1..=31).contains(&days) && (1..=12).contains(&month) && (1970..=9999).contains(&year)
}

/// Rejects what is unsettled, collects intraday credit, and closes the day when nothing is left; answers whether it is
/// closed.
pub fn close_day(context: &mut Context<'_>, scheme: u64, steps: u32) -> Result<bool, Failure> {
    let mut book = Book::read(context, scheme)?;
    let phase = book.day.phase;
    ensure(phase != codes::day::CLOSED, || ISettlement::DayNotOpen { schemeId: scheme, phase })?;
    if phase == codes::day::OPEN {
        ensure_may_close(context, &book)?;
    }
    let mut steps = codes::steps(steps)?;
    if phase == codes::day::OPEN {
        book.ensure_idle(context)?;
        let windows = book.day.windows;
        ensure(windows == 0, || ISettlement::WindowsUnresolved { schemeId: scheme, windows })?;
        book.day.phase = codes::day::CLOSING;
        book.day.cursor = 0;
        credit::begin_collection(context, &book)?;
        context.emit(SETTLEMENT_ADDRESS, &ISettlement::DayClosing { schemeId: scheme, day: book.day.number })?;
    }
    let closed = reject_all(context, &mut book, &mut steps)? && credit::collect_due(context, &book, &mut steps)?;
    if closed {
        book.day.phase = codes::day::CLOSED;
        context.emit(SETTLEMENT_ADDRESS, &ISettlement::DayClosed { schemeId: scheme, day: book.day.number })?;
    }
    book.write_day(context)?;
    Ok(closed)
}

/// The operator may close at any time, everyone else from the cut-off on.
fn ensure_may_close(context: &mut Context<'_>, book: &Book) -> Result<(), Failure> {
    let (now, cut_off) = (context.env().timestamp_ms, book.day.cut_off_ms);
    let operator = book.place.operator.read(context)?;
    ensure(now >= cut_off || context.caller() == operator, || ISettlement::CutOffNotReached {
        schemeId: book.id,
        cutOffMs: cut_off,
        nowMs: now,
    })
}

/// Goes on through the participants and rejects what stands in their lanes. True when all are empty.
fn reject_all(context: &mut Context<'_>, book: &mut Book, steps: &mut Steps) -> Result<bool, Failure> {
    while book.day.queued > 0 && book.day.cursor < book.terms.seats {
        let seat = book.seat(context, book.day.cursor)?;
        let mut walk = Walk::all(context, &seat)?;
        while let Some(place) = walk.place() {
            if !steps.take() {
                return Ok(false);
            }
            match walk.next(context, book)? {
                Some(0) | None => lanes::pass_empty(context, &seat, place)?,
                Some(id) => reject(context, book, &seat, id)?,
            }
        }
        if !steps.take() {
            return Ok(false);
        }
        book.day.cursor = book.day.cursor.saturating_add(1);
    }
    if book.day.queued > 0 {
        return Err(book.fault("every lane is empty but the queue is not"));
    }
    Ok(true)
}

fn reject(context: &mut Context<'_>, book: &mut Book, seat: &Seat, id: u64) -> Result<(), Failure> {
    let mut instruction = lanes::standing(context, book, id)?;
    lanes::withdraw(context, book, &instruction, seat)?;
    lanes::count_out(book, 1)?;
    instruction.status = status::REJECTED;
    lanes::record(context, id)?.write(context, instruction)?;
    let event = ISettlement::InstructionRejected { instructionId: id, reason: REASON_CUT_OFF };
    context.emit(SETTLEMENT_ADDRESS, &event)
}
