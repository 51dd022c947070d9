//! Batches in both modes, their encoding, and their results against a plain model.

use super::*;
use crate::ESCROW_ADDRESS;
use crate::token::{BATCH_ITEM_BYTES, BATCH_ITEMS_MAX, BatchItem, ItemResult, batch_items};
use alloy_primitives::Bytes;
use proptest::prelude::*;

fn item(to: Address, amount: u128) -> BatchItem {
    BatchItem { to, amount, reference: *b"salary01" }
}

fn encode(items: &[BatchItem]) -> Bytes {
    items.iter().flat_map(|item| item.encode().unwrap()).collect::<Vec<u8>>().into()
}

fn batch(mode: u8, number: u8, items: &[BatchItem]) -> payBatchCall {
    payBatchCall { token: eur(), uetr: uetr(number), mode, items: encode(items) }
}

fn results(numbers: &[ItemResult]) -> Bytes {
    numbers.iter().map(|result| result.number()).collect::<Vec<u8>>().into()
}

/// Breaks each rule of an item once, in order, between two items that are right.
fn mixed(ledger: &mut Ledger) -> (Vec<BatchItem>, Vec<ItemResult>) {
    freeze(ledger, account(5), true);
    deny(ledger, account(6), true);
    let items = vec![
        item(PAYEE, 300),
        item(Address::ZERO, 0),
        item(ESCROW_ADDRESS, 1),
        item(PAYER, 0),
        item(PAYER, 1),
        item(account(5), 5_000),
        item(account(6), 5_000),
        item(POSTER, 701),
        item(PAYEE, 700),
    ];
    let results = vec![
        ItemResult::Settled,
        ItemResult::PayeeMustBeAbleToHold,
        ItemResult::PayeeMustBeAbleToHold,
        ItemResult::AmountMustNotBeZero,
        ItemResult::PayeeMustNotBePayer,
        ItemResult::PayeeMustNotBeFrozen,
        ItemResult::PolicyMustAdmitPayment,
        ItemResult::PayerMustHaveUnits,
        ItemResult::Settled,
    ];
    (items, results)
}

#[test]
fn a_batch_pays_all_its_items() {
    for mode in [0, 1] {
        let mut ledger = world();
        let items = [item(PAYEE, 100), item(POSTER, 200), item(PAYEE, 300)];
        let call = batch(mode, 1, &items);
        let paid = ledger.ok(PAYER, TO, call.clone());
        assert_eq!((paid.batchId, paid.total, paid.results), (1, units(600), vec![0; 3].into()));
        assert_eq!((balance(&mut ledger, PAYER), balance(&mut ledger, PAYEE)), (400, 400));
        let event = BatchPaid {
            batchId: 1,
            payer: PAYER,
            uetr: uetr(1),
            token: eur(),
            mode,
            items: 3,
            settled: 3,
            total: units(600),
            results: vec![0; 3].into(),
        };
        assert_eq!(ledger.last_event::<BatchPaid>().1, event);
        assert_eq!(ledger.storage.logs.len(), 2, "one log of the token, one of this module");
        let told = IToken::BatchTransfer { from: PAYER, items: call.items, results: vec![0; 3].into() };
        let log = &ledger.storage.logs[0];
        assert_eq!(log.address, eur());
        assert_eq!(<IToken::BatchTransfer as alloy_sol_types::SolEvent>::decode_log(log).unwrap().data, told);
        assert_sound(&mut ledger);
    }
}

#[test]
fn item_by_item_each_failing_one_has_its_reason() {
    let mut ledger = world();
    let (items, expected) = mixed(&mut ledger);
    let paid = ledger.ok(PAYER, TO, batch(1, 1, &items));
    assert_eq!(paid.results, results(&expected));
    assert_eq!((paid.total, balance(&mut ledger, PAYER), balance(&mut ledger, PAYEE)), (units(1_000), 0, 1_000));
    let event = ledger.last_event::<BatchPaid>().1;
    assert_eq!((event.items, event.settled), (9, 2));
    assert_sound(&mut ledger);
}

#[test]
fn all_or_nothing_pays_nothing_and_names_every_mistake() {
    let mut ledger = world();
    let (items, expected) = mixed(&mut ledger);
    let before = ledger.storage.slots.clone();
    let error = BatchRefused { failed: 7, firstIndex: 1, firstResult: 1, results: results(&expected) };
    ledger.reverts(PAYER, TO, batch(0, 1, &items), error);
    assert_eq!(ledger.storage.slots, before);
    ledger.ok(PAYER, TO, batch(0, 1, &items[..1]));
}

