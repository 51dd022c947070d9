//! Credit against a plain model: the same random operations on both, compared after each.

use super::*;
use crate::{testing::cases, token::IToken::totalSupplyCall};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Pledge(u8, u128),
    Withdraw(u8, u8, u128),
    Draw(u8, u128),
    Repay(u8, Option<u128>),
    Spend(u8, u128),
    Earn(u8, u128),
    Price(u128, u32),
    Line(u128),
    CloseAndOpen,
    Realise(u8, u8),
    Seize(u8, u8, u128),
}

fn operation() -> impl Strategy<Value = Operation> {
    let bank = || 1u8..=3;
    prop_oneof![
        4 => (bank(), 1u128..400).prop_map(|(bank, amount)| Operation::Pledge(bank, amount)),
        3 => (bank(), 0u8..3, 1u128..400).prop_map(|(bank, pledge, amount)| Operation::Withdraw(bank, pledge, amount)),
        6 => (bank(), 1u128..300).prop_map(|(bank, amount)| Operation::Draw(bank, amount)),
        4 => (bank(), prop::option::of(1u128..200)).prop_map(|(bank, amount)| Operation::Repay(bank, amount)),
        3 => (bank(), 1u128..200).prop_map(|(bank, amount)| Operation::Spend(bank, amount)),
        2 => (bank(), 1u128..100).prop_map(|(bank, amount)| Operation::Earn(bank, amount)),
        2 => (0u128..3_000_000_000, 0u32..=10_000).prop_map(|(price, haircut)| Operation::Price(price, haircut)),
        1 => (0u128..600).prop_map(Operation::Line),
        2 => Just(Operation::CloseAndOpen),
        3 => (bank(), 0u8..3).prop_map(|(bank, pledge)| Operation::Realise(bank, pledge)),
        2 => (bank(), 0u8..3, 1u128..200).prop_map(|(bank, pledge, amount)| Operation::Seize(bank, pledge, amount)),
    ]
}

/// A bank as one would write it on a page.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plain {
    units: u128,
    bonds: u128,
    pledges: Vec<u128>,
    owes: u128,
    overdue: bool,
}

#[derive(Clone, Debug)]
struct Model {
    banks: Vec<Plain>,
    line: u128,
    price: u128,
    haircut: u128,
}

impl Model {
    fn worth(&self, bank: &Plain) -> u128 {
        let kept = 10_000 - self.haircut;
        bank.pledges.iter().map(|bonds| bonds * self.price * kept / (ONE * 10_000)).sum()
    }

    /// Whether the operation is allowed; if so, it is done.
    fn apply(&mut self, operation: &Operation) -> bool {
        let before = self.clone();
        let lent: u128 = self.banks.iter().map(|bank| bank.owes).sum();
        let bank = |number: u8| self.banks[usize::from(number) - 1].clone();
        match *operation {
            Operation::Pledge(who, amount) => {
                let mut bank = bank(who);
                let free = bank.pledges.iter().position(|bonds| *bonds == 0);
                let pledged: u128 = bank.pledges.iter().sum();
                if self.price == 0 || pledged + amount > bank.bonds || (free.is_none() && bank.pledges.len() == 16) {
                    return false;
                }
                match free {
                    Some(free) => bank.pledges[free] = amount,
                    None => bank.pledges.push(amount),
                }
                self.banks[usize::from(who) - 1] = bank;
            }
            Operation::Withdraw(who, pledge, amount) => {
                let mut bank = bank(who);
                let Some(bonds) = bank.pledges.get_mut(usize::from(pledge)).filter(|bonds| **bonds >= amount) else {
                    return false;
                };
                *bonds -= amount;
                if bank.overdue || before.worth(&bank) < bank.owes {
                    return false;
                }
                self.banks[usize::from(who) - 1] = bank;
            }
            Operation::Draw(who, amount) => {
                let mut bank = bank(who);
                bank.owes += amount;
                bank.units += amount;
                if bank.overdue || lent + amount > self.line || before.worth(&bank) < bank.owes {
                    return false;
                }
                self.banks[usize::from(who) - 1] = bank;
            }
            Operation::Repay(who, amount) => {
                let mut bank = bank(who);
                let amount = amount.unwrap_or(bank.owes);
                if amount == 0 || amount > bank.owes || amount > bank.units {
                    return false;
                }
                (bank.owes, bank.units) = (bank.owes - amount, bank.units - amount);
                bank.overdue &= bank.owes > 0;
                self.banks[usize::from(who) - 1] = bank;
            }
            Operation::Spend(who, amount) => {
                let bank = &mut self.banks[usize::from(who) - 1];
                if amount > bank.units {
                    return false;
                }
                bank.units -= amount;
            }
            Operation::Earn(who, amount) => self.banks[usize::from(who) - 1].units += amount,
            Operation::Price(price, haircut) => (self.price, self.haircut) = (price, haircut.into()),
            Operation::Line(line) => self.line = line,
            Operation::CloseAndOpen => {
                for bank in &mut self.banks {
                    let paid = bank.owes.min(bank.units);
                    (bank.owes, bank.units) = (bank.owes - paid, bank.units - paid);
                    bank.overdue = bank.owes > 0;
                }
            }
            Operation::Realise(who, pledge) => {
                let mut bank = bank(who);
                let Some(&pledged) = bank.pledges.get(usize::from(pledge)) else { return false };
                if !bank.overdue || self.price == 0 {
                    return false;
                }
                let needed = (bank.owes * ONE).div_ceil(self.price);
                let (taken, paid) =
                    if needed <= pledged { (needed, bank.owes) } else { (pledged, pledged * self.price / ONE) };
                if paid == 0 {
                    return false;
                }
                bank.pledges[usize::from(pledge)] -= taken;
                (bank.bonds, bank.owes) = (bank.bonds - taken, bank.owes - paid);
                bank.overdue = bank.owes > 0;
                self.banks[usize::from(who) - 1] = bank;
            }
            Operation::Seize(who, pledge, amount) => {
                let bank = &mut self.banks[usize::from(who) - 1];
                let Some(bonds) = bank.pledges.get_mut(usize::from(pledge)).filter(|bonds| **bonds >= amount) else {
                    return false;
                };
                *bonds -= amount;
                bank.bonds -= amount;
            }
        }
        true
    }
}

