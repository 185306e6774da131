//! Functions, classes and constants of a text by their qualified name: where code stands when line numbers say nothing.

mod python;

use crate::lines::Lines;
use std::ops::Range;

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A function, method or class: it has a body.
    Block,
    /// A name that is given a value.
    Constant,
    /// A statement that brings in names.
    Import,
}

/// A named part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name below those it stands in: `Session.resolve_redirects`. Of an import, the line.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its lines from 0, decorators included; nothing empty at the end.
    pub lines: Range<usize>,
}

/// The languages whose symbols are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python, any version.
    Python,
}

impl Language {
    /// By a file's name.
    pub fn of(path: &str) -> Option<Self> {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension)?;
        matches!(extension, "py" | "pyi" | "pyx" | "pyw").then_some(Self::Python)
    }
}

/// The symbols of a text, in the order in which they begin.
pub fn symbols(language: Option<Language>, lines: &Lines<'_>) -> Vec<Symbol> {
    match language {
        Some(Language::Python) => python::symbols(&lines.text),
        None => Vec::new(),
    }
}

/// Whether a text can be read as far as its indentation says; `true` where that is not known.
pub fn is_indented(language: Option<Language>, lines: &Lines<'_>) -> bool {
    match language {
        Some(Language::Python) => python::is_indented(&lines.text),
        None => true,
    }
}

/// The innermost block that a line stands in; `None` at the top.
pub fn enclosing(symbols: &[Symbol], line: usize) -> Option<&Symbol> {
    symbols.iter().rfind(|symbol| symbol.kind == Kind::Block && symbol.lines.contains(&line))
}

/// The block of that name.
pub fn named<'a>(symbols: &'a [Symbol], name: &str) -> Option<&'a Symbol> {
    let mut found = symbols.iter().filter(|symbol| symbol.kind == Kind::Block && symbol.name == name);
    let first = found.next()?;
    // What is defined twice is not known by its name.
    found.next().is_none().then_some(first)
}

/// One name that an import brings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brought {
    /// The module of a `from`.
    pub from: Option<String>,
    /// The name, with `as` where it has another one here.
    pub name: String,
}

impl Brought {
    /// The statement that brings it alone.
    pub fn statement(&self) -> String {
        match &self.from {
            Some(module) => format!("from {module} import {}", self.name),
            None => format!("import {}", self.name),
        }
    }
}

/// The names that an import statement of Python brings; nothing of what is none.
pub fn brought(lines: &[&str]) -> Vec<Brought> {
    let code = lines.iter().map(|line| line.split('#').next().unwrap_or_default().trim_end_matches('\\'));
    let text: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    let text = text.join(" ").replace(['(', ')'], " ");
    let (from, names) = match text.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) {
        Some((module, names)) => (Some(module.trim().to_owned()), names),
        None => (None, text.strip_prefix("import ").unwrap_or_default()),
    };
    let names = names.split(',').map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
    names.filter(|name| !name.is_empty()).map(|name| Brought { from: from.clone(), name }).collect()
}
