//! The multilateral run: the solver over a scheme's whole queue, in calls of bounded work. See `specs/settlement.md`.
//!
//! Where it is stands in [`Run`]; who must be looked at, in the scheme's worklist; what was dropped, with each participant.
//! Until phase 4 nothing has moved, and phase 4 moves everything in one step.

use alloy_primitives::{Address, B256, U256};

use super::{
    ISettlement,
    board::{RunBoard, chain, less, marks_of, read_list, set_of, write_list, write_set},
    book::{Book, Seat},
    codes::{self, PRIORITIES, RUN_PAUSE_MS, RUN_STALE_MS, outcome, phase, status},
    lanes::{self, Walk},
    layout::{Flows, Run, RunSums},
    solver::{Board, Steps, Worklist, settle_down, signed},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure},
    token::{self, NetChange},
};

/// A run during one call.
struct Stage {
    book: Book,
    run: Run,
    sums: RunSums,
    proof: B256,
    list: Worklist,
    barred: Worklist,
}

impl Stage {
    fn read(context: &mut Context<'_>, book: Book) -> Result<Self, Failure> {
        let place = book.place;
        Ok(Self {
            run: place.run.read(context)?,
            sums: place.run_sums.read(context)?,
            proof: place.run_proof.read(context)?,
            list: read_list(context, &place.worklist)?,
            barred: read_list(context, &place.barred)?,
            book,
        })
    }

    fn write(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        let place = self.book.place;
        place.run.write(context, self.run)?;
        place.run_sums.write(context, self.sums)?;
        place.run_proof.write(context, self.proof)?;
        write_list(context, &place.worklist, &self.list)?;
        write_list(context, &place.barred, &self.barred)?;
        self.book.write_day(context)
    }

    /// The next seat of the phase, which is passed; absent at the end. None of the steps is used.
    fn next_seat(&mut self, context: &mut Context<'_>) -> Result<Option<Seat>, Failure> {
        if self.run.cursor >= self.book.terms.seats {
            return Ok(None);
        }
        let seat = self.book.seat(context, self.run.cursor)?;
        self.run.cursor = self.run.cursor.saturating_add(1);
        Ok(Some(seat))
    }

    fn enter(&mut self, phase: u8) {
        self.run = Run { phase, cursor: 0, lane: 0, position: 0, ..self.run };
    }

    fn board<'b, 'c>(&'b self, context: &'b mut Context<'c>) -> RunBoard<'b, 'c> {
        RunBoard::new(context, &self.book, self.run.number, &self.barred, (self.sums, self.proof))
    }
}

fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

// ----- calls ---------------------------------------------------------------------------------------------------------

/// Begins a run over the whole queue.
pub fn start_run(context: &mut Context<'_>, scheme: u64) -> Result<u32, Failure> {
    let mut book = Book::read(context, scheme)?;
    let by_operator = starts_as_operator(context, &book)?;
    book.ensure_open()?;
    // The day closes once no run is in progress: participants must not put that off.
    if !by_operator {
        book.ensure_before_cut_off(context)?;
    }
    book.ensure_idle(context)?;
    let earlier = book.place.run.read(context)?;
    ensure_not_too_soon(context, &book, earlier, by_operator)?;
    let number = earlier.number.checked_add(1).ok_or_else(|| book.fault("has no more numbers for runs"))?;
    let started_ms = context.env().timestamp_ms;
    book.day.running = true;
    let queued = book.day.queued;
    let proof = chain(context, B256::ZERO, &[scheme.into(), number.into()])?;
    let stage = Stage {
        run: Run { number, phase: phase::PREPARE, outcome: outcome::OPEN, started_ms, ..Run::default() },
        sums: RunSums::default(),
        proof,
        list: Worklist::empty(),
        barred: Worklist::empty(),
        book,
    };
    stage.book.place.run_net_debits.write(context, 0)?;
    stage.write(context)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::RunStarted { schemeId: scheme, run: number, queued })?;
    Ok(number)
}

