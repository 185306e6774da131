//! `Cargo.lock`, versions 1 to 4 (`cargo/core/resolver/encode.rs` describes how they differ).
//!
//! Nothing is dropped silently: each `[[package]]` becomes a pin, a skipped entry with its reason, or an
//! error with file, line and remedy.

mod graph;
mod model;

use super::default_index::LOCKED_AS;
use super::names;
use crate::pypi::lockfile::error;
use crate::pypi::lockfile::source::{Disk, Files, MemoryFiles, Source, shown};
use model::{Lock, Package};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use trustmill_core::lockfile::{LockfileError, Pin, Pins, Scope, Skipped};
use trustmill_core::{Purl, Sha256};

/// The newest version of the format that is known.
const NEWEST: i64 = 4;
/// What to do about a lock that was edited or cut.
const LOCK_AGAIN: &str =
    "the file was edited or cut short: run `cargo generate-lockfile`, or take it from version control";

/// Reads `path` if it is a `Cargo.lock`; `None` if it is not one.
///
/// # Errors
/// `TM0201` to `TM0209`: see `docs/lockfiles.md`.
pub fn read(path: &Path) -> Option<Result<Pins, LockfileError>> {
    (path.file_name()? == "Cargo.lock").then(|| read_from(path, &Disk))
}

/// Reads `bytes` as a `Cargo.lock`: the entry of tests and fuzzing.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8]) -> Result<Pins, LockfileError> {
    let name = "Cargo.lock";
    read_from(Path::new(name), &MemoryFiles::one(name, bytes))
}

fn read_from(path: &Path, files: &dyn Files) -> Result<Pins, LockfileError> {
    let source = Source::read(path, files)?;
    refuse_markers(&source)?;
    let lock: Lock = source.toml()?;
    if let Some(version) = &lock.version
        && !(1..=NEWEST).contains(version.get_ref())
    {
        let what = format!("version {} of Cargo.lock is not known; 1 to {NEWEST} are", version.get_ref());
        return Err(error::version(&source.at(&version.span()), what, "use a newer trustmill"));
    }
    Reader { lock: &lock, source: &source }.read()
}

/// A merge that nobody finished: TOML would complain of the characters, and not say why they are there.
fn refuse_markers(source: &Source) -> Result<(), LockfileError> {
    let markers = ["<<<<<<< ", "||||||| ", ">>>>>>> "];
    let is_marker = |line: &str| line == "=======" || markers.iter().any(|marker| line.starts_with(marker));
    match source.text.lines().position(is_marker) {
        None => Ok(()),
        Some(at) => {
            let help = "finish the merge: take one side of Cargo.lock and run `cargo update --workspace`";
            Err(error::syntax(&source.line(at + 1), "a merge conflict is not resolved".into(), help))
        }
    }
}

struct Reader<'a> {
    lock: &'a Lock,
    source: &'a Source,
}

