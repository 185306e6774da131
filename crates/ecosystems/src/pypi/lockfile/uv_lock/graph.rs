//! Who needs whom in a `uv.lock`, whatever the markers say.

use super::elsewhere;
use super::model::{Dependency, Lock, Package};
use super::walk::is_root;
use std::collections::HashMap;
use trustmill_core::Purl;
use trustmill_core::lockfile::{Graph, Node};

/// The graph: a node per package, in the file's order.
pub(super) fn of(lock: &Lock) -> Graph {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, package) in lock.packages.iter().enumerate() {
        by_name.entry(package.name.get_ref()).or_default().push(at);
    }
    let fits = |dependency: &Dependency, at: &usize| {
        lock.packages.get(*at).is_some_and(|package| {
            (dependency.version.is_none() || dependency.version == package.version)
                && dependency.source.as_ref().is_none_or(|source| *source == package.source)
        })
    };
    let node = |package: &Package| {
        let groups =
            package.optional_dependencies.values().chain(package.dev_dependencies.values()).flatten();
        let wanted = package.dependencies.iter().chain(groups);
        let mut needs: Vec<usize> = wanted
            .filter_map(|dependency| {
                let candidates = by_name.get(dependency.name.get_ref().as_str())?;
                candidates.iter().find(|at| fits(dependency, at)).copied()
            })
            .collect();
        needs.sort_unstable();
        needs.dedup();
        node(lock, package, needs)
    };
    Graph { nodes: lock.packages.iter().map(node).collect() }
}

fn node(lock: &Lock, package: &Package, needs: Vec<usize>) -> Node {
    let name = package.name.get_ref();
    let root = is_root(lock, package);
    // As `PinSet` writes it: normalised, so that the release is the one that was pinned.
    let version = package.version.as_deref().and_then(|text| text.parse::<pep440_rs::Version>().ok());
    let pinned = version.filter(|_| !root && elsewhere(&package.source.kind).is_none());
    let label = package.version.as_ref().map_or_else(|| name.clone(), |version| format!("{name} {version}"));
    let release = pinned.map(|version| Purl::release("pypi", name, &version.to_string()));
    Node { label, release, root, needs }
}
