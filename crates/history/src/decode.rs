//! A finalised block with its receipts becomes rows. No I/O.
//!
//! Only what a module of the ledger emits at its own address counts as that module's event; ERC-20's Transfer counts
//! from every emitter, since the row names its token. What cannot be decoded stays a log and becomes nothing else.

mod money;
mod registry;

use crate::record::{
    BlockRecord, DecisionRecord, LogRecord, NameKind, NameRecord, PaymentRecord, Place, SettlementRecord, Spot, Status,
    TransactionRecord, TransferRecord,
};
use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_primitives::{Address, B256, Log, U256};
use alloy_sol_types::SolEvent as _;
use florin_modules::{
    Module, channel::IChannel, escrow::IEscrow, factory::IFactory, fx::IExchange, governance::IGovernance,
    identity::IIdentity, payment::IPayment, permission::IPermission, policy::IPolicy, settlement::ISettlement,
    staking::IStaking, token::IToken, token_address, voucher::IVoucher,
};
use florin_types::{Block, Genesis, Height, ReceiptEnvelope};
use std::sync::Arc;

/// Longest text that is kept beside its log, in bytes. The token allows references of 140, governance names of seats of
/// fewer; an index of PostgreSQL takes no more than some 2,700.
pub const TEXT_BYTES_MAX: usize = 256;

/// Why a block cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Block, receipts and senders are not of each other.
    #[error("block {height} has {transactions} transactions, but there are {receipts} receipts and {senders} senders")]
    Lengths {
        /// Block.
        height: Height,
        /// Transactions in it.
        transactions: usize,
        /// Receipts that were given.
        receipts: usize,
        /// Senders that were given.
        senders: usize,
    },
    /// A transaction that nobody can have signed is in no finalised block.
    #[error("block {height}: nobody can have signed its transaction {position}")]
    Signature {
        /// Block.
        height: Height,
        /// Position of the transaction.
        position: usize,
    },
    /// More than 2^24 rows of one table.
    #[error("block {height} has more rows than a history can number")]
    Crowded {
        /// Block.
        height: Height,
    },
}

/// A finalised block as a history takes it.
#[derive(Clone, Debug)]
pub struct HistoryBlock {
    block: Arc<Block>,
    receipts: Arc<Vec<ReceiptEnvelope>>,
    senders: Arc<Vec<Address>>,
}

impl HistoryBlock {
    /// A block with its receipts and the senders of its transactions, each in the order of the transactions.
    pub fn new(
        block: Arc<Block>,
        receipts: Arc<Vec<ReceiptEnvelope>>,
        senders: Arc<Vec<Address>>,
    ) -> Result<Self, DecodeError> {
        let transactions = block.transactions().len();
        if receipts.len() != transactions || senders.len() != transactions {
            let (receipts, senders) = (receipts.len(), senders.len());
            return Err(DecodeError::Lengths { height: block.height(), transactions, receipts, senders });
        }
        Ok(Self { block, receipts, senders })
    }

    /// The same with the senders from the signatures, which takes some 40 us a transaction.
    pub fn recovered(block: Arc<Block>, receipts: Arc<Vec<ReceiptEnvelope>>) -> Result<Self, DecodeError> {
        let senders = block.transactions().iter().enumerate().map(|(position, tx)| {
            tx.recover_signer().map_err(|_| DecodeError::Signature { height: block.height(), position })
        });
        let senders = senders.collect::<Result<Vec<_>, _>>()?;
        Self::new(block, receipts, Arc::new(senders))
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.block
    }
}

/// Everything that a block says, in the order of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The block itself.
    pub block: BlockRecord,
    /// Hash of the block before it.
    pub parent_hash: B256,
    /// Its transactions.
    pub transactions: Vec<TransactionRecord>,
    /// Its logs.
    pub logs: Vec<LogRecord>,
    /// Units that moved.
    pub transfers: Vec<TransferRecord>,
    /// What happened to payments.
    pub payments: Vec<PaymentEvent>,
    /// Decisions of policies and steps of the travel rule.
    pub decisions: Vec<DecisionRecord>,
    /// Events of the settlement module.
    pub settlement: Vec<SettlementRecord>,
    /// Names that came, changed or went.
    pub names: Vec<NameChange>,
}

/// Something that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentEvent {
    /// Where and when.
    pub spot: Spot,
    /// Who pays.
    pub payer: Address,
    /// UETR.
    pub uetr: B256,
    /// What happened.
    pub step: PaymentStep,
}

