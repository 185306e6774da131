//! Which Node builds a package: what somebody stated, else the line of the day, if `engines` allows it.

use super::eras;
use super::manager::{self, Manager};
use super::manifest::Manifest;
use super::view::{View, below};
use crate::npm::version;

/// Files in which tools keep the Node of a repository.
const FILES: [&str; 2] = [".nvmrc", ".node-version"];

/// A Node, exact (`18.12.0`) or a line (`18`), and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) version: String,
    pub(super) why: String,
}

impl Node {
    /// The Node for this package; `manager` knows the root of its workspace.
    pub(super) fn of(view: &View<'_>, manager: &Manager) -> Self {
        if let Some(exact) = view.hint("_nodeVersion").filter(|hint| version::parse(hint).is_some()) {
            let why = format!("the registry says that Node {exact} published it");
            return Self { version: exact.to_owned(), why };
        }
        if let Some(stated) = stated(view) {
            return stated;
        }
        let (of_the_day, _) = eras::at(view.made());
        let root = Manifest::of(view.tree(), &below(&manager.root, "package.json"));
        let range = root.as_ref().and_then(|root| root.text_at(&["engines", "node"]));
        let range = range.or_else(|| view.manifest().text_at(&["engines", "node"]));
        let allowed = range.and_then(|range| eras::allowed(view.made(), range));
        match allowed.filter(|node| *node != of_the_day) {
            Some(node) => Self {
                version: node.to_string(),
                why: format!("engines allows Node {node}, and not {of_the_day}"),
            },
            None => Self {
                version: of_the_day.to_string(),
                why: format!("Node {of_the_day} was the line with long-term support"),
            },
        }
    }
}

/// What the repository itself says: `volta.node`, or a file of a version manager, the nearest first.
fn stated(view: &View<'_>) -> Option<Node> {
    manager::upwards(view.directory()).find_map(|folder| {
        let manifest = Manifest::of(view.tree(), &below(folder, "package.json"));
        let pinned = manifest.as_ref().and_then(|manifest| manifest.text_at(&["volta", "node"]));
        if let Some(node) = pinned.and_then(line_of) {
            return Some(Node { why: format!("volta.node says {node}"), version: node });
        }
        FILES.iter().find_map(|name| {
            let path = below(folder, name);
            let node = line_of(view.tree().text(&path)?)?;
            Some(Node { why: format!("{path} says {node}"), version: node })
        })
    })
}

/// `v18.12.0`, `18` or `18.x` as a version or a line that is new enough to come from npm; names of lines are none.
fn line_of(text: &str) -> Option<String> {
    let text = text.lines().next()?.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.strip_suffix(".x").unwrap_or(text);
    let numbers =
        text.split('.').all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let major: u32 = text.split('.').next()?.parse().ok()?;
    (numbers && text.split('.').count() <= 3 && major >= eras::NODE_OLDEST).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_node_is_a_version_or_a_line() {
        for (text, line) in [("v18.12.0\n", "18.12.0"), ("20", "20"), ("16.x", "16"), ("14.17", "14.17")] {
            assert_eq!(line_of(text).as_deref(), Some(line), "{text}");
        }
        for none in ["lts/*", "node", "", "v", "../18", "18.1.2.3", "6", "18.a", "99999999999"] {
            assert_eq!(line_of(none), None, "{none}");
        }
    }
}
