//! Deferred net settlement: windows that take payments in, and settle their net all at once or not at all.
//!
//! **Consent.** The debtor of every instruction in a window is who assigned it: the caller of [`assign`].

use alloy_primitives::{Address, B256, U256};

use super::{
    ISettlement,
    book::{Book, Seat},
    codes::{self, RULE_PREFUNDED, WINDOW_STALE_MS, member, status, window as state},
    lanes::record,
    layout::{Flows, Instruction, Window, layout},
    queue::{scheme_number, take_number},
};
use crate::{
    SETTLEMENT_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token::{self, Keeper, NetChange},
};

// ----- the life of a window ------------------------------------------------------------------------------------------

/// Opens a window.
pub fn open_window(context: &mut Context<'_>, scheme: u64) -> Result<u64, Failure> {
    let mut book = Book::read(context, scheme)?;
    book.require_operator(context)?;
    book.ensure_open()?;
    let windows = book.day.windows;
    // What is reserved covers the debits of one window.
    ensure(book.terms.default_rule != RULE_PREFUNDED || windows == 0, || ISettlement::WindowsUnresolved {
        schemeId: scheme,
        windows,
    })?;
    let made = layout().windows_made;
    let id = made.read(context)?.saturating_add(1);
    // Instructions name their window in 32 bits.
    ensure(id <= u64::from(u32::MAX), || ISettlement::WindowsExhausted {})?;
    made.write(context, id)?;
    let record = Window { scheme: scheme_number(&book)?, state: state::OPEN, ..Window::default() };
    layout().windows.at(context, &id)?.write(context, record)?;
    book.day.windows = windows.saturating_add(1);
    book.write_day(context)?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::WindowOpened { windowId: id, schemeId: scheme })?;
    Ok(id)
}

/// Ends the taking in of payments.
pub fn close_window(context: &mut Context<'_>, id: u64) -> Result<(), Failure> {
    let (book, mut window) = read(context, id)?;
    book.require_operator(context)?;
    ensure_state(id, &window, state::OPEN)?;
    window.state = state::CLOSED;
    layout().windows.at(context, &id)?.write(context, window)?;
    let (count, value) = (window.count, U256::from(window.value));
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::WindowClosed { windowId: id, count, value })
}

