//! `cargo xtask map`: the map is the land.
//!
//! * Every path that `ARCHITECTURE.md` names in backticks exists; every crate and every folder at the top
//!   is named there.
//! * Every error code in the code has its page in `docs/errors`, every page its code, and the list of
//!   codes is the one that `--write` would write.

use crate::report::{Failure, Problem, verdict};
use crate::tree;
use crate::workspace;
use std::collections::{BTreeMap, BTreeSet};

const MAP: &str = "ARCHITECTURE.md";
const ERRORS: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";
const HELP: &str = "mend ARCHITECTURE.md; write the page of a new code and run `cargo xtask map --write`";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let files = tree::files()?;
    let pages = pages(&files)?;
    let index = index(&pages);
    if arguments.iter().any(|argument| argument == "--write") {
        tree::write(INDEX, &index)?;
    }
    let mut problems = paths(&tree::read(MAP)?, &files, |path| workspace::root().join(path).exists());
    problems.extend(codes(&used(&files)?, &pages));
    if tree::read(INDEX).ok().as_deref() != Some(index.as_str()) {
        problems.push(Problem::new(INDEX, "is stale: run `cargo xtask map --write`"));
    }
    verdict(problems, HELP)
}

/// Paths that the map names and are not there, and folders that are there and the map does not name.
fn paths(map: &str, files: &[String], exists: impl Fn(&str) -> bool) -> Vec<Problem> {
    let named: Vec<(usize, &str)> = (1..)
        .zip(map.lines())
        .flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |token| (line, token)))
        .collect();
    let missing = named.iter().filter(|(_, token)| is_path(token) && !exists(token));
    let mut problems: Vec<Problem> = missing
        .map(|(line, path)| Problem::new(format!("{MAP}:{line}"), format!("`{path}` does not exist")))
        .collect();
    for folder in folders(files) {
        let inside = format!("{folder}/");
        if !named.iter().any(|(_, token)| *token == folder || token.starts_with(&inside)) {
            problems.push(Problem::new(MAP, format!("does not say what `{folder}` is for")));
        }
    }
    problems
}

/// The folders at the top, and the crates.
fn folders(files: &[String]) -> BTreeSet<&str> {
    let mut folders = BTreeSet::new();
    for file in files {
        let Some((top, rest)) = file.split_once('/') else { continue };
        let crate_name = rest.split_once('/').map(|(name, _)| top.len() + 1 + name.len());
        match crate_name {
            Some(end) if top == "crates" => folders.extend(file.get(..end)),
            _ => drop(folders.insert(top)),
        }
    }
    folders
}

/// A token that claims to be a path: it has a slash or a file's ending, and nothing that paths here lack.
/// A place holder in capitals (`crates/NAME`), a route or a flag is none.
fn is_path(token: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let shaped = token.contains('/') || [".md", ".toml", ".rs"].iter().any(|end| token.ends_with(end));
    let holder = token.split(['/', '.']).any(|part| matches!(part, "NAME" | "CODE" | "PROJECT"));
    shaped && !holder && !token.starts_with(['/', '-']) && token.chars().all(plain)
}

/// Codes in string literals of our crates, with the first place of each.
fn used(files: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut used = BTreeMap::new();
    for file in files.iter().filter(|file| file.starts_with("crates/") && file.ends_with(".rs")) {
        for (line, text) in (1..).zip(tree::read(file)?.lines()) {
            for code in text.split('"').filter(|part| is_code(part)) {
                used.entry(code.to_owned()).or_insert_with(|| format!("{file}:{line}"));
            }
        }
    }
    Ok(used)
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("TM")
        .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Code and title of each page.
fn pages(files: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut pages = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(ERRORS).and_then(|name| name.strip_suffix(".md"));
        if let Some(code) = name.filter(|name| *name != "README") {
            let text = tree::read(file)?;
            let title = text.lines().next().and_then(|line| line.strip_prefix(&format!("# {code}: ")));
            pages.insert(code.to_owned(), title.unwrap_or_default().to_owned());
        }
    }
    Ok(pages)
}

