//! How many published npm packages come out again from the commits that they name.
//!
//! `bench-npm MIRRORS LIST…`: each list has lines `name@version [owner/repository]`, the second word where the
//! repository has moved since; MIRRORS is a folder of bare repositories `OWNER+NAME/repo`. What is missing there
//! is asked of the forge.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::Timestamp;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::content::Contents;
use trustmill_core::package::Artifact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::ecosystem::{BuildRequest, Ecosystem, Evidence, Published};
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::gate::Open;
use trustmill_core::port::repositories::Repositories;
use trustmill_core::port::sandbox::Limits as BuildLimits;
use trustmill_core::source::{Checkout, FoundBy, Source, SourceClaim, SourceFrom, Sources, Tree};
use trustmill_ecosystems::npm::discover::{self, Discovered};
use trustmill_ecosystems::npm::lockfile::Target;
use trustmill_ecosystems::npm::registry::{NpmRegistry, RegistryPorts};
use trustmill_ecosystems::npm::upstream::Upstream;
use trustmill_ecosystems::npm::{Npm, NpmParts};
use trustmill_infra::git::{GitConfig, GitRepositories};
use trustmill_infra::{DataDir, FetchConfig, HttpFetch, SystemClock};
use trustmill_inspect::archive::{Limits, published};
use trustmill_inspect::compare::compare;
use trustmill_inspect::source::{directory_of, held};
use trustmill_sandbox::{InitCommand, Own};
use trustmill_serve::RegistryGateways;

/// The first argument with which the sandbox starts this program as the first process inside.
const INIT: &str = "__sandbox-init";
/// Attempts for one release, as in the factory.
const RUNGS: usize = 8;
/// Commits whose files are looked at where no tag fits, as in the factory.
const COMMITS: usize = 24;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let first = args.next().ok_or("usage: bench-npm MIRRORS LIST…")?;
    if first == INIT {
        trustmill_sandbox::init_main()
    }
    let lists: Vec<PathBuf> = args.map(PathBuf::from).collect();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(Path::new(&first), &lists))
}

async fn run(mirrors: &Path, lists: &[PathBuf]) -> Result<(), Failed> {
    let mill = Mill::open(mirrors)?;
    for list in lists {
        let text = std::fs::read_to_string(list)?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        println!("# {}", list.display());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (verdict, detail) =
                mill.release(line).await.unwrap_or_else(|why| ("not-attempted".into(), why.to_string()));
            println!("{line:40} {verdict:14} {detail}");
            *counts.entry(verdict).or_default() += 1;
        }
        println!("# {counts:?}");
    }
    Ok(())
}

/// The usual limits, with more time: the machine that measures may do other work as well.
fn limits() -> BuildLimits {
    let usual = BuildLimits::default();
    BuildLimits { wall: usual.wall * 5, cpu_seconds: usual.cpu_seconds * 3, ..usual }
}

/// As much of the mill as climbing needs.
struct Mill {
    npm: Npm,
    fetch: Arc<dyn Fetch>,
    blobs: Arc<dyn Blobs>,
    repositories: GitRepositories,
    _data: DataDir,
}

