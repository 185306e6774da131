//! What the factory asks an ecosystem: read the registry, plan, infer a recipe, build.

use crate::Purl;
use crate::attempt::{Attempt, FailureClass, InstallScript, Material, RecordedRequest, Usage};
use crate::content::Contents;
use crate::lockfile::{LockfileError, Pins};
use crate::package::Artifact;
use crate::port::fetch::FetchError;
use crate::port::sandbox::{Layer, SandboxError};
use crate::port::workshop::Workshop;
use crate::recipe::Recipe;
use crate::release::Project;
use crate::source::{Source, SourceClaim, Sources};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;

/// One package ecosystem. Everything that only PyPI, or only npm, knows is behind this trait.
#[async_trait]
pub trait Ecosystem: Send + Sync {
    /// The package URL type: `pypi`.
    fn ty(&self) -> &'static str;

    /// Reads `path` if it is a lockfile of this ecosystem; `None` if it is not one.
    fn lockfile(&self, path: &Path) -> Option<Result<Pins, LockfileError>>;

    /// The command that installs what `lockfile` pins from the mill, for a person to paste; `mount` is the address
    /// under which the mill serves this ecosystem, `http://HOST/pypi`.
    fn install_line(&self, lockfile: &Path, mount: &str) -> String;

    /// The release that a published file belongs to, from its name alone; `None` if it is not of this
    /// ecosystem.
    fn release_of(&self, filename: &str) -> Option<Purl>;

    /// What the registry lists for a project.
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError>;

    /// The newest release that is neither yanked nor a pre-release, if there is one.
    fn newest<'a>(&self, project: &'a Project) -> Option<&'a str>;

    /// What there is to do for one release: pure.
    fn plan(&self, project: &Project, version: &str) -> Result<Plan, PlanError>;

    /// What the release's own files and listing say of its repository; `None` where they name none. Pure.
    fn source_claim(&self, release: &Published<'_>) -> Option<SourceClaim>;

    /// Whether the files of a commit that `path` names matter to a build or check of the package in
    /// `directory`. Repositories are large, and what is not wanted is not read. Pure.
    fn in_scope(&self, directory: &str, path: &str) -> bool {
        let _ = (directory, path);
        true
    }

    /// Which tool writes this file of an uploaded source archive, so that it need not stand in the repository;
    /// `None` where the repository must hold it. The bytes must look as that tool writes them: a name proves
    /// nothing. Pure.
    fn generated(&self, path: &str, bytes: &[u8]) -> Option<&'static str> {
        let _ = (path, bytes);
        None
    }

    /// The next recipe to try, given what is known and what was tried; `None` when the ladder ends. Pure.
    fn next_recipe(&self, evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe>;

    /// What else may give the published bytes once the ladder has ended: recipes that differ from the one of `base` in
    /// one thing each, the likeliest first, none of them `tried`. Each says in its last reason what is different. Pure.
    fn variations(&self, evidence: &Evidence<'_>, base: &Attempt, tried: &[Attempt]) -> Vec<Recipe> {
        let _ = (evidence, base, tried);
        Vec::new()
    }

    /// A recipe as a definition of this release: what is different from the one that is inferred, as data that people
    /// read, and why. `None` where nothing is, or where definitions cannot say it. Pure.
    fn definition(&self, evidence: &Evidence<'_>, recipe: &Recipe, reason: &str) -> Option<DefinitionFile> {
        let _ = (evidence, recipe, reason);
        None
    }

    /// Where its releases are repaired; `None` where none can be.
    fn workshop(&self) -> Option<&dyn Workshop> {
        None
    }

    /// Runs a recipe: the fetch phase, then the build phase, each in the sandbox.
    async fn build(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError>;
}

/// What there is to do for one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The version, normalised.
    pub version: String,
    /// Where the source is.
    pub source: Option<Artifact>,
    /// The published files to rebuild, or to leave with a reason, in the registry's order.
    pub subjects: Vec<Subject>,
}

/// One published file, or, with no artefact, the build that the mill makes because none is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The published file.
    pub artifact: Option<Artifact>,
    /// What to do.
    pub task: Task,
}

/// What to do with a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Rebuild it and compare.
    Rebuild,
    /// Build it: there is nothing published to compare with.
    Build,
    /// Leave it, for this reason: `native`.
    Leave(String),
}

/// Why a release cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The registry does not list the version.
    #[error("{purl} does not exist upstream{}", nearest.as_ref().map(|v| format!("; the nearest version is {v}")).unwrap_or_default())]
    UnknownVersion {
        /// The release.
        purl: Purl,
        /// The closest that exists.
        nearest: Option<String>,
    },
}

impl super::Coded for PlanError {
    fn code(&self) -> &'static str {
        "TM0108"
    }

    fn help(&self) -> String {
        "check the pinned version; versions that the publisher deleted cannot be rebuilt".into()
    }
}

/// What is known of a release when its repository is looked for.
#[derive(Clone, Copy)]
pub struct Published<'a> {
    /// The release.
    pub purl: &'a Purl,
    /// The file that is to be rebuilt, and its content; `None` where the mill builds its own.
    pub file: Option<(&'a Artifact, &'a Contents)>,
    /// The uploaded source archive and its content, its single top folder removed.
    pub archive: Option<(&'a Artifact, &'a Contents)>,
}

/// What a recipe is inferred from.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The release.
    pub purl: &'a Purl,
    /// The published artefact and its content; `None` where the mill builds its own.
    pub published: Option<(&'a Artifact, &'a Contents)>,
    /// The sources that are there. A recipe that builds from one that is not is a defect.
    pub sources: &'a Sources,
    /// When the artefact was uploaded; today, where the mill builds its own and has nothing to reproduce.
    pub uploaded: Timestamp,
    /// Recipes that reproduced other releases of the project, the nearest version first.
    pub remembered: &'a [Recipe],
}

/// A recipe to run.
#[derive(Clone, Copy)]
pub struct BuildRequest<'a> {
    /// The release.
    pub purl: &'a Purl,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The source that the recipe names.
    pub source: &'a Source,
    /// The file name that should come out, where one is published.
    pub expect: Option<&'a str>,
}

/// What running a recipe gave.
#[derive(Debug, Clone)]
pub struct Build {
    /// File name and bytes, or why there are none.
    pub result: Result<(String, Bytes), BuildFailure>,
    /// Source, dependencies, tools.
    pub materials: Vec<Material>,
    /// Requests of the fetch phase.
    pub requests: Vec<RecordedRequest>,
    /// Install scripts of dependencies that were run, in the sandbox.
    pub install_scripts: Vec<InstallScript>,
    /// Isolation layers that were on in every phase.
    pub layers: Vec<Layer>,
    /// What the fetch phase used.
    pub environment_usage: Usage,
    /// What the build phase used.
    pub build_usage: Usage,
    /// What both printed.
    pub log: Bytes,
}

/// A recipe as people keep it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DefinitionFile {
    /// Where it goes, in a folder of definitions: `pypi/NAME/FILE.toml`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Why a build gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailure {
    /// The class.
    pub class: FailureClass,
    /// One sentence for a reader.
    pub detail: String,
}
