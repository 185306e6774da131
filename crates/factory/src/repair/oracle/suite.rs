//! The package's own tests: none fails that passed, and one that came with the fix fails without it and passes with it.

use super::baseline::{self, Baseline, Extent};
use super::{Notes, Oracle, Trees, UNPATCHED, regression};
use crate::StepError;
use crate::repair::Task;
use crate::repair::strategy::bumps;
use std::collections::BTreeSet;
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::{Bench, Workshop};
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Edit, Role, TestOutcome, TestReport};
use trustmill_patch::symbol::Language;

/// Makes the checks on tests; `false` if one is broken.
pub(super) async fn check(
    oracle: &Oracle<'_>,
    task: &Task,
    candidate: &Candidate,
    trees: &Trees,
    notes: &mut Notes,
) -> Result<bool, StepError> {
    let (before, extent) = baseline::of(oracle, task, candidate).await?;
    if let Some(problem) = &before.problem {
        notes.1.clone_from(&before.log);
        let detail = format!("{UNPATCHED}, the tests of this release do not run here: {problem}");
        return Ok(notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Broken, detail }));
    }
    let patched = Patched::of(oracle, task, candidate, trees);
    let mut flaky = before.flaky.clone();
    // Of a long suite the tests near the change come first: what fails there needs no other.
    let near = nearby(task, candidate, oracle.workshop);
    if before.seconds >= LONG && extent == Extent::All && !near.is_empty() {
        let report = patched.run(Some(&near)).await?;
        let wanted = before.passed().filter(|name| near.contains(&file_of(name)));
        let failing = patched.failing(wanted.collect(), &report, &mut flaky).await?;
        if let Some(first) = patched.lost(failing, &report).await?.0.first() {
            return Ok(broken(notes, 1, first, &report));
        }
    }
    let after = patched.run_until(&before, &extent).await?;
    let failing = patched.failing(before.passed().collect(), &after, &mut flaky).await?;
    let (failing, gone) = patched.lost(failing, &after).await?;
    if let Some(first) = failing.first() {
        return Ok(broken(notes, failing.len(), first, &after));
    }
    let kept = before.passed().count() - gone;
    note_counts(notes, &before, &after, kept, &flaky);
    let gone = match gone {
        0 => String::new(),
        count => format!(", {count} went with the fix upstream"),
    };
    let detail = format!("{kept} tests that passed still pass{}{gone} ({})", extent.shown(), before.runner);
    notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Held, detail });
    let regression = regression::check(&patched, &after, notes).await?;
    Ok(notes.put(regression))
}

/// A suite that takes as many seconds is long.
const LONG: u64 = 45;

fn broken(notes: &mut Notes, count: usize, first: &str, report: &TestReport) -> bool {
    notes.1.clone_from(&report.log);
    let why = report.problem.as_ref().map_or(String::new(), |problem| format!(" ({problem})"));
    let tests = if count == 1 { "test no longer passes" } else { "tests no longer pass" };
    let detail = format!("{count} {tests}: {first}{why}");
    notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Broken, detail })
}

/// The patched release, ready to be tested.
pub(super) struct Patched<'a> {
    pub(super) oracle: &'a Oracle<'a>,
    pub(super) task: &'a Task,
    pub(super) candidate: &'a Candidate,
    pub(super) trees: &'a Trees,
    /// A later release of a dependency may be younger than the release.
    pub(super) bench: Bench<'a>,
    /// What is shipped, with its new version, and the tests.
    pub(super) tree: Contents,
}

impl<'a> Patched<'a> {
    fn of(oracle: &'a Oracle<'a>, task: &'a Task, candidate: &'a Candidate, trees: &'a Trees) -> Self {
        let mut patched = task.with_tests(&trees.patched);
        for (path, edit) in &candidate.tests.edits {
            patched.set(path, edit.after.clone());
        }
        let version = task.repaired.version().unwrap_or_default();
        let tree = oracle.workshop.renumbered(&patched, &task.release, version).unwrap_or(patched);
        let bench = match bumps(&candidate.proposer) {
            true => Bench { as_of: oracle.world.clock.now(), ..task.bench() },
            false => task.bench(),
        };
        Self { oracle, task, candidate, trees, bench, tree }
    }

    async fn run(&self, only: Option<&[String]>) -> Result<TestReport, StepError> {
        Ok(self.oracle.workshop.test(&self.bench, &self.tree, only).await?)
    }

    /// The files of the candidate's own tests.
    fn own(&self) -> impl Iterator<Item = &String> {
        self.candidate.tests.edits.keys().filter(|path| self.oracle.workshop.is_run(path))
    }

    /// Runs the tests until all have ended that passed before and that the fix brings, or a run gets no further.
    async fn run_until(&self, before: &Baseline, extent: &Extent) -> Result<TestReport, StepError> {
        let files = extent.files().map(|files| {
            let own = self.own().filter(|path| !files.contains(*path));
            files.iter().chain(own).cloned().collect::<Vec<_>>()
        });
        let mut after = self.run(files.as_deref()).await?;
        while baseline::is_late(after.problem.as_ref()) {
            let reached: BTreeSet<String> = after.tests.keys().map(|name| file_of(name)).collect();
            let left =
                before.passed().filter(|name| !after.tests.contains_key(*name)).map(|name| file_of(name));
            let own = self.own().filter(|path| !reached.contains(*path)).cloned();
            let left: BTreeSet<String> = left.chain(own).collect();
            if left.is_empty() {
                break;
            }
            let left: Vec<String> = left.into_iter().collect();
            let more = self.run(Some(&left)).await?;
            let known = after.tests.len();
            for (name, outcome) in more.tests {
                after.tests.entry(name).or_insert(outcome);
            }
            (after.problem, after.log) = (more.problem, more.log);
            if after.tests.len() == known {
                break;
            }
        }
        Ok(after)
    }

