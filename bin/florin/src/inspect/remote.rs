//! Looking through a node that runs. With a genesis file everything shown was verified; without, it says so.

use super::{
    BlockName,
    report::{AccountReport, BlockReport, ProofReport, TokenBalance, TransactionReport},
};
use crate::{
    failure::Failure,
    network::{Network, NetworkArguments},
    remote::client_failure,
};
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_primitives::{Address, B256, U256};
use florin_client::RpcClient;
use florin_proof::{StateItem, StateValue};
use florin_types::Amount;
use serde_json::json;

const UNVERIFIED: &str = "no: this is what the node says; give --genesis FILE to verify";

/// A block.
pub(crate) async fn block(arguments: &NetworkArguments, name: BlockName) -> Result<BlockReport, Failure> {
    let client = arguments.client()?;
    let (height, rpc_block) = find(&client, name).await?;
    let transactions = rpc_block.transactions.hashes().collect();
    if arguments.genesis.is_none() || height == 0 {
        let verified = UNVERIFIED.to_string();
        return Ok(BlockReport::new(&rpc_block.header.inner, None, rpc_block.header.hash, transactions, verified));
    }
    let network = arguments.open().await?;
    let header = network.verifier.final_header(&network.client, height).await.map_err(client_failure)?;
    let header = header.ok_or_else(|| unknown(&format!("block {height} is not final")))?;
    if header.hash() != rpc_block.header.hash {
        let message = format!("the node says block {height} is {}, final is {}", rpc_block.header.hash, header.hash());
        return Err(Failure::damaged("client.unproven", message, "do not trust this node; ask another one"));
    }
    let verified = "header, by its certificate and the genesis file's key".to_string();
    Ok(BlockReport::new(header.header(), Some(header.extension()), header.hash(), transactions, verified))
}

async fn find(client: &RpcClient, name: BlockName) -> Result<(u64, alloy_rpc_types_eth::Block), Failure> {
    let (method, which) = match name {
        BlockName::Latest => ("eth_getBlockByNumber", json!("latest")),
        BlockName::Height(height) => ("eth_getBlockByNumber", json!(format!("{height:#x}"))),
        BlockName::Hash(hash) => ("eth_getBlockByHash", json!(hash)),
    };
    let found: Option<alloy_rpc_types_eth::Block> =
        client.call(method, json!([which, false])).await.map_err(client_failure)?;
    let block = found.ok_or_else(|| unknown("the node has no such block"))?;
    Ok((block.header.inner.number, block))
}

fn unknown(message: &str) -> Failure {
    Failure::input("inspect.unknown", message, "check what was asked for; `florin inspect block latest` shows the head")
}

/// A transaction.
pub(crate) async fn transaction(arguments: &NetworkArguments, hash: B256) -> Result<TransactionReport, Failure> {
    let network = arguments.open().await?;
    let found = network.verifier.receipt(&network.client, hash).await.map_err(client_failure)?;
    let found = found.ok_or_else(|| unknown(&format!("transaction {hash} is not final, or not known here")))?;
    let from = found.tx.recover_signer().ok();
    let block = (found.header.height(), found.header.hash());
    let verified = "certificate, transaction and receipt, with the genesis file's key".to_string();
    Ok(TransactionReport::new(block, found.index, &found.tx, &found.receipt, from, verified))
}

/// An account.
pub(crate) async fn account(arguments: &NetworkArguments, address: Address) -> Result<AccountReport, Failure> {
    let network = arguments.open().await?;
    let (header, account) = network.verifier.account(&network.client, address).await.map_err(client_failure)?;
    let tokens = balances(&network, address).await?;
    let verified = "proven by the state root of a final block, with the genesis file's key".to_string();
    Ok(AccountReport::new(address, header.height(), account, tokens, verified))
}

async fn balances(network: &Network, address: Address) -> Result<Vec<TokenBalance>, Failure> {
    let mut balances = Vec::new();
    for (index, token) in (1u64..).zip(&network.genesis.tokens) {
        let at = florin_modules::token_address(index);
        let balance = network.verifier.token_balance(&network.client, at, address).await;
        let (_, minor) = balance.map_err(client_failure)?;
        balances.push(TokenBalance {
            symbol: token.currency.symbol().into(),
            address: at,
            amount: Amount::new(minor, token.currency).to_string(),
            minor: minor.to_string(),
        });
    }
    Ok(balances)
}

/// Proves an account or a slot.
pub(crate) async fn proof(
    arguments: &NetworkArguments,
    address: Address,
    slot: Option<U256>,
) -> Result<ProofReport, Failure> {
    let network = arguments.open().await?;
    let item = slot.map_or(StateItem::Account(address), |slot| StateItem::Slot(address, slot));
    let proven = network.verifier.prove(&network.client, &[item]).await.map_err(client_failure)?;
    let (present, value) = match proven.values.first() {
        Some((_, StateValue::Account(Some(account)))) => {
            (true, format!("{} wei, nonce {}, code {}", account.balance, account.nonce, account.code_hash))
        }
        Some((_, StateValue::Slot(value))) => (!value.is_zero(), format!("{value:#x}")),
        _ => (false, "none".to_string()),
    };
    Ok(ProofReport {
        address,
        slot,
        present,
        value,
        block_number: proven.header.height(),
        block_hash: proven.header.hash(),
        state_root: proven.header.header().state_root,
        verified: true,
    })
}
