//! XML in: a stream of events to the builder, with everything refused that a payment message never needs.
//!
//! No document type, no entity but the five of XML itself, no depth and no size beyond the limits. Comments and processing
//! instructions are passed over. `AppHdr` and `Document` may stand alone, one after the other, or in the wrapper of any
//! network; the wrapper's own elements are passed over.

use crate::builder::Builder;
use crate::decode::is_forbidden;
use crate::limits::Limits;
use crate::problem::{Kind, Problem, excerpt, reason};
use crate::schema::{Definition, NAMESPACE};
use crate::tree::HEADER;
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use std::fmt::Write as _;

const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const DOCUMENT: &str = "Document";
/// Most attributes of an element, and most characters of a namespace. Comparing them costs their product.
const ATTRIBUTES_MAX: usize = 64;
const NAMESPACE_CHARS_MAX: usize = 1_000;

/// What was read before an end, or before something that cannot be read.
pub(crate) struct Read<'l> {
    pub(crate) header: Option<Builder<'l>>,
    pub(crate) document: Option<Builder<'l>>,
    /// What ended the reading.
    pub(crate) fatal: Option<Problem>,
}

/// Reads a message in XML.
pub(crate) fn read<'l>(text: &str, limits: &'l Limits) -> Read<'l> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::new(limits);
    let fatal = loop {
        let step = match reader.read_event() {
            Ok(event) => reading.event(event, &reader),
            Err(error) => Err(reading.malformed(format!("is not well-formed XML: {error}"))),
        };
        match step {
            Ok(Step::More) => {}
            Ok(Step::End) => break None,
            Err(mut problem) => {
                let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                let before = text.get(..at).unwrap_or(text);
                let line = before.matches('\n').count().saturating_add(1);
                write!(problem.text, " (line {line})").ok();
                break Some(problem);
            }
        }
    };
    Read { header: reading.header, document: reading.document, fatal }
}

enum Step {
    More,
    End,
}

/// Which part of the input an element belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Wrapper,
    /// Not a message at all, but an element of another vocabulary that is read alone.
    Foreign,
    Header,
    Document,
}

struct Reading<'l> {
    limits: &'l Limits,
    header: Option<Builder<'l>>,
    document: Option<Builder<'l>>,
    part: Part,
    /// The namespace of the part.
    namespace: String,
    /// Open elements, and how many were open when the part began.
    open: usize,
    part_open: usize,
    /// Content of another vocabulary that is being kept.
    foreign: Option<Foreign>,
    begun: bool,
    wrapped: bool,
}

