//! Who needs whom, gathered while a lock is read: nodes by their keys first, edges once every key is known.

use std::collections::HashMap;
use trustmill_core::Purl;
use trustmill_core::lockfile::{Graph, Node};

/// A graph in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    nodes: Vec<Node>,
    by_key: HashMap<String, usize>,
    wanted: Vec<(usize, String)>,
}

impl Draft {
    /// Adds what the lock was made for: the project, or a member of its workspace.
    pub(super) fn root(&mut self, label: &str, keys: impl IntoIterator<Item = String>) -> usize {
        let label = if label.is_empty() || label == "." { "the project" } else { label };
        self.add(Node { label: label.to_owned(), root: true, ..Node::default() }, keys)
    }

    /// Adds an entry under the keys by which others ask for it.
    pub(super) fn entry(
        &mut self,
        name: &str,
        version: &str,
        keys: impl IntoIterator<Item = String>,
    ) -> usize {
        let release = Some(Purl::release("npm", name, version));
        self.add(Node { label: format!("{name} {version}"), release, ..Node::default() }, keys)
    }

    fn add(&mut self, node: Node, keys: impl IntoIterator<Item = String>) -> usize {
        let at = self.nodes.len();
        self.nodes.push(node);
        self.by_key.extend(keys.into_iter().map(|key| (key, at)));
        at
    }

    /// Whether something has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Notes that the node at `from` needs what has `key`.
    pub(super) fn needs(&mut self, from: usize, key: String) {
        self.wanted.push((from, key));
    }

    /// The graph. What `pinned` does not hold is no release: a folder, or an address of its own.
    pub(super) fn finish(self, pinned: impl Fn(&Purl) -> bool) -> Graph {
        let Self { mut nodes, by_key, wanted } = self;
        for (from, key) in wanted {
            if let (Some(node), Some(to)) = (nodes.get_mut(from), by_key.get(&key)) {
                node.needs.push(*to);
            }
        }
        for node in &mut nodes {
            node.needs.sort_unstable();
            node.needs.dedup();
            node.release = node.release.take().filter(&pinned);
        }
        Graph { nodes }
    }
}
