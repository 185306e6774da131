//! Labels: how secret something is, who may read it, and whether others may have written in it.
//!
//! A task has the label of everything that it read; what it writes has the label of the task. So a note that an agent makes
//! of a secret is as secret as that, for whoever reads the note later, in another task too.

use crate::catalogue::{Confidentiality, Returns};
use crate::value::folded;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of where something comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// How secret it is.
    pub secrecy: Confidentiality,
    /// Who may read it, by mail address or name; `None` where no source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<BTreeSet<String>>,
    /// Whether others may have written in it.
    #[serde(default)]
    pub tainted: bool,
}

/// The most readers that a label names: beyond, the rest may not read it, which is the safe side.
const MOST_READERS: usize = 1000;

/// Who stands in a list of readers for everybody.
const EVERYBODY: &str = "*";

impl Default for Label {
    fn default() -> Self {
        Self { secrecy: Confidentiality::Public, readers: None, tainted: false }
    }
}

impl Label {
    /// Takes another source in: as secret as the more secret one, for those who may read both.
    pub fn join(&mut self, other: &Self) {
        self.secrecy = self.secrecy.max(other.secrecy);
        self.tainted |= other.tainted;
        self.readers = match (self.readers.take(), &other.readers) {
            (Some(mine), Some(theirs)) => Some(mine.intersection(theirs).cloned().collect()),
            (mine, theirs) => mine.or_else(|| theirs.clone()),
        };
    }

    /// Whether all of an audience may read it; `None` is everybody, or nobody knows who.
    pub fn lets(&self, audience: Option<&BTreeSet<String>>) -> bool {
        match (&self.readers, audience) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(readers), Some(audience)) => audience.is_subset(readers),
        }
    }

    /// Whether nothing is known against it.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

/// Who may read all of an answer: those whom each of its records names. A record without its readers is nobody else's.
pub fn readers(returns: &Returns, answer: &Value) -> Option<BTreeSet<String>> {
    if returns.readers.is_empty() || is_nothing(answer) {
        return None;
    }
    let mut found = Found::default();
    found.records(returns, answer, 0);
    if !found.any || found.unnamed {
        return Some(BTreeSet::new());
    }
    found.readers
}

