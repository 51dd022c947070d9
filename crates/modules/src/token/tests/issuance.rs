//! Backed tokens: who may issue how much against what, what seizures do to reserves, and issuers against a plain model.

use super::*;
use crate::{
    FACTORY_ADDRESS,
    factory::IFactory::createTokenCall,
    testing::{COURT, cases, seize_from_hold},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) const BANK_A: Address = Address::repeat_byte(1);
pub(super) const BANK_B: Address = Address::repeat_byte(2);
const ATTESTOR: Address = Address::repeat_byte(0xb0);
const REPORT: B256 = B256::repeat_byte(0x77);

/// Money of banks.
pub(super) fn bank_money() -> Address {
    token_address(2)
}

fn create(ledger: &mut Ledger, symbol: &str, decimals: u8) -> Address {
    let (name, policy, cap) = ("Bank money".into(), 0, units(1_000_000));
    let call =
        createTokenCall { name, symbol: symbol.into(), decimals, admin: ADMIN, policyId: policy, supplyCap: cap };
    ledger.ok(ADMIN, FACTORY_ADDRESS, call)
}

/// A token of two banks without a backing; both have euros.
fn unbacked() -> Ledger {
    let mut ledger = world();
    assert_eq!(create(&mut ledger, "BANK", 2), bank_money());
    for bank in [BANK_A, BANK_B] {
        ledger.ok(ADMIN, bank_money(), grantRoleCall { role: ISSUER_ROLE, account: bank });
    }
    for (role, account) in [(ATTESTOR_ROLE, ATTESTOR), (FREEZER_ROLE, FREEZER)] {
        ledger.ok(ADMIN, bank_money(), grantRoleCall { role, account });
    }
    ledger
}

fn quota(ledger: &mut Ledger, issuer: Address, amount: u128) {
    ledger.ok(ADMIN, bank_money(), setIssuerQuotaCall { issuer, quota: units(amount) });
}

/// Backed by euros, with a quota of 600 each.
pub(super) fn backed() -> Ledger {
    let mut ledger = unbacked();
    ledger.ok(ADMIN, bank_money(), setBackingCall { kind: 1, reserveToken: eur() });
    quota(&mut ledger, BANK_A, 600);
    quota(&mut ledger, BANK_B, 600);
    ledger
}

pub(super) fn mint(amount: u128) -> mintCall {
    mintCall { to: account(3), amount: units(amount) }
}

pub(super) fn pledge(amount: u128) -> pledgeReserveCall {
    pledgeReserveCall { amount: units(amount) }
}

pub(super) fn line(ledger: &mut Ledger, issuer: Address) -> (u128, u128, u128) {
    let found = ledger.ok(issuer, bank_money(), issuerOfCall { issuer });
    (found.quota.to(), found.outstanding.to(), found.reserve.to())
}

/// Everything that is checked of both tokens, from genesis on.
pub(super) fn sound(ledger: &mut Ledger) -> Vec<crate::invariants::Violation> {
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
    ledger.run(account(9), |context| book.check(context)).unwrap()
}

/// What a court does to a hold of any module.
pub(super) fn seize(ledger: &mut Ledger, token: Address, hold: u64, amount: u128) -> bool {
    done(seize_from_hold(ledger, token, hold, amount))
}

#[test]
fn the_attestor_role_is_named_by_its_hash() {
    assert_eq!(ATTESTOR_ROLE, keccak256("ATTESTOR_ROLE"));
}

