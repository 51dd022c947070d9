//! Intraday credit: what may be drawn, what is due, and what becomes of what is not paid.

use super::*;
use crate::{
    FACTORY_ADDRESS,
    factory::IFactory::createTokenCall,
    policy::IPolicy::{addMembersCall, createPaymentLimitCall},
    testing::{COMPLIANCE, COURT, PAUSER, seize_from_hold},
    token::{
        self,
        IToken::{
            AccountFrozen, ERC20InsufficientBalance, HoldExceeded, InsufficientUnfrozenBalance,
            InsufficientUnheldBalance, TokenUnknown, grantRoleCall, pauseCall, setPolicyCall,
            unfreezePartialTokensCall,
        },
    },
};

mod model;

const ONE: u128 = 1_000_000_000;
const MUCH: u128 = 100_000;

fn bonds() -> Address {
    token_address(2)
}

/// A scheme with an open day, whose lender has 100,000 units and lends up to 10,000; each bank has 1,000 bonds, worth 1.5
/// units each, less a tenth.
fn scheme(balances: &[u128]) -> Scheme {
    let mut scheme = Scheme::fifo(balances);
    let call = createTokenCall {
        name: "Bonds".into(),
        symbol: "BND".into(),
        decimals: 0,
        admin: ADMIN,
        policyId: 2,
        supplyCap: units(MUCH),
    };
    assert_eq!(scheme.ledger.ok(ADMIN, FACTORY_ADDRESS, call), bonds());
    for (role, clerk) in [(token::ISSUER_ROLE, ISSUER), (token::FREEZER_ROLE, FREEZER)] {
        scheme.ledger.ok(ADMIN, bonds(), grantRoleCall { role, account: clerk });
    }
    for bank in (1..).take(balances.len()) {
        scheme.ledger.ok(ISSUER, bonds(), mintCall { to: account(bank), amount: units(1_000) });
    }
    scheme.ledger.ok(ISSUER, eur(), mintCall { to: OPERATOR, amount: units(MUCH) });
    scheme.ledger.ok(OPERATOR, TO, setCreditLineCall { schemeId: 1, amount: units(10_000) });
    scheme.price(3 * ONE / 2, 1_000);
    scheme
}

impl Scheme {
    fn price(&mut self, price: u128, haircut: u32) {
        let call = collateral(price, haircut, CUT_OFF_MS + 50_000);
        self.ledger.ok(OPERATOR, TO, call);
    }

    fn pledge(&mut self, bank: u8, amount: u128) -> u8 {
        self.ledger.ok(account(bank), TO, pledging(amount))
    }

    fn draw(&mut self, bank: u8, amount: u128) {
        self.ledger.ok(account(bank), TO, drawing(amount));
    }

    fn credit(&mut self, bank: u8) -> creditOfReturn {
        self.ledger.ok(account(9), TO, creditOfCall { schemeId: 1, account: account(bank) })
    }

    fn owed(&mut self, bank: u8) -> (u128, bool) {
        let credit = self.credit(bank);
        (credit.outstanding.to(), credit.overdue)
    }

    fn bonds_of(&mut self, who: Address) -> u128 {
        self.ledger.ok(ADMIN, bonds(), balanceOfCall { account: who }).to()
    }

    /// Spends what a bank has outside of the scheme.
    fn spend(&mut self, bank: u8, amount: u128) {
        self.ledger.ok(account(bank), eur(), transferCall { to: ADMIN, amount: units(amount) });
    }

    /// Bank 1 pledges 100 bonds, draws 135, spends them all, and the day closes.
    fn overdue() -> Self {
        let mut scheme = scheme(&[0, 0]);
        scheme.pledge(1, 100);
        scheme.draw(1, 135);
        scheme.spend(1, 135);
        assert!(scheme.close(100));
        assert_eq!(scheme.owed(1), (135, true));
        scheme
    }

    fn realise(&mut self) -> (u128, u128) {
        let answer = self.ledger.ok(OPERATOR, TO, realising());
        (answer.units.to(), answer.amount.to())
    }
}

fn collateral(price: u128, haircut: u32, expires_ms: u64) -> setCollateralCall {
    setCollateralCall { schemeId: 1, token: bonds(), price: units(price), haircut, expiresMs: expires_ms }
}