/// What can happen to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentStep {
    /// It was ordered, as this row says.
    Ordered(Box<PaymentRecord>),
    /// Its units were put on hold.
    Reserved {
        /// Until when.
        expiry_ms: u64,
        /// Who may post it; absent where the payee does.
        poster: Option<Address>,
    },
    /// It waits for the policy.
    Parked {
        /// Until when.
        expiry_ms: u64,
        /// The policy.
        policy: u64,
        /// The account that is not admitted, or that a rule binds.
        account: Address,
    },
    /// It was paid.
    Posted {
        /// Minor units.
        amount: U256,
    },
    /// It was given up.
    Voided {
        /// By whom.
        by: Address,
    },
    /// It ran out of time.
    Expired,
    /// Units came back.
    Returned {
        /// Minor units.
        amount: U256,
        /// Reason code.
        reason: Option<String>,
    },
}

impl PaymentStep {
    /// As it stands in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ordered(_) => "ordered",
            Self::Reserved { .. } => "reserved",
            Self::Parked { .. } => "parked",
            Self::Posted { .. } => "posted",
            Self::Voided { .. } => "voided",
            Self::Expired => "expired",
            Self::Returned { .. } => "returned",
        }
    }
}

impl PaymentRecord {
    /// What becomes of the payment through something that happened to it after it was ordered.
    pub fn apply(&mut self, event: &PaymentEvent) {
        match &event.step {
            PaymentStep::Ordered(_) => {}
            PaymentStep::Reserved { expiry_ms, .. } => {
                (self.status, self.expiry_ms) = (Status::Pending, Some(*expiry_ms));
            }
            PaymentStep::Parked { expiry_ms, .. } => (self.status, self.expiry_ms) = (Status::Parked, Some(*expiry_ms)),
            PaymentStep::Posted { amount } => (self.status, self.received) = (Status::Settled, *amount),
            PaymentStep::Voided { .. } => self.status = Status::Voided,
            PaymentStep::Expired => self.status = Status::Expired,
            PaymentStep::Returned { amount, .. } => self.returned = self.returned.saturating_add(*amount),
        }
        (self.updated_height, self.updated_ms) = (event.spot.place.height(), event.spot.time_ms);
    }
}

/// A change to what accounts are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameChange {
    /// A name, in the place of an earlier one of its kind.
    Set(NameRecord),
    /// The account has no name of this kind any more.
    Removed {
        /// Account.
        account: Address,
        /// Kind of name.
        kind: NameKind,
    },
    /// A person was registered, with this LEI.
    Person {
        /// Number of the person.
        person: u64,
        /// LEI.
        lei: String,
    },
    /// An account belongs to a person, whose LEI is its name.
    Linked {
        /// Account.
        account: Address,
        /// Number of the person.
        person: u64,
        /// Since when.
        height: Height,
    },
}

/// The names that stand from genesis: of tokens and of seats.
pub fn genesis_names(genesis: &Genesis) -> Vec<NameRecord> {
    let tokens = (1..).zip(&genesis.tokens).flat_map(|(index, token)| {
        let symbol = token.currency.symbol().to_owned();
        [(token_address(index), NameKind::Token, token.name.clone()), (token_address(index), NameKind::Symbol, symbol)]
    });
    let seats = genesis.governance.iter().flat_map(|governance| &governance.seats);
    let seats = seats.map(|seat| (seat.account, NameKind::Seat, seat.name.clone()));
    tokens
        .chain(seats)
        .map(|(account, kind, name)| NameRecord { account, kind, name: kept(&name), height: 0 })
        .collect()
}

