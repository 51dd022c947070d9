//! A block applied to a state: the same transactions in the same order give the same bytes on every machine.
//!
//! **Lanes.** Every block keeps a part of its gas, bytes and places for payments ([`lane`]): all
//! other transactions together may use only what `payment_lane_gas` leaves, in the same proportion for bytes and
//! places. It is a rule of validity, not a habit of leaders, so no proposer can fill a block with contract traffic.
//!
//! **Quota.** After each transaction the gas that it used is added to its sender's account of the period, in the state.
//! Before it, the gas limit must fit into what is left.

use alloy_consensus::{Transaction as _, proofs::calculate_receipt_root};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::{Bloom, KECCAK256_EMPTY};
use florin_modules::{CallEnv, Context as ModuleContext, Storage, governance, permission, staking};
use florin_types::{
    Account, Address, B256, Changeset, Height, ReceiptEnvelope, Rules, StateFault, StateView, TX_BYTES_MAX, TxEnvelope,
    U256, VerifiedTx,
};
use revm::context::JournalTr as _;

use crate::{
    BlockEnv, Lane, Rejection,
    check::{Accounts, CheckError, NonceRule, check_form, check_sender},
    hints::Hints,
    machine::{
        Ledger, Machine, Present, ViewFault, history_slot, machine, reserve, run_system, take_changes, transact, tx_env,
    },
    receipts::Receipts,
};

/// Least gas of any transaction: a block with less left is full.
const TRANSACTION_GAS_MIN: u64 = 21_000;
/// Most candidates that a leader looks at although they do not fit into the block.
const MISSES_MAX: u32 = 4_096;

/// The outcome of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// What changed.
    pub changeset: Changeset,
    /// One receipt a transaction, in order.
    pub receipts: Vec<ReceiptEnvelope>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Root of the receipts' trie.
    pub receipts_root: B256,
    /// Union of the receipts' blooms.
    pub logs_bloom: Bloom,
}

/// Why a block has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// A transaction of the block must not be in it: the block is invalid for ever.
    #[error("transaction {index} of block {height} is invalid: {rejection}")]
    Invalid {
        /// Height of the block.
        height: Height,
        /// Position in the block.
        index: usize,
        /// Why.
        rejection: Rejection,
    },
    /// This machine's state cannot be read.
    #[error(transparent)]
    Fault(#[from] StateFault),
}

/// Where a leader's transactions come from: payments first, best first within each lane, nonces of one sender rising.
pub trait Candidates {
    /// The next transaction.
    fn next(&mut self) -> Option<VerifiedTx>;
    /// This transaction was taken, and used so much gas.
    fn taken(&mut self, tx: &VerifiedTx, gas_used: u64);
    /// This transaction was not taken; [`Rejection::disposition`] tells whether to keep it.
    fn rejected(&mut self, tx: &VerifiedTx, rejection: &Rejection);
}

/// Executes the transactions of a block, as every validator does before it votes.
pub fn execute(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    txs: &[VerifiedTx],
) -> Result<Executed, ExecuteError> {
    Hints::of(txs).fetch(view);
    let mut run = BlockRun::begin(view, chain_id, rules, env, txs.len())?;
    for (index, tx) in txs.iter().enumerate() {
        run.apply(tx).map_err(|error| match error {
            CheckError::Rejected(rejection) => ExecuteError::Invalid { height: env.height, index, rejection },
            CheckError::Fault(fault) => ExecuteError::Fault(fault),
        })?;
    }
    Ok(run.finish())
}

/// Fills a block from `candidates`, as its leader does. What it gives is what [`execute`] gives for the same
/// transactions.
pub fn build(
    view: &dyn StateView,
    chain_id: u64,
    rules: &Rules,
    env: &BlockEnv,
    candidates: &mut dyn Candidates,
) -> Result<(Vec<VerifiedTx>, Executed), StateFault> {
    let mut run = BlockRun::begin(view, chain_id, rules, env, 0)?;
    let mut taken = Vec::new();
    let mut misses = 0u32;
    while !run.budget.is_full() && misses < MISSES_MAX {
        let Some(tx) = candidates.next() else { break };
        let applied = run.lane_of(&tx).and_then(|lane| {
            // Not before: what has no room would be fetched for nothing, block after block.
            Hints::of(std::slice::from_ref(&tx)).fetch(view);
            run.apply_in(lane, &tx)
        });
        match applied {
            Ok(gas_used) => {
                candidates.taken(&tx, gas_used);
                taken.push(tx);
            }
            Err(CheckError::Rejected(rejection)) => {
                if rejection.is_for_want_of_room() {
                    misses = misses.saturating_add(1);
                }
                candidates.rejected(&tx, &rejection);
            }
            Err(CheckError::Fault(fault)) => return Err(fault),
        }
    }
    Ok((taken, run.finish()))
}