#[test]
fn a_backing_is_set_once_before_the_first_unit_and_fits() {
    let mut ledger = unbacked();
    let set = |kind, reserve| setBackingCall { kind, reserveToken: reserve };
    let need = AccessControlUnauthorizedAccount { account: BANK_A, neededRole: ADMIN_ROLE };
    ledger.reverts(BANK_A, bank_money(), set(1, eur()), need);
    let yen = create(&mut ledger, "JPY", 0);
    for (kind, reserve) in [
        (0, Address::ZERO),
        (3, Address::ZERO),
        (1, Address::ZERO),
        (1, bank_money()),
        (1, account(5)),
        (1, token_address(99)),
        (1, yen),
        (2, eur()),
    ] {
        let error = BackingInvalid { kind, reserveToken: reserve };
        ledger.reverts(ADMIN, bank_money(), set(kind, reserve), error);
    }
    ledger.reverts(ADMIN, eur(), set(2, Address::ZERO), BackingTooLate { supply: units(1_500) });
    ledger.ok(BANK_A, bank_money(), mint(5));
    ledger.reverts(ADMIN, bank_money(), set(1, eur()), BackingTooLate { supply: units(5) });
    ledger.ok(account(3), bank_money(), transferCall { to: BANK_A, amount: units(5) });
    ledger.ok(BANK_A, bank_money(), burnCall { amount: units(5) });
    ledger.ok(ADMIN, bank_money(), set(1, eur()));
    assert_eq!(ledger.last_event::<BackingSet>().1, BackingSet { kind: 1, reserveToken: eur() });
    ledger.reverts(ADMIN, bank_money(), set(2, Address::ZERO), BackingAlreadySet { kind: 1 });
}

#[test]
fn a_token_without_backing_knows_no_quota_and_no_reserve() {
    let mut ledger = unbacked();
    let call = setIssuerQuotaCall { issuer: BANK_A, quota: units(1) };
    ledger.reverts(ADMIN, bank_money(), call, TokenUnbacked {});
    ledger.reverts(BANK_A, bank_money(), pledge(1), BackingKindRequired { needed: 1, kind: 0 });
    let call = attestReserveCall { amount: units(1), expiresMs: u64::MAX, reportHash: REPORT };
    ledger.reverts(ATTESTOR, bank_money(), call, BackingKindRequired { needed: 2, kind: 0 });
    ledger.ok(BANK_A, bank_money(), mint(1_000_000));
    ledger.ok(account(3), bank_money(), transferCall { to: BANK_B, amount: units(10) });
    ledger.ok(BANK_B, bank_money(), burnCall { amount: units(10) });
}