fn codes(used: &BTreeMap<String, String>, pages: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (code, place) in used.iter().filter(|(code, _)| !pages.contains_key(*code)) {
        problems.push(Problem::new(place, format!("{code} has no page {ERRORS}{code}.md")));
    }
    for (code, title) in pages {
        let place = format!("{ERRORS}{code}.md");
        if !used.contains_key(code) {
            problems.push(Problem::new(&place, format!("{code} stands nowhere in the code")));
        }
        if title.is_empty() {
            problems.push(Problem::new(&place, format!("does not open with `# {code}: TITLE`")));
        }
    }
    problems
}

/// The list of codes, by hundreds.
fn index(pages: &BTreeMap<String, String>) -> String {
    const AREAS: &[(&str, &str)] = &[
        ("TM01", "Upstream and planning"),
        ("TM02", "Lockfiles"),
        ("TM03", "Archives and comparison"),
        ("TM04", "Sandbox and builds"),
        ("TM05", "Trust and verification"),
        ("TM06", "State"),
        ("TM07", "Serving"),
        ("TM08", "Command line and configuration"),
        ("TM09", "Policy and advisories"),
        ("TM10", "The scanner"),
        ("TM12", "Repair"),
        ("TM13", "The agent guard"),
        ("TM14", "Models and agents"),
    ];
    let mut out = String::from(
        "# Error codes\n\nEvery message that you can act on has a code. A code keeps its meaning and is never given to another.\n\
         This list is written by `cargo xtask map --write`.\n",
    );
    for (prefix, area) in AREAS {
        let lines: Vec<String> = pages
            .iter()
            .filter(|(code, _)| code.starts_with(prefix))
            .map(|(code, title)| format!("* [{code}]({code}.md): {title}\n"))
            .collect();
        if !lines.is_empty() {
            out.push_str(&format!("\n## {prefix}xx: {area}\n\n{}", lines.concat()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_path_that_is_not_there_is_found_and_a_folder_that_is_not_named() {
        let files =
            ["crates/core/src/lib.rs", "crates/new/src/lib.rs", "docs/a.md", "README.md"].map(String::from);
        let map =
            "See `crates/core/src/lib.rs`, `docs/gone.md`, `/simple/`, `trustmill up`, `crates/NAME/src`.\n";
        let problems = paths(map, &files, |path| files.iter().any(|file| file == path));
        assert_eq!(
            what(problems),
            ["`docs/gone.md` does not exist", "does not say what `crates/new` is for"]
        );
    }

    #[test]
    fn what_claims_to_be_a_path() {
        for path in ["crates/core", "ARCHITECTURE.md", "xtask/src/map.rs", ".ci/run", ".config/nextest.toml"]
        {
            assert!(is_path(path), "{path}");
        }
        for other in [
            "/simple/",
            "--data-dir",
            "pkg:pypi/a@1",
            "Verdict",
            "docs/errors/CODE.md",
            "a b/c",
            "crates/<name>",
        ] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn codes_and_pages_go_in_pairs() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let used = map(&[("TM0101", "a.rs:1"), ("TM0102", "a.rs:2")]);
        let pages = map(&[("TM0101", ""), ("TM0103", "orphan")]);
        assert_eq!(
            what(codes(&used, &pages)),
            [
                "TM0102 has no page docs/errors/TM0102.md",
                "does not open with `# TM0101: TITLE`",
                "TM0103 stands nowhere in the code",
            ]
        );
        assert!(index(&pages).contains("* [TM0103](TM0103.md): orphan\n"));
    }

    #[test]
    fn a_code_is_four_digits() {
        assert!(is_code("TM0501") && !is_code("TM050") && !is_code("TM05xx") && !is_code("TM05011"));
    }
}
