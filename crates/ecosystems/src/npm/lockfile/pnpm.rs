//! `pnpm-lock.yaml`, versions 6 to 9.
//!
//! <https://github.com/pnpm/spec/tree/master/lockfile>. Up to version 8 an entry of `packages` says itself
//! whether only development needs it; from 9 on `snapshots` hold the graph, and that is found by a walk.

use super::error;
use super::gather::{Entry, Gathered};
use super::graph::Draft;
use super::locator::{Locator, elsewhere, locate};
use super::target::Target;
use super::text::{MAX_ENTRIES, Text, shown};
use super::yaml::{self, Mapping, Pair};
use std::collections::{BTreeMap, HashSet};
use trustmill_core::lockfile::{LockfileError, Pins, Scope};

/// Reads a lock.
pub(super) fn read(text: &Text, target: &Target) -> Result<Pins, LockfileError> {
    let mut gathered = Gathered::default();
    let documents = yaml::documents(text)?;
    if documents.is_empty() {
        return Err(error::syntax(&text.line(1), "the file is empty"));
    }
    for lock in &documents {
        let major = known_version(text, lock)?;
        Lock { text, target, lock, major }.take(&mut gathered)?;
    }
    Ok(gathered.finish())
}

fn known_version(text: &Text, lock: &Mapping) -> Result<u32, LockfileError> {
    let pair = lock.pair("lockfileVersion");
    let found = pair.and_then(|pair| pair.value.text()).unwrap_or_default();
    let major = found.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major @ 6..=9) => Ok(major),
        _ => {
            let origin = text.line(pair.map_or(1, |pair| pair.line));
            let what = format!("lockfileVersion {:?} is not known; 6 to 9 are", shown(found));
            Err(error::version(
                &origin,
                what,
                "lock again with pnpm 8 or later (`pnpm install --lockfile-only`)",
            ))
        }
    }
}

struct Lock<'a> {
    text: &'a Text,
    target: &'a Target,
    lock: &'a Mapping,
    major: u32,
}