impl Reader<'_> {
    fn read(&self) -> Result<Pins, LockfileError> {
        let old_checksums = self.old_checksums()?;
        let mut pins = Pins::default();
        let mut seen = HashSet::new();
        for package in self.lock.root.iter().chain(&self.lock.packages) {
            let origin = self.source.at(&package.name.span());
            self.check_names(package, &origin)?;
            if !seen.insert((package.name.get_ref(), &package.version, &package.source)) {
                let what = format!("{} {} stands here twice", package.name.get_ref(), package.version);
                return Err(error::inconsistent(&origin, what));
            }
            self.take(package, origin, &old_checksums, &mut pins)?;
        }
        self.check_dependencies()?;
        pins.graph = graph::of(self.lock);
        for unused in self.lock.patch.iter().flat_map(|patch| &patch.unused) {
            let why = "a patch that nothing uses";
            pins.skipped.push(skipped(unused, self.source.at(&unused.name.span()), why.to_owned()));
        }
        Ok(pins)
    }

    fn check_names(&self, package: &Package, origin: &str) -> Result<(), LockfileError> {
        let name = package.name.get_ref();
        // Local packages may be called what no registry accepts.
        if package.source.is_some() && !names::is_name(name) {
            return Err(error::syntax(origin, format!("{:?} is no crate's name", shown(name)), LOCK_AGAIN));
        }
        if names::parse_version(&package.version).is_none() {
            let what = format!("{:?} is no version", shown(&package.version));
            return Err(error::syntax(origin, what, LOCK_AGAIN));
        }
        Ok(())
    }

    fn take(
        &self,
        package: &Package,
        origin: String,
        old: &HashMap<String, Sha256>,
        pins: &mut Pins,
    ) -> Result<(), LockfileError> {
        if let Some(why) = elsewhere(package.source.as_deref()) {
            pins.skipped.push(skipped(package, origin, why));
            return Ok(());
        }
        let (name, version) = (package.name.get_ref(), &package.version);
        let hash = match &package.checksum {
            Some(text) => Some(checksum(text.get_ref(), &self.source.at(&text.span()))?),
            None => old.get(&self.id(package)).copied(),
        };
        let purl = Purl::release("cargo", name, version);
        pins.pins.push(Pin {
            purl,
            hashes: hash.into_iter().collect(),
            checksums: Vec::new(),
            scope: Scope::default(),
            licence: None,
            origin,
        });
        Ok(())
    }

    /// How version 1 names a package in `[metadata]`, and older locks everywhere.
    fn id(&self, package: &Package) -> String {
        let source = package.source.as_deref().unwrap_or_default();
        format!("{} {} ({source})", package.name.get_ref(), package.version)
    }

    /// Version 1 keeps its checksums in `[metadata]`, by the package's long name.
    fn old_checksums(&self) -> Result<HashMap<String, Sha256>, LockfileError> {
        let mut found = HashMap::new();
        for (key, value) in &self.lock.metadata {
            let Some(id) = key.strip_prefix("checksum ") else { continue };
            if value.get_ref() == "<none>" {
                continue;
            }
            found.insert(id.to_owned(), checksum(value.get_ref(), &self.source.at(&value.span()))?);
        }
        Ok(found)
    }

    /// A dependency that leads nowhere is a lock that was cut.
    fn check_dependencies(&self) -> Result<(), LockfileError> {
        let packages = || self.lock.root.iter().chain(&self.lock.packages);
        let mut known = HashSet::new();
        for package in packages() {
            let (name, version) = (package.name.get_ref(), &package.version);
            known.insert(name.clone());
            known.insert(format!("{name} {version}"));
            known.insert(self.id(package));
        }
        for wanted in packages().flat_map(|package| &package.dependencies) {
            // Versions 3 and 4 spell a git source differently here and there; name and version decide.
            let short = wanted.get_ref().split(" (").next().unwrap_or_default();
            if !known.contains(wanted.get_ref()) && !known.contains(short) {
                let what = format!("{:?} is a dependency and no package here", shown(wanted.get_ref()));
                return Err(error::inconsistent(&self.source.at(&wanted.span()), what));
            }
        }
        Ok(())
    }
}

/// Why a package is not from the registry that the mill reads.
fn elsewhere(source: Option<&str>) -> Option<String> {
    let Some(source) = source else {
        return Some("a package of this workspace or of a local folder, not of the registry".to_owned());
    };
    if LOCKED_AS.contains(&source) {
        return None;
    }
    let kind = source.split_once('+').map_or("", |(kind, _)| kind);
    Some(match kind {
        "git" => "comes from a git repository, not from the registry".to_owned(),
        "path" => "comes from a local folder, not from the registry".to_owned(),
        "registry" | "sparse" | "local-registry" | "directory" => {
            format!("comes from another registry: {}", shown(source))
        }
        _ => format!("comes from a source that is not known: {}", shown(source)),
    })
}

fn skipped(package: &Package, origin: String, why: String) -> Skipped {
    let entry = shown(&format!("{} {}", package.name.get_ref(), package.version));
    Skipped { entry, origin, why, own: package.source.is_none() }
}

fn checksum(text: &str, origin: &str) -> Result<Sha256, LockfileError> {
    text.parse().map_err(|_| LockfileError {
        help: LOCK_AGAIN.to_owned(),
        ..error::hashes(origin, format!("{:?} is no SHA-256", shown(text)))
    })
}
