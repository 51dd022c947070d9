//! What a caller pretends about state and block.

use crate::args::{self, Fields, FromValue, Problem, Slot, field, object};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressHashMap, map::B256HashMap};
use alloy_rpc_types_eth::state::AccountOverride;
use florin_execution::{BlockOverrides, StateOverride};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// State override set: accounts as the caller pretends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateOverrideArgument(pub(crate) StateOverride);

impl FromValue for StateOverrideArgument {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let accounts = object(value)?;
        let mut overrides = AddressHashMap::default();
        for (address, value) in accounts.iter() {
            let parse = || Ok((args::address(address)?, account(value)?));
            let (address, account) = parse().map_err(|problem: Problem| problem.inside(address))?;
            overrides.insert(address, account);
        }
        Ok(Self(overrides))
    }
}

fn account(value: &RawValue) -> Result<AccountOverride, Problem> {
    let fields = object(value)?;
    fields.only(&["balance", "nonce", "code", "state", "stateDiff", "movePrecompileToAddress"])?;
    Ok(AccountOverride {
        balance: field::<U256>(&fields, "balance")?,
        nonce: field::<u64>(&fields, "nonce")?,
        code: field::<Bytes>(&fields, "code")?,
        state: field::<Slots>(&fields, "state")?.map(|slots| slots.0),
        state_diff: field::<Slots>(&fields, "stateDiff")?.map(|slots| slots.0),
        move_precompile_to: field::<Address>(&fields, "movePrecompileToAddress")?,
    })
}

struct Slots(B256HashMap<B256>);

impl FromValue for Slots {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        let mut slots = B256HashMap::default();
        for (slot, value) in fields.iter() {
            let parse = || {
                let slot = Slot::from_text(slot)?;
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

// Clients do not agree on names: any one of them, but only one.
const NUMBER: &[&str] = &["number", "blockNumber"];
const TIME: &[&str] = &["time", "timestamp"];
const COINBASE: &[&str] = &["feeRecipient", "coinbase"];
const RANDOM: &[&str] = &["prevRandao", "random"];
const BASE_FEE: &[&str] = &["baseFeePerGas", "baseFee"];
const GAS_LIMIT: &[&str] = &["gasLimit"];
const DIFFICULTY: &[&str] = &["difficulty"];
const BLOB_BASE_FEE: &[&str] = &["blobBaseFee"];
const BEACON_ROOT: &[&str] = &["beaconRoot", "parentBeaconBlockRoot"];
const BLOCK_HASH: &[&str] = &["blockHash"];

impl FromValue for BlockOverrideArgument {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        let known =
            [NUMBER, TIME, COINBASE, RANDOM, BASE_FEE, GAS_LIMIT, DIFFICULTY, BLOB_BASE_FEE, BEACON_ROOT, BLOCK_HASH];
        fields.only(&known.concat())?;
        Ok(Self(BlockOverrides {
            number: either(&fields, NUMBER)?,
            time: either(&fields, TIME)?,
            coinbase: either(&fields, COINBASE)?,
            random: either::<Slot>(&fields, RANDOM)?.map(|random| B256::from(random.0)),
            base_fee: either(&fields, BASE_FEE)?,
            gas_limit: either(&fields, GAS_LIMIT)?,
            difficulty: either(&fields, DIFFICULTY)?,
            blob_base_fee: either(&fields, BLOB_BASE_FEE)?,
            beacon_root: either(&fields, BEACON_ROOT)?,
            block_hash: either::<BlockHashes>(&fields, BLOCK_HASH)?.map(|hashes| hashes.0),
        }))
    }
}

fn either<T: FromValue>(fields: &Fields<'_>, names: &[&str]) -> Result<Option<T>, Problem> {
    let mut given = names.iter().filter(|name| fields.get(name).is_some());
    match (given.next(), given.next()) {
        (Some(one), Some(other)) => {
            Err(Problem::new(format!("the same as {one}: leave one of them out")).inside(other))
        }
        (Some(name), None) => field(fields, name),
        (None, _) => Ok(None),
    }
}

/// Hashes of earlier blocks, by number.
struct BlockHashes(BTreeMap<u64, B256>);

impl FromValue for BlockHashes {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let parse = |(number, hash): (&str, &RawValue)| {
            let parse = || Ok((args::number(number)?, B256::from_value(hash)?));
            parse().map_err(|problem: Problem| problem.inside(number))
        };
        object(value)?.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}
