//! Orders: what they freeze and until when, how units are seized, who may, and what hostile callers try.

use super::*;
use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS,
    policy::IPolicy::{createHoldingLimitCall, removeMembersCall},
    testing::{COURT, SEIZER},
    token::{Keeper, hold, hold_for, post_batch, post_hold, release_hold},
};
use alloy_sol_types::{SolError, SolEvent};

const SECOND: u64 = 1_000;
const ALL: U256 = U256::MAX;
const DEBTOR: Address = Address::repeat_byte(1);
const OTHER: Address = Address::repeat_byte(2);
const ANYONE: Address = Address::repeat_byte(9);

fn decision() -> B256 {
    B256::repeat_byte(0xd1)
}

/// The usual ledger with a seizer. Account 1 has 1,000, account 2 has 500.
fn court() -> Ledger {
    let mut ledger = world();
    ledger.ok(ADMIN, eur(), grantRoleCall { role: SEIZER_ROLE, account: SEIZER });
    ledger
}

/// An order over the debtor's units for a second, with the court as payee.
fn terms(ledger: &Ledger, cap: u128) -> issueOrderCall {
    issueOrderCall {
        account: DEBTOR,
        payee: COURT,
        cap: units(cap),
        expiryMs: ledger.timestamp_ms + SECOND,
        legalReference: decision(),
    }
}

fn issue(ledger: &mut Ledger, cap: u128) -> u64 {
    let call = terms(ledger, cap);
    ledger.ok(FREEZER, eur(), call)
}

fn seizure(order: u64, amount: U256, holds: &[u64]) -> seizeCall {
    seizeCall { orderId: order, amount, holdIds: holds.to_vec(), legalReference: decision() }
}

fn seizure_of(order: u64, hold: u64, amount: U256) -> seizeHoldCall {
    seizeHoldCall { orderId: order, holdId: hold, amount, legalReference: decision() }
}

fn reserve(ledger: &mut Ledger, owner: Address, amount: u128) -> u64 {
    ledger.run(owner, |x| hold(x, eur(), Keeper::Escrow, owner, amount)).unwrap()
}

fn post(ledger: &mut Ledger, number: u64, amount: u128) -> Result<(), Failure> {
    ledger.run(ANYONE, |x| post_hold(x, eur(), (Keeper::Escrow, number), account(3), amount))
}

fn reverted<T: std::fmt::Debug>(result: Result<T, Failure>, error: impl SolError) {
    assert_eq!(result.unwrap_err(), Failure::Revert(error.abi_encode().into()));
}

fn pay(amount: u128) -> transferCall {
    transferCall { to: account(3), amount: units(amount) }
}

/// Spendable, frozen and balance of an account.
fn stand(ledger: &mut Ledger, who: Address) -> (u128, u128, u128) {
    let spendable: u128 = ledger.ok(ANYONE, eur(), spendableBalanceOfCall { account: who }).to();
    let frozen: u128 = ledger.ok(ANYONE, eur(), getFrozenTokensCall { userAddress: who }).to();
    (spendable, frozen, balance(ledger, who))
}

fn left(ledger: &mut Ledger, order: u64) -> (u128, bool) {
    let found = ledger.ok(ANYONE, eur(), orderOfCall { orderId: order });
    (found.left.to(), found.inForce)
}

fn on_hold(ledger: &mut Ledger, number: u64) -> u128 {
    ledger.ok(ANYONE, eur(), holdOfCall { holdId: number }).amount.to()
}

fn sound(ledger: &mut Ledger) {
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
    assert_eq!(ledger.run(ANYONE, |context| book.check(context)).unwrap(), []);
}

fn events<E: SolEvent>(ledger: &Ledger) -> Vec<E> {
    ledger.storage.logs.iter().filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
}

// ----- freezing ------------------------------------------------------------------------------------------------------

#[test]
fn an_order_freezes_until_the_very_instant_of_its_expiry() {
    let mut ledger = court();
    let call = terms(&ledger, 700);
    let expiry = call.expiryMs;
    assert_eq!(ledger.ok(FREEZER, eur(), call), 1);
    let (_, event) = ledger.last_event::<OrderIssued>();
    let expected = OrderIssued {
        orderId: 1,
        account: DEBTOR,
        payee: COURT,
        cap: units(700),
        expiryMs: expiry,
        legalReference: decision(),
        freezer: FREEZER,
    };
    assert_eq!(event, expected);
    assert_eq!(stand(&mut ledger, DEBTOR), (300, 700, 1_000));
    ledger.timestamp_ms = expiry - 1;
    let error =
        InsufficientUnfrozenBalance { sender: DEBTOR, balance: units(1_000), frozen: units(700), needed: units(301) };
    ledger.reverts(DEBTOR, eur(), pay(301), error);
    ledger.ok(DEBTOR, eur(), pay(300));
    assert_eq!(ledger.ok(ANYONE, eur(), ordersOfCall { account: DEBTOR }), [1]);
    ledger.timestamp_ms = expiry;
    assert_eq!(ledger.ok(ANYONE, eur(), ordersOfCall { account: DEBTOR }), Vec::<u64>::new());
    assert_eq!((left(&mut ledger, 1), stand(&mut ledger, DEBTOR)), ((700, false), (700, 0, 700)));
    ledger.ok(DEBTOR, eur(), pay(700));
    sound(&mut ledger);
}

