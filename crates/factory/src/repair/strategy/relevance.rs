//! Which parts of a difference between two releases are the fix: those that speak of what the advisory speaks of.

use super::carried::size;
use crate::repair::find::changed;
use crate::repair::{Extent, Material, Task};
use std::collections::BTreeSet;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;

/// Parts that are tried of one difference.
const MOST: usize = 4;
/// The largest part of a difference that is tried, in lines that come or go.
const LARGEST: usize = 1_500;

/// A commit as it is; of a difference between releases the files that have most to do with the advisory, then all that
/// have anything to do with it, then everything.
pub(super) fn parts(material: &Material, task: &Task, workshop: &dyn Workshop) -> Vec<Material> {
    if material.extent != Extent::Releases {
        return vec![material.clone()];
    }
    let words = words(task);
    let code: Vec<&String> =
        changed(&material.before, &material.after).filter(|path| workshop.role(path) == Role::Code).collect();
    let mut scored: Vec<(usize, &String)> =
        code.iter().map(|path| (score(material, path, &words), *path)).collect();
    scored.sort_by_key(|(score, path)| (std::cmp::Reverse(*score), (*path).clone()));
    let mut sets: Vec<BTreeSet<&String>> = Vec::new();
    let relevant: Vec<&String> =
        scored.iter().filter(|(score, _)| *score > 0).map(|(_, path)| *path).collect();
    sets.extend(relevant.first().map(|first| BTreeSet::from([*first])));
    sets.push(relevant.iter().copied().collect());
    sets.push(code.iter().copied().collect());
    // What is too large together may be tables that were made anew beside the fix.
    let small: BTreeSet<&String> =
        code.iter().copied().filter(|path| weight_of(material, path) <= LARGEST / 10).collect();
    sets.extend((small.len() < code.len()).then_some(small));
    let mut parts: Vec<Material> = Vec::new();
    for set in sets.into_iter().filter(|set| !set.is_empty()) {
        let mut part = limited(material, &set, workshop);
        if set.len() < code.len() {
            part.extent = Extent::Part;
        }
        if weight(&part, workshop) <= LARGEST && !parts.iter().any(|known| known.after == part.after) {
            parts.push(part);
        }
    }
    parts.truncate(MOST);
    parts
}

/// The material with these files of code, and all tests.
fn limited(material: &Material, paths: &BTreeSet<&String>, workshop: &dyn Workshop) -> Material {
    let mut part = material.clone();
    for path in changed(&material.before, &material.after) {
        if workshop.role(path) == Role::Code && !paths.contains(path) {
            part.before.set(path, None);
            part.after.set(path, None);
        }
    }
    part
}

fn weight(material: &Material, workshop: &dyn Workshop) -> usize {
    let code = changed(&material.before, &material.after).filter(|path| workshop.role(path) == Role::Code);
    code.map(|path| weight_of(material, path)).sum()
}

fn weight_of(material: &Material, path: &str) -> usize {
    size(material.before.text(path).unwrap_or_default(), material.after.text(path).unwrap_or_default())
}

/// What the advisory speaks of: words that look like names of code.
pub(in crate::repair) fn words(task: &Task) -> BTreeSet<String> {
    let own = task.release.name();
    let text = task.advisory.summary.as_str();
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        // `kit.core.run` is one name, and three.
        .flat_map(|word| std::iter::once(word).chain(word.split('.').filter(|_| word.contains('.'))))
        .map(|word| word.trim_matches(['.', '-']).to_ascii_lowercase())
        .filter(|word| word.len() >= 4 && *word != own && !COMMON.contains(&word.as_str()))
        .collect()
}

/// Words of every advisory.
const COMMON: [&str; 40] = [
    "this",
    "that",
    "with",
    "from",
    "when",
    "which",
    "could",
    "allow",
    "allows",
    "attacker",
    "attackers",
    "remote",
    "vulnerability",
    "vulnerable",
    "version",
    "versions",
    "before",
    "through",
    "issue",
    "affected",
    "package",
    "python",
    "been",
    "have",
    "into",
    "users",
    "user",
    "arbitrary",
    "code",
    "execution",
    "denial",
    "service",
    "security",
    "after",
    "prior",
    "does",
    "there",
    "fixed",
    "using",
    "because",
];

/// How much of a file's change, and of its name, the advisory speaks of.
pub(in crate::repair) fn score(material: &Material, path: &str, words: &BTreeSet<String>) -> usize {
    let (before, after) =
        (material.before.text(path).unwrap_or_default(), material.after.text(path).unwrap_or_default());
    let lower_path = path.to_ascii_lowercase();
    let changed: BTreeSet<&str> = after.lines().filter(|line| !before.contains(*line)).collect();
    let lower: Vec<String> = changed.iter().map(|line| line.to_ascii_lowercase()).collect();
    let named = words.iter().filter(|word| lower_path.contains(word.as_str())).count();
    let spoken = words.iter().filter(|word| lower.iter().any(|line| line.contains(word.as_str()))).count();
    named * 3 + spoken
}