/// The operator or an active participant starts runs; whether it is the operator.
fn starts_as_operator(context: &mut Context<'_>, book: &Book) -> Result<bool, Failure> {
    let caller = context.caller();
    if book.place.operator.read(context)? == caller {
        return Ok(true);
    }
    book.active(context, caller).map(|_| false)
}

/// The queue stands still during a run, so that no participant may make it stand still for ever.
fn ensure_not_too_soon(context: &Context<'_>, book: &Book, earlier: Run, by_operator: bool) -> Result<(), Failure> {
    let earliest = earlier.started_ms.saturating_add(RUN_PAUSE_MS);
    let free = by_operator || earlier.number == 0 || context.env().timestamp_ms >= earliest;
    ensure(free, || ISettlement::RunTooSoon { schemeId: book.id, earliestMs: earliest })
}

/// Does the next steps of a run; answers its phase.
pub fn advance_run(context: &mut Context<'_>, scheme: u64, steps: u32) -> Result<u8, Failure> {
    let book = Book::read(context, scheme)?;
    ensure(book.day.running, || ISettlement::RunMissing { schemeId: scheme })?;
    let mut steps = codes::steps(steps)?;
    let mut stage = Stage::read(context, book)?;
    // A call that begins with phase 4 does it whatever its steps are: it cannot be done in parts.
    let mut waited = stage.run.phase == phase::SETTLE;
    loop {
        let done = match stage.run.phase {
            phase::PREPARE => prepare(context, &mut stage, &mut steps)?,
            phase::SCAN => scan(context, &mut stage, &mut steps)?,
            phase::DROP => drop_payments(context, &mut stage, &mut steps)?,
            phase::SETTLE => {
                let affordable = std::mem::take(&mut waited) || steps.take_many(stage.book.terms.seats);
                affordable && settle(context, &mut stage)?
            }
            phase::SEAL => seal(context, &mut stage, &mut steps)?,
            phase::ADMIT => admit(context, &mut stage, &mut steps)?,
            _ => false,
        };
        if !done {
            break;
        }
    }
    stage.write(context)?;
    Ok(stage.run.phase)
}

/// Gives up a run in which nothing has settled. What arrived meanwhile is still to be admitted.
pub fn abandon_run(context: &mut Context<'_>, scheme: u64) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    ensure(book.day.running, || ISettlement::RunMissing { schemeId: scheme })?;
    let mut stage = Stage::read(context, book)?;
    let Run { number: run, phase: at_phase, started_ms, .. } = stage.run;
    let stale = context.env().timestamp_ms.saturating_sub(started_ms) >= RUN_STALE_MS;
    let allowed = stale || stage.book.place.operator.read(context)? == context.caller();
    ensure(allowed && at_phase <= phase::SETTLE, || ISettlement::RunNotAbandonable {
        schemeId: scheme,
        run,
        phase: at_phase,
    })?;
    stage.run.outcome = outcome::ABANDONED;
    stage.enter(phase::ADMIT);
    stage.write(context)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::RunAbandoned { schemeId: scheme, run })
}

// ----- phases: each answers whether it is done and the next one has begun --------------------------------------------

