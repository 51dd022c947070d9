//! Looking through a node that runs. With a genesis file everything shown was verified; without, it says so.

use super::{
    BlockName,
    report::{AccountReport, BlockReport, InvariantsReport, ProofReport, TokenBalance, TransactionReport},
};
use crate::{
    failure::Failure,
    genesis,
    network::{Network, NetworkArguments},
    remote::client_failure,
};
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_primitives::{Address, B256};
use florin_client::{ProvenBlock, RpcClient, VerifyError, audit};
use florin_proof::StateItem;
use florin_types::Amount;
use serde_json::json;

const UNVERIFIED: &str = "no: this is what the node says; give --genesis FILE to verify";

/// A block.
pub(crate) async fn block(arguments: &NetworkArguments, name: BlockName) -> Result<BlockReport, Failure> {
    if arguments.genesis.is_some() {
        return proven_block(&arguments.open().await?, name).await;
    }
    let found = find(&arguments.client()?, name).await?;
    let transactions = found.transactions.hashes().collect();
    Ok(BlockReport::new(&found.header.inner, None, found.header.hash, transactions, UNVERIFIED.to_string()))
}

/// The block that was asked for, and nothing that the node says without proof; only which block is the latest is its word.
async fn proven_block(network: &Network, name: BlockName) -> Result<BlockReport, Failure> {
    let client = &network.client;
    let first = genesis::block(&network.genesis)?;
    let height = match name {
        BlockName::Latest => client.block_number().await.map_err(client_failure)?,
        BlockName::Height(height) => height,
        BlockName::Hash(hash) if hash == first.hash() => 0,
        BlockName::Hash(_) => find(client, name).await?.header.inner.number,
    };
    if height == 0 {
        let verified = "genesis block: it is what the genesis file gives".to_string();
        return asked_for(
            name,
            BlockReport::new(first.header(), Some(first.extension()), first.hash(), vec![], verified),
        );
    }
    let found = network.verifier.block(client, height).await.map_err(client_failure)?;
    let ProvenBlock { header, transactions } = found.ok_or_else(|| unknown(&format!("block {height} is not final")))?;
    let verified = "header and transactions, by its certificate and the genesis file's key".to_string();
    asked_for(name, BlockReport::new(header.header(), Some(header.extension()), header.hash(), transactions, verified))
}

/// A true answer about another block is a lie as well.
fn asked_for(name: BlockName, report: BlockReport) -> Result<BlockReport, Failure> {
    match name {
        BlockName::Hash(hash) if hash != report.hash => {
            let (asked, answered) = (format!("block {hash}"), format!("block {} ({})", report.number, report.hash));
            Err(client_failure(VerifyError::OtherQuestion { asked, answered }.into()))
        }
        _ => Ok(report),
    }
}

/// A block as the node tells it.
async fn find(client: &RpcClient, name: BlockName) -> Result<alloy_rpc_types_eth::Block, Failure> {
    let (method, which) = match name {
        BlockName::Latest => ("eth_getBlockByNumber", json!("latest")),
        BlockName::Height(height) => ("eth_getBlockByNumber", json!(format!("{height:#x}"))),
        BlockName::Hash(hash) => ("eth_getBlockByHash", json!(hash)),
    };
    let found: Option<alloy_rpc_types_eth::Block> =
        client.call(method, json!([which, false])).await.map_err(client_failure)?;
    found.ok_or_else(|| unknown("the node has no such block"))
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
pub(crate) async fn proof(arguments: &NetworkArguments, item: StateItem) -> Result<ProofReport, Failure> {
    let network = arguments.open().await?;
    let proven = network.verifier.prove(&network.client, &[item]).await.map_err(client_failure)?;
    let value = proven.values.first().map(|(_, value)| value);
    let verified = "proven by the state root of a final block, with the genesis file's key".to_string();
    Ok(ProofReport::new(item, value, (proven.header.header(), proven.header.hash()), verified))
}

/// The modules' invariants. The certificate says which block is final; state and events are this node's word, all of the
/// one block, since a running ledger proves its latest state only and goes on between two proofs.
pub(crate) async fn invariants(arguments: &NetworkArguments, height: Option<u64>) -> Result<InvariantsReport, Failure> {
    let network = arguments.open().await?;
    let found = audit(&network.client, &network.verifier, &network.genesis, height).await.map_err(client_failure)?;
    Ok(InvariantsReport {
        height: found.height,
        block_hash: found.block_hash,
        tokens: found.tokens,
        holders: found.holders,
        violations: found.violations.iter().map(ToString::to_string).collect(),
        verified: "the block, by its certificate; its state and the events before it are this node's word".to_string(),
    })
}
