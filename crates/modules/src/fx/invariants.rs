//! The checker that follows trades by events, and the predicates that hold state against them.

use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::SolEvent;
use std::collections::BTreeMap;

use super::{
    IExchange,
    ops::{trade_count, trade_of_uetr},
    providers::is_nonce_used,
};
use crate::{
    EXCHANGE_ADDRESS,
    context::{Context, Failure},
    invariants::{Violation, hold},
    payment,
};

/// Trades as events tell them. Apply the logs of every block since genesis in order.
#[derive(Clone, Debug, Default)]
pub struct TradeBook {
    /// Trade of each provider's nonce.
    nonces: BTreeMap<(Address, B256), u64>,
    /// Trade of each debtor's UETR.
    payments: BTreeMap<(Address, B256), u64>,
    /// Number of the last trade.
    last: u64,
}

impl TradeBook {
    /// Applies a log; other logs than those of trades change nothing.
    pub fn apply(&mut self, log: &Log) -> Result<(), Violation> {
        if log.address != EXCHANGE_ADDRESS {
            return Ok(());
        }
        if let Ok(event) = IExchange::Exchanged::decode_log(log) {
            return self.trade(event.tradeId, event.provider, event.nonce);
        }
        if let Ok(event) = IExchange::CrossBorderPaid::decode_log(log) {
            let before = self.payments.insert((event.debtor, event.uetr), event.tradeId);
            return found(before.is_none() && event.tradeId == self.last, "fx.uetr_names_its_trade", || {
                format!("UETR {} of {} is of trade {before:?} and of {}", event.uetr, event.debtor, event.tradeId)
            });
        }
        Ok(())
    }

    fn trade(&mut self, number: u64, provider: Address, nonce: B256) -> Result<(), Violation> {
        let (last, next) = (self.last, self.last.saturating_add(1));
        // The second hop of a trade has the number of the first.
        found(number == last || number == next, "fx.trades_are_counted", || format!("trade {number} after {last}"))?;
        self.last = number;
        let before = self.nonces.insert((provider, nonce), number);
        found(before.is_none(), "fx.nonce_trades_once", || {
            format!("nonce {nonce} of {provider} is of trades {before:?} and {number}")
        })
    }

    /// Holds the state against the book.
    pub fn check(&self, context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
        let mut violations = Vec::new();
        let count = trade_count(context)?;
        hold(&mut violations, "fx.trades_are_counted", count == self.last, || {
            format!("the last trade is {}, the state counts {count}", self.last)
        });
        for (provider, nonce) in self.nonces.keys() {
            let used = is_nonce_used(context, *provider, *nonce)?;
            hold(&mut violations, "fx.traded_nonce_is_used", used, || format!("nonce {nonce} of {provider} is unused"));
        }
        for ((debtor, uetr), number) in &self.payments {
            let named = trade_of_uetr(context, *debtor, *uetr)?;
            hold(&mut violations, "fx.uetr_names_its_trade", named == *number, || {
                format!("UETR {uetr} of {debtor} is of trade {number}, the state says {named}")
            });
            let paid = payment::is_settled(context, *debtor, *uetr)?;
            hold(&mut violations, "fx.cross_border_is_a_payment", paid, || {
                format!("trade {number} is no settled payment {uetr} of {debtor}")
            });
        }
        Ok(violations)
    }
}

fn found(rule: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if rule { Ok(()) } else { Err(Violation { invariant, found: what() }) }
}
