//! Mandates at the edges of their limits, standing orders, and due dates that are paid once.

use super::*;
use proptest::prelude::*;

const CREDITOR: Address = PAYEE;
/// 2023-11-14 00:00:00 UTC, before the time of the test ledger.
const FROM_MS: u64 = 1_699_920_000_000;
const DAY_MS: u64 = 86_400_000;

/// 100 at once, 150 in a week, 400 in all, five times, for 100 days.
fn mandate() -> createMandateCall {
    createMandateCall {
        token: eur(),
        creditor: CREDITOR,
        collectionMax: units(100),
        periodMax: units(150),
        totalMax: units(400),
        countMax: 5,
        everyDays: 7,
        everyMonths: 0,
        validFromMs: FROM_MS,
        validUntilMs: FROM_MS + 100 * DAY_MS,
        mandateReference: B256::repeat_byte(0x3a),
    }
}

/// 50 on each 31st of a month, or its last day.
fn standing_order() -> createStandingOrderCall {
    createStandingOrderCall {
        token: eur(),
        payee: PAYEE,
        amount: units(50),
        countMax: 3,
        everyDays: 0,
        everyMonths: 1,
        firstDueMs: 1_706_659_200_000,
        validUntilMs: 1_735_689_600_000,
        mandateReference: B256::repeat_byte(0x50),
    }
}

fn collect_call(due_ms: u64, amount: u128) -> collectCall {
    let hash = B256::repeat_byte(0xe2);
    collectCall { mandateId: 1, dueMs: due_ms, amount: units(amount), endToEnd: hash, remittance: hash }
}

/// A ledger with the mandate, at the beginning of its validity.
fn with_mandate(call: createMandateCall) -> Ledger {
    let mut ledger = world();
    assert_eq!(ledger.ok(PAYER, TO, call), 1);
    ledger.timestamp_ms = FROM_MS;
    ledger
}

fn usage(ledger: &mut Ledger) -> (u32, u128, u64, u128) {
    let found = ledger.ok(STRANGER, TO, usageOfCall { mandateId: 1 });
    (found.count, found.total.to(), found.lastDueMs, found.periodTotal.to())
}

#[test]
fn a_creditor_collects_within_the_mandate() {
    let mut ledger = with_mandate(mandate());
    let paid = ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 100));
    assert_eq!(paid, ledger.ok(STRANGER, TO, mandateUetrCall { mandateId: 1, dueMs: FROM_MS }));
    let collected = MandateCollected { mandateId: 1, uetr: paid, dueMs: FROM_MS, amount: units(100) };
    assert_eq!(ledger.last_event::<MandateCollected>().1, collected);
    assert_eq!((balance(&mut ledger, PAYER), balance(&mut ledger, CREDITOR)), (900, 100));
    assert_eq!(usage(&mut ledger), (1, 100, FROM_MS, 100));
    let back = returnPaymentCall { uetr: paid, ..return_call(1, 1, 100) };
    ledger.ok(CREDITOR, TO, back);
    assert_eq!(usage(&mut ledger), (1, 100, FROM_MS, 100), "a return gives no new limit");
    assert_sound(&mut ledger);
}

/// A client that lost the answer sends again: the payer would pay twice for every due date.
#[test]
fn a_mandate_is_created_once_whatever_the_second_one_says() {
    let mut ledger = world();
    let used = |reference: u8, number| MandateReferenceUsed {
        payer: PAYER,
        mandateReference: B256::repeat_byte(reference),
        mandateId: number,
    };
    assert_eq!(ledger.ok(PAYER, TO, standing_order()), 1);
    ledger.reverts(PAYER, TO, standing_order(), used(0x50, 1));
    let other = createMandateCall { mandateReference: B256::repeat_byte(0x50), ..mandate() };
    ledger.reverts(PAYER, TO, other.clone(), used(0x50, 1));
    assert_eq!(ledger.ok(PAYER, TO, mandate()), 2);
    ledger.ok(PAYER, TO, cancelMandateCall { mandateId: 2 });
    ledger.timestamp_ms = mandate().validUntilMs + 1;
    ledger.reverts(PAYER, TO, mandate(), used(0x3a, 2));
    // The reference is the payer's own: nobody uses it up for another.
    ledger.timestamp_ms = FROM_MS;
    assert_eq!(ledger.ok(account(2), TO, other), 3);
    assert_sound(&mut ledger);
    // The checker is checked.
    let mut book = PaymentBook::default();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    let again = ledger.storage.logs.iter().filter_map(|log| book.apply(log).err());
    let names: Vec<_> = again.map(|violation| violation.invariant).collect();
    assert_eq!(names, ["payment.mandate_created_once"; 3]);
}

