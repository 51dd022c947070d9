//! From selector to operation. No logic.

use alloy_primitives::{Address, Bytes};

use super::{IPolicy::*, ops};
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
        Call::addMembers(c) => mutate::<addMembersCall, _>(context, |x| ops::add_members(x, c.policyId, &c.accounts)),
        Call::removeMembers(c) => {
            mutate::<removeMembersCall, _>(context, |x| ops::remove_members(x, c.policyId, &c.accounts))
        }
        Call::proposeAdmin(c) => {
            mutate::<proposeAdminCall, _>(context, |x| ops::propose_admin(x, c.policyId, c.newAdmin))
        }
        Call::acceptAdmin(c) => mutate::<acceptAdminCall, _>(context, |x| ops::accept_admin(x, c.policyId)),

        Call::isAllowed(c) => view::<isAllowedCall>(ops::is_allowed(context, c.policyId, c.account)?),
        Call::isTransferAllowed(c) => {
            let parties = [Some(c.from), Some(c.to), Some(c.operator).filter(|operator| *operator != Address::ZERO)];
            let forbidden = ops::first_forbidden(context, c.policyId, parties.into_iter().flatten())?;
            view::<isTransferAllowedCall>(forbidden.is_none())
        }
        Call::isMember(c) => view::<isMemberCall>(ops::is_member(context, c.policyId, c.account)?),
        Call::policyExists(c) => view::<policyExistsCall>(ops::exists(context, c.policyId)?),
        Call::policyCount(_) => view::<policyCountCall>(ops::count(context)?),
        Call::getPolicy(c) => {
            let (_, policy) = ops::get(context, c.policyId)?;
            let pending = ops::pending_admin(context, c.policyId)?;
            view::<getPolicyCall>((policy.kind, policy.admin, pending, policy.member_count))
        }
        Call::operandsOf(c) => view::<operandsOfCall>(ops::operands_of(context, c.policyId)?),
    }
}
