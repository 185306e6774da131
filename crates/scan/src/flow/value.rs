//! What is known of a value.

use crate::facts::Labels;
use crate::program::Name;
use std::rc::Rc;

/// Stands in a text for a part that is not known.
pub(super) const UNKNOWN: char = '\u{FFFC}';

/// Parts of one value that are kept.
pub(super) const MAX_PARTS: usize = 4_096;

/// The parts of a collection, by key; shared, since values are copied at every step.
pub(super) type Parts = Rc<Vec<(Name, Value)>>;

/// What is known of a value.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    /// The name it has in the language's table: `os.system`, `socket.socket()`.
    pub(super) path: Option<Rc<str>>,
    /// The text it is; [`UNKNOWN`] stands for parts that are not known.
    pub(super) text: Option<Rc<str>>,
    /// Where it comes from.
    pub(super) labels: Labels,
    /// The function of the file that it is.
    pub(super) function: Option<usize>,
    /// Its parts by key; those of a list by their position.
    pub(super) parts: Option<Parts>,
    /// The number it is.
    pub(super) number: Option<f64>,
    /// How its text was decoded, innermost last; empty where it was not.
    pub(super) decoded: Option<Rc<str>>,
}

impl Value {
    pub(super) fn named(path: impl Into<Rc<str>>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    pub(super) fn labelled(labels: Labels) -> Self {
        Self { labels, ..Self::default() }
    }

    /// The text, where all of it is known.
    pub(super) fn known_text(&self) -> Option<&Rc<str>> {
        self.text.as_ref().filter(|text| !text.contains(UNKNOWN))
    }

    /// The part with a key.
    pub(super) fn part(&self, key: &str) -> Option<&Value> {
        self.parts.as_ref()?.iter().rev().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// Whether the other says something that this does not.
    pub(super) fn lacks(&self, other: &Self) -> bool {
        !other.labels.without(self.labels).is_empty()
            || self.path.is_none() && other.path.is_some()
            || self.text.is_none() && other.text.is_some()
            || self.function.is_none() && other.function.is_some()
            || self.parts.is_none() && other.parts.is_some()
            || self.decoded.is_none() && other.decoded.is_some()
    }

    /// This, or the other.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            labels: self.labels.and(other.labels),
            path: other.path.or(self.path),
            text: other.text.or(self.text),
            function: other.function.or(self.function),
            parts: other.parts.or(self.parts),
            number: other.number.or(self.number),
            decoded: other.decoded.or(self.decoded),
        }
    }

    /// A collection.
    pub(super) fn of_parts(parts: Vec<(Name, Value)>) -> Self {
        let labels = parts.iter().fold(Labels::NONE, |all, (_, part)| all.and(part.labels));
        Self { labels, parts: Some(Rc::new(parts)), ..Self::default() }
    }

    /// Every text in it, at most `limit`.
    pub(super) fn texts(&self, out: &mut Vec<Rc<str>>, limit: usize) {
        if out.len() >= limit {
            return;
        }
        out.extend(self.text.clone());
        for (_, part) in self.parts.iter().flat_map(|parts| parts.iter()).take(limit) {
            part.texts(out, limit);
        }
    }
}
