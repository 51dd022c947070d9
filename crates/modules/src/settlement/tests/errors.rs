//! Errors in their order of precedence: everything is wrong, and each is healed before the next is seen.

use super::*;
use crate::{
    Failure,
    calls::IModule::StaticCallForbidden,
    token::IToken::{ERC20InsufficientBalance, TokenUnknown},
};
use alloy_sol_types::{SolCall, SolError};
use proptest::prelude::*;

const HUGE: U256 = U256::MAX;

#[test]
fn making_and_governing_a_scheme() {
    let mut scheme = Scheme::closed(&[1], false, 0);
    let ledger = &mut scheme.ledger;
    for token in [account(1), Address::ZERO, TO, token_address(9)] {
        let call = createSchemeCall { token, bypassFifo: false, defaultRule: 2 };
        ledger.reverts(OPERATOR, TO, call, TokenUnknown { token });
    }
    let call = createSchemeCall { token: eur(), bypassFifo: false, defaultRule: 2 };
    ledger.reverts(OPERATOR, TO, call, DefaultRuleUnknown { rule: 2 });

    let propose = |scheme| proposeOperatorCall { schemeId: scheme, newOperator: TO };
    ledger.reverts(account(9), TO, propose(2), SchemeUnknown { schemeId: 2 });
    let not_operator = || SchemeOperatorRequired { schemeId: 1, caller: account(9), operator: OPERATOR };
    ledger.reverts(account(9), TO, propose(1), not_operator());
    ledger.reverts(OPERATOR, TO, propose(1), SchemeOperatorInvalid { operator: TO });

    let admit = |scheme, who| admitParticipantCall { schemeId: scheme, account: who };
    ledger.reverts(account(9), TO, admit(0, Address::ZERO), SchemeUnknown { schemeId: 0 });
    ledger.reverts(account(9), TO, admit(1, Address::ZERO), not_operator());
    for nobody in [Address::ZERO, TO, eur()] {
        ledger.reverts(OPERATOR, TO, admit(1, nobody), ParticipantInvalid { account: nobody });
    }
    let suspend = |scheme| suspendCall { schemeId: scheme, account: account(3) };
    ledger.reverts(account(9), TO, suspend(9), SchemeUnknown { schemeId: 9 });
    ledger.reverts(account(9), TO, suspend(1), not_operator());
    let status = ParticipantStatusInvalid { schemeId: 1, account: account(3), status: 0 };
    ledger.reverts(OPERATOR, TO, suspend(1), status);
    let status = ParticipantStatusInvalid { schemeId: 1, account: account(1), status: 2 };
    ledger.reverts(OPERATOR, TO, resumeCall { schemeId: 1, account: account(1) }, status);
}

#[test]
fn submitting() {
    let mut scheme = Scheme::closed(&[5, 0], false, 0);
    let call = |scheme, creditor, amount, priority, reference| submitCall {
        schemeId: scheme,
        creditor,
        amount,
        priority,
        instructionReference: reference,
    };
    let (me, other) = (account(1), account(2));
    let stranger = account(9);
    let ledger = &mut scheme.ledger;
    let wrong = |scheme| call(scheme, stranger, HUGE, 3, B256::ZERO);
    ledger.reverts(stranger, TO, wrong(7), SchemeUnknown { schemeId: 7 });
    let required = |account, status| ParticipantRequired { schemeId: 1, account, status };
    ledger.reverts(stranger, TO, wrong(1), required(stranger, 0));
    ledger.reverts(me, TO, wrong(1), required(stranger, 0));
    ledger.reverts(me, TO, call(1, me, HUGE, 3, B256::ZERO), SelfSettlement { account: me });
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    for amount in [HUGE, U256::ZERO, amount_max + U256::from(1), U256::from(1) << 128] {
        let error = InstructedAmountInvalid { amount, amountMax: amount_max };
        ledger.reverts(me, TO, call(1, other, amount, 3, B256::ZERO), error);
    }
    ledger.reverts(me, TO, call(1, other, amount_max, 3, B256::ZERO), SettlementPriorityUnknown { priority: 3 });
    ledger.reverts(me, TO, call(1, other, amount_max, 2, B256::ZERO), InstructionReferenceMissing {});
    ledger.reverts(me, TO, call(1, other, amount_max, 2, reference(1)), DayNotOpen { schemeId: 1, phase: 0 });
    scheme.open(20_231_114);
    let ledger = &mut scheme.ledger;
    ledger.ok(me, TO, call(1, other, units(1), 2, reference(1)));
    ledger.timestamp_ms = CUT_OFF_MS;
    let late = CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    ledger.reverts(me, TO, call(1, other, amount_max, 2, reference(1)), late);
    ledger.timestamp_ms = CUT_OFF_MS - 1;
    let used = InstructionReferenceUsed { instructionReference: reference(1), instructionId: 1 };
    fill(ledger);
    ledger.reverts(me, TO, call(1, other, amount_max, 2, reference(1)), used);
    let full = QueueFull { schemeId: 1, queued: units(1 << 17), queuedMax: units(1 << 17) };
    ledger.reverts(me, TO, call(1, other, amount_max, 2, reference(2)), full);
    // A full queue does not keep from settling what needs no place in it; and a reference is its debtor's own.
    assert_eq!(ledger.ok(me, TO, call(1, other, units(1), 2, reference(2))).status, 3);
    assert_eq!(ledger.ok(other, TO, call(1, me, units(1), 2, reference(1))).status, 3);
}

