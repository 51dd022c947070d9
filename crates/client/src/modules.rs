//! Typed calls to the native modules, over the types that their Solidity interfaces declare.

use crate::{ClientError, RpcClient, SignedTx, Signer};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;

/// Gas that is allowed above the estimate, in percent: state may change between estimate and block.
const GAS_MARGIN_PERCENT: u64 = 25;

/// The modules of one ledger, through one node.
///
/// ```no_run
/// # async fn example(rpc: florin_client::RpcClient) -> Result<(), florin_client::ClientError> {
/// use florin_modules::{SETTLEMENT_ADDRESS, settlement::ISettlement::figuresOfCall};
/// let modules = florin_client::Modules::new(rpc, 461_337);
/// let figures = modules.ask(SETTLEMENT_ADDRESS, &figuresOfCall { schemeId: 1 }).await?;
/// println!("{} settled", figures.count);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Modules {
    rpc: RpcClient,
    chain_id: u64,
}

impl Modules {
    /// The modules behind `rpc`. Everything is signed for `chain_id`, which is not the node's word.
    pub fn new(rpc: RpcClient, chain_id: u64) -> Self {
        Self { rpc, chain_id }
    }

    /// The node.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// What a reading function answers in the latest final state, as the node says.
    pub async fn ask<C: SolCall>(&self, module: Address, call: &C) -> Result<C::Return, ClientError> {
        let output = self.rpc.eth_call(module, &call.abi_encode().into()).await?;
        C::abi_decode_returns_validate(&output).map_err(|error| ClientError::Malformed {
            method: "eth_call".into(),
            reason: format!("{} bytes are not the result of {}: {error}", output.len(), C::SIGNATURE),
        })
    }

    /// Signs a call with the signer's next nonce and the gas it needs. Nothing is sent. A call that would be refused is
    /// an error already here: [`ClientError::explanation`] gives the module's words.
    pub async fn sign<C: SolCall>(&self, signer: &Signer, module: Address, call: &C) -> Result<SignedTx, ClientError> {
        self.sign_input(signer, module, call.abi_encode().into()).await
    }

    /// Signs a call and hands it in; returns what was sent, not yet final.
    pub async fn submit<C: SolCall>(
        &self,
        signer: &Signer,
        module: Address,
        call: &C,
    ) -> Result<SignedTx, ClientError> {
        let signed = self.sign(signer, module, call).await?;
        self.rpc.send(&signed).await?;
        Ok(signed)
    }

    /// The same as [`Self::sign`] for input that is encoded already.
    pub async fn sign_input(&self, signer: &Signer, module: Address, input: Bytes) -> Result<SignedTx, ClientError> {
        let gas = self.rpc.estimate_gas(signer.address(), module, &input).await?;
        let margin = gas.saturating_mul(GAS_MARGIN_PERCENT) / 100;
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.rpc.next_nonce(signer.address()).await?,
            gas_limit: gas.saturating_add(margin),
            max_fee_per_gas: self.rpc.gas_price().await?,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(module),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        };
        Ok(signer.sign(tx)?)
    }
}
