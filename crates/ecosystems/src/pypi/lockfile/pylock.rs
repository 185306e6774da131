//! `pylock.toml` and `pylock.NAME.toml`: the lock file that installers agree on (PEP 751).
//!
//! <https://packaging.python.org/en/latest/specifications/pylock-toml/>. The steps of `read` are those of
//! the specification's section on installation, in its order.

use super::error;
use super::marker::{Context, Marker, normalise};
use super::pinset::PinSet;
use super::requirement::check_name;
use super::source::{Files, Hashes, MemoryFiles, Source};
use super::target::{Groups, Target};
use pep440_rs::{Version, VersionSpecifiers};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::Spanned;
use trustmill_core::lockfile::{LockfileError, Pins};

/// `pylock.toml`, or `pylock.NAME.toml` with a name that has no dot.
pub(super) fn claims(name: &str) -> bool {
    let inner = name.strip_prefix("pylock.").and_then(|rest| rest.strip_suffix(".toml"));
    name == "pylock.toml" || inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('.'))
}

/// Read before the rest: a later major version may have any shape.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    lock_version: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    environments: Vec<Spanned<String>>,
    #[serde(default)]
    extras: Vec<String>,
    #[serde(default)]
    dependency_groups: Vec<String>,
    #[serde(default)]
    default_groups: Vec<String>,
    packages: Vec<Spanned<Package>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    marker: Option<String>,
    requires_python: Option<String>,
    vcs: Option<IgnoredAny>,
    directory: Option<IgnoredAny>,
    archive: Option<IgnoredAny>,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    hashes: BTreeMap<String, String>,
}

/// Reads a lock.
pub(super) fn read(path: &Path, target: &Target, files: &dyn Files) -> Result<Pins, LockfileError> {
    let source = Source::read(path, files)?;
    known_version(&source)?;
    let lock: Lock = source.toml()?;
    if let Some(wanted) = &lock.requires_python {
        check_python(wanted.get_ref(), target, &source.at(&wanted.span()), "the lock")?;
    }
    let groups = selected_groups(&lock, target, &source)?;
    let extras = &target.selection.extras;
    unknown(extras, &lock.extras, "extra", &source)?;
    let context = Context { target, extras, groups: &groups };
    check_environments(&lock, &context, &source)?;
    let mut set = PinSet::new(target.everywhere);
    for package in &lock.packages {
        take(package.get_ref(), &source, &context, &mut set)?;
    }
    Ok(set.finish())
}

/// Reads `bytes` as a `pylock.toml`: the entry of tests and fuzzing.
///
/// # Errors
/// As [`super::read`].
pub fn read_bytes(bytes: &[u8], target: &Target) -> Result<Pins, LockfileError> {
    let name = "pylock.toml";
    read(Path::new(name), target, &MemoryFiles::one(name, bytes))
}

/// Major version 1 is known; a later minor version adds only what may be left unread.
fn known_version(source: &Source) -> Result<(), LockfileError> {
    let head: Head = source.toml()?;
    let found = head.lock_version.get_ref();
    let version = found.parse::<Version>();
    if version.is_ok_and(|version| version.release().first() == Some(&1)) {
        return Ok(());
    }
    let what = format!("lock-version {found:?} is not known; 1.x is");
    Err(error::version(&source.at(&head.lock_version.span()), what, "export the lock as version 1.0"))
}

/// Refuses a target outside `requires-python`.
pub(super) fn check_python(
    wanted: &str,
    target: &Target,
    origin: &str,
    of: &str,
) -> Result<(), LockfileError> {
    let specifiers: VersionSpecifiers = wanted
        .parse()
        .map_err(|_| error::syntax(origin, format!("{wanted:?} is no version specifier"), "lock again"))?;
    if target.everywhere || specifiers.contains(&target.python_full_version) {
        return Ok(());
    }
    let what = format!("{of} is for Python {wanted}; the target is {}", target.python_full_version);
    Err(error::elsewhere(origin, what))
}

fn selected_groups(lock: &Lock, target: &Target, source: &Source) -> Result<BTreeSet<String>, LockfileError> {
    match &target.selection.groups {
        Groups::Default => Ok(lock.default_groups.iter().cloned().collect()),
        Groups::Only(groups) => {
            let known: Vec<String> =
                lock.dependency_groups.iter().chain(&lock.default_groups).cloned().collect();
            unknown(groups, &known, "dependency group", source)?;
            Ok(groups.clone())
        }
    }
}

