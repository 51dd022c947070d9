//! The gate of every movement: nobody frozen, and admitted by the policy.

use alloy_primitives::{Address, U256};

use super::{
    IToken,
    holds::pending_credit,
    ops::{Holder, terms},
};
use crate::{
    context::{Context, Failure, ensure, revert},
    policy::{self, Decision, Movement, Outcome, Purpose, Refusal},
};

/// A movement as the policy sees it, with nobody in it yet.
pub(super) fn movement(token: Address, purpose: Purpose, amount: U256) -> Movement {
    // Nobody has more than 2^128 - 1 of anything: an amount beyond is refused by any limit, or for the balance.
    let amount = u128::try_from(amount).unwrap_or(u128::MAX);
    Movement { token, payer: None, payee: None, operator: None, amount, pending: 0, purpose, holding_of }
}

/// What an account holds as holding limits see it: its balance and its pending credits.
fn holding_of(context: &mut Context<'_>, token: Address, account: Address) -> Result<u128, Failure> {
    let balance = Holder::read(context, token, account)?.holding.balance;
    Ok(balance.saturating_add(pending_credit(context, token, account)?))
}

/// Nobody who takes part is frozen.
pub(super) fn ensure_unfrozen(parties: [Option<&Holder>; 3]) -> Result<(), Failure> {
    for party in parties.into_iter().flatten() {
        ensure(!party.blocked(), || IToken::AccountFrozen { account: party.account })?;
    }
    Ok(())
}

/// What is asked of somebody who decides over units that are not its own: it is not frozen, and the policy's lists and
/// conditions admit it. The movement itself asks its parties.
pub(crate) fn ensure_party(context: &mut Context<'_>, token: Address, account: Address) -> Result<(), Failure> {
    let policy_id = terms(context, token)?.policy;
    let party = Holder::read(context, token, account)?;
    ensure_unfrozen([Some(&party), None, None])?;
    let forbidden = policy::first_forbidden(context, policy_id, [account])?;
    ensure(forbidden.is_none(), || IToken::PolicyForbids { policyId: policy_id, account })
}

/// What a movement asks of everyone who takes part. The decision may be to divert it; [`crate::policy::record`] follows
/// once the units moved.
pub(super) fn admit(
    context: &mut Context<'_>,
    policy: u64,
    movement: &Movement,
    parties: [Option<&Holder>; 3],
) -> Result<Decision, Failure> {
    ensure_unfrozen(parties)?;
    let decision = policy::decide(context, policy, movement)?;
    match decision.outcome {
        Outcome::Refused(refusal) => Err(refused(policy, refusal)),
        _ => Ok(decision),
    }
}

/// The same for a movement that cannot be diverted: it happens as it is, or not at all.
pub(super) fn admit_plain(
    context: &mut Context<'_>,
    policy: u64,
    movement: &Movement,
    parties: [Option<&Holder>; 3],
) -> Result<Decision, Failure> {
    let decision = admit(context, policy, movement, parties)?;
    match decision.outcome {
        Outcome::Parked(refusal) | Outcome::Swept(refusal, _) => Err(refused(policy, refusal)),
        _ => Ok(decision),
    }
}

/// The revert that says what refused a movement.
pub(super) fn refused(policy: u64, refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Account { account, .. } => revert(IToken::PolicyForbids { policyId: policy, account }),
        Refusal::Rule(rule) => rule.failure(),
    }
}
