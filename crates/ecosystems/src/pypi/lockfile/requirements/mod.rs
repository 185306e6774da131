//! pip's requirements files: what they pin for one target.
//!
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>

mod lines;
mod options;
mod walk;

use super::error;
use super::marker::{Context, normalise};
use super::pinset::{PinSet, common};
use super::requirement::pinned;
use super::source::{Files, MemoryFiles, shown};
use super::target::Target;
use pep440_rs::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use trustmill_core::lockfile::{LockfileError, Pins};
use walk::{Entry, Walk};

/// Constraints on one package: every requirement of it is held against them.
const MAX_BOUNDS: usize = 256;

/// Files that pip is given with `-r` are named as people like; all end in `.txt` or, before locking, `.in`.
pub(super) fn claims(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "txt" || extension == "in")
}

/// Reads a requirements file and its includes.
pub(super) fn read(path: &Path, target: &Target, files: &dyn Files) -> Result<Pins, LockfileError> {
    let gathered = Walk::gather(path, files, target.everywhere)?;
    let mut set = gathered.set;
    let mut constraints: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in gathered.constraints {
        if applies(&entry, target, &mut set)? {
            let bounds = constraints.entry(normalise(&entry.requirement.name)).or_default();
            if bounds.len() >= MAX_BOUNDS {
                let what = format!("more than {MAX_BOUNDS} constraints on {}", entry.requirement.name);
                return Err(error::contradiction(&entry.origin, what));
            }
            bounds.push(entry);
        }
    }
    let mut used = BTreeSet::new();
    for entry in gathered.requirements {
        if target.everywhere || applies(&entry, target, &mut set)? {
            let name = normalise(&entry.requirement.name);
            let bounds = constraints.get(&name).map(Vec::as_slice).unwrap_or_default();
            settle(&entry, bounds, gathered.hashed, &mut set)?;
            used.insert(name);
        }
    }
    for entry in constraints.iter().filter(|(name, _)| !used.contains(*name)).flat_map(|(_, entries)| entries)
    {
        set.skip(&entry.raw, &entry.origin, "a constraint on a package that no line requires");
    }
    Ok(set.finish())
}

/// Reads `bytes` as a requirements file without includes: the entry of tests and fuzzing.
///
/// # Errors
/// As [`super::read`].
pub fn read_bytes(bytes: &[u8], target: &Target) -> Result<Pins, LockfileError> {
    let name = "requirements.txt";
    read(Path::new(name), target, &MemoryFiles::one(name, bytes))
}

/// Whether the entry's marker holds; if not, that is noted.
fn applies(entry: &Entry, target: &Target, set: &mut PinSet) -> Result<bool, LockfileError> {
    let Some(marker) = &entry.requirement.marker else { return Ok(true) };
    let none = BTreeSet::new();
    let holds = marker.evaluate(&Context { target, extras: &none, groups: &none });
    let holds = holds.map_err(|what| error::syntax(&entry.origin, what, "mend the marker after `;`"))?;
    if !holds {
        set.skip(&entry.raw, &entry.origin, "its marker does not hold for this interpreter and platform");
    }
    Ok(holds)
}

/// Finds the one version that a requirement and its constraints leave, and pins it.
fn settle(entry: &Entry, bounds: &[Entry], hashed: bool, set: &mut PinSet) -> Result<(), LockfileError> {
    let name = &entry.requirement.name;
    let version = the_version(entry, bounds)?;
    let mut accepted = entry.sha256.clone();
    for bound in std::iter::once(entry).chain(bounds) {
        if let Some(other) = bound.requirement.specifiers().iter().find(|one| !one.contains(version)) {
            let what =
                format!("{name} is pinned to {version}, which {} excludes with `{other}`", bound.origin);
            return Err(error::contradiction(&entry.origin, what));
        }
        accepted = common(&accepted, &bound.sha256).ok_or_else(|| {
            let what = format!("{name}=={version} has no digest in common with {}", bound.origin);
            error::contradiction(&entry.origin, what)
        })?;
    }
    if hashed && accepted.is_empty() {
        let what = format!(
            "{:?} has no digest, though digests are required once one line has them",
            shown(&entry.raw)
        );
        return Err(error::hashes(&entry.origin, what));
    }
    set.pin(name, version, &accepted, &entry.origin)
}

/// The first exact pin: of the requirement itself, else of a constraint.
fn the_version<'a>(entry: &'a Entry, bounds: &'a [Entry]) -> Result<&'a Version, LockfileError> {
    let every = || std::iter::once(entry).chain(bounds).flat_map(|one| one.requirement.specifiers());
    every().find_map(pinned).ok_or_else(|| {
        let bound = every().next().map_or_else(|| "VERSION".to_owned(), |one| one.version().to_string());
        let example = format!("{}=={bound}", entry.requirement.name);
        error::unpinned(&entry.origin, &shown(&entry.raw), &example)
    })
}
