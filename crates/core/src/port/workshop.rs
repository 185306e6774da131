//! Where a release is taken apart, patched, tested and packed again: what only one ecosystem knows of repairing.

use crate::Purl;
use crate::content::Contents;
use crate::port::ecosystem::BuildFailure;
use crate::port::sandbox::SandboxError;
use crate::repair::{Role, TestReport};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

/// One ecosystem's workshop.
///
/// * Everything that runs, tests included, MUST run in the sandbox's build phase: no network, no credentials, limits.
/// * Dependencies MUST be resolved as of `as_of`, through the gateway.
/// * `role`, `repaired` and `renumbered` MUST be pure.
/// * A run that hit a limit, or collected nothing, MUST say so in its report's `problem`; it is never an empty success.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// The package URL type: `pypi`.
    fn ty(&self) -> &'static str;

    /// What the file at `path` is to a repair.
    fn role(&self, path: &str) -> Role;

    /// The version of the `n`th repair of `version`: `1.2.0+tm.1` at PyPI, `1.2.0-tm.1` at npm.
    fn repaired(&self, version: &str, n: u32) -> String;

    /// The tree with its version changed to `version` wherever the package states it, and nothing else changed.
    fn renumbered(&self, tree: &Contents, release: &Purl, version: &str) -> Result<Contents, BuildFailure>;

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
}
