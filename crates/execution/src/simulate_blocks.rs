//! `eth_simulateV1`: blocks of transactions that nobody signed, one on top of the other, of which nothing is kept.
//!
//! The blocks look like the ledger's: a header that commits to transactions and receipts, and hashes of their own. Their
//! state root is zero, because nothing is put into the store. All blocks together have the gas of one simulation.

use alloy_consensus::{
    Header, SignableTransaction as _, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Signature, TxKind};
use florin_types::{
    Address, B256, Block, BlockError, Bytes, Changeset, Extension, Height, ReceiptEnvelope, Rules, StateFault,
    StateView, TxEnvelope, U256,
};
use revm::context::{
    TransactionType, TxEnv,
    result::{ExecutionResult, InvalidTransaction},
};
use revm_inspectors::transfer::TransferInspector;
use std::collections::BTreeMap;

use crate::{
    BlockEnv, BlockOverrides, CallError, CallLimits, CallOutcome, Overrides, Rejection, TransactionRequest,
    block::determined_header,
    machine::{Present, changes, inspect, take_changes, transact},
    overlay::Overlay,
    receipts::Receipts,
    request::rejection,
    simulate::{Simulation, not_stopped, outcome},
};

/// Blocks of one simulation, empty ones between them included. Source: execution-apis, the reach of `BLOCKHASH`.
pub const SIMULATED_BLOCKS_MAX: u64 = 256;

/// A block that is to be simulated.
#[derive(Clone, Debug, Default)]
pub struct BlockRequest {
    /// What is pretended from this block on (state) and in it (block).
    pub overrides: Overrides,
    /// Its transactions, in order.
    pub calls: Vec<TransactionRequest>,
}

/// How blocks are simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimulateOptions {
    /// Transfers of native units appear as events of a token at `0xeeee…ee`.
    pub trace_transfers: bool,
    /// Nonces and fees are held to the rules. Without it everything goes that `eth_call` lets go.
    pub validation: bool,
}

/// A block that was simulated.
#[derive(Clone, Debug)]
pub struct SimulatedBlock {
    /// The block. Its transactions have signatures of zeros.
    pub block: Block,
    /// Its receipts.
    pub receipts: Vec<ReceiptEnvelope>,
    /// The senders of its transactions.
    pub senders: Vec<Address>,
    /// How its transactions ended.
    pub outcomes: Vec<CallOutcome>,
}

/// Why a transaction cannot stand in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its nonce was used.
    NonceTooLow,
    /// A nonce before its own is missing.
    NonceTooHigh,
    /// It offers less than the base fee.
    FeeTooLow,
    /// Its gas limit is below what it costs before it runs.
    IntrinsicGas,
    /// Its sender cannot pay.
    InsufficientFunds,
    /// Its init code is too long.
    InitCodeTooLarge,
    /// Anything else.
    Invalid,
}

