//! What is paid: the calls that each workload is made of.

use crate::{BenchConfig, BenchError, stage::Stage};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use florin_client::{Signer, transfer_input};
use florin_modules::{
    PAYMENT_ADDRESS, SETTLEMENT_ADDRESS,
    payment::IPayment::{payBatchCall, payCall},
    settlement::ISettlement::submitCall,
    token::{BATCH_ITEMS_MAX, BatchItem},
};
use std::{fmt, str::FromStr};

sol! {
    /// The contracts in `contracts/Exchange.sol`, as far as they are called.
    interface IExchangeContracts {
        function issue(address[] calldata holders, uint256 value) external;
        function transfer(address to, uint256 value) external returns (bool);
        function approve(address spender, uint256 value) external returns (bool);
        function sync() external;
        function swap(bool firstIn, uint256 amountIn, uint256 amountOutMin) external returns (uint256 amountOut);
    }
}

/// Items of a batch in the mixed workload.
const MIXED_BATCH_ITEMS: usize = 20;
/// Minor units of an instruction in a clearing day: from this share of a bank's opening balance, in per mille, ...
const INSTRUCTION_PER_MILLE_MIN: u64 = 100;
/// ... to below this one, so that some are covered and many wait for others.
const INSTRUCTION_PER_MILLE_MAX: u64 = 700;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Payments with UETR and agents (module `payment`), each signed by its payer.
    Payments,
    /// ERC-20 transfers of a currency, as ordinary Ethereum transactions.
    Transfers,
    /// Many payments under one signature.
    Batches,
    /// Transfers of an ERC-20 contract in the EVM.
    Erc20,
    /// Swaps in a constant-product pool contract.
    Swap,
    /// Instructions of banks to gross settlement, with a queue and multilateral runs.
    Clearing,
    /// Half transfers, then payments, contract calls and small batches.
    Mixed,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Payments, Self::Transfers, Self::Batches, Self::Erc20, Self::Swap, Self::Clearing, Self::Mixed];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Transfers => "transfers",
            Self::Batches => "batches",
            Self::Erc20 => "erc20",
            Self::Swap => "swap",
            Self::Clearing => "clearing",
            Self::Mixed => "mixed",
        }
    }

    /// What transaction `index` of a run is.
    pub(crate) const fn act(self, index: usize, batch_items: usize) -> Act {
        match self {
            Self::Payments => Act::Payment,
            Self::Transfers => Act::Transfer,
            Self::Batches => Act::Batch { items: batch_items },
            Self::Erc20 => Act::CoinTransfer,
            Self::Swap => Act::Swap,
            Self::Clearing => Act::Instruction,
            Self::Mixed => match index % 10 {
                0..=4 => Act::Transfer,
                5..=7 => Act::Payment,
                8 => Act::CoinTransfer,
                _ => Act::Batch { items: MIXED_BATCH_ITEMS },
            },
        }
    }

    /// A rate that a small machine sustains: the search for the highest one begins here.
    pub(crate) const fn easy_rate_per_s(self) -> u64 {
        match self {
            Self::Batches => 40_000,
            _ => 1_500,
        }
    }

    /// Transactions after which the acts repeat.
    pub(crate) const fn period(self) -> usize {
        if matches!(self, Self::Mixed) { 10 } else { 1 }
    }

    /// Whether it pays accounts that are made for it.
    pub const fn pays_accounts(self) -> bool {
        matches!(self, Self::Payments | Self::Transfers | Self::Batches | Self::Mixed)
    }

    /// Whether it calls the contracts.
    pub(crate) const fn needs_contracts(self) -> bool {
        matches!(self, Self::Erc20 | Self::Swap | Self::Mixed)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Workload {
    type Err = BenchError;

    fn from_str(name: &str) -> Result<Self, BenchError> {
        Self::ALL.into_iter().find(|workload| workload.name() == name).ok_or_else(|| BenchError::Config {
            rule: format!("{name:?} is no workload: choose one of {}", Self::ALL.map(Self::name).join(", ")),
        })
    }
}

/// What one transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Transfer,
    Payment,
    Batch { items: usize },
    CoinTransfer,
    Swap,
    Instruction,
}

impl Act {
    /// Payments that one such transaction makes.
    pub(crate) const fn payments(self) -> u64 {
        match self {
            Self::Batch { items } => items as u64,
            _ => 1,
        }
    }
}

/// A call that one sender makes.
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) input: Bytes,
}

