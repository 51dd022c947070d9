//! Questions about schemes, participants, instructions and windows; nothing here changes anything.

use alloy_primitives::{Address, B256, I256, U256};

use super::{
    ISettlement,
    board::marks_of,
    book::{Book, Seat, net_outflow},
    codes::{self, FORECAST_MAX, LANES, URGENT, phase, status, window as state},
    credit,
    lanes::{Walk, id_at, standing},
    later,
    layout::{Flows, Instruction, layout},
    queue::existing,
    solver::{Payment, Position, QueueState, Table, signed},
    window,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper},
};

/// A seat of an account that was ever admitted; reverts for others.
fn known(context: &mut Context<'_>, book: &Book, account: Address) -> Result<Seat, Failure> {
    let seat = book.find(context, account)?;
    seat.ok_or_else(|| revert(ISettlement::ParticipantRequired { schemeId: book.id, account, status: 0 }))
}

fn signed_word(value: i128) -> I256 {
    I256::try_from(value).unwrap_or_default()
}

/// A scheme's terms.
pub fn scheme_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::schemeOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    Ok(ISettlement::schemeOfReturn {
        token: book.token(),
        operator: book.place.operator.read(context)?,
        pendingOperator: book.place.pending_operator.read(context)?,
        bypassFifo: book.terms.bypass,
        defaultRule: book.terms.default_rule,
        participants: book.terms.seats,
    })
}

/// A scheme's business day.
pub fn day_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::dayOfReturn, Failure> {
    let day = Book::read(context, scheme)?.day;
    Ok(ISettlement::dayOfReturn {
        day: day.number,
        valueDate: day.value_date,
        phase: day.phase,
        cutOffMs: day.cut_off_ms,
        queued: day.queued,
        windows: day.windows,
    })
}

/// A participant's seat, status and limits.
pub fn participant_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
) -> Result<ISettlement::participantOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let limits = book.limits(context, &seat)?;
    Ok(ISettlement::participantOfReturn {
        seat: seat.index,
        status: seat.member.status,
        reserve: U256::from(limits.reserve),
        multilateralLimit: codes::shown_limit(limits.multilateral),
        prefunded: U256::from(window::prefunded(context, &book, &seat)?),
    })
}

/// The account that has a seat; zero if nobody has.
pub fn participant_at(context: &mut Context<'_>, scheme: u64, seat: u32) -> Result<Address, Failure> {
    let book = Book::read(context, scheme)?;
    Ok(book.seat(context, seat)?.account())
}

/// A bilateral limit and today's net outflow under it.
pub fn bilateral_limit_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
    counterparty: Address,
) -> Result<ISettlement::bilateralLimitOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let other = known(context, &book, counterparty)?;
    let Some(pair) = book.pair(context, &seat, other.index)? else {
        return Ok(ISettlement::bilateralLimitOfReturn { amount: U256::MAX, netOutflow: I256::ZERO });
    };
    let net = net_outflow(book.today(pair.flowed.read(context)?));
    let amount = codes::shown_limit(pair.limit.read(context)?.limit);
    Ok(ISettlement::bilateralLimitOfReturn { amount, netOutflow: signed_word(net) })
}

/// Whether an account was ever admitted to a scheme; not if there is no such scheme.
pub fn is_participant(context: &mut Context<'_>, scheme: u64, account: Address) -> Result<bool, Failure> {
    if scheme == 0 || scheme > schemes_made(context)? {
        return Ok(false);
    }
    let book = Book::read(context, scheme)?;
    Ok(book.find(context, account)?.is_some())
}

/// What a participant has, what is queued, what flowed today.
pub fn liquidity_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
) -> Result<ISettlement::liquidityOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let queued = seat.place.queued.read(context)?;
    let net = net_outflow(book.today(seat.place.flowed.read(context)?));
    Ok(ISettlement::liquidityOfReturn {
        balance: U256::from(token::balance_of(context, book.token(), account)?),
        spendable: U256::from(token::spendable_units(context, book.token(), account)?),
        reserve: U256::from(book.limits(context, &seat)?.reserve),
        queuedOut: U256::from(queued.outward),
        queuedIn: U256::from(queued.inward),
        queued: seat.place.live.read(context)?.queued(),
        netPosition: signed_word(net.saturating_neg()),
    })
}

