//! How rows stand in the tables: columns, values, and back.

use crate::{
    database::{Failure, Value},
    record::{
        BlockRecord, DecisionRecord, LogRecord, NameKind, NameRecord, PaymentRecord, PaymentStepRecord, Place,
        SettlementRecord, Spot, Status, TransactionRecord, TransferKind, TransferRecord,
    },
};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::vec::IntoIter;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A row of a table.
pub(crate) trait Record: Sized {
    const TABLE: &'static str;
    const COLUMNS: &'static [Column];
    /// Whether a row read from the table begins with the hash of its transaction.
    const HAS_TRANSACTION: bool;

    /// Appends its values, in the order of the columns.
    fn write(&self, values: &mut Vec<Value>);

    /// The hash of its transaction, where it has one.
    fn transaction_hash(&self) -> Option<B256> {
        None
    }

    /// Takes them back.
    fn read(row: &mut Fields) -> Result<Self, Failure>;
}

macro_rules! columns {
    ($($name:ident: $kind:ident),* $(,)?) => {
        &[$(Column { name: stringify!($name), kind: Kind::$kind }),*]
    };
}

impl Record for BlockRecord {
    const TABLE: &'static str = "blocks";
    const COLUMNS: &'static [Column] =
        columns![height: Integer, hash: Bytes, time_ms: Integer, transactions: Integer, logs: Integer];
    const HAS_TRANSACTION: bool = false;

    fn write(&self, values: &mut Vec<Value>) {
        values.extend([
            number(self.height),
            bytes(self.hash),
            number(self.time_ms),
            number(self.transactions),
            number(self.logs),
        ]);
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            height: row.number()?,
            hash: row.hash()?,
            time_ms: row.number()?,
            transactions: row.number()?,
            logs: row.number()?,
        })
    }
}

impl Record for TransactionRecord {
    const TABLE: &'static str = "transactions";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, hash: Bytes, sender: Bytes, recipient: Bytes, nonce: Integer,
        value: Bytes, selector: Bytes, status: Text, gas_used: Integer, first_log: Integer, logs: Integer,
        first_transfer: Integer, transfers: Integer,
    ];
    const HAS_TRANSACTION: bool = false;

    fn write(&self, values: &mut Vec<Value>) {
        values.extend([
            Value::Integer(self.place.as_sql()),
            number(self.place.height()),
            number(self.time_ms),
            bytes(self.hash),
            bytes(self.sender),
            optional(self.recipient, Kind::Bytes, bytes),
            number(self.nonce),
            amount(self.value),
            optional(self.selector, Kind::Bytes, bytes),
            text(if self.succeeded { "succeeded" } else { "failed" }),
            number(self.gas_used),
            number(self.first_log),
            number(self.logs),
            number(self.first_transfer),
            number(self.transfers),
        ]);
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            place: row.place_and_height()?,
            time_ms: row.number()?,
            hash: row.hash()?,
            sender: row.account()?,
            recipient: row.optional(Fields::account)?,
            nonce: row.number()?,
            value: row.amount()?,
            selector: row.optional(Fields::array)?,
            succeeded: row.text()? == "succeeded",
            gas_used: row.number()?,
            first_log: row.number()?,
            logs: row.number()?,
            first_transfer: row.number()?,
            transfers: row.number()?,
        })
    }
}

impl Record for LogRecord {
    const TABLE: &'static str = "logs";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, emitter: Bytes, name: Text,
        topic0: Bytes, topic1: Bytes, topic2: Bytes, topic3: Bytes, data: Bytes,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([bytes(self.emitter), optional(self.name.as_deref(), Kind::Text, text)]);
        values.extend((0..4).map(|index| optional(self.topics.get(index), Kind::Bytes, bytes)));
        values.push(bytes(&self.data));
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        let (spot, emitter, name) = (row.spot()?, row.account()?, row.optional(Fields::text)?);
        let mut topics = Vec::new();
        for _ in 0..4 {
            topics.extend(row.optional(Fields::hash)?);
        }
        Ok(Self { spot, emitter, name, topics, data: row.bytes()?.into() })
    }
}

