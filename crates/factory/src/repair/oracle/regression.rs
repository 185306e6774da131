//! A test that came with the fix fails without it and passes with it.

use super::Notes;
use super::suite::{MOST_NAMES, Patched, file_of};
use crate::StepError;
use trustmill_core::port::workshop::Bench;
use trustmill_core::repair::{Check, CheckOutcome, Checked, TestOutcome, TestReport};

/// Makes the check; `after` says how the tests of the patched release ended.
pub(super) async fn check(
    patched: &Patched<'_>,
    after: &TestReport,
    notes: &mut Notes,
) -> Result<Checked, StepError> {
    let Patched { oracle, task, candidate, trees, .. } = patched;
    let done = |outcome, detail: String| Checked { check: Check::Regression, outcome, detail };
    if candidate.tests.is_empty() && trees.inline.is_empty() {
        return Ok(done(CheckOutcome::Untried, "no test of the fix could be brought along".to_owned()));
    }
    let brought = candidate.tests.edits.keys().filter(|path| oracle.workshop.is_run(path));
    let files: Vec<String> = brought.chain(&trees.inline).cloned().collect();
    let only = if files.is_empty() { None } else { Some(files.as_slice()) };
    let without = oracle.workshop.test(&task.bench(), &trees.tests_only, only).await?;
    let (mut shown, unread) = (shown(&files, &without, after), unread(&files, &without, after));
    let mut how = "";
    if shown.is_empty() && unread.is_none() && !without.tests.is_empty() && oracle.workshop.can_be_strict() {
        shown = strictly(patched, after, &files).await?;
        how = ", as users have it and with every access to memory checked";
    }
    shown.truncate(MOST_NAMES);
    notes.0.fixed.clone_from(&shown);
    Ok(match (shown.first(), unread) {
        (Some(first), _) => done(
            CheckOutcome::Held,
            format!("{} fail without the fix and pass with it{how}: {first}", shown.len()),
        ),
        // A file that could not even be read is no evidence of its tests one by one.
        (None, Some(first)) => {
            done(CheckOutcome::Untried, format!("the tests of the fix cannot be read without it: {first}"))
        }
        (None, None) => {
            let why = without.problem.filter(|_| without.tests.is_empty());
            let why = why.map_or(String::new(), |problem| format!(" ({problem})"));
            done(CheckOutcome::Untried, format!("no test fails without the fix and passes with it{why}"))
        }
    })
}

/// As [`shown`], where both are run [strictly](Bench::strict); without the fix twice, so that no chance shows anything.
async fn strictly(
    patched: &Patched<'_>,
    after: &TestReport,
    files: &[String],
) -> Result<Vec<String>, StepError> {
    let Patched { oracle, task, trees, bench, tree, .. } = patched;
    let only = if files.is_empty() { None } else { Some(files) };
    let first = oracle.workshop.test(&strict(task.bench()), &trees.tests_only, only).await?;
    // What passes as developers have it and fails strictly may be mended; what fails there is not.
    let mut names = shown(files, &first, after);
    if names.is_empty() {
        return Ok(names);
    }
    let with = oracle.workshop.test(&strict(*bench), tree, only).await?;
    let holds = shown(files, &first, &with);
    names.retain(|name| holds.contains(name));
    if !names.is_empty() {
        let second = oracle.workshop.test(&strict(task.bench()), &trees.tests_only, only).await?;
        names.retain(|name| second.tests.get(name) == Some(&TestOutcome::Failed));
    }
    Ok(names)
}

const fn strict(bench: Bench<'_>) -> Bench<'_> {
    Bench { strict: true, ..bench }
}

/// The tests of these files that fail without the fix and pass with it.
fn shown(files: &[String], without: &TestReport, with: &TestReport) -> Vec<String> {
    let fails = |name: &&String| without.tests.get(*name) == Some(&TestOutcome::Failed);
    passing(files, with).filter(fails).cloned().collect()
}

/// The first test that passes with the fix, of a file that cannot be read without it.
fn unread(files: &[String], without: &TestReport, with: &TestReport) -> Option<String> {
    let is_unread = |name: &&String| {
        let file_fails = without.tests.get(&file_of(name)) == Some(&TestOutcome::Failed);
        file_fails && !without.tests.contains_key(*name) && name.contains("::")
    };
    passing(files, with).find(is_unread).cloned()
}

/// The tests of these files that pass; of every file where none is named.
fn passing<'r>(files: &'r [String], report: &'r TestReport) -> impl Iterator<Item = &'r String> {
    let passed = report.tests.iter().filter(|(_, outcome)| **outcome == TestOutcome::Passed);
    let in_files =
        |name: &&String| files.is_empty() || files.contains(&file_of(name)) || !name.contains("::");
    passed.map(|(name, _)| name).filter(in_files)
}