/// Where a participant's units are, by the module that keeps them.
pub fn funds_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
) -> Result<ISettlement::fundsOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    known(context, &book, account)?;
    let token = book.token();
    let mut kept = |keeper: Keeper| token::held_by(context, token, account, keeper.number()).map(U256::from);
    let (parked, payments, settlement) = (kept(Keeper::Parking)?, kept(Keeper::Payment)?, kept(Keeper::Settlement)?);
    let (quotes, escrows, channels) = (kept(Keeper::Exchange)?, kept(Keeper::Escrow)?, kept(Keeper::Channel)?);
    let vouchers = kept(Keeper::Voucher)?;
    let (reserves, redemptions, bonds) = (kept(Keeper::Reserve)?, kept(Keeper::Redemption)?, kept(Keeper::Staking)?);
    Ok(ISettlement::fundsOfReturn {
        balance: U256::from(token::balance_of(context, token, account)?),
        spendable: U256::from(token::spendable_units(context, token, account)?),
        frozen: U256::from(token::frozen_units(context, token, account)?),
        parked,
        payments,
        settlement,
        quotes,
        escrows,
        channels,
        vouchers,
        reserves,
        redemptions,
        bonds,
    })
}

/// Numbers of the instructions that stand in a participant's queue, in its order and then those on hold: at most so many, found in as many
/// places of each lane. What a run has settled and not sealed yet is among them: [`instruction_of`] says so.
pub fn queue_of(context: &mut Context<'_>, scheme: u64, account: Address, most: usize) -> Result<Vec<u64>, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let lanes = seat.place.lanes.read(context)?;
    let mut found = Vec::new();
    for lane in 0..LANES {
        let (head, tail) = lanes.bounds(lane);
        for position in (head..tail).take(most) {
            match id_at(context, &book, seat.index, lane, position)? {
                0 => {}
                id => found.push(id),
            }
        }
    }
    found.truncate(most);
    Ok(found)
}

/// An instruction.
pub fn instruction_of(context: &mut Context<'_>, id: u64) -> Result<ISettlement::instructionOfReturn, Failure> {
    let instruction = existing(context, id)?;
    let book = Book::read(context, instruction.scheme.into())?;
    Ok(ISettlement::instructionOfReturn {
        schemeId: book.id,
        debtor: book.seat(context, instruction.debtor)?.account(),
        creditor: book.seat(context, instruction.creditor)?.account(),
        amount: U256::from(instruction.amount),
        priority: instruction.priority,
        status: status_of(context, &book, &instruction)?,
        position: instruction.position,
        submittedMs: instruction.submitted_ms,
    })
}

/// The instruction for which a debtor used a reference; 0 if for none.
pub fn instruction_by_reference(context: &mut Context<'_>, debtor: Address, reference: B256) -> Result<u64, Failure> {
    layout().references.at(context, &debtor)?.at(context, &reference)?.read(context)
}

/// An instruction's status. A run settles by moving the heads of lanes, and a window by its state: neither touches the
/// instructions themselves.
pub(super) fn status_of(context: &mut Context<'_>, book: &Book, instruction: &Instruction) -> Result<u8, Failure> {
    match instruction.status {
        status::QUEUED if settled_in_run(context, book, instruction)? => Ok(status::SETTLED),
        status::LATER if later::went_by(context, book, instruction) => Ok(status::REJECTED),
        status::ASSIGNED => {
            let (_, window) = window::read(context, instruction.position.into())?;
            Ok(match window.state {
                state::SETTLED => status::SETTLED,
                state::ABORTED => status::REJECTED,
                _ => status::ASSIGNED,
            })
        }
        other => Ok(other),
    }
}

fn settled_in_run(context: &mut Context<'_>, book: &Book, instruction: &Instruction) -> Result<bool, Failure> {
    let seat = book.seat(context, instruction.debtor)?;
    let (lane, position) = (instruction.priority, instruction.position);
    if position < seat.place.lanes.read(context)?.bounds(lane).0 {
        return Ok(true);
    }
    // The units have moved, and this participant's heads have not yet.
    let run = book.place.run.read(context)?;
    let unsealed = book.day.running && run.phase == phase::SEAL && run.cursor <= instruction.debtor;
    Ok(unsealed && position < marks_of(context, &seat, run.number)?.tail(lane))
}

/// The latest run.
pub fn run_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::runOfReturn, Failure> {
    let place = Book::read(context, scheme)?.place;
    let (run, sums) = (place.run.read(context)?, place.run_sums.read(context)?);
    Ok(ISettlement::runOfReturn {
        run: run.number,
        phase: run.phase,
        outcome: run.outcome,
        proof: place.run_proof.read(context)?,
        count: sums.count,
        value: U256::from(sums.value),
        netDebits: U256::from(place.run_net_debits.read(context)?),
        dropped: sums.dropped,
    })
}

/// Figures since the scheme was made.
pub fn figures_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::figuresOfReturn, Failure> {
    let place = Book::read(context, scheme)?.place;
    let (value, counts) = (place.value.read(context)?, place.counts.read(context)?);
    Ok(ISettlement::figuresOfReturn {
        count: counts.settled,
        value: U256::from(value.settled),
        liquidityUsed: U256::from(value.used),
        delayMs: U256::from(counts.delay_ms),
    })
}