impl Record for TransferRecord {
    const TABLE: &'static str = "transfers";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, log_number: Integer, kind: Text,
        token: Bytes, payer: Bytes, payee: Bytes, amount: Bytes, memo: Bytes, reference: Text,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([
            number(self.log_number),
            text(self.kind.name()),
            bytes(self.token),
            bytes(self.payer),
            bytes(self.payee),
            amount(self.amount),
            optional(self.memo.as_ref(), Kind::Bytes, bytes),
            optional(self.reference.as_deref(), Kind::Text, text),
        ]);
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            spot: row.spot()?,
            log_number: row.number()?,
            kind: row.named(TransferKind::from_name)?,
            token: row.account()?,
            payer: row.account()?,
            payee: row.account()?,
            amount: row.amount()?,
            memo: row.optional(Fields::bytes)?.map(Bytes::from),
            reference: row.optional(Fields::text)?,
        })
    }
}

impl Record for PaymentRecord {
    const TABLE: &'static str = "payments";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, payer: Bytes, uetr: Bytes,
        payee: Bytes, token: Bytes, amount: Bytes, status: Text, received: Bytes, returned: Bytes, debtor_agent: Text,
        creditor_agent: Text, end_to_end: Bytes, purpose: Text, remittance: Bytes, priority: Integer,
        expiry_ms: Integer, items: Integer, items_settled: Integer, updated_height: Integer, updated_ms: Integer,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([
            bytes(self.payer),
            bytes(self.uetr),
            optional(self.payee, Kind::Bytes, bytes),
            bytes(self.token),
            amount(self.amount),
            text(self.status.name()),
            amount(self.received),
            amount(self.returned),
            optional(self.debtor_agent.as_deref(), Kind::Text, text),
            optional(self.creditor_agent.as_deref(), Kind::Text, text),
            optional(self.end_to_end, Kind::Bytes, bytes),
            optional(self.purpose.as_deref(), Kind::Text, text),
            optional(self.remittance, Kind::Bytes, bytes),
            number(self.priority),
            optional(self.expiry_ms, Kind::Integer, number),
            optional(self.items, Kind::Integer, number),
            optional(self.items_settled, Kind::Integer, number),
            number(self.updated_height),
            number(self.updated_ms),
        ]);
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            spot: row.spot()?,
            payer: row.account()?,
            uetr: row.hash()?,
            payee: row.optional(Fields::account)?,
            token: row.account()?,
            amount: row.amount()?,
            status: row.named(Status::from_name)?,
            received: row.amount()?,
            returned: row.amount()?,
            debtor_agent: row.optional(Fields::text)?,
            creditor_agent: row.optional(Fields::text)?,
            end_to_end: row.optional(Fields::hash)?,
            purpose: row.optional(Fields::text)?,
            remittance: row.optional(Fields::hash)?,
            priority: row.number()?,
            expiry_ms: row.optional(Fields::number)?,
            items: row.optional(Fields::number)?,
            items_settled: row.optional(Fields::number)?,
            updated_height: row.number()?,
            updated_ms: row.number()?,
        })
    }
}

impl Record for PaymentStepRecord {
    const TABLE: &'static str = "payment_steps";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, payment_place: Integer,
        step: Text, status: Text, amount: Bytes, account: Bytes, reason: Text,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([
            Value::Integer(self.payment.as_sql()),
            text(&self.step),
            text(self.status.name()),
            optional(self.amount, Kind::Bytes, amount),
            optional(self.account, Kind::Bytes, bytes),
            optional(self.reason.as_deref(), Kind::Text, text),
        ]);
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            spot: row.spot()?,
            payment: row.place()?,
            step: row.text()?,
            status: row.named(Status::from_name)?,
            amount: row.optional(Fields::amount)?,
            account: row.optional(Fields::account)?,
            reason: row.optional(Fields::text)?,
        })
    }
}