fn pledging(amount: u128) -> pledgeCall {
    pledgeCall { schemeId: 1, token: bonds(), amount: units(amount) }
}

fn drawing(amount: u128) -> drawCreditCall {
    drawCreditCall { schemeId: 1, amount: units(amount) }
}

fn repaying(amount: U256) -> repayCreditCall {
    repayCreditCall { schemeId: 1, amount }
}

fn withdrawing(amount: u128) -> withdrawCollateralCall {
    withdrawCollateralCall { schemeId: 1, pledgeId: 0, amount: units(amount) }
}

fn realising() -> realiseCollateralCall {
    realiseCollateralCall { schemeId: 1, account: account(1), pledgeId: 0 }
}

fn insufficient(value: u128, needed: u128) -> CollateralInsufficient {
    CollateralInsufficient { schemeId: 1, account: account(1), value: units(value), needed: units(needed) }
}

// ----- drawing and repaying ------------------------------------------------------------------------------------------

#[test]
fn a_draw_lets_the_queue_go_on_and_is_repaid_in_parts() {
    let mut scheme = scheme(&[0, 0]);
    let id = scheme.queue(1, 2, 130);
    scheme.pledge(1, 100);
    let found = scheme.credit(1);
    assert_eq!((found.value, found.available, found.shortfall), (units(135), units(135), U256::ZERO));
    let call = forecastCall { schemeId: 1, account: account(1), injected: found.available };
    assert_eq!(scheme.ledger.ok(account(1), TO, call).count, 1);
    scheme.draw(1, 130);
    let event = CreditDrawn { schemeId: 1, account: account(1), amount: units(130), outstanding: units(130) };
    assert_eq!(scheme.ledger.last_event::<CreditDrawn>().1, event);
    assert_eq!((scheme.release(1), scheme.status(id), scheme.balances(2)), (1, 3, vec![0, 130]));
    scheme.check();
    scheme.give(1, 131);
    assert_eq!(scheme.ledger.ok(account(1), TO, repaying(units(30))), units(30));
    let line = scheme.ledger.ok(account(9), TO, creditLineOfCall { schemeId: 1 });
    assert_eq!((line.lender, line.line, line.lent, line.borrowers), (OPERATOR, units(10_000), units(100), 1));
    assert_eq!(scheme.ledger.ok(account(1), TO, repaying(NONE)), units(100));
    assert_eq!((scheme.owed(1), scheme.balance(1)), ((0, false), 1));
    let lender = scheme.ledger.ok(ADMIN, eur(), balanceOfCall { account: OPERATOR });
    assert_eq!(lender, units(MUCH), "the lender has what it lent");
    for amount in [U256::ZERO, units(1), NONE] {
        let error = RepaymentInvalid { amount, outstanding: U256::ZERO };
        scheme.ledger.reverts(account(1), TO, repaying(amount), error);
    }
    assert_eq!(scheme.ledger.ok(account(9), TO, creditLineOfCall { schemeId: 1 }).borrowers, 0);
    scheme.check();
}

/// 7 x 0.333333333 x 0.95 = 2.21…; what is left of a minor unit counts for nobody's draw.
#[test]
fn values_round_against_the_borrower() {
    let mut scheme = scheme(&[0]);
    scheme.price(ONE / 3, 500);
    scheme.pledge(1, 7);
    scheme.ledger.reverts(account(1), TO, drawing(3), insufficient(2, 3));
    scheme.draw(1, 2);
    // Two pledges are valued one by one: 2 + 2, not 4.43.
    scheme.pledge(1, 7);
    assert_eq!(scheme.credit(1).value, units(4));
    scheme.price(ONE, 10_000);
    assert_eq!(scheme.credit(1).value, U256::ZERO, "a haircut of all leaves nothing");
    scheme.price((1 << 94) - 1, 0);
    let found = scheme.credit(1);
    let each = units(7) * ((U256::from(1) << 94) - U256::from(1)) / units(ONE);
    assert_eq!(found.value, each + each);
}

