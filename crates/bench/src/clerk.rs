//! The operator of a clearing day: starts multilateral runs while the banks submit, and reads the day's figures.

use crate::{
    BenchConfig, BenchError, Workload,
    report::Clearing,
    stage::{GAS_MOST, Stage, clerk},
};
use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use florin_client::{ClientError, RpcClient, Signer, TxEip1559};
use florin_modules::{
    SETTLEMENT_ADDRESS,
    settlement::ISettlement::{advanceRunCall, dayOfCall, figuresOfCall, startRunCall},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Between two runs.
const PAUSE: Duration = Duration::from_secs(1);
/// Units of work in one call of a run: within a transaction's gas.
const STEPS: u32 = 1_000;
/// Calls of one run: a queue that needs more goes on with the next round.
const CALLS: usize = 8;
/// How long a call may take to become final, in milliseconds.
const CALL_MS_MAX: u64 = 10_000;

/// The operator of one scheme.
#[derive(Clone)]
pub(crate) struct Clerk {
    rpc: RpcClient,
    signer: Signer,
    scheme: u64,
}

impl Clerk {
    /// The operator, if the workload has one.
    pub(crate) fn of(config: &BenchConfig, stage: &Stage, rpc: &RpcClient) -> Result<Option<Self>, BenchError> {
        if config.workload != Workload::Clearing {
            return Ok(None);
        }
        Ok(Some(Self { rpc: rpc.clone(), signer: clerk(config)?, scheme: stage.scheme }))
    }

    /// Runs the solver again and again. What fails is left to the next round: figures tell whether anything settled.
    pub(crate) async fn work(self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(PAUSE).await;
            let _ = self.round().await;
        }
    }

    async fn round(&self) -> Result<(), ClientError> {
        let mut nonce = self.rpc.next_nonce(self.signer.address()).await?;
        let start = startRunCall { schemeId: self.scheme }.abi_encode();
        let advance = Bytes::from(advanceRunCall { schemeId: self.scheme, steps: STEPS }.abi_encode());
        let mut last = self.send(&mut nonce, start.into()).await?;
        for _ in 0..CALLS {
            last = self.send(&mut nonce, advance.clone()).await?;
        }
        match self.rpc.wait_final(last, CALL_MS_MAX).await {
            // The run had ended before the last call.
            Ok(_) | Err(ClientError::Reverted { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, nonce: &mut u64, input: Bytes) -> Result<alloy_primitives::B256, ClientError> {
        let tx = TxEip1559 {
            chain_id: self.rpc.chain_id().await?,
            nonce: *nonce,
            gas_limit: GAS_MOST,
            max_fee_per_gas: self.rpc.gas_price().await?,
            to: TxKind::Call(SETTLEMENT_ADDRESS),
            input,
            ..TxEip1559::default()
        };
        *nonce = nonce.saturating_add(1);
        self.rpc.send(&self.signer.sign(tx)?).await
    }

    /// What the day achieved so far.
    pub(crate) async fn figures(&self) -> Result<Clearing, BenchError> {
        let figures = self.ask(figuresOfCall { schemeId: self.scheme }).await?;
        let day = self.ask(dayOfCall { schemeId: self.scheme }).await?;
        let units = |value: U256| value.saturating_to::<u128>();
        Ok(Clearing {
            instructions: figures.count,
            value_minor: units(figures.value),
            liquidity_minor: units(figures.liquidityUsed),
            queued: day.queued.into(),
        })
    }

    async fn ask<C: SolCall>(&self, call: C) -> Result<C::Return, BenchError> {
        let answer = self.rpc.eth_call(SETTLEMENT_ADDRESS, &call.abi_encode().into()).await?;
        C::abi_decode_returns(&answer).map_err(|error| BenchError::Internal { reason: error.to_string() })
    }
}