/// Why there are no blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// Blocks do not rise.
    #[error("block number {number} is not above {previous}, the block before it: raise it")]
    Number {
        /// Number that was asked for.
        number: U256,
        /// The block before.
        previous: Height,
    },
    /// Time goes back.
    #[error("time {seconds} of block {number} is before {previous}, the time of the block before it: raise it")]
    Time {
        /// Block.
        number: Height,
        /// Time that was asked for, in seconds.
        seconds: u64,
        /// Time of the block before, in seconds.
        previous: u64,
    },
    /// More blocks than one simulation may have.
    #[error("more than {SIMULATED_BLOCKS_MAX} blocks, empty ones between them included: simulate in parts")]
    Blocks,
    /// The block has less gas left.
    #[error("call {index} of block {number} asks for {gas} gas, {gas_left} is left in the block: lower it")]
    BlockGas {
        /// Block.
        number: Height,
        /// Place of the call in the block.
        index: usize,
        /// Gas that it asks for.
        gas: u64,
        /// Gas that is left.
        gas_left: u64,
    },
    /// A call cannot stand in its block.
    #[error("call {index} of block {number}: {rejection}")]
    Refused {
        /// Block.
        number: Height,
        /// Place of the call in the block.
        index: usize,
        /// Which rule.
        refusal: Refusal,
        /// The rule in words.
        rejection: Rejection,
    },
    /// A call cannot be run.
    #[error("call {index} of block {number}: {error}")]
    Call {
        /// Block.
        number: Height,
        /// Place of the call in the block.
        index: usize,
        /// Why.
        error: CallError,
    },
    /// What a block pretends cannot be.
    #[error(transparent)]
    Overrides(#[from] CallError),
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// Simulates blocks after `parent`, on its state.
pub fn simulate_blocks(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    parent: &Block,
    requests: &[BlockRequest],
    options: SimulateOptions,
    limits: &CallLimits,
) -> Result<Vec<SimulatedBlock>, SimulateError> {
    let mut run = Run {
        overlay: Overlay::new(view, Changeset::default()),
        chain_id,
        rules,
        options,
        limits,
        gas_left: limits.gas_max,
        height: parent.height(),
        hash: parent.hash(),
        time_seconds: parent.header().timestamp,
        hashes: [(parent.height(), parent.hash())].into(),
    };
    let mut blocks = Vec::new();
    for request in requests {
        let number = run.number(request, parent.height())?;
        // Numbers that are left out are empty blocks.
        while run.height.saturating_add(1) < number {
            blocks.push(run.block(&BlockRequest::default())?);
        }
        blocks.push(run.block(request)?);
    }
    Ok(blocks)
}

/// What the next block stands on.
struct Run<'a> {
    overlay: Overlay<'a>,
    chain_id: u64,
    rules: &'a Rules,
    options: SimulateOptions,
    limits: &'a CallLimits,
    gas_left: u64,
    height: Height,
    hash: B256,
    time_seconds: u64,
    /// Hashes of the blocks before, for `BLOCKHASH`.
    hashes: BTreeMap<u64, B256>,
}

