//! Instructions for a later value date: they wait outside of the queue, and are presented on their day or never.
//!
//! **Consent.** The debtor's is its own call of [`submit_later`]; presenting adds nothing to it.

use super::{
    ISettlement,
    book::Book,
    codes::{self, REASON_VALUE_DATE, TIME_MAX_MS, status},
    day::is_date,
    lanes::record,
    layout::Instruction,
    queue::{NewInstruction, announce, drafted, existing, go},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure},
};

/// Hands in a payment of the caller for a value date that has not closed; answers its number.
pub fn submit_later(
    context: &mut Context<'_>,
    scheme: u64,
    new: &NewInstruction,
    (value_date, not_before_ms): (u32, u64),
) -> Result<u64, Failure> {
    let book = Book::read(context, scheme)?;
    let (mut instruction, _) = drafted(context, &book, new)?;
    ensure_not_over(context, &book, value_date)?;
    // The cut-off of another day than the open one is not known yet.
    let latest = if value_date == book.day.value_date { book.day.cut_off_ms.saturating_sub(1) } else { TIME_MAX_MS };
    ensure(not_before_ms <= latest, || ISettlement::NotBeforeInvalid {
        notBeforeMs: not_before_ms,
        notBeforeMsMax: latest,
    })?;
    let id = announce(context, &book, new)?;
    (instruction.status, instruction.position, instruction.submitted_ms) = (status::LATER, value_date, not_before_ms);
    record(context, id)?.write(context, instruction)?;
    let event =
        ISettlement::InstructionForLater { instructionId: id, valueDate: value_date, notBeforeMs: not_before_ms };
    context.emit(SETTLEMENT_ADDRESS, &event)?;
    Ok(id)
}

/// A value date is a date that no day has passed: that of the open day before its cut-off, or a later one.
fn ensure_not_over(context: &Context<'_>, book: &Book, value_date: u32) -> Result<(), Failure> {
    let current = book.day.value_date;
    let is_open = book.day.phase == codes::day::OPEN;
    let ahead = value_date > current || (value_date == current && is_open);
    ensure(is_date(value_date) && ahead, || ISettlement::ValueDateInvalid {
        valueDate: value_date,
        previousValueDate: current,
    })?;
    if value_date == current { book.ensure_before_cut_off(context) } else { Ok(()) }
}

/// Submits such a payment on its day; answers its status. What nobody presented in time is rejected for ever.
pub fn present(context: &mut Context<'_>, id: u64) -> Result<u8, Failure> {
    let mut instruction = existing(context, id)?;
    let mut book = Book::read(context, instruction.scheme.into())?;
    let found = instruction.status;
    ensure(found == status::LATER, || ISettlement::InstructionStatusInvalid { instructionId: id, status: found })?;
    if went_by(context, &book, &instruction) {
        instruction.status = status::REJECTED;
        record(context, id)?.write(context, instruction)?;
        let event = ISettlement::InstructionRejected { instructionId: id, reason: REASON_VALUE_DATE };
        context.emit(SETTLEMENT_ADDRESS, &event)?;
        return Ok(status::REJECTED);
    }
    let (value_date, current) = (instruction.position, book.day.value_date);
    ensure(value_date == current, || ISettlement::ValueDateNotCome {
        instructionId: id,
        valueDate: value_date,
        currentValueDate: current,
    })?;
    let (now, not_before) = (context.env().timestamp_ms, instruction.submitted_ms);
    ensure(now >= not_before, || ISettlement::InstructionTooEarly {
        instructionId: id,
        notBeforeMs: not_before,
        nowMs: now,
    })?;
    // Leaving takes consent back, and suspension bars: both are asked again.
    let debtor = book.seat(context, instruction.debtor)?.account();
    let creditor = book.seat(context, instruction.creditor)?.account();
    let parties = (book.active(context, debtor)?, book.active(context, creditor)?);
    (instruction.status, instruction.position, instruction.submitted_ms) = (status::QUEUED, 0, now);
    go(context, &mut book, id, instruction, &parties)
}

/// Whether the value date of an instruction that waits for it has gone by: its day is over, its cut-off has come, or there
/// was no such day.
pub(super) fn went_by(context: &Context<'_>, book: &Book, instruction: &Instruction) -> bool {
    let (value_date, day) = (instruction.position, book.day);
    let over = day.phase != codes::day::OPEN || context.env().timestamp_ms >= day.cut_off_ms;
    value_date < day.value_date || (value_date == day.value_date && over)
}
