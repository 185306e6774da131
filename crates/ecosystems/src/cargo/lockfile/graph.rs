//! Who needs whom in a `Cargo.lock`.

use super::elsewhere;
use super::model::{Lock, Package};
use std::collections::HashMap;
use trustmill_core::Purl;
use trustmill_core::lockfile::{Graph, Node};

/// The graph: a node per package, in the file's order. A dependency names a package as shortly as is unambiguous.
pub(super) fn of(lock: &Lock) -> Graph {
    let packages: Vec<&Package> = lock.root.iter().chain(&lock.packages).collect();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut by_version: HashMap<(&str, &str), usize> = HashMap::new();
    let mut by_source: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for (at, package) in packages.iter().enumerate() {
        let (name, version) = (package.name.get_ref().as_str(), package.version.as_str());
        by_name.insert(name, at);
        by_version.insert((name, version), at);
        by_source.insert((name, version, package.source.as_deref().unwrap_or_default()), at);
    }
    let find = |wanted: &str| {
        let mut words = wanted.splitn(3, ' ');
        let name = words.next()?;
        let Some(version) = words.next() else { return by_name.get(name).copied() };
        let source = words.next().map(|source| source.trim_start_matches('(').trim_end_matches(')'));
        let exact = source.and_then(|source| by_source.get(&(name, version, source)));
        exact.or_else(|| by_version.get(&(name, version))).copied()
    };
    let node = |package: &&Package| {
        let (name, version) = (package.name.get_ref(), &package.version);
        let pinned = elsewhere(package.source.as_deref()).is_none();
        Node {
            label: format!("{name} {version}"),
            release: pinned.then(|| Purl::release("cargo", name, version)),
            root: package.source.is_none(),
            needs: package.dependencies.iter().filter_map(|wanted| find(wanted.get_ref())).collect(),
        }
    };
    Graph { nodes: packages.iter().map(node).collect() }
}
