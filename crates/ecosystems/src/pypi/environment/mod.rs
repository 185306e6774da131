//! The fetch phase: from a recipe's requirements, seen as of an instant, to an immutable folder that any
//! number of builds mount read-only.
//!
//! Two things are remembered, so that nothing is resolved or installed twice: which wheels a set of
//! requirements gave and for which span of instants that holds (`memory`), and the environment that a set
//! of wheels makes, under the digest of interpreter and wheels (`tree`).

mod memory;
pub mod pylock;
pub mod requirement;
#[cfg(test)]
pub(crate) mod testing;
mod tool;
mod tree;

pub use pylock::Wheel;
pub use tree::Environment;

use super::interpreter::Interpreter;
use super::uv::Uv;
use crate::flights::Flights;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use memory::Memory;
use std::path::PathBuf;
use std::sync::Arc;
use tool::Tool;
use trustmill_core::Sha256;
use trustmill_core::attempt::{FailureClass, RecordedRequest, Usage};
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::sandbox::{Gateways, Layer, Report, Sandbox, SandboxError};
use trustmill_core::release::Project;

/// What the index lists, as far as the memory of resolutions needs it.
#[async_trait]
pub trait Projects: Send + Sync {
    /// The files of one project with their upload times.
    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError>;
}

/// What an environment has to hold.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Build requirements (PEP 508, by name).
    pub requirements: &'a [String],
    /// Bounds on what is resolved.
    pub constraints: &'a [String],
    /// The instant as of which the index is seen.
    pub as_of: Timestamp,
    /// What it is for.
    pub interpreter: &'a Interpreter,
    /// Wheels beside the index's own.
    pub local: &'a [Arc<LocalWheel>],
}

/// A wheel that the mill built for environments, because nobody published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalWheel {
    /// Its file name.
    pub filename: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Their digest.
    pub sha256: Sha256,
}

impl LocalWheel {
    /// The wheel of these bytes.
    pub fn new(filename: String, bytes: Bytes) -> Self {
        Self { filename, sha256: Sha256::of(&bytes), bytes }
    }
}

/// What a fetch phase gave and used.
#[derive(Debug, Clone)]
pub struct Prepared<T = Environment> {
    /// What was made, or why there is none.
    pub result: Result<T, BuildFailure>,
    /// Requests to the gateway; none if nothing had to be asked.
    pub requests: Vec<RecordedRequest>,
    /// The layers that every job had; `None` if no job ran.
    pub layers: Option<Vec<Layer>>,
    /// What the jobs used.
    pub usage: Usage,
    /// What the jobs printed.
    pub log: Vec<u8>,
}

impl<T> Prepared<T> {
    pub(crate) fn new() -> Self {
        let none = BuildFailure { class: FailureClass::Other, detail: "nothing ran".into() };
        Self {
            result: Err(none),
            requests: Vec::new(),
            layers: None,
            usage: Usage::default(),
            log: Vec::new(),
        }
    }

    pub(crate) fn absorb(&mut self, report: &Report, requests: &[RecordedRequest]) {
        self.requests.extend_from_slice(requests);
        self.usage += report.usage;
        self.log.extend_from_slice(&report.log);
        self.layers = Some(common(self.layers.take(), &report.layers));
    }

    pub(crate) fn ended(mut self, result: Result<T, BuildFailure>) -> Self {
        self.result = result;
        self
    }
}

/// The layers that every phase had.
pub(super) fn common(so_far: Option<Vec<Layer>>, these: &[Layer]) -> Vec<Layer> {
    match so_far {
        None => these.to_vec(),
        Some(layers) => layers.into_iter().filter(|layer| these.contains(layer)).collect(),
    }
}

/// Makes environments and keeps them under a folder of the data folder.
pub struct Environments {
    root: PathBuf,
    sandbox: Arc<dyn Sandbox>,
    gateways: Arc<dyn Gateways>,
    projects: Arc<dyn Projects>,
    flights: Flights,
}

impl Environments {
    /// Environments under `root`, which one mill at a time uses.
    pub fn new(
        root: PathBuf,
        sandbox: Arc<dyn Sandbox>,
        gateways: Arc<dyn Gateways>,
        projects: Arc<dyn Projects>,
    ) -> Self {
        Self { root, sandbox, gateways, projects, flights: Flights::default() }
    }