#[test]
fn what_was_agreed_can_be_read() {
    let mut ledger = with_mandate(mandate());
    let (_, event) = ledger.last_event::<MandateCreated>();
    assert_eq!((event.mandateId, event.payer, event.creditor, event.kind), (1, PAYER, CREDITOR, 1));
    assert_eq!((event.mandateReference, event.totalMax), (B256::repeat_byte(0x3a), units(400)));
    let found = ledger.ok(STRANGER, TO, mandateOfCall { mandateId: 1 });
    assert_eq!((found.kind, found.payer, found.creditor, found.token), (1, PAYER, CREDITOR, eur()));
    assert_eq!((found.collectionMax, found.periodMax, found.totalMax), (units(100), units(150), units(400)));
    assert_eq!((found.countMax, found.everyDays, found.everyMonths, found.cancelled), (5, 7, 0, false));
    assert_eq!((found.validFromMs, found.validUntilMs), (FROM_MS, FROM_MS + 100 * DAY_MS));
}

#[test]
fn one_due_date_is_paid_once_and_due_dates_rise() {
    let mut ledger = with_mandate(mandate());
    ledger.timestamp_ms = FROM_MS + DAY_MS;
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 5, 10));
    for due in [FROM_MS + 5, FROM_MS + 4, FROM_MS, 0] {
        let error = DueUsed { mandateId: 1, dueMs: due, lastDueMs: FROM_MS + 5 };
        ledger.reverts(CREDITOR, TO, collect_call(due, 10), error);
    }
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 6, 10));
    let now = FROM_MS + DAY_MS;
    let error = DueInvalid { mandateId: 1, dueMs: now + 1, nowMs: now };
    ledger.reverts(CREDITOR, TO, collect_call(now + 1, 10), error);
    ledger.ok(CREDITOR, TO, collect_call(now, 10));
}

/// The payer cannot be paid twice for one due date even where counters were lost.
#[test]
fn the_uetr_of_a_due_date_cannot_recur() {
    let mut ledger = with_mandate(mandate());
    let paid = ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 10));
    let usage = layout::layout().mandates.of(&1).usage.place();
    ledger.storage.slots.remove(&usage);
    let error = UetrUsed { payer: PAYER, uetr: paid, state: 3 };
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS, 10), error);
}

#[test]
fn each_limit_holds_at_its_edge() {
    let mut ledger = with_mandate(mandate());
    let collection = CollectionLimitExceeded { amount: units(101), collectionMax: units(100) };
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS, 101), collection);
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 100));

    let week = FROM_MS + 7 * DAY_MS;
    ledger.timestamp_ms = week - 1;
    let period = PeriodLimitExceeded { used: units(100), amount: units(51), periodMax: units(150) };
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS + 1, 51), period);
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 1, 50));
    let period = PeriodLimitExceeded { used: units(150), amount: units(1), periodMax: units(150) };
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS + 2, 1), period);
    assert_eq!(usage(&mut ledger).3, 150);
    // The next period begins at this very instant.
    ledger.timestamp_ms = week;
    assert_eq!(usage(&mut ledger).3, 0);
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 2, 100));

    ledger.timestamp_ms = week + 7 * DAY_MS;
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 3, 100));
    let total = TotalLimitExceeded { used: units(350), amount: units(51), totalMax: units(400) };
    ledger.timestamp_ms = week + 14 * DAY_MS;
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS + 4, 51), total);
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 4, 50));
    assert_eq!(usage(&mut ledger), (5, 400, FROM_MS + 4, 50));
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS + 5, 1), CountLimitReached { countMax: 5 });
    assert_sound(&mut ledger);
}

