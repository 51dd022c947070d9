//! Elements in, a tree of the schema out: the one place that knows which element may stand where.
//!
//! XML and JSON are read into the same calls ([`Builder::open`], [`Builder::text`], [`Builder::close`]), so both are held
//! to the same rules with the same words. A problem is noted and reading goes on, so that all problems of a message are
//! named at once; what is not known to the schema is passed over.

use crate::limits::Limits;
use crate::problem::{Kind, Problem, Problems, reason};
use crate::schema::{Body, Definition, Element, Fault, MANY, Type};
use crate::tree::{Id, Tree, scope};
use crate::value;

/// A message while it is read.
pub(crate) struct Builder<'l> {
    tree: Tree,
    limits: &'l Limits,
    problems: Problems,
    frames: Vec<Frame>,
    /// Elements below one that is not known.
    passed_over: usize,
    /// Whether the root came.
    begun: bool,
    overfull: bool,
}

/// An open element.
struct Frame {
    id: Id,
    /// Where in the content of its type reading stands, and how many of that element came. Nothing came yet at `None`.
    at: Option<usize>,
    count: u16,
    text: String,
    currency: Option<String>,
}

impl<'l> Builder<'l> {
    pub(crate) fn new(message: &'static Definition, limits: &'l Limits) -> Self {
        let tree = Tree::new(message);
        let problems = Problems::new(limits.problems_max);
        Self { tree, limits, problems, frames: Vec::new(), passed_over: 0, begun: false, overfull: false }
    }

    /// An element begins. Unknown ones are noted, and everything in them is passed over.
    pub(crate) fn open(&mut self, name: &str) {
        if self.passed_over > 0 {
            self.passed_over = self.passed_over.saturating_add(1);
            return;
        }
        let Some(frame) = self.frames.last() else {
            self.open_root(name);
            return;
        };
        let (parent, kind) = (frame.id, self.tree.view(frame.id).kind());
        let Some(index) = find(kind, name, frame.at) else {
            self.unknown(parent, kind, name);
            self.passed_over = 1;
            return;
        };
        self.advance(kind, index, name);
        let element = kind.elements().get(index);
        let child = element.filter(|_| self.has_room()).and_then(|element| self.tree.append(parent, element));
        match child {
            Some(id) => self.frames.push(Frame::new(id)),
            None => self.passed_over = 1,
        }
    }

    fn open_root(&mut self, name: &str) {
        let root = self.tree.definition().root.name;
        if self.begun || name != root {
            let place = format!("/Document/{name}");
            let text = format!("is not expected: {} holds one {root}", self.tree.definition().name());
            self.problems.push(Problem::new(Kind::Structure, place, reason::FORMAT, text));
            self.passed_over = 1;
            return;
        }
        self.begun = true;
        self.frames.push(Frame::new(0));
    }

    fn has_room(&mut self) -> bool {
        if self.tree.len() < self.limits.elements_max {
            return true;
        }
        if !self.overfull {
            self.overfull = true;
            let text = format!("has more than {} elements: divide the message", self.limits.elements_max);
            self.problems.push(Problem::malformed("/", text));
        }
        false
    }

