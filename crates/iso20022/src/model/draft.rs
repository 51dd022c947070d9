//! A message that is being written: values at paths, put where the schema has them.

use crate::builder::Builder;
use crate::limits::Limits;
use crate::problem::{Kind, Problem, Rejection, reason};
use crate::schema::{Body, Definition};
use crate::tree::{Id, Tree, View};
use florin_types::Amount;

/// A message under way. What the schema does not know is remembered and refuses the message at the end.
pub(crate) struct Draft {
    tree: Tree,
    unknown: Vec<String>,
}

impl Draft {
    /// An empty message of this name, such as `pacs.002.001.10`.
    pub(crate) fn new(name: &str) -> Result<Self, Rejection> {
        let found = Definition::find(name);
        let definition =
            found.ok_or_else(|| Rejection::of(Problem::unsupported("/", format!("{name} is not written here"))))?;
        Ok(Self { tree: Tree::new(definition), unknown: Vec::new() })
    }

    /// The element at the end of a path below `at`: the last one of its name, or a new one. Of several paths
    /// (`BICFI|BIC`) the first that the schema knows.
    pub(crate) fn reach(&mut self, at: Id, paths: &str) -> Option<Id> {
        self.follow(at, paths, false)
    }

    /// As [`Draft::reach`], and the last element is always a new one.
    pub(crate) fn add(&mut self, at: Id, paths: &str) -> Option<Id> {
        self.follow(at, paths, true)
    }

    fn follow(&mut self, at: Id, paths: &str, new: bool) -> Option<Id> {
        let known = paths.split('|').find(|path| self.knows(at, path));
        let Some(path) = known else {
            self.unknown.push(format!("{}/{paths}", self.tree.view(at).path()));
            return None;
        };
        let mut here = at;
        let steps = path.split('/').count();
        for (number, name) in path.split('/').enumerate() {
            let last = number.saturating_add(1) == steps;
            let found = if new && last { None } else { self.tree.last_of(here, name) };
            here = match found {
                Some(found) => found,
                None => {
                    let element = self.tree.view(here).kind().element(name)?;
                    self.tree.insert(here, element)?
                }
            };
        }
        Some(here)
    }

    /// Whether the schema has this path below an element.
    pub(crate) fn knows(&self, at: Id, path: &str) -> bool {
        let mut kind = self.tree.view(at).kind();
        path.split('/').all(|name| kind.element(name).map(|element| kind = element.kind).is_some())
    }

    pub(crate) fn set(&mut self, id: Id, text: &str) {
        self.tree.set_text(id, text);
    }

    pub(crate) fn set_amount(&mut self, id: Id, amount: &Amount) {
        let printed = amount.to_string();
        let digits = printed.split(' ').next().unwrap_or_default();
        self.tree.set_text(id, digits);
        self.tree.set_currency(id, amount.currency().symbol());
    }

    /// The message, held to its schema as one that came from outside.
    pub(crate) fn finish(self) -> Result<Tree, Rejection> {
        let limits = Limits { elements_max: usize::MAX, ..Limits::default() };
        let mut builder = Builder::new(self.tree.definition(), &limits);
        replay(self.tree.root(), &mut builder);
        let (tree, problems) = builder.finish();
        let (mut problems, more) = problems.into_parts();
        let unknown = self.unknown.into_iter();
        problems.extend(
            unknown.map(|place| Problem::new(Kind::Structure, place, reason::FORMAT, "is not known to the schema")),
        );
        if problems.is_empty() { Ok(tree) } else { Err(Rejection { problems, more, original: Box::default() }) }
    }
}

fn replay(view: View<'_>, builder: &mut Builder<'_>) {
    builder.open(view.name());
    match &view.kind().body {
        Body::Elements(_) => view.children().for_each(|child| replay(child, builder)),
        Body::Any => builder.foreign(view.text()),
        Body::Text(_) | Body::Amount(..) => builder.text(view.text()),
    }
    if let Some(currency) = view.currency() {
        builder.currency(currency);
    }
    builder.close();
}
