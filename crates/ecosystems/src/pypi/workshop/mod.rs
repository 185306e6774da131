//! Repairing at PyPI: which files may be changed, how a version is given, how tests are run, what is packed.
//!
//! The environment of the tests is looked for once for each release, with what its first run shows: the registry as of
//! the upload first, and a year later if too little passes, because what was needed was often published as source only,
//! or soon after. Which one it was is kept, so that every later run of the same release is comparable.

mod missing;
mod pack;
mod renumber;
mod role;
mod run;
#[cfg(test)]
mod testing;
mod wants;
mod wheel;
mod wheels;

use super::Pypi;
use super::environment::requirement;
use super::infer::python_of;
use super::interpreter::{Interpreter, WantedPython};
use crate::settled::Settlements;
use crate::tested::{self, count, nothing};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use pack::Packed;
use run::{Run, Runner};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::ecosystem::{BuildFailure, Plan};
use trustmill_core::port::sandbox::{Limits, SandboxError};
use trustmill_core::port::workshop::{Bench, Stated, Workshop};
use trustmill_core::repair::{Role, TestOutcome, TestReport};
use trustmill_core::{Purl, Sha256};
use wants::Wants;

/// Before this, too few wheels were published for an environment of tests to be made of them.
const FIRST: Timestamp = Timestamp::constant(1_514_764_800, 0);
/// How long a suite may take.
const LONGEST: Duration = Duration::from_secs(240);
const DAY: i64 = 24;
const YEAR: i64 = 365 * DAY;
/// How often requirements of tests are given up until the rest can be resolved.
const MOST_DROPPED: usize = 8;
/// Files that a run is handed by name.
const MOST_FILES: usize = 200;
/// How often an environment is completed by what a run shows to be missing.
const MOST_COMPLETED: usize = 6;

/// What is remembered between runs.
#[derive(Debug)]
pub(super) struct Benches {
    packed: Mutex<HashMap<Sha256, Arc<Packed>>>,
    built: Mutex<wheels::Built>,
    settled: Settlements<Settled>,
}

impl Benches {
    /// Kept below `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { packed: Mutex::default(), built: Mutex::default(), settled: Settlements::new(Some(folder)) }
    }
}

/// How the tests of a release are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settled {
    python: String,
    as_of: Timestamp,
    requirements: Vec<String>,
    runner: Runner,
}

#[async_trait]
impl Workshop for Pypi {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn source(&self, plan: &Plan) -> Option<Artifact> {
        plan.source.clone()
    }

    fn role(&self, path: &str) -> Role {
        role::of(path)
    }

    fn repaired(&self, version: &str, n: u32) -> String {
        let joint = if version.contains('+') { '.' } else { '+' };
        format!("{version}{joint}tm.{n}")
    }

    fn renumbered(&self, tree: &Contents, release: &Purl, version: &str) -> Result<Contents, BuildFailure> {
        renumber::renumbered(tree, release.version().unwrap_or_default(), version)
    }

    fn is_built(&self, filename: &str) -> bool {
        filename.ends_with(".whl")
    }

    fn stated(&self, filename: &str, contents: &Contents) -> Result<Stated, String> {
        wheel::stated(filename, contents)
    }

    fn is_run(&self, path: &str) -> bool {
        path.ends_with(".py")
    }

    fn chooses_tests(&self, path: &str) -> bool {
        path.rsplit('/').next() == Some("conftest.py")
    }

    fn bounds_requirements(&self, path: &str) -> bool {
        matches!(path, "setup.py" | "setup.cfg" | "pyproject.toml")
    }

    fn lists_needs(&self, path: &str) -> bool {
        role::lists_needs(path)
    }

    fn leaving_out(&self) -> &'static [&'static str] {
        &role::LEAVING_OUT
    }

    fn install_lines(&self, release: &Purl, repaired: &str, mount: &str) -> Vec<String> {
        let name = release.name();
        vec![format!("pip install --index-url {mount}/remediated/simple/ '{name}=={repaired}'")]
    }

    async fn test(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        let packed = match self.packed(bench, tree).await? {
            Ok(packed) => packed,
            Err(failure) => {
                let problem = format!("it does not build: {}: {}", failure.class.as_str(), failure.detail);
                return Ok(TestReport { problem: Some(problem), ..TestReport::default() });
            }
        };
        if let Some(settled) = self.benches().settled.get(bench.release).await {
            return self.run(tree, &packed, &settled, only).await;
        }
        let (settled, report) = self.settle(bench, tree, &packed, only).await?;
        // What was tried on a part of the tests, or worked nowhere, may be settled better the next time.
        let late = report.problem.as_deref().is_some_and(|problem| problem.contains("longer"));
        if only.is_none() && (report.problem.is_none() || late) {
            self.benches().settled.put(bench.release, settled).await;
        }
        Ok(report)
    }

    async fn pack(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Vec<(String, Bytes)>, BuildFailure>, SandboxError> {
        let packed = match pack::wheel(self, bench, tree).await? {
            Ok(packed) => packed,
            Err(failure) => return Ok(Err(failure)),
        };
        let version = packed.wheel.fields("Version").into_iter().next().unwrap_or_default();
        let stem = pack::stem(&bench.release.name(), &version);
        let archive = pack::sdist(tree, &stem, bench.as_of.as_second());
        let archive = archive
            .map_err(|source| SandboxError::Setup { step: "write a source archive".to_owned(), source })?;
        Ok(Ok(vec![(format!("{stem}.tar.gz"), archive), (packed.name, packed.bytes)]))
    }
}