#[test]
fn what_comes_in_later_is_frozen_too() {
    let mut ledger = court();
    let call = issueOrderCall { account: account(3), ..terms(&ledger, 600) };
    ledger.ok(FREEZER, eur(), call);
    ledger.ok(DEBTOR, eur(), pay(500));
    assert_eq!(stand(&mut ledger, account(3)), (0, 500, 500));
    ledger.ok(DEBTOR, eur(), pay(250));
    assert_eq!(stand(&mut ledger, account(3)), (150, 600, 750));
    let found = ledger.ok(ANYONE, eur(), frozenByOrdersCall { account: account(3) });
    assert_eq!((found.amount, found.whole), (units(600), false));
    sound(&mut ledger);
}

#[test]
fn orders_add_up_with_each_other_and_with_the_freezers_calls() {
    let mut ledger = court();
    issue(&mut ledger, 300);
    issue(&mut ledger, 200);
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: DEBTOR, amount: units(100) });
    assert_eq!(stand(&mut ledger, DEBTOR), (400, 600, 1_000));
    // Both may cover the same units: the sum is then above the balance, and the balance is frozen.
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: DEBTOR, amount: units(900) });
    assert_eq!(stand(&mut ledger, DEBTOR), (0, 1_000, 1_000));
    let error = UnfreezeExceedsFrozen { account: DEBTOR, frozen: units(1_000), amount: units(1_001) };
    let thaw = |amount| unfreezePartialTokensCall { userAddress: DEBTOR, amount: units(amount) };
    ledger.reverts(FREEZER, eur(), thaw(1_001), error);
    ledger.ok(FREEZER, eur(), thaw(1_000));
    assert_eq!(stand(&mut ledger, DEBTOR), (500, 500, 1_000), "thawing does not reach orders");
    ledger.ok(FREEZER, eur(), endOrderCall { orderId: 1, legalReference: decision() });
    let ended = OrderEnded { orderId: 1, account: DEBTOR, legalReference: decision(), freezer: FREEZER };
    assert_eq!(ledger.last_event::<OrderEnded>().1, ended);
    assert_eq!(stand(&mut ledger, DEBTOR), (800, 200, 1_000));
    sound(&mut ledger);
}

/// Free units are frozen first, then those on hold; a hold that stands can be posted as far as enough stays.
#[test]
fn an_order_reaches_units_on_hold() {
    let mut ledger = court();
    let number = reserve(&mut ledger, DEBTOR, 800);
    issue(&mut ledger, 500);
    assert_eq!(stand(&mut ledger, DEBTOR), (0, 500, 1_000));
    let frozen =
        InsufficientUnfrozenBalance { sender: DEBTOR, balance: units(1_000), frozen: units(500), needed: units(501) };
    reverted(post(&mut ledger, number, 501), frozen);
    post(&mut ledger, number, 400).unwrap();
    ledger.run(ANYONE, |x| release_hold(x, eur(), (Keeper::Escrow, number), 400)).unwrap();
    assert_eq!(stand(&mut ledger, DEBTOR), (100, 500, 600));
    let again = ledger.run(DEBTOR, |x| hold(x, eur(), Keeper::Escrow, DEBTOR, 101));
    let frozen =
        InsufficientUnfrozenBalance { sender: DEBTOR, balance: units(600), frozen: units(500), needed: units(101) };
    reverted(again, frozen);
    ledger.timestamp_ms += SECOND;
    assert_eq!(stand(&mut ledger, DEBTOR), (600, 0, 600));
    sound(&mut ledger);
}

#[test]
fn an_order_over_the_whole_address_stops_both_directions() {
    let mut ledger = court();
    let call = issueOrderCall { cap: ALL, payee: Address::ZERO, ..terms(&ledger, 0) };
    let expiry = call.expiryMs;
    ledger.ok(FREEZER, eur(), call);
    let frozen = || AccountFrozen { account: DEBTOR };
    ledger.reverts(DEBTOR, eur(), pay(1), frozen());
    ledger.reverts(OTHER, eur(), transferCall { to: DEBTOR, amount: units(1) }, frozen());
    assert!(ledger.ok(ANYONE, eur(), isFrozenCall { userAddress: DEBTOR }));
    freeze(&mut ledger, DEBTOR, false);
    assert!(ledger.ok(ANYONE, eur(), isFrozenCall { userAddress: DEBTOR }), "thawing the address does not end orders");
    let found = ledger.ok(ANYONE, eur(), orderOfCall { orderId: 1 });
    assert_eq!((found.cap, found.left, found.inForce), (ALL, ALL, true));
    ledger.reverts(SEIZER, eur(), seizure(1, units(1), &[]), OrderWithoutPayee { orderId: 1 });
    // Another order seizes all the same.
    let order = issue(&mut ledger, 10);
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[]));
    sound(&mut ledger);
    ledger.timestamp_ms = expiry;
    ledger.ok(DEBTOR, eur(), pay(990));
    sound(&mut ledger);
}