#[test]
fn the_very_instant_of_a_price_s_expiry_is_late() {
    let mut scheme = scheme(&[0]);
    let expiry = scheme.ledger.timestamp_ms + 1_000;
    scheme.ledger.ok(OPERATOR, TO, collateral(ONE, 0, expiry));
    scheme.pledge(1, 100);
    scheme.draw(1, 10);
    scheme.ledger.timestamp_ms = expiry - 1;
    scheme.draw(1, 10);
    scheme.ledger.timestamp_ms = expiry;
    scheme.ledger.reverts(account(1), TO, drawing(1), insufficient(0, 21));
    scheme.ledger.reverts(account(1), TO, withdrawing(1), insufficient(0, 20));
    scheme.ledger.reverts(account(1), TO, pledging(1), CollateralPriceMissing { schemeId: 1, token: bonds() });
    assert_eq!((scheme.owed(1), scheme.credit(1).shortfall), ((20, false), units(20)));
    scheme.price(ONE, 0);
    scheme.draw(1, 80);
}

#[test]
fn collateral_is_released_as_far_as_the_credit_does_not_need_it() {
    let mut scheme = scheme(&[0]);
    scheme.price(ONE, 5_000);
    assert_eq!(scheme.pledge(1, 100), 0);
    scheme.draw(1, 30);
    // 60 bonds are worth 30, 59 are worth 29.
    scheme.ledger.reverts(account(1), TO, withdrawing(41), insufficient(29, 30));
    scheme.ledger.ok(account(1), TO, withdrawing(40));
    scheme.ledger.reverts(account(1), TO, withdrawing(1), insufficient(29, 30));
    scheme.ledger.ok(account(1), TO, repaying(NONE));
    let error = HoldExceeded { holdId: 1, held: units(60), amount: units(61) };
    scheme.ledger.reverts(account(1), TO, withdrawing(61), error);
    // Who owes nothing takes everything back, also when suspended and without any price.
    scheme.ledger.ok(OPERATOR, TO, suspendCall { schemeId: 1, account: account(1) });
    scheme.ledger.ok(OPERATOR, TO, collateral(0, 0, CUT_OFF_MS));
    scheme.ledger.ok(account(1), TO, withdrawing(60));
    scheme.ledger.ok(account(1), bonds(), transferCall { to: ADMIN, amount: units(1_000) });
    scheme.check();
}

#[test]
fn pledged_units_stay_and_do_not_move() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 900);
    assert_eq!(scheme.bonds_of(account(1)), 1_000);
    let error = InsufficientUnheldBalance {
        sender: account(1),
        balance: units(1_000),
        frozen: U256::ZERO,
        held: units(900),
        needed: units(101),
    };
    scheme.ledger.reverts(account(1), bonds(), transferCall { to: ADMIN, amount: units(101) }, error);
    let found = scheme.ledger.ok(ADMIN, TO, pledgeOfCall { schemeId: 1, account: account(1), pledgeId: 0 });
    assert_eq!((found.token, found.holdId, found.amount, found.value), (bonds(), 1, units(900), units(1_215)));
}

/// A number whose hold has nothing left is given again; the sixteenth with units is the last.
#[test]
fn pledges_are_bounded_and_their_numbers_reused() {
    let mut scheme = scheme(&[0]);
    for number in 0..16 {
        assert_eq!(scheme.pledge(1, 1), number);
    }
    let error = PledgesExhausted { schemeId: 1, account: account(1), pledgesMax: units(16) };
    scheme.ledger.reverts(account(1), TO, pledging(1), error);
    scheme.ledger.ok(account(1), TO, withdrawing(1));
    assert_eq!((scheme.pledge(1, 5), scheme.credit(1).pledges), (0, 16));
    scheme.check();
}

/// A seizure takes collateral away, and what is left counts: nothing more is drawn, and what was drawn stands.
#[test]
fn seized_collateral_is_worth_nothing_to_its_borrower() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 100);
    assert_eq!(seize_from_hold(&mut scheme.ledger, bonds(), 1, 50), Ok(units(50)));
    assert_eq!((scheme.bonds_of(account(1)), scheme.bonds_of(COURT)), (950, 50));
    let found = scheme.credit(1);
    assert_eq!((found.value, found.available, found.shortfall), (units(67), U256::ZERO, units(33)));
    scheme.ledger.reverts(account(1), TO, drawing(1), insufficient(67, 101));
    scheme.check();
}

