//! What is wrong with a message: where, why, and the reason code that an answer gives.

use std::fmt;

/// Most characters of a value that a problem quotes.
const EXCERPT_CHARS_MAX: usize = 70;

/// How far a message was understood before a problem was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Not well-formed, a forbidden construct, or beyond a bound.
    Malformed,
    /// Well-formed, and no message or version that is known here.
    Unsupported,
    /// Not what the schema of the message says.
    Structure,
    /// A code that is not in its list.
    Code,
    /// Well-formed and in order, and yet not true: check digits, sums, dates, what a scheme demands.
    Rule,
}

/// What a problem is about, so that an answer can have a status for each payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The message as a whole.
    #[default]
    Message,
    /// One batch (`PmtInf`), counted from 0.
    Batch(usize),
    /// One payment, return, request or entry, counted from 0 over the whole message.
    Item(usize),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What sort of problem it is.
    pub kind: Kind,
    /// The exact place, such as `/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[3]/CdtrAcct/Id/IBAN`. Elements that may be
    /// repeated are numbered from 1; attributes begin with `@`.
    pub path: String,
    /// A code of ISO 20022's external set `ExternalStatusReason1Code`.
    pub reason: &'static str,
    /// In words: the rule, the values, what to do.
    pub text: String,
    /// The value as it came, at most 70 characters of it.
    pub value: Option<String>,
    /// What it is about.
    pub scope: Scope,
}

impl Problem {
    pub(crate) fn new(kind: Kind, path: impl Into<String>, reason: &'static str, text: impl Into<String>) -> Self {
        Self { kind, path: path.into(), reason, text: text.into(), value: None, scope: Scope::Message }
    }

    pub(crate) fn malformed(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, path, reason::FORMAT, text)
    }

    pub(crate) fn unsupported(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, path, reason::FORMAT, text)
    }

    pub(crate) fn with_value(mut self, value: &str) -> Self {
        self.value = Some(excerpt(value));
        self
    }

    pub(crate) const fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.reason, self.path)?;
        if let Some(value) = &self.value {
            write!(f, "{value:?} ")?;
        }
        f.write_str(&self.text)
    }
}

pub(crate) fn excerpt(value: &str) -> String {
    let mut kept: String = value.chars().take(EXCERPT_CHARS_MAX).collect();
    if value.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        kept.push('…');
    }
    kept
}

/// A message that is refused as a whole, and everything that was found wrong with it, up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.first())]
pub struct Rejection {
    /// What is wrong, in the order of the message. Never empty.
    pub problems: Vec<Problem>,
    /// Whether there is more that was not looked at.
    pub more: bool,
    /// What could still be read of the message, so that an answer can name it.
    pub original: Box<Original>,
}

impl Rejection {
    pub(crate) fn of(problem: Problem) -> Self {
        Self { problems: vec![problem], more: false, original: Box::default() }
    }

    fn first(&self) -> String {
        self.problems.first().map(ToString::to_string).unwrap_or_default()
    }
}

/// The message that an answer is about, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Its name, such as `pacs.008.001.08`.
    pub name: Option<String>,
    /// `GrpHdr/MsgId`, or `Assgnmt/Id` of an investigation.
    pub message_id: Option<String>,
    /// `CreDtTm` as written.
    pub created: Option<String>,
    /// The number of transactions as written.
    pub count: Option<String>,
    /// The control sum as written.
    pub control_sum: Option<String>,
    /// Who sent it: a BIC, from the header or from the instructing agent.
    pub sender: Option<String>,
    /// To whom: a BIC.
    pub receiver: Option<String>,
    /// Its payments, in order.
    pub items: Vec<OriginalItem>,
}

/// How one payment of a message is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginalItem {
    /// `PmtInfId` of the batch it stands in.
    pub batch: Option<String>,
    /// `InstrId`.
    pub instruction_id: Option<String>,
    /// `EndToEndId`.
    pub end_to_end_id: Option<String>,
    /// `TxId`.
    pub transaction_id: Option<String>,
    /// `UETR`.
    pub uetr: Option<String>,
}

/// Problems of a message, at most so many.
#[derive(Debug)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    most: usize,
    more: bool,
}

impl Problems {
    pub(crate) const fn new(most: usize) -> Self {
        Self { found: Vec::new(), most, more: false }
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        if self.found.len() < self.most {
            self.found.push(problem);
        } else {
            self.more = true;
        }
    }

    /// Whether there are so many that reading on says nothing new.
    pub(crate) const fn is_full(&self) -> bool {
        self.more
    }

    pub(crate) fn into_parts(self) -> (Vec<Problem>, bool) {
        (self.found, self.more)
    }
}

/// Codes of `ExternalStatusReason1Code` that are given here. What each means is said in `specs/iso20022.md`.
pub(crate) mod reason {
    pub(crate) const FORMAT: &str = "FF01";
    pub(crate) const ACCOUNT: &str = "AC01";
    pub(crate) const AGENT_COUNTRY: &str = "AG04";
    pub(crate) const AMOUNT: &str = "AM12";
    pub(crate) const AMOUNT_ZERO: &str = "AM01";
    pub(crate) const AMOUNT_DIFFERS: &str = "AM09";
    pub(crate) const CONTROL_SUM: &str = "AM10";
    pub(crate) const COUNT: &str = "AM18";
    pub(crate) const CURRENCY: &str = "AM11";
    pub(crate) const CURRENCY_REFUSED: &str = "AM03";
    pub(crate) const DECIMALS: &str = "CH20";
    pub(crate) const DUPLICATE: &str = "AM05";
    pub(crate) const COUNTRY: &str = "BE09";
    pub(crate) const DEBTOR_COUNTRY: &str = "BE10";
    pub(crate) const CREDITOR_COUNTRY: &str = "BE11";
    pub(crate) const DEBTOR_ADDRESS: &str = "BE07";
    pub(crate) const CREDITOR_ADDRESS: &str = "BE04";
    pub(crate) const IDENTIFICATION: &str = "BE15";
    pub(crate) const DEBTOR_IDENTIFICATION: &str = "BE16";
    pub(crate) const CREDITOR_IDENTIFICATION: &str = "BE17";
    pub(crate) const NAME: &str = "BE21";
    pub(crate) const DEBTOR_NAME: &str = "BE08";
    pub(crate) const CREDITOR_NAME: &str = "BE22";
    pub(crate) const CHARGE_BEARER: &str = "BE19";
    pub(crate) const CONTENT: &str = "CH16";
    pub(crate) const NOT_ALLOWED: &str = "CH17";
    pub(crate) const MISSING: &str = "CH21";
    pub(crate) const DATE: &str = "DT01";
    pub(crate) const CREATED: &str = "DT02";
    pub(crate) const PAYMENT_TYPE: &str = "FF03";
    pub(crate) const SERVICE_LEVEL: &str = "FF04";
    pub(crate) const LOCAL_INSTRUMENT: &str = "FF05";
    pub(crate) const CATEGORY_PURPOSE: &str = "FF06";
    pub(crate) const PURPOSE: &str = "FF07";
    pub(crate) const BIC: &str = "RC01";
    pub(crate) const AGENT: &str = "RC02";
    pub(crate) const CLEARING_MEMBER: &str = "RC08";
    pub(crate) const REMITTANCE: &str = "RR07";
    pub(crate) const CHARACTERS: &str = "RR10";
}
