//! Queues, gridlock and windows.

use super::*;
use crate::{SETTLEMENT_ADDRESS, settlement::ISettlement::*};

const TO: Address = SETTLEMENT_ADDRESS;
const OPERATOR: Address = Address::repeat_byte(0x50);

const A: Address = Address::repeat_byte(1);
const B: Address = Address::repeat_byte(2);
const C: Address = Address::repeat_byte(3);
const D: Address = Address::repeat_byte(4);

impl Story {
    /// A scheme with an open day, in which everyone takes part.
    fn scheme(title: &str, banks: &[(Address, &str, u128)], bypass: bool) -> Self {
        let mut story = Self::begin(title, banks);
        story.name(OPERATOR, "operator");
        story.name(TO, "settlement");
        let scheme = createSchemeCall { token: eur(), bypassFifo: bypass, defaultRule: 0 };
        assert_eq!(story.ledger.ok(OPERATOR, TO, scheme), 1);
        for (bank, _, _) in banks {
            story.ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: *bank });
            story.ledger.ok(*bank, TO, joinCall { schemeId: 1 });
        }
        let cut_off = story.zero_ms + 3_600_000;
        story.ledger.ok(OPERATOR, TO, openDayCall { schemeId: 1, valueDate: 20_231_114, cutOffMs: cut_off });
        story.hush();
        story
    }

    fn submit(&mut self, debtor: Address, creditor: Address, amount: u128, number: u8) {
        let call = submission(creditor, amount, number);
        self.name(reference(number), &format!("#{number}"));
        let what = format!("instructs {amount} to {}", self.plain(&format!("{creditor:?}")));
        self.step(debtor, &what, TO, call);
    }

    fn forecast(&mut self, who: Address, injected: u128) {
        let what = format!("asks what would settle with {injected} more");
        self.step(who, &what, TO, forecastCall { schemeId: 1, account: who, injected: units(injected) });
    }

    /// A whole run, in one call after its start.
    fn solve(&mut self) {
        self.step(OPERATOR, "starts a run", TO, startRunCall { schemeId: 1 });
        self.step(OPERATOR, "advances it to its end", TO, advanceRunCall { schemeId: 1, steps: 1_000 });
        self.say("statuses (1 queued, 3 settled)");
        self.statuses();
    }

    fn statuses(&mut self) {
        let mut line = String::from(" ");
        let mut number = 1;
        while let Ok(found) = self.ledger.call(OPERATOR, TO, instructionOfCall { instructionId: number }) {
            let _ = write!(line, " {number}: {},", found.status);
            number += 1;
        }
        let _ = writeln!(self.text, "{}", line.trim_end_matches(','));
    }
}

fn submission(creditor: Address, amount: u128, number: u8) -> submitCall {
    submitCall { schemeId: 1, creditor, amount: units(amount), priority: 2, instructionReference: reference(number) }
}

#[test]
fn circle_of_three() {
    let banks = [(A, "A", 0), (B, "B", 0), (C, "C", 0)];
    let mut story = Story::scheme("A circle of three banks without money resolves: gridlock.", &banks, false);
    story.submit(A, B, 10, 1);
    story.submit(B, C, 10, 2);
    story.submit(C, A, 10, 3);
    story.forecast(A, 0);
    story.solve();
    story.end("circle-of-three");
}

/// Every bank owes its neighbour one more than is owed to it, but for the last one: the first must have that much.
#[test]
fn circle_of_many() {
    let banks: Vec<(Address, &str, u128)> = vec![(account(1), "first", 39)];
    let mut story = Story::scheme("A circle of forty banks of which only the first has anything.", &banks, false);
    for bank in 2..=40 {
        story.ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: account(bank) });
        story.ledger.ok(account(bank), TO, joinCall { schemeId: 1 });
    }
    // 1 -> 2 pays 139, 2 -> 3 pays 138, ..., 40 -> 1 pays 100: everybody but the first keeps one.
    for bank in 1..=40u8 {
        let amount = 140 - u128::from(bank);
        story.ledger.ok(account(bank), TO, submission(account(bank % 40 + 1), amount, bank));
    }
    story.hush();
    story.say("Bank n instructs 140 - n to bank n + 1, bank 40 to the first. All forty are queued.");
    story.step(OPERATOR, "starts a run", TO, startRunCall { schemeId: 1 });
    story.ledger.ok(OPERATOR, TO, advanceRunCall { schemeId: 1, steps: 1_000 });
    story.hush();
    story.step(OPERATOR, "asks for the run", TO, runOfCall { schemeId: 1 });
    story.step(OPERATOR, "asks for the figures", TO, figuresOfCall { schemeId: 1 });
    let others: Vec<u128> =
        (2..=40).map(|bank| story.ledger.ok(OPERATOR, eur(), balanceOfCall { account: account(bank) }).to()).collect();
    assert!(others.iter().all(|balance| *balance == 1), "{others:?}");
    story.say("Each of the others has 1.");
    story.end("circle-of-many");
}

