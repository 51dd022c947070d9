//! From selector to operation. No logic.

use alloy_primitives::{Address, Bytes, U256};

use super::{
    IPolicy::*,
    Kind, Movement, Purpose, accounts, limits, ops, receipt,
    rules::{self, RuleTerms},
    travel::{self, Pair},
};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to the registry.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IPolicyCalls as Call;
    match decode::<Call>(context, input)? {
        Call::createList(c) => {
            mutate::<createListCall, _>(context, |x| ops::create_list(x, c.kind, c.admin, &c.members))
        }
        Call::createCombination(c) => {
            mutate::<createCombinationCall, _>(context, |x| ops::create_combination(x, c.kind, &c.operands))
        }
        Call::createCondition(c) => {
            mutate::<createConditionCall, _>(context, |x| rules::create_condition(x, c.kind, c.value))
        }
        Call::createJurisdictionCondition(c) => mutate::<createJurisdictionConditionCall, _>(context, |x| {
            rules::create_jurisdiction_condition(x, c.kind, &c.codes)
        }),
        Call::createPaymentLimit(c) => mutate::<createPaymentLimitCall, _>(context, |x| {
            let terms = RuleTerms::payment(c.perTransaction, c.perDay, c.perMonth);
            rules::create_rule(x, Kind::PaymentLimit, c.admin, c.exemptPolicyId, terms)
        }),
        Call::createHoldingLimit(c) => mutate::<createHoldingLimitCall, _>(context, |x| {
            let terms = RuleTerms::holding(c.limit, c.outcome);
            rules::create_rule(x, Kind::HoldingLimit, c.admin, c.exemptPolicyId, terms)
        }),
        Call::createTravelRule(c) => mutate::<createTravelRuleCall, _>(context, |x| {
            rules::create_rule(x, Kind::TravelRule, c.admin, c.exemptPolicyId, RuleTerms::travel(c.threshold))
        }),
        Call::setPaymentLimit(c) => mutate::<setPaymentLimitCall, _>(context, |x| {
            let terms = RuleTerms::payment(c.perTransaction, c.perDay, c.perMonth);
            rules::set_rule(x, Kind::PaymentLimit, c.policyId, terms)
        }),
        Call::setHoldingLimit(c) => mutate::<setHoldingLimitCall, _>(context, |x| {
            rules::set_rule(x, Kind::HoldingLimit, c.policyId, RuleTerms::holding(c.limit, c.outcome))
        }),
        Call::setTravelRule(c) => mutate::<setTravelRuleCall, _>(context, |x| {
            rules::set_rule(x, Kind::TravelRule, c.policyId, RuleTerms::travel(c.threshold))
        }),
        Call::openExchange(c) => mutate::<openExchangeCall, _>(context, |x| {
            let pair = Pair { policy: c.policyId, token: c.token, payer: c.payerPersonId, payee: c.payeePersonId };
            travel::open_exchange(x, pair, c.amount, c.expiresMs, c.commitment)
        }),
        Call::acknowledgeExchange(c) => mutate::<acknowledgeExchangeCall, _>(context, |x| {
            let pair = Pair { policy: c.policyId, token: c.token, payer: c.payerPersonId, payee: c.payeePersonId };
            travel::acknowledge_exchange(x, pair, c.amount, c.expiresMs, c.commitment)
        }),
        Call::addMembers(c) => mutate::<addMembersCall, _>(context, |x| ops::add_members(x, c.policyId, &c.accounts)),
        Call::removeMembers(c) => {
            mutate::<removeMembersCall, _>(context, |x| ops::remove_members(x, c.policyId, &c.accounts))
        }
        Call::proposeAdmin(c) => {
            mutate::<proposeAdminCall, _>(context, |x| ops::propose_admin(x, c.policyId, c.newAdmin))
        }
        Call::acceptAdmin(c) => mutate::<acceptAdminCall, _>(context, |x| ops::accept_admin(x, c.policyId)),

        Call::isAllowed(c) => view::<isAllowedCall>(accounts::is_allowed(context, c.policyId, c.account)?),
        Call::isTransferAllowed(c) => {
            let parties = [Some(c.from), Some(c.to), party(c.operator)];
            let forbidden = accounts::first_forbidden(context, c.policyId, parties.into_iter().flatten())?;
            view::<isTransferAllowedCall>(forbidden.is_none())
        }
        Call::isMember(c) => view::<isMemberCall>(ops::is_member(context, c.policyId, c.account)?),
        Call::policyExists(c) => view::<policyExistsCall>(ops::exists(context, c.policyId)?),
        Call::policyCount(_) => view::<policyCountCall>(ops::count(context)?),
        Call::getPolicy(c) => {
            let (_, policy) = ops::get(context, c.policyId)?;
            let pending = ops::pending_admin(context, c.policyId)?;
            view::<getPolicyCall>((policy.kind, policy.admin, pending, u64::from(policy.member_count)))
        }
        Call::operandsOf(c) => view::<operandsOfCall>(ops::operands_of(context, c.policyId)?),
        Call::conditionOf(c) => view::<conditionOfCall>(rules::condition_of(context, c.policyId)?),
        Call::jurisdictionsOf(c) => view::<jurisdictionsOfCall>(rules::jurisdictions_of(context, c.policyId)?),
        Call::paymentLimitOf(c) => {
            let (exempt, terms) = rules::terms_of(context, Kind::PaymentLimit, c.policyId)?;
            let [first, day, month] = terms.amounts();
            view::<paymentLimitOfCall>((exempt, first, day, month))
        }
        Call::holdingLimitOf(c) => {
            let (exempt, terms) = rules::terms_of(context, Kind::HoldingLimit, c.policyId)?;
            view::<holdingLimitOfCall>((exempt, U256::from(terms.first), terms.outcome))
        }
        Call::travelRuleOf(c) => {
            let (exempt, terms) = rules::terms_of(context, Kind::TravelRule, c.policyId)?;
            view::<travelRuleOfCall>((exempt, U256::from(terms.first)))
        }
        Call::spentOf(c) => {
            let (today, month) = limits::spent_of(context, c.policyId, c.token, c.account)?;
            view::<spentOfCall>((U256::from(today), U256::from(month)))
        }
        Call::exchangeOf(c) => {
            let pair = Pair { policy: c.policyId, token: c.token, payer: c.payerPersonId, payee: c.payeePersonId };
            let (terms, commitment, today) = travel::exchange_of(context, pair)?;
            let left = U256::from(terms.left);
            view::<exchangeOfCall>((left, terms.expires_ms, terms.acknowledged, commitment, U256::from(today)))
        }
        Call::versionOf(c) => view::<versionOfCall>(receipt::version_of(context, c.policyId)?),
        Call::replayDecision(c) => {
            let movement = replayed_movement(&c)?;
            let replayed = receipt::replay(context, c.policyId, &movement, c.timestampMs, &c.figures)?;
            let (rule, outcome) = (replayed.outcome.rule(), replayed.outcome.number());
            view::<replayDecisionCall>((replayed.version, rule, replayed.inputs_hash, outcome))
        }
    }
}

/// A party of a movement; the zero address stands for nobody.
fn party(account: Address) -> Option<Address> {
    Some(account).filter(|account| !account.is_zero())
}

/// The movement that a replay is about. Its holdings are among the figures, so that nobody is asked for them.
fn replayed_movement(call: &replayDecisionCall) -> Result<Movement, Failure> {
    Ok(Movement {
        token: call.token,
        payer: party(call.payer),
        payee: party(call.payee),
        operator: party(call.operator),
        amount: u128::try_from(call.amount).unwrap_or(u128::MAX),
        pending: 0,
        purpose: Purpose::parse(call.purpose)?,
        holding_of: |_, _, _| Ok(0),
    })
}
