//! What the fix changes upstream is all there, and where it belongs.
//!
//! Every line that the fix brings must be in the function that it was brought to, beside a line that it stood beside,
//! and every line that it takes must be gone from there. The order of hunks, and what else stands in a file, does not
//! matter, so that a fix carried to another version holds; half of one, and one at the wrong place, does not.

use crate::repair::find::{changed, has_code};
use crate::repair::strategy::path_in;
use crate::repair::{Extent, Material, Task};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Proposer, Role};
use trustmill_patch::hunk::hunks;
use trustmill_patch::lines::Lines;
use trustmill_patch::symbol::{Brought, Kind, Language, Symbol, brought, enclosing, symbols};

pub(super) fn check(
    task: &Task,
    candidate: &Candidate,
    patched: &Contents,
    workshop: &dyn Workshop,
) -> Checked {
    let done = |outcome, detail: String| Checked { check: Check::Complete, outcome, detail };
    let is_author = matches!(candidate.proposer, Proposer::Model { .. } | Proposer::Person { .. });
    let look = |material: &Material| (material.extent, look(task, material, patched, workshop));
    let found: Vec<(Extent, Found)> = task.material.iter().map(look).collect();
    // Of several versions of one fix one must be there.
    let best = of(&found, Extent::Fix).min_by_key(|found| (found.missing.len(), found.absent.len()));
    let has_difference = of(&found, Extent::Releases).any(Found::is_whole);
    let Some(best) = best else {
        // What is not known to be all of the fix can still be known to be at the wrong place, also where no test looks; and
        // what came to a file before the two releases, too, which says nothing of the fix.
        if let Some(elsewhere) = is_author.then(|| misplaced(task, candidate, patched)).flatten() {
            return done(CheckOutcome::Broken, elsewhere);
        }
        if has_difference {
            let detail = "all code that changed between the two releases is there".to_owned();
            return done(CheckOutcome::Held, detail);
        }
        let detail =
            "no commit of the fix can be read: what of the release's changes belongs to it is not known";
        return done(CheckOutcome::Untried, detail.to_owned());
    };
    let own_words = is_author && says_it_anew(task, candidate);
    // Where the fix was brought to the release's own line in other words than the commit's, that line's release has it.
    if !best.missing.is_empty() && best.there > best.missing.len() && has_difference {
        let detail = "all code that changed between the two releases is there, and most of the commit's";
        return done(CheckOutcome::Held, detail.to_owned());
    }
    match (best.missing.first(), best.absent.first()) {
        (None, None) => {
            done(CheckOutcome::Held, format!("all {} lines of the fix are where they belong", best.there))
        }
        (None, Some(absent)) => done(
            CheckOutcome::Untried,
            format!("the fix also changes this, which the release does not have: {absent}"),
        ),
        // Who writes a fix anew writes other lines; who copies a part of it leaves out the rest.
        (Some(_), _) if own_words && best.there * 3 < best.missing.len() => {
            done(CheckOutcome::Untried, "the fix is written in other words than upstream's".to_owned())
        }
        (Some(missing), _) => done(CheckOutcome::Broken, missing.clone()),
    }
}

