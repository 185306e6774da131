//! Runs a recipe: dependencies in a fetch phase that reaches the registry alone, then the commit's files, Node and
//! npm in the sandbox without a network, one tarball out.

mod classify;
pub(crate) mod commands;
mod job;
mod kept;
mod trial;

pub(super) use kept::Kept;
pub(super) use trial::Trial;

use super::names;
use super::toolchain::{Tool, ToolError, Toolchains};
use bytes::Bytes;
use commands::Pm;
use job::{HANDED_ON, INSTALL_SCRIPTS, Parts};
use serde::{Deserialize, Serialize};
use trustmill_core::attempt::{FailureClass, InstallScript, Material, RecordedRequest, Usage};
use trustmill_core::port::ecosystem::{Build, BuildFailure, BuildRequest};
use trustmill_core::port::sandbox::{
    Exit, Gateways, Layer, Limits, OutputFile, Report, Sandbox, SandboxError,
};
use trustmill_core::recipe::Recipe;
use trustmill_core::{Purl, Sha256};

/// What the mill was made with, whichever recipe runs.
pub(super) struct Builder<'a> {
    /// Gets Node and the package managers.
    pub toolchains: &'a Toolchains,
    /// What fetch phases unpacked before.
    pub kept: &'a Kept,
    /// What the fetch phase reaches.
    pub gateways: &'a dyn Gateways,
    /// Where every step runs.
    pub sandbox: &'a dyn Sandbox,
    /// The bounds of the build.
    pub limits: Limits,
}

/// The tools of one recipe.
pub(super) struct Tools {
    pub(super) node: Tool,
    pub(super) managers: Vec<(Pm, Tool)>,
}

/// What a fetch phase gave.
#[derive(Serialize, Deserialize)]
struct Fetched {
    /// The source and its dependencies, as an archive.
    #[serde(skip)]
    unpacked: Bytes,
    /// Its digest.
    sha256: Sha256,
    requests: Vec<RecordedRequest>,
    /// The install scripts of all that was unpacked.
    install_scripts: Vec<InstallScript>,
    layers: Vec<Layer>,
    log: String,
}

impl Builder<'_> {
    /// Runs `request`'s recipe to its end.
    ///
    /// # Errors
    /// [`SandboxError`] where the failure is the mill's or the registry's; everything that the package or the
    /// recipe can do wrong is in [`Build::result`].
    pub(super) async fn run(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        let mut build = Build {
            result: Err(BuildFailure { class: FailureClass::Other, detail: "nothing ran".to_owned() }),
            materials: vec![Material::source(request.purl, request.source)],
            requests: Vec::new(),
            layers: Vec::new(),
            install_scripts: Vec::new(),
            environment_usage: Usage::default(),
            build_usage: Usage::default(),
            log: Bytes::new(),
        };
        let Some(checkout) = request.source.checkout() else {
            let detail =
                "npm publishes no source of its own: there is only a commit to build from".to_owned();
            build.result = Err(BuildFailure { class: FailureClass::BadSource, detail });
            return Ok(build);
        };
        let tools = match self.tools_of(request.recipe).await {
            Ok(tools) => tools,
            Err(error) if error.is_about_the_recipe() => {
                let detail = error.to_string();
                build.result = Err(BuildFailure { class: FailureClass::MissingTool, detail });
                return Ok(build);
            }
            Err(error) => {
                return Err(SandboxError::Setup {
                    step: "get Node and npm".to_owned(),
                    source: std::io::Error::other(error),
                });
            }
        };
        build.materials.push(tools.node.material.clone());
        build.materials.extend(tools.managers.iter().map(|(_, tool)| tool.material.clone()));
        let parts = Parts {
            recipe: request.recipe,
            source: &request.source.contents,
            commit: &checkout.tree.commit,
            committed: checkout.tree.committed.as_second(),
            tools: &tools,
            limits: self.limits,
        };
        self.phases(&parts, request, &mut build).await?;
        Ok(build)
    }

    /// The fetch phase, if there is one, then the build.
    async fn phases(
        &self,
        parts: &Parts<'_>,
        request: BuildRequest<'_>,
        build: &mut Build,
    ) -> Result<(), SandboxError> {
        let mut unpacked = None;
        let mut log = String::new();
        let mut layers = None;
        let Some(fetched) = self.unpacked(parts, build).await? else { return Ok(()) };
        if let Some(fetched) = fetched {
            build.materials.extend(materials(&fetched.requests));
            build.requests = fetched.requests;
            if parts.runs_install_scripts() {
                build.install_scripts = fetched.install_scripts;
            }
            unpacked = Some(fetched.unpacked);
            log = fetched.log;
            layers = Some(fetched.layers);
        }
        let report = self.sandbox.run(parts.building(unpacked)).await?;
        build.result = outcome(&report, request.expect);
        build.layers = match layers {
            Some(first) => first.into_iter().filter(|layer| report.layers.contains(layer)).collect(),
            None => report.layers,
        };
        build.build_usage = report.usage;
        build.log = Bytes::from([log.as_bytes(), &report.log].concat());
        Ok(())
    }

    /// What the fetch phase of a recipe unpacks, from what is kept or now; `Some(None)` where it has no such phase, `None`
    /// where it failed, and then `build` says why.
    async fn unpacked(
        &self,
        parts: &Parts<'_>,
        build: &mut Build,
    ) -> Result<Option<Option<Fetched>>, SandboxError> {
        let Some(key) = parts.fetch_key() else { return Ok(Some(None)) };
        if let Some(fetched) = self.kept.get(key).await {
            return Ok(Some(Some(fetched)));
        }
        let Some(fetched) = self.fetch(parts, build).await? else { return Ok(None) };
        self.kept.put(key, &fetched).await;
        Ok(Some(Some(fetched)))
    }

    /// Runs the fetch phase; `None` where it failed, and then `build` says why.
    async fn fetch(&self, parts: &Parts<'_>, build: &mut Build) -> Result<Option<Fetched>, SandboxError> {
        let gateway = self.gateways.open();
        let report = self.sandbox.run(parts.fetching(gateway.clone())).await?;
        build.environment_usage = report.usage;
        let named = |name: &str| report.files.iter().find(|file| file.path.ends_with(name));
        let failure = match (report.exit, named(HANDED_ON)) {
            (Exit::Code(0), Some(handed)) => {
                // Nothing of the dependencies has run yet, so this list is nobody's word but the mill's.
                let scripts =
                    named(INSTALL_SCRIPTS).and_then(|file| serde_json::from_slice(&file.bytes).ok());
                return Ok(Some(Fetched {
                    unpacked: handed.bytes.clone(),
                    sha256: Sha256::of(&handed.bytes),
                    requests: gateway.requests(),
                    install_scripts: scripts.unwrap_or_default(),
                    layers: report.layers,
                    log: String::from_utf8_lossy(&report.log).into_owned(),
                }));
            }
            (Exit::Code(0), None) => BuildFailure {
                class: FailureClass::Other,
                detail: "the fetch phase ended well and handed nothing on".to_owned(),
            },
            (exit, _) => classify::fetching(exit, &report.log),
        };
        build.requests = gateway.requests();
        build.materials.extend(materials(&build.requests));
        build.layers = report.layers;
        build.log = report.log;
        build.result = Err(failure);
        Ok(None)
    }

    async fn tools_of(&self, recipe: &Recipe) -> Result<Tools, ToolError> {
        let wanted = |tool: &str| recipe.tools.get(tool).map_or("", String::as_str);
        let node = self.toolchains.node(wanted("node")).await?;
        let mut managers = Vec::new();
        for pm in [Pm::Npm, Pm::Pnpm, Pm::YarnClassic, Pm::YarnBerry] {
            if let Some(version) = recipe.tools.get(pm.package()) {
                managers.push((pm, self.toolchains.package(pm.package(), version).await?));
            }
        }
        Ok(Tools { node, managers })
    }
}

