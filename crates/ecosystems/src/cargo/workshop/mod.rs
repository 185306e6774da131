//! Repairing at crates.io: which files may be changed, how a version is given, how tests are run, what is packed.
//!
//! What is published is the source. The crates that tests need are got by `cargo fetch` through the gateway, as the index
//! was at the upload; where the compiler of this machine is too new for those, as it is today.

mod beneath;
mod inline;
mod manifest;
mod role;
mod run;
mod targets;

use super::pack::crate_of;
use super::{Cargo, names};
use crate::rust::{Crates, Reach, Rust};
use crate::tested::Best;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use run::Way;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use targets::Target;
use trustmill_core::Purl;
use trustmill_core::attempt::FailureClass;
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::ecosystem::{BuildFailure, Plan};
use trustmill_core::port::sandbox::{Limits, Sandbox, SandboxError};
use trustmill_core::port::workshop::{Bench, Stated, Workshop};
use trustmill_core::repair::{Role, TestReport};

/// What testing crates takes.
pub struct Tests {
    /// The toolchain, and the crates that are compiled.
    pub rust: Rust,
    /// Where tests run.
    pub sandbox: Arc<dyn Sandbox>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The bounds of a run.
    pub limits: Limits,
    /// Where it is kept how the tests of releases are run.
    pub settled: PathBuf,
}

/// How the tests of a release are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    as_of: Timestamp,
    /// Targets whose tests do not compile, with or without a patch.
    without: BTreeSet<Target>,
}

/// How often targets that do not compile are left out: one is seen to be broken when another is gone.
const MOST_WITHOUT: usize = 3;

#[async_trait]
impl Workshop for Cargo {
    fn ty(&self) -> &'static str {
        "cargo"
    }

    fn source(&self, plan: &Plan) -> Option<Artifact> {
        plan.subjects.first()?.artifact.clone()
    }

    fn role(&self, path: &str) -> Role {
        role::of(path)
    }

    fn repaired(&self, version: &str, n: u32) -> String {
        let joint = if version.contains('+') { '.' } else { '+' };
        format!("{version}{joint}tm.{n}")
    }

    fn renumbered(&self, tree: &Contents, release: &Purl, version: &str) -> Result<Contents, BuildFailure> {
        manifest::renumbered(tree, &release.name(), release.version().unwrap_or_default(), version)
    }

    fn is_built(&self, _filename: &str) -> bool {
        true
    }

    fn stated(&self, filename: &str, contents: &Contents) -> Result<Stated, String> {
        manifest::stated(filename, contents)
    }

    fn is_run(&self, path: &str) -> bool {
        path.ends_with(".rs")
    }

    fn chooses_tests(&self, _path: &str) -> bool {
        false
    }

    fn leaving_out(&self) -> &'static [&'static str] {
        &role::LEAVING_OUT
    }

    fn inline_tests(&self, path: &str, before: &str, after: &str) -> Option<String> {
        path.ends_with(".rs").then(|| inline::transplanted(before, after))?
    }

    fn with_new_tests(&self, path: &str, text: &str, before: &str, after: &str) -> Option<String> {
        path.ends_with(".rs").then(|| inline::completed(text, before, after))?
    }

    fn without_tests(&self, path: &str, text: &str) -> Option<String> {
        path.ends_with(".rs").then(|| inline::without(text))
    }

    fn can_be_strict(&self) -> bool {
        true
    }

    fn install_lines(&self, release: &Purl, repaired: &str, mount: &str) -> Vec<String> {
        vec![
            "# .cargo/config.toml".to_owned(),
            "[registries.repaired]".to_owned(),
            format!("index = \"sparse+{mount}/remediated/\""),
            "# Cargo.toml, then `cargo update`".to_owned(),
            "[patch.crates-io]".to_owned(),
            format!("{} = {{ version = \"={repaired}\", registry = \"repaired\" }}", release.name()),
        ]
    }

    async fn test(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError> {
        if let Some(settled) = self.settlements.get(bench.release).await {
            let (report, _) = self.tried(bench, tree, &settled, only).await?;
            return Ok(report);
        }
        let mut best = Best::new();
        'instants: for as_of in self.instants(bench.as_of) {
            let mut settled = Settled { as_of, without: BTreeSet::new() };
            for _ in 0..=MOST_WITHOUT {
                let (report, broken) = self.tried(bench, tree, &settled, only).await?;
                if best.offer(bench.release, settled.clone(), report) {
                    break 'instants;
                }
                let known = settled.without.len();
                settled.without.extend(broken);
                if settled.without.len() == known {
                    break;
                }
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
        let bad = |detail: String| BuildFailure { class: FailureClass::BadSource, detail };
        let name = bench.release.name();
        let version = match manifest::stated("the crate", tree) {
            Ok(stated) => stated.version,
            Err(why) => return Ok(Err(bad(why))),
        };
        let packed = crate_of(&name, &version, &tree.members);
        let packed = packed.map(|bytes| vec![(names::filename(&name, &version), bytes)]);
        Ok(packed.map_err(|error| bad(error.to_string())))
    }
}

impl Cargo {
    /// As of when crates are tried, the likeliest first.
    fn instants(&self, uploaded: Timestamp) -> [Timestamp; 2] {
        let week = SignedDuration::from_hours(7 * 24);
        let then = uploaded.checked_add(week).unwrap_or(uploaded);
        [then, self.tests.as_ref().map_or(then, |tests| tests.clock.now())]
    }

    /// One run, and the targets whose tests did not compile.
    async fn tried(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        settled: &Settled,
        only: Option<&[String]>,
    ) -> Result<(TestReport, BTreeSet<Target>), SandboxError> {
        let Some(tests) = &self.tests else {
            return Err(SandboxError::BadJob("tests of crates have no sandbox".to_owned()));
        };
        let crates: Crates = match tests.rust.prepare(tree, settled.as_of, Reach::Here).await?.result {
            Ok(crates) => crates,
            Err(failure) => {
                let problem = format!("no crates for the tests: {}", failure.detail);
                return Ok((TestReport { problem: Some(problem), ..TestReport::default() }, BTreeSet::new()));
            }
        };
        let way = Way { without: &settled.without, only, strict: bench.strict };
        let mut job = run::job(tree, &crates, way, tests.limits);
        job.inputs.extend(beneath::get(tests, bench, tree, &crates, way).await?);
        let report = tests.sandbox.run(job).await?;
        Ok(run::outcome(tree, &report))
    }
}
