//! Instructions: handing them in, settling them one by one or in pairs, and what their debtor may do with them.
//!
//! **Consent.** The debtor of every movement is who submitted the instruction: the caller of [`submit`].

use alloy_primitives::{Address, B256, U256};

use super::{
    ISettlement,
    book::{Book, Seat},
    codes::{self, OFFSET_MAX, OFFSET_PLACES_MAX, URGENT, status},
    lanes::{self, Walk, count_in, count_out, enter, record, standing, withdraw},
    layout::{Instruction, layout},
    solver::{Payment, Position, Table, signed},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, NetChange},
};

/// A payment as its debtor hands it in.
pub struct NewInstruction {
    /// Whom it pays.
    pub creditor: Address,
    /// Minor units.
    pub amount: U256,
    /// 0 urgent, 1 high, 2 normal.
    pub priority: u8,
    /// The debtor's own, used once.
    pub reference: B256,
}

// ----- submission ----------------------------------------------------------------------------------------------------

/// Hands in a payment of the caller: it settles at once, or queues, or waits for the end of a run. Answers its number and
/// status.
pub fn submit(context: &mut Context<'_>, scheme: u64, new: &NewInstruction) -> Result<(u64, u8), Failure> {
    let mut book = Book::read(context, scheme)?;
    let (instruction, parties) = drafted(context, &book, new)?;
    book.ensure_open()?;
    book.ensure_before_cut_off(context)?;
    let id = announce(context, &book, new)?;
    let status = go(context, &mut book, id, instruction, &parties)?;
    Ok((id, status))
}

/// Debtor and creditor of an instruction.
pub(super) type Parties = (Seat, Seat);

/// What an instruction must be whenever it settles, and its record, which nobody has written yet.
pub(super) fn drafted(
    context: &mut Context<'_>,
    book: &Book,
    new: &NewInstruction,
) -> Result<(Instruction, Parties), Failure> {
    let debtor = book.active(context, context.caller())?;
    let creditor = book.counterparty(context, &debtor, new.creditor)?;
    let amount = codes::amount(new.amount)?;
    codes::priority(new.priority)?;
    ensure(!new.reference.is_zero(), || ISettlement::InstructionReferenceMissing {})?;
    let instruction = Instruction {
        amount,
        debtor: debtor.index,
        creditor: creditor.index,
        priority: new.priority,
        status: status::QUEUED,
        submitted_ms: context.env().timestamp_ms,
        scheme: scheme_number(book)?,
        position: 0,
    };
    Ok((instruction, (debtor, creditor)))
}

/// Gives an instruction its number, and tells of it.
pub(super) fn announce(context: &mut Context<'_>, book: &Book, new: &NewInstruction) -> Result<u64, Failure> {
    let debtor = context.caller();
    let id = take_number(context, debtor, new.reference)?;
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::InstructionSubmitted {
            instructionId: id,
            schemeId: book.id,
            instructionReference: new.reference,
            debtor,
            creditor: new.creditor,
            amount: new.amount,
            priority: new.priority,
        },
    )?;
    Ok(id)
}

/// Settles an instruction at once, or queues it, or lets it wait for the end of a run; answers its status.
pub(super) fn go(
    context: &mut Context<'_>,
    book: &mut Book,
    id: u64,
    mut instruction: Instruction,
    (debtor, creditor): &Parties,
) -> Result<u8, Failure> {
    if book.day.running {
        wait(context, book, id, &mut instruction)?;
    } else if goes_first(context, book, debtor, instruction.priority)?
        && covered(context, book, debtor, creditor, &instruction)?
    {
        settle_alone(context, book, id, &mut instruction, (debtor, creditor))?;
    } else {
        count_in(book)?;
        enter(context, book, id, &mut instruction, debtor)?;
        offset_queues(context, book, debtor, creditor)?;
        instruction = record(context, id)?.read(context)?;
    }
    book.write_day(context)?;
    Ok(instruction.status)
}

/// The next number, taken by a reference that its debtor uses for the first time.
pub(super) fn take_number(context: &mut Context<'_>, debtor: Address, reference: B256) -> Result<u64, Failure> {
    let used = layout().references.at(context, &debtor)?.at(context, &reference)?;
    let earlier = used.read(context)?;
    ensure(earlier == 0, || ISettlement::InstructionReferenceUsed {
        instructionReference: reference,
        instructionId: earlier,
    })?;
    let made = layout().instructions_made;
    let id = made.read(context)?.saturating_add(1);
    made.write(context, id)?;
    used.write(context, id)?;
    Ok(id)
}

