//! What a run costs as it grows: gas of every call, and how it follows the number of participants and instructions.

use super::*;
use crate::{CallEnv, Context, Failure, MemoryStorage, dispatch, token::IToken::setSupplyCapCall};
use alloy_sol_types::SolCall;
use florin_types::Rules;

/// A ledger that keeps its storage from call to call, without copies.
struct Market {
    storage: MemoryStorage,
    rules: Rules,
    banks: usize,
    submitted: u64,
    seed: u64,
}

/// Gas of a whole run, call by call, with the phase that each ended in.
struct Cost {
    calls: Vec<(u8, u64)>,
    settled: u64,
    dropped: u64,
}

impl Cost {
    fn total(&self) -> u64 {
        self.calls.iter().map(|(_, gas)| gas).sum()
    }

    fn largest(&self) -> u64 {
        self.calls.iter().map(|(_, gas)| *gas).max().unwrap_or_default()
    }
}

fn bank(number: usize) -> Address {
    Address::left_padding_from(&(0xb000_0000u32 + u32::try_from(number).unwrap()).to_be_bytes())
}

impl Market {
    fn send<C: SolCall>(&mut self, caller: Address, to: Address, call: C) -> C::Return {
        self.storage.begin(u64::MAX);
        let timestamp_ms = 1_700_000_000_500;
        let env = CallEnv { caller, timestamp_ms, is_static: false, ..CallEnv::reader(&self.rules) };
        let answer: Result<_, Failure> = dispatch(&mut Context::new(env, &mut self.storage), to, &call.abi_encode());
        // Logs are of no interest here and many.
        self.storage.logs.clear();
        C::abi_decode_returns(&answer.unwrap_or_else(|failure| panic!("{}: {failure}", C::SIGNATURE))).unwrap()
    }

    /// Banks without money, random instructions among them, then liquidity that does not suffice for all.
    fn new(banks: usize, instructions: usize, liquidity: usize) -> Self {
        let mut market = Self::open(banks, 0);
        market.submit(instructions);
        for number in 0..banks {
            let amount = market.draw(liquidity) as u128;
            market.give(number, amount);
        }
        market
    }

    fn give(&mut self, number: usize, amount: u128) {
        self.send(ISSUER, eur(), mintCall { to: bank(number), amount: units(amount) });
    }

    /// A scheme with its banks on an open day.
    fn open(banks: usize, default_rule: u8) -> Self {
        let (storage, rules) = (crate::testing::world().storage, Rules::default());
        let mut market = Self { storage, rules, banks, submitted: 0, seed: 1 };
        market.send(ADMIN, eur(), setSupplyCapCall { newCap: units(u128::MAX) });
        market.send(OPERATOR, TO, createSchemeCall { token: eur(), bypassFifo: false, defaultRule: default_rule });
        for number in 0..banks {
            market.send(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: bank(number) });
            market.send(bank(number), TO, joinCall { schemeId: 1 });
        }
        market.send(OPERATOR, TO, openDayCall { schemeId: 1, valueDate: 20_231_114, cutOffMs: CUT_OFF_MS });
        market
    }

    /// The same numbers for the same seed.
    fn draw(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.seed >> 33).unwrap() % below
    }

    fn submit(&mut self, instructions: usize) {
        for _ in 0..instructions {
            let debtor = self.draw(self.banks);
            let creditor = (debtor + 1 + self.draw(self.banks - 1)) % self.banks;
            let amount = units(1 + self.draw(10_000) as u128);
            self.submitted += 1;
            let instruction_reference = reference(self.submitted);
            let call = submitCall {
                schemeId: 1,
                creditor: bank(creditor),
                amount,
                priority: 2,
                instructionReference: instruction_reference,
            };
            self.send(bank(debtor), TO, call);
        }
    }

    /// Submits during a run, so that everything queues although the banks have money.
    fn refill(&mut self, instructions: usize) {
        self.send(OPERATOR, TO, startRunCall { schemeId: 1 });
        self.submit(instructions);
        while self.send(OPERATOR, TO, advanceRunCall { schemeId: 1, steps: 20_000 }) != 0 {}
    }

    /// A run as a client drives it: each call may use a transaction's gas, and asks for half as much work when that did
    /// not suffice.
    fn run(&mut self, steps: u32) -> Cost {
        self.send(OPERATOR, TO, startRunCall { schemeId: 1 });
        let mut calls = Vec::new();
        let mut wanted = steps;
        loop {
            let before = self.storage.clone();
            self.storage.begin(self.rules.transaction_gas_max);
            let env = CallEnv { timestamp_ms: 1_700_000_000_500, is_static: false, ..CallEnv::reader(&self.rules) };
            let input = advanceRunCall { schemeId: 1, steps: wanted }.abi_encode();
            match dispatch(&mut Context::new(env, &mut self.storage), TO, &input) {
                Ok(answer) => {
                    let phase = advanceRunCall::abi_decode_returns(&answer).unwrap();
                    calls.push((phase, self.storage.gas_used));
                    wanted = steps;
                    if phase == 0 {
                        break;
                    }
                }
                Err(failure) => {
                    assert_eq!(failure, Failure::OutOfGas);
                    assert!(wanted > 1, "phase {:?} does not fit into a transaction", calls.last());
                    (self.storage, wanted) = (before, wanted / 2);
                }
            }
            self.storage.logs.clear();
        }
        let run = self.send(OPERATOR, TO, runOfCall { schemeId: 1 });
        assert_eq!(run.outcome, 1, "something settles");
        Cost { calls, settled: run.count, dropped: run.dropped }
    }
}

