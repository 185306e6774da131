//! Reading files: each content once, and no package more than its share.
//!
//! Work is counted in steps, never by a clock, so that the same bytes are read to the same point on every machine.
//! What a package is written in is read first, then the rest, the small before the large: what a release wants to hide
//! is small, and what asks for minutes is bundles and tables. What runs by itself is read from a reserve when the share
//! is spent. What is left over is looked at for its shape alone, and the report says so.

use super::{File, Kind, Package};
use crate::facts::Facts;
use crate::flow::Outside;
use crate::language;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use trustmill_core::scan::When;

/// Steps for a package: two seconds of a slow core.
const SHARE: u64 = 6_000_000;
/// Steps of it for what is not in the package's own language, such as the bundles of a wheel's web pages.
const FOREIGN: u64 = 1_500_000;
/// Steps for what runs by itself, once the share is spent.
const RESERVE: u64 = 4_000_000;
/// Bytes that are parsed and measured in the time of a step.
const BYTES_A_STEP: u64 = 4;

/// Decides what is read: the language, how the path ends (it chooses the dialect), and the bytes.
type Content = (Kind, Box<str>, Bytes);

/// What was read, and how much more may be.
#[derive(Debug, Clone)]
pub struct Reading {
    known: HashMap<Content, Arc<Facts>>,
    share: u64,
    reserve: u64,
}

impl Default for Reading {
    fn default() -> Self {
        Self { known: HashMap::new(), share: SHARE, reserve: RESERVE }
    }
}

impl Reading {
    /// With what was read, and everything to spend again.
    pub(super) fn renewed(self) -> Self {
        Self { known: self.known, ..Self::default() }
    }

    /// The facts of a content. Those of one that is known cost nothing.
    pub(super) fn facts(&mut self, kind: Kind, path: &str, bytes: &Bytes) -> Arc<Facts> {
        if !costs(kind) {
            return Arc::default();
        }
        let end = path.rsplit(['/', '.']).next().unwrap_or_default();
        let content = (kind, end.into(), bytes.clone());
        if let Some(facts) = self.known.get(&content) {
            return Arc::clone(facts);
        }
        let facts = Arc::new(language::facts(kind, path, bytes));
        let cost = u64::from(facts.steps) + bytes.len() as u64 / BYTES_A_STEP;
        let over = cost.saturating_sub(self.share);
        self.share = self.share.saturating_sub(cost);
        self.reserve = self.reserve.saturating_sub(over);
        self.known.insert(content, Arc::clone(&facts));
        facts
    }

    /// Reads a file that something leads to, which begins at `stage`.
    pub(super) fn reached(&mut self, file: &mut File, stage: When) {
        if self.share > 0 || (stage > When::Called && self.reserve > 0) {
            self.file(file);
        }
    }

    /// Reads a file again, with what others give it; false where that is too much.
    pub(super) fn again(&mut self, file: &mut File, outside: &Outside) -> bool {
        if self.share == 0 {
            return false;
        }
        let facts = language::facts_beside(file.kind, &file.path, &file.bytes, outside);
        let cost = u64::from(facts.steps) + file.bytes.len() as u64 / BYTES_A_STEP;
        self.share = self.share.saturating_sub(cost);
        let alone = std::mem::replace(&mut file.facts, Arc::new(facts));
        file.alone.get_or_insert(alone);
        true
    }

    /// Reads one after the other until no more than `rest` of the share is left.
    fn while_above(&mut self, rest: u64, files: Vec<&mut File>) {
        for file in files {
            if self.share > rest || !costs(file.kind) {
                self.file(file);
            }
        }
    }

    fn file(&mut self, file: &mut File) {
        if !file.is_read {
            file.facts = self.facts(file.kind, &file.path, &file.bytes);
            file.is_read = true;
        }
    }
}

