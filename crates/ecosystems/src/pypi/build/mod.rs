//! Runs a recipe: environment, then the build hooks without network, then exactly one wheel.

mod classify;
mod job;
mod outcome;

use super::environment::{Environment, Environments, Prepared, Wanted, common, requirement};
use super::from_git::built_files;
use super::interpreter::{Choice, Interpreters, WantedPython};
use super::uv::Uv;
use crate::rust::{self, Crates, Reach, Rust};
use bytes::Bytes;
use job::Parts;
use outcome::Outcome;
use trustmill_core::Purl;
use trustmill_core::attempt::{FailureClass, Material, Usage};
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::{Build, BuildFailure, BuildRequest};
use trustmill_core::port::sandbox::{Limits, Sandbox, SandboxError};
use trustmill_core::recipe::Recipe;
use trustmill_core::source::Source;

/// How often the requires-hook may ask for more. One round serves every well-behaved back end; a second one
/// those whose hook looks at what is there.
const MOST_ROUNDS: usize = 3;

/// What the mill was made with, whichever recipe runs.
pub struct Builder<'a> {
    /// Makes environments.
    pub environments: &'a Environments,
    /// The interpreters of this machine.
    pub interpreters: &'a Interpreters,
    /// The tool that makes environments.
    pub uv: &'a Uv,
    /// Gets the crates of extensions in Rust.
    pub rust: &'a Rust,
    /// Where both phases run.
    pub sandbox: &'a dyn Sandbox,
    /// The bounds of the build phase.
    pub limits: Limits,
}

impl Builder<'_> {
    /// Runs `request`'s recipe to its end.
    ///
    /// # Errors
    /// [`SandboxError`] where the failure is the mill's or the index's; everything that the package or the
    /// recipe can do wrong is in [`Build::result`].
    pub async fn run(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        let mut log = Log::new(request);
        let Some((choice, folder)) = self.start(request, &mut log) else { return Ok(log.build) };
        log.build.materials.push(choice.interpreter.material());
        if let Some(note) = &choice.instead {
            log.say(note);
        }
        let mut requirements = request.recipe.requirements.clone();
        let mut refused: Vec<String> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let prepared =
                self.environments.prepare(wanted(request.recipe, &requirements, &choice), self.uv).await?;
            let environment = match log.absorb_prepared(prepared) {
                Ok(environment) => environment,
                Err(failure) => return Ok(log.failed(failure)),
            };
            let source = built_files(request.source);
            let crates = match self.crates(request, &environment, &source, &mut log).await? {
                Ok(crates) => crates,
                Err(failure) => return Ok(log.failed(failure)),
            };
            let parts = Parts {
                recipe: request.recipe,
                folder: &folder,
                source: &source,
                environment: &environment,
                interpreter: choice.interpreter,
                requirements: &requirements,
                refused: &refused,
                crates: crates.as_ref(),
                limits: limits(self.limits, request.expect),
            };
            let report = self.sandbox.run(parts.job()).await?;
            log.absorb_build(&report);
            match Outcome::of(&report, request.expect) {
                Outcome::Asks(more) => {
                    log.say(&format!("the requires-hook asks for {}", more.join(", ")));
                    let (good, bad): (Vec<_>, Vec<_>) =
                        more.into_iter().partition(|text| requirement::check(text).is_ok());
                    // Installers of the time took what is no requirement for nothing, too.
                    bad.iter()
                        .for_each(|text| log.say(&format!("{text:?} cannot be followed and is left out")));
                    requirements.extend(good);
                    refused.extend(bad);
                }
                Outcome::Wheel(name, bytes) => {
                    log.made_with(&environment, crates.as_ref(), self.uv);
                    return Ok(log.ended(Ok((name, bytes))));
                }
                Outcome::Failed(failure) => {
                    log.made_with(&environment, crates.as_ref(), self.uv);
                    return Ok(log.ended(Err(failure)));
                }
            }
        }
        let detail = "the requires-hook goes on asking for more".to_owned();
        Ok(log.failed(BuildFailure { class: FailureClass::UnresolvableRequirements, detail }))
    }

    /// The crates of an extension in Rust, where there is one.
    async fn crates(
        &self,
        request: BuildRequest<'_>,
        environment: &Environment,
        source: &Contents,
        log: &mut Log,
    ) -> Result<Result<Option<Crates>, BuildFailure>, SandboxError> {
        if !is_native(request.expect) || !rust::is_needed(&environment.wheels, source) {
            return Ok(Ok(None));
        }
        let prepared = self.rust.prepare(source, request.recipe.as_of, Reach::Everywhere).await?;
        Ok(log.absorb_prepared(prepared).map(Some))
    }

    /// What must hold before anything runs; otherwise the log carries the failure.
    fn start(&self, request: BuildRequest<'_>, log: &mut Log) -> Option<(Choice<'_>, String)> {
        let wanted = request.recipe.tools.get("python").map(String::as_str).unwrap_or("3.11");
        let choice = wanted.parse::<WantedPython>().map_err(|bad| bad.to_string()).and_then(|wanted| {
            self.interpreters.choose(wanted).ok_or_else(|| "no Python 3 is on this machine".to_owned())
        });
        if request.recipe.steps.is_empty() {
            log.fail(FailureClass::BackendMissing, "the recipe has no steps".into());
            return None;
        }
        let Some(folder) = folder_of(request.purl, request.source) else {
            log.fail(FailureClass::BadSource, "the source archive is empty".into());
            return None;
        };
        match choice {
            Ok(choice) => Some((choice, folder)),
            Err(why) => {
                log.fail(FailureClass::MissingTool, why);
                None
            }
        }
    }
}

