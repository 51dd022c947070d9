//! The dry run of a movement: what would stop it, with values and remedy, in numbers that any wallet reads.
//!
//! It runs the very checks of the movement itself and translates the error in which they end. Codes up to 13 are kinds
//! of policies, those from 64 on the token's own; `specs/policy.md` and `specs/token.md` list both, and the remedies.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolInterface;

use super::{
    IToken::ITokenErrors,
    ops::{Movement, examine, terms},
};
use crate::{
    context::{Context, Failure},
    policy::{self, Broken, IPolicy::IPolicyErrors, Kind, Outcome, Refusal},
};

/// Numbers of what is to be done, as `specs/policy.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is to be done.
    None = 0,
    /// Correct the addresses or the amount.
    Correct = 1,
    /// Wait until the token is resumed.
    AwaitResumption = 2,
    /// Ask the freezer.
    AskFreezer = 3,
    /// Ask the admin of the list.
    AskListAdmin = 4,
    /// Ask the token's admin for another policy.
    AskTokenAdmin = 5,
    /// Ask a registrar to link the address to a person.
    LinkAddress = 6,
    /// Ask an accredited verifier for the credential.
    ObtainCredential = 7,
    /// Pay in smaller parts.
    PayInParts = 8,
    /// Pay less, or wait for the next day (UTC).
    AwaitNextDay = 9,
    /// Pay less, or wait for the next month (UTC).
    AwaitNextMonth = 10,
    /// Pay less, or let the payee spend or link an account first.
    MakeRoom = 11,
    /// Let both institutions exchange the travel rule's data first.
    ExchangeData = 12,
    /// Ask the owner to approve more.
    ApproveMore = 13,
    /// Pay in, or pay less.
    PayIn = 14,
    /// Release a hold, or pay less.
    ReleaseHold = 15,
}

impl Remedy {
    /// All of them, in order.
    pub const ALL: [Self; 16] = [
        Self::None,
        Self::Correct,
        Self::AwaitResumption,
        Self::AskFreezer,
        Self::AskListAdmin,
        Self::AskTokenAdmin,
        Self::LinkAddress,
        Self::ObtainCredential,
        Self::PayInParts,
        Self::AwaitNextDay,
        Self::AwaitNextMonth,
        Self::MakeRoom,
        Self::ExchangeData,
        Self::ApproveMore,
        Self::PayIn,
        Self::ReleaseHold,
    ];

    /// Number in the ABI.
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Correct => 1,
            Self::AwaitResumption => 2,
            Self::AskFreezer => 3,
            Self::AskListAdmin => 4,
            Self::AskTokenAdmin => 5,
            Self::LinkAddress => 6,
            Self::ObtainCredential => 7,
            Self::PayInParts => 8,
            Self::AwaitNextDay => 9,
            Self::AwaitNextMonth => 10,
            Self::MakeRoom => 11,
            Self::ExchangeData => 12,
            Self::ApproveMore => 13,
            Self::PayIn => 14,
            Self::ReleaseHold => 15,
        }
    }

    /// The text for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::None => "Nothing is to be done.",
            Self::Correct => "Correct the addresses or the amount.",
            Self::AwaitResumption => "Wait until the token is resumed.",
            Self::AskFreezer => "Ask the freezer.",
            Self::AskListAdmin => "Ask the admin of the list.",
            Self::AskTokenAdmin => "Ask the token's admin for another policy.",
            Self::LinkAddress => "Ask a registrar to link the address to a person.",
            Self::ObtainCredential => "Ask an accredited verifier for the credential.",
            Self::PayInParts => "Pay in smaller parts.",
            Self::AwaitNextDay => "Pay less, or wait for the next day (UTC).",
            Self::AwaitNextMonth => "Pay less, or wait for the next month (UTC).",
            Self::MakeRoom => "Pay less, or let the payee spend or link an account first.",
            Self::ExchangeData => "Let both institutions exchange the travel rule's data first.",
            Self::ApproveMore => "Ask the owner to approve more.",
            Self::PayIn => "Pay in, or pay less.",
            Self::ReleaseHold => "Release a hold, or pay less.",
        }
    }
}

/// What a movement would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Whether the units would reach the payee.
    pub allowed: bool,
    /// The policy that would refuse, park or sweep; 0 if none would.
    pub policy: u64,
    /// What would stop or divert it; 0 if nothing would.
    pub code: u8,
    /// The values of that.
    pub values: Vec<U256>,
    /// What is to be done.
    pub remedy: Remedy,
}

impl Preview {
    fn stopped(code: u8, values: Vec<U256>, remedy: Remedy) -> Self {
        Self { allowed: false, policy: policy::OPEN, code, values, remedy }
    }
}

