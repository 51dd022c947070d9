//! The one gate: every movement of units is decided here before it happens and recorded here after it did.
//!
//! [`decide`] changes nothing, so that a dry run is the same function. What it read from counters is kept as *figures*:
//! with them, and the block time, [`super::replay`] decides again.

use alloy_primitives::{Address, B256, U256};

use super::{
    DEPTH_MAX, IPolicy, Kind, OPEN, Purpose,
    accounts::{Known, forbidding, one_less},
    layout::{ExchangeTerms, Period, Policy},
    limits::{self, Count},
    ops::{get, operands},
    receipt, travel,
};
use crate::{
    POLICY_ADDRESS,
    context::{Context, Failure, revert},
    identity,
    slots::Slot,
};

/// Tells what an account holds of a token: balance and pending credits. The token gives it, because it is above.
pub type HoldingOf = fn(&mut Context<'_>, Address, Address) -> Result<u128, Failure>;

/// Units that would change hands.
#[derive(Clone, Copy, Debug)]
pub struct Movement {
    /// Which units.
    pub token: Address,
    /// Who gives them; nobody for a mint and for the credits of a net settlement.
    pub payer: Option<Address>,
    /// Who gets them; nobody for a burn, for most holds and for the debits of a net settlement.
    pub payee: Option<Address>,
    /// Who moves the units of another.
    pub operator: Option<Address>,
    /// How many, in minor units.
    pub amount: u128,
    /// How many of them already count as pending credit of the payee.
    pub pending: u128,
    /// What for.
    pub purpose: Purpose,
    /// Tells what an account holds; asked only under a holding limit.
    pub holding_of: HoldingOf,
}

/// What a policy says of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may happen.
    Admitted,
    /// It must not happen.
    Refused(Refusal),
    /// It must wait with its payer.
    Parked(Refusal),
    /// It may happen, and so many units go on to the payee's linked account.
    Swept(Refusal, u128),
}

impl Outcome {
    /// Number in the ABI.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Admitted => 1,
            Self::Refused(_) => 2,
            Self::Parked(_) => 3,
            Self::Swept(..) => 4,
        }
    }

    /// The policy that refused or diverted the movement; 0 where none did.
    pub(super) fn rule(self) -> u64 {
        match self {
            Self::Admitted => OPEN,
            Self::Refused(refusal) | Self::Parked(refusal) | Self::Swept(refusal, _) => refusal.policy(),
        }
    }

    /// Both outcomes of two rules: nothing moves where one parks, and the larger excess is swept.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused(_) | Self::Parked(_), _) | (_, Self::Admitted) => self,
            (Self::Swept(_, excess), Self::Swept(_, more)) if excess >= more => self,
            _ => other,
        }
    }
}

/// Why a movement is refused or diverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A list or condition, or a combination of them, does not admit an account.
    Account {
        /// The list, condition or combination, at or beneath the token's policy.
        policy: u64,
        /// Whom it does not admit.
        account: Address,
    },
    /// A rule forbids the movement.
    Rule(Broken),
}

/// A rule that a movement would break: the policy and the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A payment limit would be exceeded.
    Payment {
        /// The limit.
        policy: u64,
        /// 0 the movement, 1 the day, 2 the month.
        period: u8,
        /// The most.
        limit: u128,
        /// What was used in the period.
        used: u128,
        /// What would be added.
        amount: u128,
    },
    /// A holding limit would be exceeded.
    Holding {
        /// The limit.
        policy: u64,
        /// The most.
        limit: u128,
        /// What the payee's person holds.
        held: u128,
        /// What would be added.
        amount: u128,
    },
    /// The travel rule's data were not exchanged.
    Travel {
        /// The rule.
        policy: u64,
        /// 1 a person, 2 an exchange that covers the movement, 3 its acknowledgement.
        missing: u8,
        /// The threshold.
        threshold: u128,
        /// What was paid this day.
        total: u128,
        /// What would be added.
        amount: u128,
    },
}

impl Refusal {
    /// The policy that decided.
    pub fn policy(self) -> u64 {
        match self {
            Self::Account { policy, .. }
            | Self::Rule(
                Broken::Payment { policy, .. } | Broken::Holding { policy, .. } | Broken::Travel { policy, .. },
            ) => policy,
        }
    }
}

impl Broken {
    /// The revert that says so.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Payment { policy, period, limit, used, amount } => revert(IPolicy::PaymentLimitExceeded {
                policyId: policy,
                period,
                limit: U256::from(limit),
                used: U256::from(used),
                amount: U256::from(amount),
            }),
            Self::Holding { policy, limit, held, amount } => revert(IPolicy::HoldingLimitExceeded {
                policyId: policy,
                limit: U256::from(limit),
                held: U256::from(held),
                amount: U256::from(amount),
            }),
            Self::Travel { policy, missing, threshold, total, amount } => revert(IPolicy::TravelRuleUnmet {
                policyId: policy,
                missing,
                threshold: U256::from(threshold),
                total: U256::from(total),
                amount: U256::from(amount),
            }),
        }
    }
}