#[test]
fn a_batch_uses_its_uetr_once() {
    let mut ledger = world();
    let call = batch(1, 1, &[item(PAYEE, 1_001)]);
    assert_eq!(ledger.ok(PAYER, TO, call.clone()).total, U256::ZERO, "nothing settled, and the UETR is used");
    let used = || UetrUsed { payer: PAYER, uetr: uetr(1), state: 3 };
    ledger.reverts(PAYER, TO, call, used());
    ledger.reverts(PAYER, TO, order(1, 1), used());
    let found = payment(&mut ledger, 1);
    assert_eq!((found.state, found.payee, found.received), (3, Address::ZERO, U256::ZERO));
    assert_sound(&mut ledger);
}

#[test]
fn what_is_wrong_with_the_payer_is_wrong_with_the_batch() {
    for mode in [0, 1] {
        let mut ledger = world();
        let call = || batch(mode, 1, &[item(PAYEE, 1)]);
        deny(&mut ledger, PAYER, true);
        freeze(&mut ledger, PAYER, true);
        ledger.ok(PAUSER, eur(), pauseCall {});
        ledger.reverts(PAYER, TO, call(), EnforcedPause {});
        ledger.ok(PAUSER, eur(), unpauseCall {});
        ledger.reverts(PAYER, TO, call(), AccountFrozen { account: PAYER });
        freeze(&mut ledger, PAYER, false);
        ledger.reverts(PAYER, TO, call(), IToken::PolicyForbids { policyId: 2, account: PAYER });
        deny(&mut ledger, PAYER, false);
        ledger.ok(PAYER, TO, call());
    }
}

#[test]
fn units_on_hold_or_frozen_are_not_spent_by_a_batch() {
    let mut ledger = world();
    let call = reservation(&ledger, 300, 1);
    ledger.ok(PAYER, TO, call);
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: PAYER, amount: units(200) });
    let paid = ledger.ok(PAYER, TO, batch(1, 2, &[item(PAYEE, 501), item(PAYEE, 500), item(PAYEE, 1)]));
    assert_eq!(
        paid.results,
        results(&[ItemResult::PayerMustHaveUnits, ItemResult::Settled, ItemResult::PayerMustHaveUnits])
    );
    assert_eq!(spendable(&mut ledger, PAYER), 0);
    ledger.ok(PAYEE, TO, post_call(1, U256::MAX));
    assert_sound(&mut ledger);
}

#[test]
fn errors_of_a_batch_come_in_the_promised_order() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, order(1, 1));
    let mut call = payBatchCall { token: TO, uetr: B256::ZERO, mode: 2, items: Bytes::new() };
    ledger.reverts(PAYER, TO, call.clone(), UetrInvalid {});
    call.uetr = uetr(1);
    ledger.reverts(PAYER, TO, call.clone(), UetrUsed { payer: PAYER, uetr: uetr(1), state: 3 });
    call.uetr = uetr(2);
    ledger.reverts(PAYER, TO, call.clone(), BatchModeInvalid { mode: 2 });
    call.mode = 0;
    for length in [0, 1, BATCH_ITEM_BYTES - 1, BATCH_ITEM_BYTES + 1, 2 * BATCH_ITEM_BYTES - 1] {
        call.items = vec![0; length].into();
        let error = BatchMalformed { length: U256::from(length), itemBytes: units(40), itemsMax: units(3_000) };
        ledger.reverts(PAYER, TO, call.clone(), error);
    }
    call.items = encode(&[item(PAYEE, 1_000)]);
    ledger.reverts(PAYER, TO, call.clone(), TokenUnknown { token: TO });
    call.token = eur();
    freeze(&mut ledger, PAYER, true);
    ledger.reverts(PAYER, TO, call.clone(), AccountFrozen { account: PAYER });
    freeze(&mut ledger, PAYER, false);
    let error = BatchRefused { failed: 1, firstIndex: 0, firstResult: 6, results: vec![6].into() };
    ledger.reverts(PAYER, TO, call, error);
}

#[test]
fn items_of_a_batch_are_not_returned() {
    let mut ledger = world();
    ledger.ok(PAYER, TO, batch(0, 1, &[item(PAYEE, 1)]));
    let error = CallerForbidden { caller: PAYEE, expected: Address::ZERO };
    ledger.reverts(PAYEE, TO, return_call(1, 1, 1), error);
}

// ----- encoding ------------------------------------------------------------------------------------------------------

#[test]
fn an_item_lies_where_the_specification_says() {
    let most = BatchItem { to: PAYEE, amount: (1 << 96) - 1, reference: [7; 8] };
    let bytes = most.encode().unwrap();
    assert_eq!((&bytes[..20], &bytes[20..32], &bytes[32..]), (&[3; 20][..], &[0xff; 12][..], &[7; 8][..]));
    assert_eq!(batch_items(&bytes).unwrap().collect::<Vec<_>>(), [most]);
    assert_eq!(BatchItem { amount: 1 << 96, ..most }.encode(), None);
    assert_eq!(item(PAYEE, 0x0102).encode().unwrap()[30..32], [1, 2]);
}

