//! That a transaction is in a final block, and what it did there.
//!
//! A header commits to its transactions and to their receipts by two roots. Both lists of the block are read whole and
//! their roots computed here; a block has at most some thousands of each.

use crate::{ClientError, FinalHeader, RpcClient, TransactionReceipt, Verifier, VerifyError, rpc::RECEIPT_POLL_MS};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, U256, keccak256};
use florin_types::{Height, ReceiptEnvelope, TxEnvelope};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// A transaction in a final block with its proven outcome: status, logs and cumulative gas are the ledger's, not the
/// server's word.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenReceipt {
    /// The block.
    pub header: FinalHeader,
    /// Position in the block.
    pub index: usize,
    /// The transaction.
    pub tx: TxEnvelope,
    /// What it did.
    pub receipt: ReceiptEnvelope,
}

/// A final block with the transactions that its header commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenBlock {
    /// The block.
    pub header: FinalHeader,
    /// Hashes of its transactions, in order, computed here.
    pub transactions: Vec<B256>,
}

/// A final block with its transactions and what each of them did.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenBody {
    /// The block.
    pub header: FinalHeader,
    /// Its transactions, in order.
    pub transactions: Vec<TxEnvelope>,
    /// Their receipts, in the same order.
    pub receipts: Vec<ReceiptEnvelope>,
}

impl ProvenBody {
    /// Hash of a transaction, computed here: the one that stands in the JSON is the server's word.
    pub fn hash(&self, index: usize) -> Option<B256> {
        self.transactions.get(index).map(|tx| keccak256(tx.encoded_2718()))
    }
}

#[derive(Deserialize)]
pub(crate) struct FullBlock {
    pub(crate) transactions: Vec<TxEnvelope>,
}

impl Verifier {
    /// Checks both lists of a block against its final header.
    pub fn check_body(
        &self,
        header: &FinalHeader,
        txs: &[TxEnvelope],
        receipts: &[ReceiptEnvelope],
    ) -> Result<(), VerifyError> {
        let roots = [
            ("transactions", calculate_transaction_root(txs), header.header().transactions_root),
            ("receipts", calculate_receipt_root(receipts), header.header().receipts_root),
        ];
        match roots.into_iter().find(|(_, found, expected)| found != expected) {
            Some((list, found, expected)) => Err(VerifyError::Body { height: header.height(), list, found, expected }),
            None if txs.len() != receipts.len() => Err(VerifyError::Unanswerable {
                reason: format!("{} transactions and {} receipts", txs.len(), receipts.len()),
            }),
            None => Ok(()),
        }
    }

    /// The final block at `height` with its transactions, or `None` while the node has none there.
    pub async fn block(&self, rpc: &RpcClient, height: Height) -> Result<Option<ProvenBlock>, ClientError> {
        let Some(header) = self.final_header(rpc, height).await? else { return Ok(None) };
        let block: FullBlock = rpc.call("eth_getBlockByNumber", json!([U256::from(height), true])).await?;
        let (found, expected) = (calculate_transaction_root(&block.transactions), header.header().transactions_root);
        if found != expected {
            return Err(VerifyError::Body { height, list: "transactions", found, expected }.into());
        }
        // The hash that stands in the JSON is the server's word: the bytes under the root decide.
        let transactions = block.transactions.iter().map(|tx| keccak256(tx.encoded_2718())).collect();
        Ok(Some(ProvenBlock { header, transactions }))
    }

    /// The final block at `height` with transactions and receipts, or `None` while the node cannot show that it is final.
    pub async fn body(&self, rpc: &RpcClient, height: Height) -> Result<Option<ProvenBody>, ClientError> {
        let Some(header) = self.final_header(rpc, height).await? else { return Ok(None) };
        let (transactions, receipts) = read_body(rpc, height).await?;
        self.check_body(&header, &transactions, &receipts)?;
        Ok(Some(ProvenBody { header, transactions, receipts }))
    }

    /// Waits until a transaction is final and its block's certificate is here, and proves its receipt. A block may be final
    /// through a descendant, some moments before the node has what shows it. A proven revert is no error here.
    pub async fn wait_receipt(
        &self,
        rpc: &RpcClient,
        hash: B256,
        timeout_ms: u64,
    ) -> Result<ProvenReceipt, ClientError> {
        let start = Instant::now();
        loop {
            let height = rpc.receipt(hash).await?.and_then(|receipt| receipt.block_number);
            if let Some(height) = height
                && rpc.finality(height).await?.is_some()
                && let Some(proven) = self.receipt(rpc, hash).await?
            {
                return Ok(proven);
            }
            let waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            if waited_ms >= timeout_ms {
                return Err(ClientError::NotFinal { hash, waited_ms });
            }
            tokio::time::sleep(Duration::from_millis(RECEIPT_POLL_MS)).await;
        }
    }

    /// The proven receipt of a transaction, or `None` while the node knows of none.
    pub async fn receipt(&self, rpc: &RpcClient, hash: B256) -> Result<Option<ProvenReceipt>, ClientError> {
        let Some(height) = rpc.receipt(hash).await?.and_then(|receipt| receipt.block_number) else { return Ok(None) };
        let missing =
            |what: &str| VerifyError::Unanswerable { reason: format!("the server has no {what} of {height}") };
        let header = self.final_header(rpc, height).await?.ok_or_else(|| missing("finality"))?;
        let (txs, receipts) = read_body(rpc, height).await?;
        self.check_body(&header, &txs, &receipts)?;
        // The hash that stands in the JSON is the server's word: the bytes under the root decide.
        let is_it = |tx: &TxEnvelope| keccak256(tx.encoded_2718()) == hash && *tx.tx_hash() == hash;
        let place = txs.into_iter().zip(receipts).enumerate().find(|(_, (tx, _))| is_it(tx));
        let (index, (tx, receipt)) = place.ok_or_else(|| VerifyError::OtherQuestion {
            asked: format!("transaction {hash}"),
            answered: format!("block {height}, which does not contain it"),
        })?;
        Ok(Some(ProvenReceipt { header, index, tx, receipt }))
    }
}

async fn read_body(rpc: &RpcClient, height: Height) -> Result<(Vec<TxEnvelope>, Vec<ReceiptEnvelope>), ClientError> {
    let block: FullBlock = rpc.call("eth_getBlockByNumber", json!([U256::from(height), true])).await?;
    let receipts: Vec<TransactionReceipt> = rpc.call("eth_getBlockReceipts", json!([U256::from(height)])).await?;
    let receipts = receipts.into_iter().map(|receipt| receipt.into_primitives_receipt().inner).collect();
    Ok((block.transactions, receipts))
}
