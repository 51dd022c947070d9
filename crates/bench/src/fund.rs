//! Accounts for a load: made, funded, and emptied again.

use crate::BenchError;
use alloy_primitives::{Address, U256, keccak256_uncached};
use florin_client::{ClientError, RpcClient, SignedTx, Signer, Token, TxEip1559, transfer_input};
use florin_types::Amount;
use zeroize::Zeroizing;

/// Gas for a transfer that opens a holding: far above what one takes.
const FUNDING_GAS: u64 = 200_000;
/// How long funding may take to become final, in milliseconds.
const FUNDING_MS_MAX: u64 = 30_000;
/// Rounds of paying back: payments of the load that are still under way change balances in between.
const REFUND_ROUNDS_MAX: usize = 5;

/// Accounts derived from a secret, the same ones every time, so that what an interrupted load left on them is found
/// again. Whoever knows the secret has the keys: it must be one, such as the funder's private key.
pub fn derive_signers(secret: &[u8], count: usize) -> Result<Vec<Signer>, BenchError> {
    // Secrets must not stay in a cache.
    let seed = Zeroizing::new(keccak256_uncached(Zeroizing::new([b"florin bench senders", secret].concat())).0);
    (0..count)
        .map(|index| {
            let numbered = Zeroizing::new([seed.as_slice(), &index.to_be_bytes()].concat());
            Signer::from_bytes(Zeroizing::new(keccak256_uncached(numbered).0))
                .map_err(|error| BenchError::Client(error.into()))
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
    let fee = rpc.gas_price().await?;
    let mut nonce = rpc.next_nonce(funder.address()).await?;
    let mut payments: Vec<SignedTx> = Vec::new();
    for sender in senders {
        let missing = each.minor().saturating_sub(token.balance(sender.address()).await?.minor());
        if missing == 0 {
            continue;
        }
        payments.push(transfer(token, funder, sender.address(), missing, (nonce, fee))?);
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

/// Pays everything that the senders hold to `to`. Returns how many of them held something.
pub async fn refund(rpc: &RpcClient, token: &Token, senders: &[Signer], to: Address) -> Result<usize, BenchError> {
    let fee = rpc.gas_price().await?;
    let (mut returned, mut failed) = (0, None);
    for _ in 0..REFUND_ROUNDS_MAX {
        let mut payments = Vec::new();
        for sender in senders {
            let held = token.balance(sender.address()).await?.minor();
            if held > 0 {
                let nonce = rpc.next_nonce(sender.address()).await?;
                payments.push(transfer(token, sender, to, held, (nonce, fee))?);
            }
        }
        if payments.is_empty() {
            return Ok(returned);
        }
        returned = returned.max(payments.len());
        let sent = rpc.send_batch(&payments).await?;
        for sent in sent {
            let outcome = match sent {
                Ok(hash) => rpc.wait_final(hash, FUNDING_MS_MAX).await.map(drop),
                Err(error) => Err(error),
            };
            match outcome {
                // A payment that was still under way has taken a unit: the next round pays what is left.
                Ok(()) | Err(ClientError::Reverted { .. }) => {}
                // One that fails does not keep the others from paying back.
                Err(error) => failed = Some(error),
            }
        }
    }
    Err(failed.map_or(BenchError::Refund { rounds: REFUND_ROUNDS_MAX }, BenchError::Client))
}

/// A signed payment of so many minor units, with this nonce and fee.
fn transfer(
    token: &Token,
    from: &Signer,
    to: Address,
    minor: u128,
    (nonce, fee_wei): (u64, u128),
) -> Result<SignedTx, BenchError> {
    let tx = TxEip1559 {
        chain_id: token.chain_id(),
        nonce,
        gas_limit: FUNDING_GAS,
        max_fee_per_gas: fee_wei,
        to: token.address().into(),
        input: transfer_input(to, U256::from(minor)),
        ..TxEip1559::default()
    };
    from.sign(tx).map_err(|error| BenchError::Client(error.into()))
}
