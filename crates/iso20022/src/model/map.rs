//! One description of a part of a message, followed in both directions: read from a tree, or written to a draft.
//!
//! Each part of the model says once which field stands at which path ([`Mapped::map`]). So what is written is what is
//! read, and a new field is one line. Where versions name the same thing differently, a path has alternatives
//! (`BICFI|BIC`): the first that is there is read, the first that the schema knows is written.

use super::draft::Draft;
use super::parts::When;
use crate::problem::{Kind, Problem, reason};
use crate::reference::currency_digits;
use crate::tree::{Id, View, scope};
use florin_types::{Amount, Currency};

/// A part of the model that stands in a message.
pub(crate) trait Mapped: Default {
    /// Follows the fields, in either direction.
    fn map(&mut self, map: &mut Map<'_, '_>);
}

/// A place in a message, and what is done there.
pub(crate) enum Map<'m, 't> {
    /// Fields are filled from here. What cannot be taken over is noted.
    Read(View<'t>, &'m mut Vec<Problem>),
    /// Fields are written here.
    Write(&'m mut Draft, Id),
}

/// A part as it stands here.
pub(crate) fn read<T: Mapped>(view: View<'_>, problems: &mut Vec<Problem>) -> T {
    let mut part = T::default();
    part.map(&mut Map::Read(view, problems));
    part
}

impl Map<'_, '_> {
    fn find<'t>(view: View<'t>, paths: &str) -> Option<View<'t>> {
        paths.split('|').find_map(|path| view.at(path))
    }

    /// A value that may be missing.
    pub(crate) fn text(&mut self, paths: &str, field: &mut Option<String>) {
        match self {
            Map::Read(view, _) => *field = Self::find(*view, paths).map(|view| view.text().into()),
            Map::Write(draft, at) => {
                if let Some(value) = field.as_deref()
                    && let Some(id) = draft.reach(*at, paths)
                {
                    draft.set(id, value);
                }
            }
        }
    }

    /// A value that must be there.
    pub(crate) fn required(&mut self, paths: &str, field: &mut String) {
        let mut value = Some(std::mem::take(field));
        self.text(paths, &mut value);
        *field = value.unwrap_or_default();
    }

    /// A value that may stand several times.
    pub(crate) fn texts(&mut self, path: &str, field: &mut Vec<String>) {
        match self {
            Map::Read(view, _) => *field = all(*view, path).map(|view| view.text().into()).collect(),
            Map::Write(draft, at) => {
                for value in field.iter() {
                    if let Some(id) = draft.add(*at, path) {
                        draft.set(id, value);
                    }
                }
            }
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self, paths: &str, field: &mut Option<bool>) {
        let mut value = field.map(|flag| flag.to_string());
        self.text(paths, &mut value);
        *field = value.map(|value| matches!(value.as_str(), "true" | "1"));
    }

    /// A number of things.
    pub(crate) fn count(&mut self, paths: &str, field: &mut Option<u64>) {
        let mut value = field.map(|number| number.to_string());
        self.text(paths, &mut value);
        *field = value.and_then(|value| value.parse().ok());
    }

    /// Money.
    pub(crate) fn money(&mut self, paths: &str, field: &mut Option<Amount>) {
        match self {
            Map::Read(view, problems) => {
                *field = Self::find(*view, paths).and_then(|view| match amount(view) {
                    Ok(amount) => Some(amount),
                    Err(problem) => {
                        problems.push(problem);
                        None
                    }
                });
            }
            Map::Write(draft, at) => {
                if let Some(amount) = field.as_ref()
                    && let Some(id) = draft.reach(*at, paths)
                {
                    draft.set_amount(id, amount);
                }
            }
        }
    }

    /// A part that may be missing.
    pub(crate) fn part<T: Mapped>(&mut self, paths: &str, field: &mut Option<T>) {
        match self {
            Map::Read(view, problems) => {
                *field = Self::find(*view, paths).map(|view| read(view, problems));
            }
            Map::Write(draft, at) => {
                // An empty element is not the same as none.
                let Some(part) = field else { return };
                if let Some(id) = draft.reach(*at, paths) {
                    part.map(&mut Map::Write(draft, id));
                }
            }
        }
    }

    /// A part that must be there, or whose fields stand at this very place (an empty path).
    pub(crate) fn within<T: Mapped>(&mut self, paths: &str, field: &mut T) {
        if paths.is_empty() {
            field.map(self);
            return;
        }
        let mut part = Some(std::mem::take(field));
        self.part(paths, &mut part);
        *field = part.unwrap_or_default();
    }

    /// Parts that may stand several times.
    pub(crate) fn parts<T: Mapped>(&mut self, path: &str, field: &mut Vec<T>) {
        match self {
            Map::Read(view, problems) => {
                *field = all(*view, path).map(|view| read(view, problems)).collect();
            }
            Map::Write(draft, at) => {
                for part in field.iter_mut() {
                    if let Some(id) = draft.add(*at, path) {
                        part.map(&mut Map::Write(draft, id));
                    }
                }
            }
        }
    }

    /// An element that stands there even where nothing is in it.
    pub(crate) fn always(&mut self, path: &str) {
        if let Map::Write(draft, at) = self {
            draft.reach(*at, path);
        }
    }

    /// Parts whose name differs by message.
    pub(crate) fn parts_of_kind<T: Mapped>(&mut self, names: &str, field: &mut Vec<T>) {
        if let Some(name) = names.split('|').find(|name| self.offers(name)) {
            self.parts(name, field);
        }
    }

    /// A day or a time, which early versions give as a day without an element of its own.
    pub(crate) fn requested(&mut self, path: &str, field: &mut When) {
        self.within(path, field);
        if *field == When::default() {
            self.text(path, &mut field.date);
        }
    }

    /// Whether a path is there in what is read, or could be in what is written.
    pub(crate) fn offers(&self, path: &str) -> bool {
        match self {
            Map::Read(..) => self.has(path),
            Map::Write(draft, at) => draft.knows(*at, path),
        }
    }

    /// Whether a path leads somewhere in what is read.
    pub(crate) fn has(&self, paths: &str) -> bool {
        matches!(self, Map::Read(view, _) if Self::find(*view, paths).is_some())
    }
}