/// Lets the scheme believe that its queue is full.
fn fill(ledger: &mut Ledger) {
    use crate::settlement::{QUEUE_MAX, layout::layout};
    let place = layout().schemes.of(&1).day;
    ledger
        .run(OPERATOR, |context| {
            let day = place.read(context)?;
            place.write(context, crate::settlement::layout::Day { queued: QUEUE_MAX, ..day })
        })
        .unwrap();
}

#[test]
fn changing_an_instruction() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    let ids = [scheme.queue(1, 2, 5), scheme.queue(1, 2, 6), scheme.queue(2, 3, 5)];
    let (me, stranger) = (account(1), account(9));
    let ledger = &mut scheme.ledger;
    ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    let unknown = || InstructionUnknown { instructionId: 9 };
    let not_mine = |id| DebtorRequired { instructionId: id, caller: stranger, debtor: me };
    let busy = || RunInProgress { schemeId: 1, run: 1 };
    ledger.reverts(stranger, TO, cancelCall { instructionId: 9 }, unknown());
    ledger.reverts(stranger, TO, cancelCall { instructionId: ids[0] }, not_mine(ids[0]));
    ledger.reverts(me, TO, cancelCall { instructionId: ids[0] }, busy());
    let to_five = |id| reprioritiseCall { instructionId: id, priority: 5 };
    ledger.reverts(stranger, TO, to_five(9), unknown());
    ledger.reverts(stranger, TO, to_five(ids[0]), not_mine(ids[0]));
    ledger.reverts(me, TO, to_five(ids[0]), SettlementPriorityUnknown { priority: 5 });
    ledger.reverts(me, TO, reprioritiseCall { instructionId: ids[0], priority: 0 }, busy());
    let swap = |first, second| swapCall { instructionId: first, otherId: second };
    ledger.reverts(stranger, TO, swap(9, ids[0]), unknown());
    ledger.reverts(stranger, TO, swap(ids[0], ids[0]), not_mine(ids[0]));
    ledger.reverts(me, TO, swap(ids[0], 9), unknown());
    let other = DebtorRequired { instructionId: ids[2], caller: me, debtor: account(2) };
    ledger.reverts(me, TO, swap(ids[0], ids[2]), other);
    ledger.reverts(me, TO, swap(ids[0], ids[0]), busy());

    while scheme.advance(100) != 0 {}
    let ledger = &mut scheme.ledger;
    let same = InstructionsNotSwappable { instructionId: ids[0], otherId: ids[0] };
    ledger.reverts(me, TO, swap(ids[0], ids[0]), same);
    ledger.ok(me, TO, holdInstructionCall { instructionId: ids[0] });
    let held = |status| InstructionStatusInvalid { instructionId: ids[0], status };
    ledger.reverts(me, TO, holdInstructionCall { instructionId: ids[0] }, held(2));
    ledger.reverts(me, TO, reprioritiseCall { instructionId: ids[0], priority: 0 }, held(2));
    ledger.reverts(me, TO, swap(ids[0], ids[1]), held(2));
    ledger.reverts(me, TO, swap(ids[1], ids[0]), held(2));
    let queued = InstructionStatusInvalid { instructionId: ids[1], status: 1 };
    ledger.reverts(me, TO, unholdInstructionCall { instructionId: ids[1] }, queued);
    ledger.ok(me, TO, cancelCall { instructionId: ids[0] });
    ledger.reverts(me, TO, cancelCall { instructionId: ids[0] }, held(4));
    ledger.reverts(me, TO, unholdInstructionCall { instructionId: ids[0] }, held(4));
}

