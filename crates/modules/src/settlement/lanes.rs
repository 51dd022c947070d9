//! Lanes: where a participant's instructions stand in order. A lane is an array of instruction numbers, four a slot, from
//! its head to its tail; a place that was given up is empty. What settles at the head in a run moves the head alone.

use super::{
    ISettlement::{self, InstructionHeld, InstructionQueued},
    book::{Book, Seat},
    codes::{HELD_LANE, LANES, PRIORITIES, QUEUE_MAX, status},
    layout::{Four, Instruction, Lanes, Live, Marks, layout},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    slots::Slot,
};
use alloy_primitives::U256;

impl Lanes {
    /// First position and position after the last.
    pub(super) fn bounds(&self, lane: u8) -> (u32, u32) {
        match lane {
            0 => (self.head_0, self.tail_0),
            1 => (self.head_1, self.tail_1),
            2 => (self.head_2, self.tail_2),
            _ => (self.head_3, self.tail_3),
        }
    }

    pub(super) fn set(&mut self, lane: u8, head: u32, tail: u32) {
        match lane {
            0 => (self.head_0, self.tail_0) = (head, tail),
            1 => (self.head_1, self.tail_1) = (head, tail),
            2 => (self.head_2, self.tail_2) = (head, tail),
            _ => (self.head_3, self.tail_3) = (head, tail),
        }
    }
}

impl Live {
    pub(super) fn count(&self, lane: u8) -> u32 {
        match lane {
            0 => self.lane_0,
            1 => self.lane_1,
            2 => self.lane_2,
            _ => self.lane_3,
        }
    }

    pub(super) fn set(&mut self, lane: u8, count: u32) {
        match lane {
            0 => self.lane_0 = count,
            1 => self.lane_1 = count,
            2 => self.lane_2 = count,
            _ => self.lane_3 = count,
        }
    }

    /// Instructions that stand in the queue, what is on hold not included.
    pub(super) fn queued(&self) -> u32 {
        self.lane_0.saturating_add(self.lane_1).saturating_add(self.lane_2)
    }

    /// Instructions of this or a higher priority.
    pub(super) fn up_to(&self, priority: u8) -> u32 {
        (0..=priority.min(HELD_LANE.saturating_sub(1))).fold(0, |sum: u32, lane| sum.saturating_add(self.count(lane)))
    }
}

impl Marks {
    pub(super) fn tail(&self, lane: u8) -> u32 {
        match lane {
            0 => self.tail_0,
            1 => self.tail_1,
            _ => self.tail_2,
        }
    }

    pub(super) fn set_tail(&mut self, lane: u8, tail: u32) {
        match lane {
            0 => self.tail_0 = tail,
            1 => self.tail_1 = tail,
            _ => self.tail_2 = tail,
        }
    }

    pub(super) fn dropped(&self, lane: u8) -> u32 {
        match lane {
            0 => self.dropped_0,
            1 => self.dropped_1,
            _ => self.dropped_2,
        }
    }

    pub(super) fn count_drop(&mut self, lane: u8) {
        let count = match lane {
            0 => &mut self.dropped_0,
            1 => &mut self.dropped_1,
            _ => &mut self.dropped_2,
        };
        *count = count.saturating_add(1);
    }
}

impl Instruction {
    /// The lane in which it stands.
    pub(super) fn lane(&self) -> u8 {
        if self.status == status::HELD { HELD_LANE } else { self.priority }
    }
}

// ----- places --------------------------------------------------------------------------------------------------------

fn four(context: &mut Context<'_>, book: &Book, seat: u32, lane: u8, position: u32) -> Result<Slot<Four>, Failure> {
    let quarter = u64::from(position.wrapping_shr(2));
    let key = u64::from(seat).wrapping_shl(40) | u64::from(lane).wrapping_shl(32) | quarter;
    book.place.places.at(context, &key)
}

/// The instruction at a position; 0 if the place is empty.
pub(super) fn id_at(
    context: &mut Context<'_>,
    book: &Book,
    seat: u32,
    lane: u8,
    position: u32,
) -> Result<u64, Failure> {
    let four = four(context, book, seat, lane, position)?.read(context)?;
    Ok(match position & 3 {
        0 => four.id_0,
        1 => four.id_1,
        2 => four.id_2,
        _ => four.id_3,
    })
}

