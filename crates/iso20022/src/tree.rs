//! A message as a tree of elements of its schema, in one vector.

use crate::problem::Scope;
use crate::schema::{Body, Definition, Element, Type};

/// The number of a node in its tree. The root is 0.
pub(crate) type Id = u32;
/// No node.
const NONE: Id = Id::MAX;

/// A message whose elements are all known to its schema, with the exact place of each.
#[derive(Clone, Debug)]
pub struct Tree {
    definition: &'static Definition,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    element: &'static Element,
    parent: Id,
    first: Id,
    last: Id,
    next: Id,
    /// Which one of those of the same name below the same parent it is, from 0.
    number: u32,
    text: Box<str>,
    currency: Option<Box<str>>,
}

impl Tree {
    /// A message with nothing but its root.
    pub(crate) fn new(definition: &'static Definition) -> Self {
        let mut tree = Self { definition, nodes: Vec::new() };
        tree.nodes.push(Node::new(&definition.root, NONE, 0));
        tree
    }

    /// The version of the message.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    pub(crate) fn root(&self) -> View<'_> {
        View { tree: self, id: 0 }
    }

    pub(crate) fn view(&self, id: Id) -> View<'_> {
        View { tree: self, id }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A tree always has its root.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Appends an element below `parent`. `None` when there is no room for more.
    pub(crate) fn append(&mut self, parent: Id, element: &'static Element) -> Option<Id> {
        let id = Id::try_from(self.nodes.len()).ok().filter(|id| *id != NONE)?;
        let last = self.node(parent)?.last;
        let number = match self.node(last) {
            _ if !element.repeats() => 0,
            Some(before) if before.element.name == element.name => before.number.saturating_add(1),
            _ => u32::try_from(self.view(parent).all(element.name).count()).unwrap_or(u32::MAX),
        };
        self.nodes.push(Node::new(element, parent, number));
        match self.node_mut(last) {
            Some(before) => before.next = id,
            None => self.node_mut(parent)?.first = id,
        }
        self.node_mut(parent)?.last = id;
        Some(id)
    }

    /// Puts an element below `parent` where the schema has its place, after those of the same name.
    pub(crate) fn insert(&mut self, parent: Id, element: &'static Element) -> Option<Id> {
        let position = self.position(parent, element)?;
        // Most elements come in order: then the last one says it all.
        let last = self.node(parent)?.last;
        if self.node(last).is_none_or(|last| self.position(parent, last.element).is_some_and(|at| at <= position)) {
            return self.append(parent, element);
        }
        let before = self
            .view(parent)
            .children()
            .take_while(|child| self.position(parent, child.element()).is_some_and(|at| at <= position));
        let before = before.last().map(|child| (child.id, child.element().name == element.name));
        let id = Id::try_from(self.nodes.len()).ok().filter(|id| *id != NONE)?;
        let (next, number) = match before {
            None => (self.node(parent)?.first, 0),
            Some((before, same)) => {
                let before = self.node(before)?;
                (before.next, if same { before.number.saturating_add(1) } else { 0 })
            }
        };
        self.nodes.push(Node { next, ..Node::new(element, parent, number) });
        match before {
            None => self.node_mut(parent)?.first = id,
            Some((before, _)) => self.node_mut(before)?.next = id,
        }
        if next == NONE {
            self.node_mut(parent)?.last = id;
        }
        Some(id)
    }

    /// The last element of a name below `parent`.
    pub(crate) fn last_of(&self, parent: Id, name: &str) -> Option<Id> {
        let last = self.node(parent)?.last;
        if self.node(last).is_some_and(|last| last.element.name == name) {
            return Some(last);
        }
        self.view(parent).all(name).last().map(|view| view.id)
    }

    /// Where an element stands in the content of its parent's type.
    fn position(&self, parent: Id, element: &Element) -> Option<usize> {
        self.view(parent).kind().elements().iter().position(|known| known.name == element.name)
    }

    pub(crate) fn set_text(&mut self, id: Id, text: &str) {
        if let Some(node) = self.node_mut(id) {
            node.text = text.into();
        }
    }

    pub(crate) fn set_currency(&mut self, id: Id, currency: &str) {
        if let Some(node) = self.node_mut(id) {
            node.currency = Some(currency.into());
        }
    }

    fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(usize::try_from(id).ok()?)
    }

    fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(id).ok()?)
    }
}

impl PartialEq for Tree {
    /// The same message with the same elements and values in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition && same(self.root(), other.root())
    }
}

impl Eq for Tree {}

fn same(left: View<'_>, right: View<'_>) -> bool {
    left.name() == right.name()
        && left.text() == right.text()
        && left.currency() == right.currency()
        && left.children().count() == right.children().count()
        && left.children().zip(right.children()).all(|(left, right)| same(left, right))
}

impl Node {
    fn new(element: &'static Element, parent: Id, number: u32) -> Self {
        Self { element, parent, first: NONE, last: NONE, next: NONE, number, text: "".into(), currency: None }
    }
}

impl Type {
    /// The elements that a type may hold; none where it holds characters.
    pub(crate) fn elements(&self) -> &'static [Element] {
        match self.body {
            Body::Elements(elements) => elements,
            _ => &[],
        }
    }

    /// The first of them of this name.
    pub(crate) fn element(&self, name: &str) -> Option<&'static Element> {
        self.elements().iter().find(|element| element.name == name)
    }
}

/// One element of a message.
#[derive(Clone, Copy)]
pub(crate) struct View<'t> {
    tree: &'t Tree,
    pub(crate) id: Id,
}

