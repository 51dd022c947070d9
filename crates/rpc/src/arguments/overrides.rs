//! What a caller pretends about state and block.

use crate::args::{FromValue, Problem, Slot, field, object};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressHashMap, map::B256HashMap};
use alloy_rpc_types_eth::state::AccountOverride;
use florin_execution::{BlockOverrides, StateOverride};
use serde_json::{Map, Value};

/// Accounts, or slots of one account, that one request may override.
const OVERRIDES_MAX: usize = 10_000;

/// State override set: accounts as the caller pretends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateOverrideArgument(pub(crate) StateOverride);

impl FromValue for StateOverrideArgument {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let accounts = object(value)?;
        bounded(accounts)?;
        let mut overrides = AddressHashMap::default();
        for (address, value) in accounts {
            let parse = || Ok((Address::from_value(&Value::from(address.as_str()))?, account(value)?));
            let (address, account) = parse().map_err(|problem: Problem| problem.inside(address))?;
            overrides.insert(address, account);
        }
        Ok(Self(overrides))
    }
}

fn account(value: &Value) -> Result<AccountOverride, Problem> {
    let fields = object(value)?;
    known_fields(fields, &["balance", "nonce", "code", "state", "stateDiff", "movePrecompileToAddress"])?;
    let state = field::<Slots>(fields, "state")?;
    let state_diff = field::<Slots>(fields, "stateDiff")?;
    if state.is_some() && state_diff.is_some() {
        return Err(Problem::new("both state and stateDiff are set: state replaces all slots, stateDiff only some"));
    }
    Ok(AccountOverride {
        balance: field::<U256>(fields, "balance")?,
        nonce: field::<u64>(fields, "nonce")?,
        code: field::<Bytes>(fields, "code")?,
        state: state.map(|slots| slots.0),
        state_diff: state_diff.map(|slots| slots.0),
        move_precompile_to: field::<Address>(fields, "movePrecompileToAddress")?,
    })
}

struct Slots(B256HashMap<B256>);

impl FromValue for Slots {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let fields = object(value)?;
        bounded(fields)?;
        let mut slots = B256HashMap::default();
        for (slot, value) in fields {
            let parse = || {
                let slot = Slot::from_value(&Value::from(slot.as_str()))?;
                Ok((B256::from(slot.0), B256::from(Slot::from_value(value)?.0)))
            };
            let (slot, value) = parse().map_err(|problem: Problem| problem.inside(slot))?;
            slots.insert(slot, value);
        }
        Ok(Self(slots))
    }
}

/// Block overrides: fields of the block as the caller pretends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockOverrideArgument(pub(crate) BlockOverrides);

impl FromValue for BlockOverrideArgument {
    fn from_value(value: &Value) -> Result<Self, Problem> {
        let fields = object(value)?;
        // Clients do not agree on names.
        let either = |name: &'static str, other: &'static str| if fields.contains_key(name) { name } else { other };
        Ok(Self(BlockOverrides {
            number: field::<U256>(fields, either("number", "blockNumber"))?,
            difficulty: field::<U256>(fields, "difficulty")?,
            time: field::<u64>(fields, either("time", "timestamp"))?,
            gas_limit: field::<u64>(fields, "gasLimit")?,
            coinbase: field::<Address>(fields, either("feeRecipient", "coinbase"))?,
            random: field::<B256>(fields, either("prevRandao", "random"))?,
            base_fee: field::<U256>(fields, either("baseFeePerGas", "baseFee"))?,
            ..BlockOverrides::default()
        }))
    }
}

fn bounded(fields: &Map<String, Value>) -> Result<(), Problem> {
    match fields.len() {
        entries if entries > OVERRIDES_MAX => Err(Problem::new(format!("{entries} entries, at most {OVERRIDES_MAX}"))),
        _ => Ok(()),
    }
}

/// An override that is misspelt would be silently ignored and change the answer, so it is an error.
fn known_fields(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Problem::new(format!("no such override: use {}", known.join(", "))).inside(name)),
        None => Ok(()),
    }
}