/// A scheme's number as instructions keep it; [`super::create_scheme`] gives no larger ones.
pub(super) fn scheme_number(book: &Book) -> Result<u32, Failure> {
    u32::try_from(book.id).map_err(|_| book.fault("its number has more than 32 bits"))
}

/// While a run is in progress the queue stands still: what arrives joins it afterwards.
fn wait(context: &mut Context<'_>, book: &mut Book, id: u64, instruction: &mut Instruction) -> Result<(), Failure> {
    count_in(book)?;
    instruction.status = status::WAITING;
    record(context, id)?.write(context, *instruction)?;
    let mut arrivals = book.place.arrivals.read(context)?;
    book.place.arrived.at(context, &arrivals.made)?.write(context, id)?;
    arrivals.made = arrivals.made.saturating_add(1);
    book.place.arrivals.write(context, arrivals)?;
    let run = book.place.run.read(context)?.number;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::InstructionWaiting { instructionId: id, run })
}

/// Whether a new instruction of this priority would stand before all others of its debtor, or may pass them.
fn goes_first(context: &mut Context<'_>, book: &Book, debtor: &Seat, priority: u8) -> Result<bool, Failure> {
    Ok(book.terms.bypass || debtor.place.live.read(context)?.up_to(priority) == 0)
}

// ----- settling alone ------------------------------------------------------------------------------------------------

/// Whether an instruction could settle by itself.
fn covered(
    context: &mut Context<'_>,
    book: &Book,
    debtor: &Seat,
    creditor: &Seat,
    instruction: &Instruction,
) -> Result<bool, Failure> {
    let amount = signed(instruction.amount);
    let urgent = instruction.priority == URGENT;
    let capacity = if urgent { book.urgent_capacity(context, debtor)? } else { book.capacity(context, debtor)? };
    if amount > capacity {
        return Ok(false);
    }
    if book.bilateral_room(context, debtor, creditor.index)?.is_some_and(|room| amount > room) {
        return Ok(false);
    }
    if !(book.may_take_part(context, debtor)? && book.may_take_part(context, creditor)?) {
        return Ok(false);
    }
    token::admits_pay(context, book.token(), (debtor.account(), creditor.account()), instruction.amount)
}

/// Settles an instruction that stands in no lane.
fn settle_alone(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    instruction: &mut Instruction,
    (debtor, creditor): (&Seat, &Seat),
) -> Result<(), Failure> {
    let amount = instruction.amount;
    token::pay(context, book.token(), debtor.account(), creditor.account(), amount)?;
    book.note_flow(context, debtor, creditor, amount)?;
    book.note_figures(context, 1, (amount, amount), delay(context, instruction))?;
    mark_settled(context, book, id, instruction)
}

fn mark_settled(context: &mut Context<'_>, book: &Book, id: u64, instruction: &mut Instruction) -> Result<(), Failure> {
    instruction.status = status::SETTLED;
    record(context, id)?.write(context, *instruction)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::InstructionSettled { instructionId: id, schemeId: book.id })
}

/// Milliseconds since submission.
fn delay(context: &Context<'_>, instruction: &Instruction) -> u128 {
    context.env().timestamp_ms.saturating_sub(instruction.submitted_ms).into()
}

/// Settles what is covered of a participant's queue, one by one in order. Under FIFO the first that is not covered ends
/// it; a bypass scheme passes that one. Answers how many settled.
pub fn release(context: &mut Context<'_>, scheme: u64, account: Address, steps: u32) -> Result<u32, Failure> {
    let mut book = Book::read(context, scheme)?;
    let debtor = book.active(context, account)?;
    let mut steps = codes::steps(steps)?;
    book.ensure_open()?;
    book.ensure_idle(context)?;
    let mut settled = 0u32;
    let mut walk = Walk::queue(context, &debtor)?;
    while let Some(place) = walk.place().filter(|_| steps.take()) {
        let Some(id) = walk.next(context, &book)?.filter(|id| *id != 0) else {
            lanes::pass_empty(context, &debtor, place)?;
            continue;
        };
        let mut instruction = standing(context, &book, id)?;
        let creditor = book.seat(context, instruction.creditor)?;
        if covered(context, &book, &debtor, &creditor, &instruction)? {
            withdraw(context, &book, &instruction, &debtor)?;
            count_out(&mut book, 1)?;
            settle_alone(context, &book, id, &mut instruction, (&debtor, &creditor))?;
            settled = settled.saturating_add(1);
        } else if !book.terms.bypass {
            break;
        }
    }
    book.write_day(context)?;
    Ok(settled)
}

