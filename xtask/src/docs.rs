//! `cargo xtask docs`: what is written can be read. Rustdoc without warnings, links that lead somewhere,
//! files that say why they exist and are not too long. (How long functions are is clippy's to say.)

use crate::links::{anchors, links};
use crate::report::{Failure, Problem, verdict};
use crate::run::cargo;
use crate::tree;
use crate::workspace;

/// The most lines of a source file.
const MAX_LINES: usize = 800;

const HELP: &str =
    "mend the link, open the file with `//!` and its reason, or split it where its subjects part";

pub(crate) fn run(_: &[String]) -> Result<(), Failure> {
    let files = tree::files()?;
    let mut problems = Vec::new();
    for file in &files {
        if file.ends_with(".rs") {
            problems.extend(source(file, &tree::read(file)?));
        } else if file.ends_with(".md") {
            for link in links(file, &tree::read(file)?) {
                match link {
                    Ok(link) => problems.extend(dead(file, &link)?),
                    Err(problem) => problems.push(problem),
                }
            }
        }
    }
    verdict(problems, HELP)?;
    cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "--deny warnings")
        .run()
}

fn source(file: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        problems.push(Problem::new(file, format!("has {lines} lines, at most {MAX_LINES} are allowed")));
    }
    if !text.starts_with("//!") {
        problems.push(Problem::new(format!("{file}:1"), "does not open with `//!` and its reason"));
    }
    problems
}

fn dead(file: &str, link: &crate::links::Link) -> Result<Option<Problem>, Failure> {
    let place = format!("{file}:{}", link.line);
    if !workspace::root().join(&link.file).exists() {
        return Ok(Some(Problem::new(
            place,
            format!("the link leads to {}, which does not exist", link.file),
        )));
    }
    let Some(anchor) = link.anchor.as_ref().filter(|_| link.file.ends_with(".md")) else { return Ok(None) };
    let there = anchors(&tree::read(&link.file)?).contains(anchor);
    Ok((!there).then(|| Problem::new(place, format!("{} has no heading #{anchor}", link.file))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_why_and_stops_in_time() {
        assert!(source("a.rs", "//! Why.\n").is_empty());
        assert_eq!(source("a.rs", "use x;\n").len(), 1);
        assert_eq!(source("a.rs", &("//! Why.\n".to_owned() + &"\n".repeat(MAX_LINES))).len(), 1);
    }
}
