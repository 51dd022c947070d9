//! What invariants of modules have in common: a violation has a name and says what was found.
//!
//! Each module's `invariants.rs` holds its predicates. The simulation runs them after every block; `florin inspect`
//! runs them on demand.

use std::fmt;

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
