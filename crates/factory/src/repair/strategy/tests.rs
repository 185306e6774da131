//! The tests that come with a fix, adapted to the release: all that can be carried; else only those that are new; else
//! none, and then nothing is proven.

use super::carried::edit;
use super::functions::is_innermost;
use super::{ALL, NotCarried, imports};
use crate::repair::{Extent, Material, Task};
use bytes::Bytes;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::repair::{Edit, Patch, Role};
use trustmill_patch::lines::{Lines, Splice};
use trustmill_patch::symbol::{Kind, Language, Symbol, named, symbols};

/// Changes to tests of other commits that are tried with a fix.
const MOST_OTHERS: usize = 2;

/// The changes to tests that are tried with a fix, the fullest first, then none. What else came to the tests until the fix
/// was released goes last, with where it comes from: a test that fails without the fix and passes with it is one of the
/// fix, whichever commit brought it.
pub(super) fn variants(
    task: &Task,
    material: &Material,
    workshop: &dyn Workshop,
) -> Vec<(Patch, Option<String>)> {
    let tree = task.with_tests(&task.tree);
    let mut out: Vec<(Patch, Option<String>)> = Vec::new();
    let mut add = |mut patch: Patch, origin: Option<String>| {
        // What decides which tests run is upstream's own, or stays.
        patch.edits.retain(|path, edit| !workshop.chooses_tests(path) || task.is_upstreams(path, edit));
        if !out.iter().any(|(known, _)| *known == patch) {
            out.push((patch, origin));
        }
        out.len()
    };
    let fullest = carried(task, material, workshop);
    let (whole, fewer) = (whole_functions(task, material, workshop, &fullest), only_new(&fullest));
    for patch in [fullest, whole, fewer] {
        add(with_imports(patch, material, &tree), None);
    }
    let own = add(Patch::default(), None);
    for other in
        task.material.iter().filter(|other| other.extent != Extent::Fix && other.origin != material.origin)
    {
        let fullest = carried(task, other, workshop);
        // What was there and fails for what else was released would speak against the fix.
        for patch in [only_new(&fullest), fullest] {
            if add(with_imports(patch, other, &tree), Some(other.origin.clone())) == own + MOST_OTHERS {
                return out;
            }
        }
    }
    out
}

/// As much of a change to tests as can be carried.
fn carried(task: &Task, material: &Material, workshop: &dyn Workshop) -> Patch {
    ALL.last().map(|strategy| strategy.tests(task, material, workshop)).unwrap_or_default()
}

/// The same change, and what the tests that come with it need.
fn with_imports(mut patch: Patch, material: &Material, tree: &Contents) -> Patch {
    for (path, edit) in patch.edits.iter_mut().filter(|(_, edit)| edit.before.is_some()) {
        let name = path.rsplit('/').next();
        let theirs = material.after.members.keys().find(|other| other.rsplit('/').next() == name);
        let upstream = theirs.and_then(|theirs| material.after.text(theirs));
        let text = edit.after.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some((text, upstream)) = text.zip(upstream) else { continue };
        if let Some(completed) = imports::completed(path, text, upstream, tree) {
            edit.after = Some(completed.into());
        }
    }
    patch
}

/// The same change, with every function of a test file that the fix changes as upstream has it after the fix: a hunk that
/// fits leaves a function that is neither the release's nor upstream's, and that is no test of anything.
fn whole_functions(task: &Task, material: &Material, workshop: &dyn Workshop, fullest: &Patch) -> Patch {
    let mut patch = fullest.clone();
    let there = task.with_tests(&task.tree);
    for path in crate::repair::find::changed(&material.before, &material.after) {
        if workshop.role(path) != Role::Test {
            continue;
        }
        let (Some(before), Some(after)) = (material.before.text(path), material.after.text(path)) else {
            continue;
        };
        let Some(known) = super::path_in(&there, path, before) else { continue };
        let Some(target) = there.text(&known) else { continue };
        if let Some(text) = with_functions(path, target, before, after) {
            patch.edits.insert(known, edit(Some(target), Some(&text)));
        }
    }
    patch
}