/// Frozen bonds can be seized and not be realised: nothing is lent against them, even before they are seized.
#[test]
fn frozen_collateral_is_worth_nothing() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 50);
    // Of 1,000 bonds 900 are free: a freeze of 950 reaches 50 of the pledge.
    scheme.ledger.ok(FREEZER, bonds(), freezePartialTokensCall { userAddress: account(1), amount: units(950) });
    assert_eq!((scheme.credit(1).value, scheme.credit(1).available), (units(67), units(17)));
    scheme.ledger.reverts(account(1), TO, drawing(18), insufficient(67, 68));
    // Frozen units of the pledge are released without loss; they stay frozen.
    scheme.ledger.ok(account(1), TO, withdrawing(50));
    assert_eq!(scheme.credit(1).value, units(67));
    scheme.ledger.reverts(account(1), TO, withdrawing(14), insufficient(48, 50));
    scheme.ledger.ok(FREEZER, bonds(), setAddressFrozenCall { userAddress: account(1), freeze: true });
    scheme.ledger.reverts(account(1), TO, drawing(1), insufficient(0, 51));
    assert_eq!(scheme.credit(1).shortfall, units(50));
    scheme.check();
}

/// The lender takes what is not frozen, and waits with the rest for the court.
#[test]
fn a_freeze_of_part_of_a_pledge_leaves_the_rest_to_the_lender() {
    let mut scheme = Scheme::overdue();
    scheme.ledger.ok(FREEZER, bonds(), freezePartialTokensCall { userAddress: account(1), amount: units(950) });
    assert_eq!(scheme.realise(), (50, 75));
    assert_eq!((scheme.owed(1), scheme.bonds_of(OPERATOR)), ((60, true), 50));
    let error =
        InsufficientUnfrozenBalance { sender: account(1), balance: units(950), frozen: units(950), needed: units(40) };
    scheme.ledger.reverts(OPERATOR, TO, realising(), error);
    scheme.ledger.ok(FREEZER, bonds(), unfreezePartialTokensCall { userAddress: account(1), amount: units(950) });
    assert_eq!((scheme.realise(), scheme.owed(1)), ((40, 60), (0, false)));
    scheme.check();
}

#[test]
fn a_fallen_price_bars_new_draws_and_is_called() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 100);
    let call = || callMarginCall { schemeId: 1, account: account(1) };
    let (owed, value) = (units(100), units(135));
    let error = MarginSuffices { schemeId: 1, account: account(1), outstanding: owed, value };
    scheme.ledger.reverts(account(9), TO, call(), error);
    scheme.price(ONE, 0);
    let error = MarginSuffices { schemeId: 1, account: account(1), outstanding: owed, value: owed };
    scheme.ledger.reverts(account(9), TO, call(), error);
    scheme.price(ONE, 100);
    scheme.ledger.ok(account(9), TO, call());
    let event = MarginCalled { schemeId: 1, account: account(1), outstanding: owed, value: units(99) };
    assert_eq!(scheme.ledger.last_event::<MarginCalled>().1, event);
    scheme.ledger.reverts(account(1), TO, drawing(1), insufficient(99, 101));
    scheme.pledge(1, 100);
    scheme.draw(1, 98);
    scheme.ledger.reverts(account(1), TO, drawing(1), insufficient(198, 199));
}

// ----- the line ------------------------------------------------------------------------------------------------------

#[test]
fn a_line_bounds_what_is_lent_at_once() {
    let mut scheme = scheme(&[0, 0]);
    for bank in [1, 2] {
        scheme.pledge(bank, 1_000);
    }
    let line = |amount| setCreditLineCall { schemeId: 1, amount: units(amount) };
    scheme.ledger.ok(OPERATOR, TO, line(100));
    scheme.draw(1, 60);
    let exceeded = |line, lent, amount| CreditLineExceeded {
        schemeId: 1,
        line: units(line),
        lent: units(lent),
        amount: units(amount),
    };
    scheme.ledger.reverts(account(2), TO, drawing(41), exceeded(100, 60, 41));
    scheme.draw(2, 40);
    assert_eq!(scheme.credit(2).available, U256::ZERO);
    // A lowered line takes nothing back.
    scheme.ledger.ok(OPERATOR, TO, line(10));
    assert_eq!((scheme.owed(1).0, scheme.owed(2).0), (60, 40));
    scheme.ledger.ok(account(1), TO, repaying(NONE));
    scheme.ledger.reverts(account(1), TO, drawing(1), exceeded(10, 40, 1));
    // A line is no reserve: who has nothing lends nothing.
    scheme.ledger.ok(OPERATOR, TO, line(10_000));
    scheme.ledger.ok(OPERATOR, eur(), transferCall { to: ADMIN, amount: units(MUCH - 40) });
    assert_eq!(scheme.credit(1).available, U256::ZERO);
    let error = ERC20InsufficientBalance { sender: OPERATOR, balance: U256::ZERO, needed: units(1) };
    scheme.ledger.reverts(account(1), TO, drawing(1), error);
    scheme.check();
}

