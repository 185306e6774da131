//! The YAML of pnpm and of yarn berry, as a tree with lines.
//!
//! Both write a subset by machine: mappings, sequences and scalars. Anchors, aliases and tags are in no file
//! of theirs and could mean more than is shown, so they are refused. `saphyr-parser` turns the text into
//! events one by one; the tree is built here with a bound on depth and number, and nothing recurses.

use super::error;
use super::text::{MAX_ENTRIES, Text, shown};
use saphyr_parser::{Event, Parser};
use std::collections::HashMap;
use trustmill_core::lockfile::LockfileError;

/// Real lockfiles nest five deep.
const MAX_DEPTH: usize = 32;
/// Scalars and collections of one file: a few dozen for each entry.
const MAX_NODES: usize = MAX_ENTRIES * 32;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A scalar as text: what it would mean as a number or a date is of no interest here.
    Scalar(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

/// A mapping in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) entries: Vec<Pair>,
    index: HashMap<String, usize>,
}

/// A key, its line, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

impl Mapping {
    /// The pair of `key`.
    pub(super) fn pair(&self, key: &str) -> Option<&Pair> {
        self.index.get(key).and_then(|at| self.entries.get(*at))
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// The scalar at `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The mapping at `key`.
    pub(super) fn mapping(&self, key: &str) -> Option<&Self> {
        self.get(key).and_then(Node::mapping)
    }

    /// Whether `key` is `true`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    /// The scalars of the sequence at `key`, or its one scalar.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Node::Sequence(all)) => all.iter().filter_map(Node::text).map(str::to_owned).collect(),
            Some(Node::Scalar(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }
}

impl Node {
    /// The scalar.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Scalar(text) = self { Some(text) } else { None }
    }

    /// The mapping.
    pub(super) const fn mapping(&self) -> Option<&Mapping> {
        if let Self::Mapping(mapping) = self { Some(mapping) } else { None }
    }
}

/// A collection that is not closed yet.
enum Open {
    Sequence(Vec<Node>),
    Mapping { done: Mapping, key: Option<(String, usize)> },
}

/// The documents of a text. pnpm may write a second one, for its own tools.
pub(super) fn documents(text: &Text) -> Result<Vec<Mapping>, LockfileError> {
    let mut parser = Parser::new_from_str(&text.text);
    let mut tree = Tree { text, open: Vec::new(), done: Vec::new(), nodes: 0 };
    while let Some(next) = parser.next_event() {
        let (event, span) = next
            .map_err(|cause| error::syntax(&text.line(cause.marker().line().max(1)), shown(cause.info())))?;
        let line = span.start.line().max(1);
        match event {
            Event::Scalar(value, _, anchor, tag) => {
                tree.plain(anchor, tag.is_some(), line)?;
                tree.value(Node::Scalar(value.into_owned()), line)?;
            }
            Event::SequenceStart(anchor, tag) => {
                tree.plain(anchor, tag.is_some(), line)?;
                tree.begin(Open::Sequence(Vec::new()), line)?;
            }
            Event::MappingStart(anchor, tag) => {
                tree.plain(anchor, tag.is_some(), line)?;
                tree.begin(Open::Mapping { done: Mapping::default(), key: None }, line)?;
            }
            Event::SequenceEnd | Event::MappingEnd => tree.end(line)?,
            Event::Alias(_) => return Err(error::syntax(&text.line(line), "aliases are not read")),
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }
    Ok(tree.done)
}

struct Tree<'a> {
    text: &'a Text,
    open: Vec<Open>,
    done: Vec<Mapping>,
    nodes: usize,
}

impl Tree<'_> {
    fn plain(&mut self, anchor: usize, tagged: bool, line: usize) -> Result<(), LockfileError> {
        self.nodes += 1;
        if anchor != 0 || tagged {
            return Err(error::syntax(&self.text.line(line), "anchors and tags are not read"));
        }
        if self.nodes > MAX_NODES {
            return Err(error::limit(&self.text.line(line), format!("more than {MAX_NODES} values")));
        }
        Ok(())
    }

    fn begin(&mut self, open: Open, line: usize) -> Result<(), LockfileError> {
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(error::syntax(&self.text.line(line), "a key is no text"));
        }
        if self.open.is_empty() && matches!(open, Open::Sequence(_)) {
            return Err(error::syntax(&self.text.line(line), "the file holds no mapping"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(error::limit(&self.text.line(line), format!("nested deeper than {MAX_DEPTH}")));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), LockfileError> {
        let node = match self.open.pop() {
            Some(Open::Sequence(all)) => Node::Sequence(all),
            Some(Open::Mapping { done, .. }) => Node::Mapping(done),
            None => return Err(error::syntax(&self.text.line(line), "ends what never began")),
        };
        self.value(node, line)
    }

    fn value(&mut self, node: Node, line: usize) -> Result<(), LockfileError> {
        match self.open.last_mut() {
            None => match node {
                Node::Mapping(document) => self.done.push(document),
                Node::Scalar(text) if text.is_empty() => {}
                _ => return Err(error::syntax(&self.text.line(line), "the file holds no mapping")),
            },
            Some(Open::Sequence(all)) => all.push(node),
            Some(Open::Mapping { done, key }) => match (key.take(), node) {
                (None, Node::Scalar(text)) => *key = Some((text, line)),
                (None, _) => return Err(error::syntax(&self.text.line(line), "a key is no text")),
                (Some((key, line)), value) => {
                    if done.index.insert(key.clone(), done.entries.len()).is_some() {
                        let what = format!("the key {:?} is there twice", shown(&key));
                        return Err(error::syntax(&self.text.line(line), what));
                    }
                    done.entries.push(Pair { key, line, value });
                }
            },
        }
        Ok(())
    }
}
