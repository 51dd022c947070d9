//! JSON in: the form that the registration authority recommends (JSON Schema generation, 2020-12).
//!
//! Names are the tags of XML; an element that stands several times is an array; an amount is `{"Ccy": "EUR", "amt":
//! "12.50"}`; every value is a string, so that no digit is lost (whole numbers and `true` are taken too). The outermost
//! object has `Document`, `AppHdr` where there is a header, and the name of the message in `$id` (or `@xmlns`). Members
//! may stand in any order.

use crate::builder::Builder;
use crate::limits::Limits;
use crate::problem::{Problem, excerpt};
use crate::schema::{Body, Definition, NAMESPACE};
use crate::tree::HEADER;
use crate::xml::{self, Read, known_instead};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

/// What stands for an element of another vocabulary: its XML, as a string.
pub(crate) const FOREIGN: &str = "xml";
/// The digits of an amount.
pub(crate) const AMOUNT: &str = "amt";
/// Where the name of the message stands.
pub(crate) const NAME: &str = "$id";
/// What the name of a message begins with in JSON.
pub(crate) const URN: &str = "urn:iso:std:iso:20022:tech:json:";

/// A JSON value with its members in order, as often as they came.
enum Json {
    Text(String),
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    Null,
}

/// Reads a message in JSON.
pub(crate) fn read<'l>(text: &str, limits: &'l Limits) -> Read<'l> {
    let mut read = Read { header: None, document: None, fatal: None };
    if let Err(problem) = read_into(text, limits, &mut read) {
        read.fatal = Some(problem);
    }
    read
}

fn read_into<'l>(text: &str, limits: &'l Limits, read: &mut Read<'l>) -> Result<(), Problem> {
    let json = parse(text, limits.elements_max)
        .map_err(|error| Problem::malformed("/", format!("is not JSON that is read here: {error}")))?;
    let Json::Object(members) = json else {
        return Err(Problem::malformed("/", "is not an object"));
    };
    if let Some(twice) = repeated(&members) {
        return Err(Problem::malformed(format!("/{}", excerpt(twice)), "stands twice"));
    }
    let message = name(&members)?;
    let mut document = Builder::new(message, limits);
    for (key, value) in members {
        match (key.as_str(), value) {
            ("Document", Json::Object(inside)) => {
                for (name, value) in inside {
                    element(&mut document, &name, value);
                }
            }
            (HEADER, value) => {
                let mut header = Builder::new(header_message(&value)?, limits);
                element(&mut header, HEADER, value);
                read.header = Some(header);
            }
            (NAME | "@xmlns" | "$schema" | "xmlns", Json::Text(_)) => {}
            (name, _) => return Err(Problem::malformed(format!("/{}", excerpt(name)), "is not expected here")),
        }
    }
    read.document = Some(document);
    Ok(())
}

fn repeated(members: &[(String, Json)]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    members.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

fn member<'j>(members: &'j [(String, Json)], name: &str) -> Option<&'j Json> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The message: by its name, by the header, or else the version of CBPR+ whose root it has.
fn name(members: &[(String, Json)]) -> Result<&'static Definition, Problem> {
    let Some(Json::Object(document)) = member(members, "Document") else {
        return Err(Problem::unsupported("/Document", "is missing, or no object"));
    };
    let stated = [NAME, "@xmlns", "xmlns"].iter().find_map(|key| match member(members, key) {
        Some(Json::Text(text)) => Some((*key, text.as_str())),
        _ => None,
    });
    if let Some((key, stated)) = stated {
        let definition = stated.strip_prefix(URN).or_else(|| stated.strip_prefix(NAMESPACE)).unwrap_or(stated);
        let found = Definition::find(definition).filter(|message| message.root.name != HEADER);
        let place = format!("/{key}");
        return found.ok_or_else(|| Problem::unsupported(place, known_instead(definition)).with_value(stated));
    }
    if let Some(Json::Object(header)) = member(members, HEADER)
        && let Some(Json::Text(definition)) = member(header, "MsgDefIdr")
    {
        let found = Definition::find(definition);
        return found.ok_or_else(|| {
            Problem::unsupported("/AppHdr/MsgDefIdr", known_instead(definition)).with_value(definition)
        });
    }
    let root = document.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    let usual =
        crate::CBPR_PLUS.iter().filter_map(|name| Definition::find(name)).find(|message| message.root.name == root);
    usual.ok_or_else(|| {
        Problem::unsupported(format!("/{NAME}"), format!("is missing: write {URN}pacs.008.001.08, or the like"))
    })
}

