//! A scheme and its participants during one operation: what is read once, and who may act.

use alloy_primitives::Address;
use florin_types::StateFault;

use super::{
    ISettlement, codes,
    layout::{self, Bank, Day, DayFlows, Limits, Member, Pair, Terms, layout},
    solver::signed,
};
use crate::{
    context::{Context, Failure, ensure, revert},
    policy, token,
};

/// Largest sum of a day that is kept; beyond it the figure stands still.
const FLOW_MAX: u128 = (1 << 112) - 1;

/// A scheme during one operation. The day is written back by [`Book::write_day`].
pub(super) struct Book {
    pub(super) id: u64,
    pub(super) place: layout::Scheme,
    pub(super) terms: Terms,
    pub(super) day: Day,
}

/// A participant during one operation.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) index: u32,
    pub(super) place: Bank,
    pub(super) member: Member,
}

impl Seat {
    pub(super) fn account(&self) -> Address {
        self.member.account
    }
}

impl Book {
    /// The scheme; reverts where none was made.
    pub(super) fn read(context: &mut Context<'_>, id: u64) -> Result<Self, Failure> {
        let place = layout().schemes.at(context, &id)?;
        let terms = place.terms.read(context)?;
        ensure(!terms.token.is_zero(), || ISettlement::SchemeUnknown { schemeId: id })?;
        let day = place.day.read(context)?;
        Ok(Self { id, place, terms, day })
    }

    pub(super) fn token(&self) -> Address {
        self.terms.token
    }

    pub(super) fn write_day(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        self.place.day.write(context, self.day)
    }

    // ----- who may -------------------------------------------------------------------------------------------------

    pub(super) fn require_operator(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (caller, operator) = (context.caller(), self.place.operator.read(context)?);
        ensure(caller == operator, || ISettlement::SchemeOperatorRequired { schemeId: self.id, caller, operator })
    }

    /// The participant with this seat.
    pub(super) fn seat(&self, context: &mut Context<'_>, index: u32) -> Result<Seat, Failure> {
        let place = self.place.banks.at(context, &index)?;
        Ok(Seat { index, place, member: place.member.read(context)? })
    }

    /// The seat of an account, if it was ever admitted.
    pub(super) fn find(&self, context: &mut Context<'_>, account: Address) -> Result<Option<Seat>, Failure> {
        match self.place.seats.at(context, &account)?.read(context)?.checked_sub(1) {
            Some(index) => self.seat(context, index).map(Some),
            None => Ok(None),
        }
    }

    /// The seat of an active participant.
    pub(super) fn active(&self, context: &mut Context<'_>, account: Address) -> Result<Seat, Failure> {
        let seat = self.find(context, account)?;
        let status = seat.map_or(0, |seat| seat.member.status);
        seat.filter(|_| status == codes::member::ACTIVE)
            .ok_or_else(|| revert(ISettlement::ParticipantRequired { schemeId: self.id, account, status }))
    }

    /// Another active participant than `debtor`.
    pub(super) fn counterparty(
        &self,
        context: &mut Context<'_>,
        debtor: &Seat,
        account: Address,
    ) -> Result<Seat, Failure> {
        let creditor = self.active(context, account)?;
        ensure(creditor.index != debtor.index, || ISettlement::SelfSettlement { account })?;
        Ok(creditor)
    }

    // ----- when ----------------------------------------------------------------------------------------------------

    pub(super) fn ensure_open(&self) -> Result<(), Failure> {
        let phase = self.day.phase;
        ensure(phase == codes::day::OPEN, || ISettlement::DayNotOpen { schemeId: self.id, phase })
    }

    pub(super) fn ensure_closed(&self) -> Result<(), Failure> {
        let phase = self.day.phase;
        ensure(phase == codes::day::CLOSED, || ISettlement::DayNotClosed { schemeId: self.id, phase })
    }

    /// The cut-off is late at its very instant.
    pub(super) fn ensure_before_cut_off(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (now, cut_off) = (context.env().timestamp_ms, self.day.cut_off_ms);
        ensure(now < cut_off, || ISettlement::CutOffPassed { schemeId: self.id, cutOffMs: cut_off, nowMs: now })
    }

    pub(super) fn ensure_idle(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        if !self.day.running {
            return Ok(());
        }
        let run = self.place.run.read(context)?.number;
        Err(revert(ISettlement::RunInProgress { schemeId: self.id, run }))
    }

    // ----- bounds --------------------------------------------------------------------------------------------------

    /// Whether a participant may pay and be paid: active, not frozen, admitted by the token's policy.
    pub(super) fn may_take_part(&self, context: &mut Context<'_>, seat: &Seat) -> Result<bool, Failure> {
        let (token, account) = (self.token(), seat.account());
        if seat.member.status != codes::member::ACTIVE || token::is_frozen(context, token, account)? {
            return Ok(false);
        }
        let policy = token::policy(context, token)?;
        policy::is_allowed(context, policy, account)
    }

    /// Most that a participant may pay, net of what it gets: its spendable units, less the reserve, and no more than the
    /// multilateral limit leaves. Negative where it has less than its reserve.
    pub(super) fn capacity(&self, context: &mut Context<'_>, seat: &Seat) -> Result<i128, Failure> {
        let reserve = signed(self.limits(context, seat)?.reserve);
        self.capacity_with(context, seat, reserve.saturating_neg())
    }

    /// The same for an urgent instruction that settles by itself: it may use the reserve.
    pub(super) fn urgent_capacity(&self, context: &mut Context<'_>, seat: &Seat) -> Result<i128, Failure> {
        self.capacity_with(context, seat, 0)
    }