impl Pypi {
    /// The wheel of a tree's build, for its metadata and what building adds. Patches of code do not change these: one
    /// build serves all trees with the same metadata.
    async fn packed(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Arc<Packed>, BuildFailure>, SandboxError> {
        let mut hasher = trustmill_core::digest::Hasher::new();
        hasher.update(bench.release.to_string().as_bytes());
        for (path, member) in tree.members.iter().filter(|(path, _)| role::of(path) == Role::Metadata) {
            hasher.update(format!("\0{path}\0{}", member.digest()).as_bytes());
        }
        let key = hasher.finish();
        let mut known = self.benches().packed.lock().await;
        if let Some(packed) = known.get(&key) {
            return Ok(Ok(Arc::clone(packed)));
        }
        let packed = match pack::wheel(self, bench, tree).await? {
            Ok(packed) => Arc::new(packed),
            Err(failure) => return Ok(Err(failure)),
        };
        known.insert(key, Arc::clone(&packed));
        Ok(Ok(packed))
    }

    /// Looks for an environment in which the tests pass, and gives the report of the best.
    async fn settle(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        packed: &Packed,
        only: Option<&[String]>,
    ) -> Result<(Settled, TestReport), SandboxError> {
        let wants = wants::of(tree, &packed.wheel.fields("Requires-Dist"), &bench.release.name());
        let mut best: Option<(usize, Settled, TestReport)> = None;
        for (python, as_of) in rungs(bench.as_of, packed) {
            let requirements = match self.resolvable(&python, as_of, &wants).await? {
                Ok(requirements) => requirements,
                Err(failure) => {
                    let problem = format!("no environment for the tests: {}", failure.detail);
                    let settled = Settled { python, as_of, requirements: Vec::new(), runner: Runner::Pytest };
                    let report = TestReport { problem: Some(problem), ..TestReport::default() };
                    best.get_or_insert((0, settled, report));
                    continue;
                }
            };
            for runner in runners(tree) {
                let first = Settled {
                    python: python.clone(),
                    as_of,
                    requirements: requirements.clone(),
                    runner: runner.clone(),
                };
                let (settled, report) = self.completed(tree, packed, first, only).await?;
                let (passed, failed) =
                    (count(&report, TestOutcome::Passed), count(&report, TestOutcome::Failed));
                tracing::debug!(release = %bench.release, %python, %as_of, passed, failed, problem = ?report.problem, "tests were tried");
                let late = report.problem.as_deref().is_some_and(|problem| problem.contains("longer"));
                let good = passed > 0 && failed * 10 <= passed;
                if best.as_ref().is_none_or(|(most, _, known)| passed > *most || known.tests.is_empty()) {
                    best = Some((passed, settled, report));
                }
                if good || late {
                    return best.map(|(_, settled, report)| (settled, report)).ok_or_else(nothing);
                }
            }
        }
        best.map(|(_, settled, report)| (settled, report)).ok_or_else(nothing)
    }

    /// A run, and where it shows that something is missing which the project's own files name, one with that.
    async fn completed(
        &self,
        tree: &Contents,
        packed: &Packed,
        mut settled: Settled,
        only: Option<&[String]>,
    ) -> Result<(Settled, TestReport), SandboxError> {
        let mut report = self.run(tree, packed, &settled, only).await?;
        let declared = packed.wheel.fields("Requires-Dist");
        for _ in 0..MOST_COMPLETED {
            let missing = missing::of(&report.log, tree, &declared, &settled.requirements);
            let Some(interpreter) = self.interpreter(&settled.python).filter(|_| !missing.is_empty()) else {
                break;
            };
            let all: Vec<String> = settled.requirements.iter().cloned().chain(missing).collect();
            if self.environment(interpreter, settled.as_of, &all).await?.is_err() {
                break;
            }
            let more = Settled { requirements: all, ..settled.clone() };
            let better = self.run(tree, packed, &more, only).await?;
            if count(&better, TestOutcome::Passed) < count(&report, TestOutcome::Passed) {
                break;
            }
            (settled, report) = (more, better);
        }
        Ok((settled, report))
    }

    /// The requirements that can be met: all of them, or without those of the tests that cannot be.
    async fn resolvable(
        &self,
        python: &str,
        as_of: Timestamp,
        wants: &Wants,
    ) -> Result<Result<Vec<String>, BuildFailure>, SandboxError> {
        let Some(interpreter) = self.interpreter(python) else { return Ok(Err(no_python())) };
        let mut tests = wants.tests.clone();
        let mut last = no_python();
        for round in 0..MOST_DROPPED {
            let all: Vec<String> = wants.runtime.iter().chain(&tests).cloned().collect();
            match self.environment(interpreter, as_of, &all).await? {
                Ok(_) => return Ok(Ok(all)),
                Err(failure) => last = failure,
            }
            // Bounds go first; then what the resolver names; then everything but pytest.
            tests = match round {
                0 => tests.iter().filter_map(|text| requirement::name(text)).collect(),
                _ if round + 2 >= MOST_DROPPED => vec!["pytest".to_owned()],
                _ => {
                    let detail = last.detail.to_ascii_lowercase();
                    let named = |text: &String| {
                        let name = requirement::name(text).unwrap_or_default();
                        name != "pytest" && detail.contains(&name)
                    };
                    let fewer: Vec<String> = tests.iter().filter(|text| !named(text)).cloned().collect();
                    if fewer.len() == tests.len() { vec!["pytest".to_owned()] } else { fewer }
                }
            };
        }
        Ok(Err(last))
    }

    async fn run(
        &self,
        tree: &Contents,
        packed: &Packed,
        settled: &Settled,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        let Some(interpreter) = self.interpreter(&settled.python) else {
            return Ok(TestReport { problem: Some(no_python().detail), ..TestReport::default() });
        };
        let made = self.environment(interpreter, settled.as_of, &settled.requirements).await?;
        let environment = match made {
            Ok(environment) => environment,
            Err(failure) => {
                let problem = format!("no environment for the tests: {}", failure.detail);
                return Ok(TestReport { problem: Some(problem), ..TestReport::default() });
            }
        };
        let limits = Limits { wall: LONGEST, cpu_seconds: 900, processes: 512, ..self.limits() };
        let run = Run {
            tree,
            wheel: &packed.wheel,
            environment: &environment,
            interpreter,
            runner: &settled.runner,
            only,
            limits,
        };
        let report = self.sandbox().run(run.job()).await?;
        Ok(tested::outcome(&report))
    }

    fn interpreter(&self, python: &str) -> Option<&Interpreter> {
        let wanted: WantedPython = python.parse().ok()?;
        self.interpreters().choose(wanted).map(|choice| choice.interpreter)
    }
}

fn no_python() -> BuildFailure {
    let detail = "no Python of that version is on this machine".to_owned();
    BuildFailure { class: FailureClass::MissingTool, detail }
}

/// The interpreters and instants that are tried, the likeliest first. A release was rarely tested with a Python that
/// came out just before it.
fn rungs(uploaded: Timestamp, packed: &Packed) -> Vec<(String, Timestamp)> {
    let hours = |hours: i64| SignedDuration::from_hours(hours);
    let at = |hours_later: i64| uploaded.checked_add(hours(hours_later)).unwrap_or(uploaded).max(FIRST);
    let settled = uploaded.checked_sub(hours(YEAR / 2)).unwrap_or(uploaded);
    let python = if packed.is_native() { packed.python.clone() } else { python_of(settled) };
    let mut rungs = vec![(python.clone(), at(7 * DAY)), (python, at(YEAR))];
    if !packed.is_native() {
        rungs.push((python_of(uploaded.checked_sub(hours(2 * YEAR)).unwrap_or(uploaded)), at(YEAR)));
        // What was published as source only has wheels later, or is not needed with the next Python.
        rungs.push((python_of(uploaded.checked_add(hours(YEAR)).unwrap_or(uploaded)), at(3 * YEAR)));
    }
    rungs.dedup();
    rungs
}

/// Programs with which projects start their tests, where pytest does not.
const SCRIPTS: [&str; 7] = [
    "tests/runtests.py",
    "runtests.py",
    "test/runtests.py",
    "run_tests.py",
    "tests/run_tests.py",
    "tests/__main__.py",
    "runtests/runtests.py",
];

/// The test files of a project whose name is no usual one: `tests.py`, `kit-tests.py`, `kit/testsuite/core.py`. They
/// are run where those with a usual name, if there are any, show too little.
fn oddly_named(tree: &Contents) -> Option<Runner> {
    let usual = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.starts_with("test_") || name.ends_with("_test.py")
    };
    let odd = |path: &&String| {
        let is_test = path.ends_with(".py") && role::of(path) == Role::Test && !usual(path);
        is_test && tree.text(path).is_some_and(|text| text.contains("def test"))
    };
    let files: Vec<String> = tree.members.keys().filter(odd).take(MOST_FILES).cloned().collect();
    (!files.is_empty()).then_some(Runner::Files(files))
}

fn runners(tree: &Contents) -> Vec<Runner> {
    let scripts = SCRIPTS.iter().filter(|path| tree.get(path).is_some());
    let scripts: Vec<Runner> = scripts.map(|path| Runner::Script((*path).to_owned())).collect();
    let django = tree.text("tests/runtests.py").is_some_and(|text| text.contains("DJANGO_SETTINGS_MODULE"));
    let pytest = std::iter::once(Runner::Pytest).chain(oddly_named(tree));
    if django { scripts.into_iter().chain(pytest).collect() } else { pytest.chain(scripts).collect() }
}
