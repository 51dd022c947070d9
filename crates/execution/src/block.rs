//! Blocks: put together by the leader, checked by the others.
//!
//! Every field of a header either follows from the parent and the rules, or commits to the body, or commits to the
//! outcome of execution. [`check_header`] judges the first, [`Block::new`] the second, [`check_outcome`] the third:
//! together they leave no field free but the time, which has bounds.

use alloy_consensus::{Header, proofs::calculate_transaction_root};
use alloy_eips::eip2718::Encodable2718 as _;
use florin_types::{
    B256, Block, BlockError, Bytes, Extension, Rules, TxEnvelope, VerifiedTx, alloy_primitives::keccak256,
};

use crate::{BlockEnv, Executed};

/// A header that breaks a rule, for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "block {height}: header field {field} is {found} but must be {expected}: the proposer is faulty, vote against it"
)]
pub struct HeaderError {
    /// Height of the block.
    pub height: u64,
    /// Field.
    pub field: &'static str,
    /// What it says.
    pub found: String,
    /// What it must say.
    pub expected: String,
}

/// A header that commits to another outcome than execution gave.
pub type OutcomeError = HeaderError;

/// Puts a block together from what was executed. `payload` is what it carries for the engine.
#[expect(clippy::too_many_arguments, reason = "where a block stands, what was executed, and what it carries")]
pub fn assemble(
    parent: &Block,
    env: &BlockEnv,
    rules: &Rules,
    executed: &Executed,
    txs: &[VerifiedTx],
    state_root: B256,
    extension: Extension,
    payload: Option<Bytes>,
) -> Result<Block, BlockError> {
    let transactions: Vec<TxEnvelope> = txs.iter().map(|tx| tx.tx().clone()).collect();
    let payload_hash = payload.as_ref().map(keccak256);
    let extension = Extension { timestamp_ms: env.timestamp_ms, payload_hash, ..extension };
    let env = BlockEnv { parent_hash: parent.hash(), ..env.clone() };
    let header = Header {
        state_root,
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: executed.receipts_root,
        logs_bloom: executed.logs_bloom,
        gas_used: executed.gas_used,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        ..determined_header(&env, rules)
    };
    Block::with_payload(header, extension, transactions, payload)
}

/// Every field that follows from parent, time and rules; the others as in the template.
pub(crate) fn determined_header(env: &BlockEnv, rules: &Rules) -> Header {
    Header {
        parent_hash: env.parent_hash,
        number: env.height,
        timestamp: env.timestamp_ms.checked_div(1_000).unwrap_or_default(),
        gas_limit: rules.block_gas_max,
        base_fee_per_gas: Some(rules.base_fee_wei),
        beneficiary: env.beneficiary,
        mix_hash: env.prev_randao,
        ..Block::header_template()
    }
}

/// Checks every header field that needs no execution, the block's time and its size. `rules` are those of the block's
/// height. Nothing of it depends on a clock: what fails here is invalid for ever.
pub fn check_header(parent: &Block, block: &Block, rules: &Rules) -> Result<(), HeaderError> {
    let header = block.header();
    let env = BlockEnv::child_of(parent, block.timestamp_ms());
    let expected = Header {
        state_root: header.state_root,
        transactions_root: header.transactions_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        gas_used: header.gas_used,
        extra_data: header.extra_data.clone(),
        ..determined_header(&env, rules)
    };
    compare(header, &expected)?;
    let wrong =
        |field, found: String, expected: String| Err(HeaderError { height: block.height(), field, found, expected });
    if header.gas_used > header.gas_limit {
        return wrong("gasUsed", header.gas_used.to_string(), format!("at most {}", header.gas_limit));
    }
    let (time_ms, parent_ms) = (block.timestamp_ms(), parent.timestamp_ms());
    let latest_ms = parent_ms.saturating_add(rules.block_time_step_ms_max);
    if time_ms <= parent_ms || time_ms > latest_ms {
        return wrong("timestampMs", time_ms.to_string(), format!("above {parent_ms} and at most {latest_ms}"));
    }
    let count = block.transactions().len() as u64;
    if count > rules.block_transactions_max {
        return wrong("transactions", count.to_string(), format!("at most {}", rules.block_transactions_max));
    }
    let bytes = block.transactions().iter().fold(0u64, |sum, tx| sum.saturating_add(tx.encode_2718_len() as u64));
    if bytes > rules.block_bytes_max {
        return wrong("transactions (bytes)", bytes.to_string(), format!("at most {}", rules.block_bytes_max));
    }
    Ok(())
}

/// Checks the header fields that commit to the outcome of execution.
pub fn check_outcome(block: &Block, executed: &Executed, state_root: B256) -> Result<(), OutcomeError> {
    let expected = Header {
        gas_used: executed.gas_used,
        receipts_root: executed.receipts_root,
        logs_bloom: executed.logs_bloom,
        state_root,
        ..block.header().clone()
    };
    compare(block.header(), &expected)
}

/// Names the first field in which two headers differ.
fn compare(found: &Header, expected: &Header) -> Result<(), HeaderError> {
    let text = |header: &Header| {
        [
            ("number", header.number.to_string()),
            ("parentHash", header.parent_hash.to_string()),
            ("gasLimit", header.gas_limit.to_string()),
            ("timestamp", header.timestamp.to_string()),
            ("baseFeePerGas", format!("{:?}", header.base_fee_per_gas)),
            ("miner", header.beneficiary.to_string()),
            ("mixHash", header.mix_hash.to_string()),
            ("sha3Uncles", header.ommers_hash.to_string()),
            ("difficulty", header.difficulty.to_string()),
            ("nonce", header.nonce.to_string()),
            ("withdrawalsRoot", format!("{:?}", header.withdrawals_root)),
            ("blobGasUsed", format!("{:?}", header.blob_gas_used)),
            ("excessBlobGas", format!("{:?}", header.excess_blob_gas)),
            ("parentBeaconBlockRoot", format!("{:?}", header.parent_beacon_block_root)),
            ("requestsHash", format!("{:?}", header.requests_hash)),
            ("blockAccessListHash", format!("{:?}", header.block_access_list_hash)),
            ("gasUsed", header.gas_used.to_string()),
            ("receiptsRoot", header.receipts_root.to_string()),
            ("logsBloom", header.logs_bloom.to_string()),
            ("stateRoot", header.state_root.to_string()),
        ]
    };
    if found == expected {
        return Ok(());
    }
    let height = found.number;
    let different = text(found).into_iter().zip(text(expected)).find(|((_, a), (_, b))| a != b);
    let ((field, found), (_, expected)) =
        different.unwrap_or((("(later fork)", "present".into()), ("(later fork)", "absent".into())));
    Err(HeaderError { height, field, found, expected })
}
