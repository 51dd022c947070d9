//! Accounts and storage.

use crate::{
    args::{self, Args, FromValue, Problem, Slot, array, object, text},
    arguments::{BlockNumberSelector, BlockSelector},
    backend::Context,
    error::RpcError,
    shapes::Quantity,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use florin_proof::StateItem;
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

pub(crate) async fn proof(context: &Arc<Context>, args: &Args) -> Result<AccountProof, RpcError> {
    let address = args.required::<Address>(0)?;
    let StorageKeys(keys) = args.required(1)?;
    let height = height(context, args, 2).await?;
    let slots: Vec<U256> = keys.iter().map(|(_, slot)| *slot).collect();
    let items: Vec<StateItem> = std::iter::once(StateItem::Account(address))
        .chain(slots.iter().map(|slot| StateItem::Slot(address, *slot)))
        .collect();
    let (account, values) = context
        .read(height, move |view| {
            let values: Result<Vec<U256>, StateFault> = slots.iter().map(|slot| view.slot(address, *slot)).collect();
            Ok((account_or_empty(view, address)?, values?))
        })
        .await?;
    // Proofs exist against the latest block only, which may have moved on since.
    let proven =
        if height == context.ledger.head().block.height() { Some(context.ledger.prove(&items).await?) } else { None };
    let account_proof = proven
        .filter(|proven| proven.block.block.height() == height)
        .map(|proven| proven.proof.to_bytes())
        .into_iter()
        .collect();
    let storage_proof =
        keys.into_iter().zip(values).map(|((key, _), value)| StorageProof { key, value, proof: [] }).collect();
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
