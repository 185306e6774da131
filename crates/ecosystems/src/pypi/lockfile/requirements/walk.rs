//! Reads a requirements file and everything it includes.

use super::super::error;
use super::super::pinset::PinSet;
use super::super::requirement::{Requirement, Wanted};
use super::super::source::{Files, Hashes, Source, shown};
use super::lines::{self, Line};
use super::options::{self, Item};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use trustmill_core::Sha256;
use trustmill_core::lockfile::LockfileError;

/// Files that include each other, one below the other.
const MAX_DEPTH: usize = 16;
/// Files in all.
const MAX_FILES: usize = 256;

/// A requirement for a registry, with its place.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) requirement: Requirement,
    pub(super) sha256: Vec<Sha256>,
    pub(super) raw: String,
    pub(super) origin: String,
}

/// Everything that a requirements file says, its includes with it.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) requirements: Vec<Entry>,
    pub(super) constraints: Vec<Entry>,
    /// Whether every pin must have digests: one has, or `--require-hashes` stands somewhere.
    pub(super) hashed: bool,
    pub(super) set: PinSet,
}

/// The walk through files.
pub(super) struct Walk<'a> {
    files: &'a dyn Files,
    /// Files being read, outermost first.
    open: Vec<PathBuf>,
    /// Files read, with whether as constraints: a second time adds nothing.
    done: BTreeSet<(PathBuf, bool)>,
    out: Gathered,
}

impl<'a> Walk<'a> {
    /// Reads `path` and what it includes.
    pub(super) fn gather(
        path: &Path,
        files: &'a dyn Files,
        everywhere: bool,
    ) -> Result<Gathered, LockfileError> {
        let out = Gathered { set: PinSet::new(everywhere), ..Gathered::default() };
        let mut walk = Self { files, open: Vec::new(), done: BTreeSet::new(), out };
        walk.file(path, false, &path.display().to_string())?;
        Ok(walk.out)
    }