#[test]
fn eight_orders_at_once_and_what_is_over_makes_room() {
    let mut ledger = court();
    for cap in 1..=8 {
        issue(&mut ledger, cap);
    }
    assert_eq!(stand(&mut ledger, DEBTOR), (964, 36, 1_000));
    let full = OrdersExhausted { account: DEBTOR, ordersMax: units(8) };
    let call = terms(&ledger, 9);
    ledger.reverts(FREEZER, eur(), call, full);
    let call = issueOrderCall { account: OTHER, ..terms(&ledger, 9) };
    assert_eq!(ledger.ok(FREEZER, eur(), call), 9, "another account has places of its own");
    ledger.ok(FREEZER, eur(), endOrderCall { orderId: 3, legalReference: decision() });
    assert_eq!(issue(&mut ledger, 10), 10);
    ledger.ok(SEIZER, eur(), seizure(1, ALL, &[]));
    assert_eq!(issue(&mut ledger, 11), 11);
    assert_eq!(ledger.ok(ANYONE, eur(), ordersOfCall { account: DEBTOR }), [2, 4, 5, 6, 7, 8, 10, 11]);
    sound(&mut ledger);
    ledger.timestamp_ms += SECOND;
    assert_eq!(issue(&mut ledger, 12), 12);
    assert_eq!(ledger.ok(ANYONE, eur(), ordersOfCall { account: DEBTOR }), [12]);
    assert_eq!(ledger.ok(ANYONE, eur(), orderCountCall {}), 12);
    sound(&mut ledger);
}

/// An account that was once under an order pays as cheaply as before, once somebody pruned.
#[test]
fn anyone_prunes_what_is_over_and_nothing_else() {
    let mut ledger = court();
    issue(&mut ledger, 100);
    let mark = layout::layout(eur()).holdings.of(&DEBTOR).place();
    let before = ledger.storage.slots[&mark];
    ledger.ok(ANYONE, eur(), pruneOrdersCall { account: DEBTOR });
    assert_eq!((ledger.storage.slots[&mark], stand(&mut ledger, DEBTOR)), (before, (900, 100, 1_000)));
    ledger.timestamp_ms += SECOND;
    ledger.ok(ANYONE, eur(), pruneOrdersCall { account: DEBTOR });
    assert_eq!(ledger.storage.slots[&mark], units(1_000), "no mark is left");
    assert_eq!(left(&mut ledger, 1), (100, false));
    ledger.ok(ANYONE, eur(), pruneOrdersCall { account: POLICY_ADDRESS });
    sound(&mut ledger);
}

#[test]
fn the_dry_run_sees_orders() {
    let mut ledger = court();
    issue(&mut ledger, 700);
    let check = |ledger: &mut Ledger, amount| {
        let call = checkTransferCall { from: DEBTOR, to: OTHER, operator: Address::ZERO, amount: units(amount) };
        let found = ledger.ok(ANYONE, eur(), call);
        (found.allowed, found.code, found.values, found.remedy)
    };
    assert_eq!(check(&mut ledger, 300), (true, 0, Vec::new(), 0));
    assert_eq!(check(&mut ledger, 301), (false, 70, [1_000, 700, 301].map(units).into(), 3));
    let call = issueOrderCall { account: OTHER, cap: ALL, payee: Address::ZERO, ..terms(&ledger, 0) };
    ledger.ok(FREEZER, eur(), call);
    let word = U256::from_be_slice(OTHER.as_slice());
    assert_eq!(check(&mut ledger, 1), (false, 67, vec![word], 3));
    ledger.timestamp_ms += SECOND;
    assert_eq!(check(&mut ledger, 1_000), (true, 0, Vec::new(), 0));
}

#[test]
fn a_batch_does_not_pay_what_an_order_freezes() {
    let mut ledger = court();
    issue(&mut ledger, 700);
    let whole = issueOrderCall { account: account(4), cap: ALL, payee: Address::ZERO, ..terms(&ledger, 0) };
    ledger.ok(FREEZER, eur(), whole);
    let item = |to, amount| BatchItem { to, amount, reference: [0; 8] }.encode().unwrap();
    let items = [item(account(3), 200), item(account(3), 101), item(account(4), 1), item(account(3), 100)].concat();
    let outcome = ledger.run(DEBTOR, |x| post_batch(x, eur(), DEBTOR, &items.into())).unwrap();
    assert_eq!((outcome.results.to_vec(), outcome.total), (vec![0, 6, 4, 0], 300));
    sound(&mut ledger);
}

