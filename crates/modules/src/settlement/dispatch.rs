//! From selector to operation. No logic.

use alloy_primitives::Bytes;

use super::{ISettlement::*, credit, day, later, queue, run, scheme, views, window};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to settlement. One table, so that the compiler sees that no function is missing.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use ISettlementCalls as Call;
    match decode::<Call>(context, input)? {
        // Schemes and participants
        Call::createScheme(c) => {
            mutate::<createSchemeCall, _>(context, |x| scheme::create_scheme(x, c.token, c.bypassFifo, c.defaultRule))
        }
        Call::proposeOperator(c) => {
            mutate::<proposeOperatorCall, _>(context, |x| scheme::propose_operator(x, c.schemeId, c.newOperator))
        }
        Call::acceptOperator(c) => mutate::<acceptOperatorCall, _>(context, |x| scheme::accept_operator(x, c.schemeId)),
        Call::admitParticipant(c) => {
            mutate::<admitParticipantCall, _>(context, |x| scheme::admit_participant(x, c.schemeId, c.account))
        }
        Call::join(c) => mutate::<joinCall, _>(context, |x| scheme::join(x, c.schemeId)),
        Call::leave(c) => mutate::<leaveCall, _>(context, |x| scheme::leave(x, c.schemeId)),
        Call::suspend(c) => mutate::<suspendCall, _>(context, |x| scheme::suspend(x, c.schemeId, c.account)),
        Call::resume(c) => mutate::<resumeCall, _>(context, |x| scheme::resume(x, c.schemeId, c.account)),

        // Limits
        Call::setReserve(c) => mutate::<setReserveCall, _>(context, |x| scheme::set_reserve(x, c.schemeId, c.amount)),
        Call::setMultilateralLimit(c) => {
            mutate::<setMultilateralLimitCall, _>(context, |x| scheme::set_multilateral_limit(x, c.schemeId, c.amount))
        }
        Call::setBilateralLimit(c) => mutate::<setBilateralLimitCall, _>(context, |x| {
            scheme::set_bilateral_limit(x, c.schemeId, c.counterparty, c.amount)
        }),

        // Day
        Call::openDay(c) => {
            mutate::<openDayCall, _>(context, |x| day::open_day(x, c.schemeId, c.valueDate, c.cutOffMs))
        }
        Call::closeDay(c) => mutate::<closeDayCall, _>(context, |x| day::close_day(x, c.schemeId, c.steps)),

        // Instructions
        Call::submit(c) => mutate::<submitCall, _>(context, |x| {
            let new = queue::NewInstruction {
                creditor: c.creditor,
                amount: c.amount,
                priority: c.priority,
                reference: c.instructionReference,
            };
            queue::submit(x, c.schemeId, &new)
        }),
        Call::submitLater(c) => mutate::<submitLaterCall, _>(context, |x| {
            let new = queue::NewInstruction {
                creditor: c.creditor,
                amount: c.amount,
                priority: c.priority,
                reference: c.instructionReference,
            };
            later::submit_later(x, c.schemeId, &new, (c.valueDate, c.notBeforeMs))
        }),
        Call::present(c) => mutate::<presentCall, _>(context, |x| later::present(x, c.instructionId)),
        Call::cancel(c) => mutate::<cancelCall, _>(context, |x| queue::cancel(x, c.instructionId)),
        Call::holdInstruction(c) => mutate::<holdInstructionCall, _>(context, |x| queue::hold(x, c.instructionId)),
        Call::unholdInstruction(c) => {
            mutate::<unholdInstructionCall, _>(context, |x| queue::unhold(x, c.instructionId))
        }
        Call::reprioritise(c) => {
            mutate::<reprioritiseCall, _>(context, |x| queue::reprioritise(x, c.instructionId, c.priority))
        }
        Call::swap(c) => mutate::<swapCall, _>(context, |x| queue::swap(x, c.instructionId, c.otherId)),
        Call::release(c) => mutate::<releaseCall, _>(context, |x| queue::release(x, c.schemeId, c.debtor, c.steps)),
        Call::offset(c) => mutate::<offsetCall, _>(context, |x| queue::offset(x, c.schemeId, c.first, c.second)),

        // Multilateral run
        Call::startRun(c) => mutate::<startRunCall, _>(context, |x| run::start_run(x, c.schemeId)),
        Call::advanceRun(c) => mutate::<advanceRunCall, _>(context, |x| run::advance_run(x, c.schemeId, c.steps)),
        Call::abandonRun(c) => mutate::<abandonRunCall, _>(context, |x| run::abandon_run(x, c.schemeId)),

        // Windows
        Call::openWindow(c) => mutate::<openWindowCall, _>(context, |x| window::open_window(x, c.schemeId)),
        Call::assign(c) => mutate::<assignCall, _>(context, |x| {
            window::assign(x, c.windowId, c.creditor, c.amount, c.instructionReference)
        }),
        Call::closeWindow(c) => mutate::<closeWindowCall, _>(context, |x| window::close_window(x, c.windowId)),
        Call::startWindowSettlement(c) => {
            mutate::<startWindowSettlementCall, _>(context, |x| window::start_settlement(x, c.windowId, c.fundBeforeMs))
        }
        Call::settleWindow(c) => mutate::<settleWindowCall, _>(context, |x| window::settle_window(x, c.windowId)),
        Call::abortWindow(c) => mutate::<abortWindowCall, _>(context, |x| window::abort_window(x, c.windowId)),
        Call::prefund(c) => mutate::<prefundCall, _>(context, |x| window::prefund(x, c.schemeId, c.amount)),
        Call::withdrawPrefund(c) => {
            mutate::<withdrawPrefundCall, _>(context, |x| window::withdraw_prefund(x, c.schemeId))
        }

        // Intraday credit
        Call::setCreditLine(c) => {
            mutate::<setCreditLineCall, _>(context, |x| credit::set_credit_line(x, c.schemeId, c.amount))
        }
        Call::setCollateral(c) => mutate::<setCollateralCall, _>(context, |x| {
            credit::set_collateral(x, c.schemeId, c.token, (c.price, c.haircut, c.expiresMs))
        }),
        Call::pledge(c) => mutate::<pledgeCall, _>(context, |x| credit::pledge(x, c.schemeId, c.token, c.amount)),
        Call::withdrawCollateral(c) => mutate::<withdrawCollateralCall, _>(context, |x| {
            credit::withdraw_collateral(x, c.schemeId, c.pledgeId, c.amount)
        }),
        Call::drawCredit(c) => mutate::<drawCreditCall, _>(context, |x| credit::draw_credit(x, c.schemeId, c.amount)),
        Call::repayCredit(c) => {
            mutate::<repayCreditCall, _>(context, |x| credit::repay_credit(x, c.schemeId, c.amount))
        }
        Call::realiseCollateral(c) => mutate::<realiseCollateralCall, _>(context, |x| {
            credit::realise_collateral(x, c.schemeId, c.account, c.pledgeId)
        }),
        Call::callMargin(c) => mutate::<callMarginCall, _>(context, |x| credit::call_margin(x, c.schemeId, c.account)),

        // Views
        Call::schemeOf(c) => view::<schemeOfCall>(views::scheme_of(context, c.schemeId)?),
        Call::dayOf(c) => view::<dayOfCall>(views::day_of(context, c.schemeId)?),
        Call::participantOf(c) => view::<participantOfCall>(views::participant_of(context, c.schemeId, c.account)?),
        Call::participantAt(c) => view::<participantAtCall>(views::participant_at(context, c.schemeId, c.seat)?),
        Call::bilateralLimitOf(c) => {
            view::<bilateralLimitOfCall>(views::bilateral_limit_of(context, c.schemeId, c.account, c.counterparty)?)
        }
        Call::liquidityOf(c) => view::<liquidityOfCall>(views::liquidity_of(context, c.schemeId, c.account)?),
        Call::instructionOf(c) => view::<instructionOfCall>(views::instruction_of(context, c.instructionId)?),
        Call::instructionByReference(c) => view::<instructionByReferenceCall>(views::instruction_by_reference(
            context,
            c.debtor,
            c.instructionReference,
        )?),
        Call::runOf(c) => view::<runOfCall>(views::run_of(context, c.schemeId)?),
        Call::forecast(c) => view::<forecastCall>(views::forecast(context, c.schemeId, c.account, c.injected)?),
        Call::figuresOf(c) => view::<figuresOfCall>(views::figures_of(context, c.schemeId)?),
        Call::fundsOf(c) => view::<fundsOfCall>(views::funds_of(context, c.schemeId, c.account)?),
        Call::ratiosOf(c) => view::<ratiosOfCall>(views::ratios_of(context, c.schemeId)?),
        Call::windowOf(c) => view::<windowOfCall>(views::window_of(context, c.windowId)?),
        Call::creditLineOf(c) => view::<creditLineOfCall>(views::credit_line_of(context, c.schemeId)?),
        Call::collateralOf(c) => view::<collateralOfCall>(views::collateral_of(context, c.schemeId, c.token)?),
        Call::pledgeOf(c) => view::<pledgeOfCall>(views::pledge_of(context, c.schemeId, c.account, c.pledgeId)?),
        Call::creditOf(c) => view::<creditOfCall>(views::credit_of(context, c.schemeId, c.account)?),
        Call::positionOf(c) => view::<positionOfCall>(views::position_of(context, c.windowId, c.account)?),
    }
}