    /// Whether reading on says nothing new.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.overfull || self.problems.is_full()
    }

    /// Moves the place in the content of the open element on to `index`, and notes what that skips or breaks.
    fn advance(&mut self, kind: &'static Type, index: usize, name: &str) {
        let Some(frame) = self.frames.last_mut() else { return };
        let (parent, before, count) = (frame.id, frame.at, frame.count);
        let elements = kind.elements();
        let Some(new) = elements.get(index) else { return };
        let old = before.and_then(|at| elements.get(at));
        frame.at = Some(index);
        frame.count = 1;
        let text = match old {
            Some(old) if old.name == new.name => {
                frame.count = count.saturating_add(1);
                (frame.count == new.most.saturating_add(1) && new.most != MANY).then(|| match new.most {
                    1 => "stands twice, and may stand once".to_string(),
                    most => format!("stands more than {most} times"),
                })
            }
            Some(old) if old.slot == new.slot => Some(format!("stands beside {}, and only one of them may", old.name)),
            Some(old) if old.slot > new.slot => {
                // The place stays where it was, so that what follows in order is not blamed too.
                frame.at = before;
                frame.count = count;
                Some(format!("stands after {}, and belongs before it", old.name))
            }
            _ => None,
        };
        if let Some(text) = text {
            let number = if new.repeats() {
                format!("[{}]", self.tree.view(parent).all(name).count().saturating_add(1))
            } else {
                String::new()
            };
            let place = format!("{}/{name}{number}", self.tree.view(parent).path());
            let problem = Problem::new(Kind::Structure, place, reason::FORMAT, text);
            self.problems.push(problem.within(scope(self.tree.view(parent))));
        } else {
            let from = old.map(|old| old.slot);
            let passed = elements.iter().filter(|e| from.is_none_or(|slot| e.slot > slot) && e.slot < new.slot);
            self.missing(parent, &passed.collect::<Vec<_>>());
        }
    }

    /// Notes the places among `passed` that must have held something.
    fn missing(&mut self, parent: Id, passed: &[&'static Element]) {
        for alternatives in passed.chunk_by(|left, right| left.slot == right.slot) {
            if !alternatives.iter().all(|element| element.least > 0) {
                continue;
            }
            let path = self.tree.view(parent).path();
            let names: Vec<&str> = alternatives.iter().map(|element| element.name).collect();
            let (place, text) = match names.as_slice() {
                [name] => (format!("{path}/{name}"), "is missing".to_string()),
                names => (path, format!("needs one of {}", names.join(", "))),
            };
            let problem = Problem::new(Kind::Structure, place, reason::FORMAT, text);
            self.problems.push(problem.within(scope(self.tree.view(parent))));
        }
    }

    fn unknown(&mut self, parent: Id, kind: &'static Type, name: &str) {
        let place = format!("{}/{}", self.tree.view(parent).path(), crate::problem::excerpt(name));
        let text = match kind.body {
            Body::Elements(_) => format!("is not known to {} here", self.tree.definition().name()),
            _ => "stands where characters are expected".into(),
        };
        let problem = Problem::new(Kind::Structure, place, reason::FORMAT, text);
        self.problems.push(problem.within(scope(self.tree.view(parent))));
    }

    /// Characters of the open element.
    pub(crate) fn text(&mut self, text: &str) {
        if self.passed_over > 0 {
            return;
        }
        let most = self.limits.value_chars_max;
        let Some(frame) = self.frames.last_mut() else { return };
        let holds_elements = matches!(self.tree.view(frame.id).kind().body, Body::Elements(_) | Body::Any);
        let is_blank = text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        if holds_elements && is_blank {
            return;
        }
        if holds_elements {
            let path = self.tree.view(frame.id).path();
            let problem =
                Problem::new(Kind::Structure, path, reason::FORMAT, "holds characters, and elements are expected");
            let problem = problem.with_value(text.trim()).within(scope(self.tree.view(frame.id)));
            self.problems.push(problem);
        } else if frame.text.len().saturating_add(text.len()) <= most.saturating_mul(4) {
            frame.text.push_str(text);
        } else if !self.overfull {
            self.overfull = true;
            let path = self.tree.view(frame.id).path();
            self.problems.push(Problem::malformed(path, format!("has more than {most} characters")));
        }
    }

    /// The attribute `Ccy` of the open element.
    pub(crate) fn currency(&mut self, value: &str) {
        if self.passed_over > 0 {
            return;
        }
        let Some(frame) = self.frames.last_mut() else { return };
        if matches!(self.tree.view(frame.id).kind().body, Body::Amount(..)) {
            frame.currency = Some(value.into());
        } else {
            self.attribute("Ccy", value);
        }
    }

    /// An attribute that is not known.
    pub(crate) fn attribute(&mut self, name: &str, value: &str) {
        let Some(frame) = self.frames.last().filter(|_| self.passed_over == 0) else { return };
        let place = format!("{}/@{}", self.tree.view(frame.id).path(), crate::problem::excerpt(name));
        let problem = Problem::new(Kind::Structure, place, reason::FORMAT, "is not known here").with_value(value);
        self.problems.push(problem.within(scope(self.tree.view(frame.id))));
    }

    /// Something that is wrong outside of the elements that are open here.
    pub(crate) fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Something else that is wrong with the open element, or with one of this name in it.
    pub(crate) fn wrong(&mut self, name: Option<&str>, text: &str) {
        let Some(frame) = self.frames.last().filter(|_| self.passed_over == 0) else { return };
        let view = self.tree.view(frame.id);
        let place =
            name.map_or_else(|| view.path(), |name| format!("{}/{}", view.path(), crate::problem::excerpt(name)));
        self.problems.push(Problem::new(Kind::Structure, place, reason::FORMAT, text).within(scope(view)));
    }

    /// Whether the open element may hold anything of another vocabulary.
    pub(crate) fn is_foreign(&self) -> bool {
        let open = self.frames.last().filter(|_| self.passed_over == 0);
        open.is_some_and(|frame| matches!(self.tree.view(frame.id).kind().body, Body::Any))
    }

    pub(crate) const fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// What begins now is not known here: everything in it is passed over.
    pub(crate) fn pass_over(&mut self) {
        self.passed_over = self.passed_over.saturating_add(1);
    }

    /// An element of another vocabulary, written as XML, in an open element that may hold one.
    pub(crate) fn foreign(&mut self, xml: &str) {
        let most = self.limits.value_chars_max;
        let Some(frame) = self.frames.last_mut().filter(|_| self.passed_over == 0) else { return };
        if !frame.text.is_empty() {
            self.wrong(None, "holds more than one element");
        } else if xml.len() > most {
            self.wrong(None, "holds more than is kept of other vocabularies");
        } else {
            frame.text.push_str(xml);
        }
    }

    /// Names that the schema has in the open element, in order.
    pub(crate) fn expected(&self) -> &'static [Element] {
        let open = self.frames.last().filter(|_| self.passed_over == 0);
        open.map(|frame| self.tree.view(frame.id).kind().elements()).unwrap_or_default()
    }

    /// What the open element is.
    pub(crate) fn kind(&self) -> Option<&'static Type> {
        let open = self.frames.last().filter(|_| self.passed_over == 0);
        open.map(|frame| self.tree.view(frame.id).kind())
    }

    /// The place of the open element, to say where a document breaks off.
    pub(crate) fn path(&self) -> String {
        self.frames.last().map_or_else(|| "/".into(), |frame| self.tree.view(frame.id).path())
    }

    /// The open element ends.
    pub(crate) fn close(&mut self) {
        if self.passed_over > 0 {
            self.passed_over = self.passed_over.saturating_sub(1);
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        match self.tree.view(frame.id).kind().body {
            Body::Elements(elements) => {
                let from = frame.at.and_then(|at| elements.get(at)).map(|element| element.slot);
                let rest = elements.iter().filter(|element| from.is_none_or(|slot| element.slot > slot));
                self.missing(frame.id, &rest.collect::<Vec<_>>());
            }
            Body::Any if frame.text.is_empty() => {
                let path = self.tree.view(frame.id).path();
                self.problems.push(Problem::new(Kind::Structure, path, reason::FORMAT, "holds no element"));
            }
            Body::Any => self.tree.set_text(frame.id, &frame.text),
            Body::Text(_) => self.set_value(frame.id, &frame.text),
            Body::Amount(value, currency) => {
                self.set_amount(&frame, value, currency);
            }
        }
    }

    fn set_value(&mut self, id: Id, text: &str) {
        let kind = self.tree.view(id).kind();
        let text = value::collapse(kind, text);
        self.tree.set_text(id, text);
        if let Err(fault) = value::check(kind, text) {
            let view = self.tree.view(id);
            let (kind, reason, words) = value::refusal(view, &fault);
            let problem = Problem::new(kind, view.path(), reason, words).with_value(text);
            self.problems.push(problem.within(scope(view)));
        }
    }

    fn set_amount(&mut self, frame: &Frame, value: &'static Type, currency: &'static Type) {
        let id = frame.id;
        let number = frame.text.trim();
        self.tree.set_text(id, number);
        let view = self.tree.view(id);
        let (path, scope) = (view.path(), scope(view));
        if let Err(fault) = value::check(value, number) {
            let reason = if matches!(fault, Fault::Decimals(_)) { reason::DECIMALS } else { reason::AMOUNT };
            let words = value::words(&fault);
            let problem = Problem::new(Kind::Structure, path.clone(), reason, words).with_value(number);
            self.problems.push(problem.within(scope));
        }
        let Some(code) = frame.currency.as_deref() else {
            let problem = Problem::new(Kind::Structure, format!("{path}/@Ccy"), reason::CURRENCY, "is missing");
            self.problems.push(problem.within(scope));
            return;
        };
        self.tree.set_currency(id, code);
        if value::check(currency, code).is_err() {
            let text = "is not a currency code: write three capital letters";
            let problem =
                Problem::new(Kind::Structure, format!("{path}/@Ccy"), reason::CURRENCY, text).with_value(code);
            self.problems.push(problem.within(scope));
        }
    }

    /// The tree and its problems, once everything is closed.
    pub(crate) fn finish(mut self) -> (Tree, Problems) {
        if !self.begun {
            let root = self.tree.definition().root.name;
            let problem = Problem::new(Kind::Structure, format!("/Document/{root}"), reason::FORMAT, "is missing");
            self.problems.push(problem);
        }
        (self.tree, self.problems)
    }
}

impl Frame {
    fn new(id: Id) -> Self {
        Self { id, at: None, count: 0, text: String::new(), currency: None }
    }
}

/// The element of this name in the content of a type: the next one from where reading stands, or else any.
fn find(kind: &Type, name: &str, at: Option<usize>) -> Option<usize> {
    let elements = kind.elements();
    let start = at.unwrap_or_default();
    let ahead = elements.iter().enumerate().skip(start).find(|(_, element)| element.name == name);
    ahead.or_else(|| elements.iter().enumerate().find(|(_, element)| element.name == name)).map(|(index, _)| index)
}
