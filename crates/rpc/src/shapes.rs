//! Blocks, transactions, receipts and logs in the JSON shapes of `ethereum/execution-apis`.

use alloy_consensus::{Header, Transaction as _, TxEnvelope, Typed2718 as _};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, Log, U256};
use alloy_rlp::Encodable as _;
use alloy_serde::quantity;
use florin_execution::{contract_address, effective_gas_price};
use florin_index::IndexedLog;
use florin_state::FinalizedBlock;
use florin_types::Block;
use serde::{Serialize, Serializer};

/// A number as Ethereum writes it: hex without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Quantity(#[serde(with = "quantity")] pub(crate) u64);

/// The same for prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wei(#[serde(with = "quantity")] pub(crate) u128);

/// A header as `newHeads` gives it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeaderShape {
    hash: B256,
    parent_hash: B256,
    #[serde(rename = "sha3Uncles")]
    ommers_hash: B256,
    miner: Address,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    difficulty: U256,
    number: Quantity,
    gas_limit: Quantity,
    gas_used: Quantity,
    timestamp: Quantity,
    extra_data: Bytes,
    mix_hash: B256,
    nonce: B64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_beacon_block_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_hash: Option<B256>,
}

impl HeaderShape {
    pub(crate) fn new(header: &Header, hash: B256) -> Self {
        Self {
            hash,
            parent_hash: header.parent_hash,
            ommers_hash: header.ommers_hash,
            miner: header.beneficiary,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            difficulty: header.difficulty,
            number: Quantity(header.number),
            gas_limit: Quantity(header.gas_limit),
            gas_used: Quantity(header.gas_used),
            timestamp: Quantity(header.timestamp),
            extra_data: header.extra_data.clone(),
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            base_fee_per_gas: header.base_fee_per_gas.map(Quantity),
            withdrawals_root: header.withdrawals_root,
            blob_gas_used: header.blob_gas_used.map(Quantity),
            excess_blob_gas: header.excess_blob_gas.map(Quantity),
            parent_beacon_block_root: header.parent_beacon_block_root,
            requests_hash: header.requests_hash,
        }
    }
}

/// A block.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BlockShape {
    #[serde(flatten)]
    header: HeaderShape,
    size: Quantity,
    transactions: Transactions,
    uncles: [B256; 0],
    withdrawals: [(); 0],
}

/// The transactions of a block: hashes, or whole.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Transactions {
    Hashes(Vec<B256>),
    Full(Vec<TransactionShape>),
}

impl BlockShape {
    pub(crate) fn new(finalized: &FinalizedBlock, full: bool) -> Self {
        let block = &finalized.block;
        let transactions = if full {
            let count = block.transactions().len();
            Transactions::Full((0..count).filter_map(|index| TransactionShape::mined(finalized, index)).collect())
        } else {
            Transactions::Hashes(block.transactions().iter().map(|tx| *tx.tx_hash()).collect())
        };
        Self {
            header: HeaderShape::new(block.header(), block.hash()),
            size: Quantity(ethereum_block(block).length() as u64),
            transactions,
            uncles: [],
            withdrawals: [],
        }
    }
}

/// The block as Ethereum encodes it: no extension, no ommers, no withdrawals.
pub(crate) fn ethereum_block(block: &Block) -> alloy_consensus::Block<TxEnvelope> {
    alloy_consensus::Block {
        header: block.header().clone(),
        body: alloy_consensus::BlockBody {
            transactions: block.transactions().to_vec(),
            ommers: Vec::new(),
            withdrawals: Some(Default::default()),
        },
    }
}

/// A transaction, in a block or in the pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionShape {
    block_hash: Option<B256>,
    block_number: Option<Quantity>,
    block_timestamp: Option<Quantity>,
    transaction_index: Option<Quantity>,
    hash: B256,
    from: Address,
    to: Option<Address>,
    #[serde(rename = "type")]
    transaction_type: Quantity,
    nonce: Quantity,
    gas: Quantity,
    gas_price: Wei,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<Wei>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<Wei>,
    value: U256,
    input: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<Vec<SignedAuthorization>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<Quantity>,
    v: Wei,
    r: U256,
    s: U256,
}

impl TransactionShape {
    /// A transaction of the pool. Its `gasPrice` is the most that it may pay.
    pub(crate) fn pooled(tx: &TxEnvelope, from: Address) -> Self {
        let signature = tx.signature();
        let parity = u64::from(signature.v());
        let dynamic = tx.is_eip1559() || tx.is_eip7702();
        // EIP-155: the recovery value of a legacy signature carries the chain id.
        let legacy_v = || match tx.chain_id() {
            Some(chain_id) => u128::from(chain_id) * 2 + 35 + u128::from(parity),
            None => 27 + u128::from(parity),
        };
        Self {
            block_hash: None,
            block_number: None,
            block_timestamp: None,
            transaction_index: None,
            hash: *tx.tx_hash(),
            from,
            to: tx.to(),
            transaction_type: Quantity(u64::from(tx.ty())),
            nonce: Quantity(tx.nonce()),
            gas: Quantity(tx.gas_limit()),
            gas_price: Wei(tx.max_fee_per_gas()),
            max_fee_per_gas: dynamic.then(|| Wei(tx.max_fee_per_gas())),
            max_priority_fee_per_gas: dynamic.then(|| Wei(tx.max_priority_fee_per_gas().unwrap_or_default())),
            value: tx.value(),
            input: tx.input().clone(),
            chain_id: tx.chain_id().map(Quantity),
            access_list: tx.access_list().cloned(),
            authorization_list: tx.authorization_list().map(<[SignedAuthorization]>::to_vec),
            y_parity: (!tx.is_legacy()).then_some(Quantity(parity)),
            v: Wei(if tx.is_legacy() { legacy_v() } else { u128::from(parity) }),
            r: signature.r(),
            s: signature.s(),
        }
    }