#[test]
fn minting_keeps_to_quota_and_reserve() {
    let mut ledger = backed();
    let to = bank_money();
    let error = ReserveExceeded { reserve: U256::ZERO, issued: U256::ZERO, amount: units(1) };
    ledger.reverts(BANK_A, to, mint(1), error);
    ledger.ok(BANK_A, to, pledge(500));
    let pledged = ReservePledged { issuer: BANK_A, amount: units(500), reserve: units(500), holdId: 1 };
    assert_eq!(ledger.last_event::<ReservePledged>().1, pledged);
    ledger.ok(BANK_A, to, pledge(400));
    assert_eq!(line(&mut ledger, BANK_A), (600, 0, 900));
    assert_eq!(ledger.ok(BANK_A, eur(), heldBalanceOfCall { account: BANK_A }), units(900));
    ledger.ok(BANK_A, to, mint(600));
    let error = IssuerQuotaExceeded { issuer: BANK_A, quota: units(600), outstanding: units(600), amount: units(1) };
    ledger.reverts(BANK_A, to, mint(1), error);
    // One bank's reserve does not cover another's units.
    let error = ReserveExceeded { reserve: U256::ZERO, issued: U256::ZERO, amount: units(1) };
    ledger.reverts(BANK_B, to, mint(1), error);
    quota(&mut ledger, BANK_A, 10);
    assert_eq!(line(&mut ledger, BANK_A), (10, 600, 900));
    let error = IssuerQuotaExceeded { issuer: BANK_A, quota: units(10), outstanding: units(600), amount: U256::ZERO };
    ledger.reverts(BANK_A, to, mint(0), error);
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn a_reserve_cannot_walk_off() {
    let mut ledger = backed();
    let to = bank_money();
    ledger.ok(BANK_A, to, pledge(900));
    ledger.ok(BANK_A, to, mint(600));
    let release = |amount: u128| releaseReserveCall { amount: units(amount) };
    let error = |amount: u128| ReserveInUse {
        issuer: BANK_A,
        reserve: units(900),
        outstanding: units(600),
        amount: units(amount),
    };
    ledger.reverts(BANK_A, to, release(301), error(301));
    ledger.reverts(BANK_A, to, release(u128::MAX), error(u128::MAX));
    ledger.reverts(BANK_A, to, release(0), ReserveAmountInvalid { amount: U256::ZERO });
    let unheld = InsufficientUnheldBalance {
        sender: BANK_A,
        balance: units(1_000),
        frozen: U256::ZERO,
        held: units(900),
        needed: units(101),
    };
    ledger.reverts(BANK_A, eur(), transferCall { to: BANK_B, amount: units(101) }, unheld);
    ledger.ok(BANK_A, to, release(300));
    assert_eq!(line(&mut ledger, BANK_A), (600, 600, 600));
    // A bank that lost its role takes back what it does not need, and nothing else.
    ledger.ok(ADMIN, to, revokeRoleCall { role: ISSUER_ROLE, account: BANK_A });
    let error = ReserveInUse { issuer: BANK_A, reserve: units(600), outstanding: units(600), amount: units(1) };
    ledger.reverts(BANK_A, to, release(1), error);
    let none = ReserveInUse { issuer: account(7), reserve: U256::ZERO, outstanding: U256::ZERO, amount: units(1) };
    ledger.reverts(account(7), to, release(1), none);
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn an_issuer_burns_only_what_it_issued() {
    let mut ledger = backed();
    let to = bank_money();
    for (bank, amount) in [(BANK_A, 300), (BANK_B, 50)] {
        ledger.ok(bank, to, pledge(amount));
        ledger.ok(bank, to, mint(amount));
        ledger.ok(account(3), to, transferCall { to: BANK_B, amount: units(amount) });
    }
    let error = OutstandingExceeded { issuer: BANK_B, outstanding: units(50), amount: units(51) };
    ledger.reverts(BANK_B, to, burnCall { amount: units(51) }, error);
    ledger.ok(BANK_B, to, burnCall { amount: units(50) });
    ledger.ok(BANK_B, to, approveCall { spender: BANK_A, amount: U256::MAX });
    let error = ERC20InsufficientBalance { sender: BANK_B, balance: units(300), needed: units(301) };
    ledger.reverts(BANK_A, to, burnFromCall { from: BANK_B, amount: units(301) }, error);
    ledger.ok(BANK_A, to, burnFromCall { from: BANK_B, amount: units(300) });
    assert_eq!((line(&mut ledger, BANK_A).1, line(&mut ledger, BANK_B).1), (0, 0));
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn a_seizure_of_reserves_stops_minting_until_more_is_pledged() {
    let mut ledger = backed();
    let to = bank_money();
    ledger.ok(BANK_A, to, pledge(400));
    ledger.ok(BANK_A, to, mint(300));
    assert!(seize(&mut ledger, eur(), 1, 250));
    assert_eq!(line(&mut ledger, BANK_A), (600, 300, 150));
    let error = ReserveExceeded { reserve: units(150), issued: units(300), amount: U256::ZERO };
    ledger.reverts(BANK_A, to, mint(0), error);
    let error = ReserveInUse { issuer: BANK_A, reserve: units(150), outstanding: units(300), amount: units(1) };
    ledger.reverts(BANK_A, to, releaseReserveCall { amount: units(1) }, error);
    ledger.ok(BANK_A, to, pledge(160));
    assert_eq!(line(&mut ledger, BANK_A), (600, 300, 310));
    ledger.ok(BANK_A, to, mint(10));
    assert!(seize(&mut ledger, eur(), 2, 310));
    ledger.ok(BANK_A, to, pledge(310));
    assert_eq!(sound(&mut ledger), []);
}

/// What a court ordered to stay is not there for holders: nothing is minted on it, even before it is seized.
#[test]
fn a_frozen_reserve_backs_nothing_new() {
    let mut ledger = backed();
    let to = bank_money();
    ledger.ok(BANK_A, to, pledge(400));
    ledger.ok(BANK_A, to, mint(290));
    // Of 1,000 euros 600 are free: an order over 700 reaches 100 of the reserve.
    let expiry = ledger.timestamp_ms + 5;
    let (account, reference) = (BANK_A, B256::repeat_byte(1));
    let order = |cap| issueOrderCall { account, payee: COURT, cap, expiryMs: expiry, legalReference: reference };
    ledger.ok(FREEZER, eur(), order(units(700)));
    let exceeded = |reserve, amount| ReserveExceeded { reserve: units(reserve), issued: units(290), amount };
    ledger.reverts(BANK_A, to, mint(11), exceeded(300, units(11)));
    ledger.ok(BANK_A, to, mint(10));
    ledger.ok(FREEZER, eur(), order(units(1_000)));
    let exceeded = ReserveExceeded { reserve: U256::ZERO, issued: units(300), amount: units(1) };
    ledger.reverts(BANK_A, to, mint(1), exceeded);
    ledger.timestamp_ms = expiry;
    ledger.ok(BANK_A, to, mint(1));
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: BANK_A, freeze: true });
    let exceeded = ReserveExceeded { reserve: U256::ZERO, issued: units(301), amount: units(1) };
    ledger.reverts(BANK_A, to, mint(1), exceeded);
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn an_attestation_counts_until_the_very_instant_of_its_expiry() {
    let mut ledger = unbacked();
    let (to, now) = (bank_money(), ledger.timestamp_ms);
    ledger.ok(ADMIN, to, setBackingCall { kind: 2, reserveToken: Address::ZERO });
    quota(&mut ledger, BANK_A, 900);
    quota(&mut ledger, BANK_B, 900);
    ledger.reverts(BANK_A, to, mint(1), AttestationExpired { expiresMs: 0, nowMs: now });
    let attest =
        |amount: U256, expires: u64, report| attestReserveCall { amount, expiresMs: expires, reportHash: report };
    let (ends, latest) = (now + 1_000, now + ATTESTATION_MS_MAX);
    let need = AccessControlUnauthorizedAccount { account: ADMIN, neededRole: ATTESTOR_ROLE };
    ledger.reverts(ADMIN, to, attest(units(1), ends, REPORT), need);
    let beyond = units(u128::MAX) + U256::ONE;
    ledger.reverts(ATTESTOR, to, attest(beyond, ends, REPORT), ReserveAmountInvalid { amount: beyond });
    for expires in [0, now, latest + 1, u64::MAX] {
        let error = AttestationTermInvalid { expiresMs: expires, nowMs: now, expiresMsMax: latest };
        ledger.reverts(ATTESTOR, to, attest(units(1), expires, REPORT), error);
    }
    ledger.reverts(ATTESTOR, to, attest(units(1), ends, B256::ZERO), ReportHashMissing {});
    ledger.reverts(BANK_A, to, pledge(1), BackingKindRequired { needed: 1, kind: 2 });

    ledger.ok(ATTESTOR, to, attest(units(1_000), ends, REPORT));
    let found = ledger.ok(ADMIN, to, attestationCall {});
    assert_eq!((found.amount, found.attestedMs, found.expiresMs, found.reportHash), (units(1_000), now, ends, REPORT));
    ledger.ok(BANK_A, to, mint(700));
    // The reserve is one for all issuers.
    let error = ReserveExceeded { reserve: units(1_000), issued: units(700), amount: units(301) };
    ledger.reverts(BANK_B, to, mint(301), error);
    ledger.timestamp_ms = ends - 1;
    ledger.ok(BANK_B, to, mint(299));
    ledger.timestamp_ms = ends;
    ledger.reverts(BANK_B, to, mint(1), AttestationExpired { expiresMs: ends, nowMs: ends });
    ledger.ok(ATTESTOR, to, attest(U256::ZERO, ends + 1, REPORT));
    let error = ReserveExceeded { reserve: U256::ZERO, issued: units(999), amount: units(1) };
    ledger.reverts(BANK_B, to, mint(1), error);
    ledger.ok(account(3), to, transferCall { to: account(4), amount: units(999) });
    assert_eq!(sound(&mut ledger), []);
}

#[test]
fn issuers_are_named_and_few() {
    let mut ledger = backed();
    let to = bank_money();
    let set = |issuer, quota| setIssuerQuotaCall { issuer, quota };
    let beyond = units(u128::MAX) + U256::ONE;
    ledger.reverts(ADMIN, to, set(BANK_A, beyond), QuotaInvalid { quota: beyond });
    ledger.reverts(ADMIN, to, set(eur(), units(1)), RoleHolderInvalid { account: eur() });
    ledger.ok(ADMIN, to, grantRoleCall { role: ISSUER_ROLE, account: account(9) });
    ledger.reverts(account(9), to, pledge(1), IssuerUnknown { issuer: account(9) });
    let need = AccessControlUnauthorizedAccount { account: account(3), neededRole: ISSUER_ROLE };
    ledger.reverts(account(3), to, pledge(1), need);
    for number in 0..62u64 {
        ledger.ok(ADMIN, to, set(Address::left_padding_from(&(number + 500).to_be_bytes()), units(1)));
    }
    let error = IssuersTooMany { issuersMax: units(64) };
    ledger.reverts(ADMIN, to, set(account(9), units(1)), error);
    ledger.ok(ADMIN, to, set(BANK_A, units(7)));
    let event = IssuerQuotaSet { issuer: BANK_A, previousQuota: units(600), newQuota: units(7) };
    assert_eq!(ledger.last_event::<IssuerQuotaSet>().1, event);
    assert_eq!(ledger.ok(ADMIN, to, issuersCall {}).len(), 64);
}

/// The checkers are checked: each tampering is named.
#[test]
fn the_invariants_of_issuers_notice_what_they_name() {
    let names = |slot: (Address, U256), word: U256| -> Vec<&'static str> {
        let mut ledger = backed();
        ledger.ok(BANK_A, bank_money(), pledge(400));
        ledger.ok(BANK_A, bank_money(), mint(300));
        let call = requestRedemptionCall {
            issuer: BANK_A,
            amount: units(100),
            endToEnd: REPORT,
            deadlineMs: ledger.timestamp_ms + 1,
        };
        ledger.ok(account(3), bank_money(), call);
        assert_eq!(sound(&mut ledger), []);
        ledger.storage.slots.insert(slot, word);
        sound(&mut ledger).iter().map(|violation| violation.invariant).collect()
    };
    let place = layout::layout(bank_money());
    let record = place.issued.of(&BANK_A);
    assert_eq!(names(record.line.place(), units(600) | units(301) << 128), ["token.issued_is_supply"]);
    let pledge = units(299) | U256::ONE << 128 | U256::ONE << 192;
    assert_eq!(names(record.pledge.place(), pledge), ["token.issued_within_reserve"]);
    let amounts = place.redemptions.of(&1).amounts.place();
    assert_eq!(names(amounts, units(99)), ["token.redemptions_are_holds"]);
}

// ----- model ---------------------------------------------------------------------------------------------------------

/// Two banks, their euros and their money, as one would write them on a page.
#[derive(Clone, Debug, Default)]
struct Model {
    euros: BTreeMap<Address, u128>,
    money: BTreeMap<Address, u128>,
    reserve: BTreeMap<Address, u128>,
    outstanding: BTreeMap<Address, u128>,
    quota: BTreeMap<Address, u128>,
    /// Holder, issuer, units, whether pending, deadline.
    asked: Vec<(Address, Address, u128, bool, u64)>,
    now: u64,
}

#[derive(Clone, Debug)]
enum Operation {
    Quota(u8, u128),
    Pledge(u8, u128),
    Release(u8, u128),
    Mint(u8, u8, u128),
    Burn(u8, u128),
    Pay(u8, u8, u128),
    Request(u8, u8, u128, u64),
    Fulfil(usize, u128, bool),
    Refuse(usize),
    Withdraw(usize),
    Expire(usize),
    SeizeReserve(u8, u128),
    SeizeAsked(usize, u128),
    Wait(u64),
}

fn take(map: &mut BTreeMap<Address, u128>, who: Address, amount: u128) -> bool {
    let balance = map.entry(who).or_default();
    let enough = amount <= *balance;
    *balance -= if enough { amount } else { 0 };
    enough
}

impl Model {
    fn of(map: &BTreeMap<Address, u128>, who: u8) -> u128 {
        map.get(&account(who)).copied().unwrap_or_default()
    }

    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = next.attempt(operation);
        if done {
            *self = next;
        }
        done
    }

    fn give_back(&mut self, which: usize) -> bool {
        let (holder, _, units, pending, _) = self.asked[which];
        *self.money.entry(holder).or_default() += units;
        (self.asked[which].2, self.asked[which].3) = (0, false);
        pending
    }

    fn attempt(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Quota(bank, amount) => {
                self.quota.insert(account(bank), amount);
                true
            }
            Operation::Pledge(bank, amount) => {
                *self.reserve.entry(account(bank)).or_default() += amount;
                amount > 0 && take(&mut self.euros, account(bank), amount)
            }
            Operation::Release(bank, amount) => {
                let room = Self::of(&self.reserve, bank).saturating_sub(Self::of(&self.outstanding, bank));
                *self.euros.entry(account(bank)).or_default() += amount;
                amount > 0 && amount <= room && take(&mut self.reserve, account(bank), amount)
            }
            Operation::Mint(bank, to, amount) => {
                let sum = Self::of(&self.outstanding, bank) + amount;
                self.outstanding.insert(account(bank), sum);
                *self.money.entry(account(to)).or_default() += amount;
                sum <= Self::of(&self.quota, bank) && sum <= Self::of(&self.reserve, bank)
            }
            Operation::Burn(bank, amount) => {
                take(&mut self.money, account(bank), amount) && take(&mut self.outstanding, account(bank), amount)
            }
            Operation::Pay(from, to, amount) => {
                let paid = take(&mut self.money, account(from), amount);
                *self.money.entry(account(to)).or_default() += amount;
                paid
            }
            Operation::Request(holder, bank, amount, term) => {
                self.asked.push((account(holder), account(bank), amount, true, self.now + term));
                amount > 0 && term > 0 && take(&mut self.money, account(holder), amount)
            }
            Operation::Fulfil(which, amount, pay_out) => {
                let (holder, bank, left, pending, deadline) = self.asked[which];
                let units = if amount == u128::MAX { left } else { amount };
                if !pending || self.now >= deadline || units == 0 || units > left {
                    return false;
                }
                self.asked[which].2 -= units;
                self.asked[which].3 = left > units;
                let mut done = take(&mut self.outstanding, bank, units);
                if pay_out {
                    done &= take(&mut self.reserve, bank, units);
                    *self.euros.entry(holder).or_default() += units;
                }
                done
            }
            Operation::Refuse(which) => self.now < self.asked[which].4 && self.give_back(which),
            Operation::Withdraw(which) => self.give_back(which),
            Operation::Expire(which) => self.now >= self.asked[which].4 && self.give_back(which),
            Operation::SeizeReserve(bank, amount) => take(&mut self.reserve, account(bank), amount),
            Operation::SeizeAsked(which, amount) => {
                let left = self.asked[which].2;
                self.asked[which].2 = left.saturating_sub(amount);
                amount <= left
            }
            Operation::Wait(ms) => {
                self.now += ms;
                true
            }
        }
    }
}