/// A creditor who was idle cannot make up for it: periods count by block time.
#[test]
fn arrears_are_bounded_by_the_period_of_the_block() {
    let mut ledger = with_mandate(mandate());
    ledger.timestamp_ms = FROM_MS + 70 * DAY_MS;
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 100));
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS + 7 * DAY_MS, 50));
    let period = PeriodLimitExceeded { used: units(150), amount: units(1), periodMax: units(150) };
    ledger.reverts(CREDITOR, TO, collect_call(FROM_MS + 14 * DAY_MS, 1), period);
}

#[test]
fn a_mandate_is_in_force_from_its_first_to_before_its_last_instant() {
    let call = mandate();
    let (from, until) = (call.validFromMs, call.validUntilMs);
    let mut ledger = with_mandate(call);
    let outside = |now| MandateNotInForce { mandateId: 1, validFromMs: from, validUntilMs: until, nowMs: now };
    ledger.timestamp_ms = from - 1;
    ledger.reverts(CREDITOR, TO, collect_call(from - 1, 1), outside(from - 1));
    ledger.timestamp_ms = from;
    let error = DueInvalid { mandateId: 1, dueMs: from - 1, nowMs: from };
    ledger.reverts(CREDITOR, TO, collect_call(from - 1, 1), error);
    ledger.ok(CREDITOR, TO, collect_call(from, 1));
    ledger.timestamp_ms = until - 1;
    ledger.ok(CREDITOR, TO, collect_call(until - 1, 1));
    ledger.timestamp_ms = until;
    ledger.reverts(CREDITOR, TO, collect_call(until, 1), outside(until));
}

#[test]
fn payer_and_creditor_end_a_mandate_at_once() {
    for by in [PAYER, CREDITOR] {
        let mut ledger = with_mandate(mandate());
        let stranger = CallerForbidden { caller: STRANGER, expected: PAYER };
        ledger.reverts(STRANGER, TO, cancelMandateCall { mandateId: 1 }, stranger);
        ledger.ok(by, TO, cancelMandateCall { mandateId: 1 });
        assert_eq!(ledger.last_event::<MandateEnded>().1, MandateEnded { mandateId: 1, by });
        ledger.reverts(CREDITOR, TO, collect_call(FROM_MS, 1), MandateCancelled { mandateId: 1 });
        ledger.reverts(by, TO, cancelMandateCall { mandateId: 1 }, MandateCancelled { mandateId: 1 });
        assert!(ledger.ok(by, TO, mandateOfCall { mandateId: 1 }).cancelled);
    }
}

#[test]
fn largest_values_mean_without_limit() {
    let most = createMandateCall {
        collectionMax: units(u128::MAX),
        periodMax: U256::MAX,
        totalMax: U256::MAX,
        countMax: u32::MAX,
        ..mandate()
    };
    let mut ledger = with_mandate(most);
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 1_000));
    assert_eq!(ledger.ok(PAYER, TO, mandateOfCall { mandateId: 1 }).totalMax, units(u128::MAX));
}

// ----- standing orders -----------------------------------------------------------------------------------------------

#[test]
fn anyone_executes_a_standing_order_once_for_each_due_date() {
    let mut ledger = world();
    let call = standing_order();
    assert_eq!(ledger.ok(PAYER, TO, call.clone()), 1);
    let execute = || executeCall { mandateId: 1 };
    // 31 January, 29 February and 31 March 2024.
    for (count, due) in [(1, 1_706_659_200_000u64), (2, 1_709_164_800_000), (3, 1_711_843_200_000)] {
        ledger.timestamp_ms = due - 1;
        let early = DueInvalid { mandateId: 1, dueMs: due, nowMs: due - 1 };
        if due == call.firstDueMs {
            let (from, until) = (due, call.validUntilMs);
            let outside = MandateNotInForce { mandateId: 1, validFromMs: from, validUntilMs: until, nowMs: due - 1 };
            ledger.reverts(STRANGER, TO, execute(), outside);
        } else {
            ledger.reverts(STRANGER, TO, execute(), early);
        }
        ledger.timestamp_ms = due;
        let paid = ledger.ok(STRANGER, TO, execute());
        assert_eq!(paid, ledger.ok(STRANGER, TO, mandateUetrCall { mandateId: 1, dueMs: due }));
        assert_eq!((balance(&mut ledger, PAYEE), usage(&mut ledger).2), (50 * count, due));
    }
    ledger.timestamp_ms += 40 * DAY_MS;
    ledger.reverts(STRANGER, TO, execute(), CountLimitReached { countMax: 3 });
    assert_sound(&mut ledger);
}