impl Run<'_> {
    /// Number of a block: the next one, or a later one that is asked for.
    fn number(&self, request: &BlockRequest, first: Height) -> Result<Height, SimulateError> {
        let asked = request.overrides.block.as_ref().and_then(|block| block.number);
        let next = self.height.saturating_add(1);
        let number = asked.map_or(Ok(next), |number| u64::try_from(number).map_err(|_| SimulateError::Blocks))?;
        if number < next {
            return Err(SimulateError::Number { number: U256::from(number), previous: self.height });
        }
        if number.saturating_sub(first) > SIMULATED_BLOCKS_MAX {
            return Err(SimulateError::Blocks);
        }
        Ok(number)
    }

    /// Time of the next block, in seconds.
    fn time(&self, asked: Option<u64>, number: Height) -> Result<u64, SimulateError> {
        let seconds = asked.unwrap_or(self.time_seconds.saturating_add(1));
        if seconds < self.time_seconds {
            return Err(SimulateError::Time { number, seconds, previous: self.time_seconds });
        }
        Ok(seconds)
    }

    fn block(&mut self, request: &BlockRequest) -> Result<SimulatedBlock, SimulateError> {
        let number = self.height.saturating_add(1);
        let mut pretended = request.overrides.block.as_deref().cloned().unwrap_or_default();
        let seconds = self.time(pretended.time, number)?;
        let env = BlockEnv::new(number, self.hash, seconds.saturating_mul(1_000));
        pretended.number = Some(U256::from(number));
        pretended.time = Some(seconds);
        let mut hashes = self.hashes.clone();
        hashes.extend(pretended.block_hash.take().unwrap_or_default());
        pretended.block_hash = Some(hashes);
        self.overlay.lay(request.overrides.state.as_ref())?;
        let overrides = Overrides { state: None, block: Some(Box::new(pretended.clone())) };
        let header = self.header(&env, &pretended);
        let mut content = Content::default();
        for (index, call) in request.calls.iter().enumerate() {
            self.call(&env, &header, &overrides, call, index, &mut content)?;
        }
        let simulated = content.seal(header, &env).map_err(|error| StateFault(error.to_string()))?;
        (self.height, self.hash, self.time_seconds) = (number, simulated.block.hash(), seconds);
        self.hashes.insert(number, self.hash);
        Ok(simulated)
    }

    /// The header as far as it does not depend on what runs.
    fn header(&self, env: &BlockEnv, pretended: &BlockOverrides) -> Header {
        let template = determined_header(env, self.rules);
        // As in eth_call, gas costs nothing unless somebody says what it costs.
        let base_fee = if self.options.validation { template.base_fee_per_gas } else { Some(0) };
        let asked = pretended.base_fee.map(|fee| u64::try_from(fee).unwrap_or(u64::MAX));
        Header {
            gas_limit: pretended.gas_limit.unwrap_or(template.gas_limit),
            base_fee_per_gas: asked.or(base_fee),
            beneficiary: pretended.coinbase.unwrap_or(template.beneficiary),
            mix_hash: pretended.random.unwrap_or(template.mix_hash),
            difficulty: pretended.difficulty.unwrap_or(template.difficulty),
            ..template
        }
    }

    /// Runs one call and keeps what it did for those after it.
    fn call(
        &mut self,
        env: &BlockEnv,
        header: &Header,
        overrides: &Overrides,
        request: &TransactionRequest,
        index: usize,
        content: &mut Content,
    ) -> Result<(), SimulateError> {
        let number = env.height;
        let in_block = header.gas_limit.saturating_sub(content.gas_used);
        if let Some(gas) = request.gas.filter(|gas| *gas > in_block) {
            return Err(SimulateError::BlockGas { number, index, gas, gas_left: in_block });
        }
        let limits = CallLimits { gas_max: in_block.min(self.gas_left), stop: self.limits.stop.clone() };
        let wrong = |error| SimulateError::Call { number, index, error };
        let simulation = Simulation::new(&self.overlay, self.chain_id, self.rules, env, request, overrides, &limits);
        let mut simulation = simulation.map_err(wrong)?;
        simulation.machine.ctx.block.basefee = header.base_fee_per_gas.unwrap_or_default();
        if self.options.validation {
            simulation.machine.ctx.cfg.disable_nonce_check = false;
            simulation.machine.ctx.cfg.disable_base_fee = false;
        } else if simulation.call.tx.gas_price == 0 {
            simulation.machine.ctx.block.basefee = 0;
        }
        if request.nonce.is_none() {
            let sender = simulation.call.tx.caller;
            simulation.call.tx.nonce = Present(&mut simulation.machine.ctx).account(sender)?.nonce;
        }
        simulation.afford().map_err(wrong)?;
        let tx = simulation.call.tx.clone();
        let (result, changed) = self.run(simulation, number, index)?;
        self.overlay.extend(changed);
        self.gas_left = self.gas_left.saturating_sub(result.tx_gas_used());
        content.push(&tx, result);
        Ok(())
    }

    fn run(
        &self,
        simulation: Simulation<'_>,
        number: Height,
        index: usize,
    ) -> Result<(ExecutionResult, Changeset), SimulateError> {
        let Simulation { mut machine, call } = simulation;
        let stopped = |error| SimulateError::Call { number, index, error };
        let (machine, outcome, changed) = if self.options.trace_transfers {
            let mut inspector = TransferInspector::new(false).with_logs(true);
            let (machine, outcome, state) = inspect(machine, call.tx.clone(), &mut inspector);
            let changed = changes(&state, &machine.ctx.journaled_state.database);
            (machine, outcome, changed)
        } else {
            let outcome = transact(&mut machine, call.tx.clone());
            let changed = take_changes(&mut machine);
            (machine, outcome, changed)
        };
        not_stopped(&machine).map_err(stopped)?;
        let refused = |invalid: InvalidTransaction| SimulateError::Refused {
            number,
            index,
            refusal: refusal(&invalid),
            rejection: rejection(&invalid, &call.tx, &machine.ctx.block),
        };
        let outcome = outcome.map_err(|fault| match self.overlay.blame(CallError::Fault(fault)) {
            CallError::Fault(fault) => SimulateError::Fault(fault),
            error => stopped(error),
        })?;
        Ok((outcome.map_err(refused)?, changed))
    }
}