fn done<T>(result: Result<T, Failure>) -> bool {
    match result {
        Ok(_) => true,
        Err(Failure::Revert(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, model: &Model, operation: &Operation) -> bool {
    let (to, id) = (bank_money(), |which: usize| which as u64 + 1);
    match *operation {
        Operation::Quota(bank, amount) => {
            done(ledger.call(ADMIN, to, setIssuerQuotaCall { issuer: account(bank), quota: units(amount) }))
        }
        Operation::Pledge(bank, amount) => done(ledger.call(account(bank), to, pledge(amount))),
        Operation::Release(bank, amount) => {
            done(ledger.call(account(bank), to, releaseReserveCall { amount: units(amount) }))
        }
        Operation::Mint(bank, payee, amount) => {
            done(ledger.call(account(bank), to, mintCall { to: account(payee), amount: units(amount) }))
        }
        Operation::Burn(bank, amount) => done(ledger.call(account(bank), to, burnCall { amount: units(amount) })),
        Operation::Pay(from, payee, amount) => {
            done(ledger.call(account(from), to, transferCall { to: account(payee), amount: units(amount) }))
        }
        Operation::Request(holder, bank, amount, term) => {
            let (issuer, amount, end) = (account(bank), units(amount), ledger.timestamp_ms + term);
            let call = requestRedemptionCall { issuer, amount, endToEnd: REPORT, deadlineMs: end };
            done(ledger.call(account(holder), to, call))
        }
        Operation::Fulfil(which, amount, pay_out) => {
            let amount = if amount == u128::MAX { U256::MAX } else { units(amount) };
            let call = fulfilRedemptionCall { redemptionId: id(which), amount, payOut: pay_out };
            done(ledger.call(model.asked[which].1, to, call))
        }
        Operation::Refuse(which) => {
            let call = refuseRedemptionCall { redemptionId: id(which), reason: (*b"AC04").into() };
            done(ledger.call(model.asked[which].1, to, call))
        }
        Operation::Withdraw(which) => {
            done(ledger.call(model.asked[which].0, to, withdrawRedemptionCall { redemptionId: id(which) }))
        }
        Operation::Expire(which) => done(ledger.call(account(9), to, expireRedemptionCall { redemptionId: id(which) })),
        Operation::SeizeReserve(bank, amount) => {
            let hold = ledger.ok(ADMIN, to, issuerOfCall { issuer: account(bank) }).holdId;
            seize(ledger, eur(), hold, amount)
        }
        Operation::SeizeAsked(which, amount) => {
            let hold = ledger.ok(ADMIN, to, redemptionOfCall { redemptionId: id(which) }).holdId;
            seize(ledger, to, hold, amount)
        }
        Operation::Wait(ms) => {
            ledger.timestamp_ms += ms;
            true
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let bank = || 1u8..=2;
    let who = || 1u8..=4;
    let amount = || prop_oneof![8 => 0u128..300, 1 => Just(0)];
    let which = || 0usize..3;
    prop_oneof![
        1 => (bank(), 0u128..900).prop_map(|(bank, amount)| Operation::Quota(bank, amount)),
        4 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Pledge(bank, amount)),
        2 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Release(bank, amount)),
        5 => (bank(), who(), amount()).prop_map(|(bank, to, amount)| Operation::Mint(bank, to, amount)),
        2 => (bank(), amount()).prop_map(|(bank, amount)| Operation::Burn(bank, amount)),
        3 => (who(), who(), amount()).prop_map(|(from, to, amount)| Operation::Pay(from, to, amount)),
        4 => (who(), bank(), amount(), 0u64..900)
            .prop_map(|(who, bank, amount, term)| Operation::Request(who, bank, amount, term)),
        5 => (which(), prop_oneof![amount(), Just(u128::MAX)], any::<bool>())
            .prop_map(|(which, amount, pay)| Operation::Fulfil(which, amount, pay)),
        1 => which().prop_map(Operation::Refuse),
        1 => which().prop_map(Operation::Withdraw),
        2 => which().prop_map(Operation::Expire),
        1 => (bank(), 1u128..80).prop_map(|(bank, amount)| Operation::SeizeReserve(bank, amount)),
        1 => (which(), 1u128..80).prop_map(|(which, amount)| Operation::SeizeAsked(which, amount)),
        1 => (0u64..400).prop_map(Operation::Wait),
    ]
}

fn names_redemption(operation: &Operation) -> Option<usize> {
    match *operation {
        Operation::Fulfil(which, ..)
        | Operation::Refuse(which)
        | Operation::Withdraw(which)
        | Operation::Expire(which)
        | Operation::SeizeAsked(which, _) => Some(which),
        _ => None,
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn issuers_and_redemptions_do_what_the_model_does(operations in prop::collection::vec(operation(), 1..60)) {
        let mut ledger = backed();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.euros = BTreeMap::from([(BANK_A, 1_000), (BANK_B, 500)]);
        model.quota = BTreeMap::from([(BANK_A, 600), (BANK_B, 600)]);
        for operation in &operations {
            if names_redemption(operation).is_some_and(|which| which >= model.asked.len()) {
                continue;
            }
            let sent = send(&mut ledger, &model, operation);
            prop_assert_eq!(sent, model.apply(operation), "{:?}", operation);
        }
        for number in 1..=4 {
            let who = account(number);
            let free = |ledger: &mut Ledger, token| ledger.ok(who, token, spendableBalanceOfCall { account: who });
            prop_assert_eq!(free(&mut ledger, eur()), units(Model::of(&model.euros, number)));
            prop_assert_eq!(free(&mut ledger, bank_money()), units(Model::of(&model.money, number)));
        }
        for bank in 1..=2 {
            let expected = (&model.quota, &model.outstanding, &model.reserve);
            let expected = (Model::of(expected.0, bank), Model::of(expected.1, bank), Model::of(expected.2, bank));
            prop_assert_eq!(line(&mut ledger, account(bank)), expected);
        }
        let violations = sound(&mut ledger);
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