#[test]
fn late_due_dates_are_made_up_in_order_while_it_is_valid() {
    let mut ledger = world();
    let call = standing_order();
    ledger.ok(PAYER, TO, call.clone());
    ledger.timestamp_ms = call.validUntilMs - 1;
    for due in [1_706_659_200_000u64, 1_709_164_800_000] {
        ledger.ok(STRANGER, TO, executeCall { mandateId: 1 });
        assert_eq!(usage(&mut ledger).2, due);
    }
    ledger.timestamp_ms = call.validUntilMs;
    let found = ledger.call(STRANGER, TO, executeCall { mandateId: 1 }).unwrap_err();
    assert!(found.to_string().starts_with("MandateNotInForce("), "{found}");
}

#[test]
fn a_due_date_that_cannot_be_paid_stays_due() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, createStandingOrderCall { amount: units(1_001), ..standing_order() });
    ledger.timestamp_ms = standing_order().firstDueMs;
    let error = ERC20InsufficientBalance { sender: PAYER, balance: units(1_000), needed: units(1_001) };
    ledger.reverts(STRANGER, TO, executeCall { mandateId: 1 }, error);
    ledger.ok(account(2), eur(), transferCall { to: PAYER, amount: units(1) });
    ledger.ok(STRANGER, TO, executeCall { mandateId: 1 });
    assert_eq!(balance(&mut ledger, PAYEE), 1_001);
}

#[test]
fn kinds_have_their_own_function() {
    let mut ledger = with_mandate(mandate());
    ledger.reverts(STRANGER, TO, executeCall { mandateId: 1 }, MandateKindForbids { mandateId: 1, kind: 1 });
    ledger.ok(PAYER, TO, standing_order());
    let call = collectCall { mandateId: 2, ..collect_call(FROM_MS, 1) };
    ledger.reverts(PAYEE, TO, call, MandateKindForbids { mandateId: 2, kind: 2 });
}

// ----- model ---------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
enum Step {
    /// For a due date so many days after the beginning of the day before yesterday.
    Collect {
        due: u64,
        amount: u128,
    },
    Wait {
        days: u64,
    },
    Cancel,
}

/// A mandate as one would keep it on a page: every collection that was ever made.
#[derive(Clone, Debug, Default)]
struct Page {
    /// Day of the collection, due day, amount.
    collections: Vec<(u64, u64, u128)>,
    cancelled: bool,
}

impl Page {
    /// Whether the terms of [`mandate`] allow a collection on this day; notes it.
    fn collect(&mut self, day: u64, due_days: u64, amount: u128) -> bool {
        let sum = |counts: &dyn Fn(u64) -> bool| -> u128 {
            self.collections.iter().filter(|(on, ..)| counts(*on)).map(|(.., amount)| amount).sum()
        };
        let this_week = sum(&|on| on / 7 == day / 7);
        let allowed = !self.cancelled
            && day < 100
            && due_days <= day
            && self.collections.iter().all(|(_, due, _)| *due < due_days)
            && self.collections.len() < 5
            && (1..=100).contains(&amount)
            && this_week + amount <= 150
            && sum(&|_| true) + amount <= 400;
        if allowed {
            self.collections.push((day, due_days, amount));
        }
        allowed
    }
}

