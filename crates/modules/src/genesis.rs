//! The modules' part of the state at genesis: the same operations that calls run, over storage in memory.
//!
//! Genesis has no receipts, so the events of these operations are not kept: whoever rebuilds balances from events begins
//! with the balances of the genesis file.

use alloy_primitives::{Address, U256};
use florin_types::{Access, Genesis, GenesisPolicy, GenesisToken};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    can_hold,
    context::{CallEnv, Context, Failure},
    errors::explain,
    factory, is_module,
    memory::MemoryStorage,
    permission, policy, singleton_addresses, token,
};

/// A field of the genesis file breaks a rule of a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("genesis field {field}: {rule}")]
pub struct GenesisStateError {
    /// Path of the field.
    pub field: String,
    /// The rule, with the values.
    pub rule: String,
}

/// The modules' part of the state at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisState {
    /// Slots that are not zero.
    pub slots: BTreeMap<(Address, U256), U256>,
    /// Accounts that carry [`crate::MARKER_CODE`]: singletons and tokens.
    pub marked: BTreeSet<Address>,
    /// Addresses of the genesis tokens, in the order of the file.
    pub tokens: Vec<Address>,
}

/// The modules' state at genesis.
pub fn genesis(genesis: &Genesis) -> Result<GenesisState, GenesisStateError> {
    let mut storage = MemoryStorage::default();
    let env = CallEnv {
        is_static: false,
        timestamp_ms: genesis.timestamp_ms,
        chain_id: genesis.chain_id,
        ..CallEnv::reader(genesis.rules.at(0))
    };
    let mut context = Context::new(env, &mut storage);
    let tokens = write(&mut context, genesis)?;
    let marked = singleton_addresses().iter().copied().chain(storage.code.keys().copied()).collect();
    Ok(GenesisState { slots: storage.slots, marked, tokens })
}

fn wrong(field: impl Into<String>, rule: impl Into<String>) -> GenesisStateError {
    GenesisStateError { field: field.into(), rule: rule.into() }
}

/// Says which field an operation refused, and why.
fn at<T>(field: impl Into<String>, result: Result<T, Failure>) -> Result<T, GenesisStateError> {
    result.map_err(|failure| {
        let rule = match failure {
            Failure::Revert(data) => explain(&data).map_or_else(|| data.to_string(), |error| error.to_string()),
            Failure::OutOfGas => "out of gas".into(),
            Failure::Fault(fault) => fault.to_string(),
        };
        wrong(field, rule)
    })
}

fn write(context: &mut Context<'_>, genesis: &Genesis) -> Result<Vec<Address>, GenesisStateError> {
    if let Some(address) = genesis.accounts.keys().find(|address| is_module(**address)) {
        return Err(wrong(format!("accounts.{address}"), "a native module lives at this address"));
    }
    write_permissions(context, genesis)?;
    for (index, entry) in genesis.policies.iter().enumerate() {
        write_policy(context, &format!("policies[{index}]"), entry)?;
    }
    let mut tokens = Vec::with_capacity(genesis.tokens.len());
    for (index, entry) in genesis.tokens.iter().enumerate() {
        tokens.push(write_token(context, &format!("tokens[{index}]"), entry)?);
    }
    Ok(tokens)
}

fn write_permissions(context: &mut Context<'_>, genesis: &Genesis) -> Result<(), GenesisStateError> {
    let admin = genesis.permission_admin;
    if !can_hold(admin) {
        return Err(wrong("permission_admin", format!("{admin} is the zero address or a module: nobody could govern")));
    }
    let Genesis { transact, deploy, connect, .. } = genesis;
    at("permission_admin", permission::initialise(context, admin, *transact, *deploy, *connect))?;
    for account in &genesis.transactors {
        let by_role = *transact == Access::Role;
        at(format!("transactors.{account}"), permission::enrol(context, *account, permission::Capability::Transact, by_role))?;
    }
    for account in &genesis.deployers {
        let by_role = *deploy == Access::Role;
        at(format!("deployers.{account}"), permission::enrol(context, *account, permission::Capability::Deploy, by_role))?;
    }
    for (index, node) in genesis.nodes.iter().enumerate() {
        let registered = permission::register(context, node.public_key, &node.name, &node.address, node.role);
        at(format!("nodes[{index}]"), registered)?;
    }
    Ok(())
}

/// Policies of the genesis file are numbered from [`policy::FIRST_CREATED`] in its order.
fn write_policy(context: &mut Context<'_>, field: &str, entry: &GenesisPolicy) -> Result<(), GenesisStateError> {
    let (kind, admin, members) = match entry {
        GenesisPolicy::Allow { admin, members } => (policy::Kind::Allow, *admin, members),
        GenesisPolicy::Deny { admin, members } => (policy::Kind::Deny, *admin, members),
    };
    let members: Vec<Address> = members.iter().copied().collect();
    at(field, policy::found(context, kind, admin, &members)).map(|_| ())
}

fn write_token(context: &mut Context<'_>, field: &str, entry: &GenesisToken) -> Result<Address, GenesisStateError> {
    let roles = &entry.roles;
    let Some(admin) = roles.admin.first() else {
        return Err(wrong(format!("{field}.roles.admin"), "no admin is named: nobody could govern the token"));
    };
    let policy = entry.policy.map_or(policy::OPEN, |index| index.saturating_add(policy::FIRST_CREATED));
    let new = factory::NewToken {
        name: &entry.name,
        symbol: entry.currency.symbol(),
        decimals: entry.currency.digits(),
        admin: *admin,
        policy,
        supply_cap: U256::from(entry.supply_cap_minor.unwrap_or(u128::MAX)),
    };
    let address = at(field, factory::create(context, &new))?;
    let granted = [
        (token::ADMIN_ROLE, "admin", &roles.admin),
        (token::ISSUER_ROLE, "issuer", &roles.issuer),
        (token::PAUSER_ROLE, "pauser", &roles.pauser),
        (token::FREEZER_ROLE, "freezer", &roles.freezer),
    ];
    for (role, name, holders) in granted {
        for holder in holders {
            at(format!("{field}.roles.{name}"), token::give(context, address, role, *holder))?;
        }
    }
    for (holder, minor) in &entry.balances {
        let place = format!("{field}.balances.{holder}");
        if !can_hold(*holder) {
            return Err(wrong(place, "the zero address and modules cannot hold units"));
        }
        at(place, token::issue(context, address, *holder, U256::from(*minor)))?;
    }
    Ok(address)
}
