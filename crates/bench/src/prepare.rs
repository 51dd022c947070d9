//! Everything that happens before the clock starts: nonces, gas, signatures.

use crate::{
    BenchConfig, BenchError, Progress,
    stage::{GAS_MOST, Stage},
    workload::{Act, Workload, call},
};
use alloy_primitives::{B256, TxKind};
use florin_client::{RpcClient, SignedTx, Signer, TxEip1559};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    thread,
};

/// Gas above the estimate, in percent: between estimate and block the state changes.
const GAS_MARGIN_PERCENT: u64 = 50;
/// The same for a batch, whose gas is that of its items and hardly varies.
const BATCH_GAS_MARGIN_PERCENT: u64 = 5;
/// Gas of an instruction: it may settle with many others by offset, or only wait.
const INSTRUCTION_GAS: u64 = 1_200_000;

/// A signed transaction and the payments that it makes.
#[derive(Clone, Debug)]
pub(crate) struct LoadTx {
    pub(crate) signed: SignedTx,
    /// Payments of all transactions before it.
    pub(crate) before: u64,
    pub(crate) payments: u64,
}

/// Signed transactions, in the order in which they are due.
pub(crate) struct Load {
    pub(crate) txs: Vec<LoadTx>,
    pub(crate) by_hash: HashMap<B256, usize>,
    /// Payments of all of them.
    pub(crate) payments: u64,
}

/// What all transactions of a run have in common.
#[derive(Clone)]
struct Terms {
    chain_id: u64,
    fee_wei: u128,
    /// By act.
    gas_limits: BTreeMap<Act, u64>,
    /// Each sender's next one.
    nonces: Vec<u64>,
    stage: Stage,
}

pub(crate) async fn prepare(
    config: &BenchConfig,
    rpc: &RpcClient,
    stage: Stage,
    progress: &(impl Fn(Progress) + Sync),
) -> Result<Load, BenchError> {
    let mut nonces = Vec::with_capacity(config.senders.len());
    for sender in &config.senders {
        nonces.push(rpc.next_nonce(sender.address()).await?);
    }
    progress(Progress::Signing { payments: config.payments() });
    let terms = Terms {
        chain_id: rpc.chain_id().await?,
        fee_wei: rpc.gas_price().await?,
        gas_limits: gas_limits(config, rpc, &stage, &nonces).await?,
        nonces,
        stage,
    };
    let acts = acts(config);
    let config = config.clone();
    let signed =
        tokio::task::spawn_blocking(move || sign_all(&config, &terms, &acts).map(|signed| (signed, acts))).await;
    let (signed, acts) = signed.map_err(|error| BenchError::Internal { reason: error.to_string() })??;
    let mut payments = 0;
    let mut txs = Vec::with_capacity(signed.len());
    for (signed, act) in signed.into_iter().zip(acts) {
        txs.push(LoadTx { signed, before: payments, payments: act.payments() });
        payments += act.payments();
    }
    let by_hash = txs.iter().enumerate().map(|(index, tx)| (tx.signed.hash, index)).collect();
    Ok(Load { txs, by_hash, payments })
}

/// As many transactions as make the payments of the whole run.
fn acts(config: &BenchConfig) -> Vec<Act> {
    let (mut acts, mut payments) = (Vec::new(), 0);
    while payments < config.payments() {
        let act = config.workload.act(acts.len(), config.batch_items);
        payments += act.payments();
        acts.push(act);
    }
    acts
}

async fn gas_limits(
    config: &BenchConfig,
    rpc: &RpcClient,
    stage: &Stage,
    nonces: &[u64],
) -> Result<BTreeMap<Act, u64>, BenchError> {
    let mut limits = BTreeMap::new();
    let (Some(sender), Some(nonce)) = (config.senders.first(), nonces.first()) else { return Ok(limits) };
    for index in 0..config.workload.period() {
        let act = config.workload.act(index, config.batch_items);
        if limits.contains_key(&act) {
            continue;
        }
        let call = call(act, config, stage, sender, *nonce);
        let estimate = rpc.estimate_gas(sender.address(), call.to, &call.input).await?;
        let margin = if matches!(act, Act::Batch { .. }) { BATCH_GAS_MARGIN_PERCENT } else { GAS_MARGIN_PERCENT };
        let limit = estimate.saturating_add(estimate.saturating_mul(margin) / 100).min(GAS_MOST);
        limits.insert(act, if config.workload == Workload::Clearing { INSTRUCTION_GAS.max(limit) } else { limit });
    }
    Ok(limits)
}

fn sign_all(config: &BenchConfig, terms: &Terms, acts: &[Act]) -> Result<Vec<SignedTx>, BenchError> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = acts.len().div_ceil(threads).max(1);
    let parts: Vec<thread::Result<Result<Vec<SignedTx>, BenchError>>> = thread::scope(|scope| {
        let parts = acts.chunks(share).enumerate();
        let handles: Vec<_> = parts
            .map(|(part, acts)| {
                let first = part.saturating_mul(share);
                scope.spawn(move || {
                    let numbered = acts.iter().enumerate();
                    numbered.map(|(index, act)| sign(config, terms, *act, first.saturating_add(index))).collect()
                })
            })
            .collect();
        handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut all = Vec::with_capacity(acts.len());
    for part in parts {
        all.extend(part.map_err(|_| BenchError::Internal { reason: "a signing thread failed".into() })??);
    }
    Ok(all)
}

/// Transaction `index`: senders take turns.
fn sign(config: &BenchConfig, terms: &Terms, act: Act, index: usize) -> Result<SignedTx, BenchError> {
    let (turn, sender) = (index / config.senders.len(), index % config.senders.len());
    let (Some(signer), Some(nonce)) = (config.senders.get(sender), terms.nonces.get(sender)) else {
        return Err(BenchError::Internal { reason: format!("transaction {index} has no sender") });
    };
    let nonce = nonce.saturating_add(turn as u64);
    let call = call(act, config, &terms.stage, signer, nonce);
    let tx = TxEip1559 {
        chain_id: terms.chain_id,
        nonce,
        gas_limit: terms.gas_limits.get(&act).copied().unwrap_or(GAS_MOST),
        max_fee_per_gas: terms.fee_wei,
        to: TxKind::Call(call.to),
        input: call.input,
        ..TxEip1559::default()
    };
    Signer::sign(signer, tx).map_err(|error| BenchError::Client(error.into()))
}
