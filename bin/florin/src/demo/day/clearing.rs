//! Clearing among the banks: a gridlock that a multilateral run resolves, a net window, and the cut-off.

use super::{
    Cast, Day,
    desk::{Actor, Desk, Done, expect},
    unique,
};
use crate::failure::Failure;
use alloy_primitives::U256;
use florin_modules::{SETTLEMENT_ADDRESS, settlement::ISettlement};

/// Statuses of an instruction, as `instructionOf` gives them.
const QUEUED: u8 = 1;
const SETTLED: u8 = 3;
const REJECTED: u8 = 5;
const GRIDLOCK: u8 = 2;
const CUT_OFF: u8 = 1;
const NORMAL: u8 = 2;
/// Work of one call, and how many calls a run of three banks may take.
const STEPS: u32 = 1_000;
const CALLS_MAX: usize = 16;
const FUND_MS: u64 = 60_000;

/// Instructions of the day that settle, their value and the units that move for it, in cents. The summary expects them.
pub(super) const COUNT: u64 = 8;
pub(super) const VALUE: u128 = GROSS + 1_270_000_00 + 255_000_00;
pub(super) const USED: u128 = GROSS + 50_000_00 + 35_000_00;
const GROSS: u128 = 60_000_00;

/// Three banks owe each other more than any of them has, and settle all of it.
pub(super) async fn gridlock(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("The banks clear: a gridlock, and how it resolves")?;
    let [a, b, c] = cast.banks();
    let positions = [(a, day.deur), (b, day.deur), (c, day.deur)];
    let before = desk.positions(&positions).await?;
    let gross = submit(desk, day, a, c, GROSS).await?;
    let number = gross.event::<ISettlement::InstructionSettled>()?.instructionId;
    expect("an instruction that is covered", status(desk, number).await?, SETTLED)?;
    desk.moved(&before, &[-60_000_00, 0, 60_000_00]).await?;
    desk.tell(&[&gross], &format!("bank-a pays bank-c {}: covered, settles at once, gross.", day.deur.show(GROSS)))?;

    let before = desk.positions(&positions).await?;
    let mut queued = Vec::new();
    for (debtor, creditor, minor) in [(a, b, 400_000_00u128), (b, c, 450_000_00), (c, a, 420_000_00)] {
        let done = submit(desk, day, debtor, creditor, minor).await?;
        let number = done.event::<ISettlement::InstructionQueued>()?.instructionId;
        expect("an instruction that is not covered", status(desk, number).await?, QUEUED)?;
        let text = format!("{} pays {} {}: not covered, queued.", debtor.name, creditor.name, day.deur.show(minor));
        desk.tell(&[&done], &text)?;
        queued.push(number);
    }
    desk.moved(&before, &[0, 0, 0]).await?;
    let call = ISettlement::forecastCall { schemeId: day.scheme, account: a.address(), injected: U256::ZERO };
    let forecast = desk.ask(SETTLEMENT_ADDRESS, call).await?;
    expect("the state of the queue, and what can settle", (forecast.state, forecast.count), (GRIDLOCK, 3))?;
    let ran = run(desk, cast, day).await?;
    for number in queued {
        expect("an instruction after the run", status(desk, number).await?, SETTLED)?;
    }
    desk.moved(&before, &[20_000_00, -50_000_00, 30_000_00]).await?;
    let settled = ran.last().map(Done::events::<ISettlement::RunSettled>).unwrap_or_default();
    let [settled] = settled.as_slice() else { return expect("runs that settled", settled.len(), 1) };
    expect("what settled together", (settled.count, settled.value), (3, U256::from(1_270_000_00u128)))?;
    let text = format!(
        "Gridlock: none of the three can settle alone. A multilateral run settles all of them in one step: {} with {} \
         of liquidity. Proof {}.",
        day.deur.show(1_270_000_00u128),
        day.deur.show(50_000_00u128),
        settled.proof
    );
    let shown: Vec<_> = ran.iter().collect();
    desk.tell(&shown, &text)
}

/// Starts a run and advances it to its end.
async fn run(desk: &Desk<'_>, cast: &Cast, day: &Day) -> Result<Vec<Done>, Failure> {
    let operator = &cast.central_bank;
    let call = ISettlement::startRunCall { schemeId: day.scheme };
    let mut done = vec![desk.act(operator, SETTLEMENT_ADDRESS, call, "starts a run").await?];
    for _ in 0..CALLS_MAX {
        let call = ISettlement::advanceRunCall { schemeId: day.scheme, steps: STEPS };
        done.push(desk.act(operator, SETTLEMENT_ADDRESS, call, "advances the run").await?);
        if desk.ask(SETTLEMENT_ADDRESS, ISettlement::runOfCall { schemeId: day.scheme }).await?.phase == 0 {
            // The outcome is an event of one of the calls; the story wants it in the last.
            done.sort_by_key(|done| !done.events::<ISettlement::RunSettled>().is_empty());
            return Ok(done);
        }
    }
    Err(super::desk::differs("the run", &format!("an end within {CALLS_MAX} calls"), "it goes on"))
}

async fn submit(desk: &Desk<'_>, day: &Day, debtor: &Actor, creditor: &Actor, minor: u128) -> Result<Done, Failure> {
    let call = submission(day, creditor, minor);
    desk.act(debtor, SETTLEMENT_ADDRESS, call, &format!("submits a payment to {}", creditor.name)).await
}

