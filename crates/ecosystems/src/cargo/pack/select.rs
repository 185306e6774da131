//! Which files of a commit belong to the package (`list_files` and `build_ar_list` of cargo, in a git repository).

use super::manifest::Normal;
use super::package::Package;
use super::{LOCK, MANIFEST, ORIGINAL, PackError, VCS_INFO};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Member;

/// Bytes of all files. The registry's own limit on the packed file is 10 MiB; what unpacks to more is none.
const MAX_BYTES: u64 = 2 << 30;
/// Rules of `include` and `exclude`.
const MAX_RULES: usize = 10_000;

/// The files by their path in the package, without the generated ones.
pub(super) fn files(package: &Package<'_>, manifest: &Normal) -> Result<BTreeMap<String, Member>, PackError> {
    let rules = Rules::of(manifest)?;
    let nested = nested(package);
    let mut chosen = BTreeMap::new();
    let mut bytes = 0;
    for (path, member) in package.files() {
        if is_nested(&nested, path) || !rules.packs(path) {
            continue;
        }
        if matches!(path, VCS_INFO | ORIGINAL) {
            return Err(PackError::Reserved { path: package.path(path) });
        }
        bytes += member.bytes.len() as u64;
        if bytes > MAX_BYTES {
            return Err(PackError::TooLarge { limit: MAX_BYTES });
        }
        chosen.insert(path.to_owned(), as_packed(member));
    }
    add_named(package, manifest, &mut chosen);
    Ok(chosen)
}

/// Of permissions cargo keeps the executable bit alone.
fn as_packed(member: &Member) -> Member {
    let executable = member.mode.is_some_and(|mode| mode & 0o100 != 0);
    let mode = if executable { 0o755 } else { 0o644 };
    Member { bytes: member.bytes.clone(), mode: Some(mode), mtime: None }
}

/// Folders with a manifest of their own are packages of their own.
fn nested<'a>(package: &Package<'a>) -> BTreeSet<&'a str> {
    package.files().filter_map(|(path, _)| path.strip_suffix(MANIFEST)?.strip_suffix('/')).collect()
}

fn is_nested(nested: &BTreeSet<&str>, path: &str) -> bool {
    path.match_indices('/').any(|(at, _)| path.get(..at).is_some_and(|folder| nested.contains(folder)))
}

/// Read-me and licence are packed wherever they are; what stands outside of the package comes to its root.
fn add_named(package: &Package<'_>, manifest: &Normal, chosen: &mut BTreeMap<String, Member>) {
    let named = [manifest.license_file(), manifest.readme()];
    for named in named.into_iter().flatten() {
        let Some(at) = package.resolve(&named) else { continue };
        let Some(member) = package.tree.get(&at) else { continue };
        let prefix = package.path("");
        let inside = at.strip_prefix(&prefix);
        let path = inside.unwrap_or_else(|| at.rsplit('/').next().unwrap_or(&at));
        chosen.entry(path.to_owned()).or_insert_with(|| as_packed(member));
    }
}

/// `include`, or else `exclude`.
struct Rules {
    include: Option<Gitignore>,
    exclude: Gitignore,
}

impl Rules {
    fn of(manifest: &Normal) -> Result<Self, PackError> {
        let include = manifest.include();
        Ok(Self {
            include: if include.is_empty() { None } else { Some(matcher(&include)?) },
            exclude: matcher(&manifest.exclude())?,
        })
    }

    fn packs(&self, path: &str) -> bool {
        if matches!(path, LOCK | MANIFEST) {
            return true;
        }
        match &self.include {
            // With `include`, cargo walks the disk and not the repository: there it skips `target`.
            Some(include) => {
                !path.starts_with("target/") && include.matched_path_or_any_parents(path, false).is_ignore()
            }
            None => !self.exclude.matched_path_or_any_parents(path, false).is_ignore(),
        }
    }
}

fn matcher(rules: &[String]) -> Result<Gitignore, PackError> {
    let bad = |rule: &str| PackError::Rule { rule: rule.chars().take(80).collect() };
    if rules.len() > MAX_RULES {
        return Err(bad("too many"));
    }
    let mut builder = GitignoreBuilder::new("");
    for rule in rules {
        builder.add_line(None, rule).map_err(|_| bad(rule))?;
    }
    builder.build().map_err(|_| bad("all together"))
}