impl<'l> Reading<'l> {
    const fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            header: None,
            document: None,
            part: Part::Wrapper,
            namespace: String::new(),
            open: 0,
            part_open: 0,
            foreign: None,
            begun: false,
            wrapped: false,
        }
    }

    fn builder(&mut self) -> Option<&mut Builder<'l>> {
        match self.part {
            Part::Wrapper | Part::Foreign => None,
            Part::Header => self.header.as_mut(),
            Part::Document => self.document.as_mut(),
        }
    }

    fn malformed(&mut self, text: String) -> Problem {
        let path = self.builder().map_or_else(|| "/".into(), |builder| builder.path());
        Problem::malformed(path, text)
    }

    fn event(&mut self, event: Event<'_>, reader: &NsReader<&[u8]>) -> Result<Step, Problem> {
        match event {
            Event::Start(start) => self.start(&start, reader)?,
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = self.resolve(&reference)?;
                self.text(character.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => {
                return Err(self.malformed("has a document type, which no message needs: leave it out".into()));
            }
            Event::Decl(declaration) => {
                let version = declaration.version().map(|version| version.into_owned()).unwrap_or_default();
                if version != "1.0" || self.begun {
                    return Err(
                        self.malformed("has an XML declaration other than version 1.0 at the very beginning".into())
                    );
                }
            }
            Event::Eof => return self.finish(),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Empty(_) => return Err(self.malformed("is not well-formed XML".into())),
        }
        self.begun = true;
        let hopeless = self.builder().is_some_and(|builder| builder.is_hopeless());
        Ok(if hopeless { Step::End } else { Step::More })
    }

    fn finish(&mut self) -> Result<Step, Problem> {
        if self.open > 0 {
            let open = self.open;
            return Err(self.malformed(format!("ends with {open} elements open: it is not complete")));
        }
        Ok(Step::End)
    }

    /// The namespace of a name, if it is in one.
    fn declared<'n>(&mut self, namespace: ResolveResult<'n>) -> Result<Option<&'n str>, Problem> {
        match namespace {
            ResolveResult::Bound(namespace) => Ok(Some(namespace.0)),
            ResolveResult::Unbound => Ok(None),
            ResolveResult::Unknown(prefix) => {
                Err(self.malformed(format!("has the prefix {prefix:?}, which is not declared")))
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, reader: &NsReader<&[u8]>) -> Result<(), Problem> {
        if self.open >= self.limits.depth_max {
            let most = self.limits.depth_max;
            return Err(self.malformed(format!("has more than {most} elements one inside another")));
        }
        if self.open == 0 && self.wrapped {
            return Err(self.malformed("has more than one outermost element".into()));
        }
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let name: &str = local.as_ref();
        let namespace = self.declared(namespace)?.filter(|namespace| namespace.len() <= NAMESPACE_CHARS_MAX);
        match self.part {
            Part::Wrapper => self.start_outside(namespace, name)?,
            Part::Foreign => {}
            Part::Header | Part::Document => self.start_inside(namespace, name),
        }
        self.open = self.open.saturating_add(1);
        self.attributes(start, reader)
    }

    /// An element of a wrapper, or the one with which header or document begin.
    fn start_outside(&mut self, namespace: Option<&str>, name: &str) -> Result<(), Problem> {
        let part = match name {
            HEADER => Part::Header,
            DOCUMENT => Part::Document,
            _ if namespace.is_some_and(|namespace| namespace.starts_with(NAMESPACE)) => {
                let text = format!("{} is not expected: a message begins with {DOCUMENT}", excerpt(name));
                return Err(Problem::unsupported(format!("/{}", excerpt(name)), text));
            }
            _ => {
                self.wrapped |= self.open == 0;
                return Ok(());
            }
        };
        let again = if part == Part::Header { self.header.is_some() } else { self.document.is_some() };
        if again {
            return Err(Problem::malformed(format!("/{name}"), "stands twice: send one message at a time"));
        }
        let message = message(namespace, name)?;
        let mut builder = Builder::new(message, self.limits);
        if part == Part::Header {
            builder.open(HEADER);
            self.header = Some(builder);
        } else {
            self.document = Some(builder);
        }
        self.part = part;
        self.part_open = self.open;
        self.namespace = message.namespace();
        Ok(())
    }

    fn start_inside(&mut self, namespace: Option<&str>, name: &str) {
        if self.foreign.is_some() {
            return;
        }
        let own = namespace == Some(self.namespace.as_str());
        let expected = if own { String::new() } else { self.namespace.clone() };
        let most = self.limits.value_chars_max;
        let Some(builder) = self.builder() else { return };
        if builder.is_foreign() {
            self.foreign = Some(Foreign::new(most));
            return;
        }
        if own {
            builder.open(name);
        } else {
            let found =
                namespace.map_or_else(|| "no namespace".into(), |found| format!("the namespace {}", excerpt(found)));
            builder.wrong(Some(name), &format!("is in {found}, not in {expected}"));
            builder.pass_over();
        }
    }

    fn attributes(&mut self, start: &BytesStart<'_>, reader: &NsReader<&[u8]>) -> Result<(), Problem> {
        let mut kept = Vec::new();
        for (number, attribute) in start.attributes().enumerate() {
            if number >= ATTRIBUTES_MAX {
                return Err(self.malformed(format!("has an element with more than {ATTRIBUTES_MAX} attributes")));
            }
            let attribute = attribute.map_err(|error| self.malformed(format!("is not well-formed XML: {error}")))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(format!("is not well-formed XML: {error}")))?;
            if let Some(forbidden) = value.chars().find(|c| is_forbidden(*c)) {
                return Err(self.malformed(format!(
                    "has the character U+{:04X}, which no message may have",
                    u32::from(forbidden)
                )));
            }
            if attribute.key.as_namespace_binding().is_some() {
                if value.len() > NAMESPACE_CHARS_MAX {
                    return Err(
                        self.malformed(format!("has a namespace of more than {NAMESPACE_CHARS_MAX} characters"))
                    );
                }
                continue;
            }
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let namespace = self.declared(namespace)?;
            kept.push((namespace.map(String::from), local.as_ref().to_string(), value.into_owned()));
        }
        if let Some(foreign) = &mut self.foreign {
            let (namespace, local) = reader.resolver().resolve_element(start.name());
            let namespace = if let ResolveResult::Bound(namespace) = namespace { namespace.0 } else { "" };
            foreign.start(namespace, local.as_ref(), &kept);
            return Ok(());
        }
        let at_document = self.part == Part::Document && self.open == self.part_open.saturating_add(1);
        let Some(builder) = self.builder() else { return Ok(()) };
        for (namespace, name, value) in kept {
            match (namespace.as_deref(), name.as_str()) {
                (Some(SCHEMA_INSTANCE), "schemaLocation" | "noNamespaceSchemaLocation") => {}
                (None, "Ccy") if !at_document => builder.currency(&value),
                _ if at_document => {
                    let place = format!("/Document/@{}", excerpt(&name));
                    builder.note(Problem::new(Kind::Structure, place, reason::FORMAT, "is not known here"));
                }
                _ => builder.attribute(&name, &value),
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
        if let Some(foreign) = &mut self.foreign {
            if foreign.end() {
                let text = std::mem::take(&mut foreign.text);
                self.foreign = None;
                if let Some(builder) = self.builder() {
                    builder.foreign(&text);
                }
            }
            return;
        }
        let ends_part = self.open == self.part_open;
        match self.part {
            Part::Wrapper | Part::Foreign => return,
            Part::Document if ends_part => {}
            _ => {
                if let Some(builder) = self.builder() {
                    builder.close();
                }
            }
        }
        if ends_part {
            self.part = Part::Wrapper;
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
        if self.open == 0 && !blank {
            return Err(self.malformed("has characters outside of any element".into()));
        }
        if let Some(foreign) = &mut self.foreign {
            foreign.put(&escape(text));
            return Ok(());
        }
        let at_document = self.part == Part::Document && self.open == self.part_open.saturating_add(1);
        if at_document && !blank {
            return Err(Problem::new(
                Kind::Structure,
                "/Document",
                reason::FORMAT,
                "holds characters beside its element",
            ));
        }
        if let Some(builder) = self.builder().filter(|_| !at_document) {
            builder.text(text);
        }
        Ok(())
    }

    /// The character that a reference stands for.
    fn resolve(&mut self, reference: &BytesRef<'_>) -> Result<char, Problem> {
        let name: &str = reference;
        match name {
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "amp" => return Ok('&'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => {}
        }
        match reference.resolve_char_ref() {
            Ok(Some(character)) if !is_forbidden(character) => Ok(character),
            Ok(None) => Err(self.malformed(format!("has the entity &{};, and entities are not read", excerpt(name)))),
            _ => Err(self.malformed(format!("has &{};, which is no character", excerpt(name)))),
        }
    }
}

/// The message that a namespace names.
fn message(namespace: Option<&str>, name: &str) -> Result<&'static Definition, Problem> {
    let place = format!("/{name}/@xmlns");
    let Some(namespace) = namespace else {
        return Err(Problem::unsupported(place, format!("is missing: write {NAMESPACE}pacs.008.001.08, or the like")));
    };
    let Some(definition) = namespace.strip_prefix(NAMESPACE) else {
        let text = format!("is no namespace of ISO 20022: they begin with {NAMESPACE}");
        return Err(Problem::unsupported(place, text).with_value(namespace));
    };
    let found = Definition::find(definition).filter(|message| (message.root.name == HEADER) == (name == HEADER));
    found.ok_or_else(|| Problem::unsupported(place, known_instead(definition)).with_value(definition))
}

/// What to send in place of a message that is not known.
pub(crate) fn known_instead(definition: &str) -> String {
    let family = definition.rsplit_once('.').map_or(definition, |(family, _)| family);
    let versions: Vec<String> = Definition::versions(family).map(|message| format!("{:02}", message.version)).collect();
    if versions.is_empty() {
        return "is a message that is not read here".into();
    }
    format!("is a version that is not read here: {family} is, in the versions {}", versions.join(", "))
}

/// An element of another vocabulary, written again with its namespaces said where they change.
struct Foreign {
    text: String,
    /// Most bytes that are kept. One part more may be written, so that what is too long is seen to be.
    most: usize,
    /// Namespaces and names of open elements.
    open: Vec<(String, String)>,
}

impl Foreign {
    const fn new(most: usize) -> Self {
        Self { text: String::new(), most, open: Vec::new() }
    }

    fn put(&mut self, part: &str) {
        if self.text.len() <= self.most {
            self.text.push_str(part);
        }
    }

    fn start(&mut self, namespace: &str, name: &str, attributes: &[(Option<String>, String, String)]) {
        let inherited = self.open.last().map_or("", |(namespace, _)| namespace) == namespace;
        self.put(&format!("<{name}"));
        if !inherited {
            self.put(&format!(" xmlns=\"{}\"", escape(namespace)));
        }
        for (number, (namespace, name, value)) in attributes.iter().enumerate() {
            let value = escape(value.as_str());
            let part = match namespace.as_deref() {
                None => format!(" {name}=\"{value}\""),
                Some("http://www.w3.org/XML/1998/namespace") => format!(" xml:{name}=\"{value}\""),
                Some(uri) => format!(" xmlns:n{number}=\"{}\" n{number}:{name}=\"{value}\"", escape(uri)),
            };
            self.put(&part);
        }
        self.put(">");
        self.open.push((namespace.into(), name.into()));
    }

    /// Ends an element, and says whether it was the outermost.
    fn end(&mut self) -> bool {
        if let Some((_, name)) = self.open.pop() {
            self.put(&format!("</{name}>"));
        }
        self.open.is_empty()
    }
}

/// One element of another vocabulary, given as text: well-formed, and within the limits.
pub(crate) fn foreign(text: &str, limits: &Limits) -> Result<String, Problem> {
    let wrapped = format!("<x>{text}</x>");
    let mut reader = NsReader::from_str(&wrapped);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::new(limits);
    reading.part = Part::Foreign;
    let mut kept = Vec::new();
    loop {
        let event =
            reader.read_event().map_err(|error| reading.malformed(format!("is not well-formed XML: {error}")))?;
        let begins = matches!(event, Event::Start(_)) && reading.open > 0;
        if begins && reading.foreign.is_none() {
            reading.foreign = Some(Foreign::new(limits.value_chars_max));
        }
        let before = reading.foreign.as_ref().filter(|foreign| foreign.open.len() == 1);
        let last = matches!(event, Event::End(_)).then(|| before.map(|foreign| foreign.text.clone())).flatten();
        let name = reading.foreign.as_ref().and_then(|foreign| foreign.open.first().map(|(_, name)| name.clone()));
        if let Some(last) = last {
            kept.push(format!("{last}</{}>", name.unwrap_or_default()));
        }
        if let Step::End = reading.event(event, &reader)? {
            break;
        }
    }
    match kept.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(Problem::malformed("/", "is not one element")),
    }
}