/// Who sets prices must not lend away the units of whom it followed.
#[test]
fn a_new_operator_does_not_lend_its_predecessor_s_units() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 10);
    let new = account(7);
    scheme.ledger.ok(OPERATOR, TO, proposeOperatorCall { schemeId: 1, newOperator: new });
    scheme.ledger.ok(new, TO, acceptOperatorCall { schemeId: 1 });
    scheme.ledger.ok(new, TO, collateral(ONE * 1_000_000, 0, CUT_OFF_MS));
    let differs = || CreditLenderDiffers { schemeId: 1, lender: OPERATOR, operator: new };
    scheme.ledger.reverts(account(1), TO, drawing(1), differs());
    assert_eq!(scheme.credit(1).available, U256::ZERO);
    // Nor does the borrower take collateral back because the new operator says that the rest is worth more.
    scheme.ledger.reverts(account(1), TO, withdrawing(1), differs());
    let line = || setCreditLineCall { schemeId: 1, amount: units(5) };
    scheme.ledger.reverts(new, TO, line(), differs());
    scheme.ledger.ok(account(1), TO, repaying(NONE));
    scheme.ledger.ok(account(1), TO, withdrawing(90));
    assert_eq!(scheme.ledger.ok(ADMIN, eur(), balanceOfCall { account: OPERATOR }), units(MUCH), "paid to who lent");
    scheme.ledger.ok(new, TO, line());
    let error = ERC20InsufficientBalance { sender: new, balance: U256::ZERO, needed: units(5) };
    scheme.ledger.reverts(account(1), TO, drawing(5), error);
    scheme.check();
}

#[test]
fn a_lender_does_not_borrow_from_itself() {
    let mut scheme = scheme(&[0]);
    scheme.ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: OPERATOR });
    scheme.ledger.ok(OPERATOR, TO, joinCall { schemeId: 1 });
    scheme.ledger.reverts(OPERATOR, TO, drawing(1), SelfSettlement { account: OPERATOR });
}

// ----- the close of the day ------------------------------------------------------------------------------------------

#[test]
fn credit_is_due_when_the_day_closes() {
    let mut scheme = scheme(&[0, 0, 0]);
    for bank in 1..=3 {
        scheme.pledge(bank, 100);
        scheme.draw(bank, 100);
    }
    // The first has all, the second a part, the third nothing.
    scheme.spend(2, 40);
    scheme.spend(3, 100);
    scheme.queue(3, 1, 5);
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    let late = CutOffPassed { schemeId: 1, cutOffMs: CUT_OFF_MS, nowMs: CUT_OFF_MS };
    scheme.ledger.reverts(account(1), TO, drawing(1), late);
    let mut calls = 1;
    while !scheme.close(1) {
        scheme.check();
        calls += 1;
        assert!(calls < 20, "a call of one step gets on");
    }
    let owed: Vec<_> = (1..=3).map(|bank| scheme.owed(bank)).collect();
    assert_eq!(owed, [(0, false), (40, true), (100, true)]);
    assert_eq!(scheme.balances(3), [0, 0, 0]);
    let fell_due: Vec<_> = scheme
        .ledger
        .storage
        .logs
        .iter()
        .filter_map(|log| <CreditFellDue as alloy_sol_types::SolEvent>::decode_log(log).ok())
        .map(|event| (event.account, event.day, event.outstanding))
        .collect();
    assert_eq!(fell_due, [(account(2), 1, units(40)), (account(3), 1, units(100))]);
    scheme.check();
}