/// Whether most of what a change brings is not upstream's: taking some of its lines and leaving the others is half a fix.
fn says_it_anew(task: &Task, candidate: &Candidate) -> bool {
    let upstream: BTreeSet<&str> = task
        .material
        .iter()
        .flat_map(|material| material.after.members.keys().filter_map(|path| material.after.text(path)))
        .flat_map(|text| text.lines().map(str::trim))
        .collect();
    let (mut brought, mut new) = (0usize, 0usize);
    for edit in candidate.fix.edits.values() {
        let text = |bytes: &Option<bytes::Bytes>| {
            let bytes = bytes.clone().unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (before, after) = (text(&edit.before), text(&edit.after));
        let (old, now) = (Lines::of(&before), Lines::of(&after));
        for hunk in hunks(&old.text, &now.text) {
            let counts = |line: &&str| !line.is_empty() && !line.starts_with(['#', '/', '*']);
            for line in now.range(hunk.after).iter().map(|line| line.trim()).filter(counts) {
                brought += 1;
                new += usize::from(!upstream.contains(line));
            }
        }
    }
    brought > 0 && new * 2 >= brought
}

/// The first line of upstream's that a change brings to another place than upstream has it.
fn misplaced(task: &Task, candidate: &Candidate, patched: &Contents) -> Option<String> {
    let mut found = Found::default();
    for path in candidate.fix.edits.keys() {
        let (Some(old), Some(new)) = (task.tree.text(path), patched.text(path)) else { continue };
        let [old, new] = [old, new].map(|text| Scopes::of(path, text));
        for material in &task.material {
            let (Some(before), Some(after)) = (material.before.text(path), material.after.text(path)) else {
                continue;
            };
            let [before, after] = [before, after].map(|text| Scopes::of(path, text));
            placed(path, [&before, &after, &old, &new], Which::Brought, &mut found);
            placed(path, [&old, &after, &old, &new], Which::Brought, &mut found);
        }
    }
    found.missing.into_iter().next()
}

/// What of a fix is there.
#[derive(Default)]
struct Found {
    /// Lines that are.
    there: usize,
    /// What is not, each with its place.
    missing: Vec<String>,
    /// Files and functions that the release does not have.
    absent: Vec<String>,
}

impl Found {
    fn is_whole(&self) -> bool {
        self.there > 0 && self.missing.is_empty() && self.absent.is_empty()
    }
}

/// What is there of the changes that are so much of the fix. A part that is there says nothing of the others.
fn of(found: &[(Extent, Found)], extent: Extent) -> impl Iterator<Item = &Found> {
    found.iter().filter(move |(is, _)| *is == extent).map(|(_, found)| found)
}

fn look(task: &Task, material: &Material, patched: &Contents, workshop: &dyn Workshop) -> Found {
    let mut found = Found::default();
    let mut needs = Found::default();
    dependencies(material, patched, workshop, &mut needs);
    found.there += needs.there;
    // Beside code that a commit changes it is not certain that the fix needs them.
    let is_certain = material.extent != Extent::Fix || !has_code(material, workshop);
    let lacking = if is_certain { &mut found.missing } else { &mut found.absent };
    lacking.append(&mut needs.missing);
    found.absent.append(&mut needs.absent);
    for path in changed(&material.before, &material.after).filter(|path| workshop.role(path) == Role::Code) {
        match (material.before.text(path), material.after.text(path)) {
            (Some(before), Some(after)) => {
                let there = path_in(&task.tree, path, before);
                let texts = there.and_then(|there| Some((task.tree.text(&there)?, patched.text(&there)?)));
                match texts {
                    Some((old, new)) => {
                        // Tests beside the code are no part of what users run.
                        let code = |text: &str| {
                            workshop.without_tests(path, text).unwrap_or_else(|| text.to_owned())
                        };
                        let texts = [before, after, old, new].map(code);
                        file(path, texts.each_ref().map(String::as_str), &mut found);
                    }
                    None => found.absent.push(path.clone()),
                }
            }
            (None, Some(after)) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let same = |other: &&String| {
                    other.rsplit('/').next() == Some(name) && patched.text(other) == Some(after)
                };
                match patched.members.keys().find(same) {
                    Some(_) => found.there += after.lines().count(),
                    None => found.missing.push(format!("{path}, which the fix brings, is not there")),
                }
            }
            _ => found.absent.push(format!("{path} (upstream takes it away)")),
        }
    }
    found
}

/// Where a fix comes with a later release of something else: every bound, and every file of a copy, is upstream's.
fn dependencies(material: &Material, patched: &Contents, workshop: &dyn Workshop, found: &mut Found) {
    for path in changed(&material.before, &material.after) {
        let (before, after) = (material.before.text(path), material.after.text(path));
        match (workshop.role(path), before, after) {
            (Role::Metadata, Some(before), Some(after)) => {
                let has = |line: &str| {
                    let text = patched.text(path).unwrap_or_default();
                    text.lines().any(|other| other.trim() == line.trim())
                };
                for (_, line) in before.lines().zip(after.lines()).filter(|(was, is)| was != is) {
                    match has(line) {
                        true => found.there += 1,
                        false => found.missing.push(format!("{path} does not say `{}`", line.trim())),
                    }
                }
            }
            (Role::Vendored, _, Some(after)) => match patched.text(path) == Some(after) {
                true => found.there += 1,
                false => found.missing.push(format!("{path} is not the copy that upstream carries")),
            },
            (Role::Vendored, _, None) => found.absent.push(format!("{path} (upstream takes it away)")),
            _ => {}
        }
    }
}