/// Twice the instructions cost at most about twice as much, and a call stays within a transaction's gas.
#[test]
fn a_run_costs_what_it_drops_and_who_takes_part() {
    let small = Market::new(40, 200, 20_000).run(200);
    let large = Market::new(40, 400, 20_000).run(200);
    let per = |cost: &Cost| cost.total() / (40 + cost.dropped);
    assert!(small.settled > 100 && small.dropped > 10 && large.dropped > small.dropped, "a case that shows something");
    assert!(per(&large) <= per(&small), "{} and {} gas for each participant and drop", per(&small), per(&large));
    assert!(large.largest() < Rules::default().transaction_gas_max);
}

/// Run with `cargo test --release -p florin-modules run_scale -- --ignored --nocapture`.
#[test]
#[ignore = "the largest scheme there is: minutes without optimisation"]
#[allow(clippy::print_stdout, reason = "a measurement is for reading")]
fn run_scale() {
    for (banks, instructions) in [(1_000, 12_500), (1_000, 25_000), (1_000, 50_000), (1_000, 100_000)] {
        let mut market = Market::new(banks, instructions, 20_000);
        // The second run finds its slots written, as every run of a working scheme but the first does.
        for attempt in ["first", "second"] {
            let start = std::time::Instant::now();
            let cost = market.run(2_000);
            let time = start.elapsed();
            println!(
                "{banks} participants, {instructions} instructions, {attempt} run: {} settle, {} dropped; {} gas in {} calls, at most {}; {time:?}",
                cost.settled,
                cost.dropped,
                cost.total(),
                cost.calls.len(),
                cost.largest(),
            );
            println!("    phase after each call, and its gas: {:?}", cost.calls);
            market.refill(usize::try_from(cost.settled).unwrap());
        }
    }
}

/// Phase 4 is one call: that of the largest scheme fits into a transaction, even if everyone has a reserve and a limit.
#[test]
#[ignore = "the largest scheme there is"]
#[allow(clippy::print_stdout, reason = "a measurement is for reading")]
fn the_largest_settlement_fits_into_a_transaction() {
    for limited in [false, true] {
        let banks = 1_024;
        let mut market = Market::open(banks, 0);
        for number in (0..banks).filter(|_| limited) {
            market.send(bank(number), TO, setReserveCall { schemeId: 1, amount: units(1) });
            market.send(bank(number), TO, setMultilateralLimitCall { schemeId: 1, amount: units(1_000_000_000) });
        }
        market.submit(3 * banks);
        (0..banks).for_each(|number| market.give(number, 1_000_000));
        market.send(OPERATOR, TO, startRunCall { schemeId: 1 });
        while market.send(OPERATOR, TO, advanceRunCall { schemeId: 1, steps: 512 }) != 4 {}
        assert_eq!(market.send(OPERATOR, TO, advanceRunCall { schemeId: 1, steps: 1 }), 5);
        let gas = market.storage.gas_used;
        println!("{banks} participants, with limits: {limited}; phase 4 takes {gas} gas");
        assert!(gas < market.rules.transaction_gas_max, "{gas} gas");
    }
}

/// Run with `cargo test --release -p florin-modules window_scale -- --ignored --nocapture`.
#[test]
#[ignore = "prints gas of the largest windows"]
#[allow(clippy::print_stdout, reason = "a measurement is for reading")]
fn window_scale() {
    for (rule, banks) in [(0, 1_000), (1, 250), (1, 500)] {
        let mut market = Market::open(banks, rule);
        for number in 0..banks {
            market.give(number, 100_000);
            if rule == 1 {
                market.send(bank(number), TO, prefundCall { schemeId: 1, amount: units(100_000) });
            }
        }
        let window = market.send(OPERATOR, TO, openWindowCall { schemeId: 1 });
        for number in 0..3 * banks {
            let (debtor, step, amount) = (number % banks, market.draw(banks - 1), market.draw(9_999) as u128);
            let call = assignCall {
                windowId: window,
                creditor: bank((debtor + 1 + step) % banks),
                amount: units(1 + amount),
                instructionReference: reference(number as u64),
            };
            market.send(bank(debtor), TO, call);
        }
        market.send(OPERATOR, TO, closeWindowCall { windowId: window });
        let call = startWindowSettlementCall { windowId: window, fundBeforeMs: CUT_OFF_MS };
        market.send(OPERATOR, TO, call);
        assert!(market.send(OPERATOR, TO, settleWindowCall { windowId: window }));
        println!("rule {rule}: a window of {banks} participants settles for {} gas", market.storage.gas_used);
    }
}
