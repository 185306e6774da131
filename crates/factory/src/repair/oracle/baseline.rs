//! What the unpatched release's tests do: run twice, so that those that end now so, now otherwise are known, and remembered.

use super::memory::{cached, keep};
use super::{Oracle, suite};
use crate::StepError;
use crate::repair::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::Sha256;
use trustmill_core::repair::{Candidate, TestOutcome, TestReport};

/// How a report says that the tests took too long.
const LATE: &str = "longer";

/// Whether a run was ended before its tests were.
pub(super) fn is_late(problem: Option<&String>) -> bool {
    problem.is_some_and(|problem| problem.contains(LATE))
}

/// What the unpatched release does, twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// How each test ended; of those that did not end alike twice the worse.
    pub(super) tests: BTreeMap<String, TestOutcome>,
    /// Tests that did not end alike.
    pub(super) flaky: BTreeSet<String>,
    /// Why there is no complete run.
    pub(super) problem: Option<String>,
    /// The runner.
    pub(super) runner: String,
    /// The end of what it printed, where there is no complete run.
    #[serde(default)]
    pub(super) log: String,
    /// How long one run took, in seconds.
    #[serde(default)]
    pub(super) seconds: u64,
}

/// Which of a release's tests stand for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    /// All.
    All,
    /// Those of the files near the change: all take longer than they may.
    Near(Vec<String>),
    /// Those that end in the time that a run may take, of these files or of all: they, too, take longer.
    Ended(Option<Vec<String>>),
}

impl Extent {
    /// The files that are run.
    pub(super) fn files(&self) -> Option<&Vec<String>> {
        match self {
            Self::All => None,
            Self::Near(files) => Some(files),
            Self::Ended(files) => files.as_ref(),
        }
    }

    /// For the one who reads that so many tests pass.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Near(files) => format!(" of {} files near the change; all take too long", files.len()),
            Self::Ended(_) => ", which is as far as they get in the time that a run may take".to_owned(),
        }
    }
}

impl Baseline {
    /// What counts as passing: what passed twice.
    pub(super) fn passed(&self) -> impl Iterator<Item = &String> {
        let passed = self.tests.iter().filter(|(_, outcome)| **outcome == TestOutcome::Passed);
        passed.map(|(name, _)| name).filter(|name| !self.flaky.contains(*name))
    }

    fn is_late(&self) -> bool {
        is_late(self.problem.as_ref())
    }

    fn of(report: TestReport) -> Self {
        let TestReport { tests, problem, runner, usage, log } = report;
        Self { tests, flaky: BTreeSet::new(), problem, runner, log, seconds: usage.wall_ms / 1000 }
    }

    /// Takes what a second run gave.
    fn again(&mut self, second: TestReport) {
        let alike = |(name, outcome): &(&String, &TestOutcome)| second.tests.get(*name) == Some(outcome);
        self.flaky = self.tests.iter().filter(|one| !alike(one)).map(|(name, _)| name.clone()).collect();
        (self.problem, self.log) = (second.problem, second.log);
    }
}

/// What the unpatched release does, of as many of its tests as can be run: all; else those near the change; else those that
/// end in time.
pub(super) async fn of(
    oracle: &Oracle<'_>,
    task: &Task,
    candidate: &Candidate,
) -> Result<(Baseline, Extent), StepError> {
    let all = run(oracle, task, None).await?;
    if !all.is_late() {
        return Ok((all, Extent::All));
    }
    let files = suite::nearby(task, candidate, oracle.workshop);
    if files.is_empty() {
        return Ok((those_that_ended(oracle, task, None, all).await?, Extent::Ended(None)));
    }
    let near = run(oracle, task, Some(&files)).await?;
    if !near.is_late() {
        return Ok((near, Extent::Near(files)));
    }
    let near = those_that_ended(oracle, task, Some(&files), near).await?;
    if near.problem.is_none() {
        return Ok((near, Extent::Ended(Some(files))));
    }
    Ok((those_that_ended(oracle, task, None, all).await?, Extent::Ended(None)))
}

fn key(task: &Task, only: Option<&[String]>, part: &str) -> String {
    let files = only.map_or(String::new(), |only| Sha256::of(only.join("\n").as_bytes()).to_hex());
    format!("{}{files}{part}", task.with_tests(&task.tree).digest())
}

async fn run(oracle: &Oracle<'_>, task: &Task, only: Option<&[String]>) -> Result<Baseline, StepError> {
    let tree = task.with_tests(&task.tree);
    let key = key(task, only, "");
    if let Some(known) = cached::<Baseline>(oracle.world, &task.release, "baseline", &key).await? {
        return Ok(known);
    }
    let mut baseline = Baseline::of(oracle.workshop.test(&task.bench(), &tree, only).await?);
    if baseline.problem.is_none() {
        baseline.again(oracle.workshop.test(&task.bench(), &tree, only).await?);
    }
    if baseline.problem.is_none() {
        baseline.log.clear();
    }
    // What does not run now may run later: with other Pythons here, or other wheels there.
    if baseline.problem.is_none() || baseline.is_late() {
        keep(oracle.world, &task.release, "baseline", &key, &baseline).await?;
    }
    Ok(baseline)
}

/// Of a run that was ended, what it had found, confirmed by a second one. What that does not get to says nothing.
async fn those_that_ended(
    oracle: &Oracle<'_>,
    task: &Task,
    only: Option<&[String]>,
    first: Baseline,
) -> Result<Baseline, StepError> {
    let key = key(task, only, " ended");
    if let Some(known) = cached::<Baseline>(oracle.world, &task.release, "baseline", &key).await? {
        return Ok(known);
    }
    let tree = task.with_tests(&task.tree);
    let second = oracle.workshop.test(&task.bench(), &tree, only).await?;
    let mut baseline = first;
    if second.problem.is_none() || is_late(second.problem.as_ref()) {
        baseline.tests.retain(|name, _| second.tests.contains_key(name));
    }
    baseline.again(second);
    if baseline.is_late() && baseline.passed().next().is_some() {
        baseline.problem = None;
    }
    if baseline.problem.is_none() {
        baseline.log.clear();
        keep(oracle.world, &task.release, "baseline", &key, &baseline).await?;
    }
    Ok(baseline)
}