/// A text by its functions: how often each line that counts stands in each.
struct Scopes<'a> {
    lines: Lines<'a>,
    /// Which lines are comments and nothing else.
    comments: Vec<bool>,
    symbols: Vec<Symbol>,
    counts: BTreeMap<String, BTreeMap<&'a str, i64>>,
    imports: BTreeSet<Brought>,
}

impl<'a> Scopes<'a> {
    fn of(path: &str, text: &'a str) -> Self {
        let lines = Lines::of(text);
        let symbols = symbols(Language::of(path), &lines);
        let is_import = |symbol: &&Symbol| symbol.kind == Kind::Import;
        let imports = symbols
            .iter()
            .filter(is_import)
            .flat_map(|symbol| brought(lines.range(symbol.lines.clone())))
            .collect();
        let comments = comments(path, &lines.text);
        let mut all = Self { lines, comments, symbols, counts: BTreeMap::new(), imports };
        for number in 0..all.lines.len() {
            if let Some(line) = all.line(number) {
                *all.counts.entry(all.scope(number)).or_default().entry(line).or_default() += 1;
            }
        }
        all
    }

    /// A line that counts: no comment, nothing empty, no import, which is compared by its names.
    fn line(&self, number: usize) -> Option<&'a str> {
        let line = self.lines.text.get(number)?.trim();
        let import = self.symbols.iter().any(|one| one.kind == Kind::Import && one.lines.contains(&number));
        let comment = self.comments.get(number) == Some(&true);
        (!line.is_empty() && !comment && !import).then_some(line)
    }

    fn scope(&self, number: usize) -> String {
        enclosing(&self.symbols, number).map(|symbol| symbol.name.clone()).unwrap_or_default()
    }

    fn count(&self, scope: &str, line: &str) -> i64 {
        self.counts.get(scope).and_then(|lines| lines.get(line)).copied().unwrap_or(0)
    }

    fn everywhere(&self, line: &str) -> i64 {
        self.counts.values().filter_map(|lines| lines.get(line)).sum()
    }

    fn has(&self, scope: &str) -> bool {
        scope.is_empty() || self.counts.contains_key(scope)
    }

    /// How often a line stands in a scope right behind another, or right before it.
    fn neighbours(&self, scope: &str, line: &str, above: Option<&str>, below: Option<&str>) -> usize {
        let numbers = (0..self.lines.len())
            .filter(|number| self.line(*number) == Some(line) && self.scope(*number) == scope);
        let beside = |number: &usize| {
            above.is_some_and(|above| self.near(*number, false) == Some(above))
                || below.is_some_and(|below| self.near(*number, true) == Some(below))
        };
        numbers.filter(beside).count()
    }

    /// The next line that counts, downwards or upwards.
    fn near(&self, number: usize, down: bool) -> Option<&'a str> {
        if down {
            (number + 1..self.lines.len()).find_map(|number| self.line(number))
        } else {
            (0..number).rev().find_map(|number| self.line(number))
        }
    }
}

/// Endings of files in which a comment begins with two slashes, or stands between `/*` and `*/`.
const SLASHES: [&str; 15] =
    ["rs", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "c", "h", "cc", "cpp", "hpp", "pest"];

/// Which lines are comments and nothing else.
fn comments(path: &str, lines: &[&str]) -> Vec<bool> {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let slashes = SLASHES.contains(&ending);
    let mut inside = false;
    let each = lines.iter().map(|line| line.trim()).map(|line| {
        if !slashes {
            return line.starts_with('#');
        }
        let begins = line.strip_prefix("/*");
        let Some(rest) = begins.or(inside.then_some(line)) else { return line.starts_with("//") };
        match rest.split_once("*/") {
            Some((_, behind)) => {
                inside = false;
                behind.trim().is_empty()
            }
            None => {
                inside = true;
                true
            }
        }
    });
    each.collect()
}