#[test]
fn releasing_offsetting_and_running() {
    let mut scheme = Scheme::closed(&[0, 0], false, 0);
    let (me, stranger) = (account(1), account(9));
    let release = |scheme, debtor, steps| releaseCall { schemeId: scheme, debtor, steps };
    let ledger = &mut scheme.ledger;
    ledger.reverts(me, TO, release(2, stranger, 0), SchemeUnknown { schemeId: 2 });
    let required = || ParticipantRequired { schemeId: 1, account: stranger, status: 0 };
    ledger.reverts(me, TO, release(1, stranger, 0), required());
    for steps in [0, 20_001] {
        ledger.reverts(me, TO, release(1, me, steps), StepsInvalid { steps, stepsMax: 20_000 });
    }
    let closed = || DayNotOpen { schemeId: 1, phase: 0 };
    ledger.reverts(me, TO, release(1, me, 20_000), closed());
    let offset = |first, second| offsetCall { schemeId: 1, first, second };
    ledger.reverts(me, TO, offset(stranger, stranger), required());
    ledger.reverts(me, TO, offset(me, stranger), required());
    ledger.reverts(me, TO, offset(me, me), SelfSettlement { account: me });
    ledger.reverts(me, TO, offset(me, account(2)), closed());
    ledger.reverts(stranger, TO, startRunCall { schemeId: 1 }, required());
    ledger.reverts(me, TO, startRunCall { schemeId: 1 }, closed());
    let missing = || RunMissing { schemeId: 1 };
    ledger.reverts(me, TO, advanceRunCall { schemeId: 1, steps: 0 }, missing());
    ledger.reverts(me, TO, abandonRunCall { schemeId: 1 }, missing());
    scheme.open(20_231_114);
    let ledger = &mut scheme.ledger;
    let run = ledger.ok(me, TO, startRunCall { schemeId: 1 });
    let steps = StepsInvalid { steps: 0, stepsMax: 20_000 };
    ledger.reverts(me, TO, advanceRunCall { schemeId: 1, steps: 0 }, steps);
    ledger.reverts(me, TO, abandonRunCall { schemeId: 1 }, RunNotAbandonable { schemeId: 1, run, phase: 1 });
}

#[test]
fn limits() {
    let mut scheme = Scheme::fifo(&[0, 0]);
    let (me, stranger) = (account(1), account(9));
    let required = || ParticipantRequired { schemeId: 1, account: stranger, status: 0 };
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    let too_much = || InstructedAmountInvalid { amount: amount_max + U256::from(1), amountMax: amount_max };
    let ledger = &mut scheme.ledger;
    let over = amount_max + U256::from(1);
    ledger.reverts(stranger, TO, setReserveCall { schemeId: 1, amount: over }, required());
    ledger.reverts(me, TO, setReserveCall { schemeId: 1, amount: over }, too_much());
    ledger.ok(me, TO, setReserveCall { schemeId: 1, amount: amount_max });
    ledger.reverts(stranger, TO, setMultilateralLimitCall { schemeId: 1, amount: over }, required());
    ledger.reverts(me, TO, setMultilateralLimitCall { schemeId: 1, amount: over }, too_much());
    ledger.ok(me, TO, setMultilateralLimitCall { schemeId: 1, amount: amount_max });
    let bilateral = |counterparty, amount| setBilateralLimitCall { schemeId: 1, counterparty, amount };
    ledger.reverts(stranger, TO, bilateral(stranger, over), required());
    ledger.reverts(me, TO, bilateral(stranger, over), required());
    ledger.reverts(me, TO, bilateral(me, over), SelfSettlement { account: me });
    ledger.reverts(me, TO, bilateral(account(2), over), too_much());
    let open = DayNotClosed { schemeId: 1, phase: 1 };
    ledger.reverts(me, TO, bilateral(account(2), amount_max), open);
}