/// What the figures say.
pub fn ratios_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::ratiosOfReturn, Failure> {
    let place = Book::read(context, scheme)?.place;
    let (value, counts) = (place.value.read(context)?, place.counts.read(context)?);
    let (settled, used) = (U256::from(value.settled), U256::from(value.used));
    let whole = U256::from(codes::BASIS_POINTS);
    let nothing_moved = if settled.is_zero() { U256::ZERO } else { U256::MAX };
    Ok(ISettlement::ratiosOfReturn {
        liquiditySaved: settled.saturating_sub(used),
        turnover: settled.saturating_mul(whole).checked_div(used).unwrap_or(nothing_moved),
        meanDelayMs: U256::from(counts.delay_ms.checked_div(counts.settled.into()).unwrap_or_default()),
    })
}

/// A window.
pub fn window_of(context: &mut Context<'_>, id: u64) -> Result<ISettlement::windowOfReturn, Failure> {
    let (book, window) = window::read(context, id)?;
    Ok(ISettlement::windowOfReturn {
        schemeId: book.id,
        state: window.state,
        count: window.count,
        value: U256::from(window.value),
        fundBeforeMs: window.fund_before_ms,
    })
}

/// What a participant gives and gets in a window.
pub fn position_of(
    context: &mut Context<'_>,
    id: u64,
    account: Address,
) -> Result<ISettlement::positionOfReturn, Failure> {
    let (book, _) = window::read(context, id)?;
    let seat = known(context, &book, account)?;
    let Flows { outward, inward } = layout().positions.at(context, &id)?.at(context, &seat.index)?.read(context)?;
    Ok(ISettlement::positionOfReturn { gives: U256::from(outward), gets: U256::from(inward) })
}

// ----- monitoring ----------------------------------------------------------------------------------------------------

/// What waits of a participant, as monitors show it. Units are minor units of the scheme's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The participant.
    pub account: Address,
    /// Instructions in its queue, those on hold not included.
    pub queued: u32,
    /// Their units.
    pub outward: u128,
    /// Units that others have queued for it.
    pub inward: u128,
    /// Mean time that they have waited so far, in milliseconds.
    pub wait_ms: u64,
    /// Units that it can pay with now.
    pub spendable: u128,
}

/// How many schemes were ever made; they are numbered from 1.
pub fn schemes_made(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().schemes_made.read(context)
}

/// What waits of the participant with a seat. Reads six slots and what the token keeps of it.
pub fn waiting_of(context: &mut Context<'_>, scheme: u64, seat: u32) -> Result<Waiting, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = book.seat(context, seat)?;
    let (live, sums, account) = (seat.place.live.read(context)?, seat.place.queued.read(context)?, seat.account());
    let since_open_ms = live.since_open_ms.checked_div(live.queued().into());
    let submitted_ms = since_open_ms.map(|mean_ms| book.day.opened_ms.saturating_add(mean_ms));
    Ok(Waiting {
        account,
        queued: live.queued(),
        outward: sums.outward,
        inward: sums.inward,
        wait_ms: submitted_ms.map_or(0, |mean_ms| context.env().timestamp_ms.saturating_sub(mean_ms)),
        spendable: token::spendable_units(context, book.token(), account)?,
    })
}

// ----- intraday credit -----------------------------------------------------------------------------------------------

/// Who lends, and how much.
pub fn credit_line_of(context: &mut Context<'_>, scheme: u64) -> Result<ISettlement::creditLineOfReturn, Failure> {
    let place = Book::read(context, scheme)?.place;
    let (lending, sums) = (place.lending.read(context)?, place.credit_sums.read(context)?);
    Ok(ISettlement::creditLineOfReturn {
        lender: lending.lender,
        line: U256::from(sums.line),
        lent: U256::from(sums.lent),
        borrowers: lending.borrowers,
    })
}

/// What a token is worth as collateral.
pub fn collateral_of(
    context: &mut Context<'_>,
    scheme: u64,
    token: Address,
) -> Result<ISettlement::collateralOfReturn, Failure> {
    let place = Book::read(context, scheme)?.place;
    let collateral = place.collaterals.at(context, &token)?.read(context)?;
    Ok(ISettlement::collateralOfReturn {
        price: U256::from(collateral.price),
        haircut: collateral.haircut,
        expiresMs: collateral.expires_ms,
    })
}

/// A pledge and its present value.
pub fn pledge_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
    number: u8,
) -> Result<ISettlement::pledgeOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let pledged = credit::existing_pledge(context, &book, &seat, number)?;
    Ok(ISettlement::pledgeOfReturn {
        token: pledged.token,
        holdId: pledged.hold,
        amount: U256::from(pledged.units),
        value: U256::from(credit::value_of(context, &book, &pledged)?),
    })
}