fn file(path: &str, [before, after, old, new]: [&str; 4], found: &mut Found) {
    let [before, after, old, new] = [before, after, old, new].map(|text| Scopes::of(path, text));
    for import in after.imports.difference(&before.imports) {
        match new.imports.contains(import) {
            true => found.there += 1,
            false => found.missing.push(format!("{path}: `{}` is not there", import.statement())),
        }
    }
    let names: BTreeSet<&String> = before.counts.keys().chain(after.counts.keys()).collect();
    for scope in names {
        let lines = |scopes: &Scopes<'_>| -> BTreeSet<String> {
            scopes
                .counts
                .get(scope)
                .into_iter()
                .flat_map(BTreeMap::keys)
                .map(|line| (*line).to_owned())
                .collect()
        };
        let all: BTreeSet<String> = lines(&before).union(&lines(&after)).cloned().collect();
        let deltas = all.iter().map(|line| (line, after.count(scope, line) - before.count(scope, line)));
        let deltas: Vec<(&String, i64)> = deltas.filter(|(_, delta)| *delta != 0).collect();
        // A function that the fix changes and the release does not have.
        if !deltas.is_empty() && before.has(scope) && !old.has(scope) {
            found.absent.push(format!("{scope} in {path}"));
            continue;
        }
        for (line, delta) in deltas {
            let (was, is) = (old.count(scope, line), new.count(scope, line));
            let holds = match delta > 0 {
                true => is >= was + delta || is >= after.count(scope, line),
                false => is <= (was + delta).max(after.count(scope, line)),
            };
            let place = if scope.is_empty() { path.to_owned() } else { format!("{scope} in {path}") };
            let shown: String = line.chars().take(80).collect();
            match (holds, delta > 0) {
                (true, _) => found.there += 1,
                (false, true) => {
                    found.missing.push(format!("a line of the fix is missing from {place}: {shown}"));
                }
                (false, false) => {
                    found.missing.push(format!("a line that the fix takes is still in {place}: {shown}"));
                }
            }
        }
    }
    placed(path, [&before, &after, &old, &new], Which::All, found);
}

/// Which of the lines that a fix brings are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Every one.
    All,
    /// Those that the change brings, too.
    Brought,
}

