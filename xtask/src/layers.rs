//! `cargo xtask layers`: the arrows of the house, and the words that belong into one room.
//!
//! `layers.toml` lists for each crate what it may use. An edge that it does not list fails, and so does a
//! crate that it does not know: a new arrow is a decision, and its diff is where it is made.

use crate::report::{Failure, Problem, verdict};
use crate::tree;
use crate::workspace::{Metadata, short};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `layers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    crates: BTreeMap<String, Crate>,
    #[serde(default)]
    libraries: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    word: Vec<Word>,
}

/// What one crate may use of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crate {
    uses: Vec<String>,
    #[serde(default)]
    tests_use: Vec<String>,
}

/// Words that the code of some folders does not say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    words: Vec<String>,
    not_in: Vec<String>,
    #[serde(default)]
    but_in: Vec<String>,
    why: String,
}

/// One declared dependency of one of our crates.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    ours: bool,
    tests_only: bool,
}

const HELP: &str =
    "move the code to the crate that may do this, or change layers.toml and say why in the commit";

pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    let layers: Layers = tree::toml("layers.toml")?;
    let metadata = Metadata::ours()?;
    let names: Vec<&str> = metadata.members().map(|package| package.short()).collect();
    let mut problems = arrows(&layers, &names, &declared(&metadata));
    for file in tree::files()?.iter().filter(|file| file.ends_with(".rs")) {
        problems.extend(words(&layers.word, file, &tree::read(file)?));
    }
    verdict(problems, HELP)
}

fn declared(metadata: &Metadata) -> Vec<Arrow> {
    let arrows = metadata.members().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Arrow {
            from: package.short().to_owned(),
            to: short(&dependency.name).to_owned(),
            ours: dependency.path.is_some(),
            tests_only: dependency.kind.as_deref() == Some("dev"),
        })
    });
    arrows.collect()
}

fn arrows(layers: &Layers, names: &[&str], declared: &[Arrow]) -> Vec<Problem> {
    let at = "layers.toml";
    let mut problems = Vec::new();
    for name in names.iter().filter(|name| !layers.crates.contains_key(**name)) {
        problems.push(Problem::new(at, format!("the crate `{name}` is not listed")));
    }
    for name in layers.crates.keys().filter(|name| !names.contains(&name.as_str())) {
        problems.push(Problem::new(at, format!("the crate `{name}` does not exist")));
    }
    for arrow in declared {
        let manifest = format!("crates/{}/Cargo.toml", arrow.from);
        let Some(from) = layers.crates.get(&arrow.from) else { continue };
        let Arrow { from: user, to, .. } = arrow;
        if arrow.ours {
            let listed = from.uses.contains(to) || (arrow.tests_only && from.tests_use.contains(to));
            if !listed {
                let kind = if arrow.tests_only { "the tests of " } else { "" };
                problems.push(Problem::new(manifest, format!("{kind}`{user}` may not use `{to}`")));
            }
        } else if !arrow.tests_only && layers.libraries.get(to).is_some_and(|users| !users.contains(user)) {
            problems.push(Problem::new(manifest, format!("the library `{to}` is not for `{user}`")));
        }
    }
    problems
}

fn words(rules: &[Word], file: &str, text: &str) -> Vec<Problem> {
    let under = |folders: &[String]| folders.iter().any(|folder| file.starts_with(folder.as_str()));
    let mut problems = Vec::new();
    for rule in rules.iter().filter(|rule| under(&rule.not_in) && !under(&rule.but_in)) {
        for (line, code) in tree::code(text) {
            for word in rule.words.iter().filter(|word| tree::has_word(code, word)) {
                problems.push(Problem::new(format!("{file}:{line}"), format!("says `{word}`: {}", rule.why)));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        toml::from_str(
            r#"
            [crates]
            core = { uses = [] }
            cli = { uses = ["core"], tests_use = ["testkit"] }
            testkit = { uses = ["core"] }
            [libraries]
            rusqlite = ["core"]
            [[word]]
            words = ["std::fs"]
            not_in = ["crates/core/"]
            but_in = ["crates/core/src/file.rs"]
            why = "it is pure"
            "#,
        )
        .unwrap()
    }

    fn arrow(from: &str, to: &str, ours: bool, tests_only: bool) -> Arrow {
        Arrow { from: from.into(), to: to.into(), ours, tests_only }
    }

    fn found(declared: &[Arrow]) -> Vec<String> {
        let names = ["core", "cli", "testkit"];
        arrows(&layers(), &names, declared).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_listed_arrow_is_fine_and_any_other_is_not() {
        assert_eq!(found(&[arrow("cli", "core", true, false), arrow("cli", "testkit", true, true)]), [""; 0]);
        assert_eq!(found(&[arrow("core", "cli", true, false)]), ["`core` may not use `cli`"]);
        assert_eq!(found(&[arrow("cli", "testkit", true, false)]), ["`cli` may not use `testkit`"]);
        assert_eq!(found(&[arrow("core", "cli", true, true)]), ["the tests of `core` may not use `cli`"]);
    }

    #[test]
    fn a_library_has_a_home() {
        assert_eq!(
            found(&[arrow("core", "rusqlite", false, false), arrow("cli", "serde", false, false)]),
            [""; 0]
        );
        assert_eq!(
            found(&[arrow("cli", "rusqlite", false, false)]),
            ["the library `rusqlite` is not for `cli`"]
        );
    }

    #[test]
    fn a_crate_is_listed_and_a_listed_crate_exists() {
        let what: Vec<_> =
            arrows(&layers(), &["core", "cli", "new"], &[]).into_iter().map(|p| p.what).collect();
        assert_eq!(what, ["the crate `new` is not listed", "the crate `testkit` does not exist"]);
    }

    #[test]
    fn a_word_stays_in_its_room() {
        let rules = layers().word;
        let text = "// std::fs in a comment\nuse std::fs;\n#[cfg(test)]\nuse std::fs;\n";
        let places: Vec<_> =
            words(&rules, "crates/core/src/a.rs", text).into_iter().map(|p| p.place).collect();
        assert_eq!(places, ["crates/core/src/a.rs:2"]);
        assert!(words(&rules, "crates/core/src/file.rs", text).is_empty());
        assert!(words(&rules, "crates/cli/src/a.rs", text).is_empty());
    }
}