/// What a participant owes and may draw.
pub fn credit_of(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
) -> Result<ISettlement::creditOfReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let seat = known(context, &book, account)?;
    let record = seat.place.credit.read(context)?;
    let value = credit::collateral_value(context, &book, &seat)?;
    Ok(ISettlement::creditOfReturn {
        outstanding: U256::from(record.outstanding),
        overdue: record.overdue,
        value: U256::from(value),
        available: U256::from(credit::available(context, &book, &seat, value)?),
        shortfall: U256::from(record.outstanding.saturating_sub(value)),
        pledges: record.pledges,
    })
}

// ----- forecast ------------------------------------------------------------------------------------------------------

/// What would settle in a run if a participant had more units, and what kind of queue that would be.
pub fn forecast(
    context: &mut Context<'_>,
    scheme: u64,
    account: Address,
    injected: U256,
) -> Result<ISettlement::forecastReturn, Failure> {
    let book = Book::read(context, scheme)?;
    let lucky = known(context, &book, account)?.index;
    book.ensure_idle(context)?;
    let queued = book.day.queued;
    ensure(queued <= FORECAST_MAX, || ISettlement::QueueTooLong {
        schemeId: scheme,
        queued: U256::from(queued),
        queuedMax: U256::from(FORECAST_MAX),
    })?;
    let more = i128::try_from(u128::try_from(injected).unwrap_or(u128::MAX)).unwrap_or(i128::MAX);
    let (mut positions, mut alone) = (Vec::new(), Vec::new());
    for index in 0..book.terms.seats {
        let more = if index == lucky { more } else { 0 };
        let position = position(context, &book, index, more)?;
        alone.push(bounds_alone(context, &book, index, (more, &position))?);
        positions.push(position);
    }
    let flows = alone.iter().enumerate().any(|(bank, bounds)| flows_alone(&positions, bank, bounds));
    // A step of the solver is about as much work as a warm read.
    context.charge(u64::from(queued).saturating_mul(100))?;
    let table = Table::new(positions);
    let state = table.state();
    let solution = table.solve();
    let state = match if flows { QueueState::Flowing } else { state } {
        QueueState::Empty => 0,
        QueueState::Flowing => 1,
        QueueState::Gridlock => 2,
        QueueState::Deadlock => 3,
    };
    Ok(ISettlement::forecastReturn { state, count: solution.count, value: U256::from(solution.value) })
}

/// A participant as the solver's table has it. More units do not lift its multilateral limit.
fn position(context: &mut Context<'_>, book: &Book, index: u32, more: i128) -> Result<Position, Failure> {
    let seat = book.seat(context, index)?;
    let mut walk = Walk::queue(context, &seat)?;
    let mut queue = Vec::new();
    while let Some(id) = walk.next(context, book)? {
        if id != 0 {
            let Instruction { creditor, amount, .. } = standing(context, book, id)?;
            queue.push(Payment { creditor: usize::try_from(creditor).unwrap_or(usize::MAX), amount });
        }
    }
    let mut bilateral = std::collections::BTreeMap::new();
    for other in book.counterparties(context, &seat)? {
        if let Some(room) = book.bilateral_room(context, &seat, other)? {
            bilateral.insert(usize::try_from(other).unwrap_or(usize::MAX), room);
        }
    }
    let reserve = signed(book.limits(context, &seat)?.reserve);
    let capacity = book.capacity_with(context, &seat, more.saturating_sub(reserve))?;
    Ok(Position { capacity, bilateral, barred: !book.may_take_part(context, &seat)?, queue })
}

/// Most that each of a participant's first instructions may take by itself: of the one at the head, or of all in a bypass
/// scheme. An urgent one may use the reserve.
fn bounds_alone(
    context: &mut Context<'_>,
    book: &Book,
    index: u32,
    (more, position): (i128, &Position),
) -> Result<Vec<i128>, Failure> {
    let seat = book.seat(context, index)?;
    let urgent = usize::try_from(seat.place.live.read(context)?.count(URGENT)).unwrap_or(usize::MAX);
    let with_reserve = if urgent > 0 { book.capacity_with(context, &seat, more)? } else { position.capacity };
    let looked_at = if book.terms.bypass { position.queue.len() } else { position.queue.len().min(1) };
    Ok((0..looked_at).map(|place| if place < urgent { with_reserve } else { position.capacity }).collect())
}

/// Whether one of these instructions settles by itself.
fn flows_alone(positions: &[Position], bank: usize, bounds: &[i128]) -> bool {
    let Some(position) = positions.get(bank).filter(|position| !position.barred) else { return false };
    position.queue.iter().zip(bounds).any(|(payment, bound)| {
        let room = position.bilateral.get(&payment.creditor).copied().unwrap_or(i128::MAX);
        let open = positions.get(payment.creditor).is_some_and(|creditor| !creditor.barred);
        open && signed(payment.amount) <= room.min(*bound)
    })
}