/// Every run of lines that the fix brings to a function stands beside a line beside which it stood upstream, where the
/// release has that line.
fn placed(path: &str, [before, after, old, new]: [&Scopes<'_>; 4], which: Which, found: &mut Found) {
    for hunk in hunks(&before.lines.text, &after.lines.text) {
        let counting: Vec<usize> =
            hunk.after.clone().filter(|number| after.line(*number).is_some()).collect();
        let (Some(first), Some(last)) = (counting.first(), counting.last()) else { continue };
        let scope = after.scope(*first);
        if !before.has(&scope) || !old.has(&scope) || after.scope(*last) != scope {
            continue;
        }
        let comes = |number: usize| {
            let line = after.line(number).unwrap_or_default();
            new.everywhere(line) > old.everywhere(line)
        };
        if which == Which::Brought && !comes(*first) && !comes(*last) {
            continue;
        }
        let (above, below) = (after.near(*first, false), after.near(*last, true));
        let known = |line: Option<&str>| line.is_some_and(|line| old.count(&scope, line) > 0);
        if !known(above) && !known(below) {
            continue;
        }
        let stands = |line: &str, above, below| {
            let count = |side: &Scopes<'_>| side.neighbours(&scope, line, above, below);
            match which {
                Which::All => count(new) > 0,
                // The same two lines may stand together elsewhere in the file.
                Which::Brought => count(new) > count(old) || (count(new) > 0 && count(new) >= count(after)),
            }
        };
        let begins = after.line(*first).is_some_and(|line| stands(line, above, None));
        let ends = after.line(*last).is_some_and(|line| stands(line, None, below));
        if !begins && !ends {
            let line: String = after.line(*first).unwrap_or_default().chars().take(80).collect();
            let place = if scope.is_empty() { path.to_owned() } else { format!("{scope} in {path}") };
            found.missing.push(format!("a line of the fix stands at another place in {place}: {line}"));
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    const BEFORE: &str = "exports.f = f;\nfunction f(a) {\n  run(a);\n  end(a);\n}\n";
    const CHECK: &str = "  if (a.length > MAX)\n    return null;\n";

    fn places(path: &str, after: &str, new: &str) -> Vec<String> {
        let texts = [BEFORE, after, BEFORE, new].map(|text| Scopes::of(path, text));
        let mut found = Found::default();
        placed(path, texts.each_ref(), Which::Brought, &mut found);
        found.missing
    }

    #[test]
    fn a_line_of_the_fix_at_another_place_is_found_and_one_that_does_not_come_is_not_missed() {
        let with = |before: &str| BEFORE.replacen(before, &format!("{CHECK}{before}"), 1);
        let after = with("  run(a);\n");
        assert!(places("f.js", &after, &after).is_empty());
        assert!(places("f.js", &after, BEFORE).is_empty(), "it is not known to be needed");
        for elsewhere in ["function f(a) {\n", "}\n"] {
            assert_eq!(places("f.js", &after, &with(elsewhere)).len(), 1, "{elsewhere}");
        }
    }

    #[test]
    fn comments_are_no_code_and_what_stands_in_one_is_not_there() {
        let text = "/* a\n * b\n c */\n// d\n#[inline]\n*x = 1;\n/* e */ f();\n/* g */\nh(); // i\n";
        let lines = Lines::of(text);
        let code = |path| {
            let all = lines.text.iter().zip(comments(path, &lines.text));
            all.filter(|(_, comment)| !comment).map(|(line, _)| line.trim()).collect::<Vec<_>>()
        };
        assert_eq!(code("a.rs"), ["#[inline]", "*x = 1;", "/* e */ f();", "h(); // i"]);
        assert_eq!(code("a.py").len(), 8);

        let after = BEFORE.replacen("  run(a);\n", &format!("  // Not too long.\n{CHECK}  run(a);\n"), 1);
        let found = |new: &str| {
            let mut found = Found::default();
            file("f.js", [BEFORE, &after, BEFORE, new], &mut found);
            found.missing
        };
        assert!(found(&after.replace("  // Not too long.\n", "")).is_empty());
        assert!(!found(&after.replace(CHECK, &format!("/*\n{CHECK}*/\n"))).is_empty());
    }

    #[test]
    fn a_part_that_is_there_is_no_difference_between_releases() {
        let there = || Found { there: 3, ..Found::default() };
        let found = [(Extent::Part, there()), (Extent::Fix, Found::default())];
        assert!(!of(&found, Extent::Releases).any(Found::is_whole));
        assert!(!of(&found, Extent::Fix).any(Found::is_whole));
        assert!(of(&[(Extent::Releases, there())], Extent::Releases).any(Found::is_whole));
    }

    #[test]
    fn the_same_two_lines_elsewhere_are_no_excuse() {
        let before = "end(a);\nrun(x);\nmid(a);\nlast(a);\nend(b);\nrun(x);\n";
        let after = before.replacen("mid(a);\n", "mid(a);\nend(a);\nrun(x);\n", 1);
        let moved = before.replacen("last(a);\n", "last(a);\nrun(x);\n", 1);
        let texts = [before, after.as_str(), before, moved.as_str()].map(|text| Scopes::of("f.js", text));
        let mut found = Found::default();
        placed("f.js", texts.each_ref(), Which::Brought, &mut found);
        assert_eq!(found.missing.len(), 1, "{:?}", found.missing);
    }

    #[test]
    fn also_in_another_function() {
        let before = "def f(a):\n    run(a)\n    end(a)\n\n\ndef g(a):\n    go(a)\n";
        let with = |line: &str| before.replacen(line, &format!("    check(a)\n{line}"), 1);
        let (after, moved) = (with("    run(a)\n"), with("    go(a)\n"));
        let texts = [before, after.as_str(), before, moved.as_str()].map(|text| Scopes::of("f.py", text));
        let mut found = Found::default();
        placed("f.py", texts.each_ref(), Which::Brought, &mut found);
        assert_eq!(found.missing.len(), 1, "{:?}", found.missing);
    }
}
