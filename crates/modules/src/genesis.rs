//! The modules' part of the state at genesis: the same operations that calls run, over storage in memory.
//!
//! Genesis has no receipts, so the events of these operations are not kept: whoever rebuilds balances from events begins
//! with the balances of the genesis file.

use alloy_primitives::{Address, B256, U256};
use florin_types::{Access, Genesis, GenesisPolicy, GenesisToken, GenesisTokenRoles};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    GOVERNANCE_ADDRESS, STAKING_ADDRESS,
    context::{CallEnv, Context, Failure},
    factory,
    governance::{self, Standing},
    identity, is_module,
    memory::MemoryStorage,
    permission, policy, singleton_addresses, staking, token,
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
        standing: Standing { is_established: genesis.governance.is_some(), ..Standing::default() },
        ..CallEnv::reader(genesis.rules.at(0))
    };
    let mut context = Context::new(env, &mut storage);
    let tokens = write(&mut context, genesis)?;
    // Governance has code of its own, and only where there is governance; bonds are there where they elect.
    let has_stake = genesis.governance.as_ref().is_some_and(|section| section.stake.is_some());
    let is_there = |address: Address| match address {
        GOVERNANCE_ADDRESS => false,
        STAKING_ADDRESS => has_stake,
        _ => true,
    };
    let singletons = singleton_addresses().iter().copied().filter(|address| is_there(*address));
    let marked = singletons.chain(storage.code.keys().copied()).collect();
    Ok(GenesisState { slots: storage.slots, marked, tokens })
}

fn wrong(field: impl Into<String>, rule: impl Into<String>) -> GenesisStateError {
    GenesisStateError { field: field.into(), rule: rule.into() }
}

/// Says which field an operation refused, and why.
fn at<T>(field: impl Into<String>, result: Result<T, Failure>) -> Result<T, GenesisStateError> {
    result.map_err(|failure| wrong(field, failure.to_string()))
}

fn write(context: &mut Context<'_>, genesis: &Genesis) -> Result<Vec<Address>, GenesisStateError> {
    if let Some(address) = genesis.accounts.keys().find(|address| is_module(**address)) {
        return Err(wrong(format!("accounts.{address}"), "a native module lives at this address"));
    }
    write_governance(context, genesis)?;
    write_permissions(context, genesis)?;
    for (index, entry) in genesis.policies.iter().enumerate() {
        write_policy(context, &format!("policies[{index}]"), entry)?;
    }
    let mut tokens = Vec::with_capacity(genesis.tokens.len());
    for (index, entry) in genesis.tokens.iter().enumerate() {
        tokens.push(write_token(context, &format!("tokens[{index}]"), entry)?);
    }
    if let Some(section) = genesis.governance.as_ref().and_then(|section| section.stake.as_ref()) {
        staking::initialise(context, section)
            .map_err(|(part, failure)| wrong(format!("governance.stake{part}"), failure.to_string()))?;
    }
    Ok(tokens)
}

/// Before everything else: what follows may name governance as its admin.
fn write_governance(context: &mut Context<'_>, genesis: &Genesis) -> Result<(), GenesisStateError> {
    if let Some(section) = &genesis.governance {
        let mut accounts = BTreeSet::new();
        if let Some(twice) = section.seats.iter().find(|seat| !accounts.insert(seat.account)) {
            return Err(wrong("governance.seats", format!("{} has two seats: give it one", twice.account)));
        }
        let mut validators: Vec<B256> = genesis.validators().map(|node| node.public_key).collect();
        validators.sort_unstable();
        let epochs = genesis.epoch_blocks.map(|epoch_blocks| (epoch_blocks.get(), validators.as_slice()));
        return governance::initialise(context, section, epochs)
            .map_err(|(part, failure)| wrong(format!("governance{part}"), failure.to_string()));
    }
    let roles = genesis.tokens.iter().flat_map(|token| {
        let GenesisTokenRoles { admin, issuer, pauser, freezer } = &token.roles;
        [admin, issuer, pauser, freezer].into_iter().flatten().chain(token.balances.keys())
    });
    let admins = genesis.policies.iter().map(|policy| match policy {
        GenesisPolicy::Allow { admin, .. } | GenesisPolicy::Deny { admin, .. } => admin,
    });
    let mut named = roles.chain(admins).chain([&genesis.permission_admin]);
    if named.any(|address| *address == GOVERNANCE_ADDRESS) {
        return Err(wrong(
            "governance",
            format!("{GOVERNANCE_ADDRESS} is named but the section is absent: nobody could act"),
        ));
    }
    Ok(())
}