fn perform(scheme: &mut Scheme, days: &mut u32, operation: &Operation) -> bool {
    let ledger = &mut scheme.ledger;
    match *operation {
        Operation::Pledge(bank, amount) => ledger.call(account(bank), TO, pledging(amount)).is_ok(),
        Operation::Withdraw(bank, pledge, amount) => {
            let call = withdrawCollateralCall { schemeId: 1, pledgeId: pledge, amount: units(amount) };
            ledger.call(account(bank), TO, call).is_ok()
        }
        Operation::Draw(bank, amount) => ledger.call(account(bank), TO, drawing(amount)).is_ok(),
        Operation::Repay(bank, amount) => ledger.call(account(bank), TO, repaying(amount.map_or(NONE, units))).is_ok(),
        Operation::Spend(bank, amount) => {
            ledger.call(account(bank), eur(), transferCall { to: ADMIN, amount: units(amount) }).is_ok()
        }
        Operation::Earn(bank, amount) => {
            ledger.call(ISSUER, eur(), mintCall { to: account(bank), amount: units(amount) }).is_ok()
        }
        Operation::Price(price, haircut) => ledger.call(OPERATOR, TO, collateral(price, haircut, CUT_OFF_MS)).is_ok(),
        Operation::Line(line) => {
            ledger.call(OPERATOR, TO, setCreditLineCall { schemeId: 1, amount: units(line) }).is_ok()
        }
        Operation::CloseAndOpen => {
            *days += 1;
            while !scheme.close(1) {}
            scheme.open(20_231_114 + *days);
            true
        }
        Operation::Realise(bank, pledge) => {
            let call = realiseCollateralCall { schemeId: 1, account: account(bank), pledgeId: pledge };
            ledger.call(OPERATOR, TO, call).is_ok()
        }
        Operation::Seize(bank, pledge, amount) => {
            let call = pledgeOfCall { schemeId: 1, account: account(bank), pledgeId: pledge };
            ledger
                .call(ADMIN, TO, call)
                .is_ok_and(|found| seize_from_hold(ledger, bonds(), found.holdId, amount).is_ok())
        }
    }
}

fn plain(scheme: &mut Scheme, bank: u8) -> Plain {
    let credit = scheme.credit(bank);
    let pledge_of = |pledge| pledgeOfCall { schemeId: 1, account: account(bank), pledgeId: pledge };
    Plain {
        units: scheme.balance(bank),
        bonds: scheme.bonds_of(account(bank)),
        pledges: (0..credit.pledges).map(|pledge| scheme.ledger.ok(ADMIN, TO, pledge_of(pledge)).amount.to()).collect(),
        owes: credit.outstanding.to(),
        overdue: credit.overdue,
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn credit_does_what_a_plain_model_does(operations in prop::collection::vec(operation(), 1..50)) {
        let mut scheme = scheme(&[50, 0, 0]);
        let bank = |units| Plain { units, bonds: 1_000, ..Plain::default() };
        let banks = vec![bank(50), bank(0), bank(0)];
        let mut model = Model { banks, line: 10_000, price: 3 * ONE / 2, haircut: 1_000 };
        let mut days = 0;
        let supply = scheme.ledger.ok(ADMIN, bonds(), totalSupplyCall {});
        for operation in &operations {
            let allowed = model.apply(operation);
            prop_assert_eq!(perform(&mut scheme, &mut days, operation), allowed, "{:?}", operation);
            for number in 1..=3u8 {
                let found = plain(&mut scheme, number);
                prop_assert_eq!(&found, &model.banks[usize::from(number) - 1], "bank {} after {:?}", number, operation);
                let worth = model.worth(&model.banks[usize::from(number) - 1]);
                prop_assert_eq!(scheme.credit(number).value, units(worth));
            }
            scheme.check();
            let held: u128 = (1..=3).map(|bank| scheme.bonds_of(account(bank))).sum::<u128>()
                + scheme.bonds_of(OPERATOR)
                + scheme.bonds_of(COURT);
            prop_assert_eq!(units(held), supply);
        }
    }
}
