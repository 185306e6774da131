//! Commits that are likely to be the fix, where none is named and none says so: those between the last release that is
//! affected and the first that is not whose message and change have most to do with what the advisory speaks of. None of them is
//! known to be the fix, or all of it: only a test of the fix can say so.

use super::mentions::Between;
use crate::repair::strategy::relevance::{score, words};
use crate::repair::{Extent, Material, Task};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use trustmill_core::port::repositories::Repositories;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::Role;

/// Commits whose change is read: each costs two trees.
const MOST_READ: usize = 16;
/// Commits that are taken for likely.
const MOST: usize = 3;

/// Beginnings of words of those who mend something.
const MENDING: [&str; 24] = [
    "fix", "secur", "cve", "vuln", "valid", "sanit", "escap", "limit", "dos", "redos", "regex", "travers",
    "inject", "unsafe", "safe", "prevent", "disallow", "restrict", "check", "reject", "forbid", "avoid",
    "protect", "ensure",
];
/// Beginnings of words of those who do something else.
const OTHERWISE: [&str; 14] = [
    "typo",
    "spell",
    "doc",
    "changelog",
    "workflow",
    "codespell",
    "bump",
    "releas",
    "readme",
    "lint",
    "black",
    "isort",
    "travis",
    "version",
];

/// The likeliest first.
pub(super) async fn of(
    repositories: &dyn Repositories,
    task: &Task,
    between: &[Between],
    workshop: &dyn Workshop,
) -> Vec<Material> {
    let words = words(task);
    let Some((address, said)) = between.first() else { return Vec::new() };
    let mut promising: Vec<_> =
        said.iter().map(|said| (promise(&said.message, &words), said.commit.clone())).collect();
    promising.retain(|(promise, _)| *promise > 0);
    // What is as promising stays in the order of history.
    promising.sort_by_key(|(promise, _)| Reverse(*promise));
    let named = promising.into_iter().take(MOST_READ).map(|(_, commit)| (address.clone(), commit)).collect();
    let read = super::commits::read(repositories, named, workshop).await;
    let speaks = |material: &Material| -> usize {
        let code = super::changed(&material.before, &material.after)
            .filter(|path| workshop.role(path) == Role::Code);
        code.map(|path| score(material, path, &words)).max().unwrap_or(0)
    };
    let mut likely: Vec<(usize, Material)> =
        read.into_iter().map(|material| (speaks(&material), material)).collect();
    likely.retain(|(speaks, _)| *speaks > 0);
    likely.sort_by_key(|(speaks, _)| Reverse(*speaks));
    let likely = likely.into_iter().take(MOST);
    likely.map(|(_, material)| Material { extent: Extent::Part, ..material }).collect()
}

/// How much a message sounds like the fix.
fn promise(message: &str, words: &BTreeSet<String>) -> i32 {
    let lower = message.to_ascii_lowercase();
    let said: BTreeSet<&str> = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let begins =
        |beginnings: &[&str]| said.iter().any(|word| beginnings.iter().any(|start| word.starts_with(start)));
    let shared = said.iter().filter(|word| words.contains(**word)).count();
    let shared = i32::try_from(shared.min(8)).unwrap_or(8);
    2 * shared + i32::from(begins(&MENDING)) - 2 * i32::from(begins(&OTHERWISE))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_message_that_speaks_of_the_same_sounds_most_like_the_fix() {
        let words: BTreeSet<String> = ["__array__", "server", "netref"].map(str::to_owned).into();
        let fix = promise("Fixed #551 by validating that the server is configured to allow pickle", &words);
        for other in ["Fixed spelling error", "Added 3.12", "Documented the server", "Fixed a race", ""] {
            assert!(promise(other, &words) < fix, "{other}");
        }
        assert!(promise("Fixed spelling error", &words) <= 0);
    }
}
