//! Scenarios of vouchers: payees, windows, the very instants, handing on, freezes and seizures, precedence of errors.

use super::{IVoucher::*, *};
use crate::{
    Failure, VOUCHER_ADDRESS,
    policy::IPolicy::{PolicyUnknown, addMembersCall, removeMembersCall},
    testing::{
        ADMIN, COMPLIANCE, FREEZER, Ledger, PAUSER, account, cases, limit_payments, lower_to_nothing, seize_from_hold,
        units, used_today, world,
    },
    token::{
        IToken::{
            AccountFrozen, ERC20InsufficientBalance, ERC20InvalidReceiver, EnforcedPause, InsufficientUnheldBalance,
            PolicyForbids, TokenUnknown, balanceOfCall, pauseCall, setAddressFrozenCall, spendableBalanceOfCall,
            unpauseCall,
        },
        invariants::EventBook,
    },
    token_address,
};
use alloy_primitives::{Address, B256, U256};

mod model;

const TO: Address = VOUCHER_ADDRESS;
const ALL: U256 = U256::MAX;
const SPONSOR: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(2);
const HOLDER: Address = Address::repeat_byte(3);
const FRIEND: Address = Address::repeat_byte(4);
const ANYONE: Address = Address::repeat_byte(9);
const PURPOSE: B256 = B256::repeat_byte(0x50);
/// Allow list of genesis: sponsor and payee are its members.
const SHOPS: u64 = 3;
const LIFE: u64 = 10_000;

fn eur() -> Address {
    token_address(1)
}

fn terms(ledger: &Ledger) -> VoucherTerms {
    VoucherTerms {
        token: eur(),
        payeePolicyId: SHOPS,
        spendFromMs: 0,
        spendUntilMs: 0,
        expiresMs: ledger.timestamp_ms + LIFE,
        transferable: true,
        purposeHash: PURPOSE,
    }
}

fn create(terms: &VoucherTerms, amount: u128) -> createCall {
    createCall { terms: terms.clone(), beneficiary: HOLDER, amount: units(amount) }
}

fn spend(payee: Address, amount: U256) -> spendCall {
    spendCall { voucherId: 1, payee, amount, paymentReference: B256::repeat_byte(7) }
}

fn hand(to: Address, amount: U256) -> handCall {
    handCall { voucherId: 1, to, amount }
}

/// A voucher of 600 under these terms.
fn made(change: impl FnOnce(&mut VoucherTerms)) -> Ledger {
    let mut ledger = world();
    let mut terms = terms(&ledger);
    change(&mut terms);
    assert_eq!(ledger.ok(SPONSOR, TO, create(&terms, 600)), 1);
    ledger
}

fn get(ledger: &mut Ledger, number: u64) -> voucherOfReturn {
    ledger.ok(ANYONE, TO, voucherOfCall { voucherId: number })
}

fn left(ledger: &mut Ledger, number: u64) -> (u8, u128) {
    let voucher = get(ledger, number);
    (voucher.status, voucher.left.to())
}

fn balances(ledger: &mut Ledger, who: Address) -> (u128, u128) {
    let balance = ledger.ok(who, eur(), balanceOfCall { account: who });
    (balance.to(), ledger.ok(who, eur(), spendableBalanceOfCall { account: who }).to())
}

fn sound(ledger: &mut Ledger) -> Vec<&'static str> {
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
    let mut found = ledger.run(ANYONE, |context| book.check(context)).unwrap();
    found.extend(ledger.run(ANYONE, invariants::check).unwrap());
    found.into_iter().map(|violation| violation.invariant).collect()
}

fn seize(ledger: &mut Ledger, number: u64, amount: u128) -> bool {
    let hold = get(ledger, number).holdId;
    seize_from_hold(ledger, eur(), hold, amount).is_ok()
}

