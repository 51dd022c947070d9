//! Scenarios of settlement: the queue, the run, windows and the day, each through the dispatcher as bytes.

use super::{ISettlement::*, invariants};
use crate::{
    SETTLEMENT_ADDRESS,
    testing::{ADMIN, FREEZER, ISSUER, Ledger, account, units, world},
    token::IToken::{balanceOfCall, freezePartialTokensCall, mintCall, setAddressFrozenCall, transferCall},
    token_address,
};
use alloy_primitives::{Address, B256, U256};

mod credit;
mod day;
mod errors;
mod figures;
mod later;
mod model;
mod nets;
mod queue;
mod refused;
mod run;
mod scale;
mod schemes;
mod solver;
mod window;
mod window_model;

const TO: Address = SETTLEMENT_ADDRESS;
const OPERATOR: Address = Address::repeat_byte(0x50);
const CUT_OFF_MS: u64 = 1_700_000_100_000;
const NONE: U256 = U256::MAX;

fn eur() -> Address {
    token_address(1)
}

fn reference(number: u64) -> B256 {
    B256::from(U256::from(number + 1))
}

/// A scheme with an open day and a participant for each of `balances`: accounts 1, 2, … in seats 0, 1, …
struct Scheme {
    ledger: Ledger,
    id: u64,
    submitted: u64,
    /// Whether the latest run of the model's test had moved units before something else happened.
    late: bool,
}

impl Scheme {
    fn fifo(balances: &[u128]) -> Self {
        Self::new(balances, false, 0)
    }

    fn bypass(balances: &[u128]) -> Self {
        Self::new(balances, true, 0)
    }

    fn new(balances: &[u128], bypass: bool, rule: u8) -> Self {
        let mut scheme = Self::closed(balances, bypass, rule);
        scheme.open(20_231_114);
        scheme
    }

    /// The same before its first day.
    fn closed(balances: &[u128], bypass: bool, rule: u8) -> Self {
        let mut ledger = world();
        // The file gives units to accounts 1 and 2; here everyone begins with what the test says.
        for holder in [1, 2] {
            let amount = ledger.ok(account(holder), eur(), balanceOfCall { account: account(holder) });
            ledger.ok(account(holder), eur(), transferCall { to: ADMIN, amount });
        }
        let call = createSchemeCall { token: eur(), bypassFifo: bypass, defaultRule: rule };
        let id = ledger.ok(OPERATOR, TO, call);
        for (bank, balance) in (1..).zip(balances) {
            ledger.ok(ISSUER, eur(), mintCall { to: account(bank), amount: units(*balance) });
            ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: id, account: account(bank) });
            ledger.ok(account(bank), TO, joinCall { schemeId: id });
        }
        Self { ledger, id, submitted: 0, late: false }
    }

    fn open(&mut self, value_date: u32) {
        let call = openDayCall { schemeId: self.id, valueDate: value_date, cutOffMs: CUT_OFF_MS };
        self.ledger.ok(OPERATOR, TO, call);
    }

    fn submission(&mut self, creditor: u8, amount: u128, priority: u8) -> submitCall {
        self.submitted += 1;
        submitCall {
            schemeId: self.id,
            creditor: account(creditor),
            amount: units(amount),
            priority,
            instructionReference: reference(self.submitted),
        }
    }

    /// Submits with normal priority; answers number and status.
    fn pay(&mut self, debtor: u8, creditor: u8, amount: u128) -> (u64, u8) {
        self.pay_as(debtor, creditor, amount, 2)
    }

    fn pay_as(&mut self, debtor: u8, creditor: u8, amount: u128, priority: u8) -> (u64, u8) {
        let call = self.submission(creditor, amount, priority);
        let answer = self.ledger.ok(account(debtor), TO, call);
        (answer.instructionId, answer.status)
    }

    /// Submits what must queue.
    fn queue(&mut self, debtor: u8, creditor: u8, amount: u128) -> u64 {
        let (id, status) = self.pay(debtor, creditor, amount);
        assert_eq!(status, 1, "queued");
        id
    }

    fn status(&mut self, id: u64) -> u8 {
        self.ledger.ok(OPERATOR, TO, instructionOfCall { instructionId: id }).status
    }

    fn statuses(&mut self, ids: &[u64]) -> Vec<u8> {
        ids.iter().map(|id| self.status(*id)).collect()
    }

    fn balance(&mut self, bank: u8) -> u128 {
        self.ledger.ok(OPERATOR, eur(), balanceOfCall { account: account(bank) }).to()
    }

    fn balances(&mut self, banks: u8) -> Vec<u128> {
        (1..=banks).map(|bank| self.balance(bank)).collect()
    }

    fn give(&mut self, bank: u8, amount: u128) {
        self.ledger.ok(ISSUER, eur(), mintCall { to: account(bank), amount: units(amount) });
    }

    fn freeze(&mut self, bank: u8, freeze: bool) {
        self.ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: account(bank), freeze });
    }

    fn release(&mut self, bank: u8) -> u32 {
        let call = releaseCall { schemeId: self.id, debtor: account(bank), steps: 100 };
        self.ledger.ok(account(9), TO, call)
    }

    fn advance(&mut self, steps: u32) -> u8 {
        self.ledger.ok(account(9), TO, advanceRunCall { schemeId: self.id, steps })
    }

    /// A whole run in calls of so many steps; answers outcome, number settled and value.
    fn run_in(&mut self, steps: u32) -> (u8, u64, u128) {
        self.ledger.ok(OPERATOR, TO, startRunCall { schemeId: self.id });
        let mut calls = 0;
        while self.advance(steps) != 0 {
            calls += 1;
            assert!(calls < 1_000, "a run ends");
            self.check();
        }
        let run = self.ledger.ok(OPERATOR, TO, runOfCall { schemeId: self.id });
        assert_eq!(run.phase, 0);
        self.check();
        let settled = if run.outcome == 1 { run.count } else { 0 };
        (run.outcome, settled, run.value.to())
    }

    fn run(&mut self) -> (u8, u64, u128) {
        self.run_in(1_000)
    }

    fn close(&mut self, steps: u32) -> bool {
        self.ledger.ok(OPERATOR, TO, closeDayCall { schemeId: self.id, steps })
    }

    fn check(&mut self) {
        let violations = self.ledger.run(OPERATOR, invariants::check).unwrap();
        assert_eq!(violations, []);
    }
}
