//! A world in memory: one project whose builds are scripted.

use crate::workshop::Shop;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Material, Usage};
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::{
    Build, BuildFailure, BuildRequest, DefinitionFile, Ecosystem, Evidence, Plan, PlanError, Published,
    Subject, Task,
};
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::sandbox::{Layer, SandboxError};
use trustmill_core::port::workshop::Workshop;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use trustmill_core::release::Project;
use trustmill_core::source::SourceClaim;
use trustmill_core::{Purl, Sha256};
use trustmill_factory::progress::{Event, Observer};
use trustmill_factory::{ServePolicy, World};
use trustmill_testkit::{ManualClock, MemBlobs, MemQueue, MemRecords, ScriptedFetch};
use trustmill_trust::keys::SigningKey;

pub(crate) const WHEEL: &str = "demo-1.0-py3-none-any.whl";
pub(crate) const SDIST: &str = "demo-1.0.tar.gz";

pub(crate) fn purl() -> Purl {
    Purl::release("pypi", "demo", "1.0")
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// What one build gives.
#[derive(Clone)]
pub(crate) enum Scripted {
    Wheel(Bytes),
    Fails(FailureClass),
    SandboxBroken,
    Panics,
    Hangs,
}

/// A scripted ecosystem: the ladder has as many rungs as there are scripted builds.
pub(crate) struct Demo {
    pub(crate) project: Mutex<Project>,
    pub(crate) builds: Mutex<BTreeMap<String, VecDeque<Scripted>>>,
    pub(crate) built: Mutex<Vec<String>>,
    pub(crate) unavailable: Mutex<bool>,
    pub(crate) claim: Mutex<Option<SourceClaim>>,
    pub(crate) rungs: usize,
    pub(crate) workshop: OnceLock<Shop>,
}

#[async_trait]
impl Ecosystem for Demo {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn lockfile(&self, _path: &Path) -> Option<Result<Pins, LockfileError>> {
        None
    }

    fn install_line(&self, lockfile: &Path, mount: &str) -> String {
        format!("install {} from {mount}", lockfile.display())
    }

    fn release_of(&self, _filename: &str) -> Option<Purl> {
        None
    }

    async fn project(&self, name: &str) -> Result<Arc<Project>, FetchError> {
        if *self.unavailable.lock().unwrap() {
            let url = "https://files.example/simple/demo/".to_owned();
            return Err(FetchError::Unavailable { url, why: "503".into(), retry_after: None });
        }
        if name != "demo" {
            return Err(FetchError::NotFound { url: format!("https://files.example/simple/{name}/") });
        }
        Ok(Arc::new(self.project.lock().unwrap().clone()))
    }

    fn newest<'a>(&self, project: &'a Project) -> Option<&'a str> {
        project.versions.last().map(String::as_str)
    }

    fn plan(&self, project: &Project, version: &str) -> Result<Plan, PlanError> {
        let of = |kind| project.files_of(version).filter(move |file| file.kind == kind);
        if project.files_of(version).next().is_none() {
            return Err(PlanError::UnknownVersion {
                purl: Purl::release("pypi", "demo", version),
                nearest: None,
            });
        }
        let portable = of(ArtifactKind::Portable).map(|file| (file, Task::Rebuild));
        let native = of(ArtifactKind::Native).map(|file| (file, Task::Leave("native".into())));
        let mut subjects: Vec<Subject> = portable
            .chain(native)
            .map(|(file, task)| Subject { artifact: Some(file.clone()), task })
            .collect();
        if subjects.is_empty() {
            subjects.push(Subject { artifact: None, task: Task::Build });
        }
        Ok(Plan { version: version.to_owned(), source: of(ArtifactKind::Source).next().cloned(), subjects })
    }

    fn source_claim(&self, _release: &Published<'_>) -> Option<SourceClaim> {
        self.claim.lock().unwrap().clone()
    }

    fn next_recipe(&self, evidence: &Evidence<'_>, tried: &[Attempt]) -> Option<Recipe> {
        let settled = |attempt: &Attempt| !matches!(attempt.result, AttemptResult::Failed { .. });
        let remembered = evidence.remembered.first().filter(|_| tried.is_empty());
        remembered.cloned().or_else(|| {
            let more = tried.len() < self.rungs && !tried.last().is_some_and(settled);
            let source = match evidence.sources.archive {
                Some(_) => SourceKind::Sdist,
                None => SourceKind::Git,
            };
            more.then(|| Recipe { source, ..recipe(tried.len(), evidence.uploaded) })
        })
    }

    fn variations(&self, evidence: &Evidence<'_>, _base: &Attempt, tried: &[Attempt]) -> Vec<Recipe> {
        let builds = self.builds.lock().unwrap();
        let wide = builds.keys().filter(|name| name.starts_with("wide "));
        let new = wide.filter(|name| !tried.iter().any(|attempt| attempt.recipe.steps[0].name == **name));
        let of = |name: &String| {
            let mut recipe = recipe(0, evidence.uploaded);
            recipe.steps[0].name.clone_from(name);
            recipe
        };
        new.map(of).collect()
    }

    fn definition(&self, _: &Evidence<'_>, recipe: &Recipe, reason: &str) -> Option<DefinitionFile> {
        let text = format!("{}: {reason}", recipe.steps[0].name);
        Some(DefinitionFile { path: "pypi/demo/found.toml".into(), text })
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        self.workshop.get().map(|shop| shop as _)
    }

    async fn build(&self, request: BuildRequest<'_>) -> Result<Build, SandboxError> {
        let name = request.recipe.steps[0].name.clone();
        self.built.lock().unwrap().push(name.clone());
        let next = {
            let mut builds = self.builds.lock().unwrap();
            let script = builds.get_mut(&name).expect("a scripted build");
            if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
        };
        let result = match next {
            Scripted::Wheel(bytes) => Ok((request.expect.unwrap_or(WHEEL).to_owned(), bytes)),
            Scripted::Fails(class) => Err(BuildFailure { class, detail: "it raised".into() }),
            Scripted::SandboxBroken => {
                let source = std::io::Error::other("no namespaces");
                return Err(SandboxError::Setup { step: "make namespaces".into(), source });
            }
            Scripted::Panics => panic!("the adapter panicked on purpose"),
            Scripted::Hangs => std::future::pending().await,
        };
        Ok(Build {
            result,
            materials: vec![Material::source(request.purl, request.source)],
            requests: Vec::new(),
            layers: vec![Layer::NetworkNamespace],
            install_scripts: Vec::new(),
            environment_usage: Usage::default(),
            build_usage: Usage { cpu_ms: 5, wall_ms: 7, max_rss_kib: 9 },
            log: Bytes::from_static(b"built"),
        })
    }
}