#[test]
fn a_voucher_is_spent_in_parts_where_its_policy_admits() {
    let mut ledger = made(|_| ());
    assert_eq!(balances(&mut ledger, SPONSOR), (1_000, 400));
    assert!(ledger.ok(ANYONE, TO, admitsCall { voucherId: 1, payee: PAYEE }));
    for payee in [FRIEND, HOLDER, Address::ZERO, eur()] {
        assert!(!ledger.ok(ANYONE, TO, admitsCall { voucherId: 1, payee }), "{payee}");
    }
    ledger.ok(HOLDER, TO, spend(PAYEE, units(250)));
    let event = VoucherSpent { voucherId: 1, payee: PAYEE, amount: units(250), paymentReference: B256::repeat_byte(7) };
    assert_eq!(ledger.last_event::<VoucherSpent>(), (TO, event));
    let error = VoucherPayeeNotAdmitted { voucherId: 1, payeePolicyId: SHOPS, payee: FRIEND };
    ledger.reverts(HOLDER, TO, spend(FRIEND, units(1)), error);
    ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, addMembersCall { policyId: SHOPS, accounts: vec![FRIEND] });
    ledger.ok(HOLDER, TO, spend(FRIEND, ALL));
    assert_eq!((balances(&mut ledger, SPONSOR), balances(&mut ledger, FRIEND)), ((400, 400), (350, 350)));
    let voucher = get(&mut ledger, 1);
    assert_eq!((voucher.status, voucher.spent, voucher.left, voucher.seized), (2, units(600), units(0), units(0)));
    let ended = VoucherEnded { voucherId: 1, status: 2, released: U256::ZERO };
    assert_eq!(ledger.last_event::<VoucherEnded>(), (TO, ended));
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), VoucherNotActive { voucherId: 1, status: 2 });
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());
}

#[test]
fn at_the_very_instant_of_its_expiry_nothing_is_spent_and_anyone_frees_the_rest() {
    let mut ledger = made(|_| ());
    let end = ledger.timestamp_ms + LIFE;
    ledger.timestamp_ms = end - 1;
    ledger.ok(HOLDER, TO, spend(PAYEE, units(100)));
    let error = VoucherNotDue { voucherId: 1, expiresMs: end, nowMs: end - 1 };
    ledger.reverts(SPONSOR, TO, expireCall { voucherId: 1 }, error);
    ledger.timestamp_ms = end;
    let late = || VoucherExpired { voucherId: 1, expiresMs: end, nowMs: end };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), late());
    ledger.reverts(HOLDER, TO, hand(FRIEND, units(1)), late());
    ledger.ok(ANYONE, TO, expireCall { voucherId: 1 });
    assert_eq!((balances(&mut ledger, SPONSOR), left(&mut ledger, 1)), ((900, 900), (3, 0)));
    let again = || VoucherNotActive { voucherId: 1, status: 3 };
    ledger.reverts(ANYONE, TO, expireCall { voucherId: 1 }, again());
    ledger.reverts(HOLDER, TO, giveBackCall { voucherId: 1, amount: ALL }, again());
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());
}

#[test]
fn a_window_is_closed_before_it_begins_and_at_its_very_end() {
    let mut ledger = made(|terms| {
        terms.spendFromMs = terms.expiresMs - 5_000;
        terms.spendUntilMs = terms.expiresMs - 1_000;
    });
    let (now, from) = (ledger.timestamp_ms, ledger.timestamp_ms + LIFE - 5_000);
    let until = from + 4_000;
    let early = |now| VoucherNotOpen { voucherId: 1, spendFromMs: from, nowMs: now };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), early(now));
    ledger.timestamp_ms = from - 1;
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), early(from - 1));
    for instant in [from, until - 1] {
        ledger.timestamp_ms = instant;
        ledger.ok(HOLDER, TO, spend(PAYEE, units(1)));
    }
    ledger.timestamp_ms = until;
    let error = VoucherClosed { voucherId: 1, spendUntilMs: until, nowMs: until };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), error);
    ledger.ok(HOLDER, TO, hand(FRIEND, units(1)));
    let error = VoucherClosed { voucherId: 2, spendUntilMs: until, nowMs: until };
    ledger.reverts(FRIEND, TO, spendCall { voucherId: 2, ..spend(PAYEE, units(1)) }, error);
    ledger.ok(HOLDER, TO, giveBackCall { voucherId: 1, amount: ALL });
}

