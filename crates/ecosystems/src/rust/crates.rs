//! One set of crates: cargo's home as `cargo fetch` fills it, kept under the digest of what decides its content.

use super::toolchain::Toolchain;
use super::{Crates, HOME};
use crate::pypi::environment::Prepared;
use bytes::Bytes;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use trustmill_core::attempt::{FailureClass, Material, RecordedRequest};
use trustmill_core::content::Contents;
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::{
    Exit, Gateways, InputFile, Job, Limits, Mount, Network, Report, Sandbox, SandboxError,
};
use trustmill_core::{Purl, Sha256, Timestamp};

/// Where the source stands inside.
const SOURCE: &str = "/build/source";
/// The record in each set, written before its folder gets its name.
const RECORD: &str = "trustmill-crates.json";
/// Larger than any lock of a project.
const LARGEST_LOCK: usize = 8 << 20;

/// The path of the manifest that is built: beside the lock, else the one nearest to the root.
pub(super) fn manifest(source: &Contents) -> Option<String> {
    let folder_of = |name: &'static str| {
        let paths = source.members.keys().filter_map(move |path| path.strip_suffix(name));
        paths.filter(|folder| folder.is_empty() || folder.ends_with('/')).map(str::to_owned)
    };
    let manifests: Vec<String> = folder_of("Cargo.toml").collect();
    let depth = |folder: &String| folder.matches('/').count();
    let locked = folder_of("Cargo.lock").filter(|folder| manifests.contains(folder)).min_by_key(depth);
    let folder = locked.or_else(|| manifests.iter().min_by_key(|folder| depth(folder)).cloned())?;
    Some(format!("{folder}Cargo.toml"))
}

/// For which platforms crates are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every one: `cargo metadata`, which back ends call, looks into all of them.
    Everywhere,
    /// This one: what is compiled here and nothing else.
    Here,
}

/// What decides which crates there are.
#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    pub(super) source: &'a Contents,
    /// The path of the manifest in the source.
    pub(super) manifest: &'a str,
    pub(super) as_of: Timestamp,
    pub(super) toolchain: &'a Toolchain,
    /// For which platforms.
    pub(super) reach: Reach,
}

impl Set<'_> {
    fn lock(&self) -> Option<&Bytes> {
        let path = self.manifest.strip_suffix(".toml").map(|stem| format!("{stem}.lock"))?;
        self.source.get(&path).map(|member| &member.bytes)
    }

    /// The name of its folder.
    pub(super) fn key(&self) -> String {
        let decides = |path: &str| path.ends_with("Cargo.toml") || path.ends_with("Cargo.lock");
        let files = self.source.members.iter().filter(|(path, _)| decides(path));
        let files: Vec<_> = files.map(|(path, member)| (path, member.digest().to_hex())).collect();
        let toolchain = self.toolchain.material();
        let identity = serde_json::json!({
            "format": 1,
            "toolchain": toolchain,
            "manifest": self.manifest,
            "as-of": self.as_of.to_string(),
            "files": files,
        });
        let identity = match self.reach {
            Reach::Everywhere => identity,
            Reach::Here => serde_json::json!([identity, "here"]),
        };
        Sha256::of(identity.to_string().as_bytes()).to_hex()
    }

    /// From memory, or fetched now.
    pub(super) async fn get(
        &self,
        root: &Path,
        sandbox: &dyn Sandbox,
        gateways: &dyn Gateways,
    ) -> Result<Prepared<Crates>, SandboxError> {
        let mut prepared = Prepared::new();
        let target = root.join("sets").join(self.key());
        if let Some(materials) = remembered(&target).await {
            return Ok(prepared.ended(Ok(self.crates(target, materials))));
        }
        let staging =
            Staging::new(root, &self.key()).await.map_err(|error| setup("make room for crates", error))?;
        let config = staging.path.join("config.toml");
        tokio::fs::write(&config, self.config()).await.map_err(|error| setup("configure cargo", error))?;
        let gateway = gateways.open();
        let report = sandbox.run(self.job(&staging.path, Network::Gateway(gateway.clone()))).await?;
        let requests = gateway.requests();
        prepared.absorb(&report, &requests);
        if report.exit != Exit::Code(0) {
            return failure(&report, &requests).map(|failure| prepared.ended(Err(failure)));
        }
        let lock = self.lock().cloned().unwrap_or_default();
        let finished = tokio::task::spawn_blocking(move || staging.finish(&lock, &target)).await;
        let finished = finished.map_err(io::Error::other).flatten();
        let (target, materials) = finished.map_err(|error| setup("put crates in place", error))?;
        Ok(prepared.ended(Ok(self.crates(target, materials))))
    }

    fn crates(&self, folder: PathBuf, mut materials: Vec<Material>) -> Crates {
        let mut mounts = vec![Mount { source: folder, target: HOME.to_owned(), writable: false }];
        mounts.extend(self.toolchain.mount());
        materials.push(self.toolchain.material());
        Crates { mounts, programs: self.toolchain.programs(), host: self.toolchain.host.clone(), materials }
    }

    /// The registry is the mill's, as of the instant; in the build phase the same address answers from cargo's home.
    fn config(&self) -> String {
        let index = format!("sparse+http://127.0.0.1:{}/cargo/@{}/", Job::GATEWAY_PORT, self.as_of);
        format!(
            "[source.crates-io]\nreplace-with = \"mill\"\n\n[source.mill]\nregistry = \"{index}\"\n\n\
             [net]\nretry = 2\n\n[term]\ncolor = \"never\"\n"
        )
    }

    /// `cargo fetch`, which compiles nothing. The source comes without the files by which a project configures cargo or
    /// chooses a toolchain: they can name programs to run.
    fn job(&self, home: &Path, network: Network) -> Job {
        let members = self.source.members.iter().filter(|(path, _)| !configures(path));
        let inputs = members.map(|(path, member)| InputFile {
            path: format!("{SOURCE}/{path}"),
            bytes: member.bytes.clone(),
            mode: 0o644,
            mtime: None,
        });
        let programs = self.toolchain.programs();
        let mut argv = vec![format!("{programs}/cargo"), "fetch".to_owned()];
        argv.extend(["--manifest-path".to_owned(), format!("{SOURCE}/{}", self.manifest)]);
        if self.lock().is_some() {
            argv.push("--locked".to_owned());
        }
        if self.reach == Reach::Here {
            argv.extend(["--target".to_owned(), self.toolchain.host.clone()]);
        }
        let env = [
            ("HOME", "/build"),
            ("TMPDIR", "/build"),
            ("CARGO_HOME", HOME),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        let mut env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        env.push(("PATH".to_owned(), format!("{programs}:/usr/bin:/bin")));
        let mut mounts = vec![Mount { source: home.to_path_buf(), target: HOME.to_owned(), writable: true }];
        mounts.extend(self.toolchain.mount());
        Job {
            argv,
            env,
            cwd: Job::SCRATCH.to_owned(),
            mounts,
            inputs: inputs.collect(),
            collect: Vec::new(),
            network,
            limits: Limits::default(),
            umask: 0o022,
        }
    }
}