/// A sweep takes what a holding limit does not admit on to another account: not out of one that has less than is frozen.
#[test]
fn a_sweep_does_not_lead_around_an_order() {
    let mut ledger = court();
    let limit = createHoldingLimitCall { admin: COMPLIANCE, exemptPolicyId: 1, limit: units(600), outcome: 3 };
    let policy = ledger.ok(ANYONE, POLICY_ADDRESS, limit);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    ledger.ok(OTHER, eur(), setLinkedAccountCall { linkedAccount: account(5) });
    let pay = |amount| transferCall { to: OTHER, amount: units(amount) };
    ledger.ok(DEBTOR, eur(), pay(150));
    assert_eq!((balance(&mut ledger, OTHER), balance(&mut ledger, account(5))), (600, 50));
    let order = issueOrderCall { account: OTHER, ..terms(&ledger, 601) };
    ledger.ok(FREEZER, eur(), order);
    let over = HoldingLimitExceeded { policyId: policy, limit: units(600), held: units(600), amount: units(1) };
    ledger.reverts(DEBTOR, eur(), pay(1), over);
    let call = checkTransferCall { from: DEBTOR, to: OTHER, operator: Address::ZERO, amount: units(1) };
    let found = ledger.ok(ANYONE, eur(), call);
    assert_eq!((found.allowed, found.policyId, found.code), (false, policy, 11));
    ledger.timestamp_ms += SECOND;
    ledger.ok(DEBTOR, eur(), pay(1));
    assert_eq!((balance(&mut ledger, OTHER), balance(&mut ledger, account(5))), (600, 51));
    sound(&mut ledger);
}

// ----- seizing -------------------------------------------------------------------------------------------------------

#[test]
fn a_cap_is_used_up_across_several_seizures() {
    let mut ledger = court();
    let order = issue(&mut ledger, 600);
    assert_eq!(ledger.ok(SEIZER, eur(), seizure(order, units(250), &[])), units(250));
    let amount = units(250);
    let moved = Transfer { from: DEBTOR, to: COURT, value: amount };
    assert_eq!(events::<Transfer>(&ledger), [moved]);
    let expected =
        Seized { orderId: 1, account: DEBTOR, payee: COURT, amount, legalReference: decision(), seizer: SEIZER };
    assert_eq!(ledger.last_event::<Seized>(), (eur(), expected));
    assert_eq!((left(&mut ledger, order), stand(&mut ledger, DEBTOR)), ((350, true), (400, 350, 750)));
    let beyond = SeizureExceedsOrder { orderId: order, left: units(350), amount: units(351) };
    ledger.reverts(SEIZER, eur(), seizure(order, units(351), &[]), beyond);
    assert_eq!(ledger.ok(SEIZER, eur(), seizure(order, ALL, &[])), units(350));
    assert_eq!((left(&mut ledger, order), stand(&mut ledger, DEBTOR)), ((0, false), (400, 0, 400)));
    for amount in [units(1), ALL] {
        let beyond = SeizureExceedsOrder { orderId: order, left: U256::ZERO, amount };
        ledger.reverts(SEIZER, eur(), seizure(order, amount, &[]), beyond);
    }
    assert_eq!(balance(&mut ledger, COURT), 600);
    sound(&mut ledger);
}

#[test]
fn free_units_go_first_then_frozen_ones_then_named_holds() {
    let mut ledger = court();
    let holds = [reserve(&mut ledger, DEBTOR, 200), reserve(&mut ledger, DEBTOR, 300)];
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: DEBTOR, amount: units(400) });
    let order = issue(&mut ledger, 1_000);
    ledger.ok(SEIZER, eur(), seizure(order, units(100), &holds));
    assert_eq!((on_hold(&mut ledger, 1), on_hold(&mut ledger, 2)), (200, 300));
    assert_eq!(events::<TokensUnfrozen>(&ledger), []);
    ledger.ok(SEIZER, eur(), seizure(order, units(450), &holds));
    assert_eq!((on_hold(&mut ledger, 1), on_hold(&mut ledger, 2)), (150, 300));
    let told = events::<HoldSeized>(&ledger);
    assert_eq!(told, [HoldSeized { holdId: 1, orderId: order, owner: DEBTOR, amount: units(50) }]);
    // More was taken than the freezer's own call left free: what it froze shrinks to the balance.
    ledger.ok(SEIZER, eur(), seizure(order, units(200), &holds));
    assert_eq!((on_hold(&mut ledger, 1), on_hold(&mut ledger, 2)), (0, 250));
    assert_eq!(events::<TokensUnfrozen>(&ledger), [TokensUnfrozen { userAddress: DEBTOR, amount: units(150) }]);
    sound(&mut ledger);
    let out = SeizureOutOfReach { account: DEBTOR, available: U256::ZERO, amount: ALL };
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[1]), out);
    assert_eq!(ledger.ok(SEIZER, eur(), seizure(order, ALL, &holds)), units(250));
    assert_eq!(stand(&mut ledger, DEBTOR), (0, 0, 0));
    assert_eq!((left(&mut ledger, order), balance(&mut ledger, COURT)), ((0, false), 1_000));
    reverted(post(&mut ledger, 2, 1), HoldExceeded { holdId: 2, held: U256::ZERO, amount: units(1) });
    sound(&mut ledger);
}