#[test]
fn a_voucher_is_handed_on_whole_or_in_part_with_its_terms() {
    let mut ledger = made(|_| ());
    assert_eq!(ledger.ok(HOLDER, TO, hand(FRIEND, units(200))), 2);
    let event = VoucherHanded { voucherId: 1, newVoucherId: 2, to: FRIEND, by: HOLDER, amount: units(200) };
    assert_eq!(ledger.last_event::<VoucherHanded>(), (TO, event));
    let (first, second) = (get(&mut ledger, 1), get(&mut ledger, 2));
    assert_eq!((first.left, first.handed), (units(400), units(200)));
    assert_eq!((second.sponsor, second.beneficiary, second.amount), (SPONSOR, FRIEND, units(200)));
    let agreed = |ledger: &mut Ledger, number| ledger.ok(ANYONE, TO, termsOfCall { voucherId: number });
    assert_eq!(agreed(&mut ledger, 1), agreed(&mut ledger, 2));
    assert_eq!(agreed(&mut ledger, 1).spendUntilMs, agreed(&mut ledger, 1).expiresMs);
    assert_eq!(ledger.ok(HOLDER, TO, hand(FRIEND, ALL)), 1);
    let error = VoucherPartyRequired { voucherId: 1, caller: HOLDER, beneficiary: FRIEND };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), error);
    // Not even by a detour is it paid to the one who spends it.
    ledger.reverts(FRIEND, TO, spend(FRIEND, units(1)), VoucherPayeeInvalid { voucherId: 1, payee: FRIEND });
    ledger.ok(FRIEND, TO, spend(PAYEE, ALL));
    ledger.ok(FRIEND, TO, spendCall { voucherId: 2, ..spend(PAYEE, ALL) });
    assert_eq!(balances(&mut ledger, PAYEE), (1_100, 1_100));
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());

    let mut ledger = made(|terms| terms.transferable = false);
    ledger.reverts(HOLDER, TO, hand(FRIEND, units(1)), VoucherNotTransferable { voucherId: 1 });
}

#[test]
fn what_merely_expires_is_spent_anywhere_but_at_oneself() {
    let mut ledger = made(|terms| terms.payeePolicyId = 0);
    ledger.reverts(HOLDER, TO, spend(HOLDER, units(1)), VoucherPayeeInvalid { voucherId: 1, payee: HOLDER });
    ledger.reverts(HOLDER, TO, spend(eur(), units(1)), ERC20InvalidReceiver { receiver: eur() });
    ledger.ok(HOLDER, TO, spend(ANYONE, units(5)));
    ledger.ok(HOLDER, TO, spend(SPONSOR, units(5)));
    assert_eq!((balances(&mut ledger, SPONSOR), left(&mut ledger, 1)), ((995, 405), (1, 590)));
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());
}