impl Record for DecisionRecord {
    const TABLE: &'static str = "decisions";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, kind: Text, policy: Integer,
        token: Bytes, version: Integer, rule: Integer, outcome: Text, inputs_hash: Bytes, payer_person: Integer,
        payee_person: Integer, amount: Bytes, commitment: Bytes,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([
            text(&self.kind),
            number(self.policy),
            bytes(self.token),
            optional(self.version, Kind::Integer, number),
            optional(self.rule, Kind::Integer, number),
            optional(self.outcome.as_deref(), Kind::Text, text),
            optional(self.inputs_hash, Kind::Bytes, bytes),
            optional(self.payer_person, Kind::Integer, number),
            optional(self.payee_person, Kind::Integer, number),
            optional(self.amount, Kind::Bytes, amount),
            optional(self.commitment, Kind::Bytes, bytes),
        ]);
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            spot: row.spot()?,
            kind: row.text()?,
            policy: row.number()?,
            token: row.account()?,
            version: row.optional(Fields::number)?,
            rule: row.optional(Fields::number)?,
            outcome: row.optional(Fields::text)?,
            inputs_hash: row.optional(Fields::hash)?,
            payer_person: row.optional(Fields::number)?,
            payee_person: row.optional(Fields::number)?,
            amount: row.optional(Fields::amount)?,
            commitment: row.optional(Fields::hash)?,
        })
    }
}

impl Record for SettlementRecord {
    const TABLE: &'static str = "settlement_events";
    const COLUMNS: &'static [Column] = columns![
        place: Integer, height: Integer, time_ms: Integer, transaction_place: Integer, event: Text, scheme: Integer,
        instruction: Integer, window_id: Integer, run: Integer, account: Bytes, counterparty: Bytes, amount: Bytes,
        code: Integer, count: Integer, reference: Bytes,
    ];
    const HAS_TRANSACTION: bool = true;

    fn write(&self, values: &mut Vec<Value>) {
        self.spot.write(values);
        values.extend([
            text(&self.event),
            optional(self.scheme, Kind::Integer, number),
            optional(self.instruction, Kind::Integer, number),
            optional(self.window, Kind::Integer, number),
            optional(self.run, Kind::Integer, number),
            optional(self.account, Kind::Bytes, bytes),
            optional(self.counterparty, Kind::Bytes, bytes),
            optional(self.amount, Kind::Bytes, amount),
            optional(self.code, Kind::Integer, number),
            optional(self.count, Kind::Integer, number),
            optional(self.reference, Kind::Bytes, bytes),
        ]);
    }

    fn transaction_hash(&self) -> Option<B256> {
        Some(self.spot.transaction_hash)
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            spot: row.spot()?,
            event: row.text()?,
            scheme: row.optional(Fields::number)?,
            instruction: row.optional(Fields::number)?,
            window: row.optional(Fields::number)?,
            run: row.optional(Fields::number)?,
            account: row.optional(Fields::account)?,
            counterparty: row.optional(Fields::account)?,
            amount: row.optional(Fields::amount)?,
            code: row.optional(Fields::number)?,
            count: row.optional(Fields::number)?,
            reference: row.optional(Fields::hash)?,
        })
    }
}

impl Record for NameRecord {
    const TABLE: &'static str = "names";
    const COLUMNS: &'static [Column] = columns![account: Bytes, kind: Text, name: Text, folded: Text, height: Integer];
    const HAS_TRANSACTION: bool = false;

    fn write(&self, values: &mut Vec<Value>) {
        values.extend([
            bytes(self.account),
            text(self.kind.name()),
            text(&self.name),
            text(&fold(&self.name)),
            number(self.height),
        ]);
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        let (account, kind, name) = (row.account()?, row.named(NameKind::from_name)?, row.text()?);
        row.text()?;
        Ok(Self { account, kind, name, height: row.number()? })
    }
}

/// A person with an LEI.
#[derive(Clone, Debug)]
pub(crate) struct PersonRecord {
    pub(crate) person: u64,
    pub(crate) lei: String,
}

impl Record for PersonRecord {
    const TABLE: &'static str = "persons";
    const COLUMNS: &'static [Column] = columns![person: Integer, lei: Text];
    const HAS_TRANSACTION: bool = false;

    fn write(&self, values: &mut Vec<Value>) {
        values.extend([number(self.person), text(&self.lei)]);
    }

    fn read(row: &mut Fields) -> Result<Self, Failure> {
        Ok(Self { person: row.number()?, lei: row.text()? })
    }
}

/// A name as it is searched.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

impl Spot {
    fn write(&self, values: &mut Vec<Value>) {
        values.extend([
            Value::Integer(self.place.as_sql()),
            number(self.place.height()),
            number(self.time_ms),
            Value::Integer(self.transaction.as_sql()),
        ]);
    }
}

/// SQL's integers are signed. Heights and times never come near 2^63; a limit that means "none" may, and stays the
/// largest.
pub fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Bytes.
pub fn bytes(value: impl AsRef<[u8]>) -> Value {
    Value::Bytes(value.as_ref().to_vec())
}

