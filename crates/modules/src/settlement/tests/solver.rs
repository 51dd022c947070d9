//! The pure solver: classic cases, every subset on small ones, and time on large ones.

use crate::settlement::solver::{
    BANKS_MAX, Board, Payment, Position, QueueState, Solution, Steps, Table, Worklist, settle_down,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A bank with this capacity and payments `(creditor, amount)`.
fn bank(capacity: i128, payments: &[(usize, u128)]) -> Position {
    let queue = payments.iter().map(|&(creditor, amount)| Payment { creditor, amount }).collect();
    Position { capacity, queue, ..Position::default() }
}

fn solve(banks: &[Position]) -> (QueueState, Solution) {
    let table = Table::new(banks.to_vec());
    (table.state(), table.solve())
}

// ----- classic cases -------------------------------------------------------------------------------------------------

#[test]
fn a_circle_of_three_without_money_settles_together() {
    let banks = [bank(0, &[(1, 10)]), bank(0, &[(2, 10)]), bank(0, &[(0, 10)])];
    let (state, solution) = solve(&banks);
    assert_eq!(state, QueueState::Gridlock);
    assert_eq!(solution, Solution { kept: vec![1, 1, 1], count: 3, value: 30, dropped: 0 });
}

#[test]
fn a_circle_of_the_most_banks_settles_together() {
    let banks: Vec<Position> = (0..BANKS_MAX).map(|n| bank(0, &[((n + 1) % BANKS_MAX, 7)])).collect();
    let (state, solution) = solve(&banks);
    assert_eq!((state, solution.count, solution.value), (QueueState::Gridlock, 1_024, 7 * 1_024));
}

#[test]
fn gridlock_in_part_leaves_one_bank_out() {
    // 0, 1 and 2 pay in a circle; 3 owes more than anyone will pay it.
    let banks = [bank(0, &[(1, 10)]), bank(0, &[(2, 10)]), bank(0, &[(0, 10)]), bank(4, &[(0, 5)])];
    let (state, solution) = solve(&banks);
    assert_eq!((state, solution.kept.as_slice()), (QueueState::Gridlock, &[1, 1, 1, 0][..]));
    assert_eq!((solution.count, solution.dropped), (3, 1));
}

#[test]
fn a_deadlock_is_told_apart_and_liquidity_resolves_it() {
    // The circle leaks: 1 passes on more than it gets.
    let mut banks = [bank(0, &[(1, 10)]), bank(0, &[(2, 12)]), bank(0, &[(0, 12)])];
    let (state, solution) = solve(&banks);
    assert_eq!((state, solution.count, solution.dropped), (QueueState::Deadlock, 0, 3));
    banks[1].capacity = 2;
    let (state, solution) = solve(&banks);
    assert_eq!((state, solution.count), (QueueState::Gridlock, 3));
    banks[0].capacity = 10;
    assert_eq!(solve(&banks).0, QueueState::Flowing);
    assert_eq!(solve(&[bank(5, &[])]).0, QueueState::Empty);
}

/// The order of the queue is kept: what stands last is dropped first, whatever would free more.
#[test]
fn the_last_is_dropped_first() {
    let banks = [bank(0, &[(1, 10), (1, 90)]), bank(0, &[(0, 10)])];
    assert_eq!(solve(&banks).1.kept, [1, 1]);
    // A large payment at the head keeps everything behind it from settling: without order the other ten would.
    let banks = [bank(0, &[(2, 90), (1, 10)]), bank(0, &[(0, 10)]), bank(0, &[])];
    assert_eq!(solve(&banks), (QueueState::Deadlock, Solution { kept: vec![0, 0, 0], count: 0, value: 0, dropped: 3 }));
}

#[test]
fn bounds_are_tested_against_net_flows() {
    // 100 out and 95 in: a net limit of 5 is enough, of 4 is not.
    let pair = |room: i128| {
        let mut first = bank(1_000, &[(1, 100)]);
        first.bilateral = BTreeMap::from([(1, room)]);
        [first, bank(0, &[(0, 95)])]
    };
    assert_eq!(solve(&pair(5)).1.count, 2);
    assert_eq!(solve(&pair(4)), (QueueState::Deadlock, Solution { kept: vec![0, 0], count: 0, value: 0, dropped: 2 }));
    // The same for what it may pay to all others.
    let capped = |capacity| [bank(capacity, &[(1, 60), (2, 40)]), bank(35, &[(0, 95)]), bank(0, &[])];
    assert_eq!(solve(&capped(5)).1.count, 3);
    assert_eq!(solve(&capped(4)).1.kept, [1, 1, 0], "its last payment is dropped");
}

#[test]
fn who_has_less_than_its_reserve_pays_nothing_but_is_paid() {
    let banks = [bank(-5, &[(1, 1)]), bank(3, &[(0, 3)])];
    assert_eq!(solve(&banks).1.kept, [0, 1]);
}

#[test]
fn the_barred_neither_pay_nor_are_paid_and_queues_end_before_them() {
    let mut banks = [bank(100, &[(1, 1), (2, 1), (1, 1)]), bank(0, &[(0, 1)]), bank(50, &[(1, 1)])];
    banks[2].barred = true;
    assert_eq!(solve(&banks).1.kept, [1, 1, 0]);
    // Someone who is not in the table cannot be paid either.
    assert_eq!(solve(&[bank(100, &[(7, 1)])]).1.kept, [0]);
}

// ----- work in pieces ------------------------------------------------------------------------------------------------

#[test]
fn a_worklist_holds_each_bank_once() {
    let mut list = Worklist::empty();
    for bank in [700, 3, 63, 64, 3, BANKS_MAX - 1, BANKS_MAX] {
        list.insert(bank);
    }
    assert!(list.contains(64) && !list.contains(65) && !list.contains(BANKS_MAX));
    let mut found = Vec::new();
    while let Some(bank) = list.take_first() {
        found.push(bank);
    }
    assert_eq!(found, [3, 63, 64, 700, BANKS_MAX - 1]);
    assert!(list.is_empty());
}

/// However the work is cut, the set is the same.
#[test]
fn pieces_of_any_size_give_the_same_set() {
    let banks = market(40, 400, 7);
    let whole = Table::new(banks.clone()).solve();
    assert!(whole.count > 0 && whole.dropped > 50, "a case that shows something: {whole:?}");
    for size in [1, 3, 17, 1_000] {
        let mut table = Table::new(banks.clone());
        let mut list = Worklist::empty();
        (0..banks.len()).for_each(|bank| list.insert(bank));
        let mut calls = 0;
        while !settle_down(&mut table, &mut list, &mut Steps::new(size)).unwrap() {
            calls += 1;
            assert!(calls <= whole.dropped, "every call drops something");
        }
        assert!((0..banks.len()).all(|bank| !table.is_short(bank).unwrap()));
        assert_eq!(table.solve(), whole, "{size} drops a call");
    }
}

// ----- every subset --------------------------------------------------------------------------------------------------

/// Whether the beginnings `kept` of the queues can settle together, said as plainly as possible.
fn feasible(banks: &[Position], kept: &[usize]) -> bool {
    let flow = |from: usize, to: usize| -> i128 {
        banks[from].queue[..kept[from]].iter().filter(|p| p.creditor == to).map(|p| p.amount as i128).sum()
    };
    (0..banks.len()).filter(|bank| kept[*bank] > 0).all(|bank| {
        let net: i128 = (0..banks.len()).map(|other| flow(bank, other) - flow(other, bank)).sum();
        let within = |(other, room): (&usize, &i128)| {
            flow(bank, *other) == 0 || flow(bank, *other) - flow(*other, bank) <= *room
        };
        let paid_are_free = banks[bank].queue[..kept[bank]].iter().all(|p| !banks[p.creditor].barred);
        !banks[bank].barred && net <= banks[bank].capacity && banks[bank].bilateral.iter().all(within) && paid_are_free
    })
}

/// Every combination of beginnings of three queues.
fn beginnings(banks: &[Position]) -> Vec<Vec<usize>> {
    banks.iter().fold(vec![vec![]], |all, bank| {
        let longer =
            |kept: &Vec<usize>| (0..=bank.queue.len()).map(|n| [kept.clone(), vec![n]].concat()).collect::<Vec<_>>();
        all.iter().flat_map(longer).collect()
    })
}

fn small_bank(own: usize) -> impl Strategy<Value = Position> {
    let other = (1usize..3).prop_map(move |step| (own + step) % 3);
    let queue = prop::collection::vec((other.clone(), 1u128..12), 0..4);
    let bilateral = prop::collection::btree_map(other, -3i128..10, 0..2);
    (-4i128..12, queue, bilateral, prop::bool::weighted(0.1))
        .prop_map(|(capacity, queue, bilateral, barred)| Position { bilateral, barred, ..bank(capacity, &queue) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The set is feasible, and contains every other feasible set: it is the largest one, and no other is as large.
    #[test]
    fn the_set_contains_every_feasible_set(banks in (small_bank(0), small_bank(1), small_bank(2))) {
        let banks = [banks.0, banks.1, banks.2];
        let solution = Table::new(banks.to_vec()).solve();
        prop_assert!(feasible(&banks, &solution.kept), "{:?} is not feasible", solution.kept);
        for kept in beginnings(&banks).into_iter().filter(|kept| feasible(&banks, kept)) {
            let contained = kept.iter().zip(&solution.kept).all(|(n, most)| n <= most);
            prop_assert!(contained, "{:?} is feasible and not within {:?}", kept, solution.kept);
        }
        let total: usize = banks.iter().map(|bank| bank.queue.len()).sum();
        prop_assert_eq!(solution.count + solution.dropped, total as u64);
    }
}

// ----- time ----------------------------------------------------------------------------------------------------------

/// Banks with random payments, the same for the same seed, and liquidity for a part of them.
fn market(banks: usize, payments: usize, seed: u64) -> Vec<Position> {
    let mut state = seed;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut market: Vec<Position> = (0..banks).map(|_| bank(draw(20_000) as i128, &[])).collect();
    for _ in 0..payments {
        let debtor = draw(banks);
        let creditor = (debtor + 1 + draw(banks - 1)) % banks;
        let amount = 1 + draw(10_000) as u128;
        market[debtor].queue.push(Payment { creditor, amount });
    }
    market
}

/// Run with `cargo test --release -p florin-modules solver_time -- --ignored --nocapture`.
#[test]
#[ignore = "prints time; worth something in release only"]
#[allow(clippy::print_stdout, reason = "a measurement is for reading")]
fn solver_time() {
    for (banks, payments) in [(1_000, 12_500), (1_000, 25_000), (1_000, 50_000), (1_000, 100_000)] {
        let market = market(banks, payments, 1);
        let table = Table::new(market.clone());
        let start = std::time::Instant::now();
        let solution = table.solve();
        let settle = start.elapsed();
        // The worst case drops everything: nobody has or gets enough for its first payment.
        let mut poor = market;
        poor.iter_mut().for_each(|bank| bank.capacity = i128::MIN / 2);
        let table = Table::new(poor);
        let start = std::time::Instant::now();
        assert_eq!(table.solve().count, 0);
        let drop = start.elapsed();
        let Solution { count, dropped, .. } = solution;
        println!(
            "{banks} banks, {payments} payments: {count} settle, {dropped} dropped in {settle:?}; all dropped in {drop:?}"
        );
    }
}