    fn file(&mut self, path: &Path, constraint: bool, origin: &str) -> Result<(), LockfileError> {
        let key = lexical(path);
        if self.open.contains(&key) {
            let what = format!("includes {}, which includes this file", path.display());
            return Err(error::include(origin, what, "take one of the two includes out"));
        }
        if self.open.len() >= MAX_DEPTH || self.done.len() >= MAX_FILES {
            let what = format!("includes go deeper than {MAX_DEPTH} files, or reach more than {MAX_FILES}");
            return Err(error::include(origin, what, "compile the requirements into one file"));
        }
        if !self.done.insert((key.clone(), constraint)) {
            return Ok(());
        }
        let source = Source::read(path, self.files).map_err(|cause| LockfileError {
            // The place to mend is the line that includes.
            what: if self.open.is_empty() { cause.what } else { format!("{}: {}", cause.origin, cause.what) },
            origin: origin.to_owned(),
            ..cause
        })?;
        let lines = lines::logical(&source.text, self.files).map_err(|(line, what)| {
            error::syntax(&source.line(line), what, "take the character or line out")
        })?;
        self.open.push(key);
        for line in &lines {
            self.line(&source, line, constraint)?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(&mut self, source: &Source, line: &Line, constraint: bool) -> Result<(), LockfileError> {
        let origin = source.line(line.number);
        let (entry, options) = options::split(&line.text);
        let items = options::parse(options).map_err(|what| syntax(&origin, line, what))?;
        if entry.is_empty() {
            return items.into_iter().try_for_each(|item| self.option(source, line, constraint, item));
        }
        let mut hashes = Hashes::default();
        for item in items {
            match item {
                Item::Hash(text) => {
                    let (algorithm, hex) = text.split_once(':').unwrap_or((text.as_str(), ""));
                    hashes.add(algorithm, hex).map_err(|what| error::hashes(&origin, what))?;
                }
                Item::Noted(why) => self.out.set.skip(&line.raw, &origin, why),
                _ => {
                    let what =
                        format!("{:?} has an option that belongs on a line of its own", shown(&line.raw));
                    return Err(error::syntax(&origin, what, "put the option on a line of its own"));
                }
            }
        }
        self.requirement(entry, hashes, line, &origin, constraint)
    }

    fn requirement(
        &mut self,
        entry: &str,
        hashes: Hashes,
        line: &Line,
        origin: &str,
        constraint: bool,
    ) -> Result<(), LockfileError> {
        if let Some(why) = elsewhere(entry) {
            self.out.set.skip(&line.raw, origin, why);
            return Ok(());
        }
        let requirement = Requirement::parse(entry).map_err(|what| syntax(origin, line, what))?;
        if let Wanted::Url(_) = requirement.wanted {
            self.out.set.skip(&line.raw, origin, "comes from a URL, not from the registry");
            return Ok(());
        }
        self.out.hashed |= !hashes.is_empty();
        let raw = options::split(&line.raw).0.to_owned();
        let sha256 = self.out.set.checkable(&raw, hashes, origin)?;
        let list = if constraint { &mut self.out.constraints } else { &mut self.out.requirements };
        list.push(Entry { requirement, sha256, raw, origin: origin.to_owned() });
        Ok(())
    }

    fn option(
        &mut self,
        source: &Source,
        line: &Line,
        constraint: bool,
        item: Item,
    ) -> Result<(), LockfileError> {
        let origin = source.line(line.number);
        match item {
            // pip reads a file that a constraints file includes with `-r` as requirements.
            Item::Requirements(target) => self.include(source, line, &target, false),
            Item::Constraints(target) => self.include(source, line, &target, true),
            Item::Editable(_) => {
                let why = "an editable install of a local or version-controlled source";
                self.out.set.skip(
                    &line.raw,
                    &origin,
                    if constraint { "an editable constraint" } else { why },
                );
                Ok(())
            }
            Item::RequireHashes => {
                self.out.hashed = true;
                Ok(())
            }
            Item::Hash(_) => Err(error::syntax(
                &origin,
                "--hash stands without a requirement".into(),
                "end the line before it with a backslash",
            )),
            Item::Noted(why) => {
                self.out.set.skip(&line.raw, &origin, why);
                Ok(())
            }
        }
    }

    fn include(
        &mut self,
        source: &Source,
        line: &Line,
        target: &str,
        constraint: bool,
    ) -> Result<(), LockfileError> {
        let origin = source.line(line.number);
        if target.contains("://") || target.starts_with("file:") {
            let what = format!("{:?} includes a URL, which may change between two reads", shown(&line.raw));
            return Err(error::include(
                &origin,
                what,
                "save the file beside this one and include it by its path",
            ));
        }
        let folder = source.path.parent().unwrap_or(Path::new(""));
        self.file(&folder.join(target), constraint, &origin)
    }
}

/// A malformed line. What a variable expanded to is not shown: it may be a secret.
fn syntax(origin: &str, line: &Line, what: String) -> LockfileError {
    let what = if line.raw == line.text { what } else { format!("{:?} is no requirement", shown(&line.raw)) };
    error::syntax(origin, what, "write `NAME==VERSION`, with an optional marker after `;`")
}

/// Why an entry is no requirement for a registry: a URL, a path, an archive.
fn elsewhere(entry: &str) -> Option<&'static str> {
    const ARCHIVES: &[&str] =
        &[".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz"];
    let specifier = entry.split(';').next().unwrap_or(entry).trim();
    let name_end = specifier.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
    let (scheme, rest) = name_end.and_then(|at| specifier.split_at_checked(at)).unwrap_or((specifier, ""));
    if rest.starts_with(':') {
        return Some(match scheme.split_once('+') {
            Some(_) => "comes from version control, not from the registry",
            None if scheme.len() > 1 => "comes from a URL, not from the registry",
            None => "a local path, not a package of the registry",
        });
    }
    let local = specifier.starts_with('.')
        || specifier.contains('\\')
        || (specifier.contains('/') && !specifier.contains('@'))
        || (rest.is_empty()
            && ARCHIVES.iter().any(|suffix| specifier.to_ascii_lowercase().ends_with(suffix)));
    local.then_some("a local path, not a package of the registry")
}

/// `path` with `.` and `..` taken out as text, so that one file has one name on the way.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
