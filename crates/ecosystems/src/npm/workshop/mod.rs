//! Repairing at npm: which files may be changed, how a version is given, how tests are run, what is packed.
//!
//! What is published is what users run, so that it is what is patched: nothing is built. What tests need is unpacked in a
//! fetch phase, as the registry was at the upload, without running an install script.

mod harness;
mod manifest;
mod pack;
mod role;

use super::build::{Builder, Trial};
use super::infer::eras;
use super::{Npm, names};
use crate::tested::{Best, outcome};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use manifest::Wanted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::ecosystem::{BuildFailure, Plan};
use trustmill_core::port::sandbox::{Limits, SandboxError};
use trustmill_core::port::workshop::{Bench, Stated, Workshop};
use trustmill_core::repair::{Role, TestReport};

/// How long a suite may take.
const LONGEST: Duration = Duration::from_secs(240);
/// The most tools that are done without.
const WITHOUT: usize = 8;

/// How the tests of a release are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    as_of: Timestamp,
    node: u32,
    npm: String,
    wanted: Wanted,
    /// Development dependencies that have no release as of that instant.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    without: BTreeSet<String>,
}

#[async_trait]
impl Workshop for Npm {
    fn ty(&self) -> &'static str {
        "npm"
    }

    fn source(&self, plan: &Plan) -> Option<Artifact> {
        plan.subjects.first()?.artifact.clone()
    }

    fn role(&self, path: &str) -> Role {
        role::of(path)
    }

    fn repaired(&self, version: &str, n: u32) -> String {
        let joint = if version.contains('-') { '.' } else { '-' };
        format!("{version}{joint}tm.{n}")
    }

    fn renumbered(&self, tree: &Contents, release: &Purl, version: &str) -> Result<Contents, BuildFailure> {
        manifest::renumbered(tree, release.version().unwrap_or_default(), version)
    }

    fn is_built(&self, _filename: &str) -> bool {
        true
    }

    fn stated(&self, filename: &str, contents: &Contents) -> Result<Stated, String> {
        manifest::stated(filename, contents)
    }

    fn is_run(&self, path: &str) -> bool {
        [".js", ".cjs", ".mjs", ".ts", ".coffee"].iter().any(|ending| path.ends_with(ending))
    }

    fn chooses_tests(&self, path: &str) -> bool {
        role::chooses(path)
    }

    fn bounds_requirements(&self, path: &str) -> bool {
        path == "package.json"
    }

    fn leaving_out(&self) -> &'static [&'static str] {
        &role::LEAVING_OUT
    }

    fn install_lines(&self, release: &Purl, repaired: &str, mount: &str) -> Vec<String> {
        manifest::overrides(&release.name(), repaired, mount)
    }

    async fn test(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        if let Some(mut settled) = self.settlements.get(bench.release).await {
            return self.tried(tree, &mut settled, only).await;
        }
        let mut best = Best::new();
        for mut settled in rungs(bench.as_of, tree) {
            let report = self.tried(tree, &mut settled, only).await?;
            if best.offer(bench.release, settled, report) {
                break;
            }
        }
        let (settled, report) = best.take()?;
        if only.is_none() && report.problem.is_none() {
            self.settlements.put(bench.release, settled).await;
        }
        Ok(report)
    }

    async fn pack(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Vec<(String, Bytes)>, BuildFailure>, SandboxError> {
        let version = match manifest::stated("the package", tree) {
            Ok(stated) => stated.version,
            Err(detail) => return Ok(Err(BuildFailure { class: FailureClass::BadSource, detail })),
        };
        let name = names::filename(&bench.release.name(), &version);
        let tarball = pack::tarball(tree);
        let failed = |error: std::io::Error| BuildFailure {
            class: FailureClass::BadSource,
            detail: format!("the tarball cannot be written: {error}"),
        };
        Ok(tarball.map(|bytes| vec![(name, bytes)]).map_err(failed))
    }
}

impl Npm {
    /// Runs the tests. A tool of the project's development that has no release as of then is done without: linters and the
    /// like were often taken from elsewhere, and a test that needs what is missing fails before and after a repair.
    async fn tried(
        &self,
        tree: &Contents,
        settled: &mut Settled,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        let problem = |problem: String| TestReport { problem: Some(problem), ..TestReport::default() };
        let limits = Limits { wall: LONGEST, cpu_seconds: 900, processes: 512, ..self.limits() };
        let builder = Builder { limits, ..self.builder() };
        loop {
            let Some(wanted) = manifest::for_tests(tree, settled.wanted, &settled.without) else {
                return Ok(problem("package.json cannot be read".to_owned()));
            };
            let trial = Trial {
                manifest: wanted,
                as_of: settled.as_of,
                node: settled.node.to_string(),
                npm: settled.npm.clone(),
                files: tree,
                extra: harness::files(),
                argv: harness::argv(limits.wall, only),
            };
            let not_tried = match builder.try_out(trial).await? {
                Ok(report) => return Ok(outcome(&report)),
                Err(not_tried) => not_tried,
            };
            let name = not_tried.unavailable.filter(|name| manifest::is_for_development(tree, name));
            if !name.is_some_and(|name| settled.without.len() < WITHOUT && settled.without.insert(name)) {
                return Ok(problem(format!("no environment for the tests: {}", not_tried.failure.detail)));
            }
        }
    }
}

/// What is tried, the likeliest first: the line of Node of the upload, or one that the package asks for; what tests name,
/// then all that development wants, then what came soon after.
fn rungs(uploaded: Timestamp, tree: &Contents) -> Vec<Settled> {
    let hours = |days: i64| SignedDuration::from_hours(24 * days);
    let later = |days: i64| uploaded.checked_add(hours(days)).unwrap_or(uploaded);
    let asked = manifest::engine(tree).and_then(|range| eras::allowed(uploaded, &range));
    let of = |as_of: Timestamp, wanted: Wanted| {
        let (node, npm) = eras::at(as_of.min(later(4 * 365)));
        let node = asked.unwrap_or(node).max(node.min(eras::NODE_NEWEST));
        Settled { as_of, node, npm: npm.to_owned(), wanted, without: BTreeSet::new() }
    };
    vec![
        of(later(7), Wanted::Named),
        of(later(7), Wanted::All),
        of(later(365), Wanted::Named),
        // What was published since, where the registry does not say when.
        of(later(12 * 365), Wanted::Named),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_packages_are_tried_on_the_oldest_node() {
        let rungs = rungs("2014-01-01T00:00:00Z".parse().unwrap(), &Contents::default());
        assert_eq!((rungs[0].node, rungs[0].npm.as_str()), (10, "6"));
        assert_eq!(rungs[0].as_of.to_string(), "2014-01-08T00:00:00Z");
    }
}