/// What everyone would have if all settled. Who would be short is looked at again in phase 3, and so is everyone with
/// bilateral limits.
fn prepare(context: &mut Context<'_>, stage: &mut Stage, steps: &mut Steps) -> Result<bool, Failure> {
    loop {
        if steps.is_spent() {
            return Ok(false);
        }
        let Some(seat) = stage.next_seat(context)? else { break };
        steps.take();
        let queued = seat.place.queued.read(context)?;
        if queued == Flows::default() {
            continue;
        }
        write_set(context, &seat, stage.run.number, queued)?;
        let capacity = stage.book.capacity(context, &seat)?;
        let barred = !stage.book.may_take_part(context, &seat)?;
        if barred {
            stage.barred.insert(at(seat.index));
            stage.run.scan |= queued.inward > 0;
        }
        let short = barred || signed(queued.outward).saturating_sub(signed(queued.inward)) > capacity;
        if queued.outward > 0 && (short || seat.member.pairs > 0) {
            stage.list.insert(at(seat.index));
        }
        let count = seat.place.live.read(context)?.queued();
        stage.sums.count = stage.sums.count.saturating_add(count.into());
        stage.sums.value = stage.sums.value.saturating_add(queued.outward);
        let capacity = if barred { i128::MIN } else { capacity }.cast_unsigned();
        let values = [seat.index.into(), capacity, queued.outward, queued.inward];
        stage.proof = chain(context, stage.proof, &values)?;
    }
    if stage.sums.count == 0 {
        stage.run.outcome = outcome::EMPTY;
        stage.enter(phase::ADMIT);
        let event = ISettlement::RunEmpty { schemeId: stage.book.id, run: stage.run.number };
        context.emit(SETTLEMENT_ADDRESS, &event)?;
    } else {
        stage.enter(if stage.run.scan { phase::SCAN } else { phase::DROP });
    }
    Ok(true)
}

/// Ends each queue before its first instruction to someone barred.
fn scan(context: &mut Context<'_>, stage: &mut Stage, steps: &mut Steps) -> Result<bool, Failure> {
    let mut list = stage.list.clone();
    let mut run = stage.run;
    let mut board = stage.board(context);
    let mut done = true;
    while run.cursor < stage.book.terms.seats {
        if !scan_seat(&mut board, stage, &mut run, (&mut list, steps))? {
            done = false;
            break;
        }
        run = Run { cursor: run.cursor.saturating_add(1), lane: 0, position: 0, ..run };
    }
    (stage.sums, stage.proof) = board.flush()?;
    stage.list = list;
    stage.run = run;
    if done {
        stage.run.scan = false;
        stage.enter(phase::DROP);
    }
    Ok(done)
}

/// Looks through one queue from where the scan stands: a step for each place, or for a queue without any. False if the
/// steps did not suffice.
fn scan_seat(
    board: &mut RunBoard<'_, '_>,
    stage: &Stage,
    run: &mut Run,
    (list, steps): (&mut Worklist, &mut Steps),
) -> Result<bool, Failure> {
    let (book, bank) = (&stage.book, at(run.cursor));
    let seat = book.seat(board.context, run.cursor)?;
    let mut walk = Walk::queue(board.context, &seat)?.from(run.lane, run.position);
    // The barred drop all of theirs in phase 3.
    if stage.barred.contains(bank) || walk.place().is_none() {
        return Ok(steps.take());
    }
    while let Some((lane, position)) = walk.place() {
        (run.lane, run.position) = (lane, position);
        if !steps.take() {
            return Ok(false);
        }
        let Some(id) = walk.next(board.context, book)?.filter(|id| *id != 0) else { continue };
        let creditor = lanes::standing(board.context, book, id)?.creditor;
        if !stage.barred.contains(at(creditor)) {
            continue;
        }
        // The step that looked at the place pays for the first drop, so that a call of one step gets on.
        let mut paid = true;
        while board.has_place(bank, lane, position)? {
            if !std::mem::take(&mut paid) && !steps.take() {
                return Ok(false);
            }
            if let Some(creditor) = board.drop_last(bank)? {
                list.insert(creditor);
            }
        }
        return Ok(true);
    }
    Ok(true)
}

/// The solver.
fn drop_payments(context: &mut Context<'_>, stage: &mut Stage, steps: &mut Steps) -> Result<bool, Failure> {
    let mut list = stage.list.clone();
    let mut board = stage.board(context);
    let done = settle_down(&mut board, &mut list, steps)?;
    (stage.sums, stage.proof) = board.flush()?;
    stage.list = list;
    if !done {
        return Ok(false);
    }
    if stage.sums.count > 0 {
        stage.enter(phase::SETTLE);
        return Ok(true);
    }
    stage.run.outcome = outcome::DEADLOCK;
    stage.enter(phase::ADMIT);
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::RunDeadlocked {
            schemeId: stage.book.id,
            run: stage.run.number,
            proof: stage.proof,
            dropped: stage.sums.dropped,
        },
    )?;
    Ok(true)
}