/// What a transfer would meet now. A zero operator stands for none: the holder itself.
pub fn check_transfer(
    context: &mut Context<'_>,
    token: Address,
    (from, to): (Address, Address),
    operator: Address,
    amount: U256,
) -> Result<Preview, Failure> {
    let operator = Some(operator).filter(|operator| !operator.is_zero());
    let movement = Movement::transfer(from, to, operator, amount);
    let allowed = Preview { allowed: true, ..Preview::stopped(0, Vec::new(), Remedy::None) };
    match examine(context, token, movement) {
        Ok(examined) => match examined.decision.outcome {
            Outcome::Parked(refusal) => of_refusal(context, refusal),
            Outcome::Swept(refusal, _) => {
                Ok(Preview { allowed: true, remedy: Remedy::None, ..of_refusal(context, refusal)? })
            }
            _ => Ok(allowed),
        },
        Err(Failure::Revert(data)) => match of_error(&data) {
            Some(preview) => Ok(preview),
            None => of_policy(context, token, movement, Failure::Revert(data)),
        },
        Err(failure) => Err(failure),
    }
}

/// What the policy forbids, as it says itself; where it does not forbid the movement, a sweep that follows it failed.
fn of_policy(
    context: &mut Context<'_>,
    token: Address,
    movement: Movement,
    failure: Failure,
) -> Result<Preview, Failure> {
    let policy = terms(context, token)?.policy;
    match policy::decide(context, policy, &movement.before_the_policy(token))?.outcome {
        Outcome::Refused(refusal) | Outcome::Parked(refusal) | Outcome::Swept(refusal, _) => {
            of_refusal(context, refusal)
        }
        Outcome::Admitted => Err(failure),
    }
}

fn of_refusal(context: &mut Context<'_>, refusal: Refusal) -> Result<Preview, Failure> {
    let policy = refusal.policy();
    let code = policy::code_of(context, policy)?;
    let (values, remedy) = match refusal {
        Refusal::Account { account, .. } => (vec![word(account)], remedy_of_kind(code)),
        Refusal::Rule(broken) => of_rule(broken),
    };
    Ok(Preview { allowed: false, policy, code, values, remedy })
}

fn of_rule(broken: Broken) -> (Vec<U256>, Remedy) {
    match broken {
        Broken::Payment { period, limit, used, amount, .. } => {
            let remedy = [Remedy::PayInParts, Remedy::AwaitNextDay].get(usize::from(period)).copied();
            let values = vec![U256::from(period), U256::from(limit), U256::from(used), U256::from(amount)];
            (values, remedy.unwrap_or(Remedy::AwaitNextMonth))
        }
        Broken::Holding { limit, held, amount, .. } => ([limit, held, amount].map(U256::from).into(), Remedy::MakeRoom),
        Broken::Travel { missing, threshold, total, amount, .. } => {
            let values = vec![U256::from(missing), U256::from(threshold), U256::from(total), U256::from(amount)];
            (values, if missing == 1 { Remedy::LinkAddress } else { Remedy::ExchangeData })
        }
    }
}

/// What to do where an account is not admitted, by the kind of what does not admit it.
fn remedy_of_kind(code: u8) -> Remedy {
    let is = |kind: Kind| kind.number() == code;
    if is(Kind::Allow) || is(Kind::Deny) {
        Remedy::AskListAdmin
    } else if is(Kind::KnownPerson) {
        Remedy::LinkAddress
    } else if is(Kind::KycTier)
        || is(Kind::JurisdictionAmong)
        || is(Kind::JurisdictionOutside)
        || is(Kind::Accreditation)
    {
        Remedy::ObtainCredential
    } else {
        Remedy::AskTokenAdmin
    }
}

fn word(account: Address) -> U256 {
    U256::from_be_slice(account.as_slice())
}

/// A check of the token itself, by its error; none if the policy stopped the movement.
fn of_error(data: &[u8]) -> Option<Preview> {
    use ITokenErrors as Error;
    if IPolicyErrors::abi_decode(data).is_ok() {
        return None;
    }
    Some(match ITokenErrors::abi_decode(data).ok()? {
        Error::ERC20InvalidSender(e) => Preview::stopped(64, vec![word(e.sender)], Remedy::Correct),
        Error::ERC20InvalidReceiver(e) => Preview::stopped(65, vec![word(e.receiver)], Remedy::Correct),
        Error::EnforcedPause(_) => Preview::stopped(66, Vec::new(), Remedy::AwaitResumption),
        Error::AccountFrozen(e) => Preview::stopped(67, vec![word(e.account)], Remedy::AskFreezer),
        Error::ERC20InsufficientAllowance(e) => Preview::stopped(68, vec![e.allowance, e.needed], Remedy::ApproveMore),
        Error::ERC20InsufficientBalance(e) => Preview::stopped(69, vec![e.balance, e.needed], Remedy::PayIn),
        Error::InsufficientUnfrozenBalance(e) => {
            Preview::stopped(70, vec![e.balance, e.frozen, e.needed], Remedy::AskFreezer)
        }
        Error::InsufficientUnheldBalance(e) => {
            Preview::stopped(71, vec![e.balance, e.frozen, e.held, e.needed], Remedy::ReleaseHold)
        }
        _ => return None,
    })
}