pub(super) fn set_id_at(
    context: &mut Context<'_>,
    book: &Book,
    seat: u32,
    (lane, position): (u8, u32),
    id: u64,
) -> Result<(), Failure> {
    let place = four(context, book, seat, lane, position)?;
    let mut four = place.read(context)?;
    match position & 3 {
        0 => four.id_0 = id,
        1 => four.id_1 = id,
        2 => four.id_2 = id,
        _ => four.id_3 = id,
    }
    place.write(context, four)
}

/// Where an instruction is kept.
pub(super) fn record(context: &mut Context<'_>, id: u64) -> Result<Slot<Instruction>, Failure> {
    layout().instructions.at(context, &id)
}

/// An instruction that stands in a lane.
pub(super) fn standing(context: &mut Context<'_>, book: &Book, id: u64) -> Result<Instruction, Failure> {
    let instruction = record(context, id)?.read(context)?;
    let stands =
        matches!(instruction.status, status::QUEUED | status::HELD) && u64::from(instruction.scheme) == book.id;
    if stands {
        Ok(instruction)
    } else {
        Err(book.fault(&format!("instruction {id} stands in a lane but is none of its queue")))
    }
}

// ----- standing in line ----------------------------------------------------------------------------------------------

/// Puts an instruction last into its lane: of its priority, or of what is on hold. The scheme's count is the caller's.
pub(super) fn enter(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    instruction: &mut Instruction,
    debtor: &Seat,
) -> Result<(), Failure> {
    let lane = instruction.lane();
    let mut lanes = debtor.place.lanes.read(context)?;
    let (head, position) = lanes.bounds(lane);
    let tail = position.checked_add(1).ok_or_else(|| full(book))?;
    lanes.set(lane, head, tail);
    debtor.place.lanes.write(context, lanes)?;
    set_id_at(context, book, debtor.index, (lane, position), id)?;
    instruction.position = position;
    count(context, book, instruction, debtor, true)?;
    record(context, id)?.write(context, *instruction)?;
    if lane == HELD_LANE {
        return context.emit(SETTLEMENT_ADDRESS, &InstructionHeld { instructionId: id });
    }
    let priority = instruction.priority;
    context.emit(SETTLEMENT_ADDRESS, &InstructionQueued { instructionId: id, priority, position })
}

/// Takes an instruction out of its lane. Its record is the caller's, and so is the scheme's count.
pub(super) fn withdraw(
    context: &mut Context<'_>,
    book: &Book,
    instruction: &Instruction,
    debtor: &Seat,
) -> Result<(), Failure> {
    let (lane, position) = (instruction.lane(), instruction.position);
    set_id_at(context, book, debtor.index, (lane, position), 0)?;
    let left = count(context, book, instruction, debtor, false)?;
    let mut lanes = debtor.place.lanes.read(context)?;
    let (head, tail) = lanes.bounds(lane);
    let next = position.saturating_add(1);
    // An empty lane forgets its empty places; otherwise those at its ends go one at a time.
    let bounds = match (left == 0, position == head, next == tail) {
        (true, _, _) => (tail, tail),
        (_, true, _) => (next, tail),
        (_, _, true) => (head, position),
        _ => (head, tail),
    };
    lanes.set(lane, bounds.0, bounds.1);
    debtor.place.lanes.write(context, lanes)
}

/// Moves a lane's head past an empty place, if it stands there.
pub(super) fn pass_empty(context: &mut Context<'_>, seat: &Seat, (lane, position): (u8, u32)) -> Result<(), Failure> {
    let mut lanes = seat.place.lanes.read(context)?;
    let (head, tail) = lanes.bounds(lane);
    if position == head {
        lanes.set(lane, head.saturating_add(1), tail);
        seat.place.lanes.write(context, lanes)?;
    }
    Ok(())
}

/// Keeps the sums over lanes; answers how many are in the lane.
fn count(
    context: &mut Context<'_>,
    book: &Book,
    instruction: &Instruction,
    debtor: &Seat,
    enters: bool,
) -> Result<u32, Failure> {
    let lane = instruction.lane();
    let mut live = debtor.place.live.read(context)?;
    let change = |sum: u64, by: u64| if enters { sum.checked_add(by) } else { sum.checked_sub(by) };
    let wrong = || book.fault("what is queued does not agree with its sums");
    let left = change(live.count(lane).into(), 1).and_then(|count| u32::try_from(count).ok()).ok_or_else(wrong)?;
    live.set(lane, left);
    if lane < PRIORITIES {
        let since = instruction.submitted_ms.saturating_sub(book.day.opened_ms);
        live.since_open_ms = change(live.since_open_ms, since).ok_or_else(wrong)?;
    }
    debtor.place.live.write(context, live)?;
    if lane < PRIORITIES {
        count_flows(context, book, instruction, debtor, enters)?;
    }
    Ok(left)
}