#[test]
fn gridlock_in_part() {
    let banks = [(A, "A", 0), (B, "B", 0), (C, "C", 0), (D, "D", 4)];
    let mut story = Story::scheme("A circle of three resolves and leaves a fourth bank out.", &banks, false);
    story.submit(A, B, 10, 1);
    story.submit(B, C, 10, 2);
    story.submit(C, A, 10, 3);
    story.submit(D, A, 5, 4);
    story.solve();
    story.end("gridlock-in-part");
}

#[test]
fn deadlock() {
    let banks = [(A, "A", 0), (B, "B", 0), (C, "C", 0)];
    let mut story =
        Story::scheme("No set settles: a deadlock, which two units of liquidity turn into a gridlock.", &banks, false);
    story.submit(A, B, 10, 1);
    story.submit(B, C, 12, 2);
    story.submit(C, A, 12, 3);
    story.solve();
    story.forecast(B, 1);
    story.forecast(B, 2);
    story.name(ISSUER, "issuer");
    story.step(ISSUER, "gives B 2", eur(), mintCall { to: B, amount: units(2) });
    story.solve();
    story.end("deadlock");
}

#[test]
fn fifo_and_bypass() {
    for (bypass, name, title) in [
        (false, "fifo", "FIFO: what is not covered blocks what stands behind it."),
        (true, "bypass", "Bypass: what is covered passes what is not."),
    ] {
        let banks = [(A, "A", 20), (B, "B", 0), (C, "C", 0)];
        let mut story = Story::scheme(title, &banks, bypass);
        story.submit(A, B, 100, 1);
        story.submit(A, C, 10, 2);
        let release = releaseCall { schemeId: 1, debtor: A, steps: 10 };
        story.step(A, "has its queue looked at again", TO, release);
        story.say("statuses (1 queued, 3 settled)");
        story.statuses();
        story.end(name);
    }
}

#[test]
fn window_with_an_unfunded_debit() {
    let banks = [(A, "A", 9), (B, "B", 100), (C, "C", 0)];
    let mut story = Story::scheme("A net debit that is one short takes the whole window with it.", &banks, false);
    story.step(OPERATOR, "opens a window", TO, openWindowCall { schemeId: 1 });
    for (debtor, creditor, amount, number) in [(A, C, 30, 1), (C, A, 20, 2), (B, C, 50, 3)] {
        story.name(reference(number), &format!("#{number}"));
        let call = assignCall { windowId: 1, creditor, amount: units(amount), instructionReference: reference(number) };
        let what = format!("puts {amount} to {} into it", story.plain(&format!("{creditor:?}")));
        story.step(debtor, &what, TO, call);
    }
    story.step(OPERATOR, "closes it", TO, closeWindowCall { windowId: 1 });
    let fund_before = story.zero_ms + 1_000;
    let call = startWindowSettlementCall { windowId: 1, fundBeforeMs: fund_before };
    story.step(OPERATOR, "begins settlement, to be funded before 1000 ms", TO, call);
    for who in [A, B, C] {
        story.step(who, "asks for its position", TO, positionOfCall { windowId: 1, account: who });
    }
    story.at(999);
    story.step(C, "asks for settlement", TO, settleWindowCall { windowId: 1 });
    story.at(1_000);
    story.step(C, "asks for settlement", TO, settleWindowCall { windowId: 1 });
    story.step(C, "looks at the window", TO, windowOfCall { windowId: 1 });
    story.say("statuses (5 rejected)");
    story.statuses();
    story.end("window-with-an-unfunded-debit");
}
