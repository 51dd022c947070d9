//! Named predicates over a token, and the checker that rebuilds every balance from events alone.

use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::SolEvent;
use std::collections::BTreeMap;

use super::{
    IToken, ItemResult, batch_items, holds, issuance,
    layout::{ORDERED, layout},
    ops::Holder,
    orders::{self, Order},
    redemption,
};
use crate::{
    Module,
    context::{Context, Failure},
    invariants::{Violation, hold},
};

/// Checks the invariants of one token. `holders` must name everyone who ever held units, once each, such as
/// [`EventBook::holders`] does; the sum is wrong otherwise.
pub fn check(
    context: &mut Context<'_>,
    token: Address,
    holders: impl IntoIterator<Item = Address>,
) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let (supply, terms) = (layout(token).supply.read(context)?, layout(token).terms.read(context)?);
    let (mut sum, mut sum_held) = (U256::ZERO, U256::ZERO);
    let mut pending = holds::pending_by_payee(context, token)?;
    for account in holders {
        let Holder { holding, held, .. } = Holder::read(context, token, account)?;
        sum = sum.saturating_add(U256::from(holding.balance));
        sum_held = sum_held.saturating_add(U256::from(held));
        pending.entry(account).or_default();
        hold(&mut violations, "token.held_within_balance", held <= holding.balance, || {
            format!("{account} holds {} of token {token} but {held} are on hold", holding.balance)
        });
        hold(&mut violations, "token.frozen_within_balance", holding.frozen <= holding.balance, || {
            format!("{account} holds {} of token {token} but {} are frozen", holding.balance, holding.frozen)
        });
    }
    hold(&mut violations, "token.supply_is_sum", sum == U256::from(supply.total), || {
        format!("balances of token {token} add up to {sum} but its supply is {}", supply.total)
    });
    let on_hold = holds::sum(context, token)?;
    hold(&mut violations, "token.held_is_sum_of_holds", sum_held == on_hold, || {
        format!("owners of token {token} have {sum_held} on hold, the holds add up to {on_hold}")
    });
    for ((owner, keeper), expected) in holds::kept_by_owner(context, token)? {
        let found = holds::held_by(context, token, owner, keeper)?;
        hold(&mut violations, "token.kept_is_sum_of_holds", found == expected, || {
            format!("keeper {keeper} has {found} of {owner}'s token {token}, the holds add up to {expected}")
        });
    }
    for (payee, expected) in pending {
        let found = holds::pending_credit(context, token, payee)?;
        hold(&mut violations, "token.pending_is_sum_of_holds", found == expected, || {
            format!("{payee} has {found} of token {token} pending, the holds for it add up to {expected}")
        });
    }
    hold(&mut violations, "token.supply_within_cap", supply.total <= supply.cap, || {
        format!("the supply of token {token} is {}, above its cap {}", supply.total, supply.cap)
    });
    issuance::check(context, token, &mut violations)?;
    redemption::check(context, token, &mut violations)?;
    hold(&mut violations, "token.has_admin", terms.created && terms.admins > 0, || {
        format!("token {token} is created: {}, admins: {}", terms.created, terms.admins)
    });
    Ok(violations)
}

/// Checks that accounts list their orders. What is in force can be told only where the context has a block time.
fn check_order(
    context: &mut Context<'_>,
    token: Address,
    order: &Order,
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let Order { number, account, .. } = *order;
    let listed: Vec<u64> = orders::listed(context, token, account)?.into_iter().map(|(own, _)| own.into()).collect();
    let marked = Holder::read(context, token, account)?.holding.is_marked(ORDERED);
    let now_ms = context.env().timestamp_ms;
    let missing = now_ms > 0 && order.is_in_force(now_ms) && !listed.contains(&number);
    let once = listed.iter().zip(listed.iter().skip(1)).all(|(one, next)| one < next);
    let mut own = true;
    for number in &listed {
        own &= orders::order_of(context, token, *number)?.account == account;
    }
    let sound = !missing && once && own && marked != listed.is_empty();
    hold(violations, "token.orders_are_listed", sound, || {
        format!("{account}, marked: {marked}, lists orders {listed:?} of token {token}; order {number} is its own")
    });
    Ok(())
}

