//! The package's own tests: none fails that passed, and one that came with the fix fails without it and passes with it.

use super::regression::{self, Patched};
use super::{Notes, Oracle, Trees, UNPATCHED};
use crate::facts::{self, Kind};
use crate::repair::Task;
use crate::repair::strategy::bumps;
use crate::{StepError, World};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::content::Contents;
use trustmill_core::port::workshop::{Bench, Workshop};
use trustmill_core::repair::{Candidate, Check, CheckOutcome, Checked, Edit, Role, TestOutcome, TestReport};
use trustmill_core::{Purl, Sha256};
use trustmill_patch::symbol::Language;

/// What the unpatched release does, twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Baseline {
    /// How each test ended; of those that did not end alike twice the worse.
    tests: BTreeMap<String, TestOutcome>,
    /// Tests that did not end alike.
    flaky: BTreeSet<String>,
    /// Why there is no complete run.
    problem: Option<String>,
    /// The runner.
    runner: String,
    /// The end of what it printed, where there is no complete run.
    #[serde(default)]
    log: String,
}

impl Baseline {
    fn passed(&self) -> impl Iterator<Item = &String> {
        let passed = self.tests.iter().filter(|(_, outcome)| **outcome == TestOutcome::Passed);
        passed.map(|(name, _)| name).filter(|name| !self.flaky.contains(*name))
    }
}

/// Makes the checks on tests; `false` if one is broken.
pub(super) async fn check(
    oracle: &Oracle<'_>,
    task: &Task,
    candidate: &Candidate,
    trees: &Trees,
    notes: &mut Notes,
) -> Result<bool, StepError> {
    let mut before = baseline(oracle, task, None).await?;
    // A suite that takes longer than it may is run as far as it is near the change.
    let mut near: Option<Vec<String>> = None;
    if before.problem.as_deref().is_some_and(|problem| problem.contains(LATE)) {
        let files = nearby(task, candidate, oracle.workshop);
        if !files.is_empty() {
            before = baseline(oracle, task, Some(&files)).await?;
            near = Some(files);
        }
    }
    if let Some(problem) = &before.problem {
        notes.1.clone_from(&before.log);
        let detail = format!("{UNPATCHED}, the tests of this release do not run here: {problem}");
        return Ok(notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Broken, detail }));
    }
    let mut patched = task.with_tests(&trees.patched);
    for (path, edit) in &candidate.tests.edits {
        patched.set(path, edit.after.clone());
    }
    // What is shipped is what is tested: with its new version.
    let version = task.repaired.version().unwrap_or_default();
    let shipped = oracle.workshop.renumbered(&patched, &task.release, version).unwrap_or(patched);
    let with_new = near.as_ref().map(|files| {
        let is_run = |path: &&String| oracle.workshop.is_run(path) && !files.contains(*path);
        let own = candidate.tests.edits.keys().filter(is_run);
        files.iter().chain(own).cloned().collect::<Vec<_>>()
    });
    let bench = bench(oracle, task, candidate);
    let after = oracle.workshop.test(&bench, &shipped, with_new.as_deref()).await?;
    let mut failing: Vec<&String> =
        before.passed().filter(|name| after.tests.get(*name) != Some(&TestOutcome::Passed)).collect();
    let mut flaky = before.flaky.clone();
    if !failing.is_empty() && failing.len() <= FEW {
        // Once more, for those that fail now and then.
        let files: Vec<String> =
            failing.iter().map(|name| file_of(name)).collect::<BTreeSet<_>>().into_iter().collect();
        let again = oracle.workshop.test(&bench, &shipped, Some(&files)).await?;
        let (now, still): (Vec<&String>, Vec<&String>) =
            failing.iter().partition(|name| again.tests.get(**name) == Some(&TestOutcome::Passed));
        flaky.extend(now.into_iter().cloned());
        failing = still;
    }
    let gone = taken_away(oracle, task, candidate, trees, &after, &failing).await?;
    failing.retain(|name| !gone.contains(*name));
    if let Some(first) = failing.first() {
        notes.1.clone_from(&after.log);
        let why = after.problem.as_ref().map_or(String::new(), |problem| format!(" ({problem})"));
        let detail = format!("{} tests no longer pass: {first}{why}", failing.len());
        return Ok(notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Broken, detail }));
    }
    let kept = before.passed().count() - gone.len();
    note_counts(notes, &before, &after, kept, &flaky);
    let part = near.map_or(String::new(), |files| {
        format!(" of {} files near the change; all take too long", files.len())
    });
    let gone = match gone.len() {
        0 => String::new(),
        count => format!(", {count} went with the fix upstream"),
    };
    let detail = format!("{kept} tests that passed still pass{part}{gone} ({})", before.runner);
    notes.put(Checked { check: Check::NoNewFailures, outcome: CheckOutcome::Held, detail });
    let patched = Patched { tree: &shipped, report: &after };
    let regression = regression::check(oracle, task, candidate, trees, &patched, notes).await?;
    Ok(notes.put(regression))
}

/// Where the patched release is tried: a later release of a dependency may be younger than the release.
pub(super) fn bench<'t>(oracle: &Oracle<'_>, task: &'t Task, candidate: &Candidate) -> Bench<'t> {
    match bumps(&candidate.proposer) {
        true => Bench { as_of: oracle.world.clock.now(), ..task.bench() },
        false => task.bench(),
    }
}

