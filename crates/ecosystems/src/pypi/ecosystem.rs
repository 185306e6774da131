//! PyPI behind the factory's port: every question goes to the module that knows the answer.

use super::build::Builder;
use super::definition::Definitions;
use super::environment::{Environments, Projects};
use super::interpreter::Interpreters;
use super::lockfile::{self, Target};
use super::platform::Platform;
use super::upstream::Upstream;
use super::uv::{self, Uv, UvError};
use super::workshop::Benches;
use super::{claim, definition, from_git, infer, plan};
use crate::join::OpenSource;
use crate::rust::{Rust, Search};
use async_trait::async_trait;
use bytes::Bytes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use trustmill_core::attempt::Attempt;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_core::package::Artifact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{
    Build, BuildRequest, DefinitionFile, Ecosystem, Evidence, Plan, PlanError, Published,
};
use trustmill_core::port::fetch::{Fetch, FetchError};
use trustmill_core::port::sandbox::{Gateways, Limits, Sandbox, SandboxError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::recipe::Recipe;
use trustmill_core::release::Project;
use trustmill_core::source::SourceClaim;
use trustmill_core::{Purl, Sha256};

/// What [`Pypi`] is made of.
pub struct PypiParts {
    /// The index that is read.
    pub upstream: Arc<Upstream>,
    /// Where both phases of a build run.
    pub sandbox: Arc<dyn Sandbox>,
    /// What the fetch phase reaches.
    pub gateways: Arc<dyn Gateways>,
    /// How uv itself is downloaded.
    pub fetch: Arc<dyn Fetch>,
    /// Where it is stored.
    pub blobs: Arc<dyn Blobs>,
    /// The CPythons of this machine.
    pub interpreters: Interpreters,
    /// What people wrote for single releases.
    pub definitions: Definitions,
    /// For which machine lockfiles are read.
    pub target: Target,
    /// For which machine platform wheels are rebuilt; `None` leaves them all.
    pub platform: Option<Platform>,
    /// What opens a source archive that the tests of another release need.
    pub open: OpenSource,
    /// Where a Rust toolchain is looked for.
    pub rust: Search,
    /// The bounds of a build.
    pub limits: Limits,
    /// The data folder; `tools/` and `pypi/` below it are used.
    pub data: PathBuf,
}

/// The PyPI ecosystem.
pub struct Pypi {
    upstream: Arc<Upstream>,
    sandbox: Arc<dyn Sandbox>,
    fetch: Arc<dyn Fetch>,
    blobs: Arc<dyn Blobs>,
    interpreters: Interpreters,
    definitions: Definitions,
    target: Target,
    platform: Option<Platform>,
    limits: Limits,
    tools: PathBuf,
    environments: Environments,
    rust: Rust,
    uv: OnceCell<Uv>,
    benches: Benches,
    pub(super) open: OpenSource,
}

#[async_trait]
impl Projects for Upstream {
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        Upstream::project(self, name).await
    }
}

impl Pypi {
    /// The ecosystem over `parts`. Nothing is read or downloaded yet.
    pub fn new(parts: PypiParts) -> Self {
        let environments = Environments::new(
            parts.data.join("pypi"),
            parts.sandbox.clone(),
            parts.gateways.clone(),
            parts.upstream.clone(),
        );
        let crates = parts.data.join("pypi").join("crates");
        let rust = Rust::new(crates, parts.sandbox.clone(), parts.gateways, parts.rust);
        Self {
            upstream: parts.upstream,
            sandbox: parts.sandbox,
            fetch: parts.fetch,
            blobs: parts.blobs,
            interpreters: parts.interpreters,
            definitions: parts.definitions,
            target: parts.target,
            platform: parts.platform,
            limits: parts.limits,
            tools: parts.data.join("tools"),
            environments,
            rust,
            uv: OnceCell::new(),
            open: parts.open,
            benches: Benches::new(parts.data.join("pypi").join("benches")),
        }
    }

    /// The interpreters in use.
    pub fn interpreters(&self) -> &Interpreters {
        &self.interpreters
    }

    /// Where untrusted steps run.
    pub(super) fn sandbox(&self) -> &dyn Sandbox {
        &*self.sandbox
    }

    /// The bounds of a build.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Makes environments.
    pub(super) const fn environments(&self) -> &Environments {
        &self.environments
    }

    /// What repairs remember.
    pub(super) const fn benches(&self) -> &Benches {
        &self.benches
    }

    /// A published file's digest and bytes; `None` where it cannot be had.
    pub(super) async fn fetched(&self, artifact: &Artifact, largest: u64) -> Option<(Sha256, Bytes)> {
        let (digest, _) = self.fetch.file(&artifact.url, artifact.promised().as_ref(), largest).await.ok()?;
        Some((digest, self.blobs.get(&digest).await.ok()??))
    }

    /// The pinned uv, as a phase of the sandbox wants it.
    pub(super) async fn uv_for_builds(&self) -> Result<&Uv, SandboxError> {
        self.uv().await.map_err(|error| SandboxError::Setup {
            step: "get uv, which makes build environments".to_owned(),
            source: io::Error::other(error),
        })
    }

    /// The pinned uv, downloaded and verified if this is the first call.
    ///
    /// # Errors
    /// [`UvError`].
    pub async fn uv(&self) -> Result<&Uv, UvError> {
        let files = async || Ok(self.upstream.project("uv").await?.files.clone());
        self.uv.get_or_try_init(|| uv::ensure(&self.tools, files, &*self.fetch, self.blobs.clone())).await
    }
}

#[async_trait]
impl Ecosystem for Pypi {
    fn ty(&self) -> &'static str {
        "pypi"
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
        self.upstream.project(name).await
    }

    fn newest<'a>(&self, project: &'a Project) -> Option<&'a str> {
        plan::newest(project)
    }

    fn plan(&self, project: &Project, version: &str) -> Result<Plan, PlanError> {
        plan::plan(project, version, self.platform.as_ref())
    }

    fn source_claim(&self, release: &Published<'_>) -> Option<SourceClaim> {
        claim::claim(release)
    }

    fn generated(&self, path: &str, bytes: &[u8]) -> Option<&'static str> {
        claim::generated(path, bytes)
    }

    fn next_recipe(&self, evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
        let version = evidence.purl.version().unwrap_or_default();
        let definition = self.definitions.find(&evidence.purl.name(), version);
        from_git::next_recipe(evidence, tried, |tried| match definition {
            Some(definition) => infer::next_recipe(evidence, Some(&|recipe| definition.apply(recipe)), tried),
            None => infer::next_recipe(evidence, None, tried),
        })
    }

    fn variations(&self, evidence: &Evidence<'_>, base: &Attempt, tried: &[Attempt]) -> Vec<Recipe> {
        infer::variations(evidence, base, tried)
    }

    fn definition(&self, evidence: &Evidence<'_>, recipe: &Recipe, reason: &str) -> Option<DefinitionFile> {
        let version = evidence.purl.version()?;
        let wanted = from_git::on_archive(recipe.clone());
        definition::written((&evidence.purl.name(), version), &infer::inferred(evidence), &wanted, reason)
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        Some(self)
    }

    async fn build(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        let uv = self.uv_for_builds().await?;
        let builder = Builder {
            environments: &self.environments,
            interpreters: &self.interpreters,
            uv,
            rust: &self.rust,
            sandbox: &*self.sandbox,
            limits: self.limits,
        };
        builder.run(request).await
    }
}
