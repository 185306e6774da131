//! What a lockfile pins.

use crate::digest::Checksum;
use crate::{Purl, Sha256};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// One pinned dependency of a lockfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The release.
    pub purl: Purl,
    /// The SHA-256 digests that the lockfile accepts; empty if it names none.
    pub hashes: Vec<Sha256>,
    /// The digests in other algorithms that the lockfile accepts (npm); empty if it names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
    /// What the project needs it for, where the lockfile says.
    #[serde(default)]
    pub scope: Scope,
    /// The licence, where the lockfile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where it stands: file and line.
    pub origin: String,
}

/// What a project needs a pinned dependency for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// To run; or the lockfile does not say.
    #[default]
    Runtime,
    /// It may fail to install, and the project goes on without it.
    Optional,
    /// Only to be worked on.
    Development,
}

/// What reading a lockfile gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The pins that apply here, in file order, each release once.
    pub pins: Vec<Pin>,
    /// Entries that are not for this machine or not from a registry, each with the reason. Never silent.
    pub skipped: Vec<Skipped>,
    /// Who needs whom, where the format says.
    #[serde(default, skip_serializing_if = "Graph::is_empty")]
    pub graph: Graph,
}

/// Who needs whom, as a lockfile says. Edges that lead nowhere are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Every entry, pinned or not.
    pub nodes: Vec<Node>,
}

/// An entry of a lockfile and what it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What people call it: `NAME VERSION`, or the project's own name.
    pub label: String,
    /// The release, where the entry is a pin.
    pub release: Option<Purl>,
    /// Whether it is what the lockfile was made for: the project, or a member of its workspace.
    pub root: bool,
    /// What it needs: positions in [`Graph::nodes`].
    pub needs: Vec<usize>,
}

impl Graph {
    /// Whether the format says nothing.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// For each release, the labels along the shortest way to it from what the lockfile was made for, itself last.
    /// Where the file does not name its roots, a way begins at an entry that nothing needs.
    pub fn ways(&self) -> Ways<'_> {
        let mut needed = vec![false; self.nodes.len()];
        for need in self.nodes.iter().flat_map(|node| &node.needs) {
            needed.get_mut(*need).into_iter().for_each(|needed| *needed = true);
        }
        let rooted = self.nodes.iter().any(|node| node.root);
        let starts =
            self.nodes.iter().zip(&needed).map(|(node, needed)| if rooted { node.root } else { !needed });
        let mut open: VecDeque<usize> =
            starts.enumerate().filter(|(_, starts)| *starts).map(|(at, _)| at).collect();
        let mut seen: Vec<Option<usize>> = vec![None; self.nodes.len()];
        open.iter().for_each(|at| seen.get_mut(*at).into_iter().for_each(|from| *from = Some(*at)));
        let mut first = HashMap::new();
        while let Some(at) = open.pop_front() {
            let Some(node) = self.nodes.get(at) else { continue };
            if let Some(release) = &node.release {
                first.entry(release).or_insert(at);
            }
            for need in &node.needs {
                if let Some(from @ None) = seen.get_mut(*need) {
                    *from = Some(at);
                    open.push_back(*need);
                }
            }
        }
        Ways { graph: self, from: seen, first }
    }
}

/// The shortest ways through a [`Graph`].
pub struct Ways<'a> {
    graph: &'a Graph,
    /// Where each node was reached from; a start from itself.
    from: Vec<Option<usize>>,
    /// The node by which each release was reached first.
    first: HashMap<&'a Purl, usize>,
}

impl<'a> Ways<'a> {
    /// The way to `release`; empty where the lockfile does not say.
    pub fn to(&self, release: &Purl) -> Vec<&'a str> {
        let mut way = Vec::new();
        let mut next = self.first.get(release).copied();
        while let Some(at) = next {
            let Some(node) = self.graph.nodes.get(at) else { break };
            way.push(node.label.as_str());
            next = self.from.get(at).copied().flatten().filter(|from| *from != at);
        }
        way.reverse();
        way
    }
}

/// An entry that is not secured, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The entry as written.
    pub entry: String,
    /// File and line.
    pub origin: String,
    /// Why.
    pub why: String,
    /// Whether it is a part of what the lockfile was made for: nobody expects it to be of a registry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// Why a lockfile cannot be used: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct LockfileError {
    /// Stable code, `TM0200` to `TM0299`.
    pub code: &'static str,
    /// File, with line where there is one.
    pub origin: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl crate::port::Coded for LockfileError {
    fn code(&self) -> &'static str {
        self.code
    }

    fn help(&self) -> String {
        self.help.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: &[(&str, bool, &[usize])]) -> Graph {
        let node = |(label, root, needs): &(&str, bool, &[usize])| Node {
            label: (*label).to_owned(),
            release: (!root).then(|| Purl::release("npm", label, "1.0.0")),
            root: *root,
            needs: needs.to_vec(),
        };
        Graph { nodes: nodes.iter().map(node).collect() }
    }

    #[test]
    fn the_shortest_way_is_shown_and_a_circle_ends() {
        let graph = graph(&[
            ("app", true, &[1, 2]),
            ("a", false, &[2, 3]),
            ("b", false, &[3, 1]),
            ("c", false, &[1, 9]),
        ]);
        let ways = graph.ways();
        assert_eq!(ways.to(&Purl::release("npm", "c", "1.0.0")), ["app", "a", "c"]);
        assert_eq!(ways.to(&Purl::release("npm", "b", "1.0.0")), ["app", "b"]);
        assert!(ways.to(&Purl::release("npm", "z", "1.0.0")).is_empty());
    }

    #[test]
    fn without_roots_a_way_begins_at_what_nothing_needs() {
        let graph = graph(&[("a", false, &[1]), ("b", false, &[])]);
        assert_eq!(graph.ways().to(&Purl::release("npm", "b", "1.0.0")), ["a", "b"]);
    }
}