#[test]
fn terms_that_make_no_voucher() {
    let mut ledger = world();
    let (base, now) = (terms(&ledger), ledger.timestamp_ms);
    let latest = now + LIFE_MS_MAX;
    let with = |change: &dyn Fn(&mut VoucherTerms)| {
        let mut terms = base.clone();
        change(&mut terms);
        terms
    };
    for token in [account(5), token_address(9), TO, Address::ZERO] {
        let terms = with(&|terms| (terms.token, terms.payeePolicyId) = (token, 99));
        ledger.reverts(SPONSOR, TO, create(&terms, 0), TokenUnknown { token });
    }
    let terms = with(&|terms| (terms.payeePolicyId, terms.expiresMs) = (99, 0));
    ledger.reverts(SPONSOR, TO, create(&terms, 0), PolicyUnknown { policyId: 99 });
    let expires = base.expiresMs;
    for (from, until, end) in [
        (0, 0, 0),
        (0, 0, now),
        (0, 0, latest + 1),
        (expires, 0, expires),
        (0, now, expires),
        (0, expires + 1, expires),
        (now + 5, now + 5, expires),
        (u64::MAX, 0, u64::MAX),
    ] {
        let terms = with(&|terms| (terms.spendFromMs, terms.spendUntilMs, terms.expiresMs) = (from, until, end));
        let error = VoucherTimesInvalid {
            spendFromMs: from,
            spendUntilMs: until,
            expiresMs: end,
            nowMs: now,
            expiresMsMax: latest,
        };
        ledger.reverts(SPONSOR, TO, create(&terms, 0), error);
    }
    let beyond = units(u128::MAX) + U256::ONE;
    for amount in [U256::ZERO, beyond, ALL] {
        let call = createCall { amount, beneficiary: SPONSOR, ..create(&base, 0) };
        ledger.reverts(SPONSOR, TO, call, VoucherAmountInvalid { amount });
    }
    for beneficiary in [SPONSOR, Address::ZERO, TO, eur()] {
        let call = createCall { beneficiary, ..create(&base, 2_000) };
        ledger.reverts(SPONSOR, TO, call, VoucherBeneficiaryInvalid { beneficiary });
    }
    let error = ERC20InsufficientBalance { sender: SPONSOR, balance: units(1_000), needed: units(1_001) };
    ledger.reverts(SPONSOR, TO, create(&base, 1_001), error);
    let longest = with(&|terms| terms.expiresMs = latest);
    assert_eq!(ledger.ok(SPONSOR, TO, create(&longest, 1)), 1);
}

#[test]
fn many_are_made_all_or_none() {
    let mut ledger = world();
    let terms = terms(&ledger);
    let call = |count: u64, amounts: Vec<U256>| createManyCall {
        terms: terms.clone(),
        beneficiaries: (0..count).map(|number| Address::left_padding_from(&(500 + number).to_be_bytes())).collect(),
        amounts,
    };
    for (count, amounts) in [(0, 0), (101, 101), (2, 1), (1, 2)] {
        let error =
            VouchersInvalid { beneficiaries: U256::from(count), amounts: U256::from(amounts), vouchersMax: units(100) };
        ledger.reverts(SPONSOR, TO, call(count, vec![units(1); amounts]), error);
    }
    let error = InsufficientUnheldBalance {
        sender: SPONSOR,
        balance: units(1_000),
        frozen: U256::ZERO,
        held: units(900),
        needed: units(101),
    };
    ledger.reverts(SPONSOR, TO, call(2, vec![units(900), units(101)]), error);
    ledger.reverts(SPONSOR, TO, call(2, vec![units(9), U256::ZERO]), VoucherAmountInvalid { amount: U256::ZERO });
    assert_eq!(ledger.ok(ANYONE, TO, voucherCountCall {}), 0);
    assert_eq!(ledger.ok(SPONSOR, TO, call(100, vec![units(10); 100])), 1);
    assert_eq!((ledger.ok(ANYONE, TO, voucherCountCall {}), balances(&mut ledger, SPONSOR)), (100, (1_000, 0)));
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());
}