#[test]
fn what_is_overdue_bars_draws_release_and_leaving_until_it_is_paid() {
    let mut scheme = Scheme::overdue();
    let overdue = |owed| CreditIsOverdue { schemeId: 1, account: account(1), outstanding: units(owed) };
    scheme.ledger.reverts(account(1), TO, withdrawing(1), overdue(135));
    let error = CreditOutstanding { schemeId: 1, account: account(1), outstanding: units(135) };
    scheme.ledger.reverts(account(1), TO, leaveCall { schemeId: 1 }, error);
    scheme.open(20_231_115);
    scheme.pledge(1, 100);
    scheme.ledger.reverts(account(1), TO, drawing(1), overdue(135));
    assert_eq!(scheme.credit(1).available, U256::ZERO);
    scheme.give(1, 200);
    scheme.ledger.ok(account(1), TO, repaying(units(134)));
    scheme.ledger.reverts(account(1), TO, withdrawing(1), overdue(1));
    // The next close collects what is still due.
    assert!(scheme.close(100));
    assert_eq!((scheme.owed(1), scheme.balance(1)), ((0, false), 65));
    scheme.ledger.ok(account(1), TO, withdrawing(100));
    scheme.ledger.ok(account(1), TO, leaveCall { schemeId: 1 });
    scheme.check();
}

/// A rule of the token that forbids the collection leaves the credit overdue; the day closes.
#[test]
fn nobody_s_freeze_keeps_the_day_open() {
    for hindrance in 0..4 {
        let mut scheme = scheme(&[0, 0]);
        scheme.pledge(1, 100);
        scheme.draw(1, 100);
        let ledger = &mut scheme.ledger;
        let freeze = |who| setAddressFrozenCall { userAddress: who, freeze: true };
        match hindrance {
            0 => drop(ledger.ok(FREEZER, eur(), freeze(account(1)))),
            1 => drop(ledger.ok(FREEZER, eur(), freeze(OPERATOR))),
            2 => drop(ledger.ok(PAUSER, eur(), pauseCall {})),
            _ => {
                let call = addMembersCall { policyId: 2, accounts: vec![account(1)] };
                ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, call);
            }
        }
        assert!(scheme.close(100));
        assert_eq!((scheme.owed(1), scheme.balance(1)), ((100, true), 100), "hindrance {hindrance}");
        scheme.check();
    }
}

/// A limit that the policy sets for payments is a rule of the token as any other.
#[test]
fn what_a_limit_forbids_is_not_collected() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 100);
    let limit = createPaymentLimitCall {
        admin: COMPLIANCE,
        exemptPolicyId: crate::policy::CLOSED,
        perTransaction: units(99),
        perDay: NONE,
        perMonth: NONE,
    };
    let limit = scheme.ledger.ok(account(9), crate::POLICY_ADDRESS, limit);
    scheme.ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: limit });
    assert!(scheme.close(10));
    assert_eq!((scheme.owed(1), scheme.balance(1)), ((100, true), 100));
    scheme.ledger.ok(account(1), TO, repaying(units(99)));
    scheme.ledger.ok(account(1), TO, repaying(units(1)));
    assert_eq!(scheme.owed(1), (0, false));
    scheme.check();
}

// ----- realisation ---------------------------------------------------------------------------------------------------

/// 135 owed at 1.5: 90 bonds, and 10 stay the borrower's.
#[test]
fn an_overdue_borrower_s_collateral_pays_and_the_rest_is_its_own() {
    let mut scheme = Scheme::overdue();
    let missing = LenderRequired { schemeId: 1, caller: account(2), lender: OPERATOR };
    scheme.ledger.reverts(account(2), TO, realising(), missing);
    assert_eq!(scheme.realise(), (90, 135));
    assert_eq!((scheme.owed(1), scheme.bonds_of(account(1)), scheme.bonds_of(OPERATOR)), ((0, false), 910, 90));
    scheme.ledger.reverts(OPERATOR, TO, realising(), CreditNotOverdue { schemeId: 1, account: account(1) });
    scheme.ledger.ok(account(1), TO, withdrawing(10));
    scheme.check();
}

/// 135 owed at 2 units a bond: 67 and a half of them.
#[test]
fn what_is_taken_is_rounded_against_the_borrower() {
    let mut scheme = Scheme::overdue();
    scheme.price(2 * ONE, 9_999);
    assert_eq!(scheme.realise(), (68, 135), "the haircut is no part of it, and half a bond is a whole one");
    assert_eq!(scheme.bonds_of(OPERATOR), 68);
}