fn step() -> impl Strategy<Value = Step> {
    let amount = prop_oneof![3 => 1u128..101, 4 => Just(50), 4 => Just(100), 1 => Just(0), 1 => Just(101)];
    prop_oneof![
        24 => (0u64..4, amount).prop_map(|(due, amount)| Step::Collect { due, amount }),
        24 => (1u64..8).prop_map(|days| Step::Wait { days }),
        1 => (60u64..101).prop_map(|days| Step::Wait { days }),
        1 => Just(Step::Cancel),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases(96))]

    #[test]
    fn a_mandate_does_what_its_page_says(steps in prop::collection::vec(step(), 1..40)) {
        let mut ledger = with_mandate(mandate());
        let mut page = Page::default();
        let mut day = 0;
        for step in steps {
            match step {
                Step::Collect { due, amount } => {
                    let due_days = (day + due).saturating_sub(2);
                    let paid = ledger.call(CREDITOR, TO, collect_call(FROM_MS + due_days * DAY_MS, amount));
                    prop_assert_eq!(paid.is_ok(), page.collect(day, due_days, amount), "{:?} on {}", step, day);
                }
                Step::Wait { days } => {
                    day += days;
                    ledger.timestamp_ms += days * DAY_MS;
                }
                Step::Cancel => {
                    let cancelled = ledger.call(PAYER, TO, cancelMandateCall { mandateId: 1 });
                    prop_assert_eq!(cancelled.is_ok(), !std::mem::replace(&mut page.cancelled, true));
                }
            }
        }
        let total = page.collections.iter().map(|(.., amount)| amount).sum::<u128>();
        prop_assert_eq!(balance(&mut ledger, CREDITOR), total);
        prop_assert_eq!(usage(&mut ledger).0 as usize, page.collections.len());
        assert_sound(&mut ledger);
    }
}

// ----- precedence ----------------------------------------------------------------------------------------------------

#[test]
fn errors_of_creation_come_in_the_promised_order() {
    let mut ledger = world();
    let now = ledger.timestamp_ms;
    let mut call = createMandateCall {
        token: token_address(9),
        creditor: PAYER,
        collectionMax: U256::ZERO,
        periodMax: U256::ZERO,
        countMax: 0,
        everyMonths: 1,
        validFromMs: now,
        validUntilMs: now,
        mandateReference: B256::ZERO,
        ..mandate()
    };
    ledger.reverts(PAYER, TO, call.clone(), MandateReferenceMissing {});
    call.mandateReference = standing_order().mandateReference;
    assert_eq!(ledger.ok(PAYER, TO, standing_order()), 1);
    let used = MandateReferenceUsed { payer: PAYER, mandateReference: call.mandateReference, mandateId: 1 };
    ledger.reverts(PAYER, TO, call.clone(), used);
    call.mandateReference = mandate().mandateReference;
    ledger.reverts(PAYER, TO, call.clone(), PartyInvalid { party: PAYER });
    call.creditor = CREDITOR;
    ledger.reverts(PAYER, TO, call.clone(), AmountInvalid { amount: U256::ZERO });
    call.collectionMax = units(100);
    for (period, total, count) in [(99, 400, 1), (100, 99, 1), (150, 149, 1), (100, 100, 0)] {
        call = createMandateCall { periodMax: units(period), totalMax: units(total), countMax: count, ..call };
        let error = LimitsInvalid {
            collectionMax: units(100),
            periodMax: units(period),
            totalMax: units(total),
            countMax: count,
        };
        ledger.reverts(PAYER, TO, call.clone(), error);
    }
    call.countMax = 1;
    ledger.reverts(PAYER, TO, call.clone(), CadenceInvalid { everyDays: 7, everyMonths: 1 });
    call.everyDays = 0;
    for (from, until) in [(now, now), (now + 2, now + 1), (now - 2, now), (now, calendar::END_MS + 1)] {
        call = createMandateCall { validFromMs: from, validUntilMs: until, ..call };
        let error = ValidityInvalid { validFromMs: from, validUntilMs: until, nowMs: now };
        ledger.reverts(PAYER, TO, call.clone(), error);
    }
    call.validUntilMs = calendar::END_MS;
    ledger.reverts(PAYER, TO, call.clone(), TokenUnknown { token: token_address(9) });
    call.token = eur();
    assert_eq!(ledger.ok(PAYER, TO, call), 2);
}

