//! Only what a repair may change is changed, and no test is taken away or made easier.

use crate::repair::strategy::bumps;
use crate::repair::{Material, Task};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Edit, Patch, Proposer, Role};
use trustmill_patch::lines::Lines;
use trustmill_patch::symbol::{Kind, Language, Symbol, symbols};

pub(super) fn check(
    task: &Task,
    candidate: &Candidate,
    patched: &Contents,
    workshop: &dyn Workshop,
) -> Result<((), String), String> {
    fix(&candidate.fix, &candidate.proposer, workshop)?;
    for path in candidate.fix.edits.keys() {
        let Some(text) = super::changed_tests(&task.tree, patched, path, workshop) else { continue };
        let before = task.tree.text(path).unwrap_or_default();
        says_what_upstream_says(path, before, &text, &upstream(task, path))?;
    }
    for (path, edit) in &candidate.tests.edits {
        test(task, path, edit, workshop)?;
    }
    let what = match candidate.fix.edits.keys().all(|path| workshop.role(path) == Role::Code) {
        true => "only code and tests are changed",
        false => "only code, tests and what is needed of others are changed",
    };
    Ok(((), format!("{what}, and no test is weakened")))
}

fn fix(fix: &Patch, proposer: &Proposer, workshop: &dyn Workshop) -> Result<(), String> {
    let bumps = bumps(proposer);
    for (path, edit) in &fix.edits {
        let allowed = match workshop.role(path) {
            Role::Code => true,
            Role::Metadata | Role::Vendored => bumps,
            Role::Generated | Role::Test | Role::Docs | Role::Workshop => false,
        };
        if !allowed {
            return Err(format!("{path} may not be changed by a repair"));
        }
        if edit.after.is_none() {
            return Err(format!("{path} would be taken away"));
        }
        if edit.after.as_ref().is_some_and(|bytes| std::str::from_utf8(bytes).is_err()) {
            return Err(format!("{path} would hold bytes that are no text"));
        }
    }
    Ok(())
}

fn test(task: &Task, path: &str, edit: &Edit, workshop: &dyn Workshop) -> Result<(), String> {
    if workshop.role(path) != Role::Test {
        return Err(format!("{path} is changed as a test and is none"));
    }
    let Some(after) = &edit.after else { return Err(format!("the test file {path} would be taken away")) };
    let text = |bytes: &Bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let Some(after) = text(after) else { return Ok(()) };
    let upstream = upstream(task, path);
    if workshop.chooses_tests(path) && !upstream.iter().any(|one| one.after == after) {
        return Err(format!(
            "{path} decides which tests run, and is changed otherwise than upstream changed it"
        ));
    }
    let before = edit.before.as_ref().and_then(text).unwrap_or_default();
    leaves_nothing_out(path, &before, &after, &upstream, workshop.leaving_out())?;
    if Language::of(path).is_some() {
        weakens_nothing(path, &before, &after, &upstream)
    } else if workshop.is_run(path) {
        says_what_upstream_says(path, &before, &after, &upstream)
    } else {
        Ok(())
    }
}

/// A file of upstream's as the fix found it, empty where it did not, and as it left it.
struct Theirs {
    before: String,
    after: String,
}

/// What the fix made of a test file, in every version of it that is known.
fn upstream(task: &Task, path: &str) -> Vec<Theirs> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let of = |material: &Material| -> Vec<Theirs> {
        let same = material.after.members.keys().filter(|other| other.rsplit('/').next() == Some(name));
        let text = |tree: &Contents, path: &str| tree.text(path).map(str::to_owned);
        let both = same.filter_map(|path| {
            let before = text(&material.before, path).unwrap_or_default();
            Some(Theirs { before, after: text(&material.after, path)? })
        });
        both.collect()
    };
    task.material.iter().flat_map(of).collect()
}

/// No line comes that leaves a test out, unless it comes from upstream.
fn leaves_nothing_out(
    path: &str,
    before: &str,
    after: &str,
    upstream: &[Theirs],
    words: &[&str],
) -> Result<(), String> {
    let old: BTreeSet<&str> = before.lines().map(str::trim).collect();
    let theirs: BTreeSet<&str> = upstream.iter().flat_map(|one| one.after.lines()).map(str::trim).collect();
    let comes = after.lines().map(str::trim).find(|line| {
        let lower = line.to_ascii_lowercase();
        !old.contains(line) && !theirs.contains(line) && words.iter().any(|word| lower.contains(word))
    });
    match comes {
        Some(line) => {
            Err(format!("{path} would leave tests out: {}", line.chars().take(80).collect::<String>()))
        }
        None => Ok(()),
    }
}

