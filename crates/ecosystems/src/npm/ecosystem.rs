//! npm behind the factory's port: every question goes to the module that knows the answer.

use super::build::{Builder, Kept};
use super::lockfile::{self, Target};
use super::toolchain::{Projects, Toolchains};
use super::upstream::Upstream;
use super::workshop::Settled;
use super::{infer, plan};
use crate::settled::Settlements;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::Attempt;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{Build, BuildRequest, Ecosystem, Evidence, Plan, PlanError, Published};
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::port::sandbox::{Gateways, Limits, Sandbox, SandboxError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::recipe::Recipe;
use trustmill_core::release::Project;
use trustmill_core::source::SourceClaim;

/// What [`Npm`] is made of.
pub struct NpmParts {
    /// What the registry lists.
    pub projects: Arc<dyn Projects>,
    /// Where builds run.
    pub sandbox: Arc<dyn Sandbox>,
    /// What the fetch phase reaches.
    pub gateways: Arc<dyn Gateways>,
    /// How tools are downloaded.
    pub fetch: Arc<dyn Fetch>,
    /// Where they are stored.
    pub blobs: Arc<dyn Blobs>,
    /// For which machine lockfiles are read.
    pub target: Target,
    /// The bounds of a build.
    pub limits: Limits,
    /// The data folder; `tools/` and `unpacked/` below it are used.
    pub data: PathBuf,
}

/// The npm ecosystem.
pub struct Npm {
    projects: Arc<dyn Projects>,
    sandbox: Arc<dyn Sandbox>,
    gateways: Arc<dyn Gateways>,
    target: Target,
    limits: Limits,
    toolchains: Toolchains,
    kept: Kept,
    pub(super) settlements: Settlements<Settled>,
}

#[async_trait]
impl Projects for Upstream {
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        Upstream::project(self, name).await
    }
}

impl Npm {
    /// The ecosystem over `parts`. Nothing is read or downloaded yet.
    pub fn new(parts: NpmParts) -> Self {
        let NpmParts { projects, sandbox, gateways, fetch, blobs, target, limits, data } = parts;
        let toolchains = Toolchains::new(data.join("tools"), projects.clone(), fetch, blobs);
        let kept = Kept::new(data.join("unpacked"));
        let settlements = Settlements::new(Some(data.join("benches/npm")));
        Self { projects, sandbox, gateways, target, limits, toolchains, kept, settlements }
    }
}

impl Npm {
    pub(super) fn builder(&self) -> Builder<'_> {
        Builder {
            toolchains: &self.toolchains,
            kept: &self.kept,
            gateways: &*self.gateways,
            sandbox: &*self.sandbox,
            limits: self.limits,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }
}

#[async_trait]
impl Ecosystem for Npm {
    fn ty(&self) -> &'static str {
        "npm"
    }

    fn lockfile(&self, path: &Path) -> Option<Result<Pins, LockfileError>> {
        lockfile::read(path, &self.target)
    }

    fn install_line(&self, lockfile: &Path, mount: &str) -> String {
        lockfile::install_line(lockfile, mount)
    }

    fn release_of(&self, filename: &str) -> Option<Purl> {
        plan::release_of(filename)
    }

    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        self.projects.project(name).await
    }

    fn newest<'a>(&self, project: &'a Project) -> Option<&'a str> {
        plan::newest(project)
    }

    fn plan(&self, project: &Project, version: &str) -> Result<Plan, PlanError> {
        plan::plan(project, version)
    }

    fn source_claim(&self, release: &Published<'_>) -> Option<SourceClaim> {
        infer::source_claim(release)
    }

    fn next_recipe(&self, evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
        infer::next_recipe(evidence, tried)
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        Some(self)
    }

    async fn build(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        self.builder().run(request).await
    }
}