/// Of the tests that no longer pass those that are there no more because upstream took them away with the fix: without the
/// fix, and with its changes to tests, they are not there either, and what tests read is changed as upstream changed it.
/// What becomes of the functions of tests was looked at before.
async fn taken_away(
    oracle: &Oracle<'_>,
    task: &Task,
    candidate: &Candidate,
    trees: &Trees,
    after: &TestReport,
    failing: &[&String],
) -> Result<BTreeSet<String>, StepError> {
    let absent: Vec<&String> =
        failing.iter().filter(|name| !after.tests.contains_key(**name)).copied().collect();
    let is_theirs = |(path, edit): (&String, &Edit)| {
        Language::of(path).is_some()
            || task
                .material
                .iter()
                .any(|material| material.after.get(path).map(|member| &member.bytes) == edit.after.as_ref())
    };
    let reads_as_upstream = !candidate.tests.is_empty() && candidate.tests.edits.iter().all(is_theirs);
    if absent.is_empty() || after.problem.is_some() || !reads_as_upstream {
        return Ok(BTreeSet::new());
    }
    let files: BTreeSet<String> = absent.iter().map(|name| file_of(name)).collect();
    let files: Vec<String> = files.into_iter().collect();
    let without = oracle.workshop.test(&task.bench(), &trees.tests_only, Some(&files)).await?;
    if without.problem.is_some() {
        return Ok(BTreeSet::new());
    }
    let gone = absent.into_iter().filter(|name| !without.tests.contains_key(*name));
    Ok(gone.cloned().collect())
}

/// How a report says that the tests took too long.
const LATE: &str = "longer";
/// The most test files that count as near.
const MOST_NEAR: usize = 30;

/// The test files that speak of what the candidate changes: its own, those named after a changed file, those that name
/// its module.
fn nearby(task: &Task, candidate: &Candidate, workshop: &dyn Workshop) -> Vec<String> {
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

/// The unpatched release's tests, run twice and remembered.
async fn baseline(oracle: &Oracle<'_>, task: &Task, only: Option<&[String]>) -> Result<Baseline, StepError> {
    let tree = task.with_tests(&task.tree);
    let part = only.map_or(String::new(), |only| Sha256::of(only.join("\n").as_bytes()).to_hex());
    let key = format!("{}{part}", tree_digest(&tree));
    if let Some(known) = cached::<Baseline>(oracle.world, &task.release, "baseline", &key).await? {
        return Ok(known);
    }
    let first = oracle.workshop.test(&task.bench(), &tree, only).await?;
    let mut baseline = Baseline {
        tests: first.tests,
        flaky: BTreeSet::new(),
        problem: first.problem,
        runner: first.runner,
        log: first.log,
    };
    if baseline.problem.is_none() {
        let second = oracle.workshop.test(&task.bench(), &tree, only).await?;
        let alike = |(name, outcome): &(&String, &TestOutcome)| second.tests.get(*name) == Some(outcome);
        baseline.flaky =
            baseline.tests.iter().filter(|one| !alike(one)).map(|(name, _)| name.clone()).collect();
        baseline.problem = second.problem;
        baseline.log = second.log;
    }
    if baseline.problem.is_none() {
        baseline.log.clear();
    }
    // What does not run now may run later: with other Pythons here, or other wheels there.
    if baseline.problem.as_deref().is_none_or(|problem| problem.contains(LATE)) {
        keep(oracle.world, &task.release, "baseline", &key, &baseline).await?;
    }
    Ok(baseline)
}

/// The digest of a tree: paths and contents.
pub(super) fn tree_digest(tree: &Contents) -> Sha256 {
    let mut hasher = trustmill_core::digest::Hasher::new();
    for (path, member) in &tree.members {
        hasher.update(format!("{path}\0{}\n", member.digest()).as_bytes());
    }
    hasher.finish()
}

/// Something dear that was worked out about a release, by the digest of what it was worked out from.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    /// The version of the judgement.
    version: u32,
    /// Where it is, in the blob store.
    blob: Sha256,
}

impl Kind for Remembered {
    const NAME: &'static str = "repair-memory";
}

/// What was kept under a key; `None` where nothing was.
pub(super) async fn cached<T: DeserializeOwned>(
    world: &World,
    release: &Purl,
    what: &str,
    key: &str,
) -> Result<Option<T>, StepError> {
    let subject = format!("{what} {key}");
    let all = facts::all::<Remembered>(world.records.as_ref(), release).await?;
    let newest = all.into_iter().rev().find(|(fact, memory)| {
        fact.subject.as_deref() == Some(&subject) && memory.version == crate::repair::VERSION
    });
    let Some((_, memory)) = newest else { return Ok(None) };
    let Some(bytes) = world.blobs.get(&memory.blob).await? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Keeps something under a key.
pub(super) async fn keep<T: Serialize>(
    world: &World,
    release: &Purl,
    what: &str,
    key: &str,
    value: &T,
) -> Result<(), StepError> {
    let bytes = serde_json::to_vec(value).map_err(|error| StepError::Internal(error.to_string()))?;
    let memory = Remembered { version: crate::repair::VERSION, blob: world.blobs.put(bytes.into()).await? };
    let fact = facts::fact(release, Some(&format!("{what} {key}")), world.clock.now(), &memory)?;
    world.records.append(&[fact]).await?;
    Ok(())
}
