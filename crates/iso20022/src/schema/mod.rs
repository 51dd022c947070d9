//! What the standard says a message looks like: a table of types, one of messages, one of external code sets.
//!
//! The tables in `table/` are generated from the XML schemas and the code sets that ISO 20022 publishes
//! (`examples/schema.rs`). They are constant: nothing is read or built at run time. A type whose content is the same in
//! several messages stands there once, so that all versions from 2009 on cost little.

mod table;
mod text;

pub(crate) use table::{EXTERNAL, MESSAGES};
pub(crate) use text::Fault;

/// An element may be repeated without bound.
pub(crate) const MANY: u16 = u16::MAX;

/// A type of the standard.
#[derive(Debug)]
pub(crate) struct Type {
    /// Its name, such as `IBAN2007Identifier`. Checks of content (IBAN, BIC, LEI) go by it.
    pub(crate) name: &'static str,
    pub(crate) body: Body,
}

/// What an element of a type holds.
#[derive(Debug)]
pub(crate) enum Body {
    /// Other elements, in this order. Those of one slot are alternatives: exactly one of them may stand there.
    Elements(&'static [Element]),
    /// Characters.
    Text(Text),
    /// An amount: its digits and, as the attribute `Ccy`, its currency.
    Amount(&'static Type, &'static Type),
    /// One element of any other vocabulary, kept as it came.
    Any,
}

/// An element in the content of a type.
#[derive(Debug)]
pub(crate) struct Element {
    /// Its tag, such as `IntrBkSttlmAmt`.
    pub(crate) name: &'static str,
    pub(crate) kind: &'static Type,
    /// Which place of the sequence it takes. Alternatives share one.
    pub(crate) slot: u8,
    pub(crate) least: u16,
    pub(crate) most: u16,
}

impl Element {
    /// Whether it may stand more than once, so that paths number it.
    pub(crate) const fn repeats(&self) -> bool {
        self.most > 1
    }
}

/// A simple type: what characters its values may have.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) base: Base,
    /// Fewest and most characters.
    pub(crate) shortest: u32,
    pub(crate) longest: u32,
    /// Runs of characters that make up the whole value; none where the standard gives no pattern.
    pub(crate) pattern: &'static [Run],
    /// The only values, sorted; none where any are allowed.
    pub(crate) values: &'static [&'static str],
    /// Most digits of a number, and most after the point.
    pub(crate) digits: u8,
    pub(crate) decimals: u8,
    /// The least number, where there is one.
    pub(crate) least: Option<u8>,
}

/// The lexical form of a simple type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    String,
    Decimal,
    Boolean,
    Date,
    DateTime,
    /// A date and time that ends in `Z`.
    DateTimeUtc,
    Time,
    Year,
    YearMonth,
    Base64,
}

/// A run of characters out of one set of ASCII characters, as long as possible, in multiples of `step`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) class: u128,
    pub(crate) least: u32,
    pub(crate) most: u32,
    pub(crate) step: u32,
}

/// A version of a message.
#[derive(Debug)]
pub struct Definition {
    pub(crate) family: &'static str,
    pub(crate) version: u8,
    /// The one element below `Document`, or `AppHdr` itself.
    pub(crate) root: Element,
}

impl Definition {
    /// The element `Document` of this message: it holds the root.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        let (family, version) = name.rsplit_once('.')?;
        if version.len() != 2 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let version = version.parse::<u8>().ok()?;
        MESSAGES.iter().find(|message| message.family == family && message.version == version)
    }

    /// Versions of a family that are known, oldest first.
    pub(crate) fn versions(family: &str) -> impl Iterator<Item = &'static Self> {
        MESSAGES.iter().filter(move |message| message.family == family)
    }

    /// Its name, such as `pacs.008.001.08`.
    pub fn name(&self) -> String {
        format!("{}.{:02}", self.family, self.version)
    }

    /// Its namespace in XML.
    pub fn namespace(&self) -> String {
        format!("{NAMESPACE}{}", self.name())
    }
}

/// What the namespaces of ISO 20022 begin with.
pub(crate) const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        (self.family, self.version) == (other.family, other.version)
    }
}

impl Eq for Definition {}

/// The codes of an external set, sorted; `None` where the set is not kept.
pub(crate) fn external(set: &str) -> Option<&'static [&'static str]> {
    let found = EXTERNAL.binary_search_by(|(name, _)| (*name).cmp(set)).ok()?;
    EXTERNAL.get(found).map(|(_, codes)| *codes)
}

const fn e(name: &'static str, kind: &'static Type, slot: u8, least: u16, most: u16) -> Element {
    Element { name, kind, slot, least, most }
}

const fn r(class: u128, least: u32, most: u32, step: u32) -> Run {
    Run { class, least, most, step }
}

const fn m(family: &'static str, version: u8, root: Element) -> Definition {
    Definition { family, version, root }
}