/// The files that the fetch phase got, as materials: each release and its digest.
fn materials(requests: &[RecordedRequest]) -> Vec<Material> {
    let file = |request: &RecordedRequest| {
        let (digest, path) = (request.sha256?, request.path.split('?').next()?);
        let (package, file) = path.rsplit_once("/-/")?;
        let name: Vec<&str> = package.rsplit('/').take(2).collect();
        let name = match name.as_slice() {
            [base, scope] if scope.starts_with('@') && !scope.contains(|c: char| c.is_ascii_digit()) => {
                format!("{scope}/{base}")
            }
            [base, ..] => (*base).to_owned(),
            [] => return None,
        };
        let version = names::version_in(&name, file)?;
        Some(Material::file(Purl::release("npm", &name, version).to_string(), digest))
    };
    let mut all: Vec<Material> = requests.iter().filter_map(file).collect();
    all.sort();
    all.dedup();
    all
}

/// The one tarball that was left, under the name by which the mill knows it; or why there is none.
fn outcome(report: &Report, expect: Option<&str>) -> Result<(String, Bytes), BuildFailure> {
    if report.exit != Exit::Code(0) {
        return Err(classify::classify(report.exit, &report.log));
    }
    let tarballs: Vec<&OutputFile> = report.files.iter().filter(|file| file.path.ends_with(".tgz")).collect();
    match tarballs.as_slice() {
        [tarball] => {
            let own = tarball.path.rsplit('/').next().unwrap_or_default();
            // npm writes `scope-name-version.tgz`; what is inside is compared, not what it is called.
            Ok((expect.unwrap_or(own).to_owned(), tarball.bytes.clone()))
        }
        all => {
            let detail = format!("the build ended well and left {} tarballs", all.len());
            Err(BuildFailure { class: FailureClass::NoArtifact, detail })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(files: &[&str], exit: Exit) -> Report {
        let file = |path: &&str| OutputFile {
            path: (*path).to_owned(),
            bytes: Bytes::from_static(b"t"),
            mode: 0o644,
        };
        Report {
            exit,
            log: Bytes::new(),
            files: files.iter().map(file).collect(),
            usage: Usage::default(),
            layers: Vec::new(),
        }
    }

    #[test]
    fn exactly_one_tarball_comes_out() {
        let (name, _) =
            outcome(&report(&[".keep", "a-demo-1.0.0.tgz"], Exit::Code(0)), Some("@a+demo-1.0.0.tgz"))
                .unwrap();
        assert_eq!(name, "@a+demo-1.0.0.tgz");
        for files in [&[".keep"][..], &["a.tgz", "b.tgz"]] {
            assert_eq!(
                outcome(&report(files, Exit::Code(0)), None).unwrap_err().class,
                FailureClass::NoArtifact
            );
        }
        assert_eq!(
            outcome(&report(&["a.tgz"], Exit::TimedOut), None).unwrap_err().class,
            FailureClass::TimedOut
        );
    }
}
