//! The registry of nodes: which of them may connect, and where they listen.
//!
//! A validator's place follows from the committee's threshold key, not from this list: it can be neither added nor
//! removed here, only its name and endpoint change. Removing two of four validators would otherwise stop the network
//! with no way to undo it. Where the committee changes, governance says who is in it; a node that is, was a short while
//! ago or is about to be in it stays registered, so that the others know where it listens.
//!
//! Where connecting is open, every account that may transact registers one follower of its own, and may remove it again:
//! nodes of strangers have a key and an address that somebody answers for, and are bounded in number.

use alloy_primitives::{Address, B256, U256};
use florin_types::{Access, GENESIS_NODES_MAX, NodeRole, is_node_key};

use super::{
    Capability, IPermission, NODE_ROLE_FOLLOWER,
    layout::{NodePlace, NodeRecord, layout},
    ops::{access_of, admin, may_transact, own_node, require_admin},
};
use crate::{
    PERMISSION_ADDRESS,
    context::{Context, Failure, VERIFY_GAS, ensure, revert},
    governance,
};

/// Most nodes that the registry holds.
pub const NODES_MAX: u64 = GENESIS_NODES_MAX as u64;
/// Most bytes of a node's name, and of its endpoint.
pub const NODE_TEXT_BYTES_MAX: usize = 255;
/// Most bytes between two dots of a host's name (RFC 1035). Its 253 in total are what the endpoint's bound leaves.
const HOST_LABEL_BYTES_MAX: usize = 63;

const VALIDATOR: u8 = 1;
const FOLLOWER: u8 = 2;

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Node key (ed25519), also its identity on the network.
    pub public_key: B256,
    /// Name for people.
    pub name: String,
    /// Where it listens for other nodes: `host:port`.
    pub endpoint: String,
    /// What it is to the network.
    pub role: NodeRole,
}

/// Number of a role in ABI and storage.
pub(super) fn role_number(role: NodeRole) -> u8 {
    match role {
        NodeRole::Validator => VALIDATOR,
        NodeRole::Follower => FOLLOWER,
    }
}

fn role_from_number(number: u8) -> Option<NodeRole> {
    match number {
        VALIDATOR => Some(NodeRole::Validator),
        FOLLOWER => Some(NodeRole::Follower),
        _ => None,
    }
}

fn place(context: &mut Context<'_>, public_key: B256) -> Result<NodePlace, Failure> {
    layout().nodes.at(context, &public_key)
}

// ----- questions -----------------------------------------------------------------------------------------------------

/// The node with this key, if it is registered.
pub fn get_node(context: &mut Context<'_>, public_key: B256) -> Result<Option<Node>, Failure> {
    let place = place(context, public_key)?;
    let Some(role) = role_from_number(place.record.read(context)?.role) else { return Ok(None) };
    let (name, endpoint) = (place.name.read(context)?, place.endpoint.read(context)?);
    Ok(Some(Node { public_key, name, endpoint, role }))
}

/// Whether a node is registered.
pub(crate) fn is_registered(context: &mut Context<'_>, public_key: B256) -> Result<bool, Failure> {
    Ok(place(context, public_key)?.record.read(context)?.role != 0)
}

/// Who registered a node of its own; zero for nodes of genesis and of the admin, and where there is none.
pub(crate) fn owner_of(context: &mut Context<'_>, public_key: B256) -> Result<Address, Failure> {
    Ok(place(context, public_key)?.record.read(context)?.owner)
}

/// Number of registered nodes.
pub fn node_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().node_keys.len(context)
}

/// Registered node number `index`, counted from 0.
pub fn node_at(context: &mut Context<'_>, index: u64) -> Result<Option<Node>, Failure> {
    match layout().node_keys.get(context, index)? {
        Some(public_key) => get_node(context, public_key),
        None => Ok(None),
    }
}

/// A node as the ABI returns it: empty where there is none.
pub(super) fn row(context: &mut Context<'_>, public_key: B256) -> Result<(String, String, u8), Failure> {
    let node = get_node(context, public_key)?;
    Ok(node.map_or_else(Default::default, |node| (node.name, node.endpoint, role_number(node.role))))
}

/// The node at an index as the ABI returns it, with its key.
pub(super) fn row_at(context: &mut Context<'_>, index: u64) -> Result<(B256, (String, String, u8)), Failure> {
    let public_key = layout().node_keys.get(context, index)?.unwrap_or_default();
    Ok((public_key, row(context, public_key)?))
}