fn refusal(invalid: &InvalidTransaction) -> Refusal {
    match invalid {
        InvalidTransaction::NonceTooLow { .. } => Refusal::NonceTooLow,
        InvalidTransaction::NonceTooHigh { .. } => Refusal::NonceTooHigh,
        InvalidTransaction::GasPriceLessThanBasefee => Refusal::FeeTooLow,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
        | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => Refusal::IntrinsicGas,
        InvalidTransaction::LackOfFundForMaxFee { .. } => Refusal::InsufficientFunds,
        InvalidTransaction::CreateInitCodeSizeLimit => Refusal::InitCodeTooLarge,
        _ => Refusal::Invalid,
    }
}

/// What a block holds so far.
#[derive(Default)]
struct Content {
    transactions: Vec<TxEnvelope>,
    senders: Vec<Address>,
    outcomes: Vec<CallOutcome>,
    receipts: Receipts,
    gas_used: u64,
}

impl Content {
    fn push(&mut self, tx: &TxEnv, result: ExecutionResult) {
        let transaction = envelope(tx);
        self.gas_used = self.gas_used.saturating_add(result.tx_gas_used());
        self.receipts.push(transaction.tx_type(), result.clone());
        self.transactions.push(transaction);
        self.senders.push(tx.caller);
        self.outcomes.push(outcome(result));
    }

    fn seal(self, header: Header, env: &BlockEnv) -> Result<SimulatedBlock, BlockError> {
        let (receipts, gas_used, logs_bloom) = self.receipts.finish();
        let extension = Extension { timestamp_ms: env.timestamp_ms, ..Extension::default() };
        let header = Header {
            transactions_root: calculate_transaction_root(&self.transactions),
            receipts_root: calculate_receipt_root(&receipts),
            logs_bloom,
            gas_used,
            state_root: B256::ZERO,
            extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
            ..header
        };
        let block = Block::new(header, extension, self.transactions)?;
        Ok(SimulatedBlock { block, receipts, senders: self.senders, outcomes: self.outcomes })
    }
}

/// The transaction as it would stand in a block, had somebody signed it.
fn envelope(tx: &TxEnv) -> TxEnvelope {
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    let (chain_id, nonce, gas_limit, to, value) =
        (tx.chain_id.unwrap_or_default(), tx.nonce, tx.gas_limit, tx.kind, tx.value);
    let (input, access_list) = (tx.data.clone(), tx.access_list.clone());
    let max_priority_fee_per_gas = tx.gas_priority_fee.unwrap_or_default();
    let authorizations =
        tx.authorization_list.iter().filter_map(|authorization| authorization.as_ref().left().cloned());
    match (TransactionType::from(tx.tx_type), to) {
        (TransactionType::Eip7702, TxKind::Call(to)) => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list: authorizations.collect(),
            input,
        }
        .into_signed(unsigned)
        .into(),
        (TransactionType::Legacy, _) => {
            let gas_price = tx.gas_price;
            TxLegacy { chain_id: tx.chain_id, nonce, gas_price, gas_limit, to, value, input }
                .into_signed(unsigned)
                .into()
        }
        (TransactionType::Eip2930, _) => {
            TxEip2930 { chain_id, nonce, gas_price: tx.gas_price, gas_limit, to, value, access_list, input }
                .into_signed(unsigned)
                .into()
        }
        _ => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(unsigned)
        .into(),
    }
}