#[test]
fn only_the_beneficiary_decides_and_only_over_what_is_left() {
    let mut ledger = made(|_| ());
    for stranger in [SPONSOR, PAYEE, FRIEND, ADMIN] {
        let error = || VoucherPartyRequired { voucherId: 1, caller: stranger, beneficiary: HOLDER };
        ledger.reverts(stranger, TO, spend(PAYEE, units(1)), error());
        ledger.reverts(stranger, TO, hand(FRIEND, units(1)), error());
        ledger.reverts(stranger, TO, giveBackCall { voucherId: 1, amount: ALL }, error());
    }
    for number in [0, 2, u64::MAX] {
        let error = || VoucherUnknown { voucherId: number };
        ledger.reverts(HOLDER, TO, spendCall { voucherId: number, ..spend(PAYEE, ALL) }, error());
        ledger.reverts(HOLDER, TO, voucherOfCall { voucherId: number }, error());
    }
    let exceeded = || VoucherExceeded { voucherId: 1, left: units(600), amount: units(601) };
    ledger.reverts(HOLDER, TO, spend(HOLDER, units(601)), exceeded());
    ledger.reverts(HOLDER, TO, hand(SPONSOR, units(601)), exceeded());
    ledger.reverts(HOLDER, TO, giveBackCall { voucherId: 1, amount: units(601) }, exceeded());
    let none = || VoucherAmountInvalid { amount: U256::ZERO };
    ledger.reverts(HOLDER, TO, spend(HOLDER, U256::ZERO), none());
    ledger.reverts(HOLDER, TO, giveBackCall { voucherId: 1, amount: U256::ZERO }, none());
    for beneficiary in [SPONSOR, HOLDER, Address::ZERO, TO] {
        ledger.reverts(HOLDER, TO, hand(beneficiary, ALL), VoucherBeneficiaryInvalid { beneficiary });
    }
    ledger.ok(HOLDER, TO, giveBackCall { voucherId: 1, amount: units(100) });
    assert_eq!(ledger.last_event::<VoucherReturned>().1, VoucherReturned { voucherId: 1, amount: units(100) });
    assert_eq!((balances(&mut ledger, SPONSOR), left(&mut ledger, 1)), ((1_000, 500), (1, 500)));
    ledger.ok(HOLDER, TO, giveBackCall { voucherId: 1, amount: ALL });
    assert_eq!(left(&mut ledger, 1), (2, 0));
}

#[test]
fn freezes_pauses_and_policies_stop_spending_but_not_the_way_back() {
    let mut ledger = made(|_| ());
    let freeze = |who, on| setAddressFrozenCall { userAddress: who, freeze: on };
    for who in [SPONSOR, PAYEE, HOLDER] {
        ledger.ok(FREEZER, eur(), freeze(who, true));
        ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), AccountFrozen { account: who });
        ledger.ok(FREEZER, eur(), freeze(who, false));
    }
    ledger.ok(FREEZER, eur(), freeze(HOLDER, true));
    ledger.reverts(HOLDER, TO, hand(FRIEND, ALL), AccountFrozen { account: HOLDER });
    ledger.ok(FREEZER, eur(), freeze(HOLDER, false));
    for account in [SPONSOR, PAYEE] {
        let accounts = vec![account];
        ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: accounts.clone() });
        ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), PolicyForbids { policyId: 2, account });
        ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, removeMembersCall { policyId: 2, accounts });
    }
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), EnforcedPause {});
    ledger.reverts(HOLDER, TO, hand(FRIEND, units(1)), EnforcedPause {});
    ledger.ok(HOLDER, TO, giveBackCall { voucherId: 1, amount: units(100) });
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.ok(FREEZER, eur(), freeze(SPONSOR, true));
    ledger.timestamp_ms += LIFE;
    ledger.ok(ANYONE, TO, expireCall { voucherId: 1 });
    assert_eq!(left(&mut ledger, 1), (3, 0));
    assert_eq!(sound(&mut ledger), Vec::<&str>::new());
}

/// Who is listed after the voucher was made decides over no units: not by spending, not by handing on.
#[test]
fn a_beneficiary_whom_the_token_s_policy_forbids_gives_back_at_most() {
    let mut ledger = made(|_| ());
    let list = |account| addMembersCall { policyId: 2, accounts: vec![account] };
    ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, list(HOLDER));
    let forbids = || PolicyForbids { policyId: 2, account: HOLDER };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(1)), forbids());
    ledger.reverts(HOLDER, TO, hand(FRIEND, ALL), forbids());
    ledger.reverts(HOLDER, TO, hand(FRIEND, units(1)), forbids());
    ledger.ok(HOLDER, TO, giveBackCall { voucherId: 1, amount: units(100) });
    let removed = removeMembersCall { policyId: 2, accounts: vec![HOLDER] };
    ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, removed);
    ledger.ok(HOLDER, TO, hand(FRIEND, ALL));
    ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, list(FRIEND));
    ledger.reverts(FRIEND, TO, spend(PAYEE, units(1)), PolicyForbids { policyId: 2, account: FRIEND });
    ledger.timestamp_ms += LIFE;
    ledger.ok(ANYONE, TO, expireCall { voucherId: 1 });
    assert_eq!((balances(&mut ledger, SPONSOR), sound(&mut ledger)), ((1_000, 1_000), vec![]));
}

