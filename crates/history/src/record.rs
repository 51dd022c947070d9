//! What the tables hold, one type a table: what decoding makes, the writer writes and a search gives.

use alloy_primitives::{Address, B256, Bytes, U256};
use florin_types::Height;

/// Bits of a place that number within a block.
const NUMBER_BITS: u32 = 24;

/// Where something stands: a height and a number within the block. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(i64);

impl Place {
    /// The place of the thing with this number, from 0, in the block; absent beyond 2^24 things or 2^39 blocks.
    pub fn new(height: Height, number: u64) -> Option<Self> {
        let place = height.checked_mul(1 << NUMBER_BITS)?.checked_add(number)?;
        let fits = number < 1 << NUMBER_BITS;
        i64::try_from(place).ok().filter(|_| fits).map(Self)
    }

    /// Block.
    pub fn height(self) -> Height {
        self.as_u64() >> NUMBER_BITS
    }

    /// Number within the block, from 0.
    pub fn number(self) -> u64 {
        self.as_u64() & ((1 << NUMBER_BITS) - 1)
    }

    pub(crate) fn from_sql(place: i64) -> Self {
        Self(place)
    }

    pub(crate) fn as_sql(self) -> i64 {
        self.0
    }

    fn as_u64(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }
}

/// Where and when something happened, and in which transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Place among the rows of its table.
    pub place: Place,
    /// Block time in milliseconds since 1970.
    pub time_ms: u64,
    /// Place of the transaction: its height and position.
    pub transaction: Place,
    /// Hash of the transaction.
    pub transaction_hash: B256,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// Number of the block.
    pub height: Height,
    /// Hash of the block.
    pub hash: B256,
    /// Block time in milliseconds since 1970.
    pub time_ms: u64,
    /// Transactions in it.
    pub transactions: u64,
    /// Logs in it.
    pub logs: u64,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Height and position.
    pub place: Place,
    /// Block time in milliseconds since 1970.
    pub time_ms: u64,
    /// Hash.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
    /// Whom it called; absent where it created a contract.
    pub recipient: Option<Address>,
    /// The sender's number for it.
    pub nonce: u64,
    /// Native units sent along.
    pub value: U256,
    /// First four bytes of the input: the function that was called.
    pub selector: Option<[u8; 4]>,
    /// Whether it was carried out; otherwise it changed nothing but the sender's nonce.
    pub succeeded: bool,
    /// Gas that it used.
    pub gas_used: u64,
    /// Number in the block of its first log.
    pub first_log: u64,
    /// How many logs it has.
    pub logs: u64,
    /// Number in the block of its first transfer.
    pub first_transfer: u64,
    /// How many transfers it has.
    pub transfers: u64,
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Where and when. Its number is that of the log in the block.
    pub spot: Spot,
    /// Who emitted it.
    pub emitter: Address,
    /// Name of the event, where a module of the ledger or ERC-20 has one for it.
    pub name: Option<String>,
    /// Up to four topics.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Bytes,
}

/// How units came to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// From one account to another.
    Transfer,
    /// Into existence.
    Mint,
    /// Out of existence.
    Burn,
    /// An item of a batch.
    Batch,
}

/// Units that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// Where and when. Its number is that of the transfer in the block.
    pub spot: Spot,
    /// Number in the block of the log that tells of it.
    pub log_number: u64,
    /// How they came to move.
    pub kind: TransferKind,
    /// Token: a module's, or any contract that emits ERC-20's Transfer.
    pub token: Address,
    /// From whom; zero if minted.
    pub payer: Address,
    /// To whom; zero if burned.
    pub payee: Address,
    /// Minor units.
    pub amount: U256,
    /// The memo of 32 bytes, or the 8 bytes of a batch's item. Absent if all zero.
    pub memo: Option<Bytes>,
    /// The payment reference. A NUL character is written as U+2400, and beyond 256 bytes it is cut.
    pub reference: Option<String>,
}

/// What has become of a payment. See `specs/payment.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Reserved; may be posted.
    Pending,
    /// The policy refuses it today; waits.
    Parked,
    /// Paid, in full or in part.
    Settled,
    /// Given up; nothing was paid.
    Voided,
    /// Its time ran out; nothing was paid.
    Expired,
}

