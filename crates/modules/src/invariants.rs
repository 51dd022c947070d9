//! What invariants of modules have in common: a violation has a name and says what was found.
//!
//! Each module's `invariants.rs` holds its predicates. The simulation runs them after every block; `florin inspect`
//! runs them on demand.

use alloy_primitives::Log;
use std::fmt;

use crate::{
    channel,
    context::{Context, Failure},
    escrow, factory,
    fx::invariants::TradeBook,
    governance, identity,
    payment::invariants::PaymentBook,
    permission, policy, settlement, staking,
    token::invariants::EventBook,
    voucher,
};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the invariant, such as `token.supply_is_sum`.
    pub invariant: &'static str,
    /// Values that contradict it.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {} does not hold: {}", self.invariant, self.found)
    }
}

/// What events tell of every module, and every invariant of every module. Begin with the balances of genesis, which has
/// no receipts, and apply the logs of every block in order.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Balances.
    pub balances: EventBook,
    payments: PaymentBook,
    trades: TradeBook,
}

impl Books {
    /// Applies a log; logs that no book follows change nothing.
    pub fn apply(&mut self, log: &Log) -> Result<(), Violation> {
        self.balances.apply(log)?;
        self.payments.apply(log)?;
        self.trades.apply(log)
    }

    /// Holds the state against the books, and against what needs no events; empty where everything holds.
    pub fn check(&self, context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
        let mut violations = self.balances.check(context)?;
        violations.extend(factory::invariants::check(context)?);
        violations.extend(policy::invariants::check(context)?);
        violations.extend(permission::invariants::check(context)?);
        violations.extend(identity::invariants::check(context)?);
        violations.extend(self.payments.check(context)?);
        violations.extend(settlement::invariants::check(context)?);
        violations.extend(self.trades.check(context)?);
        violations.extend(escrow::invariants::check(context)?);
        violations.extend(channel::invariants::check(context)?);
        violations.extend(voucher::invariants::check(context)?);
        violations.extend(governance::invariants::check(context)?);
        violations.extend(staking::invariants::check(context)?);
        Ok(violations)
    }
}

/// Notes a violation unless `rule` holds.
pub(crate) fn hold(
    violations: &mut Vec<Violation>,
    invariant: &'static str,
    rule: bool,
    found: impl FnOnce() -> String,
) {
    if !rule {
        violations.push(Violation { invariant, found: found() });
    }
}