/// What a block says.
pub fn decode(block: &HistoryBlock) -> Result<Rows, DecodeError> {
    let HistoryBlock { block, receipts, senders } = block;
    let (height, time_ms) = (block.height(), block.timestamp_ms());
    let logs = receipts.iter().map(|receipt| receipt.logs().len()).sum::<usize>();
    let mut rows = Rows {
        block: BlockRecord {
            height,
            hash: block.hash(),
            time_ms,
            transactions: count(block.transactions().len()),
            logs: count(logs),
        },
        parent_hash: block.header().parent_hash,
        transactions: Vec::with_capacity(block.transactions().len()),
        logs: Vec::with_capacity(logs),
        transfers: Vec::new(),
        payments: Vec::new(),
        decisions: Vec::new(),
        settlement: Vec::new(),
        names: Vec::new(),
    };
    let mut gas_before = 0;
    for ((tx, receipt), sender) in block.transactions().iter().zip(receipts.iter()).zip(senders.iter()) {
        let (first_log, first_transfer) = (count(rows.logs.len()), count(rows.transfers.len()));
        let place = place(height, rows.transactions.len())?;
        for log in receipt.logs() {
            let spot = Spot {
                place: self::place(height, rows.logs.len())?,
                time_ms,
                transaction: place,
                transaction_hash: *tx.tx_hash(),
            };
            rows.take(log, spot, first_transfer)?;
        }
        let input = tx.input();
        rows.transactions.push(TransactionRecord {
            place,
            time_ms,
            hash: *tx.tx_hash(),
            sender: *sender,
            recipient: tx.to(),
            nonce: tx.nonce(),
            value: tx.value(),
            selector: input.first_chunk().copied(),
            succeeded: receipt.status(),
            gas_used: receipt.cumulative_gas_used().saturating_sub(gas_before),
            first_log,
            logs: count(rows.logs.len()).saturating_sub(first_log),
            first_transfer,
            transfers: count(rows.transfers.len()).saturating_sub(first_transfer),
        });
        gas_before = receipt.cumulative_gas_used();
    }
    Ok(rows)
}

impl Rows {
    /// What one log says. Transfers of its transaction begin at `first_transfer`.
    fn take(&mut self, log: &Log, spot: Spot, first_transfer: u64) -> Result<(), DecodeError> {
        self.logs.push(LogRecord {
            spot,
            emitter: log.address,
            name: event_name(log).map(str::to_owned),
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
        });
        match Module::at(log.address) {
            Some(Module::Token(_)) | None => self.take_token(log, spot, first_transfer)?,
            Some(Module::Payment) => self.take_payment(log, spot),
            Some(Module::Policy) => self.take_policy(log, spot),
            Some(Module::Settlement) => self.take_settlement(log, spot),
            Some(Module::Factory | Module::Governance | Module::Identity) => self.take_name(log, spot.place.height()),
            Some(_) => {}
        }
        Ok(())
    }
}

/// Name of the event that a log is, where a module of the ledger or ERC-20 has one for it.
fn event_name(log: &Log) -> Option<&'static str> {
    let selector = log.topics().first()?.0;
    match Module::at(log.address) {
        None => {
            let is_known =
                selector == IToken::Transfer::SIGNATURE_HASH.0 || selector == IToken::Approval::SIGNATURE_HASH.0;
            is_known.then(|| IToken::ITokenEvents::name_by_selector(selector)).flatten()
        }
        Some(Module::Token(_)) => IToken::ITokenEvents::name_by_selector(selector),
        Some(Module::Policy) => IPolicy::IPolicyEvents::name_by_selector(selector),
        Some(Module::Permission) => IPermission::IPermissionEvents::name_by_selector(selector),
        Some(Module::Factory) => IFactory::IFactoryEvents::name_by_selector(selector),
        Some(Module::Exchange) => IExchange::IExchangeEvents::name_by_selector(selector),
        Some(Module::Escrow) => IEscrow::IEscrowEvents::name_by_selector(selector),
        Some(Module::Channel) => IChannel::IChannelEvents::name_by_selector(selector),
        Some(Module::Settlement) => ISettlement::ISettlementEvents::name_by_selector(selector),
        Some(Module::Identity) => IIdentity::IIdentityEvents::name_by_selector(selector),
        Some(Module::Payment) => IPayment::IPaymentEvents::name_by_selector(selector),
        Some(Module::Voucher) => IVoucher::IVoucherEvents::name_by_selector(selector),
        Some(Module::Governance) => IGovernance::IGovernanceEvents::name_by_selector(selector),
        Some(Module::Staking) => IStaking::IStakingEvents::name_by_selector(selector),
    }
}

fn place(height: Height, number: usize) -> Result<Place, DecodeError> {
    Place::new(height, count(number)).ok_or(DecodeError::Crowded { height })
}

/// A number of things in memory.
fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// Text as both databases keep it: PostgreSQL has no NUL, and an index takes no long text.
pub(crate) fn kept(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().map(|character| if character == '\0' { '\u{2400}' } else { character }) {
        if kept.len().saturating_add(character.len_utf8()) > TEXT_BYTES_MAX {
            break;
        }
        kept.push(character);
    }
    kept
}

/// A hash, if it is one: zero stands for what was not said.
fn said(hash: B256) -> Option<B256> {
    (!hash.is_zero()).then_some(hash)
}

/// Codes and BICs: ASCII, then zero bytes.
fn code(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| kept(text))
}
