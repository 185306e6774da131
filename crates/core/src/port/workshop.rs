//! Where a release is taken apart, patched, tested and packed again: what only one ecosystem knows of repairing.

use crate::Purl;
use crate::content::Contents;
use crate::package::Artifact;
use crate::port::ecosystem::{BuildFailure, Plan};
use crate::port::sandbox::SandboxError;
use crate::repair::{Role, TestReport};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One ecosystem's workshop.
///
/// * Everything that runs, tests included, MUST run in the sandbox's build phase: no network, no credentials, limits.
/// * Dependencies MUST be resolved as of `as_of`, through the gateway.
/// * Everything but `test` and `pack` MUST be pure.
/// * Tests MUST be named `FILE::NAME`, and one that a whole file is, or that a file which cannot be read is, `FILE`.
/// * A run that hit a limit, or collected nothing, MUST say so in its report's `problem`; it is never an empty success.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// The package URL type: `pypi`.
    fn ty(&self) -> &'static str;

    /// The published file whose content a repair changes.
    fn source(&self, plan: &Plan) -> Option<Artifact>;

    /// What the file at `path` is to a repair.
    fn role(&self, path: &str) -> Role;

    /// The version of the `n`th repair of `version`: `1.2.0+tm.1` at PyPI, `1.2.0-tm.1` at npm.
    fn repaired(&self, version: &str, n: u32) -> String;

    /// The tree with its version changed to `version` wherever the package states it, and nothing else changed.
    fn renumbered(&self, tree: &Contents, release: &Purl, version: &str) -> Result<Contents, BuildFailure>;

    /// Whether a file that [`Workshop::pack`] makes is what users run; a source archive beside it is not.
    fn is_built(&self, filename: &str) -> bool;

    /// What a built file says of itself, but for the digests of its members; why that cannot be read, in words.
    fn stated(&self, filename: &str, contents: &Contents) -> Result<Stated, String>;

    /// Whether the runner of tests can be handed this file by itself.
    fn is_run(&self, path: &str) -> bool;

    /// Whether a file decides which tests run, or how: no repair writes one in its own words.
    fn chooses_tests(&self, path: &str) -> bool;

    /// Whether a file says which versions of other packages the package takes.
    fn bounds_requirements(&self, _path: &str) -> bool {
        false
    }

    /// Whether a file, where a repository has it and the published source does not, says what tests need.
    fn lists_needs(&self, _path: &str) -> bool {
        false
    }

    /// Words, in lower case, by which a test is left out.
    fn leaving_out(&self) -> &'static [&'static str];

    /// Where tests stand in the files that they test: `before` with the tests of `after`; `None` where there are none.
    fn inline_tests(&self, path: &str, before: &str, after: &str) -> Option<String> {
        let _ = (path, before, after);
        None
    }

    /// Where tests stand in the files that they test: `text` with those that `after` has and `before` has not; `None` where
    /// it lacks none.
    fn with_new_tests(&self, path: &str, text: &str, before: &str, after: &str) -> Option<String> {
        let _ = (path, text, before, after);
        None
    }

    /// Where tests stand in the files that they test: the file without them. `None` where files have no such tests.
    fn without_tests(&self, path: &str, text: &str) -> Option<String> {
        let _ = (path, text);
        None
    }

    /// Whether tests can be run [strictly](Bench::strict).
    fn can_be_strict(&self) -> bool {
        false
    }

    /// What a user writes to get the repaired release, line by line; `mount` is where its registry is found.
    fn install_lines(&self, release: &Purl, repaired: &str, mount: &str) -> Vec<String>;

    /// Runs the package's tests on `tree`. `only` limits the run to tests of these files.
    async fn test(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
        only: Option<&[String]>,
    ) -> Result<TestReport, SandboxError>;

    /// Makes the files that a registry would serve: source and built distribution, by file name.
    async fn pack(
        &self,
        bench: &Bench<'_>,
        tree: &Contents,
    ) -> Result<Result<Vec<(String, Bytes)>, BuildFailure>, SandboxError>;
}

/// What a repair works on.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// The release.
    pub release: &'a Purl,
    /// Instant as of which dependencies are seen: the release's upload.
    pub as_of: Timestamp,
    /// Whether tests run on what users get, without the checks of a build for development, and fail where memory is
    /// misused: such faults need not show otherwise.
    pub strict: bool,
}

/// What a built distribution says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Its version.
    pub version: String,
    /// What it needs: a repair that is about a dependency may change it.
    pub dependencies: BTreeMap<String, String>,
    /// Everything else that a client reads of it, by the field's name.
    pub other: BTreeMap<String, String>,
}