/// Where functions are not told apart: of a file that is there no line goes that upstream keeps, and none comes that
/// upstream neither has as often nor brings.
fn says_what_upstream_says(path: &str, before: &str, after: &str, upstream: &[Theirs]) -> Result<(), String> {
    let counted = |text: &str| -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
        lines
    };
    let (old, new) = (counted(before), counted(after));
    let theirs: Vec<_> = upstream.iter().map(|one| (counted(&one.before), counted(&one.after))).collect();
    let of = |lines: &BTreeMap<String, usize>, line: &String| lines.get(line).copied().unwrap_or(0);
    let shown = |line: &str| line.chars().take(80).collect::<String>();
    let goes = |(line, count): &(&String, &usize)| {
        let left = of(&new, line);
        left < **count && !theirs.iter().any(|(_, lines)| of(lines, line) <= left)
    };
    if let Some((line, _)) = old.iter().find(goes) {
        return Err(format!("{path} would lose a line that upstream keeps: {}", shown(line)));
    }
    let comes = |(line, count): &(&String, &usize)| {
        let brings = count.saturating_sub(of(&old, line));
        let does = |(was, is): &(BTreeMap<_, _>, BTreeMap<_, _>)| {
            of(is, line) >= **count || of(is, line).saturating_sub(of(was, line)) >= brings
        };
        brings > 0 && !theirs.iter().any(does)
    };
    match new.iter().find(comes).filter(|_| !before.is_empty()) {
        Some((line, _)) => {
            Err(format!("{path} would get a line that upstream does not have: {}", shown(line)))
        }
        None => Ok(()),
    }
}

/// No test goes, and none is changed but to what upstream made of it.
fn weakens_nothing(path: &str, before: &str, after: &str, upstream: &[Theirs]) -> Result<(), String> {
    let (old, new) = (Lines::of(before), Lines::of(after));
    let python = Some(Language::Python);
    let (olds, news) = (symbols(python, &old), symbols(python, &new));
    let theirs: Vec<Lines<'_>> = upstream.iter().map(|one| Lines::of(&one.after)).collect();
    let theirs: Vec<(&Lines<'_>, Vec<Symbol>)> =
        theirs.iter().map(|lines| (lines, symbols(python, lines))).collect();
    for symbol in olds.iter().filter(|symbol| symbol.kind == Kind::Block && is_leaf(symbol, &olds)) {
        let was = bodies(&old, &olds, &symbol.name);
        let is = bodies(&new, &news, &symbol.name);
        let known = |body: &Vec<String>| {
            was.contains(body)
                || theirs.iter().any(|(lines, all)| bodies(lines, all, &symbol.name).contains(body))
        };
        let gone_upstream = !theirs.is_empty()
            && theirs.iter().all(|(_, all)| !all.iter().any(|one| one.name == symbol.name));
        if is.len() < was.len() && !gone_upstream {
            return Err(format!("{path} would lose {}", symbol.name));
        }
        if !is.iter().all(known) {
            return Err(format!("{path} would change {} otherwise than upstream did", symbol.name));
        }
    }
    Ok(())
}

/// Whether no other function stands in it: the text of a class is that of its methods.
fn is_leaf(symbol: &Symbol, all: &[Symbol]) -> bool {
    let prefix = format!("{}.", symbol.name);
    !all.iter().any(|other| other.kind == Kind::Block && other.name.starts_with(&prefix))
}

/// The texts of the functions of a name, without what does not count.
fn bodies(lines: &Lines<'_>, all: &[Symbol], name: &str) -> Vec<Vec<String>> {
    let same = all.iter().filter(|symbol| symbol.kind == Kind::Block && symbol.name == name);
    same.map(|symbol| {
        let text = lines.range(symbol.lines.clone()).iter().map(|line| line.trim());
        text.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    })
    .collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_line_comes_as_often_as_upstream_brings_it() {
        let theirs = |before: &str, after: &str| Theirs { before: before.into(), after: after.into() };
        let upstream = [theirs("fn a() {\n}\n", "fn a() {\n}\nfn b() {\nx();\n}\n")];
        let old = "fn a() {\n}\nfn c() {\n}\n";
        let with = |more: &str| format!("{old}{more}");
        let says = |after: &str| says_what_upstream_says("src/a.rs", old, after, &upstream);
        assert_eq!(says(&with("fn b() {\nx();\n}\n")), Ok(()));
        assert!(says(&with("fn b() {\nx();\n}\n}\n")).is_err(), "one more than upstream brings");
        assert!(says(&with("/*\n")).is_err());
        assert!(says("fn a() {\n}\n").is_err(), "a line that upstream keeps goes");
    }
}