/// Which lane a transaction uses: that of payments if it is a transfer of a token's units
/// ([`florin_modules::is_payment`]) and nothing about it is larger than a transfer needs.
pub fn lane(tx: &TxEnvelope, rules: &Rules) -> Lane {
    match tx.to() {
        Some(to) if is_light(tx, rules) && florin_modules::is_payment(to, tx.input()) => Lane::Payment,
        _ => Lane::General,
    }
}

/// Whether a transaction brings little beside its input: a payment with native value, with kilobytes of access list or
/// with authorizations would bring general traffic into the payment lane, and one with a high gas limit would keep the
/// lane's gas from others.
fn is_light(tx: &TxEnvelope, rules: &Rules) -> bool {
    let access_list_bytes = tx.access_list().into_iter().flat_map(|list| list.iter()).fold(0usize, |sum, item| {
        let keys = item.storage_keys.len().saturating_mul(B256::len_bytes());
        sum.saturating_add(Address::len_bytes()).saturating_add(keys)
    });
    tx.value().is_zero()
        && tx.gas_limit() <= rules.payment_gas_max
        && tx.authorization_list().is_none()
        && access_list_bytes <= florin_modules::PAYMENT_INPUT_BYTES_MAX
}

/// Address of the contract that this transaction creates, if it creates one.
pub fn contract_address(tx: &TxEnvelope, sender: Address) -> Option<Address> {
    tx.kind().is_create().then(|| sender.create(tx.nonce()))
}

/// Price of a unit of gas that the sender pays in a block of this base fee, in wei.
pub fn effective_gas_price(tx: &TxEnvelope, base_fee_wei: u64) -> u128 {
    tx.effective_gas_price(Some(base_fee_wei))
}

/// A block on its way.
pub(crate) struct BlockRun<'a> {
    pub(crate) machine: Machine<'a>,
    rules: &'a Rules,
    height: Height,
    budget: Budget,
    receipts: Receipts,
}

impl<'a> BlockRun<'a> {
    /// Sets up the machine and writes the parent's hash to the history contract (EIP-2935).
    pub(crate) fn begin(
        view: &'a dyn StateView,
        chain_id: u64,
        rules: &'a Rules,
        env: &BlockEnv,
        count: usize,
    ) -> Result<Self, StateFault> {
        Hints::block(env.height).fetch(view);
        let mut machine = machine(view, chain_id, rules, env);
        reserve(&mut machine, count);
        store_parent_hash(&mut machine, env)?;
        begin_committee(&mut machine, env)?;
        Ok(Self {
            machine,
            rules,
            height: env.height,
            budget: Budget::new(rules),
            receipts: Receipts::with_capacity(count),
        })
    }

    /// Checks and executes one transaction and gives the gas that it used; what is rejected leaves no trace.
    pub(crate) fn apply(&mut self, tx: &VerifiedTx) -> Result<u64, CheckError> {
        let lane = self.lane_of(tx)?;
        self.apply_in(lane, tx)
    }

    /// The lane in which a well-formed transaction finds room. Nothing is read for it.
    fn lane_of(&self, tx: &VerifiedTx) -> Result<Lane, CheckError> {
        let context = &self.machine.ctx;
        check_form(tx, context.chain.chain_id, self.rules, &context.cfg.gas_params)?;
        let lane = lane(tx.tx(), self.rules);
        self.budget.check(self.height, lane, tx)?;
        Ok(lane)
    }

    fn apply_in(&mut self, lane: Lane, tx: &VerifiedTx) -> Result<u64, CheckError> {
        let context = &mut self.machine.ctx;
        let env = context.chain.reader();
        check_sender(tx, env, &mut Present(context), NonceRule::Next)?;
        let result = transact(&mut self.machine, tx_env(tx))?
            .map_err(|invalid| Rejection::Invalid { reason: invalid.to_string() })?;
        #[cfg(feature = "planted")]
        crate::planted::after(&mut self.machine, tx)?;
        let gas_used = result.tx_gas_used();
        charge_quota(&mut self.machine, tx.sender(), gas_used)?;
        self.budget.spend(lane, tx, gas_used);
        self.receipts.push(tx.tx().tx_type(), result);
        Ok(gas_used)
    }

    /// The outcome of what was applied.
    pub(crate) fn finish(mut self) -> Executed {
        let changeset = take_changes(&mut self.machine);
        let (receipts, gas_used, logs_bloom) = self.receipts.finish();
        let receipts_root = calculate_receipt_root(&receipts);
        Executed { changeset, receipts, gas_used, receipts_root, logs_bloom }
    }
}

