//! Accounts for a load, made and funded.

use crate::BenchError;
use alloy_primitives::{U256, keccak256};
use florin_client::{RpcClient, SignedTx, Signer, Token, TxEip1559, transfer_input};
use florin_types::Amount;
use zeroize::Zeroizing;

/// Gas for a transfer that opens a holding: far above what one takes.
const FUNDING_GAS: u64 = 200_000;
/// How long funding may take to become final, in milliseconds.
const FUNDING_MS_MAX: u64 = 30_000;

/// Accounts derived from a seed, the same ones every time. For loads only: whoever knows the seed has the keys.
pub fn derive_signers(seed: &str, count: usize) -> Result<Vec<Signer>, BenchError> {
    (0..count)
        .map(|index| {
            let secret = Zeroizing::new(keccak256(format!("florin bench {seed} {index}")).0);
            Signer::from_bytes(secret).map_err(|error| BenchError::Client(error.into()))
        })
        .collect()
}

/// Sees to it that every sender holds at least `each`: `funder` pays them what is missing. Returns how many were funded.
pub async fn fund(
    rpc: &RpcClient,
    token: &Token,
    funder: &Signer,
    senders: &[Signer],
    each: Amount,
) -> Result<usize, BenchError> {
    let chain_id = rpc.chain_id().await?;
    let fee = rpc.gas_price().await?;
    let mut nonce = rpc.next_nonce(funder.address()).await?;
    let mut payments: Vec<SignedTx> = Vec::new();
    for sender in senders {
        let missing = each.minor().saturating_sub(token.balance(sender.address()).await?.minor());
        if missing == 0 {
            continue;
        }
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: FUNDING_GAS,
            max_fee_per_gas: fee,
            to: token.address().into(),
            input: transfer_input(sender.address(), U256::from(missing)),
            ..TxEip1559::default()
        };
        payments.push(funder.sign(tx).map_err(|error| BenchError::Client(error.into()))?);
        nonce = nonce.saturating_add(1);
    }
    for sent in rpc.send_batch(&payments).await? {
        sent?;
    }
    // All nonces of one sender: the last is final only after the others.
    for payment in &payments {
        rpc.wait_final(payment.hash, FUNDING_MS_MAX).await?;
    }
    Ok(payments.len())
}