impl Mill {
    fn open(mirrors: &Path) -> Result<Self, Failed> {
        let path = std::env::current_dir()?.join("target/bench/npm");
        let data = DataDir::open(&path)?;
        let blobs: Arc<dyn Blobs> = Arc::new(data.blobs());
        let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(FetchConfig::default(), data.blobs())?);
        let clock = Arc::new(SystemClock);
        let Discovered { registries, .. } =
            discover::discover(std::env::vars(), |path| std::fs::read_to_string(path).ok())?;
        let upstream = Arc::new(Upstream::new(registries, fetch.clone(), clock.clone()));
        let ports = RegistryPorts {
            records: data.records(),
            blobs: blobs.clone(),
            fetch: fetch.clone(),
            clock,
            gate: Arc::new(Open),
        };
        let registry = Arc::new(NpmRegistry::new(upstream.clone(), ports));
        let mut config = GitConfig::new(path.join("git"));
        config.mirrors = mirror_map(mirrors)?;
        let sandbox =
            Own::new(InitCommand { program: PathBuf::from("/proc/self/exe"), args: vec![INIT.to_owned()] });
        let npm = Npm::new(NpmParts {
            projects: upstream,
            sandbox: Arc::new(sandbox),
            gateways: Arc::new(RegistryGateways::new(vec![registry], blobs.clone())),
            fetch: fetch.clone(),
            blobs: blobs.clone(),
            target: Target::default(),
            limits: limits(),
            data: path,
        });
        Ok(Self { npm, fetch, blobs, repositories: GitRepositories::new(config), _data: data })
    }

    /// The best verdict, and one line about it.
    async fn release(&self, line: &str) -> Result<(String, String), Failed> {
        let mut words = line.split_whitespace();
        let (name, version) = words.next().and_then(|word| word.rsplit_once('@')).ok_or("no name@version")?;
        let moved = words.next();
        let purl = Purl::release("npm", name, version);
        let project = self.npm.project(name).await?;
        let artifact = project.files_of(version).next().ok_or("not listed")?.clone();
        let (digest, _) = self.fetch.file(&artifact.url, artifact.promised().as_ref(), 64 << 20).await?;
        let bytes = self.blobs.get(&digest).await?.ok_or("the bytes are gone")?;
        let contents = published::read(&artifact.filename, &bytes, &Limits::default())?;
        let release = Published { purl: &purl, file: Some((&artifact, &contents)), archive: None };
        let mut claim = self.npm.source_claim(&release).ok_or("names no repository")?;
        if let Some(moved) = moved {
            claim.repository = trustmill_core::source::clean_address(moved).ok_or("no address")?.0;
        }
        let uploaded = artifact.upload_time.ok_or("no upload time")?;
        let sources = self.sources(&claim, &contents, uploaded).await?;
        let evidence = Evidence {
            purl: &purl,
            published: Some((&artifact, &contents)),
            sources: &sources,
            uploaded,
            remembered: &[],
        };
        self.climb(&evidence, &artifact, &bytes).await
    }

    /// The commit, found as the pipeline does: by tag, else by content.
    async fn sources(
        &self,
        claim: &SourceClaim,
        published: &Contents,
        uploaded: Timestamp,
    ) -> Result<Sources, Failed> {
        let refs = self.repositories.refs(&claim.repository).await?;
        let named = |tag: &String| refs.iter().find(|one| one.name.strip_prefix("refs/tags/") == Some(tag));
        let tagged = claim.tags.iter().find_map(|tag| Some((tag, named(tag)?)));
        let (tree, found_by) = match tagged {
            Some((tag, found)) => {
                let commit = claim.commit.as_ref().unwrap_or(&found.commit);
                (self.repositories.tree(&claim.repository, commit).await?, FoundBy::Tag(tag.clone()))
            }
            None => self.by_content(claim, published, uploaded).await?.ok_or("no tag and no commit fits")?,
        };
        let contents = self.repositories.read(&claim.repository, &tree, &|_| true).await?;
        let directory = if claim.directory.is_empty() {
            directory_of(published, &tree).unwrap_or_default()
        } else {
            claim.directory.clone()
        };
        let checkout = Checkout { repository: claim.repository.clone(), tree, directory, found_by };
        let source = Source { from: SourceFrom::Git(checkout), contents: Arc::new(contents) };
        Ok(Sources { archive: None, git: Some(Arc::new(source)) })
    }

    async fn by_content(
        &self,
        claim: &SourceClaim,
        published: &Contents,
        uploaded: Timestamp,
    ) -> Result<Option<(Arc<Tree>, FoundBy)>, Failed> {
        let mut best: Option<(Arc<Tree>, u32, u32)> = None;
        for commit in &self.repositories.commits(&claim.repository, uploaded, COMMITS).await? {
            let tree = self.repositories.tree(&claim.repository, commit).await?;
            let directory = directory_of(published, &tree).unwrap_or_else(|| claim.directory.clone());
            let (count, of) = held(published, &tree, &directory);
            if best.as_ref().is_none_or(|(_, before, _)| count > *before) {
                best = Some((tree, count, of));
            }
        }
        let enough = best.filter(|(_, count, of)| *count > 0 && count * 10 >= of * 9);
        Ok(enough.map(|(tree, held, of)| (tree, FoundBy::Content { held, of })))
    }

    async fn climb(
        &self,
        evidence: &Evidence<'_>,
        artifact: &Artifact,
        bytes: &Bytes,
    ) -> Result<(String, String), Failed> {
        let mut tried: Vec<Attempt> = Vec::new();
        while tried.len() < RUNGS
            && let Some(recipe) = self.npm.next_recipe(evidence, &tried)
        {
            let source = evidence.sources.git.as_deref().ok_or("no commit")?;
            let expect = Some(artifact.filename.as_str());
            let request = BuildRequest { purl: evidence.purl, recipe: &recipe, source, expect };
            let build = self.npm.build(request).await?;
            if std::env::var_os("BENCH_LOG").is_some() {
                eprintln!("--- {:?}\n{}", recipe.steps, String::from_utf8_lossy(&build.log));
            }
            let result = match build.result {
                Err(failure) => AttemptResult::Failed { class: failure.class, detail: failure.detail },
                Ok((_, rebuilt)) => AttemptResult::Compared(Box::new(compare(
                    &artifact.filename,
                    bytes,
                    &rebuilt,
                    &Limits::default(),
                )?)),
            };
            let done =
                matches!(&result, AttemptResult::Compared(comparison) if comparison.verdict.same_bytes());
            tried.push(Attempt {
                recipe,
                result,
                materials: build.materials,
                requests: build.requests,
                layers: build.layers,
                install_scripts: build.install_scripts,
                environment_usage: build.environment_usage,
                build_usage: build.build_usage,
                log: None,
            });
            if done {
                break;
            }
        }
        // Of failures the last says most: earlier ones may have lacked dependencies.
        Ok(tried.iter().rev().map(summary).min_by_key(|(rank, ..)| *rank).map_or_else(
            || ("no-recipe".to_owned(), String::new()),
            |(_, verdict, detail)| (verdict, format!("{} tries; {detail}", tried.len())),
        ))
    }
}