    /// The same with `more` units than it has, or with fewer.
    pub(super) fn capacity_with(&self, context: &mut Context<'_>, seat: &Seat, more: i128) -> Result<i128, Failure> {
        let limits = self.limits(context, seat)?;
        let free = self.units_with(context, seat, more)?;
        let Some(limit) = codes::stored_limit(limits.multilateral) else { return Ok(free) };
        let net = net_outflow(self.today(seat.place.flowed.read(context)?));
        Ok(free.min(signed(limit).saturating_sub(net)))
    }

    /// Spendable units less the reserve, whatever the multilateral limit leaves.
    pub(super) fn free_units(&self, context: &mut Context<'_>, seat: &Seat) -> Result<i128, Failure> {
        let reserve = signed(self.limits(context, seat)?.reserve);
        self.units_with(context, seat, reserve.saturating_neg())
    }

    fn units_with(&self, context: &mut Context<'_>, seat: &Seat, more: i128) -> Result<i128, Failure> {
        let spendable = signed(token::spendable_units(context, self.token(), seat.account())?);
        Ok(spendable.saturating_add(more))
    }

    /// A participant's reserve and multilateral limit; who has none costs no read.
    pub(super) fn limits(&self, context: &mut Context<'_>, seat: &Seat) -> Result<Limits, Failure> {
        if seat.member.bounded { seat.place.limits.read(context) } else { Ok(Limits::default()) }
    }

    /// Most that a participant may pay to another, net, if it set a limit.
    pub(super) fn bilateral_room(
        &self,
        context: &mut Context<'_>,
        seat: &Seat,
        other: u32,
    ) -> Result<Option<i128>, Failure> {
        let Some(pair) = self.pair(context, seat, other)? else { return Ok(None) };
        let Some(limit) = codes::stored_limit(pair.limit.read(context)?.limit) else { return Ok(None) };
        let net = net_outflow(self.today(pair.flowed.read(context)?));
        Ok(Some(signed(limit).saturating_sub(net)))
    }

    /// What a participant keeps of a counterparty, if it ever set a limit towards it.
    pub(super) fn pair(&self, context: &mut Context<'_>, seat: &Seat, other: u32) -> Result<Option<Pair>, Failure> {
        if seat.member.pairs == 0 {
            return Ok(None);
        }
        let pair = self.place.pairs.at(context, &two(seat.index, other))?;
        Ok(pair.limit.read(context)?.kept.then_some(pair))
    }

    /// Counterparties towards whom a participant ever set a limit.
    pub(super) fn counterparties(&self, context: &mut Context<'_>, seat: &Seat) -> Result<Vec<u32>, Failure> {
        (0..seat.member.pairs)
            .map(|number| self.place.counterparties.at(context, &two(seat.index, number))?.read(context))
            .collect()
    }

    // ----- flows of the day ----------------------------------------------------------------------------------------

    /// Flows if they are of today, nothing otherwise.
    pub(super) fn today(&self, flows: DayFlows) -> DayFlows {
        let day = self.day.number;
        if flows.day == day { flows } else { DayFlows { day, ..DayFlows::default() } }
    }

    /// Flows of today with more added. A sum that no longer fits stays at the largest.
    pub(super) fn flow(&self, flows: DayFlows, outward: u128, inward: u128) -> DayFlows {
        let DayFlows { outward: before_out, inward: before_in, day } = self.today(flows);
        let add = |before: u128, more: u128| before.saturating_add(more).min(FLOW_MAX);
        DayFlows { outward: add(before_out, outward), inward: add(before_in, inward), day }
    }

    /// Notes what flowed from one participant to another.
    pub(super) fn note_flow(
        &self,
        context: &mut Context<'_>,
        debtor: &Seat,
        creditor: &Seat,
        amount: u128,
    ) -> Result<(), Failure> {
        for (seat, other, outward, inward) in [(debtor, creditor, amount, 0), (creditor, debtor, 0, amount)] {
            let flows = seat.place.flowed.read(context)?;
            seat.place.flowed.write(context, self.flow(flows, outward, inward))?;
            if let Some(pair) = self.pair(context, seat, other.index)? {
                let flows = pair.flowed.read(context)?;
                pair.flowed.write(context, self.flow(flows, outward, inward))?;
            }
        }
        Ok(())
    }

    /// Adds to the scheme's figures.
    pub(super) fn note_figures(
        &self,
        context: &mut Context<'_>,
        count: u64,
        (value, used): (u128, u128),
        delay_ms: u128,
    ) -> Result<(), Failure> {
        let mut figures = self.place.value.read(context)?;
        figures.settled = figures.settled.saturating_add(value);
        figures.used = figures.used.saturating_add(used);
        self.place.value.write(context, figures)?;
        let mut counts = self.place.counts.read(context)?;
        counts.settled = counts.settled.saturating_add(count);
        counts.delay_ms = counts.delay_ms.saturating_add(delay_ms);
        self.place.counts.write(context, counts)
    }

    /// Corruption of this scheme's storage.
    pub(super) fn fault(&self, what: &str) -> Failure {
        StateFault(format!("scheme {}: {what}", self.id)).into()
    }
}

/// What went out beyond what came in.
pub(super) fn net_outflow(flows: DayFlows) -> i128 {
    signed(flows.outward).saturating_sub(signed(flows.inward))
}

/// Two seats, or a seat and a number, as one key.
pub(super) fn two(seat: u32, other: u32) -> u64 {
    u64::from(seat).wrapping_shl(32) | u64::from(other)
}