impl Lock<'_> {
    fn take(&self, gathered: &mut Gathered) -> Result<(), LockfileError> {
        let scopes = self.scopes()?;
        self.folders(gathered);
        self.graph(&mut gathered.graph);
        for pair in self.lock.mapping("patchedDependencies").map(|all| &all.entries).into_iter().flatten() {
            let why = "patched after the download: the patch is the project's own and is not secured";
            gathered.skip(&pair.key, &self.text.line(pair.line), why);
        }
        let Some(packages) = self.lock.mapping("packages") else { return Ok(()) };
        if packages.entries.len() > MAX_ENTRIES {
            return Err(error::limit(&self.text.line(1), format!("more than {MAX_ENTRIES} entries")));
        }
        packages.entries.iter().try_for_each(|pair| self.package(pair, &scopes, gathered))
    }

    fn package(
        &self,
        pair: &Pair,
        scopes: &BTreeMap<String, Scope>,
        gathered: &mut Gathered,
    ) -> Result<(), LockfileError> {
        let origin = self.text.line(pair.line);
        let missing =
            |what: &str| error::inconsistent(&origin, format!("{:?} has no {what}", shown(&pair.key)));
        let entry = pair.value.mapping().ok_or_else(|| missing("fields"))?;
        let resolution = entry.mapping("resolution").ok_or_else(|| missing("resolution"))?;
        let bare = base(&pair.key);
        if let Some(why) = not_a_tarball(resolution) {
            gathered.skip(bare, &origin, why);
            return Ok(());
        }
        let Some((name, version)) = release(bare) else {
            gathered.skip(bare, &origin, "an address of its own, which no registry vouches for");
            return Ok(());
        };
        if let Some(why) = elsewhere(version) {
            gathered.skip(bare, &origin, why);
            return Ok(());
        }
        if version.contains("://") {
            gathered.skip(bare, &origin, "a tarball at an address of its own, which no registry vouches for");
            return Ok(());
        }
        if let Some(address) = resolution.text("tarball")
            && let Locator::Elsewhere(why) = locate(address, name, version, &origin)?
        {
            gathered.skip(bare, &origin, why);
            return Ok(());
        }
        if let Some(why) = self.target.excludes(&entry.list("os"), &entry.list("cpu"), &entry.list("libc")) {
            gathered.skip(bare, &origin, why);
            return Ok(());
        }
        let scope =
            if self.major >= 9 { scopes.get(bare).copied().unwrap_or_default() } else { scope_of(entry) };
        if scope == Scope::Development && !self.target.development {
            gathered.skip(bare, &origin, "for development only, which was not asked for");
            return Ok(());
        }
        gathered.pin(
            &Entry { name, version, integrity: resolution.text("integrity"), scope, licence: None },
            &origin,
        )
    }

    /// The projects of the workspace; without `importers` the file is of one project.
    fn importers(&self) -> Vec<&Mapping> {
        match self.lock.mapping("importers") {
            Some(all) => all.entries.iter().filter_map(|pair| pair.value.mapping()).collect(),
            None => vec![self.lock],
        }
    }

    /// Direct dependencies of one kind: key, name, and what it came to.
    fn direct<'b>(&self, importer: &'b Mapping, kind: &str) -> Vec<(&'b Pair, &'b str)> {
        let pairs = importer.mapping(kind).map(|all| all.entries.iter()).into_iter().flatten();
        let version = |pair: &'b Pair| {
            pair.value.mapping().and_then(|entry| entry.text("version")).or_else(|| pair.value.text())
        };
        pairs.filter_map(|pair| Some((pair, version(pair)?))).collect()
    }

    /// Folders have no entry in `packages`, only in what depends on them.
    fn folders(&self, gathered: &mut Gathered) {
        for importer in self.importers() {
            for kind in ["dependencies", "devDependencies", "optionalDependencies"] {
                for (pair, version) in self.direct(importer, kind) {
                    if version.starts_with("link:") || version.starts_with("workspace:") {
                        let entry = format!("{}@{version}", pair.key);
                        let why = "a folder beside the project, not from a registry";
                        gathered.skip(&entry, &self.text.line(pair.line), why);
                    }
                }
            }
        }
    }

    /// Who needs whom: `snapshots` say it from version 9 on, `packages` before.
    fn graph(&self, graph: &mut Draft) {
        let kinds = ["dependencies", "optionalDependencies", "devDependencies"];
        let projects = self.lock.mapping("importers").map(|all| &all.entries);
        let projects = projects.into_iter().flatten().map(|pair| (pair.key.as_str(), pair.value.mapping()));
        let alone = self.lock.mapping("importers").is_none().then_some((".", Some(self.lock)));
        for (folder, project) in projects.chain(alone) {
            let at = graph.root(folder, []);
            for (pair, to) in
                project.into_iter().flat_map(|one| kinds.map(|kind| self.direct(one, kind))).flatten()
            {
                snapshot(&pair.key, to).into_iter().for_each(|key| graph.needs(at, slashless(&key)));
            }
        }
        let entries = self.lock.mapping(if self.major >= 9 { "snapshots" } else { "packages" });
        for pair in entries.map(|all| &all.entries).into_iter().flatten() {
            let Some((name, version)) = release(base(&pair.key)) else { continue };
            let at = graph.entry(name, version, [slashless(&pair.key)]);
            let node = pair.value.mapping();
            let needs = node.into_iter().flat_map(|node| kinds.map(|kind| node.mapping(kind))).flatten();
            for need in needs.flat_map(|all| &all.entries) {
                let key = need.value.text().and_then(|to| snapshot(&need.key, to));
                key.into_iter().for_each(|key| graph.needs(at, slashless(&key)));
            }
        }
    }

    /// What each release is needed for, by a walk over `snapshots`: once from what runs, once from what may
    /// fail, once from what develops.
    fn scopes(&self) -> Result<BTreeMap<String, Scope>, LockfileError> {
        let mut found = BTreeMap::new();
        let Some(snapshots) = self.lock.mapping("snapshots").filter(|_| self.major >= 9) else {
            return Ok(found);
        };
        let walks = [
            ("dependencies", Scope::Runtime),
            ("optionalDependencies", Scope::Optional),
            ("devDependencies", Scope::Development),
        ];
        let mut seen: HashSet<String> = HashSet::new();
        for (kind, scope) in walks {
            let mut open: Vec<(String, usize)> = Vec::new();
            for importer in self.importers() {
                let direct = self.direct(importer, kind);
                open.extend(
                    direct.iter().filter_map(|(pair, to)| Some((snapshot(&pair.key, to)?, pair.line))),
                );
            }
            while let Some((key, line)) = open.pop() {
                if !seen.insert(key.clone()) {
                    continue;
                }
                let Some(node) = snapshots.pair(&key) else {
                    let what = format!("depends on {:?}, which the lock does not hold", shown(&key));
                    return Err(error::inconsistent(&self.text.line(line), what));
                };
                let node = node.value.mapping();
                let optional = node.is_some_and(|node| node.flag("optional"));
                let scope = if optional && scope == Scope::Runtime { Scope::Optional } else { scope };
                let known = found.entry(base(&key).to_owned()).or_insert(scope);
                *known = (*known).min(scope);
                for kind in ["dependencies", "optionalDependencies"] {
                    let pairs = node.and_then(|node| node.mapping(kind)).map(|all| &all.entries);
                    for pair in pairs.into_iter().flatten() {
                        let to = pair.value.text().and_then(|to| snapshot(&pair.key, to));
                        open.extend(to.map(|key| (key, pair.line)));
                    }
                }
            }
        }
        Ok(found)
    }
}