/// Moves the net of the whole set in one step, unless someone spent what the set counts on, or may not take part with it
/// any more: then the solver goes on without.
fn settle(context: &mut Context<'_>, stage: &mut Stage) -> Result<bool, Failure> {
    let mut changes = Vec::new();
    let mut debits = 0u128;
    stage.enter(phase::SETTLE);
    while let Some(seat) = stage.next_seat(context)? {
        let set = set_of(context, &seat, stage.run.number)?;
        if set == Flows::default() {
            continue;
        }
        let change = net_of(seat.account(), set);
        // Who is active, limits and flows stand still during a run: what can have changed is the token's.
        if !token::admits_net(context, stage.book.token(), &change)? {
            bar(context, stage, &seat, set)?;
        } else if is_short_now(context, &stage.book, &seat, set)? {
            stage.list.insert(at(seat.index));
        }
        debits = debits.saturating_add(change.debit);
        if change.debit > 0 || change.credit > 0 {
            changes.push(change);
        }
    }
    if !stage.list.is_empty() {
        stage.enter(if stage.run.scan { phase::SCAN } else { phase::DROP });
        return Ok(true);
    }
    token::settle_net(context, stage.book.token(), &changes)?;
    stage.run.outcome = outcome::SETTLED;
    stage.run.settled_ms = context.env().timestamp_ms;
    stage.enter(phase::SEAL);
    stage.book.place.run_net_debits.write(context, debits)?;
    stage.book.note_figures(context, stage.sums.count, (stage.sums.value, debits), 0)?;
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::RunSettled {
            schemeId: stage.book.id,
            run: stage.run.number,
            proof: stage.proof,
            count: stage.sums.count,
            value: U256::from(stage.sums.value),
            netDebits: U256::from(debits),
            dropped: stage.sums.dropped,
        },
    )?;
    Ok(true)
}

/// Notes somebody who may not take part with this set: it drops all of its own, and a scan ends the queues before what
/// pays it.
fn bar(context: &mut Context<'_>, stage: &mut Stage, seat: &Seat, set: Flows) -> Result<(), Failure> {
    stage.barred.insert(at(seat.index));
    stage.list.insert(at(seat.index));
    stage.run.scan |= set.inward > 0;
    let values = [seat.index.into(), i128::MIN.cast_unsigned(), set.outward, set.inward];
    stage.proof = chain(context, stage.proof, &values)?;
    Ok(())
}

/// Whether units have gone that the set counts on. Who has no reserve is short only by a debit.
fn is_short_now(context: &mut Context<'_>, book: &Book, seat: &Seat, set: Flows) -> Result<bool, Failure> {
    let net = signed(set.outward).saturating_sub(signed(set.inward));
    if set.outward == 0 || (net <= 0 && !seat.member.bounded) {
        return Ok(false);
    }
    Ok(net > book.free_units(context, seat)?)
}

/// What a participant gives or gets if its set settles.
fn net_of(account: Address, Flows { outward, inward }: Flows) -> NetChange {
    NetChange { account, debit: outward.saturating_sub(inward), credit: inward.saturating_sub(outward) }
}

/// Lets every queue begin after what settled.
fn seal(context: &mut Context<'_>, stage: &mut Stage, steps: &mut Steps) -> Result<bool, Failure> {
    let mut delay_ms = 0u128;
    let mut sealed = 0u32;
    let done = loop {
        if steps.is_spent() {
            break false;
        }
        let Some(seat) = stage.next_seat(context)? else { break true };
        steps.take();
        let set = set_of(context, &seat, stage.run.number)?;
        if set == Flows::default() {
            continue;
        }
        let (count, delay) = seal_lanes(context, stage, &seat)?;
        sealed = sealed.saturating_add(count);
        delay_ms = delay_ms.saturating_add(delay);
        let queued = seat.place.queued.read(context)?;
        seat.place.queued.write(context, less(queued, set))?;
        let flows = seat.place.flowed.read(context)?;
        seat.place.flowed.write(context, stage.book.flow(flows, set.outward, set.inward))?;
        seal_pairs(context, stage, &seat)?;
    };
    lanes::count_out(&mut stage.book, sealed)?;
    stage.book.note_figures(context, 0, (0, 0), delay_ms)?;
    if done {
        stage.enter(phase::ADMIT);
    }
    Ok(done)
}