/// Announces until when debits are to be funded.
pub fn start_settlement(context: &mut Context<'_>, id: u64, fund_before_ms: u64) -> Result<(), Failure> {
    let (book, mut window) = read(context, id)?;
    book.require_operator(context)?;
    ensure_state(id, &window, state::CLOSED)?;
    let now = context.env().timestamp_ms;
    ensure(codes::is_ahead(fund_before_ms, now), || ISettlement::FundingDeadlineInvalid {
        fundBeforeMs: fund_before_ms,
        nowMs: now,
    })?;
    (window.state, window.fund_before_ms) = (state::PENDING, fund_before_ms);
    layout().windows.at(context, &id)?.write(context, window)?;
    let event = ISettlement::WindowSettlementStarted { windowId: id, fundBeforeMs: fund_before_ms };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Settles the window as a whole, or aborts it if its deadline has come and a debit is unfunded. Answers whether it
/// settled.
pub fn settle_window(context: &mut Context<'_>, id: u64) -> Result<bool, Failure> {
    let (mut book, mut window) = read(context, id)?;
    ensure_state(id, &window, state::PENDING)?;
    let (parties, defaulter) = positions(context, &book, id)?;
    book.day.windows = book.day.windows.saturating_sub(1);
    book.write_day(context)?;
    let settles = defaulter.is_none();
    window.state = if settles { state::SETTLED } else { state::ABORTED };
    layout().windows.at(context, &id)?.write(context, window)?;
    match defaulter {
        None => move_all(context, &book, id, &window, &parties)?,
        // The deadline is late at its very instant.
        Some(defaulter) if context.env().timestamp_ms < window.fund_before_ms => {
            return Err(defaulter.refuse(id, &book));
        }
        Some(defaulter) => context.emit(SETTLEMENT_ADDRESS, &defaulter.event(id))?,
    }
    Ok(settles)
}

/// Aborts a window that nobody brought to an outcome, so that it keeps neither the day nor what was reserved for it: an
/// hour after its deadline or, if the operator never gave it one, after the cut-off.
pub fn abort_window(context: &mut Context<'_>, id: u64) -> Result<(), Failure> {
    let (mut book, mut window) = read(context, id)?;
    let (state, now) = (window.state, context.env().timestamp_ms);
    ensure(state <= state::PENDING, || ISettlement::WindowStatusInvalid { windowId: id, state })?;
    let due = if state == state::PENDING { window.fund_before_ms } else { book.day.cut_off_ms };
    let from = due.saturating_add(WINDOW_STALE_MS);
    ensure(now >= from, || ISettlement::WindowNotAbortable { windowId: id, fromMs: from, nowMs: now })?;
    book.day.windows = book.day.windows.saturating_sub(1);
    book.write_day(context)?;
    window.state = state::ABORTED;
    layout().windows.at(context, &id)?.write(context, window)?;
    let event = ISettlement::WindowAborted {
        windowId: id,
        defaulter: Address::ZERO,
        needed: U256::ZERO,
        available: U256::ZERO,
    };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// One participant's part in the settlement.
struct Party {
    seat: Seat,
    change: NetChange,
}

/// Who could not take part as it should.
struct Defaulter {
    account: Address,
    barred: bool,
    needed: u128,
    available: u128,
}

impl Defaulter {
    fn refuse(&self, window: u64, book: &Book) -> Failure {
        let account = self.account;
        if self.barred {
            return revert(ISettlement::ParticipantBarred { schemeId: book.id, account });
        }
        let (needed, available) = (U256::from(self.needed), U256::from(self.available));
        revert(ISettlement::UnfundedDebit { windowId: window, account, needed, available })
    }

    fn event(&self, window: u64) -> ISettlement::WindowAborted {
        let (needed, available) = (U256::from(self.needed), U256::from(self.available));
        ISettlement::WindowAborted { windowId: window, defaulter: self.account, needed, available }
    }
}

/// Everyone in the window with its net position, in order of seats, and the first participant that fails its own.
fn positions(context: &mut Context<'_>, book: &Book, id: u64) -> Result<(Vec<Party>, Option<Defaulter>), Failure> {
    let places = layout().positions.at(context, &id)?;
    let (mut parties, mut defaulter) = (Vec::new(), None);
    for index in 0..book.terms.seats {
        let Flows { outward, inward } = places.at(context, &index)?.read(context)?;
        if outward == 0 && inward == 0 {
            continue;
        }
        let (debit, credit) = (outward.saturating_sub(inward), inward.saturating_sub(outward));
        let seat = book.seat(context, index)?;
        let account = seat.account();
        let change = NetChange { account, debit, credit };
        let active = seat.member.status == member::ACTIVE;
        let barred = !(active && token::admits_net(context, book.token(), &change)?);
        let available = if debit > 0 { available(context, book, &seat, debit)? } else { 0 };
        if defaulter.is_none() && (barred || debit > available) {
            defaulter = Some(Defaulter { account, barred, needed: debit, available });
        }
        parties.push(Party { seat, change });
    }
    Ok((parties, defaulter))
}

/// Units that a participant has for its debit once what it reserved for it is free.
fn available(context: &mut Context<'_>, book: &Book, seat: &Seat, debit: u128) -> Result<u128, Failure> {
    let (token, account) = (book.token(), seat.account());
    let reserved = prefunded(context, book, seat)?.min(debit);
    let held = token::held_units(context, token, account)?.saturating_sub(reserved);
    let frozen = token::frozen_units(context, token, account)?;
    Ok(token::balance_of(context, token, account)?.saturating_sub(frozen).saturating_sub(held))
}

fn move_all(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    window: &Window,
    parties: &[Party],
) -> Result<(), Failure> {
    let mut debits = 0u128;
    for Party { seat, change } in parties {
        let reserved = prefunded(context, book, seat)?.min(change.debit);
        if reserved > 0 {
            let hold = seat.place.prefund.read(context)?;
            token::release_hold(context, book.token(), (Keeper::Settlement, hold), reserved)?;
        }
        debits = debits.saturating_add(change.debit);
    }
    let changes: Vec<NetChange> = parties.iter().map(|party| party.change).collect();
    token::settle_net(context, book.token(), &changes)?;
    book.note_figures(context, window.count.into(), (window.value, debits), 0)?;
    let (value, net) = (U256::from(window.value), U256::from(debits));
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::WindowSettled { windowId: id, value, netDebits: net })
}

// ----- payments ------------------------------------------------------------------------------------------------------

/// Puts a payment of the caller into an open window, for good.
pub fn assign(
    context: &mut Context<'_>,
    id: u64,
    creditor: Address,
    amount: U256,
    reference: B256,
) -> Result<u64, Failure> {
    let (book, window) = read(context, id)?;
    let caller = context.caller();
    let debtor = book.active(context, caller)?;
    ensure_state(id, &window, state::OPEN)?;
    let creditor = book.counterparty(context, &debtor, creditor)?;
    let units = codes::amount(amount)?;
    ensure(!reference.is_zero(), || ISettlement::InstructionReferenceMissing {})?;
    book.ensure_before_cut_off(context)?;
    let number = take_number(context, caller, reference)?;
    add_position(context, &book, id, (&debtor, &creditor), units)?;
    let count = window.count.checked_add(1).ok_or_else(|| book.fault("a window has too many instructions"))?;
    let changed = Window { count, value: window.value.saturating_add(units), ..window };
    layout().windows.at(context, &id)?.write(context, changed)?;
    let instruction = Instruction {
        amount: units,
        debtor: debtor.index,
        creditor: creditor.index,
        // Windows are numbered within 32 bits.
        position: u32::try_from(id).map_err(|_| book.fault("a window's number has more than 32 bits"))?,
        priority: 0,
        status: status::ASSIGNED,
        submitted_ms: context.env().timestamp_ms,
        scheme: window.scheme,
    };
    record(context, number)?.write(context, instruction)?;
    context.emit(
        SETTLEMENT_ADDRESS,
        &ISettlement::InstructionSubmitted {
            instructionId: number,
            schemeId: book.id,
            instructionReference: reference,
            debtor: caller,
            creditor: creditor.account(),
            amount,
            priority: 0,
        },
    )?;
    context.emit(SETTLEMENT_ADDRESS, &ISettlement::InstructionAssigned { instructionId: number, windowId: id })?;
    Ok(number)
}

/// Adds a payment to the positions of both; under the prefunded rule the debtor's net stays within what it reserved.
fn add_position(
    context: &mut Context<'_>,
    book: &Book,
    id: u64,
    (debtor, creditor): (&Seat, &Seat),
    amount: u128,
) -> Result<(), Failure> {
    let places = layout().positions.at(context, &id)?;
    let place = places.at(context, &debtor.index)?;
    let mut flows = place.read(context)?;
    let overflow = || book.fault("a window's sums overflow");
    flows.outward = flows.outward.checked_add(amount).ok_or_else(overflow)?;
    if book.terms.default_rule == RULE_PREFUNDED {
        let (net, reserved) = (flows.outward.saturating_sub(flows.inward), prefunded(context, book, debtor)?);
        ensure(net <= reserved, || ISettlement::PrefundExceeded {
            windowId: id,
            account: debtor.account(),
            netDebit: U256::from(net),
            prefunded: U256::from(reserved),
        })?;
    }
    place.write(context, flows)?;
    let place = places.at(context, &creditor.index)?;
    let mut flows = place.read(context)?;
    flows.inward = flows.inward.checked_add(amount).ok_or_else(overflow)?;
    place.write(context, flows)
}

// ----- prefunding ----------------------------------------------------------------------------------------------------

/// Reserves units of the caller for its net debits.
pub fn prefund(context: &mut Context<'_>, scheme: u64, amount: U256) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.active(context, account)?;
    let units = codes::amount(amount)?;
    let rule = book.terms.default_rule;
    ensure(rule == RULE_PREFUNDED, || ISettlement::PrefundMissing { schemeId: scheme, account })?;
    let hold = seat.place.prefund.read(context)?;
    ensure(hold == 0, || ISettlement::PrefundInUse { schemeId: scheme, account, holdId: hold })?;
    let hold = token::hold(context, book.token(), Keeper::Settlement, account, units)?;
    seat.place.prefund.write(context, hold)?;
    let event = ISettlement::Prefunded { schemeId: scheme, account, holdId: hold, amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Frees what the caller reserved. A suspended participant may, as long as no window counts on it.
pub fn withdraw_prefund(context: &mut Context<'_>, scheme: u64) -> Result<(), Failure> {
    let book = Book::read(context, scheme)?;
    let account = context.caller();
    let seat = book.find(context, account)?;
    let seat = seat.ok_or_else(|| revert(ISettlement::ParticipantRequired { schemeId: scheme, account, status: 0 }))?;
    let windows = book.day.windows;
    ensure(windows == 0, || ISettlement::WindowsUnresolved { schemeId: scheme, windows })?;
    let hold = seat.place.prefund.read(context)?;
    ensure(hold != 0, || ISettlement::PrefundMissing { schemeId: scheme, account })?;
    let amount = token::hold_of(context, book.token(), hold)?.amount;
    token::release_hold(context, book.token(), (Keeper::Settlement, hold), amount)?;
    seat.place.prefund.write(context, 0)?;
    let amount = U256::from(amount);
    let event = ISettlement::PrefundWithdrawn { schemeId: scheme, account, holdId: hold, amount };
    context.emit(SETTLEMENT_ADDRESS, &event)
}

/// Units that a participant has reserved; less than it reserved if some were paid out or seized.
pub(super) fn prefunded(context: &mut Context<'_>, book: &Book, seat: &Seat) -> Result<u128, Failure> {
    if book.terms.default_rule != RULE_PREFUNDED {
        return Ok(0);
    }
    match seat.place.prefund.read(context)? {
        0 => Ok(0),
        hold => Ok(token::hold_of(context, book.token(), hold)?.amount),
    }
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// A window and its scheme; reverts where none was opened.
pub(super) fn read(context: &mut Context<'_>, id: u64) -> Result<(Book, Window), Failure> {
    let window = layout().windows.at(context, &id)?.read(context)?;
    ensure(window.scheme != 0, || ISettlement::WindowUnknown { windowId: id })?;
    Ok((Book::read(context, window.scheme.into())?, window))
}

fn ensure_state(id: u64, window: &Window, wanted: u8) -> Result<(), Failure> {
    let state = window.state;
    ensure(state == wanted, || ISettlement::WindowStatusInvalid { windowId: id, state })
}
