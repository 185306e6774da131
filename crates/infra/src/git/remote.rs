//! What is asked of forges: their branches and tags, single commits, and histories; and what is remembered of them.

use super::address::Address;
use super::config::GitConfig;
use super::failure::{Failure, Told, told};
use super::objects::Objects;
use super::parse;
use super::program::{Bounds, Ended, Git, Job};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use trustmill_core::port::repositories::{Ref, Said};
use trustmill_core::source::{ObjectId, SourceProblem};

/// Redirects that are followed within one host.
const REDIRECTS: usize = 3;
/// Beyond this many entries a memory forgets what is old.
const REMEMBERED: usize = 1_024;
/// Branches and tags of which the history is fetched.
const MOST_HISTORIES: usize = 50_000;
/// Bytes of a list of branches and tags.
const LISTING: u64 = 64 << 20;
/// Bytes of a list of commits.
const COMMITS: u64 = 512 << 20;
/// Depth of the last way to a commit that a forge does not give by name.
const BY_REFS: u32 = 1_000;

/// The other side.
#[derive(Debug)]
pub(super) struct Remote {
    git: Git,
    bounds: Bounds,
    history: u32,
    /// By mapped address: branches and tags.
    refs: Memory<Arc<Vec<Ref>>>,
    /// By host: why it cannot be reached.
    down: Memory<String>,
    /// By mapped address: where it is now.
    moved: Memory<Address>,
}

impl Remote {
    pub(super) fn new(config: &GitConfig, home: PathBuf) -> Self {
        let bounds =
            Bounds { wall: config.wall, idle: config.idle, disk: config.fetch_bytes, output: LISTING };
        Self {
            git: Git::new(config, home),
            bounds,
            history: config.history.max(1),
            refs: Memory::new(config.fresh),
            down: Memory::new(config.unreachable),
            moved: Memory::new(config.fresh),
        }
    }