#[test]
fn collateral_that_is_not_enough_leaves_the_rest_overdue() {
    let mut scheme = Scheme::overdue();
    scheme.price(ONE / 3, 0);
    assert_eq!(scheme.realise(), (100, 33));
    assert_eq!((scheme.owed(1), scheme.bonds_of(account(1))), ((102, true), 900));
    let worthless = || CollateralPriceMissing { schemeId: 1, token: bonds() };
    scheme.ledger.reverts(OPERATOR, TO, realising(), worthless());
    scheme.open(20_231_115);
    assert_eq!(scheme.pledge(1, 2), 0);
    // Two bonds at a third of a unit are worth less than one.
    scheme.ledger.reverts(OPERATOR, TO, realising(), worthless());
    assert_eq!(scheme.bonds_of(account(1)), 900);
    scheme.check();
}

#[test]
fn realisation_asks_for_a_price_in_force_and_the_gate_of_the_collateral() {
    let mut scheme = Scheme::overdue();
    let expiry = scheme.ledger.timestamp_ms + 10;
    scheme.ledger.ok(OPERATOR, TO, collateral(ONE, 0, expiry));
    scheme.ledger.timestamp_ms = expiry;
    scheme.ledger.reverts(OPERATOR, TO, realising(), CollateralPriceMissing { schemeId: 1, token: bonds() });
    scheme.ledger.timestamp_ms = expiry - 1;
    let freeze = |freeze| setAddressFrozenCall { userAddress: account(1), freeze };
    scheme.ledger.ok(FREEZER, bonds(), freeze(true));
    scheme.ledger.reverts(OPERATOR, TO, realising(), AccountFrozen { account: account(1) });
    scheme.ledger.ok(FREEZER, bonds(), freeze(false));
    assert_eq!(scheme.realise(), (100, 100));
}

#[test]
fn before_the_close_nothing_is_realised() {
    let mut scheme = scheme(&[0]);
    scheme.pledge(1, 100);
    scheme.draw(1, 100);
    scheme.ledger.timestamp_ms = CUT_OFF_MS;
    scheme.ledger.reverts(OPERATOR, TO, realising(), CreditNotOverdue { schemeId: 1, account: account(1) });
}

// ----- errors in their order -----------------------------------------------------------------------------------------

#[test]
fn terms_are_checked_in_order() {
    let mut scheme = scheme(&[0]);
    let ledger = &mut scheme.ledger;
    let (stranger, now) = (account(9), ledger.timestamp_ms);
    let line = |scheme, amount| setCreditLineCall { schemeId: scheme, amount };
    ledger.reverts(stranger, TO, line(5, NONE), SchemeUnknown { schemeId: 5 });
    let not_operator = || SchemeOperatorRequired { schemeId: 1, caller: stranger, operator: OPERATOR };
    ledger.reverts(stranger, TO, line(1, NONE), not_operator());
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    ledger.reverts(OPERATOR, TO, line(1, NONE), InstructedAmountInvalid { amount: NONE, amountMax: amount_max });

    let terms = |scheme, token, price, haircut, expires_ms| setCollateralCall {
        schemeId: scheme,
        token,
        price,
        haircut,
        expiresMs: expires_ms,
    };
    ledger.reverts(stranger, TO, terms(5, stranger, NONE, 10_001, 0), SchemeUnknown { schemeId: 5 });
    ledger.reverts(stranger, TO, terms(1, stranger, NONE, 10_001, 0), not_operator());
    let unknown = TokenUnknown { token: stranger };
    ledger.reverts(OPERATOR, TO, terms(1, stranger, NONE, 10_001, 0), unknown);
    let own = CollateralInvalid { schemeId: 1, token: eur() };
    ledger.reverts(OPERATOR, TO, terms(1, eur(), NONE, 10_001, 0), own);
    let wrong = [
        (NONE, 0, now + 1),
        (amount_max + U256::from(1), 0, now + 1),
        (U256::ZERO, 10_001, now + 1),
        (U256::ZERO, 65_537, now + 1),
        (U256::ZERO, 0, now),
        (U256::ZERO, 0, 1 << 48),
    ];
    for (price, haircut, expires_ms) in wrong {
        let error = CollateralTermsInvalid { price, haircut, expiresMs: expires_ms, nowMs: now };
        ledger.reverts(OPERATOR, TO, terms(1, bonds(), price, haircut, expires_ms), error);
    }
}