    /// The environment that `wanted` describes, from memory or made now.
    ///
    /// # Errors
    /// [`SandboxError`] where nothing can be said of the recipe: a job could not be run, the index is out
    /// of reach, the data folder cannot be written. Requirements that cannot be met are a result.
    pub async fn prepare(&self, wanted: Wanted<'_>, uv: &Uv) -> Result<Prepared, SandboxError> {
        let mut prepared = Prepared::new();
        if let Err(failure) = check(wanted) {
            return Ok(prepared.ended(Err(failure)));
        }
        let tool = Tool { root: &self.root, sandbox: &*self.sandbox, gateways: &*self.gateways, uv };
        let wheels = match self.resolve(wanted, &tool, &mut prepared).await? {
            Ok(wheels) => wheels,
            Err(failure) => return Ok(prepared.ended(Err(failure))),
        };
        let result = self.install(wanted, wheels, &tool, &mut prepared).await?;
        Ok(prepared.ended(result))
    }

    /// Requirements to wheels.
    async fn resolve(
        &self,
        wanted: Wanted<'_>,
        tool: &Tool<'_>,
        prepared: &mut Prepared,
    ) -> Result<Result<Vec<Wheel>, BuildFailure>, SandboxError> {
        if wanted.requirements.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let memory = Memory::of(&self.root, wanted);
        let _one_at_a_time = self.flights.enter(memory.key()).await;
        if let Some(wheels) = memory.recall(wanted.as_of).await {
            return Ok(Ok(wheels));
        }
        let ran = tool.resolve(wanted).await?;
        prepared.absorb(&ran.report, &ran.requests);
        let wheels = match ran.resolved()? {
            Ok(wheels) => wheels,
            Err(failure) => return Ok(Err(failure)),
        };
        let asked = ran.projects_asked();
        let span = memory::span(&*self.projects, wanted, &wheels, &asked).await;
        memory.remember(span, &wheels).await.map_err(|source| setup("remember a resolution", source))?;
        Ok(Ok(wheels))
    }

    /// Wheels to a folder.
    async fn install(
        &self,
        wanted: Wanted<'_>,
        wheels: Vec<Wheel>,
        tool: &Tool<'_>,
        prepared: &mut Prepared,
    ) -> Result<Result<Environment, BuildFailure>, SandboxError> {
        let plan = tree::Layout::new(&self.root, wanted.interpreter, wheels);
        let _one_at_a_time = self.flights.enter(plan.key()).await;
        if let Some(ready) = plan.existing().await {
            return Ok(Ok(ready));
        }
        let staging = plan.stage().await.map_err(|source| setup("make room for an environment", source))?;
        if !plan.wheels().is_empty() {
            let ran = tool.install(wanted, plan.wheels(), staging.name()).await?;
            prepared.absorb(&ran.report, &ran.requests);
            if let Err(failure) = ran.installed()? {
                return Ok(Err(failure));
            }
        }
        let made =
            plan.finish(staging).await.map_err(|source| setup("put an environment in place", source))?;
        Ok(Ok(made))
    }
}

/// Foreign requirement strings are checked before anything else sees them.
fn check(wanted: Wanted<'_>) -> Result<(), BuildFailure> {
    let all = || wanted.requirements.iter().chain(wanted.constraints);
    let unresolvable = |detail| BuildFailure { class: FailureClass::UnresolvableRequirements, detail };
    if all().count() > requirement::MOST {
        return Err(unresolvable(format!("more than {} build requirements", requirement::MOST)));
    }
    for text in all() {
        requirement::check(text).map_err(|bad| unresolvable(bad.to_string()))?;
    }
    Ok(())
}

fn setup(step: &str, source: std::io::Error) -> SandboxError {
    SandboxError::Setup { step: step.to_owned(), source }
}

/// One file of lines, as uv reads requirements.
fn lines(all: &[String]) -> Bytes {
    let mut out = String::new();
    for one in all {
        out.push_str(one.trim());
        out.push('\n');
    }
    Bytes::from(out)
}
