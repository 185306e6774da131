//! Which packages of a `uv.lock` a target needs: a walk from the roots along dependencies whose markers hold.

use super::super::error;
use super::super::marker::{Context, normalise};
use super::super::pylock::holds;
use super::super::source::Source;
use super::super::target::{Groups, Target};
use super::model::{Dependency, Lock, Package, SourceKind};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::lockfile::LockfileError;

/// Rounds until the extras in force no longer change; real locks settle in two.
const MAX_ROUNDS: usize = 16;

/// Versions of one package: every dependency on it looks through them.
const MAX_FORKS: usize = 256;

/// The packages that a target needs, as positions in the file.
pub(super) struct Walk<'a> {
    lock: &'a Lock,
    source: &'a Source,
    target: &'a Target,
    by_name: BTreeMap<&'a str, Vec<usize>>,
    /// Extras and groups in force, as uv writes them into markers of conflicting forks.
    in_force: BTreeSet<String>,
}

/// What is still to be walked: a package, or one extra of it.
type Node<'a> = (usize, Option<&'a str>);

impl<'a> Walk<'a> {
    /// Walks from the workspace's members, or the script's requirements.
    pub(super) fn reached(
        lock: &'a Lock,
        source: &'a Source,
        target: &'a Target,
    ) -> Result<BTreeSet<usize>, LockfileError> {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, package) in lock.packages.iter().enumerate() {
            by_name.entry(package.name.get_ref()).or_default().push(index);
        }
        if let Some((name, _)) = by_name.iter().find(|(_, forks)| forks.len() > MAX_FORKS) {
            let origin = source.path.display().to_string();
            return Err(error::inconsistent(
                &origin,
                format!("holds more than {MAX_FORKS} versions of {name}"),
            ));
        }
        let mut walk = Self { lock, source, target, by_name, in_force: BTreeSet::new() };
        for _ in 0..MAX_ROUNDS {
            let before = walk.in_force.clone();
            let reached = walk.round()?;
            if before == walk.in_force {
                return Ok(reached);
            }
        }
        let origin = source.path.display().to_string();
        Err(error::inconsistent(&origin, "its conflicting extras never settle".into()))
    }

    /// One walk with the extras that the walk before found in force.
    fn round(&mut self) -> Result<BTreeSet<usize>, LockfileError> {
        let mut seen: BTreeSet<Node<'a>> = BTreeSet::new();
        let mut open: Vec<Node<'a>> = Vec::new();
        self.start(&mut open)?;
        while let Some(node @ (index, extra)) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            let Some(package) = self.lock.packages.get(index) else { continue };
            if let Some(extra) = extra {
                self.in_force.insert(encoded("extra", package, extra));
            }
            let dependencies = match extra {
                None => Some(&package.dependencies),
                // uv, too, leaves out an extra that the package does not have.
                Some(extra) => package.optional_dependencies.get(extra),
            };
            for dependency in dependencies.into_iter().flatten() {
                self.follow(dependency, &mut open)?;
            }
        }
        Ok(seen.into_iter().map(|(index, _)| index).collect())
    }

    fn start(&mut self, open: &mut Vec<Node<'a>>) -> Result<(), LockfileError> {
        let lock = self.lock;
        let roots: Vec<usize> = (0..lock.packages.len()).filter(|index| self.is_root(*index)).collect();
        let groups = match &self.target.selection.groups {
            Groups::Default => BTreeSet::from(["dev".to_owned()]),
            Groups::Only(groups) => groups.iter().map(|group| normalise(group)).collect(),
        };
        let extras: BTreeSet<String> =
            self.target.selection.extras.iter().map(|extra| normalise(extra)).collect();
        self.check_selection(&roots, &extras, &groups)?;
        for dependency in &lock.manifest.requirements {
            self.follow(dependency, open)?;
        }
        for (_, dependencies) in
            lock.manifest.dependency_groups.iter().filter(|(name, _)| groups.contains(*name))
        {
            dependencies.iter().try_for_each(|dependency| self.follow(dependency, open))?;
        }
        for index in roots {
            let Some(package) = lock.packages.get(index) else { continue };
            self.in_force.insert(format!(
                "project-{}-{}",
                package.name.get_ref().len(),
                package.name.get_ref()
            ));
            open.push((index, None));
            let wanted = package.optional_dependencies.keys().filter(|extra| extras.contains(*extra));
            open.extend(wanted.map(|extra| (index, Some(extra.as_str()))));
            for (group, dependencies) in
                package.dev_dependencies.iter().filter(|(name, _)| groups.contains(*name))
            {
                self.in_force.insert(encoded("group", package, group));
                dependencies.iter().try_for_each(|dependency| self.follow(dependency, open))?;
            }
        }
        Ok(())
    }

    /// A member of the workspace; without a list of members, the project in the lock's own folder.
    pub(super) fn is_root(&self, index: usize) -> bool {
        self.lock.packages.get(index).is_some_and(|package| is_root(self.lock, package))
    }

    fn check_selection(
        &self,
        roots: &[usize],
        extras: &BTreeSet<String>,
        groups: &BTreeSet<String>,
    ) -> Result<(), LockfileError> {
        let packages = || roots.iter().filter_map(|index| self.lock.packages.get(*index));
        let known_extras: BTreeSet<&str> = packages()
            .flat_map(|one| one.optional_dependencies.keys().chain(&one.metadata.provides_extras))
            .map(String::as_str)
            .collect();
        let known_groups: BTreeSet<&str> = packages()
            .flat_map(|one| one.dev_dependencies.keys().chain(one.metadata.requires_dev.keys()))
            .chain(self.lock.manifest.dependency_groups.keys())
            .map(String::as_str)
            .collect();
        let asked = matches!(self.target.selection.groups, Groups::Only(_));
        let groups = groups.iter().filter(|_| asked).map(|name| ("dependency group", name, &known_groups));
        let extras = extras.iter().map(|name| ("extra", name, &known_extras));
        let missing = extras.chain(groups).find(|(_, name, known)| !known.contains(name.as_str()));
        missing.map_or(Ok(()), |(kind, name, known)| {
            let names: Vec<&str> = known.iter().copied().collect();
            let origin = self.source.path.display().to_string();
            Err(error::selection(&origin, format!("has no {kind} {name:?}"), &names))
        })
    }

    /// Queues what a dependency points at, if its marker holds.
    fn follow(&self, dependency: &'a Dependency, open: &mut Vec<Node<'a>>) -> Result<(), LockfileError> {
        let origin = self.source.at(&dependency.name.span());
        let none = BTreeSet::new();
        let context = Context { target: self.target, extras: &self.in_force, groups: &none };
        if let Some(marker) = &dependency.marker
            && !holds(marker, &context, &origin)?
        {
            return Ok(());
        }
        let index = self.find(dependency, &origin)?;
        open.push((index, None));
        open.extend(dependency.extra.iter().map(|extra| (index, Some(extra.as_str()))));
        Ok(())
    }

    fn find(&self, dependency: &Dependency, origin: &str) -> Result<usize, LockfileError> {
        let name = dependency.name.get_ref();
        let fits = |index: &&usize| {
            self.lock.packages.get(**index).is_some_and(|package| {
                (dependency.version.is_none() || dependency.version == package.version)
                    && dependency.source.as_ref().is_none_or(|source| *source == package.source)
            })
        };
        let candidates = self.by_name.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut fitting = candidates.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(index), None) => Ok(*index),
            (None, _) => {
                Err(error::inconsistent(origin, format!("depends on {name}, which the lock does not hold")))
            }
            _ => Err(error::inconsistent(
                origin,
                format!("depends on {name}, of which the lock holds several"),
            )),
        }
    }
}

/// Whether a package is what the lock was made for.
pub(super) fn is_root(lock: &Lock, package: &Package) -> bool {
    match &package.source.kind {
        SourceKind::Editable(path) | SourceKind::Virtual(path) | SourceKind::Directory(path) => {
            path == "." || lock.manifest.members.contains(package.name.get_ref())
        }
        _ => false,
    }
}

/// An extra or group of a package as uv writes it into markers: `extra-LENGTH-PACKAGE-EXTRA`.
fn encoded(kind: &str, package: &Package, name: &str) -> String {
    let package = package.name.get_ref();
    format!("{kind}-{}-{package}-{name}", package.len())
}
