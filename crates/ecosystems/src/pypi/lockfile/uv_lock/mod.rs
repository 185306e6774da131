//! `uv.lock`, and the `NAME.py.lock` that uv writes beside a script.
//!
//! The lock is universal: it holds what every platform needs. What this target needs is found by walking
//! from the workspace's members, as uv does on `uv sync --all-packages`.

mod graph;
mod model;
mod walk;

use super::error;
use super::marker::Context;
use super::pinset::PinSet;
use super::pylock::{check_python, holds, version};
use super::requirement::check_name;
use super::source::{Files, Hashes, MemoryFiles, Source};
use super::target::Target;
use model::{Head, Lock, Package, SourceKind};
use std::collections::BTreeSet;
use std::path::Path;
use trustmill_core::lockfile::{LockfileError, Pins};

/// The version of the format that is known; revisions within it stay readable.
const VERSION: i64 = 1;

/// `uv.lock` or `NAME.py.lock`.
pub(super) fn claims(name: &str) -> bool {
    name == "uv.lock" || name.ends_with(".py.lock")
}

/// Reads a lock.
pub(super) fn read(path: &Path, target: &Target, files: &dyn Files) -> Result<Pins, LockfileError> {
    let source = Source::read(path, files)?;
    let head: Head = source.toml()?;
    if *head.version.get_ref() != VERSION {
        let what = format!("version {} of uv.lock is not known; {VERSION} is", head.version.get_ref());
        let help = "lock with a uv that writes version 1, or export with `uv export --format pylock.toml`";
        return Err(error::version(&source.at(&head.version.span()), what, help));
    }
    let lock: Lock = source.toml()?;
    check_target(&lock, target, &source)?;
    let reached = walk::Walk::reached(&lock, &source, target)?;
    let mut set = PinSet::new(target.everywhere);
    for (index, package) in lock.packages.iter().enumerate() {
        take(&lock, package, target.everywhere || reached.contains(&index), &source, &mut set)?;
    }
    Ok(Pins { graph: graph::of(&lock), ..set.finish() })
}

/// Reads `bytes` as a `uv.lock`: the entry of tests and fuzzing.
///
/// # Errors
/// As [`super::read`].
pub fn read_bytes(bytes: &[u8], target: &Target) -> Result<Pins, LockfileError> {
    let name = "uv.lock";
    read(Path::new(name), target, &MemoryFiles::one(name, bytes))
}

fn check_target(lock: &Lock, target: &Target, source: &Source) -> Result<(), LockfileError> {
    if let Some(wanted) = &lock.requires_python {
        check_python(wanted.get_ref(), target, &source.at(&wanted.span()), "the lock")?;
    }
    let none = BTreeSet::new();
    let context = Context { target, extras: &none, groups: &none };
    let mut held = lock.supported_markers.is_empty() || target.everywhere;
    for marker in &lock.supported_markers {
        held |= holds(marker.get_ref(), &context, &source.at(&marker.span()))?;
    }
    let place = lock.supported_markers.first().map(|first| source.at(&first.span())).unwrap_or_default();
    if held {
        Ok(())
    } else {
        Err(error::elsewhere(&place, "none of the supported markers is the target's".into()))
    }
}

fn take(
    lock: &Lock,
    package: &Package,
    reached: bool,
    source: &Source,
    set: &mut PinSet,
) -> Result<(), LockfileError> {
    let origin = source.at(&package.name.span());
    let name = package.name.get_ref();
    check_name(name).map_err(|what| error::syntax(&origin, what, "lock again"))?;
    let entry = package.version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}=={version}"));
    if walk::is_root(lock, package) {
        set.own(&entry, &origin, "the project itself, not a package of the registry");
    } else if !reached {
        set.skip(&entry, &origin, "nothing that this target and selection install needs it");
    } else if let Some(why) = elsewhere(&package.source.kind) {
        set.skip(&entry, &origin, why);
    } else {
        let version = version(name, package.version.as_deref(), &origin)?;
        let hashes = set.checkable(&entry, digests(package, &origin)?, &origin)?;
        set.pin(name, &version, &hashes, &origin)?;
    }
    Ok(())
}

/// Why a package is not from a registry.
fn elsewhere(source: &SourceKind) -> Option<&'static str> {
    match source {
        SourceKind::Registry(index) if index.contains("://") => None,
        SourceKind::Registry(_) => Some("comes from a local folder of files, not from the registry"),
        SourceKind::Git(_) => Some("comes from version control, not from the registry"),
        SourceKind::Url(_) => Some("comes from a URL, not from the registry"),
        SourceKind::Path(_) => Some("a local archive, not a package of the registry"),
        SourceKind::Directory(_) | SourceKind::Editable(_) | SourceKind::Virtual(_) => {
            Some("a local directory, not a package of the registry")
        }
    }
}

fn digests(package: &Package, origin: &str) -> Result<Hashes, LockfileError> {
    let mut all = Hashes::default();
    for hash in package.wheels.iter().chain(&package.sdist).filter_map(|file| file.hash.as_deref()) {
        let (algorithm, hex) = hash.split_once(':').unwrap_or((hash, ""));
        all.add(algorithm, hex).map_err(|what| error::hashes(origin, what))?;
    }
    Ok(all)
}
