//! From selector to operation. No logic.

use alloy_primitives::Bytes;

use super::{Capability, IPermission::*, nodes, ops, quota};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to the registry.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IPermissionCalls as Call;
    match decode::<Call>(context, input)? {
        Call::admin(_) => view::<adminCall>(ops::admin(context)?),
        Call::pendingAdmin(_) => view::<pendingAdminCall>(ops::pending_admin(context)?),
        Call::proposeAdmin(c) => mutate::<proposeAdminCall, _>(context, |x| ops::propose_admin(x, c.newAdmin)),
        Call::acceptAdmin(_) => mutate::<acceptAdminCall, _>(context, ops::accept_admin),

        Call::accessOf(c) => {
            let (access, roles) = ops::access_of(context, Capability::from_number(c.capability)?)?;
            view::<accessOfCall>((ops::access_number(access), roles))
        }
        Call::setAccess(c) => {
            mutate::<setAccessCall, _>(context, |x| ops::set_access(x, c.capability, c.access, c.roles))
        }
        Call::isListed(c) => {
            view::<isListedCall>(ops::is_listed(context, Capability::of_accounts(c.capability)?, c.account)?)
        }
        Call::setListed(c) => {
            mutate::<setListedCall, _>(context, |x| ops::set_listed(x, c.capability, &c.accounts, c.listed))
        }
        Call::rolesOf(c) => view::<rolesOfCall>(ops::roles_of(context, c.account)?),
        Call::setRoles(c) => mutate::<setRolesCall, _>(context, |x| ops::set_roles(x, c.account, c.roles)),
        Call::mayTransact(c) => view::<mayTransactCall>(ops::may_transact(context, c.account)?),
        Call::mayDeploy(c) => view::<mayDeployCall>(ops::may_deploy(context, c.account)?),
        Call::quotaOf(c) => {
            let usage = quota::usage(context, c.account)?;
            view::<quotaOfCall>(usage.map_or((0, 0, 0), |usage| (usage.gas_max, usage.gas_used, usage.period_end_ms)))
        }

        Call::mayConnect(c) => view::<mayConnectCall>(nodes::may_connect(context, c.publicKey)?),
        Call::nodeCount(_) => view::<nodeCountCall>(nodes::node_count(context)?),
        Call::nodeAt(c) => {
            let (key, (name, endpoint, role)) = nodes::row_at(context, c.index)?;
            view::<nodeAtCall>((key, name, endpoint, role))
        }
        Call::getNode(c) => view::<getNodeCall>(nodes::row(context, c.publicKey)?),
        Call::addNode(c) => {
            mutate::<addNodeCall, _>(context, |x| nodes::add_node(x, c.publicKey, &c.name, &c.endpoint))
        }
        Call::updateNode(c) => {
            mutate::<updateNodeCall, _>(context, |x| nodes::update_node(x, c.publicKey, &c.name, &c.endpoint))
        }
        Call::declareNodeReady(c) => {
            mutate::<declareNodeReadyCall, _>(context, |x| nodes::declare_ready(x, c.publicKey))
        }
        Call::removeNode(c) => mutate::<removeNodeCall, _>(context, |x| nodes::remove_node(x, c.publicKey)),
    }
}