#[test]
fn days() {
    let mut scheme = Scheme::closed(&[0], false, 0);
    let ledger = &mut scheme.ledger;
    let stranger = account(9);
    let not_operator = || SchemeOperatorRequired { schemeId: 1, caller: stranger, operator: OPERATOR };
    ledger.reverts(stranger, TO, openDayCall { schemeId: 2, valueDate: 0, cutOffMs: 0 }, SchemeUnknown { schemeId: 2 });
    ledger.reverts(stranger, TO, openDayCall { schemeId: 1, valueDate: 0, cutOffMs: 0 }, not_operator());
    let date = ValueDateInvalid { valueDate: 0, previousValueDate: 0 };
    ledger.reverts(OPERATOR, TO, openDayCall { schemeId: 1, valueDate: 0, cutOffMs: 0 }, date);
    let past = CutOffInvalid { cutOffMs: 0, nowMs: ledger.timestamp_ms };
    ledger.reverts(OPERATOR, TO, openDayCall { schemeId: 1, valueDate: 20_231_114, cutOffMs: 0 }, past);
    let close = |steps| closeDayCall { schemeId: 1, steps };
    ledger.reverts(stranger, TO, close(0), DayNotOpen { schemeId: 1, phase: 0 });
    scheme.open(20_231_114);
    let ledger = &mut scheme.ledger;
    ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 });
    ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    let now = ledger.timestamp_ms;
    ledger.reverts(stranger, TO, close(0), CutOffNotReached { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: now });
    ledger.reverts(OPERATOR, TO, close(0), StepsInvalid { steps: 0, stepsMax: 20_000 });
    ledger.reverts(OPERATOR, TO, close(1), RunInProgress { schemeId: 1, run: 1 });
    while scheme.advance(10) != 0 {}
    scheme.ledger.reverts(OPERATOR, TO, close(1), WindowsUnresolved { schemeId: 1, windows: 1 });
}