/// Moves the heads of a participant's lanes; answers how many instructions settled and how long they had waited together.
fn seal_lanes(context: &mut Context<'_>, stage: &Stage, seat: &Seat) -> Result<(u32, u128), Failure> {
    let mut lanes = seat.place.lanes.read(context)?;
    let mut live = seat.place.live.read(context)?;
    let (before, marks) = (live, marks_of(context, seat, stage.run.number)?);
    for lane in 0..PRIORITIES {
        let (head, tail) = lanes.bounds(lane);
        let (end, dropped) = (marks.tail(lane), marks.dropped(lane));
        if live.count(lane) > dropped {
            context.emit(
                SETTLEMENT_ADDRESS,
                &ISettlement::QueueSettled {
                    schemeId: stage.book.id,
                    run: stage.run.number,
                    debtor: seat.account(),
                    priority: lane,
                    fromPosition: head,
                    toPosition: end,
                },
            )?;
        }
        live.set(lane, dropped);
        lanes.set(lane, if dropped == 0 { tail } else { end }, tail);
    }
    live.since_open_ms = marks.since_open_ms;
    seat.place.lanes.write(context, lanes)?;
    seat.place.live.write(context, live)?;
    let count = before.queued().saturating_sub(live.queued());
    let open_ms = stage.run.settled_ms.saturating_sub(stage.book.day.opened_ms);
    let since = before.since_open_ms.saturating_sub(live.since_open_ms);
    Ok((count, u128::from(count).saturating_mul(open_ms.into()).saturating_sub(since.into())))
}

/// Moves what settled from queued to flowed, for each limited pair.
fn seal_pairs(context: &mut Context<'_>, stage: &Stage, seat: &Seat) -> Result<(), Failure> {
    for other in stage.book.counterparties(context, seat)? {
        let Some(pair) = stage.book.pair(context, seat, other)? else { continue };
        let queued = pair.queued.read(context)?;
        let of_run = pair.limit.read(context)?.run == stage.run.number;
        let dropped = if of_run { pair.dropped.read(context)? } else { Flows::default() };
        let set = less(queued, dropped);
        pair.queued.write(context, dropped)?;
        let flows = pair.flowed.read(context)?;
        pair.flowed.write(context, stage.book.flow(flows, set.outward, set.inward))?;
    }
    Ok(())
}

/// Puts what arrived during the run into the queue, and ends the run.
fn admit(context: &mut Context<'_>, stage: &mut Stage, steps: &mut Steps) -> Result<bool, Failure> {
    let place = stage.book.place;
    let mut arrivals = place.arrivals.read(context)?;
    let done = loop {
        if arrivals.admitted >= arrivals.made {
            break true;
        }
        if !steps.take() {
            break false;
        }
        let id = place.arrived.at(context, &arrivals.admitted)?.read(context)?;
        arrivals.admitted = arrivals.admitted.saturating_add(1);
        let mut instruction = lanes::record(context, id)?.read(context)?;
        instruction.status = status::QUEUED;
        let debtor = stage.book.seat(context, instruction.debtor)?;
        lanes::enter(context, &stage.book, id, &mut instruction, &debtor)?;
    };
    place.arrivals.write(context, arrivals)?;
    if done {
        stage.enter(phase::ENDED);
        stage.book.day.running = false;
    }
    // The run has ended or the steps are spent: either way the call is over.
    Ok(false)
}