#[test]
fn errors_of_a_collection_come_in_the_promised_order() {
    let tight = createMandateCall { periodMax: units(100), totalMax: units(100), countMax: 1, ..mandate() };
    let until = tight.validUntilMs;
    let mut ledger = with_mandate(tight);
    ledger.ok(PAYER, TO, standing_order());
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 100));
    ledger.ok(PAYER, TO, cancelMandateCall { mandateId: 1 });
    ledger.timestamp_ms = until;
    let collect = |due: u64, amount: u128| collect_call(due, amount);
    let unknown = |id| MandateUnknown { mandateId: id };
    ledger.reverts(STRANGER, TO, collectCall { mandateId: 3, ..collect(0, 0) }, unknown(3));
    ledger.reverts(STRANGER, TO, executeCall { mandateId: 0 }, unknown(0));
    ledger.reverts(STRANGER, TO, cancelMandateCall { mandateId: 3 }, unknown(3));
    ledger.reverts(STRANGER, TO, collect(0, 0), CallerForbidden { caller: STRANGER, expected: CREDITOR });
    let wrong_kind = MandateKindForbids { mandateId: 2, kind: 2 };
    ledger.reverts(PAYEE, TO, collectCall { mandateId: 2, ..collect(0, 0) }, wrong_kind);
    let used = DueUsed { mandateId: 1, dueMs: FROM_MS, lastDueMs: FROM_MS };
    ledger.reverts(CREDITOR, TO, collect(FROM_MS, 0), used);
    ledger.reverts(CREDITOR, TO, collect(until + 1, 0), MandateCancelled { mandateId: 1 });
    let terms = layout::layout().mandates.of(&1).terms.place();
    let word = ledger.storage.slots[&terms];
    ledger.storage.slots.insert(terms, word ^ (U256::ONE << 232));
    let outside = MandateNotInForce { mandateId: 1, validFromMs: FROM_MS, validUntilMs: until, nowMs: until };
    ledger.reverts(CREDITOR, TO, collect(until + 1, 0), outside);
    ledger.timestamp_ms = until - 1;
    let due = DueInvalid { mandateId: 1, dueMs: until + 1, nowMs: until - 1 };
    ledger.reverts(CREDITOR, TO, collect(until + 1, 0), due);
    ledger.reverts(CREDITOR, TO, collect(until - 1, 0), AmountInvalid { amount: U256::ZERO });
    let error = CollectionLimitExceeded { amount: units(101), collectionMax: units(100) };
    ledger.reverts(CREDITOR, TO, collect(until - 1, 101), error);
    ledger.reverts(CREDITOR, TO, collect(until - 1, 100), CountLimitReached { countMax: 1 });
    // One collection fewer was counted: the period's limit comes before the total's.
    let counter = layout::layout().mandates.of(&1).usage.place();
    let word = ledger.storage.slots[&counter];
    ledger.storage.slots.insert(counter, word ^ (U256::ONE << 192));
    ledger.timestamp_ms = FROM_MS + 1;
    let error = PeriodLimitExceeded { used: units(100), amount: units(1), periodMax: units(100) };
    ledger.reverts(CREDITOR, TO, collect(FROM_MS + 1, 1), error);
    ledger.timestamp_ms = FROM_MS + 7 * DAY_MS;
    let error = TotalLimitExceeded { used: units(100), amount: units(1), totalMax: units(100) };
    ledger.reverts(CREDITOR, TO, collect(FROM_MS + 1, 1), error);
}

/// The checker is checked.
#[test]
fn the_invariant_notices_a_mandate_beyond_its_limits() {
    let mut ledger = with_mandate(mandate());
    ledger.ok(CREDITOR, TO, collect_call(FROM_MS, 100));
    let check = |ledger: &mut Ledger| ledger.run(STRANGER, invariants::check).unwrap();
    assert_eq!(check(&mut ledger), []);
    let usage = layout::layout().mandates.of(&1).usage.place();
    let honest = ledger.storage.slots[&usage];
    for (what, word) in
        [("total", honest + units(301)), ("count", honest + (units(5) << 192)), ("each", honest + units(1))]
    {
        ledger.storage.slots.insert(usage, word);
        let found = check(&mut ledger);
        assert_eq!(found.len(), 1, "{what}");
        assert_eq!(found[0].invariant, "payment.mandate_within_limits");
    }
}