// ----- bilateral offset ----------------------------------------------------------------------------------------------

/// Settles leading instructions of two participants towards each other on their net. Answers how many settled.
pub fn offset(context: &mut Context<'_>, scheme: u64, first: Address, second: Address) -> Result<u32, Failure> {
    let mut book = Book::read(context, scheme)?;
    let first = book.active(context, first)?;
    let second = book.counterparty(context, &first, second)?;
    book.ensure_open()?;
    book.ensure_idle(context)?;
    let settled = offset_queues(context, &mut book, &first, &second)?;
    book.write_day(context)?;
    Ok(settled)
}

/// One side of an offset: leading instructions towards the other.
type Leading = Vec<(u64, Instruction)>;

fn offset_queues(context: &mut Context<'_>, book: &mut Book, first: &Seat, second: &Seat) -> Result<u32, Failure> {
    let there = leading(context, book, first, second)?;
    if there.is_empty() {
        return Ok(0);
    }
    let back = leading(context, book, second, first)?;
    if back.is_empty() || !book.may_take_part(context, first)? || !book.may_take_part(context, second)? {
        return Ok(0);
    }
    let sides = [(first, second, there), (second, first, back)];
    let mut positions = Vec::with_capacity(2);
    for (index, (seat, other, queue)) in sides.iter().enumerate() {
        let creditor = 1usize.wrapping_sub(index);
        let room = book.bilateral_room(context, seat, other.index)?;
        positions.push(Position {
            capacity: book.capacity(context, seat)?,
            bilateral: room.map(|room| (creditor, room)).into_iter().collect(),
            barred: false,
            queue: queue.iter().map(|(_, instruction)| Payment { creditor, amount: instruction.amount }).collect(),
        });
    }
    let solution = Table::new(positions).solve();
    let kept = |side: usize| solution.kept.get(side).copied().unwrap_or_default();
    if solution.count == 0 {
        return Ok(0);
    }
    let paid = [0, 1].map(|side| {
        let queue = sides.get(side).map(|(_, _, queue)| queue.iter().take(kept(side))).into_iter().flatten();
        queue.fold(0u128, |sum, (_, instruction)| sum.saturating_add(instruction.amount))
    });
    let changes = net_of_two((first.account(), paid[0]), (second.account(), paid[1]));
    for change in &changes {
        if !token::admits_net(context, book.token(), change)? {
            return Ok(0);
        }
    }
    for (side, (debtor, creditor, queue)) in sides.into_iter().enumerate() {
        for (id, mut instruction) in queue.into_iter().take(kept(side)) {
            withdraw(context, book, &instruction, debtor)?;
            count_out(book, 1)?;
            book.note_flow(context, debtor, creditor, instruction.amount)?;
            book.note_figures(context, 1, (instruction.amount, 0), delay(context, &instruction))?;
            mark_settled(context, book, id, &mut instruction)?;
        }
    }
    token::settle_net(context, book.token(), &changes)?;
    book.note_figures(context, 0, (0, paid[0].abs_diff(paid[1])), 0)?;
    u32::try_from(solution.count).map_err(|_| book.fault("an offset settled too many"))
}

/// The difference between what two pay each other.
fn net_of_two((first, paid): (Address, u128), (second, got): (Address, u128)) -> [NetChange; 2] {
    let (debit, credit) = (paid.saturating_sub(got), got.saturating_sub(paid));
    [NetChange { account: first, debit, credit }, NetChange { account: second, debit: credit, credit: debit }]
}

/// Leading instructions of a participant that all pay `creditor`.
fn leading(context: &mut Context<'_>, book: &Book, debtor: &Seat, creditor: &Seat) -> Result<Leading, Failure> {
    let mut found = Vec::new();
    let mut walk = Walk::queue(context, debtor)?;
    for _ in 0..OFFSET_PLACES_MAX {
        let Some(id) = walk.next(context, book)? else { break };
        if id == 0 {
            continue;
        }
        let instruction = standing(context, book, id)?;
        if instruction.creditor != creditor.index || found.len() >= OFFSET_MAX {
            break;
        }
        found.push((id, instruction));
    }
    Ok(found)
}

// ----- what the debtor may do ----------------------------------------------------------------------------------------