/// Balances rebuilt from Transfer and BatchTransfer events alone, token by token. Begin with the balances of genesis, which has no
/// receipts, and apply the logs of every block in order.
#[derive(Clone, Debug, Default)]
pub struct EventBook {
    balances: BTreeMap<(Address, Address), U256>,
    /// Units seized, by token and order.
    seized: BTreeMap<(Address, u64), U256>,
}

impl EventBook {
    /// A balance that stands from genesis.
    pub fn credit_genesis(&mut self, token: Address, account: Address, units: u128) {
        let balance = self.balances.entry((token, account)).or_default();
        *balance = balance.saturating_add(U256::from(units));
    }

    /// Applies a log; other logs than a token's Transfer, BatchTransfer and Seized change nothing.
    pub fn apply(&mut self, log: &Log) -> Result<(), Violation> {
        let Some(Module::Token(token)) = Module::at(log.address) else { return Ok(()) };
        if let Ok(event) = IToken::Transfer::decode_log(log) {
            let IToken::Transfer { from, to, value } = event.data;
            return self.change(token, from, to, value);
        }
        if let Ok(event) = IToken::Seized::decode_log(log) {
            let sum = self.seized.entry((token, event.orderId)).or_default();
            *sum = sum.saturating_add(event.amount);
            return Ok(());
        }
        let Ok(event) = IToken::BatchTransfer::decode_log(log) else { return Ok(()) };
        let IToken::BatchTransfer { from, items, results } = event.data;
        let told = batch_items(&items).filter(|items| items.len() == results.len()).ok_or_else(|| Violation {
            invariant: "token.events_give_balances",
            found: format!("a batch of {from} has {} bytes of items and {} results", items.len(), results.len()),
        })?;
        let settled = told.zip(results.iter()).filter(|(_, result)| **result == ItemResult::Settled.number());
        for (item, _) in settled {
            self.change(token, from, item.to, U256::from(item.amount))?;
        }
        Ok(())
    }

    fn change(&mut self, token: Address, from: Address, to: Address, value: U256) -> Result<(), Violation> {
        if !from.is_zero() {
            let balance = self.balances.entry((token, from)).or_default();
            *balance = balance.checked_sub(value).ok_or_else(|| Violation {
                invariant: "token.events_give_balances",
                found: format!("{from} sent {value} of token {token} but events left it {balance}"),
            })?;
        }
        if !to.is_zero() {
            let balance = self.balances.entry((token, to)).or_default();
            *balance = balance.saturating_add(value);
        }
        Ok(())
    }

    /// Everyone who ever held units of the token.
    pub fn holders(&self, token: Address) -> Vec<Address> {
        self.balances.keys().filter(|(of, _)| *of == token).map(|(_, account)| *account).collect()
    }

    /// Every token that appears in the book.
    pub fn tokens(&self) -> Vec<Address> {
        let mut tokens: Vec<Address> = self.balances.keys().map(|(token, _)| *token).collect();
        tokens.dedup();
        tokens
    }

    /// What the events give an account.
    pub fn balance(&self, token: Address, account: Address) -> U256 {
        self.balances.get(&(token, account)).copied().unwrap_or_default()
    }

    /// Compares every balance with the state, and checks the invariants of every token in the book.
    pub fn check(&self, context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
        let mut violations = Vec::new();
        for ((token, account), expected) in &self.balances {
            let holding = Holder::read(context, *token, *account)?.holding;
            hold(&mut violations, "token.events_give_balances", U256::from(holding.balance) == *expected, || {
                format!("events give {account} {expected} of token {token}, the state has {}", holding.balance)
            });
        }
        for token in self.tokens() {
            violations.extend(check(context, token, self.holders(token))?);
            for number in 1..=orders::order_count(context, token)? {
                let order = orders::order_of(context, token, number)?;
                check_order(context, token, &order, &mut violations)?;
                self.check_cap(token, &order, &mut violations);
            }
        }
        Ok(violations)
    }

    /// What was seized is what is missing of the cap.
    fn check_cap(&self, token: Address, order: &Order, violations: &mut Vec<Violation>) {
        let seized = self.seized.get(&(token, order.number)).copied().unwrap_or_default();
        let told = U256::from(order.left).saturating_add(seized) == U256::from(order.cap);
        hold(violations, "token.orders_within_caps", told, || {
            let Order { number, cap, left, .. } = *order;
            format!("order {number} of token {token} over {cap} has {left} left, events tell of {seized} seized")
        });
    }
}
