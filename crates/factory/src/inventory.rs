//! What a project consists of, with what the mill found out about each part: the content of a bill of materials.

use crate::StepError;
use crate::audit::{Locked, not_own};
use crate::facts::{self, Judgement, Scan};
use crate::report::weakest;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::digest::Checksum;
use trustmill_core::lockfile::{Graph, Scope, Skipped};
use trustmill_core::port::records::Records;
use trustmill_core::{Purl, Sha256, Verdict};

/// The parts of a project.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Each release once.
    pub parts: BTreeMap<Purl, Part>,
    /// What the project itself asks for.
    pub direct: BTreeSet<Purl>,
    /// What each release needs, where a lockfile says.
    pub needs: BTreeMap<Purl, BTreeSet<Purl>>,
    /// Entries that are no release of a registry, each with the reason.
    pub skipped: Vec<Skipped>,
}

/// One release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Digests of its files that the lockfiles accept: any one of them.
    pub digests: BTreeSet<Checksum>,
    /// What it is needed for.
    pub scope: Scope,
    /// The licence, as its publisher writes it: in the lockfile, else in a file that the mill scanned.
    pub licence: Option<String>,
    /// What the mill found, if it looked: the verdict that counts, and the signed statements of its files.
    pub judged: Option<(Verdict, BTreeSet<Sha256>)>,
}

impl Inventory {
    /// What lockfiles pin.
    pub fn of(locked: &[Locked]) -> Self {
        let mut out = Self::default();
        for one in locked {
            for pin in &one.pins.pins {
                let fresh = !out.parts.contains_key(&pin.purl);
                let part = out.parts.entry(pin.purl.clone()).or_default();
                part.scope = if fresh { pin.scope } else { part.scope.min(pin.scope) };
                part.licence = part.licence.take().or_else(|| pin.licence.clone());
                part.digests.extend(pin.hashes.iter().copied().map(Checksum::from));
                part.digests.extend(pin.checksums.iter().cloned());
            }
            out.skipped.extend(not_own(&one.pins).cloned());
            if one.pins.graph.is_empty() {
                // A flat list asks for each of its lines.
                out.direct.extend(one.pins.pins.iter().map(|pin| pin.purl.clone()));
            } else {
                out.edges(&one.pins.graph);
            }
        }
        out
    }

    /// Releases that were named one by one.
    pub fn listed(releases: impl IntoIterator<Item = Purl>) -> Self {
        let parts: BTreeMap<Purl, Part> = releases.into_iter().map(|purl| (purl, Part::default())).collect();
        Self { direct: parts.keys().cloned().collect(), parts, ..Self::default() }
    }

    fn edges(&mut self, graph: &Graph) {
        let mut needed = vec![false; graph.nodes.len()];
        for need in graph.nodes.iter().flat_map(|node| &node.needs) {
            needed.get_mut(*need).into_iter().for_each(|needed| *needed = true);
        }
        let rooted = graph.nodes.iter().any(|node| node.root);
        for (at, (node, needed)) in graph.nodes.iter().zip(needed).enumerate() {
            match &node.release {
                Some(release) => {
                    let needs = releases_below(graph, at);
                    self.needs.entry(release.clone()).or_default().extend(needs.cloned());
                    if !rooted && !needed {
                        self.direct.insert(release.clone());
                    }
                }
                None if node.root => self.direct.extend(releases_below(graph, at).cloned()),
                None => {}
            }
        }
    }

    /// Adds what the mill knows of each part.
    pub async fn judge(&mut self, records: &dyn Records) -> Result<(), StepError> {
        for (purl, part) in &mut self.parts {
            let mut newest: BTreeMap<String, Judgement> = BTreeMap::new();
            for (fact, judgement) in facts::all::<Judgement>(records, purl).await? {
                newest.extend(fact.subject.map(|subject| (subject, judgement)));
            }
            let verdict = weakest(newest.values().map(|judgement| (judgement.verdict, judgement.native)));
            let bundles = newest.values().filter_map(|judgement| judgement.bundle).collect();
            part.judged = verdict.map(|verdict| (verdict, bundles));
            if part.licence.is_none() {
                let scans = facts::all::<Scan>(records, purl).await?;
                part.licence = scans.iter().rev().find_map(|(_, scan)| scan.licence()).map(str::to_owned);
            }
        }
        Ok(())
    }
}

/// The releases that a node needs; through what is no release (a folder, a repository) their needs are its own.
fn releases_below(graph: &Graph, from: usize) -> impl Iterator<Item = &Purl> {
    let needs = |at: usize| graph.nodes.get(at).map(|node| node.needs.as_slice()).unwrap_or_default();
    let mut open: Vec<usize> = needs(from).to_vec();
    let mut seen = BTreeSet::from([from]);
    let mut found = Vec::new();
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        match graph.nodes.get(at).map(|node| (&node.release, node.root)) {
            Some((Some(release), _)) => found.push(release),
            // Another member of the workspace speaks for itself.
            Some((None, false)) => open.extend(needs(at)),
            _ => {}
        }
    }
    found.into_iter()
}

/// The releases of the watch set: those that are watched by version, and of watched projects those that were judged.
pub async fn watched(records: &dyn Records) -> Result<BTreeSet<Purl>, StepError> {
    let mut out = BTreeSet::new();
    for (purl, _) in records.watched().await? {
        if purl.version().is_some() {
            out.insert(purl);
        } else {
            let judged = facts::all::<Judgement>(records, &purl).await?;
            out.extend(
                judged.into_iter().map(|(fact, _)| fact.about).filter(|about| about.version().is_some()),
            );
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::lockfile::Node;

    #[test]
    fn what_is_needed_through_a_folder_is_needed() {
        let node = |label: &str, pinned: bool, root: bool, needs: &[usize]| Node {
            label: label.into(),
            release: pinned.then(|| Purl::release("npm", label, "1.0.0")),
            root,
            needs: needs.to_vec(),
        };
        let graph = Graph {
            nodes: vec![
                node("app", false, true, &[1, 2, 4]),
                node("a", true, false, &[2]),
                node("git", false, false, &[3, 2]),
                node("b", true, false, &[1]),
                node("member", false, true, &[3]),
            ],
        };
        let mut inventory = Inventory::default();
        inventory.edges(&graph);
        let names = |set: &BTreeSet<Purl>| set.iter().map(Purl::name).collect::<Vec<_>>();
        assert_eq!(names(&inventory.direct), ["a", "b"]);
        assert_eq!(names(&inventory.needs[&Purl::release("npm", "a", "1.0.0")]), ["b"]);
    }
}