#[test]
fn participants_calls_are_checked_in_order() {
    let mut scheme = scheme(&[0, 0]);
    scheme.ledger.ok(OPERATOR, TO, suspendCall { schemeId: 1, account: account(2) });
    let ledger = &mut scheme.ledger;
    let stranger = account(9);
    let amount_max = (U256::from(1) << 94) - U256::from(1);
    let required = |account, status| ParticipantRequired { schemeId: 1, account, status };
    let invalid = |amount| InstructedAmountInvalid { amount, amountMax: amount_max };
    let pledge = |scheme, token, amount| pledgeCall { schemeId: scheme, token, amount };
    ledger.reverts(stranger, TO, pledge(3, stranger, NONE), SchemeUnknown { schemeId: 3 });
    ledger.reverts(stranger, TO, pledge(1, stranger, NONE), required(stranger, 0));
    ledger.reverts(account(2), TO, pledge(1, stranger, NONE), required(account(2), 3));
    ledger.reverts(account(1), TO, pledge(1, stranger, NONE), invalid(NONE));
    for token in [stranger, eur(), TO, Address::ZERO] {
        let error = CollateralPriceMissing { schemeId: 1, token };
        ledger.reverts(account(1), TO, pledge(1, token, units(1)), error);
    }
    let draw = |scheme, amount| drawCreditCall { schemeId: scheme, amount };
    ledger.reverts(stranger, TO, draw(3, NONE), SchemeUnknown { schemeId: 3 });
    ledger.reverts(stranger, TO, draw(1, NONE), required(stranger, 0));
    ledger.reverts(account(2), TO, draw(1, NONE), required(account(2), 3));
    ledger.reverts(account(1), TO, draw(1, U256::ZERO), invalid(U256::ZERO));
    let error = CreditLineExceeded { schemeId: 1, line: units(10_000), lent: U256::ZERO, amount: units(10_001) };
    ledger.reverts(account(1), TO, draw(1, units(10_001)), error);
    ledger.reverts(account(1), TO, draw(1, units(1)), insufficient(0, 1));

    let withdraw = |pledge, amount| withdrawCollateralCall { schemeId: 1, pledgeId: pledge, amount };
    ledger.reverts(stranger, TO, withdraw(0, NONE), required(stranger, 0));
    for pledge in [0, 1, 16, 255] {
        let error = PledgeUnknown { schemeId: 1, account: account(1), pledgeId: pledge };
        ledger.reverts(account(1), TO, withdraw(pledge, NONE), error);
    }
    ledger.ok(account(1), TO, pledging(10));
    ledger.reverts(account(1), TO, withdraw(0, NONE), invalid(NONE));
    ledger.reverts(stranger, TO, repaying(NONE), required(stranger, 0));
    let realise = |who, pledge| realiseCollateralCall { schemeId: 1, account: who, pledgeId: pledge };
    let lender = LenderRequired { schemeId: 1, caller: stranger, lender: OPERATOR };
    ledger.reverts(stranger, TO, realise(stranger, 9), lender);
    ledger.reverts(OPERATOR, TO, realise(stranger, 9), required(stranger, 0));
    let unknown = PledgeUnknown { schemeId: 1, account: account(1), pledgeId: 9 };
    ledger.reverts(OPERATOR, TO, realise(account(1), 9), unknown);
    ledger.reverts(OPERATOR, TO, realise(account(1), 0), CreditNotOverdue { schemeId: 1, account: account(1) });
    ledger.reverts(stranger, TO, callMarginCall { schemeId: 1, account: stranger }, required(stranger, 0));
    // A closed day lends nothing, nor does a scheme without a line.
    assert!(scheme.close(10));
    scheme.ledger.reverts(account(1), TO, draw(1, NONE), invalid(NONE));
    scheme.ledger.reverts(account(1), TO, draw(1, units(1)), DayNotOpen { schemeId: 1, phase: 0 });
    let mut other = Scheme::fifo(&[0]);
    let none = CreditLenderDiffers { schemeId: 1, lender: Address::ZERO, operator: OPERATOR };
    other.ledger.reverts(account(1), TO, draw(1, units(1)), none);
}
