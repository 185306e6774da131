//! JavaScript and TypeScript, and npm's manifests.

mod command;
mod keys;
mod look;
mod lower;
mod manifest;
mod nesting;
mod opened;
mod parse;

use super::measure;
use crate::facts::Facts;
use crate::flow::{self, Language, Outside, Table};
use crate::package::Package;
use std::sync::LazyLock;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("api.txt")));

/// What the data-flow must know of JavaScript.
pub fn language() -> Language {
    Language { table: &TABLE, parse: parse::code, entry: None }
}

pub(crate) use look::of as look;
pub(crate) use manifest::kind_of_types;

/// Files that are longer are cut: the longest of honest packages has a third of it.
const MAX_BYTES: usize = 32 << 20;

/// The facts of a source file.
pub fn facts(path: &str, bytes: &[u8], outside: &Outside) -> Facts {
    let (bytes, cut) = bytes.get(..MAX_BYTES).map_or((bytes, false), |head| (head, true));
    let (program, parsed) = parse::program(path, bytes);
    let mut facts = Facts { parsed, ..flow::facts(&program, language(), outside) };
    facts.cut_short |= cut;
    facts.measures = look::of(bytes, measure::of(bytes, facts.measures));
    facts
}

/// Reads the manifests.
pub fn manifest(package: &mut Package) {
    manifest::read(package);
}

#[cfg(test)]
mod tests;