/// The call of the sender's transaction with this nonce.
pub(crate) fn call(act: Act, config: &BenchConfig, stage: &Stage, sender: &Signer, nonce: u64) -> Call {
    // One of a kind for each sender and nonce: also UETRs and references, over any number of runs.
    let unique = keccak256([sender.address().as_slice(), &nonce.to_be_bytes()].concat());
    let draw = Draw(u64::from_be_bytes(*unique.last_chunk().unwrap_or(&[0; 8])));
    let payee = || payee(config, stage, sender, &mut draw.clone());
    match act {
        Act::Transfer => Call { to: config.token, input: transfer_input(payee(), U256::ONE) },
        Act::Payment => Call { to: PAYMENT_ADDRESS, input: payment_input(config.token, payee(), unique) },
        Act::Batch { items } => {
            Call { to: PAYMENT_ADDRESS, input: batch(config, stage, sender, (unique, draw), items) }
        }
        Act::CoinTransfer => Call { to: stage.coins.0, input: transfer_input(next_sender(config, sender), U256::ONE) },
        Act::Swap => {
            let swap = IExchangeContracts::swapCall {
                firstIn: nonce.is_multiple_of(2),
                amountIn: U256::from(1_000 + draw.below(9_000)),
                amountOutMin: U256::ONE,
            };
            Call { to: stage.pool, input: swap.abi_encode().into() }
        }
        Act::Instruction => Call { to: SETTLEMENT_ADDRESS, input: instruction(config, stage, sender, (unique, draw)) },
    }
}

/// Each pays the next one, so that nobody runs dry.
fn next_sender(config: &BenchConfig, sender: &Signer) -> Address {
    let place = config.senders.iter().position(|other| other.address() == sender.address()).unwrap_or_default();
    let next = place.saturating_add(1) % config.senders.len().max(1);
    config.senders.get(next).map(Signer::address).unwrap_or_default()
}

/// Any of the accounts that were made, or the next sender if there are none.
fn payee(config: &BenchConfig, stage: &Stage, sender: &Signer, draw: &mut Draw) -> Address {
    match stage.payees {
        0 => next_sender(config, sender),
        payees => numbered_account(draw.next_below(payees)),
    }
}

/// The calldata of a payment of one minor unit between two banks, with its UETR and end-to-end id.
pub fn payment_input(token: Address, payee: Address, unique: B256) -> Bytes {
    let pay = payCall {
        token,
        payee,
        amount: U256::ONE,
        uetr: unique,
        debtorAgent: FixedBytes(*b"BANKDEFFXXX"),
        creditorAgent: FixedBytes(*b"BANKFRPPXXX"),
        endToEnd: unique,
        purpose: FixedBytes(*b"SALA"),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: 0,
    };
    pay.abi_encode().into()
}

fn batch(config: &BenchConfig, stage: &Stage, sender: &Signer, (uetr, draw): (B256, Draw), items: usize) -> Bytes {
    let mut draw = draw;
    let items = (0..items.min(BATCH_ITEMS_MAX)).map(|_| payee(config, stage, sender, &mut draw));
    batch_input(config.token, uetr, items)
}

/// A batch of one minor unit each, all or nothing.
pub(crate) fn batch_input(token: Address, uetr: B256, payees: impl Iterator<Item = Address>) -> Bytes {
    let encoded = payees.filter_map(|to| BatchItem { to, amount: 1, reference: [0; 8] }.encode());
    let items: Vec<u8> = encoded.flatten().collect();
    payBatchCall { token, uetr, mode: 0, items: items.into() }.abi_encode().into()
}

/// An account that receives and that nobody has the key of.
pub(crate) fn numbered_account(number: u64) -> Address {
    let mut bytes = *b"florin bench\0\0\0\0\0\0\0\0";
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

fn instruction(config: &BenchConfig, stage: &Stage, sender: &Signer, (reference, draw): (B256, Draw)) -> Bytes {
    let mut draw = draw;
    let banks = config.senders.len() as u64;
    let place = config.senders.iter().position(|other| other.address() == sender.address()).unwrap_or_default() as u64;
    // Any bank but itself.
    let other = place.saturating_add(1).saturating_add(draw.next_below(banks.saturating_sub(1).max(1))) % banks.max(1);
    let creditor = config.senders.get(other as usize).map(Signer::address).unwrap_or_default();
    let per_mille = INSTRUCTION_PER_MILLE_MIN + draw.next_below(INSTRUCTION_PER_MILLE_MAX - INSTRUCTION_PER_MILLE_MIN);
    let amount = stage.opening_balance.saturating_mul(u128::from(per_mille)) / 1_000;
    let submit = submitCall {
        schemeId: stage.scheme,
        creditor,
        amount: U256::from(amount.max(1)),
        priority: 2,
        instructionReference: reference,
    };
    submit.abi_encode().into()
}

/// Numbers that look random and follow from the first (SplitMix64, Steele and others 2014).
#[derive(Clone, Copy)]
struct Draw(u64);

impl Draw {
    fn below(self, bound: u64) -> u64 {
        let mut copy = self;
        copy.next_below(bound)
    }

    fn next_below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high half of a product: even over the bound, without a division.
        ((u128::from(z) * u128::from(bound)) >> 64) as u64
    }
}
