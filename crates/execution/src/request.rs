//! From a call request of an RPC client to a transaction that the machine runs without a signature.

use alloy_primitives::{Address, TxKind, U256};
use florin_types::{B256, Rules};
use revm::{
    context::{BlockEnv as EvmBlock, TransactionType, TxEnv, result::InvalidTransaction},
    context_interface::either::Either,
};
use std::collections::BTreeMap;

use crate::{BlockEnv, BlockOverrides, CallError, Rejection, TransactionRequest, machine::Machine};

/// A request with every default filled in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The transaction; its gas limit is the most that may be used.
    pub(crate) tx: TxEnv,
    /// Whether the request names its gas limit.
    pub(crate) names_gas: bool,
    /// Whether the request names its sender.
    pub(crate) names_sender: bool,
}

impl Call {
    /// Checks a request and fills in what it leaves open.
    pub(crate) fn new(
        request: &TransactionRequest,
        chain_id: u64,
        rules: &Rules,
        gas_max: u64,
    ) -> Result<Self, CallError> {
        let wrong = |rule: &str| Err(CallError::Request(rule.into()));
        if request.blob_versioned_hashes.is_some() || request.max_fee_per_blob_gas.is_some() {
            return Err(Rejection::BlobsUnsupported.into());
        }
        if let Some(found) = request.chain_id.filter(|found| *found != chain_id) {
            return Err(Rejection::WrongChain { found: Some(found), expected: chain_id }.into());
        }
        let (gas_price, gas_priority_fee) = fees(request, rules)?;
        let authorizations = request.authorization_list.clone();
        let kind = request.to.unwrap_or(TxKind::Create);
        if authorizations.is_some() && kind.is_create() {
            return wrong("an EIP-7702 transaction needs a recipient: set to");
        }
        if authorizations.as_ref().is_some_and(|list| list.is_empty()) {
            return Err(Rejection::AuthorizationListEmpty.into());
        }
        let tx_type = if authorizations.is_some() {
            TransactionType::Eip7702
        } else if gas_priority_fee.is_some() {
            TransactionType::Eip1559
        } else if request.access_list.is_some() {
            TransactionType::Eip2930
        } else {
            TransactionType::Legacy
        };
        let Ok(data) = request.input.clone().try_into_unique_input() else {
            return wrong("input and data are both given and differ: send one of them");
        };
        let tx = TxEnv {
            tx_type: tx_type as u8,
            caller: request.from.unwrap_or_default(),
            gas_limit: request.gas.unwrap_or(gas_max).min(gas_max),
            gas_price,
            kind,
            value: request.value.unwrap_or_default(),
            data: data.unwrap_or_default(),
            nonce: request.nonce.unwrap_or_default(),
            chain_id: Some(chain_id),
            access_list: request.access_list.clone().unwrap_or_default(),
            gas_priority_fee,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: authorizations.into_iter().flatten().map(Either::Left).collect(),
        };
        Ok(Self { tx, names_gas: request.gas.is_some(), names_sender: request.from.is_some() })
    }

    /// Most gas that the sender can pay for, where the request offers a price.
    pub(crate) fn affordable_gas(&self, balance: U256) -> Result<Option<u64>, Rejection> {
        let (sender, cost) = (self.tx.caller, self.tx.value);
        let Some(left) = balance.checked_sub(cost) else {
            return Err(Rejection::InsufficientFunds { sender, cost, balance });
        };
        let gas = left.checked_div(U256::from(self.tx.gas_price));
        Ok(gas.map(|gas| u64::try_from(gas).unwrap_or(u64::MAX)))
    }

    /// Lets the machine run it: no signature, any nonce, and no base fee where none is offered.
    pub(crate) fn relax<I>(&self, machine: &mut Machine<'_, I>) {
        let cfg = &mut machine.ctx.cfg;
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        if self.tx.gas_price == 0 {
            cfg.disable_base_fee = true;
            machine.ctx.block.basefee = 0;
        }
    }
}