fn is_nothing(answer: &Value) -> bool {
    match answer {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[derive(Default)]
struct Found {
    readers: Option<BTreeSet<String>>,
    any: bool,
    unnamed: bool,
}

impl Found {
    /// The outermost objects that name readers are the records; lists beside a record that names none count as well.
    fn records(&mut self, returns: &Returns, value: &Value, depth: usize) {
        match value {
            Value::Array(items) if depth < 64 => {
                for item in items {
                    let before = self.any;
                    self.any = false;
                    self.records(returns, item, depth + 1);
                    self.unnamed |= !self.any;
                    self.any |= before;
                }
            }
            Value::Object(map) if depth < 64 => {
                let fields: Vec<&Value> = returns.readers.iter().filter_map(|name| map.get(name)).collect();
                if fields.is_empty() {
                    return map.values().for_each(|inner| self.records(returns, inner, depth + 1));
                }
                self.any = true;
                let mut named = BTreeSet::new();
                fields.into_iter().for_each(|field| people(field, &mut named));
                if !named.contains(EVERYBODY) {
                    let others = Label { readers: Some(named), ..Label::default() };
                    let mut mine = Label { readers: self.readers.take(), ..Label::default() };
                    mine.join(&others);
                    self.readers = mine.readers;
                }
            }
            _ => {}
        }
    }
}

/// People of a field: a text, a list of texts, or the keys of an object.
fn people(field: &Value, named: &mut BTreeSet<String>) {
    let mut add = |text: &str| {
        if named.len() < MOST_READERS {
            named.insert(folded(text));
        }
    };
    match field {
        Value::String(text) => add(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(add),
        Value::Object(map) => map.keys().for_each(|key| add(key)),
        _ => {}
    }
}

/// Something that a task wrote: a file, a record of a system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Artefact {
    /// The server; empty for paths, which are the same to every server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Its path, in the plainest form, or its id.
    pub name: String,
}

/// The most artefacts that are remembered one by one; what comes after is part of everything that is read.
const MOST: usize = 100_000;

impl Artefact {
    /// A file.
    pub fn path(text: &str) -> Self {
        Self { server: String::new(), name: plain_path(text) }
    }

    /// A record of a server.
    pub fn record(server: &str, id: &str) -> Self {
        Self { server: server.to_owned(), name: id.trim().to_owned() }
    }

    /// The last part of its name, by which it is looked up.
    fn key(&self) -> (String, String) {
        let last =
            if self.server.is_empty() { self.name.rsplit('/').next() } else { Some(self.name.as_str()) };
        (self.server.clone(), last.unwrap_or_default().to_owned())
    }

    /// Whether two names may be of one thing: a path that does not begin at the root may be any that ends so.
    fn may_be(&self, other: &Self) -> bool {
        let ends = |long: &str, short: &str| {
            !short.starts_with('/') && long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'))
        };
        self.name == other.name
            || (self.server.is_empty() && (ends(&self.name, &other.name) || ends(&other.name, &self.name)))
    }
}

/// A path without `.`, `..`, doubled slashes and a scheme.
fn plain_path(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("file://").unwrap_or(text);
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if text.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// What tasks wrote, with its labels.
#[derive(Debug, Clone, Default)]
pub struct Artefacts {
    by_key: BTreeMap<(String, String), Vec<(Artefact, Label)>>,
    count: usize,
    rest: Label,
}

impl Artefacts {
    /// Remembers that something was written by a task of this label. A label never becomes weaker.
    pub fn write(&mut self, artefact: &Artefact, label: &Label) {
        if label.is_free() {
            return;
        }
        let known = self.by_key.get_mut(&artefact.key());
        let known = known.and_then(|all| all.iter_mut().find(|(one, _)| one == artefact));
        match known {
            Some((_, before)) => before.join(label),
            None if self.count >= MOST => self.rest.join(label),
            None => {
                self.count += 1;
                self.by_key.entry(artefact.key()).or_default().push((artefact.clone(), label.clone()));
            }
        }
    }

    /// Adds to `label` what is known of an artefact.
    pub fn add_to(&self, label: &mut Label, artefact: &Artefact) {
        for (known, of) in self.by_key.get(&artefact.key()).into_iter().flatten() {
            if known.may_be(artefact) {
                label.join(of);
            }
        }
    }

    /// Adds what could not be remembered one by one.
    pub fn add_rest_to(&self, label: &mut Label) {
        label.join(&self.rest);
    }

    /// Whether nothing was written by a task that had read anything.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn of(answer: Value) -> Option<BTreeSet<String>> {
        let returns = Returns { readers: vec!["shared_with".into(), "owner".into()], ..Returns::default() };
        readers(&returns, &answer)
    }

    #[test]
    fn several_sources_may_be_read_by_those_who_may_read_each() {
        let file = json!({ "owner": "Ann@x.example", "shared_with": { "bob@x.example": "r", "eve@x.example": "rw" } });
        assert_eq!(of(file.clone()), Some(set(&["ann@x.example", "bob@x.example", "eve@x.example"])));
        let other = json!({ "owner": "ann@x.example", "shared_with": ["bob@x.example"] });
        assert_eq!(of(json!([file, other])), Some(set(&["ann@x.example", "bob@x.example"])));
        assert_eq!(of(json!([file, { "title": "x" }])), Some(set(&[])), "a record that does not say");
        assert_eq!(of(json!("a text")), Some(set(&[])));
        assert_eq!(of(json!([])), None, "nothing was read");
        assert_eq!(of(json!({ "shared_with": ["*"] })), None, "everybody may read it");
    }

    #[test]
    fn an_audience_is_let_in_where_each_of_it_may_read() {
        let label = Label { readers: Some(set(&["ann", "bob"])), ..Label::default() };
        assert!(label.lets(Some(&set(&["bob"]))) && !label.lets(Some(&set(&["bob", "eve"]))));
        assert!(!label.lets(None), "everybody");
        assert!(Label::default().lets(None));
    }

    #[test]
    fn a_file_is_known_by_any_way_to_write_its_path() {
        let secret = Label { secrecy: Confidentiality::Secret, ..Label::default() };
        let mut artefacts = Artefacts::default();
        artefacts.write(&Artefact::path("/home/ann/notes/plan.txt"), &secret);
        for path in [
            "/home/ann/./notes//plan.txt",
            "notes/plan.txt",
            "file:///home/ann/x/../notes/plan.txt",
            "plan.txt",
        ] {
            let mut label = Label::default();
            artefacts.add_to(&mut label, &Artefact::path(path));
            assert_eq!(label.secrecy, Confidentiality::Secret, "{path}");
        }
        for other in ["/tmp/plan.txt", "other/plan.txt", "/home/ann/notes/plan.txt.bak"] {
            let mut label = Label::default();
            artefacts.add_to(&mut label, &Artefact::path(other));
            assert!(label.is_free(), "{other}");
        }
    }
}