impl<'t> View<'t> {
    fn node(self) -> Option<&'t Node> {
        self.tree.node(self.id)
    }

    pub(crate) fn element(self) -> &'static Element {
        self.node().map_or(&self.tree.definition.root, |node| node.element)
    }

    pub(crate) fn tree(self) -> &'t Tree {
        self.tree
    }

    pub(crate) fn name(self) -> &'static str {
        self.element().name
    }

    pub(crate) fn kind(self) -> &'static Type {
        self.element().kind
    }

    /// Its characters; empty where it holds elements.
    pub(crate) fn text(self) -> &'t str {
        self.node().map(|node| &*node.text).unwrap_or_default()
    }

    pub(crate) fn currency(self) -> Option<&'t str> {
        self.node()?.currency.as_deref()
    }

    pub(crate) fn parent(self) -> Option<View<'t>> {
        let parent = self.node()?.parent;
        (parent != NONE).then_some(View { tree: self.tree, id: parent })
    }

    pub(crate) fn children(self) -> impl Iterator<Item = View<'t>> {
        let tree = self.tree;
        let first = self.node().map_or(NONE, |node| node.first);
        let follow = move |id: &Id| Some(tree.node(*id)?.next).filter(|next| *next != NONE);
        std::iter::successors(Some(first).filter(|id| *id != NONE), follow).map(move |id| View { tree, id })
    }

    /// Those of a name directly below.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = View<'t>> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first at the end of a path such as `PmtId/EndToEndId`.
    pub(crate) fn at(self, path: &str) -> Option<View<'t>> {
        path.split('/').try_fold(self, |view, name| view.all(name).next())
    }

    /// The characters at the end of a path.
    pub(crate) fn value(self, path: &str) -> Option<&'t str> {
        self.at(path).map(View::text)
    }

    /// The first of several paths that leads somewhere: versions of a message name the same thing differently.
    pub(crate) fn any(self, paths: &[&str]) -> Option<View<'t>> {
        paths.iter().find_map(|path| self.at(path))
    }

    /// Everything below, itself first, in the order of the message.
    pub(crate) fn walk(self, visit: &mut impl FnMut(View<'t>)) {
        visit(self);
        self.children().for_each(|child| child.walk(visit));
    }

    /// The exact place, such as `/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[3]/PmtId`.
    pub(crate) fn path(self) -> String {
        let mut steps = Vec::new();
        let mut here = Some(self);
        while let Some(view) = here {
            let number = view.node().map(|node| u64::from(node.number).saturating_add(1)).unwrap_or_default();
            steps.push(if view.element().repeats() {
                format!("{}[{number}]", view.name())
            } else {
                view.name().into()
            });
            here = view.parent();
        }
        if self.tree.definition.root.name != HEADER {
            steps.push("Document".into());
        }
        steps.push(String::new());
        steps.reverse();
        steps.join("/")
    }

    /// Which one of those of its name below its parent it is, from 0.
    pub(crate) fn number(self) -> usize {
        self.node().and_then(|node| usize::try_from(node.number).ok()).unwrap_or_default()
    }

    /// The first ancestor, itself included, of this name.
    pub(crate) fn within(self, name: &str) -> Option<View<'t>> {
        std::iter::successors(Some(self), |view| view.parent()).find(|view| view.name() == name)
    }
}

/// The name of the business application header, which stands beside the document and not in it.
pub(crate) const HEADER: &str = "AppHdr";

/// Which payment of a message a place belongs to.
pub(crate) fn scope(view: View<'_>) -> Scope {
    let shape = Shape::of(view.tree().definition());
    let Some(item) = shape.item.and_then(|name| view.within(name)) else {
        let batch = shape.batch.and_then(|name| view.within(name));
        return batch.map_or(Scope::Message, |batch| Scope::Batch(batch.number()));
    };
    let before: usize = match (shape.batch, item.parent()) {
        (Some(name), Some(batch)) if batch.name() == name => {
            let earlier = batch.parent().into_iter().flat_map(|root| root.all(name)).take(batch.number());
            earlier.map(|batch| batch.all(item.name()).count()).fold(0, usize::saturating_add)
        }
        _ => 0,
    };
    Scope::Item(before.saturating_add(item.number()))
}

/// How a message is made up of batches and items.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// The element of a batch, where there are batches.
    pub(crate) batch: Option<&'static str>,
    /// The element of one payment, return or request.
    pub(crate) item: Option<&'static str>,
}

impl Shape {
    pub(crate) fn of(definition: &Definition) -> Self {
        let (batch, item) = match definition.family {
            "pain.001.001" => (Some("PmtInf"), "CdtTrfTxInf"),
            "pain.002.001" => (Some("OrgnlPmtInfAndSts"), "TxInfAndSts"),
            "pacs.008.001" | "pacs.009.001" => (None, "CdtTrfTxInf"),
            "pacs.002.001" => (None, "TxInfAndSts"),
            "pacs.004.001" | "pacs.028.001" => (None, "TxInf"),
            "camt.056.001" => (Some("Undrlyg"), "TxInf"),
            "camt.029.001" => (Some("CxlDtls"), "TxInfAndSts"),
            _ => return Self { batch: None, item: None },
        };
        Self { batch, item: Some(item) }
    }

    /// Every item of a message, in order, with its batch.
    pub(crate) fn items<'t>(self, tree: &'t Tree) -> Vec<(Option<View<'t>>, View<'t>)> {
        let Some(item) = self.item else { return Vec::new() };
        let root = tree.root();
        match self.batch {
            None => root.all(item).map(|item| (None, item)).collect(),
            Some(batch) => {
                let batches = root.all(batch);
                batches.flat_map(|batch| batch.all(item).map(move |item| (Some(batch), item))).collect()
            }
        }
    }
}
