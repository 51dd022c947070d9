//! Accounts and storage.

use crate::{
    args::{self, Args, FromValue, Problem, Slot, array, object, text},
    arguments::{BlockNumberSelector, BlockSelector},
    backend::Context,
    error::RpcError,
    shapes::Quantity,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use florin_proof::{StateItem, StateValue};
use florin_state::ProvenState;
use florin_types::{Account, Height, StateFault, StateView, wire::STATE_PROOF_ITEMS_MAX};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, sync::Arc};

/// Slots that one request may ask for.
const SLOTS_MAX: usize = 1_024;

fn selector(args: &Args, index: usize) -> Result<BlockSelector, RpcError> {
    Ok(args.optional(index)?.unwrap_or_default())
}

/// Height of the block that an argument names, `latest` if it is absent.
async fn height(context: &Context, args: &Args, index: usize) -> Result<Height, RpcError> {
    Ok(context.chain.require(selector(args, index)?).await?.block.height())
}

fn account_or_empty(view: &dyn StateView, address: Address) -> Result<Account, StateFault> {
    Ok(view.account(address)?.unwrap_or_default())
}

pub(crate) async fn balance(context: &Arc<Context>, args: &Args) -> Result<U256, RpcError> {
    let address = args.required::<Address>(0)?;
    let height = height(context, args, 1).await?;
    context.read(height, move |view| Ok(account_or_empty(view, address)?.balance)).await
}

pub(crate) async fn nonce(context: &Arc<Context>, args: &Args) -> Result<Quantity, RpcError> {
    let address = args.required::<Address>(0)?;
    let pending = selector(args, 1)? == BlockSelector::Number(BlockNumberSelector::Pending);
    if pending {
        return pending_nonce(context, address).await.map(Quantity);
    }
    let height = height(context, args, 1).await?;
    context.read(height, move |view| Ok(Quantity(account_or_empty(view, address)?.nonce))).await
}

/// The pool first, then the ledger: a transaction leaves the pool only after the ledger has it, so that one of the two
/// always counts it.
async fn pending_nonce(context: &Context, address: Address) -> Result<u64, RpcError> {
    let in_pool = context.pool.pending_nonce(address, 0);
    let height = context.ledger.head().block.height();
    let in_ledger = context.read(height, move |view| Ok(account_or_empty(view, address)?.nonce)).await?;
    Ok(in_pool.max(in_ledger))
}

pub(crate) async fn code(context: &Arc<Context>, args: &Args) -> Result<Bytes, RpcError> {
    let address = args.required::<Address>(0)?;
    let height = height(context, args, 1).await?;
    context.read(height, move |view| view.code(account_or_empty(view, address)?.code_hash)).await
}

pub(crate) async fn storage_at(context: &Arc<Context>, args: &Args) -> Result<B256, RpcError> {
    let address = args.required::<Address>(0)?;
    let Slot(slot) = args.required(1)?;
    let height = height(context, args, 2).await?;
    context.read(height, move |view| Ok(B256::from(view.slot(address, slot)?))).await
}

/// Slots by account.
struct StorageRequests(BTreeMap<Address, Vec<Slot>>);

impl FromValue for StorageRequests {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let mut requests = BTreeMap::new();
        let mut slots = 0;
        for (address, value) in object(value)?.iter() {
            let keys = Vec::<Slot>::from_value(value).map_err(|problem| problem.inside(address))?;
            let parsed = args::address(address);
            slots += keys.len();
            requests.insert(parsed.map_err(|problem| problem.inside(address))?, keys);
        }
        match slots {
            0 => Err(Problem::new("no slot is named")),
            1..=SLOTS_MAX => Ok(Self(requests)),
            _ => Err(Problem::new(format!("{slots} slots, at most {SLOTS_MAX}: ask in parts"))),
        }
    }
}

pub(crate) async fn storage_values(
    context: &Arc<Context>,
    args: &Args,
) -> Result<BTreeMap<Address, Vec<B256>>, RpcError> {
    let StorageRequests(requests) = args.required(0)?;
    let height = height(context, args, 1).await?;
    let values = move |view: &dyn StateView| {
        let of_account = |(address, slots): (Address, Vec<Slot>)| {
            let values: Result<Vec<B256>, StateFault> =
                slots.into_iter().map(|Slot(slot)| Ok(B256::from(view.slot(address, slot)?))).collect();
            Ok((address, values?))
        };
        requests.into_iter().map(of_account).collect()
    };
    context.read(height, values).await
}