/// Writes the parent's hash where contracts and `BLOCKHASH` find it. EIP-2935 allows to write the slot directly
/// instead of calling the contract; both give the same state. Without the contract nothing happens.
fn store_parent_hash(machine: &mut Machine<'_>, env: &BlockEnv) -> Result<(), StateFault> {
    let Some(parent_height) = env.height.checked_sub(1) else { return Ok(()) };
    let account = Present(&mut machine.ctx).account(HISTORY_STORAGE_ADDRESS)?;
    if account.code_hash == KECCAK256_EMPTY {
        return Ok(());
    }
    let journal = &mut machine.ctx.journaled_state;
    let slot = history_slot(parent_height);
    journal.load_account(HISTORY_STORAGE_ADDRESS).map_err(|ViewFault(fault)| fault)?;
    journal
        .sstore(HISTORY_STORAGE_ADDRESS, slot, U256::from_be_bytes(env.parent_hash.0))
        .map_err(|ViewFault(fault)| fault)?;
    journal.commit_tx();
    Ok(())
}

/// What a committee that changes needs before the first transaction: who leads the block, for who leads is there; and before
/// block 1 the hash of its parent, which every vote names; and where bonds elect, an election an epoch. Nothing where nobody leads, as in a simulation of a call.
fn begin_committee(machine: &mut Machine<'_>, env: &BlockEnv) -> Result<(), StateFault> {
    if env.leader.is_zero() {
        return Ok(());
    }
    let call = CallEnv { is_static: false, ..machine.ctx.chain.reader() };
    run_system(machine, |storage| {
        let mut context = ModuleContext::new(call, storage);
        governance::committee::led(&mut context, env.leader)?;
        governance::punishment::note_genesis(&mut context, env.parent_hash)?;
        staking::elect(&mut context)
    })
}

pub(crate) fn charge_quota(machine: &mut Machine<'_>, sender: Address, gas_used: u64) -> Result<(), StateFault> {
    let Ledger { rules, .. } = machine.ctx.chain;
    if rules.gas_quota.is_none() {
        return Ok(());
    }
    let env = CallEnv { is_static: false, ..machine.ctx.chain.reader() };
    run_system(machine, |storage| permission::quota::charge(&mut ModuleContext::new(env, storage), sender, gas_used))
}

impl Accounts for Present<'_, '_> {
    fn account(&mut self, address: Address) -> Result<Account, StateFault> {
        Present::account(self, address)
    }

    fn is_delegated(&mut self, address: Address, code_hash: B256) -> Result<bool, StateFault> {
        Ok(self.code(address, code_hash)?.is_eip7702())
    }

    fn storage(&mut self) -> &mut dyn Storage {
        self
    }
}

/// What is left of a block.
struct Budget {
    all: Room,
    general: Room,
}

/// Gas, bytes and places.
#[derive(Clone, Copy)]
struct Room {
    gas: u64,
    bytes: u64,
    places: u64,
}

impl Room {
    fn spend(&mut self, gas: u64, bytes: u64) {
        self.gas = self.gas.saturating_sub(gas);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.places = self.places.saturating_sub(1);
    }
}

impl Budget {
    /// The general part of bytes and places stands in the same proportion as that of gas. One transaction of any size
    /// always fits.
    fn new(rules: &Rules) -> Self {
        let all = Room { gas: rules.block_gas_max, bytes: rules.block_bytes_max, places: rules.block_transactions_max };
        let general_gas = rules.block_gas_max.saturating_sub(rules.payment_lane_gas);
        let share = |whole: u64| {
            let part = u128::from(whole).saturating_mul(u128::from(general_gas));
            u64::try_from(part.checked_div(u128::from(rules.block_gas_max)).unwrap_or_default()).unwrap_or(whole)
        };
        let general = Room {
            gas: general_gas,
            bytes: share(all.bytes).max(TX_BYTES_MAX as u64).min(all.bytes),
            places: share(all.places).max(1),
        };
        Self { all, general }
    }

    fn room(&self, lane: Lane) -> Room {
        match lane {
            Lane::Payment => self.all,
            Lane::General => Room {
                gas: self.general.gas.min(self.all.gas),
                bytes: self.general.bytes.min(self.all.bytes),
                places: self.general.places.min(self.all.places),
            },
        }
    }

    fn is_full(&self) -> bool {
        self.all.gas < TRANSACTION_GAS_MIN || self.all.places == 0
    }

    fn check(&self, height: Height, lane: Lane, tx: &VerifiedTx) -> Result<(), Rejection> {
        let room = self.room(lane);
        let (gas_limit, bytes) = (tx.tx().gas_limit(), tx.encoded().len() as u64);
        if room.places == 0 {
            return Err(Rejection::BlockTransactions { height, lane });
        }
        if gas_limit > room.gas {
            return Err(Rejection::BlockGas { height, lane, gas_left: room.gas, gas_limit });
        }
        if bytes > room.bytes {
            return Err(Rejection::BlockBytes { height, lane, bytes_left: room.bytes, bytes });
        }
        Ok(())
    }

    fn spend(&mut self, lane: Lane, tx: &VerifiedTx, gas_used: u64) {
        let bytes = tx.encoded().len() as u64;
        self.all.spend(gas_used, bytes);
        if lane == Lane::General {
            self.general.spend(gas_used, bytes);
        }
    }
}