/// The version of a header: by its name, or else the one of CBPR+.
fn header_message(value: &Json) -> Result<&'static Definition, Problem> {
    let stated = match value {
        Json::Object(members) => member(members, "@xmlns"),
        _ => None,
    };
    let definition = match stated {
        Some(Json::Text(text)) => text.strip_prefix(NAMESPACE).unwrap_or(text),
        _ => crate::HEADER_VERSION,
    };
    let found = Definition::find(definition).filter(|message| message.root.name == HEADER);
    found.ok_or_else(|| Problem::unsupported("/AppHdr/@xmlns", known_instead(definition)).with_value(definition))
}

/// One member of an object, as one element or several.
fn element(builder: &mut Builder<'_>, name: &str, value: Json) {
    let values = if let Json::Array(values) = value { values } else { vec![value] };
    if values.is_empty() {
        builder.wrong(Some(name), "is an empty array: leave it out");
    }
    for value in values {
        if builder.is_hopeless() {
            return;
        }
        builder.open(name);
        content(builder, value);
        builder.close();
    }
}

fn content(builder: &mut Builder<'_>, value: Json) {
    let Some(kind) = builder.kind() else { return };
    match (&kind.body, value) {
        (Body::Amount(..), Json::Object(members)) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("Ccy" | "@Ccy", Json::Text(text)) => builder.currency(&text),
                    (AMOUNT | "$" | "#text" | "value", Json::Text(text)) => builder.text(&text),
                    (other, _) => {
                        builder.wrong(Some(other), "is not known here: an amount is {\"Ccy\": …, \"amt\": …}")
                    }
                }
            }
        }
        (Body::Any, Json::Object(members)) => match members.as_slice() {
            [(name, Json::Text(text))] if name == FOREIGN => match xml::foreign(text, builder.limits()) {
                Ok(xml) => builder.foreign(&xml),
                Err(problem) => builder.wrong(None, &problem.text),
            },
            _ => builder.wrong(None, "is of another vocabulary: give its XML as {\"xml\": \"…\"}"),
        },
        (_, Json::Text(text)) => builder.text(&text),
        (_, Json::Object(members)) => in_order(builder, members),
        (_, Json::Array(_)) => builder.wrong(None, "is an array in an array"),
        (_, Json::Null) => builder.wrong(None, "is null: leave it out"),
    }
}

/// Members of an object, in the order that the schema has; unknown ones last.
fn in_order(builder: &mut Builder<'_>, mut members: Vec<(String, Json)>) {
    if let Some(twice) = repeated(&members) {
        let twice = twice.to_string();
        builder.wrong(Some(&twice), "stands twice: write an array");
    }
    let expected = builder.expected();
    members.sort_by_key(|(name, _)| expected.iter().position(|element| element.name == name).unwrap_or(usize::MAX));
    for (name, value) in members {
        match (name.strip_prefix('@'), &value) {
            (Some("xmlns"), _) => {}
            (Some(attribute), Json::Text(text)) => builder.attribute(attribute, text),
            _ => element(builder, &name, value),
        }
    }
}

fn parse(text: &str, values_max: usize) -> Result<Json, serde_json::Error> {
    let left = Cell::new(values_max);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let json = Reader { left: &left }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(json)
}

/// Reads any JSON but fractions as numbers: their digits would be lost. How deep it may go, `serde_json` bounds (128); how
/// many values it may have, `left`.
#[derive(Clone, Copy)]
struct Reader<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("more values than are read"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, true or false, an object or an array (write decimals as strings)")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Text(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key()? {
            members.push((name, map.next_value_seed(self)?));
        }
        Ok(Json::Object(members))
    }
}