/// How good an attempt is (less is better), its verdict, and what differs or failed.
fn summary(attempt: &Attempt) -> (usize, String, String) {
    let tool = attempt
        .recipe
        .tools
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect::<Vec<_>>()
        .join(", ");
    match &attempt.result {
        AttemptResult::Compared(comparison) => {
            let differences: Vec<String> = comparison
                .differences
                .iter()
                .take(4)
                .map(|one| format!("{}:{:?}", one.member, one.class))
                .collect();
            let rank = comparison.differences.len() + usize::from(!comparison.verdict.same_bytes());
            let replay = if comparison.verdict.same_bytes() {
                String::new()
            } else {
                format!("{:?}", comparison.replay)
            };
            let replay: String = replay.chars().take(160).collect();
            (rank, comparison.verdict.to_string(), format!("{tool}; {} {replay}", differences.join(" ")))
        }
        AttemptResult::Failed { class, detail } => {
            (usize::MAX, format!("failed {}", class.as_str()), detail.clone())
        }
        AttemptResult::Built { .. } => (usize::MAX, "built".to_owned(), String::new()),
    }
}

/// Every repository of the folder under the address of the forge from which it was copied.
fn mirror_map(folder: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let mut map = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((owner, name)) = name.split_once('+') else { continue };
        let address = trustmill_core::source::clean_address(&format!("{owner}/{name}"));
        let target = format!("file://{}", entry.path().join("repo").display());
        if let Some((address, _)) = address {
            map.insert(format!("{address}.git"), target.clone());
            map.insert(address, target);
        }
    }
    Ok(map)
}