/// Keys as the client wrote them, for the answer to repeat, and what they mean.
struct StorageKeys(Vec<(String, U256)>);

impl FromValue for StorageKeys {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let keys = array(value)?;
        // One item of a proof is the account itself.
        if keys.len() >= STATE_PROOF_ITEMS_MAX {
            let slots_max = STATE_PROOF_ITEMS_MAX - 1;
            return Err(Problem::new(format!("{} storage keys, at most {slots_max}: ask in parts", keys.len())));
        }
        let parse = |(index, value): (usize, &RawValue)| {
            let key = text(value).map_err(|problem| problem.at(index))?;
            let Slot(slot) = Slot::from_text(key).map_err(|problem| problem.at(index))?;
            Ok((key.to_owned(), slot))
        };
        keys.into_iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Account and slots in Ethereum's shape.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountProof {
    address: Address,
    /// One Florin state proof of the account and all slots, or nothing.
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: Quantity,
    /// Zero: there is no root of one account's storage.
    storage_hash: B256,
    storage_proof: Vec<StorageProof>,
}

#[derive(Debug, Serialize)]
struct StorageProof {
    key: String,
    value: U256,
    proof: [Bytes; 0],
}

/// What an account and its slots hold, in the order of the request.
struct Values {
    account: Account,
    slots: Vec<U256>,
}

/// Values of a block that is not the latest: they are read, there is no proof of them.
async fn read_values(
    context: &Context,
    height: Height,
    address: Address,
    slots: Vec<U256>,
) -> Result<Values, RpcError> {
    let read = move |view: &dyn StateView| {
        let values: Result<Vec<U256>, StateFault> = slots.iter().map(|slot| view.slot(address, *slot)).collect();
        Ok(Values { account: account_or_empty(view, address)?, slots: values? })
    };
    context.read(height, read).await
}

/// Values of the latest block, out of their proof.
fn proven_values(proven: &ProvenState) -> Result<Values, RpcError> {
    let state_root = proven.block.block.header().state_root;
    let mut values = Values { account: Account::default(), slots: Vec::new() };
    for (_, value) in proven.proof.verify(state_root).map_err(|error| RpcError::fault(&error))? {
        match value {
            StateValue::Account(account) => values.account = account.unwrap_or_default(),
            StateValue::Slot(value) => values.slots.push(value),
            StateValue::Code(_) => {}
        }
    }
    Ok(values)
}

pub(crate) async fn proof(context: &Arc<Context>, args: &Args) -> Result<AccountProof, RpcError> {
    let address = args.required::<Address>(0)?;
    let StorageKeys(keys) = args.required(1)?;
    let slots: Vec<U256> = keys.iter().map(|(_, slot)| *slot).collect();
    let items = std::iter::once(StateItem::Account(address))
        .chain(slots.iter().map(|slot| StateItem::Slot(address, *slot)))
        .collect();
    let wanted = selector(args, 2)?;
    let latest = BlockNumberSelector::Latest;
    let is_latest = [latest, BlockNumberSelector::Pending].map(BlockSelector::Number).contains(&wanted);
    // Proofs exist against the latest block only, which moves on: whoever asks for it is told of the block of the proof.
    let height = if is_latest { None } else { Some(context.chain.require(wanted).await?.block.height()) };
    let proven = match height {
        Some(height) if height < context.chain.head().block.height() => None,
        _ => Some(context.prove(items).await?),
    };
    let proven = proven.filter(|proven| height.is_none_or(|height| proven.block.block.height() == height));
    let (values, account_proof) = match (&proven, height) {
        (Some(proven), _) => (proven_values(proven)?, vec![proven.proof.to_bytes()]),
        (None, Some(height)) => (read_values(context, height, address, slots).await?, Vec::new()),
        (None, None) => return Err(RpcError::fault(&"a proof of the latest block is of another one")),
    };
    let Values { account, slots } = values;
    let storage_proof =
        keys.into_iter().zip(slots).map(|((key, _), value)| StorageProof { key, value, proof: [] }).collect();
    Ok(AccountProof {
        address,
        account_proof,
        balance: account.balance,
        code_hash: if account.is_empty() { KECCAK256_EMPTY } else { account.code_hash },
        nonce: Quantity(account.nonce),
        storage_hash: B256::ZERO,
        storage_proof,
    })
}