/// Whether a wheel is for one platform, by its name.
fn is_native(expect: Option<&str>) -> bool {
    expect.is_none_or(|name| !name.ends_with("-any.whl"))
}

/// How many times more a build may use that compiles: compilers were measured to take up to that.
const COMPILING: u64 = 4;

/// The bounds of a build: those of the operator, and more for one that compiles.
fn limits(limits: Limits, expect: Option<&str>) -> Limits {
    if !is_native(expect) {
        return limits;
    }
    Limits {
        memory: limits.memory.saturating_mul(COMPILING),
        cpu_seconds: limits.cpu_seconds.saturating_mul(COMPILING),
        wall: limits.wall.saturating_mul(4),
        scratch_bytes: limits.scratch_bytes.saturating_mul(COMPILING),
        ..limits
    }
}

fn wanted<'a>(recipe: &'a Recipe, requirements: &'a [String], choice: &Choice<'a>) -> Wanted<'a> {
    let constraints = &recipe.constraints;
    Wanted { requirements, constraints, as_of: recipe.as_of, interpreter: choice.interpreter, local: &[] }
}

/// `NAME-VERSION` as the archive spells it: some builds leave the folder's name in what they make.
fn folder_of(purl: &Purl, source: &Source) -> Option<String> {
    if source.contents.members.is_empty() {
        return None;
    }
    let name = source.archive().map(|(artifact, _)| artifact.filename.as_str());
    let endings = [".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip"];
    let stem = name.and_then(|name| endings.iter().find_map(|ending| name.strip_suffix(ending)));
    let plain = |text: &&str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '!'))
    };
    // The mill's own folders beside it must not be met.
    let taken = |text: &&str| matches!(*text, "mill" | "out" | "asked" | "home" | "tmp");
    let folder = stem.filter(plain).filter(|text| !taken(text)).map(str::to_owned);
    Some(folder.unwrap_or_else(|| format!("{}-source", purl.name())))
}

/// A build as it goes on: what it used, printed and was made with.
struct Log {
    build: Build,
    layers_known: bool,
    text: Vec<u8>,
}