/// Text.
pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A byte that counts those that follow, then these, big-endian and without zeros before them: it sorts by bytes as the
/// number does, and what people pay takes five bytes instead of 32 in the row and in each index.
pub fn amount(value: U256) -> Value {
    let mut bytes = value.to_be_bytes_trimmed_vec();
    // At most 32.
    bytes.insert(0, u8::try_from(bytes.len()).unwrap_or_default());
    Value::Bytes(bytes)
}

/// Takes an amount back; absent where these bytes are none.
pub(crate) fn amount_from(bytes: &[u8]) -> Option<U256> {
    let (count, digits) = bytes.split_first()?;
    let is_one = usize::from(*count) == digits.len() && digits.first() != Some(&0);
    U256::try_from_be_slice(digits).filter(|_| is_one)
}

/// A value, or nothing of this kind.
pub fn optional<T>(value: Option<T>, kind: Kind, write: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null(kind), write)
}

/// The values of one row, taken in their order.
pub struct Fields {
    table: &'static str,
    values: IntoIter<Value>,
}

impl Fields {
    /// The fields of a row of this table.
    pub fn new(table: &'static str, row: Vec<Value>) -> Self {
        Self { table, values: row.into_iter() }
    }

    fn next(&mut self) -> Result<Value, Failure> {
        self.values.next().ok_or_else(|| self.damaged("a column is missing"))
    }

    fn damaged(&self, what: impl std::fmt::Display) -> Failure {
        Failure::Damaged(format!("table {}: {what}", self.table))
    }

    /// A whole number.
    pub fn integer(&mut self) -> Result<i64, Failure> {
        match self.next()? {
            Value::Integer(value) => Ok(value),
            other => Err(self.damaged(format!("{other:?} is no integer"))),
        }
    }

    /// A whole number that is not negative.
    pub fn number(&mut self) -> Result<u64, Failure> {
        let value = self.integer()?;
        u64::try_from(value).map_err(|_| self.damaged(format!("{value} is negative")))
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        match self.next()? {
            Value::Bytes(value) => Ok(value),
            other => Err(self.damaged(format!("{other:?} is no bytes"))),
        }
    }

    /// Text.
    pub fn text(&mut self) -> Result<String, Failure> {
        match self.next()? {
            Value::Text(value) => Ok(value),
            other => Err(self.damaged(format!("{other:?} is no text"))),
        }
    }

    /// So many bytes.
    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Failure> {
        let value = self.bytes()?;
        value.as_slice().try_into().map_err(|_| self.damaged(format!("{} bytes instead of {LENGTH}", value.len())))
    }

    /// 32 bytes.
    pub fn hash(&mut self) -> Result<B256, Failure> {
        self.array().map(B256::new)
    }

    /// An address.
    pub fn account(&mut self) -> Result<Address, Failure> {
        self.array::<20>().map(Address::from)
    }

    /// An amount.
    pub fn amount(&mut self) -> Result<U256, Failure> {
        let value = self.bytes()?;
        amount_from(&value).ok_or_else(|| self.damaged(format!("{value:?} is no amount")))
    }

    pub(crate) fn place(&mut self) -> Result<Place, Failure> {
        self.integer().map(Place::from_sql)
    }

    fn place_and_height(&mut self) -> Result<Place, Failure> {
        let (place, height) = (self.place()?, self.number()?);
        if place.height() == height { Ok(place) } else { Err(self.damaged(format!("{place:?} at height {height}"))) }
    }

    fn named<T>(&mut self, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T, Failure> {
        let name = self.text()?;
        from_name(&name).ok_or_else(|| self.damaged(format!("{name:?} is not known")))
    }

    /// A value that may be absent.
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<Option<T>, Failure> {
        match self.values.as_slice().first() {
            Some(Value::Null(_)) => {
                self.values.next();
                Ok(None)
            }
            _ => read(self).map(Some),
        }
    }

    /// The hash of the transaction, then what [`Spot::write`] wrote.
    fn spot(&mut self) -> Result<Spot, Failure> {
        let transaction_hash = self.hash()?;
        let (place, time_ms, transaction) = (self.place_and_height()?, self.number()?, self.place()?);
        Ok(Spot { place, time_ms, transaction, transaction_hash })
    }
}
