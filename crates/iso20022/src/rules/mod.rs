//! Rules that no schema can say: check digits, sums, what excludes what, and what a scheme demands.
//!
//! The rules bear the names that ISO 20022 gives its constraints, and CBPR+ its usage rules; `specs/iso20022.md` lists
//! them with their reason codes. A broken rule is about the whole message, one batch or one item ([`Scope`]), so that the
//! good payments of a file go on and the bad ones are answered one by one.

mod cbpr;
mod fields;
mod header;
mod initiation;
mod interbank;
mod totals;

use crate::envelope::Envelope;
use crate::problem::{Kind, Problem, Problems, Scope};
use crate::tree::{View, scope};
use std::collections::BTreeSet;

/// What a message is held to beyond its schema and the constraints of ISO 20022.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The usage rules that apply.
    pub scheme: Scheme,
    /// Whether addresses may be nothing but lines. Schemes end this in November 2026.
    pub unstructured_addresses: bool,
    /// External codes that were published after this version, by set, such as `ExternalPurpose1Code`.
    pub codes_added: BTreeSet<(String, String)>,
    /// Most problems that are collected.
    pub problems_max: usize,
}

/// Usage rules of a scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// None: ISO 20022 alone.
    #[default]
    Iso,
    /// Cross-border payments and reporting plus.
    CbprPlus,
}

impl Default for Profile {
    fn default() -> Self {
        Self { scheme: Scheme::Iso, unstructured_addresses: true, codes_added: BTreeSet::new(), problems_max: 1_000 }
    }
}

impl Profile {
    /// CBPR+ where the header says so (`swift.cbprplus…` as business service), ISO 20022 alone otherwise.
    pub fn of(envelope: &Envelope) -> Self {
        let service = envelope.header.as_ref().and_then(|header| header.root().value("BizSvc"));
        let scheme = match service {
            Some(service) if service.starts_with("swift.cbprplus") => Scheme::CbprPlus,
            _ => Scheme::Iso,
        };
        Self { scheme, ..Self::default() }
    }
}

/// What rules say about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Everything that is broken, up to the profile's bound.
    pub problems: Vec<Problem>,
    /// Whether there is more.
    pub more: bool,
}

impl Findings {
    /// Whether nothing is broken.
    pub const fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the message as a whole is refused. Where the bound was reached it is: what was not looked at may be wrong.
    pub fn refuses_all(&self) -> bool {
        self.more || self.problems.iter().any(|problem| problem.scope == Scope::Message)
    }
}

/// Holds a message to the rules. The result does not depend on the time of day: dates in the past are the caller's matter.
pub fn check(envelope: &Envelope, profile: &Profile) -> Findings {
    let mut checks = Checks { problems: Problems::new(profile.problems_max), profile };
    let root = envelope.document.root();
    header::check(envelope, &mut checks);
    if let Some(header) = &envelope.header {
        header.root().walk(&mut |view| fields::check(view, &mut checks));
    }
    root.walk(&mut |view| fields::check(view, &mut checks));
    totals::check(root, &mut checks);
    interbank::check(root, &mut checks);
    initiation::check(root, &mut checks);
    if profile.scheme == Scheme::CbprPlus {
        cbpr::check(envelope, &mut checks);
    }
    let (mut problems, more) = checks.problems.into_parts();
    problems.sort_by_key(|problem| problem.scope);
    Findings { problems, more }
}

/// What is found while rules are checked.
struct Checks<'p> {
    problems: Problems,
    profile: &'p Profile,
}

impl Checks<'_> {
    /// A value that breaks a rule.
    fn value(&mut self, view: View<'_>, reason: &'static str, text: impl Into<String>) {
        let problem = Problem::new(Kind::Rule, view.path(), reason, text).with_value(view.text());
        self.problems.push(problem.within(scope(view)));
    }

    /// An element that must not be here.
    fn element(&mut self, view: View<'_>, reason: &'static str, text: impl Into<String>) {
        self.problems.push(Problem::new(Kind::Rule, view.path(), reason, text).within(scope(view)));
    }

    /// An element that is missing below `view`.
    fn missing(&mut self, view: View<'_>, path: &str, reason: &'static str, text: impl Into<String>) {
        let place = format!("{}/{path}", view.path());
        self.problems.push(Problem::new(Kind::Rule, place, reason, text).within(scope(view)));
    }
}

/// Decimals that sums are counted in: the most that the standard's numbers have.
const SUM_DECIMALS: usize = 17;

/// A decimal number without sign, exactly, in units of 10^-17. `None` where it does not fit.
fn decimal(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > SUM_DECIMALS {
        return None;
    }
    let number = format!("{whole}{fraction:0<SUM_DECIMALS$}");
    number.parse().ok()
}

/// The sum of numbers, exactly; `None` where one cannot be read or the sum does not fit.
fn sum<'t>(numbers: impl Iterator<Item = View<'t>>) -> Option<u128> {
    numbers.map(|view| decimal(view.text())).try_fold(0u128, |sum, number| sum.checked_add(number?))
}

/// A sum as it is written: without the zeros at its end.
fn written(sum: u128) -> String {
    let digits = format!("{sum:0>width$}", width = SUM_DECIMALS.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(SUM_DECIMALS));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.into() } else { format!("{whole}.{fraction}") }
}

/// The family of a message, such as `pacs.008.001`.
fn family(view: View<'_>) -> &'static str {
    view.tree().definition().family
}