/// A counter or exchange as it will be once the units have moved.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// Units counted in a day or month.
    Counted(Slot<Period>, Period),
    /// What is left of an exchange.
    Used(Slot<ExchangeTerms>, ExchangeTerms),
}

/// What leaves a trace of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) policy: u64,
    pub(super) token: Address,
    pub(super) version: u32,
    pub(super) inputs_hash: B256,
    pub(super) figures: Vec<U256>,
}

/// A decision, to be recorded once the units moved.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What the policy says.
    pub outcome: Outcome,
    /// What payment limits will have counted once it is recorded.
    pub count: Count,
    pub(super) receipt: Option<Receipt>,
    entries: Vec<Entry>,
}

impl Decision {
    /// A decision that leaves no trace: lists alone were asked, or nothing.
    fn silent(outcome: Outcome) -> Self {
        Self { outcome, count: Count::default(), receipt: None, entries: Vec::new() }
    }
}

/// Figures that a decision reads: from the state now, or as they were given to replay it.
pub(super) struct Evidence<'a> {
    given: Option<std::slice::Iter<'a, U256>>,
    read: Vec<U256>,
}

impl<'a> Evidence<'a> {
    /// Figures of the present state.
    pub(super) fn live() -> Self {
        Self { given: None, read: Vec::new() }
    }

    /// Figures that were read once before.
    pub(super) fn replayed(figures: &'a [U256]) -> Self {
        Self { given: Some(figures.iter()), read: Vec::new() }
    }

    /// What was read so far.
    pub(super) fn figures(&self) -> &[U256] {
        &self.read
    }

