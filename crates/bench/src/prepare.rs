//! Everything that happens before the clock starts: nonces, gas, signatures.

use crate::{BenchConfig, BenchError, Progress};
use alloy_primitives::{B256, TxKind, U256};
use florin_client::{RpcClient, SignedTx, Signer, TxEip1559, transfer_input};
use std::{collections::HashMap, num::NonZeroUsize, thread};

/// Gas above the estimate, in percent.
const GAS_MARGIN_PERCENT: u64 = 50;

/// Signed payments, in the order in which they are due.
pub(crate) struct Load {
    pub(crate) payments: Vec<SignedTx>,
    pub(crate) by_hash: HashMap<B256, usize>,
}

/// What all payments of a run have in common.
#[derive(Clone, Copy)]
struct Terms {
    chain_id: u64,
    fee_wei: u128,
    gas_limit: u64,
}

pub(crate) async fn prepare(
    config: &BenchConfig,
    rpc: &RpcClient,
    progress: &(impl Fn(Progress) + Sync),
) -> Result<Load, BenchError> {
    let mut nonces = Vec::with_capacity(config.senders.len());
    for sender in &config.senders {
        nonces.push(rpc.next_nonce(sender.address()).await?);
    }
    let payments =
        usize::try_from(config.payments()).map_err(|error| BenchError::Internal { reason: error.to_string() })?;
    progress(Progress::Signing { payments });
    let terms = Terms {
        chain_id: rpc.chain_id().await?,
        fee_wei: rpc.gas_price().await?,
        gas_limit: gas_limit(config, rpc).await?,
    };
    let config = config.clone();
    let signed = tokio::task::spawn_blocking(move || sign_all(&config, &nonces, terms, payments)).await;
    let payments = signed.map_err(|error| BenchError::Internal { reason: error.to_string() })??;
    let by_hash = payments.iter().enumerate().map(|(index, payment)| (payment.hash, index)).collect();
    Ok(Load { payments, by_hash })
}

async fn gas_limit(config: &BenchConfig, rpc: &RpcClient) -> Result<u64, BenchError> {
    let from = config.senders.first().map(Signer::address).unwrap_or_default();
    let to = recipient(config, 0);
    let gas = rpc.estimate_gas(from, config.token, &transfer_input(to, U256::ONE)).await?;
    Ok(gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100))
}

/// Each pays the next one, so that nobody runs dry.
fn recipient(config: &BenchConfig, sender: usize) -> alloy_primitives::Address {
    let next = sender.saturating_add(1) % config.senders.len();
    config.senders.get(next).map(Signer::address).unwrap_or_default()
}

fn sign_all(config: &BenchConfig, nonces: &[u64], terms: Terms, payments: usize) -> Result<Vec<SignedTx>, BenchError> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = payments.div_ceil(threads).max(1);
    let parts: Vec<thread::Result<Result<Vec<SignedTx>, BenchError>>> = thread::scope(|scope| {
        let starts: Vec<usize> = (0..payments).step_by(share).collect();
        let handles: Vec<_> = starts
            .into_iter()
            .map(|start| {
                let end = start.saturating_add(share).min(payments);
                scope.spawn(move || (start..end).map(|index| sign(config, nonces, terms, index)).collect())
            })
            .collect();
        handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut all = Vec::with_capacity(payments);
    for part in parts {
        all.extend(part.map_err(|_| BenchError::Internal { reason: "a signing thread failed".into() })??);
    }
    Ok(all)
}

/// Payment `index`: senders take turns.
fn sign(config: &BenchConfig, nonces: &[u64], terms: Terms, index: usize) -> Result<SignedTx, BenchError> {
    let (turn, sender) = (index / config.senders.len(), index % config.senders.len());
    let (Some(signer), Some(nonce)) = (config.senders.get(sender), nonces.get(sender)) else {
        return Err(BenchError::Internal { reason: format!("payment {index} has no sender") });
    };
    let tx = TxEip1559 {
        chain_id: terms.chain_id,
        nonce: nonce.saturating_add(turn as u64),
        gas_limit: terms.gas_limit,
        max_fee_per_gas: terms.fee_wei,
        to: TxKind::Call(config.token),
        input: transfer_input(recipient(config, sender), U256::ONE),
        ..TxEip1559::default()
    };
    signer.sign(tx).map_err(|error| BenchError::Client(error.into()))
}