/// Takes an instruction out for good.
pub fn cancel(context: &mut Context<'_>, id: u64) -> Result<(), Failure> {
    let (mut book, debtor, mut instruction) = own(context, id)?;
    // What waits for its value date stands in no lane, and no run knows it.
    if instruction.status == status::LATER {
        ensure_status(context, &book, id, &instruction, &[status::LATER])?;
    } else {
        ensure_stands(context, &book, id, &instruction, &[status::QUEUED, status::HELD])?;
        withdraw(context, &book, &instruction, &debtor)?;
        count_out(&mut book, 1)?;
    }
    instruction.status = status::CANCELLED;
    record(context, id)?.write(context, instruction)?;
    book.write_day(context)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::InstructionCancelled { instructionId: id })
}

/// Takes an instruction out of the queue until it is put back.
pub fn hold(context: &mut Context<'_>, id: u64) -> Result<(), Failure> {
    replace(context, id, status::QUEUED, |instruction| instruction.status = status::HELD)
}

/// Puts an instruction back, last of its priority.
pub fn unhold(context: &mut Context<'_>, id: u64) -> Result<(), Failure> {
    replace(context, id, status::HELD, |instruction| instruction.status = status::QUEUED)
}

/// Gives an instruction another priority, or its own once more: it stands last of it.
pub fn reprioritise(context: &mut Context<'_>, id: u64, priority: u8) -> Result<(), Failure> {
    // Existence and caller come first, as everywhere.
    own(context, id)?;
    codes::priority(priority)?;
    replace(context, id, status::QUEUED, |instruction| instruction.priority = priority)
}

/// Moves an instruction to the end of another lane, or of its own.
fn replace(context: &mut Context<'_>, id: u64, from: u8, change: impl FnOnce(&mut Instruction)) -> Result<(), Failure> {
    let (book, debtor, mut instruction) = own(context, id)?;
    ensure_stands(context, &book, id, &instruction, &[from])?;
    book.ensure_open()?;
    withdraw(context, &book, &instruction, &debtor)?;
    change(&mut instruction);
    enter(context, &book, id, &mut instruction, &debtor)
}

/// Swaps the places of two queued instructions of the caller.
pub fn swap(context: &mut Context<'_>, id: u64, other_id: u64) -> Result<(), Failure> {
    let (book, debtor, mut first) = own(context, id)?;
    let (_, _, mut second) = own(context, other_id)?;
    ensure_stands(context, &book, id, &first, &[status::QUEUED])?;
    let differ = id != other_id && first.scheme == second.scheme && first.debtor == second.debtor;
    ensure(differ, || ISettlement::InstructionsNotSwappable { instructionId: id, otherId: other_id })?;
    ensure_stands(context, &book, other_id, &second, &[status::QUEUED])?;
    book.ensure_open()?;
    (first.priority, second.priority) = (second.priority, first.priority);
    (first.position, second.position) = (second.position, first.position);
    for (id, instruction) in [(id, first), (other_id, second)] {
        let (priority, position) = (instruction.priority, instruction.position);
        lanes::set_id_at(context, &book, debtor.index, (priority, position), id)?;
        record(context, id)?.write(context, instruction)?;
        let event = ISettlement::InstructionQueued { instructionId: id, priority, position };
        context.emit(SETTLEMENT_ADDRESS, &event)?;
    }
    Ok(())
}

/// An instruction of the caller.
fn own(context: &mut Context<'_>, id: u64) -> Result<(Book, Seat, Instruction), Failure> {
    let instruction = existing(context, id)?;
    let book = Book::read(context, instruction.scheme.into())?;
    let debtor = book.seat(context, instruction.debtor)?;
    let (caller, account) = (context.caller(), debtor.account());
    ensure(caller == account, || ISettlement::DebtorRequired { instructionId: id, caller, debtor: account })?;
    Ok((book, debtor, instruction))
}

/// An instruction; reverts where none was submitted.
pub(super) fn existing(context: &mut Context<'_>, id: u64) -> Result<Instruction, Failure> {
    let instruction = record(context, id)?.read(context)?;
    if instruction.scheme == 0 {
        return Err(revert(ISettlement::InstructionUnknown { instructionId: id }));
    }
    Ok(instruction)
}

/// Nothing leaves its place during a run; otherwise it must stand as one of `allowed`.
fn ensure_stands(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    instruction: &Instruction,
    allowed: &[u8],
) -> Result<(), Failure> {
    book.ensure_idle(context)?;
    ensure_status(context, book, id, instruction, allowed)
}

fn ensure_status(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    instruction: &Instruction,
    allowed: &[u8],
) -> Result<(), Failure> {
    let status = super::views::status_of(context, book, instruction)?;
    ensure(allowed.contains(&status), || ISettlement::InstructionStatusInvalid { instructionId: id, status })
}