#[test]
fn one_hold_is_seized_and_nothing_else() {
    let mut ledger = court();
    reserve(&mut ledger, DEBTOR, 200);
    let order = issue(&mut ledger, 1_000);
    let out = SeizureOutOfReach { account: DEBTOR, available: units(200), amount: units(201) };
    ledger.reverts(SEIZER, eur(), seizure_of(order, 1, units(201)), out);
    assert_eq!(ledger.ok(SEIZER, eur(), seizure_of(order, 1, units(150))), units(150));
    assert_eq!(ledger.ok(SEIZER, eur(), seizure_of(order, 1, ALL)), units(50));
    assert_eq!(
        (on_hold(&mut ledger, 1), balance(&mut ledger, DEBTOR), left(&mut ledger, order)),
        (0, 800, (800, true))
    );
    sound(&mut ledger);
}

/// An order is issued while money is on its way: what is posted before is gone, what is left is reached.
#[test]
fn an_order_in_the_middle_of_posting() {
    let mut ledger = court();
    let number = ledger.run(DEBTOR, |x| hold_for(x, eur(), Keeper::Escrow, (DEBTOR, account(3)), 900)).unwrap();
    let pending =
        |ledger: &mut Ledger| -> u128 { ledger.ok(ANYONE, eur(), pendingCreditOfCall { account: account(3) }).to() };
    post(&mut ledger, number, 300).unwrap();
    let order = issue(&mut ledger, 500);
    post(&mut ledger, number, 200).unwrap();
    let frozen =
        InsufficientUnfrozenBalance { sender: DEBTOR, balance: units(500), frozen: units(500), needed: units(1) };
    reverted(post(&mut ledger, number, 1), frozen);
    assert_eq!(pending(&mut ledger), 400);
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[number]));
    assert_eq!((pending(&mut ledger), on_hold(&mut ledger, number)), (0, 0));
    assert_eq!([DEBTOR, account(3), COURT].map(|who| balance(&mut ledger, who)), [0, 500, 500]);
    sound(&mut ledger);
}

#[test]
fn neither_a_frozen_address_nor_the_policy_nor_another_order_protects() {
    let mut ledger = court();
    let order = issue(&mut ledger, 1_000);
    freeze(&mut ledger, DEBTOR, true);
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![DEBTOR] });
    let call = issueOrderCall { payee: Address::ZERO, ..terms(&ledger, 800) };
    ledger.ok(FREEZER, eur(), call);
    assert_eq!(ledger.ok(SEIZER, eur(), seizure(order, units(900), &[])), units(900));
    assert_eq!(stand(&mut ledger, DEBTOR), (0, 100, 100));
    sound(&mut ledger);
}

#[test]
fn the_payee_of_a_seizure_is_a_party_like_any_other() {
    let mut ledger = court();
    let order = issue(&mut ledger, 100);
    freeze(&mut ledger, COURT, true);
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[]), AccountFrozen { account: COURT });
    freeze(&mut ledger, COURT, false);
    let accounts = vec![COURT];
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: accounts.clone() });
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[]), PolicyForbids { policyId: 2, account: COURT });
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, removeMembersCall { policyId: 2, accounts });
    let limit = createHoldingLimitCall { admin: COMPLIANCE, exemptPolicyId: 1, limit: units(1), outcome: 1 };
    let policy = ledger.ok(ANYONE, POLICY_ADDRESS, limit);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[]));
    assert_eq!(balance(&mut ledger, COURT), 100, "no holding limit binds a seizure");
    sound(&mut ledger);
}

#[test]
fn pause_stops_seizures_and_no_orders() {
    let mut ledger = court();
    ledger.ok(PAUSER, eur(), pauseCall {});
    let order = issue(&mut ledger, 100);
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[]), EnforcedPause {});
    let second = issue(&mut ledger, 100);
    ledger.ok(FREEZER, eur(), endOrderCall { orderId: second, legalReference: decision() });
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[]));
    sound(&mut ledger);
}

#[test]
fn a_seizure_at_the_very_instant_of_the_expiry_is_late() {
    let mut ledger = court();
    let order = issue(&mut ledger, 100);
    let expiry = ledger.timestamp_ms + SECOND;
    ledger.timestamp_ms = expiry - 1;
    ledger.ok(SEIZER, eur(), seizure(order, units(1), &[]));
    ledger.timestamp_ms = expiry;
    let late = || OrderExpired { orderId: order, expiryMs: expiry, nowMs: expiry };
    ledger.reverts(SEIZER, eur(), seizure(order, units(1), &[]), late());
    ledger.reverts(SEIZER, eur(), seizure_of(order, 7, units(1)), late());
    ledger.reverts(FREEZER, eur(), endOrderCall { orderId: order, legalReference: decision() }, late());
}

