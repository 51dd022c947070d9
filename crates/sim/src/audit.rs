//! The modules' invariants after every final block.
//!
//! The audit follows the final chain once, from genesis, on whichever machine has the next block: that machines agree is
//! checked elsewhere. It keeps books that only events write, and holds every state against them.

use crate::Violation;
use florin_consensus::Node;
use florin_modules::{
    CallEnv, Failure,
    invariants::{self, Books},
    query, token_address,
};
use florin_state::{LedgerError, with_view};
use florin_types::{Genesis, Height, Rules, StateView};

/// How far the chain was followed, and what its events add up to.
pub(crate) struct Audit {
    books: Books,
    next: Height,
}

impl Audit {
    /// An audit that begins with the balances of genesis.
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let mut books = Books::default();
        for (index, token) in (1..).zip(&genesis.tokens) {
            for (holder, units) in &token.balances {
                books.balances.credit_genesis(token_address(index), *holder, *units);
            }
        }
        Self { books, next: 0 }
    }

    /// Blocks, genesis among them, after which every invariant was checked.
    pub(crate) fn blocks(&self) -> u64 {
        self.next
    }

    /// Checks the state after each block that is new on this machine. A machine that has just come back may not be able to
    /// show one yet: another does, or it does later.
    pub(crate) async fn follow(&mut self, node: &Node) -> Result<(), Violation> {
        let unreadable = |error: LedgerError| Violation::Unreadable(error.to_string());
        while self.next <= node.ledger().head().block.height() {
            let height = self.next;
            let reader = match node.ledger().state(height).await {
                Ok(reader) => reader,
                Err(LedgerError::Starting { .. } | LedgerError::Pruned { .. }) => return Ok(()),
                Err(error) => return Err(unreadable(error)),
            };
            let block = node.ledger().block(height).await.map_err(unreadable)?;
            let Some(block) = block.filter(|block| block.executed) else { return Ok(()) };
            let broken = |violation: invariants::Violation| Violation::Invariant {
                height,
                invariant: violation.invariant,
                found: violation.found,
            };
            for log in block.receipts.iter().flat_map(|receipt| receipt.logs()) {
                self.books.apply(log).map_err(broken)?;
            }
            let (books, rules) = (self.books.clone(), node.genesis().rules.at(height).clone());
            let violations = with_view(reader, move |view| violations(view, &rules, &books)).await;
            let violations = violations.map_err(|failure| Violation::Unreadable(failure.to_string()))?;
            if let Some(first) = violations.into_iter().next() {
                return Err(broken(first));
            }
            self.next += 1;
        }
        Ok(())
    }
}

/// Every invariant of every module that does not hold on this state.
pub(crate) fn violations(
    view: &dyn StateView,
    rules: &Rules,
    books: &Books,
) -> Result<Vec<invariants::Violation>, Failure> {
    query(view, CallEnv::reader(rules), |context| books.check(context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Scenario,
        workload::{START_BALANCE, TOKEN, Workload},
    };
    use florin_execution::genesis_state;

    #[test]
    fn a_state_that_tells_another_story_than_the_events_is_named() {
        let workload = Workload::new(&Scenario { accounts: 3, ..Scenario::default() });
        let genesis = workload.genesis(700);
        let (state, mut audit) = (genesis_state(&genesis).unwrap(), Audit::new(&genesis));
        let found = |audit: &Audit| violations(&state, genesis.rules.at(0), &audit.books).unwrap();
        assert_eq!(found(&audit), []);
        audit.books.balances.credit_genesis(TOKEN, workload.addresses().next().unwrap(), 1);
        let named: Vec<_> = found(&audit).iter().map(|violation| violation.invariant).collect();
        assert_eq!(named, ["token.events_give_balances"]);
        // A book that knows one holder only cannot add up to the supply.
        let mut short = Books::default();
        short.balances.credit_genesis(TOKEN, workload.addresses().next().unwrap(), START_BALANCE);
        let named = violations(&state, genesis.rules.at(0), &short).unwrap();
        assert_eq!(named.iter().map(|violation| violation.invariant).collect::<Vec<_>>(), ["token.supply_is_sum"]);
    }
}