/// `target` with the functions that differ between `before` and `after` as they are in `after`, and with those that only
/// `after` has.
fn with_functions(path: &str, target: &str, before: &str, after: &str) -> Option<String> {
    let language = Language::of(path)?;
    let texts = [target, before, after].map(Lines::of);
    let [known, old, new] = texts.each_ref().map(|lines| symbols(Some(language), lines));
    let [target_lines, old_lines, new_lines] = &texts;
    let mut splices: Vec<Splice> = Vec::new();
    for symbol in new.iter().filter(|symbol| is_innermost(symbol, &new)) {
        let is = new_lines.range(symbol.lines.clone());
        let was = named(&old, &symbol.name).map(|was| old_lines.range(was.lines.clone()));
        let Some(there) = named(&known, &symbol.name) else { continue };
        if was.is_some_and(|was| was != is) && target_lines.range(there.lines.clone()) != is {
            let with = is.iter().map(|line| (*line).to_owned()).collect();
            splices.push(Splice { at: there.lines.clone(), with });
        }
    }
    splices.sort_by_key(|splice| splice.at.start);
    let changed = target_lines.splice(&splices);
    let text = with_new_functions(path, &changed, after).unwrap_or(changed);
    (text != target).then_some(text)
}

/// The same change with nothing but the tests that it adds: what was there stays as it was.
fn only_new(patch: &Patch) -> Patch {
    let edits = patch.edits.iter().filter_map(|(path, edit)| {
        let (Some(before), Some(after)) = (&edit.before, &edit.after) else {
            return Some((path.clone(), edit.clone()));
        };
        let (before, after) = (std::str::from_utf8(before).ok()?, std::str::from_utf8(after).ok()?);
        let text = with_new_functions(path, before, after)?;
        let edit = Edit { before: edit.before.clone(), after: Some(Bytes::from(text)) };
        (edit.before != edit.after).then_some((path.clone(), edit))
    });
    Patch { edits: edits.collect() }
}

/// `before` with the functions that only `after` has.
fn with_new_functions(path: &str, before: &str, after: &str) -> Option<String> {
    let language = Language::of(path)?;
    let (old, new) = (Lines::of(before), Lines::of(after));
    let (known, all) = (symbols(Some(language), &old), symbols(Some(language), &new));
    let mut splices: Vec<Splice> = Vec::new();
    let outer = |name: &str| name.rsplit_once('.').map(|(outer, _)| outer.to_owned());
    let is_new =
        |symbol: &&Symbol| symbol.kind == Kind::Block && !known.iter().any(|one| one.name == symbol.name);
    for symbol in all.iter().filter(is_new) {
        let at = match outer(&symbol.name) {
            None => old.len(),
            Some(parent) => match named(&known, &parent) {
                Some(parent) => parent.lines.end,
                // It comes with its class.
                None => continue,
            },
        };
        let mut with = vec![String::new()];
        with.extend(new.range(symbol.lines.clone()).iter().map(|line| (*line).to_owned()));
        splices.push(Splice { at: at..at, with });
    }
    splices.sort_by_key(|splice| splice.at.start);
    (!splices.is_empty()).then(|| old.splice(&splices))
}

/// For those who ask why nothing came of a fix.
impl std::fmt::Display for NotCarried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} hunks have no place: {}", self.hunks, self.of, self.why)
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn what_was_there_stays_and_new_tests_come() {
        let before = "import os\n\n\nclass TestA:\n    def test_old(self):\n        assert 1\n\n\ndef test_last():\n    pass\n";
        let after = "import os\nimport kit\n\n\nclass TestA:\n    def test_old(self):\n        assert 2\n\n    def test_new(self):\n        assert kit\n\n\ndef test_last():\n    pass\n\n\ndef test_more():\n    pass\n";
        let text = with_new_functions("tests/test_a.py", before, after).unwrap();
        assert!(text.contains("assert 1\n") && !text.contains("assert 2"));
        assert!(
            text.contains("    def test_new(self):\n        assert kit\n")
                && text.ends_with("def test_more():\n    pass\n")
        );
    }
}