/// Gas price (or fee cap) and priority fee.
fn fees(request: &TransactionRequest, rules: &Rules) -> Result<(u128, Option<u128>), CallError> {
    let (price, max_fee, tip) = (request.gas_price, request.max_fee_per_gas, request.max_priority_fee_per_gas);
    if price.is_some() && (max_fee.is_some() || tip.is_some()) {
        return Err(CallError::Request(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified: choose one kind".into(),
        ));
    }
    if max_fee.is_none() && tip.is_none() {
        // EIP-7702 transactions carry EIP-1559 fees.
        let is_7702 = request.authorization_list.is_some();
        return Ok((price.unwrap_or_default(), is_7702.then_some(0)));
    }
    let tip = tip.unwrap_or_default();
    let max_fee = max_fee.unwrap_or_else(|| tip.saturating_add(u128::from(rules.base_fee_wei)));
    if tip > max_fee {
        return Err(Rejection::PriorityFeeAboveMaxFee { max_priority_fee_wei: tip, max_fee_wei: max_fee }.into());
    }
    Ok((max_fee, Some(tip)))
}

/// The verdict of the machine about an unsigned transaction, in the ledger's own terms.
pub(crate) fn rejection(invalid: &InvalidTransaction, tx: &TxEnv, block: &EvmBlock) -> Rejection {
    let gas_limit = tx.gas_limit;
    match invalid {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            Rejection::InsufficientFunds { sender: tx.caller, cost: **fee, balance: **balance }
        }
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            Rejection::IntrinsicGas { gas_limit: *gas_limit, gas_required: *initial_gas }
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            Rejection::IntrinsicGas { gas_limit: *gas_limit, gas_required: *gas_floor }
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            Rejection::FeeTooLow { max_fee_wei: tx.gas_price, base_fee_wei: block.basefee }
        }
        InvalidTransaction::OverflowPaymentInTransaction => {
            Rejection::FeeOutOfRange { gas_limit, max_fee_wei: tx.gas_price }
        }
        InvalidTransaction::CreateInitCodeSizeLimit => Rejection::InitCodeTooLarge {
            bytes: tx.data.len() as u64,
            bytes_max: revm::primitives::eip3860::MAX_INITCODE_SIZE as u64,
        },
        other => Rejection::Invalid { reason: other.to_string() },
    }
}

/// What a caller pretends of the block.
#[derive(Clone, Debug, Default)]
pub(crate) struct PretendedBlock {
    height: Option<U256>,
    timestamp_seconds: Option<u64>,
    gas_limit: Option<u64>,
    base_fee_wei: Option<u64>,
    difficulty: Option<U256>,
    beneficiary: Option<Address>,
    prev_randao: Option<B256>,
    hashes: BTreeMap<u64, B256>,
}

impl PretendedBlock {
    pub(crate) fn new(overrides: Option<&BlockOverrides>) -> Result<Self, CallError> {
        let Some(overrides) = overrides else { return Ok(Self::default()) };
        let wrong = |rule: &str| Err(CallError::Request(format!("block override: {rule}")));
        if overrides.blob_base_fee.is_some() || overrides.beacon_root.is_some() {
            return wrong("this chain has neither blobs nor a beacon chain: leave blobBaseFee and beaconRoot out");
        }
        let base_fee_wei = match overrides.base_fee.map(u64::try_from) {
            Some(Err(_)) => return wrong("baseFee does not fit 64 bits: lower it"),
            Some(Ok(base_fee_wei)) => Some(base_fee_wei),
            None => None,
        };
        Ok(Self {
            height: overrides.number,
            timestamp_seconds: overrides.time,
            gas_limit: overrides.gas_limit,
            base_fee_wei,
            difficulty: overrides.difficulty,
            beneficiary: overrides.coinbase,
            prev_randao: overrides.random,
            hashes: overrides.block_hash.clone().unwrap_or_default(),
        })
    }

    /// Applies what is pretended to a machine that was made for `env`.
    pub(crate) fn apply(&self, machine: &mut Machine<'_>, env: &BlockEnv) {
        let block = &mut machine.ctx.block;
        block.number = self.height.unwrap_or(block.number);
        block.gas_limit = self.gas_limit.unwrap_or(block.gas_limit);
        block.basefee = self.base_fee_wei.unwrap_or(block.basefee);
        block.difficulty = self.difficulty.unwrap_or(block.difficulty);
        block.beneficiary = self.beneficiary.unwrap_or(block.beneficiary);
        block.prevrandao = self.prev_randao.or(block.prevrandao);
        let ledger = &mut machine.ctx.chain;
        ledger.height = u64::try_from(block.number).unwrap_or(env.height);
        if let Some(seconds) = self.timestamp_seconds {
            block.timestamp = U256::from(seconds);
            ledger.timestamp_ms = seconds.saturating_mul(1_000);
        }
        machine.ctx.journaled_state.database.pretend_hashes(self.hashes.clone());
    }
}