/// Keeps what is queued out of the debtor and into the creditor, and between them if either set a limit.
fn count_flows(
    context: &mut Context<'_>,
    book: &Book,
    instruction: &Instruction,
    debtor: &Seat,
    enters: bool,
) -> Result<(), Failure> {
    let creditor = book.seat(context, instruction.creditor)?;
    let amount = instruction.amount;
    for (seat, other, outward) in [(debtor, &creditor, true), (&creditor, debtor, false)] {
        let sums = [Some(seat.place.queued), book.pair(context, seat, other.index)?.map(|pair| pair.queued)];
        for place in sums.into_iter().flatten() {
            let mut flows = place.read(context)?;
            let sum = if outward { &mut flows.outward } else { &mut flows.inward };
            let changed = if enters { sum.checked_add(amount) } else { sum.checked_sub(amount) };
            *sum = changed.ok_or_else(|| book.fault("what is queued does not agree with its sums"))?;
            place.write(context, flows)?;
        }
    }
    Ok(())
}

/// Counts an instruction into the scheme's queue, unless it is full.
pub(super) fn count_in(book: &mut Book) -> Result<(), Failure> {
    ensure(book.day.queued < QUEUE_MAX, || queue_full(book))?;
    book.day.queued = book.day.queued.saturating_add(1);
    Ok(())
}

/// Counts instructions out of the scheme's queue.
pub(super) fn count_out(book: &mut Book, instructions: u32) -> Result<(), Failure> {
    let left = book.day.queued.checked_sub(instructions);
    book.day.queued = left.ok_or_else(|| book.fault("more instructions left the queue than it had"))?;
    Ok(())
}

fn queue_full(book: &Book) -> ISettlement::QueueFull {
    let (queued, max) = (U256::from(book.day.queued), U256::from(QUEUE_MAX));
    ISettlement::QueueFull { schemeId: book.id, queued, queuedMax: max }
}

fn full(book: &Book) -> Failure {
    revert(queue_full(book))
}

// ----- going through a queue -----------------------------------------------------------------------------------------

/// A walk through a participant's lanes in order.
pub(super) struct Walk {
    seat: u32,
    lanes: Lanes,
    lane: u8,
    position: u32,
    lanes_max: u8,
}

impl Walk {
    /// From the head of the queue on; what is on hold is not passed.
    pub(super) fn queue(context: &mut Context<'_>, seat: &Seat) -> Result<Self, Failure> {
        Self::over(context, seat, PRIORITIES)
    }

    /// Over all lanes.
    pub(super) fn all(context: &mut Context<'_>, seat: &Seat) -> Result<Self, Failure> {
        Self::over(context, seat, LANES)
    }

    fn over(context: &mut Context<'_>, seat: &Seat, lanes_max: u8) -> Result<Self, Failure> {
        let lanes = seat.place.lanes.read(context)?;
        Ok(Self { seat: seat.index, lanes, lane: 0, position: lanes.bounds(0).0, lanes_max })
    }

    /// From this place on.
    pub(super) fn from(mut self, lane: u8, position: u32) -> Self {
        self.lane = lane;
        self.position = position.max(self.lanes.bounds(lane).0);
        self
    }

    /// Where the next place is; absent at the end.
    pub(super) fn place(&mut self) -> Option<(u8, u32)> {
        while self.lane < self.lanes_max {
            if self.position < self.lanes.bounds(self.lane).1 {
                return Some((self.lane, self.position));
            }
            self.lane = self.lane.saturating_add(1);
            self.position = self.lanes.bounds(self.lane).0;
        }
        None
    }

    /// What stands at the next place, which is passed; 0 where it is empty, absent at the end.
    pub(super) fn next(&mut self, context: &mut Context<'_>, book: &Book) -> Result<Option<u64>, Failure> {
        let Some((lane, position)) = self.place() else { return Ok(None) };
        self.position = position.saturating_add(1);
        id_at(context, book, self.seat, lane, position).map(Some)
    }
}