/// An order that was ended is over in the same block.
#[test]
fn an_order_that_was_ended_cannot_be_executed() {
    let mut ledger = court();
    let order = issue(&mut ledger, 100);
    ledger.ok(FREEZER, eur(), endOrderCall { orderId: order, legalReference: decision() });
    let now = ledger.timestamp_ms;
    let late = OrderExpired { orderId: order, expiryMs: now, nowMs: now };
    ledger.reverts(SEIZER, eur(), seizure(order, units(1), &[]), late);
    ledger.ok(DEBTOR, eur(), pay(1_000));
    sound(&mut ledger);
}

// ----- who may -------------------------------------------------------------------------------------------------------

#[test]
fn two_keys_are_needed_and_one_account_never_has_both() {
    let mut ledger = court();
    let order = issue(&mut ledger, 100);
    let lacks = |account, role| AccessControlUnauthorizedAccount { account, neededRole: role };
    let call = terms(&ledger, 1);
    for caller in [SEIZER, ADMIN, ISSUER, DEBTOR] {
        ledger.reverts(caller, eur(), call.clone(), lacks(caller, FREEZER_ROLE));
        let end = endOrderCall { orderId: order, legalReference: decision() };
        ledger.reverts(caller, eur(), end, lacks(caller, FREEZER_ROLE));
    }
    for caller in [FREEZER, ADMIN, COURT, DEBTOR] {
        ledger.reverts(caller, eur(), seizure(order, ALL, &[]), lacks(caller, SEIZER_ROLE));
        ledger.reverts(caller, eur(), seizure_of(order, 1, ALL), lacks(caller, SEIZER_ROLE));
    }
    for (account, role, held) in [(FREEZER, SEIZER_ROLE, FREEZER_ROLE), (SEIZER, FREEZER_ROLE, SEIZER_ROLE)] {
        let error = RolesMustBeSeparate { account, role, held };
        ledger.reverts(ADMIN, eur(), grantRoleCall { role, account }, error);
    }
    assert!(ledger.ok(ANYONE, eur(), roleSeparationCall {}));
}

#[test]
fn an_admin_may_lift_the_separation_and_require_it_again() {
    let mut ledger = court();
    let set = |required| setRoleSeparationCall { required };
    let lacks = AccessControlUnauthorizedAccount { account: FREEZER, neededRole: ADMIN_ROLE };
    ledger.reverts(FREEZER, eur(), set(false), lacks);
    ledger.ok(ADMIN, eur(), set(true));
    assert_eq!(events::<RoleSeparationSet>(&ledger), [], "what is so already stays without an event");
    ledger.ok(ADMIN, eur(), set(false));
    assert_eq!(ledger.last_event::<RoleSeparationSet>().1, RoleSeparationSet { required: false, admin: ADMIN });
    ledger.ok(ADMIN, eur(), grantRoleCall { role: SEIZER_ROLE, account: FREEZER });
    let order = issue(&mut ledger, 100);
    ledger.ok(FREEZER, eur(), seizure(order, units(10), &[]));
    // Required again, nobody who has both may use either until one is taken away.
    ledger.ok(ADMIN, eur(), set(true));
    let error = |role, held| RolesMustBeSeparate { account: FREEZER, role, held };
    ledger.reverts(FREEZER, eur(), seizure(order, ALL, &[]), error(SEIZER_ROLE, FREEZER_ROLE));
    let call = terms(&ledger, 1);
    ledger.reverts(FREEZER, eur(), call, error(FREEZER_ROLE, SEIZER_ROLE));
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[]));
    ledger.ok(ADMIN, eur(), revokeRoleCall { role: SEIZER_ROLE, account: FREEZER });
    issue(&mut ledger, 1);
    sound(&mut ledger);
}

// ----- errors and hostile callers ------------------------------------------------------------------------------------

