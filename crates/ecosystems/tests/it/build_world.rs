//! What the tests of builds stand on: a real sandbox, real interpreters, and, for real packages, the whole
//! way from the index to a wheel.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::content::{Contents, Member};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{Build, BuildRequest, Ecosystem, Evidence, Task};
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::Open;
use trustmill_core::port::sandbox::{Gateways, Sandbox};
use trustmill_core::source::{Source, Sources};
use trustmill_core::{Purl, Sha256};
use trustmill_ecosystems::pypi::definition::Definitions;
use trustmill_ecosystems::pypi::interpreter::{Interpreters, Search};
use trustmill_ecosystems::pypi::lockfile::Target;
use trustmill_ecosystems::pypi::registry::{PypiRegistry, RegistryPorts};
use trustmill_ecosystems::pypi::upstream::Upstream;
use trustmill_ecosystems::pypi::{Pypi, PypiParts};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use trustmill_inspect::archive::{Limits, sdist, zip};
use trustmill_inspect::compare::compare;
use trustmill_sandbox::{InitCommand, Own};
use trustmill_serve::RegistryGateways;

/// The sandbox, its init being this package's example.
pub(crate) fn sandbox() -> Own {
    let deps = std::env::current_exe().unwrap();
    let init = deps.parent().unwrap().parent().unwrap().join("examples/sandbox-init");
    assert!(init.exists(), "{} is built with the tests", init.display());
    Own::new(InitCommand { program: init, args: Vec::new() })
}

/// The interpreters of this machine.
pub(crate) async fn interpreters(cache: &Path) -> Interpreters {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let path = std::env::var_os("PATH");
    Search::usual(Vec::new(), path.as_deref(), home.as_deref(), pyenv.as_deref()).run(cache).await
}

/// A file of a registry that only has a name.
pub(crate) fn artifact(filename: &str, kind: ArtifactKind) -> Artifact {
    Artifact {
        filename: filename.to_owned(),
        kind,
        version: "1.0".into(),
        sha256: None,
        size: None,
        upload_time: None,
        url: String::new(),
        yanked: None,
        requires_runtime: None,
        metadata_sha256: None,
        integrity: None,
        hints: BTreeMap::new(),
    }
}

/// Contents from paths and texts.
pub(crate) fn contents(files: &[(&str, &str)]) -> Contents {
    let mut out = Contents::default();
    for (path, text) in files {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        out.members
            .insert((*path).to_owned(), Member { bytes, mode: Some(0o644), mtime: Some(1_600_000_000) });
        out.order.push((*path).to_owned());
    }
    out
}

/// A mill small enough for a test, on the index that this machine is configured for.
pub(crate) struct Mill {
    pub(crate) pypi: Pypi,
    fetch: Arc<dyn Fetch>,
    blobs: Arc<dyn Blobs>,
    _data: DataDir,
    _folder: tempfile::TempDir,
}

impl Mill {
    /// A new mill with an empty data folder; only `tools/` outlives the test.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("data");
        let data = DataDir::open(&path).unwrap();
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
        std::fs::create_dir_all(&tools).unwrap();
        std::os::unix::fs::symlink(tools, path.join("tools")).unwrap();
        let blobs: Arc<dyn Blobs> = Arc::new(data.blobs());
        let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(FetchConfig::default(), data.blobs()).unwrap());
        let clock = Arc::new(SystemClock);
        let upstream =
            Arc::new(Upstream::new(Upstream::discover().unwrap().url, fetch.clone(), clock.clone()));
        let ports = RegistryPorts {
            records: data.records(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock,
            gate: Arc::new(Open),
        };
        let registry = Arc::new(PypiRegistry::new(upstream.clone(), ports));
        let gateways: Arc<dyn Gateways> = Arc::new(RegistryGateways::new(vec![registry], blobs.clone()));
        let sandbox: Arc<dyn Sandbox> = Arc::new(sandbox());
        let pypi = Pypi::new(PypiParts {
            upstream,
            sandbox,
            gateways,
            fetch: fetch.clone(),
            blobs: blobs.clone(),
            interpreters: interpreters(&path.join("interpreters.json")).await,
            definitions: Definitions::load(&[]).unwrap(),
            target: Target::cpython_linux("3.11".parse().unwrap()),
            platform: None,
            open: |name, bytes| {
                let opened = sdist::read(name, bytes, &Limits::default());
                opened.map_err(|refused| refused.to_string())
            },
            rust: trustmill_ecosystems::rust::Search::default(),
            data: path,
            limits: trustmill_core::port::sandbox::Limits::default(),
        });
        Self { pypi, fetch, blobs, _data: data, _folder: folder }
    }

    async fn file(&self, artifact: &Artifact) -> Bytes {
        let (digest, _) =
            self.fetch.file(&artifact.url, artifact.promised().as_ref(), 64 << 20).await.unwrap();
        self.blobs.get(&digest).await.unwrap().unwrap()
    }

    /// Rebuilds the portable wheel of one release as the factory does; every attempt with its build.
    pub(crate) async fn rebuild(&self, name: &str, version: &str) -> Vec<(Attempt, Build)> {
        let project = self.pypi.project(name).await.unwrap();
        let plan = self.pypi.plan(&project, version).unwrap();
        let subject = plan.subjects.iter().find(|subject| subject.task == Task::Rebuild).unwrap();
        let wheel = subject.artifact.as_ref().unwrap();
        let source = plan.source.as_ref().unwrap();
        let (wheel_bytes, source_bytes) = (self.file(wheel).await, self.file(source).await);
        let limits = Limits::default();
        let published = zip::read(&wheel_bytes, &limits).unwrap();
        let unpacked = sdist::read(&source.filename, &source_bytes, &limits).unwrap();
        let digest = Sha256::of(&source_bytes);
        let opened = Arc::new(Source::uploaded(source.clone(), digest, Arc::new(unpacked)));
        let sources = Sources { archive: Some(opened.clone()), git: None };
        let purl = Purl::release("pypi", name, &plan.version);
        let evidence = Evidence {
            purl: &purl,
            published: Some((wheel, &published)),
            sources: &sources,
            uploaded: wheel.upload_time.unwrap(),
            remembered: &[],
        };
        let (mut tried, mut builds): (Vec<Attempt>, Vec<Build>) = (Vec::new(), Vec::new());
        while let Some(recipe) = self.pypi.next_recipe(&evidence, &tried) {
            let request =
                BuildRequest { purl: &purl, recipe: &recipe, source: &opened, expect: Some(&wheel.filename) };
            let build = self.pypi.build(request).await.unwrap();
            let result = match &build.result {
                Ok((_, rebuilt)) => {
                    let found = compare(&wheel.filename, &wheel_bytes, rebuilt, &limits).unwrap();
                    AttemptResult::Compared(Box::new(found))
                }
                Err(failure) => {
                    AttemptResult::Failed { class: failure.class, detail: failure.detail.clone() }
                }
            };
            tried.push(Attempt {
                recipe,
                result,
                materials: build.materials.clone(),
                requests: build.requests.clone(),
                layers: build.layers.clone(),
                install_scripts: build.install_scripts.clone(),
                environment_usage: build.environment_usage,
                build_usage: build.build_usage,
                log: None,
            });
            builds.push(build);
        }
        tried.into_iter().zip(builds).collect()
    }
}