/// Everything at the end of a path whose last step may be repeated.
fn all<'t>(view: View<'t>, path: &str) -> impl Iterator<Item = View<'t>> {
    let (parent, name) = path.rsplit_once('/').map_or((Some(view), path), |(before, name)| (view.at(before), name));
    parent.into_iter().flat_map(move |parent| parent.all(name))
}

/// The money that an element says.
fn amount(view: View<'_>) -> Result<Amount, Problem> {
    let code = view.currency().unwrap_or_default();
    let refuse = |reason: &'static str, text: String| {
        Problem::new(Kind::Rule, view.path(), reason, text).with_value(view.text()).within(scope(view))
    };
    let digits = currency_digits(code).flatten();
    let currency = digits.and_then(|digits| Currency::new(code, digits).ok());
    let currency =
        currency.ok_or_else(|| refuse(reason::CURRENCY_REFUSED, format!("{code} is no currency of payments")))?;
    let number = view.text().strip_prefix('+').unwrap_or(view.text());
    let number = if number.starts_with('.') { format!("0{number}") } else { number.trim_end_matches('.').to_string() };
    Amount::parse(&number, currency).map_err(|error| refuse(reason::AMOUNT, error.to_string()))
}

/// A part of the model: each field with what it is in a message and where it stands there.
macro_rules! mapped {
    ($(#[$about:meta])* pub struct $name:ident {
        $(@always $needed:literal,)?
        $($(#[$note:meta])* $field:ident: $kind:ty = $way:ident $path:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$note])* pub $field: $kind,)*
        }

        impl $crate::model::map::Mapped for $name {
            fn map(&mut self, map: &mut $crate::model::map::Map<'_, '_>) {
                $(map.always($needed);)?
                $(map.$way($path, &mut self.$field);)*
            }
        }
    };
}
pub(crate) use mapped;