    /// The next figure.
    pub(super) fn figure(
        &mut self,
        context: &mut Context<'_>,
        read: impl FnOnce(&mut Context<'_>) -> Result<u128, Failure>,
    ) -> Result<u128, Failure> {
        let missing = || revert(IPolicy::FiguresMissing { length: U256::from(self.read.len()) });
        let figure = match &mut self.given {
            None => read(context)?,
            Some(given) => given.next().and_then(|figure| u128::try_from(*figure).ok()).ok_or_else(missing)?,
        };
        self.read.push(U256::from(figure));
        Ok(figure)
    }
}

/// A movement with the persons of its parties, while its rules are asked.
pub(super) struct Case<'a, 'b> {
    pub(super) movement: &'a Movement,
    pub(super) evidence: &'a mut Evidence<'b>,
    pub(super) entries: &'a mut Vec<Entry>,
    /// Counters of payment limits among them, as a [`Count`] marks them.
    pub(super) periods: u8,
    /// Person of the payer, 0 for nobody.
    pub(super) payer: u64,
    /// Person of the payee, 0 for nobody.
    pub(super) payee: u64,
}

/// Key of a party in counters: its person or, if it is nobody, its address. Persons are numbers below any address that a
/// key could have.
pub(super) fn subject(person: u64, account: Address) -> U256 {
    if person > 0 { U256::from(person) } else { U256::from_be_slice(account.as_slice()) }
}

// ----- deciding ------------------------------------------------------------------------------------------------------

/// What the policy says of the movement. Changes nothing.
pub fn decide(context: &mut Context<'_>, policy: u64, movement: &Movement) -> Result<Decision, Failure> {
    if policy == OPEN {
        return Ok(Decision::silent(Outcome::Admitted));
    }
    judge(context, policy, movement, &mut Evidence::live())
}

/// The same, from the figures that `evidence` gives.
pub(super) fn judge(
    context: &mut Context<'_>,
    policy: u64,
    movement: &Movement,
    evidence: &mut Evidence<'_>,
) -> Result<Decision, Failure> {
    let known = get(context, policy)?;
    // A hold pays nobody yet: whom it is for may still become known, and is asked when it is posted.
    let payee = movement.payee.filter(|_| !matches!(movement.purpose, Purpose::Hold | Purpose::Pledge));
    // Whom a policy refuses can be seized all the same.
    let payer = movement.payer.filter(|_| movement.purpose != Purpose::Seizure);
    let parties = [payer, payee, movement.operator];
    for account in parties.into_iter().flatten() {
        if let Some(leaf) = forbidding(context, policy, known, account, DEPTH_MAX)? {
            return Ok(Decision::silent(Outcome::Refused(Refusal::Account { policy: leaf, account })));
        }
    }
    let record = known.1;
    if !record.is_more_than_lists() {
        return Ok(Decision::silent(Outcome::Admitted));
    }
    let mut entries = Vec::new();
    let (outcome, count) = match record.rules() {
        0 => (Outcome::Admitted, Count::default()),
        _ => ask_rules(context, policy, known, movement, evidence, &mut entries)?,
    };
    if matches!(outcome, Outcome::Refused(_)) {
        return Ok(Decision::silent(outcome));
    }
    if matches!(outcome, Outcome::Parked(_)) && movement.purpose != Purpose::Hold {
        // Nothing moves: nothing is counted. A hold is made all the same.
        entries.clear();
    }
    let receipt = receipt::of(context, policy, movement, &evidence.read)?;
    Ok(Decision { outcome, count, receipt: Some(receipt), entries })
}

/// Asks every rule of a policy, in order, until one refuses. Answers besides what payment limits are to count.
fn ask_rules(
    context: &mut Context<'_>,
    policy: u64,
    known: Known,
    movement: &Movement,
    evidence: &mut Evidence<'_>,
    entries: &mut Vec<Entry>,
) -> Result<(Outcome, Count), Failure> {
    let payer = person_of(context, movement.payer)?;
    let payee = person_of(context, movement.payee)?;
    let same_address = movement.payer.is_some() && movement.payer == movement.payee;
    let same_party = same_address || (payer != 0 && payer == payee);
    // A sweep must take the excess away from the person, hence to another one.
    if same_party && movement.purpose != Purpose::Sweep {
        return Ok((Outcome::Admitted, Count::default()));
    }
    let mut rules = Vec::new();
    collect_rules(context, policy, known, DEPTH_MAX, &mut rules)?;
    let mut case = Case { movement, evidence, entries, periods: 0, payer, payee };
    let mut outcome = Outcome::Admitted;
    for (place, (rule, kind)) in rules.into_iter().enumerate() {
        let said = match kind {
            Kind::PaymentLimit => limits::payment(context, (place, rule), &mut case)?,
            Kind::HoldingLimit => limits::holding(context, rule, &mut case)?,
            _ => travel::ask(context, rule, &mut case)?,
        };
        if matches!(said, Outcome::Refused(_)) {
            return Ok((said, Count::default()));
        }
        outcome = outcome.and(said);
    }
    let count = match case.periods {
        0 => Count::default(),
        periods => Count { policy, person: payer, time_ms: context.env().timestamp_ms, periods },
    };
    Ok((outcome, count))
}

/// Rules at and beneath a policy, in the order in which they are asked.
pub(super) fn rules_of(context: &mut Context<'_>, policy: u64) -> Result<Vec<(u64, Kind)>, Failure> {
    let (known, mut rules) = (get(context, policy)?, Vec::new());
    collect_rules(context, policy, known, DEPTH_MAX, &mut rules)?;
    Ok(rules)
}

fn person_of(context: &mut Context<'_>, account: Option<Address>) -> Result<u64, Failure> {
    account.map_or(Ok(0), |account| identity::person_of(context, account))
}

/// Rules at and beneath a policy, in the order in which they are asked. Only "all of" has any beneath it.
fn collect_rules(
    context: &mut Context<'_>,
    policy: u64,
    (kind, record): (Option<Kind>, Policy),
    depth_left: u8,
    rules: &mut Vec<(u64, Kind)>,
) -> Result<(), Failure> {
    match kind {
        Some(kind) if kind.is_rule() => rules.push((policy, kind)),
        Some(Kind::AllOf) if record.rules() > 0 => {
            let depth_left = one_less(policy, depth_left)?;
            for operand in operands(context, policy)? {
                let known = get(context, operand)?;
                collect_rules(context, operand, known, depth_left, rules)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a rule's exempt policy admits the account.
pub(super) fn is_exempt(context: &mut Context<'_>, exempt: u64, account: Address) -> Result<bool, Failure> {
    super::is_allowed(context, exempt, account)
}

// ----- recording -----------------------------------------------------------------------------------------------------

/// Counts a movement that has happened, or was parked, and leaves the receipt of its decision. Only the token calls it.
pub(crate) fn record(context: &mut Context<'_>, decision: Decision) -> Result<(), Failure> {
    for entry in decision.entries {
        match entry {
            Entry::Counted(place, period) => place.write(context, period)?,
            Entry::Used(place, terms) => place.write(context, terms)?,
        }
    }
    let Some(receipt) = decision.receipt else { return Ok(()) };
    let event = IPolicy::Decision {
        policyId: receipt.policy,
        token: receipt.token,
        version: receipt.version,
        rule: decision.outcome.rule(),
        inputsHash: receipt.inputs_hash,
        outcome: decision.outcome.number(),
        figures: receipt.figures,
    };
    context.emit(POLICY_ADDRESS, &event)
}