    /// Transaction number `index` of a block.
    pub(crate) fn mined(finalized: &FinalizedBlock, index: usize) -> Option<Self> {
        let block = &finalized.block;
        let tx = block.transactions().get(index)?;
        let from = *finalized.senders.get(index)?;
        Some(Self {
            block_hash: Some(block.hash()),
            block_number: Some(Quantity(block.height())),
            block_timestamp: Some(Quantity(block.header().timestamp)),
            transaction_index: Some(Quantity(index as u64)),
            gas_price: Wei(effective_gas_price(tx, base_fee_wei(block))),
            ..Self::pooled(tx, from)
        })
    }
}

fn base_fee_wei(block: &Block) -> u64 {
    block.header().base_fee_per_gas.unwrap_or_default()
}

/// A receipt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptShape {
    #[serde(rename = "type")]
    transaction_type: Quantity,
    status: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    block_hash: B256,
    block_number: Quantity,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    cumulative_gas_used: Quantity,
    gas_used: Quantity,
    effective_gas_price: Wei,
    logs: Vec<LogShape>,
    logs_bloom: Bloom,
}

impl ReceiptShape {
    /// Receipt of transaction number `index` of a block.
    pub(crate) fn new(finalized: &FinalizedBlock, index: usize) -> Option<Self> {
        let logs_before = finalized.receipts.get(..index)?.iter().map(|receipt| receipt.logs().len()).sum::<usize>();
        Self::after(finalized, index, logs_before)
    }

    /// All receipts of a block.
    pub(crate) fn all(finalized: &FinalizedBlock) -> Vec<Self> {
        let mut logs_before = 0;
        let receipt = |(index, receipt): (usize, &florin_types::ReceiptEnvelope)| {
            let shape = Self::after(finalized, index, logs_before);
            logs_before += receipt.logs().len();
            shape
        };
        finalized.receipts.iter().enumerate().filter_map(receipt).collect()
    }

    fn after(finalized: &FinalizedBlock, index: usize, logs_before: usize) -> Option<Self> {
        let block = &finalized.block;
        let tx = block.transactions().get(index)?;
        let receipt = finalized.receipts.get(index)?;
        let from = *finalized.senders.get(index)?;
        let gas_before = match index.checked_sub(1) {
            Some(previous) => finalized.receipts.get(previous)?.cumulative_gas_used(),
            None => 0,
        };
        let place = |log_index| LogPlace::new(block, index, log_index);
        let logs =
            receipt.logs().iter().zip(logs_before..).map(|(log, log_index)| LogShape::new(log, place(log_index)));
        Some(Self {
            transaction_type: Quantity(u64::from(tx.ty())),
            status: Quantity(u64::from(receipt.status())),
            transaction_hash: *tx.tx_hash(),
            transaction_index: Quantity(index as u64),
            block_hash: block.hash(),
            block_number: Quantity(block.height()),
            from,
            to: tx.to(),
            contract_address: contract_address(tx, from),
            cumulative_gas_used: Quantity(receipt.cumulative_gas_used()),
            gas_used: Quantity(receipt.cumulative_gas_used().saturating_sub(gas_before)),
            effective_gas_price: Wei(effective_gas_price(tx, base_fee_wei(block))),
            logs: logs.collect(),
            logs_bloom: *receipt.logs_bloom(),
        })
    }
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPlace {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_timestamp: u64,
    pub(crate) transaction_hash: B256,
    pub(crate) transaction_index: u64,
    pub(crate) log_index: u64,
}

impl LogPlace {
    fn new(block: &Block, transaction_index: usize, log_index: usize) -> Self {
        Self {
            block_hash: block.hash(),
            block_number: block.height(),
            block_timestamp: block.header().timestamp,
            transaction_hash: block.transactions().get(transaction_index).map_or(B256::ZERO, |tx| *tx.tx_hash()),
            transaction_index: transaction_index as u64,
            log_index: log_index as u64,
        }
    }
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogShape {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: B256,
    block_number: Quantity,
    block_timestamp: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    log_index: Quantity,
    /// Nothing that is final is ever removed.
    #[serde(serialize_with = "never")]
    removed: (),
}

fn never<S: Serializer>(_: &(), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(false)
}

impl LogShape {
    pub(crate) fn new(log: &Log, place: LogPlace) -> Self {
        Self {
            address: log.address,
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            block_hash: place.block_hash,
            block_number: Quantity(place.block_number),
            block_timestamp: Quantity(place.block_timestamp),
            transaction_hash: place.transaction_hash,
            transaction_index: Quantity(place.transaction_index),
            log_index: Quantity(place.log_index),
            removed: (),
        }
    }
}

impl From<IndexedLog> for LogShape {
    fn from(found: IndexedLog) -> Self {
        let place = LogPlace {
            block_hash: found.block_hash,
            block_number: found.height,
            block_timestamp: found.timestamp_s,
            transaction_hash: found.transaction_hash,
            transaction_index: found.transaction_index,
            log_index: found.log_index,
        };
        Self::new(&found.log, place)
    }
}

/// Every log of a block, with its place.
pub(crate) fn block_logs(finalized: &FinalizedBlock) -> impl Iterator<Item = (&Log, LogPlace)> {
    let logs = finalized
        .receipts
        .iter()
        .enumerate()
        .flat_map(|(transaction_index, receipt)| receipt.logs().iter().map(move |log| (transaction_index, log)));
    logs.enumerate().map(|(log_index, (transaction_index, log))| {
        (log, LogPlace::new(&finalized.block, transaction_index, log_index))
    })
}