#[test]
fn errors_of_issuing_come_in_the_promised_order() {
    let mut ledger = court();
    let now = ledger.timestamp_ms;
    let wrong = issueOrderCall {
        account: ESCROW_ADDRESS,
        payee: ESCROW_ADDRESS,
        cap: U256::ZERO,
        expiryMs: 0,
        legalReference: B256::ZERO,
    };
    let lacks = AccessControlUnauthorizedAccount { account: ANYONE, neededRole: FREEZER_ROLE };
    ledger.reverts(ANYONE, eur(), wrong.clone(), lacks);
    let parties = [
        (ESCROW_ADDRESS, COURT),
        (eur(), COURT),
        (Address::ZERO, COURT),
        (Address::ZERO, Address::ZERO),
        (DEBTOR, DEBTOR),
        (DEBTOR, CHANNEL_ADDRESS),
        (DEBTOR, token_address(77)),
    ];
    for (account, payee) in parties {
        let error = OrderPartiesInvalid { account, payee };
        ledger.reverts(FREEZER, eur(), issueOrderCall { account, payee, ..wrong.clone() }, error);
    }
    let call = issueOrderCall { account: DEBTOR, payee: COURT, ..wrong };
    for cap in [U256::ZERO, units(u128::MAX) + U256::ONE, ALL] {
        let error = OrderCapInvalid { cap };
        ledger.reverts(FREEZER, eur(), issueOrderCall { cap, ..call.clone() }, error);
    }
    let call = issueOrderCall { cap: units(u128::MAX), ..call };
    let most = now + ORDER_AHEAD_MS_MAX;
    for expiry in [0, now, most + 1, u64::MAX] {
        let error = OrderExpiryInvalid { expiryMs: expiry, nowMs: now, expiryMsMax: most };
        ledger.reverts(FREEZER, eur(), issueOrderCall { expiryMs: expiry, ..call.clone() }, error);
    }
    let call = issueOrderCall { expiryMs: most, ..call };
    ledger.reverts(FREEZER, eur(), call.clone(), LegalReferenceMissing {});
    ledger.ok(FREEZER, eur(), issueOrderCall { legalReference: decision(), ..call.clone() });
    ledger.ok(FREEZER, eur(), issueOrderCall { legalReference: decision(), ..call });
    assert_eq!(stand(&mut ledger, DEBTOR), (0, 1_000, 1_000), "sums beyond 128 bits freeze all there is");
    sound(&mut ledger);
}

#[test]
fn errors_of_ending_and_seizing_come_in_the_promised_order() {
    let mut ledger = court();
    for owner in [DEBTOR, OTHER] {
        reserve(&mut ledger, owner, 100);
    }
    let freezing = issueOrderCall { payee: Address::ZERO, ..terms(&ledger, 50) };
    ledger.ok(FREEZER, eur(), freezing);
    let order = issue(&mut ledger, 50);

    let end = |order, legal_reference| endOrderCall { orderId: order, legalReference: legal_reference };
    ledger.reverts(FREEZER, eur(), end(9, B256::ZERO), LegalReferenceMissing {});
    for unknown in [0, 9, u64::MAX] {
        ledger.reverts(FREEZER, eur(), end(unknown, decision()), OrderUnknown { orderId: unknown });
        ledger.reverts(ANYONE, eur(), orderOfCall { orderId: unknown }, OrderUnknown { orderId: unknown });
    }

    let blank = |call: seizeCall| seizeCall { legalReference: B256::ZERO, ..call };
    ledger.reverts(SEIZER, eur(), blank(seizure(9, ALL, &[2, 1])), LegalReferenceMissing {});
    let many: Vec<u64> = (1..=33).collect();
    for holds in [&[2, 1][..], &[1, 1], &many] {
        let error = SeizedHoldsInvalid { count: units(holds.len() as u128), countMax: units(32) };
        ledger.reverts(SEIZER, eur(), seizure(9, ALL, holds), error);
    }
    ledger.reverts(SEIZER, eur(), seizure(9, ALL, &many[..32]), OrderUnknown { orderId: 9 });
    ledger.reverts(SEIZER, eur(), seizure(1, ALL, &[9]), OrderWithoutPayee { orderId: 1 });
    for amount in [U256::ZERO, units(51), ALL - U256::ONE] {
        let error = SeizureExceedsOrder { orderId: order, left: units(50), amount };
        ledger.reverts(SEIZER, eur(), seizure(order, amount, &[9]), error);
    }
    ledger.ok(PAUSER, eur(), pauseCall {});
    freeze(&mut ledger, COURT, true);
    let accounts = vec![COURT];
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: accounts.clone() });
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[9]), HoldUnknown { holdId: 9 });
    let foreign = SeizedHoldForeign { holdId: 2, owner: OTHER, account: DEBTOR };
    ledger.reverts(SEIZER, eur(), seizure(order, ALL, &[1, 2]), foreign);
    let foreign = SeizedHoldForeign { holdId: 2, owner: OTHER, account: DEBTOR };
    ledger.reverts(SEIZER, eur(), seizure_of(order, 2, ALL), foreign);
    post_all(&mut ledger);
    ledger.reverts(SEIZER, eur(), seizure_of(order, 1, ALL), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.reverts(SEIZER, eur(), seizure_of(order, 1, ALL), AccountFrozen { account: COURT });
    freeze(&mut ledger, COURT, false);
    ledger.reverts(SEIZER, eur(), seizure_of(order, 1, ALL), PolicyForbids { policyId: 2, account: COURT });
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, removeMembersCall { policyId: 2, accounts });
    let out = SeizureOutOfReach { account: DEBTOR, available: U256::ZERO, amount: ALL };
    ledger.reverts(SEIZER, eur(), seizure_of(order, 1, ALL), out);
    ledger.ok(SEIZER, eur(), seizure(order, ALL, &[1]));
    sound(&mut ledger);
}