fn submission(day: &Day, creditor: &Actor, minor: u128) -> ISettlement::submitCall {
    ISettlement::submitCall {
        schemeId: day.scheme,
        creditor: creditor.address(),
        amount: U256::from(minor),
        priority: NORMAL,
        instructionReference: unique(),
    }
}

async fn status(desk: &Desk<'_>, instruction: u64) -> Result<u8, Failure> {
    let call = ISettlement::instructionOfCall { instructionId: instruction };
    Ok(desk.ask(SETTLEMENT_ADDRESS, call).await?.status)
}

/// Many small payments, settled as one net position a bank.
pub(super) async fn window(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("A net window")?;
    let (operator, [a, b, c]) = (&cast.central_bank, cast.banks());
    let before = desk.positions(&[(a, day.deur), (b, day.deur), (c, day.deur)]).await?;
    let call = ISettlement::openWindowCall { schemeId: day.scheme };
    let opened = desk.act(operator, SETTLEMENT_ADDRESS, call, "opens a window").await?;
    let window = opened.event::<ISettlement::WindowOpened>()?.windowId;
    desk.tell(&[&opened], &format!("central-bank opens window {window}."))?;
    let payments = [(a, b, 90_000_00u128), (b, a, 70_000_00), (b, c, 40_000_00), (c, a, 55_000_00)];
    for (debtor, creditor, minor) in payments {
        let call = ISettlement::assignCall {
            windowId: window,
            creditor: creditor.address(),
            amount: U256::from(minor),
            instructionReference: unique(),
        };
        let done = desk.act(debtor, SETTLEMENT_ADDRESS, call, "puts a payment into the window").await?;
        expect("the payment's window", done.event::<ISettlement::InstructionAssigned>()?.windowId, window)?;
        desk.tell(
            &[&done],
            &format!("{} pays {} {} in the window.", debtor.name, creditor.name, day.deur.show(minor)),
        )?;
    }
    desk.moved(&before, &[0, 0, 0]).await?;
    let call = ISettlement::closeWindowCall { windowId: window };
    let closed = desk.act(operator, SETTLEMENT_ADDRESS, call, "closes the window").await?;
    let deadline = crate::node::monitoring::now_ms().saturating_add(FUND_MS);
    let call = ISettlement::startWindowSettlementCall { windowId: window, fundBeforeMs: deadline };
    let started = desk.act(operator, SETTLEMENT_ADDRESS, call, "announces net positions").await?;
    let call = ISettlement::settleWindowCall { windowId: window };
    let settled = desk.act(operator, SETTLEMENT_ADDRESS, call, "settles the window").await?;
    let event = settled.event::<ISettlement::WindowSettled>()?;
    let expected = (U256::from(255_000_00u128), U256::from(35_000_00u128));
    expect("the window's value and net debits", (event.value, event.netDebits), expected)?;
    desk.moved(&before, &[35_000_00, -20_000_00, -15_000_00]).await?;
    let text = format!(
        "The window closes and settles whole: four payments of {} as net positions of +35,000.00, -20,000.00 and \
         -15,000.00, which sum to zero.",
        day.deur.show(255_000_00u128)
    );
    desk.tell(&[&closed, &started, &settled], &text)
}

/// What is unsettled at the cut-off is rejected, and nothing is taken in after it.
pub(super) async fn cut_off(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("Cut-off")?;
    let [a, b, c] = cast.banks();
    let before = desk.positions(&[(a, day.deur), (b, day.deur), (c, day.deur)]).await?;
    let late = submit(desk, day, b, a, 900_000_00).await?;
    let number = late.event::<ISettlement::InstructionQueued>()?.instructionId;
    let text = format!("bank-b pays bank-a {}: not covered, queued.", day.deur.show(900_000_00u128));
    desk.tell(&[&late], &text)?;
    let call = ISettlement::closeDayCall { schemeId: day.scheme, steps: STEPS };
    let closed = desk.act(&cast.central_bank, SETTLEMENT_ADDRESS, call, "closes the day").await?;
    let rejected = closed.event::<ISettlement::InstructionRejected>()?;
    expect("what is rejected, and why", (rejected.instructionId, rejected.reason), (number, CUT_OFF))?;
    closed.event::<ISettlement::DayClosed>()?;
    expect("the instruction's status", status(desk, number).await?, REJECTED)?;
    desk.moved(&before, &[0, 0, 0]).await?;
    let text = format!(
        "central-bank closes the day. Instruction {number} is rejected, reason 1 (cut-off): bank-b must order it anew. \
         Nothing rolls over by itself."
    );
    desk.tell(&[&closed], &text)?;
    let explained = desk.be_refused(c, SETTLEMENT_ADDRESS, submission(day, a, 1_00), "DayNotOpen").await?;
    desk.tell_refusal("bank-c submits one more", &explained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn the_story_adds_up() {
        // What the three ways of settling move is what the banks' balances change by.
        let run = [400_000_00i128, 450_000_00, 420_000_00];
        assert_eq!(GROSS as i128 + run.iter().sum::<i128>() + 255_000_00, VALUE as i128);
        let net = |paid: usize, got: usize| run[got] - run[paid];
        assert_eq!([net(0, 2), net(1, 0), net(2, 1)], [20_000_00, -50_000_00, 30_000_00]);
        assert_eq!(USED, GROSS + 50_000_00 + 35_000_00);
    }

    #[test]
    fn references_differ() {
        assert_ne!(unique(), unique());
        assert_ne!(unique(), B256::ZERO);
    }
}
