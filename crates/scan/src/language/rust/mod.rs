//! Rust: sources, `Cargo.toml`, and what runs when a crate is built.

mod expr;
mod format;
mod lex;
mod lower;
mod manifest;

pub use manifest::manifest;

use super::measure;
use crate::facts::Facts;
use crate::flow::{self, Language, Outside, Table};
use crate::program::Program;
use std::sync::LazyLock;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("api.txt")));

/// Files that are longer are cut: those that are, are generated.
const MAX_BYTES: usize = 4 << 20;

/// What the data-flow must know of Rust.
pub fn language() -> Language {
    Language { table: &TABLE, parse, entry: Some("main") }
}

/// The facts of a source file.
pub fn facts(_path: &str, bytes: &[u8], outside: &Outside) -> Facts {
    let (head, cut) = bytes.get(..MAX_BYTES).map_or((bytes, false), |head| (head, true));
    let text = String::from_utf8_lossy(head);
    let (tokens, sound) = lex::tokens(&text);
    let program = lower::program(&tokens);
    let mut facts = flow::facts(&program, language(), outside);
    facts.parsed = sound;
    facts.cut_short |= cut;
    facts.measures = measure::of(bytes, facts.measures);
    facts
}

/// Nothing of Rust runs a text as Rust.
fn parse(_text: &str) -> Option<Program> {
    None
}

#[cfg(test)]
mod tests;