#[test]
fn windows() {
    let mut scheme = Scheme::closed(&[5, 0], false, 0);
    let (me, stranger) = (account(1), account(9));
    let ledger = &mut scheme.ledger;
    ledger.reverts(stranger, TO, openWindowCall { schemeId: 2 }, SchemeUnknown { schemeId: 2 });
    let not_operator = || SchemeOperatorRequired { schemeId: 1, caller: stranger, operator: OPERATOR };
    ledger.reverts(stranger, TO, openWindowCall { schemeId: 1 }, not_operator());
    ledger.reverts(OPERATOR, TO, openWindowCall { schemeId: 1 }, DayNotOpen { schemeId: 1, phase: 0 });
    scheme.open(20_231_114);
    let ledger = &mut scheme.ledger;
    let (first, second) = (ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 }), 2);
    assert_eq!(ledger.ok(OPERATOR, TO, openWindowCall { schemeId: 1 }), second);
    let assign = |window, creditor, amount, number: u64| assignCall {
        windowId: window,
        creditor,
        amount,
        instructionReference: if number == 0 { B256::ZERO } else { reference(number) },
    };
    let required = || ParticipantRequired { schemeId: 1, account: stranger, status: 0 };
    let state = |window, state| WindowStatusInvalid { windowId: window, state };
    ledger.reverts(stranger, TO, assign(9, stranger, HUGE, 0), WindowUnknown { windowId: 9 });
    ledger.ok(OPERATOR, TO, closeWindowCall { windowId: second });
    ledger.reverts(stranger, TO, assign(second, stranger, HUGE, 0), required());
    ledger.reverts(me, TO, assign(second, stranger, HUGE, 0), state(second, 1));
    ledger.reverts(me, TO, assign(first, stranger, HUGE, 0), required());
    ledger.reverts(me, TO, assign(first, me, HUGE, 0), SelfSettlement { account: me });
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    let error = InstructedAmountInvalid { amount: U256::ZERO, amountMax: amount_max };
    ledger.reverts(me, TO, assign(first, account(2), U256::ZERO, 0), error);
    ledger.reverts(me, TO, assign(first, account(2), units(1), 0), InstructionReferenceMissing {});
    ledger.ok(me, TO, assign(first, account(2), units(1), 1));
    let used = InstructionReferenceUsed { instructionReference: reference(1), instructionId: 1 };
    ledger.reverts(me, TO, assign(first, account(2), units(1), 1), used);
    let not_queued = InstructionStatusInvalid { instructionId: 1, status: 6 };
    ledger.reverts(me, TO, cancelCall { instructionId: 1 }, not_queued);
    ledger.timestamp_ms = CUT_OFF_MS;
    let late = CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    ledger.reverts(me, TO, assign(first, account(2), units(1), 1), late);

    ledger.reverts(stranger, TO, closeWindowCall { windowId: 9 }, WindowUnknown { windowId: 9 });
    ledger.reverts(stranger, TO, closeWindowCall { windowId: second }, not_operator());
    ledger.reverts(OPERATOR, TO, closeWindowCall { windowId: second }, state(second, 1));
    let start = |window, deadline| startWindowSettlementCall { windowId: window, fundBeforeMs: deadline };
    ledger.reverts(stranger, TO, start(9, 0), WindowUnknown { windowId: 9 });
    ledger.reverts(stranger, TO, start(first, 0), not_operator());
    ledger.reverts(OPERATOR, TO, start(first, 0), state(first, 0));
    for deadline in [0, CUT_OFF_MS, CUT_OFF_MS + 604_800_001, u64::MAX] {
        let error = FundingDeadlineInvalid { fundBeforeMs: deadline, nowMs: CUT_OFF_MS };
        ledger.reverts(OPERATOR, TO, start(second, deadline), error);
    }
    ledger.reverts(stranger, TO, settleWindowCall { windowId: 9 }, WindowUnknown { windowId: 9 });
    ledger.reverts(stranger, TO, settleWindowCall { windowId: second }, state(second, 1));
    ledger.reverts(me, TO, prefundCall { schemeId: 2, amount: HUGE }, SchemeUnknown { schemeId: 2 });
    ledger.reverts(stranger, TO, prefundCall { schemeId: 1, amount: HUGE }, required());
    let error = InstructedAmountInvalid { amount: HUGE, amountMax: amount_max };
    ledger.reverts(me, TO, prefundCall { schemeId: 1, amount: HUGE }, error);
    let error = PrefundMissing { schemeId: 1, account: me };
    ledger.reverts(me, TO, prefundCall { schemeId: 1, amount: units(1) }, error);
    ledger.reverts(stranger, TO, withdrawPrefundCall { schemeId: 1 }, required());
}

#[test]
fn prefunding_errors_of_the_token_come_last() {
    let mut scheme = Scheme::new(&[5, 0], false, 1);
    let error = ERC20InsufficientBalance { sender: account(1), balance: units(5), needed: units(6) };
    scheme.ledger.reverts(account(1), TO, prefundCall { schemeId: 1, amount: units(6) }, error);
    scheme.ledger.ok(account(1), TO, prefundCall { schemeId: 1, amount: units(5) });
    let error = PrefundInUse { schemeId: 1, account: account(1), holdId: 1 };
    scheme.ledger.reverts(account(1), TO, prefundCall { schemeId: 1, amount: units(6) }, error);
}

#[test]
fn forecasts_are_for_bounded_queues() {
    let mut scheme = Scheme::fifo(&[0]);
    let call = |scheme, who| forecastCall { schemeId: scheme, account: who, injected: HUGE };
    scheme.ledger.reverts(account(9), TO, call(2, account(9)), SchemeUnknown { schemeId: 2 });
    let error = ParticipantRequired { schemeId: 1, account: account(9), status: 0 };
    scheme.ledger.reverts(account(9), TO, call(1, account(9)), error);
    assert_eq!(scheme.ledger.ok(account(9), TO, call(1, account(1))).state, 0);
    fill(&mut scheme.ledger);
    let error = QueueTooLong { schemeId: 1, queued: units(1 << 17), queuedMax: units(2_048) };
    scheme.ledger.reverts(account(9), TO, call(1, account(1)), error);
}