pub(crate) fn recipe(rung: usize, as_of: Timestamp) -> Recipe {
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Sdist,
        tools: BTreeMap::new(),
        requirements: Vec::new(),
        constraints: Vec::new(),
        as_of,
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: None,
        steps: vec![Step { name: format!("rung {rung}"), argv: vec!["build".into()] }],
        reasons: Vec::new(),
    }
}

/// Remembers what it saw.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Mutex<Vec<Event>>);

impl Observer for Seen {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// The world and the handles by which a test turns its knobs.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) demo: Arc<Demo>,
    pub(crate) fetch: Arc<ScriptedFetch>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) seen: Arc<Seen>,
}

impl Stage {
    /// A project `demo` whose release 1.0 has `wheel` and an sdist, and a ladder of scripted builds.
    pub(crate) fn new(wheel: &Bytes, builds: &[Scripted]) -> Self {
        let blobs = Arc::new(MemBlobs::new());
        let fetch = Arc::new(ScriptedFetch::new(blobs.clone()));
        let clock = Arc::new(ManualClock::new(at(1_000)));
        let seen = Arc::new(Seen::default());
        let sdist = sdist();
        let files = vec![
            artifact(WHEEL, ArtifactKind::Portable, "1.0", wheel, 0),
            artifact(SDIST, ArtifactKind::Source, "1.0", &sdist, 0),
        ];
        fetch.file(&files[0].url, wheel.clone());
        fetch.file(&files[1].url, sdist);
        let script = builds.iter().enumerate();
        let demo = Arc::new(Demo {
            project: Mutex::new(Project { name: "demo".into(), files, versions: vec!["1.0".into()] }),
            builds: Mutex::new(
                script
                    .map(|(rung, build)| (format!("rung {rung}"), VecDeque::from([build.clone()])))
                    .collect(),
            ),
            built: Mutex::default(),
            unavailable: Mutex::new(false),
            claim: Mutex::default(),
            rungs: builds.len(),
            workshop: OnceLock::new(),
        });
        let world = World {
            clock: clock.clone(),
            blobs,
            records: Arc::new(MemRecords::new()),
            queue: Arc::new(MemQueue::new()),
            fetch: fetch.clone(),
            repositories: None,
            screen: None,
            ecosystems: vec![demo.clone()],
            signer: Arc::new(SigningKey::from_secret([7; 32])),
            policy: ServePolicy::default(),
            observer: seen.clone(),
            artifact_limit: 1 << 20,
        };
        Self { world, demo, fetch, clock, seen }
    }

    /// What the search gets to build once the ladder has ended.
    pub(crate) fn widened_by(self, builds: &[Scripted]) -> Self {
        let script = builds.iter().enumerate();
        let script = script.map(|(n, build)| (format!("wide {n}"), VecDeque::from([build.clone()])));
        self.demo.builds.lock().unwrap().extend(script);
        self
    }

    /// Facts of a kind about the release.
    pub(crate) async fn facts(&self, kind: &str) -> Vec<serde_json::Value> {
        let facts = self.world.records.facts(&purl(), Some(kind)).await.unwrap();
        facts.into_iter().map(|fact| fact.body).collect()
    }
}

pub(crate) fn artifact(
    name: &str,
    kind: ArtifactKind,
    version: &str,
    bytes: &Bytes,
    seconds: i64,
) -> Artifact {
    Artifact {
        filename: name.to_owned(),
        kind,
        version: version.to_owned(),
        sha256: Some(Sha256::of(bytes)),
        size: Some(bytes.len() as u64),
        upload_time: Some(at(seconds)),
        url: format!("https://files.example/{name}"),
        yanked: None,
        requires_runtime: None,
        metadata_sha256: None,
        integrity: None,
        hints: BTreeMap::new(),
    }
}

/// A small wheel whose one module holds `code`.
pub(crate) fn wheel(code: &str) -> Bytes {
    wheel_with("demo.py", code)
}

/// A small wheel with one member.
pub(crate) fn wheel_with(member: &str, code: &str) -> Bytes {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, text) in
        [(member, code), ("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")]
    {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    Bytes::from(zip.finish().unwrap().into_inner())
}

/// A small source archive.
pub(crate) fn sdist() -> Bytes {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "demo-1.0/demo.py", &b"x = 1"[..]).unwrap();
    Bytes::from(tar.into_inner().unwrap().finish().unwrap())
}