/// Reads those that are wanted, as far as the share goes.
pub(super) fn read(package: &mut Package, wanted: impl Fn(&File) -> bool) {
    let Package { files, reading, ecosystem, .. } = package;
    let own = own(ecosystem);
    let wanted = files.iter_mut().filter(|file| !file.is_read && wanted(file));
    let (mut foreign, mut written): (Vec<&mut File>, Vec<&mut File>) =
        wanted.partition(|file| own.is_some_and(|own| file.kind.is_code() && file.kind != own));
    written.sort_by_key(|file| file.bytes.len());
    foreign.sort_by_key(|file| file.bytes.len());
    reading.while_above(0, written);
    reading.while_above(reading.share.saturating_sub(FOREIGN), foreign);
}

/// Looks at the shape of what was not read and can run.
pub(super) fn skim(package: &mut Package) {
    for file in package.files.iter_mut().filter(|file| !file.is_read && file.when > When::Never) {
        file.facts = Arc::new(language::shape(file.kind, &file.bytes));
    }
}

/// The language that packages of an ecosystem are written in.
fn own(ecosystem: &str) -> Option<Kind> {
    match ecosystem {
        "pypi" => Some(Kind::Python),
        "npm" => Some(Kind::JavaScript),
        "cargo" => Some(Kind::Rust),
        _ => None,
    }
}

/// Whether there is anything to read in files of a kind.
const fn costs(kind: Kind) -> bool {
    kind.is_code() || matches!(kind, Kind::Bytecode | Kind::Native | Kind::Pickle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        let (bytes, kind) = (Bytes::from(text.to_owned()), language::kind(path, text.as_bytes()));
        File {
            path: path.into(),
            bytes,
            kind,
            when: When::Called,
            facts: Arc::default(),
            is_read: false,
            alone: None,
        }
    }

    fn package(files: Vec<File>) -> Package {
        Package { ecosystem: "pypi".into(), files, ..Package::default() }
    }

    #[test]
    fn the_same_bytes_are_read_once_and_those_of_another_dialect_again() {
        let text = "eval(x)\n";
        let mut package =
            package(vec![file("a.py", text), file("b/a.py", text), file("a.js", text), file("a.ts", text)]);
        read(&mut package, |_| true);
        let [a, b, js, ts] = package.files.as_slice() else { panic!() };
        assert!(Arc::ptr_eq(&a.facts, &b.facts));
        assert!(!Arc::ptr_eq(&js.facts, &ts.facts) && !Arc::ptr_eq(&a.facts, &js.facts));
    }

    #[test]
    fn what_both_releases_hold_is_read_once_and_costs_the_second_nothing() {
        let mut now = package(vec![file("a.py", "eval(x)\n")]);
        read(&mut now, |_| true);
        let spent = now.reading.share;
        assert!(spent < SHARE);
        let mut before = package(vec![file("lib/a.py", "eval(x)\n")]);
        before.reading = std::mem::take(&mut now.reading).renewed();
        read(&mut before, |_| true);
        assert_eq!(before.reading.share, SHARE);
        assert!(Arc::ptr_eq(&now.files[0].facts, &before.files[0].facts));
    }

    #[test]
    fn a_spent_share_leaves_foreign_and_large_files_and_what_runs_is_read_from_the_reserve() {
        let long = format!("eval(x)\n{}", "y = f(x)\n".repeat(50));
        let mut package = package(vec![
            file("a.js", "eval(x)\n"),
            file("large.py", &long),
            file("small.py", "eval(x)\n"),
            file("data.json", "{}"),
        ]);
        package.reading.share = 1;
        read(&mut package, |_| true);
        let were_read = |package: &Package| package.files.iter().map(|file| file.is_read).collect::<Vec<_>>();
        assert_eq!(were_read(&package), [false, false, true, true], "settings cost nothing");
        let Package { files, reading, .. } = &mut package;
        reading.reached(&mut files[1], When::Called);
        reading.reached(&mut files[0], When::Imported);
        assert_eq!(were_read(&package), [true, false, true, true]);
        skim(&mut package);
        let large = &package.files[1];
        assert!(large.facts.cut_short && large.facts.measures.lines > 50 && large.facts.uses.is_empty());
    }
}