/// Empties the first hold.
fn post_all(ledger: &mut Ledger) {
    ledger.run(ANYONE, |x| release_hold(x, eur(), (Keeper::Escrow, 1), 100)).unwrap();
}

#[test]
fn orders_of_one_token_say_nothing_in_another() {
    let mut ledger = court();
    issue(&mut ledger, 100);
    let token = token_address(2);
    ledger.reverts(SEIZER, token, seizure(1, ALL, &[]), TokenUnknown { token });
    ledger.reverts(ANYONE, token, ordersOfCall { account: DEBTOR }, TokenUnknown { token });
}

// ----- storage and invariants ----------------------------------------------------------------------------------------

/// What an external reader finds with eth_getStorageAt.
#[test]
fn an_order_lies_where_the_layout_says() {
    let mut ledger = court();
    let call = terms(&ledger, 0x77);
    let expiry = U256::from(call.expiryMs);
    ledger.ok(FREEZER, eur(), call);
    let place = |key: U256, slot: u64| -> U256 {
        keccak256([key.to_be_bytes::<32>(), U256::from(slot).to_be_bytes()].concat()).into()
    };
    let slots = &ledger.storage.slots;
    let record = place(U256::ONE, 33);
    let at = |offset: u64| slots[&(eur(), record + U256::from(offset))];
    let word = |account: Address| U256::from_be_slice(account.as_slice());
    assert_eq!(at(0), units(0x77) | expiry << 128);
    assert_eq!([at(1), at(2), at(3), at(4)], [word(DEBTOR), word(COURT), units(0x77), decision().into()]);
    assert_eq!(slots[&(eur(), U256::from(32))], U256::ONE);
    assert_eq!(slots[&(eur(), place(word(DEBTOR), 34))], U256::ONE);
    let holding = (eur(), place(word(DEBTOR), 4));
    assert_eq!(slots[&holding], units(1_000) | U256::from(2) << 248);
    ledger.storage.slots.insert(holding, units(1_000) | U256::from(4) << 248);
    let unknown = ledger.call(ANYONE, eur(), balanceOfCall { account: DEBTOR });
    assert!(matches!(unknown, Err(Failure::Fault(_))), "a mark that was never written: {unknown:?}");
}

/// The checkers are checked: each tampering is named.
#[test]
fn invariants_of_orders_notice_what_they_name() {
    let check = |tamper: &dyn Fn(&mut Ledger)| -> Vec<&'static str> {
        let mut ledger = court();
        let order = issue(&mut ledger, 100);
        issue(&mut ledger, 10);
        let other = issueOrderCall { account: OTHER, ..terms(&ledger, 5) };
        ledger.ok(FREEZER, eur(), other);
        ledger.ok(SEIZER, eur(), seizure(order, units(40), &[]));
        tamper(&mut ledger);
        let mut book = EventBook::default();
        book.credit_genesis(eur(), account(1), 1_000);
        book.credit_genesis(eur(), account(2), 500);
        ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
        let found = ledger.run(ANYONE, |context| book.check(context)).unwrap();
        let mut names: Vec<_> = found.iter().map(|violation| violation.invariant).collect();
        names.dedup();
        names
    };
    let places = layout::layout(eur());
    let set =
        |slot: (Address, U256), word: U256| move |ledger: &mut Ledger| _ = ledger.storage.slots.insert(slot, word);
    assert_eq!(check(&|_| ()), Vec::<&str>::new());
    let force = places.orders.of(&1).force.place();
    let expiry = U256::from(Ledger::bare().timestamp_ms + SECOND) << 128;
    assert_eq!(check(&set(force, units(59) | expiry)), ["token.orders_within_caps"]);
    assert_eq!(check(&set(force, units(61) | expiry)), ["token.orders_within_caps"]);
    let list = places.listed_orders.of(&DEBTOR).place();
    let pair = |one: u64, two: u64| U256::from(one) | U256::from(two) << 32;
    assert_eq!(check(&set(list, pair(1, 2))), Vec::<&str>::new());
    for numbers in [(1, 0), (2, 0), (1, 1), (2, 1), (1, 3)] {
        let found = check(&set(list, pair(numbers.0, numbers.1)));
        assert_eq!(found, ["token.orders_are_listed"], "{numbers:?}");
    }
    let holding = places.holdings.of(&DEBTOR).place();
    assert_eq!(check(&set(holding, units(960))), ["token.orders_are_listed"], "a mark is missing");
    let unmarked = places.holdings.of(&COURT).place();
    assert_eq!(check(&set(unmarked, units(40) | U256::from(2) << 248)), Vec::<&str>::new(), "a mark costs gas alone");
}