    /// Those of the tests that passed before that do not pass now, and not once more either, if they are few.
    async fn failing<'t>(
        &self,
        wanted: Vec<&'t String>,
        report: &TestReport,
        flaky: &mut BTreeSet<String>,
    ) -> Result<Vec<&'t String>, StepError> {
        let passes = |report: &TestReport, name: &str| report.tests.get(name) == Some(&TestOutcome::Passed);
        let mut failing = wanted;
        failing.retain(|name| !passes(report, name));
        if !failing.is_empty() && failing.len() <= FEW {
            let files: BTreeSet<String> = failing.iter().map(|name| file_of(name)).collect();
            let again = self.run(Some(&files.into_iter().collect::<Vec<_>>())).await?;
            let (now, still): (Vec<&String>, Vec<&String>) =
                failing.iter().partition(|name| passes(&again, name));
            flaky.extend(now.into_iter().cloned());
            failing = still;
        }
        Ok(failing)
    }

    /// The failing tests without those that upstream took away with the fix, and how many these are.
    async fn lost<'t>(
        &self,
        mut failing: Vec<&'t String>,
        report: &TestReport,
    ) -> Result<(Vec<&'t String>, usize), StepError> {
        let all = failing.len();
        let gone = self.taken_away(report, &failing).await?;
        failing.retain(|name| !gone.contains(*name));
        let left = failing.len();
        Ok((failing, all - left))
    }

    /// Of the tests that no longer pass those that are there no more because upstream took them away with the fix: without
    /// the fix, and with its changes to tests, they are not there either, and what tests read is changed as upstream changed
    /// it. What becomes of the functions of tests was looked at before.
    async fn taken_away(
        &self,
        after: &TestReport,
        failing: &[&String],
    ) -> Result<BTreeSet<String>, StepError> {
        let absent: Vec<&String> =
            failing.iter().filter(|name| !after.tests.contains_key(**name)).copied().collect();
        let (task, tests) = (self.task, &self.candidate.tests);
        let is_theirs =
            |(path, edit): (&String, &Edit)| Language::of(path).is_some() || task.is_upstreams(path, edit);
        let reads_as_upstream = !tests.is_empty() && tests.edits.iter().all(is_theirs);
        if absent.is_empty() || after.problem.is_some() || !reads_as_upstream {
            return Ok(BTreeSet::new());
        }
        let files: BTreeSet<String> = absent.iter().map(|name| file_of(name)).collect();
        let files: Vec<String> = files.into_iter().collect();
        let tree = &self.trees.tests_only;
        let without = self.oracle.workshop.test(&task.bench(), tree, Some(&files)).await?;
        if without.problem.is_some() {
            return Ok(BTreeSet::new());
        }
        let gone = absent.into_iter().filter(|name| !without.tests.contains_key(*name));
        Ok(gone.cloned().collect())
    }
}

/// The most test files that count as near.
const MOST_NEAR: usize = 30;

/// The test files that speak of what the candidate changes: its own, those named after a changed file, those that name
/// its module.
pub(super) fn nearby(task: &Task, candidate: &Candidate, workshop: &dyn Workshop) -> Vec<String> {
    let tree = task.with_tests(&task.tree);
    let stem = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default().trim_matches('_').to_owned()
    };
    let stems: BTreeSet<String> = candidate
        .fix
        .edits
        .keys()
        .map(|path| stem(path))
        .filter(|stem| stem.len() > 3 && stem != "init")
        .collect();
    let own =
        candidate.tests.edits.iter().filter(|(_, edit)| edit.before.is_some()).map(|(path, _)| path.clone());
    let named = tree.members.keys().filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_test = workshop.role(path) == Role::Test && workshop.is_run(path);
        is_test && stems.iter().any(|stem| name.contains(stem.as_str()))
    });
    let all: BTreeSet<String> = own.chain(named.cloned()).filter(|path| workshop.is_run(path)).collect();
    all.into_iter().take(MOST_NEAR).collect()
}

/// More failures than this are none by chance.
const FEW: usize = 20;

/// The file of a test, as runners name it.
pub(super) fn file_of(name: &str) -> String {
    name.split("::").next().unwrap_or(name).to_owned()
}

fn note_counts(
    notes: &mut Notes,
    before: &Baseline,
    after: &TestReport,
    kept: usize,
    flaky: &BTreeSet<String>,
) {
    notes.0.passed = u32::try_from(kept).unwrap_or(u32::MAX);
    notes.0.flaky = flaky.iter().take(MOST_NAMES).cloned().collect();
    let fails = |name: &&String| {
        let failed = Some(&TestOutcome::Failed);
        before.tests.get(*name) == failed && after.tests.get(*name) == failed
    };
    notes.0.failing_before = before.tests.keys().filter(fails).take(MOST_NAMES).cloned().collect();
}

/// Names that a statement carries of each kind.
pub(super) const MOST_NAMES: usize = 200;