fn unknown(
    asked: &BTreeSet<String>,
    known: &[String],
    kind: &str,
    source: &Source,
) -> Result<(), LockfileError> {
    let is_known = |name: &str| known.iter().any(|one| normalise(one) == normalise(name));
    let missing = asked.iter().find(|name| !is_known(name));
    missing.map_or(Ok(()), |name| {
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(error::selection(&source.path.display().to_string(), format!("has no {kind} {name:?}"), &names))
    })
}

fn check_environments(lock: &Lock, context: &Context<'_>, source: &Source) -> Result<(), LockfileError> {
    let mut held = lock.environments.is_empty() || context.target.everywhere;
    for environment in &lock.environments {
        held |= holds(environment.get_ref(), context, &source.at(&environment.span()))?;
    }
    let place = lock.environments.first().map(|first| source.at(&first.span())).unwrap_or_default();
    if held {
        Ok(())
    } else {
        Err(error::elsewhere(&place, "none of the lock's environments is the target".into()))
    }
}

/// Whether a marker of a lock holds.
pub(super) fn holds(marker: &str, context: &Context<'_>, origin: &str) -> Result<bool, LockfileError> {
    let parsed = marker.parse::<Marker>().and_then(|parsed| parsed.evaluate(context));
    parsed.map_err(|what| error::syntax(origin, what, "the marker was edited: lock again"))
}

fn take(
    package: &Package,
    source: &Source,
    context: &Context<'_>,
    set: &mut PinSet,
) -> Result<(), LockfileError> {
    let origin = source.at(&package.name.span());
    let name = package.name.get_ref();
    check_name(name).map_err(|what| error::syntax(&origin, what, "lock again"))?;
    let entry = package.version.as_ref().map_or_else(|| name.clone(), |version| format!("{name}=={version}"));
    if let Some(marker) = &package.marker
        && !holds(marker, context, &origin)?
        && !context.target.everywhere
    {
        set.skip(&entry, &origin, "its marker does not hold for this target and selection");
        return Ok(());
    }
    if let Some(wanted) = &package.requires_python {
        check_python(wanted, context.target, &origin, name)?;
    }
    let elsewhere = [
        (package.vcs.is_some(), "comes from version control, not from the registry"),
        (package.directory.is_some(), "a local directory, not a package of the registry"),
        (package.archive.is_some(), "comes from a URL, not from the registry"),
    ];
    if let Some((_, why)) = elsewhere.iter().find(|(is, _)| *is) {
        if package.sdist.is_some() || !package.wheels.is_empty() {
            return Err(error::inconsistent(
                &origin,
                format!("{name} has files of a registry and another source"),
            ));
        }
        set.skip(&entry, &origin, *why);
        return Ok(());
    }
    let version = version(name, package.version.as_deref(), &origin)?;
    let hashes = digests(name, package, &origin)?;
    let hashes = set.checkable(&entry, hashes, &origin)?;
    set.pin(name, &version, &hashes, &origin)
}

/// The version of a package of a registry: without one there is nothing to pin.
pub(super) fn version(name: &str, version: Option<&str>, origin: &str) -> Result<Version, LockfileError> {
    let text = version.ok_or_else(|| error::inconsistent(origin, format!("{name} has no version")))?;
    text.parse().map_err(|_| error::syntax(origin, format!("{text:?} is no version (PEP 440)"), "lock again"))
}

fn digests(name: &str, package: &Package, origin: &str) -> Result<Hashes, LockfileError> {
    let mut all = Hashes::default();
    for file in package.wheels.iter().chain(&package.sdist) {
        // One digest settles a file; others beside it say nothing more.
        let sha256 = file.hashes.iter().find(|(algorithm, _)| algorithm.eq_ignore_ascii_case("sha256"));
        let (algorithm, hex) = sha256
            .or_else(|| file.hashes.iter().next())
            .ok_or_else(|| error::hashes(origin, format!("{name} has a file without a digest")))?;
        all.add(algorithm, hex).map_err(|what| error::hashes(origin, what))?;
    }
    if all.is_empty() {
        return Err(error::inconsistent(origin, format!("{name} has neither files nor another source")));
    }
    Ok(all)
}