/// Whether a project configures cargo or chooses a toolchain by this file.
pub(crate) fn configures(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    name.starts_with("rust-toolchain") || parts.any(|folder| folder == ".cargo")
}

fn setup(step: &str, source: io::Error) -> SandboxError {
    SandboxError::Setup { step: step.to_owned(), source }
}

/// Why cargo could not fetch, unless the registry is at fault.
fn failure(report: &Report, requests: &[RecordedRequest]) -> Result<BuildFailure, SandboxError> {
    if let Some(request) = requests.iter().find(|request| request.status >= 500 || request.status == 429) {
        let why = format!("{} was answered with status {}", request.path, request.status);
        return Err(setup("reach the registry of crates in the fetch phase", io::Error::other(why)));
    }
    // What the mill keeps from every client is not had for tests either.
    if let Some(request) = requests.iter().find(|request| request.status == 403) {
        let detail = format!("the crates cannot be had: the mill refuses {}", request.path);
        return Ok(BuildFailure { class: FailureClass::UnresolvableRequirements, detail });
    }
    let log = String::from_utf8_lossy(&report.log);
    let class = match report.exit {
        Exit::TimedOut => FailureClass::TimedOut,
        Exit::OutOfMemory => FailureClass::OutOfMemory,
        Exit::OutputLimit => FailureClass::OutputLimit,
        Exit::TooManyProcesses => FailureClass::TooManyProcesses,
        Exit::Signal(_) => FailureClass::Killed,
        // A crate from a repository: only the registry is reached.
        Exit::Code(_) if log.contains("Updating git repository") => FailureClass::NetworkDenied,
        Exit::Code(_)
            if log.contains("requires rustc") || log.contains("newer than this version of cargo") =>
        {
            FailureClass::MissingNativeTool
        }
        Exit::Code(_) => FailureClass::UnresolvableRequirements,
    };
    let line = log.lines().map(str::trim).find(|line| line.starts_with("error"));
    let line = line.unwrap_or("cargo failed and said nothing").chars().take(400).collect::<String>();
    Ok(BuildFailure { class, detail: format!("the crates cannot be had: {line}") })
}