fn scope_of(entry: &Mapping) -> Scope {
    if entry.flag("dev") {
        Scope::Development
    } else if entry.flag("optional") {
        Scope::Optional
    } else {
        Scope::Runtime
    }
}

/// The key of `snapshots` that a dependency came to; `None` for a folder.
fn snapshot(name: &str, version: &str) -> Option<String> {
    if version.starts_with("link:") || version.starts_with("workspace:") {
        return None;
    }
    // An alias brings its own name; a version, an address and a file do not.
    let bare = base(version);
    let address = elsewhere(bare).is_some() || bare.contains("://");
    let alias = !address && bare.char_indices().skip(1).any(|(_, c)| c == '@');
    Some(if alias { version.to_owned() } else { format!("{name}@{version}") })
}

/// Why a resolution is no tarball of a registry.
fn not_a_tarball(resolution: &Mapping) -> Option<String> {
    let why = match resolution.text("type") {
        Some("git") => "comes from version control, not from a registry",
        Some("directory") => "a local folder, not from a registry",
        Some(_) => "a runtime that the package manager brings itself",
        None if resolution.text("directory").is_some() => "a local folder, not from a registry",
        None => return None,
    };
    Some(why.to_owned())
}

/// A key without version 6's slash.
fn slashless(key: &str) -> String {
    key.strip_prefix('/').unwrap_or(key).to_owned()
}

/// The key without the peers in parentheses, and without version 6's slash.
fn base(key: &str) -> &str {
    let key = key.strip_prefix('/').unwrap_or(key);
    // An address may hold parentheses of its own; peers begin behind the version.
    key.split('(').next().unwrap_or(key)
}

/// `NAME@VERSION`.
fn release(key: &str) -> Option<(&str, &str)> {
    let at = key.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at)?;
    let (name, version) = (key.get(..at)?, key.get(at + 1..)?);
    // Version 6 writes `HOST/NAME@VERSION` for another registry, and addresses without a scheme.
    let plain = name.starts_with('@') && name.matches('/').count() == 1 || !name.contains('/');
    (plain && !name.contains(':')).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_version_are_split() {
        for (key, expected) in [
            ("/a@1.0.0", Some(("a", "1.0.0"))),
            ("/@a/b@1.0.0(@c/d@2.0.0)(e@3.0.0)", Some(("@a/b", "1.0.0"))),
            ("a@1.0.0", Some(("a", "1.0.0"))),
            ("a@file:../a.tgz", Some(("a", "file:../a.tgz"))),
            ("registry.example/a@1.0.0", None),
            ("file:a.tgz", None),
        ] {
            assert_eq!(release(base(key)), expected, "{key}");
        }
    }

    #[test]
    fn a_dependency_leads_to_its_snapshot() {
        for (name, version, expected) in [
            ("a", "1.0.0(b@2.0.0)", Some("a@1.0.0(b@2.0.0)")),
            ("alias", "@a/b@1.0.0", Some("@a/b@1.0.0")),
            ("alias", "other@1.0.0(b@1.0.0)", Some("other@1.0.0(b@1.0.0)")),
            ("a", "link:../a", None),
            ("a", "https://host.example/a/tar.gz/0123", Some("a@https://host.example/a/tar.gz/0123")),
            ("a", "file:../a.tgz", Some("a@file:../a.tgz")),
        ] {
            assert_eq!(snapshot(name, version).as_deref(), expected, "{name} {version}");
        }
    }
}