/// Every call that changes state is refused where nothing may change, before anything else of it is looked at.
#[test]
fn static_calls_change_nothing() {
    let mut scheme = Scheme::fifo(&[5, 0]);
    let calls = [
        createSchemeCall { token: eur(), bypassFifo: false, defaultRule: 0 }.abi_encode(),
        joinCall { schemeId: 9 }.abi_encode(),
        scheme.submission(2, 1, 2).abi_encode(),
        cancelCall { instructionId: 9 }.abi_encode(),
        advanceRunCall { schemeId: 9, steps: 0 }.abi_encode(),
        settleWindowCall { windowId: 9 }.abi_encode(),
        closeDayCall { schemeId: 9, steps: 0 }.abi_encode(),
    ];
    for input in calls {
        let env = crate::CallEnv { is_static: true, ..scheme.ledger.env(account(1)) };
        let mut storage = scheme.ledger.storage.clone();
        let result = crate::dispatch(&mut crate::Context::new(env, &mut storage), TO, &input);
        assert_eq!(result, Err(Failure::Revert(StaticCallForbidden {}.abi_encode().into())));
    }
}

/// A call without enough gas is out of gas wherever it stops, and never another verdict: whoever gives more gets on.
#[test]
fn too_little_gas_is_never_another_verdict() {
    let mut scheme = Scheme::fifo(&[0, 0, 0]);
    [(1, 2), (2, 3), (3, 1)].iter().for_each(|(from, to)| _ = scheme.queue(*from, *to, 10));
    scheme.ledger.ok(OPERATOR, TO, startRunCall { schemeId: 1 });
    let before = scheme.ledger.storage.slots.clone();
    let input = advanceRunCall { schemeId: 1, steps: 1_000 }.abi_encode();
    scheme.ledger.send(OPERATOR, TO, &input).unwrap();
    let (after, needed) = (scheme.ledger.storage.slots.clone(), scheme.ledger.storage.gas_used);
    assert_ne!(before, after);
    for gas in (0..needed).step_by(usize::try_from(needed / 40).unwrap()) {
        let mut storage = scheme.ledger.storage.clone();
        storage.slots = before.clone();
        storage.begin(gas);
        let env = scheme.ledger.env(OPERATOR);
        let result = crate::dispatch(&mut crate::Context::new(env, &mut storage), TO, &input);
        assert_eq!(result, Err(Failure::OutOfGas), "{gas} of {needed}");
    }
}

/// A word of an argument that often means something: a small number, a participant, an extreme, or anything.
fn word() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![
        6 => (0u64..8).prop_map(|number| U256::from(number).to_be_bytes()),
        2 => (1u8..4).prop_map(|bank| account(bank).into_word().0),
        1 => (0usize..256).prop_map(|bits| (U256::MAX >> bits).to_be_bytes()),
        1 => any::<[u8; 32]>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever bytes arrive in whatever order: a call is answered or reverts, invariants hold, and money stays money.
    #[test]
    fn hostile_input_is_answered_or_reverts(
        bypass in any::<bool>(),
        rule in 0u8..2,
        calls in prop::collection::vec((any::<prop::sample::Index>(), 0usize..4, prop::collection::vec(word(), 0..6)), 1..60),
    ) {
        let mut scheme = Scheme::new(&[20, 5, 0], bypass, rule);
        scheme.queue(2, 3, 7);
        for (selector, caller, words) in calls {
            let mut input = selector.get(ISettlementCalls::SELECTORS).to_vec();
            input.extend(words.iter().flatten());
            let caller = [OPERATOR, account(1), account(2), account(3)][caller];
            let result = scheme.ledger.send(caller, TO, &input);
            prop_assert!(matches!(result, Ok(_) | Err(Failure::Revert(_))), "{:?}", result);
        }
        let violations = scheme.ledger.run(OPERATOR, invariants::check).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
        prop_assert_eq!(scheme.balances(3).iter().sum::<u128>(), 25);
    }
}