#[test]
fn a_seizure_leaves_less_and_never_more() {
    let mut ledger = made(|_| ());
    ledger.ok(HOLDER, TO, spend(PAYEE, units(100)));
    assert!(seize(&mut ledger, 1, 450));
    let voucher = get(&mut ledger, 1);
    assert_eq!((voucher.left, voucher.seized), (units(50), units(450)));
    let error = VoucherExceeded { voucherId: 1, left: units(50), amount: units(51) };
    ledger.reverts(HOLDER, TO, spend(PAYEE, units(51)), error);
    ledger.ok(HOLDER, TO, hand(FRIEND, units(10)));
    assert!(seize(&mut ledger, 1, 40));
    ledger.reverts(HOLDER, TO, spend(PAYEE, ALL), VoucherAmountInvalid { amount: ALL });
    ledger.timestamp_ms += LIFE;
    for number in [1, 2] {
        ledger.ok(ANYONE, TO, expireCall { voucherId: number });
    }
    let voucher = get(&mut ledger, 1);
    assert_eq!((voucher.handed, voucher.returned, voucher.seized), (units(10), units(0), units(490)));
    assert_eq!((balances(&mut ledger, SPONSOR), sound(&mut ledger)), ((410, 410), vec![]));
}

/// The checkers are checked: each tampering is named.
#[test]
fn invariants_notice_what_they_name() {
    let names = |slot: (Address, U256), word: U256| -> Vec<&'static str> {
        let mut ledger = made(|_| ());
        let call = create(&terms(&ledger), 50);
        ledger.ok(SPONSOR, TO, call);
        ledger.storage.slots.insert(slot, word);
        let found = ledger.run(ANYONE, invariants::check).unwrap();
        found.into_iter().map(|violation| violation.invariant).collect()
    };
    let record = layout::layout().vouchers.of(&1);
    let head = |status: u64| U256::from_be_slice(SPONSOR.as_slice()) | U256::ONE << 160 | U256::from(status) << 224;
    assert_eq!(names(record.head.place(), head(1)), Vec::<&str>::new());
    assert_eq!(names(record.head.place(), head(4)), ["voucher.status_is_known"]);
    assert_eq!(names(record.head.place(), head(3)), ["voucher.ended_leaves_nothing"]);
    assert_eq!(names(record.amounts.place(), units(599)), ["voucher.conserved"]);
    let bounds = units(u128::from(SHOPS)) | U256::from(2) << 192;
    assert_eq!(names(record.bounds.place(), bounds), ["voucher.hold_is_the_sponsors"]);
}

/// The sponsor's payment limit counts a voucher when it is made: neither spending nor handing on a part asks it again.
#[test]
fn a_voucher_is_counted_when_it_is_made() {
    let mut ledger = world();
    let limit = limit_payments(&mut ledger, 600, 700);
    let used = |ledger: &mut Ledger| used_today(ledger, limit, SPONSOR);
    let terms = terms(&ledger);
    ledger.ok(SPONSOR, TO, create(&terms, 600));
    assert!(ledger.call(SPONSOR, TO, create(&terms, 101)).is_err());
    ledger.ok(SPONSOR, eur(), crate::token::IToken::transferCall { to: FRIEND, amount: units(100) });
    lower_to_nothing(&mut ledger, limit);
    assert_eq!(ledger.ok(HOLDER, TO, hand(FRIEND, units(200))), 2);
    ledger.ok(HOLDER, TO, spend(PAYEE, units(150)));
    ledger.ok(FRIEND, TO, spendCall { voucherId: 2, ..spend(PAYEE, units(50)) });
    assert_eq!(used(&mut ledger), 700);
    ledger.timestamp_ms += LIFE;
    ledger.ok(ANYONE, TO, expireCall { voucherId: 2 });
    assert_eq!(used(&mut ledger), 550);
    ledger.ok(ANYONE, TO, expireCall { voucherId: 1 });
    assert_eq!(used(&mut ledger), 300);
}