/// A payment of the payment module: one a payer and UETR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Where and when it was ordered. Its number is that of the log in the block.
    pub spot: Spot,
    /// Who pays.
    pub payer: Address,
    /// Its UETR, as the module knows it.
    pub uetr: B256,
    /// Who is paid; absent for a batch, whose items are transfers.
    pub payee: Option<Address>,
    /// Token.
    pub token: Address,
    /// Minor units that were ordered; of a batch, those that were paid.
    pub amount: U256,
    /// What it is now.
    pub status: Status,
    /// Minor units that the payee received.
    pub received: U256,
    /// Minor units that came back.
    pub returned: U256,
    /// BIC of the debtor's agent.
    pub debtor_agent: Option<String>,
    /// BIC of the creditor's agent.
    pub creditor_agent: Option<String>,
    /// End-to-end id, as it was told: mostly a hash.
    pub end_to_end: Option<B256>,
    /// Purpose code.
    pub purpose: Option<String>,
    /// Remittance information, as it was told: mostly a hash.
    pub remittance: Option<B256>,
    /// 0 normal, 1 high, 2 urgent.
    pub priority: u64,
    /// Until when it waits, in milliseconds since 1970.
    pub expiry_ms: Option<u64>,
    /// Items of a batch.
    pub items: Option<u64>,
    /// Items of a batch that were paid.
    pub items_settled: Option<u64>,
    /// Block of its last change.
    pub updated_height: Height,
    /// Time of its last change.
    pub updated_ms: u64,
}

/// One thing that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentStepRecord {
    /// Where and when.
    pub spot: Spot,
    /// Place of the payment.
    pub payment: Place,
    /// What happened: ordered, reserved, parked, posted, voided, expired, returned.
    pub step: String,
    /// What the payment was from then on.
    pub status: Status,
    /// Minor units of this step.
    pub amount: Option<U256>,
    /// The poster, who voided it, or whose account the policy does not admit.
    pub account: Option<Address>,
    /// The reason of a return; the policy that parked it.
    pub reason: Option<String>,
}

/// A decision of a policy about a movement, or a step of the travel rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Where and when.
    pub spot: Spot,
    /// decision, exchange_opened, exchange_acknowledged.
    pub kind: String,
    /// Policy.
    pub policy: u64,
    /// Token.
    pub token: Address,
    /// Version of the policy.
    pub version: Option<u64>,
    /// The policy that diverted the movement; absent where none did.
    pub rule: Option<u64>,
    /// admitted, refused, parked, swept.
    pub outcome: Option<String>,
    /// Hash of the inputs of the decision.
    pub inputs_hash: Option<B256>,
    /// Person of the payer, in the travel rule.
    pub payer_person: Option<u64>,
    /// Person of the payee, in the travel rule.
    pub payee_person: Option<u64>,
    /// Minor units, in the travel rule.
    pub amount: Option<U256>,
    /// Commitment to what was exchanged, in the travel rule.
    pub commitment: Option<B256>,
}

/// An event of the settlement module. What an event does not say is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRecord {
    /// Where and when.
    pub spot: Spot,
    /// Name of the event.
    pub event: String,
    /// Scheme.
    pub scheme: Option<u64>,
    /// Instruction.
    pub instruction: Option<u64>,
    /// Window of net settlement.
    pub window: Option<u64>,
    /// Multilateral run.
    pub run: Option<u64>,
    /// Debtor, participant, borrower.
    pub account: Option<Address>,
    /// Creditor, lender.
    pub counterparty: Option<Address>,
    /// Minor units.
    pub amount: Option<U256>,
    /// Status of a participant, priority or reason, as the event numbers it.
    pub code: Option<u64>,
    /// Day, position, value date or number of payments, as the event counts.
    pub count: Option<u64>,
    /// Reference of an instruction, proof of a run.
    pub reference: Option<B256>,
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// Name of a token.
    Token,
    /// Symbol of a token.
    Symbol,
    /// Name of a seat of governance: an institution.
    Seat,
    /// LEI of the person whose account it is.
    Lei,
}

/// A name of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// Account.
    pub account: Address,
    /// What the name is.
    pub kind: NameKind,
    /// The name. A NUL character is written as U+2400, and beyond 256 bytes it is cut.
    pub name: String,
    /// Since when it is known; 0 from genesis.
    pub height: Height,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it stands in the tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What is called so.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

names!(TransferKind { Transfer = "transfer", Mint = "mint", Burn = "burn", Batch = "batch" });
names!(Status { Pending = "pending", Parked = "parked", Settled = "settled", Voided = "voided", Expired = "expired" });
names!(NameKind { Token = "token", Symbol = "symbol", Seat = "seat", Lei = "lei" });