#[test]
fn lengths_are_exact_and_bounded() {
    let count = |length: usize| batch_items(&vec![0; length]).map(|items| items.len());
    assert_eq!(count(BATCH_ITEM_BYTES), Some(1));
    assert_eq!(count(BATCH_ITEMS_MAX * BATCH_ITEM_BYTES), Some(BATCH_ITEMS_MAX));
    for wrong in [0, 1, 39, 41, (BATCH_ITEMS_MAX + 1) * BATCH_ITEM_BYTES, BATCH_ITEMS_MAX * BATCH_ITEM_BYTES + 1] {
        assert_eq!(count(wrong), None, "{wrong} bytes");
    }
}

/// The longest batch is decoded, and a longer input is refused before it is read.
#[test]
fn input_is_bounded_by_the_longest_batch() {
    use crate::calls::IModule::InputTooLong;
    let mut ledger = world();
    let items = vec![item(PAYEE, 0); BATCH_ITEMS_MAX];
    let paid = ledger.ok(PAYER, TO, batch(1, 1, &items));
    assert_eq!(paid.results.len(), BATCH_ITEMS_MAX);
    let too_many = payBatchCall { items: vec![0; 3_001 * 40].into(), ..batch(1, 2, &items[..1]) };
    let error = BatchMalformed { length: units(3_001 * 40), itemBytes: units(40), itemsMax: units(3_000) };
    ledger.reverts(PAYER, TO, too_many.clone(), error);
    let length = dispatch::BATCH_INPUT_BYTES_MAX;
    let input = vec![0xff; length + 1];
    let error = InputTooLong { length: U256::from(length + 1), lengthMax: U256::from(length) };
    let found = ledger.send(PAYER, TO, &input).unwrap_err();
    assert_eq!(found, Failure::Revert(alloy_sol_types::SolError::abi_encode(&error).into()));
}

// ----- cost ----------------------------------------------------------------------------------------------------------

/// An account that is not among those of the other tests.
fn employee(number: usize) -> Address {
    Address::left_padding_from(&(0x1000_0000 + number).to_be_bytes())
}

/// Gas of a transaction that pays so many employees, one unit each.
fn gas(ledger: &mut Ledger, number: u8, count: usize) -> u64 {
    use alloy_sol_types::SolCall;
    let items: Vec<BatchItem> = (0..count).map(|index| item(employee(index), 1)).collect();
    let input = batch(0, number, &items).abi_encode();
    ledger.send(PAYER, TO, &input).unwrap();
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let calldata = 4 * zeros + 16 * (input.len() as u64 - zeros);
    21_000 + calldata + ledger.storage.gas_used
}

/// Thousands of items under one signature: a full batch to holders, more than half of one to new holders, and a list
/// that is asked for each payee in between.
#[test]
fn thousands_of_items_fit_into_a_transaction() {
    let mut ledger = world();
    ledger.ok(crate::testing::ISSUER, eur(), mintCall { to: PAYER, amount: units(10_000) });
    ledger.ok(crate::testing::ADMIN, eur(), setPolicyCall { newPolicyId: 0 });
    let most = ledger.rules.transaction_gas_max;
    let new = gas(&mut ledger, 1, 1_700);
    assert!(new <= most, "{new}");
    gas(&mut ledger, 2, BATCH_ITEMS_MAX);
    let full = gas(&mut ledger, 3, BATCH_ITEMS_MAX);
    assert!(full <= most, "{full}");
    ledger.ok(crate::testing::ADMIN, eur(), setPolicyCall { newPolicyId: 2 });
    let listed = gas(&mut ledger, 4, 2_500);
    assert!(listed <= most, "{listed}");
    assert_sound(&mut ledger);
}

/// What follows in the same transaction costs what it always does, whether the batch succeeded or not.
#[test]
fn the_tariff_of_a_batch_ends_with_it() {
    use crate::{Context, Storage};
    for (mode, amount, paid) in [(0, 1, true), (0, 1_001, false), (1, 1_001, true)] {
        let mut ledger = world();
        let items = encode(&[item(PAYEE, amount)]);
        let rules = ledger.rules.clone();
        let env = crate::CallEnv { rules: &rules, ..ledger.env(PAYER) };
        let mut context = Context::new(env, &mut ledger.storage);
        let found = pay_batch(&mut context, eur(), uetr(1), mode, &items);
        assert_eq!(found.is_ok(), paid);
        let before = ledger.storage.gas_used;
        ledger.storage.store(TO, U256::from(1_000), U256::ONE).unwrap();
        assert_eq!(ledger.storage.gas_used - before, 22_100);
    }
}

