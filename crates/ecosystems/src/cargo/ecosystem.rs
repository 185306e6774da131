//! crates.io behind the factory's port: every question goes to the module that knows the answer.

use super::build::{self, PublishedCrate};
use super::upstream::Upstream;
use super::workshop::{Settled, Tests};
use super::{lockfile, plan, recipe, source};
use crate::settled::Settlements;
use async_trait::async_trait;
use std::io;
use std::path::Path;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::Attempt;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{Build, BuildRequest, Ecosystem, Evidence, Plan, PlanError, Published};
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::port::workshop::Workshop;
use trustmill_core::recipe::Recipe;
use trustmill_core::release::Project;
use trustmill_core::source::SourceClaim;

/// The crates.io ecosystem.
pub struct Cargo {
    upstream: Arc<Upstream>,
    blobs: Arc<dyn Blobs>,
    pub(super) tests: Option<Tests>,
    pub(super) settlements: Settlements<Settled>,
}

impl Cargo {
    /// The ecosystem over an index; `blobs` is where the factory puts published crates.
    pub fn new(upstream: Arc<Upstream>, blobs: Arc<dyn Blobs>) -> Self {
        Self { upstream, blobs, tests: None, settlements: Settlements::new(None) }
    }

    /// The same, with what repairing crates takes.
    #[must_use]
    pub fn with_tests(self, tests: Tests) -> Self {
        let settlements = Settlements::new(Some(tests.settled.clone()));
        Self { tests: Some(tests), settlements, ..self }
    }
}

#[async_trait]
impl Ecosystem for Cargo {
    fn ty(&self) -> &'static str {
        "cargo"
    }

    fn lockfile(&self, path: &Path) -> Option<Result<Pins, LockfileError>> {
        lockfile::read(path)
    }

    fn install_line(&self, _lockfile: &Path, mount: &str) -> String {
        format!(
            "CARGO_REGISTRIES_MILL_INDEX=sparse+{mount}/ cargo --config 'source.crates-io.replace-with=\"mill\"' fetch --locked"
        )
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
        plan::plan(project, version)
    }

    fn source_claim(&self, release: &Published<'_>) -> Option<SourceClaim> {
        source::claim(release)
    }

    fn in_scope(&self, directory: &str, path: &str) -> bool {
        source::in_scope(directory, path)
    }

    fn generated(&self, path: &str, bytes: &[u8]) -> Option<&'static str> {
        source::generated(path, bytes)
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        self.tests.is_some().then_some(self)
    }

    fn next_recipe(&self, evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
        recipe::next(evidence, tried)
    }

    async fn build(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        let listing = self.upstream.listing(&request.purl.name()).await.map_err(|error| {
            SandboxError::Setup { step: "read the index".to_owned(), source: io::Error::other(error) }
        })?;
        let release = request.purl.version().and_then(|version| listing.file.release(version));
        let published = PublishedCrate { blobs: &*self.blobs, sha256: release.map(|release| release.sha256) };
        Ok(build::run(request, &published).await)
    }
}
