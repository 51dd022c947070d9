//! Answers of a server as bytes that anybody may send, without a server: each as the answer to every call.

use crate::{BlockSummary, TransactionReceipt, Verifier, VerifyError, inclusion::FullBlock, rpc::results};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use florin_types::wire::{WireBlock, WireFinality, WireNodeStatus, WireStateProof, WireValidators};
use serde::de::DeserializeOwned;
use serde_json::Value;

type Kind = fn(&Verifier, &Value) -> bool;

const KINDS: [Kind; 11] = [
    reads::<U256>,
    reads::<B256>,
    reads::<Bytes>,
    reads::<BlockSummary>,
    reads::<Vec<WireBlock>>,
    reads::<WireValidators>,
    reads::<WireNodeStatus>,
    is_final,
    proves,
    has_transactions,
    has_receipts,
];

/// Reads what a server answered to a call or a batch as the answer to every call, and holds it to the rules of this verifier.
/// Gives how often it could be one.
pub fn decode_answer(verifier: &Verifier, body: &[u8]) -> usize {
    results(body).iter().map(|result| KINDS.iter().filter(|kind| kind(verifier, result)).count()).sum()
}

fn read<R: DeserializeOwned>(result: &Value) -> Option<R> {
    serde_json::from_value(result.clone()).ok()
}

fn reads<R: DeserializeOwned>(_: &Verifier, result: &Value) -> bool {
    read::<R>(result).is_some()
}

fn is_final(verifier: &Verifier, result: &Value) -> bool {
    read::<WireFinality>(result).is_some_and(|answer| verifier.check_finality(answer.height, &answer).is_ok())
}

fn proves(verifier: &Verifier, result: &Value) -> bool {
    let Some(answer) = read::<WireStateProof>(result) else { return false };
    // Nothing was asked for: that it answers something else is said last.
    matches!(verifier.check_state(&[], &answer, 0), Ok(_) | Err(VerifyError::OtherQuestion { .. }))
}

fn has_transactions(_: &Verifier, result: &Value) -> bool {
    let Some(block) = read::<FullBlock>(result) else { return false };
    let hashed: Vec<B256> = block.transactions.iter().map(|tx| keccak256(tx.encoded_2718())).collect();
    !calculate_transaction_root(&block.transactions).is_zero() && hashed.len() == block.transactions.len()
}

fn has_receipts(_: &Verifier, result: &Value) -> bool {
    let one = read::<TransactionReceipt>(result).map(|receipt| vec![receipt]);
    let Some(receipts) = one.or_else(|| read(result)) else { return false };
    let receipts = receipts.into_iter().map(|receipt| receipt.into_primitives_receipt().inner);
    !calculate_receipt_root(&receipts.collect::<Vec<_>>()).is_zero()
}