/// The crates of a set that was made before.
async fn remembered(folder: &Path) -> Option<Vec<Material>> {
    let bytes = tokio::fs::read(folder.join(RECORD)).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A folder that is being filled. Dropped without being finished, it goes.
struct Staging {
    path: PathBuf,
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Finished, it was renamed and is not there any more.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Staging {
    async fn new(root: &Path, key: &str) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = root.join("staging").join(format!("{key}-{}-{count}", std::process::id()));
        if tokio::fs::try_exists(&path).await? {
            tokio::fs::remove_dir_all(&path).await?;
        }
        tokio::fs::create_dir_all(&path).await?;
        Ok(Self { path })
    }

    /// Hashes what cargo brought, writes it down, and gives the folder its name.
    fn finish(self, lock: &[u8], target: &Path) -> io::Result<(PathBuf, Vec<Material>)> {
        let mut materials = Vec::new();
        let files = crate_files(&self.path.join("registry/cache"))?;
        let locked = packages(lock);
        for file in files {
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let known = locked.iter().find(|one| format!("{}-{}", one.name, one.version) == stem);
            let purl = match known {
                Some(package) => Purl::release("cargo", &package.name, &package.version).to_string(),
                None => format!("file:{stem}.crate"),
            };
            materials.push(Material::file(purl, Sha256::of(&std::fs::read(&file)?)));
        }
        materials.sort();
        // In the folder that the job wrote to: a link of that name is replaced, not followed.
        let record = self.path.join(RECORD);
        let _ = std::fs::remove_file(&record);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&record)?;
        io::Write::write_all(&mut file, &serde_json::to_vec(&materials)?)?;
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::rename(&self.path, target)?;
        Ok((target.to_path_buf(), materials))
    }
}

/// The `.crate` files below cargo's cache: one folder per registry. Links are not followed.
fn crate_files(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let Ok(registries) = std::fs::read_dir(cache) else { return Ok(files) };
    for registry in registries {
        let registry = registry?;
        if !registry.file_type()?.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(registry.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.path().extension().is_some_and(|end| end == "crate") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// What a lock lists; nothing if it cannot be read, which cargo has said already.
fn packages(lock: &[u8]) -> Vec<Package> {
    let text = std::str::from_utf8(lock).ok().filter(|text| text.len() <= LARGEST_LOCK);
    text.and_then(|text| toml::from_str::<Lock>(text).ok()).map_or_else(Vec::new, |lock| lock.package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::infer::testing::contents;

    #[test]
    fn the_manifest_beside_the_lock_is_built_else_the_nearest() {
        let of =
            |files: &[&str]| manifest(&contents(&files.iter().map(|path| (*path, "")).collect::<Vec<_>>()));
        assert_eq!(of(&["Cargo.toml", "Cargo.lock", "a/Cargo.toml"]).as_deref(), Some("Cargo.toml"));
        assert_eq!(
            of(&["Cargo.toml", "rust/Cargo.toml", "rust/Cargo.lock"]).as_deref(),
            Some("rust/Cargo.toml")
        );
        assert_eq!(of(&["a/b/Cargo.toml", "c/Cargo.toml"]).as_deref(), Some("c/Cargo.toml"));
        assert_eq!(of(&["NotCargo.toml", "Cargo.lock"]), None);
    }

    #[test]
    fn a_failing_registry_is_nobodys_fault_and_a_repository_is_out_of_reach() {
        let report = |log: &'static str| Report {
            exit: Exit::Code(101),
            log: Bytes::from_static(log.as_bytes()),
            files: Vec::new(),
            usage: trustmill_core::attempt::Usage::default(),
            layers: Vec::new(),
        };
        let answered = |status| {
            [RecordedRequest { method: "GET".into(), path: "/cargo/x".into(), status, sha256: None }]
        };
        assert!(failure(&report(""), &answered(503)).is_err());
        let refused = failure(&report("error: failed to download"), &answered(403)).unwrap();
        assert!(refused.detail.ends_with("the mill refuses /cargo/x"), "{}", refused.detail);
        let git = failure(&report("    Updating git repository `https://x`\nerror: failed to get `y`"), &[])
            .unwrap();
        assert_eq!(git.class, FailureClass::NetworkDenied);
        let other = failure(&report("error: failed to select a version"), &[]).unwrap();
        assert_eq!(other.class, FailureClass::UnresolvableRequirements);
        assert!(other.detail.contains("failed to select"), "{}", other.detail);
    }

    #[test]
    fn cargo_is_not_told_by_the_project_what_to_run() {
        let source = contents(&[
            ("Cargo.toml", ""),
            (".cargo/config.toml", "[build]\nrustc = 'evil'"),
            ("a/.cargo/config", ""),
            ("rust-toolchain.toml", ""),
            ("src/lib.rs", ""),
        ]);
        let toolchain = super::super::toolchain::testing();
        let as_of = "2026-01-01T00:00:00Z".parse().unwrap();
        let set = Set {
            source: &source,
            manifest: "Cargo.toml",
            as_of,
            toolchain: &toolchain,
            reach: Reach::Everywhere,
        };
        let job = set.job(Path::new("/data"), Network::None);
        let inputs: Vec<&str> = job.inputs.iter().map(|input| input.path.as_str()).collect();
        assert_eq!(inputs, ["/build/source/Cargo.toml", "/build/source/src/lib.rs"]);
        assert!(!["--locked", "--target"].iter().any(|one| job.argv.iter().any(|argument| argument == one)));
        let here = Set { reach: Reach::Here, ..set };
        let target = ["--target".to_owned(), toolchain.host.clone()];
        assert!(here.job(Path::new("/data"), Network::None).argv.ends_with(&target));
        assert_ne!(set.key(), here.key());
        assert!(set.config().contains("/cargo/@2026-01-01T00:00:00Z/"));
    }
}