    /// Makes the home that git gets.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let fail = |error| Failure::here("the cache of repositories cannot be made", &error);
        self.git.prepare().map_err(fail)
    }

    /// What `git version` says.
    pub(super) async fn version(&self) -> Result<String, Failure> {
        self.prepare()?;
        let job = Job { folder: None, ..Job::local(Path::new(""), vec!["version".to_owned()], self.bounds) };
        let ended = self.git.run(job).await?;
        Ok(String::from_utf8_lossy(&ended.output).trim().to_owned())
    }

    /// A conversation about the objects of a bare repository.
    pub(super) fn objects(&self, bare: &Path) -> Result<Objects, Failure> {
        Objects::open(&self.git, bare, self.bounds)
    }

    /// Branches and tags; asked again when they are no longer fresh.
    pub(super) async fn refs(&self, address: &Address) -> Result<Arc<Vec<Ref>>, Failure> {
        if let Some(known) = self.refs.get(&address.mapped) {
            return Ok(known);
        }
        self.prepare()?;
        let arguments = ["ls-remote", "--heads", "--tags", "--", "mill"];
        let ended = self.ask(address, None, &arguments, &[]).await.map_err(Refused::failure)?;
        let refs = Arc::new(parse::refs(&ended.output)?);
        if refs.is_empty() {
            // A page in the place of a repository looks just like this.
            let why = "there is no branch or tag: it is empty, or no repository";
            return Err(Failure::new(SourceProblem::RepositoryGone, why));
        }
        self.refs.put(&address.mapped, Arc::clone(&refs));
        Ok(refs)
    }

    /// Fetches one commit with its files.
    pub(super) async fn fetch(
        &self,
        address: &Address,
        bare: &Path,
        commit: &ObjectId,
    ) -> Result<(), Failure> {
        match self.fetch_depth(address, bare, 1, &[by_name(commit)]).await {
            Ok(()) => Ok(()),
            Err(Refused::NoSuchObject) => Err(no_such(commit)),
            Err(Refused::OnlyRefs) => self.fetch_by_refs(address, bare, commit).await,
            Err(Refused::Failed(failure)) if failure.class != SourceProblem::TooLarge => {
                if self.borrow(address, bare, commit).await? { Ok(()) } else { Err(failure) }
            }
            Err(Refused::Failed(failure)) => Err(failure),
        }
    }

    /// Reads a commit where a local mirror has it. Git gives nothing of a commit of which it lacks a single file, and
    /// mirrors are made without the largest ones; every object is hashed here in any case.
    async fn borrow(&self, address: &Address, bare: &Path, commit: &ObjectId) -> Result<bool, Failure> {
        let Some(mirror) = address.mapped.strip_prefix("file://").map(Path::new) else { return Ok(false) };
        let stores = [mirror.join("objects"), mirror.join(".git/objects")];
        let Some(store) = stores.iter().find(|store| store.is_dir()) else { return Ok(false) };
        let info = bare.join("objects/info");
        std::fs::create_dir_all(&info)
            .and_then(|()| std::fs::write(info.join("alternates"), format!("{}\n", store.display())))
            .map_err(|error| Failure::here("the cache of repositories cannot be written", &error))?;
        let found = self.local(bare, &["update-ref", &name(commit), &commit.to_string()]).await?;
        Ok(found.status.success())
    }

    /// Fetches several commits at once: all of them or none.
    pub(super) async fn fetch_all(
        &self,
        address: &Address,
        bare: &Path,
        commits: &[&ObjectId],
    ) -> Result<(), Failure> {
        let wanted: Vec<String> = commits.iter().map(|commit| by_name(commit)).collect();
        self.fetch_depth(address, bare, 1, &wanted).await.map_err(Refused::failure)
    }

    /// The ways to a commit where the forge gives branches and tags only: one that is it, else a part of the history.
    async fn fetch_by_refs(&self, address: &Address, bare: &Path, commit: &ObjectId) -> Result<(), Failure> {
        let refs = self.refs(address).await?;
        if let Some(one) = refs.iter().find(|one| one.commit == *commit) {
            let wanted = format!("+{}:refs/mill-by-ref/one", one.name);
            self.fetch_depth(address, bare, 1, &[wanted]).await.map_err(Refused::failure)?;
        } else {
            let all = ["+refs/heads/*:refs/mill-by-ref/heads/*", "+refs/tags/*:refs/mill-by-ref/tags/*"];
            let all = all.map(str::to_owned);
            let depth = self.history.min(BY_REFS);
            self.fetch_depth(address, bare, depth, &all).await.map_err(Refused::failure)?;
        }
        let found = self.local(bare, &["update-ref", &name(commit), &commit.to_string()]).await?;
        match found.status.success() {
            true => Ok(()),
            false if super::is_cut(bare) => {
                Err(Failure::too_large("the forge gives no single commits, and its history is too deep"))
            }
            false => Err(no_such(commit)),
        }
    }

    async fn fetch_depth(
        &self,
        address: &Address,
        bare: &Path,
        depth: u32,
        wanted: &[String],
    ) -> Result<(), Refused> {
        let depth = format!("--depth={depth}");
        let mut arguments = vec!["fetch", &depth];
        arguments.extend(QUIETLY);
        arguments.extend(["--", "mill"]);
        arguments.extend(wanted.iter().map(String::as_str));
        self.ask(address, Some(bare), &arguments, &[]).await.map(|_| ())
    }

    /// Fetches all commits of the branches and tags, without files where the forge can leave them out.
    pub(super) async fn fetch_history(
        &self,
        address: &Address,
        bare: &Path,
        refs: &[Ref],
    ) -> Result<(), Failure> {
        if refs.len() > MOST_HISTORIES {
            return Err(Failure::too_large(format!("it has {} branches and tags", refs.len())));
        }
        let depth = format!("--depth={}", self.history);
        let mut arguments = vec!["fetch", &depth, "--filter=tree:0", "--prune"];
        arguments.extend(QUIETLY);
        arguments.extend(["--", "mill", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
        let partial = [("remote.mill.promisor", "true"), ("remote.mill.partialclonefilter", "tree:0")];
        self.ask(address, Some(bare), &arguments, &partial).await.map_err(Refused::failure)?;
        // One file instead of thousands.
        self.local(bare, &["pack-refs", "--all"]).await?;
        std::fs::write(bare.join(AS_OF), as_of(refs))
            .map_err(|error| Failure::here("the cache of repositories cannot be written", &error))
    }

    /// Whether the history that is here is the one that these branches and tags have.
    pub(super) fn is_current(&self, bare: &Path, refs: &[Ref]) -> Result<bool, Failure> {
        match std::fs::read_to_string(bare.join(AS_OF)) {
            Ok(known) => Ok(known == as_of(refs)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::here("the cache of repositories cannot be read", &error)),
        }
    }

    /// The commits that branches and tags lead to, with the committer's seconds.
    pub(super) async fn history(&self, bare: &Path) -> Result<Vec<(i64, ObjectId)>, Failure> {
        let ended = self.local(bare, &["rev-list", "--timestamp", "--branches", "--tags"]).await?;
        if !ended.status.success() {
            return Err(Failure::malformed("its history cannot be walked"));
        }
        parse::commits(&ended.output)
    }

    /// The newest commits that `tip` leads to and `base` does not, with what they say.
    pub(super) async fn messages(
        &self,
        bare: &Path,
        base: &ObjectId,
        tip: &ObjectId,
        limit: usize,
    ) -> Result<Vec<Said>, Failure> {
        let (most, range) = (format!("--max-count={limit}"), format!("{base}..{tip}"));
        let arguments = ["log", "-z", "--no-show-signature", "--format=%H%n%B", &most, &range, "--"];
        let ended = self.local(bare, &arguments).await?;
        if !ended.status.success() {
            return Err(Failure::malformed("its history cannot be walked between two commits"));
        }
        parse::messages(&ended.output)
    }

    /// A command that speaks to nobody.
    async fn local(&self, bare: &Path, arguments: &[&str]) -> Result<Ended, Failure> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.git.run(Job::local(bare, arguments, Bounds { output: COMMITS, ..self.bounds })).await
    }

    /// A command that speaks to the forge, wherever on its host the repository is now.
    async fn ask(
        &self,
        address: &Address,
        bare: Option<&Path>,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<Ended, Refused> {
        let mut address = self.moved.get(&address.mapped).unwrap_or_else(|| address.clone());
        for _ in 0..=REDIRECTS {
            match self.ask_there(&address, bare, arguments, settings).await? {
                Ok(ended) => return Ok(ended),
                Err(Redirected) => {
                    let there = self.location(&address).await?;
                    tracing::info!(
                        from = address.shown,
                        to = there.mapped,
                        "the repository has moved on its forge"
                    );
                    self.moved.put(&address.mapped, there.clone());
                    address = there;
                }
            }
        }
        Err(Failure::new(SourceProblem::RepositoryGone, "it redirects in a circle").into())
    }

    /// One try.
    async fn ask_there(
        &self,
        address: &Address,
        bare: Option<&Path>,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<Result<Ended, Redirected>, Refused> {
        if let Some(why) = self.down.get(&address.host) {
            return Err(Failure::new(SourceProblem::Unreachable, why).into());
        }
        let job = Job {
            folder: bare,
            address: Some(address),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            environment: Vec::new(),
            bounds: self.bounds,
        };
        let ended = self.git.run(job).await.map_err(|failure| self.remembered(address, failure))?;
        if ended.status.success() {
            return Ok(Ok(ended));
        }
        tracing::debug!(repository = address.shown, messages = ended.messages, "git failed");
        match told(&ended.messages, ended.status.code()) {
            Told::NoSuchObject => Err(Refused::NoSuchObject),
            Told::OnlyRefs => Err(Refused::OnlyRefs),
            Told::Redirected => Ok(Err(Redirected)),
            Told::Failed(failure) => Err(self.remembered(address, failure).into()),
        }
    }

    /// Keeps in mind that a host cannot be reached.
    fn remembered(&self, address: &Address, failure: Failure) -> Failure {
        if failure.host && !address.host.is_empty() {
            self.down.put(&address.host, failure.why.clone());
        }
        failure
    }

    /// Where a forge says that a repository is now. Git follows no redirect here, but shows the header.
    async fn location(&self, address: &Address) -> Result<Address, Failure> {
        let job = Job {
            folder: None,
            address: Some(address),
            arguments: ["ls-remote", "--heads", "--", "mill"].map(str::to_owned).to_vec(),
            settings: Vec::new(),
            environment: vec![("GIT_TRACE_CURL", "2"), ("GIT_TRACE_CURL_NO_DATA", "1")],
            bounds: self.bounds,
        };
        let ended = self.git.run(job).await?;
        let headers = ended.messages.lines().filter_map(|line| line.split_once("<= Recv header: "));
        let location = headers.filter_map(|(_, header)| header.split_once(':')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
        });
        let nowhere =
            || Failure::new(SourceProblem::RepositoryGone, "it redirects, and does not say where to");
        address.moved_to(&location.ok_or_else(nowhere)?)
    }
}

/// Options of every fetch: nothing is written that was not asked for, and nothing else is started.
const QUIETLY: [&str; 5] =
    ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", "--progress"];

/// The file of a history that says of which branches and tags it is.
const AS_OF: &str = "as-of";

fn as_of(refs: &[Ref]) -> String {
    let lines: String = refs.iter().map(|one| format!("{} {}\n", one.commit, one.name)).collect();
    trustmill_core::Sha256::of(lines.as_bytes()).to_hex()
}

/// The name under which a fetched commit is kept; it is there only if all of the commit is.
fn name(commit: &ObjectId) -> String {
    format!("refs/mill/{commit}")
}

fn by_name(commit: &ObjectId) -> String {
    format!("{commit}:{}", name(commit))
}

/// Whether a commit was fetched whole.
pub(super) fn holds(bare: &Path, commit: &ObjectId) -> bool {
    bare.join(name(commit)).is_file()
}

/// Whether some of the objects stand in a local mirror, which may lack files.
pub(super) fn borrows(bare: &Path) -> bool {
    bare.join("objects/info/alternates").is_file()
}

fn no_such(commit: &ObjectId) -> Failure {
    let why = format!("the repository has no commit {}", commit.short());
    Failure::new(SourceProblem::CommitMissing, why)
}

/// The repository is at another address of its host.
struct Redirected;

/// Why a forge did not do what it was asked.
enum Refused {
    NoSuchObject,
    OnlyRefs,
    Failed(Failure),
}

impl Refused {
    fn failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::NoSuchObject => {
                Failure::new(SourceProblem::CommitMissing, "the repository has no such commit")
            }
            Self::OnlyRefs => {
                Failure::new(SourceProblem::UnusableAddress, "the server speaks an old protocol of git only")
            }
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Things that are remembered for a while.
#[derive(Debug)]
struct Memory<T> {
    keep: Duration,
    known: Mutex<HashMap<String, (Instant, T)>>,
}

impl<T: Clone> Memory<T> {
    fn new(keep: Duration) -> Self {
        Self { keep, known: Mutex::default() }
    }

    fn get(&self, key: &str) -> Option<T> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(at, _)| at.elapsed() < self.keep).map(|(_, value)| value.clone())
    }

    fn put(&self, key: &str, value: T) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (at, _)| at.elapsed() < self.keep);
        }
        if known.len() < REMEMBERED {
            known.insert(key.to_owned(), (Instant::now(), value));
        }
    }
}