fn write_permissions(context: &mut Context<'_>, genesis: &Genesis) -> Result<(), GenesisStateError> {
    let admin = genesis.permission_admin;
    if !context.can_hold(admin) {
        return Err(wrong("permission_admin", format!("{admin} is the zero address or a module: nobody could govern")));
    }
    let Genesis { transact, deploy, connect, .. } = genesis;
    at("permission_admin", permission::initialise(context, admin, *transact, *deploy, *connect))?;
    at("permission_admin", identity::initialise(context, admin))?;
    for account in &genesis.transactors {
        let by_role = *transact == Access::Role;
        at(
            format!("transactors.{account}"),
            permission::enrol(context, *account, permission::Capability::Transact, by_role),
        )?;
    }
    for account in &genesis.deployers {
        let by_role = *deploy == Access::Role;
        at(
            format!("deployers.{account}"),
            permission::enrol(context, *account, permission::Capability::Deploy, by_role),
        )?;
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
        if !context.can_hold(*holder) {
            return Err(wrong(place, "the zero address and modules cannot hold units"));
        }
        at(place, token::issue(context, address, *holder, U256::from(*minor)))?;
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MARKER_CODE, POLICY_ADDRESS, query,
        testing::{ADMIN, account, genesis_file},
        token_address,
    };
    use florin_types::{Changeset, GenesisAccount, GenesisTokenRoles};

    fn refused(change: impl FnOnce(&mut Genesis)) -> GenesisStateError {
        let mut file = genesis_file();
        change(&mut file);
        genesis(&file).unwrap_err()
    }

    /// Genesis is consensus: the same file must give the same slots in every release.
    #[test]
    fn genesis_state_is_pinned() {
        let state = genesis(&genesis_file()).unwrap();
        assert_eq!(state.tokens, [token_address(1)]);
        let marked: Vec<_> = state.marked.iter().copied().collect();
        let absent = [GOVERNANCE_ADDRESS, STAKING_ADDRESS];
        let singletons = singleton_addresses().iter().copied().filter(|address| !absent.contains(address));
        assert_eq!(marked, singletons.chain([token_address(1)]).collect::<Vec<_>>(), "neither of them is there");
        assert!(state.slots.values().all(|value| !value.is_zero()));
        let mut bytes = Vec::new();
        for ((address, slot), value) in &state.slots {
            bytes.extend_from_slice(address.as_slice());
            bytes.extend_from_slice(&slot.to_be_bytes::<32>());
            bytes.extend_from_slice(&value.to_be_bytes::<32>());
        }
        let digest = alloy_primitives::keccak256(&bytes).to_string();
        assert_eq!(digest, "0x28e401a371e6af591431bf985efbc1d62598badb37de47b4876d55ee0be41736");
    }

    #[test]
    fn other_rooms_read_modules_through_a_view() {
        let file = genesis_file();
        let view = Changeset { slots: genesis(&file).unwrap().slots, ..Changeset::default() };
        let env = || CallEnv::reader(file.rules.at(0));
        let balance = query(&view, env(), |x| token::balance_of(x, token_address(1), account(1))).unwrap();
        assert_eq!(balance, 1_000);
        assert_eq!(query(&view, env(), permission::nodes).unwrap().len(), 5);
        assert!(query(&view, env(), |x| permission::may_deploy(x, ADMIN)).unwrap());
        let written = query(&view, env(), |x| token::give(x, token_address(1), token::ADMIN_ROLE, account(1)));
        assert!(matches!(written, Err(Failure::Revert(_))), "a view changes nothing");
        assert_eq!(MARKER_CODE.as_ref(), [0xfe]);
    }

    #[test]
    fn hints_are_slots_that_a_payment_reads() {
        use crate::token::IToken::transferFromCall;
        use alloy_sol_types::SolCall;
        let (sender, from, to) = (account(2), account(1), account(3));
        let input = transferFromCall { from, to, amount: U256::ONE }.abi_encode();
        let hints = crate::touched_slots(sender, Some(token_address(1)), &input);
        assert_eq!(hints.len(), 8);
        // These two may hold any word, so their reads leave no trace.
        let allowance = token::layout::layout(token_address(1)).allowances.of(&from).of(&sender).place();
        let roles = permission::layout::layout().sufficient_roles.place();
        assert!(hints.contains(&allowance) && hints.contains(&roles));
        for hint in hints.into_iter().filter(|hint| *hint != allowance && *hint != roles) {
            let mut ledger = crate::testing::world();
            // A word that is a value of no type turns any read of the slot into a fault.
            ledger.storage.slots.insert(hint, U256::MAX - U256::ONE);
            let result = ledger.run(sender, |context| {
                permission::may_transact(context, sender)?;
                crate::dispatch(context, token_address(1), &input)
            });
            assert!(matches!(result, Err(Failure::Fault(_))), "{hint:?} was not read: {result:?}");
        }
    }

    #[test]
    fn a_file_that_breaks_a_module_s_rule_names_the_field() {
        let error = refused(|file| file.tokens.push(file.tokens[0].clone()));
        assert_eq!(error.field, "tokens[1]");
        assert!(error.rule.starts_with("SymbolTaken("), "{error}");
        let error = refused(|file| file.tokens[0].roles = GenesisTokenRoles::default());
        assert_eq!(error.field, "tokens[0].roles.admin");
        let error = refused(|file| file.tokens[0].policy = Some(7));
        assert!(error.rule.starts_with("PolicyUnknown(policyId: 9)"), "{error}");
        let error = refused(|file| file.tokens[0].supply_cap_minor = Some(1_499));
        assert!(
            error.field.starts_with("tokens[0].balances.") && error.rule.starts_with("SupplyCapExceeded("),
            "{error}"
        );
        let error = refused(|file| _ = file.tokens[0].balances.insert(POLICY_ADDRESS, 1));
        assert_eq!(error.field, format!("tokens[0].balances.{POLICY_ADDRESS}"));
        let error = refused(|file| _ = file.accounts.insert(token_address(5), GenesisAccount::default()));
        assert_eq!(error.field, format!("accounts.{}", token_address(5)));
        let error = refused(|file| file.permission_admin = Address::ZERO);
        assert_eq!(error.field, "permission_admin");
        let error = refused(|file| file.nodes[2].name = String::new());
        assert_eq!(error.field, "nodes[2]");
        let policies = |file: &mut Genesis| {
            file.policies[1] = GenesisPolicy::Allow { admin: Address::ZERO, members: BTreeSet::new() };
        };
        assert_eq!(refused(policies).field, "policies[1]");
    }
}
