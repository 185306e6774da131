//! Python: sources and `.pth` files, and what runs when a distribution is installed or imported.

mod lower;
mod manifest;
mod namespace;
mod nesting;

pub use manifest::manifest;

use super::measure;
use crate::facts::Facts;
use crate::flow::{self, Language, Outside, Table};
use crate::program::Program;
use ruff_python_ast::PySourceType;
use std::borrow::Cow;
use std::sync::LazyLock;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("api.txt")));

/// What the data-flow must know of Python.
pub fn language() -> Language {
    Language { table: &TABLE, parse, entry: None }
}

/// Files that are longer are cut: no honest module is.
const MAX_BYTES: usize = 8 << 20;

/// The facts of a source file.
pub fn facts(path: &str, bytes: &[u8], outside: &Outside) -> Facts {
    let (bytes, cut) = bytes.get(..MAX_BYTES).map_or((bytes, false), |head| (head, true));
    let text = String::from_utf8_lossy(bytes);
    let text = if path.ends_with(".pth") { executed_lines(&text) } else { text };
    let mut facts = match parsed(&text) {
        Some((program, parsed)) => Facts { parsed, ..flow::facts(&program, language(), outside) },
        None => Facts { cut_short: true, ..Facts::default() },
    };
    facts.cut_short |= cut;
    facts.measures = measure::of(bytes, facts.measures);
    facts
}

/// The program of a text that is run as code.
fn parse(text: &str) -> Option<Program> {
    parsed(text).map(|(program, _)| program)
}

/// The program, and whether all of it parses: the parser goes on after an error, so that what it could read is judged
/// in any case (Python 2's is read that way).
fn parsed(text: &str) -> Option<(Program, bool)> {
    if nesting::is_too_deep(text.as_bytes()) {
        return None;
    }
    let parsed = ruff_python_parser::parse_unchecked_source(text, PySourceType::Python);
    Some((lower::module(parsed.syntax()), parsed.errors().is_empty()))
}

/// A `.pth` file is a list of folders, but that lines which begin with `import` are run whenever Python starts
/// (`site.py`). The others become blanks, so that places stay.
fn executed_lines(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if is_executed(line) && !namespace::is_line_of(line) {
            out.push_str(line);
        } else {
            out.extend(line.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
    }
    Cow::Owned(out)
}

fn is_executed(line: &str) -> bool {
    line.starts_with("import ") || line.starts_with("import\t")
}

/// Whether all that a `.pth` file runs is what setuptools writes for namespaces, and it names no folder besides.
fn only_joins_namespaces(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(namespace::is_line_of)
}

#[cfg(test)]
mod tests;