/// A hint is a slot that the batch certainly reads: a word with every bit set is a used UETR, or a value of no type.
#[test]
fn hints_are_slots_that_a_batch_reads() {
    use alloy_sol_types::SolCall;
    let payees: Vec<Address> = (0..5).map(employee).collect();
    let items: Vec<BatchItem> = payees.iter().map(|to| item(*to, 1)).collect();
    let input = batch(1, 1, &items).abi_encode();
    let hints = crate::touched_slots(PAYER, Some(TO), &input);
    let of_modules: Vec<_> = hints.iter().filter(|(address, _)| [TO, eur()].contains(address)).collect();
    assert_eq!(of_modules.len(), 5, "record, its amounts, number of the batch, terms and payer");
    // The amounts are written, whatever stood there.
    let amounts = layout::layout().payments.of(&PAYER).of(&uetr(1)).amounts.place();
    for hint in of_modules.into_iter().filter(|hint| **hint != amounts) {
        let mut ledger = world();
        ledger.storage.slots.insert(*hint, U256::MAX);
        assert!(ledger.send(PAYER, TO, &input).is_err(), "{hint:?} was not read");
    }
    for (what, to) in [("no token", TO), ("another token's batch", token_address(2))] {
        let foreign = payBatchCall { token: to, ..batch(1, 1, &items) }.abi_encode();
        let hints = crate::touched_slots(PAYER, Some(TO), &foreign);
        assert!(hints.iter().all(|(address, _)| *address != eur()), "{what}");
    }
}

// ----- model ---------------------------------------------------------------------------------------------------------

/// What an item is, as one would say it.
#[derive(Clone, Copy, Debug)]
struct Wish {
    to: u8,
    amount: u128,
}

/// Walks through a batch on paper.
fn expected(wishes: &[Wish], mut free: u128, blocked: &[u8], denied: &[u8]) -> (Vec<u8>, u128) {
    let mut moved = 0;
    let verdicts = wishes.iter().map(|wish| match wish {
        Wish { to: 0, .. } => 1,
        Wish { amount: 0, .. } => 2,
        Wish { to: 1, .. } => 3,
        Wish { to, .. } if blocked.contains(to) => 4,
        Wish { to, .. } if denied.contains(to) => 5,
        Wish { amount, .. } if *amount > free => 6,
        Wish { amount, .. } => {
            free -= amount;
            moved += amount;
            0
        }
    });
    (verdicts.collect(), moved)
}

proptest! {
    #![proptest_config(crate::testing::cases(96))]

    #[test]
    fn a_batch_does_what_one_would_do_by_hand(
        wishes in prop::collection::vec((0u8..7, prop_oneof![Just(0u128), 1..120u128, 400..700u128]), 1..40),
        held in 0u128..900,
        frozen in 0u128..900,
        blocked in prop::collection::vec(3u8..7, 0..3),
        denied in prop::collection::vec(3u8..7, 0..3),
        mode in 0u8..2,
    ) {
        let mut ledger = world();
        let wishes: Vec<Wish> = wishes.into_iter().map(|(to, amount)| Wish { to, amount }).collect();
        if held > 0 {
            let call = reservation(&ledger, held, 9);
            ledger.ok(PAYER, TO, call);
        }
        ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: PAYER, amount: units(frozen) });
        blocked.iter().for_each(|who| freeze(&mut ledger, account(*who), true));
        denied.iter().for_each(|who| deny(&mut ledger, account(*who), true));
        let free = 1_000u128.saturating_sub(held).saturating_sub(frozen);
        let (verdicts, moved) = expected(&wishes, free, &blocked, &denied);
        let before: Vec<u128> = (2..7).map(|who| balance(&mut ledger, account(who))).collect();

        let items: Vec<BatchItem> = wishes.iter().map(|wish| item(account(wish.to), wish.amount)).collect();
        let found = ledger.call(PAYER, TO, batch(mode, 1, &items));
        let refused = mode == 0 && verdicts.iter().any(|verdict| *verdict != 0);
        prop_assert_eq!(found.is_err(), refused);
        let settles = |who: u8| -> u128 {
            let paid = wishes.iter().zip(&verdicts).filter(|(wish, verdict)| wish.to == who && **verdict == 0);
            paid.map(|(wish, _)| wish.amount).sum()
        };
        if let Ok(paid) = found {
            prop_assert_eq!(&paid.results[..], &verdicts[..]);
            prop_assert_eq!(paid.total, units(moved));
        }
        for (who, before) in (2..7).zip(before) {
            let got = if refused { 0 } else { settles(who) };
            prop_assert_eq!(balance(&mut ledger, account(who)), before + got, "account {}", who);
        }
        prop_assert_eq!(balance(&mut ledger, PAYER), 1_000 - if refused { 0 } else { moved });
        assert_sound(&mut ledger);
    }
}