impl Log {
    fn new(request: BuildRequest<'_>) -> Self {
        let source = Material::source(request.purl, request.source);
        let none = BuildFailure { class: FailureClass::Other, detail: "nothing ran".into() };
        let build = Build {
            result: Err(none),
            materials: vec![source],
            requests: Vec::new(),
            layers: Vec::new(),
            install_scripts: Vec::new(),
            environment_usage: Usage::default(),
            build_usage: Usage::default(),
            log: Bytes::new(),
        };
        Self { build, layers_known: false, text: Vec::new() }
    }

    /// A line of the mill's own in the log.
    fn say(&mut self, line: &str) {
        self.text.extend_from_slice(format!("trustmill: {line}\n").as_bytes());
    }

    fn layers(&mut self, these: &[trustmill_core::port::sandbox::Layer]) {
        let so_far = self.layers_known.then(|| std::mem::take(&mut self.build.layers));
        self.build.layers = common(so_far, these);
        self.layers_known = true;
    }

    fn absorb_prepared<T>(&mut self, prepared: Prepared<T>) -> Result<T, BuildFailure> {
        self.build.environment_usage += prepared.usage;
        self.build.requests.extend(prepared.requests);
        self.text.extend_from_slice(&prepared.log);
        if let Some(layers) = &prepared.layers {
            self.layers(layers);
        }
        prepared.result
    }

    fn absorb_build(&mut self, report: &trustmill_core::port::sandbox::Report) {
        self.build.build_usage += report.usage;
        self.text.extend_from_slice(&report.log);
        self.layers(&report.layers);
    }

    fn fail(&mut self, class: FailureClass, detail: String) {
        self.build.result = Err(BuildFailure { class, detail });
    }

    fn failed(mut self, failure: BuildFailure) -> Build {
        self.build.result = Err(failure);
        self.done()
    }

    fn made_with(&mut self, environment: &Environment, crates: Option<&Crates>, uv: &Uv) {
        let materials = &mut self.build.materials;
        materials.extend(environment.wheels.iter().map(super::environment::Wheel::material));
        materials.extend(crates.iter().flat_map(|crates| crates.materials.iter().cloned()));
        materials.push(uv.material());
    }

    fn ended(mut self, result: Result<(String, Bytes), BuildFailure>) -> Build {
        self.build.result = result;
        self.done()
    }

    fn done(mut self) -> Build {
        self.build.log = Bytes::from(self.text);
        self.build
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use trustmill_core::Sha256;
    use trustmill_core::content::Member;
    use trustmill_core::package::{Artifact, ArtifactKind};

    fn folder(filename: &str) -> Option<String> {
        let artifact = Artifact {
            filename: filename.to_owned(),
            kind: ArtifactKind::Source,
            version: "1".into(),
            sha256: None,
            size: None,
            upload_time: None,
            url: String::new(),
            yanked: None,
            requires_runtime: None,
            metadata_sha256: None,
            integrity: None,
            hints: BTreeMap::new(),
        };
        let mut contents = Contents::default();
        contents.members.insert("a".into(), Member { bytes: Bytes::new(), mode: None, mtime: None });
        let source = Source::uploaded(artifact, Sha256::of(b""), Arc::new(contents));
        folder_of(&Purl::release("pypi", "a", "1"), &source)
    }

    #[test]
    fn the_source_folder_is_named_as_the_archive_and_never_as_the_mills_own() {
        assert_eq!(folder("Flask-1.0.tar.gz").as_deref(), Some("Flask-1.0"));
        assert_eq!(folder("a-1!2.0+local.zip").as_deref(), Some("a-1!2.0+local"));
        for hostile in ["out.zip", "...zip", "mill.tar.gz", "a b-1.zip", ".tar.gz", "a\n.zip"] {
            assert_eq!(folder(hostile).as_deref(), Some("a-source"), "{hostile:?}");
        }
    }
}