/// All registered nodes.
pub fn nodes(context: &mut Context<'_>) -> Result<Vec<Node>, Failure> {
    let count = node_count(context)?.min(NODES_MAX);
    let mut nodes = Vec::new();
    for index in 0..count {
        nodes.extend(node_at(context, index)?);
    }
    Ok(nodes)
}

/// Whether a node may connect. Validators always may; other registered nodes where connecting is open or for those
/// listed, or where their role suffices. A node that nobody registered never may.
pub fn may_connect(context: &mut Context<'_>, public_key: B256) -> Result<bool, Failure> {
    let (access, roles) = access_of(context, Capability::Connect)?;
    let record = place(context, public_key)?.record.read(context)?;
    Ok(match (access, role_from_number(record.role)) {
        (_, None) => false,
        (_, Some(NodeRole::Validator)) | (Access::Open | Access::Listed, Some(_)) => true,
        (Access::Role, Some(NodeRole::Follower)) => {
            roles & NODE_ROLE_FOLLOWER != 0 || serves(context, public_key, record)?
        }
    })
}

// ----- changes -------------------------------------------------------------------------------------------------------

/// Registers a follower: one of the network's, by its admin, or the caller's own, where connecting is open.
pub fn add_node(context: &mut Context<'_>, public_key: B256, name: &str, endpoint: &str) -> Result<(), Failure> {
    let (admin, caller) = (admin(context)?, context.caller());
    if caller == admin {
        check_new(context, public_key, name, endpoint)?;
        return register(context, public_key, name, endpoint, NodeRole::Follower);
    }
    let is_open = access_of(context, Capability::Connect)?.0 == Access::Open;
    ensure(is_open && may_transact(context, caller)?, || IPermission::AdminRequired { caller, admin })?;
    ensure(own_node(context, caller, true)?, || IPermission::NodeOwned { owner: caller })?;
    check_new(context, public_key, name, endpoint)?;
    put(context, public_key, name, endpoint, NodeRole::Follower, caller)
}

/// The engine of every node must be able to read the keys of a list, or nobody could be dealt a share. Those of genesis it
/// has read before the first block.
fn check_new(context: &mut Context<'_>, public_key: B256, name: &str, endpoint: &str) -> Result<(), Failure> {
    check_texts(public_key, name, endpoint)?;
    context.charge(VERIFY_GAS)?;
    ensure(is_node_key(&public_key), || IPermission::NodeKeyInvalid { publicKey: public_key })
}

/// Registers a node of any role for the network itself: genesis alone registers validators.
pub(crate) fn register(
    context: &mut Context<'_>,
    public_key: B256,
    name: &str,
    endpoint: &str,
    role: NodeRole,
) -> Result<(), Failure> {
    put(context, public_key, name, endpoint, role, Address::ZERO)
}

fn put(
    context: &mut Context<'_>,
    public_key: B256,
    name: &str,
    endpoint: &str,
    role: NodeRole,
    owner: Address,
) -> Result<(), Failure> {
    check_texts(public_key, name, endpoint)?;
    let place = place(context, public_key)?;
    let before = place.record.read(context)?;
    ensure(before.role == 0, || IPermission::NodeExists { publicKey: public_key })?;
    let index = node_count(context)?;
    ensure(index < NODES_MAX, || IPermission::NodesFull { nodesMax: U256::from(NODES_MAX) })?;
    let role = role_number(role);
    layout().node_keys.push(context, public_key)?;
    place.record.write(context, NodeRecord { role, index, owner, was_ready: false })?;
    place.name.write(context, name)?;
    place.endpoint.write(context, endpoint)?;
    context.emit(
        PERMISSION_ADDRESS,
        &IPermission::NodeAdded { publicKey: public_key, name: name.into(), endpoint: endpoint.into(), role },
    )
}

/// Changes name and endpoint of a node.
pub(super) fn update_node(
    context: &mut Context<'_>,
    public_key: B256,
    name: &str,
    endpoint: &str,
) -> Result<(), Failure> {
    require_admin(context)?;
    check_texts(public_key, name, endpoint)?;
    let place = place(context, public_key)?;
    let record = place.record.read(context)?;
    ensure(record.role != 0, || IPermission::NodeUnknown { publicKey: public_key })?;
    place.name.write(context, name)?;
    place.endpoint.write(context, endpoint)?;
    context.emit(
        PERMISSION_ADDRESS,
        &IPermission::NodeUpdated { publicKey: public_key, name: name.into(), endpoint: endpoint.into() },
    )
}

