//! Running something over a package and its dependencies that is no build: its tests.

use super::commands::{self, DRIVER, Lock, NODE, Pm, SOURCE};
use super::job::{Parts, UNPACKED, file};
use super::{Build, BuildFailure, Builder, classify};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use trustmill_core::Sha256;
use trustmill_core::attempt::{FailureClass, Usage};
use trustmill_core::content::Contents;
use trustmill_core::port::sandbox::{InputFile, Job, Network, Report, SandboxError};
use trustmill_core::recipe::{Origin, Recipe, SourceKind};
use trustmill_core::source::ObjectId;

/// What is run, and over what.
pub(in crate::npm) struct Trial<'a> {
    /// The `package.json` from which dependencies are resolved.
    pub(in crate::npm) manifest: Bytes,
    /// The instant as of which the registry is seen.
    pub(in crate::npm) as_of: Timestamp,
    /// The line of Node.
    pub(in crate::npm) node: String,
    /// The line of npm.
    pub(in crate::npm) npm: String,
    /// The package's files.
    pub(in crate::npm) files: &'a Contents,
    /// What is laid beside them.
    pub(in crate::npm) extra: Vec<InputFile>,
    /// What is run.
    pub(in crate::npm) argv: Vec<String>,
}

/// Why nothing was run.
pub(in crate::npm) struct NotTried {
    /// What failed.
    pub(in crate::npm) failure: BuildFailure,
    /// The dependency that has no release as of that instant, if it is that.
    pub(in crate::npm) unavailable: Option<String>,
}

impl From<BuildFailure> for NotTried {
    fn from(failure: BuildFailure) -> Self {
        Self { failure, unavailable: None }
    }
}

impl Builder<'_> {
    /// Unpacks the dependencies in a fetch phase and runs the trial without a network.
    ///
    /// # Errors
    /// [`SandboxError`] where nothing can be said of the package: a job could not be run, the registry is out of reach.
    pub(in crate::npm) async fn try_out(
        &self,
        trial: Trial<'_>,
    ) -> Result<Result<Report, NotTried>, SandboxError> {
        let recipe = recipe(&trial);
        let tools = match self.tools_of(&recipe).await {
            Ok(tools) => tools,
            Err(error) if error.is_about_the_recipe() => {
                let class = FailureClass::MissingTool;
                return Ok(Err(BuildFailure { class, detail: error.to_string() }.into()));
            }
            Err(error) => {
                let source = std::io::Error::other(error);
                return Err(SandboxError::Setup { step: "get Node and npm".to_owned(), source });
            }
        };
        let mut manifest = Contents::default();
        manifest.set("package.json", Some(trial.manifest.clone()));
        // What was unpacked is kept by the commit; here the manifest is all that decides it.
        let commit: ObjectId = Sha256::of(&trial.manifest)
            .to_hex()
            .parse()
            .map_err(|_| SandboxError::BadJob("a digest is no name of an object".to_owned()))?;
        let parts = Parts {
            recipe: &recipe,
            source: &manifest,
            commit: &commit,
            committed: trial.as_of.as_second(),
            tools: &tools,
            limits: self.limits,
        };
        let mut build = nothing();
        let Some(fetched) = self.unpacked(&parts, &mut build).await? else {
            let unavailable = classify::unavailable(&build.log);
            return Ok(Err(NotTried { failure: build.result.err().unwrap_or_else(no_reason), unavailable }));
        };
        let job = over(&parts, trial, fetched.map(|fetched| fetched.unpacked));
        self.sandbox.run(job).await.map(Ok)
    }
}

/// The trial as a job: the package's files stand where they are, whatever the archive of dependencies holds.
fn over(parts: &Parts<'_>, trial: Trial<'_>, unpacked: Option<Bytes>) -> Job {
    let mut inputs = trial.extra;
    for (path, member) in &trial.files.members {
        inputs.push(parts.source_file(path, member));
    }
    let mut steps = Vec::new();
    if let Some(bytes) = unpacked {
        inputs.push(file(UNPACKED, bytes));
        let untar = ["/usr/bin/tar", "-C", "/build", "--skip-old-files", "-xzf", UNPACKED];
        steps.push(untar.map(str::to_owned).into());
    }
    steps.push([NODE, DRIVER, "in", SOURCE].map(str::to_owned).into_iter().chain(trial.argv).collect());
    parts.job(&steps, inputs, Network::None)
}

fn recipe(trial: &Trial<'_>) -> Recipe {
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Git,
        tools: BTreeMap::from([
            ("node".to_owned(), trial.node.clone()),
            ("npm".to_owned(), trial.npm.clone()),
        ]),
        requirements: Vec::new(),
        constraints: Vec::new(),
        as_of: trial.as_of,
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: None,
        steps: vec![commands::install(Pm::Npm, &trial.npm, "", Lock::None)],
        reasons: Vec::new(),
    }
}

fn no_reason() -> BuildFailure {
    BuildFailure { class: FailureClass::Other, detail: "nothing ran".to_owned() }
}

fn nothing() -> Build {
    Build {
        result: Err(no_reason()),
        materials: Vec::new(),
        requests: Vec::new(),
        layers: Vec::new(),
        install_scripts: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: Bytes::new(),
    }
}