/// Says that a node is there, follows the ledger and can be dealt a share: by the admin, who registered it, or a seat of
/// governance, which answers for it with its name. Answers the last epoch for which that is believed.
pub(super) fn declare_ready(context: &mut Context<'_>, public_key: B256) -> Result<u64, Failure> {
    let place = place(context, public_key)?;
    let record = place.record.read(context)?;
    let caller = context.caller();
    let is_owner = !record.owner.is_zero() && record.owner == caller;
    if !is_owner && !governance::is_member(context, caller)? {
        require_admin(context)?;
    }
    ensure(record.role != 0, || IPermission::NodeUnknown { publicKey: public_key })?;
    place.record.write(context, NodeRecord { was_ready: true, ..record })?;
    governance::committee::declare_ready(context, public_key)
}

/// Whether governance lists a node as a validator. Who was never ready is not asked about: where the committee is fixed
/// nothing is read, and calls cost what they always did.
fn serves(context: &mut Context<'_>, public_key: B256, record: NodeRecord) -> Result<bool, Failure> {
    Ok(record.was_ready && governance::committee::serves(context, public_key)?)
}

/// Removes a follower, by the admin or by who registered it; the last key of the list takes its place.
pub(super) fn remove_node(context: &mut Context<'_>, public_key: B256) -> Result<(), Failure> {
    let removed = place(context, public_key)?;
    let record = removed.record.read(context)?;
    // The zero address never calls, so that nobody owns what has no owner.
    if record.owner.is_zero() || record.owner != context.caller() {
        require_admin(context)?;
    }
    ensure(record.role != 0, || IPermission::NodeUnknown { publicKey: public_key })?;
    let serves = record.role == VALIDATOR || serves(context, public_key, record)?;
    ensure(!serves, || IPermission::NodeIsValidator { publicKey: public_key })?;
    if record.was_ready {
        governance::committee::forget_ready(context, public_key)?;
    }
    let keys = layout().node_keys;
    let last = keys.len(context)?.saturating_sub(1);
    let moved_key =
        keys.get(context, last)?.ok_or_else(|| revert(IPermission::NodeUnknown { publicKey: public_key }))?;
    if moved_key != public_key {
        let moved = place(context, moved_key)?;
        let moved_record = moved.record.read(context)?;
        keys.set(context, record.index, moved_key)?;
        moved.record.write(context, NodeRecord { index: record.index, ..moved_record })?;
    }
    keys.pop(context)?;
    removed.record.write(context, NodeRecord::default())?;
    removed.name.write(context, "")?;
    removed.endpoint.write(context, "")?;
    if !record.owner.is_zero() {
        own_node(context, record.owner, false)?;
    }
    context.emit(PERMISSION_ADDRESS, &IPermission::NodeRemoved { publicKey: public_key })
}

/// Checks what a node is registered with. The endpoint is checked by its form alone, which is the same on every machine;
/// whether anybody answers there shows when it is dialled.
fn check_texts(public_key: B256, name: &str, endpoint: &str) -> Result<(), Failure> {
    let fits = |text: &str| !text.is_empty() && text.len() <= NODE_TEXT_BYTES_MAX;
    ensure(!public_key.is_zero() && fits(name) && fits(endpoint), || IPermission::NodeInvalid {
        publicKey: public_key,
        nameLength: U256::from(name.len()),
        endpointLength: U256::from(endpoint.len()),
        lengthMax: U256::from(NODE_TEXT_BYTES_MAX),
    })?;
    ensure(is_endpoint(endpoint), || IPermission::EndpointInvalid { publicKey: public_key, endpoint: endpoint.into() })
}

/// Whether a text has the form `host:port`.
fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port))
}

/// A name of letters, digits and inner hyphens, an IPv4 address (which has that form), or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.contains(':') && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
    }
    let is_label = |label: &str| {
        (1..=HOST_LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label)
}

/// 1 to 65535, in digits without a leading zero.
fn is_port(port: &str) -> bool {
    !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}
